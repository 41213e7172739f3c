//! The judge of a floor: what a run must cost at least, whatever scales it.
//!
//! Every leaf l of a certificate prices pods: nodes that hold n pods cost at least c_l + y_l·n an
//! hour for the leaf that their plan is in, since no content of a node is worth more than the
//! node costs (the judge makes prices so, with its own knapsack). A certificate for b pods prices n
//! pods as min(n, b): more pods cost no less. Pods of workload i answer at most n·h(λ/n) of λ
//! requests well, so with a worth θ per miss an interval of length Δ costs at least
//!
//! min over leaves l of c_l Δ + Σ_i min over n of y_{l,i} min(n, b_i) Δ + θ_i (λ_i − n h_i(λ_i/n))
//!
//! beyond what its misses are worth; adding up intervals and paying back θ times all misses that
//! the objectives allow gives a lower bound for any θ ≥ 0 (Lagrange). Where pod time may be given
//! at any time, a pod that runs pays back its worth p in every interval, and all the time that
//! is needed brings p. Each interval may take the certificate that proves most.
//!
//! A node can use no more CPU than is allocatable, so w·CPU of its rate may be taken off and told apart:
//! what must be answered uses at least U core-hours in all and costs w·U, and the rest of the rate
//! pays for pods as above, for any w ≥ 0 that leaves every rate at zero or more.
//!
//! Where pods are few, no certificate is needed: the cost of all numbers of pods up to some limits
//! is computed exactly (`stocks`), and takes the place of the leaves ([`Stocked`]). There, a node
//! that can be a system pool may also be asked for at all times. The larger of both counts.

mod market;
mod stocked;

pub use crate::stocks::Stocks;
pub use market::{check_interval, check_sizes, check_workloads};
pub use stocked::{Sloped, Stocked};

use crate::JudgeOptions;
use crate::capacity::room;
use crate::certificate::{Affine, leaf_functions};
use crate::verify::Findings;
use ndarray::Array2;
use nodeplan_model::floor::{Base, Floor, FloorTerms, Requirement, Step};
use nodeplan_model::placement::admits;
use nodeplan_model::plan::Finding;
use nodeplan_model::problem::Problem;
use nodeplan_model::units::{Spend, UsdPerHour};
use std::collections::BTreeMap;

/// Arrivals of an interval count with so many leading bits; the rest is given away.
pub const DIGITS: u32 = 10;

/// What a floor proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FloorCheck {
    /// No run that meets the terms costs less.
    pub spend: Spend,
    /// Faults of the floor; any of them makes it zero.
    pub findings: Vec<Finding>,
}

/// The problem in which CPU of nodes is paid for already, at so much an hour for a thousandth of a core:
/// none of them uses more than its allocatable CPU. None where a node costs less than that.
#[must_use]
pub fn without_cores(problem: &Problem, core_worth: u64) -> Option<Problem> {
    if core_worth == 0 {
        return Some(problem.clone());
    }
    let cores = cores_milli(problem);
    let spot = problem.groups().iter().any(|group| group.spot);
    let mut parts = problem.parts().clone();
    for (sku, cpu) in parts.skus.iter_mut().zip(cores) {
        let paid = core_worth.checked_mul(cpu)?;
        sku.rates.on_demand = UsdPerHour(sku.rates.on_demand.0.checked_sub(paid)?);
        if let Some(quote) = sku.rates.spot.as_mut().filter(|_| spot) {
            quote.rate = UsdPerHour(quote.rate.0.checked_sub(paid)?);
        }
    }
    Problem::new(parts).ok()
}

/// The most that a thousandth of a core may be worth.
#[must_use]
pub fn dearest_core(problem: &Problem) -> u64 {
    let spot = problem.groups().iter().any(|group| group.spot);
    let each = problem.skus().iter().zip(cores_milli(problem));
    each.filter(|(_, cpu)| *cpu > 0)
        .flat_map(|(sku, cpu)| {
            let quote = sku.rates.spot.filter(|_| spot).map(|quote| quote.rate);
            [Some(sku.rates.on_demand), quote].into_iter().flatten().map(move |rate| rate.0 / cpu)
        })
        .min()
        .unwrap_or(0)
}

