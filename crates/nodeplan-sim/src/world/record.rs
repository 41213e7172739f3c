//! Writes the timeline.

use nodeplan_model::scenario::{MILLION, Scenario};
use nodeplan_model::timeline::{
    Decision, Lacking, LatencyCounts, PoolSample, Stay, Timeline, WorkloadSample, WorkloadSamples,
    WorkloadTotals,
};
use nodeplan_model::units::Spend;

use crate::queueing::histogram::{Histogram, rounded};
use crate::queueing::table::{Merged, Percentile, Place, Tables};

use super::nodes::NodePhase;
use super::pods::Phase;
use super::{Latency, World};

/// What a workload did since the last sample.
#[derive(Debug, Default)]
pub struct Tally {
    /// Arrivals.
    pub offered: u64,
    /// Answered, millionths; of these three, what earlier samples did not tell is left.
    pub served_micro: u64,
    /// Given up, millionths.
    pub lost_micro: u64,
    /// Tried again, millionths.
    pub retried_micro: u64,
    /// Within the objective, millionths.
    pub good_micro: u64,
    /// CPU use × time, milli-core-milliseconds.
    pub cpu: u64,
    /// Memory use × intervals, bytes.
    pub memory: u64,
    /// Pods wanted × intervals.
    pub wanted: u64,
    /// Those of them that were not Ready.
    pub missing: u64,
    /// Response times of requests, by the load that they met.
    pub parts: Vec<Part>,
    /// Messages and jobs that waited from so long to so long, milliseconds: millionths.
    pub waits: Vec<(u64, u64, u64)>,
}

/// Tells the whole ones of so many millionths, and leaves the rest. Where a half was there at first,
/// their sum is the nearest whole number at any time.
fn tell_whole(micro: &mut u64) -> u64 {
    let whole = *micro / MILLION;
    *micro %= MILLION;
    whole
}

impl Tally {
    /// Nothing yet.
    fn new() -> Self {
        let half = MILLION / 2;
        Self { served_micro: half, lost_micro: half, retried_micro: half, ..Self::default() }
    }

    /// Adds an interval of so many pods, wanted and Ready, each of which used so many milli-cores and
    /// bytes.
    #[inline]
    pub fn end_interval(&mut self, (wanted, ready): (u32, u32), (cpu, memory): (u64, u64)) {
        self.wanted += u64::from(wanted);
        self.missing += u64::from(wanted.saturating_sub(ready));
        let ready = u64::from(ready);
        let cpu = cpu.saturating_mul(ready).saturating_mul(super::INTERVAL_MILLIS);
        self.cpu = self.cpu.saturating_add(cpu);
        self.memory = self.memory.saturating_add(memory.saturating_mul(ready));
    }
}

/// Requests that met one load.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The load.
    pub place: Place,
    /// Unit of its times, seconds, and the logarithm of it.
    pub unit: (f64, f64),
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
    /// Adds this part to others: to the one of the same load, if there is one.
    pub fn join(self, parts: &mut Vec<Part>) {
        if self.delay <= 0.0 {
            let undelayed = parts.iter_mut().filter(|part| part.delay <= 0.0);
            for part in undelayed {
                let sum = part.micro_requests.saturating_add(self.micro_requests);
                let joined =
                    part.place.joined(part.micro_requests, self.place, self.micro_requests);
                if let Some(place) = joined {
                    (part.place, part.micro_requests) = (place, sum);
                    return;
                }
            }
        }
        parts.push(self);
    }

    /// Adds its response times to a histogram. Where they are next to nothing against the delay,
    /// they are told by their mean.
    fn expand(&self, tables: &Tables, into: &mut Histogram) {
        let before = self.fixed + self.delay;
        if self.percentile(tables, Percentile::P99) - before <= before * PERCENTILE_ERROR {
            let seconds = before + tables.mean(self.place) * self.unit.0;
            into.add(seconds, self.micro_requests);
            return;
        }
        tables.tell(self.place, self.micro_requests, self.cost, self.fixed + self.delay, into);
    }

    /// A percentile of its response times, seconds.
    fn percentile(&self, tables: &Tables, level: Percentile) -> f64 {
        tables.quantile(self.place, level) * self.unit.0 + self.fixed + self.delay
    }
}

/// Relative error that a percentile of a sample may have.
const PERCENTILE_ERROR: f64 = 0.005;

