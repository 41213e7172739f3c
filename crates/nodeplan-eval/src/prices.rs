//! Multipliers: what the scarce resources of a node are worth, for bounds on partial contents.
//!
//! Give each resource d a worth Λ_d for the whole node; an item then pays p = Σ_d ⌊Λ_d·share⌋
//! for its shares of the node, rounded down, so that all items on a node pay at most Σ Λ_d
//! together. What an item is worth beyond its pay is its *profit* r. Every content is worth at
//! most Σ Λ_d + Σ copies·max(0, r) (Lagrange; any Λ ≥ 0 is valid). The search below looks for
//! the least such bound in two resources at a time by interval reduction; how well it does
//! decides speed, never truth.

use crate::knapsack::Knapsack;
use std::cmp::Ordering;

/// Multiplier sets per knapsack.
pub(crate) const SETS: usize = 3;
/// Fixed point of the shares.
const POINT: u32 = 44;
/// Steps of each interval search.
const STEPS: u32 = 26;
/// Largest multiplier. A content is worth less, and a dozen of them still add up.
const MOST: i64 = 1 << 59;
/// Fixed point of the shares of a dimension that may go.
const FINE: u32 = 20;
/// What a full dimension is tried to be worth, in multiples of what is in doubt.
const TILTS: [u128; 3] = [2, 4, 12];
/// Search weights are in sixteenths.
const WHOLE: u64 = 16;
/// Stretched capacities of the further sets: (first, second) resource.
const SKEWS: [(u64, u64); SETS - 1] = [(16, 9), (9, 16)];

/// One multiplier set with what it makes of the items.
pub(crate) struct Prices {
    /// Σ Λ.
    pub total: i64,
    /// Worth of each item beyond its pay.
    pub profits: Vec<i64>,
}

/// The search for multipliers on one knapsack.
struct Search<'a> {
    knapsack: &'a Knapsack,
    dims: usize,
    /// Items × dims: share of the node's capacity, fixed point, rounded down.
    shares: Vec<u64>,
    /// Per dimension, in sixteenths: how much capacity counts in the search.
    weights: Vec<u64>,
    target: i64,
}

/// Either a proof that no content is worth more than the limit, or multipliers to search with.
pub(crate) enum Found {
    /// Nothing is above the limit, by these multipliers.
    Settled(Vec<i64>),
    /// Something may be.
    Sets {
        /// The sets, best first.
        sets: Vec<Prices>,
        /// No content is worth more.
        upper: i64,
        /// Multipliers of the best set.
        lambdas: Vec<i64>,
    },
}

/// Looks for multipliers, from those of a similar knapsack where there are any.
pub(crate) fn find(knapsack: &Knapsack, hint: &[i64]) -> Found {
    let dims = knapsack.capacities.len();
    let gains: i64 = knapsack.rows.iter().map(|row| row.worth.max(0)).sum();
    let mut search = Search::of(knapsack, knapsack.limit - gains);
    let mut best = if hint.len() == dims { hint.to_vec() } else { vec![0; dims] };
    best.iter_mut().for_each(|lambda| *lambda = (*lambda).clamp(0, MOST));
    let bound = search.minimise(&mut best);
    if bound <= search.target {
        return Found::Settled(best);
    }
    let mut sets = vec![search.prices(&best)];
    for (first, second) in SKEWS {
        let mut skewed = best.clone();
        if dims > 1 {
            (search.weights[0], search.weights[1]) = (first, second);
            search.target = i64::MIN;
            search.minimise(&mut skewed);
        }
        sets.push(search.prices(&skewed));
    }
    Found::Sets { sets, upper: bound + gains, lambdas: best }
}

