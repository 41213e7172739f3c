//! Pods as the autoscaler sees them, and their classification (`groupPods`).
//!
//! Invariant: a [`Tally`] holds all that a proposal needs of the pods, so that a world that knows
//! its counts can make one without walking pods; both ways meet in the same formula.

use super::Settings;
use super::proposal::Resource;

/// Pod phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not all containers have started yet, or not bound to a node.
    Pending,
    /// At least one container runs.
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, one badly.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// Status of the Ready condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ready {
    /// Serves.
    True,
    /// Does not serve.
    False,
    /// Not known; counts as not False.
    Unknown,
}

/// The Ready condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its status.
    pub status: Ready,
    /// Last transition (ms).
    pub since_millis: i64,
}

/// One pod that the selector matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its phase.
    pub phase: Phase,
    /// Whether it has a deletion timestamp.
    pub deleting: bool,
    /// `status.startTime` (ms), set when a kubelet has seen it.
    pub started_millis: Option<i64>,
    /// Its Ready condition.
    pub ready: Option<Condition>,
}

impl Pod {
    /// A pod that has been running and ready for a long time.
    pub const SETTLED: Self = Self {
        phase: Phase::Running,
        deleting: false,
        started_millis: Some(i64::MIN / 2),
        ready: Some(Condition { status: Ready::True, since_millis: i64::MIN / 2 }),
    };

    /// Counts in `getReadyPodsCount`, also while it is being deleted.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.phase == Phase::Running
            && self.ready.is_some_and(|condition| condition.status == Ready::True)
    }
}

/// Pods that the selector matches: each of them, or the two numbers that object and external
/// `Value` targets need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pods<'a> {
    /// Every pod.
    Each(&'a [Pod]),
    /// Their number, and how many are Running and Ready.
    Counted {
        /// Pods that match.
        matched: u32,
        /// Of these, Running and Ready.
        serving: u32,
    },
}

impl Pods<'_> {
    /// How many match, and how many of them serve.
    #[must_use]
    pub fn counts(self) -> (u32, u32) {
        match self {
            Self::Each(pods) => {
                let serving = pods.iter().filter(|pod| pod.serves()).count();
                (
                    u32::try_from(pods.len()).unwrap_or(u32::MAX),
                    u32::try_from(serving).unwrap_or(u32::MAX),
                )
            }
            Self::Counted { matched, serving } => (matched, serving),
        }
    }
}

/// One pod's value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Value in thousandths (milli-cores, milli-bytes, …).
    pub milli: i64,
    /// When it was taken (ms).
    pub at_millis: i64,
    /// Over which time it was averaged (ms).
    pub window_millis: i64,
}

/// Requests of the pods for the resource of a utilisation target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests<'a> {
    /// All pods request the same.
    Same(i64),
    /// One per pod, `None` where it or a container in it states none.
    Each(&'a [Option<i64>]),
}

impl Requests<'_> {
    /// The request of pod `index`.
    fn of(&self, index: usize) -> Option<i64> {
        match self {
            Self::Same(milli) => Some(*milli),
            Self::Each(requests) => requests.get(index).copied().flatten(),
        }
    }
}

/// Request of a pod (`calculateRequests` without a named container): what the pod states as a
/// whole, else the sum over containers and sidecars, each of which must state one.
#[must_use]
pub fn pod_request(whole: Option<i64>, containers: &[Option<i64>]) -> Option<i64> {
    whole.or_else(|| {
        containers
            .iter()
            .try_fold(0_i64, |sum, request| request.map(|milli| sum.wrapping_add(milli)))
    })
}

/// What a per-pod metric showed, pods by index into the observed ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodReadings<'a> {
    /// One sample per pod, `None` where the metric has none for it.
    pub samples: &'a [Option<Sample>],
    /// Values of pods that are gone; they take part in plain averages and in pod counts.
    pub strangers: &'a [i64],
    /// Requests, which only utilisation targets read.
    pub requests: Requests<'a>,
}

/// Pods of one metric by class, with their sums (thousandths).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Pods that match the selector, ignored ones too.
    pub matched: i64,
    /// Pods whose sample counts.
    pub ready: i64,
    /// Pods whose sample must not count: pending, or too young.
    pub unready: i64,
    /// Pods without a sample.
    pub missing: i64,
    /// Samples of pods that are gone.
    pub strangers: i64,
    /// Sum of the samples that count.
    pub ready_milli: i64,
    /// Sum of the samples of pods that are gone.
    pub strangers_milli: i64,
    /// A pod, even an ignored one, states no request.
    pub request_missing: bool,
    /// Requests of the ready pods.
    pub ready_request: i64,
    /// Requests of the unready pods.
    pub unready_request: i64,
    /// Requests of the pods without a sample.
    pub missing_request: i64,
    /// What the pods without a sample are taken to use on the way down: request × max(100,
    /// target) / 100, rounded down per pod.
    pub missing_fill: i64,
}

