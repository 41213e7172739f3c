//! KEDA: event-driven scaling on top of the autoscaler.
//!
//! KEDA itself only moves between nothing and something ([`poll`] is `RequestScale` of
//! `pkg/scaling/executor/scale_scaledobjects.go`); between one replica and many the autoscaler it
//! creates decides, on [`super::Metric::ExternalAverage`] per trigger, with the bounds of
//! [`ScaledObject::hpa_bounds`] and the autoscaler's own 15 s. At zero replicas that autoscaler
//! is disabled, because its minimum is one: it needs no special case. The cooldown delays only
//! the way to zero.

/// A `ScaledObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaledObject {
    /// Time between two polls (ms).
    pub polling_millis: i64,
    /// Time without an active trigger before scaling to zero (ms).
    pub cooldown_millis: i64,
    /// The same for an object that has not been active since its creation (ms).
    pub initial_cooldown_millis: i64,
    /// Fewest replicas while active.
    pub min: i32,
    /// Most replicas.
    pub max: i32,
    /// Replicas while idle, below the minimum; where absent, zero if the minimum is zero.
    pub idle: Option<i32>,
    /// What holds while triggers cannot be read.
    pub fallback: Option<Fallback>,
}

/// What holds while triggers cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// More consecutive failures than this and it holds.
    pub failure_threshold: u32,
    /// Replicas.
    pub replicas: i32,
}

impl ScaledObject {
    /// KEDA's defaults.
    pub const DEFAULT: Self = Self {
        polling_millis: 30_000,
        cooldown_millis: 300_000,
        initial_cooldown_millis: 0,
        min: 0,
        max: 100,
        idle: None,
        fallback: None,
    };

    /// Minimum and maximum of the autoscaler that KEDA creates.
    #[must_use]
    pub fn hpa_bounds(&self) -> (i32, i32) {
        (self.min.max(1), self.max)
    }
}

/// What one trigger says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Nothing to do.
    Idle,
    /// Something to do.
    Active,
    /// It cannot be read.
    Failed,
}

/// What a trigger with this value says: active strictly above its activation threshold.
#[must_use]
pub fn signal(value: Option<i64>, activation: i64) -> Signal {
    match value {
        None => Signal::Failed,
        Some(value) if value > activation => Signal::Active,
        Some(_) => Signal::Idle,
    }
}

/// What KEDA remembers of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KedaState {
    /// When the object was created (ms).
    pub created_millis: i64,
    /// When a trigger was last found active (ms).
    pub last_active_millis: Option<i64>,
}

impl KedaState {
    /// An object created at this time.
    #[must_use]
    pub fn created(at_millis: i64) -> Self {
        Self { created_millis: at_millis, last_active_millis: None }
    }
}

/// What a poll does to the scale, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing; the autoscaler has its way.
    Keep,
    /// Activates: to this many replicas.
    Activate(i32),
    /// Deactivates after the cooldown: to this many replicas.
    Deactivate(i32),
    /// Triggers cannot be read: to the fallback's replicas.
    FallBack(i32),
    /// Idle, but below the minimum: to the minimum.
    RaiseToMin(i32),
}

impl Step {
    /// Replicas from now on.
    #[must_use]
    pub fn replicas(self, current: i32) -> i32 {
        match self {
            Self::Keep => current,
            Self::Activate(replicas)
            | Self::Deactivate(replicas)
            | Self::FallBack(replicas)
            | Self::RaiseToMin(replicas) => replicas,
        }
    }
}

/// One poll of all triggers; what it says counts as done.
pub fn poll(
    object: &ScaledObject,
    state: &mut KedaState,
    signals: &[Signal],
    current: i32,
    now_millis: i64,
) -> Step {
    let failed = signals.contains(&Signal::Failed);
    if signals.contains(&Signal::Active) {
        if current == 0 || (object.idle.is_some() && current < object.min) {
            state.last_active_millis = Some(now_millis);
            return Step::Activate(object.min.max(1));
        }
        if !failed {
            state.last_active_millis = Some(now_millis);
        }
        return Step::Keep;
    }
    if failed {
        return match object.fallback {
            Some(fallback) if fallback.replicas != 0 => Step::FallBack(fallback.replicas),
            _ => Step::Keep,
        };
    }
    let above_idle = object.idle.is_some_and(|idle| current > idle);
    if above_idle || (current > 0 && object.min == 0) {
        let (since, wait) = match state.last_active_millis {
            Some(active) => (active, object.cooldown_millis),
            None => (state.created_millis, object.initial_cooldown_millis),
        };
        if since.saturating_add(wait) < now_millis {
            return Step::Deactivate(object.idle.unwrap_or(object.min));
        }
        return Step::Keep;
    }
    if current < object.min && object.idle.is_none() {
        return Step::RaiseToMin(object.min);
    }
    Step::Keep
}

/// The value of one trigger as the autoscaler gets it from KEDA's metrics adapter
/// (`GetMetricsWithFallback`): after more failures in a row than the threshold, what makes the
/// autoscaler propose the fallback's replicas. `failures` is carried, one count per trigger;
/// values and target are thousandths.
pub fn adapted_value(
    object: &ScaledObject,
    failures: &mut u32,
    value: Option<i64>,
    target_milli: i64,
) -> Option<i64> {
    if value.is_some() {
        *failures = 0;
        return value;
    }
    *failures = failures.saturating_add(1);
    let fallback = object.fallback?;
    let holds = *failures > fallback.failure_threshold;
    holds.then(|| target_milli.saturating_mul(i64::from(fallback.replicas)))
}

