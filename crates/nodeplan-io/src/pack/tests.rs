//! Every format reads; every fault is found at its place; no bytes panic.

use super::*;
use crate::catalog::catalog;
use nodeplan_model::problem::Problem;
use nodeplan_model::units::{Bytes, MIB, MilliCpu, UsdPerHour};
use proptest::prelude::*;

const TABLE: &str = "\
sku,family,vcpu,mem_mib,alloc_cpu_m,alloc_mem_mib,max_pods,usd_h
Standard_D4s_v3,standardDSv3Family,4,16384,3860,12188,250,0.246
Standard_B2s,standardBSFamily,2,4096,1900,2972,110,0.052
";

fn table() -> PackSizes {
    PackSizes::of_table("skus.csv", TABLE.as_bytes(), None).unwrap()
}

fn read_text(name: &str, text: &str) -> Result<Vec<PackProblem>, ImportErrors> {
    read(name, text.as_bytes(), &table())
}

/// `code@line:column` of each fault.
fn faults(name: &str, text: &str) -> Vec<String> {
    places(read_text(name, text).map(|_| ()))
}

fn places(read: Result<(), ImportErrors>) -> Vec<String> {
    let faults = read.expect_err("a fault was planted");
    faults
        .iter()
        .map(|fault| format!("{}@{}:{}", fault.code, fault.place.line, fault.place.column))
        .collect()
}

