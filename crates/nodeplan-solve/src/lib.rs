//! Problem to plan, lower bound and certificate, within a work limit.
//!
//! Invariants: nothing here reads the clock (the search stops by work units, or when the
//! caller's interrupt says so); nothing here judges its own plan or bound; same binary, problem
//! and options give the same solution on any number of threads.

pub mod baseline;
pub mod ilp;

mod branch;
mod columns;
mod compact;
mod compile;
mod construct;
mod counts;
mod few;
mod integer;
mod kinds;
mod packed;
mod reasons;
mod rounding;
mod search;
mod tighten;
mod tree;
mod volume;
mod work;

use nodeplan_model::plan::{Solution, Unplaceable, Work};
use nodeplan_model::problem::Problem;
use nodeplan_model::units::Spend;

/// Which algorithm solves the problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Solver {
    /// Column generation with certificate (the default).
    #[default]
    ColumnGeneration,
    /// The monolithic assignment ILP, an oracle for small problems.
    Ilp,
}

/// Every limit of a solve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Algorithm.
    pub solver: Solver,
    /// Work units after which the best plan so far is returned; `u64::MAX` (the default) lets
    /// the size of the problem decide. A unit is a pricing label; a simplex iteration counts 100
    /// and 4 more per demand row, a branch 2,000.
    pub work_limit: u64,
    /// Stop once (cost − bound) / cost is at most this many millionths.
    pub gap_ppm: u64,
    /// Do not branch while (cost − bound) / cost is more than this many millionths: where only a
    /// good plan is wanted, and a proof only if it is near. A million (the default) always does.
    pub proof_ppm: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { solver: Solver::default(), work_limit: u64::MAX, gap_ppm: 0, proof_ppm: 1_000_000 }
    }
}

/// What a long solve tells while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `presolve`, `construct`, `columns`, `integers`, `branch`.
    pub phase: &'static str,
    /// Cost of the best plan so far.
    pub cost: Option<Spend>,
    /// Best lower bound so far, as far as the solver knows.
    pub bound: Spend,
    /// Work so far.
    pub work: Work,
}

/// The caller's hands on a running solve.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Asked often; `true` ends the solve with the best plan so far.
    pub interrupt: &'a (dyn Fn() -> bool + Sync),
    /// Told at every improvement and phase.
    pub progress: &'a (dyn Fn(&Progress) + Sync),
}

impl Control<'_> {
    /// Never interrupts, tells nobody.
    pub const NONE: Control<'static> = Control { interrupt: &|| false, progress: &|_| {} };
}

/// Our own faults and the LP engine's; an infeasible problem is a status, not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SolveError {
    /// NP3001: the LP engine failed.
    #[error("the LP engine failed: {reason}")]
    Lp {
        /// What it said.
        reason: String,
    },
    /// NP3002: the problem is too large for the monolithic ILP.
    #[error(
        "the assignment ILP would need {variables} integer variables; `--solver ilp` takes at most {limit}"
    )]
    TooLargeForIlp {
        /// Variables.
        variables: u64,
        /// Limit.
        limit: u64,
    },
}

impl SolveError {
    /// Its code, explained in docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Lp { .. } => "NP3001",
            Self::TooLargeForIlp { .. } => "NP3002",
        }
    }
}

/// Solves `problem`. Every plan returned is legal as far as the solver can tell; the judge in
/// `nodeplan-eval` has the last word.
///
/// # Errors
/// Faults of the LP engine; `Solver::Ilp` on a problem too large for it.
pub fn solve(
    problem: &Problem,
    options: &Options,
    control: Control<'_>,
) -> Result<Solution, SolveError> {
    match options.solver {
        Solver::ColumnGeneration => search::solve(problem, options, control),
        Solver::Ilp => ilp::solve(problem, ilp::Limits::default()),
    }
}

/// The workloads that fit no node at all, with reasons; what is left out of a problem before a
/// solve that may leave pods unplaced.
#[must_use]
pub fn unplaceable(problem: &Problem) -> Vec<Unplaceable> {
    reasons::unplaceable(problem, &compile::Compiled::new(problem))
}
