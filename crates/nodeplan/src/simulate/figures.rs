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

/// A trail that grows sample by sample.
struct Growing {
    join: Join,
    sum: u128,
    highest: u64,
    parts: Vec<u64>,
    least: u64,
    most: u64,
}

impl Growing {
    fn new(join: Join) -> Self {
        let parts = Vec::with_capacity(PARTS);
        Self { join, sum: 0, highest: 0, parts, least: u64::MAX, most: 0 }
    }

    fn add(&mut self, value: u64) {
        self.sum += u128::from(value);
        self.highest = self.highest.max(value);
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }

    /// Ends a part of so many samples.
    fn end_part(&mut self, samples: usize) {
        let mean = self.sum / samples.max(1) as u128;
        self.parts.push(match self.join {
            Join::Mean => u64::try_from(mean).unwrap_or(u64::MAX),
            Join::Highest => self.highest,
        });
        (self.sum, self.highest) = (0, 0);
    }

    /// Whether it is not the same all the time.
    fn moves(&self) -> bool {
        self.least < self.most
    }

    fn trail(self, what: &str, of: &str) -> Trail {
        let least = self.least.min(self.most);
        Trail {
            what: what.to_owned(),
            of: of.to_owned(),
            parts: self.parts,
            least,
            most: self.most,
        }
    }
}

/// Requests and replicas per workload with any, nodes per pool, pending pods of all.
fn trails(
    workloads: &[String],
    system: &[bool],
    pools: &[RunPool],
    timeline: &Timeline,
) -> Vec<Trail> {
    let millis = timeline.sample_millis.max(1);
    let small = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
    let rate = |offered: u64| match offered.checked_mul(1_000_000) {
        Some(scaled) => scaled / millis,
        None => small(u128::from(offered) * 1_000_000 / u128::from(millis)),
    };
    let grow = |join: Join, count: usize| -> Vec<Growing> {
        (0..count).map(|_| Growing::new(join)).collect()
    };
    let mut arrivals = grow(Join::Mean, workloads.len());
    let mut ready = grow(Join::Mean, workloads.len());
    let mut nodes = grow(Join::Highest, pools.len());
    let (mut pending, mut paid) = (Growing::new(Join::Highest), Growing::new(Join::Mean));
    // Row by row, as samples are stored.
    let (count, samples) = (timeline.samples.min(PARTS), timeline.samples);
    for part in 0..count {
        let part = part * samples / count..(part + 1) * samples / count;
        for sample in part.clone() {
            let mut waiting = 0;
            let own = arrivals.iter_mut().zip(&mut ready);
            for ((arrivals, ready), row) in own.zip(timeline.workloads_at(sample)) {
                arrivals.add(rate(row.offered));
                ready.add(u64::from(row.ready) * 1000);
                waiting += u64::from(row.pending) * 1000;
            }
            pending.add(waiting);
            for (nodes, row) in nodes.iter_mut().zip(timeline.pools_at(sample)) {
                nodes.add(u64::from(row.nodes) * 1000);
            }
            // Spend is billionths of a dollar an hour times milliseconds.
            paid.add(small(timeline.spend[sample].0 / u128::from(millis) / 1_000_000));
        }
        let all = arrivals.iter_mut().chain(&mut ready).chain(&mut nodes);
        all.chain([&mut pending, &mut paid]).for_each(|one| one.end_part(part.len()));
    }
    let mut all = Vec::new();
    let named = workloads.iter().zip(system).zip(arrivals.into_iter().zip(ready));
    for ((name, _), (arrivals, ready)) in named.filter(|((_, system), _)| !**system) {
        if arrivals.most > 0 {
            all.push(arrivals.trail("arrivals/s", name));
        }
        if ready.moves() {
            all.push(ready.trail("ready pods", name));
        }
    }
    all.extend(nodes.into_iter().zip(pools).map(|(one, pool)| one.trail("nodes", &pool.name)));
    all.extend([pending.trail("pending pods", ""), paid.trail("cost per hour", "")]);
    all
}
