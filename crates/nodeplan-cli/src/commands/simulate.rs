//! `simulate`: a plan or a cluster under traffic, over time.

use super::subject::{Subject, subject};
use crate::args::{Format, Global, LoadArgs, SimulateArgs, TrafficGaps, TrafficUnit};
use crate::diagnose::Failure;
use crate::progress::{Watch, listen};
use crate::{Done, output};
use nodeplan::io::csv::{Gaps, TrafficOptions, Unit, traffic_csv};
use nodeplan::io::diagnostic::{ImportError, Place};
use nodeplan::io::document::{CatalogStamp, Tool, input};
use nodeplan::io::quantity::{self, QuantityError};
use nodeplan::io::yaml::{self, Arrivals, Named};
use nodeplan::io::{run as run_document, time};
use nodeplan::model::answer::InputFile;
use nodeplan::model::plan::Plan;
use nodeplan::model::problem::Problem;
use nodeplan::model::run::{Replications, RunAnswer};
use nodeplan::report;
use nodeplan::simulate::{
    Inputs, Latency, Scale, Simulated, Staged, replicate_under, run_answer, simulate_under, stage,
};
use std::path::Path;

/// Runs the command.
pub fn run(global: &Global, args: &SimulateArgs) -> Done {
    super::threads(global.threads);
    let Subject { problem, plan, bounds, notes, mut files } =
        subject(global, &args.plan, &args.cluster)?;
    let mut inputs = inputs(&args.demand, &mut files)?;
    inputs.bounds = bounds;
    let mut staged = stage(&problem, &plan, &inputs).map_err(unusable)?;
    staged.assumptions.splice(0..0, notes);
    listen();
    let watch = Watch::new(None, args.progress, 0);
    let (done, replications) = watched(&watch, (global, args), &problem, &plan, &staged)?;
    let answer = run_answer(&problem, &plan, staged, done, replications, files);
    if let Some(asked) = &args.explain {
        let shown = explained(&answer, asked)?;
        output::write(&report::terminal(&shown, &style(global, args)), args.output.as_deref())?;
        return Ok(crate::DONE);
    }
    output::write(&text(global, args, &problem, &answer), args.output.as_deref())?;
    let cut = interrupted(&answer, args.runs.unwrap_or(1));
    if let Some(cut) = &cut {
        eprintln!("{cut}");
    }
    if args.require_slo && cut.is_some() {
        return Ok(crate::GATE);
    }
    if args.require_slo && !answer.scorecard.met() {
        let format = output::format(args.format, args.output.as_deref());
        if format != Format::Table || args.output.is_some() {
            eprintln!("An objective was missed.");
        }
        return Ok(crate::GATE);
    }
    Ok(crate::DONE)
}

/// The run, and the runs of many seeds if they are asked for; Ctrl-C ends both.
fn watched(
    watch: &Watch,
    (global, args): (&Global, &SimulateArgs),
    problem: &Problem,
    plan: &Plan,
    staged: &Staged,
) -> Result<(Simulated, Option<Replications>), Failure> {
    let scenario = &staged.scenario;
    let span = report::run::time(scenario.horizon_millis);
    let done = simulate_under(problem, plan, scenario, shown(global, args), &|reached| {
        watch.line(|| {
            let percent = reached.saturating_mul(100) / scenario.horizon_millis.max(1);
            format!("simulated  {} of {span}, {percent}%", report::run::time(reached))
        });
        watch.ends()
    })?;
    let asked = args.runs.unwrap_or(1);
    let replications = if asked <= 1 || watch.ends() {
        None
    } else {
        replicate_under(problem, plan, scenario, asked, &|done| {
            watch.line(|| format!("simulated  {done} of {asked} runs"));
            watch.ends()
        })?
    };
    watch.clear();
    Ok((done, replications))
}

/// The response times that will be shown: those of samples only stand in documents, explanations and
/// the curves of a report of everything.
fn shown(global: &Global, args: &SimulateArgs) -> Latency {
    let format = output::format(args.format, args.output.as_deref());
    let samples =
        global.verbose || args.explain.is_some() || matches!(format, Format::Json | Format::Csv);
    if samples { Latency::Samples } else { Latency::Run }
}

