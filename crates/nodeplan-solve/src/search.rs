//! The whole search: first plan, bound at once, columns, integers, tree.

use crate::columns::generate::{self, Aim, Effort, Relaxed, Start};
use crate::columns::master::{Duals, Scale};
use crate::columns::pool::Pool;
use crate::columns::target::Target;
use crate::compact::{Compact, Counted};
use crate::compile::{Compiled, step_of};
use crate::few::Few;
use crate::integer::Finisher;
use crate::packed::Packed;
use crate::tree::Tree;
use crate::work::Meter;
use crate::{
    Control, Options, Progress, SolveError, baseline, construct, counts, few, kinds, reasons,
    rounding, volume,
};
use nodeplan_model::plan::{Solution, Status};
use nodeplan_model::problem::Problem;
use nodeplan_model::units::Spend;

/// Most leaves of a tree: beyond it the judge would spend longer than the gap is worth.
const LEAVES: usize = 400;
/// The same where the shapes are many and each leaf is dear.
const LEAVES_OF_MANY: usize = 240;

/// Columns in the LP's solution beyond which a MIP over them, or a dive one by one, takes longer
/// than it is worth where pools are limited.
const MANY_VALUES: usize = 150;

/// Leaves of the tree before any MIP, where pods and shapes are few.
const FIRST_LEAVES: usize = 60;
/// Thousandths of the work they may take.
const FIRST_SHARE: u64 = 700;
/// Pods and shapes up to which they are few.
const FEW_PODS: u64 = 120;
const FEW_CLASSES: usize = 16;

/// The same where leaves are small LPs, which the judge settles at once.
const LEAVES_OF_COUNTS: usize = 1_000;

/// Simplex iterations of the MIPs in node counts.
const COUNT_ITERATIONS: [u64; 2] = [6_000, 16_000];

/// Pods per node from which on node counts alone make good plans.
const MANY_PODS: u64 = 25;

/// One solve.
struct Search<'a> {
    problem: &'a Problem,
    compiled: &'a Compiled,
    options: &'a Options,
    meter: &'a Meter<'a>,
    scale: &'a Scale,
    whole: Target,
    /// A set of kinds that has room for everything.
    few: Few,
    best: Option<Packed>,
    bound: i128,
}

/// Solves by column generation.
pub fn solve(
    problem: &Problem,
    options: &Options,
    control: Control<'_>,
) -> Result<Solution, SolveError> {
    let compiled = Compiled::new(problem);
    let meter = Meter::new(options, &compiled, control);
    let mut unplaceable = reasons::unplaceable(problem, &compiled);
    let few = few::kinds(&compiled);
    if unplaceable.is_empty() && few == Few::TooMany {
        unplaceable.push(reasons::together(problem));
    }
    if !unplaceable.is_empty() {
        let status = Status::Infeasible;
        let work = meter.work();
        return Ok(Solution { status, plan: None, certificate: None, unplaceable, work });
    }
    let scale = Scale::of(&compiled);
    Search::new(problem, &compiled, options, &meter, &scale, few).run()
}

impl<'a> Search<'a> {
    fn new(
        problem: &'a Problem,
        compiled: &'a Compiled,
        options: &'a Options,
        meter: &'a Meter<'a>,
        scale: &'a Scale,
        few: Few,
    ) -> Self {
        let whole = Target::whole(compiled);
        Self { problem, compiled, options, meter, scale, whole, few, best: None, bound: 0 }
    }

