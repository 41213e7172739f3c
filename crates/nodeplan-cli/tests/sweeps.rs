//! `nodeplan sweep` as its users meet it: shards, broken files, a Job of Kubernetes.

mod command;

use command::{Folder, code, run_in, stderr, stdout};
use std::fs;

const WORKLOADS: &str = "name,min_replicas,max_replicas,cpu_request,memory_request,hpa_cpu_target\n\
                         web,2,10,500m,1Gi,70\n";
const CLUSTER: &str = "pools:\n  - {name: apps, sku: D4s_v3, min: 1, max: 6, count: 2}\n";
const LOAD: &str = "workloads:\n  web:\n    arrivals: trace\n    cpu_per_request: 20ms\n    \
                    memory: 300Mi\n    slo: {p95: 200ms}\n";
const MATRIX: &str = "\
plans: [a.yaml, 'b c.yaml']
workloads: w.csv
cluster: {region: westeurope}
load: load.yaml
traffic: t.csv
map: {web: requests}
scenarios: [s.yaml]
seeds: 2
vary:
  workloads.web.targets.cpu: [50, 70]
  autoscaler.scale_down_unneeded: [2m, 10m]
";

/// A folder with two clusters, ten minutes of traffic and a matrix of 16 cells.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let rows = (0..10).map(|minute| format!("{},{}\n", minute * 60, 1200 + minute % 5 * 1000));
    folder.write("t.csv", &format!("timestamp_s,requests\n{}", rows.collect::<String>()));
    folder.write("w.csv", WORKLOADS);
    folder.write("a.yaml", CLUSTER);
    folder.write("b c.yaml", &CLUSTER.replace("D4s_v3", "D8s_v3"));
    folder.write("load.yaml", LOAD);
    folder.write("s.yaml", "workloads: {web: {min: 2}}\n");
    folder.write("m.yaml", MATRIX);
    folder
}

fn read(folder: &Folder, name: &str) -> String {
    fs::read_to_string(folder.path().join(name)).expect("it was written")
}

fn done(folder: &Folder, arguments: &[&str]) {
    let ran = folder.run(arguments);
    assert_eq!(code(&ran), 0, "{arguments:?}: {}", stderr(&ran));
}

/// The whole sweep in one run, which its other tests compare with.
fn single(folder: &Folder) -> String {
    done(folder, &["sweep", "m.yaml", "-o", "all.jsonl", "--threads", "1"]);
    read(folder, "all.jsonl")
}

#[test]
fn shards_as_pods_merge_to_the_bytes_of_one_run() {
    let folder = folder("shards");
    let all = single(&folder);
    assert_eq!(all.lines().count(), 17);
    assert_eq!(stdout(&folder.run(&["sweep", "m.yaml", "--threads", "2"])), all);
    for shards in [1, 2, 7] {
        let names: Vec<String> = (0..shards).map(|at| format!("of{shards}-{at}.jsonl")).collect();
        for (at, name) in names.iter().enumerate() {
            let (index, count) = (at.to_string(), shards.to_string());
            let variables =
                [("JOB_COMPLETION_INDEX", index.as_str()), ("NODEPLAN_SHARDS", count.as_str())];
            let ran = run_in(folder.path(), &variables, &["sweep", "m.yaml", "-o", name]);
            assert_eq!(code(&ran), 0, "{}", stderr(&ran));
            let lines = read(&folder, name).lines().count() - 1;
            assert_eq!(lines, (16 - at).div_ceil(shards), "{name}");
        }
        let mut merge = vec!["sweep", "-o", "merged.jsonl", "--merge"];
        merge.extend(names.iter().rev().map(String::as_str));
        done(&folder, &merge);
        assert_eq!(read(&folder, "merged.jsonl"), all, "{shards} shards");
    }
    done(&folder, &["sweep", "m.yaml", "--shard", "1/2", "-o", "flag.jsonl"]);
    assert_eq!(read(&folder, "flag.jsonl"), read(&folder, "of2-1.jsonl"));
}

