//! The project's own file tree, as the rails tests read it.
#![allow(dead_code, reason = "each rails test uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace's root directory.
pub fn root() -> PathBuf {
    let crate_directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_directory.ancestors().nth(2).expect("the crate lies in crates/").to_path_buf()
}

/// Every file below `directory` of the root, as paths relative to the root with `/`, sorted.
/// Build output and hidden directories but `.ci` are left out.
pub fn files(directory: &str) -> Vec<String> {
    let root = root();
    let mut found = Vec::new();
    let mut waiting = vec![root.join(directory)];
    while let Some(next) = waiting.pop() {
        let entries = fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display()));
        for entry in entries {
            let path = entry.expect("a directory entry can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                let hidden = name.starts_with('.') && name != ".ci";
                let output = ["target", "corpus", "artifacts", "coverage"].contains(&&*name);
                if !hidden && !output {
                    waiting.push(path);
                }
            } else {
                let relative = path.strip_prefix(&root).expect("found below the root");
                found.push(relative.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// The text of one file.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// One manifest.
pub fn manifest(path: &str) -> toml::Table {
    read(path).parse().unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The manifests of the workspace's members and of `fuzz`.
pub fn manifests() -> Vec<String> {
    let mut found = files("crates");
    found.extend(files("benches"));
    if root().join("fuzz").is_dir() {
        found.extend(files("fuzz"));
    }
    found.retain(|path| path.ends_with("/Cargo.toml"));
    found
}

/// Fails with every fault on a line of its own.
pub fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
