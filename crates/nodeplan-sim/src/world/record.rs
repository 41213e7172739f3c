//! Writes the timeline.

use nodeplan_model::scenario::{MILLION, Scenario};
use nodeplan_model::timeline::{
    Decision, LatencyCounts, PoolSample, Timeline, WorkloadSample, WorkloadTotals,
};
use nodeplan_model::units::Spend;

use crate::queueing::histogram::Histogram;
use crate::queueing::table::{Merged, Percentile, Place, Tables};

use super::World;
use super::nodes::NodePhase;
use super::pods::Phase;

/// What a workload did since the last sample.
#[derive(Debug, Default)]
pub struct Tally {
    /// Arrivals.
    pub offered: u64,
    /// Answered, millionths.
    pub served_micro: u64,
    /// Given up, millionths.
    pub lost_micro: u64,
    /// Within the objective, millionths.
    pub good_micro: u64,
    /// CPU use × time, milli-core-milliseconds.
    pub cpu: u64,
    /// Memory use × intervals, bytes.
    pub memory: u128,
    /// Response times of requests, by the load that they met.
    pub parts: Vec<Part>,
    /// Messages and jobs that waited from so long to so long, milliseconds: millionths.
    pub waits: Vec<(u64, u64, u64)>,
}

/// Requests that met one load.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The load.
    pub place: Place,
    /// Unit of its times, seconds.
    pub unit: f64,
    /// How many, in millionths.
    pub micro_requests: u64,
    /// CPU of a request, seconds.
    pub cost: f64,
    /// Latency that is not the pod's, seconds.
    pub fixed: f64,
    /// Delay by what waited before them, seconds.
    pub delay: f64,
}

impl Part {
    /// Adds its response times to a histogram.
    fn expand(&self, tables: &Tables, into: &mut Histogram) {
        let mut one = Merged::new();
        one.add(self.place, self.micro_requests);
        one.expand(tables, self.cost, self.fixed + self.delay, into);
    }
}

/// The timeline being written.
#[derive(Debug)]
pub struct Record {
    /// Sums of the run, by workload.
    pub totals: Vec<WorkloadTotals>,
    /// Since the last sample, by workload.
    pub tallies: Vec<Tally>,
    /// Requests of the run that nothing delayed before their pod, by load, by workload.
    settled: Vec<Merged>,
    /// Response times of all others, by workload.
    latency: Vec<Histogram>,
    /// CPU and fixed latency of a request, seconds, by workload.
    costs: Vec<(f64, f64)>,
    /// Decisions.
    pub decisions: Vec<Decision>,
    /// CPU used on the nodes of each pool in the last interval, milli-cores.
    pub used: Vec<u64>,
    sample_millis: u64,
    pools: Vec<PoolSample>,
    workloads: Vec<WorkloadSample>,
    spend: Vec<Spend>,
    node_millis: Vec<u128>,
    /// When nodes were last paid for.
    paid: u64,
    due: Spend,
}

impl Record {
    /// An empty timeline.
    pub fn new(workloads: usize, pools: usize, scenario: &Scenario) -> Self {
        let samples = (scenario.horizon_millis / scenario.sample_millis.max(1)) as usize;
        Self {
            totals: vec![WorkloadTotals::default(); workloads],
            tallies: (0..workloads).map(|_| Tally::default()).collect(),
            settled: vec![Merged::new(); workloads],
            latency: vec![Histogram::new(); workloads],
            costs: vec![(0.0, 0.0); workloads],
            decisions: Vec::new(),
            used: vec![0; pools],
            sample_millis: scenario.sample_millis,
            pools: Vec::with_capacity(samples.saturating_mul(pools).min(1 << 24)),
            workloads: Vec::with_capacity(samples.saturating_mul(workloads).min(1 << 24)),
            spend: Vec::new(),
            node_millis: vec![0; pools],
            paid: 0,
            due: Spend(0),
        }
    }

    /// A pod found its node, or ended without one, after so long.
    pub fn waited(&mut self, app: u32, millis: u64) {
        self.totals[app as usize].pending_millis.push(millis);
    }

    /// The timeline.
    pub fn finish(mut self, tables: &Tables) -> Timeline {
        for (app, totals) in self.totals.iter_mut().enumerate() {
            let (cost, fixed) = self.costs[app];
            self.settled[app].expand(tables, cost, fixed, &mut self.latency[app]);
            totals.latency = counts(&self.latency[app]);
        }
        Timeline {
            sample_millis: self.sample_millis,
            samples: self.spend.len(),
            workloads: self.workloads,
            pools: self.pools,
            spend: self.spend,
            totals: self.totals,
            node_millis: self.node_millis,
            decisions: self.decisions,
        }
    }
}

