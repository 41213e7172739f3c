//! The judge's exact knapsack: is some content worth more than the limit, and how much?
//!
//! Label setting (Nemhauser and Ullmann 1969) with dominance (module `stairs`) and completion
//! bounds (module `prices`). Items enter one by one, copies in powers of two; a label is a
//! partial content: what it uses, what it is worth. It is dropped if another label uses no more
//! and is worth no less, or if even its best completion is not above the limit. Items with the
//! largest profits, either sign, come first: leaving out the best or taking the worst soon costs
//! a label its completion bound. Of the others the large ones come first, for small ones fill
//! what is left nearly as well as the bound has it.
//!
//! Conditional rows ("nodes with at least n pods of these workloads") add counters. Their items
//! come first; labels with different counters are never compared; once a row is decided its
//! worth is added and its counters are cleared.

use crate::items::MAX_DIMS;
use crate::kinds::gcd;
use crate::prices::{Found, Prices, SETS, find, spare};
use crate::stairs::Stairs;
use std::cmp::Reverse;

/// An item whose profit is more than the doubt divided by this power of two is decided early.
const TELLING: u32 = 3;

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

/// What a search yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// An upper bound on all worth, if above the limit; the maximum unless cut short.
    pub above: Option<i64>,
    /// Worth of the best content seen.
    pub seen: i64,
    /// Labels made.
    pub labels: u64,
    /// The quota or the tolerance ended the search.
    pub cut_short: bool,
}

/// A knapsack ready to be searched, or settled without a search.
pub(crate) struct Ready {
    knapsack: Knapsack,
    sets: Vec<Prices>,
    /// No content is worth more.
    pub upper: i64,
    /// Worth of the best content seen.
    pub seen: i64,
    /// Multipliers, as a hint for the next knapsack of the kind.
    pub lambdas: Vec<i64>,
}

impl Ready {
    /// Whole multiples only: what is beyond the last one of the sizes' common divisor is lost.
    fn tighten(knapsack: &mut Knapsack) {
        let dims = knapsack.capacities.len();
        for (d, capacity) in knapsack.capacities.iter_mut().enumerate() {
            let sizes = knapsack.sizes.iter().skip(d).step_by(dims);
            let common = sizes.fold(0, |sum, &size| gcd(sum, u128::from(size))) as u64;
            *capacity -= capacity.checked_rem(common).unwrap_or(0);
        }
    }

    /// Bounds a knapsack; fills a node greedily and drops resources that no content of interest
    /// can run out of.
    pub(crate) fn of(mut knapsack: Knapsack, hint: &[i64]) -> Self {
        Self::tighten(&mut knapsack);
        let (sets, upper, lambdas) = match find(&knapsack, hint) {
            Found::Settled(lambdas) => {
                let upper = knapsack.limit;
                return Self { knapsack, sets: Vec::new(), upper, seen: 0, lambdas };
            }
            Found::Sets { sets, upper, lambdas } => (sets, upper, lambdas),
        };
        let seen = sets.iter().map(|prices| greedy(&knapsack, prices)).max().unwrap_or(0);
        let mut ready = Self { knapsack, sets, upper, seen, lambdas };
        ready.drop_spare();
        ready
    }

    fn drop_spare(&mut self) {
        let bar = self.seen.max(self.knapsack.limit);
        let mut dropped = false;
        for d in (0..self.knapsack.capacities.len()).rev() {
            let dims = self.knapsack.capacities.len();
            if self.upper <= bar || dims < 2 || !spare(&self.knapsack, d, bar, self.upper) {
                continue;
            }
            let mut at = 0;
            self.knapsack.sizes.retain(|_| {
                at += 1;
                (at - 1) % dims != d
            });
            self.knapsack.capacities.remove(d);
            dropped = true;
        }
        if !dropped {
            return;
        }
        match find(&self.knapsack, &[]) {
            Found::Settled(_) => self.upper = self.knapsack.limit,
            Found::Sets { sets, upper, .. } => {
                self.sets = sets;
                self.upper = self.upper.min(upper);
            }
        }
    }

    /// Is a content worth more than `limit`? With at most about `quota` labels; what is worth
    /// at most `tolerance` more than a content seen is not looked for.
    pub(crate) fn search(&self, limit: i64, quota: u64, tolerance: i64) -> Outcome {
        if self.upper <= limit {
            return Outcome { above: None, seen: self.seen, labels: 0, cut_short: false };
        }
        let best = self.seen.max(limit);
        let (sets, best) = (&self.sets, (best, (self.upper - best).max(0)));
        let run = match self.knapsack.capacities.len() {
            0 | 1 => run::<1>(&self.knapsack, sets, best, quota, tolerance),
            2 => run::<2>(&self.knapsack, sets, best, quota, tolerance),
            3 => run::<3>(&self.knapsack, sets, best, quota, tolerance),
            4 => run::<4>(&self.knapsack, sets, best, quota, tolerance),
            5 | 6 => run::<6>(&self.knapsack, sets, best, quota, tolerance),
            _ => run::<MAX_DIMS>(&self.knapsack, sets, best, quota, tolerance),
        };
        let upper = run.best.max(run.open).min(self.upper);
        Outcome {
            above: (upper > limit).then_some(upper),
            seen: self.seen.max(if run.best > limit { run.best } else { 0 }),
            labels: run.labels,
            cut_short: run.open > run.best,
        }
    }
}

