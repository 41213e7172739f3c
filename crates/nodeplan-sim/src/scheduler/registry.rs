//! Templates made ready: their rules as counters, and who listens to whom.

use super::Symbol;
use super::cluster::{Cluster, TopologyKey};
use super::counter::{Counter, Listener, Mask};
use super::fixed::{Fixed, is_personal};
use super::nodes::NodeId;
use super::selector::Selector;
use super::template::{PodTemplate, PodTerm, SpreadConstraint, TemplateId};

/// A spread constraint ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    pub counter: u32,
    pub max_skew: i64,
    pub min_domains: i64,
    /// 1 if the pod is one of the pods counted.
    pub own: i64,
    /// The key is the host name.
    pub by_host: bool,
    selector: Selector,
}

/// A template and what the cluster knows about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Registered {
    pub spec: PodTemplate,
    /// By node if `personal`, else by kind of node.
    pub fixed: Vec<Fixed>,
    /// Nodes of one kind may differ for it.
    pub personal: bool,
    /// Only free CPU, memory and pod slots decide, beside `fixed`.
    pub plain: bool,
    /// `DoNotSchedule` constraints, in their order.
    pub hard: Vec<Spread>,
    /// `ScheduleAnyway` constraints or the default ones.
    pub soft: Vec<Spread>,
    /// Nodes without one of the keys score nothing.
    pub soft_needs_all: bool,
    /// Keys of required affinity: counts of pods that match all terms.
    pub affinity: Vec<u32>,
    /// The pod matches all of its own required affinity terms.
    pub own_affinity: bool,
    /// Keys of required anti-affinity: counts of pods that match a term.
    pub anti: Vec<u32>,
    /// Keys of the anti-affinity of other pods that means this one.
    pub blocked: Vec<u32>,
    /// Keys of preferences, of this pod and of others for it.
    pub liked: Vec<u32>,
    /// Counters that count pods of this template.
    pub listeners: Vec<Listener>,
}

/// What required affinity of an existing pod towards a new one is worth
/// (`HardPodAffinityWeight`).
const HARD_AFFINITY_WEIGHT: i64 = 1;

/// Lists of a template that hold one counter per topology key.
#[derive(Clone, Copy)]
enum Rule {
    Affinity,
    Anti,
    Blocked,
    Liked,
}

impl Registered {
    fn is_plain(&self) -> bool {
        let rules = [&self.affinity, &self.anti, &self.blocked];
        let no_rules = self.hard.is_empty() && rules.iter().all(|rule| rule.is_empty());
        no_rules && self.spec.ports.is_empty() && self.spec.demand.rare().next().is_none()
    }

    fn list(&mut self, rule: Rule) -> &mut Vec<u32> {
        match rule {
            Rule::Affinity => &mut self.affinity,
            Rule::Anti => &mut self.anti,
            Rule::Blocked => &mut self.blocked,
            Rule::Liked => &mut self.liked,
        }
    }
}

impl Cluster {
    /// Makes a template known. Cost grows with the number of templates and bound pods.
    pub fn register(&mut self, spec: PodTemplate) -> TemplateId {
        let id = TemplateId(u32::try_from(self.templates.len()).expect("templates are few"));
        let own_affinity =
            spec.affinity.iter().all(|term| term.matches(&self.names, spec.namespace, &spec));
        let soft_needs_all = !spec.spread.is_empty();
        self.templates.push(Registered {
            spec: spec.clone(),
            personal: is_personal(&spec),
            own_affinity,
            soft_needs_all,
            ..Registered::default()
        });
        for node in (0..).map(NodeId).take(self.nodes.len()) {
            if self.nodes[node.at()].is_some() {
                self.look(id, node);
            }
        }
        let (hard, soft): (Vec<_>, Vec<_>) =
            constraints(&spec).into_iter().partition(|constraint| constraint.hard);
        let hard = self.spread_counters(id, &spec, &hard);
        let soft = self.spread_counters(id, &spec, &soft);
        let registered = &mut self.templates[id.0 as usize];
        (registered.hard, registered.soft) = (hard, soft);
        for term in &spec.affinity {
            self.keyed_counter(id, Rule::Affinity, term.topology_key);
        }
        for other in (0..id.0).map(TemplateId) {
            self.link(other, id);
        }
        for other in (0..=id.0).map(TemplateId) {
            self.link(id, other);
        }
        self.count_for(id);
        for template in &mut self.templates {
            template.plain = template.is_plain();
        }
        id
    }

    /// The index of a topology key, a new one if need be.
    fn key(&mut self, label: Symbol) -> usize {
        if let Some(at) = self.keys.iter().position(|key| key.label == label) {
            return at;
        }
        let mut key = TopologyKey::of(label, self.nodes.len());
        for (node, spec) in (0..).map(NodeId).zip(&self.nodes) {
            if let Some(spec) = spec {
                key.join(node, &spec.labels);
            }
        }
        self.keys.push(key);
        self.keys.len() - 1
    }

    fn add_counter(&mut self, counter: Counter) -> u32 {
        let at = self.counters.len();
        self.counters.push(counter);
        for node in (0..).map(NodeId).take(self.nodes.len()) {
            if self.nodes[node.at()].is_some() {
                self.count_node(at, node);
            }
        }
        u32::try_from(at).expect("counters are few")
    }

