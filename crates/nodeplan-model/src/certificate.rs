//! A checkable lower bound: a tree whose leaves cover all integer solutions, with integer
//! duals at each leaf.
//!
//! Symbols. Pool kind j, load point s with weight w_s (ms of a day), rate c_j; N_{j,s} nodes of
//! kind j at s; a node content a holds a_i pods of workload i. Every content legal at (j, s)
//! must be worth at most what the node costs:
//!
//! Σ_i π_{i,s} a_i + Σ_r ±ρ_r [content in row r] + σ_s [j serves the system pool]
//!     ≤ w_s c_j, with the rate moved between coupled load points by μ: [`Leaf`] has all signs.
//!
//! The bound of a leaf is then Σ_{i,s} demand·π + Σ_s σ_s + Σ_{≥ rows} ρ·rhs − Σ_{≤ rows} ρ·rhs.
//! The judge (`nodeplan-eval`) derives it anew; nothing here is trusted. Proof with coupling and
//! tree: docs/formulation.md.

use crate::ids::WorkloadId;
use serde::{Deserialize, Serialize};

/// A lower bound with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Duals are in 1/`scale` of `unit`: small costs are told apart by a large scale, …
    pub scale: u64,
    /// … and huge ones leave room for duals many times as large by a large unit of spend. A
    /// common divisor of all load-point weights loses nothing by rounding; none is needed.
    pub unit: u64,
    /// The tree; entry 0 is its root. Children have larger indices than their parent and each
    /// entry but the root is the child of exactly one.
    pub tree: Vec<Branch>,
}

/// A node of the proof tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Branch {
    /// Two children: one with row ≤ `rhs`, one with row ≥ `rhs` + 1.
    Count {
        /// The counted columns.
        row: CountRow,
        /// Right-hand side of the first child.
        rhs: u32,
        /// Child with row ≤ rhs.
        at_most: u32,
        /// Child with row ≥ rhs + 1.
        at_least: u32,
    },
    /// Two children: none of the listed pool kinds is used at any load point, or at least one
    /// is, and takes one of the problem's `max_pools`. The lists of the `used` branches on one
    /// path are disjoint; once `max_pools` of them are on the path, every kind in none of them
    /// is unused. (A list is one kind with those it dominates, which would else step in for it.)
    Pool {
        /// Indices into `Problem::pool_kinds()`, sorted.
        kinds: Vec<u32>,
        /// Child in which none is used.
        unused: u32,
        /// Child in which they take at least one of the pools.
        used: u32,
    },
    /// A leaf with its duals.
    Leaf(Leaf),
}

/// The number of nodes, at one load point, of the listed pool kinds whose content meets every
/// condition. An integer in every integer solution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountRow {
    /// Load point.
    pub point: u32,
    /// Indices into `Problem::pool_kinds()`, sorted; empty = all kinds.
    pub kinds: Vec<u32>,
    /// Conditions on the content, all to be met; empty = every node counts.
    pub conditions: Vec<Condition>,
}

/// A node holds at least `at_least` pods of the listed workloads together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Workloads, sorted.
    pub workloads: Vec<WorkloadId>,
    /// Pods.
    pub at_least: u32,
}

/// Duals of one leaf, all in units of unit/scale of spend.
///
/// With `sense` −1 for ≤ rows and +1 for ≥ rows on the path, a content a of kind j at point s
/// is legal for the bound iff
///
/// Σ_i demand\[s\]\[i\]·a_i + Σ_{rows r on the path with point s, j ∈ r, a meets r's conditions}
/// sense_r·path\[r\] + system\[s\]·[j serves the system pool]
/// − Σ_{t: (s,t) coupled} μ_{j,s,t} + Σ_{r: (r,s) coupled} μ_{j,r,s}  ≤  ⌊scale·w_s·c_j / unit⌋
///
/// for every content that fits, the empty one included (N_{j,s} − N_{j,t} ≤ 0 has dual −μ).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Load points × workloads, each ≥ 0.
    pub demand: Vec<Vec<i64>>,
    /// One per load point, each ≥ 0; empty where no system pool is asked for.
    pub system: Vec<i64>,
    /// (pool kind, small point, large point, μ > 0), sorted.
    pub coupling: Vec<(u32, u32, u32, i64)>,
    /// One per `Count` branch on the path from the root, in that order, each ≥ 0.
    pub path: Vec<i64>,
}
