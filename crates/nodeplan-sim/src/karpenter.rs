//! Node auto-provisioning (Karpenter): provisioning and consolidation.
//!
//! Mirrors `kubernetes-sigs/karpenter` as of July 2026, with the rules that changed in August
//! behind [`nouns::Settings::by_savings_ratio`]. Two questions, each a pure function of a
//! [`nouns::Cluster`]: [`provision::provision`] (which nodes to make for pending pods) and
//! [`consolidation`] (which nodes to remove or replace). State over time (batches, how long a node
//! was quiet, its age) is the caller's; [`timing`] has the arithmetic.
//!
//! Not here: drift (what a pool's hash, image or subnet is has no meaning in a simulation), DRA
//! devices, capacity reservations, volume topology, the Balanced policy.

// Prices and costs are compared as `OrderByPrice` and `sortCandidates` compare them.
#![allow(clippy::float_cmp)]

pub mod consolidation;
pub mod disruption;
pub mod nouns;
pub mod provision;
pub mod requirement;
mod stage;
pub mod timing;
pub mod topology;

#[cfg(test)]
mod tests;
