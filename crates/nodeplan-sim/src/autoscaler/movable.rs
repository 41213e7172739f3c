//! Which pods of a node move when it goes, and which forbid it (`simulator/drainability/rules`).

use super::options::Options;
use super::scale_down::long_terminating;
use super::view::{ClusterView, Owner};

/// Why a pod must not move (`drain.BlockingPodReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Nobody, or an unknown controller, would make it anew.
    NotReplicated,
    /// It would lose storage on the node.
    LocalStorage,
    /// Annotated against eviction.
    NotSafeToEvict,
    /// A system pod without a budget.
    System,
    /// Its budget is used up.
    Budget,
}

enum Drain {
    Move,
    Stay,
    Block(Blocked),
}

/// `GetPodsToMove`: the pods that move, in the node's order, or the first obstacle. Without
/// `allowed` (what is left of each budget) budgets do not count.
pub(crate) fn pods_to_move(
    options: &Options,
    view: &ClusterView<'_>,
    pods: &[usize],
    allowed: Option<&[i64]>,
) -> Result<Vec<usize>, Blocked> {
    let mut moved = Vec::new();
    for &pod in pods {
        match drainable(options, view, pod, allowed) {
            Drain::Move => moved.push(pod),
            Drain::Stay => {}
            Drain::Block(reason) => return Err(reason),
        }
    }
    Ok(moved)
}

/// The rules in upstream's order; the first that decides wins.
fn drainable(
    options: &Options,
    view: &ClusterView<'_>,
    pod: usize,
    allowed: Option<&[i64]>,
) -> Drain {
    let it = &view.pods[pod];
    if it.mirror || long_terminating(view, pod) || matches!(it.owner, Owner::DaemonSet(_)) {
        return Drain::Stay;
    }
    if it.safe_to_evict == Some(true) {
        return Drain::Move;
    }
    let unknown =
        it.owner == Owner::Bare || (options.skip_custom && matches!(it.owner, Owner::Custom(_)));
    if unknown {
        return Drain::Block(Blocked::NotReplicated);
    }
    let app = view.classes[it.class].app;
    if options.skip_system && it.system && !view.budgets.iter().any(|budget| budget.app == app) {
        let age = view.now_ms.saturating_sub(it.created_ms);
        if options.system_pod_timeout_ms.is_none_or(|timeout| age <= timeout) {
            return Drain::Block(Blocked::System);
        }
    }
    if it.safe_to_evict == Some(false) {
        return Drain::Block(Blocked::NotSafeToEvict);
    }
    if options.skip_local_storage && it.local_storage {
        return Drain::Block(Blocked::LocalStorage);
    }
    let used_up = allowed.is_some_and(|allowed| {
        let mut budgets = view.budgets.iter().zip(allowed);
        budgets.any(|(budget, &left)| budget.app == app && left < 1)
    });
    if used_up { Drain::Block(Blocked::Budget) } else { Drain::Move }
}
