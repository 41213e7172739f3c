//! The cluster as the autoscaler imagines it: nodes with room, pods on them, and the scheduler's
//! filters between both (`simulator/clustersnapshot`). Changes can be taken back to a mark.
//!
//! Pods of one kind are a *shape*; labels, node classes, topology values and ports are numbers.
//! Filters and their order are those of the default scheduler without volumes and devices.

use crate::autoscaler::node_order::{NodeOrder, Search};
use crate::autoscaler::spread::{Reach, Seen};
use crate::random::Stream;

/// The topology key `kubernetes.io/hostname`: every node is a domain of its own.
pub const HOSTNAME: usize = 0;

/// Amounts of what nodes have and pods request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU, in milli-cores.
    pub cpu_milli: i64,
    /// Memory, in bytes.
    pub memory_bytes: i64,
    /// Local disk, in bytes.
    pub disk_bytes: i64,
    /// GPUs.
    pub gpus: i64,
}

impl Amounts {
    /// CPU and memory only.
    pub fn new(cpu_milli: i64, memory_bytes: i64) -> Self {
        Self { cpu_milli, memory_bytes, ..Self::default() }
    }

    /// The sum, at most the largest number.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, i64::saturating_add)
    }

    /// The difference, at least the smallest number.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.with(other, i64::saturating_sub)
    }

    fn with(self, other: Self, join: fn(i64, i64) -> i64) -> Self {
        Self {
            cpu_milli: join(self.cpu_milli, other.cpu_milli),
            memory_bytes: join(self.memory_bytes, other.memory_bytes),
            disk_bytes: join(self.disk_bytes, other.disk_bytes),
            gpus: join(self.gpus, other.gpus),
        }
    }

    /// Whether each amount requested is there; what is not requested may be overdrawn.
    pub fn fits_in(self, free: Self) -> bool {
        let fits = |request: i64, free: i64| request <= 0 || request <= free;
        fits(self.cpu_milli, free.cpu_milli)
            && fits(self.memory_bytes, free.memory_bytes)
            && fits(self.disk_bytes, free.disk_bytes)
            && fits(self.gpus, free.gpus)
    }
}

/// A required term of pod affinity or anti-affinity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// Topology key.
    pub key: usize,
    /// Label sets that the term selects, sorted.
    pub labels: Vec<usize>,
}

/// A topology spread constraint with `DoNotSchedule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Topology key.
    pub key: usize,
    /// Largest difference allowed.
    pub max_skew: i64,
    /// Domains wanted; fewer count as if one were empty. 1 if unset.
    pub min_domains: i64,
    /// Label sets counted, sorted.
    pub labels: Vec<usize>,
    /// Whether the pod itself counts.
    pub counts_itself: bool,
    /// Whether only nodes the pod selects count (the default).
    pub honors_affinity: bool,
    /// Whether only nodes whose taints the pod tolerates count (not the default).
    pub honors_taints: bool,
}

/// What pods of one kind ask of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodShape {
    /// What the scheduler books for a pod.
    pub requests: Amounts,
    /// Label set of the pod, its namespace included.
    pub labels: usize,
    /// Priority.
    pub priority: i64,
    /// Per node class: whether node selector and required node affinity match.
    pub selects: Vec<bool>,
    /// Per node class: whether its NoSchedule and NoExecute taints are tolerated.
    pub tolerates: Vec<bool>,
    /// Whether every taint is tolerated, those of unschedulable and leaving nodes too.
    pub tolerates_all: bool,
    /// Host ports with their protocol, as numbers.
    pub host_ports: Vec<u32>,
    /// Required pod affinity.
    pub affinity: Vec<Term>,
    /// Required pod anti-affinity.
    pub anti_affinity: Vec<Term>,
    /// Topology spread constraints that must hold.
    pub spread: Vec<Spread>,
    /// Keys of constraints that need not hold (`ScheduleAnyway`).
    pub soft_spread_keys: Vec<usize>,
}

