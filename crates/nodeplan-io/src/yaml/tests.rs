//! Whole documents in, settings or faults out.

use super::*;
use crate::addons::Preset;
use nodeplan_model::catalog::Arch;
use nodeplan_model::eligibility::Pattern;
use nodeplan_model::plan::PoolMode;
use nodeplan_model::problem::{ReservationModel, SystemPool};
use nodeplan_model::units::{Bytes, MIB, MilliCpu, PerMille};
use proptest::prelude::*;

fn shown(faults: &[ImportError]) -> Vec<String> {
    let part = |name: &str, text: &Option<String>| {
        text.as_ref().map_or(String::new(), |text| format!(" [{name}: {text}]"))
    };
    let line = |fault: &ImportError| {
        format!("{fault}{}{}", part("expected", &fault.expected), part("help", &fault.help))
    };
    faults.iter().map(line).collect()
}

fn good(text: &str) -> Config {
    config("c", text.as_bytes()).unwrap_or_else(|faults| panic!("{text}\n{:?}", shown(&faults)))
}

fn faults(text: &str) -> Vec<String> {
    shown(&config("c", text.as_bytes()).expect_err(text))
}

#[test]
fn every_setting_is_read() {
    let config = good(
        "region: koreacentral\n\
         skus: [D2s_v3, 'E*_v5']\n\
         sku_deny: B*, Standard_F2\n\
         arch: any\n\
         max_pods: auto\n\
         max_pools: 4\n\
         system_pool: dedicated\n\
         headroom: 15%\n\
         burst: {burstable: 0.5}\n\
         max_overcommit: {cpu: 4, memory: 1.5}\n\
         peak_hours: 7.5\n\
         size_for: max\n\
         overhead: nap\n\
         addons: [network-policy, base]\n\
         daemonsets:\n\
         \x20 - {name: agent, cpu: 0.1, memory: 64Mi, cpu_mean: 5m, node_selector: {disk: ssd, gen: 5}}\n\
         \x20 - name: probe\n\
         \x20   cpu: 10m\n\
         \x20   memory: 1M\n\
         \x20   node_selector: b=2;a=1\n\
         \x20   tolerates_all: yes\n\
         measured:\n\
         \x20 D4s_v3: {cpu: 3860m, memory: 27591416Ki, pods: 250}\n\
         ignore: [spread]\n",
    );
    assert_eq!(config.region.as_deref(), Some("koreacentral"));
    assert_eq!(config.skus, ["D2s_v3", "E*_v5"].map(Pattern::new));
    assert_eq!(config.sku_deny, ["B*", "Standard_F2"].map(Pattern::new));
    assert_eq!(config.arch, [Arch::Amd64, Arch::Arm64]);
    assert_eq!(config.max_pods, AUTO_MAX_PODS);
    assert_eq!(config.max_pools, Some(4));
    assert_eq!(config.system_pool, Some(SystemPool::Dedicated));
    assert_eq!(config.headroom, Some(PerMille(150)));
    let burst = config.burst.expect("given");
    assert_eq!((burst.guaranteed, burst.burstable), (PerMille(0), PerMille(500)));
    let overcommit = config.max_overcommit.expect("given");
    assert_eq!((overcommit.cpu, overcommit.memory), (Some(PerMille(4000)), Some(PerMille(1500))));
    assert_eq!(config.peak_millis, Some(27_000_000));
    assert_eq!(config.size_for, Some(SizeFor::Max));
    assert_eq!(config.overhead, Some(ReservationModel::NodeAutoProvisioning));
    assert_eq!(config.addons, Some(vec![Preset::Base, Preset::NetworkPolicy]));
    let [agent, probe] = &config.daemonsets[..] else { panic!("two") };
    assert_eq!((agent.request.cpu, agent.request.memory), (MilliCpu(100), Bytes(64 * MIB)));
    assert_eq!((agent.measured_mean, agent.tolerates_all), (Some(MilliCpu(5)), false));
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(agent.node_selector, [label("disk", "ssd"), label("gen", "5")]);
    assert_eq!(probe.node_selector, [label("a", "1"), label("b", "2")]);
    assert!(probe.tolerates_all);
    let measured = &config.measured[0];
    assert_eq!((measured.sku.as_str(), measured.cpu), ("Standard_D4s_v3", MilliCpu(3860)));
    assert_eq!((measured.pods, measured.gpus), (250, None));
    assert!(config.ignore.contains("spread"));
}

