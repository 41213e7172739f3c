//! `pack`: published packing instances, one CSV line each.

use crate::args::{Global, PackArgs};
use crate::diagnose::Failure;
use crate::progress::listen;
use crate::{Done, clock, output, rules};
use nodeplan::io::document::{input, write};
use nodeplan::io::pack::{DEFAULT_MAX_PODS, PackProblem, PackSizes, read};
use nodeplan::model::answer::InputFile;
use nodeplan::model::plan::Status;
use nodeplan::pack::{Packed, pack};
use nodeplan::solve::Control;
use nodeplan::{Options, io::catalog};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

const HEADER: &str =
    "file,instance,types,pods,skus,nodes,cost,bound,gap_pct,status,unplaced,cpu_s,peak_mib\n";

/// Runs the command.
pub fn run(global: &Global, args: &PackArgs) -> Done {
    super::threads(global.threads);
    listen();
    let mut options = Options::default();
    if let Some(work) = args.work {
        options = options.within(work);
    }
    if let Some(gap) = &args.gap {
        options.solve.gap_ppm = rules::gap_ppm(gap)?;
    }
    let sizes = sizes(args)?;
    if let Some(folder) = &args.plans {
        std::fs::create_dir_all(folder).map_err(|error| {
            let text = format!("cannot make {}: {error}", folder.display());
            Failure::new(crate::FAILED, "", text)
        })?;
    }
    output::print(HEADER)?;
    let mut worst = crate::DONE;
    let mut plans = BTreeSet::new();
    let color = output::stderr_color(global);
    for path in &args.files {
        let begun = clock::cpu_time();
        clock::reset_peak();
        match instances(path, &sizes) {
            Ok((instances, file)) => {
                let reading = clock::cpu_time().saturating_sub(begun);
                // Reading a file is charged to its instances in equal parts.
                let share = reading / u32::try_from(instances.len().max(1)).unwrap_or(u32::MAX);
                for instance in instances {
                    let from = (path.as_path(), &file);
                    let (code, found) = solve(args, from, instance, share, &options)?;
                    worst = worst.max(code);
                    if let (Some(folder), Some((name, text))) = (&args.plans, found) {
                        output::write(&text, Some(&folder.join(free(&mut plans, &name))))?;
                    }
                }
            }
            Err(failure) => {
                eprint!("{}", failure.text(color));
                worst = worst.max(failure.code);
            }
        }
    }
    Ok(worst)
}

fn sizes(args: &PackArgs) -> Result<PackSizes, Failure> {
    if let Some(table) = &args.skus {
        let bytes = output::read(table)?;
        let name = table.display().to_string();
        return PackSizes::of_table(&name, &bytes, args.max_pods).map_err(Failure::input);
    }
    let region = args.region.as_deref().unwrap_or(rules::DEFAULT_REGION);
    let catalog = catalog::catalog(region)
        .map_err(|error| Failure::new(crate::INVALID, error.code(), error.to_string()))?;
    Ok(PackSizes::of_catalog(&catalog, args.max_pods.unwrap_or(DEFAULT_MAX_PODS)))
}

fn instances(path: &Path, sizes: &PackSizes) -> Result<(Vec<PackProblem>, InputFile), Failure> {
    let bytes = output::read(path)?;
    let name = path.display().to_string();
    let found = read(&name, &bytes, sizes).map_err(Failure::input)?;
    Ok((found, input(&name, &bytes)))
}

/// A file name for a plan that no other instance of this run has.
fn free(taken: &mut BTreeSet<String>, name: &str) -> String {
    let mut free = name.to_owned();
    let mut more = 2_u64;
    while !taken.insert(free.clone()) {
        free = format!("{name}-{more}");
        more += 1;
    }
    format!("{free}.json")
}

/// Solves one instance and prints its line; its plan file, named, if one is asked for.
fn solve(
    args: &PackArgs,
    (path, file): (&Path, &InputFile),
    instance: PackProblem,
    reading: Duration,
    options: &Options,
) -> Result<(u8, Option<(String, String)>), Failure> {
    let begun = clock::cpu_time();
    let name = instance.instance.clone();
    let interrupt = crate::progress::stopped;
    let control = Control { interrupt: &interrupt, progress: &|_| {} };
    let packed = pack(instance, args.allow_unplaced, options, control)?;
    let spent = clock::cpu_time().saturating_sub(begun).saturating_add(reading);
    output::print(&line(path, &name, &packed, spent))?;
    clock::reset_peak();
    let code = match packed.status() {
        Status::Infeasible => crate::INFEASIBLE,
        Status::OutOfWork => crate::OUT_OF_WORK,
        Status::Optimal | Status::Feasible => crate::DONE,
    };
    if let (Some(_), Some(found)) = (&args.plans, packed.found) {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.unwrap_or_default();
        let both = if stem == name { name } else { format!("{stem}-{name}") };
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }
        };
        let plan: String = both.chars().map(safe).collect();
        let stated = BTreeMap::new();
        let document = super::optimize::document(vec![file.clone()], stated, found, None);
        return Ok((code, Some((plan, write(&document)))));
    }
    Ok((code, None))
}

fn line(path: &Path, name: &str, packed: &Packed, spent: Duration) -> String {
    let status = match packed.status() {
        Status::Optimal => "optimal",
        Status::Feasible => "feasible",
        Status::Infeasible => "infeasible",
        Status::OutOfWork => "out-of-work",
    };
    let planned = packed.rate();
    let gap = packed.gap_e8().filter(|_| planned.is_some());
    let gap = gap.map(|gap| format!("{}.{:06}", gap / 1_000_000, gap % 1_000_000));
    let millis = spent.as_millis();
    format!(
        "{},{},{},{},{},{},{},{},{},{status},{},{}.{:03},{}\n",
        csv_cell(&path.display().to_string()),
        csv_cell(name),
        packed.types,
        packed.pods,
        packed.sizes,
        packed.nodes(),
        planned.map(|rate| rate.to_string()).unwrap_or_default(),
        packed.bound(),
        gap.unwrap_or_default(),
        packed.unplaced,
        millis / 1000,
        millis % 1000,
        clock::peak_kib().div_ceil(1024),
    )
}

fn csv_cell(text: &str) -> String {
    nodeplan::report::csv_cell(text)
}
