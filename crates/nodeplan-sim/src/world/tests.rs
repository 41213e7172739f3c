//! Worlds small enough to work out by hand, and random ones that must keep every law of
//! conservation (the audit runs after each event of a test build).

use nodeplan_model::catalog::{Arch, Rates, Sku};
use nodeplan_model::ids::{GroupId, SkuId, WorkloadId};
use nodeplan_model::plan::{NodePool, Plan, PoolMode};
use nodeplan_model::problem::{
    Burst, Cluster, LoadPoint, Overcommit, PoolKind, Problem, ProblemParts, ReservationModel,
    SystemPool,
};
use nodeplan_model::resources::Resources;
use nodeplan_model::scenario::*;
use nodeplan_model::timeline::{Actor, Held, Hold, Timeline, WorkloadSample};
use nodeplan_model::units::{Bytes, Date, GIB, MIB, MilliCpu, PerMille, UsdPerHour};
use nodeplan_model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};

use crate::queueing::table::Tables;
use crate::random::Stream;

use super::{Latency, simulate, simulate_under, simulate_with};

mod clock;
mod provisioning;

const HOUR: u64 = 3_600_000;

/// A size whose nodes have exactly so many cores and GiB for pods.
fn sku(name: &str, cores: u64, gib: u64, dollars_milli: u64) -> Sku {
    Sku {
        name: name.to_owned(),
        family: "test".to_owned(),
        vcpus: cores as u32,
        memory: Bytes(gib * GIB),
        gpus: 0,
        arch: Arch::Amd64,
        sustained: None,
        constrained: false,
        confidential: false,
        max_data_disks: 0,
        retires: None,
        rates: Rates {
            on_demand: UsdPerHour(dollars_milli * 1_000_000),
            spot: None,
            reserved_1y: None,
            reserved_3y: None,
            savings_plan_1y: None,
        },
        measured: Some(Resources {
            cpu: MilliCpu(cores * 1000),
            memory: Bytes(gib * GIB),
            pods: 110,
            ..Resources::default()
        }),
    }
}

