//! Problem to plan, lower bound and certificate, within a work limit.
//!
//! Invariants: nothing here reads the clock (the search stops by work units, or when the
//! caller's interrupt says so); nothing here judges its own plan or bound; same binary, problem
//! and options give the same solution on any number of threads.

pub mod ilp;

mod branch;
mod columns;
mod compile;
mod construct;
mod integer;
mod packed;
mod tree;
mod work;

use nodeplan_model::plan::{Solution, Work};
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
    /// Work units (see [`work`]) after which the best plan so far is returned.
    pub work_limit: u64,
    /// Stop once (cost − bound) / cost is at most this many millionths.
    pub gap_ppm: u64,
    /// Leave out workloads that fit no node instead of calling the problem infeasible.
    pub allow_unplaced: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            solver: Solver::default(),
            work_limit: 2_000_000_000,
            gap_ppm: 0,
            allow_unplaced: false,
        }
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
    #[error("the assignment ILP would need {variables} integer variables; `--solver ilp` takes at most {limit}")]
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

/// Solves `problem`.
///
/// # Errors
/// Faults of the LP engine; `Solver::Ilp` on a problem too large for it.
pub fn solve(
    problem: &Problem,
    options: &Options,
    control: Control<'_>,
) -> Result<Solution, SolveError> {
    let compiled = compile::Compiled::new(problem);
    let meter = work::Meter::new(options, control);
    let target = columns::target::Target::whole(&compiled);
    let values = construct::fair_values(&compiled, &target);
    let packed = construct::cover(&compiled, &target, &values)
        .or_else(|| construct::constant(&compiled, &target, &values));
    eprintln!("classes {} kinds {} front {} dims {}", compiled.classes.len(), compiled.kinds.len(), compiled.front.len(), compiled.dims);
    if let Some(p) = &packed { eprintln!("greedy {}", p.cost(&compiled) as f64 / 1e9); }
    let mut pool = columns::pool::Pool::default();
    for p in packed.iter() { for (c, _) in &p.nodes { pool.add_everywhere(&compiled, c); } }
    let scale = columns::master::Scale::of(&compiled);
    let relaxed = columns::generate::generate(&compiled, &target, scale, &mut pool,
        &columns::generate::Effort { ladder: columns::generate::EXACT, tolerance: 1e-9, rounds: 1000, until: u64::MAX }, &meter)?;
    let mut best = packed;
    if let Some(r) = &relaxed { eprintln!("lp {} bound {} complete {} {:?}", r.objective/1e9, r.bound as f64 / scale.scale as f64/1e9, r.complete, meter.work());
       let f = integer::Finisher { compiled: &compiled, scale, meter: &meter, until: u64::MAX };
       let d = f.dive(&target, &pool, r)?;
       if let Some(m) = f.master(&target, &pool, r, None, i128::MAX, std::env::var("NP_RIT").ok().and_then(|v| v.parse().ok()).unwrap_or(50000))? { eprintln!("master {} {:?}", m.cost(&compiled) as f64/1e9, meter.work()); best = Some(m); } if let Some(d) = d { eprintln!("dive {} {:?}", d.cost(&compiled) as f64/1e9, meter.work()); if best.as_ref().is_none_or(|b| d.cost(&compiled) < b.cost(&compiled)) { best = Some(d); } }
       { let mut t = tree::Tree::new(&compiled, scale, &meter, &target, r); t.search(&mut pool, &mut best, u64::MAX, std::env::var("NP_LEAVES").ok().and_then(|v| v.parse().ok()).unwrap_or(200), |p, b| eprintln!("tree found {} bound {}", p.cost(&compiled) as f64/1e9, b as f64/1e9))?; eprintln!("tree bound {:?} leaves {} best {:?} {:?}", t.bound().map(|b| b as f64/1e9), t.leaves(), best.as_ref().map(|b| b.cost(&compiled) as f64/1e9), meter.work()); }
       if std::env::var("NP_LNS").is_ok() && let Some(b) = &mut best { let bound = (r.bound / scale.scale as i128) as f64; f.improve(&target, &r.duals, b, |p| { eprintln!("better {} gap {:.5}% {:?}", p.cost(&compiled) as f64/1e9, 100.0*(p.cost(&compiled) as f64/bound-1.0), meter.work()); true})?; }
    }
    Ok(Solution { status: nodeplan_model::plan::Status::Feasible, plan: best.map(|p| p.decode(problem, &compiled)), certificate: None, unplaceable: Vec::new(), work: meter.work() })
}
