//! Which of several possible scale-ups is taken (`expander/factory/chain.go`, `mostpods`,
//! `leastnodes`, `waste`; `price` and `priority` in modules of their own).

#![allow(
    clippy::float_cmp,
    reason = "upstream keeps ties of equal floats: waste/waste.go BestOptions, price/price.go BestOptions"
)]

use crate::autoscaler::{price, priority};

/// A scale-up that would help some pending pods: upstream's `expander.Option`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleUpOption {
    /// Index of the node group.
    pub group: usize,
    /// Nodes to add.
    pub node_count: i64,
    /// CPU capacity (not allocatable) of one node, in milli-cores.
    pub node_cpu_milli: i64,
    /// Memory capacity (not allocatable) of one node, in bytes.
    pub node_memory_bytes: i64,
    /// Pods that would be helped.
    pub pod_count: usize,
    /// What their containers request together, in milli-cores.
    pub pods_cpu_milli: i64,
    /// What their containers request together, in bytes.
    pub pods_memory_bytes: i64,
    /// Price of a node for an hour; none if it has none. Only the price expander looks.
    pub node_price: Option<f64>,
    /// Prices of the pods for an hour, summed in their order; none if one has none.
    pub pods_price: Option<f64>,
    /// Whether nodes of the group carry GPUs.
    pub gpu: bool,
    /// Whether the group exists already (node auto-provisioning proposes groups that do not).
    pub exists: bool,
    /// What the priority expander's map gives the group's name, see [`priority::Priorities`].
    pub priority: Option<i64>,
}

/// One filter of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Most pods helped.
    MostPods,
    /// Fewest nodes.
    LeastNodes,
    /// Least idle CPU and memory, as shares of the new nodes.
    LeastWaste,
    /// Best price, the size preferred for the cluster weighed in.
    Price,
    /// Highest priority of the user's map.
    Priority,
}

/// What filters look at besides the options.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Setting {
    /// What the price expander knows of the cluster; needed by [`Filter::Price`] only.
    pub pricing: price::Pricing,
    /// Whether a valid priority map exists; without one [`Filter::Priority`] keeps all.
    pub has_priorities: bool,
}

/// Runs the chain: each filter gets what the one before kept, and it ends early when at most one
/// option is left. Upstream then draws one at random, so the result is the set drawn from.
pub fn best_options(
    chain: &[Filter],
    options: &[ScaleUpOption],
    setting: &Setting,
) -> Vec<ScaleUpOption> {
    let mut kept = options.to_vec();
    for filter in chain {
        kept = apply(*filter, &kept, setting);
        if kept.len() <= 1 {
            break;
        }
    }
    kept
}

/// What one filter keeps, in the order given.
pub fn apply(filter: Filter, options: &[ScaleUpOption], setting: &Setting) -> Vec<ScaleUpOption> {
    match filter {
        Filter::MostPods => {
            let most = options.iter().map(|option| option.pod_count).max();
            options.iter().filter(|option| Some(option.pod_count) == most).copied().collect()
        }
        Filter::LeastNodes => {
            let least = options.iter().map(|option| option.node_count).min();
            options.iter().filter(|option| Some(option.node_count) == least).copied().collect()
        }
        Filter::LeastWaste => lowest(options.iter().map(|option| (option, waste(option)))),
        Filter::Price => {
            let Some(stabilization) = setting.pricing.stabilization_price else {
                return Vec::new();
            };
            lowest(options.iter().filter_map(|option| {
                Some((option, price::score(option, &setting.pricing, stabilization)?))
            }))
        }
        Filter::Priority if setting.has_priorities => {
            priority::highest(options, |option| option.priority)
        }
        Filter::Priority => options.to_vec(),
    }
}

/// Idle share of CPU plus idle share of memory, DaemonSets not considered.
fn waste(option: &ScaleUpOption) -> f64 {
    let idle = |capacity: i64, requested: i64| {
        let all = capacity.wrapping_mul(option.node_count);
        all.wrapping_sub(requested) as f64 / all as f64
    };
    idle(option.node_cpu_milli, option.pods_cpu_milli)
        + idle(option.node_memory_bytes, option.pods_memory_bytes)
}

/// Options with the lowest score; a score that is no number stays only at the front, as the
/// comparisons of upstream's loops have it.
fn lowest<'o>(scored: impl Iterator<Item = (&'o ScaleUpOption, f64)>) -> Vec<ScaleUpOption> {
    let mut best: Vec<ScaleUpOption> = Vec::new();
    let mut lowest = 0.0;
    for (option, score) in scored {
        if best.is_empty() || score < lowest {
            best.clear();
            lowest = score;
            best.push(*option);
        } else if score == lowest {
            best.push(*option);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_chain_and_no_options_are_fine() {
        assert_eq!(best_options(&[], &[], &Setting::default()), Vec::new());
        for filter in [Filter::MostPods, Filter::LeastWaste, Filter::Price, Filter::Priority] {
            assert_eq!(apply(filter, &[], &Setting::default()), Vec::new(), "{filter:?}");
        }
    }
}
