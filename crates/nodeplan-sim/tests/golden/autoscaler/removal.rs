//! `ca_node_removal`: which nodes could go, each alone and one after the other.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::difference;
use crate::replay::Verdict;
use crate::sim::autoscaler::drain::{
    Blocking, DrainOptions, DrainPod, Owner, Phase, RestartPolicy, SafeToEvict, is_terminal,
};
use crate::sim::autoscaler::removal::{Hints, Removable, Unremovable, consume, simulate_removal};
use crate::sim::autoscaler::snapshot::{
    Amounts, HOSTNAME, PlacedPod, PodShape, Shapes, Snapshot, SnapshotNode, Spread, Term,
};
use crate::sim::random::Stream;

#[derive(Deserialize)]
struct Case {
    id: String,
    options: Options,
    nodes: Vec<Node>,
    pods: Option<Vec<Pod>>,
    pdbs: Option<Vec<Budget>>,
    out: Out,
}

#[derive(Clone, Copy, Deserialize)]
struct Options {
    skip_custom: bool,
    skip_local: bool,
    skip_system: bool,
}

#[derive(Deserialize)]
struct Node {
    name: String,
    cpu_m: i64,
    mem: i64,
    pods: i64,
    zone: String,
    #[serde(default)]
    spot_taint: bool,
}

#[derive(Deserialize)]
struct Pod {
    name: String,
    ns: String,
    node: String,
    app: String,
    cpu_m: i64,
    mem: i64,
    owner: String,
    #[serde(default)]
    mirror: bool,
    safe_to_evict: Option<String>,
    volume: Option<String>,
    #[serde(default)]
    safe_local_volume: bool,
    phase: String,
    restart_policy: String,
    deletion_age_s: Option<i64>,
    age_s: i64,
    zone_selector: Option<String>,
    #[serde(default)]
    self_anti_affinity_host: bool,
    spread_host_skew: Option<i64>,
}

#[derive(Deserialize)]
struct Budget {
    ns: String,
    match_app: String,
    disruptions_allowed: i64,
}

#[derive(Deserialize)]
struct Out {
    single: BTreeMap<String, Single>,
    sequential_removable: Vec<String>,
}

/// What is recorded of one node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Single {
    removable: bool,
    pods_to_reschedule: Vec<String>,
    on_completion: Vec<String>,
    reason: String,
    blocking_pod: String,
    blocking_reason: String,
}

/// Node classes: zone 1 or 2, with or without the spot taint.
fn class(zone: &str, spot_taint: bool) -> usize {
    usize::from(zone == "z2") * 2 + usize::from(spot_taint)
}

impl Pod {
    /// The label set: application and namespace.
    fn labels(&self) -> usize {
        let app = self.app.bytes().next().map_or(0, usize::from);
        app * 2 + usize::from(self.ns == "kube-system")
    }

    fn shape(&self) -> PodShape {
        let labels = self.labels();
        let selects = |class: usize| match self.zone_selector.as_deref() {
            None => true,
            Some(zone) => (class / 2 == 1) == (zone == "z2"),
        };
        let spread = |max_skew| Spread {
            key: HOSTNAME,
            max_skew,
            min_domains: 1,
            labels: vec![labels],
            counts_itself: true,
            honors_affinity: true,
            honors_taints: false,
        };
        let anti_affinity = Term { key: HOSTNAME, labels: vec![labels] };
        PodShape {
            requests: Amounts::new(self.cpu_m, self.mem),
            labels,
            selects: (0..4).map(selects).collect(),
            tolerates: (0..4).map(|class| class % 2 == 0).collect(),
            anti_affinity: if self.self_anti_affinity_host {
                vec![anti_affinity]
            } else {
                Vec::new()
            },
            spread: self.spread_host_skew.map(spread).into_iter().collect(),
            ..PodShape::default()
        }
    }

    fn facts<'p>(&self, budgets: &'p [usize]) -> DrainPod<'p> {
        let phase = match self.phase.as_str() {
            "Succeeded" => Phase::Succeeded,
            "Failed" => Phase::Failed,
            _ => Phase::Active,
        };
        let policy = match self.restart_policy.as_str() {
            "Never" => RestartPolicy::Never,
            "OnFailure" => RestartPolicy::OnFailure,
            _ => RestartPolicy::Always,
        };
        DrainPod {
            owner: match self.owner.as_str() {
                "none" => Owner::None,
                "DaemonSet" => Owner::DaemonSet,
                "Custom" => Owner::Custom,
                _ => Owner::Replicated,
            },
            mirror: self.mirror,
            safe_to_evict: match self.safe_to_evict.as_deref() {
                None => SafeToEvict::Unset,
                Some("true") => SafeToEvict::Yes,
                Some("false") => SafeToEvict::No,
                Some(_) => SafeToEvict::OnCompletion,
            },
            terminal: is_terminal(phase, policy),
            system: self.ns == "kube-system",
            local_storage: matches!(self.volume.as_deref(), Some("hostPath" | "emptyDir"))
                && !self.safe_local_volume,
            age_millis: self.age_s * 1000,
            deleted_millis_ago: self.deletion_age_s.map(|age| age * 1000),
            grace_millis: 30_000,
            budgets,
            ..DrainPod::default()
        }
    }
}

