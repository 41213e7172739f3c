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
mod happenings;
mod life;
mod load;
mod nodes;
mod pods;
mod preempt;
mod provision_nodes;
mod record;
mod scale_nodes;
mod scale_pods;
mod schedule;
mod stays;
mod view_nodes;

use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Provisioning, Scenario};
use nodeplan_model::timeline::{Actor, Timeline};

use crate::demand::order_of_calls;
use crate::hpa::Reading;
use crate::queueing::table::Tables;
use crate::random::Stream;

use apps::App;
use clock::{Clock, Next};
use nodes::Nodes;
use pods::Pods;
use record::Record;
use schedule::Binder;

/// Length of an interval of traffic and metrics (metrics-server's default resolution).
pub const INTERVAL_MILLIS: u64 = 15_000;

/// Why a run cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// A table of the scenario has another length than what it describes.
    #[error("the scenario has {got} {what}, expected {expected}")]
    Shape {
        /// Which table.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length it must have.
        expected: usize,
    },
    /// Calls between workloads go in a circle.
    #[error("calls between workloads go in a circle, so no arrivals follow from traffic")]
    CircularCalls,
    /// A number is beyond what a run can hold.
    #[error("{what} is {got}, more than {most}")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// Its value.
        got: u64,
        /// The largest allowed.
        most: u64,
    },
    /// A sample or the run has no length, or samples do not divide into intervals.
    #[error("{what} must be a positive multiple of {INTERVAL_MILLIS} ms, got {got}")]
    Length {
        /// Which.
        what: &'static str,
        /// Its value.
        got: u64,
    },
    /// Something names a workload, series or pool that is not there.
    #[error("{what} {index} is not there: there are {count}")]
    Missing {
        /// Which kind of thing.
        what: &'static str,
        /// The index named.
        index: usize,
        /// How many there are.
        count: usize,
    },
}

impl SimError {
    /// Its code, explained in docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "NP4001",
            Self::CircularCalls => "NP4002",
            Self::TooLarge { .. } => "NP4003",
            Self::Length { .. } => "NP4004",
            Self::Missing { .. } => "NP4005",
        }
    }
}

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

/// Whether a scenario can be run at all; the order of its workloads, callers before those they
/// call.
///
/// # Errors
/// As [`simulate`], which asks the same first.
pub fn check(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
) -> Result<Vec<usize>, Vec<SimError>> {
    let mut faults = faults_of(problem, plan, scenario);
    let call_order = order_of_calls(&scenario.loads);
    if call_order.is_none() {
        faults.push(SimError::CircularCalls);
    }
    match call_order {
        Some(call_order) if faults.is_empty() => Ok(call_order),
        _ => Err(faults),
    }
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
    run(problem, plan, scenario, &mut Tables::new(), UNWATCHED, false)
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
    run(problem, plan, scenario, tables, UNWATCHED, false)
}

/// The same, ended by the caller: a timeline cut short has all its samples, but fewer of them.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_under(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    tables: &mut Tables,
    watch: &Watch<'_>,
) -> Result<Timeline, Vec<SimError>> {
    run(problem, plan, scenario, tables, watch, false)
}

/// The same; `every_loop` runs those loops of the cluster autoscaler too that are known to do
/// nothing, and keeps nothing of what they see.
fn run(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    tables: &mut Tables,
    watch: &Watch<'_>,
    every_loop: bool,
) -> Result<Timeline, Vec<SimError>> {
    let call_order = check(problem, plan, scenario)?;
    let nodes = Nodes::new(problem, plan, scenario);
    let apps = App::all(problem, scenario);
    let binder = Binder::new(apps.iter().map(|app| app.ask), &nodes);
    let mut world = World {
        scenario,
        clock: Clock::default(),
        pods: Pods::default(),
        record: Record::new(apps.len(), nodes.pools.len(), scenario),
        load: load::Settling::new(problem, scenario, std::mem::take(tables)),
        changes: 0,
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
    Ok(world.record.finish(tables))
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
            Next::Sample => {
                self.sample();
                self.clock.at(now + self.scenario.sample_millis, Next::Sample);
            }
        }
    }
}