/// CPU that pods can use of each size, thousandths of a core; none of sizes that no pod may run on.
fn cores_milli(problem: &Problem) -> Vec<u64> {
    let mut cores = vec![0; problem.skus().len()];
    for kind in problem.pool_kinds() {
        if problem.workloads().iter().any(|one| admits(problem, kind, one)) {
            let own = &mut cores[kind.sku.index()];
            *own = room(problem, kind).allocatable_cpu.max(*own);
        }
    }
    cores
}

/// Derives the floor that `floor` proves for nodes of `problem`, which has one load point, of an
/// hour. Nothing in the proof is trusted; the terms are those of the load model.
#[must_use]
pub fn check_floor(problem: &Problem, floor: &Floor, options: &JudgeOptions) -> FloorCheck {
    let mut found = Findings(Vec::new());
    check_shape(problem, floor, &mut found);
    if !found.0.is_empty() {
        return FloorCheck { findings: found.0, ..FloorCheck::default() };
    }
    let Some(rest) = without_cores(problem, floor.proof.core_worth) else {
        found.note(
            crate::codes::DEMAND_DUALS,
            "floor",
            "CPU is worth more than a node that has it",
        );
        return FloorCheck { findings: found.0, ..FloorCheck::default() };
    };
    let (prices, findings) = all_prices(&rest, &floor.proof.bases, options);
    if !findings.is_empty() {
        return FloorCheck { findings, ..FloorCheck::default() };
    }
    let proof = &floor.proof;
    let ledger = Ledger::new(&floor.terms, &prices, &proof.rooms, &proof.worths);
    let linear = prices.first();
    let both = ledger
        .and_then(|ledger| ledger.total())
        .and_then(|least| Some(least.max(by_stocks(&rest, floor, linear)?)))
        .and_then(|least| least.checked_add(used(floor)?));
    match both {
        Some(spend) => FloorCheck { spend: Spend(spend), findings: Vec::new() },
        None => {
            found.note(
                crate::codes::OVERFLOW,
                "floor",
                "its numbers exceed 127 bits, or its limits are too many to look at",
            );
            FloorCheck { findings: found.0, ..FloorCheck::default() }
        }
    }
}

/// What the CPU is worth that must be used.
fn used(floor: &Floor) -> Option<u128> {
    u128::from(floor.proof.core_worth).checked_mul(floor.terms.used_micros)
}

/// What the stocks up to the limits of the proof show, zero without limits; none where numbers are
/// too large.
fn by_stocks(problem: &Problem, floor: &Floor, linear: Option<&Prices>) -> Option<u128> {
    let (terms, proof) = (&floor.terms, &floor.proof);
    if proof.limits.is_empty() {
        return Some(0);
    }
    let own = with_pods(problem, &proof.limits)?;
    let stocks = Stocks::of(&own, terms.system_node)?;
    let all = Stocked::new(terms, &stocks, linear, &proof.rooms, DIGITS)?;
    Some(u128::try_from(all.total(&proof.worths, &proof.presence_worths)?.value).unwrap_or(0))
}

/// Shapes and signs.
fn check_shape(problem: &Problem, floor: &Floor, found: &mut Findings) {
    let count = problem.workloads().len();
    let proof = &floor.proof;
    let lengths = [proof.rooms.len(), proof.worths.len(), floor.terms.requirements.len()];
    let bases = proof.bases.iter().all(|base| base.pods.len() == count);
    let kept = [proof.limits.len(), proof.presence_worths.len(), floor.terms.presence.len()];
    let bases = bases && kept.iter().all(|length| [0, count].contains(length));
    if problem.points().len() != 1 || !bases || lengths.iter().any(|length| *length != count) {
        let text = format!(
            "expected one load point and {count} rooms, worths, terms and pods, and as many limits or none"
        );
        found.note(crate::codes::DEMAND_DUALS, "floor", text);
    }
    if floor.terms.interval_millis == 0 {
        found.note(crate::codes::SCALE, "floor", "an interval must be at least a millisecond");
    }
    for one in &floor.terms.requirements {
        let Requirement::Requests { curve, few, offered_milli, .. } = one else { continue };
        let all = std::iter::once(curve).chain(few);
        if !all.into_iter().all(|curve| sound(curve))
            || offered_milli.len() as u64 != floor.terms.intervals
        {
            let text = "a curve must ascend, no steeper than requests are offered, and all \
                        workloads must have all intervals";
            found.note(crate::codes::FLOOR_CURVE, "floor", text);
        }
    }
}

