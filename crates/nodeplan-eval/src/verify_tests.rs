//! Every plan code is found, one planted fault at a time; the plan without it is legal.

use super::*;
use crate::testing;
use nodeplan_model::ids::{GroupId, SkuId, WorkloadId};
use nodeplan_model::problem::{ProblemParts, SystemPool};
use nodeplan_model::units::{Bytes, MilliCpu, PerMille};

fn packing(nodes: u32, content: &[(u32, u32)]) -> Packing {
    let content = content.iter().map(|&(id, pods)| (WorkloadId(id), pods)).collect();
    Packing { nodes, content }
}

fn pool(name: &str, group: u32, sku: u32, mode: PoolMode, packings: [Vec<Packing>; 2]) -> NodePool {
    let kind = PoolKind { group: GroupId(group), sku: SkuId(sku), max_pods: 250 };
    NodePool { name: name.into(), kind, mode, packings: packings.into() }
}

/// Sizes `a` (big), `b` (burstable), `c`; `web` runs anywhere, `db` in a pool of its own.
fn base() -> (ProblemParts, Plan) {
    let mut burstable = testing::sku("b", 2000, 8000, 5);
    burstable.sustained = Some(MilliCpu(900));
    let skus = vec![testing::sku("a", 4000, 16000, 10), burstable, testing::sku("c", 1, 1, 1)];
    let mut web = testing::workload("web", 1000, 4000);
    web.cpu_mean = MilliCpu(300);
    let mut db = testing::workload("db", 1000, 2000);
    (db.pool, db.isolate) = (Some("db".into()), true);
    (db.cpu_limit, db.memory_limit) = (Some(MilliCpu(2000)), Some(Bytes(2000)));
    let mut parts = testing::parts(skus, vec![web, db], &[(8, &[6, 2]), (16, &[4, 1])]);
    parts.cluster.system_pool = SystemPool::Shared;
    let main = [vec![packing(1, &[(0, 4)])], vec![packing(1, &[(0, 3)])]];
    let bursty = [vec![packing(2, &[(0, 1)])], vec![packing(1, &[(0, 1)])]];
    let own = [vec![packing(1, &[(1, 2)])], vec![packing(1, &[(1, 1)])]];
    let pools = vec![
        pool("main", 0, 0, PoolMode::System, main),
        pool("bursty", 0, 1, PoolMode::User, bursty),
        pool("db", 1, 0, PoolMode::User, own),
    ];
    (parts, Plan { pools })
}

