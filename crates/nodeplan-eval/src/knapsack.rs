//! The judge's exact knapsack: is some content worth more than the limit, and how much?
//!
//! Label setting (Nemhauser and Ullmann 1969) with dominance (module `stairs`) and completion
//! bounds (module `prices`). Items enter one by one, copies in powers of two; a label is a
//! partial content: what it uses, what it is worth. It is dropped if another label uses no more
//! and is worth no less, or if even its best completion is not above the limit. Items with the
//! largest profits, either sign, come first: leaving out the best or taking the worst soon costs
//! a label its completion bound, so few labels survive to the many items that hardly matter.
//!
//! Conditional rows ("nodes with at least n pods of these workloads") add counters. Their items
//! come first; labels with different counters are never compared; once a row is decided its
//! worth is added and its counters are cleared.

use crate::items::MAX_DIMS;
use crate::prices::{Found, Prices, SETS, find};
use crate::stairs::Stairs;

/// A row whose worth is earned by contents that meet all conditions in `mask`.
#[derive(Clone, Debug)]
pub(crate) struct RowTerm {
    pub mask: u64,
    pub worth: i64,
}

/// A bounded knapsack. All sums of worth stay below 2^60.
#[derive(Clone, Debug)]
pub(crate) struct Knapsack {
    /// Capacity of each resource.
    pub capacities: Vec<u64>,
    /// Items × resources; each item fits alone.
    pub sizes: Vec<u64>,
    /// Worth of one copy, ≥ 0.
    pub worths: Vec<i64>,
    /// Most copies, ≥ 1.
    pub copies: Vec<u64>,
    /// Conditions an item counts for.
    pub masks: Vec<u64>,
    /// Conditional rows.
    pub rows: Vec<RowTerm>,
    /// Copies each condition asks for, ≥ 1.
    pub at_least: Vec<u32>,
    /// Contents worth no more than this are of no interest.
    pub limit: i64,
}

/// What a knapsack yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// An upper bound on all worth, if above the limit; the maximum unless cut short.
    pub above: Option<i64>,
    /// Labels made.
    pub labels: u64,
    /// The quota ended the search.
    pub cut_short: bool,
}

/// Solves with at most about `quota` labels.
pub(crate) fn solve(knapsack: &Knapsack, quota: u64) -> Outcome {
    let sets = match find(knapsack) {
        Found::Settled => {
            return Outcome { above: None, labels: 0, cut_short: false };
        }
        Found::Sets(sets) => sets,
    };
    match knapsack.capacities.len() {
        0 | 1 => run::<1>(knapsack, &sets, quota),
        2 => run::<2>(knapsack, &sets, quota),
        3 => run::<3>(knapsack, &sets, quota),
        4 => run::<4>(knapsack, &sets, quota),
        5 | 6 => run::<6>(knapsack, &sets, quota),
        _ => run::<MAX_DIMS>(knapsack, &sets, quota),
    }
}

/// A partial content.
#[derive(Clone, Copy)]
struct Label<const D: usize> {
    used: [u64; D],
    worth: i64,
    /// Worth beyond pay, per multiplier set.
    profit: [i64; SETS],
    /// Packed counters of the conditions.
    state: u64,
}

/// A number of copies of one item, all or none.
struct Stage<const D: usize> {
    size: [u64; D],
    worth: i64,
    profit: [i64; SETS],
    mask: u64,
    copies: u64,
    /// Most that this and later stages can add, per multiplier set, gains of rows included.
    onward: [i64; SETS],
    /// Rows decided after this stage.
    decided: Vec<usize>,
    /// Counters that are never looked at again after this stage.
    cleared: u64,
}

/// A counter's place in the state.
#[derive(Clone, Copy, Default)]
struct Counter {
    offset: u32,
    field: u64,
    at_least: u64,
}

impl Counter {
    fn read(self, state: u64) -> u64 {
        state >> self.offset & self.field
    }

    fn add(self, state: u64, copies: u64) -> u64 {
        let count = self.read(state).saturating_add(copies).min(self.at_least);
        state & !(self.field << self.offset) | count << self.offset
    }
}

