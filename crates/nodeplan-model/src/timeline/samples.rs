//! Samples of workloads, close together.
//!
//! A run of weeks writes millions of them, so they are kept in as few bytes as their figures need:
//! almost all are below 2³², and a sample with one that is not is kept beside the others.

use super::WorkloadSample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Samples of workloads, in the order in which they were pushed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<WorkloadSample>", into = "Vec<WorkloadSample>")]
pub struct WorkloadSamples {
    narrow: Vec<Narrow>,
    /// Those that are not narrow, by their place.
    wide: BTreeMap<usize, WorkloadSample>,
}

/// A sample of small figures. Its fields are those of [`WorkloadSample`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Narrow {
    good_milli: u64,
    memory: u64,
    offered: u32,
    served: u32,
    lost: u32,
    retried: u32,
    wanted: u32,
    ready: u32,
    pending: u32,
    cpu_milli: u32,
    backlog: u32,
    oldest_millis: u32,
    latency_micros: [u32; 3],
}

impl Narrow {
    /// The same figures, if they are small enough.
    #[inline]
    fn of(sample: &WorkloadSample) -> Option<Self> {
        let [p50, p95, p99] = sample.latency_micros;
        let all = sample.offered
            | sample.served
            | sample.lost
            | sample.retried
            | sample.cpu_milli
            | sample.backlog
            | sample.oldest_millis
            | (p50 | p95 | p99);
        (all <= u64::from(u32::MAX)).then(|| Self {
            good_milli: sample.good_milli,
            memory: sample.memory,
            offered: sample.offered as u32,
            served: sample.served as u32,
            lost: sample.lost as u32,
            retried: sample.retried as u32,
            wanted: sample.wanted,
            ready: sample.ready,
            pending: sample.pending,
            cpu_milli: sample.cpu_milli as u32,
            backlog: sample.backlog as u32,
            oldest_millis: sample.oldest_millis as u32,
            latency_micros: sample.latency_micros.map(|micros| micros as u32),
        })
    }

    #[inline]
    fn sample(&self) -> WorkloadSample {
        WorkloadSample {
            offered: self.offered.into(),
            served: self.served.into(),
            lost: self.lost.into(),
            retried: self.retried.into(),
            good_milli: self.good_milli,
            wanted: self.wanted,
            ready: self.ready,
            pending: self.pending,
            cpu_milli: self.cpu_milli.into(),
            memory: self.memory,
            backlog: self.backlog.into(),
            oldest_millis: self.oldest_millis.into(),
            latency_micros: self.latency_micros.map(u64::from),
        }
    }
}

impl WorkloadSamples {
    /// None, with room for so many.
    #[must_use]
    pub fn with_capacity(samples: usize) -> Self {
        Self { narrow: Vec::with_capacity(samples), wide: BTreeMap::new() }
    }

    /// Adds one.
    #[inline]
    pub fn push(&mut self, sample: &WorkloadSample) {
        let narrow = Narrow::of(sample).unwrap_or_else(|| {
            self.wide.insert(self.narrow.len(), *sample);
            Narrow::default()
        });
        self.narrow.push(narrow);
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.narrow.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.narrow.is_empty()
    }

    /// The one at a place.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[inline]
    pub fn get(&self, at: usize) -> WorkloadSample {
        match self.wide.is_empty() {
            true => self.narrow[at].sample(),
            false => self.wide.get(&at).copied().unwrap_or_else(|| self.narrow[at].sample()),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = WorkloadSample> + '_ {
        (0..self.len()).map(|at| self.get(at))
    }
}

impl From<Vec<WorkloadSample>> for WorkloadSamples {
    fn from(samples: Vec<WorkloadSample>) -> Self {
        let mut all = Self::with_capacity(samples.len());
        samples.iter().for_each(|sample| all.push(sample));
        all
    }
}

impl From<WorkloadSamples> for Vec<WorkloadSample> {
    fn from(samples: WorkloadSamples) -> Self {
        samples.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_as_they_were_however_large_their_figures() {
        let plain = WorkloadSample {
            offered: 1,
            served: 2,
            lost: 3,
            retried: 4,
            good_milli: 5 << 40,
            wanted: 6,
            ready: 7,
            pending: 8,
            cpu_milli: 9,
            memory: 10 << 40,
            backlog: 11,
            oldest_millis: 12,
            latency_micros: [13, 14, 15],
        };
        let large = |with: fn(&mut WorkloadSample, u64)| {
            let mut one = plain;
            with(&mut one, u64::from(u32::MAX) + 1);
            one
        };
        let all = vec![
            plain,
            large(|one, value| one.offered = value),
            large(|one, value| one.served = value),
            plain,
            large(|one, value| one.lost = value),
            large(|one, value| one.retried = value),
            large(|one, value| one.cpu_milli = value),
            large(|one, value| one.backlog = value),
            large(|one, value| one.oldest_millis = value),
            large(|one, value| one.latency_micros[2] = value),
            WorkloadSample::default(),
        ];
        let kept = WorkloadSamples::from(all.clone());
        assert_eq!(kept.len(), all.len());
        assert_eq!(Vec::from(kept.clone()), all);
        assert_eq!(kept.wide.len(), 8);
        assert_eq!(kept.get(9), all[9]);
    }
}