/// Whether a curve ascends in both, never answers more than is offered, and never answers a larger
/// part of what is added than all of it (so that fewer arrivals never miss more).
fn sound(curve: &[Step]) -> bool {
    let first = curve.first().is_some_and(|step| step.good_milli <= step.offered_milli);
    let ascends = |pair: &[Step]| {
        let more = pair[1].offered_milli.checked_sub(pair[0].offered_milli);
        let good = pair[1].good_milli.checked_sub(pair[0].good_milli);
        matches!((more, good), (Some(more), Some(good)) if more > 0 && good <= more)
    };
    first && curve.windows(2).all(ascends)
}

/// Prices of one base, made legal.
#[derive(Clone, Debug)]
pub struct Prices {
    /// More pods than these cost no less.
    pods: Vec<u32>,
    /// Leaves; some leaf holds every plan. For the weight of the load point, milliseconds.
    leaves: Vec<Affine>,
    weight_millis: u64,
}

impl Prices {
    /// Those of a base, for nodes of `problem`.
    ///
    /// # Errors
    /// Faults of its certificate.
    pub fn of(
        problem: &Problem,
        base: &Base,
        options: &JudgeOptions,
    ) -> Result<Self, Vec<Finding>> {
        let Some(own) = with_pods(problem, &base.pods) else { return Err(Vec::new()) };
        Ok(Self {
            pods: base.pods.clone(),
            leaves: leaf_functions(&own, &base.certificate, options)?,
            weight_millis: own.points()[0].weight_millis.max(1),
        })
    }

    /// The least that a pod of a workload is worth in any leaf, for an interval.
    #[must_use]
    pub fn least(&self, workload: usize, interval_millis: u64) -> u128 {
        let prices = self.leaves.iter().map(|leaf| leaf.prices[workload]).min().unwrap_or(0);
        prices.saturating_mul(u128::from(interval_millis)) / u128::from(self.weight_millis)
    }

    /// Linear prices of an interval for any pods up to `most`, and what is added. Pods that are not
    /// priced so far are worth nothing.
    fn line(&self, interval_millis: u64, most: &[u32]) -> Option<(Vec<i128>, i128)> {
        let price = |(at, most): (usize, &u32)| match self.pods[at] < *most {
            true => Some(0),
            false => i128::try_from(self.least(at, interval_millis)).ok(),
        };
        let prices = most.iter().enumerate().map(price).collect::<Option<_>>()?;
        let constant = self.leaves.iter().map(|leaf| leaf.constant).min().unwrap_or(0);
        let whole = constant.checked_mul(i128::from(interval_millis))?;
        Some((prices, whole.div_euclid(i128::from(self.weight_millis))))
    }

    /// How many leaves.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.leaves.len()
    }
}

/// Prices of all bases, with all faults.
fn all_prices(
    problem: &Problem,
    bases: &[Base],
    options: &JudgeOptions,
) -> (Vec<Prices>, Vec<Finding>) {
    let (mut all, mut findings) = (Vec::new(), Vec::new());
    for base in bases {
        match Prices::of(problem, base, options) {
            Ok(prices) => all.push(prices),
            Err(more) => findings.extend(more),
        }
    }
    (all, findings)
}

/// The problem with so many pods.
#[must_use]
pub fn with_pods(problem: &Problem, pods: &[u32]) -> Option<Problem> {
    let mut parts = problem.parts().clone();
    parts.demand = Array2::from_shape_vec((1, pods.len()), pods.to_vec()).ok()?;
    Problem::new(parts).ok()
}

/// Intervals that are alike, with what they cost in every leaf at the present worths.
#[derive(Clone, Debug)]
pub struct Ledger<'a> {
    terms: &'a FloorTerms,
    rooms: &'a [u32],
    worths: Vec<u64>,
    bases: Vec<Sums>,
    /// How many intervals each row stands for.
    counts: Vec<u128>,
    /// Rows × workloads: the place of a workload's arrivals among its different ones.
    places: Vec<u32>,
    /// Per workload: its different arrivals.
    different: Vec<Vec<u64>>,
}

