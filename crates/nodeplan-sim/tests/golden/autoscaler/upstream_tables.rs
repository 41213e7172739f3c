//! `ca_upstream_cases.json`: the cluster autoscaler's own test tables (facts of
//! kubernetes/autoscaler, Apache-2.0).

use serde_json::{Error, Value};

use super::{compare, scale_down_tables};
use crate::replay::Verdict;
use crate::sim::autoscaler::estimator::{NodeTemplate, PodGroup, estimate, fast_path_group};
use crate::sim::autoscaler::expander::{Filter, ScaleUpOption, Setting, apply};
use crate::sim::autoscaler::price::{self, Pricing};
use crate::sim::autoscaler::snapshot::{
    Amounts, HOSTNAME, PodShape, Shapes, Snapshot, SnapshotNode, Spread,
};
use crate::sim::autoscaler::utilization::{Ignored, UtilizationNode, UtilizationPod, utilization};

const MIB: i64 = 1 << 20;

/// Answers one table.
type Table = fn(&Value) -> Vec<Verdict>;

/// Answers all tables of the file.
pub fn document(text: &str) -> Result<Vec<Verdict>, Error> {
    let all: Value = serde_json::from_str(text)?;
    let tables: [(&str, Table); 8] = [
        ("binpacking", estimates),
        ("fastpath_group_choice", fast_path_groups),
        ("least_waste", least_waste),
        ("most_pods", most_pods),
        ("price", prices),
        ("utilization", utilizations),
        ("eligibility", scale_down_tables::eligibility),
        ("unneeded_since", scale_down_tables::unneeded_since),
    ];
    let known = |name: &String| name == "source" || tables.iter().any(|(table, _)| table == name);
    let unknown: Vec<&String> =
        all.as_object().into_iter().flat_map(|all| all.keys()).filter(|it| !known(it)).collect();
    let mut verdicts: Vec<Verdict> =
        tables.iter().flat_map(|(name, table)| table(&all[*name])).collect();
    if !unknown.is_empty() {
        verdicts.push(Verdict::Different(format!("no table of these names is known: {unknown:?}")));
    }
    Ok(verdicts)
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn count(value: &Value) -> usize {
    usize::try_from(int(value)).expect("a count")
}

pub fn text(value: &Value) -> &str {
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

fn estimates(facts: &Value) -> Vec<Verdict> {
    let one = |case: &Value| {
        let groups = list(&case["groups"]);
        let shapes = Shapes::new(groups.iter().map(shape).collect());
        let mut snapshot = Snapshot::new(&shapes);
        snapshot.add_node(node(&facts["existing_node"], 0));
        let node = node(&case["template"], 1);
        let template = NodeTemplate { capacity: node.allocatable, node, pods: Vec::new() };
        let groups = pod_groups(groups);
        let ours = estimate(&mut snapshot, &template, &groups, int(&case["max_nodes"]), false);
        let per_group = case.get("scheduled_per_group").map(|all| list(all).iter().map(count));
        let recorded = (
            count(&case["nodes"]),
            count(&case["scheduled"]),
            per_group.map_or(ours.scheduled.clone(), Iterator::collect),
        );
        let all = ours.scheduled.iter().sum::<usize>();
        compare(text(&case["name"]), "estimate", &(ours.nodes, all, ours.scheduled), &recorded)
    };
    list(&facts["cases"]).iter().map(one).collect()
}

fn fast_path_groups(facts: &Value) -> Vec<Verdict> {
    let template = &facts["template"];
    let capacity = Amounts::new(int(&template["cpu_m"]), int(&template["mem_bytes"]));
    let one = |case: &Value| {
        let groups = list(&case["groups"]);
        let shapes: Vec<PodShape> = groups.iter().map(shape).collect();
        let groups = pod_groups(groups);
        let ours = fast_path_group(&groups, |group| &shapes[group.shape], capacity);
        let recorded = usize::try_from(int(&case["index"])).ok();
        compare(text(&case["name"]), "group of the fast path", &ours, &recorded)
    };
    list(&facts["cases"]).iter().map(one).collect()
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

fn least_waste(facts: &Value) -> Vec<Verdict> {
    let one = |case: &Value| {
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
        let ours = kept(Filter::LeastWaste, &options, &names, &Setting::default());
        compare("least waste", "best", &ours, &best)
    };
    list(facts).iter().map(one).collect()
}

fn most_pods(facts: &Value) -> Vec<Verdict> {
    let one = |case: &Value| {
        let given = list(&case["options"]);
        let names: Vec<&str> = given.iter().map(|given| text(&given[0])).collect();
        let one = |(group, given): (usize, &Value)| ScaleUpOption {
            pod_count: count(&given[1]),
            ..option(group)
        };
        let options: Vec<ScaleUpOption> = given.iter().enumerate().map(one).collect();
        let best: Vec<&str> = list(&case["best"]).iter().map(text).collect();
        let ours = kept(Filter::MostPods, &options, &names, &Setting::default());
        compare("most pods", "best", &ours, &best)
    };
    list(facts).iter().map(one).collect()
}

fn prices(facts: &Value) -> Vec<Verdict> {
    list(facts).iter().map(price_case).collect()
}

fn price_case(case: &Value) -> Verdict {
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
        if !near(ours, recorded, 1e-13) {
            let name = names[option.group];
            return Verdict::Different(format!("price of {name}: {ours:?}, recorded {recorded:?}"));
        }
    }
    let setting = Setting { pricing, has_priorities: false };
    let best: Vec<&str> = list(&case["best"]).iter().map(text).collect();
    compare("price", "best", &kept(Filter::Price, &options, &names, &setting), &best)
}

/// Whether both are there and no further apart than that, or both are not.
fn near(ours: Option<f64>, recorded: Option<f64>, apart: f64) -> bool {
    match (ours, recorded) {
        (Some(ours), Some(recorded)) => (ours - recorded).abs() <= apart,
        (ours, recorded) => ours.is_none() && recorded.is_none(),
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

fn utilizations(facts: &Value) -> Vec<Verdict> {
    let one = |case: &Value| {
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
        // Upstream's table holds to one percent.
        if near(ours, recorded, 0.01 * recorded.unwrap_or(0.0)) {
            Verdict::Equal
        } else {
            Verdict::Different(format!("{case}: {ours:?}"))
        }
    };
    list(&facts["cases"]).iter().map(one).collect()
}
