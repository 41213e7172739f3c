//! Bytes to a small problem. Every byte string is one: fields are read in turn, missing bytes
//! count as zero, and every value is folded into its range.

use super::plain;
use ndarray::Array2;
use nodeplan::model::catalog::{Arch, Sku};
use nodeplan::model::problem::{
    AddOn, Burst, Cluster, LoadPoint, Overcommit, Problem, ReservationModel, SystemPool,
};
use nodeplan::model::resources::Resources;
use nodeplan::model::units::{Bytes, DAY_MILLIS, GIB, MIB, MilliCpu, PerMille};
use nodeplan::model::workload::{QosClass, Workload};

/// A problem, and whether the ILP is asked as well.
pub struct Case {
    /// The problem.
    pub problem: Problem,
    /// Ask the ILP.
    pub oracle: bool,
}

/// Bytes, read in turn.
pub struct Tape<'a>(&'a [u8]);

impl<'a> Tape<'a> {
    /// All of some bytes.
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The next byte, zero at the end.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// The next two bytes as a number.
    pub fn word(&mut self) -> u64 {
        u64::from(u16::from_be_bytes([self.byte(), self.byte()]))
    }

    /// One of `choices`, the first for zero.
    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()].clone()
    }

    /// True for one byte in `n`, never for zero.
    pub fn one_in(&mut self, n: u8) -> bool {
        self.byte() % n == n - 1
    }
}

/// The problem of some bytes.
pub fn decode(data: &[u8]) -> Case {
    let mut tape = Tape::new(data);
    let oracle = tape.one_in(4);
    let sizes = 1 + tape.byte() % 4;
    let count = 1 + tape.byte() % 5;
    let points = 1 + tape.byte() % 3;
    let cluster = any_cluster(&mut tape);
    let workloads: Vec<Workload> = (0..count).map(|at| any_workload(&mut tape, at)).collect();
    let skus: Vec<Sku> = (0..sizes).map(|at| any_size(&mut tape, at)).collect();
    let points: Vec<LoadPoint> = (0..points).map(|at| any_point(&mut tape, at)).collect();
    let demand = Array2::from_shape_fn((points.len(), workloads.len()), |_| {
        let pods = u32::from(tape.byte());
        if pods > 250 { (pods - 250) * 40 } else { pods % 7 }
    });
    let parts = plain::parts(skus, cluster, workloads, points, demand);
    let problem = Problem::new(parts).expect("every value is folded into its range");
    Case { problem, oracle }
}

fn any_cluster(tape: &mut Tape<'_>) -> Cluster {
    use ReservationModel::{Aks, AksLegacy, Measured, NodeAutoProvisioning};
    let share = |tape: &mut Tape<'_>| PerMille(tape.pick(&[0, 0, 0, 333, 1000]));
    Cluster {
        reservation: tape.pick(&[Aks, Measured, AksLegacy, NodeAutoProvisioning]),
        os_overhead: tape.byte().is_multiple_of(2),
        max_pods: tape.pick(&[
            vec![30],
            vec![5],
            vec![110, 30],
            vec![1],
            vec![4, 4, 30],
            vec![250],
        ]),
        addons: (0..tape.byte() % 3).map(|at| any_addon(tape, at)).collect(),
        system_pool: tape.pick(&[SystemPool::None, SystemPool::Shared, SystemPool::Dedicated]),
        max_pools: tape.pick(&[None, Some(1), Some(2), Some(3), None]),
        burst: Burst { guaranteed: share(tape), burstable: share(tape), best_effort: share(tape) },
        overcommit: Overcommit {
            cpu: tape.pick(&[None, None, Some(PerMille(2000)), Some(PerMille(900))]),
            memory: tape.pick(&[None, None, Some(PerMille(1250)), Some(PerMille(0))]),
        },
        headroom: PerMille(tape.pick(&[0, 0, 100, 155, 999])),
        sustained_cpu: tape.byte().is_multiple_of(2),
        spot: false,
    }
}

fn any_addon(tape: &mut Tape<'_>, at: u8) -> AddOn {
    let label = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    AddOn {
        name: format!("agent-{at}"),
        request: Resources {
            cpu: MilliCpu(10 * u64::from(tape.byte())),
            memory: Bytes(4 * MIB * u64::from(tape.byte())),
            pods: 1,
            ..Resources::default()
        },
        measured_mean: tape.pick(&[None, Some(MilliCpu(0)), Some(MilliCpu(77))]),
        node_selector: tape.pick(&[
            Vec::new(),
            Vec::new(),
            label("kubernetes.io/arch", "arm64"),
            label("team", "blue"),
        ]),
        tolerates_all: tape.byte().is_multiple_of(2),
    }
}

