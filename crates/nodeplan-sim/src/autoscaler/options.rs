//! Options of the cluster autoscaler (`config/autoscaling_options.go`), as AKS sets them.

use super::expander::Filter;

/// How the cloud answers `DecreaseTargetSize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecreaseTarget {
    /// Azure scale sets: says yes and changes nothing.
    AzureNoop,
    /// Lowers the target unless fewer would remain than machines exist; then refuses.
    Checked,
}

/// Options that matter to the loop. Times in milliseconds.
#[derive(Clone, Debug)]
pub struct Options {
    /// Chain of expander filters; of what they leave the first is taken (upstream: any).
    pub expanders: Vec<Filter>,
    /// A valid map of the priority expander exists.
    pub has_priorities: bool,
    /// `balance-similar-node-groups`.
    pub balance_similar: bool,
    /// `skip-nodes-with-local-storage`.
    pub skip_local_storage: bool,
    /// `skip-nodes-with-system-pods`.
    pub skip_system: bool,
    /// `skip-nodes-with-custom-controller-pods`.
    pub skip_custom: bool,
    /// Age at which a system pod without a budget no longer blocks
    /// (`blocking-system-pod-distruption-timeout`); `None` blocks for ever (older releases).
    pub system_pod_timeout_ms: Option<i64>,
    /// `ignore-daemonsets-utilization`.
    pub ignore_daemonsets: bool,
    /// `ignore-mirror-pods-utilization`.
    pub ignore_mirror: bool,
    /// `scale-down-utilization-threshold`; at or below passes.
    pub utilization_threshold: f64,
    /// `scale-down-unneeded-time`.
    pub unneeded_ms: i64,
    /// `scale-down-unready-enabled`: nodes that are not ready may go too.
    pub scale_down_unready: bool,
    /// `scale-down-unready-time`.
    pub unready_ms: i64,
    /// `scale-down-delay-after-add`.
    pub delay_after_add_ms: i64,
    /// `scale-down-delay-after-delete`.
    pub delay_after_delete_ms: i64,
    /// `scale-down-delay-after-failure`.
    pub delay_after_failure_ms: i64,
    /// `max-node-provision-time`.
    pub provision_ms: i64,
    /// `max-node-startup-time`.
    pub startup_ms: i64,
    /// `max-graceful-termination-sec`.
    pub max_grace_ms: i64,
    /// `max-pod-eviction-time`.
    pub max_eviction_ms: i64,
    /// `node-delete-delay-after-taint`.
    pub delay_after_taint_ms: i64,
    /// `new-pod-scale-up-delay`.
    pub new_pod_delay_ms: i64,
    /// `ok-total-unready-count`.
    pub ok_unready: i64,
    /// `max-total-unready-percentage`.
    pub max_unready_percent: f64,
    /// `max-scale-down-parallelism`.
    pub max_parallel: i64,
    /// `max-drain-parallelism`.
    pub max_drain: i64,
    /// `enforce-node-group-min-size`.
    pub enforce_min: bool,
    /// `unremovable-node-recheck-timeout`.
    pub recheck_ms: i64,
    /// `max-nodes-total`; 0 means no limit.
    pub max_nodes_total: i64,
    /// `max-nodes-per-scaleup`.
    pub max_nodes_per_scaleup: i64,
    /// `initial-node-group-backoff-duration`.
    pub initial_backoff_ms: i64,
    /// `max-node-group-backoff-duration`.
    pub max_backoff_ms: i64,
    /// `node-group-backoff-reset-timeout`.
    pub backoff_reset_ms: i64,
    /// `expendable-pods-priority-cutoff`.
    pub expendable_cutoff: i32,
    /// `max-bulk-soft-taint-count`.
    pub soft_taints: usize,
    /// The cloud's answer to `DecreaseTargetSize`.
    pub decrease_target: DecreaseTarget,
    /// Templates of groups that never had a ready node carry labels that real nodes lack, so such
    /// groups are never similar to groups that had one. False on AKS, whose nodes carry them.
    pub provider_labels_differ: bool,
}

impl Default for Options {
    /// The AKS profile's defaults.
    fn default() -> Self {
        const MINUTE: i64 = 60_000;
        Options {
            expanders: Vec::new(),
            has_priorities: false,
            balance_similar: false,
            skip_local_storage: false,
            skip_system: true,
            skip_custom: true,
            system_pod_timeout_ms: Some(60 * MINUTE),
            ignore_daemonsets: false,
            ignore_mirror: false,
            utilization_threshold: 0.5,
            unneeded_ms: 10 * MINUTE,
            scale_down_unready: true,
            unready_ms: 20 * MINUTE,
            delay_after_add_ms: 10 * MINUTE,
            delay_after_delete_ms: 10_000,
            delay_after_failure_ms: 3 * MINUTE,
            provision_ms: 15 * MINUTE,
            startup_ms: 15 * MINUTE,
            max_grace_ms: 10 * MINUTE,
            max_eviction_ms: 2 * MINUTE,
            delay_after_taint_ms: 5_000,
            new_pod_delay_ms: 0,
            ok_unready: 3,
            max_unready_percent: 45.0,
            max_parallel: 10,
            max_drain: 1,
            enforce_min: true,
            recheck_ms: 5 * MINUTE,
            max_nodes_total: 0,
            max_nodes_per_scaleup: 1000,
            initial_backoff_ms: 5 * MINUTE,
            max_backoff_ms: 30 * MINUTE,
            backoff_reset_ms: 180 * MINUTE,
            expendable_cutoff: -10,
            soft_taints: 10,
            decrease_target: DecreaseTarget::AzureNoop,
            provider_labels_differ: false,
        }
    }
}
