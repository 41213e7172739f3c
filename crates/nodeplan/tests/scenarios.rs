//! Scenario and load files of any kind: what reads becomes a scenario or faults, and a scenario
//! that is small enough runs to its end, never a panic.

use nodeplan::io::csv::{TrafficOptions, traffic_csv, workloads_csv};
use nodeplan::io::{catalog::catalog, yaml};
use nodeplan::model::eligibility::{Filter, Pattern};
use nodeplan::model::plan::Plan;
use nodeplan::model::problem::Problem;
use nodeplan::model::scenario::{MILLION, Metric, Source};
use nodeplan::simulate::{Inputs, Scale, Staged, simulate, stage};
use nodeplan::{Options, Setup, optimize, problem_from};
use proptest::prelude::*;
use std::sync::LazyLock;

const WORKLOADS: &str = "\
namespace,name,min_replicas,max_replicas,cpu_request,memory_request,hpa_cpu_target
shop,web,1,3,100m,128Mi,
default,web,2,4,250m,256Mi,50
default,queue,1,1,200m,256Mi,
default,rare,0,2,100m,128Mi,60
";

const LOAD: &str = "\
workloads:
  web: {arrivals: trace, cpu_per_request: 10ms, slo: {p95: 100ms}, startup: 5s}
  queue: {arrivals: 0.5 per web, cpu_per_message: 2ms, cooldown: 1m}
";

const SCENARIO: &str = "\
horizon: 2m
sample: 30s
growth: 1.5
pools: {d4sv3: {min: 1, max: 3, spot: yes}}
workloads: {queue: {min: 0, max: 2, targets: {queue: 10}}, shop/web: {autoscaling: no}}
gateway: {r: {cache_hit: 50%, rate_limit: 30}}
events: [{at: 45s, rollout: web}, {at: 1m, node_fails: d4sv3}]
";

static PLANNED: LazyLock<(Problem, Plan)> = LazyLock::new(|| {
    let file =
        workloads_csv("w.csv", WORKLOADS.as_bytes(), &Default::default()).expect("sound inputs");
    let catalog = catalog("koreacentral").expect("sound inputs");
    let filter = Filter { allow: vec![Pattern::new("D4s_v3")], ..Filter::new(catalog.date) };
    let prepared = problem_from(Setup::new(&catalog, &filter, file)).expect("sound inputs");
    let best = optimize(&prepared.problem, &Options::default()).expect("sound inputs");
    (best.problem, best.plan.expect("sound inputs"))
});

/// What the files make, or that they make nothing.
fn staged(load: &str, scenario: &str, scale: Scale) -> Option<Staged> {
    let csv = b"timestamp_s,r\n0,40\n1,80\n2,60\n";
    let inputs = Inputs {
        traffic: vec![traffic_csv("t.csv", csv, TrafficOptions::default()).expect("sound inputs")],
        load: yaml::load("load.yaml", load.as_bytes()).ok()?,
        scenario: yaml::scenario("scenario.yaml", scenario.as_bytes()).ok()?,
        scale,
        ..Inputs::default()
    };
    let (problem, plan) = &*PLANNED;
    stage(problem, plan, &inputs).ok()
}

/// The place of a workload in the problem.
fn place(name: &str) -> usize {
    PLANNED.0.workloads().iter().position(|one| one.full_name() == name).expect("sound inputs")
}

#[test]
fn defaults_come_from_the_workloads_file_and_the_plan() {
    let Staged { scenario, assumptions, .. } =
        staged(LOAD, "seed: 9", Scale::PeakToMax).expect("a scenario");
    let (web, shop, queue) = (place("web"), place("shop/web"), place("queue"));
    let scaling = scenario.scaling[web].as_ref().unwrap();
    assert_eq!((scaling.min, scaling.max, scaling.metrics[0]), (2, 4, Metric::CpuUtilization(50)));
    let other = scenario.scaling[shop].as_ref().unwrap();
    assert_eq!((other.max, other.metrics[0]), (3, Metric::CpuUtilization(80)));
    assert_eq!((scenario.scaling[queue].as_ref(), scenario.replicas[queue]), (None, 1));
    assert_eq!((scenario.replicas[web], scenario.seed), (2, 9));
    // Four pods at 50 % of 250m take 50 requests of 10 ms a second; the peak is 80.
    assert_eq!(scenario.loads[web].sources, [Source::Series { series: 0, factor: 625_000 }]);
    // Three steps of a second: the run is one sample of a minute.
    assert_eq!((scenario.horizon_millis, scenario.sample_millis), (60_000, 60_000));
    assert!(assumptions.iter().any(|one| one.contains("shop/web")), "{assumptions:?}");
    let pool = &scenario.pools[0];
    assert!(pool.min >= 1 && pool.min == pool.initial && pool.max >= pool.min, "{pool:?}");
}

