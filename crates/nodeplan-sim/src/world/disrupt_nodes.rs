//! Node auto-provisioning of the world: nodes that it takes away, because they are empty, because
//! their pods fit elsewhere or on one cheaper node, or because they are too old.
//!
//! It looks every [`POLL_MILLIS`]; what it finds waits 15 s and is done if it still holds then. A
//! replacement is asked for first, its old nodes take no pods from then on and are drained once it
//! is Ready, within the budgets of the workloads. While nothing changed it does not look again,
//! because the answer would be the same.

use nodeplan_model::timeline::Actor;

use crate::karpenter::consolidation::{
    Command, emptiness, multi_node, single_node, still_empty, still_holds,
};
use crate::karpenter::nouns::Settings;
use crate::karpenter::provision::Claim;
use crate::karpenter::timing::{
    DISRUPTION_POLL_MS, UNCHANGED_RECHECK_MS, VALIDATION_MS, expires_ms,
};

use super::World;
use super::clock::Next;
use super::nodes::NodePhase;
use super::provision_nodes::View;

/// Between two looks at nodes.
pub const POLL_MILLIS: u64 = DISRUPTION_POLL_MS as u64;
/// The longest it trusts that nothing changed.
const RECHECK_MILLIS: u64 = UNCHANGED_RECHECK_MS as u64;
/// Before what was found is done.
const WAIT_MILLIS: u64 = VALIDATION_MS as u64;

/// Ways to find nodes to take away, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Method {
    Emptiness,
    MultiNode,
    SingleNode,
}

const METHODS: [Method; 3] = [Method::Emptiness, Method::MultiNode, Method::SingleNode];

impl Method {
    fn reason(self) -> &'static str {
        match self {
            Self::Emptiness => "node is empty",
            Self::MultiNode | Self::SingleNode => "node is underutilized",
        }
    }
}

/// What is done if it still holds after a wait.
#[derive(Debug)]
pub struct Planned {
    method: Method,
    /// Nodes to take away.
    nodes: Vec<u32>,
    /// The node to make first.
    claim: Option<Claim>,
}

/// Nodes that wait for the one that replaces them.
#[derive(Debug)]
pub struct Replacing {
    new: u32,
    old: Vec<u32>,
}

