//! Branch and price: the search tree, and the certificate it leaves behind.
//!
//! Every tree node keeps the duals of the best bound known for it (at first its parent's, which
//! stay valid with a zero for the new row), so the tree is a proof whenever the search stops.

use crate::SolveError;
use crate::branch;
use crate::columns::generate::{self, Aim, Effort, Relaxed, Start};
use crate::columns::knapsack::MOST_JOINT;
use crate::columns::master::{Duals, Scale, Warm};
use crate::columns::pool::Pool;
use crate::columns::target::{PathRow, Target};
use crate::compact::{Compact, Counted};
use crate::compile::Compiled;
use crate::counts;
use crate::packed::Packed;
use crate::work::Meter;
use nodeplan_lp::Basis;
use nodeplan_model::certificate::{Branch, Certificate, Condition, CountRow, Leaf};
use std::collections::BTreeSet;
use std::rc::Rc;

/// What became of a tree node.
#[derive(Clone, Debug)]
enum Fate {
    /// A leaf, open or closed.
    Leaf,
    /// Row ≤ rhs, row ≥ rhs + 1.
    Count { row: PathRow, at_most: usize, at_least: usize },
    /// The kind is unused, or takes one of the pools.
    Pool { kind: usize, unused: usize, used: usize },
}

#[derive(Clone, Debug)]
struct TreeNode {
    fate: Fate,
    target: Target,
    /// Kinds that take one of the pools on this path.
    used: Vec<usize>,
    duals: Duals,
    /// Proven by `duals`, in cost units, rounded up to the lattice.
    bound: i128,
    /// Where the parent's master ended, if its rows are a prefix of this one's.
    warm: Option<Rc<Warm>>,
    /// Where the LP in node counts of this leaf, or of its parent, ended.
    basis: Option<Rc<Basis>>,
}

/// The search.
pub struct Tree<'a> {
    compiled: &'a Compiled,
    scale: &'a Scale,
    meter: &'a Meter<'a>,
    nodes: Vec<TreeNode>,
    /// Open leaves by (bound, index).
    open: BTreeSet<(i128, usize)>,
    /// Bounds of leaves that stay open for good.
    stuck: Vec<i128>,
    /// The child to follow on a path down.
    next: Option<usize>,
    diving: bool,
    since_dive: usize,
    /// The relaxation in node counts, where it is good enough to branch on.
    compact: Option<Compact<'a>>,
}

/// What the relaxation in node counts made of a leaf.
enum Counting {
    /// The leaf is closed, split or put back.
    Over,
    /// All counts are whole, and these nodes hold all pods.
    Plan(Packed),
    /// It has no more to say.
    Silent,
}

/// Choices whose branches are solved before one is taken.
const STRONG: usize = 8;
/// Leaves expanded by bound between two paths down.
const PLUNGE: usize = 12;
/// Rows with conditions on one path that the judge still prices exactly.
const MOST_CONDITIONED: usize = 18;
/// Bits of the counters of all conditions on one path that the judge still prices exactly.
const MOST_COUNTERS: u32 = 56;

/// Whether a leaf has more conditions than can be priced.
fn too_deep(target: &Target) -> bool {
    let joint = target.rows.iter().filter(|row| row.conditions.len() > 1).count();
    let counters: u32 = target
        .rows
        .iter()
        .flat_map(|row| &row.conditions)
        .map(|(_, at_least)| u32::BITS - at_least.leading_zeros())
        .sum();
    let rows = target.rows.iter().filter(|row| !row.conditions.is_empty()).count();
    joint >= MOST_JOINT || counters > MOST_COUNTERS || rows >= MOST_CONDITIONED
}

impl<'a> Tree<'a> {
    /// A tree of the root alone.
    pub fn new(
        compiled: &'a Compiled,
        scale: &'a Scale,
        meter: &'a Meter<'a>,
        target: &Target,
        relaxed: &Relaxed,
        compact: Option<Compact<'a>>,
    ) -> Self {
        let mut tree = Self {
            compiled,
            scale,
            meter,
            nodes: Vec::new(),
            open: BTreeSet::new(),
            stuck: Vec::new(),
            next: None,
            diving: false,
            since_dive: 0,
            compact,
        };
        let bound = tree.rounded(target, relaxed.bound);
        tree.nodes.push(TreeNode {
            fate: Fate::Leaf,
            target: target.clone(),
            used: Vec::new(),
            duals: relaxed.duals.clone(),
            bound,
            warm: None,
            basis: None,
        });
        tree.open.insert((bound, 0));
        tree
    }

