//! What keeps a scenario from being run.

use std::fmt;

use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Happening, Scenario, Source};

use super::INTERVAL_MILLIS;
use crate::demand::order_of_calls;

/// The largest run: pods and nodes are numbered in 32 bits.
pub(super) const MOST_REPLICAS: u64 = 1_000_000;
/// The largest number of nodes of a pool.
const MOST_NODES: u64 = 100_000;
/// The longest lag of a metric, a day.
const LONGEST_LAG_MILLIS: u64 = 86_400_000;
/// The longest run, ten years.
const LONGEST_MILLIS: u64 = 10 * 366 * 86_400_000;

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
    CircularCalls {
        /// Those in the circle, each before its caller.
        workloads: Vec<usize>,
    },
    /// A number is beyond what a run can hold.
    #[error("{what} is {got}, more than {most}")]
    TooLarge {
        /// Which.
        what: Amount,
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
            Self::CircularCalls { .. } => "NP4002",
            Self::TooLarge { .. } => "NP4003",
            Self::Length { .. } => "NP4004",
            Self::Missing { .. } => "NP4005",
        }
    }
}

/// A number that may be too large for a run, and the workload or pool that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Length of the run, milliseconds.
    Run,
    /// Replicas of a workload at the start.
    Replicas(usize),
    /// Most replicas of a workload.
    MostReplicas(usize),
    /// Pods of a run of a CronJob.
    Jobs(usize),
    /// Age of a queue's length when a workload's autoscaler reads it, milliseconds.
    QueueLag(usize),
    /// Time that a workload's pods take to end, milliseconds.
    Ending(usize),
    /// Nodes of a pool.
    Nodes(usize),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => write!(f, "the length of the run in ms"),
            Self::Replicas(app) => write!(f, "the starting replicas of workload {app}"),
            Self::MostReplicas(app) => write!(f, "the most replicas of workload {app}"),
            Self::Jobs(app) => write!(f, "the pods per run of CronJob {app}"),
            Self::QueueLag(app) => write!(f, "the queue lag in ms of workload {app}"),
            Self::Ending(app) => write!(f, "the time to end in ms of pods of workload {app}"),
            Self::Nodes(pool) => write!(f, "the number of nodes of pool {pool}"),
        }
    }
}

/// Whether a scenario can be run at all; the order of its workloads, callers before those they
/// call.
///
/// # Errors
/// As [`super::simulate`], which asks the same first.
pub fn check(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
) -> Result<Vec<usize>, Vec<SimError>> {
    let mut faults = faults_of(problem, plan, scenario);
    match order_of_calls(&scenario.loads) {
        Ok(call_order) if faults.is_empty() => return Ok(call_order),
        Ok(_) => {}
        Err(workloads) => faults.push(SimError::CircularCalls { workloads }),
    }
    Err(faults)
}

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
    too_large(scenario, &mut faults);
    faults.extend(missing(plan.pools.len(), workloads, scenario));
    faults
}

/// Numbers that a run cannot hold.
fn too_large(scenario: &Scenario, faults: &mut Vec<SimError>) {
    let mut most = |what, got: u64, most| {
        if got > most {
            faults.push(SimError::TooLarge { what, got, most });
        }
    };
    most(Amount::Run, scenario.horizon_millis, LONGEST_MILLIS);
    for (app, &replicas) in scenario.replicas.iter().enumerate() {
        most(Amount::Replicas(app), u64::from(replicas), MOST_REPLICAS);
    }
    for (app, cron) in scenario.crons.iter().enumerate() {
        let jobs = cron.as_ref().map_or(0, |cron| cron.jobs);
        most(Amount::Jobs(app), u64::from(jobs), MOST_REPLICAS);
    }
    for (app, scaling) in scenario.scaling.iter().enumerate() {
        let Some(scaling) = scaling else { continue };
        most(Amount::QueueLag(app), scaling.queue_lag_millis, LONGEST_LAG_MILLIS);
        most(Amount::MostReplicas(app), u64::from(scaling.max), MOST_REPLICAS);
    }
    for (app, rules) in scenario.pods.iter().enumerate() {
        most(Amount::Ending(app), rules.ending_millis, LONGEST_MILLIS);
    }
    for (pool, bounds) in scenario.pools.iter().enumerate() {
        most(Amount::Nodes(pool), u64::from(bounds.max.max(bounds.initial)), MOST_NODES);
    }
}

/// Indices of a scenario that lead nowhere.
fn missing(pools: usize, workloads: usize, scenario: &Scenario) -> Vec<SimError> {
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
