//! How full a node is, by requests (`simulator/utilization/info.go`): what scale-down looks at.

use crate::autoscaler::drain::{LEAVING_EXTRA_MILLIS, is_long_terminating};

/// What of a pod counts for utilization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UtilizationPod {
    /// What the scheduler books: init containers, sidecars and overhead included, in milli-cores.
    pub cpu_milli: i64,
    /// The same in bytes of memory.
    pub memory_bytes: i64,
    /// GPUs requested.
    pub gpus: i64,
    /// Owned by a DaemonSet, or declared like it by annotation.
    pub daemon: bool,
    /// A mirror (static) pod.
    pub mirror: bool,
    /// Its deletion plus grace period, and 30 s more, are over: it counts no more.
    pub long_terminating: bool,
}

/// What of a node counts for utilization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UtilizationNode {
    /// Allocatable CPU, in milli-cores.
    pub cpu_milli: i64,
    /// Allocatable memory, in bytes.
    pub memory_bytes: i64,
    /// GPUs: none if the node is not of a GPU group; 0 while its device plugin is not ready.
    pub gpus: Option<i64>,
}

/// Pods that are left out of the measure, on both sides of the division.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignored {
    /// Pods of DaemonSets (`ignore-daemonsets-utilization`).
    pub daemons: bool,
    /// Mirror pods (`ignore-mirror-pods-utilization`).
    pub mirrors: bool,
}

/// The resource that a utilization is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
    /// GPUs, on GPU nodes the only one looked at.
    Gpu,
}

/// A node's utilization.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utilization {
    /// Of CPU.
    pub cpu: f64,
    /// Of memory.
    pub memory: f64,
    /// Of GPUs.
    pub gpu: f64,
    /// The one that counts, compared with the threshold.
    pub value: f64,
    /// Which one that is.
    pub of: Measured,
}

/// The utilization of a node; none if it has no allocatable CPU or memory, which makes it
/// unremovable. Upstream's `Calculate`.
pub fn utilization(
    node: &UtilizationNode,
    pods: &[UtilizationPod],
    ignored: Ignored,
) -> Option<Utilization> {
    if let Some(gpus) = node.gpus {
        let gpu = if gpus == 0 { 0.0 } else { share(gpus, pods, ignored, |pod| pod.gpus)? };
        return Some(Utilization { cpu: 0.0, memory: 0.0, gpu, value: gpu, of: Measured::Gpu });
    }
    let cpu = share(node.cpu_milli, pods, ignored, |pod| pod.cpu_milli)?;
    // Upstream divides thousandths of bytes.
    let memory = share(node.memory_bytes.saturating_mul(1000), pods, ignored, |pod| {
        pod.memory_bytes.saturating_mul(1000)
    })?;
    let (value, of) = if cpu > memory { (cpu, Measured::Cpu) } else { (memory, Measured::Memory) };
    Some(Utilization { cpu, memory, gpu: 0.0, value, of })
}

/// Upstream's `CalculateUtilizationOfResource`.
fn share(
    allocatable: i64,
    pods: &[UtilizationPod],
    ignored: Ignored,
    request: impl Fn(&UtilizationPod) -> i64,
) -> Option<f64> {
    if allocatable == 0 {
        return None;
    }
    let (mut requested, mut left_out) = (0i64, 0i64);
    for pod in pods {
        if pod.daemon && ignored.daemons || pod.mirror && ignored.mirrors {
            left_out = left_out.saturating_add(request(pod));
        } else if !pod.long_terminating {
            requested = requested.saturating_add(request(pod));
        }
    }
    Some(requested as f64 / allocatable.saturating_sub(left_out) as f64)
}

/// Whether a pod counts no more: deleted so long ago, with such a grace period, in milliseconds.
pub fn counts_no_more(deleted_millis_ago: Option<i64>, grace_millis: i64) -> bool {
    is_long_terminating(deleted_millis_ago, grace_millis, LEAVING_EXTRA_MILLIS)
}
