//! Exact pricing: the most valuable content of one node, by label setting with dominance and
//! completion bounds (Nemhauser and Ullmann 1969; bounds by Lagrangian multipliers).
//!
//! A label is a partial content: resources used and value so far. Items are taken one after
//! another, those whose reduced value is largest first, so that the lists stay short until the
//! core of the knapsack is reached. A label dies when another uses no more and is worth no
//! less, or when even the Lagrangian bound on its completion does not beat what is asked for.
//!
//! Values are integers. Multipliers are floats: they only guide pruning here; the proof of a
//! bound is the judge's own.

use super::multipliers::{SETS, best_reduced, multipliers};
use std::cmp::Ordering;

/// A class as an item of the knapsack.
#[derive(Clone, Debug)]
pub struct Item {
    /// Class.
    pub class: u32,
    /// Most copies; at least 1.
    pub most: u32,
    /// Worth of one copy.
    pub value: i64,
    /// Size per dimension.
    pub size: Vec<i64>,
    /// Extra worth (of either sign) once `at_least` copies are in: (at_least, gain).
    pub steps: Vec<(u32, i64)>,
}

impl Item {
    /// Worth of so many copies.
    pub fn worth(&self, copies: u32) -> i64 {
        let steps: i64 =
            self.steps.iter().filter(|(at, _)| copies >= *at).map(|(_, gain)| gain).sum();
        self.value * i64::from(copies) + steps
    }
}

/// Extra worth of contents that meet several conditions at once.
#[derive(Clone, Debug)]
pub struct JointGain {
    /// Worth, of either sign.
    pub gain: i64,
    /// (class, at least so many copies), two or more.
    pub conditions: Vec<(u32, u32)>,
}

/// One pricing problem.
#[derive(Clone, Debug)]
pub struct Task {
    /// Items with positive size somewhere.
    pub items: Vec<Item>,
    /// Joint gains, at most [`MOST_JOINT`].
    pub joint: Vec<JointGain>,
    /// Capacity per dimension.
    pub capacity: Vec<i64>,
    /// Only contents worth more than this are of interest.
    pub limit: i64,
    /// Only the best contents matter: begin just below a greedy one.
    pub best_only: bool,
    /// How many contents to return.
    pub keep: usize,
    /// Labels kept per stage; beyond it the answer is a heuristic with a valid upper bound.
    pub label_limit: usize,
    /// Labels in all; once they are made, lists are cut short.
    pub budget: u64,
}

/// Joint gains one task can carry (bits of a label's mask).
pub const MOST_JOINT: usize = 32;

/// The answer of one pricing problem.
#[derive(Clone, Debug, Default)]
pub struct Priced {
    /// Contents worth more than the limit, best first: (worth, classes with counts).
    pub contents: Vec<(i64, Vec<(u32, u32)>)>,
    /// No content is worth more than this (at least the limit).
    pub upper: i64,
    /// Labels made.
    pub labels: u64,
}

/// Labels kept per stage once the budget is spent.
const SPENT: usize = 64;
/// Most labels that room is made for before they are there.
const AHEAD: usize = 4_096;
/// Label limits from here on are meant to be exact.
const EXACT_FROM: usize = 100_000;

#[derive(Clone, Copy)]
struct Label<const D: usize> {
    used: [i64; D],
    value: i64,
    parent: u32,
    copies: u32,
    mask: u32,
}

/// One decision: how many of 0..=`steps` chunks of `chunk` copies each. Items with many copies
/// fall into chunks of 1, 2, 4 … copies, so that a stage only doubles the labels.
struct Stage<const D: usize> {
    item: usize,
    chunk: u32,
    steps: u32,
    size: [i64; D],
    /// Worth that the items after this one can add at most, per multiplier set, capacity's
    /// share included.
    rest: [f64; SETS],
}

/// Solves one task.
pub fn price(task: &Task) -> Priced {
    match live_dims(task).as_slice() {
        dims if dims.len() <= 1 => run::<1>(task, dims),
        dims if dims.len() == 2 => run::<2>(task, dims),
        dims if dims.len() == 3 => run::<3>(task, dims),
        dims if dims.len() == 4 => run::<4>(task, dims),
        dims if dims.len() <= 6 => run::<6>(task, dims),
        dims if dims.len() <= 10 => run::<10>(task, dims),
        dims => run::<32>(task, &dims[..dims.len().min(32)]),
    }
}

