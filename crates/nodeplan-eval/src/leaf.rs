//! The bound of one leaf: check its duals, price every front kind at every load point, scale.

use crate::codes;
use crate::items::Pricing;
use crate::kinds::{Kinds, lattice};
use crate::tree::{LeafView, place};
use crate::verify::Findings;
use nodeplan_model::certificate::Certificate;
use nodeplan_model::problem::Problem;
use rayon::prelude::*;

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

/// One kind at one load point, priced.
#[derive(Clone, Copy)]
pub(crate) struct Priced {
    /// Rate × weight in the certificate's units: what a content may be worth.
    pub limit: i128,
    /// An upper bound on the worth of all contents, if it exceeds the limit.
    pub worth: Option<i128>,
    /// Labels made.
    pub labels: u64,
    /// The work limit or the size of the numbers made the bound an over-estimate.
    pub cut_short: bool,
}

/// First knapsack quota; each further round has eight times more.
const FIRST_QUOTA: u64 = 2_048;

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
    problem.demand().columns().into_iter().enumerate().any(|(i, demand)| {
        let mut holds =
            |&j: &u32| kinds.all[j as usize].copies(&kinds.needs[i], kinds.class[i], &mut row) > 0;
        demand.iter().any(|&pods| pods > 0) && !allowed.iter().any(&mut holds)
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
    let Some(priced) = price_all(&pricing, &tasks, budget, &mut out.work) else {
        return out;
    };
    out.cut_short = priced.iter().filter(|p| p.cut_short && p.worth.is_some()).count() as u64;
    out.scaled = priced.iter().any(|p| p.worth.is_some());
    let step = lattice(problem, kinds, |j| view.allowed[j as usize]);
    out.bound = collected(problem, view).and_then(|sum| {
        let factor = scaling(&priced);
        raise(scale_down(sum.max(0), factor)?, certificate, step)
    });
    out
}

/// Prices all tasks, in rounds of growing quotas, so that one hard knapsack does not starve the
/// rest. Every quota depends on earlier rounds only, never on the order of threads.
fn price_all(
    pricing: &Pricing<'_>,
    tasks: &[(u32, usize)],
    budget: u64,
    work: &mut u64,
) -> Option<Vec<Priced>> {
    let mut results: Vec<Option<Priced>> = vec![None; tasks.len()];
    let mut pending: Vec<usize> = (0..tasks.len()).collect();
    let mut quota = FIRST_QUOTA;
    while !pending.is_empty() {
        let share = budget.saturating_sub(*work) / pending.len() as u64;
        let last = quota >= share;
        let limit = quota.min(share);
        let round: Vec<Option<Priced>> =
            pending.par_iter().map(|&at| pricing.price(tasks[at].0, tasks[at].1, limit)).collect();
        let mut again = Vec::new();
        for (&at, priced) in pending.iter().zip(round) {
            let priced = priced?;
            *work = work.saturating_add(priced.labels);
            results[at] = Some(priced);
            // A knapsack whose numbers are the reason gains nothing from another round.
            if priced.cut_short && priced.labels >= limit {
                again.push(at);
            }
        }
        pending = if last { Vec::new() } else { again };
        quota = quota.saturating_mul(8);
    }
    results.into_iter().collect()
}

/// The least quotient limit / worth over all contents, rounded down, as numerator and
/// denominator below 2^63; 1/1 where no content is worth too much.
fn scaling(priced: &[Priced]) -> (u128, u128) {
    let mut least = (1_u128, 1_u128);
    for one in priced {
        let Some(worth) = one.worth else { continue };
        let (mut above, mut below) = (one.limit.unsigned_abs(), worth.unsigned_abs());
        while below >> 63 != 0 {
            above >>= 1;
            below = below.div_ceil(2);
        }
        if above * least.1 < least.0 * below {
            least = (above, below);
        }
    }
    least
}

/// floor(sum × factor).
fn scale_down(sum: i128, factor: (u128, u128)) -> Option<u128> {
    let sum = u128::try_from(sum).ok()?;
    let (whole, rest) = (sum / factor.1, sum % factor.1);
    whole.checked_mul(factor.0)?.checked_add(rest * factor.0 / factor.1)
}

/// From the certificate's units to spend, rounded up, then up to the lattice: costs are whole
/// numbers and multiples of `step`.
fn raise(sum: u128, certificate: &Certificate, step: u128) -> Option<u128> {
    let spend = sum.checked_mul(u128::from(certificate.unit))?;
    let spend = spend.div_ceil(u128::from(certificate.scale));
    if step == 0 { Some(spend) } else { spend.div_ceil(step).checked_mul(step) }
}
