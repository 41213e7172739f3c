//! How many nodes of a group pending pods need (`estimator/binpacking_estimator.go`,
//! `decreasing_pod_orderer.go`, `threshold_based_limiter.go`).

use crate::autoscaler::snapshot::{
    Amounts, HOSTNAME, Misfit, PlacedPod, PodShape, Snapshot, SnapshotNode,
};
use crate::pattern_sort;

/// Pending pods that are alike: upstream's `PodEquivalenceGroup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodGroup {
    /// Their shape.
    pub shape: usize,
    /// How many.
    pub count: usize,
    /// What the containers of one request together, without init containers and overhead:
    /// decides the order.
    pub containers: Amounts,
    /// What the first container of one requests: decides which group takes the fast path.
    pub first_container: Amounts,
}

/// A node as the group would add it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTemplate {
    /// The node.
    pub node: SnapshotNode,
    /// Its capacity.
    pub capacity: Amounts,
    /// Pods that run on each from the start: DaemonSets and mirror pods.
    pub pods: Vec<PlacedPod>,
}

/// What would be added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Nodes with at least one of the pods; real nodes that took one count too.
    pub nodes: usize,
    /// Pods that fit, per group as given: always the first of a group.
    pub scheduled: Vec<usize>,
}

/// Joins limits of nodes to add: the smallest; 0 is none, a negative one allows no node.
pub fn node_limit(limits: impl IntoIterator<Item = i64>) -> i64 {
    limits.into_iter().fold(0, |joined, limit| {
        if joined < 0 || limit < 0 {
            -1
        } else if limit > 0 && (joined == 0 || joined > limit) {
            limit
        } else {
            joined
        }
    })
}

/// Limit by what is left of the cluster's `max-nodes-total`, 0 being no such maximum.
pub fn cluster_limit(max_nodes_total: i64, current_nodes: i64) -> i64 {
    if max_nodes_total <= 0 {
        return max_nodes_total;
    }
    let left = max_nodes_total.saturating_sub(current_nodes);
    if left > 0 { left } else { -1 }
}

/// Limit by the room of a group and of those similar to it: largest minus target size each.
pub fn group_limit(room: impl IntoIterator<Item = i64>) -> i64 {
    room.into_iter().map(|room| room.max(0)).fold(0, i64::saturating_add)
}

/// How many nodes the groups need and which pods then fit. Changes nothing in the snapshot but
/// where its next search starts. Groups that score equal land where Go's sort puts
/// them.
pub fn estimate(
    snapshot: &mut Snapshot<'_>,
    template: &NodeTemplate,
    groups: &[PodGroup],
    node_limit: i64,
    fast_path: bool,
) -> Estimate {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let scores: Vec<f64> = groups
        .iter()
        .map(|group| {
            let request = if group.count == 0 { Amounts::default() } else { group.containers };
            size_score(request, template.node.allocatable)
        })
        .collect();
    pattern_sort::sort(&mut order, |one, other| scores[*one] > scores[*other]);
    let mut fast = None;
    if fast_path {
        let ordered: Vec<PodGroup> = order.iter().map(|group| groups[*group]).collect();
        let shape = |group: &PodGroup| snapshot.shapes().get(group.shape);
        if let Some(best) = fast_path_group(&ordered, shape, template.capacity) {
            let best = order.remove(best);
            order.push(best);
            fast = Some(best);
        }
    }
    let mark = snapshot.mark();
    let mut packing = Packing {
        first_new: snapshot.node_count(),
        snapshot,
        template,
        scheduled: vec![0; groups.len()],
        last: None,
        with_pods: Vec::new(),
        uncounted: 0,
        added: 0,
        node_limit,
    };
    let mut may_add = true;
    for group in order {
        packing.fill_new_nodes(group, &groups[group]);
        if may_add && fast == Some(group) {
            may_add = packing.multiply(group, &groups[group]);
        } else if may_add {
            may_add = packing.add_nodes(group, &groups[group]);
        }
    }
    let nodes = packing.with_pods.iter().filter(|used| **used).count() + packing.uncounted;
    let scheduled = packing.scheduled;
    snapshot.rollback(mark);
    Estimate { nodes, scheduled }
}

