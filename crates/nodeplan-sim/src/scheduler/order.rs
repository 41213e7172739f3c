//! The order in which nodes are looked at (`backend/cache/node_tree.go`).

use super::Symbol;
use super::nodes::NodeId;

/// Nodes by zone, zones by first appearance.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeTree {
    zones: Vec<(Zone, Vec<NodeId>)>,
    order: Vec<NodeId>,
}

/// Region label, zone label.
pub(super) type Zone = (Symbol, Symbol);

impl NodeTree {
    /// Nodes, one of each zone in turn.
    pub(super) fn order(&self) -> &[NodeId] {
        &self.order
    }

    pub(super) fn add(&mut self, zone: Zone, node: NodeId) {
        match self.zones.iter_mut().find(|(known, _)| *known == zone) {
            Some((_, nodes)) => nodes.push(node),
            None => self.zones.push((zone, vec![node])),
        }
        self.interleave();
    }

    /// Takes a node out; its zone is forgotten with its last node.
    pub(super) fn remove(&mut self, zone: Zone, node: NodeId) {
        if let Some((_, nodes)) = self.zones.iter_mut().find(|(known, _)| *known == zone) {
            nodes.retain(|listed| *listed != node);
        }
        self.zones.retain(|(_, nodes)| !nodes.is_empty());
        self.interleave();
    }

    fn interleave(&mut self) {
        self.order.clear();
        let longest = self.zones.iter().map(|(_, nodes)| nodes.len()).max().unwrap_or(0);
        for at in 0..longest {
            self.order.extend(self.zones.iter().filter_map(|(_, nodes)| nodes.get(at)));
        }
    }
}
