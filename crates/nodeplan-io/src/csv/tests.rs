//! Whole files in, workloads or faults out.

use super::*;
use nodeplan_model::units::{Bytes, MIB, MilliCpu};
use nodeplan_model::workload::{MeanSource, QosClass, WorkloadKind};
use proptest::prelude::*;

fn read(text: &str) -> Result<WorkloadFile, Vec<ImportError>> {
    workloads_csv("w.csv", text.as_bytes(), &WorkloadOptions::default())
}

fn good(text: &str) -> WorkloadFile {
    read(text).unwrap_or_else(|faults| panic!("{text}\n{}", shown(&faults).join("\n")))
}

/// Faults as lines: place, message, expectation, help.
fn shown(faults: &[ImportError]) -> Vec<String> {
    let part = |name: &str, text: &Option<String>| {
        text.as_ref().map_or(String::new(), |text| format!(" [{name}: {text}]"))
    };
    let line = |fault: &ImportError| {
        format!("{fault}{}{}", part("expected", &fault.expected), part("help", &fault.help))
    };
    faults.iter().map(line).collect()
}

fn faults(text: &str) -> Vec<String> {
    shown(&read(text).expect_err(text))
}

/// Faults of one row below a header, without the file name.
fn row_faults(columns: &str, cells: &str) -> Vec<String> {
    let text = format!("name,cpu_request,memory_request,{columns}\na,1,1Gi,{cells}\n");
    faults(&text)
}

/// The workload of one row below a header.
fn row(columns: &str, cells: &str) -> Workload {
    let text = format!("name,replicas,cpu_request,memory_request,{columns}\na,1,1,1Gi,{cells}\n");
    good(&text).workloads.remove(0)
}

const REFERENCE: &str = "\
name,cpu_request,memory_request,cpu_limit,memory_limit,declared_qos,hpa_cpu_target,hpa_mem_target,hpa_queue_target,min_replicas,max_replicas
web-app,500m,1Gi,1,2Gi,Burstable,70%,,,2,8
batch,1,2Gi,2,4Gi,BestEffort,60%,,,1,5
interface,300m,512Mi,600m,1Gi,Burstable,65%,,,2,6
dbms,4,16Gi,8,32Gi,Guaranteed,,70%,,1,3
message-queue,200m,256Mi,400m,512Mi,BestEffort,,,1000,1,5
";

#[test]
fn the_reference_cluster_reads_and_three_declared_classes_are_wrong() {
    let file = good(REFERENCE);
    assert_eq!(file.low, [2, 1, 2, 1, 1]);
    assert_eq!(file.high, [8, 5, 6, 3, 5]);
    let means: Vec<(u64, MeanSource)> =
        file.workloads.iter().map(|w| (w.cpu_mean.0, w.cpu_mean_source)).collect();
    assert_eq!(
        means,
        [
            (350, MeanSource::Target),
            (600, MeanSource::Target),
            (195, MeanSource::Target),
            (4000, MeanSource::Request),
            (200, MeanSource::Request)
        ]
    );
    assert!(file.workloads.iter().all(|w| w.qos == QosClass::Burstable));
    let warnings: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "NP1031: w.csv:3:19: `batch` is declared BestEffort, but Kubernetes makes it Burstable: it requests 1 CPU and it requests 2Gi memory",
            "NP1031: w.csv:5:20: `dbms` is declared Guaranteed, but Kubernetes makes it Burstable: its CPU request 4 is below the limit 8 and its memory request 16Gi is below the limit 32Gi",
            "NP1031: w.csv:6:37: `message-queue` is declared BestEffort, but Kubernetes makes it Burstable: it requests 200m CPU and it requests 256Mi memory",
        ]
    );
    assert_eq!(file.workloads[3].scaling.memory_target_percent, Some(70));
    assert_eq!(file.workloads[4].scaling.queue_target, Some(1000));
    assert_eq!(file.workloads[4].line, 6);
    assert!(file.assumptions.is_empty() && file.daemonsets.is_empty());
    assert_eq!(file.used_arches, BTreeSet::from([Arch::Amd64]));
}

