//! What an interval costs at least where the cost of all numbers of pods is known exactly.
//!
//! min over stocks s of r_s Δ + Σ_i θ_i · misses_i(λ_i, n_si) + φ_i · max(k_i − n_si, 0),
//!
//! k_i being the pods that must be kept, and φ_i what a missing one is worth: of all φ_i that may be
//! missing over the run, as much is paid back, as with misses. A number of pods at its limit stands
//! for all from there on, and misses nothing. Pod time brings p_i for each pod; beyond the limits k_i
//! more pods cost, with legal linear prices y, at least y·(n + k), and with the worth of pod time
//! capped at p ≤ y (a smaller worth is as true)
//!
//! max(r Δ, c + y·(n + k)) − p·(n + k) ≥ r Δ − p·n − max(r Δ − c − y·n, 0):
//!
//! where p·k is no more than that slack the first term of the maximum shows it, else the second.
//! Nor can they bring more than p times the rooms that are left.

use super::{Prices, Rows, alike, missed};
use crate::stocks::Stocks;
use nodeplan_model::floor::{FloorTerms, Presence, Requirement};

/// Intervals that are alike, with what each number of pods misses in them.
#[derive(Clone, Debug)]
pub struct Stocked<'a> {
    terms: &'a FloorTerms,
    stocks: &'a Stocks,
    rooms: &'a [u32],
    /// What each stock costs in an interval.
    costs: Vec<i128>,
    /// Linear prices of a pod in an interval, and what is added to them.
    linear: (Vec<i128>, i128),
    rows: Rows,
    /// Workloads × different arrivals × pods: what is missed.
    misses: Vec<Vec<Vec<u64>>>,
}

/// A value, and how it changes with each worth (a supergradient).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sloped {
    /// The floor, before it is cut at zero.
    pub value: i128,
    /// For each workload what its misses exceed what it may miss by, thousandths; for pod time,
    /// the pods in intervals by which it is not provided.
    pub slopes: Vec<i128>,
    /// For each workload by what its pods that must be kept are missing more than they may,
    /// thousandths.
    pub presence_slopes: Vec<i128>,
}

impl Sloped {
    /// The slope of a worth, those of misses and pod time first, then those of presence.
    #[must_use]
    pub fn slope(&self, at: usize) -> i128 {
        self.slopes.iter().chain(&self.presence_slopes).copied().nth(at).unwrap_or(0)
    }
}

impl<'a> Stocked<'a> {
    /// Tables, with arrivals rounded down to so many leading bits; none where numbers are too
    /// large. `linear`: prices for pods beyond the limits of the stocks.
    #[must_use]
    pub fn new(
        terms: &'a FloorTerms,
        stocks: &'a Stocks,
        linear: Option<&Prices>,
        rooms: &'a [u32],
        digits: u32,
    ) -> Option<Self> {
        let (rows, different) = alike(terms, digits);
        let interval = i128::from(terms.interval_millis);
        let cost = |rate: u128| i128::try_from(rate).ok()?.checked_mul(interval);
        let costs = stocks.all.iter().map(|stock| cost(stock.rate)).collect::<Option<_>>()?;
        let each = terms.requirements.iter().zip(&different).zip(&stocks.limits);
        let misses = each.map(|((one, different), limit)| table(one, different, *limit)).collect();
        let count = terms.requirements.len();
        let linear = match linear {
            Some(prices) => {
                let most = rooms.iter().zip(&stocks.limits).map(|(room, limit)| *room.max(limit));
                prices.line(terms.interval_millis, &most.collect::<Vec<u32>>())?
            }
            None => (vec![0; count], 0),
        };
        Some(Self { terms, stocks, rooms, costs, linear, rows, misses })
    }

    /// Stocks times different rows of arrivals.
    #[must_use]
    pub fn size(&self) -> usize {
        self.costs.len().saturating_mul(self.rows.len())
    }

