//! Many runs of one scenario under successive seeds: means and 95 % confidence intervals
//! (Student's t). Each thread keeps its tables of response times from run to run: what they hold does
//! not depend on the run.

use crate::Error;
use nodeplan_eval::scorecard::evaluate;
use nodeplan_model::answer::Money;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::run::{Estimate, Replications, ServiceEstimates};
use nodeplan_model::scenario::Scenario;
use nodeplan_model::scorecard::{Scorecard, ServiceScore};
use nodeplan_model::timeline::Timeline;
use nodeplan_model::units::HOUR_MILLIS;
use nodeplan_sim::queueing::table::Tables;
use nodeplan_sim::world::{Latency, simulate_under};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs the scenario under `runs` seeds, the scenario's own and those that follow it.
///
/// # Errors
/// A scenario that cannot be run.
pub fn replicate(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    runs: u32,
) -> Result<Replications, Error> {
    Ok(replicate_under(problem, plan, scenario, runs, &|_| false)?.unwrap_or_default())
}

/// The same under the caller's eyes: `watch` hears how many runs are done, and ends them if it says
/// so. What is told then is of the first seeds without a gap; nothing, if the first is missing.
///
/// # Errors
/// As [`replicate`].
pub fn replicate_under(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    runs: u32,
    watch: &(dyn Fn(u32) -> bool + Sync),
) -> Result<Option<Replications>, Error> {
    let (next, done) = (AtomicU32::new(0), AtomicU32::new(0));
    // Every worker takes the next seed, so that those done at any time have few gaps.
    let worker = |_| -> Result<Vec<(u32, Scorecard)>, Error> {
        let (mut tables, mut own) = (Tables::new(), scenario.clone());
        let mut scores = Vec::new();
        let ends = |_| watch(done.load(Ordering::Relaxed));
        while !ends(0) {
            let run = next.fetch_add(1, Ordering::Relaxed);
            if run >= runs {
                break;
            }
            own.seed = scenario.seed.wrapping_add(u64::from(run));
            let timeline = simulate_under(problem, plan, &own, &mut tables, Latency::Run, &ends)
                .map_err(Error::Simulate)?;
            if !whole(&timeline, &own) {
                break;
            }
            scores.push((run, evaluate(problem, &own, &timeline)));
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(scores)
    };
    let workers = rayon::current_num_threads();
    let scores: Result<Vec<_>, Error> = (0..workers).into_par_iter().map(worker).collect();
    let mut scores: Vec<(u32, Scorecard)> = scores?.into_iter().flatten().collect();
    scores.sort_unstable_by_key(|(run, _)| *run);
    let first = (0..runs).zip(scores).take_while(|(at, (run, _))| at == run);
    let scores: Vec<Scorecard> = first.map(|(_, (_, score))| score).collect();
    if scores.is_empty() {
        return Ok(None);
    }
    let mut found = summary(&scores, scenario.seed);
    found.asked = (found.runs < runs).then_some(runs);
    Ok(Some(found))
}

/// Whether a run was not ended early.
fn whole(timeline: &Timeline, scenario: &Scenario) -> bool {
    let samples = scenario.horizon_millis / scenario.sample_millis.max(1);
    u64::try_from(timeline.samples).is_ok_and(|done| done >= samples)
}

/// Means over runs.
fn summary(scores: &[Scorecard], first_seed: u64) -> Replications {
    let workloads = scores.first().map_or(0, |score| score.services.len());
    let month = |score: &Scorecard| Money::month_of(score.spend, score.millis).0;
    let all_met = scores.iter().filter(|score| score.met()).count();
    let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let good = |at: usize| -> Option<Estimate> {
        let shares: Option<Vec<i128>> =
            scores.iter().map(|score| score.services[at].good.map(i128::from)).collect();
        shares.map(|shares| estimate(&shares))
    };
    let met = |at: usize| small(scores.iter().filter(|score| score.services[at].met).count());
    Replications {
        runs: small(scores.len()),
        first_seed,
        month: estimate(&scores.iter().map(month).collect::<Vec<_>>()),
        good: (0..workloads).map(good).collect(),
        met: (0..workloads).map(met).collect(),
        all_met: small(all_met),
        node_hours_milli: over(scores, |score| whole_hours(score.node_millis)),
        pending_p95_millis: over(scores, |score| score.pending_p95_millis.into()),
        services: (0..workloads).map(|at| service(scores, at)).collect(),
        asked: None,
    }
}

/// Thousandths of an hour.
fn whole_hours(millis: u128) -> i128 {
    i128::try_from(millis * 1000 / u128::from(HOUR_MILLIS)).unwrap_or(i128::MAX)
}

/// A figure over runs.
fn over(scores: &[Scorecard], figure: impl Fn(&Scorecard) -> i128) -> Estimate {
    estimate(&scores.iter().map(figure).collect::<Vec<_>>())
}

/// The figures of one workload over runs.
fn service(scores: &[Scorecard], at: usize) -> ServiceEstimates {
    let of = |figure: fn(&ServiceScore) -> u64| {
        over(scores, |score| i128::from(figure(&score.services[at])))
    };
    let milli = |figure: fn(&ServiceScore) -> u64| {
        over(scores, |score| i128::from(figure(&score.services[at])) * 1000)
    };
    ServiceEstimates {
        lost_milli: milli(|one| one.lost),
        miss_minutes_milli: milli(|one| one.miss_minutes),
        p95_micros: of(|one| one.latency_micros[1]),
        pending_p95_millis: of(|one| one.pending_p95_millis),
        oldest_millis: of(|one| one.oldest_millis),
        evictions_milli: milli(|one| one.evictions),
        oom_kills_milli: milli(|one| one.oom_kills),
    }
}

/// Mean and half the width of its 95 % interval.
pub(crate) fn estimate(values: &[i128]) -> Estimate {
    let count = values.len() as i128;
    if count == 0 {
        return Estimate::default();
    }
    let mean = values.iter().sum::<i128>() / count;
    let squares: f64 = values
        .iter()
        .map(|value| {
            let off = (value - mean) as f64;
            off * off
        })
        .sum();
    let freedom = values.len() - 1;
    let half = match freedom {
        0 => 0.0,
        _ => student(freedom) * (squares / freedom as f64 / values.len() as f64).sqrt(),
    };
    Estimate {
        mean,
        half: half.round() as i128,
        least: values.iter().min().copied().unwrap_or(0),
        most: values.iter().max().copied().unwrap_or(0),
    }
}

/// The 97.5 % quantile of Student's t: a table for small samples, above the expansion of
/// Cornish and Fisher about the normal one (off by less than 0.001).
fn student(freedom: usize) -> f64 {
    const SMALL: [f64; 10] =
        [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281];
    if let Some(value) = SMALL.get(freedom - 1) {
        return *value;
    }
    let (z, n) = (1.959_964, freedom as f64);
    let (z3, z5) = (z * z * z, z * z * z * z * z);
    z + (z3 + z) / (4.0 * n) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, want) in [(1, 12.706), (10, 2.228), (15, 2.131), (30, 2.042), (120, 1.980)] {
            assert!((student(freedom) - want).abs() < 1e-3, "{freedom}: {}", student(freedom));
        }
    }

    /// 10, 12, 14: mean 12, standard deviation 2, half width 4.3027 × 2 / √3 = 4.968.
    #[test]
    fn an_interval_by_hand() {
        let got = estimate(&[10_000, 12_000, 14_000]);
        assert_eq!(got, Estimate { mean: 12_000, half: 4968, least: 10_000, most: 14_000 });
        assert_eq!(estimate(&[7]), Estimate { mean: 7, half: 0, least: 7, most: 7 });
    }
}
