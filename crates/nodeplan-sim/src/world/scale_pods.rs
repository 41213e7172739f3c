//! The HorizontalPodAutoscalers of the world: what each sees, and what follows.

use std::collections::VecDeque;

use nodeplan_model::scenario::{self, Autoscaling, Scenario, Schedule, Sidecar};
use nodeplan_model::timeline::Actor;

use crate::hpa::keda::{KedaState, ScaledObject, Signal, Step, poll, signal};
use crate::hpa::schedule::minimum;
use crate::hpa::{
    self, AllReady, Behavior, Decision, Limit, LimitKind, Metric, Observation, Policy, Reading,
    Resource, Rules, Select, Settings, Short, State, Tally, Tolerance,
};

use super::pods::Phase;
use super::{INTERVAL_MILLIS, World};

/// The autoscaler of one workload.
#[derive(Debug)]
pub struct Scaler {
    policy: Policy,
    state: State,
    /// KEDA's part, where the workload may go to zero.
    keda: Option<(ScaledObject, KedaState)>,
    /// Lengths of the queue at the last looks, oldest first, as long as its metric lags; none where
    /// nobody asks for them.
    lengths: Option<VecDeque<u64>>,
    /// It looks at the CPU of pods alone, and its minimum is always the same.
    plain: bool,
}

impl Scaler {
    /// From a declaration.
    pub fn new(declared: &Autoscaling) -> Self {
        let tolerance = |rules: Option<&scenario::Rules>| {
            rules
                .and_then(|rules| rules.tolerance_milli)
                .map_or(0.1, |milli| f64::from(milli) / 1000.0)
        };
        let behavior = declared.behavior.as_ref();
        let keda = declared.cooldown_seconds.is_some();
        Self {
            policy: Policy {
                min: clamp(declared.min.min(declared.max)),
                max: clamp(declared.max),
                metrics: declared.metrics.iter().map(|one| metric(one, keda)).collect(),
                tolerance: Tolerance {
                    down: tolerance(behavior.map(|both| &both.down)),
                    up: tolerance(behavior.map(|both| &both.up)),
                },
                behavior: behavior.map(behavior_of),
            },
            state: State::default(),
            keda: declared.cooldown_seconds.map(|seconds| {
                let object = ScaledObject {
                    cooldown_millis: i64::from(seconds) * 1000,
                    min: clamp(declared.min),
                    max: clamp(declared.max),
                    ..ScaledObject::DEFAULT
                };
                (object, KedaState::created(0))
            }),
            lengths: asks_for_length(declared).then(|| {
                vec![0; declared.queue_lag_millis.div_ceil(INTERVAL_MILLIS) as usize].into()
            }),
            plain: matches!(declared.metrics[..], [scenario::Metric::CpuUtilization(_)])
                && declared.cooldown_seconds.is_none()
                && declared.schedules.is_empty(),
        }
    }
}

/// Whether an autoscaler looks at how long the workload's queue is.
fn asks_for_length(declared: &Autoscaling) -> bool {
    let length = declared.metrics.iter().any(scenario::Metric::is_of_queue);
    declared.cooldown_seconds.is_some() || length
}

/// From being bound until autoscalers no longer distrust the CPU of a pod, its sample included,
/// milliseconds.
const GROWN_MILLIS: u64 =
    Settings::DEFAULT.cpu_initialization_millis.cast_unsigned() + INTERVAL_MILLIS;