/// Whether every content worth more than `bar` keeps dimension `d` within its capacity anyway,
/// given the other dimensions: then it can go.
///
/// Give a full dimension `d` a worth of W on top: if even then no content is worth more than
/// `bar` + W, one worth more than `bar` alone takes less than the whole of `d`.
pub(crate) fn spare(knapsack: &Knapsack, d: usize, bar: i64, upper: i64) -> bool {
    let dims = knapsack.capacities.len();
    let gains: i64 = knapsack.rows.iter().map(|row| row.worth.max(0)).sum();
    let capacity = u128::from(knapsack.capacities[d]);
    let shares: Vec<u64> = (0..knapsack.worths.len())
        .map(|item| {
            let size = u128::from(knapsack.sizes[item * dims + d]);
            (size << FINE).div_ceil(capacity.max(1)) as u64
        })
        .collect();
    let load = shares.iter().zip(&knapsack.copies).map(|(s, n)| u128::from(*s) * u128::from(*n));
    let load: u128 = load.sum();
    let without = |row: &[u64]| -> Vec<u64> {
        let others = row.iter().enumerate().filter(|(e, _)| *e != d);
        others.map(|(_, &size)| size).collect()
    };
    let mut trial = Knapsack {
        capacities: without(&knapsack.capacities),
        sizes: knapsack.sizes.chunks(dims).flat_map(without).collect(),
        rows: Vec::new(),
        ..knapsack.clone()
    };
    let mut lambdas = vec![0; dims - 1];
    TILTS.iter().any(|tilt| {
        let each = (u128::from((upper - bar).max(1).unsigned_abs()) * tilt) >> FINE;
        let each = each.max(1);
        if capacity == 0 || each * (load + (1 << FINE)) > u128::from(MOST.unsigned_abs()) {
            return false;
        }
        let each = each as i64;
        for ((worth, &own), &share) in trial.worths.iter_mut().zip(&knapsack.worths).zip(&shares) {
            *worth = own + each * share as i64;
        }
        let search = Search::of(&trial, bar - gains + (each << FINE));
        search.minimise(&mut lambdas) <= search.target
    })
}

fn pay(lambda: i64, share: u64) -> i64 {
    // Λ < 2^60 and shares ≤ 2^44: the product fits and the quotient is at most Λ.
    ((i128::from(lambda) * i128::from(share)) >> POINT) as i64
}

impl<'a> Search<'a> {
    fn of(knapsack: &'a Knapsack, target: i64) -> Self {
        let dims = knapsack.capacities.len();
        let mut shares = Vec::with_capacity(knapsack.sizes.len());
        for (at, &size) in knapsack.sizes.iter().enumerate() {
            let wide = u128::from(size) << POINT;
            let share = wide.checked_div(u128::from(knapsack.capacities[at % dims])).unwrap_or(0);
            shares.push(u64::try_from(share).unwrap_or(u64::MAX));
        }
        Self { knapsack, dims, shares, weights: vec![WHOLE; dims], target }
    }
    fn prices(&self, lambdas: &[i64]) -> Prices {
        let profits = (0..self.knapsack.worths.len())
            .map(|item| self.rest(lambdas, item, usize::MAX))
            .collect();
        Prices { total: lambdas.iter().sum(), profits }
    }

    /// Worth of an item beyond its pay for all dimensions but `except`.
    fn rest(&self, lambdas: &[i64], item: usize, except: usize) -> i64 {
        let shares = &self.shares[item * self.dims..(item + 1) * self.dims];
        let mut rest = self.knapsack.worths[item];
        for (d, (&lambda, &share)) in lambdas.iter().zip(shares).enumerate() {
            if d != except && lambda > 0 {
                rest -= pay(lambda, share);
            }
        }
        rest
    }

    /// The bound, with capacities weighted; in sixteenths.
    fn weighted(&self, lambdas: &[i64]) -> i128 {
        let total: i128 = lambdas
            .iter()
            .zip(&self.weights)
            .map(|(&lambda, &weight)| i128::from(lambda) * i128::from(weight))
            .sum();
        total + i128::from(WHOLE) * i128::from(self.surplus(lambdas))
    }

    /// Σ copies·max(0, profit).
    fn surplus(&self, lambdas: &[i64]) -> i64 {
        (0..self.knapsack.worths.len())
            .map(|item| {
                let profit = self.rest(lambdas, item, usize::MAX);
                if profit > 0 { profit * self.knapsack.copies[item] as i64 } else { 0 }
            })
            .sum()
    }

    fn bound(&self, lambdas: &[i64]) -> i64 {
        lambdas.iter().sum::<i64>() + self.surplus(lambdas)
    }

    /// Improves `lambdas`; stops early at the target. Returns the bound.
    fn minimise(&self, lambdas: &mut Vec<i64>) -> i64 {
        let mut best = self.bound(lambdas);
        for d in 0..self.dims {
            if best <= self.target {
                return best;
            }
            self.line(lambdas, d);
            best = self.bound(lambdas);
        }
        for _ in 0..3 {
            let before = self.weighted(lambdas);
            for b in 1..self.dims {
                for a in 0..b {
                    best = self.bound(lambdas);
                    if best <= self.target {
                        return best;
                    }
                    self.pair(lambdas, a, b);
                }
            }
            let after = self.weighted(lambdas);
            if self.dims < 3 || before - after <= before >> 14 {
                break;
            }
        }
        self.bound(lambdas)
    }

