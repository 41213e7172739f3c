//! `nodeplan optimize` under load as its users meet it: a small cluster, short traffic.

mod command;

use command::{Folder, code, root, stderr, stdout};

const SMALL: &str = "name,min_replicas,max_replicas,cpu_request,memory_request,cpu_limit,memory_limit,hpa_cpu_target\n\
                     web,2,20,500m,1Gi,1,2Gi,40\nqueue,1,1,200m,256Mi,400m,512Mi,\n";
const LOAD: &str = "\
workloads:
  web:
    arrivals: trace
    cpu_per_request: 20ms
    memory: 300Mi
    slo: {p95: 200ms}
  queue:
    arrivals: 0.2 per web
    cpu_per_message: 5ms
    slo: {oldest: 60s}
";

/// Four hours, ten minutes at 25 and ten at 250 requests a second by turns.
fn folder(name: &str) -> Folder {
    let row = |minute: u64| {
        let count = if minute % 20 < 10 { 1500 } else { 15000 };
        format!("{},{count}\n", minute * 60)
    };
    let folder = Folder::new(name);
    folder.write("w.csv", SMALL);
    folder.write("load.yaml", LOAD);
    let rows: String = (0..240).map(row).collect();
    folder.write("t.csv", &format!("timestamp_s,requests\n{rows}"));
    folder
}

fn optimize<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let usual = ["optimize", "-w", "w.csv", "-t", "t.csv", "-l", "load.yaml"];
    let few = ["--skus", "D2s_v3,D4s_v3,D8s_v3", "--final-runs", "2"];
    let trials: &[&str] = if more.contains(&"--trials") { &[] } else { &["--trials", "60"] };
    [&usual[..], &few[..], trials, more].concat()
}