    /// Least bound over the open leaves: what is proven. `None` where all are closed.
    pub fn bound(&self) -> Option<i128> {
        self.open
            .first()
            .map(|(bound, _)| *bound)
            .into_iter()
            .chain(self.stuck.iter().copied())
            .min()
    }

    /// Whether leaves are bounded by node counts first.
    pub fn counts(&self) -> bool {
        self.compact.is_some()
    }

    /// Leaves so far.
    pub fn leaves(&self) -> usize {
        self.nodes.len() / 2 + 1
    }

    /// From 1/scale cost units to cost units, rounded up, then up to the lattice of the kinds
    /// still allowed.
    fn rounded(&self, target: &Target, bound: i128) -> i128 {
        let cost = self.scale.to_cost(bound);
        let step = self.step(target);
        (cost + step - 1) / step * step
    }

    /// The lattice: what all plans of the kinds still allowed cost multiples of.
    fn step(&self, target: &Target) -> i128 {
        let points = 0..self.compiled.weights.len();
        let of = |kind: usize, point: usize| self.compiled.cost(kind, point);
        let costs = target.kinds.iter().flat_map(|&k| points.clone().map(move |p| of(k, p)));
        crate::compile::step_of(costs)
    }

    /// Searches until the bound is within `gap_ppm` millionths of the best plan, work ends, or
    /// `leaves` leaves are there.
    pub fn search(
        &mut self,
        pool: &mut Pool,
        best: &mut Option<Packed>,
        leaves: usize,
        gap_ppm: u64,
    ) -> Result<(), SolveError> {
        while let Some(&(bound, first)) = self.open.first() {
            let cost = best.as_ref().map_or(i128::MAX, |b| b.cost(self.compiled));
            let allowed =
                if cost == i128::MAX { 0 } else { cost / 1_000_000 * i128::from(gap_ppm) };
            if bound >= cost - allowed || self.meter.stop() || self.leaves() >= leaves {
                break;
            }
            let index = self.plunge(first, cost);
            self.open.remove(&(self.nodes[index].bound, index));
            self.meter.branch();
            if let Some(packed) = self.expand(index, pool, cost)? {
                *best = Some(packed);
            }
        }
        Ok(())
    }

    /// The leaf to expand next: the one of least bound, but every now and then the search
    /// follows one path down, where integral solutions are.
    fn plunge(&mut self, first: usize, cost: i128) -> usize {
        if let Some(next) = self.next.take()
            && self.nodes[next].bound < cost
            && self.open.contains(&(self.nodes[next].bound, next))
        {
            self.diving = true;
            return next;
        }
        self.since_dive = if self.diving { 0 } else { self.since_dive + 1 };
        self.diving = self.since_dive % PLUNGE == 1;
        first
    }

    /// Solves one leaf and splits it; returns a better plan where its LP is integral.
    fn expand(
        &mut self,
        index: usize,
        pool: &mut Pool,
        cost: i128,
    ) -> Result<Option<Packed>, SolveError> {
        let target = self.nodes[index].target.clone();
        if too_deep(&target) {
            // Too deep to price: the leaf keeps its duals and stays open, at the end of the queue.
            self.stuck.push(self.nodes[index].bound);
            return Ok(None);
        }
        if target.kinds.is_empty() {
            return Ok(None);
        }
        match self.count(index, cost)? {
            Counting::Over => return Ok(None),
            Counting::Plan(packed) => {
                self.open.insert((self.nodes[index].bound, index));
                return Ok(Some(packed));
            }
            Counting::Silent => {}
        }
        let relaxed = self.relax(index, &target, pool, cost)?;
        let Some(relaxed) = relaxed else {
            self.open.insert((self.nodes[index].bound, index));
            return Ok(None);
        };
        self.nodes[index].warm = Some(Rc::new(relaxed.warm.clone()));
        let bound = self.rounded(&target, relaxed.bound);
        if bound > self.nodes[index].bound {
            self.nodes[index].bound = bound;
            self.nodes[index].duals = relaxed.duals.clone();
        }
        let bound = self.nodes[index].bound;
        if bound >= cost {
            self.open.insert((bound, index));
            return Ok(None);
        }
        let better = self.integral(&target, pool, &relaxed, cost);
        let cost = better.as_ref().map_or(cost, |packed| packed.cost(self.compiled));
        if bound >= cost || (!relaxed.complete && self.compact.is_none()) {
            self.open.insert((bound, index));
            return Ok(better);
        }
        if !relaxed.complete {
            self.stuck.push(bound);
            return Ok(better);
        }
        if relaxed.shortage > 1e-6 && better.is_none() && cost == i128::MAX {
            // No plan is known to prove this branch worse than, but nothing covers its demand.
            return Ok(None);
        }
        if !self.split_pools(index, pool, &relaxed) {
            match branch::choose(self.compiled, pool, &relaxed.values) {
                Some(choice) => self.split_count(index, choice),
                None => self.stuck.push(bound),
            }
        }
        Ok(better)
    }

