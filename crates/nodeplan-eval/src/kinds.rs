//! Facts of every pool kind, and which kinds a proof may leave out.
//!
//! Kind k *covers* kind j if every content legal on j is legal on k, k costs no more, and k can
//! be a system pool if j can. Then swap all nodes of j for nodes of k, at all load points at
//! once: contents stay legal; no pool is added; a node count that did not rise towards the
//! smaller load point still does not; a system node stays one; the cost does not rise. Nodes of
//! a kind that can hold no pod at all and cannot be a system pool can be dropped likewise.
//!
//! So if any plan is legal, some cheapest plan uses only *front* kinds: useful, and covered by
//! no earlier kind. That plan lies in some leaf of a certificate, whatever its branches are, so
//! a leaf bound need only hold for plans of front kinds, and the cost is a multiple of the gcd
//! of weight × rate over them. A rule that treats sizes differently (a quota, say) would have to
//! enter [`Kinds::covers`].

use crate::attain::Attainable;
use crate::capacity::{Needs, Room, needs, rate, room};
use nodeplan_model::placement;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::workload::Workload;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What the judge knows about one pool kind.
pub(crate) struct Kind {
    /// Rate of a node.
    pub rate: u64,
    /// Capacity.
    pub room: Room,
    /// Whether it can be a system pool.
    pub serves_system: bool,
    /// Bit set over placement classes it admits.
    admits: Vec<u64>,
    /// Amounts that a covering kind must reach; never more than all pods together take.
    reach: Vec<u64>,
    /// Can hold a pod that is asked for, or be a system pool that is asked for.
    pub useful: bool,
}

/// All pool kinds of a problem with what their comparison yields.
pub(crate) struct Kinds {
    /// In the order of `Problem::pool_kinds`.
    pub all: Vec<Kind>,
    /// Useful kinds that no earlier kind covers, by rate.
    pub front: Vec<u32>,
    /// The workloads by what their pods take and where they may run.
    pub shapes: Vec<Shape>,
    overcommit: [bool; 2],
}

/// Workloads whose pods take the same and may run on the same nodes.
pub(crate) struct Shape {
    /// What one pod takes.
    pub needs: Needs,
    /// Placement class.
    pub class: u32,
    /// Indices of the workloads, in order.
    pub members: Vec<usize>,
}

impl Shape {
    /// Whether any pod of it is asked for at all.
    pub(crate) fn asked(&self, problem: &Problem) -> bool {
        self.members.iter().any(|&i| problem.demand().column(i).iter().any(|&pods| pods > 0))
    }
}

impl Kind {
    /// Whether workloads of a placement class may run here.
    pub(crate) fn admits(&self, class: u32) -> bool {
        self.admits[class as usize / 64] >> (class % 64) & 1 == 1
    }

    /// Most pods of a workload of `shape` one node can hold, by capacity and the workload's own
    /// limit.
    pub(crate) fn copies(&self, shape: &Shape, row: &mut Vec<u64>) -> u64 {
        if !self.admits(shape.class) {
            return 0;
        }
        shape.needs.row(&self.room, row);
        let mut most = shape.needs.per_node;
        let room = &self.room;
        let tail = [room.sustained, room.cpu_limits, room.memory_limits];
        let capacities = room.usable.iter().copied().chain(tail.into_iter().flatten());
        for (&amount, capacity) in row.iter().zip(capacities) {
            if let Some(fit) = capacity.checked_div(amount) {
                most = most.min(fit);
            }
        }
        most
    }
}

/// Workloads that the placement predicates cannot tell apart share a class.
fn placement_classes(workloads: &[Workload]) -> (Vec<u32>, Vec<usize>) {
    let mut seen = BTreeMap::new();
    let mut examples = Vec::new();
    let class = workloads
        .iter()
        .enumerate()
        .map(|(index, w)| {
            let key = (&w.arches, &w.pool, &w.node_selector, w.system, w.isolate, w.spot_ok);
            *seen.entry(key).or_insert_with(|| {
                examples.push(index);
                examples.len() as u32 - 1
            })
        })
        .collect();
    (class, examples)
}

