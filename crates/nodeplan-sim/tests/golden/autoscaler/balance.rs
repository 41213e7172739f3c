//! `ca_balance`: shares of a scale-up among similar groups.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::compare;
use crate::replay::Verdict;
use crate::sim::autoscaler::balance::{GroupSize, balance};

#[derive(Deserialize)]
struct Case {
    id: String,
    groups: Vec<Group>,
    new_nodes: i64,
    new_sizes: BTreeMap<String, i64>,
    result_order: Vec<String>,
}

#[derive(Deserialize)]
struct Group {
    id: String,
    current: i64,
    max: i64,
}

/// Answers one case.
pub fn line(text: &str) -> Result<Verdict, serde_json::Error> {
    let case: Case = serde_json::from_str(text)?;
    let sizes: Vec<GroupSize> = case
        .groups
        .iter()
        .map(|group| GroupSize { current: group.current, max: group.max })
        .collect();
    let ours: Vec<(String, i64)> = balance(&sizes, case.new_nodes)
        .iter()
        .map(|growth| (case.groups[growth.group].id.clone(), growth.size))
        .collect();
    let recorded: Vec<(String, i64)> =
        case.result_order.iter().map(|id| (id.clone(), case.new_sizes[id])).collect();
    Ok(compare(&case.id, "sizes", &ours, &recorded))
}
