//! What node auto-provisioning sees: instance types with offerings, node pools, pods, nodes and
//! disruption budgets. Plain data; places in lists are the identities.

use super::requirement::{Key, Requirement, Requirements, Value};

/// An amount of every resource. Signed: what is left of a limit may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU in milli-cores.
    pub cpu_milli: i64,
    /// Memory in bytes.
    pub memory_bytes: i64,
    /// Pod slots; a pod asks for one.
    pub pods: i64,
    /// Whole GPUs.
    pub gpus: i64,
    /// Ephemeral storage in bytes.
    pub ephemeral_bytes: i64,
}

impl Amounts {
    fn zip(self, other: Self, f: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            cpu_milli: f(self.cpu_milli, other.cpu_milli),
            memory_bytes: f(self.memory_bytes, other.memory_bytes),
            pods: f(self.pods, other.pods),
            gpus: f(self.gpus, other.gpus),
            ephemeral_bytes: f(self.ephemeral_bytes, other.ephemeral_bytes),
        }
    }

    /// The sum, at the numeric bounds at most.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.zip(other, i64::saturating_add)
    }

    /// The difference, at the numeric bounds at most.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.zip(other, i64::saturating_sub)
    }

    /// The larger of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.zip(other, i64::max)
    }

    /// Whether each is within `room`; nothing fits where some room is negative (`resources.Fits`).
    #[must_use]
    pub const fn fits(self, room: Self) -> bool {
        room.cpu_milli >= 0
            && room.memory_bytes >= 0
            && room.pods >= 0
            && room.gpus >= 0
            && room.ephemeral_bytes >= 0
            && self.cpu_milli <= room.cpu_milli
            && self.memory_bytes <= room.memory_bytes
            && self.pods <= room.pods
            && self.gpus <= room.gpus
            && self.ephemeral_bytes <= room.ephemeral_bytes
    }
}

/// One way to buy an instance type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offering {
    /// Value of [`Key::ZONE`].
    pub zone: Value,
    /// Value of [`Key::CAPACITY_TYPE`].
    pub capacity_type: Value,
    /// Dollars per hour, as float64: upstream compares and adds them so.
    pub price: f64,
    /// Whether it can be bought now; an offering out of stock still tells what a node costs.
    pub available: bool,
}

impl Offering {
    /// Whether a node under `requirements` may be of this offering.
    #[must_use]
    pub fn is_compatible(&self, requirements: &Requirements) -> bool {
        requirements.has(Key::ZONE, self.zone)
            && requirements.has(Key::CAPACITY_TYPE, self.capacity_type)
    }
}

/// A size with its prices (`cloudprovider.InstanceType`).
#[derive(Clone, Debug)]
pub struct InstanceType {
    /// Labels that nodes of this size get, with every value they can get now: zones and capacity
    /// types are those of the available offerings, so that spread does not wait for a zone that
    /// is out of stock.
    pub requirements: Requirements,
    /// All of the machine, as limits count it.
    pub capacity: Amounts,
    /// What pods and `DaemonSets` may use.
    pub allocatable: Amounts,
    /// The ways to buy it.
    pub offerings: Vec<Offering>,
}

impl InstanceType {
    /// The least price of an available offering under `requirements`; the largest float64 if none.
    #[must_use]
    pub fn cheapest(&self, requirements: &Requirements) -> f64 {
        self.offerings
            .iter()
            .filter(|offering| offering.available && offering.is_compatible(requirements))
            .map(|offering| offering.price)
            .fold(f64::MAX, |least, price| if price < least { price } else { least })
    }

    /// What a node of this size may cost at worst (`WorstLaunchPrice`): the dearest available
    /// offering of the capacity type that would be tried first.
    #[must_use]
    pub fn worst_launch_price(&self, requirements: &Requirements) -> f64 {
        for capacity_type in [Value::RESERVED, Value::SPOT, Value::ON_DEMAND] {
            let dearest = self
                .offerings
                .iter()
                .filter(|offering| {
                    offering.available
                        && offering.capacity_type == capacity_type
                        && offering.is_compatible(requirements)
                })
                .map(|offering| offering.price)
                .reduce(|most, price| if price > most { price } else { most });
            if let Some(price) = dearest {
                return price;
            }
        }
        f64::MAX
    }
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Keeps them away.
    NoSchedule,
    /// Keeps them away if it can; Karpenter heeds it until preferences are dropped.
    PreferNoSchedule,
    /// Keeps them away and drives them out.
    NoExecute,
}

/// A taint; key and value are numbered by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: u32,
    /// Its value.
    pub value: u32,
    /// What it does.
    pub effect: Effect,
}