/// The workloads of equal needs and placement class together.
fn shapes(needs: Vec<Needs>, class: &[u32]) -> Vec<Shape> {
    let mut places: BTreeMap<(Needs, u32), Vec<usize>> = BTreeMap::new();
    for (i, (needs, &class)) in needs.into_iter().zip(class).enumerate() {
        places.entry((needs, class)).or_default().push(i);
    }
    places.into_iter().map(|((needs, class), members)| Shape { needs, class, members }).collect()
}

impl Kinds {
    /// Derives the facts of every kind.
    pub(crate) fn of(problem: &Problem) -> Self {
        let workloads = problem.workloads();
        let (class, examples) = placement_classes(workloads);
        let needs: Vec<Needs> = workloads.iter().map(|w| needs(problem, w)).collect();
        let rules = problem.cluster().overcommit;
        let totals = totals(problem, &needs);
        let shapes = shapes(needs, &class);
        let asked: Vec<&Shape> = shapes.iter().filter(|shape| shape.asked(problem)).collect();
        let mut row = Vec::new();
        let mut all: Vec<Kind> = problem
            .pool_kinds()
            .into_iter()
            .map(|pool| {
                let mut kind = facts(problem, pool, &examples, &totals);
                kind.useful = (kind.serves_system && problem.needs_system_node())
                    || asked.iter().any(|shape| kind.copies(shape, &mut row) > 0);
                kind
            })
            .collect();
        forget_unattainable(problem, &mut all, &asked);
        // By rate, and a kind before those of its rate that it covers.
        let mut order: Vec<u32> =
            (0..all.len() as u32).filter(|&j| all[j as usize].useful).collect();
        order.sort_by_key(|&j| {
            let kind = &all[j as usize];
            let admitted: u32 = kind.admits.iter().map(|word| word.count_ones()).sum();
            (kind.rate, Reverse((&kind.reach, kind.serves_system, admitted)), j)
        });
        let overcommit = [rules.cpu.is_some(), rules.memory.is_some()];
        let mut kinds = Self { all, front: Vec::new(), shapes, overcommit };
        for j in order {
            if !kinds.front.iter().any(|&k| kinds.covers(k, j)) {
                kinds.front.push(j);
            }
        }
        kinds
    }

    /// Whether kind `k` covers kind `j`.
    pub(crate) fn covers(&self, k: u32, j: u32) -> bool {
        let (big, small) = (&self.all[k as usize], &self.all[j as usize]);
        // A pod without a limit counts as the node's allocatable. Then a larger node needs more
        // for it, which evens out unless the smaller node has nothing at all.
        let scales = |rule: bool, small: u64, big: u64| !rule || small > 0 || big == 0;
        big.rate <= small.rate
            && big.serves_system >= small.serves_system
            && big.reach.iter().zip(&small.reach).all(|(b, s)| b >= s)
            && big.admits.iter().zip(&small.admits).all(|(b, s)| s & !b == 0)
            && scales(self.overcommit[0], small.room.allocatable_cpu, big.room.allocatable_cpu)
            && scales(
                self.overcommit[1],
                small.room.allocatable_memory,
                big.room.allocatable_memory,
            )
    }
}

/// Most kinds × workloads for which capacities are looked at.
const LOOKED_AT: usize = 1_000_000;

