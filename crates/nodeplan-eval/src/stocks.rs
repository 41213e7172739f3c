//! What nodes cost at least that hold so many pods: exactly, for all small numbers of pods at once.
//!
//! V(0) = 0 and V(n) = min over kinds j and contents a of rate_j + V(max(n − a, 0)): covering by
//! dynamic programming. Some node holds a pod of the first workload that n asks for, so only contents
//! with one of those need be looked at, and only the largest contents. Where one of the nodes must be
//! able to be a system pool, that one is taken off first: min over kinds j that can, and contents a,
//! of rate_j + V(max(n − a, 0)). Numbers of pods that cannot grow without a higher rate are all that
//! matter: a *stock* is such a number with its rate.

use crate::kinds::{Kind, Kinds};
use nodeplan_model::problem::Problem;

/// Most numbers of pods looked at.
const MOST_STATES: usize = 1 << 17;
/// Most contents of nodes.
const MOST_CONTENTS: usize = 4_000;
/// Most steps of the recursion.
const MOST_STEPS: usize = 60_000_000;

/// Pods that nodes can hold for a rate, none of which can be more without a higher rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stock {
    /// The least rate of nodes that hold them.
    pub rate: u128,
    /// Pods of each workload; as many as the limit stands for any number from there on.
    pub pods: Vec<u32>,
}

/// All stocks up to some numbers of pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stocks {
    /// As many pods of a workload stand for any number from there on.
    pub(crate) limits: Vec<u32>,
    /// By rate.
    pub(crate) all: Vec<Stock>,
}

impl Stocks {
    /// Those of nodes of `problem`, whose only load point asks for the limits; with a node that can
    /// be a system pool, if the problem asks for one and `system_node` holds. None where they are too
    /// many to look at.
    #[must_use]
    pub fn of(problem: &Problem, system_node: bool) -> Option<Self> {
        let limits = problem.demand().row(0).to_vec();
        Some(Self { all: stocks(problem, system_node)?, limits })
    }
}

/// All stocks up to the demand of the problem's only load point, by rate.
fn stocks(problem: &Problem, system_node: bool) -> Option<Vec<Stock>> {
    let limits: Vec<u32> = problem.demand().row(0).to_vec();
    let active: Vec<usize> = (0..limits.len()).filter(|&at| limits[at] > 0).collect();
    let caps: Vec<u32> = active.iter().map(|&at| limits[at]).collect();
    let mut states = 1_usize;
    let mut strides = Vec::with_capacity(active.len());
    for &cap in &caps {
        strides.push(states);
        states = states.checked_mul(cap as usize + 1).filter(|all| *all <= MOST_STATES)?;
    }
    let kinds = Kinds::of(problem);
    let plain = contents(&kinds, &kinds.front, &active, &caps)?;
    let serves = kinds.front.iter().copied().filter(|&j| kinds.all[j as usize].serves_system);
    let system = contents(&kinds, &serves.collect::<Vec<u32>>(), &active, &caps)?;
    if (plain.len() + system.len()).checked_mul(states)? > MOST_STEPS {
        return None;
    }
    let mut rates = rates(&plain, &caps, &strides, states);
    if system_node && problem.needs_system_node() {
        rates = with_system(&system, &rates, &caps, &strides);
    }
    let mut all = Vec::new();
    let mut pods = vec![0_u32; caps.len()];
    for (state, &rate) in rates.iter().enumerate() {
        let full = |(at, &own): (usize, &u32)| own == caps[at] || rates[state + strides[at]] > rate;
        if rate < u128::MAX && pods.iter().enumerate().all(full) {
            let mut row = vec![0; limits.len()];
            for (&at, &own) in active.iter().zip(&pods) {
                row[at] = own;
            }
            all.push(Stock { rate, pods: row });
        }
        next(&mut pods, &caps);
    }
    all.sort_by(|a, b| (a.rate, &a.pods).cmp(&(b.rate, &b.pods)));
    Some(all)
}

/// The next numbers of pods, the first workload fastest.
fn next(pods: &mut [u32], caps: &[u32]) {
    for (own, &cap) in pods.iter_mut().zip(caps) {
        if *own < cap {
            *own += 1;
            return;
        }
        *own = 0;
    }
}

/// A content of a node.
struct Content {
    rate: u128,
    pods: Vec<u32>,
}

