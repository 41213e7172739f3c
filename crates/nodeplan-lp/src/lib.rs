//! The one door to HiGHS: a live master LP that grows by columns and rows, and small MIPs.
//!
//! Invariants:
//! * no other crate has `unsafe`, and nothing of HiGHS' C interface leaves this one;
//! * one thread, a fixed seed and no clock: equal calls give equal answers, byte for byte, unless
//!   an interrupt cut one short;
//! * the status of every HiGHS call is looked at, and indices and numbers are checked before they
//!   cross the border, so no input can make HiGHS read out of range.
//!
//! What comes back are floats within tolerances. Nobody may decide on them alone: bounds are
//! certified in integers elsewhere.
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

pub mod error;
mod highs;
pub mod lp;
pub mod matrix;
pub mod mip;

pub use error::LpError;
pub use lp::{Basis, BasisStatus, HighsLp, LpLimits, LpStatus, MasterLp, Simplex};
pub use matrix::{Columns, Rows};
pub use mip::{MipAnswer, MipLimits, MipModel, MipStatus, solve_mip};
