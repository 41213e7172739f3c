//! `ca_expander` and `ca_expander_extra`: which options a chain of filters keeps.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::compare;
use crate::io::yaml::priorities;
use crate::replay::Verdict;
use crate::sim::autoscaler::expander::{Filter, ScaleUpOption, Setting, apply, best_options};
use crate::sim::autoscaler::price::{self, Pricing};
use crate::sim::autoscaler::priority::Priorities;

#[derive(Deserialize)]
struct Case {
    id: String,
    chain: Vec<String>,
    options: Vec<Offer>,
    out: Out,
    #[serde(default)]
    pod_price_per_cpu: f64,
    #[serde(default)]
    pod_price_per_gib: f64,
    #[serde(default)]
    cluster_nodes: usize,
    priorities_yaml: Option<String>,
}

#[derive(Deserialize)]
struct Offer {
    #[serde(alias = "group")]
    id: String,
    #[serde(alias = "node_cpu_m")]
    cpu_m: i64,
    #[serde(alias = "node_mem")]
    mem: i64,
    node_count: i64,
    pods: Vec<(i64, i64)>,
    node_price: Option<f64>,
    #[serde(default)]
    gpu: bool,
    #[serde(default)]
    not_existing: bool,
}

#[derive(Deserialize)]
struct Out {
    after_each_filter: Vec<Vec<String>>,
    best_set: Vec<String>,
    #[serde(default)]
    price_scores: BTreeMap<String, f64>,
}

/// A filter by its name in the chain.
fn filter(name: &str) -> Filter {
    match name {
        "most-pods" => Filter::MostPods,
        "least-nodes" => Filter::LeastNodes,
        "least-waste" => Filter::LeastWaste,
        "price" => Filter::Price,
        "priority" => Filter::Priority,
        other => panic!("no filter is called {other}"),
    }
}

impl Case {
    fn pod_price(&self, (cpu_milli, memory_bytes): (i64, i64)) -> f64 {
        cpu_milli as f64 / 1000.0 * self.pod_price_per_cpu
            + memory_bytes as f64 / f64::from(1 << 30) * self.pod_price_per_gib
    }

    fn priorities(&self) -> Option<Priorities> {
        let text = self.priorities_yaml.as_ref()?;
        Priorities::new(&priorities("priorities", text.as_bytes()).ok()?).ok()
    }

    fn options(&self, priorities: Option<&Priorities>) -> Vec<ScaleUpOption> {
        let option = |(group, offer): (usize, &Offer)| ScaleUpOption {
            group,
            node_count: offer.node_count,
            node_cpu_milli: offer.cpu_m,
            node_memory_bytes: offer.mem,
            pod_count: offer.pods.len(),
            pods_cpu_milli: offer.pods.iter().map(|pod| pod.0).sum(),
            pods_memory_bytes: offer.pods.iter().map(|pod| pod.1).sum(),
            node_price: offer.node_price,
            pods_price: Some(offer.pods.iter().fold(0.0, |sum, pod| sum + self.pod_price(*pod))),
            gpu: offer.gpu,
            exists: !offer.not_existing,
            priority: priorities.and_then(|map| map.of(&offer.id)),
        };
        self.options.iter().enumerate().map(option).collect()
    }
}

impl Case {
    /// What differs between our scores of the options that reach the price filter and the
    /// recorded ones, which have six decimals; options without a price have no score.
    fn price_difference(
        &self,
        options: &[ScaleUpOption],
        pricing: &Pricing,
        stabilization: f64,
    ) -> Option<String> {
        let shown = |score: f64| format!("{score:.6}");
        options.iter().find_map(|option| {
            let id = &self.options[option.group].id;
            let ours = price::score(option, pricing, stabilization).map(shown);
            let recorded = self.out.price_scores.get(id).copied().map(shown);
            (ours != recorded)
                .then(|| format!("{}: {id} scores {ours:?}, recorded {recorded:?}", self.id))
        })
    }
}

/// Answers one case of either set: the options kept after each filter and at the end.
pub fn line(text: &str) -> Result<Verdict, serde_json::Error> {
    let case: Case = serde_json::from_str(text)?;
    let priorities = case.priorities();
    let options = case.options(priorities.as_ref());
    let stabilization =
        case.pod_price((price::STABILIZATION_CPU_MILLI, price::STABILIZATION_MEMORY_BYTES));
    let setting = Setting {
        pricing: Pricing {
            preferred_cpu_milli: price::preferred_cpu_milli(case.cluster_nodes),
            stabilization_price: Some(stabilization),
        },
        has_priorities: priorities.is_some(),
    };
    let names = |kept: &[ScaleUpOption]| -> Vec<String> {
        kept.iter().map(|option| case.options[option.group].id.clone()).collect()
    };
    let chain: Vec<Filter> = case.chain.iter().map(|name| filter(name)).collect();
    let mut kept = options.clone();
    let mut after = Vec::new();
    for filter in &chain {
        if *filter == Filter::Price
            && let Some(different) = case.price_difference(&kept, &setting.pricing, stabilization)
        {
            return Ok(Verdict::Different(different));
        }
        kept = apply(*filter, &kept, &setting);
        after.push(names(&kept));
        if kept.len() <= 1 {
            break;
        }
    }
    let best = names(&best_options(&chain, &options, &setting));
    let ours = (after, best);
    Ok(compare(&case.id, "kept", &ours, &(case.out.after_each_filter, case.out.best_set)))
}
