//! From the nominal size of a node to what pods may use: OS overhead, kubelet reservation,
//! eviction threshold, head-room, add-on DaemonSets.
//!
//! Sources: AKS documentation, node-resource-reservations (CPU brackets; memory ≥ 1.29 and
//! before); Azure/karpenter-provider-azure `instancetype.go` (node auto-provisioning).

use crate::catalog::Sku;
use crate::problem::{AddOn, Cluster, PoolKind, ReservationModel};
use crate::resources::Resources;
use crate::units::{Bytes, GIB, KIB, MIB, MilliCpu};

/// Allocatable ephemeral storage of the default 128 GB OS disk (measured on a real node).
pub const EPHEMERAL_ALLOCATABLE: Bytes = Bytes(119_703_055_367);
/// Nominal memory above which the OS overhead formula is an extrapolation.
pub const OS_OVERHEAD_MEASURED_TO: Bytes = Bytes(32 * GIB);

/// One node taken apart, band by band. CPU and memory of the bands add up to the nominal size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAnatomy {
    /// vCPUs × 1000 and nominal memory.
    pub nominal_cpu: MilliCpu,
    /// Nominal memory.
    pub nominal_memory: Bytes,
    /// Memory the operating system and hypervisor keep (nominal − kubelet capacity).
    pub os_memory: Bytes,
    /// CPU reserved for the kubelet and the container runtime.
    pub reserved_cpu: MilliCpu,
    /// Memory reserved likewise.
    pub reserved_memory: Bytes,
    /// Hard eviction threshold.
    pub eviction_memory: Bytes,
    /// What the kubelet reports as allocatable (or what was measured).
    pub allocatable: Resources,
    /// Kept free on purpose.
    pub headroom_cpu: MilliCpu,
    /// Kept free on purpose.
    pub headroom_memory: Bytes,
    /// Requests of the add-on DaemonSets that run on the node, one pod slot each.
    pub addons: Resources,
    /// What is left for workloads, zero at the least.
    pub usable: Resources,
    /// Sustained CPU left for workloads on a burstable size, where the rule is on.
    pub usable_sustained: Option<MilliCpu>,
    /// The OS overhead lies outside the measured range.
    pub os_extrapolated: bool,
}

/// CPU reserved on a node of `vcpus` cores: 60m for the first, 40m for the second, 20m each
/// for the third and fourth, 10m for every further one.
#[must_use]
pub fn reserved_cpu(vcpus: u32) -> MilliCpu {
    let cores = u64::from(vcpus);
    let bracket = |from: u64, to: u64, each: u64| cores.clamp(from, to).saturating_sub(from) * each;
    MilliCpu(bracket(0, 1, 60) + bracket(1, 2, 40) + bracket(2, 4, 20) + bracket(4, u64::MAX, 10))
}

/// 25 % of the first 4 GiB, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112 and
/// 2 % above 128, rounded down to a MiB: AKS before 1.29, and node auto-provisioning.
fn bracket_memory(nominal: Bytes) -> Bytes {
    let mut percent_bytes: u128 = 0;
    for (from, to, percent) in
        [(0, 4, 25), (4, 8, 20), (8, 16, 10), (16, 128, 6), (128, u64::MAX / GIB, 2)]
    {
        let within = nominal.0.min(to * GIB).saturating_sub(from * GIB);
        percent_bytes += u128::from(within) * percent;
    }
    let mib = percent_bytes / 100 / u128::from(MIB);
    Bytes(u64::try_from(mib).unwrap_or(u64::MAX / MIB) * MIB)
}

/// Memory reserved on a node of `nominal` memory, and the hard eviction threshold.
#[must_use]
pub fn memory_bands(model: ReservationModel, nominal: Bytes, max_pods: u32) -> (Bytes, Bytes) {
    match model {
        ReservationModel::Aks => {
            let wanted = (20 * u64::from(max_pods) + 50) * MIB;
            (Bytes(wanted.min(nominal.0 / 4)), Bytes(100 * MIB))
        }
        ReservationModel::AksLegacy | ReservationModel::NodeAutoProvisioning => {
            (bracket_memory(nominal), Bytes(750 * MIB))
        }
        ReservationModel::Measured => (Bytes::ZERO, Bytes::ZERO),
    }
}