    fn run(mut self) -> Result<Solution, SolveError> {
        let mut pool = Pool::default();
        let center = volume::bound(self.compiled, &self.whole, self.scale, self.meter);
        self.construct(&mut pool, center.as_ref().map(|center| &center.1));
        if let Some((bound, _)) = &center {
            self.raise(self.scale.to_cost(*bound) - 1);
        }
        let compact = self.counts(&mut pool)?;
        self.tell("columns");
        let root = match &compact {
            // Contents converge slowly here, and would prove hardly more than counts do.
            Some((_, counted)) => {
                Relaxed { bound: counted.bound, duals: counted.duals.clone(), ..Relaxed::default() }
            }
            None => self.columns(&mut pool, center)?,
        };
        let (compact, counted) = compact.unzip();
        let mut tree =
            Tree::new(self.compiled, self.scale, self.meter, &self.whole, &root, compact);
        if let (Some(counted), Some(_)) = (&counted, &self.best) {
            tree.leave_out(counted, self.cost())?;
        }
        self.raise(tree.bound().unwrap_or(0));
        let solved = root.complete || !root.reduced.is_empty() || tree.counts();
        let closed =
            solved && self.few() && !self.hopeless() && self.first(&mut tree, &mut pool)?;
        let exhausted = if closed || self.done() || !solved {
            closed
        } else {
            self.integers(&mut pool, &root)?;
            !self.hopeless() && self.branch(&mut tree, &mut pool, &root)?
        };
        let (workloads, plan) = (
            self.problem.workloads().len(),
            self.best.as_ref().map(|best| best.decode(self.problem, self.compiled)),
        );
        let status = match (&self.best, exhausted) {
            (Some(best), _) if tree.bound().is_none_or(|b| b >= best.cost(self.compiled)) => {
                Status::Optimal
            }
            (Some(_), _) => Status::Feasible,
            (None, true) => Status::Infeasible,
            (None, false) => Status::OutOfWork,
        };
        let unplaceable = if status == Status::Infeasible {
            vec![reasons::together(self.problem)]
        } else {
            Vec::new()
        };
        let certificate = Some(tree.certificate(workloads));
        let work = self.meter.work();
        Ok(Solution { status, plan, certificate, unplaceable, work })
    }

    /// Where pods are small beside nodes: the relaxation in node counts, and a plan from it.
    fn counts(&mut self, pool: &mut Pool) -> Result<Option<(Compact<'a>, Counted)>, SolveError> {
        if self.pods_per_node() < MANY_PODS {
            return Ok(None);
        }
        self.tell("counts");
        let compact = Compact::new(self.compiled, self.scale, self.meter, &self.whole)?;
        let Some(mut compact) = compact else { return Ok(None) };
        let Some(counted) = compact.solve(&self.whole, None)? else { return Ok(None) };
        if self.compiled.max_pools.is_some_and(|most| counted.kinds_used(&self.whole) > most) {
            return Ok(None);
        }
        self.raise(self.scale.to_cost(counted.bound));
        // Once for a good plan, then again among the kinds that a better one may use.
        let mut target = self.whole.clone();
        for iterations in COUNT_ITERATIONS {
            let plan = counts::plan(
                self.compiled,
                &target,
                self.scale,
                self.cost(),
                iterations,
                self.meter,
            );
            let Some(packed) = plan else { break };
            for (column, _) in &packed.nodes {
                pool.add_everywhere(self.compiled, column);
            }
            self.offer(packed);
            let dear = counted.dear(&self.whole, self.cost());
            target = self.whole.clone();
            target.keep_kinds(|kind| dear.binary_search(&kind).is_err());
        }
        Ok(Some((compact, counted)))
    }

    /// First plans and the first columns.
    fn construct(&mut self, pool: &mut Pool, duals: Option<&Duals>) {
        self.tell("construct");
        let fair = construct::fair_values(self.compiled, &self.whole);
        let mut plans: Vec<Packed> = [
            construct::cover(self.compiled, &self.whole, &fair),
            construct::constant(self.compiled, &self.whole, &fair),
        ]
        .into_iter()
        .flatten()
        .collect();
        let until = self.meter.share(if self.meter.affords_master() { 100 } else { 600 });
        let values = duals.map_or(fair, |duals| duals.values(self.scale));
        if self.compiled.max_pools.is_some() {
            plans.extend(kinds::plans(self.compiled, &self.whole, &values, self.meter, until));
        }
        for packed in plans {
            for (column, _) in &packed.nodes {
                pool.add_everywhere(self.compiled, column);
            }
            self.offer(packed);
        }
        // The plain methods know how to do with few pools, and are what a plan has to beat.
        if self.compiled.max_pools.is_none() && self.best.is_some() {
            return;
        }
        for plan in baseline::all(self.problem).into_iter().filter_map(|b| b.plan) {
            self.offer(Packed::encode(&plan, self.problem, self.compiled));
        }
        if let (None, Few::Kinds(kinds)) = (&self.best, self.few.clone()) {
            let mut target = self.whole.clone();
            target.keep_kinds(|kind| kinds.contains(&kind));
            let fair = construct::fair_values(self.compiled, &target);
            if let Some(packed) = construct::cover(self.compiled, &target, &fair) {
                self.offer(packed);
            }
            self.offer(few::alone(self.compiled, &self.whole, &kinds));
        }
    }

