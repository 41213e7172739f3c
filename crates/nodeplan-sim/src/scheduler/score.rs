//! Scores of feasible nodes: each plugin's, normalized and weighted.
//!
//! Integer divisions and float64 steps are upstream's, in upstream's order.

use super::cluster::Cluster;
use super::counter::NO_DOMAIN;
use super::nodes::{NodeId, Usage};
use super::reason::Plugin;
use super::registry::Registered;
use super::template::{Demand, TemplateId};

const MAX: i64 = 100;

/// Scores by plugin, each times its weight, in the order of the nodes given.
#[derive(Clone, Debug, Default)]
pub struct Scores {
    fit: Column,
    balance: Column,
    taints: Column,
    affinity: Column,
    spread: Column,
    pods: Column,
    totals: Vec<i64>,
    /// By domain, the constraint that met it last (see [`spread`]).
    met: Vec<u32>,
}

/// One plugin's scores; a plugin may sit out.
#[derive(Clone, Debug, Default)]
struct Column {
    active: bool,
    values: Vec<i64>,
}

impl Column {
    fn begin(&mut self, active: bool) -> bool {
        self.active = active;
        self.values.clear();
        active
    }

    fn weigh(&mut self, weight: i64) {
        self.values.iter_mut().for_each(|value| *value = value.wrapping_mul(weight));
    }
}

impl Scores {
    /// A plugin's weighted scores; `None` if it sat out or has none.
    #[must_use]
    pub fn of(&self, plugin: Plugin) -> Option<&[i64]> {
        let column = match plugin {
            Plugin::NodeResourcesFit => &self.fit,
            Plugin::NodeResourcesBalancedAllocation => &self.balance,
            Plugin::TaintToleration => &self.taints,
            Plugin::NodeAffinity => &self.affinity,
            Plugin::PodTopologySpread => &self.spread,
            Plugin::InterPodAffinity => &self.pods,
            _ => return None,
        };
        column.active.then_some(&column.values)
    }

    /// Sums over the plugins.
    #[must_use]
    pub fn totals(&self) -> &[i64] {
        &self.totals
    }
}

/// Scores nodes that passed the filters.
pub fn score(cluster: &Cluster, pod: TemplateId, nodes: &[NodeId], scores: &mut Scores) {
    let template = cluster.registered(pod);
    let demand = &template.spec.demand;
    let usage = || nodes.iter().map(|node| &cluster.usage[node.at()]);
    let fixed = || nodes.iter().map(|node| cluster.fixed(template, *node));

    scores.fit.begin(true);
    scores.fit.values.extend(usage().map(|usage| least_allocated(usage, demand)));
    if scores.balance.begin(demand.cpu_milli != 0 || demand.memory != 0) {
        let before = nodes.iter().map(|node| cluster.evenness[node.at()]);
        let both = usage().zip(before).map(|(usage, before)| balance(usage, demand, before));
        scores.balance.values.extend(both);
    }
    scores.taints.begin(true);
    scores.taints.values.extend(fixed().map(|fixed| i64::from(fixed.disliked)));
    normalize(&mut scores.taints.values, true);
    scores.taints.weigh(3);
    if scores.affinity.begin(!template.spec.node_preferred.is_empty()) {
        scores.affinity.values.extend(fixed().map(|fixed| fixed.preferred));
        normalize(&mut scores.affinity.values, false);
        scores.affinity.weigh(2);
    }
    if scores.spread.begin(!template.soft.is_empty()) {
        spread(cluster, template, nodes, scores);
        scores.spread.weigh(2);
    }
    let liked = &template.liked;
    let hits = |at: &u32| cluster.counters[*at as usize].hits > 0;
    if scores.pods.begin(liked.iter().any(hits)) {
        scores.pods.values.extend(nodes.iter().map(|node| likes(cluster, liked, *node)));
        normalize_range(&mut scores.pods.values);
        scores.pods.weigh(2);
    }
    sum(scores, nodes.len());
}

fn sum(scores: &mut Scores, nodes: usize) {
    let Scores { fit, balance, taints, affinity, spread, pods, totals, .. } = scores;
    totals.clear();
    totals.resize(nodes, 0);
    for column in [fit, balance, taints, affinity, spread, pods] {
        for (total, value) in totals.iter_mut().zip(&column.values) {
            *total = total.wrapping_add(*value);
        }
    }
}

/// `noderesources` `leastResourceScorer`: CPU and memory with weight 1 each.
fn least_allocated(usage: &Usage, demand: &Demand) -> i64 {
    let mut sum = 0;
    let mut weights = 0;
    for (offered, used, asked) in [
        (usage.cpu_offered, usage.cpu_scored, demand.scored_cpu_milli),
        (usage.memory_offered, usage.memory_scored, demand.scored_memory),
    ] {
        if offered == 0 {
            continue;
        }
        let taken = used.wrapping_add(asked);
        if taken <= offered {
            sum = i64::wrapping_add(
                sum,
                divide(offered.wrapping_sub(taken).wrapping_mul(MAX), offered),
            );
        }
        weights += 1;
    }
    if weights == 0 { 0 } else { sum / weights }
}

/// The integer quotient of non-negative amounts, which a float64 division gives exactly while
/// the quotient is small and the divisor below 2^45: one step of the divisor is then more than
/// the rounding. Several times faster.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn divide(amount: i64, by: i64) -> i64 {
    if (0..1 << 52).contains(&amount) && (1..1 << 45).contains(&by) && amount <= by * MAX {
        return (amount as f64 / by as f64) as i64;
    }
    amount.wrapping_div(by)
}

