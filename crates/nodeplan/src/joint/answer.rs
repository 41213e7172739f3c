//! What a search found, computed for reports.

use super::ablation::Ablation;
use super::finale::percentile;
use super::frontier::FrontierPoint;
use super::moves::Family;
use super::search::{Joint, JointOptions};
use crate::assemble::spot_quotes;
use crate::simulate::Staged;
use nodeplan_model::answer::{InputFile, Money};
use nodeplan_model::joint::{
    Finale, FloorAnswer, FrontierAnswer, JointAnswer, JointFrozen, JointPool, JointStep,
    PartAnswer, Setting,
};
use nodeplan_model::problem::Problem;
use nodeplan_model::resources::Resources;
use nodeplan_model::scenario::{AutoscalerProfile, Autoscaling, Metric, Provisioning, Scenario};
use nodeplan_model::units::Spend;

use super::trial::{Trial, pending};

/// The answer of a search under these options.
#[must_use]
pub fn joint_answer(
    problem: &Problem,
    staged: &Staged,
    (joint, options): (&Joint, &JointOptions),
    inputs: Vec<InputFile>,
) -> JointAnswer {
    let scenario = &staged.scenario;
    let parts = problem.parts();
    let whole = joint.whole.run.scorecard.millis;
    let seen = joint.seen.run.scorecard.millis;
    let month = |amount: i128| {
        let spend = Spend(amount.unsigned_abs());
        Money(Money::month_of(spend, whole).0 * amount.signum())
    };
    let floor = joint.floor.as_ref().zip(joint.shares).map(|(floored, shares)| FloorAnswer {
        cost: Money::of(floored.check.spend),
        month: Money::month_of(floored.check.spend, whole),
        halved: !options.frozen.contains(&Family::Requests),
        start_up: month(shares.start_up),
        head_room: month(shares.head_room),
        packing: month(shares.packing),
    });
    let spot = joint.design.pools.iter().any(|pool| pool.spot);
    let quotes = spot.then(spot_quotes);
    let (costs, met) = &joint.replications;
    let at = |percent: usize| Money::month_of(percentile(costs, percent), seen);
    JointAnswer {
        inputs,
        region: parts.region.clone(),
        currency: parts.currency.clone(),
        layout: joint.layout.name.clone(),
        pools: pools(joint),
        settings: settings(problem, scenario, joint),
        parts: vec![
            part("seen", &joint.seen, scenario),
            part("unseen", &joint.unseen, scenario),
            part("whole", &joint.whole, scenario),
        ],
        floor,
        finale: Finale {
            runs: u32::try_from(costs.len()).unwrap_or(u32::MAX),
            met: *met,
            median: at(50),
            high: at(95),
            hazards: joint.hazards.words(spot),
            reached: joint.reached.clone(),
        },
        steps: joint
            .steps
            .iter()
            .map(|step| JointStep {
                runs: step.runs,
                month: Money::month_of(step.spend, seen),
                met: step.short == 0,
                family: match step.harder {
                    true => Some("harder tests".to_owned()),
                    false => step.by.map(|by| by.name()),
                },
            })
            .collect(),
        runs: joint.runs,
        seed: scenario.seed,
        cut_short: false,
        frozen: Vec::new(),
        frontier: Vec::new(),
        out_of_reach: out_of_reach(problem, scenario, joint),
        assumptions: staged.assumptions.iter().cloned().chain(quotes).collect(),
        again: Vec::new(),
    }
}

fn out_of_reach(problem: &Problem, scenario: &Scenario, joint: &Joint) -> Vec<String> {
    let word = |(at, best): &(usize, u64)| {
        let asked = scenario.loads[*at].objective.share;
        beyond(&problem.workloads()[*at].full_name(), *best, asked)
    };
    joint.demands.out_of_reach.iter().map(word).collect()
}

/// An objective that is out of reach, and what to do about it.
fn beyond(name: &str, best: u64, asked: u64) -> String {
    let percent = |share: u64| format!("{}.{:02} %", share / 10_000, share / 100 % 100);
    format!(
        "{name}: with as many pods as there may be only {} are answered in time, {} are asked for; \
         loosen its `slo`, or give it a higher CPU limit or more replicas",
        percent(best),
        percent(asked),
    )
}

