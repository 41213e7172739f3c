//! From proposal to replicas: stabilisation over time, limits on change, minimum and maximum
//! (`normalizeDesiredReplicas`, `normalizeDesiredReplicasWithBehaviors` of `horizontal.go`).

use super::recommendations::{Lookback, Recommendation};
use super::{Policy, Reason, Settings, State};

/// A change of scale that the autoscaler remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Replicas added or removed, positive both ways.
    pub change: i32,
    /// When (ms).
    pub at_millis: i64,
    /// Its slot may be reused; stays so once set.
    pub outdated: bool,
}

/// Which of several limits holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Select {
    /// The one that allows the most change.
    Max,
    /// The one that allows the least change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// Unit of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitKind {
    /// Pods.
    Pods,
    /// Percent of the replicas at the start of the period.
    Percent,
}

/// How much may change within a period (a policy of `HPAScalingRules`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Unit of `value`.
    pub kind: LimitKind,
    /// Pods or percent.
    pub value: i32,
    /// Period (ms).
    pub period_millis: i64,
}

/// One direction of a behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Stabilisation window (ms).
    pub window_millis: i64,
    /// Which limit holds.
    pub select: Select,
    /// Limits on change.
    pub limits: Vec<Limit>,
}

impl Rules {
    /// Default of `scaleUp`: no window, 4 pods or 100 % per 15 s, whichever is more.
    #[must_use]
    pub fn default_up() -> Self {
        let percent = Limit { kind: LimitKind::Percent, value: 100, period_millis: 15_000 };
        let pods = Limit { kind: LimitKind::Pods, value: 4, period_millis: 15_000 };
        Self { window_millis: 0, select: Select::Max, limits: vec![pods, percent] }
    }

    /// Default of `scaleDown`: the controller's window, 100 % per 15 s.
    #[must_use]
    pub fn default_down(settings: &Settings) -> Self {
        let percent = Limit { kind: LimitKind::Percent, value: 100, period_millis: 15_000 };
        let window_millis = settings.downscale_window_millis;
        Self { window_millis, select: Select::Max, limits: vec![percent] }
    }

    /// The longest period of its limits.
    fn longest_period(&self) -> i64 {
        self.limits.iter().map(|limit| limit.period_millis).fold(0, i64::max)
    }
}

/// `spec.behavior` with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behavior {
    /// Growth.
    pub up: Rules,
    /// Shrinking.
    pub down: Rules,
}

/// A normalised proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalized {
    /// After stabilisation.
    pub stabilized: i32,
    /// After limits, minimum and maximum.
    pub desired: i32,
    /// What held it.
    pub reason: Reason,
}

/// Stabilises and limits a proposal (`current`, `proposal`), and remembers it.
#[inline]
pub fn normalize(
    policy: &Policy,
    settings: &Settings,
    state: &mut State,
    (current, proposal): (i32, i32),
    now_millis: i64,
) -> Normalized {
    match &policy.behavior {
        None => {
            let window = settings.downscale_window_millis;
            let stabilized = stabilize_plain(state, proposal, window, now_millis);
            let (desired, reason) = limit_plain(policy, current, stabilized);
            Normalized { stabilized, desired, reason }
        }
        Some(behavior) => {
            let stabilized = stabilize(behavior, state, (current, proposal), now_millis);
            let (desired, reason) =
                limit(policy, behavior, state, (current, stabilized), now_millis);
            Normalized { stabilized, desired, reason }
        }
    }
}

/// Remembers the proposal to keep what there is, where a behaviour leaves that as it is: whether one
/// does. The proposal is among what either window looks back on, so both extremes lie around it.
#[inline]
pub(super) fn keep(policy: &Policy, state: &mut State, current: i32, now_millis: i64) -> bool {
    let Some(behavior) = &policy.behavior else { return false };
    let newest = Recommendation { replicas: current, at_millis: now_millis };
    state.recommendations.note(newest, lookback(behavior, now_millis));
    true
}

/// The highest recommendation of the window, its oldest instant included
/// (`stabilizeRecommendation`).
fn stabilize_plain(state: &mut State, proposal: i32, window_millis: i64, now_millis: i64) -> i32 {
    let cutoff = now_millis.saturating_sub(window_millis);
    let back = Lookback {
        lowest_after: now_millis,
        highest_after: cutoff.saturating_sub(1),
        forget_before: cutoff,
    };
    let newest = Recommendation { replicas: proposal, at_millis: now_millis };
    state.recommendations.remember(newest, back).1
}

/// Doubling, or four, per pass; minimum and maximum (`convertDesiredReplicasWithRules`).
fn limit_plain(policy: &Policy, current: i32, wanted: i32) -> (i32, Reason) {
    let limit = current.saturating_mul(2).max(4);
    let (cap, at_cap) = if policy.max > limit {
        (limit, Reason::ScaleUpLimit)
    } else {
        (policy.max, Reason::TooManyReplicas)
    };
    if wanted < policy.min {
        (policy.min, Reason::TooFewReplicas)
    } else if wanted > cap {
        (cap, at_cap)
    } else {
        (wanted, Reason::DesiredWithinRange)
    }
}

