//! The recorded lines of `ca_loop`, as they are written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::list;
use crate::sim::autoscaler::expander::Filter;
use crate::sim::autoscaler::options::{DecreaseTarget, Options};

/// One line.
#[derive(Deserialize)]
pub struct Sequence {
    pub id: String,
    pub options: RecordedOptions,
    pub groups: Vec<Group>,
    #[serde(default, deserialize_with = "list")]
    pub daemonsets: Vec<DaemonSet>,
    pub steps: Vec<Step>,
}

#[derive(Deserialize)]
pub struct RecordedOptions {
    expander: String,
    #[serde(default)]
    pub priorities: Option<BTreeMap<String, Vec<String>>>,
    balance_similar_node_groups: bool,
    skip_nodes_with_local_storage: bool,
    skip_nodes_with_system_pods: bool,
    skip_nodes_with_custom_controller_pods: bool,
    ignore_daemonsets_utilization: bool,
    scale_down_utilization_threshold: f64,
    scale_down_unneeded_s: i64,
    scale_down_unready_s: i64,
    scale_down_delay_after_add_s: i64,
    scale_down_delay_after_delete_s: i64,
    scale_down_delay_after_failure_s: i64,
    max_node_provision_s: i64,
    max_graceful_termination_s: i64,
    new_pod_scale_up_delay_s: i64,
    ok_total_unready_count: i64,
    max_total_unready_percentage: f64,
    max_scale_down_parallelism: i64,
    max_drain_parallelism: i64,
    enforce_node_group_min_size: bool,
    unremovable_node_recheck_s: i64,
    max_nodes_total: i64,
    initial_node_group_backoff_s: i64,
    max_node_group_backoff_s: i64,
    node_group_backoff_reset_s: i64,
    expendable_pods_priority_cutoff: i32,
    decrease_target_mode: String,
}

impl RecordedOptions {
    /// The options of the loop.
    pub fn read(&self) -> Options {
        let filter = |name: &str| match name {
            "least-waste" => Some(Filter::LeastWaste),
            "most-pods" => Some(Filter::MostPods),
            "least-nodes" => Some(Filter::LeastNodes),
            "priority" => Some(Filter::Priority),
            _ => None,
        };
        Options {
            expanders: self.expander.split(',').filter_map(filter).collect(),
            has_priorities: self.priorities.is_some(),
            balance_similar: self.balance_similar_node_groups,
            skip_local_storage: self.skip_nodes_with_local_storage,
            skip_system: self.skip_nodes_with_system_pods,
            skip_custom: self.skip_nodes_with_custom_controller_pods,
            ignore_daemonsets: self.ignore_daemonsets_utilization,
            utilization_threshold: self.scale_down_utilization_threshold,
            unneeded_ms: self.scale_down_unneeded_s * 1000,
            unready_ms: self.scale_down_unready_s * 1000,
            delay_after_add_ms: self.scale_down_delay_after_add_s * 1000,
            delay_after_delete_ms: self.scale_down_delay_after_delete_s * 1000,
            delay_after_failure_ms: self.scale_down_delay_after_failure_s * 1000,
            provision_ms: self.max_node_provision_s * 1000,
            max_grace_ms: self.max_graceful_termination_s * 1000,
            new_pod_delay_ms: self.new_pod_scale_up_delay_s * 1000,
            ok_unready: self.ok_total_unready_count,
            max_unready_percent: self.max_total_unready_percentage,
            max_parallel: self.max_scale_down_parallelism,
            max_drain: self.max_drain_parallelism,
            enforce_min: self.enforce_node_group_min_size,
            recheck_ms: self.unremovable_node_recheck_s * 1000,
            max_nodes_total: self.max_nodes_total,
            initial_backoff_ms: self.initial_node_group_backoff_s * 1000,
            max_backoff_ms: self.max_node_group_backoff_s * 1000,
            backoff_reset_ms: self.node_group_backoff_reset_s * 1000,
            expendable_cutoff: self.expendable_pods_priority_cutoff,
            decrease_target: if self.decrease_target_mode == "checked" {
                DecreaseTarget::Checked
            } else {
                DecreaseTarget::AzureNoop
            },
            provider_labels_differ: true,
            ..Options::default()
        }
    }
}

