//! Small random clusters under random load, and random designs for them.
//!
//! One seed, one world. Half of the designs are of somebody who has tried a few: targets a little below
//! what a pod can do within its objective, nodes of the cheapest pools for that, quick to go. Others
//! are as most clusters are: round targets, the autoscaler as it comes. And some waste, or miss what
//! is demanded.

#![allow(dead_code, reason = "each test file compiles this module anew and uses a part of it")]

use crate::worlds::{Draw, plain};
use ndarray::Array2;
use nodeplan::joint::{Demands, Design, Layout};
use nodeplan::model::catalog::QuotedRate;
use nodeplan::model::ids::WorkloadId;
use nodeplan::model::plan::PoolMode;
use nodeplan::model::problem::{
    Burst, Cluster, LoadPoint, Overcommit, Problem, ReservationModel, SystemPool,
};
use nodeplan::model::scenario::{
    Amount, AutoProvisioning, AutoscalerProfile, Autoscaling, Balancing, Event, Expander,
    Happening, Load, MILLION, Metric, NodeTimes, Objective, PodRules, PoolBounds, Provisioning,
    Retries, Rolled, Scenario, Series, Service, Source,
};
use nodeplan::model::units::{Bytes, DAY_MILLIS, MIB, MilliCpu, PerMille, UsdPerHour};
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
    /// Arrivals a second at the peak.
    pub tops: Vec<f64>,
}

/// The next world of a stream.
pub fn loaded(draw: &mut Draw) -> Loaded {
    let count = draw.within(1, 4) as usize;
    let minutes = draw.pick(&[120, 240, 480]);
    let (mut workloads, mut loads, mut scaling) = (Vec::new(), Vec::new(), Vec::new());
    let (mut series, mut replicas, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    // Arrivals a second at the peak.
    let mut tops: Vec<f64> = Vec::new();
    for at in 0..count {
        let most = draw.pick(&[4, 12, 12, 30]);
        let peak = draw.within(1, most) as u32;
        let fixed = draw.chance(15);
        let one = workload(draw, at);
        let mut own = Load { memory: Bytes(64 * MIB), ..Load::default() };
        if !fixed {
            own = load(draw, &one);
            // Callers come first.
            let caller = (0..at).find(|caller| tops[*caller] > 0.0 && draw.chance(25));
            let top = top(peak, (&one, &own));
            let source = match caller {
                Some(caller) => {
                    let factor = (top / tops[caller] * MILLION as f64) as u64;
                    Source::Calls { caller: WorkloadId(caller as u32), factor: factor.max(1) }
                }
                None => source(draw, top, minutes, &mut series),
            };
            own.sources = vec![source];
            tops.push(top);
        } else {
            tops.push(0.0);
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
        clock_jumps: Vec::new(),
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
            delete_millis: if draw.chance(2) { 5_000 } else { draw.within(15, 90) * 1000 },
            pull_millis: draw.within(0, 10_000),
            ..NodeTimes::default()
        },
        provisioning: Provisioning::ClusterAutoscaler,
        autoscaler: AutoscalerProfile::default(),
        events: events(draw, horizon_millis, count),
    };
    Loaded { problem, scenario, peaks, tops }
}

/// Of so many worlds one is odd.
const ODD: u64 = 10;

/// The same world, or one as few users have: requests that are all alike or far from it, long bursts,
/// objectives hardly above what a request alone takes, clients that give up at once, more pods than have
/// curves of their own.
pub fn sometimes_odd(world: Loaded) -> Loaded {
    // A stream of its own leaves the other worlds as they are.
    let draw = &mut Draw::new(world.scenario.seed);
    if draw.below(ODD) > 0 { world } else { odd(draw, world) }
}

/// The same world with spot nodes: quotes for most sizes, and workloads that tolerate them or not.
pub fn with_spot(mut world: Loaded) -> Loaded {
    let draw = &mut Draw::new(!world.scenario.seed);
    let mut parts = world.problem.parts().clone();
    parts.cluster.spot = true;
    for sku in &mut parts.skus {
        let rate = UsdPerHour(sku.rates.on_demand.0 / 100 * draw.within(15, 105));
        sku.rates.spot = draw.chance(80).then_some(QuotedRate { rate, estimated: false });
    }
    for workload in &mut parts.workloads {
        workload.spot_ok = draw.chance(60);
    }
    world.problem = Problem::new(parts).expect("rates are small");
    world
}

fn odd(draw: &mut Draw, mut world: Loaded) -> Loaded {
    for (load, one) in world.scenario.loads.iter_mut().zip(world.problem.workloads()) {
        let within = load.objective.within_millis;
        let (Some(within), Service::Requests { cpu_micros, .. }) = (within, load.service) else {
            continue;
        };
        load.burstiness_milli = draw.pick(&[1000, 3000, 50_000]);
        let limit = one.cpu_limit.map_or(1000, |limit| limit.0.min(1000));
        let alone = cpu_micros * 1000 / limit.max(1);
        let Service::Requests { cv2_milli, latency_micros, timeout_millis, balancing, .. } =
            &mut load.service
        else {
            unreachable!("seen above")
        };
        *cv2_milli = draw.pick(&[0, 0, 100, 500, 4000]);
        *balancing = draw.pick(&[Balancing::Random, Balancing::LeastRequest]);
        if draw.chance(60) {
            let left = alone * draw.pick(&[102, 120, 150, 200, 300]) / 100;
            *latency_micros = (within * 1000).saturating_sub(left);
        }
        *timeout_millis = within + draw.pick(&[1, within / 10, within * 20]).max(1);
    }
    crowd(draw, &mut world);
    world
}

/// More pods for a workload with traffic of its own that calls nobody, if there is one.
fn crowd(draw: &mut Draw, world: &mut Loaded) {
    let loads = &world.scenario.loads;
    let calls = |at: usize| {
        let caller = |source: &Source| matches!(source, Source::Calls { caller, .. } if caller.index() == at);
        loads.iter().any(|load| load.sources.iter().any(caller))
    };
    let own = |at: usize| match (loads[at].service, loads[at].sources.first()) {
        (Service::Requests { .. }, Some(Source::Series { series, .. })) if !calls(at) => {
            Some((at, *series))
        }
        _ => None,
    };
    let Some((at, series)) = (0..loads.len()).find_map(own) else { return };
    let peak = draw.within(45, 120) as u32;
    let before = std::mem::replace(&mut world.peaks[at], peak);
    for rate in &mut world.scenario.series[series].micro_per_second {
        *rate = *rate * u64::from(peak) / u64::from(before.max(1));
    }
    world.tops[at] *= f64::from(peak) / f64::from(before.max(1));
    world.scenario.scaling[at] = Some(scaler(1, peak * 3 + 2, 70));
    world.scenario.replicas[at] = peak.div_ceil(2);
    let mut parts = world.problem.parts().clone();
    parts.demand[[0, at]] = peak;
    world.problem = Problem::new(parts).expect("only more pods");
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
        spot: false,
    }
}

