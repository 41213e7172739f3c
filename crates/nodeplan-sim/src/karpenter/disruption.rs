//! Which nodes may be disrupted, what that would cost and how many at a time
//! (`disruption/types.go`, `helpers.go`, `utils/disruption`, `utils/pdb`).

use std::cmp::Ordering;

use super::nouns::{Budget, Cluster, Node, Pod, Policy, Reason, Settings, Share};

/// A node that may be disrupted.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its place in [`Cluster::nodes`].
    pub node: usize,
    /// Its pool.
    pub pool: usize,
    /// Pods that would have to move.
    pub pods: Vec<usize>,
    /// What evicting its pods costs, less the nearer it is to expiry.
    pub cost: f64,
    /// What the node costs, in dollars per hour; `None` if its offering is gone.
    pub price: Option<f64>,
    /// One plus the cost of the pods that would have to move, where it is positive.
    pub moving_cost: f64,
}

impl Candidate {
    /// Whether nothing would have to move.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }
}

/// Whether a pod would be made again elsewhere if its node went (`IsReschedulable`).
#[must_use]
pub fn is_reschedulable(pod: &Pod) -> bool {
    !pod.daemon && !pod.terminating
}

/// [`is_reschedulable`] and nothing holds the pod where it is (`IsCurrentlyReschedulable`).
#[must_use]
pub fn is_reschedulable_now(cluster: Cluster<'_>, pod: &Pod) -> bool {
    let app = cluster.shapes[pod.shape].app;
    is_reschedulable(pod)
        && !pod.do_not_disrupt
        && !cluster.pdbs.iter().any(|pdb| pdb.fully_blocking && pdb.selects.contains(&app))
}

/// What evicting a pod costs (`EvictionCost`): 1 for a pod without deletion cost and priority.
#[must_use]
pub fn eviction_cost(pod: &Pod) -> f64 {
    let mut cost = 1.0;
    if let Some(deletion) = pod.deletion_cost {
        cost += deletion / 134_217_728.0;
    }
    if let Some(priority) = pod.priority {
        cost += f64::from(priority) / 33_554_432.0;
    }
    cost.clamp(-10.0, 10.0)
}

/// The fraction of its life a node still has (`LifetimeRemaining`), 1 if it never expires.
#[must_use]
pub fn lifetime_remaining(created_ms: i64, expire_after_ms: Option<i64>, now_ms: i64) -> f64 {
    let Some(total_ms) = expire_after_ms else { return 1.0 };
    #[allow(clippy::cast_precision_loss)]
    let seconds = |millis: i64| (millis / 1000) as f64 + (millis % 1000 * 1_000_000) as f64 / 1e9;
    let total = seconds(total_ms);
    let remaining = total - seconds(now_ms.saturating_sub(created_ms));
    let fraction = remaining / total;
    // Not a number (0 / 0) passes, as it does through `lo.Clamp`.
    fraction.clamp(0.0, 1.0)
}

/// Nodes that a consolidation method may look at, by cost, equal ones by name, where upstream has
/// them in the random order of a map (`GetCandidates`, `sortCandidates`).
///
/// `reason` is `Empty` for emptiness, which takes empty nodes of all pools, and `Underutilized`
/// for the others, which skip pools that consolidate only when empty.
#[must_use]
pub fn candidates(cluster: Cluster<'_>, reason: Reason, settings: Settings) -> Vec<Candidate> {
    let mut pods_of: Vec<Vec<usize>> = vec![Vec::new(); cluster.nodes.len()];
    for (at, pod) in cluster.pods.iter().enumerate() {
        if let Some(node) = pod.node {
            pods_of[node].push(at);
        }
    }
    let mut candidates: Vec<Candidate> = (cluster.nodes.iter().enumerate())
        .filter_map(|(at, node)| candidate(cluster, at, node, &pods_of[at]))
        .filter(|candidate| {
            cluster.nodes[candidate.node].consolidatable
                && match reason {
                    Reason::Empty if settings.by_savings_ratio => candidate.moving_cost <= 1.0,
                    Reason::Empty => candidate.is_empty(),
                    _ => cluster.pools[candidate.pool].policy == Policy::WhenEmptyOrUnderutilized,
                }
        })
        .collect();
    // Zeros of either sign are equal; what is not a number (a life of no length) comes last.
    let order = |a: f64, b: f64| if a == b { Ordering::Equal } else { a.total_cmp(&b) };
    if settings.by_savings_ratio && reason != Reason::Empty {
        let ratio = |c: &Candidate| c.price.unwrap_or(0.0) / c.moving_cost;
        candidates.sort_by(|a, b| order(ratio(b), ratio(a)));
    } else {
        candidates.sort_by(|a, b| order(a.cost, b.cost));
    }
    candidates
}

