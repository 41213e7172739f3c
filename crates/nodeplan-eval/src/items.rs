//! One kind at one load point as a knapsack: which contents are there, what are they worth?
//!
//! Exactness survives every step here: pods that take equal amounts, earn equal worth and count
//! for equal conditions become one item (limits on the number of each just add up); resources
//! that cannot run out, given the others, are dropped. Only numbers beyond 58 bits are rounded,
//! in the direction that over-estimates.

use crate::kinds::Kinds;
use crate::knapsack::{Knapsack, Ready, RowTerm};
use crate::tree::{LeafView, PathRow};
use nodeplan_model::certificate::{Certificate, Condition};
use nodeplan_model::problem::Problem;

/// Most conditional rows kept exact; beyond, gains count always and losses never.
const MAX_ROWS: usize = 20;
/// Most resources a label keeps; beyond, the last are dropped (an over-estimate).
pub(crate) const MAX_DIMS: usize = 12;
/// Tolerance as a share of what is lost anyway, a power of two.
const TOLERANCE: u32 = 6;
/// Bits of all numbers in a knapsack.
const BITS: u32 = 58;

/// Everything a pricing needs.
#[derive(Clone, Copy)]
pub(crate) struct Pricing<'a> {
    pub problem: &'a Problem,
    pub certificate: &'a Certificate,
    pub kinds: &'a Kinds,
    pub view: &'a LeafView<'a>,
}

/// An item before the numbers are narrowed.
struct Raw {
    sizes: Vec<u64>,
    worth: i64,
    mask: u64,
    copies: u64,
}

/// The conditional rows at one kind and load point.
#[derive(Default)]
struct Conditional<'a> {
    conditions: Vec<&'a Condition>,
    /// Conditions as a bit set, signed worth.
    rows: Vec<(u64, i128)>,
}

impl Conditional<'_> {
    /// Whether the counters of the conditions outgrow a label.
    fn too_many(&self) -> bool {
        let bits: u32 =
            self.conditions.iter().map(|c| u32::BITS - c.at_least.leading_zeros()).sum();
        self.rows.len() > MAX_ROWS || bits > u64::BITS
    }
}

impl Pricing<'_> {
    /// What node contents of kind `j` at load point `s` can be worth; `None` on overflow.
    /// `hint`: multipliers of a similar task.
    pub(crate) fn task(&self, j: u32, s: usize, hint: &[i64]) -> Option<Task> {
        let kind = &self.kinds.all[j as usize];
        let limit = i128::from(self.certificate.scale)
            .checked_mul(i128::from(self.problem.points()[s].weight_millis))?
            .checked_mul(i128::from(kind.rate))?
            .checked_div(i128::from(self.certificate.unit))?;
        let mut constant = self.constant(j, s)?;
        let mut rows = self.conditional(j, s);
        let mut rough = false;
        if rows.too_many() {
            constant = constant.checked_add(rows.rows.iter().map(|row| row.1.max(0)).sum())?;
            rows = Conditional::default();
            rough = true;
        }
        let capacities = kind.room.capacities();
        let mut items = self.items(j, s, &rows);
        constant = constant.checked_add(free_items(&mut items))?;
        let live = live_dims(&items, &capacities);
        rough |= live.len() > MAX_DIMS;
        let live = &live[..live.len().min(MAX_DIMS)];
        constant = constant.checked_add(project(&mut items, live))?;
        let caps: Vec<u64> = live.iter().map(|&d| capacities[d]).collect();
        merge(&mut items, &caps);
        let room = limit.checked_sub(constant)?;
        let (knapsack, shift) = narrow(items, caps, &rows, room)?;
        let ready = Ready::of(knapsack, hint);
        Some(Task { limit, constant, shift, ready, rough: rough || shift > 0 })
    }

    /// Worth that does not depend on the content.
    fn constant(&self, j: u32, s: usize) -> Option<i128> {
        let leaf = self.view.leaf;
        let mut sum = 0_i128;
        if self.kinds.all[j as usize].serves_system {
            sum += i128::from(leaf.system.get(s).copied().unwrap_or(0));
        }
        let from = leaf.coupling.partition_point(|entry| entry.0 < j);
        for &(_, small, large, dual) in leaf.coupling[from..].iter().take_while(|e| e.0 == j) {
            if small as usize == s {
                sum = sum.checked_sub(i128::from(dual))?;
            }
            if large as usize == s {
                sum = sum.checked_add(i128::from(dual))?;
            }
        }
        for (row, &dual) in self.view.rows.iter().zip(&leaf.path) {
            if row.row.conditions.is_empty() && counts(row, j, s) {
                sum = sum.checked_add(signed(row, dual))?;
            }
        }
        Some(sum)
    }

    fn conditional(&self, j: u32, s: usize) -> Conditional<'_> {
        let mut out = Conditional::default();
        for (row, &dual) in self.view.rows.iter().zip(&self.view.leaf.path) {
            if row.row.conditions.is_empty() || dual == 0 || !counts(row, j, s) {
                continue;
            }
            let mut mask = 0;
            for condition in &row.row.conditions {
                let known = out.conditions.iter().position(|&known| known == condition);
                let at = known.unwrap_or_else(|| {
                    out.conditions.push(condition);
                    out.conditions.len() - 1
                });
                mask |= 1_u64.checked_shl(at as u32).unwrap_or(0);
            }
            out.rows.push((mask, signed(row, dual)));
        }
        out
    }

    /// Pods worth something, or that count for a condition.
    fn items(&self, j: u32, s: usize, rows: &Conditional<'_>) -> Vec<Raw> {
        let kind = &self.kinds.all[j as usize];
        let mut row = Vec::new();
        let mut items: Vec<Raw> = Vec::new();
        let demand = self.problem.demand().row(s);
        let duals = &self.view.leaf.demand[s];
        let mut masks = vec![0_u64; if rows.conditions.is_empty() { 0 } else { duals.len() }];
        for (at, condition) in rows.conditions.iter().enumerate() {
            for id in &condition.workloads {
                masks[id.index()] |= 1 << at;
            }
        }
        for shape in &self.kinds.shapes {
            let most = kind.copies(shape, &mut row);
            if most == 0 {
                continue;
            }
            // Neighbours that are worth the same make one item at once.
            let first = items.len();
            for &i in &shape.members {
                let (pods, worth) = (demand[i], duals[i]);
                let mask = masks.get(i).copied().unwrap_or(0);
                if pods == 0 || (worth == 0 && mask == 0) {
                    continue;
                }
                let copies = most.min(u64::from(pods));
                match items[first..].last_mut() {
                    Some(last) if (last.worth, last.mask) == (worth, mask) => last.copies += copies,
                    _ => items.push(Raw { sizes: row.clone(), worth, mask, copies }),
                }
            }
        }
        items
    }
}

