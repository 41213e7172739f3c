//! `check`: reads a workloads file and solves nothing.

use crate::args::{CheckArgs, Global};
use crate::diagnose::{Failure, SHOWN, warning};
use crate::{Done, output};
use nodeplan::io::csv::{WorkloadFile, WorkloadOptions, workloads_csv};
use nodeplan::model::catalog::Arch;
use nodeplan::report::number::count;
use std::path::Path;

/// Reads a workloads file with its bytes.
pub fn workloads(
    file: &Path,
    ignore: &[String],
    arches: Vec<Arch>,
    spot: bool,
) -> Result<(WorkloadFile, Vec<u8>), Failure> {
    let bytes = output::read(file)?;
    let options = WorkloadOptions {
        default_arches: arches,
        ignore: ignore.iter().map(|rule| rule.trim().to_owned()).collect(),
        spot,
    };
    let name = file.display().to_string();
    let read = workloads_csv(&name, &bytes, &options).map_err(Failure::input)?;
    Ok((read, bytes))
}

/// Runs the command.
pub fn run(global: &Global, args: &CheckArgs) -> Done {
    let (config, _) = crate::config::find(global)?;
    let ignore: Vec<String> = args.ignore.iter().chain(&config.ignore).cloned().collect();
    let (file, _) =
        workloads(&args.workloads, &ignore, vec![Arch::Amd64], config.spot == Some(true))?;
    let color = output::stderr_color(global);
    for one in file.warnings.iter().take(SHOWN) {
        eprint!("{}", warning(one, color));
    }
    if file.warnings.len() > SHOWN {
        eprintln!("… and {} more.", file.warnings.len() - SHOWN);
    }
    let pods: u64 = file.high.iter().map(|pods| u64::from(*pods)).sum();
    output::print(&format!(
        "{}: {}, {} at most, {}, {}\n",
        args.workloads.display(),
        count(file.workloads.len() as u64, "workload"),
        count(pods, "pod"),
        count(file.daemonsets.len() as u64, "DaemonSet"),
        count(file.warnings.len() as u64, "warning"),
    ))?;
    for one in &file.assumptions {
        output::print(&format!("assumed: {}\n", nodeplan::report::visible(&one.text)))?;
    }
    let strict = args.strict && !file.warnings.is_empty();
    Ok(if strict { crate::GATE } else { crate::DONE })
}
