//! The nouns of nodeplan: units, catalog, workloads, the checked problem, the plan and its
//! certificate.
//!
//! Invariant: nothing here reads a file, a clock or a random number, and nothing here knows
//! how a plan is made or judged.

pub mod answer;
pub mod catalog;
pub mod certificate;
pub mod comparison;
pub mod eligibility;
pub mod floor;
pub mod ids;
pub mod joint;
pub mod overhead;
pub mod placement;
pub mod plan;
pub mod problem;
pub mod resources;
pub mod run;
pub mod scenario;
pub mod scorecard;
pub mod timeline;
pub mod units;
pub mod workload;
