//! The last choice: the best designs under several seeds.

use super::climb::WORTH;
use super::design::Design;
use super::layouts::Layout;
use super::search::JointOptions;
use super::track::Shelf;
use super::trial::{Demands, Trial};
use crate::Error;
use nodeplan_model::scenario::Scenario;
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
}

impl Judged {
    /// First who misses least often, then who costs less where things go badly.
    fn key(&self) -> (usize, Spend) {
        let missed = self.costs.len() - self.met as usize;
        (missed, percentile(&self.costs, 95))
    }
}

/// The smallest of ascending values that at least so many percent do not exceed.
pub(super) fn percentile<T: Copy + Default>(values: &[T], percent: usize) -> T {
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Runs the finalists under seeds of their own and chooses by the 95th percentile of cost among
/// those that meet everything most often; of designs that are as good but for next to nothing the
/// first.
pub(super) fn finale(
    layouts: &[Layout],
    scenario: &Scenario,
    demands: &Demands,
    options: &JointOptions,
    finalists: &[Design],
    shelf: &Shelf,
) -> Result<Option<Judged>, Error> {
    let runs = options.replications.max(1);
    let jobs: Vec<(usize, u32)> =
        (0..finalists.len()).flat_map(|at| (0..runs).map(move |run| (at, run))).collect();
    let one = |(at, run): &(usize, u32)| -> Result<(u64, u128), Error> {
        let design = &finalists[*at];
        let seed = scenario.seed.wrapping_add(u64::from(*run));
        let scenario = Scenario { seed, ..scenario.clone() };
        let layout = &layouts[design.layout];
        let run = |tables: &mut _| Trial::with(layout, design, &scenario, demands, tables);
        Ok(shelf.lend(run)?.key())
    };
    let keys: Result<Vec<(u64, u128)>, Error> = jobs.par_iter().map(one).collect();
    let keys = keys?;
    let judged: Vec<Judged> = keys
        .chunks(runs as usize)
        .zip(finalists)
        .map(|(rows, design)| {
            let mut costs: Vec<Spend> = rows.iter().map(|(_, spend)| Spend(*spend)).collect();
            costs.sort_unstable();
            let met = rows.iter().filter(|(short, _)| *short == 0).count();
            let met = u32::try_from(met).unwrap_or(u32::MAX);
            Judged { design: design.clone(), costs, met }
        })
        .collect();
    let Some((missed, least)) = judged.iter().map(Judged::key).min() else { return Ok(None) };
    let close = |one: &Judged| {
        let (own, high) = one.key();
        own == missed && high.0 <= least.0 + least.0 / WORTH
    };
    Ok(judged.into_iter().find(close))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_rank() {
        let values = [1, 2, 3, 4].map(Spend);
        for (percent, want) in [(0, 1), (25, 1), (26, 2), (50, 2), (95, 4), (100, 4)] {
            assert_eq!(percentile(&values, percent), Spend(want), "{percent}");
        }
        assert_eq!(percentile::<u64>(&[], 95), 0);
    }
}
