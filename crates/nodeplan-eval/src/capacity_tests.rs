//! Capacity against real nodes, and against the model's own derivation, which the solver uses.

use super::*;
use crate::testing;
use nodeplan_model::overhead;
use nodeplan_model::problem::{AddOn, ProblemParts, SystemPool};
use nodeplan_model::units::{Bytes, MilliCpu, PerMille, UsdPerHour};
use proptest::prelude::*;

const MODELS: [ReservationModel; 4] = [
    ReservationModel::Aks,
    ReservationModel::AksLegacy,
    ReservationModel::NodeAutoProvisioning,
    ReservationModel::Measured,
];

fn nominal(vcpus: u32, memory: u64) -> Sku {
    let mut sku = testing::sku("a", 0, 0, 1);
    (sku.vcpus, sku.memory, sku.measured) = (vcpus, Bytes(memory), None);
    sku
}

fn with(sku: Sku, change: impl FnOnce(&mut ProblemParts)) -> Problem {
    let mut parts = testing::parts(vec![sku], vec![testing::workload("w", 1, 1)], &[(1, &[1])]);
    change(&mut parts);
    testing::problem(parts)
}

/// Capacity and allocatable of nodes as dumped in public reports (KiB), with their pods.
#[test]
fn real_nodes_lose_what_the_rules_say() {
    use ReservationModel::{Aks, AksLegacy};
    for (model, vcpus, gib, pods, capacity, allocatable, cpu) in [
        (Aks, 4, 32, 250, 32_865_016, 27_591_416, Some(3860)),
        (Aks, 2, 8, 250, 8_130_044, 5_930_492, Some(1900)),
        (AksLegacy, 2, 4, 110, 4_025_836, 2_209_260, None),
        (AksLegacy, 2, 7, 110, 7_098_320, 4_653_008, Some(1900)),
        (AksLegacy, 4, 16, 110, 16_374_260, 12_880_372, None),
        (AksLegacy, 8, 32, 110, 32_863_116, 28_362_636, Some(7820)),
    ] {
        for os_overhead in [false, true] {
            let problem = with(nominal(vcpus, gib * GIB), |parts| {
                parts.cluster.reservation = model;
                parts.cluster.os_overhead = os_overhead;
                parts.cluster.max_pods = vec![pods];
            });
            let room = room(&problem, problem.pool_kinds()[0]);
            if let Some(cpu) = cpu {
                assert_eq!(room.usable[0], cpu, "{model:?} {gib} GiB");
            }
            let got = room.usable[1] / KIB;
            if os_overhead {
                // The fitted part: within 1 % of the real node.
                assert!(got.abs_diff(allocatable) * 100 <= allocatable, "{model:?} {gib}: {got}");
            } else {
                let kept = gib * GIB / KIB - got;
                assert_eq!(kept, capacity - allocatable, "{model:?} {gib} GiB");
            }
        }
    }
}

#[test]
fn a_pod_takes_its_share_of_the_limit_and_one_slot() {
    let mut pod = testing::workload("w", 100, 1000);
    (pod.cpu_limit, pod.memory_limit) = (Some(MilliCpu(201)), Some(Bytes(900)));
    let problem = with(testing::sku("a", 1000, 4000, 1), |parts| {
        parts.cluster.burst.burstable = PerMille(500);
        parts.workloads = vec![pod];
    });
    let needs = needs(&problem, &problem.workloads()[0]);
    assert_eq!(needs.size, [151, 1000, 1, 0, 0, 0]);
}

prop_compose! {
    fn any_addon()(
        cpu in 0_u64..500,
        memory in 0_u64..1 << 30,
        mean in prop::option::of(0_u64..300),
        arm in any::<bool>(),
    ) -> AddOn {
        let arch = ("kubernetes.io/arch".to_owned(), if arm { "arm64" } else { "amd64" }.to_owned());
        AddOn {
            name: "addon".to_owned(),
            request: Resources {
                cpu: MilliCpu(cpu),
                memory: Bytes(memory),
                pods: 1,
                ..Resources::default()
            },
            measured_mean: mean.map(MilliCpu),
            node_selector: vec![arch],
            tolerates_all: false,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn capacity_equals_the_models(
        model in prop::sample::select(&MODELS[..]),
        os_overhead in any::<bool>(),
        vcpus in 0_u32..420,
        memory in prop_oneof![
            (0_u64..12_000).prop_map(|gib| gib * GIB),
            0_u64..1 << 44,
            0_u64..1 << 33,
        ],
        max_pods in prop::sample::select(&[10_u32, 30, 60, 110, 250][..]),
        headroom in 0_u32..1000,
        addons in prop::collection::vec(any_addon(), 0..4),
        sustained in prop::option::of(0_u64..3000),
        rule in any::<bool>(),
        measured in prop::option::of((0_u64..9000, 0_u64..1 << 40, 0_u64..300)),
        (gpus, disks) in (0_u32..9, 0_u32..65),
        pool in any::<bool>(),
    ) {
        let mut sku = nominal(vcpus, memory);
        (sku.gpus, sku.max_data_disks) = (gpus, disks);
        sku.rates.on_demand = UsdPerHour(5);
        sku.sustained = sustained.map(MilliCpu);
        sku.measured = measured.map(|(cpu, memory, pods)| Resources {
            cpu: MilliCpu(cpu),
            memory: Bytes(memory),
            pods,
            ..Resources::default()
        });
        let problem = with(sku, |parts| {
            let cluster = &mut parts.cluster;
            (cluster.reservation, cluster.os_overhead) = (model, os_overhead);
            cluster.max_pods = vec![max_pods];
            cluster.headroom = PerMille(headroom);
            cluster.addons = addons;
            cluster.sustained_cpu = rule;
            cluster.system_pool = SystemPool::Shared;
            parts.workloads[0].pool = pool.then(|| "own".to_owned());
            parts.workloads[0].isolate = pool;
        });
        for kind in problem.pool_kinds() {
            let on_node = placement::addons_on(&problem, kind);
            let want =
                overhead::anatomy(problem.cluster(), problem.sku(kind.sku), kind, &on_node);
            let got = room(&problem, kind);
            prop_assert_eq!(got.usable, want.usable.row(0));
            prop_assert_eq!(got.sustained, want.usable_sustained.map(|total| total.0));
            prop_assert_eq!(got.allocatable_cpu, want.allocatable.cpu.0);
            prop_assert_eq!(got.allocatable_memory, want.allocatable.memory.0);
        }
    }
}
