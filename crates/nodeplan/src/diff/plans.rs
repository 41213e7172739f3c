//! Two plan documents side by side.

use super::{Side, Sides, comparison, facets, items, large, notes, number, text, yes};
use crate::pools::{pool_spend, total_millis};
use nodeplan_io::document::{PlanDocument, SCALING};
use nodeplan_model::answer::{InputFile, Money};
use nodeplan_model::comparison::{Compared, Comparison, Measure, Value};
use nodeplan_model::plan::{NodePool, PoolMode, Status};
use nodeplan_model::problem::Problem;

/// Compares two plan documents.
#[must_use]
pub fn plans(before: (InputFile, &PlanDocument), after: (InputFile, &PlanDocument)) -> Comparison {
    let (old, new) = (before.1, after.1);
    let mut notes = notes([&old.catalog, &new.catalog], [&old.inputs, &new.inputs]);
    let beside = |document: &PlanDocument| document.options.get(SCALING).cloned();
    if let (Some(before), Some(after)) = (beside(old), beside(new))
        && before != after
    {
        notes.push(
            "bounds, targets and autoscaler beside the plans differ: compare the design.json of each, \
             or runs"
                .to_owned(),
        );
    }
    let sides = Sides {
        compared: Compared::Plans,
        currency: new.catalog.currency.clone(),
        months: (month(old), month(new)),
        notes,
        totals: facets(totals(old), totals(new)),
        pools: items(pools(old), pools(new)),
        workloads: items(workloads(&old.problem), workloads(&new.problem)),
    };
    comparison(before.0, after.0, sides)
}

/// The beginning of a hash.
fn clipped(hash: &str) -> String {
    hash.chars().take(12).collect()
}

fn month(document: &PlanDocument) -> Option<Money> {
    let cost = document.summary.cost.as_ref()?;
    Some(Money::month_of(cost.spend, total_millis(&document.problem)))
}

fn totals(document: &PlanDocument) -> Vec<(Measure, Option<Value>)> {
    let bound = Money::month_of(document.summary.bound.spend, total_millis(&document.problem));
    let status = match document.status {
        Status::Optimal => "optimal",
        Status::Feasible => "feasible",
        Status::Infeasible => "infeasible",
        Status::OutOfWork => "out-of-work",
    };
    let proven = document.certificate.is_some();
    vec![
        (Measure::MonthBillionths, month(document).and_then(|month| number(month.0))),
        (Measure::BoundMonthBillionths, number(bound.0).filter(|_| proven)),
        (Measure::GapPpm, document.summary.gap_ppm.filter(|_| proven).and_then(number)),
        (Measure::Status, text(status)),
        (Measure::Scaling, document.options.get(SCALING).and_then(|hash| text(clipped(hash)))),
    ]
}

fn pools(document: &PlanDocument) -> Vec<Side> {
    let all = document.plan.as_ref().map(|plan| plan.pools.as_slice()).unwrap_or_default();
    all.iter().map(|one| pool(&document.problem, one)).collect()
}

fn pool(problem: &Problem, pool: &NodePool) -> Side {
    let sku = problem.sku(pool.kind.sku);
    let group = problem.group(pool.kind.group);
    let counts = || (0..problem.points().len()).map(|point| pool.nodes(point));
    let spend = pool_spend(problem, pool, problem.rate(pool.kind));
    let labels: Vec<String> =
        group.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mode = match pool.mode {
        PoolMode::System => "System",
        PoolMode::User => "User",
    };
    let values = vec![
        (Measure::Size, text(sku.name.clone())),
        (Measure::NodesMin, counts().min().and_then(number)),
        (Measure::NodesMax, counts().max().and_then(number)),
        (Measure::MonthBillionths, number(Money::month_of(spend, total_millis(problem)).0)),
        (Measure::MaxPods, number(pool.kind.max_pods)),
        (Measure::Mode, text(mode)),
        (Measure::Labels, text(labels.join(", ")).filter(|_| !labels.is_empty())),
        (Measure::Isolated, yes(group.exclusive)),
        (Measure::Spot, yes(group.spot).filter(|_| group.spot)),
    ];
    Side { name: pool.name.clone(), system: false, values }
}

fn workloads(problem: &Problem) -> Vec<Side> {
    let all = problem.workloads().iter().enumerate();
    all.map(|(at, one)| {
        let pods = problem.demand().column(at);
        let scaling = &one.scaling;
        let percent = |what: &str, target: Option<u32>| Some(format!("{what} {}%", target?));
        let targets: Vec<String> = [
            percent("CPU", scaling.cpu_target_percent),
            percent("memory", scaling.memory_target_percent),
            scaling.queue_target.map(|target| format!("{target} messages a pod")),
            scaling.custom.clone(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let values = vec![
            (Measure::PodsMin, pods.iter().min().and_then(|pods| number(*pods))),
            (Measure::PodsMax, pods.iter().max().and_then(|pods| number(*pods))),
            (Measure::CpuRequestM, number(one.request.cpu.0)),
            (Measure::MemoryRequestBytes, number(one.request.memory.0)),
            (Measure::CpuLimitM, one.cpu_limit.and_then(|limit| large(limit.0.into()))),
            (Measure::MemoryLimitBytes, one.memory_limit.and_then(|limit| large(limit.0.into()))),
            (Measure::HpaTargets, text(targets.join(", ")).filter(|_| !targets.is_empty())),
        ];
        Side { name: one.full_name(), system: one.system, values }
    })
    .collect()
}
