//! Loads and scenarios read whole, and every fault at its place.

use super::{Arrivals, Shape, What, load, scenario};
use nodeplan_model::scenario::{
    Amount, Balancing, Expander, Metric, RatePolicy, Retries, Schedule, Service,
};
use nodeplan_model::units::{Bytes, MilliCpu};
use proptest::prelude::*;

const LOAD: &str = "\
workloads:
  web-app:
    arrivals: trace * 2
    cpu_per_request: 40ms
    cv: 1.5
    latency: 2ms
    workers: 64
    balancing: least_request
    idle_cpu: 20m
    memory: 500Mi
    memory_per_request: 2Mi
    startup: 20s
    startup_cpu: 500m
    burstiness: 4
    slo: {p95: 250ms}
  queue:
    arrivals: [0.3 per web-app, jobs]
    cpu_per_message: 5ms
    slo: {oldest: 60s}
    cooldown: 5m
    activation: 5
  batch:
    arrivals: 1 per queue
    cpu_per_job: 20s
    messages_per_job: 2000
    slo: {start_within: 10m, share: 99%}
";

#[test]
fn a_load_reads_whole() {
    let file = load("load.yaml", LOAD.as_bytes()).expect("reads");
    let [web, queue, batch] = &file.workloads[..] else { panic!("three workloads") };
    assert!(matches!(web.arrivals[..], [Arrivals::Trace { factor: 2_000_000, .. }]));
    assert_eq!(
        web.service,
        Service::Requests {
            cpu_micros: 40_000,
            cv2_milli: 2250,
            latency_micros: 2000,
            workers: Some(64),
            timeout_millis: 2500,
            balancing: Balancing::LeastRequest,
        }
    );
    assert_eq!((web.idle, web.memory), (Some(MilliCpu(20)), Some(Bytes(500 << 20))));
    assert_eq!((web.burstiness_milli, web.startup_millis), (4000, Some(20_000)));
    assert_eq!((web.objective.within_millis, web.objective.share), (Some(250), 950_000));
    let Arrivals::Calls { caller, factor: 300_000 } = &queue.arrivals[0] else { panic!("calls") };
    assert_eq!((caller.name.as_str(), caller.place.line), ("web-app", 17));
    assert!(matches!(&queue.arrivals[1], Arrivals::Column { series, .. } if series.name == "jobs"));
    assert_eq!(queue.service, Service::Messages { cpu_micros: 5000, batch: 1 });
    assert_eq!((queue.cooldown_seconds, queue.activation), (Some(300), Some(5)));
    assert_eq!((queue.objective.within_millis, queue.objective.share), (Some(60_000), 1_000_000));
    assert_eq!(batch.service, Service::Jobs { cpu_micros: 20_000_000, arrivals_per_job: 2000 });
    assert_eq!(batch.objective.share, 990_000);
}

const SCENARIO: &str = "\
seed: 7
start: Tue 08:30
horizon: 24h
sample: 1m
growth: 1.3
autoscaler: {expander: least-waste, scale_down_unneeded: 5m, scale_down_utilization_threshold: 0.6}
node_boot: {p50: 75s, p95: 160s}
image_pull: 10s
pools:
  general:
    {min: 1, max: 9, initial: 2, spot: yes, priority: 10, schedules: [{from: 06:00, to: 9:00, min: 3}]}
workloads:
  web-app:
    min: 2
    max: 40
    targets: {cpu: 70%, queue: 100, requests_per_pod: 12.5}
    schedules:
      - {days: [fri-mon, wed], from: 22:00, to: 06:00, min: 4}
    behavior:
      scaleUp: {stabilizationWindowSeconds: 30, selectPolicy: Min, policies: [{type: Percent, value: 50, periodSeconds: 60}]}
      scaleDown: {selectPolicy: Disabled, tolerance: 0.05}
