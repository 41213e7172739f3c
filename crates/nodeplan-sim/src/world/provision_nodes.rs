//! Node auto-provisioning of the world: the cluster as Karpenter sees it, and nodes for pods that
//! wait. What it takes away is in `disrupt_nodes`.
//!
//! The pools of the plan become its instance types, pools of one group one node pool. A pool at
//! its most nodes is out of stock. Pods have no zonal constraints here (the default spreading of
//! the scheduler is unknown to Karpenter), so zones are left out. Add-ons are taken off what a
//! node can hold; as pods they only count in the cost of disruption.

use nodeplan_model::scenario::{
    Amount as Count, AutoProvisioning, ConsolidationPolicy, DisruptionReason, NodeBudget,
    PodBudget, Provisioning, Scenario, Schedule,
};
use nodeplan_model::timeline::Actor;

use crate::hpa::schedule::{holds, seconds_to_change};
use crate::karpenter::nouns::{
    Amounts, Budget, Cluster, Effect, InstanceType, Limits, Node, NodePool, Offering, Pdb, Pod,
    Policy, Reason, Settings, Shape, Share, Spread, Taint, Toleration,
};
use crate::karpenter::provision::{Claim, provision};
use crate::karpenter::requirement::{Key, Requirement, Requirements, Value};
use crate::karpenter::timing::{BATCH_MAX_MS, Batch, REGISTRATION_MS, consolidatable};

use super::World;
use super::apps::App;
use super::clock::Next;
use super::disrupt_nodes::{Planned, Replacing};
use super::nodes::{NodePhase, Nodes, Pool};
use super::pods::Phase;
use super::scale_nodes::amount;
use super::schedule::ADDON_PRIORITY;

/// How long pods that were found room are expected there (`nominationWindow`).
const NOMINATION_MILLIS: u64 = 2 * BATCH_MAX_MS as u64;
/// How long after it was noticed a pod without a node is noticed again
/// (`provisioning/controller.go`).
const AGAIN_MILLIS: u64 = 10_000;
/// How long a size that was refused is not asked for again (the Azure provider's
/// `unavailableofferings`, default).
const REFUSED_MILLIS: u64 = 180_000;
/// A machine that is not there by then is given up.
const REGISTRATION_MILLIS: u64 = REGISTRATION_MS as u64;
/// The taint of a node that does not answer.
const NOT_READY: Taint = Taint { key: 0, value: 0, effect: Effect::NoSchedule };
/// The taint of a node short of memory, and what lets all pods but BestEffort ones bear it.
const PRESSURE: Taint = Taint { key: 1, value: 0, effect: Effect::NoSchedule };
const BEARS_PRESSURE: Toleration =
    Toleration { key: Some(PRESSURE.key), value: None, effect: Some(PRESSURE.effect) };
/// Zones play no role: all nodes are in this one.
const ZONE: Value = Value::Word(0);

/// What node auto-provisioning remembers. Empty where the cluster autoscaler runs.
#[derive(Debug, Default)]
pub struct Provisioner {
    /// How it is set; none: it does not run.
    pub rules: Option<AutoProvisioning>,
    /// One per pool of the plan.
    types: Vec<InstanceType>,
    /// One per group.
    pub pools: Vec<NodePool>,
    /// Node pool of each pool of the plan.
    pool_of: Vec<usize>,
    /// One per workload; the last is that of add-ons.
    shapes: Vec<Shape>,
    /// Until when each pool of the plan counts as out of stock.
    refused_until: Vec<u64>,
    /// Counts everything that may change an answer.
    pub changes: u64,
    /// Pods being gathered.
    batch: Option<Batch>,
    /// When pods that wait are noticed again.
    again: u64,
    /// Pods below this number were noticed.
    noticed: u32,
    /// At which count of changes it last looked at pods, and until when the answer stays.
    looked: Option<(u64, u64)>,
    /// Likewise for nodes to take away, where there were none.
    pub settled: Option<(u64, u64)>,
    /// What it is about to do.
    pub planned: Option<Planned>,
    /// Nodes that go once another is there.
    pub replacing: Vec<Replacing>,
}