fn workload(draw: &mut Draw, at: usize) -> Workload {
    let cpu = draw.pick(&[250, 400, 500, 750, 900, 1000, 1500]);
    let mut one = plain::workload(&format!("w{at}"), cpu, cpu * draw.within(1, 4) * MIB, 1);
    let limit = draw.pick(&[1000, 1000, 1000, 1000, 1000, 1250, 3000, 0]);
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
    let asked = draw.chance(97);
    Load {
        burstiness_milli: draw.pick(&[1000, 1000, 1000, 3000]),
        service,
        retries: draw.chance(15).then_some(Retries { attempts: 2, backoff_millis: 5_000 }),
        idle: MilliCpu(draw.pick(&[0, 0, 10])),
        memory: Bytes(64 * MIB),
        startup_millis: draw.pick(&[0, 5_000, 30_000]),
        objective: Objective {
            within_millis: asked.then_some(within),
            share: draw.pick(&[900_000, 950_000, 990_000, 990_000, 995_000, 999_000]),
            percentile: 950_000,
        },
        ..Load::default()
    }
}

/// Arrivals a second that fill about so many pods.
fn top(peak: u32, (one, load): (&Workload, &Load)) -> f64 {
    let (Service::Requests { cpu_micros, .. } | Service::Messages { cpu_micros, .. }) =
        load.service
    else {
        unreachable!("others have no traffic")
    };
    let cores = one.cpu_limit.map_or(1.0, |limit| limit.0 as f64 / 1000.0);
    f64::from(peak) * cores * 0.7 * 1e6 / cpu_micros as f64
}

/// Traffic of its own with such a peak.
fn source(draw: &mut Draw, most: f64, minutes: u64, series: &mut Vec<Series>) -> Source {
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
        let (unavailable, pods) = (Amount::Percent(25), Rolled::All);
        let what = Happening::Rollout { workload, surge, unavailable, pods };
        all.push(Event { at_millis: draw.below(horizon), what });
    }
    if draw.chance(15) {
        let what = Happening::NodeFails { pool: 0, repair_millis: draw.within(10, 900) * 1000 };
        all.push(Event { at_millis: draw.below(horizon), what });
    }
    all
}

/// How much thought went into a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Somebody looked what a pod can do.
    Careful,
    /// Round numbers and defaults.
    Usual,
    /// Any numbers.
    None,
}

impl Care {
    /// The care of the next design.
    pub fn draw(draw: &mut Draw) -> Self {
        match draw.below(10) {
            0..5 => Self::Careful,
            5..8 => Self::Usual,
            _ => Self::None,
        }
    }
}

