//! Local search from several starts: one move after the other until none helps, what helps alone
//! tried together too. Anytime: the best designs so far are kept, improvements are told.

use super::design::{Design, copy};
use super::layouts::{Layout, Quarry, target, within};
use super::moves::{Family, Ground, STANDING, moved, provisionings};
use super::need::Arrivals;
use super::pairs::{Move, with_targets};
use super::pods::Pods;
use super::search::{JointOptions, Step};
use super::track::{Rank, Tally, Test, Track};
use crate::Error;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Metric, Scenario};
use nodeplan_model::units::Spend;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::mem::discriminant;

/// Rounds of one move before the next has its turn.
const ROUNDS: usize = 3;
/// Starts that are followed, each on another layout.
const STARTS: usize = 2;
/// Points by which all targets of the best design are moved for other starts, where runs are left.
pub(super) const KICKS: [i64; 4] = [-15, 15, -35, 40];
/// One over the part of all runs that the first steps from each start may take.
const FIRST_PART: u64 = 10;
/// One over the part of all runs that is kept for what hazards refuse.
const CLOSING_PART: u64 = 6;
/// One over the part of all runs before hazards are looked at.
const EARLY_PART: u64 = 12;
/// One over the part of all runs for the targets that the inputs have, per workload that scales, and the
/// least and the most of it: the more there are, the more runs hazards take.
const OWN_PART: u64 = 2;
const OWN_PARTS: (u64, u64) = (4, 10);
/// One over the part of all runs for nodes that the other maker makes.
const MAKER_PART: u64 = 6;
/// Loads of pods to start from, percent of what still meets the objective.
const FILLS: [u32; 3] = [100, 85, 70];
/// One over the part of all runs that solves count for at most.
const SOLVES_PART: u64 = 3;
/// A change must save this part of the cost, or of what pods ask for, one over it.
pub(super) const WORTH: u128 = 1000;

/// The seeds under which a design must hold before others come from it.
const SEEDS: u64 = 3;
/// Designs that may fail there, at one step.
const REFUSED: usize = 3;

/// A design and what it is worth.
#[derive(Clone)]
pub(super) struct Ranked {
    /// In the first test.
    first: Rank,
    /// In all tests, where it is worst.
    pub(super) tally: Tally,
    /// The design.
    pub design: Design,
}

impl Ranked {
    /// A design with its rank in the first test and what all tests tell.
    pub(super) fn new(first: Rank, tally: Tally, design: Design) -> Self {
        Self { first, tally, design }
    }

    /// Where it is worst.
    pub(super) fn rank(&self) -> Rank {
        self.tally.rank
    }
}

/// What is known of a design that was tried.
struct Known {
    /// In the first test; nothing: it lost a race, or was not run.
    first: Option<Tally>,
    /// In all tests.
    all: Option<Ranked>,
}

/// A search on its way.
pub(super) struct Search<'a> {
    pub(super) track: Track<'a>,
    pub(super) options: &'a JointOptions,
    told: &'a (dyn Fn(&Step) + Sync),
    /// Pools to choose from; more of them are found on the way.
    pub layouts: Vec<Layout>,
    pub(super) quarry: Quarry,
    hours: Vec<[u32; 24]>,
    standing: Vec<[u32; STANDING.len()]>,
    least: Vec<u32>,
    pub(super) most: Vec<u32>,
    /// Every design that was tried under the tests of now.
    tried: BTreeMap<String, Known>,
    /// Improvements.
    pub steps: Vec<Step>,
    /// Time simulated, milliseconds.
    pub(super) effort: u64,
    /// How often neighbours were made.
    turns: usize,
    /// What designs must hold under; candidates meet the first before the others.
    pub(super) tests: Vec<Test>,
    /// All designs that were tested, best first.
    pub kept: Vec<Ranked>,
}