#[test]
fn a_design_is_told_with_its_floor_and_runs_again_at_the_same_cost() {
    let folder = folder("joint");
    let done = folder.run(&optimize(&["--write", "out"]));
    assert_eq!(code(&done), 0, "{}{}", stdout(&done), stderr(&done));
    let told = stdout(&done);
    for part in [
        "Cost",
        "Floor",
        "proven under the load",
        "Seen",
        "Unseen",
        "Waits",
        "What to change",
        "MEAN",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("/month while CPU requests stay at half or more (proven"), "{told}");
    let verified = folder.run(&["verify", "out/floor.json"]);
    assert_eq!(code(&verified), 0, "{}", stderr(&verified));
    assert!(
        stdout(&verified).contains("sizes and rates compared with the catalog\nAll of it is true.")
    );
    let made =
        folder.run(&["verify", "out/floor.json", "-w", "w.csv", "--input", "load.yaml,t.csv"]);
    assert_eq!(code(&made), 0, "{}{}", stdout(&made), stderr(&made));
    assert!(stdout(&made).contains("t.csv is a file the floor was made from"), "{}", stdout(&made));
    let floor = std::fs::read_to_string(folder.path().join("out/floor.json")).expect("written");
    folder.write("old.json", &floor.replace("nodeplan/floor/v2", "nodeplan/floor/v1"));
    let old = folder.run(&["verify", "old.json"]);
    assert_eq!(code(&old), 2, "{}", stderr(&old));
    let said = stderr(&old);
    assert!(said.contains("error[NP1302]: schemaVersion is `nodeplan/floor/v1`"), "{said}");
    assert!(said.contains("nodeplan/floor/v2") && said.contains("optimize --write"), "{said}");
    tampered(&folder, &floor);
    assert_eq!(code(&folder.run(&["verify", "out/plan.json"])), 0);
    let again = folder.run(&[
        "simulate",
        "out/plan.json",
        "-t",
        "t.csv",
        "-l",
        "load.yaml",
        "-s",
        "out/scenario.yaml",
        "-f",
        "json",
    ]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    let run: serde_json::Value = serde_json::from_str(&stdout(&again)).expect("JSON");
    let text = std::fs::read_to_string(folder.path().join("out/design.json")).expect("written");
    let design: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let whole = &design["design"]["parts"][2];
    assert_eq!(whole["name"], "whole");
    assert_eq!(run["run"]["scorecard"]["spend"], whole["score"]["spend"]);
    let floor = &design["design"]["floor"];
    assert!(floor["cost"].as_i64() <= whole["cost"].as_i64(), "{floor} {}", whole["cost"]);
    assert!(floor["cost"].as_i64() > Some(0));
}

/// A floor of other rates, sizes, intervals or workloads is refused.
fn tampered(folder: &Folder, floor: &str) {
    type Change = fn(&mut serde_json::Value);
    let cases: [(Change, &str); 6] = [
        (|it| it["problem"]["skus"][0]["rates"]["on_demand"] = 900_000_000.into(), "NP5217"),
        (|it| it["problem"]["skus"][0]["vcpus"] = 16.into(), "NP5217"),
        (|it| it["problem"]["excluded"][0]["skus"] = 1.into(), "NP5217"),
        (|it| it["problem"]["workloads"][0]["request"]["cpu"] = 900.into(), "NP5218"),
        (|it| it["floor"]["terms"]["interval_millis"] = 60_000.into(), "NP5219"),
        (|it| it["catalog"]["date"] = "2020-01-01".into(), "NP5301"),
    ];
    for (change, code_of) in cases {
        let mut it: serde_json::Value = serde_json::from_str(floor).expect("JSON");
        change(&mut it);
        folder.write("tampered.json", &it.to_string());
        let done = folder.run(&["verify", "tampered.json", "-w", "w.csv"]);
        assert_eq!(code(&done), 4, "{code_of}: {}{}", stdout(&done), stderr(&done));
        let said = stdout(&done);
        assert!(said.contains(&format!("false[{code_of}]")), "{code_of}: {said}");
    }
    folder.write("other.csv", &SMALL.replace("queue", "cue"));
    let done = folder.run(&["verify", "out/floor.json", "-w", "other.csv"]);
    assert_eq!(code(&done), 4, "{}", stderr(&done));
    let said = stdout(&done);
    assert!(said.contains("false[NP5302]: other.csv: its SHA-256"), "{said}");
    assert!(said.contains("false[NP5218]: queue: it is not among"), "{said}");
}

/// The command that an answer ends with, run in `folder`; the figures of its run and of the whole trace
/// in the answer.
fn again(folder: &Folder, design: &serde_json::Value) -> (serde_json::Value, serde_json::Value) {
    let line = design["design"]["again"][0].as_str().expect("a command");
    let words = line.split(' ').skip(1).map(|word| word.trim_matches('\''));
    let words: Vec<&str> = words.chain(["-f", "json"]).collect();
    let done = folder.run(&words);
    assert_eq!(code(&done), 0, "{line}: {}", stderr(&done));
    let run: serde_json::Value = serde_json::from_str(&stdout(&done)).expect("JSON");
    let whole = &design["design"]["parts"][2];
    assert_eq!(whole["name"], "whole");
    (run["run"]["scorecard"].clone(), whole["score"].clone())
}

#[test]
fn the_command_that_is_printed_gives_the_same_figures() {
    let folder = folder("joint-again");
    let two = SMALL.replace("queue,1,1,", "api,2,9,400m,1Gi,800m,2Gi,50\nqueue,1,1,");
    folder.write("two.csv", &two);
    let load = format!(
        "{LOAD}  api:\n    arrivals: [trace, 0.1 per web]\n    cpu_per_request: 30ms\n    cv: 0.7\n    \
         retries: {{attempts: 2, backoff: 1s}}\n    memory: 200Mi\n    slo: {{p99: 900ms}}\n",
    );
    folder.write("two.yaml", &load);
    let row = |minute: u64| match minute % 17 {
        5 => format!("{},,\n", minute * 60),
        at => format!("{},{},{}\n", minute * 60, 900 + 700 * at, 4000 - 150 * at),
    };
    let rows: String = (0..240).map(row).collect();
    folder.write("gaps.csv", &format!("timestamp_s,a,b\n{rows}"));
    folder.write("s.yaml", "growth: 1.1\n");
    let one = ["-w", "w.csv", "-t", "t.csv"];
    let both = ["-w", "two.csv", "-t", "gaps.csv", "--gaps", "hold", "-m", "web=a*0.5"];
    let few = ["--hazards", "none", "--final-runs", "2", "--trials", "30", "--write", "out"];
    let sizes = ["--skus", "D2s_v3,D4s_v3,D8s_v3"];
    for more in [
        [&both[..], &["-m", "api=b*1.5@1h", "-l", "two.yaml", "--scale", "peak-to-max"]].concat(),
        [&both[..], &["-m", "api=b", "-l", "two.yaml", "--scale", "1.3", "-s", "s.yaml"]].concat(),
        [&one[..], &["-m", "web=requests*0.3", "--seed", "7", "--sample", "5m"]].concat(),
    ] {
        let done = folder.run(&[&["optimize"], &more[..], &few, &sizes].concat());
        assert_eq!(code(&done), 0, "{more:?}: {}", stderr(&done));
        let text = std::fs::read_to_string(folder.path().join("out/design.json"));
        let design = serde_json::from_str(&text.expect("written")).expect("JSON");
        let (run, whole) = again(&folder, &design);
        assert_eq!(run["spend"], whole["spend"], "{more:?}");
        assert_eq!(run["pending_p95_millis"], whole["pending_p95_millis"], "{more:?}");
        let served = |score: &serde_json::Value| -> Vec<_> {
            let services = score["services"].as_array().expect("a list");
            services.iter().map(|one| (one["good"].clone(), one["offered"].clone())).collect()
        };
        assert_eq!(served(&run), served(&whole), "{more:?}");
    }
}

#[test]
fn pods_that_keep_room_are_found_and_run_again() {
    let folder = folder("joint-keepers");
    folder.write("w.csv", &SMALL.replace(",40\n", ",60\n"));
    let others = "targets,min,max,behavior,nodes,profile,provisioning,schedules,requests";
    let done = folder.run(&optimize(&["--freeze", others, "--trials", "100", "--write", "out"]));
    assert_eq!(code(&done), 0, "{}{}", stdout(&done), stderr(&done));
    assert!(stdout(&done).contains("pods of low priority that keep room"), "{}", stdout(&done));
    assert_eq!(code(&folder.run(&["verify", "out/plan.json"])), 0);
    let usual = ["simulate", "out/plan.json", "-t", "t.csv", "-l", "load.yaml"];
    let again = folder.run(&[&usual[..], &["-s", "out/scenario.yaml", "-f", "json"]].concat());
    let run: serde_json::Value = serde_json::from_str(&stdout(&again)).expect("JSON");
    let text = std::fs::read_to_string(folder.path().join("out/design.json")).expect("written");
    let design: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let part = &design["design"]["parts"][2];
    let whole = &part["score"];
    assert_eq!(run["run"]["scorecard"]["spend"], whole["spend"]);
    // The last row is of the pods that keep room.
    let services = whole["services"].as_array().expect("a list");
    let own = services.iter().rev().skip(1).map(|one| one["pending_p95_millis"].as_u64());
    assert!(part["pending_p95_millis"].as_u64() <= own.max().flatten(), "{part}");
}

#[test]
fn a_frontier_costs_more_the_fewer_are_missed_and_each_point_runs_again() {
    let folder = folder("joint-frontier");
    for name in ["frontier-90", "frontier-91", "frontier-92", "frontier-093", "frontier-94"] {
        let directory = folder.path().join("out").join(name);
        std::fs::create_dir_all(directory).expect("a directory can be made");
        for file in ["plan.json", "scenario.yaml", "load.yaml"] {
            folder.write(&format!("out/{name}/{file}"), "");
        }
    }
    folder.write("out/frontier-92/notes.md", "mine");
    std::fs::remove_file(folder.path().join("out/frontier-94/load.yaml")).expect("written");
    let more =
        ["--frontier", "--hazards", "none", "--write", "out", "-f", "json", "--trials", "30"];
    let done = folder.run(&optimize(&more));
    assert_eq!(code(&done), 0, "{}{}", stdout(&done), stderr(&done));
    let told: serde_json::Value = serde_json::from_str(&stdout(&done)).expect("JSON");
    assert_eq!(told["design"]["finale"]["hazards"].as_array().map(Vec::len), Some(0));
    let points = told["design"]["frontier"].as_array().expect("points");
    let left = |name: &str| folder.path().join("out").join(name).exists();
    assert!(!left("frontier-90") && !left("frontier-91"), "of an earlier answer");
    assert!(
        left("frontier-92") && left("frontier-093") && left("frontier-94"),
        "not written by us"
    );
    let traced: Vec<_> = points.iter().filter(|one| one["traffic_milli"] == 1000).collect();
    assert!(!traced.is_empty());
    for pair in traced.windows(2) {
        assert!(pair[0]["month"].as_i64() < pair[1]["month"].as_i64(), "{points:?}");
        assert!(pair[0]["missed"].as_i64() > pair[1]["missed"].as_i64(), "{points:?}");
    }
    for (at, point) in points.iter().enumerate() {
        let plan = format!("out/frontier-{}/plan.json", at + 1);
        let scenario = format!("out/frontier-{}/scenario.yaml", at + 1);
        assert_eq!(code(&folder.run(&["verify", &plan])), 0);
        let usual = ["simulate", &plan, "-t", "t.csv", "-l", "load.yaml", "-f", "json"];
        let again = folder.run(&[&usual[..], &["-s", &scenario]].concat());
        let run: serde_json::Value = serde_json::from_str(&stdout(&again)).expect("JSON");
        assert_eq!(run["run"]["month"], point["month"]);
    }
    // Nothing else withstands so much: it is always there.
    let at =
        points.iter().position(|one| one["traffic_milli"] == 1500).expect("room for half more");
    let (plan, scenario) = (
        format!("out/frontier-{}/plan.json", at + 1),
        format!("out/frontier-{}/scenario.yaml", at + 1),
    );
    let usual = ["simulate", &plan, "-t", "t.csv", "-l", "load.yaml", "-s", &scenario];
    let grown = folder.run(&[&usual[..], &["--scale", "1.5", "--require-slo"]].concat());
    assert_eq!(code(&grown), 0, "{}", stdout(&grown));
}

#[test]
fn what_goes_wrong_in_the_last_runs_is_told_and_read() {
    let folder = folder("joint-hazards");
    let done = folder.run(&optimize(&["--hazards", "days,growth=50", "--trials", "20"]));
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let told = stdout(&done).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("days drawn anew, up to 50 % more traffic)"), "{told}");
    assert!(told.contains("simulated runs, seed 1 "), "{told}");
    let wrong = folder.run(&optimize(&["--hazards", "floods=1"]));
    assert_eq!(code(&wrong), 2);
    assert!(stderr(&wrong).contains("--hazards `floods=1` cannot be read"), "{}", stderr(&wrong));
}

