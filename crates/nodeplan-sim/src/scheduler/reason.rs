//! Why a pod does not fit a node, and the text of it.

use std::collections::BTreeMap;

use super::cluster::Cluster;
use super::nodes::NodeId;
use super::template::TemplateId;

/// Plugins of the default profile, in the order their filters run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plugin {
    /// Cordoned nodes.
    NodeUnschedulable,
    /// `spec.nodeName`.
    NodeName,
    /// Taints.
    TaintToleration,
    /// Selector and node affinity.
    NodeAffinity,
    /// Host ports.
    NodePorts,
    /// Free resources; least-allocated score.
    NodeResourcesFit,
    /// Volumes for one pod.
    VolumeRestrictions,
    /// Disks a node can hold.
    NodeVolumeLimits,
    /// Nodes that reach a volume.
    VolumeBinding,
    /// Zones of volumes.
    VolumeZone,
    /// Topology spread.
    PodTopologySpread,
    /// Pod affinity and anti-affinity.
    InterPodAffinity,
    /// Balance of CPU and memory; score only.
    NodeResourcesBalancedAllocation,
}

impl Plugin {
    /// The plugin's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NodeUnschedulable => "NodeUnschedulable",
            Self::NodeName => "NodeName",
            Self::TaintToleration => "TaintToleration",
            Self::NodeAffinity => "NodeAffinity",
            Self::NodePorts => "NodePorts",
            Self::NodeResourcesFit => "NodeResourcesFit",
            Self::VolumeRestrictions => "VolumeRestrictions",
            Self::NodeVolumeLimits => "NodeVolumeLimits",
            Self::VolumeBinding => "VolumeBinding",
            Self::VolumeZone => "VolumeZone",
            Self::PodTopologySpread => "PodTopologySpread",
            Self::InterPodAffinity => "InterPodAffinity",
            Self::NodeResourcesBalancedAllocation => "NodeResourcesBalancedAllocation",
        }
    }
}

/// A set of reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Why(u32);

impl Why {
    /// The node is cordoned.
    pub const CORDONED: Self = Self(1);
    /// Another node is named.
    pub const NAME: Self = Self(1 << 1);
    /// A taint is not tolerated.
    pub const TAINT: Self = Self(1 << 2);
    /// Selector or affinity.
    pub const AFFINITY: Self = Self(1 << 3);
    /// A host port is taken.
    pub const PORT: Self = Self(1 << 4);
    /// No pod slot is left.
    pub const PODS: Self = Self(1 << 5);
    /// CPU.
    pub const CPU: Self = Self(1 << 6);
    /// Memory.
    pub const MEMORY: Self = Self(1 << 7);
    /// Ephemeral storage.
    pub const EPHEMERAL: Self = Self(1 << 8);
    /// An extended resource.
    pub const EXTENDED: Self = Self(1 << 9);
    /// The skew would be too large.
    pub const SKEW: Self = Self(1 << 10);
    /// The node is in no domain of the constraint.
    pub const NO_DOMAIN: Self = Self(1 << 11);
    /// No pod that affinity asks for.
    pub const POD_AFFINITY: Self = Self(1 << 12);
    /// A pod that anti-affinity forbids.
    pub const POD_ANTI_AFFINITY: Self = Self(1 << 13);
    /// The anti-affinity of a pod there.
    pub const EXISTING_ANTI_AFFINITY: Self = Self(1 << 14);
    /// The pod is for another node: how a `DaemonSet` places it.
    pub const PINNED: Self = Self(1 << 15);
    /// Another pod uses a volume for one pod.
    pub const VOLUME_IN_USE: Self = Self(1 << 16);
    /// No disk place is left.
    pub const VOLUME_COUNT: Self = Self(1 << 17);
    /// A volume cannot be reached.
    pub const VOLUME_AFFINITY: Self = Self(1 << 18);
    /// A volume is in another zone.
    pub const VOLUME_ZONE: Self = Self(1 << 19);

    /// Texts of all reasons but extended resources, which name theirs.
    const TEXTS: [(Self, &'static str); 19] = [
        (Self::CORDONED, "node(s) were unschedulable"),
        (Self::NAME, "node(s) didn't match the requested node name"),
        (Self::TAINT, "node(s) had untolerated taint(s)"),
        (Self::AFFINITY, "node(s) didn't match Pod's node affinity/selector"),
        (Self::PORT, "node(s) didn't have free ports for the requested pod ports"),
        (Self::PODS, "Too many pods"),
        (Self::CPU, "Insufficient cpu"),
        (Self::MEMORY, "Insufficient memory"),
        (Self::EPHEMERAL, "Insufficient ephemeral-storage"),
        (Self::SKEW, "node(s) didn't match pod topology spread constraints"),
        (
            Self::NO_DOMAIN,
            "node(s) didn't match pod topology spread constraints (missing required label)",
        ),
        (Self::POD_AFFINITY, "node(s) didn't match pod affinity rules"),
        (Self::POD_ANTI_AFFINITY, "node(s) didn't match pod anti-affinity rules"),
        (Self::EXISTING_ANTI_AFFINITY, "node(s) didn't satisfy existing pods anti-affinity rules"),
        (
            Self::VOLUME_IN_USE,
            "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod \
             access mode",
        ),
        (Self::VOLUME_COUNT, "node(s) exceed max volume count"),
        (Self::VOLUME_AFFINITY, "node(s) didn't match PersistentVolume's node affinity"),
        (Self::VOLUME_ZONE, "node(s) had no available volume zone"),
        (Self::PINNED, "node(s) didn't satisfy plugin(s) [NodeAffinity]"),
    ];

    /// Both sets of reasons.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a reason is among these.
    #[must_use]
    pub fn has(self, reason: Self) -> bool {
        self.0 & reason.0 != 0
    }
}

/// A filter's verdict against a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The first plugin that fails.
    pub plugin: Plugin,
    /// Its reasons.
    pub why: Why,
    /// Preemption could help (upstream: `Unschedulable`, not `UnschedulableAndUnresolvable`).
    pub resolvable: bool,
}

impl Rejection {
    /// Texts of the reasons in the order upstream lists them, as things are in the cluster.
    #[must_use]
    pub fn texts(&self, cluster: &Cluster, pod: TemplateId, node: NodeId) -> Vec<String> {
        let known = Why::TEXTS.iter().filter(|(reason, _)| self.why.has(*reason));
        let mut texts: Vec<String> = known.map(|(_, text)| (*text).to_owned()).collect();
        if self.why.has(Why::EXTENDED) {
            let short = super::filter::short_of(cluster, pod, node);
            texts.extend(short.map(|name| format!("Insufficient {name}")));
        }
        texts
    }
}

/// The message of a pod that no node can take (`framework` `FitError`): the count of nodes for
/// each reason, sorted as texts. `rejected` is what the cycle saw.
#[must_use]
pub fn fit_error(cluster: &Cluster, pod: TemplateId, rejected: &[(NodeId, Rejection)]) -> String {
    let total = cluster.order().len();
    if total == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (node, rejection) in rejected {
        for text in rejection.texts(cluster, pod, *node) {
            *counts.entry(text).or_default() += 1;
        }
    }
    let mut reasons: Vec<String> =
        counts.into_iter().map(|(text, count)| format!("{count} {text}")).collect();
    reasons.sort();
    format!("0/{total} nodes are available: {}.", reasons.join(", "))
}
