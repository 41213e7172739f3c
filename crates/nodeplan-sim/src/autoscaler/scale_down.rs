//! Scale-down planning: which nodes are not needed, since when, and why others are
//! (`core/scaledown/planner`, `eligibility`, `unneeded`, `unremovable`, `simulator/cluster.go`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::cloud::Cloud;
use super::deletions::Deletions;
use super::drain::Blocking;
use super::layout::Layout;
use super::loop_drain::{is_empty, pods_to_move};
use super::loop_snapshot::{Hints, Snapshot, schedule_pods};
use super::node_order::Search;
use super::options::Options;
use super::removal;
use super::utilization::{self, Ignored, UtilizationNode, UtilizationPod};
use super::view::{ClusterView, NodeKey, Owner};
use crate::pattern_sort;

/// A node counts as being deleted for this long after its taint was put.
const BEING_DELETED_MS: i64 = 5 * 60_000;

/// Why a node is not removed (`simulator.UnremovableReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unremovable {
    /// Annotated against it.
    ScaleDownDisabled,
    /// Not ready, and such nodes are to stay.
    ScaleDownUnreadyDisabled,
    /// In no group of the autoscaler.
    NotAutoscaled,
    /// Not unneeded for long enough.
    NotUnneededLongEnough,
    /// Not unready for long enough.
    NotUnreadyLongEnough,
    /// The group is at its smallest size.
    MinSizeReached,
    /// Its deletion is under way.
    CurrentlyBeingDeleted,
    /// Requests fill too much of it.
    NotUnderutilized,
    /// A recent simulation failed.
    RecentlyUnremovable,
    /// Its pods fit nowhere else.
    NoPlaceToMovePods,
    /// A pod must not move.
    BlockedByPod(Blocking),
    /// Nothing can be said, for example of a node without allocatable CPU.
    UnexpectedError,
}

/// A node that could go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unneeded {
    /// Loop in which it was first found so.
    pub since_ms: i64,
    /// Pods would have to move.
    pub drain: bool,
    /// Budgets do not allow to evict all its pods at once.
    pub risky: bool,
}

/// A node whose removal was tried in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When it is tried again.
    pub recheck_ms: i64,
    /// Why it could not go.
    pub reason: Unremovable,
    /// Class of the pod that was in the way.
    pub class: usize,
}

/// The planner's memory.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    /// Nodes that could go.
    pub unneeded: BTreeMap<NodeKey, Unneeded>,
    /// Why others cannot, as of the last loop that looked.
    pub unremovable: BTreeMap<NodeKey, Unremovable>,
    /// Those of them whose removal was tried in vain of late.
    pub failed: BTreeMap<NodeKey, Failed>,
    hints: Hints,
    last_update_ms: Option<i64>,
    min_interval_ms: Option<i64>,
    previous: BTreeSet<NodeKey>,
    /// The last look left all of this as it found it.
    steady: bool,
}

/// What the planner looks at in a loop.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a Options,
    pub(crate) view: &'a ClusterView<'a>,
    pub(crate) layout: &'a Layout,
    pub(crate) deletions: &'a Deletions,
    /// Budgets that select each pod class.
    pub(crate) budgets: &'a [Vec<usize>],
}

impl Planner {
    /// When the first node that could not be emptied is looked at again.
    #[must_use]
    pub fn next_recheck_ms(&self) -> Option<i64> {
        self.failed.values().map(|failed| failed.recheck_ms).min()
    }

    /// Whether the last look left the planner as it found it, so that another look at the same
    /// cluster would do so too, unless a clock runs out before or chance has a say.
    pub(crate) fn steady(&self) -> bool {
        self.steady
    }

    /// Nodes of groups above their smallest size: empty ones first, then those that were unneeded
    /// before, else in list order (`processors/scaledowncandidates`). Indices of the view.
    pub(crate) fn candidates(
        &self,
        context: &Context<'_>,
        snapshot: &Snapshot<'_>,
        cloud: &Cloud<'_>,
        nodes: &[usize],
    ) -> Vec<usize> {
        let view = context.view;
        let above_min = |&node: &usize| {
            let group = view.nodes[node].group;
            group.is_some_and(|group| cloud.targets[group] > view.groups[group].min)
        };
        let mut ranked: Vec<(bool, bool, usize)> = nodes
            .iter()
            .copied()
            .filter(above_min)
            .map(|node| {
                let pods = &snapshot.nodes[node].pods;
                let empty = is_empty(context.options, view, pods);
                (!empty, !self.previous.contains(&view.nodes[node].key), node)
            })
            .collect();
        pattern_sort::sort(&mut ranked, |one, other| (one.0, one.1) < (other.0, other.1));
        ranked.into_iter().map(|(_, _, node)| node).collect()
    }

