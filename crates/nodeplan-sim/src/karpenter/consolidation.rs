//! Emptiness, multi-node and single-node consolidation (`disruption/emptiness.go`,
//! `multinodeconsolidation.go`, `singlenodeconsolidation.go`, `consolidation.go`).
//!
//! Each answers what to do now; waiting 15 s ([`super::timing`]) is the caller's, who then asks
//! whether it still holds ([`still_empty`], [`still_holds`]).

use super::disruption::{Candidate, budgets, candidates, is_reschedulable_now};
use super::nouns::{Cluster, Reason, Settings, spot_only};
use super::provision::{Claim, Placement, missing_values, order_by_price, place};
use super::requirement::{Key, Requirements, Value};
use super::topology::Pick;

/// Instance types a lone spot node's replacement must have to choose from
/// (`MinInstanceTypesForSpotToSpotConsolidation`).
pub const SPOT_FLEXIBILITY: usize = 15;
/// Nodes that multi-node consolidation looks at, at most.
pub const MULTI_NODE_BATCH: usize = 100;

/// What to do.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Nodes to remove, in order; none is a no-op.
    pub removed: Vec<usize>,
    /// The node to make first.
    pub replacement: Option<Claim>,
    /// Pod and existing node it is expected to go to.
    pub placed: Vec<(usize, usize)>,
}

impl Command {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.removed.is_empty()
    }
}

/// Removes empty nodes, all that the budgets allow.
#[must_use]
pub fn emptiness(cluster: Cluster<'_>, settings: Settings) -> Command {
    let mut budgets = budgets(cluster, Reason::Empty);
    let mut command = Command::default();
    for candidate in candidates(cluster, Reason::Empty, settings) {
        if budgets[candidate.pool] > 0 {
            budgets[candidate.pool] -= 1;
            command.removed.push(candidate.node);
        }
    }
    command
}

/// Removes as many of the cheapest nodes to disrupt as fit elsewhere with at most one new node.
#[must_use]
pub fn multi_node(cluster: Cluster<'_>, settings: Settings, pick: Pick<'_>) -> Command {
    let mut budgets = budgets(cluster, Reason::Underutilized);
    let mut disruptable = Vec::new();
    for candidate in candidates(cluster, Reason::Underutilized, settings) {
        if budgets[candidate.pool] == 0 || candidate.is_empty() {
            continue;
        }
        budgets[candidate.pool] -= 1;
        disruptable.push(candidate);
    }
    let mut best = Command::default();
    if disruptable.len() < 2 {
        return best;
    }
    let (mut low, mut high) = (1, MULTI_NODE_BATCH.min(disruptable.len() - 1));
    while low <= high {
        let middle = usize::midpoint(low, high);
        let batch = &disruptable[..=middle];
        let mut command = consolidate(cluster, batch, settings, pick);
        if let Some(claim) = &mut command.replacement
            && !keep_cheaper_than_removed(cluster, claim, batch)
        {
            command = Command::default();
        }
        if command.is_none() {
            high = middle - 1;
        } else {
            best = command;
            low = middle + 1;
        }
    }
    best
}

/// Removes the first node whose pods fit elsewhere or on one cheaper node. Pools take turns in
/// the order of `pools`, where upstream takes any order; those not listed are not looked at.
#[must_use]
pub fn single_node(
    cluster: Cluster<'_>,
    settings: Settings,
    pools: &[usize],
    pick: Pick<'_>,
) -> Command {
    let budgets = budgets(cluster, Reason::Underutilized);
    let all = candidates(cluster, Reason::Underutilized, settings);
    let mut of_pool: Vec<Vec<&Candidate>> = vec![Vec::new(); cluster.pools.len()];
    for candidate in &all {
        of_pool[candidate.pool].push(candidate);
    }
    let rounds = pools.iter().map(|pool| of_pool[*pool].len()).max().unwrap_or(0);
    for round in 0..rounds {
        for pool in pools {
            let Some(candidate) = of_pool[*pool].get(round) else { continue };
            if budgets[*pool] == 0 || candidate.is_empty() {
                continue;
            }
            let alone = std::slice::from_ref(*candidate);
            let command = consolidate(cluster, alone, settings, pick);
            if !command.is_none() {
                return command;
            }
        }
    }
    Command::default()
}

