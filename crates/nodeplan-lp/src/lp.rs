//! A linear program that stays alive between solves: the master of column generation.
//!
//! The program is min c·x with row bounds on A·x and column bounds on x. Sign of the duals: the
//! reduced cost of a column is its cost minus its entries times the row duals, `c − Aᵀy`. So the
//! dual of a row held at its lower bound (a covering row) is ≥ 0, at its upper bound ≤ 0.

use highs_sys as ffi;

use crate::error::LpError;
use crate::highs::{Highs, Ran, Solve, Watch};
use crate::matrix::{Columns, Rows};

/// Tolerance on rows and reduced costs.
const TIGHT: f64 = 1e-9;
/// HiGHS' own default, for programs that it cannot solve to [`TIGHT`].
const LOOSE: f64 = 1e-7;

/// Which simplex method re-solves the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simplex {
    /// After rows were added or row bounds changed: the old basis is dual feasible.
    Dual,
    /// After columns were added: the old basis is primal feasible.
    Primal,
}

/// How far one solve may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LpLimits {
    /// Simplex iterations of this solve.
    pub simplex_iterations: u64,
    /// The method.
    pub strategy: Simplex,
}

/// How a solve ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LpStatus {
    /// Solved.
    Optimal,
    /// No x satisfies the bounds.
    Infeasible,
    /// The objective has no lower bound.
    Unbounded,
    /// Out of iterations.
    Limit,
    /// The closure asked to stop.
    Interrupted,
}

/// Where a basis holds a column or row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BasisStatus {
    /// At its lower bound, or fixed.
    Lower,
    /// Basic.
    Basic,
    /// At its upper bound.
    Upper,
    /// Free and at zero.
    Zero,
    /// Not basic; HiGHS chooses the bound.
    Nonbasic,
}

/// A basis to start a solve from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Status of each column.
    pub columns: Vec<BasisStatus>,
    /// Status of each row.
    pub rows: Vec<BasisStatus>,
}

/// A minimising linear program that grows, shrinks and is solved again from where it stood.
///
/// The answers (`objective` to `reduced_costs`) are those of the last solve and stay until the
/// next; a change of the model does not touch them. After [`LpStatus::Optimal`] they are the
/// optimum. After a limit or an interrupt they are the point simplex had reached, which may
/// violate bounds, or empty. After any other status they are empty, and the objective is
/// infinite with the sign that fits.
pub trait MasterLp {
    /// Appends columns; the basis stays, the new columns nonbasic.
    fn add_columns(&mut self, columns: &Columns) -> Result<(), LpError>;
    /// Appends rows; the basis stays, the new rows basic.
    fn add_rows(&mut self, rows: &Rows) -> Result<(), LpError>;
    /// Replaces `(column, lower, upper)`.
    fn set_column_bounds(&mut self, changes: &[(usize, f64, f64)]) -> Result<(), LpError>;
    /// Replaces `(column, cost)`.
    fn set_column_costs(&mut self, changes: &[(usize, f64)]) -> Result<(), LpError>;
    /// Replaces `(row, lower, upper)`.
    fn set_row_bounds(&mut self, changes: &[(usize, f64, f64)]) -> Result<(), LpError>;
    /// Deletes the columns whose flag is false; the others move up. Loses the basis if one was
    /// basic.
    fn delete_columns(&mut self, keep: &[bool]) -> Result<(), LpError>;
    /// Deletes the rows whose flag is false; the others move up. Loses the basis if one was not
    /// basic.
    fn delete_rows(&mut self, keep: &[bool]) -> Result<(), LpError>;
    /// Solves from the present basis. `interrupt` is asked often and stops the solve by `true`.
    fn solve(
        &mut self,
        limits: LpLimits,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<LpStatus, LpError>;
    /// c·x.
    fn objective(&self) -> f64;
    /// x, one per column.
    fn primal(&self) -> &[f64];
    /// y, one per row.
    fn row_duals(&self) -> &[f64];
    /// c − Aᵀy, one per column.
    fn reduced_costs(&self) -> &[f64];
    /// Simplex iterations of all solves so far.
    fn iterations(&self) -> u64;
    /// The basis the last solve ended with. Ask before the model is changed: after a change HiGHS
    /// still starts from it, but no longer vouches for it, and this is [`LpError::NoBasis`].
    fn basis(&self) -> Result<Basis, LpError>;
    /// Starts the next solve from `basis`, which has a status for each column and row.
    fn set_basis(&mut self, basis: &Basis) -> Result<(), LpError>;
    /// Columns of the model.
    fn column_count(&self) -> usize;
    /// Rows of the model.
    fn row_count(&self) -> usize;
}

/// [`MasterLp`] by HiGHS.
#[derive(Debug)]
pub struct HighsLp {
    highs: Highs,
    objective: f64,
    primal: Vec<f64>,
    row_duals: Vec<f64>,
    reduced_costs: Vec<f64>,
    iterations: u64,
}

/// One way to try a solve.
struct Attempt {
    from_scratch: bool,
    strategy: Simplex,
    tolerance: f64,
}

impl HighsLp {
    /// A program without rows and columns.
    pub fn new() -> Result<HighsLp, LpError> {
        Ok(HighsLp {
            highs: Highs::for_lps()?,
            objective: 0.0,
            primal: Vec::new(),
            row_duals: Vec::new(),
            reduced_costs: Vec::new(),
            iterations: 0,
        })
    }

