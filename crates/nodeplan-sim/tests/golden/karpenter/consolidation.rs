//! Set `karpenter_consolidation`: what emptiness, multi-node and single-node consolidation each
//! do with one state of a cluster.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::Verdict;
use super::{Names, TypeIn, World, requests, shape, taints, word};
use crate::sim::karpenter::consolidation::{Command, emptiness, multi_node, single_node};
use crate::sim::karpenter::disruption::{budgets, candidates};
use crate::sim::karpenter::nouns::{
    Amounts, Budget, Cluster, Node, NodePool, Pdb, Pod, Policy, Reason, Settings, Shape, Share,
    Term,
};
use crate::sim::karpenter::requirement::{Key, Requirements};

#[derive(Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    spot_to_spot_gate: bool,
    instance_types: Vec<TypeIn>,
    nodepools: Vec<PoolIn>,
    nodes: Option<Vec<NodeIn>>,
    pods: Option<Vec<PodIn>>,
    #[serde(default)]
    pdbs: Vec<PdbIn>,
    out: Out,
}

#[derive(Deserialize)]
struct PoolIn {
    name: String,
    #[serde(default)]
    capacity_types: Vec<String>,
    #[serde(default)]
    taint_key: String,
    consolidation_policy: String,
    budgets: Option<Vec<String>>,
    expire_after_s: Option<i64>,
}

#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools)]
struct NodeIn {
    name: String,
    nodepool: String,
    instance_type: String,
    zone: String,
    capacity_type: String,
    #[serde(default)]
    age_s: i64,
    #[serde(default)]
    not_consolidatable: bool,
    #[serde(default)]
    not_initialized: bool,
    #[serde(default)]
    not_ready: bool,
    #[serde(default)]
    marked_for_deletion: bool,
    #[serde(default)]
    do_not_disrupt: bool,
}

#[derive(Deserialize)]
struct PodIn {
    name: String,
    node: Option<String>,
    cpu_m: i64,
    mem: i64,
    app: String,
    #[serde(default)]
    daemonset: bool,
    #[serde(default)]
    do_not_disrupt: bool,
    #[serde(default)]
    self_anti_affinity_host: bool,
    #[serde(default)]
    tolerates: String,
    #[serde(default)]
    node_selector: BTreeMap<String, String>,
    pod_deletion_cost: Option<f64>,
    priority: Option<i32>,
    #[serde(default)]
    created_order: i64,
}

#[derive(Deserialize)]
struct PdbIn {
    app: String,
    #[serde(default)]
    disruptions_allowed: i64,
}