/// Which of the nodes of an [`emptiness`] command may still go (`validation.go`, which drops those
/// that got pods since).
#[must_use]
pub fn still_empty(cluster: Cluster<'_>, settings: Settings, removed: &[usize]) -> Vec<usize> {
    let mut budgets = budgets(cluster, Reason::Empty);
    let mut left = Vec::new();
    for candidate in candidates(cluster, Reason::Empty, settings) {
        if removed.contains(&candidate.node) && budgets[candidate.pool] > 0 {
            budgets[candidate.pool] -= 1;
            left.push(candidate.node);
        }
    }
    left
}

/// Whether a command of [`multi_node`] or [`single_node`] still holds: all its nodes may go, and
/// their pods need no more than the node it makes, of any of the types it names (`validation.go`).
pub fn still_holds(
    cluster: Cluster<'_>,
    settings: Settings,
    command: &Command,
    pick: Pick<'_>,
) -> bool {
    let mut budgets = budgets(cluster, Reason::Underutilized);
    let all = candidates(cluster, Reason::Underutilized, settings);
    let mut removed = Vec::new();
    for node in &command.removed {
        let Some(candidate) = all.iter().find(|candidate| candidate.node == *node) else {
            return false;
        };
        if budgets[candidate.pool] == 0 {
            return false;
        }
        budgets[candidate.pool] -= 1;
        removed.push(candidate.clone());
    }
    let Some(placement) = simulate(cluster, &removed, settings, pick) else { return false };
    match (&command.replacement, &placement.claims[..]) {
        (None, []) => !removed.is_empty(),
        (Some(planned), [now]) => planned.types.iter().all(|size| now.types.contains(size)),
        _ => false,
    }
}

/// Where the pods would go without the candidates (`SimulateScheduling`); `None` if some pod that
/// runs now would not.
fn simulate(
    cluster: Cluster<'_>,
    removed: &[Candidate],
    settings: Settings,
    pick: Pick<'_>,
) -> Option<Placement> {
    let mut is_removed = vec![false; cluster.nodes.len()];
    for candidate in removed {
        is_removed[candidate.node] = true;
    }
    let nodes: Vec<usize> = (0..cluster.nodes.len())
        .filter(|node| !is_removed[*node] && !cluster.nodes[*node].deleting)
        .collect();
    let moves = |at: &usize| {
        let pod = &cluster.pods[*at];
        match pod.node {
            None => !pod.daemon && !pod.terminating,
            Some(node) => {
                (is_removed[node] || cluster.nodes[node].deleting)
                    && is_reschedulable_now(cluster, pod)
            }
        }
    };
    let pods: Vec<usize> = (0..cluster.pods.len()).filter(moves).collect();
    let placement = place(cluster, &nodes, &pods, settings, pick);
    let runs = |pod: usize| cluster.pods[pod].node.is_some();
    // A node that is not initialized may never be; only pods of nodes already going may count
    // on it, and pods that wait anyway.
    let unsure = |(pod, node): &(usize, usize)| {
        let from = cluster.pods[*pod].node;
        !cluster.nodes[*node].initialized && from.is_some_and(|from| !cluster.nodes[from].deleting)
    };
    let fails =
        placement.unplaced.iter().any(|pod| runs(*pod)) || placement.placed.iter().any(unsure);
    (!fails).then_some(placement)
}

