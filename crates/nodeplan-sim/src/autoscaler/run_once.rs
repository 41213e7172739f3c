//! One loop of the autoscaler (`core/static_autoscaler.go`, `RunOnce`).

use super::cloud::{Action, Cloud};
use super::cluster_state::ClusterState;
use super::deletions::{Deletion, DeletionResult, Deletions};
use super::layout::Layout;
use super::loop_drain::budgets_of_classes;
use super::loop_snapshot::{Hints, Snapshot};
use super::node_order::Search;
use super::options::Options;
use super::pending;
use super::scale_down::{self, Planner};
use super::scale_up::{self, ScaleUpResult, ScaleUpStatus};
use super::template::{Template, TemplateCache, templates};
use super::view::{ClusterView, Instance};
use crate::random::Stream;

/// Times of the last events are this long ago at the start.
const LONG_AGO_MS: i64 = 3_600_000;

/// What the autoscaler carries from loop to loop.
#[derive(Clone, Debug)]
pub struct AutoscalerState {
    /// Groups: readiness, open scale-ups, back-off.
    pub cluster: ClusterState,
    /// Scale-down: unneeded nodes and their clocks.
    pub planner: Planner,
    /// Deletions under way.
    pub deletions: Deletions,
    /// Last loop that made a group grow.
    pub last_scale_up_ms: i64,
    /// Last loop that started to delete nodes.
    pub last_delete_ms: i64,
    /// Last loop in which starting a deletion failed.
    pub last_fail_ms: i64,
    templates: TemplateCache,
    hints: Hints,
    search: Search,
}

impl AutoscalerState {
    /// A fresh autoscaler that starts at a time of the caller's clock.
    #[must_use]
    pub fn new(groups: usize, now_ms: i64) -> Self {
        let long_ago = now_ms.saturating_sub(LONG_AGO_MS);
        AutoscalerState {
            cluster: ClusterState::new(groups),
            planner: Planner::default(),
            deletions: Deletions::default(),
            last_scale_up_ms: long_ago,
            last_delete_ms: long_ago,
            last_fail_ms: long_ago,
            templates: vec![None; groups],
            hints: Hints::default(),
            search: Search::new(Stream::new(0, "cluster autoscaler", "node order")),
        }
    }

    /// From now on the order in which nodes are looked at, which is chance upstream, comes from
    /// this stream.
    pub fn order_nodes_by(&mut self, chance: Stream) {
        self.search.chance = chance;
    }

    /// Whether the last loop ended with what it began with and left nothing to chance: another look
    /// at the same cluster would find the same, unless a clock runs out before.
    #[must_use]
    pub fn steady(&self) -> bool {
        self.planner.steady() && !self.search.asked
    }

    /// The background refresh of the instance cache, due every two minutes.
    pub fn refresh_instances<'a>(&mut self, groups: impl Iterator<Item = &'a [Instance]>) {
        self.cluster.refresh_instances(groups);
    }
}

/// How scale-down ended (`scaledown/status.ScaleDownResult`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleDownResult {
    /// The loop ended before.
    NotTried,
    /// Something happened too recently.
    InCooldown,
    /// No node of a group above its smallest size.
    NoCandidates,
    /// Nothing to delete.
    NoNodeDeleted,
    /// Deletions were started.
    DeleteStarted,
}

/// What a loop did and found.
#[derive(Clone, Debug)]
pub struct LoopOutcome {
    /// In the order in which they happened.
    pub actions: Vec<Action>,
    /// Of the scale-up for pods, if one was tried, and of the pass to the smallest sizes.
    pub scale_ups: Vec<ScaleUpStatus>,
    /// Of scale-down.
    pub scale_down: ScaleDownResult,
    /// Deletions that ended since the last loop.
    pub deletion_results: Vec<(super::view::NodeKey, DeletionResult)>,
    /// The cluster was healthy enough to go on.
    pub healthy: bool,
    /// The group whose size could not be put right, which ended the loop.
    pub failed_fix: Option<usize>,
}

/// One loop: looks at the cluster, grows groups, plans and starts deletions.
///
/// The outside answers are part of the view (`increase_fails`, `delete_fails`); what happens to
/// started deletions later is told with [`Deletions::finish`].
pub fn run_once(
    options: &Options,
    state: &mut AutoscalerState,
    view: &ClusterView<'_>,
) -> LoopOutcome {
    run_with(options, state, view, &Layout::of(options, view))
}

