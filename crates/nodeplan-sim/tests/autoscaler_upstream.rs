//! The cluster autoscaler's own test tables (facts of kubernetes/autoscaler, Apache-2.0), as far
//! as they concern its stateless pieces: `data/golden/ca_upstream_cases.json`.

use nodeplan_sim::autoscaler::estimator::{NodeTemplate, PodGroup, estimate, fast_path_group};
use nodeplan_sim::autoscaler::expander::{Filter, ScaleUpOption, Setting, apply};
use nodeplan_sim::autoscaler::price::{self, Pricing};
use nodeplan_sim::autoscaler::snapshot::{
    Amounts, HOSTNAME, PodShape, Shapes, Snapshot, SnapshotNode, Spread,
};
use nodeplan_sim::autoscaler::utilization::{
    Ignored, UtilizationNode, UtilizationPod, utilization,
};
use serde_json::Value;

const MIB: i64 = 1 << 20;

fn facts(part: &str) -> Value {
    let text = include_str!("../../../data/golden/ca_upstream_cases.json");
    let all: Value = serde_json::from_str(text).expect("the file is JSON");
    all[part].clone()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn count(value: &Value) -> usize {
    usize::try_from(int(value)).expect("a count")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn amounts(value: &Value) -> Amounts {
    Amounts::new(int(&value["cpu_m"]), int(&value["mem_mib"]) * MIB)
}

/// What a pod requests: upstream's tables give nodes MiB but pods bytes, whatever the field says
/// (only so its case of minDomains has three nodes).
fn request(group: &Value) -> Amounts {
    Amounts::new(int(&group["cpu_m"]), int(&group["mem_mib"]))
}

/// Pods with the same labels, all of which spread and select each other.
fn shape(group: &Value) -> PodShape {
    let zone_or_host = |key: &str| if key == "kubernetes.io/hostname" { HOSTNAME } else { 1 };
    let spread = group.get("spread").map(|spread| Spread {
        key: zone_or_host(text(&spread["key"])),
        max_skew: int(&spread["max_skew"]),
        min_domains: int(&spread["min_domains"]),
        labels: vec![0],
        counts_itself: true,
        honors_affinity: true,
        honors_taints: false,
    });
    PodShape {
        requests: request(group),
        selects: vec![true],
        tolerates: vec![true],
        host_ports: group.get("host_port").map(|_| 5555).into_iter().collect(),
        spread: spread.into_iter().collect(),
        ..PodShape::default()
    }
}

fn node(value: &Value, zone: u32) -> SnapshotNode {
    SnapshotNode {
        allocatable: amounts(value),
        pod_slots: int(&value["pods"]),
        class: 0,
        domains: vec![Some(zone)],
        unschedulable: false,
    }
}

fn pod_groups(groups: &[Value]) -> Vec<PodGroup> {
    let one = |(shape, group): (usize, &Value)| PodGroup {
        shape,
        count: count(&group["count"]),
        containers: request(group),
        first_container: request(group),
    };
    groups.iter().enumerate().map(one).collect()
}

#[test]
fn estimates_are_upstreams() {
    let facts = facts("binpacking");
    for case in list(&facts["cases"]) {
        let groups = list(&case["groups"]);
        let shapes = Shapes::new(groups.iter().map(shape).collect());
        let mut snapshot = Snapshot::new(&shapes);
        snapshot.add_node(node(&facts["existing_node"], 0));
        let node = node(&case["template"], 1);
        let template = NodeTemplate { capacity: node.allocatable, node, pods: Vec::new() };
        let groups = pod_groups(groups);
        let ours = estimate(&mut snapshot, &template, &groups, int(&case["max_nodes"]), false);
        let name = text(&case["name"]);
        assert_eq!(ours.nodes, count(&case["nodes"]), "{name}");
        assert_eq!(ours.scheduled.iter().sum::<usize>(), count(&case["scheduled"]), "{name}");
        if let Some(per_group) = case.get("scheduled_per_group") {
            let per_group: Vec<usize> = list(per_group).iter().map(count).collect();
            assert_eq!(ours.scheduled, per_group, "{name}");
        }
    }
}

#[test]
fn the_fast_path_takes_upstreams_group() {
    let facts = facts("fastpath_group_choice");
    let template = &facts["template"];
    let capacity = Amounts::new(int(&template["cpu_m"]), int(&template["mem_bytes"]));
    for case in list(&facts["cases"]) {
        let groups = list(&case["groups"]);
        let shapes: Vec<PodShape> = groups.iter().map(shape).collect();
        let groups = pod_groups(groups);
        let ours = fast_path_group(&groups, |group| &shapes[group.shape], capacity);
        let recorded = usize::try_from(int(&case["index"])).ok();
        assert_eq!(ours, recorded, "{}", text(&case["name"]));
    }
}

fn option(group: usize) -> ScaleUpOption {
    ScaleUpOption {
        group,
        node_count: 1,
        node_cpu_milli: 1,
        node_memory_bytes: 1,
        pod_count: 0,
        pods_cpu_milli: 0,
        pods_memory_bytes: 0,
        node_price: None,
        pods_price: None,
        gpu: false,
        exists: true,
        priority: None,
    }
}

/// The names of the options a filter keeps.
fn kept<'n>(
    filter: Filter,
    options: &[ScaleUpOption],
    names: &[&'n str],
    setting: &Setting,
) -> Vec<&'n str> {
    apply(filter, options, setting).iter().map(|option| names[option.group]).collect()
}

#[test]
fn waste_and_pod_counts_decide_as_upstream() {
    for case in list(&facts("least_waste")) {
        let given = list(&case["options"]);
        let names: Vec<&str> = given.iter().map(|given| text(&given["id"])).collect();
        let one = |(group, given): (usize, &Value)| ScaleUpOption {
            node_count: int(&given["nodes"]),
            node_cpu_milli: int(&given["cpu_m"]),
            node_memory_bytes: int(&given["mem_mib"]) * MIB,
            pods_cpu_milli: list(&given["pods"]).iter().map(|pod| int(&pod[0])).sum(),
            pods_memory_bytes: list(&given["pods"]).iter().map(|pod| int(&pod[1]) * MIB).sum(),
            ..option(group)
        };
        let options: Vec<ScaleUpOption> = given.iter().enumerate().map(one).collect();
        let best: Vec<&str> = list(&case["best"]).iter().map(text).collect();
        assert_eq!(kept(Filter::LeastWaste, &options, &names, &Setting::default()), best);
    }
    for case in list(&facts("most_pods")) {
        let given = list(&case["options"]);
        let names: Vec<&str> = given.iter().map(|given| text(&given[0])).collect();
        let one = |(group, given): (usize, &Value)| ScaleUpOption {
            pod_count: count(&given[1]),
            ..option(group)
        };
        let options: Vec<ScaleUpOption> = given.iter().enumerate().map(one).collect();
        let best: Vec<&str> = list(&case["best"]).iter().map(text).collect();
        assert_eq!(kept(Filter::MostPods, &options, &names, &Setting::default()), best);
    }
}

#[test]
fn prices_score_as_upstream() {
    for case in list(&facts("price")) {
        let prices = &case["pod_price"];
        let given = list(&case["options"]);
        let names: Vec<&str> = given.iter().map(|given| text(&given["id"])).collect();
        let one = |(group, given): (usize, &Value)| ScaleUpOption {
            node_count: int(&given["node_count"]),
            node_cpu_milli: int(&given["node_cpu_m"]),
            node_price: given["node_price"].as_f64(),
            pods_price: list(&given["pods"]).iter().map(|pod| prices[text(pod)].as_f64()).sum(),
            exists: given["exists"].as_bool().expect("a truth value"),
            ..option(group)
        };
        let options: Vec<ScaleUpOption> = given.iter().enumerate().map(one).collect();
        let pricing = Pricing {
            preferred_cpu_milli: int(&case["preferred_cpu_m"]),
            stabilization_price: prices["stabilize"].as_f64(),
        };
        for option in &options {
            let ours = price::score(option, &pricing, pricing.stabilization_price.unwrap_or(0.0));
            let recorded = case["scores"][names[option.group]].as_f64();
            assert_eq!(ours.is_some(), recorded.is_some());
            let apart = ours.zip(recorded).map_or(0.0, |(ours, recorded)| (ours - recorded).abs());
            assert!(apart <= 1e-13, "{ours:?} {recorded:?}");
        }
        let setting = Setting { pricing, has_priorities: false };
        let best: Vec<&str> = list(&case["best"]).iter().map(text).collect();
        assert_eq!(kept(Filter::Price, &options, &names, &setting), best);
    }
}

/// A pod of the utilization table by its description.
fn described(pod: &str) -> UtilizationPod {
    let usual = UtilizationPod { cpu_milli: 100, memory_bytes: 200_000, ..Default::default() };
    match pod {
        "p" => usual,
        "no_requests" => UtilizationPod::default(),
        "p+sidecar(50m,100000)+init(5m,100)" => {
            UtilizationPod { cpu_milli: 150, memory_bytes: 300_000, ..usual }
        }
        "p+init(50000m,100000000)" => {
            UtilizationPod { cpu_milli: 50_000, memory_bytes: 100_000_000, ..usual }
        }
        "ds" | "ds_by_annotation" => UtilizationPod { daemon: true, ..usual },
        "mirror" => UtilizationPod { mirror: true, ..usual },
        "deleted 10 min ago" => UtilizationPod { long_terminating: true, ..usual },
        "gpu pod 1 GPU" => UtilizationPod { gpus: 1, ..usual },
        other => panic!("no pod is described as {other}"),
    }
}

#[test]
fn nodes_are_as_full_as_upstream_says() {
    let facts = facts("utilization");
    for case in list(&facts["cases"]) {
        let memory = case.get("node_mem").unwrap_or(&facts["node"]["mem"]);
        let without_plugin = case.get("gpu_label_but_no_gpu_allocatable").map(|_| 0);
        let node = UtilizationNode {
            cpu_milli: int(&facts["node"]["cpu_m"]),
            memory_bytes: int(memory),
            gpus: case.get("gpu_node").map(int).or(without_plugin),
        };
        let ignored = Ignored {
            daemons: case["ignore_ds"].as_bool().unwrap_or(false),
            mirrors: case["ignore_mirror"].as_bool().unwrap_or(false),
        };
        let pods: Vec<UtilizationPod> =
            list(&case["pods"]).iter().map(|pod| described(text(pod))).collect();
        let ours = utilization(&node, &pods, ignored).map(|ours| ours.value);
        let recorded = case["util"].as_f64();
        assert_eq!(ours.is_some(), recorded.is_some(), "{case}");
        let apart = ours.zip(recorded).map_or(0.0, |(ours, recorded)| (ours - recorded).abs());
        // Upstream's table holds to one percent.
        assert!(apart <= 0.01 * recorded.unwrap_or(0.0), "{case}: {ours:?}");
    }
}
