//! Pools to choose from: for loads clustered from the trace the cheapest pools are computed, under
//! different limits on the size of a node, since small nodes follow the load and large ones waste
//! less on reservations.

use super::need::Arrivals;
use super::trial::Demands;
use crate::{Error, Optimized, Options, optimize_with};
use ndarray::Array2;
use nodeplan_model::plan::{Plan, PoolMode};
use nodeplan_model::problem::{LoadPoint, Problem, ProblemParts};
use nodeplan_model::scenario::{Metric, PoolBounds, Scenario};
use nodeplan_model::units::DAY_MILLIS;
use nodeplan_solve::Control;

/// Pools with the proof that they are cheap for the loads they were computed for.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How it came to be, for people: `nodes of at most 8 vCPUs`.
    pub name: String,
    /// The problem whose plan it is.
    pub problem: Problem,
    /// The plan.
    pub plan: Plan,
    /// The solver's answer with its proof.
    pub solved: Optimized,
    /// Bounds of the pools to start the search from.
    pub bounds: Vec<PoolBounds>,
}

/// Quantiles of the load that make load points, and the share of a day that each stands for, percent.
const POINTS: [(u64, u64); 3] = [(25, 45), (70, 45), (100, 10)];
/// Names of those points.
const NAMES: [&str; 3] = ["low", "middle", "high"];
/// Largest nodes, vCPUs, and most pools, of the layouts that are tried.
const LIMITS: [(u32, Option<u32>); 7] = [
    (u32::MAX, None),
    (u32::MAX, Some(1)),
    (2, None),
    (4, None),
    (8, None),
    (16, None),
    (8, Some(1)),
];
/// Work of one layout: a good plan is enough, its proof is not what counts here.
const WORK: u64 = 3_000_000;
/// Loads are told apart in so many milliseconds.
const GRAIN_MILLIS: u64 = 300_000;

/// The pods of every workload that each load point needs, load points × workloads.
#[must_use]
pub fn levels(problem: &Problem, scenario: &Scenario, demands: &Demands) -> Array2<u32> {
    let grain = GRAIN_MILLIS.min(scenario.horizon_millis.max(1));
    let arrivals = Arrivals::of(scenario, grain);
    let count = problem.workloads().len();
    let needs: Vec<Vec<u32>> = (0..arrivals.intervals())
        .map(|at| {
            (0..count)
                .map(|workload| pods(scenario, demands, workload, arrivals.rate(workload, at)))
                .collect()
        })
        .collect();
    let mut order: Vec<usize> = (0..needs.len()).collect();
    let weight = |at: usize| -> u64 {
        let cpu = problem.workloads().iter().map(|one| one.request.cpu.0);
        needs[at].iter().zip(cpu).map(|(pods, cpu)| u64::from(*pods) * cpu).sum()
    };
    order.sort_by_key(|at| (weight(*at), *at));
    let point = |quantile: u64| order.get((order.len() * quantile as usize / 100).max(1) - 1);
    Array2::from_shape_fn((POINTS.len(), count), |(at, workload)| {
        let (quantile, _) = POINTS[at];
        if quantile == 100 {
            return needs.iter().map(|row| row[workload]).max().unwrap_or(0);
        }
        // A workload never has more pods at a lower point.
        let upto = order.iter().take(order.len() * quantile as usize / 100 + 1);
        let own = point(quantile).map_or(0, |at| needs[*at][workload]);
        upto.map(|at| needs[*at][workload]).max().unwrap_or(own).min(own.max(1) * 2).max(own)
    })
}

/// Pods that an autoscaler at its target would run for a rate, at least one.
fn pods(scenario: &Scenario, demands: &Demands, workload: usize, rate: f64) -> u32 {
    let Some(scaling) = &scenario.scaling[workload] else { return scenario.replicas[workload] };
    let Some(one) = demands.strengths[workload] else { return scenario.replicas[workload] };
    let wanted = libm::ceil(rate / one.rate.max(1e-9)).clamp(1.0, 1e6) as u32;
    wanted.min(scaling.max.max(1))
}

/// The target, percent of the CPU request, at which pods meet their objective, if they scale by CPU.
#[must_use]
pub fn target(
    problem: &Problem,
    scenario: &Scenario,
    demands: &Demands,
    workload: usize,
) -> Option<u32> {
    let scaling = scenario.scaling[workload].as_ref()?;
    scaling.metrics.iter().find(|metric| matches!(metric, Metric::CpuUtilization(_)))?;
    demands.shares[workload]?;
    let one = demands.strengths[workload]?;
    let request = problem.workloads()[workload].request.cpu.0.max(1);
    Some((one.cpu_milli * 100.0 / request as f64).clamp(1.0, 10_000.0) as u32)
}