traffic:
  visits: {diurnal: {low: 10, high: 100.5, peak: 13:30}, every: 5m}
  crowd: {flash_crowd: {base: 5, peak: 50, at: 10m}}
  bursts: {mmpp: {low: 1, high: 9, quiet: 5m, busy: 1m}}
  jump: {step: {low: 1, high: 2, at: 1h}}
gateway:
  visits: {cache_hit: 60%, rate_limit: 50}
events:
  - {at: 2h, node_fails: general}
  - {at: 3h, zone_fails: 2, for: 20m}
  - {at: 4h, rollout: web-app, surge: 50%}
  - {at: 5h, upgrade: general, surge: 2}
  - {at: 6h, spot_eviction: general, nodes: 3}
  - {at: 7h, provisioning_fails: general}
";

#[test]
fn a_scenario_reads_whole() {
    let file = scenario("scenario.yaml", SCENARIO.as_bytes()).expect("reads");
    assert_eq!((file.seed, file.growth), (Some(7), Some(1_300_000)));
    assert_eq!(file.start_second_of_week, Some(86_400 + 30_600));
    assert_eq!((file.horizon_millis, file.sample_millis), (Some(86_400_000), Some(60_000)));
    let profile = file.autoscaler;
    assert_eq!((profile.expander, profile.unneeded_millis), (Expander::LeastWaste, 300_000));
    assert_eq!((profile.utilization_milli, profile.scan_millis), (600, 10_000));
    assert_eq!((file.times.ready_p95_millis, file.times.pull_millis), (160_000, 10_000));
    let pool = &file.pools[0];
    assert_eq!((pool.min, pool.max, pool.initial), (Some(1), Some(9), Some(2)));
    assert_eq!((pool.spot, pool.priority), (true, 10));
    let daily = Schedule { days: 127, from_second: 21_600, to_second: 32_400, min: 3 };
    assert_eq!(pool.schedules, [daily]);
    let web = &file.workloads[0];
    let targets =
        [Metric::CpuUtilization(70), Metric::QueueLength(100), Metric::RequestsPerPod(12_500)];
    assert_eq!(web.targets.as_deref(), Some(&targets[..]));
    assert_eq!(web.schedules[0].days, 0b111_0101);
    let behavior = web.behavior.as_ref().expect("behavior");
    let policy = RatePolicy { percent: true, value: 50, period_seconds: 60 };
    assert_eq!(behavior.up.policies.as_deref(), Some(&[policy][..]));
    assert_eq!(behavior.down.tolerance_milli, Some(50));
    let shapes: Vec<_> = file.traffic.iter().map(|one| one.shape).collect();
    let Shape::Diurnal { high: 100_500_000, peak_second: 48_600, .. } = shapes[0] else {
        panic!("{shapes:?}")
    };
    assert_eq!(file.traffic[0].step_seconds, 300);
    assert_eq!(file.gateways[0].cache_hit, 600_000);
    assert_eq!(file.gateways[0].rate_limit, Some(50_000_000));
    assert_eq!(file.events.len(), 6);
    assert_eq!(file.events[1].what, What::ZoneFails { zone: 2, millis: 1_200_000 });
    let What::Rollout { surge: Amount::Percent(50), unavailable: Amount::Percent(25), .. } =
        file.events[2].what
    else {
        panic!("{:?}", file.events[2])
    };
}

