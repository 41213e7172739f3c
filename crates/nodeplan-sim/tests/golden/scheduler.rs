//! Sets of recorded answers: scheduler.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Replay, Verdict};
use crate::sim::scheduler::{
    Budget, Cluster, ContainerRequest, Cycle, Effect, HostPort, Labels, Life, NodeId, NodeSpec,
    NodeTerm, Operator, Outcome, Pending, Plugin, PodId, PodRequests, PodTemplate, PodTerm,
    Preemption, Requirement, Scores, Selector, SpreadConstraint, Symbol, Taint, TemplateId,
    Toleration, demand, eligible_to_preempt, filter, fit_error, labels, preempt, schedule_one,
    score,
};

/// The replay of a set of this part, if it is one.
pub fn replay(set: &str) -> Option<Replay> {
    match set {
        "sched_filter_score" => Some(filter_score),
        "sched_sequence" => Some(sequence),
        "sched_preemption" => Some(preemption),
        _ => None,
    }
}

type Texts = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Node {
    name: String,
    labels: Texts,
    cpu_m: i64,
    mem: i64,
    pods: i64,
    #[serde(default)]
    taints: Vec<[String; 3]>,
    #[serde(default)]
    unschedulable: bool,
}

#[derive(Deserialize)]
struct Expression {
    key: String,
    op: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Preferred {
    weight: i32,
    exprs: Vec<Expression>,
}

#[derive(Deserialize)]
struct Affinity {
    match_app: String,
    topology_key: String,
    #[serde(default)]
    weight: i32,
    anti: bool,
}

#[derive(Deserialize)]
struct Spread {
    match_app: String,
    topology_key: String,
    max_skew: i32,
    do_not_schedule: bool,
    #[serde(default)]
    match_label_keys: Vec<String>,
    min_domains: Option<i32>,
    node_affinity_policy: Option<String>,
    node_taints_policy: Option<String>,
}

#[derive(Deserialize)]
struct Pod {
    name: String,
    #[serde(default)]
    node: String,
    #[serde(default)]
    labels: Texts,
    cpu_m: i64,
    mem: i64,
    host_port: Option<u16>,
    #[serde(default)]
    terminating: bool,
    #[serde(default)]
    tolerations: Vec<[String; 4]>,
    #[serde(default)]
    node_selector: Texts,
    node_affinity_required: Option<Vec<Vec<Expression>>>,
    #[serde(default)]
    node_affinity_preferred: Vec<Preferred>,
    #[serde(default)]
    spread: Vec<Spread>,
    #[serde(default)]
    pod_affinity: Vec<Affinity>,
    replicaset: Option<String>,
    #[serde(default)]
    priority: i32,
    #[serde(default)]
    preemption_never: bool,
    #[serde(default)]
    start_s: i64,
}

/// The recorded cluster, with the names that answers use.
#[derive(Default)]
struct World {
    cluster: Cluster,
    nodes: BTreeMap<String, NodeId>,
    pods: BTreeMap<String, PodId>,
}

impl World {
    fn of(nodes: &[Node], bound: &[Pod]) -> Self {
        let mut world = Self::default();
        for node in nodes {
            let spec = world.node(node);
            let id = world.cluster.add_node(spec);
            world.nodes.insert(node.name.clone(), id);
        }
        for pod in bound {
            let template = world.template(pod, None);
            let template = world.cluster.register(template);
            let node = world.nodes[&pod.node];
            let id = world.cluster.add_pod(template, node, pod.start_s * 1000);
            if pod.terminating {
                world.cluster.set_life(id, Life::Terminating);
            }
            world.pods.insert(pod.name.clone(), id);
        }
        world
    }

    fn symbol(&mut self, text: &str) -> Symbol {
        self.cluster.names.intern(text)
    }

    fn labels(&mut self, texts: &Texts) -> Labels {
        labels(texts.iter().map(|(key, value)| (self.symbol(key), self.symbol(value))))
    }

