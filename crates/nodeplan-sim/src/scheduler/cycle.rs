//! One scheduling cycle (`schedule_one.go` `schedulePod`).

use super::cluster::Cluster;
use super::filter::{filter_promised, is_plain, plain_fits};
use super::nodes::NodeId;
use super::reason::{Plugin, Rejection, Why};
use super::score::{Scores, score};
use super::template::TemplateId;
use super::volumes::VolumeId;

/// A pod to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Pending<'a> {
    /// What it is.
    pub template: TemplateId,
    /// The caller's name for it, by which nominations know it.
    pub tag: u64,
    /// The only node it may go to: required affinity to a node's name, as `DaemonSet` pods have
    /// it. Kept out of the template so that these pods can share one.
    pub pinned: Option<NodeId>,
    /// Its volumes. Kept out of the template as every pod of a `StatefulSet` has its own.
    pub volumes: &'a [VolumeId],
    /// The node preemption nominated for it.
    pub nominated: Option<NodeId>,
}

impl Pending<'_> {
    /// A pod without pin, volumes and nomination.
    #[must_use]
    pub fn of(template: TemplateId, tag: u64) -> Self {
        Self { template, tag, pinned: None, volumes: &[], nominated: None }
    }
}

/// What a cycle leaves: where the next one starts, and what this one saw. Carried from cycle to
/// cycle, so that its memory is used again.
#[derive(Clone, Debug, Default)]
pub struct Cycle {
    /// Place in the order of nodes at which the next search starts.
    pub next_start: usize,
    /// Nodes that passed, in the order met.
    pub feasible: Vec<NodeId>,
    /// Nodes that did not, with the reason.
    pub rejected: Vec<(NodeId, Rejection)>,
    /// Nodes with the top score, in the order met. Upstream picks one of them at random.
    pub best: Vec<NodeId>,
    /// Scores of `feasible`; of an earlier cycle if this one did not score.
    pub scores: Scores,
}

/// How a cycle ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// One of `best` takes the pod. The top score, unless there was no choice.
    Placed(Option<i64>),
    /// No node takes the pod.
    Unschedulable,
}

/// How many feasible nodes a search among `nodes` wants (`numFeasibleNodesToFind`).
#[must_use]
pub fn wanted_feasible(nodes: usize) -> usize {
    if nodes < 100 {
        return nodes;
    }
    let percent = 50_usize.saturating_sub(nodes / 125).max(5);
    (nodes * percent / 100).max(100)
}

/// Searches a node for a pod; the caller picks one of `cycle.best` and binds.
///
/// Mirrors one worker: the search ends at the first feasible node beyond those wanted, and that
/// node is not used.
pub fn schedule_one(cluster: &Cluster, pod: &Pending<'_>, cycle: &mut Cycle) -> Outcome {
    cycle.feasible.clear();
    cycle.rejected.clear();
    cycle.best.clear();
    let promised = pod.nominated.map(|node| (node, filter_pinned(cluster, pod, node)));
    match promised {
        Some((node, Ok(()))) => cycle.feasible.push(node),
        Some((node, Err(rejection))) => search(cluster, pod, Some((node, rejection)), cycle),
        None => search(cluster, pod, None, cycle),
    }
    match cycle.feasible.as_slice() {
        [] => Outcome::Unschedulable,
        [only] => {
            cycle.best.push(*only);
            Outcome::Placed(None)
        }
        _ => {
            score(cluster, pod.template, &cycle.feasible, &mut cycle.scores);
            let totals = cycle.scores.totals();
            let top = totals.iter().copied().max().expect("two nodes and more are feasible");
            let tied = cycle.feasible.iter().zip(totals).filter(|(_, total)| **total == top);
            cycle.best.extend(tied.map(|(node, _)| *node));
            Outcome::Placed(Some(top))
        }
    }
}

/// Whether a node would take a pod without pin and nomination.
#[must_use]
pub fn takes(cluster: &Cluster, pod: &Pending<'_>, node: NodeId) -> bool {
    filter_promised(cluster, pod, node, None).is_ok()
}

fn filter_pinned(cluster: &Cluster, pod: &Pending<'_>, node: NodeId) -> Result<(), Rejection> {
    if pod.pinned.is_some_and(|pinned| pinned != node) {
        let (plugin, why) = (Plugin::NodeAffinity, Why::AFFINITY);
        return Err(Rejection { plugin, why, resolvable: false });
    }
    filter_promised(cluster, pod, node, None)
}

/// `findNodesThatPassFilters`, and where the next search starts. `missed` is the nominated node
/// that refused the pod: it counts as seen even if the search ends before it.
fn search(
    cluster: &Cluster,
    pod: &Pending<'_>,
    missed: Option<(NodeId, Rejection)>,
    cycle: &mut Cycle,
) {
    let order = cluster.order();
    if order.is_empty() {
        return;
    }
    let start = cycle.next_start % order.len();
    if let Some(pinned) = pod.pinned {
        match filter_promised(cluster, pod, pinned, None) {
            Ok(()) => cycle.feasible.push(pinned),
            Err(rejection) => cycle.rejected.push((pinned, rejection)),
        }
        cycle.next_start = (start + 1) % order.len();
        if cycle.feasible.is_empty() {
            let (plugin, why) = (Plugin::NodeAffinity, Why::PINNED);
            let rejection = Rejection { plugin, why, resolvable: false };
            let others = order.iter().filter(|node| **node != pinned);
            cycle.rejected.extend(others.map(|node| (*node, rejection)));
        }
        return;
    }
    let wanted = wanted_feasible(order.len());
    let template = cluster.registered(pod.template);
    let plain = is_plain(cluster, pod);
    for node in order[start..].iter().chain(&order[..start]) {
        if plain && plain_fits(cluster, template, *node) {
            if cycle.feasible.len() == wanted {
                break;
            }
            cycle.feasible.push(*node);
            continue;
        }
        match filter_promised(cluster, pod, *node, None) {
            Err(rejection) => cycle.rejected.push((*node, rejection)),
            Ok(()) if cycle.feasible.len() == wanted => break,
            Ok(()) => cycle.feasible.push(*node),
        }
    }
    if let Some(missed) = missed.filter(|missed| !cycle.rejected.contains(missed)) {
        cycle.rejected.push(missed);
    }
    let seen = cycle.feasible.len() + cycle.rejected.len();
    cycle.next_start = (start + seen) % order.len();
}
