//! The master LP over the columns made so far, and its duals as integers.
//!
//! Rows: demand per (load point, class); nodes of a system pool per load point; coupling per
//! (pair of load points, kind); the rows of the branch. Costs are divided by `norm`, so that
//! HiGHS sees numbers near 1. Artificial columns keep the LP feasible in every branch.

use super::pool::{Column, Pool};
use super::target::Target;
use crate::SolveError;
use crate::compile::Compiled;
use crate::work::Meter;
use nodeplan_lp::{
    Basis, BasisStatus, Columns, HighsLp, LpLimits, LpStatus, MasterLp, Rows, Simplex,
};

/// Integer duals of one target, each ≥ 0, in 1/scale of the cost unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duals {
    /// Load points × classes.
    pub demand: Vec<Vec<i64>>,
    /// Per load point; empty where the target has no system rows.
    pub system: Vec<i64>,
    /// Coupled pairs × places of `Target::kinds`; the row's dual is its negative.
    pub coupling: Vec<Vec<i64>>,
    /// Rows of the branch; signed by their sense.
    pub path: Vec<i64>,
}

impl Warm {
    /// Whether a pool column is in the basis.
    pub fn holds(&self, index: usize) -> bool {
        self.columns.binary_search(&index).is_ok()
    }
}

impl Duals {
    /// All zero.
    pub fn zero(compiled: &Compiled, target: &Target) -> Self {
        Self {
            demand: vec![vec![0; compiled.classes.len()]; target.demand.len()],
            system: vec![0; target.system.len()],
            coupling: vec![vec![0; target.kinds.len()]; compiled.coupled.len()],
            path: vec![0; target.rows.len()],
        }
    }

    /// `share` thousandths of `other`, the rest of `self`.
    pub fn mixed(&self, other: &Self, share: i64) -> Self {
        let mix = |a: &[i64], b: &[i64]| -> Vec<i64> {
            a.iter()
                .zip(b)
                .map(|(a, b)| {
                    let sum = i128::from(*a) * i128::from(1000 - share)
                        + i128::from(*b) * i128::from(share);
                    (sum / 1000) as i64
                })
                .collect()
        };
        let rows = |a: &[Vec<i64>], b: &[Vec<i64>]| -> Vec<Vec<i64>> {
            a.iter().zip(b).map(|(a, b)| mix(a, b)).collect()
        };
        Self {
            demand: rows(&self.demand, &other.demand),
            system: mix(&self.system, &other.system),
            coupling: rows(&self.coupling, &other.coupling),
            path: mix(&self.path, &other.path),
        }
    }

    /// Worth of one pod per class in cost units, over all load points.
    pub fn values(&self, scale: &Scale) -> Vec<f64> {
        let classes = self.demand.first().map_or(0, Vec::len);
        (0..classes)
            .map(|class| self.demand.iter().map(|row| row[class] as f64 / scale.factor()).sum())
            .collect()
    }

    /// Of `from`'s shape, made to that of `to`, which has fewer kinds.
    pub fn keep_kinds(&mut self, from: &Target, to: &Target) {
        for row in &mut self.coupling {
            *row = to
                .kinds
                .iter()
                .map(|kind| from.kinds.binary_search(kind).map_or(0, |place| row[place]))
                .collect();
        }
    }

    /// All multiplied by numerator / denominator.
    pub fn scaled(&self, numerator: i128, denominator: i128) -> Self {
        let one = |dual: &i64| (i128::from(*dual) * numerator / denominator) as i64;
        let row = |duals: &Vec<i64>| duals.iter().map(one).collect();
        Self {
            demand: self.demand.iter().map(row).collect(),
            system: row(&self.system),
            coupling: self.coupling.iter().map(row).collect(),
            path: row(&self.path),
        }
    }

    /// Σ dual × right-hand side: the bound where no content is worth more than its node.
    pub fn total(&self, target: &Target) -> i128 {
        let mut total: i128 = 0;
        for (duals, demand) in self.demand.iter().zip(&target.demand) {
            for (dual, pods) in duals.iter().zip(demand) {
                total += i128::from(*dual) * i128::from(*pods);
            }
        }
        for (dual, nodes) in self.system.iter().zip(&target.system) {
            total += i128::from(*dual) * i128::from(*nodes);
        }
        for (duals, slack) in self.coupling.iter().zip(&target.slack) {
            for (dual, nodes) in duals.iter().zip(slack) {
                total -= i128::from(*dual) * i128::from(*nodes);
            }
        }
        for (dual, row) in self.path.iter().zip(&target.rows) {
            let amount = i128::from(*dual) * i128::from(row.rhs);
            total += if row.at_least { amount } else { -amount };
        }
        total
    }

