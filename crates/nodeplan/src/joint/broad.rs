//! Steps of many workloads at once. A run tells of every workload what it asked for and by how much
//! it missed, so a few runs in which all of them change alike tell each which change suits it. What
//! they choose is then run together, and who misses there, since pods share nodes, goes back.

use super::climb::{ASPECTS, KICKS, Ranked, Search, WORTH};
use super::design::{Design, copy};
use super::moves::Family;
use super::pairs::Move;
use super::pods::Pods;
use super::rescue::COARSE;
use super::track::Tally;
use crate::Error;

/// So many workloads with an autoscaler are still tried one by one.
const FEW_WORKLOADS: usize = 6;
/// Times that workloads that miss choose again.
const MENDS: usize = 6;
/// Most layouts that are started from.
const STARTS: usize = 2;
/// Uses of a CPU request at most, percent, and parts of the load that still meets the objective,
/// percent, of starts within requests, ...
const WITHIN: &[(u32, u32)] = &[(95, 100), (80, 95), (65, 85)];
/// ... of starts with pods that request what they use, ...
const SIZED: &[(u32, u32)] = &[(u32::MAX, 90)];
/// ... and of starts beyond requests.
const BEYOND: &[(u32, u32)] = &[(u32::MAX, 85)];
/// Moves by which workloads settle, and one over the part of all runs for it.
const SETTLING: [Move; 6] = [
    Move::One(Family::Targets),
    Move::One(Family::Minimum),
    Move::One(Family::Profile),
    Move::One(Family::Behavior),
    Move::One(Family::Nodes),
    Move::Two(Family::Targets, Family::Minimum),
];
const SETTLING_PART: u64 = 12;
/// Times that pools are made for the pods that run.
const LESSONS: usize = 2;
/// Most pools that a design is settled on anew, the misses added up, millionths, with which it may
/// begin, and one over the part of all runs for each.
const SHAPES: usize = 4;
const NEARLY: u64 = 100_000;
const SHAPED_PART: u64 = 24;
/// Moves that shape the rest, and one over the part of all runs for it.
const SHAPING: [Move; 6] = [
    Move::One(Family::Requests),
    Move::One(Family::Targets),
    Move::One(Family::Minimum),
    Move::One(Family::Profile),
    Move::One(Family::Nodes),
    Move::One(Family::Behavior),
];
const SHAPING_PART: u64 = 6;

/// What each workload may choose, best first, as places in a list of runs, and where it is.
struct Picks {
    rows: Vec<Vec<usize>>,
    at: Vec<usize>,
}

impl Picks {
    /// Of runs: those without a miss from the least that is asked for, down to the one that `now`
    /// stands for; a workload that misses everywhere starts where it misses least. `mending`: those
    /// that do not miss now stay.
    fn of(runs: &[&Tally], now: usize, mending: bool) -> Self {
        let count = runs.first().map_or(0, |one| one.lacks.len());
        let row = |workload: usize| {
            let key = |at: &usize| {
                let one = runs[*at];
                (one.lacks[workload], one.pods[workload], *at != now)
            };
            let mut all: Vec<usize> = (0..runs.len()).collect();
            all.sort_by_key(key);
            let end = all.iter().position(|at| *at == now).unwrap_or(0);
            match (runs[now].lacks[workload], mending) {
                (0, true) => vec![now],
                (0, false) => all[..=end].to_vec(),
                _ => all,
            }
        };
        Self { rows: (0..count).map(row).collect(), at: vec![0; count] }
    }

    /// The run that a workload chooses.
    fn chosen(&self, workload: usize) -> usize {
        self.rows[workload][self.at[workload]]
    }

    /// Workloads that miss choose what asks for more, the second time the last there is; whether
    /// any of them can.
    fn mend(&mut self, lacks: &[u64], again: bool) -> bool {
        let mut any = false;
        for (workload, lack) in lacks.iter().enumerate().filter(|(_, lack)| **lack > 0) {
            let last = self.rows[workload].len() - 1;
            let next = if again { last } else { (self.at[workload] + 1).min(last) };
            any |= next != self.at[workload] && *lack > 0;
            self.at[workload] = next;
        }
        any
    }
}

