//! One instance in figures.

use crate::Instance;
use nodeplan::eval::check_plan;
use nodeplan::model::answer::mean_rate;
use nodeplan::model::plan::Status;
use nodeplan::model::problem::Problem;
use nodeplan::model::units::Spend;
use nodeplan::solve::baseline;
use nodeplan::{Optimized, Options};
use std::fmt;

/// One instance, solved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Instance.
    pub instance: String,
    /// Pod types.
    pub types: u64,
    /// Pods.
    pub pods: u64,
    /// How the search ended.
    pub status: &'static str,
    /// Cost per hour; empty without a plan.
    pub cost: String,
    /// Proven bound per hour.
    pub bound: String,
    /// (cost − bound) / cost in 1e-8, rounded up; `None` without a plan.
    pub gap_e8: Option<u64>,
    /// Labels, simplex iterations and branches.
    pub work: [u64; 3],
    /// Cost per hour of each baseline, in the order of [`Row::HEADER`].
    pub baselines: [String; 3],
}

impl Row {
    /// Names of the columns.
    pub const HEADER: &'static str = "instance,types,pods,status,cost,bound,gap_pct,labels,\
         iterations,branches,single_size,cluster_autoscaler,karpenter";
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.gap_e8.map(percent_of_e8).unwrap_or_default();
        let [labels, iterations, branches] = self.work;
        write!(f, "{},{},{},", self.instance, self.types, self.pods)?;
        write!(f, "{},{},{},{gap},", self.status, self.cost, self.bound)?;
        write!(f, "{labels},{iterations},{branches},{}", self.baselines.join(","))
    }
}

/// Percent with six decimals of a share in 1e-8.
#[must_use]
pub fn percent_of_e8(share: u64) -> String {
    format!("{}.{:06}", share / 1_000_000, share % 1_000_000)
}

/// Cost per hour over all load points, as a decimal.
#[must_use]
pub fn hourly(problem: &Problem, cost: Spend) -> String {
    let millis = problem.points().iter().map(|point| point.weight_millis).sum();
    mean_rate(cost, millis).to_string()
}

/// Solves an instance within the default limits and judges what simpler methods make of it.
///
/// # Errors
/// As `nodeplan::optimize`, as text.
pub fn row(instance: &Instance) -> Result<Row, String> {
    let empty = Row {
        instance: instance.name.clone(),
        types: instance.types,
        pods: instance.pods,
        status: "empty",
        cost: String::new(),
        bound: String::new(),
        gap_e8: None,
        work: [0; 3],
        baselines: Default::default(),
    };
    let Some(found) = instance.solve(&Options::default())? else { return Ok(empty) };
    Ok(Row {
        status: match found.status {
            Status::Optimal => "optimal",
            Status::Feasible => "feasible",
            Status::Infeasible => "infeasible",
            Status::OutOfWork => "out-of-work",
        },
        cost: found.cost().map(|cost| hourly(&found.problem, cost)).unwrap_or_default(),
        bound: hourly(&found.problem, found.verdict.bound),
        gap_e8: gap_e8(&found),
        work: [found.work.labels, found.work.iterations, found.work.branches],
        baselines: baselines(&found.problem)
            .map(|cost| cost.map(|cost| hourly(&found.problem, cost)).unwrap_or_default()),
        ..empty
    })
}

/// (cost − bound) / cost in 1e-8, rounded up; `None` without a plan.
#[must_use]
pub fn gap_e8(found: &Optimized) -> Option<u64> {
    let cost = found.cost()?.0;
    let gap = cost.saturating_sub(found.verdict.bound.0);
    u64::try_from(gap.saturating_mul(100_000_000).div_ceil(cost.max(1))).ok()
}

/// What each baseline costs: best single size, cluster autoscaler, Karpenter. `None` where it
/// has no plan that the judge accepts.
#[must_use]
pub fn baselines(problem: &Problem) -> [Option<Spend>; 3] {
    let mut costs = baseline::all(problem).into_iter().map(|one| {
        let (findings, _, cost, _) = check_plan(problem, &one.plan?);
        findings.is_empty().then_some(cost)
    });
    [(); 3].map(|()| costs.next().flatten())
}