#[derive(Deserialize)]
pub struct Group {
    pub id: String,
    pub min: i64,
    pub max: i64,
    pub cpu_m: i64,
    pub mem: i64,
    pub cap_cpu_m: i64,
    pub cap_mem: i64,
    pub pods: i64,
    pub labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "list")]
    pub taints: Vec<[String; 3]>,
}

#[derive(Deserialize)]
pub struct DaemonSet {
    pub cpu_m: i64,
    pub mem: i64,
}

#[derive(Deserialize)]
pub struct Step {
    pub t_ms: i64,
    pub r#in: In,
    pub out: Out,
}

/// Changes of the world before a step.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct In {
    #[serde(deserialize_with = "list")]
    pub nodes: Vec<Node>,
    #[serde(deserialize_with = "list")]
    pub nodes_gone: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub pods: Vec<Pod>,
    #[serde(deserialize_with = "list")]
    pub pods_gone: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub pdbs: Vec<Pdb>,
    pub instances: BTreeMap<String, Option<Vec<Instance>>>,
    pub targets: BTreeMap<String, i64>,
    #[serde(deserialize_with = "list")]
    pub increase_fails: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub delete_fails: Vec<String>,
}

#[derive(Deserialize)]
pub struct Node {
    pub name: String,
    pub group: String,
    pub created_ms: i64,
    #[serde(default)]
    pub ready: bool,
    #[serde(default)]
    pub ready_transition_ms: i64,
    #[serde(default)]
    pub scale_down_disabled: bool,
    #[serde(default, deserialize_with = "list")]
    pub taints: Vec<[String; 3]>,
}

#[derive(Clone, Deserialize)]
pub struct Pod {
    pub name: String,
    #[serde(default)]
    pub ns: String,
    #[serde(default)]
    pub node: String,
    pub created_ms: i64,
    #[serde(default)]
    pub cpu_m: i64,
    #[serde(default)]
    pub mem: i64,
    #[serde(default)]
    pub app: String,
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub grace_s: i64,
    #[serde(default)]
    pub tolerates_key: String,
    #[serde(default)]
    pub node_selector: BTreeMap<String, String>,
    #[serde(default)]
    pub self_anti_affinity_host: bool,
    #[serde(default)]
    pub safe_to_evict: Option<String>,
    #[serde(default)]
    pub empty_dir: bool,
    #[serde(default)]
    pub deletion_ms: Option<i64>,
}

#[derive(Deserialize)]
pub struct Pdb {
    pub name: String,
    pub app: String,
    #[serde(default)]
    pub disruptions_allowed: i64,
}

#[derive(Deserialize)]
pub struct Instance {
    pub name: String,
    pub state: String,
    #[serde(default)]
    pub error: Option<String>,
}

/// What a step answered.
#[derive(Deserialize)]
pub struct Out {
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub actions: Vec<RecordedAction>,
    #[serde(default)]
    pub unneeded_since_ms: BTreeMap<String, i64>,
    #[serde(default)]
    pub unremovable: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "list")]
    pub scale_up: Vec<RecordedScaleUp>,
    pub scale_down: String,
    #[serde(default)]
    pub deletion_results: BTreeMap<String, String>,
    pub last_scale_up_ms: i64,
    pub last_scale_down_delete_ms: i64,
    pub last_scale_down_fail_ms: i64,
    #[serde(default, deserialize_with = "list")]
    pub backed_off: Vec<String>,
    #[serde(default)]
    pub upcoming: BTreeMap<String, i64>,
    #[serde(default)]
    pub cluster_healthy: bool,
    #[serde(default, deserialize_with = "list")]
    pub unhealthy_groups: Vec<String>,
}

#[derive(Deserialize)]
pub struct RecordedAction {
    pub at_ms: i64,
    pub kind: String,
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub node: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub nodes: Vec<String>,
    #[serde(default)]
    pub delta: i64,
}

#[derive(Deserialize)]
pub struct RecordedScaleUp {
    pub result: String,
    #[serde(default)]
    pub new_sizes: BTreeMap<String, i64>,
    #[serde(default)]
    pub pods_triggered: usize,
    #[serde(default)]
    pub pods_remain_unschedulable: usize,
    #[serde(default)]
    pub pods_await: usize,
    #[serde(default)]
    pub skipped_groups: BTreeMap<String, String>,
}