    /// The LP of a leaf, as far as it may help against `cost`.
    fn relax(
        &self,
        index: usize,
        target: &Target,
        pool: &mut Pool,
        cost: i128,
    ) -> Result<Option<Relaxed>, SolveError> {
        // Where counts rule, contents converge too slowly to be waited for.
        let until = match self.compact {
            Some(_) => self.meter.used() + self.meter.share(20),
            None => u64::MAX,
        };
        let aim = Aim::below(cost, self.step(target));
        let effort = Effort {
            ladder: generate::BRANCH,
            tolerance: 1e-9,
            rounds: 400,
            until,
            hold: false,
            aim,
        };
        let node = &self.nodes[index];
        let parent = node.warm.as_deref().map(|warm| (warm, &node.duals));
        let start = Start { center: None, parent };
        generate::generate(self.compiled, target, self.scale, pool, start, &effort, self.meter)
    }

    /// Bounds and splits a leaf by the relaxation in node counts.
    fn count(&mut self, index: usize, cost: i128) -> Result<Counting, SolveError> {
        let Some(mut compact) = self.compact.take() else { return Ok(Counting::Silent) };
        let counting = self.count_with(&mut compact, index, cost);
        self.compact = Some(compact);
        counting
    }

    fn count_with(
        &mut self,
        compact: &mut Compact<'a>,
        index: usize,
        cost: i128,
    ) -> Result<Counting, SolveError> {
        let target = self.nodes[index].target.clone();
        if target.rows.iter().any(|row| !row.conditions.is_empty()) {
            return Ok(Counting::Silent);
        }
        let Some(counted) = compact.solve(&target, self.nodes[index].basis.as_deref())? else {
            self.open.insert((self.nodes[index].bound, index));
            return Ok(Counting::Over);
        };
        self.improve(index, &counted);
        if self.nodes[index].bound >= cost {
            self.open.insert((self.nodes[index].bound, index));
            return Ok(Counting::Over);
        }
        let choices = branch::of_counts(self.compiled, &target, compact.kinds(), &counted.nodes);
        if choices.is_empty() {
            let nodes: Vec<Vec<u32>> = counted
                .nodes
                .chunks(target.demand.len())
                .map(|row| row.iter().map(|x| x.round() as u32).collect())
                .collect();
            let whole = Target { rows: Vec::new(), ..Target::whole(self.compiled) };
            return Ok(match counts::hold(self.compiled, &whole, &nodes, self.meter) {
                Some(packed)
                    if packed.cost(self.compiled) < cost
                        && packed.is_legal(self.compiled, &whole) =>
                {
                    Counting::Plan(packed)
                }
                _ => Counting::Silent,
            });
        }
        let Some(choice) = self.strongest(compact, &target, &counted, choices, cost)? else {
            self.open.insert((self.nodes[index].bound, index));
            return Ok(Counting::Over);
        };
        self.split_count(index, choice);
        if let Fate::Count { at_most, at_least, .. } = self.nodes[index].fate {
            for child in [at_most, at_least] {
                let target = self.nodes[child].target.clone();
                if let Some(counted) = compact.solve(&target, counted.basis.as_deref())? {
                    self.open.remove(&(self.nodes[child].bound, child));
                    self.improve(child, &counted);
                    self.open.insert((self.nodes[child].bound, child));
                }
            }
        }
        Ok(Counting::Over)
    }

