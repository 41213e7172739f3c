//! More pods, emptier ones and more patience for the workloads of a design that miss, each as little as
//! it needs.

use super::climb::{Ranked, Search};
use super::design::Design;
use super::moves::{behavior, retargeted};
use crate::Error;
use nodeplan_model::scenario::Autoscaling;

/// How many pods more, percent of the target, and whether pods come fast and stay long.
pub(super) type Rung = (u32, u64, bool);

/// Steps for workloads that miss much.
pub(super) const COARSE: [Rung; 5] =
    [(1, 85, false), (1, 70, true), (2, 55, true), (4, 40, true), (u32::MAX, 40, true)];
/// Steps for those that miss little.
pub(super) const FINE: [Rung; 8] = [
    (0, 97, false),
    (0, 93, false),
    (0, 88, false),
    (0, 80, false),
    (0, 70, false),
    (0, 60, false),
    (0, 45, false),
    (u32::MAX, 40, true),
];
/// Most designs that are tried under all tests.
const RESCUES: usize = 8;
/// Time that pods stay then, seconds.
const STAYS: u32 = 900;

impl Search<'_> {
    /// A design whose workloads that miss have more and emptier pods. The first test, in which all of them
    /// take each step at once, tells each the first that it does not miss with; from there they go on
    /// until they miss in no test.
    pub(super) fn rescued(&mut self, from: Ranked, ladder: &[Rung]) -> Result<Ranked, Error> {
        let mut now = from.clone();
        let mut lacks = from.tally.lacks.clone();
        let mut levels = self.first_levels(&from, ladder)?;
        for _ in 0..RESCUES {
            if lacks.iter().all(|lack| *lack == 0) || self.over(self.budget()) {
                break;
            }
            let design = self.roomier_at(&from.design, &levels, ladder);
            let Some(design) = self.fresh(vec![design]).pop() else { break };
            let Some(one) = self.ranked(design, None)? else { break };
            lacks.clone_from(&one.tally.lacks);
            if one.rank() < now.rank() {
                self.keep(&one, None);
                now = one;
            }
            let rows = levels.iter_mut().zip(&lacks).filter(|(_, lack)| **lack > 0);
            rows.for_each(|(level, _)| *level = (*level + 1).min(ladder.len()));
        }
        Ok(now)
    }

    /// The first step of each workload that misses with which it does not in the first test, else the last.
    fn first_levels(&mut self, from: &Ranked, ladder: &[Rung]) -> Result<Vec<usize>, Error> {
        let lacks = &from.tally.lacks;
        let mut told = Vec::new();
        if !self.over(self.budget()) && lacks.iter().any(|lack| *lack > 0) {
            let at = |level| -> Vec<usize> {
                lacks.iter().map(|lack| if *lack > 0 { level } else { 0 }).collect()
            };
            let steps: Vec<Design> = (1..ladder.len())
                .map(|level| self.roomier_at(&from.design, &at(level), ladder))
                .collect();
            let runs: Vec<_> = steps.iter().map(|design| (design, self.tests[0])).collect();
            let tallies = self.run_all(&runs)?;
            told = tallies.into_iter().map_while(|tally| Some(tally?.lacks)).collect();
        }
        Ok(first_without(lacks, &told, ladder.len()))
    }

    /// A design whose workloads have taken so many steps.
    fn roomier_at(&self, from: &Design, levels: &[usize], ladder: &[Rung]) -> Design {
        let mut design = from.clone();
        for (at, level) in levels.iter().enumerate().filter(|(_, level)| **level > 0) {
            if let Some(one) = &mut design.scaling[at] {
                *one = roomier(one, ladder[*level - 1], self.most[at]);
            }
        }
        design
    }
}

/// The first step of each workload that misses after which it misses no more, of those that were run, else
/// the last.
fn first_without(lacks: &[u64], told: &[Vec<u64>], last: usize) -> Vec<usize> {
    let first = |(at, lack): (usize, &u64)| match lack {
        0 => 0,
        _ => told.iter().position(|row| row[at] == 0).map_or(last, |step| step + 1),
    };
    lacks.iter().enumerate().map(first).collect()
}

/// An autoscaler with more pods, and emptier ones; the last step is as many as there may be.
fn roomier(
    one: &Autoscaling,
    (more, percent, patient): (u32, u64, bool),
    most: u32,
) -> Autoscaling {
    let share = |own: u32| (u64::from(own) * percent / 100).max(5) as u32;
    let amount = |own: u64| (u128::from(own) * u128::from(percent) / 100).max(1) as u64;
    let mut next = retargeted(one, share, amount);
    next.max = one.max.max(if more > 2 { most } else { one.max });
    next.min = one.min.saturating_add(more).min(next.max);
    if patient {
        next.behavior = Some(behavior(true, STAYS));
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_workload_that_misses_takes_as_little_as_it_needs() {
        let told = [vec![5, 7, 1], vec![0, 3, 1], vec![2, 0, 1]];
        for (lacks, told, want) in [
            ([9, 9, 9], &told[..], [2, 3, 4]),
            ([0, 9, 9], &told[..], [0, 3, 4]),
            ([9, 9, 0], &told[..1], [4, 4, 0]),
            ([9, 0, 9], &told[..0], [4, 0, 4]),
        ] {
            assert_eq!(first_without(&lacks, told, 4), want, "{lacks:?} {told:?}");
        }
    }
}