/// `computeConsolidation`.
fn consolidate(
    cluster: Cluster<'_>,
    removed: &[Candidate],
    settings: Settings,
    pick: Pick<'_>,
) -> Command {
    let Some(mut placement) = simulate(cluster, removed, settings, pick) else {
        return Command::default();
    };
    let mut command = Command {
        removed: removed.iter().map(|candidate| candidate.node).collect(),
        replacement: None,
        placed: placement.placed,
    };
    if placement.claims.is_empty() {
        return command;
    }
    let (Some(claim), true) = (placement.claims.pop(), placement.claims.is_empty()) else {
        return Command::default();
    };
    let price = removed.iter().try_fold(0.0, |sum, candidate| Some(sum + candidate.price?));
    let Some(price) = price else { return Command::default() };
    command.replacement = cheaper(cluster, claim, removed, price, settings);
    if command.replacement.is_some() { command } else { Command::default() }
}

/// The claim with the types that are sure to cost less than `price`.
fn cheaper(
    cluster: Cluster<'_>,
    mut claim: Claim,
    removed: &[Candidate],
    price: f64,
    settings: Settings,
) -> Option<Claim> {
    order_by_price(cluster, &mut claim.types, &claim.requirements);
    let may_be = |requirements: &Requirements, capacity_type: Value| {
        requirements.has(Key::CAPACITY_TYPE, capacity_type)
    };
    let all_spot = removed.iter().all(|candidate| {
        let label = cluster.nodes[candidate.node].labels.get(Key::CAPACITY_TYPE);
        label.and_then(super::requirement::Requirement::only) == Some(Value::SPOT)
    });
    let spot_to_spot = all_spot && may_be(&claim.requirements, Value::SPOT);
    if spot_to_spot {
        if !settings.spot_to_spot {
            return None;
        }
        claim.requirements.add(Key::CAPACITY_TYPE, &spot_only());
    }
    if !keep_below(cluster, &mut claim, price) {
        return None;
    }
    if spot_to_spot && removed.len() == 1 {
        if claim.types.len() < SPOT_FLEXIBILITY {
            return None;
        }
        let needed = types_for_min_values(cluster, &claim);
        claim.types.truncate(SPOT_FLEXIBILITY.max(needed));
    }
    if may_be(&claim.requirements, Value::SPOT) && may_be(&claim.requirements, Value::ON_DEMAND) {
        // The price was compared with spot, so on-demand must not come instead.
        claim.requirements.add(Key::CAPACITY_TYPE, &spot_only());
    }
    Some(claim)
}

/// Keeps the types that cost less than `price` at worst; whether they are enough
/// (`RemoveInstanceTypeOptionsByPriceAndMinValues`).
fn keep_below(cluster: Cluster<'_>, claim: &mut Claim, price: f64) -> bool {
    let requirements = &claim.requirements;
    claim.types.retain(|at| cluster.types[*at].worst_launch_price(requirements) < price);
    !claim.types.is_empty() && missing_values(cluster, &claim.types, requirements).is_empty()
}

/// How many of the cheapest types satisfy every minimum of values.
fn types_for_min_values(cluster: Cluster<'_>, claim: &Claim) -> usize {
    if !claim.requirements.has_min_values() {
        return 0;
    }
    let enough = |count: &usize| {
        missing_values(cluster, &claim.types[..*count], &claim.requirements).is_empty()
    };
    (1..=claim.types.len()).find(enough).unwrap_or(claim.types.len())
}

/// If the replacement could be of a removed type, keeps only types cheaper than the cheapest such
/// node: else keeping that node and removing the others would do. Whether any is left
/// (`filterOutSameInstanceType`).
fn keep_cheaper_than_removed(
    cluster: Cluster<'_>,
    claim: &mut Claim,
    removed: &[Candidate],
) -> bool {
    let same = removed.iter().filter(|candidate| {
        cluster.nodes[candidate.node].instance_type.is_some_and(|size| claim.types.contains(&size))
    });
    let price = same
        .filter_map(|candidate| candidate.price)
        .fold(f64::MAX, |least, price| if price < least { price } else { least });
    keep_below(cluster, claim, price)
}
