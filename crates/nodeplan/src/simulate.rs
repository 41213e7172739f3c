//! A plan under load: from traffic, load and scenario files to a timeline and its score.
//!
//! Same inputs and seed, same bytes, on any number of threads: runs of different seeds are
//! independent and put together in order of seeds.

mod ahead;
mod doubts;
mod figures;
mod limits;
mod names;
mod replications;
mod scaling;
mod sources;
mod stage;
mod trails;

use crate::Error;
use nodeplan_eval::scorecard::{evaluate, tell_causes};
use nodeplan_io::csv::Traffic;
use nodeplan_io::yaml::{Arrivals, LoadFile, Named, ScenarioFile};
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{MILLION, PoolBounds, Scenario};
use nodeplan_model::scorecard::Scorecard;
use nodeplan_model::timeline::Timeline;
use nodeplan_sim::queueing::table::Tables;

pub use figures::run_answer;
pub(crate) use names::clip;
pub use nodeplan_sim::world::{Latency, Watch};
pub(crate) use replications::estimate;
pub use replications::{replicate, replicate_under};
pub(crate) use scaling::lowest_point;
pub(crate) use stage::planned;
pub use stage::stage;

/// What traffic is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// This, parts per million.
    Factor(u64),
    /// What makes the peak need the most replicas of each workload it is mapped to, at the CPU
    /// target of its autoscaler.
    PeakToMax,
}

/// All that a run is made from, besides problem and plan.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Traffic files.
    pub traffic: Vec<Traffic>,
    /// Who takes which traffic.
    pub maps: Vec<(Named, Arrivals)>,
    /// What traffic is multiplied by.
    pub scale: Scale,
    /// What work costs.
    pub load: LoadFile,
    /// What happens.
    pub scenario: ScenarioFile,
    /// Bounds of the pools, where a cluster has its own; else those of the plan.
    pub bounds: Option<Vec<PoolBounds>>,
    /// Traffic of files is forecast so many weeks after its end.
    pub forecast_weeks: Option<u32>,
}

impl Default for Inputs {
    fn default() -> Self {
        Self {
            traffic: Vec::new(),
            maps: Vec::new(),
            scale: Scale::Factor(MILLION),
            load: LoadFile::default(),
            scenario: ScenarioFile::default(),
            bounds: None,
            forecast_weeks: None,
        }
    }
}

/// A scenario with every name looked up and every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// The scenario.
    pub scenario: Scenario,
    /// What was assumed on the way.
    pub assumptions: Vec<String>,
    /// Where the work of each workload comes from, as a load file says it: names, factors (but growth)
    /// and offsets of its own.
    pub arrivals: Vec<Vec<String>>,
}

/// A run and its score.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// What happened.
    pub timeline: Timeline,
    /// What it is worth.
    pub scorecard: Scorecard,
}

/// Runs a plan through a scenario and judges the timeline.
///
/// # Errors
/// A scenario that cannot be run, all faults at once.
pub fn simulate(problem: &Problem, plan: &Plan, scenario: &Scenario) -> Result<Simulated, Error> {
    simulate_with(problem, plan, scenario, &mut Tables::new())
}

/// [`simulate`] with tables of response times that earlier runs have filled; they change nothing but
/// the time it takes.
///
/// # Errors
/// A scenario that cannot be run, all faults at once.
pub fn simulate_with(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    tables: &mut Tables,
) -> Result<Simulated, Error> {
    told(problem, plan, scenario, tables, Latency::Samples, &|_| false)
}

/// The same without percentiles of response times, which objectives do not need.
///
/// # Errors
/// As [`simulate_with`].
pub fn simulate_objectives(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    tables: &mut Tables,
) -> Result<Simulated, Error> {
    told(problem, plan, scenario, tables, Latency::Shares, &|_| false)
}

/// The same under the caller's eyes: `watch` hears after every sample how far the run is, and ends
/// it there if it says so. What is judged then is the part that was run. Response times that nobody
/// asks for need not be told.
///
/// # Errors
/// As [`simulate`].
pub fn simulate_under(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    latency: Latency,
    watch: &Watch<'_>,
) -> Result<Simulated, Error> {
    told(problem, plan, scenario, &mut Tables::new(), latency, watch)
}

fn told(
    problem: &Problem,
    plan: &Plan,
    scenario: &Scenario,
    tables: &mut Tables,
    latency: Latency,
    watch: &Watch<'_>,
) -> Result<Simulated, Error> {
    let timeline =
        nodeplan_sim::world::simulate_under(problem, plan, scenario, tables, latency, watch)
            .map_err(Error::Simulate)?;
    let mut scorecard = evaluate(problem, scenario, &timeline);
    if latency != Latency::Shares {
        tell_causes(scenario, &timeline, latency == Latency::Samples, &mut scorecard);
    }
    Ok(Simulated { timeline, scorecard })
}