/// A column that only a load file can say is not dropped without a word.
#[test]
fn columns_that_mean_nothing_are_among_the_assumptions() {
    let folder = folder("joint-columns");
    let with = SMALL.replace("_target\n", "_target,slo_ms\n").replace(",40\n", ",40,250\n");
    folder.write("w.csv", &with.replace("512Mi,\n", "512Mi,,\n"));
    let done = folder.run(&optimize(&["--trials", "5", "--hazards", "none"]));
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let told = stdout(&done).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("`slo_ms` (1 row) matters to simulation: not used here"), "{told}");
    assert!(told.contains("region koreacentral, since none was named"), "{told}");
}

/// Two designs with other targets: in settings and cost, and their plans do not pass for equal.
#[test]
fn designs_are_compared_by_cost_service_pools_and_settings() {
    let folder = folder("joint-diff");
    let others = "sizes,min,max,behavior,nodes,provisioning,schedules,requests,overprovisioning";
    let few = ["--trials", "30", "--hazards", "none"];
    for (frozen, out) in [(format!("{others},profile,targets"), "a"), (others.to_owned(), "b")] {
        let own = ["--freeze", &frozen, "--write", out];
        let done = folder.run(&optimize(&[&few[..], &own].concat()));
        assert_eq!(code(&done), 0, "{}", stderr(&done));
    }
    let diff = |more: &[&str]| {
        let done = folder.run(&[&["diff"], more].concat());
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        stdout(&done).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let told = diff(&["a/design.json", "b/design.json"]);
    for part in [
        "Two designs: a/design.json -> b/design.json",
        "USD/month",
        "~ web ",
        "HPA targets CPU 40% CPU ",
    ] {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
    let back = diff(&["b/design.json", "a/design.json", "-f", "csv"]);
    assert!(back.contains(",CPU 40%"), "{back}");
    let same = diff(&["a/design.json", "a/design.json", "--exit-code"]);
    assert!(same.contains("Nothing differs."), "{same}");
    let plans = diff(&["a/plan.json", "b/plan.json"]);
    assert!(
        plans.contains("note: bounds, targets and autoscaler beside the plans differ"),
        "{plans}"
    );
    assert!(!plans.contains("Nothing differs."), "{plans}");
    let mixed = folder.run(&["diff", "b/design.json", "a/plan.json"]);
    assert_eq!(code(&mixed), 2);
    let said = stderr(&mixed);
    assert!(said.contains("a/plan.json is a plan and b/design.json a design"), "{said}");
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let folder = folder("joint-threads");
    let run = |threads: &str| stdout(&folder.run(&optimize(&["-f", "json", "--threads", threads])));
    let one = run("1");
    assert!(one.contains("nodeplan/design/v1"));
    assert_eq!(one, run("3"));
}

/// Eight services share the traffic; one has an objective below the CPU time of its requests. Seven keep
/// theirs, and the eighth is named with the best there is.
#[test]
fn many_workloads_choose_together_and_an_objective_out_of_reach_is_named() {
    let folder = folder("joint-many");
    let head = SMALL.lines().next().expect("a head");
    let (mut rows, mut load) = (format!("{head}\n"), String::from("workloads:\n"));
    for at in 0..8 {
        rows.push_str(&format!("web{at},1,12,{}m,512Mi,1,1Gi,60\n", 200 + 50 * at));
        let within = if at == 3 { 12 } else { 200 + 20 * at };
        load.push_str(&format!(
            "  web{at}:\n    arrivals: trace\n    cpu_per_request: 20ms\n    memory: 200Mi\n    \
             slo: {{p95: {within}ms}}\n",
        ));
    }
    folder.write("w.csv", &rows);
    folder.write("load.yaml", &load);
    let maps: Vec<String> = (0..8).map(|at| format!("web{at}=requests*0.2")).collect();
    let mut more = vec!["--trials", "150", "-f", "json", "--threads"];
    let maps: Vec<&str> = maps.iter().flat_map(|map| ["-m", map.as_str()]).collect();
    more.push("2");
    let run = |more: &[&str]| folder.run(&optimize(&[&maps[..], more].concat()));
    let done = run(&more);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let told: serde_json::Value = serde_json::from_str(&stdout(&done)).expect("JSON");
    for part in told["design"]["parts"].as_array().expect("a list") {
        assert_eq!(part["met"], false, "{part}");
    }
    assert_eq!(told["design"]["parts"][0]["kept"], true);
    let named = told["design"]["out_of_reach"].as_array().expect("a list");
    assert_eq!(named.len(), 1, "{named:?}");
    assert!(named[0].as_str().is_some_and(|text| text.starts_with("web3:")), "{named:?}");
    more.pop();
    more.push("1");
    assert_eq!(stdout(&run(&more)), stdout(&done));
    let gated = run(&["--trials", "150", "--require-slo"]);
    assert_eq!(code(&gated), 4, "{}", stderr(&gated));
    let told = stdout(&gated);
    assert!(told.contains("web3 (out of reach: "), "{told}");
    assert!(told.contains("kept in reach"), "{told}");
    assert!(!told.contains("every objective kept"), "{told}");
}

#[test]
fn frozen_variables_stay_and_a_budget_is_a_gate() {
    let folder = folder("joint-frozen");
    let all = "sizes,targets,min,max,behavior,nodes,profile,provisioning,schedules,requests,\
               overprovisioning,spot";
    let done = folder.run(&optimize(&["--freeze", all, "--budget", "1"]));
    assert_eq!(code(&done), 4, "{}", stderr(&done));
    let table = stdout(&done).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!table.contains("What to change"), "{table}");
    assert!(table.contains("/month with these requests (proven under"), "{table}");
    let told = stderr(&done);
    assert!(
        told.contains("more than the budget of 1.00. The budget is proven impossible"),
        "{told}"
    );
    let cost = stdout(&done).lines().find_map(|line| {
        let month = line.trim().strip_prefix("Cost")?.split_whitespace().next()?;
        month.replace(',', "").parse::<f64>().ok()
    });
    let near = format!("{:.2}", cost.expect("a cost") - 0.5);
    let done = folder.run(&optimize(&["--freeze", all, "--budget", &near]));
    assert_eq!(code(&done), 4, "{}", stderr(&done));
    let told = stderr(&done);
    assert!(told.contains("USD a month, 0.50 more than the budget of "), "{told}");
    assert!(!told.contains("impossible"), "{told}");
    let reference = root().join("data/workloads/reference.csv").display().to_string();
    let wrong = folder.run(&["optimize", "-w", &reference, "-t", "t.csv", "--freeze", "taget"]);
    assert_eq!(code(&wrong), 2);
    assert!(stderr(&wrong).contains("one of targets, sizes"), "{}", stderr(&wrong));
}

/// A name that leads nowhere is told before anything is searched for: not even where no plan would hold
/// the pods.
#[test]
fn names_are_looked_up_before_the_search() {
    let folder = folder("joint-names");
    folder.write("w.csv", &SMALL.replace("500m,1Gi,1,2Gi", "500,1Gi,501,2Gi"));
    let wrong = folder.run(&optimize(&["--map", "wep=requests"]));
    assert_eq!(code(&wrong), 2, "{}", stderr(&wrong));
    assert!(stderr(&wrong).contains("error[NP1420]"), "{}", stderr(&wrong));
    assert_eq!(code(&folder.run(&optimize(&[]))), 3);
}

/// Pools are found before the limit, the million runs are not.
#[test]
fn a_search_that_ends_early_says_so() {
    let folder = folder("joint-early");
    let more = ["--trials", "1000000", "--time-limit", "2s", "--seed", "5", "--write", "out"];
    let done = folder.run(&optimize(&more));
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let told = stdout(&done);
    assert!(told.contains("ended early by Ctrl-C or --time-limit"), "{told}");
    assert!(told.contains("seed 5, ended early"), "{told}");
    let text = std::fs::read_to_string(folder.path().join("out/design.json")).expect("written");
    let design: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (&design["design"]["seed"], &design["design"]["cut_short"]),
        (&5.into(), &true.into())
    );
}

