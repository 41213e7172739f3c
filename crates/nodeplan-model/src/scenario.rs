//! Scenario: what happens to a plan over time. Traffic, what a request costs, how workloads and
//! pools scale, how long things take, what breaks. Rates are micro-units a second, times are
//! milliseconds since the start of the run, factors are parts per million: all integers, so that
//! a scenario file means the same everywhere.

use crate::ids::WorkloadId;
use crate::units::{Bytes, DAY_MILLIS, MilliCpu};
use serde::{Deserialize, Serialize};

/// One million: factors are parts per million.
pub const MILLION: u64 = 1_000_000;

/// Seconds of a week.
pub const WEEK_SECONDS: u32 = (7 * DAY_MILLIS / 1000) as u32;

/// A number of pods or nodes, or a share of them (`intstr.IntOrString`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// So many.
    Count(u32),
    /// So many in a hundred.
    Percent(u32),
}

impl Amount {
    /// Of so many, shares rounded up.
    #[must_use]
    pub fn rounded_up(self, of: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                let all = u64::from(of) * u64::from(percent);
                u32::try_from(all.div_ceil(100)).unwrap_or(u32::MAX)
            }
        }
    }

    /// Of so many, shares rounded down.
    #[must_use]
    pub fn rounded_down(self, of: u32) -> u32 {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => {
                let all = u64::from(of) * u64::from(percent);
                u32::try_from(all / 100).unwrap_or(u32::MAX)
            }
        }
    }
}

/// A `PodDisruptionBudget`; shares are rounded up (`pkg/controller/disruption`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PodBudget {
    /// So many pods may be away at once.
    MaxUnavailable(Amount),
    /// So many pods must be Ready.
    MinAvailable(Amount),
}

impl PodBudget {
    /// How many of so many pods must be Ready.
    #[must_use]
    pub fn healthy(self, expected: u32) -> u32 {
        match self {
            Self::MaxUnavailable(amount) => expected.saturating_sub(amount.rounded_up(expected)),
            Self::MinAvailable(amount) => amount.rounded_up(expected),
        }
    }
}

/// How pods of a workload rank and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodRules {
    /// Priority of their class: higher ones are scheduled first and may take the place of lower
    /// ones.
    pub priority: i32,
    /// Whether they may (`preemptionPolicy`).
    pub preempts: bool,
    /// From being told to end until they have, milliseconds.
    pub ending_millis: u64,
}

impl Default for PodRules {
    fn default() -> Self {
        Self { priority: 0, preempts: true, ending_millis: 5_000 }
    }
}

/// A traffic series: the mean rate in each of equal steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Name of the column it was read from, or of the generator.
    pub name: String,
    /// Length of a step, milliseconds.
    pub step_millis: u64,
    /// Mean rate in each step, in millionths of a request a second.
    pub micro_per_second: Vec<u64>,
}

/// Where a workload's arrivals come from; several add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A series times a factor.
    Series {
        /// Index into [`Scenario::series`].
        series: usize,
        /// Parts per million.
        factor: u64,
    },
    /// Requests that another workload serves, each causing so many.
    Calls {
        /// Who calls.
        caller: WorkloadId,
        /// Calls per request, parts per million.
        factor: u64,
    },
}

/// Where a Service sends a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balancing {
    /// To a ready pod at random (kube-proxy).
    #[default]
    Random,
    /// To the pod with the fewest requests inside (mesh).
    LeastRequest,
}

/// What one unit of work costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Service {
    /// Requests that somebody waits for.
    Requests {
        /// Mean CPU of a request, microseconds of one core.
        cpu_micros: u64,
        /// Squared coefficient of variation of it, thousandths.
        cv2_milli: u32,
        /// Latency that is not CPU, microseconds.
        latency_micros: u64,
        /// Most requests served at once in a pod (a worker pool); none: processor sharing.
        workers: Option<u32>,
        /// A client gives up after this.
        timeout_millis: u64,
        /// Where the Service sends them.
        balancing: Balancing,
    },
    /// Messages of one queue shared by all pods.
    Messages {
        /// Mean CPU of a message, microseconds of one core.
        cpu_micros: u64,
        /// Messages taken at once.
        batch: u32,
    },
    /// Jobs: each a pod's worth of work.
    Jobs {
        /// CPU of a job, microseconds of one core.
        cpu_micros: u64,
        /// Arrivals (messages) that make one job.
        arrivals_per_job: u32,
    },
    /// No work of its own: pods run idle.
    #[default]
    None,
}

