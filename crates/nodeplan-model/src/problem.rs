//! What is solved: variable-sized vector bin packing with side constraints.
//!
//! `ProblemParts` is the plain data; `Problem` is the same, checked. Fields are private:
//! constructed means checked.

use crate::catalog::{Exclusion, Sku};
use crate::ids::{GroupId, SkuId, WorkloadId};
use crate::placement;
use crate::resources::Resources;
use crate::units::{Date, MilliCpu, PerMille, UsdPerHour};
use crate::workload::{QosClass, Workload};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How much of a node the platform keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReservationModel {
    /// AKS with Kubernetes 1.29 or newer.
    Aks,
    /// AKS before 1.29.
    AksLegacy,
    /// Node auto-provisioning (Karpenter for Azure).
    NodeAutoProvisioning,
    /// Nothing beyond `Sku::measured`; sizes without one count with their nominal size.
    Measured,
}

/// Where the cluster's own add-ons run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemPool {
    /// A user pool doubles as the system pool.
    Shared,
    /// A pool of its own, tainted.
    Dedicated,
    /// Planned elsewhere: no system pool and no system workloads here.
    None,
}

/// Share of the way from request to limit that is packed, per QoS class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Burst {
    /// Guaranteed pods (their limit equals the request unless it covers other containers).
    pub guaranteed: PerMille,
    /// Burstable pods.
    pub burstable: PerMille,
    /// BestEffort pods.
    pub best_effort: PerMille,
}

impl Burst {
    /// The share for a class.
    #[must_use]
    pub fn of(&self, qos: QosClass) -> PerMille {
        match qos {
            QosClass::Guaranteed => self.guaranteed,
            QosClass::Burstable => self.burstable,
            QosClass::BestEffort => self.best_effort,
        }
    }
}

/// Bounds on Σ limits / allocatable of a node. A missing limit counts as the node's
/// allocatable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overcommit {
    /// CPU; 4000 = four times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<PerMille>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<PerMille>,
}

/// A DaemonSet that takes room on nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddOn {
    /// Name.
    pub name: String,
    /// Request of its pod, one pod slot included.
    pub request: Resources,
    /// Mean CPU use where measured; else 20 % of the request, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_mean: Option<MilliCpu>,
    /// Node labels it selects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_selector: Vec<(String, String)>,
    /// Tolerates every taint (the platform's own do).
    #[serde(default)]
    pub tolerates_all: bool,
}

impl AddOn {
    /// Mean CPU use.
    #[must_use]
    pub fn mean_cpu(&self) -> MilliCpu {
        self.measured_mean.unwrap_or(MilliCpu(PerMille(200).ceil_of(self.request.cpu.0)))
    }
}

/// The rules of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Node reservations.
    pub reservation: ReservationModel,
    /// Whether memory lost to the OS and hypervisor is subtracted.
    pub os_overhead: bool,
    /// Values a pool may choose for its max pods per node; never empty.
    pub max_pods: Vec<u32>,
    /// DaemonSets.
    pub addons: Vec<AddOn>,
    /// System pool.
    pub system_pool: SystemPool,
    /// Most node pools.
    pub max_pools: Option<u32>,
    /// Limits that count as requests.
    pub burst: Burst,
    /// Bound on Σ limits.
    pub overcommit: Overcommit,
    /// Share of each node's allocatable CPU and memory kept free.
    pub headroom: PerMille,
    /// Whether burstable nodes must sustain the mean CPU use of their pods.
    pub sustained_cpu: bool,
    /// Whether a plan may have spot pools, for the workloads that tolerate them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spot: bool,
}

/// One load point: a demand vector and how much of a day it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPoint {
    /// Name, `high`.
    pub name: String,
    /// Milliseconds of a day.
    pub weight_millis: u64,
}

/// A set of pools with the same labels and taints. Derived from the workloads, but for pools that
/// stand already.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Group {
    /// Pool name the workloads ask for, if any.
    pub pool: Option<String>,
    /// Labels beyond the well-known ones that its nodes carry.
    pub labels: Vec<(String, String)>,
    /// Tainted: only workloads of this group get in.
    pub exclusive: bool,
    /// The dedicated system pool.
    pub system: bool,
    /// Spot nodes, whose taint keeps all out that do not tolerate it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spot: bool,
}