    fn node(&mut self, node: &Node) -> NodeSpec {
        let taint = |[key, value, effect]: &[String; 3]| Taint {
            key: self.symbol(key),
            value: self.symbol(value),
            effect: effect_of(effect).expect("taints have an effect"),
        };
        NodeSpec {
            taints: node.taints.iter().map(taint).collect(),
            name: self.symbol(&node.name),
            labels: self.labels(&node.labels),
            unschedulable: node.unschedulable,
            cpu_milli: node.cpu_m,
            memory: node.mem,
            pods: node.pods,
            ..NodeSpec::default()
        }
    }

    fn term(&mut self, expressions: &[Expression]) -> NodeTerm {
        let requirement = |expression: &Expression| Requirement {
            key: self.symbol(&expression.key),
            operator: match expression.op.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                "Gt" => Operator::Gt,
                "Lt" => Operator::Lt,
                other => panic!("operator {other}"),
            },
            values: expression.values.iter().map(|value| self.symbol(value)).collect(),
        };
        NodeTerm { labels: expressions.iter().map(requirement).collect(), names: Vec::new() }
    }

    fn app(&mut self, app: &str) -> Selector {
        Selector::of_labels(&[(self.symbol("app"), self.symbol(app))])
    }

    fn spread(&mut self, spread: &Spread) -> SpreadConstraint {
        let selector = self.app(&spread.match_app);
        let key = self.symbol(&spread.topology_key);
        let keys = spread.match_label_keys.iter().map(|key| self.symbol(key)).collect();
        SpreadConstraint {
            match_label_keys: keys,
            min_domains: spread.min_domains.unwrap_or(1),
            honor_affinity: spread.node_affinity_policy.as_deref() != Some("Ignore"),
            honor_taints: spread.node_taints_policy.as_deref() == Some("Honor"),
            ..SpreadConstraint::new(key, spread.max_skew, spread.do_not_schedule, selector)
        }
    }

    fn template(&mut self, pod: &Pod, default_spread: Option<Selector>) -> PodTemplate {
        let mut template = PodTemplate {
            labels: self.labels(&pod.labels),
            node_selector: self.labels(&pod.node_selector),
            demand: demand(&PodRequests {
                containers: vec![ContainerRequest {
                    cpu_milli: (pod.cpu_m > 0).then_some(pod.cpu_m),
                    memory: (pod.mem > 0).then_some(pod.mem),
                    ..ContainerRequest::default()
                }],
                ..PodRequests::default()
            }),
            default_spread,
            priority: pod.priority,
            preemption_never: pod.preemption_never,
            ..PodTemplate::default()
        };
        let port = |port| HostPort { protocol: Default::default(), port, address: None };
        template.ports = pod.host_port.map(port).into_iter().collect();
        for [key, operator, value, effect] in &pod.tolerations {
            template.tolerations.push(Toleration {
                key: (!key.is_empty()).then(|| self.symbol(key)),
                value: (operator != "Exists").then(|| self.symbol(value)),
                effect: effect_of(effect),
            });
        }
        if let Some(terms) = &pod.node_affinity_required {
            template.node_required = Some(terms.iter().map(|term| self.term(term)).collect());
        }
        for preferred in &pod.node_affinity_preferred {
            template.node_preferred.push((preferred.weight, self.term(&preferred.exprs)));
        }
        template.spread = pod.spread.iter().map(|spread| self.spread(spread)).collect();
        for affinity in &pod.pod_affinity {
            let term = PodTerm {
                selector: self.app(&affinity.match_app),
                namespaces: Default::default(),
                topology_key: self.symbol(&affinity.topology_key),
            };
            match (affinity.weight, affinity.anti) {
                (0, false) => template.affinity.push(term),
                (0, true) => template.anti_affinity.push(term),
                (weight, false) => template.preferred.push((weight, term)),
                (weight, true) => template.preferred.push((-weight, term)),
            }
        }
        template
    }

    fn node_name(&self, node: NodeId) -> &str {
        self.cluster.names.text(self.cluster.node(node).name)
    }

