//! The scheduler's cache: nodes, pods, and the counts their rules need.

use std::collections::BTreeMap;

use super::counter::{Counter, NO_DOMAIN};
use super::fixed::{Fixed, fixed};
use super::kinds::Kinds;
use super::nodes::{NodeId, NodeSpec, RareUsage, Usage};
use super::order::NodeTree;
use super::registry::Registered;
use super::score::evenness;
use super::selector::value;
use super::template::{HostPort, PodTemplate, TemplateId};
use super::volumes::{self, Attached, Volume, VolumeId};
use super::{Names, Symbol};

/// A bound pod's place in the cluster; the place of a removed pod is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodId(pub u32);

impl PodId {
    pub(super) fn at(self) -> usize {
        self.0 as usize
    }
}

/// How a bound pod lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    /// No deletion asked for.
    Running,
    /// `deletionTimestamp` is set.
    Terminating,
    /// Terminating because the scheduler preempted it.
    Preempted,
}

/// A bound pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoundPod {
    pub template: TemplateId,
    pub node: NodeId,
    pub start_millis: i64,
    pub life: Life,
    /// Place in the node's list.
    pub seat: u32,
}

/// A topology key in use: which domain each node is in.
#[derive(Clone, Debug, Default)]
pub(super) struct TopologyKey {
    pub label: Symbol,
    /// Domain by node; [`NO_DOMAIN`] without the label.
    pub of_node: Vec<u32>,
    domains: BTreeMap<Symbol, u32>,
    nodes: Vec<u32>,
    free: Vec<u32>,
}

impl TopologyKey {
    /// A key that no node is known to have.
    pub(super) fn of(label: Symbol, nodes: usize) -> Self {
        Self { label, of_node: vec![NO_DOMAIN; nodes], ..Self::default() }
    }

    pub(super) fn join(&mut self, node: NodeId, labels: &[(Symbol, Symbol)]) {
        if self.of_node.len() <= node.at() {
            self.of_node.resize(node.at() + 1, NO_DOMAIN);
        }
        let Some(value) = value(labels, self.label) else { return };
        let (free, nodes) = (&mut self.free, &mut self.nodes);
        let domain = *self.domains.entry(value).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                nodes.push(0);
                u32::try_from(nodes.len() - 1).expect("domains are no more than nodes")
            })
        });
        nodes[domain as usize] += 1;
        self.of_node[node.at()] = domain;
    }

    fn leave(&mut self, node: NodeId, labels: &[(Symbol, Symbol)]) {
        let domain = std::mem::replace(&mut self.of_node[node.at()], NO_DOMAIN);
        if domain == NO_DOMAIN {
            return;
        }
        self.nodes[domain as usize] -= 1;
        if self.nodes[domain as usize] == 0 {
            self.free.push(domain);
            if let Some(value) = value(labels, self.label) {
                self.domains.remove(&value);
            }
        }
    }
}

/// Nodes, bound pods and templates, as the scheduler knows them.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Texts of all symbols.
    pub names: Names,
    /// Names of extended resources, in the order of the amounts.
    pub extended: Vec<String>,
    pub(super) nodes: Vec<Option<NodeSpec>>,
    free_nodes: Vec<NodeId>,
    pub(super) usage: Vec<Usage>,
    pub(super) rare: Vec<RareUsage>,
    pub(super) on_node: Vec<Vec<PodId>>,
    /// Host ports in use, once for each pod that holds them.
    pub(super) ports: Vec<Vec<HostPort>>,
    pub(super) pods: Vec<Option<BoundPod>>,
    pub(super) volumes: Vec<Volume>,
    /// Volumes by node.
    pub(super) attached: Vec<Attached>,
    /// Volumes of the pods that have any.
    held: BTreeMap<PodId, Vec<VolumeId>>,
    free_pods: Vec<PodId>,
    pub(super) templates: Vec<Registered>,
    pub(super) keys: Vec<TopologyKey>,
    pub(super) counters: Vec<Counter>,
    /// Pods promised a node by preemption: node, tag, template.
    pub(super) nominated: Vec<(NodeId, u64, TemplateId)>,
    /// Balance of CPU and memory by node, as the score has it without a further pod.
    pub(super) evenness: Vec<i64>,
    kinds: Kinds,
    tree: NodeTree,
}

