//! The bound of one leaf: check its duals, price every front kind at every load point, scale.

use crate::codes;
use crate::items::{Priced, Pricing, Task};
use crate::kinds::{Kinds, lattice};
use crate::tree::{LeafView, place};
use crate::verify::Findings;
use nodeplan_model::certificate::Certificate;
use nodeplan_model::problem::Problem;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What pricing a leaf yields.
pub(crate) struct LeafBound {
    /// The bound, on the leaf's lattice; `None` on overflow.
    pub bound: Option<u128>,
    /// No plan lies in the leaf.
    pub closed: bool,
    /// Some content was worth more than its node costs.
    pub scaled: bool,
    /// Kinds × load points priced.
    pub priced: u64,
    /// Kinds × load points left out.
    pub dominated: u64,
    /// Labels made.
    pub work: u64,
    /// Knapsacks cut short.
    pub cut_short: u64,
}

/// Knapsacks up to which threads cost more than they save, unless quotas are large.
const FEW: usize = 16;
/// First knapsack quota; each further round has eight times more.
const FIRST_QUOTA: u64 = 2_048;
/// How near to the truth a search must come, by round, as powers of two: what many labels do not
/// settle may lose a ten-millionth of the bound, then a millionth.
const NEAR: [Option<u32>; 4] = [None, Some(23), Some(20), Some(17)];
/// From the fifth round on.
const NEAR_ENOUGH: Option<u32> = Some(14);

/// Multipliers found for each kind and load point, for the next leaf to start from.
pub(crate) type Hints = BTreeMap<(u32, usize), Vec<i64>>;

/// Checks shape and signs of a leaf's duals.
pub(crate) fn check_leaf(
    problem: &Problem,
    view: &LeafView<'_>,
    kinds: usize,
    found: &mut Findings,
) {
    let (points, workloads) = (problem.points().len(), problem.workloads().len());
    let leaf = view.leaf;
    let at = || place(view.index);
    if leaf.demand.len() != points || leaf.demand.iter().any(|row| row.len() != workloads) {
        let text = format!("expected {points} × {workloads} duals");
        found.note(codes::DEMAND_DUALS, at(), text);
    }
    let system = leaf.system.len();
    let wanted = problem.needs_system_node();
    if system != 0 && (!wanted || system != points) {
        let text = format!("{system} system duals; wanted {}", if wanted { points } else { 0 });
        found.note(codes::SYSTEM_DUALS, at(), text);
    }
    if leaf.path.len() != view.rows.len() {
        let text = format!("{} duals for {} rows", leaf.path.len(), view.rows.len());
        found.note(codes::PATH_DUALS, at(), text);
    }
    if leaf.demand.iter().flatten().chain(&leaf.system).chain(&leaf.path).any(|&dual| dual < 0) {
        found.note(codes::NEGATIVE, at(), "a dual below zero");
    }
    let pairs = problem.coupled_points();
    let key = |entry: &(u32, u32, u32, i64)| (entry.0, entry.1, entry.2);
    let sorted = leaf.coupling.windows(2).all(|pair| key(&pair[0]) < key(&pair[1]));
    let legal = leaf.coupling.iter().all(|&(kind, small, large, dual)| {
        (kind as usize) < kinds && dual > 0 && pairs.contains(&(small as usize, large as usize))
    });
    if !sorted || !legal {
        let text = "unsorted, not positive, of an unknown kind, or of load points not coupled";
        found.note(codes::COUPLING, at(), text);
    }
}

/// Whether no plan of front kinds can be in the leaf: a pod, the system pool or a used pool has
/// no kind.
fn homeless(problem: &Problem, kinds: &Kinds, view: &LeafView<'_>, allowed: &[u32]) -> bool {
    let open = |list: &&[u32]| allowed.iter().any(|j| list.binary_search(j).is_ok());
    if !view.used.iter().all(open) {
        return true;
    }
    let serves = |&j: &u32| kinds.all[j as usize].serves_system;
    if problem.needs_system_node() && !allowed.iter().any(serves) {
        return true;
    }
    let mut row = Vec::new();
    kinds.shapes.iter().any(|shape| {
        let mut holds = |&j: &u32| kinds.all[j as usize].copies(shape, &mut row) > 0;
        shape.asked(problem) && !allowed.iter().any(&mut holds)
    })
}

