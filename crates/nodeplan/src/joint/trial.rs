//! What a run of a design is worth to the search.

use super::design::Design;
use super::finale::percentile;
use super::layouts::Layout;
use super::need::{Strength, strength};
use crate::Error;
use crate::simulate::{Simulated, simulate_objectives, simulate_with};
use nodeplan_model::plan::PoolMode;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Happening, MILLION, Scenario};
use nodeplan_model::scorecard::ServiceScore;
use nodeplan_model::timeline::PoolSample;
use nodeplan_model::workload::QosClass;
use nodeplan_sim::queueing::table::Tables;

/// What every run must meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Demands {
    /// Share of requests that must be good, per workload, parts per million: the objective, or what
    /// is left of it where not even an idle pod meets it.
    pub shares: Vec<Option<u64>>,
    /// Workloads whose objective no number of pods that the search may use can meet, with the best
    /// share there is.
    pub out_of_reach: Vec<(usize, u64)>,
    /// Most that the 95th percentile of a pod's wait for a node may be, milliseconds.
    pub pending_millis: u64,
    /// What a pod of each workload can do at that share.
    pub strengths: Vec<Option<Strength>>,
    /// Of the pods that a workload without load should have, at least this share must run,
    /// parts per million.
    pub running: u64,
    /// In at most this share of the samples a workload whose autoscaler never goes to zero may have no
    /// pod that is Ready, parts per million.
    pub absent: u64,
}

/// Left of the best share where the objective is out of reach, and of the misses that cannot be
/// helped the part that may be added, one over it: nobody runs idle pods for an objective that is
/// missed anyway.
const REACH: (u64, u64) = (995, 1000);
const MORE_MISSES: u64 = 4;
/// Time that a lost node may keep its pods from serving, milliseconds: it is missed after 40 s, its pods
/// are given up after 300 s (`node-monitor-grace-period`, `DefaultTolerationSeconds` of Kubernetes), and
/// a new node with all that has waited takes the rest.
const OUTAGE_MILLIS: u64 = 900_000;
/// In so large a share of the samples, parts per million, a workload whose autoscaler never goes to
/// zero may have no pod that is Ready.
pub const MOST_ABSENT: u64 = 10_000;
/// Of the pods wanted, this share must run.
pub const RUNNING: u64 = 990_000;

impl Demands {
    /// Those of a scenario.
    #[must_use]
    pub fn of(problem: &Problem, scenario: &Scenario, pending_millis: u64) -> Self {
        let mut out_of_reach = Vec::new();
        let mut shares = Vec::with_capacity(scenario.loads.len());
        for (at, load) in scenario.loads.iter().enumerate() {
            let asked = load.objective.within_millis.map(|_| load.objective.share);
            let best = strength(problem, at, load, MILLION).map_or(MILLION, |one| one.best);
            shares.push(asked.map(|asked| {
                if asked > best {
                    out_of_reach.push((at, best));
                }
                if asked > best { asked.min(near(best)) } else { asked }
            }));
        }
        let own = |(at, share): (usize, &Option<u64>)| {
            strength(problem, at, &scenario.loads[at], share.unwrap_or(0))
        };
        let strengths = shares.iter().enumerate().map(own).collect();
        Self {
            shares,
            out_of_reach,
            pending_millis,
            strengths,
            running: RUNNING,
            absent: MOST_ABSENT,
        }
    }

    /// Holds a workload near to the best share there is.
    pub(super) fn hold(&mut self, problem: &Problem, scenario: &Scenario, at: usize, best: u64) {
        match self.out_of_reach.iter_mut().find(|(other, _)| *other == at) {
            Some(known) => known.1 = known.1.min(best),
            None => self.out_of_reach.push((at, best)),
        }
        self.out_of_reach.sort_unstable();
        let share = self.shares[at].map(|share| share.min(near(best)));
        self.shares[at] = share;
        self.strengths[at] = strength(problem, at, &scenario.loads[at], share.unwrap_or(0));
    }

    /// Those that allow so many times the misses, over so many; of objectives out of reach the same.
    #[must_use]
    pub fn allowing(&self, times: u64, over: u64) -> Self {
        let other = |(at, share): (usize, &Option<u64>)| {
            let held = self.out_of_reach.iter().any(|(other, _)| *other == at);
            share.map(|share| {
                let misses = MILLION.saturating_sub(share) * times / over.max(1);
                if held { share } else { MILLION.saturating_sub(misses) }
            })
        };
        let shares: Vec<Option<u64>> = self.shares.iter().enumerate().map(other).collect();
        Self { shares, ..self.clone() }
    }