    /// What a node of the kind at place `place` earns at `point` whatever its content: system
    /// row, coupling, rows of the branch without conditions.
    pub fn of_any_node(
        &self,
        compiled: &Compiled,
        target: &Target,
        place: usize,
        point: usize,
    ) -> i64 {
        let kind = target.kinds[place];
        let mut earned = 0;
        if compiled.kinds[kind].serves_system {
            earned += self.system.get(point).copied().unwrap_or(0);
        }
        for (duals, &(small, large)) in self.coupling.iter().zip(&compiled.coupled) {
            if small == point {
                earned -= duals[place];
            }
            if large == point {
                earned += duals[place];
            }
        }
        for (dual, row) in self.path.iter().zip(&target.rows) {
            if row.conditions.is_empty() && row.counts(kind, point) {
                earned += if row.at_least { *dual } else { -*dual };
            }
        }
        earned
    }

    /// What a content earns in all rows.
    pub fn worth(
        &self,
        compiled: &Compiled,
        target: &Target,
        place: usize,
        column: &Column,
    ) -> i64 {
        let mut worth = self.of_any_node(compiled, target, place, column.point);
        for &(class, pods) in &column.content {
            worth += self.demand[column.point][class as usize] * i64::from(pods);
        }
        for (dual, row) in self.path.iter().zip(&target.rows) {
            if !row.conditions.is_empty()
                && row.counts(column.kind, column.point)
                && row.met_by(&column.content)
            {
                worth += if row.at_least { *dual } else { -*dual };
            }
        }
        worth
    }
}

/// Factor between costs and LP numbers, and the duals' scale.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Cost units of one LP unit.
    pub norm: f64,
    /// Dual units of one cost unit, where costs are small …
    fine: i64,
    /// … or cost units of one dual unit, where they are huge. One of the two is 1.
    coarse: i64,
    /// Largest worth that all pods of one class on a node may have together, so that the worth
    /// of a content never overflows.
    together: i64,
    /// Most pods of each class on one node.
    copies: Vec<i64>,
}

/// Bits of the worth of a content.
const WORTH_BITS: u32 = 60;
/// How much dearer than the dearest node an artificial column may become.
const HEADROOM: i64 = 4_000;

impl Scale {
    /// Chosen so that the costs of all front kinds and the worth of all contents fit.
    pub fn of(compiled: &Compiled) -> Self {
        let mut dearest: i128 = 1;
        let mut copies = vec![1_i64; compiled.classes.len()];
        for &kind in &compiled.front {
            for point in 0..compiled.weights.len() {
                dearest = dearest.max(compiled.cost(kind, point));
                for (class, most) in copies.iter_mut().enumerate() {
                    *most = (*most).max(i64::from(compiled.most(kind, class, point)));
                }
            }
        }
        let together = (1_i64 << WORTH_BITS) / (copies.len() as i64 + 4);
        let room = i128::from(together / HEADROOM);
        let mut scale = 1000;
        while scale > 1 && dearest.saturating_mul(i128::from(scale)) > room {
            scale /= 10;
        }
        let mut coarse = 1;
        while dearest / i128::from(coarse) > room && coarse < i64::MAX / 2 {
            coarse *= 2;
        }
        Self { norm: dearest as f64 / 16.0, fine: scale, coarse, together, copies }
    }

    /// Cost of a node in dual units, rounded down.
    pub fn cost(&self, compiled: &Compiled, kind: usize, point: usize) -> i64 {
        let cost = compiled.cost(kind, point) / i128::from(self.coarse);
        i64::try_from(cost).unwrap_or(i64::MAX).saturating_mul(self.fine)
    }

    /// Dual units of one cost unit.
    pub fn factor(&self) -> f64 {
        self.fine as f64 / self.coarse as f64
    }

    /// From dual units to cost units, rounded up: costs are whole.
    pub fn to_cost(&self, amount: i128) -> i128 {
        let amount = amount.max(0) * i128::from(self.coarse);
        let fine = i128::from(self.fine);
        amount / fine + i128::from(amount % fine != 0)
    }

    /// Scale and unit of a certificate with these duals.
    pub fn certified(&self, compiled: &Compiled) -> (u64, u64) {
        (self.fine.unsigned_abs(), compiled.unit.saturating_mul(self.coarse.unsigned_abs()))
    }

    /// Largest dual of a class; of a row that counts nodes, with `None`.
    pub fn most(&self, class: Option<usize>) -> i64 {
        self.together / class.map_or(8, |class| self.copies[class])
    }
}

