//! Which objectives are in reach at all: told before the search, and held near to the best there is.

use super::design::Design;
use super::layouts::Layout;
use super::moves::{Family, behavior};
use super::need::Strength;
use super::trial::{Demands, Trial};
use crate::Error;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{MILLION, Metric, NodeTimes, Scenario};
use nodeplan_model::workload::Workload;
use nodeplan_sim::queueing::table::Tables;

/// Nodes of each pool, times those of the plan, so that no pod waits.
const NODES: u32 = 4;
/// Most nodes of a pool in AKS.
const MOST_NODES: u32 = 1000;
/// A target that every pod is above.
const LEAST_TARGET: u32 = 1;
/// Pods stay so long, seconds.
const STAYS: u32 = 3600;

/// Demands that a run with as many pods as there may be at all times, on nodes that are there at
/// once, can meet: what it misses is out of reach. Where the number of pods is no choice, nothing is
/// told of it.
pub(super) fn in_reach(
    problem: &Problem,
    scenario: &Scenario,
    layout: &Layout,
    demands: Demands,
    frozen: &[Family],
) -> Result<Demands, Error> {
    if frozen.contains(&Family::Minimum) || frozen.contains(&Family::Targets) {
        return Ok(demands);
    }
    let mut design = Design::of(scenario, 0, layout);
    for one in design.scaling.iter_mut().flatten() {
        if !frozen.contains(&Family::Maximum) {
            one.max = super::climb::double(one.max);
        }
        one.min = one.max;
        for metric in &mut one.metrics {
            if let Metric::CpuUtilization(percent) = metric {
                *percent = LEAST_TARGET;
            }
        }
        one.behavior = Some(behavior(true, STAYS));
    }
    // Pods that use more than they request need more nodes, or they miss for want of CPU alone.
    let fuller = |(one, strength): (&Workload, &Option<Strength>)| {
        let used = strength.map_or(0.0, |one| one.cpu_milli);
        libm::ceil(used / one.request.cpu.0.max(1) as f64) as u32
    };
    let rows = problem.workloads().iter().zip(&demands.strengths);
    let nodes = rows.map(fuller).max().unwrap_or(1).max(1).saturating_mul(NODES);
    for pool in &mut design.pools {
        pool.max = pool.max.saturating_mul(nodes).min(MOST_NODES);
        (pool.min, pool.initial) = (pool.max, pool.max);
    }
    let mut quick = scenario.clone();
    quick.times =
        NodeTimes { ready_p50_millis: 1, ready_p95_millis: 1, pull_millis: 0, ..quick.times };
    quick.loads.iter_mut().for_each(|load| load.startup_millis = 0);
    let trial = Trial::scored(layout, &design, &quick, &demands, &mut Tables::new())?;
    // Of pods that wait for a node all the same nothing can be said.
    let waits = |at: usize| {
        trial
            .run
            .timeline
            .totals
            .get(at)
            .is_none_or(|one| one.missing_millis > one.pod_millis / 1000)
    };
    let mut demands = demands;
    for at in 0..problem.workloads().len().min(scenario.loads.len()) {
        let Some(asked) = demands.shares[at].filter(|_| !waits(at)) else { continue };
        let Some(best) = trial.run.scorecard.services[at].good else { continue };
        if best < asked.min(MILLION) {
            demands.hold(problem, scenario, at, best);
        }
    }
    Ok(demands)
}