/// Nobody finds out later that a gate was never looked at.
#[test]
fn options_without_effect_are_faults() {
    let folder = folder("joint-vain");
    for option in [
        "--load=load.yaml",
        "--map=web=requests",
        "--unit=rate",
        "--gaps=hold",
        "--scale=2",
        "--offset=1h",
        "--forecast=2",
        "--seed=2",
        "--horizon=2h",
        "--sample=1m",
        "--freeze=bogus",
        "--ablation",
        "--trials=5",
        "--final-runs=2",
        "--hazards=none",
        "--frontier",
        "--max-pending=1m",
        "--growth",
        "--require-slo",
        "--budget=5",
        "--write=out",
    ] {
        let done = folder.run(&["optimize", "-w", "w.csv", option]);
        assert_eq!(code(&done), 2, "{option}: {}", stdout(&done));
        assert!(stderr(&done).contains("has no effect without load"), "{}", stderr(&done));
    }
    let done = folder.run(&["optimize", "-w", "w.csv", "--budget", "5", "--require-slo"]);
    let told = stderr(&done);
    assert!(told.contains("--budget has") && told.contains("--require-slo has"), "{told}");
    assert!(told.contains("NODEPLAN_REQUIRE_SLO"), "{told}");
    for option in ["--compare=design.yaml", "--pool-table", "--require-optimal"] {
        let done = folder.run(&optimize(&[option]));
        assert_eq!(code(&done), 2, "{option}: {}", stdout(&done));
        assert!(stderr(&done).contains("has no effect under load"), "{}", stderr(&done));
    }
    let declared =
        SMALL.replace("_target\n", "_target,declared_qos\n").replace(",40\n", ",40,Guaranteed\n");
    folder.write("w.csv", &declared.replace("512Mi,\n", "512Mi,,\n"));
    let done = folder.run(&optimize(&["--strict", "--trials", "5", "--hazards", "none"]));
    assert_eq!(code(&done), 4, "{}", stderr(&done));
    assert!(stderr(&done).contains("w.csv: 1 warning; `nodeplan check"), "{}", stderr(&done));
}

