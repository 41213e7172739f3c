//! `nodeplan simulate` on cluster files: pools that stand, without a plan.

mod command;

use command::{Folder, code, root, stderr, stdout};

const WORKLOADS: &str = "\
name,min_replicas,max_replicas,cpu_request,memory_request,hpa_cpu_target,pool,isolate,node_selector
web,2,10,500m,1Gi,70,,,
db,2,4,1,4Gi,60,data,yes,
ssd,1,3,700m,1Gi,60,,,disk=ssd
queue,1,1,200m,256Mi,,,,
";
const LOAD: [&str; 8] =
    ["-t", "t.csv", "-m", "web=requests", "-m", "db=requests*0.2", "-m", "ssd=requests*0.3"];

/// Ten minutes at 20 requests a second, ten at 100, ten at 20.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let row = |minute: u64| {
        let count = if (10..20).contains(&minute) { 6000 } else { 1200 };
        format!("{},{count}\n", minute * 60)
    };
    folder
        .write("t.csv", &format!("timestamp_s,requests\n{}", (0..30).map(row).collect::<String>()));
    folder.write("w.csv", WORKLOADS);
    folder
}

fn done(folder: &Folder, arguments: &[&str]) -> String {
    let done = folder.run(arguments);
    assert_eq!(code(&done), 0, "{arguments:?}: {}", stderr(&done));
    stdout(&done)
}

/// A document without the list of its input files.
fn without_inputs(text: &str) -> String {
    let from = text.find("\"inputs\":").expect("inputs");
    let rest = &text[from..];
    format!("{}{}", &text[..from], &rest[rest.find(']').expect("their end")..])
}

#[test]
fn the_pools_of_a_plan_run_as_the_plan_does() {
    let folder = folder("as-a-plan");
    for kind in ["shared", "dedicated", "none"] {
        let plan = ["optimize", "-w", "w.csv", "--plan-only", "--system-pool", kind];
        done(&folder, &[&plan[..], &["-o", "plan.json"]].concat());
        done(&folder, &["export", "plan.json", "--to", "design", "-o", "cluster.yaml"]);
        let pools = std::fs::read_to_string(folder.path().join("cluster.yaml")).expect("written");
        let taint = pools.contains("taints: [\"CriticalAddonsOnly=true:NoSchedule\"]");
        assert_eq!(taint, kind == "dedicated", "{pools}");
        assert!(pools.contains("labels: {disk: ssd}\n"), "{pools}");
        assert!(pools.contains("pool: data\n    isolate: yes\n"), "{pools}");
        let run = |subject: &[&str], format: &str| {
            done(&folder, &[&["simulate"], subject, &LOAD, &["-f", format]].concat())
        };
        let cluster: &[&str] = match kind {
            // That the platform's pods run elsewhere no pool can say.
            "none" => {
                &["cluster.yaml", "-w", "w.csv", "--region", "koreacentral", "--system-pool", kind]
            }
            _ => &["cluster.yaml", "-w", "w.csv", "--region", "koreacentral"],
        };
        let (planned, standing) = (run(&["plan.json"], "csv"), run(cluster, "csv"));
        assert!(planned.lines().count() > 100, "{kind}: {planned}");
        assert_eq!(planned, standing, "{kind}");
        let (planned, standing) = (run(&["plan.json"], "json"), run(cluster, "json"));
        assert_eq!(without_inputs(&planned), without_inputs(&standing), "{kind}");
    }
}

