//! The recorded world of `ca_loop`, kept as the arrays that a loop reads.

use std::collections::BTreeMap;

use super::record::{self, In, Sequence};
use crate::sim::autoscaler::balance::is_ignored_label;
use crate::sim::autoscaler::priority::Priorities;
use crate::sim::autoscaler::view::{
    Budget, ClusterView, Group, Instance, InstanceState, Node, NodeKey, NodeShape, Owner, Pod,
    PodClass, Taint, Toleration,
};

/// Time of a taint's value at the start of a sequence: 2000-01-01, in seconds.
const EPOCH_S: i64 = 946_684_800;

/// Names to numbers, in order of appearance.
#[derive(Default)]
struct Names {
    numbers: BTreeMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = u32::try_from(self.names.len()).expect("a line has fewer than 2^32 names");
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }
}

/// Nodes, pods and groups as they are.
pub struct World {
    pub groups: Vec<Group>,
    group_names: Vec<String>,
    shapes: Vec<NodeShape>,
    nodes: Vec<Node>,
    classes: Vec<PodClass>,
    pods: Vec<(String, record::Pod, Pod)>,
    budgets: Vec<(String, Budget)>,
    words: Names,
    machines: Names,
    pod_keys: u64,
}

impl World {
    /// The groups, and nothing else yet.
    pub fn new(sequence: &Sequence) -> Self {
        let mut words = Names::default();
        let mut label_classes = Names::default();
        let map: Vec<(i64, Vec<String>)> = sequence
            .options
            .priorities
            .iter()
            .flatten()
            .filter_map(|(priority, names)| Some((priority.parse().ok()?, names.clone())))
            .collect();
        let priorities = Priorities::new(&map).expect("the recorded patterns are valid");
        let (mut groups, mut shapes) = (Vec::new(), Vec::new());
        for (index, group) in sequence.groups.iter().enumerate() {
            let counted = group.labels.iter().filter(|(key, _)| !is_ignored_label(key));
            let counted: Vec<String> = counted.map(|(k, v)| format!("{k}={v}")).collect();
            let labels = group.labels.iter();
            shapes.push(NodeShape {
                cpu_milli: group.cpu_m,
                memory_bytes: group.mem,
                pods: group.pods,
                capacity_cpu_milli: group.cap_cpu_m,
                capacity_memory_bytes: group.cap_mem,
                labels: labels.map(|(k, v)| (words.number(k), words.number(v))).collect(),
                taints: hard_taints(&group.taints, &mut words),
                label_class: label_classes.number(&counted.join(",")),
            });
            let sets = &sequence.daemonsets;
            groups.push(Group {
                min: group.min,
                max: group.max,
                shape: index,
                daemon_cpu_milli: sets.iter().map(|set| set.cpu_m).sum(),
                daemon_memory_bytes: sets.iter().map(|set| set.mem).sum(),
                daemon_pods: i64::try_from(sets.len()).expect("few sets"),
                priority: priorities.of(&group.id),
                ..Group::default()
            });
        }
        World {
            groups,
            group_names: sequence.groups.iter().map(|group| group.id.clone()).collect(),
            shapes,
            nodes: Vec::new(),
            classes: Vec::new(),
            pods: Vec::new(),
            budgets: Vec::new(),
            words,
            machines: Names::default(),
            pod_keys: 0,
        }
    }

    /// Applies the changes before a step.
    pub fn apply(&mut self, changes: &In) {
        for node in &changes.nodes {
            self.put_node(node);
        }
        for name in &changes.nodes_gone {
            let key = self.machines.number(name);
            self.nodes.retain(|node| node.key != key);
        }
        for pod in &changes.pods {
            self.put_pod(pod);
        }
        self.pods.retain(|(name, ..)| !changes.pods_gone.contains(name));
        for pdb in &changes.pdbs {
            let app = self.words.number(&format!("app default/{}", pdb.app));
            let budget = Budget { app, allowed: pdb.disruptions_allowed };
            match self.budgets.iter_mut().find(|(name, _)| *name == pdb.name) {
                Some((_, old)) => *old = budget,
                None => self.budgets.push((pdb.name.clone(), budget)),
            }
        }
        for (name, instances) in &changes.instances {
            let group = self.group(name);
            let instances = instances.iter().flatten();
            self.groups[group].instances =
                instances.map(|it| instance(it, &mut self.machines, &mut self.words)).collect();
        }
        for (name, &target) in &changes.targets {
            let group = self.group(name);
            self.groups[group].target = target;
        }
        for (group, name) in self.groups.iter_mut().zip(&self.group_names) {
            group.increase_fails = changes.increase_fails.contains(name);
            group.delete_fails = changes.delete_fails.contains(name);
        }
    }

