//! The floor: terms from the load model, prices from the packing problem, multipliers by search.
//! The judge derives the figure ([`nodeplan_eval::floor`]).

use super::terms::{INTERVAL_MILLIS, terms};
use super::trial::Demands;
use crate::{Error, Options, optimize_with};
use ndarray::Array2;
use nodeplan_eval::JudgeOptions;
use nodeplan_eval::floor::{FloorCheck, Ledger, Prices, check_floor, with_pods};
use nodeplan_model::certificate::{Branch, Certificate, Leaf};
use nodeplan_model::floor::{Base, Floor, FloorProof, FloorTerms, Requirement};
use nodeplan_model::problem::{LoadPoint, Overcommit, Problem, ProblemParts};
use nodeplan_model::scenario::{Scenario, Service};
use nodeplan_model::units::PerMille;
use nodeplan_solve::Control;

/// Prices hold for an hour.
const HOUR_MILLIS: u64 = 3_600_000;
/// Work of the search for prices.
const WORK: u64 = 3_000_000;
/// Near enough: a tree that proves a thousandth more is not worth its leaves.
const GAP_PPM: u64 = 2_000;
/// A tree with more leaves costs more time than it proves.
const MOST_LEAVES: usize = 400;
/// Quantiles of the load whose pods are counted in whole nodes, percent.
const QUANTILES: [usize; 6] = [0, 20, 50, 75, 90, 98];

/// A floor and what it proves.
#[derive(Clone, Debug)]
pub struct Floored {
    /// The problem whose nodes the prices are for.
    pub problem: Problem,
    /// Terms and proof.
    pub floor: Floor,
    /// The judge's word.
    pub check: FloorCheck,
    /// Prices an hour that the judge made legal, units of spend, per workload.
    pub prices: Vec<u128>,
}

/// The floor of a scenario: no run that meets the demands costs less, whatever scales it.
/// `rooms`: the most pods of each workload that a design may have.
///
/// # Errors
/// Faults of the solver.
pub fn floor_of(
    problem: &Problem,
    scenario: &Scenario,
    demands: &Demands,
    rooms: &[u32],
    control: Control<'_>,
) -> Result<Option<Floored>, Error> {
    let terms = terms(problem, scenario, demands, rooms);
    let Some(room) = plain(problem, scenario, rooms) else { return Ok(None) };
    let means = mean_pods(scenario, &terms, problem, rooms);
    // Prices of the linear relaxation, for any number of pods: duals are wanted, not a tree.
    let Some(certificate) = proof_of(&room, &means, 0, control)? else { return Ok(None) };
    let mut bases = vec![Base { pods: rooms.to_vec(), certificate: first_leaf(certificate) }];
    for pods in base_pods(problem, scenario, demands, &terms, rooms) {
        if (control.interrupt)() {
            break;
        }
        if let Some(certificate) = proof_of(&room, &pods, 1_000_000, control)? {
            bases.push(Base { pods, certificate });
        }
    }
    let judge = JudgeOptions::default();
    let mut priced = Vec::new();
    let mut kept = Vec::new();
    for base in bases {
        if let Ok(prices) = Prices::of(&room, &base, &judge)
            && prices.leaves() <= MOST_LEAVES
        {
            priced.push(prices);
            kept.push(base);
        }
    }
    // All bases with no worth of pod time, or the linear prices alone with it.
    let (value, worths) = worths(&terms, &priced, rooms, false);
    let (linear, timed) = worths_of_time(&terms, &priced, rooms);
    let (bases, worths) =
        if linear > value { (kept.drain(..1).collect(), timed) } else { (kept, worths) };
    let proof = FloorProof { rooms: rooms.to_vec(), bases, worths };
    let floor = Floor { terms, proof };
    let check = check_floor(&room, &floor, &judge);
    let prices = (0..rooms.len()).map(|at| priced[0].least(at, HOUR_MILLIS)).collect();
    Ok(Some(Floored { problem: room, floor, check, prices }))
}

/// The duals of the first leaf alone; the judge scales them until they are legal by themselves.
fn first_leaf(certificate: Certificate) -> Certificate {
    let leaf = certificate.tree.into_iter().find_map(|branch| match branch {
        Branch::Leaf(leaf) => Some(leaf),
        _ => None,
    });
    let leaf =
        leaf.map_or_else(Leaf::default, |leaf| Leaf { demand: leaf.demand, ..Leaf::default() });
    Certificate { tree: vec![Branch::Leaf(leaf)], ..certificate }
}

/// A certificate for so many pods, branched on where the plan is that near to its bound.
fn proof_of(
    room: &Problem,
    pods: &[u32],
    proof_ppm: u64,
    control: Control<'_>,
) -> Result<Option<Certificate>, Error> {
    let Some(problem) = with_pods(room, pods) else { return Ok(None) };
    let mut options = Options::default().within(WORK);
    options.solve.proof_ppm = proof_ppm;
    options.solve.gap_ppm = GAP_PPM;
    Ok(optimize_with(&problem, &options, control)?.certificate)
}

/// Pods that a run must have at some quantiles of the load, those that are always there included.
fn base_pods(
    problem: &Problem,
    scenario: &Scenario,
    demands: &Demands,
    terms: &FloorTerms,
    rooms: &[u32],
) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = Vec::new();
    for quantile in QUANTILES {
        let pods: Vec<u32> = (0..problem.workloads().len())
            .map(|at| {
                let Requirement::Requests { offered_milli, .. } = &terms.requirements[at] else {
                    return 0;
                };
                if scenario.loads[at].service == Service::None {
                    return scenario.replicas[at];
                }
                let mut offered = offered_milli.clone();
                offered.sort_unstable();
                let place = (offered.len() * quantile / 100).min(offered.len().saturating_sub(1));
                let rate = offered.get(place).copied().unwrap_or(0) as f64 / INTERVAL_MILLIS as f64;
                let pods =
                    demands.strengths[at].map_or(0.0, |one| libm::ceil(rate / one.rate.max(1e-9)));
                (pods.clamp(0.0, 1e6) as u32).max(u32::from(rate > 0.0)).min(rooms[at])
            })
            .collect();
        if !all.contains(&pods) {
            all.push(pods);
        }
    }
    all
}