/// What searches with frozen families found, for the answer that is the best of them.
#[must_use]
pub fn frozen_answer(found: &Ablation) -> Vec<JointFrozen> {
    let seen = found.joint.seen.run.scorecard.millis;
    let rows = found.rows.iter().enumerate().map(|(at, one)| JointFrozen {
        family: one.frozen.map(|family| family.name().to_owned()),
        high: Money::month_of(one.high, seen),
        met: one.met,
        answer: at == found.best,
    });
    rows.collect()
}

/// What other wishes would cost, for the answer of the search.
#[must_use]
pub fn frontier_answer(points: &[FrontierPoint]) -> Vec<FrontierAnswer> {
    points.iter().map(frontier_row).collect()
}

fn frontier_row(one: &FrontierPoint) -> FrontierAnswer {
    let score = &one.whole.run.scorecard;
    let milli = |part: u128, all: u128| {
        (part * 1000).checked_div(all).map_or(0, |share| u64::try_from(share).unwrap_or(1000))
    };
    let sku =
        |at: &nodeplan_model::plan::NodePool| one.layout.problem.sku(at.kind.sku).name.clone();
    FrontierAnswer {
        allowed_milli: one.allowed_milli,
        traffic_milli: one.traffic_milli,
        sizes: one.layout.plan.pools.iter().map(sku).collect(),
        month: Money::month_of(score.spend, score.millis),
        missed: one.missed,
        met: met(&one.whole),
        kept: one.whole.short == 0,
        head_room_milli: milli(
            score.requested.saturating_sub(score.used).into(),
            score.requested.into(),
        ),
        spot_milli: one.spot_milli,
        knee: one.knee,
    }
}

/// Whether all objectives hold as asked, those out of reach included.
fn met(trial: &Trial) -> bool {
    trial.short == 0 && trial.run.scorecard.met()
}

fn part(name: &str, trial: &Trial, scenario: &Scenario) -> PartAnswer {
    let score = trial.run.scorecard.clone();
    PartAnswer {
        name: name.to_owned(),
        cost: Money::of(score.spend),
        month: Money::month_of(score.spend, score.millis),
        met: met(trial),
        kept: trial.short == 0,
        pending_p95_millis: pending(&trial.run, scenario),
        score,
    }
}

fn pools(joint: &Joint) -> Vec<JointPool> {
    let timeline = &joint.whole.run.timeline;
    let millis = u128::from(joint.whole.run.scorecard.millis.max(1));
    let rows = joint.layout.plan.pools.iter().zip(&joint.design.pools).zip(&timeline.node_millis);
    rows.map(|((pool, bounds), time)| JointPool {
        name: pool.name.clone(),
        size: joint.layout.problem.sku(pool.kind.sku).name.clone(),
        spot: bounds.spot,
        min: bounds.min,
        max: bounds.max,
        mean_milli: u64::try_from(time.saturating_mul(1000) / millis).unwrap_or(u64::MAX),
    })
    .collect()
}

/// What differs from the inputs.
fn settings(problem: &Problem, scenario: &Scenario, joint: &Joint) -> Vec<Setting> {
    let mut all = Vec::new();
    let design = &joint.design;
    for (at, workload) in problem.workloads().iter().enumerate() {
        let (Some(before), Some(after)) = (&scenario.scaling[at], &design.scaling[at]) else {
            continue;
        };
        let rows = told(before).into_iter().zip(told(after));
        for ((what, before), (_, after)) in rows {
            if before != after {
                all.push(Setting {
                    of: workload.full_name(),
                    what: what.to_owned(),
                    before: Some(before),
                    after,
                });
            }
        }
    }
    all.extend(pod_settings(problem, joint));
    let rows = profile(&scenario.autoscaler).into_iter().zip(profile(&design.autoscaler));
    for ((what, before), (_, after)) in rows {
        if before != after {
            let of = "cluster autoscaler".to_owned();
            all.push(Setting { of, what: what.to_owned(), before: Some(before), after });
        }
    }
    let maker = |one: &Provisioning| match one {
        Provisioning::ClusterAutoscaler => "cluster autoscaler",
        Provisioning::NodeAutoProvisioning(_) => "node auto-provisioning",
    };
    if scenario.provisioning != design.provisioning {
        all.push(Setting {
            of: "cluster".to_owned(),
            what: "nodes are made by".to_owned(),
            before: Some(maker(&scenario.provisioning).to_owned()),
            after: maker(&design.provisioning).to_owned(),
        });
    }
    all
}