#[test]
fn nothing_is_required() {
    for text in ["", "# only a comment\n", "region:\nskus: ~\n", "---\n"] {
        assert_eq!(good(text), Config::default(), "{text:?}");
    }
    assert_eq!(good("max_pods: 110\n").max_pods, [110]);
    assert_eq!(good("max_pods: [250, 30]\n").max_pods, [30, 250]);
    assert_eq!(good("addons: []\n").addons, Some(Vec::new()));
    assert_eq!(good("burst: 25%\n").burst.map(|b| b.best_effort), Some(PerMille(250)));
    assert_eq!(good("\u{feff}region: x\r\n").region.as_deref(), Some("x"));
}

#[test]
fn every_fault_is_placed() {
    let text = "\
regoin: x
headroom: 15
max_pods: [30, 300]
max_pools: 2.5
region: [a, b]
overhead: karpenter
daemonsets:
  - name: a
    cpu: 500Mb
  - text
measured:
  D4s_v3: {cpu: 0, memory: 1GB, pods: 250}
ignore: [sprd]
region: y
burst: 2
peak_hours: 25
arch: [x86]
addons: base, monitor
";
    assert_eq!(
        faults(text),
        [
            "NP1051: c:1:1: `regoin` is no field of nodeplan.yaml [expected: region, skus, sku_deny, arch, max_pods, max_pools, system_pool, spot, headroom, burst, max_overcommit, peak_hours, size_for, overhead, addons, daemonsets, measured, ignore] [help: write region]",
            "NP1055: c:2:11: headroom is 15 [expected: less than 100%] [help: write 15% if percent are meant]",
            "NP1055: c:3:16: max_pods is 300 [expected: a whole number from 10 to 250]",
            "NP1006: c:4:12: max_pools `2.5` is not a whole number: it is not a whole number [expected: a whole number from 1 to 100]",
            "NP1052: c:5:9: region is a list [expected: a single value]",
            "NP1016: c:6:11: `karpenter` is no value of overhead [expected: aks, aks-legacy, nap, measured]",
            "NP1054: c:8:5: a DaemonSet has no `memory`",
            "NP1002: c:9:10: cpu `500Mb` is not a Kubernetes CPU quantity: `Mb` is not a suffix [expected: cores such as 500m, 0.5 or 2]",
            "NP1052: c:10:5: a DaemonSet is a single value [expected: fields, one per line: `name: value`]",
            "NP1003: c:12:28: memory `1GB` is not a Kubernetes memory quantity: `GB` is not a suffix [expected: bytes such as 512Mi, 1.5Gi or 129M] [help: write 1G (decimal) or 1Gi (binary, most common)]",
            "NP1016: c:13:10: `sprd` is no rule that can be ignored [expected: anti_affinity, platform_labels, spread]",
            "NP1053: c:14:1: `region` appears twice",
            "NP1055: c:15:8: burst is 2 [expected: at most 100%, which packs whole limits] [help: write 2% if percent are meant]",
            "NP1055: c:16:13: peak_hours is 25 [expected: hours, above 0 and at most 24]",
            "NP1016: c:17:8: `x86` is no value of arch [expected: amd64, arm64, any]",
            "NP1016: c:18:9: `monitor` is no value of addons [expected: base, monitoring, key-vault, network-policy] [help: write monitoring]",
        ]
    );
}

#[test]
fn faults_of_the_yaml_itself_end_reading() {
    for (text, want) in [
        ("a: [1\nb: 2", "NP1050: c:2:2: illegal placement of ':' indicator"),
        ("a: 1\n b: 2\n", "NP1050: c:2:3: mapping values are not allowed in this context"),
        (
            "- 1\n",
            "NP1052: c:1:1: nodeplan.yaml is a list [expected: fields, one per line: `name: value`]",
        ),
        (
            "text",
            "NP1052: c:1:1: nodeplan.yaml is a single value [expected: fields, one per line: `name: value`]",
        ),
    ] {
        assert_eq!(faults(text), [want], "{text:?}");
    }
}