#[test]
fn marks_line_ends_quotes_and_blank_lines_do_not_matter() {
    let plain =
        good("name,replicas,cpu_request,memory_request,node_selector\na,2,1,1Gi,\"x=1,y=2\"\n");
    for text in [
        "\u{feff}name,replicas,cpu_request,memory_request,node_selector\r\na,2,1,1Gi,\"x=1,y=2\"",
        "name,replicas,cpu_request,memory_request,node_selector,\na,2,1,1Gi,x=1;y=2,\n,,,,,\n",
        "\"name\", replicas ,cpu_request,memory_request,node_selector\r\"a\",\"2\",1,\" 1Gi \",y=2;x=1\r",
    ] {
        assert_eq!(good(text), plain, "{text:?}");
    }
}

#[test]
fn requests_default_to_limits_and_zero_limits_are_none() {
    let header = "name,replicas,cpu_request,memory_request,cpu_limit,memory_limit";
    for (cells, cpu, memory, cpu_limit, memory_limit, qos) in [
        (",,2,1Mi", 2000, 1, Some(2000), Some(1), QosClass::Guaranteed),
        ("0,0,,", 0, 0, None, None, QosClass::BestEffort),
        ("0,0,0,0", 0, 0, None, None, QosClass::BestEffort),
        ("0,,1,1Mi", 0, 1, Some(1000), Some(1), QosClass::Burstable),
        ("1,1Mi,1,1Mi", 1000, 1, Some(1000), Some(1), QosClass::Guaranteed),
        ("1,1Mi,1,", 1000, 1, Some(1000), None, QosClass::Burstable),
    ] {
        let file = good(&format!("{header}\na,1,{cells}\n"));
        let got = &file.workloads[0];
        let mib = |bytes: Bytes| bytes.0 / MIB;
        assert_eq!(
            (
                got.request.cpu.0,
                mib(got.request.memory),
                got.cpu_limit.map(|limit| limit.0),
                got.memory_limit.map(mib),
                got.qos
            ),
            (cpu, memory, cpu_limit, memory_limit, qos),
            "{cells}"
        );
    }
}

#[test]
fn every_column_reaches_its_field() {
    let full = row(
        "namespace,kind,ephemeral_request,gpu,data_disks,max_per_node,node_selector,arch,pool,isolate,cpu_mean,hpa_custom",
        "prod,CronJob,2Gi,1,3,2,disk=ssd;b=2,arm64,db,TRUE,220m,lag 5",
    );
    assert_eq!(full.full_name(), "prod/a");
    assert_eq!(full.kind, WorkloadKind::Job);
    assert_eq!((full.request.gpus, full.request.data_disks, full.request.pods), (1, 3, 1));
    assert_eq!(full.request.ephemeral, Bytes(2048 * MIB));
    assert_eq!(full.max_per_node, Some(2));
    assert_eq!(full.arches, [Arch::Arm64]);
    assert_eq!(full.node_selector[0], ("b".to_owned(), "2".to_owned()));
    assert_eq!((full.pool.as_deref(), full.isolate), (Some("db"), true));
    assert_eq!((full.cpu_mean, full.cpu_mean_source), (MilliCpu(220), MeanSource::Measured));
    assert_eq!(full.scaling.custom.as_deref(), Some("lag 5"));

    assert_eq!(row("anti_affinity,max_per_node", "host,4").max_per_node, Some(1));
    assert_eq!(row("arch", "any").arches, [Arch::Amd64, Arch::Arm64]);
    assert_eq!(row("node_selector", "kubernetes.io/arch=arm64").arches, [Arch::Arm64]);
    assert_eq!(row("isolate", "yes").pool.as_deref(), Some("a"));
    assert_eq!(row("isolate,namespace", "yes,x").pool.as_deref(), Some("x/a"));
    assert_eq!(row("isolate", "no").pool, None);
}

