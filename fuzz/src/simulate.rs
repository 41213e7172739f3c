//! Small worlds of every shape: each runs, the same twice, or is refused with a code.
//!
//! Every byte string is one: fields are read in turn, missing bytes count as zero.

use super::problem::Tape;
use super::{plain, small_cluster};
use ndarray::Array2;
use nodeplan::model::ids::{GroupId, SkuId, WorkloadId};
use nodeplan::model::plan::{NodePool, Plan, PoolMode};
use nodeplan::model::problem::{LoadPoint, PoolKind, Problem};
use nodeplan::model::scenario::{
    Amount, AutoProvisioning, AutoscalerProfile, Autoscaling, Balancing, Behavior, Concurrency,
    ConsolidationPolicy, CronJob, DisruptionReason, Event, Expander, Happening, Load, MILLION,
    Metric, NodeBudget, NodeTimes, Objective, PodBudget, PodRules, PoolBounds, Provisioning,
    RatePolicy, Retries, Rolled, Rules, Scenario, Schedule, Select, Series, Service, Sidecar,
    Source,
};
use nodeplan::model::units::{Bytes, DAY_MILLIS, MIB, MilliCpu};
use nodeplan::model::workload::Workload;

/// An interval of traffic.
const INTERVAL: u64 = 15_000;
/// Most intervals of a run: 40 minutes, longer than it takes to remove a node.
const INTERVALS: u64 = 160;

/// Runs the world that the bytes stand for.
pub fn run(data: &[u8]) {
    let mut tape = Tape::new(data);
    let (workloads, pools) = (1 + tape.byte() % 4, 1 + tape.byte() % 3);
    let (problem, plan) = cluster(&mut tape, workloads, pools);
    let scenario = scenario(&mut tape, workloads, pools);
    small_cluster::run(&problem, &plan, &scenario);
}

fn cluster(tape: &mut Tape<'_>, workloads: u8, pools: u8) -> (Problem, Plan) {
    let all: Vec<Workload> = (0..workloads).map(|at| workload(tape, at)).collect();
    let skus = (0..pools).map(|at| {
        let vcpus: u32 = tape.pick(&[4, 2, 8, 16]);
        let gib = u64::from(vcpus) * tape.pick(&[4, 2, 8]);
        let mut sku = plain::sku(&format!("Standard_T{at}"), vcpus, gib, 1_000_000 * tape.word());
        sku.sustained = tape.pick(&[None, None, None, Some(MilliCpu(400))]);
        sku
    });
    let skus = skus.collect();
    let points = vec![LoadPoint { name: "peak".to_owned(), weight_millis: DAY_MILLIS }];
    let demand = Array2::from_elem((1, all.len()), 1);
    let parts = plain::parts(skus, small_cluster::rules(), all, points, demand);
    let problem = Problem::new(parts).expect("every value is folded into its range");
    let pools = (0..pools).map(|at| NodePool {
        name: format!("pool{at}"),
        kind: PoolKind { group: GroupId(0), sku: SkuId(u32::from(at)), max_pods: 30 },
        mode: if at == 0 { PoolMode::System } else { PoolMode::User },
        packings: vec![Vec::new()],
    });
    (problem, Plan { pools: pools.collect() })
}

fn workload(tape: &mut Tape<'_>, at: u8) -> Workload {
    let cpu = 10 * u64::from(tape.byte());
    let memory = 16 * MIB * u64::from(tape.byte());
    let limit = |tape: &mut Tape<'_>, request: u64| {
        tape.pick(&[None, Some(10), Some(20)]).map(|tenths| request * tenths / 10)
    };
    Workload {
        cpu_limit: limit(tape, cpu).map(MilliCpu),
        memory_limit: limit(tape, memory).map(Bytes),
        max_per_node: tape.pick(&[None, None, Some(1), Some(3)]),
        ..plain::workload(&format!("w{at}"), cpu, memory, u32::from(at) + 2)
    }
}

