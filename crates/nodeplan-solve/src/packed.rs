//! Integer solutions over classes, and their translation into plans.

use crate::columns::pool::Column;
use crate::columns::target::Target;
use crate::compile::Compiled;
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::plan::{NodePool, Packing, Plan, PoolMode};
use nodeplan_model::problem::{PoolKind, Problem, SystemPool};
use std::collections::BTreeMap;

/// Columns with how often each is used. May cover more pods than there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// (column, nodes), nodes positive.
    pub nodes: Vec<(Column, u32)>,
}

impl Packed {
    /// Objective in cost units: Σ weight / unit × rate.
    pub fn cost(&self, compiled: &Compiled) -> i128 {
        self.nodes
            .iter()
            .map(|(column, nodes)| compiled.cost(column.kind, column.point) * i128::from(*nodes))
            .sum()
    }

    /// Nodes per (kind, point).
    pub fn counts(&self, compiled: &Compiled) -> Vec<Vec<u32>> {
        let mut counts = vec![vec![0; compiled.weights.len()]; compiled.kinds.len()];
        for (column, nodes) in &self.nodes {
            counts[column.kind][column.point] += nodes;
        }
        counts
    }

    /// Kinds used.
    pub fn kinds(&self) -> Vec<usize> {
        let mut kinds: Vec<usize> = self.nodes.iter().map(|(column, _)| column.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Adds nodes.
    pub fn push(&mut self, column: Column, nodes: u32) {
        if nodes > 0 {
            self.nodes.push((column, nodes));
        }
    }

    /// Whether every rule of the whole problem holds: demand, system, coupling, pools.
    pub fn is_legal(&self, compiled: &Compiled, whole: &Target) -> bool {
        let mut left = whole.clone();
        for (column, nodes) in &self.nodes {
            left.subtract(compiled, column.kind, column.point, &column.content, *nodes);
        }
        let counts = self.counts(compiled);
        left.is_met()
            && compiled.coupled.iter().all(|&(s, t)| counts.iter().all(|c| c[s] <= c[t]))
            && compiled.max_pools.is_none_or(|most| self.kinds().len() <= most)
    }

    /// The inverse of [`Packed::decode`].
    pub fn encode(plan: &Plan, problem: &Problem, compiled: &Compiled) -> Self {
        let mut class_of = vec![0_u32; problem.workloads().len()];
        for (class, entry) in compiled.classes.iter().enumerate() {
            for member in &entry.members {
                class_of[member.index()] = class as u32;
            }
        }
        let mut packed = Self::default();
        for pool in &plan.pools {
            let Some(kind) = compiled.kinds.iter().position(|kind| kind.pool == pool.kind) else {
                continue;
            };
            for (point, packings) in pool.packings.iter().enumerate() {
                for packing in packings {
                    let mut content: BTreeMap<u32, u32> = BTreeMap::new();
                    for &(workload, pods) in &packing.content {
                        *content.entry(class_of[workload.index()]).or_insert(0) += pods;
                    }
                    let content = content.into_iter().collect();
                    packed.push(Column { kind, point, content }, packing.nodes);
                }
            }
        }
        packed
    }

    /// Gives every node real pods: what is covered twice is placed once, and classes fall apart
    /// into their workloads in order.
    pub fn decode(&self, problem: &Problem, compiled: &Compiled) -> Plan {
        let points = compiled.weights.len();
        type Content = Vec<(WorkloadId, u32)>;
        let mut pools: BTreeMap<PoolKind, Vec<BTreeMap<Content, u32>>> = BTreeMap::new();
        for point in 0..points {
            let mut supply: Vec<Supply> = compiled
                .classes
                .iter()
                .map(|class| Supply::new(problem, &class.members, point))
                .collect();
            let mut nodes: Vec<&(Column, u32)> =
                self.nodes.iter().filter(|(column, _)| column.point == point).collect();
            nodes.sort();
            for (column, count) in nodes {
                let packings = &mut pools
                    .entry(compiled.kinds[column.kind].pool)
                    .or_insert_with(|| vec![BTreeMap::new(); points])[point];
                for _ in 0..*count {
                    let mut content = Content::new();
                    for &(class, pods) in &column.content {
                        supply[class as usize].take(pods, &mut content);
                    }
                    content.sort_unstable();
                    *packings.entry(content).or_insert(0) += 1;
                }
            }
        }
        let pools = pools
            .into_iter()
            .map(|(kind, packings)| NodePool {
                name: String::new(),
                kind,
                mode: mode_of(problem, kind),
                packings: packings
                    .into_iter()
                    .map(|contents| {
                        contents
                            .into_iter()
                            .map(|(content, nodes)| Packing { nodes, content })
                            .collect()
                    })
                    .collect(),
            })
            .collect();
        let mut plan = Plan { pools };
        name_pools(problem, &mut plan);
        plan
    }
}

/// Pods of one class at one point, workload by workload.
struct Supply {
    left: Vec<(WorkloadId, u32)>,
    at: usize,
}

impl Supply {
    fn new(problem: &Problem, members: &[WorkloadId], point: usize) -> Self {
        let left = members.iter().map(|w| (*w, problem.demand()[(point, w.index())])).collect();
        Self { left, at: 0 }
    }

    fn take(&mut self, mut pods: u32, content: &mut Vec<(WorkloadId, u32)>) {
        while pods > 0 && self.at < self.left.len() {
            let (workload, left) = &mut self.left[self.at];
            let taken = pods.min(*left);
            if taken > 0 {
                content.push((*workload, taken));
                *left -= taken;
                pods -= taken;
            }
            if *left == 0 {
                self.at += 1;
            }
        }
    }
}

fn mode_of(problem: &Problem, kind: PoolKind) -> PoolMode {
    let serves = nodeplan_model::placement::serves_system(problem, kind);
    if problem.cluster().system_pool != SystemPool::None && serves {
        PoolMode::System
    } else {
        PoolMode::User
    }
}

/// AKS pool names: the size in short (`d4sv3`), `spot` before it where its nodes are, with a letter
/// where two pools share it.
pub fn name_pools(problem: &Problem, plan: &mut Plan) {
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    for pool in &mut plan.pools {
        let sku = &problem.sku(pool.kind.sku).name;
        let mut short: String = sku
            .trim_start_matches("Standard_")
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if !short.starts_with(|c: char| c.is_ascii_lowercase()) {
            short.insert(0, 'n');
        }
        if problem.group(pool.kind.group).spot {
            short.insert_str(0, "spot");
        }
        short.truncate(9);
        let seen = used.entry(short.clone()).or_insert(0);
        *seen += 1;
        pool.name = if *seen == 1 { short } else { format!("{short}x{seen}") };
    }
}
