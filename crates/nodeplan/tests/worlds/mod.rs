//! Small random problems that mix every rule at once, and what is true of them.
//!
//! One seed, one problem: every draw comes from the stream of the seed, so a failing seed alone
//! replays its problem. The sizes are such that [`brute`] finds the optimum by looking at
//! everything, and such that the rules bite: few pods per node, prices close to each other,
//! limits on the edge of what is possible.
//!
//! Invariant: nothing here uses the solver or the judge.

#![allow(dead_code, reason = "each test file compiles this module anew and uses a part of it")]

pub mod brute;
#[path = "../../../../fuzz/src/draw.rs"]
mod draw;
#[path = "../../../../fuzz/src/plain.rs"]
pub mod plain;
pub mod rules;
pub mod seeds;
pub mod yardsticks;

pub use draw::Draw;

use ndarray::Array2;
use nodeplan_model::catalog::{Arch, QuotedRate, Sku};
use nodeplan_model::problem::{
    AddOn, Burst, Cluster, LoadPoint, Overcommit, Problem, ProblemParts, ReservationModel,
    SystemPool,
};
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, DAY_MILLIS, GIB, MIB, MilliCpu, PerMille, UsdPerHour};
use nodeplan_model::workload::{QosClass, Workload};

/// Most pods at one load point, the platform's own included.
pub const MOST_PODS: u32 = 8;
/// Most pool kinds: brute force counts nodes of each.
pub const MOST_KINDS: usize = 9;

/// The problem of `seed`.
pub fn small_problem(seed: u64) -> Problem {
    let mut draw = Draw::new(seed);
    loop {
        let parts = small_parts(&mut draw);
        let problem = Problem::new(parts).expect("the generator keeps to the rules of `Problem`");
        if problem.pool_kinds().len() <= MOST_KINDS {
            return some_spot(seed, problem);
        }
    }
}

/// Sometimes spot nodes too, by a stream of their own: quotes for most sizes, now and then above the
/// rate on demand, and workloads that tolerate them or not.
fn some_spot(seed: u64, problem: Problem) -> Problem {
    let mut draw = Draw::new(seed ^ 0x5b07);
    if !draw.chance(35) {
        return problem;
    }
    let mut parts = problem.parts().clone();
    parts.cluster.spot = true;
    for sku in &mut parts.skus {
        // Billed in hundredths of a cent, too.
        let cents = sku.rates.on_demand.0 / 10_000_000;
        let rate = UsdPerHour(cents * draw.within(15, 105) * 100_000);
        sku.rates.spot = draw.chance(80).then_some(QuotedRate { rate, estimated: false });
    }
    for workload in parts.workloads.iter_mut().filter(|one| !one.system) {
        workload.spot_ok = draw.chance(60);
    }
    let with = Problem::new(parts).expect("the generator keeps to the rules of `Problem`");
    if with.pool_kinds().len() <= MOST_KINDS { with } else { problem }
}

fn small_parts(draw: &mut Draw) -> ProblemParts {
    let extended = if draw.chance(20) { vec!["example.com/slot".to_owned()] } else { Vec::new() };
    let skus = skus(draw, extended.len());
    let mut cluster = cluster(draw);
    let mut workloads = workloads(draw, &skus, extended.len());
    // No system pool without a size for it, but for a few problems that are to be infeasible.
    if draw.chance(85) && !skus.iter().any(Sku::system_pool_ok) {
        cluster.system_pool = SystemPool::None;
    }
    let system_chance = if cluster.system_pool == SystemPool::None { 0 } else { 45 };
    if draw.chance(system_chance) {
        workloads.push(system_workload(draw));
    }
    if cluster.system_pool == SystemPool::Dedicated && draw.chance(70) {
        cluster.max_pools = cluster.max_pools.map(|most| most + 1);
    }
    let demand = demand(draw, workloads.len());
    let points = points(draw, demand.nrows());
    let parts = plain::parts(skus, cluster, workloads, points, demand);
    ProblemParts { extended, ..parts }
}