fn scenario(tape: &mut Tape<'_>, workloads: u8, pools: u8) -> Scenario {
    let sample_millis = INTERVAL * tape.pick(&[4, 1, 20]);
    let horizon_millis = INTERVAL * (1 + u64::from(tape.byte()) * (INTERVALS - 1) / 255);
    let series = (0..1 + tape.byte() % 2).map(|_| series(tape)).collect::<Vec<_>>();
    let count = series.len();
    Scenario {
        seed: tape.word(),
        start_second_of_week: 3600 * u32::from(tape.byte() % 168),
        clock_jumps: Vec::new(),
        horizon_millis,
        sample_millis,
        series,
        loads: (0..workloads).map(|at| load(tape, at, workloads, count)).collect(),
        scaling: (0..workloads).map(|_| scaling(tape)).collect(),
        replicas: (0..workloads).map(|_| replicas(tape)).collect(),
        budgets: (0..workloads).map(|_| budget(tape)).collect(),
        pods: (0..workloads).map(|_| pod_rules(tape)).collect(),
        crons: (0..workloads).map(|_| cron(tape)).collect(),
        pools: (0..pools).map(|_| bounds(tape)).collect(),
        times: NodeTimes {
            ready_p50_millis: 1000 * u64::from(tape.byte()),
            ready_p95_millis: 2000 * u64::from(tape.byte()),
            delete_millis: 1000 * u64::from(tape.byte()),
            pull_millis: 100 * u64::from(tape.byte()),
            noticed_millis: 1000 * u64::from(tape.byte()),
            tolerated_millis: 2000 * u64::from(tape.byte()),
        },
        provisioning: provisioning(tape),
        autoscaler: profile(tape),
        events: events(tape, workloads, pools),
    }
}

fn amount(tape: &mut Tape<'_>) -> Amount {
    match tape.byte() {
        255 => Amount::Count(u32::MAX),
        254 => Amount::Percent(u32::MAX),
        at @ 128.. => Amount::Count(u32::from(at % 6)),
        at => Amount::Percent(u32::from(at)),
    }
}

fn budget(tape: &mut Tape<'_>) -> Option<PodBudget> {
    match tape.byte() % 4 {
        0 => Some(PodBudget::MaxUnavailable(amount(tape))),
        1 => Some(PodBudget::MinAvailable(amount(tape))),
        _ => None,
    }
}

fn cron(tape: &mut Tape<'_>) -> Option<CronJob> {
    let policies = [Concurrency::Allow, Concurrency::Forbid, Concurrency::Replace];
    tape.one_in(6).then(|| CronJob {
        minutes: tape.word() << 30 | tape.word(),
        hours: tape.pick(&[u32::MAX, 0, 1]),
        days: tape.pick(&[0x7f, 0, 1]),
        jobs: replicas(tape),
        concurrency: tape.pick(&policies),
    })
}

fn pod_rules(tape: &mut Tape<'_>) -> PodRules {
    PodRules {
        priority: tape.pick(&[0, 0, 100, -5, -20, i32::MIN, i32::MAX]),
        preempts: !tape.one_in(4),
        ending_millis: tape.pick(&[5_000, 5_000, 0, 30_000, u64::MAX]),
    }
}

/// Rates up to 6,500 a second, or up to the most there is.
fn series(tape: &mut Tape<'_>) -> Series {
    let scale = tape.pick(&[10_000, 100_000, MILLION / 1000, 1_000_000_000 * MILLION / 65_536]);
    Series {
        name: "made up".to_owned(),
        step_millis: tape.pick(&[60_000, 1000, 7, 86_400_000, 0]),
        micro_per_second: (0..tape.byte() % 8).map(|_| tape.word() * scale).collect(),
    }
}

/// Mostly a few, sometimes none, seldom more than may be.
fn replicas(tape: &mut Tape<'_>) -> u32 {
    match tape.byte() {
        255 => u32::MAX,
        at => u32::from(at % 24),
    }
}

fn load(tape: &mut Tape<'_>, at: u8, workloads: u8, series: usize) -> Load {
    let sources = (0..tape.byte() % 3).map(|_| {
        let factor = tape.word() * tape.pick(&[100, 1, MILLION]);
        // Calls mostly come from a workload before; else they may go in a circle.
        let caller = if tape.one_in(20) { tape.byte() % workloads } else { at.saturating_sub(1) };
        match (at, tape.byte() % 2) {
            (1.., 1) => Source::Calls { caller: WorkloadId(u32::from(caller)), factor },
            _ => Source::Series { series: usize::from(tape.byte()) % (series + 1) % 3, factor },
        }
    });
    let sources = sources.collect();
    let micros = |tape: &mut Tape<'_>| match tape.byte() {
        255 => 3_600_000_000_000,
        at => 500 * u64::from(at),
    };
    let service = match tape.byte() % 6 {
        0 => Service::None,
        1 => Service::Messages { cpu_micros: micros(tape), batch: u32::from(tape.byte()) },
        2 => Service::Jobs { cpu_micros: micros(tape), arrivals_per_job: u32::from(tape.byte()) },
        _ => Service::Requests {
            cpu_micros: micros(tape),
            cv2_milli: tape.pick(&[1000, 1000, 1000, 2250, 250]),
            latency_micros: 100 * tape.word(),
            workers: tape.pick(&[None, None, Some(1), Some(8)]),
            timeout_millis: tape.pick(&[30_000, 1000, 0, u64::MAX / 2]),
            balancing: tape.pick(&[Balancing::Random, Balancing::LeastRequest]),
        },
    };
    let objective = Objective {
        within_millis: tape.pick(&[None, Some(250), Some(60_000), Some(0)]),
        share: MILLION,
        percentile: 950_000,
    };
    Load {
        sources,
        refused: Vec::new(),
        burstiness_milli: tape.pick(&[1000, 1000, 4000, 0, u32::MAX]),
        service,
        retries: tape.pick(&[
            None,
            None,
            Some(Retries { attempts: 1, backoff_millis: 0 }),
            Some(Retries { attempts: 100, backoff_millis: u64::MAX }),
        ]),
        idle: MilliCpu(u64::from(tape.byte())),
        memory: Bytes(16 * MIB * u64::from(tape.byte())),
        memory_each: Bytes(tape.pick(&[0, MIB, 64 * MIB, u64::MAX])),
        startup_millis: 1000 * u64::from(tape.byte()),
        startup_cpu: MilliCpu(10 * u64::from(tape.byte())),
        objective,
    }
}

