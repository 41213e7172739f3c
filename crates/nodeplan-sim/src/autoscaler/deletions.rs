//! Node deletions under way and their results (`core/scaledown/deletiontracker`).

use std::collections::BTreeMap;

use super::view::NodeKey;

/// A deletion that was started and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Group of the node.
    pub group: usize,
    /// Its pods are evicted first.
    pub drain: bool,
}

/// How a deletion ended (`status.NodeDeleteResultType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeletionResult {
    /// The cloud deletes the machine.
    Done,
    /// Pods could not be evicted in time.
    EvictionFailed,
    /// The cloud refused.
    CloudRefused,
    /// Something had changed meanwhile, for example a pod that blocks.
    Internal,
}

/// Deletions under way, by node, and results nobody has read yet.
#[derive(Clone, Debug, Default)]
pub struct Deletions {
    in_progress: BTreeMap<NodeKey, Deletion>,
    results: Vec<(NodeKey, DeletionResult)>,
}

impl Deletions {
    /// A deletion starts.
    pub fn start(&mut self, node: NodeKey, deletion: Deletion) {
        self.in_progress.insert(node, deletion);
    }

    /// A deletion ends: called by whoever carries it out.
    pub fn finish(&mut self, node: NodeKey, result: DeletionResult) {
        self.in_progress.remove(&node);
        self.results.push((node, result));
    }

    /// Deletions under way, by node.
    pub fn in_progress(&self) -> impl Iterator<Item = (NodeKey, Deletion)> {
        self.in_progress.iter().map(|(&node, &deletion)| (node, deletion))
    }

    /// Whether the node's deletion is under way.
    #[must_use]
    pub fn contains(&self, node: NodeKey) -> bool {
        self.in_progress.contains_key(&node)
    }

    /// Deletions under way in a group.
    #[must_use]
    pub fn count(&self, group: usize) -> i64 {
        let here = self.in_progress.values().filter(|it| it.group == group).count();
        i64::try_from(here).unwrap_or(i64::MAX)
    }

    /// Deletions under way: without and with eviction.
    #[must_use]
    pub fn totals(&self) -> (i64, i64) {
        let drains = self.in_progress.values().filter(|it| it.drain).count();
        let empty = self.in_progress.len() - drains;
        (i64::try_from(empty).unwrap_or(i64::MAX), i64::try_from(drains).unwrap_or(i64::MAX))
    }

    /// Takes the results since the last call.
    pub(crate) fn take_results(&mut self) -> Vec<(NodeKey, DeletionResult)> {
        std::mem::take(&mut self.results)
    }
}