    /// Leaves out the kinds of which one node more would already cost more than `cost` (reduced
    /// cost fixing), as a branch of the tree: none of them, or at least one. Called on the root.
    pub fn leave_out(&mut self, counted: &Counted, cost: i128) -> Result<(), SolveError> {
        let points = self.compiled.weights.len();
        let target = self.nodes[0].target.clone();
        let out = counted.dear(&target, cost);
        if out.len() * 4 < target.kinds.len() || points > 1 {
            return Ok(());
        }
        let row = PathRow {
            point: 0,
            kinds: Some(out.clone()),
            conditions: Vec::new(),
            at_least: false,
            rhs: 0,
        };
        self.open.remove(&(self.nodes[0].bound, 0));
        self.split_count(0, branch::Choice { row, floor: 0, up: false });
        let Fate::Count { at_most, at_least, .. } = self.nodes[0].fate else { return Ok(()) };
        if let Some(mut compact) = self.compact.take() {
            let target = self.nodes[at_least].target.clone();
            if let Some(counted) = compact.solve(&target, counted.basis.as_deref())? {
                self.open.remove(&(self.nodes[at_least].bound, at_least));
                self.improve(at_least, &counted);
                self.open.insert((self.nodes[at_least].bound, at_least));
            }
        }
        self.restrict(at_most, |kind| !out.contains(&kind));
        self.nodes[at_least].basis = None;
        let target = self.nodes[at_most].target.clone();
        self.compact = Compact::new(self.compiled, self.scale, self.meter, &target)?;
        Ok(())
    }

    /// Takes a better bound over.
    fn improve(&mut self, index: usize, counted: &Counted) {
        let bound = self.rounded(&self.nodes[index].target, counted.bound);
        let node = &mut self.nodes[index];
        node.basis.clone_from(&counted.basis);
        if bound > node.bound {
            node.bound = bound;
            node.duals = counted.duals.clone();
        }
    }

    /// The choice whose two branches raise the bound most (strong branching: Applegate, Bixby,
    /// Chvátal and Cook 1995); `None` where work ends.
    fn strongest(
        &self,
        compact: &mut Compact<'a>,
        target: &Target,
        counted: &Counted,
        choices: Vec<branch::Choice>,
        cost: i128,
    ) -> Result<Option<branch::Choice>, SolveError> {
        let base = counted.objective;
        let from = counted.basis.as_deref();
        let mut best: Option<(f64, branch::Choice)> = None;
        for choice in choices.into_iter().take(STRONG) {
            let mut score = 1.0;
            for (at_least, rhs) in [(false, choice.floor), (true, choice.floor + 1)] {
                let mut branch = target.clone();
                branch.rows.push(PathRow { at_least, rhs, ..choice.row.clone() });
                let Some(objective) = compact.objective(&branch, from)? else { return Ok(None) };
                let room = (cost as f64 - base).max(base * 1e-9);
                score *= (objective - base).clamp(base * 1e-9, room);
            }
            if best.as_ref().is_none_or(|b| score > b.0) {
                best = Some((score, choice));
            }
        }
        Ok(best.map(|(_, choice)| choice))
    }

    /// The LP solution as a plan, where it is integral, legal and cheaper than `cost`.
    fn integral(
        &self,
        target: &Target,
        pool: &Pool,
        relaxed: &Relaxed,
        cost: i128,
    ) -> Option<Packed> {
        let mut packed = Packed::default();
        for &(index, x) in &relaxed.values {
            if (x - x.round()).abs() > 1e-5 {
                return None;
            }
            packed.push(pool.columns()[index].clone(), x.round() as u32);
        }
        let whole = Target { rows: Vec::new(), ..target.clone() };
        let legal = packed.is_legal(self.compiled, &whole);
        (legal && packed.cost(self.compiled) < cost).then_some(packed)
    }

    /// Branches on a pool where the LP uses more kinds than there may be pools.
    fn split_pools(&mut self, index: usize, pool: &Pool, relaxed: &Relaxed) -> bool {
        let Some(most) = self.compiled.max_pools else { return false };
        let mut share: Vec<(f64, usize)> = Vec::new();
        for &(column, x) in &relaxed.values {
            let kind = pool.columns()[column].kind;
            let cost = x * self.compiled.cost(kind, pool.columns()[column].point) as f64;
            match share.iter_mut().find(|entry| entry.1 == kind) {
                Some(entry) => entry.0 += cost,
                None => share.push((cost, kind)),
            }
        }
        if share.len() <= most {
            return false;
        }
        let used = self.nodes[index].used.clone();
        share.retain(|entry| !used.contains(&entry.1));
        share.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let Some(&(_, kind)) = share.first() else { return false };
        let (unused, with) = (self.child(index), self.child(index));
        self.restrict(unused, |k| k != kind);
        self.nodes[with].used.push(kind);
        if self.nodes[with].used.len() == most {
            let keep = self.nodes[with].used.clone();
            self.restrict(with, |k| keep.contains(&k));
        }
        if self.diving {
            self.next = Some(with);
        }
        self.nodes[index].fate = Fate::Pool { kind, unused, used: with };
        true
    }

