//! Settles the traffic of an interval: what arrived, who served it, how long it took, how much CPU
//! and memory that used.
//!
//! Three passes. First what every workload would need, callers before those they call. Then each
//! node: where pods want more than it has, shares by request, capped by limits, decide
//! ([`crate::kubelet`]). Last what was served with that, the response times and what waits.

use std::collections::VecDeque;

use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Balancing, Load, MILLION, Scenario, Service, Source};

use crate::demand::expected;
use crate::queueing::shape::{Arrivals, Shape, dispersion_at_pod};
use crate::queueing::table::{Place, Tables};

use super::nodes::NodePhase;
use super::pods::Phase;
use super::record::{Part, Tally};
use super::{INTERVAL_MILLIS, World};

/// Seconds of an interval.
const SECONDS: f64 = INTERVAL_MILLIS as f64 / 1000.0;

/// What a workload has waiting, and what it wants.
#[derive(Debug, Default)]
pub struct Flow {
    /// Arrived in this interval.
    offered: f64,
    /// Waiting from before: requests beyond what pods serve.
    backlog: f64,
    /// Messages or jobs waiting: when they came, how many.
    queue: VecDeque<(u64, f64)>,
    /// CPU each Ready pod wants, milli-cores.
    wants: u64,
    /// Pods that serve by the cores each may use, milli-cores: few different values.
    cores: Vec<(u64, u32)>,
    /// CPU each serving pod used, milli-cores.
    used: u64,
    /// Memory each pod uses, bytes.
    memory: u64,
    /// CPU and memory that metrics show: those of the interval before.
    shown: (u64, u64),
    /// Intervals alike whose response times are still to be told.
    stretch: Stretch,
}

/// Intervals in a row in which the same pods with the same cores served what arrived and nothing
/// waited. Their arrivals make one rate: the noise of single intervals is in the law of response
/// times already.
#[derive(Debug, Default)]
struct Stretch {
    cores: Vec<(u64, u32)>,
    served: f64,
    intervals: u32,
}

/// Work space of settling.
pub struct Settling {
    flows: Vec<Flow>,
    /// Response times by shape of pod and load.
    pub tables: Tables,
    claims: Vec<Claim>,
    granted: Vec<u64>,
}

/// What one pod asks of its node's CPU, milli-cores.
#[derive(Clone, Copy, Debug)]
struct Claim {
    wants: u64,
    /// Its weight: the request (`cpu.shares`).
    request: u64,
    limit: u64,
}

impl Settling {
    /// Nothing waits.
    pub fn new(problem: &Problem, scenario: &Scenario) -> Self {
        let mut flows: Vec<Flow> = Vec::new();
        flows.resize_with(problem.workloads().len(), Flow::default);
        for (flow, load) in flows.iter_mut().zip(&scenario.loads) {
            flow.memory = load.memory.0;
            flow.used = load.idle.0;
        }
        Self {
            flows,
            tables: Tables::new(),
            claims: Vec::new(),
            granted: Vec::new(),
        }
    }

    /// What waits for a workload, and the age of the oldest, milliseconds.
    pub fn waiting(&self, app: usize, now: u64) -> (u64, u64) {
        let flow = &self.flows[app];
        let queued: f64 = flow.queue.iter().map(|(_, count)| count).sum();
        let oldest = flow.queue.front().map_or(0, |(came, _)| now - came);
        (libm::ceil(flow.backlog + queued) as u64, oldest)
    }

    /// CPU and memory that metrics show of a Ready pod, milli-cores and bytes.
    pub fn shown(&self, app: usize) -> (u64, u64) {
        self.flows[app].shown
    }

    /// Arrivals of the last interval, a second, thousandths.
    pub fn rate_milli(&self, app: usize) -> u64 {
        (self.flows[app].offered * 1000.0 / SECONDS) as u64
    }
}

