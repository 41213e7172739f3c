//! Samples of workloads, close together.
//!
//! A run of weeks writes millions of them, so they are kept in as few bytes as their figures need:
//! almost all are below 2³², and a sample with one that is not is kept beside the others. So is what a
//! sample has only where something waits or fails.

use super::WorkloadSample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Samples of workloads, in the order in which they were pushed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<WorkloadSample>", into = "Vec<WorkloadSample>")]
pub struct WorkloadSamples {
    narrow: Vec<Narrow>,
    /// What most have none of: the first is none.
    troubles: Vec<Trouble>,
    /// Those that are not narrow, by their place.
    wide: BTreeMap<usize, WorkloadSample>,
}

/// A sample of small figures. Its fields are those of [`WorkloadSample`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Narrow {
    memory: u64,
    good_milli: u32,
    offered: u32,
    served: u32,
    wanted: u32,
    ready: u32,
    cpu_milli: u32,
    latency_micros: [u32; 3],
    /// Which of the troubles it has.
    trouble: u32,
}

/// What a sample has only where something waits or fails. Its fields are those of [`WorkloadSample`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Trouble {
    lost: u32,
    retried: u32,
    pending: u32,
    backlog: u32,
    oldest_millis: u32,
}

impl Trouble {
    /// The same figures, if they are small enough.
    #[inline]
    fn of(sample: &WorkloadSample) -> Option<Self> {
        let all = sample.lost | sample.retried | sample.backlog | sample.oldest_millis;
        (all <= u64::from(u32::MAX)).then_some(Self {
            lost: sample.lost as u32,
            retried: sample.retried as u32,
            pending: sample.pending,
            backlog: sample.backlog as u32,
            oldest_millis: sample.oldest_millis as u32,
        })
    }
}

impl Narrow {
    /// The same figures but for the trouble, if they are small enough.
    #[inline]
    fn of(sample: &WorkloadSample) -> Option<Self> {
        let [p50, p95, p99] = sample.latency_micros;
        let few = sample.good_milli | sample.offered | sample.served | sample.cpu_milli;
        (few | p50 | p95 | p99 <= u64::from(u32::MAX)).then(|| Self {
            memory: sample.memory,
            good_milli: sample.good_milli as u32,
            offered: sample.offered as u32,
            served: sample.served as u32,
            wanted: sample.wanted,
            ready: sample.ready,
            cpu_milli: sample.cpu_milli as u32,
            latency_micros: sample.latency_micros.map(|micros| micros as u32),
            trouble: 0,
        })
    }

    #[inline]
    fn sample(&self, troubles: &[Trouble]) -> WorkloadSample {
        let trouble = troubles[self.trouble as usize];
        WorkloadSample {
            offered: self.offered.into(),
            served: self.served.into(),
            lost: trouble.lost.into(),
            retried: trouble.retried.into(),
            good_milli: self.good_milli.into(),
            wanted: self.wanted,
            ready: self.ready,
            pending: trouble.pending,
            cpu_milli: self.cpu_milli.into(),
            memory: self.memory,
            backlog: trouble.backlog.into(),
            oldest_millis: trouble.oldest_millis.into(),
            latency_micros: self.latency_micros.map(u64::from),
        }
    }
}

impl WorkloadSamples {
    /// None, with room for so many.
    #[must_use]
    pub fn with_capacity(samples: usize) -> Self {
        let narrow = Vec::with_capacity(samples);
        Self { narrow, troubles: vec![Trouble::default()], wide: BTreeMap::new() }
    }

    /// Adds one.
    #[inline]
    pub fn push(&mut self, sample: &WorkloadSample) {
        let narrow = self.narrowed(sample).unwrap_or_else(|| {
            self.wide.insert(self.narrow.len(), *sample);
            Narrow::default()
        });
        self.narrow.push(narrow);
    }

    /// The same figures if they are small enough, their trouble kept.
    #[inline]
    fn narrowed(&mut self, sample: &WorkloadSample) -> Option<Narrow> {
        let (narrow, trouble) = (Narrow::of(sample)?, Trouble::of(sample)?);
        if trouble == Trouble::default() {
            return Some(narrow);
        }
        let place = u32::try_from(self.troubles.len()).ok()?;
        self.troubles.push(trouble);
        Some(Narrow { trouble: place, ..narrow })
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
        match self.wide.get(&at) {
            Some(sample) => *sample,
            None => self.narrow[at].sample(&self.troubles),
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = WorkloadSample> + '_ {
        (0..self.len()).map(|at| self.get(at))
    }
}

impl Default for WorkloadSamples {
    fn default() -> Self {
        Self::with_capacity(0)
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
            good_milli: 5,
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
            large(|one, value| one.good_milli = value),
            large(|one, value| one.cpu_milli = value),
            large(|one, value| one.backlog = value),
            large(|one, value| one.oldest_millis = value),
            large(|one, value| one.latency_micros[2] = value),
            WorkloadSample::default(),
            WorkloadSample {
                lost: 0,
                retried: 0,
                pending: 0,
                backlog: 0,
                oldest_millis: 0,
                ..plain
            },
            WorkloadSample { pending: 1, ..WorkloadSample::default() },
        ];
        let kept = WorkloadSamples::from(all.clone());
        assert_eq!(kept.len(), all.len());
        assert_eq!(Vec::from(kept.clone()), all);
        assert_eq!((kept.wide.len(), kept.troubles.len()), (9, 4));
        assert_eq!(kept.get(10), all[10]);
    }
}