fn skus(draw: &mut Draw, extended: usize) -> Vec<Sku> {
    let count = draw.pick(&[1, 2, 2, 3, 3, 3, 4, 4]);
    // On a lattice the rates are per vCPU and per GiB and many mixes cost the same; off it
    // every mix has a cost of its own.
    let lattice = draw.chance(40);
    let mut skus: Vec<Sku> = (0..count).map(|index| sku(draw, index, lattice, extended)).collect();
    // Sometimes two sizes differ by name alone, and sometimes one is free.
    if count > 1 && draw.chance(5) {
        skus[1] = Sku { name: skus[1].name.clone(), ..skus[0].clone() };
    }
    if draw.chance(2) {
        skus[0].rates.on_demand.0 = 0;
    }
    skus
}

fn sku(draw: &mut Draw, index: usize, lattice: bool, extended: usize) -> Sku {
    let vcpus: u64 = draw.pick(&[2, 4, 4, 4, 4, 8]);
    let memory = vcpus * draw.pick(&[2, 4, 4, 4, 8]);
    let arch = if draw.chance(12) { Arch::Arm64 } else { Arch::Amd64 };
    let sustained = draw.chance(15).then(|| MilliCpu(vcpus * draw.pick(&[200, 400])));
    let gpus = if draw.chance(15) { draw.within(1, 2) } else { 0 };
    let mut hundredths = vcpus * 4 + memory / 2 + 25 * gpus;
    hundredths -= if sustained.is_some() { hundredths / 3 } else { 0 };
    let rate = if lattice {
        hundredths * 10_000_000
    } else {
        // Billed in hundredths of a cent, up to a fifth off the lattice.
        hundredths * draw.within(80, 120) * 100_000 + draw.below(50) * 100_000
    };
    let measured = draw.chance(if extended > 0 { 80 } else { 12 }).then(|| Resources {
        cpu: MilliCpu(vcpus * draw.within(850, 1000)),
        memory: Bytes(memory * draw.within(700, 1000) * MIB),
        pods: draw.pick(&[3, 5, 30]),
        gpus,
        data_disks: draw.within(0, 4),
        ephemeral: Bytes(draw.within(20, 100) * GIB),
        extended: (0..extended).map(|_| draw.within(0, 3)).collect(),
    });
    let name = format!("Standard_T{index}s_v1");
    Sku {
        gpus: gpus as u32,
        arch,
        sustained,
        max_data_disks: draw.within(1, 4) as u32,
        measured,
        ..plain::sku(&name, vcpus as u32, memory, rate)
    }
}

fn cluster(draw: &mut Draw) -> Cluster {
    use ReservationModel::{Aks, AksLegacy, Measured, NodeAutoProvisioning};
    let share = |draw: &mut Draw, percent: u64| {
        PerMille(if draw.chance(percent) { draw.pick(&[250, 500, 333, 1000]) } else { 0 })
    };
    let addons = draw.pick(&[0, 0, 1, 1, 2]);
    Cluster {
        reservation: draw.pick(&[Aks, Aks, Aks, AksLegacy, NodeAutoProvisioning, Measured]),
        os_overhead: draw.chance(70),
        max_pods: draw.pick(&[
            vec![5],
            vec![30],
            vec![30],
            vec![110],
            vec![4, 30],
            vec![30, 110],
            vec![3, 5, 30],
        ]),
        addons: (0..addons).map(|index| addon(draw, index)).collect(),
        system_pool: draw.pick(&[
            SystemPool::Shared,
            SystemPool::Shared,
            SystemPool::Dedicated,
            SystemPool::None,
            SystemPool::None,
        ]),
        max_pools: draw.pick(&[
            None,
            None,
            None,
            Some(1),
            Some(2),
            Some(2),
            Some(2),
            Some(3),
            Some(4),
            Some(5),
            Some(6),
        ]),
        burst: Burst {
            guaranteed: share(draw, 15),
            burstable: share(draw, 30),
            best_effort: share(draw, 20),
        },
        overcommit: Overcommit {
            cpu: draw.chance(12).then(|| PerMille(draw.pick(&[900, 1500, 2000, 3000]))),
            memory: draw.chance(12).then(|| PerMille(draw.pick(&[1250, 1500, 2500]))),
        },
        headroom: PerMille(draw.pick(&[0, 0, 0, 50, 100, 155])),
        sustained_cpu: draw.chance(80),
        spot: false,
    }
}