impl World<'_> {
    /// Looks for nodes to take away.
    pub(super) fn disrupt(&mut self) {
        let now = self.clock.now();
        let stays = |(changes, until)| changes == self.provisioner.changes && now < until;
        if self.provisioner.settled.is_some_and(stays) {
            self.clock.at(now + POLL_MILLIS, Next::Disrupt);
        } else {
            self.disrupt_by(&METHODS);
        }
    }

    /// Tries these methods; the first that finds something ends the look.
    fn disrupt_by(&mut self, methods: &[Method]) {
        let now = self.clock.now();
        let view = self.karpenter_view();
        for &method in methods {
            let command = self.ask(method, &view);
            if !command.is_none() {
                self.provisioner.planned = Some(Planned {
                    method,
                    nodes: command.removed.iter().map(|at| view.ids[*at]).collect(),
                    claim: command.replacement,
                });
                self.clock.at(now + WAIT_MILLIS, Next::Validate);
                return;
            }
        }
        if methods.len() == METHODS.len() {
            let until = view.until.min(now + RECHECK_MILLIS);
            self.provisioner.settled = Some((self.provisioner.changes, until));
        }
        self.clock.at(now + POLL_MILLIS, Next::Disrupt);
    }

    fn ask(&self, method: Method, view: &View) -> Command {
        let cluster = self.provisioner.cluster(view);
        let settings = Settings::default();
        match method {
            Method::Emptiness => emptiness(cluster, settings),
            Method::MultiNode => multi_node(cluster, settings, &mut |_| 0),
            Method::SingleNode => {
                // Upstream takes the pools in any order.
                let pools: Vec<usize> = (0..cluster.pools.len()).collect();
                single_node(cluster, settings, &pools, &mut |_| 0)
            }
        }
    }

    /// Does what was planned if it still holds, else tries the methods that come after.
    pub(super) fn validate(&mut self) {
        let Some(planned) = self.provisioner.planned.take() else { return };
        let view = self.karpenter_view();
        let nodes = self.still_valid(&planned, &view);
        if nodes.is_empty() {
            let tried = METHODS.partition_point(|method| *method <= planned.method);
            self.disrupt_by(&METHODS[tried..]);
            return;
        }
        self.take_away(&nodes, planned.claim.as_ref(), planned.method.reason());
        self.clock.at(self.clock.now(), Next::Disrupt);
    }

    /// The nodes of a plan that may still go; for consolidation all or none.
    fn still_valid(&self, planned: &Planned, view: &View) -> Vec<u32> {
        let places = planned.nodes.iter().filter_map(|id| view.ids.binary_search(id).ok());
        let removed: Vec<usize> = places.collect();
        let cluster = self.provisioner.cluster(view);
        let settings = Settings::default();
        if planned.method == Method::Emptiness {
            let left = still_empty(cluster, settings, &removed);
            return left.into_iter().map(|at| view.ids[at]).collect();
        }
        let all_there = removed.len() == planned.nodes.len();
        let command = Command { removed, replacement: planned.claim.clone(), placed: Vec::new() };
        if all_there && still_holds(cluster, settings, &command, &mut |_| 0) {
            planned.nodes.clone()
        } else {
            Vec::new()
        }
    }

    /// Makes the replacement, if there is one, and closes the nodes that go. Nothing happens where
    /// the replacement is refused.
    fn take_away(&mut self, nodes: &[u32], claim: Option<&Claim>, reason: &str) {
        if let Some(claim) = claim {
            let Some(new) = self.launch(claim, "one node replaces others") else { return };
            self.provisioner.replacing.push(Replacing { new, old: nodes.to_vec() });
        }
        for &id in nodes {
            self.disrupt_node(id, reason);
            if claim.is_none() {
                self.clock.at(self.clock.now(), Next::Drain(id));
            }
        }
    }

    /// Closes a node and seeks room for the pods on it.
    fn disrupt_node(&mut self, id: u32, reason: &str) {
        self.close(id, Actor::Autoscaler, reason);
        if !self.nodes.all[id as usize].pods.is_empty() {
            self.gather();
        }
    }

    /// A machine came: nodes that it replaces are drained.
    pub(super) fn replacement_came(&mut self, id: u32) {
        for old in self.replaced_by(id) {
            self.clock.at(self.clock.now(), Next::Drain(old));
        }
    }

    /// A machine never came: nodes that waited for it stay.
    fn replacement_lost(&mut self, id: u32) {
        for old in self.replaced_by(id) {
            if self.nodes.all[old as usize].phase == NodePhase::Draining {
                self.reopen(old, Actor::Autoscaler, "its replacement never came");
            }
        }
    }

    fn replaced_by(&mut self, id: u32) -> Vec<u32> {
        let replacing = &mut self.provisioner.replacing;
        let found = replacing.iter().position(|replacing| replacing.new == id);
        found.map(|at| replacing.remove(at).old).unwrap_or_default()
    }

    /// A node was Ready for the first time: it is too old one day.
    pub(super) fn will_expire(&mut self, id: u32) {
        let Some(rules) = &self.provisioner.rules else { return };
        let created = self.nodes.all[id as usize].created as i64;
        let after = rules.expire_after_millis.map(super::scale_nodes::amount);
        if let Some(at) = expires_ms(created, after) {
            self.clock.at(at as u64, Next::TooOld(id));
        }
    }

    /// A node that expired is drained, budgets of its pool or not; one that never came is given up.
    pub(super) fn too_old(&mut self, id: u32) {
        let node = &self.nodes.all[id as usize];
        let (pool, created) = (node.pool as usize, node.created);
        match node.phase {
            NodePhase::Creating => {
                let from = self.nodes.staying(pool);
                self.delete_node(id);
                self.told(Actor::Autoscaler, pool, from, "machine never came");
                self.replacement_lost(id);
            }
            NodePhase::Ready | NodePhase::Down => {
                let rules = self.provisioner.rules.as_ref();
                let after = rules.and_then(|rules| rules.expire_after_millis);
                let old = self.clock.now() - created;
                if after.is_some_and(|after| old >= after) {
                    self.disrupt_node(id, "node is too old");
                    self.clock.at(self.clock.now(), Next::Drain(id));
                }
            }
            NodePhase::Draining | NodePhase::Deleting | NodePhase::Gone => {}
        }
    }
}
