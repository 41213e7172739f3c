//! Small random clusters under random load, and random designs for them.
//!
//! One seed, one world. Some designs are good: pods as many as the load needs, at a fair load of
//! each, and nodes that follow them. Others waste, and others miss what is demanded.

#![allow(dead_code, reason = "each test file compiles this module anew and uses a part of it")]

use crate::worlds::{Draw, plain};
use ndarray::Array2;
use nodeplan::joint::{Design, Layout};
use nodeplan::model::ids::WorkloadId;
use nodeplan::model::problem::{
    Burst, Cluster, LoadPoint, Overcommit, Problem, ReservationModel, SystemPool,
};
use nodeplan::model::scenario::{
    Amount, AutoProvisioning, AutoscalerProfile, Autoscaling, Balancing, Event, Expander,
    Happening, Load, MILLION, Metric, NodeTimes, Objective, PodRules, PoolBounds, Provisioning,
    Retries, Scenario, Series, Service, Source,
};
use nodeplan::model::units::{Bytes, DAY_MILLIS, MIB, MilliCpu, PerMille};
use nodeplan::model::workload::Workload;
use nodeplan::{Options, optimize};

/// A cluster under load.
pub struct Loaded {
    /// Sizes and pods.
    pub problem: Problem,
    /// Traffic and what happens.
    pub scenario: Scenario,
    /// Pods that each workload needs at its peak, about.
    pub peaks: Vec<u32>,
}