impl<'a> Search<'a> {
    /// A search that has not begun.
    pub fn new(
        problem: &Problem,
        (layouts, quarry): (Vec<Layout>, Quarry),
        track: Track<'a>,
        options: &'a JointOptions,
        told: &'a (dyn Fn(&Step) + Sync),
    ) -> Self {
        let scaling = || track.seen.scaling.iter().map(Option::as_ref);
        let least = scaling().map(|one| one.map_or(0, |one| one.min.min(1))).collect();
        let most = scaling().map(|one| one.map_or(0, |one| double(one.max))).collect();
        Self {
            hours: hours(problem, &track),
            standing: standing(problem, &track),
            track,
            options,
            told,
            layouts,
            quarry,
            least,
            most,
            tried: BTreeMap::new(),
            steps: Vec::new(),
            effort: 0,
            turns: 0,
            tests: (0..SEEDS).map(Test::Seed).collect(),
            kept: Vec::new(),
        }
    }

    /// Time simulated, with that of solves that took as long, milliseconds.
    pub(super) fn spent(&self) -> u64 {
        // A few workloads on short traces are solved in no time.
        let solves = if self.broad() { self.quarry.millis() } else { 0 };
        self.effort.saturating_add(solves.min(self.budget() / SOLVES_PART))
    }

    /// Whole runs that were made, parts of them added up, with solves that took as long.
    pub fn runs(&self) -> u32 {
        let whole = self.spent().div_ceil(self.track.seen.horizon_millis.max(1));
        u32::try_from(whole).unwrap_or(u32::MAX)
    }

    /// Most time that the search may simulate, milliseconds.
    pub(super) fn budget(&self) -> u64 {
        u64::from(self.options.runs).saturating_mul(self.track.seen.horizon_millis)
    }

    /// The part of it that is not kept for what hazards refuse, once there is a design that
    /// they may refuse.
    pub(super) fn open(&self) -> u64 {
        let holds = self.kept.first().is_some_and(|one| one.rank().short == 0);
        self.budget() - if holds { self.budget() / CLOSING_PART } else { 0 }
    }

    pub(super) fn over(&self, budget: u64) -> bool {
        self.track.ended() || self.spent() >= budget
    }

    pub(super) fn frozen(&self, family: Family) -> bool {
        self.options.frozen.contains(&family)
    }

    /// All of it: starts, first steps from the best of them and from the inputs' own targets, every move
    /// from the best, the other maker of nodes, other pools, then the starts that were left.
    pub fn run(&mut self) -> Result<(), Error> {
        self.foresee()?;
        if self.broad() {
            self.broad_run()?;
            return self.tidy();
        }
        let budget = self.budget();
        let starts = self.start()?;
        let moves = Move::all(&self.options.frozen);
        let first: Vec<Move> = moves.iter().copied().filter(|one| is_first(*one)).collect();
        let mut ahead = Vec::new();
        for start in starts.iter().take(STARTS) {
            let until = self.spent().saturating_add(budget / FIRST_PART).min(budget);
            ahead.push(self.climb(start.clone(), &first, until)?);
        }
        if let Some(start) = starts.first() {
            ahead.extend(self.roomier(start, &moves)?);
            ahead.extend(self.own_targets(&moves, start.design.layout)?);
        }
        ahead.sort_by_key(Ranked::rank);
        let (open, tests) = (self.open(), self.tests.len());
        let others: Vec<Ranked> =
            ahead.iter().chain(starts.iter().skip(STARTS)).skip(1).cloned().collect();
        if let Some(start) = ahead.into_iter().next() {
            let early = self.until(EARLY_PART);
            self.climb(start, &moves, early)?;
            self.close(&moves, open)?;
            self.other_maker(&moves)?;
        }
        let open = self.open();
        if let Some(now) = self.kept.first().cloned() {
            let mut now = self.climb(now, &moves, open)?;
            while !self.frozen(Family::Sizes) {
                let Some(next) = self.other_pools(&now)? else { break };
                now = self.climb(next, &moves, open)?;
            }
        }
        self.close(&moves, budget)?;
        let mut turned = moves.clone();
        let part = turned.len() / (others.len() + 1);
        for start in others {
            if self.over(self.open()) {
                break;
            }
            turned.rotate_left(part);
            if let Some(start) = self.retested(start, tests)? {
                self.climb(start, &turned, self.open())?;
            }
        }
        for points in KICKS {
            self.kick(points, &moves)?;
        }
        self.close(&moves, budget)?;
        self.tidy()
    }

