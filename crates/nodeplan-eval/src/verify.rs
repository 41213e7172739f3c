//! Is a plan legal, and what does it cost? Every rule is checked on every node.

use crate::capacity::{Needs, Room, needs, rate as rate_of_node, room};
use crate::codes;
use nodeplan_model::placement;
use nodeplan_model::plan::{Checked, Finding, NodePool, Packing, Plan, PoolMode};
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::units::{Spend, UsdPerHour};
use std::collections::{BTreeMap, BTreeSet};

/// Findings gathered so far.
pub(crate) struct Findings(pub Vec<Finding>);

impl Findings {
    /// Notes one more.
    pub(crate) fn note(&mut self, code: &str, place: impl Into<String>, text: impl Into<String>) {
        self.0.push(Finding { code: code.to_owned(), place: place.into(), text: text.into() });
    }
}

/// Checks every rule of `problem` on `plan`. Returns the violations, the plan's rate at each
/// load point, its cost, and how much was checked.
#[must_use]
pub fn check_plan(
    problem: &Problem,
    plan: &Plan,
) -> (Vec<Finding>, Vec<UsdPerHour>, Spend, Checked) {
    let mut found = Findings(Vec::new());
    let mut checked = Checked::default();
    check_pools(problem, plan, &mut found);
    let kinds: BTreeSet<PoolKind> = problem.pool_kinds().into_iter().collect();
    let mut placed = vec![vec![0_u128; problem.workloads().len()]; problem.points().len()];
    let takes: Vec<Needs> = problem.workloads().iter().map(|w| needs(problem, w)).collect();
    for pool in &plan.pools {
        if !kinds.contains(&pool.kind) {
            found.note(
                codes::UNKNOWN_KIND,
                &pool.name,
                format!("{:?} is no pool kind of the problem", pool.kind),
            );
            continue;
        }
        let node = NodeRules { problem, pool, room: room(problem, pool.kind), takes: &takes };
        for (point, packings) in pool.packings.iter().enumerate().take(problem.points().len()) {
            for packing in packings {
                node.check(point, packing, &mut placed[point], &mut checked, &mut found);
            }
        }
    }
    check_demand(problem, &placed, &mut found);
    check_system(problem, plan, &kinds, &mut found);
    let counts = node_counts(problem, plan);
    check_coupling(problem, &counts, &mut found);
    let (rates, cost) = spend(problem, &counts, &mut found);
    (found.0, rates, cost, checked)
}

fn valid_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=12).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn check_pools(problem: &Problem, plan: &Plan, found: &mut Findings) {
    let mut names = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    let points = problem.points().len();
    for pool in &plan.pools {
        if !valid_name(&pool.name) {
            found.note(codes::POOL_NAME, &pool.name, format!("`{}` is no pool name", pool.name));
        }
        if !names.insert(&pool.name) {
            found.note(codes::POOL_TWICE, &pool.name, "the name is taken by another pool");
        }
        if !kinds.insert(pool.kind) {
            found.note(codes::KIND_TWICE, &pool.name, "another pool has the same kind");
        }
        if pool.packings.len() != points {
            let text = format!("content for {} load points of {points}", pool.packings.len());
            found.note(codes::POINTS, &pool.name, text);
        }
        if pool.packings.iter().flatten().all(|packing| packing.nodes == 0) {
            found.note(codes::EMPTY_POOL, &pool.name, "no node at any load point");
        }
    }
    if let Some(most) = problem.cluster().max_pools
        && plan.pools.len() > most as usize
    {
        let text = format!("{} pools, at most {most} allowed", plan.pools.len());
        found.note(codes::TOO_MANY_POOLS, "plan", text);
    }
}

/// Everything needed to check the nodes of one pool.
struct NodeRules<'a> {
    problem: &'a Problem,
    pool: &'a NodePool,
    room: Room,
    takes: &'a [Needs],
}

impl NodeRules<'_> {
    fn place(&self, point: usize) -> String {
        format!("pool `{}` at `{}`", self.pool.name, self.problem.points()[point].name)
    }

    fn check(
        &self,
        point: usize,
        packing: &Packing,
        placed: &mut [u128],
        checked: &mut Checked,
        found: &mut Findings,
    ) {
        if packing.nodes == 0 {
            found.note(codes::NO_NODES, self.place(point), "a packing of 0 nodes");
        }
        let nodes = u64::from(packing.nodes);
        checked.nodes = checked.nodes.saturating_add(nodes);
        let count = self.problem.workloads().len();
        let sorted = packing.content.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let known = packing.content.iter().all(|&(id, pods)| id.index() < count && pods > 0);
        if !sorted || !known {
            let text = "workloads unknown, unsorted, repeated or without pods";
            found.note(codes::CONTENT, self.place(point), text);
        }
        if !known {
            return;
        }
        for &(id, pods) in &packing.content {
            placed[id.index()] += u128::from(nodes) * u128::from(pods);
            let total = nodes.saturating_mul(u64::from(pods));
            checked.pods = checked.pods.saturating_add(total);
            self.check_workload(point, id.index(), pods, found);
        }
        self.check_sums(point, packing, found);
    }

    fn check_workload(&self, point: usize, id: usize, pods: u32, found: &mut Findings) {
        let workload = &self.problem.workloads()[id];
        if !placement::admits(self.problem, self.pool.kind, workload) {
            let text = format!("`{}` may not run on these nodes", workload.full_name());
            found.note(codes::NOT_ADMITTED, self.place(point), text);
        }
        let most = self.takes[id].per_node;
        if u64::from(pods) > most {
            let name = workload.full_name();
            let text = format!("{pods} pods of `{name}` on a node, at most {most} allowed");
            found.note(codes::PER_NODE, self.place(point), text);
        }
    }

    fn check_sums(&self, point: usize, packing: &Packing, found: &mut Findings) {
        let capacities = self.room.capacities();
        let mut sums = vec![0_u128; capacities.len()];
        let mut row = Vec::new();
        for &(id, pods) in &packing.content {
            self.takes[id.index()].row(&self.room, &mut row);
            for (sum, &amount) in sums.iter_mut().zip(&row) {
                *sum += u128::from(amount) * u128::from(pods);
            }
        }
        let names = self.room.names(self.problem);
        for ((sum, capacity), (code, name)) in sums.iter().zip(capacities).zip(names) {
            if *sum > u128::from(capacity) {
                let text = format!("{name}: {sum} on a node that offers {capacity}");
                found.note(code, self.place(point), text);
            }
        }
    }
}

