//! How many new nodes of a group pending pods need, inside a loop
//! (`estimator/binpacking_estimator.go`).

use super::estimator::size_score;
use super::loop_snapshot::{Room, admits};
use super::node_order::{NodeOrder, Search};
use super::snapshot::Amounts;
use super::template::Template;
use super::view::{ClusterView, NodeShape, PodClass};
use crate::pattern_sort;

/// A node that the estimation added.
struct NewNode {
    room: Room,
    /// Label of each pod, and whether it wants no other of it on its host.
    apps: Vec<(u32, bool)>,
    /// One of them does.
    repels: bool,
}

impl NewNode {
    fn holds(&self, class: &PodClass, shape: &NodeShape) -> bool {
        admits(class, shape)
            && self.room.holds(class, shape)
            && !((class.host_anti_affinity || self.repels) && self.refuses(class))
    }

    fn refuses(&self, class: &PodClass) -> bool {
        let mut same = self.apps.iter().filter(|(app, _)| *app == class.app);
        same.any(|&(_, repels)| repels || class.host_anti_affinity)
    }

    fn put(&mut self, class: &PodClass) {
        self.room.add(class);
        self.apps.push((class.app, class.host_anti_affinity));
        self.repels |= class.host_anti_affinity;
    }
}

/// Nodes needed, and the pods that they hold. The snapshot lists `listed` nodes before new ones.
pub(crate) fn estimate(
    view: &ClusterView<'_>,
    template: Template,
    listed: usize,
    search: &mut Search,
    groups: &[&[usize]],
    node_limit: i64,
) -> (i64, Vec<usize>) {
    let shape = &view.shapes[template.shape];
    let class_of = |pod: usize| &view.classes[view.pods[pod].class];
    let request = |class: &PodClass| Amounts::new(class.cpu_milli, class.memory_bytes);
    let allocatable = Amounts::new(shape.cpu_milli, shape.memory_bytes);
    let mut by_size: Vec<(f64, &[usize])> = groups
        .iter()
        .map(|pods| (size_score(request(class_of(pods[0])), allocatable), *pods))
        .collect();
    pattern_sort::sort(&mut by_size, |one, other| one.0 > other.0);
    let mut nodes: Vec<NewNode> = Vec::new();
    let mut order = NodeOrder::default();
    let mut scheduled = Vec::new();
    let mut denied = false;
    for (_, pods) in by_size {
        let mut left = pods.iter().copied().peekable();
        while let Some(&pod) = left.peek() {
            order.list(&mut search.chance);
            let found = search.find(listed + nodes.len(), |position| {
                let node = order.at(position.checked_sub(listed)?);
                nodes[node].holds(class_of(pod), shape).then_some(node)
            });
            let Some(node) = found else { break };
            nodes[node].put(class_of(pod));
            order.disturb();
            scheduled.push(pod);
            left.next();
        }
        while let Some(&pod) = left.peek() {
            let class = class_of(pod);
            let on_last = nodes.last_mut().filter(|node| node.holds(class, shape));
            if let Some(node) = on_last {
                node.put(class);
            } else {
                let last_empty = nodes.last().is_some_and(|node| node.apps.is_empty());
                if last_empty || denied {
                    break;
                }
                if node_limit != 0
                    && i64::try_from(nodes.len()).is_ok_and(|nodes| nodes >= node_limit)
                {
                    denied = true;
                    break;
                }
                order.push(nodes.len());
                nodes.push(NewNode { room: template.room, apps: Vec::new(), repels: false });
                let Some(node) = nodes.last_mut().filter(|node| node.holds(class, shape)) else {
                    break;
                };
                node.put(class);
            }
            order.disturb();
            scheduled.push(pod);
            left.next();
        }
    }
    let used = nodes.iter().filter(|node| !node.apps.is_empty()).count();
    (i64::try_from(used).unwrap_or(i64::MAX), scheduled)
}
