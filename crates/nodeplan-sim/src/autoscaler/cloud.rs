//! The cloud as one loop changes it: targets and machines, and the actions that were asked for.

use std::collections::BTreeSet;

use super::options::DecreaseTarget;
use super::view::{ClusterView, InstanceState, NodeKey};

/// Something the loop did to the cloud or to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Asked a group to grow; `done` is false where the cloud refused.
    Increase {
        /// The group.
        group: usize,
        /// How many machines.
        delta: i64,
        /// For whom.
        need: Need,
        /// The cloud agreed.
        done: bool,
    },
    /// Asked to delete machines that never registered or could not be made.
    Delete {
        /// The group.
        group: usize,
        /// The machines.
        machines: Vec<NodeKey>,
        /// The cloud agreed.
        done: bool,
    },
    /// Asked for a lower target without deleting machines.
    DecreaseTarget {
        /// The group.
        group: usize,
        /// Change of the target, negative.
        delta: i64,
        /// The cloud agreed (it may change nothing all the same).
        done: bool,
    },
    /// Tainted a node `ToBeDeleted` and started its deletion.
    StartDeletion {
        /// The node.
        node: NodeKey,
        /// Its pods are evicted first.
        drain: bool,
    },
    /// Put the soft `DeletionCandidate` taint.
    SoftTaint(NodeKey),
    /// Took the soft taint off.
    SoftUntaint(NodeKey),
}

/// What a group grows for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Pods that wait.
    Pods,
    /// Its smallest size.
    MinSize,
}

/// Targets and machines within a loop, and its actions so far.
#[derive(Debug)]
pub(crate) struct Cloud<'a> {
    view: &'a ClusterView<'a>,
    mode: DecreaseTarget,
    pub(crate) targets: Vec<i64>,
    deleting: BTreeSet<NodeKey>,
    pub(crate) actions: Vec<Action>,
}

impl<'a> Cloud<'a> {
    pub(crate) fn new(view: &'a ClusterView<'a>, mode: DecreaseTarget) -> Self {
        let targets = view.groups.iter().map(|group| group.target).collect();
        Cloud { view, mode, targets, deleting: BTreeSet::new(), actions: Vec::new() }
    }

    /// `IncreaseSize`.
    pub(crate) fn increase(&mut self, group: usize, delta: i64, need: Need) -> bool {
        let done = !self.view.groups[group].increase_fails;
        if done {
            self.targets[group] = self.targets[group].saturating_add(delta);
        }
        self.actions.push(Action::Increase { group, delta, need, done });
        done
    }

    /// `DeleteNodes`: lowers the target by the machines that were not going already.
    pub(crate) fn delete(&mut self, group: usize, machines: Vec<NodeKey>) -> bool {
        let done = !self.view.groups[group].delete_fails;
        if done {
            for &machine in &machines {
                let exists = self.view.groups[group]
                    .instances
                    .iter()
                    .any(|it| it.key == machine && it.state != InstanceState::Deleting);
                if exists && self.deleting.insert(machine) {
                    self.targets[group] -= 1;
                }
            }
        }
        self.actions.push(Action::Delete { group, machines, done });
        done
    }

    /// `DecreaseTargetSize` by `-delta`.
    pub(crate) fn decrease(&mut self, group: usize, delta: i64) -> bool {
        let done = match self.mode {
            DecreaseTarget::AzureNoop => true,
            DecreaseTarget::Checked => {
                let machines = self.view.groups[group]
                    .instances
                    .iter()
                    .filter(|it| {
                        it.state != InstanceState::Deleting && !self.deleting.contains(&it.key)
                    })
                    .count();
                let wanted = self.targets[group].saturating_add(delta);
                let done = i64::try_from(machines).is_ok_and(|machines| wanted >= machines);
                if done {
                    self.targets[group] = wanted;
                }
                done
            }
        };
        self.actions.push(Action::DecreaseTarget { group, delta, done });
        done
    }
}