    fn pod_name(&self, pod: PodId) -> &str {
        let named = self.pods.iter().find(|(_, id)| **id == pod);
        named.expect("all bound pods have a name").0
    }
}

fn effect_of(text: &str) -> Option<Effect> {
    match text {
        "NoSchedule" => Some(Effect::NoSchedule),
        "NoExecute" => Some(Effect::NoExecute),
        "PreferNoSchedule" => Some(Effect::PreferNoSchedule),
        "" => None,
        other => panic!("effect {other}"),
    }
}

fn verdict(id: &str, difference: Option<String>) -> Verdict {
    match difference {
        None => Verdict::Equal,
        Some(difference) => Verdict::Different(format!("{id}: {difference}")),
    }
}

#[derive(Deserialize)]
struct FilterScore {
    id: String,
    nodes: Vec<Node>,
    pods: Option<Vec<Pod>>,
    pod: Pod,
    out: FilterScoreOut,
}

#[derive(Deserialize)]
struct FilterScoreOut {
    filter: BTreeMap<String, Filtered>,
    scores: Option<BTreeMap<String, BTreeMap<String, i64>>>,
}

#[derive(Deserialize)]
struct Filtered {
    fits: bool,
    #[serde(default)]
    plugin: String,
    #[serde(default)]
    reasons: Vec<String>,
}

fn filter_score(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: FilterScore = serde_json::from_str(line)?;
    let mut world = World::of(&case.nodes, case.pods.as_deref().unwrap_or_default());
    let template = world.template(&case.pod, None);
    let pod = world.cluster.register(template);
    Ok(verdict(&case.id, filter_score_difference(&world, pod, &case.out)))
}

fn filter_score_difference(world: &World, pod: TemplateId, out: &FilterScoreOut) -> Option<String> {
    let mut feasible = Vec::new();
    for (name, recorded) in &out.filter {
        let node = world.nodes[name];
        let ours = filter(&world.cluster, pod, node);
        let same = match &ours {
            Ok(()) => recorded.fits,
            Err(rejection) => {
                let texts = rejection.texts(&world.cluster, pod, node);
                !recorded.fits
                    && rejection.plugin.name() == recorded.plugin
                    && texts == recorded.reasons
            }
        };
        if !same {
            return Some(format!("{name}: {ours:?}, recorded {}", recorded.plugin));
        }
        if ours.is_ok() {
            feasible.push(node);
        }
    }
    let mut scores = Scores::default();
    score(&world.cluster, pod, &feasible, &mut scores);
    let none = BTreeMap::new();
    let recorded = out.scores.as_ref().unwrap_or(&none);
    if recorded.len() != feasible.len() {
        return Some(format!("scores of {} nodes, recorded {}", feasible.len(), recorded.len()));
    }
    for (at, node) in feasible.iter().enumerate() {
        let name = world.node_name(*node);
        let mut ours: BTreeMap<String, i64> = [
            Plugin::NodeResourcesFit,
            Plugin::NodeResourcesBalancedAllocation,
            Plugin::TaintToleration,
            Plugin::NodeAffinity,
            Plugin::PodTopologySpread,
            Plugin::InterPodAffinity,
        ]
        .iter()
        .filter_map(|plugin| Some((plugin.name().to_owned(), scores.of(*plugin)?[at])))
        .collect();
        ours.insert("total".to_owned(), scores.totals()[at]);
        // Plugins that never have a say here: no image is known, no device is claimed.
        let mut theirs = recorded.get(name).cloned().unwrap_or_default();
        theirs.retain(|plugin, score| {
            *score != 0 || !["DynamicResources", "ImageLocality"].contains(&plugin.as_str())
        });
        if ours != theirs {
            return Some(format!("{name}: {ours:?}, recorded {theirs:?}"));
        }
    }
    None
}

