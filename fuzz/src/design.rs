//! Hand-made designs: what is accepted is a list of pools that can be told apart.

use nodeplan::io::yaml;

/// Reads the bytes as a design.
pub fn run(data: &[u8]) {
    match yaml::design("design.yaml", data) {
        Err(faults) => super::refused(&faults),
        Ok(design) => {
            assert!(!design.pools.is_empty());
            for (at, pool) in design.pools.iter().enumerate() {
                let before = &design.pools[..at];
                assert!(before.iter().all(|other| other.name != pool.name), "{}", pool.name);
                assert!(pool.sku.starts_with("Standard_"), "{}", pool.sku);
                if let (Some(min), Some(max)) = (pool.min, pool.max) {
                    assert!(min <= max, "{}", pool.name);
                }
                for workload in &pool.workloads {
                    let held = before.iter().any(|other| other.workloads.contains(workload));
                    assert!(!held, "{workload} in two pools");
                }
            }
        }
    }
}
