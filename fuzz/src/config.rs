//! `nodeplan.yaml`: what is accepted keeps to the limits its fields promise.

use nodeplan::io::yaml;
use nodeplan::model::units::DAY_MILLIS;

/// Reads the bytes as settings.
pub fn run(data: &[u8]) {
    match yaml::config("nodeplan.yaml", data) {
        Err(faults) => super::refused(&faults),
        Ok(config) => {
            assert!(!config.max_pods.contains(&0));
            assert!(config.max_pools != Some(0));
            assert!(config.headroom.is_none_or(|share| share.0 < 1000));
            assert!(config.peak_millis.is_none_or(|millis| millis <= DAY_MILLIS));
            let sizes: Vec<&String> = config.measured.iter().map(|one| &one.sku).collect();
            for (at, size) in sizes.iter().enumerate() {
                assert!(!sizes[..at].contains(size), "{size} measured twice");
            }
        }
    }
}
