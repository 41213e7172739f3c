//! The search: anytime, deterministic, parallel, counted in simulated runs.

use super::climb::Search;
use super::counterfactual::Shares;
use super::design::Design;
use super::finale::{Judged, Key, finale};
use super::floor::{Floored, floor_of};
use super::hazards::Hazards;
use super::layouts::{Layout, Quarry, Starts};
use super::moves::Family;
use super::pairs::Move;
use super::pods::Room;
use super::reach::in_reach;
use super::split::{Halves, split};
use super::track::{Shelf, Track};
use super::trial::{Demands, Trial};
use crate::{Error, Optimized, Options, optimize_with};
use nodeplan_model::problem::Problem;
use nodeplan_model::run::Estimate;
use nodeplan_model::scenario::Scenario;
use nodeplan_model::units::Spend;
use nodeplan_solve::Control;
use std::borrow::Cow;

/// Limits and wishes of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JointOptions {
    /// Families of variables that stay as the inputs have them.
    pub frozen: Vec<Family>,
    /// Most simulated runs of the search.
    pub runs: u32,
    /// Most that the 95th percentile of a pod's wait for a node may be, milliseconds.
    pub pending_millis: u64,
    /// Runs of each finalist under seeds of their own.
    pub replications: u32,
    /// What goes wrong in them.
    pub hazards: Hazards,
    /// The last third of the trace is held back, instead of every second block.
    pub tail: bool,
}

impl Default for JointOptions {
    fn default() -> Self {
        Self {
            frozen: Vec::new(),
            runs: 1200,
            pending_millis: 900_000,
            replications: 8,
            hazards: Hazards::default(),
            tail: false,
        }
    }
}

/// An improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Runs so far.
    pub runs: u32,
    /// By how much demands are missed; zero: all are met.
    pub short: u64,
    /// Cost of the part of the trace that is seen.
    pub spend: Spend,
    /// What changed; nothing: a start.
    pub by: Option<Move>,
    /// Whether designs must hold under more than before, so that the best of them is another.
    pub harder: bool,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Joint {
    /// Pools to choose from; the design names one of these by index.
    pub layouts: Vec<Layout>,
    /// Those that every search of this traffic starts from.
    pub(super) starts: Starts,
    /// The layout of the design.
    pub layout: Layout,
    /// The design.
    pub design: Design,
    /// What was demanded.
    pub demands: Demands,
    /// The two parts of the trace.
    pub halves: Halves,
    /// Its run on the part seen.
    pub seen: Trial,
    /// Its run on the part not seen.
    pub unseen: Trial,
    /// Its run over the whole trace.
    pub whole: Trial,
    /// The floor of the whole trace.
    pub floor: Option<Floored>,
    /// Where the money above the floor goes.
    pub shares: Option<Shares>,
    /// Costs of the design in its last runs, ascending, and how many of them met everything.
    pub replications: (Vec<Spend>, u32),
    /// What orders it among others there.
    pub(super) key: Key,
    /// What goes wrong in those runs.
    pub hazards: Hazards,
    /// Share of good service per workload in those runs, parts per million.
    pub reached: Vec<Option<Estimate>>,
    /// Every improvement.
    pub steps: Vec<Step>,
    /// Runs of the search.
    pub runs: u32,
}

impl Joint {
    /// Whether designs might have spot pools: not where the options froze them.
    pub(super) fn may_use_spot(&self) -> bool {
        self.starts.first().is_some_and(|plain| plain.problem.cluster().spot)
    }

    /// The same with what another search of the same traffic chose, which freezes no less than `options`.
    pub(super) fn with(
        self,
        problem: &Problem,
        scenario: &Scenario,
        chosen: Chosen,
        options: &JointOptions,
        control: Control<'_>,
    ) -> Result<Self, Error> {
        let new = rooms(problem, scenario, &chosen.judged.design);
        let old = rooms(problem, scenario, &self.design);
        let enough = new.iter().zip(&old).all(|(new, old)| new <= old);
        let ground = Ground {
            starts: self.starts,
            demands: self.demands,
            halves: self.halves,
            floor: enough.then_some(self.floor).flatten(),
        };
        ground.conclude(problem, scenario, chosen, options, control)
    }

    /// What a search starts from that freezes so much: the same, unless only it has no spot nodes.
    pub(super) fn starts(
        &self,
        problem: &Problem,
        frozen: &[Family],
        control: Control<'_>,
    ) -> Result<Cow<'_, Starts>, Error> {
        if !self.may_use_spot() || !frozen.contains(&Family::Spot) {
            return Ok(Cow::Borrowed(&self.starts));
        }
        let plain = without_spot(problem, control)?;
        let quarry = Quarry::new(&plain.problem, &self.halves.seen, &self.demands, frozen);
        let plain = Layout::of(PLAIN.to_owned(), plain);
        Starts::of(plain, &quarry, frozen, control).map(Cow::Owned)
    }
}

/// What is left to choose from, and where it came from.
pub(super) struct Chosen {
    /// Pools to choose from.
    pub layouts: Vec<Layout>,
    /// The design that was chosen, under several seeds.
    pub judged: Judged,
    /// Every improvement.
    pub steps: Vec<Step>,
    /// Runs of the search.
    pub runs: u32,
}

/// How the layout of the plan without traffic came to be.
const PLAIN: &str = "as without traffic";

/// The plan without traffic under the same rules, but without spot pools.
fn without_spot(problem: &Problem, control: Control<'_>) -> Result<Optimized, Error> {
    let mut parts = problem.parts().clone();
    parts.cluster.spot = false;
    let problem = Problem::new(parts).map_err(Error::Problem)?;
    optimize_with(&problem, &Options::default(), control)
}