/// Where a master ended: a place to start its branches from.
#[derive(Clone, Debug, Default)]
pub struct Warm {
    /// Pool columns in the basis.
    columns: Vec<usize>,
    /// Artificial columns in the basis.
    artificials: Vec<usize>,
    rows: Vec<BasisStatus>,
}

/// The LP of one target.
pub struct Master<'a> {
    compiled: &'a Compiled,
    target: &'a Target,
    scale: &'a Scale,
    lp: HighsLp,
    demand_rows: Vec<Vec<Option<usize>>>,
    system_row: usize,
    coupling_row: usize,
    path_row: usize,
    /// Columns that cover what no content covers.
    artificials: usize,
    /// Columns before the first of the pool: artificial ones and those that bound duals below.
    offset: usize,
    penalty: f64,
    held: bool,
    strategy: Simplex,
    /// Pool index of every LP column after the artificials.
    members: Vec<usize>,
    /// Pool columns already in the LP.
    inside: Vec<bool>,
}

fn lp_error(error: nodeplan_lp::LpError) -> SolveError {
    SolveError::Lp { reason: error.to_string() }
}

impl<'a> Master<'a> {
    /// Rows and artificial columns.
    pub fn new(
        compiled: &'a Compiled,
        target: &'a Target,
        scale: &'a Scale,
    ) -> Result<Self, SolveError> {
        let mut rows = Rows::default();
        let mut covering = Vec::new();
        let mut demand_rows = vec![vec![None; compiled.classes.len()]; target.demand.len()];
        for (point, demand) in target.demand.iter().enumerate() {
            for (class, &pods) in demand.iter().enumerate() {
                if pods > 0 {
                    demand_rows[point][class] = Some(rows.len());
                    covering.push(rows.len());
                    rows.push(f64::from(pods), f64::INFINITY, &[]).map_err(lp_error)?;
                }
            }
        }
        let system_row = rows.len();
        for &nodes in &target.system {
            covering.push(rows.len());
            rows.push(f64::from(nodes), f64::INFINITY, &[]).map_err(lp_error)?;
        }
        let coupling_row = rows.len();
        // A partial plan may already have too many nodes at the small point.
        let mut owing = Vec::new();
        for slack in target.slack.iter().flatten() {
            if *slack < 0 {
                owing.push(rows.len());
            }
            rows.push(f64::NEG_INFINITY, *slack as f64, &[]).map_err(lp_error)?;
        }
        let path_row = rows.len();
        for row in &target.rows {
            let rhs = f64::from(row.rhs);
            if row.at_least {
                covering.push(rows.len());
                rows.push(rhs, f64::INFINITY, &[]).map_err(lp_error)?;
            } else {
                rows.push(f64::NEG_INFINITY, rhs, &[]).map_err(lp_error)?;
            }
        }
        let penalty = 40.0;
        let mut lp = HighsLp::new().map_err(lp_error)?;
        lp.add_rows(&rows).map_err(lp_error)?;
        let mut columns = Columns::default();
        for &row in &covering {
            columns.push(penalty, 0.0, f64::INFINITY, &[(row, 1.0)]).map_err(lp_error)?;
        }
        for &row in &owing {
            columns.push(penalty, 0.0, f64::INFINITY, &[(row, -1.0)]).map_err(lp_error)?;
        }
        lp.add_columns(&columns).map_err(lp_error)?;
        Ok(Self {
            compiled,
            target,
            scale,
            lp,
            demand_rows,
            system_row,
            coupling_row,
            path_row,
            artificials: covering.len() + owing.len(),
            offset: covering.len() + owing.len(),
            penalty,
            held: false,
            strategy: Simplex::Primal,
            members: Vec::new(),
            inside: Vec::new(),
        })
    }

    /// Takes over the columns that `wanted` likes, as far as the target can use them; returns
    /// how many.
    pub fn take(
        &mut self,
        pool: &Pool,
        mut wanted: impl FnMut(usize, &Column) -> bool,
    ) -> Result<usize, SolveError> {
        self.inside.resize(pool.columns().len(), false);
        let mut columns = Columns::default();
        for (index, column) in pool.columns().iter().enumerate() {
            if self.inside[index] || !wanted(index, column) {
                continue;
            }
            if let Some(entries) = self.entries(column) {
                let cost = self.compiled.cost(column.kind, column.point) as f64 / self.scale.norm;
                columns.push(cost, 0.0, f64::INFINITY, &entries).map_err(lp_error)?;
                self.members.push(index);
                self.inside[index] = true;
            }
        }
        if !columns.is_empty() {
            self.lp.add_columns(&columns).map_err(lp_error)?;
        }
        Ok(columns.len())
    }

