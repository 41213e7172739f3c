//! `load.yaml`: what is accepted keeps to the limits its fields promise, and leads to a run of the
//! small cluster or to faults that can be told.

use super::small_cluster;
use nodeplan::io::csv::Traffic;
use nodeplan::io::yaml;
use nodeplan::model::scenario::{MILLION, Series, Service};
use nodeplan::simulate::Inputs;

/// Longest run.
const RUN_MILLIS: u64 = 600_000;

/// Reads the bytes as a load file.
pub fn run(data: &[u8]) {
    let load = match yaml::load("load.yaml", data) {
        Err(faults) => return super::refused(&faults),
        Ok(load) => load,
    };
    for (at, entry) in load.workloads.iter().enumerate() {
        let before = &load.workloads[..at];
        let name = &entry.workload.name;
        assert!(before.iter().all(|other| other.workload.name != *name), "{name} twice");
        assert!(entry.workload.place.line > 0, "a name without a place");
        assert!(entry.objective.share <= MILLION && entry.objective.percentile <= MILLION);
        match entry.service {
            Service::Requests { workers, .. } => assert!(workers != Some(0), "{name}"),
            Service::Messages { batch, .. } => assert!(batch > 0, "{name}"),
            Service::Jobs { arrivals_per_job, .. } => assert!(arrivals_per_job > 0, "{name}"),
            Service::None => {}
        }
    }
    let series = Series {
        name: "requests".to_owned(),
        step_millis: 60_000,
        micro_per_second: [20, 90, 0, 5].map(|rate| rate * MILLION).to_vec(),
    };
    let traffic = Traffic { series: vec![series], start: None, filled: 0 };
    let mut inputs = Inputs { traffic: vec![traffic], load, ..Inputs::default() };
    small_cluster::try_out(&mut inputs, RUN_MILLIS);
}