#[test]
fn daemonsets_become_add_ons() {
    let file = good(
        "name,replicas,cpu_request,memory_request,kind,tolerations,node_selector,arch,cpu_mean,namespace\n\
         a,3,1,1Gi,,,,,,\n\
         agent,,100m,64Mi,DaemonSet,*,disk=ssd,arm64,30m,ops\n\
         probe,5,10m,16Mi,DaemonSet,gpu=true:NoSchedule,,any,,\n",
    );
    assert_eq!((file.workloads.len(), &file.low, &file.high), (1, &vec![3], &vec![3]));
    let [agent, probe] = &file.daemonsets[..] else { panic!("two add-ons") };
    assert_eq!((agent.name.as_str(), agent.tolerates_all), ("ops/agent", true));
    assert_eq!(agent.measured_mean, Some(MilliCpu(30)));
    assert_eq!(agent.request.pods, 1);
    let selector: Vec<&str> = agent.node_selector.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(selector, ["ssd", "arm64"]);
    assert!(!probe.tolerates_all && probe.node_selector.is_empty());
    let warnings: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "NP1034: w.csv:4:7: `probe` is a DaemonSet, one pod per node; without effect: replicas",
            "NP1034: w.csv:4:28: `probe` tolerates some taints only: it is not counted on tainted pools",
        ]
    );
}

#[test]
fn only_daemonsets_need_no_replicas_column() {
    let text = "name,cpu_request,memory_request,kind\na,1,1Gi,DaemonSet\n";
    assert_eq!(good(text).daemonsets.len(), 1);
    assert_eq!(
        faults("name,cpu_request,memory_request,kind\na,1,1Gi,\n"),
        [
            "NP1007: w.csv:1:1: column `replicas` is missing [expected: replicas, or both min_replicas and max_replicas]"
        ]
    );
}

#[test]
fn replicas_and_bounds() {
    for (columns, cells, low, high) in [
        ("replicas", "0", 0, 0),
        ("replicas,max_replicas", "2,5", 2, 5),
        ("replicas,min_replicas", "4,1", 1, 4),
        ("min_replicas,max_replicas", "1,10000000", 1, 10_000_000),
        ("replicas,min_replicas,max_replicas", "3,,", 3, 3),
    ] {
        let file = good(&format!("name,cpu_request,memory_request,{columns}\na,1,1Gi,{cells}\n"));
        assert_eq!((file.low[0], file.high[0]), (low, high), "{columns} {cells}");
        assert!(file.warnings.is_empty(), "{columns} {cells}");
    }
    let file =
        good("name,cpu_request,memory_request,replicas,min_replicas,max_replicas\na,1,1Gi,9,1,5\n");
    assert_eq!(
        file.warnings[0].to_string(),
        "NP1032: w.csv:2:9: replicas 9 is outside 1 to 5, the bounds of its autoscaler"
    );
    for (columns, cells, fault) in [
        (
            "min_replicas,max_replicas",
            "5,3",
            "NP1008: w.csv:2:9: min_replicas 5 is above max_replicas 3",
        ),
        ("replicas,min_replicas", "3,5", "NP1008: w.csv:2:11: min_replicas 5 is above replicas 3"),
        ("replicas,max_replicas", "3,2", "NP1008: w.csv:2:9: replicas 3 is above max_replicas 2"),
        (
            "replicas",
            "",
            "NP1007: w.csv:2:9: the number of replicas is missing [expected: replicas, or both min_replicas and max_replicas]",
        ),
        (
            "max_replicas",
            "3",
            "NP1007: w.csv:2:9: the number of replicas is missing [expected: replicas, or both min_replicas and max_replicas]",
        ),
        (
            "replicas",
            "2.5",
            "NP1006: w.csv:2:9: replicas `2.5` is not a whole number [expected: a whole number of at least 0]",
        ),
        (
            "replicas",
            "-1",
            "NP1006: w.csv:2:9: replicas `-1` is not a whole number: it is negative [expected: a whole number of at least 0]",
        ),
        (
            "replicas",
            "10000001",
            "NP1020: w.csv:2:9: replicas `10000001` is too large [expected: at most 10000000]",
        ),
    ] {
        assert_eq!(row_faults(columns, cells), [fault], "{columns} {cells}");
    }
}

