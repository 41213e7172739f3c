//! The rules in force, one phrase each.

use nodeplan_model::problem::{Cluster, Problem, ReservationModel, SystemPool};
use nodeplan_model::units::PerMille;

/// The rules `problem` is solved under.
#[must_use]
pub fn rules(problem: &Problem) -> Vec<String> {
    let cluster = problem.cluster();
    let mut rules = vec![capacity(cluster)];
    rules.push(match cluster.system_pool {
        SystemPool::Shared => "a system pool shared with user pods".to_owned(),
        SystemPool::Dedicated => "a system pool of its own".to_owned(),
        SystemPool::None => "no system pool".to_owned(),
    });
    if let Some(most) = cluster.max_pools {
        rules.push(format!("at most {most} pool{}", if most == 1 { "" } else { "s" }));
    }
    let ordinary = problem.groups().iter().filter(|group| !group.system && !group.spot);
    let own = ordinary.count().saturating_sub(1);
    if own > 0 {
        rules.push(format!("{own} kind{} of labelled or isolated pool", plural(own)));
    }
    if cluster.spot {
        rules.push("spot pools for the workloads that tolerate them".to_owned());
    }
    if problem.workloads().iter().any(|one| one.max_per_node.is_some()) {
        rules.push("pods per node of some workloads bounded".to_owned());
    }
    if !problem.coupled_points().is_empty() {
        rules.push("no pool has more nodes at a smaller load".to_owned());
    }
    if cluster.headroom.0 > 0 {
        rules.push(format!("{} kept free on each node", percent(cluster.headroom)));
    }
    let burst = cluster.burst;
    for (name, share) in [
        ("Guaranteed", burst.guaranteed),
        ("Burstable", burst.burstable),
        ("BestEffort", burst.best_effort),
    ] {
        if share.0 > 0 {
            rules.push(format!("{name} pods packed {} of the way to the limit", percent(share)));
        }
    }
    for (name, bound) in [("CPU", cluster.overcommit.cpu), ("memory", cluster.overcommit.memory)] {
        if let Some(bound) = bound {
            let (whole, part) = (bound.0 / 1000, bound.0 % 1000);
            rules.push(format!("{name} limits at most {whole}.{part:03} x allocatable"));
        }
    }
    let burstable = problem.skus().iter().any(|sku| sku.sustained.is_some());
    if cluster.sustained_cpu && burstable {
        rules.push("burstable nodes sustain the mean CPU use of their pods".to_owned());
    }
    rules
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

fn percent(share: PerMille) -> String {
    let tenth = share.0 % 10;
    if tenth == 0 { format!("{}%", share.0 / 10) } else { format!("{}.{tenth}%", share.0 / 10) }
}

fn capacity(cluster: &Cluster) -> String {
    let model = match cluster.reservation {
        ReservationModel::Aks => "node reservations of AKS 1.29 and newer",
        ReservationModel::AksLegacy => "node reservations of AKS before 1.29",
        ReservationModel::NodeAutoProvisioning => "node reservations of node auto-provisioning",
        ReservationModel::Measured => "measured allocatable",
    };
    let pods: Vec<String> = cluster.max_pods.iter().map(u32::to_string).collect();
    let addons = match cluster.addons.len() {
        0 => "no add-on DaemonSets".to_owned(),
        count => format!("{count} add-on DaemonSet{}", plural(count)),
    };
    format!("{model}, max {} pods a node, {addons}", pods.join(" or "))
}
