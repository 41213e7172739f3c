//! Who may run where in a cluster without a plan.

use nodeplan::io::catalog::catalog;
use nodeplan::io::csv::workloads_csv;
use nodeplan::io::yaml::design;
use nodeplan::model::eligibility::Filter;
use nodeplan::model::placement::admits;
use nodeplan::{Options, Setup, Standing, standing};

const WORKLOADS: &str = "\
name,replicas,cpu_request,memory_request,pool,isolate,node_selector
any,1,100m,128Mi,,,
a,1,100m,128Mi,,,a=1
b,1,100m,128Mi,,,b=1
ab,1,100m,128Mi,,,\"a=1,b=1\"
mine,1,100m,128Mi,data,,
own,1,100m,128Mi,,,
huge,1,100,128Mi,,,
";

fn cluster(pools: &str) -> Standing {
    cluster_of(WORKLOADS, pools)
}

fn cluster_of(workloads: &str, pools: &str) -> Standing {
    let file = workloads_csv("w.csv", workloads.as_bytes(), &Default::default()).expect("sound");
    let catalog = catalog("koreacentral").expect("a region");
    let filter = Filter::new(catalog.date);
    let design = design("c.yaml", pools.as_bytes()).expect("sound");
    standing(Setup::new(&catalog, &filter, file), "c.yaml", &design, &Options::default())
        .expect("sound")
}

#[test]
fn labels_taints_and_lists_decide_who_gets_in() {
    let found = cluster(
        "pools:\n\
         - {name: plain, sku: D4s_v3, count: 2}\n\
         - {name: both, sku: D4s_v3, count: 1, labels: {a: 1, b: 1, c: 1}}\n\
         - {name: justa, sku: D4s_v3, count: 1, labels: {a: 1}}\n\
         - {name: data, sku: E4s_v3, count: 1}\n\
         - {name: shut, sku: E4s_v3, count: 1, taints: ['x=y:NoSchedule']}\n\
         - {name: list, sku: E4s_v3, count: 1, workloads: [own], isolate: yes}\n",
    );
    let problem = &found.problem;
    let names = |pool: usize| -> Vec<&str> {
        let kind = found.plan.pools[pool].kind;
        let all = problem.workloads().iter().filter(|one| !one.system);
        all.filter(|one| admits(problem, kind, one)).map(|one| one.name.as_str()).collect()
    };
    assert_eq!(names(0), ["any", "huge"]);
    assert_eq!(names(1), ["any", "a", "b", "ab", "huge"]);
    assert_eq!(names(2), ["any", "a", "huge"]);
    assert_eq!(names(3), ["any", "mine", "huge"], "rows ask for a pool by its name");
    assert_eq!(names(4), [""; 0], "nobody tolerates the taint");
    assert_eq!(names(5), ["own"]);
    let system = |pool: usize| {
        let kind = found.plan.pools[pool].kind;
        problem.workloads().iter().filter(|one| one.system && admits(problem, kind, one)).count()
    };
    assert!(system(0) > 0 && system(1) > 0);
    assert_eq!((system(4), system(5)), (0, 0));
    assert_eq!(
        found.notes,
        ["a pod of `huge` fits no node of this cluster: its pods stay pending"]
    );
}

#[test]
fn the_platform_keeps_to_the_pool_for_critical_addons() {
    let found = cluster(
        "pools:\n\
         - {name: sys, sku: D4s_v3, count: 1, taints: ['CriticalAddonsOnly=true:NoSchedule']}\n\
         - {name: plain, sku: D4s_v3, min: 1, max: 4, labels: {a: 1, b: 1}, spot: yes, zones: [2]}\n\
         - {name: data, sku: D4s_v3, count: 1}\n",
    );
    let problem = &found.problem;
    for one in problem.workloads() {
        let pools = found.plan.pools.iter().filter(|pool| admits(problem, pool.kind, one));
        let names: Vec<&str> = pools.map(|pool| pool.name.as_str()).collect();
        assert_eq!(names.contains(&"sys"), one.system, "{}: {names:?}", one.name);
    }
    let spot = &found.bounds[1];
    assert_eq!((spot.min, spot.max, spot.initial, spot.spot), (1, 4, 1, true));
    assert_eq!(spot.zones, [2]);
    assert!(found.notes.iter().any(|note| note == "every pod tolerates spot nodes"));
}

#[test]
fn where_rows_say_who_tolerates_spot_nodes_only_those_get_in() {
    let rows =
        "name,replicas,cpu_request,memory_request,spot_ok\nfirm,1,1,1Gi,\nloose,1,1,1Gi,yes\n";
    let pools = "pools:\n\
                 - {name: plain, sku: D4s_v3, count: 1}\n\
                 - {name: cheap, sku: D4s_v3, count: 1, spot: yes}\n";
    for (rows, firm) in [(rows, false), (&rows.replace("yes", ""), true)] {
        let found = cluster_of(rows, pools);
        let on = |name: &str, pool: usize| {
            let mut all = found.problem.workloads().iter();
            let one = all.find(|one| one.name == name).expect("a row");
            admits(&found.problem, found.plan.pools[pool].kind, one)
        };
        assert!(on("firm", 0) && on("loose", 0) && on("loose", 1));
        assert_eq!((on("firm", 1), on("coredns", 1)), (firm, firm));
        assert!(found.bounds[1].spot && !found.bounds[0].spot);
        let all = found.notes.iter().any(|note| note == "every pod tolerates spot nodes");
        assert_eq!(all, firm);
    }
}
