//! Sets of recorded answers: hpa.

use serde::Deserialize;

use super::{Replay, Verdict};
use crate::sim::hpa::{
    Behavior, Condition, Event, Limit, LimitKind, Metric, Observation, Phase, Pod, PodReadings,
    Pods, Policy, Reading, Ready, Recommendation, Requests, Resource, Rules, Sample, Select,
    Settings, State, Tolerance, normalize, pods, propose, reconcile,
};

/// The replay of a set of this part, if it is one.
pub fn replay(set: &str) -> Option<Replay> {
    match set {
        "hpa_replicas" | "hpa_upstream_cases" => Some(replicas),
        "hpa_normalize" | "hpa_upstream_normalize" => Some(normalization),
        "hpa_sequences" => Some(sequence),
        _ => None,
    }
}

fn millis(seconds: i64) -> i64 {
    seconds * 1000
}

fn verdict(id: &str, got: impl std::fmt::Debug + PartialEq<String>, want: String) -> Verdict {
    if got == want {
        Verdict::Equal
    } else {
        Verdict::Different(format!("{id}: got {got:?}, recorded {want}"))
    }
}

#[derive(Deserialize)]
struct ContainerLine {
    #[serde(default)]
    name: String,
    req_m: Option<i64>,
}

#[derive(Deserialize)]
struct PodLine {
    n: String,
    phase: String,
    del: bool,
    ready: String,
    start: Option<i64>,
    trans: i64,
    #[serde(default)]
    c: Vec<ContainerLine>,
    #[serde(default)]
    sc: Vec<ContainerLine>,
    plr_m: Option<i64>,
}

impl PodLine {
    fn pod(&self) -> Pod {
        Pod {
            phase: phase(&self.phase),
            deleting: self.del,
            started_millis: self.start.map(millis),
            ready: condition(&self.ready, self.trans),
        }
    }
}

#[derive(Deserialize)]
struct MetricLine {
    pod: String,
    v: i64,
    ts: i64,
    win: i64,
}

#[derive(Deserialize, PartialEq, Debug, Default)]
struct ReplicasOut {
    replicas: Option<i32>,
    err: Option<String>,
    utilization: Option<i32>,
    raw_avg: Option<i64>,
    usage: Option<i64>,
}

#[derive(Deserialize)]
struct ReplicasLine {
    id: String,
    kind: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    container: String,
    current: i32,
    status: i32,
    target: i64,
    tol_down: f64,
    tol_up: f64,
    cpu_init_s: i64,
    ready_delay_s: i64,
    #[serde(default)]
    ignore_succeeded: bool,
    pods: Option<Vec<PodLine>>,
    metrics: Option<Vec<MetricLine>>,
    values: Option<Vec<i64>>,
    out: ReplicasOut,
}

fn metric(kind: &str, resource: &str, target: i64) -> Metric {
    let resource = if resource == "cpu" { Resource::Cpu } else { Resource::Other };
    match kind {
        "resource_util" => Metric::Utilization {
            resource,
            percent: i32::try_from(target).expect("a percentage fits 32 bits"),
        },
        "resource_raw" => Metric::AverageResource { resource, milli: target },
        "pods" => Metric::Pods { milli: target },
        "object_value" => Metric::ObjectValue { milli: target },
        "object_avg" => Metric::ObjectAverage { milli: target },
        "external_value" => Metric::ExternalValue { milli: target },
        _ => Metric::ExternalAverage { milli: target },
    }
}

fn condition(status: &str, since_seconds: i64) -> Option<Condition> {
    let status = match status {
        "True" | "T" => Ready::True,
        "False" | "F" => Ready::False,
        "None" | "N" => return None,
        _ => Ready::Unknown,
    };
    Some(Condition { status, since_millis: millis(since_seconds) })
}

fn phase(name: &str) -> Phase {
    match name {
        "Pending" | "P" => Phase::Pending,
        "Running" | "R" => Phase::Running,
        "Succeeded" | "S" => Phase::Succeeded,
        "Failed" | "F" => Phase::Failed,
        _ => Phase::Unknown,
    }
}