#[test]
fn designs_name_pools_sizes_and_workloads() {
    let text = "\
pools:
  - {name: web, sku: D4s_v3, workloads: [web-app, batch]}
  - name: db
    sku: standard_E8s_v4
    workloads: dbms
    min: 1
    max: 3
";
    let design = design("d", text.as_bytes()).expect("sound");
    let [web, db] = &design.pools[..] else { panic!("two") };
    assert_eq!((web.sku.as_str(), db.sku.as_str()), ("Standard_D4s_v3", "Standard_E8s_v4"));
    assert_eq!(web.workloads, ["web-app", "batch"]);
    assert_eq!((web.min, web.max, db.min, db.max), (None, None, Some(1), Some(3)));
}

#[test]
fn pools_of_a_cluster_say_how_they_scale_and_whom_they_admit() {
    let text = "\
pools:
  - {name: a, sku: D4s_v3, count: 3, mode: System, max_pods: 110, zones: [koreacentral-2, 1]}
  - {name: b, sku: D4s_v3, count: 2, min: 1, max: 5, spot: yes, priority: 7, pool: data}
  - {name: c, sku: D4s_v3, count: 2, min: 0, max: 9, autoscale: no, labels: {disk: ssd, a: 1}}
  - {name: d, sku: D4s_v3, max: 9, labels: [tier=gold], taints: ['x=y:NoSchedule']}
  - {name: e, sku: D4s_v3, count: 1, taints: 'CriticalAddonsOnly=true:NoSchedule'}
  - {name: f, sku: D4s_v3, count: 1, taints: ['x:PreferNoSchedule'], isolate: yes}
";
    let design = design("d", text.as_bytes()).expect("sound");
    let [a, b, c, d, e, f] = &design.pools[..] else { panic!("six") };
    let counts = |pool: &DesignPool| (pool.count, pool.min, pool.max);
    assert_eq!(counts(a), (Some(3), Some(3), Some(3)));
    assert_eq!(
        (a.mode, a.max_pods, a.zones.as_slice()),
        (Some(PoolMode::System), Some(110), &[1, 2][..])
    );
    assert_eq!(counts(b), (Some(2), Some(1), Some(5)));
    assert_eq!((b.spot, b.priority, b.pool.as_deref()), (true, 7, Some("data")));
    assert_eq!(counts(c), (Some(2), Some(2), Some(2)), "left alone, it stays at its count");
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(c.labels, [pair("a", "1"), pair("disk", "ssd")]);
    assert_eq!((counts(d), &d.labels[0]), ((None, None, Some(9)), &pair("tier", "gold")));
    let closed = [a, b, c, d, e, f].map(|pool| (pool.tainted, pool.system_only));
    assert_eq!(
        closed,
        [
            (false, false),
            (false, false),
            (false, false),
            (true, false),
            (false, true),
            (true, false)
        ]
    );
}

#[test]
fn pools_come_from_what_az_prints() {
    let pools = r#"[
  {"name": "sys", "vmSize": "Standard_D4s_v3", "count": 3, "enableAutoScaling": true, "minCount": 2,
   "maxCount": 9, "maxPods": 110, "mode": "System", "availabilityZones": ["1", "3"], "nodeLabels": null,
   "nodeTaints": null, "osType": "Linux", "powerState": {"code": "Running"}, "id": "/subscriptions/s"},
  {"name": "spot", "vmSize": "standard_d8s_v3", "count": 4, "enableAutoScaling": false, "minCount": null,
   "scaleSetPriority": "Spot", "mode": "User", "nodeLabels": {"disk": "ssd", "empty": ""},
   "nodeTaints": ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule", "db=yes:NoExecute"]},
  {"name": "win", "vmSize": "Standard_D4s_v3", "count": 1, "osType": "Windows"},
  {"name": "off", "vmSize": "Standard_D4s_v3", "count": 0, "powerState": {"code": "Stopped"}}]"#;
    for text in [pools.to_owned(), format!("{{\"name\": \"c\", \"agentPoolProfiles\": {pools}}}")] {
        let design = design("az.json", text.as_bytes()).expect("sound");
        let [sys, spot] = &design.pools[..] else { panic!("two of four") };
        assert_eq!((sys.count, sys.min, sys.max), (Some(3), Some(2), Some(9)));
        assert_eq!((sys.mode, sys.max_pods), (Some(PoolMode::System), Some(110)));
        assert_eq!((sys.zones.as_slice(), sys.tainted), (&[1, 3][..], false));
        assert_eq!((spot.count, spot.min, spot.max), (Some(4), Some(4), Some(4)));
        assert_eq!((spot.sku.as_str(), spot.spot, spot.tainted), ("Standard_d8s_v3", true, true));
        assert_eq!(spot.labels.len(), 2);
        let notes =
            ["pool win runs Windows and is left out", "pool off is stopped and is left out"];
        assert_eq!(design.notes, notes);
    }
}

