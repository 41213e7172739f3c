//! Clusters of any size under load: HorizontalPodAutoscalers that follow a trace of one-minute
//! steps, on three pools of catalog sizes that the cluster autoscaler scales. Made up by a fixed
//! rule, so that a name and its numbers stand for the same run everywhere.

use nodeplan::io::catalog::catalog;
use nodeplan::model::catalog::{Arch, Sku};
use nodeplan::model::ids::{GroupId, SkuId};
use nodeplan::model::plan::{NodePool, Plan, PoolMode};
use nodeplan::model::problem::{
    Burst, Cluster, LoadPoint, Overcommit, PoolKind, Problem, ProblemParts, ReservationModel,
    SystemPool,
};
use nodeplan::model::resources::Resources;
use nodeplan::model::scenario::{
    AutoscalerProfile, Autoscaling, Balancing, Behavior, Load, MILLION, Metric, NodeTimes,
    Objective, PodRules, PoolBounds, Provisioning, RatePolicy, Rules, Scenario, Select, Series,
    Service, Sidecar, Source,
};
use nodeplan::model::units::{Bytes, DAY_MILLIS, MIB, MilliCpu, PerMille};
use nodeplan::model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};
use nodeplan::simulate::{Simulated, replicate, simulate};

/// Minutes of a day.
const MINUTES: u64 = 1440;
/// Traces that workloads share, each with its own hour of the peak.
const TRACES: usize = 8;
/// The size of each pool, by name.
const SIZES: [&str; 3] = ["Standard_D16s_v3", "Standard_D4s_v3", "Standard_D8s_v3"];
/// Most pods of a node.
const MAX_PODS: u32 = 110;
/// CPU utilisation that autoscalers aim at, percent.
const TARGET: u32 = 70;

/// What a cluster is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorldSize {
    /// Workloads, each with a HorizontalPodAutoscaler.
    pub workloads: u32,
    /// Length of the run.
    pub days: u64,
    /// Fewest and most replicas of a workload: its trace needs the most at its peak.
    pub replicas: (u32, u32),
    /// CPU requests of workloads go round these, milli-cores.
    pub cpu_milli: &'static [u64],
    /// Most nodes of each pool.
    pub most_nodes: [u32; 3],
}

impl WorldSize {
    /// So many workloads of 2 to 40 pods over so many days.
    #[must_use]
    pub fn of(workloads: u32, days: u64) -> Self {
        Self {
            workloads,
            days,
            replicas: (2, 40),
            cpu_milli: &[100, 200, 250, 400, 500],
            most_nodes: [workloads * 2; 3],
        }
    }

    /// More than 100,000 pods at the peak on 5,000 nodes, one day.
    #[must_use]
    pub fn large() -> Self {
        Self {
            workloads: 500,
            days: 1,
            replicas: (100, 425),
            cpu_milli: &[300, 350, 400],
            most_nodes: [600, 1000, 3400],
        }
    }
}

/// A problem, a plan for it, and what happens to it.
#[derive(Clone, Debug)]
pub struct World {
    problem: Problem,
    plan: Plan,
    scenario: Scenario,
}

impl World {
    /// The cluster of a size.
    ///
    /// # Panics
    /// Where the shipped catalog lacks a size that the pools are made of.
    #[must_use]
    pub fn new(size: WorldSize) -> Self {
        let workloads: Vec<Workload> = (0..size.workloads).map(|at| workload(at, size)).collect();
        let loads = workloads.iter().zip(0..).map(|(one, at)| load(one, at, size)).collect();
        let scaling = (0..size.workloads).map(|at| Some(scaling(at, size))).collect();
        let initial = size.most_nodes.map(|most| most / 20);
        let pools = size.most_nodes.iter().zip(initial).map(|(&max, initial)| PoolBounds {
            min: 1,
            max,
            initial: initial.max(1),
            spot: false,
            zones: Vec::new(),
            priority: Some(0),
            schedules: Vec::new(),
        });
        let scenario = Scenario {
            seed: 1,
            start_second_of_week: 0,
            clock_jumps: Vec::new(),
            horizon_millis: size.days * DAY_MILLIS,
            sample_millis: 60_000,
            series: (0..TRACES).map(|at| trace(at as u64, size.days)).collect(),
            loads,
            scaling,
            replicas: vec![size.replicas.0; workloads.len()],
            budgets: vec![None; workloads.len()],
            pods: vec![PodRules::default(); workloads.len()],
            crons: vec![None; workloads.len()],
            pools: pools.collect(),
            times: NodeTimes::default(),
            provisioning: Provisioning::ClusterAutoscaler,
            autoscaler: AutoscalerProfile::default(),
            events: Vec::new(),
        };
        let plan = Plan { pools: (0..3).map(pool).collect() };
        let problem = problem(workloads);
        Self { problem, plan, scenario }
    }

    /// The problem.
    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The plan.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What happens.
    pub(crate) fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// One run.
    ///
    /// # Panics
    /// Never: what is made here can be run.
    #[must_use]
    pub fn run(&self) -> Simulated {
        simulate(&self.problem, &self.plan, &self.scenario).expect("a sound scenario")
    }

    /// So many runs with seeds of their own; how many met every objective.
    ///
    /// # Panics
    /// Never: what is made here can be run.
    #[must_use]
    pub fn replicate(&self, runs: u32) -> u32 {
        let all = replicate(&self.problem, &self.plan, &self.scenario, runs);
        all.expect("a sound scenario").all_met
    }
}

