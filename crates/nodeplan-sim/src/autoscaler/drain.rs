//! Which pods keep a node from being removed, and which have to go elsewhere
//! (`simulator/drainability/rules`, `simulator/drain.go`, `core/scaledown/pdb`).

/// Grace after a pod's own grace period before it counts as gone, in milliseconds.
pub const LEAVING_EXTRA_MILLIS: i64 = 30_000;

/// Who owns a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// Nobody: a bare pod.
    #[default]
    None,
    /// A ReplicaSet, ReplicationController, StatefulSet or Job.
    Replicated,
    /// A DaemonSet.
    DaemonSet,
    /// A controller of another kind.
    Custom,
}

/// The annotation `cluster-autoscaler.kubernetes.io/safe-to-evict`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SafeToEvict {
    /// Not there.
    #[default]
    Unset,
    /// "true".
    Yes,
    /// "false".
    No,
    /// The node waits until the pod has finished.
    OnCompletion,
}

/// What of a pod decides whether its node may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainPod<'p> {
    /// Its owner.
    pub owner: Owner,
    /// Replicas its ReplicaSet or ReplicationController wants; none for other owners.
    pub replicas: Option<i64>,
    /// Its owner no longer exists.
    pub owner_gone: bool,
    /// A mirror (static) pod.
    pub mirror: bool,
    /// Eviction annotation.
    pub safe_to_evict: SafeToEvict,
    /// Finished for good, see [`is_terminal`].
    pub terminal: bool,
    /// Of namespace `kube-system`.
    pub system: bool,
    /// Uses a hostPath, or an emptyDir not in memory, that no annotation declares dispensable.
    pub local_storage: bool,
    /// Time since its creation, in milliseconds.
    pub age_millis: i64,
    /// Time since its deletion was asked for, in milliseconds.
    pub deleted_millis_ago: Option<i64>,
    /// Grace period, in milliseconds; 30,000 unless set.
    pub grace_millis: i64,
    /// PodDisruptionBudgets that select it, by number.
    pub budgets: &'p [usize],
}

/// Which rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainOptions {
    /// Pods of unknown controllers block (`skip-nodes-with-custom-controller-pods`).
    pub skip_custom: bool,
    /// Pods with local storage block (`skip-nodes-with-local-storage`).
    pub skip_local: bool,
    /// Pods of `kube-system` without budget block (`skip-nodes-with-system-pods`).
    pub skip_system: bool,
    /// They block only so long after their creation, in milliseconds; none: for ever, as before
    /// release 1.33.
    pub system_timeout_millis: Option<i64>,
    /// Pods of smaller controllers block (`min-replica-count`); 0 is inert.
    pub min_replicas: i64,
}

impl Default for DrainOptions {
    /// As AKS runs it.
    fn default() -> Self {
        Self {
            skip_custom: true,
            skip_local: false,
            skip_system: true,
            system_timeout_millis: Some(3_600_000),
            min_replicas: 0,
        }
    }
}

/// Why a pod keeps its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// Its controller does not exist.
    ControllerNotFound,
    /// Its controller has too few replicas.
    MinReplicasReached,
    /// Nothing would bring it back.
    NotReplicated,
    /// It has local storage.
    LocalStorageRequested,
    /// Its annotation forbids it.
    NotSafeToEvictAnnotation,
    /// A system pod without budget.
    UnmovableKubeSystemPod,
    /// Its budget is used up.
    NotEnoughPdb,
}

impl Blocking {
    /// Upstream's number of the reason.
    pub fn code(self) -> u8 {
        match self {
            Self::ControllerNotFound => 1,
            Self::MinReplicasReached => 2,
            Self::NotReplicated => 3,
            Self::LocalStorageRequested => 4,
            Self::NotSafeToEvictAnnotation => 5,
            Self::UnmovableKubeSystemPod => 6,
            Self::NotEnoughPdb => 7,
        }
    }
}

/// What becomes of a pod if its node is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// It needs no place elsewhere.
    Skip,
    /// It goes with the node: a DaemonSet's.
    Daemon,
    /// It must find a place elsewhere.
    Move,
    /// The node waits for it, and it needs no place elsewhere.
    Await,
    /// The node cannot go.
    Block(Blocking),
}

/// What becomes of a pod: the first rule that decides, in upstream's order
/// (`rules.go` Default). `allowed` holds what is left of each budget.
pub fn drain(pod: &DrainPod<'_>, options: &DrainOptions, allowed: &[i64]) -> Drain {
    let gone = is_long_terminating(pod.deleted_millis_ago, pod.grace_millis, LEAVING_EXTRA_MILLIS);
    if pod.mirror || gone {
        return Drain::Skip;
    }
    if options.skip_custom && pod.owner_gone {
        return Drain::Block(Blocking::ControllerNotFound);
    }
    if options.skip_custom && pod.replicas.is_some_and(|count| count < options.min_replicas) {
        return Drain::Block(Blocking::MinReplicasReached);
    }
    if pod.owner == Owner::DaemonSet {
        return Drain::Daemon;
    }
    if pod.safe_to_evict == SafeToEvict::Yes || pod.terminal {
        return Drain::Move;
    }
    if pod.safe_to_evict == SafeToEvict::OnCompletion {
        return Drain::Await;
    }
    if pod.owner == Owner::None || options.skip_custom && pod.owner == Owner::Custom {
        return Drain::Block(Blocking::NotReplicated);
    }
    if options.skip_system && pod.system && pod.budgets.is_empty() {
        let is_over = |timeout: i64| pod.age_millis > timeout;
        if !options.system_timeout_millis.is_some_and(is_over) {
            return Drain::Block(Blocking::UnmovableKubeSystemPod);
        }
    }
    if pod.safe_to_evict == SafeToEvict::No {
        return Drain::Block(Blocking::NotSafeToEvictAnnotation);
    }
    if options.skip_local && pod.local_storage {
        return Drain::Block(Blocking::LocalStorageRequested);
    }
    if pod.budgets.iter().any(|budget| allowed[*budget] < 1) {
        return Drain::Block(Blocking::NotEnoughPdb);
    }
    Drain::Move
}