/// The least rate of nodes that hold so many pods, for every state.
fn rates(contents: &[Content], caps: &[u32], strides: &[usize], states: usize) -> Vec<u128> {
    let with: Vec<Vec<&Content>> = (0..caps.len())
        .map(|at| contents.iter().filter(|content| content.pods[at] > 0).collect())
        .collect();
    let mut rates = vec![u128::MAX; states];
    rates[0] = 0;
    let mut pods = vec![0_u32; caps.len()];
    for state in 1..states {
        next(&mut pods, caps);
        let Some(first) = pods.iter().position(|&own| own > 0) else { continue };
        let mut best = u128::MAX;
        for content in &with[first] {
            let mut rest = state;
            for ((&own, &held), &stride) in pods.iter().zip(&content.pods).zip(strides) {
                rest -= own.min(held) as usize * stride;
            }
            best = best.min(rates[rest].saturating_add(content.rate));
        }
        rates[state] = best;
    }
    rates
}

/// Likewise where one of the nodes must be one that can be a system pool, be it empty.
fn with_system(system: &[Content], rates: &[u128], caps: &[u32], strides: &[usize]) -> Vec<u128> {
    let mut pods = vec![0_u32; caps.len()];
    let mut all = Vec::with_capacity(rates.len());
    for state in 0..rates.len() {
        let rest = |content: &Content| {
            let held = pods.iter().zip(&content.pods).zip(strides);
            let gone: usize =
                held.map(|((&own, &held), &stride)| own.min(held) as usize * stride).sum();
            rates[state - gone].saturating_add(content.rate)
        };
        all.push(system.iter().map(rest).min().unwrap_or(u128::MAX));
        next(&mut pods, caps);
    }
    all
}

/// The largest contents of some kinds that need be looked at.
fn contents(kinds: &Kinds, chosen: &[u32], active: &[usize], caps: &[u32]) -> Option<Vec<Content>> {
    let mut all: Vec<Content> = Vec::new();
    for &j in chosen {
        let kind = &kinds.all[j as usize];
        let sizes = sizes(kinds, kind, active, caps);
        let mut found = Vec::new();
        let mut pods = vec![0; caps.len()];
        fill(&sizes, &mut kind.room.capacities(), 0, &mut pods, &mut found)?;
        all.extend(found.into_iter().map(|pods| Content { rate: kind.rate.into(), pods }));
        if all.len() > MOST_CONTENTS {
            return None;
        }
    }
    // One that holds no more and costs no less than another is of no use.
    all.sort_by(|a, b| (a.rate, &b.pods).cmp(&(b.rate, &a.pods)));
    let mut kept: Vec<Content> = Vec::new();
    for one in all {
        let within = |other: &Content| other.pods.iter().zip(&one.pods).all(|(a, b)| a >= b);
        if !kept.iter().any(within) {
            kept.push(one);
        }
    }
    Some(kept)
}

/// What a pod of each workload takes, and how many there may be.
fn sizes(kinds: &Kinds, kind: &Kind, active: &[usize], caps: &[u32]) -> Vec<(Vec<u64>, u32)> {
    let mut row = Vec::new();
    let size = |(&at, &cap): (&usize, &u32)| {
        let shape = kinds.shapes.iter().find(|shape| shape.members.contains(&at));
        let Some(shape) = shape else { return (Vec::new(), 0) };
        let most = kind.copies(shape, &mut row).min(u64::from(cap));
        (row.clone(), if most == 0 { 0 } else { u32::try_from(most).unwrap_or(cap) })
    };
    active.iter().zip(caps).map(size).collect()
}

