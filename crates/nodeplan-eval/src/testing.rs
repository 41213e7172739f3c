//! Problems for tests, built from compact tables.

use ndarray::Array2;
use nodeplan_model::catalog::{Arch, Rates, Sku};
use nodeplan_model::problem::{
    Burst, Cluster, LoadPoint, Overcommit, Problem, ProblemParts, ReservationModel, SystemPool,
};
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, Date, MilliCpu, UsdPerHour};
use nodeplan_model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};

/// A size with measured allocatable: cpu (m), memory (B), rate; 4 vCPUs and 8 GiB nominal, so
/// that it can be a system pool.
pub(crate) fn sku(name: &str, cpu: u64, memory: u64, rate: u64) -> Sku {
    Sku {
        name: name.to_owned(),
        family: "family".to_owned(),
        vcpus: 4,
        memory: Bytes(8 << 30),
        gpus: 0,
        arch: Arch::Amd64,
        sustained: None,
        constrained: false,
        confidential: false,
        max_data_disks: 0,
        retires: None,
        rates: Rates {
            on_demand: UsdPerHour(rate),
            spot: None,
            reserved_1y: None,
            reserved_3y: None,
            savings_plan_1y: None,
        },
        measured: Some(Resources {
            cpu: MilliCpu(cpu),
            memory: Bytes(memory),
            pods: 250,
            ..Resources::default()
        }),
    }
}

/// A workload of one-container pods.
pub(crate) fn workload(name: &str, cpu: u64, memory: u64) -> Workload {
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
        cpu_mean_source: MeanSource::Request,
        max_per_node: None,
        arches: vec![Arch::Amd64],
        node_selector: Vec::new(),
        pool: None,
        isolate: false,
        qos: QosClass::Burstable,
        declared_qos: None,
        system: false,
        scaling: Scaling::default(),
        line: 0,
    }
}

/// A cluster without reservations, add-ons, system pool or limits.
pub(crate) fn cluster() -> Cluster {
    Cluster {
        reservation: ReservationModel::Measured,
        os_overhead: false,
        max_pods: vec![250],
        addons: Vec::new(),
        system_pool: SystemPool::None,
        max_pools: None,
        burst: Burst::default(),
        overcommit: Overcommit::default(),
        headroom: Default::default(),
        sustained_cpu: true,
    }
}

/// The parts of a problem: sizes, workloads, and per load point its weight and demand.
pub(crate) fn parts(
    skus: Vec<Sku>,
    workloads: Vec<Workload>,
    points: &[(u64, &[u32])],
) -> ProblemParts {
    let mut demand = Array2::zeros((points.len(), workloads.len()));
    for (point, (_, pods)) in points.iter().enumerate() {
        for (workload, &pods) in pods.iter().enumerate() {
            demand[[point, workload]] = pods;
        }
    }
    let names = ["high", "low", "mid"];
    ProblemParts {
        region: "koreacentral".to_owned(),
        currency: "USD".to_owned(),
        catalog_date: Date::parse("2026-06-18").unwrap(),
        skus,
        excluded: Vec::new(),
        cluster: cluster(),
        workloads,
        points: points
            .iter()
            .zip(names)
            .map(|((weight, _), name)| LoadPoint {
                name: name.into(),
                weight_millis: *weight,
            })
            .collect(),
        demand,
        extended: Vec::new(),
        assumptions: Vec::new(),
    }
}

/// Checked parts.
pub(crate) fn problem(parts: ProblemParts) -> Problem {
    Problem::new(parts).unwrap()
}