#[cfg(test)]
mod tests {
    use super::Signal::{Active, Failed, Idle};
    use super::*;
    use crate::hpa::{
        Metric, Observation, Pods, Policy, Reading, Reason, Settings, State, Tolerance, reconcile,
    };

    #[test]
    fn a_poll_moves_between_nothing_and_something() {
        let zero = ScaledObject::DEFAULT;
        let two = ScaledObject { min: 2, ..zero };
        let idle = ScaledObject { min: 2, idle: Some(0), ..zero };
        let backed =
            ScaledObject { fallback: Some(Fallback { failure_threshold: 3, replicas: 6 }), ..zero };
        // Last active at second 1000; columns: object, signals, replicas, second, step.
        for (object, signals, current, second, step) in [
            (zero, vec![Idle, Active], 0, 1_100, Step::Activate(1)),
            (two, vec![Active], 0, 1_100, Step::Activate(2)),
            (zero, vec![Active], 1, 1_100, Step::Keep),
            (zero, vec![Active, Failed], 0, 1_100, Step::Activate(1)),
            (zero, vec![Idle], 1, 1_300, Step::Keep), // exactly the cooldown
            (zero, vec![Idle], 7, 1_301, Step::Deactivate(0)),
            (two, vec![Idle], 7, 9_000, Step::Keep),
            (two, vec![Idle], 1, 1_100, Step::RaiseToMin(2)),
            (idle, vec![Idle], 5, 1_301, Step::Deactivate(0)),
            (idle, vec![Idle], 0, 9_000, Step::Keep),
            (idle, vec![Active], 1, 9_000, Step::Activate(2)),
            (zero, vec![Failed], 3, 9_000, Step::Keep),
            (backed, vec![Failed, Idle], 3, 9_000, Step::FallBack(6)),
        ] {
            let mut state =
                KedaState { last_active_millis: Some(1_000_000), ..KedaState::created(0) };
            let got = poll(&object, &mut state, &signals, current, second * 1_000);
            assert_eq!(got, step, "{object:?} {signals:?} {current} at {second}");
            let activity = signals == [Active] || matches!(step, Step::Activate(_));
            let last = if activity { second * 1_000 } else { 1_000_000 };
            assert_eq!(state.last_active_millis, Some(last), "{signals:?} {current}");
        }
    }

    #[test]
    fn an_object_never_active_waits_for_its_initial_cooldown() {
        let object = ScaledObject { initial_cooldown_millis: 60_000, ..ScaledObject::DEFAULT };
        for (now, step) in [(60_000, Step::Keep), (60_001, Step::Deactivate(0))] {
            let mut state = KedaState::created(0);
            assert_eq!(poll(&object, &mut state, &[Idle], 3, now), step);
        }
    }

    #[test]
    fn thresholds_are_strict() {
        for (value, expected) in
            [(Some(5), Idle), (Some(6), Active), (Some(0), Idle), (None, Failed)]
        {
            assert_eq!(signal(value, 5), expected);
        }
        let fallback = Some(Fallback { failure_threshold: 1, replicas: 4 });
        let object = ScaledObject { fallback, ..ScaledObject::DEFAULT };
        let mut failures = 0;
        for (value, seen) in [(None, None), (None, Some(20_000)), (Some(7), Some(7)), (None, None)]
        {
            assert_eq!(adapted_value(&object, &mut failures, value, 5_000), seen);
        }
    }

    /// A queue of 23 messages at 5 a pod: poll at 30 s wakes one pod, the autoscaler makes five
    /// of it at its next sync; the queue empty, its window holds five until the recommendation
    /// is more than 300 s old, and KEDA takes the rest to zero after the cooldown.
    #[test]
    fn a_queue_comes_and_goes() {
        let object = ScaledObject::DEFAULT;
        let (min, max) = object.hpa_bounds();
        let policy = Policy {
            min,
            max,
            metrics: vec![Metric::ExternalAverage { milli: 5_000 }],
            tolerance: Tolerance::DEFAULT,
            behavior: None,
        };
        let (mut hpa, mut keda) = (State::default(), KedaState::created(0));
        let mut current = 0;
        let mut changes = Vec::new();
        for second in (0..=1_000).step_by(15) {
            let queue = if (20..100).contains(&second) { 23 } else { 0 };
            let before = current;
            let reading = [Reading::Value(queue * 1_000)];
            let seen = Observation {
                now_millis: second * 1_000,
                spec_replicas: current,
                status_replicas: current,
                pods: Pods::Counted { matched: 1, serving: 1 },
                readings: &reading,
            };
            let decision = reconcile(&policy, &Settings::DEFAULT, &mut hpa, &seen);
            assert_eq!(decision.reason == Reason::ScalingDisabled, current == 0);
            current = decision.desired;
            if second % 30 == 0 {
                let signals = [signal(Some(queue), 0)];
                let step = poll(&object, &mut keda, &signals, current, second * 1_000);
                current = step.replicas(current);
            }
            if current != before {
                changes.push((second, current));
            }
        }
        // Last active at the poll of second 90, so the cooldown ends after 390: at the poll of
        // 420. The autoscaler last proposed five at second 90 and lets go at 405 (315 s later).
        // Growth: 1 → 4 by the legacy limit max(2 × 1, 4), then 5.
        assert_eq!(changes, [(30, 1), (45, 4), (60, 5), (405, 1), (420, 0)]);
    }
}
