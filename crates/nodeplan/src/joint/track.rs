//! Where candidates run: the part of the trace that is seen, and of a long one its busiest block
//! first, so that those that cannot win cost little (racing). All run under the same random numbers, so
//! differences between designs are those of the designs.

use super::design::Design;
use super::hazards::Hazards;
use super::layouts::Layout;
use super::need::Arrivals;
use super::split::Halves;
use super::trial::{Demands, Trial};
use crate::Error;
use nodeplan_model::scenario::{MILLION, Scenario};
use nodeplan_sim::queueing::table::Tables;
use nodeplan_solve::Control;
use rayon::prelude::*;
use std::sync::Mutex;

/// What orders designs: who meets everything; then cost, but for next to nothing; then who needs
/// less of nodes, since that is the way to fewer of them; then cost to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// By how much demands are missed.
    pub short: u64,
    /// Cost to ten binary places.
    coarse: u128,
    /// What the pods ask for over the run.
    pods: u128,
    /// Cost.
    pub spend: u128,
}

/// Binary places of a cost that count before all else.
const PLACES: u32 = 10;
/// Memory that weighs as much as a thousandth of a core, bytes: a core comes with 4 GiB.
const MEMORY_OF_MILLI: u64 = 4 << 20;

/// What a run tells of a design and of each of its workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// Of the design.
    pub rank: Rank,
    /// By how much each workload misses what is demanded of it.
    pub lacks: Vec<u64>,
    /// What the pods of each workload ask for over the run.
    pub pods: Vec<u128>,
}

impl Tally {
    fn of(trial: &Trial, layout: &Layout) -> Self {
        let (short, spend) = trial.key();
        let drop = (u128::BITS - spend.leading_zeros()).saturating_sub(PLACES);
        let totals = trial.run.timeline.totals.iter().zip(layout.problem.workloads());
        let asked = totals.map(|(totals, one)| {
            let weight = one.request.cpu.0 + one.request.memory.0 / MEMORY_OF_MILLI;
            totals.pod_millis.saturating_mul(u128::from(weight))
        });
        let pods: Vec<u128> = asked.collect();
        let all = pods.iter().fold(0_u128, |sum, one| sum.saturating_add(*one));
        let rank = Rank { short, coarse: spend >> drop << drop, pods: all, spend };
        Self { rank, lacks: trial.lacks.clone(), pods }
    }

    /// Of a run that costs so much, meets everything and has no pods.
    #[cfg(test)]
    pub fn of_spend(spend: u128) -> Self {
        let rank = Rank { short: 0, coarse: spend, pods: 0, spend };
        Self { rank, lacks: Vec::new(), pods: Vec::new() }
    }

    /// This and another run of the same design, where they are worst.
    pub fn worst(mut self, other: Self) -> Self {
        self.rank = self.rank.max(other.rank);
        let both = self.lacks.iter_mut().zip(other.lacks);
        both.for_each(|(own, lack)| *own = (*own).max(lack));
        self
    }
}

/// Tables of response times that no run uses at the moment.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Vec<Tables>>);

impl Shelf {
    /// Lends tables to a run.
    pub fn lend<T>(&self, run: impl FnOnce(&mut Tables) -> T) -> T {
        let taken = self.0.lock().ok().and_then(|mut shelf| shelf.pop());
        let mut tables = taken.unwrap_or_default();
        let done = run(&mut tables);
        if let Ok(mut shelf) = self.0.lock() {
            shelf.push(tables);
        }
        done
    }
}

/// What a design must hold under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// The part seen, under the seed that follows the scenario's own so many times.
    Seed(u64),
    /// A run with hazards, on days drawn anew.
    Hazards(u32),
}

/// Where candidates run.
pub(super) struct Track<'a> {
    /// What they run on.
    pub seen: &'a Scenario,
    /// A block of it to race on; none: the whole is short.
    pub sprint: Option<&'a Scenario>,
    /// What they must meet on the part seen.
    pub demands: &'a Demands,
    /// Both parts of the trace.
    pub halves: &'a Halves,
    /// What goes wrong.
    hazards: Hazards,
    /// Who may end it.
    pub control: Control<'a>,
    shelf: &'a Shelf,
    /// Arrivals that each workload may miss over all that is seen.
    allowed: Vec<Option<f64>>,
}

/// A sprint's misses may be so many times those allowed in all, and so many more.
const HOPE: (f64, f64) = (1.2, 50.0);
/// A candidate may cost so much more in a sprint than the design it comes from, one over it.
const DEARER: u128 = 50;
/// So many candidates are never raced: the race costs more than it saves.
const FEW: usize = 4;

/// What a sprint tells.
struct Sprint {
    rank: Rank,
    hopeless: bool,
}

