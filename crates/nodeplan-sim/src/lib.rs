//! Plan and scenario to timeline.
//!
//! Controllers are pure functions of what they see; only `world` changes state. Each mirrors one
//! upstream component and names its functions. Invariant: nothing here knows how a plan was made,
//! and no controller holds a reference to another.

pub mod autoscaler;
pub mod demand;
pub mod hpa;
pub mod karpenter;
pub mod kubelet;
pub mod pattern_sort;
pub mod queueing;
pub mod random;
pub mod scheduler;
pub mod world;