    /// Starts from where the parent of this branch ended: its columns are in, the new row's
    /// slack is basic, so the dual simplex has a row or two to mend.
    pub fn start_from(&mut self, warm: &Warm) -> Result<(), SolveError> {
        let rows = self.lp.row_count();
        if warm.rows.len() > rows {
            return Ok(());
        }
        let mut statuses = vec![BasisStatus::Lower; self.lp.column_count()];
        for &artificial in &warm.artificials {
            statuses[artificial] = BasisStatus::Basic;
        }
        for (place, index) in self.members.iter().enumerate() {
            if warm.columns.binary_search(index).is_ok() {
                statuses[self.offset + place] = BasisStatus::Basic;
            }
        }
        let mut row_statuses = warm.rows.clone();
        row_statuses.resize(rows, BasisStatus::Basic);
        let basic = |all: &[BasisStatus]| all.iter().filter(|s| **s == BasisStatus::Basic).count();
        if basic(&statuses) + basic(&row_statuses) == rows {
            let basis = Basis { columns: statuses, rows: row_statuses };
            self.lp.set_basis(&basis).map_err(lp_error)?;
            self.strategy = Simplex::Dual;
        }
        Ok(())
    }

    /// Where the last solve ended.
    pub fn warm(&self) -> Warm {
        let Ok(basis) = self.lp.basis() else { return Warm::default() };
        let is_basic = |status: &BasisStatus| *status == BasisStatus::Basic;
        let (artificials, members) = basis.columns.split_at(self.offset);
        let mut columns: Vec<usize> = members
            .iter()
            .zip(&self.members)
            .filter(|(status, _)| is_basic(status))
            .map(|(_, index)| *index)
            .collect();
        columns.sort_unstable();
        Warm {
            columns,
            artificials: (0..self.artificials).filter(|&a| is_basic(&artificials[a])).collect(),
            rows: basis.rows,
        }
    }

    fn entries(&self, column: &Column) -> Option<Vec<(usize, f64)>> {
        let place = self.target.kinds.binary_search(&column.kind).ok()?;
        let mut entries: Vec<(usize, f64)> = Vec::new();
        for &(class, pods) in &column.content {
            if let Some(row) = self.demand_rows[column.point][class as usize] {
                entries.push((row, f64::from(pods)));
            }
        }
        if self.compiled.kinds[column.kind].serves_system && !self.target.system.is_empty() {
            entries.push((self.system_row + column.point, 1.0));
        }
        for (pair, &(small, large)) in self.compiled.coupled.iter().enumerate() {
            let row = self.coupling_row + pair * self.target.kinds.len() + place;
            if small == column.point {
                entries.push((row, 1.0));
            }
            if large == column.point {
                entries.push((row, -1.0));
            }
        }
        for (r, row) in self.target.rows.iter().enumerate() {
            if row.counts(column.kind, column.point) && row.met_by(&column.content) {
                entries.push((self.path_row + r, 1.0));
            }
        }
        Some(entries)
    }

    /// Solves; false where the work limit or the caller stopped it.
    pub fn solve(&mut self, meter: &Meter<'_>) -> Result<bool, SolveError> {
        let before = self.lp.iterations();
        let limits = LpLimits {
            simplex_iterations: meter.iterations_left().clamp(1, 10_000_000),
            strategy: std::mem::replace(&mut self.strategy, Simplex::Primal),
        };
        let interrupt = meter.control().interrupt;
        let mut status = self.lp.solve(limits, &interrupt).map_err(lp_error)?;
        if status == LpStatus::Unbounded && self.held {
            // The centre was less feasible than it seemed: no lower limits.
            let free = self.artificials..self.offset;
            let changes: Vec<(usize, f64)> = free.map(|c| (c, self.penalty)).collect();
            self.lp.set_column_costs(&changes).map_err(lp_error)?;
            status = self.lp.solve(limits, &interrupt).map_err(lp_error)?;
        }
        meter.iterations(self.lp.iterations() - before);
        match status {
            LpStatus::Optimal => Ok(true),
            LpStatus::Limit | LpStatus::Interrupted => Ok(false),
            other => Err(SolveError::Lp { reason: format!("the master ended {other:?}") }),
        }
    }

