//! What the load model demands of any run that meets the demands: the terms of a floor.
//!
//! Each rule here gives something away so that the terms hold for what the simulator does, by
//! design or by chance; docs/floor.md says why each is enough.

use super::luck::{Crowd, mean_misses};
use super::need::cores_milli;
use super::trial::{Demands, MOST_ABSENT};
use nodeplan_model::floor::{FloorTerms, Presence, Requirement, Step};
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Load, MILLION, Scenario, Service, Source};
use nodeplan_sim::demand::{cost, expected, order_of_calls};
use nodeplan_sim::queueing::goodput;

/// The simulator settles traffic in intervals of so many milliseconds.
pub(super) const INTERVAL_MILLIS: u64 = 15_000;
/// Where less than this share of the arrivals comes at a known time, only their sum counts.
const DEFERRED: f64 = 0.5;
/// Samples of more intervals are not searched for the stretch with the fewest arrivals.
const MOST_INTERVALS: usize = 480;

/// What arrives at a workload.
#[derive(Clone, Debug, Default)]
struct Offers {
    /// In each interval at least, but for what its callers lose.
    least: Vec<f64>,
    /// Over the run at least, whenever, but for what its callers lose.
    total: f64,
    /// Over the run at most.
    most: f64,
    /// What callers lose, or may.
    passed: f64,
    /// Variance over mean.
    dispersion: f64,
}

/// What the load model demands of a run. `rooms`: the most pods of each workload.
pub(super) fn terms(
    problem: &Problem,
    scenario: &Scenario,
    demands: &Demands,
    rooms: &[u32],
) -> FloorTerms {
    let count = scenario.loads.len();
    let mut offers = vec![Offers::default(); count];
    let mut lost = vec![0.0_f64; count];
    let mut requirements = vec![Requirement::Nothing; count];
    let mut used = 0.0;
    for at in order_of_calls(&scenario.loads).unwrap_or_default() {
        let load = &scenario.loads[at];
        offers[at] = offered(scenario, load, &offers, &lost);
        let Offers { most, passed, dispersion, .. } = offers[at];
        let part = demands.shares[at].map_or(1.0, |share| 1.0 - share as f64 / MILLION as f64);
        let crowd = Crowd { most, dispersion };
        let spare = most * part + passed + crowd.luck();
        // No more than this part is lost of what does arrive.
        let own = (most + crowd.luck()) * part + passed;
        lost[at] = if load.service == Service::None { 0.0 } else { own.min(most) };
        requirements[at] =
            requirement(problem, scenario, demands, (at, rooms[at]), (&offers[at], spare));
        if demands.shares[at].is_some() {
            let needed = offers[at].total - spare;
            used += used_micros(problem, load, (at, rooms[at]), needed);
        }
        if let Requirement::PodTime { millis } = &mut requirements[at] {
            // Nobody pays for the time after the run.
            let after = u128::from(rooms[at]) * u128::from(INTERVAL_MILLIS);
            let rest = millis.saturating_sub(after) * u128::from(paid_millis(scenario));
            *millis = rest / u128::from(INTERVAL_MILLIS);
        }
    }
    let interval_millis = paid_millis(scenario);
    let presence = (0..count).map(|at| presence(scenario, at)).collect();
    let intervals = counted(scenario);
    let used_micros = (used * interval_millis as f64 / INTERVAL_MILLIS as f64) as u128;
    FloorTerms {
        interval_millis,
        intervals,
        system_node: true,
        used_micros,
        requirements,
        presence,
    }
}

/// CPU that good answers use, microseconds of a core, but for what pods may use in an interval: nobody
/// pays for the last one.
fn used_micros(problem: &Problem, load: &Load, (at, room): (usize, u32), needed: f64) -> f64 {
    let Some(each) = cost(load.service) else { return 0.0 };
    let most = cores_milli(problem, at, load) as f64 * f64::from(room) * INTERVAL_MILLIS as f64;
    (needed.max(0.0) * each * 1e6 - most).max(0.0)
}