/// Columns, their cells in one row, and the fault.
const CELL_FAULTS: &[(&str, &str, &str)] = &[
    (
        "memory_limit",
        "512MB",
        "NP1003: w.csv:2:11: `512MB` is not a Kubernetes memory quantity: `MB` is not a suffix [expected: bytes such as 512Mi, 1.5Gi or 129M] [help: write 512M (decimal) or 512Mi (binary, most common)]",
    ),
    (
        "cpu_limit",
        "\"1,5\"",
        "NP1002: w.csv:2:12: `1,5` is not a Kubernetes CPU quantity: it has a decimal comma [expected: cores such as 500m, 0.5 or 2] [help: write 1.5, with a decimal point]",
    ),
    (
        "cpu_limit",
        "900m",
        "NP1014: w.csv:2:3: cpu_request 1 is above cpu_limit 900m [help: Kubernetes rejects such a pod: raise the limit or lower the request]",
    ),
    (
        "memory_limit",
        "8Pi",
        "NP1020: w.csv:2:11: memory_limit `8Pi` is too large [expected: at most 4503599627370496]",
    ),
    (
        "gpu",
        "0.5",
        "NP1006: w.csv:2:11: gpu `0.5` is not a whole number [expected: a whole number of at least 0]",
    ),
    (
        "max_per_node",
        "0",
        "NP1006: w.csv:2:11: max_per_node is 0 [expected: a whole number of at least 1]",
    ),
    (
        "hpa_cpu_target",
        "0.7",
        "NP1021: w.csv:2:11: hpa_cpu_target `0.7` is not a whole percentage [expected: a percentage such as 70%] [help: write 0.7 as 70%]",
    ),
    (
        "hpa_cpu_target",
        "0",
        "NP1021: w.csv:2:11: hpa_cpu_target `0` is not a percentage from 1% on [expected: a percentage such as 70%]",
    ),
    (
        "kind",
        "Deploymnt",
        "NP1016: w.csv:2:11: `Deploymnt` is no value of kind [expected: Deployment, StatefulSet, DaemonSet, Job, CronJob] [help: write Deployment]",
    ),
    (
        "declared_qos",
        "burstable",
        "NP1016: w.csv:2:11: `burstable` is no value of declared_qos [expected: Guaranteed, Burstable, BestEffort] [help: write Burstable]",
    ),
    (
        "isolate",
        "maybe",
        "NP1016: w.csv:2:11: `maybe` is no value of isolate [expected: yes or no]",
    ),
    (
        "arch",
        "aarch64",
        "NP1016: w.csv:2:11: `aarch64` is no value of arch [expected: amd64, arm64 or any] [help: write arm64]",
    ),
    (
        "arch,node_selector",
        "amd64,kubernetes.io/arch=arm64",
        "NP1023: w.csv:2:11: arch is amd64, but node_selector asks for arm64 [help: make both agree]",
    ),
    (
        "node_selector",
        "ssd",
        "NP1018: w.csv:2:11: `ssd` is not of the form key=value [expected: labels such as disk=ssd;team=a]",
    ),
    (
        "pool",
        "My Pool",
        "NP1015: w.csv:2:11: pool `My Pool` is not a Kubernetes name [expected: at most 63 of a-z, 0-9 and -, first and last a letter or digit] [help: write my-pool]",
    ),
    (
        "anti_affinity",
        "node",
        "NP1016: w.csv:2:11: `node` is no value of anti_affinity [expected: host or zone]",
    ),
    (
        "spread",
        "zone",
        "NP1016: w.csv:2:11: `zone` is no value of spread [expected: zone:N or host:N, N the largest skew, at least 1]",
    ),
    (
        "spread",
        "zone:1",
        "NP1017: w.csv:2:11: `spread=zone:1` asks for an even spread: rule `spread` is not enforced yet [help: plan without it: `--ignore spread` (the answer marks it as an assumption)]",
    ),
    (
        "anti_affinity",
        "zone",
        "NP1017: w.csv:2:11: `anti_affinity=zone` keeps pods in different zones: rule `anti_affinity` is not enforced yet [help: plan without it: `--ignore anti_affinity` (the answer marks it as an assumption)]",
    ),
    (
        "node_selector",
        "topology.kubernetes.io/zone=koreacentral-1",
        "NP1017: w.csv:2:11: node_selector asks for `topology.kubernetes.io/zone`, a label that AKS sets itself: rule `platform_labels` is not enforced yet [help: plan without it: `--ignore platform_labels` (the answer marks it as an assumption)]",
    ),
    (
        "kind,pool",
        "DaemonSet,db",
        "NP1023: w.csv:2:21: a DaemonSet runs on every node it selects: pool is not for it [help: use node_selector to keep it to some pools]",
    ),
];

