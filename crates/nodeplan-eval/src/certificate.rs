//! From a certificate to a proven lower bound.

use crate::JudgeOptions;
use crate::kinds::{Kinds, lattice};
use crate::leaf::{Hints, LeafBound, bound_leaf, check_leaf};
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