    /// Takes a plan over where it is legal and cheaper.
    fn offer(&mut self, packed: Packed) {
        let cost = packed.cost(self.compiled);
        if self.best.as_ref().is_none_or(|best| cost < best.cost(self.compiled))
            && packed.is_legal(self.compiled, &self.whole)
        {
            self.best = Some(packed);
            self.tell("integers");
        }
    }

    /// Pods per node of the best plan, rounded down; 0 without a plan.
    fn pods_per_node(&self) -> u64 {
        let Some(best) = &self.best else { return 0 };
        let nodes: u64 = best.nodes.iter().map(|(_, nodes)| u64::from(*nodes)).sum();
        self.whole.pods() / nodes.max(1)
    }

    fn cost(&self) -> i128 {
        self.best.as_ref().map_or(i128::MAX, |best| best.cost(self.compiled))
    }

    /// What all plans cost multiples of.
    fn step(&self) -> i128 {
        let points = self.whole.demand.len();
        let of = |kind: usize| (0..points).map(move |point| self.compiled.cost(kind, point));
        step_of(self.whole.kinds.iter().flat_map(|&kind| of(kind)))
    }

    fn raise(&mut self, bound: i128) {
        self.bound = self.bound.max(bound);
    }

    /// Whether the gap asked for is reached.
    fn done(&self) -> bool {
        let cost = self.cost();
        if cost == i128::MAX {
            return false;
        }
        let allowed = cost / 1_000_000 * i128::from(self.options.gap_ppm);
        cost - self.bound <= allowed
    }

    /// Whether the gap is wider than a proof is asked for.
    fn hopeless(&self) -> bool {
        let cost = self.cost();
        cost != i128::MAX
            && cost - self.bound > cost / 1_000_000 * i128::from(self.options.proof_ppm)
    }

    fn tell(&self, phase: &'static str) {
        let spend = |cost: i128| {
            Spend(u128::try_from(cost).unwrap_or(0).saturating_mul(u128::from(self.compiled.unit)))
        };
        (self.meter.control().progress)(&Progress {
            phase,
            cost: self.best.as_ref().map(|best| spend(best.cost(self.compiled))),
            bound: spend(self.bound),
            work: self.meter.work(),
        });
    }

    /// The root LP; where work ends before its first solution, the duals of the volume bound.
    fn columns(
        &mut self,
        pool: &mut Pool,
        center: Option<(i128, Duals)>,
    ) -> Result<Relaxed, SolveError> {
        let fallback = center.clone();
        if !self.meter.affords_master() {
            return Ok(self.unsolved(fallback));
        }
        let effort = Effort {
            ladder: generate::EXACT,
            tolerance: 1e-9,
            rounds: 2_000,
            until: self.meter.share(if self.compiled.max_pools.is_some() { 350 } else { 500 }),
            hold: self.compiled.max_pools.is_some(),
            aim: Aim::below(self.cost(), self.step()),
        };
        let solved = generate::generate(
            self.compiled,
            &self.whole,
            self.scale,
            pool,
            Start { center, parent: None },
            &effort,
            self.meter,
        )?;
        Ok(solved.unwrap_or_else(|| self.unsolved(fallback)))
    }

    /// The bound at hand, where the LP is too large to be solved.
    fn unsolved(&self, center: Option<(i128, Duals)>) -> Relaxed {
        let (bound, duals) = center.unwrap_or_else(|| (0, Duals::zero(self.compiled, &self.whole)));
        Relaxed { bound, duals, ..Relaxed::default() }
    }

