//! Cluster-autoscaler style: one scale-up after the other on an empty cluster.
//!
//! In each round every pool kind gets an estimate (all pending pods that fit its empty node,
//! largest score first), and the least-waste expander takes one. Pods of one class are alike,
//! so the autoscaler's search, first fit over the nodes of this estimate and then the last
//! node only, is first fit here: what the older nodes refuse once they refuse again. Ties of
//! the expander, random there, go to the cheapest kind.

use super::points::{Site, settle};
use super::shelves::{Shelf, first_fit, open};
use crate::compile::Compiled;
use nodeplan_model::overhead::anatomy;
use nodeplan_model::placement::addons_on;
use nodeplan_model::problem::Problem;
use std::collections::BTreeMap;

/// Runs of nodes looked at in one round, after which no further kind is estimated.
const MOST_LOOKS: u64 = 2_000_000;

/// CPU in milli-cores and memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pair {
    cpu: u64,
    memory: u64,
}

/// What the autoscaler knows of pods and nodes: requests and node capacity, where the packing
/// itself goes by the problem's rules.
pub struct Facts {
    requests: Vec<Pair>,
    capacity: Vec<Pair>,
    allocatable: Vec<Pair>,
}

impl Facts {
    /// Looks them up.
    pub fn new(problem: &Problem, compiled: &Compiled) -> Self {
        let request = |class: &crate::compile::Class| {
            let request = class.members.first().map(|&w| &problem.workload(w).request);
            request
                .map_or(Pair { cpu: 0, memory: 0 }, |r| Pair { cpu: r.cpu.0, memory: r.memory.0 })
        };
        let mut capacity = Vec::new();
        let mut allocatable = Vec::new();
        for kind in &compiled.kinds {
            let sku = problem.sku(kind.pool.sku);
            let node = anatomy(problem.cluster(), sku, kind.pool, &addons_on(problem, kind.pool));
            let Pair { cpu, memory } =
                Pair { cpu: node.nominal_cpu.0, memory: node.nominal_memory.0 };
            capacity.push(Pair { cpu, memory });
            let (cpu, memory) = (node.allocatable.cpu.0, node.allocatable.memory.0);
            allocatable.push(Pair { cpu, memory });
        }
        Self { requests: compiled.classes.iter().map(request).collect(), capacity, allocatable }
    }

    /// Share of the node a pod asks for, the order of the estimate.
    fn score(&self, kind: usize, class: usize) -> f64 {
        let (pod, node) = (self.requests[class], self.allocatable[kind]);
        pod.cpu as f64 / node.cpu.max(1) as f64 + pod.memory as f64 / node.memory.max(1) as f64
    }

    /// Free share of the nodes' CPU plus free share of their memory.
    fn waste(&self, kind: usize, nodes: u128, pods: (u128, u128)) -> f64 {
        let free = |each: u64, used: u128| {
            let all = u128::from(each) * nodes;
            if all == 0 { 0.0 } else { (all as f64 - used as f64) / all as f64 }
        };
        let node = self.capacity[kind];
        free(node.cpu, pods.0) + free(node.memory, pods.1)
    }

    fn requests(&self, pods: impl Iterator<Item = (usize, u64)>) -> (u128, u128) {
        pods.fold((0, 0), |sum, (class, pods)| {
            let (request, pods) = (self.requests[class], u128::from(pods));
            (sum.0 + u128::from(request.cpu) * pods, sum.1 + u128::from(request.memory) * pods)
        })
    }
}

/// Scales up until nothing is pending; `None` where no kind takes what is left. Where the nodes
/// are given and scaling up runs out of them, it is a scale-down that keeps what is in use.
pub fn scale_up(facts: &Facts, site: &Site<'_>) -> Option<Vec<Shelf>> {
    rounds(facts, site).or_else(|| {
        let there = site.kinds.iter().copied().filter(|&kind| site.limit(kind) > 0);
        let widest = there.max_by_key(|&kind| (facts.allocatable[kind], kind))?;
        site.limits.as_ref()?;
        settle(site, &by_score(facts, widest, site.wanted()))
    })
}

/// One scale-up after the other.
fn rounds(facts: &Facts, site: &Site<'_>) -> Option<Vec<Shelf>> {
    let compiled = site.compiled;
    let mut pending = site.demand.to_vec();
    let mut shelves = site.start();
    if let Some(kind) = site.seed {
        for class in by_score(facts, kind, site.wanted()) {
            pending[class] = first_fit(compiled, &mut shelves, class, pending[class], &mut 0);
        }
    }
    let shapes = shapes(facts, site);
    let mut limits: Vec<u32> = shapes.iter().map(|&kind| site.limit(kind)).collect();
    loop {
        let waiting: Vec<usize> = (0..pending.len()).filter(|&c| pending[c] > 0).collect();
        if waiting.is_empty() {
            return Some(shelves);
        }
        let round = Round { facts, compiled, pending: &pending, waiting: &waiting };
        let (at, option) = round.least_waste(&shapes, &limits)?;
        for shelf in &option {
            limits[at] -= shelf.nodes;
            for &(class, pods) in &shelf.content {
                pending[class as usize] -= pods * shelf.nodes;
            }
        }
        shelves.extend(option);
    }
}

