//! The optimum of a small problem by looking at every way to fill nodes.
//!
//! For each load point: every split of the pods into node contents gives a vector of node
//! counts, one entry per pool kind. Only the componentwise smallest matter: cost, coupling and
//! the pool limit never mind fewer nodes, and empty nodes can be added at any time. Then every
//! choice of one vector per load point is tried.

use nodeplan_model::overhead::{self, NodeAnatomy};
use nodeplan_model::placement;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, MilliCpu, PerMille, Spend};
use nodeplan_model::workload::Workload;
use std::collections::{BTreeMap, BTreeSet};

/// Pods per workload.
pub type Content = Vec<u32>;
/// Nodes per pool kind.
pub type Counts = Vec<u32>;

/// The optimal cost, or `None` where no plan is legal.
pub fn brute_force(problem: &Problem) -> Option<Spend> {
    let kinds = problem.pool_kinds();
    // Smaller load points first: then coupling only ever raises the one being chosen.
    let pods = |s: &usize| problem.demand().row(*s).iter().sum::<u32>();
    let mut points: Vec<usize> = (0..problem.points().len()).collect();
    points.sort_by_key(pods);
    let coupled = problem.coupled_points();
    let below = |at: usize| -> Vec<usize> {
        (0..at).filter(|&s| coupled.contains(&(points[s], points[at]))).collect()
    };
    let below = (0..points.len()).map(below).collect();
    let choices = points
        .iter()
        .map(|&s| {
            let smallest = smallest_counts(problem, &problem.demand().row(s).to_vec());
            with_system_nodes(problem, &kinds, smallest)
        })
        .collect();
    let mut search = Search { problem, kinds, points, below, choices, best: None };
    search.choose(&mut Vec::new(), 0);
    search.best.map(Spend)
}

/// All contents of at most `demand` pods, the empty one included.
pub fn contents_within(demand: &[u32]) -> Vec<Content> {
    demand.iter().fold(vec![Vec::new()], |shorter, &most| {
        let extend = |content: Content| {
            (0..=most).map(move |pods| {
                let mut longer = content.clone();
                longer.push(pods);
                longer
            })
        };
        shorter.into_iter().flat_map(extend).collect()
    })
}

/// Whether a node of `kind` can hold `content`.
pub fn is_legal(problem: &Problem, kind: PoolKind, content: &[u32]) -> bool {
    let addons = placement::addons_on(problem, kind);
    let node = overhead::anatomy(problem.cluster(), problem.sku(kind.sku), kind, &addons);
    let pods = || problem.workloads().iter().zip(content).filter(|(_, pods)| **pods > 0);
    pods().all(|(workload, &count)| {
        placement::admits(problem, kind, workload)
            && workload.max_per_node.is_none_or(|most| count <= most)
    }) && sizes_fit(problem, &node, pods())
        && limits_fit(problem, &node, pods())
}

fn sizes_fit<'a>(
    problem: &Problem,
    node: &NodeAnatomy,
    pods: impl Iterator<Item = (&'a Workload, &'a u32)>,
) -> bool {
    let mut taken = Resources::default();
    let mut mean = 0;
    for (workload, &count) in pods {
        for _ in 0..count {
            taken = taken.checked_add(&packed_size(problem, workload)).expect("small amounts");
            mean += workload.cpu_mean.0;
        }
    }
    taken.fits_in(&node.usable) && node.usable_sustained.is_none_or(|room| mean <= room.0)
}

/// Request plus the burst share of what lies between it and the limit.
fn packed_size(problem: &Problem, workload: &Workload) -> Resources {
    let share = problem.cluster().burst.of(workload.qos);
    let stretch = |request: u64, limit: Option<u64>| match limit {
        Some(limit) if limit > request => {
            request + ((limit - request) * u64::from(share.0)).div_ceil(1000)
        }
        _ => request,
    };
    let mut size = workload.request.clone();
    size.cpu = MilliCpu(stretch(size.cpu.0, workload.cpu_limit.map(|limit| limit.0)));
    size.memory = Bytes(stretch(size.memory.0, workload.memory_limit.map(|limit| limit.0)));
    size
}

/// Σ limits ≤ bound × allocatable, where a missing limit counts as the whole allocatable.
fn limits_fit<'a>(
    problem: &Problem,
    node: &NodeAnatomy,
    pods: impl Iterator<Item = (&'a Workload, &'a u32)>,
) -> bool {
    let (cpu, memory) = (node.allocatable.cpu.0, node.allocatable.memory.0);
    let (mut cpu_limits, mut memory_limits) = (0u128, 0u128);
    for (workload, &count) in pods {
        let count = u128::from(count);
        cpu_limits += count * u128::from(workload.cpu_limit.map_or(cpu, |limit| limit.0));
        memory_limits += count * u128::from(workload.memory_limit.map_or(memory, |limit| limit.0));
    }
    let within = |limits: u128, allocatable: u64, bound: Option<PerMille>| {
        bound.is_none_or(|most| limits * 1000 <= u128::from(most.0) * u128::from(allocatable))
    };
    let overcommit = problem.cluster().overcommit;
    within(cpu_limits, cpu, overcommit.cpu) && within(memory_limits, memory, overcommit.memory)
}

