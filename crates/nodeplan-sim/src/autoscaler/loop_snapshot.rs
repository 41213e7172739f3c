//! The cluster as a loop imagines it: nodes with the pods on them, places for further pods
//! (`simulator/clustersnapshot`, `simulator/scheduling/hinting_simulator.go`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Content, Layout};
use super::node_order::{NodeOrder, Search};
use super::view::{ClusterView, Node, NodeKey, NodeShape, Owner, PodClass, PodKey, Toleration};

/// A node of the snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotNode<'a> {
    /// Identity; `None` for a node that is yet to come, which upstream names anew in every loop.
    pub(crate) key: Option<NodeKey>,
    /// Index into `ClusterView::nodes`.
    pub(crate) index: Option<usize>,
    pub(crate) shape: usize,
    /// Carries the `ToBeDeleted` taint.
    pub(crate) tainted: bool,
    condition_taint: Option<u32>,
    /// Indices into `ClusterView::pods`; a pod that is being moved may be on two nodes.
    pub(crate) pods: Cow<'a, [usize]>,
    cpu: i64,
    memory: i64,
    count: i64,
    repelling: u32,
    /// Taken out.
    gone: bool,
}

/// One change that can be taken back.
#[derive(Clone, Copy, Debug)]
enum Change {
    Added { node: usize, pod: usize },
    Removed { node: usize, pod: usize, at: usize },
}

/// Where pods found a place in earlier loops (`simulator/scheduling/hints.go`).
#[derive(Clone, Debug, Default)]
pub struct Hints {
    current: BTreeMap<PodKey, Option<NodeKey>>,
    old: BTreeMap<PodKey, Option<NodeKey>>,
}

impl Hints {
    fn get(&self, pod: PodKey) -> Option<NodeKey> {
        self.current.get(&pod).or_else(|| self.old.get(&pod)).copied().flatten()
    }

    /// Forgets what was not used since the last call. Says whether what is left is what was there.
    pub(crate) fn drop_old(&mut self) -> bool {
        let same = self.old == self.current;
        self.old = std::mem::take(&mut self.current);
        same
    }
}

/// All nodes, with an undo log.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot<'a> {
    view: &'a ClusterView<'a>,
    pub(crate) nodes: Vec<SnapshotNode<'a>>,
    /// The nodes that are there.
    pub(crate) order: NodeOrder,
    /// Registered nodes by identity, those taken out included.
    by_key: Vec<(NodeKey, usize)>,
    changes: Vec<Change>,
}

impl<'a> Snapshot<'a> {
    /// Nodes of the view with their pods.
    pub(crate) fn new(view: &'a ClusterView<'a>, layout: &'a Layout) -> Self {
        let nodes = view.nodes.iter().zip(&layout.nodes).enumerate();
        let node = |(index, (node, content)): (usize, (&Node, &'a Content))| SnapshotNode {
            key: Some(node.key),
            index: Some(index),
            shape: node.shape,
            tainted: node.deletion_taint_ms.is_some(),
            condition_taint: node.condition_taint,
            pods: Cow::Borrowed(&content.pods[..]),
            cpu: content.room.cpu,
            memory: content.room.memory,
            count: content.room.count,
            repelling: content.repelling,
            gone: false,
        };
        let nodes: Vec<SnapshotNode<'a>> = nodes.map(node).collect();
        let mut by_key: Vec<(NodeKey, usize)> =
            view.nodes.iter().enumerate().map(|(at, node)| (node.key, at)).collect();
        by_key.sort_unstable();
        let mut order = NodeOrder::default();
        (0..nodes.len()).for_each(|node| order.push(node));
        Snapshot { view, nodes, order, by_key, changes: Vec::new() }
    }

    /// Adds a node that is yet to come, with room taken by `DaemonSet` pods.
    pub(crate) fn add_upcoming(&mut self, shape: usize, room: Room) {
        let Room { cpu, memory, count } = room;
        self.order.push(self.nodes.len());
        self.nodes.push(SnapshotNode {
            key: None,
            index: None,
            shape,
            tainted: false,
            condition_taint: None,
            pods: Cow::Borrowed(&[]),
            cpu,
            memory,
            count,
            repelling: 0,
            gone: false,
        });
    }

    /// The place of a node, if it is there.
    pub(crate) fn find(&self, key: NodeKey) -> Option<usize> {
        let at = self.by_key.binary_search_by_key(&key, |&(other, _)| other).ok()?;
        let (_, node) = self.by_key[at];
        (!self.nodes[node].gone).then_some(node)
    }

    /// Takes a node out for good.
    pub(crate) fn remove_node(&mut self, key: NodeKey) {
        if let Some(node) = self.find(key) {
            self.nodes[node].gone = true;
            self.order.remove(node);
        }
    }

    /// Puts a pod on a node for the whole loop.
    fn add_for_good(&mut self, node: usize, pod: usize) {
        self.add(node, pod);
        self.order.disturb();
    }

    fn add(&mut self, node: usize, pod: usize) {
        self.count(node, pod);
        self.nodes[node].pods.to_mut().push(pod);
        self.changes.push(Change::Added { node, pod });
    }

    /// Takes a pod off a node.
    pub(crate) fn unschedule(&mut self, node: usize, pod: usize) {
        let Some(at) = self.nodes[node].pods.iter().position(|&other| other == pod) else {
            return;
        };
        self.nodes[node].pods.to_mut().remove(at);
        self.uncount(node, pod);
        self.changes.push(Change::Removed { node, pod, at });
    }

    fn count(&mut self, node: usize, pod: usize) {
        let class = &self.view.classes[self.view.pods[pod].class];
        let at = &mut self.nodes[node];
        at.cpu = at.cpu.saturating_add(class.cpu_milli);
        at.memory = at.memory.saturating_add(class.memory_bytes);
        at.count += 1;
        at.repelling += u32::from(class.host_anti_affinity);
    }

    fn uncount(&mut self, node: usize, pod: usize) {
        let class = &self.view.classes[self.view.pods[pod].class];
        let at = &mut self.nodes[node];
        at.cpu -= class.cpu_milli;
        at.memory -= class.memory_bytes;
        at.count -= 1;
        at.repelling -= u32::from(class.host_anti_affinity);
    }

    /// A mark to return to.
    pub(crate) fn fork(&self) -> usize {
        self.changes.len()
    }

    /// Takes back all changes since a mark.
    pub(crate) fn revert(&mut self, mark: usize) {
        while self.changes.len() > mark {
            match self.changes.pop().expect("the loop's condition says there is a change") {
                Change::Added { node, pod } => {
                    self.nodes[node].pods.to_mut().pop();
                    self.uncount(node, pod);
                }
                Change::Removed { node, pod, at } => {
                    self.count(node, pod);
                    self.nodes[node].pods.to_mut().insert(at, pod);
                }
            }
        }
    }

    /// Whether the scheduler's filters let a pod on a node.
    fn fits(&self, pod: usize, node: usize) -> bool {
        let class = &self.view.classes[self.view.pods[pod].class];
        let at = &self.nodes[node];
        let shape = &self.view.shapes[at.shape];
        let room = Room { cpu: at.cpu, memory: at.memory, count: at.count };
        room.holds(class, shape)
            && admits(class, shape)
            && (!at.tainted || class.tolerates == Toleration::All)
            && at.condition_taint.is_none_or(|key| class.tolerates.bears(key))
            && !self.repels(class, at)
    }

    fn repels(&self, class: &PodClass, at: &SnapshotNode<'_>) -> bool {
        if !class.host_anti_affinity && at.repelling == 0 {
            return false;
        }
        at.pods.iter().any(|&other| {
            let other = &self.view.classes[self.view.pods[other].class];
            other.app == class.app && (class.host_anti_affinity || other.host_anti_affinity)
        })
    }
}

/// What is taken of a node.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Room {
    pub(crate) cpu: i64,
    pub(crate) memory: i64,
    pub(crate) count: i64,
}