    /// Best value of dimension `d`, the others fixed; never worse than before. Returns the
    /// weighted bound.
    fn line(&self, lambdas: &mut [i64], d: usize) -> i128 {
        let mut fixed = 0_i128;
        let mut entries: Vec<Entry> = Vec::with_capacity(self.knapsack.worths.len());
        for (item, &copies) in self.knapsack.copies.iter().enumerate() {
            let rest = self.rest(lambdas, item, d);
            let share = self.shares[item * self.dims + d];
            if rest > 0 && share > 0 {
                entries.push(Entry { rest, share, copies });
            } else if rest > 0 {
                fixed += i128::from(rest) * i128::from(copies);
            }
        }
        let others: i128 = lambdas
            .iter()
            .zip(&self.weights)
            .enumerate()
            .filter(|(e, _)| *e != d)
            .map(|(_, (&lambda, &weight))| i128::from(lambda) * i128::from(weight))
            .sum();
        let turn = turn(&mut entries, (self.weights[d] << POINT) / WHOLE);
        let value = |lambda: i64| -> i128 {
            let surplus: i128 = entries
                .iter()
                .map(|entry| {
                    let profit = entry.rest - pay(lambda, entry.share);
                    i128::from(profit.max(0)) * i128::from(entry.copies)
                })
                .sum();
            let own = i128::from(lambda) * i128::from(self.weights[d]);
            others + own + i128::from(WHOLE) * (fixed + surplus)
        };
        let choices = [turn, turn + 1, lambdas[d]].map(|lambda| (value(lambda), lambda));
        let best = choices.into_iter().min().unwrap_or_default();
        lambdas[d] = best.1;
        best.0
    }

    /// Best pair of values of dimensions `a` and `b`: golden section over `a`, each value with
    /// its best `b`.
    fn pair(&self, lambdas: &mut Vec<i64>, a: usize, b: usize) {
        let top = self.bound(lambdas).min(MOST);
        let enough = i128::from(self.target) * i128::from(WHOLE);
        let mut best = (self.weighted(lambdas), lambdas.clone());
        let (mut low, mut high) = (0_i64, top);
        let mut trial = lambdas.clone();
        let mut probe = |value: i64| -> i128 {
            trial.copy_from_slice(&best.1);
            trial[a] = value;
            let worth = self.line(&mut trial, b);
            if worth < best.0 {
                best.0 = worth;
                best.1.copy_from_slice(&trial);
            }
            worth
        };
        let golden = |low: i64, high: i64| (i128::from(high - low) * 618 / 1000) as i64;
        let (mut left, mut right) = (high - golden(low, high), low + golden(low, high));
        let (mut at_left, mut at_right) = (probe(left), probe(right));
        for _ in 0..STEPS {
            if at_left.min(at_right) <= enough {
                break;
            }
            if at_left <= at_right {
                high = right;
                (right, at_right) = (left, at_left);
                left = high - golden(low, high);
                at_left = probe(left);
            } else {
                low = left;
                (left, at_left) = (right, at_right);
                right = low + golden(low, high);
                at_right = probe(right);
            }
        }
        *lambdas = best.1;
    }
}

/// An item on a line: worth before the dimension's pay, share of the dimension, copies.
#[derive(Clone, Copy)]
struct Entry {
    rest: i64,
    share: u64,
    copies: u64,
}

/// Where the dimension turns from scarce to plenty: the worth of all of it at which the item
/// that no longer fits earns nothing, in order of worth per share. By selection, not sorting.
fn turn(entries: &mut [Entry], capacity: u64) -> i64 {
    let load = |entries: &[Entry]| -> u128 {
        entries.iter().map(|e| u128::from(e.share) * u128::from(e.copies)).sum()
    };
    let mut left = u128::from(capacity);
    let mut open = entries;
    loop {
        let Some(&pivot) = open.get(open.len() / 2) else { return 0 };
        let denser = |e: &Entry| {
            let own = i128::from(e.rest) * i128::from(pivot.share);
            own.cmp(&(i128::from(pivot.rest) * i128::from(e.share)))
        };
        let (mut start, mut at, mut end) = (0, 0, open.len());
        while at < end {
            match denser(&open[at]) {
                Ordering::Greater => {
                    open.swap(start, at);
                    start += 1;
                    at += 1;
                }
                Ordering::Equal => at += 1,
                Ordering::Less => {
                    end -= 1;
                    open.swap(at, end);
                }
            }
        }
        let first = load(&open[..start]);
        if first > left {
            open = &mut open[..start];
            continue;
        }
        let equal = load(&open[start..end]);
        if first + equal > left {
            let turn = (i128::from(pivot.rest) << POINT) / i128::from(pivot.share);
            return i64::try_from(turn).unwrap_or(MOST).min(MOST);
        }
        left -= first + equal;
        open = &mut open[end..];
    }
}