/// Dimensions that can bind: even with as many copies as the other live dimensions allow.
/// One is dropped at a time, so that two that imply each other do not both go.
fn live_dims(task: &Task) -> Vec<usize> {
    let mut live: Vec<usize> = (0..task.capacity.len()).collect();
    for d in 0..task.capacity.len() {
        let capacity = task.capacity[d] as f64;
        let all: f64 = task.items.iter().map(|i| i.size[d] as f64 * f64::from(i.most)).sum();
        // Usage of d within another dimension's capacity is at most capacity × largest ratio.
        let implied = live.iter().any(|&other| {
            let ratio = task
                .items
                .iter()
                .filter(|i| i.size[d] > 0)
                .map(|i| i.size[d] as f64 / i.size[other] as f64)
                .fold(0.0, f64::max);
            other != d && ratio * task.capacity[other] as f64 * (1.0 + 1e-12) <= capacity
        });
        if all <= capacity || implied {
            live.retain(|other| *other != d);
        }
    }
    live
}

fn run<const D: usize>(task: &Task, dims: &[usize]) -> Priced {
    let mut capacity = [0_i64; D];
    for (slot, &dim) in dims.iter().enumerate() {
        capacity[slot] = task.capacity[dim];
    }
    let sizes: Vec<[i64; D]> = task
        .items
        .iter()
        .map(|item| {
            let mut size = [0; D];
            for (slot, &dim) in dims.iter().enumerate() {
                size[slot] = item.size[dim];
            }
            size
        })
        .collect();
    let Some(sets) = multipliers::<D>(task, &sizes, &capacity, dims.len()) else {
        // Looking at the items is work, too.
        let labels = 10 * task.items.len() as u64;
        return Priced { upper: task.limit, labels, ..Priced::default() };
    };
    let stages = stages(task, &sizes, &capacity, &sets);
    let plain = task.best_only
        && task.joint.is_empty()
        && task.items.iter().all(|item| item.steps.is_empty());
    let start = if plain { greedy(task, &sets[0], &sizes, &capacity) } else { task.limit };
    // Below the greedy content by more than floats lose, so that it is found again; lower where
    // the search may miss it because lists are cut.
    let margin = if task.label_limit < EXACT_FROM { start / 64 } else { (start >> 46).max(1) };
    let mut trail = Vec::with_capacity(AHEAD / 4);
    trail.push((u32::MAX, 0, 0));
    Search::<D> {
        task,
        capacity,
        sets,
        stages,
        trail,
        found: Vec::with_capacity(2 * task.keep + 16),
        floor: task.limit.max(start.saturating_sub(margin)),
        start: task.limit.max(start.saturating_sub(margin)),
        dropped: task.limit,
        labels: 40 * task.items.len() as u64,
    }
    .run()
}

/// The order of the items and what the rest can add after each.
fn stages<const D: usize>(
    task: &Task,
    sizes: &[[i64; D]],
    capacity: &[i64; D],
    sets: &[[f64; D]; SETS],
) -> Vec<Stage<D>> {
    let weight =
        |m: usize, i: usize| -> f64 { (0..D).map(|d| sets[m][d] * sizes[i][d] as f64).sum() };
    let mut order: Vec<(f64, usize)> = task
        .items
        .iter()
        .enumerate()
        .map(|(i, item)| ((item.value as f64 - weight(0, i)).abs(), i))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let base: [f64; SETS] =
        std::array::from_fn(|m| (0..D).map(|d| sets[m][d] * capacity[d] as f64).sum::<f64>());
    let joint: f64 = task.joint.iter().map(|j| j.gain.max(0) as f64).sum();
    let mut rest = base.map(|b| (b + joint) * (1.0 + 1e-12) + 1e-3);
    let mut stages = Vec::with_capacity(order.len());
    for &(_, i) in order.iter().rev() {
        let item = &task.items[i];
        let whole = !item.steps.is_empty()
            || task.joint.iter().any(|j| j.conditions.iter().any(|c| c.0 == item.class));
        for (chunk, steps) in chunks(item.most, whole) {
            let size = sizes[i].map(|s| s * i64::from(chunk));
            stages.push(Stage { item: i, chunk, steps, size, rest });
            for (m, sum) in rest.iter_mut().enumerate() {
                let gain = if whole {
                    best_reduced(item, &sizes[i], &sets[m])
                } else {
                    (item.value as f64 - weight(m, i)).max(0.0)
                        * f64::from(chunk)
                        * f64::from(steps)
                };
                *sum += gain * (1.0 + 1e-12);
            }
        }
    }
    stages.reverse();
    stages
}

