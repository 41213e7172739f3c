//! The world: pods, nodes and queues over time. Only this module changes state; controllers
//! decide from what they see of it.
//!
//! Discrete events on integer milliseconds. Traffic is settled in intervals of
//! [`INTERVAL_MILLIS`], the resolution at which metrics are sampled; everything else happens at
//! its own time. Same problem, plan and scenario: same timeline, bit for bit.

mod apps;
mod audit;
mod clock;
mod contend;
mod cron_jobs;
mod disrupt_nodes;
mod fail_nodes;
mod faults;
mod happenings;
mod kinds;
mod lacks;
mod life;
mod load;
mod nodes;
mod places;
mod pods;
mod preempt;
mod pressure;
mod provision_nodes;
mod record;
mod scale_nodes;
mod scale_pods;
mod schedule;
mod stays;
mod take_nodes;
mod upgrade_nodes;
mod view_nodes;

use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Provisioning, Scenario};
use nodeplan_model::timeline::{Actor, Timeline};

use crate::demand::refused;
use crate::hpa::Reading;
use crate::queueing::table::Tables;
use crate::random::Stream;

use apps::App;
use clock::{Clock, Next};
pub use faults::{Amount, SimError, check};
use nodes::Nodes;
use pods::Pods;
use record::Record;
use schedule::Binder;

/// Length of an interval of traffic and metrics (metrics-server's default resolution).
pub const INTERVAL_MILLIS: u64 = 15_000;

/// All state of a run.
struct World<'a> {
    scenario: &'a Scenario,
    clock: Clock,
    nodes: Nodes,
    pods: Pods,
    apps: Vec<App>,
    /// Workloads, callers before those they call.
    call_order: Vec<usize>,
    /// Pods without a node, in the order in which they are tried.
    pending: Vec<u32>,
    binder: Binder,
    ties: Stream,
    boots: Stream,
    /// Whether pending pods should be tried again.
    stirred: bool,
    /// Counts what a cluster autoscaler could see change.
    changes: u64,
    /// The same, but for what only pods went through.
    node_changes: u64,
    /// Leaves no loop of the cluster autoscaler out, and lets each see everything anew.
    every_loop: bool,
    /// Whether a workload has a disruption budget.
    budgets: bool,
    /// Whether a pool's smallest size depends on the time.
    scheduled_pools: bool,
    scaler: Option<Box<scale_nodes::Scaler>>,
    provisioner: provision_nodes::Provisioner,
    load: load::Settling,
    /// Work space of the autoscalers of pods.
    readings: Vec<Reading<'static>>,
    /// Work space of preemption: pods that budgets let go.
    allowed: Vec<(u32, i64)>,
    record: Record,
    watch: &'a Watch<'a>,
}

/// Called after every sample with the time reached, milliseconds; the run ends there if it says so.
pub type Watch<'w> = dyn Fn(u64) -> bool + Sync + 'w;

/// Watches nothing.
const UNWATCHED: &Watch<'static> = &|_| false;

/// Which response times a run tells. Shares of requests within objectives it always tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Latency {
    /// None: `latency_micros` of samples and `latency` of totals stay empty.
    Shares,
    /// Those of the run: `latency_micros` of samples stays empty.
    Run,
    /// Those of every sample too.
    Samples,
}

/// What a run does beside what happens in it.
#[derive(Clone, Copy, Debug)]
struct Extent {
    latency: Latency,
    /// Runs those loops of the cluster autoscaler too that are known to do nothing, and keeps nothing
    /// of what they see.
    every_loop: bool,
}

impl Extent {
    /// All that a timeline holds.
    const TIMELINE: Self = Self { latency: Latency::Samples, every_loop: false };
}

/// Runs a plan through a scenario.
///
/// # Errors
/// A scenario whose tables do not match the problem and plan, or whose calls go in a circle: all
/// faults at once.
pub fn simulate(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
) -> Result<Timeline, Vec<SimError>> {
    run(problem, plan, scenario, &mut Tables::new(), UNWATCHED, Extent::TIMELINE)
}

/// The same, with tables of response times that earlier runs filled and later ones may read.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_with(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    tables: &mut Tables,
) -> Result<Timeline, Vec<SimError>> {
    run(problem, plan, scenario, tables, UNWATCHED, Extent::TIMELINE)
}

/// The same, ended by the caller: a timeline cut short has all its samples, but fewer of them. All
/// but the response times is the same however many of them are told.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_under(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    tables: &mut Tables,
    latency: Latency,
    watch: &Watch<'_>,
) -> Result<Timeline, Vec<SimError>> {
    run(problem, plan, scenario, tables, watch, Extent { latency, ..Extent::TIMELINE })
}