impl Room {
    /// `NodeResourcesFit`.
    pub(crate) fn holds(&self, class: &PodClass, shape: &NodeShape) -> bool {
        let fits = |request: i64, used: i64, of: i64| request == 0 || request <= of - used;
        self.count < shape.pods
            && fits(class.cpu_milli, self.cpu, shape.cpu_milli)
            && fits(class.memory_bytes, self.memory, shape.memory_bytes)
    }

    pub(crate) fn add(&mut self, class: &PodClass) {
        self.cpu = self.cpu.saturating_add(class.cpu_milli);
        self.memory = self.memory.saturating_add(class.memory_bytes);
        self.count += 1;
    }
}

/// `NodeAffinity` (selector) and `TaintToleration` of a shape.
pub(crate) fn admits(class: &PodClass, shape: &NodeShape) -> bool {
    class.selector.iter().all(|label| shape.labels.contains(label))
        && shape.taints.iter().all(|taint| class.tolerates.bears(taint.key))
}

/// Tries to find a place for each pod in turn (`TrySchedulePods`): where it was put last time, else
/// round the list from the last place found. Says which found one.
pub(crate) fn schedule_pods(
    snapshot: &mut Snapshot<'_>,
    hints: &mut Hints,
    search: &mut Search,
    pods: &[usize],
    stop_at_failure: bool,
    acceptable: impl Fn(&SnapshotNode<'_>) -> bool,
) -> Vec<bool> {
    let view = snapshot.view;
    let mut hopeless: BTreeSet<((u8, u32), usize)> = BTreeSet::new();
    let mut placed = vec![false; pods.len()];
    for (slot, &pod) in pods.iter().enumerate() {
        let key = view.pods[pod].key;
        let hinted = hints.get(key).and_then(|node| snapshot.find(node));
        let hinted =
            hinted.filter(|&node| acceptable(&snapshot.nodes[node]) && snapshot.fits(pod, node));
        let kind = view.pods[pod].owner.controller().map(|owner| (owner, view.pods[pod].class));
        let node = hinted.or_else(|| {
            if kind.is_some_and(|kind| hopeless.contains(&kind)) {
                return None;
            }
            snapshot.order.list(&mut search.chance);
            search.find(snapshot.order.len(), |position| {
                let node = snapshot.order.at(position);
                let fits = acceptable(&snapshot.nodes[node]) && snapshot.fits(pod, node);
                fits.then_some(node)
            })
        });
        match node {
            Some(node) => {
                if stop_at_failure {
                    snapshot.add(node, pod);
                } else {
                    snapshot.add_for_good(node, pod);
                }
                hints.current.insert(key, snapshot.nodes[node].key);
                placed[slot] = true;
            }
            None => {
                if let Some(kind) = kind
                    && !matches!(view.pods[pod].owner, Owner::DaemonSet(_))
                {
                    hopeless.insert(kind);
                }
                if stop_at_failure {
                    break;
                }
            }
        }
    }
    placed
}
