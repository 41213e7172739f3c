//! Solve, judge, and hand over only what the judge accepts.
//!
//! Invariant: a [`Optimized`] holds a plan only if the judge found nothing against it, and its
//! bound is the judge's.

use crate::Error;
use crate::ladder;
use nodeplan_eval::{JudgeOptions, judge};
use nodeplan_model::certificate::Certificate;
use nodeplan_model::plan::{Plan, Status, Unplaceable, Verdict, Work};
use nodeplan_model::problem::Problem;
use nodeplan_model::units::{Spend, UsdPerHour};
use nodeplan_solve::{Control, solve};

/// Knapsack labels the judge may make after an interrupt.
const HASTY_JUDGE_WORK: u64 = 4_000_000;

/// Every limit of an optimization.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The solver's.
    pub solve: nodeplan_solve::Options,
    /// The judge's.
    pub judge: JudgeOptions,
}

impl Options {
    /// At most so much work for the search, and for the check of its proof: there the bound gets
    /// weaker, never wrong.
    #[must_use]
    pub fn within(mut self, work: u64) -> Self {
        self.solve.work_limit = self.solve.work_limit.min(work);
        self.judge.work_limit = self.judge.work_limit.min(work);
        self
    }
}

/// A verified plan with a proven bound, or why there is none.
#[derive(Clone, Debug)]
pub struct Optimized {
    /// The problem solved: the one given, with as many coredns replicas as the plan's own nodes
    /// call for.
    pub problem: Problem,
    /// How the search ended, by the judge's word.
    pub status: Status,
    /// The plan.
    pub plan: Option<Plan>,
    /// Proof of the bound.
    pub certificate: Option<Certificate>,
    /// The judge's verdict.
    pub verdict: Verdict,
    /// Why there is no plan.
    pub unplaceable: Vec<Unplaceable>,
    /// Work of the solver, over all rounds.
    pub work: Work,
}

impl Optimized {
    /// Cost of the plan, Σ weight × rate over the load points.
    #[must_use]
    pub fn cost(&self) -> Option<Spend> {
        self.plan.as_ref().map(|_| self.verdict.cost)
    }

    /// Mean rate of the plan over the load points, rounded to the nearest billionth.
    #[must_use]
    pub fn mean_rate(&self) -> Option<UsdPerHour> {
        let millis = crate::pools::total_millis(&self.problem);
        self.cost().map(|cost| nodeplan_model::answer::mean_rate(cost, millis))
    }
}

/// The cheapest node pools for `problem`, with proof.
///
/// # Errors
/// Faults of the solver; a plan that the judge rejects (a bug).
pub fn optimize(problem: &Problem, options: &Options) -> Result<Optimized, Error> {
    optimize_with(problem, options, Control::NONE)
}

/// [`optimize`] with the caller's hands on it: an interrupt ends it with the best plan so far.
///
/// # Errors
/// As [`optimize`].
pub fn optimize_with(
    problem: &Problem,
    options: &Options,
    control: Control<'_>,
) -> Result<Optimized, Error> {
    let mut problem = ladder::raised(problem, &ladder::least(problem))
        .map_err(Error::Problem)?
        .unwrap_or_else(|| problem.clone());
    let mut work = Work::default();
    for _ in 0..ladder::ROUNDS {
        let mut found = once(&problem, options, control)?;
        add(&mut work, found.work);
        found.work = work;
        let Some(plan) = &found.plan else {
            return Ok(found);
        };
        match ladder::raised(&problem, &ladder::wanted(&problem, plan)).map_err(Error::Problem)? {
            Some(more) if !(control.interrupt)() => problem = more,
            _ => return Ok(found),
        }
    }
    // The ladder climbs at each round and ends at five replicas.
    let mut found = once(&problem, options, control)?;
    add(&mut work, found.work);
    found.work = work;
    Ok(found)
}

fn add(sum: &mut Work, more: Work) {
    sum.labels = sum.labels.saturating_add(more.labels);
    sum.iterations = sum.iterations.saturating_add(more.iterations);
    sum.branches = sum.branches.saturating_add(more.branches);
}

/// One solve, judged.
fn once(problem: &Problem, options: &Options, control: Control<'_>) -> Result<Optimized, Error> {
    let solution = solve(problem, &options.solve, control)?;
    let mut limits = options.judge;
    if (control.interrupt)() {
        // Whoever ended the search waits: a weaker bound now beats a sharper one in minutes.
        limits.work_limit = limits.work_limit.min(HASTY_JUDGE_WORK);
    }
    let verdict = judge(problem, solution.plan.as_ref(), solution.certificate.as_ref(), &limits);
    if !verdict.findings.is_empty() {
        return Err(Error::Unverified(verdict.findings));
    }
    let status = match (&solution.plan, solution.status) {
        (Some(_), _) if verdict.optimal() => Status::Optimal,
        (Some(_), _) => Status::Feasible,
        (None, Status::Infeasible) => Status::Infeasible,
        (None, _) => Status::OutOfWork,
    };
    Ok(Optimized {
        problem: problem.clone(),
        status,
        plan: solution.plan,
        certificate: solution.certificate,
        verdict,
        unplaceable: solution.unplaceable,
        work: solution.work,
    })
}
