//! The last choice: the best designs under several seeds, on days drawn anew, with failures.

use super::climb::{Ranked, WORTH};
use super::closing::ladder;
use super::design::Design;
use super::layouts::Layout;
use super::search::JointOptions;
use super::split::Halves;
use super::track::Shelf;
use super::trial::{Demands, Trial};
use crate::Error;
use crate::simulate::estimate;
use nodeplan_model::run::Estimate;
use nodeplan_model::units::Spend;
use rayon::prelude::*;

/// A design under several seeds.
pub(super) struct Judged {
    /// The design.
    pub design: Design,
    /// What it cost under each of them, ascending.
    pub costs: Vec<Spend>,
    /// In how many of them it met everything.
    pub met: u32,
    /// By how much demands are missed in those that may not miss, added up.
    short: u64,
    /// Share of good service per workload, parts per million.
    pub reached: Vec<Option<Estimate>>,
}

/// How many of so many runs may be missed: what holds in 95 % of them counts as holding.
pub(super) fn may_miss(runs: usize) -> usize {
    runs / 20
}

/// Designs that are run at a time, and at most.
const BATCH: usize = 4;
const MOST: usize = 12;

/// What orders designs in their last runs.
pub(super) type Key = (usize, u64, Spend);

impl Judged {
    /// First who misses least often beyond what may be, and by least, then who costs less where
    /// things go badly.
    pub(super) fn key(&self) -> Key {
        let missed = self.costs.len().saturating_sub(self.met as usize);
        let beyond = missed.saturating_sub(may_miss(self.costs.len()));
        (beyond, self.short, percentile(&self.costs, 95))
    }
}

/// The smallest of ascending values that at least so many percent do not exceed.
pub(super) fn percentile<T: Copy + Default>(values: &[T], percent: usize) -> T {
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// A run of a finalist: by how much it misses, its cost, its shares of good service.
type Run = (u64, Spend, Vec<Option<u64>>);

/// Runs the ladder of designs, the cheapest first, on the part seen under seeds and hazards of their own
/// until one meets everything as often as it must, and chooses by the 95th percentile of cost among
/// those that meet everything most often; of designs that are as good but for next to nothing the first.
pub(super) fn finale(
    layouts: &[Layout],
    halves: &Halves,
    demands: &Demands,
    options: &JointOptions,
    kept: &[Ranked],
    shelf: &Shelf,
) -> Result<Option<Judged>, Error> {
    let mut judged: Vec<Judged> = Vec::new();
    for batch in ladder(kept, MOST).chunks(BATCH) {
        judged.extend(heat(layouts, halves, demands, options, batch, shelf)?);
        if judged.iter().any(|one| one.key().0 == 0) {
            break;
        }
    }
    let keys: Vec<Key> = judged.iter().map(Judged::key).collect();
    Ok(best(&keys).map(|at| judged.swap_remove(at)))
}

/// The first of those that are as good as the best but for next to nothing.
pub(super) fn best(keys: &[Key]) -> Option<usize> {
    let (missed, short, least) = *keys.iter().min()?;
    let close = |(own, lack, high): &Key| {
        (*own, *lack) == (missed, short) && high.0 <= least.0 + least.0 / WORTH
    };
    keys.iter().position(close)
}

/// The last runs of some designs.
fn heat(
    layouts: &[Layout],
    halves: &Halves,
    demands: &Demands,
    options: &JointOptions,
    finalists: &[&Ranked],
    shelf: &Shelf,
) -> Result<Vec<Judged>, Error> {
    let runs = options.replications.max(1);
    let jobs: Vec<(usize, u32)> =
        (0..finalists.len()).flat_map(|at| (0..runs).map(move |run| (at, run))).collect();
    let one = |(at, run): &(usize, u32)| -> Result<Run, Error> {
        let design = &finalists[*at].design;
        let (scenario, demands) = options.hazards.run_of(halves, demands, *run, design);
        let layout = &layouts[design.layout];
        let run = |tables: &mut _| Trial::scored(layout, design, &scenario, &demands, tables);
        let done = shelf.lend(run)?;
        let score = done.run.scorecard;
        let shares = score.services.iter().map(|service| service.good).collect();
        Ok((done.short, score.spend, shares))
    };
    let done: Result<Vec<Run>, Error> = jobs.par_iter().map(one).collect();
    let rows = done?;
    let rows = rows.chunks(runs as usize).zip(finalists);
    Ok(rows.map(|(rows, one)| judge(&one.design, rows)).collect())
}

/// What the runs of a design say of it.
fn judge(design: &Design, rows: &[Run]) -> Judged {
    let mut costs: Vec<Spend> = rows.iter().map(|(_, spend, _)| *spend).collect();
    costs.sort_unstable();
    let met = rows.iter().filter(|(short, ..)| *short == 0).count();
    let mut shorts: Vec<u64> = rows.iter().map(|(short, ..)| *short).collect();
    shorts.sort_unstable();
    let held = shorts.len() - may_miss(shorts.len());
    let workloads = rows.first().map_or(0, |(.., shares)| shares.len());
    let reached = (0..workloads).map(|at| {
        let shares = rows.iter().map(|(.., shares)| shares[at].map(i128::from));
        shares.collect::<Option<Vec<i128>>>().map(|shares| estimate(&shares))
    });
    Judged {
        design: design.clone(),
        costs,
        met: u32::try_from(met).unwrap_or(u32::MAX),
        short: shorts[..held].iter().fold(0, |sum, short| sum.saturating_add(*short)),
        reached: reached.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_better_for_next_to_nothing_does_not_go_before() {
        for (rows, want) in [
            (&[][..], None),
            (&[(0, 0, 10_000)][..], Some(0)),
            (&[(0, 0, 10_000), (0, 0, 9_991)][..], Some(0)),
            (&[(0, 0, 10_000), (0, 0, 9_989)][..], Some(1)),
            (&[(0, 0, 10_000), (1, 0, 5_000)][..], Some(0)),
            (&[(1, 7, 10_000), (1, 6, 11_000)][..], Some(1)),
        ] {
            let keys: Vec<Key> =
                rows.iter().map(|&(missed, short, high)| (missed, short, Spend(high))).collect();
            assert_eq!(best(&keys), want, "{rows:?}");
        }
    }

    #[test]
    fn a_percentile_is_a_rank() {
        let values = [1, 2, 3, 4].map(Spend);
        for (percent, want) in [(0, 1), (25, 1), (26, 2), (50, 2), (95, 4), (100, 4)] {
            assert_eq!(percentile(&values, percent), Spend(want), "{percent}");
        }
        assert_eq!(percentile::<u64>(&[], 95), 0);
    }
}
