//! Pools to choose from: for loads clustered from the trace the cheapest pools are computed, under
//! different limits on the size of a node, since small nodes follow the load and large ones waste
//! less on reservations.

use super::moves::Family;
use super::need::Arrivals;
use super::pods::{Pods, Room};
use super::trial::Demands;
use crate::simulate::planned;
use crate::{Error, Optimized, Options, optimize_with};
use ndarray::Array2;
use nodeplan_model::catalog::Sku;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::{LoadPoint, Problem, ProblemParts};
use nodeplan_model::scenario::{Metric, PoolBounds, Scenario};
use nodeplan_model::timeline::Timeline;
use nodeplan_model::units::DAY_MILLIS;
use nodeplan_model::workload::Workload;
use nodeplan_solve::Control;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Pods of the problem that are not as the inputs have them.
    pub pods: Pods,
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
/// More of them for clusters of more workloads than so many.
const MORE_LIMITS: [(u32, Option<u32>); 3] = [(32, None), (16, Some(1)), (32, Some(1))];
const MANY: usize = 12;
/// What the name of a layout without spot nodes ends with, where there may be such.
const NO_SPOT: &str = ", no spot";
/// Work of one layout: a good plan is enough, its proof is not what counts here.
const WORK: u64 = 3_000_000;
/// And a plan so near to its bound is good enough.
const GAP_PPM: u64 = 2_000;
/// Most layouts for other pods that are solved at a time.
const MOST_PODS: usize = 40;
/// Most layouts with other sizes that are solved at a time.
const MOST_GROWN: usize = 60;
/// Labels of the solver that take as long as a day of one workload takes to be simulated.
const LABELS: u64 = 15_000;
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
    points(problem.workloads(), &needs)
}