fn scaling(tape: &mut Tape<'_>) -> Option<Autoscaling> {
    if tape.one_in(4) {
        return None;
    }
    let (one, other) = (u32::from(tape.byte() % 32), replicas(tape));
    let metrics = (0..tape.byte() % 3).map(|_| metric(tape));
    let metrics = metrics.collect();
    Some(Autoscaling {
        min: one.min(other),
        max: one.max(other),
        metrics,
        behavior: tape.one_in(2).then(|| Behavior { up: rules(tape), down: rules(tape) }),
        schedules: schedules(tape),
        cooldown_seconds: tape.pick(&[None, None, None, Some(60)]),
        activation: u64::from(tape.byte() % 4),
        sidecar: Sidecar {
            cpu_request: MilliCpu(tape.pick(&[0, 0, 100, u64::MAX])),
            cpu: MilliCpu(tape.pick(&[0, 0, 50, u64::MAX])),
            ..Sidecar::default()
        },
        queue_lag_millis: tape.pick(&[0, 0, 40_000, u64::MAX]),
    })
}

fn metric(tape: &mut Tape<'_>) -> Metric {
    let at = tape.byte();
    match at {
        0..160 => match at % 5 {
            0 | 1 => Metric::CpuUtilization(u32::from(tape.byte())),
            2 => Metric::MemoryUtilization(u32::from(tape.byte())),
            3 => Metric::QueueLength(tape.word()),
            _ => Metric::ContainerCpu(u32::from(tape.byte())),
        },
        160..170 => Metric::ContainerMemory(u32::from(tape.byte())),
        170..185 => Metric::RequestsPerPod(tape.word()),
        185..200 => Metric::CpuAverage(large(tape, 10)),
        200..215 => Metric::MemoryAverage(large(tape, 16 * MIB)),
        215..235 => Metric::RequestsValue(large(tape, 100_000)),
        235..255 => Metric::QueueValue(large(tape, 100)),
        255 => Metric::CpuUtilization(u32::MAX),
    }
}

/// So many units, seldom the most there is.
fn large(tape: &mut Tape<'_>, unit: u64) -> u64 {
    match tape.byte() {
        255 => u64::MAX,
        at => unit * u64::from(at),
    }
}

fn rules(tape: &mut Tape<'_>) -> Rules {
    let policy = |tape: &mut Tape<'_>| RatePolicy {
        percent: tape.one_in(2),
        value: match tape.byte() {
            255 => u32::MAX,
            at => u32::from(at),
        },
        period_seconds: u32::from(tape.byte()),
    };
    Rules {
        window_seconds: tape.pick(&[None, Some(0), Some(60), Some(3600)]),
        select: tape.pick(&[Select::Max, Select::Min, Select::Disabled]),
        policies: tape.one_in(2).then(|| (0..tape.byte() % 3).map(|_| policy(tape)).collect()),
        tolerance_milli: match tape.byte() {
            255 => Some(500),
            at @ 200.. => Some(u32::from(at) - 200),
            at => [None, None, Some(0), Some(u32::MAX)][usize::from(at % 4)],
        },
    }
}

fn schedules(tape: &mut Tape<'_>) -> Vec<Schedule> {
    let one = |tape: &mut Tape<'_>| Schedule {
        days: tape.byte() & 127,
        from_second: 3600 * u32::from(tape.byte() % 24),
        to_second: 3600 * u32::from(tape.byte() % 25),
        min: u32::from(tape.byte() % 16),
    };
    (0..tape.byte() / 128).map(|_| one(tape)).collect()
}