    /// Climbs from the targets that the inputs have, which stay: what is changed first decides what is
    /// found at all.
    fn own_targets(&mut self, moves: &[Move], layout: usize) -> Result<Option<Ranked>, Error> {
        let targets = Family::Targets;
        if self.over(self.budget()) || self.frozen(targets) {
            return Ok(None);
        }
        let plain = Design::of(self.track.seen, 0, &self.layouts[0]);
        let design = plain.moved_to(layout, &self.layouts);
        let Some(start) = self.ranked(design, None)? else { return Ok(None) };
        let others: Vec<Move> =
            moves.iter().copied().filter(|one| !one.families().contains(&targets)).collect();
        let scaled = start.design.scaling.iter().flatten().count() as u64;
        let part = (OWN_PART * scaled).clamp(OWN_PARTS.0, OWN_PARTS.1);
        self.climb(start, &others, self.until(part)).map(Some)
    }

    /// The first steps from a start with room that all share: moves of one family lead to emptier pods,
    /// beside which that room is worth little.
    fn roomier(&mut self, start: &Ranked, moves: &[Move]) -> Result<Option<Ranked>, Error> {
        let by = Move::Two(Family::Keepers, Family::Targets);
        if !moves.contains(&by) || self.over(self.budget()) {
            return Ok(None);
        }
        let Some(next) = self.step(start, by)? else { return Ok(None) };
        let with = |one: &Move| is_first(*one) || one.families().contains(&Family::Keepers);
        let first: Vec<Move> = moves.iter().copied().filter(with).collect();
        self.climb(next, &first, self.until(FIRST_PART)).map(Some)
    }

    /// Climbs anew from the best design with all its targets moved by so many points.
    pub(super) fn kick(&mut self, points: i64, moves: &[Move]) -> Result<(), Error> {
        let Some(mut design) = self.kept.first().map(|one| one.design.clone()) else {
            return Ok(());
        };
        if self.frozen(Family::Targets) {
            return Ok(());
        }
        for one in design.scaling.iter_mut().flatten() {
            *one = moved(one, points, u64::try_from(100 + points).unwrap_or(100));
        }
        self.anew(vec![design], moves, self.open())
    }

    /// Climbs anew from the best design with nodes that the other maker makes: what suits one of them
    /// does not suit the other at once.
    fn other_maker(&mut self, moves: &[Move]) -> Result<(), Error> {
        let Some(design) = self.kept.first().map(|one| one.design.clone()) else {
            return Ok(());
        };
        let own = discriminant(&design.provisioning);
        let others = provisionings(&design).into_iter();
        let others = others.filter(|one| discriminant(&one.provisioning) != own);
        self.anew(others.collect(), moves, self.until(MAKER_PART).min(self.open()))
    }

    /// Climbs from the best of designs that are new.
    fn anew(&mut self, designs: Vec<Design>, moves: &[Move], until: u64) -> Result<(), Error> {
        if self.over(until) {
            return Ok(());
        }
        let (known, fresh) = self.sifted(designs, true);
        let all = self.tally_all(fresh)?.into_iter().chain(known);
        let Some((first, design)) = all.min_by_key(|(tally, _)| tally.rank) else {
            return Ok(());
        };
        if let Some(start) = self.confirm(first, design, None)? {
            self.climb(start, moves, until)?;
        }
        Ok(())
    }

    /// Designs that are new, as they would run.
    pub(super) fn fresh(&mut self, designs: Vec<Design>) -> Vec<Design> {
        self.sifted(designs, false).1
    }