/// The request that counts for one pod, `None` where one is missing.
fn request(pod: &PodLine, container: &str) -> Option<i64> {
    let listed = pod.c.iter().chain(&pod.sc);
    if container.is_empty() {
        pods::pod_request(pod.plr_m, &listed.map(|one| one.req_m).collect::<Vec<_>>())
    } else {
        let mut listed = listed;
        listed.find(|one| one.name == container).and_then(|one| one.req_m)
    }
}

fn replicas(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: ReplicasLine = serde_json::from_str(line)?;
    let lines = case.pods.unwrap_or_default();
    let metrics = case.metrics.unwrap_or_default();
    let values = case.values.unwrap_or_default();
    let settings = Settings {
        cpu_initialization_millis: millis(case.cpu_init_s),
        initial_readiness_millis: millis(case.ready_delay_s),
        ignore_succeeded: case.ignore_succeeded,
        ..Settings::DEFAULT
    };
    let seen: Vec<Pod> = lines.iter().map(PodLine::pod).collect();
    let of_pod = |name: &str| metrics.iter().find(|sample| sample.pod == name);
    let samples: Vec<Option<Sample>> = lines
        .iter()
        .map(|pod| {
            of_pod(&pod.n).map(|sample| Sample {
                milli: sample.v,
                at_millis: millis(sample.ts),
                window_millis: millis(sample.win),
            })
        })
        .collect();
    let strangers: Vec<i64> = metrics
        .iter()
        .filter(|sample| lines.iter().all(|pod| pod.n != sample.pod))
        .map(|sample| sample.v)
        .collect();
    let requests: Vec<_> = lines.iter().map(|pod| request(pod, &case.container)).collect();
    let metric = metric(&case.kind, &case.resource, case.target);
    let reading = if metric.beyond_pods() {
        Reading::Series(&values)
    } else {
        Reading::Pods(PodReadings {
            samples: &samples,
            strangers: &strangers,
            requests: Requests::Each(&requests),
        })
    };
    let seen = Observation {
        now_millis: 0,
        spec_replicas: case.current,
        status_replicas: case.status,
        pods: Pods::Each(&seen),
        readings: &[reading],
    };
    let tolerance = Tolerance { down: case.tol_down, up: case.tol_up };
    let mut want = case.out;
    want.err = want.err.map(|_| String::new());
    let got = match propose(&metric, &reading, &seen, tolerance, &settings) {
        Err(_) => ReplicasOut { err: Some(String::new()), ..ReplicasOut::default() },
        Ok(proposal) => {
            let averaged = proposal.utilization.is_some();
            ReplicasOut {
                replicas: Some(proposal.replicas),
                err: None,
                utilization: proposal.utilization,
                raw_avg: averaged.then_some(proposal.usage_milli),
                usage: (!averaged).then_some(proposal.usage_milli),
            }
        }
    };
    Ok(verdict(&case.id, format!("{got:?}"), format!("{want:?}")))
}

#[derive(Deserialize)]
struct LimitLine {
    r#type: String,
    value: i32,
    period_s: i64,
}

#[derive(Deserialize)]
struct RulesLine {
    window_s: Option<i64>,
    select: String,
    policies: Vec<LimitLine>,
}

#[derive(Deserialize)]
struct BehaviorLine {
    up: RulesLine,
    down: RulesLine,
}

impl RulesLine {
    fn rules(&self, window_s: i64) -> Rules {
        Rules {
            window_millis: millis(self.window_s.unwrap_or(window_s)),
            select: match self.select.as_str() {
                "Max" => Select::Max,
                "Min" => Select::Min,
                _ => Select::Disabled,
            },
            limits: self
                .policies
                .iter()
                .map(|policy| Limit {
                    kind: if policy.r#type == "Pods" {
                        LimitKind::Pods
                    } else {
                        LimitKind::Percent
                    },
                    value: policy.value,
                    period_millis: millis(policy.period_s),
                })
                .collect(),
        }
    }
}

fn behavior(line: &BehaviorLine, down_window_s: i64) -> Behavior {
    Behavior { up: line.up.rules(0), down: line.down.rules(down_window_s) }
}

/// Entries of value and age in seconds.
type Aged = Option<Vec<(i32, i64)>>;

