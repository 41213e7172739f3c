//! The cluster autoscaler as AKS runs it: expanders, estimator, balancing, scale-down, its loop.
//!
//! Everything here mirrors the component of the same name in kubernetes/autoscaler and is a
//! function of what it is given: groups, nodes and pods are indices, amounts are integers.
//!
//! Two pictures of a cluster are here on purpose. [`snapshot`], [`estimator`] and [`removal`] know
//! every filter of the scheduler (spreading, affinity, ports, disks) and answer single questions.
//! The loop, which runs every ten seconds of a simulated week, reads a [`view::ClusterView`] by
//! itself (`loop_snapshot`, `loop_estimate`, `loop_drain`): of all that, its pods have selectors,
//! tolerations and anti-affinity between hosts only, so a fit needs no look at other nodes and no
//! object per node is made anew. Rules that both follow stand once: the order of nodes, the limits
//! and the order of an estimation, the rules of draining, budgets, utilization.

pub mod actuator;
pub mod backoff;
pub mod balance;
pub mod cloud;
pub mod cluster_state;
pub mod deletions;
pub mod drain;
pub mod estimator;
pub mod expander;
pub mod layout;
mod loop_drain;
mod loop_estimate;
mod loop_snapshot;
mod node_order;
pub mod options;
mod pending;
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
