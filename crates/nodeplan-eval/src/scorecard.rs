//! What a timeline is worth: cost, and quality of service against every workload's objective.
//!
//! Shares are of requests offered: a lost request missed its objective. Percentiles are read
//! from the merged histogram of the run, never averaged.

use crate::causes::causes;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Load, MILLION, Objective, Scenario, Service};
use nodeplan_model::scorecard::{Scorecard, ServiceScore};
use nodeplan_model::timeline::{LatencyCounts, Timeline, WorkloadSample};
use nodeplan_model::units::Spend;

/// Judges a timeline.
///
/// # Panics
/// If the timeline is not one of this problem and scenario.
#[must_use]
pub fn evaluate(problem: &Problem, scenario: &Scenario, timeline: &Timeline) -> Scorecard {
    let workloads = problem.workloads().len();
    assert_eq!(timeline.totals.len(), workloads, "a timeline of this problem");
    let spend = timeline.spend.iter().fold(0_u128, |sum, spend| sum.saturating_add(spend.0));
    let (mut used, mut requested, mut paid) = (0_u128, 0_u128, 0_u128);
    for row in &timeline.pools {
        used += u128::from(row.used_milli);
        requested += u128::from(row.requested_milli);
        paid += u128::from(row.allocatable_milli);
    }
    let mut waits: Vec<u64> =
        timeline.totals.iter().flat_map(|totals| totals.pending_millis.iter().copied()).collect();
    Scorecard {
        spend: Spend(spend),
        millis: timeline.sample_millis * timeline.samples as u64,
        node_millis: timeline.node_millis.iter().sum(),
        used: share(used, paid),
        requested: share(requested, paid),
        pending_p95_millis: percentile(&mut waits, 95),
        services: sums(scenario, timeline, workloads)
            .into_iter()
            .enumerate()
            .map(|sums| service(problem, scenario, timeline, sums))
            .collect(),
    }
}

/// Tells why objectives were missed, of each workload with `all`, else of those that missed theirs over the
/// whole run.
///
/// # Panics
/// If the scorecard and the timeline are not of this scenario.
pub fn tell_causes(scenario: &Scenario, timeline: &Timeline, all: bool, card: &mut Scorecard) {
    for (index, service) in card.services.iter_mut().enumerate() {
        if service.miss_minutes > 0 && (all || !service.met) {
            service.causes = causes(scenario, timeline, index);
        }
    }
}