/// Memory lost before the kubelet sees it: 112 MiB + 17.5 MiB per GiB, rounded up to a KiB
/// (fitted to real AKS nodes of 4 to 32 GiB); 7.5 % for node auto-provisioning.
fn os_memory(cluster: &Cluster, nominal: Bytes) -> Bytes {
    if !cluster.os_overhead {
        return Bytes::ZERO;
    }
    match cluster.reservation {
        ReservationModel::Measured => Bytes::ZERO,
        ReservationModel::NodeAutoProvisioning => {
            Bytes((u128::from(nominal.0) * 75).div_ceil(1000) as u64)
        }
        ReservationModel::Aks | ReservationModel::AksLegacy => {
            // 17.5 MiB per GiB is 35/2048 of the nominal size.
            let share = (u128::from(nominal.0) * 35).div_ceil(2048 * u128::from(KIB));
            Bytes((112 * MIB + share as u64 * KIB).min(nominal.0))
        }
    }
}

/// Takes a node of `sku` apart as a member of a pool of kind `kind`; `addons` are those that
/// run there ([`crate::placement::addons_on`]).
#[must_use]
pub fn anatomy(cluster: &Cluster, sku: &Sku, kind: PoolKind, addons: &[&AddOn]) -> NodeAnatomy {
    let nominal_cpu = MilliCpu(u64::from(sku.vcpus) * 1000);
    let measured = sku.measured.as_ref();
    let os = if measured.is_some() { Bytes::ZERO } else { os_memory(cluster, sku.memory) };
    let (cpu_reserved, (mem_reserved, eviction)) = match measured {
        Some(_) => (MilliCpu::ZERO, (Bytes::ZERO, Bytes::ZERO)),
        None if cluster.reservation == ReservationModel::Measured => {
            (MilliCpu::ZERO, (Bytes::ZERO, Bytes::ZERO))
        }
        None => {
            (reserved_cpu(sku.vcpus), memory_bands(cluster.reservation, sku.memory, kind.max_pods))
        }
    };
    let capacity = sku.memory.saturating_sub(os);
    let allocatable = measured.cloned().unwrap_or_else(|| Resources {
        cpu: nominal_cpu.saturating_sub(cpu_reserved),
        memory: capacity.saturating_sub(mem_reserved).saturating_sub(eviction),
        pods: u64::from(kind.max_pods),
        gpus: u64::from(sku.gpus),
        data_disks: u64::from(sku.max_data_disks),
        ephemeral: EPHEMERAL_ALLOCATABLE,
        extended: Vec::new(),
    });
    let headroom = Resources {
        cpu: MilliCpu(cluster.headroom.ceil_of(allocatable.cpu.0)),
        memory: Bytes(cluster.headroom.ceil_of(allocatable.memory.0)),
        ..Resources::default()
    };
    let mut on_node = Resources::default();
    let mut mean = MilliCpu::ZERO;
    for addon in addons {
        on_node = on_node
            .checked_add(&addon.request)
            .unwrap_or(Resources { cpu: MilliCpu(u64::MAX), ..on_node });
        mean = MilliCpu(mean.0.saturating_add(addon.mean_cpu().0));
    }
    let usable = allocatable.saturating_sub(&headroom).saturating_sub(&on_node);
    let sustained = sku.sustained.filter(|_| cluster.sustained_cpu);
    NodeAnatomy {
        nominal_cpu,
        nominal_memory: sku.memory,
        os_memory: os,
        reserved_cpu: cpu_reserved,
        reserved_memory: mem_reserved,
        eviction_memory: eviction,
        headroom_cpu: headroom.cpu,
        headroom_memory: headroom.memory,
        addons: on_node,
        usable,
        usable_sustained: sustained.map(|total| total.saturating_sub(mean)),
        os_extrapolated: os != Bytes::ZERO && sku.memory > OS_OVERHEAD_MEASURED_TO,
        allocatable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_brackets_match_the_documented_table() {
        for (vcpus, reserved) in
            [(1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420), (64, 740)]
        {
            assert_eq!(reserved_cpu(vcpus), MilliCpu(reserved), "{vcpus} vCPU");
        }
    }

    /// Differences capacity − allocatable (MiB) seen on real nodes.
    #[test]
    fn memory_bands_match_real_nodes() {
        for (model, gib, pods, mib) in [
            (ReservationModel::Aks, 32, 250, 5150),
            (ReservationModel::Aks, 8, 250, 2148),
            (ReservationModel::Aks, 8, 30, 750),
            (ReservationModel::AksLegacy, 4, 110, 1774),
            (ReservationModel::AksLegacy, 7, 110, 2388),
            (ReservationModel::AksLegacy, 16, 110, 3412),
            (ReservationModel::AksLegacy, 32, 110, 4395),
        ] {
            let (reserved, eviction) = memory_bands(model, Bytes(gib * GIB), pods);
            assert_eq!((reserved.0 + eviction.0) / MIB, mib, "{model:?} {gib} GiB {pods} pods");
        }
    }
}
