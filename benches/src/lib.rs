//! What benchmarks measure on: the problems and clusters under `data/`, solved in process.
//!
//! Invariant: nothing here asserts a time. Speed is told as a ratio of two things measured in
//! one run, quality as a gap proven by the judge.

mod instance;
mod ratio;
mod row;

pub use instance::{Instance, data, instances};
pub use ratio::{Ratio, ratio, wants_ratios};
pub use row::{Row, baselines, hourly, percent_of_e8, row};
