//! The search: anytime, deterministic, parallel, counted in simulated runs.

use super::counterfactual::Shares;
use super::design::Design;
use super::floor::{Floored, floor_of};
use super::layouts::{Layout, layouts, target};
use super::moves::{Family, Ground, neighbours};
use super::need::Arrivals;
use super::split::{Halves, split};
use super::trial::{Demands, Trial};
use crate::Error;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Metric, Scenario};
use nodeplan_model::units::Spend;
use nodeplan_sim::queueing::table::Tables;
use nodeplan_solve::Control;
use rayon::prelude::*;
use std::sync::Mutex;

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
    /// The last third of the trace is held back, instead of every second block.
    pub tail: bool,
}

impl Default for JointOptions {
    fn default() -> Self {
        Self {
            frozen: Vec::new(),
            runs: 600,
            pending_millis: 900_000,
            replications: 8,
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
    /// What changed.
    pub family: Option<Family>,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Joint {
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
    /// Costs of the finalist under several seeds, ascending, and how many of them met everything.
    pub replications: (Vec<Spend>, u32),
    /// Every improvement.
    pub steps: Vec<Step>,
    /// Runs of the search.
    pub runs: u32,
}

/// Best designs that are kept for the final.
const FINALISTS: usize = 4;
/// Rounds of one family before the next has its turn.
const ROUNDS: usize = 3;

/// The cheapest design that the search finds for a scenario. `told` hears of every improvement.
///
/// # Errors
/// Faults of the solver, and a scenario that cannot be run.
pub fn optimize_under_load(
    problem: &Problem,
    scenario: &Scenario,
    options: &JointOptions,
    control: Control<'_>,
    told: &(dyn Fn(&Step) + Sync),
) -> Result<Option<Joint>, Error> {
    let demands = Demands::of(problem, scenario, options.pending_millis);
    let halves = split(scenario, options.tail);
    let layouts = layouts(problem, &halves.seen, &demands, control)?;
    if layouts.is_empty() {
        return Ok(None);
    }
    let shelf = Shelf::default();
    let strict = demands.with_margin();
    let mut search = Search {
        shelf: &shelf,
        layouts: &layouts,
        scenario: &halves.seen,
        demands: &strict,
        options,
        control,
        told,
        steps: Vec::new(),
        runs: 0,
        kept: Vec::new(),
    };
    search.start(problem)?;
    search.improve(problem)?;
    search.tidy()?;
    let (steps, runs) = (search.steps.clone(), search.runs);
    let kept = std::mem::take(&mut search.kept);
    if kept.is_empty() {
        return Ok(None);
    }
    let (design, replications) = finale(&layouts, &halves.seen, &strict, options, &kept, &shelf)?;
    let layout = layouts[design.layout].clone();
    let on = |scenario: &Scenario| Trial::of(&layout, &design, scenario, &demands);
    let (seen, unseen, whole) = (on(&halves.seen)?, on(&halves.unseen)?, on(scenario)?);
    let rooms = rooms(problem, scenario, &design);
    let floor = floor_of(problem, scenario, &demands, &rooms, control)?;
    let spend = whole.run.scorecard.spend;
    let shares = match &floor {
        Some(floored) => Some(Shares::of(&layout, &design, scenario, floored, spend)?),
        None => None,
    };
    Ok(Some(Joint {
        layout,
        design,
        demands,
        halves,
        seen,
        unseen,
        whole,
        floor,
        shares,
        replications,
        steps,
        runs,
    }))
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

/// Tables of response times that no run uses at the moment.
#[derive(Default)]
struct Shelf(Mutex<Vec<Tables>>);

impl Shelf {
    /// Lends tables to a run.
    fn lend<T>(&self, run: impl FnOnce(&mut Tables) -> T) -> T {
        let taken = self.0.lock().ok().and_then(|mut shelf| shelf.pop());
        let mut tables = taken.unwrap_or_default();
        let done = run(&mut tables);
        if let Ok(mut shelf) = self.0.lock() {
            shelf.push(tables);
        }
        done
    }
}

/// A search on its way.
struct Search<'a> {
    shelf: &'a Shelf,
    layouts: &'a [Layout],
    scenario: &'a Scenario,
    demands: &'a Demands,
    options: &'a JointOptions,
    control: Control<'a>,
    told: &'a (dyn Fn(&Step) + Sync),
    steps: Vec<Step>,
    runs: u32,
    /// The best designs so far, best first.
    kept: Vec<((u64, u128), Design)>,
}

impl Search<'_> {
    /// Tries designs and keeps the best.
    fn try_all(&mut self, designs: Vec<Design>, family: Option<Family>) -> Result<bool, Error> {
        let left = self.options.runs.saturating_sub(self.runs) as usize;
        let fresh: Vec<Design> = designs
            .into_iter()
            .filter(|one| self.kept.iter().all(|(_, kept)| kept != one))
            .take(left)
            .collect();
        let keys: Result<Vec<Option<(u64, u128)>>, Error> = fresh
            .par_iter()
            .map(|design| {
                if (self.control.interrupt)() {
                    return Ok(None);
                }
                let layout = &self.layouts[design.layout];
                let run = |tables: &mut Tables| {
                    Trial::with(layout, design, self.scenario, self.demands, tables)
                };
                self.shelf.lend(run).map(|one| Some(one.key()))
            })
            .collect();
        let before = self.kept.first().map(|(key, _)| *key);
        self.runs += u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        for (key, design) in keys?.into_iter().zip(fresh) {
            let Some(key) = key else { continue };
            let place = self.kept.partition_point(|(other, _)| *other <= key);
            if place < FINALISTS {
                self.kept.insert(place, (key, design));
                self.kept.truncate(FINALISTS);
            }
        }
        let now = self.kept.first().map(|(key, _)| *key);
        let better = now.is_some() && now != before;
        if let (true, Some((short, spend))) = (better, now) {
            let step = Step { runs: self.runs, short, spend: Spend(spend), family };
            (self.told)(&step);
            self.steps.push(step);
        }
        Ok(better)
    }

    fn frozen(&self, family: Family) -> bool {
        self.options.frozen.contains(&family)
    }

    /// The inputs' own scaling and the analytic one, on every layout.
    fn start(&mut self, problem: &Problem) -> Result<(), Error> {
        let mut all = Vec::new();
        let count = if self.frozen(Family::Sizes) { 1 } else { self.layouts.len() };
        for (at, layout) in self.layouts.iter().enumerate().take(count) {
            let plain = Design::of(self.scenario, at, layout);
            for percent in [100, 85, 70] {
                let mut design = plain.clone();
                if self.frozen(Family::Targets) {
                    break;
                }
                for workload in 0..design.scaling.len() {
                    let found = target(problem, self.scenario, self.demands, workload);
                    if let (Some(one), Some(target)) = (&mut design.scaling[workload], found) {
                        let next = (target * percent / 100).max(1);
                        for metric in &mut one.metrics {
                            if let Metric::CpuUtilization(percent) = metric {
                                *percent = next;
                            }
                        }
                    }
                }
                all.push(design);
            }
            all.push(plain);
        }
        self.try_all(all, None).map(|_| ())
    }

    /// One family after the other until none helps.
    fn improve(&mut self, problem: &Problem) -> Result<(), Error> {
        let hours = hours(problem, self.scenario, self.demands);
        let scaling = &self.scenario.scaling;
        let least: Vec<u32> =
            scaling.iter().map(|one| one.as_ref().map_or(0, |one| one.min.min(1))).collect();
        let most: Vec<u32> = scaling
            .iter()
            .map(|one| one.as_ref().map_or(0, |one| one.max.saturating_mul(2).max(4)))
            .collect();
        let ground = Ground { layouts: self.layouts, hours: &hours, least: &least, most: &most };
        loop {
            let mut better = false;
            for family in Family::ALL {
                if self.frozen(family) {
                    continue;
                }
                for _ in 0..ROUNDS {
                    if (self.control.interrupt)() || self.runs >= self.options.runs {
                        return Ok(());
                    }
                    let Some((_, best)) = self.kept.first() else { return Ok(()) };
                    let all = neighbours(family, best, &ground);
                    if !self.try_all(all, Some(family))? {
                        break;
                    }
                    better = true;
                }
            }
            if !better {
                return Ok(());
            }
        }
    }
}

impl Search<'_> {
    /// Takes back changes that save next to nothing: what stays is worth a change.
    fn tidy(&mut self) -> Result<(), Error> {
        let Some(((0, spend), best)) = self.kept.first().cloned() else { return Ok(()) };
        let most = spend.saturating_add(spend / WORTH);
        let plain = Design::of(self.scenario, best.layout, &self.layouts[best.layout]);
        let mut now = ((0, spend), best);
        for step in 0..now.1.scaling.len() * ASPECTS + 3 {
            if (self.control.interrupt)() {
                break;
            }
            let mut design = now.1.clone();
            take_back(&mut design, &plain, step);
            if design == now.1 {
                continue;
            }
            let layout = &self.layouts[design.layout];
            let run = |tables: &mut Tables| {
                Trial::with(layout, &design, self.scenario, self.demands, tables)
            };
            let (short, spend) = self.shelf.lend(run)?.key();
            self.runs += 1;
            if short == 0 && spend <= most {
                now = ((short, spend), design);
            }
        }
        if now.1 != self.kept[0].1 {
            // It goes before designs that are cheaper by next to nothing.
            self.kept.insert(0, now);
        }
        Ok(())
    }
}

/// A change must save this part of the cost, one over it.
const WORTH: u128 = 1000;
/// Settings of an autoscaler that are taken back one by one.
const ASPECTS: usize = 5;

/// Takes one change back.
fn take_back(design: &mut Design, plain: &Design, step: usize) {
    let count = design.scaling.len() * ASPECTS;
    match step.checked_sub(count) {
        Some(0) => design.provisioning = plain.provisioning.clone(),
        Some(1) => design.autoscaler = plain.autoscaler,
        Some(_) => design.pools.clone_from(&plain.pools),
        None => {
            let workload = step / ASPECTS;
            let (Some(own), Some(old)) = (&mut design.scaling[workload], &plain.scaling[workload])
            else {
                return;
            };
            match step % ASPECTS {
                0 => own.behavior.clone_from(&old.behavior),
                1 => own.schedules.clone_from(&old.schedules),
                2 => own.max = old.max.max(own.min),
                3 => own.min = old.min.min(own.max),
                _ => own.metrics.clone_from(&old.metrics),
            }
        }
    }
}

/// Replicas that the median day needs in each hour.
fn hours(problem: &Problem, scenario: &Scenario, demands: &Demands) -> Vec<[u32; 24]> {
    let grain = 900_000.min(scenario.horizon_millis.max(1));
    let arrivals = Arrivals::of(scenario, grain);
    let start = u64::from(scenario.start_second_of_week);
    (0..problem.workloads().len())
        .map(|workload| {
            let Some(one) = demands.strengths[workload] else { return [0; 24] };
            let mut needs: Vec<Vec<u32>> = vec![Vec::new(); 24];
            for at in 0..arrivals.intervals() {
                let hour = (start + at as u64 * grain / 1000) / 3600 % 24;
                let pods = libm::ceil(arrivals.rate(workload, at) / one.rate.max(1e-9));
                needs[hour as usize].push(pods.clamp(0.0, 1e6) as u32);
            }
            std::array::from_fn(|hour| {
                let row = &mut needs[hour];
                row.sort_unstable();
                row.get(row.len() / 2).copied().unwrap_or(0)
            })
        })
        .collect()
}

/// Runs the finalists under seeds of their own and chooses by the 95th percentile of cost among
/// those that meet everything most often.
fn finale(
    layouts: &[Layout],
    scenario: &Scenario,
    demands: &Demands,
    options: &JointOptions,
    kept: &[((u64, u128), Design)],
    shelf: &Shelf,
) -> Result<(Design, (Vec<Spend>, u32)), Error> {
    let runs = options.replications.max(1);
    let jobs: Vec<(usize, u32)> =
        (0..kept.len()).flat_map(|at| (0..runs).map(move |run| (at, run))).collect();
    let keys: Result<Vec<(u64, u128)>, Error> = jobs
        .par_iter()
        .map(|(at, run)| {
            let design = &kept[*at].1;
            let seed = scenario.seed.wrapping_add(u64::from(*run));
            let scenario = Scenario { seed, ..scenario.clone() };
            let layout = &layouts[design.layout];
            shelf
                .lend(|tables| Trial::with(layout, design, &scenario, demands, tables))
                .map(|one| one.key())
        })
        .collect();
    let keys = keys?;
    let judged: Vec<_> = keys
        .chunks(runs as usize)
        .zip(kept)
        .map(|(rows, (_, design))| {
            let mut costs: Vec<Spend> = rows.iter().map(|(_, spend)| Spend(*spend)).collect();
            costs.sort_unstable();
            let met = rows.iter().filter(|(short, _)| *short == 0).count();
            let high = costs[(costs.len() * 95).div_ceil(100).max(1) - 1];
            (rows.len() - met, high, design, costs, u32::try_from(met).unwrap_or(0))
        })
        .collect();
    let least = judged.iter().map(|(missed, high, ..)| (*missed, high.0)).min();
    // The first that is as good but for next to nothing.
    let close = |missed: usize, high: Spend| {
        least.is_some_and(|(fewest, cost)| missed == fewest && high.0 <= cost + cost / WORTH)
    };
    let best = judged.into_iter().find(|(missed, high, ..)| close(*missed, *high));
    let (_, _, design, costs, met) = best.expect("a search keeps at least one design");
    Ok((design.clone(), (costs, met)))
}