    /// Restricted master, dive, neighbourhoods.
    fn integers(&mut self, pool: &mut Pool, root: &Relaxed) -> Result<(), SolveError> {
        self.tell("integers");
        let fewer = self.fewer_kinds(pool, root)?;
        let (target, relaxed) = match &fewer {
            Some((target, relaxed)) => (target, relaxed),
            None => (&self.whole, root),
        };
        let (target, relaxed) = (target.clone(), relaxed.clone());
        if relaxed.reduced.is_empty() {
            return Ok(());
        }
        let iterations = 2_000 + 100 * relaxed.values.len() as u64;
        let finisher = Finisher {
            compiled: self.compiled,
            scale: self.scale,
            meter: self.meter,
            until: self.meter.share(920),
        };
        if self.compiled.max_pools.is_some() {
            let until = self.meter.share(900);
            let rounded = rounding::round(
                self.compiled,
                self.scale,
                self.meter,
                until,
                &target,
                pool,
                &relaxed,
            )?;
            if let Some(packed) = rounded {
                self.offer(packed);
            }
            if relaxed.values.len() > MANY_VALUES {
                return Ok(());
            }
        }
        if let Some(packed) = finisher.master(&target, pool, &relaxed, self.cost(), iterations)? {
            self.offer(packed);
        }
        if !self.done()
            && let Some(packed) = finisher.dive(&target, pool, &relaxed)?
        {
            self.offer(packed);
        }
        Ok(())
    }

    /// Where the LP uses more kinds than there may be pools: those of the best plan and the
    /// LP's weightiest, less one after another, always the one that carries least.
    fn fewer_kinds(
        &self,
        pool: &mut Pool,
        root: &Relaxed,
    ) -> Result<Option<(Target, Relaxed)>, SolveError> {
        let Some(most) = self.compiled.max_pools else { return Ok(None) };
        let shares = self.shares(pool, root);
        if shares.len() <= most && root.shortage < 1e-6 && !root.values.is_empty() {
            return Ok(None);
        }
        let mut keep = self.best.as_ref().map_or_else(Vec::new, Packed::kinds);
        keep.extend(shares.iter().take(most + 2).map(|share| share.1));
        let mut target = self.whole.clone();
        target.keep_kinds(|kind| keep.contains(&kind));
        let solve = |target: &Target, pool: &mut Pool, rounds: usize| {
            let mut duals = root.duals.clone();
            duals.keep_kinds(&self.whole, target);
            let center = (root.bound > 0).then_some((root.bound, duals));
            let until = self.meter.share(600);
            let effort = Effort {
                ladder: generate::QUICK,
                tolerance: 1e-5,
                rounds,
                until,
                hold: true,
                aim: Aim::LP,
            };
            let start = Start { center, parent: None };
            generate::generate(self.compiled, target, self.scale, pool, start, &effort, self.meter)
        };
        let Some(mut relaxed) = solve(&target, pool, 10)? else { return Ok(None) };
        loop {
            let shares = self.shares(pool, &relaxed);
            if shares.len() <= most {
                target.keep_kinds(|kind| shares.iter().any(|share| share.1 == kind));
                let last = solve(&target, pool, 10)?.unwrap_or(relaxed);
                return Ok((last.shortage < 1e-6).then_some((target, last)));
            }
            let drop = shares.last().map_or(usize::MAX, |share| share.1);
            let mut next = target.clone();
            next.keep_kinds(|kind| kind != drop && shares.iter().any(|share| share.1 == kind));
            let Some(solved) = solve(&next, pool, 4)? else { return Ok(None) };
            (target, relaxed) = (next, solved);
        }
    }

    /// (cost that the LP spends on it, kind), dearest first.
    fn shares(&self, pool: &Pool, relaxed: &Relaxed) -> Vec<(f64, usize)> {
        let mut share: Vec<(f64, usize)> = Vec::new();
        for &(index, x) in &relaxed.values {
            let column = &pool.columns()[index];
            let cost = x * self.compiled.cost(column.kind, column.point) as f64;
            match share.iter_mut().find(|entry| entry.1 == column.kind) {
                Some(entry) => entry.0 += cost,
                None => share.push((cost, column.kind)),
            }
        }
        share.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        share
    }

