//! The floor: terms from the load model, prices from the packing problem, multipliers by search.
//! The judge derives the figure ([`nodeplan_eval::floor`]).

use super::terms::{INTERVAL_MILLIS, terms};
use super::trial::Demands;
use super::worths::{ascend, sampled, worths};
use crate::{Error, Options, optimize_with};
use ndarray::Array2;
use nodeplan_eval::JudgeOptions;
use nodeplan_eval::floor::{
    DIGITS, FloorCheck, Prices, Stocked, Stocks, check_floor, dearest_core, with_pods,
    without_cores,
};
use nodeplan_model::certificate::{Branch, Certificate, Leaf};
use nodeplan_model::floor::{Base, Floor, FloorProof, FloorTerms, Requirement};
use nodeplan_model::problem::{LoadPoint, Overcommit, Problem, ProblemParts};
use nodeplan_model::scenario::{Scenario, Service};
use nodeplan_model::units::{HOUR_MILLIS, PerMille};
use nodeplan_solve::Control;

/// Work of the search for prices.
const WORK: u64 = 3_000_000;
/// Near enough: a tree that proves a thousandth more is not worth its leaves.
const GAP_PPM: u64 = 2_000;
/// A tree with more leaves costs more time than it proves.
const MOST_LEAVES: usize = 400;
/// Intervals times workloads times leaves that are looked at.
const MOST_CELLS: u64 = 400_000_000;
/// Leading bits of arrivals that a search for worths looks at, at least, ...
const ROUGH_DIGITS: u32 = 4;
/// ... and stocks times different arrivals beyond which it does not look at all.
const ROUGH_SIZE: usize = 100_000;
/// The worth of CPU is searched to this part of the most that it may be.
const CORE_PARTS: u64 = 16;
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
    let task = Task { room, scenario, demands, terms, rooms, control };
    let Some(mut best) = task.floor(0, false)? else { return Ok(None) };
    // What is proven is concave in the worth of CPU: look at the middle and the end, then near the best.
    let most = dearest_core(&task.room);
    let mut step = most / 2;
    let mut tried = vec![0];
    while step > most / CORE_PARTS && !(control.interrupt)() {
        let now = best.floor.proof.core_worth;
        for worth in [now + step, now.saturating_sub(step), most] {
            if tried.contains(&worth) || worth > most {
                continue;
            }
            tried.push(worth);
            if let Some(found) = task.floor(worth, false)?
                && found.check.spend > best.check.spend
            {
                best = found;
            }
        }
        step /= 2;
    }
    if best.floor.proof.limits.is_empty()
        && !(control.interrupt)()
        && let Some(found) = task.floor(best.floor.proof.core_worth, true)?
        && found.check.spend > best.check.spend
    {
        best = found;
    }
    Ok(Some(best))
}

/// What a floor is asked for.
struct Task<'a> {
    /// The packing problem that no run escapes.
    room: Problem,
    scenario: &'a Scenario,
    demands: &'a Demands,
    terms: FloorTerms,
    rooms: &'a [u32],
    control: Control<'a>,
}

impl Task<'_> {
    /// The floor where CPU of nodes is worth so much. Where pods are too many for exact costs it is by
    /// linear prices, and only `whole` with certificates that branch, which cost far more time.
    fn floor(&self, core_worth: u64, whole: bool) -> Result<Option<Floored>, Error> {
        let Self { scenario, demands, terms, rooms, control, .. } = self;
        let Some(room) = without_cores(&self.room, core_worth) else { return Ok(None) };
        let means = mean_pods(scenario, terms, &room, rooms);
        // Prices of the linear relaxation, for any number of pods: duals are wanted, not a tree.
        let Some(certificate) = proof_of(&room, &means, 0, *control)? else { return Ok(None) };
        let base = Base { pods: rooms.to_vec(), certificate: first_leaf(certificate) };
        let judge = JudgeOptions::default();
        let Ok(linear) = Prices::of(&room, &base, &judge) else { return Ok(None) };
        if let Some(proof) = stocked(&room, terms, rooms, (&base, &linear), demands) {
            return Ok(Some(self.judged(FloorProof { core_worth, ..proof }, &linear)));
        }
        let size = terms.intervals.saturating_mul(rooms.len() as u64).max(1);
        let mut leaves = (MOST_CELLS / size).max(1).saturating_sub(1);
        let (mut priced, mut kept) = (vec![linear], vec![base]);
        let branched =
            if whole { base_pods(&room, scenario, demands, terms, rooms) } else { vec![] };
        for pods in branched {
            if (control.interrupt)() {
                break;
            }
            let Some(certificate) = proof_of(&room, &pods, 1_000_000, *control)? else { continue };
            let base = Base { pods, certificate };
            if let Ok(prices) = Prices::of(&room, &base, &judge)
                && prices.leaves() <= MOST_LEAVES
                && prices.leaves() as u64 <= leaves
            {
                leaves -= prices.leaves() as u64;
                priced.push(prices);
                kept.push(base);
            }
        }
        // All bases with no worth of pod time, or the linear prices alone with it.
        let some = sampled(terms, &priced);
        let (value, untimed) = worths((&some, rooms), &priced, false, *control);
        let (linear, timed) = worths((&some, rooms), &priced[..1], true, *control);
        let (bases, worths) =
            if linear > value { (kept.drain(..1).collect(), timed) } else { (kept, untimed) };
        let proof = FloorProof {
            rooms: rooms.to_vec(),
            core_worth,
            bases,
            worths,
            ..FloorProof::default()
        };
        Ok(Some(self.judged(proof, &priced[0])))
    }

    /// What the judge says of a proof.
    fn judged(&self, proof: FloorProof, linear: &Prices) -> Floored {
        let core_worth = u128::from(proof.core_worth);
        let price = |at: usize| {
            let cpu = self.demands.strengths[at].map_or(0.0, |one| one.cpu_milli) as u128;
            let used = core_worth.saturating_mul(cpu).saturating_mul(u128::from(HOUR_MILLIS));
            used.saturating_add(linear.least(at, HOUR_MILLIS))
        };
        let prices = (0..self.rooms.len()).map(price).collect();
        let floor = Floor { terms: self.terms.clone(), proof };
        let check = check_floor(&self.room, &floor, &JudgeOptions::default());
        Floored { problem: self.room.clone(), floor, check, prices }
    }
}

