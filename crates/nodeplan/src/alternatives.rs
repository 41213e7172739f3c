//! Other plans to hold against the answer: baselines, isolation, fewer pools.

use crate::ladder;
use crate::pipeline::{Optimized, Options, optimize_with};
use crate::pools::total_millis;
use nodeplan_eval::check_plan;
use nodeplan_model::answer::{Alternative, Money, PoolCount};
use nodeplan_model::plan::{Plan, Status};
use nodeplan_model::problem::{Problem, ProblemParts};
use nodeplan_model::units::Spend;
use nodeplan_solve::baseline::{self, Baseline};
use nodeplan_solve::{Control, Solver, solve};
use std::collections::BTreeMap;

/// Work units for each plan that only serves a comparison.
pub const COMPARISON_WORK: u64 = 1_000_000;
/// Work units for a plan of a variant of the problem: no bound of it is shown.
const VARIANT_WORK: u64 = 300_000;
/// Millionths of its cost by which such a plan may exceed its bound to be worth a proof.
const VARIANT_PROOF: u64 = 100_000;
/// Most user workloads for which isolation and the table of pool counts are computed unasked.
pub const UNASKED_WORKLOADS: usize = 12;

/// Limits for plans that only serve a comparison.
fn small(options: &Options, work: u64) -> Options {
    let mut small = options.clone();
    small.solve.work_limit = small.solve.work_limit.min(work);
    small
}

/// User workloads of a problem.
#[must_use]
pub fn user_workloads(problem: &Problem) -> usize {
    problem.workloads().iter().filter(|one| !one.system).count()
}

/// The pools of a plan in one phrase: sizes with their counts.
#[must_use]
pub fn phrase(problem: &Problem, plan: &Plan) -> String {
    let mut sizes: BTreeMap<(&str, bool), (u64, u64)> = BTreeMap::new();
    for pool in &plan.pools {
        let counts = (0..problem.points().len()).map(|point| pool.nodes(point));
        let (least, most) = counts.fold((u64::MAX, 0), |(a, b), n| (a.min(n), b.max(n)));
        let spot = problem.group(pool.kind.group).spot;
        let entry = sizes.entry((&problem.sku(pool.kind.sku).name, spot)).or_default();
        *entry = (entry.0.saturating_add(least), entry.1.saturating_add(most));
    }
    let parts: Vec<String> = sizes
        .into_iter()
        .map(|((name, spot), (least, most))| {
            let name = name.trim_start_matches("Standard_");
            let spot = if spot { " spot" } else { "" };
            if least == most {
                format!("{most} {name}{spot}")
            } else {
                format!("{least}..{most} {name}{spot}")
            }
        })
        .collect();
    parts.join(", ")
}

/// A comparison with a plan of the same problem, checked by the judge first.
fn of_baseline(ours: &Optimized, baseline: &Baseline) -> Alternative {
    let name = baseline.name;
    let Some(plan) = &baseline.plan else {
        return without(name, baseline.why_not.as_deref().unwrap_or("finds no plan"));
    };
    let (findings, _, cost, _) = check_plan(&ours.problem, plan);
    if let Some(first) = findings.first() {
        return without(name, &format!("its plan breaks a rule: {} {}", first.code, first.text));
    }
    let month = Money::month_of(cost, total_millis(&ours.problem));
    alternative(name, month, ours, phrase(&ours.problem, plan))
}

fn without(name: &str, note: &str) -> Alternative {
    Alternative {
        name: name.to_owned(),
        month: None,
        saving: None,
        saving_per_mille: None,
        note: note.to_owned(),
    }
}

fn alternative(name: &str, month: Money, ours: &Optimized, note: String) -> Alternative {
    let own = ours.cost().map(|cost| Money::month_of(cost, total_millis(&ours.problem)));
    let saving = own.map(|own| month.minus(own));
    Alternative {
        name: name.to_owned(),
        month: Some(month),
        saving,
        saving_per_mille: saving.map(|saving| saving.per_mille_of(month)),
        note,
    }
}

/// Plans of simpler methods for the same problem, the cheapest first, those without a plan last.
/// Empty where we have none to compare with.
#[must_use]
pub fn baselines(ours: &Optimized) -> Vec<Alternative> {
    if ours.plan.is_none() {
        return Vec::new();
    }
    let found = baseline::all(&ours.problem);
    let mut all: Vec<Alternative> = found.iter().map(|one| of_baseline(ours, one)).collect();
    all.sort_by_key(|one| (one.month.is_none(), one.month));
    all
}

/// What it costs to give every workload pools of its own. `None` where nothing can be said:
/// no plan to compare with, or no second workload to part from.
///
/// # Errors
/// As [`optimize_with`].
pub fn isolation(
    ours: &Optimized,
    options: &Options,
    control: Control<'_>,
) -> Result<Option<Alternative>, crate::Error> {
    if user_workloads(&ours.problem) < 2 {
        return Ok(None);
    }
    let mut parts = ours.problem.parts().clone();
    parts.cluster.max_pools = None;
    let mut number = 0_u32;
    for workload in parts.workloads.iter_mut().filter(|one| !one.system) {
        number += 1;
        workload.pool = Some(format!("own-{number}"));
    }
    variant("a pool of its own for every workload", ours, parts, options, control)
}