fn workload(name: &str, cpu_milli: u64, mib: u64) -> Workload {
    Workload {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        kind: WorkloadKind::Deployment,
        request: Resources {
            cpu: MilliCpu(cpu_milli),
            memory: Bytes(mib * MIB),
            pods: 1,
            ..Resources::default()
        },
        cpu_limit: None,
        memory_limit: None,
        cpu_mean: MilliCpu(cpu_milli),
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

/// A problem of these sizes and workloads, and a plan with one pool of each size.
fn problem(skus: Vec<Sku>, workloads: Vec<Workload>) -> (Problem, Plan) {
    let count = workloads.len();
    let pools = (0..skus.len() as u32)
        .map(|index| NodePool {
            name: format!("pool{index}"),
            kind: PoolKind { group: GroupId(0), sku: SkuId(index), max_pods: 110 },
            mode: PoolMode::User,
            packings: vec![Vec::new()],
        })
        .collect();
    let parts = ProblemParts {
        region: "test".to_owned(),
        currency: "USD".to_owned(),
        catalog_date: Date::parse("2026-08-22").unwrap(),
        skus,
        excluded: Vec::new(),
        cluster: Cluster {
            reservation: ReservationModel::Measured,
            os_overhead: false,
            max_pods: vec![110],
            addons: Vec::new(),
            system_pool: SystemPool::None,
            max_pools: None,
            burst: Burst::default(),
            overcommit: Overcommit::default(),
            headroom: PerMille(0),
            sustained_cpu: false,
            spot: false,
        },
        workloads,
        points: vec![LoadPoint { name: "steady".to_owned(), weight_millis: 86_400_000 }],
        demand: ndarray::Array2::from_elem((1, count), 1),
        extended: Vec::new(),
        groups: Vec::new(),
        assumptions: Vec::new(),
    };
    (Problem::new(parts).unwrap(), Plan { pools })
}

/// Nodes come after exactly 120 s, go after 60 s, images are there.
const TIMES: NodeTimes = NodeTimes {
    ready_p50_millis: 120_000,
    ready_p95_millis: 120_000,
    delete_millis: 60_000,
    pull_millis: 0,
    noticed_millis: 40_000,
    tolerated_millis: 300_000,
};

/// A quiet scenario: one sample an hour, `replicas` pods, pools of `initial` nodes up to `max`.
fn quiet(workloads: usize, replicas: &[u32], pools: &[(u32, u32)]) -> Scenario {
    Scenario {
        seed: 1,
        start_second_of_week: 0,
        clock_jumps: Vec::new(),
        horizon_millis: 4 * HOUR,
        sample_millis: HOUR,
        series: Vec::new(),
        loads: vec![Load { burstiness_milli: 1000, ..Load::default() }; workloads],
        scaling: vec![None; workloads],
        replicas: replicas.to_vec(),
        budgets: vec![None; workloads],
        pods: vec![PodRules::default(); workloads],
        crons: vec![None; workloads],
        pools: pools
            .iter()
            .map(|&(initial, max)| PoolBounds {
                min: 0,
                max,
                initial,
                spot: false,
                zones: Vec::new(),
                priority: Some(0),
                schedules: Vec::new(),
            })
            .collect(),
        times: TIMES,
        provisioning: Provisioning::ClusterAutoscaler,
        autoscaler: AutoscalerProfile::default(),
        events: Vec::new(),
    }
}

/// Requests of `cpu_millis` each, exponential.
fn requests(cpu_millis: u64) -> Service {
    Service::Requests {
        cpu_micros: cpu_millis * 1000,
        cv2_milli: 1000,
        latency_micros: 0,
        workers: None,
        timeout_millis: 30_000,
        balancing: Balancing::Random,
    }
}

/// A level series of so many arrivals a second.
fn level(per_second: u64) -> Series {
    Series {
        name: "level".to_owned(),
        step_millis: HOUR,
        micro_per_second: vec![per_second * MILLION],
    }
}

/// When an actor first decided something, and what.
fn first(timeline: &Timeline, actor: Actor) -> (u64, u32, u32) {
    let found = timeline.decisions.iter().find(|decision| decision.actor == actor);
    let decision = found.expect("it decided something");
    (decision.at_millis, decision.from, decision.to)
}

/// Three nodes at 0.1 USD/h for four hours of which nothing changes: the autoscaler is off.
#[test]
fn machines_are_paid_by_the_millisecond() {
    let (problem, plan) = problem(vec![sku("A", 4, 16, 100)], vec![workload("w", 500, 512)]);
    let mut scenario = quiet(1, &[2], &[(3, 3)]);
    scenario.autoscaler.enabled = false;
    let timeline = simulate(&problem, &plan, &scenario).unwrap();
    let spend: u128 = timeline.spend.iter().map(|spend| spend.0).sum();
    // 3 nodes × 0.1 USD/h × 4 h, in billionths of a dollar an hour times milliseconds.
    assert_eq!(spend, 3 * 100_000_000 * 4 * u128::from(HOUR));
    assert_eq!(timeline.node_millis, [3 * 4 * u128::from(HOUR)]);
}

/// Two of three nodes are empty. Seen first at 10 s, unneeded for 10 min at 610 s, but a loop
/// deletes them only once it sees them unneeded for longer: taint at 620 s at the latest.
#[test]
fn empty_nodes_go_after_ten_minutes() {
    let (problem, plan) = problem(vec![sku("A", 4, 16, 100)], vec![workload("w", 500, 512)]);
    let timeline = simulate(&problem, &plan, &quiet(1, &[2], &[(3, 3)])).unwrap();
    let (at, _, _) = first(&timeline, Actor::Autoscaler);
    assert!((610_000..=620_000).contains(&at), "{at}");
    assert_eq!(timeline.pools_at(0)[0].nodes, 1);
}

/// Two pods of half a core on three nodes of 4 cores. From 10 s on nobody needs two of the nodes,
/// which may go ten minutes later. Of the last one, a quarter full, the pods have no place to go.
#[test]
fn why_nodes_stay_is_told_until_they_go() {
    let (problem, plan) = problem(vec![sku("A", 4, 16, 100)], vec![workload("w", 500, 512)]);
    let timeline = simulate(&problem, &plan, &quiet(1, &[2], &[(3, 3)])).unwrap();
    let first = &timeline.stays[0];
    assert_eq!((first.at_millis, first.pool), (10_000, 0));
    let unneeded = Hold::Unneeded { since_millis: 10_000, until_millis: 610_000 };
    assert!(first.held.iter().any(|held| held.why == unneeded), "{:?}", first.held);
    let last = timeline.stays.last().unwrap();
    assert_eq!(last.held, [Held { nodes: 1, why: Hold::NoPlace { workload: 0 } }]);
}

/// Four pods of 3.5 cores, two on each node of 8: 7 of 8 cores are above the threshold of a half.
#[test]
fn needed_nodes_say_why_they_are_needed() {
    let (problem, plan) = problem(vec![sku("A", 8, 32, 100)], vec![workload("w", 3500, 512)]);
    let timeline = simulate(&problem, &plan, &quiet(1, &[4], &[(2, 3)])).unwrap();
    let [Held { nodes: 2, why: Hold::Used { least_milli, most_milli, threshold_milli: 500 } }] =
        timeline.stays[0].held[..]
    else {
        panic!("{:?}", timeline.stays[0]);
    };
    assert_eq!((least_milli, most_milli), (875, 875));
}

/// Five pods of 1 core on nodes of 4: one waits. The autoscaler looks at 10 s, the node is there
/// at 130 s, the pod waited 130 s.
#[test]
fn a_pending_pod_gets_a_node() {
    let (problem, plan) = problem(vec![sku("A", 4, 16, 100)], vec![workload("w", 1000, 512)]);
    let timeline = simulate(&problem, &plan, &quiet(1, &[5], &[(1, 3)])).unwrap();
    assert_eq!(first(&timeline, Actor::Autoscaler), (10_000, 1, 2));
    assert_eq!(timeline.totals[0].pending_millis.iter().max(), Some(&130_000));
    assert_eq!(timeline.workload_at(0, 0).ready, 5);
}

/// 20 requests a second of 50 ms are one core. Pods of 500m with a target of 50 % carry 0.25
/// cores each: four replicas, whatever they began with.
#[test]
fn the_autoscaler_of_pods_settles_where_use_meets_its_target() {
    for start in [1, 10] {
        let (problem, plan) = problem(vec![sku("A", 8, 32, 100)], vec![workload("w", 500, 512)]);
        let mut scenario = quiet(1, &[start], &[(1, 1)]);
        scenario.series = vec![level(20)];
        scenario.loads[0].sources = vec![Source::Series { series: 0, factor: MILLION }];
        scenario.loads[0].service = requests(50);
        scenario.scaling[0] = Some(Autoscaling {
            min: 1,
            max: 10,
            metrics: vec![Metric::CpuUtilization(50)],
            behavior: None,
            schedules: Vec::new(),
            cooldown_seconds: None,
            activation: 0,
            sidecar: Sidecar::default(),
            queue_lag_millis: 0,
        });
        let timeline = simulate(&problem, &plan, &scenario).unwrap();
        let ready = timeline.workload_at(3, 0).ready;
        assert!((4..=5).contains(&ready), "from {start} to {ready}");
    }
}

/// 100 messages a second for an hour at a worker that does 50: after the hour 180,000 wait, and
/// they are gone an hour later; the oldest waited about an hour... of which the last sample of
/// the busy hour shows half: the message served then came half-way through.
#[test]
fn a_queue_builds_up_and_drains() {
    let (problem, plan) = problem(vec![sku("A", 8, 32, 100)], vec![workload("w", 1000, 512)]);
    let mut scenario = quiet(1, &[1], &[(1, 1)]);
    scenario.sample_millis = HOUR / 4;
    scenario.series = vec![Series {
        name: "one hour".to_owned(),
        step_millis: HOUR,
        micro_per_second: vec![100 * MILLION, 100 * MILLION, 0, 0],
    }];
    scenario.loads[0].sources = vec![Source::Series { series: 0, factor: MILLION }];
    scenario.loads[0].service = Service::Messages { cpu_micros: 20_000, batch: 1 };
    let mut limited = problem.parts().clone();
    limited.workloads[0].cpu_limit = Some(MilliCpu(1000));
    let problem = Problem::new(limited).unwrap();
    let timeline = simulate(&problem, &plan, &scenario).unwrap();
    let after = |quarter: usize| timeline.workload_at(quarter - 1, 0);
    // An hour at 100 a second in, 50 out.
    let one_hour = after(4).backlog;
    assert!((178_000..=182_000).contains(&one_hour), "{one_hour}");
    let oldest = after(4).oldest_millis;
    assert!((1_750_000..=1_850_000).contains(&oldest), "{oldest}");
}

/// A pod of one core is busy for 88 % of the time with messages of 4 s. KEDA would let it sleep after
/// 300 s in which it sees no message; none is held at e^−0.88, 41 %, of its looks, so ten looks without
/// any are one in 7,000, and rarer since some wait. With messages of 4 ms, one in a thousand as much
/// work, it sees none in 99 % of ten looks.
#[test]
fn messages_that_workers_hold_keep_them_awake() {
    let (problem, plan) = problem(vec![sku("A", 8, 32, 100)], vec![workload("w", 1000, 512)]);
    let mut limited = problem.parts().clone();
    limited.workloads[0].cpu_limit = Some(MilliCpu(1000));
    let problem = Problem::new(limited).unwrap();
    for (cpu_micros, sleeps) in [(4_000_000, false), (4_000, true)] {
        let mut scenario = quiet(1, &[1], &[(1, 1)]);
        scenario.series = vec![Series {
            name: "22 in a hundred seconds".to_owned(),
            step_millis: HOUR,
            micro_per_second: vec![MILLION * 22 / 100],
        }];
        scenario.loads[0].sources = vec![Source::Series { series: 0, factor: MILLION }];
        scenario.loads[0].service = Service::Messages { cpu_micros, batch: 1 };
        scenario.scaling[0] = Some(Autoscaling {
            min: 0,
            max: 1,
            metrics: vec![Metric::QueueLength(5)],
            behavior: None,
            schedules: Vec::new(),
            cooldown_seconds: Some(300),
            activation: 0,
            sidecar: Sidecar::default(),
            queue_lag_millis: 0,
        });
        let timeline = simulate(&problem, &plan, &scenario).unwrap();
        // Before it was ever seen active there is no cooldown (`initialCooldownPeriod` 0).
        let mut later = timeline.decisions.iter().skip_while(|it| it.at_millis < 300_000);
        let slept = later.find(|decision| decision.to == 0);
        assert_eq!(slept.is_some(), sleeps, "messages of {cpu_micros} µs: {slept:?}");
    }
}

/// A pod that needs more memory than its limit is killed, starts again after 10 s, is killed
/// again: the pauses double.
#[test]
fn memory_above_the_limit_kills() {
    let (problem, plan) = problem(vec![sku("A", 8, 32, 100)], vec![workload("w", 500, 512)]);
    let mut limited = problem.parts().clone();
    limited.workloads[0].memory_limit = Some(Bytes(512 * MIB));
    let problem = Problem::new(limited).unwrap();
    let mut scenario = quiet(1, &[1], &[(1, 1)]);
    scenario.loads[0].service = Service::Messages { cpu_micros: 1, batch: 1 };
    scenario.loads[0].memory = Bytes(513 * MIB);
    let timeline = simulate(&problem, &plan, &scenario).unwrap();
    // Pauses of 10, 20, 40, 80, 160 and then 300 s, each rounded up to the next interval.
    let kills = timeline.totals[0].oom_kills;
    assert!((45..=55).contains(&kills), "{kills}");
}

/// The one node of B holds one of two pods; the other waits for good. A is below its minimum.
#[test]
fn a_pool_below_its_minimum_grows_for_that_whoever_waits() {
    let skus = vec![sku("A", 4, 16, 100), sku("B", 8, 32, 200)];
    let (problem, plan) = problem(skus, vec![workload("w", 6000, 512)]);
    let mut scenario = quiet(1, &[2], &[(1, 4), (1, 1)]);
    scenario.pools[0].min = 2;
    let timeline = simulate(&problem, &plan, &scenario).unwrap();
    let grown = timeline.decisions.iter().find(|one| one.actor == Actor::Autoscaler).unwrap();
    assert_eq!((grown.pool, grown.from, grown.to), (Some(0), 1, 2));
    assert_eq!(grown.reason, "the pool has fewer nodes than its minimum");
}

/// The node of both pods fails at 1 h for 20 minutes; there is no other, none may come.
#[test]
fn a_failed_node_takes_its_pods_along() {
    let (problem, plan) = problem(vec![sku("A", 4, 16, 100)], vec![workload("w", 500, 512)]);
    let mut scenario = quiet(1, &[2], &[(1, 1)]);
    scenario.sample_millis = 15_000;
    let what = Happening::NodeFails { pool: 0, repair_millis: 1_200_000 };
    scenario.events = vec![Event { at_millis: HOUR, what }];
    let timeline = simulate(&problem, &plan, &scenario).unwrap();
    assert_eq!(timeline.totals[0].evictions, 2);
    let down = timeline.workloads.iter().filter(|sample| sample.ready == 0).count();
    assert_eq!(down, 80, "20 minutes of 15 s samples");
}

/// A rollout with a surge of one and nobody missing: never fewer than three Ready.
#[test]
fn a_rollout_keeps_what_it_promises() {
    let (problem, plan) = problem(vec![sku("A", 8, 32, 100)], vec![workload("w", 500, 512)]);
    let mut scenario = quiet(1, &[3], &[(1, 1)]);
    scenario.sample_millis = 15_000;
    scenario.loads[0].startup_millis = 40_000;
    let (surge, unavailable) = (Amount::Percent(25), Amount::Count(0));
    let workload = WorkloadId(0);
    let what = Happening::Rollout { workload, surge, unavailable, pods: Rolled::All };
    scenario.events = vec![Event { at_millis: HOUR, what }];
    let timeline = simulate(&problem, &plan, &scenario).unwrap();
    assert!(timeline.workloads.iter().all(|sample| sample.ready >= 3));
    assert_eq!(timeline.totals[0].started, 6, "three old, three new");
}

/// A drain moves one pod at a time where the budget says so: a spot notice of 30 s is too short for
/// that, a scale-down waits.
#[test]
fn a_budget_slows_a_scale_down() {
    let (problem, plan) = problem(vec![sku("A", 4, 16, 100)], vec![workload("w", 400, 512)]);
    let mut scenario = quiet(1, &[6], &[(3, 3)]);
    scenario.sample_millis = 15_000;
    scenario.loads[0].startup_millis = 20_000;
    scenario.budgets[0] = Some(PodBudget::MaxUnavailable(Amount::Count(1)));
    let timeline = simulate(&problem, &plan, &scenario).unwrap();
    let fewest = timeline.workloads.iter().map(|sample| sample.ready).min();
    assert_eq!(fewest, Some(5), "never two away at once");
    assert_eq!(timeline.pools.last().unwrap().nodes, 1);
}

/// A burstable node of 2 cores earns 400m: 30 credits a vCPU at the start are an hour of one core.
/// A pod that wants 1.4 cores for four hours uses them up in 60 minutes, then gets 400m.
#[test]
fn a_burstable_node_lives_on_its_credits() {
    let mut burstable = sku("B", 2, 8, 50);
    burstable.sustained = Some(MilliCpu(400));
    let (problem, plan) = problem(vec![burstable], vec![workload("w", 1000, 512)]);
    let mut scenario = quiet(1, &[1], &[(1, 1)]);
    scenario.loads[0].idle = MilliCpu(1400);
    let timeline = simulate(&problem, &plan, &scenario).unwrap();
    let used: Vec<u64> = timeline.pools.iter().map(|sample| sample.used_milli).collect();
    // 60 core-minutes banked; 1 core-minute a minute more than earned.
    assert_eq!(used, [1400, 400, 400, 400]);
}

/// How many random worlds a test looks at.
fn cases(few: u64) -> u64 {
    std::env::var("NODEPLAN_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

/// Which random world is the first.
fn first_seed() -> u64 {
    std::env::var("NODEPLAN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A random world: everything that can be drawn is.
fn random(seed: u64) -> (Problem, Plan, Scenario) {
    let mut draw = Stream::new(seed, "test", "world");
    let pools = 1 + draw.below(3) as usize;
    let apps = 1 + draw.below(4) as usize;
    let skus = (0..pools)
        .map(|index| sku(&format!("S{index}"), 2 << draw.below(4), 4 << draw.below(4), 50))
        .collect();
    let mut rest = Stream::new(seed, "rest", "");
    let workloads = (0..apps).map(|index| random_workload(index, &mut draw, &mut rest)).collect();
    let (problem, plan) = problem(skus, workloads);
    let replicas: Vec<u32> = (0..apps).map(|_| draw.below(6)).collect();
    let bounds: Vec<(u32, u32)> = (0..pools).map(|_| (draw.below(3), draw.below(6))).collect();
    let mut scenario = quiet(apps, &replicas, &bounds);
    scenario.seed = seed;
    scenario.horizon_millis = 2 * HOUR;
    let mut clock = Stream::new(seed, "clock", "");
    if clock.below(3) == 0 {
        let at_millis = u64::from(clock.below(7_200)) * 1000;
        scenario.clock_jumps.push(ClockJump { at_millis, second_of_week: clock.below(604_800) });
    }
    scenario.sample_millis = 60_000;
    scenario.times.pull_millis = u64::from(draw.below(20_000));
    scenario.times.ready_p95_millis += u64::from(draw.below(600_000));
    scenario.times.noticed_millis = u64::from(draw.below(60_000));
    scenario.times.tolerated_millis = u64::from(draw.below(600_000));
    scenario.autoscaler.delay_after_add_millis = u64::from(draw.below(600_000));
    scenario.autoscaler.unneeded_millis = u64::from(draw.below(600_000));
    scenario.autoscaler.unready_millis = u64::from(rest.below(1_200_000));
    scenario.autoscaler.delay_after_delete_millis = u64::from(rest.below(120_000));
    scenario.autoscaler.max_graceful_millis = u64::from(rest.below(60_000));
    scenario.series = vec![Series {
        name: "s".to_owned(),
        step_millis: 60_000 * u64::from(1 + draw.below(20)),
        micro_per_second: (0..1 + draw.below(30))
            .map(|_| u64::from(draw.below(60)) * MILLION)
            .collect(),
    }];
    for (app, &count) in replicas.iter().enumerate() {
        random_pods(&mut scenario, app, &mut draw);
        random_load(&mut scenario, app, count, &mut draw);
        if scenario.crons[app].is_some() {
            scenario.loads[app].service =
                Service::Jobs { cpu_micros: 90_000_000, arrivals_per_job: 1 };
            scenario.scaling[app] = None;
        }
    }
    for _ in 0..draw.below(5) {
        let what = random_event(pools, apps, &mut draw);
        scenario.events.push(Event { at_millis: u64::from(draw.below(2 * HOUR as u32)), what });
    }
    if draw.below(2) == 0 {
        scenario.provisioning = random_provisioning(&mut draw);
    }
    (problem, plan, scenario)
}

/// A workload of a random world; some request nothing.
fn random_workload(index: usize, draw: &mut Stream, rest: &mut Stream) -> Workload {
    let mut row = workload(
        &format!("w{index}"),
        u64::from(draw.below(12)) * 100,
        u64::from(draw.below(8)) * 256,
    );
    if draw.below(3) == 0 {
        row.cpu_limit = Some(MilliCpu(row.request.cpu.0 + u64::from(draw.below(1000)) + 1));
    }
    if draw.below(3) == 0 {
        row.memory_limit = Some(Bytes(row.request.memory.0 + 300 * MIB));
    }
    if draw.below(4) == 0 {
        row.max_per_node = Some(1 + draw.below(2));
    }
    if rest.below(5) == 0 {
        row.request = Resources { pods: 1, ..Resources::default() };
        (row.cpu_limit, row.memory_limit) = (None, None);
        row.qos = QosClass::BestEffort;
    }
    row
}

/// Budget, CronJob and rank of a workload.
fn random_pods(scenario: &mut Scenario, app: usize, draw: &mut Stream) {
    scenario.budgets[app] = match draw.below(4) {
        0 => Some(PodBudget::MaxUnavailable(random_amount(draw))),
        1 => Some(PodBudget::MinAvailable(random_amount(draw))),
        _ => None,
    };
    if draw.below(5) == 0 {
        scenario.crons[app] = Some(random_cron(draw));
    }
    scenario.pods[app] = PodRules {
        priority: [0, 0, 0, 100, -5, -20][draw.below(6) as usize],
        preempts: draw.below(4) > 0,
        ending_millis: u64::from(draw.below(40_000)),
    };
}

fn random_load(scenario: &mut Scenario, app: usize, replicas: u32, draw: &mut Stream) {
    let load = &mut scenario.loads[app];
    load.sources = if app > 0 && draw.below(2) == 0 {
        let caller = WorkloadId(draw.below(app as u32));
        vec![Source::Calls { caller, factor: u64::from(draw.below(3 * MILLION as u32)) }]
    } else {
        vec![Source::Series { series: 0, factor: u64::from(draw.below(4 * MILLION as u32)) }]
    };
    load.service = match draw.below(4) {
        0 => Service::Messages { cpu_micros: u64::from(draw.below(200_000)), batch: 1 },
        1 => Service::Jobs { cpu_micros: 5_000_000, arrivals_per_job: 100 },
        2 => Service::None,
        _ => requests(u64::from(1 + draw.below(100))),
    };
    load.retries = (draw.below(3) == 0).then(|| Retries {
        attempts: 1 + draw.below(3),
        backoff_millis: u64::from(draw.below(60_000)),
    });
    load.idle = MilliCpu(u64::from(draw.below(50)));
    load.memory = Bytes(u64::from(draw.below(600)) * MIB);
    load.memory_each = Bytes(u64::from(draw.below(10)) * MIB);
    load.burstiness_milli = 1000 + draw.below(4000);
    load.startup_millis = u64::from(draw.below(90_000));
    load.startup_cpu = MilliCpu(u64::from(draw.below(1000)));
    load.objective = Objective { within_millis: Some(250), share: 990_000, percentile: 950_000 };
    if draw.below(4) > 0 {
        let metric = match draw.below(9) {
            0 => Metric::QueueLength(1 + u64::from(draw.below(100))),
            1 => Metric::MemoryUtilization(1 + draw.below(99)),
            2 => Metric::ContainerCpu(1 + draw.below(99)),
            3 => Metric::CpuAverage(1 + u64::from(draw.below(500))),
            4 => Metric::MemoryAverage(MIB * (1 + u64::from(draw.below(500)))),
            5 => Metric::RequestsValue(1 + u64::from(draw.below(500_000))),
            6 => Metric::QueueValue(1 + u64::from(draw.below(1000))),
            _ => Metric::CpuUtilization(1 + draw.below(99)),
        };
        let schedule = Schedule {
            days: 0x7f,
            from_second: draw.below(7200),
            to_second: draw.below(7200),
            min: 3,
        };
        scenario.scaling[app] = Some(Autoscaling {
            min: draw.below(2),
            max: replicas.max(1) + draw.below(8),
            metrics: vec![metric],
            behavior: (draw.below(2) == 0).then(Behavior::default),
            schedules: if draw.below(3) == 0 { vec![schedule] } else { Vec::new() },
            cooldown_seconds: (draw.below(4) == 0).then_some(300),
            activation: 0,
            sidecar: Sidecar {
                cpu_request: MilliCpu(u64::from(draw.below(300))),
                cpu: MilliCpu(u64::from(draw.below(100))),
                ..Sidecar::default()
            },
            queue_lag_millis: u64::from(draw.below(60_000)),
        });
    }
}

/// Few, or any share.
fn random_amount(draw: &mut Stream) -> Amount {
    match draw.below(2) {
        0 => Amount::Count(draw.below(4)),
        _ => Amount::Percent(draw.below(101)),
    }
}

fn random_cron(draw: &mut Stream) -> CronJob {
    CronJob {
        minutes: u64::from(draw.below(u32::MAX)) << 20 | u64::from(draw.below(1 << 20)),
        hours: draw.below(8),
        days: 0x7f,
        jobs: draw.below(5),
        concurrency: [Concurrency::Allow, Concurrency::Forbid, Concurrency::Replace]
            [draw.below(3) as usize],
    }
}

fn random_provisioning(draw: &mut Stream) -> Provisioning {
    Provisioning::NodeAutoProvisioning(AutoProvisioning {
        consolidate_after_millis: (draw.below(4) > 0).then(|| u64::from(draw.below(120_000))),
        policy: match draw.below(3) {
            0 => ConsolidationPolicy::Empty,
            _ => ConsolidationPolicy::EmptyOrUnderutilized,
        },
        budgets: (0..draw.below(3)).map(|_| random_budget(draw)).collect(),
        most_cpu: (draw.below(4) == 0).then(|| MilliCpu(u64::from(draw.below(64_000)))),
        most_memory: (draw.below(4) == 0).then(|| Bytes(u64::from(draw.below(256)) * GIB)),
        expire_after_millis: (draw.below(3) == 0).then(|| u64::from(draw.below(HOUR as u32))),
    })
}

fn random_budget(draw: &mut Stream) -> NodeBudget {
    let window =
        Schedule { days: 0x7f, from_second: draw.below(7200), to_second: draw.below(7200), min: 0 };
    NodeBudget {
        nodes: random_amount(draw),
        reasons: match draw.below(3) {
            0 => vec![DisruptionReason::Empty],
            1 => vec![DisruptionReason::Underutilized],
            _ => Vec::new(),
        },
        window: (draw.below(2) == 0).then_some(window),
    }
}

fn random_event(pools: usize, apps: usize, draw: &mut Stream) -> Happening {
    let pool = draw.below(pools as u32) as usize;
    let millis = u64::from(draw.below(1_800_000));
    match draw.below(6) {
        0 => Happening::NodeFails { pool, repair_millis: millis },
        1 => Happening::ZoneFails { zone: 1 + draw.below(3) as u8, millis },
        2 => Happening::SpotEviction { pool, nodes: draw.below(3) },
        3 => Happening::ProvisioningFails { pool, millis },
        4 => Happening::Rollout {
            workload: WorkloadId(draw.below(apps as u32)),
            surge: random_amount(draw),
            unavailable: random_amount(draw),
            pods: [Rolled::All, Rolled::Some(Amount::Percent(40)), Rolled::MadeBefore(millis)]
                [millis as usize % 3],
        },
        _ => Happening::Upgrade { pool, surge: 1 + draw.below(2) },
    }
}

#[test]
fn random_worlds_keep_every_law() {
    let cases = cases(60);
    let first = first_seed();
    for seed in first..first + cases {
        let (problem, plan, scenario) = random(seed);
        println!("seed {seed}: NODEPLAN_CASES=1 NODEPLAN_SEED={seed} replays it");
        let timeline = simulate(&problem, &plan, &scenario).unwrap();
        let offered: u64 = timeline.workloads.iter().map(|row| row.offered).sum();
        let done: u64 = timeline.workloads.iter().map(|row| row.served + row.lost).sum();
        let idle = scenario
            .loads
            .iter()
            .any(|load| load.service == Service::None || load.retries.is_some());
        // What waits at the end was offered too, or to be tried again (the audit counts that);
        // samples tell whole ones, so that the sums of what was served and of what was lost are
        // within a half of what they are.
        let waiting: u64 = timeline.workloads_at(timeline.samples - 1).map(|row| row.backlog).sum();
        let rounding = 2 * timeline.totals.len() as u64;
        assert!(done <= offered + rounding, "seed {seed}: {done} of {offered}");
        assert!(
            idle || done + waiting + rounding >= offered,
            "seed {seed}: {done} + {waiting} of {offered}"
        );
        let pools: u128 = timeline
            .node_millis
            .iter()
            .zip(&problem.parts().skus)
            .map(|(millis, sku)| millis * u128::from(sku.rates.on_demand.0))
            .sum();
        assert_eq!(
            timeline.spend.iter().map(|spend| spend.0).sum::<u128>(),
            pools,
            "seed {seed}: spend = node time × rate"
        );
    }
}

/// Each decision about a pool begins with the nodes that the one before left it.
#[test]
fn decisions_about_a_pool_follow_one_another() {
    let first = first_seed();
    for seed in first..first + cases(60) {
        let (problem, plan, scenario) = random(seed);
        let timeline = simulate(&problem, &plan, &scenario).unwrap();
        let mut nodes: Vec<u32> = scenario.pools.iter().map(|bounds| bounds.initial).collect();
        for decision in &timeline.decisions {
            let Some(pool) = decision.pool else { continue };
            let left = std::mem::replace(&mut nodes[pool as usize], decision.to);
            assert_eq!(decision.from, left, "seed {seed}: {decision:?}");
        }
    }
}

/// Runs that share their tables say the same as those that do not.
#[test]
fn tables_hold_nothing_of_the_runs_before() {
    let mut tables = Tables::new();
    for seed in 0..cases(40) {
        let (problem, plan, scenario) = random(seed);
        let shared = simulate_with(&problem, &plan, &scenario, &mut tables).unwrap();
        let same = simulate(&problem, &plan, &scenario).unwrap() == shared;
        assert!(same, "seed {seed} differs where others filled the tables");
    }
}

/// A run that tells fewer response times differs in them only.
#[test]
fn nothing_depends_on_response_times() {
    for seed in 0..cases(40) {
        let (problem, plan, scenario) = random(seed);
        let mut whole = simulate(&problem, &plan, &scenario).unwrap();
        let told = |latency| {
            let tables = &mut Tables::new();
            simulate_under(&problem, &plan, &scenario, tables, latency, super::UNWATCHED).unwrap()
        };
        let without = |row: WorkloadSample| WorkloadSample { latency_micros: [0; 3], ..row };
        whole.workloads = whole.workloads.iter().map(without).collect::<Vec<_>>().into();
        assert!(told(Latency::Run) == whole, "seed {seed}: without those of samples");
        whole.totals.iter_mut().for_each(|totals| totals.latency.buckets.clear());
        assert!(told(Latency::Shares) == whole, "seed {seed}: without any");
    }
}

/// Runs that leave loops out, and keep what the autoscaler sees from loop to loop, say the same as
/// those that run every loop on what is written anew.
#[test]
fn loops_left_out_would_have_done_nothing() {
    let first = first_seed();
    // In 1842 loops see the same cluster and still find other places for pods, by chance.
    for seed in (first..first + cases(40)).chain([1842]) {
        let (problem, plan, scenario) = random(seed);
        let mut tables = Tables::new();
        let extent = super::Extent { every_loop: true, ..super::Extent::TIMELINE };
        let every =
            super::run(&problem, &plan, &scenario, &mut tables, super::UNWATCHED, extent).unwrap();
        let same = simulate(&problem, &plan, &scenario).unwrap();
        let pairs = same.decisions.iter().zip(&every.decisions);
        let first = pairs.into_iter().find(|(one, other)| one != other);
        assert!(same == every, "seed {seed} differs where loops are left out: {first:?}");
    }
}

#[test]
fn one_seed_is_one_run() {
    let (problem, plan, scenario) = random(3);
    assert_eq!(simulate(&problem, &plan, &scenario), simulate(&problem, &plan, &scenario));
}