/// Leaves of a base: prices of an interval, and what each row costs.
#[derive(Clone, Debug)]
struct Sums {
    pods: Vec<u32>,
    /// Leaves × workloads.
    prices: Vec<Vec<u128>>,
    /// Leaves × workloads: what a workload adds, by its different arrivals (one cell where it has
    /// none).
    tables: Vec<Vec<Vec<i128>>>,
    /// Leaves × rows.
    rows: Vec<Vec<i128>>,
}

impl<'a> Ledger<'a> {
    /// Tables for prices and worths; none where numbers are too large.
    #[must_use]
    pub fn new(
        terms: &'a FloorTerms,
        prices: &[Prices],
        rooms: &'a [u32],
        worths: &[u64],
    ) -> Option<Self> {
        let count = terms.requirements.len();
        let (rows, different) = alike(terms, DIGITS);
        let mut bases = Vec::new();
        for one in prices {
            let scaled = |price: &u128| {
                let all = price.checked_mul(u128::from(terms.interval_millis))?;
                Some(all / u128::from(one.weight_millis))
            };
            let mut sums = Sums {
                pods: one.pods.clone(),
                prices: Vec::new(),
                tables: Vec::new(),
                rows: Vec::new(),
            };
            for leaf in &one.leaves {
                sums.prices.push(leaf.prices.iter().map(scaled).collect::<Option<Vec<u128>>>()?);
                sums.tables.push(vec![vec![0]; count]);
                let whole = leaf.constant.checked_mul(i128::from(terms.interval_millis))?;
                sums.rows.push(vec![whole.div_euclid(i128::from(one.weight_millis)); rows.len()]);
            }
            bases.push(sums);
        }
        let mut ledger = Self {
            terms,
            rooms,
            worths: vec![0; count],
            bases,
            counts: rows.iter().map(|(_, count)| *count).collect(),
            places: rows.into_iter().flat_map(|(row, _)| row).collect(),
            different,
        };
        for (workload, worth) in worths.iter().enumerate() {
            ledger.set(workload, *worth)?;
        }
        Some(ledger)
    }

    /// Changes a worth; none where numbers are too large, and then nothing more may be asked.
    pub fn set(&mut self, workload: usize, worth: u64) -> Option<()> {
        let width = self.worths.len();
        self.worths[workload] = worth;
        for base in &mut self.bases {
            let cap = u64::from(base.pods[workload]);
            for leaf in 0..base.prices.len() {
                let price = base.prices[leaf][workload];
                let table = match &self.terms.requirements[workload] {
                    Requirement::Nothing => vec![0],
                    Requirement::PodTime { .. } => {
                        vec![paid(price, cap, u128::from(worth), u64::from(self.rooms[workload]))?]
                    }
                    Requirement::Requests { curve, few, .. } => self.different[workload]
                        .iter()
                        .map(|offered| {
                            least(*offered, (curve, few), (price, u128::from(worth)), cap)
                        })
                        .collect::<Option<Vec<i128>>>()?,
                };
                let old = std::mem::replace(&mut base.tables[leaf][workload], table);
                let new = &base.tables[leaf][workload];
                for (row, sum) in base.rows[leaf].iter_mut().enumerate() {
                    let place = self.places[row * width + workload] as usize;
                    let before = old.get(place).or(old.first()).copied().unwrap_or(0);
                    let after = new.get(place).copied().unwrap_or(0);
                    *sum = sum.checked_sub(before)?.checked_add(after)?;
                }
            }
        }
        Some(())
    }

    /// The floor; none where numbers are too large.
    #[must_use]
    pub fn total(&self) -> Option<u128> {
        let mut sum = 0_i128;
        for (row, count) in self.counts.iter().enumerate() {
            let least = |base: &Sums| base.rows.iter().map(|leaf| leaf[row]).min();
            // Every base proves something of the interval: the most counts.
            let best = self.bases.iter().filter_map(least).max().unwrap_or(0);
            sum = sum.checked_add(best.checked_mul(i128::try_from(*count).ok()?)?)?;
        }
        let interval = u128::from(self.terms.interval_millis);
        for (one, worth) in self.terms.requirements.iter().zip(&self.worths) {
            let worth = u128::from(*worth);
            match one {
                Requirement::Nothing => {}
                Requirement::PodTime { millis } => {
                    let brought = worth.checked_mul(*millis)? / interval;
                    sum = sum.checked_add(i128::try_from(brought).ok()?)?;
                }
                Requirement::Requests { spare_milli, .. } => {
                    let spare = worth.checked_mul(*spare_milli)?;
                    sum = sum.checked_sub(i128::try_from(spare).ok()?)?;
                }
            }
        }
        Some(u128::try_from(sum).unwrap_or(0))
    }
}

