//! Why a pool has its size, why a workload is where it is.

use crate::Error;
use crate::pools::describe;
use nodeplan_io::catalog::nearest;
use nodeplan_model::answer::{PoolAnswer, WorkloadAnswer};
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::placement;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::resources::Resources;
use nodeplan_model::units::UsdPerHour;
use nodeplan_report::number::memory;

/// What there is to say about a name in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// A pool.
    Pool(Box<PoolAnswer>),
    /// A workload.
    Workload(Box<WorkloadAnswer>),
}

/// Explains the pool or else the workload called `name`.
///
/// # Errors
/// No pool and no workload of that name.
pub fn explain(problem: &Problem, plan: &Plan, name: &str) -> Result<Explanation, Error> {
    let pools = describe(problem, plan);
    if let Some(pool) = pools.iter().find(|pool| pool.name == name) {
        return Ok(Explanation::Pool(Box::new(pool.clone())));
    }
    let all = problem.workloads();
    let index = all
        .iter()
        .position(|one| one.full_name() == name)
        .or_else(|| all.iter().position(|one| one.name == name));
    let Some(index) = index else {
        let names: Vec<String> = all.iter().map(|one| one.full_name()).collect();
        let known = names.iter().map(String::as_str).chain(pools.iter().map(|p| p.name.as_str()));
        return Err(Error::NotInPlan { name: name.to_owned(), nearest: nearest(name, known, 3) });
    };
    Ok(Explanation::Workload(Box::new(of_workload(problem, &pools, WorkloadId(index as u32)))))
}

fn of_workload(problem: &Problem, pools: &[PoolAnswer], id: WorkloadId) -> WorkloadAnswer {
    let workload = problem.workload(id);
    let name = workload.full_name();
    let mut fitting: Vec<(UsdPerHour, &str)> = problem
        .pool_kinds()
        .into_iter()
        .filter(|kind| placement::admits(problem, *kind, workload))
        .filter(|kind| {
            let room = crate::content::Room::new(problem, *kind);
            room.holds(&room.need(workload))
        })
        .map(|kind| {
            let sku = problem.sku(kind.sku);
            (problem.rate(kind), sku.name.as_str())
        })
        .collect();
    fitting.sort_unstable();
    fitting.dedup();
    WorkloadAnswer {
        request: in_words(&workload.request),
        packed: in_words(&crate::content::packed_request(problem, workload)),
        qos: workload.qos,
        pods: problem.demand().column(id.index()).to_vec(),
        pools: pools
            .iter()
            .filter_map(|pool| {
                let held = pool.workloads.iter().find(|held| held.name == name)?;
                Some((pool.name.clone(), held.pods.clone()))
            })
            .collect(),
        sizes_that_fit: fitting.len() as u64,
        sizes: problem.skus().len() as u64,
        cheapest: fitting.first().map(|(rate, name)| ((*name).to_owned(), *rate)),
        name,
    }
}

/// CPU and memory, and whatever else is asked for.
fn in_words(request: &Resources) -> String {
    let mut text = format!("{} CPU, {}", request.cpu, memory(request.memory));
    for (amount, name) in [(request.gpus, "GPU"), (request.data_disks, "data disk")] {
        if amount > 0 {
            text.push_str(&format!(", {amount} {name}"));
        }
    }
    if request.ephemeral.0 > 0 {
        text.push_str(&format!(", {} ephemeral", memory(request.ephemeral)));
    }
    text
}
