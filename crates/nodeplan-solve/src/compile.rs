//! Problem to flat arrays: classes of equal pods, pool kinds with integer capacities, and
//! which class fits which kind. Strings end here; everything after works on indices.
//!
//! Presolve done here: equal workloads merge into one class; pool kinds that another kind
//! dominates are marked with it; resources no pod asks for are dropped; sizes and capacities
//! are divided by their greatest common divisor.

use crate::tighten::Sums;
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::overhead::{NodeAnatomy, anatomy};
use nodeplan_model::placement;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::units::{Bytes, MilliCpu};
use nodeplan_model::workload::Workload;
use std::collections::BTreeMap;

/// Rows of an item: named and extended resources, then sustained CPU, CPU limits, memory limits.
const RULES: usize = 3;
/// A capacity that never binds.
const UNBOUNDED: u64 = u64::MAX >> 2;

/// Pods of one shape: equal size, equal eligibility.
#[derive(Clone, Debug)]
pub struct Class {
    /// Workloads it stands for.
    pub members: Vec<WorkloadId>,
    /// Pods per load point.
    pub demand: Vec<u32>,
    /// Most of them on one node.
    pub per_node: u32,
    /// Placement signature (index into the admission table).
    pub signature: usize,
    /// The CPU limit is missing and counts as the node's allocatable.
    unlimited: [bool; 2],
}

/// A pool kind with integer capacities.
#[derive(Clone, Debug)]
pub struct Kind {
    /// As the model names it.
    pub pool: PoolKind,
    /// Rate in 1e-9 USD/h.
    pub rate: u64,
    /// Capacity per dimension.
    pub capacity: Vec<i64>,
    /// What a missing CPU or memory limit counts for.
    allocatable: [i64; 2],
    /// Can carry the system pool.
    pub serves_system: bool,
    /// Its nodes are spot nodes.
    pub spot: bool,
    /// Admitted placement signatures, one bit each.
    admits: Vec<u64>,
    /// The kind that takes its place: costs no more, holds no less, admits no fewer; itself
    /// where there is none.
    pub stand_in: usize,
}

/// A problem in flat arrays.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// Dimensions of a size.
    pub dims: usize,
    /// Classes × dims.
    sizes: Vec<i64>,
    /// Dimension of the CPU-limit and memory-limit rows, where live.
    limit_dims: [Option<usize>; 2],
    /// Shapes.
    pub classes: Vec<Class>,
    /// All kinds, in the order of `Problem::pool_kinds`.
    pub kinds: Vec<Kind>,
    /// Kinds that no other stands in for and that hold something, in order.
    pub front: Vec<usize>,
    /// Weights of the load points divided by `unit`.
    pub weights: Vec<u64>,
    /// Greatest common divisor of the weights.
    pub unit: u64,
    /// Coupled load points (small, large), transitively reduced.
    pub coupled: Vec<(usize, usize)>,
    /// Every load point needs a node of a system pool.
    pub needs_system: bool,
    /// Most pools.
    pub max_pools: Option<usize>,
    /// Classes that fit no kind.
    pub homeless: Vec<usize>,
}

/// Greatest common divisor.
pub fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Greatest common divisor of costs; at least 1.
pub fn step_of(costs: impl Iterator<Item = i128>) -> i128 {
    let step = costs.fold(0, |mut a: i128, mut b| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    });
    step.max(1)
}

/// What costs are divided by for a MIP: their step, or more where floats could not hold them.
pub fn mip_step(costs: impl Iterator<Item = i128> + Clone) -> i128 {
    step_of(costs.clone()).max(costs.max().unwrap_or(0) >> f64::MANTISSA_DIGITS)
}

/// Size of one pod over all rows: request plus its burst share, then sustained CPU and limits.
fn size_of(problem: &Problem, workload: &Workload) -> (Vec<u64>, [bool; 2]) {
    let share = problem.cluster().burst.of(workload.qos);
    let mut request = workload.request.clone();
    if let Some(limit) = workload.cpu_limit {
        let more = limit.saturating_sub(request.cpu);
        request.cpu = MilliCpu(request.cpu.0 + share.ceil_of(more.0));
    }
    if let Some(limit) = workload.memory_limit {
        let more = limit.saturating_sub(request.memory);
        request.memory = Bytes(request.memory.0 + share.ceil_of(more.0));
    }
    request.pods = 1;
    let mut row = request.row(problem.extended());
    row.push(if problem.cluster().sustained_cpu { workload.cpu_mean.0 } else { 0 });
    let bounds = problem.cluster().overcommit;
    let cpu = bounds.cpu.map(|_| workload.cpu_limit.map(|limit| limit.0));
    let memory = bounds.memory.map(|_| workload.memory_limit.map(|limit| limit.0));
    let unlimited = [cpu == Some(None), memory == Some(None)];
    row.push(cpu.flatten().unwrap_or(0));
    row.push(memory.flatten().unwrap_or(0));
    (row, unlimited)
}