fn bounds(tape: &mut Tape<'_>) -> PoolBounds {
    let (one, other) = (u32::from(tape.byte() % 8), u32::from(tape.byte() % 8));
    PoolBounds {
        min: one.min(other),
        max: one.max(other),
        initial: u32::from(tape.byte() % 8).clamp(one.min(other), one.max(other)),
        spot: tape.one_in(3),
        zones: (1..=3).filter(|_| tape.one_in(3)).collect(),
        priority: tape.pick(&[Some(0), Some(1), Some(2), None, Some(i64::MIN)]),
        schedules: schedules(tape),
    }
}

fn provisioning(tape: &mut Tape<'_>) -> Provisioning {
    if !tape.one_in(3) {
        return Provisioning::ClusterAutoscaler;
    }
    let policies = [ConsolidationPolicy::EmptyOrUnderutilized, ConsolidationPolicy::Empty];
    Provisioning::NodeAutoProvisioning(AutoProvisioning {
        consolidate_after_millis: match tape.byte() {
            255 => None,
            at => Some(1000 * u64::from(at)),
        },
        policy: tape.pick(&policies),
        budgets: (0..tape.byte() % 3).map(|_| node_budget(tape)).collect(),
        most_cpu: tape.pick(&[None, None, Some(MilliCpu(16_000))]),
        most_memory: tape.pick(&[None, None, Some(Bytes(u64::MAX))]),
        expire_after_millis: tape.pick(&[None, Some(600_000), Some(0)]),
    })
}

fn node_budget(tape: &mut Tape<'_>) -> NodeBudget {
    let window = Schedule { days: 0x7f, from_second: 3600, to_second: 7200, min: 0 };
    NodeBudget {
        nodes: amount(tape),
        reasons: tape.pick(&[&[][..], &[DisruptionReason::Empty]]).to_vec(),
        window: tape.pick(&[None, Some(window)]),
    }
}

fn profile(tape: &mut Tape<'_>) -> AutoscalerProfile {
    let expanders =
        [Expander::Random, Expander::LeastWaste, Expander::MostPods, Expander::Priority];
    let millis = |tape: &mut Tape<'_>| 2000 * u64::from(tape.byte());
    AutoscalerProfile {
        enabled: !tape.one_in(6),
        scan_millis: tape.pick(&[10_000, 30_000, 3000]),
        delay_after_add_millis: millis(tape),
        delay_after_delete_millis: millis(tape),
        delay_after_failure_millis: millis(tape),
        unneeded_millis: millis(tape),
        unready_millis: millis(tape),
        utilization_milli: 4 * u32::from(tape.byte()),
        max_graceful_millis: millis(tape),
        max_provision_millis: 2 * millis(tape),
        expander: tape.pick(&expanders),
        balance: tape.one_in(2),
        skip_local_storage: tape.one_in(2),
        skip_system_pods: tape.one_in(2),
        new_pod_delay_millis: tape.pick(&[0, 0, 60_000]),
    }
}

/// A few. A rollout of a share of the pods is a canary: what it leaves follows.
fn events(tape: &mut Tape<'_>, workloads: u8, pools: u8) -> Vec<Event> {
    let mut all: Vec<Event> = (0..tape.byte() % 5).map(|_| event(tape, workloads, pools)).collect();
    let rest = |one: &Event| match one.what {
        Happening::Rollout {
            workload,
            surge,
            unavailable,
            pods: Rolled::Some(Amount::Percent(_)),
        } => {
            let pods = Rolled::MadeBefore(one.at_millis);
            let what = Happening::Rollout { workload, surge, unavailable, pods };
            Some(Event { at_millis: one.at_millis + 300_000, what })
        }
        _ => None,
    };
    let rests: Vec<Event> = all.iter().filter_map(rest).collect();
    all.extend(rests);
    all
}

fn event(tape: &mut Tape<'_>, workloads: u8, pools: u8) -> Event {
    let at_millis = INTERVALS * INTERVAL * u64::from(tape.byte()) / 255;
    let pool = usize::from(tape.byte() % pools);
    let millis = 4000 * u64::from(tape.byte());
    let what = match tape.byte() % 6 {
        0 => Happening::NodeFails { pool, repair_millis: millis },
        1 => Happening::ZoneFails { zone: 1 + tape.byte() % 3, millis },
        2 => Happening::SpotEviction { pool, nodes: u32::from(tape.byte() % 9) },
        3 => Happening::ProvisioningFails { pool, millis },
        4 => Happening::Rollout {
            workload: WorkloadId(u32::from(tape.byte() % workloads)),
            surge: amount(tape),
            unavailable: amount(tape),
            pods: match tape.byte() % 3 {
                0 => Rolled::All,
                1 => Rolled::Some(amount(tape)),
                _ => Rolled::MadeBefore(millis),
            },
        },
        _ => Happening::Upgrade { pool, surge: u32::from(tape.byte() % 5) },
    };
    Event { at_millis, what }
}
