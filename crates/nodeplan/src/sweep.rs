//! Many runs: plans × scenarios × points of a grid × seeds, numbered in that order, the last
//! fastest. Any part of them can run anywhere; what a cell gives depends on its number alone.
//!
//! Invariant: no clock, no file. Who calls decides which cells run and where their lines go.

mod points;

use crate::Error;
use crate::simulate::{Inputs, stage};
use nodeplan_eval::scorecard::evaluate;
use nodeplan_io::diagnostic::ImportError;
use nodeplan_io::sweep::{Cell, CellWorkload};
use nodeplan_io::yaml::{Axis, Draft, Matrix, ScenarioFile};
use nodeplan_model::answer::Money;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{PoolBounds, Scenario};
use nodeplan_model::scorecard::Scorecard;
use nodeplan_model::units::HOUR_MILLIS;
use nodeplan_sim::queueing::table::Tables;
use nodeplan_sim::world;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use points::MOST_CELLS;

/// A plan or a cluster that runs.
pub struct Candidate {
    /// As the matrix names it.
    pub name: String,
    /// Workloads and rules.
    pub problem: Problem,
    /// Pools.
    pub plan: Plan,
    /// Bounds of the pools where no plan sets them.
    pub bounds: Option<Vec<PoolBounds>>,
}

/// A sweep, ready to run.
pub struct Sweep {
    candidates: Vec<Candidate>,
    /// Scenario files with their names; one of defaults has none.
    scenarios: Vec<(Option<String>, Draft)>,
    axes: Vec<Axis>,
    /// Numbers of the points of the grid that run.
    points: points::Points,
    /// None: the scenario's own.
    seeds: Vec<Option<u64>>,
    /// What all runs share.
    inputs: Inputs,
}

/// Where a cell lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    candidate: usize,
    scenario: usize,
    point: u64,
}

/// Why a cell did not run.
#[derive(Debug)]
pub enum Fault {
    /// Its scenario cannot be read or names what is not there.
    Unusable(Vec<ImportError>),
    /// Its scenario cannot be run.
    Failed(Box<Error>),
}

impl Sweep {
    /// Puts a sweep together. The files that the matrix names are read by then.
    ///
    /// # Errors
    /// More cells than [`MOST_CELLS`].
    pub fn new(
        matrix: Matrix,
        candidates: Vec<Candidate>,
        scenarios: Vec<(Option<String>, Draft)>,
        inputs: Inputs,
    ) -> Result<Self, Box<ImportError>> {
        let seeds: Vec<Option<u64>> = match &matrix.seeds[..] {
            [] => vec![None],
            seeds => seeds.iter().copied().map(Some).collect(),
        };
        let others = candidates.len() as u64 * scenarios.len() as u64 * seeds.len() as u64;
        let points = points::of(&matrix, others)?;
        Ok(Self { candidates, scenarios, axes: matrix.axes, points, seeds, inputs })
    }

    /// How many cells it has.
    #[must_use]
    pub fn cells(&self) -> u64 {
        let others = self.candidates.len() * self.scenarios.len() * self.seeds.len();
        self.points.count() * others as u64
    }

    /// Cells of shard `index` of `of`: those whose number modulo `of` is `index`.
    pub fn shard(&self, index: u64, of: u64) -> impl Iterator<Item = u64> {
        (index..self.cells()).step_by(usize::try_from(of).unwrap_or(usize::MAX))
    }

    /// Where a cell lies, and its seed.
    fn spot(&self, cell: u64) -> (Spot, Option<u64>) {
        let seeds = self.seeds.len() as u64;
        let (rest, seed) = (cell / seeds, cell % seeds);
        let (rest, point) = (rest / self.points.count(), rest % self.points.count());
        let scenarios = self.scenarios.len() as u64;
        let spot = Spot {
            candidate: (rest / scenarios) as usize,
            scenario: (rest % scenarios) as usize,
            point: self.points.get(point),
        };
        (spot, self.seeds[seed as usize])
    }