#[test]
fn spot_pools_of_a_plan_run_as_the_plan_does() {
    let folder = folder("spot-as-a-plan");
    let rows = WORKLOADS.lines().zip(["spot_ok", "", "yes", "", "yes"]);
    let rows: Vec<String> = rows.map(|(row, cell)| format!("{row},{cell}\n")).collect();
    folder.write("w.csv", &rows.concat());
    let plan = ["optimize", "-w", "w.csv", "--plan-only", "--spot", "-o", "plan.json"];
    done(&folder, &plan);
    done(&folder, &["verify", "plan.json", "-w", "w.csv"]);
    done(&folder, &["export", "plan.json", "--to", "design", "-o", "cluster.yaml"]);
    let pools = std::fs::read_to_string(folder.path().join("cluster.yaml")).expect("written");
    assert!(
        pools.contains("    spot: true\n    priority: 1\n    pool: data\n    isolate: yes\n"),
        "{pools}"
    );
    let run = |subject: &[&str]| {
        let done = done(&folder, &[&["simulate"], subject, &LOAD, &["-f", "json"]].concat());
        without_inputs(&done)
    };
    let cluster = ["cluster.yaml", "-w", "w.csv", "--region", "koreacentral"];
    let planned = run(&["plan.json"]);
    assert!(planned.contains("\"spot\":true"), "no spot pool in the run");
    assert!(planned == run(&cluster), "the cluster runs otherwise than the plan");
}

#[test]
fn hand_made_designs_run_on_the_fewest_nodes_that_hold_their_pods() {
    let folder = folder("hand-made");
    let data = root().join("data/workloads");
    let path = |name: &str| data.join(name).to_str().expect("UTF-8").to_owned();
    let (workloads, load) = (path("reference.csv"), path("reference-load.yaml"));
    // Nodes as `--compare` counts them: web 1..2, all others 1, in design B also the interface 1..2.
    for (design, limits) in
        [("design-a.yaml", ["2", "1", "1", "1", "1"]), ("design-b.yaml", ["2", "1", "2", "1", "1"])]
    {
        let run = ["simulate", &path(design), "-w", &workloads, "-l", &load, "-t", "t.csv"];
        let told = done(&folder, &run);
        let pools = told.lines().skip_while(|line| !line.starts_with(" POOL"));
        let limit = |line: &str| line.split_whitespace().nth(3).unwrap_or_default().to_owned();
        let found: Vec<String> = pools.skip(1).take(5).map(limit).collect();
        assert_eq!(found, limits, "{design}: {told}");
        assert!(told.contains("leaves out are the fewest that hold the pods"), "{told}");
    }
}

#[test]
fn what_az_prints_runs() {
    let folder = folder("az");
    folder.write(
        "az.json",
        r#"[{"name": "sys", "vmSize": "Standard_D4s_v3", "count": 3, "enableAutoScaling": true,
            "minCount": 2, "maxCount": 10, "maxPods": 110, "mode": "System", "osType": "Linux"},
           {"name": "fast", "vmSize": "Standard_D2s_v3", "count": 1, "enableAutoScaling": false,
            "nodeLabels": {"disk": "ssd"}, "mode": "User", "osType": "Linux"},
           {"name": "data", "vmSize": "Standard_E4s_v3", "count": 1, "enableAutoScaling": false,
            "nodeTaints": ["db=yes:NoSchedule"], "mode": "User", "osType": "Linux"},
           {"name": "win", "vmSize": "Standard_D4s_v3", "count": 1, "osType": "Windows"}]"#,
    );
    let run = [&["simulate", "az.json", "-w", "w.csv"], &LOAD[..]].concat();
    let told = done(&folder, &run).split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Ran 8 workloads of az.json in koreacentral",
        "pool win runs Windows and is left out",
        "region koreacentral, since none was named",
        "shrink to the lowest, and start with its count",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    // Two nodes stay as they are; the pool with an autoscaler gives one of its three back.
    let csv = done(&folder, &[&run[..], &["-f", "csv"]].concat());
    let nodes = |pool: &str| -> Vec<u32> {
        let rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        rows.filter(|row| row[2] == pool).map(|row| row[17].parse().expect("a count")).collect()
    };
    assert!(nodes("fast").iter().chain(&nodes("data")).all(|count| *count == 1), "{csv}");
    assert_eq!((nodes("sys").first(), nodes("sys").iter().min()), (Some(&3), Some(&2)));
}

