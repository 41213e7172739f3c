//! The kube-scheduler of the world: its cache of nodes and pods, kept in step with the world's
//! tables, and one cycle per pod.
//!
//! What a pod of this world asks of the scheduler: requests, pools that admit it (as required
//! node affinity), at most so many of its workload to a node (as places of an extended resource)
//! and the default spreading of a Deployment.

use crate::random::Stream;
use crate::scheduler::{
    Budget, Cluster, Cycle, Demand, Effect, Life, NodeId, NodeSpec, NodeTerm, Operator, Outcome,
    Pending, PodId, PodTemplate, Requirement, Selector, Symbol, Taint, TemplateId, Toleration,
    eligible_to_preempt, fit_error, labels, preempt, schedule_one, takes,
};

use super::nodes::{Node, Nodes};

/// CPU that a container without a request counts as when nodes are scored, milli-cores
/// (`pkg/scheduler/util/pod_resources.go`).
const UNSET_CPU: i64 = 100;
/// Memory likewise, bytes.
const UNSET_MEMORY: i64 = 200 << 20;

/// What a workload's pods ask for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The workload.
    pub app: u32,
    /// Requested CPU, milli-cores.
    pub cpu: u64,
    /// Requested memory, bytes.
    pub memory: u64,
    /// Most pods of the workload on one node.
    pub per_node: u32,
    /// Priority.
    pub priority: i32,
    /// Whether a node short of memory takes none of them.
    pub best_effort: bool,
    /// Whether they may take the place of less important pods.
    pub preempts: bool,
}

/// Priority of add-ons (`system-node-critical`).
pub const ADDON_PRIORITY: i32 = 2_000_001_000;

/// What becomes of a pod that asks for the place of others.
#[derive(Debug)]
pub enum Plea {
    /// It waits for pods that end already.
    Waits,
    /// No node can be made to fit.
    Refused,
    /// The node promised to it.
    Granted {
        /// The world's number of it.
        node: u32,
        /// Pods that have to go.
        victims: Vec<PodId>,
    },
}

/// The scheduler and what it knows.
#[derive(Debug, Default)]
pub struct Binder {
    cluster: Cluster,
    cycle: Cycle,
    /// By workload.
    templates: Vec<TemplateId>,
    /// Label of a workload's pods, by workload.
    labels: Vec<(Symbol, Symbol)>,
    /// Add-ons of a node, as one pod, by pool.
    addons: Vec<TemplateId>,
    /// Places on a node, by extended resource.
    places: Vec<i64>,
    /// Place among extended resources, by workload, where it has one.
    limited: Vec<Option<u32>>,
    /// The scheduler's node of each of the world's.
    nodes: Vec<Option<NodeId>>,
    /// The world's node of each of the scheduler's.
    back: Vec<u32>,
    keys: Keys,
    /// Whether all workloads are equally important: nothing is preempted or promised then.
    equals: bool,
    /// The world's nodes that have more room than before, one after the other.
    roomier: Vec<u32>,
    /// By workload: how many of them there were when no node took a pod of it, if that was so.
    refused: Vec<Option<usize>>,
}

/// Interned label keys.
#[derive(Clone, Copy, Debug, Default)]
struct Keys {
    pool: Symbol,
    zone: Symbol,
    host: Symbol,
    app: Symbol,
    pressure: Symbol,
    nothing: Symbol,
}

/// An amount as the API's signed integer.
fn amount(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX / 4)
}

impl Binder {
    /// A scheduler that knows these workloads and no node.
    pub fn new(asks: impl Iterator<Item = Ask>, nodes: &Nodes) -> Self {
        let mut binder = Self::default();
        let names = &mut binder.cluster.names;
        binder.keys = Keys {
            pool: names.intern("kubernetes.azure.com/agentpool"),
            zone: names.intern("topology.kubernetes.io/zone"),
            host: names.intern("kubernetes.io/hostname"),
            app: names.intern("app"),
            pressure: names.intern("node.kubernetes.io/memory-pressure"),
            nothing: names.intern(""),
        };
        binder.equals = true;
        let mut first = None;
        for ask in asks {
            binder.equals &= *first.get_or_insert(ask.priority) == ask.priority;
            binder.refused.push(None);
            let template = binder.template(ask, nodes);
            binder.templates.push(binder.cluster.register(template));
        }
        for pool in &nodes.pools {
            let (cpu, memory) = (amount(pool.addon_cpu), amount(pool.addon_memory));
            let demand = Demand {
                cpu_milli: cpu,
                memory,
                scored_cpu_milli: cpu,
                scored_memory: memory,
                ..Demand::default()
            };
            let template =
                PodTemplate { demand, priority: ADDON_PRIORITY, ..PodTemplate::default() };
            binder.addons.push(binder.cluster.register(template));
        }
        binder
    }