/// One kind at one load point, ready to be priced.
pub(crate) struct Task {
    /// Rate × weight in the certificate's units: what a content may be worth.
    pub limit: i128,
    constant: i128,
    shift: u32,
    /// The knapsack of what depends on the content.
    pub ready: Ready,
    rough: bool,
}

/// A task after a search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priced {
    /// An upper bound on the worth of all contents, if above what was asked.
    pub above: Option<i128>,
    /// The worth of some content.
    pub seen: i128,
    /// Labels made.
    pub labels: u64,
    /// The search was not carried to its end.
    pub cut_short: bool,
    /// The bound is an over-estimate, for that reason or because numbers were rounded.
    pub rough: bool,
}

impl Task {
    /// What a worth in the knapsack is as a worth of the content; `None` on overflow.
    pub(crate) fn whole(&self, worth: i64) -> Option<i128> {
        (i128::from(worth) << self.shift).checked_add(self.constant)
    }

    /// Is a content worth more than `allowed`, which is at least the limit? With
    /// `near` the search may lose that share, a power of two, or a little more of what is lost
    /// anyway.
    pub(crate) fn price(&self, allowed: i128, quota: u64, near: Option<u32>) -> Option<Priced> {
        let lost = allowed.saturating_sub(self.limit) >> TOLERANCE;
        let may_go = |near: u32| (lost.max(allowed >> near) >> self.shift).clamp(0, 1 << 58) as i64;
        let tolerance = near.map_or(0, may_go);
        let room = allowed.checked_sub(self.constant)? >> self.shift;
        let room = room.clamp(-1, 1 << 60) as i64;
        let outcome = self.ready.search(room, quota, tolerance);
        let above = match outcome.above {
            Some(worth) => Some(self.whole(worth)?),
            None => None,
        };
        Some(Priced {
            above,
            seen: self.whole(outcome.seen)?,
            labels: outcome.labels,
            cut_short: outcome.cut_short,
            rough: outcome.cut_short || self.rough,
        })
    }
}

/// Whether nodes of kind `j` at `s` may count in a row.
fn counts(row: &PathRow<'_>, j: u32, s: usize) -> bool {
    row.row.point as usize == s
        && (row.row.kinds.is_empty() || row.row.kinds.binary_search(&j).is_ok())
}

fn signed(row: &PathRow<'_>, dual: i64) -> i128 {
    if row.at_least { i128::from(dual) } else { -i128::from(dual) }
}

/// Removes items that take nothing and count for nothing; returns what all of them are worth.
fn free_items(items: &mut Vec<Raw>) -> i128 {
    let mut sum = 0;
    items.retain(|item| {
        let free = item.mask == 0 && item.sizes.iter().all(|&size| size == 0);
        if free {
            sum += i128::from(item.worth) * i128::from(item.copies);
        }
        !free
    });
    sum
}

