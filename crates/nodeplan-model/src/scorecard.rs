//! Scorecard: what a timeline is worth, in cost and quality of service.

use crate::units::Spend;
use serde::{Deserialize, Serialize};

/// Why a workload missed its objective for a while; of those that apply the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Nodes were lost not long before, and pods are away.
    NodeLost,
    /// Pods waited for a node.
    NoNode,
    /// Pods that are wanted were not Ready.
    Starting,
    /// It had as many pods as it may have.
    AtMost,
    /// Work was left over from before.
    LeftOver,
    /// More pods were wanted soon after: the load rose before that.
    Behind,
    /// Nobody wanted more pods, and those that there were had too much to do.
    Busy,
}

/// Time in which a workload missed its objective for one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Why.
    pub cause: Cause,
    /// For how long, milliseconds.
    pub millis: u64,
}

/// Quality of service of one workload over a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceScore {
    /// `namespace/name`.
    pub workload: String,
    /// Arrivals.
    pub offered: u64,
    /// Answered.
    pub served: u64,
    /// Lost.
    pub lost: u64,
    /// Tried again; not part of those offered.
    #[serde(default)]
    pub retried: u64,
    /// Refused by a rate limit; not part of those offered.
    #[serde(default)]
    pub refused: u64,
    /// Share within the objective, parts per million of those offered; none without objective.
    pub good: Option<u64>,
    /// Share that the objective asks for, parts per million.
    pub objective: Option<u64>,
    /// Minutes in which the share fell below it.
    pub miss_minutes: u64,
    /// Why, what took longest first. Told where the objective was missed over the run, and of every
    /// workload where response times of samples are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Missed>,
    /// Median, 95th and 99th percentile over the run, microseconds, request-weighted.
    pub latency_micros: [u64; 3],
    /// Fewest, 95th percentile and most ready replicas over samples.
    pub replicas: [u32; 3],
    /// 95th percentile of how long pods waited for a node, milliseconds.
    pub pending_p95_millis: u64,
    /// Oldest message of the run, milliseconds.
    pub oldest_millis: u64,
    /// Containers killed for memory.
    pub oom_kills: u64,
    /// Pods evicted.
    pub evictions: u64,
    /// Whether the objective holds.
    pub met: bool,
}

/// A whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scorecard {
    /// Spend of the run.
    pub spend: Spend,
    /// Length of the run, milliseconds.
    pub millis: u64,
    /// Node time, milliseconds, all pools.
    pub node_millis: u128,
    /// CPU used by pods over CPU paid for (allocatable), parts per million.
    pub used: u64,
    /// CPU requested over CPU paid for, parts per million.
    pub requested: u64,
    /// 95th percentile of how long pods waited for a node, milliseconds.
    pub pending_p95_millis: u64,
    /// Per workload.
    pub services: Vec<ServiceScore>,
}

impl Scorecard {
    /// Whether every objective holds.
    #[must_use]
    pub fn met(&self) -> bool {
        self.services.iter().all(|service| service.met)
    }
}