fn addon(draw: &mut Draw, index: usize) -> AddOn {
    let selector = if draw.chance(15) {
        vec![("kubernetes.io/arch".to_owned(), draw.pick(&["amd64", "arm64"]).to_owned())]
    } else if draw.chance(12) {
        vec![("team".to_owned(), "blue".to_owned())]
    } else {
        Vec::new()
    };
    AddOn {
        name: format!("agent-{index}"),
        request: Resources {
            cpu: MilliCpu(draw.pick(&[20, 50, 100, 170])),
            memory: Bytes(draw.pick(&[32, 50, 128, 300]) * MIB),
            pods: 1,
            ..Resources::default()
        },
        measured_mean: draw.chance(50).then(|| MilliCpu(draw.within(1, 60))),
        node_selector: selector,
        tolerates_all: draw.chance(60),
    }
}

fn workloads(draw: &mut Draw, skus: &[Sku], extended: usize) -> Vec<Workload> {
    let count = draw.pick(&[2, 3, 3, 4, 4, 4]);
    // All workloads are cut for one size, so that several share a node.
    let (cores, gib) = draw.pick(&[(2u64, 4u64), (4, 8), (4, 12), (4, 12)]);
    let isolated = draw.chance(40);
    (0..count)
        .map(|index| {
            let mut workload = workload(draw, index, cores * 1000, gib * 1024);
            if draw.chance(9) {
                workload.pool = Some(draw.pick(&["data", "edge"]).to_owned());
                workload.isolate = isolated;
            }
            select(draw, skus, &mut workload);
            give_devices(draw, skus, extended, &mut workload);
            workload
        })
        .collect()
}

fn workload(draw: &mut Draw, index: usize, millis: u64, mib: u64) -> Workload {
    let fraction = draw.pick(&[18, 22, 26, 30, 34, 37, 40, 44, 46]);
    let cpu = (millis * fraction / 100).next_multiple_of(draw.pick(&[1, 10, 50]));
    let fraction = draw.pick(&[8, 15, 20, 25, 30, 36, 42]);
    let memory = (mib * fraction / 100).next_multiple_of(draw.pick(&[1, 64, 256]));
    let cpu_limit = draw.chance(65).then(|| cpu * draw.pick(&[10, 12, 15, 20]) / 10);
    let memory_limit = draw.chance(65).then(|| memory * draw.pick(&[10, 12, 15, 20]) / 10);
    let best_effort = draw.chance(5);
    let guaranteed = cpu_limit == Some(cpu) && memory_limit == Some(memory);
    let (cpu, memory) = if best_effort { (0, 0) } else { (cpu, memory) };
    let mut workload = plain::workload(&format!("w{index}"), cpu, memory * MIB, index as u32 + 2);
    workload.request.ephemeral = Bytes(if draw.chance(12) { draw.within(5, 60) * GIB } else { 0 });
    Workload {
        cpu_limit: cpu_limit.filter(|_| !best_effort).map(MilliCpu),
        memory_limit: memory_limit.filter(|_| !best_effort).map(|mib| Bytes(mib * MIB)),
        cpu_mean: MilliCpu(if best_effort { 30 } else { cpu * draw.within(5, 50) / 100 }),
        max_per_node: draw.chance(15).then(|| draw.within(1, 2) as u32),
        arches: draw.pick(&[
            vec![Arch::Amd64],
            vec![Arch::Amd64],
            vec![Arch::Amd64, Arch::Arm64],
            vec![Arch::Amd64, Arch::Arm64],
            vec![Arch::Amd64, Arch::Arm64],
        ]),
        qos: match (best_effort, guaranteed) {
            (true, _) => QosClass::BestEffort,
            (_, true) => QosClass::Guaranteed,
            _ => QosClass::Burstable,
        },
        ..workload
    }
}