/// The cheapest design that the search finds for a scenario. `plain` is the plan without traffic,
/// which is one of the pools to choose from, and the only one where sizes are frozen. `told` hears
/// of every improvement.
///
/// # Errors
/// Faults of the solver, and a scenario that cannot be run.
pub fn optimize_under_load(
    plain: &Optimized,
    scenario: &Scenario,
    options: &JointOptions,
    control: Control<'_>,
    told: &(dyn Fn(&Step) + Sync),
) -> Result<Option<Joint>, Error> {
    let bare = match plain.problem.cluster().spot && options.frozen.contains(&Family::Spot) {
        true => Some(without_spot(&plain.problem, control)?),
        false => None,
    };
    let plain = bare.as_ref().unwrap_or(plain);
    let problem = &plain.problem;
    let demands = Demands::of(problem, scenario, options.pending_millis);
    let halves = split(scenario, options.tail);
    let shelf = Shelf::default();
    let plain = Layout::of(PLAIN.to_owned(), plain.clone());
    let demands = match &plain {
        Some(layout) => in_reach(problem, &halves.seen, layout, demands, &options.frozen)?,
        None => demands,
    };
    let quarry = Quarry::new(problem, &halves.seen, &demands, &options.frozen);
    let starts = Starts::of(plain, &quarry, &options.frozen, control)?;
    let parts = (&starts, &halves, &demands, &shelf);
    let Some(chosen) = choose(problem, parts, options, control, told)? else { return Ok(None) };
    let ground = Ground { starts, demands, halves, floor: None };
    ground.conclude(problem, scenario, chosen, options, control).map(Some)
}

/// What searches of the same traffic have in common.
struct Ground {
    starts: Starts,
    demands: Demands,
    halves: Halves,
    /// A floor for as many pods as the design may have, where there is one already.
    floor: Option<Floored>,
}

impl Ground {
    /// All that is told of what a search chose.
    fn conclude(
        self,
        problem: &Problem,
        scenario: &Scenario,
        chosen: Chosen,
        options: &JointOptions,
        control: Control<'_>,
    ) -> Result<Joint, Error> {
        let Self { starts, demands, halves, floor } = self;
        let key = chosen.judged.key();
        let Judged { design, costs, met, reached, .. } = chosen.judged;
        let layout = chosen.layouts[design.layout].clone();
        let shelf = Shelf::default();
        let on = |scenario: &Scenario| {
            shelf.lend(|tables| Trial::with(&layout, &design, scenario, &demands, tables))
        };
        let (seen, unseen, whole) = (on(&halves.seen)?, on(&halves.unseen)?, on(scenario)?);
        let floor = match floor {
            Some(floored) => Some(floored),
            None => proven(problem, scenario, &demands, &design, options, control)?,
        };
        let spend = whole.run.scorecard.spend;
        let shares = match &floor {
            Some(floored) => Some(Shares::of(&layout, &design, scenario, floored, spend)?),
            None => None,
        };
        Ok(Joint {
            layouts: chosen.layouts,
            starts,
            layout,
            design,
            demands,
            halves,
            seen,
            unseen,
            whole,
            floor,
            shares,
            replications: (costs, met),
            key,
            hazards: options.hazards,
            reached,
            steps: chosen.steps,
            runs: chosen.runs,
        })
    }
}

/// The floor of all designs that may have as many pods as this one.
fn proven(
    problem: &Problem,
    scenario: &Scenario,
    demands: &Demands,
    design: &Design,
    options: &JointOptions,
    control: Control<'_>,
) -> Result<Option<Floored>, Error> {
    // Where requests are a choice, pods may ask for as little as any design may.
    let least = match options.frozen.contains(&Family::Requests) {
        true => None,
        false => Room::of(problem, scenario, demands).least(problem),
    };
    let rooms = rooms(problem, scenario, design);
    floor_of(least.as_ref().unwrap_or(problem), scenario, demands, &rooms, control)
}

/// The search and the last choice.
pub(super) fn choose(
    problem: &Problem,
    (starts, halves, demands, shelf): (&Starts, &Halves, &Demands, &Shelf),
    options: &JointOptions,
    control: Control<'_>,
    told: &(dyn Fn(&Step) + Sync),
) -> Result<Option<Chosen>, Error> {
    let quarry = Quarry::new(problem, &halves.seen, demands, &options.frozen);
    let (layouts, work) = starts.free(&options.frozen);
    quarry.count(work);
    let strict = demands.with_margin();
    let track = Track::new(halves, &strict, options.hazards, control, shelf);
    let mut search = Search::new(problem, (layouts, quarry), track, options, told);
    search.run()?;
    let runs = search.runs();
    let Search { layouts, kept, steps, .. } = search;
    let judged = finale(&layouts, halves, demands, options, &kept, shelf)?;
    Ok(judged.map(|judged| Chosen { layouts, judged, steps, runs }))
}

/// The most pods of each workload that a floor must allow for.
fn rooms(problem: &Problem, scenario: &Scenario, design: &Design) -> Vec<u32> {
    let most = |at: usize| {
        let asked = scenario.scaling[at].as_ref().map_or(scenario.replicas[at], |one| one.max);
        let own = design.scaling[at].as_ref().map_or(design.replicas[at], |one| one.max);
        // A rollout may double them.
        asked.max(own).saturating_mul(2).min(Problem::MAX_REPLICAS)
    };
    (0..problem.workloads().len()).map(most).collect()
}
