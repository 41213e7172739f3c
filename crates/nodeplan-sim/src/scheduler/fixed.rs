//! What a template's pods find on a node whatever runs there.

use super::nodes::{Effect, NodeSpec, Taint};
use super::reason::Plugin;
use super::template::{PodTemplate, Toleration};
use super::{Names, Symbol};

/// Answers that change only with the node's labels, taints and cordon.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fixed {
    /// First of the plugins `NodeUnschedulable`, `NodeName`, `TaintToleration` and
    /// `NodeAffinity` that refuses the node.
    pub refused: Option<Plugin>,
    /// Selector and required affinity allow the node.
    pub affine: bool,
    /// Taints `NoSchedule` and `NoExecute` are tolerated.
    pub tolerated: bool,
    /// Taints `PreferNoSchedule` that are not tolerated.
    pub disliked: u32,
    /// Weights of the preferred terms that match.
    pub preferred: i64,
}

/// Whether nodes of one kind may differ for a template: it looks at names or host names.
pub(super) fn is_personal(pod: &PodTemplate) -> bool {
    let preferred = pod.node_preferred.iter().map(|(_, term)| term);
    let mut terms = pod.node_required.iter().flatten().chain(preferred);
    pod.node_name.is_some()
        || pod.node_selector.iter().any(|(key, _)| *key == Symbol::HOSTNAME)
        || terms.any(|term| {
            let by_host = term.labels.iter().any(|demand| demand.key == Symbol::HOSTNAME);
            by_host || !term.names.is_empty()
        })
}

/// Looks at a node with a template's eyes.
pub(super) fn fixed(names: &Names, pod: &PodTemplate, node: &NodeSpec) -> Fixed {
    let affine = is_affine(names, pod, node);
    let tolerated = node
        .taints
        .iter()
        .filter(|taint| taint.effect != Effect::PreferNoSchedule)
        .all(|taint| is_tolerated(pod.tolerations.iter(), taint));
    let refused = if node.unschedulable && !tolerates_cordon(pod) {
        Some(Plugin::NodeUnschedulable)
    } else if pod.node_name.is_some_and(|name| name != node.name) {
        Some(Plugin::NodeName)
    } else if !tolerated {
        Some(Plugin::TaintToleration)
    } else if !affine {
        Some(Plugin::NodeAffinity)
    } else {
        None
    };
    let preferred = pod
        .node_preferred
        .iter()
        .filter(|(_, term)| term.matches(names, node.name, &node.labels))
        .map(|(weight, _)| i64::from(*weight))
        .sum();
    Fixed { refused, affine, tolerated, disliked: disliked(pod, node), preferred }
}

fn is_affine(names: &Names, pod: &PodTemplate, node: &NodeSpec) -> bool {
    let selected = pod
        .node_selector
        .iter()
        .all(|(key, value)| super::selector::value(&node.labels, *key) == Some(*value));
    let allowed = pod
        .node_required
        .as_ref()
        .is_none_or(|terms| terms.iter().any(|term| term.matches(names, node.name, &node.labels)));
    selected && allowed
}

fn is_tolerated<'a>(mut tolerations: impl Iterator<Item = &'a Toleration>, taint: &Taint) -> bool {
    tolerations.any(|toleration| toleration.tolerates(taint))
}

fn tolerates_cordon(pod: &PodTemplate) -> bool {
    let cordon =
        Taint { key: Symbol::UNSCHEDULABLE, value: Symbol::EMPTY, effect: Effect::NoSchedule };
    is_tolerated(pod.tolerations.iter(), &cordon)
}

/// Counts as `tainttoleration` `countIntolerableTaintsPreferNoSchedule`.
fn disliked(pod: &PodTemplate, node: &NodeSpec) -> u32 {
    let soft = |toleration: &&Toleration| {
        toleration.effect.is_none_or(|effect| effect == Effect::PreferNoSchedule)
    };
    let taints = node.taints.iter().filter(|taint| taint.effect == Effect::PreferNoSchedule);
    let disliked =
        taints.filter(|taint| !is_tolerated(pod.tolerations.iter().filter(soft), taint)).count();
    u32::try_from(disliked).unwrap_or(u32::MAX)
}