#[test]
fn arrivals_may_come_later_and_again() {
    let text = "\
workloads:
  a: {arrivals: [trace * 2 @ 3h, x@-90m, mail@home], cpu_per_request: 1ms, retries: {attempts: 2}}
  b: {cpu_per_request: 1ms, retries: {attempts: 100, backoff: 30s}}
";
    let file = load("f", text.as_bytes()).expect("reads");
    let [trace, x, mail] = &file.workloads[0].arrivals[..] else { panic!("three") };
    assert!(matches!(trace, Arrivals::Trace { factor: 2_000_000, offset_millis: 10_800_000, .. }));
    let named = |one: &Arrivals| match one {
        Arrivals::Column { series, offset_millis, .. } => (series.name.clone(), *offset_millis),
        other => panic!("{other:?}"),
    };
    assert_eq!(named(x), ("x".to_owned(), -5_400_000));
    assert_eq!(named(mail), ("mail@home".to_owned(), 0));
    let retries: Vec<_> = file.workloads.iter().map(|one| one.retries).collect();
    let [a, b] = [(2, 0), (100, 30_000)]
        .map(|(attempts, backoff_millis)| Some(Retries { attempts, backoff_millis }));
    assert_eq!(retries, [a, b]);
    let text = "\
workloads:
  a: {cpu_per_message: 1ms, retries: {attempts: 2}}
  b: {cpu_per_request: 1ms, retries: {backoff: 2d, attempts: 0}}
  c: {cpu_per_request: 1ms, retries: 3}
";
    let want = [
        "NP1413: f:2:38: retries has no meaning without cpu_per_request",
        "NP1055: f:3:48: backoff is longer than a day",
        "NP1055: f:3:62: attempts is 0",
        "NP1052: f:4:38: retries is a single value",
    ];
    assert_eq!(faults(true, text).join("\n"), want.join("\n"));
    assert_eq!(
        faults(false, "offset: 3\n"),
        ["NP1055: f:1:9: offset `3` is no length of time: it has no unit"]
    );
}

/// Every fault of a text, one line each.
fn faults(of_load: bool, text: &str) -> Vec<String> {
    let found = if of_load {
        load("f", text.as_bytes()).map(|_| ())
    } else {
        scenario("f", text.as_bytes()).map(|_| ())
    };
    let all = found.expect_err("faults");
    all.iter().map(ToString::to_string).collect()
}

#[test]
fn every_fault_of_a_load_is_told() {
    let text = "\
workloads:
  web:
    cpu_per_request: 40
    cpu_per_job: 1s
    batch: 3
    slo: {p95: 250ms, p99: 1s}
    arrivals: [x per y, \" * 2\"]
    idle: 3
  queue:
    cpu_per_message: 5ms
    cv: 2
    slo: {share: 120%}
";
    let want = [
        "NP1410: f:3:22: cpu_per_request `40` is not a length of time: it has no unit",
        "NP1413: f:4:18: a workload takes requests, messages or jobs",
        "NP1413: f:5:12: batch has no meaning without cpu_per_message",
        "NP1413: f:6:28: an objective has one limit",
        "NP1412: f:7:16: `x` is no factor",
        "NP1412: f:7:25: `* 2` names nothing",
        "NP1051: f:8:5: `idle` is no field of a workload's load",
        "NP1413: f:11:9: cv has no meaning without cpu_per_request",
        "NP1055: f:12:10: slo has no limit",
        "NP1055: f:12:18: share is more than it can be",
    ];
    assert_eq!(faults(true, text).join("\n"), want.join("\n"));
}

#[test]
fn every_fault_of_a_scenario_is_told() {
    let text = "\
start: someday
horizon: 24
pools:
  general: {min: 5, max: 3, schedules: [{days: someday, from: 25:00, to: 08:00}]}
workloads:
  web: {targets: {cpu: 0, memory: 0.7}, behavior: {scaleUp: {policies: [{type: Pod, value: 1}]}}}
events:
  - {at: 1h}
  - {at: 1h, node_fails: a, upgrade: b}
  - {at: 1h, zone_fails: 4}
  - {rollout: web, nodes: 3}
traffic:
  a: {diurnal: {low: 1}}
  b: {}
autoscaler: {expander: least_waste, scan_interval: 0}
node_boot: {p50: 9m, p95: 1m}
";
    let want = [
        "NP1055: f:1:8: start `someday` is no time",
        "NP1410: f:2:10: horizon `24` is not a length of time: it has no unit",
        "NP1413: f:4:18: min 5 is above max 3",
        "NP1054: f:4:41: a schedule has no `min`",
        "NP1055: f:4:48: `someday` is no day",
        "NP1055: f:4:63: from `25:00` is no time of day",
        "NP1055: f:6:24: cpu is 0",
        "NP1055: f:6:35: memory `0.7` is no target",
        "NP1054: f:6:73: a policy has no `periodSeconds`",
        "NP1016: f:6:80: `Pod` is no value of type",
        "NP1055: f:8:5: an event has 0 things that happen",
        "NP1055: f:9:5: an event has 2 things that happen",
        "NP1055: f:10:26: zone_fails is 4",
        "NP1054: f:11:5: an event has no `at`",
        "NP1413: f:11:27: nodes has no meaning for rollout",
        "NP1054: f:13:16: diurnal has no `high`",
        "NP1055: f:14:6: made-up traffic has 0 shapes",
        "NP1016: f:15:24: `least_waste` is no value of expander",
        "NP1055: f:15:52: scan_interval is 0",
        "NP1413: f:16:12: p50 of node_boot is above its p95",
    ];
    assert_eq!(faults(false, text).join("\n"), want.join("\n"));
}

proptest! {
    /// A piece of a file in the place of another: what reads, reads without a panic.
    #[test]
    fn spoiled_files_read_or_fail(from in 0_usize..1200, to in 0_usize..1200, more in "[ -~\\n]{0,12}") {
        for text in [LOAD, SCENARIO] {
            let at = from.min(text.len());
            let end = at.max(to.min(text.len()));
            let spoiled = format!("{}{more}{}", &text[..at], &text[end..]);
            let _ = (load("f", spoiled.as_bytes()), scenario("f", spoiled.as_bytes()));
            let word = text.split_whitespace().nth(from % 60).unwrap_or("x");
            let swapped = text.replacen(word, &more, 1);
            let _ = (load("f", swapped.as_bytes()), scenario("f", swapped.as_bytes()));
        }
    }

    #[test]
    fn any_bytes_read_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (load("f", &bytes), scenario("f", &bytes));
    }
}