    /// Stricter ones for the search: a tenth of the misses that each objective allows is kept for
    /// days that are not seen.
    #[must_use]
    pub fn with_margin(&self) -> Self {
        let strict = |(at, share): (usize, &Option<u64>)| {
            let held = self.out_of_reach.iter().any(|(other, _)| *other == at);
            share.map(|share| if held { share } else { share + (MILLION - share) / MARGIN })
        };
        Self { shares: self.shares.iter().enumerate().map(strict).collect(), ..self.clone() }
    }

    /// What is left of them in a run that loses nodes: nobody can be asked for what is missed until the
    /// pods run elsewhere, so objectives that leave less room than that are held to it.
    #[must_use]
    pub(super) fn in_spite_of(&self, scenario: &Scenario) -> Self {
        let lost: u64 = scenario
            .events
            .iter()
            .map(|event| match event.what {
                Happening::NodeFails { .. } => 1,
                Happening::SpotEviction { nodes, .. } => u64::from(nodes),
                _ => 0,
            })
            .sum();
        let missed = u128::from(lost.saturating_mul(OUTAGE_MILLIS)) * u128::from(MILLION);
        let missed = missed / u128::from(scenario.horizon_millis.max(1));
        let most = MILLION - u64::try_from(missed).unwrap_or(MILLION).min(MILLION);
        let shares = self.shares.iter().map(|share| share.map(|share| share.min(most))).collect();
        let (running, absent) = (self.running.min(most), self.absent.max(MILLION - most));
        Self { shares, running, absent, ..self.clone() }
    }
}

/// The share that is asked for where the best there is misses the objective.
fn near(best: u64) -> u64 {
    let more = (MILLION - best.min(MILLION)) / MORE_MISSES;
    (best / REACH.1 * REACH.0).min(best.saturating_sub(more))
}

/// One over the part of the allowed misses that is kept.
const MARGIN: u64 = 10;

/// A run and how far it is from meeting everything.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What happened and what it is worth.
    pub run: Simulated,
    /// By how much demands are missed, millionths added up; zero: all are met.
    pub short: u64,
    /// The part of it that each workload of the scenario has.
    pub lacks: Vec<u64>,
}

impl Trial {
    /// Runs a design.
    ///
    /// # Errors
    /// A scenario that cannot be run.
    pub fn of(
        layout: &Layout,
        design: &Design,
        scenario: &Scenario,
        demands: &Demands,
    ) -> Result<Self, Error> {
        Self::with(layout, design, scenario, demands, &mut Tables::new())
    }

    /// Runs a design with tables of response times that earlier runs have filled; they change nothing
    /// but the time it takes.
    ///
    /// # Errors
    /// A scenario that cannot be run.
    pub fn with(
        layout: &Layout,
        design: &Design,
        scenario: &Scenario,
        demands: &Demands,
        tables: &mut Tables,
    ) -> Result<Self, Error> {
        let run = simulate_with(&layout.problem, &layout.plan, &design.on(scenario), tables)?;
        Ok(Self::judged(run, layout, scenario, demands))
    }

    /// The same without percentiles of response times, which nothing here depends on.
    ///
    /// # Errors
    /// A scenario that cannot be run.
    pub(super) fn scored(
        layout: &Layout,
        design: &Design,
        scenario: &Scenario,
        demands: &Demands,
        tables: &mut Tables,
    ) -> Result<Self, Error> {
        let run = simulate_objectives(&layout.problem, &layout.plan, &design.on(scenario), tables)?;
        Ok(Self::judged(run, layout, scenario, demands))
    }

    fn judged(run: Simulated, layout: &Layout, scenario: &Scenario, demands: &Demands) -> Self {
        let lacks = lacks(&run, layout, scenario, demands);
        let late = pending(&run, scenario).saturating_sub(demands.pending_millis);
        let own = lacks.iter().fold(late, |sum, lack| sum.saturating_add(*lack));
        Self { short: own.saturating_add(without_system(&run, layout)), run, lacks }
    }

    /// What orders trials: first who meets everything, then who is cheaper.
    #[must_use]
    pub fn key(&self) -> (u64, u128) {
        (self.short, self.run.scorecard.spend.0)
    }
}

