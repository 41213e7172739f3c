//! `nodeplan.yaml` of this folder or one above, and designs: what stands in YAML files.

use crate::args::Global;
use crate::diagnose::Failure;
use crate::output;
use nodeplan::io::document::input;
use nodeplan::io::yaml::{self, Config, Design};
use nodeplan::model::answer::InputFile;
use std::path::Path;

/// Name of the file with the settings of a project.
const FILE: &str = "nodeplan.yaml";

/// The settings of the nearest `nodeplan.yaml`, and the file.
pub fn find(global: &Global) -> Result<(Config, Option<InputFile>), Failure> {
    if global.no_config {
        return Ok((Config::default(), None));
    }
    let here = std::env::current_dir().unwrap_or_default();
    // Shown as far up as it stands, not as where this machine keeps it.
    let mut shown = FILE.to_owned();
    for folder in here.ancestors() {
        let path = folder.join(FILE);
        if path.is_file() {
            let bytes = output::read(&path)?;
            let config = yaml::config(&shown, &bytes).map_err(Failure::input)?;
            return Ok((config, Some(input(&shown, &bytes))));
        }
        if folder.join(".git").exists() {
            break;
        }
        shown = format!("../{shown}");
    }
    Ok((Config::default(), None))
}

/// Reads a design.
pub fn design(path: &Path) -> Result<(Design, InputFile), Failure> {
    let bytes = output::read(path)?;
    let name = path.display().to_string();
    let design = yaml::design(&name, &bytes).map_err(Failure::input)?;
    Ok((design, input(&name, &bytes)))
}
