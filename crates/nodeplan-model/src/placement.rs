//! Pure predicates shared by solver, simulator and judge: which pods may go where.

use crate::problem::{AddOn, Group, PoolKind, Problem};
use crate::workload::Workload;

/// Node labels that are facts of the size, not choices of the plan. A selector on one of them
/// narrows the sizes; a selector on any other key names a pool of its own.
pub const WELL_KNOWN_LABELS: [&str; 6] = [
    "kubernetes.io/arch",
    "beta.kubernetes.io/arch",
    "kubernetes.io/os",
    "beta.kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
];

/// Whether `key` is one of [`WELL_KNOWN_LABELS`].
#[must_use]
pub fn is_well_known(key: &str) -> bool {
    WELL_KNOWN_LABELS.contains(&key)
}

/// The value of a well-known label on a node of this kind.
fn label<'a>(problem: &'a Problem, kind: PoolKind, key: &str) -> Option<&'a str> {
    let sku = problem.sku(kind.sku);
    match key {
        "kubernetes.io/arch" | "beta.kubernetes.io/arch" => Some(sku.arch.label()),
        "kubernetes.io/os" | "beta.kubernetes.io/os" => Some("linux"),
        "node.kubernetes.io/instance-type" | "beta.kubernetes.io/instance-type" => Some(&sku.name),
        _ => None,
    }
}

/// Whether nodes of `kind` carry every label of `selector`.
#[must_use]
pub fn matches(problem: &Problem, kind: PoolKind, selector: &[(String, String)]) -> bool {
    let group = problem.group(kind.group);
    selector.iter().all(|(key, value)| {
        if is_well_known(key) {
            label(problem, kind, key) == Some(value)
        } else {
            group.labels.iter().any(|(k, v)| k == key && v == value)
        }
    })
}

/// The taint of spot nodes, which AKS sets; their label says the same.
pub const SPOT_TAINT: &str = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule";

/// Whether a pod of `workload` may run in `group`: its own group, or any group that keeps
/// nobody out where it has none; on spot nodes only if it tolerates their taint.
#[must_use]
pub fn group_admits(group: &Group, workload: &Workload, dedicated_system: bool) -> bool {
    if workload.system && dedicated_system {
        return group.system;
    }
    if group.system || group.spot && !workload.spot_ok {
        return false;
    }
    if group.pool != workload.pool && (workload.pool.is_some() || group.exclusive) {
        return false;
    }
    let carries = |(key, value): &(String, String)| {
        is_well_known(key) || group.labels.iter().any(|(k, v)| k == key && v == value)
    };
    workload.node_selector.iter().all(carries)
}

/// Whether a pod of `workload` may run on a node of `kind` (labels, taints, architecture;
/// not its size).
#[must_use]
pub fn admits(problem: &Problem, kind: PoolKind, workload: &Workload) -> bool {
    workload.arches.contains(&problem.sku(kind.sku).arch)
        && group_admits(problem.group(kind.group), workload, problem.dedicated_system())
        && matches(problem, kind, &workload.node_selector)
}

/// The add-on DaemonSets that run on nodes of `kind`: selector met, taints tolerated.
#[must_use]
pub fn addons_on(problem: &Problem, kind: PoolKind) -> Vec<&AddOn> {
    let group = problem.group(kind.group);
    let tainted = group.exclusive || group.spot;
    problem
        .cluster()
        .addons
        .iter()
        .filter(|addon| addon.tolerates_all || !tainted)
        .filter(|addon| matches(problem, kind, &addon.node_selector))
        .collect()
}

/// Whether nodes of `kind` can carry the cluster's system pool.
#[must_use]
pub fn serves_system(problem: &Problem, kind: PoolKind) -> bool {
    let group = problem.group(kind.group);
    let open =
        if problem.dedicated_system() { group.system } else { !group.exclusive && !group.spot };
    open && problem.sku(kind.sku).system_pool_ok()
}
