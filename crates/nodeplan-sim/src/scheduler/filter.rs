//! Filters: whether a pod may go to a node, and the first plugin that says no.

use super::cluster::Cluster;
use super::counter::NO_DOMAIN;
use super::cycle::Pending;
use super::nodes::{NodeId, RareUsage};
use super::overlay::Overlay;
use super::reason::{Plugin, Rejection, Why};
use super::registry::{Registered, Spread};
use super::template::{HostPort, TemplateId};
use super::volumes::volumes_fit;

/// Whether a pod may go to a node.
///
/// # Errors
/// The first plugin that refuses the node, with its reasons.
pub fn filter(cluster: &Cluster, pod: TemplateId, node: NodeId) -> Result<(), Rejection> {
    check(cluster, &Pending::of(pod, 0), node, None)
}

/// As [`filter`], with promised pods of at least the pod's priority on the node and without
/// (`RunFilterPluginsWithNominatedPods`); the pod's own promise does not count.
pub(super) fn filter_promised(
    cluster: &Cluster,
    pod: &Pending<'_>,
    node: NodeId,
    overlay: Option<&Overlay>,
) -> Result<(), Rejection> {
    if !cluster.nominated.is_empty() {
        let priority = cluster.template(pod.template).priority;
        let mut promised = cluster.nominated.iter().filter(|(at, known, template)| {
            *at == node && *known != pod.tag && cluster.template(*template).priority >= priority
        });
        if let Some(first) = promised.next() {
            let mut fuller = overlay.cloned().unwrap_or_else(|| Overlay::of(cluster, node));
            for (_, _, template) in std::iter::once(first).chain(promised) {
                fuller.shift(cluster, pod.template, node, *template, 1);
            }
            check(cluster, pod, node, Some(&fuller))?;
        }
    }
    check(cluster, pod, node, overlay)
}

/// Whether nothing but the node's kind and its free CPU, memory and pod slots decides.
pub(super) fn is_plain(cluster: &Cluster, pod: &Pending<'_>) -> bool {
    let plain = cluster.registered(pod.template).plain;
    plain && pod.volumes.is_empty() && cluster.nominated.is_empty()
}

/// The whole answer for a plain template.
#[inline]
pub(super) fn plain_fits(cluster: &Cluster, template: &Registered, node: NodeId) -> bool {
    let demand = &template.spec.demand;
    let usage = &cluster.usage[node.at()];
    let has =
        |asked: i64, offered: i64, used: i64| asked <= 0 || asked <= offered.wrapping_sub(used);
    usage.pods_used < usage.pods_offered
        && has(demand.cpu_milli, usage.cpu_offered, usage.cpu_used)
        && has(demand.memory, usage.memory_offered, usage.memory_used)
        && cluster.fixed(template, node).refused.is_none()
}

/// All filters in their order, on the node as it is or as an overlay has it.
fn check(
    cluster: &Cluster,
    pod: &Pending<'_>,
    node: NodeId,
    overlay: Option<&Overlay>,
) -> Result<(), Rejection> {
    let template = cluster.registered(pod.template);
    if let Some(plugin) = cluster.fixed(template, node).refused {
        return Err(refused(plugin));
    }
    if !template.spec.ports.is_empty() {
        let held = overlay.map_or(&cluster.ports[node.at()], |overlay| &overlay.ports);
        if conflict(&template.spec.ports, held) {
            return Err(no(Plugin::NodePorts, Why::PORT));
        }
    }
    resources(cluster, template, node, overlay)?;
    if !pod.volumes.is_empty() {
        volumes_fit(cluster, pod.volumes, node, overlay)?;
    }
    for spread in &template.hard {
        spread_holds(cluster, spread, node, overlay)?;
    }
    pod_affinity(cluster, template, node, overlay)
}

fn no(plugin: Plugin, why: Why) -> Rejection {
    Rejection { plugin, why, resolvable: true }
}

fn refused(plugin: Plugin) -> Rejection {
    let why = match plugin {
        Plugin::NodeUnschedulable => Why::CORDONED,
        Plugin::NodeName => Why::NAME,
        Plugin::TaintToleration => Why::TAINT,
        _ => Why::AFFINITY,
    };
    Rejection { plugin, why, resolvable: false }
}

fn conflict(wanted: &[HostPort], held: &[HostPort]) -> bool {
    wanted.iter().any(|port| held.iter().any(|other| port.conflicts(other)))
}

