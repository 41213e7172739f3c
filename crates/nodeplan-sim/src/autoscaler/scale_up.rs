//! Scale-up: which group grows by how much (`core/scaleup/orchestrator`, `core/scaleup/equivalence`).

use super::balance::{self, GroupSize, Resource, Tolerances};
use super::cloud::{Cloud, Need};
use super::cluster_state::ClusterState;
use super::estimator::{cluster_limit, group_limit, node_limit};
use super::expander::{ScaleUpOption, Setting, best_options};
use super::loop_estimate::estimate;
use super::loop_snapshot::{Room, admits};
use super::node_order::Search;
use super::options::Options;
use super::template::Template;
use super::view::{ClusterView, Owner};

/// Most pod groups of one controller; further pods are groups of their own.
const MAX_GROUPS_PER_OWNER: usize = 10;

/// How a scale-up ended (`status.ScaleUpResult`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleUpResult {
    /// A group grew.
    Successful,
    /// The cloud refused, or a limit did.
    Error,
    /// No group can help.
    NoOptions,
    /// Nothing to do.
    NotNeeded,
    /// The loop ended before.
    NotTried,
    /// Pods are very new: more may follow.
    InCooldown,
}

/// Why a group was not considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// Backs off after a failure.
    Backoff,
    /// Lacks too many nodes.
    NotReady,
    /// At its largest size.
    MaxSize,
}

/// What a scale-up did (`status.ScaleUpStatus`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScaleUpStatus {
    /// The outcome.
    pub result: ScaleUpResult,
    /// Groups that grew, with their new target.
    pub new_sizes: Vec<(usize, i64)>,
    /// Pods that the chosen option helps: indices into `ClusterView::pods`.
    pub triggered: Vec<usize>,
    /// Pods that no considered group can hold.
    pub remaining: Vec<usize>,
    /// Pods that another group than the chosen one could hold.
    pub awaiting: Vec<usize>,
    /// Groups that were not considered.
    pub skipped: Vec<(usize, Skipped)>,
}

impl ScaleUpStatus {
    /// A status without pods or groups.
    #[must_use]
    pub fn of(result: ScaleUpResult) -> Self {
        ScaleUpStatus {
            result,
            new_sizes: Vec::new(),
            triggered: Vec::new(),
            remaining: Vec::new(),
            awaiting: Vec::new(),
            skipped: Vec::new(),
        }
    }
}

/// What both kinds of scale-up look at.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a Options,
    pub(crate) view: &'a ClusterView<'a>,
    pub(crate) templates: &'a [Template],
    /// Nodes that count against `max-nodes-total`: registered ones and those to come.
    pub(crate) nodes: i64,
    /// Nodes in the snapshot, before new ones.
    pub(crate) listed: usize,
}

/// Pods that are alike, and the groups whose empty node holds one.
struct PodGroup {
    /// Controller they share; `None` for a pod of its own.
    owner: Option<(u8, u32)>,
    class: usize,
    pods: Vec<usize>,
    fits: Vec<bool>,
    rejected: Vec<bool>,
}

/// `BuildPodGroups`, in the order in which their first pods come.
fn pod_groups(view: &ClusterView<'_>, pods: &[usize]) -> Vec<PodGroup> {
    let mut groups: Vec<PodGroup> = Vec::new();
    for &pod in pods {
        let it = &view.pods[pod];
        let owner = it.owner.controller().filter(|_| !matches!(it.owner, Owner::DaemonSet(_)));
        let mut of_owner = 0;
        let same = groups.iter_mut().find(|group| {
            let mine = owner.is_some() && group.owner == owner;
            of_owner += usize::from(mine);
            mine && group.class == it.class
        });
        if let Some(group) = same {
            group.pods.push(pod);
            continue;
        }
        groups.push(PodGroup {
            owner: owner.filter(|_| of_owner < MAX_GROUPS_PER_OWNER),
            class: it.class,
            pods: vec![pod],
            fits: vec![false; view.groups.len()],
            rejected: vec![false; view.groups.len()],
        });
    }
    groups
}

