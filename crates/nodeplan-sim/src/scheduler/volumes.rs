//! Volumes of pods: which nodes can hold them (`volumerestrictions`, `nodevolumelimits`,
//! `volumebinding`, `volumezone`).
//!
//! One driver with one limit per node is known: Azure disks. A claim that waits for its first
//! pod is stated by the nodes that its storage class allows.

use super::Symbol;
use super::cluster::Cluster;
use super::nodes::{NodeId, NodeSpec};
use super::overlay::Overlay;
use super::reason::{Plugin, Rejection, Why};
use super::selector::value;
use super::template::NodeTerm;

/// A volume that the cluster knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VolumeId(pub u32);

/// A volume behind a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// It takes one of the node's disk places.
    pub disk: bool,
    /// `ReadWriteOncePod`: no second pod may use it.
    pub one_pod: bool,
    /// Nodes that can reach it: one of these terms; none is all nodes.
    pub reach: Vec<NodeTerm>,
    /// Zones of its labels; none is no zone label. Nodes without zone pass.
    pub zones: Vec<Symbol>,
}

/// Volumes on a node, each with the number of pods that use it.
pub(super) type Attached = Vec<(VolumeId, u32)>;

/// A pod more (`sign` 1) or less (−1) uses these volumes.
pub(super) fn shift(attached: &mut Attached, volumes: &[VolumeId], sign: i64) {
    for volume in volumes {
        match attached.iter_mut().position(|(known, _)| known == volume) {
            Some(at) if sign > 0 => attached[at].1 += 1,
            Some(at) if attached[at].1 > 1 => attached[at].1 -= 1,
            Some(at) => {
                attached.swap_remove(at);
            }
            None if sign > 0 => attached.push((*volume, 1)),
            None => {}
        }
    }
}

/// The four plugins in their order.
pub(super) fn volumes_fit(
    cluster: &Cluster,
    volumes: &[VolumeId],
    node: NodeId,
    overlay: Option<&Overlay>,
) -> Result<(), Rejection> {
    let attached = overlay.map_or(&cluster.attached[node.at()], |overlay| &overlay.attached);
    let spec = cluster.node(node);
    let of = |id: &VolumeId| &cluster.volumes[id.0 as usize];
    let here = |id: &VolumeId| attached.iter().any(|(known, _)| known == id);
    let no = |plugin, why, resolvable| Err(Rejection { plugin, why, resolvable });
    if volumes.iter().any(|id| of(id).one_pod && here(id)) {
        return no(Plugin::VolumeRestrictions, Why::VOLUME_IN_USE, true);
    }
    let new = volumes.iter().filter(|id| of(id).disk && !here(id)).count();
    let held = attached.iter().filter(|(id, _)| of(id).disk).count();
    if new > 0 && spec.disks.is_some_and(|limit| new + held > limit as usize) {
        return no(Plugin::NodeVolumeLimits, Why::VOLUME_COUNT, true);
    }
    if !volumes.iter().all(|id| reaches(cluster, of(id), spec)) {
        return no(Plugin::VolumeBinding, Why::VOLUME_AFFINITY, false);
    }
    let zone = value(&spec.labels, Symbol::ZONE);
    let in_zone = |volume: &Volume| {
        volume.zones.is_empty() || zone.is_none_or(|zone| volume.zones.contains(&zone))
    };
    if !volumes.iter().all(|id| in_zone(of(id))) {
        return no(Plugin::VolumeZone, Why::VOLUME_ZONE, false);
    }
    Ok(())
}

fn reaches(cluster: &Cluster, volume: &Volume, node: &NodeSpec) -> bool {
    let mut terms = volume.reach.iter();
    volume.reach.is_empty()
        || terms.any(|term| term.matches(&cluster.names, node.name, &node.labels))
}

impl Cluster {
    /// Makes a volume known.
    pub fn add_volume(&mut self, volume: Volume) -> VolumeId {
        let id = u32::try_from(self.volumes.len()).expect("memory ends before 2^32 volumes");
        self.volumes.push(volume);
        VolumeId(id)
    }

    /// A volume, to change it once it is bound.
    pub fn volume_mut(&mut self, volume: VolumeId) -> &mut Volume {
        &mut self.volumes[volume.0 as usize]
    }
}