    /// The template of a workload's pods.
    fn template(&mut self, ask: Ask, nodes: &Nodes) -> PodTemplate {
        let limited = (ask.per_node < u32::MAX).then_some(self.places.len() as u32);
        if limited.is_some() {
            self.places.push(i64::from(ask.per_node));
            self.cluster.extended.push(format!("places of workload {}", ask.app));
        }
        self.limited.push(limited);
        let names = &mut self.cluster.names;
        let label = (self.keys.app, names.intern(&format!("workload {}", ask.app)));
        self.labels.push(label);
        let admitted = (0..nodes.pools.len() as u32).filter(|&pool| nodes.admits(pool, ask.app));
        let values = admitted.map(|pool| names.intern(&format!("pool {pool}"))).collect();
        let counted = |amount: i64, unset: i64| if amount == 0 { unset } else { amount };
        let (cpu, memory) = (amount(ask.cpu), amount(ask.memory));
        PodTemplate {
            labels: labels([label]),
            demand: Demand {
                cpu_milli: cpu,
                memory,
                scored_cpu_milli: counted(cpu, UNSET_CPU),
                scored_memory: counted(memory, UNSET_MEMORY),
                extended: limited.into_iter().map(|index| (index, 1)).collect(),
                ..Demand::default()
            },
            node_required: Some(vec![NodeTerm {
                labels: vec![Requirement { key: self.keys.pool, operator: Operator::In, values }],
                names: Vec::new(),
            }]),
            default_spread: Some(Selector::of_labels(&[label])),
            tolerations: if ask.best_effort { Vec::new() } else { vec![self.bears_pressure()] },
            priority: ask.priority,
            preemption_never: !ask.preempts,
            ..PodTemplate::default()
        }
    }

    /// What admission gives all pods but BestEffort ones.
    fn bears_pressure(&self) -> Toleration {
        let effect = Some(Effect::NoSchedule);
        Toleration { key: Some(self.keys.pressure), value: None, effect }
    }

    /// A node is short of memory, or no longer.
    pub fn press(&mut self, id: u32, short: bool) {
        let Some(known) = self.known(id) else { return };
        let Keys { pressure, nothing, .. } = self.keys;
        let taint = Taint { key: pressure, value: nothing, effect: Effect::NoSchedule };
        let taints = if short { vec![taint] } else { Vec::new() };
        let spec = NodeSpec { taints, ..self.cluster.node(known).clone() };
        self.cluster.update_node(known, spec);
        if !short {
            self.roomier.push(id);
        }
    }

    /// A node may take pods.
    pub fn open(&mut self, id: u32, node: &Node, nodes: &Nodes) {
        let pool = &nodes.pools[node.pool as usize];
        let names = &mut self.cluster.names;
        let name = names.intern(&format!("node {id}"));
        let spec = NodeSpec {
            name,
            labels: labels([
                (self.keys.host, name),
                (self.keys.pool, names.intern(&format!("pool {}", node.pool))),
                (self.keys.zone, names.intern(&format!("zone {}", node.zone))),
            ]),
            taints: Vec::new(),
            unschedulable: false,
            cpu_milli: amount(pool.cpu.saturating_add(pool.addon_cpu)),
            memory: amount(pool.memory.saturating_add(pool.addon_memory)),
            ephemeral: 0,
            pods: amount(pool.slots.saturating_add(1)),
            disks: None,
            extended: self.places.clone(),
        };
        let known = self.cluster.add_node(spec);
        self.cluster.add_pod(self.addons[node.pool as usize], known, 0);
        if self.nodes.len() <= id as usize {
            self.nodes.resize(id as usize + 1, None);
        }
        if self.back.len() <= known.0 as usize {
            self.back.resize(known.0 as usize + 1, u32::MAX);
        }
        self.nodes[id as usize] = Some(known);
        self.back[known.0 as usize] = id;
        self.roomier.push(id);
    }

    /// A node takes no more pods; those on it stay.
    pub fn cordon(&mut self, id: u32) {
        if let Some(known) = self.known(id) {
            let spec = NodeSpec { unschedulable: true, ..self.cluster.node(known).clone() };
            self.cluster.update_node(known, spec);
        }
    }

    /// A node that took no more pods takes some again.
    pub fn uncordon(&mut self, id: u32) {
        if let Some(known) = self.known(id) {
            let spec = NodeSpec { unschedulable: false, ..self.cluster.node(known).clone() };
            self.cluster.update_node(known, spec);
            self.roomier.push(id);
        }
    }

    /// A node is gone or does not answer; its pods are lost already.
    pub fn close(&mut self, id: u32) {
        if let Some(known) = self.known(id) {
            self.cluster.remove_node(known);
            self.nodes[id as usize] = None;
        }
    }

    fn known(&self, id: u32) -> Option<NodeId> {
        self.nodes.get(id as usize).copied().flatten()
    }

