//! A comparison as CSV: one line per measure, raw values; a measure's name ends in its unit.

use crate::escape;
use nodeplan_model::comparison::{Change, Comparison, Facet, Measure, Value};
use std::fmt::Write;

/// Every measure of the comparison.
#[must_use]
pub fn diff_csv(comparison: &Comparison) -> String {
    let mut text = String::from("kind,name,change,measure,before,after\n");
    let mut lines = |kind: &str, name: &str, change: &str, facets: &[Facet]| {
        for facet in facets {
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{kind},{},{change},{},{},{}",
                escape::csv(name),
                key(facet.what),
                cell(facet.before.as_ref()),
                cell(facet.after.as_ref()),
            );
        }
    };
    lines("total", "", if comparison.same { "same" } else { "changed" }, &comparison.totals);
    for (kind, all) in [("pool", &comparison.pools), ("workload", &comparison.workloads)] {
        for item in all {
            let change = match item.change {
                Change::Added => "added",
                Change::Removed => "removed",
                Change::Changed => "changed",
                Change::Same => "same",
            };
            lines(kind, &item.name, change, &item.facets);
        }
    }
    text
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Text(text)) => escape::csv(text),
    }
}

/// The name of a measure as documents have it.
fn key(what: Measure) -> String {
    let mut key = String::new();
    let shown = format!("{what:?}");
    let mut before = ' ';
    for letter in shown.chars() {
        if letter.is_ascii_uppercase() && before != ' ' {
            key.push('_');
        }
        key.push(letter.to_ascii_lowercase());
        before = letter;
    }
    key
}
