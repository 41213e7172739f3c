//! The column-generation loop: master LP, pricing over all kinds, bound.
//!
//! Pricing climbs a ladder of label limits: short lists find most columns, only the last rounds
//! are exact. Duals are smoothed towards those of the best bound so far (Wentges 1997). Each
//! round gives a bound by Farley's scaling: duals × min cost / worth are feasible.

use super::knapsack::{self, Item, JointGain, Priced, Task};
use super::master::{Duals, Master, Scale, Warm};
use super::pool::{Column, Pool};
use super::target::Target;
use crate::SolveError;
use crate::compile::Compiled;
use crate::construct;
use crate::work::Meter;
use rayon::prelude::*;

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Label limits of the pricing ladder.
    pub ladder: &'static [usize],
    /// Stop when (LP − bound) / LP is at most this.
    pub tolerance: f64,
    /// Most rounds.
    pub rounds: usize,
    /// Work units (absolute) at which to stop.
    pub until: u64,
    /// Keep duals near a centre at first and price only kinds that lately had a column to give:
    /// good columns early, where the LP is not going to be solved to its end.
    pub hold: bool,
    /// What a bound is good for.
    pub aim: Aim,
}

/// What a bound is good for, in cost units.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    /// A bound of so much needs no better one.
    pub enough: i128,
    /// Bounds are rounded up to multiples of this, so one within the same step is as good.
    pub step: i128,
}

impl Aim {
    /// The LP's own value, whatever it is.
    pub const LP: Self = Self { enough: i128::MAX, step: 1 };

    /// As good as the LP's value for plans that cost multiples of `step`, and for a branch that
    /// is given up at `cost`.
    pub fn below(cost: i128, step: i128) -> Self {
        let enough = if cost == i128::MAX { cost } else { (cost - 1).div_euclid(step) * step + 1 };
        Self { enough, step }
    }

    /// Whether `bound` is as good as `objective`, both in 1/scale cost units.
    fn reached(&self, scale: &Scale, bound: i128, objective: f64) -> bool {
        let steps = |cost: i128| (cost + self.step - 1).div_euclid(self.step);
        let value = scale.to_cost((objective * (1.0 - 1e-9)) as i128);
        self.step > 1 && steps(scale.to_cost(bound)) >= steps(value)
    }
}

/// Knapsacks × items of a round up to which threads cost more than they save.
const SMALL_ROUND: usize = 1_000;

/// Ladder to the end: the last rung is exact.
pub const EXACT: &[usize] = &[24, 160, 1_500, 20_000, 4_000_000];
/// Of a branch: most columns are there already.
pub const BRANCH: &[usize] = &[1_000, 4_000_000];
/// Short lists only: good columns, a weak bound.
pub const QUICK: &[usize] = &[24, 160];

/// A solved relaxation.
#[derive(Clone, Debug, Default)]
pub struct Relaxed {
    /// LP objective in cost units.
    pub objective: f64,
    /// (pool column, value).
    pub values: Vec<(usize, f64)>,
    /// Duals of the best bound.
    pub duals: Duals,
    /// Proven lower bound on the target in 1/scale cost units (by the solver's own reckoning).
    pub bound: i128,
    /// Demand no column covers.
    pub shortage: f64,
    /// No column of negative reduced cost exists.
    pub complete: bool,
    /// Reduced costs of the pool columns at the last duals.
    pub reduced: Vec<(usize, f64)>,
    /// Where the master ended.
    pub warm: Warm,
}

/// What a generation may start from.
#[derive(Clone, Debug, Default)]
pub struct Start<'a> {
    /// Duals with a proven bound: the centre of the smoothing.
    pub center: Option<(i128, Duals)>,
    /// The parent's final basis and duals (in this target's shape).
    pub parent: Option<(&'a Warm, &'a Duals)>,
}

