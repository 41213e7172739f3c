//! The HorizontalPodAutoscaler, version 2: proposals per metric, behaviours, its state over time.
//!
//! Mirrors `pkg/controller/podautoscaler` of Kubernetes: [`reconcile`] is `reconcileAutoscaler`
//! (`horizontal.go`), [`propose`] the functions of `replica_calculator.go`, [`normalize()`] the
//! two normalisations. Invariant: no clock (the instant is an argument and stays the same within
//! one pass, where upstream reads the clock several times), no scale client (a decision counts
//! as carried out), and no memory but [`State`].
//!
//! Metric values are thousandths of their unit, as upstream computes them; times are
//! milliseconds on any scale that does not run backwards.

pub mod keda;
pub mod normalize;
pub mod pods;
pub mod proposal;
pub mod recommendations;
pub mod schedule;

pub use normalize::{Behavior, Event, Limit, LimitKind, Normalized, Rules, Select, normalize};
pub use pods::{Condition, Phase, Pod, PodReadings, Pods, Ready, Requests, Sample, Tally};
pub use proposal::{Fault, Metric, Proposal, Reading, Resource, propose};
pub use recommendations::{Recommendation, Recommendations};

/// How far a usage ratio may be from 1 without a change, per direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Below 1.
    pub down: f64,
    /// Above 1.
    pub up: f64,
}

impl Tolerance {
    /// The controller's default of 0.1 both ways.
    pub const DEFAULT: Self = Self { down: 0.1, up: 0.1 };

    /// Whether the ratio asks for no change; both ends belong (`Tolerances.isWithin`).
    #[must_use]
    pub fn holds(self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }
}

/// Flags of the controller that all its autoscalers share; AKS exposes none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long the highest recommendation holds where no behaviour says otherwise (ms).
    pub downscale_window_millis: i64,
    /// For how long after its start a pod's CPU samples are distrusted (ms).
    pub cpu_initialization_millis: i64,
    /// Up to how long after its start a pod counts as never having been ready (ms).
    pub initial_readiness_millis: i64,
    /// Feature gate `HPAScaleToZero`.
    pub scale_to_zero: bool,
    /// Whether Succeeded pods are ignored as Failed ones are (newer releases).
    pub ignore_succeeded: bool,
}

impl Settings {
    /// Time between two passes of one autoscaler (ms).
    pub const SYNC_MILLIS: i64 = 15_000;
    /// The flag defaults of `config/v1alpha1/defaults.go`, with no alpha gate.
    pub const DEFAULT: Self = Self {
        downscale_window_millis: 300_000,
        cpu_initialization_millis: 300_000,
        initial_readiness_millis: 30_000,
        scale_to_zero: false,
        ignore_succeeded: true,
    };
}

/// One autoscaler as declared, with defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Fewest replicas.
    pub min: i32,
    /// Most replicas.
    pub max: i32,
    /// What it watches, in the order declared.
    pub metrics: Vec<Metric>,
    /// Effective tolerance: the behaviour's own, else the default.
    pub tolerance: Tolerance,
    /// Both sides filled in, or `None` where the object has no `behavior` at all.
    pub behavior: Option<Behavior>,
}

impl Policy {
    /// Whether a metric exists without pods, so that scaling from zero is possible.
    fn watches_beyond_pods(&self) -> bool {
        self.metrics.iter().any(|metric| metric.beyond_pods())
    }
}

/// What the controller remembers of one autoscaler between passes. It lives in the controller's
/// memory: a restart of the control plane loses the lists (take a new one), while
/// `scaled_to_zero` is a status condition and survives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Raw proposals, in slots that are reused; empty only before the first pass.
    pub recommendations: Recommendations,
    /// Replicas added, under a behaviour only.
    pub up_events: Vec<Event>,
    /// Replicas removed (positive numbers), under a behaviour only.
    pub down_events: Vec<Event>,
    /// Condition `ScaledToZero`: the autoscaler itself, not a person, removed the last replica.
    pub scaled_to_zero: bool,
}

/// What one pass sees.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// Now (ms).
    pub now_millis: i64,
    /// `spec.replicas` of the target.
    pub spec_replicas: i32,
    /// `status.replicas` of the target.
    pub status_replicas: i32,
    /// Pods that the target's selector matches.
    pub pods: Pods<'a>,
    /// One reading per metric of the policy; a missing one counts as failed.
    pub readings: &'a [Reading<'a>],
}

