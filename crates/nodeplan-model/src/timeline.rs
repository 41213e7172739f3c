//! Timeline: one sample path of a plan under a scenario, in equal samples. Tables are flat, one
//! row per sample, one column per workload or pool.

mod samples;

use crate::units::Spend;
use serde::{Deserialize, Serialize};

pub use samples::WorkloadSamples;

/// What a workload did in one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSample {
    /// Arrivals.
    pub offered: u64,
    /// Answered.
    pub served: u64,
    /// Given up or dropped, and not tried again.
    pub lost: u64,
    /// Tried again; not part of those offered.
    #[serde(default)]
    pub retried: u64,
    /// Answered within the objective, thousandths of a request.
    pub good_milli: u64,
    /// Replicas the controller wants at the end of the sample.
    pub wanted: u32,
    /// Pods that serve at the end.
    pub ready: u32,
    /// Pods without a node at the end.
    pub pending: u32,
    /// Mean CPU use of all its pods, milli-cores.
    pub cpu_milli: u64,
    /// Mean memory use of all its pods, bytes.
    pub memory: u64,
    /// Requests or messages waiting at the end.
    pub backlog: u64,
    /// Age of the oldest message at the end, milliseconds.
    pub oldest_millis: u64,
    /// Median, 95th and 99th percentile of response times, microseconds.
    pub latency_micros: [u64; 3],
}

/// What a pool did in one sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSample {
    /// Nodes paid for at the end.
    pub nodes: u32,
    /// Nodes Ready at the end.
    pub ready: u32,
    /// CPU requested of its ready nodes, milli-cores.
    pub requested_milli: u64,
    /// CPU used on them, milli-cores.
    pub used_milli: u64,
    /// CPU allocatable on them, milli-cores.
    pub allocatable_milli: u64,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The HorizontalPodAutoscaler of a workload.
    Hpa,
    /// What makes and removes nodes: the cluster autoscaler or node auto-provisioning.
    Autoscaler,
    /// The scheduler.
    Scheduler,
    /// The kubelet.
    Kubelet,
    /// The scenario.
    Scenario,
}

/// A decision and its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at_millis: u64,
    /// Who.
    pub actor: Actor,
    /// Index of the workload it concerns.
    pub workload: Option<u32>,
    /// Index of the pool it concerns.
    pub pool: Option<u32>,
    /// Before.
    pub from: u32,
    /// After.
    pub to: u32,
    /// Why, in the words of the field.
    pub reason: String,
}

/// What keeps nodes from being removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// Requests fill more of each of them than the autoscaler's threshold: the emptiest, the
    /// fullest, the threshold, thousandths.
    Used {
        /// Of the emptiest.
        least_milli: u32,
        /// Of the fullest.
        most_milli: u32,
        /// Of a node that may go.
        threshold_milli: u32,
    },
    /// A pod of this workload has no place elsewhere.
    NoPlace {
        /// Index of the workload.
        workload: u32,
    },
    /// A pod of this workload must not be evicted.
    Blocked {
        /// Index of the workload.
        workload: u32,
    },
    /// Nobody needs them, but not for long enough.
    Unneeded {
        /// Since when the first of them is not needed.
        since_millis: u64,
        /// When it may go.
        until_millis: u64,
    },
    /// Nobody needs them, but the autoscaler waits after it last grew a pool or removed a node.
    CoolDown {
        /// Since when the first of them is not needed.
        since_millis: u64,
        /// End of the wait.
        until_millis: u64,
    },
    /// Their pool has as few nodes as it may.
    AtMin {
        /// As few.
        min: u32,
    },
    /// The autoscaler has not looked at them, since they are new or enough others could go.
    NotLookedAt,
}

/// Nodes of a pool that stay for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// How many.
    pub nodes: u32,
    /// Why.
    pub why: Hold,
}

/// Why the nodes of a pool are not removed, from a time until the pool's next entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// From when.
    pub at_millis: u64,
    /// Index of the pool.
    pub pool: u32,
    /// Its nodes, by reason; none if it has none that stays.
    pub held: Vec<Held>,
}

