//! Who may use how much of a node in an interval.
//!
//! Where the pods of a node want more than it has, shares by request, capped by limits, decide
//! ([`crate::kubelet`]). Else each may use what its limit and the node leave it, which is told by
//! node and not pod by pod, and stays the same until it changes by about an eighth.

use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Load, Scenario};
use nodeplan_model::workload::Workload;

use crate::kubelet::eviction::{EvictionClaim, evict};
use crate::kubelet::{CpuClaim, share_cpu};

use super::kinds::Kinds;
use super::nodes::{Node, NodePhase};
use super::places::{Places, Rest};
use super::pods::{NOWHERE, Phase, Pods};
use super::{INTERVAL_MILLIS, World};

/// What a pod of a workload needs in an interval, close together for all workloads.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Need {
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
    /// Whether it wants more than its limit.
    capped: bool,
}

impl Need {
    /// Of a workload that has had no load yet.
    fn new(workload: &Workload, load: &Load) -> Self {
        Self {
            most: 0,
            memory: load.memory.0.min(MOST),
            ample: load.memory.0.min(MOST),
            starting: load.startup_cpu.0.min(MOST),
            limit: workload.cpu_limit.map_or(u64::MAX, |limit| limit.0),
            idle: load.idle.0,
            capped: false,
        }
    }

    /// Memory used in a phase.
    fn memory(&self, phase: Phase) -> u64 {
        if matches!(phase, Phase::Ready | Phase::Starting) { self.memory } else { 0 }
    }

    /// What of so many milli-cores it may use for requests.
    fn of(&self, milli: u64) -> u64 {
        milli.min(self.most).saturating_sub(self.idle)
    }
}

/// The workloads of the pods of a node that use CPU and memory.
#[derive(Debug, Default)]
struct Tenants {
    ready: Vec<u32>,
    starting: Vec<u32>,
    /// The sum of what is ample for each, bytes.
    ample: u64,
    /// What the node leaves its pods, if they are counted by it.
    rest: Option<Rest>,
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
    /// CPU that a Ready pod wants, milli-cores: by workload.
    wants: Vec<u64>,
    /// By workload.
    places: Vec<Places>,
    /// Pods of nodes that have less than their pods want, by the cores that each may use beside what
    /// it uses idle: by workload.
    short: Vec<Kinds>,
    /// Workloads that have such.
    crowded: Vec<u32>,
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
        let (places, short) =
            (vec![Places::default(); needs.len()], vec![Kinds::default(); needs.len()]);
        Self { wants: vec![0; needs.len()], needs, places, short, ..Self::default() }
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

    /// What each pod of a workload wants in this interval, its limit apart.
    pub fn want(&mut self, app: usize, wants: u64) {
        let need = &mut self.needs[app];
        let own = wants.min(need.limit).min(MOST);
        need.capped = wants > own;
        need.most = need.limit.min(enough(own));
        self.wants[app] = own;
    }

    /// How many Ready pods of a workload nodes with enough for all of theirs have, and how many others.
    #[cfg(test)]
    pub fn serving(&self, app: usize) -> (u32, u64) {
        (self.places[app].count(), self.short[app].pods())
    }

    /// Whether so many Ready pods all have what they want.
    pub fn suffices(&self, app: usize, ready: u32) -> bool {
        !self.needs[app].capped && self.places[app].count() == ready
    }

    /// Pods that serve, by the cores that each may use beside what it uses idle.
    pub fn cores(&self, app: usize, into: &mut Kinds) {
        into.copy(&self.short[app]);
        let (need, wants, places) = (&self.needs[app], self.wants[app], &self.places[app]);
        let mut left = places.count();
        for (free, pods) in places.iter().take_while(|(free, _)| free + wants < need.most) {
            into.add(need.of(free + wants), pods, false);
            left -= pods;
        }
        into.add(need.of(need.most), left, true);
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
        let Self { needs, places, tenants, resized, .. } = self;
        for node in stale {
            let tenants = &mut tenants[node as usize];
            count(tenants, places, None);
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
            tenants.ample = tenants.sum(needs, |need| need.ample);
        }
        if std::mem::take(resized) {
            for tenants in tenants {
                tenants.ample = tenants.sum(needs, |need| need.ample);
            }
        }
    }
}

