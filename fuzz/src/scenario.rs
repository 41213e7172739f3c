//! `scenario.yaml`: what is accepted keeps to the limits its fields promise, and leads to a run of
//! the small cluster or to faults that can be told.

use super::small_cluster;
use nodeplan::io::yaml;
use nodeplan::model::scenario::MILLION;
use nodeplan::simulate::Inputs;

/// Longest run.
const RUN_MILLIS: u64 = 1_800_000;
/// What work costs where traffic is made up for a workload of that name.
const LOAD: &str = "\
workloads:
  web-app: {arrivals: visits, cpu_per_request: 20ms, slo: {p95: 250ms}}
  message-queue: {arrivals: 0.3 per web-app, cpu_per_message: 5ms, slo: {oldest: 60s}}
";

/// Reads the bytes as a scenario file.
pub fn run(data: &[u8]) {
    let scenario = match yaml::scenario("scenario.yaml", data) {
        Err(faults) => return super::refused(&faults),
        Ok(scenario) => scenario,
    };
    assert!(scenario.times.ready_p50_millis <= scenario.times.ready_p95_millis);
    assert!(scenario.autoscaler.scan_millis > 0);
    for entry in &scenario.pools {
        if let (Some(min), Some(max)) = (entry.min, entry.max) {
            assert!(min <= max, "{}", entry.pool.name);
        }
    }
    for schedule in scenario.workloads.iter().flat_map(|one| &one.schedules) {
        assert!(schedule.days > 0 && schedule.days < 128, "{schedule:?}");
        assert!(schedule.from_second <= 86_400 && schedule.to_second <= 86_400);
    }
    assert!(scenario.gateways.iter().all(|gateway| gateway.cache_hit <= MILLION));
    assert!(scenario.traffic.iter().all(|traffic| traffic.step_seconds > 0));
    let visits = scenario.traffic.iter().any(|one| one.name.name == "visits");
    let mut inputs = Inputs { scenario, ..Inputs::default() };
    if visits {
        inputs.load = yaml::load("load.yaml", LOAD.as_bytes()).expect("the load above is sound");
    }
    small_cluster::try_out(&mut inputs, RUN_MILLIS);
}
