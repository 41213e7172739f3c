//! What the check of a problem's parts refuses, and where exactly it begins to.

use super::*;
use crate::catalog::{Arch, QuotedRate, Rates};
use crate::units::{Bytes, UsdPerHour};
use crate::workload::{MeanSource, Scaling, WorkloadKind};

fn parts() -> ProblemParts {
    let size = Sku {
        name: "Standard_D2s_v3".to_owned(),
        family: "standardDSv3Family".to_owned(),
        vcpus: 2,
        memory: Bytes(8 << 30),
        gpus: 0,
        arch: Arch::Amd64,
        sustained: None,
        constrained: false,
        confidential: false,
        max_data_disks: 4,
        retires: None,
        rates: Rates {
            on_demand: UsdPerHour(123_000_000),
            spot: None,
            reserved_1y: None,
            reserved_3y: None,
            savings_plan_1y: None,
        },
        measured: None,
    };
    ProblemParts {
        region: "koreacentral".to_owned(),
        currency: "USD".to_owned(),
        catalog_date: Date::parse("2026-01-01").unwrap(),
        skus: vec![size],
        excluded: Vec::new(),
        cluster: Cluster {
            reservation: ReservationModel::Aks,
            os_overhead: true,
            max_pods: vec![110],
            addons: Vec::new(),
            system_pool: SystemPool::None,
            max_pools: None,
            burst: Burst::default(),
            overcommit: Overcommit::default(),
            headroom: PerMille(0),
            sustained_cpu: true,
            spot: false,
        },
        workloads: Vec::new(),
        points: vec![LoadPoint { name: "high".to_owned(), weight_millis: 1 }],
        demand: Array2::zeros((1, 0)),
        extended: Vec::new(),
        groups: Vec::new(),
        assumptions: Vec::new(),
    }
}

/// The codes that a change of the parts brings up.
fn codes(change: impl Fn(&mut ProblemParts)) -> Vec<&'static str> {
    let mut parts = parts();
    change(&mut parts);
    let faults = Problem::new(parts).err().unwrap_or_default();
    faults.iter().map(ProblemError::code).collect()
}

#[test]
fn each_rule_refuses_just_beyond_its_bound() {
    type Change = fn(&mut ProblemParts);
    let rows: [(&[&str], Change); 20] = [
        (&[], |_| {}),
        (&["NP2001"], |parts| parts.skus.clear()),
        (&["NP2002"], |parts| parts.points[0].weight_millis = 0),
        (&[], |parts| parts.points[0].weight_millis = 86_400_000),
        (&["NP2003"], |parts| parts.points[0].weight_millis = 86_400_001),
        (&["NP2004"], |parts| parts.demand = Array2::zeros((1, 1))),
        (&["NP2006"], |parts| parts.skus.push(parts.skus[0].clone())),
        (&[], |parts| parts.skus[0].memory = Bytes(Problem::MAX_AMOUNT)),
        (&["NP2007"], |parts| parts.skus[0].memory = Bytes(Problem::MAX_AMOUNT + 1)),
        (&[], |parts| parts.cluster.max_pods = vec![1]),
        (&["NP2008"], |parts| parts.cluster.max_pods = vec![30, 0]),
        (&["NP2008"], |parts| parts.cluster.max_pods.clear()),
        (&["NP2009"], |parts| parts.cluster.max_pools = Some(0)),
        (&[], |parts| parts.cluster.headroom = PerMille(999)),
        (&["NP2010"], |parts| parts.cluster.headroom = PerMille(1000)),
        (&[], |parts| parts.cluster.burst.burstable = PerMille(1000)),
        (&["NP2012"], |parts| parts.cluster.burst.burstable = PerMille(1001)),
        (&[], |parts| parts.cluster.overcommit.cpu = Some(PerMille(1_000_000))),
        (&["NP2012"], |parts| parts.cluster.overcommit.memory = Some(PerMille(1_000_001))),
        (&["NP2012"; 3], |parts| {
            let most = PerMille(u32::MAX);
            parts.cluster.burst = Burst { guaranteed: most, burstable: most, best_effort: most };
        }),
    ];
    for (row, (want, change)) in rows.into_iter().enumerate() {
        assert_eq!(codes(change), want, "row {row}");
    }
}

