//! Autoscaling of the workloads: what the workloads file says, changed by the scenario.

use super::Inputs;
use super::names::{Names, clip};
use nodeplan_io::yaml::{LoadEntry, ScalingEntry};
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Autoscaling, CronJob, Metric, PodBudget, PodRules, Service};
use nodeplan_model::workload::Workload;

/// CPU target of an autoscaler that names no metric, as the API server fills in.
const USUAL_TARGET: u32 = 80;
/// Priority of the platform's own pods (`system-cluster-critical`).
const SYSTEM_PRIORITY: i32 = 2_000_000_000;
/// KEDA's cooldown where none is given.
const COOLDOWN_SECONDS: u32 = 300;

/// The load point with the fewest pods.
pub(crate) fn lowest_point(problem: &Problem) -> usize {
    let pods = |point: usize| -> u64 {
        problem.demand().row(point).iter().map(|pods| u64::from(*pods)).sum()
    };
    (0..problem.points().len()).min_by_key(|point| pods(*point)).unwrap_or(0)
}

/// What is told of every workload, in the problem's order.
pub(super) struct Scaling {
    /// Autoscaling.
    pub scaling: Vec<Option<Autoscaling>>,
    /// Replicas at the start.
    pub replicas: Vec<u32>,
    /// Disruption budgets.
    pub budgets: Vec<Option<PodBudget>>,
    /// How pods rank and end.
    pub pods: Vec<PodRules>,
    /// CronJobs.
    pub crons: Vec<Option<CronJob>>,
}

/// Autoscaling, starting replicas and disruption budget of every workload.
pub(super) fn all(
    problem: &Problem,
    inputs: &Inputs,
    names: &mut Names<'_>,
    assumptions: &mut Vec<String>,
) -> Scaling {
    let count = problem.workloads().len();
    let mut entries: Vec<Option<&ScalingEntry>> = vec![None; count];
    for entry in &inputs.scenario.workloads {
        let Some(id) = names.workload(&entry.workload) else { continue };
        if entries[id.index()].replace(entry).is_some() {
            names.twice(&entry.workload, "workload");
        }
    }
    let mut loads: Vec<Option<&LoadEntry>> = vec![None; count];
    for entry in &inputs.load.workloads {
        let Some(id) = names.workload(&entry.workload) else { continue };
        if loads[id.index()].replace(entry).is_some() {
            names.twice(&entry.workload, "workload");
        }
    }
    let (mut untold, mut kept, mut off) = (Vec::new(), Vec::new(), Vec::new());
    let (mut scaling, mut replicas) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (at, workload) in problem.workloads().iter().enumerate() {
        let demand = problem.demand().column(at);
        let low = demand.iter().min().copied().unwrap_or(0);
        let high = demand.iter().max().copied().unwrap_or(0);
        let one = autoscaling(workload, (low, high), entries[at], loads[at], &mut untold);
        let one = one.map(|one| wakeful(workload, one, entries[at], names, &mut kept));
        let start = entries[at].and_then(|entry| entry.replicas);
        replicas.push(match &one {
            Some(one) if start == Some(0) && one.min > 0 => {
                if one.cooldown_seconds.is_none() {
                    off.push(workload.full_name());
                }
                0
            }
            Some(one) => start.unwrap_or(one.min).clamp(one.min, one.max.max(one.min)),
            None if entries[at].is_some_and(|entry| entry.cron.is_some()) => 0,
            None => start.unwrap_or(low),
        });
        scaling.push(one);
    }
    if !untold.is_empty() {
        assumptions.push(format!(
            "autoscalers without a metric scale at {USUAL_TARGET} % of the CPU request, as the API \
             server fills in: {}",
            untold.join(", ")
        ));
    }
    if !kept.is_empty() {
        assumptions.push(format!(
            "neither CPU nor memory wakes a workload from zero, so these keep a replica, although the \
             workloads file lets them have none (`targets` of a scenario: `queue` or \
             `requests_per_pod`): {}",
            kept.join(", ")
        ));
    }
    if !off.is_empty() {
        assumptions.push(format!(
            "an autoscaler leaves a workload alone that somebody else has set to zero, so these stay \
             there (`replicas` of a scenario): {}",
            off.join(", ")
        ));
    }
    let budget = |entry: &Option<&ScalingEntry>| entry.and_then(|entry| entry.budget);
    let rules = problem.workloads().iter().zip(&entries).map(|(one, entry)| rules(one, *entry));
    let pods = rules.collect();
    let crons = crons(problem, &entries, &loads, names);
    Scaling { scaling, replicas, budgets: entries.iter().map(budget).collect(), pods, crons }
}

/// What a sidecar leaves to the main container of a pod is more than nothing.
fn check_sidecar(workload: &Workload, entry: &ScalingEntry, names: &mut Names<'_>) {
    let (own, request) = (entry.sidecar, &workload.request);
    let all = |metric: &Metric| match metric {
        Metric::ContainerCpu(_) => own.cpu_request >= request.cpu,
        Metric::ContainerMemory(_) => own.memory_request >= request.memory,
        _ => false,
    };
    if entry.targets.as_ref().is_some_and(|targets| targets.iter().any(all)) {
        let message =
            format!("the sidecar of {} leaves its container no request", workload.full_name());
        names.clash(&entry.workload, message, "lower the requests of its sidecar");
    }
}