/// Why the number of replicas is what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// At zero replicas by someone else's hand: left alone.
    ScalingDisabled,
    /// More replicas than the maximum: set to it without looking at metrics.
    AboveMax,
    /// Fewer replicas than the minimum: set to it without looking at metrics.
    BelowMin,
    /// No metric could be used, or not all and the rest would scale down.
    FailedMetrics,
    /// The stabilised proposal is met.
    DesiredWithinRange,
    /// Held at the minimum.
    TooFewReplicas,
    /// Held at the maximum.
    TooManyReplicas,
    /// Held by the limit on growth.
    ScaleUpLimit,
    /// Held by the limit on shrinking.
    ScaleDownLimit,
}

impl Reason {
    /// The reason as upstream's conditions spell it (the first four as in the recorded answers).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ScalingDisabled => "ScalingDisabled",
            Self::AboveMax => "AboveMax",
            Self::BelowMin => "BelowMin",
            Self::FailedMetrics => "FailedMetrics",
            Self::DesiredWithinRange => "DesiredWithinRange",
            Self::TooFewReplicas => "TooFewReplicas",
            Self::TooManyReplicas => "TooManyReplicas",
            Self::ScaleUpLimit => "ScaleUpLimit",
            Self::ScaleDownLimit => "ScaleDownLimit",
        }
    }
}

/// Outcome of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Replicas the target shall have from now on; equals `spec_replicas` where nothing changes.
    pub desired: i32,
    /// Why.
    pub reason: Reason,
    /// Largest proposal of the metrics, where they were looked at and could be used.
    pub proposal: Option<i32>,
    /// The proposal after stabilisation, where there is a proposal.
    pub stabilized: Option<i32>,
    /// Index of the metric that made the proposal.
    pub metric: Option<usize>,
    /// Metrics that could not be used.
    pub failed: u32,
}

impl Decision {
    /// A decision without any proposal.
    fn bare(desired: i32, reason: Reason) -> Self {
        Self { desired, reason, proposal: None, stabilized: None, metric: None, failed: 0 }
    }
}

/// One pass of the controller over one autoscaler (`reconcileAutoscaler`), which counts as
/// carried out: the change is recorded in the state.
pub fn reconcile(
    policy: &Policy,
    settings: &Settings,
    state: &mut State,
    seen: &Observation<'_>,
) -> Decision {
    let current = seen.spec_replicas;
    if state.recommendations.is_empty() {
        let seed = Recommendation { replicas: current, at_millis: seen.now_millis };
        state.recommendations = [seed].into_iter().collect();
    }
    let decision = if current == 0 && !wakes(policy, settings, state) {
        Decision::bare(0, Reason::ScalingDisabled)
    } else if current != 0 && current > policy.max {
        Decision::bare(policy.max, Reason::AboveMax)
    } else if current != 0 && current < policy.min {
        Decision::bare(policy.min, Reason::BelowMin)
    } else {
        let best = best_proposal(policy, settings, seen);
        decide(policy, settings, state, best, (current, seen.now_millis))
    };
    if decision.desired != current {
        record_rescale(policy, settings, state, seen.now_millis, (current, decision.desired));
    }
    decision
}

/// What one pass sees of pods that are all ready and request the same.
#[derive(Clone, Copy, Debug)]
pub struct AllReady {
    /// Now (ms).
    pub now_millis: i64,
    /// `spec.replicas` of the target.
    pub spec_replicas: i32,
    /// How many pods.
    pub pods: i64,
    /// What they use together (thousandths).
    pub used_milli: i64,
    /// What each requests (thousandths).
    pub request_milli: i64,
}

/// What such a pass comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Short {
    /// It takes more than that, and nothing is done.
    Beyond,
    /// Replicas stay.
    Stays,
    /// They change.
    Changes(Decision),
}

