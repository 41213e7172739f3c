//! `nodeplan.yaml` of this folder or one above, and designs: what stands in YAML files.

use crate::args::{Global, MarketArgs, OptimizeArgs};
use crate::diagnose::Failure;
use nodeplan::design::Design;
use nodeplan::model::answer::InputFile;
use std::collections::BTreeMap;
use std::path::Path;

/// Fills what the arguments leave open; returns the file that was read.
pub fn apply(_global: &Global, _args: &mut OptimizeArgs) -> Result<Option<InputFile>, Failure> {
    Ok(None)
}

/// The same for the sizes alone.
pub fn apply_market(_global: &Global, _args: &mut MarketArgs) -> Result<(), Failure> {
    Ok(())
}

/// Reads a design.
pub fn design(_path: &Path) -> Result<(Design, InputFile), Failure> {
    Err(Failure::usage("designs cannot be read yet"))
}

/// The options given, for the plan file.
pub fn stated(_args: &OptimizeArgs) -> BTreeMap<String, String> {
    BTreeMap::new()
}
