//! How a cluster scales, as a scenario file that is read over another one.

use super::scalar::{decimals, scalar};
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{
    AutoscalerProfile, Autoscaling, Behavior, ConsolidationPolicy, Metric, PoolBounds,
    Provisioning, Rules, Scenario, Schedule, Select,
};

/// The scaling of a scenario: autoscaler, pools and workloads. Read with `--scenario` after the files
/// that the run was made from, it gives the same run.
#[must_use]
pub fn scaling(problem: &Problem, plan: &Plan, scenario: &Scenario) -> String {
    let mut text = String::from("# How pools and workloads scale.\n");
    match &scenario.provisioning {
        Provisioning::ClusterAutoscaler => text.push_str(&profile(&scenario.autoscaler)),
        Provisioning::NodeAutoProvisioning(rules) => {
            let policy = match rules.policy {
                ConsolidationPolicy::EmptyOrUnderutilized => "WhenEmptyOrUnderutilized",
                ConsolidationPolicy::Empty => "WhenEmpty",
            };
            text.push_str("node_auto_provisioning:\n");
            text.push_str(&format!("  consolidation_policy: {policy}\n"));
            if let Some(after) = rules.consolidate_after_millis {
                text.push_str(&format!("  consolidate_after: {}\n", time(after)));
            }
        }
    }
    text.push_str("pools:\n");
    for (pool, bounds) in plan.pools.iter().zip(&scenario.pools) {
        text.push_str(&one_pool(&pool.name, bounds));
    }
    text.push_str("workloads:\n");
    let counts = scenario.replicas.iter().zip(&scenario.pods);
    let rows = problem.workloads().iter().zip(&scenario.scaling).zip(counts);
    for ((workload, scaling), (replicas, rules)) in rows {
        let name = workload.full_name();
        match scaling {
            Some(scaling) => text.push_str(&one_workload(&name, scaling, *replicas)),
            // Pods that others may displace, such as those that only keep room.
            None if rules.priority < 0 => text.push_str(&format!(
                "  {}:\n    autoscaling: false\n    replicas: {replicas}\n    priority: {}\n",
                scalar(&name),
                rules.priority
            )),
            None => {}
        }
    }
    text
}

