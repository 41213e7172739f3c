//! Who may use how much of a node in an interval.
//!
//! Where the pods of a node want more than it has, shares by request, capped by limits, decide
//! ([`crate::kubelet`]). Else each may use what its limit and the node leave it. Most nodes leave
//! every pod all that can matter to it: there nothing is told pod by pod.

use std::cmp::Reverse;

use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Load, Scenario};
use nodeplan_model::workload::Workload;

use crate::kubelet::eviction::{EvictionClaim, evict};
use crate::kubelet::{CpuClaim, share_cpu};

use super::kinds::Kinds;
use super::nodes::{Node, NodePhase};
use super::pods::{NOWHERE, Phase, Pods};
use super::{INTERVAL_MILLIS, World};

/// What a pod of a workload needs in an interval, close together for all workloads.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Need {
    /// CPU it wants when Ready, milli-cores.
    wants: u64,
    /// The most that it may use and that can matter to it, milli-cores.
    most: u64,
    /// Memory it used in the interval before, bytes.
    memory: u64,
    /// No less than that, and seldom anything else, bytes.
    ample: u64,
    /// CPU while starting, milli-cores.
    starting: u64,
    /// CPU limit, milli-cores.
    limit: u64,
    /// CPU without requests, milli-cores.
    idle: u64,
    /// Pods that are Ready.
    ready: u32,
    /// Those of them that may not use the most.
    apart: u32,
}

impl Need {
    /// Of a workload that has had no load yet.
    fn new(workload: &Workload, load: &Load) -> Self {
        Self {
            wants: 0,
            most: 0,
            memory: load.memory.0.min(MOST),
            ample: load.memory.0.min(MOST),
            starting: load.startup_cpu.0.min(MOST),
            limit: workload.cpu_limit.map_or(u64::MAX, |limit| limit.0),
            idle: load.idle.0,
            ready: 0,
            apart: 0,
        }
    }

    /// CPU wanted in a phase.
    fn cpu(&self, phase: Phase) -> u64 {
        match phase {
            Phase::Ready => self.wants,
            Phase::Starting => self.starting,
            _ => 0,
        }
    }

    /// Memory used in a phase.
    fn memory(&self, phase: Phase) -> u64 {
        if matches!(phase, Phase::Ready | Phase::Starting) { self.memory } else { 0 }
    }
}

/// The workloads of the pods of a node that use CPU and memory.
#[derive(Debug, Default)]
struct Tenants {
    /// Those with the greatest limits first.
    ready: Vec<u32>,
    starting: Vec<u32>,
    /// The sum of what is ample for each, bytes.
    ample: u64,
}

impl Tenants {
    /// The sum of something over all of them.
    fn sum(&self, needs: &[Need], what: impl Fn(&Need) -> u64) -> u64 {
        let of = |&app: &u32| what(&needs[app as usize]);
        self.ready.iter().chain(&self.starting).map(of).sum()
    }
}

/// Nodes and who is on them, and work space.
#[derive(Debug, Default)]
pub struct Contention {
    /// By workload.
    needs: Vec<Need>,
    /// Pods that serve, by the cores that each may use beside what it uses idle: by workload.
    pub(super) cores: Vec<Kinds>,
    /// By node.
    tenants: Vec<Tenants>,
    claims: Vec<CpuClaim>,
    granted: Vec<u64>,
    memory: Vec<EvictionClaim>,
    order: Vec<usize>,
    /// Pods that the kubelet evicts for want of memory.
    evicted: Vec<u32>,
    /// Some pod used more memory than was ample for it, or far less.
    resized: bool,
}

impl Contention {
    /// Nobody is anywhere yet.
    pub fn new(problem: &Problem, scenario: &Scenario) -> Self {
        let workloads = problem.workloads().iter().zip(&scenario.loads);
        let needs: Vec<Need> = workloads.map(|(own, load)| Need::new(own, load)).collect();
        Self { cores: vec![Kinds::default(); needs.len()], needs, ..Self::default() }
    }