#[test]
fn targets_are_shares_or_amounts() {
    let read = |targets: &str| {
        let text = format!("workloads: {{web: {{targets: {{{targets}}}}}}}\n");
        let file = scenario("s.yaml", text.as_bytes());
        file.map(|file| file.workloads[0].targets.clone().unwrap_or_default())
            .map_err(|faults| faults[0].code)
    };
    for (targets, want) in [
        ("cpu: 70", vec![Metric::CpuUtilization(70)]),
        ("cpu: 500m", vec![Metric::CpuAverage(500)]),
        ("memory: 600Mi", vec![Metric::MemoryAverage(600 << 20)]),
        (
            "memory: 129M, cpu: 80%",
            vec![Metric::CpuUtilization(80), Metric::MemoryAverage(129_000_000)],
        ),
        ("memory: 1.0009765625Ki", vec![Metric::MemoryAverage(1025)]),
        ("requests_value: 0.5", vec![Metric::RequestsValue(500)]),
        ("queue_value: 12", vec![Metric::QueueValue(12)]),
    ] {
        assert_eq!(read(targets), Ok(want), "{targets}");
    }
    for wrong in [
        "cpu: 0m",
        "cpu: 0.5",
        "cpu: 600Mi",
        "memory: 500m",
        "memory: 0Ki",
        "container_cpu: 500m",
        "requests_per_pod: 0",
        "queue_value: 0",
        "cpu: 99999999999999999999m",
    ] {
        assert_eq!(read(wrong), Err("NP1055"), "{wrong}");
    }
}

#[test]
fn what_the_api_server_or_a_day_cannot_be_is_a_fault() {
    for (text, code, column) in [
        ("workloads: {web: {behavior: {scaleUp: {policies: []}}}}\n", "NP1055", 50),
        ("traffic: {visits: {diurnal: {low: 5, high: 2}}}\n", "NP1413", 35),
    ] {
        let faults = scenario("s.yaml", text.as_bytes()).expect_err("a fault");
        let found: Vec<_> = faults.iter().map(|one| (one.code, one.place.column)).collect();
        assert_eq!(found, [(code, column)], "{text}");
    }
}