/// (copies per chunk, chunks): 0..=most as sums, smallest chunk first.
fn chunks(most: u32, whole: bool) -> Vec<(u32, u32)> {
    if whole || most <= 6 {
        return vec![(1, most)];
    }
    let mut left = most;
    let mut chunks = Vec::new();
    let mut size = 1;
    while left > 0 {
        let taken = size.min(left);
        chunks.push((taken, 1));
        left -= taken;
        size *= 2;
    }
    chunks
}

/// The worth of a content filled greedily by reduced value: where the search starts from.
fn greedy<const D: usize>(
    task: &Task,
    set: &[f64; D],
    sizes: &[[i64; D]],
    capacity: &[i64; D],
) -> i64 {
    let mut order: Vec<usize> = (0..task.items.len()).collect();
    let ratio = |i: usize| {
        let weight: f64 = (0..D).map(|d| set[d] * sizes[i][d] as f64).sum();
        task.items[i].value as f64 / weight.max(1e-300)
    };
    order.sort_by(|&a, &b| ratio(b).total_cmp(&ratio(a)).then(a.cmp(&b)));
    let mut room = *capacity;
    let mut worth = 0;
    for i in order {
        let mut copies = task.items[i].most;
        for d in 0..D {
            if sizes[i][d] > 0 {
                copies = copies.min(u32::try_from(room[d] / sizes[i][d]).unwrap_or(u32::MAX));
            }
        }
        for d in 0..D {
            room[d] -= sizes[i][d] * i64::from(copies);
        }
        worth += task.items[i].value * i64::from(copies);
    }
    worth
}

struct Search<'a, const D: usize> {
    task: &'a Task,
    capacity: [i64; D],
    sets: [[f64; D]; SETS],
    stages: Vec<Stage<D>>,
    /// (parent, item, copies) of every kept step; entry 0 is the empty content.
    trail: Vec<(u32, u32, u32)>,
    /// (worth, trail entry) of the best contents.
    found: Vec<(i64, u32)>,
    floor: i64,
    /// The floor at first: nothing below it is looked for.
    start: i64,
    dropped: i64,
    labels: u64,
}