    /// `UpdateClusterState`: finds the unneeded nodes anew. The snapshot is used up.
    pub(crate) fn update(
        &mut self,
        context: &Context<'_>,
        mut snapshot: Snapshot<'_>,
        search: &mut Search,
        candidates: &[usize],
        destinations: &[usize],
    ) {
        let (options, view) = (context.options, context.view);
        let now = view.now_ms;
        let (interval, tried) = (self.min_interval_ms, self.failed.len());
        self.note_interval(options, now);
        let going = |node: usize| context.deletions.contains(view.nodes[node].key);
        let mut open = vec![false; view.nodes.len()];
        for &node in destinations {
            open[node] = !going(node);
        }
        self.failed.retain(|&node, it| it.recheck_ms > now && snapshot.find(node).is_some());
        let mut failures = self.failed.len() != tried;
        let mut eligible = Vec::new();
        let mut unremovable = Vec::with_capacity(candidates.len());
        let mut buffer = Vec::new();
        for &node in candidates.iter().filter(|&&node| !going(node)) {
            let key = view.nodes[node].key;
            if let Some(reason) = self.ineligible(context, &snapshot, &mut buffer, node) {
                unremovable.push((key, reason));
            } else {
                eligible.push(node);
            }
        }
        unremovable.sort_unstable_by_key(|&(node, _)| node);
        self.unremovable = unremovable.into_iter().collect();
        let mut allowed: Vec<i64> = view.budgets.iter().map(|budget| budget.allowed).collect();
        let limit = self.limit(options);
        let mut removable = BTreeMap::new();
        for node in eligible {
            if removable.len() >= limit {
                break;
            }
            let key = view.nodes[node].key;
            match self.simulate(context, &mut snapshot, search, node, &open, &allowed) {
                Err((reason, class)) => {
                    self.unremovable.insert(key, reason);
                    let recheck_ms = now.saturating_add(options.recheck_ms);
                    self.failed.insert(key, Failed { recheck_ms, reason, class });
                    failures = true;
                }
                Ok(moved) => {
                    open[node] = false;
                    let risky = consume(context, &moved, &mut allowed);
                    let since_ms = self.unneeded.get(&key).map_or(now, |it| it.since_ms);
                    removable.insert(key, Unneeded { since_ms, drain: !moved.is_empty(), risky });
                }
            }
        }
        let same = self.unneeded == removable && !failures && interval == self.min_interval_ms;
        self.unneeded = removable;
        self.previous = self.unneeded.keys().copied().collect();
        self.steady = self.hints.drop_old() && same;
    }

    /// Forgets all unneeded nodes (`CleanUpUnneededNodes`).
    pub(crate) fn clear_unneeded(&mut self) {
        self.unneeded.clear();
    }

    fn note_interval(&mut self, options: &Options, now: i64) {
        let longest = self.min_interval_ms.unwrap_or(options.unneeded_ms.max(1));
        let interval = self.last_update_ms.map_or(i64::MAX, |last| now.saturating_sub(last));
        self.min_interval_ms = Some(longest.min(interval));
        self.last_update_ms = Some(now);
    }

    /// `unneededNodesLimit`: beyond it further nodes are not looked at.
    fn limit(&self, options: &Options) -> usize {
        let parallel = options.max_parallel.max(0);
        let known = i64::try_from(self.unneeded.len()).unwrap_or(i64::MAX);
        let growing = known.saturating_add(parallel.saturating_mul(2));
        let interval = self.min_interval_ms.unwrap_or(1).max(1);
        let loops = options.unneeded_ms.max(interval) / interval;
        let bound = parallel.saturating_mul(loops).saturating_add(parallel);
        usize::try_from(growing.min(bound)).unwrap_or(usize::MAX)
    }

    /// `FilterOutUnremovable` of one node.
    fn ineligible(
        &self,
        context: &Context<'_>,
        snapshot: &Snapshot<'_>,
        buffer: &mut Vec<UtilizationPod>,
        node: usize,
    ) -> Option<Unremovable> {
        let view = context.view;
        let it = &view.nodes[node];
        if self.failed.contains_key(&it.key) {
            return Some(Unremovable::RecentlyUnremovable);
        }
        let tainted = it.deletion_taint_ms;
        if tainted.is_some_and(|since| view.now_ms.saturating_sub(since) < BEING_DELETED_MS) {
            return Some(Unremovable::CurrentlyBeingDeleted);
        }
        if it.scale_down_disabled {
            return Some(Unremovable::ScaleDownDisabled);
        }
        if it.group.is_none() {
            return Some(Unremovable::NotAutoscaled);
        }
        let used = match (&snapshot.nodes[node].pods, context.layout.nodes[node].used) {
            (Cow::Borrowed(_), Some(used)) => used,
            (pods, _) => utilization(context.options, view, buffer, node, pods),
        };
        match used {
            None => Some(Unremovable::UnexpectedError),
            Some(_) if !it.ready && !context.options.scale_down_unready => {
                Some(Unremovable::ScaleDownUnreadyDisabled)
            }
            Some(used) if used > context.options.utilization_threshold => {
                Some(Unremovable::NotUnderutilized)
            }
            Some(_) => None,
        }
    }