#[test]
fn both_tables_of_pod_types_read() {
    let simple =
        read_text("dir/toy.csv", "cpu_m,mem_mib,count\n500,1024,8\n1000,2048,5\n").unwrap();
    assert_eq!(simple.len(), 1);
    assert_eq!((simple[0].instance.as_str(), simple[0].types(), simple[0].pods()), ("toy", 2, 13));
    let request = &simple[0].parts.workloads[0].request;
    assert_eq!((request.cpu, request.memory), (MilliCpu(500), Bytes(1024 * MIB)));
    assert_eq!(simple[0].parts.workloads[1].name, "t001");

    let text = "instance,pod_type,cpu_milli,memory_mib,gpus,gpu_milli,max_per_node,count\r\n\
                a,x,1000,100,1,470,,2\r\n\
                b,x,1000,100,0,,8,3\r\n\
                a,y,1000,100,0,300,,4\r\n\
                a,\"z\",1000,100,2,1000,,1\r\n";
    let many = read_text("many.csv", text).unwrap();
    let names: Vec<&str> = many.iter().map(|problem| problem.instance.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let gpus: Vec<u64> = many[0].parts.workloads.iter().map(|w| w.request.gpus).collect();
    assert_eq!(gpus, [1, 1, 2], "a share of a GPU takes one");
    assert_eq!(many[1].parts.workloads[0].max_per_node, Some(8));
    assert_eq!(many[0].parts.workloads[2].name, "z");
    for problem in many {
        Problem::new(problem.parts).unwrap();
    }
}

#[test]
fn a_size_table_brings_its_own_allocatable() {
    let sizes = table();
    let toy = read(" toy.csv", b"cpu_m,mem_mib,count\n1,1,1\n", &sizes).unwrap();
    let parts = &toy[0].parts;
    assert_eq!(parts.cluster.reservation, ReservationModel::Measured);
    let names: Vec<&str> = parts.skus.iter().map(|sku| sku.name.as_str()).collect();
    assert_eq!(names, ["Standard_B2s", "Standard_D4s_v3"], "sorted");
    let measured = parts.skus[0].measured.as_ref().unwrap();
    assert_eq!(
        (measured.cpu, measured.memory, measured.pods),
        (MilliCpu(1900), Bytes(2972 * MIB), 110)
    );
    assert_eq!(parts.skus[1].rates.on_demand, UsdPerHour(246_000_000));
    let capped = PackSizes::of_table("skus.csv", TABLE.as_bytes(), Some(30)).unwrap();
    let slots: Vec<u64> =
        capped.skus.iter().map(|sku| sku.measured.as_ref().unwrap().pods).collect();
    assert_eq!(slots, [30, 30]);
}

#[test]
fn a_region_gives_the_sizes_a_plan_would_use() {
    let korea = catalog("koreacentral").unwrap();
    let sizes = PackSizes::of_catalog(&korea, DEFAULT_MAX_PODS);
    assert!(sizes.len() > 100 && !sizes.is_empty());
    assert!(sizes.skus.iter().all(|sku| sku.sustained.is_none() && !sku.confidential));
    assert!(sizes.skus.iter().all(|sku| sku.arch == Arch::Amd64 && !sku.constrained));
    let found = read("a.csv", b"cpu_m,mem_mib,count\n500,100,3\n", &sizes).unwrap();
    let cluster = &found[0].parts.cluster;
    assert_eq!(cluster.max_pods, [250]);
    assert_eq!(cluster.reservation, ReservationModel::Aks);
    assert!(!cluster.os_overhead && !cluster.sustained_cpu && cluster.addons.is_empty());
    Problem::new(found[0].parts.clone()).unwrap();
}

#[test]
fn vector_instances_read() {
    let text = "2\n100 50\n3\n49 36 1\n47 0 20\n27 24 3\n";
    let found = read_text("set/class3_3_2_0.vbp", text).unwrap();
    assert_eq!(found[0].instance, "class3_3_2_0");
    assert_eq!((found[0].types(), found[0].pods()), (3, 24));
    let parts = &found[0].parts;
    assert_eq!(parts.extended, ["d0", "d1"]);
    let bin = parts.skus[0].measured.as_ref().unwrap();
    assert_eq!((bin.extended.as_slice(), bin.pods), (&[100, 50][..], 24));
    assert_eq!(parts.skus[0].rates.on_demand.to_string(), "1.0000");
    assert_eq!(parts.workloads[1].request.extended, [47, 0]);
    assert_eq!(parts.demand[[0, 1]], 20);
    Problem::new(parts.clone()).unwrap();
}

#[test]
fn one_dimensional_instances_read_with_and_without_copies() {
    for (text, types, pods) in [
        ("3\n1000\n697\t1\n695 2\n600 1\n", 3, 4),
        ("4\n1000\n697\n695\n695\n600\n", 3, 4),
        ("\u{feff}1\n10\n\n5 7\n\n", 1, 7),
    ] {
        let found = read_text("Hard28_X.txt", text).unwrap();
        assert_eq!((found[0].types(), found[0].pods()), (types, pods), "{text:?}");
        Problem::new(found[0].parts.clone()).unwrap();
    }
}

#[test]
fn every_fault_of_a_file_is_found_at_its_place() {
    let full = "instance,pod_type,cpu_milli,memory_mib,gpus,gpu_milli,max_per_node,count\n";
    let many =
        format!("{full}a,x,1.5,100,0,,,-1\n,y,1,1,0,,,1\na,x,1,1,0,,0,1\na,x,1,1,0,,,2\na,b\n");
    for (name, text, want) in [
        ("a.csv", "", vec!["NP1010@0:0"]),
        ("a.csv", "cpu_m,mem_mib,count\n", vec!["NP1010@0:0"]),
        ("a.csv", "cpu_m,memmib,count\n1,1,1\n", vec!["NP1004@1:0", "NP1203@1:7"]),
        ("a.csv", "cpu_m,cpu_milli,mem_mib,count\n1,1,1,1\n", vec!["NP1011@1:7"]),
        (
            "a.csv",
            "cpu_m,mem_mib,count\n1,é,3\n1,,3\n1, 99999999999999,99999999999999999999\n",
            vec!["NP1006@2:3", "NP1005@3:3", "NP1020@4:4", "NP1020@4:19"],
        ),
        (
            "a.csv",
            many.as_str(),
            vec![
                "NP1006@2:5",
                "NP1006@2:17",
                "NP1005@3:1",
                "NP1206@4:12",
                "NP1013@5:0",
                "NP1009@6:0",
            ],
        ),
        ("a.vbp", "", vec!["NP1201@0:0"]),
        ("a.vbp", "0\n", vec!["NP1201@0:0"]),
        ("a.vbp", "2\n5 x\n2\n1 1 1\n1 1\n", vec!["NP1006@2:3", "NP1009@5:0"]),
        ("a.vbp", "1\n5\n3\n1 1\n", vec!["NP1202@0:0"]),
        ("a.vbp", "1\n5\n1\n1 99999999\n", vec!["NP1020@4:3"]),
        ("a.txt", "2\n10 10\n1 2 3\n-1\n", vec!["NP1009@2:0", "NP1009@3:0", "NP1006@4:1"]),
        ("a.txt", "1\n10\n5 10000000\n5 1\n", vec!["NP1202@0:0", "NP1020@4:0"]),
    ] {
        assert_eq!(faults(name, text), want, "{name} {text:?}");
    }
    let bad = "sku,family,vcpu,mem_mib,alloc_cpu_m,alloc_mem_mib,max_pods,usd_h\n\
               A,,1,1,1,1,1,0.1\nA,,1,1,1,1,1,1e3\nA,,1,1,1,1,1,1\n";
    let read = PackSizes::of_table("skus.csv", bad.as_bytes(), None).map(|_| ());
    assert_eq!(places(read), ["NP1205@3:14", "NP1204@4:0"]);
    assert_eq!(places(read_text_bytes(b"a\n\xff")), ["NP1001@2:0"]);
}

fn read_text_bytes(bytes: &[u8]) -> Result<(), ImportErrors> {
    read("a.csv", bytes, &table()).map(|_| ())
}

#[test]
fn a_misspelt_column_is_helped() {
    let error = &read_text("a.csv", "cpu_m,mem_mib,cuont\n1,1,1\n").unwrap_err()[1];
    assert_eq!(error.help.as_deref(), Some("did you mean `count`?"));
}

fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just("cpu_m,mem_mib,count\n".to_owned()),
        Just(
            "instance,pod_type,cpu_milli,memory_mib,gpus,gpu_milli,max_per_node,count\n".to_owned()
        ),
        Just(TABLE.to_owned()),
        Just("\n".to_owned()),
        Just(" ".to_owned()),
        Just(",".to_owned()),
        Just("\"".to_owned()),
        Just("é".to_owned()),
        (0_u64..20).prop_map(|number| format!("{number} ")),
        any::<u64>().prop_map(|number| format!("{number},")),
    ];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_reads_is_a_problem(
        bytes in any_file(),
        name in prop_oneof![Just("a.csv"), Just("a.vbp"), Just("a.txt"), Just(""), Just(".")],
    ) {
        let sizes = table();
        match read(name, &bytes, &sizes) {
            Ok(found) => for problem in found {
                prop_assert!(Problem::new(problem.parts).is_ok());
            },
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
        if let Err(faults) = PackSizes::of_table(name, &bytes, Some(5)) {
            prop_assert!(!faults.is_empty());
        }
    }

    #[test]
    fn written_vectors_read_back(
        capacity in prop::collection::vec(0_u64..1000, 1..5),
        rows in prop::collection::vec((prop::collection::vec(0_u64..1000, 5), 0_u32..100), 0..20),
    ) {
        let join = |row: &[u64]| row.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
        let width = capacity.len();
        let mut text = format!("{width}\n{}\n{}\n", join(&capacity), rows.len());
        for (row, copies) in &rows {
            text.push_str(&format!("{} {copies}\n", join(&row[..width])));
        }
        let found = read_text("a.vbp", &text).unwrap();
        let parts = &found[0].parts;
        prop_assert_eq!(&parts.skus[0].measured.as_ref().unwrap().extended, &capacity);
        prop_assert_eq!(parts.workloads.len(), rows.len());
        for (index, (row, copies)) in rows.iter().enumerate() {
            prop_assert_eq!(&parts.workloads[index].request.extended[..], &row[..width]);
            prop_assert_eq!(parts.demand[[0, index]], *copies);
        }
    }
}