impl<const D: usize> Search<'_, D> {
    fn run(mut self) -> Priced {
        let full = if self.task.joint.len() >= 32 {
            u32::MAX
        } else {
            (1_u32 << self.task.joint.len()) - 1
        };
        let mut labels = vec![Label { used: [0; D], value: 0, parent: 0, copies: 0, mask: full }];
        let (mut next, mut runs, mut spare) = (Vec::new(), Vec::new(), Vec::new());
        for s in 0..self.stages.len() {
            self.extend(s, &labels, &mut next, &mut runs);
            self.labels += next.len() as u64;
            if self.task.joint.is_empty() {
                merge(&mut next, &mut runs, &mut spare);
            } else {
                // Masks that change break the runs up.
                next.sort_by(order);
            }
            dominate(&mut next);
            self.truncate(s, &mut next);
            self.record(s, &mut next);
            std::mem::swap(&mut labels, &mut next);
            if labels.is_empty() {
                break;
            }
        }
        self.answer()
    }

    /// Every label with every number of copies that can still beat the floor; each number of
    /// copies is a run, and `runs` says where they end.
    fn extend(
        &self,
        s: usize,
        labels: &[Label<D>],
        next: &mut Vec<Label<D>>,
        runs: &mut Vec<usize>,
    ) {
        next.clear();
        runs.clear();
        let stage = &self.stages[s];
        next.reserve(labels.len().saturating_mul(stage.steps as usize + 1).min(AHEAD));
        let item = &self.task.items[stage.item];
        let floor = self.floor as f64;
        let finishing = self.joint_at(s);
        // Copies outside, labels inside: the labels come sorted, so that every number of copies
        // makes one sorted run.
        let mut size = [0; D];
        for steps in 0..=stage.steps {
            let copies = steps * stage.chunk;
            let n = i64::from(copies);
            let worth = if item.steps.is_empty() { item.value * n } else { item.worth(copies) };
            if steps > 0 {
                size.iter_mut().zip(&stage.size).for_each(|(size, more)| *size += more);
                if (0..D).any(|d| size[d] > self.capacity[d]) {
                    break;
                }
            }
            for label in labels {
                let mut used = label.used;
                used.iter_mut().zip(&size).for_each(|(used, size)| *used += size);
                if (0..D).any(|d| used[d] > self.capacity[d]) {
                    continue;
                }
                let mut value = label.value + worth;
                let mut mask = label.mask;
                if let Some(rows) = &finishing {
                    for &(row, at_least, last) in rows {
                        if copies < at_least {
                            mask &= !(1 << row);
                        } else if last && mask >> row & 1 == 1 {
                            value += self.task.joint[row as usize].gain;
                        }
                    }
                }
                if self.beats(floor, stage, &used, value) {
                    next.push(Label { used, value, parent: label.parent, copies, mask });
                }
            }
            runs.push(next.len());
        }
    }

    /// Joint rows with a condition on the item of stage `s`: (row, at least, is it the row's
    /// last condition in stage order).
    fn joint_at(&self, s: usize) -> Option<Vec<(u32, u32, bool)>> {
        if self.task.joint.is_empty() {
            return None;
        }
        let class = self.task.items[self.stages[s].item].class;
        let later = |class: u32| {
            self.stages[s + 1..].iter().any(|t| self.task.items[t.item].class == class)
        };
        let present = |class: u32| self.task.items.iter().any(|item| item.class == class);
        let rows = self
            .task
            .joint
            .iter()
            .enumerate()
            .filter(|(_, joint)| joint.conditions.iter().all(|(c, _)| present(*c)))
            .filter_map(|(row, joint)| {
                let (_, at_least) = joint.conditions.iter().find(|(c, _)| *c == class)?;
                let last = !joint.conditions.iter().any(|(c, _)| *c != class && later(*c));
                Some((row as u32, *at_least, last))
            })
            .collect();
        Some(rows)
    }

    /// Most that a label can come to by multiplier set `m`.
    fn bound_by(&self, m: usize, stage: &Stage<D>, used: &[i64; D], value: i64) -> f64 {
        let mut at = value as f64 + stage.rest[m];
        for (worth, used) in self.sets[m].iter().zip(used) {
            at -= worth * *used as f64;
        }
        at
    }

    fn bound(&self, stage: &Stage<D>, used: &[i64; D], value: i64) -> f64 {
        let bounds = (0..SETS).map(|m| self.bound_by(m, stage, used, value));
        bounds.fold(f64::INFINITY, f64::min)
    }

    /// Whether a label's bound is above `floor`.
    fn beats(&self, floor: f64, stage: &Stage<D>, used: &[i64; D], value: i64) -> bool {
        (0..SETS).all(|m| self.bound_by(m, stage, used, value) > floor)
    }

    /// Keeps the labels of largest completion bound and remembers what was dropped.
    fn truncate(&mut self, s: usize, labels: &mut Vec<Label<D>>) {
        let limit = if self.labels > self.task.budget {
            SPENT.min(self.task.label_limit)
        } else {
            self.task.label_limit
        };
        if labels.len() <= limit {
            return;
        }
        let mut ranked: Vec<(f64, u32)> = labels
            .iter()
            .enumerate()
            .map(|(i, label)| (self.bound(&self.stages[s], &label.used, label.value), i as u32))
            .collect();
        let better = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let (_, first_out, _) = ranked.select_nth_unstable_by(limit, better);
        self.dropped = self.dropped.max(first_out.0.ceil() as i64);
        ranked.truncate(limit);
        let mut kept: Vec<u32> = ranked.into_iter().map(|(_, i)| i).collect();
        kept.sort_unstable();
        *labels = kept.into_iter().map(|i| labels[i as usize]).collect();
    }

    /// Gives surviving labels their place on the trail and notes the best contents.
    fn record(&mut self, s: usize, labels: &mut [Label<D>]) {
        let item = self.stages[s].item as u32;
        for label in labels {
            if label.copies == 0 {
                continue;
            }
            self.trail.push((label.parent, item, label.copies));
            label.parent = (self.trail.len() - 1) as u32;
            if label.value > self.floor {
                self.found.push((label.value, label.parent));
                if self.found.len() >= 2 * self.task.keep + 16 {
                    self.trim();
                }
            }
        }
        if self.found.len() >= self.task.keep {
            self.trim();
        }
    }

    fn trim(&mut self) {
        self.found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        self.found.truncate(self.task.keep);
        if self.found.len() == self.task.keep {
            let last = self.found[self.task.keep - 1].0;
            self.floor = self.floor.max(last);
        }
    }

    fn answer(mut self) -> Priced {
        self.trim();
        let best = self.found.first().map_or(self.start, |f| f.0.max(self.start));
        let contents = self
            .found
            .iter()
            .map(|&(worth, entry)| {
                let mut content = Vec::new();
                let mut at = entry;
                while at != 0 {
                    let (parent, item, copies) = self.trail[at as usize];
                    content.push((self.task.items[item as usize].class, copies));
                    at = parent;
                }
                content.sort_unstable();
                content.dedup_by(|next, kept| {
                    let same = next.0 == kept.0;
                    if same {
                        kept.1 += next.1;
                    }
                    same
                });
                (worth, content)
            })
            .collect();
        Priced { contents, upper: best.max(self.dropped), labels: self.labels }
    }
}