/// The linear prices alone, with pod time at its price.
fn worths_of_time(terms: &FloorTerms, priced: &[Prices], rooms: &[u32]) -> (u128, Vec<u64>) {
    worths(terms, &priced[..priced.len().min(1)], rooms, true)
}

/// Worths that prove much, and what they prove: from those that are best by linear prices alone, one
/// workload after the other up or down as long as that proves more.
fn worths(terms: &FloorTerms, priced: &[Prices], rooms: &[u32], time: bool) -> (u128, Vec<u64>) {
    let Some(linear) = priced.first() else { return (0, vec![0; rooms.len()]) };
    let price = |at: usize| linear.least(at, terms.interval_millis);
    let start: Vec<u64> = (0..rooms.len())
        .map(|at| match &terms.requirements[at] {
            Requirement::Nothing => 0,
            Requirement::PodTime { .. } if time => u64::try_from(price(at)).unwrap_or(0),
            Requirement::PodTime { .. } => 0,
            Requirement::Requests { curve, .. } => {
                let good = curve.last().map_or(1, |step| step.good_milli.max(1));
                u64::try_from(price(at) / u128::from(good)).unwrap_or(u64::MAX / 8).max(1)
            }
        })
        .collect();
    let mut best = (0, start.clone());
    for times in [2, 30] {
        let from: Vec<u64> = start
            .iter()
            .zip(&terms.requirements)
            .map(|(worth, one)| match one {
                Requirement::Requests { .. } => worth.saturating_mul(times),
                _ => *worth,
            })
            .collect();
        let Some(mut ledger) = Ledger::new(terms, priced, rooms, &from) else { continue };
        climb(&mut ledger, &from, &mut best);
    }
    best
}

/// Steps a multiplier takes, thousandths of itself.
const FACTORS: [u64; 6] = [4000, 1500, 1100, 900, 600, 250];
/// Turns of all workloads.
const TURNS: usize = 6;

fn climb(ledger: &mut Ledger<'_>, from: &[u64], best: &mut (u128, Vec<u64>)) {
    let mut now = from.to_vec();
    let mut value = ledger.total().unwrap_or(0);
    for _ in 0..TURNS {
        let mut better = false;
        for at in (0..now.len()).filter(|at| from[*at] > 0) {
            for factor in FACTORS {
                let next = now[at] / 1000 * factor + now[at] % 1000 * factor / 1000;
                if ledger.set(at, next.max(1)).is_none() {
                    return;
                }
                match ledger.total() {
                    Some(total) if total > value => {
                        (value, now[at], better) = (total, next.max(1), true)
                    }
                    _ => {}
                }
            }
            if ledger.set(at, now[at]).is_none() {
                return;
            }
        }
        if !better {
            break;
        }
    }
    if value > best.0 || best.0 == 0 {
        *best = (value, now);
    }
}

/// Mean pods that the terms need, for prices of a mix like that of a run: at least one, since a
/// workload that is never there is worth nothing.
fn mean_pods(
    scenario: &Scenario,
    terms: &FloorTerms,
    problem: &Problem,
    rooms: &[u32],
) -> Vec<u32> {
    let horizon = scenario.horizon_millis.max(1);
    let one = |at: usize| -> f64 {
        match &terms.requirements[at] {
            Requirement::Nothing => f64::from(scenario.replicas[at]),
            Requirement::PodTime { millis } => *millis as f64 / horizon as f64,
            Requirement::Requests { offered_milli, curve, .. } => {
                let most = curve.last().map_or(1, |step| step.good_milli.max(1));
                let sum: f64 = offered_milli.iter().map(|offered| *offered as f64).sum();
                sum / most as f64 / offered_milli.len().max(1) as f64
            }
        }
    };
    // Ten times as many: fractions of pods count in prices, not in nodes.
    (0..problem.workloads().len())
        .map(|at| {
            let pods = libm::ceil(one(at) * 10.0).clamp(0.0, 1e6) as u32;
            pods.max(u32::from(rooms[at] > 0))
        })
        .collect()
}

/// The packing problem that no run escapes: requests alone, no head-room, no rule beyond where pods
/// may go; each size at the cheapest rate that the scenario may pay.
fn plain(problem: &Problem, scenario: &Scenario, pods: &[u32]) -> Option<Problem> {
    let mut parts: ProblemParts = problem.parts().clone();
    parts.points = vec![LoadPoint { name: "hour".to_owned(), weight_millis: HOUR_MILLIS }];
    parts.demand = Array2::from_shape_vec((1, pods.len()), pods.to_vec()).ok()?;
    let cluster = &mut parts.cluster;
    cluster.max_pools = None;
    cluster.burst = nodeplan_model::problem::Burst::default();
    cluster.overcommit = Overcommit::default();
    cluster.headroom = PerMille::default();
    cluster.sustained_cpu = false;
    for workload in &mut parts.workloads {
        workload.max_per_node = None;
    }
    if scenario.pools.iter().any(|pool| pool.spot) {
        for sku in &mut parts.skus {
            if let Some(spot) = &sku.rates.spot {
                sku.rates.on_demand = sku.rates.on_demand.min(spot.rate);
            }
        }
    }
    Problem::new(parts).ok()
}