#[derive(Deserialize)]
struct Out {
    empty: Answer,
    multi: Answer,
    single: Answer,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Answer {
    budgets: BTreeMap<String, u64>,
    #[serde(default)]
    candidates: Option<Vec<CandidateOut>>,
    decision: String,
    #[serde(default)]
    removed: Vec<String>,
    #[serde(default)]
    replacement_types_by_price: Vec<String>,
    #[serde(default)]
    replacement_capacity_types: Vec<String>,
    #[serde(default)]
    replacement_zones: Vec<String>,
    #[serde(default)]
    replacement_pods: Vec<String>,
    #[serde(default)]
    pods_to_existing: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct CandidateOut {
    node: String,
    disruption_cost: f64,
}

/// The state of a case, in the controller's nouns.
struct State {
    world: World,
    pools: Vec<NodePool>,
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
    pods: Vec<Pod>,
    pdbs: Vec<Pdb>,
}

impl Case {
    fn nodes(&self) -> &[NodeIn] {
        self.nodes.as_deref().unwrap_or_default()
    }

    fn pods(&self) -> &[PodIn] {
        self.pods.as_deref().unwrap_or_default()
    }

    fn state(&self) -> State {
        let mut world = World::new(&self.instance_types);
        let mut apps = Names::default();
        let mut shapes = Vec::new();
        let mut pods = Vec::new();
        for pod in self.pods() {
            let selector = world.selector(&pod.node_selector);
            let requests = requests(pod.cpu_m, pod.mem);
            let app = apps.index(&pod.app);
            let mut shape = shape(app, requests, selector, &pod.tolerates);
            if pod.self_anti_affinity_host {
                let selects = vec![shape.app];
                shape.anti_affinity.push(Term { key: Key::HOSTNAME, selects, weight: None });
            }
            shapes.push(shape);
            pods.push(Pod {
                shape: shapes.len() - 1,
                node: pod.node.as_ref().map(|name| {
                    let at = self.nodes().iter().position(|node| node.name == *name);
                    at.expect("pods are on nodes of the case")
                }),
                created_ms: pod.created_order * 1000,
                uid: pods.len() as u64,
                daemon: pod.daemonset,
                terminating: false,
                do_not_disrupt: pod.do_not_disrupt,
                deletion_cost: pod.pod_deletion_cost,
                priority: pod.priority,
            });
        }
        let pdb = |pdb: &PdbIn| Pdb {
            selects: vec![u32::try_from(apps.index(&pdb.app)).expect("a case has few apps")],
            allowed: pdb.disruptions_allowed,
            fully_blocking: false,
        };
        let pdbs = self.pdbs.iter().map(pdb).collect();
        let pools = self.pools(&mut world);
        let nodes = self.nodes().iter().enumerate();
        let nodes = nodes.map(|(at, node)| self.node(at, node, &mut world)).collect();
        State { world, pools, nodes, shapes, pods, pdbs }
    }

    fn pools(&self, world: &mut World) -> Vec<NodePool> {
        let share = |text: &String| {
            let number = |text: &str| text.parse().expect("budgets are numbers");
            let share = text.strip_suffix('%').map(number).map(Share::Percent);
            let share = share.unwrap_or_else(|| Share::Nodes(number(text)));
            Budget { share, reasons: Vec::new() }
        };
        (self.nodepools.iter().enumerate())
            .map(|(at, pool)| NodePool {
                requirements: world.pool(at, &pool.capacity_types, &[]),
                taints: taints(&pool.taint_key),
                types: (0..self.instance_types.len()).collect(),
                policy: if pool.consolidation_policy == "WhenEmpty" {
                    Policy::WhenEmpty
                } else {
                    Policy::WhenEmptyOrUnderutilized
                },
                budgets: pool.budgets.iter().flatten().map(share).collect(),
                expire_after_ms: pool.expire_after_s.map(|seconds| seconds * 1000),
                ..NodePool::default()
            })
            .collect()
    }

    fn node(&self, at: usize, node: &NodeIn, world: &mut World) -> Node {
        let pool = self.nodepools.iter().position(|pool| pool.name == node.nodepool);
        let pool = pool.expect("nodes are of pools of the case");
        let size = self.instance_types.iter().position(|size| size.name == node.instance_type);
        let size = size.expect("nodes are of types of the case");
        Node {
            pool: Some(pool),
            instance_type: Some(size),
            labels: Requirements::labels(&[
                (Key::HOSTNAME, word(at)),
                (Key::NODE_POOL, word(pool)),
                (Key::INSTANCE_TYPE, word(size)),
                (Key::ZONE, world.zones.number(&node.zone)),
                (Key::CAPACITY_TYPE, world.capacity_types.number(&node.capacity_type)),
            ]),
            taints: taints(&self.nodepools[pool].taint_key),
            capacity: world.types[size].capacity,
            allocatable: world.types[size].allocatable,
            daemons_to_come: Amounts::default(),
            created_ms: -node.age_s * 1000,
            initialized: !node.not_initialized,
            ready: !node.not_ready,
            deleting: node.marked_for_deletion,
            do_not_disrupt: node.do_not_disrupt,
            nominated: false,
            consolidatable: !node.not_consolidatable,
        }
    }

    fn answer(
        &self,
        state: &State,
        cluster: Cluster<'_>,
        settings: Settings,
        reason: Reason,
        command: &Command,
    ) -> Answer {
        let node = |at: usize| self.nodes()[at].name.clone();
        let pool = |(at, count): (usize, u64)| (self.nodepools[at].name.clone(), count);
        let mut answer = Answer {
            budgets: budgets(cluster, reason).into_iter().enumerate().map(pool).collect(),
            candidates: Some(
                candidates(cluster, reason, settings)
                    .iter()
                    .map(|one| CandidateOut { node: node(one.node), disruption_cost: one.cost })
                    .collect(),
            ),
            decision: match (command.is_none(), &command.replacement) {
                (true, _) => "no-op",
                (false, None) => "delete",
                (false, Some(_)) => "replace",
            }
            .to_owned(),
            removed: command.removed.iter().map(|at| node(*at)).collect(),
            ..Answer::default()
        };
        if let Some(claim) = &command.replacement {
            let name = |at: &usize| self.instance_types[*at].name.clone();
            answer.replacement_types_by_price = claim.types.iter().map(name).collect();
            let requirements = &claim.requirements;
            let world = &state.world;
            answer.replacement_capacity_types =
                world.capacity_types.sorted(requirements, Key::CAPACITY_TYPE);
            answer.replacement_zones = world.zones.sorted(requirements, Key::ZONE);
            answer.replacement_pods =
                claim.pods.iter().map(|pod| self.pods()[*pod].name.clone()).collect();
            answer.replacement_pods.sort();
        }
        for (pod, at) in &command.placed {
            let pods = answer.pods_to_existing.entry(node(*at)).or_default();
            pods.push(self.pods()[*pod].name.clone());
            pods.sort();
        }
        settle_ties(&mut answer);
        answer
    }
}

/// Puts removed nodes of equal cost in name order: upstream has them in the order of a map.
fn settle_ties(answer: &mut Answer) {
    let costs = answer.candidates.as_deref().unwrap_or_default();
    let cost = |name: &String| {
        costs.iter().find(|one| one.node == *name).map(|one| one.disruption_cost.to_bits())
    };
    for run in answer.removed.chunk_by_mut(|a, b| cost(a) == cost(b)) {
        run.sort();
    }
}

/// Answers one line.
pub fn replay(line: &str) -> Result<Verdict, serde_json::Error> {
    let mut case: Case = serde_json::from_str(line)?;
    for answer in [&mut case.out.empty, &mut case.out.multi, &mut case.out.single] {
        settle_ties(answer);
    }
    let state = case.state();
    let cluster = Cluster {
        types: &state.world.types,
        pools: &state.pools,
        shapes: &state.shapes,
        nodes: &state.nodes,
        pods: &state.pods,
        pdbs: &state.pdbs,
        now_ms: 0,
    };
    let settings = Settings { spot_to_spot: case.spot_to_spot_gate, ..Settings::default() };
    let first = &mut |_| 0;
    let forwards: Vec<usize> = (0..case.nodepools.len()).collect();
    let backwards: Vec<usize> = forwards.iter().rev().copied().collect();
    let single = |pools: &[usize]| single_node(cluster, settings, pools, &mut |_| 0);
    let empty = [emptiness(cluster, settings)];
    let multi = [multi_node(cluster, settings, first)];
    // Upstream lets pools take turns in the random order of a map, so either is right.
    let single = [single(&forwards), single(&backwards)];
    let out = &case.out;
    for (method, reason, commands, expected) in [
        ("empty", Reason::Empty, &empty[..], &out.empty),
        ("multi", Reason::Underutilized, &multi, &out.multi),
        ("single", Reason::Underutilized, &single, &out.single),
    ] {
        let answer = |command| case.answer(&state, cluster, settings, reason, command);
        if commands.iter().all(|command| answer(command) != *expected) {
            let (id, ours) = (&case.id, answer(&commands[0]));
            return Ok(Verdict::Different(format!("{id} {method}: {ours:?}, not {expected:?}")));
        }
    }
    Ok(Verdict::Equal)
}