    /// Keeps the duals of demand within so many thousandths of `center`, which must be feasible:
    /// pods may stay out, and surplus ones may be paid back, at prices near it. Called before
    /// columns are taken in, or again after. The objective is then no cost of a plan's
    /// relaxation, but it is the bound once no column improves it.
    pub fn hold(&mut self, center: &Duals, width: i64) -> Result<(), SolveError> {
        let rows: Vec<(usize, f64)> = self
            .demand_rows
            .iter()
            .zip(&center.demand)
            .flat_map(|(rows, duals)| rows.iter().zip(duals))
            .filter_map(|(row, dual)| Some(((*row)?, *dual as f64)))
            .collect();
        if self.offset == self.artificials {
            if !self.members.is_empty() {
                return Ok(());
            }
            let mut columns = Columns::default();
            for &(row, _) in &rows {
                columns.push(self.penalty, 0.0, f64::INFINITY, &[(row, -1.0)]).map_err(lp_error)?;
            }
            self.lp.add_columns(&columns).map_err(lp_error)?;
            self.offset += rows.len();
        }
        let unit = self.scale.norm * self.scale.factor();
        let share = width as f64 / 1000.0;
        // A value of nothing may still rise: to a small part of the dearest node.
        let above = |dual: f64| (dual / unit * (1.0 + share)).max(1e-3).min(self.penalty);
        let below = |dual: f64| -(dual / unit * (1.0 - share)).max(0.0);
        let changes: Vec<(usize, f64)> = rows
            .iter()
            .enumerate()
            .flat_map(|(i, &(_, dual))| [(i, above(dual)), (self.artificials + i, below(dual))])
            .collect();
        self.held = true;
        self.lp.set_column_costs(&changes).map_err(lp_error)
    }

    /// Ends [`Master::hold`].
    pub fn release(&mut self) -> Result<(), SolveError> {
        self.held = false;
        let changes: Vec<(usize, f64)> = (0..self.offset).map(|c| (c, self.penalty)).collect();
        self.lp.set_column_costs(&changes).map_err(lp_error)
    }

    /// Whether duals are held near a centre.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Objective in cost units.
    pub fn objective(&self) -> f64 {
        self.lp.objective() * self.scale.norm
    }

    /// How much demand the artificial columns cover.
    pub fn shortage(&self) -> f64 {
        self.lp.primal()[..self.artificials].iter().sum()
    }

    /// Makes artificial columns dearer; false where that would overflow the duals.
    pub fn raise_penalty(&mut self) -> Result<bool, SolveError> {
        let most = self.scale.most(None) as f64 / self.scale.factor() / self.scale.norm;
        // In small steps: a branch on nodes of coupled points earns many penalties at once, and
        // duals that have to be cut prove nothing.
        let next = (self.penalty * 8.0).min(most);
        if next < self.penalty * 2.0 {
            return Ok(false);
        }
        self.penalty = next;
        let changes: Vec<(usize, f64)> = (0..self.artificials).map(|c| (c, next)).collect();
        self.lp.set_column_costs(&changes).map_err(lp_error)?;
        Ok(true)
    }

    /// Value of every pool column, with its index, where above a trace.
    pub fn values(&self) -> Vec<(usize, f64)> {
        self.members
            .iter()
            .zip(&self.lp.primal()[self.offset..])
            .filter(|(_, x)| **x > 1e-9)
            .map(|(index, x)| (*index, *x))
            .collect()
    }

    /// Reduced costs of the pool columns in the LP.
    pub fn reduced_costs(&self) -> Vec<(usize, f64)> {
        let reduced = &self.lp.reduced_costs()[self.offset..];
        self.members.iter().copied().zip(reduced.iter().copied()).collect()
    }

    /// The duals as integers, rounded down.
    pub fn duals(&self) -> Duals {
        let y = self.lp.row_duals();
        let factor = self.scale.norm * self.scale.factor();
        let below = |value: f64, most: i64| ((value * factor).floor() as i64).clamp(0, most);
        let integer = |value: f64| below(value, self.scale.most(None));
        let demand = self
            .demand_rows
            .iter()
            .map(|rows| {
                rows.iter()
                    .enumerate()
                    .map(|(class, row)| {
                        row.map_or(0, |r| below(y[r], self.scale.most(Some(class))))
                    })
                    .collect()
            })
            .collect();
        let from = |start: usize, count: usize| start..start + count;
        let kinds = self.target.kinds.len();
        Duals {
            demand,
            system: y[from(self.system_row, self.target.system.len())]
                .iter()
                .map(|v| integer(*v))
                .collect(),
            coupling: y[from(self.coupling_row, self.compiled.coupled.len() * kinds)]
                .chunks(kinds.max(1))
                .map(|row| row.iter().map(|v| integer(-v)).collect())
                .collect(),
            path: y[from(self.path_row, self.target.rows.len())]
                .iter()
                .zip(&self.target.rows)
                .map(|(v, row)| integer(if row.at_least { *v } else { -*v }))
                .collect(),
        }
    }
}