    /// The floor with these worths, of misses and pod time, and of presence (none: all zero). None
    /// where numbers are too large.
    #[must_use]
    pub fn total(&self, worths: &[u64], presence: &[u64]) -> Option<Sloped> {
        let timed = self.timed(worths);
        let mut bases = self.bases(&timed)?;
        for (base, stock) in bases.iter_mut().zip(&self.stocks.all) {
            for ((at, one), &worth) in self.terms.presence.iter().enumerate().zip(presence) {
                let lacking = self.lacking(at, one, &stock.pods).checked_mul(i128::from(worth))?;
                *base = base.checked_add(lacking)?;
            }
        }
        let mut order: Vec<usize> = (0..bases.len()).collect();
        order.sort_by_key(|&at| bases[at]);
        let mut all = Sloped {
            value: 0,
            slopes: vec![0; worths.len()],
            presence_slopes: vec![0; self.terms.presence.len()],
        };
        for (row, times) in &self.rows {
            let times = i128::try_from(*times).ok()?;
            let (least, chosen) = self.least(row, worths, &bases, &order)?;
            all.value = all.value.checked_add(least.checked_mul(times)?)?;
            let pods = &self.stocks.all[chosen].pods;
            for (at, slope) in all.slopes.iter_mut().enumerate() {
                let part = match &self.terms.requirements[at] {
                    Requirement::Nothing => 0,
                    Requirement::PodTime { .. } => -i128::from(pods[at]),
                    Requirement::Requests { .. } => {
                        i128::from(self.misses[at][row[at] as usize][pods[at] as usize])
                    }
                };
                *slope = slope.checked_add(part.checked_mul(times)?)?;
            }
            for ((at, one), slope) in
                self.terms.presence.iter().enumerate().zip(&mut all.presence_slopes)
            {
                let part = self.lacking(at, one, pods).checked_mul(times)?;
                *slope = slope.checked_add(part)?;
            }
        }
        for (at, one) in self.terms.presence.iter().enumerate() {
            let spare = i128::try_from(one.spare_milli).ok()?;
            let worth = i128::from(presence.get(at).copied().unwrap_or(0));
            all.value = all.value.checked_sub(worth.checked_mul(spare)?)?;
            all.presence_slopes[at] = all.presence_slopes[at].checked_sub(spare)?;
        }
        self.settle(all, worths, &timed)
    }

    /// Thousandths of pods that must be kept and are not there; none at the limit, which stands for
    /// any number.
    fn lacking(&self, at: usize, one: &Presence, pods: &[u32]) -> i128 {
        let lacking =
            if pods[at] == self.stocks.limits[at] { 0 } else { one.pods.saturating_sub(pods[at]) };
        i128::from(lacking) * 1000
    }

    /// What pod time is worth: no more than its linear price.
    fn timed(&self, worths: &[u64]) -> Vec<i128> {
        let all = self.terms.requirements.iter().zip(worths).zip(&self.linear.0);
        all.map(|((one, &worth), &price)| match one {
            Requirement::PodTime { .. } => i128::from(worth).min(price),
            _ => 0,
        })
        .collect()
    }

    /// What each stock costs in an interval, less what its pods bring, at the limits at most.
    fn bases(&self, timed: &[i128]) -> Option<Vec<i128>> {
        if timed.iter().all(|worth| *worth == 0) {
            return Some(self.costs.clone());
        }
        let base = |(stock, &cost): (&crate::stocks::Stock, &i128)| {
            let (mut brings, mut beyond, mut line) = (0_i128, 0_i128, self.linear.1);
            for (at, &pods) in stock.pods.iter().enumerate() {
                line = line.checked_add(self.linear.0[at].checked_mul(i128::from(pods))?)?;
                brings = brings.checked_add(timed[at].checked_mul(i128::from(pods))?)?;
                if pods == self.stocks.limits[at] {
                    let left = i128::from(self.rooms[at].saturating_sub(pods));
                    beyond = beyond.checked_add(timed[at].checked_mul(left)?)?;
                }
            }
            let slack = cost.checked_sub(line)?.max(0).min(beyond);
            cost.checked_sub(brings)?.checked_sub(slack)
        };
        self.stocks.all.iter().zip(&self.costs).map(base).collect()
    }

