//! What load needs: pods that meet the objective when everything is ready.

use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Load, MILLION, Scenario, Source};
use nodeplan_sim::demand::{cost, expected, order_of_calls};
use nodeplan_sim::queueing::goodput;

/// Mean arrivals of every workload in equal intervals, when nobody is turned away.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Length of an interval.
    pub interval_millis: u64,
    /// Per workload, requests of each interval.
    pub rows: Vec<Vec<f64>>,
}

impl Arrivals {
    /// Those of a scenario.
    #[must_use]
    pub fn of(scenario: &Scenario, interval_millis: u64) -> Self {
        let count = (scenario.horizon_millis / interval_millis.max(1)) as usize;
        let mut rows = vec![vec![0.0; count]; scenario.loads.len()];
        let series: Vec<Vec<f64>> = scenario
            .series
            .iter()
            .map(|series| {
                let from = |at: usize| at as u64 * interval_millis;
                (0..count).map(|at| expected(series, from(at), from(at + 1))).collect()
            })
            .collect();
        for workload in order_of_calls(&scenario.loads).unwrap_or_default() {
            for source in &scenario.loads[workload].sources {
                let (row, factor) = match *source {
                    Source::Series { series: one, factor } => (series[one].clone(), factor),
                    Source::Calls { caller, factor } => (rows[caller.index()].clone(), factor),
                };
                let factor = factor as f64 / MILLION as f64;
                for (to, from) in rows[workload].iter_mut().zip(row) {
                    *to += from * factor;
                }
            }
        }
        Self { interval_millis, rows }
    }

    /// Requests a second of a workload in an interval.
    #[must_use]
    pub fn rate(&self, workload: usize, at: usize) -> f64 {
        self.rows[workload][at] * 1000.0 / self.interval_millis as f64
    }

    /// How many intervals.
    #[must_use]
    pub fn intervals(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }
}

/// Cores that a pod may use for requests, thousandths: its limit, else those of the largest node.
#[must_use]
pub fn cores_milli(problem: &Problem, workload: usize, load: &Load) -> u64 {
    let largest =
        problem.skus().iter().map(|sku| u64::from(sku.vcpus) * 1000).max().unwrap_or(1000);
    let limit = problem.workloads()[workload].cpu_limit.map_or(largest, |limit| limit.0);
    limit.min(largest).saturating_sub(load.idle.0).max(1)
}

/// What a pod of a workload can do, with everything ready and uncontended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Strength {
    /// Arrivals a second that one pod takes and still meets its objective.
    pub rate: f64,
    /// CPU that it uses then, thousandths of a core.
    pub cpu_milli: f64,
    /// Share that is good at next to no load, parts per million: no pod does better.
    pub best: u64,
}

impl Strength {
    /// Pods that take so many arrivals a second, a million at most.
    #[must_use]
    pub fn pods(&self, rate: f64) -> u32 {
        libm::ceil(rate / self.rate.max(1e-9)).clamp(0.0, 1e6) as u32
    }
}

/// The strength of a pod at an objective of `share` parts per million.
#[must_use]
pub fn strength(problem: &Problem, workload: usize, load: &Load, share: u64) -> Option<Strength> {
    let cost = cost(load.service)?;
    let cores = cores_milli(problem, workload, load);
    let full = cores as f64 / 1000.0 / cost.max(1e-9);
    let used = |rate: f64| load.idle.0 as f64 + rate * cost * 1000.0;
    let queue = Strength { rate: full * 0.9, cpu_milli: used(full * 0.9), best: MILLION };
    let Some(curve) = goodput::curve(load, cores, 1_000_000) else {
        return Some(queue);
    };
    let part = |step: &nodeplan_model::floor::Step| {
        u128::from(step.good_milli) * u128::from(MILLION) / u128::from(step.offered_milli.max(1))
    };
    let best = curve.first().map_or(MILLION, |step| part(step) as u64);
    let share = u128::from(share.min(best.saturating_sub(best / 1000)));
    let enough = curve.iter().take_while(|step| part(step) >= share).last();
    let rate = enough.map_or(full * 0.02, |step| step.offered_milli as f64 / 1e6);
    Some(Strength { rate, cpu_milli: used(rate), best })
}