#[test]
fn faults_of_designs_are_placed() {
    let text = "\
pools:
  - {name: a, sku: D4s_v3, workloads: [x, x], min: 3, max: 1}
  - {name: a, size: D4s_v3}
  - {sku: D4s_v3, workloads: x, max: 5001}
";
    let found = shown(&design("d", text.as_bytes()).expect_err(text));
    assert_eq!(
        found,
        [
            "NP1053: d:2:43: workload `x` is listed twice",
            "NP1055: d:2:52: min 3 is above max 1 [expected: at most max]",
            "NP1054: d:3:5: a pool has no `sku`",
            "NP1053: d:3:12: two pools are called `a`",
            "NP1051: d:3:15: `size` is no field of a pool [expected: name, sku, workloads, min, max, count, autoscale, mode, max_pods, zones, spot, priority, labels, taints, pool, isolate]",
            "NP1054: d:4:5: a pool has no `name`",
            "NP1053: d:4:30: workload `x` is in `a` already",
            "NP1055: d:4:38: max is 5001 [expected: a whole number from 0 to 5000]",
        ]
    );
    for (text, want) in [
        ("", "NP1052: d:1:1: the design is empty [expected: fields, one per line: `name: value`]"),
        ("pools: []\n", "NP1055: d:1:8: pools is empty [expected: one pool at least]"),
        ("{}\n", "NP1054: d:1:1: the design has no `pools`"),
    ] {
        assert_eq!(shown(&design("d", text.as_bytes()).expect_err(text)), [want], "{text:?}");
    }
}

#[test]
fn deep_and_exploding_documents_are_refused() {
    let mut laughs = "a0: &a0 [x]\n".to_owned();
    for level in 1..30 {
        let one = format!("*a{},", level - 1);
        laughs.push_str(&format!("a{level}: &a{level} [{}]\n", one.repeat(10)));
    }
    for text in ["[".repeat(100_000), "- ".repeat(100_000), "{a: ".repeat(100_000), laughs] {
        let found = config("c", text.as_bytes()).expect_err("too much");
        assert_eq!(found[0].code, "NP1050", "{}", found[0]);
    }
}

/// Documents that are nearly right, so that faults lie deep.
fn nearly_yaml() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "region",
        "skus",
        "headroom",
        "burst",
        "daemonsets",
        "measured",
        "pools",
        "name",
        "sku",
        "workloads",
        "max_pods",
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "15%",
        "1Gi",
        "*a",
        "&a ",
        "'",
        "\"",
        "|",
        "~",
        "<<",
        "#",
        "!!str ",
        "é",
        "\t",
        "0.5",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_bytes_read_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (config("c", &bytes), design("d", &bytes));
    }

    #[test]
    fn near_documents_read_or_fail_in_order_of_place(text in nearly_yaml()) {
        for faults in [config("c", text.as_bytes()).err(), design("d", text.as_bytes()).err()] {
            let faults = faults.unwrap_or_default();
            prop_assert!(faults.is_sorted());
            for fault in &faults {
                prop_assert!(crate::diagnostic::title(fault.code).is_some());
            }
        }
    }
}