    /// The least that a row of arrivals costs, and by which stock.
    fn least(
        &self,
        row: &[u32],
        worths: &[u64],
        bases: &[i128],
        order: &[usize],
    ) -> Option<(i128, usize)> {
        let tables: Vec<(&[u64], i128)> = (self.misses.iter().zip(row).zip(worths))
            .map(|((all, &place), &worth)| (all[place as usize].as_slice(), i128::from(worth)))
            .collect();
        let mut best = None;
        for &at in order {
            let mut value = bases[at];
            // Misses cost no less than nothing.
            if best.is_some_and(|(least, _)| value >= least) {
                break;
            }
            for (&pods, (misses, worth)) in self.stocks.all[at].pods.iter().zip(&tables) {
                let lost = i128::from(misses[pods as usize]).checked_mul(*worth)?;
                value = value.checked_add(lost)?;
            }
            if best.is_none_or(|(least, _)| value < least) {
                best = Some((value, at));
            }
        }
        best
    }

    /// Takes what may be missed off, and adds what pod time must be.
    fn settle(&self, mut all: Sloped, worths: &[u64], timed: &[i128]) -> Option<Sloped> {
        let interval = i128::from(self.terms.interval_millis);
        for (at, one) in self.terms.requirements.iter().enumerate() {
            let (brought, slope) = match one {
                Requirement::Nothing => continue,
                Requirement::PodTime { millis } => {
                    let millis = i128::try_from(*millis).ok()?;
                    (timed[at].checked_mul(millis)? / interval, millis / interval)
                }
                Requirement::Requests { spare_milli, .. } => {
                    let spare = i128::try_from(*spare_milli).ok()?;
                    (-i128::from(worths[at]).checked_mul(spare)?, -spare)
                }
            };
            all.value = all.value.checked_add(brought)?;
            all.slopes[at] = all.slopes[at].checked_add(slope)?;
        }
        Some(all)
    }
}

