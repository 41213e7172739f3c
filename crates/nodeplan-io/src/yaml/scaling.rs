//! How workloads and pools scale in a scenario: bounds, targets, behaviour, scheduled minimums.

use super::amounts::{Named, quoted};
use super::cron;
use super::fields::{Fields, Reader};
use super::tree::{Node, Value};
use crate::quantity;
use crate::time::second_of_day;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{
    Behavior, Concurrency, CronJob, Metric, PodBudget, RatePolicy, Rules, Schedule, Select, Sidecar,
};

/// Scaling of one workload; `None` is left to the plan's problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingEntry {
    /// Which workload.
    pub workload: Named,
    /// Whether it is autoscaled at all.
    pub autoscaling: Option<bool>,
    /// Fewest replicas.
    pub min: Option<u32>,
    /// Most replicas.
    pub max: Option<u32>,
    /// Replicas at the start.
    pub replicas: Option<u32>,
    /// Metrics.
    pub targets: Option<Vec<Metric>>,
    /// Behaviour, as written.
    pub behavior: Option<Behavior>,
    /// Scheduled minimums.
    pub schedules: Vec<Schedule>,
    /// Its PodDisruptionBudget.
    pub budget: Option<PodBudget>,
    /// Priority of its pods.
    pub priority: Option<i32>,
    /// Whether they may preempt less important ones.
    pub preempts: Option<bool>,
    /// From being told to end until a pod has.
    pub ending_millis: Option<u64>,
    /// What of a pod is not its main container.
    pub sidecar: Sidecar,
    /// Age of the queue's length when it is read.
    pub queue_lag_millis: u64,
    /// Its pods are those of a CronJob.
    pub cron: Option<CronJob>,
    /// KEDA: to zero when idle this long.
    pub cooldown_seconds: Option<u32>,
    /// KEDA: more than so many messages wake it.
    pub activation: Option<u64>,
}

/// Bounds of one pool; `None` is left to the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolEntry {
    /// Which pool.
    pub pool: Named,
    /// Fewest nodes.
    pub min: Option<u32>,
    /// Most nodes.
    pub max: Option<u32>,
    /// Nodes at the start.
    pub initial: Option<u32>,
    /// Whether its nodes are spot nodes.
    pub spot: bool,
    /// Priority for the priority expander.
    pub priority: i32,
    /// Scheduled minimums.
    pub schedules: Vec<Schedule>,
}

/// Most replicas or nodes that a scenario may ask for.
const MOST: u32 = 1_000_000;
/// Most nodes of a pool.
const MOST_NODES: u32 = 100_000;
/// Largest priority of a class (`system-node-critical`).
const MOST_PRIORITY: i32 = 2_000_001_000;
/// Largest target of messages or of thousandths of a request.
const MOST_TARGET: u64 = 1_000_000_000_000;
/// Reads a target that is an amount a pod.
type Amount<'a> = dyn Fn(&str) -> Option<Metric> + 'a;
/// Largest target of utilization, percent.
const MOST_PERCENT: u32 = 1_000_000;

const WORKLOAD: &[&str] = &[
    "autoscaling",
    "min",
    "max",
    "replicas",
    "targets",
    "behavior",
    "schedules",
    "max_unavailable",
    "min_available",
    "priority",
    "preempts",
    "termination",
    "cooldown",
    "activation",
    "sidecar",
    "queue_lag",
    "cron",
    "jobs",
    "concurrency",
];
/// What a CronJob has no use for.
const SCALED: [&str; 9] = [
    "autoscaling",
    "min",
    "max",
    "replicas",
    "targets",
    "behavior",
    "schedules",
    "cooldown",
    "activation",
];

/// Reads one workload's scaling.
pub(super) fn workload(reader: &mut Reader, workload: Named, node: &Node) -> Option<ScalingEntry> {
    let fields = reader.fields(node, "a workload's scaling", WORKLOAD)?;
    let (min, max) = bounds(reader, &fields, MOST);
    let activation = fields.get("activation");
    Some(ScalingEntry {
        workload,
        autoscaling: reader.flag_of(&fields, "autoscaling"),
        min,
        max,
        replicas: reader.small_of(&fields, "replicas", MOST),
        targets: fields.get("targets").map(|node| targets(reader, node)),
        behavior: fields.get("behavior").and_then(|node| behavior(reader, node)),
        schedules: schedules(reader, &fields),
        budget: budget(reader, &fields),
        sidecar: fields.get("sidecar").map(|node| sidecar(reader, node)).unwrap_or_default(),
        queue_lag_millis: queue_lag(reader, &fields),
        cron: cron_job(reader, &fields),
        priority: fields
            .get("priority")
            .and_then(|at| reader.signed(at, "priority", i32::MIN, MOST_PRIORITY)),
        preempts: reader.flag_of(&fields, "preempts"),
        ending_millis: reader.millis_of(&fields, "termination"),
        cooldown_seconds: reader.seconds_of(&fields, "cooldown"),
        activation: activation
            .and_then(|at| reader.count(at, "activation", 0, u64::from(u32::MAX))),
    })
}

