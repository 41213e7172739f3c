//! What the scheduler knows of a node.

use super::Symbol;
use super::selector::Labels;
use super::template::Demand;

/// A node's place in the cluster; the place of a removed node is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    pub(super) fn at(self) -> usize {
        self.0 as usize
    }
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Not scheduled here.
    NoSchedule,
    /// Not scheduled here, and evicted.
    NoExecute,
    /// Better not scheduled here.
    PreferNoSchedule,
}

/// A taint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taint {
    /// Key.
    pub key: Symbol,
    /// Value.
    pub value: Symbol,
    /// Effect.
    pub effect: Effect,
}

/// A node as the scheduler sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSpec {
    /// Name.
    pub name: Symbol,
    /// Labels.
    pub labels: Labels,
    /// Taints.
    pub taints: Vec<Taint>,
    /// Cordoned: `spec.unschedulable`.
    pub unschedulable: bool,
    /// Allocatable CPU, milli-cores.
    pub cpu_milli: i64,
    /// Allocatable memory, bytes.
    pub memory: i64,
    /// Allocatable ephemeral storage, bytes.
    pub ephemeral: i64,
    /// Allocatable pods.
    pub pods: i64,
    /// Data disks that can be attached; `None` is no limit.
    pub disks: Option<u32>,
    /// Allocatable extended resources, in the cluster's order of names; missing is none.
    pub extended: Vec<i64>,
}

/// What a node offers and what its pods ask of it, in one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Allocatable CPU, milli-cores.
    pub cpu_offered: i64,
    /// Allocatable memory, bytes.
    pub memory_offered: i64,
    /// Requested CPU, milli-cores.
    pub cpu_used: i64,
    /// Requested memory, bytes.
    pub memory_used: i64,
    /// Requested CPU as the least-allocated score counts it, milli-cores.
    pub cpu_scored: i64,
    /// Requested memory as that score counts it, bytes.
    pub memory_scored: i64,
    /// Allocatable pods.
    pub pods_offered: i64,
    /// Pods on the node.
    pub pods_used: i64,
}

impl Usage {
    pub(super) fn of(spec: &NodeSpec) -> Self {
        Self {
            cpu_offered: spec.cpu_milli,
            memory_offered: spec.memory,
            pods_offered: spec.pods,
            ..Self::default()
        }
    }

    /// A pod more (`sign` 1) or less (−1); wraps as Go does.
    pub(super) fn shift(&mut self, demand: &Demand, sign: i64) {
        let moved = |used: i64, asked: i64| used.wrapping_add(asked.wrapping_mul(sign));
        self.cpu_used = moved(self.cpu_used, demand.cpu_milli);
        self.memory_used = moved(self.memory_used, demand.memory);
        self.cpu_scored = moved(self.cpu_scored, demand.scored_cpu_milli);
        self.memory_scored = moved(self.memory_scored, demand.scored_memory);
        self.pods_used += sign;
    }
}

/// Resources that few pods ask for: ephemeral storage first, then the extended ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RareUsage {
    pub offered: Vec<i64>,
    pub used: Vec<i64>,
}

impl RareUsage {
    pub(super) fn of(spec: &NodeSpec) -> Self {
        let mut offered = vec![spec.ephemeral];
        offered.extend(&spec.extended);
        Self { offered, used: Vec::new() }
    }

    /// What the node offers of a resource (0 is ephemeral storage).
    pub(super) fn offered(&self, index: usize) -> i64 {
        self.offered.get(index).copied().unwrap_or(0)
    }

    /// What pods ask of a resource (0 is ephemeral storage).
    pub(super) fn used(&self, index: usize) -> i64 {
        self.used.get(index).copied().unwrap_or(0)
    }

    /// A pod more (`sign` 1) or less (−1); wraps as Go does.
    pub(super) fn shift(&mut self, demand: &Demand, sign: i64) {
        for (index, amount) in demand.rare() {
            if self.used.len() <= index {
                self.used.resize(index + 1, 0);
            }
            self.used[index] = self.used[index].wrapping_add(amount.wrapping_mul(sign));
        }
    }
}

impl Demand {
    /// Resources asked for beyond CPU and memory: index in [`RareUsage`], amount above zero.
    pub(super) fn rare(&self) -> impl Iterator<Item = (usize, i64)> + '_ {
        let extended = self.extended.iter().map(|&(index, amount)| (index as usize + 1, amount));
        std::iter::once((0, self.ephemeral)).chain(extended).filter(|&(_, amount)| amount > 0)
    }

    /// Whether the fit filter looks at nothing but the number of pods.
    pub(super) fn is_nothing(&self) -> bool {
        self.cpu_milli == 0 && self.memory == 0 && self.ephemeral == 0 && self.extended.is_empty()
    }
}