/// What each number of pods up to a limit misses of each of a workload's different arrivals.
fn table(one: &Requirement, different: &[u64], limit: u32) -> Vec<Vec<u64>> {
    let Requirement::Requests { curve, few, .. } = one else {
        return vec![vec![0; limit as usize + 1]];
    };
    let row = |&offered: &u64| {
        // As many as the limit, or more, miss nothing.
        let own = (0..limit).map(|pods| missed(offered, (curve, few), u64::from(pods)));
        own.chain([0]).collect()
    };
    different.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Affine;
    use crate::testing::{parts, problem, sku, workload};
    use nodeplan_model::floor::Step;

    const HOUR: u64 = 3_600_000;

    /// Nodes for one pod each at 10, up to `limit` of them.
    fn ones(limit: u32) -> Stocks {
        let skus = vec![sku("a", 1000, 1 << 40, 10)];
        Stocks::of(&problem(parts(skus, vec![workload("w", 1000, 1)], &[(1, &[limit])])), true)
            .expect("few")
    }

    fn terms(requirement: Requirement, intervals: u64) -> FloorTerms {
        FloorTerms {
            interval_millis: 1,
            intervals,
            requirements: vec![requirement],
            ..FloorTerms::default()
        }
    }

    /// One pod answers 104 of 110 at best, and 120 of 200: two pods cost 20, or one and 80
    /// misses. At the limit nothing is missed. A worth of 0 proves nothing.
    #[test]
    fn an_interval_by_hand() {
        let step = |offered_milli, good_milli| Step { offered_milli, good_milli };
        for (offered, spare_milli, miss, limit, want, slope) in [
            (0, 0, 1, 99, 0, 0),
            (5, 0, 1, 99, 5, 5),
            (100, 0, 1, 99, 10, 0),
            (110, 0, 1, 99, 16, 6),
            (120, 0, 1, 99, 20, 0),
            (200, 0, 1, 99, 20, 0),
            (200, 7, 1, 99, 13, -7),
            (200, 0, 0, 99, 0, 200),
            (1000, 0, 1, 99, 100, 0),
            (1000, 0, 1, 3, 30, 0),
        ] {
            let curve = vec![step(100, 100), step(150, 120)];
            let offered_milli = vec![offered];
            let terms = terms(
                Requirement::Requests { offered_milli, curve, few: Vec::new(), spare_milli },
                1,
            );
            let stocks = ones(limit);
            let all = Stocked::new(&terms, &stocks, None, &[99], 64).expect("small");
            let want = Sloped { value: want, slopes: vec![slope], presence_slopes: Vec::new() };
            assert_eq!(
                all.total(&[miss], &[]),
                Some(want),
                "{offered} {spare_milli} {miss} {limit}"
            );
        }
    }

    /// A pod at 10 is kept in all of 5 intervals but one; where a missing one is worth less than
    /// that, it never is.
    #[test]
    fn presence_by_hand() {
        for (worth, want, slope) in
            [(0, 0, 4000), (1, 4, 4000), (9, 36, 4000), (11, 39, -1000), (20, 30, -1000)]
        {
            let mut terms = terms(Requirement::Nothing, 5);
            terms.presence = vec![Presence { pods: 1, spare_milli: 1000 }];
            let skus = vec![sku("a", 1000, 1 << 40, 10_000)];
            let own = problem(parts(skus, vec![workload("w", 1000, 1)], &[(1, &[3])]));
            let stocks = Stocks::of(&own, true).expect("few");
            let all = Stocked::new(&terms, &stocks, None, &[9], 64).expect("small");
            let found = all.total(&[0], &[worth]).expect("small");
            let found = (found.value / 1000, found.presence_slopes);
            assert_eq!(found, (want, vec![slope]), "{worth}");
        }
    }

    /// Two intervals of a pod at 10 bring 20 at their price in three intervals. Without a linear
    /// price there is no worth; one above the price is capped. Up to a limit of 1 the other pods count
    /// with their linear price, 8: then they are worth 8 at most.
    #[test]
    fn pod_time_by_hand() {
        for (worth, price, limit, want) in [
            (10, 10, 4, 20),
            (5, 10, 4, 10),
            (99, 10, 4, 20),
            (10, 0, 4, 0),
            (10, 8, 1, 16),
            (10, 8, 4, 16),
        ] {
            let terms = terms(Requirement::PodTime { millis: 2 }, 3);
            let stocks = ones(limit);
            let leaf = Affine { prices: vec![price], constant: 0 };
            let line = Prices { pods: vec![4], leaves: vec![leaf], weight_millis: 1 };
            let all = Stocked::new(&terms, &stocks, Some(&line), &[4], 64).expect("small");
            let found = all.total(&[worth], &[]).map(|found| found.value);
            assert_eq!(found, Some(want), "{worth} {price} {limit}");
            // Prices for fewer pods than there may be prove nothing of the others.
            let few = Prices { pods: vec![3], ..line };
            let all = Stocked::new(&terms, &stocks, Some(&few), &[4], 64).expect("small");
            assert_eq!(
                all.total(&[worth], &[]).map(|found| found.value),
                Some(0),
                "{worth} {price}"
            );
        }
    }

    /// 2 pods fit a node of 10; up to a limit of 2 pods a further one is not seen. With a price of 5
    /// each and a worth of 4, four pods cost 20 and bring 16: no less than two, 10 − 8, or none, 0.
    #[test]
    fn pods_beyond_the_limits_bring_no_more_than_they_cost() {
        let skus = vec![sku("a", 1000, 1 << 40, 10)];
        let own = problem(parts(skus, vec![workload("w", 500, 1)], &[(1, &[2])]));
        let stocks = Stocks::of(&own, true).expect("few");
        let leaf = Affine { prices: vec![5 * u128::from(HOUR)], constant: 0 };
        let line = Prices { pods: vec![9], leaves: vec![leaf], weight_millis: HOUR };
        let terms = terms(Requirement::PodTime { millis: 8 }, 2);
        let all = Stocked::new(&terms, &stocks, Some(&line), &[9], 64).expect("small");
        for (worth, want) in [(4, 32), (5, 40), (9, 40)] {
            assert_eq!(all.total(&[worth], &[]).map(|found| found.value), Some(want), "{worth}");
        }
    }
}