    /// So much memory each pod of a workload used, bytes.
    pub fn used(&mut self, app: usize, memory: u64) {
        let need = &mut self.needs[app];
        need.memory = memory.min(MOST);
        if need.memory > need.ample || need.memory < need.ample / 4 {
            need.ample = need.memory + need.memory / 2;
            self.resized = true;
        }
    }

    /// The memory that each pod of a workload used, bytes.
    pub fn memory(&self, app: usize) -> u64 {
        self.needs[app].memory
    }

    /// What each of so many pods of a workload wants in this interval, its limit apart.
    pub fn want(&mut self, app: usize, ready: u32, wants: u64) {
        let need = &mut self.needs[app];
        need.wants = wants.min(need.limit).min(MOST);
        need.most = need.limit.min(enough(need.wants));
        (need.ready, need.apart) = (ready, 0);
        self.cores[app].clear();
    }

    /// Pods that are to be evicted.
    pub fn evicted(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.evicted)
    }

    /// Looks again at the nodes of pods that changed.
    fn follow(&mut self, pods: &mut Pods, nodes: &[Node]) {
        self.tenants.resize_with(nodes.len(), Tenants::default);
        let mut stale: Vec<u32> = pods.take_touched();
        stale.iter_mut().for_each(|pod| *pod = pods[*pod].node);
        stale.retain(|&node| node != NOWHERE);
        stale.sort_unstable();
        stale.dedup();
        let Self { needs, tenants, resized, .. } = self;
        for node in stale {
            let tenants = &mut tenants[node as usize];
            tenants.ready.clear();
            tenants.starting.clear();
            for &pod in &nodes[node as usize].pods {
                let row = &pods[pod];
                match row.phase {
                    Phase::Ready => tenants.ready.push(row.app),
                    Phase::Starting => tenants.starting.push(row.app),
                    _ => {}
                }
            }
            tenants.ready.sort_by_key(|&app| Reverse(needs[app as usize].limit));
            tenants.ample = tenants.sum(needs, |need| need.ample);
        }
        if std::mem::take(resized) {
            for tenants in tenants {
                tenants.ample = tenants.sum(needs, |need| need.ample);
            }
        }
    }
}

/// More milli-cores than a node has, and more bytes: a pod's part is held to it, so that sums over the
/// pods of a node fit 64 bits.
const MOST: u64 = 1 << 50;

/// No more cores than can matter: four, or eight times what a pod wants. At an eighth of its load a
/// pod's queue is as good as empty, and its cores stay the same while its neighbours' use moves.
fn enough(wants: u64) -> u64 {
    wants.saturating_mul(8).clamp(4096, 1 << 40).next_power_of_two()
}

