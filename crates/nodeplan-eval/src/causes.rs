//! Why objectives were missed: every sample that misses one is told by the first cause that applies.
//!
//! States are known at the ends of samples, so what was so at either end was so within.

use crate::scorecard::misses;
use nodeplan_model::scenario::{Happening, Scenario};
use nodeplan_model::scorecard::{Cause, Missed};
use nodeplan_model::timeline::{Timeline, WorkloadSample};

/// So long after nodes are lost pods may be away for that, milliseconds: their pods are given up after
/// five minutes, then new nodes come and pods start.
const LOST_MILLIS: u64 = 900_000;

/// Why a workload missed its objective, what took longest first.
pub(crate) fn causes(scenario: &Scenario, timeline: &Timeline, workload: usize) -> Vec<Missed> {
    let load = &scenario.loads[workload];
    let row_of = |sample: usize| timeline.workload_at(sample, workload);
    let most = match &scenario.scaling[workload] {
        Some(scaling) => scaling.max,
        // Nobody adds pods.
        None => 0,
    };
    let mut all: Vec<Missed> = Vec::new();
    if timeline.samples == 0 {
        return all;
    }
    // It begins as it is at the end of the first sample, with nothing to do.
    let mut after = row_of(0);
    let mut row = WorkloadSample { backlog: 0, ..after };
    for sample in 0..timeline.samples {
        let before = std::mem::replace(&mut row, after);
        if sample + 1 < timeline.samples {
            after = row_of(sample + 1);
        }
        if !misses(&row, load) {
            continue;
        }
        let until = (sample as u64 + 1) * timeline.sample_millis;
        let from = until - timeline.sample_millis;
        let cause = cause([before, row, after], most, lost(scenario, from, until));
        match all.iter_mut().find(|one| one.cause == cause) {
            Some(one) => one.millis += timeline.sample_millis,
            None => all.push(Missed { cause, millis: timeline.sample_millis }),
        }
    }
    all.sort_by_key(|one| (std::cmp::Reverse(one.millis), one.cause));
    all
}

/// Why a sample misses, between the one before and the one after.
fn cause([before, row, after]: [WorkloadSample; 3], most: u32, lost: bool) -> Cause {
    let waits = before.pending > 0 || row.pending > 0;
    let starts = before.ready < before.wanted || row.ready < row.wanted;
    match () {
        () if lost && (waits || starts) => Cause::NodeLost,
        () if waits => Cause::NoNode,
        () if starts => Cause::Starting,
        () if row.wanted >= most => Cause::AtMost,
        () if before.backlog > 0 => Cause::LeftOver,
        () if before.wanted < row.wanted || row.wanted < after.wanted => Cause::Behind,
        () => Cause::Busy,
    }
}

