//! What a node's pods take and what the node offers, resource by resource, for explanations.
//!
//! The judge decides what is legal, not this file: here lie only the reasons people read.

use nodeplan_model::ids::WorkloadId;
use nodeplan_model::overhead::{NodeAnatomy, anatomy};
use nodeplan_model::placement;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::resources::Resources;
use nodeplan_model::workload::Workload;

/// Name of the row of sustained CPU.
pub const SUSTAINED: &str = "sustained CPU";

/// Names of the rows of [`Room`], in order: resources, sustained CPU, limits.
#[must_use]
pub fn row_names(problem: &Problem) -> Vec<String> {
    let named = ["cpu", "memory", "pods", "gpu", "disks", "ephemeral"];
    let mut names: Vec<String> = named.iter().map(|&name| name.to_owned()).collect();
    names.extend(problem.parts().extended.iter().cloned());
    names.extend([SUSTAINED, "CPU limits", "memory limits"].map(str::to_owned));
    names
}

/// A node of one kind, empty.
#[derive(Clone, Debug)]
pub struct Room<'a> {
    problem: &'a Problem,
    /// The kind.
    pub kind: PoolKind,
    /// The node band by band.
    pub node: NodeAnatomy,
    capacity: Vec<u128>,
}

/// Something a node has too little of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// Row name, or `max_per_node` of a workload.
    pub what: String,
    /// Needed in all.
    pub need: u128,
    /// Offered.
    pub have: u128,
}

impl<'a> Room<'a> {
    /// The room on a node of `kind`.
    #[must_use]
    pub fn new(problem: &'a Problem, kind: PoolKind) -> Self {
        let addons = placement::addons_on(problem, kind);
        let node = anatomy(problem.cluster(), problem.sku(kind.sku), kind, &addons);
        let mut capacity: Vec<u128> =
            node.usable.row(problem.extended()).into_iter().map(u128::from).collect();
        let bounds = problem.cluster().overcommit;
        let alloc = &node.allocatable;
        let most = |bound: Option<u64>| bound.map_or(u128::MAX, u128::from);
        capacity.push(most(node.usable_sustained.map(|cpu| cpu.0)));
        capacity.push(most(bounds.cpu.map(|factor| factor.floor_of(alloc.cpu.0))));
        capacity.push(most(bounds.memory.map(|factor| factor.floor_of(alloc.memory.0))));
        Self { problem, kind, node, capacity }
    }

    /// Room row by row.
    #[must_use]
    pub fn capacity(&self) -> &[u128] {
        &self.capacity
    }

    /// What one pod of `workload` takes here, row by row.
    #[must_use]
    pub fn need(&self, workload: &Workload) -> Vec<u128> {
        let request = packed_request(self.problem, workload);
        let mut row: Vec<u128> =
            request.row(self.problem.extended()).into_iter().map(u128::from).collect();
        let alloc = &self.node.allocatable;
        row.push(workload.cpu_mean.0.into());
        row.push(workload.cpu_limit.unwrap_or(alloc.cpu).0.into());
        row.push(workload.memory_limit.unwrap_or(alloc.memory).0.into());
        row
    }

    /// What all of `content` takes, row by row.
    #[must_use]
    pub fn taken(&self, content: &[(WorkloadId, u32)]) -> Vec<u128> {
        let mut sum = vec![0_u128; self.capacity.len()];
        for &(id, pods) in content {
            let need = self.need(self.problem.workload(id));
            for (total, amount) in sum.iter_mut().zip(need) {
                *total = total.saturating_add(amount.saturating_mul(pods.into()));
            }
        }
        sum
    }

    /// Rows in which `taken` exceeds the room.
    #[must_use]
    pub fn shortages(&self, taken: &[u128]) -> Vec<Short> {
        row_names(self.problem)
            .into_iter()
            .zip(taken.iter().zip(&self.capacity))
            .filter(|(_, (need, have))| need > have)
            .map(|(what, (need, have))| Short { what, need: *need, have: *have })
            .collect()
    }

    /// Whether `taken` is within the room.
    #[must_use]
    pub fn holds(&self, taken: &[u128]) -> bool {
        taken.iter().zip(&self.capacity).all(|(need, have)| need <= have)
    }
}

/// The request a pod is packed with: the request and the burst share of what its limit is above
/// it.
#[must_use]
pub fn packed_request(problem: &Problem, workload: &Workload) -> Resources {
    let share = problem.cluster().burst.of(workload.qos);
    let mut request = workload.request.clone();
    if let Some(limit) = workload.cpu_limit {
        let more = share.ceil_of(limit.saturating_sub(request.cpu).0);
        request.cpu.0 = request.cpu.0.saturating_add(more);
    }
    if let Some(limit) = workload.memory_limit {
        let more = share.ceil_of(limit.saturating_sub(request.memory).0);
        request.memory.0 = request.memory.0.saturating_add(more);
    }
    request.pods = 1;
    request
}
