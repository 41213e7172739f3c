//! The set `ca_loop`: sequences of loops of the whole autoscaler.
//!
//! Open loop: what a step did (machines made, nodes tainted, deletions ended) is taken from the
//! record for the next step, so that every step is asked on its own, with our memory of all steps
//! before. The first step that differs ends a sequence.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Error;

use super::Verdict;
use crate::sim::autoscaler::cloud::Action;
use crate::sim::autoscaler::deletions::DeletionResult;
use crate::sim::autoscaler::options::Options;
use crate::sim::autoscaler::run_once::{AutoscalerState, LoopOutcome, ScaleDownResult, run_once};
use crate::sim::autoscaler::scale_down::Unremovable;
use crate::sim::autoscaler::scale_up::{ScaleUpResult, ScaleUpStatus, Skipped};
use crate::sim::random::Stream;

#[path = "autoscaler_loop/record.rs"]
mod record;
#[path = "autoscaler_loop/world.rs"]
mod world;

use record::{Out, Sequence, Step};
use world::World;

/// Interval of the background refresh of the instance cache.
const REFRESH_MS: i64 = 120_000;

/// Replays one sequence.
///
/// # Errors
/// A line that is not of the set.
pub fn line(line: &str) -> Result<Verdict, Error> {
    let sequence: Sequence = serde_json::from_str(line)?;
    Ok(Verdict::of_draws(|seed| first_difference(&sequence, seed)))
}

