//! Preemption: which node to clear of which pods (`framework/preemption/preemption.go`,
//! `plugins/defaultpreemption`).

use std::cmp::Reverse;

use super::Symbol;
use super::cluster::{Cluster, Life, PodId};
use super::cycle::Pending;
use super::filter::filter_promised;
use super::nodes::NodeId;
use super::overlay::Overlay;
use super::reason::Rejection;
use super::selector::Selector;
use super::template::TemplateId;
use super::volumes;

/// A pod disruption budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Namespace.
    pub namespace: Symbol,
    /// Pods protected; an empty selector protects none here.
    pub selector: Selector,
    /// `status.disruptionsAllowed`.
    pub allowed: i64,
    /// `status.disruptedPods`: already counted, not counted again.
    pub disrupted: Vec<PodId>,
}

/// A node that preemption can make fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The node.
    pub node: NodeId,
    /// Pods to evict, most important first.
    pub victims: Vec<PodId>,
    /// Victims whose budget does not allow it.
    pub violations: usize,
}

/// What preemption finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preemption {
    /// Nodes on which preemption might help at all; without any, none was tried.
    pub potential: usize,
    /// Candidates found; those that violate no budget first.
    pub candidates: Vec<Candidate>,
    /// The best candidate's place in `candidates`.
    pub chosen: Option<usize>,
}

/// Whether a pod may preempt at all (`PodEligibleToPreemptOthers`): its policy allows it, and no
/// less important pod that preemption already evicts is still leaving its nominated node.
/// `rejection` is the verdict on that node.
#[must_use]
pub fn eligible_to_preempt(
    cluster: &Cluster,
    pod: &Pending<'_>,
    rejection: Option<&Rejection>,
) -> bool {
    let template = cluster.template(pod.template);
    let hopeless = rejection.is_some_and(|rejection| !rejection.resolvable);
    let waits = pod.nominated.filter(|_| !hopeless).is_some_and(|node| {
        cluster.pods_on(node).iter().any(|other| {
            let bound = cluster.bound(*other);
            let lower = cluster.template(bound.template).priority < template.priority;
            lower && bound.life == Life::Preempted
        })
    });
    !template.preemption_never && !waits
}

/// Searches victims for a pod that no node can take. `rejected` is what its cycle saw, and
/// `offset` the place among the potential nodes to start at, which upstream draws at random.
/// Changes nothing: the caller evicts and nominates.
#[must_use]
pub fn preempt(
    cluster: &Cluster,
    pod: &Pending<'_>,
    rejected: &[(NodeId, Rejection)],
    budgets: &[Budget],
    offset: usize,
) -> Preemption {
    let might = rejected.iter().filter(|(_, rejection)| rejection.resolvable);
    let potential: Vec<NodeId> = might.map(|(node, _)| *node).collect();
    let count = potential.len();
    let wanted = (count / 10).max(100).min(count);
    let (mut clean, mut violating) = (Vec::new(), Vec::new());
    for at in 0..count {
        let node = potential[(at + offset % count) % count];
        let Some(candidate) = select_victims(cluster, pod, node, budgets) else { continue };
        if candidate.violations == 0 {
            clean.push(candidate)
        } else {
            violating.push(candidate)
        }
        if !clean.is_empty() && clean.len() + violating.len() >= wanted {
            break;
        }
    }
    clean.append(&mut violating);
    let chosen = (0..clean.len()).min_by_key(|at| rank(cluster, &clean[*at]));
    Preemption { potential: count, candidates: clean, chosen }
}

/// The order of candidates, best first (`pickOneNodeForPreemption`).
fn rank(cluster: &Cluster, candidate: &Candidate) -> impl Ord + use<> {
    let priority = |pod: &PodId| i64::from(cluster.template(cluster.bound(*pod).template).priority);
    let victims = &candidate.victims;
    let highest = victims.first().map_or(i64::MIN, priority);
    let sum: i64 = victims.iter().map(|pod| priority(pod) + (1 << 31)).sum();
    let top = victims.iter().filter(|pod| priority(pod) == highest);
    let earliest = top.map(|pod| cluster.bound(*pod).start_millis).min().unwrap_or(i64::MAX);
    (candidate.violations, highest, sum, victims.len(), Reverse(earliest))
}

/// `SelectVictimsOnNode`: takes all less important pods off, then puts back what fits.
fn select_victims(
    cluster: &Cluster,
    pod: &Pending<'_>,
    node: NodeId,
    budgets: &[Budget],
) -> Option<Candidate> {
    let viewer = pod.template;
    let priority = cluster.template(viewer).priority;
    let of = |other: &PodId| cluster.bound(*other).template;
    let lower = |other: &&PodId| cluster.template(of(other)).priority < priority;
    let mut potential: Vec<PodId> = cluster.pods_on(node).iter().filter(lower).copied().collect();
    if potential.is_empty() {
        return None;
    }
    let mut overlay = Overlay::of(cluster, node);
    let shift = |overlay: &mut Overlay, other: &PodId, sign| {
        overlay.shift(cluster, viewer, node, of(other), sign);
        volumes::shift(&mut overlay.attached, cluster.volumes_of(*other), sign);
    };
    for other in &potential {
        shift(&mut overlay, other, -1);
    }
    let fits = |overlay: &Overlay| filter_promised(cluster, pod, node, Some(overlay)).is_ok();
    if !fits(&overlay) {
        return None;
    }
    sort_by_importance(cluster, &mut potential);
    let (violating, kept) = split_by_budget(cluster, &potential, budgets);
    let both = !violating.is_empty() && !kept.is_empty();
    let mut victims = Vec::new();
    let mut violations = 0;
    let classes = violating.iter().map(|other| (other, 1)).chain(kept.iter().map(|o| (o, 0)));
    for (other, violation) in classes {
        shift(&mut overlay, other, 1);
        if !fits(&overlay) {
            shift(&mut overlay, other, -1);
            victims.push(*other);
            violations += violation;
        }
    }
    if both {
        sort_by_importance(cluster, &mut victims);
    }
    Some(Candidate { node, victims, violations })
}

/// `MoreImportantPod`: higher priority, then earlier start; then the older place.
fn sort_by_importance(cluster: &Cluster, pods: &mut [PodId]) {
    pods.sort_by_key(|pod| {
        let bound = cluster.bound(*pod);
        (Reverse(cluster.template(bound.template).priority), bound.start_millis, *pod)
    });
}

/// `filterPodsWithPDBViolation`: pods that a budget does not allow to go, and the others. The
/// budgets are used up in the order of importance.
fn split_by_budget(
    cluster: &Cluster,
    pods: &[PodId],
    budgets: &[Budget],
) -> (Vec<PodId>, Vec<PodId>) {
    let mut allowed: Vec<i64> = budgets.iter().map(|budget| budget.allowed).collect();
    pods.iter().copied().partition(|pod| {
        let template = cluster.bound(*pod).template;
        let mut violates = false;
        for (budget, left) in budgets.iter().zip(&mut allowed) {
            if protects(cluster, budget, template) && !budget.disrupted.contains(pod) {
                *left -= 1;
                violates |= *left < 0;
            }
        }
        violates
    })
}

fn protects(cluster: &Cluster, budget: &Budget, pod: TemplateId) -> bool {
    let template = cluster.template(pod);
    !template.labels.is_empty()
        && template.namespace == budget.namespace
        && !budget.selector.is_empty()
        && budget.selector.matches(&cluster.names, &template.labels)
}