/// What pods of these workloads want together; at most [`MOST`] each, so that the sum fits.
fn total(apps: &[u32], wants: &[u64]) -> u64 {
    let of = |app: u32| wants[app as usize];
    // Four at a time: this is the innermost loop over pods.
    let (fours, rest) = apps.as_chunks::<4>();
    let sum = fours.iter().fold(0_u64, |sum, &[a, b, c, d]| {
        sum.wrapping_add(of(a).wrapping_add(of(b))).wrapping_add(of(c).wrapping_add(of(d)))
    });
    rest.iter().fold(sum, |sum, &app| sum.wrapping_add(of(app)))
}

/// Counts the Ready pods of a node by what it leaves them, or not at all.
fn count(tenants: &mut Tenants, places: &mut [Places], rest: Option<Rest>) {
    if tenants.rest == rest {
        return;
    }
    for &app in &tenants.ready {
        let own = &mut places[app as usize];
        if let Some(old) = tenants.rest {
            own.leave(old);
        }
        if let Some(new) = rest {
            own.enter(new);
        }
    }
    tenants.rest = rest;
}

/// More milli-cores than a node has, and more bytes: a pod's part is held to it, so that sums over the
/// pods of a node fit 64 bits.
const MOST: u64 = 1 << 50;

/// No more cores than can matter: two, or eight times what a pod wants. At an eighth of its load a
/// pod's queue is as good as empty, and its cores stay the same while its neighbours' use moves.
fn enough(wants: u64) -> u64 {
    wants.saturating_mul(8).clamp(2048, 1 << 40).next_power_of_two()
}

impl World<'_> {
    /// Settles every node: how many cores each serving pod may use.
    pub(super) fn contend(&mut self) {
        self.record.used.fill(0);
        let contention = &mut self.load.contention;
        contention.follow(&mut self.pods, &self.nodes.all);
        for app in contention.crowded.drain(..) {
            contention.short[app as usize].clear();
        }
        for pool in 0..self.nodes.pools.len() {
            for place in 0..self.nodes.pools[pool].live.len() {
                let id = self.nodes.pools[pool].live[place];
                let phase = self.nodes.all[id as usize].phase;
                if matches!(phase, NodePhase::Ready | NodePhase::Draining) {
                    self.contend_on(pool, id);
                } else {
                    let Contention { places, tenants, .. } = &mut self.load.contention;
                    count(&mut tenants[id as usize], places, None);
                }
            }
        }
        #[cfg(test)]
        self.audit_places();
    }

    /// Settles one node.
    fn contend_on(&mut self, pool: usize, id: u32) {
        let room = self.room(pool, id);
        let Contention { needs, wants, places, tenants, .. } = &mut self.load.contention;
        let own = &mut tenants[id as usize];
        let mut sum = total(&own.ready, wants);
        sum += own.starting.iter().map(|&app| needs[app as usize].starting).sum::<u64>();
        // Add-ons use a fifth of their request, where nothing better is known.
        let used = sum.min(room) + self.nodes.pools[pool].addon_cpu / 5;
        self.record.used[pool] += used;
        match room.checked_sub(sum) {
            Some(free) if own.rest.is_some_and(|rest| rest.holds(free)) => {}
            Some(free) => count(own, places, Some(Rest::around(free))),
            None => {
                count(own, places, None);
                self.divide(id, room);
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
        let Contention { needs, wants, short, crowded, claims, granted, .. } =
            &mut self.load.contention;
        let node = &self.nodes.all[id as usize];
        claims.clear();
        claims.extend(node.pods.iter().map(|&pod| {
            let row = &self.pods[pod];
            let need = &needs[row.app as usize];
            let request = self.apps[row.app as usize].ask.cpu;
            let wants = match row.phase {
                Phase::Ready => wants[row.app as usize],
                Phase::Starting => need.starting,
                _ => 0,
            };
            CpuClaim { wants, request, limit: need.limit }
        }));
        share_cpu(claims, room, granted);
        for (&granted, &pod) in granted.iter().zip(&node.pods) {
            let row = &self.pods[pod];
            if row.phase == Phase::Ready {
                short[row.app as usize].add(needs[row.app as usize].of(granted), 1, false);
                crowded.push(row.app);
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
        self.feel_pressure(id);
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