    /// `SimulateNodeRemoval`: the pods that would move, all of which found a place; else why not,
    /// and the class of the pod in the way.
    fn simulate(
        &mut self,
        context: &Context<'_>,
        snapshot: &mut Snapshot<'_>,
        search: &mut Search,
        node: usize,
        open: &[bool],
        allowed: &[i64],
    ) -> Result<Vec<usize>, (Unremovable, usize)> {
        let pods = &snapshot.nodes[node].pods;
        let class = |pod: usize| context.view.pods[pod].class;
        let moved = pods_to_move(context.options, context.view, pods, (context.budgets, allowed))
            .map_err(|(pod, reason)| (Unremovable::BlockedByPod(reason), class(pod)))?;
        let mark = snapshot.fork();
        for &pod in &moved {
            snapshot.unschedule(node, pod);
        }
        let placed =
            schedule_pods(snapshot, &mut self.hints, search, &moved, true, |destination| {
                destination.index.is_some_and(|index| index != node && open[index])
            });
        if let Some(stuck) = placed.iter().position(|placed| !placed) {
            snapshot.revert(mark);
            return Err((Unremovable::NoPlaceToMovePods, class(moved[stuck])));
        }
        snapshot.remove_node(context.view.nodes[node].key);
        Ok(moved)
    }

    /// `NodesToDelete`: nodes that may go now, without and with eviction; the others get their
    /// reason.
    pub(crate) fn nodes_to_delete(
        &mut self,
        options: &Options,
        view: &ClusterView<'_>,
        deletions: &Deletions,
        cloud: &Cloud<'_>,
        order: &[usize],
    ) -> (Vec<usize>, Vec<usize>) {
        let mut sizes = cloud.targets.clone();
        let (mut empty, mut drain, mut risky) = (Vec::new(), Vec::new(), Vec::new());
        for drains in [false, true] {
            for &node in order {
                let key = view.nodes[node].key;
                let Some(it) = self.unneeded.get(&key).copied() else { continue };
                if it.drain != drains {
                    continue;
                }
                let early = too_early(options, view, node, it.since_ms);
                let reason = early.or_else(|| take(view, deletions, &mut sizes, node));
                match reason {
                    Some(reason) => {
                        self.unremovable.insert(key, reason);
                    }
                    None if !drains => empty.push(node),
                    None if it.risky => risky.push(node),
                    None => drain.push(node),
                }
            }
        }
        drain.append(&mut risky);
        (empty, drain)
    }
}

/// Whether a node has not been unneeded for long enough (`unneeded.unremovableReason`).
fn too_early(
    options: &Options,
    view: &ClusterView<'_>,
    node: usize,
    since_ms: i64,
) -> Option<Unremovable> {
    let (wait, reason) = if view.nodes[node].ready {
        (options.unneeded_ms, Unremovable::NotUnneededLongEnough)
    } else {
        (options.unready_ms, Unremovable::NotUnreadyLongEnough)
    };
    (since_ms.saturating_add(wait) >= view.now_ms).then_some(reason)
}

/// Takes a node from its group's size, unless that is as small as allowed (`verifyMinSize`).
fn take(
    view: &ClusterView<'_>,
    deletions: &Deletions,
    sizes: &mut [i64],
    node: usize,
) -> Option<Unremovable> {
    let Some(group) = view.nodes[node].group else { return Some(Unremovable::NotAutoscaled) };
    if sizes[group] - deletions.count(group) <= view.groups[group].min {
        return Some(Unremovable::MinSizeReached);
    }
    sizes[group] -= 1;
    None
}

/// Takes the moved pods out of their budgets; says whether some budget was too small for all.
fn consume(context: &Context<'_>, moved: &[usize], allowed: &mut [i64]) -> bool {
    let budgets = |pod: usize| context.budgets[context.view.pods[pod].class].as_slice();
    let risky = !removal::in_parallel(allowed, moved, budgets);
    removal::consume(allowed, moved, budgets);
    risky
}

/// The node's requests as a share of what it offers; `None` if it cannot be told.
pub(crate) fn utilization(
    options: &Options,
    view: &ClusterView<'_>,
    buffer: &mut Vec<UtilizationPod>,
    node: usize,
    pods: &[usize],
) -> Option<f64> {
    let shape = &view.shapes[view.nodes[node].shape];
    let offered = UtilizationNode {
        cpu_milli: shape.cpu_milli,
        memory_bytes: shape.memory_bytes,
        gpus: None,
    };
    buffer.clear();
    buffer.extend(pods.iter().map(|&pod| {
        let it = &view.pods[pod];
        let class = &view.classes[it.class];
        let deleted_ago = it.deletion_ms.map(|deletion| view.now_ms.saturating_sub(deletion));
        UtilizationPod {
            cpu_milli: class.cpu_milli,
            memory_bytes: class.memory_bytes,
            gpus: 0,
            daemon: matches!(it.owner, Owner::DaemonSet(_)),
            mirror: it.mirror,
            long_terminating: utilization::counts_no_more(deleted_ago, class.grace_ms),
        }
    }));
    let ignored = Ignored { daemons: options.ignore_daemonsets, mirrors: options.ignore_mirror };
    utilization::utilization(&offered, buffer, ignored).map(|used| used.value)
}