/// The cluster at one time.
#[derive(Debug)]
pub struct View {
    nodes: Vec<Node>,
    /// The world's number of each node.
    pub ids: Vec<u32>,
    pods: Vec<Pod>,
    pdbs: Vec<Pdb>,
    now_ms: i64,
    /// When, without any event, something in it changes.
    pub until: u64,
}

impl Provisioner {
    /// As the scenario has it.
    pub fn new(nodes: &Nodes, apps: &[App], scenario: &Scenario) -> Self {
        let Provisioning::NodeAutoProvisioning(rules) = &scenario.provisioning else {
            return Self::default();
        };
        let mut groups: Vec<u32> = nodes.pools.iter().map(|pool| pool.kind.group.0).collect();
        groups.sort_unstable();
        groups.dedup();
        let place = |pool: &Pool| groups.partition_point(|group| *group < pool.kind.group.0);
        let pool_of: Vec<usize> = nodes.pools.iter().map(place).collect();
        let pools = (0..groups.len()).map(|group| node_pool(nodes, &pool_of, group, rules));
        let mut shapes: Vec<Shape> = apps.iter().map(|app| shape(app, nodes)).collect();
        shapes.push(Shape { app: u32::MAX, ..Shape::default() });
        Self {
            rules: Some(rules.clone()),
            types: (0..nodes.pools.len()).map(|pool| size(nodes, pool)).collect(),
            pools: pools.collect(),
            pool_of,
            shapes,
            refused_until: vec![0; nodes.pools.len()],
            ..Self::default()
        }
    }

    /// Something changed that may change its answers.
    pub fn changed(&mut self) {
        self.changes += 1;
    }

    /// What the controllers look at.
    pub fn cluster<'a>(&'a self, view: &'a View) -> Cluster<'a> {
        Cluster {
            types: &self.types,
            pools: &self.pools,
            shapes: &self.shapes,
            nodes: &view.nodes,
            pods: &view.pods,
            pdbs: &view.pdbs,
            now_ms: view.now_ms,
        }
    }
}

/// Whether a budget never lets a pod go (`pdb.Limits IsFullyBlocked`).
fn never(budget: PodBudget) -> bool {
    match budget {
        PodBudget::MaxUnavailable(amount) => matches!(amount, Count::Count(0) | Count::Percent(0)),
        PodBudget::MinAvailable(amount) => amount == Count::Percent(100),
    }
}

/// What pods may use of a node of a pool.
fn room(pool: &Pool) -> Amounts {
    Amounts {
        cpu_milli: amount(pool.cpu),
        memory_bytes: amount(pool.memory),
        pods: amount(pool.slots),
        ..Amounts::default()
    }
}

/// What limits of a node pool count of it.
fn machine(pool: &Pool) -> Amounts {
    Amounts {
        cpu_milli: amount(pool.machine_cpu),
        memory_bytes: amount(pool.machine_memory),
        ..room(pool)
    }
}

/// A budget as Karpenter has it.
fn budget(declared: &NodeBudget) -> Budget {
    let reason = |reason: &DisruptionReason| match reason {
        DisruptionReason::Empty => Reason::Empty,
        DisruptionReason::Underutilized => Reason::Underutilized,
    };
    Budget {
        share: match declared.nodes {
            Count::Count(nodes) => Share::Nodes(nodes),
            Count::Percent(percent) => Share::Percent(percent),
        },
        reasons: declared.reasons.iter().map(reason).collect(),
    }
}

fn capacity_type(pool: &Pool) -> Value {
    if pool.bounds.spot { Value::SPOT } else { Value::ON_DEMAND }
}

/// A pool of the plan as a size. Prices are billionths of a dollar, whole numbers: they are only
/// added and compared.
fn size(nodes: &Nodes, pool: usize) -> InstanceType {
    let row = &nodes.pools[pool];
    let capacity_type = capacity_type(row);
    InstanceType {
        requirements: Requirements::labels(&[
            (Key::INSTANCE_TYPE, Value::Word(pool as u32)),
            (Key::ZONE, ZONE),
            (Key::CAPACITY_TYPE, capacity_type),
        ]),
        capacity: machine(row),
        allocatable: room(row),
        offerings: vec![Offering {
            zone: ZONE,
            capacity_type,
            price: row.rate as f64,
            available: true,
        }],
    }
}