/// What pods add that bring their worth back, at most `room` of them: none, or all.
fn paid(price: u128, cap: u64, worth: u128, room: u64) -> Option<i128> {
    let cost = |pods: u64| {
        let pays = price.checked_mul(u128::from(pods.min(cap)))?;
        let brings = worth.checked_mul(u128::from(pods))?;
        i128::try_from(pays).ok()?.checked_sub(i128::try_from(brings).ok()?)
    };
    Some(cost(cap.min(room))?.min(cost(room)?).min(0))
}

/// Places of arrivals, and how many intervals have them.
type Rows = Vec<(Vec<u32>, u128)>;

/// Different rows of arrivals, rounded down, with how often each comes; and each workload's
/// different arrivals.
fn alike(terms: &FloorTerms, digits: u32) -> (Rows, Vec<Vec<u64>>) {
    let series = |one: &Requirement| match one {
        Requirement::Requests { offered_milli, .. } => {
            offered_milli.iter().map(|offered| leading(*offered, digits)).collect()
        }
        _ => Vec::new(),
    };
    let all: Vec<Vec<u64>> = terms.requirements.iter().map(series).collect();
    let different: Vec<Vec<u64>> = all
        .iter()
        .map(|row| {
            let mut row = row.clone();
            row.sort_unstable();
            row.dedup();
            row
        })
        .collect();
    let length = all.iter().map(Vec::len).max().unwrap_or(0);
    let mut rows: BTreeMap<Vec<u32>, u128> = BTreeMap::new();
    // Pods may run in every interval, whether or not anything arrives in it.
    let rest = terms.intervals.saturating_sub(length as u64);
    if rest > 0 {
        rows.insert(vec![0; all.len()], u128::from(rest));
    }
    for at in 0..length {
        let place = |(row, own): (&Vec<u64>, &Vec<u64>)| {
            let found = row.get(at).and_then(|offered| own.binary_search(offered).ok());
            found.and_then(|place| u32::try_from(place).ok()).unwrap_or(0)
        };
        *rows.entry(all.iter().zip(&different).map(place).collect()).or_default() += 1;
    }
    (rows.into_iter().collect(), different)
}

/// Rounded down to its leading bits: fewer arrivals cost no more.
fn leading(offered: u64, digits: u32) -> u64 {
    let spare = (u64::BITS - offered.leading_zeros()).saturating_sub(digits);
    offered >> spare << spare
}

/// Pods and the misses they leave, in an interval with so many arrivals.
fn cost(offered: u64, curves: Curves, (pod, miss): (u128, u128), pods: u64) -> Option<u128> {
    let missed = u128::from(missed(offered, curves, pods));
    pod.checked_mul(u128::from(pods))?.checked_add(missed.checked_mul(miss)?)
}

/// The least with any number of pods, of which no more than `cap` cost anything.
fn least(offered: u64, curves: Curves, worth: (u128, u128), cap: u64) -> Option<i128> {
    let mut best = cost(offered, curves, worth, 0)?;
    if worth.0 == 0 || cap == 0 {
        return Some(0);
    }
    for pods in 1..=cap {
        if worth.0.checked_mul(u128::from(pods))? >= best {
            return i128::try_from(best).ok();
        }
        best = best.min(cost(offered, curves, worth, pods)?);
    }
    // More pods than that may miss nothing, and cost no more.
    best = best.min(worth.0.checked_mul(u128::from(cap))?);
    i128::try_from(best).ok()
}

/// What a pod answers well at most where there are many, and where there are one, two, and so on.
type Curves<'a> = (&'a [Step], &'a [Vec<Step>]);

/// What so many pods miss of so many requests at least.
fn missed(offered: u64, (many, few): Curves, pods: u64) -> u64 {
    let Some(before) = pods.checked_sub(1) else { return offered };
    let own = usize::try_from(before).ok().and_then(|at| few.get(at));
    // Each pod is offered no more than the share rounded up.
    let each = good(own.map_or(many, Vec::as_slice), offered.div_ceil(pods));
    offered.saturating_sub(each.saturating_mul(pods))
}

