//! A simulated run as a document: versioned JSON with the score, the timeline, every decision
//! and the scenario, so that equal runs write equal bytes. No clock, no path beyond those given.

use crate::diagnostic::{ImportError, ImportErrors, Place};
use crate::document::{CatalogStamp, Tool, is_version, syntax};
use nodeplan_model::answer::{InputFile, Money};
use nodeplan_model::run::{RunAnswer, RunPool};
use nodeplan_model::scenario::{Autoscaling, PoolBounds};
use nodeplan_model::scorecard::Scorecard;
use serde::{Deserialize, Serialize};

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

/// What a comparison reads of a document: the timeline and the traffic are passed over.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RunSummary {
    /// Files the run was made from.
    pub inputs: Vec<InputFile>,
    /// Prices.
    pub catalog: CatalogStamp,
    /// Seed.
    pub seed: u64,
    /// The run.
    pub run: Ran,
}

/// The part of a run that is read back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Ran {
    /// Names of the workloads.
    pub workloads: Vec<String>,
    /// Which of them are the platform's own.
    pub system: Vec<bool>,
    /// Pools.
    pub pools: Vec<RunPool>,
    /// Cost of the run.
    pub cost: Money,
    /// Cost of a month at its mean rate.
    pub month: Money,
    /// Score.
    pub scorecard: Scorecard,
    /// What the run was asked to do.
    pub scenario: Asked,
}

/// The part of a scenario that is read back.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Asked {
    /// Autoscaling of the workloads.
    pub scaling: Vec<Option<Autoscaling>>,
    /// Bounds of the pools.
    pub pools: Vec<PoolBounds>,
}

/// Reads the document of a run; members that a later minor version adds are ignored.
///
/// # Errors
/// Text that is no JSON of that shape, or another version.
pub fn read(name: &str, text: &str) -> Result<RunSummary, ImportErrors> {
    const HELP: &str = "give the file that `nodeplan simulate -f json -o run.json` wrote";
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let wrong = |error| vec![syntax(name, text, &error).help(HELP)];
    let version = schema_version(name, text)?;
    if !is_version(&version, RUN_VERSION) {
        let message = format!("schemaVersion is `{}`", crate::quantity::clip(&version));
        let fault = ImportError::new("NP1302", Place::whole(name), message);
        return Err(vec![fault.expected(RUN_VERSION).help(HELP)]);
    }
    serde_json::from_str(text).map_err(wrong)
}

/// The version that a document of nodeplan says it is of.
///
/// # Errors
/// Text that is no JSON, or says none.
pub fn schema_version(name: &str, text: &str) -> Result<String, ImportErrors> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "schemaVersion")]
        schema_version: String,
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head: Head = serde_json::from_str(text).map_err(|error| {
        vec![
            syntax(name, text, &error)
                .help("give a document that `nodeplan optimize` or `simulate` wrote with -f json"),
        ]
    })?;
    Ok(head.schema_version)
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
