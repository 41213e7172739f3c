//! `nodeplan diff`: two plans, two runs, and what cannot be compared.

mod command;

use command::{Folder, code, root, stderr, stdout};

const BEFORE: &str = "name,min_replicas,max_replicas,cpu_request,memory_request,hpa_cpu_target\n\
                      web,2,10,500m,1Gi,70\nqueue,1,1,200m,256Mi,\nold,1,1,100m,128Mi,\n";
const AFTER: &str = "name,min_replicas,max_replicas,cpu_request,memory_request,hpa_cpu_target\n\
                     web,3,12,600m,1Gi,60\nqueue,1,1,200m,256Mi,\nnew,2,2,100m,128Mi,\n";
/// Two pools, the second of another size and one that comes or goes.
const POOLS: [&str; 2] = [
    "pools:\n  - {name: a, sku: D4s_v3, min: 1, max: 5}\n  - {name: b, sku: D2s_v3, count: 1}\n",
    "pools:\n  - {name: a, sku: D8s_v3, min: 1, max: 3}\n  - {name: c, sku: D2s_v3, count: 1}\n",
];
const LOAD: &str = "workloads:\n  web: {arrivals: trace, cpu_per_request: 20ms, memory: 300Mi, slo: {p95: 200ms}}\n";

fn done(folder: &Folder, arguments: &[&str]) -> String {
    let done = folder.run(arguments);
    assert_eq!(code(&done), 0, "{arguments:?}: {}", stderr(&done));
    stdout(&done)
}

/// A folder with two plans, `a.json` and `b.json`.
fn planned(name: &str) -> Folder {
    let folder = Folder::new(name);
    for (letter, table) in [("a", BEFORE), ("b", AFTER)] {
        let (csv, json) = (format!("{letter}.csv"), format!("{letter}.json"));
        folder.write(&csv, table);
        done(&folder, &["optimize", "-w", &csv, "--skus", "D4s_v3", "--plan-only", "-o", &json]);
    }
    folder
}

