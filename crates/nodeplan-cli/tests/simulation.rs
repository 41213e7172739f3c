//! `nodeplan simulate` as its users meet it: a small cluster, short traffic.

mod command;

use command::{Folder, code, root, stderr, stdout};

const SMALL: &str = "name,min_replicas,max_replicas,cpu_request,memory_request,hpa_cpu_target\n\
                     web,2,10,500m,1Gi,70\nqueue,1,1,200m,256Mi,\n";
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

/// Ten minutes at 20 requests a second, ten at 100, ten at 20.
fn traffic() -> String {
    let row = |minute: u64| {
        let count = if (10..20).contains(&minute) { 6000 } else { 1200 };
        format!("{},{count}\n", minute * 60)
    };
    format!("timestamp_s,requests\n{}", (0..30).map(row).collect::<String>())
}

/// A folder with a plan, traffic and load.
fn planned(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("w.csv", SMALL);
    folder.write("t.csv", &traffic());
    folder.write("load.yaml", LOAD);
    let made = folder.run(&[
        "optimize",
        "-w",
        "w.csv",
        "--skus",
        "D4s_v3,D8s_v3",
        "--plan-only",
        "-o",
        "plan.json",
    ]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    folder
}

fn simulate<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["simulate", "plan.json", "-t", "t.csv", "-l", "load.yaml"][..], more].concat()
}