/// `ScaleUpOrchestrator.ScaleUp` for pods that no node can hold.
pub(crate) fn for_pods(
    context: &Context<'_>,
    state: &mut ClusterState,
    cloud: &mut Cloud<'_>,
    search: &mut Search,
    pods: &[usize],
) -> ScaleUpStatus {
    let view = context.view;
    let mut groups = pod_groups(view, pods);
    let (valid, skipped) = valid_groups(context, state, cloud);
    for &group in &valid {
        let template = context.templates[group];
        let shape = &view.shapes[template.shape];
        for pod_group in &mut groups {
            let class = &view.classes[pod_group.class];
            let fits = admits(class, shape) && template.room.holds(class, shape);
            pod_group.fits[group] |= fits;
            pod_group.rejected[group] |= !fits;
        }
    }
    let mut choices: Vec<(ScaleUpOption, Vec<usize>)> = Vec::new();
    for &group in &valid {
        let (node_count, helped) = expand(context, state, cloud, search, &groups, group);
        if node_count > 0 && !helped.is_empty() {
            choices.push((option_of(context, group, node_count, &helped), helped));
        }
    }
    let mut status = ScaleUpStatus::of(ScaleUpResult::NoOptions);
    status.skipped = skipped;
    status.remaining = unheld(&groups, None);
    let options: Vec<ScaleUpOption> = choices.iter().map(|(option, _)| *option).collect();
    let setting = Setting { has_priorities: context.options.has_priorities, ..Setting::default() };
    let best = best_options(&context.options.expanders, &options, &setting);
    let nth = match &mut state.draw {
        Some(draw) if best.len() > 1 => draw.below(best.len() as u32) as usize,
        _ => 0,
    };
    let Some(best) = best.get(nth) else { return status };
    let chosen = best.group;
    let helped = choices.into_iter().find(|(option, _)| option.group == chosen);
    status.triggered = helped.map(|(_, pods)| pods).unwrap_or_default();
    let new_nodes = capped(context.options, best.node_count, context.nodes);
    let growths = new_nodes.map(|new| spread(context, state, cloud, &groups, chosen, new));
    let Some(growths) = growths else {
        status.result = ScaleUpResult::Error;
        return status;
    };
    if let Err(failed) = execute(context, state, cloud, Need::Pods, &growths) {
        status.result = ScaleUpResult::Error;
        status.remaining = unheld(&groups, Some(failed));
        return status;
    }
    status.result = ScaleUpResult::Successful;
    status.new_sizes = growths.iter().map(|&(group, _, size)| (group, size)).collect();
    let waits = |group: &&PodGroup| group.fits.contains(&true) && group.rejected[chosen];
    status.awaiting = groups.iter().filter(waits).flat_map(|it| it.pods.clone()).collect();
    status
}

/// Pods that no group can hold, but for one that just failed.
fn unheld(groups: &[PodGroup], failed: Option<usize>) -> Vec<usize> {
    let held = |it: &PodGroup| {
        it.fits.iter().enumerate().any(|(group, &fits)| fits && Some(group) != failed)
    };
    groups.iter().filter(|it| !held(it)).flat_map(|it| it.pods.clone()).collect()
}

/// `filterValidScaleUpNodeGroups`.
fn valid_groups(
    context: &Context<'_>,
    state: &ClusterState,
    cloud: &Cloud<'_>,
) -> (Vec<usize>, Vec<(usize, Skipped)>) {
    let (mut valid, mut skipped) = (Vec::new(), Vec::new());
    for (group, it) in context.view.groups.iter().enumerate() {
        if !state.group_healthy(group, context.options) {
            skipped.push((group, Skipped::NotReady));
        } else if state.backed_off(group, context.view.now_ms) {
            skipped.push((group, Skipped::Backoff));
        } else if cloud.targets[group] >= it.max {
            skipped.push((group, Skipped::MaxSize));
        } else {
            valid.push(group);
        }
    }
    (valid, skipped)
}

/// `ComputeExpansionOption`: nodes of a group that the pods need, and the pods they hold.
fn expand(
    context: &Context<'_>,
    state: &ClusterState,
    cloud: &Cloud<'_>,
    search: &mut Search,
    groups: &[PodGroup],
    group: usize,
) -> (i64, Vec<usize>) {
    let view = context.view;
    let fitting: Vec<&[usize]> =
        groups.iter().filter(|it| it.fits[group]).map(|it| it.pods.as_slice()).collect();
    if fitting.is_empty() {
        return (0, Vec::new());
    }
    let room = |group: usize| view.groups[group].max - cloud.targets[group];
    let similar = similar_groups(context, state, groups, group);
    let limit = node_limit([
        context.options.max_nodes_per_scaleup,
        group_limit(similar.into_iter().chain([group]).map(room)),
        cluster_limit(context.options.max_nodes_total, context.nodes),
    ]);
    estimate(view, context.templates[group], context.listed, search, &fitting, limit)
}

fn option_of(
    context: &Context<'_>,
    group: usize,
    node_count: i64,
    pods: &[usize],
) -> ScaleUpOption {
    let view = context.view;
    let shape = &view.shapes[context.templates[group].shape];
    let classes = pods.iter().map(|&pod| &view.classes[view.pods[pod].class]);
    let (cpu, memory) = classes.fold((0_i64, 0_i64), |(cpu, memory), class| {
        (cpu.saturating_add(class.cpu_milli), memory.saturating_add(class.memory_bytes))
    });
    ScaleUpOption {
        group,
        node_count,
        node_cpu_milli: shape.capacity_cpu_milli,
        node_memory_bytes: shape.capacity_memory_bytes,
        pod_count: pods.len(),
        pods_cpu_milli: cpu,
        pods_memory_bytes: memory,
        node_price: None,
        pods_price: None,
        gpu: false,
        exists: true,
        priority: view.groups[group].priority,
    }
}