#[test]
fn faults_name_the_cell_and_the_fix() {
    for (columns, cells, fault) in CELL_FAULTS.iter().copied() {
        assert_eq!(
            row_faults(&format!("replicas,{columns}"), &format!("1,{cells}")),
            [fault],
            "{columns}"
        );
    }
}

#[test]
fn faults_of_the_file_name_the_column_or_line() {
    let head = "name,replicas,cpu_request,memory_request";
    for (text, want) in [
        (
            "".to_owned(),
            vec![
                "NP1010: w.csv: the file is empty [expected: a header such as name,replicas,cpu_request,memory_request]",
            ],
        ),
        (format!("{head}\n"), vec!["NP1010: w.csv:1:1: the file has a header but no rows"]),
        (
            "name;replicas;cpu_request\na;1;1\n".to_owned(),
            vec![
                "NP1019: w.csv:1:5: cells are separated by `;` [expected: commas] [help: save the file as comma-separated, with decimal points, not decimal commas]",
            ],
        ),
        (
            format!("{head},name\na,1,1,1Gi,b\n"),
            vec!["NP1011: w.csv:1:42: column `name` appears twice [help: keep one of them]"],
        ),
        (
            "name,replicas,cpu,memoryRequest\na,1,1,1Gi\n".to_owned(),
            vec![
                "NP1012: w.csv:1:15: column `cpu` is another spelling of `cpu_request` [help: write cpu_request]",
                "NP1012: w.csv:1:19: column `memoryRequest` is another spelling of `memory_request` [help: write memory_request]",
            ],
        ),
        (
            "replicas,memory_request\n1,1Gi\n".to_owned(),
            vec![
                "NP1004: w.csv:1:1: column `cpu_request` is missing [expected: name, cpu_request, memory_request and replicas (or min_replicas and max_replicas)]",
                "NP1004: w.csv:1:1: column `name` is missing [expected: name, cpu_request, memory_request and replicas (or min_replicas and max_replicas)]",
            ],
        ),
        (
            format!("{head}\na,1,1\nb,1,0,5,1Gi\n# note\n"),
            vec![
                "NP1009: w.csv:2:1: the row has 3 cells, the header 4 columns [help: write a comma for each empty cell]",
                "NP1009: w.csv:3:9: the row has 5 cells, the header 4 columns [help: put a cell that contains a comma into quotes]",
                "NP1009: w.csv:4:1: the row has 1 cells, the header 4 columns [help: comments are not read: remove the line]",
            ],
        ),
        (
            format!("{head}\nb,1,1,1Gi\na,1,1,1Gi\nb,2,1,1Gi\n"),
            vec![
                "NP1013: w.csv:4:1: workload `b` of namespace `default` stands in line 2 and in line 4 [help: rename one, or give them different namespaces]",
            ],
        ),
        (
            format!("{head}\n,1,1,1Gi\nA_b,1,,1Gi\n"),
            vec![
                "NP1005: w.csv:2:1: name is empty",
                "NP1015: w.csv:3:1: name `A_b` is not a Kubernetes name [expected: at most 63 of a-z, 0-9 and -, first and last a letter or digit] [help: write a-b]",
                "NP1005: w.csv:3:7: cpu_request is empty, and so is cpu_limit [help: write 0 for a pod that requests nothing]",
            ],
        ),
        (
            format!("{head},note\na,x,1,1Gi,\"two\nlines\"\nb,1,1,2Gb,ü\n"),
            vec![
                "NP1006: w.csv:2:3: replicas `x` is not a whole number: it does not start with a number [expected: a whole number of at least 0]",
                "NP1003: w.csv:4:7: `2Gb` is not a Kubernetes memory quantity: `Gb` is not a suffix [expected: bytes such as 512Mi, 1.5Gi or 129M] [help: write 2G (decimal) or 2Gi (binary, most common)]",
            ],
        ),
    ] {
        assert_eq!(faults(&text), want, "{text:?}");
    }
}

