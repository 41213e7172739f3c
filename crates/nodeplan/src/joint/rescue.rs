//! More pods, emptier ones and more patience for the workloads of a design that miss, step by step.

use super::climb::{Ranked, Search};
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
    (1, 80, false),
    (1, 70, true),
    (2, 55, true),
    (u32::MAX, 40, true),
];
/// Most steps.
const RESCUES: usize = 8;
/// Time that pods stay then, seconds.
const STAYS: u32 = 900;
impl Search<'_> {
    /// A design whose workloads that miss have more and emptier pods, each until it misses no more.
    pub(super) fn rescued(&mut self, from: Ranked, ladder: &[Rung]) -> Result<Ranked, Error> {
        let mut now = from.clone();
        let mut levels = vec![0_usize; from.tally.lacks.len()];
        let mut lacks = from.tally.lacks.clone();
        for _ in 0..RESCUES {
            let rows = levels.iter_mut().zip(&lacks).filter(|(_, lack)| **lack > 0);
            rows.for_each(|(level, _)| *level = (*level + 1).min(ladder.len()));
            let mut design = from.design.clone();
            for (at, level) in levels.iter().enumerate().filter(|(_, level)| **level > 0) {
                let most = self.most[at];
                let rung = ladder[*level - 1];
                let scaled = design.scaling[at].as_ref().map(|one| roomier(one, rung, most));
                design.scaling[at] = scaled;
            }
            if lacks.iter().all(|lack| *lack == 0) || self.over(self.budget()) {
                break;
            }
            let Some(design) = self.fresh(vec![design]).pop() else { break };
            let Some(one) = self.ranked(design, None)? else { break };
            lacks.clone_from(&one.tally.lacks);
            if one.rank() < now.rank() {
                self.keep(&one, None);
                now = one;
            }
        }
        Ok(now)
    }
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