/// Prices one (kind, point).
pub struct Pricing<'a> {
    /// Problem.
    pub compiled: &'a Compiled,
    /// What is covered.
    pub target: &'a Target,
    /// Units.
    pub scale: &'a Scale,
    /// Contents worth less than their node by so many millionths of its cost also count.
    pub slack_ppm: i64,
    /// Labels of one knapsack.
    pub budget: u64,
}

impl Pricing<'_> {
    /// The pricing problem of the kind at `place` and `point`; `None` where even an empty node
    /// decides it and no content can be of interest.
    fn task(&self, duals: &Duals, place: usize, point: usize, keep: usize, labels: usize) -> Task {
        let kind = self.target.kinds[place];
        let cost = self.scale.cost(self.compiled, kind, point);
        let limit = cost
            - duals.of_any_node(self.compiled, self.target, place, point)
            - cost / 1_000_000 * self.slack_ppm;
        let mut joint = Vec::new();
        let mut steps: Vec<(u32, u32, i64)> = Vec::new();
        for (dual, row) in duals.path.iter().zip(&self.target.rows) {
            if *dual == 0 || row.conditions.is_empty() || !row.counts(kind, point) {
                continue;
            }
            let gain = if row.at_least { *dual } else { -*dual };
            match row.conditions.as_slice() {
                [(class, at)] => steps.push((*class, *at, gain)),
                conditions => joint.push(JointGain { gain, conditions: conditions.to_vec() }),
            }
        }
        let wanted = |class: u32| {
            steps.iter().any(|s| s.0 == class)
                || joint.iter().any(|j| j.conditions.iter().any(|c| c.0 == class))
        };
        let mut items = Vec::new();
        for (class, &value) in duals.demand[point].iter().enumerate() {
            if (value == 0 && !wanted(class as u32)) || !self.compiled.fits(kind, class) {
                continue;
            }
            let most = self.compiled.most(kind, class, point).min(self.target.demand[point][class]);
            if most == 0 {
                continue;
            }
            items.push(Item {
                class: class as u32,
                most,
                value,
                size: (0..self.compiled.dims)
                    .map(|dim| self.compiled.size(kind, class, dim))
                    .collect(),
                steps: steps.iter().filter(|s| s.0 == class as u32).map(|s| (s.1, s.2)).collect(),
            });
        }
        Task {
            items,
            joint,
            capacity: self.compiled.kinds[kind].capacity.clone(),
            limit,
            best_only: self.slack_ppm == 0,
            keep,
            label_limit: labels,
            budget: self.budget,
        }
    }

    /// Every (place, load point), in order.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let points = self.target.demand.len();
        (0..self.target.kinds.len())
            .flat_map(|place| (0..points).map(move |point| (place, point)))
            .collect()
    }

    /// Prices some kinds at some load points, in that order.
    fn price(
        &self,
        duals: &Duals,
        pairs: &[(usize, usize)],
        keep: usize,
        labels: usize,
    ) -> Vec<(usize, usize, Priced)> {
        let price = |&(place, point): &(usize, usize)| {
            let task = self.task(duals, place, point, keep, labels);
            (place, point, knapsack::price(&task))
        };
        if pairs.len() * duals.demand.iter().map(Vec::len).sum::<usize>() <= SMALL_ROUND {
            return pairs.iter().map(price).collect();
        }
        pairs.par_iter().map(price).collect()
    }

    /// Moves rate between two coupled load points, kind by kind, to where the larger of the two
    /// worths per cost is least. A kind the LP has no columns of leaves its dual undecided.
    fn balance(&self, duals: &mut Duals, priced: &[(usize, usize, Priced)]) {
        let &[(small, large)] = self.compiled.coupled.as_slice() else { return };
        let points = self.target.demand.len();
        for (place, &kind) in self.target.kinds.iter().enumerate() {
            if self.target.slack[0][place] != 0 {
                continue;
            }
            let mu = i128::from(duals.coupling[0][place]);
            let side = |point: usize, mu: i128| {
                let any = duals.of_any_node(self.compiled, self.target, place, point);
                let contents = priced[place * points + point].2.upper;
                let cost = self.scale.cost(self.compiled, kind, point);
                (i128::from(contents.max(0)) + i128::from(any) + mu, i128::from(cost))
            };
            let ((low, low_cost), (high, high_cost)) = (side(small, mu), side(large, -mu));
            if low_cost + high_cost == 0 {
                // A free size has no scale to be balanced by: the LP's dual is right.
                continue;
            }
            let parts = low.checked_mul(high_cost).zip(high.checked_mul(low_cost));
            let Some(excess) = parts.and_then(|(low, high)| low.checked_sub(high)) else {
                continue;
            };
            let even = excess / (low_cost + high_cost);
            let most = i128::from(self.scale.most(None));
            duals.coupling[0][place] = even.clamp(0, most) as i64;
        }
    }

    /// The bound that these duals prove, given upper bounds on the worth of every content.
    fn bound(&self, duals: &Duals, priced: &[(usize, usize, Priced)]) -> i128 {
        let worths = priced.iter().map(|(place, point, answer)| {
            let kind = self.target.kinds[*place];
            let extra = i128::from(duals.of_any_node(self.compiled, self.target, *place, *point));
            let worth = (i128::from(answer.upper) + extra).max(extra);
            (i128::from(self.scale.cost(self.compiled, kind, *point)), worth)
        });
        scaled(duals.total(self.target), worths)
    }
}

