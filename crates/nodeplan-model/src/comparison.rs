//! Two plans, designs or runs, side by side: what each measure was before and is after.

use crate::answer::InputFile;
use serde::Serialize;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// Two plan documents.
    Plans,
    /// Two documents of simulated runs.
    Runs,
    /// Two documents of designs.
    Designs,
}

/// A measure; its name in documents ends in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Cost of a month, billionths of the currency unit.
    MonthBillionths,
    /// Cost of the run, billionths of the currency unit.
    CostBillionths,
    /// Proven bound on the cost of a month, billionths.
    BoundMonthBillionths,
    /// Gap between cost and bound, millionths.
    GapPpm,
    /// How the search ended.
    Status,
    /// Length of the run.
    RunMs,
    /// Node time.
    NodeMs,
    /// CPU requested over CPU paid for, millionths.
    RequestedPpm,
    /// CPU used over CPU paid for, millionths.
    UsedPpm,
    /// Workloads that missed their objective.
    ObjectivesMissed,
    /// VM size.
    Size,
    /// AKS mode.
    Mode,
    /// Labels of the nodes.
    Labels,
    /// Whether a taint keeps others out.
    Isolated,
    /// Whether its nodes are spot machines.
    Spot,
    /// Fewest nodes.
    NodesMin,
    /// Most nodes.
    NodesMax,
    /// Nodes at the start.
    NodesInitial,
    /// Mean nodes paid for, thousandths.
    NodesMeanMilli,
    /// Max pods per node.
    MaxPods,
    /// Fewest replicas.
    PodsMin,
    /// Most replicas.
    PodsMax,
    /// 95th percentile of ready replicas.
    PodsP95,
    /// CPU request of a pod, thousandths of a core.
    CpuRequestM,
    /// Memory request of a pod.
    MemoryRequestBytes,
    /// CPU limit of a pod, thousandths of a core.
    CpuLimitM,
    /// Memory limit of a pod.
    MemoryLimitBytes,
    /// Fewest replicas of the autoscaler.
    HpaMin,
    /// Most replicas of the autoscaler.
    HpaMax,
    /// Metrics and targets of the autoscaler.
    HpaTargets,
    /// Behaviour, schedules and idling of the autoscaler.
    HpaBehavior,
    /// Scheduled minimums of the autoscaler.
    HpaSchedules,
    /// CPU and memory request of a pod.
    Requests,
    /// Pods of low priority that keep room.
    RoomPods,
    /// What makes nodes.
    Provisioning,
    /// Expander of the cluster autoscaler.
    Expander,
    /// Its `scan-interval`.
    ScanInterval,
    /// Its `scale-down-unneeded-time`.
    UnneededTime,
    /// Its `scale-down-delay-after-add`.
    DelayAfterAdd,
    /// Its `scale-down-utilization-threshold`.
    UtilizationThreshold,
    /// Bounds, targets and autoscaler that are written beside a plan.
    Scaling,
    /// Arrivals.
    Offered,
    /// Arrivals that were lost.
    Lost,
    /// Tries of arrivals that were made again.
    Retried,
    /// Share of good service, millionths.
    GoodPpm,
    /// Share that the objective asks for, millionths.
    ObjectivePpm,
    /// Whether the objective was kept.
    Met,
    /// Minutes below the objective.
    MissMinutes,
    /// Median response time.
    LatencyP50Us,
    /// 95th percentile of response times.
    LatencyP95Us,
    /// 99th percentile of response times.
    LatencyP99Us,
    /// Oldest message.
    OldestMs,
    /// 95th percentile of how long pods waited for a node.
    PendingP95Ms,
    /// Pods evicted.
    Evictions,
    /// Containers killed for memory.
    OomKills,
}

/// A value of a measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number in the unit of its measure.
    Number(i128),
    /// Words.
    Text(String),
}

/// One measure, before and after; `None` where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facet {
    /// Which.
    pub what: Measure,
    /// Before.
    pub before: Option<Value>,
    /// After.
    pub after: Option<Value>,
}

impl Facet {
    /// Whether before and after differ.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.before != self.after
    }
}

/// What became of a pool or workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Something about it differs.
    Changed,
    /// Nothing differs.
    Same,
}

/// A pool or workload, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Name.
    pub name: String,
    /// One of the platform's own.
    pub system: bool,
    /// What became of it.
    pub change: Change,
    /// All that is known of it.
    pub facets: Vec<Facet>,
}

/// Two documents side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// What they are.
    pub compared: Compared,
    /// The document before.
    pub before: InputFile,
    /// The document after.
    pub after: InputFile,
    /// Nothing differs.
    pub same: bool,
    /// ISO currency code of the amounts after.
    pub currency: String,
    /// Change of the cost of a month, thousandths of that before, where there are both.
    pub month_per_mille: Option<i64>,
    /// What makes the two hard to compare, one sentence each.
    pub notes: Vec<String>,
    /// Of the whole.
    pub totals: Vec<Facet>,
    /// Pools, those before first, in their order.
    pub pools: Vec<Item>,
    /// Workloads, those before first, in their order.
    pub workloads: Vec<Item>,
}
