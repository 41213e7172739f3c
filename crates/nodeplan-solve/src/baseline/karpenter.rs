//! Karpenter style: pods in order of CPU, each into the open claim with the fewest pods that
//! can still take it; a claim keeps every kind that holds its pods and launches the cheapest.
//!
//! Claims with equal content form a run, and a run that takes pods takes one on each of its
//! claims before any takes a second: the answer of pod by pod. Among claims with equally many
//! pods the one that got its last pod latest comes first, and a new claim comes last, which is
//! what a stable sort of the claim list after every pod leaves. A kind that another dominates
//! never decides anything, so the front of the kinds is enough.

use super::points::{Site, settle};
use super::shelves::{Shelf, first_fit};
use crate::compile::Compiled;
use nodeplan_model::problem::Problem;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A run of claims with equal content.
#[derive(Clone, Debug)]
struct Claim {
    /// Claims of the run.
    nodes: u32,
    /// Kinds that hold the content.
    kinds: Vec<usize>,
    /// Kinds × dims.
    room: Vec<i64>,
    content: Vec<(u32, u32)>,
    pods: u32,
    /// Place among the claims with as many pods.
    turn: i64,
}

/// Classes in the order of the queue: CPU request, then memory request, the largest first.
pub fn queue(problem: &Problem, compiled: &Compiled) -> Vec<usize> {
    let size = |class: usize| {
        let request =
            compiled.classes[class].members.first().map(|&w| &problem.workload(w).request);
        request.map_or((0, 0), |request| (request.cpu.0, request.memory.0))
    };
    let mut order: Vec<usize> = (0..compiled.classes.len()).collect();
    order.sort_by_key(|&class| (Reverse(size(class)), class));
    order
}

/// Opens claims for all pods, or, where the nodes are given, puts the pods on these in order
/// and removes the nodes left empty.
pub fn provision(queue: &[usize], site: &Site<'_>) -> Option<Vec<Shelf>> {
    if site.limits.is_some() {
        return settle(site, queue);
    }
    let mut shelves = site.start();
    let mut claims = Claims { compiled: site.compiled, runs: Vec::new(), tick: 0 };
    for &class in queue {
        let mut pods = site.demand[class];
        if pods > 0 {
            pods = first_fit(site.compiled, &mut shelves, class, pods, &mut 0);
            pods = claims.join(class, pods);
            claims.open(site.kinds, class, pods)?;
        }
    }
    shelves.extend(claims.launch());
    Some(shelves)
}

struct Claims<'a> {
    compiled: &'a Compiled,
    runs: Vec<Claim>,
    tick: i64,
}

