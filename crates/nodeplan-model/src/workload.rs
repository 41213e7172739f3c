//! Workloads: item types with copies.

use crate::catalog::Arch;
use crate::resources::Resources;
use crate::units::{Bytes, MilliCpu};
use serde::{Deserialize, Serialize};

/// Kubernetes quality-of-service class (`pkg/apis/core/v1/helper/qos/qos.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum QosClass {
    /// Requests equal limits for CPU and memory in every container.
    Guaranteed,
    /// Some request or limit, but not Guaranteed.
    Burstable,
    /// No CPU or memory request or limit at all.
    BestEffort,
}

impl QosClass {
    /// The class as Kubernetes spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// Kubernetes controller of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// Deployment.
    Deployment,
    /// StatefulSet.
    StatefulSet,
    /// Job or CronJob.
    Job,
}

/// Where a workload's mean CPU use comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MeanSource {
    /// The `cpu_mean` column.
    Measured,
    /// Request × HPA CPU target, rounded up.
    Target,
    /// The whole request.
    Request,
}

/// Autoscaling of a workload, as read; the optimizer uses the bounds and the CPU target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scaling {
    /// CPU utilisation target, percent of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_target_percent: Option<u32>,
    /// Memory utilisation target, percent of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_target_percent: Option<u32>,
    /// Messages per pod of a queue-driven workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_target: Option<u64>,
    /// Another metric, as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom: Option<String>,
}

/// A number of equal pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Namespace.
    pub namespace: String,
    /// Name, unique within its namespace.
    pub name: String,
    /// Controller.
    pub kind: WorkloadKind,
    /// Request of one pod (`pods` is 1).
    pub request: Resources,
    /// CPU limit of one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<MilliCpu>,
    /// Memory limit of one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<Bytes>,
    /// Mean CPU use of one pod, what a burstable node must sustain.
    pub cpu_mean: MilliCpu,
    /// Where `cpu_mean` comes from.
    pub cpu_mean_source: MeanSource,
    /// Most pods of this workload on one node (1 for `anti_affinity=host`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_per_node: Option<u32>,
    /// Architectures its image runs on; never empty.
    pub arches: Vec<Arch>,
    /// Node labels it selects, sorted by key. Well-known keys narrow the sizes
    /// ([`crate::placement::WELL_KNOWN_LABELS`]); all others name labels of a pool of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_selector: Vec<(String, String)>,
    /// Pools of its own, shared by the workloads with the same name here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Keeps workloads of other pools off its pools.
    #[serde(default)]
    pub isolate: bool,
    /// Tolerates the taint of spot nodes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spot_ok: bool,
    /// Class that Kubernetes computes from requests and limits.
    pub qos: QosClass,
    /// Class the design document claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_qos: Option<QosClass>,
    /// An add-on Deployment of AKS itself; belongs on the system pool.
    #[serde(default)]
    pub system: bool,
    /// Autoscaling.
    #[serde(default)]
    pub scaling: Scaling,
    /// Line in the input file, 0 where there is none.
    #[serde(default)]
    pub line: u32,
}

impl Workload {
    /// `namespace/name`, or the bare name in namespace `default`.
    #[must_use]
    pub fn full_name(&self) -> String {
        if self.namespace == "default" {
            self.name.clone()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }
}