/// The same, where the view's layout is known.
pub fn run_with(
    options: &Options,
    state: &mut AutoscalerState,
    view: &ClusterView<'_>,
    layout: &Layout,
) -> LoopOutcome {
    let mut cloud = Cloud::new(view, options.decrease_target);
    let mut outcome = LoopOutcome {
        actions: Vec::new(),
        scale_ups: Vec::new(),
        scale_down: ScaleDownResult::NotTried,
        deletion_results: Vec::new(),
        healthy: true,
        failed_fix: None,
    };
    state.search.asked = false;
    let mut snapshot = Snapshot::new(view, layout);
    let templates = templates(view, &snapshot, &mut state.templates);
    state.cluster.update(options, view, &mut cloud);
    if put_right(options, state, view, &mut cloud, &mut outcome) {
        let nodes = replace_not_started(state, view, &mut snapshot, &templates);
        act(
            options,
            state,
            &mut cloud,
            &mut outcome,
            Prepared { view, layout, snapshot, templates, nodes },
        );
    } else {
        outcome.scale_ups.push(ScaleUpStatus::of(ScaleUpResult::NotTried));
    }
    outcome.deletion_results = state.deletions.take_results();
    outcome.actions.append(&mut cloud.actions);
    outcome
}

/// Removes machines that never came, checks health, fixes sizes. False ends the loop.
fn put_right(
    options: &Options,
    state: &mut AutoscalerState,
    view: &ClusterView<'_>,
    cloud: &mut Cloud<'_>,
    outcome: &mut LoopOutcome,
) -> bool {
    remove_unregistered(options, &mut state.cluster, view, cloud);
    outcome.healthy = state.cluster.cluster_healthy(options);
    if !outcome.healthy {
        state.planner.clear_unneeded();
        return false;
    }
    let mut removed = false;
    for group in 0..view.groups.len() {
        let failed = state.cluster.failed_machines(group);
        if !failed.is_empty() && cloud.delete(group, failed) {
            state.cluster.invalidate(group);
            removed = true;
        }
    }
    if removed {
        state.cluster.recalculate(&cloud.targets);
    }
    let mut fixed = false;
    for group in 0..view.groups.len() {
        let Some(size) = state.cluster.incorrect(group) else { continue };
        let delta = size.current - size.expected;
        let since = size.first_observed_ms.saturating_add(options.provision_ms);
        if since < view.now_ms && delta < 0 {
            if !cloud.decrease(group, delta) {
                outcome.failed_fix = Some(group);
                return false;
            }
            fixed = true;
        }
    }
    !fixed
}

/// `removeOldUnregisteredNodes`.
fn remove_unregistered(
    options: &Options,
    cluster: &mut ClusterState,
    view: &ClusterView<'_>,
    cloud: &mut Cloud<'_>,
) {
    let mut machines = vec![Vec::new(); view.groups.len()];
    for (group, machine) in cluster.long_unregistered(options, view.now_ms) {
        machines[group].push(machine);
    }
    for (group, mut machines) in machines.into_iter().enumerate() {
        let possible = cloud.targets[group] - view.groups[group].min;
        let Ok(possible) = usize::try_from(possible) else { continue };
        machines.truncate(possible);
        if machines.is_empty() {
            continue;
        }
        let done = cloud.delete(group, machines);
        cluster.invalidate(group);
        if !done {
            return;
        }
    }
}

/// Puts nodes that are to come into the snapshot and takes out the registered ones among them.
/// Gives the nodes that are left.
fn replace_not_started(
    state: &AutoscalerState,
    view: &ClusterView<'_>,
    snapshot: &mut Snapshot<'_>,
    templates: &[Template],
) -> Vec<usize> {
    let mut left_out = Vec::new();
    for (group, template) in templates.iter().enumerate() {
        let upcoming = state.cluster.upcoming(group, view.now_ms);
        for _ in 0..upcoming {
            snapshot.add_upcoming(template.shape, template.room);
        }
        if upcoming > 0 {
            left_out.extend_from_slice(state.cluster.not_started(group));
        }
    }
    for &node in &left_out {
        snapshot.remove_node(node);
    }
    (0..view.nodes.len()).filter(|&node| !left_out.contains(&view.nodes[node].key)).collect()
}

/// The loop's material once the groups are known.
struct Prepared<'a> {
    view: &'a ClusterView<'a>,
    layout: &'a Layout,
    snapshot: Snapshot<'a>,
    templates: Vec<Template>,
    nodes: Vec<usize>,
}

/// Scale-up for pods, scale-down, smallest sizes.
fn act(
    options: &Options,
    state: &mut AutoscalerState,
    cloud: &mut Cloud<'_>,
    outcome: &mut LoopOutcome,
    prepared: Prepared<'_>,
) {
    let Prepared { view, layout, mut snapshot, templates, nodes } = prepared;
    let pods = pending::unschedulable(
        options,
        (view, &layout.waiting),
        &mut snapshot,
        &mut state.hints,
        &mut state.search,
        &state.deletions,
    );
    let ready = view.nodes.iter().filter(|node| node.ready).count();
    let ready = i64::try_from(ready).unwrap_or(i64::MAX);
    let listed = snapshot.order.len();
    let context = scale_up::Context {
        options,
        view,
        templates: &templates,
        nodes: i64::try_from(listed).unwrap_or(i64::MAX),
        listed,
    };
    let full = options.max_nodes_total > 0 && ready >= options.max_nodes_total;
    let wait = !full && pending::all_new(view, &pods);
    if !pods.is_empty() && !full && !wait {
        let status =
            scale_up::for_pods(&context, &mut state.cluster, cloud, &mut state.search, &pods);
        if status.result == ScaleUpResult::Successful {
            state.last_scale_up_ms = view.now_ms;
        }
        outcome.scale_ups.push(status);
    }
    let scale_down = ScaleDown { options, view, layout, nodes: &nodes, forbidden: wait };
    outcome.scale_down = scale_down.run(state, cloud, snapshot);
    if options.enforce_min {
        let status = scale_up::to_min_size(&context, &mut state.cluster, cloud);
        if status.result == ScaleUpResult::Successful {
            state.last_scale_up_ms = view.now_ms;
        }
        outcome.scale_ups.push(status);
    }
}