impl World<'_> {
    /// Settles every node: how many cores each serving pod may use.
    pub(super) fn contend(&mut self) {
        self.record.used.fill(0);
        let contention = &mut self.load.contention;
        contention.follow(&mut self.pods, &self.nodes.all);
        for pool in 0..self.nodes.pools.len() {
            for place in 0..self.nodes.pools[pool].live.len() {
                let id = self.nodes.pools[pool].live[place];
                let phase = self.nodes.all[id as usize].phase;
                if matches!(phase, NodePhase::Ready | NodePhase::Draining) {
                    self.contend_on(pool, id);
                } else {
                    let Contention { needs, tenants, .. } = &mut self.load.contention;
                    for &app in &tenants[id as usize].ready {
                        needs[app as usize].apart += 1;
                    }
                }
            }
        }
        let Contention { needs, cores, .. } = &mut self.load.contention;
        for (need, cores) in needs.iter().zip(cores) {
            cores.add(need.most.saturating_sub(need.idle), need.ready.saturating_sub(need.apart));
        }
    }

    /// Settles one node.
    fn contend_on(&mut self, pool: usize, id: u32) {
        let room = self.room(pool, id);
        let Contention { needs, cores, tenants, .. } = &mut self.load.contention;
        let tenants = &tenants[id as usize];
        let mut sum = 0;
        for &app in &tenants.ready {
            sum += needs[app as usize].wants;
        }
        for &app in &tenants.starting {
            sum += needs[app as usize].starting;
        }
        // Add-ons use a fifth of their request, where nothing better is known.
        let used = sum.min(room) + self.nodes.pools[pool].addon_cpu / 5;
        self.record.used[pool] += used;
        let free = room.saturating_sub(sum);
        if sum > room {
            self.divide(id, room);
        } else {
            for &app in &tenants.ready {
                let need = &mut needs[app as usize];
                if need.limit <= free {
                    break;
                }
                let may = free + need.wants;
                if may < need.most {
                    need.apart += 1;
                    cores[app as usize].add_for_now(may.saturating_sub(need.idle));
                }
            }
        }
        let memory = self.nodes.pools[pool].memory;
        let Contention { needs, tenants, .. } = &self.load.contention;
        let tenants = &tenants[id as usize];
        if tenants.ample > memory && tenants.sum(needs, |need| need.memory) > memory {
            self.press(id);
        }
        self.bank(pool, id, used);
    }

    /// Divides a node whose pods want more than it has.
    fn divide(&mut self, id: u32, room: u64) {
        let Contention { needs, cores, claims, granted, .. } = &mut self.load.contention;
        let node = &self.nodes.all[id as usize];
        claims.clear();
        claims.extend(node.pods.iter().map(|&pod| {
            let row = &self.pods[pod];
            let need = &needs[row.app as usize];
            let request = self.apps[row.app as usize].ask.cpu;
            CpuClaim { wants: need.cpu(row.phase), request, limit: need.limit }
        }));
        share_cpu(claims, room, granted);
        for (&granted, &pod) in granted.iter().zip(&node.pods) {
            let row = &self.pods[pod];
            if row.phase == Phase::Ready {
                let need = &mut needs[row.app as usize];
                let may = granted.min(need.most);
                need.apart += 1;
                cores[row.app as usize].add_for_now(may.saturating_sub(need.idle));
            }
        }
    }

    /// Where pods use more memory than a node has for them, the kubelet evicts one a look.
    fn press(&mut self, id: u32) {
        let node = &self.nodes.all[id as usize];
        let Contention { needs, memory, order, evicted, .. } = &mut self.load.contention;
        memory.clear();
        memory.extend(node.pods.iter().map(|&pod| {
            let row = &self.pods[pod];
            let uses = needs[row.app as usize].memory(row.phase);
            let request = self.apps[row.app as usize].ask.memory;
            let priority = self.apps[row.app as usize].ask.priority;
            EvictionClaim { priority, request, used: Some(uses) }
        }));
        if let Some(index) = evict(memory, order) {
            evicted.push(node.pods[index]);
        }
    }

    /// CPU that pods of a node may use in this interval: all that is not kept for the system, or
    /// the baseline of a burstable machine without credits.
    fn room(&self, pool: usize, id: u32) -> u64 {
        let row = &self.nodes.pools[pool];
        match row.baseline {
            Some(baseline) if self.nodes.all[id as usize].credits == 0 => {
                baseline.milli.saturating_sub(row.addon_cpu / 5).min(row.cpu)
            }
            _ => row.cpu,
        }
    }

    /// Banks what a burstable machine did not use, or takes what it used above its baseline.
    fn bank(&mut self, pool: usize, id: u32, used: u64) {
        let Some(baseline) = self.nodes.pools[pool].baseline else { return };
        let node = &mut self.nodes.all[id as usize];
        let earned = node
            .credits
            .saturating_add(baseline.milli * INTERVAL_MILLIS)
            .min(baseline.most.max(node.credits));
        node.credits = earned.saturating_sub(used * INTERVAL_MILLIS);
    }
}
