//! Where no plan exists: which sizes outside of those allowed would hold the pods.

use crate::content::Room;
use crate::pipeline::Optimized;
use nodeplan_model::answer::Notice;
use nodeplan_model::catalog::Catalog;
use nodeplan_model::placement;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::workload::Workload;

/// For each workload that fits no size of the problem, the cheapest size of `catalog` that would
/// hold one of its pods, or that there is none. Empty where a plan exists.
#[must_use]
pub fn way_out(found: &Optimized, catalog: &Catalog) -> Vec<Notice> {
    if found.plan.is_some() || found.unplaceable.is_empty() {
        return Vec::new();
    }
    let mut parts = found.problem.parts().clone();
    parts.skus = catalog.skus.iter().filter(|sku| sku.user_pool_ok()).cloned().collect();
    let Ok(wide) = Problem::new(parts) else { return Vec::new() };
    let mut kinds = wide.pool_kinds();
    kinds.sort_by_key(|kind| (wide.rate(*kind), *kind));
    let workloads = found.unplaceable.iter().filter_map(|one| one.workload);
    workloads.map(|id| notice(&wide, &kinds, wide.workload(id))).collect()
}

fn notice(wide: &Problem, kinds: &[PoolKind], workload: &Workload) -> Notice {
    let holds = |kind: &&PoolKind| {
        let room = Room::new(wide, **kind);
        placement::admits(wide, **kind, workload) && room.holds(&room.need(workload))
    };
    let text = match kinds.iter().find(holds) {
        Some(kind) => {
            let sku = wide.sku(kind.sku);
            let parts = wide.parts();
            format!(
                "a pod would fit {} at {} {}/h, the cheapest such size in {}; it is not among \
                 those considered",
                sku.name,
                wide.rate(*kind),
                parts.currency,
                parts.region
            )
        }
        None => format!("no size in {} would hold a pod", wide.parts().region),
    };
    Notice { code: "NP3003".to_owned(), place: workload.full_name(), text }
}
