//! What the solver hands over: node pools with their content, and how sure it is.

use crate::certificate::Certificate;
use crate::ids::WorkloadId;
use crate::problem::PoolKind;
use crate::units::{Spend, UsdPerHour};
use serde::{Deserialize, Serialize};

/// Node-pool mode of AKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PoolMode {
    /// May host the platform's add-ons.
    System,
    /// Anything else.
    User,
}

/// A number of nodes with equal content (a column of the master LP and how often it is used).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packing {
    /// Nodes that hold exactly this.
    pub nodes: u32,
    /// Pods per workload on each of them, sorted by workload, counts positive.
    pub content: Vec<(WorkloadId, u32)>,
}

/// One node pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodePool {
    /// AKS pool name (`^[a-z][a-z0-9]{0,11}$`).
    pub name: String,
    /// Size, group and max pods.
    pub kind: PoolKind,
    /// Mode.
    pub mode: PoolMode,
    /// Content per load point; the pool's node count there is the sum of `nodes`.
    pub packings: Vec<Vec<Packing>>,
}

impl NodePool {
    /// Nodes at load point `point`.
    #[must_use]
    pub fn nodes(&self, point: usize) -> u64 {
        self.packings[point].iter().map(|packing| u64::from(packing.nodes)).sum()
    }
}

/// A placement of every pod at every load point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Pools, each used at one load point at least.
    pub pools: Vec<NodePool>,
}

/// How the search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// No cheaper plan exists (the judge's bound equals the cost).
    Optimal,
    /// A legal plan with a bound below its cost.
    Feasible,
    /// No plan can exist; reasons are given.
    Infeasible,
    /// The work limit or an interrupt came before any plan.
    OutOfWork,
}

/// Why a workload can be on no node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unplaceable {
    /// The workload (for a missing system pool: none).
    pub workload: Option<WorkloadId>,
    /// The reason with numbers, in scheduler terms.
    pub reason: String,
}

/// Work done, in the units of the solver's table (never seconds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Labels made in pricing.
    pub labels: u64,
    /// Simplex iterations.
    pub iterations: u64,
    /// Branches of the search tree.
    pub branches: u64,
}

/// What the solver returns: a plan and the proof of a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solution {
    /// How the search ended, as far as the solver knows; the judge decides.
    pub status: Status,
    /// The plan; absent where infeasible or out of work.
    pub plan: Option<Plan>,
    /// Proof of the bound.
    pub certificate: Option<Certificate>,
    /// Why there is no plan.
    pub unplaceable: Vec<Unplaceable>,
    /// Work done.
    pub work: Work,
}

/// A constraint violation found by the judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Code, explained in docs/errors.md.
    pub code: String,
    /// Pool, workload or certificate node.
    pub place: String,
    /// What is wrong, with numbers.
    pub text: String,
}

/// The judge's word on a plan and a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Violations; empty means legal and consistent.
    pub findings: Vec<Finding>,
    /// Rate of the whole plan at each load point.
    pub rates: Vec<UsdPerHour>,
    /// Σ weight × rate over the load points.
    pub cost: Spend,
    /// Proven lower bound on `cost` of any legal plan, rounded up to the lattice.
    pub bound: Spend,
    /// Lattice step: the cost of some cheapest plan is a multiple of it.
    pub lattice: Spend,
    /// What was checked, for people.
    pub checked: Checked,
}

/// Counts of what the judge checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Nodes over all load points.
    pub nodes: u64,
    /// Pods over all load points.
    pub pods: u64,
    /// Leaves of the certificate.
    pub leaves: u64,
    /// Pool kinds × load points priced exactly.
    pub priced: u64,
    /// Pool kinds skipped because another was shown to hold no less and cost no more.
    pub dominated: u64,
    /// Work units the judge spent.
    pub work: u64,
    /// Knapsacks cut short by the work limit: the bound is weaker, never wrong.
    pub cut_short: u64,
}

impl Verdict {
    /// Whether the plan is legal and its cost equals the bound.
    #[must_use]
    pub fn optimal(&self) -> bool {
        self.findings.is_empty() && self.cost == self.bound
    }
}