/// The bound that duals of this total prove, given (cost, largest worth of a content) of every
/// node: they are feasible once scaled down to the costs (Farley 1990).
pub fn scaled(total: i128, worths: impl IntoIterator<Item = (i128, i128)>) -> i128 {
    if total <= 0 {
        return total.min(0);
    }
    let (mut numerator, mut denominator) = (1_i128, 1_i128);
    for (cost, worth) in worths {
        if worth > cost && cost * denominator < numerator * worth {
            (numerator, denominator) = (cost, worth);
        }
    }
    // total < 2^100 and numerator < 2^63 in every realistic case; halve both till it fits.
    while total.checked_mul(numerator).is_none() {
        numerator /= 2;
        denominator = denominator / 2 + 1;
    }
    total * numerator / denominator
}

/// Adds contents whose reduced cost at `duals` is within `slack_ppm` millionths of their node's
/// cost: what integer solutions are made of. Returns the pool with their reduced costs (in LP
/// units), the old columns' included.
pub fn enrich(
    pricing: &Pricing<'_>,
    duals: &Duals,
    pool: &mut Pool,
    keep: usize,
    labels: usize,
    meter: &Meter<'_>,
) -> Vec<(usize, f64)> {
    let priced = pricing.price(duals, &pricing.pairs(), keep, labels);
    meter.labels(priced.iter().map(|p| p.2.labels).sum());
    for (place, point, answer) in priced {
        let kind = pricing.target.kinds[place];
        for (_, content) in answer.contents {
            pool.add(Column { kind, point, content });
        }
    }
    pool.columns()
        .iter()
        .enumerate()
        .filter_map(|(index, column)| {
            let place = pricing.target.kinds.binary_search(&column.kind).ok()?;
            let cost = pricing.scale.cost(pricing.compiled, column.kind, column.point);
            let worth = duals.worth(pricing.compiled, pricing.target, place, column);
            Some((index, (cost - worth) as f64))
        })
        .collect()
}