    /// Tree and neighbourhoods in turn, while work lasts; true where the tree is exhausted.
    fn branch(
        &mut self,
        tree: &mut Tree<'a>,
        pool: &mut Pool,
        root: &Relaxed,
    ) -> Result<bool, SolveError> {
        let most = match self.compiled.classes.len() {
            _ if tree.counts() => LEAVES_OF_COUNTS,
            0..=60 => LEAVES,
            _ => LEAVES_OF_MANY,
        };
        let mut leaves = 24;
        let mut improvable = true;
        while !self.done() && !self.meter.stop() {
            self.tell("branch");
            let before = tree.leaves();
            if self.climb(tree, pool, leaves.min(most))? {
                return Ok(true);
            }
            if self.done() || (tree.leaves() == before && !improvable) {
                break;
            }
            if improvable {
                let wide = self.cost() - self.bound > self.cost() / 50_000;
                improvable = self.remaster(pool, root)? || (wide && self.improve(root)?);
            }
            // Not worth hundreds of leaves more: the judge prices each of them.
            let close = if tree.leaves() > 150 { 45 } else { 1 };
            if tree.leaves() > 60 && self.cost() - self.bound <= self.cost() / 1_000_000 * close {
                break;
            }
            leaves *= 2;
        }
        Ok(false)
    }

    /// The tree up to so many leaves; true where it is exhausted.
    fn climb(
        &mut self,
        tree: &mut Tree<'_>,
        pool: &mut Pool,
        leaves: usize,
    ) -> Result<bool, SolveError> {
        let mut best = self.best.take();
        let searched = tree.search(pool, &mut best, leaves, self.options.gap_ppm);
        self.best = best;
        searched?;
        let Some(bound) = tree.bound() else { return Ok(true) };
        self.raise(bound.min(self.cost()));
        Ok(false)
    }

    /// The tree before any MIP, within a share of the work; true where it is exhausted.
    fn first(&mut self, tree: &mut Tree<'_>, pool: &mut Pool) -> Result<bool, SolveError> {
        let until = self.meter.share(FIRST_SHARE);
        let mut leaves = 0;
        while leaves < FIRST_LEAVES && !self.done() && !self.meter.stop_at(until) {
            leaves += 6;
            if self.climb(tree, pool, leaves)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a few dozen branches settle the problem sooner than one MIP does.
    fn few(&self) -> bool {
        self.whole.pods() <= FEW_PODS && self.compiled.classes.len() <= FEW_CLASSES
    }

    /// The restricted master again, now that the branches have made more columns.
    fn remaster(&mut self, pool: &Pool, root: &Relaxed) -> Result<bool, SolveError> {
        let mut target = self.whole.clone();
        let Some(best) = &self.best else { return Ok(false) };
        if self.compiled.max_pools.is_some_and(|most| best.kinds().len() >= most) {
            let used = best.kinds();
            target.keep_kinds(|kind| used.contains(&kind));
        }
        let before = self.cost();
        let finisher = Finisher {
            compiled: self.compiled,
            scale: self.scale,
            meter: self.meter,
            until: u64::MAX,
        };
        let found = finisher.master(&target, pool, root, before, 6_000)?;
        if let Some(packed) = found {
            self.offer(packed);
        }
        Ok(self.cost() < before)
    }

    fn improve(&mut self, root: &Relaxed) -> Result<bool, SolveError> {
        let Some(mut best) = self.best.clone() else { return Ok(false) };
        let before = best.cost(self.compiled);
        let mut target = self.whole.clone();
        if let Some(most) = self.compiled.max_pools {
            let used = best.kinds();
            if used.len() >= most {
                target.keep_kinds(|kind| used.contains(&kind));
            }
        }
        let finisher = Finisher {
            compiled: self.compiled,
            scale: self.scale,
            meter: self.meter,
            until: self.meter.used() + self.meter.share(40),
        };
        let bound = self.bound;
        let allowed = before / 1_000_000 * i128::from(self.options.gap_ppm);
        finisher.improve(&target, &root.duals, &mut best, |packed| {
            packed.cost(self.compiled) - bound > allowed
        })?;
        let better = best.cost(self.compiled) < before;
        self.offer(best);
        Ok(better)
    }
}