/// Eight days, from 8 to 20 o'clock 300 requests a second, else 3; pods need four minutes to be Ready, so
/// that targets alone must keep them nearly empty.
#[test]
fn minimums_at_hours_known_earn_their_place() {
    let folder = Folder::new("joint-hours");
    folder.write(
        "w.csv",
        "name,min_replicas,max_replicas,cpu_request,memory_request,cpu_limit,memory_limit,hpa_cpu_target\n\
         shop,1,40,1,1Gi,1,1Gi,60%\n",
    );
    folder.write(
        "load.yaml",
        "workloads:\n  shop:\n    arrivals: trace\n    cpu_per_request: 50ms\n    idle_cpu: 20m\n    \
         memory: 300Mi\n    startup: 4m\n    slo: {within: 1s, share: 99.8%}\n",
    );
    let row = |step: u64| {
        let count = if (8..20).contains(&(step / 12 % 24)) { 90_000 } else { 900 };
        format!("{},{count}\n", step * 300)
    };
    let rows: String = (0..8 * 288).map(row).collect();
    folder.write("t.csv", &format!("timestamp_s,requests\n{rows}"));
    let cost = |frozen: &str, out: &str| {
        let usual = ["optimize", "-w", "w.csv", "-t", "t.csv", "-l", "load.yaml"];
        let few = ["--skus", "D4s_v3,D8s_v3", "--final-runs", "2", "--trials", "300"];
        let own = ["--freeze", frozen, "--write", out];
        let done = folder.run(&[&usual[..], &few, &own].concat());
        assert_eq!(code(&done), 0, "{}{}", stdout(&done), stderr(&done));
        let text = std::fs::read_to_string(folder.path().join(out).join("design.json"));
        let design: serde_json::Value =
            serde_json::from_str(&text.expect("written")).expect("JSON");
        let score = &design["design"]["parts"][2]["score"];
        (score["spend"].as_f64().expect("a number"), stdout(&done))
    };
    let (free, told) = cost("requests", "free");
    assert!(told.contains("scheduled minimums"), "{told}");
    let (frozen, _) = cost("requests,schedules", "frozen");
    assert!(free * 1.2 < frozen, "{free} {frozen}");
}