/// The longest lag of a queue's length.
const MOST_LAG_MILLIS: u64 = 86_400_000;

fn queue_lag(reader: &mut Reader, fields: &Fields<'_>) -> u64 {
    let lag = reader.millis_of(fields, "queue_lag").unwrap_or(0);
    if let (Some(at), true) = (fields.get("queue_lag"), lag > MOST_LAG_MILLIS) {
        reader.wrong_value(at, "queue_lag is too long".to_owned(), "at most 24h", None);
    }
    lag.min(MOST_LAG_MILLIS)
}

/// Reads what of a pod's request and use belongs to containers beside the main one.
fn sidecar(reader: &mut Reader, node: &Node) -> Sidecar {
    let known = ["cpu_request", "memory_request", "cpu", "memory"];
    let Some(fields) = reader.fields(node, "sidecar", &known) else { return Sidecar::default() };
    let mut cpu = |name: &str| fields.get(name).and_then(|at| reader.cpu(at, name));
    let (cpu_request, cpu_used) = (cpu("cpu_request"), cpu("cpu"));
    let mut memory = |name: &str| fields.get(name).and_then(|at| reader.memory(at, name));
    let (memory_request, memory_used) = (memory("memory_request"), memory("memory"));
    Sidecar {
        cpu_request: cpu_request.unwrap_or_default(),
        memory_request: memory_request.unwrap_or_default(),
        cpu: cpu_used.unwrap_or_default(),
        memory: memory_used.unwrap_or_default(),
    }
}

/// Reads a CronJob: `cron: "*/15 * * * *"`, `jobs: 4`, `concurrency: Forbid`.
fn cron_job(reader: &mut Reader, fields: &Fields<'_>) -> Option<CronJob> {
    let Some(node) = fields.get("cron") else {
        for name in ["jobs", "concurrency"] {
            if let Some(at) = fields.get(name) {
                reader.clash(at, format!("{name} has no meaning without cron"), "leave it out");
            }
        }
        return None;
    };
    for name in SCALED {
        if let Some(at) = fields.get(name) {
            reader.clash(at, format!("{name} has no meaning for a CronJob"), "leave it out");
        }
    }
    let times = cron::read(reader, node);
    let jobs = fields.get("jobs").map_or(Some(1), |at| reader.small(at, "jobs", 1, MOST));
    let concurrency = fields.get("concurrency").and_then(|at| {
        let text = reader.text(at, "concurrency")?;
        let values = [
            ("Allow", Concurrency::Allow),
            ("Forbid", Concurrency::Forbid),
            ("Replace", Concurrency::Replace),
        ];
        reader.choice(at, text, "concurrency", &values)
    });
    let times = times?;
    Some(CronJob {
        minutes: times.minutes,
        hours: times.hours,
        days: times.days,
        jobs: jobs?,
        concurrency: concurrency.unwrap_or_default(),
    })
}

/// Reads a PodDisruptionBudget: one of its two forms.
fn budget(reader: &mut Reader, fields: &Fields<'_>) -> Option<PodBudget> {
    let most = reader.share_of(fields, "max_unavailable", 100).map(PodBudget::MaxUnavailable);
    let least = reader.share_of(fields, "min_available", 100).map(PodBudget::MinAvailable);
    if let (Some(at), Some(_)) = (fields.get("min_available"), fields.get("max_unavailable")) {
        reader.clash(at, "a budget has one limit", "leave out max_unavailable or min_available");
    }
    most.or(least)
}

/// Reads one pool's bounds.
pub(super) fn pool(reader: &mut Reader, pool: Named, node: &Node) -> Option<PoolEntry> {
    let known = ["min", "max", "initial", "spot", "priority", "schedules"];
    let fields = reader.fields(node, "a pool's bounds", &known)?;
    let (min, max) = bounds(reader, &fields, MOST_NODES);
    let priority = reader.small_of(&fields, "priority", 1_000_000_000).unwrap_or(0);
    Some(PoolEntry {
        pool,
        min,
        max,
        initial: reader.small_of(&fields, "initial", MOST_NODES),
        spot: reader.flag_of(&fields, "spot").unwrap_or(false),
        priority: i32::try_from(priority).unwrap_or(i32::MAX),
        schedules: schedules(reader, &fields),
    })
}