/// Requests that differ from those of the inputs, and pods that keep room.
fn pod_settings(problem: &Problem, joint: &Joint) -> Vec<Setting> {
    let amount = |request: &Resources| {
        let mebi = request.memory.0.div_ceil(1 << 20);
        format!("{}m CPU, {mebi}Mi", request.cpu.0)
    };
    let designed = joint.layout.problem.workloads();
    let rows = problem.workloads().iter().zip(designed);
    let differ = rows.filter(|(own, new)| own.request != new.request);
    let mut all: Vec<Setting> = differ
        .map(|(own, new)| Setting {
            of: own.full_name(),
            what: "requests".to_owned(),
            before: Some(amount(&own.request)),
            after: amount(&new.request),
        })
        .collect();
    if let (true, Some(keeper)) = (joint.layout.pods.keepers > 0, designed.last()) {
        all.push(Setting {
            of: keeper.full_name(),
            what: "pods of low priority that keep room".to_owned(),
            before: None,
            after: format!("{} of {}", joint.layout.pods.keepers, amount(&keeper.request)),
        });
    }
    all
}

/// An autoscaler in words.
fn told(one: &Autoscaling) -> Vec<(&'static str, String)> {
    let metrics: Vec<String> = one
        .metrics
        .iter()
        .map(|metric| match metric {
            Metric::CpuUtilization(percent) => format!("CPU {percent}%"),
            Metric::MemoryUtilization(percent) => format!("memory {percent}%"),
            Metric::ContainerCpu(percent) => format!("container CPU {percent}%"),
            Metric::ContainerMemory(percent) => format!("container memory {percent}%"),
            Metric::QueueLength(messages) => format!("{messages} messages a pod"),
            Metric::RequestsPerPod(rate) => format!("{} requests/1000 s a pod", rate),
            Metric::CpuAverage(milli) => format!("CPU {milli}m a pod"),
            Metric::MemoryAverage(bytes) => format!("memory {} MiB a pod", bytes.div_ceil(1 << 20)),
            Metric::RequestsValue(rate) => format!("{} requests/1000 s in all", rate),
            Metric::QueueValue(messages) => format!("{messages} messages in all"),
        })
        .collect();
    let behavior = one.behavior.as_ref().map_or("the API's defaults".to_owned(), |behavior| {
        let window = behavior.down.window_seconds.map_or("usual".to_owned(), |s| format!("{s} s"));
        let policies = behavior.up.policies.as_ref().map_or(0, Vec::len);
        let up = behavior.up.policies.iter().flatten().map(|policy| {
            let unit = if policy.percent { "%" } else { " pods" };
            format!("{}{unit}/{} s", policy.value, policy.period_seconds)
        });
        let up: Vec<String> = up.collect();
        let up = if policies == 0 { "usual".to_owned() } else { up.join(" or ") };
        format!("up {up}, down after {window}")
    });
    let clock = |second: u32| format!("{:02}:{:02}", second / 3600, second / 60 % 60);
    let schedules: Vec<String> = one
        .schedules
        .iter()
        .map(|row| {
            format!("{} from {} to {}", row.min, clock(row.from_second), clock(row.to_second))
        })
        .collect();
    vec![
        ("target", metrics.join(", ")),
        ("min replicas", one.min.to_string()),
        ("max replicas", one.max.to_string()),
        ("behavior", behavior),
        (
            "scheduled minimums",
            if schedules.is_empty() { "none".to_owned() } else { schedules.join("; ") },
        ),
    ]
}

fn profile(one: &AutoscalerProfile) -> Vec<(&'static str, String)> {
    let seconds = |millis: u64| format!("{} s", millis / 1000);
    vec![
        ("expander", one.expander.name().to_owned()),
        ("scan-interval", seconds(one.scan_millis)),
        ("scale-down-unneeded-time", seconds(one.unneeded_millis)),
        ("scale-down-delay-after-add", seconds(one.delay_after_add_millis)),
        ("scale-down-utilization-threshold", format!("0.{:03}", one.utilization_milli.min(999))),
    ]
}