#[derive(Deserialize)]
struct Sequence {
    id: String,
    nodes: Vec<Node>,
    #[serde(default)]
    bound: Vec<Pod>,
    templates: BTreeMap<String, Pod>,
    sequence: Vec<String>,
    #[serde(default)]
    services: BTreeMap<String, Texts>,
    #[serde(default)]
    replicasets: BTreeMap<String, Texts>,
    out: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(default)]
    node: String,
    best: Option<Vec<String>>,
    score: Option<i64>,
    feasible: usize,
    evaluated: usize,
    start_index: usize,
    reason: Option<String>,
    #[serde(default)]
    plugins: Vec<String>,
    totals: Option<BTreeMap<String, i64>>,
}

fn sequence(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: Sequence = serde_json::from_str(line)?;
    let mut world = World::of(&case.nodes, &case.bound);
    let mut templates = BTreeMap::new();
    for (name, pod) in &case.templates {
        let selector = default_selector(&mut world, pod, &case);
        let template = world.template(pod, selector);
        templates.insert(name, world.cluster.register(template));
    }
    let mut cycle = Cycle::default();
    for (at, (name, step)) in (0..).zip(case.sequence.iter().zip(&case.out)) {
        let pod = Pending::of(templates[name], at);
        let start = cycle.next_start;
        let outcome = schedule_one(&world.cluster, &pod, &mut cycle);
        let difference = if start == step.start_index {
            step_difference(&world, &pod, outcome, &cycle, step)
        } else {
            Some(format!("starts at {start}, recorded {}", step.start_index))
        };
        if let Some(difference) = difference {
            return Ok(verdict(&case.id, Some(format!("pod {at}: {difference}"))));
        }
        if !step.node.is_empty() {
            world.cluster.add_pod(pod.template, world.nodes[&step.node], 0);
        }
    }
    Ok(Verdict::Equal)
}

/// The selectors of the Services that select the pod and of its owner, merged.
fn default_selector(world: &mut World, pod: &Pod, case: &Sequence) -> Option<Selector> {
    let selects =
        |service: &&Texts| service.iter().all(|(key, value)| pod.labels.get(key) == Some(value));
    let mut merged = Texts::new();
    case.services.values().filter(selects).for_each(|service| merged.extend(service.clone()));
    if let Some(owner) = &pod.replicaset {
        merged.extend(case.replicasets.get(owner).cloned().unwrap_or_default());
    }
    (!merged.is_empty()).then(|| Selector::of_labels(&world.labels(&merged)))
}

fn step_difference(
    world: &World,
    pod: &Pending<'_>,
    outcome: Outcome,
    cycle: &Cycle,
    step: &Step,
) -> Option<String> {
    let names = |nodes: &[NodeId]| {
        let mut names: Vec<String> =
            nodes.iter().map(|node| world.node_name(*node).to_owned()).collect();
        names.sort();
        names
    };
    let seen = (cycle.feasible.len(), cycle.feasible.len() + cycle.rejected.len());
    if seen != (step.feasible, step.evaluated) {
        return Some(format!("{seen:?} nodes, recorded {:?}", (step.feasible, step.evaluated)));
    }
    let Outcome::Placed(top) = outcome else {
        let text = fit_error(&world.cluster, pod.template, &cycle.rejected);
        let mut plugins: Vec<&str> =
            cycle.rejected.iter().map(|(_, rejection)| rejection.plugin.name()).collect();
        plugins.sort_unstable();
        plugins.dedup();
        let same = step.reason.as_ref() == Some(&text) && plugins == step.plugins;
        return (!same).then(|| format!("{text} {plugins:?}, recorded {:?}", step.reason));
    };
    let best = names(&cycle.best);
    let recorded = step.best.clone().unwrap_or_else(|| vec![step.node.clone()]);
    if best != recorded || top != step.score {
        return Some(format!("{best:?} {top:?}, recorded {recorded:?} {:?}", step.score));
    }
    let recorded = step.totals.as_ref()?;
    let totals: BTreeMap<String, i64> = cycle
        .feasible
        .iter()
        .map(|node| world.node_name(*node).to_owned())
        .zip(cycle.scores.totals().iter().copied())
        .collect();
    (totals != *recorded).then(|| format!("{totals:?}, recorded {recorded:?}"))
}