/// `ComputeSimilarNodeGroups`: others that look alike, may grow and hold the same pods.
fn similar_groups(
    context: &Context<'_>,
    state: &ClusterState,
    groups: &[PodGroup],
    group: usize,
) -> Vec<usize> {
    if !context.options.balance_similar {
        return Vec::new();
    }
    let mine = comparable(context, group);
    let others = (0..context.view.groups.len()).filter(|&other| {
        other != group
            && balance::similar(&mine, &comparable(context, other), &Tolerances::default())
            && state.safe_to_grow(other, context.options, context.view.now_ms)
            && groups.iter().all(|it| !it.fits[group] || it.fits[other])
    });
    others.collect()
}

/// A group's template as the comparison of groups sees it.
fn comparable(context: &Context<'_>, group: usize) -> balance::Template {
    let template = context.templates[group];
    let shape = &context.view.shapes[template.shape];
    let amounts = |cpu: i64, memory: i64, pods: i64| {
        vec![
            (Resource::Cpu, cpu),
            (Resource::Memory, memory.saturating_mul(1000)),
            (Resource::Pods, pods.saturating_mul(1000)),
        ]
    };
    let Room { cpu, memory, count: _ } = template.room;
    let own = context.options.provider_labels_differ && template.from_node;
    balance::Template {
        capacity: amounts(shape.capacity_cpu_milli, shape.capacity_memory_bytes, shape.pods),
        allocatable: amounts(shape.cpu_milli, shape.memory_bytes, shape.pods),
        free: amounts(shape.cpu_milli - cpu, shape.memory_bytes - memory, shape.pods),
        labels: vec![(shape.label_class.to_string(), own.to_string())],
        agent_pool: String::new(),
    }
}

/// `GetCappedNewNodeCount`.
fn capped(options: &Options, new_nodes: i64, nodes: i64) -> Option<i64> {
    let max = options.max_nodes_total;
    if max <= 0 || new_nodes.saturating_add(nodes) <= max {
        return Some(new_nodes);
    }
    Some(max - nodes).filter(|&left| left >= 1)
}

/// `balanceScaleUps`: group, size before and after.
fn spread(
    context: &Context<'_>,
    state: &ClusterState,
    cloud: &Cloud<'_>,
    groups: &[PodGroup],
    chosen: usize,
    new_nodes: i64,
) -> Vec<(usize, i64, i64)> {
    let mut among = vec![chosen];
    among.extend(similar_groups(context, state, groups, chosen));
    let sizes: Vec<GroupSize> = among
        .iter()
        .map(|&it| GroupSize { current: cloud.targets[it], max: context.view.groups[it].max })
        .collect();
    let growths = balance::balance(&sizes, new_nodes);
    growths.iter().map(|growth| (among[growth.group], growth.current, growth.size)).collect()
}

/// `ExecuteScaleUps`: stops at the first refusal, which backs its group off and is the error.
fn execute(
    context: &Context<'_>,
    state: &mut ClusterState,
    cloud: &mut Cloud<'_>,
    need: Need,
    growths: &[(usize, i64, i64)],
) -> Result<(), usize> {
    let now = context.view.now_ms;
    for &(group, current, size) in growths {
        if !cloud.increase(group, size - current, need) {
            state.backoff.fail(group, now, context.options);
            return Err(group);
        }
        state.register(group, size - current, now, context.options);
    }
    state.recalculate(&cloud.targets);
    Ok(())
}

/// `ScaleUpToNodeGroupMinSize`.
pub(crate) fn to_min_size(
    context: &Context<'_>,
    state: &mut ClusterState,
    cloud: &mut Cloud<'_>,
) -> ScaleUpStatus {
    let mut growths = Vec::new();
    for (group, it) in context.view.groups.iter().enumerate() {
        let target = cloud.targets[group];
        let safe = state.safe_to_grow(group, context.options, context.view.now_ms);
        if target < it.min
            && safe
            && let Some(delta) = capped(context.options, it.min - target, target)
        {
            growths.push((group, target, target + delta));
        }
    }
    if growths.is_empty() {
        return ScaleUpStatus::of(ScaleUpResult::NotNeeded);
    }
    if execute(context, state, cloud, Need::MinSize, &growths).is_err() {
        return ScaleUpStatus::of(ScaleUpResult::Error);
    }
    let mut status = ScaleUpStatus::of(ScaleUpResult::Successful);
    status.new_sizes = growths.iter().map(|&(group, _, size)| (group, size)).collect();
    status
}