/// What differs first, if anything does, with nodes looked at in an order that a seed draws.
fn first_difference(sequence: &Sequence, seed: u64) -> Option<String> {
    let options = sequence.options.read();
    let mut world = World::new(sequence);
    let mut state = AutoscalerState::new(sequence.groups.len(), 0);
    state.order_nodes_by(Stream::new(seed, "node order", "replay"));
    let mut refreshed = -1;
    for (index, step) in sequence.steps.iter().enumerate() {
        world.apply(&step.r#in);
        let due = step.t_ms / REFRESH_MS;
        if due > refreshed {
            state.refresh_instances(world.groups.iter().map(|group| group.instances.as_slice()));
            refreshed = due;
        }
        let outcome = world.view(step.t_ms, |view| run_once(&options, &mut state, view));
        if let Some(what) = difference(&world, &options, &state, step, &outcome) {
            return Some(format!("{} step {index} t {}: {what}", sequence.id, step.t_ms));
        }
        feed(&world, &mut state, step);
    }
    None
}

/// Tells the state how deletions ended before the next step.
fn feed(world: &World, state: &mut AutoscalerState, step: &Step) {
    let mut started = BTreeMap::new();
    for action in &step.out.actions {
        let result = match action.kind.as_str() {
            "taint:ToBeDeletedByClusterAutoscaler" => {
                started.insert(action.node.clone(), action.at_ms);
                continue;
            }
            "delete_nodes" => DeletionResult::Done,
            "delete_nodes_failed" => DeletionResult::CloudRefused,
            "untaint:ToBeDeletedByClusterAutoscaler" => {
                let at_once = started.get(&action.node).is_some_and(|at| action.at_ms - at == 5000);
                if at_once { DeletionResult::Internal } else { DeletionResult::EvictionFailed }
            }
            _ => continue,
        };
        for name in action.nodes.iter().chain(&action.node) {
            let node = world.node_key(name);
            if state.deletions.contains(node) {
                state.deletions.finish(node, result);
            }
        }
    }
}

/// What differs between our step and the recorded one.
fn difference(
    world: &World,
    options: &Options,
    state: &AutoscalerState,
    step: &Step,
    outcome: &LoopOutcome,
) -> Option<String> {
    let out = &step.out;
    let pairs = [
        ("healthy", outcome.healthy.to_string(), out.cluster_healthy.to_string()),
        ("error", outcome.failed_fix.is_some().to_string(), out.error.is_some().to_string()),
        ("cloud", our_cloud(world, outcome), recorded_cloud(out)),
        ("soft taints", our_soft_taints(world, outcome), recorded_soft_taints(out)),
        ("scale up", our_scale_ups(world, outcome), recorded_scale_ups(out)),
        ("scale down", scale_down(outcome.scale_down).to_owned(), out.scale_down.clone()),
        ("unneeded", our_unneeded(world, state), format!("{:?}", out.unneeded_since_ms)),
        ("unremovable", our_unremovable(world, state), format!("{:?}", out.unremovable)),
        ("results", our_results(world, outcome), format!("{:?}", out.deletion_results)),
        (
            "last times",
            format!("{} {} {}", state.last_scale_up_ms, state.last_delete_ms, state.last_fail_ms),
            format!(
                "{} {} {}",
                out.last_scale_up_ms, out.last_scale_down_delete_ms, out.last_scale_down_fail_ms
            ),
        ),
        ("groups", our_groups(world, options, state, step.t_ms), recorded_groups(out)),
    ];
    let (what, ours, recorded) = pairs.iter().find(|(_, ours, recorded)| ours != recorded)?;
    Some(format!("{what}: ours {ours}, recorded {recorded}"))
}

fn our_cloud(world: &World, outcome: &LoopOutcome) -> String {
    let mut lines: Vec<String> = Vec::new();
    for action in &outcome.actions {
        let say = |done: bool, yes: &str, no: &str| (if done { yes } else { no }).to_owned();
        lines.push(match action {
            Action::Increase { group, delta, done, .. } => {
                let kind = say(*done, "increase", "increase_failed");
                format!("{kind} {} {delta}", world.group_name(*group))
            }
            Action::Delete { group, machines, done } => {
                let kind = say(*done, "delete_nodes", "delete_nodes_failed");
                let names: BTreeSet<&str> =
                    machines.iter().map(|&machine| world.node_name(machine)).collect();
                format!("{kind} {} {names:?}", world.group_name(*group))
            }
            Action::DecreaseTarget { group, delta, done } => {
                let kind = say(*done, "decrease_target", "decrease_target_refused");
                format!("{kind} {} {delta}", world.group_name(*group))
            }
            Action::StartDeletion { node, .. } => format!("start {}", world.node_name(*node)),
            Action::SoftTaint(_) | Action::SoftUntaint(_) => continue,
        });
    }
    lines.sort();
    format!("{lines:?}")
}

fn recorded_cloud(out: &Out) -> String {
    let mut lines: Vec<String> = Vec::new();
    for action in out.actions.iter().filter(|action| action.at_ms == 0) {
        let group = action.group.as_deref().unwrap_or_default();
        let node = action.node.as_deref().unwrap_or_default();
        let names: BTreeSet<&str> = action.nodes.iter().map(String::as_str).collect();
        lines.push(match action.kind.as_str() {
            "delete_nodes" | "delete_nodes_failed" => format!("{} {group} {names:?}", action.kind),
            "taint:ToBeDeletedByClusterAutoscaler" => format!("start {node}"),
            "taint:DeletionCandidateOfClusterAutoscaler"
            | "untaint:DeletionCandidateOfClusterAutoscaler" => continue,
            _ => format!("{} {group} {}", action.kind, action.delta),
        });
    }
    lines.sort();
    format!("{lines:?}")
}

fn our_soft_taints(world: &World, outcome: &LoopOutcome) -> String {
    let marks = outcome.actions.iter().filter_map(|action| match action {
        Action::SoftTaint(node) => Some(format!("taint {}", world.node_name(*node))),
        Action::SoftUntaint(node) => Some(format!("untaint {}", world.node_name(*node))),
        _ => None,
    });
    marks_of(marks.collect())
}

fn recorded_soft_taints(out: &Out) -> String {
    let marks = out.actions.iter().filter(|action| action.at_ms == 0).filter_map(|action| {
        let kind = action.kind.strip_suffix(":DeletionCandidateOfClusterAutoscaler")?;
        Some(format!("{kind} {}", action.node.as_deref().unwrap_or_default()))
    });
    marks_of(marks.collect())
}

/// Of ten marks, which is all that a loop may make, only the number: which of more they are is
/// chance.
fn marks_of(mut marks: Vec<String>) -> String {
    marks.sort();
    if marks.len() == 10 { "10".to_owned() } else { format!("{marks:?}") }
}

fn our_scale_ups(world: &World, outcome: &LoopOutcome) -> String {
    let told: Vec<String> = outcome.scale_ups.iter().map(|it| our_scale_up(world, it)).collect();
    format!("{told:?}")
}

fn our_scale_up(world: &World, status: &ScaleUpStatus) -> String {
    let result = match status.result {
        ScaleUpResult::Successful => "successful",
        ScaleUpResult::Error => "error",
        ScaleUpResult::NoOptions => "no_options",
        ScaleUpResult::NotNeeded => "not_needed",
        ScaleUpResult::NotTried => "not_tried",
        ScaleUpResult::InCooldown => "in_cooldown",
    };
    let sizes: BTreeMap<&str, i64> =
        status.new_sizes.iter().map(|&(group, size)| (world.group_name(group), size)).collect();
    let skipped: BTreeMap<&str, &str> = status
        .skipped
        .iter()
        .filter(|_| !status.remaining.is_empty())
        .map(|&(group, why)| {
            let why = match why {
                Skipped::Backoff => "in backoff after failed scale-up",
                Skipped::NotReady => "not ready for scale-up",
                Skipped::MaxSize => "max node group size reached",
            };
            (world.group_name(group), why)
        })
        .collect();
    let triggered =
        if status.result == ScaleUpResult::NoOptions { 0 } else { status.triggered.len() };
    let counts = format!("{triggered} {} {}", status.remaining.len(), status.awaiting.len());
    format!("{result} {sizes:?} {counts} {skipped:?}")
}

fn recorded_scale_ups(out: &Out) -> String {
    let told: Vec<String> = out
        .scale_up
        .iter()
        .map(|it| {
            let counts =
                format!("{} {} {}", it.pods_triggered, it.pods_remain_unschedulable, it.pods_await);
            format!("{} {:?} {counts} {:?}", it.result, it.new_sizes, it.skipped_groups)
        })
        .collect();
    format!("{told:?}")
}

fn scale_down(result: ScaleDownResult) -> &'static str {
    match result {
        ScaleDownResult::NotTried => "not_tried",
        ScaleDownResult::InCooldown => "in_cooldown",
        ScaleDownResult::NoCandidates => "no_candidates",
        ScaleDownResult::NoNodeDeleted => "no_node_deleted",
        ScaleDownResult::DeleteStarted => "delete_started",
    }
}