    fn spread_counters(
        &mut self,
        id: TemplateId,
        pod: &PodTemplate,
        constraints: &[SpreadConstraint],
    ) -> Vec<Spread> {
        let keys: Vec<usize> =
            constraints.iter().map(|constraint| self.key(constraint.topology_key)).collect();
        let needs_all = !pod.spread.is_empty();
        let mut ready = Vec::new();
        for (constraint, key) in constraints.iter().zip(&keys) {
            let by_host = constraint.topology_key == Symbol::HOSTNAME;
            let mask = Mask {
                keys: if needs_all { keys.clone() } else { Vec::new() },
                affinity: constraint.honor_affinity,
                taints: constraint.honor_taints,
            };
            // Scores of the host name count the node's own pods, whatever the policies.
            let mask = (constraint.hard || !by_host).then_some(mask);
            let counter = self.add_counter(Counter::of_spread(id, *key, mask, constraint.hard));
            let selector = constraint.full_selector(&pod.labels);
            ready.push(Spread {
                counter,
                max_skew: i64::from(constraint.max_skew),
                min_domains: i64::from(constraint.min_domains),
                own: i64::from(selector.matches(&self.names, &pod.labels)),
                by_host,
                selector,
            });
        }
        ready
    }

    /// Pods of `other` are counted by the rules of `id`.
    fn link(&mut self, id: TemplateId, other: TemplateId) {
        let (pod, met) = (self.registered(id), self.registered(other));
        let mut heard = Vec::new();
        for spread in pod.hard.iter().chain(&pod.soft) {
            let same = met.spec.namespace == pod.spec.namespace;
            if same && spread.selector.matches(&self.names, &met.spec.labels) {
                let weight = i64::from(!spread.selector.is_empty());
                heard.push(Listener { counter: spread.counter, weight, change: 1, hits: 1 });
            }
        }
        let met_by = affinity_terms(self, &pod.spec, &met.spec);
        self.templates[other.0 as usize].listeners.append(&mut heard);
        for (rule, label, weight) in met_by {
            self.hear(id, other, rule, label, weight);
        }
    }

    /// The counter of a rule for a topology key, a new one if need be.
    fn keyed_counter(&mut self, id: TemplateId, rule: Rule, label: Symbol) -> u32 {
        let key = self.key(label);
        let list = self.templates[id.0 as usize].list(rule).clone();
        let known = list.into_iter().find(|at| self.counters[*at as usize].key == key);
        known.unwrap_or_else(|| {
            let counter = self.add_counter(Counter::of(id, key));
            self.templates[id.0 as usize].list(rule).push(counter);
            counter
        })
    }

    /// Adds a term's weight to the counter of its rule and key.
    fn hear(&mut self, id: TemplateId, other: TemplateId, rule: Rule, label: Symbol, weight: i64) {
        let counter = self.keyed_counter(id, rule, label);
        let listeners = &mut self.templates[other.0 as usize].listeners;
        match listeners.iter_mut().find(|listener| listener.counter == counter) {
            Some(listener) => {
                listener.weight += weight;
                listener.change += weight;
                listener.hits += 1;
            }
            None => listeners.push(Listener { counter, weight, change: weight, hits: 1 }),
        }
    }
}

/// The terms by which a pod's rules mean pods of another template: rule, key, weight
/// (`interpodaffinity` `PreFilter` and `PreScore`).
fn affinity_terms(
    cluster: &Cluster,
    pod: &PodTemplate,
    met: &PodTemplate,
) -> Vec<(Rule, Symbol, i64)> {
    let ours = |term: &PodTerm| term.matches(&cluster.names, pod.namespace, met);
    let theirs = |term: &PodTerm| term.matches(&cluster.names, met.namespace, pod);
    let mut terms = Vec::new();
    if pod.affinity.iter().all(ours) {
        let keys = pod.affinity.iter().map(|term| term.topology_key);
        terms.extend(keys.map(|key| (Rule::Affinity, key, 1)));
    }
    let of = |rule, weight| move |term: &PodTerm| (rule, term.topology_key, weight);
    terms.extend(pod.anti_affinity.iter().filter(|term| ours(term)).map(of(Rule::Anti, 1)));
    terms.extend(met.anti_affinity.iter().filter(|term| theirs(term)).map(of(Rule::Blocked, 1)));
    let required = met.affinity.iter().filter(|term| theirs(term));
    terms.extend(required.map(of(Rule::Liked, HARD_AFFINITY_WEIGHT)));
    let mine = pod.preferred.iter().filter(|(_, term)| ours(term));
    let others = met.preferred.iter().filter(|(_, term)| theirs(term));
    terms.extend(
        mine.chain(others)
            .map(|(weight, term)| (Rule::Liked, term.topology_key, i64::from(*weight))),
    );
    terms
}

/// The pod's constraints, or the default ones: host name 3, zone 5, anyway
/// (`podtopologyspread` `systemDefaultConstraints`).
fn constraints(pod: &PodTemplate) -> Vec<SpreadConstraint> {
    match &pod.default_spread {
        Some(selector) if pod.spread.is_empty() && !selector.is_empty() => {
            [(Symbol::HOSTNAME, 3), (Symbol::ZONE, 5)]
                .map(|(key, skew)| SpreadConstraint::new(key, skew, false, selector.clone()))
                .to_vec()
        }
        _ => pod.spread.clone(),
    }
}
