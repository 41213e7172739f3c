//! Overload as a fluid: what pods cannot finish waits, delays those who come later, drains.
//!
//! Rates are constant within an interval. A request that comes while B requests wait is
//! delayed by B/C, C being what all pods can finish per unit of time. Where that reaches the
//! timeout, clients give up as fast as the backlog would grow: the backlog stays at C·timeout.
//! Requests are counted in millionths, and offered + waiting before = served + lost + waiting
//! after, exactly.

use super::law::Law;

/// Requests that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Millionths of a request.
    pub micro_requests: u64,
}

/// What an interval brings.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// Millionths of requests that come.
    pub arrivals_micro: u64,
    /// Millionths of requests that all ready pods can finish in the interval.
    pub capacity_micro: u64,
    /// Length of the interval.
    pub interval_millis: u64,
    /// Time after which a client gives up.
    pub timeout_millis: u64,
}

/// What becomes of the CPU spent on requests whose client gives up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GivingUp {
    /// Requests wait in order for a worker and give up before they have cost anything.
    InLine,
    /// Requests share the cores until they give up; their CPU is lost.
    Sharing(Law),
}

/// Requests that come one after the other and are delayed by `from_millis` up to `to_millis`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wait {
    /// Delay of the first.
    pub from_millis: f64,
    /// Delay of the last.
    pub to_millis: f64,
    /// Millionths of requests.
    pub micro_requests: u64,
}

/// What an interval leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Millionths of requests answered.
    pub served_micro: u64,
    /// Millionths of requests given up.
    pub lost_micro: u64,
    /// What still waits.
    pub backlog: Backlog,
    /// Those who came and will not give up: while the backlog moved, then while it stood.
    pub waits: [Wait; 2],
    /// Share of the capacity that was used.
    pub busy: f64,
}

/// Share of requests that are answered in spite of a lasting overload `load` > 1, when clients
/// give up. Sharing: all are slowed down by z, so a request of size S is done if S z is within
/// the timeout τ, and the work done is what the cores can do: E min(S, τ/z) = 1/load
/// (Gromoll, Robert, Zwart, Bakker 2006); the answer is P(S ≤ τ/z).
pub fn answered(giving_up: GivingUp, load: f64) -> f64 {
    if load <= 1.0 {
        return 1.0;
    }
    let law = match giving_up {
        GivingUp::InLine => return 1.0 / load,
        GivingUp::Sharing(law) => law,
    };
    let (mut low, mut high) = (0.0, 1e6);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if law.mean_up_to(middle) < 1.0 / load { low = middle } else { high = middle }
    }
    law.cdf(low)
}

/// A float as a count of millionths, at most `most`.
fn count(value: f64, most: u64) -> u64 {
    (libm::round(value.max(0.0)) as u64).min(most)
}

/// One interval.
pub fn step(backlog: Backlog, flow: &Flow, giving_up: GivingUp) -> Outcome {
    if flow.capacity_micro == 0 {
        // Nobody is ready: connections are refused.
        let offered = flow.arrivals_micro.saturating_add(backlog.micro_requests);
        return Outcome { lost_micro: offered, ..Outcome::default() };
    }
    if backlog.micro_requests == 0 && flow.arrivals_micro <= flow.capacity_micro {
        let busy = flow.arrivals_micro as f64 / flow.capacity_micro as f64;
        let calm = Wait { micro_requests: flow.arrivals_micro, ..Wait::default() };
        return Outcome {
            served_micro: flow.arrivals_micro,
            waits: [calm, Wait::default()],
            busy,
            ..Outcome::default()
        };
    }
    fluid(backlog, flow, giving_up)
}

