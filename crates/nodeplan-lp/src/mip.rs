//! Small mixed-integer programs, under limits that count work and never time.

use highs_sys as ffi;

use crate::error::LpError;
use crate::highs::{Highs, Ran, Solve, Watch};
use crate::lp::{HighsLp, LpLimits, LpStatus, MasterLp, Simplex};
use crate::matrix::{Columns, LARGEST_FINITE, Rows, check_finite, check_len};

/// Tolerance on rows and integrality: with a tighter one HiGHS rejects its own solutions.
const TOLERANCE: f64 = 1e-7;

/// A minimising mixed-integer program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MipModel {
    /// Objective coefficient of each column.
    pub cost: Vec<f64>,
    /// Lower bound of each column, maybe −∞.
    pub lower: Vec<f64>,
    /// Upper bound of each column, maybe +∞.
    pub upper: Vec<f64>,
    /// Which columns are integer.
    pub integer: Vec<bool>,
    /// The rows.
    pub rows: Rows,
}

/// How much work a solve may take. `u64::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MipLimits {
    /// Branch-and-bound nodes.
    pub nodes: u64,
    /// Simplex iterations over all LPs. HiGHS looks between LPs, so that one LP may overshoot.
    pub lp_iterations: u64,
    /// Nodes without progress.
    pub stall_nodes: u64,
    /// Distance of objective and bound at which the solution counts as optimal.
    pub absolute_gap: f64,
    /// Look for solutions below this only; none above it is returned, not even the start.
    pub objective_cutoff: Option<f64>,
}

/// How a solve ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MipStatus {
    /// The solution is within the gap of the best.
    Optimal,
    /// Out of work, with a solution.
    Feasible,
    /// No solution exists, or none below the cutoff if there is one.
    Infeasible,
    /// The objective has no lower bound.
    Unbounded,
    /// Out of work, without a solution.
    NoSolution,
    /// The closure asked to stop; there may be a solution.
    Interrupted,
}

/// What a solve found.
#[derive(Clone, Debug, PartialEq)]
pub struct MipAnswer {
    /// How it ended.
    pub status: MipStatus,
    /// Objective of the solution, +∞ without one.
    pub objective: f64,
    /// One value per column, integer up to 1e-7: round before use.
    pub solution: Option<Vec<f64>>,
    /// No solution (below the cutoff) costs less, up to HiGHS' tolerances.
    pub bound: f64,
    /// Branch-and-bound nodes used.
    pub nodes: u64,
    /// Simplex iterations used.
    pub lp_iterations: u64,
}