/// The load that requests meet in a pod with so many milli-cores, and the unit of its times in
/// seconds.
fn met(load: &Load, may: u64, ready: u32, rate: f64, tables: &mut Tables) -> (Place, f64) {
    let Service::Requests { cpu_micros, cv2_milli, workers, balancing, .. } = load.service else {
        unreachable!("only requests have response times")
    };
    let cost = (cpu_micros as f64 / MILLION as f64).max(1e-9);
    let cores = may.saturating_sub(load.idle.0);
    let shape = Shape {
        cores_milli: u32::try_from(cores).unwrap_or(u32::MAX).max(1),
        threads_milli: 1000,
        workers: workers.unwrap_or(0),
        spread_milli: cv2_milli,
        arrivals: match balancing {
            Balancing::LeastRequest => Arrivals::LeastRequest,
            Balancing::Random => match dispersion_at_pod(load.burstiness_milli.max(1000), ready) {
                1000 => Arrivals::Random,
                dispersion => Arrivals::Bursty(dispersion),
            },
        },
    }
    .rounded();
    let id = tables.shape(&shape);
    (tables.place(id, shape.load(rate, cost)), shape.unit(cost))
}

/// Tells the response times of requests served evenly by these pods over so many intervals, each
/// after a delay.
fn respond(
    load: &Load,
    cores: &[(u64, u32)],
    served: f64,
    intervals: u32,
    delay: f64,
    tables: &mut Tables,
    tally: &mut Tally,
) {
    let Service::Requests { cpu_micros, latency_micros, .. } = load.service else { return };
    let cost = (cpu_micros as f64 / MILLION as f64).max(1e-9);
    let fixed = latency_micros as f64 / MILLION as f64;
    let within = load.objective.within_millis.map(|millis| millis as f64 / 1000.0);
    let ready: u32 = cores.iter().map(|(_, count)| count).sum();
    let rate = served / SECONDS / f64::from(intervals) / f64::from(ready.max(1));
    for &(may, count) in cores {
        let (place, unit) = met(load, may, ready, rate, tables);
        let weight = served * f64::from(count) / f64::from(ready);
        let micro_requests = libm::round(weight * MILLION as f64) as u64;
        tally.parts.push(Part { place, unit, micro_requests, cost, fixed, delay });
        tally.good += within.map_or(weight, |within| {
            let left = within - fixed - delay;
            if left <= 0.0 { 0.0 } else { weight * tables.share(place, left / unit) }
        });
    }
}

/// Tells the response times of a stretch and begins a new one.
fn end_stretch(load: &Load, flow: &mut Flow, tables: &mut Tables, tally: &mut Tally) {
    let stretch = std::mem::take(&mut flow.stretch);
    if stretch.intervals > 0 {
        respond(load, &stretch.cores, stretch.served, stretch.intervals, 0.0, tables, tally);
    }
}

/// Shares a node's CPU among pods that want more: each gets by its request, none more than it
/// wants (water-filling; cgroup weights).
fn share_cpu(claims: &[Claim], room: u64, granted: &mut Vec<u64>) {
    granted.clear();
    granted.resize(claims.len(), 0);
    let mut left = room;
    let mut open: Vec<usize> = (0..claims.len()).filter(|&index| claims[index].wants > 0).collect();
    // Pods that want less than their share get what they want; what they leave is shared anew.
    loop {
        let weight = |index: usize| u128::from(claims[index].request.max(2));
        let weights: u128 = open.iter().map(|&index| weight(index)).sum();
        if weights == 0 {
            return;
        }
        let share = |index: usize| (u128::from(left) * weight(index) / weights) as u64;
        let (modest, greedy): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|&&index| claims[index].wants <= share(index));
        if modest.is_empty() {
            for &index in &greedy {
                granted[index] = share(index);
            }
            return;
        }
        for &index in &modest {
            granted[index] = claims[index].wants;
        }
        left -= modest.iter().map(|&index| claims[index].wants).sum::<u64>();
        open = greedy;
    }
}

