//! What other objectives would cost: the search again with more or fewer misses allowed, and of all
//! that is found what nothing else beats in both cost and service.

use super::design::Design;
use super::layouts::Layout;
use super::search::{Joint, JointOptions, choose};
use super::track::Shelf;
use super::trial::{Demands, Trial};
use crate::Error;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{MILLION, Scenario};
use nodeplan_model::units::Spend;
use nodeplan_solve::Control;

/// Misses allowed, in those of the objectives: so many times, over so many. As many as they allow is
/// what was searched for already.
const LEVELS: [(u64, u64); 6] = [(8, 1), (4, 1), (2, 1), (1, 2), (1, 4), (1, 8)];

/// A design and what it is worth over the whole trace.
#[derive(Clone, Debug)]
pub struct FrontierPoint {
    /// Misses that were allowed to the search, thousandths of those of the objectives.
    pub allowed_milli: u64,
    /// Its pools.
    pub layout: Layout,
    /// The design.
    pub design: Design,
    /// Its run over the whole trace, against the demands as asked.
    pub whole: Trial,
    /// Misses of all workloads with an objective over arrivals, parts per million.
    pub missed: u64,
    /// Whether it bends the frontier most: beyond it service costs more, before it saves less.
    pub knee: bool,
}

/// The designs that none beats in both cost and service, from the cheapest: the one that was found, and
/// those of further searches. `told` hears of each of these.
///
/// # Errors
/// As [`super::optimize_under_load`].
pub fn frontier(
    problem: &Problem,
    (scenario, joint): (&Scenario, &Joint),
    options: &JointOptions,
    control: Control<'_>,
    told: &dyn Fn(&FrontierPoint),
) -> Result<Vec<FrontierPoint>, Error> {
    let demands = &joint.demands;
    let shelf = Shelf::default();
    let mut found = vec![FrontierPoint {
        allowed_milli: 1000,
        layout: joint.layout.clone(),
        design: joint.design.clone(),
        missed: missed(&joint.whole, demands),
        whole: joint.whole.clone(),
        knee: false,
    }];
    for (times, over) in LEVELS {
        if (control.interrupt)() {
            break;
        }
        let wanted = demands.allowing(times, over);
        let parts = (&joint.starts, &joint.halves, &wanted, &shelf);
        let Some(chosen) = choose(problem, parts, options, control, &|_| ())? else {
            continue;
        };
        let design = chosen.judged.design;
        let layout = chosen.layouts[design.layout].clone();
        let whole =
            shelf.lend(|tables| Trial::with(&layout, &design, scenario, demands, tables))?;
        let missed = missed(&whole, demands);
        let allowed_milli = times * 1000 / over;
        let point = FrontierPoint { allowed_milli, layout, design, whole, missed, knee: false };
        told(&point);
        found.push(point);
    }
    Ok(undominated(found))
}

/// Share of the arrivals of workloads with a demand that were missed, parts per million.
fn missed(whole: &Trial, demands: &Demands) -> u64 {
    let services = whole.run.scorecard.services.iter().zip(&demands.shares);
    let (mut all, mut bad) = (0_u128, 0_u128);
    for (service, asked) in services {
        if let (Some(good), Some(_)) = (service.good, asked) {
            all += u128::from(service.offered);
            bad += u128::from(service.offered) * u128::from(MILLION.saturating_sub(good));
        }
    }
    bad.checked_div(all).map_or(0, |share| u64::try_from(share).unwrap_or(MILLION))
}

/// Cost and misses of a point.
fn figures(one: &FrontierPoint) -> (Spend, u64) {
    (one.whole.run.scorecard.spend, one.missed)
}

/// Those that none beats, from the cheapest, the knee marked: of three points and more the one that
/// is farthest below the line from the first to the last, each axis in parts of its length.
fn undominated(mut found: Vec<FrontierPoint>) -> Vec<FrontierPoint> {
    found.sort_by_key(figures);
    let mut kept: Vec<FrontierPoint> = Vec::new();
    for point in found {
        if kept.last().is_none_or(|last| point.missed < last.missed) {
            kept.push(point);
        }
    }
    if let Some(at) = knee(&kept.iter().map(figures).collect::<Vec<_>>()) {
        kept[at].knee = true;
    }
    kept
}

/// The index of the knee of points that fall from the first to the last.
fn knee(points: &[(Spend, u64)]) -> Option<usize> {
    let [first, between @ .., last] = points else { return None };
    let (width, height) =
        (last.0.0.checked_sub(first.0.0)?, u128::from(first.1.checked_sub(last.1)?));
    // Twice the area of the triangle with both ends, in parts of the whole.
    let below = |point: &(Spend, u64)| -> i128 {
        let x = part(point.0.0.saturating_sub(first.0.0), width);
        let y = part(u128::from(point.1.saturating_sub(last.1)), height);
        PARTS - x - y
    };
    let best = between.iter().map(below).max().filter(|best| *best > 0)?;
    between.iter().position(|point| below(point) == best).map(|at| at + 1)
}

/// Parts of an axis.
const PARTS: i128 = 1_000_000;

fn part(value: u128, of: u128) -> i128 {
    let parts = value.saturating_mul(PARTS.unsigned_abs()).checked_div(of).unwrap_or(0);
    i128::try_from(parts).unwrap_or(PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_knee_is_farthest_below_the_line() {
        let points = |rows: &[(u128, u64)]| -> Vec<(Spend, u64)> {
            rows.iter().map(|&(spend, missed)| (Spend(spend), missed)).collect()
        };
        // From 100 and 80 misses to 200 and none: the line passes 150 at 40.
        for (rows, want) in [
            (&[(100, 80), (110, 20), (150, 10), (200, 0)][..], Some(1)),
            (&[(100, 80), (150, 39), (190, 1), (200, 0)][..], Some(2)),
            (&[(100, 80), (150, 40), (200, 0)][..], None),
            (&[(100, 80), (150, 60), (200, 0)][..], None),
            (&[(100, 80), (200, 0)][..], None),
            (&[(100, 80)][..], None),
            (&[][..], None),
        ] {
            assert_eq!(knee(&points(rows)), want, "{rows:?}");
        }
    }
}