/// An interval in which something waits.
fn fluid(backlog: Backlog, flow: &Flow, giving_up: GivingUp) -> Outcome {
    let offered = flow.arrivals_micro.saturating_add(backlog.micro_requests);
    let length = flow.interval_millis.max(1) as f64;
    let (comes, goes) = (flow.arrivals_micro as f64 / length, flow.capacity_micro as f64 / length);
    let full = goes * flow.timeout_millis as f64;
    // Pods may have gone since: who waits longer than the timeout by now gives up at once.
    let before = (backlog.micro_requests as f64).min(full);
    let (goal, rise) = if comes > goes { (full, comes - goes) } else { (0.0, goes - comes) };
    let moving = if rise > 0.0 { ((goal - before).abs() / rise).min(length) } else { length };
    let standing = length - moving;
    let after = if comes > goes {
        (before + rise * moving).min(full)
    } else {
        (before - rise * moving).max(0.0)
    };
    let kept = if comes > goes { answered(giving_up, comes / goes) } else { 1.0 };
    let waiting = count(after, offered);
    let lost = backlog.micro_requests as f64 - before + comes * standing * (1.0 - kept);
    let lost_micro = count(lost, offered - waiting);
    let first = count(comes * moving, flow.arrivals_micro);
    let second = count((flow.arrivals_micro - first) as f64 * kept, flow.arrivals_micro - first);
    Outcome {
        served_micro: offered - waiting - lost_micro,
        lost_micro,
        backlog: Backlog { micro_requests: waiting },
        waits: [
            Wait { from_millis: before / goes, to_millis: after / goes, micro_requests: first },
            Wait { from_millis: after / goes, to_millis: after / goes, micro_requests: second },
        ],
        busy: if comes > goes { 1.0 } else { (moving + standing * comes / goes) / length },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const M: u64 = 1_000_000;

    #[test]
    fn an_overload_builds_a_queue_that_drains() {
        // 130 come per second, 100 can be served, for 60 s: 1,800 wait, the last one 18 s.
        let flow = Flow {
            arrivals_micro: 7_800 * M,
            capacity_micro: 6_000 * M,
            interval_millis: 60_000,
            timeout_millis: 30_000,
        };
        let peak = step(Backlog::default(), &flow, GivingUp::InLine);
        assert_eq!(peak.backlog.micro_requests, 1_800 * M);
        assert_eq!((peak.served_micro, peak.lost_micro), (6_000 * M, 0));
        assert!((peak.waits[0].to_millis - 18_000.0).abs() < 1e-6);
        // Then 40 per second: 60 spare, gone after 30 s.
        let calm = Flow { arrivals_micro: 2_400 * M, ..flow };
        let after = step(peak.backlog, &calm, GivingUp::InLine);
        assert_eq!((after.served_micro, after.backlog.micro_requests), (4_200 * M, 0));
        assert_eq!(after.waits[0].micro_requests, 1_200 * M);
        assert!((after.busy - 0.7).abs() < 1e-9);
    }

    #[test]
    fn clients_give_up_and_their_work_is_lost() {
        // Twice the capacity for 90 s with 30 s of patience: 3,000 wait after 30 s, then half is lost.
        let flow = Flow {
            arrivals_micro: 18_000 * M,
            capacity_micro: 9_000 * M,
            interval_millis: 90_000,
            timeout_millis: 30_000,
        };
        let line = step(Backlog::default(), &flow, GivingUp::InLine);
        assert_eq!(line.backlog.micro_requests, 3_000 * M);
        assert_eq!(line.lost_micro, 6_000 * M);
        // Requests that are all alike give up just before they are done: nothing gets through.
        let alike = step(Backlog::default(), &flow, GivingUp::Sharing(Law::Deterministic));
        assert_eq!(alike.lost_micro, 12_000 * M);
        // Memoryless ones: all of the capacity gets through; short ones more than that.
        assert!((answered(GivingUp::Sharing(Law::Exponential), 2.0) - 0.5).abs() < 1e-9);
        assert!(answered(GivingUp::Sharing(Law::LogNormal(4.0)), 2.0) > 0.6);
    }

    proptest! {
        #[test]
        fn no_request_is_made_or_mislaid(
            waiting in 0u64..1 << 50, arrivals_micro in 0u64..1 << 50, capacity_micro in 0u64..1 << 50,
            interval_millis in 0u64..10_000_000, timeout_millis in 0u64..1_000_000, sharing in any::<bool>(),
        ) {
            let flow = Flow { arrivals_micro, capacity_micro, interval_millis, timeout_millis };
            let how = if sharing { GivingUp::Sharing(Law::Exponential) } else { GivingUp::InLine };
            let out = step(Backlog { micro_requests: waiting }, &flow, how);
            prop_assert_eq!(out.served_micro + out.lost_micro + out.backlog.micro_requests, waiting + arrivals_micro);
            prop_assert!(out.busy >= 0.0 && out.busy <= 1.0 + 1e-9);
        }
    }
}