/// A kind of pool a plan may hold: size, group, max pods per node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PoolKind {
    /// Group.
    pub group: GroupId,
    /// Size.
    pub sku: SkuId,
    /// Max pods per node.
    pub max_pods: u32,
}

/// What was assumed, not measured or given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// One sentence.
    pub text: String,
}

/// The plain data of a problem.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProblemParts {
    /// Azure region.
    pub region: String,
    /// ISO currency code.
    pub currency: String,
    /// Day of the newest price.
    pub catalog_date: Date,
    /// Eligible sizes, sorted by name.
    pub skus: Vec<Sku>,
    /// Sizes left out, by reason.
    #[serde(default)]
    pub excluded: Vec<Exclusion>,
    /// Rules.
    pub cluster: Cluster,
    /// Workloads, the platform's own included.
    pub workloads: Vec<Workload>,
    /// Load points.
    pub points: Vec<LoadPoint>,
    /// Pods: load points × workloads.
    pub demand: Array2<u32>,
    /// Names of the extended resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extended: Vec<String>,
    /// Groups of pools that stand already, beyond those that workloads ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    /// Assumptions behind the numbers.
    #[serde(default)]
    pub assumptions: Vec<Assumption>,
}

/// A fault in the parts of a problem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// NP2001: no size left.
    #[error("no VM size is eligible in region `{region}`")]
    NoSku {
        /// Region.
        region: String,
    },
    /// NP2002: no load point.
    #[error("a problem needs at least one load point of positive weight")]
    NoLoadPoint,
    /// NP2003: weights beyond one day.
    #[error("load point weights add up to {millis} ms, more than a day's 86400000")]
    WeightTooLarge {
        /// Sum of weights.
        millis: u128,
    },
    /// NP2004: demand array of the wrong shape.
    #[error(
        "demand is {rows} × {columns}, expected load points × workloads = {points} × {workloads}"
    )]
    DemandShape {
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
        /// Load points.
        points: usize,
        /// Workloads.
        workloads: usize,
    },
    /// NP2005: two workloads of one name.
    #[error("workload `{name}` appears twice")]
    DuplicateWorkload {
        /// Full name.
        name: String,
    },
    /// NP2006: two sizes of one name, or out of order.
    #[error("sizes must be sorted by name and distinct; `{name}` is not")]
    SkuOrder {
        /// Size.
        name: String,
    },
    /// NP2007: an amount beyond what sums can hold.
    #[error("{what} of `{name}` is {amount}, more than {limit}, the most a plan can add up")]
    AmountTooLarge {
        /// Quantity.
        what: &'static str,
        /// Workload or size.
        name: String,
        /// Given.
        amount: u64,
        /// Limit.
        limit: u64,
    },
    /// NP2008: no max-pods option, or one of 0.
    #[error("max pods per node must be one or more values of at least 1")]
    MaxPods,
    /// NP2009: a plan of no pools.
    #[error("`max_pools` is 0, but a plan needs at least one pool")]
    NoPools,
    /// NP2010: head-room of 100 % or more.
    #[error("head-room must be below 100 %")]
    Headroom,
    /// NP2011: a workload that runs on no architecture.
    #[error("workload `{name}` runs on no architecture")]
    NoArch {
        /// Full name.
        name: String,
    },
    /// NP2012: a burst share above 100 % or an overcommit factor beyond reason.
    #[error("{what} is {per_mille} thousandths, more than {limit}")]
    FactorTooLarge {
        /// Which of the factors.
        what: &'static str,
        /// Given.
        per_mille: u64,
        /// Limit.
        limit: u64,
    },
}

impl ProblemError {
    /// Its code, explained in docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSku { .. } => "NP2001",
            Self::NoLoadPoint => "NP2002",
            Self::WeightTooLarge { .. } => "NP2003",
            Self::DemandShape { .. } => "NP2004",
            Self::DuplicateWorkload { .. } => "NP2005",
            Self::SkuOrder { .. } => "NP2006",
            Self::AmountTooLarge { .. } => "NP2007",
            Self::MaxPods => "NP2008",
            Self::NoPools => "NP2009",
            Self::Headroom => "NP2010",
            Self::NoArch { .. } => "NP2011",
            Self::FactorTooLarge { .. } => "NP2012",
        }
    }
}

