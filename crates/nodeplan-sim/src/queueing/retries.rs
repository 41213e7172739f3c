//! Clients that try again: what is lost comes back as new arrivals after a back-off.
//!
//! What waits and what comes is told apart by how often it was tried. An interval mixes it well: what
//! is lost, and what still waits, has a part of each in proportion, rounded so that no millionth of
//! a request is made or mislaid.

use std::collections::VecDeque;

use nodeplan_model::scenario::Retries;

/// Most intervals that a back-off may take, a day of 15 s; a longer one is cut.
const MOST_INTERVALS: u64 = 5_760;

/// Requests of one workload by how often they were tried before; millionths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    attempts: usize,
    /// Intervals from a loss to the next attempt, ≥ 1.
    after: usize,
    /// Time from one attempt to the next, with the time until the client gives up.
    apart_millis: u64,
    /// What waits before the pods.
    waiting: Vec<u64>,
    /// What comes in this interval.
    coming: Vec<u64>,
    /// What comes in the intervals after it.
    due: VecDeque<Vec<u64>>,
}

/// Parts of `amount` in proportion to `shares`, no part greater than its share.
fn parts(amount: u64, shares: &[u64]) -> Vec<u64> {
    let total: u128 = shares.iter().map(|share| u128::from(*share)).sum();
    let amount = u128::from(amount).min(total);
    // Products stay below 2¹²⁸: where sums are held to 2⁶⁴ already, a few millionths matter to nobody.
    let shift = (u128::BITS - total.leading_zeros()).saturating_sub(u64::BITS);
    let (mut upto, mut given) = (0_u128, 0_u128);
    let part = |share: &u64| {
        upto += u128::from(*share);
        let sum = (amount * (upto >> shift)).checked_div(total >> shift).unwrap_or(0);
        let part = (sum - given).min(u128::from(*share));
        given += part;
        u64::try_from(part).unwrap_or(u64::MAX)
    };
    shares.iter().map(part).collect()
}

impl Again {
    /// Nothing was tried yet.
    pub fn new(retries: Retries, timeout_millis: u64, interval_millis: u64) -> Self {
        let kinds = retries.attempts as usize + 1;
        let interval = interval_millis.max(1);
        let after = retries.backoff_millis.div_ceil(interval).clamp(1, MOST_INTERVALS);
        Self {
            attempts: kinds - 1,
            after: after as usize,
            apart_millis: timeout_millis.saturating_add(after.saturating_mul(interval)),
            waiting: vec![0; kinds],
            coming: vec![0; kinds],
            due: VecDeque::new(),
        }
    }

    /// An interval begins and brings so much that is new; returns what is tried again.
    pub fn come(&mut self, fresh: u64) -> u64 {
        self.coming = self.due.pop_front().unwrap_or_else(|| vec![0; self.attempts + 1]);
        let again = self.coming.iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
        self.coming[0] = fresh;
        again
    }

    /// So much of what waited and came is lost, and so much still waits; returns what nobody tries
    /// again.
    pub fn settle(&mut self, lost: u64, backlog: u64) -> u64 {
        let present = self.waiting.iter().zip(&self.coming);
        let mut left: Vec<u64> = present.map(|(a, b)| a.saturating_add(*b)).collect();
        let gone = parts(lost, &left);
        left.iter_mut().zip(&gone).for_each(|(left, gone)| *left -= gone);
        self.waiting = parts(backlog, &left);
        self.coming.fill(0);
        self.put_off(gone)
    }

    /// So much of what came is lost before it waits; returns what nobody tries again.
    pub fn reject(&mut self, lost: u64) -> u64 {
        let gone = parts(lost, &self.coming);
        self.coming.iter_mut().zip(&gone).for_each(|(left, gone)| *left -= gone);
        self.put_off(gone)
    }

    /// What is lost, by how often it was tried, comes again later; returns what does not.
    fn put_off(&mut self, mut gone: Vec<u64>) -> u64 {
        let given_up = gone.pop().unwrap_or(0);
        gone.insert(0, 0);
        if gone.iter().any(|part| *part > 0) {
            while self.due.len() < self.after {
                self.due.push_back(vec![0; self.attempts + 1]);
            }
            let last = &mut self.due[self.after - 1];
            last.iter_mut().zip(&gone).for_each(|(sum, part)| *sum = sum.saturating_add(*part));
        }
        given_up
    }

    /// What is to be tried again later.
    pub fn pending(&self) -> u64 {
        self.due.iter().flatten().fold(0, |sum, part| sum.saturating_add(*part))
    }

    /// Parts of what came in this interval, with how long ago it was tried first, seconds.
    pub fn parts(&self, amount: u64) -> impl Iterator<Item = (u64, f64)> {
        let apart = self.apart_millis as f64 / 1000.0;
        let parts = parts(amount, &self.coming).into_iter().enumerate();
        parts.map(move |(tried, part)| (part, tried as f64 * apart)).filter(|(part, _)| *part > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_lost_comes_back_until_nobody_tries() {
        let retries = Retries { attempts: 2, backoff_millis: 20_000 };
        let mut again = Again::new(retries, 10_000, 15_000);
        // Twenty seconds are two intervals. All that comes is lost.
        let mut came = Vec::new();
        let mut given_up = Vec::new();
        for fresh in [100, 0, 0, 7, 0, 0, 0, 0] {
            let tried = again.come(fresh);
            came.push(tried);
            let parts: Vec<_> = again.parts(fresh + tried).collect();
            if came.len() == 5 {
                assert_eq!(parts, [(100, 2.0 * 40.0)]);
            }
            given_up.push(again.settle(fresh + tried, 0));
        }
        assert_eq!(came, [0, 0, 100, 0, 100, 7, 0, 7]);
        assert_eq!(given_up, [0, 0, 0, 0, 100, 0, 0, 7]);
        assert_eq!(again.pending(), 0);
    }

    #[test]
    fn parts_of_the_largest_sums_are_no_greater_than_their_shares() {
        for shares in [[u64::MAX; 5], [u64::MAX, 1, u64::MAX, 0, u64::MAX - 1]] {
            for amount in [0, 1, u64::MAX / 2, u64::MAX] {
                let parts = parts(amount, &shares);
                assert!(parts.iter().zip(&shares).all(|(part, share)| part <= share), "{parts:?}");
                let sum: u128 = parts.iter().map(|part| u128::from(*part)).sum();
                assert!(sum.abs_diff(u128::from(amount)) <= 64, "{sum} of {amount}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_attempt_is_made_or_mislaid(
            attempts in 1u32..4, backoff_millis in 0u64..70_000,
            steps in prop::collection::vec((0u64..1 << 40, 0.0..1.0, 0.0..1.0, 0.0..1.0), 1..40),
        ) {
            let mut again = Again::new(Retries { attempts, backoff_millis }, 1000, 15_000);
            let (mut offered, mut served, mut lost, mut backlog) = (0, 0, 0, 0);
            for (fresh, rejected, first, second) in steps {
                offered += fresh;
                let came = fresh + again.come(fresh);
                let rejected = (came as f64 * rejected) as u64;
                lost += again.reject(rejected);
                let present = backlog + came - rejected;
                let gone = (present as f64 * first) as u64;
                backlog = ((present - gone) as f64 * second) as u64;
                served += present - gone - backlog;
                lost += again.settle(gone, backlog);
                prop_assert_eq!(again.waiting.iter().sum::<u64>(), backlog);
                prop_assert_eq!(offered, served + lost + backlog + again.pending());
            }
        }
    }
}