/// An autoscaler that never goes to zero keeps one pod, but for a part of the time that demands look
/// for in samples only: so twice of what they allow is given away.
fn presence(scenario: &Scenario, at: usize) -> Presence {
    let kept = scenario.scaling[at].as_ref().is_some_and(|one| one.min > 0);
    if !kept || scenario.crons[at].is_some() {
        return Presence::default();
    }
    let gone = u128::from(2 * MOST_ABSENT) * u128::from(counted(scenario));
    Presence { pods: 1, spare_milli: (gone * 1000).div_ceil(u128::from(MILLION)) }
}

/// Who serves at the end of the run is paid after it: nothing is proven of the last interval.
fn counted(scenario: &Scenario) -> u64 {
    (scenario.horizon_millis / INTERVAL_MILLIS).saturating_sub(1)
}

/// How long a node is paid at least after the end of an interval in which a pod on it was Ready.
fn paid_millis(scenario: &Scenario) -> u64 {
    scenario.times.delete_millis.clamp(1, INTERVAL_MILLIS)
}

/// What arrives, callers before those they call.
fn offered(scenario: &Scenario, load: &Load, callers: &[Offers], lost: &[f64]) -> Offers {
    let count = (scenario.horizon_millis / INTERVAL_MILLIS) as usize;
    let dispersion = f64::from(load.burstiness_milli.max(1000)) / 1000.0;
    let mut all = Offers { least: vec![0.0; count], dispersion, ..Offers::default() };
    for source in &load.sources {
        match *source {
            Source::Series { series, factor } => {
                let factor = factor as f64 / MILLION as f64;
                for (at, to) in all.least.iter_mut().enumerate() {
                    let from = at as u64 * INTERVAL_MILLIS;
                    let series = &scenario.series[series];
                    let mean = expected(series, from, from + INTERVAL_MILLIS) * factor;
                    *to += mean;
                    all.total += mean;
                    all.most += mean;
                }
            }
            Source::Calls { caller, factor } => {
                let (own, load) = (&callers[caller.index()], &scenario.loads[caller.index()]);
                let factor = factor as f64 / MILLION as f64;
                let late = deferred(load);
                all.dispersion += own.dispersion * factor;
                all.total += own.total * factor;
                for (to, from) in all.least.iter_mut().zip(&own.least) {
                    *to += from * factor * (1.0 - late).max(0.0);
                }
                // Who waits at the caller over the end of an interval may call twice, and who is
                // lost there calls with every attempt.
                let again = lost[caller.index()] * load.retries.map_or(0.0, |r| r.attempts.into());
                all.most += (own.most * (1.0 + late) + again) * factor;
                all.passed += lost[caller.index()] * factor;
            }
        }
    }
    all
}

/// The share of what arrives in an interval that may wait for the next and still be good. Queues
/// may let all of it wait.
fn deferred(load: &Load) -> f64 {
    match load.service {
        Service::None => 0.0,
        Service::Messages { .. } | Service::Jobs { .. } => 1.0,
        Service::Requests { timeout_millis, .. } => {
            let within = load.objective.within_millis.unwrap_or(timeout_millis);
            within.saturating_mul(2).min(timeout_millis) as f64 / INTERVAL_MILLIS as f64
        }
    }
}

