//! Which pods of a node move when it goes, and which forbid it: the rules of [`super::drain`] on a
//! view.

use super::drain::{self, Blocking, Drain, DrainOptions, DrainPod, SafeToEvict};
use super::options::Options;
use super::view::{ClusterView, Owner};

/// Budgets that select each pod class, by index.
pub(crate) fn budgets_of_classes(view: &ClusterView<'_>) -> Vec<Vec<usize>> {
    let selecting = |app: u32| {
        let budgets = view.budgets.iter().enumerate();
        budgets.filter(|(_, budget)| budget.app == app).map(|(at, _)| at).collect()
    };
    view.classes.iter().map(|class| selecting(class.app)).collect()
}

/// Whether nothing would have to move and nothing forbids that the node goes
/// (`EmptySorting.isNodeEmpty`, which knows of no budgets).
pub(crate) fn is_empty(options: &Options, view: &ClusterView<'_>, pods: &[usize]) -> bool {
    let rules = rules(options);
    pods.iter().all(|&pod| {
        let drain = drain::drain(&facts(view, pod, &[]), &rules, &[]);
        matches!(drain, Drain::Skip | Drain::Daemon | Drain::Await)
    })
}

/// `GetPodsToMove`: the pods that move, in the node's order, or the first that must not and why. `budgets` are
/// those that select each class, and what is left of each.
pub(crate) fn pods_to_move(
    options: &Options,
    view: &ClusterView<'_>,
    pods: &[usize],
    (budgets, allowed): (&[Vec<usize>], &[i64]),
) -> Result<Vec<usize>, (usize, Blocking)> {
    let rules = rules(options);
    let mut moved = Vec::new();
    for &pod in pods {
        let selecting = &budgets[view.pods[pod].class];
        match drain::drain(&facts(view, pod, selecting), &rules, allowed) {
            Drain::Move => moved.push(pod),
            Drain::Skip | Drain::Daemon | Drain::Await => {}
            Drain::Block(reason) => return Err((pod, reason)),
        }
    }
    Ok(moved)
}

fn rules(options: &Options) -> DrainOptions {
    DrainOptions {
        skip_custom: options.skip_custom,
        skip_local: options.skip_local_storage,
        skip_system: options.skip_system,
        system_timeout_millis: options.system_pod_timeout_ms,
        min_replicas: 0,
    }
}

fn facts<'p>(view: &ClusterView<'_>, pod: usize, budgets: &'p [usize]) -> DrainPod<'p> {
    let it = &view.pods[pod];
    DrainPod {
        owner: match it.owner {
            Owner::Bare => drain::Owner::None,
            Owner::DaemonSet(_) => drain::Owner::DaemonSet,
            Owner::Replicated(_) => drain::Owner::Replicated,
            Owner::Custom(_) => drain::Owner::Custom,
        },
        mirror: it.mirror,
        safe_to_evict: match it.safe_to_evict {
            None => SafeToEvict::Unset,
            Some(true) => SafeToEvict::Yes,
            Some(false) => SafeToEvict::No,
        },
        system: it.system,
        local_storage: it.local_storage,
        age_millis: view.now_ms.saturating_sub(it.created_ms),
        deleted_millis_ago: it.deletion_ms.map(|deletion| view.now_ms.saturating_sub(deletion)),
        grace_millis: view.classes[it.class].grace_ms,
        budgets,
        ..DrainPod::default()
    }
}
