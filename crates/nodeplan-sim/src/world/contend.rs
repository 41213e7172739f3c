//! Who may use how much of a node in an interval.
//!
//! Where the pods of a node want more than it has, shares by request, capped by limits, decide
//! ([`crate::kubelet`]). Else each may use what its limit and the node leave it. Most nodes leave
//! every pod all that can matter to it: there nothing is told pod by pod.

use crate::kubelet::eviction::{EvictionClaim, evict};
use crate::kubelet::{CpuClaim, share_cpu};

use super::nodes::{Node, NodePhase};
use super::pods::{NOWHERE, Phase, Pods};
use super::{INTERVAL_MILLIS, World};

/// What a pod of a workload needs in this interval, close together for all workloads.
#[derive(Clone, Copy, Debug)]
struct Need {
    /// CPU it wants when Ready, milli-cores.
    wants: u64,
    /// The most that it may use and that can matter to it, milli-cores.
    most: u64,
    /// CPU while starting, milli-cores.
    starting: u64,
    /// CPU limit, milli-cores.
    limit: u64,
    /// CPU without requests, milli-cores.
    idle: u64,
    /// Memory, bytes.
    memory: u64,
    /// Ready pods that may not use the most.
    apart: u32,
}

impl Need {
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
    ready: Vec<u32>,
    starting: Vec<u32>,
}

/// Nodes and who is on them, and work space.
#[derive(Debug, Default)]
pub struct Contention {
    needs: Vec<Need>,
    /// By node.
    tenants: Vec<Tenants>,
    claims: Vec<CpuClaim>,
    granted: Vec<u64>,
    memory: Vec<EvictionClaim>,
    order: Vec<usize>,
    /// Pods that the kubelet evicts for want of memory.
    evicted: Vec<u32>,
}

impl Contention {
    /// Pods that are to be evicted.
    pub fn evicted(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.evicted)
    }

    /// Looks again at the nodes of pods that changed.
    fn follow(&mut self, pods: &mut Pods, nodes: &[Node]) {
        self.tenants.resize_with(nodes.len(), Tenants::default);
        let touched = pods.take_touched();
        let mut stale: Vec<u32> =
            touched.iter().map(|&pod| pods[pod].node).filter(|&node| node != NOWHERE).collect();
        stale.sort_unstable();
        stale.dedup();
        for node in stale {
            let tenants = &mut self.tenants[node as usize];
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
        }
    }
}

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
        contention.needs.clear();
        for ((app, flow), load) in self.apps.iter().zip(&self.load.flows).zip(&self.scenario.loads)
        {
            let limit = app.cpu_limit.unwrap_or(u64::MAX);
            contention.needs.push(Need {
                wants: flow.wants,
                most: limit.min(enough(flow.wants)),
                starting: load.startup_cpu.0,
                limit,
                idle: load.idle.0,
                memory: flow.memory,
                apart: 0,
            });
        }
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
        let needs = &self.load.contention.needs;
        for ((app, flow), need) in self.apps.iter().zip(&mut self.load.flows).zip(needs) {
            let rest = app.ready.saturating_sub(need.apart);
            flow.cores.add(need.most.saturating_sub(need.idle), rest);
        }
    }

    /// Settles one node.
    fn contend_on(&mut self, pool: usize, id: u32) {
        let room = self.room(pool, id);
        let Contention { needs, tenants, .. } = &mut self.load.contention;
        let tenants = &tenants[id as usize];
        let (mut sum, mut memory, mut most) = (0_u64, 0_u64, 0);
        for &app in &tenants.ready {
            let need = &needs[app as usize];
            sum = sum.saturating_add(need.wants);
            memory = memory.saturating_add(need.memory);
            most = need.most.max(most);
        }
        for &app in &tenants.starting {
            let need = &needs[app as usize];
            sum = sum.saturating_add(need.starting);
            memory = memory.saturating_add(need.memory);
        }
        // Add-ons use a fifth of their request, where nothing better is known.
        let used = sum.min(room) + self.nodes.pools[pool].addon_cpu / 5;
        self.record.used[pool] += used;
        let free = room.saturating_sub(sum);
        if sum > room {
            self.divide(id, room);
        } else if free < most {
            for &app in &tenants.ready {
                let need = &mut needs[app as usize];
                let may = free.saturating_add(need.wants);
                if may < need.most {
                    need.apart += 1;
                    self.load.flows[app as usize].cores.add_for_now(may.saturating_sub(need.idle));
                }
            }
        }
        if memory > self.nodes.pools[pool].memory {
            self.press(id);
        }
        self.bank(pool, id, used);
    }

    /// Divides a node whose pods want more than it has.
    fn divide(&mut self, id: u32, room: u64) {
        let Contention { needs, claims, granted, .. } = &mut self.load.contention;
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
                self.load.flows[row.app as usize].cores.add_for_now(may.saturating_sub(need.idle));
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
