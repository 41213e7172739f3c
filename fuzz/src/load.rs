//! Load files: what is accepted names its workloads, and shares are shares.

use nodeplan::io::yaml;

/// Reads the bytes as a load file.
pub fn run(data: &[u8]) {
    match yaml::load("fuzz", data) {
        Err(faults) => super::refused(&faults),
        Ok(file) => {
            for entry in &file.workloads {
                assert!(entry.objective.share <= 1_000_000);
                assert!(entry.workload.place.line > 0, "a name without a place");
            }
        }
    }
}
