//! The kubelet: QoS classes, out-of-memory order, eviction, control groups, restarts.
//!
//! Mirrors `pkg/apis/core/v1/helper/qos`, `pkg/kubelet/{qos,eviction,cm}`, the pod request of
//! `component-helpers/resource` and the back-off of `client-go/util/flowcontrol`. Invariant: pure
//! functions of what is given; what is remembered (pressure, back-off) is a value the caller
//! keeps.

pub mod cpu;
pub mod eviction;
pub mod memory;
pub mod qos;
pub mod restart;

pub use cpu::{CpuClaim, cpu_quota_micros, cpu_shares, share_cpu};
pub use eviction::{EvictionClaim, Pressure, evict, rank_by_excess, rank_by_processes};
pub use memory::{OomCandidate, Shortage, oom_victim, shortage};
pub use nodeplan_model::units::{Bytes, MilliCpu};
pub use qos::{Amounts, Container, ContainerKind, PodResources};
pub use restart::BackOff;
