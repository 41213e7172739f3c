//! What the search under load found, computed for reports.

use crate::answer::{InputFile, Money};
use crate::run::Estimate;
use crate::scorecard::Scorecard;
use serde::{Deserialize, Serialize};

/// A setting of the design, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Workload, pool or `cluster autoscaler`.
    pub of: String,
    /// Which: `max replicas`.
    pub what: String,
    /// As the inputs had it; none: not at all.
    pub before: Option<String>,
    /// As the design has it.
    pub after: String,
}

/// A run of the design on a part of the trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartAnswer {
    /// `seen`, `unseen`, `whole`.
    pub name: String,
    /// What the run cost.
    pub cost: Money,
    /// A month at that rate.
    pub month: Money,
    /// Whether everything asked for is met, objectives out of reach included.
    pub met: bool,
    /// Whether all of it is met that is in reach.
    #[serde(default)]
    pub kept: bool,
    /// 95th percentile of how long pods waited for a node, those that only keep room apart,
    /// milliseconds.
    #[serde(default)]
    pub pending_p95_millis: u64,
    /// Its score.
    pub score: Scorecard,
}

/// A pool of the design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointPool {
    /// Name.
    pub name: String,
    /// Size.
    pub size: String,
    /// Its nodes are spot nodes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spot: bool,
    /// Fewest nodes.
    pub min: u32,
    /// Most nodes.
    pub max: u32,
    /// Mean number of nodes over the whole trace, thousandths.
    pub mean_milli: u64,
}

/// An improvement of the search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointStep {
    /// Simulated runs until then.
    pub runs: u32,
    /// Cost a month on the part seen.
    pub month: Money,
    /// Whether everything in reach was met.
    pub met: bool,
    /// Which family of variables made it; none: a start.
    pub family: Option<String>,
}

/// The floor and what lies above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloorAnswer {
    /// No design that meets the objectives costs less over the whole trace.
    pub cost: Money,
    /// A month at that rate.
    pub month: Money,
    /// Requests were a choice: designs whose pods request less than half the CPU are not meant.
    #[serde(default)]
    pub halved: bool,
    /// Of the month above it: nodes and pods take time to come.
    pub start_up: Money,
    /// Pods beyond those that the floor needs.
    pub head_room: Money,
    /// The rest: room on nodes that no pod has, and what the floor cannot prove.
    pub packing: Money,
}

/// Runs of the design under several seeds, with what may go wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finale {
    /// What goes wrong, in words.
    pub hazards: Vec<String>,
    /// How many.
    pub runs: u32,
    /// In how many everything in reach is met.
    pub met: u32,
    /// Median cost a month.
    pub median: Money,
    /// 95th percentile of it.
    pub high: Money,
    /// Share of good service per workload, parts per million, with its 95 % interval.
    pub reached: Vec<Option<Estimate>>,
}

/// A design that none beats in cost, service, traffic and spot share at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontierAnswer {
    /// Misses that the search allowed, thousandths of those of the objectives.
    pub allowed_milli: u64,
    /// Traffic under which the search kept the objectives, thousandths of that of the trace.
    #[serde(default = "as_traced")]
    pub traffic_milli: u64,
    /// Sizes of its pools.
    pub sizes: Vec<String>,
    /// Cost a month over the whole trace.
    pub month: Money,
    /// Requests missed over the whole trace, parts per million.
    pub missed: u64,
    /// Whether it meets the objectives as asked.
    pub met: bool,
    /// Whether it meets those in reach.
    #[serde(default)]
    pub kept: bool,
    /// CPU requested but not used, thousandths of what is requested.
    pub head_room_milli: u64,
    /// Node time on spot, thousandths.
    pub spot_milli: u64,
    /// Whether the frontier bends most here.
    pub knee: bool,
}

/// Traffic as the trace has it.
fn as_traced() -> u64 {
    1000
}

/// The best design where a family of variables is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JointFrozen {
    /// The family; none: nothing more than was asked for.
    pub family: Option<String>,
    /// 95th percentile of the cost a month on the part seen, over the seeds.
    pub high: Money,
    /// In how many of the seeds everything demanded is met.
    pub met: u32,
    /// Whether its design is the answer.
    #[serde(default)]
    pub answer: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointAnswer {
    /// Files it was made from.
    pub inputs: Vec<InputFile>,
    /// Azure region.
    pub region: String,
    /// ISO currency code.
    pub currency: String,
    /// Which limits gave the pools.
    pub layout: String,
    /// Pools.
    pub pools: Vec<JointPool>,
    /// What differs from the inputs.
    pub settings: Vec<Setting>,
    /// Runs on the part seen, the part not seen, and the whole trace.
    pub parts: Vec<PartAnswer>,
    /// The floor.
    pub floor: Option<FloorAnswer>,
    /// Several seeds.
    pub finale: Finale,
    /// How the search went.
    pub steps: Vec<JointStep>,
    /// Simulated runs of the search.
    pub runs: u32,
    /// Seed of the runs.
    #[serde(default)]
    pub seed: u64,
    /// Whether an interrupt or a time limit ended the search: the answer is the best design until then.
    #[serde(default)]
    pub cut_short: bool,
    /// What the search finds with one family frozen after the other, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<JointFrozen>,
    /// What other wishes would cost, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frontier: Vec<FrontierAnswer>,
    /// Objectives that no number of pods can meet, in words.
    pub out_of_reach: Vec<String>,
    /// Assumptions.
    pub assumptions: Vec<String>,
    /// How to run the design again.
    pub again: Vec<String>,
}
