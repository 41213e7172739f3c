//! The compact relaxation: how many nodes of which kind, and how many pods of which class on
//! them, all nodes of a kind taken as one.
//!
//! min Σ cost_j n_j with Σ_j x_ij ≥ demand_i, Σ_i size_id x_ij ≤ capacity_jd n_j in every
//! resource d, and x_ij ≤ most_ij n_j where a node holds few pods of a class. Its duals are
//! those of column generation with every knapsack replaced by its own LP relaxation, so they
//! are a certificate like any other, and where pods are small beside nodes hardly a weaker one,
//! for one small LP.

use crate::SolveError;
use crate::columns::master::{Duals, Scale};
use crate::columns::target::{PathRow, Target};
use crate::compile::Compiled;
use crate::work::Meter;
use nodeplan_lp::{
    Basis, BasisStatus, Columns, HighsLp, LpError, LpLimits, LpStatus, MasterLp, Rows, Simplex,
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most kinds × classes × load points for which the LP is worth its time.
const LARGEST: usize = 4_000;
/// What the artificial columns cost, in LP units; the dearest node costs 16.
const PENALTY: f64 = 40.0;
/// Pods per node beyond which the capacity rows say as much as a bound on the pods.
const NEARLY: f64 = 0.99;
/// Binary digits after the point of the multipliers.
const DIGITS: u32 = 24;

/// The rows and columns of the relaxation, for an LP or a MIP.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Objective per column, in LP units: n by place × point, then pods.
    pub cost: Vec<f64>,
    /// All rows.
    pub rows: Rows,
    /// First of the demand rows, point by point, and their (point, class).
    demand: Vec<(usize, usize)>,
    /// First system row.
    system: usize,
    /// First coupling row.
    coupling: usize,
    /// Per place × point: (row, dimension) of the capacities.
    rooms: Vec<Vec<(usize, usize)>>,
    /// Column of the pods of a demand row on a place.
    pods: Vec<(usize, usize, usize)>,
}

impl Program {
    /// Of `target` without its branching rows; `None` where it is too large.
    pub fn new(compiled: &Compiled, target: &Target, scale: &Scale) -> Option<Self> {
        let points = target.demand.len();
        if target.kinds.len() * compiled.classes.len() * points > LARGEST {
            return None;
        }
        let mut program = Self::default();
        for &kind in &target.kinds {
            for point in 0..points {
                program.cost.push(compiled.cost(kind, point) as f64 / scale.norm);
            }
        }
        program.fill(compiled, target).ok()?;
        Some(program)
    }

    fn fill(&mut self, compiled: &Compiled, target: &Target) -> Result<(), LpError> {
        let points = target.demand.len();
        let node = |place: usize, point: usize| place * points + point;
        for (point, demand) in target.demand.iter().enumerate() {
            for (class, &pods) in demand.iter().enumerate().filter(|d| *d.1 > 0) {
                let mut entries = Vec::new();
                for (place, &kind) in target.kinds.iter().enumerate() {
                    if compiled.fits(kind, class) {
                        self.pods.push((node(place, point), class, self.cost.len()));
                        entries.push((self.cost.len(), 1.0));
                        self.cost.push(0.0);
                    }
                }
                self.demand.push((point, class));
                self.rows.push(f64::from(pods), f64::INFINITY, &entries)?;
            }
        }
        self.system = self.rows.len();
        for (point, &nodes) in target.system.iter().enumerate() {
            let entries: Vec<(usize, f64)> = (0..target.kinds.len())
                .filter(|&place| compiled.kinds[target.kinds[place]].serves_system)
                .map(|place| (node(place, point), 1.0))
                .collect();
            self.rows.push(f64::from(nodes), f64::INFINITY, &entries)?;
        }
        self.coupling = self.rows.len();
        for (slack, &(small, large)) in target.slack.iter().zip(&compiled.coupled) {
            for (place, slack) in slack.iter().enumerate() {
                let entries = [(node(place, small), 1.0), (node(place, large), -1.0)];
                self.rows.push(f64::NEG_INFINITY, *slack as f64, &entries)?;
            }
        }
        self.fill_rooms(compiled, target)
    }

