//! Multipliers: what the scarce resources of a node are worth, for bounds on partial contents.
//!
//! Give each resource d a worth Λ_d for the whole node; an item then pays p = Σ_d ⌊Λ_d·share⌋
//! for its shares of the node, rounded down, so that all items on a node pay at most Σ Λ_d
//! together. What an item is worth beyond its pay is its *profit* r. Every content is worth at
//! most Σ Λ_d + Σ copies·max(0, r) (Lagrange; any Λ ≥ 0 is valid). The search below looks for
//! the least such bound in two resources at a time by interval reduction; how well it does
//! decides speed, never truth.

use crate::knapsack::Knapsack;

/// Multiplier sets per knapsack.
pub(crate) const SETS: usize = 3;
/// Fixed point of the shares.
const POINT: u32 = 44;
/// Steps of each interval search.
const STEPS: u32 = 26;
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
    /// Nothing is above the limit.
    Settled,
    /// The sets, best first.
    Sets(Vec<Prices>),
}

/// Looks for multipliers.
pub(crate) fn find(knapsack: &Knapsack) -> Found {
    let dims = knapsack.capacities.len();
    let mut shares = Vec::with_capacity(knapsack.sizes.len());
    for (at, &size) in knapsack.sizes.iter().enumerate() {
        let wide = u128::from(size) << POINT;
        let share = wide.checked_div(u128::from(knapsack.capacities[at % dims])).unwrap_or(0);
        shares.push(u64::try_from(share).unwrap_or(u64::MAX));
    }
    let gains: i64 = knapsack.rows.iter().map(|row| row.worth.max(0)).sum();
    let target = knapsack.limit - gains;
    let mut search = Search { knapsack, dims, shares, weights: vec![WHOLE; dims], target };
    let mut best = vec![0; dims];
    if search.minimise(&mut best) <= target {
        return Found::Settled;
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
    Found::Sets(sets)
}

fn pay(lambda: i64, share: u64) -> i64 {
    // Λ < 2^60 and shares ≤ 2^44: the product fits and the quotient is at most Λ.
    ((i128::from(lambda) * i128::from(share)) >> POINT) as i64
}

impl Search<'_> {
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
            let high = lambdas.iter().sum::<i64>() + self.surplus(lambdas);
            self.line(lambdas, d, high);
            best = best.min(self.bound(lambdas));
        }
        for _ in 0..3 {
            let before = self.weighted(lambdas);
            for b in 1..self.dims {
                for a in 0..b {
                    if self.bound(lambdas) <= self.target {
                        return self.bound(lambdas);
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

    /// Best value of dimension `d`, the others fixed; never worse than before.
    fn line(&self, lambdas: &mut [i64], d: usize, high: i64) {
        let rests: Vec<(i64, u64, u64)> = (0..self.knapsack.worths.len())
            .filter_map(|item| {
                let share = self.shares[item * self.dims + d];
                let rest = self.rest(lambdas, item, d);
                let copies = self.knapsack.copies[item];
                (rest > 0 && share > 0).then_some((rest, share, share.saturating_mul(copies)))
            })
            .collect();
        let capacity = (self.weights[d] << POINT) / WHOLE;
        let (mut low, mut high) = (0_i64, high.max(0));
        for _ in 0..STEPS + 14 {
            if high - low <= 1 {
                break;
            }
            let mid = low + (high - low) / 2;
            let mut load = 0_u64;
            for &(rest, share, whole) in &rests {
                if rest > pay(mid, share) {
                    load = load.saturating_add(whole);
                }
            }
            if load > capacity {
                low = mid;
            } else {
                high = mid;
            }
        }
        let mut choices = [lambdas[d], low, high].map(|value| {
            lambdas[d] = value;
            (self.weighted(lambdas), value)
        });
        choices.sort_unstable();
        lambdas[d] = choices[0].1;
    }

    /// Best pair of values of dimensions `a` and `b`: golden section over `a`, each value with
    /// its best `b`.
    fn pair(&self, lambdas: &mut Vec<i64>, a: usize, b: usize) {
        let top = self.bound(lambdas).min(i64::MAX / 4);
        let mut best = (self.weighted(lambdas), lambdas.clone());
        let (mut low, mut high) = (0_i64, top);
        let mut probe = |value: i64| -> i128 {
            let mut trial = best.1.clone();
            trial[a] = value;
            self.line(&mut trial, b, top);
            let worth = self.weighted(&trial);
            if worth < best.0 {
                best = (worth, trial);
            }
            worth
        };
        let golden = |low: i64, high: i64| (i128::from(high - low) * 618 / 1000) as i64;
        let (mut left, mut right) = (high - golden(low, high), low + golden(low, high));
        let (mut at_left, mut at_right) = (probe(left), probe(right));
        for _ in 0..STEPS {
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