/// What counts as good service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// A request is good if answered within this; a queue if its oldest message is younger; a
    /// job if it starts within it. None: nothing is promised.
    pub within_millis: Option<u64>,
    /// Share that must be good, parts per million.
    pub share: u64,
    /// The percentile of response times that is shown for it, parts per million.
    pub percentile: u64,
}

/// Clients that try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    /// How often a lost request is tried again, ≥ 1.
    pub attempts: u32,
    /// Time from the loss to the next attempt, milliseconds; rounded up to whole intervals, at
    /// least one.
    pub backoff_millis: u64,
}

/// Load of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Arrivals.
    pub sources: Vec<Source>,
    /// What a rate limit refused of them before they arrive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Source>,
    /// Index of dispersion of arrivals, thousandths (1000: Poisson).
    pub burstiness_milli: u32,
    /// Cost of one.
    pub service: Service,
    /// Whether lost requests are tried again; none: they are not.
    pub retries: Option<Retries>,
    /// CPU of an idle pod.
    pub idle: MilliCpu,
    /// Memory of an idle pod.
    pub memory: Bytes,
    /// Memory of a request inside.
    pub memory_each: Bytes,
    /// From scheduled to Ready, image pull apart.
    pub startup_millis: u64,
    /// CPU while starting.
    pub startup_cpu: MilliCpu,
    /// The objective.
    pub objective: Objective,
}

/// One metric of an HPA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// CPU, percent of the request.
    CpuUtilization(u32),
    /// Memory, percent of the request.
    MemoryUtilization(u32),
    /// Queue length, messages per pod.
    QueueLength(u64),
    /// Requests a second per pod, thousandths.
    RequestsPerPod(u64),
    /// CPU of the main container, percent of its request (`ContainerResource`).
    ContainerCpu(u32),
    /// Memory of the main container, percent of its request.
    ContainerMemory(u32),
    /// CPU a pod, milli-cores (`AverageValue`).
    CpuAverage(u64),
    /// Memory a pod, bytes (`AverageValue`).
    MemoryAverage(u64),
    /// Requests a second of all pods, thousandths (`Object` with a `Value`).
    RequestsValue(u64),
    /// Length of the queue, messages (`External` with a `Value`).
    QueueValue(u64),
}

impl Metric {
    /// Whether it is of the requests that arrive, pods or not.
    #[must_use]
    pub fn is_of_requests(&self) -> bool {
        matches!(self, Self::RequestsPerPod(_) | Self::RequestsValue(_))
    }

    /// Whether it is of the queue's length.
    #[must_use]
    pub fn is_of_queue(&self) -> bool {
        matches!(self, Self::QueueLength(_) | Self::QueueValue(_))
    }

    /// Whether it exists without pods, so that it can wake a workload from zero.
    #[must_use]
    pub fn beyond_pods(&self) -> bool {
        self.is_of_requests() || self.is_of_queue()
    }
}

/// What of a pod is not its main container: what it requests and uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// CPU of the pod's request.
    pub cpu_request: MilliCpu,
    /// Memory of the pod's request.
    pub memory_request: Bytes,
    /// CPU of what the pod uses.
    pub cpu: MilliCpu,
    /// Memory of what the pod uses.
    pub memory: Bytes,
}

/// What a CronJob does when it is time and its last run goes on (`concurrencyPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concurrency {
    /// A run beside it.
    #[default]
    Allow,
    /// None this time.
    Forbid,
    /// A run in its place.
    Replace,
}

/// A CronJob: at its minutes so many pods begin, each with one job to do, and end with the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronJob {
    /// Minutes of the hour, bit 0 the full hour.
    pub minutes: u64,
    /// Hours of the day, bit 0 midnight.
    pub hours: u32,
    /// Days of the week, bit 0 Monday.
    pub days: u8,
    /// Jobs of a run, a pod for each.
    pub jobs: u32,
    /// What happens while a run goes on.
    pub concurrency: Concurrency,
}

impl CronJob {
    /// Seconds from this second of the local week, counted from Monday midnight, to the next
    /// time it begins, at least 1; none if it never does.
    #[must_use]
    pub fn seconds_to_next(&self, second_of_week: u32) -> Option<u32> {
        const WEEK_MINUTES: u32 = 7 * 24 * 60;
        let wait = 60 - second_of_week % 60;
        let first = second_of_week / 60 + 1;
        let holds = |minute: u32| {
            let (hour, day) = (minute / 60 % 24, minute / (24 * 60) % 7);
            self.minutes >> (minute % 60) & 1 == 1
                && self.hours >> hour & 1 == 1
                && self.days >> day & 1 == 1
        };
        (0..WEEK_MINUTES).find(|after| holds(first + after)).map(|after| wait + after * 60)
    }
}

