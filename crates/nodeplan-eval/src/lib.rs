//! Judges: is a plan legal, is a bound true.
//!
//! Invariants: the solver is not a dependency, nothing here knows how a plan or a certificate
//! was made, and only integers are computed with.
//!
//! # A plan
//! [`check_plan`] places every pod on every node anew: what a node offers (`capacity` derives
//! it from the size, the reservations and the add-ons), what its pods take, and every rule of
//! the cluster. The cost is Σ weight × nodes × rate.
//!
//! # A bound
//! A certificate assigns a worth to things a plan must provide: π to a pod of workload i at
//! load point s, σ to a system node at s, ρ to a node counted by a branching row. A plan also
//! has no more nodes of kind j at s than at t where the pair (s, t) is coupled; μ rewards it
//! for each node at t and charges it for each at s. Every node of a plan then carries a worth:
//!
//! worth(j, s, content) = Σ π·pods ± Σ ρ \[counted\] + σ \[serves system\] − Σ μ(j,s,·) + Σ μ(j,·,s)
//!
//! Added up over all nodes, a legal plan within a leaf of the tree collects at least
//! V = Σ demand·π + Σ σ + Σ ρ·rhs over "at least" rows − Σ ρ·rhs over "at most" rows, because
//! it provides every pod and system node, respects the rows, and the μ terms add up to
//! Σ μ·(N at t − N at s) ≥ 0. So if no content is worth more than its node costs, V is a lower
//! bound on the cost. If some is worth more, all duals are multiplied with the smallest quotient
//! f ≤ 1 of cost and worth (Farley 1990): worth ≤ 0 stays so, everything else fits again, and
//! f·V is a lower bound. Every integer plan is in some leaf of the tree, so the least leaf bound
//! holds for all plans. Some cheapest plan has a cost on a lattice (module `kinds`), and the
//! bound moves up to its next point.
//!
//! What is left is to find, for each pool kind and load point, a content worth more than the
//! limit, or to be sure that none is: an exact knapsack (modules `items`, `prices`,
//! `knapsack`). Where its work limit ends it early, its over-estimate only weakens the bound.
//!
//! Most kinds need no pricing at all: some cheapest plan uses only kinds that no other kind
//! covers (module `kinds`), and the bound need only hold for that plan.

pub mod codes;
pub mod floor;
pub mod scorecard;

mod attain;
mod capacity;
mod causes;
mod certificate;
mod items;
mod kinds;
mod knapsack;
mod leaf;
mod prices;
mod stairs;
mod stocks;
mod tree;
mod verify;

#[cfg(test)]
mod testing;

pub use certificate::{BoundCheck, check_bound};
pub use verify::check_plan;

use nodeplan_model::certificate::Certificate;
use nodeplan_model::plan::{Checked, Finding, Plan, Verdict};
use nodeplan_model::problem::Problem;
use nodeplan_model::units::Spend;

/// Limits of the judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JudgeOptions {
    /// Most knapsack labels over the whole certificate. Beyond it the bound is weaker, never
    /// wrong.
    pub work_limit: u64,
}

impl Default for JudgeOptions {
    fn default() -> Self {
        Self { work_limit: 10_000_000 }
    }
}

/// Judges a plan and a certificate. Without a plan rates are empty and the cost is zero;
/// without a certificate the bound is zero.
#[must_use]
pub fn judge(
    problem: &Problem,
    plan: Option<&Plan>,
    certificate: Option<&Certificate>,
    options: &JudgeOptions,
) -> Verdict {
    let (mut findings, rates, cost, checked) = plan.map_or_else(
        || (Vec::new(), Vec::new(), Spend(0), Checked::default()),
        |plan| check_plan(problem, plan),
    );
    let legal = plan.is_some() && findings.is_empty();
    let bound = certificate.map_or_else(
        || BoundCheck {
            lattice: Spend(kinds::lattice(problem, &kinds::Kinds::of(problem), |_| true)),
            ..BoundCheck::default()
        },
        |certificate| check_bound(problem, certificate, options),
    );
    findings.extend(bound.findings);
    let fault = contradiction(legal, cost, bound.bound);
    let proven = if fault.is_some() { Spend(0) } else { bound.bound };
    findings.extend(fault);
    Verdict {
        findings,
        rates,
        cost,
        bound: proven,
        lattice: bound.lattice,
        checked: Checked {
            leaves: bound.leaves,
            priced: bound.priced,
            dominated: bound.dominated,
            work: bound.work,
            cut_short: bound.cut_short,
            ..checked
        },
    }
}

/// A legal plan cheaper than the bound: one of the two must be wrong.
fn contradiction(legal: bool, cost: Spend, bound: Spend) -> Option<Finding> {
    (legal && bound > cost).then(|| Finding {
        code: codes::CONTRADICTION.to_owned(),
        place: "plan and certificate".to_owned(),
        text: format!("bound {} > cost {}", bound.0, cost.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_above_a_legal_plan_is_reported() {
        for (legal, cost, bound, code) in
            [(true, 3, 4, Some("NP5215")), (true, 4, 4, None), (false, 3, 4, None)]
        {
            let found = contradiction(legal, Spend(cost), Spend(bound));
            assert_eq!(found.as_ref().map(|f| f.code.as_str()), code);
        }
    }
}
