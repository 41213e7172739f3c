//! What one loop of the cluster autoscaler sees: groups, nodes, pods and budgets as plain arrays.
//!
//! Identity is a number chosen by the caller and kept for the life of the object: [`NodeKey`] for a
//! node and its machine, [`PodKey`] for a pod's UID. Everything else is an index into an array of
//! the same view. Amounts are milli-cores and bytes, times milliseconds of the caller's clock.

use std::collections::BTreeSet;

/// Identity of a machine and of the node it registers as; equal for both, never reused.
pub type NodeKey = u32;

/// Identity of a pod (its UID).
pub type PodKey = u64;

/// A taint that keeps pods away: effect `NoSchedule` or `NoExecute`. Soft taints do not filter and
/// are not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taint {
    /// Interned key.
    pub key: u32,
}

/// Allocatable, capacity, labels and taints of a node, shared by all nodes that look alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeShape {
    /// Allocatable milli-cores.
    pub cpu_milli: i64,
    /// Allocatable bytes.
    pub memory_bytes: i64,
    /// Allocatable pods.
    pub pods: i64,
    /// Capacity in milli-cores.
    pub capacity_cpu_milli: i64,
    /// Capacity in bytes.
    pub capacity_memory_bytes: i64,
    /// Interned labels (key, value) that selectors may ask for.
    pub labels: BTreeSet<(u32, u32)>,
    /// Taints of the shape (not those that the autoscaler puts).
    pub taints: Vec<Taint>,
    /// Equal for shapes whose labels are equal but for those that the comparison of similar groups
    /// ignores (`nodegroupset/compare_nodegroups.go`, Azure's list).
    pub label_class: u32,
}

/// A machine of a group as the cloud lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The machine.
    pub key: NodeKey,
    /// Its life stage.
    pub state: InstanceState,
    /// The code of a creation error (interned), if any.
    pub error: Option<u32>,
}

/// Life stage of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// Being made.
    Creating,
    /// Exists.
    Running,
    /// Being removed.
    Deleting,
}

/// A node group: a virtual machine scale set.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Fewest nodes.
    pub min: i64,
    /// Most nodes.
    pub max: i64,
    /// Shape of its new nodes: index into [`ClusterView::shapes`].
    pub shape: usize,
    /// Target size as the cloud answers now.
    pub target: i64,
    /// Machines as the cloud lists them now.
    pub instances: Vec<Instance>,
    /// Requests of `DaemonSet` pods that every new node will hold: milli-cores.
    pub daemon_cpu_milli: i64,
    /// Requests of `DaemonSet` pods that every new node will hold: bytes.
    pub daemon_memory_bytes: i64,
    /// How many `DaemonSet` pods every new node will hold.
    pub daemon_pods: i64,
    /// A request to grow is refused now.
    pub increase_fails: bool,
    /// A request to delete machines is refused now.
    pub delete_fails: bool,
    /// Priority of the priority expander: the highest whose pattern matches the group's name.
    pub priority: Option<i64>,
}

/// A registered node.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Identity.
    pub key: NodeKey,
    /// Group, if autoscaled: index into [`ClusterView::groups`].
    pub group: Option<usize>,
    /// Index into [`ClusterView::shapes`].
    pub shape: usize,
    /// Creation.
    pub created_ms: i64,
    /// The Ready condition is true.
    pub ready: bool,
    /// Last change of the Ready condition.
    pub ready_changed_ms: i64,
    /// Annotated against scale-down.
    pub scale_down_disabled: bool,
    /// Time in the `ToBeDeleted` taint (whole seconds), if the node carries it.
    pub deletion_taint_ms: Option<i64>,
    /// Carries the soft `DeletionCandidate` taint.
    pub soft_taint: bool,
    /// Key of the taint of a condition of the node, beside the taints of its shape.
    pub condition_taint: Option<u32>,
}

/// Which controller owns a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// None: nobody makes the pod anew.
    Bare,
    /// A `DaemonSet`.
    DaemonSet(u32),
    /// A `ReplicaSet`, `StatefulSet`, `Job` or `ReplicationController`.
    Replicated(u32),
    /// A controller of a kind that the autoscaler does not know.
    Custom(u32),
}

impl Owner {
    /// The controller's number, whatever its kind.
    #[must_use]
    pub fn controller(self) -> Option<(u8, u32)> {
        match self {
            Owner::Bare => None,
            Owner::DaemonSet(id) => Some((0, id)),
            Owner::Replicated(id) => Some((1, id)),
            Owner::Custom(id) => Some((2, id)),
        }
    }
}

/// Which taints a pod bears.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Toleration {
    /// All of them.
    All,
    /// Those with these keys, whatever value and effect.
    Keys(Vec<u32>),
}

impl Toleration {
    /// Whether it bears a taint with this key.
    #[must_use]
    pub fn bears(&self, key: u32) -> bool {
        match self {
            Self::All => true,
            Self::Keys(keys) => keys.contains(&key),
        }
    }
}

/// Labels and spec that pods share: pods of equal labels and equal spec have one class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodClass {
    /// Request in milli-cores, as the scheduler counts it.
    pub cpu_milli: i64,
    /// Request in bytes.
    pub memory_bytes: i64,
    /// Interned label that budgets and anti-affinity select, with its namespace.
    pub app: u32,
    /// Required node labels (key, value).
    pub selector: Vec<(u32, u32)>,
    /// Taints it bears.
    pub tolerates: Toleration,
    /// Required anti-affinity per host against pods of its own `app`.
    pub host_anti_affinity: bool,
    /// Grace period of the spec in milliseconds.
    pub grace_ms: i64,
}

/// A pod that is bound or waits for a node. Pods that ended are not listed.
#[derive(Clone, Copy, Debug)]
pub struct Pod {
    /// Identity.
    pub key: PodKey,
    /// Index into [`ClusterView::classes`].
    pub class: usize,
    /// Its controller.
    pub owner: Owner,
    /// Where it is bound: index into [`ClusterView::nodes`]; `None` waits and was found
    /// unschedulable.
    pub node: Option<usize>,
    /// Creation.
    pub created_ms: i64,
    /// `deletionTimestamp`, if it terminates.
    pub deletion_ms: Option<i64>,
    /// Priority.
    pub priority: i32,
    /// Annotation `safe-to-evict`.
    pub safe_to_evict: Option<bool>,
    /// Has storage on the node that is lost with it.
    pub local_storage: bool,
    /// Lives in `kube-system`.
    pub system: bool,
    /// Made by the kubelet from a file.
    pub mirror: bool,
}

/// A `PodDisruptionBudget`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The label it selects.
    pub app: u32,
    /// `status.disruptionsAllowed`.
    pub allowed: i64,
}

/// Everything that one loop reads.
#[derive(Clone, Debug)]
pub struct ClusterView<'a> {
    /// Time of the loop.
    pub now_ms: i64,
    /// Node shapes.
    pub shapes: &'a [NodeShape],
    /// Groups in the order of the cloud provider; their number never changes.
    pub groups: &'a [Group],
    /// Registered nodes in the order of the lister.
    pub nodes: &'a [Node],
    /// Pod classes.
    pub classes: &'a [PodClass],
    /// Pods in the order of the lister.
    pub pods: &'a [Pod],
    /// Budgets.
    pub budgets: &'a [Budget],
}
