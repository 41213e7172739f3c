//! Balancing a scale-up over similar node groups, and which groups are similar
//! (`processors/nodegroupset/balancing_processor.go`, `compare_nodegroups.go`).

use crate::pattern_sort;

/// A node group that may take a share of a scale-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSize {
    /// Target size now, in nodes.
    pub current: i64,
    /// Largest size allowed, in nodes.
    pub max: i64,
}

/// A group that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// Index of the group in the list that was given.
    pub group: usize,
    /// Target size before, in nodes.
    pub current: i64,
    /// Target size afterwards, in nodes.
    pub size: i64,
    /// Largest size allowed, in nodes.
    pub max: i64,
}

/// Shares new nodes among groups so that the smallest grow first: upstream's
/// `BalanceScaleUpBetweenGroups`. Groups that keep their size are left out; the order is
/// upstream's, full groups first; equal sizes land where Go's sort puts them.
pub fn balance(groups: &[GroupSize], new_nodes: i64) -> Vec<Growth> {
    let mut shares: Vec<Growth> = groups
        .iter()
        .enumerate()
        .filter(|(_, size)| size.current != size.max)
        .map(|(group, size)| Growth {
            group,
            current: size.current,
            size: size.current,
            max: size.max,
        })
        .collect();
    let room = shares
        .iter()
        .fold(0i64, |room, share| room.saturating_add(share.max.saturating_sub(share.current)));
    let mut left = new_nodes.min(room);
    pattern_sort::sort(&mut shares, |one, other| one.current < other.current);
    let (mut start, mut at) = (0, 0);
    while left > 0 {
        // A group with room exists at or after `start`: `left` never exceeds the room, and every
        // group before `start` was full.
        if shares[at].size < shares[at].max {
            shares[at].size += 1;
            left -= 1;
        } else {
            shares.swap(start, at);
            start += 1;
        }
        if at + 1 < shares.len() && shares[at].size > shares[at + 1].size {
            at += 1;
        } else {
            at = start;
        }
    }
    shares.retain(|share| share.size != share.current);
    shares
}

/// What of a template node decides whether two groups are similar.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// Capacity per resource, sorted by resource; amounts in thousandths of its unit.
    pub capacity: Vec<(Resource, i64)>,
    /// Allocatable per resource, sorted by resource; amounts in thousandths.
    pub allocatable: Vec<(Resource, i64)>,
    /// What the DaemonSet and mirror pods leave of it, for CPU, memory, local disk and whatever
    /// else they request, sorted by resource; in thousandths.
    pub free: Vec<(Resource, i64)>,
    /// Labels that count, [`is_ignored_label`] ones left out, sorted by key.
    pub labels: Vec<(String, String)>,
    /// Value of the agent pool label, empty if the node has none (Azure).
    pub agent_pool: String,
}

/// A resource of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
    /// Room for pods.
    Pods,
    /// Local disk.
    EphemeralStorage,
    /// Another one, by a number of the caller's.
    Other(u32),
}

/// How far the resources of similar groups may differ, relative to the larger amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerances {
    /// Memory capacity.
    pub memory_capacity: f64,
    /// Any allocatable amount.
    pub allocatable: f64,
    /// Any free amount.
    pub free: f64,
}

impl Default for Tolerances {
    fn default() -> Self {
        Self { memory_capacity: 0.015, allocatable: 0.05, free: 0.05 }
    }
}

/// Whether two groups are similar: upstream's `IsCloudProviderNodeInfoSimilar` behind the agent
/// pool shortcut of `azure_nodegroups.go`.
pub fn similar(one: &Template, other: &Template, tolerances: &Tolerances) -> bool {
    if !one.agent_pool.is_empty() && one.agent_pool == other.agent_pool {
        return true;
    }
    let same_capacity = within(&one.capacity, &other.capacity, |resource, a, b| {
        if resource == Resource::Memory { close(a, b, tolerances.memory_capacity) } else { a == b }
    });
    same_capacity
        && within(&one.allocatable, &other.allocatable, |_, a, b| {
            close(a, b, tolerances.allocatable)
        })
        && within(&one.free, &other.free, |_, a, b| close(a, b, tolerances.free))
        && one.labels == other.labels
}

/// Whether both name the same resources and every pair passes.
fn within(
    one: &[(Resource, i64)],
    other: &[(Resource, i64)],
    passes: impl Fn(Resource, i64, i64) -> bool,
) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|((resource, a), (same, b))| resource == same && passes(*resource, *a, *b))
}

/// Upstream's `resourceListWithinTolerance`.
fn close(a: i64, b: i64, ratio: f64) -> bool {
    let (a, b) = (a as f64, b as f64);
    let larger = a.max(b);
    larger - a.min(b) <= larger * ratio
}

/// Labels that never make groups dissimilar: upstream's `BasicIgnoredLabels` and those of
/// `azure_nodegroups.go`.
pub fn is_ignored_label(key: &str) -> bool {
    const IGNORED: [&str; 16] = [
        "kubernetes.io/hostname",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "beta.kubernetes.io/fluentd-ds-ready",
        "kops.k8s.io/instancegroup",
        "agentpool",
        "kubernetes.azure.com/agentpool",
        "topology.disk.csi.azure.com/zone",
        "aksEngineVersion",
        "creationSource",
        "poolName",
        "resourceNameSuffix",
        "kubernetes.azure.com/node-image-version",
        "kubernetes.azure.com/consolidated-additional-properties",
    ];
    IGNORED.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    #[test]
    fn memory_may_differ_a_little_and_labels_not_at_all() {
        let template = |memory: i64, label: &str| Template {
            capacity: vec![(Resource::Cpu, 4_000), (Resource::Memory, memory)],
            allocatable: vec![(Resource::Cpu, 3_860)],
            free: vec![(Resource::Cpu, 3_700)],
            labels: vec![("pool".into(), label.into())],
            agent_pool: String::new(),
        };
        let one = template(1_000_000, "a");
        for (other, alike) in [
            (template(985_000, "a"), true),
            (template(984_999, "a"), false),
            (template(1_000_000, "b"), false),
            (Template { agent_pool: "p".into(), ..template(1_000_000, "a") }, true),
        ] {
            assert_eq!(similar(&one, &other, &Tolerances::default()), alike, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn as_many_nodes_are_shared_as_there_is_room(
            sizes in prop::collection::vec((0i64..12, 0i64..12), 0..16),
            new_nodes in -2i64..120,
        ) {
            let groups: Vec<GroupSize> = sizes
                .iter()
                .map(|(current, more)| GroupSize { current: *current, max: current + more })
                .collect();
            let growth = balance(&groups, new_nodes);
            let room: i64 = groups.iter().map(|group| group.max - group.current).sum();
            let shared: i64 = growth.iter().map(|share| share.size - share.current).sum();
            prop_assert_eq!(shared, new_nodes.clamp(0, room));
            prop_assert!(growth.iter().all(|share| share.size <= share.max));
        }
    }
}
