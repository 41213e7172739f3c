//! Settles the traffic of an interval: what arrived, who served it, how long it took, how much CPU
//! and memory that used.
//!
//! Three passes. First what every workload would need, callers before those they call. Then each
//! node: where pods want more than it has, shares by request, capped by limits, decide
//! ([`crate::kubelet`]). Last what was served with that, the response times and what waits.

use std::collections::VecDeque;

use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{MILLION, Scenario, Service, Source};

use crate::demand::expected;
use crate::kubelet::{CpuClaim, share_cpu};
use crate::queueing::{Pod as Queue, Responses};

use super::nodes::NodePhase;
use super::pods::Phase;
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
}

/// Work space of settling.
#[derive(Debug)]
pub struct Settling {
    flows: Vec<Flow>,
    responses: Responses,
    claims: Vec<CpuClaim>,
    granted: Vec<u64>,
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
            responses: Responses::default(),
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
    pub fn use_of_pod(&self, app: usize) -> (u64, u64) {
        (self.flows[app].used, self.flows[app].memory)
    }

    /// Arrivals of the last interval, a second, thousandths.
    pub fn rate_milli(&self, app: usize) -> u64 {
        (self.flows[app].offered * 1000.0 / SECONDS) as u64
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
            claims.push(CpuClaim { wants, request: self.apps[app].ask.cpu, limit });
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
        let Service::Requests { cpu_micros, cv2_milli, latency_micros, workers, timeout_millis, balancing } =
            load.service
        else {
            return;
        };
        let flow = &mut self.load.flows[app];
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
        let delay = (flow.backlog + kept) / 2.0 / capacity.max(1e-9) * SECONDS;
        let delay = if flow.backlog + kept < 1e-9 { 0.0 } else { delay };
        flow.backlog = kept;
        tally.lost += lost;
        tally.served += served;
        let within = load.objective.within_millis.map(|millis| millis as f64 / 1000.0);
        let mut inside = 0.0;
        let rate = served / SECONDS / f64::from(ready);
        for &(may, count) in &flow.cores {
            let queue = Queue {
                rate,
                cost,
                cv2: f64::from(cv2_milli) / 1000.0,
                cores: may.saturating_sub(idle) as f64 / 1000.0,
                workers,
                fixed: latency_micros as f64 / MILLION as f64,
                dispersion: f64::from(load.burstiness_milli.max(1000)) / 1000.0,
                balancing,
                pods: ready,
            };
            let weight = served * f64::from(count) / f64::from(ready);
            let response = self.load.responses.of(&queue);
            inside += response.mean_inside * f64::from(count);
            response.add_to(&mut tally.latency, weight, delay);
            tally.good += weight * within.map_or(1.0, |within| response.share_within(within - delay));
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
            tally.latency.add(age as f64 / 1000.0, taken);
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
