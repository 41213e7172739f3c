//! `export`: a plan for other tools.

use crate::args::{ExportArgs, ExportTo};
use crate::diagnose::Failure;
use crate::{Done, output};
use nodeplan::io::export;

/// Runs the command.
pub fn run(args: &ExportArgs) -> Done {
    let document = super::verify::plan(&args.plan)?;
    let Some(plan) = &document.plan else {
        return Err(Failure::usage(format!("{} holds no plan", args.plan.display())));
    };
    let text = match args.to {
        ExportTo::Design => export::design(&document.problem, plan),
    };
    output::write(&text, args.output.as_deref())?;
    Ok(crate::DONE)
}