/// Generates columns until none improves the LP, or effort or work end.
pub fn generate(
    compiled: &Compiled,
    target: &Target,
    scale: &Scale,
    pool: &mut Pool,
    start: Start<'_>,
    effort: &Effort,
    meter: &Meter<'_>,
) -> Result<Option<Relaxed>, SolveError> {
    let mut master = Master::new(compiled, target, scale)?;
    if let (Some((bound, duals)), None, true) = (&start.center, start.parent, effort.hold) {
        master.hold(&duals.scaled(*bound, duals.total(target).max(1)), HELD_WIDTH)?;
    }
    load(&mut master, compiled, target, scale, pool, &start)?;
    if !master.solve(meter)? {
        return Ok(None);
    }
    // One round may take a good part of what is left, no single knapsack too much of it.
    let tasks = (target.kinds.len() * target.demand.len()).max(1) as u64;
    let budget = (meter.left().min(effort.until.saturating_sub(meter.used())) / tasks).max(2_000);
    let pricing = Pricing { compiled, target, scale, slack_ppm: 0, budget };
    let mut state = State::new(&pricing, start.center);
    for round in 0..effort.rounds {
        if meter.stop_at(effort.until) {
            break;
        }
        if start.parent.is_some() && !scan(&mut master, compiled, target, scale, pool, meter)? {
            return Ok(None);
        }
        if !effort.hold || round % EVERY_KIND == 0 {
            state.active = pricing.pairs();
        }
        if master.is_held() && round % COVER_ROUNDS == 0 {
            cover(compiled, target, scale, &master, pool, meter);
        }
        let labels = effort.ladder[state.rung];
        let smooth = state.rung + 1 < effort.ladder.len();
        let improving = state.ask(&pricing, &master.duals(), smooth, labels, pool, meter);
        let objective = master.objective() * scale.factor();
        let bound = state.best.as_ref().map_or(0, |b| b.0);
        if scale.to_cost(bound) >= effort.aim.enough {
            break;
        }
        let gap = objective - bound as f64;
        let close = gap <= effort.tolerance * objective
            || (!master.is_held() && effort.aim.reached(scale, bound, objective));
        let last = state.rung + 1 == effort.ladder.len();
        let stalled = effort.hold && state.stalled(objective);
        if master.is_held() && (gap < HELD_GAP * objective || (stalled && state.rung >= HELD_RUNG))
        {
            let finer = effort.ladder[(state.rung + 1).min(effort.ladder.len() - 1)];
            state.active = pricing.pairs();
            let current = master.duals();
            state.price(&pricing, &current, &current, finer, pool, meter);
            state.move_center(&mut master, objective)?;
        } else if close || (improving == 0 && last) {
            if master.is_held() {
                master.release()?;
            } else if master.shortage() > 1e-7 && master.raise_penalty()? {
                if !master.solve(meter)? {
                    return Ok(None);
                }
                continue;
            } else {
                state.complete = true;
                break;
            }
        } else if improving == 0 || (stalled && !last && state.rung < HELD_RUNG) {
            state.rung += 1;
            if improving == 0 {
                continue;
            }
        }
        master.take(pool, |_, _| start.parent.is_none())?;
        if start.parent.is_none() && !master.solve(meter)? {
            return Ok(None);
        }
    }
    state.end(master, pricing, meter)
}

/// Rounds between two covers in a held LP.
const COVER_ROUNDS: usize = 3;

/// Columns that complete each other: the contents of a greedy cover by the LP's kinds and duals.
fn cover(
    compiled: &Compiled,
    target: &Target,
    scale: &Scale,
    master: &Master<'_>,
    pool: &mut Pool,
    meter: &Meter<'_>,
) {
    let used: Vec<usize> =
        master.values().iter().map(|&(index, _)| pool.columns()[index].kind).collect();
    let mut few = target.clone();
    few.keep_kinds(|kind| used.contains(&kind));
    let values = master.duals().values(scale);
    let Some(packed) = construct::cover(compiled, &few, &values) else { return };
    let looks = packed.nodes.len() * few.kinds.len() * compiled.classes.len();
    meter.labels(looks as u64 / 16);
    for (column, _) in &packed.nodes {
        pool.add_everywhere(compiled, column);
    }
}