/// A run.
fn run(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    tables: &mut Tables,
    watch: &Watch<'_>,
    Extent { latency, every_loop }: Extent,
) -> Result<Timeline, Vec<SimError>> {
    let call_order = check(problem, plan, scenario)?;
    let nodes = Nodes::new(problem, plan, scenario);
    let apps = App::all(problem, scenario);
    let binder = Binder::new(apps.iter().map(|app| app.ask), &nodes);
    let mut world = World {
        scenario,
        clock: Clock::default(),
        pods: Pods::default(),
        record: Record::new(apps.len(), nodes.pools.len(), scenario, latency),
        load: load::Settling::new(problem, scenario, std::mem::take(tables)),
        changes: 0,
        node_changes: 0,
        every_loop,
        budgets: scenario.budgets.iter().any(Option::is_some),
        scheduled_pools: scenario.pools.iter().any(|bounds| !bounds.schedules.is_empty()),
        scaler: Some(Box::new(scale_nodes::Scaler::new(&nodes, scenario))),
        provisioner: provision_nodes::Provisioner::new(&nodes, &apps, scenario),
        nodes,
        apps,
        call_order,
        pending: Vec::new(),
        binder,
        ties: Stream::new(scenario.seed, "scheduler ties", ""),
        boots: Stream::new(scenario.seed, "node provisioning", ""),
        stirred: false,
        readings: Vec::new(),
        allowed: Vec::new(),
        watch,
    };
    world.begin();
    world.run();
    *tables = std::mem::take(&mut world.load.tables);
    let mut timeline = world.record.finish(tables);
    for (totals, load) in timeline.totals.iter_mut().zip(&scenario.loads) {
        let (each, count) = (timeline.sample_millis, timeline.samples);
        totals.refused = refused(&scenario.series, load, each, count);
    }
    Ok(timeline)
}

impl World<'_> {
    /// The state at the start: nodes Ready, pods created, controllers' first looks to come.
    fn begin(&mut self) {
        for pool in 0..self.nodes.pools.len() as u32 {
            for _ in 0..self.nodes.pools[pool as usize].bounds.initial {
                let node = self.nodes.create(pool, 0);
                self.nodes.pools[pool as usize].target += 1;
                self.node_ready(node);
            }
        }
        for app in 0..self.apps.len() as u32 {
            let replicas = self.scenario.replicas[app as usize];
            self.set_replicas(app, replicas, Actor::Scenario, "start");
        }
        self.schedule();
        self.ready_at_once();
        for (index, event) in self.scenario.events.iter().enumerate() {
            self.clock.at(event.at_millis, Next::Event(index as u32));
        }
        for app in 0..self.apps.len() as u32 {
            self.await_cron(app);
        }
        self.clock.at(INTERVAL_MILLIS, Next::Load);
        self.clock.at(INTERVAL_MILLIS, Next::Hpa);
        self.clock.at(self.scenario.sample_millis, Next::Sample);
        match &self.scenario.provisioning {
            Provisioning::ClusterAutoscaler if self.scenario.autoscaler.enabled => {
                self.pods.follow();
                self.clock.at(self.scenario.autoscaler.scan_millis, Next::Autoscaler);
            }
            Provisioning::ClusterAutoscaler => {}
            Provisioning::NodeAutoProvisioning(_) => {
                self.notice_pending();
                self.clock.at(disrupt_nodes::POLL_MILLIS, Next::Disrupt);
            }
        }
    }

    /// Lets time pass until the horizon.
    fn run(&mut self) {
        let horizon = self.scenario.horizon_millis;
        while let Some(next) = self.clock.pop(horizon) {
            // That a pod is Ready is seen in budgets only.
            let ready = matches!(next, Next::PodReady(_)) && !self.budgets;
            if !next.is_periodic() && !ready {
                self.changes += 1;
                self.node_changes += u64::from(!next.is_of_pods());
            }
            let sampled = matches!(next, Next::Sample);
            self.step(next);
            if self.stirred {
                self.schedule();
                self.notice_pending();
            }
            #[cfg(test)]
            self.audit();
            if sampled && (self.watch)(self.clock.now()) {
                break;
            }
        }
        // Those that still wait have waited so long at least.
        let now = self.clock.now();
        for &id in &self.pending {
            let pod = &self.pods[id];
            self.record.waited(pod.app, now - pod.created);
        }
    }

    /// One event.
    fn step(&mut self, next: Next) {
        let now = self.clock.now();
        match next {
            Next::NodeReady(node) => self.machine_there(node),
            Next::NodeGone(node) => self.node_gone(node),
            Next::PodReady(pod) => self.pod_ready(pod),
            Next::PodGone(pod) => {
                if self.answers(pod) {
                    self.pod_gone(pod);
                }
            }
            Next::PodRestarts(pod) => self.pod_restarts(pod),
            Next::Event(index) => self.happen(index),
            Next::NodeSilent(node) => self.node_silent(node),
            Next::PodsLeave(node) => self.pods_leave(node),
            Next::PressureEnds(node) => self.pressure_ends(node),
            Next::Cron(app) => self.cron(app),
            Next::Load => {
                self.settle();
                self.end_jobs();
                self.clock.at(now + INTERVAL_MILLIS, Next::Load);
            }
            Next::Hpa => {
                self.scale_pods();
                self.clock.at(now + INTERVAL_MILLIS, Next::Hpa);
            }
            Next::Autoscaler => {
                self.scale_nodes();
                self.clock.at(now + self.scenario.autoscaler.scan_millis, Next::Autoscaler);
            }
            Next::Provision => self.provision(),
            Next::Disrupt => self.disrupt(),
            Next::Validate => self.validate(),
            Next::TooOld(node) => self.too_old(node),
            Next::DeleteNode(node) => self.delete_node(node),
            Next::Drain(node) => self.go_on_draining(node),
            Next::Actuate => self.actuate(),
            Next::Sample => {
                self.sample();
                self.clock.at(now + self.scenario.sample_millis, Next::Sample);
            }
        }
    }
}

#[cfg(test)]
mod tests;
