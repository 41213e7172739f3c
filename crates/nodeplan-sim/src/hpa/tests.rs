//! Behaviours of the autoscaler worth stating one by one, and the laws of its shortcuts.

use super::*;
use proptest::prelude::*;

const CPU_100: Metric = Metric::Utilization { resource: Resource::Cpu, percent: 100 };

fn policy(metrics: Vec<Metric>, behavior: Option<Behavior>) -> Policy {
    Policy { min: 1, max: 100, metrics, tolerance: Tolerance::DEFAULT, behavior }
}

fn default_behavior() -> Behavior {
    Behavior { up: Rules::default_up(), down: Rules::default_down(&Settings::DEFAULT) }
}

/// One pass that sees these tallies or values at this second.
fn pass(
    policy: &Policy,
    state: &mut State,
    at: i64,
    current: i32,
    seen: &[Reading<'_>],
) -> Decision {
    let serving = u32::try_from(current).unwrap();
    let observation = Observation {
        now_millis: at * 1000,
        spec_replicas: current,
        status_replicas: current,
        pods: Pods::Counted { matched: serving, serving },
        readings: seen,
    };
    reconcile(policy, &Settings::DEFAULT, state, &observation)
}

#[test]
fn classes_of_pods_change_the_proposal() {
    // Ten pods that request 100m each; columns: ready, unready, missing, use of the ready ones
    // in milli-cores, replicas proposed at a target of 100 %.
    for (ready, unready, missing, used, replicas) in [
        (10, 0, 0, 1_090, 10), // 109 %: tolerated
        (10, 0, 0, 1_100, 10), // 110 %: 1.1 is within 1 + 0.1
        (10, 0, 0, 1_110, 12), // 111 %: ceil(1.11 × 10)
        (10, 0, 0, 450, 5),    // 45 %
        (5, 5, 0, 1_000, 10),  // 200 % of five, but 100 % of all ten: the new pods count as idle
        (8, 2, 0, 1_600, 16),  // 200 % of eight; over ten 160 %, ceil(1.6 × 10)
        (8, 2, 0, 400, 4),     // 50 %: unready pods play no part on the way down
        (6, 0, 4, 300, 7),     // 50 % of six; the missing count as 100 %: 700/1000
        (6, 0, 4, 1_200, 12),  // 200 % of six; the missing count as idle: 120 % of ten
        (6, 0, 4, 900, 10),    // 150 % of six, 90 % of ten: direction would turn
    ] {
        let tally = Tally::same_request((ready, unready, missing), used, 100, 100);
        let mut state = State::default();
        let decision =
            pass(&policy(vec![CPU_100], None), &mut state, 0, 10, &[Reading::Tally(tally)]);
        assert_eq!(decision.proposal, Some(replicas), "{ready} {unready} {missing} {used}");
    }
}

#[test]
fn young_pods_are_distrusted_for_cpu_only() {
    let pod = |started: i64, ready: Ready, since: i64| Pod {
        phase: Phase::Running,
        deleting: false,
        started_millis: Some(started * 1000),
        ready: Some(Condition { status: ready, since_millis: since * 1000 }),
    };
    // Now is second 1000; the sample is of second 990 over 60 s.
    for (pod, trusted) in [
        (pod(800, Ready::True, 930), true), // ready one window before the sample
        (pod(800, Ready::True, 931), false), // the window reaches back before readiness
        (pod(699, Ready::True, 999), true), // older than 300 s: trusted once ready
        (pod(699, Ready::False, 728), false), // has not been ready since its start
        (pod(699, Ready::False, 729), true), // was ready once, fails now: its use counts
        (pod(800, Ready::Unknown, 900), true),
        (Pod { ready: None, ..pod(0, Ready::True, 0) }, false),
        (Pod { started_millis: None, ..pod(0, Ready::True, 0) }, false),
    ] {
        let sample = Sample { milli: 1, at_millis: 990_000, window_millis: 60_000 };
        let seen =
            PodReadings { samples: &[Some(sample)], strangers: &[], requests: Requests::Same(1) };
        for (resource, expected) in [(Some(Resource::Cpu), trusted), (Some(Resource::Other), true)]
        {
            let tally = Tally::of(&[pod], &seen, resource, 0, (&Settings::DEFAULT, 1_000_000));
            assert_eq!(tally.ready == 1, expected, "{pod:?} {resource:?}");
            assert_eq!(tally.unready == 0, expected, "{pod:?} {resource:?}");
        }
    }
}

#[test]
fn growth_without_behavior_doubles_and_with_the_default_one_adds_four() {
    let busy = |pods: i32| Reading::Tally(Tally::all_ready(pods.into(), 100_000, 100));
    for (behavior, steps) in [
        (None, vec![1, 4, 8, 16, 32, 64, 100]),
        // Each step starts 15 s after the one before, which is out of the period by then.
        (Some(default_behavior()), vec![1, 5, 10, 20, 40, 80, 100]),
    ] {
        let policy = policy(vec![CPU_100], behavior);
        let mut state = State::default();
        for (index, pair) in steps.windows(2).enumerate() {
            let at = 15 * i64::try_from(index).unwrap();
            let decision = pass(&policy, &mut state, at, pair[0], &[busy(pair[0])]);
            assert_eq!(decision.desired, pair[1], "{:?}", policy.behavior);
        }
    }
}

#[test]
fn ten_percent_of_a_hundred_are_eleven() {
    let percent = Limit { kind: LimitKind::Percent, value: 10, period_millis: 15_000 };
    let up = Rules { window_millis: 0, select: Select::Max, limits: vec![percent] };
    let policy =
        Policy { max: 500, ..policy(vec![CPU_100], Some(Behavior { up, ..default_behavior() })) };
    let busy = Reading::Tally(Tally::all_ready(100, 100_000, 100));
    let decision = pass(&policy, &mut State::default(), 0, 100, &[busy]);
    assert_eq!((decision.desired, decision.reason), (111, Reason::ScaleUpLimit));
}

#[test]
fn the_window_end_belongs_to_the_plain_path_only() {
    let idle = |pods: i64| Reading::Tally(Tally::all_ready(pods, 0, 100));
    for (behavior, at, desired) in [
        (None, 300, 10),
        (None, 301, 1),
        (Some(default_behavior()), 299, 10),
        (Some(default_behavior()), 300, 1),
    ] {
        let policy = policy(vec![CPU_100], behavior);
        let mut state = State::default();
        pass(&policy, &mut state, 0, 10, &[Reading::Tally(Tally::all_ready(10, 1_000, 100))]);
        let decision = pass(&policy, &mut state, at, 10, &[idle(10)]);
        assert_eq!(decision.desired, desired, "{at} {:?}", policy.behavior);
    }
}

#[test]
fn bounds_hold_at_once_and_partial_data_never_scale_down() {
    let policy =
        policy(vec![CPU_100, Metric::ExternalValue { milli: 1_000 }], Some(default_behavior()));
    let idle = Reading::Tally(Tally::all_ready(10, 0, 100));
    let busy = Reading::Tally(Tally::all_ready(10, 1_500, 100));
    for (current, seen, desired, reason) in [
        (200, [idle, Reading::Failed], 100, Reason::AboveMax),
        (10, [idle, Reading::Failed], 10, Reason::FailedMetrics),
        (10, [busy, Reading::Failed], 15, Reason::DesiredWithinRange),
        (10, [Reading::Failed, Reading::Failed], 10, Reason::FailedMetrics),
        (10, [idle, Reading::Value(1_300)], 13, Reason::DesiredWithinRange),
        (0, [busy, Reading::Value(9_000)], 0, Reason::ScalingDisabled),
    ] {
        let mut state = State::default();
        let decision = pass(&policy, &mut state, 0, current, &seen);
        assert_eq!((decision.desired, decision.reason), (desired, reason), "{seen:?}");
        let failed = reason == Reason::FailedMetrics;
        assert!(!failed || state.recommendations.len() == 1, "a failed pass leaves no trace");
    }
}

#[test]
fn crash_loops_shrink_a_value_target_but_not_an_average_one() {
    // 40 requests per second against 10, ten pods of which two are ready.
    for (metric, replicas) in [
        (Metric::ExternalValue { milli: 10_000 }, 8),
        (Metric::ExternalAverage { milli: 1_000 }, 40),
    ] {
        let reading = Reading::Value(40_000);
        let seen = Observation {
            now_millis: 0,
            spec_replicas: 10,
            status_replicas: 10,
            pods: Pods::Counted { matched: 10, serving: 2 },
            readings: &[],
        };
        let proposal =
            propose(&metric, &reading, &seen, Tolerance::DEFAULT, &Settings::DEFAULT).unwrap();
        assert_eq!(proposal.replicas, replicas);
    }
}

#[test]
fn only_its_own_zero_is_left_again() {
    let settings =
        Settings { scale_to_zero: true, downscale_window_millis: 0, ..Settings::DEFAULT };
    let policy = Policy { min: 0, ..policy(vec![Metric::ExternalAverage { milli: 5_000 }], None) };
    let mut state = State::default();
    // (current, queue, desired, reason): 3 → 0 by itself, wakes; put to 0 by hand, stays there.
    for (at, (current, queue, desired, reason)) in (0_i64..).zip([
        (3, 15, 3, Reason::DesiredWithinRange),
        (3, 0, 0, Reason::DesiredWithinRange),
        (0, 0, 0, Reason::DesiredWithinRange),
        (0, 12, 3, Reason::DesiredWithinRange),
        (0, 12, 0, Reason::ScalingDisabled),
    ]) {
        let reading = [Reading::Value(queue * 1_000)];
        let seen = Observation {
            now_millis: at * 15_000,
            spec_replicas: current,
            status_replicas: current,
            pods: Pods::Counted { matched: 0, serving: 0 },
            readings: &reading,
        };
        let decision = reconcile(&policy, &settings, &mut state, &seen);
        assert_eq!((decision.desired, decision.reason), (desired, reason), "pass {at}");
    }
}

proptest! {
    /// A world that counts its pods gets the answer of one that lists them.
    #[test]
    fn counted_pods_propose_what_listed_ones_do(
        ready in prop::collection::vec(0_i64..3_000, 0..20),
        unready in 0_usize..10,
        missing in 0_usize..10,
        request in 0_i64..2_000,
        percent in 1_i32..250,
        current in 0_i32..40,
    ) {
        let pending = Pod { phase: Phase::Pending, ..Pod::SETTLED };
        let mut pods = vec![Pod::SETTLED; ready.len()];
        let sample = |milli| Some(Sample { milli, at_millis: 0, window_millis: 30_000 });
        let mut samples: Vec<_> = ready.iter().copied().map(sample).collect();
        pods.extend(vec![pending; unready]);
        samples.extend(vec![sample(7); unready]);
        pods.extend(vec![Pod::SETTLED; missing]);
        samples.extend(vec![None; missing]);
        let seen = PodReadings {
            samples: &samples,
            strangers: &[],
            requests: Requests::Same(request),
        };
        let long = |pods: usize| i64::try_from(pods).unwrap();
        let counted = Tally::same_request(
            (long(ready.len()), long(unready), long(missing)),
            ready.iter().sum(),
            request,
            percent,
        );
        if unready == 0 && missing == 0 {
            let total = ready.iter().sum();
            prop_assert_eq!(counted, Tally::all_ready(long(ready.len()), total, request));
        }
        let observation = Observation {
            now_millis: 0,
            spec_replicas: current,
            status_replicas: current,
            pods: Pods::Each(&pods),
            readings: &[],
        };
        for metric in [
            Metric::Utilization { resource: Resource::Cpu, percent },
            Metric::AverageResource { resource: Resource::Other, milli: i64::from(percent) },
        ] {
            let answer = |reading: &Reading<'_>| {
                propose(&metric, reading, &observation, Tolerance::DEFAULT, &Settings::DEFAULT)
            };
            prop_assert_eq!(answer(&Reading::Tally(counted)), answer(&Reading::Pods(seen)));
        }
    }

    /// The short pass over pods that are all ready decides and remembers what the long one does.
    #[test]
    fn the_short_pass_is_the_long_one(
        passes in prop::collection::vec((0_i64..4000, 0_i64..40, 0_i64..90, 0_i32..40), 1..120),
        request in 0_i64..300,
        windows in prop::option::of((0_i64..600, 0_i64..600)),
    ) {
        let metric = Metric::Utilization { resource: Resource::Cpu, percent: 70 };
        let behavior = windows.map(|(up, down)| {
            let mut both = default_behavior();
            (both.up.window_millis, both.down.window_millis) = (up * 1000, down * 1000);
            both
        });
        let policy = policy(vec![metric], behavior);
        let (mut short, mut long) = (State::default(), State::default());
        let (mut current, mut now) = (8, 0);
        for (each, pods, later, by_hand) in passes {
            now += later * 1000;
            current = if by_hand < 3 { by_hand * 60 } else { current };
            let used_milli = each * pods;
            let seen = AllReady {
                now_millis: now, spec_replicas: current, pods, used_milli, request_milli: request,
            };
            let tally = Tally::all_ready(pods, used_milli, request);
            let full = Observation {
                now_millis: now,
                spec_replicas: current,
                status_replicas: current,
                pods: Pods::Counted { matched: pods as u32, serving: pods as u32 },
                readings: &[Reading::Tally(tally)],
            };
            let before = short.clone();
            let quick = reconcile_all_ready(&policy, &Settings::DEFAULT, &mut short, &seen);
            let slow = reconcile(&policy, &Settings::DEFAULT, &mut long, &full);
            match quick {
                Short::Changes(quick) => prop_assert_eq!(quick, slow),
                Short::Stays => prop_assert_eq!(slow.desired, current),
                Short::Beyond => {
                    prop_assert_eq!(&short, &before);
                    short = long.clone();
                }
            }
            prop_assert_eq!(&short, &long);
            current = slow.desired;
        }
    }

    /// From within the bounds no pass leaves them, whatever it sees; extremes do not panic.
    #[test]
    fn bounds_hold(
        values in prop::collection::vec((any::<i64>(), 0_i64..60_000), 1..30),
        target in any::<i64>(),
        min in 0_i32..5,
        plain in any::<bool>(),
    ) {
        let metric = Metric::ExternalAverage { milli: target };
        let behavior = (!plain).then(default_behavior);
        let policy = Policy { min, ..policy(vec![metric], behavior) };
        let (mut state, mut current, mut now) = (State::default(), 50, 0);
        for (value, later) in values {
            now += later;
            current = pass(&policy, &mut state, now / 1000, current, &[Reading::Value(value)]).desired;
            prop_assert!((min..=100).contains(&current));
        }
    }
}