    fn put_node(&mut self, node: &record::Node) {
        let group = self.group(&node.group);
        let key = self.machines.number(&node.name);
        let carries = |key: &str| node.taints.iter().find(|taint| taint[0].starts_with(key));
        let deletion = carries("ToBeDeletedByClusterAutoscaler");
        let new = Node {
            key,
            group: Some(group),
            shape: self.groups[group].shape,
            created_ms: node.created_ms,
            ready: node.ready,
            ready_changed_ms: node.ready_transition_ms,
            scale_down_disabled: node.scale_down_disabled,
            deletion_taint_ms: deletion
                .and_then(|taint| taint[1].parse::<i64>().ok())
                .map(|seconds| (seconds - EPOCH_S) * 1000),
            soft_taint: carries("DeletionCandidateOfClusterAutoscaler").is_some(),
            condition_taint: None,
        };
        match self.nodes.iter_mut().find(|node| node.key == key) {
            Some(old) => *old = new,
            None => self.nodes.push(new),
        }
    }

    fn put_pod(&mut self, pod: &record::Pod) {
        let ns = if pod.ns.is_empty() { "default" } else { &pod.ns };
        let class = PodClass {
            cpu_milli: pod.cpu_m,
            memory_bytes: pod.mem,
            app: self.words.number(&format!("app {ns}/{}", pod.app)),
            selector: pod
                .node_selector
                .iter()
                .map(|(key, value)| (self.words.number(key), self.words.number(value)))
                .collect(),
            tolerates: match pod.tolerates_key.as_str() {
                "*" => Toleration::All,
                "" => Toleration::Keys(Vec::new()),
                key => Toleration::Keys(vec![self.words.number(key)]),
            },
            host_anti_affinity: pod.self_anti_affinity_host,
            grace_ms: pod.grace_s * 1000,
        };
        let owner = match pod.owner.split_once('/') {
            Some(("ds", name)) => Owner::DaemonSet(self.words.number(name)),
            Some(("rs", name)) => Owner::Replicated(self.words.number(name)),
            Some((_, name)) => Owner::Custom(self.words.number(name)),
            None => Owner::Bare,
        };
        let class = match self.classes.iter().position(|other| *other == class) {
            Some(index) => index,
            None => {
                self.classes.push(class);
                self.classes.len() - 1
            }
        };
        let old = self.pods.iter_mut().find(|(name, ..)| *name == pod.name);
        let key = old.as_ref().map_or(self.pod_keys, |(_, _, old)| old.key);
        let new = Pod {
            key,
            class,
            owner,
            node: None,
            created_ms: pod.created_ms,
            deletion_ms: pod.deletion_ms,
            priority: pod.priority,
            safe_to_evict: pod.safe_to_evict.as_deref().map(|value| value == "true"),
            local_storage: pod.empty_dir,
            system: ns == "kube-system",
            mirror: false,
        };
        let entry = (pod.name.clone(), pod.clone(), new);
        match old {
            Some(old) => *old = entry,
            None => {
                self.pod_keys += 1;
                self.pods.push(entry);
            }
        }
    }

    /// Shows the world to a loop.
    pub fn view<T>(&mut self, now_ms: i64, look: impl FnOnce(&ClusterView<'_>) -> T) -> T {
        let places: BTreeMap<NodeKey, usize> =
            self.nodes.iter().enumerate().map(|(at, node)| (node.key, at)).collect();
        let mut pods = Vec::with_capacity(self.pods.len());
        for (_, recorded, pod) in &self.pods {
            let mut pod = *pod;
            if !recorded.node.is_empty() {
                let key = self.machines.number(&recorded.node);
                let Some(&node) = places.get(&key) else { continue };
                pod.node = Some(node);
            }
            pods.push(pod);
        }
        let budgets: Vec<Budget> = self.budgets.iter().map(|(_, budget)| *budget).collect();
        look(&ClusterView {
            now_ms,
            shapes: &self.shapes,
            groups: &self.groups,
            nodes: &self.nodes,
            classes: &self.classes,
            pods: &pods,
            budgets: &budgets,
        })
    }

    fn group(&self, name: &str) -> usize {
        self.group_names.iter().position(|it| it == name).expect("a recorded group is listed")
    }

    /// Name of a group.
    pub fn group_name(&self, group: usize) -> &str {
        &self.group_names[group]
    }

    /// Name of a machine.
    pub fn node_name(&self, key: NodeKey) -> &str {
        &self.machines.names[key as usize]
    }

    /// Number of a machine that was seen before.
    pub fn node_key(&self, name: &str) -> NodeKey {
        self.machines.numbers.get(name).copied().unwrap_or(NodeKey::MAX)
    }
}

fn instance(it: &record::Instance, machines: &mut Names, words: &mut Names) -> Instance {
    Instance {
        key: machines.number(&it.name),
        state: match it.state.as_str() {
            "creating" => InstanceState::Creating,
            "deleting" => InstanceState::Deleting,
            _ => InstanceState::Running,
        },
        error: it.error.as_ref().map(|code| words.number(code)),
    }
}

fn hard_taints(taints: &[[String; 3]], words: &mut Names) -> Vec<Taint> {
    taints
        .iter()
        .filter(|[.., effect]| effect != "PreferNoSchedule")
        .map(|[key, ..]| Taint { key: words.number(key) })
        .collect()
}
