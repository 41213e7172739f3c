//! The cluster autoscaler of the world: what it sees, and what follows from its actions.

use nodeplan_model::scenario::{Expander, Scenario};
use nodeplan_model::timeline::{Actor, Decision, Held, Lack};

use crate::autoscaler::actuator::Actuator;
use crate::autoscaler::cloud::{Action, Need};
use crate::autoscaler::expander::Filter;
use crate::autoscaler::layout::Layout;
use crate::autoscaler::options::Options;
use crate::autoscaler::run_once::{AutoscalerState, ScaleDownResult, run_with};
use crate::autoscaler::view::{
    Budget, ClusterView, Group, Instance, InstanceState, Node, NodeShape, Pod, PodClass,
};

use crate::random::Stream;

use super::World;
use super::nodes::Nodes;

/// The background refresh of the list of machines.
const REFRESH_MILLIS: u64 = 120_000;

/// After so many loops that saw the same, what is known of groups and machines is as it will stay;
/// what the planner carries on says of itself whether it is.
const QUIET_LOOPS: u32 = 2;

/// The autoscaler and what it reads, kept from loop to loop.
#[derive(Debug)]
pub struct Scaler {
    pub(super) options: Options,
    pub(super) state: AutoscalerState,
    /// Deletions that are being carried out.
    pub(super) actuator: Actuator,
    /// When it is next to be woken.
    pub(super) wakes: Option<i64>,
    pub(super) shapes: Vec<NodeShape>,
    pub(super) classes: Vec<PodClass>,
    pub(super) groups: Vec<Group>,
    pub(super) nodes: Vec<Node>,
    /// Pods of the view at places that they keep.
    pub(super) pods: Vec<Pod>,
    /// Places of pods that are no more.
    pub(super) free: Vec<usize>,
    pub(super) layout: Layout,
    /// Identities of the nodes that the layout is of.
    pub(super) listed: Vec<u32>,
    /// Pods that wait for a node promised to them, and that node.
    pub(super) promised: Vec<(u32, u32)>,
    pub(super) budgets: Vec<Budget>,
    refreshed: u64,
    /// The world's changes as of the last loop, and how many loops saw no other.
    seen: (u64, u32),
    /// With nothing changed, nothing happens before this time.
    quiet_until: u64,
    /// Some pods count for nothing.
    expendable: bool,
    /// Changes of nodes as of the last loop, and how many loops saw no other and found that nobody
    /// waits and every node is needed.
    calm: (u64, u32),
    /// The world's changes as of which it was last found calm without a loop.
    calm_at: Option<u64>,
    /// Why nodes of each pool stay, as last told.
    pub(super) told: Vec<Vec<Held>>,
    /// What was told last of whether each pool grows.
    pub(super) lacks: Vec<Lack>,
}

impl Scaler {
    /// As the scenario's profile has it.
    pub fn new(nodes: &Nodes, scenario: &Scenario) -> Self {
        let profile = &scenario.autoscaler;
        let millis = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX / 4);
        let options = Options {
            expanders: match profile.expander {
                Expander::Random => Vec::new(),
                Expander::LeastWaste => vec![Filter::LeastWaste],
                Expander::MostPods => vec![Filter::MostPods],
                Expander::Priority => vec![Filter::Priority],
            },
            has_priorities: profile.expander == Expander::Priority,
            balance_similar: profile.balance,
            skip_local_storage: profile.skip_local_storage,
            skip_system: profile.skip_system_pods,
            utilization_threshold: f64::from(profile.utilization_milli) / 1000.0,
            unneeded_ms: millis(profile.unneeded_millis),
            unready_ms: millis(profile.unready_millis),
            delay_after_add_ms: millis(profile.delay_after_add_millis),
            delay_after_delete_ms: millis(profile.delay_after_delete_millis),
            delay_after_failure_ms: millis(profile.delay_after_failure_millis),
            provision_ms: millis(profile.max_provision_millis),
            max_grace_ms: millis(profile.max_graceful_millis),
            new_pod_delay_ms: millis(profile.new_pod_delay_millis),
            ..Options::default()
        };
        let expendable = scenario.pods.iter().any(|pods| pods.priority < options.expendable_cutoff);
        let mut state = AutoscalerState::new(nodes.pools.len(), 0);
        state.cluster.draw = Some(Stream::new(scenario.seed, "expander", ""));
        state.order_nodes_by(Stream::new(scenario.seed, "node order", ""));
        let shapes: Vec<NodeShape> =
            (0..nodes.pools.len()).map(|pool| shape(nodes, pool)).collect();
        Self {
            options,
            state,
            actuator: Actuator::default(),
            wakes: None,
            shapes,
            classes: Vec::new(),
            groups: Vec::new(),
            nodes: Vec::new(),
            pods: Vec::new(),
            free: Vec::new(),
            layout: Layout::default(),
            listed: Vec::new(),
            promised: Vec::new(),
            budgets: Vec::new(),
            refreshed: 0,
            seen: (0, 0),
            quiet_until: 0,
            expendable,
            calm: (0, 0),
            calm_at: None,
            told: vec![Vec::new(); nodes.pools.len()],
            lacks: vec![Lack::Nobody; nodes.pools.len()],
        }
    }
}

