//! What a node offers and what a pod takes, derived anew from the problem's data.
//!
//! Invariant: `nodeplan_model::overhead` is not used here. The solver works with that module;
//! a test compares the two on many sizes and every reservation model.
//!
//! One *row* of amounts describes both sides: the named and extended resources in the order of
//! `Resources::row`, then the mean CPU use (where a burstable size must sustain it), then the
//! limits that an overcommit rule bounds.

use crate::codes;
use nodeplan_model::catalog::Sku;
use nodeplan_model::placement;
use nodeplan_model::problem::{Cluster, PoolKind, Problem, ReservationModel};
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{GIB, KIB, MIB};
use nodeplan_model::workload::Workload;

/// Ephemeral storage the kubelet offers on the default 128 GB OS disk, in bytes.
const EPHEMERAL_BYTES: u64 = 119_703_055_367;

/// What one node of a pool kind offers to workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Resources left after reservations, head-room and add-ons.
    pub usable: Vec<u64>,
    /// Sustained CPU left, where the rule applies to the size.
    pub sustained: Option<u64>,
    /// Allocatable CPU, what overcommit is measured against.
    pub allocatable_cpu: u64,
    /// Allocatable memory.
    pub allocatable_memory: u64,
    /// Most that CPU limits may add up to.
    pub cpu_limits: Option<u64>,
    /// Most that memory limits may add up to.
    pub memory_limits: Option<u64>,
}

/// What one pod of a workload takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Needs {
    /// Request plus the packed share of the limits; one pod slot.
    pub size: Vec<u64>,
    /// Mean CPU use.
    pub mean: u64,
    /// CPU limit.
    pub cpu_limit: Option<u64>,
    /// Memory limit.
    pub memory_limit: Option<u64>,
    /// Most pods on one node.
    pub per_node: u64,
}

impl Room {
    /// The right-hand sides of a node's row.
    pub(crate) fn capacities(&self) -> Vec<u64> {
        let mut row = self.usable.clone();
        row.extend(self.sustained);
        row.extend(self.cpu_limits);
        row.extend(self.memory_limits);
        row
    }

    /// Code and name of each entry of the row.
    pub(crate) fn names(&self, problem: &Problem) -> Vec<(&'static str, String)> {
        let named =
            ["cpu (m)", "memory (B)", "pods", "gpus", "data disks", "ephemeral storage (B)"];
        let extended = problem.parts().extended.iter().map(String::as_str);
        let mut names: Vec<_> = named
            .into_iter()
            .chain(extended)
            .map(|name| (codes::CAPACITY, name.to_owned()))
            .collect();
        names.extend(self.sustained.map(|_| (codes::SUSTAINED, "sustained cpu (m)".to_owned())));
        names.extend(self.cpu_limits.map(|_| (codes::OVERCOMMIT, "cpu limits (m)".to_owned())));
        names.extend(
            self.memory_limits.map(|_| (codes::OVERCOMMIT, "memory limits (B)".to_owned())),
        );
        names
    }
}

impl Needs {
    /// What one pod takes of each entry of `room`'s row.
    pub(crate) fn row(&self, room: &Room, row: &mut Vec<u64>) {
        row.clear();
        row.extend_from_slice(&self.size);
        row.extend(room.sustained.map(|_| self.mean));
        row.extend(room.cpu_limits.map(|_| self.cpu_limit.unwrap_or(room.allocatable_cpu)));
        row.extend(
            room.memory_limits.map(|_| self.memory_limit.unwrap_or(room.allocatable_memory)),
        );
    }
}

