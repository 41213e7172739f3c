//! A node as it would be with pods more or less, seen by one template.

use super::cluster::Cluster;
use super::counter::NO_DOMAIN;
use super::nodes::{NodeId, RareUsage, Usage};
use super::template::{HostPort, TemplateId};
use super::volumes::Attached;

/// Changes on one node. Counts change in the domains of this node only, as upstream's do
/// (`AddPod` and `RemovePod` of the pre-filter extensions).
#[derive(Clone, Debug)]
pub(super) struct Overlay {
    pub usage: Usage,
    pub rare: RareUsage,
    pub ports: Vec<HostPort>,
    pub attached: Attached,
    /// Counter, change of its count in the node's domain, change of its pods.
    changes: Vec<(u32, i64, i64)>,
}

impl Overlay {
    pub(super) fn of(cluster: &Cluster, node: NodeId) -> Self {
        Self {
            usage: cluster.usage[node.at()],
            rare: cluster.rare[node.at()].clone(),
            ports: cluster.ports[node.at()].clone(),
            attached: cluster.attached[node.at()].clone(),
            changes: Vec::new(),
        }
    }

    /// A pod of `moved` more (`sign` 1) or less (−1) on `node`, in the eyes of `viewer`.
    ///
    /// Spread counts change for terminating pods too, though they were never counted: upstream's
    /// `updateWithPod` does not look.
    pub(super) fn shift(
        &mut self,
        cluster: &Cluster,
        viewer: TemplateId,
        node: NodeId,
        moved: TemplateId,
        sign: i64,
    ) {
        let moved = cluster.registered(moved);
        self.usage.shift(&moved.spec.demand, sign);
        self.rare.shift(&moved.spec.demand, sign);
        if sign > 0 {
            self.ports.extend(&moved.spec.ports);
        } else {
            for port in &moved.spec.ports {
                if let Some(at) = self.ports.iter().position(|held| held == port) {
                    self.ports.swap_remove(at);
                }
            }
        }
        for listener in &moved.listeners {
            let counter = &cluster.counters[listener.counter as usize];
            let domain = cluster.keys[counter.key].of_node[node.at()];
            if counter.owner != viewer.0 || domain == NO_DOMAIN || !counter.admits(node) {
                continue;
            }
            let (change, hits) = (sign * listener.change, sign * listener.hits);
            match self.changes.iter_mut().find(|known| known.0 == listener.counter) {
                Some(known) => {
                    known.1 += change;
                    known.2 += hits;
                }
                None => self.changes.push((listener.counter, change, hits)),
            }
        }
    }

    /// The change of a counter's count in the node's domain, and of its pods.
    pub(super) fn change(&self, counter: u32) -> (i64, i64) {
        let known = self.changes.iter().find(|known| known.0 == counter);
        known.map_or((0, 0), |known| (known.1, known.2))
    }
}