impl Scaler {
    /// What it sees.
    pub(super) fn view_at(&self, now: u64) -> ClusterView<'_> {
        ClusterView {
            now_ms: now as i64,
            shapes: &self.shapes,
            groups: &self.groups,
            nodes: &self.nodes,
            classes: &self.classes,
            pods: &self.pods,
            budgets: &self.budgets,
        }
    }

    /// Reads the list of machines anew where that is due.
    fn refresh(&mut self, now: u64) {
        if now - self.refreshed >= REFRESH_MILLIS {
            self.refreshed = now;
            let machines = self.groups.iter().map(|group| &group.instances[..]);
            self.state.refresh_instances(machines);
        }
    }
}

/// What a node of a pool looks like. Pools differ by who may run there, written as one label per
/// pool and workload that admits it.
fn shape(nodes: &Nodes, pool: usize) -> NodeShape {
    let row = &nodes.pools[pool];
    NodeShape {
        cpu_milli: amount(row.cpu + row.addon_cpu),
        memory_bytes: amount(row.memory + row.addon_memory),
        pods: amount(row.slots + row.addon_pods.min(1)),
        capacity_cpu_milli: amount(row.cpu + row.addon_cpu),
        capacity_memory_bytes: amount(row.memory + row.addon_memory),
        labels: (0..nodes.workloads() as u32)
            .filter(|&app| nodes.admits(pool as u32, app))
            .map(|app| (app, 1))
            .collect(),
        taints: Vec::new(),
        label_class: row.kind.group.0,
    }
}