/// Rounds between two that price every kind, whether or not it lately had a column to give.
const EVERY_KIND: usize = 12;
/// Thousandths by which the LP's duals may leave their centre at first.
const HELD_WIDTH: i64 = 30;
/// Rung of the ladder up to which a held LP is priced before its centre moves.
const HELD_RUNG: usize = 1;
/// Relative gap within the held LP from which on its centre moves.
const HELD_GAP: f64 = 5e-4;
/// Most moves of the centre.
const MOVES: usize = 8;
/// Rounds in which the objective must fall, and by which part, lest it counts as stalled.
const STALL_ROUNDS: usize = 6;
const STALL_PART: f64 = 1e-4;

/// What a generation remembers from round to round.
struct State {
    /// The best bound and its duals.
    best: Option<(i128, Duals)>,
    rung: usize,
    complete: bool,
    /// Which (place, load point) to price.
    active: Vec<(usize, usize)>,
    /// Moves of the centre, and the objective of the held LP before the last.
    moves: usize,
    held: f64,
    /// The objective some rounds ago, and how many.
    mark: (f64, usize),
}

impl State {
    fn new(pricing: &Pricing<'_>, center: Option<(i128, Duals)>) -> Self {
        let active = pricing.pairs();
        Self {
            best: center,
            rung: 0,
            complete: false,
            active,
            moves: 0,
            held: 0.0,
            mark: (f64::INFINITY, 0),
        }
    }

    /// The relaxation as it stands, its duals no longer held.
    fn end(
        self,
        mut master: Master<'_>,
        pricing: Pricing<'_>,
        meter: &Meter<'_>,
    ) -> Result<Option<Relaxed>, SolveError> {
        if master.is_held() {
            master.release()?;
            if !master.solve(meter)? {
                return Ok(None);
            }
        }
        let none = || (0, Duals::zero(pricing.compiled, pricing.target));
        let (bound, duals) = self.best.unwrap_or_else(none);
        Ok(Some(Relaxed {
            objective: master.objective(),
            values: master.values(),
            duals,
            bound,
            shortage: master.shortage(),
            complete: self.complete,
            reduced: master.reduced_costs(),
            warm: master.warm(),
        }))
    }

    /// Prices at smoothed duals, then at the LP's own, then every kind; returns how many
    /// columns improve the LP.
    fn ask(
        &mut self,
        pricing: &Pricing<'_>,
        current: &Duals,
        smooth: bool,
        labels: usize,
        pool: &mut Pool,
        meter: &Meter<'_>,
    ) -> usize {
        let asked = match &self.best {
            Some((_, center)) if smooth => center.mixed(current, 600),
            _ => current.clone(),
        };
        let mut improving = self.price(pricing, &asked, current, labels, pool, meter);
        if improving == 0 && asked != *current {
            // The smoothed duals mispriced.
            improving = self.price(pricing, current, current, labels, pool, meter);
        }
        let every = pricing.pairs();
        if improving == 0 && self.active.len() < every.len() {
            self.active = every;
            improving = self.price(pricing, current, current, labels, pool, meter);
        }
        improving
    }

    /// One pricing of the active kinds; those without a column to give retire.
    fn price(
        &mut self,
        pricing: &Pricing<'_>,
        duals: &Duals,
        current: &Duals,
        labels: usize,
        pool: &mut Pool,
        meter: &Meter<'_>,
    ) -> usize {
        let priced = pricing.price(duals, &self.active, 3, labels);
        meter.labels(priced.iter().map(|p| p.2.labels).sum());
        if self.active.len() == pricing.target.kinds.len() * pricing.target.demand.len() {
            let mut duals = duals.clone();
            pricing.balance(&mut duals, &priced);
            let bound = pricing.bound(&duals, &priced);
            if self.best.as_ref().is_none_or(|b| bound > b.0) {
                self.best = Some((bound, duals));
            }
        }
        self.active = priced
            .iter()
            .filter(|(_, _, answer)| !answer.contents.is_empty())
            .map(|&(place, point, _)| (place, point))
            .collect();
        collect(pricing, current, &priced, pool)
    }