/// CPU of one arrival, core-seconds, and how many arrivals make it.
fn cost(service: Service) -> Option<f64> {
    match service {
        Service::Requests { cpu_micros, .. } | Service::Messages { cpu_micros, .. } => {
            Some(cpu_micros as f64 / MILLION as f64)
        }
        Service::Jobs { cpu_micros, arrivals_per_job } => {
            Some(cpu_micros as f64 / MILLION as f64 / f64::from(arrivals_per_job.max(1)))
        }
        Service::None => None,
    }
}

impl World<'_> {
    /// Tells what is still to be told of a workload's response times.
    pub(super) fn tell_responses(&mut self, app: usize) {
        let Settling { flows, tables, .. } = &mut self.load;
        let tally = &mut self.record.tallies[app];
        end_stretch(&self.scenario.loads[app], &mut flows[app], tables, tally);
    }

    /// Settles the interval that ends now.
    pub(super) fn settle(&mut self) {
        for index in 0..self.call_order.len() {
            let app = self.call_order[index];
            self.arrive(app);
        }
        self.contend();
        for app in 0..self.apps.len() {
            self.serve(app);
        }
    }

    /// What arrives at a workload, and what its pods would need for it.
    fn arrive(&mut self, app: usize) {
        let load = &self.scenario.loads[app];
        let now = self.clock.now();
        let mut mean = 0.0;
        for source in &load.sources {
            mean += match *source {
                Source::Series { series, factor } => {
                    let series = &self.scenario.series[series];
                    expected(series, now - INTERVAL_MILLIS, now) * factor as f64 / MILLION as f64
                }
                Source::Calls { caller, factor } => {
                    self.reached(caller.index()) * factor as f64 / MILLION as f64
                }
            };
        }
        let dispersion = f64::from(load.burstiness_milli.max(1000)) / 1000.0;
        let offered = self.apps[app].arrivals.arrivals(mean, dispersion);
        self.record.tallies[app].offered += offered;
        let ready = self.apps[app].ready;
        let limit = self.apps[app].cpu_limit.unwrap_or(u64::MAX);
        let flow = &mut self.load.flows[app];
        flow.shown = (flow.used, flow.memory);
        flow.offered = offered as f64;
        flow.cores.clear();
        flow.wants = load.idle.0;
        let waiting = flow.backlog + flow.queue.iter().map(|(_, count)| count).sum::<f64>();
        if let (Some(cost), true) = (cost(load.service), ready > 0) {
            let busy = (flow.offered + waiting) * cost / SECONDS / f64::from(ready);
            flow.wants = flow.wants.saturating_add(libm::ceil(busy * 1000.0) as u64);
        }
        flow.wants = flow.wants.min(limit);
    }

    /// Requests of this interval that a caller gets through, as far as it can be told before
    /// nodes are settled: no more than its pods serve at their limits.
    fn reached(&self, caller: usize) -> f64 {
        let flow = &self.load.flows[caller];
        let load = &self.scenario.loads[caller];
        let Some(cost) = cost(load.service) else { return flow.offered };
        let limit = self.apps[caller].cpu_limit.unwrap_or(u64::MAX / 4096);
        let cores = limit.saturating_sub(load.idle.0) as f64 / 1000.0;
        let most = cores * f64::from(self.apps[caller].ready) * SECONDS / cost.max(1e-9);
        (flow.offered + flow.backlog).min(most)
    }

    /// Settles every node: how many cores each serving pod may use.
    fn contend(&mut self) {
        self.record.used.fill(0);
        for pool in 0..self.nodes.pools.len() {
            for place in 0..self.nodes.pools[pool].live.len() {
                let id = self.nodes.pools[pool].live[place];
                let phase = self.nodes.all[id as usize].phase;
                if matches!(phase, NodePhase::Ready | NodePhase::Draining) {
                    self.contend_on(pool, id);
                }
            }
        }
    }

    /// Settles one node.
    fn contend_on(&mut self, pool: usize, id: u32) {
        let node = &self.nodes.all[id as usize];
        let room = self.nodes.pools[pool].cpu;
        let Settling { flows, claims, granted, .. } = &mut self.load;
        claims.clear();
        let mut sum = 0;
        for &pod in &node.pods {
            let row = &self.pods[pod];
            let app = row.app as usize;
            let wants = match row.phase {
                Phase::Ready => flows[app].wants,
                Phase::Starting => self.scenario.loads[app].startup_cpu.0,
                _ => 0,
            };
            sum += wants;
            let limit = self.apps[app].cpu_limit.unwrap_or(u64::MAX);
            claims.push(Claim { wants, request: self.apps[app].ask.cpu, limit });
        }
        self.record.used[pool] += sum.min(room) + self.nodes.pools[pool].addon_cpu / 5;
        let contended = sum > room;
        if contended {
            share_cpu(claims, room, granted);
        }
        for (place, &pod) in node.pods.iter().enumerate() {
            let row = &mut self.pods[pod];
            if row.phase != Phase::Ready {
                continue;
            }
            let app = row.app as usize;
            let claim = claims[place];
            let may = if contended && granted[place] < claim.wants {
                granted[place]
            } else {
                claim.limit.min(room.saturating_sub(sum).saturating_add(claim.wants))
            };
            row.cpu = claim.wants.min(may) as u32;
            let cores = &mut flows[app].cores;
            match cores.iter_mut().find(|(other, _)| *other == may) {
                Some((_, count)) => *count += 1,
                None => cores.push((may, 1)),
            }
        }
    }

    /// Serves what arrived and what waited.
    fn serve(&mut self, app: usize) {
        let load = &self.scenario.loads[app];
        match load.service {
            Service::None => {
                self.load.flows[app].used = load.idle.0;
                self.tell_use(app);
            }
            Service::Requests { .. } => self.serve_requests(app),
            Service::Messages { .. } | Service::Jobs { .. } => self.serve_queue(app),
        }
    }

    /// Requests: each Ready pod is a queue of its own; what is beyond their capacity waits, and
    /// is lost when its client gives up.
    fn serve_requests(&mut self, app: usize) {
        let load = &self.scenario.loads[app];
        let Service::Requests { cpu_micros, timeout_millis, .. } = load.service else { return };
        let Settling { flows, tables, .. } = &mut self.load;
        let flow = &mut flows[app];
        let tally = &mut self.record.tallies[app];
        let cost = (cpu_micros as f64 / MILLION as f64).max(1e-9);
        let ready: u32 = flow.cores.iter().map(|(_, count)| count).sum();
        let timeout = timeout_millis as f64 / 1000.0;
        if ready == 0 {
            // Nobody serves: clients wait, those who have waited too long give up.
            flow.backlog += flow.offered;
            let kept = (flow.backlog / SECONDS * timeout).min(flow.backlog);
            let lost = flow.backlog - kept;
            tally.lost += lost;
            flow.backlog = kept;
            flow.used = 0;
            self.tell_use(app);
            return;
        }
        let idle = load.idle.0;
        let capacity: f64 = flow
            .cores
            .iter()
            .map(|(may, count)| may.saturating_sub(idle) as f64 / 1000.0 * f64::from(*count))
            .sum::<f64>()
            * SECONDS
            / cost;
        let present = flow.offered + flow.backlog;
        let served = present.min(capacity);
        let backlog = present - served;
        // Clients at the end of the line would wait this long.
        let kept = (timeout / SECONDS * capacity).min(backlog);
        let lost = backlog - kept;
        let waits = flow.backlog + kept;
        let delay =
            if waits < 1e-9 { 0.0 } else { waits / 2.0 / capacity.max(1e-9) * SECONDS };
        flow.backlog = kept;
        tally.lost += lost;
        tally.served += served;
        let same = delay == 0.0 && flow.stretch.intervals > 0 && flow.stretch.cores == flow.cores;
        if !same {
            end_stretch(load, flow, tables, tally);
        }
        let (cores, rate) = (&flow.cores, served / SECONDS / f64::from(ready));
        let mut inside = 0.0;
        for &(may, count) in cores {
            let (place, unit) = met(load, may, ready, rate, tables);
            inside += rate * (tables.mean(place) * unit + delay) * f64::from(count);
        }
        if delay > 0.0 {
            respond(load, cores, served, 1, delay, tables, tally);
        } else {
            flow.stretch.cores.clone_from(&flow.cores);
            flow.stretch.served += served;
            flow.stretch.intervals += 1;
        }
        flow.used = idle + libm::round(served * cost / SECONDS / f64::from(ready) * 1000.0) as u64;
        let each = (inside + flow.backlog) / f64::from(ready);
        flow.memory = load.memory.0.saturating_add((each * load.memory_each.0 as f64) as u64);
        self.tell_use(app);
        self.check_memory(app);
    }

    /// Messages and jobs: one queue for all pods, first come first served.
    fn serve_queue(&mut self, app: usize) {
        let now = self.clock.now();
        let load = &self.scenario.loads[app];
        let Some(cost) = cost(load.service) else { return };
        let flow = &mut self.load.flows[app];
        let tally = &mut self.record.tallies[app];
        if flow.offered > 0.0 {
            flow.queue.push_back((now - INTERVAL_MILLIS / 2, flow.offered));
        }
        let ready: u32 = flow.cores.iter().map(|(_, count)| count).sum();
        let cores: f64 = flow
            .cores
            .iter()
            .map(|(may, count)| may.saturating_sub(load.idle.0) as f64 / 1000.0 * f64::from(*count))
            .sum();
        let mut left = cores * SECONDS / cost.max(1e-9);
        let mut served = 0.0;
        while let Some((came, count)) = flow.queue.front_mut() {
            if left <= 0.0 {
                break;
            }
            let taken = count.min(left);
            let age = now - *came;
            served += taken;
            left -= taken;
            *count -= taken;
            if load.objective.within_millis.is_none_or(|within| age <= within) {
                tally.good += taken;
            }
            tally.waits.get_or_insert_default().add(age as f64 / 1000.0, libm::round(taken * MILLION as f64) as u64);
            if *count <= 1e-9 {
                flow.queue.pop_front();
            }
        }
        tally.served += served;
        flow.used = load.idle.0;
        if ready > 0 {
            flow.used += libm::round(served * cost / SECONDS / f64::from(ready) * 1000.0) as u64;
        }
        flow.memory = load.memory.0;
        self.tell_use(app);
        self.check_memory(app);
    }

    /// Adds what a workload used to its sample.
    fn tell_use(&mut self, app: usize) {
        let flow = &self.load.flows[app];
        let ready = u64::from(self.apps[app].ready);
        let tally = &mut self.record.tallies[app];
        tally.cpu += flow.used.saturating_mul(ready).saturating_mul(INTERVAL_MILLIS);
        tally.memory += u128::from(flow.memory) * u128::from(ready);
    }

    /// Kills the containers of a workload that are over their memory limit.
    fn check_memory(&mut self, app: usize) {
        let over = self.apps[app].memory_limit.is_some_and(|limit| self.load.flows[app].memory > limit);
        if !over {
            return;
        }
        for pod in self.apps[app].live.clone() {
            if self.pods[pod].phase == Phase::Ready {
                self.kill_for_memory(pod);
            }
        }
        // What they held is lost with them.
        let flow = &mut self.load.flows[app];
        self.record.tallies[app].lost += flow.backlog;
        flow.backlog = 0.0;
        flow.memory = self.scenario.loads[app].memory.0;
    }
}
