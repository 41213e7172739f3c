//! The hand-made designs of the reference cluster, priced and checked.

use nodeplan::io::catalog::catalog;
use nodeplan::io::csv::workloads_csv;
use nodeplan::io::yaml::{Design, design};
use nodeplan::model::answer::{DesignAnswer, Money};
use nodeplan::model::catalog::Catalog;
use nodeplan::model::eligibility::{Filter, Pattern};
use nodeplan::{Optimized, Options, Setup, compare, optimize, problem_from};

fn data(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/workloads");
    std::fs::read(format!("{folder}/{name}")).expect("a shipped file")
}

/// The best plan on two sizes: the designs bring their own.
fn ours() -> (Catalog, Optimized) {
    let file = workloads_csv("reference.csv", &data("reference.csv"), &Default::default())
        .expect("the shipped reference cluster can be planned");
    let catalog = catalog("koreacentral").expect("the shipped reference cluster can be planned");
    let filter = Filter {
        allow: ["D4s_v3", "E8s_v4"].map(Pattern::new).to_vec(),
        ..Filter::new(catalog.date)
    };
    let problem = problem_from(Setup::new(&catalog, &filter, file))
        .expect("the shipped reference cluster can be planned")
        .problem;
    let best = optimize(&problem, &Options::default())
        .expect("the shipped reference cluster can be planned");
    (catalog, best)
}

fn priced(catalog: &Catalog, ours: &Optimized, design: &Design) -> DesignAnswer {
    compare(ours, catalog, "design", design, &Options::default())
        .expect("the shipped reference cluster can be planned")
}

#[test]
fn the_reference_designs_cost_what_their_nodes_cost() {
    let (catalog, ours) = ours();
    for (file, counts, cents, codes) in [
        // (least, most) by hand: usable are 3510m, 7470m, 15390m and 1550m; the platform's pods
        // fit beside the user's.
        ("design-a.yaml", [(1, 2), (1, 1), (1, 1), (1, 1), (1, 1)], 184_033, vec![]),
        ("design-b.yaml", [(1, 2), (1, 1), (1, 2), (1, 1), (1, 1)], 172_864, vec!["NP5112"]),
    ] {
        let design = design(file, &data(file)).unwrap();
        let found = priced(&catalog, &ours, &design);
        let nodes: Vec<(u64, u64)> = found.pools.iter().map(|p| (p.least, p.most)).collect();
        assert_eq!(nodes, counts, "{file}");
        assert_eq!((found.month.0 + 5_000_000) / 10_000_000, cents, "{file}");
        let breaches: Vec<&str> = found.breaches.iter().map(|one| one.code.as_str()).collect();
        assert_eq!(breaches, codes, "{file}: {:?}", found.breaches);
        let own = found.month.minus(found.saving.unwrap());
        assert!(own > Money(0) && own < found.month, "{file}");
    }
}

#[test]
fn each_breach_is_named() {
    let (catalog, ours) = ours();
    let rest = "- {name: rest, sku: E16s_v4, workloads: [web-app, batch, interface]}";
    for (pools, codes) in [
        // 4 cores a pod on a node of 3.51.
        (
            format!("- {{name: db, sku: D4s_v3, workloads: [dbms, message-queue]}}\n  {rest}"),
            vec!["NP2205"],
        ),
        (format!("- {{name: db, sku: E8s_v4, workloads: [dbms]}}\n  {rest}"), vec!["NP2203"]),
        (
            format!(
                "- {{name: db, sku: E8s_v4, workloads: [dbms, message-queue], max: 1}}\n  {rest}"
            ),
            vec!["NP2206"],
        ),
        (
            "- {name: all, sku: B1s, workloads: [message-queue]}".to_owned(),
            vec!["NP2201", "NP2203", "NP2205", "NP5115"],
        ),
    ] {
        let text = format!("pools:\n  {pools}\n");
        let design = design("d.yaml", text.as_bytes()).unwrap();
        let found = priced(&catalog, &ours, &design);
        let mut breaches: Vec<&str> = found.breaches.iter().map(|one| one.code.as_str()).collect();
        breaches.sort_unstable();
        breaches.dedup();
        assert_eq!(breaches, codes, "{text}{:#?}", found.breaches);
    }
}

#[test]
fn a_design_of_unknown_names_is_an_error_with_a_hint() {
    let (catalog, ours) = ours();
    for (pool, code, hint) in [
        (
            "{name: a, sku: D4sv3, workloads: [dbms]}",
            "NP2101",
            "d:1: pool `a`: `Standard_D4sv3` is no VM size with a price in `koreacentral`; \
             expected the name of one size; did you mean D4s_v3,",
        ),
        ("{name: a, sku: D4s_v3, workloads: [dbsm]}", "NP2103", "dbms"),
    ] {
        let design = design("d.yaml", format!("pools: [{pool}]").as_bytes()).unwrap();
        let error = compare(&ours, &catalog, "d", &design, &Options::default()).unwrap_err();
        assert_eq!(error.code(), code);
        assert!(error.to_string().contains(hint), "{error}");
    }
}
