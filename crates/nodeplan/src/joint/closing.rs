//! What goes wrong closed into the search: runs as the last ones are, on other draws. What the best design
//! fails there is from then on part of what every design must hold under. So the search seldom ends with
//! designs that the last runs refuse, nor pays for more safety than they ask for; and those stay a test, as
//! no design was ever tried on them.

use super::climb::{Ranked, Search};
use super::design::Design;
use super::finale::may_miss;
use super::moves::{Family, moved};
use super::pairs::Move;
use super::rescue::FINE;
use super::search::Step;
use super::track::{Rank, Test};
use crate::Error;
use nodeplan_model::scenario::Autoscaling;
use nodeplan_model::units::Spend;

/// Times that the best design is put to such runs.
const ROUNDS: usize = 12;
/// Draws that it is put to at most, unless there are more last runs, one over the part of all runs that
/// they may be, and so many at a time.
const DRAWS: u32 = 16;
const DRAWS_PART: u32 = 24;
const AT_A_TIME: usize = 4;
/// Draws that are tests from the start.
const HARDEST: usize = 3;
/// Points by which targets are too high in the design that finds them.
const FULLER: [i64; 2] = [40, 200];
/// Runs that it fails which become tests at a time: the worst of them.
const ADDED: usize = 1;
/// Designs that are tested again then.
const RUNGS: usize = 16;
/// Moves that may mend a design that nearly holds, and how often.
const MENDING: [Move; 4] = [
    Move::One(Family::Targets),
    Move::One(Family::Minimum),
    Move::One(Family::Behavior),
    Move::One(Family::Nodes),
];
const REPAIRS: usize = 3;
/// One over the part of all runs for the best that holds, before it is put to them again.
const ROUND_PART: u64 = 12;
/// Designs that differ by less than this part of the cost, one over it, and in nothing that matters,
/// are one rung of the ladder.
const STEP: u128 = 100;

/// Of designs from the cheapest on those that differ in what matters, so many at most: pools, nodes and
/// pods that are always there, or a step of the cost.
pub(super) fn ladder(kept: &[Ranked], most: usize) -> Vec<&Ranked> {
    let mut rungs: Vec<&Ranked> = Vec::new();
    for one in kept {
        if rungs.len() == most {
            break;
        }
        if !rungs.iter().any(|rung| alike(rung, one)) {
            rungs.push(one);
        }
    }
    rungs
}

fn alike(one: &Ranked, other: &Ranked) -> bool {
    let spend = one.rank().spend;
    let mins = |design: &Design| -> Vec<u32> {
        let pools = design.pools.iter().map(|pool| pool.min);
        let pods =
            design.scaling.iter().map(|own| own.as_ref().map_or(0, |own: &Autoscaling| own.min));
        pools.chain(pods).collect()
    };
    spend.abs_diff(other.rank().spend) < spend / STEP
        && one.design.layout == other.design.layout
        && mins(&one.design) == mins(&other.design)
}

