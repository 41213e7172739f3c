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

use crate::capacity::{Needs, Room, needs, room};
use nodeplan_model::placement;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::workload::Workload;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What the judge knows about one pool kind.
pub(crate) struct Kind {
    /// Rate on demand.
    pub rate: u64,
    /// Capacity.
    pub room: Room,
    /// Whether it can be a system pool.
    pub serves_system: bool,
    /// Bit set over placement classes it admits.
    admits: Vec<u64>,
    /// Amounts that a covering kind must reach: what pods can make use of.
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
    /// What one pod of each workload takes.
    pub needs: Vec<Needs>,
    /// Placement class of each workload.
    pub class: Vec<u32>,
    overcommit: [bool; 2],
}

impl Kind {
    /// Whether workloads of a placement class may run here.
    pub(crate) fn admits(&self, class: u32) -> bool {
        self.admits[class as usize / 64] >> (class % 64) & 1 == 1
    }

    /// Most pods of a workload one node can hold, by capacity and the workload's own limit.
    pub(crate) fn copies(&self, needs: &Needs, class: u32, row: &mut Vec<u64>) -> u64 {
        if !self.admits(class) {
            return 0;
        }
        needs.row(&self.room, row);
        let mut most = needs.per_node;
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
            let key = (&w.arches, &w.pool, &w.node_selector, w.system, w.isolate);
            *seen.entry(key).or_insert_with(|| {
                examples.push(index);
                examples.len() as u32 - 1
            })
        })
        .collect();
    (class, examples)
}

impl Kinds {
    /// Derives the facts of every kind.
    pub(crate) fn of(problem: &Problem) -> Self {
        let workloads = problem.workloads();
        let (class, examples) = placement_classes(workloads);
        let needs: Vec<Needs> = workloads.iter().map(|w| needs(problem, w)).collect();
        let asked: Vec<bool> =
            problem.demand().columns().into_iter().map(|c| c.iter().any(|&d| d > 0)).collect();
        let rules = problem.cluster().overcommit;
        let uses = uses(problem, &needs);
        let mut row = Vec::new();
        let all: Vec<Kind> = problem
            .pool_kinds()
            .into_iter()
            .map(|pool| {
                let mut kind = facts(problem, pool, &examples, &uses);
                kind.useful = (kind.serves_system && problem.needs_system_node())
                    || (0..needs.len())
                        .any(|i| asked[i] && kind.copies(&needs[i], class[i], &mut row) > 0);
                kind
            })
            .collect();
        // By rate, and a kind before those of its rate that it covers.
        let mut order: Vec<u32> =
            (0..all.len() as u32).filter(|&j| all[j as usize].useful).collect();
        order.sort_by_key(|&j| {
            let kind = &all[j as usize];
            let admitted: u32 = kind.admits.iter().map(|word| word.count_ones()).sum();
            (kind.rate, Reverse((&kind.reach, kind.serves_system, admitted)), j)
        });
        let overcommit = [rules.cpu.is_some(), rules.memory.is_some()];
        let mut kinds = Self { all, front: Vec::new(), needs, class, overcommit };
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

/// What pods can take of one resource.
#[derive(Clone, Copy, Default)]
struct Use {
    /// All of a load point together, the largest over the load points. More room than this is
    /// of no use on any node.
    most: u64,
    /// Whatever a content takes is a multiple of this; 0 where no pod takes any.
    step: u64,
}

impl Use {
    /// The most that a content can take of so much room.
    fn of(self, room: u64) -> u64 {
        let room = room.min(self.most);
        room - room.checked_rem(self.step).unwrap_or(room)
    }
}

/// What the pods can take: of the resources, then of the mean CPU use.
fn uses(problem: &Problem, needs: &[Needs]) -> Vec<Use> {
    let dims = needs.first().map_or(0, |needs| needs.size.len() + 1);
    let mut uses = vec![Use::default(); dims];
    for demand in problem.demand().rows() {
        let mut sums = vec![0_u128; dims];
        for (needs, &pods) in needs.iter().zip(demand).filter(|(_, pods)| **pods > 0) {
            let amounts = needs.size.iter().chain([&needs.mean]);
            for ((sum, known), &amount) in sums.iter_mut().zip(&mut uses).zip(amounts) {
                *sum += u128::from(amount) * u128::from(pods);
                known.step = gcd(u128::from(known.step), u128::from(amount)) as u64;
            }
        }
        for (known, sum) in uses.iter_mut().zip(sums) {
            known.most = u64::try_from(sum).unwrap_or(u64::MAX).max(known.most);
        }
    }
    uses
}

fn facts(problem: &Problem, pool: PoolKind, examples: &[usize], uses: &[Use]) -> Kind {
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
    for (reach, known) in reach.iter_mut().zip(uses) {
        *reach = known.of(*reach);
    }
    reach.extend(rules.cpu.map(|_| room.allocatable_cpu));
    reach.extend(rules.memory.map(|_| room.allocatable_memory));
    Kind {
        rate: problem.sku(pool.sku).rates.on_demand.0,
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
