//! What is simulated: the plan of a plan file, or a cluster file with its workloads.

use super::simulate::unusable;
use super::{check, verify};
use crate::args::{ClusterArgs, Global, MarketArgs, RuleArgs};
use crate::diagnose::Failure;
use crate::{config, output, rules};
use nodeplan::io::document::input;
use nodeplan::io::yaml;
use nodeplan::model::answer::InputFile;
use nodeplan::model::eligibility::Filter;
use nodeplan::model::plan::Plan;
use nodeplan::model::problem::Problem;
use nodeplan::model::scenario::PoolBounds;
use nodeplan::report::{number::count, visible};
use nodeplan::{Options, Setup, standing};
use std::path::Path;

/// Pools with all that decides who runs where on them.
pub struct Subject {
    /// Workloads and rules.
    pub problem: Problem,
    /// Pools.
    pub plan: Plan,
    /// Bounds of the pools where no plan sets them.
    pub bounds: Option<Vec<PoolBounds>>,
    /// Assumptions.
    pub notes: Vec<String>,
    /// Files read.
    pub files: Vec<InputFile>,
}

/// Reads the plan or the cluster.
pub fn subject(global: &Global, plan: &Path, args: &ClusterArgs) -> Result<Subject, Failure> {
    let bytes = output::read(plan)?;
    let name = plan.display().to_string();
    let files = vec![input(&name, &bytes)];
    if is_document(&bytes) {
        return planned(args, &name, bytes, files);
    }
    let design = yaml::design(&name, &bytes).map_err(unusable)?;
    clustered(global, args, &name, &design, files)
}

/// Whether a file is a document of nodeplan: JSON that names its schema.
pub fn is_document(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with('{') && text.contains("\"schemaVersion\"")
}

fn planned(
    given: &ClusterArgs,
    name: &str,
    bytes: Vec<u8>,
    files: Vec<InputFile>,
) -> Result<Subject, Failure> {
    let document = verify::parsed(name, bytes)?;
    let Some(plan) = document.plan else {
        return Err(Failure::usage(format!("{name} holds no plan")));
    };
    if let Some(path) = &given.workloads {
        let file = input(&path.display().to_string(), &output::read(path)?);
        if document.inputs.iter().all(|one| one.sha256 != file.sha256) {
            let text = format!("the plan in {name} was not made from {}", file.path);
            return Err(Failure::usage(text).help(
                "leave --workloads out, a plan holds its workloads; or give a cluster file",
            ));
        }
    }
    let region = &document.problem.parts().region;
    if given.region.as_ref().is_some_and(|given| given != region) {
        return Err(Failure::usage(format!("the plan in {name} is for {region}"))
            .help("leave --region out: a plan holds its region and prices"));
    }
    let node = &given.node;
    for (flag, asked) in [
        ("arch", !given.arch.is_empty()),
        ("system-pool", given.system_pool.is_some()),
        ("peak-hours", given.peak_hours.is_some()),
        ("ignore", !given.ignore.is_empty()),
        ("max-pods", node.max_pods.is_some()),
        ("overhead", node.overhead.is_some()),
        ("addons", !node.addons.is_empty()),
    ] {
        if asked {
            let text = format!("--{flag} is for cluster files; {name} is a plan and has its own");
            return Err(Failure::usage(text).help(format!("plan again with --{flag}")));
        }
    }
    Ok(Subject { problem: document.problem, plan, bounds: None, notes: Vec::new(), files })
}

fn clustered(
    global: &Global,
    args: &ClusterArgs,
    name: &str,
    design: &yaml::Design,
    mut files: Vec<InputFile>,
) -> Result<Subject, Failure> {
    let Some(path) = &args.workloads else {
        return Err(Failure::usage(format!("{name} is a cluster file and says nothing of pods"))
            .help("name the workloads that run on it: --workloads w.csv"));
    };
    let (config, settings) = config::find(global)?;
    let market = MarketArgs {
        region: args.region.clone(),
        arch: args.arch.clone(),
        ..MarketArgs::default()
    };
    let (catalog, region_assumed) = rules::market(&market, &config)?;
    let ignored: Vec<String> = args.ignore.iter().chain(&config.ignore).cloned().collect();
    let arches = rules::arches(&market, &config)?;
    let (file, bytes) = check::workloads(path, &ignored, arches.clone(), true)?;
    files.push(input(&path.display().to_string(), &bytes));
    files.extend(settings);
    let shown = visible(&path.display().to_string());
    match file.warnings.len() {
        0 => {}
        some => {
            let warnings = count(some as u64, "warning");
            eprintln!("{shown}: {warnings}; `nodeplan check -w {shown}` tells them");
        }
    }
    let mut notes = Vec::new();
    if region_assumed {
        notes.push(format!("region {}, since none was named (--region)", rules::DEFAULT_REGION));
    }
    notes.extend(file.assumptions.iter().map(|one| one.text.clone()));
    let asked = RuleArgs {
        system_pool: args.system_pool.clone(),
        peak_hours: args.peak_hours.clone(),
        ..RuleArgs::default()
    };
    let own = file.daemonsets.clone();
    let cluster = rules::cluster(&args.node, &asked, &config, own)?;
    let sizing = rules::sizing(&asked, &config)?;
    // The sizes are those of the pools, but the platform's pods run where the workloads may.
    let mut filter = Filter { arches, ..Filter::new(catalog.date) };
    filter.arches.extend(&file.used_arches);
    filter.arches.sort_unstable();
    filter.arches.dedup();
    let setup = Setup { cluster, sizing, ..Setup::new(&catalog, &filter, file) };
    let found = standing(setup, name, design, &Options::default()).map_err(unusable)?;
    notes.extend(found.notes);
    Ok(Subject {
        problem: found.problem,
        plan: found.plan,
        bounds: Some(found.bounds),
        notes,
        files,
    })
}
