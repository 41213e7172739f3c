//! What a search under load found, and the proof of its floor, as versioned JSON.

use crate::diagnostic::{ImportError, ImportErrors, Place};
use crate::document::{CatalogStamp, Tool, is_version, syntax};
use nodeplan_model::floor::Floor;
use nodeplan_model::joint::JointAnswer;
use nodeplan_model::problem::Problem;
use nodeplan_model::units::Spend;
use serde::{Deserialize, Serialize};

/// Version of the document of a design.
pub const DESIGN_VERSION: &str = "nodeplan/design/v1";
/// Version of the document of a floor.
pub const FLOOR_VERSION: &str = "nodeplan/floor/v1";

#[derive(Serialize)]
struct DesignDocument<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: &'static str,
    tool: Tool,
    catalog: CatalogStamp,
    design: &'a JointAnswer,
}

/// Writes a design; money is in billionths of the currency unit.
#[must_use]
pub fn write(answer: &JointAnswer, tool: Tool, catalog: CatalogStamp) -> String {
    let document = DesignDocument { schema_version: DESIGN_VERSION, tool, catalog, design: answer };
    let mut text = serde_json::to_string_pretty(&document)
        .expect("a design has string keys only and finite numbers");
    text.push('\n');
    text
}

/// A floor with all that its proof rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FloorDocument {
    /// [`FLOOR_VERSION`].
    #[serde(rename = "schemaVersion")]
    pub schema_version: String,
    /// The program that wrote it.
    pub tool: Tool,
    /// No run that meets the terms costs less: milliseconds × billionths of the currency an hour.
    pub spend: Spend,
    /// Nodes to choose from.
    pub problem: Problem,
    /// Terms and proof.
    pub floor: Floor,
}

impl FloorDocument {
    /// Writes it.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = serde_json::to_string(self).expect("a floor has string keys only");
        text.push('\n');
        text
    }

    /// Reads it.
    ///
    /// # Errors
    /// What is not JSON, of another version, or not a checked problem.
    pub fn read(name: &str, text: &str) -> Result<Self, ImportErrors> {
        let document: Self =
            serde_json::from_str(text).map_err(|fault| vec![syntax(name, text, &fault)])?;
        if !is_version(&document.schema_version, FLOOR_VERSION) {
            let message = format!("schemaVersion is not {FLOOR_VERSION}");
            return Err(vec![ImportError::new("NP1302", Place::whole(name), message)]);
        }
        Ok(document)
    }
}