    fn restrict(&mut self, index: usize, keep: impl Fn(usize) -> bool) {
        let node = &mut self.nodes[index];
        let kept: Vec<usize> =
            (0..node.target.kinds.len()).filter(|&i| keep(node.target.kinds[i])).collect();
        for duals in &mut node.duals.coupling {
            *duals = kept.iter().map(|&i| duals[i]).collect();
        }
        node.target.keep_kinds(keep);
        node.warm = None;
    }

    fn split_count(&mut self, index: usize, choice: branch::Choice) {
        let (at_most, at_least) = (self.child(index), self.child(index));
        for (child, sense, rhs) in
            [(at_most, false, choice.floor), (at_least, true, choice.floor + 1)]
        {
            let node = &mut self.nodes[child];
            node.target.rows.push(PathRow { at_least: sense, rhs, ..choice.row.clone() });
            node.duals.path.push(0);
        }
        if self.diving {
            self.next = Some(if choice.up { at_least } else { at_most });
        }
        let row = PathRow { rhs: choice.floor, ..choice.row };
        self.nodes[index].fate = Fate::Count { row, at_most, at_least };
    }

    /// A child with the parent's target, duals and bound, open.
    fn child(&mut self, parent: usize) -> usize {
        let index = self.nodes.len();
        let node = TreeNode { fate: Fate::Leaf, ..self.nodes[parent].clone() };
        self.open.insert((node.bound, index));
        self.nodes.push(node);
        index
    }

    /// The proof, in the model's terms.
    pub fn certificate(&self, workloads: usize) -> Certificate {
        let tree = self
            .nodes
            .iter()
            .map(|node| match &node.fate {
                Fate::Leaf => Branch::Leaf(self.leaf(node, workloads)),
                Fate::Count { row, at_most, at_least } => Branch::Count {
                    row: self.count_row(row),
                    rhs: row.rhs,
                    at_most: *at_most as u32,
                    at_least: *at_least as u32,
                },
                Fate::Pool { kind, unused, used } => Branch::Pool {
                    kinds: self.with_dominated(&[*kind]),
                    unused: *unused as u32,
                    used: *used as u32,
                },
            })
            .collect();
        let (scale, unit) = self.scale.certified(self.compiled);
        Certificate { scale, unit, tree }
    }

    /// The kinds with all they stand in for.
    fn with_dominated(&self, kinds: &[usize]) -> Vec<u32> {
        (0..self.compiled.kinds.len())
            .filter(|&kind| kinds.contains(&self.compiled.kinds[kind].stand_in))
            .map(|kind| kind as u32)
            .collect()
    }

    fn count_row(&self, row: &PathRow) -> CountRow {
        CountRow {
            point: row.point as u32,
            kinds: row.kinds.as_ref().map_or_else(Vec::new, |kinds| self.with_dominated(kinds)),
            conditions: row
                .conditions
                .iter()
                .map(|&(class, at_least)| Condition {
                    workloads: self.compiled.classes[class as usize].members.clone(),
                    at_least,
                })
                .collect(),
        }
    }

    fn leaf(&self, node: &TreeNode, workloads: usize) -> Leaf {
        let demand = node
            .duals
            .demand
            .iter()
            .map(|duals| {
                let mut row = vec![0; workloads];
                for (class, dual) in self.compiled.classes.iter().zip(duals) {
                    for member in &class.members {
                        row[member.index()] = *dual;
                    }
                }
                row
            })
            .collect();
        let mut coupling = Vec::new();
        for (duals, &(small, large)) in node.duals.coupling.iter().zip(&self.compiled.coupled) {
            for (&dual, &front) in duals.iter().zip(&node.target.kinds) {
                if dual > 0 {
                    // The judge may let another of equal kinds stand in for the rest.
                    for kind in self.with_dominated(&[front]) {
                        coupling.push((kind, small as u32, large as u32, dual));
                    }
                }
            }
        }
        coupling.sort_unstable();
        // Where none of some nodes may be used, their dual costs nothing: the larger the better.
        let none = |row: &PathRow| !row.at_least && row.rhs == 0 && row.conditions.is_empty();
        let path = node.target.rows.iter().zip(&node.duals.path);
        let path = path.map(|(row, &d)| if none(row) { self.scale.most(None) } else { d });
        Leaf { demand, system: node.duals.system.clone(), coupling, path: path.collect() }
    }
}