/// Solves `model` from `start`, a value for each column; HiGHS ignores a start that is infeasible.
///
/// Equal calls give equal answers unless `interrupt` says `true`. It is asked between LPs: a
/// single long LP is not cut short.
pub fn solve_mip(
    model: &MipModel,
    start: Option<&[f64]>,
    limits: &MipLimits,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<MipAnswer, LpError> {
    check_len("integer flags", model.cost.len(), model.integer.len())?;
    check_finite("absolute gap", 0, limits.absolute_gap)?;
    if let Some(cutoff) = limits.objective_cutoff.filter(|cutoff| !beyond_highs(*cutoff)) {
        check_finite("objective cutoff", 0, cutoff)?;
    }
    if interrupt() {
        return Ok(MipAnswer::without_solution(MipStatus::Interrupted, f64::NEG_INFINITY));
    }
    if !model.integer.contains(&true) {
        return solve_continuous(model, limits, interrupt);
    }
    let mut last = 0;
    for presolve in [c"on", c"off"] {
        let mut highs = Highs::new()?;
        highs.set_string(c"presolve", presolve)?;
        set_limits(&mut highs, limits)?;
        highs.add_columns(&columns_of(model))?;
        highs.add_rows(&model.rows)?;
        highs.set_integrality(&model.integer)?;
        if let Some(start) = start {
            highs.set_start(start)?;
        }
        let watch = Watch::new(interrupt, limits.lp_iterations);
        let ran = highs.run(Solve::Mip, &watch)?;
        if let Some(answer) = answer(&highs, ran, limits, watch.interrupted())? {
            return Ok(answer);
        }
        last = ran.status;
    }
    Err(LpError::GaveUp { status: last })
}

impl MipAnswer {
    fn without_solution(status: MipStatus, bound: f64) -> MipAnswer {
        MipAnswer {
            status,
            objective: f64::INFINITY,
            solution: None,
            bound,
            nodes: 0,
            lp_iterations: 0,
        }
    }
}

fn columns_of(model: &MipModel) -> Columns {
    Columns {
        cost: model.cost.clone(),
        lower: model.lower.clone(),
        upper: model.upper.clone(),
        starts: vec![0; model.cost.len()],
        ..Columns::default()
    }
}

/// A cutoff that HiGHS takes for infinity: it is looked at only when an answer is there.
fn beyond_highs(cutoff: f64) -> bool {
    cutoff >= LARGEST_FINITE
}

fn set_limits(highs: &mut Highs, limits: &MipLimits) -> Result<(), LpError> {
    let count = |limit: u64| i32::try_from(limit).unwrap_or(i32::MAX);
    highs.set_double(c"mip_rel_gap", 0.0)?;
    highs.set_double(c"mip_abs_gap", limits.absolute_gap)?;
    highs.set_double(c"mip_feasibility_tolerance", TOLERANCE)?;
    highs.set_double(c"primal_feasibility_tolerance", TOLERANCE)?;
    highs.set_double(c"dual_feasibility_tolerance", TOLERANCE)?;
    highs.set_string(c"mip_lp_solver", c"simplex")?;
    // It ignores the cutoff, and costs more than all else where models are small.
    highs.set_bool(c"mip_heuristic_run_feasibility_jump", false)?;
    highs.set_int(c"mip_max_nodes", count(limits.nodes))?;
    highs.set_int(c"mip_max_stall_nodes", count(limits.stall_nodes))?;
    if let Some(cutoff) = limits.objective_cutoff.filter(|cutoff| !beyond_highs(*cutoff)) {
        highs.set_double(c"objective_bound", cutoff)?;
    }
    Ok(())
}

/// Reads HiGHS' answer; `None` when it has none worth trusting.
fn answer(
    highs: &Highs,
    ran: Ran,
    limits: &MipLimits,
    interrupted: bool,
) -> Result<Option<MipAnswer>, LpError> {
    if ran.failed {
        return Ok(None);
    }
    let none_below = limits.objective_cutoff.unwrap_or(f64::INFINITY);
    let objective = highs.info_double(c"objective_function_value")?;
    // HiGHS hands out what it met on its way (the start, say) even when it is above the cutoff.
    let has_solution = highs.info_int(c"primal_solution_status")? == ffi::SOLUTION_STATUS_FEASIBLE
        && objective <= none_below;
    let stopped = match (interrupted, has_solution) {
        (true, _) => MipStatus::Interrupted,
        (false, true) => MipStatus::Feasible,
        (false, false) => MipStatus::NoSolution,
    };
    let status = match ran.status {
        ffi::MODEL_STATUS_OPTIMAL if has_solution => MipStatus::Optimal,
        ffi::MODEL_STATUS_INFEASIBLE => MipStatus::Infeasible,
        ffi::MODEL_STATUS_UNBOUNDED => MipStatus::Unbounded,
        ffi::MODEL_STATUS_OBJECTIVE_BOUND | ffi::MODEL_STATUS_OPTIMAL
            if limits.objective_cutoff.is_some() && !has_solution =>
        {
            MipStatus::Infeasible
        }
        ffi::MODEL_STATUS_REACHED_SOLUTION_LIMIT | ffi::MODEL_STATUS_REACHED_INTERRUPT => stopped,
        _ => return Ok(None),
    };
    let bound = match status {
        MipStatus::Infeasible => none_below,
        MipStatus::Unbounded => f64::NEG_INFINITY,
        _ => highs.info_double(c"mip_dual_bound")?.min(none_below),
    };
    let mut answer = MipAnswer::without_solution(status, bound);
    if has_solution && !matches!(status, MipStatus::Infeasible | MipStatus::Unbounded) {
        let values = highs.solution()?.primal;
        if !objective.is_finite() || values.iter().any(|value| !value.is_finite()) {
            return Ok(None);
        }
        answer.objective = objective;
        answer.solution = Some(values);
    }
    answer.nodes = u64::try_from(highs.info_int64(c"mip_node_count")?).unwrap_or(0);
    let iterations = highs.info_int(c"simplex_iteration_count")?;
    answer.lp_iterations = u64::try_from(iterations).unwrap_or(0);
    Ok(Some(answer))
}

/// HiGHS takes a model without integer columns as an LP and then has no MIP bound to tell.
fn solve_continuous(
    model: &MipModel,
    limits: &MipLimits,
    interrupt: &(dyn Fn() -> bool + Sync),
) -> Result<MipAnswer, LpError> {
    let mut lp = HighsLp::new()?;
    lp.add_columns(&columns_of(model))?;
    lp.add_rows(&model.rows)?;
    let lp_limits = LpLimits { simplex_iterations: limits.lp_iterations, strategy: Simplex::Dual };
    let (status, bound) = match lp.solve(lp_limits, interrupt)? {
        LpStatus::Optimal => (MipStatus::Optimal, lp.objective()),
        LpStatus::Infeasible => (MipStatus::Infeasible, f64::INFINITY),
        LpStatus::Unbounded => (MipStatus::Unbounded, f64::NEG_INFINITY),
        LpStatus::Limit => (MipStatus::NoSolution, f64::NEG_INFINITY),
        LpStatus::Interrupted => (MipStatus::Interrupted, f64::NEG_INFINITY),
    };
    let mut answer = MipAnswer::without_solution(status, bound);
    answer.lp_iterations = lp.iterations();
    if status == MipStatus::Optimal {
        match limits.objective_cutoff {
            Some(cutoff) if lp.objective() > cutoff => {
                answer.status = MipStatus::Infeasible;
                answer.bound = cutoff;
            }
            _ => {
                answer.objective = lp.objective();
                answer.solution = Some(lp.primal().to_vec());
            }
        }
    }
    Ok(answer)
}