fn requirement(
    problem: &Problem,
    scenario: &Scenario,
    demands: &Demands,
    (at, room): (usize, u32),
    (offers, spare): (&Offers, f64),
) -> Requirement {
    let load = &scenario.loads[at];
    let cores = cores_milli(problem, at, load);
    match load.service {
        _ if load.service == Service::None || demands.shares[at].is_none() => {
            always(scenario, demands, at, room)
        }
        Service::None => Requirement::Nothing,
        Service::Messages { .. } | Service::Jobs { .. } => {
            let each = cost(load.service).unwrap_or(0.0);
            let seconds = (offers.total - spare).max(0.0) * each / (cores as f64 / 1000.0);
            Requirement::PodTime { millis: (seconds * 1000.0) as u128 }
        }
        Service::Requests { .. } => {
            let Some((curve, few)) = goodput::ceilings(load, cores, INTERVAL_MILLIS, room) else {
                return Requirement::Nothing;
            };
            if offers.least.iter().sum::<f64>() < offers.total * DEFERRED {
                // Queues call when they like: a pod does its best in every interval.
                let best = few.iter().chain([&curve]).filter_map(|curve| curve.last());
                let best =
                    best.map(|step| step.good_milli.max(1)).max().unwrap_or(1) as f64 / 1000.0;
                let millis = (offers.total - spare).max(0.0) / best * INTERVAL_MILLIS as f64;
                return Requirement::PodTime { millis: millis as u128 };
            }
            let grain = (scenario.sample_millis / INTERVAL_MILLIS).max(1) as usize;
            let milli = |mean: f64| (mean * 1000.0).clamp(0.0, 1e17) as u64;
            let mut offered_milli: Vec<u64> =
                offers.least.chunks(grain).flat_map(stretches).map(milli).collect();
            offered_milli.truncate(counted(scenario) as usize);
            let Offers { most, passed, dispersion, .. } = *offers;
            let part = demands.shares[at].map_or(1.0, |share| 1.0 - share as f64 / MILLION as f64);
            let curves: Vec<&[Step]> = few.iter().chain([&curve]).map(Vec::as_slice).collect();
            let spare = mean_misses(&curves, most * part, Crowd { most, dispersion }) + passed;
            Requirement::Requests {
                offered_milli,
                curve,
                few,
                spare_milli: (spare * 1000.0).clamp(0.0, 1e30).ceil() as u128,
            }
        }
    }
}

/// Pods that are always there are requests that come all the time, a thousand thousandths for each.
/// An autoscaler that never goes to zero wants one at least.
fn always(scenario: &Scenario, demands: &Demands, at: usize, room: u32) -> Requirement {
    let (pods, most) = match &scenario.scaling[at] {
        None => (scenario.replicas[at], scenario.replicas[at]),
        Some(one) => (one.min.min(1), room),
    };
    if pods == 0 || scenario.crons[at].is_some() {
        return Requirement::Nothing;
    }
    let count = scenario.horizon_millis / INTERVAL_MILLIS;
    // Of all that are wanted so many may be missing, even while only one is.
    let missed = u128::from(MILLION.saturating_sub(demands.running));
    let all = u128::from(most.max(pods)) * 1000 * u128::from(count);
    Requirement::Requests {
        offered_milli: vec![u64::from(pods) * 1000; counted(scenario) as usize],
        curve: vec![Step { offered_milli: 1000, good_milli: 1000 }],
        few: Vec::new(),
        spare_milli: (all * missed).div_ceil(u128::from(MILLION)),
    }
}

/// For every interval of a sample, the least mean of any row of intervals that it is part of: the
/// simulator lets the same pods see the mean of a row.
fn stretches(sample: &[f64]) -> Vec<f64> {
    let mut least = sample.to_vec();
    if sample.len() > MOST_INTERVALS {
        let all = sample.iter().copied().fold(f64::INFINITY, f64::min);
        least.fill(all);
        return least;
    }
    for from in 0..sample.len() {
        let mut means = Vec::with_capacity(sample.len() - from);
        let mut sum = 0.0;
        for (count, arrivals) in sample[from..].iter().enumerate() {
            sum += arrivals;
            means.push(sum / (count + 1) as f64);
        }
        let mut best = f64::INFINITY;
        for (at, mean) in means.iter().enumerate().rev() {
            best = best.min(*mean);
            least[from + at] = least[from + at].min(best);
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_counts_with_the_least_row_that_it_is_in() {
        assert_eq!(stretches(&[4.0, 4.0, 4.0]), [4.0, 4.0, 4.0]);
        assert_eq!(stretches(&[1.0, 3.0]), [1.0, 2.0]);
        assert_eq!(stretches(&[6.0, 0.0, 3.0, 9.0]), [3.0, 0.0, 1.5, 4.0]);
    }
}