/// Six services whose level swings otherwise every day, so that neither schedules nor nodes that are always
/// there are cheap, each three times as busy for 20 minutes at random, and nodes that take six minutes:
/// targets alone must keep all pods nearly empty.
#[test]
fn pods_that_keep_room_earn_their_place() {
    let folder = Folder::new("joint-room");
    folder.write("s.yaml", "node_boot: {p50: 6m, p95: 8m}\nimage_pull: 5s\n");
    let names: Vec<String> = (0..6).map(|at| format!("s{at}")).collect();
    let (mut rows, mut load) = (String::new(), String::from("workloads:\n"));
    for name in &names {
        rows.push_str(&format!("{name},2,40,1,2Gi,1,2Gi,70%\n"));
        load.push_str(&format!(
            "  {name}: {{arrivals: trace, cpu_per_request: 50ms, idle_cpu: 10m, memory: 500Mi, \
             startup: 10s, slo: {{within: 1s, share: 99.5%}}}}\n",
        ));
    }
    let head = SMALL.lines().next().expect("a head");
    folder.write("w.csv", &format!("{head}\n{rows}"));
    folder.write("load.yaml", &load);
    folder.write("t.csv", &swings_and_bursts(&names));
    let maps: Vec<String> = names.iter().map(|name| format!("{name}={name}")).collect();
    let maps: Vec<&str> = maps.iter().flat_map(|map| ["-m", map.as_str()]).collect();
    let cost = |frozen: &str, out: &str| {
        let usual = ["optimize", "-w", "w.csv", "-t", "t.csv", "-l", "load.yaml", "-s", "s.yaml"];
        let few = ["--skus", "D4s_v3,D8s_v3", "--final-runs", "8", "--trials", "200"];
        let own = ["--freeze", frozen, "--write", out];
        let done = folder.run(&[&usual[..], &maps, &few, &own].concat());
        assert_eq!(code(&done), 0, "{}{}", stdout(&done), stderr(&done));
        let text = std::fs::read_to_string(folder.path().join(out).join("design.json"));
        let design: serde_json::Value =
            serde_json::from_str(&text.expect("written")).expect("JSON");
        let whole = &design["design"]["parts"][2];
        assert_eq!(whole["met"], true, "{}", stdout(&done));
        (whole["score"]["spend"].as_f64().expect("a number"), stdout(&done))
    };
    // Free are targets, nodes and room: that so few runs find them.
    let others = "sizes,min,max,behavior,profile,provisioning,schedules,requests";
    let (free, told) = cost(others, "free");
    assert!(told.contains("pods of low priority that keep room"), "{told}");
    let (frozen, _) = cost(&format!("{others},overprovisioning"), "frozen");
    assert!(free * 1.05 < frozen, "{free} {frozen}");
}

