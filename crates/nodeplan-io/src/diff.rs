//! A comparison of two documents as versioned JSON.

use crate::document::Tool;
use nodeplan_model::comparison::Comparison;
use serde::Serialize;

/// Version of the document of a comparison.
pub const DIFF_VERSION: &str = "nodeplan/diff/v1";

#[derive(Serialize)]
struct DiffDocument<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: &'static str,
    tool: Tool,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// A comparison as JSON.
#[must_use]
pub fn write(comparison: &Comparison, tool: Tool) -> String {
    let document = DiffDocument { schema_version: DIFF_VERSION, tool, comparison };
    let mut text = serde_json::to_string_pretty(&document)
        .expect("every key of a comparison is a text and no value refuses to be written");
    text.push('\n');
    text
}

/// The JSON Schema (draft 2020-12) of that document.
#[must_use]
pub fn schema() -> &'static str {
    include_str!("diff.schema.json")
}