/// What Ctrl-C left of the run, if it was pressed in time.
fn interrupted(answer: &RunAnswer, asked: u32) -> Option<String> {
    if let Some(whole) = answer.cut_short {
        let (done, whole) = (report::run::time(answer.scorecard.millis), report::run::time(whole));
        return Some(format!("Interrupted: {done} of {whole} were simulated."));
    }
    let done = answer.replications.as_ref().map_or(0, |all| all.runs);
    (asked > 1 && done < asked).then(|| format!("Interrupted: {done} of {asked} runs were done."))
}

fn text(global: &Global, args: &SimulateArgs, problem: &Problem, answer: &RunAnswer) -> String {
    let detail = report::answer::Detail { verbose: global.verbose };
    match output::format(args.format, args.output.as_deref()) {
        Format::Json => {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let tool = Tool { name: "nodeplan".to_owned(), version };
            run_document::write(answer, tool, CatalogStamp::of(problem))
        }
        Format::Csv => report::run_csv(answer),
        Format::Md => report::markdown(&report::run::document(answer, detail)),
        Format::Table => {
            report::terminal(&report::run::document(answer, detail), &style(global, args))
        }
    }
}

fn style(global: &Global, args: &SimulateArgs) -> report::Style {
    let style = output::style(global);
    if args.output.is_some() {
        report::Style { color: false, ..report::Style::default() }
    } else {
        style
    }
}

/// Faults of input, all of them.
pub fn unusable(faults: Vec<ImportError>) -> Failure {
    let count = faults.len();
    let plural = if count == 1 { "" } else { "s" };
    let last = Some(format!("{count} error{plural}, nothing simulated."));
    Failure { last, ..Failure::input(faults) }
}

/// Reads every file before any fault ends the run, so that all faults are told at once.
pub fn inputs(args: &LoadArgs, files: &mut Vec<InputFile>) -> Result<Inputs, Failure> {
    let mut faults = Vec::new();
    let scale = scale(args.scale.as_deref())?;
    let mut inputs = Inputs { scale, forecast_weeks: args.forecast, ..Inputs::default() };
    let mut read = |path: &Path| -> Result<(String, Vec<u8>), Failure> {
        let bytes = output::read(path)?;
        let name = path.display().to_string();
        files.push(input(&name, &bytes));
        Ok((name, bytes))
    };
    let options = TrafficOptions {
        unit: match args.unit {
            TrafficUnit::Count => Unit::Count,
            TrafficUnit::Rate => Unit::Rate,
        },
        gaps: match args.gaps {
            TrafficGaps::Linear => Gaps::Linear,
            TrafficGaps::Hold => Gaps::Hold,
            TrafficGaps::Zero => Gaps::Zero,
            TrafficGaps::Error => Gaps::Error,
        },
    };
    for path in &args.traffic {
        let (name, bytes) = read(path)?;
        match traffic_csv(&name, &bytes, options) {
            Ok(traffic) => inputs.traffic.push(traffic),
            Err(more) => faults.extend(more),
        }
    }
    if let Some(path) = &args.load {
        let (name, bytes) = read(path)?;
        match yaml::load(&name, &bytes) {
            Ok(load) => inputs.load = load,
            Err(more) => faults.extend(more),
        }
    }
    for path in &args.scenario {
        let (name, bytes) = read(path)?;
        match yaml::scenario_over(inputs.scenario.clone(), &name, &bytes) {
            Ok(scenario) => inputs.scenario = scenario,
            Err(more) => faults.extend(more),
        }
    }
    for text in &args.map {
        match mapping(text) {
            Ok(map) => inputs.maps.push(map),
            Err(fault) => faults.push(*fault),
        }
    }
    let mut length = |name: &str, text: Option<&str>| -> Result<Option<u64>, Failure> {
        let Some(text) = text else { return Ok(None) };
        let millis = millis(name, text)?;
        faults.extend(yaml::length_of_run(millis, name, &Place::whole(&format!("{name} {text}"))));
        Ok(Some(millis))
    };
    let scenario = &mut inputs.scenario;
    if let Some(text) = &args.offset {
        let offset =
            time::offset_millis(text).map_err(|fault| no_length("--offset", text, fault))?;
        scenario.offset_millis = Some(offset);
    }
    scenario.seed = args.seed.or(scenario.seed);
    scenario.horizon_millis =
        length("--horizon", args.horizon.as_deref())?.or(scenario.horizon_millis);
    scenario.sample_millis = length("--sample", args.sample.as_deref())?.or(scenario.sample_millis);
    if faults.is_empty() { Ok(inputs) } else { Err(unusable(faults)) }
}

