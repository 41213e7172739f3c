//! Whether the parts of a document point at each other: readers of the plan may then index
//! freely. The certificate is left to the judge, who trusts nothing in it.

use super::PlanDocument;
use nodeplan_model::plan::{NodePool, Plan};
use nodeplan_model::problem::Problem;

/// What points nowhere, one sentence each.
pub(super) fn faults(document: &PlanDocument) -> Vec<String> {
    let problem = &document.problem;
    let mut faults = Vec::new();
    let stamp = &document.catalog;
    let parts = problem.parts();
    if (stamp.date, &stamp.region, &stamp.currency)
        != (parts.catalog_date, &parts.region, &parts.currency)
    {
        faults.push("catalog: date, region or currency differ from the problem's".to_owned());
    }
    if let Some(plan) = &document.plan {
        plan_faults(problem, plan, &mut faults);
    }
    for unplaceable in &document.unplaceable {
        if let Some(id) = unplaceable.workload
            && id.index() >= problem.workloads().len()
        {
            faults.push(format!("unplaceable: there is no workload {}", id.0));
        }
    }
    faults
}

fn plan_faults(problem: &Problem, plan: &Plan, faults: &mut Vec<String>) {
    for pool in &plan.pools {
        pool_faults(problem, pool, faults);
    }
}

fn pool_faults(problem: &Problem, pool: &NodePool, faults: &mut Vec<String>) {
    let name = &pool.name;
    let mut fault = |text: String| faults.push(format!("plan: pool `{name}`: {text}"));
    if pool.kind.group.index() >= problem.groups().len() {
        fault(format!("there is no group {}", pool.kind.group.0));
    }
    if pool.kind.sku.index() >= problem.skus().len() {
        fault(format!("there is no size {}", pool.kind.sku.0));
    }
    let points = problem.points().len();
    if pool.packings.len() != points {
        let given = pool.packings.len();
        fault(format!("{given} lists of packings for {points} load points"));
    }
    let contents = pool.packings.iter().flatten().flat_map(|packing| &packing.content);
    for (id, _) in contents {
        if id.index() >= problem.workloads().len() {
            fault(format!("there is no workload {}", id.0));
        }
    }
}