    /// Designs as they would run: those that were run in the first test, with what it told, and those
    /// that are new, `again` with those that lost a race.
    fn sifted(&mut self, designs: Vec<Design>, again: bool) -> (Vec<(Tally, Design)>, Vec<Design>) {
        let (mut known, mut all) = (Vec::new(), Vec::with_capacity(designs.len()));
        for mut design in designs {
            let layout = &self.layouts[design.layout];
            if self.frozen(Family::Sizes) && !within(layout, &self.layouts[0]) {
                continue;
            }
            let own = Design::of(self.track.seen, design.layout, layout);
            design.keep(&self.options.frozen, &own);
            match self.tried.entry(key(&design)) {
                Entry::Occupied(own) => match own.get().first.clone() {
                    Some(first) => known.push((first, design)),
                    None if again => all.push(design),
                    None => {}
                },
                Entry::Vacant(place) => {
                    place.insert(Known { first: None, all: None });
                    all.push(design);
                }
            }
        }
        (known, all)
    }

    /// Runs designs in tests, which counts.
    pub(super) fn run_all(
        &mut self,
        runs: &[(&Design, Test)],
    ) -> Result<Vec<Option<Tally>>, Error> {
        self.effort += self.track.seen.horizon_millis * runs.len() as u64;
        self.track.tallies(&self.layouts, runs)
    }

    /// Runs designs in the first test. Those that were run come back, best first.
    pub(super) fn tally_all(
        &mut self,
        designs: Vec<Design>,
    ) -> Result<Vec<(Tally, Design)>, Error> {
        let each = self.track.seen.horizon_millis.max(1);
        let left = self.budget().saturating_sub(self.spent()).div_ceil(each);
        let count = designs.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let runs: Vec<(&Design, Test)> =
            designs[..count].iter().map(|one| (one, self.tests[0])).collect();
        let tallies = self.run_all(&runs)?;
        let rows = tallies.into_iter().zip(designs);
        let mut all: Vec<(Tally, Design)> =
            rows.filter_map(|(tally, design)| Some((tally?, design))).collect();
        for (tally, design) in &all {
            self.tried.insert(key(design), Known { first: Some(tally.clone()), all: None });
        }
        all.sort_by_key(|(tally, _)| tally.rank);
        Ok(all)
    }

    /// Runs a design in the other tests, and keeps it.
    pub(super) fn confirm(
        &mut self,
        first: Tally,
        design: Design,
        by: Option<Move>,
    ) -> Result<Option<Ranked>, Error> {
        let key = key(&design);
        if let Some(one) = self.tried.get(&key).and_then(|known| known.all.clone()) {
            return Ok(Some(one));
        }
        let one = self.ranked(design, Some(first.clone()))?;
        if let Some(one) = &one {
            self.keep(one, by);
            self.tried.insert(key, Known { first: Some(first), all: Some(one.clone()) });
        }
        Ok(one)
    }

    /// A design with what it is in all tests; what the first of them told may be known.
    pub(super) fn ranked(
        &mut self,
        design: Design,
        first: Option<Tally>,
    ) -> Result<Option<Ranked>, Error> {
        let left = self.tests.iter().skip(usize::from(first.is_some()));
        let runs: Vec<(&Design, Test)> = left.map(|test| (&design, *test)).collect();
        let told = self.run_all(&runs)?;
        let Some(all) = first.map(Some).into_iter().chain(told).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let Some(first) = all.first().map(|first| first.rank) else { return Ok(None) };
        let worst = all.into_iter().reduce(Tally::worst);
        Ok(worst.map(|tally| Ranked::new(first, tally, design)))
    }

    pub(super) fn keep(&mut self, one: &Ranked, by: Option<Move>) {
        let place = self.kept.partition_point(|other| other.rank() <= one.rank());
        self.kept.insert(place, one.clone());
        if place == 0 {
            let Rank { short, spend, .. } = one.rank();
            let spend = Spend(spend);
            self.tell(Step { runs: self.runs(), short, spend, by, harder: false });
        }
    }