    /// Whether the objective hardly fell over some rounds.
    fn stalled(&mut self, objective: f64) -> bool {
        self.mark.1 += 1;
        if self.mark.1 < STALL_ROUNDS {
            return false;
        }
        let stalled = self.mark.0 - objective < STALL_PART * objective;
        self.mark = (objective, 0);
        stalled
    }

    /// Puts the centre where the held LP's duals are, or ends the holding where that has
    /// stopped to lift its objective.
    fn move_center(&mut self, master: &mut Master<'_>, objective: f64) -> Result<(), SolveError> {
        let lifted = objective - self.held > STALL_PART * objective;
        self.mark = (f64::INFINITY, 0);
        self.rung = 0;
        if self.moves == MOVES || !lifted {
            return master.release();
        }
        self.moves += 1;
        self.held = objective;
        let center = master.duals();
        master.hold(&center, HELD_WIDTH)
    }
}

/// Whether a column's reduced cost at `duals` is below so many millionths of its cost.
fn near<'a>(
    compiled: &'a Compiled,
    target: &'a Target,
    scale: &'a Scale,
    duals: &'a Duals,
) -> impl Fn(&Column, i64) -> bool + 'a {
    move |column, ppm| {
        let Ok(place) = target.kinds.binary_search(&column.kind) else { return false };
        let cost = scale.cost(compiled, column.kind, column.point);
        let worth = duals.worth(compiled, target, place, column);
        cost - worth < cost / 1_000_000 * ppm - cost / 10_000_000_000
    }
}

/// Puts the priced contents into the pool; returns how many of the new ones the LP's own duals
/// find improving.
fn collect(
    pricing: &Pricing<'_>,
    current: &Duals,
    priced: &[(usize, usize, Priced)],
    pool: &mut Pool,
) -> usize {
    let mut improving = 0;
    for (place, point, answer) in priced {
        let kind = pricing.target.kinds[*place];
        let cost = pricing.scale.cost(pricing.compiled, kind, *point);
        let empty = Column { kind, point: *point, content: Vec::new() };
        let nothing = current.of_any_node(pricing.compiled, pricing.target, *place, *point) > cost;
        let contents = answer
            .contents
            .iter()
            .map(|(_, content)| Column { content: content.clone(), ..empty.clone() })
            .chain(nothing.then(|| empty.clone()));
        for column in contents {
            let worth = current.worth(pricing.compiled, pricing.target, *place, &column);
            // One part in 1e10 above is the LP's own tolerance, not an improvement.
            if pool.add(column) {
                improving += usize::from(worth - cost > cost / 10_000_000_000 + 1);
            }
        }
    }
    improving
}

/// The first columns of a master: the whole pool, or what the parent branch ended with.
fn load(
    master: &mut Master<'_>,
    compiled: &Compiled,
    target: &Target,
    scale: &Scale,
    pool: &Pool,
    start: &Start<'_>,
) -> Result<(), SolveError> {
    match start.parent {
        // The parent's basis and what its duals find nearly worth its cost; the rest of the
        // pool comes in when the LP asks for it.
        Some((warm, duals)) => {
            let near = near(compiled, target, scale, duals);
            master.take(pool, |index, column| warm.holds(index) || near(column, 20_000))?;
            master.start_from(warm)?;
        }
        None => {
            master.take(pool, |_, _| true)?;
        }
    }
    Ok(())
}

/// Takes in pool columns that improve the LP until none does; false where work ended.
fn scan(
    master: &mut Master<'_>,
    compiled: &Compiled,
    target: &Target,
    scale: &Scale,
    pool: &Pool,
    meter: &Meter<'_>,
) -> Result<bool, SolveError> {
    loop {
        let duals = master.duals();
        let improving = near(compiled, target, scale, &duals);
        if master.take(pool, |_, column| improving(column, -1))? == 0 {
            return Ok(true);
        }
        if !master.solve(meter)? {
            return Ok(false);
        }
    }
}
