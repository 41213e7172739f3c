//! `optimize` under load: pools, bounds, targets, behaviour and autoscaler together.

use super::simulate::{inputs, millis, unusable};
use crate::args::{Format, Global, OptimizeArgs, TrafficGaps, TrafficUnit};
use crate::diagnose::Failure;
use crate::progress::Watch;
use crate::{Done, output};
use clap::ValueEnum;
use nodeplan::io::document::{CatalogStamp, SCALING, Tool, input, write};
use nodeplan::io::joint::{FLOOR_VERSION, FloorDocument};
use nodeplan::io::{export, joint as document, quantity};
use nodeplan::joint::{
    Ablated, Ablation, Design, Family, FrontierPoint, Hazards, Joint, JointOptions, Layout, Step,
    ablation, frontier, frontier_answer, frozen_answer, joint_answer, optimize_under_load,
};
use nodeplan::model::answer::{InputFile, Money};
use nodeplan::model::joint::{JointAnswer, JointFrozen};
use nodeplan::model::plan::Plan;
use nodeplan::model::problem::Problem;
use nodeplan::model::scenario::PoolBounds;
use nodeplan::report;
use nodeplan::simulate::{Inputs, Staged, stage};
use nodeplan::{Optimized, Options, optimize_with};
use std::path::Path;

/// Runs the search and shows what it found.
pub fn run(
    global: &Global,
    args: &OptimizeArgs,
    (problem, notes): (&Problem, Vec<String>),
    mut files: Vec<InputFile>,
    options: &Options,
    watch: &Watch,
) -> Done {
    let limits = limits(args)?;
    if let Some(directory) = &args.joint.write {
        make(directory)?;
    }
    let budget = args.joint.budget.as_deref().map(money).transpose()?;
    let mut read = inputs(&args.demand, &mut files)?;
    // What a scenario says of pools concerns other pools than those to be found.
    read.scenario.pools.clear();
    named(problem, &mut read)?;
    let plain = watch.over(|control| -> Result<Optimized, Failure> {
        Ok(optimize_with(problem, options, control)?)
    })?;
    let Some(plan) = &plain.plan else {
        let text = "no plan holds all pods at their highest numbers";
        return Err(Failure::new(crate::INFEASIBLE, "", text)
            .help("run optimize without --traffic: it tells which pods fit no node"));
    };
    read.bounds = Some(standing(plan.pools.len()));
    let staged = stage(&plain.problem, plan, &read).map_err(unusable)?;
    let told = |step: &Step| {
        let missed = if step.short == 0 { "" } else { ", objectives missed so far" };
        let cost = report::number::money(Money::of(step.spend));
        watch.say(&format!("{} runs, {cost} for the part seen{missed}", step.runs));
    };
    let found = watch.over(|control| -> Result<Option<Joint>, Failure> {
        Ok(optimize_under_load(&plain, &staged.scenario, &limits, control, &told)?)
    })?;
    let Some(joint) = found else {
        return Err(Failure::new(crate::OUT_OF_WORK, "", "no pools were found in time"));
    };
    let (joint, frozen) = match args.joint.ablation {
        true => ablated(&plain, &staged, joint, &limits, watch)?,
        false => (joint, Vec::new()),
    };
    let mut answer = joint_answer(&plain.problem, &staged, (&joint, &limits), files);
    answer.assumptions.splice(0..0, notes);
    answer.again = again(args);
    answer.frozen = frozen;
    further(args, &plain, (&staged, &joint), &limits, watch, &mut answer)?;
    answer.cut_short = watch.ends();
    if let Some(directory) = &args.joint.write {
        written(directory, &answer, &joint, &staged)?;
        super::leftovers::remove(directory, answer.frontier.len(), joint.floor.is_some())?;
    }
    output::write(&text(global, args, &plain.problem, &answer), args.output.as_deref())?;
    let month = answer.parts.iter().find(|part| part.name == "whole").map(|part| part.month);
    let dear = budget.zip(month).filter(|(budget, month)| month > budget);
    if let Some((budget, month)) = dear {
        eprintln!("{}", over(budget, month, &answer));
    }
    let missed = answer.parts.iter().any(|part| part.name != "unseen" && !part.met);
    let missed = missed && args.joint.require_slo;
    if missed {
        eprintln!("An objective was missed.");
    }
    Ok(if dear.is_some() || missed { crate::GATE } else { crate::DONE })
}

/// Whether all names but those of pools lead somewhere: nobody wants to wait for pools to hear it.
fn named(problem: &Problem, read: &mut Inputs) -> Result<(), Failure> {
    let events = std::mem::take(&mut read.scenario.events);
    read.bounds = Some(Vec::new());
    stage(problem, &Plan { pools: Vec::new() }, read).map_err(unusable)?;
    read.scenario.events = events;
    Ok(())
}