impl Search<'_> {
    /// Draws of hazards that designs are tried on, none of them one of the last runs.
    fn draws(&self) -> impl Iterator<Item = Test> + use<> {
        let last = self.options.replications.max(1);
        let most = (self.options.runs / DRAWS_PART).min(last.max(DRAWS));
        (last..last.saturating_add(most)).map(Test::Hazards)
    }

    /// The hardest draws become tests before the search begins: those in which a design with too
    /// little misses most.
    pub(super) fn foresee(&mut self) -> Result<(), Error> {
        let draws: Vec<Test> = self.draws().collect();
        if draws.len() <= HARDEST {
            return Ok(());
        }
        let plain = Design::of(self.track.seen, 0, &self.layouts[0]);
        let full = self.filled(&plain, 100, u32::MAX);
        for points in FULLER {
            let mut design = full.clone();
            for one in design.scaling.iter_mut().flatten() {
                *one = moved(one, points, u64::try_from(100 + points).unwrap_or(100));
            }
            let runs: Vec<(&Design, Test)> = draws.iter().map(|test| (&design, *test)).collect();
            let tallies = self.run_all(&runs)?;
            let rows = tallies.into_iter().zip(&draws);
            let mut rows: Vec<(Rank, Test)> =
                rows.filter_map(|(tally, test)| Some((tally?.rank, *test))).collect();
            rows.sort_by_key(|(rank, _)| (rank.short, rank.spend));
            let hardest: Vec<Test> =
                rows.iter().rev().take(HARDEST).map(|(_, test)| *test).collect();
            self.tests.truncate(1);
            self.tests.extend(hardest);
            if rows.last().is_none_or(|(rank, _)| rank.short > 0) {
                break;
            }
        }
        Ok(())
    }

    /// Puts the best design to runs with hazards; what it fails becomes a test, and that design gets a
    /// little more, until the best fails none. What was added is then won back as long as that saves, or
    /// `until`.
    pub(super) fn close(&mut self, moves: &[Move], until: u64) -> Result<(), Error> {
        let mut harder = false;
        for _ in 0..ROUNDS {
            let Some(best) = self.kept.first().filter(|one| one.rank().short == 0).cloned() else {
                break;
            };
            if self.over(until) {
                break;
            }
            let failed = self.failed(&best.design)?;
            if failed.is_empty() {
                let (part, spend) = (self.until(ROUND_PART).min(until), best.rank().spend);
                if !harder || self.climb(best, moves, part)?.rank().spend >= spend {
                    break;
                }
                continue;
            }
            harder = true;
            self.harden(failed)?;
            let refused = self.kept.iter().find(|one| one.design == best.design);
            if let Some(refused) = refused.filter(|one| one.rank().short > 0).cloned() {
                self.repaired(refused, moves)?;
            }
        }
        Ok(())
    }

    /// A design that fails a little, with more for the workloads that miss: of all such changes the
    /// cheapest that holds, else the one that misses least, as often as that helps.
    fn repaired(&mut self, near: Ranked, moves: &[Move]) -> Result<(), Error> {
        let mut now = self.rescued(near, &FINE)?;
        if self.broad() {
            return Ok(());
        }
        for _ in 0..REPAIRS {
            if now.rank().short == 0 || self.over(self.budget()) {
                break;
            }
            let lacking: Vec<bool> = now.tally.lacks.iter().map(|lack| *lack > 0).collect();
            let any = lacking.contains(&true);
            let helps = |design: &Design| {
                let rows = design.scaling.iter().zip(&now.design.scaling).zip(&lacking);
                rows.into_iter().all(|((own, old), lacks)| *lacks || own == old)
            };
            let mut all = Vec::new();
            for by in MENDING.into_iter().filter(|by| moves.contains(by)) {
                let next = self.neighbours(&now, by);
                all.extend(next.into_iter().filter(|design| !any || helps(design)));
            }
            let Some(next) = self.best_of(all, &now, MENDING[0])? else { break };
            now = next;
        }
        Ok(())
    }

    /// Of runs like the last ones, and none of these, those that a design fails beyond what may be
    /// missed: the worst. So many at a time, until there are such.
    fn failed(&mut self, design: &Design) -> Result<Vec<Test>, Error> {
        let left: Vec<Test> = self.draws().filter(|test| !self.tests.contains(test)).collect();
        let most = may_miss(self.options.replications as usize);
        let mut failed: Vec<(u64, Test)> = Vec::new();
        for some in left.chunks(AT_A_TIME) {
            let runs: Vec<(&Design, Test)> = some.iter().map(|test| (design, *test)).collect();
            let tallies = self.run_all(&runs)?;
            let rows = some.iter().zip(tallies);
            let rows = rows.filter_map(|(test, tally)| Some((tally?.rank.short, *test)));
            failed.extend(rows.filter(|(short, _)| *short > 0));
            if failed.len() > most {
                break;
            }
        }
        failed.sort_by_key(|(short, _)| *short);
        // The worst may be missed, if no more than so many are.
        let beyond = failed.len().saturating_sub(most);
        failed.truncate(beyond);
        Ok(failed.into_iter().rev().take(ADDED).map(|(_, test)| test).collect())
    }

    /// Adds tests, the first before all others, and tests the ladder of designs again.
    fn harden(&mut self, more: Vec<Test>) -> Result<(), Error> {
        let rungs: Vec<Ranked> = ladder(&self.kept, RUNGS).into_iter().cloned().collect();
        let runs: Vec<(&Design, Test)> = more
            .iter()
            .flat_map(|test| rungs.iter().map(move |one| (&one.design, *test)))
            .collect();
        let tallies = self.run_all(&runs)?;
        let mut kept = Vec::new();
        for (at, one) in rungs.iter().enumerate() {
            let own = tallies.iter().skip(at).step_by(rungs.len());
            let Some(own) = own.cloned().collect::<Option<Vec<_>>>() else { return Ok(()) };
            let Some(first) = own.first().map(|first| first.rank) else { return Ok(()) };
            let tally = own.into_iter().fold(one.tally.clone(), |all, next| all.worst(next));
            kept.push(Ranked::new(first, tally, one.design.clone()));
        }
        kept.sort_by_key(Ranked::rank);
        self.kept = kept;
        self.tests.splice(0..0, more);
        self.untried();
        if let Some(rank) = self.kept.first().map(Ranked::rank) {
            let step = Step {
                runs: self.runs(),
                short: rank.short,
                spend: Spend(rank.spend),
                by: None,
                harder: true,
            };
            self.tell(step);
        }
        Ok(())
    }

    /// A design that was found under fewer tests, under those of now.
    pub(super) fn retested(&mut self, one: Ranked, tests: usize) -> Result<Option<Ranked>, Error> {
        if tests == self.tests.len() {
            return Ok(Some(one));
        }
        self.ranked(one.design, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::track::Tally;
    use nodeplan_model::scenario::{AutoscalerProfile, PoolBounds, Provisioning};

    fn ranked(layout: usize, nodes: u32, spend: u128) -> Ranked {
        let pool = PoolBounds {
            min: nodes,
            max: 9,
            initial: nodes,
            spot: false,
            priority: None,
            zones: Vec::new(),
            schedules: Vec::new(),
        };
        let design = Design {
            layout,
            pools: vec![pool],
            scaling: Vec::new(),
            replicas: Vec::new(),
            keeper: None,
            autoscaler: AutoscalerProfile::default(),
            provisioning: Provisioning::ClusterAutoscaler,
        };
        let tally = Tally::of_spend(spend);
        Ranked::new(tally.rank, tally, design)
    }

    #[test]
    fn rungs_differ_in_pools_in_nodes_or_in_cost() {
        let all = [
            ranked(0, 1, 1000),
            ranked(0, 1, 1001), // as the first
            ranked(1, 1, 1002),
            ranked(0, 2, 1003),
            ranked(1, 1, 1011), // as the third
            ranked(0, 1, 1012),
            ranked(0, 1, 1100),
        ];
        let costs = |most| -> Vec<u128> {
            ladder(&all, most).into_iter().map(|one| one.rank().spend).collect()
        };
        assert_eq!(costs(9), vec![1000, 1002, 1003, 1012, 1100]);
        assert_eq!(costs(2), vec![1000, 1002]);
        assert!(ladder(&[], 9).is_empty());
    }
}
