//! coredns grows with the cluster: its autoscaler asks for more replicas the more nodes and
//! cores there are, and those replicas are pods of the problem.

use nodeplan_io::addons::coredns_replicas;
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::{Problem, ProblemError};

/// Most times the problem is raised; the ladder has five steps and never goes down.
pub(crate) const ROUNDS: u32 = 4;

/// The platform's coredns, where the problem has it.
fn coredns(problem: &Problem) -> Option<WorkloadId> {
    let at = problem.workloads().iter().position(|one| one.system && one.name == "coredns")?;
    u32::try_from(at).ok().map(WorkloadId)
}

/// Replicas that any plan needs at each load point: as many as the requested cores call for.
pub(crate) fn least(problem: &Problem) -> Vec<u32> {
    let points = 0..problem.points().len();
    points
        .map(|point| {
            let row = problem.demand().row(point);
            let millis = problem.workloads().iter().zip(row).fold(0_u128, |sum, (one, pods)| {
                sum.saturating_add(u128::from(one.request.cpu.0) * u128::from(*pods))
            });
            let cores = u64::try_from(millis.div_ceil(1000)).unwrap_or(u64::MAX);
            coredns_replicas(0, cores)
        })
        .collect()
}

/// Replicas that `plan` needs at each load point.
pub(crate) fn wanted(problem: &Problem, plan: &Plan) -> Vec<u32> {
    (0..problem.points().len())
        .map(|point| {
            let (mut nodes, mut cores) = (0_u64, 0_u64);
            for pool in &plan.pools {
                let here = pool.nodes(point);
                nodes = nodes.saturating_add(here);
                let vcpus = u64::from(problem.sku(pool.kind.sku).vcpus);
                cores = cores.saturating_add(here.saturating_mul(vcpus));
            }
            coredns_replicas(nodes, cores)
        })
        .collect()
}

/// Load points at which `plan` has fewer replicas than its nodes call for: name, replicas it has,
/// replicas called for.
pub(crate) fn short<'a>(problem: &'a Problem, plan: &Plan) -> Vec<(&'a str, u32, u32)> {
    let Some(coredns) = coredns(problem) else {
        return Vec::new();
    };
    let wanted = wanted(problem, plan);
    let points = problem.points().iter().zip(wanted).enumerate();
    points
        .map(|(at, (point, want))| {
            (point.name.as_str(), problem.demand()[[at, coredns.index()]], want)
        })
        .filter(|(_, have, want)| have < want)
        .collect()
}

/// Whether `problem` was raised above `asked` at a load point that wants fewer replicas.
pub(crate) fn exceeds(problem: &Problem, asked: &Problem, wanted: &[u32]) -> bool {
    coredns(problem).is_some_and(|coredns| {
        wanted.iter().enumerate().any(|(point, want)| {
            let place = [point, coredns.index()];
            problem.demand()[place] > asked.demand()[place].max(*want)
        })
    })
}

/// The problem with at least that many replicas; `None` where it has them already.
pub(crate) fn raised(
    problem: &Problem,
    replicas: &[u32],
) -> Result<Option<Problem>, Vec<ProblemError>> {
    let Some(coredns) = coredns(problem) else {
        return Ok(None);
    };
    let mut parts = problem.parts().clone();
    let mut column = parts.demand.column_mut(coredns.index());
    let mut changed = false;
    for (have, want) in column.iter_mut().zip(replicas) {
        if *have < *want {
            *have = *want;
            changed = true;
        }
    }
    if changed { Problem::new(parts).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{Setup, problem_from};
    use nodeplan_io::csv::workloads_csv;
    use nodeplan_model::eligibility::{Filter, Pattern};

    #[test]
    fn requested_cores_raise_coredns_before_any_plan() {
        // The platform's own 572m count as well.
        for (pods, replicas) in [(1, 2), (511, 3), (510, 2), (2048, 5)] {
            let csv = format!("name,replicas,cpu_request,memory_request\na,{pods},1,1Gi\n");
            let file = workloads_csv("w.csv", csv.as_bytes(), &Default::default()).unwrap();
            let catalog = nodeplan_io::catalog::catalog("koreacentral").unwrap();
            let filter = Filter::new(catalog.date);
            let problem = problem_from(Setup::new(&catalog, &filter, file)).unwrap().problem;
            assert_eq!(least(&problem), [replicas], "{pods} pods of one core");
            let coredns = coredns(&problem).unwrap();
            let raised = raised(&problem, &least(&problem)).unwrap();
            assert_eq!(raised.is_some(), replicas > 2);
            let problem = raised.unwrap_or(problem);
            assert_eq!(problem.demand()[[0, coredns.index()]], replicas);
        }
    }

    #[test]
    fn a_plan_of_more_nodes_than_its_problem_reckoned_with_is_short_of_coredns() {
        let csv = "name,replicas,cpu_request,memory_request,max_per_node\na,20,1,1Gi,1\n";
        let file = workloads_csv("w.csv", csv.as_bytes(), &Default::default()).unwrap();
        let catalog = nodeplan_io::catalog::catalog("koreacentral").unwrap();
        let mut filter = Filter::new(catalog.date);
        filter.allow = vec![Pattern::new("D4s_v3")];
        let asked = problem_from(Setup::new(&catalog, &filter, file)).unwrap().problem;
        let found = crate::optimize(&asked, &crate::Options::default()).unwrap();
        let plan = found.plan.unwrap();
        assert_eq!(short(&found.problem, &plan), []);
        assert_eq!(short(&asked, &plan), [("steady", 2, 4)], "20 nodes call for 4");
    }
}