    pub(super) fn tell(&mut self, step: Step) {
        (self.told)(&step);
        self.steps.push(step);
    }

    /// What was tried may be tried again.
    pub(super) fn untried(&mut self) {
        self.tried.clear();
    }

    /// The inputs' own scaling and the analytic one, on every layout; the best of each layout, best
    /// first.
    fn start(&mut self) -> Result<Vec<Ranked>, Error> {
        let mut all = Vec::new();
        for (at, layout) in self.layouts.iter().enumerate() {
            let most = u32::MAX;
            if layout.pods == Pods::default() {
                let plain = Design::of(self.track.seen, at, layout);
                all.extend(FILLS.map(|percent| self.filled(&plain, percent, most)));
                all.push(plain);
            } else {
                let plain = Design::of(self.track.seen, 0, &self.layouts[0]);
                all.push(self.filled(&plain.moved_to(at, &self.layouts), 90, most));
            }
        }
        let all = self.fresh(all);
        let tried = self.tally_all(all)?;
        let mut starts: Vec<Ranked> = Vec::new();
        for layout in 0..self.layouts.len() {
            let own = tried.iter().filter(|(_, design)| design.layout == layout);
            let mut best: Option<Ranked> = None;
            for (first, design) in own {
                if self.over(self.budget()) && !self.kept.is_empty() {
                    break;
                }
                let Some(one) = self.confirm(first.clone(), design.clone(), None)? else { break };
                let holds = one.rank().short == 0;
                if best.as_ref().is_none_or(|best| one.rank() < best.rank()) {
                    best = Some(one);
                }
                if holds {
                    break;
                }
            }
            starts.extend(best);
        }
        starts.sort_by_key(Ranked::rank);
        Ok(starts)
    }

    /// A design whose pods are filled to so many percent of what still meets the objective, and use
    /// at most so many percent of their CPU request.
    pub(super) fn filled(&self, plain: &Design, percent: u32, most: u32) -> Design {
        let problem = &self.layouts[plain.layout].problem;
        let mut design = plain.clone();
        for (workload, one) in design.scaling.iter_mut().enumerate() {
            let found = target(problem, self.track.seen, self.track.demands, workload);
            let (Some(one), Some(target)) = (one, found) else { continue };
            for metric in &mut one.metrics {
                if let Metric::CpuUtilization(own) = metric {
                    *own = (target * percent / 100).min(most).max(1);
                }
            }
        }
        design
    }

    /// One move after the other until none helps.
    pub(super) fn climb(
        &mut self,
        from: Ranked,
        moves: &[Move],
        budget: u64,
    ) -> Result<Ranked, Error> {
        let mut now = from;
        loop {
            let mut better = false;
            for by in moves {
                for _ in 0..ROUNDS {
                    if self.over(budget) {
                        return Ok(now);
                    }
                    let Some(next) = self.step(&now, *by)? else { break };
                    (now, better) = (next, true);
                }
            }
            if !better {
                return Ok(now);
            }
        }
    }

    /// The best neighbour that is better, and what several of those are together.
    fn step(&mut self, now: &Ranked, by: Move) -> Result<Option<Ranked>, Error> {
        let broad = self.broad();
        match by {
            Move::One(Family::Requests) if broad => return self.broad_pods(now),
            Move::One(family @ (Family::Requests | Family::Keepers))
            | Move::Two(family @ Family::Keepers, _) => return self.other_pods(now, family, by),
            _ if broad && by.of_autoscalers() => return self.broad_step(now, by),
            _ => {}
        }
        let all = self.neighbours(now, by);
        self.best_of(all, now, by)
    }

    /// Designs that a move makes of one.
    pub(super) fn neighbours(&mut self, now: &Ranked, by: Move) -> Vec<Design> {
        let ground = Ground {
            layouts: &self.layouts,
            hours: &self.hours,
            standing: &self.standing,
            least: &self.least,
            most: &self.most,
            alone: !self.broad(),
        };
        let all = by.neighbours(&now.design, &ground, self.turns);
        self.turns += 1;
        all
    }

