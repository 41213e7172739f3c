//! The cluster autoscaler as AKS runs it: expanders, estimator, balancing, scale-down, its loop.
//!
//! Everything here mirrors the component of the same name in kubernetes/autoscaler and is a
//! function of what it is given: groups, nodes and pods are indices, amounts are integers.

pub mod actuator;
pub mod backoff;
pub mod balance;
pub mod cloud;
pub mod cluster_state;
pub mod deletions;
pub mod drain;
mod estimate;
pub mod estimator;
pub mod expander;
mod movable;
mod node_order;
pub mod options;
mod pending;
mod placement;
pub mod price;
pub mod priority;
pub mod removal;
pub mod run_once;
pub mod scale_down;
pub mod scale_up;
pub mod snapshot;
mod spread;
mod template;
pub mod utilization;
pub mod view;