/// A count as upstream's 32-bit integer.
fn clamp(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// An amount as upstream's 64-bit integer.
fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// A metric as the controller reads it; KEDA makes external ones of what is not a pod's.
fn metric(metric: &scenario::Metric, keda: bool) -> Metric {
    let milli = |count: u64| signed(count).saturating_mul(1000);
    match *metric {
        scenario::Metric::CpuUtilization(percent) => {
            Metric::Utilization { resource: Resource::Cpu, percent: clamp(percent) }
        }
        scenario::Metric::MemoryUtilization(percent) => {
            Metric::Utilization { resource: Resource::Other, percent: clamp(percent) }
        }
        scenario::Metric::QueueLength(target) => Metric::ExternalAverage { milli: milli(target) },
        scenario::Metric::RequestsPerPod(target) => {
            let milli = signed(target);
            if keda { Metric::ExternalAverage { milli } } else { Metric::Pods { milli } }
        }
        scenario::Metric::ContainerCpu(percent) => {
            Metric::Utilization { resource: Resource::Cpu, percent: clamp(percent) }
        }
        scenario::Metric::ContainerMemory(percent) => {
            Metric::Utilization { resource: Resource::Other, percent: clamp(percent) }
        }
        scenario::Metric::CpuAverage(target) => {
            Metric::AverageResource { resource: Resource::Cpu, milli: signed(target) }
        }
        scenario::Metric::MemoryAverage(target) => {
            Metric::AverageResource { resource: Resource::Other, milli: milli(target) }
        }
        scenario::Metric::RequestsValue(target) => Metric::ObjectValue { milli: signed(target) },
        scenario::Metric::QueueValue(target) => Metric::ExternalValue { milli: milli(target) },
    }
}

/// Both sides of a behaviour, defaults filled in as the API does.
fn behavior_of(declared: &scenario::Behavior) -> Behavior {
    let settings = &Settings::DEFAULT;
    Behavior {
        up: rules(&declared.up, Rules::default_up()),
        down: rules(&declared.down, Rules::default_down(settings)),
    }
}

fn rules(declared: &scenario::Rules, default: Rules) -> Rules {
    Rules {
        window_millis: declared
            .window_seconds
            .map_or(default.window_millis, |seconds| i64::from(seconds) * 1000),
        select: match declared.select {
            scenario::Select::Max => Select::Max,
            scenario::Select::Min => Select::Min,
            scenario::Select::Disabled => Select::Disabled,
        },
        limits: declared.policies.as_ref().map_or(default.limits, |policies| {
            policies
                .iter()
                .map(|policy| Limit {
                    kind: if policy.percent { LimitKind::Percent } else { LimitKind::Pods },
                    value: clamp(policy.value),
                    period_millis: i64::from(policy.period_seconds) * 1000,
                })
                .collect()
        }),
    }
}

/// The highest scheduled minimum at a time.
pub fn scheduled_min(schedules: &[Schedule], scenario: &Scenario, now: u64) -> u32 {
    if schedules.is_empty() {
        return 0;
    }
    minimum(schedules, scenario.second_of_week(now))
}

impl World<'_> {
    /// One look of every HorizontalPodAutoscaler.
    pub(super) fn scale_pods(&mut self) {
        for app in 0..self.apps.len() {
            if self.look_at_ready(app) {
                continue;
            }
            if let Some(mut scaler) = self.apps[app].scaler.take() {
                self.look(app, &mut scaler);
                self.apps[app].scaler = Some(scaler);
            }
        }
    }

    /// The look where CPU alone decides and no pod is young: the same as [`Self::look`]. Whether it was
    /// one.
    #[inline]
    fn look_at_ready(&mut self, app: usize) -> bool {
        let now = self.clock.now();
        let row = &mut self.apps[app];
        let Some(scaler) = &mut row.scaler else { return true };
        let settled = row.ready as usize == row.live.len() && row.young.is_empty();
        if !scaler.plain || !settled || now < row.last_bound + GROWN_MILLIS {
            return false;
        }
        let (cpu, _) = self.load.shown(app);
        let ready = i64::from(row.ready);
        let seen = AllReady {
            now_millis: now as i64,
            spec_replicas: clamp(row.wanted),
            pods: ready,
            used_milli: i64::try_from(cpu).unwrap_or(i64::MAX).saturating_mul(ready),
            request_milli: i64::try_from(row.ask.cpu).unwrap_or(i64::MAX),
        };
        let Scaler { policy, state, .. } = &mut **scaler;
        match hpa::reconcile_all_ready(policy, &Settings::DEFAULT, state, &seen) {
            Short::Beyond => false,
            Short::Stays => true,
            Short::Changes(decision) => {
                self.scale(app, &decision, (0, now));
                true
            }
        }
    }

    /// One look of one of them.
    fn look(&mut self, app: usize, scaler: &mut Scaler) {
        let declared = self.scenario.scaling[app].as_ref().expect("only declared scalers exist");
        let now = self.clock.now();
        let scheduled = scheduled_min(&declared.schedules, self.scenario, now);
        scaler.policy.min = clamp(declared.min.max(scheduled).min(declared.max));
        let current = self.apps[app].wanted;
        let length = scaler.lengths.as_mut().map_or(0, |lengths| {
            lengths.push_back(self.load.queue_length(app));
            lengths.pop_front().expect("one was just added")
        });
        if let Some((object, state)) = &mut scaler.keda {
            object.min = scaler.policy.min;
            let polls = now.is_multiple_of(object.polling_millis.cast_unsigned());
            let triggers = self.triggers(app, declared, length, scheduled);
            let signals = triggers.map(|(signal, _)| signal);
            let step = if polls {
                poll(object, state, &signals, clamp(current), now as i64)
            } else {
                Step::Keep
            };
            if step != Step::Keep {
                let replicas = step.replicas(clamp(current)).cast_unsigned();
                let active = triggers.iter().find(|(signal, _)| *signal == Signal::Active);
                let reason = match active {
                    _ if replicas == 0 => "idle for the cooldown",
                    Some((_, reason)) => reason,
                    None => "fewer than the minimum",
                };
                self.set_replicas(app as u32, replicas, Actor::Hpa, reason);
                return;
            }
            scaler.policy.min = object.hpa_bounds().0;
        }
        self.grow_up(app, now);
        let decision = self.look_at_all(app, declared, scaler, (length, now));
        if let Some(decision) = decision
            && decision.desired.cast_unsigned() != current
        {
            self.scale(app, &decision, (length, now));
        }
    }

    /// What the triggers of a workload say to KEDA, and how an active one is told.
    fn triggers(
        &self,
        app: usize,
        declared: &Autoscaling,
        length: u64,
        scheduled: u32,
    ) -> [(Signal, &'static str); 3] {
        let by_rate = |metric: &scenario::Metric| metric.is_of_requests();
        let rate = if declared.metrics.iter().any(by_rate) { self.load.rate_milli(app) } else { 0 };
        let activation = declared.activation;
        [
            (signal(Some(signed(length)), signed(activation)), "messages wait"),
            (
                signal(Some(signed(rate)), signed(activation.saturating_mul(1000))),
                "requests arrive",
            ),
            (signal(Some(i64::from(scheduled)), 0), "scheduled"),
        ]
    }

    /// Does what an autoscaler decided, and says why.
    fn scale(&mut self, app: usize, decision: &Decision, (length, now): (u64, u64)) {
        let declared = self.scenario.scaling[app].as_ref().expect("only declared scalers exist");
        self.read(app, declared, (length, now));
        let reason = self.why(app, decision, declared);
        self.set_replicas(app as u32, decision.desired.cast_unsigned(), Actor::Hpa, &reason);
    }

    /// A look at all metrics, if there are any.
    fn look_at_all(
        &mut self,
        app: usize,
        declared: &Autoscaling,
        scaler: &mut Scaler,
        (length, now): (u64, u64),
    ) -> Option<Decision> {
        if scaler.policy.metrics.is_empty() {
            return None;
        }
        self.read(app, declared, (length, now));
        let row = &self.apps[app];
        let matched = clamp(row.live.len() as u32);
        let seen = Observation {
            now_millis: now as i64,
            spec_replicas: clamp(row.wanted),
            status_replicas: matched,
            pods: hpa::Pods::Counted {
                matched: matched.cast_unsigned(),
                serving: clamp(row.ready).cast_unsigned(),
            },
            readings: &self.readings,
        };
        Some(hpa::reconcile(&scaler.policy, &Settings::DEFAULT, &mut scaler.state, &seen))
    }

    /// Reads every metric.
    fn read(&mut self, app: usize, declared: &Autoscaling, (length, now): (u64, u64)) {
        let mut readings = std::mem::take(&mut self.readings);
        readings.clear();
        for metric in &declared.metrics {
            let reading = self.reading(app, (*metric, declared.sidecar), length, now);
            readings.push(reading);
        }
        self.readings = readings;
    }

    /// Leaves out of a workload's young pods those that no longer are, and those that ended.
    fn grow_up(&mut self, app: usize, now: u64) {
        let pods = &self.pods;
        self.apps[app].young.retain(|&id| match pods[id].phase {
            Phase::Pending => true,
            Phase::Ending | Phase::Gone => false,
            _ => now < pods[id].bound + GROWN_MILLIS,
        });
    }

    /// What one metric shows. CPU and memory are those of the interval before the last: one
    /// scrape of lag.
    fn reading(
        &self,
        app: usize,
        (metric, sidecar): (scenario::Metric, Sidecar),
        length: u64,
        now: u64,
    ) -> Reading<'static> {
        use scenario::Metric::{
            ContainerCpu, ContainerMemory, CpuAverage, CpuUtilization, MemoryAverage,
            MemoryUtilization, QueueLength, QueueValue, RequestsPerPod, RequestsValue,
        };
        let (cpu, memory) = self.load.shown(app);
        let row = &self.apps[app];
        // What is left of a pod without its sidecar, where its container is looked at alone.
        let own = |all: u64, others: u64| match metric {
            ContainerCpu(_) | ContainerMemory(_) => all.saturating_sub(others),
            _ => all,
        };
        match metric {
            CpuUtilization(percent) | ContainerCpu(percent) => {
                let cpu = own(cpu, sidecar.cpu.0);
                let (ready, unready, missing) = self.classes(app, now, true);
                let sum = i64::try_from(cpu).unwrap_or(i64::MAX).saturating_mul(ready);
                let request = own(row.ask.cpu, sidecar.cpu_request.0);
                let request = i64::try_from(request).unwrap_or(i64::MAX);
                Reading::Tally(Tally::same_request(
                    (ready, unready, missing),
                    sum,
                    request,
                    clamp(percent),
                ))
            }
            MemoryUtilization(percent) | ContainerMemory(percent) => {
                let memory = own(memory, sidecar.memory.0);
                let (ready, unready, missing) = self.classes(app, now, false);
                // Bytes, in thousandths.
                let milli =
                    |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(1000);
                let sum = milli(memory).saturating_mul(ready);
                let request = milli(own(row.ask.memory, sidecar.memory_request.0));
                Reading::Tally(Tally::same_request(
                    (ready, unready, missing),
                    sum,
                    request,
                    clamp(percent),
                ))
            }
            CpuAverage(_) => {
                let classes = self.classes(app, now, true);
                let sum = signed(cpu).saturating_mul(classes.0);
                Reading::Tally(Tally::same_request(classes, sum, 0, 100))
            }
            MemoryAverage(_) => {
                let classes = self.classes(app, now, false);
                let sum = signed(memory).saturating_mul(1000).saturating_mul(classes.0);
                Reading::Tally(Tally::same_request(classes, sum, 0, 100))
            }
            QueueLength(_) | QueueValue(_) => Reading::Value(signed(length).saturating_mul(1000)),
            RequestsValue(_) => Reading::Value(signed(self.load.rate_milli(app))),
            RequestsPerPod(_) => {
                let sum = signed(self.load.rate_milli(app));
                if self.scenario.scaling[app]
                    .as_ref()
                    .is_some_and(|one| one.cooldown_seconds.is_some())
                {
                    return Reading::Value(sum);
                }
                let classes = self.classes(app, now, false);
                Reading::Tally(Tally::same_request(classes, sum, 0, 100))
            }
        }
    }

    /// Pods whose sample counts, must not count, and is missing (`groupPods`).
    fn classes(&self, app: usize, now: u64, cpu: bool) -> (i64, i64, i64) {
        let settings = &Settings::DEFAULT;
        let row = &self.apps[app];
        let grown = row.last_bound + settings.cpu_initialization_millis.cast_unsigned();
        if row.ready as usize == row.live.len()
            && now >= grown.max(row.last_bound + INTERVAL_MILLIS)
        {
            // All are Ready and none is young.
            return (i64::from(row.ready), 0, 0);
        }
        // Where all that are not Ready are among the young, the others are all Ready.
        let young = &row.young;
        let up = young.iter().filter(|&&id| self.pods[id].phase == Phase::Ready).count();
        let settled = young.len() - up == row.live.len() - row.ready as usize;
        let (seen, rest) = if settled { (young, row.ready as usize - up) } else { (&row.live, 0) };
        let (mut ready, mut unready, mut missing) = (rest as i64, 0, 0);
        // The sample covers the interval that ended one interval ago.
        let sampled = now.saturating_sub(INTERVAL_MILLIS);
        for &id in seen {
            let pod = &self.pods[id];
            let young = now < pod.bound + settings.cpu_initialization_millis.cast_unsigned();
            // Not since it started: one that was Ready and starts again is trusted.
            let never_ready =
                pod.turned < pod.bound + settings.initial_readiness_millis.cast_unsigned();
            match pod.phase {
                Phase::Pending => unready += 1,
                Phase::BackOff | Phase::Dark => missing += 1,
                // The phase is Pending until the image is there.
                Phase::Starting if now < pod.ran => unready += 1,
                Phase::Starting if cpu && (young || never_ready) => unready += 1,
                Phase::Ready if cpu && young && sampled < pod.turned + INTERVAL_MILLIS => {
                    unready += 1
                }
                _ if pod.ran > sampled => missing += 1,
                _ => ready += 1,
            }
        }
        (ready, unready, missing)
    }

    /// A decision in words.
    fn why(&self, app: usize, decision: &Decision, declared: &Autoscaling) -> String {
        let name = decision.reason.name();
        let Some(index) = decision.metric else { return name.to_owned() };
        let shown = match (declared.metrics[index], self.readings[index]) {
            (scenario::Metric::CpuUtilization(target), Reading::Tally(tally)) => {
                format!("CPU {} of {target} %", percent(&tally))
            }
            (scenario::Metric::MemoryUtilization(target), Reading::Tally(tally)) => {
                format!("memory {} of {target} %", percent(&tally))
            }
            (scenario::Metric::ContainerCpu(target), Reading::Tally(tally)) => {
                format!("CPU of the container {} of {target} %", percent(&tally))
            }
            (scenario::Metric::ContainerMemory(target), Reading::Tally(tally)) => {
                format!("memory of the container {} of {target} %", percent(&tally))
            }
            (scenario::Metric::CpuAverage(target), Reading::Tally(tally)) => {
                format!("CPU {}m of {target}m a pod", average(&tally))
            }
            (scenario::Metric::MemoryAverage(target), Reading::Tally(tally)) => {
                let mib = |bytes: u64| bytes.div_ceil(1 << 20);
                let used = average(&tally).cast_unsigned() / 1000;
                format!("memory {} MiB of {} MiB a pod", mib(used), mib(target))
            }
            (scenario::Metric::QueueLength(target), Reading::Value(value)) => {
                format!("{} messages wait, {target} a pod", value / 1000)
            }
            (scenario::Metric::QueueValue(target), Reading::Value(value)) => {
                format!("{} messages wait, {target} in all", value / 1000)
            }
            (scenario::Metric::RequestsPerPod(target), _) => {
                let rate = self.load.rate_milli(app);
                format!("{} requests a second, {} a pod", thousandths(rate), thousandths(target))
            }
            (scenario::Metric::RequestsValue(target), _) => {
                let rate = self.load.rate_milli(app);
                format!("{} requests a second, {} in all", thousandths(rate), thousandths(target))
            }
            _ => "no reading".to_owned(),
        };
        format!("{shown}, {}: {name}", proposed(decision))
    }
}