/// The nearest integer, halves away from zero (`math.Round`).
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn round(value: f64) -> i64 {
    if !(0.0..4_503_599_627_370_496.0).contains(&value) {
        return value.round() as i64;
    }
    let whole = value as i64;
    whole + i64::from(value - whole as f64 >= 0.5)
}

/// `noderesources` `balancedResourceScorer`: how much better the balance gets.
fn balance(usage: &Usage, demand: &Demand, without: i64) -> i64 {
    let with = evenness(usage, demand.cpu_milli, demand.memory);
    MAX / 2 + (MAX / 2 + with - without) / 2
}

/// The balance of CPU and memory in percent, with so much more asked for.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub(super) fn evenness(usage: &Usage, cpu_milli: i64, memory: i64) -> i64 {
    let fraction = |offered: i64, used: i64, asked: i64| {
        (offered != 0).then(|| (used.wrapping_add(asked) as f64 / offered as f64).min(1.0))
    };
    let cpu = fraction(usage.cpu_offered, usage.cpu_used, cpu_milli);
    let memory = fraction(usage.memory_offered, usage.memory_used, memory);
    let deviation = match (cpu, memory) {
        (Some(cpu), Some(memory)) => ((cpu - memory) / 2.0).abs(),
        _ => 0.0,
    };
    ((1.0 - deviation) * MAX as f64) as i64
}

/// `helper.DefaultNormalizeScore`.
fn normalize(values: &mut [i64], reverse: bool) {
    let top = values.iter().copied().max().unwrap_or(0).max(0);
    if top == 0 {
        return values.fill(if reverse { MAX } else { 0 });
    }
    for value in values {
        let share = MAX * *value / top;
        *value = if reverse { MAX - share } else { share };
    }
}

/// The node's share of all preferences (`interpodaffinity` `Score`).
fn likes(cluster: &Cluster, counters: &[u32], node: NodeId) -> i64 {
    let of_key = |at: &u32| {
        let counter = &cluster.counters[*at as usize];
        let domain = cluster.keys[counter.key].of_node[node.at()];
        if domain == NO_DOMAIN { 0 } else { counter.count(domain) }
    };
    counters.iter().map(of_key).sum()
}

/// `interpodaffinity` `NormalizeScore`: from the least to the greatest.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn normalize_range(values: &mut [i64]) {
    let least = values.iter().copied().min().unwrap_or(0);
    let greatest = values.iter().copied().max().unwrap_or(0);
    let range = greatest - least;
    for value in values {
        *value = if range > 0 {
            (MAX as f64 * ((*value - least) as f64 / range as f64)) as i64
        } else {
            0
        };
    }
}

/// Marks nodes that lack a key and score nothing.
const IGNORED: i64 = -1;

/// `podtopologyspread` `PreScore`, `Score` and `NormalizeScore`.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
fn spread(cluster: &Cluster, template: &Registered, nodes: &[NodeId], scores: &mut Scores) {
    let rules: Vec<_> = template
        .soft
        .iter()
        .map(|soft| {
            let counter = &cluster.counters[soft.counter as usize];
            (soft, counter, cluster.keys[counter.key].of_node.as_slice())
        })
        .collect();
    let ignored = |node: NodeId| {
        template.soft_needs_all && rules.iter().any(|(.., of)| of[node.at()] == NO_DOMAIN)
    };
    let scored = nodes.iter().filter(|node| !ignored(**node)).count();
    let weight = |(soft, _, of): &(&super::registry::Spread, _, &[u32])| {
        let size = if soft.by_host {
            scored
        } else {
            let eligible = nodes.iter().filter(|node| !ignored(**node));
            distinct(eligible.map(|node| of[node.at()]), &mut scores.met)
        };
        libm::log((size + 2) as f64)
    };
    let weights: Vec<f64> = rules.iter().map(weight).collect();
    let values = &mut scores.spread.values;
    values.extend(nodes.iter().map(|node| {
        if ignored(*node) {
            return IGNORED;
        }
        let mut sum = 0.0_f64;
        for ((soft, counter, of), weight) in rules.iter().zip(&weights) {
            let domain = of[node.at()];
            if domain != NO_DOMAIN {
                sum += counter.count(domain) as f64 * weight + (soft.max_skew - 1) as f64;
            }
        }
        round(sum)
    }));
    let real = || values.iter().copied().filter(|value| *value != IGNORED);
    let (least, greatest) = (real().min().unwrap_or(0), real().max().unwrap_or(0));
    for value in values {
        *value = match (*value, greatest) {
            (IGNORED, _) => 0,
            (_, 0) => MAX,
            _ => divide(MAX * (greatest + least - *value), greatest),
        };
    }
}

/// How many domains there are; nodes without one make one more, as the missing label's empty
/// value does upstream.
fn distinct(domains: impl Iterator<Item = u32>, met: &mut Vec<u32>) -> usize {
    met.clear();
    let mut count = 0;
    let mut without = 0;
    for domain in domains {
        if domain == NO_DOMAIN {
            without = 1;
            continue;
        }
        let at = domain as usize;
        if met.len() <= at {
            met.resize(at + 1, 0);
        }
        count += usize::from(met[at] == 0);
        met[at] = 1;
    }
    count + without
}