/// Capacity of one kind over all rows.
fn capacity_of(problem: &Problem, node: &NodeAnatomy) -> Vec<u64> {
    let mut row = node.usable.row(problem.extended());
    row.push(node.usable_sustained.map_or(UNBOUNDED, |cpu| cpu.0));
    let bounds = problem.cluster().overcommit;
    let alloc = &node.allocatable;
    row.push(bounds.cpu.map_or(UNBOUNDED, |f| f.floor_of(alloc.cpu.0)));
    row.push(bounds.memory.map_or(UNBOUNDED, |f| f.floor_of(alloc.memory.0)));
    row
}

/// Distinct placement signatures and the one of each workload.
fn signatures(problem: &Problem) -> (Vec<&Workload>, Vec<usize>) {
    let spot = problem.groups().iter().any(|group| group.spot);
    let mut seen = BTreeMap::new();
    let mut first = Vec::new();
    let of = problem
        .workloads()
        .iter()
        .map(|workload| {
            let key = (
                &workload.arches,
                &workload.node_selector,
                &workload.pool,
                workload.system && problem.dedicated_system(),
                workload.spot_ok && spot,
            );
            *seen.entry(key).or_insert_with(|| {
                first.push(workload);
                first.len() - 1
            })
        })
        .collect();
    (first, of)
}

struct Shapes {
    classes: Vec<Class>,
    rows: Vec<Vec<u64>>,
}

fn shapes(problem: &Problem, signature_of: &[usize]) -> Shapes {
    type Key = (usize, Vec<u64>, [bool; 2], u32, u32);
    let mut index: BTreeMap<Key, usize> = BTreeMap::new();
    let mut classes: Vec<Class> = Vec::new();
    let mut rows = Vec::new();
    for (w, workload) in problem.workloads().iter().enumerate() {
        let demand: Vec<u32> = problem.demand().column(w).to_vec();
        let most = demand.iter().copied().max().unwrap_or(0);
        if most == 0 {
            continue;
        }
        let (row, unlimited) = size_of(problem, workload);
        let per_node = workload.max_per_node.filter(|cap| *cap < most).unwrap_or(u32::MAX);
        // A class with a bound per node is the workload's alone: the bound counts its pods only.
        let alone = if per_node == u32::MAX { u32::MAX } else { w as u32 };
        let key = (signature_of[w], row.clone(), unlimited, per_node, alone);
        let class = *index.entry(key).or_insert_with(|| {
            classes.push(Class {
                members: Vec::new(),
                demand: vec![0; demand.len()],
                per_node,
                signature: signature_of[w],
                unlimited,
            });
            rows.push(row);
            classes.len() - 1
        });
        classes[class].members.push(WorkloadId(w as u32));
        for (sum, pods) in classes[class].demand.iter_mut().zip(&demand) {
            *sum = sum.saturating_add(*pods);
        }
    }
    Shapes { classes, rows }
}

fn transitive_reduction(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let has = |s: usize, t: usize| pairs.binary_search(&(s, t)).is_ok();
    pairs
        .iter()
        .copied()
        .filter(|&(s, t)| !pairs.iter().any(|&(a, b)| a == s && b != t && has(b, t)))
        .collect()
}