#[derive(Deserialize)]
struct PreemptionCase {
    id: String,
    nodes: Vec<Node>,
    pods: Option<Vec<Pod>>,
    pdbs: Option<Vec<Pdb>>,
    pod: Pod,
    out: PreemptionOut,
}

#[derive(Deserialize)]
struct Pdb {
    app: String,
    #[serde(default)]
    disruptions_allowed: i64,
    #[serde(default)]
    disrupted_pods: Vec<String>,
}

#[derive(Deserialize)]
struct PreemptionOut {
    filter: BTreeMap<String, String>,
    plugin: BTreeMap<String, String>,
    candidates: Option<Vec<Candidate>>,
    chosen: Option<String>,
    status: String,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
struct Candidate {
    node: String,
    victims: Vec<String>,
    #[serde(default)]
    pdb_violations: usize,
}

fn preemption(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: PreemptionCase = serde_json::from_str(line)?;
    let mut world = World::of(&case.nodes, case.pods.as_deref().unwrap_or_default());
    let template = world.template(&case.pod, None);
    let pod = Pending::of(world.cluster.register(template), 0);
    let budgets: Vec<Budget> = case
        .pdbs
        .iter()
        .flatten()
        .map(|pdb| Budget {
            namespace: Symbol::EMPTY,
            selector: world.app(&pdb.app),
            allowed: pdb.disruptions_allowed,
            disrupted: pdb.disrupted_pods.iter().map(|pod| world.pods[pod]).collect(),
        })
        .collect();
    Ok(verdict(&case.id, preemption_difference(&world, &pod, &budgets, &case.out)))
}

fn preemption_difference(
    world: &World,
    pod: &Pending<'_>,
    budgets: &[Budget],
    out: &PreemptionOut,
) -> Option<String> {
    let mut cycle = Cycle::default();
    if schedule_one(&world.cluster, pod, &mut cycle) != Outcome::Unschedulable {
        return Some("fits".to_owned());
    }
    for (node, rejection) in &cycle.rejected {
        let name = world.node_name(*node);
        let resolvable = out.filter[name] == "unschedulable";
        if rejection.resolvable != resolvable || rejection.plugin.name() != out.plugin[name] {
            return Some(format!("{name}: {rejection:?}, recorded {}", out.plugin[name]));
        }
    }
    let eligible = eligible_to_preempt(&world.cluster, pod, None);
    let found = if eligible {
        preempt(&world.cluster, pod, &cycle.rejected, budgets, 0)
    } else {
        Preemption::default()
    };
    let chosen = found.chosen.map(|at| world.node_name(found.candidates[at].node).to_owned());
    let mut ours = candidates(world, &found);
    ours.sort_by(|a, b| a.node.cmp(&b.node));
    let status = match (eligible, found.potential, &chosen) {
        (false, ..) => "not eligible due to preemptionPolicy=Never.",
        (true, 0, _) => "no potential nodes",
        (true, _, None) => "no candidates",
        (true, _, Some(_)) => "preempt",
    };
    let recorded = out.candidates.as_deref().unwrap_or_default();
    let theirs = (recorded, out.status.as_str(), out.chosen.as_ref());
    let ours = (ours.as_slice(), status, chosen.as_ref());
    (ours != theirs).then(|| format!("{ours:?}, recorded {theirs:?}"))
}

fn candidates(world: &World, found: &Preemption) -> Vec<Candidate> {
    let of = |candidate: &crate::sim::scheduler::Candidate| Candidate {
        node: world.node_name(candidate.node).to_owned(),
        victims: candidate.victims.iter().map(|pod| world.pod_name(*pod).to_owned()).collect(),
        pdb_violations: candidate.violations,
    };
    found.candidates.iter().map(of).collect()
}