impl Claims<'_> {
    /// Spreads pods over the open claims; returns how many find no room.
    fn join(&mut self, class: usize, pods: u32) -> u32 {
        let compiled = self.compiled;
        let per_node = compiled.classes[class].per_node;
        let admitted: Vec<bool> =
            (0..compiled.kinds.len()).map(|kind| compiled.fits(kind, class)).collect();
        let mut open: BinaryHeap<Reverse<(u32, i64, usize, u32)>> = (0..self.runs.len())
            .filter(|&at| self.runs[at].takes(compiled, class, &admitted))
            .map(|at| Reverse((self.runs[at].pods, self.runs[at].turn, at, 0)))
            .collect();
        let mut left = pods;
        while left > 0
            && let Some(Reverse((_, _, at, given))) = open.pop()
        {
            let run = &mut self.runs[at];
            if given == per_node || !run.takes(compiled, class, &admitted) {
                continue;
            }
            let rest = run.nodes.saturating_sub(left);
            if rest > 0 {
                let untouched = Claim { nodes: rest, ..run.clone() };
                self.runs.push(untouched);
            }
            self.tick += 1;
            let run = &mut self.runs[at];
            run.nodes -= rest;
            left -= run.nodes;
            run.take(compiled, class, 1, &admitted);
            run.turn = -self.tick;
            open.push(Reverse((run.pods, run.turn, at, given + 1)));
        }
        left
    }

    /// Opens claims of the first group that takes the class, spot before others, each filled before the next.
    fn open(&mut self, kinds: &[usize], class: usize, pods: u32) -> Option<()> {
        if pods == 0 {
            return Some(());
        }
        let compiled = self.compiled;
        let fitting = || kinds.iter().copied().filter(|&kind| compiled.fits(kind, class));
        let group = fitting()
            .map(|kind| (!compiled.kinds[kind].spot, compiled.kinds[kind].pool.group))
            .min()?
            .1;
        let kinds: Vec<usize> =
            fitting().filter(|&kind| compiled.kinds[kind].pool.group == group).collect();
        let each = kinds.iter().map(|&kind| most(compiled, kind, class)).max()?;
        if each == 0 {
            return None;
        }
        for (nodes, each) in
            [(pods / each, each), (u32::from(!pods.is_multiple_of(each)), pods % each)]
        {
            if nodes == 0 {
                continue;
            }
            let room = kinds.iter().flat_map(|&kind| compiled.kinds[kind].capacity.clone());
            let mut claim = Claim {
                nodes,
                room: room.collect(),
                kinds: kinds.clone(),
                content: Vec::new(),
                pods: 0,
                turn: 0,
            };
            claim.take(compiled, class, each, &vec![true; compiled.kinds.len()]);
            self.tick += 1;
            claim.turn = if each == 1 { self.tick } else { -self.tick };
            self.runs.push(claim);
        }
        Some(())
    }

    /// The cheapest kind of every claim.
    fn launch(self) -> Vec<Shelf> {
        let compiled = self.compiled;
        self.runs
            .into_iter()
            .filter_map(|claim| {
                let cheapest = |kind: &usize| (compiled.kinds[*kind].rate, *kind);
                let kind = claim.kinds.iter().copied().min_by_key(cheapest)?;
                let mut shelf = Shelf::empty(compiled, kind, claim.nodes);
                shelf.content = claim.content;
                Some(shelf)
            })
            .collect()
    }
}

/// Pods of a class that one empty node holds.
fn most(compiled: &Compiled, kind: usize, class: usize) -> u32 {
    (0..compiled.dims)
        .filter_map(|dim| {
            let room = compiled.kinds[kind].capacity[dim];
            room.checked_div(compiled.size(kind, class, dim))
        })
        .map(|pods| u32::try_from(pods).unwrap_or(u32::MAX))
        .fold(compiled.classes[class].per_node, u32::min)
}

impl Claim {
    fn holds(&self, compiled: &Compiled, at: usize, class: usize, pods: u32) -> bool {
        let dims = compiled.dims;
        let room = &self.room[at * dims..(at + 1) * dims];
        room.iter().enumerate().all(|(dim, room)| {
            compiled
                .size(self.kinds[at], class, dim)
                .checked_mul(i64::from(pods))
                .is_some_and(|size| size <= *room)
        })
    }

    fn takes(&self, compiled: &Compiled, class: usize, admitted: &[bool]) -> bool {
        (0..self.kinds.len())
            .any(|at| admitted[self.kinds[at]] && self.holds(compiled, at, class, 1))
    }

    /// Puts `pods` on each claim and drops the kinds that cannot hold them.
    fn take(&mut self, compiled: &Compiled, class: usize, pods: u32, admitted: &[bool]) {
        let dims = compiled.dims;
        let mut kept = 0;
        for at in 0..self.kinds.len() {
            let kind = self.kinds[at];
            if !admitted[kind] || !self.holds(compiled, at, class, pods) {
                continue;
            }
            for dim in 0..dims {
                let size = compiled.size(kind, class, dim) * i64::from(pods);
                self.room[kept * dims + dim] = self.room[at * dims + dim] - size;
            }
            self.kinds[kept] = kind;
            kept += 1;
        }
        self.kinds.truncate(kept);
        self.room.truncate(kept * dims);
        self.pods += pods;
        match self.content.last_mut() {
            Some((last, count)) if *last as usize == class => *count += pods,
            _ => self.content.push((class as u32, pods)),
        }
    }
}