impl Cluster {
    /// Nodes in the order they are looked at: one of each zone in turn.
    #[must_use]
    pub fn order(&self) -> &[NodeId] {
        self.tree.order()
    }

    /// A node's description. Panics if it was removed.
    #[must_use]
    pub fn node(&self, node: NodeId) -> &NodeSpec {
        self.nodes[node.at()].as_ref().expect("the caller holds ids of nodes that are there")
    }

    /// What a node offers and its pods ask.
    #[must_use]
    pub fn usage(&self, node: NodeId) -> &Usage {
        &self.usage[node.at()]
    }

    /// The pods of a node, in no particular order.
    #[must_use]
    pub fn pods_on(&self, node: NodeId) -> &[PodId] {
        &self.on_node[node.at()]
    }

    pub(super) fn bound(&self, pod: PodId) -> &BoundPod {
        self.pods[pod.at()].as_ref().expect("the caller holds ids of pods that are bound")
    }

    /// The template and the node of a bound pod.
    #[must_use]
    pub fn pod(&self, pod: PodId) -> (TemplateId, NodeId) {
        let bound = self.bound(pod);
        (bound.template, bound.node)
    }

    /// A template's description.
    #[must_use]
    pub fn template(&self, template: TemplateId) -> &PodTemplate {
        &self.templates[template.0 as usize].spec
    }

    pub(super) fn registered(&self, template: TemplateId) -> &Registered {
        &self.templates[template.0 as usize]
    }

    /// Adds a node without pods.
    pub fn add_node(&mut self, spec: NodeSpec) -> NodeId {
        let id = self.free_nodes.pop().unwrap_or_else(|| {
            let next = u32::try_from(self.nodes.len()).expect("memory ends before 2^32 nodes");
            self.nodes.push(None);
            self.usage.push(Usage::default());
            self.rare.push(RareUsage::default());
            self.on_node.push(Vec::new());
            self.ports.push(Vec::new());
            self.attached.push(Attached::new());
            self.evenness.push(0);
            NodeId(next)
        });
        self.usage[id.at()] = Usage::of(&spec);
        self.rare[id.at()] = RareUsage::of(&spec);
        self.tree.add(zone(&spec), id);
        self.enter(id, spec);
        id
    }

    /// Removes a node and its pods; returns the pods.
    pub fn remove_node(&mut self, node: NodeId) -> Vec<PodId> {
        let pods = self.on_node[node.at()].clone();
        for pod in &pods {
            self.remove_pod(*pod);
        }
        self.nominated.retain(|(promised, ..)| *promised != node);
        self.tree.remove(zone(self.node(node)), node);
        self.leave(node);
        self.free_nodes.push(node);
        pods
    }

    /// Changes labels, taints, cordon or capacity of a node; its pods stay.
    pub fn update_node(&mut self, node: NodeId, spec: NodeSpec) {
        let pods = self.on_node[node.at()].clone();
        for pod in &pods {
            self.count(*pod, -1);
        }
        let (from, to) = (zone(self.node(node)), zone(&spec));
        if from != to {
            self.tree.remove(from, node);
            self.tree.add(to, node);
        }
        self.leave(node);
        let usage = &mut self.usage[node.at()];
        usage.cpu_offered = spec.cpu_milli;
        usage.memory_offered = spec.memory;
        usage.pods_offered = spec.pods;
        self.rare[node.at()].offered = RareUsage::of(&spec).offered;
        self.enter(node, spec);
        for pod in &pods {
            self.count(*pod, 1);
        }
    }

    /// Domains, fixed answers and counters learn of a node without counted pods.
    fn enter(&mut self, node: NodeId, spec: NodeSpec) {
        for key in &mut self.keys {
            key.join(node, &spec.labels);
        }
        let new_kind = self.kinds.join(node, &spec).is_some();
        self.nodes[node.at()] = Some(spec);
        for template in (0..).map(TemplateId).take(self.templates.len()) {
            if new_kind || self.registered(template).personal {
                self.look(template, node);
            }
        }
        self.weigh(node);
        for counter in 0..self.counters.len() {
            self.count_node(counter, node);
        }
    }