#[test]
fn places_in_cells_behind_a_multi_line_cell_are_exact() {
    let text = "note,name,replicas,cpu_request,memory_request\n\"é\n  ü\",a,1,1,7x\n";
    let faults = read(text).expect_err(text);
    let place = &faults[0].place;
    assert_eq!((place.line, place.column, place.span), (3, 12, 2));
    assert_eq!(place.source_line, "  ü\",a,1,1,7x");
}

#[test]
fn bad_bytes_are_placed_and_the_rest_is_still_checked() {
    let text = b"name,replicas,cpu_request,memory_request\na\xff,1,1,1Gi\nb,1,x,1Gi\n";
    let faults = workloads_csv("w.csv", text, &WorkloadOptions::default()).expect_err("bytes");
    let codes: Vec<(&str, u32, u32)> =
        faults.iter().map(|f| (f.code, f.place.line, f.place.column)).collect();
    assert_eq!(codes, [("NP1015", 2, 1), ("NP1001", 2, 2), ("NP1002", 3, 5)]);
}

#[test]
fn unknown_columns_warn_with_the_nearest_name() {
    let file =
        good("name,replicas,cpu_request,memory_request,anti_afinity,team\na,1,1,1Gi,host,x\n");
    let warnings: Vec<(String, Option<&str>)> =
        file.warnings.iter().map(|w| (w.to_string(), w.help.as_deref())).collect();
    assert_eq!(
        warnings,
        [
            (
                "NP1030: w.csv:1:42: column `anti_afinity` is unknown; its cells are not read"
                    .to_owned(),
                Some("the nearest known column is anti_affinity")
            ),
            (
                "NP1030: w.csv:1:55: column `team` is unknown; its cells are not read".to_owned(),
                None
            ),
        ]
    );
}

#[test]
fn spot_nodes_are_tolerated_by_column_or_taint() {
    let spot = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule";
    let in_vain = "`tolerations` (1 row) only widens where a pod may run; the plan does without: not \
                     used here";
    let not_asked =
        "`spot_ok` (1 row) allows spot nodes, which only plans with --spot may have: not used here";
    for (flag, tolerations, tolerates, asked, unasked) in [
        ("", "", false, vec![], vec![]),
        ("yes", "", true, vec![], vec![not_asked]),
        ("no", "", false, vec![], vec![]),
        ("", spot, true, vec![], vec![in_vain]),
        ("no", spot, false, vec![], vec![in_vain]),
        ("", "gpu=true:NoSchedule", false, vec![in_vain], vec![in_vain]),
        ("yes", "*", true, vec![in_vain], vec![in_vain, not_asked]),
    ] {
        let text = format!(
            "name,replicas,cpu_request,memory_request,spot_ok,tolerations\na,1,1,1Gi,{flag},{tolerations}\n"
        );
        for (spot, want) in [(true, asked), (false, unasked)] {
            let options = WorkloadOptions { spot, ..WorkloadOptions::default() };
            let file = workloads_csv("w.csv", text.as_bytes(), &options).expect("sound");
            let told: Vec<&str> = file.assumptions.iter().map(|one| one.text.as_str()).collect();
            let row = format!("{flag:?} {tolerations:?} {spot}");
            assert_eq!((file.workloads[0].spot_ok, told), (tolerates, want), "{row}");
        }
    }
}