    /// Capacities and most pods of a class.
    fn fill_rooms(&mut self, compiled: &Compiled, target: &Target) -> Result<(), LpError> {
        let points = target.demand.len();
        let mut on: Vec<Vec<(usize, usize)>> = vec![Vec::new(); target.kinds.len() * points];
        for &(node, class, column) in &self.pods {
            on[node].push((class, column));
        }
        for (node, pods) in on.iter().enumerate() {
            let (kind, point) = (target.kinds[node / points], node % points);
            let capacity = &compiled.kinds[kind].capacity;
            let share = |class: usize, dim: usize| {
                compiled.size(kind, class, dim) as f64 / capacity[dim].max(1) as f64
            };
            let mut rooms = Vec::new();
            for dim in 0..compiled.dims {
                let mut entries: Vec<(usize, f64)> = pods
                    .iter()
                    .map(|&(class, column)| (column, share(class, dim)))
                    .filter(|entry| entry.1 > 1e-8)
                    .collect();
                if !entries.is_empty() {
                    entries.push((node, -1.0));
                    rooms.push((self.rows.len(), dim));
                    self.rows.push(f64::NEG_INFINITY, 0.0, &entries)?;
                }
            }
            self.rooms.push(rooms);
            for &(class, column) in pods {
                let most = f64::from(compiled.most(kind, class, point).max(1));
                let largest = (0..compiled.dims).map(|d| share(class, d)).fold(0.0, f64::max);
                if most * largest < NEARLY {
                    let entries = [(column, 1.0), (node, -most)];
                    self.rows.push(f64::NEG_INFINITY, 0.0, &entries)?;
                }
            }
        }
        Ok(())
    }
}

/// What one solve yields.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Of the LP, in cost units.
    pub objective: f64,
    /// Proven by `duals`, in 1/scale cost units.
    pub bound: i128,
    /// In the shape of the target asked for.
    pub duals: Duals,
    /// Nodes per place of the whole target's kinds × load point.
    pub nodes: Vec<f64>,
    /// What one more node of a kind would add to the objective, in cost units, alike.
    pub reduced: Vec<f64>,
    /// Where the LP ended: branches start from there.
    pub basis: Option<Rc<Basis>>,
}

impl Counted {
    /// How many kinds have nodes, of those of `target`.
    pub fn kinds_used(&self, target: &Target) -> usize {
        let rows = self.nodes.chunks(target.demand.len());
        rows.filter(|row| row.iter().any(|nodes| *nodes > 1e-6)).count()
    }

    /// The kinds of which one node more, at any load point, already costs more than `cost`.
    pub fn dear(&self, target: &Target, cost: i128) -> Vec<usize> {
        let room = (cost as f64 - self.objective) * (1.0 + 1e-6) + cost as f64 * 1e-9;
        let points = target.demand.len();
        let rows = target.kinds.iter().zip(self.reduced.chunks(points));
        rows.filter(|(_, row)| row.iter().all(|r| *r > room)).map(|(kind, _)| *kind).collect()
    }
}

/// The relaxation as a living LP.
pub struct Compact<'a> {
    compiled: &'a Compiled,
    scale: &'a Scale,
    meter: &'a Meter<'a>,
    program: Program,
    /// Kinds of the whole target; places index into it.
    kinds: Vec<usize>,
    points: usize,
    lp: HighsLp,
    /// Branching rows met so far, by point and kinds.
    sets: BTreeMap<(usize, Option<Vec<usize>>), usize>,
    /// Twice the objective of the first solve.
    enough: Option<f64>,
    /// Places whose nodes are forbidden at present.
    closed: Vec<bool>,
}

fn lp_error(error: LpError) -> SolveError {
    SolveError::Lp { reason: error.to_string() }
}

impl<'a> Compact<'a> {
    /// For `whole` and its branches; `None` where it is too large.
    pub fn new(
        compiled: &'a Compiled,
        scale: &'a Scale,
        meter: &'a Meter<'a>,
        whole: &Target,
    ) -> Result<Option<Self>, SolveError> {
        let Some(program) = Program::new(compiled, whole, scale) else { return Ok(None) };
        let mut columns = Columns::default();
        for &cost in &program.cost {
            columns.push(cost, 0.0, f64::INFINITY, &[]).map_err(lp_error)?;
        }
        let mut lp = HighsLp::new().map_err(lp_error)?;
        lp.add_columns(&columns).map_err(lp_error)?;
        lp.add_rows(&program.rows).map_err(lp_error)?;
        // Artificial columns keep every branch feasible.
        let mut columns = Columns::default();
        for row in 0..program.coupling {
            columns.push(PENALTY, 0.0, f64::INFINITY, &[(row, 1.0)]).map_err(lp_error)?;
        }
        lp.add_columns(&columns).map_err(lp_error)?;
        Ok(Some(Self {
            compiled,
            scale,
            meter,
            kinds: whole.kinds.clone(),
            points: whole.demand.len(),
            lp,
            sets: BTreeMap::new(),
            enough: None,
            closed: vec![false; whole.kinds.len()],
            program,
        }))
    }