    /// The best of designs that come from one that they should beat.
    pub(super) fn best_of(
        &mut self,
        designs: Vec<Design>,
        now: &Ranked,
        by: Move,
    ) -> Result<Option<Ranked>, Error> {
        let (known, fresh) = self.sifted(designs, false);
        let holds = now.rank().short == 0;
        self.effort += self.track.race_millis(fresh.len());
        let hopeful = self.track.race(&self.layouts, (&now.design, holds), fresh)?;
        let mut better = self.tally_all(hopeful)?;
        better.extend(known);
        better.sort_by_key(|(one, _)| one.rank);
        let promises = |(one, _): &(Tally, Design)| match now.rank().short {
            0 => one.rank < now.first,
            _ => one.rank < now.rank(),
        };
        better.retain(promises);
        let alike: Vec<&Design> = better
            .iter()
            .map(|(_, one)| one)
            .filter(|one| one.layout == now.design.layout)
            .collect();
        let counts = [alike.len(), alike.len().div_ceil(2), 2];
        let joined = counts.map(|count| now.design.joined(&alike[..count.min(alike.len())]));
        let (known, joined) = self.sifted(joined.to_vec(), false);
        let joined = self.tally_all(joined)?.into_iter().chain(known);
        better.extend(joined.filter(promises));
        better.sort_by_key(|(one, _)| one.rank);
        for (first, design) in better.into_iter().take(REFUSED) {
            match self.confirm(first, design, Some(by))? {
                Some(one) if one.rank() < now.rank() => return Ok(Some(one)),
                Some(_) => {}
                None => break,
            }
        }
        Ok(None)
    }

    /// The best design with other requests, or other pods that keep room, if it is better.
    fn other_pods(
        &mut self,
        now: &Ranked,
        family: Family,
        by: Move,
    ) -> Result<Option<Ranked>, Error> {
        let pods = &self.layouts[now.design.layout].pods;
        let wanted = self.quarry.room.next_to(pods, family, true);
        let designs = self.repodded(now, wanted)?;
        self.turns += 1;
        let designs = if by == Move::One(family) { designs } else { with_targets(&designs) };
        self.best_of(designs, now, by)
    }

    /// A design with other pods.
    pub(super) fn repodded(
        &mut self,
        now: &Ranked,
        wanted: Vec<Pods>,
    ) -> Result<Vec<Design>, Error> {
        let wanted = (now.design.layout, wanted, self.turns);
        let places = self.quarry.repodded(&mut self.layouts, wanted, self.track.control)?;
        let move_to = |layout: usize| now.design.moved_to(layout, &self.layouts);
        Ok(places.into_iter().map(move_to).collect())
    }

    /// The best design on pools with one size more or one size changed, if it is better.
    pub(super) fn other_pools(&mut self, now: &Ranked) -> Result<Option<Ranked>, Error> {
        if self.over(self.budget()) {
            return Ok(None);
        }
        let known = self.layouts.len();
        let from = (now.design.layout, self.turns);
        self.turns += 1;
        let more = self.quarry.grown(&self.layouts, from, self.track.control)?;
        self.layouts.extend(more);
        let move_to = |layout: usize| now.design.moved_to(layout, &self.layouts);
        let designs = (known..self.layouts.len()).map(move_to).collect();
        self.best_of(designs, now, Move::One(Family::Sizes))
    }