#[test]
fn a_shard_that_was_killed_goes_on_where_it_was() {
    let folder = folder("killed");
    let all = single(&folder);
    let lines: Vec<&str> = all.split_inclusive('\n').collect();
    let torn = &all[..lines[..6].concat().len() + 40];
    let shuffled = [lines[0], lines[9], lines[3], lines[3], lines[12]].concat();
    for (left, there) in [(torn, 5), (&shuffled[..], 3), (&lines[0][..30], 0), (&all[..], 16)] {
        folder.write("again.jsonl", left);
        let ran = folder.run(&["sweep", "m.yaml", "-o", "again.jsonl"]);
        assert_eq!(code(&ran), 0, "{}", stderr(&ran));
        let told = format!("again.jsonl: 16 cells, {there} of them there before.\n");
        assert_eq!(stderr(&ran), told);
        assert_eq!(read(&folder, "again.jsonl"), all);
    }
    // A cell that is there is not run again: its line stays, whatever it says.
    let odd = all.replacen("\"lost\":", "\"lost\":7", 1);
    folder.write("again.jsonl", &odd);
    done(&folder, &["sweep", "m.yaml", "-o", "again.jsonl"]);
    assert_eq!(read(&folder, "again.jsonl"), odd);
    let ran = folder.run(&["sweep", "--merge", "all.jsonl", "again.jsonl"]);
    assert!(code(&ran) == 2 && stderr(&ran).contains("NP1505"), "{}", stderr(&ran));
}

#[test]
fn cells_say_what_they_are() {
    let folder = folder("cells");
    let all = single(&folder);
    let second = all.lines().nth(1 + 9).expect("cell 9");
    for part in [
        "{\"cell\":9,\"plan\":\"b c.yaml\",\"scenario\":\"s.yaml\",",
        "\"vary\":{\"autoscaler.scale_down_unneeded\":\"2m\",\"workloads.web.targets.cpu\":50},",
        "\"seed\":2,\"currency\":\"USD\",\"month\":",
        "\"workloads\":[{\"workload\":\"web\",\"offered\":",
    ] {
        assert!(second.contains(part), "no {part} in {second}");
    }
    // The same run by hand.
    folder.write(
        "by-hand.yaml",
        "workloads: {web: {min: 2, targets: {cpu: 50}}}\nautoscaler: {scale_down_unneeded: 2m}\n",
    );
    let hand = folder.run(&[
        "simulate",
        "b c.yaml",
        "-w",
        "w.csv",
        "--region",
        "westeurope",
        "-l",
        "load.yaml",
        "-t",
        "t.csv",
        "-m",
        "web=requests",
        "-s",
        "by-hand.yaml",
        "--seed",
        "2",
        "-f",
        "json",
    ]);
    assert_eq!(code(&hand), 0, "{}", stderr(&hand));
    let hand = stdout(&hand);
    let month = hand.split("\"month\":").nth(1).and_then(|rest| rest.split(',').next());
    let month = month.expect("a cost");
    assert!(second.contains(&format!("\"month\":{month},")), "{month}: {second}");
    let few = "sample: 2\nsample_seed: 3\n";
    folder.write("m.yaml", &format!("{MATRIX}{few}"));
    let some = stdout(&folder.run(&["sweep", "m.yaml"]));
    assert_eq!(some.lines().count(), 1 + 2 * 2 * 2);
}

#[test]
fn results_of_other_inputs_are_not_touched() {
    let folder = folder("others");
    let all = single(&folder);
    folder.write("s.yaml", "workloads: {web: {min: 3}}\n");
    folder.write("mine.txt", "precious");
    for (file, told) in [
        ("all.jsonl", "error[NP1504]: the file has cells of another sweep: `s.yaml` was another"),
        ("mine.txt", "error[NP1503]: the first line is no head of a sweep"),
    ] {
        let before = read(&folder, file);
        let ran = folder.run(&["sweep", "m.yaml", "-o", file]);
        assert_eq!(code(&ran), 2);
        assert!(stderr(&ran).starts_with(told), "{}", stderr(&ran));
        assert_eq!(read(&folder, file), before);
    }
    done(&folder, &["sweep", "m.yaml", "--shard", "0/4", "-o", "other.jsonl"]);
    let ran = folder.run(&["sweep", "--merge", "all.jsonl", "other.jsonl"]);
    assert!(code(&ran) == 2 && stderr(&ran).contains("NP1504"), "{}", stderr(&ran));
    let ran = folder.run(&["sweep", "--merge", "other.jsonl"]);
    let told = "error[NP1506]: 12 of 16 cells are missing: 1, 2, 3, 5, 6, …";
    assert!(code(&ran) == 2 && stderr(&ran).starts_with(told), "{}", stderr(&ran));
    let part = folder.run(&["sweep", "--merge", "other.jsonl", "--partial"]);
    assert_eq!(stdout(&part), read(&folder, "other.jsonl"));
    assert_ne!(stdout(&part).lines().next(), all.lines().next());
}

