//! The floor: terms from the load model, prices from the packing problem, multipliers by search.
//! The judge derives the figure ([`nodeplan_eval::floor`]).

use super::terms::{INTERVAL_MILLIS, terms};
use super::trial::Demands;
use crate::{Error, Options, optimize_with};
use ndarray::Array2;
use nodeplan_eval::JudgeOptions;
use nodeplan_eval::floor::{
    DIGITS, FloorCheck, Ledger, Prices, Sloped, Stocked, Stocks, check_floor, dearest_core,
    with_pods, without_cores,
};
use nodeplan_model::certificate::{Branch, Certificate, Leaf};
use nodeplan_model::floor::{Base, Floor, FloorProof, FloorTerms, Presence, Requirement};
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
    let Some(mut best) = task.floor(0)? else { return Ok(None) };
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
            if let Some(found) = task.floor(worth)?
                && found.check.spend > best.check.spend
            {
                best = found;
            }
        }
        step /= 2;
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
    /// The floor where CPU of nodes is worth so much.
    fn floor(&self, core_worth: u64) -> Result<Option<Floored>, Error> {
        let Self { scenario, demands, terms, rooms, control, .. } = self;
        let Some(room) = without_cores(&self.room, core_worth) else { return Ok(None) };
        let means = mean_pods(scenario, terms, &room, rooms);
        // Prices of the linear relaxation, for any number of pods: duals are wanted, not a tree.
        let Some(certificate) = proof_of(&room, &means, 0, *control)? else { return Ok(None) };
        let mut bases = vec![Base { pods: rooms.to_vec(), certificate: first_leaf(certificate) }];
        let judge = JudgeOptions::default();
        if let Some(proof) = stocked(&room, terms, rooms, &bases[0], demands) {
            let linear = Prices::of(&room, &bases[0], &judge).ok();
            return Ok(Some(self.judged(FloorProof { core_worth, ..proof }, linear.as_ref())));
        }
        for pods in base_pods(&room, scenario, demands, terms, rooms) {
            if (control.interrupt)() {
                break;
            }
            if let Some(certificate) = proof_of(&room, &pods, 1_000_000, *control)? {
                bases.push(Base { pods, certificate });
            }
        }
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
        let (value, untimed) = worths(terms, &priced, rooms, false);
        let (linear, timed) = worths(terms, &priced[..priced.len().min(1)], rooms, true);
        let (bases, worths) =
            if linear > value { (kept.drain(..1).collect(), timed) } else { (kept, untimed) };
        let proof = FloorProof {
            rooms: rooms.to_vec(),
            core_worth,
            bases,
            worths,
            ..FloorProof::default()
        };
        Ok(Some(self.judged(proof, priced.first())))
    }

    /// What the judge says of a proof.
    fn judged(&self, proof: FloorProof, linear: Option<&Prices>) -> Floored {
        let core_worth = u128::from(proof.core_worth);
        let price = |at: usize| {
            let cpu = self.demands.strengths[at].map_or(0.0, |one| one.cpu_milli) as u128;
            let used = core_worth.saturating_mul(cpu).saturating_mul(u128::from(HOUR_MILLIS));
            used.saturating_add(linear.map_or(0, |one| one.least(at, HOUR_MILLIS)))
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
    base: &Base,
    demands: &Demands,
) -> Option<FloorProof> {
    let judge = JudgeOptions::default();
    let linear = Prices::of(room, base, &judge).ok()?;
    let (limits, stocks) = Size::ALL.into_iter().find_map(|size| {
        let own = with_pods(room, &limits(terms, rooms, demands, size))?;
        Some((own.demand().row(0).to_vec(), Stocks::of(&own, terms.system_node)?))
    })?;
    // A rough look is enough to choose worths.
    let rough = (ROUGH_DIGITS..=DIGITS).rev().find_map(|digits| {
        let all = Stocked::new(terms, &stocks, Some(&linear), rooms, digits)?;
        (digits == ROUGH_DIGITS || all.size() <= ROUGH_SIZE).then_some(all)
    })?;
    let (worths, presence_worths) = ascend(&rough, terms, &linear)?;
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

/// Turns of all worths, and steps of one, in the search for them.
const ASCENTS: usize = 5;
const HALVINGS: usize = 12;
/// Steps of all worths at once, the first as a power of two, and how they shrink.
const STEPS: usize = 24;
const FIRST_STEP: f64 = 0.7;
const SHRINKS: f64 = 0.88;

/// Worths that prove much, of misses and pod time, then of presence: for one after the other the
/// worth at which as much is missing as may be, or at which more proves nothing more.
fn ascend(all: &Stocked<'_>, terms: &FloorTerms, linear: &Prices) -> Option<(Vec<u64>, Vec<u64>)> {
    let count = terms.requirements.len();
    let price = |at: usize| {
        u64::try_from(linear.least(at, terms.interval_millis)).unwrap_or(u64::MAX).min(1 << 50)
    };
    let start = |(at, one): (usize, &Requirement)| match one {
        Requirement::Nothing => 0,
        Requirement::PodTime { .. } => price(at),
        Requirement::Requests { curve, .. } => {
            let good = curve.last().map_or(1, |step| step.good_milli.max(1));
            (price(at) / good).max(1) * 2
        }
    };
    let kept = |(at, one): (usize, &Presence)| if one.pods > 0 { price(at) / 1000 + 1 } else { 0 };
    let mut best: Vec<u64> = terms.requirements.iter().enumerate().map(start).collect();
    best.extend(terms.presence.iter().enumerate().map(kept));
    let widest: Vec<f64> =
        best.iter().map(|worth| libm::log2(*worth as f64 + 2.0) + 12.0).collect();
    let moving: Vec<usize> = (0..best.len()).filter(|at| best[*at] > 0).collect();
    let total = |now: &[u64]| all.total(&now[..count], &now[count..]);
    let mut value = total(&best)?.value;
    for _ in 0..ASCENTS {
        let before = value;
        for &at in &moving {
            let (mut low, mut high) = ((widest[at] - 24.0).max(0.0), widest[at]);
            let mut now = best.clone();
            for _ in 0..HALVINGS {
                let middle = (low + high) / 2.0;
                now[at] = libm::exp2(middle) as u64;
                let found = total(&now)?;
                if found.value > value {
                    (value, best) = (found.value, now.clone());
                }
                if found.slope(at) > 0 { low = middle } else { high = middle }
            }
        }
        together(&total, &mut value, &mut best)?;
        if value - before <= value.abs() / 2000 {
            break;
        }
    }
    let presence = best.split_off(count);
    Some((best, presence))
}

/// All worths at once, each in the direction that helps, by steps that become smaller: where one alone
/// cannot move, since pods share nodes (subgradient method, Shor 1985, on logarithms).
fn together(
    total: &dyn Fn(&[u64]) -> Option<Sloped>,
    value: &mut i128,
    best: &mut Vec<u64>,
) -> Option<()> {
    let mut now = best.clone();
    let mut widest = vec![1_i128; now.len()];
    let mut step = FIRST_STEP;
    for _ in 0..STEPS {
        let found = total(&now)?;
        if found.value > *value {
            (*value, *best) = (found.value, now.clone());
        }
        for (at, worth) in now.iter_mut().enumerate() {
            let slope = found.slope(at);
            widest[at] = widest[at].max(slope.abs());
            let part = slope as f64 / widest[at] as f64;
            *worth = (*worth as f64 * libm::exp2(step * part)) as u64;
        }
        step *= SHRINKS;
    }
    Some(())
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
