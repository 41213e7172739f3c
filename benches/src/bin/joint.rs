//! The closed loop on traces: hand-made and naive clusters, ours, and the floor.
//!
//! `cargo run --release -p nodeplan-benches --bin joint -- WORKLOADS LOAD DAYS RUNS TRACE:COLUMN...`

use nodeplan::io::csv::{Gaps, TrafficOptions, Unit, traffic_csv, workloads_csv};
use nodeplan::io::diagnostic::Place;
use nodeplan::io::yaml::{self, Arrivals, Named};
use nodeplan::joint::{JointOptions, optimize_under_load};
use nodeplan::model::eligibility::Filter;
use nodeplan::model::units::Spend;
use nodeplan::simulate::{Inputs, Scale, stage};
use nodeplan::solve::Control;
use nodeplan::{Options, Setup, optimize, problem_from};
use nodeplan_benches::timed;
use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [workloads, load, days, runs, traces @ ..] = &arguments[..] else {
        eprintln!("usage: joint WORKLOADS LOAD DAYS RUNS TRACE:COLUMN...");
        return ExitCode::from(2);
    };
    for trace in traces {
        let done = days
            .parse()
            .map_err(Into::into)
            .and_then(|days| runs.parse().map_err(Into::into).map(|runs| (days, runs)))
            .and_then(|limits| run(workloads, load, limits, trace));
        if let Err(fault) = done {
            eprintln!("{trace}: {fault}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn usd(spend: Spend) -> f64 {
    spend.0 as f64 / 3.6e15
}

fn run(
    workloads: &str,
    load: &str,
    (days, runs): (u64, u32),
    trace: &str,
) -> Result<(), Box<dyn Error>> {
    let (path, column) = trace.rsplit_once(':').ok_or("a trace and its column")?;
    let joined = |faults: Vec<nodeplan::io::diagnostic::ImportError>| faults[0].to_string();
    let file = workloads_csv(workloads, &std::fs::read(workloads)?, &Default::default())
        .map_err(joined)?;
    let catalog = nodeplan::io::catalog::catalog("koreacentral")?;
    let filter = Filter::new(catalog.date);
    let prepared = problem_from(Setup::new(&catalog, &filter, file))?;
    let problem = &prepared.problem;
    let plain = optimize(problem, &Options::default())?;
    let plan = plain.plan.clone().ok_or("no plan")?;
    let options = TrafficOptions { unit: Unit::Count, gaps: Gaps::Linear };
    let place = Place::whole("map");
    let mut inputs = Inputs { scale: Scale::PeakToMax, ..Inputs::default() };
    inputs.traffic.push(traffic_csv(path, &std::fs::read(path)?, options).map_err(joined)?);
    inputs.load = yaml::load(load, &std::fs::read(load)?).map_err(joined)?;
    let series = Named { name: column.to_owned(), place: place.clone() };
    let web = Named { name: "web-app".to_owned(), place };
    inputs.maps.push((web, Arrivals::Column { series, factor: 1_000_000, offset_millis: 0 }));
    let span = inputs.traffic[0]
        .series
        .first()
        .map_or(0, |series| series.step_millis * series.micro_per_second.len() as u64);
    inputs.scenario.horizon_millis = Some(span.min(days * 86_400_000) / 3_600_000 * 3_600_000);
    inputs.scenario.sample_millis = Some(60_000);
    let staged = stage(&plain.problem, &plan, &inputs).map_err(joined)?;
    let options = JointOptions { runs, ..JointOptions::default() };
    let (found, spent) = timed(|| {
        optimize_under_load(&plain.problem, &staged.scenario, &options, Control::NONE, &|step| {
            let family = step.family.map_or("start", |family| family.name());
            eprintln!(
                "  {:>4} runs: {:.2} USD, short {} ({family})",
                step.runs,
                usd(step.spend),
                step.short
            );
        })
    });
    let Some(joint) = found? else { return Err("no layout".into()) };
    println!(
        "{trace}: {:.1} CPU-s, {} runs, layout {}",
        spent.as_secs_f64(),
        joint.runs,
        joint.layout.name
    );
    for (name, trial) in [("seen", &joint.seen), ("unseen", &joint.unseen), ("whole", &joint.whole)]
    {
        let score = &trial.run.scorecard;
        print!(
            "  {name}: {:.2} USD, short {}, pending p95 {} s;",
            usd(score.spend),
            trial.short,
            score.pending_p95_millis / 1000
        );
        for service in &score.services {
            if let (Some(good), Some(asked)) = (service.good, service.objective) {
                print!(
                    " {} {:.3}/{:.1} ({} min)",
                    service.workload,
                    good as f64 / 1e4,
                    asked as f64 / 1e4,
                    service.miss_minutes
                );
            }
        }
        println!();
    }
    if let Some(floor) = &joint.floor {
        println!("  floor {:.2} USD; {:?}", usd(floor.check.spend), floor.check.findings);
        for base in &floor.floor.proof.bases {
            println!("  base {:?}: {} entries", base.pods, base.certificate.tree.len());
        }
    }
    if let Some(shares) = &joint.shares {
        let usd = |amount: i128| amount as f64 / 3.6e15;
        println!(
            "  start-up {:.2}, packing {:.2}, head-room {:.2}",
            usd(shares.start_up),
            usd(shares.packing),
            usd(shares.head_room)
        );
    }
    println!(
        "  replications {:?} met {}",
        joint.replications.0.iter().map(|spend| usd(*spend)).collect::<Vec<_>>(),
        joint.replications.1
    );
    println!(
        "  scaling {:?}",
        joint
            .design
            .scaling
            .iter()
            .flatten()
            .map(|one| (
                one.min,
                one.max,
                one.metrics.clone(),
                one.schedules.len(),
                one.behavior.is_some()
            ))
            .collect::<Vec<_>>()
    );
    println!(
        "  pools {:?}",
        joint.design.pools.iter().map(|pool| (pool.min, pool.max)).collect::<Vec<_>>()
    );
    println!("  {:?} {:?}", joint.design.autoscaler, joint.design.provisioning);
    println!(
        "  {:?}",
        joint
            .layout
            .plan
            .pools
            .iter()
            .map(|pool| joint.layout.problem.sku(pool.kind.sku).name.clone())
            .collect::<Vec<_>>()
    );
    Ok(())
}