#[derive(Deserialize)]
struct NormalizeOut {
    stabilized: i32,
    desired: i32,
    reason: String,
    recs: Aged,
    up_events: Aged,
    down_events: Aged,
}

#[derive(Deserialize)]
struct NormalizeLine {
    id: String,
    #[serde(default)]
    name: Option<String>,
    down_window_s: i64,
    behavior: Option<BehaviorLine>,
    min: i32,
    max: i32,
    current: i32,
    metric_desired: i32,
    recs: Aged,
    up_events: Aged,
    down_events: Aged,
    out: NormalizeOut,
}

fn events(aged: Aged) -> Vec<Event> {
    let aged = aged.unwrap_or_default().into_iter();
    aged.map(|(change, age)| Event { change, at_millis: -millis(age), outdated: false }).collect()
}

fn ages(events: &[Event]) -> Vec<(i32, i64)> {
    events.iter().map(|event| (event.change, -event.at_millis / 1000)).collect()
}

fn normalization(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: NormalizeLine = serde_json::from_str(line)?;
    let policy = Policy {
        min: case.min,
        max: case.max,
        metrics: Vec::new(),
        tolerance: Tolerance::DEFAULT,
        behavior: case.behavior.as_ref().map(|line| behavior(line, case.down_window_s)),
    };
    let settings =
        Settings { downscale_window_millis: millis(case.down_window_s), ..Settings::DEFAULT };
    let recs = case.recs.unwrap_or_default().into_iter();
    let mut state = State {
        recommendations: recs
            .map(|(replicas, age)| Recommendation { replicas, at_millis: -millis(age) })
            .collect(),
        up_events: events(case.up_events),
        down_events: events(case.down_events),
        scaled_to_zero: false,
    };
    let change = (case.current, case.metric_desired);
    let got = normalize(&policy, &settings, &mut state, change, 0);
    if let Some(behavior) = &policy.behavior
        && got.desired != case.current
    {
        normalize::store_event(behavior, &mut state, 0, (case.current, got.desired));
    }
    // Upstream's tables state only part of the answer: the reason is empty where they test the
    // stabilisation alone, and lists are never stated.
    let upstream = case.name.is_some();
    let reason = if upstream && case.out.reason.is_empty() { "" } else { got.reason.name() };
    let mut answer = format!("{} {reason}", got.desired);
    let mut want = format!("{} {}", case.out.desired, case.out.reason);
    if !upstream || case.out.reason.is_empty() {
        answer += &format!(" stabilized {}", got.stabilized);
        want += &format!(" stabilized {}", case.out.stabilized);
    }
    if !upstream {
        let recs = state.recommendations.iter().map(|old| (old.replicas, -old.at_millis / 1000));
        let recs: Vec<_> = recs.collect();
        answer += &format!("{recs:?}{:?}{:?}", ages(&state.up_events), ages(&state.down_events));
        let list = |aged: Aged| aged.unwrap_or_default();
        want += &format!(
            "{:?}{:?}{:?}",
            list(case.out.recs),
            list(case.out.up_events),
            list(case.out.down_events)
        );
    }
    Ok(verdict(&case.id, answer, want))
}

#[derive(Deserialize)]
struct SpecLine {
    kind: String,
    #[serde(default)]
    resource: String,
    target: i64,
}

#[derive(Deserialize)]
struct ConfigLine {
    min: i32,
    max: i32,
    tol_down: f64,
    tol_up: f64,
    down_window_s: i64,
    cpu_init_s: i64,
    ready_delay_s: i64,
    scale_to_zero_gate: bool,
    req_cpu_m: i64,
    req_mem_m: i64,
    behavior: Option<BehaviorLine>,
    metrics: Vec<SpecLine>,
}

#[derive(Deserialize)]
struct StepPod {
    id: i64,
    ph: String,
    rd: String,
    st: i64,
    tr: i64,
    #[serde(default)]
    del: u8,
}

impl StepPod {
    fn pod(&self, now: i64) -> Pod {
        Pod {
            phase: phase(&self.ph),
            deleting: self.del != 0,
            started_millis: (self.st >= 0).then_some(millis(now - self.st)),
            ready: condition(&self.rd, now - self.tr),
        }
    }
}

