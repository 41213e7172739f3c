//! The commands, one file each.

pub mod catalog;
pub mod check;
pub mod diff;
pub mod explain;
pub mod export;
pub mod floor;
pub mod joint;
pub mod leftovers;
pub mod matrix;
pub mod optimize;
pub mod pack;
pub mod simulate;
pub mod subject;
pub mod sweep;
pub mod verify;

use crate::Done;
use crate::args::{Cli, Document};
use crate::output;
use clap::CommandFactory;

/// Prints the JSON Schema of a document.
pub fn schema(what: Document) -> Done {
    let text = match what {
        Document::Plan => nodeplan::io::document::schema_plan(),
        Document::Simulation => nodeplan::io::run::schema(),
        Document::Diff => nodeplan::io::diff::schema(),
        Document::Sweep => nodeplan::io::sweep::schema(),
    };
    output::print(text)?;
    Ok(crate::DONE)
}

/// Prints a completion script.
pub fn completions(shell: clap_complete::Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "nodeplan", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(crate::DONE)
}

/// Sets the number of threads all work shares.
pub fn threads(count: Option<usize>) {
    if let Some(count) = count {
        // A pool that exists already stays; the answer does not depend on it.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(count.max(1)).build_global();
    }
}