/// What a plan of this leaf collects at least, in the certificate's units.
fn collected(problem: &Problem, view: &LeafView<'_>) -> Option<i128> {
    let mut sum = 0_i128;
    for (point, duals) in view.leaf.demand.iter().enumerate() {
        for (&pods, &dual) in problem.demand().row(point).iter().zip(duals) {
            sum = sum.checked_add(i128::from(pods) * i128::from(dual))?;
        }
    }
    for &dual in &view.leaf.system {
        sum = sum.checked_add(i128::from(dual))?;
    }
    for (row, &dual) in view.rows.iter().zip(&view.leaf.path) {
        let term = row.rhs.checked_mul(i128::from(dual))?;
        sum = if row.at_least { sum.checked_add(term)? } else { sum.checked_sub(term)? };
    }
    Some(sum)
}

/// Derives the bound of a leaf with at most about `budget` labels.
pub(crate) fn bound_leaf(
    problem: &Problem,
    certificate: &Certificate,
    kinds: &Kinds,
    view: &LeafView<'_>,
    hints: &mut Hints,
    budget: u64,
) -> LeafBound {
    let mut out = LeafBound {
        bound: None,
        closed: view.closed,
        scaled: false,
        priced: 0,
        dominated: 0,
        work: 0,
        cut_short: 0,
    };
    let allowed: Vec<u32> =
        kinds.front.iter().copied().filter(|&j| view.allowed[j as usize]).collect();
    out.closed = out.closed || homeless(problem, kinds, view, &allowed);
    if out.closed {
        return out;
    }
    let points = problem.points().len();
    let pricing = Pricing { problem, certificate, kinds, view };
    let tasks: Vec<(u32, usize)> =
        allowed.iter().flat_map(|&j| (0..points).map(move |s| (j, s))).collect();
    out.priced = tasks.len() as u64;
    out.dominated = (kinds.all.len() * points) as u64 - out.priced;
    let step = lattice(problem, kinds, |j| view.allowed[j as usize]);
    let Some(sum) = collected(problem, view).map(|sum| sum.max(0)) else { return out };
    let free = Factor::free(sum.unsigned_abs(), certificate, step);
    out.bound = price_all(&pricing, &tasks, hints, (free, budget), &mut out)
        .and_then(|factor| raise(factor.of(sum)?, certificate, step));
    out
}

/// What the duals of a leaf must be multiplied with to be legal for every content of the kinds that
/// the leaf allows, as a numerator and a denominator; none on overflow.
pub(crate) fn legal_factor(pricing: &Pricing<'_>, budget: u64) -> Option<(u128, u128)> {
    let points = pricing.problem.points().len();
    let front = pricing.kinds.front.iter().copied();
    let allowed = front.filter(|&j| pricing.view.allowed[j as usize]);
    let tasks: Vec<(u32, usize)> = allowed.flat_map(|j| (0..points).map(move |s| (j, s))).collect();
    let mut out = LeafBound {
        bound: None,
        closed: false,
        scaled: false,
        priced: 0,
        dominated: 0,
        work: 0,
        cut_short: 0,
    };
    let factor = price_all(pricing, &tasks, &mut Hints::new(), (Factor::ONE, budget), &mut out)?;
    Some((factor.above, factor.below))
}

/// Prices all tasks; returns what all duals are multiplied with, `None` on overflow.
///
/// They start from `free`, which costs the bound nothing. The least quotient of limit and worth
/// decides for the whole leaf. So a content that is worth
/// too much raises what every other task may be worth, and most of them are settled by that.
///
/// Rounds have growing quotas, so that one hard knapsack does not starve the rest. Quotas and
/// factors depend on earlier rounds only, never on the order of threads.
fn price_all(
    pricing: &Pricing<'_>,
    tasks: &[(u32, usize)],
    hints: &mut Hints,
    (free, budget): (Factor, u64),
    out: &mut LeafBound,
) -> Option<Factor> {
    let known: &Hints = hints;
    let prepare =
        |&(j, s): &(u32, usize)| pricing.task(j, s, known.get(&(j, s)).map_or(&[], Vec::as_slice));
    let ready: Vec<Option<Task>> = if tasks.len() <= FEW {
        tasks.iter().map(prepare).collect()
    } else {
        tasks.par_iter().map(prepare).collect()
    };
    let mut factor = free;
    let mut pending = Vec::new();
    for (&place, task) in tasks.iter().zip(ready) {
        let mut task = task?;
        hints.insert(place, std::mem::take(&mut task.ready.lambdas));
        factor.meet(task.limit, task.whole(task.ready.seen)?);
        let upper = task.whole(task.ready.upper)?;
        pending.push((task, upper));
    }
    let mut quota = FIRST_QUOTA;
    for rounds in 0.. {
        pending.retain(|(task, upper)| *upper > factor.allows(task.limit));
        if pending.is_empty() {
            break;
        }
        let share = budget.saturating_sub(out.work) / pending.len() as u64;
        let near = NEAR.get(rounds).copied().unwrap_or(NEAR_ENOUGH);
        let effort = Effort { quota: quota.min(share), near, last: quota >= share };
        pending = round(pending, effort, &mut factor, out)?;
        if effort.last {
            break;
        }
        quota = quota.saturating_mul(8);
    }
    out.scaled = factor != free;
    Some(factor)
}