fn any_size(tape: &mut Tape<'_>, at: u8) -> Sku {
    let vcpus: u32 = tape.pick(&[4, 2, 8, 16, 1]);
    let gib = u64::from(vcpus) * tape.pick(&[4, 2, 8, 1]);
    let rate = match tape.byte() % 8 {
        0 => 0,
        1 => Problem::MAX_RATE - tape.word(),
        2 => tape.word(),
        _ => 1_000_000 * (1 + tape.word() % 2000),
    };
    let mut size = plain::sku(&format!("Standard_T{at}"), vcpus, gib, rate);
    if tape.one_in(5) {
        size.arch = Arch::Arm64;
    }
    if tape.one_in(5) {
        size.sustained = Some(MilliCpu(5 * u64::from(tape.byte())));
    }
    size.gpus = tape.pick(&[0, 0, 0, 1, 2]);
    size.max_data_disks = tape.pick(&[4, 0, 1]);
    if tape.one_in(4) {
        size.measured = Some(Resources {
            cpu: MilliCpu(tape.word()),
            memory: Bytes(tape.word() * MIB),
            pods: u64::from(tape.byte() % 40),
            gpus: u64::from(tape.byte() % 3),
            data_disks: u64::from(tape.byte() % 3),
            ephemeral: Bytes(u64::from(tape.byte()) * GIB),
            extended: Vec::new(),
        });
    }
    size
}

fn any_workload(tape: &mut Tape<'_>, at: u8) -> Workload {
    let (cpu, memory) = (amount(tape, 20), amount(tape, 64 * MIB));
    let limit = |tape: &mut Tape<'_>, request: u64| {
        tape.pick(&[None, Some(10), Some(12), Some(30)]).map(|tenths| request * tenths / 10)
    };
    let cpu_limit = limit(tape, cpu).map(MilliCpu);
    let memory_limit = limit(tape, memory).map(Bytes);
    let pool = tape.pick(&[None, None, None, Some("data"), Some("edge")]);
    let isolate = pool.is_some() && tape.one_in(2);
    let system = tape.one_in(6);
    let name = if system && tape.one_in(2) { format!("coredns{at}") } else { format!("w{at}") };
    let mut workload = plain::workload(&name, cpu, memory, u32::from(at) + 2);
    let request = &mut workload.request;
    request.gpus = tape.pick(&[0, 0, 0, 0, 1]);
    request.data_disks = tape.pick(&[0, 0, 0, 1, 2]);
    request.ephemeral = Bytes(tape.pick(&[0, 0, 0, 20, 70]) * GIB);
    if system {
        workload.namespace = "kube-system".to_owned();
    }
    Workload {
        cpu_limit,
        memory_limit,
        cpu_mean: MilliCpu(cpu * u64::from(tape.byte()) / 255),
        max_per_node: tape.pick(&[None, None, None, Some(1), Some(2), Some(0)]),
        arches: tape.pick(&[vec![Arch::Amd64], vec![Arch::Amd64, Arch::Arm64], vec![Arch::Arm64]]),
        node_selector: selector(tape),
        pool: pool.map(str::to_owned),
        isolate,
        spot_ok: false,
        qos: tape.pick(&[QosClass::Burstable, QosClass::Guaranteed, QosClass::BestEffort]),
        system,
        ..workload
    }
}

/// Mostly up to 128 steps, sometimes nothing, sometimes the most a problem may hold.
fn amount(tape: &mut Tape<'_>, step: u64) -> u64 {
    match tape.byte() {
        255 => Problem::MAX_AMOUNT / 4,
        at @ 128.. => u64::from(at - 127) * step / 16,
        at => u64::from(at) * step,
    }
}

fn selector(tape: &mut Tape<'_>) -> Vec<(String, String)> {
    let label = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    match tape.byte() % 16 {
        1 => label("kubernetes.io/arch", "arm64"),
        2 => label("node.kubernetes.io/instance-type", "Standard_T1"),
        3 | 4 => label("team", "blue"),
        5 => label("team", "red"),
        _ => Vec::new(),
    }
}

fn any_point(tape: &mut Tape<'_>, at: u8) -> LoadPoint {
    let third = DAY_MILLIS / 3;
    let weight_millis = match tape.byte() % 4 {
        0 => third,
        1 => 1 + tape.word(),
        2 => 3_600_000,
        _ => third - tape.word(),
    };
    LoadPoint { name: format!("point-{at}"), weight_millis }
}