    /// A template looks at a node, for all of its kind.
    pub(super) fn look(&mut self, template: TemplateId, node: NodeId) {
        let spec = self.nodes[node.at()].as_ref().expect("only nodes that are there are shown");
        let template = &mut self.templates[template.0 as usize];
        let at = if template.personal { node.at() } else { self.kinds.of_node[node.at()] as usize };
        if template.fixed.len() <= at {
            template.fixed.resize(at + 1, Fixed::default());
        }
        template.fixed[at] = fixed(&self.names, &template.spec, spec);
    }

    /// What a template finds on a node whatever runs there.
    pub(super) fn fixed<'a>(&self, template: &'a Registered, node: NodeId) -> &'a Fixed {
        let at = if template.personal { node.at() } else { self.kinds.of_node[node.at()] as usize };
        &template.fixed[at]
    }

    /// Balance changes with what pods ask.
    fn weigh(&mut self, node: NodeId) {
        self.evenness[node.at()] = evenness(&self.usage[node.at()], 0, 0);
    }

    /// One counter learns of a node.
    pub(super) fn count_node(&mut self, counter: usize, node: NodeId) {
        let counter = &mut self.counters[counter];
        let domain = self.keys[counter.key].of_node[node.at()];
        if let Some(mask) = &counter.mask {
            let template = &self.templates[counter.owner as usize];
            let kind = self.kinds.of_node[node.at()] as usize;
            let fixed = &template.fixed[if template.personal { node.at() } else { kind }];
            let admits =
                mask.keys.iter().all(|key| self.keys[*key].of_node[node.at()] != NO_DOMAIN)
                    && (!mask.affinity || fixed.affine)
                    && (!mask.taints || fixed.tolerated);
            if counter.admits.len() <= node.at() {
                counter.admits.resize(node.at() + 1, false);
            }
            counter.admits[node.at()] = admits;
        }
        if domain != NO_DOMAIN && counter.admits(node) {
            counter.node_moves(domain, true);
        }
    }

    fn leave(&mut self, node: NodeId) {
        for counter in &mut self.counters {
            let domain = self.keys[counter.key].of_node[node.at()];
            if domain != NO_DOMAIN && counter.admits(node) {
                counter.node_moves(domain, false);
            }
        }
        let spec = self.nodes[node.at()].take().expect("the caller holds ids of nodes there");
        for key in &mut self.keys {
            key.leave(node, &spec.labels);
        }
        self.kinds.leave(node, &spec);
    }

    /// Binds a pod to a node.
    pub fn add_pod(&mut self, template: TemplateId, node: NodeId, start_millis: i64) -> PodId {
        let id = self.free_pods.pop().unwrap_or_else(|| {
            let next = u32::try_from(self.pods.len()).expect("memory ends before 2^32 pods");
            self.pods.push(None);
            PodId(next)
        });
        let list = &mut self.on_node[node.at()];
        let seat = u32::try_from(list.len()).expect("pods on a node are no more than pods");
        list.push(id);
        self.pods[id.at()] =
            Some(BoundPod { template, node, start_millis, life: Life::Running, seat });
        let spec = &self.templates[template.0 as usize].spec;
        self.usage[node.at()].shift(&spec.demand, 1);
        self.rare[node.at()].shift(&spec.demand, 1);
        self.ports[node.at()].extend(&spec.ports);
        self.weigh(node);
        self.count(id, 1);
        id
    }

    /// Binds a pod with volumes to a node.
    pub fn add_pod_with(
        &mut self,
        template: TemplateId,
        node: NodeId,
        start_millis: i64,
        volumes: &[VolumeId],
    ) -> PodId {
        let pod = self.add_pod(template, node, start_millis);
        if !volumes.is_empty() {
            volumes::shift(&mut self.attached[node.at()], volumes, 1);
            self.held.insert(pod, volumes.to_vec());
        }
        pod
    }

    /// Volumes of a bound pod.
    #[must_use]
    pub fn volumes_of(&self, pod: PodId) -> &[VolumeId] {
        self.held.get(&pod).map_or(&[], Vec::as_slice)
    }

    /// Takes a pod off its node.
    pub fn remove_pod(&mut self, pod: PodId) {
        self.count(pod, -1);
        let bound = self.pods[pod.at()].take().expect("the caller holds ids of pods bound");
        self.free_pods.push(pod);
        if let Some(volumes) = self.held.remove(&pod) {
            volumes::shift(&mut self.attached[bound.node.at()], &volumes, -1);
        }
        let list = &mut self.on_node[bound.node.at()];
        list.swap_remove(bound.seat as usize);
        if let Some(moved) = list.get(bound.seat as usize).copied() {
            let moved = self.pods[moved.at()].as_mut().expect("lists hold pods that are bound");
            moved.seat = bound.seat;
        }
        let spec = &self.templates[bound.template.0 as usize].spec;
        self.usage[bound.node.at()].shift(&spec.demand, -1);
        self.rare[bound.node.at()].shift(&spec.demand, -1);
        let node = bound.node;
        for port in &spec.ports {
            let ports = &mut self.ports[bound.node.at()];
            if let Some(at) = ports.iter().position(|held| held == port) {
                ports.swap_remove(at);
            }
        }
        self.weigh(node);
    }

    /// A pod is being deleted, or not.
    pub fn set_life(&mut self, pod: PodId, life: Life) {
        self.count(pod, -1);
        self.pods[pod.at()].as_mut().expect("the caller holds ids of pods bound").life = life;
        self.count(pod, 1);
    }

    /// The counters that listen learn of a pod.
    fn count(&mut self, pod: PodId, sign: i64) {
        let bound = self.bound(pod);
        let (template, node, life) = (bound.template, bound.node, bound.life);
        for listener in &self.templates[template.0 as usize].listeners {
            let counter = &mut self.counters[listener.counter as usize];
            let domain = self.keys[counter.key].of_node[node.at()];
            let passed_over = counter.live_only && life != Life::Running;
            if domain != NO_DOMAIN && !passed_over && counter.admits(node) {
                counter.add(domain, sign * listener.weight, sign * listener.hits);
            }
        }
    }

    /// Counts the pods there are for the counters of a new template.
    pub(super) fn count_for(&mut self, owner: TemplateId) {
        for bound in self.pods.iter().flatten() {
            for listener in &self.templates[bound.template.0 as usize].listeners {
                let counter = &mut self.counters[listener.counter as usize];
                let domain = self.keys[counter.key].of_node[bound.node.at()];
                let passed_over = counter.live_only && bound.life != Life::Running;
                let ours = counter.owner == owner.0 && domain != NO_DOMAIN;
                if ours && !passed_over && counter.admits(bound.node) {
                    counter.add(domain, listener.weight, listener.hits);
                }
            }
        }
    }

    /// Promises a node to a pending pod, which a caller's tag names; filters of pods of no
    /// higher priority then count it there.
    pub fn nominate(&mut self, tag: u64, template: TemplateId, node: NodeId) {
        self.withdraw(tag);
        self.nominated.push((node, tag, template));
    }

    /// Ends a promise.
    pub fn withdraw(&mut self, tag: u64) {
        self.nominated.retain(|(_, known, _)| *known != tag);
    }

    /// Ends the promises of a node to pods of lower priority
    /// (`getLowerPriorityNominatedPods`).
    pub fn withdraw_below(&mut self, node: NodeId, priority: i32) {
        let templates = &self.templates;
        self.nominated.retain(|(at, _, template)| {
            *at != node || templates[template.0 as usize].spec.priority >= priority
        });
    }

    /// The node promised to a pending pod.
    #[must_use]
    pub fn promise(&self, tag: u64) -> Option<NodeId> {
        self.nominated.iter().find(|(_, known, _)| *known == tag).map(|(node, ..)| *node)
    }

    /// All promises, by the caller's tags.
    pub fn promises(&self) -> impl Iterator<Item = (u64, NodeId)> {
        self.nominated.iter().map(|(node, tag, _)| (*tag, *node))
    }
}

fn zone(spec: &NodeSpec) -> (Symbol, Symbol) {
    let label = |key| value(&spec.labels, key).unwrap_or(Symbol::EMPTY);
    (label(Symbol::REGION), label(Symbol::ZONE))
}