impl Search<'_> {
    /// Whether workloads are too many to be tried one by one.
    pub(super) fn broad(&self) -> bool {
        self.track.seen.scaling.iter().flatten().count() > FEW_WORKLOADS
    }

    /// All of it: each workload chooses targets and bounds on the best start; pools are made for the
    /// pods that then run, and the best of them are settled anew; then every move, as with few
    /// workloads.
    pub(super) fn broad_run(&mut self) -> Result<(), Error> {
        let budget = self.budget();
        let moves = Move::all(&self.options.frozen);
        let free = |wanted: &[Move]| -> Vec<Move> {
            wanted.iter().copied().filter(|one| moves.contains(one)).collect()
        };
        let (settling, shaping) = (free(&SETTLING), free(&SHAPING));
        let mut settled = Vec::new();
        for start in self.broad_starts()? {
            let start = self.rescued(start, &COARSE)?;
            settled.push(self.climb(start, &settling, self.until(SETTLING_PART))?);
        }
        let Some(mut now) = settled.into_iter().min_by_key(Ranked::rank) else { return Ok(()) };
        for _ in 0..LESSONS {
            now = self.shaped(now, &settling)?;
            now = self.climb(now, &shaping, self.until(SHAPING_PART))?;
        }
        let open = self.open();
        now = self.climb(now, &moves, open)?;
        while !self.frozen(Family::Sizes) {
            let Some(next) = self.other_pools(&now)? else { break };
            now = self.climb(next, &moves, open)?;
        }
        self.close(&moves, budget)?;
        for points in KICKS {
            self.kick(points, &moves)?;
        }
        self.close(&moves, budget)
    }

    /// Where a part of the budget ends that begins now.
    pub(super) fn until(&self, part: u64) -> u64 {
        let budget = self.budget();
        self.spent().saturating_add(budget / part).min(budget)
    }

    /// The best of a design on all pools, those made for its own pods among them, each settled.
    fn shaped(&mut self, now: Ranked, by: &[Move]) -> Result<Ranked, Error> {
        if self.frozen(Family::Sizes) || self.over(self.budget()) {
            return Ok(now);
        }
        let trial = self.track.trial(&self.layouts, &now.design)?;
        self.effort += self.track.seen.horizon_millis;
        self.quarry.learn(&trial.run.timeline);
        let pods = self.layouts[now.design.layout].pods.clone();
        let more = self.quarry.limited(&self.layouts, &pods, self.track.control)?;
        self.layouts.extend(more);
        let same = (0..self.layouts.len()).filter(|at| self.layouts[*at].pods == pods);
        let moved = same.flat_map(|layout| {
            let own = now.design.moved_to(layout, &self.layouts);
            [least_pools(&own), own]
        });
        let moved = moved.collect();
        let fresh = self.fresh(moved);
        let mut tried = self.tally_all(fresh)?;
        // What misses is settled after: cost counts as well.
        tried.sort_by_key(|(tally, _)| (tally.rank.short > NEARLY, tally.rank.spend));
        tried.truncate(SHAPES);
        let mut best = now;
        for (first, design) in tried {
            let Some(one) = self.confirm(first, design, Some(Move::One(Family::Sizes)))? else {
                break;
            };
            let one = self.rescued(one, &COARSE)?;
            let one = self.climb(one, by, self.until(SHAPED_PART))?;
            if one.rank() < best.rank() {
                best = one;
            }
        }
        Ok(best)
    }

    /// The best starts. On pools that go down to one node pods stay within what they request, so
    /// that nodes follow them; on those of the plan they may use more. Each workload has the least
    /// of what was tried.
    fn broad_starts(&mut self) -> Result<Vec<Ranked>, Error> {
        let mut starts = Vec::new();
        for within in [true, false] {
            let mut mixed = Vec::new();
            for layout in 0..self.layouts.len() {
                let Some(all) = self.broad_fills(layout, within) else { continue };
                let fresh = self.fresh(all);
                let tried = self.tally_all(fresh)?;
                let Some(last) = tried.len().checked_sub(1) else { continue };
                let runs: Vec<&Tally> = tried.iter().map(|(tally, _)| tally).collect();
                let designs: Vec<&Design> = tried.iter().map(|(_, design)| design).collect();
                mixed.push(mosaic(&designs, last, &Picks::of(&runs, last, false)));
            }
            let fresh = self.fresh(mixed);
            let mut all = self.tally_all(fresh)?;
            all.sort_by_key(|(tally, _)| (tally.rank.short > NEARLY, tally.rank.spend));
            all.truncate(if within { STARTS } else { 1 });
            for (first, design) in all {
                starts.extend(self.confirm(first, design, None)?);
            }
        }
        Ok(starts)
    }

    /// Designs to start from on a layout: pods that request what they use are filled to it, targets
    /// keep others within what they request, or let them use more.
    fn broad_fills(&self, layout: usize, within: bool) -> Option<Vec<Design>> {
        let own = &self.layouts[layout];
        let plain =
            Design::of(self.track.seen, 0, &self.layouts[0]).moved_to(layout, &self.layouts);
        let sized = own.pods != Pods::default();
        let fills = match (within, sized) {
            (true, true) => SIZED,
            (true, false) => WITHIN,
            (false, false) => BEYOND,
            (false, true) => return None,
        };
        let base = if within { least_pools(&plain) } else { plain };
        let mut all: Vec<Design> =
            fills.iter().map(|(most, percent)| self.filled(&base, *percent, *most)).collect();
        all.push(base);
        Some(all)
    }

    /// The best of a move that changes autoscalers, each workload choosing for itself.
    pub(super) fn broad_step(&mut self, now: &Ranked, by: Move) -> Result<Option<Ranked>, Error> {
        let all = self.neighbours(now, by);
        let fresh = self.fresh(all);
        let mut tried = self.tally_all(fresh)?;
        if tried.is_empty() {
            return Ok(None);
        }
        tried.push((now.tally.clone(), now.design.clone()));
        let last = tried.len() - 1;
        let runs: Vec<&Tally> = tried.iter().map(|(tally, _)| tally).collect();
        let designs: Vec<&Design> = tried.iter().map(|(_, design)| design).collect();
        let picks = Picks::of(&runs, last, now.rank().short > 0);
        self.mended(now, by, picks, |_, picks| Ok(Some(mosaic(&designs, last, picks))))
    }

    /// The best of other requests, each workload choosing its own.
    pub(super) fn broad_pods(&mut self, now: &Ranked) -> Result<Option<Ranked>, Error> {
        let from = now.design.layout;
        let base = self.layouts[from].pods.clone();
        let wanted = self.quarry.room.next_to(&base, Family::Requests, false);
        let designs = self.repodded(now, wanted)?;
        let fresh = self.fresh(designs);
        let mut tried = self.tally_all(fresh)?;
        if tried.is_empty() {
            return Ok(None);
        }
        tried.push((now.tally.clone(), now.design.clone()));
        let runs: Vec<&Tally> = tried.iter().map(|(tally, _)| tally).collect();
        let pods: Vec<Pods> =
            tried.iter().map(|(_, one)| self.layouts[one.layout].pods.clone()).collect();
        let picks = Picks::of(&runs, tried.len() - 1, now.rank().short > 0);
        self.mended(now, Move::One(Family::Requests), picks, |search, picks| {
            let rows: Vec<&Pods> =
                (0..picks.rows.len()).map(|at| &pods[picks.chosen(at)]).collect();
            let mixed = base.mixed(&rows);
            Ok(search.repodded(now, vec![mixed])?.pop())
        })
    }

    /// Runs what workloads choose under all seeds, until nobody misses or nobody can choose again:
    /// the first that is better, else what is nearest to that.
    fn mended(
        &mut self,
        now: &Ranked,
        by: Move,
        mut picks: Picks,
        make: impl Fn(&mut Self, &Picks) -> Result<Option<Design>, Error>,
    ) -> Result<Option<Ranked>, Error> {
        let mut best: Option<Ranked> = None;
        for mend in 0..MENDS {
            if self.over(self.budget()) {
                break;
            }
            let Some(design) = make(self, &picks)? else { break };
            let Some(design) = self.fresh(vec![design]).pop() else { break };
            let Some((first, design)) = self.tally_all(vec![design])?.pop() else { break };
            let lost = best.as_ref().map_or(now.rank(), Ranked::rank) <= first.rank;
            if lost && first.rank.short > 0 && picks.mend(&first.lacks, mend > 1) {
                continue;
            }
            if lost {
                break;
            }
            let Some(one) = self.ranked(design, Some(first))? else { break };
            let lacks = one.tally.lacks.clone();
            if one.rank() < best.as_ref().map_or(now.rank(), Ranked::rank) {
                best = Some(one);
            }
            if !picks.mend(&lacks, mend > 1) {
                break;
            }
        }
        if let Some(one) = &best {
            self.keep(one, Some(by));
        }
        Ok(best)
    }

    /// Takes changes back that save a workload next to nothing, one aspect of all of them at a time.
    pub(super) fn broad_tidy(&mut self, now: &mut Ranked, most: u128) -> Result<(), Error> {
        let layout = now.design.layout;
        let plain = Design::of(self.track.seen, layout, &self.layouts[layout]);
        for aspect in ASPECTS {
            let mut back = now.design.clone();
            for (own, old) in back.scaling.iter_mut().zip(&plain.scaling) {
                if let (Some(own), Some(old)) = (own, old) {
                    copy(aspect, own, old);
                }
            }
            if back == now.design {
                continue;
            }
            let Some(Ranked { tally, design: back, .. }) = self.ranked(back, None)? else { break };
            let mut design = now.design.clone();
            for (at, own) in design.scaling.iter_mut().enumerate() {
                let before = now.tally.pods[at];
                if tally.lacks[at] == 0 && tally.pods[at] <= before + before / WORTH {
                    own.clone_from(&back.scaling[at]);
                }
            }
            if design == now.design {
                continue;
            }
            let Some(one) = self.ranked(design, None)? else { break };
            if one.rank().short == 0 && one.rank().spend <= most {
                *now = one;
            }
        }
        Ok(())
    }
}

/// The same on pools that may all be empty but the first that may not.
fn least_pools(design: &Design) -> Design {
    let mut least = design.clone();
    let held = least.pools.iter().position(|pool| pool.min > 0);
    for (at, pool) in least.pools.iter_mut().enumerate() {
        pool.min = u32::from(Some(at) == held).min(pool.max);
    }
    least
}

/// The design of which each workload is as in the one that it chooses, all else as in one of them.
fn mosaic(designs: &[&Design], base: usize, picks: &Picks) -> Design {
    let mut mixed = designs[base].clone();
    for workload in 0..picks.rows.len().min(mixed.scaling.len()) {
        mixed.scaling[workload].clone_from(&designs[picks.chosen(workload)].scaling[workload]);
    }
    mixed
}