/// Eight days: requests a minute at a level that goes on to another every six hours, and of each service
/// three times as many for 20 minutes of every 16 hours.
fn swings_and_bursts(names: &[String]) -> String {
    let (days, knot, every, lasts) = (8, 360, 960, 20);
    let mut state = 3_u64;
    let mut draw = |most: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let minutes = days * 1440;
    let levels: Vec<u64> =
        (0..minutes / knot + 2).map(|_| [24, 36, 54, 81, 108][draw(5) as usize]).collect();
    let mut bursts = || -> Vec<u64> {
        (0..minutes / every).map(|at| at * every + draw(every - lasts)).collect()
    };
    let bursts: Vec<Vec<u64>> = names.iter().map(|_| bursts()).collect();
    let mut text = format!("timestamp_s,{}\n", names.join(","));
    for minute in 0..minutes {
        let (at, since) = ((minute / knot) as usize, minute % knot);
        let level = (levels[at] * (knot - since) + levels[at + 1] * since) * 60 / knot;
        let row = bursts.iter().map(|own| {
            let busy = own.iter().any(|from| (*from..from + lasts).contains(&minute));
            (level * if busy { 3 } else { 1 }).to_string()
        });
        text.push_str(&format!("{},{}\n", minute * 60, row.collect::<Vec<_>>().join(",")));
    }
    text
}