/// Whether nodes were lost in a sample or not long before.
fn lost(scenario: &Scenario, from: u64, until: u64) -> bool {
    let away = |happening: Happening| match happening {
        Happening::NodeFails { .. } | Happening::SpotEviction { .. } => Some(LOST_MILLIS),
        Happening::ZoneFails { millis, .. } => Some(millis.saturating_add(LOST_MILLIS)),
        _ => None,
    };
    scenario.events.iter().any(|event| {
        let end = away(event.what).map(|away| event.at_millis.saturating_add(away));
        event.at_millis < until && end.is_some_and(|end| from < end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodeplan_model::scenario::{
        AutoscalerProfile, Autoscaling, Event, Load, Metric, NodeTimes, Objective, Provisioning,
    };
    use nodeplan_model::timeline::WorkloadTotals;

    /// One workload that asks for 95 % within a second.
    fn scenario(most: Option<u32>, fails: Option<u64>) -> Scenario {
        let objective =
            Objective { within_millis: Some(1000), share: 950_000, percentile: 950_000 };
        let scaling = most.map(|max| Autoscaling {
            min: 1,
            max,
            metrics: vec![Metric::CpuUtilization(60)],
            behavior: None,
            schedules: Vec::new(),
            cooldown_seconds: None,
            activation: 0,
            sidecar: Default::default(),
            queue_lag_millis: 0,
        });
        let what = Happening::NodeFails { pool: 0, repair_millis: 60_000 };
        Scenario {
            seed: 1,
            start_second_of_week: 0,
            clock_jumps: Vec::new(),
            horizon_millis: 300_000,
            sample_millis: 60_000,
            series: Vec::new(),
            loads: vec![Load { objective, ..Load::default() }],
            scaling: vec![scaling],
            replicas: vec![1],
            budgets: vec![None],
            pods: Vec::new(),
            crons: vec![None],
            pools: Vec::new(),
            times: NodeTimes::default(),
            provisioning: Provisioning::default(),
            autoscaler: AutoscalerProfile::default(),
            events: fails.map(|at_millis| Event { at_millis, what }).into_iter().collect(),
        }
    }

    /// Samples of a minute: wanted, ready, pending, left over, and of a hundred requests how many are good.
    fn told(rows: &[[u32; 5]], most: Option<u32>, fails: Option<u64>) -> Vec<(Cause, u64)> {
        let sample = |&[wanted, ready, pending, backlog, good]: &[u32; 5]| WorkloadSample {
            offered: 100,
            served: 100,
            good_milli: u64::from(good) * 1000,
            wanted,
            ready,
            pending,
            backlog: backlog.into(),
            ..WorkloadSample::default()
        };
        let timeline = Timeline {
            sample_millis: 60_000,
            samples: rows.len(),
            workloads: rows.iter().map(sample).collect::<Vec<_>>().into(),
            totals: vec![WorkloadTotals::default()],
            ..Timeline::default()
        };
        let all = causes(&scenario(most, fails), &timeline, 0);
        all.into_iter().map(|one| (one.cause, one.millis / 60_000)).collect()
    }

    /// Samples, most pods, when a node fails; minutes of each cause.
    type Row<'a> = (&'a [[u32; 5]], Option<u32>, Option<u64>, &'a [(Cause, u64)]);

    #[test]
    fn each_missed_minute_has_the_first_cause_that_applies() {
        let good = [3, 3, 0, 0, 100];
        let bad = [3, 3, 0, 0, 50];
        let table: [Row; 12] = [
            (&[good, good], Some(9), None, &[]),
            (&[good, bad, good], Some(9), None, &[(Cause::Busy, 1)]),
            (&[bad, good], Some(9), None, &[(Cause::Busy, 1)]),
            // More pods come in the next minute, or came in this one.
            (&[good, bad, [4, 4, 0, 0, 100]], Some(9), None, &[(Cause::Behind, 1)]),
            (&[good, [4, 4, 0, 0, 50]], Some(9), None, &[(Cause::Behind, 1)]),
            (&[[3, 3, 0, 7, 100], bad], Some(9), None, &[(Cause::LeftOver, 1)]),
            (&[bad, bad], Some(3), None, &[(Cause::AtMost, 2)]),
            (&[bad], None, None, &[(Cause::AtMost, 1)]),
            (&[[3, 2, 0, 0, 100], bad], Some(3), None, &[(Cause::Starting, 1)]),
            (
                &[[3, 2, 1, 0, 50], bad, bad],
                Some(3),
                None,
                &[(Cause::NoNode, 2), (Cause::AtMost, 1)],
            ),
            // A node lost in the third minute: nothing before is due to it, nor what all pods miss.
            (
                &[[3, 2, 1, 0, 50], bad, [3, 2, 0, 0, 50], bad, bad],
                Some(9),
                Some(150_000),
                &[(Cause::NodeLost, 2), (Cause::NoNode, 2), (Cause::Busy, 1)],
            ),
            // Long ago.
            (
                &[[3, 2, 0, 0, 50]; 17],
                Some(9),
                Some(0),
                &[(Cause::NodeLost, 15), (Cause::Starting, 2)],
            ),
        ];
        for (rows, most, fails, want) in table {
            assert_eq!(told(rows, most, fails), want, "{rows:?}");
        }
    }
}
