//! The cluster autoscaler as AKS runs it: expanders, estimator, balancing, scale-down, its loop.
//!
//! Everything here mirrors the component of the same name in kubernetes/autoscaler and is a
//! function of what it is given: groups, nodes and pods are indices, amounts are integers.

pub mod balance;
pub mod drain;
pub mod estimator;
pub mod expander;
pub mod price;
pub mod priority;
pub mod removal;
pub mod snapshot;
mod spread;
pub mod utilization;