impl World<'_> {
    /// One loop of the cluster autoscaler. Where nothing changed since loops that did nothing, and
    /// no clock runs out before the next, it would do nothing again and is left out. So it is where
    /// pods came and went, but nobody waits and every node is as needed as before.
    pub(super) fn scale_nodes(&mut self) {
        let now = self.clock.now();
        let Some(mut scaler) = self.scaler.take() else { return };
        let known = !self.scheduled_pools && !self.every_loop;
        let same = known && scaler.seen.0 == self.changes;
        let quiet = same && scaler.seen.1 >= QUIET_LOOPS && now < scaler.quiet_until;
        if quiet || (known && self.still_calm(&mut scaler)) {
            // The machines are those of the last loop.
            scaler.refresh(now);
            self.tell_no_lacks(&mut scaler);
            self.scaler = Some(scaler);
            return;
        }
        scaler.calm_at = None;
        self.view(&mut scaler);
        scaler.refresh(now);
        let Scaler {
            options, state, layout, shapes, groups, nodes, classes, pods, budgets, ..
        } = &mut *scaler;
        let view =
            ClusterView { now_ms: now as i64, shapes, groups, nodes, classes, pods, budgets };
        let outcome = run_with(options, state, &view, layout);
        let loops = if same { scaler.seen.1.saturating_add(1) } else { 0 };
        scaler.seen = (self.changes, loops);
        scaler.quiet_until = self.quiet_until(&scaler, now);
        // No node waits to be taken away or to be looked at again: all are needed.
        let calm = scaler.quiet_until == u64::MAX && scaler.calm.0 == self.node_changes;
        scaler.calm = (self.node_changes, if calm { scaler.calm.1.saturating_add(1) } else { 0 });
        if outcome.scale_down != ScaleDownResult::NotTried {
            self.tell_stays(&mut scaler);
        }
        self.tell_lacks(&mut scaler, &outcome);
        self.scaler = Some(scaler);
        for action in outcome.actions {
            self.act(action);
        }
    }

    /// Whether a loop would find what the last ones found: nobody waits, and requests fill every node
    /// that might go too much for that. Only pods changed since, all on nodes that answer.
    fn still_calm(&self, scaler: &mut Scaler) -> bool {
        let (nodes, loops) = scaler.calm;
        let pods_only = nodes == self.node_changes && loops >= QUIET_LOOPS;
        if !pods_only || !self.pending.is_empty() || scaler.expendable {
            return false;
        }
        if scaler.calm_at == Some(self.changes) {
            return true;
        }
        // Near the threshold the loop itself decides.
        let threshold = scaler.options.utilization_threshold + 1e-9;
        let calm = scaler.nodes.iter().all(|node| {
            let group = node.group.map(|group| &scaler.groups[group]);
            group.is_none_or(|group| group.target <= group.min)
                || self.requested(node.key) > threshold
        });
        scaler.calm_at = Some(self.changes).filter(|_| calm);
        calm
    }

    /// How much of a node requests fill, add-ons included: of CPU or memory, what is scarcer.
    fn requested(&self, id: u32) -> f64 {
        let node = &self.nodes.all[id as usize];
        let pool = &self.nodes.pools[node.pool as usize];
        let share = |free: u64, own: u64, addons: u64| {
            let offered = (own + addons).max(1);
            offered.saturating_sub(free) as f64 / offered as f64
        };
        share(node.free_cpu, pool.cpu, pool.addon_cpu).max(share(
            node.free_memory,
            pool.memory,
            pool.addon_memory,
        ))
    }

    /// The time before which loops do nothing as long as nothing changes: at once where pods or
    /// machines are on their way or the last loop was not like the one before, else when the first unneeded node has been so for long enough.
    fn quiet_until(&self, scaler: &Scaler, now: u64) -> u64 {
        // Pods on a node that does not answer change with time alone.
        let usual = |node: &Node| {
            let answers = self.nodes.all[node.key as usize].failed.is_none();
            node.ready && answers && node.deletion_taint_ms.is_none()
        };
        let alike = scaler.nodes.iter().all(usual)
            && scaler.groups.iter().all(|group| {
                let running = |machine: &Instance| machine.state == InstanceState::Running;
                group.target == group.instances.len() as i64
                    && group.target >= group.min
                    && group.instances.iter().all(running)
            });
        let idle = self.pending.is_empty()
            && scaler.state.deletions.in_progress().next().is_none()
            && scaler.state.cluster.settled();
        if !(alike && idle && scaler.state.steady()) {
            return now;
        }
        let ripe = scaler.state.planner.unneeded.values().map(|unneeded| {
            unneeded.since_ms.saturating_add(scaler.options.unneeded_ms).cast_unsigned()
        });
        let again = scaler.state.planner.next_recheck_ms().map(i64::cast_unsigned);
        ripe.chain(again).min().unwrap_or(u64::MAX)
    }

    /// Carries out what the autoscaler asked for.
    fn act(&mut self, action: Action) {
        match action {
            Action::Increase { group, delta, need, done } => {
                let from = self.nodes.staying(group);
                let count = u32::try_from(delta).unwrap_or(0);
                if done {
                    self.ask_for_nodes(group as u32, count);
                }
                let why = match need {
                    Need::Pods => "pods are pending",
                    Need::MinSize => "the pool has fewer nodes than its minimum",
                };
                let refused = if done { "" } else { ", request refused" };
                let reason = format!("{why}{refused}");
                self.told(Actor::Autoscaler, group, from, &reason);
            }
            Action::Delete { group, machines, done } if done => {
                let from = self.nodes.staying(group);
                for machine in machines {
                    self.delete_node(machine);
                }
                self.told(Actor::Autoscaler, group, from, "machines never came");
            }
            Action::StartDeletion { node, drain } => {
                self.changes += 1;
                self.node_changes += 1;
                let reason = if drain {
                    "node is unneeded, its pods fit elsewhere"
                } else {
                    "node is empty"
                };
                self.close(node, Actor::Autoscaler, reason);
                self.start_deletion(node, drain);
            }
            Action::Delete { .. }
            | Action::DecreaseTarget { .. }
            | Action::SoftTaint(_)
            | Action::SoftUntaint(_) => {}
        }
    }

    /// Notes what was done to a pool of which so many nodes stayed before.
    pub(super) fn told(&mut self, actor: Actor, pool: usize, from: u32, reason: &str) {
        self.decide(Decision {
            at_millis: self.clock.now(),
            actor,
            workload: None,
            pool: Some(pool as u32),
            from,
            to: self.nodes.staying(pool),
            reason: reason.to_owned(),
        });
    }
}

/// An amount as upstream's signed integer.
pub(super) fn amount(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX / 4)
}