/// Percentiles of the requests of several parts, seconds.
fn percentiles_of(parts: &[Part], tables: &Tables) -> [f64; 3] {
    let [one, others @ ..] = parts else { return [0.0; 3] };
    if others.is_empty() {
        return Percentile::ALL.map(|level| one.percentile(tables, level));
    }
    let offset = one.fixed + one.delay;
    let alike = |other: &Part| {
        (other.unit.0.to_bits(), (other.fixed + other.delay).to_bits())
            == (one.unit.0.to_bits(), offset.to_bits())
    };
    if !others.iter().all(alike) {
        return Percentile::ALL.map(|level| percentile_of(parts, tables, level));
    }
    let parts = parts.iter().map(|part| (part.place, part.micro_requests as f64));
    Percentile::ALL.map(|level| tables.quantile_of(parts.clone(), level) * one.unit.0 + offset)
}

/// A percentile of the requests of parts of several units or delays, seconds: it lies between the
/// least and the greatest of theirs, and there the share of all that is within a time is known.
/// False position with halved ends (the Illinois method, Dowell & Jarratt 1971).
fn percentile_of(parts: &[Part], tables: &Tables, level: Percentile) -> f64 {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for part in parts {
        let own = part.percentile(tables, level);
        (low, high) = (low.min(own), high.max(own));
    }
    if high - low <= low * PERCENTILE_ERROR {
        return (low + high) / 2.0;
    }
    let total: f64 = parts.iter().map(|part| part.micro_requests as f64).sum();
    // What is above the level at a time, in requests.
    let above = |seconds: f64| -> f64 {
        let (mut sum, mut offset, mut log) = (0.0, f64::NAN, 0.0);
        for part in parts {
            let own = part.fixed + part.delay;
            if own.to_bits() != offset.to_bits() {
                (offset, log) = (own, libm::log((seconds - own).max(0.0)));
            }
            let share = tables.share_of_log(part.place, log - part.unit.1);
            sum += part.micro_requests as f64 * share;
        }
        sum - level.level() * total
    };
    let (mut below, mut beyond) = (above(low), above(high));
    if below >= 0.0 {
        return low;
    }
    let mut last = 0_i8;
    for _ in 0..40 {
        if beyond <= 0.0 {
            return high;
        }
        if high - low <= low * PERCENTILE_ERROR {
            break;
        }
        // Not nearer to an end than the error that may be: then the other end follows.
        let step = low * PERCENTILE_ERROR / 2.0;
        let middle = (low - below * (high - low) / (beyond - below)).clamp(low + step, high - step);
        let found = above(middle);
        if found < 0.0 {
            (low, below) = (middle, found);
            beyond *= if last < 0 { 0.5 } else { 1.0 };
            last = -1;
        } else {
            (high, beyond) = (middle, found);
            below *= if last > 0 { 0.5 } else { 1.0 };
            last = 1;
        }
    }
    (low + high) / 2.0
}

/// The timeline being written.
#[derive(Debug)]
pub struct Record {
    /// Sums of the run, by workload.
    pub totals: Vec<WorkloadTotals>,
    /// Since the last sample, by workload.
    pub tallies: Vec<Tally>,
    /// Which response times are told.
    told: Latency,
    /// Requests of the run that nothing delayed before their pod, by load, by workload.
    settled: Vec<Merged>,
    /// Response times of all others, by workload.
    latency: Vec<Histogram>,
    /// CPU and fixed latency of a request, seconds, by workload.
    costs: Vec<(f64, f64)>,
    /// Decisions.
    pub decisions: Vec<Decision>,
    /// Why nodes stay.
    pub stays: Vec<Stay>,
    /// Why no nodes were asked for.
    pub lacks: Vec<Lacking>,
    /// CPU used on the nodes of each pool in the last interval, milli-cores.
    pub used: Vec<u64>,
    sample_millis: u64,
    pools: Vec<PoolSample>,
    workloads: WorkloadSamples,
    spend: Vec<Spend>,
    node_millis: Vec<u128>,
    /// When nodes were last paid for.
    paid: u64,
    due: Spend,
}