/// Upstream's `calculatePodScore`: shares of allocatable CPU and memory.
pub(crate) fn size_score(request: Amounts, allocatable: Amounts) -> f64 {
    let share = |request: i64, allocatable: i64| {
        if allocatable > 0 { request as f64 / allocatable as f64 } else { 0.0 }
    };
    share(request.cpu_milli, allocatable.cpu_milli)
        + share(request.memory_bytes, allocatable.memory_bytes)
}

/// The group, in the estimator's order, for which packing one node and multiplying saves most:
/// upstream's `determineBestPEGToFastpath`. Equal ones: the last.
pub fn fast_path_group<'s>(
    ordered: &[PodGroup],
    shape: impl Fn(&PodGroup) -> &'s PodShape,
    capacity: Amounts,
) -> Option<usize> {
    let mut best = None;
    let mut most_saved = 0;
    for (at, group) in ordered.iter().enumerate() {
        let pod = shape(group);
        let is_spread = !pod.spread.is_empty() || !pod.soft_spread_keys.is_empty();
        let keeps_zones_apart = pod.anti_affinity.iter().any(|term| term.key != HOSTNAME);
        if group.count == 0 || is_spread || keeps_zones_apart {
            continue;
        }
        let pods = i64::try_from(group.count).unwrap_or(i64::MAX);
        let keeps_away = pod
            .anti_affinity
            .iter()
            .any(|term| term.key == HOSTNAME && term.labels.binary_search(&pod.labels).is_ok());
        let by_cpu = ceiling(
            group.count as f64 * cores(group.first_container.cpu_milli) / cores(capacity.cpu_milli),
        );
        let by_memory = ceiling(
            group.count as f64 * group.first_container.memory_bytes as f64
                / capacity.memory_bytes as f64,
        );
        let nodes = by_cpu.max(by_memory).max(if keeps_away { pods } else { 0 });
        let saved = if nodes > 0 { pods - pods / nodes } else { 0 };
        if saved >= most_saved {
            best = Some(at);
            most_saved = saved;
        }
    }
    best
}

/// Milli-cores as cores, the way `Quantity.AsApproximateFloat64` computes them.
fn cores(milli: i64) -> f64 {
    milli as f64 * 1e-3
}

/// Rounded up to an integer, Go's way on amd64: what is no integer becomes the smallest.
fn ceiling(value: f64) -> i64 {
    const TWO_TO_63: f64 = (1u64 << 63) as f64;
    let up = value.ceil();
    if (-TWO_TO_63..TWO_TO_63).contains(&up) { up as i64 } else { i64::MIN }
}

/// An estimation under way.
struct Packing<'e, 's> {
    snapshot: &'e mut Snapshot<'s>,
    template: &'e NodeTemplate,
    /// Nodes from this number on are new.
    first_new: usize,
    /// The newest node.
    last: Option<usize>,
    /// By node number: whether it took one of the pods.
    with_pods: Vec<bool>,
    /// Nodes of the fast path, which are in no snapshot.
    uncounted: usize,
    scheduled: Vec<usize>,
    added: i64,
    node_limit: i64,
}

impl Packing<'_, '_> {
    /// Puts a pod on a node.
    fn take(&mut self, group: usize, shape: usize, node: usize) {
        self.snapshot.place(node, PlacedPod { shape, pod: group, terminating: false });
        if node >= self.with_pods.len() {
            self.with_pods.resize(node + 1, false);
        }
        self.with_pods[node] = true;
        self.scheduled[group] += 1;
    }

    fn left(&self, group: usize, pods: &PodGroup) -> usize {
        pods.count - self.scheduled[group]
    }

    /// Fills nodes made for earlier groups, until one pod does not fit.
    fn fill_new_nodes(&mut self, group: usize, pods: &PodGroup) {
        let first_new = self.first_new;
        while self.left(group, pods) > 0 {
            let Some(node) = self.snapshot.find(pods.shape, |node| node >= first_new) else {
                break;
            };
            self.take(group, pods.shape, node);
        }
    }

