//! The data that ships with the product reads, and is what it says it is.

use nodeplan_io::catalog::catalog;
use nodeplan_io::csv::{WorkloadFile, WorkloadOptions, workloads_csv};
use nodeplan_io::pack::{DEFAULT_MAX_PODS, PackProblem, PackSizes, read};
use nodeplan_model::ids::{GroupId, SkuId};
use nodeplan_model::overhead::anatomy;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::workload::QosClass;
use std::path::Path;

fn data(path: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    std::fs::read(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn workloads(name: &str) -> WorkloadFile {
    let text = data(&format!("workloads/{name}"));
    workloads_csv(name, &text, &WorkloadOptions::default())
        .unwrap_or_else(|faults| panic!("{name}: {}", faults[0]))
}

fn korea() -> PackSizes {
    let korea = catalog("koreacentral").expect("a region of the catalog");
    PackSizes::of_catalog(&korea, DEFAULT_MAX_PODS)
}

fn problems(name: &str, sizes: &PackSizes) -> Vec<PackProblem> {
    let text = data(&format!("problems/{name}"));
    read(name, &text, sizes).unwrap_or_else(|faults| panic!("{name}: {}", faults[0]))
}

#[test]
fn the_reference_cluster_is_the_design_documents_table() {
    let file = workloads("reference.csv");
    let rows: Vec<(String, u64, u64, u32, u32)> = file
        .workloads
        .iter()
        .zip(file.low.iter().zip(&file.high))
        .map(|(workload, (low, high))| {
            let mib = workload.request.memory.0 >> 20;
            (workload.name.clone(), workload.request.cpu.0, mib, *low, *high)
        })
        .collect();
    let want = [
        ("web-app", 500, 1024, 2, 8),
        ("batch", 1000, 2048, 1, 5),
        ("interface", 300, 512, 2, 6),
        ("dbms", 4000, 16384, 1, 3),
        ("message-queue", 200, 256, 1, 5),
    ]
    .map(|(name, cpu, mib, low, high)| (name.to_owned(), cpu, mib, low, high));
    assert_eq!(rows, want);
    let wrong = file
        .workloads
        .iter()
        .filter(|workload| workload.declared_qos != Some(workload.qos))
        .count();
    assert_eq!(wrong, 3, "three declared QoS classes are wrong");
    assert!(file.workloads.iter().all(|workload| workload.qos == QosClass::Burstable));
}

#[test]
fn the_samples_read_without_a_warning() {
    for (name, rows) in [("small.csv", 14), ("medium.csv", 160), ("large.csv", 2000)] {
        let file = workloads(name);
        assert_eq!(file.workloads.len(), rows, "{name}");
        assert_eq!(file.warnings, [], "{name}");
        assert!(file.low.iter().zip(&file.high).any(|(low, high)| low < high), "{name}");
    }
}

#[test]
fn the_packing_problems_read() {
    let sizes = korea();
    for (file, instance, types, pods) in [
        ("toy5.csv", "toy5", 5, 27),
        ("synth_30x1k.csv", "synth_30x1k", 30, 1000),
        ("synth_100x10k.csv", "synth_100x10k", 99, 10_000),
        ("ibm.csv", "ibm_minscale_a", 17, 639),
        ("ibm.csv", "ibm_all_a", 21, 1043),
        ("manifests.csv", "online_boutique", 12, 12),
        ("manifests.csv", "kube_prometheus", 6, 9),
    ] {
        let all = problems(file, &sizes);
        let found = all.iter().find(|problem| problem.instance == instance);
        let found = found.unwrap_or_else(|| panic!("{instance} in {file}"));
        assert_eq!((found.types(), found.pods()), (types, pods), "{instance}");
        Problem::new(found.parts.clone()).unwrap();
    }
}

/// The toy table was worked out by hand: prices of koreacentral, AKS reservations at 250 pods.
#[test]
fn the_toy_table_agrees_with_the_catalog_and_the_reservation_formula() {
    let table = PackSizes::of_table("skus.csv", &data("problems/skus_toy5.csv"), None).unwrap();
    let toy = problems("toy5.csv", &table).remove(0).parts;
    let cluster = problems("toy5.csv", &korea()).remove(0).parts.cluster;
    let korea = catalog("koreacentral").unwrap();
    assert_eq!(toy.skus.len(), 5);
    for by_hand in &toy.skus {
        let found = korea.skus.iter().find(|sku| sku.name == by_hand.name);
        let sku = found.unwrap_or_else(|| panic!("{} in the catalog", by_hand.name));
        assert_eq!(sku.rates.on_demand, by_hand.rates.on_demand, "{}", sku.name);
        let kind = PoolKind { group: GroupId(0), sku: SkuId(0), max_pods: 250 };
        let derived = anatomy(&cluster, sku, kind, &[]).allocatable;
        let measured = by_hand.measured.as_ref().unwrap();
        assert_eq!(
            (derived.cpu, derived.memory, derived.pods),
            (measured.cpu, measured.memory, measured.pods),
            "{}",
            sku.name
        );
    }
}

#[test]
fn the_load_of_the_reference_cluster_names_its_workloads() {
    let bytes = data("workloads/reference-load.yaml");
    let load = nodeplan_io::yaml::load("reference-load.yaml", &bytes).unwrap();
    let mut named: Vec<String> =
        load.workloads.iter().map(|entry| entry.workload.name.clone()).collect();
    let mut all: Vec<String> =
        workloads("reference.csv").workloads.iter().map(|one| one.name.clone()).collect();
    named.sort();
    all.sort();
    assert_eq!(named, all);
    assert!(load.workloads.iter().all(|entry| entry.objective.within_millis.is_some()));
}
