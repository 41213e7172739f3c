//! `optimize`: from a workloads file to the cheapest node pools, with proof.

use super::check::workloads;
use crate::args::{Format, Global, OptimizeArgs};
use crate::diagnose::Failure;
use crate::progress::{Watch, listen};
use crate::{Done, config, output, rules};
use nodeplan::io::diagnostic::Warning;
use nodeplan::io::document::{
    CatalogStamp, PLAN_VERSION, PlanDocument, Summary, Tool, input, write,
};
use nodeplan::io::yaml::Config;
use nodeplan::model::answer::{Answer, InputFile, Notice};
use nodeplan::model::catalog::Catalog;
use nodeplan::model::eligibility::eligible;
use nodeplan::model::plan::Status;
use nodeplan::report;
use nodeplan::solve::Control;
use nodeplan::{Extras, Optimized, Options, Prepared, Setup, UNASKED_WORKLOADS};
use std::collections::BTreeMap;

/// All that was read.
struct Read {
    catalog: Catalog,
    prepared: Prepared,
    inputs: Vec<InputFile>,
    warnings: Vec<Notice>,
    options: Options,
    /// What is assumed, whatever the load.
    notes: Vec<String>,
    stated: BTreeMap<String, String>,
}

/// Runs the command.
pub fn run(global: &Global, args: &OptimizeArgs) -> Done {
    super::threads(global.threads);
    effective(args)?;
    listen();
    let time_limit = rules::time_limit(args.search.time_limit.as_deref())?;
    let mut read = read(global, args)?;
    if args.under_load() {
        let Read { prepared, inputs, warnings, options, notes, .. } = read;
        let watch = Watch::new(time_limit, args.search.progress, 0);
        warned(args, &warnings);
        let code =
            super::joint::run(global, args, (&prepared.problem, notes), inputs, &options, &watch)?;
        let strict = args.strict && !warnings.is_empty() && code == crate::DONE;
        return Ok(if strict { crate::GATE } else { code });
    }
    let problem = &read.prepared.problem;
    let millis = problem.points().iter().map(|point| point.weight_millis).sum();
    let watch = Watch::new(time_limit, args.search.progress, millis);
    let found = watch.over(|control| -> Result<Optimized, Failure> {
        Ok(nodeplan::optimize_with(problem, &read.options, control)?)
    })?;
    let (answer, found) = watch.over(|control| finish(args, &mut read, found, control))?;
    let format = output::format(args.format, args.output.as_deref());
    let text = match format {
        Format::Json => write(&document(read.inputs, read.stated, found, Some(answer.clone()))),
        Format::Csv => report::pools_csv(&answer),
        Format::Md => report::markdown(&laid_out(global, &answer)),
        Format::Table => report::terminal(&laid_out(global, &answer), &style(global, args)),
    };
    output::write(&text, args.output.as_deref())?;
    if matches!(format, Format::Json | Format::Csv) {
        tell(global, &answer);
    }
    Ok(exit_code(args, &answer))
}

/// Options that change nothing are faults, all of them at once.
fn effective(args: &OptimizeArgs) -> Result<(), Failure> {
    let (when, way) = match args.under_load() {
        true => ("under load", "leave it out, or plan without --traffic and --scenario"),
        false => ("without load", "give --traffic FILE or --scenario FILE, or leave it out"),
    };
    let fault = |name: &str| {
        let variable = name.to_uppercase().replace('-', "_");
        Failure::usage(format!("--{name} has no effect {when}"))
            .help(format!("{way}; the variable NODEPLAN_{variable} counts as it"))
    };
    let together = |mut all: Failure, one: Failure| {
        all.faults.extend(one.faults);
        all
    };
    let failure = args.in_vain().into_iter().map(fault).reduce(together);
    failure.map_or(Ok(()), Err)
}

/// Under load warnings have no place in the answer.
fn warned(args: &OptimizeArgs, warnings: &[Notice]) {
    if !warnings.is_empty() {
        let shown = report::visible(&args.workloads.display().to_string());
        let count = report::number::count(warnings.len() as u64, "warning");
        let word = super::joint::shell(&args.workloads);
        eprintln!("{shown}: {count}; `nodeplan check -w {}` tells them", report::visible(&word));
    }
}

fn laid_out(global: &Global, answer: &Answer) -> report::document::Document {
    report::answer::document(answer, report::answer::Detail { verbose: global.verbose })
}

fn style(global: &Global, args: &OptimizeArgs) -> report::Style {
    let style = output::style(global);
    if args.output.is_some() {
        report::Style { color: false, ..report::Style::default() }
    } else {
        style
    }
}

fn exit_code(args: &OptimizeArgs, answer: &Answer) -> u8 {
    match answer.status {
        Status::Infeasible => crate::INFEASIBLE,
        Status::OutOfWork => crate::OUT_OF_WORK,
        _ if args.require_optimal && !answer.proof.optimal => crate::GATE,
        _ if args.strict && !answer.warnings.is_empty() => crate::GATE,
        Status::Optimal | Status::Feasible => crate::DONE,
    }
}

/// Warnings and reasons on standard error, where the format has no place for them.
fn tell(global: &Global, answer: &Answer) {
    let plain = Answer { pools: Vec::new(), ..answer.clone() };
    let mut shown = laid_out(global, &plain);
    shown.blocks.retain(|block| matches!(block, report::document::Block::Remarks(_)));
    let style = report::Style { color: output::stderr_color(global), ..report::Style::default() };
    eprint!("{}", report::terminal(&shown, &style));
}