/// What the cluster autoscaler found when it looked whether to ask for nodes of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// No pod waits.
    Nobody,
    /// It asked for nodes.
    Grows,
    /// All that wait have room on nodes that are there or on their way.
    Room,
    /// All that wait are so new that it waits for more.
    New,
    /// All that wait are so unimportant that it makes no node for them.
    Expendable,
    /// It put sizes and machines right first, or found too few nodes Ready to do anything.
    PutRight,
    /// Nodes did not come before, so that it tries others until then.
    BackOff {
        /// Until when.
        until_millis: u64,
    },
    /// Too many of the pool's nodes are not Ready.
    Unready,
    /// The pool has as many nodes as it may.
    AtMax {
        /// As many.
        max: u32,
    },
    /// An empty node of it takes none that wait.
    Unfit,
    /// It takes some, but one more would not help: rules of spreading.
    NoHelp,
    /// It asked, and the cloud refused.
    Refused,
    /// Another pool was chosen.
    OtherChosen,
}

/// What the cluster autoscaler found of a pool, from a time until the pool's next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// From when.
    pub at_millis: u64,
    /// Index of the pool.
    pub pool: u32,
    /// What.
    pub why: Lack,
}

/// A histogram of response times, its buckets so narrow that a percentile is off by at most one
/// percent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyCounts {
    /// Middle of the bucket in microseconds, and how many thousandths of a request it holds;
    /// ascending, none empty.
    pub buckets: Vec<(u64, u64)>,
}

/// Sums over the run, of one workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadTotals {
    /// Response times of the whole run, microseconds.
    pub latency: LatencyCounts,
    /// How long pods waited for a node, milliseconds, each pod once, in order.
    pub pending_millis: Vec<u64>,
    /// Refused by a rate limit in each sample, none of them offered; empty without such a limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<u64>,
    /// Containers killed for memory.
    pub oom_kills: u64,
    /// Pods evicted (pressure, preemption, drains, failures).
    pub evictions: u64,
    /// Those of them that the kubelet evicted because their node was short of memory.
    #[serde(default)]
    pub pressed: u64,
    /// Pods started.
    pub started: u64,
    /// Pod time, milliseconds, from scheduled to gone.
    pub pod_millis: u128,
    /// Pod time that its controller wanted, counted at the end of every interval, milliseconds.
    #[serde(default)]
    pub wanted_millis: u128,
    /// The part of it for which no pod was Ready.
    #[serde(default)]
    pub missing_millis: u128,
}

/// One sample path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Length of a sample.
    pub sample_millis: u64,
    /// How many samples.
    pub samples: usize,
    /// Workloads: `samples` rows.
    pub workloads: WorkloadSamples,
    /// Pools: `samples` rows.
    pub pools: Vec<PoolSample>,
    /// Spend of each sample.
    pub spend: Vec<Spend>,
    /// Sums, one per workload.
    pub totals: Vec<WorkloadTotals>,
    /// Node time of each pool, milliseconds.
    pub node_millis: Vec<u128>,
    /// Every scaling decision.
    pub decisions: Vec<Decision>,
    /// Why nodes were not removed by the cluster autoscaler, whenever that changed.
    #[serde(default)]
    pub stays: Vec<Stay>,
    /// Why the cluster autoscaler asked for no node while pods waited, whenever that changed.
    #[serde(default)]
    pub lacks: Vec<Lacking>,
}

impl Timeline {
    /// The row of a sample, one cell per workload.
    pub fn workloads_at(
        &self,
        sample: usize,
    ) -> impl ExactSizeIterator<Item = WorkloadSample> + Clone + '_ {
        let width = self.totals.len();
        (sample * width..(sample + 1) * width).map(|at| self.workloads.get(at))
    }

    /// A workload in a sample.
    #[must_use]
    pub fn workload_at(&self, sample: usize, workload: usize) -> WorkloadSample {
        self.workloads.get(sample * self.totals.len() + workload)
    }

    /// The row of a sample, one cell per pool.
    #[must_use]
    pub fn pools_at(&self, sample: usize) -> &[PoolSample] {
        let width = self.node_millis.len();
        &self.pools[sample * width..(sample + 1) * width]
    }
}