#[test]
fn a_fault_names_the_factor_and_its_bound() {
    let mut parts = parts();
    parts.cluster.overcommit.cpu = Some(PerMille(2_000_000));
    let faults = Problem::new(parts).unwrap_err();
    let text = "the overcommit factor of CPU is 2000000 thousandths, more than 1000000";
    assert_eq!(faults[0].to_string(), text);
}

/// A workload of the bare minimum.
fn workload(name: &str) -> Workload {
    Workload {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        kind: WorkloadKind::Deployment,
        request: Resources { pods: 1, ..Resources::default() },
        cpu_limit: None,
        memory_limit: None,
        cpu_mean: MilliCpu(0),
        cpu_mean_source: MeanSource::Request,
        max_per_node: None,
        arches: vec![Arch::Amd64],
        node_selector: Vec::new(),
        pool: None,
        isolate: false,
        spot_ok: false,
        qos: QosClass::BestEffort,
        declared_qos: None,
        system: false,
        scaling: Scaling::default(),
        line: 0,
    }
}

/// A problem in which `plain` runs anywhere, `cheap` tolerates spot nodes and `own` does so in pools of
/// its own; one size has a quote for spot, the other none.
fn with_spot(spot: bool) -> Problem {
    let mut parts = parts();
    parts.skus[0].vcpus = 4;
    parts.skus.push(Sku { name: "Standard_D4s_v3".to_owned(), ..parts.skus[0].clone() });
    let quote = QuotedRate { rate: UsdPerHour(40_000_000), estimated: false };
    parts.skus[0].rates.spot = Some(quote);
    let own = Workload { pool: Some("own".to_owned()), isolate: true, ..workload("own") };
    parts.workloads = vec![
        workload("plain"),
        Workload { spot_ok: true, ..workload("cheap") },
        Workload { spot_ok: true, ..own },
    ];
    parts.demand = Array2::from_elem((1, 3), 1);
    parts.cluster.spot = spot;
    parts.cluster.system_pool = SystemPool::Shared;
    parts.cluster.addons = [false, true]
        .map(|tolerates_all| AddOn {
            name: format!("agent-{tolerates_all}"),
            request: Resources { pods: 1, ..Resources::default() },
            measured_mean: None,
            node_selector: Vec::new(),
            tolerates_all,
        })
        .to_vec();
    Problem::new(parts).unwrap()
}

#[test]
fn spot_nodes_are_for_those_who_tolerate_them() {
    let problem = with_spot(true);
    // Group, size, rate, and who gets in; add-ons; whether it can be the system pool.
    let rows: Vec<String> = problem
        .pool_kinds()
        .into_iter()
        .map(|kind| {
            let group = problem.group(kind.group);
            let all = problem.workloads().iter();
            let admitted = all.filter(|one| placement::admits(&problem, kind, one));
            let names: Vec<&str> = admitted.map(|one| one.name.as_str()).collect();
            format!(
                "{}{} {} {}: {}; {} {}",
                group.pool.as_deref().unwrap_or("any"),
                if group.spot { " spot" } else { "" },
                problem.sku(kind.sku).name,
                problem.rate(kind),
                names.join(" "),
                placement::addons_on(&problem, kind).len(),
                placement::serves_system(&problem, kind),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "any Standard_D2s_v3 0.1230: plain cheap; 2 true",
            "any Standard_D4s_v3 0.1230: plain cheap; 2 true",
            "own Standard_D2s_v3 0.1230: own; 1 false",
            "own Standard_D4s_v3 0.1230: own; 1 false",
            "any spot Standard_D2s_v3 0.0400: cheap; 1 false",
            "own spot Standard_D2s_v3 0.0400: own; 1 false",
        ]
    );
}

#[test]
fn without_leave_there_is_no_spot() {
    let problem = with_spot(false);
    assert!(problem.groups().iter().all(|group| !group.spot));
    assert_eq!(problem.pool_kinds().len(), 4);
}

#[test]
fn a_spot_rate_is_bounded_as_the_list_rate_is() {
    for (rate, want) in [(Problem::MAX_RATE, vec![]), (Problem::MAX_RATE + 1, vec!["NP2007"])] {
        let quote = QuotedRate { rate: UsdPerHour(rate), estimated: false };
        assert_eq!(codes(|parts| parts.skus[0].rates.spot = Some(quote)), want, "{rate}");
    }
}
