//! Scenario files: what is accepted has bounds in order and shares that are shares.

use nodeplan::io::yaml;

/// Reads the bytes as a scenario file.
pub fn run(data: &[u8]) {
    match yaml::scenario("fuzz", data) {
        Err(faults) => super::refused(&faults),
        Ok(file) => {
            for pool in &file.pools {
                let sound = pool.min.zip(pool.max).is_none_or(|(min, max)| min <= max);
                assert!(sound, "{pool:?}");
            }
            let schedules = file.workloads.iter().flat_map(|one| &one.schedules);
            for schedule in schedules {
                assert!(schedule.days > 0 && schedule.days < 128, "{schedule:?}");
                assert!(schedule.from_second <= 86_400 && schedule.to_second <= 86_400);
            }
            assert!(file.gateways.iter().all(|gateway| gateway.cache_hit <= 1_000_000));
            assert!(file.traffic.iter().all(|traffic| traffic.step_seconds > 0));
            assert!(file.times.ready_p50_millis <= file.times.ready_p95_millis);
            assert!(file.autoscaler.scan_millis > 0);
        }
    }
}