/// CronJobs, whose work a load file has to tell.
fn crons(
    problem: &Problem,
    entries: &[Option<&ScalingEntry>],
    loads: &[Option<&LoadEntry>],
    names: &mut Names<'_>,
) -> Vec<Option<CronJob>> {
    let mut all = Vec::with_capacity(entries.len());
    for (at, workload) in problem.workloads().iter().enumerate() {
        if let Some(entry) = entries[at] {
            check_sidecar(workload, entry, names);
        }
        let told = entries[at].and_then(|entry| Some((entry, entry.cron?)));
        if let Some((entry, _)) = told {
            let jobs = loads[at].is_some_and(|load| matches!(load.service, Service::Jobs { .. }));
            if !jobs {
                let message =
                    format!("the work of the CronJob {} is not told", workload.full_name());
                let help = "give it cpu_per_job in a load file (--load)";
                names.clash(&entry.workload, message, help);
            }
        }
        all.push(told.map(|(_, cron)| cron));
    }
    all
}

/// How the pods of a workload rank and end.
fn rules(workload: &Workload, entry: Option<&ScalingEntry>) -> PodRules {
    let usual = PodRules::default();
    let priority = if workload.system { SYSTEM_PRIORITY } else { usual.priority };
    PodRules {
        priority: entry.and_then(|entry| entry.priority).unwrap_or(priority),
        preempts: entry.and_then(|entry| entry.preempts).unwrap_or(usual.preempts),
        ending_millis: entry.and_then(|entry| entry.ending_millis).unwrap_or(usual.ending_millis),
    }
}

fn autoscaling(
    workload: &Workload,
    (low, high): (u32, u32),
    entry: Option<&ScalingEntry>,
    load: Option<&LoadEntry>,
    untold: &mut Vec<String>,
) -> Option<Autoscaling> {
    if entry.is_some_and(|entry| entry.cron.is_some()) {
        return None;
    }
    let asked = entry.and_then(|entry| entry.autoscaling);
    let max = entry.and_then(|entry| entry.max).unwrap_or(high);
    let min = entry.and_then(|entry| entry.min).unwrap_or(low).min(max);
    let max = max.max(min);
    // The platform's own workloads follow the cluster's size, which a plan fixes.
    if asked == Some(false) || (asked.is_none() && (workload.system || min == max)) {
        return None;
    }
    let given = entry.and_then(|entry| entry.targets.clone());
    let metrics = given.filter(|all| !all.is_empty()).unwrap_or_else(|| {
        let told = metrics(workload);
        if told.is_empty() {
            untold.push(workload.full_name());
            return vec![Metric::CpuUtilization(USUAL_TARGET)];
        }
        told
    });
    let cooldown = entry
        .and_then(|entry| entry.cooldown_seconds)
        .or_else(|| load.and_then(|load| load.cooldown_seconds));
    let activation =
        entry.and_then(|entry| entry.activation).or_else(|| load.and_then(|load| load.activation));
    Some(Autoscaling {
        min,
        max,
        metrics,
        behavior: entry.and_then(|entry| entry.behavior.clone()),
        schedules: entry.map_or_else(Vec::new, |entry| entry.schedules.clone()),
        cooldown_seconds: cooldown.or((min == 0).then_some(COOLDOWN_SECONDS)),
        activation: activation.unwrap_or(0),
        sidecar: entry.map(|entry| entry.sidecar).unwrap_or_default(),
        queue_lag_millis: entry.map_or(0, |entry| entry.queue_lag_millis),
    })
}

/// An autoscaler with what can wake its workload from zero: KEDA does not let CPU or memory alone go
/// there, as the API server does not.
fn wakeful(
    workload: &Workload,
    one: Autoscaling,
    entry: Option<&ScalingEntry>,
    names: &mut Names<'_>,
    kept: &mut Vec<String>,
) -> Autoscaling {
    let wakes = one.metrics.iter().any(Metric::beyond_pods) || !one.schedules.is_empty();
    if one.min > 0 || wakes {
        return one;
    }
    match entry.filter(|entry| entry.min == Some(0)) {
        Some(entry) => {
            let name = workload.full_name();
            let message =
                format!("{} may have no replicas, and nothing wakes it from there", clip(&name));
            let help = "CPU and memory need a pod: add a target of queue or requests_per_pod, or \
                        write min: 1";
            names.clash(&entry.workload, message, help);
        }
        None => kept.push(workload.full_name()),
    }
    Autoscaling { min: 1, max: one.max.max(1), cooldown_seconds: None, ..one }
}

/// Targets of the workloads file.
fn metrics(workload: &Workload) -> Vec<Metric> {
    let scaling = &workload.scaling;
    let all = [
        scaling.cpu_target_percent.map(Metric::CpuUtilization),
        scaling.memory_target_percent.map(Metric::MemoryUtilization),
        scaling.queue_target.map(Metric::QueueLength),
    ];
    all.into_iter().flatten().collect()
}
