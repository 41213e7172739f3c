//! What each fuzz target does with its bytes, as plain functions: libFuzzer calls them through
//! `fuzz_targets/`, and stable tests replay kept inputs and seeded mutations through them.
//!
//! Invariant: a body panics only where the project breaks a promise. Input that is refused is no
//! finding; input that is accepted must keep the laws stated in the body.

pub mod config;
pub mod design;
pub mod draw;
pub mod load;
pub mod mutate;
pub mod pack;
mod plain;
pub mod plan_document;
mod problem;
pub mod quantity;
pub mod region;
pub mod scenario;
pub mod simulate;
mod small_cluster;
pub mod solve_then_verify;
pub mod traffic_csv;
pub mod workloads_csv;

use nodeplan::io::diagnostic::{ImportError, title};

/// A target's body.
pub type Body = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Body); 12] = [
    ("config", config::run),
    ("design", design::run),
    ("load", load::run),
    ("pack", pack::run),
    ("plan_document", plan_document::run),
    ("quantity", quantity::run),
    ("region", region::run),
    ("scenario", scenario::run),
    ("simulate", simulate::run),
    ("solve_then_verify", solve_then_verify::run),
    ("traffic_csv", traffic_csv::run),
    ("workloads_csv", workloads_csv::run),
];

/// What holds for every refusal: there is a fault, each has a known code and a place that can
/// be shown.
fn refused(faults: &[ImportError]) {
    assert!(!faults.is_empty(), "refused without a fault");
    for fault in faults {
        assert!(title(fault.code).is_some(), "no title for {}", fault.code);
        assert!(!fault.to_string().is_empty());
        let place = &fault.place;
        assert!(place.line > 0 || place.column == 0, "a column without a line: {place:?}");
    }
}