/// Use as a percentage of requests, of the pods that count.
fn percent(tally: &Tally) -> i64 {
    tally.ready_milli.saturating_mul(100).checked_div(tally.ready_request).unwrap_or(0)
}

/// What a metric proposes, and what earlier proposals made of that.
fn proposed(decision: &Decision) -> String {
    let wanted = decision.proposal.unwrap_or(decision.desired);
    match decision.stabilized {
        Some(held) if held != wanted => format!("proposes {wanted}, stabilised at {held}"),
        _ => format!("proposes {wanted}"),
    }
}

/// Use of a pod, of those that count.
fn average(tally: &Tally) -> i64 {
    tally.ready_milli.checked_div(tally.ready).unwrap_or(0)
}

/// A number of thousandths: 12500 as 12.5.
fn thousandths(milli: u64) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpa::Reason;

    #[test]
    fn an_earlier_proposal_that_holds_is_told() {
        let decision = |stabilized| Decision {
            desired: 35,
            reason: Reason::DesiredWithinRange,
            proposal: Some(32),
            stabilized,
            metric: Some(0),
            failed: 0,
        };
        for (stabilized, want) in [
            (Some(35), "proposes 32, stabilised at 35"),
            (Some(32), "proposes 32"),
            (None, "proposes 32"),
        ] {
            assert_eq!(proposed(&decision(stabilized)), want);
        }
        for (milli, want) in [(200_000, "200"), (893_333, "893.333"), (12_500, "12.5"), (0, "0")] {
            assert_eq!(thousandths(milli), want);
        }
    }
}