/// 24 bits that depend on two numbers (splitmix64).
fn noise(stream: u64, at: u64) -> u64 {
    let mut z = (stream << 32 | at).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)) >> 40
}

/// A day that rises from a quarter to one arrival a second and falls again, with 5 % of noise by
/// the minute and a crowd of a quarter more for ten minutes a day.
fn trace(at: u64, days: u64) -> Series {
    let minute = |minute: u64| {
        let of_day = (minute + at * MINUTES / 8) % MINUTES;
        let ramp = if of_day < MINUTES / 2 { of_day } else { MINUTES - of_day };
        // Smooth at both ends: 3x² − 2x³.
        let x = ramp as f64 / (MINUTES / 2) as f64;
        let level = 0.2 + 0.55 * x * x * (3.0 - 2.0 * x);
        let wobble = 0.95 + 0.1 * noise(at, minute) as f64 / f64::from(1 << 24);
        let crowd = if (900..910).contains(&of_day) { 0.2 } else { 0.0 };
        ((level * wobble + crowd) * MILLION as f64) as u64
    };
    Series {
        name: format!("trace-{at}"),
        step_millis: 60_000,
        micro_per_second: (0..days * MINUTES).map(minute).collect(),
    }
}

fn workload(at: u32, size: WorldSize) -> Workload {
    let cpu = size.cpu_milli[at as usize % size.cpu_milli.len()];
    Workload {
        namespace: "default".to_owned(),
        name: format!("web-{at}"),
        kind: WorkloadKind::Deployment,
        request: Resources {
            cpu: MilliCpu(cpu),
            memory: Bytes((1 + u64::from(at % 3)) * cpu * MIB),
            pods: 1,
            ..Resources::default()
        },
        cpu_limit: (!at.is_multiple_of(3)).then_some(MilliCpu(2 * cpu)),
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
        scaling: Scaling { cpu_target_percent: Some(TARGET), ..Scaling::default() },
        line: 0,
    }
}

/// Requests of 5 to 40 ms; a factor such that the peak of the trace needs the most replicas.
fn load(workload: &Workload, at: u32, size: WorldSize) -> Load {
    let cpu_micros = [5_000, 10_000, 20_000, 40_000][at as usize % 4];
    let idle = 10;
    let each = workload.request.cpu.0 * u64::from(TARGET) / 100 - idle;
    let peak = each * 1000 * u64::from(size.replicas.1) * MILLION / cpu_micros;
    Load {
        sources: vec![Source::Series { series: at as usize % TRACES, factor: peak }],
        refused: Vec::new(),
        burstiness_milli: 1000,
        retries: None,
        service: Service::Requests {
            cpu_micros,
            cv2_milli: 1000,
            latency_micros: 2000,
            workers: None,
            timeout_millis: 30_000,
            balancing: Balancing::Random,
        },
        idle: MilliCpu(idle),
        memory: Bytes(workload.request.memory.0 / 2),
        memory_each: Bytes(MIB),
        startup_millis: 15_000,
        startup_cpu: MilliCpu(100),
        objective: Objective {
            within_millis: Some(cpu_micros / 100),
            share: 950_000,
            percentile: 950_000,
        },
    }
}

/// Every other workload has a behaviour of its own.
fn scaling(at: u32, size: WorldSize) -> Autoscaling {
    let policy = |percent, value, period_seconds| RatePolicy { percent, value, period_seconds };
    let behavior = Behavior {
        up: Rules {
            window_seconds: Some(60),
            select: Select::Max,
            policies: Some(vec![policy(true, 50, 60), policy(false, 4, 60)]),
            tolerance_milli: None,
        },
        down: Rules {
            window_seconds: Some(300),
            select: Select::Min,
            policies: Some(vec![policy(true, 10, 60), policy(false, 5, 120)]),
            tolerance_milli: None,
        },
    };
    Autoscaling {
        min: size.replicas.0,
        max: size.replicas.1,
        metrics: vec![Metric::CpuUtilization(TARGET)],
        behavior: (at % 2 == 1).then_some(behavior),
        schedules: Vec::new(),
        cooldown_seconds: None,
        activation: 0,
        sidecar: Sidecar::default(),
        queue_lag_millis: 0,
    }
}

fn pool(at: u32) -> NodePool {
    NodePool {
        name: format!("pool{at}"),
        kind: PoolKind { group: GroupId(0), sku: SkuId(at), max_pods: MAX_PODS },
        mode: if at == 0 { PoolMode::System } else { PoolMode::User },
        packings: vec![Vec::new()],
    }
}

fn problem(workloads: Vec<Workload>) -> Problem {
    let catalog = catalog("koreacentral").expect("the shipped catalog");
    let size = |name: &str| -> Sku {
        let found = catalog.skus.iter().find(|sku| sku.name == name);
        found.expect("a size of the shipped catalog").clone()
    };
    let count = workloads.len();
    let parts = ProblemParts {
        region: catalog.region.clone(),
        currency: catalog.currency.clone(),
        catalog_date: catalog.date,
        skus: SIZES.map(size).to_vec(),
        excluded: Vec::new(),
        cluster: Cluster {
            reservation: ReservationModel::Aks,
            os_overhead: true,
            max_pods: vec![MAX_PODS],
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
        points: vec![LoadPoint { name: "steady".to_owned(), weight_millis: DAY_MILLIS }],
        demand: ndarray::Array2::from_elem((1, count), 1),
        extended: Vec::new(),
        groups: Vec::new(),
        assumptions: Vec::new(),
    };
    Problem::new(parts).expect("sound parts")
}