/// A folder with two runs, `a.json` and `b.json`.
fn ran(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("w.csv", BEFORE);
    folder.write("t.csv", "timestamp_s,requests\n0,1200\n60,6000\n120,1200\n180,1200\n");
    folder.write("load.yaml", LOAD);
    for (letter, pools) in [("a", POOLS[0]), ("b", POOLS[1])] {
        let (yaml, json) = (format!("{letter}.yaml"), format!("{letter}.json"));
        folder.write(&yaml, pools);
        let run = ["simulate", &yaml, "-w", "w.csv", "-t", "t.csv", "-l", "load.yaml"];
        done(&folder, &[&run[..], &["-o", &json]].concat());
    }
    folder
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn two_plans_differ_in_cost_pools_and_workloads() {
    let folder = planned("diff-plans");
    let text = done(&folder, &["diff", "a.json", "b.json"]);
    let told = words(&text);
    for part in [
        "Two plans: a.json -> b.json TOTAL BEFORE AFTER CHANGE USD/month ",
        " bound, USD/month ",
        "~ d4sv3 most nodes 2 3 +1",
        "~ web fewest pods 2 3 +1 most pods 10 12 +2 CPU request 500m 600m +100m HPA targets CPU 70% CPU 60%",
        "- old fewest pods 1 most pods 1 + new fewest pods 2 most pods 2",
        "1 pool changed, 1 workload added, 1 workload removed, 1 workload changed, 1 workload the same.",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{text}");
    }
    assert!(text.is_ascii() && !told.contains("coredns"), "{text}");
    let all = words(&done(&folder, &["diff", "a.json", "b.json", "-v"]));
    assert!(all.contains("kube-system/coredns") && all.contains("max pods 250 250"), "{all}");
    let back = words(&done(&folder, &["diff", "b.json", "a.json"]));
    assert!(back.contains("most nodes 3 2 -1") && back.contains("+ old "), "{back}");
}

#[test]
fn two_runs_differ_in_cost_service_and_bounds() {
    let folder = ran("diff-runs");
    let text = done(&folder, &["diff", "a.json", "b.json"]);
    let told = words(&text);
    for part in [
        "Two simulated runs: a.json -> b.json",
        " USD for the run ",
        "~ a size Standard_D4s_v3 Standard_D8s_v3 most nodes 5 3 -2",
        "- b size Standard_D2s_v3 fewest nodes 1 most nodes 1 + c size Standard_D2s_v3",
        "1 pool added, 1 pool removed, 1 pool changed, ",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{text}");
    }
    let csv = done(&folder, &["diff", "a.json", "b.json", "-f", "csv"]);
    assert!(
        csv.contains("\nworkload,web,") && csv.contains(",hpa_targets,CPU 70%,CPU 70%\n"),
        "{csv}"
    );
    let json = done(&folder, &["diff", "a.json", "b.json", "-f", "json"]);
    let schema = done(&folder, &["schema", "diff"]);
    for line in csv.lines().skip(1) {
        let measure = line.split(',').nth(3).expect("a measure");
        let named = format!("\"what\": \"{measure}\"");
        assert!(json.contains(&named) && schema.contains(&format!("\"{measure}\"")), "{measure}");
    }
}

#[test]
fn the_reference_designs_differ_where_b_is_cheaper() {
    let folder = Folder::new("diff-designs");
    let path = |name: &str| format!("{}/data/workloads/{name}", root().display());
    let (workloads, load) = (path("reference.csv"), path("reference-load.yaml"));
    folder.write("t.csv", "timestamp_s,requests\n0,1200\n60,2000\n120,1200\n");
    for (design, json) in [("design-a.yaml", "a.json"), ("design-b.yaml", "b.json")] {
        let run = ["simulate", &path(design), "-w", &workloads, "-l", &load, "-t", "t.csv"];
        done(&folder, &[&run[..], &["-o", json]].concat());
    }
    let told = words(&done(&folder, &["diff", "a.json", "b.json"]));
    for part in [
        "~ interface size Standard_D4s_v3 Standard_D2s_v3",
        "~ queue size Standard_D2s_v3 Standard_B2s",
        "2 pools changed, 3 pools the same",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
}

#[test]
fn equal_documents_are_equal_and_gates_close_on_what_they_name() {
    let folder = planned("diff-gates");
    for (more, want) in [
        (&["a.json", "a.json"][..], 0),
        (&["a.json", "a.json", "--exit-code"], 0),
        (&["a.json", "b.json"], 0),
        (&["a.json", "b.json", "--exit-code"], 4),
        (&["a.json", "b.json", "--max-increase", "5%"], 4),
        (&["a.json", "b.json", "--max-increase", "500%"], 0),
        (&["b.json", "a.json", "--max-increase", "0%"], 0),
    ] {
        let done = folder.run(&[&["diff"], more].concat());
        assert_eq!(code(&done), want, "{more:?}: {}{}", stdout(&done), stderr(&done));
    }
    let same = done(&folder, &["diff", "a.json", "a.json"]);
    assert_eq!(same, "Two plans: a.json -> a.json\nNothing differs.\n");
}

#[test]
fn what_cannot_be_compared_is_refused_with_a_fix() {
    let folder = planned("diff-kinds");
    folder.write("t.csv", "timestamp_s,requests\n0,1200\n60,1200\n120,1200\n");
    done(&folder, &["simulate", "a.json", "-t", "t.csv", "-m", "web=requests", "-o", "run.json"]);
    folder.write("other.json", "{\"schemaVersion\": \"nodeplan/\\u001b[31mdiff/v1\"}");
    folder.write("later.json", "{\"schemaVersion\": \"nodeplan/simulation/v2\"}");
    folder.write("half.json", "{\"schemaVersion\": \"nodeplan/simulation/v1\", \"run\": {}}");
    for (pair, want) in [
        (["a.json", "run.json"], "a.json is a plan and run.json a simulated run\n"),
        (["run.json", "a.json"], "a.json is a plan and run.json a simulated run\n"),
        (["a.csv", "a.json"], "error[NP1301]: "),
        (
            ["run.json", "other.json"],
            "error[NP1302]: other.json: schemaVersion is `nodeplan/\\u{1b}[31m",
        ),
        (["run.json", "later.json"], "error[NP1302]: later.json: "),
        (["run.json", "half.json"], "error[NP1301]: missing field"),
    ] {
        let done = folder.run(&["diff", pair[0], pair[1]]);
        assert_eq!((code(&done), done.stdout.len()), (2, 0), "{pair:?}");
        let told = stderr(&done);
        assert!(told.contains(want) && told.contains("= help: "), "{pair:?}: {told}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }
}

#[test]
fn hostile_names_are_shown_harmless() {
    let folder = ran("diff-hostile");
    for name in ["a.json", "b.json"] {
        let text = std::fs::read_to_string(folder.path().join(name)).expect("written");
        folder.write(name, &text.replace("\"name\":\"a\"", "\"name\":\"\\u001b[31m<b>|,\\n=x\""));
    }
    for format in ["table", "md", "csv", "json"] {
        let text = done(&folder, &["diff", "a.json", "b.json", "-f", format]);
        // A CSV cell is the text itself, so quoted that it stays one cell.
        assert!(format == "csv" || !text.contains('\u{1b}'), "{format}: {text}");
        assert!(text.contains("31m"), "{format}: {text}");
        assert!(format != "md" || !text.contains("<b>"), "{text}");
    }
}
