//! The project's own file tree, as the rails tests read it.
#![allow(dead_code, reason = "each rails test uses a part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root directory.
pub fn root() -> PathBuf {
    let crate_directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_directory.ancestors().nth(2).expect("the crate lies in crates/").to_path_buf()
}

/// Every file below `directory` of the root, as paths relative to the root with `/`, sorted.
/// Files that git ignores are nobody's business; without git, build output and hidden
/// directories but `.ci` are left out.
pub fn files(directory: &str) -> Vec<String> {
    known_to_git(directory).unwrap_or_else(|| walked(directory))
}

/// What git tracks and what it could; `None` where this is no clone.
fn known_to_git(directory: &str) -> Option<Vec<String>> {
    let root = root();
    let mut git = Command::new("git");
    git.current_dir(&root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    if !directory.is_empty() {
        git.args(["--", directory]);
    }
    let output = git.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let paths = text.split('\0').filter(|path| !path.is_empty() && root.join(path).is_file());
    let mut found: Vec<String> = paths.map(str::to_owned).collect();
    found.sort();
    (!found.is_empty()).then_some(found)
}

fn walked(directory: &str) -> Vec<String> {
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