/// By how much a design costs more than the budget, and whether any must.
fn over(budget: Money, month: Money, answer: &JointAnswer) -> String {
    let currency = report::visible(&answer.currency);
    let money = report::number::money;
    let mut text = format!(
        "The design costs {} {currency} a month, {} more than the budget of {}.",
        money(month),
        money(month.minus(budget)),
        money(budget),
    );
    if let Some(floor) = answer.floor.filter(|floor| floor.month > budget) {
        let least = money(floor.month);
        text.push_str(&format!(
            " The budget is proven impossible: no design that meets the objectives costs less than {least}."
        ));
    }
    text
}

/// The best of the first search and those that freeze more, and what each of them found.
fn ablated(
    plain: &Optimized,
    staged: &Staged,
    joint: Joint,
    limits: &JointOptions,
    watch: &Watch,
) -> Result<(Joint, Vec<JointFrozen>), Failure> {
    let seen = joint.seen.run.scorecard.millis;
    let told = |one: &Ablated| {
        let name = one.frozen.map_or("nothing", Family::name);
        let month = Money::month_of(one.high, seen);
        watch.say(&format!("{name} frozen: {}", report::number::money(month)));
    };
    let world = (&plain.problem, &staged.scenario);
    let found = watch.over(|control| -> Result<Ablation, Failure> {
        Ok(ablation(world, joint, limits, control, &told)?)
    })?;
    let rows = frozen_answer(&found);
    Ok((found.joint, rows))
}

/// What other wishes would cost, where that was asked for.
fn further(
    args: &OptimizeArgs,
    plain: &Optimized,
    (staged, joint): (&Staged, &Joint),
    limits: &JointOptions,
    watch: &Watch,
    answer: &mut JointAnswer,
) -> Result<(), Failure> {
    if args.joint.frontier {
        let told = |one: &FrontierPoint| {
            let month = report::number::money(Money::month_of(
                one.whole.run.scorecard.spend,
                one.whole.run.scorecard.millis,
            ));
            let (misses, traffic) = (one.allowed_milli, one.traffic_milli);
            watch
                .say(&format!("misses x {misses}/1000, traffic x {traffic}/1000: {month} a month"));
        };
        let points = watch.over(|control| -> Result<Vec<FrontierPoint>, Failure> {
            Ok(frontier(&plain.problem, (&staged.scenario, joint), limits, control, &told)?)
        })?;
        answer.frontier = frontier_answer(&points);
        for (at, point) in points.iter().enumerate() {
            if let Some(directory) = &args.joint.write {
                let own = directory.join(format!("frontier-{}", at + 1));
                make(&own)?;
                runnable(&own, &answer.inputs, (&point.layout, &point.design), staged)?;
            }
        }
    }
    Ok(())
}

/// Bounds of pools that the search replaces.
fn standing(pools: usize) -> Vec<PoolBounds> {
    let one = PoolBounds {
        min: 1,
        max: 1,
        initial: 1,
        spot: false,
        priority: None,
        zones: Vec::new(),
        schedules: Vec::new(),
    };
    vec![one; pools]
}

fn limits(args: &OptimizeArgs) -> Result<JointOptions, Failure> {
    let usual = JointOptions::default();
    let frozen: Result<Vec<Family>, Failure> = args
        .joint
        .freeze
        .iter()
        .map(|name| {
            Family::named(name.trim()).ok_or_else(|| {
                let known: Vec<&str> = Family::ALL.iter().map(|family| family.name()).collect();
                Failure::usage(format!("--freeze `{name}` names no family of variables"))
                    .help(format!("one of {}", known.join(", ")))
            })
        })
        .collect();
    let pending = args.joint.max_pending.as_deref().map(|text| millis("--max-pending", text));
    Ok(JointOptions {
        frozen: frozen?,
        runs: args.joint.trials.unwrap_or(usual.runs),
        replications: args.joint.final_runs.unwrap_or(usual.replications),
        hazards: hazards(&args.joint.hazards)?.unwrap_or(usual.hazards),
        pending_millis: pending.transpose()?.unwrap_or(usual.pending_millis),
        tail: args.joint.hold_back_tail,
    })
}

/// What goes wrong in the last runs, where that is said.
fn hazards(list: &[String]) -> Result<Option<Hazards>, Failure> {
    if list.is_empty() {
        return Ok(None);
    }
    Hazards::named(list).map(Some).map_err(|part| {
        Failure::usage(format!("--hazards `{part}` cannot be read"))
            .help("write days,failures=33,evictions=1000,growth=20, parts of it, or none")
    })
}