    /// Takes back changes that save next to nothing: what stays is worth a change.
    fn tidy(&mut self) -> Result<(), Error> {
        let Some(mut now) = self.kept.first().cloned().filter(|one| one.rank().short == 0) else {
            return Ok(());
        };
        let spend = now.rank().spend;
        let most = spend.saturating_add(spend / WORTH);
        let layout = now.design.layout;
        let plain = Design::of(self.track.seen, layout, &self.layouts[layout]);
        let count = now.design.scaling.len() * ASPECTS.len();
        if self.broad() {
            self.broad_tidy(&mut now, most)?;
        }
        let begin = if self.broad() { count } else { 0 };
        for step in begin..count + 3 {
            let mut design = now.design.clone();
            take_back(&mut design, &plain, step);
            if design == now.design {
                continue;
            }
            let Some(one) = self.ranked(design, None)? else { break };
            if one.rank().short == 0 && one.rank().spend <= most {
                now = one;
            }
        }
        if now.design != self.kept[0].design {
            // It goes before designs that are cheaper by next to nothing.
            self.kept.insert(0, now);
        }
        Ok(())
    }
}

/// Most replicas of a search, where the user says so many.
pub(super) fn double(max: u32) -> u32 {
    max.saturating_mul(2).max(4)
}

/// What tells designs apart.
fn key(design: &Design) -> String {
    format!("{design:?}")
}

/// Moves of the first steps: those that most designs have most to gain from.
fn is_first(one: Move) -> bool {
    let first = [Family::Targets, Family::Minimum, Family::Requests, Family::Nodes];
    matches!(one, Move::One(family) if first.contains(&family))
}

/// What of an autoscaler is taken back, one after the other.
pub(super) const ASPECTS: [Family; 5] =
    [Family::Behavior, Family::Schedules, Family::Maximum, Family::Minimum, Family::Targets];

/// Takes one change back.
fn take_back(design: &mut Design, plain: &Design, step: usize) {
    let count = design.scaling.len() * ASPECTS.len();
    match step.checked_sub(count) {
        Some(0) => design.provisioning.clone_from(&plain.provisioning),
        Some(1) => design.autoscaler = plain.autoscaler,
        Some(_) => design.pools.clone_from(&plain.pools),
        None => {
            let workload = step / ASPECTS.len();
            let rows = (&mut design.scaling[workload], &plain.scaling[workload]);
            if let (Some(own), Some(old)) = rows {
                copy(ASPECTS[step % ASPECTS.len()], own, old);
            }
        }
    }
}

/// Replicas that the median day needs in each hour.
fn hours(problem: &Problem, track: &Track<'_>) -> Vec<[u32; 24]> {
    let scenario: &Scenario = track.seen;
    let grain = 900_000.min(scenario.horizon_millis.max(1));
    let arrivals = Arrivals::of(scenario, grain);
    (0..problem.workloads().len())
        .map(|workload| {
            let Some(one) = track.demands.strengths[workload] else { return [0; 24] };
            let mut needs: Vec<Vec<u32>> = vec![Vec::new(); 24];
            for at in 0..arrivals.intervals() {
                let hour = scenario.second_of_week(at as u64 * grain) / 3600 % 24;
                needs[hour as usize].push(one.pods(arrivals.rate(workload, at)));
            }
            std::array::from_fn(|hour| {
                let row = &mut needs[hour];
                row.sort_unstable();
                row.get(row.len() / 2).copied().unwrap_or(0)
            })
        })
        .collect()
}

/// Replicas that each workload needs at quantiles of its load.
fn standing(problem: &Problem, track: &Track<'_>) -> Vec<[u32; STANDING.len()]> {
    let scenario: &Scenario = track.seen;
    let grain = scenario.sample_millis.clamp(1, scenario.horizon_millis.max(1));
    let arrivals = Arrivals::of(scenario, grain);
    let needs = |workload: usize| {
        let Some(one) = track.demands.strengths[workload] else { return [0; STANDING.len()] };
        let pods = |at| one.pods(arrivals.rate(workload, at));
        let mut row: Vec<u32> = (0..arrivals.intervals()).map(pods).collect();
        row.sort_unstable();
        STANDING.map(|percent| row.get(row.len() * percent / 100).copied().unwrap_or(0))
    };
    (0..problem.workloads().len()).map(needs).collect()
}