/// The largest run: pods and nodes are numbered in 32 bits.
const MOST_REPLICAS: u64 = 1_000_000;
/// The largest number of nodes of a pool.
const MOST_NODES: u64 = 100_000;
/// The longest lag of a metric, a day.
const LONGEST_LAG_MILLIS: u64 = 86_400_000;
/// The longest run, ten years.
const LONGEST_MILLIS: u64 = 10 * 366 * 86_400_000;

/// Everything that keeps a scenario from running.
fn faults_of(problem: &Problem, plan: &Plan, scenario: &Scenario) -> Vec<SimError> {
    let workloads = problem.workloads().len();
    let mut faults = Vec::new();
    for (what, got, expected) in [
        ("loads", scenario.loads.len(), workloads),
        ("autoscalings", scenario.scaling.len(), workloads),
        ("starting replicas", scenario.replicas.len(), workloads),
        ("disruption budgets", scenario.budgets.len(), workloads),
        ("rules of pods", scenario.pods.len(), workloads),
        ("CronJobs", scenario.crons.len(), workloads),
        ("pool bounds", scenario.pools.len(), plan.pools.len()),
    ] {
        if got != expected {
            faults.push(SimError::Shape { what, got, expected });
        }
    }
    for (what, got) in [("sample", scenario.sample_millis), ("run", scenario.horizon_millis)] {
        if got == 0 || !got.is_multiple_of(INTERVAL_MILLIS) {
            faults.push(SimError::Length { what, got });
        }
    }
    if scenario.autoscaler.enabled && scenario.autoscaler.scan_millis == 0 {
        faults.push(SimError::Length { what: "scan interval", got: 0 });
    }
    let mut most = |what, got: u64, most| {
        if got > most {
            faults.push(SimError::TooLarge { what, got, most });
        }
    };
    most("the run's length in ms", scenario.horizon_millis, LONGEST_MILLIS);
    for &replicas in &scenario.replicas {
        most("a number of starting replicas", u64::from(replicas), MOST_REPLICAS);
    }
    for cron in scenario.crons.iter().flatten() {
        most("a number of jobs", u64::from(cron.jobs), MOST_REPLICAS);
    }
    for scaling in scenario.scaling.iter().flatten() {
        most("the lag of a queue's length in ms", scaling.queue_lag_millis, LONGEST_LAG_MILLIS);
        most("a most number of replicas", u64::from(scaling.max), MOST_REPLICAS);
    }
    for rules in &scenario.pods {
        most("the time a pod takes to end in ms", rules.ending_millis, LONGEST_MILLIS);
    }
    for bounds in &scenario.pools {
        most("a number of nodes", u64::from(bounds.max.max(bounds.initial)), MOST_NODES);
    }
    faults.extend(missing(plan.pools.len(), workloads, scenario));
    faults
}

/// Indices of a scenario that lead nowhere.
fn missing(pools: usize, workloads: usize, scenario: &Scenario) -> Vec<SimError> {
    use nodeplan_model::scenario::{Happening, Source};
    let mut faults = Vec::new();
    let mut check = |what, index, count| {
        if index >= count {
            faults.push(SimError::Missing { what, index, count });
        }
    };
    for source in scenario.loads.iter().flat_map(|load| &load.sources) {
        match *source {
            Source::Series { series, .. } => check("traffic series", series, scenario.series.len()),
            Source::Calls { caller, .. } => check("calling workload", caller.index(), workloads),
        }
    }
    for event in &scenario.events {
        match event.what {
            Happening::NodeFails { pool, .. }
            | Happening::SpotEviction { pool, .. }
            | Happening::ProvisioningFails { pool, .. }
            | Happening::Upgrade { pool, .. } => check("pool", pool, pools),
            Happening::Rollout { workload, .. } => check("workload", workload.index(), workloads),
            Happening::ZoneFails { .. } => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests;
