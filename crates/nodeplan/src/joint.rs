//! The closed loop: node pools, bounds, targets, behaviour, autoscaler and schedules chosen
//! together, so that the simulated run meets every objective at the least cost; and how far from the
//! cheapest possible run that is.
//!
//! Simulation-based search over discrete designs: start from pools that are optimal for loads
//! clustered from the trace, then change one family of variables after the other, and pairs that move
//! each other, with common random numbers, until nothing helps. What is better must be so under
//! several seeds. One part of the trace is for choosing, the other says what
//! the choice is worth on days it has not seen. Everything is counted in simulated runs, never in
//! seconds: same inputs, same bytes, on any number of threads.

mod ablation;
mod answer;
mod broad;
mod climb;
mod closing;
mod counterfactual;
mod design;
mod finale;
mod floor;
mod frontier;
mod hazards;
mod layouts;
mod luck;
mod moves;
mod need;
mod pairs;
mod pods;
mod reach;
mod rescue;
mod search;
mod split;
mod terms;
mod track;
mod trial;
mod worths;

pub use ablation::{Ablated, Ablation, ablation};
pub use answer::{frontier_answer, frozen_answer, joint_answer};
pub use counterfactual::Shares;
pub use design::Design;
pub use floor::{Floored, floor_of};
pub use frontier::{FrontierPoint, frontier};
pub use hazards::Hazards;
pub use layouts::Layout;
pub use moves::Family;
pub use pairs::Move;
pub use pods::Pods;
pub use search::{Joint, JointOptions, Step, optimize_under_load};
pub use split::{Halves, split};
pub use trial::{Demands, Trial};
