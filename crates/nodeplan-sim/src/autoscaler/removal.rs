//! Whether a node could go: its pods placed elsewhere in the imagined cluster
//! (`simulator/cluster.go` RemovalSimulator, `simulator/scheduling/hinting_simulator.go`).

use crate::autoscaler::drain::{Blocking, DrainOptions, DrainPlan, DrainPod, drain_plan};
use crate::autoscaler::snapshot::{PlacedPod, Snapshot};

/// Why a node cannot go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unremovable {
    /// A pod keeps it, by its number.
    BlockedByPod(usize, Blocking),
    /// Its pods do not all find a place elsewhere.
    NoPlaceToMovePods,
}

/// A node that could go; pods by number, in the node's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removable {
    /// Pods that go elsewhere.
    pub to_move: Vec<usize>,
    /// Pods of DaemonSets evicted with it.
    pub daemons: Vec<usize>,
    /// Pods it waits for.
    pub awaited: Vec<usize>,
    /// Where each pod of `to_move` would go.
    pub destinations: Vec<usize>,
}

/// Where pods were placed last, by pod number: tried first. Carried from loop to loop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints(Vec<Option<usize>>);

impl Hints {
    /// The node where a pod was placed last.
    pub fn get(&self, pod: usize) -> Option<usize> {
        self.0.get(pod).copied().flatten()
    }

    /// Remembers, or with none forgets, where a pod was placed.
    pub fn set(&mut self, pod: usize, node: Option<usize>) {
        if pod >= self.0.len() {
            self.0.resize(pod + 1, None);
        }
        self.0[pod] = node;
    }
}

/// Places pods one after the other: where they were put last, else around the list of nodes. With
/// `all`, the first pod without a place ends it. The nodes found, per pod as given; placed pods
/// stay in the snapshot. Upstream's `TrySchedulePods`, as of the release that was recorded; later
/// ones first place all pods of a priority that have a usable hint.
pub fn place_pods(
    snapshot: &mut Snapshot<'_>,
    pods: &[PlacedPod],
    hints: &mut Hints,
    acceptable: impl Fn(usize) -> bool,
    all: bool,
) -> Vec<Option<usize>> {
    let mut found = vec![None; pods.len()];
    for (found, pod) in found.iter_mut().zip(pods) {
        let hinted = hints.get(pod.pod).filter(|node| {
            snapshot.has_node(*node) && acceptable(*node) && snapshot.fits(pod.shape, *node).is_ok()
        });
        *found = hinted.or_else(|| snapshot.find(pod.shape, &acceptable));
        if let Some(node) = *found {
            snapshot.place(node, *pod);
            hints.set(pod.pod, Some(node));
        } else if all {
            break;
        }
    }
    found
}

/// Whether a node could go, and if so takes it from the snapshot and moves its pods in it;
/// otherwise nothing changes. `facts` tells of a pod, by number, what the rules look at;
/// `destination` which nodes may take pods. Upstream's `SimulateNodeRemoval`.
///
/// # Errors
/// Why it cannot go.
pub fn simulate_removal<'p>(
    snapshot: &mut Snapshot<'_>,
    node: usize,
    facts: impl Fn(usize) -> DrainPod<'p>,
    options: &DrainOptions,
    allowed: &[i64],
    hints: &mut Hints,
    destination: impl Fn(usize) -> bool,
) -> Result<Removable, Unremovable> {
    let pods: Vec<PlacedPod> = snapshot.pods(node).to_vec();
    let facts = pods.iter().map(|placed| facts(placed.pod));
    let DrainPlan { to_move, daemons, awaited } = drain_plan(facts, options, allowed)
        .map_err(|(at, reason)| Unremovable::BlockedByPod(pods[at].pod, reason))?;
    let moving: Vec<PlacedPod> = to_move.iter().map(|at| pods[*at]).collect();
    let mark = snapshot.mark();
    snapshot.vacate(node);
    let elsewhere = |other: usize| other != node && destination(other);
    let found = place_pods(snapshot, &moving, hints, elsewhere, true);
    let Some(destinations) = found.into_iter().collect() else {
        snapshot.rollback(mark);
        return Err(Unremovable::NoPlaceToMovePods);
    };
    snapshot.remove_node(node);
    snapshot.keep();
    let numbers = |positions: Vec<usize>| positions.iter().map(|at| pods[*at].pod).collect();
    Ok(Removable {
        to_move: numbers(to_move),
        daemons: numbers(daemons),
        awaited: numbers(awaited),
        destinations,
    })
}

/// Uses up budgets for pods that move; `budgets` tells which select a pod. A budget may fall
/// below zero. Upstream's `RemainingPdbTracker.RemovePods`.
pub fn consume<'p>(allowed: &mut [i64], pods: &[usize], budgets: impl Fn(usize) -> &'p [usize]) {
    for pod in pods {
        for budget in budgets(*pod) {
            allowed[*budget] -= 1;
        }
    }
}

/// Whether all pods could be evicted at once; a node where not is removed last.
pub fn in_parallel<'p>(
    allowed: &[i64],
    pods: &[usize],
    budgets: impl Fn(usize) -> &'p [usize],
) -> bool {
    let mut wanted = vec![0; allowed.len()];
    for pod in pods {
        for budget in budgets(*pod) {
            wanted[*budget] += 1;
        }
    }
    wanted.iter().zip(allowed).all(|(wanted, allowed)| *wanted == 0 || wanted <= allowed)
}
