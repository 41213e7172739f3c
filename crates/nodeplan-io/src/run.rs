//! A simulated run as a document: versioned JSON with the score, the timeline, every decision
//! and the scenario, so that equal runs write equal bytes. No clock, no path beyond those given.

use crate::document::{CatalogStamp, Tool};
use nodeplan_model::answer::InputFile;
use nodeplan_model::run::RunAnswer;
use serde::Serialize;

/// Version of the document of a run.
pub const RUN_VERSION: &str = "nodeplan/simulation/v1";

/// The head of the document, and the run.
#[derive(Serialize)]
struct RunDocument<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: &'static str,
    tool: Tool,
    inputs: &'a [InputFile],
    catalog: CatalogStamp,
    seed: u64,
    /// Whether every objective was kept.
    met: bool,
    run: &'a RunAnswer,
}

/// A run as JSON on one line.
#[must_use]
pub fn write(answer: &RunAnswer, tool: Tool, catalog: CatalogStamp) -> String {
    let document = RunDocument {
        schema_version: RUN_VERSION,
        tool,
        inputs: &answer.inputs,
        catalog,
        seed: answer.scenario.seed,
        met: answer.scorecard.met(),
        run: answer,
    };
    let mut text = serde_json::to_string(&document)
        .expect("every key of a run is a text and no value refuses to be written");
    text.push('\n');
    text
}

/// The JSON Schema (draft 2020-12) of the document of a run.
#[must_use]
pub fn schema() -> &'static str {
    include_str!("run.schema.json")
}
