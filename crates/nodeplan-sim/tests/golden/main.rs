//! The controllers give the recorded answers of the real ones: every file of `data/golden`, and
//! of the folder that `NODEPLAN_GOLDEN` names, where whole sets can be.

use std::path::{Path, PathBuf};

use nodeplan_io as io;
use nodeplan_model as model;
use nodeplan_sim as sim;

mod replay;

/// Files of recorded answers in a folder, by name.
fn recorded(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder of recorded answers can be read");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.to_str().is_some_and(|path| path.contains(".json")))
        .collect();
    paths.sort();
    paths
}

/// Replays a folder; panics with the first differences of each file that has any.
fn replay_folder(folder: &Path) {
    let mut faults = Vec::new();
    let paths = recorded(folder);
    assert!(!paths.is_empty(), "{} holds no recorded answers", folder.display());
    for path in paths {
        match replay::file(&path) {
            Err(error) => faults.push(error),
            Ok(tally) => {
                let (equal, different) = (tally.equal, tally.different.len());
                let excluded = tally.excluded.len();
                println!(
                    "{}: {equal} equal, {different} different, {excluded} excluded",
                    path.display()
                );
                assert!(equal > 0, "{}: nothing was compared", path.display());
                faults.extend(
                    tally
                        .different
                        .iter()
                        .take(5)
                        .map(|fault| format!("{}: {fault}", path.display())),
                );
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn samples_of_recorded_answers_are_met() {
    replay_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/golden"));
}

#[test]
fn whole_sets_are_met_where_they_are() {
    match std::env::var_os("NODEPLAN_GOLDEN") {
        Some(folder) => replay_folder(Path::new(&folder)),
        None => println!("SKIPPED: NODEPLAN_GOLDEN names no folder with whole sets"),
    }
}