#[test]
fn a_run_tells_cost_service_curves_decisions_and_assumptions() {
    let folder = planned("run");
    let done = folder.run(&simulate(&[]));
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let told = stdout(&done);
    for part in [
        "Ran ",
        "30 min from Mon 00:00:00, seed 1",
        " USD/month at that rate; its node counts at low and high",
        "Objectives ",
        " WORKLOAD ",
        " POOL ",
        " web arrivals/s ",
        " web ready pods ",
        " CPU used ",
        " cost per hour ",
        "  HPA  ",
        "Assumptions (*)",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    assert!(told.is_ascii(), "pipes get ASCII:\n{told}");
    let page = stdout(&folder.run(&simulate(&["-f", "md"])));
    assert!(page.contains("| WORKLOAD | COUNTED | OFFERED |") && page.contains("█"), "{page}");
    let why = stdout(&folder.run(&simulate(&["--explain", "web@15m"])));
    assert!(why.starts_with("web at Mon 00:15:00\n"), "{why}");
    assert!(why.contains("Why that many replicas") && why.contains("  HPA  "), "{why}");
    assert_eq!(why, stdout(&folder.run(&simulate(&["--explain", "web@00:15"]))));
}

#[test]
fn curves_tell_what_is_not_zero_and_all_where_all_is_asked_for() {
    let folder = planned("curves");
    folder.write("crowd.yaml", "horizon: 10m\nworkloads: {web: {replicas: 60, autoscaling: no}}\n");
    let shown = |more: &[&str]| {
        let done = folder.run(&simulate(more));
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        stdout(&done)
    };
    let calm = ["--horizon", "9m"];
    let (few, all) = (shown(&calm), shown(&["-v", "--horizon", "9m"]));
    for part in [" web p95 response time ", " ms\n", " pending pods "] {
        assert!(all.contains(part), "no `{part}` in\n{all}");
    }
    assert!(!few.contains(" p95 response time ") && !few.contains(" pending pods "), "{few}");
    assert!(few.contains("%\n") && few.contains(" USD\n"), "{few}");
    let crowd = shown(&["-s", "crowd.yaml"]);
    assert!(crowd.contains(" pending pods "), "{crowd}");
}

#[test]
fn an_explanation_tells_why_no_node_comes_for_those_that_wait() {
    let folder = planned("lack");
    folder.write("crowd.yaml", "horizon: 5m\nworkloads: {web: {replicas: 60, autoscaling: no}}\n");
    let why = |asked: &str| {
        let done = folder.run(&simulate(&["-s", "crowd.yaml", "--explain", asked]));
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        stdout(&done)
    };
    let told = why("web@5m");
    assert!(told.contains("Why no more nodes were asked for while pods wait"), "{told}");
    assert!(told.contains("it has as many nodes as it may, "), "{told}");
    let calm = stdout(&folder.run(&simulate(&["--horizon", "5m", "--explain", "web@5m"])));
    assert!(!calm.contains("Why no more nodes"), "{calm}");
}

#[test]
fn many_runs_tell_the_rest_of_the_scorecard_too() {
    let folder = planned("many");
    let run = |more: &[&str]| {
        let done = folder.run(&simulate(&[&["--runs", "3", "--horizon", "10m"], more].concat()));
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        stdout(&done)
    };
    let told = run(&[]);
    for part in ["OVER RUNS", " node-hours ", " p95 ms of web "] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    assert!(!told.contains(" evictions of "), "{told}");
    let json: serde_json::Value = serde_json::from_str(&run(&["-f", "json"])).unwrap();
    let services = json["run"]["replications"]["services"].as_array().unwrap();
    assert_eq!(services.len(), json["run"]["workloads"].as_array().unwrap().len());
    assert!(
        services[0]["p95_micros"]["mean"].as_u64().is_some_and(|mean| mean > 0),
        "{services:?}"
    );
    assert_eq!(services[0]["evictions_milli"]["most"], 0);
}

#[test]
fn what_is_explained_and_its_decisions_are_of_one_instant() {
    let folder = planned("instant");
    let explained = |sample: &str, asked: &str| {
        stdout(&folder.run(&simulate(&["--sample", sample, "--explain", asked])))
    };
    let told = "  the end of the sample that Mon 00:11:00 is in: states are kept every 5 min (`sample`)\n\n";
    let within = explained("5m", "web@11m");
    assert!(within.starts_with(&format!("web at Mon 00:15:00\n{told}")), "{within}");
    assert_eq!(within.replace(told, ""), explained("5m", "web@15m"));
    // A sixth replica is decided at 11:15.
    let end = explained("1m", "web@11m");
    assert!(end.contains(" 5 wanted, ") && !end.contains("00:11:15  HPA"), "{end}");
    let next = explained("1m", "web@11m1s");
    assert!(next.contains(" 6 wanted, ") && next.contains("00:11:15  HPA"), "{next}");
}

#[test]
fn equal_seeds_give_equal_bytes_on_any_number_of_threads() {
    let folder = planned("bytes");
    let bytes = |more: &[&str]| {
        let done = folder.run(&simulate(more));
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        done.stdout
    };
    let one = bytes(&["-f", "json", "--runs", "3", "--threads", "1"]);
    assert_eq!(one, bytes(&["-f", "json", "--runs", "3", "--threads", "2"]));
    let text = String::from_utf8(one).expect("UTF-8");
    assert!(text.starts_with("{\"schemaVersion\":\"nodeplan/simulation/v1\","), "{text:.80}");
    assert!(text.contains("\"replications\":{\"runs\":3,\"first_seed\":1,"));
    assert_ne!(bytes(&["-f", "csv"]), bytes(&["-f", "csv", "--seed", "2"]));
    let table = String::from_utf8(bytes(&["--runs", "3"])).expect("UTF-8");
    assert!(table.contains("3 runs of seeds 1..3") && table.contains("OVER RUNS"), "{table}");
}

#[test]
fn csv_has_a_line_for_every_sample_of_every_workload_and_pool() {
    let folder = planned("csv");
    let text = stdout(&folder.run(&simulate(&["-f", "csv", "--horizon", "10m", "--sample", "5m"])));
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    assert_eq!(header[..4], ["time_ms", "kind", "name", "offered"]);
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == header.len()), "{text}");
    let web: Vec<_> = rows.iter().filter(|row| row[2] == "web").collect();
    assert_eq!(web.len(), 2);
    assert_eq!((web[0][0], web[1][0]), ("300000", "600000"));
    let offered: u64 = web.iter().map(|row| row[3].parse::<u64>().expect("a count")).sum();
    // 600 s at 20 a second, the last 30 of them on the way to 60: 12,600 with a deviation of 112.
    assert!((12_000..13_200).contains(&offered), "{offered}");
    assert!(rows.iter().any(|row| row[1] == "pool"));
}