#[test]
fn faults_are_told_before_anything_runs() {
    let folder = folder("faults");
    let matrix = "plan: [x]\nplans: [a.yaml]\nworkloads: w.csv\nseeds: [1, 1]\n";
    folder.write("wrong.yaml", matrix);
    let values = MATRIX.replace("[50, 70]", "[50, 0]").replace("scale_down_unneeded:", "expandr:");
    folder.write("values.yaml", &values.replace("web.targets", "wib.targets"));
    folder.write("names.yaml", &MATRIX.replace("web.targets", "wib.targets"));
    folder.write("files.yaml", "plans: [gone.json]\nload: none.yaml\n");
    let mut told = String::new();
    for name in ["wrong.yaml", "values.yaml", "names.yaml", "files.yaml"] {
        let ran = folder.run(&["sweep", name, "-o", "out.jsonl"]);
        told.push_str(&format!("{}--- exit {}\n", stderr(&ran), code(&ran)));
    }
    for shard in ["7/7", "x", "1/0"] {
        let ran = folder.run(&["sweep", "m.yaml", "--shard", shard]);
        told.push_str(&format!("{}--- exit {}\n", stderr(&ran), code(&ran)));
    }
    let alone = run_in(folder.path(), &[("JOB_COMPLETION_INDEX", "0")], &["sweep", "m.yaml"]);
    told.push_str(&format!("{}--- exit {}\n", stderr(&alone), code(&alone)));
    assert!(!folder.path().join("out.jsonl").exists());
    let path = command::root().join("crates/nodeplan-cli/tests/snapshots/sweep_faults.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &told).expect("a snapshot can be written");
    }
    assert_eq!(told, fs::read_to_string(path).unwrap_or_default());
}

#[test]
fn a_job_of_kubernetes_carries_the_sweep() {
    let folder = folder("job");
    let export = |more: &[&str]| {
        folder.run(
            &[&["export", "m.yaml", "--to", "k8s-job", "--image", "x/nodeplan:1"], more].concat(),
        )
    };
    let job = export(&["--shards", "7"]);
    assert_eq!(code(&job), 0, "{}", stderr(&job));
    let text = stdout(&job);
    for part in [
        "kind: ConfigMap\n",
        "  f2-b-c.yaml: |\n    pools:\n",
        "                path: \"b c.yaml\"\n",
        "  completionMode: Indexed\n  completions: 7\n  parallelism: 7\n",
        "            - sweep\n            - m.yaml\n",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    for (more, told) in [
        (&["--name", "No"][..], "--name `No` is no name of Kubernetes"),
        (&["--memory", "much"], "--memory `much` is no amount of memory"),
        (&["--shards", "0"], "0 is not in 1..=10000"),
    ] {
        let ran = export(more);
        assert!(code(&ran) == 2 && stderr(&ran).contains(told), "{}", stderr(&ran));
    }
    fs::create_dir(folder.path().join("s")).expect("a folder");
    let above = [("a.yaml", "../a.yaml"), ("b c", "../b c"), (": w.csv", ": ../w.csv")];
    let above = [&above[..], &[("load.yaml", "../load.yaml"), (": t.csv", ": ../t.csv")]].concat();
    let text = above.iter().fold(MATRIX.to_owned(), |text, (from, to)| text.replace(from, to));
    folder.write("s/m.yaml", &text.replace("s.yaml", "../s.yaml"));
    let export = |more: &[&str]| {
        let job = ["export", "s/m.yaml", "--to", "k8s-job", "--image", "x"];
        folder.run(&[&job[..], more].concat())
    };
    let ran = export(&[]);
    assert!(code(&ran) == 2 && stderr(&ran).contains("NP1507"), "{}", stderr(&ran));
    assert_eq!(code(&export(&["--inputs-claim", "folder"])), 0);
}
