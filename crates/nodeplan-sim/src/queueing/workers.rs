//! Queue workers: all pods take messages from one queue, in order of arrival.
//!
//! Below capacity the queue is M/G/s with s workers in all: Erlang's C, Page's (1982) line
//! between equal and exponential service for the mean wait, an exponential tail. Above, a fluid
//! that remembers when what waits has come.

use std::collections::VecDeque;

use super::crowd;

/// Wait of messages below capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Steady {
    /// Probability to wait.
    pub waits: f64,
    /// Mean wait of those who do, in service times.
    pub mean_if: f64,
}

/// Most workers that are counted one by one; more wait as rarely as makes no difference.
const MOST_WORKERS: u32 = 4096;

impl Steady {
    /// M/G/s at a load below 1; `c2` of the service time.
    pub fn of(workers: u32, load: f64, c2: f64) -> Self {
        let workers = workers.clamp(1, MOST_WORKERS);
        let load = load.clamp(0.0, 0.999);
        let servers = f64::from(workers);
        let offered = load * servers;
        let mut blocked = 1.0;
        for s in 1..=workers {
            blocked = offered * blocked / (f64::from(s) + offered * blocked);
        }
        let waits = blocked / (1.0 - load * (1.0 - blocked));
        let alike = crowd::alike_factor(servers, load);
        let factor = c2 + (1.0 - c2) * alike;
        Self { waits, mean_if: factor / (servers * (1.0 - load)) }
    }

    /// Mean wait, in service times.
    pub fn mean(&self) -> f64 {
        self.waits * self.mean_if
    }

    /// Share of messages taken up within so many service times.
    pub fn share(&self, time: f64) -> f64 {
        1.0 - self.waits * libm::exp(-time / self.mean_if.max(1e-300))
    }

    /// Wait that this share of messages does not exceed, in service times.
    pub fn quantile(&self, level: f64) -> f64 {
        let beyond = 1.0 - level;
        if self.waits <= beyond { 0.0 } else { self.mean_if * libm::log(self.waits / beyond) }
    }
}

/// Messages that came evenly between two instants and still wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    from_millis: u64,
    to_millis: u64,
    micro_messages: u64,
}

/// The queue; memory grows by one entry per interval in which it is not emptied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    batches: VecDeque<Batch>,
    micro_messages: u64,
}

/// What an interval leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Millionths of messages finished.
    pub served_micro: u64,
    /// Millionths of messages that wait.
    pub backlog_micro: u64,
    /// Age of the oldest of them.
    pub oldest_millis: u64,
    /// Time in which the same capacity drains the backlog if nothing more comes; none without
    /// capacity.
    pub drain_millis: Option<u64>,
}

impl Line {
    /// Millionths of messages that wait.
    pub fn micro_messages(&self) -> u64 {
        self.micro_messages
    }

    /// One interval of `interval_millis` up to `now_millis`, with what comes and what all workers
    /// can finish in it.
    pub fn step(
        &mut self,
        arrivals_micro: u64,
        capacity_micro: u64,
        interval_millis: u64,
        now_millis: u64,
    ) -> Progress {
        if arrivals_micro > 0 {
            self.batches.push_back(Batch {
                from_millis: now_millis.saturating_sub(interval_millis),
                to_millis: now_millis,
                micro_messages: arrivals_micro,
            });
        }
        let offered = self.micro_messages.saturating_add(arrivals_micro);
        let served_micro = offered.min(capacity_micro);
        let mut left = served_micro;
        while let Some(first) = self.batches.front_mut() {
            if first.micro_messages <= left {
                left -= first.micro_messages;
                self.batches.pop_front();
                continue;
            }
            // The part that is served came first.
            let length = u128::from(first.to_millis - first.from_millis);
            let passed = length * u128::from(left) / u128::from(first.micro_messages);
            first.from_millis += passed as u64;
            first.micro_messages -= left;
            break;
        }
        self.micro_messages = offered - served_micro;
        let oldest = self.batches.front().map_or(now_millis, |first| first.from_millis);
        let drain = u128::from(self.micro_messages) * u128::from(interval_millis);
        Progress {
            served_micro,
            backlog_micro: self.micro_messages,
            oldest_millis: now_millis.saturating_sub(oldest),
            drain_millis: (capacity_micro > 0).then(|| {
                u64::try_from(drain.div_ceil(u128::from(capacity_micro))).unwrap_or(u64::MAX)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn waits_of_few_workers_are_known() {
        // M/M/2 at load 0.8: C = 2 · 0.64 / 1.8, wait if any 1/(2 · 0.2).
        let two = Steady::of(2, 0.8, 1.0);
        assert!((two.waits - 1.28 / 1.8).abs() < 1e-12 && (two.mean_if - 2.5).abs() < 1e-12);
        // M/D/1: half of M/M/1.
        assert!((Steady::of(1, 0.8, 0.0).mean() - 2.0).abs() < 1e-12);
        assert!((two.share(two.quantile(0.95)) - 0.95).abs() < 1e-12);
        // More than are counted: still a probability.
        assert!((0.0..=1.0).contains(&Steady::of(u32::MAX, 0.999, 1.0).waits));
    }

    #[test]
    fn the_oldest_message_grows_old_and_young_again() {
        let mut line = Line::default();
        // 90 per minute come, 60 are done: after two minutes 60 wait; the first of them came
        // when 120 of 180 had come, at 80 s.
        line.step(90_000_000, 60_000_000, 60_000, 60_000);
        let late = line.step(90_000_000, 60_000_000, 60_000, 120_000);
        assert_eq!((late.backlog_micro, late.oldest_millis), (60_000_000, 40_000));
        assert_eq!(late.drain_millis, Some(60_000));
        let done = line.step(0, 60_000_000, 60_000, 180_000);
        assert_eq!((done.backlog_micro, done.oldest_millis), (0, 0));
    }

    proptest! {
        #[test]
        fn messages_are_kept(steps in prop::collection::vec((0u64..1 << 40, 0u64..1 << 40), 1..50)) {
            let mut line = Line::default();
            let (mut came, mut served, mut now) = (0, 0, 0);
            for (arrivals, capacity) in steps {
                now += 15_000;
                let progress = line.step(arrivals, capacity, 15_000, now);
                came += arrivals;
                served += progress.served_micro;
                prop_assert_eq!(came, served + progress.backlog_micro);
                let sum: u64 = line.batches.iter().map(|batch| batch.micro_messages).sum();
                prop_assert_eq!(sum, line.micro_messages());
                prop_assert!(progress.oldest_millis <= now);
            }
        }
    }
}