/// `web-app=requests`, `web-app=requests*2`.
fn mapping(text: &str) -> Result<(Named, Arrivals), Box<ImportError>> {
    let place = Place::whole(&format!("--map {text}"));
    let Some((workload, traffic)) = text.split_once('=') else {
        let fault = ImportError::new("NP1412", place, "no `=` stands in it");
        return Err(Box::new(fault.expected("a workload and a column: web-app=requests")));
    };
    let arrivals = yaml::arrivals(traffic, &place)?;
    Ok((Named { name: workload.trim().to_owned(), place }, arrivals))
}

fn scale(text: Option<&str>) -> Result<Scale, Failure> {
    match text {
        None => Ok(Scale::Factor(1_000_000)),
        Some("peak-to-max") => Ok(Scale::PeakToMax),
        Some(text) => quantity::scaled(text, 6).map(Scale::Factor).map_err(|fault| {
            Failure::usage(format!("--scale `{text}` is no factor: {fault}"))
                .help("give peak-to-max, a factor such as 1.5, or a percentage such as 150%")
        }),
    }
}

pub fn millis(name: &str, text: &str) -> Result<u64, Failure> {
    let micros = time::micros(text).map_err(|fault| no_length(name, text, fault))?;
    Ok(micros.div_ceil(1000))
}

fn no_length(name: &str, text: &str, fault: QuantityError) -> Failure {
    let help = fault.help().unwrap_or_else(|| "write 24h, 90m or 60s".to_owned());
    Failure::usage(format!("{name} `{text}` is no length of time: {fault}")).help(help)
}

/// `WORKLOAD@TIME` or `POOL@TIME`: a time of day or a length of time since the start.
fn explained(answer: &RunAnswer, asked: &str) -> Result<report::document::Document, Failure> {
    let Some((name, at)) = asked.rsplit_once('@') else {
        return Err(Failure::usage(format!("--explain `{asked}` has no `@`"))
            .help("write a workload or pool and a time: web-app@08:30 or web-app@2h30m"));
    };
    let subject = asked_about(answer, name)?;
    let day = 86_400;
    let since = match time::second_of_day(at) {
        // The first time after the start that the clock shows it.
        Some(second) => {
            let start = u64::from(answer.scenario.start_second_of_week) % day;
            (u64::from(second) + day - start) % day * 1000
        }
        None => millis("--explain", at)?,
    };
    if since > answer.scorecard.millis {
        return Err(Failure::usage(format!("{at} is after the end of the run")));
    }
    Ok(report::run_why::explain(answer, subject, since))
}

/// A workload or a pool; of a workload, its name without the namespace will do where only one has it.
fn asked_about(answer: &RunAnswer, name: &str) -> Result<report::run_why::Subject, Failure> {
    use report::run_why::Subject;
    let workloads = &answer.workloads;
    if let Some(at) = workloads.iter().position(|one| one == name) {
        return Ok(Subject::Workload(at));
    }
    if let Some(at) = answer.pools.iter().position(|pool| pool.name == name) {
        return Ok(Subject::Pool(at));
    }
    let bare = |one: &String| one.rsplit('/').next() == Some(name);
    let found: Vec<usize> = (0..workloads.len()).filter(|&at| bare(&workloads[at])).collect();
    match found[..] {
        [at] => return Ok(Subject::Workload(at)),
        [] => {}
        [first, ..] => {
            let text = format!("{} workloads are called `{name}`", found.len());
            return Err(Failure::new(crate::INVALID, "NP1420", text)
                .help(format!("name the namespace too: {}", workloads[first])));
        }
    }
    let pools = answer.pools.iter().map(|pool| pool.name.as_str());
    let known = workloads.iter().map(String::as_str).chain(pools);
    let near = nodeplan::io::catalog::nearest(name, known, 1);
    let text = format!("there is no workload or pool `{name}`");
    let failure = Failure::new(crate::INVALID, "NP1420", text);
    Err(match near.first() {
        Some(near) => failure.help(format!("did you mean {near}?")),
        None => failure,
    })
}