/// The class of one pod for one metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Deleted or ended.
    Ignored,
    /// Pending or too young.
    Unready,
    /// Without a sample.
    Missing,
    /// With a sample that counts.
    Ready(i64),
}

impl Tally {
    /// All pods ready, with `total_milli` used in total and the same request each.
    #[must_use]
    pub fn all_ready(pods: i64, total_milli: i64, request: i64) -> Self {
        Self {
            matched: pods,
            ready: pods,
            ready_milli: total_milli,
            ready_request: pods.wrapping_mul(request),
            ..Self::default()
        }
    }

    /// Pods of three classes that request the same each; `percent` is the utilisation target.
    #[must_use]
    pub fn same_request(
        (ready, unready, missing): (i64, i64, i64),
        ready_milli: i64,
        request: i64,
        percent: i32,
    ) -> Self {
        Self {
            matched: ready.wrapping_add(unready).wrapping_add(missing),
            unready,
            missing,
            unready_request: unready.wrapping_mul(request),
            missing_request: missing.wrapping_mul(request),
            missing_fill: missing.wrapping_mul(fill(request, percent)),
            ..Self::all_ready(ready, ready_milli, request)
        }
    }

    /// Classifies pods and sums up their samples and requests in one walk. `percent` is the
    /// utilisation target; targets of other kinds pass 0 and read neither requests nor fill.
    #[must_use]
    pub fn of(
        pods: &[Pod],
        seen: &PodReadings<'_>,
        resource: Option<Resource>,
        percent: i32,
        (settings, now_millis): (&Settings, i64),
    ) -> Self {
        let mut tally = Self {
            matched: length(pods.len()),
            strangers: length(seen.strangers.len()),
            strangers_milli: seen.strangers.iter().fold(0, |sum, &milli| sum.wrapping_add(milli)),
            ..Self::default()
        };
        for (index, pod) in pods.iter().enumerate() {
            let request = seen.requests.of(index);
            tally.request_missing |= request.is_none();
            let request = request.unwrap_or(0);
            let sample = seen.samples.get(index).copied().flatten();
            match classify(pod, sample, resource, settings, now_millis) {
                Class::Ignored => {}
                Class::Unready => {
                    tally.unready += 1;
                    tally.unready_request = tally.unready_request.wrapping_add(request);
                }
                Class::Missing => {
                    tally.missing += 1;
                    tally.missing_request = tally.missing_request.wrapping_add(request);
                    tally.missing_fill = tally.missing_fill.wrapping_add(fill(request, percent));
                }
                Class::Ready(milli) => {
                    tally.ready += 1;
                    tally.ready_milli = tally.ready_milli.wrapping_add(milli);
                    tally.ready_request = tally.ready_request.wrapping_add(request);
                }
            }
        }
        tally
    }
}

/// A length as the integer that Go's arithmetic would meet.
fn length(pods: usize) -> i64 {
    i64::try_from(pods).unwrap_or(i64::MAX)
}

/// What a pod without a sample is taken to use on the way down.
fn fill(request: i64, percent: i32) -> i64 {
    request.wrapping_mul(i64::from(percent.max(100))) / 100
}

/// The class of one pod (`groupPods`).
fn classify(
    pod: &Pod,
    sample: Option<Sample>,
    resource: Option<Resource>,
    settings: &Settings,
    now_millis: i64,
) -> Class {
    let ended =
        pod.phase == Phase::Failed || (settings.ignore_succeeded && pod.phase == Phase::Succeeded);
    if pod.deleting || ended {
        return Class::Ignored;
    }
    if pod.phase == Phase::Pending {
        return Class::Unready;
    }
    let Some(sample) = sample else { return Class::Missing };
    if resource == Some(Resource::Cpu) && distrusted(pod, sample, settings, now_millis) {
        return Class::Unready;
    }
    Class::Ready(sample.milli)
}

/// Whether a CPU sample may stem from start-up.
fn distrusted(pod: &Pod, sample: Sample, settings: &Settings, now_millis: i64) -> bool {
    let (Some(ready), Some(started)) = (pod.ready, pod.started_millis) else { return true };
    let not_ready = ready.status == Ready::False;
    if started.saturating_add(settings.cpu_initialization_millis) > now_millis {
        not_ready || sample.at_millis < ready.since_millis.saturating_add(sample.window_millis)
    } else {
        not_ready && started.saturating_add(settings.initial_readiness_millis) > ready.since_millis
    }
}