impl Record {
    /// An empty timeline.
    pub fn new(workloads: usize, pools: usize, scenario: &Scenario, told: Latency) -> Self {
        let samples = (scenario.horizon_millis / scenario.sample_millis.max(1)) as usize;
        Self {
            totals: vec![WorkloadTotals::default(); workloads],
            tallies: (0..workloads).map(|_| Tally::new()).collect(),
            told,
            settled: vec![Merged::new(); workloads],
            latency: vec![Histogram::new(); workloads],
            costs: vec![(0.0, 0.0); workloads],
            decisions: Vec::new(),
            stays: Vec::new(),
            lacks: Vec::new(),
            used: vec![0; pools],
            sample_millis: scenario.sample_millis,
            pools: Vec::with_capacity(samples.saturating_mul(pools).min(1 << 24)),
            workloads: WorkloadSamples::with_capacity(
                samples.saturating_mul(workloads).min(1 << 24),
            ),
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
            tell_pods(&mut self.tallies[app], totals);
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
            stays: self.stays,
            lacks: self.lacks,
        }
    }
}

/// Tells the time that pods were wanted and missing since the last sample.
fn tell_pods(tally: &mut Tally, totals: &mut WorkloadTotals) {
    let millis =
        |pods: &mut u64| u128::from(std::mem::take(pods)) * u128::from(super::INTERVAL_MILLIS);
    totals.wanted_millis += millis(&mut tally.wanted);
    totals.missing_millis += millis(&mut tally.missing);
}

/// A histogram as the timeline keeps it.
fn counts(histogram: &Histogram) -> LatencyCounts {
    let rows = histogram.counts().map(|(seconds, count)| (micros(Some(seconds)), count / 1000));
    LatencyCounts { buckets: rows.filter(|(_, count)| *count > 0).collect() }
}

/// Seconds as whole microseconds, zero of nothing.
fn micros(seconds: Option<f64>) -> u64 {
    rounded(seconds.unwrap_or(0.0) * 1e6)
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
            self.record.workloads.push(&row);
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
            if matches!(node.phase, NodePhase::Ready | NodePhase::Draining) && node.failed.is_none()
            {
                row.ready += 1;
                row.requested_milli += pool.cpu - node.free_cpu + pool.addon_cpu;
                row.allocatable_milli += pool.cpu + pool.addon_cpu;
            }
        }
        row
    }

    fn workload_sample(&mut self, app: usize) -> WorkloadSample {
        self.tell_responses(app);
        let told = self.record.told;
        if told >= Latency::Run {
            self.tell_latency(app);
        }
        let latency_micros = if told == Latency::Samples { self.percentiles(app) } else { [0; 3] };
        let tally = &mut self.record.tallies[app];
        let row = &self.apps[app];
        let (backlog, oldest_millis) = self.load.waiting(app);
        let pods = &self.pods;
        let pending = match row.live.len() - row.ready as usize {
            0 => 0,
            _ => row.live.iter().filter(|&&id| pods[id].phase == Phase::Pending).count(),
        };
        let intervals = (self.record.sample_millis / super::INTERVAL_MILLIS).max(1);
        let sample = WorkloadSample {
            offered: tally.offered,
            served: tell_whole(&mut tally.served_micro),
            lost: tell_whole(&mut tally.lost_micro),
            retried: tell_whole(&mut tally.retried_micro),
            good_milli: tally.good_micro.saturating_add(500) / 1000,
            wanted: row.wanted,
            ready: row.ready,
            pending: pending as u32,
            cpu_milli: tally.cpu / self.record.sample_millis,
            memory: tally.memory / intervals,
            backlog,
            oldest_millis,
            latency_micros,
        };
        tell_pods(tally, &mut self.record.totals[app]);
        let (parts, waits) = (std::mem::take(&mut tally.parts), std::mem::take(&mut tally.waits));
        let Tally { served_micro, lost_micro, retried_micro, .. } = *tally;
        let left = Tally { served_micro, lost_micro, retried_micro, ..Tally::default() };
        *tally = Tally { parts, waits, ..left };
        tally.parts.clear();
        tally.waits.clear();
        sample
    }

    /// Adds the response times of the sample that ends to those of the run.
    fn tell_latency(&mut self, app: usize) {
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
    }

    /// Percentiles of the sample that ends, microseconds.
    fn percentiles(&self, app: usize) -> [u64; 3] {
        let (tally, tables) = (&self.record.tallies[app], &self.load.tables);
        if tally.waits.iter().any(|(_, to, _)| *to > 0) {
            let mut all = Histogram::new();
            for part in &tally.parts {
                part.expand(tables, &mut all);
            }
            for &(from, to, count) in &tally.waits {
                all.spread(from as f64 / 1000.0, to as f64 / 1000.0, count);
            }
            return Percentile::ALL.map(|level| micros(all.quantile(level.level())));
        }
        percentiles_of(&tally.parts, tables).map(|seconds| micros(Some(seconds)))
    }
}