fn reason(blocking: Blocking) -> &'static str {
    match blocking {
        Blocking::ControllerNotFound => "ControllerNotFound",
        Blocking::MinReplicasReached => "MinReplicasReached",
        Blocking::NotReplicated => "NotReplicated",
        Blocking::LocalStorageRequested => "LocalStorageRequested",
        Blocking::NotSafeToEvictAnnotation => "NotSafeToEvictAnnotation",
        Blocking::UnmovableKubeSystemPod => "UnmovableKubeSystemPod",
        Blocking::NotEnoughPdb => "NotEnoughPdb",
    }
}

/// A case with its pods' shapes and budgets looked up.
struct Setting<'c> {
    case: &'c Case,
    pods: Vec<&'c Pod>,
    shapes: Shapes,
    /// Per pod: budgets that select it.
    budgets: Vec<Vec<usize>>,
    options: DrainOptions,
}

impl<'c> Setting<'c> {
    fn new(case: &'c Case) -> Self {
        let pods: Vec<&Pod> = case.pods.iter().flatten().collect();
        let selecting = |pod: &&Pod| {
            let all = case.pdbs.iter().flatten().enumerate();
            all.filter(|(_, budget)| budget.ns == pod.ns && budget.match_app == pod.app)
                .map(|(number, _)| number)
                .collect()
        };
        let Options { skip_custom, skip_local, skip_system } = case.options;
        Self {
            case,
            shapes: Shapes::new(pods.iter().map(|pod| pod.shape()).collect()),
            budgets: pods.iter().map(selecting).collect(),
            options: DrainOptions { skip_custom, skip_local, skip_system, ..Default::default() },
            pods,
        }
    }

    fn snapshot(&self, seed: u64) -> Snapshot<'_> {
        let mut snapshot = Snapshot::new(&self.shapes);
        snapshot.order_nodes_by(Stream::new(seed, "node order", "replay"));
        for (number, node) in self.case.nodes.iter().enumerate() {
            snapshot.add_node(SnapshotNode {
                allocatable: Amounts::new(node.cpu_m, node.mem),
                pod_slots: node.pods,
                class: class(&node.zone, node.spot_taint),
                domains: Vec::new(),
                unschedulable: false,
            });
            for (at, pod) in self.pods.iter().enumerate().filter(|(_, pod)| pod.node == node.name) {
                let terminating = pod.deletion_age_s.is_some();
                snapshot.place(number, PlacedPod { shape: at, pod: at, terminating });
            }
        }
        snapshot
    }

    fn allowed(&self) -> Vec<i64> {
        self.case.pdbs.iter().flatten().map(|budget| budget.disruptions_allowed).collect()
    }

    fn remove(
        &self,
        snapshot: &mut Snapshot<'_>,
        node: usize,
        allowed: &[i64],
        hints: &mut Hints,
        destination: impl Fn(usize) -> bool,
    ) -> Result<Removable, Unremovable> {
        let facts = |pod: usize| self.pods[pod].facts(&self.budgets[pod]);
        simulate_removal(snapshot, node, facts, &self.options, allowed, hints, destination)
    }

    fn single(&self, seed: u64) -> BTreeMap<String, Single> {
        let names = |pods: &[usize]| -> Vec<String> {
            let mut names: Vec<String> =
                pods.iter().map(|pod| self.pods[*pod].name.clone()).collect();
            // Recorded in order of name.
            names.sort();
            names
        };
        let allowed = self.allowed();
        let one = |(number, node): (usize, &Node)| {
            let mut snapshot = self.snapshot(seed);
            let result =
                self.remove(&mut snapshot, number, &allowed, &mut Hints::default(), |_| true);
            let single = match result {
                Ok(found) => Single {
                    removable: true,
                    pods_to_reschedule: names(&found.to_move),
                    on_completion: names(&found.awaited),
                    ..Single::default()
                },
                Err(Unremovable::NoPlaceToMovePods) => {
                    Single { reason: "NoPlaceToMovePods".into(), ..Single::default() }
                }
                Err(Unremovable::BlockedByPod(pod, blocking)) => Single {
                    reason: "BlockedByPod".into(),
                    blocking_pod: self.pods[pod].name.clone(),
                    blocking_reason: reason(blocking).into(),
                    ..Single::default()
                },
            };
            (node.name.clone(), single)
        };
        self.case.nodes.iter().enumerate().map(one).collect()
    }

    fn sequential(&self, seed: u64) -> Vec<String> {
        let mut snapshot = self.snapshot(seed);
        let mut hints = Hints::default();
        let mut allowed = self.allowed();
        let mut gone = vec![false; self.case.nodes.len()];
        let mut names = Vec::new();
        for (number, node) in self.case.nodes.iter().enumerate() {
            let destination = |other: usize| !gone[other];
            let result = self.remove(&mut snapshot, number, &allowed, &mut hints, destination);
            if let Ok(removed) = result {
                consume(&mut allowed, &removed.to_move, |pod| &self.budgets[pod]);
                gone[number] = true;
                names.push(node.name.clone());
            }
        }
        names
    }
}

/// Answers one case.
pub fn line(text: &str) -> Result<Verdict, serde_json::Error> {
    let case: Case = serde_json::from_str(text)?;
    let setting = Setting::new(&case);
    let (single, sequence) = (&case.out.single, &case.out.sequential_removable);
    Ok(Verdict::of_draws(|seed| {
        let alone = difference(&case.id, "single", &setting.single(seed), single);
        alone.or_else(|| difference(&case.id, "sequence", &setting.sequential(seed), sequence))
    }))
}