    fn attempt(
        &mut self,
        attempt: &Attempt,
        iterations: u64,
        watch: &Watch<'_>,
    ) -> Result<(Ran, u64), LpError> {
        if attempt.from_scratch {
            self.highs.clear_solver()?;
        }
        let strategy = match attempt.strategy {
            Simplex::Dual => 1,
            Simplex::Primal => 4,
        };
        self.highs.set_int(c"simplex_strategy", strategy)?;
        self.highs.set_double(c"primal_feasibility_tolerance", attempt.tolerance)?;
        self.highs.set_double(c"dual_feasibility_tolerance", attempt.tolerance)?;
        let limit = i32::try_from(iterations).unwrap_or(i32::MAX);
        self.highs.set_int(c"simplex_iteration_limit", limit)?;
        let ran = self.highs.run(Solve::Lp, watch)?;
        // Without an answer HiGHS may have no counts either.
        let used = self.highs.info_int(c"simplex_iteration_count").unwrap_or(0);
        let used = u64::try_from(used).unwrap_or(0);
        self.iterations = self.iterations.saturating_add(used);
        Ok((ran, used))
    }

    /// Takes the answers over; `None` when they are unusable.
    fn accept(&mut self, ran: Ran) -> Result<Option<LpStatus>, LpError> {
        let Some(mut status) = classify(ran) else {
            return Ok(None);
        };
        if ran.status == ffi::MODEL_STATUS_MODEL_EMPTY && !self.highs.zero_satisfies_rows()? {
            // HiGHS does not look at the rows of a model without columns.
            status = LpStatus::Infeasible;
        }
        match status {
            LpStatus::Optimal => {
                self.fetch()?;
                if !self.is_finite() {
                    return Ok(None);
                }
            }
            LpStatus::Limit | LpStatus::Interrupted => {
                self.fetch()?;
                if !self.is_finite() {
                    self.forget(f64::NAN);
                }
            }
            LpStatus::Infeasible => self.forget(f64::INFINITY),
            LpStatus::Unbounded => self.forget(f64::NEG_INFINITY),
        }
        Ok(Some(status))
    }

    fn fetch(&mut self) -> Result<(), LpError> {
        self.objective = self.highs.info_double(c"objective_function_value")?;
        let point = self.highs.solution()?;
        self.primal = point.primal;
        self.reduced_costs = point.reduced_costs;
        self.row_duals = point.row_duals;
        Ok(())
    }

    fn forget(&mut self, objective: f64) {
        self.objective = objective;
        self.primal.clear();
        self.reduced_costs.clear();
        self.row_duals.clear();
    }

    fn is_finite(&self) -> bool {
        let mut numbers = self.primal.iter().chain(&self.reduced_costs);
        self.objective.is_finite()
            && numbers.all(|number| number.is_finite())
            && self.row_duals.iter().all(|number| number.is_finite())
    }
}

impl MasterLp for HighsLp {
    fn add_columns(&mut self, columns: &Columns) -> Result<(), LpError> {
        self.highs.add_columns(columns)
    }

    fn add_rows(&mut self, rows: &Rows) -> Result<(), LpError> {
        self.highs.add_rows(rows)
    }

    fn set_column_bounds(&mut self, changes: &[(usize, f64, f64)]) -> Result<(), LpError> {
        self.highs.change_column_bounds(changes)
    }

    fn set_column_costs(&mut self, changes: &[(usize, f64)]) -> Result<(), LpError> {
        self.highs.change_column_costs(changes)
    }