impl Compiled {
    /// Flattens `problem`.
    pub fn new(problem: &Problem) -> Self {
        let (first, signature_of) = signatures(problem);
        let Shapes { classes, rows } = shapes(problem, &signature_of);
        let words = first.len().div_ceil(64).max(1);
        let full = problem.extended() + nodeplan_model::resources::Resources::NAMED + RULES;
        let mut capacities = Vec::new();
        let mut kinds: Vec<Kind> = Vec::new();
        for pool in problem.pool_kinds() {
            let sku = problem.sku(pool.sku);
            let node = anatomy(problem.cluster(), sku, pool, &placement::addons_on(problem, pool));
            let mut admits = vec![0; words];
            for (s, workload) in first.iter().enumerate() {
                if placement::admits(problem, pool, workload) {
                    admits[s / 64] |= 1 << (s % 64);
                }
            }
            capacities.push(capacity_of(problem, &node));
            let clamp = |amount: u64| amount.min(UNBOUNDED) as i64;
            kinds.push(Kind {
                pool,
                rate: problem.rate(pool).0,
                capacity: Vec::new(),
                allocatable: [clamp(node.allocatable.cpu.0), clamp(node.allocatable.memory.0)],
                serves_system: problem.needs_system_node()
                    && placement::serves_system(problem, pool),
                spot: problem.group(pool.group).spot,
                admits,
                stand_in: kinds.len(),
            });
        }
        let mut compiled = Self::assemble(problem, classes, kinds, full);
        compiled.scale(&rows, &capacities, full);
        compiled.tighten();
        compiled.find_stand_ins();
        compiled.find_front();
        compiled
    }

    fn assemble(problem: &Problem, classes: Vec<Class>, kinds: Vec<Kind>, full: usize) -> Self {
        let unit = problem.points().iter().fold(0, |g, point| gcd(g, point.weight_millis));
        let weights = problem.points().iter().map(|point| point.weight_millis / unit).collect();
        Self {
            dims: full,
            sizes: Vec::new(),
            limit_dims: [None; 2],
            classes,
            kinds,
            front: Vec::new(),
            weights,
            unit,
            coupled: transitive_reduction(&problem.coupled_points()),
            needs_system: problem.needs_system_node(),
            max_pools: problem.cluster().max_pools.map(|most| most as usize),
            homeless: Vec::new(),
        }
    }

    /// Keeps the dimensions somebody asks for and divides each by its gcd.
    fn scale(&mut self, rows: &[Vec<u64>], capacities: &[Vec<u64>], full: usize) {
        let limits = [full - 2, full - 1];
        let unlimited = |dim: usize| {
            limits
                .iter()
                .position(|l| *l == dim)
                .is_some_and(|l| self.classes.iter().any(|class| class.unlimited[l]))
        };
        let live: Vec<usize> = (0..full)
            .filter(|&dim| rows.iter().any(|row| row[dim] > 0) || unlimited(dim))
            .collect();
        // A missing limit counts as the allocatable, so those rows keep their unit.
        let divisors: Vec<u64> = live
            .iter()
            .map(|&dim| {
                let common = rows.iter().fold(0, |g, row| gcd(g, row[dim]));
                if unlimited(dim) || common == 0 { 1 } else { common }
            })
            .collect();
        self.limit_dims = limits.map(|dim| live.iter().position(|l| *l == dim));
        self.dims = live.len();
        for row in rows {
            self.sizes.extend(live.iter().zip(&divisors).map(|(&dim, by)| (row[dim] / by) as i64));
        }
        for (kind, row) in self.kinds.iter_mut().zip(capacities) {
            kind.capacity =
                live.iter().zip(&divisors).map(|(&dim, by)| (row[dim] / by) as i64).collect();
        }
    }

    /// Size of one pod of `class` in dimension `dim` on a node of `kind`.
    pub fn size(&self, kind: usize, class: usize, dim: usize) -> i64 {
        for limit in 0..2 {
            if self.classes[class].unlimited[limit] && self.limit_dims[limit] == Some(dim) {
                return self.kinds[kind].allocatable[limit];
            }
        }
        self.sizes[class * self.dims + dim]
    }

    /// Size where it is the same on every kind; 0 for a missing limit.
    pub fn plain_size(&self, class: usize, dim: usize) -> i64 {
        self.sizes[class * self.dims + dim]
    }

    /// Whether one pod of `class` may and can run on a node of `kind`; none may where a node takes
    /// at most no pod of it.
    pub fn fits(&self, kind: usize, class: usize) -> bool {
        let Class { signature, per_node, .. } = self.classes[class];
        per_node > 0
            && self.kinds[kind].admits[signature / 64] >> (signature % 64) & 1 == 1
            && (0..self.dims)
                .all(|dim| self.size(kind, class, dim) <= self.kinds[kind].capacity[dim])
    }

