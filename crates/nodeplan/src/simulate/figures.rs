//! The figures that reports show of a run.

use super::trails::trails;
use super::{Simulated, Staged};
use crate::pools::{pool_spend, total_millis};
use nodeplan_model::answer::{InputFile, Money};
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::run::{Replications, RunAnswer, RunPool};
use nodeplan_model::timeline::{PoolSample, Timeline};
use nodeplan_model::units::{HOUR_MILLIS, Spend};

/// A run with all there is to show of it.
#[must_use]
pub fn run_answer(
    problem: &Problem,
    plan: &Plan,
    staged: Staged,
    done: Simulated,
    replications: Option<Replications>,
    inputs: Vec<InputFile>,
) -> RunAnswer {
    let Simulated { timeline, scorecard } = done;
    let parts = problem.parts();
    let workloads: Vec<String> = problem.workloads().iter().map(|one| one.full_name()).collect();
    let system: Vec<bool> = problem.workloads().iter().map(|one| one.system).collect();
    let pools: Vec<RunPool> =
        (0..plan.pools.len()).map(|at| pool(problem, plan, &timeline, at)).collect();
    let trails = trails(problem, &staged.scenario, &pools, &timeline);
    let asked = staged.scenario.horizon_millis;
    // A whole run may lack the rest of a division by the length of samples, not a sample.
    let cut = scorecard.millis.saturating_add(timeline.sample_millis) <= asked;
    RunAnswer {
        inputs,
        region: parts.region.clone(),
        currency: parts.currency.clone(),
        workloads,
        system,
        pools,
        cost: Money::of(scorecard.spend),
        month: Money::month_of(scorecard.spend, scorecard.millis),
        planned: planned(problem, plan),
        trails,
        scorecard,
        cut_short: cut.then_some(asked),
        replications,
        assumptions: staged.assumptions,
        scenario: staged.scenario,
        timeline,
    }
}

/// What the plan costs a month at its own load points.
fn planned(problem: &Problem, plan: &Plan) -> Money {
    let spend = plan.pools.iter().fold(0_u128, |sum, pool| {
        let rate = problem.rate(pool.kind);
        sum.saturating_add(pool_spend(problem, pool, rate).0)
    });
    Money::month_of(Spend(spend), total_millis(problem))
}

/// The column of a pool.
fn pool_column(timeline: &Timeline, at: usize) -> impl Iterator<Item = &PoolSample> {
    timeline.pools.iter().skip(at).step_by(timeline.node_millis.len().max(1))
}

fn pool(problem: &Problem, plan: &Plan, timeline: &Timeline, at: usize) -> RunPool {
    let planned = &plan.pools[at];
    let (mut requested, mut used, mut paid) = (0_u128, 0_u128, 0_u128);
    for row in pool_column(timeline, at) {
        requested += u128::from(row.requested_milli);
        used += u128::from(row.used_milli);
        paid += u128::from(row.allocatable_milli);
    }
    let share = |part: u128| {
        let share = (part * 1000 + paid / 2).checked_div(paid).unwrap_or(0);
        u32::try_from(share).unwrap_or(u32::MAX)
    };
    let node_millis = timeline.node_millis[at];
    let span = u128::from(timeline.sample_millis) * timeline.samples as u128;
    let small = |amount: u128| u64::try_from(amount).unwrap_or(u64::MAX);
    let points = problem.points().len();
    RunPool {
        name: planned.name.clone(),
        sku: problem.sku(planned.kind.sku).name.clone(),
        least: pool_column(timeline, at).map(|row| row.nodes).min().unwrap_or(0),
        mean_milli: small((node_millis * 1000 + span / 2).checked_div(span).unwrap_or(0)),
        most: pool_column(timeline, at).map(|row| row.nodes).max().unwrap_or(0),
        planned: (0..points).map(|point| planned.nodes(point)).max().unwrap_or(0),
        requested_per_mille: share(requested),
        used_per_mille: share(used),
        node_hours_milli: small(node_millis * 1000 / u128::from(HOUR_MILLIS)),
    }
}