/// A histogram as the timeline keeps it.
fn counts(histogram: &Histogram) -> LatencyCounts {
    let rows = histogram.counts().map(|(seconds, count)| (micros(Some(seconds)), count / 1000));
    LatencyCounts { buckets: rows.filter(|(_, count)| *count > 0).collect() }
}

/// Seconds as whole microseconds, zero of nothing.
fn micros(seconds: Option<f64>) -> u64 {
    libm::round(seconds.unwrap_or(0.0) * 1e6) as u64
}

impl World<'_> {
    /// Pays for every machine since it was last paid for. Called before the number changes.
    pub(super) fn pay(&mut self) {
        let now = self.clock.now();
        let millis = now - self.record.paid;
        self.record.paid = now;
        for (index, pool) in self.nodes.pools.iter().enumerate() {
            let time = pool.live.len() as u128 * u128::from(millis);
            self.record.node_millis[index] += time;
            self.record.due.0 += time * u128::from(pool.rate);
        }
    }

    /// Ends a sample.
    pub(super) fn sample(&mut self) {
        self.pay();
        let due = std::mem::take(&mut self.record.due);
        self.record.spend.push(due);
        for index in 0..self.nodes.pools.len() {
            let row = self.pool_sample(index);
            self.record.pools.push(row);
        }
        for app in 0..self.apps.len() {
            let row = self.workload_sample(app);
            self.record.workloads.push(row);
        }
    }

    fn pool_sample(&self, index: usize) -> PoolSample {
        let pool = &self.nodes.pools[index];
        let mut row = PoolSample {
            nodes: pool.live.len() as u32,
            used_milli: self.record.used[index],
            ..PoolSample::default()
        };
        for &id in &pool.live {
            let node = &self.nodes.all[id as usize];
            if matches!(node.phase, NodePhase::Ready | NodePhase::Draining) {
                row.ready += 1;
                row.requested_milli += pool.cpu - node.free_cpu + pool.addon_cpu;
                row.allocatable_milli += pool.cpu + pool.addon_cpu;
            }
        }
        row
    }

    fn workload_sample(&mut self, app: usize) -> WorkloadSample {
        self.tell_responses(app);
        let latency_micros = self.percentiles(app);
        let tally = &mut self.record.tallies[app];
        let row = &self.apps[app];
        let (backlog, oldest_millis) = self.load.waiting(app);
        let pods = &self.pods;
        let pending = row.live.iter().filter(|&&id| pods[id].phase == Phase::Pending).count();
        let intervals = (self.record.sample_millis / super::INTERVAL_MILLIS).max(1);
        let sample = WorkloadSample {
            offered: tally.offered,
            served: tally.served_micro.saturating_add(MILLION / 2) / MILLION,
            lost: tally.lost_micro.saturating_add(MILLION / 2) / MILLION,
            good_milli: tally.good_micro.saturating_add(500) / 1000,
            wanted: row.wanted,
            ready: row.ready,
            pending: pending as u32,
            cpu_milli: tally.cpu / self.record.sample_millis,
            memory: (tally.memory / u128::from(intervals)) as u64,
            backlog,
            oldest_millis,
            latency_micros,
        };
        let (parts, waits) = (std::mem::take(&mut tally.parts), std::mem::take(&mut tally.waits));
        *tally = Tally { parts, waits, ..Tally::default() };
        tally.parts.clear();
        tally.waits.clear();
        sample
    }

    /// Percentiles of the sample that ends, and its part of those of the run.
    fn percentiles(&mut self, app: usize) -> [u64; 3] {
        let Record { tallies, settled, latency, costs, .. } = &mut self.record;
        let tally = &tallies[app];
        let tables = &self.load.tables;
        for part in &tally.parts {
            costs[app] = (part.cost, part.fixed);
            if part.delay > 0.0 {
                part.expand(tables, &mut latency[app]);
            } else {
                settled[app].add(part.place, part.micro_requests);
            }
        }
        for &(from, to, count) in &tally.waits {
            latency[app].spread(from as f64 / 1000.0, to as f64 / 1000.0, count);
        }
        let waited = tally.waits.iter().any(|(_, to, _)| *to > 0);
        match &tally.parts[..] {
            [] if !waited => [0; 3],
            [part] => Percentile::ALL.map(|level| {
                let seconds = tables.quantile(part.place, level) * part.unit;
                micros(Some(seconds + part.fixed + part.delay))
            }),
            parts => {
                let mut all = Histogram::new();
                for part in parts {
                    part.expand(tables, &mut all);
                }
                for &(from, to, count) in &tally.waits {
                    all.spread(from as f64 / 1000.0, to as f64 / 1000.0, count);
                }
                [0.5, 0.95, 0.99].map(|level| micros(all.quantile(level)))
            }
        }
    }
}