    fn set_row_bounds(&mut self, changes: &[(usize, f64, f64)]) -> Result<(), LpError> {
        self.highs.change_row_bounds(changes)
    }

    fn delete_columns(&mut self, keep: &[bool]) -> Result<(), LpError> {
        self.highs.delete_columns(keep)
    }

    fn delete_rows(&mut self, keep: &[bool]) -> Result<(), LpError> {
        self.highs.delete_rows(keep)
    }

    /// After many warm starts simplex now and then loses its way. The cure its authors give is to
    /// start over, so a solve that fails is tried again from scratch, then once more with HiGHS'
    /// default tolerances, before it is an error.
    fn solve(
        &mut self,
        limits: LpLimits,
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Result<LpStatus, LpError> {
        if interrupt() {
            self.forget(f64::NAN);
            return Ok(LpStatus::Interrupted);
        }
        let watch = Watch::new(interrupt, u64::MAX);
        let attempts = [
            (false, limits.strategy, TIGHT),
            (true, Simplex::Dual, TIGHT),
            (true, Simplex::Dual, LOOSE),
        ];
        let mut left = limits.simplex_iterations;
        let mut last = 0;
        for (from_scratch, strategy, tolerance) in attempts {
            let attempt = Attempt { from_scratch, strategy, tolerance };
            let (ran, used) = self.attempt(&attempt, left, &watch)?;
            if let Some(status) = self.accept(ran)? {
                return Ok(status);
            }
            left = left.saturating_sub(used);
            last = ran.status;
        }
        self.forget(f64::NAN);
        Err(LpError::GaveUp { status: last })
    }

    fn objective(&self) -> f64 {
        self.objective
    }

    fn primal(&self) -> &[f64] {
        &self.primal
    }

    fn row_duals(&self) -> &[f64] {
        &self.row_duals
    }

    fn reduced_costs(&self) -> &[f64] {
        &self.reduced_costs
    }

    fn iterations(&self) -> u64 {
        self.iterations
    }

    fn basis(&self) -> Result<Basis, LpError> {
        let (columns, rows) = self.highs.basis()?;
        Ok(Basis {
            columns: columns.into_iter().map(basis_status).collect(),
            rows: rows.into_iter().map(basis_status).collect(),
        })
    }

    fn set_basis(&mut self, basis: &Basis) -> Result<(), LpError> {
        let columns: Vec<i32> = basis.columns.iter().map(|&at| basis_number(at)).collect();
        let rows: Vec<i32> = basis.rows.iter().map(|&at| basis_number(at)).collect();
        self.highs.set_basis(&columns, &rows)
    }

    fn column_count(&self) -> usize {
        self.highs.column_count()
    }

    fn row_count(&self) -> usize {
        self.highs.row_count()
    }
}

fn classify(ran: Ran) -> Option<LpStatus> {
    if ran.failed {
        return None;
    }
    match ran.status {
        ffi::MODEL_STATUS_OPTIMAL | ffi::MODEL_STATUS_MODEL_EMPTY => Some(LpStatus::Optimal),
        ffi::MODEL_STATUS_INFEASIBLE => Some(LpStatus::Infeasible),
        ffi::MODEL_STATUS_UNBOUNDED => Some(LpStatus::Unbounded),
        ffi::MODEL_STATUS_REACHED_ITERATION_LIMIT => Some(LpStatus::Limit),
        ffi::MODEL_STATUS_REACHED_INTERRUPT => Some(LpStatus::Interrupted),
        _ => None,
    }
}

fn basis_status(number: i32) -> BasisStatus {
    match number {
        ffi::kHighsBasisStatusLower => BasisStatus::Lower,
        ffi::kHighsBasisStatusBasic => BasisStatus::Basic,
        ffi::kHighsBasisStatusUpper => BasisStatus::Upper,
        ffi::kHighsBasisStatusZero => BasisStatus::Zero,
        _ => BasisStatus::Nonbasic,
    }
}

fn basis_number(status: BasisStatus) -> i32 {
    match status {
        BasisStatus::Lower => ffi::kHighsBasisStatusLower,
        BasisStatus::Basic => ffi::kHighsBasisStatusBasic,
        BasisStatus::Upper => ffi::kHighsBasisStatusUpper,
        BasisStatus::Zero => ffi::kHighsBasisStatusZero,
        BasisStatus::Nonbasic => ffi::kHighsBasisStatusNonbasic,
    }
}
