//! `aks_reservations.json`: what AKS keeps of a node for itself, as documented and as read off real
//! nodes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Error;

use super::{Document, Verdict};
use crate::model::overhead::{memory_bands, reserved_cpu};
use crate::model::problem::ReservationModel;
use crate::model::units::{Bytes, GIB, MilliCpu};

/// The replay of a set of this part, if it is one.
pub fn document(set: &str) -> Option<Document> {
    (set == "aks_reservations").then_some(reservations)
}

#[derive(Deserialize)]
struct Facts {
    cpu_reserved_m: BTreeMap<u32, u64>,
    real_nodes: Vec<RealNode>,
}

#[derive(Debug, Deserialize)]
struct RealNode {
    vcpu: Option<u32>,
    nominal_gib: u64,
    max_pods: Option<u32>,
    capacity_ki: u64,
    allocatable_ki: u64,
    allocatable_cpu_m: Option<u64>,
    rule: String,
}

fn reservations(text: &str) -> Result<Vec<Verdict>, Error> {
    let facts: Facts = serde_json::from_str(text)?;
    let of_cores = facts.cpu_reserved_m.iter().map(|(&cores, &recorded)| {
        verdict(&format!("{cores} cores"), reserved_cpu(cores), MilliCpu(recorded))
    });
    let of_nodes = facts.real_nodes.iter().flat_map(|node| {
        let model = match node.rule.as_str() {
            "v1_29_plus" => ReservationModel::Aks,
            _ => ReservationModel::AksLegacy,
        };
        // The number of pods plays no part in the older rule.
        let pods = node.max_pods.unwrap_or_default();
        let (reserved, eviction) = memory_bands(model, Bytes(node.nominal_gib * GIB), pods);
        let kept = Bytes((node.capacity_ki - node.allocatable_ki) * 1024);
        let memory = verdict(&format!("{node:?}"), Bytes(reserved.0 + eviction.0), kept);
        let cpu = node.vcpu.zip(node.allocatable_cpu_m).map(|(cores, left)| {
            let kept = MilliCpu(u64::from(cores) * 1000 - left);
            verdict(&format!("{node:?}"), reserved_cpu(cores), kept)
        });
        [Some(memory), cpu].into_iter().flatten()
    });
    Ok(of_cores.chain(of_nodes).collect())
}

fn verdict<T: PartialEq + std::fmt::Debug>(what: &str, ours: T, recorded: T) -> Verdict {
    if ours == recorded {
        Verdict::Equal
    } else {
        Verdict::Different(format!("{what}: {ours:?} kept, recorded {recorded:?}"))
    }
}
