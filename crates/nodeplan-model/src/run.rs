//! A simulated run as reports and documents show it: the timeline, its score, and the figures
//! drawn from both. Whoever writes it for people rounds, but computes nothing.

use crate::answer::{InputFile, Money};
use crate::scenario::Scenario;
use crate::scorecard::Scorecard;
use crate::timeline::Timeline;
use serde::{Deserialize, Serialize};

/// One pool over a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPool {
    /// Name.
    pub name: String,
    /// Size.
    pub sku: String,
    /// Fewest nodes paid for.
    pub least: u32,
    /// Mean nodes paid for, thousandths.
    pub mean_milli: u64,
    /// Most nodes paid for.
    pub most: u32,
    /// Nodes the plan has at most.
    pub planned: u64,
    /// CPU requested over allocatable, thousandths.
    pub requested_per_mille: u32,
    /// CPU used over allocatable, thousandths.
    pub used_per_mille: u32,
    /// Node time, thousandths of an hour.
    pub node_hours_milli: u64,
}

/// A quantity over time, in equal parts of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// What: `arrivals/s`, `ready pods`, `nodes`, `pending pods`.
    pub what: String,
    /// Of which workload or pool; empty: of all.
    pub of: String,
    /// Unit: `%`, `ms`, `s`, a currency; empty: a number of them.
    #[serde(default)]
    pub unit: String,
    /// Whether it is shown only where all is asked for.
    #[serde(default)]
    pub detail: bool,
    /// Mean of each part, thousandths; highest of each part for nodes, what waits, and response times.
    pub parts: Vec<u64>,
    /// Least sample, thousandths.
    pub least: u64,
    /// Greatest sample, thousandths.
    pub most: u64,
}

/// A mean over runs with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Mean.
    pub mean: i128,
    /// Half the width of the interval.
    pub half: i128,
    /// Least of the runs.
    pub least: i128,
    /// Greatest of the runs.
    pub most: i128,
}

/// What many runs show of the service of one workload. Counts are thousandths, so that means of few
/// are not lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEstimates {
    /// Requests lost, thousandths.
    pub lost_milli: Estimate,
    /// Minutes that missed the objective, thousandths.
    pub miss_minutes_milli: Estimate,
    /// 95th percentile of response times, microseconds.
    pub p95_micros: Estimate,
    /// 95th percentile of how long pods waited for a node, milliseconds.
    pub pending_p95_millis: Estimate,
    /// Oldest message or job that waited, milliseconds.
    pub oldest_millis: Estimate,
    /// Pods evicted, thousandths.
    pub evictions_milli: Estimate,
    /// Containers killed for memory, thousandths.
    pub oom_kills_milli: Estimate,
}

/// What many runs show, seed by seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replications {
    /// How many runs.
    pub runs: u32,
    /// Seed of the first; the others follow it.
    pub first_seed: u64,
    /// Cost of a month, billionths.
    pub month: Estimate,
    /// Share of good service per workload, parts per million; none without objective.
    pub good: Vec<Option<Estimate>>,
    /// Runs in which each workload kept its objective.
    pub met: Vec<u32>,
    /// Runs in which all did.
    pub all_met: u32,
    /// Node time, thousandths of an hour.
    #[serde(default)]
    pub node_hours_milli: Estimate,
    /// 95th percentile of how long pods waited for a node, milliseconds.
    #[serde(default)]
    pub pending_p95_millis: Estimate,
    /// The rest of what is told of each workload.
    #[serde(default)]
    pub services: Vec<ServiceEstimates>,
    /// How many were asked for, if they were interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<u32>,
}

/// A run with all there is to show of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunAnswer {
    /// Files read. A document lists them at its head.
    #[serde(default, skip_serializing)]
    pub inputs: Vec<InputFile>,
    /// Azure region.
    pub region: String,
    /// ISO currency code.
    pub currency: String,
    /// Names of the workloads, in the problem's order.
    pub workloads: Vec<String>,
    /// Which of them are the platform's own.
    pub system: Vec<bool>,
    /// Pools.
    pub pools: Vec<RunPool>,
    /// Cost of the run.
    pub cost: Money,
    /// Cost of a month of 730 hours at its mean rate.
    pub month: Money,
    /// Cost of a month that the plan states.
    pub planned: Money,
    /// Quantities over time.
    pub trails: Vec<Trail>,
    /// Score.
    pub scorecard: Scorecard,
    /// The length asked for, milliseconds, of a run that was interrupted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<u64>,
    /// Many runs, if asked for.
    pub replications: Option<Replications>,
    /// What was assumed.
    pub assumptions: Vec<String>,
    /// What the run was asked to do.
    pub scenario: Scenario,
    /// What happened.
    pub timeline: Timeline,
}