/// How a policy list is combined (`autoscaling/v2 ScalingPolicySelect`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    /// The policy that allows most.
    #[default]
    Max,
    /// The policy that allows least.
    Min,
    /// No scaling that way.
    Disabled,
}

/// One rate policy of a behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatePolicy {
    /// Percent of the replicas; else pods.
    pub percent: bool,
    /// How many.
    pub value: u32,
    /// In how many seconds.
    pub period_seconds: u32,
}

/// One direction of a behaviour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Stabilisation window, seconds.
    pub window_seconds: Option<u32>,
    /// How policies combine.
    pub select: Select,
    /// Policies; none: the API's defaults.
    pub policies: Option<Vec<RatePolicy>>,
    /// Tolerance, thousandths; none: 100.
    pub tolerance_milli: Option<u32>,
}

/// Behaviour of an HPA, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behavior {
    /// Upwards.
    pub up: Rules,
    /// Downwards.
    pub down: Rules,
}

/// Replicas wanted between two times of the day or week (KEDA cron, scheduled scaling).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Days of the week it holds on, bit 0 Monday.
    pub days: u8,
    /// From this second of the local day.
    pub from_second: u32,
    /// To this second of the local day; not after `from_second`: the next day.
    pub to_second: u32,
    /// At least so many.
    pub min: u32,
}

/// Horizontal autoscaling of one workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Autoscaling {
    /// Fewest replicas.
    pub min: u32,
    /// Most replicas.
    pub max: u32,
    /// Metrics; none: replicas stay as they are.
    pub metrics: Vec<Metric>,
    /// Behaviour; none: the legacy path.
    pub behavior: Option<Behavior>,
    /// Scheduled minimums.
    pub schedules: Vec<Schedule>,
    /// KEDA: scales to zero when idle this long.
    pub cooldown_seconds: Option<u32>,
    /// KEDA: more than this many messages, or requests a second, wake it from zero.
    pub activation: u64,
    /// What of a pod metrics of its main container leave out.
    #[serde(default)]
    pub sidecar: Sidecar,
    /// Age of the queue's length when it is read, milliseconds.
    #[serde(default)]
    pub queue_lag_millis: u64,
}

/// Bounds of one pool of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolBounds {
    /// Fewest nodes.
    pub min: u32,
    /// Most nodes.
    pub max: u32,
    /// Nodes at the start.
    pub initial: u32,
    /// Spot nodes: may be evicted with 30 s notice.
    pub spot: bool,
    /// Availability zones its nodes go round, 1 to 3; none: all three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<u8>,
    /// Priority of the pool for the priority expander; none: no pattern of its map matches.
    pub priority: Option<i64>,
    /// Scheduled minimums.
    pub schedules: Vec<Schedule>,
}

/// How long nodes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeTimes {
    /// Median from the request to Ready.
    pub ready_p50_millis: u64,
    /// 95th percentile of it.
    pub ready_p95_millis: u64,
    /// From deletion to gone (and no longer paid).
    pub delete_millis: u64,
    /// Image pull of a pod on a node that has not run its workload.
    pub pull_millis: u64,
    /// From the failure of a node until it counts as not ready (`node-monitor-grace-period`).
    #[serde(default = "noticed_millis")]
    pub noticed_millis: u64,
    /// From then until its pods are evicted (`tolerationSeconds` of
    /// `node.kubernetes.io/unreachable`).
    #[serde(default = "tolerated_millis")]
    pub tolerated_millis: u64,
}

fn noticed_millis() -> u64 {
    40_000
}

fn tolerated_millis() -> u64 {
    300_000
}

impl Default for NodeTimes {
    fn default() -> Self {
        Self {
            ready_p50_millis: 150_000,
            ready_p95_millis: 300_000,
            delete_millis: 60_000,
            pull_millis: 5_000,
            noticed_millis: noticed_millis(),
            tolerated_millis: tolerated_millis(),
        }
    }
}

/// What chooses among pools that could grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expander {
    /// At random (AKS's default).
    #[default]
    Random,
    /// Least unused CPU and memory.
    LeastWaste,
    /// Most pods placed.
    MostPods,
    /// Highest priority.
    Priority,
}

impl Expander {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Random, Self::LeastWaste, Self::MostPods, Self::Priority];

    /// Its name in AKS's profile.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::LeastWaste => "least-waste",
            Self::MostPods => "most-pods",
            Self::Priority => "priority",
        }
    }
}

