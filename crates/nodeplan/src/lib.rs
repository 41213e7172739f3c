//! Which Azure VM node pools should this Kubernetes cluster run on, with proof.
//!
//! The front door: every step from text to answer as a function from borrowed values to an
//! owned one.
//!
//! Invariants: [`optimize`] never returns an unverified plan; nothing here prints, reads a file
//! or a clock.

mod alternatives;
mod assemble;
pub mod content;
pub mod design;
mod error;
pub mod explain;
mod ladder;
pub mod pack;
mod pipeline;
mod pools;
mod rules;
mod setup;
mod verify;

pub use alternatives::{
    COMPARISON_WORK, UNASKED_WORKLOADS, baselines, isolation, phrase, pool_counts, user_workloads,
};
pub use assemble::{Extras, answer};
pub use design::compare;
pub use error::Error;
pub use pipeline::{Optimized, Options, optimize, optimize_with};
pub use rules::rules;
pub use setup::{Demand, PEAK_HOURS, Prepared, Setup, SizeFor, Sizing, problem_from};
pub use verify::{Verification, verify};

pub use nodeplan_eval as eval;
pub use nodeplan_io as io;
pub use nodeplan_model as model;
pub use nodeplan_report as report;
pub use nodeplan_solve as solve;