/// The pods of every workload at each load point, of those that they need at many times.
fn points(workloads: &[Workload], needs: &[Vec<u32>]) -> Array2<u32> {
    let mut order: Vec<usize> = (0..needs.len()).collect();
    let weight = |at: usize| -> u64 {
        let cpu = workloads.iter().map(|one| one.request.cpu.0);
        needs[at].iter().zip(cpu).map(|(pods, cpu)| u64::from(*pods) * cpu).sum()
    };
    order.sort_by_key(|at| (weight(*at), *at));
    let point = |quantile: u64| order.get((order.len() * quantile as usize / 100).max(1) - 1);
    Array2::from_shape_fn((POINTS.len(), workloads.len()), |(at, workload)| {
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
    one.pods(rate).max(1).min(scaling.max.max(1))
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

/// Pools that searches of the same traffic start from, solved once for all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Starts {
    /// The plan without traffic.
    plain: Option<Layout>,
    /// Those for pods as the inputs have them, and the work that they took, labels.
    own: (Vec<Layout>, u64),
    /// Those for pods that request what they use, and their work.
    used: (Vec<Layout>, u64),
}

impl Starts {
    /// All that a search may need that freezes so much, with the plan without traffic.
    ///
    /// # Errors
    /// Faults of the solver.
    pub fn of(
        plain: Option<Layout>,
        quarry: &Quarry,
        frozen: &[Family],
        control: Control<'_>,
    ) -> Result<Self, Error> {
        let mut all = Self { plain, ..Self::default() };
        if frozen.contains(&Family::Sizes) {
            return Ok(all);
        }
        let mut known: Vec<Layout> = all.plain.iter().cloned().collect();
        let own = quarry.limited(&known, &Pods::default(), control)?;
        let work = quarry.labels.load(Ordering::Relaxed);
        known.extend(own.iter().cloned());
        all.own = (own, work);
        if !frozen.contains(&Family::Requests) {
            let used = quarry.limited(&known, &quarry.room.as_used(), control)?;
            all.used = (used, quarry.labels.load(Ordering::Relaxed) - work);
        }
        Ok(all)
    }

    /// The one that a search with nothing frozen has first.
    pub fn first(&self) -> Option<&Layout> {
        self.plain.iter().chain(&self.own.0).chain(&self.used.0).next()
    }

    /// Those of a search that freezes so much, and their work, labels.
    pub fn free(&self, frozen: &[Family]) -> (Vec<Layout>, u64) {
        let mut all: Vec<Layout> = self.plain.iter().cloned().collect();
        let mut work = 0;
        let parts = [(&self.own, false), (&self.used, frozen.contains(&Family::Requests))];
        for ((layouts, labels), out) in parts {
            if !out && !frozen.contains(&Family::Sizes) {
                all.extend(layouts.iter().cloned());
                work += labels;
            }
        }
        (all, work)
    }
}

/// Where layouts come from: the sizes there are, and the loads that pools are for.
pub(super) struct Quarry {
    parts: ProblemParts,
    /// Work of all solves so far, labels.
    labels: AtomicU64,
    /// What pods may request.
    pub room: Room,
}

impl Quarry {
    /// Of a problem at the levels of a trace; spot nodes may be frozen out.
    pub fn new(
        problem: &Problem,
        scenario: &Scenario,
        demands: &Demands,
        frozen: &[Family],
    ) -> Self {
        let mut parts: ProblemParts = problem.parts().clone();
        parts.cluster.spot &= !frozen.contains(&Family::Spot);
        parts.points = POINTS
            .iter()
            .zip(NAMES)
            .map(|((_, percent), name)| LoadPoint {
                name: name.to_owned(),
                weight_millis: DAY_MILLIS / 100 * percent,
            })
            .collect();
        parts.demand = levels(problem, scenario, demands);
        let room = Room::of(problem, scenario, demands);
        Self { parts, labels: AtomicU64::new(0), room }
    }

    /// Counts work that was done before.
    pub fn count(&self, labels: u64) {
        self.labels.fetch_add(labels, Ordering::Relaxed);
    }

    /// Takes the pods of a run for those that pools are for, from now on.
    pub fn learn(&mut self, timeline: &Timeline) {
        let count = self.parts.workloads.len();
        let row = |at: usize| -> Vec<u32> {
            timeline.workloads_at(at).take(count).map(|one| one.ready).collect()
        };
        let needs: Vec<Vec<u32>> = (0..timeline.samples).map(row).collect();
        self.parts.demand = points(&self.parts.workloads, &needs);
    }

    /// All solves so far as simulated time that takes as long, milliseconds.
    pub fn millis(&self) -> u64 {
        let day = LABELS.saturating_mul(self.parts.workloads.len().max(1) as u64);
        let labels = u128::from(self.labels.load(Ordering::Relaxed));
        u64::try_from(labels * u128::from(DAY_MILLIS) / u128::from(day)).unwrap_or(u64::MAX)
    }

    /// The cheapest pools of some sizes, with spot nodes or without.
    fn layout(
        &self,
        (name, spot): (String, bool),
        wanted: impl Fn(&Sku) -> bool,
        most_pools: Option<u32>,
        pods: &Pods,
        control: Control<'_>,
    ) -> Result<Option<Layout>, Error> {
        let mut parts = self.parts.clone();
        self.room.apply(pods, &mut parts);
        parts.skus.retain(wanted);
        let name = if parts.cluster.spot && !spot { format!("{name}{NO_SPOT}") } else { name };
        parts.cluster.spot &= spot;
        if most_pools.is_some() {
            parts.cluster.max_pools = most_pools;
        }
        let Ok(problem) = Problem::new(parts) else { return Ok(None) };
        let mut options = Options::default().within(WORK);
        options.solve.gap_ppm = GAP_PPM;
        let solved = optimize_with(&problem, &options, control)?;
        self.labels.fetch_add(solved.work.labels, Ordering::Relaxed);
        let found = Layout::of(name, solved);
        Ok(found.map(|found| Layout { pods: pods.clone(), ..found }))
    }

    /// Whether layouts have spot nodes: both ways, where they may.
    fn spots(&self) -> &'static [bool] {
        if self.parts.cluster.spot { &[true, false] } else { &[false] }
    }

    /// Layouts under different limits on the size of a node for some pods, none twice nor among those
    /// known.
    pub fn limited(
        &self,
        known: &[Layout],
        pods: &Pods,
        control: Control<'_>,
    ) -> Result<Vec<Layout>, Error> {
        let solve = |(spot, (vcpus, most)): &(bool, (u32, Option<u32>))| {
            if (control.interrupt)() && !known.is_empty() {
                return Ok(None);
            }
            let name = match (*vcpus, *most) {
                (u32::MAX, None) => "any sizes".to_owned(),
                (u32::MAX, Some(_)) => "one pool".to_owned(),
                (vcpus, None) => format!("nodes of at most {vcpus} vCPUs"),
                (vcpus, Some(_)) => format!("one pool, nodes of at most {vcpus} vCPUs"),
            };
            self.layout((name, *spot), |sku| sku.vcpus <= *vcpus, *most, pods, control)
        };
        let many = self.parts.workloads.len() > MANY;
        let limits = || LIMITS.into_iter().chain(MORE_LIMITS.into_iter().filter(move |_| many));
        let limits: Vec<_> =
            self.spots().iter().flat_map(|spot| limits().map(|limit| (*spot, limit))).collect();
        fresh(known, limits.par_iter().map(solve).collect())
    }

    /// Layouts with one size more than one of those known has, or another in place of one of its
    /// own, none twice: the `turn`-th part of them, where there are many.
    pub fn grown(
        &self,
        known: &[Layout],
        (from, turn): (usize, usize),
        control: Control<'_>,
    ) -> Result<Vec<Layout>, Error> {
        let mut own: Vec<&str> = sizes(&known[from]).into_iter().map(|(name, ..)| name).collect();
        own.dedup();
        let spot = known[from].problem.cluster().spot;
        let worthy = worthy(&self.parts.skus, spot);
        let less = || std::iter::once("").chain(own.iter().copied());
        let pairs = worthy.into_iter().flat_map(|more| less().map(move |less| (more, less)));
        let pairs = part_of(pairs.collect(), MOST_GROWN, turn);
        let solve = |(more, less): &(&str, &str)| {
            if (control.interrupt)() {
                return Ok(None);
            }
            let wanted = |sku: &Sku| {
                sku.name == *more || (sku.name != *less && own.contains(&sku.name.as_str()))
            };
            let name = match *less {
                "" => format!("{more} beside {}", own.join(", ")),
                _ => format!("{more} instead of {less}"),
            };
            self.layout((name, spot), wanted, None, &known[from].pods, control)
        };
        let mut solved: Result<Vec<_>, Error> = pairs.par_iter().map(solve).collect();
        if let (Ok(solved), true) = (&mut solved, self.parts.cluster.spot) {
            let same = |sku: &Sku| own.contains(&sku.name.as_str());
            let name = known[from].name.trim_end_matches(NO_SPOT).to_owned();
            solved.push(self.layout((name, !spot), same, None, &known[from].pods, control)?);
        }
        fresh(known, solved)
    }

    /// Layouts of the same sizes as one of those known, for other pods: the `turn`-th part of them,
    /// where there are many; where in the list each of them is.
    pub fn repodded(
        &self,
        known: &mut Vec<Layout>,
        (from, wanted, turn): (usize, Vec<Pods>, usize),
        control: Control<'_>,
    ) -> Result<Vec<usize>, Error> {
        let wanted = part_of(wanted, MOST_PODS, turn);
        let own: Vec<&str> = sizes(&known[from]).into_iter().map(|(name, ..)| name).collect();
        let spot = known[from].problem.cluster().spot;
        let base = known[from].name.trim_end_matches(NO_SPOT).to_owned();
        let solve = |pods: &Pods| {
            let wanted = |sku: &Sku| own.contains(&sku.name.as_str());
            self.layout((base.clone(), spot), wanted, None, pods, control)
        };
        let found: Result<Vec<Option<Layout>>, Error> = wanted.par_iter().map(solve).collect();
        let mut places = Vec::new();
        for one in found?.into_iter().flatten() {
            let same = |other: &Layout| sizes(other) == sizes(&one) && other.pods == one.pods;
            match known.iter().position(same) {
                Some(place) => places.push(place),
                None => {
                    places.push(known.len());
                    known.push(one);
                }
            }
        }
        Ok(places)
    }
}

/// The `turn`-th part of a list, none of them longer than `most`.
fn part_of<T>(mut all: Vec<T>, most: usize, turn: usize) -> Vec<T> {
    if all.len() > most {
        let parts = all.len().div_ceil(most);
        all.rotate_left(turn % parts * most);
        all.truncate(most);
    }
    all
}

/// Of layouts that were solved those that are not known, none twice.
fn fresh(
    known: &[Layout],
    solved: Result<Vec<Option<Layout>>, Error>,
) -> Result<Vec<Layout>, Error> {
    let mut found = known.to_vec();
    for one in solved?.into_iter().flatten() {
        if !among(&found, &one) {
            found.push(one);
        }
    }
    Ok(found.split_off(known.len()))
}

/// Sizes that no other beats in price, cores and memory at once, by name; where there may be spot
/// nodes in both prices.
fn worthy(skus: &[Sku], spot: bool) -> Vec<&str> {
    let quote = |one: &Sku| one.rates.spot.filter(|_| spot).map_or(u64::MAX, |quote| quote.rate.0);
    let beats = |one: &Sku, other: &Sku| {
        let (own, its) = (one.rates.on_demand, other.rates.on_demand);
        let (own_spot, its_spot) = (quote(one), quote(other));
        let good = own <= its
            && own_spot <= its_spot
            && one.vcpus >= other.vcpus
            && one.memory >= other.memory;
        let same = own == its
            && own_spot == its_spot
            && one.vcpus == other.vcpus
            && one.memory == other.memory;
        good && (!same || one.name < other.name)
    };
    let best = skus.iter().filter(|one| !skus.iter().any(|other| beats(other, one)));
    best.map(|one| one.name.as_str()).collect()
}

/// Names of the sizes, groups and limits of pods of a layout's pools.
fn sizes(layout: &Layout) -> Vec<(&str, u32, u32)> {
    let one = |pool: &nodeplan_model::plan::NodePool| {
        let name = layout.problem.sku(pool.kind.sku).name.as_str();
        (name, pool.kind.group.0, pool.kind.max_pods)
    };
    let mut all: Vec<_> = layout.plan.pools.iter().map(one).collect();
    all.sort_unstable();
    all
}

/// Whether a layout is as one of those known.
fn among(known: &[Layout], one: &Layout) -> bool {
    known.iter().any(|other| other.pods == one.pods && sizes(other) == sizes(one))
}

/// Whether a layout has pools of sizes that another has, and of no more.
pub(super) fn within(one: &Layout, other: &Layout) -> bool {
    let all = sizes(other);
    sizes(one).iter().all(|size| all.contains(size))
}

impl Layout {
    /// Of a plan: as few nodes as its lowest load needs, half as many again as its highest.
    #[must_use]
    pub fn of(name: String, solved: Optimized) -> Option<Self> {
        let plan = solved.plan.clone()?;
        let problem = solved.problem.clone();
        let middle = 1.min(problem.points().len() - 1);
        let mut bounds = planned(&problem, &plan);
        for (row, pool) in bounds.iter_mut().zip(&plan.pools) {
            row.max = row.max.saturating_add(row.max / 2).saturating_add(1);
            let start = u32::try_from(pool.nodes(middle)).unwrap_or(u32::MAX);
            row.initial = start.clamp(row.min, row.max);
        }
        Some(Self { name, problem, plan, solved, bounds, pods: Pods::default() })
    }
}
