//! Which pods ask for new nodes (`core/podlistprocessor`, `core/static_autoscaler.go`).

use super::deletions::Deletions;
use super::loop_snapshot::{Hints, Snapshot, schedule_pods};
use super::node_order::Search;
use super::options::Options;
use super::view::{ClusterView, Owner};
use crate::pattern_sort;

/// Pods younger than this make the loop wait for more of them.
const BUFFER_MS: i64 = 2_000;

/// Pods that no node has room for, in the order in which they were tried. Pods that found room stay
/// on it in the snapshot.
pub(crate) fn unschedulable(
    options: &Options,
    (view, waiting): (&ClusterView<'_>, &[usize]),
    snapshot: &mut Snapshot<'_>,
    hints: &mut Hints,
    search: &mut Search,
    deletions: &Deletions,
) -> Vec<usize> {
    let mut pods = waiting.to_vec();
    for (node, _) in deletions.in_progress().filter(|(_, deletion)| deletion.drain) {
        let Some(node) = snapshot.find(node) else { continue };
        let moved = snapshot.nodes[node].pods.iter().copied().filter(|&pod| {
            let pod = &view.pods[pod];
            let stays = pod.mirror || matches!(pod.owner, Owner::DaemonSet(_));
            pod.deletion_ms.is_none() && !stays
        });
        pods.extend(moved);
    }
    pods.retain(|&pod| view.pods[pod].priority >= options.expendable_cutoff);
    pattern_sort::sort(&mut pods, |&one, &other| {
        view.pods[one].priority > view.pods[other].priority
    });
    let placed = schedule_pods(snapshot, hints, search, &pods, false, |_| true);
    hints.drop_old();
    let mut left = pods.iter().zip(placed).filter(|(_, placed)| !placed).map(|(&pod, _)| pod);
    left.by_ref()
        .filter(|&pod| !matches!(view.pods[pod].owner, Owner::DaemonSet(_)))
        .filter(|&pod| {
            view.pods[pod].created_ms.saturating_add(options.new_pod_delay_ms) < view.now_ms
        })
        .collect()
}

/// Whether all pods are so new that more are likely to follow (`allPodsAreNew`).
pub(crate) fn all_new(view: &ClusterView<'_>, pods: &[usize]) -> bool {
    let oldest = pods.iter().map(|&pod| view.pods[pod].created_ms).min();
    oldest.is_some_and(|oldest| oldest.saturating_add(BUFFER_MS) > view.now_ms)
}