#[test]
fn ignored_rules_and_unused_columns_are_assumptions() {
    let text = "name,replicas,cpu_request,memory_request,spread,anti_affinity,pdb,node_selector\n\
                a,1,1,1Gi,zone:1,\"zone,host\",max_unavailable=1,agentpool=x;disk=ssd\n\
                b,1,1,1Gi,host:2,,,\n";
    let ignore = ["anti_affinity", "platform_labels", "spread"].map(str::to_owned).into();
    let options = WorkloadOptions { ignore, ..WorkloadOptions::default() };
    let file = workloads_csv("w.csv", text.as_bytes(), &options).expect("ignored");
    let texts: Vec<&str> = file.assumptions.iter().map(|a| a.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "rule `anti_affinity` is ignored as asked: 1 row with pods of a workload in different zones (`anti_affinity=zone`)",
            "rule `platform_labels` is ignored as asked: 1 row with node labels that AKS sets itself, such as the zone, in `node_selector`",
            "rule `spread` is ignored as asked: 2 rows with pods spread evenly over zones or nodes",
            "`pdb` (1 row) shapes drains, not placement: not used here",
        ]
    );
    assert_eq!(file.workloads[0].max_per_node, Some(1));
    assert_eq!(file.workloads[0].node_selector, [("disk".to_owned(), "ssd".to_owned())]);

    let options = WorkloadOptions { ignore: ["sprd".to_owned()].into(), ..options };
    let faults = workloads_csv("w.csv", REFERENCE.as_bytes(), &options).expect_err("no such rule");
    assert_eq!(
        shown(&faults),
        [
            "NP1016: --ignore: `sprd` is no rule that can be ignored [expected: anti_affinity, platform_labels, spread]"
        ]
    );
}

#[test]
fn parts_of_a_byte_warn() {
    let file = good("name,replicas,cpu_request,memory_request\na,1,1,128m\n");
    assert_eq!(file.workloads[0].request.memory, Bytes(1));
    assert_eq!(
        file.warnings[0].to_string(),
        "NP1033: w.csv:2:7: memory_request `128m` is in parts of a byte: 1 byte in all"
    );
}

#[test]
fn many_rows_read() {
    let mut text = "name,replicas,cpu_request,memory_request,node_selector\n".to_owned();
    for index in 0..100_000 {
        text.push_str(&format!("w-{index},3,{}m,1.5Gi,disk=ssd\n", index % 900 + 1));
    }
    let file = good(&text);
    assert_eq!(file.workloads.len(), 100_000);
    assert_eq!(file.workloads[99_999].line, 100_001);
}

/// Tables that are nearly right, so that faults lie deep.
fn nearly_a_table() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(columns::COLUMNS.iter().map(|(_, name)| *name).collect::<Vec<_>>());
    let cell = prop::sample::select(vec![
        "",
        "a",
        "1",
        "500m",
        "1Gi",
        "-1",
        "70%",
        "host",
        "zone:1",
        "yes",
        "any",
        "DaemonSet",
        "x=y",
        "\"",
        "\"a,b\"",
        "*",
        "9999999999999999999999",
        "Guaranteed",
        "é",
        "1e9",
        "#",
    ]);
    let row = |cell| prop::collection::vec(cell, 0..9).prop_map(|cells: Vec<&str>| cells.join(","));
    (prop::collection::vec(name, 0..9), prop::collection::vec(row(cell), 0..6)).prop_map(
        |(names, rows)| {
            format!("name,cpu_request,memory_request,{}\n{}", names.join(","), rows.join("\n"))
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_read_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = workloads_csv("w.csv", &bytes, &WorkloadOptions::default());
    }

    #[test]
    fn near_tables_read_or_fail_in_order_of_place(text in nearly_a_table()) {
        match read(&text) {
            Ok(file) => {
                prop_assert_eq!(file.workloads.len(), file.low.len());
                prop_assert_eq!(file.workloads.len(), file.high.len());
                prop_assert!(file.low.iter().zip(&file.high).all(|(low, high)| low <= high));
            }
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                prop_assert!(faults.is_sorted());
                for fault in &faults {
                    prop_assert!(crate::diagnostic::title(fault.code).is_some());
                }
            }
        }
    }

    #[test]
    fn row_order_changes_no_workload(order in Just([0, 1, 2, 3, 4]).prop_shuffle()) {
        let lines: Vec<&str> = REFERENCE.lines().collect();
        let rows: Vec<&str> = order.iter().map(|row| lines[row + 1]).collect();
        let mixed = good(&format!("{}\n{}\n", lines[0], rows.join("\n")));
        let plain = good(REFERENCE);
        for (place, row) in order.iter().enumerate() {
            let line = plain.workloads[*row].line;
            prop_assert_eq!(&Workload { line, ..mixed.workloads[place].clone() }, &plain.workloads[*row]);
        }
    }
}
