//! Replays files of recorded answers of the real controllers and prints, per file, how many of
//! ours are equal and how many differ; exit code 1 where any does.
//!
//! `cargo run --release -p nodeplan-benches --bin golden -- FILE…`

use std::path::Path;
use std::process::ExitCode;

use nodeplan::{io, model, sim};

#[path = "../../../crates/nodeplan-sim/tests/golden/replay.rs"]
mod replay;

/// How many differences of a file are shown.
const SHOWN: usize = 20;

fn main() -> ExitCode {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    if paths.is_empty() {
        eprintln!("usage: golden FILE... (.json, .jsonl or .jsonl.gz, named after their set)");
        return ExitCode::from(2);
    }
    let mut alike = true;
    for path in &paths {
        match replay::file(Path::new(path)) {
            Err(error) => {
                eprintln!("{error}");
                alike = false;
            }
            Ok(tally) => {
                println!(
                    "{path}: {} equal, {} different, {} excluded by rule",
                    tally.equal,
                    tally.different.len(),
                    tally.excluded.len()
                );
                for difference in tally.different.iter().take(SHOWN) {
                    println!("  {difference}");
                }
                alike &= tally.different.is_empty();
            }
        }
    }
    if alike { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