/// `NewCandidate`: `None` if the node or a pod on it forbids disruption.
fn candidate(cluster: Cluster<'_>, at: usize, node: &Node, pods: &[usize]) -> Option<Candidate> {
    let pool = node.pool?;
    let size = node.instance_type.filter(|size| cluster.pools[pool].types.contains(size))?;
    if !node.initialized || node.deleting || node.nominated || node.do_not_disrupt {
        return None;
    }
    let held = |pod: &Pod| {
        let app = cluster.shapes[pod.shape].app;
        let by_pdb = cluster.pdbs.iter().any(|pdb| pdb.allowed == 0 && pdb.selects.contains(&app));
        !pod.terminating && (pod.do_not_disrupt || by_pdb)
    };
    if pods.iter().any(|pod| held(&cluster.pods[*pod])) {
        return None;
    }
    let costs = pods.iter().map(|pod| eviction_cost(&cluster.pods[*pod]));
    let sum = costs.fold(0.0, |sum, cost| sum + cost);
    let lifetime =
        lifetime_remaining(node.created_ms, cluster.pools[pool].expire_after_ms, cluster.now_ms);
    let moving: Vec<usize> =
        pods.iter().copied().filter(|pod| is_reschedulable(&cluster.pods[*pod])).collect();
    let moving_cost = moving.iter().fold(1.0, |sum, pod| {
        let cost = eviction_cost(&cluster.pods[*pod]);
        sum + if cost > 0.0 { cost } else { 0.0 }
    });
    let price = (cluster.types[size].offerings.iter())
        .filter(|offering| offering.is_compatible(&node.labels))
        .map(|offering| offering.price)
        .reduce(|least, price| if price < least { price } else { least });
    Some(Candidate { node: at, pool, pods: moving, cost: sum * lifetime, price, moving_cost })
}

/// How many nodes of each pool may go now (`BuildDisruptionBudgetMapping`).
#[must_use]
pub fn budgets(cluster: Cluster<'_>, reason: Reason) -> Vec<u64> {
    let mut nodes = vec![0u64; cluster.pools.len()];
    let mut busy = vec![0u64; cluster.pools.len()];
    for node in cluster.nodes {
        let (Some(pool), true) = (node.pool, node.initialized) else { continue };
        nodes[pool] += 1;
        if !node.ready || node.deleting {
            busy[pool] += 1;
        }
    }
    (cluster.pools.iter().zip(nodes).zip(busy))
        .map(|((pool, nodes), busy)| allowed(&pool.budgets, nodes, reason).saturating_sub(busy))
        .collect()
}

/// The least that the active budgets allow of so many nodes (`GetAllowedDisruptionsByReason`).
#[must_use]
pub fn allowed(budgets: &[Budget], nodes: u64, reason: Reason) -> u64 {
    let of_budget = |budget: &Budget| match budget.share {
        Share::Nodes(count) => u64::from(count),
        Share::Percent(percent) => u64::from(percent).saturating_mul(nodes).div_ceil(100),
    };
    (budgets.iter())
        .filter(|budget| budget.reasons.is_empty() || budget.reasons.contains(&reason))
        .map(of_budget)
        .fold(i32::MAX as u64, u64::min)
}
