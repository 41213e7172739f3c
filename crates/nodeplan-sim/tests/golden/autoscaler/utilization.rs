//! `ca_utilization`: how full a node is by requests.

use serde::Deserialize;

use super::compare;
use crate::replay::Verdict;
use crate::sim::autoscaler::utilization::{
    Ignored, Measured, UtilizationNode, UtilizationPod, utilization,
};

#[derive(Deserialize)]
struct Case {
    id: String,
    alloc_cpu_m: i64,
    alloc_mem: i64,
    ignore_daemonsets: bool,
    ignore_mirror: bool,
    pods: Option<Vec<Pod>>,
    out: Out,
}

#[derive(Deserialize)]
struct Pod {
    cpu_m: i64,
    mem: i64,
    kind: String,
    #[serde(default)]
    init_cpu_m: i64,
    #[serde(default)]
    init_mem: i64,
    #[serde(default)]
    sidecar_cpu_m: i64,
    #[serde(default)]
    overhead_cpu_m: i64,
}

#[derive(Deserialize)]
struct Out {
    cpu: f64,
    mem: f64,
    util: f64,
    resource: String,
    at_or_below_0_5: bool,
}

impl Pod {
    /// The request that the scheduler books.
    fn counted(&self) -> UtilizationPod {
        let running = self.cpu_m + self.sidecar_cpu_m;
        // The sidecar is declared before the init container and runs beside it.
        let starting = if self.init_cpu_m > 0 { self.init_cpu_m + self.sidecar_cpu_m } else { 0 };
        UtilizationPod {
            cpu_milli: running.max(starting) + self.overhead_cpu_m,
            memory_bytes: self.mem.max(self.init_mem),
            gpus: 0,
            daemon: self.kind == "daemonset",
            mirror: self.kind == "mirror",
            long_terminating: self.kind == "terminating_long",
        }
    }
}

/// Answers one case.
pub fn line(text: &str) -> Result<Verdict, serde_json::Error> {
    let case: Case = serde_json::from_str(text)?;
    let node =
        UtilizationNode { cpu_milli: case.alloc_cpu_m, memory_bytes: case.alloc_mem, gpus: None };
    let ignored = Ignored { daemons: case.ignore_daemonsets, mirrors: case.ignore_mirror };
    let pods: Vec<UtilizationPod> = case.pods.iter().flatten().map(Pod::counted).collect();
    let Some(ours) = utilization(&node, &pods, ignored) else {
        return Ok(Verdict::Different(format!("{}: no utilization", case.id)));
    };
    let resource = match ours.of {
        Measured::Cpu => "cpu",
        Measured::Memory => "memory",
        Measured::Gpu => "gpu",
    };
    let out = &case.out;
    let ours = (ours.cpu, ours.memory, ours.value, resource, ours.value <= 0.5);
    let recorded = (out.cpu, out.mem, out.util, out.resource.as_str(), out.at_or_below_0_5);
    Ok(compare(&case.id, "utilization", &ours, &recorded))
}