    /// Most pods of `class` on one node of `kind` at load point `point`.
    pub fn most(&self, kind: usize, class: usize, point: usize) -> u32 {
        let mut most = self.classes[class].per_node.min(self.classes[class].demand[point]);
        for dim in 0..self.dims {
            let size = self.size(kind, class, dim);
            if size > 0 {
                let room = self.kinds[kind].capacity[dim] / size;
                most = most.min(u32::try_from(room).unwrap_or(u32::MAX));
            }
        }
        most
    }

    /// What one node of `kind` at `point` adds to the objective: weight / unit × rate.
    pub fn cost(&self, kind: usize, point: usize) -> i128 {
        i128::from(self.weights[point]) * i128::from(self.kinds[kind].rate)
    }

    /// Lowers every capacity to what pods can use of it, but those of limits: what a missing limit
    /// takes depends on the node.
    fn tighten(&mut self) {
        let largest: Vec<i64> = (0..self.dims)
            .map(|dim| self.kinds.iter().map(|kind| kind.capacity[dim]).max().unwrap_or(0))
            .collect();
        let mut known: BTreeMap<(usize, Vec<usize>), Sums> = BTreeMap::new();
        for kind in 0..self.kinds.len() {
            let homes: Vec<usize> =
                (0..self.classes.len()).filter(|&class| self.fits(kind, class)).collect();
            let tight = (0..self.dims)
                .map(|dim| {
                    let capacity = self.kinds[kind].capacity[dim];
                    if self.limit_dims.contains(&Some(dim)) {
                        return capacity;
                    }
                    let sums = known.entry((dim, homes.clone())).or_insert_with(|| {
                        let items: Vec<(i64, u32)> = homes
                            .iter()
                            .map(|&class| (self.plain_size(class, dim), self.most_ever(class)))
                            .collect();
                        Sums::of(&items, largest[dim])
                    });
                    sums.reachable(capacity)
                })
                .collect();
            self.kinds[kind].capacity = tight;
        }
    }

    /// Most pods of a class on one node at any load point.
    fn most_ever(&self, class: usize) -> u32 {
        let class = &self.classes[class];
        class.demand.iter().copied().max().unwrap_or(0).min(class.per_node)
    }

    fn stands_in(&self, k: usize, j: usize) -> bool {
        let (a, b) = (&self.kinds[k], &self.kinds[j]);
        a.rate <= b.rate
            && (a.serves_system || !b.serves_system)
            && a.capacity.iter().zip(&b.capacity).all(|(x, y)| x >= y)
            && a.admits.iter().zip(&b.admits).all(|(x, y)| y & !x == 0)
            // With a missing limit a larger node also counts it for more: only equal or
            // proportionally larger nodes are safe, and capacity = factor × allocatable is.
            && a.allocatable.iter().zip(&b.allocatable).all(|(x, y)| x >= y)
    }

    fn find_stand_ins(&mut self) {
        let mut order: Vec<usize> = (0..self.kinds.len()).collect();
        order.sort_by_key(|&k| (self.kinds[k].rate, k));
        // Cheapest first; among equal rates the one that holds more must come first, so equal
        // rates are compared both ways.
        let mut front: Vec<usize> = Vec::new();
        for &j in &order {
            if let Some(&k) = front.iter().find(|&&k| self.stands_in(k, j)) {
                self.kinds[j].stand_in = k;
                continue;
            }
            front.retain(|&k| {
                let replaced = self.kinds[k].rate == self.kinds[j].rate && self.stands_in(j, k);
                if replaced {
                    self.kinds[k].stand_in = j;
                }
                !replaced
            });
            front.push(j);
        }
        for j in 0..self.kinds.len() {
            let mut end = j;
            while self.kinds[end].stand_in != end {
                end = self.kinds[end].stand_in;
            }
            self.kinds[j].stand_in = end;
        }
    }

    fn find_front(&mut self) {
        let mut homeless = Vec::new();
        let candidates: Vec<usize> =
            (0..self.kinds.len()).filter(|&k| self.kinds[k].stand_in == k).collect();
        let mut useful = vec![false; self.kinds.len()];
        for class in 0..self.classes.len() {
            let mut home = false;
            for &kind in &candidates {
                if self.fits(kind, class) {
                    useful[kind] = true;
                    home = true;
                }
            }
            if !home {
                homeless.push(class);
            }
        }
        self.front = candidates
            .into_iter()
            .filter(|&kind| useful[kind] || self.kinds[kind].serves_system)
            .collect();
        self.homeless = homeless;
    }
}
