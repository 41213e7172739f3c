//! Plans of simpler methods under the same rules, to measure a plan's savings against.
//!
//! Invariants: every plan obeys all rules of its problem, coupled load points and the number of
//! pools included; no baseline knows the solver's plan.

mod autoscaler;
mod karpenter;
pub mod peers;
mod points;
mod shelves;
mod single;

#[cfg(test)]
mod slow;
#[cfg(test)]
mod tests;

use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::packed::Packed;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;

/// Classes × kinds up to which the candidates include sizes that another size beats in
/// everything.
const MOST_FITS: usize = 8_000_000;

/// What a simpler method makes of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// Name.
    pub name: &'static str,
    /// The method in one sentence.
    pub rule: &'static str,
    /// Its plan.
    pub plan: Option<Plan>,
    /// Why there is none.
    pub why_not: Option<String>,
}

/// The three baselines: best single size, cluster-autoscaler style, Karpenter style.
#[must_use]
pub fn all(problem: &Problem) -> Vec<Baseline> {
    let compiled = Compiled::new(problem);
    let finish = |name, rule, make: &dyn Fn() -> Result<Packed, String>| {
        finished(problem, &compiled, name, rule, make)
    };
    let facts = autoscaler::Facts::new(problem, &compiled);
    let queue = karpenter::queue(problem, &compiled);
    let every = compiled.classes.len().saturating_mul(compiled.kinds.len()) <= MOST_FITS;
    let candidates =
        if every { (0..compiled.kinds.len()).collect() } else { compiled.front.clone() };
    vec![
        finish("best single size", SINGLE, &|| single::best(&compiled, &candidates)),
        finish("cluster autoscaler", if every { LEAST_WASTE } else { LEAST_WASTE_LARGE }, &|| {
            points::within_pools(&compiled, &candidates, &|site| autoscaler::scale_up(&facts, site))
        }),
        finish("Karpenter", PROVISION, &|| {
            points::within_pools(&compiled, &compiled.front, &|site| {
                karpenter::provision(&queue, site)
            })
        }),
    ]
}

/// What a method makes, as a plan, where it is legal.
fn finished(
    problem: &Problem,
    compiled: &Compiled,
    name: &'static str,
    rule: &'static str,
    make: &dyn Fn() -> Result<Packed, String>,
) -> Baseline {
    let whole = Target::whole(compiled);
    let packed = homes(problem, compiled).and_then(|()| make()).and_then(|packed| {
        let legal = packed.is_legal(compiled, &whole);
        legal.then_some(packed).ok_or_else(|| "its plan breaks a rule".to_owned())
    });
    match packed {
        Ok(packed) => {
            let plan = Some(packed.decode(problem, compiled));
            Baseline { name, rule, plan, why_not: None }
        }
        Err(why) => Baseline { name, rule, plan: None, why_not: Some(why) },
    }
}

const SINGLE: &str = "First-fit decreasing with one VM size in all pools, the cheapest size that \
     holds every pod.";
const LEAST_WASTE: &str = "Rounds of the cluster autoscaler on an empty cluster: every size gets \
     an estimate for all pending pods that fit it, and the least-waste expander takes one.";
const LEAST_WASTE_LARGE: &str = "Rounds of the cluster autoscaler on an empty cluster: every size \
     that no other size beats in price and capacity gets an estimate for all pending pods that \
     fit it, and the least-waste expander takes one.";
const PROVISION: &str = "Karpenter's provisioning without consolidation: pods by CPU request, \
     each into the open node with the fewest pods that can still grow to hold it; every node \
     becomes the cheapest size that holds its pods.";

/// No method places a pod that fits no node.
fn homes(problem: &Problem, compiled: &Compiled) -> Result<(), String> {
    let homeless =
        compiled.homeless.first().and_then(|&class| compiled.classes[class].members.first());
    match homeless {
        Some(&workload) => {
            Err(format!("a pod of `{}` fits no node", problem.workload(workload).full_name()))
        }
        None => Ok(()),
    }
}