    /// The kinds of the whole target: the places of [`Counted::nodes`].
    pub fn kinds(&self) -> &[usize] {
        &self.kinds
    }

    /// Solves a branch of the whole target, its rows free of conditions; `None` where the work
    /// limit or the caller stopped it.
    pub fn solve(
        &mut self,
        target: &Target,
        from: Option<&Basis>,
    ) -> Result<Option<Counted>, SolveError> {
        let Some(objective) = self.objective(target, from)? else { return Ok(None) };
        let basis = self.lp.basis().ok().map(Rc::new);
        let mut duals = self.duals(target);
        // No use for more than shows the branch to be too dear: artificial columns make huge
        // duals, and those of kinds that are left out must outweigh them.
        let enough = *self.enough.get_or_insert(2.0 * objective);
        if objective > enough {
            let zero = Duals::zero(self.compiled, target);
            duals = zero.mixed(&duals, (1000.0 * enough / objective) as i64 + 1);
        }
        let bound = self.bound(target, &duals);
        let count = self.kinds.len() * self.points;
        let nodes = self.lp.primal()[..count].to_vec();
        let reduced =
            self.lp.reduced_costs()[..count].iter().map(|r| r * self.scale.norm).collect();
        Ok(Some(Counted { objective, bound, duals, nodes, reduced, basis }))
    }

    /// The objective of a branch in cost units, without a proof.
    pub fn objective(
        &mut self,
        target: &Target,
        from: Option<&Basis>,
    ) -> Result<Option<f64>, SolveError> {
        self.run(target, from).map(|objective| objective.map(|o| o * self.scale.norm))
    }

    fn run(&mut self, target: &Target, from: Option<&Basis>) -> Result<Option<f64>, SolveError> {
        self.close_kinds(target)?;
        self.set_rows(target)?;
        if let Some(from) = from {
            // Rows and artificial columns that came since are slack and zero.
            let mut basis = from.clone();
            basis.rows.resize(self.lp.row_count(), BasisStatus::Basic);
            basis.columns.resize(self.lp.column_count(), BasisStatus::Lower);
            self.lp.set_basis(&basis).map_err(lp_error)?;
        }
        let before = self.lp.iterations();
        let limits = LpLimits {
            simplex_iterations: self.meter.iterations_left().clamp(1, 1_000_000),
            strategy: Simplex::Dual,
        };
        let interrupt = self.meter.control().interrupt;
        let status = self.lp.solve(limits, &interrupt).map_err(lp_error)?;
        self.meter.iterations(self.lp.iterations() - before);
        match status {
            LpStatus::Optimal => Ok(Some(self.lp.objective())),
            LpStatus::Limit | LpStatus::Interrupted => Ok(None),
            other => Err(SolveError::Lp { reason: format!("the count LP ended {other:?}") }),
        }
    }

    /// Forbids the kinds that are not the target's.
    fn close_kinds(&mut self, target: &Target) -> Result<(), SolveError> {
        let mut changes = Vec::new();
        for (place, kind) in self.kinds.iter().enumerate() {
            let closed = target.kinds.binary_search(kind).is_err();
            if closed != self.closed[place] {
                self.closed[place] = closed;
                let upper = if closed { 0.0 } else { f64::INFINITY };
                let first = place * self.points;
                changes.extend((first..first + self.points).map(|column| (column, 0.0, upper)));
            }
        }
        self.lp.set_column_bounds(&changes).map_err(lp_error)
    }

    /// Puts the branching rows into force, all others out of it.
    fn set_rows(&mut self, target: &Target) -> Result<(), SolveError> {
        let mut bounds: BTreeMap<usize, (f64, f64)> =
            self.sets.values().map(|&row| (row, (f64::NEG_INFINITY, f64::INFINITY))).collect();
        for row in &target.rows {
            if !self.meets(row) {
                continue;
            }
            let at = self.row_of(row)?;
            let entry = bounds.entry(at).or_insert((f64::NEG_INFINITY, f64::INFINITY));
            let rhs = f64::from(row.rhs);
            if row.at_least {
                entry.0 = entry.0.max(rhs);
            } else {
                entry.1 = entry.1.min(rhs);
            }
        }
        let changes: Vec<(usize, f64, f64)> = bounds
            .into_iter()
            // Rows that contradict each other: the nodes of both are out of reach.
            .map(|(row, (lower, upper))| (row, lower, upper.max(lower)))
            .collect();
        self.lp.set_row_bounds(&changes).map_err(lp_error)
    }

    /// Whether the row counts any kind of this relaxation.
    fn meets(&self, row: &PathRow) -> bool {
        self.kinds.iter().any(|&kind| row.counts(kind, row.point))
    }