/// The cluster autoscaler's profile, as AKS has it; times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoscalerProfile {
    /// Whether it runs at all.
    pub enabled: bool,
    /// Between two looks.
    pub scan_millis: u64,
    /// No scale-down so long after a scale-up.
    pub delay_after_add_millis: u64,
    /// No scale-down so long after a node went.
    pub delay_after_delete_millis: u64,
    /// No scale-down so long after a failure.
    pub delay_after_failure_millis: u64,
    /// A node must be unneeded so long.
    pub unneeded_millis: u64,
    /// An unready node must be unneeded so long.
    pub unready_millis: u64,
    /// Below this share of requests a node is unneeded, thousandths.
    pub utilization_milli: u32,
    /// Longest wait for a pod to end.
    pub max_graceful_millis: u64,
    /// A node that is not there by then failed.
    pub max_provision_millis: u64,
    /// Which pool grows.
    pub expander: Expander,
    /// Similar pools grow together.
    pub balance: bool,
    /// Pods with local storage keep a node.
    pub skip_local_storage: bool,
    /// Pods of kube-system keep a node.
    pub skip_system_pods: bool,
    /// A pod must be so old to count.
    pub new_pod_delay_millis: u64,
}

impl Default for AutoscalerProfile {
    fn default() -> Self {
        Self {
            enabled: true,
            scan_millis: 10_000,
            delay_after_add_millis: 600_000,
            delay_after_delete_millis: 10_000,
            delay_after_failure_millis: 180_000,
            unneeded_millis: 600_000,
            unready_millis: 1_200_000,
            utilization_milli: 500,
            max_graceful_millis: 600_000,
            max_provision_millis: 900_000,
            expander: Expander::Random,
            balance: false,
            skip_local_storage: false,
            skip_system_pods: true,
            new_pod_delay_millis: 0,
        }
    }
}

/// When node auto-provisioning may take nodes away (`consolidationPolicy` of a node pool).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConsolidationPolicy {
    /// Nodes without pods, and nodes whose pods fit elsewhere or on a cheaper node.
    #[default]
    EmptyOrUnderutilized,
    /// Only nodes without pods.
    Empty,
}

/// Why node auto-provisioning takes a node away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisruptionReason {
    /// It has no pods.
    Empty,
    /// Its pods fit elsewhere or on a cheaper node.
    Underutilized,
}

/// How many nodes of a node pool may be away at a time (`spec.disruption.budgets`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeBudget {
    /// So many; shares are rounded up.
    pub nodes: Amount,
    /// For these reasons; none: for any.
    pub reasons: Vec<DisruptionReason>,
    /// Only at these times (their minimum means nothing); none: at any.
    pub window: Option<Schedule>,
}

/// Settings of node auto-provisioning (Karpenter), the same for every node pool; times in
/// milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "snake_case")]
pub struct AutoProvisioning {
    /// A node must be without pod events so long (`consolidateAfter`); none: nothing is
    /// consolidated.
    pub consolidate_after_millis: Option<u64>,
    /// Which nodes may be taken away.
    pub policy: ConsolidationPolicy,
    /// How many nodes of a node pool may be away at a time: the least that a budget allows.
    pub budgets: Vec<NodeBudget>,
    /// Age at which a node is replaced (`expireAfter`); none: never.
    pub expire_after_millis: Option<u64>,
    /// Most CPU of the nodes of a node pool (`limits`).
    pub most_cpu: Option<MilliCpu>,
    /// Most memory of them.
    pub most_memory: Option<Bytes>,
}

impl Default for AutoProvisioning {
    fn default() -> Self {
        Self {
            consolidate_after_millis: Some(0),
            policy: ConsolidationPolicy::EmptyOrUnderutilized,
            budgets: vec![NodeBudget {
                nodes: Amount::Percent(10),
                reasons: Vec::new(),
                window: None,
            }],
            expire_after_millis: None,
            most_cpu: None,
            most_memory: None,
        }
    }
}

/// What makes and removes nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provisioning {
    /// The cluster autoscaler, by its profile.
    #[default]
    ClusterAutoscaler,
    /// Node auto-provisioning: the sizes of the plan's pools are those it may choose from, up to
    /// the pool's most nodes; fewest nodes, priorities and schedules of pools mean nothing to it.
    NodeAutoProvisioning(AutoProvisioning),
}

