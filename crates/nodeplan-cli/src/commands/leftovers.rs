//! What an earlier answer left in a directory and the new one does not have.

use crate::diagnose::Failure;
use std::path::Path;

/// The files of a point of a frontier.
const FILES: [&str; 3] = ["plan.json", "scenario.yaml", "load.yaml"];

/// Removes points of a frontier beyond so many, and the floor where there is none: nobody takes them for
/// parts of this answer. A directory goes only if it has the name and the files of a point, and nothing else.
pub fn remove(directory: &Path, points: usize, floor: bool) -> Result<(), Failure> {
    let old = directory.join("floor.json");
    if !floor && std::fs::read(&old).is_ok_and(|bytes| super::floor::is_floor(&bytes)) {
        std::fs::remove_file(&old).map_err(|error| failed(&old, &error))?;
    }
    let entries = std::fs::read_dir(directory).map_err(|error| failed(directory, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| failed(directory, &error))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(number_of);
        // A link is not followed: it is no directory.
        let real = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = entry.path();
        if real && number.is_some_and(|number| number > points) && is_point(&path) {
            for file in FILES {
                std::fs::remove_file(path.join(file)).map_err(|error| failed(&path, &error))?;
            }
            std::fs::remove_dir(&path).map_err(|error| failed(&path, &error))?;
        }
    }
    Ok(())
}

/// The number of `frontier-3`, as it is written.
fn number_of(name: &str) -> Option<usize> {
    let number: usize = name.strip_prefix("frontier-")?.parse().ok()?;
    (name == format!("frontier-{number}")).then_some(number)
}

/// Whether a directory has the files of a point, and nothing else.
fn is_point(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    let mut names = Vec::new();
    for entry in entries {
        let Ok(entry) = entry else { return false };
        let file = entry.file_type().is_ok_and(|kind| kind.is_file());
        match entry.file_name().to_str() {
            Some(name) if file && FILES.contains(&name) => names.push(name.to_owned()),
            _ => return false,
        }
    }
    names.len() == FILES.len()
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    let text = format!("cannot remove what an earlier answer left in {}: {error}", path.display());
    Failure::new(crate::FAILED, "", text)
}
