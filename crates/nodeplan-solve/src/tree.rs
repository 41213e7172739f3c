//! Branch and price: the search tree, and the certificate it leaves behind.
//!
//! Every tree node keeps the duals of the best bound known for it (at first its parent's, which
//! stay valid with a zero for the new row), so the tree is a proof whenever the search stops.

use crate::SolveError;
use crate::branch;
use crate::columns::generate::{self, Effort, Relaxed, Start};
use crate::columns::knapsack::MOST_JOINT;
use crate::columns::master::{Duals, Scale, Warm};
use crate::columns::pool::Pool;
use crate::columns::target::{PathRow, Target};
use crate::compile::Compiled;
use crate::packed::Packed;
use crate::work::Meter;
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
}

/// Leaves expanded by bound between two paths down.
const PLUNGE: usize = 12;
/// Rows with conditions on one path that the judge still prices exactly.
const MOST_CONDITIONED: usize = 18;
/// Bits of the counters of all conditions on one path that the judge still prices exactly.
const MOST_COUNTERS: u32 = 56;

impl<'a> Tree<'a> {
    /// A tree of the root alone.
    pub fn new(
        compiled: &'a Compiled,
        scale: &'a Scale,
        meter: &'a Meter<'a>,
        target: &Target,
        relaxed: &Relaxed,
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
        };
        let bound = tree.rounded(target, relaxed.bound);
        tree.nodes.push(TreeNode {
            fate: Fate::Leaf,
            target: target.clone(),
            used: Vec::new(),
            duals: relaxed.duals.clone(),
            bound,
            warm: None,
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

    /// Leaves so far.
    pub fn leaves(&self) -> usize {
        self.nodes.len() / 2 + 1
    }

    /// From 1/scale cost units to cost units, rounded up, then up to the lattice of the kinds
    /// still allowed.
    fn rounded(&self, target: &Target, bound: i128) -> i128 {
        let cost = self.scale.to_cost(bound);
        let points = 0..self.compiled.weights.len();
        let of = |kind: usize, point: usize| self.compiled.cost(kind, point);
        let costs = target.kinds.iter().flat_map(|&k| points.clone().map(move |p| of(k, p)));
        let step = crate::compile::step_of(costs);
        (cost + step - 1) / step * step
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
        let joint = target.rows.iter().filter(|row| row.conditions.len() > 1).count();
        let counters: u32 = target
            .rows
            .iter()
            .flat_map(|row| &row.conditions)
            .map(|(_, at_least)| u32::BITS - at_least.leading_zeros())
            .sum();
        let rows = target.rows.iter().filter(|row| !row.conditions.is_empty()).count();
        if joint >= MOST_JOINT || counters > MOST_COUNTERS || rows >= MOST_CONDITIONED {
            // Too deep to price: the leaf keeps its duals and stays open, at the end of the queue.
            self.stuck.push(self.nodes[index].bound);
            return Ok(None);
        }
        if target.kinds.is_empty() {
            return Ok(None);
        }
        let effort = Effort {
            ladder: generate::BRANCH,
            tolerance: 1e-9,
            rounds: 400,
            until: u64::MAX,
            hold: false,
        };
        let parent = self.nodes[index].warm.clone();
        let duals = self.nodes[index].duals.clone();
        let start = Start { center: None, parent: parent.as_deref().map(|warm| (warm, &duals)) };
        let relaxed = generate::generate(
            self.compiled,
            &target,
            self.scale,
            pool,
            start,
            &effort,
            self.meter,
        )?;
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
        if bound >= cost || !relaxed.complete {
            self.open.insert((bound, index));
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
        Leaf { demand, system: node.duals.system.clone(), coupling, path: node.duals.path.clone() }
    }
}
