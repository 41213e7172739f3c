//! What the check of a problem's parts refuses, and where exactly it begins to.

use super::*;
use crate::catalog::{Arch, Rates};
use crate::units::{Bytes, UsdPerHour};

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