/// What it costs when all pools have the largest of the max-pods values they may choose from.
/// `None` where there is no choice, or no plan.
///
/// # Errors
/// As [`optimize_with`].
pub fn one_max_pods(
    ours: &Optimized,
    options: &Options,
    control: Control<'_>,
) -> Result<Option<Alternative>, crate::Error> {
    let mut parts = ours.problem.parts().clone();
    let values = &mut parts.cluster.max_pods;
    let (Some(most), true) = (values.iter().max().copied(), values.len() > 1) else {
        return Ok(None);
    };
    *values = vec![most];
    variant(&format!("max {most} pods a node everywhere"), ours, parts, options, control)
}

/// Solves a variant of our problem to compare with.
fn variant(
    name: &str,
    ours: &Optimized,
    parts: ProblemParts,
    options: &Options,
    control: Control<'_>,
) -> Result<Option<Alternative>, crate::Error> {
    if ours.plan.is_none() {
        return Ok(None);
    }
    let problem = Problem::new(parts).map_err(crate::Error::Problem)?;
    let mut limits = small(options, VARIANT_WORK);
    limits.solve.proof_ppm = VARIANT_PROOF;
    let other = match foresighted(&problem, &limits, control)? {
        Some(found) => found,
        None => optimize_with(&problem, &limits, control)?,
    };
    let (Some(plan), Some(cost)) = (&other.plan, other.cost()) else {
        let note = match other.status {
            Status::Infeasible => "none exists",
            _ => "none was found",
        };
        return Ok(Some(without(name, note)));
    };
    let month = Money::month_of(cost, total_millis(&other.problem));
    let sure = if other.status == Status::Optimal { "the cheapest: " } else { "the best found: " };
    let note = format!("{sure}{}", phrase(&other.problem, plan));
    Ok(Some(alternative(name, month, ours, note)))
}

/// A plan of `problem` with as many replicas of coredns as a first, plain plan calls for; `None`
/// where that foresees nothing, or more than the plan found calls for.
fn foresighted(
    problem: &Problem,
    options: &Options,
    control: Control<'_>,
) -> Result<Option<Optimized>, crate::Error> {
    let plain = nodeplan_solve::Options {
        solver: Solver::ColumnGeneration,
        work_limit: 0,
        ..options.solve.clone()
    };
    let Some(plan) = solve(problem, &plain, control)?.plan else { return Ok(None) };
    let raised = ladder::raised(problem, &ladder::wanted(problem, &plan));
    let Some(raised) = raised.map_err(crate::Error::Problem)? else { return Ok(None) };
    let found = optimize_with(&raised, options, control)?;
    let called_for = found.plan.as_ref().is_some_and(|plan| {
        let wanted = ladder::wanted(&found.problem, plan);
        !ladder::exceeds(&found.problem, problem, &wanted)
    });
    Ok(called_for.then_some(found))
}

/// The cheapest plan with at most 1, 2 … pools, up to what the answer may use.
///
/// # Errors
/// As [`optimize_with`].
pub fn pool_counts(
    ours: &Optimized,
    options: &Options,
    control: Control<'_>,
) -> Result<Vec<PoolCount>, crate::Error> {
    let Some(plan) = &ours.plan else { return Ok(Vec::new()) };
    let most = ours.problem.cluster().max_pools;
    let used = u32::try_from(plan.pools.len()).unwrap_or(u32::MAX);
    let mut found = Vec::new();
    for pools in 1..used {
        let mut parts = ours.problem.parts().clone();
        parts.cluster.max_pools = Some(pools);
        let problem = Problem::new(parts).map_err(crate::Error::Problem)?;
        let limits = small(options, COMPARISON_WORK);
        found.push(Counted::of(pools, &optimize_with(&problem, &limits, control)?));
    }
    found.push(Counted::of(used, ours));
    if let Some(most) = most.filter(|most| *most > used) {
        found.push(Counted::of(most, ours));
    }
    // A plan serves for more pools too, and a bound for fewer.
    for at in 1..found.len() {
        let before = found[at - 1].cost;
        found[at].cost = [before, found[at].cost].into_iter().flatten().min();
    }
    for at in (1..found.len()).rev() {
        found[at - 1].bound = found[at - 1].bound.max(found[at].bound);
    }
    let millis = total_millis(&ours.problem);
    Ok(found.iter().map(|one| one.row(millis)).collect())
}

/// What is known about plans with at most a number of pools.
struct Counted {
    pools: u32,
    cost: Option<Spend>,
    bound: Spend,
    status: Status,
}

impl Counted {
    fn of(pools: u32, found: &Optimized) -> Self {
        Self { pools, cost: found.cost(), bound: found.verdict.bound, status: found.status }
    }

    fn row(&self, millis: u64) -> PoolCount {
        let status = match self.cost {
            Some(cost) if cost == self.bound => Status::Optimal,
            Some(_) => Status::Feasible,
            None => self.status,
        };
        PoolCount {
            pools: self.pools,
            month: self.cost.map(|cost| Money::month_of(cost, millis)),
            bound: (status != Status::Infeasible).then(|| Money::month_of(self.bound, millis)),
            status,
        }
    }
}