/// The most that a pod answers well of so many, linear between steps, rounded up.
fn good(curve: &[Step], offered: u64) -> u64 {
    let at = curve.partition_point(|step| step.offered_milli < offered);
    let Some(above) = curve.get(at) else {
        return curve.last().map_or(offered, |step| step.good_milli);
    };
    let below = at.checked_sub(1).map_or(Step { offered_milli: 0, good_milli: 0 }, |at| curve[at]);
    let span = u128::from(above.offered_milli - below.offered_milli).max(1);
    let rise = u128::from(above.good_milli - below.good_milli);
    let part = (rise * u128::from(offered - below.offered_milli)).div_ceil(span);
    below.good_milli.saturating_add(u64::try_from(part).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{parts, problem, sku, workload};
    use nodeplan_model::certificate::{Branch, Certificate, Leaf};
    use nodeplan_model::floor::FloorProof;

    const HOUR: u64 = 3_600_000;

    fn curve() -> Vec<Step> {
        let step = |offered_milli, good_milli| Step { offered_milli, good_milli };
        vec![step(100, 100), step(150, 120)]
    }

    fn terms(offered: &[u64], spare_milli: u128) -> FloorTerms {
        let offered_milli = offered.to_vec();
        let intervals = offered.len() as u64;
        let one =
            Requirement::Requests { offered_milli, curve: curve(), few: Vec::new(), spare_milli };
        FloorTerms {
            interval_millis: HOUR,
            intervals,
            requirements: vec![one],
            ..FloorTerms::default()
        }
    }

    fn prices(pods: u32, leaves: &[(u128, i128)]) -> Prices {
        let leaf = |&(price, constant): &(u128, i128)| Affine { prices: vec![price], constant };
        Prices { pods: vec![pods], leaves: leaves.iter().map(leaf).collect(), weight_millis: HOUR }
    }

    fn total(terms: &FloorTerms, prices: &[Prices], worth: u64) -> Option<u128> {
        Ledger::new(terms, prices, &[100], &[worth])?.total()
    }

    /// A pod an interval costs 10. One pod answers 104 of 110 at best, 120 of 150, and of 200 no more;
    /// two pods cost 20, or one and 80 misses. Beyond a cap pods are free.
    #[test]
    fn an_interval_by_hand() {
        for (offered, miss, cap, want) in [
            (0, 1, 99, 0),
            (5, 1, 99, 5),
            (100, 1, 99, 10),
            (110, 1, 99, 16),
            (120, 1, 99, 20),
            (200, 1, 99, 20),
            (200, 0, 99, 0),
            (1000, 1, 99, 100),
            (1000, 1, 3, 30),
        ] {
            let found = least(offered, (&curve(), &[]), (10, miss), cap);
            assert_eq!(found, Some(want), "{offered} at {miss}");
        }
    }

    /// A pod alone answers 60 of 100, each of two 90, each of more all. Of 30, one that answers 18 and 12
    /// misses cost 22; of 200, two and 20 misses cost 40, three 30.
    #[test]
    fn few_pods_have_curves_of_their_own() {
        let step = |good_milli| vec![Step { offered_milli: 100, good_milli }];
        let few = [step(60), step(90)];
        for (offered, pods, want) in
            [(100, 0, 100), (100, 1, 40), (200, 2, 20), (200, 3, 0), (50, 1, 20), (51, 1, 20)]
        {
            assert_eq!(missed(offered, (&step(100), &few), pods), want, "{offered} {pods}");
        }
        for (offered, cap, want) in [(100, 99, 30), (200, 99, 30), (200, 2, 20), (30, 99, 22)] {
            let found = least(offered, (&step(100), &few), (10, 1), cap);
            assert_eq!(found, Some(want), "{offered} {cap}");
        }
    }

    /// 3 intervals of 200 need 2 pods each at a price of 10 an interval: 60, less what may miss.
    #[test]
    fn misses_to_spare_lower_the_floor() {
        for (spare, want) in [(0, 60), (10, 50), (100, 0)] {
            let found = total(&terms(&[200, 200, 200], spare), &[prices(99, &[(10, 0)])], 1);
            assert_eq!(found, Some(want), "{spare}");
        }
    }

    /// Two hours of a pod at a price of 10 bring 20 where they are worth that; more is lost again.
    #[test]
    fn pod_time_brings_its_worth() {
        let requirements = vec![Requirement::PodTime { millis: u128::from(2 * HOUR) }];
        let alone = FloorTerms {
            interval_millis: HOUR,
            intervals: 3,
            requirements,
            ..FloorTerms::default()
        };
        let one = prices(4, &[(10, 0)]);
        for (worth, want) in [(10, 20), (5, 10), (11, 10)] {
            let ledger = Ledger::new(&alone, std::slice::from_ref(&one), &[4], &[worth]);
            // At 11 each of four pods brings 1 in each of three intervals: 22 − 12.
            assert_eq!(ledger.and_then(|ledger| ledger.total()), Some(want), "{worth}");
        }
        let mut both = alone;
        both.requirements.push(terms(&[0, 0, 0], 0).requirements.remove(0));
        let one = Prices {
            pods: vec![4, 4],
            leaves: vec![Affine { prices: vec![10, 10], constant: 0 }],
            weight_millis: HOUR,
        };
        for (worth, want) in [(10, 20), (5, 10), (11, 10)] {
            let ledger = Ledger::new(&both, std::slice::from_ref(&one), &[4, 4], &[worth, 0]);
            assert_eq!(ledger.and_then(|ledger| ledger.total()), Some(want), "{worth}");
        }
    }

    /// Two leaves: a node for 50 with the pod at 5 more, or pods at 40 each. One pod costs 40, two
    /// cost 60; another base may prove more of some intervals.
    #[test]
    fn the_cheapest_leaf_counts_and_the_best_base() {
        let own = prices(9, &[(5, 50), (40, 0)]);
        for (offered, want) in [(100, 40), (200, 60)] {
            assert_eq!(total(&terms(&[offered], 0), std::slice::from_ref(&own), 10), Some(want));
        }
        let both = [own, prices(9, &[(45, 0)])];
        assert_eq!(total(&terms(&[100, 200], 0), &both, 10), Some(45 + 90));
    }

    /// Four pods fit a node of rate 40: no price above 10 is legal, and 10 is.
    #[test]
    fn prices_are_made_legal() {
        let skus = vec![sku("a", 4000, 1 << 40, 40)];
        let problem = problem(parts(skus, vec![workload("w", 1000, 1)], &[(HOUR, &[9])]));
        let weight = i64::try_from(HOUR).expect("an hour");
        for (price, want) in [(10, 10), (20, 10), (5, 5)] {
            let leaf = Leaf { demand: vec![vec![price * weight]], ..Leaf::default() };
            let certificate = Certificate { scale: 1, unit: 1, tree: vec![Branch::Leaf(leaf)] };
            let base = Base { pods: vec![9], certificate };
            let found = Prices::of(&problem, &base, &JudgeOptions::default()).expect("legal");
            assert_eq!(found.least(0, HOUR), want * u128::from(HOUR), "{price}");
        }
    }

    /// Four pods a node of rate 40; 400 requests in each of three hours need three pods at least.
    fn proven() -> (Problem, Floor) {
        let skus = vec![sku("a", 4000, 1 << 40, 40)];
        let problem = problem(parts(skus, vec![workload("w", 1000, 1)], &[(HOUR, &[9])]));
        let demand = vec![vec![10 * i64::try_from(HOUR).expect("an hour")]];
        let leaf = Leaf { demand, ..Leaf::default() };
        let certificate = Certificate { scale: 1, unit: 1, tree: vec![Branch::Leaf(leaf)] };
        let bases = vec![Base { pods: vec![9], certificate }];
        let proof =
            FloorProof { rooms: vec![9], bases, worths: vec![HOUR], ..FloorProof::default() };
        (problem, Floor { terms: terms(&[400, 400, 400], 50), proof })
    }

    /// A node of 4 cores at 40,000 an hour. Pods that request nothing worth telling use 6 cores for three
    /// hours: one and a half nodes, at 10 for a thousandth of a core. At 5, half of that, and what is left
    /// of rates pays for pods. At 11 a node would be worth more than it costs.
    #[test]
    fn cores_by_hand() {
        let skus = vec![sku("a", 4000, 1 << 40, 40_000)];
        let problem = problem(parts(skus, vec![workload("w", 1000, 1)], &[(HOUR, &[9])]));
        assert_eq!(dearest_core(&problem), 10);
        let used_micros = 6000 * 3 * u128::from(HOUR);
        let all = 60_000 * 3 * u128::from(HOUR);
        for (worth, want) in [(0, Some(0)), (5, Some(all / 2)), (10, Some(all)), (11, None)] {
            let (_, mut floor) = proven();
            floor.terms.used_micros = used_micros;
            floor.proof.core_worth = worth;
            floor.proof.worths[0] = 0;
            let check = check_floor(&problem, &floor, &JudgeOptions::default());
            let found = check.findings.is_empty().then_some(check.spend.0);
            assert_eq!(found, want, "{worth}");
        }
        // Four pods of 400 requests need three hours of 40,000 without cores, 20,000 with half of them.
        let (_, mut floor) = proven();
        floor.terms = terms(&[400, 400, 400], 0);
        floor.proof.worths[0] = 1 << 50;
        floor.terms.used_micros = used_micros;
        let Branch::Leaf(leaf) = &mut floor.proof.bases[0].certificate.tree[0] else {
            unreachable!("one leaf")
        };
        leaf.demand[0][0] *= 500;
        floor.proof.core_worth = 5;
        let pods = 20_000 * 3 * u128::from(HOUR);
        let check = check_floor(&problem, &floor, &JudgeOptions::default());
        assert_eq!((check.findings, check.spend.0), (vec![], all / 2 + pods));
    }

    /// Any worth and any price prove something true: what is planted here proves no more than the
    /// best, three hours of four pods at 10 an hour.
    #[test]
    fn worths_and_prices_may_be_anything() {
        let most = 3 * 40 * u128::from(HOUR);
        for (worth, price) in [(0, 1), (1, 1), (2, 1), (1 << 40, 1), (1, 0), (1, 1 << 20)] {
            let (problem, mut floor) = proven();
            floor.proof.worths[0] *= worth;
            let Branch::Leaf(leaf) = &mut floor.proof.bases[0].certificate.tree[0] else {
                unreachable!("one leaf")
            };
            leaf.demand[0][0] *= price;
            let check = check_floor(&problem, &floor, &JudgeOptions::default());
            assert_eq!(check.findings, [], "{worth} {price}");
            assert!(check.spend.0 <= most, "{worth} {price}: {:?}", check.spend);
            assert_eq!(check.spend.0 > 0, worth > 0 && price > 0 && worth < 9, "{worth} {price}");
        }
    }

    #[test]
    fn planted_faults_void_the_floor() {
        type Plant = fn(&mut Floor);
        let faults: [(&str, Plant); 7] = [
            ("a short row", |one| one.terms.intervals += 1),
            ("no time", |one| one.terms.interval_millis = 0),
            ("rooms missing", |one| one.proof.rooms.clear()),
            ("worths too many", |one| one.proof.worths.push(1)),
            ("pods missing", |one| one.proof.bases[0].pods.clear()),
            ("no curve", |one| {
                if let Requirement::Requests { curve, .. } = &mut one.terms.requirements[0] {
                    curve.clear();
                }
            }),
            ("a pod alone that answers more than it is offered", |one| {
                if let Requirement::Requests { few, .. } = &mut one.terms.requirements[0] {
                    few.push(vec![Step { offered_milli: 100, good_milli: 101 }]);
                }
            }),
        ];
        for (name, plant) in faults {
            let (problem, mut floor) = proven();
            plant(&mut floor);
            let check = check_floor(&problem, &floor, &JudgeOptions::default());
            assert_eq!((check.spend, check.findings.is_empty()), (Spend(0), false), "{name}");
        }
    }

    #[test]
    fn curves_that_fewer_arrivals_would_lose_by_are_refused() {
        let step = |offered_milli, good_milli| Step { offered_milli, good_milli };
        for (curve, want) in [
            (vec![step(10, 10), step(20, 15)], true),
            (vec![], false),
            (vec![step(10, 11)], false),
            (vec![step(10, 2), step(11, 4)], false),
            (vec![step(10, 5), step(20, 4)], false),
        ] {
            assert_eq!(sound(&curve), want, "{curve:?}");
        }
    }
}
