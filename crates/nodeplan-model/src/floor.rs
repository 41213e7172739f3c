//! The least a run can cost, whatever scales it: what the load model says must be provided, and
//! prices that prove what providing it costs.
//!
//! A price is what a pod is worth an hour such that no legal content of any node is worth more than
//! the node costs. So pods that run cost at least their prices, however they are packed; branching
//! on numbers of nodes makes prices sharper. A controller may miss some requests, whenever it likes; a multiplier per workload says what a
//! miss is worth, and any multiplier gives a true bound (Lagrange). Sources: dual bounds of
//! column generation (Farley 1990). The judge (`nodeplan-eval`) has the proof.

use crate::certificate::Certificate;
use serde::{Deserialize, Serialize};

/// At most so many thousandths of a request are answered well by a pod that is offered so many in
/// an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Offered to the pod, thousandths of a request an interval.
    pub offered_milli: u64,
    /// Answered within the objective, at most, by a pod offered no more than that.
    pub good_milli: u64,
}

/// What a workload must be given over a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Nothing that the load model could prove.
    #[default]
    Nothing,
    /// So much pod time, whenever: queues may be served late, jobs wait.
    PodTime {
        /// Milliseconds of a pod.
        millis: u128,
    },
    /// Requests that must be answered at once.
    Requests {
        /// Arrivals in each interval, thousandths.
        offered_milli: Vec<u64>,
        /// What a pod can answer well: ascending, never more than offered, linear between steps and
        /// from zero to the first; the last step holds for all larger offers too.
        curve: Vec<Step>,
        /// The same where there is one pod, where there are two, and so on: each of few pods may see
        /// more of a burst than each of many. `curve` is for all larger numbers.
        #[serde(default)]
        few: Vec<Vec<Step>>,
        /// How many may miss the objective over the run, thousandths.
        spare_milli: u128,
    },
}

/// Pods that an autoscaler must keep, whatever comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// So many; zero: none need be kept.
    pub pods: u32,
    /// Added up over intervals, so many thousandths of a pod may be missing.
    pub spare_milli: u128,
}

/// What all workloads must be given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloorTerms {
    /// For how much of each interval nodes must be paid.
    pub interval_millis: u64,
    /// How many intervals.
    pub intervals: u64,
    /// Whether a node that can be a system pool is paid in every one of them.
    #[serde(default)]
    pub system_node: bool,
    /// CPU that answering what must be answered uses over the run, microseconds of a core.
    #[serde(default)]
    pub used_micros: u128,
    /// One per workload.
    pub requirements: Vec<Requirement>,
    /// One per workload, or none at all.
    #[serde(default)]
    pub presence: Vec<Presence>,
}

/// What nodes cost that hold some pods: each leaf of a certificate prices pods, and some leaf holds
/// every plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Pods of each workload that the certificate prices; more of them cost no less.
    pub pods: Vec<u32>,
    /// The prices.
    pub certificate: Certificate,
}

/// Proof of a floor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloorProof {
    /// Most pods of each workload that a run can have.
    pub rooms: Vec<u32>,
    /// Prices; each interval takes those that prove most.
    pub bases: Vec<Base>,
    /// What a thousandth of a core is worth an hour, in units of rate: so much of what a node costs
    /// is paid for its CPU, used or not, and only the rest for the pods on it.
    #[serde(default)]
    pub core_worth: u64,
    /// What a thousandth of a missed request of each workload is worth, in units of spend; of a
    /// workload that needs pod time, what a pod is worth in an interval.
    pub worths: Vec<u64>,
    /// What a thousandth of a pod that must be kept is worth in an interval, per workload, in units
    /// of spend; empty: nothing.
    #[serde(default)]
    pub presence_worths: Vec<u64>,
    /// Numbers of pods up to which the judge computes the cost of nodes exactly, as many of a
    /// workload standing for any number from there on; empty: it does not.
    #[serde(default)]
    pub limits: Vec<u32>,
}

/// A floor with its proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// What the load model demands.
    pub terms: FloorTerms,
    /// Why that costs so much.
    pub proof: FloorProof,
}
