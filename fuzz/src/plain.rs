//! A size, a workload and a problem without any rule: what random ones are made from, by the
//! fuzz targets and by stable tests alike.

#![allow(dead_code, reason = "stable tests compile this file anew and use a part of it")]

use ndarray::Array2;
use nodeplan::model::catalog::{Arch, Rates, Sku};
use nodeplan::model::problem::{Cluster, LoadPoint, ProblemParts};
use nodeplan::model::resources::Resources;
use nodeplan::model::units::{Bytes, Date, GIB, MilliCpu, UsdPerHour};
use nodeplan::model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};

/// A size of plain kind.
pub fn sku(name: &str, vcpus: u32, gib: u64, rate: u64) -> Sku {
    Sku {
        name: name.to_owned(),
        family: "family".to_owned(),
        vcpus,
        memory: Bytes(gib * GIB),
        gpus: 0,
        arch: Arch::Amd64,
        sustained: None,
        constrained: false,
        confidential: false,
        max_data_disks: 4,
        retires: None,
        rates: Rates {
            on_demand: UsdPerHour(rate),
            spot: None,
            reserved_1y: None,
            reserved_3y: None,
            savings_plan_1y: None,
        },
        measured: None,
    }
}

/// A workload that asks for CPU and memory alone, and uses all the CPU it asks for.
pub fn workload(name: &str, cpu: u64, memory: u64, line: u32) -> Workload {
    Workload {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        kind: WorkloadKind::Deployment,
        request: Resources {
            cpu: MilliCpu(cpu),
            memory: Bytes(memory),
            pods: 1,
            ..Resources::default()
        },
        cpu_limit: None,
        memory_limit: None,
        cpu_mean: MilliCpu(cpu),
        cpu_mean_source: MeanSource::Measured,
        max_per_node: None,
        arches: vec![Arch::Amd64],
        node_selector: Vec::new(),
        pool: None,
        isolate: false,
        spot_ok: false,
        qos: QosClass::Burstable,
        declared_qos: None,
        system: false,
        scaling: Scaling::default(),
        line,
    }
}

/// The parts of a problem without extended resources.
pub fn parts(
    skus: Vec<Sku>,
    cluster: Cluster,
    workloads: Vec<Workload>,
    points: Vec<LoadPoint>,
    demand: Array2<u32>,
) -> ProblemParts {
    ProblemParts {
        region: "koreacentral".to_owned(),
        currency: "USD".to_owned(),
        catalog_date: Date::parse("2026-01-01").expect("a day"),
        skus,
        excluded: Vec::new(),
        cluster,
        workloads,
        points,
        demand,
        extended: Vec::new(),
        groups: Vec::new(),
        assumptions: Vec::new(),
    }
}
