//! The figures that reports show of a run.

use super::{Simulated, Staged};
use crate::pools::{pool_spend, total_millis};
use nodeplan_model::answer::{InputFile, Money};
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::run::{Replications, RunAnswer, RunPool, Trail};
use nodeplan_model::timeline::{PoolSample, Timeline};
use nodeplan_model::units::{HOUR_MILLIS, Spend};

/// Parts of a trail.
const PARTS: usize = 60;

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
    let trails = trails(&workloads, &system, &pools, &timeline);
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

/// How the samples of a part become one number.
#[derive(Clone, Copy)]
enum Join {
    Mean,
    Highest,
}

fn trail(what: &str, of: &str, join: Join, values: &[u64]) -> Trail {
    let count = values.len().min(PARTS);
    let part = |at: usize| {
        let part = &values[at * values.len() / count..(at + 1) * values.len() / count];
        match join {
            Join::Mean => {
                let sum: u128 = part.iter().map(|value| u128::from(*value)).sum();
                u64::try_from(sum / part.len().max(1) as u128).unwrap_or(u64::MAX)
            }
            Join::Highest => part.iter().max().copied().unwrap_or(0),
        }
    };
    Trail {
        what: what.to_owned(),
        of: of.to_owned(),
        parts: (0..count).map(part).collect(),
        least: values.iter().min().copied().unwrap_or(0),
        most: values.iter().max().copied().unwrap_or(0),
    }
}

/// Requests and replicas per workload with any, nodes per pool, pending pods of all.
fn trails(
    workloads: &[String],
    system: &[bool],
    pools: &[RunPool],
    timeline: &Timeline,
) -> Vec<Trail> {
    let mut all = Vec::new();
    let millis = timeline.sample_millis.max(1);
    let rate = |offered: u64| {
        let scaled = u128::from(offered) * 1_000_000 / u128::from(millis);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    // Row by row, as samples are stored.
    let mut columns = vec![(Vec::new(), Vec::new()); workloads.len()];
    let mut pending = Vec::with_capacity(timeline.samples);
    for sample in 0..timeline.samples {
        let mut waiting = 0;
        for ((arrivals, ready), row) in columns.iter_mut().zip(timeline.workloads_at(sample)) {
            arrivals.push(rate(row.offered));
            ready.push(u64::from(row.ready) * 1000);
            waiting += u64::from(row.pending) * 1000;
        }
        pending.push(waiting);
    }
    let named = workloads.iter().zip(columns).zip(system).filter(|(_, system)| !**system);
    for ((name, (arrivals, ready)), _) in named {
        if arrivals.iter().any(|rate| *rate > 0) {
            all.push(trail("arrivals/s", name, Join::Mean, &arrivals));
        }
        if ready.iter().any(|one| *one != ready[0]) {
            all.push(trail("ready pods", name, Join::Mean, &ready));
        }
    }
    for (at, pool) in pools.iter().enumerate() {
        let nodes: Vec<u64> =
            pool_column(timeline, at).map(|row| u64::from(row.nodes) * 1000).collect();
        all.push(trail("nodes", &pool.name, Join::Highest, &nodes));
    }
    all.push(trail("pending pods", "", Join::Highest, &pending));
    // Spend is billionths of a dollar an hour times milliseconds.
    let paid = timeline.spend.iter().map(|spend| spend.0 / u128::from(millis) / 1_000_000);
    let paid: Vec<u64> = paid.map(|milli| u64::try_from(milli).unwrap_or(u64::MAX)).collect();
    all.push(trail("cost per hour", "", Join::Mean, &paid));
    all
}