/// A web that must not move and workers that may, most of the pods.
#[test]
fn spot_nodes_take_what_tolerates_them_and_the_floor_knows_their_rates() {
    let folder = folder("joint-spot");
    folder.write(
        "w.csv",
        "name,min_replicas,max_replicas,cpu_request,memory_request,cpu_limit,memory_limit,hpa_cpu_target,spot_ok\n\
         web,2,20,500m,1Gi,1,2Gi,40,\nqueue,2,40,1,1Gi,1,1Gi,60,yes\n",
    );
    let load = LOAD.replace("cpu_per_message: 5ms", "cpu_per_message: 200ms");
    folder.write("load.yaml", &load.replace("oldest: 60s", "oldest: 10m"));
    let row = |minute: u64| format!("{},{}\n", minute * 60, 1500 + 50 * minute.min(240 - minute));
    let rows: String = (0..240).map(row).collect();
    folder.write("t.csv", &format!("timestamp_s,requests\n{rows}"));
    let found = |more: &[&str], out: &str| {
        let usual = ["--system-pool", "none", "--spot", "--write", out];
        let done = folder.run(&optimize(&[&usual[..], more].concat()));
        assert_eq!(code(&done), 0, "{}{}", stdout(&done), stderr(&done));
        let verified = folder.run(&["verify", &format!("{out}/floor.json")]);
        assert_eq!(code(&verified), 0, "{}", stderr(&verified));
        assert_eq!(code(&folder.run(&["verify", &format!("{out}/plan.json")])), 0);
        let text = std::fs::read_to_string(folder.path().join(out).join("design.json"));
        let design: serde_json::Value =
            serde_json::from_str(&text.expect("written")).expect("JSON");
        let whole = &design["design"]["parts"][2];
        assert_eq!(whole["met"], true, "{}", stdout(&done));
        let floor = design["design"]["floor"]["cost"].as_i64().expect("a floor");
        (whole["cost"].as_i64().expect("a cost"), floor, stdout(&done))
    };
    let (free, floor, told) = found(&["--trials", "600"], "free");
    assert!(told.contains(", spot ") && told.contains("evicted spot"), "{told}");
    let (frozen, dear, told) = found(&["--trials", "600", "--freeze", "spot"], "frozen");
    assert!(!told.contains(", spot "), "{told}");
    assert!(free * 12 < frozen * 10, "{free} {frozen}");
    assert!(0 < floor && floor < free && floor < dear && dear <= frozen, "{floor} {dear}");
    let others =
        "targets,min,max,behavior,nodes,profile,provisioning,schedules,requests,overprovisioning";
    let (.., told) = found(&["--trials", "100", "--freeze", others, "--ablation"], "others");
    let rows: Vec<&str> = told.lines().skip_while(|line| !line.starts_with(" FROZEN")).collect();
    let names = rows.iter().skip(1).map_while(|row| row.split_whitespace().next());
    assert_eq!(names.collect::<Vec<_>>(), ["nothing", "sizes", "spot"], "{told}");
}