fn bounds(reader: &mut Reader, fields: &Fields<'_>, largest: u32) -> (Option<u32>, Option<u32>) {
    let min = reader.small_of(fields, "min", largest);
    let max = reader.small_of(fields, "max", largest);
    if let (Some(least), Some(most), Some(at)) = (min, max, fields.get("min"))
        && least > most
    {
        reader.clash(at, format!("min {least} is above max {most}"), "lower min or raise max");
    }
    (min, max)
}

const TARGETS: [&str; 8] = [
    "cpu",
    "memory",
    "queue",
    "requests_per_pod",
    "container_cpu",
    "container_memory",
    "queue_value",
    "requests_value",
];

fn targets(reader: &mut Reader, node: &Node) -> Vec<Metric> {
    let Some(fields) = reader.fields(node, "targets", &TARGETS) else { return Vec::new() };
    let mut all = Vec::new();
    let cpu = |text: &str| {
        let milli = text.ends_with('m').then(|| quantity::cpu(text).ok()).flatten()?;
        Some(Metric::CpuAverage(milli.0))
    };
    let memory = |text: &str| {
        let sized = text.ends_with(|last: char| last.is_ascii_alphabetic());
        let sized = sized && !quantity::in_parts_of_a_byte(text);
        let bytes = sized.then(|| quantity::memory(text).ok()).flatten()?;
        Some(Metric::MemoryAverage(bytes.0))
    };
    let none = |_: &str| None;
    let resource = "a percentage such as 70%, or an amount a pod such as 500m";
    let size = "a percentage such as 70%, or an amount a pod such as 600Mi";
    let percent = "a percentage such as 70%";
    for (name, make, amount, expected) in [
        ("cpu", Metric::CpuUtilization as fn(u32) -> Metric, &cpu as &Amount<'_>, resource),
        ("memory", Metric::MemoryUtilization, &memory, size),
        ("container_cpu", Metric::ContainerCpu, &none, percent),
        ("container_memory", Metric::ContainerMemory, &none, percent),
    ] {
        let Some(at) = fields.get(name) else { continue };
        let Some(text) = reader.text(at, name) else { continue };
        // As in the workloads file and in Kubernetes: 70 is 70 %.
        match (quantity::percent(text), amount(text)) {
            (Ok(0), _) | (_, Some(Metric::CpuAverage(0) | Metric::MemoryAverage(0))) => {
                reader.wrong_value(at, format!("{name} is 0"), "above 0", None);
            }
            (Ok(target), _) if target <= MOST_PERCENT => all.push(make(target)),
            (Err(_), Some(Metric::CpuAverage(most) | Metric::MemoryAverage(most)))
                if most > Problem::MAX_AMOUNT =>
            {
                reader.wrong_value(at, format!("{name} is too large"), expected, None);
            }
            (Err(_), Some(average)) => all.push(average),
            _ => {
                let message = format!("{name} {} is no target", quoted(text));
                reader.wrong_value(at, message, expected, None);
            }
        }
    }
    for (name, make) in
        [("queue", Metric::QueueLength as fn(u64) -> Metric), ("queue_value", Metric::QueueValue)]
    {
        let Some(at) = fields.get(name) else { continue };
        all.extend(reader.count(at, name, 1, MOST_TARGET).map(make));
    }
    for (name, make) in [
        ("requests_per_pod", Metric::RequestsPerPod as fn(u64) -> Metric),
        ("requests_value", Metric::RequestsValue),
    ] {
        let Some(at) = fields.get(name) else { continue };
        match reader.scaled(at, name, 3, MOST_TARGET) {
            Some(0) => reader.wrong_value(at, format!("{name} is 0"), "above 0", None),
            rate => all.extend(rate.map(make)),
        }
    }
    all
}

/// Reads a behaviour in the words of `autoscaling/v2`.
fn behavior(reader: &mut Reader, node: &Node) -> Option<Behavior> {
    let fields = reader.fields(node, "behavior", &["scaleUp", "scaleDown"])?;
    let mut one = |name: &str| fields.get(name).and_then(|node| rules(reader, node, name));
    let (up, down) = (one("scaleUp"), one("scaleDown"));
    Some(Behavior { up: up.unwrap_or_default(), down: down.unwrap_or_default() })
}

fn rules(reader: &mut Reader, node: &Node, what: &str) -> Option<Rules> {
    let known = ["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"];
    let fields = reader.fields(node, what, &known)?;
    let select = fields.get("selectPolicy").and_then(|at| {
        let text = reader.text(at, "selectPolicy")?;
        let values = [("Max", Select::Max), ("Min", Select::Min), ("Disabled", Select::Disabled)];
        reader.choice(at, text, "selectPolicy", &values)
    });
    let policies = fields.get("policies").map(|at| {
        let items = reader.items(at, "policies");
        if matches!(&at.value, Value::List(all) if all.is_empty()) {
            let expected = "one policy at least, or no policies for the API's defaults";
            reader.wrong_value(at, "policies is empty".to_owned(), expected, None);
        }
        items.iter().filter_map(|item| policy(reader, item)).collect()
    });
    let tolerance =
        fields.get("tolerance").and_then(|at| reader.scaled(at, "tolerance", 3, 10_000));
    Some(Rules {
        window_seconds: reader.small_of(&fields, "stabilizationWindowSeconds", 3600),
        select: select.unwrap_or_default(),
        policies,
        tolerance_milli: tolerance.and_then(|milli| u32::try_from(milli).ok()),
    })
}

fn policy(reader: &mut Reader, node: &Node) -> Option<RatePolicy> {
    let fields = reader.fields(node, "a policy", &["type", "value", "periodSeconds"])?;
    let kind = reader.required(&fields, "type", "a policy");
    let value = reader.required(&fields, "value", "a policy");
    let period = reader.required(&fields, "periodSeconds", "a policy");
    let percent = kind.and_then(|at| {
        let text = reader.text(at, "type")?;
        reader.choice(at, text, "type", &[("Pods", false), ("Percent", true)])
    });
    let value = value.and_then(|at| reader.small(at, "value", 1, MOST));
    let period = period.and_then(|at| reader.small(at, "periodSeconds", 1, 1800));
    Some(RatePolicy { percent: percent?, value: value?, period_seconds: period? })
}

/// Reads scheduled minimums: `{days: mon-fri, from: 08:00, to: 18:00, min: 4}`.
fn schedules(reader: &mut Reader, fields: &Fields<'_>) -> Vec<Schedule> {
    let Some(list) = fields.get("schedules") else { return Vec::new() };
    let items = reader.items(list, "schedules");
    items.iter().filter_map(|item| schedule(reader, item)).collect()
}

fn schedule(reader: &mut Reader, node: &Node) -> Option<Schedule> {
    let fields = reader.fields(node, "a schedule", &["days", "from", "to", "min"])?;
    let min = reader.required(&fields, "min", "a schedule");
    let min = min.and_then(|at| reader.small(at, "min", 0, MOST));
    let open = window(reader, &fields, "a schedule", min.unwrap_or(0));
    min.and(open)
}

/// Reads days and times of the day.
pub(super) fn window(
    reader: &mut Reader,
    fields: &Fields<'_>,
    what: &str,
    min: u32,
) -> Option<Schedule> {
    let days = fields.get("days").map_or(Some(0b111_1111), |at| days(reader, at));
    let from = reader.required(fields, "from", what);
    let to = reader.required(fields, "to", what);
    let from = from.and_then(|at| time_of_day(reader, at, "from"));
    let to = to.and_then(|at| time_of_day(reader, at, "to"));
    Some(Schedule { days: days?, from_second: from?, to_second: to?, min })
}

/// Days of the week, Monday first.
pub(crate) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Which day a word names.
pub(super) fn day(text: &str) -> Option<usize> {
    let lower = text.trim().to_ascii_lowercase();
    DAYS.iter().position(|day| lower.len() >= 3 && (lower == *day || full(day) == lower))
}

fn full(day: &str) -> String {
    let ending = match day {
        "tue" => "s",
        "wed" => "nes",
        "thu" => "rs",
        "sat" => "ur",
        _ => "",
    };
    format!("{day}{ending}day")
}

/// `daily`, `mon-fri`, or days with commas between, as bits.
fn days(reader: &mut Reader, node: &Node) -> Option<u8> {
    let mut bits = 0_u8;
    for (at, text) in reader.texts(node, "days") {
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (day(first), day(last)),
            None if text.eq_ignore_ascii_case("daily") => (Some(0), Some(6)),
            None => (day(text), day(text)),
        };
        let (Some(first), Some(last)) = (first, last) else {
            let message = format!("{} is no day", quoted(text));
            reader.wrong_value(at, message, "daily, mon, mon-fri or [sat, sun]", None);
            continue;
        };
        let mut one = first;
        loop {
            bits |= 1 << one;
            if one == last {
                break;
            }
            one = (one + 1) % 7;
        }
    }
    if bits == 0 && matches!(node.value, Value::List(_)) {
        reader.wrong_value(node, "days is empty".to_owned(), "one day at least", None);
    }
    (bits > 0).then_some(bits)
}

fn time_of_day(reader: &mut Reader, node: &Node, what: &str) -> Option<u32> {
    let text = reader.text(node, what)?;
    let second = second_of_day(text);
    if second.is_none() {
        let message = format!("{what} {} is no time of day", quoted(text));
        reader.wrong_value(node, message, "a time such as 08:30", None);
    }
    second
}