/// Parts per million, zero of nothing.
fn share(part: u128, whole: u128) -> u64 {
    let share = part.saturating_mul(u128::from(MILLION)).checked_div(whole).unwrap_or(0);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// The smallest value that at least so many percent do not exceed; changes their order.
fn percentile<T: Ord + Copy + Default>(values: &mut [T], percent: usize) -> T {
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    if rank < values.len() { *values.select_nth_unstable(rank).1 } else { T::default() }
}

/// The response time that at least this share (parts per million) does not exceed: the middle
/// of its bucket, microseconds.
#[must_use]
pub fn latency_percentile(counts: &LatencyCounts, share: u64) -> u64 {
    let total: u128 = counts.buckets.iter().map(|(_, count)| u128::from(*count)).sum();
    let wanted = (total * u128::from(share)).div_ceil(u128::from(MILLION)).max(1);
    let mut seen = 0;
    for &(micros, count) in &counts.buckets {
        seen += u128::from(count);
        if seen >= wanted {
            return micros;
        }
    }
    0
}

/// Sums of one workload over the samples.
#[derive(Clone, Debug, Default)]
struct Sums {
    offered: u64,
    served: u64,
    lost: u64,
    retried: u64,
    good_milli: u128,
    /// Samples that missed the objective.
    missed: u64,
    oldest_millis: u64,
    /// Ready pods of each sample.
    ready: Vec<u32>,
}

impl Sums {
    /// Takes in a sample of a workload under such a load.
    fn add(&mut self, row: &WorkloadSample, load: &Load) {
        self.offered = self.offered.saturating_add(row.offered);
        self.served = self.served.saturating_add(row.served);
        self.lost = self.lost.saturating_add(row.lost);
        self.retried = self.retried.saturating_add(row.retried);
        self.good_milli += u128::from(row.good_milli);
        self.oldest_millis = self.oldest_millis.max(row.oldest_millis);
        self.ready.push(row.ready);
        self.missed += u64::from(misses(row, load));
    }
}

/// Whether a sample misses the objective: of what was done in it, served or lost, too little was good,
/// or nothing was done while something waited for too long. Work that waits over the end of a sample is
/// judged where it is done. Of requests, the oldest that waits is not known.
pub(crate) fn misses(row: &WorkloadSample, load: &Load) -> bool {
    let Objective { within_millis: Some(within), share, .. } = load.objective else { return false };
    let at_once = matches!(load.service, Service::Requests { .. });
    let done = row.served.saturating_add(row.lost);
    if row.good_milli == 0 {
        let waits = row.backlog > 0 && (at_once || row.oldest_millis > within);
        return share > 0 && (done > 0 || waits);
    }
    // Samples tell whole ones: where work waits over their end, one may belong to the sample before.
    let whole = row.served == row.offered && row.backlog == 0;
    let carried = if whole { 0 } else { 1000 };
    let done = (u128::from(done) * 1000).saturating_sub(carried);
    u128::from(row.good_milli) * u128::from(MILLION) < done * u128::from(share)
}

/// The sums of every workload, read row by row as they are stored.
fn sums(scenario: &Scenario, timeline: &Timeline, workloads: usize) -> Vec<Sums> {
    let empty = || Sums { ready: Vec::with_capacity(timeline.samples), ..Sums::default() };
    let mut sums: Vec<Sums> = (0..workloads).map(|_| empty()).collect();
    for sample in 0..timeline.samples {
        let row = timeline.workloads_at(sample);
        for ((sums, row), load) in sums.iter_mut().zip(row).zip(&scenario.loads) {
            sums.add(&row, load);
        }
    }
    sums
}

/// The share of requests that an objective asks for, parts per million.
fn asked(objective: Objective) -> Option<u64> {
    objective.within_millis.map(|_| objective.share)
}

/// The score of one workload.
fn service(
    problem: &Problem,
    scenario: &Scenario,
    timeline: &Timeline,
    (index, sums): (usize, Sums),
) -> ServiceScore {
    let totals = &timeline.totals[index];
    let asked = asked(scenario.loads[index].objective);
    let Sums { offered, served, lost, retried, good_milli, missed, oldest_millis, mut ready } =
        sums;
    let good = asked.map(|_| {
        if offered == 0 {
            MILLION
        } else {
            share(good_milli, u128::from(offered) * 1000).min(MILLION)
        }
    });
    let least = ready.iter().copied().min().unwrap_or(0);
    let most = ready.iter().copied().max().unwrap_or(0);
    let p95 = percentile(&mut ready, 95);
    let mut waits = totals.pending_millis.clone();
    ServiceScore {
        workload: problem.workloads()[index].full_name(),
        offered,
        served,
        lost,
        retried,
        refused: totals.refused.iter().fold(0, |sum, one| sum.saturating_add(*one)),
        good,
        objective: asked,
        miss_minutes: (missed * timeline.sample_millis).div_ceil(60_000),
        causes: Vec::new(),
        latency_micros: [500_000, 950_000, 990_000]
            .map(|share| latency_percentile(&totals.latency, share)),
        replicas: [least, p95, most],
        pending_p95_millis: percentile(&mut waits, 95),
        oldest_millis,
        oom_kills: totals.oom_kills,
        evictions: totals.evictions,
        met: match (good, asked) {
            (Some(good), Some(asked)) => good >= asked,
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodeplan_model::scenario::Balancing;

    #[test]
    fn samples_miss_by_what_was_done_in_them() {
        let objective =
            Objective { within_millis: Some(60_000), share: 950_000, percentile: 950_000 };
        let table = [
            // Offered, served, lost, good in thousandths, waiting, age of the oldest; whether requests
            // and whether messages miss.
            ([0, 0, 0, 0, 0, 0], [false, false]),
            ([100, 100, 0, 95_000, 0, 0], [false, false]),
            ([100, 100, 0, 94_999, 0, 0], [true, true]),
            ([100, 90, 10, 90_000, 0, 0], [true, true]),
            // What waits is judged later, where it is good or not.
            ([100, 50, 0, 50_000, 50, 1_000], [false, false]),
            ([100, 150, 0, 150_000, 0, 0], [false, false]),
            ([100, 150, 0, 100_000, 0, 0], [true, true]),
            // Nothing is done.
            ([100, 0, 0, 0, 100, 60_000], [true, false]),
            ([0, 0, 0, 0, 100, 60_001], [true, true]),
            // Part of a job was done here, the rest before.
            ([0, 1, 0, 300, 0, 0], [false, false]),
            ([1, 1, 0, 500, 1, 50_000], [false, false]),
            ([0, 1, 0, 0, 0, 0], [true, true]),
        ];
        for ([offered, served, lost, good_milli, backlog, oldest_millis], want) in table {
            let row = WorkloadSample {
                offered,
                served,
                lost,
                good_milli,
                backlog,
                oldest_millis,
                ..WorkloadSample::default()
            };
            let requests = Service::Requests {
                cpu_micros: 1000,
                cv2_milli: 1000,
                latency_micros: 0,
                workers: None,
                timeout_millis: 60_000,
                balancing: Balancing::default(),
            };
            let got = [requests, Service::Messages { cpu_micros: 1000, batch: 1 }]
                .map(|service| misses(&row, &Load { objective, service, ..Load::default() }));
            assert_eq!(got, want, "{row:?}");
        }
    }

    #[test]
    fn percentiles_are_ranks() {
        for (values, percent, want) in
            [(vec![3, 1, 2], 50, 2), (vec![3, 1, 2], 95, 3), (vec![7], 1, 7), (vec![], 95, 0)]
        {
            assert_eq!(percentile(&mut values.clone(), percent), want, "{values:?} at {percent}");
        }
    }

    #[test]
    fn percentiles_of_a_histogram_weigh_requests() {
        let counts = LatencyCounts { buckets: vec![(7, 500), (2700, 499), (20_000, 1)] };
        for (share, want) in [(500_000, 7), (500_001, 2700), (999_000, 2700), (999_001, 20_000)] {
            assert_eq!(latency_percentile(&counts, share), want, "{share}");
        }
        assert_eq!(latency_percentile(&LatencyCounts::default(), 500_000), 0);
    }
}
