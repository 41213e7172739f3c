//! The search for worths: what a miss, pod time and presence are worth so that much is proven. A bad
//! worth proves less, never something false.

use nodeplan_eval::floor::{Ledger, Prices, Sloped, Stocked};
use nodeplan_model::floor::{FloorTerms, Presence, Requirement};
use nodeplan_solve::Control;

/// Intervals times workloads times leaves that a search looks at.
const SEARCH_CELLS: u64 = 3_000_000;
/// Turns of all worths, and steps of one, in the search for them.
const ASCENTS: usize = 5;
const HALVINGS: usize = 12;
/// Steps of all worths at once, the first as a power of two, and how they shrink.
const STEPS: usize = 24;
const FIRST_STEP: f64 = 0.7;
const SHRINKS: f64 = 0.88;

/// Worths that prove much, of misses and pod time, then of presence: for one after the other the
/// worth at which as much is missing as may be, or at which more proves nothing more.
pub(super) fn ascend(
    all: &Stocked<'_>,
    terms: &FloorTerms,
    linear: &Prices,
) -> Option<(Vec<u64>, Vec<u64>)> {
    let count = terms.requirements.len();
    let price = |at: usize| {
        u64::try_from(linear.least(at, terms.interval_millis)).unwrap_or(u64::MAX).min(1 << 50)
    };
    let start = |(at, one): (usize, &Requirement)| match one {
        Requirement::Nothing => 0,
        Requirement::PodTime { .. } => price(at),
        Requirement::Requests { curve, .. } => {
            let good = curve.last().map_or(1, |step| step.good_milli.max(1));
            (price(at) / good).max(1) * 2
        }
    };
    let kept = |(at, one): (usize, &Presence)| if one.pods > 0 { price(at) / 1000 + 1 } else { 0 };
    let mut best: Vec<u64> = terms.requirements.iter().enumerate().map(start).collect();
    best.extend(terms.presence.iter().enumerate().map(kept));
    let widest: Vec<f64> =
        best.iter().map(|worth| libm::log2(*worth as f64 + 2.0) + 12.0).collect();
    let moving: Vec<usize> = (0..best.len()).filter(|at| best[*at] > 0).collect();
    let total = |now: &[u64]| all.total(&now[..count], &now[count..]);
    let mut value = total(&best)?.value;
    for _ in 0..ASCENTS {
        let before = value;
        for &at in &moving {
            let (mut low, mut high) = ((widest[at] - 24.0).max(0.0), widest[at]);
            let mut now = best.clone();
            for _ in 0..HALVINGS {
                let middle = (low + high) / 2.0;
                now[at] = libm::exp2(middle) as u64;
                let found = total(&now)?;
                if found.value > value {
                    (value, best) = (found.value, now.clone());
                }
                if found.slope(at) > 0 { low = middle } else { high = middle }
            }
        }
        together(&total, &mut value, &mut best)?;
        if value - before <= value.abs() / 2000 {
            break;
        }
    }
    let presence = best.split_off(count);
    Some((best, presence))
}

/// All worths at once, each in the direction that helps, by steps that become smaller: where one alone
/// cannot move, since pods share nodes (subgradient method, Shor 1985, on logarithms).
fn together(
    total: &dyn Fn(&[u64]) -> Option<Sloped>,
    value: &mut i128,
    best: &mut Vec<u64>,
) -> Option<()> {
    let mut now = best.clone();
    let mut widest = vec![1_i128; now.len()];
    let mut step = FIRST_STEP;
    for _ in 0..STEPS {
        let found = total(&now)?;
        if found.value > *value {
            (*value, *best) = (found.value, now.clone());
        }
        for (at, worth) in now.iter_mut().enumerate() {
            let slope = found.slope(at);
            widest[at] = widest[at].max(slope.abs());
            let part = slope as f64 / widest[at] as f64;
            *worth = (*worth as f64 * libm::exp2(step * part)) as u64;
        }
        step *= SHRINKS;
    }
    Some(())
}