    /// Adds nodes one by one, looking only at the newest; false if the limit stopped it.
    fn add_nodes(&mut self, group: usize, pods: &PodGroup) -> bool {
        while self.left(group, pods) > 0 {
            if let Some(last) = self.last {
                if self.take_on_last(group, pods, last) {
                    continue;
                }
                if self.with_pods.get(last) != Some(&true) {
                    return true;
                }
            }
            if !self.may_add() {
                return false;
            }
            let node = self.add_node();
            if self.snapshot.fits(pods.shape, node).is_err() {
                return true;
            }
            self.take(group, pods.shape, node);
        }
        true
    }

    /// Puts a pod on the newest node or, where only spreading over hosts is in the way, on any
    /// other; false if it fits nowhere.
    fn take_on_last(&mut self, group: usize, pods: &PodGroup, last: usize) -> bool {
        let misfit = self.snapshot.fits(pods.shape, last);
        if misfit.is_ok() {
            self.take(group, pods.shape, last);
            return true;
        }
        let pod = self.snapshot.shapes().get(pods.shape);
        let spreads_over_hosts = pod.spread.iter().any(|spread| spread.key == HOSTNAME)
            || pod.soft_spread_keys.contains(&HOSTNAME);
        if misfit != Err(Misfit::Spread) || !spreads_over_hosts {
            return false;
        }
        match self.snapshot.find(pods.shape, |node| node != last) {
            Some(node) => {
                self.take(group, pods.shape, node);
                true
            }
            None => false,
        }
    }

    /// Packs one new node and takes as many more as that suggests; false if the limit stopped it.
    fn multiply(&mut self, group: usize, pods: &PodGroup) -> bool {
        let waiting = self.left(group, pods);
        if waiting == 0 {
            return true;
        }
        if !self.may_add() {
            return false;
        }
        let node = self.add_node();
        let before = self.scheduled[group];
        while self.left(group, pods) > 0 && self.snapshot.fits(pods.shape, node).is_ok() {
            self.take(group, pods.shape, node);
        }
        let per_node = self.scheduled[group] - before;
        if per_node == 0 {
            return true;
        }
        for _ in 1..waiting.div_ceil(per_node) {
            if !self.may_add() {
                return false;
            }
            self.scheduled[group] += per_node.min(self.left(group, pods));
            self.uncounted += 1;
        }
        true
    }

    /// Whether one more node may be added; the answer yes uses it up.
    fn may_add(&mut self) -> bool {
        if self.node_limit < 0 || self.node_limit > 0 && self.added >= self.node_limit {
            return false;
        }
        self.added += 1;
        true
    }

    fn add_node(&mut self) -> usize {
        let node = self.snapshot.add_node(self.template.node.clone());
        for pod in &self.template.pods {
            self.snapshot.place(node, *pod);
        }
        self.last = Some(node);
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autoscaler::snapshot::Shapes;

    #[test]
    fn limits_join_to_the_smallest() {
        for (limits, joined) in [
            (vec![], 0),
            (vec![0, 1000], 1000),
            (vec![1000, 7, 0], 7),
            (vec![1000, -1, 7], -1),
            (vec![cluster_limit(10, 8), group_limit([3, -2])], 2),
            (vec![cluster_limit(10, 10)], -1),
            (vec![cluster_limit(0, 10), group_limit([-2])], 0),
        ] {
            assert_eq!(node_limit(limits.clone()), joined, "{limits:?}");
        }
    }

    #[test]
    fn odd_capacities_make_no_panic() {
        let pod = PodShape { selects: vec![true], tolerates: vec![true], ..PodShape::default() };
        let shapes = Shapes::new(vec![pod]);
        let group = |cpu_milli| PodGroup {
            shape: 0,
            count: 3,
            containers: Amounts::new(cpu_milli, 0),
            first_container: Amounts::new(cpu_milli, 0),
        };
        let node = SnapshotNode { pod_slots: 2, ..SnapshotNode::default() };
        let template = NodeTemplate { node, capacity: Amounts::default(), pods: Vec::new() };
        for cpu_milli in [0, 1, i64::MAX] {
            for fast_path in [false, true] {
                let mut snapshot = Snapshot::new(&shapes);
                let groups = [group(cpu_milli), group(0)];
                let ours = estimate(&mut snapshot, &template, &groups, 0, fast_path);
                assert_eq!((ours.nodes, ours.scheduled), (3, vec![3, 3]), "{cpu_milli}");
                assert_eq!(snapshot.nodes().count(), 0, "the snapshot is as before");
            }
        }
    }
}