    /// Which value each axis has at a point; the last axis is the fastest.
    fn values(&self, mut point: u64) -> Vec<(&Axis, usize)> {
        let mut values: Vec<(&Axis, usize)> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            let count = axis.count() as u64;
            values.push((axis, (point % count) as usize));
            point /= count;
        }
        values.reverse();
        values
    }

    fn scenario(&self, spot: Spot) -> Result<ScenarioFile, Vec<ImportError>> {
        let (_, draft) = &self.scenarios[spot.scenario];
        draft.with(&self.values(spot.point))
    }

    /// The run of a spot; `inputs` are those of the sweep, and get its scenario.
    fn staged(
        &self,
        spot: Spot,
        seed: Option<u64>,
        inputs: &mut Inputs,
    ) -> Result<Scenario, Fault> {
        let candidate = &self.candidates[spot.candidate];
        let file = self.scenario(spot).map_err(Fault::Unusable)?;
        inputs.scenario = ScenarioFile { seed: seed.or(file.seed), ..file };
        inputs.bounds.clone_from(&candidate.bounds);
        let staged = stage(&candidate.problem, &candidate.plan, inputs).map_err(Fault::Unusable)?;
        Ok(staged.scenario)
    }

    /// Reads and checks the scenarios of these cells, and runs none.
    ///
    /// # Errors
    /// Every fault of the files, each once, in order of place; else the first cell whose scenario
    /// cannot be run, with the reason.
    pub fn check(&self, cells: &[u64]) -> Result<(), (u64, Fault)> {
        // Seeds of a spot differ in nothing that could be wrong.
        let spots: BTreeMap<Spot, u64> =
            cells.iter().rev().map(|cell| (self.spot(*cell).0, *cell)).collect();
        let spots: Vec<(Spot, u64)> = spots.into_iter().collect();
        let checked: Vec<(u64, Fault)> = spots
            .par_iter()
            .map_init(
                || self.inputs.clone(),
                |inputs, (spot, cell)| {
                    let candidate = &self.candidates[spot.candidate];
                    let scenario = self.staged(*spot, None, inputs).map_err(|why| (*cell, why))?;
                    let ran = world::check(&candidate.problem, &candidate.plan, &scenario);
                    ran.map_err(|why| (*cell, Fault::Failed(Box::new(Error::Simulate(why)))))
                        .map(|_| ())
                },
            )
            .filter_map(Result::err)
            .collect();
        let mut unusable = Vec::new();
        let mut failed = None;
        for (cell, fault) in checked {
            match fault {
                Fault::Unusable(faults) => unusable.extend(faults),
                Fault::Failed(_) => failed = failed.or(Some((cell, fault))),
            }
        }
        if unusable.is_empty() {
            return failed.map_or(Ok(()), Err);
        }
        unusable.sort();
        unusable.dedup();
        Err((cells.first().copied().unwrap_or(0), Fault::Unusable(unusable)))
    }

    /// Runs cells on all threads of the pool, in about this order; `done` gets each as soon as it
    /// is there. No cell begins once `stop` says so.
    ///
    /// # Errors
    /// A cell that could not run, the first of those met.
    pub fn run(
        &self,
        cells: &[u64],
        stop: &(dyn Fn() -> bool + Sync),
        done: &(dyn Fn(Cell) + Sync),
    ) -> Result<(), (u64, Fault)> {
        let next = AtomicUsize::new(0);
        let failed: Mutex<Option<(u64, Fault)>> = Mutex::new(None);
        let work = || {
            let (mut tables, mut inputs) = (Tables::new(), self.inputs.clone());
            while !stop() && failed.lock().is_ok_and(|failed| failed.is_none()) {
                let Some(&cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                match self.one(cell, &mut inputs, &mut tables) {
                    Ok(cell) => done(cell),
                    Err(fault) => {
                        if let Ok(mut failed) = failed.lock()
                            && failed.as_ref().is_none_or(|(other, _)| *other > cell)
                        {
                            *failed = Some((cell, fault));
                        }
                    }
                }
            }
        };
        let threads = rayon::current_num_threads().min(cells.len());
        (0..threads).into_par_iter().with_max_len(1).for_each(|_| work());
        failed.into_inner().ok().flatten().map_or(Ok(()), Err)
    }

    /// Runs one cell.
    fn one(&self, cell: u64, inputs: &mut Inputs, tables: &mut Tables) -> Result<Cell, Fault> {
        let (spot, seed) = self.spot(cell);
        let candidate = &self.candidates[spot.candidate];
        let scenario = self.staged(spot, seed, inputs)?;
        let (problem, plan) = (&candidate.problem, &candidate.plan);
        let timeline =
            world::simulate_under(problem, plan, &scenario, tables, world::Latency::Run, &|_| {
                false
            })
            .map_err(|faults| Fault::Failed(Box::new(Error::Simulate(faults))))?;
        let score = evaluate(problem, &scenario, &timeline);
        let vary = self.values(spot.point).into_iter();
        Ok(Cell {
            cell,
            plan: candidate.name.clone(),
            scenario: self.scenarios[spot.scenario].0.clone(),
            vary: vary.map(|(axis, at)| (axis.path.clone(), axis.value(at))).collect(),
            seed: scenario.seed,
            ..figures(problem, &score)
        })
    }
}

/// The figures of a run.
fn figures(problem: &Problem, score: &Scorecard) -> Cell {
    let month = Money::month_of(score.spend, score.millis);
    let hours = score.node_millis.saturating_mul(1000) / u128::from(HOUR_MILLIS);
    let services = score.services.iter().zip(problem.workloads());
    let workloads =
        services.filter(|(_, workload)| !workload.system).map(|(service, workload)| CellWorkload {
            workload: workload.full_name(),
            offered: service.offered,
            lost: service.lost,
            good: service.good,
            objective: service.objective,
            met: service.met,
            miss_minutes: service.miss_minutes,
            p95_micros: service.latency_micros[1],
            oldest_millis: service.oldest_millis,
            pending_p95_millis: service.pending_p95_millis,
            evictions: service.evictions,
            oom_kills: service.oom_kills,
        });
    Cell {
        cell: 0,
        plan: String::new(),
        scenario: None,
        vary: BTreeMap::new(),
        seed: 0,
        currency: problem.parts().currency.clone(),
        month,
        per_month: Cell::decimal(month),
        cost: Money::of(score.spend),
        millis: score.millis,
        node_hours_milli: u64::try_from(hours).unwrap_or(u64::MAX),
        met: score.met(),
        pending_p95_millis: score.pending_p95_millis,
        evictions: score.services.iter().map(|service| service.evictions).sum(),
        oom_kills: score.services.iter().map(|service| service.oom_kills).sum(),
        workloads: workloads.collect(),
    }
}