/// The kinds of pods that a snapshot knows.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    shapes: Vec<PodShape>,
    /// Per shape: anti-affinity terms of any shape that select it, as (shape, term).
    blockers: Vec<Vec<(usize, usize)>>,
}

impl Shapes {
    /// Shapes, numbered in this order.
    pub fn new(shapes: Vec<PodShape>) -> Self {
        let blockers = shapes
            .iter()
            .map(|pod| {
                let terms = shapes.iter().enumerate().flat_map(|(other, shape)| {
                    shape.anti_affinity.iter().enumerate().map(move |(at, term)| (other, at, term))
                });
                terms
                    .filter(|(_, _, term)| term.labels.binary_search(&pod.labels).is_ok())
                    .map(|(other, at, _)| (other, at))
                    .collect()
            })
            .collect();
        Self { shapes, blockers }
    }

    /// A shape.
    pub fn get(&self, shape: usize) -> &PodShape {
        &self.shapes[shape]
    }

    /// Anti-affinity terms, as (shape, term), of pods that keep this shape away.
    pub fn blockers(&self, shape: usize) -> &[(usize, usize)] {
        &self.blockers[shape]
    }

    /// Whether other pods decide where this shape may go.
    fn depends_on_others(&self, shape: usize) -> bool {
        let pod = &self.shapes[shape];
        !pod.spread.is_empty()
            || !pod.affinity.is_empty()
            || !pod.anti_affinity.is_empty()
            || !self.blockers[shape].is_empty()
    }
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotNode {
    /// What pods may request together.
    pub allocatable: Amounts,
    /// Pods that may run.
    pub pod_slots: i64,
    /// Class of nodes with the same labels and taints, as far as pods ask for them.
    pub class: usize,
    /// Value per topology key after [`HOSTNAME`], small numbers; none if the label is missing.
    pub domains: Vec<Option<u32>>,
    /// Cordoned.
    pub unschedulable: bool,
}

/// A pod on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedPod {
    /// Its shape.
    pub shape: usize,
    /// The caller's number of it.
    pub pod: usize,
    /// Whether it is being deleted: it then does not count in topology spread.
    pub terminating: bool,
}

/// Why a pod does not fit: the first filter that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Cordoned, or leaving the cluster.
    Unschedulable,
    /// A taint.
    Taint,
    /// Node selector or affinity.
    NodeAffinity,
    /// A host port is taken.
    Ports,
    /// Too little left, or too many pods.
    Resources,
    /// The node lacks the key of a spread constraint.
    SpreadKey,
    /// A spread constraint.
    Spread,
    /// Pod affinity.
    PodAffinity,
    /// Pod anti-affinity, the pod's own or that of one that runs.
    PodAntiAffinity,
}

/// A node with what runs on it.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeState {
    pub node: SnapshotNode,
    used: Amounts,
    pods: Vec<PlacedPod>,
    /// Pods by shape, shapes in order of arrival.
    pub tally: Vec<Seen>,
    /// Carries the taint of nodes about to be deleted.
    pub leaving: bool,
    /// Taken out.
    gone: bool,
}

impl NodeState {
    fn count(&mut self, pod: PlacedPod) {
        let at = self.tally.iter().position(|seen| seen.shape == pod.shape);
        let at = at.unwrap_or_else(|| {
            self.tally.push(Seen { shape: pod.shape, all: 0, terminating: 0 });
            self.tally.len() - 1
        });
        self.tally[at].all += 1;
        self.tally[at].terminating += i64::from(pod.terminating);
    }

    fn uncount(&mut self, pod: PlacedPod) {
        if let Some(seen) = self.tally.iter_mut().find(|seen| seen.shape == pod.shape) {
            seen.all -= 1;
            seen.terminating -= i64::from(pod.terminating);
        }
    }
}

/// What was done, so that it can be taken back.
#[derive(Clone, Debug)]
enum Change {
    Added,
    Placed { node: usize },
    Vacated { node: usize, state: Box<NodeState> },
    Removed { node: usize, before: Box<NodeOrder> },
}

/// A place in the history of a snapshot, see [`Snapshot::rollback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