/// Phase of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Pending or running.
    Active,
    /// All containers ended well.
    Succeeded,
    /// Containers ended badly, or the kubelet refused or evicted it.
    Failed,
}

/// Restart policy of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Always.
    Always,
    /// OnFailure.
    OnFailure,
    /// Never.
    Never,
}

/// Whether a pod will not run again: upstream's `IsPodTerminal`.
pub fn is_terminal(phase: Phase, policy: RestartPolicy) -> bool {
    match phase {
        Phase::Active => false,
        Phase::Succeeded => policy != RestartPolicy::Always,
        Phase::Failed => true,
    }
}

/// Whether a pod should have been gone for some time: upstream's `IsPodLongTerminating`.
pub fn is_long_terminating(
    deleted_millis_ago: Option<i64>,
    grace_millis: i64,
    extra_millis: i64,
) -> bool {
    deleted_millis_ago.is_some_and(|ago| ago > grace_millis.saturating_add(extra_millis))
}

/// What a node's pods mean for its removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainPlan {
    /// Pods that must find a place elsewhere, by position.
    pub to_move: Vec<usize>,
    /// Pods of DaemonSets that are evicted with the node, by position.
    pub daemons: Vec<usize>,
    /// Pods that the node waits for, by position.
    pub awaited: Vec<usize>,
}

/// Sorts the pods of a node: upstream's `GetPodsToMove`.
///
/// # Errors
/// The first pod that keeps the node, by position, and why.
pub fn drain_plan<'p>(
    pods: impl IntoIterator<Item = DrainPod<'p>>,
    options: &DrainOptions,
    allowed: &[i64],
) -> Result<DrainPlan, (usize, Blocking)> {
    let mut plan = DrainPlan::default();
    for (at, pod) in pods.into_iter().enumerate() {
        match drain(&pod, options, allowed) {
            Drain::Skip => {}
            Drain::Daemon => plan.daemons.push(at),
            Drain::Move => plan.to_move.push(at),
            Drain::Await => plan.awaited.push(at),
            Drain::Block(reason) => return Err((at, reason)),
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_decides_counts() {
        let web = DrainPod {
            owner: Owner::Replicated,
            grace_millis: 30_000,
            age_millis: 60_000,
            ..DrainPod::default()
        };
        let system = DrainPod { system: true, ..web };
        let hour = 3_600_000;
        use Blocking::*;
        for (pod, expected) in [
            (web, Drain::Move),
            (DrainPod { mirror: true, owner: Owner::None, ..web }, Drain::Skip),
            (DrainPod { deleted_millis_ago: Some(60_000), ..web }, Drain::Move),
            (DrainPod { deleted_millis_ago: Some(60_001), ..web }, Drain::Skip),
            (DrainPod { owner: Owner::DaemonSet, ..system }, Drain::Daemon),
            (DrainPod { owner: Owner::None, ..web }, Drain::Block(NotReplicated)),
            (DrainPod { owner: Owner::Custom, ..web }, Drain::Block(NotReplicated)),
            (DrainPod { owner_gone: true, ..web }, Drain::Block(ControllerNotFound)),
            (DrainPod { replicas: Some(-1), ..web }, Drain::Block(MinReplicasReached)),
            (DrainPod { owner: Owner::None, terminal: true, ..web }, Drain::Move),
            (DrainPod { safe_to_evict: SafeToEvict::Yes, ..system }, Drain::Move),
            (DrainPod { safe_to_evict: SafeToEvict::OnCompletion, ..system }, Drain::Await),
            (
                DrainPod { safe_to_evict: SafeToEvict::No, ..web },
                Drain::Block(NotSafeToEvictAnnotation),
            ),
            (system, Drain::Block(UnmovableKubeSystemPod)),
            (DrainPod { age_millis: hour, ..system }, Drain::Block(UnmovableKubeSystemPod)),
            (DrainPod { age_millis: hour + 1, ..system }, Drain::Move),
            (DrainPod { budgets: &[0], ..system }, Drain::Move),
            (DrainPod { budgets: &[0, 1], ..web }, Drain::Block(NotEnoughPdb)),
            (DrainPod { local_storage: true, ..web }, Drain::Move),
        ] {
            assert_eq!(drain(&pod, &DrainOptions::default(), &[1, 0]), expected, "{pod:?}");
        }
        let local = DrainPod { local_storage: true, ..web };
        let strict = DrainOptions { skip_local: true, ..DrainOptions::default() };
        assert_eq!(drain(&local, &strict, &[]), Drain::Block(LocalStorageRequested));
        let for_ever = DrainOptions { system_timeout_millis: None, ..DrainOptions::default() };
        let old = DrainPod { age_millis: i64::MAX, ..system };
        assert_eq!(drain(&old, &for_ever, &[]), Drain::Block(UnmovableKubeSystemPod));
    }
}
