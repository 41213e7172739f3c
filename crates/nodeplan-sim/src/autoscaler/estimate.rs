//! How many new nodes of a group pending pods need, inside a loop
//! (`estimator/binpacking_estimator.go`).

use super::node_order::{NodeOrder, Search};
use super::placement::{Room, admits};
use super::template::Template;
use super::view::{ClusterView, PodClass};
use crate::pattern_sort;

/// How many nodes an estimation may add (`thresholdBasedEstimationLimiter`).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limit {
    most: Option<i64>,
}

impl Limit {
    /// One threshold: 0 means no limit, below 0 nothing is allowed.
    pub(crate) fn at_most(&mut self, nodes: i64) {
        if nodes != 0 {
            self.most = Some(self.most.map_or(nodes, |most| most.min(nodes)));
        }
    }

    fn allows(self, nodes: usize) -> bool {
        self.most.is_none_or(|most| i64::try_from(nodes).is_ok_and(|nodes| nodes < most))
    }
}

/// A node that the estimation added.
struct NewNode {
    room: Room,
    apps: Vec<(u32, bool)>,
}

/// Nodes needed, and the pods that they hold. The snapshot lists `listed` nodes before new ones.
pub(crate) fn estimate(
    view: &ClusterView<'_>,
    template: Template,
    listed: usize,
    search: &mut Search,
    groups: &[&[usize]],
    limit: Limit,
) -> (i64, Vec<usize>) {
    let shape = &view.shapes[template.shape];
    let class_of = |pod: usize| &view.classes[view.pods[pod].class];
    let mut by_size: Vec<(f64, &[usize])> = groups
        .iter()
        .map(|pods| (score(class_of(pods[0]), shape.cpu_milli, shape.memory_bytes), *pods))
        .collect();
    pattern_sort::sort(&mut by_size, |one, other| one.0 > other.0);
    let mut nodes: Vec<NewNode> = Vec::new();
    let mut order = NodeOrder::default();
    let mut scheduled = Vec::new();
    let fits = |node: &NewNode, class: &PodClass| {
        admits(class, shape)
            && node.room.holds(class, shape)
            && !node
                .apps
                .iter()
                .any(|&(app, repels)| app == class.app && (repels || class.host_anti_affinity))
    };
    let put = |node: &mut NewNode, class: &PodClass| {
        node.room.add(class);
        node.apps.push((class.app, class.host_anti_affinity));
    };
    let mut denied = false;
    for (_, pods) in by_size {
        let mut left = pods.iter().copied().peekable();
        while let Some(&pod) = left.peek() {
            order.list(&mut search.chance);
            let found = search.find(listed + nodes.len(), |position| {
                let node = order.at(position.checked_sub(listed)?);
                fits(&nodes[node], class_of(pod)).then_some(node)
            });
            let Some(node) = found else { break };
            put(&mut nodes[node], class_of(pod));
            order.disturb();
            scheduled.push(pod);
            left.next();
        }
        while let Some(&pod) = left.peek() {
            let class = class_of(pod);
            let on_last = nodes.last_mut().filter(|node| fits(node, class));
            if let Some(node) = on_last {
                put(node, class);
            } else {
                let last_empty = nodes.last().is_some_and(|node| node.apps.is_empty());
                if last_empty || denied {
                    break;
                }
                if !limit.allows(nodes.len()) {
                    denied = true;
                    break;
                }
                order.push(nodes.len());
                nodes.push(NewNode { room: template.room, apps: Vec::new() });
                let Some(node) = nodes.last_mut().filter(|node| fits(node, class)) else { break };
                put(node, class);
            }
            scheduled.push(pod);
            left.next();
        }
    }
    let used = nodes.iter().filter(|node| !node.apps.is_empty()).count();
    (i64::try_from(used).unwrap_or(i64::MAX), scheduled)
}

/// Share of an empty node's CPU plus share of its memory.
#[allow(clippy::cast_precision_loss)] // as upstream converts quantities
fn score(class: &PodClass, cpu: i64, memory: i64) -> f64 {
    let mut score = 0.0;
    if cpu > 0 {
        score += class.cpu_milli as f64 / cpu as f64;
    }
    if memory > 0 {
        score += class.memory_bytes as f64 / memory as f64;
    }
    score
}