/// All contents with as many pods of the last workload as there is room for.
fn fill(
    sizes: &[(Vec<u64>, u32)],
    left: &mut [u64],
    at: usize,
    pods: &mut Vec<u32>,
    found: &mut Vec<Vec<u32>>,
) -> Option<()> {
    let Some((size, cap)) = sizes.get(at) else {
        found.push(pods.clone());
        return (found.len() <= MOST_CONTENTS).then_some(());
    };
    let fits = size.iter().zip(left.iter()).filter_map(|(size, left)| left.checked_div(*size));
    let most = if *cap == 0 { 0 } else { fits.fold(u64::from(*cap), u64::min) as u32 };
    let least = if at + 1 == sizes.len() { most } else { 0 };
    for own in least..=most {
        pods[at] = own;
        if own > 0 {
            for (left, size) in left.iter_mut().zip(size) {
                *left -= size * u64::from(own);
            }
        }
        fill(sizes, left, at + 1, pods, found)?;
        if own > 0 {
            for (left, size) in left.iter_mut().zip(size) {
                *left += size * u64::from(own);
            }
        }
    }
    pods[at] = 0;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::floor::with_pods;
    use crate::testing::{brute_force, parts, problem, sku, workload};
    use nodeplan_model::problem::SystemPool;
    use proptest::prelude::*;

    /// The least rate of a stock with at least so many pods.
    fn rate(stocks: &Stocks, pods: &[u32]) -> Option<u128> {
        let holds = |stock: &&Stock| stock.pods.iter().zip(pods).all(|(a, b)| a >= b);
        stocks.all.iter().find(holds).map(|stock| stock.rate)
    }

    /// Nodes of 4 cores at 40 and of 2 at 25; pods of 1 and of 3 cores. One large pod takes a large
    /// node with room for a small one; three small ones also need one, two a small one.
    #[test]
    fn stocks_by_hand() {
        let skus = vec![sku("a", 4000, 1 << 40, 40), sku("b", 2000, 1 << 40, 25)];
        let workloads = vec![workload("s", 1000, 1), workload("l", 3000, 1)];
        let problem = problem(parts(skus, workloads, &[(1, &[5, 1])]));
        let stocks = Stocks::of(&problem, true).expect("few");
        let rows: Vec<(u128, Vec<u32>)> =
            stocks.all.iter().map(|stock| (stock.rate, stock.pods.clone())).collect();
        let want: [(u128, [u32; 2]); 7] = [
            (0, [0, 0]),
            (25, [2, 0]),
            (40, [1, 1]),
            (40, [4, 0]),
            (65, [3, 1]),
            (65, [5, 0]),
            (80, [5, 1]),
        ];
        assert_eq!(rows, want.map(|(rate, pods)| (rate, pods.to_vec())));
    }

    /// The small node cannot be a system pool: one large node is there, whatever it holds.
    #[test]
    fn a_system_node_is_there_even_if_nothing_needs_it() {
        let small = nodeplan_model::catalog::Sku { vcpus: 2, ..sku("b", 2000, 1 << 40, 10) };
        let skus = vec![sku("a", 4000, 1 << 40, 40), small];
        let mut parts = parts(skus, vec![workload("s", 1000, 1)], &[(1, &[7])]);
        parts.cluster.system_pool = SystemPool::Shared;
        let problem = problem(parts);
        for (system_node, want) in
            [(true, [40, 40, 40, 40, 40, 50, 50, 60]), (false, [0, 10, 10, 20, 20, 30, 30, 40])]
        {
            let stocks = Stocks::of(&problem, system_node).expect("few");
            for (pods, want) in (0..).zip(want) {
                assert_eq!(rate(&stocks, &[pods]), Some(want), "{pods} {system_node}");
            }
        }
    }

    #[test]
    fn too_many_are_not_looked_at() {
        let workloads: Vec<_> = (0..4).map(|at| workload(&format!("w{at}"), 10, 1)).collect();
        let problem =
            problem(parts(vec![sku("a", 4000, 1 << 40, 40)], workloads, &[(1, &[60; 4])]));
        assert_eq!(Stocks::of(&problem, true), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Every number of pods costs what the cheapest plan for it costs that enumeration finds.
        #[test]
        fn stocks_are_what_enumeration_finds(
            sizes in prop::collection::vec((1_u64..5, 10_u64..60, 2_u32..6), 1..3),
            pods in prop::collection::vec((200_u64..2500, 0_u32..3), 1..4),
            shared in any::<bool>(),
        ) {
            let skus = sizes.iter().enumerate().map(|(at, &(cores, rate, vcpus))| {
                let own = sku(&format!("s{at}"), cores * 1000, 1 << 40, rate);
                nodeplan_model::catalog::Sku { vcpus, ..own }
            });
            let workloads = pods.iter().enumerate();
            let workloads = workloads.map(|(at, pod)| workload(&format!("w{at}"), pod.0, 1));
            let most: Vec<u32> = pods.iter().map(|pod| pod.1).collect();
            let mut parts = parts(skus.collect(), workloads.collect(), &[(1, &most)]);
            let able = parts.skus.iter().any(|sku| sku.system_pool_ok());
            if shared && able {
                parts.cluster.system_pool = SystemPool::Shared;
            }
            let whole = problem(parts);
            let stocks = Stocks::of(&whole, true).expect("few");
            let mut now = vec![0; most.len()];
            loop {
                let own = with_pods(&whole, &now).expect("fewer pods");
                prop_assert_eq!(rate(&stocks, &now), brute_force(&own), "{:?}", now);
                next(&mut now, &most);
                if now.iter().all(|pods| *pods == 0) {
                    break;
                }
            }
        }
    }
}