#[test]
fn faults_of_cluster_files_are_told_at_once_with_a_fix() {
    let folder = folder("cluster-faults");
    for (text, parts) in [
        (
            "pools:\n  - {name: a, sku: D4sv3, count: 2}\n  - {name: b, sku: E4s_v9, count: 1}\n",
            &[
                "error[NP2101]: `Standard_D4sv3` is no VM size with a price in `koreacentral`\n  +- c.yaml:2:20\n",
                "help: did you mean D4s_v3,",
                "c.yaml:3:20\n",
                "2 errors, nothing simulated.\n",
            ][..],
        ),
        (
            "pools:\n  - {name: a, sku: D4s_v3}\n  - {name: b, sku: D4s_v3, count: 1, workloads: [wep]}\n",
            &[
                "error[NP2103]: no pool admits `db`: it asks for pool `data`\n",
                "error[NP2103]: no pool admits `ssd`: no pool without taints carries the labels it selects\n",
                "error[NP2103]: pool `a` has no number of nodes\n  +- c.yaml:2:20\n",
                "= help: give `count`, or `min` and `max`; or list its `workloads`\n",
                "error[NP2103]: pool `b`: no workload is called `wep`\n",
                "= help: did you mean web?\n",
                "4 errors, nothing simulated.\n",
            ],
        ),
    ] {
        folder.write("c.yaml", text);
        let done = folder.run(&["simulate", "c.yaml", "-w", "w.csv"]);
        assert_eq!((code(&done), done.stdout.len()), (2, 0));
        let told = stderr(&done);
        for part in parts {
            assert!(told.contains(part), "no `{part}` in\n{told}");
        }
    }
}

#[test]
fn options_of_the_other_kind_of_file_are_refused() {
    let folder = folder("other-kind");
    done(&folder, &["optimize", "-w", "w.csv", "--plan-only", "-o", "plan.json"]);
    folder.write("c.yaml", "pools: [{name: a, sku: D4s_v3, count: 2}]\n");
    for (arguments, want) in [
        (&["c.yaml"][..], "c.yaml is a cluster file and says nothing of pods\n"),
        (&["plan.json", "-w", "t.csv"], "the plan in plan.json was not made from t.csv\n"),
        (&["plan.json", "--region", "westeurope"], "the plan in plan.json is for koreacentral\n"),
        (
            &["plan.json", "--overhead", "nap"],
            "--overhead is for cluster files; plan.json is a plan",
        ),
    ] {
        let done = folder.run(&[&["simulate"], arguments].concat());
        assert_eq!(code(&done), 2, "{arguments:?}");
        let told = stderr(&done);
        assert!(told.contains(want) && told.contains("= help: "), "{told}");
    }
    // The plan's own workloads say nothing new.
    done(
        &folder,
        &["simulate", "plan.json", "-w", "w.csv", "--region", "koreacentral", "--horizon", "5m"],
    );
}

#[test]
fn a_zone_takes_only_the_pools_in_it() {
    let folder = folder("zones");
    folder.write("one.csv", "name,replicas,cpu_request,memory_request\nweb,2,500m,1Gi\n");
    folder.write("c.yaml", "pools: [{name: a, sku: D4s_v3, count: 2, zones: [2]}]\n");
    for (zone, lost) in [(1, 0), (2, 2)] {
        let event = format!(
            "horizon: 5m\nsample: 1m\nevents: [{{at: 150s, zone_fails: {zone}, for: 10m}}]\n"
        );
        folder.write("s.yaml", &event);
        let run = ["simulate", "c.yaml", "-w", "one.csv", "-s", "s.yaml", "-f", "csv"];
        let csv = done(&folder, &run);
        let last = csv.lines().rfind(|line| line.contains(",pool,a,"));
        let ready: Vec<&str> = last.unwrap_or_default().split(',').collect();
        assert_eq!(ready[18], (2 - lost).to_string(), "zone {zone}: {csv}");
    }
}