#[derive(Deserialize)]
struct StepMetric {
    #[serde(default)]
    err: bool,
    pods: Option<Vec<(i64, i64)>>,
    #[serde(default)]
    age: i64,
    #[serde(default)]
    win: i64,
    vals: Option<Vec<i64>>,
}

#[derive(Deserialize)]
struct StepOut {
    metric_desired: Option<i32>,
    desired: i32,
    rescaled: bool,
    why: String,
}

#[derive(Deserialize)]
struct Step {
    t: i64,
    spec: i32,
    status: i32,
    pods: Option<Vec<StepPod>>,
    m: Vec<StepMetric>,
    out: StepOut,
}

#[derive(Deserialize)]
struct SequenceLine {
    id: String,
    cfg: ConfigLine,
    steps: Vec<Step>,
}

/// Samples by observed pod, and the values of pods that are gone.
fn samples(step: &Step, metric: &StepMetric) -> (Vec<Option<Sample>>, Vec<i64>) {
    let pods = step.pods.as_deref().unwrap_or_default();
    let values = metric.pods.as_deref().unwrap_or_default();
    let sample = |milli| Sample {
        milli,
        at_millis: millis(step.t - metric.age),
        window_millis: millis(metric.win),
    };
    let of_pod = |pod: &StepPod| values.iter().find(|(id, _)| *id == pod.id);
    let known = pods.iter().map(|pod| of_pod(pod).map(|&(_, milli)| sample(milli))).collect();
    let gone = values.iter().filter(|(id, _)| pods.iter().all(|pod| pod.id != *id));
    (known, gone.map(|&(_, milli)| milli).collect())
}

fn sequence(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: SequenceLine = serde_json::from_str(line)?;
    let config = &case.cfg;
    let specs = &config.metrics;
    let policy = Policy {
        min: config.min,
        max: config.max,
        metrics: specs.iter().map(|spec| metric(&spec.kind, &spec.resource, spec.target)).collect(),
        tolerance: Tolerance { down: config.tol_down, up: config.tol_up },
        behavior: config.behavior.as_ref().map(|line| behavior(line, config.down_window_s)),
    };
    let settings = Settings {
        downscale_window_millis: millis(config.down_window_s),
        cpu_initialization_millis: millis(config.cpu_init_s),
        initial_readiness_millis: millis(config.ready_delay_s),
        scale_to_zero: config.scale_to_zero_gate,
        ..Settings::DEFAULT
    };
    let mut state = State::default();
    for step in &case.steps {
        let listed = step.pods.as_deref().unwrap_or_default();
        let pods: Vec<Pod> = listed.iter().map(|pod| pod.pod(step.t)).collect();
        let seen: Vec<_> = step.m.iter().map(|metric| samples(step, metric)).collect();
        let readings: Vec<Reading<'_>> = step
            .m
            .iter()
            .zip(specs)
            .zip(&seen)
            .map(|((metric, spec), (samples, strangers))| {
                let request =
                    if spec.resource == "cpu" { config.req_cpu_m } else { config.req_mem_m };
                match (metric.err, &metric.vals, &metric.pods) {
                    (false, Some(values), _) => Reading::Series(values),
                    (false, None, Some(_)) => Reading::Pods(PodReadings {
                        samples,
                        strangers,
                        requests: Requests::Same(request),
                    }),
                    _ => Reading::Failed,
                }
            })
            .collect();
        let observation = Observation {
            now_millis: millis(step.t),
            spec_replicas: step.spec,
            status_replicas: step.status,
            pods: Pods::Each(&pods),
            readings: &readings,
        };
        let got = reconcile(&policy, &settings, &mut state, &observation);
        let rescaled = got.desired != step.spec;
        let got = (got.proposal, got.desired, rescaled, got.reason.name());
        let out = &step.out;
        let want = (out.metric_desired, out.desired, out.rescaled, out.why.as_str());
        if got != want {
            let at = format!("{} at {} s", case.id, step.t);
            return Ok(Verdict::Different(format!("{at}: got {got:?}, recorded {want:?}")));
        }
    }
    Ok(Verdict::Equal)
}