impl<'a> Track<'a> {
    /// The track of a search.
    pub fn new(
        halves: &'a Halves,
        demands: &'a Demands,
        hazards: Hazards,
        control: Control<'a>,
        shelf: &'a Shelf,
    ) -> Self {
        let (seen, sprint) = (&halves.seen, halves.busiest.as_ref());
        let arrivals = Arrivals::of(seen, seen.sample_millis.max(1));
        let allowed = |(row, share): (&Vec<f64>, &Option<u64>)| {
            let share = (*share)?.min(MILLION);
            Some(row.iter().sum::<f64>() * (MILLION - share) as f64 / MILLION as f64)
        };
        let allowed = arrivals.rows.iter().zip(&demands.shares).map(allowed).collect();
        Self { seen, sprint, demands, halves, hazards, control, shelf, allowed }
    }

    /// What happens to a design on all that is seen.
    pub fn trial(&self, layouts: &[Layout], design: &Design) -> Result<Trial, Error> {
        let layout = &layouts[design.layout];
        self.shelf.lend(|tables| Trial::scored(layout, design, self.seen, self.demands, tables))
    }

    /// Whether somebody has ended the search.
    pub fn ended(&self) -> bool {
        (self.control.interrupt)()
    }

    /// What designs are worth in tests; nothing for those that an end leaves out.
    pub fn tallies(
        &self,
        layouts: &[Layout],
        designs: &[(&Design, Test)],
    ) -> Result<Vec<Option<Tally>>, Error> {
        self.each(designs, |(design, test), tables| {
            let layout = &layouts[design.layout];
            let own;
            let lenient;
            let (scenario, demands) = match test {
                Test::Seed(0) => (self.seen, self.demands),
                Test::Seed(later) => {
                    let seed = self.seen.seed.wrapping_add(*later);
                    own = Scenario { seed, ..self.seen.clone() };
                    (&own, self.demands)
                }
                Test::Hazards(run) => {
                    (own, lenient) = self.hazards.run_of(self.halves, self.demands, *run, design);
                    (&own, &lenient)
                }
            };
            let trial = Trial::scored(layout, design, scenario, demands, tables)?;
            Ok(Tally::of(&trial, layout))
        })
    }

    fn each<D: Sync, T: Send>(
        &self,
        designs: &[D],
        run: impl Fn(&D, &mut Tables) -> Result<T, Error> + Sync,
    ) -> Result<Vec<Option<T>>, Error> {
        let one = |design: &D| {
            if self.ended() {
                return Ok(None);
            }
            self.shelf.lend(|tables| run(design, tables)).map(Some)
        };
        designs.par_iter().map(one).collect()
    }

    /// Time of a race of so many designs, milliseconds; zero: there is none.
    pub fn race_millis(&self, count: usize) -> u64 {
        match self.sprint {
            Some(sprint) if count > FEW => (count as u64 + 1) * sprint.horizon_millis,
            _ => 0,
        }
    }

    /// Those that may win over the design they come from, most promising first. `holds`: that one
    /// meets everything, so who wins must cost less.
    pub fn race(
        &self,
        layouts: &[Layout],
        (from, holds): (&Design, bool),
        designs: Vec<Design>,
    ) -> Result<Vec<Design>, Error> {
        let Some(scenario) = self.sprint.filter(|_| designs.len() > FEW) else {
            return Ok(designs);
        };
        let run = |design: &Design, tables: &mut Tables| {
            let layout = &layouts[design.layout];
            let trial = Trial::scored(layout, design, scenario, self.demands, tables)?;
            Ok(Sprint { rank: Tally::of(&trial, layout).rank, hopeless: self.hopeless(&trial) })
        };
        let own = self.each(std::slice::from_ref(from), run)?;
        let Some(Some(own)) = own.into_iter().next() else { return Ok(Vec::new()) };
        let lax = own.hopeless || !holds;
        let most = own.rank.spend + own.rank.spend / DEARER;
        let rows = self.each(&designs, run)?.into_iter().zip(designs);
        let mut hopeful: Vec<(Rank, Design)> = rows
            .filter_map(|(row, design)| Some((row?, design)))
            .filter(|(row, _)| lax || (!row.hopeless && row.rank.spend <= most))
            .map(|(row, design)| {
                // Misses count over all that is seen: a block may have more than its part.
                let short = if lax { row.rank.short } else { 0 };
                (Rank { short, ..row.rank }, design)
            })
            .collect();
        let count = hopeful.len();
        hopeful.sort_by_key(|(rank, _)| *rank);
        hopeful.truncate((count / 3).max(FEW));
        Ok(hopeful.into_iter().map(|(_, design)| design).collect())
    }

    /// Whether a run of a part misses more than is allowed over the whole.
    fn hopeless(&self, trial: &Trial) -> bool {
        let services = trial.run.scorecard.services.iter().zip(&self.allowed);
        services.into_iter().any(|(service, allowed)| {
            let (Some(good), Some(allowed)) = (service.good, allowed) else { return false };
            let bad = (MILLION - good.min(MILLION)) as f64 / MILLION as f64;
            service.offered as f64 * bad > allowed * HOPE.0 + HOPE.1
        })
    }
}