/// Lowers capacities to what the pods that fit can take of them.
fn forget_unattainable(problem: &Problem, all: &mut [Kind], shapes: &[&Shape]) {
    if all.len() * problem.workloads().len() > LOOKED_AT {
        return;
    }
    // Most pods of each shape at once on a node, by demand and the workloads' own limits.
    let asked: Vec<u64> = shapes
        .iter()
        .map(|shape| {
            let pods = |&i: &usize| problem.demand().column(i).iter().copied().max().unwrap_or(0);
            shape.members.iter().map(|i| u64::from(pods(i)).min(shape.needs.per_node)).sum()
        })
        .collect();
    let dims = all.first().map_or(0, |kind| kind.room.usable.len());
    let mut row = Vec::new();
    // Kinds by the shapes that fit them.
    let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (j, kind) in all.iter().enumerate() {
        let homes = (0..shapes.len()).filter(|&i| kind.copies(shapes[i], &mut row) > 0);
        groups.entry(homes.collect()).or_default().push(j);
    }
    for (homes, kinds) in groups {
        for d in 0..dims {
            let largest = kinds.iter().map(|&j| all[j].room.usable[d]).max().unwrap_or(0);
            let pods = homes.iter().map(|&i| (shapes[i].needs.size[d], asked[i]));
            let sums = Attainable::of(pods, largest);
            for &j in &kinds {
                let usable = sums.within(all[j].room.usable[d]);
                all[j].room.usable[d] = usable;
                all[j].reach[d] = all[j].reach[d].min(usable);
            }
        }
        let largest = kinds.iter().filter_map(|&j| all[j].room.sustained).max().unwrap_or(0);
        let pods = homes.iter().map(|&i| (shapes[i].needs.mean, asked[i]));
        let sums = Attainable::of(pods, largest);
        for &j in &kinds {
            let sustained = all[j].room.sustained.map(|room| sums.within(room));
            all[j].room.sustained = sustained;
            let reach = sums.within(sustained.unwrap_or(u64::MAX));
            all[j].reach[dims] = all[j].reach[dims].min(reach);
        }
    }
}

/// All that the pods of a load point take together, the largest over the load points: the
/// resources, then the mean CPU use. More room than this is of no use on any node.
fn totals(problem: &Problem, needs: &[Needs]) -> Vec<u64> {
    let dims = needs.first().map_or(0, |needs| needs.size.len() + 1);
    let mut totals = vec![0_u64; dims];
    for demand in problem.demand().rows() {
        let mut sums = vec![0_u128; dims];
        for (needs, &pods) in needs.iter().zip(demand) {
            for (sum, &amount) in sums.iter_mut().zip(needs.size.iter().chain([&needs.mean])) {
                *sum += u128::from(amount) * u128::from(pods);
            }
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = u64::try_from(sum).unwrap_or(u64::MAX).max(*total);
        }
    }
    totals
}

fn facts(problem: &Problem, pool: PoolKind, examples: &[usize], totals: &[u64]) -> Kind {
    let room = room(problem, pool);
    let rules = problem.cluster().overcommit;
    let mut admits = vec![0_u64; examples.len().div_ceil(64)];
    for (class, &example) in examples.iter().enumerate() {
        if placement::admits(problem, pool, &problem.workloads()[example]) {
            admits[class / 64] |= 1 << (class % 64);
        }
    }
    let mut reach = room.usable.clone();
    reach.push(room.sustained.unwrap_or(u64::MAX));
    for (reach, &most) in reach.iter_mut().zip(totals) {
        *reach = most.min(*reach);
    }
    reach.extend(rules.cpu.map(|_| room.allocatable_cpu));
    reach.extend(rules.memory.map(|_| room.allocatable_memory));
    Kind {
        rate: rate(problem, pool).unwrap_or_default(),
        // Where no system pool is asked for, being able to carry one is worth nothing.
        serves_system: problem.needs_system_node() && placement::serves_system(problem, pool),
        room,
        admits,
        reach,
        useful: false,
    }
}

/// Greatest common divisor; 0 is neutral.
pub(crate) fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Step of the costs of plans that use only the `front` kinds for which `allowed` holds.
pub(crate) fn lattice(problem: &Problem, kinds: &Kinds, allowed: impl Fn(u32) -> bool) -> u128 {
    let rates = kinds.front.iter().filter(|&&j| allowed(j));
    let rate = rates.fold(0, |sum, &j| gcd(sum, u128::from(kinds.all[j as usize].rate)));
    let weights = problem.points().iter();
    rate * weights.fold(0, |sum, point| gcd(sum, u128::from(point.weight_millis)))
}