/// Milliseconds as a length of time that reads back exactly.
fn time(millis: u64) -> String {
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

/// A size with its unit, since a number alone is a percentage; ten digits tell a byte exactly.
fn kibibytes(bytes: u64) -> String {
    match bytes % 1024 {
        0 => format!("{}Ki", bytes / 1024),
        rest => format!("{}.{:010}Ki", bytes / 1024, rest * 10_000_000_000 / 1024),
    }
}

fn profile(profile: &AutoscalerProfile) -> String {
    let rows = [
        ("enabled", profile.enabled.to_string()),
        ("expander", profile.expander.name().to_owned()),
        ("scan_interval", time(profile.scan_millis)),
        ("scale_down_delay_after_add", time(profile.delay_after_add_millis)),
        ("scale_down_delay_after_delete", time(profile.delay_after_delete_millis)),
        ("scale_down_delay_after_failure", time(profile.delay_after_failure_millis)),
        ("scale_down_unneeded", time(profile.unneeded_millis)),
        ("scale_down_unready", time(profile.unready_millis)),
        ("scale_down_utilization_threshold", decimals(u64::from(profile.utilization_milli), 3)),
        ("max_graceful_termination", time(profile.max_graceful_millis)),
        ("max_node_provisioning_time", time(profile.max_provision_millis)),
        ("new_pod_scale_up_delay", time(profile.new_pod_delay_millis)),
        ("balance_similar_node_groups", profile.balance.to_string()),
        ("skip_nodes_with_local_storage", profile.skip_local_storage.to_string()),
        ("skip_nodes_with_system_pods", profile.skip_system_pods.to_string()),
    ];
    let mut text = String::from("autoscaler:\n");
    for (name, value) in rows {
        text.push_str(&format!("  {name}: {value}\n"));
    }
    text
}

fn one_pool(name: &str, bounds: &PoolBounds) -> String {
    let mut text =
        format!("  {}:\n    min: {}\n    max: {}\n", scalar(name), bounds.min, bounds.max);
    text.push_str(&format!("    initial: {}\n", bounds.initial));
    if bounds.spot {
        text.push_str("    spot: true\n");
    }
    if let Some(priority) = bounds.priority {
        text.push_str(&format!("    priority: {priority}\n"));
    }
    text.push_str(&schedules(&bounds.schedules));
    text
}

fn one_workload(name: &str, one: &Autoscaling, replicas: u32) -> String {
    let mut text = format!("  {}:\n    autoscaling: true\n", scalar(name));
    text.push_str(&format!("    min: {}\n    max: {}\n", one.min, one.max));
    text.push_str(&format!("    replicas: {replicas}\n"));
    let mut targets = String::new();
    for metric in &one.metrics {
        targets.push_str(&match metric {
            Metric::CpuUtilization(percent) => format!("      cpu: {percent}%\n"),
            Metric::MemoryUtilization(percent) => format!("      memory: {percent}%\n"),
            Metric::ContainerCpu(percent) => format!("      container_cpu: {percent}%\n"),
            Metric::ContainerMemory(percent) => format!("      container_memory: {percent}%\n"),
            Metric::QueueLength(messages) => format!("      queue: {messages}\n"),
            Metric::RequestsPerPod(rate) => {
                format!("      requests_per_pod: {}\n", decimals(*rate, 3))
            }
            Metric::CpuAverage(target) => format!("      cpu: {target}m\n"),
            Metric::MemoryAverage(bytes) => format!("      memory: {}\n", kibibytes(*bytes)),
            Metric::RequestsValue(rate) => {
                format!("      requests_value: {}\n", decimals(*rate, 3))
            }
            Metric::QueueValue(messages) => format!("      queue_value: {messages}\n"),
        });
    }
    if !targets.is_empty() {
        text.push_str(&format!("    targets:\n{targets}"));
    }
    if let Some(behavior) = &one.behavior {
        text.push_str(&behaviour(behavior));
    }
    text.push_str(&schedules(&one.schedules));
    if let Some(seconds) = one.cooldown_seconds {
        text.push_str(&format!("    cooldown: {seconds}s\n"));
    }
    if one.queue_lag_millis > 0 {
        text.push_str(&format!("    queue_lag: {}\n", time(one.queue_lag_millis)));
    }
    if one.activation > 0 {
        text.push_str(&format!("    activation: {}\n", one.activation));
    }
    text
}

fn behaviour(behavior: &Behavior) -> String {
    let mut text = String::from("    behavior:\n");
    for (name, rules) in [("scaleUp", &behavior.up), ("scaleDown", &behavior.down)] {
        if *rules == Rules::default() {
            continue;
        }
        let select = match rules.select {
            Select::Max => "Max",
            Select::Min => "Min",
            Select::Disabled => "Disabled",
        };
        text.push_str(&format!("      {name}:\n        selectPolicy: {select}\n"));
        if let Some(seconds) = rules.window_seconds {
            text.push_str(&format!("        stabilizationWindowSeconds: {seconds}\n"));
        }
        if let Some(tolerance) = rules.tolerance_milli {
            text.push_str(&format!("        tolerance: {}\n", decimals(u64::from(tolerance), 3)));
        }
        let Some(policies) = &rules.policies else { continue };
        text.push_str("        policies:\n");
        for policy in policies {
            let kind = if policy.percent { "Percent" } else { "Pods" };
            text.push_str(&format!(
                "          - {{type: {kind}, value: {}, periodSeconds: {}}}\n",
                policy.value, policy.period_seconds
            ));
        }
    }
    text
}

fn schedules(all: &[Schedule]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let clock = |second: u32| format!("{:02}:{:02}", second / 3600, second / 60 % 60);
    let mut text = String::from("    schedules:\n");
    for one in all {
        let names = crate::yaml::DAYS.iter().enumerate();
        let days: Vec<&str> =
            names.filter(|(at, _)| one.days >> at & 1 == 1).map(|(_, name)| *name).collect();
        text.push_str(&format!(
            "      - {{days: [{}], from: \"{}\", to: \"{}\", min: {}}}\n",
            days.join(", "),
            clock(one.from_second),
            clock(one.to_second),
            one.min
        ));
    }
    text
}