/// The replicas nearest to the current ones that the recommendations of both windows allow
/// (`stabilizeRecommendationWithBehaviors`); an entry exactly as old as a window is outside it.
fn stabilize(
    behavior: &Behavior,
    state: &mut State,
    (current, proposal): (i32, i32),
    now_millis: i64,
) -> i32 {
    let newest = Recommendation { replicas: proposal, at_millis: now_millis };
    let back = lookback(behavior, now_millis);
    let (lowest, highest) = state.recommendations.remember(newest, back);
    current.max(lowest).min(highest)
}

/// What the windows of a behaviour look back on.
fn lookback(behavior: &Behavior, now_millis: i64) -> Lookback {
    let lowest_after = now_millis.saturating_sub(behavior.up.window_millis);
    let highest_after = now_millis.saturating_sub(behavior.down.window_millis);
    Lookback { lowest_after, highest_after, forget_before: lowest_after.min(highest_after) }
}

/// Limits on change per period, minimum and maximum (`convertDesiredReplicasWithBehaviorRate`).
fn limit(
    policy: &Policy,
    behavior: &Behavior,
    state: &State,
    (current, wanted): (i32, i32),
    now_millis: i64,
) -> (i32, Reason) {
    if wanted > current {
        let limit = up_limit(&behavior.up, state, current, now_millis).max(current);
        let (cap, at_cap) = if policy.max > limit {
            (limit, Reason::ScaleUpLimit)
        } else {
            (policy.max, Reason::TooManyReplicas)
        };
        if wanted > cap {
            return (cap, at_cap);
        }
    } else if wanted < current {
        let limit = down_limit(&behavior.down, state, current, now_millis).min(current);
        let (floor, at_floor) = if policy.min < limit {
            (limit, Reason::ScaleDownLimit)
        } else {
            (policy.min, Reason::TooFewReplicas)
        };
        if wanted < floor {
            return (floor, at_floor);
        }
    }
    (wanted, Reason::DesiredWithinRange)
}

/// Replicas at the start of a period.
fn period_start(state: &State, current: i32, period_millis: i64, now_millis: i64) -> i32 {
    let cutoff = now_millis.saturating_sub(period_millis);
    let within = |events: &[Event]| {
        let recent = events.iter().filter(|event| event.at_millis > cutoff);
        recent.fold(0_i32, |sum, event| sum.wrapping_add(event.change))
    };
    current.wrapping_sub(within(&state.up_events)).wrapping_add(within(&state.down_events))
}

/// Most replicas that growth may reach (`calculateScaleUpLimitWithScalingRules`). The percentage
/// is a double: 100 replicas and 10 % give 111.
fn up_limit(rules: &Rules, state: &State, current: i32, now_millis: i64) -> i32 {
    let allowed = rules.limits.iter().map(|limit| {
        let start = period_start(state, current, limit.period_millis, now_millis);
        match limit.kind {
            LimitKind::Pods => start.wrapping_add(limit.value),
            LimitKind::Percent => {
                (f64::from(start) * (1.0 + f64::from(limit.value) / 100.0)).ceil() as i32
            }
        }
    });
    match rules.select {
        Select::Disabled => current,
        Select::Max => allowed.fold(i32::MIN, i32::max),
        Select::Min => allowed.fold(i32::MAX, i32::min),
    }
}

/// Fewest replicas that shrinking may reach (`calculateScaleDownLimitWithBehaviors`).
fn down_limit(rules: &Rules, state: &State, current: i32, now_millis: i64) -> i32 {
    let allowed = rules.limits.iter().map(|limit| {
        let start = period_start(state, current, limit.period_millis, now_millis);
        match limit.kind {
            LimitKind::Pods => start.wrapping_sub(limit.value),
            LimitKind::Percent => {
                (f64::from(start) * (1.0 - f64::from(limit.value) / 100.0)) as i32
            }
        }
    });
    match rules.select {
        Select::Disabled => current,
        Select::Max => allowed.fold(i32::MAX, i32::min),
        Select::Min => allowed.fold(i32::MIN, i32::max),
    }
}

/// Remembers a change of scale from `previous` to `desired` replicas (`storeScaleEvent`).
pub fn store_event(
    behavior: &Behavior,
    state: &mut State,
    now_millis: i64,
    (previous, desired): (i32, i32),
) {
    let (events, rules) = if desired > previous {
        (&mut state.up_events, &behavior.up)
    } else {
        (&mut state.down_events, &behavior.down)
    };
    let cutoff = now_millis.saturating_sub(rules.longest_period());
    let mut slot = None;
    for (index, event) in events.iter_mut().enumerate() {
        event.outdated |= event.at_millis < cutoff;
        if event.outdated {
            slot = Some(index);
        }
    }
    let change = desired.wrapping_sub(previous).wrapping_abs();
    let newest = Event { change, at_millis: now_millis, outdated: false };
    match slot.and_then(|index| events.get_mut(index)) {
        Some(old) => *old = newest,
        None => events.push(newest),
    }
}
