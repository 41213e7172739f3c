//! What benchmarks measure on: the problems and clusters under `data/`, solved in process, and
//! made-up clusters of any size, simulated.
//!
//! Invariant: nothing here asserts a time. Speed is told as a ratio of two things measured in
//! one run, quality as a gap proven by the judge.

mod files;
mod instance;
mod ratio;
mod row;
mod usage;
mod world;

pub use instance::{Instance, data, instances};
pub use ratio::{Ratio, ratio, wants_ratios};
pub use row::{Row, baselines, gap_e8, hourly, percent_of_e8, row};
pub use usage::{children_time, cpu_time, peak_mib, reset_peak, timed};
pub use world::{World, WorldSize};