/// A checked problem.
///
/// Invariants: at least one size and one load point; sizes sorted by name; demand is load
/// points × workloads; Σ weights ≤ one day and each > 0; every amount is at most
/// [`Problem::MAX_AMOUNT`] and every rate at most [`Problem::MAX_RATE`], so that all sums over
/// a node fit `u64` and all costs fit `i128`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "ProblemParts", try_from = "ProblemParts")]
pub struct Problem {
    parts: ProblemParts,
    groups: Vec<Group>,
}

impl Problem {
    /// Largest amount of one resource (8 EiB would overflow a sum; this is 4 PiB).
    pub const MAX_AMOUNT: u64 = 1 << 52;
    /// Largest rate: a million dollars an hour, in billionths.
    pub const MAX_RATE: u64 = 1_000_000_000_000_000;
    /// Most pods of one workload at one load point.
    pub const MAX_REPLICAS: u32 = 10_000_000;
    /// Largest burst share: the whole way from request to limit.
    pub const MAX_BURST: PerMille = PerMille(1000);
    /// Largest overcommit factor: a thousand times what a node has.
    pub const MAX_OVERCOMMIT: PerMille = PerMille(1_000_000);

    /// Checks the parts.
    ///
    /// # Errors
    /// Every fault found.
    pub fn new(parts: ProblemParts) -> Result<Self, Vec<ProblemError>> {
        let faults = faults_of(&parts);
        if faults.is_empty() {
            let groups = groups_of(&parts);
            Ok(Self { parts, groups })
        } else {
            Err(faults)
        }
    }

    /// The plain data.
    #[must_use]
    pub fn parts(&self) -> &ProblemParts {
        &self.parts
    }

    /// Eligible sizes, sorted by name.
    #[must_use]
    pub fn skus(&self) -> &[Sku] {
        &self.parts.skus
    }

    /// One size.
    #[must_use]
    pub fn sku(&self, id: SkuId) -> &Sku {
        &self.parts.skus[id.index()]
    }

    /// Rules.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.parts.cluster
    }

    /// Workloads.
    #[must_use]
    pub fn workloads(&self) -> &[Workload] {
        &self.parts.workloads
    }

    /// One workload.
    #[must_use]
    pub fn workload(&self, id: WorkloadId) -> &Workload {
        &self.parts.workloads[id.index()]
    }

    /// Load points.
    #[must_use]
    pub fn points(&self) -> &[LoadPoint] {
        &self.parts.points
    }

    /// Pods: load points × workloads.
    #[must_use]
    pub fn demand(&self) -> &Array2<u32> {
        &self.parts.demand
    }

    /// Number of extended resources.
    #[must_use]
    pub fn extended(&self) -> usize {
        self.parts.extended.len()
    }

    /// Placement groups; the first is the common one.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// One group.
    #[must_use]
    pub fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.index()]
    }

    /// Whether the system pool is a tainted pool of its own.
    #[must_use]
    pub fn dedicated_system(&self) -> bool {
        self.parts.cluster.system_pool == SystemPool::Dedicated
    }

    /// Whether every load point needs a node of a system pool.
    #[must_use]
    pub fn needs_system_node(&self) -> bool {
        self.parts.cluster.system_pool != SystemPool::None
    }

    /// Rate of a node: the quote for spot nodes in a group of these, else on demand. Where a size has
    /// no quote, spot nodes cost what others do.
    #[must_use]
    pub fn rate(&self, kind: PoolKind) -> UsdPerHour {
        let rates = &self.sku(kind.sku).rates;
        let quote = rates.spot.filter(|_| self.group(kind.group).spot);
        quote.map_or(rates.on_demand, |quote| quote.rate)
    }

    /// Every kind of pool a plan may hold, in order of group, size, max pods. A size without a quote
    /// for spot nodes makes no spot pool.
    #[must_use]
    pub fn pool_kinds(&self) -> Vec<PoolKind> {
        let mut kinds = Vec::new();
        for group in 0..self.groups.len() as u32 {
            for sku in 0..self.parts.skus.len() as u32 {
                let Group { system, spot, .. } = self.groups[group as usize];
                if spot && self.parts.skus[sku as usize].rates.spot.is_none() {
                    continue;
                }
                for &max_pods in &self.parts.cluster.max_pods {
                    let kind = PoolKind { group: GroupId(group), sku: SkuId(sku), max_pods };
                    if !system || placement::serves_system(self, kind) {
                        kinds.push(kind);
                    }
                }
            }
        }
        kinds
    }

    /// Pairs (small, large) of load points where no workload has more pods at `small`. Where
    /// both are equal the earlier is the small one. A cluster autoscaler adds and removes
    /// nodes but never swaps them, so no pool may have more nodes at `small`.
    #[must_use]
    pub fn coupled_points(&self) -> Vec<(usize, usize)> {
        let count = self.parts.points.len();
        let below = |s: usize, t: usize| {
            self.parts.demand.row(s).iter().zip(self.parts.demand.row(t)).all(|(a, b)| a <= b)
        };
        let mut pairs = Vec::new();
        for s in 0..count {
            for t in 0..count {
                if s != t && below(s, t) && (s < t || !below(t, s)) {
                    pairs.push((s, t));
                }
            }
        }
        pairs
    }
}

