//! Binds pending pods: the default profile of the kube-scheduler over flat tables, for what pods
//! of this world have: requests, pools that admit them, at most so many to a node, and the default
//! spreading of a Deployment. Every other plugin gives all nodes the same and is left out. The
//! general scheduler of [`crate::scheduler`] is the slow and obvious version.

use crate::random::Stream;

use super::nodes::{Node, NodePhase, Nodes};

/// CPU that a container without a request counts as when nodes are scored, milli-cores
/// (`pkg/scheduler/util/pod_resources.go`).
const UNSET_CPU: u64 = 100;
/// Memory likewise, bytes.
const UNSET_MEMORY: u64 = 200 << 20;
/// Nodes below which all are looked at (`schedule_one.go numFeasibleNodesToFind`).
const FEW_NODES: usize = 100;

/// What the scheduler sees of a pod.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Its workload.
    pub app: u32,
    /// Requested CPU, milli-cores.
    pub cpu: u64,
    /// Requested memory, bytes.
    pub memory: u64,
    /// Most pods of the workload on one node.
    pub per_node: u32,
}

/// Why a pod found no node, in the scheduler's terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Nodes whose taints or labels do not admit it.
    pub affinity: u32,
    /// Nodes with too many pods.
    pub pods: u32,
    /// Nodes with too little CPU.
    pub cpu: u32,
    /// Nodes with too little memory.
    pub memory: u32,
    /// Nodes that already hold as many of its kind as they may.
    pub anti_affinity: u32,
}

/// Work space of the scheduler, and where its walk over nodes stands.
#[derive(Debug, Default)]
pub struct Walk {
    start: usize,
    feasible: Vec<u32>,
    raw: Vec<i64>,
    scores: Vec<i64>,
}

/// The share of a resource that is free after the pod, in percent
/// (`least_allocated.go leastRequestedScore`).
fn least(allocatable: u64, requested: u64) -> i64 {
    if allocatable == 0 || requested > allocatable {
        return 0;
    }
    ((allocatable - requested) * 100 / allocatable) as i64
}

/// How even CPU and memory are used, in percent (`balanced_allocation.go`).
fn balance(cpu: (u64, u64), memory: (u64, u64)) -> i64 {
    let share = |(requested, allocatable): (u64, u64)| -> f64 {
        if allocatable == 0 { 1.0 } else { (requested as f64 / allocatable as f64).min(1.0) }
    };
    let deviation = libm::fabs(share(cpu) - share(memory)) / 2.0;
    ((1.0 - deviation) * 100.0) as i64
}

/// Counts of pods of one workload, by node and zone; ending pods do not count.
#[derive(Debug, Default)]
pub struct Spread {
    /// By zone, index 0 unused.
    pub zones: [u32; 4],
}

impl Walk {
    /// The node for a pod, or why there is none. `order` holds the nodes that may take pods, in
    /// the order of the scheduler's cache; `same` tells how many pods of the workload are on a
    /// node.
    pub fn pick(
        &mut self,
        ask: Ask,
        order: &[u32],
        nodes: &Nodes,
        same: impl Fn(u32) -> u32,
        spread: &Spread,
        ties: &mut Stream,
    ) -> Result<u32, Refusals> {
        let wanted = wanted_nodes(order.len());
        self.feasible.clear();
        let mut refusals = Refusals::default();
        let mut seen = 0;
        for step in 0..order.len() {
            let id = order[(self.start + step) % order.len()];
            match refuses(ask, &nodes.all[id as usize], nodes, same(id)) {
                None if self.feasible.len() == wanted => break,
                None => self.feasible.push(id),
                Some(reason) => reason(&mut refusals),
            }
            seen += 1;
        }
        if !order.is_empty() {
            self.start = (self.start + seen) % order.len();
        }
        match self.feasible[..] {
            [] => Err(refusals),
            [only] => Ok(only),
            _ => Ok(self.best(ask, nodes, same, spread, ties)),
        }
    }