fn check_demand(problem: &Problem, placed: &[Vec<u128>], found: &mut Findings) {
    for (point, row) in placed.iter().enumerate() {
        for (id, &pods) in row.iter().enumerate() {
            let wanted = problem.demand()[[point, id]];
            if pods != u128::from(wanted) {
                let name = &problem.points()[point].name;
                let text = format!("{pods} pods placed at `{name}`, {wanted} wanted");
                found.note(codes::DEMAND, problem.workloads()[id].full_name(), text);
            }
        }
    }
}

fn check_system(problem: &Problem, plan: &Plan, kinds: &BTreeSet<PoolKind>, found: &mut Findings) {
    let known = plan.pools.iter().filter(|pool| kinds.contains(&pool.kind));
    let mut served = vec![0_u64; problem.points().len()];
    for pool in known {
        let serves = placement::serves_system(problem, pool.kind);
        if pool.mode == PoolMode::System && !serves {
            let name = &problem.sku(pool.kind.sku).name;
            let text = format!("`{name}` in this group cannot be a system pool");
            found.note(codes::BAD_SYSTEM_POOL, &pool.name, text);
        }
        if pool.mode == PoolMode::User && problem.group(pool.kind.group).system {
            found.note(codes::USER_SYSTEM_POOL, &pool.name, "mode User on the system pool");
        }
        if pool.mode == PoolMode::System && serves {
            for (served, packings) in served.iter_mut().zip(&pool.packings) {
                *served += packings.iter().filter(|packing| packing.nodes > 0).count() as u64;
            }
        }
    }
    if problem.needs_system_node() {
        for (point, served) in problem.points().iter().zip(served) {
            if served == 0 {
                let text = "no node of a pool of mode System";
                found.note(codes::NO_SYSTEM_NODE, format!("load point `{}`", point.name), text);
            }
        }
    }
}

/// Nodes per kind and load point, pools of equal kind together.
fn node_counts(problem: &Problem, plan: &Plan) -> BTreeMap<PoolKind, Vec<u128>> {
    let mut counts = BTreeMap::new();
    for pool in &plan.pools {
        let row = counts.entry(pool.kind).or_insert_with(|| vec![0; problem.points().len()]);
        for (sum, packings) in row.iter_mut().zip(&pool.packings) {
            *sum += packings.iter().map(|packing| u128::from(packing.nodes)).sum::<u128>();
        }
    }
    counts
}

fn check_coupling(problem: &Problem, counts: &BTreeMap<PoolKind, Vec<u128>>, found: &mut Findings) {
    let pairs = problem.coupled_points();
    for (kind, nodes) in counts {
        for &(small, large) in &pairs {
            if nodes[small] > nodes[large] {
                let place = problem
                    .skus()
                    .get(kind.sku.index())
                    .map_or_else(|| format!("{kind:?}"), |sku| sku.name.clone());
                let (s, t) = (&problem.points()[small].name, &problem.points()[large].name);
                let text = format!(
                    "{} nodes at `{s}` but {} at `{t}`, where demand is no less",
                    nodes[small], nodes[large]
                );
                found.note(codes::SWAPPED, place, text);
            }
        }
    }
}

fn spend(
    problem: &Problem,
    counts: &BTreeMap<PoolKind, Vec<u128>>,
    found: &mut Findings,
) -> (Vec<UsdPerHour>, Spend) {
    let mut rates = Vec::new();
    let mut cost = Some(0_u128);
    for (point, load) in problem.points().iter().enumerate() {
        let mut rate = Some(0_u128);
        for (kind, nodes) in counts {
            let each = rate_of_node(problem, *kind).unwrap_or_default();
            let here = nodes[point].checked_mul(u128::from(each));
            rate = rate.zip(here).and_then(|(sum, here)| sum.checked_add(here));
        }
        let narrow = rate.and_then(|rate| u64::try_from(rate).ok());
        if narrow.is_none() {
            let text = "the rate of the plan exceeds what can be counted";
            found.note(codes::PLAN_SUMS, format!("load point `{}`", load.name), text);
        }
        rates.push(UsdPerHour(narrow.unwrap_or(u64::MAX)));
        let here = rate.and_then(|rate| rate.checked_mul(u128::from(load.weight_millis)));
        cost = cost.zip(here).and_then(|(sum, here)| sum.checked_add(here));
    }
    (rates, Spend(cost.unwrap_or(u128::MAX)))
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
