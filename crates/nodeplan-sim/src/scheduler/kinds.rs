//! Nodes that differ in nothing but their name and host name share one kind, so that what a
//! template finds on a node whatever runs there is kept once for all of them.

use std::collections::BTreeMap;

use super::Symbol;
use super::nodes::{NodeId, NodeSpec, Taint};
use super::selector::Labels;

/// What nodes of a kind share: labels but the host name, taints, cordon.
type Likeness = (Labels, Vec<Taint>, bool);

/// The kinds of a cluster's nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    /// Kind by node.
    pub of_node: Vec<u32>,
    known: BTreeMap<Likeness, u32>,
    nodes: Vec<u32>,
    free: Vec<u32>,
}

impl Kinds {
    /// A node joins its kind; returns the kind if it is new.
    pub(super) fn join(&mut self, node: NodeId, spec: &NodeSpec) -> Option<u32> {
        let next = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(0);
            u32::try_from(self.nodes.len() - 1).expect("kinds are no more than nodes")
        });
        let kind = *self.known.entry(likeness(spec)).or_insert(next);
        if kind != next {
            self.free.push(next);
        }
        if self.of_node.len() <= node.at() {
            self.of_node.resize(node.at() + 1, 0);
        }
        self.of_node[node.at()] = kind;
        self.nodes[kind as usize] += 1;
        (kind == next).then_some(kind)
    }

    /// A node leaves its kind, which ends with its last node.
    pub(super) fn leave(&mut self, node: NodeId, spec: &NodeSpec) {
        let kind = self.of_node[node.at()];
        self.nodes[kind as usize] -= 1;
        if self.nodes[kind as usize] == 0 {
            self.known.remove(&likeness(spec));
            self.free.push(kind);
        }
    }
}

fn likeness(spec: &NodeSpec) -> Likeness {
    let shared = spec.labels.iter().filter(|(key, _)| *key != Symbol::HOSTNAME);
    (shared.copied().collect(), spec.taints.clone(), spec.unschedulable)
}