/// The componentwise smallest node counts that hold exactly `demand`.
fn smallest_counts(problem: &Problem, demand: &[u32]) -> Vec<Counts> {
    let kinds = problem.pool_kinds();
    // Which kinds can be a node of this content. In this order whatever is less comes earlier.
    let homes: BTreeMap<Content, BTreeSet<usize>> = contents_within(demand)
        .into_iter()
        .map(|content| {
            let able = (0..kinds.len()).filter(|&j| is_legal(problem, kinds[j], &content));
            let able = able.collect();
            (content, able)
        })
        .collect();
    let mut ways: BTreeMap<&Content, Vec<Counts>> = BTreeMap::new();
    for pods in homes.keys() {
        let Some(first) = pods.iter().position(|&count| count > 0) else {
            ways.insert(pods, vec![vec![0; kinds.len()]]);
            continue;
        };
        let mut found: Vec<Counts> = Vec::new();
        for content in homes.keys() {
            // The node that holds a pod of the first workload, and ways for the rest.
            let within = content.iter().zip(pods).all(|(a, b)| a <= b);
            if content[first] == 0 || !within {
                continue;
            }
            let rest: Content = pods.iter().zip(content).map(|(b, a)| b - a).collect();
            for kind in full_at(&homes, content, pods) {
                for counts in &ways[&rest] {
                    let mut counts = counts.clone();
                    counts[kind] += 1;
                    keep_if_smallest(&mut found, counts);
                }
            }
        }
        ways.insert(pods, found);
    }
    ways.remove(&demand.to_vec()).unwrap_or_default()
}

/// The kinds whose node can hold `content` and no further one of `pods`. Whatever fits on a node
/// fits without one of its pods too, so pods can move to the first node until it is full, and
/// that takes no more nodes.
fn full_at(
    homes: &BTreeMap<Content, BTreeSet<usize>>,
    content: &Content,
    pods: &Content,
) -> BTreeSet<usize> {
    let mut full = homes[content].clone();
    for (i, _) in content.iter().zip(pods).enumerate().filter(|(_, (a, b))| a < b) {
        let mut more = content.clone();
        more[i] += 1;
        full.retain(|kind| !homes[&more].contains(kind));
    }
    full
}

fn keep_if_smallest(found: &mut Vec<Counts>, counts: Counts) {
    let below = |a: &Counts, b: &Counts| a.iter().zip(b).all(|(a, b)| a <= b);
    if !found.iter().any(|known| below(known, &counts)) {
        found.retain(|known| !below(&counts, known));
        found.push(counts);
    }
}

/// Choices without a node that serves the system pool, with one of each kind that does. Where
/// coupling brings such a node in, one of the same kind changes nothing.
fn with_system_nodes(problem: &Problem, kinds: &[PoolKind], choices: Vec<Counts>) -> Vec<Counts> {
    if !problem.needs_system_node() {
        return choices;
    }
    let serving: Vec<usize> =
        (0..kinds.len()).filter(|&j| placement::serves_system(problem, kinds[j])).collect();
    let served = |counts: Counts| -> Vec<Counts> {
        if serving.iter().any(|&kind| counts[kind] > 0) {
            return vec![counts];
        }
        let with = |&kind: &usize| {
            let mut more = counts.clone();
            more[kind] += 1;
            more
        };
        serving.iter().map(with).collect()
    };
    choices.into_iter().flat_map(served).collect()
}

struct Search<'a> {
    problem: &'a Problem,
    kinds: Vec<PoolKind>,
    /// Load points in the order of choice.
    points: Vec<usize>,
    /// Places of the load points before that are coupled below this one.
    below: Vec<Vec<usize>>,
    choices: Vec<Vec<Counts>>,
    best: Option<u128>,
}

impl Search<'_> {
    /// Tries every choice for the load points from `chosen.len()` on; `so_far` is the cost of
    /// the chosen ones. Choices come by cost, so the first that is too dear ends the turn.
    fn choose(&mut self, chosen: &mut Vec<Counts>, so_far: u128) {
        let at = chosen.len();
        if at == self.points.len() {
            self.best = Some(self.best.map_or(so_far, |best| best.min(so_far)));
            return;
        }
        let cheapest = |at| self.raised(at, chosen).map(|(cost, _)| cost).min();
        let Some(rest) = (at + 1..self.points.len()).map(cheapest).sum::<Option<u128>>() else {
            return;
        };
        let mut choices: Vec<(u128, Counts)> = self.raised(at, chosen).collect();
        choices.sort_unstable();
        choices.dedup();
        for (own, counts) in choices {
            if self.best.is_some_and(|best| so_far + own + rest >= best) {
                return;
            }
            chosen.push(counts);
            if !self.too_many_pools(chosen) {
                self.choose(chosen, so_far + own);
            }
            chosen.pop();
        }
    }

    /// The choices of a load point with the empty nodes that coupling to the chosen ones asks
    /// for, each after its cost.
    fn raised(&self, at: usize, chosen: &[Counts]) -> impl Iterator<Item = (u128, Counts)> {
        self.choices[at].iter().map(move |counts| {
            let mut counts = counts.clone();
            for fewest in self.below[at].iter().filter_map(|&small| chosen.get(small)) {
                for (nodes, least) in counts.iter_mut().zip(fewest) {
                    *nodes = (*nodes).max(*least);
                }
            }
            (self.cost(at, &counts), counts)
        })
    }

    fn cost(&self, at: usize, counts: &Counts) -> u128 {
        let rate = |kind: &PoolKind| {
            let own = self.problem.sku(kind.sku).rates;
            let spot = own.spot.filter(|_| self.problem.group(kind.group).spot);
            u128::from(spot.map_or(own.on_demand.0, |quote| quote.rate.0))
        };
        let rates: u128 =
            self.kinds.iter().zip(counts).map(|(kind, &n)| rate(kind) * u128::from(n)).sum();
        rates * u128::from(self.problem.points()[self.points[at]].weight_millis)
    }

    fn too_many_pools(&self, counts: &[Counts]) -> bool {
        let used = |kind: &usize| counts.iter().any(|counts| counts[*kind] > 0);
        let pools = (0..self.kinds.len()).filter(used).count();
        self.problem.cluster().max_pools.is_some_and(|most| pools > most as usize)
    }
}
