//! What a search under load found, and the proof of its floor, as versioned JSON.

use crate::diagnostic::{ImportError, ImportErrors, Place};
use crate::document::{CatalogStamp, Tool, is_version, syntax};
use crate::quantity::clip;
use crate::run::schema_version;
use nodeplan_model::answer::InputFile;
use nodeplan_model::floor::Floor;
use nodeplan_model::joint::JointAnswer;
use nodeplan_model::problem::Problem;
use nodeplan_model::units::Spend;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Version of the document of a design.
pub const DESIGN_VERSION: &str = "nodeplan/design/v1";
/// What the version of any document of a floor begins with.
pub const FLOOR_FAMILY: &str = "nodeplan/floor/";
/// Version of the document of a floor. Curves of the first were steps, and stood for any number of pods.
pub const FLOOR_VERSION: &str = "nodeplan/floor/v2";

/// A design with where its prices come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DesignDocument {
    /// [`DESIGN_VERSION`].
    #[serde(rename = "schemaVersion")]
    pub schema_version: String,
    /// The program that wrote it.
    pub tool: Tool,
    /// Where the prices come from.
    pub catalog: CatalogStamp,
    /// The design and what it is worth.
    pub design: JointAnswer,
}

impl DesignDocument {
    /// Reads it.
    ///
    /// # Errors
    /// What is not JSON, or of another version.
    pub fn read(name: &str, text: &str) -> Result<Self, ImportErrors> {
        const HELP: &str = "give the design.json that `nodeplan optimize --write DIR` wrote";
        read(name, text, DESIGN_VERSION, HELP)
    }
}

/// A document of a version.
fn read<T: DeserializeOwned>(
    name: &str,
    text: &str,
    wanted: &str,
    help: &'static str,
) -> Result<T, ImportErrors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let version = schema_version(name, text)?;
    if !is_version(&version, wanted) {
        let message = format!("schemaVersion is `{}`", clip(&version));
        let fault = ImportError::new("NP1302", Place::whole(name), message);
        return Err(vec![fault.expected(wanted).help(help)]);
    }
    serde_json::from_str(text).map_err(|fault| vec![syntax(name, text, &fault).help(help)])
}

/// Writes a design; money is in billionths of the currency unit.
#[must_use]
pub fn write(answer: &JointAnswer, tool: Tool, catalog: CatalogStamp) -> String {
    let (schema_version, design) = (DESIGN_VERSION.to_owned(), answer.clone());
    let document = DesignDocument { schema_version, tool, catalog, design };
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
    /// Files it was made from.
    #[serde(default)]
    pub inputs: Vec<InputFile>,
    /// Where the prices come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<CatalogStamp>,
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
        const HELP: &str = "give the floor.json that `nodeplan optimize --write DIR` of this version \
                            wrote: run it again, or use the nodeplan version that wrote the file";
        read(name, text, FLOOR_VERSION, HELP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Curves of the first version had another meaning: what they prove is not looked at.
    #[test]
    fn a_floor_of_another_version_is_refused() {
        for (version, refused) in
            [("v1", true), ("v2", false), ("v2.1", false), ("v20", true), ("v3", true)]
        {
            let text = format!("{{\"schemaVersion\": \"{FLOOR_FAMILY}{version}\"}}");
            let faults = FloorDocument::read("floor.json", &text).expect_err("no floor");
            // The right version has nothing else.
            let code = if refused { "NP1302" } else { "NP1301" };
            assert_eq!((faults.len(), faults[0].code), (1, code), "{version}");
            assert_eq!(faults[0].expected.as_deref(), refused.then_some(FLOOR_VERSION));
            assert!(faults[0].help.is_some());
        }
    }
}