/// `noderesources` `fitsRequest`: all resources that do not suffice are reasons.
fn resources(
    cluster: &Cluster,
    template: &Registered,
    node: NodeId,
    overlay: Option<&Overlay>,
) -> Result<(), Rejection> {
    let demand = &template.spec.demand;
    let usage = overlay.map_or(&cluster.usage[node.at()], |overlay| &overlay.usage);
    let mut why = Why::default();
    let mut resolvable = true;
    if usage.pods_used + 1 > usage.pods_offered {
        why = why.with(Why::PODS);
    }
    if !demand.is_nothing() {
        for (asked, offered, used, reason) in [
            (demand.cpu_milli, usage.cpu_offered, usage.cpu_used, Why::CPU),
            (demand.memory, usage.memory_offered, usage.memory_used, Why::MEMORY),
        ] {
            if asked > 0 && asked > offered.wrapping_sub(used) {
                why = why.with(reason);
                resolvable &= asked <= offered;
            }
        }
        if demand.ephemeral > 0 || !demand.extended.is_empty() {
            let rare = overlay.map_or(&cluster.rare[node.at()], |overlay| &overlay.rare);
            for (index, asked) in demand.rare().filter(|&(index, asked)| lacks(rare, index, asked))
            {
                why = why.with(if index == 0 { Why::EPHEMERAL } else { Why::EXTENDED });
                resolvable &= asked <= rare.offered(index);
            }
        }
    }
    if why == Why::default() {
        return Ok(());
    }
    Err(Rejection { plugin: Plugin::NodeResourcesFit, why, resolvable })
}

fn lacks(rare: &RareUsage, index: usize, asked: i64) -> bool {
    asked > rare.offered(index).wrapping_sub(rare.used(index))
}

/// Names of the extended resources that do not suffice.
pub(super) fn short_of(
    cluster: &Cluster,
    pod: TemplateId,
    node: NodeId,
) -> impl Iterator<Item = &str> {
    let rare = &cluster.rare[node.at()];
    let short = cluster
        .template(pod)
        .demand
        .rare()
        .filter(|&(index, asked)| index > 0 && lacks(rare, index, asked));
    short.map(|(index, _)| cluster.extended.get(index - 1).map_or("", String::as_str))
}

/// `podtopologyspread` `Filter`, one constraint.
fn spread_holds(
    cluster: &Cluster,
    spread: &Spread,
    node: NodeId,
    overlay: Option<&Overlay>,
) -> Result<(), Rejection> {
    let counter = &cluster.counters[spread.counter as usize];
    let domain = cluster.keys[counter.key].of_node[node.at()];
    if domain == NO_DOMAIN {
        let (plugin, why) = (Plugin::PodTopologySpread, Why::NO_DOMAIN);
        return Err(Rejection { plugin, why, resolvable: false });
    }
    let change = overlay.map_or(0, |overlay| overlay.change(spread.counter).0);
    let count = counter.count(domain) + change;
    let lowest = if counter.domains < spread.min_domains {
        0
    } else if change == 0 {
        counter.lowest
    } else {
        counter.lowest_but(domain).min(count)
    };
    if count.saturating_add(spread.own).saturating_sub(lowest) > spread.max_skew {
        return Err(no(Plugin::PodTopologySpread, Why::SKEW));
    }
    Ok(())
}

/// `interpodaffinity` `Filter`.
fn pod_affinity(
    cluster: &Cluster,
    template: &Registered,
    node: NodeId,
    overlay: Option<&Overlay>,
) -> Result<(), Rejection> {
    // The count of the node's domain, where the node has the key; and all pods counted.
    let seen = |at: u32| {
        let counter = &cluster.counters[at as usize];
        let (change, hits) = overlay.map_or((0, 0), |overlay| overlay.change(at));
        let domain = cluster.keys[counter.key].of_node[node.at()];
        ((domain != NO_DOMAIN).then(|| counter.count(domain) + change), counter.hits + hits)
    };
    let met =
        |counters: &[u32]| counters.iter().any(|at| seen(*at).0.is_some_and(|count| count > 0));
    if !template.affinity.is_empty() {
        let counts = template.affinity.iter().map(|at| seen(*at));
        let has_keys = counts.clone().all(|(count, _)| count.is_some());
        let has_pods = counts.clone().all(|(count, _)| count.is_some_and(|count| count > 0));
        let is_first = template.own_affinity && counts.clone().all(|(_, hits)| hits == 0);
        if !has_keys || !(has_pods || is_first) {
            let (plugin, why) = (Plugin::InterPodAffinity, Why::POD_AFFINITY);
            return Err(Rejection { plugin, why, resolvable: false });
        }
    }
    if met(&template.anti) {
        return Err(no(Plugin::InterPodAffinity, Why::POD_ANTI_AFFINITY));
    }
    if met(&template.blocked) {
        return Err(no(Plugin::InterPodAffinity, Why::EXISTING_ANTI_AFFINITY));
    }
    Ok(())
}