    /// The best of the feasible nodes; equals are drawn among.
    fn best(
        &mut self,
        ask: Ask,
        nodes: &Nodes,
        same: impl Fn(u32) -> u32,
        spread: &Spread,
        ties: &mut Stream,
    ) -> u32 {
        self.scores.clear();
        for &id in &self.feasible {
            let node = &nodes.all[id as usize];
            self.scores.push(room_score(ask, node, nodes));
        }
        self.spread_scores(nodes, same, spread);
        let top = *self.scores.iter().max().expect("there are feasible nodes");
        let equal = self.scores.iter().filter(|score| **score == top).count() as u32;
        let nth = if equal > 1 { ties.below(equal) } else { 0 };
        let of_top = self.feasible.iter().zip(&self.scores).filter(|(_, score)| **score == top);
        *of_top.map(|(id, _)| id).nth(nth as usize).expect("one of the equals is drawn")
    }

    /// Adds twice the normalised spreading score (`podtopologyspread/scoring.go`, system
    /// defaults: hostname with skew 3, zone with skew 5).
    fn spread_scores(&mut self, nodes: &Nodes, same: impl Fn(u32) -> u32, spread: &Spread) {
        let mut in_zone = [false; 4];
        for &id in &self.feasible {
            in_zone[nodes.all[id as usize].zone as usize] = true;
        }
        let zones = in_zone.iter().filter(|seen| **seen).count();
        let host_weight = libm::log((self.feasible.len() + 2) as f64);
        let zone_weight = libm::log((zones + 2) as f64);
        self.raw.clear();
        for &id in &self.feasible {
            let zone = nodes.all[id as usize].zone as usize;
            let host = f64::from(same(id)) * host_weight + 2.0;
            let score = host + (f64::from(spread.zones[zone]) * zone_weight + 4.0);
            self.raw.push(libm::round(score) as i64);
        }
        let most = *self.raw.iter().max().expect("there are feasible nodes");
        let least = *self.raw.iter().min().expect("there are feasible nodes");
        for (score, raw) in self.scores.iter_mut().zip(&self.raw) {
            let normal = if most == 0 { 100 } else { 100 * (most + least - raw) / most };
            *score += 2 * normal;
        }
    }
}

/// How many feasible nodes end the walk (`schedule_one.go numFeasibleNodesToFind`).
fn wanted_nodes(nodes: usize) -> usize {
    if nodes < FEW_NODES {
        return nodes.max(1);
    }
    let percent = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(FEW_NODES)
}

/// Counts one refusal.
type Count = fn(&mut Refusals);

/// The first plugin that refuses a node.
fn refuses(ask: Ask, node: &Node, nodes: &Nodes, same: u32) -> Option<Count> {
    debug_assert!(node.phase == NodePhase::Ready);
    if !nodes.admits(node.pool, ask.app) {
        return Some(|refusals| refusals.affinity += 1);
    }
    if node.free_pods == 0 {
        return Some(|refusals| refusals.pods += 1);
    }
    if ask.cpu > node.free_cpu {
        return Some(|refusals| refusals.cpu += 1);
    }
    if ask.memory > node.free_memory {
        return Some(|refusals| refusals.memory += 1);
    }
    (same >= ask.per_node).then_some(|refusals| refusals.anti_affinity += 1)
}

/// Least allocated and balanced allocation, weight 1 each.
fn room_score(ask: Ask, node: &Node, nodes: &Nodes) -> i64 {
    let pool = &nodes.pools[node.pool as usize];
    let (cpu, memory) = (pool.cpu + pool.addon_cpu, pool.memory + pool.addon_memory);
    let (used_cpu, used_memory) = (cpu - node.free_cpu, memory - node.free_memory);
    let counted = |amount: u64, unset: u64| if amount == 0 { unset } else { amount };
    let with_cpu = used_cpu + node.unset_cpu + counted(ask.cpu, UNSET_CPU);
    let with_memory = used_memory + node.unset_memory + counted(ask.memory, UNSET_MEMORY);
    let fit = (least(cpu, with_cpu) + least(memory, with_memory)) / 2;
    if ask.cpu == 0 && ask.memory == 0 {
        return fit;
    }
    let with = balance((used_cpu + ask.cpu, cpu), (used_memory + ask.memory, memory));
    let without = balance((used_cpu, cpu), (used_memory, memory));
    fit + 50 + (50 + with - without) / 2
}

/// What a pod without requests adds to a node's score, CPU and memory.
pub fn unset(cpu: u64, memory: u64) -> (u64, u64) {
    (if cpu == 0 { UNSET_CPU } else { 0 }, if memory == 0 { UNSET_MEMORY } else { 0 })
}
