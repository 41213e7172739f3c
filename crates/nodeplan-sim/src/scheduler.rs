//! kube-scheduler with its default profile: filters, scores, node sampling and preemption.
//!
//! Mirrors `pkg/scheduler` of Kubernetes 1.36. A [`Cluster`] is the scheduler's cache: nodes and
//! pods behind indices, labels interned at the border, and for every [`PodTemplate`] the counts
//! that spreading and pod affinity need, kept up to date as pods come and go. [`schedule_one`]
//! and [`preempt`] read it and decide; who calls them changes it.
//!
//! Invariant: nothing here draws a random number. Upstream breaks ties at random, so ties are
//! handed out whole.

mod cluster;
mod counter;
mod cycle;
mod filter;
mod fixed;
mod kinds;
mod names;
mod nodes;
mod order;
mod overlay;
mod preemption;
mod queue;
mod reason;
mod registry;
mod requests;
mod score;
mod selector;
mod template;
#[cfg(test)]
mod tests;
mod volumes;

pub use cluster::{Cluster, Life, PodId};
pub use cycle::{Cycle, Outcome, Pending, schedule_one, takes, wanted_feasible};
pub use filter::filter;
pub use names::{Names, Symbol};
pub use nodes::{Effect, NodeId, NodeSpec, Taint, Usage};
pub use preemption::{Budget, Candidate, Preemption, eligible_to_preempt, preempt};
pub use queue::{FLUSH_MILLIS, backoff_millis};
pub use reason::{Plugin, Rejection, Why, fit_error};
pub use requests::{ContainerRequest, PodRequests, demand};
pub use score::{Scores, score};
pub use selector::{Labels, Operator, Requirement, Selector, labels};
pub use template::{
    Demand, HostPort, Namespaces, NodeTerm, PodTemplate, PodTerm, Protocol, SpreadConstraint,
    TemplateId, Toleration,
};
pub use volumes::{Volume, VolumeId};