fn codes_of(parts: &ProblemParts, plan: &Plan) -> Vec<String> {
    let problem = testing::problem(parts.clone());
    let mut codes: Vec<String> =
        check_plan(&problem, plan).0.into_iter().map(|finding| finding.code).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn a_legal_plan_is_legal_and_costs_what_its_nodes_cost() {
    let (parts, plan) = base();
    let (findings, rates, cost, checked) = check_plan(&testing::problem(parts), &plan);
    assert_eq!(findings, []);
    assert_eq!(rates, [UsdPerHour(30), UsdPerHour(25)]);
    assert_eq!(cost, Spend(8 * 30 + 16 * 25));
    assert_eq!((checked.nodes, checked.pods), (7, 13));
}

type Fault = (&'static str, fn(&mut ProblemParts, &mut Plan));

const FAULTS: &[Fault] = &[
    (codes::POOL_NAME, |_, plan| plan.pools[0].name = "Main".into()),
    (codes::POOL_NAME, |_, plan| plan.pools[0].name = "a234567890123".into()),
    (codes::POOL_NAME, |_, plan| plan.pools[0].name = String::new()),
    (codes::POOL_TWICE, |_, plan| plan.pools[1].name = "main".into()),
    (codes::UNKNOWN_KIND, |_, plan| plan.pools[0].kind.max_pods = 30),
    (codes::UNKNOWN_KIND, |_, plan| plan.pools[0].kind.sku = SkuId(9)),
    (codes::UNKNOWN_KIND, |_, plan| plan.pools[0].kind.group = GroupId(9)),
    (codes::KIND_TWICE, |_, plan| {
        let twin = pool("twin", 0, 0, PoolMode::User, [vec![packing(1, &[])], vec![]]);
        plan.pools.push(twin);
    }),
    (codes::POINTS, |_, plan| plan.pools[2].packings.truncate(1)),
    (codes::POINTS, |_, plan| plan.pools[2].packings.push(vec![packing(1, &[])])),
    (codes::CONTENT, |_, plan| plan.pools[0].packings[0][0].content.push((WorkloadId(7), 1))),
    (codes::CONTENT, |_, plan| {
        plan.pools[0].packings[0] = vec![packing(1, &[(0, 2), (0, 2)])];
    }),
    (codes::CONTENT, |_, plan| plan.pools[0].packings[0][0].content[0].1 = 0),
    (codes::NO_NODES, |_, plan| plan.pools[0].packings[0].push(packing(0, &[]))),
    (codes::DEMAND, |_, plan| plan.pools[0].packings[0][0].content[0].1 = 3),
    (codes::DEMAND, |_, plan| plan.pools[2].packings[0][0].nodes = 2),
    (codes::DEMAND, |parts, _| parts.demand[[1, 1]] = 0),
    (codes::NOT_ADMITTED, |_, plan| {
        plan.pools[0].packings[0][0].content = vec![(WorkloadId(0), 3), (WorkloadId(1), 1)];
    }),
    (codes::NOT_ADMITTED, |parts, _| {
        parts.workloads[1].arches = vec![nodeplan_model::catalog::Arch::Arm64]
    }),
    (codes::CAPACITY, |_, plan| plan.pools[0].packings[0][0].content[0].1 = 5),
    (codes::CAPACITY, |parts, _| parts.skus[0].measured.as_mut().unwrap().pods = 3),
    (codes::CAPACITY, |parts, _| parts.cluster.headroom = PerMille(1)),
    (codes::CAPACITY, |parts, _| parts.workloads[0].request.gpus = 1),
    (codes::CAPACITY, |parts, _| {
        parts.workloads[0].cpu_limit = Some(MilliCpu(2000));
        parts.cluster.burst.burstable = PerMille(1);
    }),
    (codes::PER_NODE, |parts, _| parts.workloads[0].max_per_node = Some(3)),
    (codes::SUSTAINED, |parts, _| parts.workloads[0].cpu_mean = MilliCpu(901)),
    (codes::OVERCOMMIT, |parts, _| parts.cluster.overcommit.cpu = Some(PerMille(999))),
    (codes::OVERCOMMIT, |parts, _| parts.cluster.overcommit.memory = Some(PerMille(3999))),
    (codes::TOO_MANY_POOLS, |parts, _| parts.cluster.max_pools = Some(2)),
    (codes::NO_SYSTEM_NODE, |_, plan| plan.pools[0].mode = PoolMode::User),
    (codes::BAD_SYSTEM_POOL, |_, plan| plan.pools[1].mode = PoolMode::System),
    (codes::BAD_SYSTEM_POOL, |_, plan| plan.pools[2].mode = PoolMode::System),
    (codes::USER_SYSTEM_POOL, |parts, plan| {
        parts.cluster.system_pool = SystemPool::Dedicated;
        plan.pools[0].kind.group = GroupId(1);
        plan.pools[0].mode = PoolMode::User;
    }),
    (codes::SWAPPED, |_, plan| plan.pools[1].packings[1].push(packing(2, &[]))),
    (codes::EMPTY_POOL, |_, plan| {
        plan.pools.push(pool("empty", 0, 2, PoolMode::User, [vec![], vec![]]));
    }),
    (codes::PLAN_SUMS, |parts, plan| {
        parts.skus[0].rates.on_demand = UsdPerHour(1 << 49);
        plan.pools[0].packings[0].push(packing(u32::MAX, &[]));
    }),
];

#[test]
fn every_planted_fault_is_found() {
    for (at, (code, plant)) in FAULTS.iter().enumerate() {
        let (mut parts, mut plan) = base();
        plant(&mut parts, &mut plan);
        let found = codes_of(&parts, &plan);
        assert!(found.contains(&(*code).to_owned()), "fault {at}: {code} not in {found:?}");
    }
    for code in codes::ALL.iter().filter(|code| code.code.starts_with("NP51")) {
        assert!(FAULTS.iter().any(|fault| fault.0 == code.code), "no fault for {}", code.code);
    }
}

/// At the very edge of each rule the plan is still legal.
#[test]
fn plans_at_the_edge_are_legal() {
    let edges: &[fn(&mut ProblemParts)] = &[
        |parts| parts.workloads[0].max_per_node = Some(4),
        |parts| parts.workloads[0].cpu_mean = MilliCpu(900),
        |parts| {
            parts.cluster.sustained_cpu = false;
            parts.workloads[0].cpu_mean = MilliCpu(901);
        },
        |parts| parts.cluster.overcommit.memory = Some(PerMille(4000)),
        |parts| parts.cluster.overcommit.cpu = Some(PerMille(4000)),
        |parts| parts.cluster.max_pools = Some(3),
        |parts| parts.cluster.burst.guaranteed = PerMille(1000),
    ];
    for (at, edge) in edges.iter().enumerate() {
        let (mut parts, plan) = base();
        edge(&mut parts);
        assert_eq!(codes_of(&parts, &plan), [] as [&str; 0], "edge {at}");
    }
}
