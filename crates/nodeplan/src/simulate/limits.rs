//! What keeps a staged scenario from running, told where it was written.

use super::Inputs;
use super::names::{Names, clip};
use nodeplan_io::diagnostic::{ImportError, Place};
use nodeplan_io::yaml::Arrivals;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::Scenario;
use nodeplan_sim::world::{Amount, SimError, check};

/// Notes every reason why the scenario cannot run.
pub(super) fn all(
    problem: &Problem,
    plan: &Plan,
    inputs: &Inputs,
    scenario: &Scenario,
    names: &mut Names<'_>,
) {
    let faults = check(problem, plan, scenario).err().unwrap_or_default();
    for fault in faults {
        let told = match &fault {
            SimError::CircularCalls { workloads } => circle(problem, inputs, workloads, names),
            SimError::TooLarge { what, got, most } => {
                too_large(problem, plan, inputs, (*what, *got, *most), names)
            }
            _ => ImportError::new(fault.code(), Place::whole("--scenario"), fault.to_string()),
        };
        names.faults.push(told);
    }
}

/// Calls in a circle, at the first of them that a file names.
fn circle(
    problem: &Problem,
    inputs: &Inputs,
    workloads: &[usize],
    names: &Names<'_>,
) -> ImportError {
    let name = |at: usize| problem.workloads()[at].full_name();
    let around = workloads.iter().chain(workloads.first());
    let told: Vec<String> = around.map(|&at| format!("`{}`", clip(&name(at)))).collect();
    let caller = |arrivals: &Arrivals| match arrivals {
        Arrivals::Calls { caller, .. } => Some((names.find(&caller.name)?, caller.place.clone())),
        _ => None,
    };
    let entries = inputs.load.workloads.iter();
    let own = entries.flat_map(|entry| entry.arrivals.iter().map(|one| (&entry.workload, one)));
    let calls = own.chain(inputs.maps.iter().map(|(workload, one)| (workload, one)));
    let mut places = calls.filter_map(|(workload, arrivals)| {
        let at = workloads.iter().position(|&at| names.find(&workload.name) == Some(at))?;
        let next = workloads[(at + 1) % workloads.len()];
        caller(arrivals).filter(|(caller, _)| *caller == next).map(|(_, place)| place)
    });
    let place = places.next().unwrap_or_else(|| Place::whole("--load"));
    let message = format!("calls go in a circle: {}", told.join(" per "));
    let help = "let one of them take traffic in the place of calls: arrivals: trace";
    ImportError::new("NP4002", place, message).help(help)
}

/// A number beyond what a run can hold, at the workload or pool that a scenario names.
fn too_large(
    problem: &Problem,
    plan: &Plan,
    inputs: &Inputs,
    (what, got, most): (Amount, u64, u64),
    names: &Names<'_>,
) -> ImportError {
    let (place, message, help) = match what {
        Amount::Run => {
            let message = "the run is as long as its traffic, and that is too long".to_owned();
            let help = "give it an end: --horizon 365d".to_owned();
            return ImportError::new("NP4003", Place::whole("--traffic"), message)
                .expected("at most 3660d")
                .help(help);
        }
        Amount::Nodes(pool) => {
            let name = plan.pools[pool].name.as_str();
            let entry = inputs.scenario.pools.iter().find(|entry| entry.pool.name == name);
            let message = format!("pool `{}` may have {got} nodes", clip(name));
            let help = format!("lower it in a scenario: pools: {{{name}: {{max: {most}}}}}");
            (entry.map(|entry| entry.pool.place.clone()), message, help)
        }
        Amount::Replicas(app)
        | Amount::MostReplicas(app)
        | Amount::Jobs(app)
        | Amount::QueueLag(app)
        | Amount::Ending(app) => {
            let name = problem.workloads()[app].full_name();
            let entries = &inputs.scenario.workloads;
            let entry = entries.iter().find(|one| names.find(&one.workload.name) == Some(app));
            let name = clip(&name);
            let (message, field) = match what {
                Amount::QueueLag(_) => {
                    (format!("queue_lag of workload `{name}` is {got} ms"), "queue_lag: 24h")
                }
                Amount::Ending(_) => {
                    (format!("termination of workload `{name}` is {got} ms"), "termination: 30s")
                }
                Amount::Jobs(_) => (format!("workload `{name}` runs {got} jobs"), "jobs: 1000000"),
                _ => (format!("workload `{name}` may have {got} replicas"), "min: 1, max: 1000000"),
            };
            let help = format!("lower it in a scenario: workloads: {{{name}: {{{field}}}}}");
            (entry.map(|entry| entry.workload.place.clone()), message, help)
        }
    };
    let place = place.unwrap_or_else(|| Place::whole("the plan or cluster"));
    ImportError::new("NP4003", place, message).expected(format!("at most {most}")).help(help)
}