#[test]
fn objectives_are_a_gate_if_asked() {
    let folder = planned("gate");
    let strict = LOAD.replace("200ms", "1ms");
    folder.write("strict.yaml", &strict);
    for (load, more, want) in [
        ("load.yaml", &[][..], 0),
        ("strict.yaml", &[][..], 0),
        ("strict.yaml", &["--require-slo"][..], 4),
    ] {
        let run = ["simulate", "plan.json", "-t", "t.csv", "-l", load, "--horizon", "5m"];
        let done = folder.run(&[&run[..], more].concat());
        assert_eq!(code(&done), want, "{load} {more:?}: {}", stderr(&done));
        assert_eq!(stdout(&done).contains("missed by 1 of 2: web"), load == "strict.yaml");
    }
}

#[test]
fn all_faults_of_all_inputs_are_told_at_once() {
    let folder = planned("faults");
    folder.write("bad.csv", "timestamp_s,requests\n0,1\n60,x\n90,1\n120,2\n180,2\n240,2\n");
    folder.write("bad.yaml", "workloads:\n  web: {cpu_per_request: 20}\n");
    folder.write("worse.yaml", "horizon: 1x\npools:\n  d4: {min: 3, max: 1}\n");
    let bad = ["simulate", "plan.json", "-t", "bad.csv", "-l", "bad.yaml", "-s", "worse.yaml"];
    let done = folder.run(&bad);
    assert_eq!((code(&done), done.stdout.len()), (2, 0));
    let told = stderr(&done);
    for part in [
        "error[NP1405]: requests `x` is no number\n  +- bad.csv:3:4\n",
        "error[NP1404]: the time is off the grid: rows stand 60 s apart\n",
        "error[NP1410]: cpu_per_request `20` is not a length of time: it has no unit\n",
        "error[NP1410]: horizon `1x` is not a length of time: `x` is not a suffix\n",
        "error[NP1413]: min 3 is above max 1\n",
        "5 errors, nothing simulated.\n",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    folder.write("names.yaml", "pools:\n  d4sv4: {max: 3}\nevents:\n  - {at: 1m, rollout: wep}\n");
    let told = stderr(&folder.run(&simulate(&["-s", "names.yaml", "-m", "queu=reqests"])));
    for part in [
        "error[NP1420]: there is no workload `queu`",
        "help: did you mean queue?",
        "error[NP1421]: there is no traffic `reqests`",
        "help: did you mean requests?",
        "error[NP1422]: there is no pool `d4sv4`",
        "error[NP1420]: there is no workload `wep`\n  +- names.yaml:4:23\n",
        "4 errors, nothing simulated.\n",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
}

#[test]
fn wrong_usage_says_what_to_write() {
    let folder = planned("usage");
    folder.write(
        "circle.yaml",
        "workloads:\n  web: {arrivals: 1 per queue}\n  queue: {arrivals: 1 per web}\n",
    );
    folder.write("lengths.yaml", "horizon: 50s\nsample: 7s\n");
    for (more, want) in [
        (&["--scale", "huge"][..], "help: give peak-to-max"),
        (&["--forecast", "4"][..], "error[NP1424]: traffic `requests` cannot be forecast\n"),
        (&["--horizon", "24"][..], "--horizon `24` is no length of time"),
        (
            &["--horizon", "20s"][..],
            " +- --horizon 20s\n  = expected: a multiple of 15s\n  = help: write 30s",
        ),
        (&["--sample", "0s"][..], "error[NP4004]: --sample is no whole number"),
        (&["--horizon", "5000d"][..], "error[NP4003]: --horizon is too long\n"),
        (
            &["-s", "lengths.yaml"][..],
            "error[NP4004]: horizon is no whole number of intervals of 15 s\n  +- lengths.yaml:1:10\n",
        ),
        (
            &["-s", "lengths.yaml"][..],
            "error[NP4004]: sample is no whole number of intervals of 15 s\n  +- lengths.yaml:2:9\n",
        ),
        (&["--scale", "-1"][..], "--scale `-1` is no factor"),
        (&["--explain", "web"][..], "help: write a workload or pool and a time"),
        (&["--explain", "wep@5m"][..], "help: did you mean web?"),
        (&["--explain", "web@5d"][..], "5d is after the end of the run"),
        (&["--map", "web"][..], "error[NP1412]: no `=` stands in it"),
    ] {
        let done = folder.run(&simulate(more));
        assert_eq!(code(&done), 2, "{more:?}: {}", stdout(&done));
        assert!(stderr(&done).contains(want), "{more:?}: {}", stderr(&done));
    }
    let circle = folder.run(&["simulate", "plan.json", "-l", "circle.yaml"]);
    let want =
        "error[NP4002]: calls go in a circle: `web` per `queue` per `web`\n  +- circle.yaml:2:19\n";
    assert!(stderr(&circle).contains(want), "{}", stderr(&circle));
    let nobody = folder.run(&["simulate", "plan.json", "-t", "t.csv"]);
    assert!(stderr(&nobody).contains("help: say who takes it: --map web=requests"));
}

#[test]
fn a_run_that_is_too_large_says_where() {
    let folder = planned("too-large");
    folder.write(
        "many.csv",
        "name,min_replicas,max_replicas,cpu_request,memory_request\nbig,2000000,2000000,1m,1Mi\n",
    );
    folder.write("pools.yaml", "pools:\n  - {name: sys, sku: D4s_v3, mode: System, count: 3}\n");
    folder.write("long.csv", "timestamp_s,requests\n0,1\n900000000,2\n");
    folder.write("wide.yaml", "pools: {sys: {max: 200000}}\n");
    folder.write("start.yaml", "pools: {sys: {max: 7, initial: 9}}\n");
    for (run, want) in [
        (
            &["simulate", "pools.yaml", "-w", "many.csv", "--horizon", "10m"][..],
            &[
                "error[NP4003]: workload `big` may have 2000000 replicas",
                "= help: lower it in a scenario: ",
            ][..],
        ),
        (
            &["simulate", "plan.json", "-t", "long.csv", "-m", "web=requests"],
            &["error[NP4003]: ", "+- --traffic", "= help: give it an end: --horizon 365d"],
        ),
        (
            &["simulate", "pools.yaml", "-w", "w.csv", "-s", "wide.yaml"],
            &["+- wide.yaml:1:", "expected: a whole number from 0 to 100000"],
        ),
        (
            &["simulate", "pools.yaml", "-w", "w.csv", "-s", "start.yaml"],
            &["error[NP1413]: initial 9 is not within ", "+- start.yaml:1:9"],
        ),
    ] {
        let done = folder.run(run);
        assert_eq!(code(&done), 2, "{run:?}: {}", stdout(&done));
        for part in want {
            assert!(stderr(&done).contains(part), "{run:?}: {}", stderr(&done));
        }
    }
}

#[test]
fn made_up_traffic_schedules_events_and_gateways_run() {
    let folder = planned("scenario");
    folder.write(
        "s.yaml",
        "seed: 3\nstart: Tue 07:50\nhorizon: 30m\n\
         workloads:\n  web: {max: 6, schedules: [{days: tue, from: 08:00, to: 09:00, min: 5}]}\n\
         traffic:\n  visits: {step: {low: 10, high: 30, at: 10m}}\n\
         gateway:\n  visits: {cache_hit: 50%, rate_limit: 10}\n\
         events:\n  - {at: 20m, rollout: web, surge: 50%}\n",
    );
    let run = ["simulate", "plan.json", "-l", "load.yaml", "-s", "s.yaml"];
    let done = folder.run(&run);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let told = stdout(&done);
    assert!(told.contains("30 min from Tue 07:50:00, seed 3"), "{told}");
    // Half of 10 passes the cache, half of 30 is cut to 10: 600 s × 5 + 1200 s × 10.
    let csv = stdout(&folder.run(&[&run[..], &["-f", "csv"]].concat()));
    let web = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let offered: u64 =
        web.filter(|row| row[2] == "web").map(|row| row[3].parse().unwrap_or(0)).sum();
    assert!((14_300..15_700).contains(&offered), "{offered}");
    // Half of 30 is 15, of which 5 a second are refused for 1200 s; the trace rises in a minute at most.
    let last = |line: &str| line.rsplit(',').next().and_then(|cell| cell.parse::<u64>().ok());
    let refused: u64 = csv.lines().filter_map(last).sum();
    assert!((5_700..6_300).contains(&refused), "{refused}");
    assert!(told.contains(" REFUSED"), "{told}");
    let json = stdout(&folder.run(&[&run[..], &["-f", "json"]].concat()));
    assert!(json.contains(&format!("\"refused\":{refused},")), "{refused}");
}

#[test]
fn the_reference_cluster_runs_with_its_load() {
    let folder = Folder::new("reference-run");
    let data = root().join("data/workloads");
    let path = |name: &str| data.join(name).to_str().expect("UTF-8").to_owned();
    let (workloads, load) = (path("reference.csv"), path("reference-load.yaml"));
    let sizes = "D2s_v3,D4s_v3,E8s_v4,E16s_v4";
    let made = folder.run(&[
        "optimize",
        "-w",
        &workloads,
        "--skus",
        sizes,
        "--plan-only",
        "-o",
        "plan.json",
    ]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    assert!(folder.path().join("plan.json").is_file());
    folder.write("t.csv", &traffic());
    let done = folder.run(&[
        "simulate",
        "plan.json",
        "-t",
        "t.csv",
        "-l",
        &load,
        "--scale",
        "peak-to-max",
    ]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert!(
        stdout(&done).contains("so that its peak needs 8 pods of web-app"),
        "{}",
        stdout(&done)
    );
}

#[test]
fn a_forecast_runs_the_traffic_of_later_weeks() {
    let folder = planned("forecast");
    // Three weeks of hours, of which each day grows by a tenth a week.
    let row = |hour: usize| {
        let level = 1000.0 * 1.1_f64.powf((hour / 24) as f64 / 7.0);
        format!("{},{:.0}\n", hour * 3600, level * (10 + hour % 24) as f64)
    };
    let rows: String = (0..504).map(row).collect();
    folder.write("t.csv", &format!("timestamp_s,requests\n{rows}"));
    let run = |more: &[&str]| {
        let done = folder.run(&simulate(&[&["-f", "json", "--horizon", "1d"], more].concat()));
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        stdout(&done)
    };
    let offered = |text: &str| {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        json["run"]["scorecard"]["services"][0]["offered"].as_f64().unwrap()
    };
    let told = run(&["--forecast", "1"]);
    assert!(told.contains("is a forecast 1 weeks ahead: its last"), "{told}");
    // A week after week 3 begins week 5: 1.1 to the fourth times the first day of the trace.
    let ratio = offered(&told) / offered(&run(&[]));
    assert!((ratio / 1.1_f64.powi(4) - 1.0).abs() < 0.02, "{ratio}");
}

#[test]
fn names_in_traffic_cannot_harm_a_terminal_or_a_page() {
    let folder = planned("hostile");
    folder.write("t.csv", "timestamp_s,\u{1b}[31m<b>|x\n0,1\n60,1\n120,3\n");
    for format in ["table", "md", "csv", "json"] {
        let done = folder.run(&simulate(&["-f", format]));
        assert_eq!(code(&done), 0, "{}", stderr(&done));
        let text = format!("{}{}", stdout(&done), stderr(&done));
        assert!(!text.contains('\u{1b}'), "{format}: {text}");
        assert!(format != "md" || !text.contains("<b>"), "{text}");
    }
    let told = stderr(&folder.run(&["simulate", "plan.json", "-t", "t.csv"]));
    assert!(!told.contains('\u{1b}'), "{told}");
}

#[test]
fn the_schema_names_what_the_document_holds() {
    let folder = planned("schema");
    let text = stdout(&folder.run(&simulate(&["-f", "json", "--horizon", "2m", "--runs", "2"])));
    let schema = stdout(&folder.run(&["schema", "simulation"]));
    // Every member's name of the document stands in the schema; a scenario's own are left open.
    let scenario = text.find("\"scenario\":").expect("a scenario");
    let timeline = text.find("\"timeline\":").expect("a timeline");
    let names = |part: &str| -> Vec<String> {
        let pieces: Vec<&str> = part.split("\":").collect();
        let whole = &pieces[..pieces.len() - 1];
        whole.iter().filter_map(|piece| piece.rsplit('"').next()).map(str::to_owned).collect()
    };
    let mut all = names(&text[..scenario]);
    all.extend(names(&text[timeline..]));
    assert!(all.len() > 60, "{all:?}");
    for name in all {
        assert!(schema.contains(&format!("\"{name}\": ")), "`{name}` is not in the schema");
    }
}
