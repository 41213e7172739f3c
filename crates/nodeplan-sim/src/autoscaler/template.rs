//! What a new node of each group would look like
//! (`processors/nodeinfosprovider/mixed_nodeinfos_processor.go`).

use super::loop_snapshot::{Room, Snapshot};
use super::view::{ClusterView, Owner};

/// How long a node must have been ready to serve as an example.
const STABILIZATION_MS: i64 = 60_000;

/// A new node of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template {
    /// Index into `ClusterView::shapes`.
    pub(crate) shape: usize,
    /// Room its `DaemonSet` and mirror pods take.
    pub(crate) room: Room,
    /// Made from a real node, not by the cloud provider.
    pub(crate) from_node: bool,
}

/// Templates of groups that had a good node once, by group.
pub(crate) type TemplateCache = Vec<Option<Template>>;

/// The template of each group: its first good node, else the last such, else the provider's.
pub(crate) fn templates(
    view: &ClusterView<'_>,
    snapshot: &Snapshot<'_>,
    cache: &mut TemplateCache,
) -> Vec<Template> {
    let mut found: TemplateCache = vec![None; view.groups.len()];
    for (index, node) in view.nodes.iter().enumerate() {
        let Some(group) = node.group else { continue };
        let stable = node.ready_changed_ms.saturating_add(STABILIZATION_MS) < view.now_ms;
        let good = node.ready && stable && node.deletion_taint_ms.is_none();
        if found[group].is_some() || !good {
            continue;
        }
        let mut room = Room::default();
        for &pod in snapshot.nodes[index].pods.iter() {
            let pod = &view.pods[pod];
            if pod.mirror || matches!(pod.owner, Owner::DaemonSet(_)) {
                room.add(&view.classes[pod.class]);
            }
        }
        found[group] = Some(Template { shape: node.shape, room, from_node: true });
        cache[group] = found[group];
    }
    let groups = view.groups.iter().enumerate();
    groups
        .map(|(group, it)| {
            found[group].or(cache[group]).unwrap_or(Template {
                shape: it.shape,
                room: Room {
                    cpu: it.daemon_cpu_milli,
                    memory: it.daemon_memory_bytes,
                    count: it.daemon_pods,
                },
                from_node: false,
            })
        })
        .collect()
}