impl TryFrom<ProblemParts> for Problem {
    type Error = String;
    fn try_from(parts: ProblemParts) -> Result<Self, String> {
        Self::new(parts).map_err(|faults| {
            let lines: Vec<String> =
                faults.iter().map(|fault| format!("{}: {fault}", fault.code())).collect();
            lines.join("; ")
        })
    }
}

impl From<Problem> for ProblemParts {
    fn from(problem: Problem) -> Self {
        problem.parts
    }
}

fn groups_of(parts: &ProblemParts) -> Vec<Group> {
    let dedicated = parts.cluster.system_pool == SystemPool::Dedicated;
    let isolated: BTreeSet<&str> = parts
        .workloads
        .iter()
        .filter(|workload| workload.isolate)
        .filter_map(|workload| workload.pool.as_deref())
        .collect();
    let asked_by = |workload: &Workload, spot: bool| Group {
        pool: workload.pool.clone(),
        labels: workload
            .node_selector
            .iter()
            .filter(|(key, _)| !placement::is_well_known(key))
            .cloned()
            .collect(),
        exclusive: workload.pool.as_deref().is_some_and(|pool| isolated.contains(pool)),
        system: false,
        spot,
    };
    let common =
        Group { pool: None, labels: Vec::new(), exclusive: false, system: false, spot: false };
    let mut groups = vec![common.clone()];
    if dedicated {
        groups.push(Group { exclusive: true, system: true, ..common.clone() });
    }
    let placed = || parts.workloads.iter().filter(|workload| !(workload.system && dedicated));
    let own: BTreeSet<Group> = placed().map(|workload| asked_by(workload, false)).collect();
    groups.extend(own.into_iter().filter(|group| *group != common));
    if parts.cluster.spot {
        let tolerant = placed().filter(|workload| workload.spot_ok);
        let spot: BTreeSet<Group> = tolerant.map(|workload| asked_by(workload, true)).collect();
        groups.extend(spot);
    }
    for standing in &parts.groups {
        if !groups.contains(standing) {
            groups.push(standing.clone());
        }
    }
    groups
}

fn faults_of(parts: &ProblemParts) -> Vec<ProblemError> {
    let mut faults = Vec::new();
    if parts.skus.is_empty() {
        faults.push(ProblemError::NoSku { region: parts.region.clone() });
    }
    if parts.points.is_empty() || parts.points.iter().any(|point| point.weight_millis == 0) {
        faults.push(ProblemError::NoLoadPoint);
    }
    let millis: u128 = parts.points.iter().map(|point| u128::from(point.weight_millis)).sum();
    if millis > u128::from(crate::units::DAY_MILLIS) {
        faults.push(ProblemError::WeightTooLarge { millis });
    }
    let (rows, columns) = parts.demand.dim();
    let (points, workloads) = (parts.points.len(), parts.workloads.len());
    if (rows, columns) != (points, workloads) {
        faults.push(ProblemError::DemandShape { rows, columns, points, workloads });
    }
    for pair in parts.skus.windows(2) {
        if pair[0].name >= pair[1].name {
            faults.push(ProblemError::SkuOrder { name: pair[1].name.clone() });
        }
    }
    let cluster = &parts.cluster;
    if cluster.max_pods.is_empty() || cluster.max_pods.contains(&0) {
        faults.push(ProblemError::MaxPods);
    }
    if cluster.max_pools == Some(0) {
        faults.push(ProblemError::NoPools);
    }
    if cluster.headroom.0 >= 1000 {
        faults.push(ProblemError::Headroom);
    }
    faults_of_factors(cluster, &mut faults);
    faults_of_workloads(parts, &mut faults);
    faults_of_amounts(parts, &mut faults);
    faults
}