/// The cluster as imagined.
#[derive(Clone, Debug)]
pub struct Snapshot<'s> {
    shapes: &'s Shapes,
    nodes: Vec<NodeState>,
    /// Nodes that are there.
    order: NodeOrder,
    /// Of these, those added since the last mark: upstream lists them behind the others.
    added: NodeOrder,
    /// Changes are tried only, see [`Snapshot::mark`].
    trying: bool,
    search: Search,
    log: Vec<Change>,
    version: u64,
    /// What pods elsewhere mean for a shape, and the version of the snapshot it is true of.
    reach: Option<(usize, u64, Reach)>,
}

impl<'s> Snapshot<'s> {
    /// A cluster without nodes.
    pub fn new(shapes: &'s Shapes) -> Self {
        Self {
            shapes,
            nodes: Vec::new(),
            order: NodeOrder::default(),
            added: NodeOrder::default(),
            trying: false,
            search: Search::new(Stream::new(0, "cluster autoscaler", "node order")),
            log: Vec::new(),
            version: 0,
            reach: None,
        }
    }

    /// The shapes it knows.
    pub fn shapes(&self) -> &'s Shapes {
        self.shapes
    }

    /// From now on the order in which nodes are looked at, which is chance upstream, comes from
    /// this stream.
    pub fn order_nodes_by(&mut self, chance: Stream) {
        self.search.chance = chance;
    }

    /// Adds an empty node; its number.
    pub fn add_node(&mut self, node: SnapshotNode) -> usize {
        let number = self.nodes.len();
        self.nodes.push(NodeState { node, ..NodeState::default() });
        if self.trying {
            self.added.push(number)
        } else {
            self.order.push(number)
        }
        self.changed(Change::Added);
        number
    }

    /// Puts a pod on a node, whether it fits or not.
    pub fn place(&mut self, node: usize, pod: PlacedPod) {
        let requests = self.shapes.get(pod.shape).requests;
        let state = &mut self.nodes[node];
        state.used = state.used.plus(requests);
        state.pods.push(pod);
        state.count(pod);
        let listed = if self.trying { &mut self.added } else { &mut self.order };
        listed.disturb();
        self.changed(Change::Placed { node });
    }

    /// Takes all pods from a node and taints it as leaving: it takes none any more, but its
    /// topology domains stay.
    pub fn vacate(&mut self, node: usize) {
        let ghost = NodeState {
            node: self.nodes[node].node.clone(),
            leaving: true,
            ..NodeState::default()
        };
        let state = std::mem::replace(&mut self.nodes[node], ghost);
        self.changed(Change::Vacated { node, state: Box::new(state) });
    }

    /// Takes a node out, with what is on it.
    pub fn remove_node(&mut self, node: usize) {
        if self.has_node(node) {
            let before = Box::new(self.order.clone());
            self.order.remove(node);
            self.nodes[node].gone = true;
            self.changed(Change::Removed { node, before });
        }
    }

    /// The pods on a node, in order of arrival.
    pub fn pods(&self, node: usize) -> &[PlacedPod] {
        &self.nodes[node].pods
    }

    /// What the pods on a node request together.
    pub fn used(&self, node: usize) -> Amounts {
        self.nodes[node].used
    }

    /// A node.
    pub fn node(&self, node: usize) -> &SnapshotNode {
        &self.nodes[node].node
    }

    /// Nodes that are there, in no order to rely on.
    pub fn nodes(&self) -> impl Iterator<Item = usize> {
        self.order.nodes().iter().chain(self.added.nodes()).copied()
    }

    /// Nodes ever added, those removed included: the next one gets this number.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Whether a node is there.
    pub fn has_node(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|state| !state.gone)
    }

    /// Now, to come back to: what follows is only tried until [`Snapshot::rollback`] or
    /// [`Snapshot::keep`]. Upstream's `Fork`.
    pub fn mark(&mut self) -> Mark {
        self.trying = true;
        Mark(self.log.len())
    }

    /// Keeps what was tried since the mark: upstream's `Commit`.
    pub fn keep(&mut self) {
        self.trying = false;
        let added: Vec<usize> = self.added.nodes().to_vec();
        for node in added {
            self.added.forget(node);
            self.order.push(node);
        }
        self.order.disturb();
    }

    /// Undoes what was done since; where the next search starts is kept, as upstream keeps it.
    pub fn rollback(&mut self, mark: Mark) {
        self.trying = false;
        while self.log.len() > mark.0 {
            match self.log.pop() {
                None => break,
                Some(Change::Added) => {
                    self.nodes.pop();
                    let node = self.nodes.len();
                    let tried = self.added.nodes().contains(&node);
                    if tried { self.added.forget(node) } else { self.order.forget(node) }
                }
                Some(Change::Placed { node }) => {
                    let state = &mut self.nodes[node];
                    if let Some(pod) = state.pods.pop() {
                        state.used = state.used.minus(self.shapes.get(pod.shape).requests);
                        state.uncount(pod);
                    }
                }
                Some(Change::Vacated { node, state }) => self.nodes[node] = *state,
                Some(Change::Removed { node, before }) => {
                    self.nodes[node].gone = false;
                    self.order = *before;
                }
            }
        }
        self.version += 1;
    }

    fn changed(&mut self, change: Change) {
        self.log.push(change);
        self.version += 1;
    }

    /// Whether a pod of a shape may run on a node.
    ///
    /// # Errors
    /// The first filter that says no.
    pub fn fits(&mut self, shape: usize, node: usize) -> Result<(), Misfit> {
        self.fits_alone(shape, node)?;
        if self.shapes.depends_on_others(shape) {
            self.look_around(shape);
            if let Some((_, _, reach)) = &self.reach {
                return reach.admits(self.shapes.get(shape), &self.nodes[node].node, node);
            }
        }
        Ok(())
    }

    /// Tries the nodes that are acceptable, from behind the last one found and around the list:
    /// upstream's `SchedulePodOnAnyNodeMatching` without putting the pod there.
    pub fn find(&mut self, shape: usize, acceptable: impl Fn(usize) -> bool) -> Option<usize> {
        self.order.list(&mut self.search.chance);
        self.added.list(&mut self.search.chance);
        let settled = self.order.len();
        let mut search = self.search.clone();
        let found = search.find(settled + self.added.len(), |position| {
            let node = match position.checked_sub(settled) {
                None => self.order.at(position),
                Some(position) => self.added.at(position),
            };
            (acceptable(node) && self.fits(shape, node).is_ok()).then_some(node)
        });
        self.search = search;
        found
    }

    /// The filters that look at the node only.
    fn fits_alone(&self, shape: usize, node: usize) -> Result<(), Misfit> {
        let pod = self.shapes.get(shape);
        let state = &self.nodes[node];
        if (state.node.unschedulable || state.leaving) && !pod.tolerates_all {
            return Err(Misfit::Unschedulable);
        }
        if !pod.tolerates_all && !pod.tolerates[state.node.class] {
            return Err(Misfit::Taint);
        }
        if !pod.selects[state.node.class] {
            return Err(Misfit::NodeAffinity);
        }
        let takes_port = |seen: &Seen| {
            let ports = &self.shapes.get(seen.shape).host_ports;
            seen.all > 0 && ports.iter().any(|port| pod.host_ports.contains(port))
        };
        if !pod.host_ports.is_empty() && state.tally.iter().any(takes_port) {
            return Err(Misfit::Ports);
        }
        if state.pods.len() as i64 >= state.node.pod_slots
            || !pod.requests.fits_in(state.node.allocatable.minus(state.used))
        {
            return Err(Misfit::Resources);
        }
        Ok(())
    }

    /// Counts the pods that decide where a shape may go, if that is not known already.
    fn look_around(&mut self, shape: usize) {
        if self.reach.as_ref().is_some_and(|(of, at, _)| (*of, *at) == (shape, self.version)) {
            return;
        }
        let nodes = self.nodes().map(|node| (node, &self.nodes[node]));
        let reach = Reach::new(shape, self.shapes, nodes);
        self.reach = Some((shape, self.version, reach));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn shapes() -> Shapes {
        let pod = |labels: usize| PodShape {
            requests: Amounts::new(300, 1 << 20),
            labels,
            selects: vec![true, labels != 2],
            tolerates: vec![true; 2],
            ..PodShape::default()
        };
        let apart = Term { key: HOSTNAME, labels: vec![0, 1] };
        let together = Term { key: 1, labels: vec![0] };
        let spread = Spread {
            key: 1,
            max_skew: 1,
            min_domains: 1,
            labels: vec![2],
            counts_itself: true,
            honors_affinity: true,
            honors_taints: false,
        };
        Shapes::new(vec![
            PodShape { anti_affinity: vec![apart], ..pod(0) },
            PodShape { affinity: vec![together], ..pod(1) },
            PodShape { spread: vec![spread], host_ports: vec![80], ..pod(2) },
        ])
    }

    fn node(zone: u32) -> SnapshotNode {
        SnapshotNode {
            allocatable: Amounts::new(1_000, 1 << 30),
            pod_slots: 5,
            class: zone as usize % 2,
            domains: vec![(zone < 3).then_some(zone)],
            unschedulable: false,
        }
    }

    /// Everything that can be asked of a snapshot.
    fn seen(snapshot: &mut Snapshot<'_>) -> String {
        let mut nodes: Vec<usize> = snapshot.nodes().collect();
        nodes.sort_unstable();
        let mut all = format!("{nodes:?}");
        for number in nodes {
            all += &format!("{:?} {:?}", snapshot.pods(number), snapshot.used(number));
            for shape in 0..3 {
                all += &format!("{:?}", snapshot.fits(shape, number));
            }
        }
        all
    }

    #[test]
    fn pods_that_are_apart_or_together_find_their_nodes() {
        let shapes = shapes();
        let mut snapshot = Snapshot::new(&shapes);
        let (one, other) = (snapshot.add_node(node(0)), snapshot.add_node(node(1)));
        let placed = |shape| PlacedPod { shape, pod: 0, terminating: false };
        assert_eq!(snapshot.fits(1, one), Err(Misfit::PodAffinity), "nobody to be with");
        snapshot.place(one, placed(0));
        assert_eq!(snapshot.fits(0, one), Err(Misfit::PodAntiAffinity));
        assert_eq!(snapshot.fits(1, one), Err(Misfit::PodAntiAffinity), "the other one objects");
        assert_eq!(snapshot.fits(1, other), Err(Misfit::PodAffinity), "another zone");
        assert_eq!(snapshot.fits(0, other), Ok(()));
    }

    proptest! {
        #[test]
        fn a_rollback_leaves_nothing_behind(
            before in prop::collection::vec((0u8..4, 0usize..8, 0usize..3), 0..12),
            after in prop::collection::vec((0u8..4, 0usize..8, 0usize..3), 0..12),
        ) {
            let shapes = shapes();
            let mut snapshot = Snapshot::new(&shapes);
            let act = |snapshot: &mut Snapshot<'_>, acts: &[(u8, usize, usize)]| {
                for (act, which, shape) in acts {
                    let there = snapshot.nodes().nth(which % snapshot.nodes().count().max(1));
                    match (act, there) {
                        (0, Some(node)) => snapshot.vacate(node),
                        (1, Some(node)) => snapshot.remove_node(node),
                        (2, Some(node)) => {
                            let terminating = which % 2 == 0;
                            let shape = *shape;
                            snapshot.place(node, PlacedPod { shape, pod: *which, terminating });
                        }
                        _ => {
                            snapshot.add_node(node(u32::try_from(*which % 4).expect("small")));
                        }
                    }
                }
            };
            act(&mut snapshot, &before);
            let as_it_was = seen(&mut snapshot);
            let mark = snapshot.mark();
            act(&mut snapshot, &after);
            seen(&mut snapshot);
            snapshot.rollback(mark);
            prop_assert_eq!(seen(&mut snapshot), as_it_was);
        }
    }
}