/// CPU and memory need a pod to be measured.
#[test]
fn what_nothing_wakes_never_sleeps() {
    let Staged { scenario, assumptions, .. } =
        staged(LOAD, SCENARIO, Scale::Factor(MILLION)).expect("a scenario");
    let rare = scenario.scaling[place("rare")].as_ref().unwrap();
    assert_eq!((rare.min, rare.cooldown_seconds, scenario.replicas[place("rare")]), (1, None, 1));
    assert!(
        assumptions.iter().any(|one| one.contains("keep a replica") && one.ends_with(": rare"))
    );
    for (scaling, sound) in [
        ("min: 0", false),
        ("min: 0, targets: {cpu: 50%, memory: 60%}", false),
        ("min: 0, autoscaling: no", true),
        ("min: 0, targets: {cpu: 50%, requests_per_pod: 10}", true),
        ("min: 0, schedules: [{from: 08:00, to: 18:00, min: 2}]", true),
        ("min: 1, replicas: 0", true),
    ] {
        let text = format!("workloads:\n  web: {{{scaling}}}\n");
        let inputs = Inputs {
            scenario: yaml::scenario("s.yaml", text.as_bytes()).expect("it reads"),
            ..Inputs::default()
        };
        let (problem, plan) = &*PLANNED;
        let faults = stage(problem, plan, &inputs).err().unwrap_or_default();
        assert_eq!(faults.is_empty(), sound, "{scaling}: {faults:?}");
        for fault in faults {
            assert_eq!((fault.code, fault.place.line, fault.place.column), ("NP1413", 2, 3));
            assert!(fault.help.is_some_and(|help| help.contains("requests_per_pod")), "{scaling}");
        }
    }
}

#[test]
fn what_can_never_happen_is_told() {
    let stage = |text: &str| {
        let inputs = Inputs {
            scenario: yaml::scenario("s.yaml", text.as_bytes()).expect("it reads"),
            ..Inputs::default()
        };
        let (problem, plan) = &*PLANNED;
        stage(problem, plan, &inputs)
    };
    let told = |text: &str, part: &str| {
        let assumptions = stage(text).expect("a scenario").assumptions;
        assumptions.iter().any(|one| one.contains(part))
    };
    let late = "1 event comes after the end of the run and never happens";
    assert!(told("horizon: 5m\nevents: [{at: 9h, rollout: web}]\n", late));
    assert!(!told("horizon: 5m\nevents: [{at: 5m, rollout: web}]\n", "after the end"));
    for (most, never) in [(2, true), (3, false)] {
        let text =
            format!("pools: {{d4sv3: {{max: {most}}}}}\nevents: [{{at: 1m, zone_fails: 3}}]\n");
        assert_eq!(told(&text, "zone 3 fails, but no pool ever has a node"), never, "{text}");
    }
    let evicts = "events:\n  - {at: 1m, spot_eviction: d4sv3}\n";
    let faults = stage(evicts).expect_err("d4sv3 is no spot pool");
    assert_eq!((faults.len(), faults[0].code, faults[0].place.line), (1, "NP1413", 2));
    assert!(stage(&format!("pools: {{d4sv3: {{spot: yes}}}}\n{evicts}")).is_ok());
}

#[test]
fn a_gateway_limits_what_growth_makes() {
    let staged = staged(LOAD, SCENARIO, Scale::Factor(MILLION)).expect("a scenario");
    let source = staged.scenario.loads[place("web")].sources[0];
    let Source::Series { series, factor: MILLION } = source else { panic!("{source:?}") };
    // 40, 80, 60 × 1.5, half of it, at most 30.
    assert_eq!(
        staged.scenario.series[series].micro_per_second,
        [30 * MILLION, 30 * MILLION, 30 * MILLION]
    );
    let calm = SCENARIO.replace("rate_limit: 30", "rate_limit: 50");
    let calm = self::staged(LOAD, &calm, Scale::Factor(MILLION)).expect("a scenario").scenario;
    let load = &calm.loads[place("web")];
    let rates = |source: &Source| {
        let Source::Series { series, factor: MILLION } = *source else { panic!("{source:?}") };
        calm.series[series].micro_per_second.clone()
    };
    assert_eq!(rates(&load.sources[0]), [30 * MILLION, 50 * MILLION, 45 * MILLION]);
    assert_eq!(load.refused.iter().map(rates).collect::<Vec<_>>(), [[0, 10 * MILLION, 0]]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn spoiled_files_make_a_run_or_faults(
        word in 0_usize..80,
        more in prop::sample::select(vec!["0", "1", "7", "99999999999", "0.0001", "5m", "x", "no", "100%", "", "web", "d4sv3"]),
        in_load in any::<bool>(),
    ) {
        let text = if in_load { LOAD } else { SCENARIO };
        let words: Vec<&str> = text.split([' ', ',', '{', '}', ':', '\n', '[', ']']).filter(|w| !w.is_empty()).collect();
        let spoiled = text.replacen(words[word % words.len()], more, 1);
        let (load, scenario) = if in_load { (spoiled.as_str(), SCENARIO) } else { (LOAD, spoiled.as_str()) };
        if let Some(staged) = staged(load, scenario, Scale::Factor(MILLION)) {
            let run = &staged.scenario;
            let small = run.horizon_millis <= 600_000
                && run.pools.iter().all(|pool| pool.max <= 50 && pool.initial <= 50)
                && run.scaling.iter().flatten().all(|one| one.max <= 200)
                && run.replicas.iter().all(|replicas| *replicas <= 200)
                && run.autoscaler.scan_millis >= 1000
                && run.sample_millis >= 1000;
            if small {
                let (problem, plan) = &*PLANNED;
                let _ = simulate(problem, plan, run);
            }
        }
    }
}
