//! Everything a report shows, already computed: reports compute no number.
//!
//! Made by the front door from a problem, a verified plan and the judge's verdict. Amounts stay
//! integers; a report only formats them.

use crate::catalog::Exclusion;
use crate::plan::{Checked, PoolMode, Status, Work};
use crate::units::{Bytes, Date, HOUR_MILLIS, MONTH_HOURS, Spend, UsdPerHour};
use crate::workload::QosClass;
use serde::{Deserialize, Serialize};

/// An amount of money, or a difference of two, in billionths of the currency unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub i128);

impl Money {
    /// A cost, rounded down to a billionth.
    #[must_use]
    pub fn of(spend: Spend) -> Self {
        Self(i128::try_from(spend.0 / u128::from(HOUR_MILLIS)).unwrap_or(i128::MAX))
    }

    /// Cost of a month of [`MONTH_HOURS`] at the mean rate of `spend` over `millis`, rounded to
    /// the nearest billionth. Nothing where `millis` is 0.
    #[must_use]
    pub fn month_of(spend: Spend, millis: u64) -> Self {
        if millis == 0 {
            return Self(0);
        }
        let millis = u128::from(millis);
        let month = spend.0.saturating_mul(u128::from(MONTH_HOURS)).saturating_add(millis / 2);
        Self(i128::try_from(month / millis).unwrap_or(i128::MAX))
    }

    /// `self` − `other`.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self` as thousandths of `whole`, rounded to the nearest; 0 where `whole` is 0.
    #[must_use]
    pub fn per_mille_of(self, whole: Self) -> i64 {
        if whole.0 == 0 {
            return 0;
        }
        let twice = self.0.saturating_mul(2000) / whole.0;
        i64::try_from((twice + twice.signum()) / 2).unwrap_or(i64::MAX)
    }
}

/// The mean rate of `spend` over `millis`, rounded to the nearest billionth.
#[must_use]
pub fn mean_rate(spend: Spend, millis: u64) -> UsdPerHour {
    if millis == 0 {
        return UsdPerHour(0);
    }
    let millis = u128::from(millis);
    let mean = spend.0.saturating_add(millis / 2) / millis;
    UsdPerHour(u64::try_from(mean).unwrap_or(u64::MAX))
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Path as given.
    pub path: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
}

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Input files.
    pub inputs: Vec<InputFile>,
    /// Azure region.
    pub region: String,
    /// ISO currency code.
    pub currency: String,
    /// Day of the newest price.
    pub catalog_date: Date,
    /// Workloads of the user.
    pub workloads: u64,
    /// Workloads of the platform that the plan holds as well.
    pub system_workloads: u64,
    /// Most pods of the user over the load points.
    pub most_pods: u64,
    /// How the search ended.
    pub status: Status,
    /// What a plan would have to look like, where there is none; else empty.
    pub unplaceable: Vec<Notice>,
    /// Load points, with the plan's cost at each.
    pub points: Vec<PointCost>,
    /// Node pools.
    pub pools: Vec<PoolAnswer>,
    /// Mean over the load points; absent without a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<UsdPerHour>,
    /// Per month; absent without a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Money>,
    /// How sure the answer is.
    pub proof: Proof,
    /// Other ways to choose pools under the same rules, dearest saving last.
    pub baselines: Vec<Alternative>,
    /// Hand-made designs.
    pub designs: Vec<DesignAnswer>,
    /// The cost with every workload in pools of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Alternative>,
    /// The cost with one value of max pods for all pools, where each may choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_max_pods: Option<Alternative>,
    /// Cost at 1..N pools.
    pub pool_counts: Vec<PoolCount>,
    /// Oddities of the input.
    pub warnings: Vec<Notice>,
    /// Assumptions, most important first.
    pub assumptions: Vec<String>,
}

/// A remark with a code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Notice {
    /// Code, explained in docs/errors.md; empty where there is none.
    pub code: String,
    /// Workload, pool or place in a file.
    pub place: String,
    /// The remark, with numbers.
    pub text: String,
}

/// One load point and what the plan costs there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointCost {
    /// Name.
    pub name: String,
    /// Milliseconds of a day.
    pub weight_millis: u64,
    /// Pods of the user.
    pub pods: u64,
    /// Nodes of the plan.
    pub nodes: u64,
    /// Rate of the plan; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<UsdPerHour>,
}

/// One node pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolAnswer {
    /// AKS pool name.
    pub name: String,
    /// Mode.
    pub mode: PoolMode,
    /// Size.
    pub sku: String,
    /// vCPUs of one node.
    pub vcpus: u32,
    /// Nominal memory of one node.
    pub memory: Bytes,
    /// Max pods per node.
    pub max_pods: u32,
    /// Rate of one node.
    pub rate: UsdPerHour,
    /// Labels its nodes must carry, `key=value`.
    pub labels: Vec<String>,
    /// Only workloads that ask for this pool get in.
    pub exclusive: bool,
    /// Its nodes are spot nodes, and the rate is a quote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spot: bool,
    /// That quote is estimated from others of the family.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rate_estimated: bool,
    /// Its capacity rests on an extrapolated formula.
    pub estimated: bool,
    /// Fewest nodes over the load points.
    pub least: u64,
    /// Most nodes over the load points.
    pub most: u64,
    /// Cost per month.
    pub month: Money,
    /// State at each load point, in their order.
    pub points: Vec<PoolPoint>,
    /// Workloads it holds, with pods at each load point.
    pub workloads: Vec<PoolWorkload>,
    /// What keeps another pod out, the most common first.
    pub binds: Vec<Bind>,
    /// Nodes at the busiest load point with room for at least one more pod of its workloads.
    pub open_nodes: u64,
    /// Cheapest other size that could carry every node's content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<RunnerUp>,
}

