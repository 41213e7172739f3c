//! A small cluster with a plan, in which names of load and scenario files can lead somewhere, and
//! what holds for every run of it.

use super::plain;
use ndarray::Array2;
use nodeplan::Error;
use nodeplan::model::ids::{GroupId, SkuId, WorkloadId};
use nodeplan::model::plan::{NodePool, Packing, Plan, PoolMode};
use nodeplan::model::problem::{
    Burst, Cluster, LoadPoint, Overcommit, PoolKind, Problem, ReservationModel, SystemPool,
};
use nodeplan::model::scenario::Scenario;
use nodeplan::model::units::{DAY_MILLIS, MIB, PerMille};
use nodeplan::model::workload::Workload;
use nodeplan::simulate::{Inputs, simulate, stage};

/// Most replicas of a workload and most nodes of a pool of a run: beyond them it is only slower.
const MOST: u32 = 200;
/// Most samples of a run.
const SAMPLES: u64 = 1000;

/// Rules of a cluster that change nothing.
pub fn rules() -> Cluster {
    Cluster {
        reservation: ReservationModel::Aks,
        os_overhead: true,
        max_pods: vec![30],
        addons: Vec::new(),
        system_pool: SystemPool::None,
        max_pools: None,
        burst: Burst::default(),
        overcommit: Overcommit::default(),
        headroom: PerMille(0),
        sustained_cpu: false,
        spot: false,
    }
}

/// Five workloads on a pool for all and one for spot nodes.
pub fn cluster() -> (Problem, Plan) {
    let names = ["web-app", "interface", "dbms", "message-queue", "batch"];
    let workload = |(at, name): (usize, &&str)| Workload {
        memory_limit: (at == 2).then_some(nodeplan::model::units::Bytes(600 * MIB)),
        ..plain::workload(name, 250, 256 * MIB, at as u32 + 2)
    };
    let workloads = names.iter().enumerate().map(workload).collect();
    let skus = vec![
        plain::sku("Standard_A4", 4, 16, 200_000_000),
        plain::sku("Standard_B8", 8, 64, 500_000_000),
    ];
    let points = vec![LoadPoint { name: "peak".to_owned(), weight_millis: DAY_MILLIS }];
    let demand = Array2::from_elem((1, names.len()), 2);
    let parts = plain::parts(skus, rules(), workloads, points, demand);
    let problem = Problem::new(parts).expect("the cluster above is sound");
    let content = (0..names.len() as u32).map(|at| (WorkloadId(at), 1)).collect();
    let mut packing = vec![Packing { nodes: 2, content }];
    let pools = ["general", "spot"].iter().zip(0..).map(|(name, at)| NodePool {
        name: (*name).to_owned(),
        kind: PoolKind { group: GroupId(0), sku: SkuId(at), max_pods: 30 },
        mode: if at == 0 { PoolMode::System } else { PoolMode::User },
        packings: vec![std::mem::take(&mut packing)],
    });
    (problem, Plan { pools: pools.collect() })
}

/// Stages what was read on the small cluster, and runs it for a while.
pub fn try_out(inputs: &mut Inputs, most_millis: u64) {
    let (problem, plan) = cluster();
    let file = &mut inputs.scenario;
    file.horizon_millis = Some(file.horizon_millis.unwrap_or(most_millis).min(most_millis));
    match stage(&problem, &plan, inputs) {
        Err(faults) => super::refused(&faults),
        Ok(staged) => {
            let again = stage(&problem, &plan, inputs);
            assert_eq!(again.as_ref(), Ok(&staged), "staged twice");
            run(&problem, &plan, &staged.scenario);
        }
    }
}

/// Runs a scenario twice, if it is not too large: it is refused with codes, or both are the same.
pub fn run(problem: &Problem, plan: &Plan, scenario: &Scenario) {
    let replicas =
        scenario.replicas.iter().chain(scenario.scaling.iter().flatten().map(|one| &one.max));
    let nodes = scenario.pools.iter().flat_map(|pool| [&pool.max, &pool.initial]);
    let large = replicas.chain(nodes).any(|&count| (MOST..=1_000_000).contains(&count));
    let samples = scenario.horizon_millis / scenario.sample_millis.max(1);
    let scans = scenario.horizon_millis / scenario.autoscaler.scan_millis.max(1);
    if large || samples > SAMPLES || scans > SAMPLES {
        return;
    }
    match simulate(problem, plan, scenario) {
        Ok(done) => {
            let again = simulate(problem, plan, scenario).expect("it ran before");
            assert_eq!(done, again, "one seed, two runs");
            let samples = scenario.horizon_millis / scenario.sample_millis;
            assert_eq!(done.timeline.samples as u64, samples, "a sample is missing");
        }
        Err(Error::Simulate(faults)) => {
            assert!(!faults.is_empty(), "refused without a fault");
            for fault in &faults {
                assert!(fault.code().starts_with("NP40"), "{fault}");
            }
        }
        Err(error) => panic!("{error}"),
    }
}