/// The pass that most passes are, where one utilisation decides: as [`reconcile`] has it of a
/// [`Tally::all_ready`].
#[inline]
pub fn reconcile_all_ready(
    policy: &Policy,
    settings: &Settings,
    state: &mut State,
    seen: &AllReady,
) -> Short {
    let AllReady { now_millis, spec_replicas: current, pods, used_milli, request_milli } = *seen;
    let [Metric::Utilization { percent, .. }] = policy.metrics[..] else { return Short::Beyond };
    let within = current != 0 && (policy.min..=policy.max).contains(&current);
    if !within || pods == 0 || state.recommendations.is_empty() {
        return Short::Beyond;
    }
    let request = pods.wrapping_mul(request_milli);
    let replicas = proposal::of_all_ready((used_milli, request), pods, current, percent, policy);
    let Some(replicas) = replicas else { return Short::Beyond };
    if replicas == current && normalize::keep(policy, state, current, now_millis) {
        return Short::Stays;
    }
    let normal = normalize(policy, settings, state, (current, replicas.max(0)), now_millis);
    if normal.desired == current {
        return Short::Stays;
    }
    let decision = decided(normal, (replicas, 0), 0);
    record_rescale(policy, settings, state, now_millis, (current, decision.desired));
    Short::Changes(decision)
}

/// Whether metrics are looked at although there is no replica
/// (`shouldComputeMetricsForZeroReplicas`; before the gate, only a minimum of zero allowed it).
fn wakes(policy: &Policy, settings: &Settings, state: &State) -> bool {
    if settings.scale_to_zero {
        state.scaled_to_zero && (policy.min != 0 || policy.watches_beyond_pods())
    } else {
        policy.min == 0
    }
}

/// The metrics' proposal, stabilised and limited.
fn decide(
    policy: &Policy,
    settings: &Settings,
    state: &mut State,
    best: Best,
    (current, now_millis): (i32, i64),
) -> Decision {
    let Some((replicas, metric)) = best.proposal else {
        return Decision { failed: best.failed, ..Decision::bare(current, Reason::FailedMetrics) };
    };
    // `desiredReplicas` starts at zero there, so that negative usage proposes nothing below it.
    let wanted = replicas.max(0);
    let normal = normalize(policy, settings, state, (current, wanted), now_millis);
    let mut decision = decided(normal, (replicas, metric), best.failed);
    if current == 0 && policy.min != 0 && state.scaled_to_zero {
        decision.desired = decision.desired.max(policy.min);
    }
    decision
}

/// A decision by the proposal of a metric.
fn decided(normal: Normalized, (replicas, metric): (i32, usize), failed: u32) -> Decision {
    Decision {
        desired: normal.desired,
        reason: normal.reason,
        proposal: Some(replicas),
        stabilized: Some(normal.stabilized),
        metric: Some(metric),
        failed,
    }
}

/// The largest proposal of several metrics.
struct Best {
    /// Replicas and metric, unless the failures forbid to act.
    proposal: Option<(i32, usize)>,
    /// Metrics that could not be used.
    failed: u32,
}

/// Evaluates all metrics (`computeReplicasForMetrics`): partial data never scale down.
fn best_proposal(policy: &Policy, settings: &Settings, seen: &Observation<'_>) -> Best {
    let mut best = (0, 0);
    let mut failed = 0;
    for (index, metric) in policy.metrics.iter().enumerate() {
        let reading = seen.readings.get(index).unwrap_or(&Reading::Failed);
        match propose(metric, reading, seen, policy.tolerance, settings) {
            Ok(proposal) => {
                if best.0 == 0 || proposal.replicas > best.0 {
                    best = (proposal.replicas, index);
                }
            }
            Err(_) => failed += 1,
        }
    }
    let all_failed = usize::try_from(failed).is_ok_and(|failed| failed >= policy.metrics.len());
    let unusable = all_failed || (failed > 0 && best.0 < seen.spec_replicas);
    Best { proposal: (!unusable).then_some(best), failed }
}

/// Records a successful change of scale: the event under a behaviour, and the condition.
fn record_rescale(
    policy: &Policy,
    settings: &Settings,
    state: &mut State,
    now_millis: i64,
    (previous, desired): (i32, i32),
) {
    if let Some(behavior) = &policy.behavior {
        normalize::store_event(behavior, state, now_millis, (previous, desired));
    }
    state.scaled_to_zero = settings.scale_to_zero
        && previous > 0
        && desired == 0
        && policy.min == 0
        && policy.watches_beyond_pods();
}

#[cfg(test)]
mod tests;