/// A toleration; what is `None` matches everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toleration {
    /// The key, `None` for every key.
    pub key: Option<u32>,
    /// The value, `None` for operator `Exists`.
    pub value: Option<u32>,
    /// The effect, `None` for every effect.
    pub effect: Option<Effect>,
}

/// Whether every taint is tolerated (`Taints.ToleratesPod`), preferences included.
#[must_use]
pub fn tolerates(tolerations: &[Toleration], taints: &[Taint]) -> bool {
    taints.iter().all(|taint| {
        tolerations.iter().any(|toleration| {
            toleration.key.is_none_or(|key| key == taint.key)
                && toleration.value.is_none_or(|value| value == taint.value)
                && toleration.effect.is_none_or(|effect| effect == taint.effect)
        })
    })
}

/// A topology spread constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The label whose values are the domains.
    pub key: Key,
    /// How much fuller than the emptiest domain one may be.
    pub max_skew: i32,
    /// With fewer domains than this the emptiest counts as empty.
    pub min_domains: Option<i32>,
    /// `ScheduleAnyway`: dropped if the pod fits nowhere else.
    pub soft: bool,
    /// The apps ([`Shape::app`]) whose pods count.
    pub selects: Vec<u32>,
    /// `nodeAffinityPolicy: Ignore`: nodes the pod may not use count too.
    pub ignore_affinity: bool,
    /// `nodeTaintsPolicy: Honor`: nodes with taints the pod does not tolerate do not count.
    pub honor_taints: bool,
}

/// A pod affinity or anti-affinity term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// The label whose values are the domains.
    pub key: Key,
    /// The apps ([`Shape::app`]) whose pods attract or repel.
    pub selects: Vec<u32>,
    /// The weight of a preference, `None` if required.
    pub weight: Option<i32>,
}

/// What pods of one template ask for.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// The number that selectors know these pods by.
    pub app: u32,
    /// Requests of one pod, its slot included.
    pub requests: Amounts,
    /// `nodeSelector`.
    pub selector: Requirements,
    /// Terms of required node affinity, of which one must hold.
    pub required: Vec<Requirements>,
    /// Preferred node affinity: weight and term.
    pub preferred: Vec<(i32, Requirements)>,
    /// Tolerations.
    pub tolerations: Vec<Toleration>,
    /// Topology spread constraints.
    pub spread: Vec<Spread>,
    /// Pod affinity.
    pub affinity: Vec<Term>,
    /// Pod anti-affinity.
    pub anti_affinity: Vec<Term>,
    /// Host ports in use by the pod.
    pub host_ports: Vec<u16>,
}

/// A pod, bound or pending.
#[derive(Clone, Debug, Default)]
pub struct Pod {
    /// Place of its template in [`Cluster::shapes`].
    pub shape: usize,
    /// Place of its node in [`Cluster::nodes`]; `None` is pending and provisionable.
    pub node: Option<usize>,
    /// When it was made, in milliseconds.
    pub created_ms: i64,
    /// Breaks ties of creation.
    pub uid: u64,
    /// Belongs to a `DaemonSet`: stays with its node.
    pub daemon: bool,
    /// On its way out; neither moved nor counted.
    pub terminating: bool,
    /// Annotation `karpenter.sh/do-not-disrupt`.
    pub do_not_disrupt: bool,
    /// Annotation `controller.kubernetes.io/pod-deletion-cost`.
    pub deletion_cost: Option<f64>,
    /// Priority.
    pub priority: Option<i32>,
}

/// When nodes of a pool may be consolidated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Only nodes without pods that would have to move.
    WhenEmpty,
    /// Also where the pods fit elsewhere or on a cheaper node.
    #[default]
    WhenEmptyOrUnderutilized,
}

/// Why a node is disrupted; budgets may be limited to some reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No pod would have to move.
    Empty,
    /// Its pods fit elsewhere or on a cheaper node.
    Underutilized,
    /// It no longer is what its pool says.
    Drifted,
}

/// How many nodes a budget lets go at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Nodes(u32),
    /// So many in a hundred, rounded up.
    Percent(u32),
}

/// A disruption budget of a pool. Schedules are the caller's: a budget outside its window is not
/// listed.
#[derive(Clone, Debug)]
pub struct Budget {
    /// How many.
    pub share: Share,
    /// For these reasons only; empty is all.
    pub reasons: Vec<Reason>,
}

