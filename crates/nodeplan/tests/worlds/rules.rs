//! Which rules of a problem a random one has: the generator's shares are counted with these.

use nodeplan_model::catalog::Arch;
use nodeplan_model::placement::addons_on;
use nodeplan_model::problem::{Problem, ReservationModel, SystemPool};
use nodeplan_model::workload::Workload;

/// Whether a problem has a rule.
pub type Has = fn(&Problem) -> bool;

/// Every rule by name. Each is one that a plan can break, or that changes what fits.
pub const RULES: [(&str, Has); 35] = [
    ("burst", |p| any(p, |w| limited(w) && p.cluster().burst.of(w.qos).0 > 0)),
    ("overcommit of CPU", |p| p.cluster().overcommit.cpu.is_some()),
    ("overcommit of memory", |p| p.cluster().overcommit.memory.is_some()),
    ("overcommit without a limit", |p| {
        let most = p.cluster().overcommit;
        any(p, |w| most.cpu.is_some() && w.cpu_limit.is_none())
            || any(p, |w| most.memory.is_some() && w.memory_limit.is_none())
    }),
    ("anti-affinity", |p| any(p, |w| w.max_per_node == Some(1))),
    ("max per node", |p| any(p, |w| w.max_per_node.is_some_and(|most| most > 1))),
    ("selector of a size", |p| selects(p, "node.kubernetes.io/instance-type")),
    ("selector of an architecture", |p| selects(p, "kubernetes.io/arch")),
    ("selector of a label", |p| selects(p, "team")),
    ("Arm sizes", |p| p.skus().iter().any(|sku| sku.arch == Arch::Arm64)),
    ("Arm pods", |p| any(p, |w| w.arches.contains(&Arch::Arm64))),
    ("a pool by name", |p| any(p, |w| w.pool.is_some())),
    ("isolation", |p| any(p, |w| w.isolate)),
    ("GPUs", |p| any(p, |w| w.request.gpus > 0)),
    ("data disks", |p| any(p, |w| w.request.data_disks > 0)),
    ("ephemeral storage", |p| any(p, |w| w.request.ephemeral.0 > 0)),
    ("extended resources", |p| any(p, |w| w.request.extended.iter().any(|n| *n > 0))),
    ("sustained CPU", |p| {
        p.cluster().sustained_cpu && p.skus().iter().any(|sku| sku.sustained.is_some())
    }),
    ("shared system pool", |p| p.cluster().system_pool == SystemPool::Shared),
    ("dedicated system pool", |p| p.cluster().system_pool == SystemPool::Dedicated),
    ("no system pool", |p| p.cluster().system_pool == SystemPool::None),
    ("system workloads", |p| any(p, |w| w.system)),
    ("1 to 3 pools", |p| p.cluster().max_pools.is_some_and(|most| most <= 3)),
    ("4 to 6 pools", |p| p.cluster().max_pools.is_some_and(|most| (4..=6).contains(&most))),
    ("three load points or more", |p| p.points().len() >= 3),
    ("coupled load points", |p| !p.coupled_points().is_empty()),
    ("load points not coupled", |p| {
        let count = p.points().len();
        p.coupled_points().len() < count * (count - 1) / 2
    }),
    ("head-room", |p| p.cluster().headroom.0 > 0),
    ("add-ons that differ by pool", |p| {
        let kinds = p.pool_kinds();
        kinds.windows(2).any(|pair| addons_on(p, pair[0]) != addons_on(p, pair[1]))
    }),
    ("a choice of max pods", |p| p.cluster().max_pods.len() > 1),
    ("older reservations", |p| p.cluster().reservation == ReservationModel::AksLegacy),
    ("auto-provisioning", |p| p.cluster().reservation == ReservationModel::NodeAutoProvisioning),
    ("spot pools", |p| p.groups().iter().any(|group| group.spot)),
    ("workloads that tolerate spot and others", |p| {
        p.cluster().spot && any(p, |w| w.spot_ok) && any(p, |w| !w.spot_ok)
    }),
    ("measured sizes", |p| p.skus().iter().any(|sku| sku.measured.is_some())),
];

fn any(problem: &Problem, has: impl Fn(&Workload) -> bool) -> bool {
    problem.workloads().iter().any(has)
}

fn limited(workload: &Workload) -> bool {
    workload.cpu_limit.is_some_and(|limit| limit > workload.request.cpu)
        || workload.memory_limit.is_some_and(|limit| limit > workload.request.memory)
}

fn selects(problem: &Problem, key: &str) -> bool {
    any(problem, |workload| workload.node_selector.iter().any(|(name, _)| name == key))
}
