//! Two simulated runs side by side.

use super::{Side, Sides, comparison, facets, items, large, notes, number, text, yes};
use nodeplan_io::run::RunSummary;
use nodeplan_model::answer::InputFile;
use nodeplan_model::comparison::{Compared, Comparison, Measure, Value};
use nodeplan_model::scenario::{Autoscaling, Metric, Rules, Select};
use nodeplan_model::scorecard::ServiceScore;

/// Compares the documents of two runs.
#[must_use]
pub fn runs(before: (InputFile, &RunSummary), after: (InputFile, &RunSummary)) -> Comparison {
    let (old, new) = (before.1, after.1);
    let mut notes = notes([&old.catalog, &new.catalog], [&old.inputs, &new.inputs]);
    if old.seed != new.seed {
        notes.push(format!("seed {} before, {} after", old.seed, new.seed));
    }
    let sides = Sides {
        compared: Compared::Runs,
        currency: new.catalog.currency.clone(),
        months: (Some(old.run.month), Some(new.run.month)),
        notes,
        totals: facets(totals(old), totals(new)),
        pools: items(pools(old), pools(new)),
        workloads: items(workloads(old), workloads(new)),
    };
    comparison(before.0, after.0, sides)
}

fn totals(document: &RunSummary) -> Vec<(Measure, Option<Value>)> {
    let run = &document.run;
    let score = &run.scorecard;
    let missed = score.services.iter().filter(|service| !service.met).count() as u64;
    vec![
        (Measure::MonthBillionths, number(run.month.0)),
        (Measure::CostBillionths, number(run.cost.0)),
        (Measure::ObjectivesMissed, number(missed)),
        (Measure::PendingP95Ms, number(score.pending_p95_millis)),
        (Measure::NodeMs, large(score.node_millis)),
        (Measure::RequestedPpm, number(score.requested)),
        (Measure::UsedPpm, number(score.used)),
        (Measure::RunMs, number(score.millis)),
    ]
}

fn pools(document: &RunSummary) -> Vec<Side> {
    let run = &document.run;
    let all = run.pools.iter().enumerate();
    all.map(|(at, pool)| {
        let mut values = vec![(Measure::Size, text(pool.sku.clone()))];
        if let Some(bounds) = run.scenario.pools.get(at) {
            values.extend([
                (Measure::NodesMin, number(bounds.min)),
                (Measure::NodesMax, number(bounds.max)),
                (Measure::NodesInitial, number(bounds.initial)),
                (Measure::Spot, yes(bounds.spot)),
            ]);
        }
        values.push((Measure::NodesMeanMilli, number(pool.mean_milli)));
        Side { name: pool.name.clone(), system: false, values }
    })
    .collect()
}

fn workloads(document: &RunSummary) -> Vec<Side> {
    let run = &document.run;
    let all = run.scorecard.services.iter().enumerate();
    all.map(|(at, service)| {
        let mut values = served(service);
        if let Some(scaling) = run.scenario.scaling.get(at).and_then(Option::as_ref) {
            values.extend([
                (Measure::HpaMin, number(scaling.min)),
                (Measure::HpaMax, number(scaling.max)),
                (Measure::HpaTargets, text(targets(scaling))),
                (Measure::HpaBehavior, text(behavior(scaling))),
            ]);
        }
        let system = run.system.get(at).copied().unwrap_or(false);
        Side { name: service.workload.clone(), system, values }
    })
    .collect()
}

pub(super) fn served(service: &ServiceScore) -> Vec<(Measure, Option<Value>)> {
    let [least, p95, most] = service.replicas;
    let [median, tail, far] = service.latency_micros;
    // No time at all is that of a workload without requests.
    let time = |micros: u64| number(micros).filter(|_| far > 0);
    vec![
        (Measure::GoodPpm, service.good.and_then(number)),
        (Measure::ObjectivePpm, service.objective.and_then(number)),
        (Measure::Met, service.objective.and_then(|_| yes(service.met))),
        (Measure::MissMinutes, service.objective.and_then(|_| number(service.miss_minutes))),
        (Measure::Offered, number(service.offered)),
        (Measure::Lost, number(service.lost)),
        (Measure::Retried, number(service.retried).filter(|_| service.retried > 0)),
        (Measure::LatencyP50Us, time(median)),
        (Measure::LatencyP95Us, time(tail)),
        (Measure::LatencyP99Us, time(far)),
        (Measure::OldestMs, number(service.oldest_millis)),
        (Measure::PodsMin, number(least)),
        (Measure::PodsP95, number(p95)),
        (Measure::PodsMax, number(most)),
        (Measure::PendingP95Ms, number(service.pending_p95_millis)),
        (Measure::Evictions, number(service.evictions)),
        (Measure::OomKills, number(service.oom_kills)),
    ]
}

fn targets(scaling: &Autoscaling) -> String {
    let one = |metric: &Metric| match metric {
        Metric::CpuUtilization(percent) => format!("CPU {percent}%"),
        Metric::MemoryUtilization(percent) => format!("memory {percent}%"),
        Metric::ContainerCpu(percent) => format!("CPU of the container {percent}%"),
        Metric::ContainerMemory(percent) => format!("memory of the container {percent}%"),
        Metric::QueueLength(messages) => format!("{messages} messages a pod"),
        Metric::RequestsPerPod(milli) => format!("{milli} thousandths of a request/s a pod"),
        Metric::CpuAverage(milli) => format!("CPU {milli}m a pod"),
        Metric::MemoryAverage(bytes) => format!("memory {} MiB a pod", bytes.div_ceil(1 << 20)),
        Metric::RequestsValue(milli) => format!("{milli} thousandths of a request/s in all"),
        Metric::QueueValue(messages) => format!("{messages} messages in all"),
    };
    scaling.metrics.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Behaviour in words; what is left to the API's defaults is not told.
fn behavior(scaling: &Autoscaling) -> String {
    let mut parts = Vec::new();
    if let Some(behavior) = &scaling.behavior {
        parts.push(format!("up: {}", rules(&behavior.up)));
        parts.push(format!("down: {}", rules(&behavior.down)));
    }
    for schedule in &scaling.schedules {
        let clock = |second: u32| format!("{:02}:{:02}", second / 3600, second / 60 % 60);
        parts.push(format!(
            "at least {} from {} to {} on days {:07b}",
            schedule.min,
            clock(schedule.from_second),
            clock(schedule.to_second),
            schedule.days,
        ));
    }
    if let Some(cooldown) = scaling.cooldown_seconds {
        parts.push(format!("to zero after {cooldown} s, up from {}", scaling.activation));
    }
    if parts.is_empty() { "default".to_owned() } else { parts.join("; ") }
}

fn rules(rules: &Rules) -> String {
    let mut parts = Vec::new();
    if let Some(window) = rules.window_seconds {
        parts.push(format!("window {window} s"));
    }
    match rules.select {
        Select::Max => {}
        Select::Min => parts.push("least policy".to_owned()),
        Select::Disabled => parts.push("disabled".to_owned()),
    }
    for policy in rules.policies.iter().flatten() {
        let unit = if policy.percent { "%" } else { " pods" };
        parts.push(format!("{}{unit} in {} s", policy.value, policy.period_seconds));
    }
    if let Some(tolerance) = rules.tolerance_milli {
        parts.push(format!("tolerance {tolerance} thousandths"));
    }
    if parts.is_empty() { "default".to_owned() } else { parts.join(", ") }
}