fn faults_of_factors(cluster: &Cluster, faults: &mut Vec<ProblemError>) {
    let Burst { guaranteed, burstable, best_effort } = cluster.burst;
    let Overcommit { cpu, memory } = cluster.overcommit;
    for (what, factor, limit) in [
        ("the burst share of Guaranteed pods", Some(guaranteed), Problem::MAX_BURST),
        ("the burst share of Burstable pods", Some(burstable), Problem::MAX_BURST),
        ("the burst share of BestEffort pods", Some(best_effort), Problem::MAX_BURST),
        ("the overcommit factor of CPU", cpu, Problem::MAX_OVERCOMMIT),
        ("the overcommit factor of memory", memory, Problem::MAX_OVERCOMMIT),
    ] {
        if let Some(given) = factor.filter(|given| *given > limit) {
            let (per_mille, limit) = (u64::from(given.0), u64::from(limit.0));
            faults.push(ProblemError::FactorTooLarge { what, per_mille, limit });
        }
    }
}

fn faults_of_workloads(parts: &ProblemParts, faults: &mut Vec<ProblemError>) {
    let mut names = BTreeSet::new();
    for workload in &parts.workloads {
        if !names.insert((&workload.namespace, &workload.name)) {
            faults.push(ProblemError::DuplicateWorkload { name: workload.full_name() });
        }
        if workload.arches.is_empty() {
            faults.push(ProblemError::NoArch { name: workload.full_name() });
        }
    }
}

fn faults_of_amounts(parts: &ProblemParts, faults: &mut Vec<ProblemError>) {
    let mut check = |what: &'static str, name: &str, amount: u64, limit: u64| {
        if amount > limit {
            let name = name.to_owned();
            faults.push(ProblemError::AmountTooLarge { what, name, amount, limit });
        }
    };
    let extended = parts.extended.len();
    for workload in &parts.workloads {
        let name = &workload.full_name();
        let largest = workload.request.row(extended).into_iter().max().unwrap_or(0);
        check("a request", name, largest, Problem::MAX_AMOUNT);
        check("the CPU limit", name, workload.cpu_limit.map_or(0, |c| c.0), Problem::MAX_AMOUNT);
        let memory = workload.memory_limit.map_or(0, |m| m.0);
        check("the memory limit", name, memory, Problem::MAX_AMOUNT);
        check("the mean CPU use", name, workload.cpu_mean.0, Problem::MAX_AMOUNT);
    }
    for (workload, pods) in parts.workloads.iter().zip(parts.demand.columns()) {
        let most = pods.iter().copied().max().unwrap_or(0);
        let limit = u64::from(Problem::MAX_REPLICAS);
        check("the number of pods", &workload.full_name(), u64::from(most), limit);
    }
    for sku in &parts.skus {
        check("the rate", &sku.name, sku.rates.on_demand.0, Problem::MAX_RATE);
        let spot = sku.rates.spot.map_or(0, |quote| quote.rate.0);
        check("the spot rate", &sku.name, spot, Problem::MAX_RATE);
        check("the memory", &sku.name, sku.memory.0, Problem::MAX_AMOUNT);
        if let Some(measured) = &sku.measured {
            let largest = measured.row(extended).into_iter().max().unwrap_or(0);
            check("an allocatable", &sku.name, largest, Problem::MAX_AMOUNT);
        }
    }
    for addon in &parts.cluster.addons {
        let largest = addon.request.row(extended).into_iter().max().unwrap_or(0);
        check("a request", &addon.name, largest, Problem::MAX_AMOUNT);
        check("the mean", &addon.name, addon.mean_cpu().0, Problem::MAX_AMOUNT);
    }
}

#[cfg(test)]
mod tests;