/// Every so manyth interval, where all would be too many for a search: worths that prove much of those
/// prove much of all, and any worths prove something true.
pub(super) fn sampled(terms: &FloorTerms, priced: &[Prices]) -> FloorTerms {
    let leaves: usize = priced.iter().map(Prices::leaves).sum();
    let width = (terms.requirements.len() * leaves.max(1)) as u64;
    let stride = terms.intervals.saturating_mul(width).div_ceil(SEARCH_CELLS).max(1);
    let some = |one: &Requirement| match one {
        Requirement::Nothing => Requirement::Nothing,
        Requirement::PodTime { millis } => {
            Requirement::PodTime { millis: millis / u128::from(stride) }
        }
        Requirement::Requests { offered_milli, curve, few, spare_milli } => Requirement::Requests {
            offered_milli: offered_milli.iter().copied().step_by(stride as usize).collect(),
            curve: curve.clone(),
            few: few.clone(),
            spare_milli: spare_milli / u128::from(stride),
        },
    };
    FloorTerms {
        intervals: terms.intervals.div_ceil(stride),
        requirements: terms.requirements.iter().map(some).collect(),
        ..terms.clone()
    }
}

/// Worths that prove much, and what they prove: from those that are best by linear prices alone, one
/// workload after the other up or down as long as that proves more.
pub(super) fn worths(
    (terms, rooms): (&FloorTerms, &[u32]),
    priced: &[Prices],
    time: bool,
    control: Control<'_>,
) -> (u128, Vec<u64>) {
    let Some(linear) = priced.first() else { return (0, vec![0; rooms.len()]) };
    let price = |at: usize| linear.least(at, terms.interval_millis);
    let start: Vec<u64> = (0..rooms.len())
        .map(|at| match &terms.requirements[at] {
            Requirement::Nothing => 0,
            Requirement::PodTime { .. } if time => u64::try_from(price(at)).unwrap_or(0),
            Requirement::PodTime { .. } => 0,
            Requirement::Requests { curve, .. } => {
                let good = curve.last().map_or(1, |step| step.good_milli.max(1));
                u64::try_from(price(at) / u128::from(good)).unwrap_or(u64::MAX / 8).max(1)
            }
        })
        .collect();
    let mut best = (0, start.clone());
    for times in [2, 30] {
        let from: Vec<u64> = start
            .iter()
            .zip(&terms.requirements)
            .map(|(worth, one)| match one {
                Requirement::Requests { .. } => worth.saturating_mul(times),
                _ => *worth,
            })
            .collect();
        let Some(mut ledger) = Ledger::new(terms, priced, rooms, &from) else { continue };
        climb(&mut ledger, &from, &mut best, control);
    }
    best
}

/// Steps a multiplier takes, thousandths of itself.
const FACTORS: [u64; 6] = [4000, 1500, 1100, 900, 600, 250];
/// Turns of all workloads.
const TURNS: usize = 6;

fn climb(ledger: &mut Ledger<'_>, from: &[u64], best: &mut (u128, Vec<u64>), control: Control<'_>) {
    let mut now = from.to_vec();
    let mut value = ledger.total().unwrap_or(0);
    for _ in 0..TURNS {
        let mut better = false;
        for at in (0..now.len()).filter(|at| from[*at] > 0) {
            if (control.interrupt)() {
                break;
            }
            for factor in FACTORS {
                let next = now[at] / 1000 * factor + now[at] % 1000 * factor / 1000;
                if ledger.set(at, next.max(1)).is_none() {
                    return;
                }
                match ledger.total() {
                    Some(total) if total > value => {
                        (value, now[at], better) = (total, next.max(1), true)
                    }
                    _ => {}
                }
            }
            if ledger.set(at, now[at]).is_none() {
                return;
            }
        }
        if !better {
            break;
        }
    }
    if value > best.0 || best.0 == 0 {
        *best = (value, now);
    }
}
