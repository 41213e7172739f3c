//! YAML files: the settings of a project, designs to compare with, loads and scenarios of a
//! simulation.
//!
//! A document is parsed into a tree with places first and read field by field then, so that
//! one run reports every fault. Only a fault of the YAML itself ends reading at once.

mod aks;
mod amounts;
mod config;
mod cron;
mod design;
mod events;
mod fields;
mod load;
mod matrix;
mod priorities;
mod provisioning;
mod scaling;
mod scenario;
#[cfg(test)]
mod simulation_tests;
mod synthetic;
#[cfg(test)]
mod tests;
mod tree;
mod vary;

use crate::diagnostic::ImportError;
use crate::source::{Source, decode};
pub use amounts::Named;
pub use config::{AUTO_MAX_PODS, Config, Measured, SizeFor};
pub use design::{Design, DesignPool};
pub use events::{EventEntry, What};
pub use load::{Arrivals, LoadEntry, LoadFile, arrivals};
pub use matrix::{Cluster, Matrix};
pub use priorities::Patterns;
pub(crate) use scaling::DAYS;
pub use scaling::{PoolEntry, ScalingEntry};
pub use scenario::{ScenarioFile, length_of_run};
pub use synthetic::{Gateway, Shape, Synthetic};
pub use vary::{Axis, Draft};

/// Reads `nodeplan.yaml`.
///
/// # Errors
/// Every fault of the file, in order of place.
pub fn config(name: &str, text: &[u8]) -> Result<Config, Vec<ImportError>> {
    document(name, text, config::read)
}

/// Reads a design, or the pools that `az aks nodepool list -o json` or `az aks show -o json` print.
///
/// # Errors
/// Every fault of the file, in order of place.
pub fn design(name: &str, text: &[u8]) -> Result<Design, Vec<ImportError>> {
    document(name, text, design::read)
}

/// Reads what work costs each workload, `load.yaml`.
///
/// # Errors
/// Every fault of the file, in order of place.
pub fn load(name: &str, text: &[u8]) -> Result<LoadFile, Vec<ImportError>> {
    document(name, text, load::read)
}

/// Reads what happens in a run, `scenario.yaml`.
///
/// # Errors
/// Every fault of the file, in order of place.
pub fn scenario(name: &str, text: &[u8]) -> Result<ScenarioFile, Vec<ImportError>> {
    scenario_over(ScenarioFile::default(), name, text)
}

/// Reads a scenario over another one: what it says goes before, pool by pool and workload by workload.
///
/// # Errors
/// Every fault of the file, in order of place.
pub fn scenario_over(
    base: ScenarioFile,
    name: &str,
    text: &[u8],
) -> Result<ScenarioFile, Vec<ImportError>> {
    document(name, text, |reader, root| scenario::read(base.clone(), reader, root))
}

/// Reads which runs a sweep is made of, `matrix.yaml`.
///
/// # Errors
/// Every fault of the file, in order of place.
pub fn matrix(name: &str, text: &[u8]) -> Result<Matrix, Vec<ImportError>> {
    document(name, text, matrix::read)
}

/// Reads the value of the ConfigMap key `priorities` of the cluster autoscaler's priority
/// expander: a mapping from priority to patterns of group names, in order of priority.
///
/// # Errors
/// Every fault of the text, in order of place; the autoscaler ignores a map with any.
pub fn priorities(name: &str, text: &[u8]) -> Result<Patterns, Vec<ImportError>> {
    document(name, text, priorities::read)
}

fn document<T>(
    name: &str,
    text: &[u8],
    read: impl Fn(&mut fields::Reader, &tree::Node) -> T,
) -> Result<T, Vec<ImportError>> {
    let root = tree_of(name, text)?;
    let mut reader = fields::Reader::default();
    let value = read(&mut reader, &root);
    if reader.errors.is_empty() {
        Ok(value)
    } else {
        reader.errors.sort();
        Err(reader.errors)
    }
}

fn tree_of(name: &str, text: &[u8]) -> Result<tree::Node, Vec<ImportError>> {
    let (text, broken) = decode(name, text)?;
    if !broken.is_empty() {
        return Err(broken);
    }
    tree::parse(&Source::new(name, &text))
}

/// A size's name with the prefix that all sizes carry.
fn full_sku_name(text: &str) -> String {
    const PREFIX: &str = "Standard_";
    let start = text.get(..PREFIX.len());
    if start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)) {
        format!("{PREFIX}{}", &text[PREFIX.len()..])
    } else {
        format!("{PREFIX}{text}")
    }
}