/// A node pool, in the order of `OrderByWeight`: weight descending, then name descending.
#[derive(Clone, Debug, Default)]
pub struct NodePool {
    /// Requirements and labels of its nodes.
    pub requirements: Requirements,
    /// Taints of its nodes.
    pub taints: Vec<Taint>,
    /// Total capacity of its nodes may not exceed these; `None` is no limit.
    pub limits: Limits,
    /// Places of its instance types in [`Cluster::types`], in the provider's order.
    pub types: Vec<usize>,
    /// Requests of the `DaemonSet` pods that every new node gets, their slots included.
    pub daemons: Amounts,
    /// Host ports that these pods take.
    pub daemon_ports: Vec<u16>,
    /// When its nodes may be consolidated.
    pub policy: Policy,
    /// Active disruption budgets.
    pub budgets: Vec<Budget>,
    /// Age at which its nodes expire, in milliseconds; `None` is never.
    pub expire_after_ms: Option<i64>,
}

/// Limits of a pool; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// CPU in milli-cores.
    pub cpu_milli: Option<i64>,
    /// Memory in bytes.
    pub memory_bytes: Option<i64>,
    /// Whole GPUs.
    pub gpus: Option<i64>,
    /// Nodes.
    pub nodes: Option<i64>,
}

impl Limits {
    /// Whether a node of this capacity is within what is left (`filterByRemainingResources`).
    #[must_use]
    pub fn allow(&self, capacity: Amounts) -> bool {
        self.cpu_milli.is_none_or(|left| capacity.cpu_milli <= left)
            && self.memory_bytes.is_none_or(|left| capacity.memory_bytes <= left)
            && self.gpus.is_none_or(|left| capacity.gpus <= left)
            && self.nodes.is_none_or(|left| 1 <= left)
    }

    /// What is left after a node of this capacity.
    #[must_use]
    pub fn less(&self, capacity: Amounts) -> Self {
        let less = |left: Option<i64>, used: i64| left.map(|left| left.saturating_sub(used));
        Self {
            cpu_milli: less(self.cpu_milli, capacity.cpu_milli),
            memory_bytes: less(self.memory_bytes, capacity.memory_bytes),
            gpus: less(self.gpus, capacity.gpus),
            nodes: less(self.nodes, 1),
        }
    }
}

/// A node that exists or is on its way.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Node {
    /// Its pool; `None` if Karpenter does not manage it.
    pub pool: Option<usize>,
    /// Place of its size in [`Cluster::types`].
    pub instance_type: Option<usize>,
    /// Its labels, the host name included.
    pub labels: Requirements,
    /// Its taints, without those that go once it is initialized.
    pub taints: Vec<Taint>,
    /// All of the machine.
    pub capacity: Amounts,
    /// What pods may use.
    pub allocatable: Amounts,
    /// Requests of `DaemonSet` pods that will still come.
    pub daemons_to_come: Amounts,
    /// When it was made, in milliseconds.
    pub created_ms: i64,
    /// Registered, ready once, start-up taints gone.
    pub initialized: bool,
    /// Condition `Ready`.
    pub ready: bool,
    /// Marked for deletion.
    pub deleting: bool,
    /// Annotation `karpenter.sh/do-not-disrupt`.
    pub do_not_disrupt: bool,
    /// Pods were promised to it a moment ago.
    pub nominated: bool,
    /// Condition `Consolidatable`: see [`super::timing::consolidatable`].
    pub consolidatable: bool,
}

/// A `PodDisruptionBudget`.
#[derive(Clone, Debug)]
pub struct Pdb {
    /// The apps ([`Shape::app`]) it covers.
    pub selects: Vec<u32>,
    /// `status.disruptionsAllowed`.
    pub allowed: i64,
    /// Its spec never allows any (`maxUnavailable: 0` and the like).
    pub fully_blocking: bool,
}

/// Everything the controllers look at. Nodes are in the order of their names.
#[derive(Clone, Copy, Debug)]
pub struct Cluster<'a> {
    /// Instance types of the provider.
    pub types: &'a [InstanceType],
    /// Node pools, heaviest first.
    pub pools: &'a [NodePool],
    /// Pod templates.
    pub shapes: &'a [Shape],
    /// Nodes by name.
    pub nodes: &'a [Node],
    /// Pods.
    pub pods: &'a [Pod],
    /// Budgets of applications.
    pub pdbs: &'a [Pdb],
    /// Now, in milliseconds.
    pub now_ms: i64,
}

/// Switches of the controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// `--preference-policy=Ignore`: preferences are dropped from the start.
    pub ignore_preferences: bool,
    /// `--min-values-policy=BestEffort`: a new claim may offer fewer values than asked.
    pub best_effort_min_values: bool,
    /// Feature gate `SpotToSpotConsolidation`.
    pub spot_to_spot: bool,
    /// Candidates go by what they cost per disruption, as in trees from August 2026 on, instead of
    /// by disruption cost alone.
    pub by_savings_ratio: bool,
}

/// Narrows a claim to spot.
pub(crate) fn spot_only() -> Requirement {
    Requirement::within(vec![Value::SPOT])
}