    /// The node for a pod of a workload; of several best ones any.
    pub fn pick(&mut self, app: u32, pod: u32, ties: &mut Stream) -> Option<u32> {
        let pending = self.pending(app, pod);
        let outcome = schedule_one(&self.cluster, &pending, &mut self.cycle);
        self.refused[app as usize] =
            (outcome == Outcome::Unschedulable).then_some(self.roomier.len());
        match outcome {
            Outcome::Unschedulable => None,
            Outcome::Placed(_) => {
                let best = &self.cycle.best;
                let nth = if best.len() > 1 { ties.below(best.len() as u32) } else { 0 };
                Some(self.back[best[nth as usize].0 as usize])
            }
        }
    }

    fn pending(&self, app: u32, pod: u32) -> Pending<'static> {
        let tag = u64::from(pod);
        let nominated = self.cluster.promise(tag);
        Pending { nominated, ..Pending::of(self.templates[app as usize], tag) }
    }

    /// Seeks victims for the pod that just found no node, and promises it theirs. Budgets are
    /// given as pods that may go, by workload.
    pub fn plead(&mut self, app: u32, pod: u32, allowed: &[(u32, i64)], ties: &mut Stream) -> Plea {
        let pending = self.pending(app, pod);
        let rejected = &self.cycle.rejected;
        let verdict =
            pending.nominated.and_then(|node| rejected.iter().find(|(at, _)| *at == node));
        if !eligible_to_preempt(&self.cluster, &pending, verdict.map(|(_, why)| why)) {
            return Plea::Waits;
        }
        let budget = |&(app, allowed): &(u32, i64)| Budget {
            selector: Selector::of_labels(&[self.labels[app as usize]]),
            allowed,
            ..Budget::default()
        };
        let budgets: Vec<Budget> = allowed.iter().map(budget).collect();
        let offset = if rejected.len() > 1 { ties.below(rejected.len() as u32) } else { 0 };
        let mut found = preempt(&self.cluster, &pending, rejected, &budgets, offset as usize);
        self.cluster.withdraw(pending.tag);
        let Some(chosen) = found.chosen else { return Plea::Refused };
        let candidate = found.candidates.swap_remove(chosen);
        let priority = self.cluster.template(pending.template).priority;
        self.cluster.withdraw_below(candidate.node, priority);
        self.cluster.nominate(pending.tag, pending.template, candidate.node);
        let node = self.back[candidate.node.0 as usize];
        Plea::Granted { node, victims: candidate.victims }
    }

    /// The node promised to a pod.
    pub fn promise(&self, pod: u32) -> Option<u32> {
        self.cluster.promise(u64::from(pod)).map(|node| self.back[node.0 as usize])
    }

    /// A pod no longer waits.
    pub fn withdraw(&mut self, pod: u32) {
        self.cluster.withdraw(u64::from(pod));
    }

    /// Pods with promises and their nodes; for the audit.
    #[cfg(test)]
    pub fn promises(&self) -> Vec<(u32, u32)> {
        let all = self.cluster.promises();
        all.map(|(tag, node)| (tag as u32, self.back[node.0 as usize])).collect()
    }

    /// A pod ends because the scheduler preempted it.
    pub fn preempted(&mut self, pod: PodId) {
        self.cluster.set_life(pod, Life::Preempted);
    }

    /// Why the last pod found no node.
    pub fn why(&self, app: u32) -> String {
        fit_error(&self.cluster, self.templates[app as usize], &self.cycle.rejected)
    }

    /// A pod is bound.
    pub fn bind(&mut self, app: u32, node: u32, now: u64) -> PodId {
        let known = self.known(node).expect("pods are bound to open nodes");
        self.cluster.add_pod(self.templates[app as usize], known, now as i64)
    }

    /// A pod ends: it no longer counts for spreading.
    pub fn ending(&mut self, pod: PodId) {
        self.cluster.set_life(pod, Life::Terminating);
    }

    /// A pod is gone from a node.
    pub fn free(&mut self, pod: PodId, node: u32) {
        self.cluster.remove_pod(pod);
        self.roomier.push(node);
    }

    /// Whether no node takes a pod of a workload, as far as that is known without a search: none
    /// did, and of those that have more room since none does. A search would find the same.
    pub fn still_refused(&mut self, app: u32) -> bool {
        let Some(since) = self.refused[app as usize].filter(|_| self.equals) else { return false };
        let pod = Pending::of(self.templates[app as usize], 0);
        let known = |id: &u32| self.known(*id);
        let mut open = self.roomier[since..].iter().filter_map(known);
        let none = !open.any(|node| takes(&self.cluster, &pod, node));
        self.refused[app as usize] = none.then_some(self.roomier.len());
        if none {
            // What a search in vain leaves, of nodes that have become fewer.
            self.cycle.next_start %= self.cluster.order().len().max(1);
        }
        none
    }

    /// Requested CPU and memory of a node, as the scheduler counts them; for the audit.
    #[cfg(test)]
    pub fn requested(&self, id: u32) -> Option<(i64, i64)> {
        let usage = self.cluster.usage(self.known(id)?);
        Some((usage.cpu_used, usage.memory_used))
    }
}