/// The next world of a stream.
pub fn loaded(draw: &mut Draw) -> Loaded {
    let count = draw.within(1, 4) as usize;
    let minutes = draw.pick(&[120, 240, 480]);
    let (mut workloads, mut loads, mut scaling) = (Vec::new(), Vec::new(), Vec::new());
    let (mut series, mut replicas, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..count {
        let peak = draw.within(1, 12) as u32;
        let fixed = draw.chance(15);
        let mut one = workload(draw, at);
        let mut own = Load { memory: Bytes(64 * MIB), ..Load::default() };
        if !fixed {
            own = load(draw, &one);
            // Callers come first.
            let caller = (0..at).find(|_| draw.chance(25));
            let mut sources = vec![source(draw, peak, minutes, &mut series, (&one, &own))];
            let cores = one.cpu_limit.map_or(2.0, |limit| limit.0 as f64 / 1000.0);
            if let Some(caller) = caller {
                let factor = draw.within(100_000, 1_000_000);
                sources = vec![Source::Calls { caller: WorkloadId(caller as u32), factor }];
                if cores < 0.5 {
                    one.cpu_limit = Some(MilliCpu(500));
                }
            }
            own.sources = sources;
        }
        scaling.push((!fixed).then(|| scaler(1, peak * 3 + 2, 70)));
        replicas.push(if fixed { peak } else { peak.div_ceil(2) });
        peaks.push(peak);
        workloads.push(one);
        loads.push(own);
    }
    let points = vec![LoadPoint { name: "all".to_owned(), weight_millis: DAY_MILLIS }];
    let demand = Array2::from_shape_vec((1, count), peaks.clone()).expect("one row");
    let parts = plain::parts(skus(draw), cluster(draw), workloads, points, demand);
    let problem = Problem::new(parts).expect("a small problem");
    let horizon_millis = minutes * 60_000;
    let scenario = Scenario {
        seed: draw.bits(),
        start_second_of_week: 0,
        horizon_millis,
        sample_millis: draw.pick(&[15_000, 60_000, 60_000, 300_000]),
        series,
        loads,
        scaling,
        replicas,
        budgets: vec![None; count],
        pods: vec![PodRules::default(); count],
        crons: vec![None; count],
        pools: Vec::new(),
        times: NodeTimes {
            ready_p50_millis: draw.within(20, 150) * 1000,
            ready_p95_millis: draw.within(150, 300) * 1000,
            delete_millis: if draw.chance(4) { 5_000 } else { draw.within(15, 90) * 1000 },
            pull_millis: draw.within(0, 10_000),
            ..NodeTimes::default()
        },
        provisioning: Provisioning::ClusterAutoscaler,
        autoscaler: AutoscalerProfile::default(),
        events: events(draw, horizon_millis, count),
    };
    Loaded { problem, scenario, peaks }
}

fn skus(draw: &mut Draw) -> Vec<nodeplan::model::catalog::Sku> {
    let lattice = draw.chance(60);
    let sizes = draw.within(1, 3);
    let size = |size: u64| {
        let vcpus = 2 << size;
        let rate = vcpus * if lattice { 500 } else { draw.within(420, 580) } * 100_000;
        plain::sku(&format!("Standard_D{vcpus}s_v1"), vcpus as u32, vcpus * 4, rate)
    };
    (0..sizes).map(size).collect()
}

fn cluster(draw: &mut Draw) -> Cluster {
    Cluster {
        reservation: draw.pick(&[ReservationModel::Aks, ReservationModel::Measured]),
        os_overhead: draw.chance(50),
        max_pods: vec![draw.pick(&[8, 30, 30])],
        addons: Vec::new(),
        system_pool: draw.pick(&[SystemPool::Shared, SystemPool::None]),
        max_pools: None,
        burst: Burst::default(),
        overcommit: Overcommit::default(),
        headroom: PerMille(draw.pick(&[0, 0, 100])),
        sustained_cpu: false,
    }
}

fn workload(draw: &mut Draw, at: usize) -> Workload {
    let cpu = draw.pick(&[250, 400, 500, 750, 900, 1000, 1500]);
    let mut one = plain::workload(&format!("w{at}"), cpu, cpu * draw.within(1, 4) * MIB, 1);
    let limit = draw.pick(&[1000, 1000, 1000, 1000, 1000, 1000, 1250, 0]);
    one.cpu_limit = (limit > 0).then(|| MilliCpu(cpu * limit / 1000));
    one
}

fn load(draw: &mut Draw, own: &Workload) -> Load {
    let cpu_micros = draw.pick(&[1_000, 2_000, 5_000, 10_000, 20_000]);
    let slow = 1000 / own.request.cpu.0.min(1000) + 1;
    let within = (cpu_micros * slow * draw.pick(&[4, 8, 15, 30, 60]) / 1000).max(2);
    let (service, within) = if draw.chance(25) {
        (Service::Messages { cpu_micros, batch: 1 }, draw.within(30, 600) * 1000)
    } else {
        let service = Service::Requests {
            cpu_micros,
            cv2_milli: draw.pick(&[250, 1000, 1000, 2000]),
            latency_micros: draw.below(within * 200),
            workers: draw.chance(15).then(|| draw.within(1, 8) as u32),
            timeout_millis: draw.pick(&[1, 3, 20]) * within + 1,
            balancing: draw.pick(&[Balancing::Random, Balancing::Random, Balancing::LeastRequest]),
        };
        (service, within)
    };
    let asked = draw.chance(90);
    Load {
        burstiness_milli: draw.pick(&[1000, 1000, 1000, 3000]),
        service,
        retries: draw.chance(15).then_some(Retries { attempts: 2, backoff_millis: 5_000 }),
        idle: MilliCpu(draw.pick(&[0, 0, 10])),
        memory: Bytes(64 * MIB),
        startup_millis: draw.pick(&[0, 5_000, 30_000]),
        objective: Objective {
            within_millis: asked.then_some(within),
            share: draw.pick(&[800_000, 900_000, 950_000, 990_000]),
            percentile: 950_000,
        },
        ..Load::default()
    }
}

/// Traffic of its own whose peak fills about so many pods.
fn source(
    draw: &mut Draw,
    peak: u32,
    minutes: u64,
    series: &mut Vec<Series>,
    (one, load): (&Workload, &Load),
) -> Source {
    let (Service::Requests { cpu_micros, .. } | Service::Messages { cpu_micros, .. }) =
        load.service
    else {
        unreachable!("others have no traffic")
    };
    let cores = one.cpu_limit.map_or(1.0, |limit| limit.0 as f64 / 1000.0);
    let most = f64::from(peak) * cores * 0.7 * 1e6 / cpu_micros as f64;
    let minutes_a_step = draw.pick(&[1, 5, 15]);
    let steps = (minutes / minutes_a_step) as usize;
    let kind = draw.below(4);
    let mut level = 0.5;
    let rate = |step: usize| {
        level = match kind {
            0 => 0.9,
            1 => 0.55 - 0.4 * libm::cos(step as f64 / steps as f64 * std::f64::consts::TAU),
            2 if draw.chance(10) => draw.within(10, 100) as f64 / 100.0,
            3 => (level + (draw.within(0, 20) as f64 - 10.0) / 100.0_f64).clamp(0.1, 1.0),
            _ => level,
        };
        (most * level * MILLION as f64) as u64
    };
    let micro_per_second = (0..steps).map(rate).collect();
    let step_millis = minutes_a_step * 60_000;
    series.push(Series { name: "own".to_owned(), step_millis, micro_per_second });
    Source::Series { series: series.len() - 1, factor: MILLION }
}

fn scaler(min: u32, max: u32, percent: u32) -> Autoscaling {
    Autoscaling {
        min,
        max,
        metrics: vec![Metric::CpuUtilization(percent)],
        behavior: None,
        schedules: Vec::new(),
        cooldown_seconds: None,
        activation: 0,
        queue_lag_millis: 0,
        sidecar: Default::default(),
    }
}

fn events(draw: &mut Draw, horizon: u64, count: usize) -> Vec<Event> {
    let mut all = Vec::new();
    if draw.chance(15) {
        let workload = WorkloadId(draw.below(count as u64) as u32);
        let surge = Amount::Percent(draw.pick(&[25, 100]));
        let what = Happening::Rollout { workload, surge, unavailable: Amount::Percent(25) };
        all.push(Event { at_millis: draw.below(horizon), what });
    }
    if draw.chance(15) {
        let what = Happening::NodeFails { pool: 0, repair_millis: draw.within(10, 900) * 1000 };
        all.push(Event { at_millis: draw.below(horizon), what });
    }
    all
}

/// Pools to run a world on: the cheapest ones for its peak, of some of the sizes.
pub fn layout(draw: &mut Draw, world: &Loaded) -> Option<Layout> {
    let mut parts = world.problem.parts().clone();
    if draw.chance(40) {
        let keep = draw.index(parts.skus.len());
        parts.skus = vec![parts.skus[keep].clone()];
    }
    let solved = optimize(&Problem::new(parts).ok()?, &Options::default().within(300_000)).ok()?;
    let plan = solved.plan.clone()?;
    let nodes = |pool: usize| plan.pools[pool].nodes(0) as u32;
    let bound = |pool: usize| {
        let most = nodes(pool).max(1);
        let min = if pool == 0 || draw.chance(20) { draw.within(0, 2).min(most.into()) } else { 0 };
        PoolBounds {
            min: min as u32,
            max: most * 2 + 2,
            initial: draw.within(min, most.into()) as u32,
            spot: false,
            priority: None,
            zones: Vec::new(),
            schedules: Vec::new(),
        }
    };
    let bounds = (0..plan.pools.len()).map(bound).collect();
    Some(Layout { name: "one".to_owned(), problem: solved.problem.clone(), plan, solved, bounds })
}

/// A design on some pools.
pub fn design(draw: &mut Draw, world: &Loaded, layout: &Layout) -> Design {
    let mut one = Design::of(&world.scenario, 0, layout);
    for (at, scaling) in one.scaling.iter_mut().enumerate() {
        let Some(scaling) = scaling else { continue };
        let workload = &world.problem.workloads()[at];
        let request = workload.request.cpu.0 as f64;
        let limit = workload.cpu_limit.map_or(request, |limit| limit.0 as f64);
        let share = draw.pick(&[50, 70, 80, 85, 90, 95]) as f64;
        *scaling = scaler(1, world.peaks[at] * 3 + 2, (share * limit / request).max(1.0) as u32);
        if draw.chance(20) {
            scaling.min = world.peaks[at];
        }
        if draw.chance(20) {
            scaling.max = world.peaks[at] + 1;
        }
        one.replicas[at] = draw.within(1, world.peaks[at].into()) as u32;
    }
    one.autoscaler.unneeded_millis = draw.pick(&[30_000, 60_000, 120_000, 300_000]);
    one.autoscaler.delay_after_add_millis = draw.pick(&[0, 60_000, 600_000]);
    one.autoscaler.utilization_milli = draw.pick(&[500, 800, 950]);
    one.autoscaler.expander = draw.pick(&[Expander::Random, Expander::LeastWaste]);
    if draw.chance(35) {
        one.provisioning = Provisioning::NodeAutoProvisioning(AutoProvisioning::default());
    }
    one
}