/// A pool at one load point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolPoint {
    /// Nodes.
    pub nodes: u64,
    /// Pods, those of add-on DaemonSets included.
    pub pods: u64,
    /// Resources, CPU and memory first.
    pub usage: Vec<Usage>,
}

/// A resource over all nodes of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// `cpu`, `memory`, `pods`, `gpu`, `disks`, `ephemeral` or a name of the problem.
    pub resource: String,
    /// Requested by pods, DaemonSets included, in the resource's base unit (m, bytes, count).
    pub requested: u128,
    /// Allocatable on all nodes.
    pub allocatable: u128,
    /// requested / allocatable in thousandths, rounded to the nearest; 0 where there is none.
    pub ratio: u32,
    /// Σ limits / allocatable in thousandths, a missing limit counted as one node's
    /// allocatable; only for CPU and memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits_ratio: Option<u32>,
    /// Pods without that limit.
    pub unlimited_pods: u64,
}

/// Pods of one workload in a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolWorkload {
    /// Full name.
    pub name: String,
    /// One of the platform's own.
    pub system: bool,
    /// Pods at each load point.
    pub pods: Vec<u64>,
}

/// Where the pods of a workload are and could be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadAnswer {
    /// Full name.
    pub name: String,
    /// Request of one pod in words.
    pub request: String,
    /// The same with the share of the limits that counts.
    pub packed: String,
    /// Class that Kubernetes computes.
    pub qos: QosClass,
    /// Pods at each load point.
    pub pods: Vec<u32>,
    /// Pools with its pods at each load point.
    pub pools: Vec<(String, Vec<u64>)>,
    /// Sizes of which a node could hold one of its pods.
    pub sizes_that_fit: u64,
    /// Sizes considered.
    pub sizes: u64,
    /// The cheapest of them with its rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cheapest: Option<(String, UsdPerHour)>,
}

/// A resource or rule that keeps another pod off nodes of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Resource or rule.
    pub what: String,
    /// Nodes on which it is the first thing short for the pod that comes closest to fitting.
    pub nodes: u64,
    /// Nodes of the pool at its busiest load point.
    pub of: u64,
}

/// Another size for a pool, content unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerUp {
    /// Size.
    pub sku: String,
    /// What it costs more (or less, below zero: it would break another rule) per month.
    pub extra: Money,
}

/// How sure the answer is, and relative to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// No cheaper plan exists.
    pub optimal: bool,
    /// Proven lower bound per month; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Money>,
    /// (cost − bound) / cost in millionths, rounded up; absent without a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_ppm: Option<u64>,
    /// Sizes considered.
    pub sizes: u64,
    /// Sizes left out, by reason.
    pub excluded: Vec<Exclusion>,
    /// Rules in force, one phrase each.
    pub rules: Vec<String>,
    /// What the judge checked.
    pub checked: Checked,
    /// Work of the solver.
    pub work: Work,
}

/// Another plan to compare the answer with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alternative {
    /// Short name.
    pub name: String,
    /// Cost per month; absent where it finds no legal plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Money>,
    /// Its cost − the answer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving: Option<Money>,
    /// Saving in thousandths of its cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving_per_mille: Option<i64>,
    /// Its pools in one phrase, or why there is none.
    pub note: String,
}

/// A hand-made design, priced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesignAnswer {
    /// File or name.
    pub name: String,
    /// Pools in the order of the design.
    pub pools: Vec<DesignPool>,
    /// Rate at each load point.
    pub rates: Vec<UsdPerHour>,
    /// Cost per month.
    pub month: Money,
    /// Its cost − the answer's; absent without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving: Option<Money>,
    /// Saving in thousandths of its cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saving_per_mille: Option<i64>,
    /// Rules it breaks.
    pub breaches: Vec<Notice>,
}

/// One pool of a hand-made design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesignPool {
    /// Name.
    pub name: String,
    /// Size.
    pub sku: String,
    /// Workloads.
    pub workloads: Vec<String>,
    /// Nodes at each load point.
    pub nodes: Vec<u64>,
    /// Fewest nodes.
    pub least: u64,
    /// Most nodes.
    pub most: u64,
    /// Cost per month.
    pub month: Money,
    /// The counts were left out of the design and computed.
    pub computed: bool,
}

/// The best plan with a number of pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolCount {
    /// Most pools.
    pub pools: u32,
    /// Cost per month; absent where no plan was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Money>,
    /// Proven bound per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Money>,
    /// How the search ended.
    pub status: Status,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_mean_rate_times_730() {
        for (high, low, month) in [
            (1_528_000_000, 1_528_000_000, 1_115_440_000_000),
            (3_000_000_000, 0, 730_000_000_000),
            (1, 0, 243),
        ] {
            let spend = Spend(high * 8 * 3_600_000 + low * 16 * 3_600_000);
            assert_eq!(Money::month_of(spend, 24 * 3_600_000), Money(month), "{high} {low}");
        }
        assert_eq!(Money::month_of(Spend(5), 0), Money(0));
    }

    #[test]
    fn shares_round_to_the_nearest_thousandth() {
        for (part, whole, share) in
            [(1, 3, 333), (2, 3, 667), (-1, 3, -333), (5, 0, 0), (1, 2000, 1)]
        {
            assert_eq!(Money(part).per_mille_of(Money(whole)), share, "{part}/{whole}");
        }
    }
}