fn our_unneeded(world: &World, state: &AutoscalerState) -> String {
    let unneeded = state.planner.unneeded.iter();
    let named: BTreeMap<&str, i64> =
        unneeded.map(|(&node, it)| (world.node_name(node), it.since_ms)).collect();
    format!("{named:?}")
}

fn our_unremovable(world: &World, state: &AutoscalerState) -> String {
    let named: BTreeMap<&str, String> = state
        .planner
        .unremovable
        .iter()
        .map(|(&node, reason)| {
            let reason = match reason {
                Unremovable::ScaleDownDisabled => "ScaleDownDisabledAnnotation".to_owned(),
                Unremovable::MinSizeReached => "NodeGroupMinSizeReached".to_owned(),
                Unremovable::BlockedByPod(why) => format!("BlockedByPod:{}", why.code()),
                other => format!("{other:?}"),
            };
            (world.node_name(node), reason)
        })
        .collect();
    format!("{named:?}")
}

fn our_results(world: &World, outcome: &LoopOutcome) -> String {
    let named: BTreeMap<&str, &str> = outcome
        .deletion_results
        .iter()
        .map(|&(node, result)| {
            let result = match result {
                DeletionResult::Done => "ok",
                DeletionResult::EvictionFailed => "failed:2",
                DeletionResult::CloudRefused => "failed:3",
                DeletionResult::Internal => "failed:4",
            };
            (world.node_name(node), result)
        })
        .collect();
    format!("{named:?}")
}

fn our_groups(world: &World, options: &Options, state: &AutoscalerState, now: i64) -> String {
    let (mut backed_off, mut upcoming, mut unhealthy) =
        (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
    for group in 0..world.groups.len() {
        let name = world.group_name(group);
        if state.cluster.backed_off(group, now) {
            backed_off.insert(name);
        }
        if !state.cluster.group_healthy(group, options) {
            unhealthy.insert(name);
        }
        let coming = state.cluster.upcoming(group, now);
        if coming > 0 {
            upcoming.insert(name, coming);
        }
    }
    format!("{backed_off:?} {upcoming:?} {unhealthy:?}")
}

fn recorded_groups(out: &Out) -> String {
    let backed_off: BTreeSet<&str> = out.backed_off.iter().map(String::as_str).collect();
    let unhealthy: BTreeSet<&str> = out.unhealthy_groups.iter().map(String::as_str).collect();
    format!("{backed_off:?} {:?} {unhealthy:?}", out.upcoming)
}

/// A list that may be `null`.
fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}
