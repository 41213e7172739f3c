//! Queue workers: all pods take messages from one queue, in order of arrival.
//!
//! A fluid that remembers when what waits has come: below capacity a message waits for less than
//! the interval in which it came.

use std::collections::VecDeque;

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