/// The order in which a label comes after all that use no more and are worth no less.
fn order<const D: usize>(a: &Label<D>, b: &Label<D>) -> Ordering {
    let rest = || b.value.cmp(&a.value).then(a.parent.cmp(&b.parent));
    a.mask.cmp(&b.mask).then_with(|| a.used.cmp(&b.used)).then_with(rest)
}

/// Sorts labels that are sorted from each of `ends` to the next.
fn merge<const D: usize>(
    labels: &mut Vec<Label<D>>,
    ends: &mut Vec<usize>,
    spare: &mut Vec<Label<D>>,
) {
    while ends.len() > 1 {
        spare.clear();
        spare.reserve(labels.len());
        let pairs = ends.len().div_ceil(2);
        let mut begin = 0;
        for pair in 0..pairs {
            let middle = ends[2 * pair];
            let end = ends.get(2 * pair + 1).copied().unwrap_or(middle);
            let (mut few, mut more) = (&labels[begin..middle], &labels[middle..end]);
            while let ([a, after_a @ ..], [b, after_b @ ..]) = (few, more) {
                if order(b, a).is_lt() {
                    spare.push(*b);
                    more = after_b;
                } else {
                    spare.push(*a);
                    few = after_a;
                }
            }
            spare.extend_from_slice(few);
            spare.extend_from_slice(more);
            ends[pair] = end;
            begin = end;
        }
        ends.truncate(pairs);
        std::mem::swap(labels, spare);
    }
}

/// Removes labels that another one beats: uses no more, worth no less, same mask.
fn dominate<const D: usize>(labels: &mut Vec<Label<D>>) {
    match D {
        1 => dominate_one(labels),
        2 => dominate_two(labels),
        _ => dominate_many(labels),
    }
}

fn dominate_one<const D: usize>(labels: &mut Vec<Label<D>>) {
    let (mut mask, mut best) = (u32::MAX, i64::MIN);
    labels.retain(|label| {
        if label.mask != mask {
            (mask, best) = (label.mask, i64::MIN);
        }
        let kept = label.value > best;
        best = best.max(label.value);
        kept
    });
}

/// Labels come by first resource ascending; `stair` holds (second resource, value), both
/// ascending: the best value for at most that much of the second resource.
fn dominate_two<const D: usize>(labels: &mut Vec<Label<D>>) {
    let mut mask = u32::MAX;
    let mut stair = Stair::with_capacity(labels.len().min(AHEAD));
    labels.retain(|label| {
        if label.mask != mask {
            mask = label.mask;
            stair.clear();
        }
        climb(&mut stair, label.used[1], label.value)
    });
}

/// (resource, value), both ascending.
type Stair = Vec<(i64, i64)>;

/// Adds a step unless the stair already offers as much for no more; true where added.
fn climb(stair: &mut Stair, used: i64, value: i64) -> bool {
    let after = stair.partition_point(|step| step.0 <= used);
    if after > 0 && stair[after - 1].1 >= value {
        return false;
    }
    let mut end = after;
    while end < stair.len() && stair[end].1 <= value {
        end += 1;
    }
    let start = if after > 0 && stair[after - 1].0 == used { after - 1 } else { after };
    if start == end {
        stair.insert(start, (used, value));
    } else {
        stair[start] = (used, value);
        stair.drain(start + 1..end);
    }
    true
}

/// Third and further resources: one stair per distinct combination of them, up to a number
/// that keeps the check cheap. Dominance is optional: a label kept too many costs time only.
fn dominate_many<const D: usize>(labels: &mut Vec<Label<D>>) {
    const STAIRS: usize = 48;
    let mut mask = u32::MAX;
    let mut stairs: Vec<(Vec<i64>, Stair)> = Vec::new();
    labels.retain(|label| {
        if label.mask != mask {
            mask = label.mask;
            stairs.clear();
        }
        let tail = &label.used[2..];
        let beaten = stairs.iter().any(|(key, stair)| {
            key.iter().zip(tail).all(|(a, b)| a <= b) && {
                let after = stair.partition_point(|step| step.0 <= label.used[1]);
                after > 0 && stair[after - 1].1 >= label.value
            }
        });
        if beaten {
            return false;
        }
        if let Some((_, stair)) = stairs.iter_mut().find(|(key, _)| key == tail) {
            climb(stair, label.used[1], label.value);
        } else if stairs.len() < STAIRS {
            stairs.push((tail.to_vec(), vec![(label.used[1], label.value)]));
        }
        true
    });
}

#[cfg(test)]
#[path = "knapsack_tests.rs"]
mod tests;
