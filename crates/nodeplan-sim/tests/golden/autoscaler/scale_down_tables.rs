//! Upstream's tables of scale-down (`core/scaledown/eligibility`, `core/scaledown/unneeded`),
//! each case a loop of the whole autoscaler over a few nodes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare;
use super::upstream_tables::{int, list, text};
use crate::replay::Verdict;
use crate::sim::autoscaler::options::Options;
use crate::sim::autoscaler::run_once::{AutoscalerState, run_once};
use crate::sim::autoscaler::scale_down::Unremovable;
use crate::sim::autoscaler::view::{
    ClusterView, Group, Node, NodeShape, Owner, Pod, PodClass, Toleration,
};

const MINUTE_MS: i64 = 60_000;
/// Of the first loop.
const START_MS: i64 = 100 * MINUTE_MS;
/// Shapes of nodes: as described, without room, with room for all that moves.
const REGULAR: usize = 0;
const BROKEN: usize = 1;
const ROOMY: usize = 2;

/// Nodes of a group that may shrink to nothing, and one of no group where pods find room.
#[derive(Default)]
struct World<'f> {
    names: Vec<&'f str>,
    nodes: Vec<Node>,
    classes: Vec<PodClass>,
    pods: Vec<Pod>,
}

impl<'f> World<'f> {
    /// Nodes that are what their names say, and a roomy one.
    fn new(names: impl Iterator<Item = &'f str>) -> Self {
        let mut world = Self::default();
        for name in names.chain(["elsewhere"]) {
            let grouped = name != "elsewhere";
            world.nodes.push(Node {
                key: u32::try_from(world.names.len()).expect("a few nodes"),
                group: grouped.then_some(0),
                shape: match name {
                    "broken" => BROKEN,
                    "elsewhere" => ROOMY,
                    _ => REGULAR,
                },
                created_ms: 0,
                ready: name != "unready",
                ready_changed_ms: 0,
                scale_down_disabled: name == "noScaleDown",
                deletion_taint_ms: (name == "justDeleted").then_some(START_MS - 30_000),
                soft_taint: false,
                condition_taint: None,
            });
            world.names.push(name);
        }
        world
    }

    /// Puts a pod on a node.
    fn put(&mut self, node: usize, cpu_milli: i64, daemon: bool) {
        let number = self.pods.len();
        self.classes.push(PodClass {
            cpu_milli,
            memory_bytes: 0,
            app: 0,
            selector: Vec::new(),
            tolerates: Toleration::Keys(Vec::new()),
            host_anti_affinity: false,
            grace_ms: 30_000,
        });
        self.pods.push(Pod {
            key: u64::try_from(number).expect("a few pods"),
            class: number,
            owner: if daemon { Owner::DaemonSet(0) } else { Owner::Replicated(1) },
            node: Some(node),
            created_ms: 0,
            deletion_ms: None,
            priority: 0,
            safe_to_evict: None,
            local_storage: false,
            system: false,
            mirror: false,
        });
    }

    /// Runs one loop.
    fn run(&self, options: &Options, state: &mut AutoscalerState, now_ms: i64) {
        let shape = |cpu_milli: i64| NodeShape {
            cpu_milli,
            memory_bytes: if cpu_milli > 0 { 1 << 30 } else { 0 },
            pods: 110,
            ..NodeShape::default()
        };
        let shapes = [shape(1000), shape(0), shape(100_000)];
        let target = i64::try_from(self.nodes.len() - 1).expect("a few nodes");
        let groups = [Group { max: 10, target, ..Group::default() }];
        let view = ClusterView {
            now_ms,
            shapes: &shapes,
            groups: &groups,
            nodes: &self.nodes,
            classes: &self.classes,
            pods: &self.pods,
            budgets: &[],
        };
        run_once(options, state, &view);
    }
}

/// Options under which nothing is deleted: the loop stays in cooldown.
fn cooling() -> Options {
    Options { delay_after_add_ms: 1000 * MINUTE_MS, ..Options::default() }
}

fn reason(reason: Unremovable) -> String {
    match reason {
        Unremovable::ScaleDownDisabled => "ScaleDownDisabledAnnotation".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Which nodes may be looked at, and why others may not.
pub fn eligibility(facts: &Value) -> Vec<Verdict> {
    let one = |case: &Value| -> Vec<Verdict> {
        let ignores = match case["ignore_ds"].as_bool() {
            Some(ignore) => vec![ignore],
            None => vec![false, true],
        };
        ignores
            .into_iter()
            .map(|ignore| eligibility_case(&facts["defaults"], case, ignore))
            .collect()
    };
    list(&facts["cases"]).iter().flat_map(one).collect()
}

fn eligibility_case(defaults: &Value, case: &Value, ignore_daemonsets: bool) -> Verdict {
    let given = |name: &str| case.get(name).unwrap_or(&defaults[name]).clone();
    let options = Options {
        utilization_threshold: given("threshold").as_f64().expect("a number"),
        scale_down_unready: given("scale_down_unready").as_bool().expect("a truth value"),
        ignore_daemonsets,
        ..cooling()
    };
    let mut world = World::new(list(&case["nodes"]).iter().map(text));
    for pod in list(&case["pods"]) {
        world.put(0, int(&pod[1]), text(&pod[0]) == "ds");
    }
    let mut state = AutoscalerState::new(1, START_MS);
    world.run(&options, &mut state, START_MS);
    let name = |key: u32| world.names[key as usize].to_owned();
    let ours = (
        state.planner.unneeded.keys().map(|&key| name(key)).collect::<Vec<_>>(),
        state
            .planner
            .unremovable
            .iter()
            .map(|(&key, &why)| (name(key), reason(why)))
            .collect::<BTreeMap<_, _>>(),
    );
    let recorded = (
        list(&case["unneeded"]).iter().map(|name| text(name).to_owned()).collect(),
        case["unremovable"]
            .as_object()
            .expect("reasons by node")
            .iter()
            .map(|(name, why)| (name.clone(), text(why).to_owned()))
            .collect(),
    );
    compare(text(&case["name"]), "unneeded nodes and reasons", &ours, &recorded)
}

/// Since when nodes are unneeded, in seconds after the first of two loops a minute apart.
pub fn unneeded_since(facts: &Value) -> Vec<Verdict> {
    let one = |case: &Value| {
        let mut state = AutoscalerState::new(1, START_MS);
        for (part, now_ms) in [("first", START_MS), ("second", START_MS + MINUTE_MS)] {
            let mut world = World::new(["n1", "n2", "n3"].into_iter());
            for (node, name) in ["n1", "n2", "n3"].iter().enumerate() {
                if !list(&case[part]).iter().any(|unneeded| text(unneeded) == *name) {
                    world.put(node, 600, false);
                }
            }
            world.run(&cooling(), &mut state, now_ms);
        }
        let since = |(&key, it): (&u32, &_)| (format!("n{}", key + 1), after_start(it));
        let ours: BTreeMap<String, i64> = state.planner.unneeded.iter().map(since).collect();
        let recorded: BTreeMap<String, i64> = case["since"]
            .as_object()
            .expect("times by node")
            .iter()
            .map(|(name, since)| (name.clone(), int(since)))
            .collect();
        compare("unneeded since", "seconds", &ours, &recorded)
    };
    list(&facts["cases"]).iter().map(one).collect()
}

fn after_start(unneeded: &crate::sim::autoscaler::scale_down::Unneeded) -> i64 {
    (unneeded.since_ms - START_MS) / 1000
}