/// Something that happens at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, milliseconds since the start.
    pub at_millis: u64,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// The oldest node of a pool dies; auto-repair brings it back after that long.
    NodeFails {
        /// Index of the pool.
        pool: usize,
        /// Until repaired.
        repair_millis: u64,
    },
    /// All nodes of a zone die for that long.
    ZoneFails {
        /// Zone, 1 to 3.
        zone: u8,
        /// Until back.
        millis: u64,
    },
    /// Spot nodes of a pool are evicted, 30 s after the notice.
    SpotEviction {
        /// Index of the pool.
        pool: usize,
        /// How many nodes.
        nodes: u32,
    },
    /// Requests for nodes of a pool fail for that long.
    ProvisioningFails {
        /// Index of the pool.
        pool: usize,
        /// For how long.
        millis: u64,
    },
    /// A workload is rolled out anew.
    Rollout {
        /// Which.
        workload: WorkloadId,
        /// Pods above its replicas, shares rounded up.
        surge: Amount,
        /// Replicas that may be missing, shares rounded down.
        unavailable: Amount,
        /// Which of its pods.
        #[serde(default)]
        pods: Rolled,
    },
    /// The nodes of a pool are replaced, so many at once.
    Upgrade {
        /// Index of the pool.
        pool: usize,
        /// Surge nodes.
        surge: u32,
    },
}

/// Which pods of a workload are rolled out anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rolled {
    /// All.
    #[default]
    All,
    /// The oldest of them, so many, shares rounded up: a canary.
    Some(Amount),
    /// Those that were made before an instant of the run, milliseconds: what a canary left.
    MadeBefore(u64),
}

/// An instant from which on the wall clock shows another time than that before leads to: a run may be
/// parts of a longer one, put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockJump {
    /// When, from the start of the run.
    pub at_millis: u64,
    /// Local time then, seconds since a Monday midnight.
    pub second_of_week: u32,
}

/// A run: one sample path of everything above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Seed of every random stream.
    pub seed: u64,
    /// Local wall-clock time of the start, seconds since a Monday midnight (schedules).
    pub start_second_of_week: u32,
    /// Where that clock jumps, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock_jumps: Vec<ClockJump>,
    /// Length of the run.
    pub horizon_millis: u64,
    /// Length of a sample of the timeline.
    pub sample_millis: u64,
    /// Traffic.
    pub series: Vec<Series>,
    /// Load, one per workload of the problem.
    pub loads: Vec<Load>,
    /// Autoscaling, one per workload; none: a fixed number of replicas.
    pub scaling: Vec<Option<Autoscaling>>,
    /// Replicas at the start, one per workload.
    pub replicas: Vec<u32>,
    /// PodDisruptionBudgets, one per workload.
    pub budgets: Vec<Option<PodBudget>>,
    /// How pods rank and end, one per workload.
    pub pods: Vec<PodRules>,
    /// When a CronJob makes its pods, one per workload; their work is [`Service::Jobs`].
    pub crons: Vec<Option<CronJob>>,
    /// Bounds, one per pool of the plan.
    pub pools: Vec<PoolBounds>,
    /// How long nodes take.
    pub times: NodeTimes,
    /// What makes and removes nodes.
    #[serde(default)]
    pub provisioning: Provisioning,
    /// The cluster autoscaler.
    pub autoscaler: AutoscalerProfile,
    /// Events, in any order.
    pub events: Vec<Event>,
}

impl Scenario {
    /// Local time at an instant of the run, seconds since a Monday midnight.
    #[must_use]
    pub fn second_of_week(&self, at_millis: u64) -> u32 {
        let jumped = self.clock_jumps.iter().rev().find(|jump| jump.at_millis <= at_millis);
        let (from, second) = jumped
            .map_or((0, self.start_second_of_week), |jump| (jump.at_millis, jump.second_of_week));
        let second = u64::from(second) + (at_millis - from) / 1000;
        (second % u64::from(WEEK_SECONDS)) as u32
    }

    /// When a CronJob begins next after an instant, milliseconds; never if its time does not come. Times
    /// that the clock jumps over are passed over, the one that it jumps to may be one.
    #[must_use]
    pub fn next_time(&self, job: &CronJob, now_millis: u64) -> Option<u64> {
        let after = |millis: u64, second: u32| {
            job.seconds_to_next(second).map(|wait| (millis / 1000 + u64::from(wait)) * 1000)
        };
        let mut next = after(now_millis, self.second_of_week(now_millis));
        for jump in self.clock_jumps.iter().filter(|jump| jump.at_millis > now_millis) {
            if next.is_some_and(|at| at < jump.at_millis) {
                break;
            }
            let before = jump.second_of_week.checked_sub(1).unwrap_or(WEEK_SECONDS - 1);
            next = after(jump.at_millis.saturating_sub(1000), before);
        }
        next
    }

    /// The first jump of the clock after an instant.
    #[must_use]
    pub fn next_jump(&self, after_millis: u64) -> Option<ClockJump> {
        self.clock_jumps.iter().copied().find(|jump| jump.at_millis > after_millis)
    }
}