/// The kinds of the site without those that some cheaper kind equals in everything an
/// estimate looks at.
fn shapes(facts: &Facts, site: &Site<'_>) -> Vec<usize> {
    let compiled = site.compiled;
    let wanted = site.wanted();
    let mut cheapest: BTreeMap<_, usize> = BTreeMap::new();
    for &kind in site.kinds.iter().filter(|&&kind| site.limit(kind) > 0) {
        let fits: Vec<bool> = wanted.iter().map(|&class| compiled.fits(kind, class)).collect();
        if fits.iter().any(|fits| *fits) {
            // Where nodes are counted, equal kinds have counts of their own.
            let own = site.limits.as_ref().map(|_| kind);
            let key = (&compiled.kinds[kind].capacity, facts.capacity[kind], fits, own);
            let least = cheapest.entry(key).or_insert(kind);
            if compiled.kinds[kind].rate < compiled.kinds[*least].rate {
                *least = kind;
            }
        }
    }
    let mut kinds: Vec<usize> = cheapest.into_values().collect();
    kinds.sort_unstable();
    kinds
}

fn by_score(facts: &Facts, kind: usize, classes: Vec<usize>) -> Vec<usize> {
    let mut order: Vec<(f64, usize)> =
        classes.into_iter().map(|class| (facts.score(kind, class), class)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, class)| class).collect()
}

/// One pass of the autoscaler.
struct Round<'a> {
    facts: &'a Facts,
    compiled: &'a Compiled,
    pending: &'a [u32],
    waiting: &'a [usize],
}

impl Round<'_> {
    /// The option of least waste, and its place among the kinds.
    fn least_waste(&self, kinds: &[usize], limits: &[u32]) -> Option<(usize, Vec<Shelf>)> {
        let mut order: Vec<(f64, usize)> = (0..kinds.len())
            .filter(|&at| limits[at] > 0)
            .filter_map(|at| Some((self.least(kinds[at], limits[at])?, at)))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut best: Option<(f64, u64, usize, Vec<Shelf>)> = None;
        let mut looks = 0;
        for (least, at) in order {
            let kind = kinds[at];
            if let Some((waste, ..)) = &best
                && (least > *waste || looks > MOST_LOOKS)
            {
                break;
            }
            let option = self.estimate(kind, limits[at], &mut looks);
            if option.is_empty() {
                continue;
            }
            let nodes = option.iter().map(|shelf| u128::from(shelf.nodes)).sum();
            let pods = option.iter().flat_map(|shelf| {
                let each = |&(class, pods): &(u32, u32)| {
                    (class as usize, u64::from(pods) * u64::from(shelf.nodes))
                };
                shelf.content.iter().map(each)
            });
            let waste = self.facts.waste(kind, nodes, self.facts.requests(pods));
            let rate = self.compiled.kinds[kind].rate;
            let better = best.as_ref().is_none_or(|(least, cheapest, place, _)| {
                waste.total_cmp(least).then((rate, at).cmp(&(*cheapest, *place))).is_lt()
            });
            if better {
                best = Some((waste, rate, at, option));
            }
        }
        best.map(|(_, _, at, option)| (at, option))
    }

    /// Nothing an estimate of this kind finds wastes less; `None` where it takes no pod.
    fn least(&self, kind: usize, limit: u32) -> Option<f64> {
        let fitting: Vec<usize> =
            self.waiting.iter().copied().filter(|&class| self.compiled.fits(kind, class)).collect();
        if fitting.is_empty() {
            return None;
        }
        let volume = |dim: usize| -> i128 {
            let size = |class| i128::from(self.compiled.size(kind, class, dim));
            fitting.iter().map(|&class| size(class) * i128::from(self.pending[class])).sum()
        };
        let nodes = (0..self.compiled.dims)
            .filter(|&dim| self.compiled.kinds[kind].capacity[dim] > 0)
            .map(|dim| {
                let room = i128::from(self.compiled.kinds[kind].capacity[dim]);
                (volume(dim) + room - 1) / room
            })
            .max()
            .unwrap_or(1)
            .max(1);
        if nodes > i128::from(limit) {
            return Some(f64::NEG_INFINITY);
        }
        let pods = fitting.iter().map(|&class| (class, u64::from(self.pending[class])));
        Some(self.facts.waste(kind, nodes.unsigned_abs(), self.facts.requests(pods)))
    }

    /// New nodes of one kind for all pending pods that fit it.
    fn estimate(&self, kind: usize, limit: u32, looks: &mut u64) -> Vec<Shelf> {
        let mut shelves = Vec::new();
        let mut limit = limit;
        let fitting = self.waiting.iter().copied();
        let fitting = fitting.filter(|&class| self.compiled.fits(kind, class)).collect();
        for class in by_score(self.facts, kind, fitting) {
            let pods = self.pending[class];
            let left = first_fit(self.compiled, &mut shelves, class, pods, looks);
            let before = shelves.len();
            open(self.compiled, &mut shelves, (kind, limit), class, left);
            limit -= shelves[before..].iter().map(|shelf| shelf.nodes).sum::<u32>();
        }
        shelves
    }
}
