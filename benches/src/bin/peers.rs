//! Our plan beside those of its peers, under the same rules and at no less work than they take.
//!
//! `peers [--csv FILE] [--only NAME] FILES` prints a Markdown table, one row per instance: cost,
//! bound, gap, CPU seconds and peak memory of our answer, and what each peer pays. Every plan is
//! judged. The plainest rival with a solver inside, an integer program over the columns of the
//! root relaxation, has a further column beside it: our cost when our search is cut off at the
//! CPU time it took. It ends with 1 where a peer's plan is cheaper than ours, or cheaper than
//! ours cut off.

use nodeplan::eval::check_plan;
use nodeplan::model::plan::{Plan, Status};
use nodeplan::model::problem::Problem;
use nodeplan::model::units::Spend;
use nodeplan::solve::baseline::peers::{ratio_fill, rounding};
use nodeplan::solve::{Control, Options as Limits, solve};
use nodeplan::{Optimized, Options};
use nodeplan_benches::{
    Instance, baselines, gap_e8, hourly, instances, peak_mib, percent_of_e8, reset_peak, timed,
};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const HEADER: [&str; 16] = [
    "instance",
    "types",
    "pods",
    "SKUs",
    "cost",
    "bound",
    "gap %",
    "CPU s",
    "peak MiB",
    "first-fit decreasing",
    "best-ratio fill",
    "restricted master",
    "its CPU s",
    "ours at its CPU",
    "cluster autoscaler",
    "Karpenter",
];

/// Times our search starts again with another limit to meet the peer's CPU time.
const CUTS: usize = 4;

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(worse) => {
            eprintln!("{worse} plans of peers are cheaper");
            ExitCode::from(1)
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

/// The number of plans cheaper than ours.
fn run() -> Result<usize, String> {
    let (mut csv, mut only, mut files) = (None, None, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--csv" => csv = args.next(),
            "--only" => only = args.next(),
            _ if arg.starts_with("--") => {
                return Err(format!("usage: peers [--csv FILE] [--only NAME] FILES; not `{arg}`"));
            }
            _ => files.push(PathBuf::from(arg)),
        }
    }
    println!("| {} |", HEADER.join(" | "));
    println!("|{}", "---|".repeat(HEADER.len()));
    let mut text = format!("{}\n", HEADER.join(","));
    let mut worse = 0;
    for file in files {
        for instance in instances(&file)? {
            if only.as_ref().is_some_and(|name| !instance.name.contains(name.as_str())) {
                continue;
            }
            let Some((cells, cheaper)) = row(&instance)? else { continue };
            println!("| {} |", cells.join(" | "));
            text.push_str(&format!("{}\n", cells.join(",")));
            worse += cheaper;
            if let Some(path) = &csv {
                std::fs::write(path, &text).map_err(|error| format!("{path}: {error}"))?;
            }
        }
    }
    Ok(worse)
}

/// One instance, and how many plans of peers are cheaper; `None` where no pod can be placed.
fn row(instance: &Instance) -> Result<Option<(Vec<String>, usize)>, String> {
    reset_peak();
    let (found, ours) = timed(|| instance.solve(&Options::default()));
    let peak = peak_mib();
    let Some(found) = found? else { return Ok(None) };
    let problem = &found.problem;
    let [single, autoscaler, karpenter] = baselines(problem);
    let ratio = judged(problem, ratio_fill(problem).plan.as_ref());
    let (rounded, its) = timed(|| rounding(problem, &Limits::default()));
    let (rounded, units) = rounded.map_err(|error| format!("{}: {error}", instance.name))?;
    let rounded = judged(problem, rounded.plan.as_ref());
    let cut =
        cut_off(problem, units, its).map_err(|error| format!("{}: {error}", instance.name))?;
    let cheaper = [single, ratio, rounded, autoscaler, karpenter]
        .into_iter()
        .filter(|cost| below(*cost, found.cost()))
        .count()
        + [single, ratio, rounded].into_iter().filter(|cost| below(*cost, cut)).count();
    let shown = |cost: Option<Spend>| {
        cost.map_or_else(|| "no plan".to_owned(), |cost| hourly(problem, cost))
    };
    let cells = vec![
        instance.name.clone(),
        instance.types.to_string(),
        instance.pods.to_string(),
        problem.skus().len().to_string(),
        shown(found.cost()),
        hourly(problem, found.verdict.bound),
        gap(&found),
        seconds(ours),
        peak.to_string(),
        shown(single),
        shown(ratio),
        shown(rounded),
        seconds(its),
        shown(cut),
        shown(autoscaler),
        shown(karpenter),
    ];
    Ok(Some((cells, cheaper)))
}

fn below(one: Option<Spend>, other: Option<Spend>) -> bool {
    one.is_some_and(|one| other.is_none_or(|other| one < other))
}

fn gap(found: &Optimized) -> String {
    gap_e8(found).map_or_else(|| "no plan".to_owned(), percent_of_e8)
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// The cost of a plan that the judge accepts.
fn judged(problem: &Problem, plan: Option<&Plan>) -> Option<Spend> {
    let (findings, _, cost, _) = check_plan(problem, plan?);
    findings.is_empty().then_some(cost)
}

/// The cost of our best plan within the peer's CPU time. The search knows no time, so its work
/// limit is sought: first the peer's own units, then more while there is time, less where it
/// took too long. Without any work there is still the first plan.
fn cut_off(problem: &Problem, units: u64, its: Duration) -> Result<Option<Spend>, String> {
    let run = |work_limit: u64| {
        let limits = Limits { work_limit, ..Limits::default() };
        let (solution, ours) = timed(|| solve(problem, &limits, Control::NONE));
        let solution = solution.map_err(|error| error.to_string())?;
        let sure = solution.status == Status::Optimal;
        Ok::<_, String>((judged(problem, solution.plan.as_ref()), sure, ours))
    };
    let mut limit = units;
    let mut best: Option<Spend> = None;
    for _ in 0..CUTS {
        let (cost, sure, ours) = run(limit)?;
        let share = its.as_secs_f64() / ours.as_secs_f64().max(1e-6);
        if share >= 1.0 {
            best = best.into_iter().chain(cost).min();
            if share < 1.3 || sure {
                break;
            }
            limit = (limit as f64 * (share * 0.9).clamp(1.1, 8.0)) as u64;
        } else if best.is_some() {
            break;
        } else {
            limit = (limit as f64 * share * 0.8) as u64;
        }
    }
    if best.is_none() {
        best = run(0)?.0;
    }
    Ok(best)
}