/// The floor by the exact cost of all numbers of pods, where they are few enough to look at.
fn stocked(
    room: &Problem,
    terms: &FloorTerms,
    rooms: &[u32],
    (base, linear): (&Base, &Prices),
    demands: &Demands,
) -> Option<FloorProof> {
    let (limits, stocks) = Size::ALL.into_iter().find_map(|size| {
        let own = with_pods(room, &limits(terms, rooms, demands, size))?;
        Some((own.demand().row(0).to_vec(), Stocks::of(&own, terms.system_node)?))
    })?;
    // A rough look is enough to choose worths.
    let rough = (ROUGH_DIGITS..=DIGITS).rev().find_map(|digits| {
        let all = Stocked::new(terms, &stocks, Some(linear), rooms, digits)?;
        (digits == ROUGH_DIGITS || all.size() <= ROUGH_SIZE).then_some(all)
    })?;
    let (worths, presence_worths) = ascend(&rough, terms, linear)?;
    let bases = vec![base.clone()];
    let rooms = rooms.to_vec();
    Some(FloorProof { rooms, bases, worths, presence_worths, limits, ..FloorProof::default() })
}

/// How many numbers of pods are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// More than are needed.
    Roomy,
    /// As many as are needed.
    Tight,
    /// Pods that are always there are left out.
    Changing,
}

impl Size {
    const ALL: [Self; 3] = [Self::Roomy, Self::Tight, Self::Changing];

    fn times(self, factor: f64) -> f64 {
        if self == Self::Roomy { factor } else { 1.0 }
    }
}

/// Numbers of pods beyond which more are of no use: those that the most arrivals need, and some; of
/// pod time what is needed on average, twice.
fn limits(terms: &FloorTerms, rooms: &[u32], demands: &Demands, size: Size) -> Vec<u32> {
    let limit = |(at, one): (usize, &Requirement)| {
        let pods = match one {
            Requirement::Nothing => 0.0,
            Requirement::PodTime { millis } => {
                let all = terms.interval_millis.saturating_mul(terms.intervals).max(1);
                *millis as f64 / all as f64 * size.times(2.0) + 1.0
            }
            Requirement::Requests { offered_milli, curve, .. } => {
                let most = offered_milli.iter().copied().max().unwrap_or(0) as f64;
                let rate = demands.strengths[at].filter(|_| demands.shares[at].is_some());
                match rate {
                    // A thousand thousandths an interval for each pod that is always there.
                    None if size == Size::Changing => 0.0,
                    None => most / 1000.0,
                    Some(one) => {
                        let least = curve.first().map_or(1.0, |step| step.good_milli.max(1) as f64);
                        let each = (one.rate * INTERVAL_MILLIS as f64).max(least);
                        most / each * size.times(1.2) + 1.0
                    }
                }
            }
        };
        let kept = terms.presence.get(at).map_or(0, |one| one.pods);
        (libm::ceil(pods).clamp(0.0, 1e6) as u32).max(kept).min(rooms[at])
    };
    terms.requirements.iter().enumerate().map(limit).collect()
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
                let pods = demands.strengths[at].map_or(0, |one| one.pods(rate));
                pods.max(u32::from(rate > 0.0)).min(rooms[at])
            })
            .collect();
        if !all.contains(&pods) {
            all.push(pods);
        }
    }
    all
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
