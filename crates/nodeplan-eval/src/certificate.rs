//! From a certificate to a proven lower bound.

use crate::JudgeOptions;
use crate::items::Pricing;
use crate::kinds::{Kinds, lattice};
use crate::leaf::{Hints, LeafBound, bound_leaf, check_leaf, legal_factor};
use crate::tree::{check_tree, leaves};
use crate::verify::Findings;
use nodeplan_model::certificate::Certificate;
use nodeplan_model::plan::Finding;
use nodeplan_model::problem::Problem;
use nodeplan_model::units::Spend;

/// What a certificate proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoundCheck {
    /// No legal plan costs less; `u128::MAX` where every leaf is empty, so that no plan exists.
    pub bound: Spend,
    /// The cost of some cheapest plan is a multiple of this; zero if all rates are.
    pub lattice: Spend,
    /// Faults of the certificate; any of them makes the bound zero.
    pub findings: Vec<Finding>,
    /// Leaves.
    pub leaves: u64,
    /// Leaves that hold no plan at all.
    pub closed: u64,
    /// Leaves whose duals had to be scaled down because some content was worth too much.
    pub scaled: u64,
    /// Pool kinds × load points priced.
    pub priced: u64,
    /// Pool kinds × load points skipped because another kind covers them.
    pub dominated: u64,
    /// Knapsack labels made.
    pub work: u64,
    /// Knapsacks cut short.
    pub cut_short: u64,
}

/// Derives the bound that `certificate` proves. Nothing in it is trusted.
#[must_use]
pub fn check_bound(
    problem: &Problem,
    certificate: &Certificate,
    options: &JudgeOptions,
) -> BoundCheck {
    let kinds = Kinds::of(problem);
    let step = lattice(problem, &kinds, |_| true);
    let mut check = BoundCheck { lattice: Spend(step), ..BoundCheck::default() };
    let mut found = Findings(Vec::new());
    check_tree(problem, certificate, kinds.all.len(), &mut found);
    if !found.0.is_empty() {
        check.findings = found.0;
        return check;
    }
    let views = leaves(problem, certificate, kinds.all.len());
    for view in views.iter().filter(|view| !view.closed) {
        check_leaf(problem, view, kinds.all.len(), &mut found);
    }
    check.leaves = views.len() as u64;
    if !found.0.is_empty() {
        check.findings = found.0;
        return check;
    }
    let mut least = u128::MAX;
    let mut hints = Hints::new();
    // A tree comes from a search that converged: its leaves are close to their bounds and worth
    // more work than a root whose duals may be anything.
    let mut budget = options.work_limit.saturating_mul(views.len().clamp(1, 6) as u64);
    for (done, view) in views.iter().enumerate() {
        // Early leaves may not use up the work of later ones.
        let share = (budget / (views.len() - done) as u64).saturating_mul(16).min(budget);
        let bound = bound_leaf(problem, certificate, &kinds, view, &mut hints, share);
        budget = budget.saturating_sub(bound.work);
        least = least.min(settle(&mut check, &bound, view.index, &mut found));
    }
    check.findings = found.0;
    check.bound = Spend(if check.findings.is_empty() { least } else { 0 });
    check
}

/// A bound on what nodes cost that hold n pods, whatever n is: `constant` + Σ `prices` n.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Affine {
    /// Per workload, units of spend for the load point's weight.
    pub prices: Vec<u128>,
    /// From the rows of the leaf; rounded down.
    pub constant: i128,
}

/// The leaves of a certificate as functions of the pods that nodes hold, at most those of the
/// problem's only load point. Duals are legal or not by what fits a node, whatever is asked for; so
/// nodes that hold n pods cost at least the least of these.
pub(crate) fn leaf_functions(
    problem: &Problem,
    certificate: &Certificate,
    options: &JudgeOptions,
) -> Result<Vec<Affine>, Vec<Finding>> {
    let kinds = Kinds::of(problem);
    let mut found = Findings(Vec::new());
    check_tree(problem, certificate, kinds.all.len(), &mut found);
    if !found.0.is_empty() {
        return Err(found.0);
    }
    let views = leaves(problem, certificate, kinds.all.len());
    for view in &views {
        check_leaf(problem, view, kinds.all.len(), &mut found);
    }
    if !found.0.is_empty() {
        return Err(found.0);
    }
    let budget = options.work_limit / views.len().max(1) as u64;
    let function = |view| {
        let pricing = Pricing { problem, certificate, kinds: &kinds, view };
        affine(&pricing, legal_factor(&pricing, budget)?)
    };
    let open = views.iter().filter(|view| !view.closed);
    let all: Option<Vec<Affine>> = open.map(function).collect();
    all.ok_or_else(|| {
        found.note(crate::codes::OVERFLOW, "certificate", "its numbers exceed 127 bits");
        found.0
    })
}

/// A leaf's duals times a factor.
fn affine(pricing: &Pricing<'_>, (above, below): (u128, u128)) -> Option<Affine> {
    let Pricing { certificate, view, .. } = pricing;
    let (unit, scale) = (u128::from(certificate.unit), u128::from(certificate.scale));
    let price = |dual: &i64| {
        let worth = u128::from(dual.unsigned_abs()).checked_mul(unit)?.checked_mul(above)?;
        Some(worth / below / scale)
    };
    let prices = view.leaf.demand.first()?.iter().map(price).collect::<Option<Vec<u128>>>()?;
    // A node for the system pool is worth nothing here: at times there may be none.
    let mut sum = 0_i128;
    for (row, &dual) in view.rows.iter().zip(&view.leaf.path) {
        let term = row.rhs.checked_mul(i128::from(dual))?;
        sum = if row.at_least { sum.checked_add(term)? } else { sum.checked_sub(term)? };
    }
    let signed = |amount: u128| i128::try_from(amount).ok();
    let whole = sum.checked_mul(signed(unit)?)?.checked_mul(signed(above)?)?;
    let constant = whole.div_euclid(signed(below)?).div_euclid(signed(scale)?);
    Some(Affine { prices, constant })
}

/// Adds a leaf's counts to the whole and returns its bound.
fn settle(check: &mut BoundCheck, leaf: &LeafBound, index: usize, found: &mut Findings) -> u128 {
    check.priced += leaf.priced;
    check.dominated += leaf.dominated;
    check.work = check.work.saturating_add(leaf.work);
    check.cut_short += leaf.cut_short;
    check.scaled += u64::from(leaf.scaled);
    check.closed += u64::from(leaf.closed);
    if leaf.closed {
        return u128::MAX;
    }
    leaf.bound.unwrap_or_else(|| {
        let place = crate::tree::place(index);
        found.note(crate::codes::OVERFLOW, place, "the numbers of the leaf exceed 127 bits");
        0
    })
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