/// How hard a round tries.
#[derive(Clone, Copy)]
struct Effort {
    quota: u64,
    near: Option<u32>,
    last: bool,
}

/// Searches all tasks, each with an upper bound on its worth so far; returns those that are
/// worth another round. The others have had their say in the factor.
fn round(
    pending: Vec<(Task, i128)>,
    effort: Effort,
    factor: &mut Factor,
    out: &mut LeafBound,
) -> Option<Vec<(Task, i128)>> {
    let start = *factor;
    let price =
        |(task, _): &(Task, i128)| task.price(start.allows(task.limit), effort.quota, effort.near);
    let searched: Vec<Option<Priced>> = if pending.len() <= FEW && effort.quota <= FIRST_QUOTA {
        pending.iter().map(price).collect()
    } else {
        pending.par_iter().map(price).collect()
    };
    let mut again = Vec::new();
    for ((task, upper), priced) in pending.into_iter().zip(searched) {
        let priced = priced?;
        out.work = out.work.saturating_add(priced.labels);
        factor.meet(task.limit, priced.seen);
        let Some(above) = priced.above else { continue };
        let upper = upper.min(above);
        // More labels help only a search that ran out of them.
        if priced.cut_short && priced.labels >= effort.quota && !effort.last {
            again.push((task, upper));
        } else {
            out.cut_short += u64::from(priced.rough);
            factor.meet(task.limit, upper);
        }
    }
    Some(again)
}

/// What all duals of a leaf are multiplied with: a fraction of at most 1, of numbers below 2^63.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Factor {
    above: u128,
    below: u128,
}

impl Factor {
    const ONE: Self = Self { above: 1, below: 1 };

    /// The least that leaves the bound as it is once raised to the lattice: down to it nothing
    /// need be proven.
    fn free(sum: u128, certificate: &Certificate, step: u128) -> Self {
        let found = || {
            let bound = raise(sum, certificate, step)?;
            // Just above the bound one step lower.
            let spend = bound.checked_sub(step.max(1))?;
            let least = spend.checked_mul(u128::from(certificate.scale))?;
            let least = least / u128::from(certificate.unit) + (sum >> 56) + 2;
            let mut factor = Self::ONE;
            factor.meet(i128::try_from(least).ok()?, i128::try_from(sum).ok()?);
            let kept = raise(factor.of(i128::try_from(sum).ok()?)?, certificate, step)?;
            (kept == bound).then_some(factor)
        };
        found().unwrap_or(Self::ONE)
    }

    /// Falls to limit / worth, rounded down, where that is less.
    fn meet(&mut self, limit: i128, worth: i128) {
        if worth <= limit {
            return;
        }
        let (mut above, mut below) = (limit.unsigned_abs(), worth.unsigned_abs());
        while below >> 63 != 0 {
            above >>= 1;
            below = below.div_ceil(2);
        }
        if above * self.below < self.above * below {
            *self = Self { above, below };
        }
    }

    /// The worth that the factor brings down to the limit, rounded down.
    fn allows(self, limit: i128) -> i128 {
        let Ok(below) = i128::try_from(self.below) else { return limit };
        let Ok(above) = i128::try_from(self.above) else { return limit };
        let scaled = limit.checked_mul(below).and_then(|amount| amount.checked_div(above));
        scaled.unwrap_or(if above == 0 { i128::MAX } else { limit }).max(limit)
    }

    /// floor(sum × factor).
    fn of(self, sum: i128) -> Option<u128> {
        let sum = u128::try_from(sum).ok()?;
        let (whole, rest) = (sum / self.below, sum % self.below);
        whole.checked_mul(self.above)?.checked_add(rest * self.above / self.below)
    }
}

/// From the certificate's units to spend, rounded up, then up to the lattice: costs are whole
/// numbers and multiples of `step`.
fn raise(sum: u128, certificate: &Certificate, step: u128) -> Option<u128> {
    let spend = sum.checked_mul(u128::from(certificate.unit))?;
    let spend = spend.div_ceil(u128::from(certificate.scale));
    if step == 0 { Some(spend) } else { spend.div_ceil(step).checked_mul(step) }
}