/// Fills a node by worth per pay; returns the content's worth.
fn greedy(knapsack: &Knapsack, prices: &Prices) -> i64 {
    let dims = knapsack.capacities.len();
    let mut order: Vec<usize> = (0..knapsack.worths.len()).collect();
    let pay = |item: usize| i128::from(knapsack.worths[item] - prices.profits[item]);
    order.sort_by(|&a, &b| {
        let cross = |a: usize, b: usize| i128::from(knapsack.worths[a]) * pay(b);
        cross(b, a).cmp(&cross(a, b)).then(a.cmp(&b))
    });
    let mut left = knapsack.capacities.clone();
    let mut counts = vec![0_u64; knapsack.at_least.len()];
    let mut worth = 0;
    for item in order {
        let sizes = &knapsack.sizes[item * dims..(item + 1) * dims];
        let fits = sizes.iter().zip(&left).filter_map(|(size, left)| left.checked_div(*size));
        let copies = fits.fold(knapsack.copies[item], u64::min);
        left.iter_mut().zip(sizes).for_each(|(left, size)| *left -= size * copies);
        worth += knapsack.worths[item] * copies as i64;
        for (bit, count) in counts.iter_mut().enumerate() {
            *count += copies * (knapsack.masks[item] >> bit & 1);
        }
    }
    for row in &knapsack.rows {
        let met = |(bit, count): (usize, &u64)| {
            row.mask >> bit & 1 == 0 || *count >= u64::from(knapsack.at_least[bit])
        };
        if counts.iter().enumerate().all(met) {
            worth += row.worth;
        }
    }
    worth.max(0)
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
    /// Worth of all later stages, gains of rows included.
    later: i64,
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
fn stages<const D: usize>(knapsack: &Knapsack, sets: &[Prices], doubt: i64) -> Vec<Stage<D>> {
    let dims = knapsack.capacities.len();
    let live = knapsack.rows.iter().fold(0, |all, row| all | row.mask);
    let mut order: Vec<usize> = (0..knapsack.worths.len()).collect();
    order.sort_by_key(|&item| {
        let mask = knapsack.masks[item] & live;
        let profit = sets[0].profits[item].unsigned_abs();
        let telling = profit > doubt.unsigned_abs() >> TELLING;
        let rank = if telling { profit } else { knapsack.worths[item].unsigned_abs() };
        (mask == 0, mask, !telling, Reverse(rank), item)
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
                later: 0,
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
    let mut later = 0;
    for (stage, gain) in stages.iter_mut().zip(gains).rev() {
        stage.later = later + gain;
        later += stage.worth + gain;
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
    tally: Tally,
    tolerance: i64,
}

/// What a run knows.
#[derive(Clone, Copy)]
struct Tally {
    /// Best worth found, the limit at the least.
    best: i64,
    /// No content that was not looked at is worth more; of interest where above `best`.
    open: i64,
    labels: u64,
}

fn run<const D: usize>(
    knapsack: &Knapsack,
    sets: &[Prices],
    (best, doubt): (i64, i64),
    quota: u64,
    tolerance: i64,
) -> Tally {
    let mut capacities = [0; D];
    for (capacity, &given) in capacities.iter_mut().zip(&knapsack.capacities) {
        *capacity = given;
    }
    let stages = stages::<D>(knapsack, sets, doubt);
    let conditional = stages.iter().rposition(|stage| stage.mask != 0).map_or(0, |at| at + 1);
    let mut run = Run {
        capacities,
        counters: counters(knapsack),
        knapsack,
        stairs: Stairs::default(),
        tally: Tally { best: best.max(0), open: i64::MIN, labels: 0 },
        tolerance,
    };
    let root = Label { used: [0; D], worth: 0, profit: [0; SETS], state: 0 };
    let mut labels = vec![root];
    let mut next = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        if run.tally.labels >= quota {
            run.tally.open = run.tally.open.max(over_estimate(&labels, stage));
            return run.tally;
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
    run.tally.best = run.tally.best.max(last);
    run.tally
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
            self.tally.labels += 1;
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
            if plain && moved.worth > self.tally.best {
                self.tally.best = moved.worth;
            }
            return Some(moved);
        }
        None
    }

    /// Whether the label's best completion after `stage` beats what is known by enough.
    fn hopeful(&mut self, label: &Label<D>, stage: &Stage<D>) -> bool {
        let bar = self.tally.best + self.tolerance;
        if label.worth + stage.later > bar
            && (0..SETS).all(|m| label.profit[m] + stage.onward[m] > bar)
        {
            return true;
        }
        if self.tolerance > 0 {
            let open = (0..SETS).map(|m| label.profit[m] + stage.onward[m]).min();
            let open = open.unwrap_or(i64::MAX).min(label.worth + stage.later);
            self.tally.open = self.tally.open.max(open);
        }
        false
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