/// The pools of a group as one node pool.
fn node_pool(nodes: &Nodes, pool_of: &[usize], group: usize, rules: &AutoProvisioning) -> NodePool {
    let types: Vec<usize> = (0..pool_of.len()).filter(|pool| pool_of[*pool] == group).collect();
    let kinds = types.iter().map(|pool| capacity_type(&nodes.pools[*pool])).collect();
    let mut requirements = Requirements::default();
    requirements.add(Key::CAPACITY_TYPE, &Requirement::within(kinds));
    NodePool {
        requirements,
        types,
        policy: match rules.policy {
            ConsolidationPolicy::Empty => Policy::WhenEmpty,
            ConsolidationPolicy::EmptyOrUnderutilized => Policy::WhenEmptyOrUnderutilized,
        },
        expire_after_ms: rules.expire_after_millis.map(amount),
        ..NodePool::default()
    }
}

/// A workload's pods. Labels and taints of pools are a choice among sizes; at most so many pods on
/// a node are a spread over host names, whose emptiest domain always counts as empty.
fn shape(app: &App, nodes: &Nodes) -> Shape {
    let ask = app.ask;
    let admitted = (0..nodes.pools.len() as u32).filter(|pool| nodes.admits(*pool, ask.app));
    let mut selector = Requirements::default();
    selector.add(Key::INSTANCE_TYPE, &Requirement::within(admitted.map(Value::Word).collect()));
    let apart = Spread {
        key: Key::HOSTNAME,
        max_skew: i32::try_from(ask.per_node).unwrap_or(i32::MAX),
        min_domains: None,
        soft: false,
        selects: vec![ask.app],
        ignore_affinity: false,
        honor_taints: false,
    };
    Shape {
        app: ask.app,
        requests: Amounts {
            cpu_milli: amount(ask.cpu),
            memory_bytes: amount(ask.memory),
            pods: 1,
            ..Amounts::default()
        },
        tolerations: if ask.best_effort { Vec::new() } else { vec![BEARS_PRESSURE] },
        selector,
        spread: if ask.per_node == u32::MAX { Vec::new() } else { vec![apart] },
        ..Shape::default()
    }
}