/// Every layout that has a plan, none twice.
///
/// # Errors
/// Faults of the solver.
pub fn layouts(
    problem: &Problem,
    scenario: &Scenario,
    demands: &Demands,
    control: Control<'_>,
) -> Result<Vec<Layout>, Error> {
    let demand = levels(problem, scenario, demands);
    let mut found: Vec<Layout> = Vec::new();
    for (vcpus, most) in LIMITS {
        if (control.interrupt)() && !found.is_empty() {
            break;
        }
        let Some(narrowed) = narrowed(problem, &demand, vcpus, most) else { continue };
        let options = Options::default().within(WORK);
        let options = Options {
            solve: nodeplan_solve::Options { gap_ppm: 2_000, ..options.solve },
            ..options
        };
        let solved = optimize_with(&narrowed, &options, control)?;
        let Some(plan) = solved.plan.clone() else { continue };
        let known =
            |other: &Layout| sizes(&other.problem, &other.plan) == sizes(&solved.problem, &plan);
        if found.iter().any(known) {
            continue;
        }
        let bounds = bounds(&plan, solved.problem.points().len());
        let name = match (vcpus, most) {
            (u32::MAX, None) => "any sizes".to_owned(),
            (u32::MAX, Some(_)) => "one pool".to_owned(),
            (vcpus, None) => format!("nodes of at most {vcpus} vCPUs"),
            (vcpus, Some(_)) => format!("one pool, nodes of at most {vcpus} vCPUs"),
        };
        found.push(Layout { name, problem: solved.problem.clone(), plan, solved, bounds });
    }
    Ok(found)
}

/// Names of the sizes and groups of a plan's pools.
fn sizes<'a>(problem: &'a Problem, plan: &Plan) -> Vec<(&'a str, u32, u32)> {
    let one = |pool: &nodeplan_model::plan::NodePool| {
        (problem.sku(pool.kind.sku).name.as_str(), pool.kind.group.0, pool.kind.max_pods)
    };
    let mut all: Vec<_> = plan.pools.iter().map(one).collect();
    all.sort_unstable();
    all
}

/// The problem at the levels of the trace, with small nodes only.
fn narrowed(
    problem: &Problem,
    demand: &Array2<u32>,
    vcpus: u32,
    most: Option<u32>,
) -> Option<Problem> {
    let mut parts: ProblemParts = problem.parts().clone();
    parts.skus.retain(|sku| sku.vcpus <= vcpus);
    parts.points = POINTS
        .iter()
        .zip(NAMES)
        .map(|((_, percent), name)| LoadPoint {
            name: name.to_owned(),
            weight_millis: DAY_MILLIS / 100 * percent,
        })
        .collect();
    parts.demand = demand.clone();
    if let Some(most) = most {
        parts.cluster.max_pools = Some(most);
    }
    Problem::new(parts).ok()
}

/// Bounds to start from: as few nodes as the lowest load needs, half as many again as the highest.
fn bounds(plan: &Plan, points: usize) -> Vec<PoolBounds> {
    let small = |nodes: u64| u32::try_from(nodes).unwrap_or(u32::MAX);
    let mut rows: Vec<PoolBounds> = plan
        .pools
        .iter()
        .map(|pool| {
            let most = (0..points).map(|point| pool.nodes(point)).max().unwrap_or(0).max(1);
            let least = pool.nodes(0).min(most);
            PoolBounds {
                min: small(least),
                max: small(most.saturating_add(most / 2).saturating_add(1)),
                initial: small(pool.nodes(1.min(points - 1)).max(least)),
                spot: false,
                priority: Some(0),
                zones: Vec::new(),
                schedules: Vec::new(),
            }
        })
        .collect();
    // A node of mode System is there at all times.
    let system = |at: &usize| plan.pools[*at].mode == PoolMode::System;
    if !(0..rows.len()).filter(system).any(|at| rows[at].min > 0)
        && let Some(at) = (0..rows.len()).find(system)
    {
        rows[at].min = 1;
        rows[at].initial = rows[at].initial.max(1);
    }
    rows
}