/// What scale-down looks at.
struct ScaleDown<'a> {
    options: &'a Options,
    view: &'a ClusterView<'a>,
    layout: &'a Layout,
    nodes: &'a [usize],
    /// Pods are so new that the loop waits for more of them.
    forbidden: bool,
}

impl ScaleDown<'_> {
    fn run(
        &self,
        state: &mut AutoscalerState,
        cloud: &mut Cloud<'_>,
        snapshot: Snapshot<'_>,
    ) -> ScaleDownResult {
        let context = scale_down::Context {
            options: self.options,
            view: self.view,
            layout: self.layout,
            deletions: &state.deletions,
            budgets: &budgets_of_classes(self.view),
        };
        let planner = &mut state.planner;
        let candidates = planner.candidates(&context, &snapshot, cloud, self.nodes);
        planner.update(&context, snapshot, &mut state.search, &candidates, self.nodes);
        let result = self.delete(state, cloud, &candidates);
        self.soft_taints(state, cloud);
        result
    }

    /// Starts deletions, unless it is too early for that.
    fn delete(
        &self,
        state: &mut AutoscalerState,
        cloud: &mut Cloud<'_>,
        candidates: &[usize],
    ) -> ScaleDownResult {
        let (options, now) = (self.options, self.view.now_ms);
        let cooling = self.forbidden
            || state.last_scale_up_ms.saturating_add(options.delay_after_add_ms) > now
            || state.last_fail_ms.saturating_add(options.delay_after_failure_ms) > now
            || state.last_delete_ms.saturating_add(options.delay_after_delete_ms) > now;
        if cooling {
            return ScaleDownResult::InCooldown;
        }
        if candidates.is_empty() {
            return ScaleDownResult::NoCandidates;
        }
        let (empty, drain) =
            state.planner.nodes_to_delete(options, self.view, &state.deletions, cloud, candidates);
        let started = self.start(&mut state.deletions, cloud, &empty, &drain);
        if started {
            state.last_delete_ms = now;
            state.cluster.recalculate(&cloud.targets);
            return ScaleDownResult::DeleteStarted;
        }
        ScaleDownResult::NoNodeDeleted
    }

    /// `StartDeletion` within the budgets of parallel deletions (`budgets.go`).
    fn start(
        &self,
        deletions: &mut Deletions,
        cloud: &mut Cloud<'_>,
        empty: &[usize],
        drain: &[usize],
    ) -> bool {
        let (empties, drains) = deletions.totals();
        let budget = (self.options.max_parallel - empties - drains).max(0);
        let budget = usize::try_from(budget).unwrap_or(usize::MAX);
        let empty = &empty[..empty.len().min(budget)];
        let drain_budget = (self.options.max_drain - drains).max(0);
        let drain_budget = usize::try_from(drain_budget).unwrap_or(usize::MAX);
        let drain = &drain[..drain.len().min(drain_budget).min(budget - empty.len())];
        for (nodes, drains) in [(empty, false), (drain, true)] {
            for &node in nodes {
                let it = &self.view.nodes[node];
                let Some(group) = it.group else { continue };
                deletions.start(it.key, Deletion { group, drain: drains });
                cloud.actions.push(Action::StartDeletion { node: it.key, drain: drains });
            }
        }
        !empty.is_empty() || !drain.is_empty()
    }

    /// `UpdateSoftDeletionTaints`: marks unneeded nodes that stay for now, unmarks needed ones. Which
    /// ones, if there are more than allowed at once, is chance upstream.
    fn soft_taints(&self, state: &AutoscalerState, cloud: &mut Cloud<'_>) {
        let mut left = self.options.soft_taints;
        for &node in self.nodes {
            let it = &self.view.nodes[node];
            let wanted = state.planner.unneeded.contains_key(&it.key);
            let going = it.deletion_taint_ms.is_some() || state.deletions.contains(it.key);
            if left == 0 || it.group.is_none() || going || wanted == it.soft_taint {
                continue;
            }
            left -= 1;
            let action = if wanted { Action::SoftTaint } else { Action::SoftUntaint };
            cloud.actions.push(action(it.key));
        }
    }
}