impl World<'_> {
    /// Pods that found no node just now begin a batch or join it.
    pub(super) fn notice_pending(&mut self) {
        let known = self.provisioner.noticed;
        self.provisioner.noticed = self.pods.len() as u32;
        if self.provisioner.rules.is_some() && self.pending.iter().rev().any(|&id| id >= known) {
            self.gather();
        }
    }

    /// One more pod for the batch.
    pub(super) fn gather(&mut self) {
        let now = self.clock.now() as i64;
        let batch = self.provisioner.batch.map_or(Batch::open(now), |batch| batch.more(now));
        if self.provisioner.batch.is_none() {
            self.clock.at(batch.closes_ms() as u64, Next::Provision);
        }
        self.provisioner.batch = Some(batch);
    }

    /// Looks at a batch once it is closed; pods that wait are noticed again after a while.
    pub(super) fn provision(&mut self) {
        let now = self.clock.now();
        let Some(batch) = self.provisioner.batch else {
            if self.provisioner.again == now && self.someone_waits() {
                self.gather();
            }
            return;
        };
        let closes = batch.closes_ms() as u64;
        if closes > now {
            self.clock.at(closes, Next::Provision);
            return;
        }
        self.provisioner.batch = None;
        if !self.someone_waits() {
            return;
        }
        let stays = |(changes, until)| changes == self.provisioner.changes && now < until;
        if !self.provisioner.looked.is_some_and(stays) {
            self.find_room();
        }
        self.provisioner.again = (batch.opened_ms as u64 + AGAIN_MILLIS).max(now + 1);
        self.clock.at(self.provisioner.again, Next::Provision);
    }

    /// Whether a pod has no node, or has one that goes.
    fn someone_waits(&self) -> bool {
        let goes = |id: &u32| {
            let node = &self.nodes.all[*id as usize];
            node.phase == NodePhase::Draining && !node.pods.is_empty()
        };
        !self.pending.is_empty() || self.nodes.pools.iter().any(|pool| pool.live.iter().any(goes))
    }

    /// Finds room for pods that wait: on nodes that are there or come, else on new ones.
    fn find_room(&mut self) {
        let now = self.clock.now();
        let view = self.karpenter_view();
        let cluster = self.provisioner.cluster(&view);
        let placement = provision(cluster, Settings::default(), &mut |_| 0);
        self.provisioner.looked = Some((self.provisioner.changes, view.until));
        for (_, node) in placement.placed {
            let id = view.ids[node];
            self.nodes.all[id as usize].nominated_until = now + NOMINATION_MILLIS;
        }
        for claim in placement.claims {
            self.launch(&claim, "pods are pending");
        }
    }

    /// Asks for the cheapest machine that a claim allows and of which there may be more.
    pub(super) fn launch(&mut self, claim: &Claim, reason: &str) -> Option<u32> {
        let now = self.clock.now();
        let there_is = |pool: &&usize| {
            let row = &self.nodes.pools[**pool];
            let offering = &self.provisioner.types[**pool].offerings[0];
            row.target < row.bounds.max && offering.is_compatible(&claim.requirements)
        };
        let pool = *claim.types.iter().find(there_is)?;
        let from = self.nodes.staying(pool);
        if self.nodes.pools[pool].failing_until > now {
            self.provisioner.refused_until[pool] = now + REFUSED_MILLIS;
            self.provisioner.changed();
            let why = format!("{reason}, request refused");
            self.told(Actor::Autoscaler, pool, from, &why);
            return None;
        }
        let node = self.nodes.all.len() as u32;
        self.ask_for_nodes(pool as u32, 1);
        self.nodes.all[node as usize].nominated_until = now + NOMINATION_MILLIS;
        self.clock.at(now + REGISTRATION_MILLIS, Next::TooOld(node));
        self.told(Actor::Autoscaler, pool, from, reason);
        Some(node)
    }

    /// Writes what node auto-provisioning sees, nodes by age.
    pub(super) fn karpenter_view(&mut self) -> View {
        let now = self.clock.now();
        let until = self.stock(now);
        let mut ids: Vec<u32> =
            self.nodes.pools.iter().flat_map(|pool| pool.live.iter().copied()).collect();
        ids.sort_unstable();
        let mut view = View {
            nodes: Vec::with_capacity(ids.len()),
            ids,
            pods: Vec::new(),
            pdbs: Vec::new(),
            now_ms: now as i64,
            until,
        };
        let pod = |id: u32, node: Option<usize>| {
            let row = &self.pods[id];
            Pod {
                shape: row.app as usize,
                node,
                created_ms: row.created as i64,
                uid: u64::from(id),
                terminating: row.phase == Phase::Ending,
                priority: Some(self.apps[row.app as usize].ask.priority),
                ..Pod::default()
            }
        };
        for (at, &id) in view.ids.iter().enumerate() {
            let (node, flips) = self.karpenter_node(id, now);
            view.until = view.until.min(flips);
            view.nodes.push(node);
            let row = &self.nodes.all[id as usize];
            view.pods.extend(row.pods.iter().map(|&id| pod(id, Some(at))));
            let addon = Pod {
                shape: self.apps.len(),
                node: Some(at),
                daemon: true,
                priority: Some(ADDON_PRIORITY),
                ..Pod::default()
            };
            if row.initialized.is_some() && row.phase != NodePhase::Deleting {
                let count = self.nodes.pools[row.pool as usize].addon_pods as usize;
                view.pods.extend(std::iter::repeat_n(addon, count));
            }
        }
        // Who waits for preempted pods to end needs no node (`pod.IsPreempting`).
        let open = self.pending.iter().filter(|&&id| self.binder.promise(id).is_none());
        view.pods.extend(open.map(|&id| pod(id, None)));
        for app in 0..self.apps.len() {
            if let Some(allowed) = self.disruptions_allowed(app) {
                view.pdbs.push(Pdb {
                    selects: vec![app as u32],
                    allowed: i64::from(allowed),
                    fully_blocking: self.scenario.budgets[app].is_some_and(never),
                });
            }
        }
        view
    }

    /// Writes which sizes can be bought and how many nodes there may be; when that changes.
    fn stock(&mut self, now: u64) -> u64 {
        let mut until = u64::MAX;
        let provisioner = &mut self.provisioner;
        let mut most: Vec<i64> = vec![0; provisioner.pools.len()];
        for (index, pool) in self.nodes.pools.iter().enumerate() {
            let refused = provisioner.refused_until[index] > now;
            if refused {
                until = until.min(provisioner.refused_until[index]);
            }
            let more = pool.bounds.max.saturating_sub(pool.target);
            provisioner.types[index].offerings[0].available = more > 0 && !refused;
            // What Karpenter takes off for nodes that are there and stay.
            let stay = pool.live.iter().filter(|&&id| {
                let phase = self.nodes.all[id as usize].phase;
                !matches!(phase, NodePhase::Draining | NodePhase::Deleting)
            });
            most[provisioner.pool_of[index]] += i64::from(more) + stay.count() as i64;
        }
        let rules = provisioner.rules.as_ref();
        let all = rules.map_or(&[][..], |rules| &rules.budgets);
        let second = self.scenario.second_of_week(now);
        let open = |budget: &&NodeBudget| {
            budget.window.as_ref().is_none_or(|window| holds(window, second))
        };
        let budgets: Vec<Budget> = all.iter().filter(open).map(budget).collect();
        let windows: Vec<Schedule> = all.iter().filter_map(|budget| budget.window).collect();
        if let Some(seconds) = seconds_to_change(&windows, second) {
            until = until.min((now / 1000 + u64::from(seconds)) * 1000);
        }
        until = until.min(self.scenario.next_jump(now).map_or(u64::MAX, |jump| jump.at_millis));
        let limits = Limits {
            cpu_milli: rules.and_then(|rules| rules.most_cpu).map(|cpu| amount(cpu.0)),
            memory_bytes: rules.and_then(|rules| rules.most_memory).map(|size| amount(size.0)),
            ..Limits::default()
        };
        for (pool, most) in provisioner.pools.iter_mut().zip(most) {
            pool.limits = Limits { nodes: Some(most), ..limits };
            pool.budgets.clone_from(&budgets);
        }
        until
    }

    /// A node as Karpenter sees it, and when that changes without any event.
    fn karpenter_node(&self, id: u32, now: u64) -> (Node, u64) {
        let node = &self.nodes.all[id as usize];
        let pool = node.pool as usize;
        let row = &self.nodes.pools[pool];
        let rules = self.provisioner.rules.as_ref();
        let after = rules.and_then(|rules| rules.consolidate_after_millis);
        let since = node.pod_event.or(node.initialized);
        let quiet = since.zip(after).map(|(since, after)| since.saturating_add(after));
        let flips = [quiet.unwrap_or(u64::MAX), node.nominated_until];
        let seen = Node {
            pool: Some(self.provisioner.pool_of[pool]),
            instance_type: Some(pool),
            labels: Requirements::labels(&[
                (Key::HOSTNAME, Value::Word(id)),
                (Key::INSTANCE_TYPE, Value::Word(node.pool)),
                (Key::ZONE, ZONE),
                (Key::CAPACITY_TYPE, capacity_type(row)),
            ]),
            taints: match node.phase {
                NodePhase::Down => vec![NOT_READY],
                _ if node.pressure.stands(now) => vec![PRESSURE],
                _ => Vec::new(),
            },
            capacity: machine(row),
            allocatable: room(row),
            daemons_to_come: Amounts::default(),
            created_ms: node.created as i64,
            initialized: node.initialized.is_some(),
            ready: matches!(node.phase, NodePhase::Ready | NodePhase::Draining),
            deleting: matches!(node.phase, NodePhase::Draining | NodePhase::Deleting),
            do_not_disrupt: false,
            nominated: node.nominated_until > now,
            consolidatable: consolidatable(
                node.initialized.map(amount),
                node.pod_event.map(amount),
                after.map(amount),
                now as i64,
            ),
        };
        (seen, flips.into_iter().filter(|&at| at > now).min().unwrap_or(u64::MAX))
    }
}