fn read(global: &Global, args: &OptimizeArgs) -> Result<Read, Failure> {
    let (config, settings) = config::find(global)?;
    let (catalog, region_assumed) = rules::market(&args.market, &config)?;
    let arches = rules::arches(&args.market, &config)?;
    let spot = rules::spot(&args.rules, &config);
    let (file, bytes) = workloads(&args.workloads, &ignored(args, &config), arches, spot)?;
    let mut filter = rules::filter(&args.market, &config, &catalog)?;
    // A row that names another architecture brings its sizes in.
    filter.arches.extend(&file.used_arches);
    filter.arches.sort_unstable();
    filter.arches.dedup();
    let own = file.daemonsets.clone();
    let cluster = rules::cluster(&args.node, &args.rules, &config, own)?;
    rules::only_measured(&cluster, &catalog, &mut filter)?;
    let options = rules::options(&args.search)?;
    let sizing = rules::sizing(&args.rules, &config)?;
    let mut assumptions = Vec::new();
    if region_assumed {
        assumptions
            .push(format!("region {}, since none was named (--region)", rules::DEFAULT_REGION));
    }
    assumptions.extend(file.assumptions.iter().map(|one| one.text.clone()));
    assumptions.push(PLATFORM.to_owned());
    let burstable = eligible(&catalog, &filter).skus.iter().any(|sku| sku.sustained.is_some());
    if burstable && cluster.sustained_cpu {
        assumptions.push(MEAN_USE.to_owned());
    }
    let notes = assumptions.clone();
    let mut warnings: Vec<Notice> = file.warnings.iter().map(notice).collect();
    let setup = Setup { cluster, sizing, assumptions, ..Setup::new(&catalog, &filter, file) };
    let prepared = nodeplan::problem_from(setup)?;
    warnings.extend(prepared.warnings.iter().cloned());
    let mut inputs = vec![input(&args.workloads.display().to_string(), &bytes)];
    inputs.extend(settings);
    let stated = stated(args);
    Ok(Read { catalog, prepared, inputs, warnings, options, notes, stated })
}

/// Rules to plan without, of the arguments and of the settings.
fn ignored(args: &OptimizeArgs, config: &Config) -> Vec<String> {
    args.rules.ignore.iter().chain(&config.ignore).cloned().collect()
}

/// The limits of the search, for the plan file; all else stands in its problem.
fn stated(args: &OptimizeArgs) -> BTreeMap<String, String> {
    let search = &args.search;
    let texts = [
        ("solver", search.solver.clone()),
        ("work", search.work.map(|work| work.to_string())),
        ("gap", search.gap.clone()),
        ("time-limit", search.time_limit.clone()),
    ];
    texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect()
}

/// Where the figures of the platform come from.
const PLATFORM: &str = "add-on DaemonSets and the platform's own Deployments request what they \
                        did on AKS with Kubernetes 1.30";

/// What a burstable node must sustain where nothing was measured.
const MEAN_USE: &str = "mean CPU use on burstable nodes: cpu_mean of a row, else its request x CPU \
                        target, else its request; of an add-on 20 % of its request, not measured";

fn notice(one: &Warning) -> Notice {
    let mut text = one.message.clone();
    for more in [&one.expected, &one.help].into_iter().flatten() {
        text.push_str(&format!("; {more}"));
    }
    Notice { code: one.code.to_owned(), place: one.place.to_string(), text }
}

/// Comparisons, and the answer.
fn finish(
    args: &OptimizeArgs,
    read: &mut Read,
    found: Optimized,
    control: Control<'_>,
) -> Result<(Answer, Optimized), Failure> {
    let mut extras = Extras { warnings: read.warnings.clone(), ..Extras::default() };
    for path in &args.compare {
        let (design, input) = config::design(path)?;
        read.inputs.push(input);
        let name = path.display().to_string();
        let priced = nodeplan::compare(&found, &read.catalog, &name, &design, &read.options)?;
        extras.designs.push(priced);
    }
    let few = nodeplan::user_workloads(&found.problem) <= UNASKED_WORKLOADS;
    if !args.plan_only {
        extras.baselines = nodeplan::baselines(&found);
    }
    // Whoever ends the search early wants the plan, not comparisons.
    if !args.plan_only && !(control.interrupt)() {
        extras.one_max_pods = nodeplan::one_max_pods(&found, &read.options, control)?;
    }
    if !args.plan_only && few && !(control.interrupt)() {
        extras.isolation = nodeplan::isolation(&found, &read.options, control)?;
    }
    let table = args.pool_table || (!args.plan_only && few);
    if table && !(control.interrupt)() {
        extras.pool_counts = nodeplan::pool_counts(&found, &read.options, control)?;
    }
    extras.inputs.clone_from(&read.inputs);
    let mut answer = nodeplan::answer(&found, extras);
    answer.unplaceable.extend(nodeplan::way_out(&found, &read.catalog));
    Ok((answer, found))
}

/// The plan file.
pub fn document(
    inputs: Vec<InputFile>,
    stated: BTreeMap<String, String>,
    found: Optimized,
    answer: Option<Answer>,
) -> PlanDocument {
    PlanDocument {
        schema_version: PLAN_VERSION.to_owned(),
        tool: Tool { name: "nodeplan".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        inputs,
        catalog: CatalogStamp::of(&found.problem),
        options: stated,
        seed: 0,
        status: found.status,
        summary: Summary::of(&found.problem, &found.verdict, found.plan.is_some()),
        unplaceable: found.unplaceable,
        work: found.work,
        problem: found.problem,
        plan: found.plan,
        certificate: found.certificate,
        answer,
    }
}