    /// The LP row that counts what `row` counts.
    fn row_of(&mut self, row: &PathRow) -> Result<usize, SolveError> {
        let key = (row.point, row.kinds.clone());
        if let Some(&at) = self.sets.get(&key) {
            return Ok(at);
        }
        let entries: Vec<(usize, f64)> = (0..self.kinds.len())
            .filter(|&place| row.counts(self.kinds[place], row.point))
            .map(|place| (place * self.points + row.point, 1.0))
            .collect();
        let at = self.lp.row_count();
        let mut rows = Rows::default();
        rows.push(f64::NEG_INFINITY, f64::INFINITY, &entries).map_err(lp_error)?;
        self.lp.add_rows(&rows).map_err(lp_error)?;
        let mut columns = Columns::default();
        columns.push(PENALTY, 0.0, f64::INFINITY, &[(at, 1.0)]).map_err(lp_error)?;
        self.lp.add_columns(&columns).map_err(lp_error)?;
        self.sets.insert(key, at);
        Ok(at)
    }

    /// The duals as integers, rounded down.
    fn duals(&self, target: &Target) -> Duals {
        let y = self.lp.row_duals();
        let mut duals = Duals::zero(self.compiled, target);
        let integer = |value: f64, most: i64| {
            ((value * self.scale.norm * self.scale.factor()).floor() as i64).clamp(0, most)
        };
        for (row, &(point, class)) in self.program.demand.iter().enumerate() {
            duals.demand[point][class] = integer(y[row], self.scale.most(Some(class)));
        }
        let most = self.scale.most(None);
        for (point, dual) in duals.system.iter_mut().enumerate() {
            *dual = integer(y[self.program.system + point], most);
        }
        for (pair, row) in duals.coupling.iter_mut().enumerate() {
            let first = self.program.coupling + pair * self.kinds.len();
            for (dual, kind) in row.iter_mut().zip(&target.kinds) {
                let place = self.kinds.binary_search(kind).unwrap_or(0);
                *dual = integer(-y[first + place], most);
            }
        }
        for (at, row) in target.rows.iter().enumerate() {
            let Some(&set) = self.sets.get(&(row.point, row.kinds.clone())) else { continue };
            let value = y[set];
            // Of several rows over the same nodes the strictest one binds, the first of equals.
            let binds = !target.rows.iter().enumerate().any(|(other, r)| {
                let same = (r.point, &r.kinds, r.at_least) == (row.point, &row.kinds, row.at_least);
                let stricter = if row.at_least { r.rhs > row.rhs } else { r.rhs < row.rhs };
                same && (stricter || (r.rhs == row.rhs && other < at))
            });
            if binds {
                duals.path[at] = integer(if row.at_least { value } else { -value }, most);
            }
        }
        duals
    }

    /// What the duals prove, in exact integers: no content is worth more than its knapsack's
    /// relaxation at the multipliers of the capacity rows.
    fn bound(&self, target: &Target, duals: &Duals) -> i128 {
        let y = self.lp.row_duals();
        let unit = self.scale.norm * self.scale.factor() * f64::from(1 << DIGITS);
        let mut worths = Vec::new();
        for (at, &kind) in target.kinds.iter().enumerate() {
            let place = self.kinds.binary_search(&kind).unwrap_or(0);
            for point in 0..self.points {
                let capacity = &self.compiled.kinds[kind].capacity;
                let prices: Vec<(usize, i128)> = self.program.rooms[place * self.points + point]
                    .iter()
                    .map(|&(row, dim)| {
                        let price = -y[row] * unit / capacity[dim].max(1) as f64;
                        (dim, price.max(0.0) as i128)
                    })
                    .collect();
                let rent: i128 = prices.iter().map(|&(d, p)| p * i128::from(capacity[d])).sum();
                let mut worth = (rent >> DIGITS) + 1;
                worth += i128::from(duals.of_any_node(self.compiled, target, at, point));
                for (class, &dual) in duals.demand[point].iter().enumerate() {
                    if dual == 0 || !self.compiled.fits(kind, class) {
                        continue;
                    }
                    let size = |dim: usize| i128::from(self.compiled.size(kind, class, dim));
                    let paid: i128 = prices.iter().map(|&(d, p)| p * size(d)).sum();
                    let profit = i128::from(dual) - (paid >> DIGITS);
                    let most = self.compiled.most(kind, class, point);
                    worth += profit.max(0) * i128::from(most);
                }
                worths.push((i128::from(self.scale.cost(self.compiled, kind, point)), worth));
            }
        }
        crate::columns::generate::scaled(duals.total(target), worths)
    }
}