fn permille_up(amount: u64, permille: u32) -> u64 {
    let share = (u128::from(amount) * u128::from(permille)).div_ceil(1000);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// What a pod of `workload` takes.
pub(crate) fn needs(problem: &Problem, workload: &Workload) -> Needs {
    let share = problem.cluster().burst.of(workload.qos).0;
    let towards = |request: u64, limit: Option<u64>| {
        let gap = limit.map_or(0, |limit| limit.saturating_sub(request));
        request.saturating_add(permille_up(gap, share))
    };
    let cpu_limit = workload.cpu_limit.map(|limit| limit.0);
    let memory_limit = workload.memory_limit.map(|limit| limit.0);
    let mut size = workload.request.row(problem.extended());
    size[0] = towards(size[0], cpu_limit);
    size[1] = towards(size[1], memory_limit);
    size[2] = 1;
    Needs {
        size,
        mean: workload.cpu_mean.0,
        cpu_limit,
        memory_limit,
        per_node: workload.max_per_node.map_or(u64::MAX, u64::from),
    }
}

/// CPU the platform reserves on `vcpus` cores.
fn platform_cpu(vcpus: u64) -> u64 {
    match vcpus {
        0 => 0,
        1 => 60,
        2 => 100,
        3 => 120,
        more => 140 + (more - 4) * 10,
    }
}

/// Memory bands of the older rule: (width in GiB, percent kept).
const BANDS: [(u64, u128); 4] = [(4, 25), (4, 20), (8, 10), (112, 6)];

fn banded_memory(nominal: u64) -> u64 {
    let mut left = nominal;
    let mut hundredths = 0;
    for (gib, percent) in BANDS {
        let here = left.min(gib * GIB);
        hundredths += u128::from(here) * percent;
        left -= here;
    }
    hundredths += u128::from(left) * 2;
    let whole = hundredths / (100 * u128::from(MIB)) * u128::from(MIB);
    u64::try_from(whole).unwrap_or(u64::MAX)
}

/// Memory of a node that pods cannot have: operating system, kubelet, eviction threshold.
fn platform_memory(cluster: &Cluster, nominal: u64, max_pods: u32) -> u64 {
    let system = if cluster.os_overhead {
        match cluster.reservation {
            ReservationModel::Measured => 0,
            ReservationModel::NodeAutoProvisioning => permille_up(nominal, 75),
            ReservationModel::Aks | ReservationModel::AksLegacy => {
                // 17.5 MiB for each GiB is 35 parts in 2048.
                let kib = (u128::from(nominal) * 35).div_ceil(2048 * u128::from(KIB));
                let bytes = kib * u128::from(KIB) + 112 * u128::from(MIB);
                u64::try_from(bytes).unwrap_or(u64::MAX).min(nominal)
            }
        }
    } else {
        0
    };
    let (kubelet, eviction) = match cluster.reservation {
        ReservationModel::Measured => (0, 0),
        ReservationModel::Aks => {
            ((MIB * (50 + 20 * u64::from(max_pods))).min(nominal / 4), 100 * MIB)
        }
        ReservationModel::AksLegacy | ReservationModel::NodeAutoProvisioning => {
            (banded_memory(nominal), 750 * MIB)
        }
    };
    system.saturating_add(kubelet).saturating_add(eviction)
}

/// What the kubelet of a node reports as allocatable, as a row of resources.
fn allocatable(cluster: &Cluster, sku: &Sku, max_pods: u32, extended: usize) -> Vec<u64> {
    if let Some(measured) = &sku.measured {
        return measured.row(extended);
    }
    let cores = u64::from(sku.vcpus);
    let kept = match cluster.reservation {
        ReservationModel::Measured => 0,
        _ => platform_cpu(cores),
    };
    let mut row = vec![0; Resources::NAMED + extended];
    row[0] = (cores * 1000).saturating_sub(kept);
    row[1] = sku.memory.0.saturating_sub(platform_memory(cluster, sku.memory.0, max_pods));
    row[2] = u64::from(max_pods);
    row[3] = u64::from(sku.gpus);
    row[4] = u64::from(sku.max_data_disks);
    row[5] = EPHEMERAL_BYTES;
    row
}

/// What a node of `kind` costs an hour; none of a size or group that is not there. Nodes of a spot
/// group are paid for at the quote for spot, all others, and sizes without a quote, at the list rate.
pub(crate) fn rate(problem: &Problem, kind: PoolKind) -> Option<u64> {
    let rates = &problem.skus().get(kind.sku.index())?.rates;
    match (problem.groups().get(kind.group.index())?.spot, rates.spot) {
        (true, Some(quote)) => Some(quote.rate.0),
        _ => Some(rates.on_demand.0),
    }
}

/// What a node of `kind` offers.
pub(crate) fn room(problem: &Problem, kind: PoolKind) -> Room {
    let cluster = problem.cluster();
    let sku = problem.sku(kind.sku);
    let extended = problem.extended();
    let mut usable = allocatable(cluster, sku, kind.max_pods, extended);
    let (allocatable_cpu, allocatable_memory) = (usable[0], usable[1]);
    for amount in &mut usable[..2] {
        *amount -= permille_up(*amount, cluster.headroom.0).min(*amount);
    }
    let mut sustained = sku.sustained.filter(|_| cluster.sustained_cpu).map(|total| total.0);
    for addon in placement::addons_on(problem, kind) {
        let mut taken = addon.request.row(extended);
        taken[2] = 1;
        for (amount, taken) in usable.iter_mut().zip(taken) {
            *amount = amount.saturating_sub(taken);
        }
        let mean = match addon.measured_mean {
            Some(mean) => mean.0,
            None => addon.request.cpu.0.div_ceil(5),
        };
        sustained = sustained.map(|left| left.saturating_sub(mean));
    }
    let most = |rule: Option<u32>, allocatable: u64| {
        rule.map(|permille| {
            let limits = u128::from(allocatable) * u128::from(permille) / 1000;
            u64::try_from(limits).unwrap_or(u64::MAX)
        })
    };
    Room {
        usable,
        sustained,
        allocatable_cpu,
        allocatable_memory,
        cpu_limits: most(cluster.overcommit.cpu.map(|p| p.0), allocatable_cpu),
        memory_limits: most(cluster.overcommit.memory.map(|p| p.0), allocatable_memory),
    }
}

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;
