//! Sets of recorded answers: the stateless pieces of the cluster autoscaler.

use super::{Document, Replay, Verdict};

#[path = "autoscaler_loop.rs"]
mod autoscaler_loop;
#[path = "autoscaler/balance.rs"]
mod balance;
#[path = "autoscaler/binpacking.rs"]
mod binpacking;
#[path = "autoscaler/expander.rs"]
mod expander;
#[path = "autoscaler/removal.rs"]
mod removal;
#[path = "autoscaler/scale_down_tables.rs"]
mod scale_down_tables;
#[path = "autoscaler/upstream_tables.rs"]
mod upstream_tables;
#[path = "autoscaler/utilization.rs"]
mod utilization;

/// The replay of a set of this part that is one document, if it is one.
pub fn document(set: &str) -> Option<Document> {
    (set == "ca_upstream_cases").then_some(upstream_tables::document)
}

/// The replay of a set of this part, if it is one.
pub fn replay(set: &str) -> Option<Replay> {
    let replay: Replay = match set {
        "ca_balance" => balance::line,
        "ca_expander" | "ca_expander_extra" => expander::line,
        "ca_binpacking" => binpacking::line,
        "ca_node_removal" => removal::line,
        "ca_utilization" => utilization::line,
        "ca_loop" => autoscaler_loop::line,
        _ => return None,
    };
    Some(replay)
}

/// What differs in a case, if anything does.
fn difference<T: PartialEq + std::fmt::Debug>(
    id: &str,
    what: &str,
    ours: &T,
    recorded: &T,
) -> Option<String> {
    (ours != recorded).then(|| format!("{id}: {what} {ours:?}, recorded {recorded:?}"))
}

/// Equal, or what differs in a case.
fn compare<T: PartialEq + std::fmt::Debug>(
    id: &str,
    what: &str,
    ours: &T,
    recorded: &T,
) -> Verdict {
    difference(id, what, ours, recorded).map_or(Verdict::Equal, Verdict::Different)
}
