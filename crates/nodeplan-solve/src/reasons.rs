//! Why pods can be on no node, with numbers, in the scheduler's terms.

use crate::compile::Compiled;
use nodeplan_model::overhead::anatomy;
use nodeplan_model::placement;
use nodeplan_model::plan::Unplaceable;
use nodeplan_model::problem::Problem;
use nodeplan_model::resources::Resources;

/// Every workload that fits no node of any kind, and a system pool no size can carry.
pub fn unplaceable(problem: &Problem, compiled: &Compiled) -> Vec<Unplaceable> {
    let mut found: Vec<Unplaceable> = compiled
        .homeless
        .iter()
        .flat_map(|&class| &compiled.classes[class].members)
        .map(|&id| Unplaceable { workload: Some(id), reason: reason(problem, compiled, id) })
        .collect();
    found.sort_by_key(|entry| entry.workload);
    if problem.needs_system_node() && !compiled.kinds.iter().any(|kind| kind.serves_system) {
        let reason = "no eligible size can carry the system pool: AKS asks for at least 4 vCPUs \
                      and 4 GB, not burstable, in a pool open to its add-ons";
        found.push(Unplaceable { workload: None, reason: reason.to_owned() });
    }
    found
}

/// All workloads fit alone, but no set of pools holds them together.
pub fn together(problem: &Problem) -> Unplaceable {
    let pools = problem.cluster().max_pools;
    let reason = match pools {
        Some(most) => format!(
            "every workload fits some size, but {} all of them together with the system pool; \
             raise --max-pools",
            if most == 1 {
                "no single pool holds".to_owned()
            } else {
                format!("no {most} pools hold")
            }
        ),
        None => "every workload fits some size, but no set of pools holds them all".to_owned(),
    };
    Unplaceable { workload: None, reason }
}

fn reason(problem: &Problem, compiled: &Compiled, id: nodeplan_model::ids::WorkloadId) -> String {
    let workload = problem.workload(id);
    let admitting: Vec<&crate::compile::Kind> = compiled
        .kinds
        .iter()
        .filter(|kind| placement::admits(problem, kind.pool, workload))
        .collect();
    if admitting.is_empty() {
        return format!(
            "0/{} pool kinds match its node selector, architecture or pool",
            compiled.kinds.len()
        );
    }
    let need = &workload.request;
    let mut most = Resources::default();
    let mut short = [0_usize; 5];
    for kind in &admitting {
        let sku = problem.sku(kind.pool.sku);
        let addons = placement::addons_on(problem, kind.pool);
        let usable = anatomy(problem.cluster(), sku, kind.pool, &addons).usable;
        short[0] += usize::from(usable.cpu < need.cpu);
        short[1] += usize::from(usable.memory < need.memory);
        short[2] += usize::from(usable.gpus < need.gpus);
        short[3] += usize::from(usable.data_disks < need.data_disks);
        short[4] += usize::from(usable.ephemeral < need.ephemeral);
        most.cpu = most.cpu.max(usable.cpu);
        most.memory = most.memory.max(usable.memory);
        most.gpus = most.gpus.max(usable.gpus);
    }
    let names = [
        "Insufficient cpu",
        "Insufficient memory",
        "Insufficient nvidia.com/gpu",
        "too many data disks",
        "Insufficient ephemeral-storage",
    ];
    let mut parts: Vec<String> = names
        .iter()
        .zip(short)
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    parts.sort();
    let rules = if parts.is_empty() {
        "limits, sustained CPU or the burst share leave no room".to_owned()
    } else {
        parts.join(", ")
    };
    format!(
        "0/{} pool kinds hold one pod of {} CPU, {} memory, {} GPUs: {rules}; the largest usable \
         node has {} CPU, {} memory, {} GPUs (not on one size)",
        admitting.len(),
        need.cpu,
        need.memory,
        need.gpus,
        most.cpu,
        most.memory,
        most.gpus
    )
}
