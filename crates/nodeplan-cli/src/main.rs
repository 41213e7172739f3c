//! The `nodeplan` command: arguments, files, progress, exit codes. All else is in the library.

mod args;
mod clock;
mod commands;
mod config;
mod diagnose;
mod output;
mod progress;
mod rules;

use args::{Cli, Command};
use clap::Parser;
use diagnose::Failure;
use std::process::ExitCode;

/// Done and inside all gates.
pub const DONE: u8 = 0;
/// An error that is not the input's fault.
pub const FAILED: u8 = 1;
/// Wrong usage or input.
pub const INVALID: u8 = 2;
/// No plan can exist.
pub const INFEASIBLE: u8 = 3;
/// A gate or a check failed.
pub const GATE: u8 = 4;
/// Out of work or time without a plan.
pub const OUT_OF_WORK: u8 = 5;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Optimize(args) => commands::optimize::run(&cli.global, args),
        Command::Pack(args) => commands::pack::run(&cli.global, args),
        Command::Simulate(args) => commands::simulate::run(&cli.global, args),
        Command::Sweep(args) => commands::sweep::run(&cli.global, args),
        Command::Verify(args) => commands::verify::run(&cli.global, args),
        Command::Check(args) => commands::check::run(&cli.global, args),
        Command::Diff(args) => commands::diff::run(&cli.global, args),
        Command::Export(args) => commands::export::run(&cli.global, args),
        Command::Explain(args) => commands::explain::run(&cli.global, args),
        Command::Catalog(args) => commands::catalog::run(&cli.global, args),
        Command::Schema { what } => commands::schema(*what),
        Command::Completions { shell } => commands::completions(*shell),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprint!("{}", failure.text(output::stderr_color(&cli.global)));
            ExitCode::from(failure.code)
        }
    }
}

/// What a command ends with.
pub type Done = Result<u8, Failure>;