fn money(text: &str) -> Result<Money, Failure> {
    let amount = quantity::scaled(text, 9).map_err(|fault| {
        Failure::usage(format!("--budget `{text}` is no amount: {fault}"))
            .help("write 1200 or 850.50")
    })?;
    Ok(Money(i128::from(amount)))
}

fn text(global: &Global, args: &OptimizeArgs, problem: &Problem, answer: &JointAnswer) -> String {
    let style = output::style(global);
    let plain = report::Style { color: false, ascii: true, ..style };
    let laid_out = || report::joint::document(answer);
    match output::format(args.format, args.output.as_deref()) {
        Format::Json => document::write(answer, tool(), CatalogStamp::of(problem)),
        Format::Csv => report::joint::csv(answer),
        Format::Md => report::markdown(&laid_out()),
        Format::Table if args.output.is_some() => report::terminal(&laid_out(), &plain),
        Format::Table => report::terminal(&laid_out(), &style),
    }
}

fn tool() -> Tool {
    Tool { name: "nodeplan".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// How to run the design again. Factors and costs stand in the load file that is written: what is found
/// from autoscalers would be another under those of the design.
fn again(args: &OptimizeArgs) -> Vec<String> {
    let directory = args.joint.write.as_deref().unwrap_or(Path::new("DIR"));
    let mut words = vec![format!("nodeplan simulate {}", shell(&directory.join("plan.json")))];
    let demand = &args.demand;
    words.extend(demand.traffic.iter().map(|file| format!("--traffic {}", shell(file))));
    words.push(format!("--load {}", shell(&directory.join("load.yaml"))));
    words.extend(demand.forecast.map(|weeks| format!("--forecast {weeks}")));
    if demand.unit == TrafficUnit::Rate {
        words.push("--unit rate".to_owned());
    }
    let gaps = Some(demand.gaps).filter(|gaps| *gaps != TrafficGaps::default());
    let gaps = gaps.and_then(|gaps| gaps.to_possible_value());
    words.extend(gaps.map(|gaps| format!("--gaps {}", gaps.get_name())));
    let texts =
        [("offset", &demand.offset), ("horizon", &demand.horizon), ("sample", &demand.sample)];
    for (name, text) in texts {
        words.extend(text.as_ref().map(|text| format!("--{name} {}", quoted(text))));
    }
    words.extend(demand.seed.map(|seed| format!("--seed {seed}")));
    words.extend(demand.scenario.iter().map(|file| format!("--scenario {}", shell(file))));
    words.push(format!("--scenario {}", shell(&directory.join("scenario.yaml"))));
    vec![words.join(" ")]
}

/// A path as a word for a shell.
pub fn shell(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=*+:,@%".contains(c);
    if !word.is_empty() && !word.contains('*') && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Makes the directory before the search: nobody wants to hear of it afterwards.
fn make(directory: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|error| {
        let text = format!("cannot make {}: {error}", directory.display());
        Failure::new(crate::FAILED, "", text)
    })
}

/// The files of a design.
fn written(
    directory: &Path,
    answer: &JointAnswer,
    joint: &Joint,
    staged: &Staged,
) -> Result<(), Failure> {
    let put = |name: &str, text: &str| output::write(text, Some(&directory.join(name)));
    runnable(directory, &answer.inputs, (&joint.layout, &joint.design), staged)?;
    put("report.md", &report::markdown(&report::joint::document(answer)))?;
    put("design.json", &document::write(answer, tool(), CatalogStamp::of(&joint.layout.problem)))?;
    if let Some(floored) = &joint.floor {
        let floor = FloorDocument {
            schema_version: FLOOR_VERSION.to_owned(),
            tool: tool(),
            inputs: answer.inputs.clone(),
            catalog: Some(CatalogStamp::of(&floored.problem)),
            spend: floored.check.spend,
            problem: floored.problem.clone(),
            floor: floored.floor.clone(),
        };
        put("floor.json", &floor.write())?;
    }
    Ok(())
}

/// What it takes to run a design again.
fn runnable(
    directory: &Path,
    inputs: &[InputFile],
    (layout, design): (&Layout, &Design),
    staged: &Staged,
) -> Result<(), Failure> {
    let put = |name: &str, text: &str| output::write(text, Some(&directory.join(name)));
    let solved = layout.solved.clone();
    let scenario = design.on(&staged.scenario);
    let scaling = export::scaling(&layout.problem, &layout.plan, &scenario);
    let hash = input("scenario.yaml", scaling.as_bytes()).sha256;
    let stated = [(SCALING.to_owned(), hash)].into();
    let plan = super::optimize::document(inputs.to_vec(), stated, solved, None);
    put("plan.json", &write(&plan))?;
    put("scenario.yaml", &scaling)?;
    put("load.yaml", &export::load(&layout.problem, &staged.scenario.loads, &staged.arrivals))
}