/// Dimensions that can run out. One that cannot even when everything is on board goes; so does
/// one that a remaining dimension keeps within its capacity.
fn live_dims(items: &[Raw], capacities: &[u64]) -> Vec<usize> {
    let total = |d: usize| -> u128 {
        items.iter().map(|item| u128::from(item.sizes[d]) * u128::from(item.copies)).sum()
    };
    let mut live: Vec<usize> =
        (0..capacities.len()).filter(|&d| total(d) > u128::from(capacities[d])).collect();
    for d in (0..capacities.len()).rev() {
        let others: Vec<usize> = live.iter().copied().filter(|&e| e != d).collect();
        if live.contains(&d) && others.iter().any(|&e| implied(items, capacities, d, e)) {
            live = others;
        }
    }
    live
}

/// Whether dimension `d` stays within its capacity whenever dimension `e` does: the fractional
/// knapsack of filling `d` under `e` is small enough.
fn implied(items: &[Raw], capacities: &[u64], d: usize, e: usize) -> bool {
    let mut order: Vec<&Raw> = items.iter().filter(|item| item.sizes[d] > 0).collect();
    let cross = |a: &Raw, b: &Raw| u128::from(a.sizes[d]) * u128::from(b.sizes[e]);
    order.sort_by(|a, b| cross(b, a).cmp(&cross(a, b)));
    let (mut filled, mut left) = (0_u128, u128::from(capacities[e]));
    for item in order {
        let (size, copies) = (u128::from(item.sizes[e]), u128::from(item.copies));
        if size * copies <= left {
            left -= size * copies;
            filled += u128::from(item.sizes[d]) * copies;
        } else {
            // Rounding up is safe: it only keeps a dimension that could go.
            filled += (u128::from(item.sizes[d]) * left).div_ceil(size);
            break;
        }
    }
    filled <= u128::from(capacities[d])
}

/// Keeps the `live` dimensions only; returns the worth of items that then take nothing.
fn project(items: &mut Vec<Raw>, live: &[usize]) -> i128 {
    for item in items.iter_mut() {
        item.sizes = live.iter().map(|&d| item.sizes[d]).collect();
    }
    free_items(items)
}

/// Makes one item of equal ones.
fn merge(items: &mut Vec<Raw>, capacities: &[u64]) {
    items.sort_by(|a, b| (a.mask, &a.sizes, b.worth).cmp(&(b.mask, &b.sizes, a.worth)));
    items.dedup_by(|next, kept| {
        let equal = (next.mask, &next.sizes, next.worth) == (kept.mask, &kept.sizes, kept.worth);
        if equal {
            kept.copies += next.copies;
        }
        equal
    });
    for item in items {
        let fits = item.sizes.iter().zip(capacities).filter_map(|(s, c)| c.checked_div(*s));
        item.copies = fits.fold(item.copies, u64::min);
    }
}

/// Fits all numbers into [`BITS`], rounding worth up and the limit down where they do not;
/// returns the number of bits lost.
fn narrow(
    items: Vec<Raw>,
    capacities: Vec<u64>,
    rows: &Conditional<'_>,
    limit: i128,
) -> Option<(Knapsack, u32)> {
    let mut total = 0_i128;
    for item in &items {
        total = total.checked_add(i128::from(item.worth).checked_mul(i128::from(item.copies))?)?;
    }
    let ends = rows.rows.iter().try_fold(0_i128, |sum, row| sum.checked_add(row.1.abs()))?;
    let largest = total.checked_add(ends)?;
    // A limit beyond everything that can be earned is as good as that plus one.
    let limit = limit.clamp(-1, largest.checked_add(1)?);
    let shift = (128 - largest.leading_zeros()).saturating_sub(BITS);
    let up = |amount: i128| -> i64 {
        let floor = amount >> shift;
        let up = if floor << shift == amount { floor } else { floor + 1 };
        up as i64
    };
    let met = |at: usize| -> u64 {
        items.iter().filter(|item| item.mask >> at & 1 == 1).map(|item| item.copies).sum()
    };
    let reachable: u64 = rows
        .conditions
        .iter()
        .enumerate()
        .filter(|(at, condition)| met(*at) >= u64::from(condition.at_least))
        .fold(0, |set, (at, _)| set | 1 << at);
    let knapsack = Knapsack {
        sizes: items.iter().flat_map(|item| item.sizes.iter().copied()).collect(),
        worths: items.iter().map(|item| up(i128::from(item.worth))).collect(),
        copies: items.iter().map(|item| item.copies).collect(),
        masks: items.iter().map(|item| item.mask).collect(),
        rows: rows
            .rows
            .iter()
            .filter(|row| row.0 & !reachable == 0)
            .map(|row| RowTerm { mask: row.0, worth: up(row.1) })
            .collect(),
        at_least: rows.conditions.iter().map(|c| c.at_least).collect(),
        capacities,
        limit: (limit >> shift) as i64,
    };
    Some((knapsack, shift))
}