fn counters(knapsack: &Knapsack) -> Vec<Counter> {
    let used = knapsack.rows.iter().fold(0, |all, row| all | row.mask);
    let mut offset = 0;
    knapsack
        .at_least
        .iter()
        .enumerate()
        .map(|(at, &at_least)| {
            if used >> at & 1 == 0 {
                return Counter::default();
            }
            let bits = u32::BITS - at_least.leading_zeros();
            let field = (1_u64 << bits) - 1;
            let counter = Counter { offset, field, at_least: u64::from(at_least) };
            offset += bits;
            counter
        })
        .collect()
}

/// Splits copies into all-or-none stages in the order of processing.
fn stages<const D: usize>(knapsack: &Knapsack, sets: &[Prices]) -> Vec<Stage<D>> {
    let dims = knapsack.capacities.len();
    let live = knapsack.rows.iter().fold(0, |all, row| all | row.mask);
    let mut order: Vec<usize> = (0..knapsack.worths.len()).collect();
    order.sort_by_key(|&item| {
        let mask = knapsack.masks[item] & live;
        let profit = sets[0].profits[item].unsigned_abs();
        (mask == 0, mask, std::cmp::Reverse(profit), item)
    });
    let mut stages = Vec::new();
    for item in order {
        let mut left = knapsack.copies[item];
        let mut power = 1;
        while left > 0 {
            let copies = power.min(left);
            left -= copies;
            power *= 2;
            let mut size = [0; D];
            let row = &knapsack.sizes[item * dims..(item + 1) * dims];
            for (amount, &one) in size.iter_mut().zip(row) {
                *amount = one.saturating_mul(copies);
            }
            let times = copies as i64;
            stages.push(Stage {
                size,
                worth: knapsack.worths[item] * times,
                profit: std::array::from_fn(|m| sets[m].profits[item] * times),
                mask: knapsack.masks[item] & live,
                copies,
                onward: [0; SETS],
                decided: Vec::new(),
                cleared: 0,
            });
        }
    }
    finish_stages(knapsack, sets, &mut stages);
    stages
}

/// Fills in what later stages can add and when rows are decided.
fn finish_stages<const D: usize>(knapsack: &Knapsack, sets: &[Prices], stages: &mut [Stage<D>]) {
    let mut gains = vec![0_i64; stages.len()];
    let mut ends = vec![0_usize; knapsack.at_least.len()];
    for (at, row) in knapsack.rows.iter().enumerate() {
        let Some(last) = stages.iter().rposition(|stage| stage.mask & row.mask != 0) else {
            continue;
        };
        stages[last].decided.push(at);
        gains[last] += row.worth.max(0);
        for (bit, end) in ends.iter_mut().enumerate() {
            if row.mask >> bit & 1 == 1 {
                *end = (*end).max(last);
            }
        }
    }
    for (bit, &end) in ends.iter().enumerate() {
        if let Some(stage) = stages.get_mut(end) {
            stage.cleared |= 1 << bit;
        }
    }
    let mut onward: [i64; SETS] = std::array::from_fn(|m| sets[m].total);
    for (stage, gain) in stages.iter_mut().zip(gains).rev() {
        for (m, onward) in onward.iter_mut().enumerate() {
            // The gain is still open while its stage is under way.
            stage.onward[m] = *onward + gain;
            *onward += stage.profit[m].max(0) + gain;
        }
    }
}

/// The state of a run.
struct Run<'a, const D: usize> {
    capacities: [u64; D],
    counters: Vec<Counter>,
    knapsack: &'a Knapsack,
    stairs: Stairs<D>,
    /// Best worth found, the limit at the least.
    best: i64,
    labels: u64,
}

fn run<const D: usize>(knapsack: &Knapsack, sets: &[Prices], quota: u64) -> Outcome {
    let mut capacities = [0; D];
    for (capacity, &given) in capacities.iter_mut().zip(&knapsack.capacities) {
        *capacity = given;
    }
    let stages = stages::<D>(knapsack, sets);
    let conditional = stages.iter().rposition(|stage| stage.mask != 0).map_or(0, |at| at + 1);
    let mut run = Run {
        capacities,
        counters: counters(knapsack),
        knapsack,
        stairs: Stairs::default(),
        best: knapsack.limit.max(0),
        labels: 0,
    };
    let root = Label { used: [0; D], worth: 0, profit: [0; SETS], state: 0 };
    let mut labels = vec![root];
    let mut next = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        if run.labels >= quota {
            let worth = over_estimate(&labels, stage).max(run.best);
            let above = (worth > knapsack.limit).then_some(worth);
            return Outcome { above, labels: run.labels, cut_short: true };
        }
        run.extend(stage, &labels, &mut next, at >= conditional);
        std::mem::swap(&mut labels, &mut next);
        if !stage.decided.is_empty() || stage.cleared != 0 {
            run.decide(stage, &mut labels);
        }
        if labels.is_empty() {
            break;
        }
    }
    let last = labels.iter().map(|label| label.worth).max().unwrap_or(i64::MIN);
    let best = run.best.max(last);
    let above = (best > knapsack.limit).then_some(best);
    Outcome { above, labels: run.labels, cut_short: false }
}