/// By how much each workload misses what is demanded of it, millionths added up.
fn lacks(run: &Simulated, layout: &Layout, scenario: &Scenario, demands: &Demands) -> Vec<u64> {
    // Pods that keep room come after the scenario's own; nothing is demanded of them.
    let services = run.scorecard.services.iter().enumerate().take(scenario.loads.len());
    let lack = |(at, service): (usize, &ServiceScore)| {
        let mut sum = 0_u64;
        if let (Some(good), Some(asked)) = (service.good, demands.shares[at]) {
            sum = sum.saturating_add(asked.saturating_sub(good));
        }
        sum = sum.saturating_add(service.oom_kills.saturating_mul(1000));
        if layout.problem.workloads()[at].qos == QosClass::Guaranteed {
            sum = sum.saturating_add(run.timeline.totals[at].pressed.saturating_mul(1000));
        }
        if scenario.scaling[at].as_ref().is_some_and(|one| one.min > 0) {
            sum = sum.saturating_add(absent(run, at).saturating_sub(demands.absent));
        }
        if scenario.loads[at].objective.within_millis.is_none() {
            let ran = running(run, at);
            sum = sum.saturating_add(demands.running.saturating_sub(ran));
        }
        sum
    };
    services.map(lack).collect()
}

/// The 95th percentile of the wait for a node, milliseconds, of the scenario's own pods.
pub(super) fn pending(run: &Simulated, scenario: &Scenario) -> u64 {
    let totals = &run.timeline.totals;
    if totals.len() <= scenario.loads.len() {
        return run.scorecard.pending_p95_millis;
    }
    let own = totals.iter().take(scenario.loads.len());
    let mut waits: Vec<u64> = own.flat_map(|one| one.pending_millis.iter().copied()).collect();
    waits.sort_unstable();
    percentile(&waits, 95)
}

/// Samples without a node of a system pool, a thousand millionths each: AKS always has one, but node
/// auto-provisioning of the simulator may take it away.
fn without_system(run: &Simulated, layout: &Layout) -> u64 {
    let pools = &layout.plan.pools;
    if !layout.problem.needs_system_node() || pools.is_empty() {
        return 0;
    }
    let samples = run.timeline.pools.chunks(pools.len());
    let none = |sample: &&[PoolSample]| {
        let system = sample.iter().zip(pools).filter(|(_, pool)| pool.mode == PoolMode::System);
        system.map(|(row, _)| row.nodes).sum::<u32>() == 0
    };
    samples.filter(none).count() as u64 * 1000
}

/// The share of samples without a Ready pod, parts per million.
fn absent(run: &Simulated, workload: usize) -> u64 {
    let samples = 0..run.timeline.samples;
    let without = |sample: &usize| run.timeline.workload_at(*sample, workload).ready == 0;
    let (none, all) = (samples.clone().filter(without).count() as u64, samples.len() as u64);
    (none * MILLION).checked_div(all).unwrap_or(0)
}

/// The share of the pods wanted that ran, parts per million.
fn running(run: &Simulated, workload: usize) -> u64 {
    let totals = &run.timeline.totals[workload];
    let ran = totals.wanted_millis.saturating_sub(totals.missing_millis);
    let share = (ran * u128::from(MILLION)).checked_div(totals.wanted_millis);
    share.map_or(MILLION, |share| u64::try_from(share).unwrap_or(MILLION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::split::testing::empty;
    use nodeplan_model::scenario::Event;
    use nodeplan_model::units::DAY_MILLIS;

    #[test]
    fn nobody_is_asked_for_what_a_lost_node_takes() {
        let demands = Demands {
            shares: vec![Some(MILLION), Some(950_000), None],
            out_of_reach: Vec::new(),
            pending_millis: 900_000,
            strengths: vec![None; 3],
            running: RUNNING,
            absent: MOST_ABSENT,
        };
        let fails = |at_millis| Event {
            at_millis,
            what: Happening::NodeFails { pool: 0, repair_millis: 600_000 },
        };
        let evicted = Event { at_millis: 0, what: Happening::SpotEviction { pool: 0, nodes: 2 } };
        // A quarter of an hour of a day is 1/96: 10,416 parts per million.
        let rows = [
            (vec![], [MILLION, 950_000, 990_000]),
            (vec![fails(5)], [989_584, 950_000, 989_584]),
            (vec![fails(5), evicted], [968_750, 950_000, 968_750]),
            (vec![fails(5); 9], [906_250, 906_250, 906_250]),
            (vec![fails(5); 200], [0, 0, 0]),
        ];
        for (events, want) in rows {
            let count = events.len();
            let run = Scenario { horizon_millis: DAY_MILLIS, events, ..empty() };
            let left = demands.in_spite_of(&run);
            let own = [left.shares[0], left.shares[1], Some(left.running)];
            assert_eq!(own, want.map(Some), "{count} events");
            assert_eq!(left.shares[2], None);
            assert_eq!(left.absent, MILLION - left.running, "{count} events");
        }
    }
}
