//! `ca_binpacking`: how many nodes pending pods need.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::difference;
use crate::replay::Verdict;
use crate::sim::autoscaler::estimator::{NodeTemplate, PodGroup, estimate};
use crate::sim::autoscaler::snapshot::{
    Amounts, HOSTNAME, PlacedPod, PodShape, Shapes, Snapshot, SnapshotNode, Spread, Term,
};
use crate::sim::random::Stream;

/// The topology key of zones.
const ZONE: usize = HOSTNAME + 1;

#[derive(Deserialize)]
struct Case {
    id: String,
    template: Node,
    existing: Option<Vec<Node>>,
    groups: Vec<Group>,
    max_nodes: i64,
    fastpath: bool,
    out: Out,
}

#[derive(Deserialize)]
struct Node {
    cpu_m: i64,
    mem: i64,
    pods: i64,
    zone: String,
    #[serde(default)]
    ds_cpu_m: i64,
    #[serde(default)]
    ds_mem: i64,
    #[serde(default)]
    spot_taint: bool,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    count: usize,
    cpu_m: i64,
    mem: i64,
    spread: Option<SpreadRule>,
    self_anti_affinity_key: Option<String>,
    host_port: Option<u32>,
    #[serde(default)]
    tolerates_spot: bool,
}

#[derive(Deserialize)]
struct SpreadRule {
    key: String,
    max_skew: i64,
    min_domains: Option<i64>,
}

#[derive(Deserialize)]
struct Out {
    nodes: usize,
    scheduled: usize,
    scheduled_per_group: BTreeMap<String, usize>,
}

fn topology_key(key: &str) -> usize {
    if key == "kubernetes.io/hostname" { HOSTNAME } else { ZONE }
}

impl Node {
    /// Classes: 0 has no taint, 1 the spot taint. Zones are numbered by their last character.
    fn snapshot_node(&self) -> SnapshotNode {
        let zone = self.zone.bytes().last().map(u32::from);
        SnapshotNode {
            allocatable: Amounts::new(self.cpu_m, self.mem),
            pod_slots: self.pods,
            class: usize::from(self.spot_taint),
            domains: vec![zone],
            unschedulable: false,
        }
    }
}

impl Group {
    fn shape(&self, labels: usize) -> PodShape {
        let spread = |rule: &SpreadRule| Spread {
            key: topology_key(&rule.key),
            max_skew: rule.max_skew,
            min_domains: rule.min_domains.unwrap_or(1),
            labels: vec![labels],
            counts_itself: true,
            honors_affinity: true,
            honors_taints: false,
        };
        let term = |key: &String| Term { key: topology_key(key), labels: vec![labels] };
        PodShape {
            requests: Amounts::new(self.cpu_m, self.mem),
            labels,
            selects: vec![true; 2],
            tolerates: vec![true, self.tolerates_spot],
            host_ports: self.host_port.into_iter().collect(),
            anti_affinity: self.self_anti_affinity_key.iter().map(term).collect(),
            spread: self.spread.iter().map(spread).collect(),
            ..PodShape::default()
        }
    }
}

/// Nodes, pods, pods per group that got any.
type Answer = (usize, usize, BTreeMap<String, usize>);

/// Answers one case.
pub fn line(text: &str) -> Result<Verdict, serde_json::Error> {
    let case: Case = serde_json::from_str(text)?;
    let out = &case.out;
    let recorded = (out.nodes, out.scheduled, out.scheduled_per_group.clone());
    Ok(Verdict::of_draws(|seed| difference(&case.id, "estimate", &case.answer(seed), &recorded)))
}

impl Case {
    /// Shapes by group, and last that of the DaemonSet.
    fn shapes(&self) -> Shapes {
        let mut shapes: Vec<PodShape> =
            self.groups.iter().enumerate().map(|(at, group)| group.shape(at)).collect();
        shapes.push(PodShape {
            requests: Amounts::new(self.template.ds_cpu_m, self.template.ds_mem),
            labels: shapes.len(),
            selects: vec![true; 2],
            tolerates: vec![true; 2],
            tolerates_all: true,
            ..PodShape::default()
        });
        Shapes::new(shapes)
    }

    /// The estimate, with nodes looked at in an order that a seed draws.
    fn answer(&self, seed: u64) -> Answer {
        let shapes = self.shapes();
        let mut snapshot = Snapshot::new(&shapes);
        snapshot.order_nodes_by(Stream::new(seed, "node order", "replay"));
        for node in self.existing.iter().flatten() {
            snapshot.add_node(node.snapshot_node());
        }
        let node = self.template.snapshot_node();
        let daemon = PlacedPod { shape: self.groups.len(), pod: 0, terminating: false };
        let has_daemon = self.template.ds_cpu_m > 0 || self.template.ds_mem > 0;
        let pods = if has_daemon { vec![daemon] } else { Vec::new() };
        let template = NodeTemplate { capacity: node.allocatable, node, pods };
        let group = |(shape, group): (usize, &Group)| {
            let requests = Amounts::new(group.cpu_m, group.mem);
            PodGroup { shape, count: group.count, containers: requests, first_container: requests }
        };
        let groups: Vec<PodGroup> = self.groups.iter().enumerate().map(group).collect();
        let ours = estimate(&mut snapshot, &template, &groups, self.max_nodes, self.fastpath);
        let per_group = self.groups.iter().zip(&ours.scheduled);
        let per_group = per_group
            .filter(|(_, scheduled)| **scheduled > 0)
            .map(|(group, scheduled)| (group.name.clone(), *scheduled))
            .collect();
        (ours.nodes, ours.scheduled.iter().sum(), per_group)
    }
}