/// The best completion of any label before `stage`.
fn over_estimate<const D: usize>(labels: &[Label<D>], stage: &Stage<D>) -> i64 {
    labels
        .iter()
        .map(|label| {
            let open = |m: usize| label.profit[m] + stage.onward[m] + stage.profit[m].max(0);
            (0..SETS).map(open).min().unwrap_or(i64::MAX)
        })
        .max()
        .unwrap_or(i64::MIN)
}

impl<const D: usize> Run<'_, D> {
    /// Takes the stage's copies or leaves them: merges `old` and `old` shifted into `out`.
    fn extend(&mut self, stage: &Stage<D>, old: &[Label<D>], out: &mut Vec<Label<D>>, plain: bool) {
        out.clear();
        self.stairs.clear();
        let (mut kept, mut shifted) = (0, 0);
        let mut moved = self.shift(stage, old, &mut shifted, plain);
        while kept < old.len() || moved.is_some() {
            let take_moved = match (&moved, old.get(kept)) {
                (Some(moved), Some(kept)) => moved.used < kept.used,
                (moved, _) => moved.is_some(),
            };
            let label = match moved {
                Some(label) if take_moved => {
                    moved = self.shift(stage, old, &mut shifted, plain);
                    label
                }
                _ => {
                    kept += 1;
                    old[kept - 1]
                }
            };
            if self.hopeful(&label, stage)
                && self.stairs.admit(&label.used, label.state, label.worth)
            {
                out.push(label);
            }
        }
    }

    /// The next label with the stage's copies on board that fits and has hope.
    fn shift(
        &mut self,
        stage: &Stage<D>,
        old: &[Label<D>],
        from: &mut usize,
        plain: bool,
    ) -> Option<Label<D>> {
        while let Some(label) = old.get(*from) {
            *from += 1;
            let fits = (0..D).all(|d| stage.size[d] <= self.capacities[d] - label.used[d]);
            if !fits {
                continue;
            }
            self.labels += 1;
            let mut moved = *label;
            for d in 0..D {
                moved.used[d] += stage.size[d];
            }
            moved.worth += stage.worth;
            for m in 0..SETS {
                moved.profit[m] += stage.profit[m];
            }
            if !self.hopeful(&moved, stage) {
                continue;
            }
            if stage.mask != 0 {
                for (bit, counter) in self.counters.iter().enumerate() {
                    if stage.mask >> bit & 1 == 1 {
                        moved.state = counter.add(moved.state, stage.copies);
                    }
                }
            }
            if plain && moved.worth > self.best {
                self.best = moved.worth;
            }
            return Some(moved);
        }
        None
    }

    /// Whether the label's best completion after `stage` beats what is known.
    fn hopeful(&self, label: &Label<D>, stage: &Stage<D>) -> bool {
        (0..SETS).all(|m| label.profit[m] + stage.onward[m] > self.best)
    }

    /// Adds the worth of rows that are decided after `stage` and clears their counters.
    fn decide(&mut self, stage: &Stage<D>, labels: &mut [Label<D>]) {
        for label in labels.iter_mut() {
            for &row in &stage.decided {
                let row = &self.knapsack.rows[row];
                let met = self.counters.iter().enumerate().all(|(bit, counter)| {
                    row.mask >> bit & 1 == 0 || counter.read(label.state) == counter.at_least
                });
                if met {
                    label.worth += row.worth;
                    for profit in &mut label.profit {
                        *profit += row.worth;
                    }
                }
            }
            for (bit, counter) in self.counters.iter().enumerate() {
                if stage.cleared >> bit & 1 == 1 {
                    label.state &= !(counter.field << counter.offset);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "knapsack_tests.rs"]
mod tests;