/// Pods at the peak and at the start under a target, thousandths of what a pod can do.
fn pods(world: &Loaded, demands: &Demands, at: usize, milli: u32) -> [u32; 2] {
    let load = &world.scenario.loads[at];
    let (mut top, mut start) = (world.tops[at], 0.0);
    for source in &load.sources {
        let Source::Series { series, .. } = *source else { continue };
        let rates = &world.scenario.series[series].micro_per_second;
        let rate = |micro: u64| micro as f64 / MILLION as f64;
        top = rates.iter().copied().map(rate).fold(0.0, f64::max);
        start = rates.first().copied().map_or(0.0, rate);
    }
    let each = demands.strengths[at].map_or(f64::INFINITY, |one| one.rate) * f64::from(milli) / 1e3;
    let count = |rate: f64| libm::ceil(rate / each.max(1e-9)).clamp(1.0, 200.0) as u32;
    [count(top), count(start.max(top / 2.0))]
}

/// Pools to run a world on: the cheapest ones for the pods of its peak, of some of the sizes.
pub fn layout(draw: &mut Draw, world: &Loaded, demands: &Demands, care: Care) -> Option<Layout> {
    let mut parts = world.problem.parts().clone();
    let one_size = match care {
        Care::Careful => 50,
        Care::Usual => 30,
        Care::None => 60,
    };
    if draw.chance(one_size) {
        let keep = draw.index(parts.skus.len());
        parts.skus = vec![parts.skus[keep].clone()];
    }
    for (at, peak) in world.peaks.iter().enumerate() {
        if world.scenario.scaling[at].is_some() {
            parts.demand[[0, at]] = pods(world, demands, at, 900)[0];
        } else {
            parts.demand[[0, at]] = *peak;
        }
    }
    let solved = optimize(&Problem::new(parts).ok()?, &Options::default().within(300_000)).ok()?;
    let plan = solved.plan.clone()?;
    let nodes = |pool: usize| plan.pools[pool].nodes(0) as u32;
    let bound = |pool: usize| {
        let most = nodes(pool).max(1);
        let chance = if care == Care::Careful { 0 } else { 20 };
        let few = if care == Care::Careful { 1 } else { 2 };
        let min = if pool == 0 || draw.chance(chance) { draw.within(0, few) } else { 0 };
        // A system pool has a node at all times.
        let system = plan.pools[pool].mode == PoolMode::System;
        let min = min.max(u64::from(system)).min(most.into());
        PoolBounds {
            min: min as u32,
            max: most * 2 + 2,
            initial: draw.within(min.max(u64::from(most / 2)), most.into()) as u32,
            spot: solved.problem.group(plan.pools[pool].kind.group).spot,
            priority: None,
            zones: Vec::new(),
            schedules: Vec::new(),
        }
    };
    let bounds = (0..plan.pools.len()).map(bound).collect();
    Layout::of("one".to_owned(), solved).map(|one| Layout { bounds, ..one })
}

/// A design on some pools.
pub fn design(
    draw: &mut Draw,
    world: &Loaded,
    demands: &Demands,
    layout: &Layout,
    care: Care,
) -> Design {
    let mut one = Design::of(&world.scenario, 0, layout);
    for (at, scaling) in one.scaling.iter_mut().enumerate() {
        let Some(scaling) = scaling else { continue };
        let request = world.problem.workloads()[at].request.cpu.0 as f64;
        let queue = matches!(world.scenario.loads[at].service, Service::Messages { .. });
        let can = demands.strengths[at].map_or(request, |one| one.cpu_milli);
        let (share, of) = match care {
            // Messages may wait.
            Care::Careful if queue => (draw.within(85, 108), can),
            Care::Careful => (draw.within(75, 98), can),
            Care::Usual => (draw.pick(&[50, 60, 70, 80]), request),
            Care::None => (draw.within(30, 120), request),
        };
        let percent = (share as f64 * of / request).max(1.0) as u32;
        let used = f64::from(percent) * request / 100.0;
        let [peak, start] = pods(world, demands, at, (used / can.max(1.0) * 1e3) as u32);
        let spare = if care == Care::Careful { peak.div_ceil(2) } else { peak * 2 };
        let min = match care {
            Care::Careful => 1,
            Care::Usual => draw.pick(&[1, 1, 2]),
            Care::None => draw.within(1, peak.into()) as u32,
        };
        *scaling = scaler(min.min(peak + spare), peak + spare, percent);
        one.replicas[at] =
            if care == Care::None { draw.within(1, peak.into()) as u32 } else { start };
    }
    let profile = &mut one.autoscaler;
    match care {
        Care::Careful => {
            profile.unneeded_millis = draw.pick(&[30_000, 60_000, 120_000]);
            profile.delay_after_add_millis = draw.pick(&[0, 0, 60_000]);
            profile.utilization_milli = draw.pick(&[800, 950]);
            profile.expander = Expander::LeastWaste;
        }
        Care::Usual => {}
        Care::None => {
            profile.unneeded_millis = draw.pick(&[30_000, 60_000, 120_000, 300_000]);
            profile.delay_after_add_millis = draw.pick(&[0, 60_000, 600_000]);
            profile.utilization_milli = draw.pick(&[500, 800, 950]);
            profile.expander = draw.pick(&[Expander::Random, Expander::LeastWaste]);
        }
    }
    if draw.chance(35) {
        one.provisioning = Provisioning::NodeAutoProvisioning(AutoProvisioning::default());
    }
    one
}
