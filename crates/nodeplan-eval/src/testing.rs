//! Problems for tests, built from compact tables.

use ndarray::Array2;
use nodeplan_model::catalog::{Arch, Rates, Sku};
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::placement;
use nodeplan_model::plan::{NodePool, Packing, Plan, PoolMode};
use nodeplan_model::problem::{
    Burst, Cluster, LoadPoint, Overcommit, PoolKind, Problem, ProblemParts, ReservationModel,
    SystemPool,
};
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, Date, MilliCpu, UsdPerHour};
use nodeplan_model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};
use std::collections::BTreeSet;

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
        spot_ok: false,
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
        spot: false,
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
            .map(|((weight, _), name)| LoadPoint { name: name.into(), weight_millis: *weight })
            .collect(),
        demand,
        extended: Vec::new(),
        groups: Vec::new(),
        assumptions: Vec::new(),
    }
}

/// Checked parts.
pub(crate) fn problem(parts: ProblemParts) -> Problem {
    Problem::new(parts).unwrap()
}

/// The cost of a cheapest legal plan of a tiny problem, by enumeration; `None` if there is none.
///
/// Node legality comes from `verify`; everything else is written out here.
pub(crate) fn brute_force(problem: &Problem) -> Option<u128> {
    let kinds = problem.pool_kinds();
    let counts: Vec<Vec<Vec<u64>>> =
        (0..problem.points().len()).map(|point| packings(problem, &kinds, point)).collect();
    let mut best = None;
    let mut chosen = Vec::new();
    choose(problem, &kinds, &counts, &mut chosen, &mut best);
    best
}

/// Every vector of nodes per kind that holds the pods of one load point, empty nodes left out.
fn packings(problem: &Problem, kinds: &[PoolKind], point: usize) -> Vec<Vec<u64>> {
    let demand: Vec<u32> = problem.demand().row(point).to_vec();
    let mut found = BTreeSet::new();
    let mut counts = vec![0; kinds.len()];
    fill(problem, kinds, &demand, &mut counts, &mut found);
    // A vector with more nodes of every kind than another is never needed.
    let more = |a: &[u64], b: &[u64]| a != b && a.iter().zip(b).all(|(a, b)| a >= b);
    let least = |row: &Vec<u64>| !found.iter().any(|other| more(row, other));
    found.iter().filter(|row| least(row)).cloned().collect()
}

fn fill(
    problem: &Problem,
    kinds: &[PoolKind],
    left: &[u32],
    counts: &mut Vec<u64>,
    found: &mut BTreeSet<Vec<u64>>,
) {
    let Some(first) = left.iter().position(|&pods| pods > 0) else {
        found.insert(counts.clone());
        return;
    };
    // The next node holds at least one pod of the first workload that is left.
    for content in contents(left) {
        if content[first] == 0 {
            continue;
        }
        let rest: Vec<u32> = left.iter().zip(&content).map(|(l, c)| l - c).collect();
        for (at, &kind) in kinds.iter().enumerate() {
            if holds(problem, kind, &content) {
                counts[at] += 1;
                fill(problem, kinds, &rest, counts, found);
                counts[at] -= 1;
            }
        }
    }
}

fn contents(most: &[u32]) -> Vec<Vec<u32>> {
    most.iter().fold(vec![Vec::new()], |all, &most| {
        all.iter()
            .flat_map(|start| (0..=most).map(|pods| start.iter().copied().chain([pods]).collect()))
            .collect()
    })
}

fn holds(problem: &Problem, kind: PoolKind, content: &[u32]) -> bool {
    let content = content.iter().enumerate().filter(|(_, pods)| **pods > 0);
    let content = content.map(|(id, &pods)| (WorkloadId(id as u32), pods)).collect();
    let packings = vec![vec![Packing { nodes: 1, content }]];
    let pool = NodePool { name: "a".into(), kind, mode: PoolMode::User, packings };
    let node = ["NP5109", "NP5110", "NP5111", "NP5112", "NP5113"];
    let findings = crate::check_plan(problem, &Plan { pools: vec![pool] }).0;
    findings.iter().all(|finding| !node.contains(&finding.code.as_str()))
}

/// Tries every combination of packings, with up to one empty system node per load point, and
/// adds the empty nodes that coupling asks for.
fn choose<'a>(
    problem: &Problem,
    kinds: &[PoolKind],
    counts: &'a [Vec<Vec<u64>>],
    chosen: &mut Vec<&'a Vec<u64>>,
    best: &mut Option<u128>,
) {
    if chosen.len() < counts.len() {
        for one in &counts[chosen.len()] {
            chosen.push(one);
            choose(problem, kinds, counts, chosen, best);
            chosen.pop();
        }
        return;
    }
    let points = counts.len();
    let extras = if problem.needs_system_node() { kinds.len() + 1 } else { 1 };
    for code in 0..extras.pow(points as u32) {
        let mut nodes: Vec<Vec<u64>> = chosen.iter().map(|&row| row.clone()).collect();
        for (point, row) in nodes.iter_mut().enumerate() {
            if let Some(kind) = (code / extras.pow(point as u32) % extras).checked_sub(1) {
                row[kind] += 1;
            }
        }
        for _ in 0..points {
            for (s, t) in problem.coupled_points() {
                let small = nodes[s].clone();
                for (large, small) in nodes[t].iter_mut().zip(small) {
                    *large = small.max(*large);
                }
            }
        }
        if legal(problem, kinds, &nodes) {
            let cost = cost(problem, kinds, &nodes);
            *best = Some(best.map_or(cost, |best: u128| best.min(cost)));
        }
    }
}

fn legal(problem: &Problem, kinds: &[PoolKind], nodes: &[Vec<u64>]) -> bool {
    let pools = (0..kinds.len()).filter(|&at| nodes.iter().any(|row| row[at] > 0)).count();
    let served = |row: &Vec<u64>| {
        let mut pairs = row.iter().zip(kinds);
        pairs.any(|(&n, &kind)| n > 0 && placement::serves_system(problem, kind))
    };
    problem.cluster().max_pools.is_none_or(|most| pools <= most as usize)
        && (!problem.needs_system_node() || nodes.iter().all(served))
}

fn cost(problem: &Problem, kinds: &[PoolKind], nodes: &[Vec<u64>]) -> u128 {
    let rate = |kind: PoolKind| u128::from(problem.rate(kind).0);
    nodes
        .iter()
        .zip(problem.points())
        .map(|(row, point)| {
            let here: u128 =
                row.iter().zip(kinds).map(|(&n, &kind)| u128::from(n) * rate(kind)).sum();
            here * u128::from(point.weight_millis)
        })
        .sum()
}