/// Sometimes a selector: on the size, the architecture, or a label that makes a group.
fn select(draw: &mut Draw, skus: &[Sku], workload: &mut Workload) {
    match draw.below(36) {
        0 => {
            let name = draw.pick(skus).name;
            workload.node_selector.push(("node.kubernetes.io/instance-type".to_owned(), name));
        }
        1 => {
            let arch = draw.pick(&workload.arches).label().to_owned();
            workload.node_selector.push(("kubernetes.io/arch".to_owned(), arch));
        }
        2 | 3 => workload.node_selector.push(("team".to_owned(), "blue".to_owned())),
        _ => {}
    }
}

/// Sometimes a GPU, data disks or an extended resource; seldom where no size has any.
fn give_devices(draw: &mut Draw, skus: &[Sku], extended: usize, workload: &mut Workload) {
    let any_gpu = skus.iter().any(|sku| sku.gpus > 0);
    if draw.chance(if any_gpu { 15 } else { 1 }) {
        workload.request.gpus = 1;
    }
    if draw.chance(12) {
        workload.request.data_disks = draw.within(1, 2);
    }
    if draw.chance(30) {
        workload.request.extended = (0..extended).map(|_| draw.within(0, 1)).collect();
    }
}

fn system_workload(draw: &mut Draw) -> Workload {
    let mut workload = workload(draw, 90, 2000, 4096);
    workload.namespace = "kube-system".to_owned();
    workload.name = "coredns".to_owned();
    workload.request.cpu = MilliCpu(100);
    workload.request.memory = Bytes(70 * MIB);
    workload.request.ephemeral = Bytes::ZERO;
    workload.cpu_limit = None;
    workload.memory_limit = Some(Bytes(170 * MIB));
    workload.cpu_mean = MilliCpu(3);
    workload.arches = vec![Arch::Amd64, Arch::Arm64];
    workload.qos = QosClass::Burstable;
    workload.system = true;
    workload.line = 0;
    workload
}

/// Load points × workloads; in most cases two points, coupled or not.
fn demand(draw: &mut Draw, workloads: usize) -> Array2<u32> {
    let points: u32 = draw.pick(&[1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 4]);
    let budget = MOST_PODS.min(12 - 2 * points);
    let mut high = vec![1u32; workloads];
    let further = u64::from(budget).saturating_sub(workloads as u64);
    for _ in 0..draw.within(further.min(2), further) {
        high[draw.index(workloads)] += 1;
    }
    let mut demand = Array2::zeros((points as usize, workloads));
    for mut row in demand.rows_mut() {
        // The first pods stay at most points: an empty load point teaches little.
        let low = |draw: &mut Draw, most: u32| {
            let least = if draw.chance(15) { 0 } else { most.min(1) };
            draw.within(u64::from(least), u64::from(most)) as u32
        };
        for (count, &most) in row.iter_mut().zip(&high) {
            *count = low(draw, most);
        }
    }
    // One point has it all, else the points are likely incomparable.
    if points == 1 || draw.chance(60) {
        let full = draw.index(points as usize);
        for (i, &most) in high.iter().enumerate() {
            demand[[full, i]] = most;
        }
    }
    demand
}

fn points(draw: &mut Draw, count: usize) -> Vec<LoadPoint> {
    let mut left = DAY_MILLIS;
    (0..count)
        .map(|index| {
            let even = DAY_MILLIS / (count as u64);
            let weight_millis = match draw.below(4) {
                0 => even,
                1 => draw.within(1, 24 / count as u64) * 3_600_000,
                2 => DAY_MILLIS / 24 * 8 / (count as u64),
                _ => draw.within(1, even),
            };
            left -= weight_millis;
            LoadPoint { name: format!("point-{index}"), weight_millis }
        })
        .collect()
}
