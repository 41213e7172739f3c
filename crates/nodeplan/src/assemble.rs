//! The answer: all that a report shows, computed from a verified plan.

use crate::ladder;
use crate::pipeline::Optimized;
use crate::pools::{describe, total_millis};
use crate::rules::rules;
use nodeplan_model::answer::{
    Alternative, Answer, DesignAnswer, InputFile, Money, Notice, PointCost, PoolCount, Proof,
    mean_rate,
};
use nodeplan_model::placement::SPOT_TAINT;
use nodeplan_model::plan::{Plan, Unplaceable};
use nodeplan_model::problem::{Problem, ReservationModel};
use nodeplan_model::workload::Workload;

/// What an answer holds besides the plan itself.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Input files.
    pub inputs: Vec<InputFile>,
    /// Oddities of the input.
    pub warnings: Vec<Notice>,
    /// Plans of simpler methods ([`crate::baselines`]).
    pub baselines: Vec<Alternative>,
    /// Hand-made designs ([`crate::compare`]).
    pub designs: Vec<DesignAnswer>,
    /// Cost of isolation ([`crate::isolation`]).
    pub isolation: Option<Alternative>,
    /// Cost with one value of max pods ([`crate::one_max_pods`]).
    pub one_max_pods: Option<Alternative>,
    /// Cost at 1..N pools ([`crate::pool_counts`]).
    pub pool_counts: Vec<PoolCount>,
}

/// Puts the answer together.
#[must_use]
pub fn answer(found: &Optimized, extras: Extras) -> Answer {
    let problem = &found.problem;
    let millis = total_millis(problem);
    let cost = found.cost();
    let points = points(found);
    Answer {
        inputs: extras.inputs,
        region: problem.parts().region.clone(),
        currency: problem.parts().currency.clone(),
        catalog_date: problem.parts().catalog_date,
        workloads: count(problem, false),
        system_workloads: count(problem, true),
        most_pods: points.iter().map(|point| point.pods).max().unwrap_or(0),
        status: found.status,
        unplaceable: found.unplaceable.iter().map(|one| unplaceable(problem, one)).collect(),
        points,
        pools: found.plan.as_ref().map(|plan| describe(problem, plan)).unwrap_or_default(),
        mean: cost.map(|cost| mean_rate(cost, millis)),
        month: cost.map(|cost| Money::month_of(cost, millis)),
        proof: proof(found),
        baselines: extras.baselines,
        designs: extras.designs,
        isolation: extras.isolation,
        one_max_pods: extras.one_max_pods,
        pool_counts: extras.pool_counts,
        warnings: extras.warnings,
        assumptions: assumptions(found),
    }
}

fn count(problem: &Problem, system: bool) -> u64 {
    problem.workloads().iter().filter(|one| one.system == system).count() as u64
}

fn unplaceable(problem: &Problem, one: &Unplaceable) -> Notice {
    let place = one.workload.map(|id| problem.workload(id).full_name()).unwrap_or_default();
    Notice { code: "NP3003".to_owned(), place, text: one.reason.clone() }
}

fn points(found: &Optimized) -> Vec<PointCost> {
    let problem = &found.problem;
    let user = |point: usize| {
        let row = problem.demand().row(point);
        let pods = problem.workloads().iter().zip(row).filter(|(one, _)| !one.system);
        pods.fold(0_u64, |sum, (_, pods)| sum.saturating_add(u64::from(*pods)))
    };
    problem
        .points()
        .iter()
        .enumerate()
        .map(|(point, load)| PointCost {
            name: load.name.clone(),
            weight_millis: load.weight_millis,
            pods: user(point),
            nodes: found.plan.as_ref().map_or(0, |plan| {
                plan.pools.iter().fold(0, |sum, pool| pool.nodes(point).saturating_add(sum))
            }),
            rate: found.plan.as_ref().and_then(|_| found.verdict.rates.get(point).copied()),
        })
        .collect()
}

fn proof(found: &Optimized) -> Proof {
    let problem = &found.problem;
    let bound = found.verdict.bound;
    let gap_ppm = found.cost().map(|cost| {
        let gap = cost.0.saturating_sub(bound.0);
        let ppm = gap.saturating_mul(1_000_000).div_ceil(cost.0.max(1));
        u64::try_from(ppm).unwrap_or(u64::MAX)
    });
    let proven = found.certificate.is_some();
    Proof {
        optimal: found.plan.is_some() && found.verdict.optimal(),
        bound: proven.then(|| Money::month_of(bound, total_millis(problem))),
        gap_ppm: gap_ppm.filter(|_| proven),
        sizes: problem.skus().len() as u64,
        excluded: problem.parts().excluded.clone(),
        rules: rules(problem),
        checked: found.verdict.checked,
        work: found.work,
    }
}

/// What to know of spot pools.
pub(crate) fn spot_quotes() -> String {
    format!(
        "rates of spot pools are quotes of the catalog's day, not a promise; Azure may take their \
         nodes back 30 s after a notice, and pods there need the toleration {SPOT_TAINT}"
    )
}

/// The problem's own, then what the plan adds.
fn assumptions(found: &Optimized) -> Vec<String> {
    let problem = &found.problem;
    let mut all: Vec<String> =
        problem.parts().assumptions.iter().map(|one| one.text.clone()).collect();
    all.push("a month has 730 hours; on-demand list prices, no discounts".to_owned());
    let spot = |plan: &Plan| plan.pools.iter().any(|pool| problem.group(pool.kind.group).spot);
    if found.plan.as_ref().is_some_and(spot) {
        all.push(spot_quotes());
    }
    let cluster = problem.cluster();
    if cluster.os_overhead && cluster.reservation == ReservationModel::NodeAutoProvisioning {
        all.push(
            "memory the operating system keeps: 7.5 % of the nominal size, as node \
             auto-provisioning reckons"
                .to_owned(),
        );
    } else if cluster.os_overhead {
        all.push(
            "memory the operating system keeps: 112 MiB + 17.5 MiB per GiB, measured up to 32 GiB; \
             larger sizes are marked *"
                .to_owned(),
        );
    }
    let unlimited = |one: &&Workload| one.cpu_limit.is_none() || one.memory_limit.is_none();
    let count = problem.workloads().iter().filter(unlimited).count();
    if count > 0 {
        all.push(format!(
            "a pod without a limit may use its whole node: so it counts in the ratio of limits, \
             marked *; {count} of {} workloads, the platform's own included",
            problem.workloads().len()
        ));
    }
    if wants_more_coredns(found) {
        all.push(
            "coredns has fewer replicas than the plan's nodes call for: the search ended early"
                .to_owned(),
        );
    }
    all
}

/// Whether the search ended before coredns had all its replicas.
fn wants_more_coredns(found: &Optimized) -> bool {
    let raised = |plan| ladder::raised(&found.problem, &ladder::wanted(&found.problem, plan));
    found.plan.as_ref().is_some_and(|plan| !matches!(raised(plan), Ok(None)))
}
