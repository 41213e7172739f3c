//! What other wishes would cost: the search again with more or fewer misses allowed, with room for more
//! traffic, and without spot nodes. Of all that is found what nothing else beats in cost, service, traffic
//! and spot share at once.

use super::design::Design;
use super::layouts::Layout;
use super::moves::Family;
use super::search::{Joint, JointOptions, choose};
use super::track::Shelf;
use super::trial::{Demands, Trial};
use crate::Error;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{MILLION, Scenario};
use nodeplan_model::units::Spend;
use nodeplan_solve::Control;
use std::cmp::Reverse;

/// Misses allowed, in those of the objectives: so many times, over so many. As many as they allow is
/// what was searched for already.
const LEVELS: [(u64, u64); 6] = [(8, 1), (4, 1), (2, 1), (1, 2), (1, 4), (1, 8)];
/// Traffic under which objectives must hold, thousandths of that of the trace.
const TRAFFIC: [u64; 3] = [1100, 1250, 1500];

/// What is asked of a search.
#[derive(Clone, Copy, Debug)]
struct Wish {
    /// Misses: so many times, over so many.
    misses: (u64, u64),
    traffic_milli: u64,
    /// No spot nodes.
    firm: bool,
}

impl Wish {
    /// What was searched for already.
    const USUAL: Self = Self { misses: (1, 1), traffic_milli: 1000, firm: false };

    /// All others: `spot` if designs may have spot nodes.
    fn all(spot: bool) -> Vec<Self> {
        let misses = LEVELS.map(|misses| Self { misses, ..Self::USUAL });
        let traffic = TRAFFIC.map(|traffic_milli| Self { traffic_milli, ..Self::USUAL });
        let firm = spot.then_some(Self { firm: true, ..Self::USUAL });
        misses.into_iter().chain(traffic).chain(firm).collect()
    }
}

/// A design and what it is worth over the whole trace.
#[derive(Clone, Debug)]
pub struct FrontierPoint {
    /// Misses that were allowed to the search, thousandths of those of the objectives.
    pub allowed_milli: u64,
    /// Traffic under which the search kept the objectives, thousandths of that of the trace.
    pub traffic_milli: u64,
    /// Its pools.
    pub layout: Layout,
    /// The design.
    pub design: Design,
    /// Its run over the whole trace, against the demands as asked.
    pub whole: Trial,
    /// Misses of all workloads with an objective over arrivals, parts per million.
    pub missed: u64,
    /// Node time on spot, thousandths.
    pub spot_milli: u64,
    /// Whether it bends the frontier of cost and misses most: beyond it service costs more, before it
    /// saves less.
    pub knee: bool,
}

/// The designs that none beats in cost, misses, traffic and spot share at once, from the cheapest: the one
/// that was found, and those of further searches. `told` hears of each of these.
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
    let found = (joint.layout.clone(), joint.design.clone(), joint.whole.clone());
    let mut found = vec![FrontierPoint::new(Wish::USUAL, found, demands)];
    for wish in Wish::all(joint.may_use_spot()) {
        if (control.interrupt)() {
            break;
        }
        let (times, over) = wish.misses;
        let wanted = demands.allowing(times, over);
        let halves = joint.halves.scaled(wish.traffic_milli * (MILLION / 1000));
        let mut own = options.clone();
        own.frozen.extend(wish.firm.then_some(Family::Spot));
        let starts = joint.starts(problem, &own.frozen, control)?;
        let parts = (&*starts, &halves, &wanted, &shelf);
        let Some(chosen) = choose(problem, parts, &own, control, &|_| ())? else { continue };
        let design = chosen.judged.design;
        let layout = chosen.layouts[design.layout].clone();
        let whole =
            shelf.lend(|tables| Trial::with(&layout, &design, scenario, demands, tables))?;
        let point = FrontierPoint::new(wish, (layout, design, whole), demands);
        told(&point);
        found.push(point);
    }
    Ok(undominated(found))
}

impl FrontierPoint {
    /// Of a design that a wish led to, and its run.
    fn new(
        wish: Wish,
        (layout, design, whole): (Layout, Design, Trial),
        demands: &Demands,
    ) -> Self {
        let time = &whole.run.timeline.node_millis;
        let spot = design.pools.iter().zip(time).filter(|(pool, _)| pool.spot);
        let spot = spot.map(|(_, time)| time * 1000).sum::<u128>();
        let spot = spot.checked_div(time.iter().sum()).unwrap_or(0);
        Self {
            allowed_milli: wish.misses.0 * 1000 / wish.misses.1,
            traffic_milli: wish.traffic_milli,
            missed: missed(&whole, demands),
            spot_milli: u64::try_from(spot).unwrap_or(1000),
            knee: false,
            layout,
            design,
            whole,
        }
    }
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

/// What a point is worth: less of each is better.
type Figures = (Spend, u64, Reverse<u64>, u64);

/// Those of a point.
fn figures(one: &FrontierPoint) -> Figures {
    (one.whole.run.scorecard.spend, one.missed, Reverse(one.traffic_milli), one.spot_milli)
}

/// Whether a point is no worse than another in anything.
fn covers(one: &Figures, other: &Figures) -> bool {
    one.0 <= other.0 && one.1 <= other.1 && one.2 <= other.2 && one.3 <= other.3
}

/// Those that none beats, from the cheapest, with the knee of those that none beats in cost and misses.
fn undominated(mut found: Vec<FrontierPoint>) -> Vec<FrontierPoint> {
    found.sort_by_key(figures);
    let mut kept: Vec<FrontierPoint> = Vec::new();
    for point in found {
        // What beats it costs no more: it came before.
        if !kept.iter().any(|other| covers(&figures(other), &figures(&point))) {
            kept.push(point);
        }
    }
    let mut curve: Vec<(usize, (Spend, u64))> = Vec::new();
    for (at, point) in kept.iter().enumerate() {
        if curve.last().is_none_or(|(_, last)| point.missed < last.1) {
            curve.push((at, (point.whole.run.scorecard.spend, point.missed)));
        }
    }
    let points: Vec<(Spend, u64)> = curve.iter().map(|(_, point)| *point).collect();
    if let Some(at) = knee(&points) {
        kept[curve[at].0].knee = true;
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
    fn a_point_is_beaten_by_what_is_no_worse_in_anything() {
        let base = (Spend(100), 50, Reverse(1000), 0);
        for (other, want) in [
            (base, true),
            ((Spend(101), 50, Reverse(1000), 0), true),
            ((Spend(101), 50, Reverse(1000), 300), true),
            ((Spend(101), 50, Reverse(1250), 0), false),
            ((Spend(101), 49, Reverse(1000), 300), false),
            ((Spend(99), 60, Reverse(1000), 0), false),
        ] {
            assert_eq!(covers(&base, &other), want, "{other:?}");
        }
        let spot = (Spend(90), 50, Reverse(1000), 400);
        assert!(!covers(&spot, &base), "it is on spot nodes");
    }

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
