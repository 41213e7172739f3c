//! How hard a small problem is: the bound of the full column LP, and what greedy packing pays.

use super::brute::{Content, contents_within, is_legal};
use good_lp::solvers::highs::highs;
use good_lp::solvers::{DualValues, SolutionWithDual};
use good_lp::{Expression, ProblemVariables, Solution as _, SolverModel, constraint, variable};
use nodeplan_model::certificate::{Branch, Certificate, Leaf};
use nodeplan_model::placement;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::units::Spend;

/// The solved column LP.
pub struct Relaxed {
    /// Its value in spend.
    pub bound: f64,
    /// Its duals as a certificate of one leaf.
    pub certificate: Certificate,
}

/// The LP over all node contents, all kinds and all load points, pool limit left out: what
/// column generation reaches before it branches. `None` where even the LP has no solution.
pub fn relaxed(problem: &Problem) -> Option<Relaxed> {
    let kinds = problem.pool_kinds();
    let (points, workloads) = problem.demand().dim();
    let mut variables = ProblemVariables::new();
    let mut cost = Expression::from(0.0);
    let mut columns = Vec::new();
    for (s, demand) in problem.demand().rows().into_iter().enumerate() {
        let contents = contents_within(&demand.to_vec());
        for (j, &kind) in kinds.iter().enumerate() {
            for content in contents.iter().filter(|content| is_legal(problem, kind, content)) {
                let nodes = variables.add(variable().min(0));
                cost.add_mul(weight(problem, s) * rate(problem, kind), nodes);
                columns.push((s, j, content.clone(), nodes));
            }
        }
    }
    let mut model = variables.minimise(cost.clone()).using(highs).set_threads(1);
    let mut demand_rows = Vec::new();
    for ((s, i), &pods) in problem.demand().indexed_iter() {
        let mut sum = Expression::from(0.0);
        for (_, _, content, nodes) in columns.iter().filter(|column| column.0 == s) {
            sum.add_mul(f64::from(content[i]), *nodes);
        }
        demand_rows.push(model.add_constraint(constraint!(sum == f64::from(pods))));
    }
    let nodes = |s: usize, belongs: &dyn Fn(usize) -> bool| -> Expression {
        let own = columns.iter().filter(|column| column.0 == s && belongs(column.1));
        own.map(|column| column.3).sum()
    };
    let mut coupling_rows = Vec::new();
    for j in 0..kinds.len() {
        for (s, t) in problem.coupled_points() {
            let (small, large) = (nodes(s, &|k| k == j), nodes(t, &|k| k == j));
            let row = model.add_constraint(constraint!(small <= large));
            coupling_rows.push((j as u32, s as u32, t as u32, row));
        }
    }
    let mut system_rows = Vec::new();
    for s in (0..points).filter(|_| problem.needs_system_node()) {
        let serving = nodes(s, &|j| placement::serves_system(problem, kinds[j]));
        system_rows.push(model.add_constraint(constraint!(serving >= 1.0)));
    }
    let mut solution = model.solve().ok()?;
    let bound = solution.eval(cost) * SPEND;
    let duals = solution.compute_dual();
    // Smaller contents fit wherever larger ones do, so a negative dual can be zero as well.
    let dual = |row, sign: f64| (sign * duals.dual(row) * SPEND).max(0.0) as i64;
    let mut coupling: Vec<(u32, u32, u32, i64)> =
        coupling_rows.into_iter().map(|(j, s, t, row)| (j, s, t, dual(row, -1.0))).collect();
    coupling.retain(|entry| entry.3 > 0);
    coupling.sort_unstable();
    let demand: Vec<i64> = demand_rows.into_iter().map(|row| dual(row, 1.0)).collect();
    let leaf = Leaf {
        demand: demand.chunks(workloads).map(<[i64]>::to_vec).collect(),
        system: system_rows.into_iter().map(|row| dual(row, 1.0)).collect(),
        coupling,
        path: Vec::new(),
    };
    let certificate = Certificate { scale: 1, unit: 1, tree: vec![Branch::Leaf(leaf)] };
    Some(Relaxed { bound, certificate })
}

/// Spend per unit of the scaled LP.
const SPEND: f64 = 1e16;

/// Scaled to about one, for HiGHS' tolerances.
fn weight(problem: &Problem, point: usize) -> f64 {
    problem.points()[point].weight_millis as f64 / 1e7
}

fn rate(problem: &Problem, kind: PoolKind) -> f64 {
    problem.rate(kind).0 as f64 / 1e9
}

/// The better of first-fit decreasing that opens the node of the lowest rate, or of the lowest
/// rate per core; `None` where both break a rule.
pub fn greedy(problem: &Problem) -> Option<Spend> {
    let kinds = problem.pool_kinds();
    let rate = |j: usize| problem.rate(kinds[j]).0;
    let cores = |j: usize| u64::from(problem.sku(kinds[j].sku).vcpus);
    let mut by_rate: Vec<usize> = (0..kinds.len()).collect();
    by_rate.sort_by_key(|&j| (rate(j), j));
    let mut by_core = by_rate.clone();
    by_core.sort_by_key(|&j| (rate(j) * 840 / cores(j), j));
    let orders = [by_rate, by_core];
    orders.iter().filter_map(|order| greedy_in(problem, &kinds, order)).min().map(Spend)
}

/// First-fit decreasing at each load point; new nodes are of the first kind in `order` that
/// holds the pod.
fn greedy_in(problem: &Problem, kinds: &[PoolKind], order: &[usize]) -> Option<u128> {
    let mut counts = Vec::new();
    for demand in problem.demand().rows() {
        counts.push(first_fit(problem, kinds, order, &demand.to_vec())?);
    }
    let serving: Vec<usize> = (0..kinds.len())
        .filter(|&j| problem.needs_system_node() && placement::serves_system(problem, kinds[j]))
        .collect();
    for counts in &mut counts {
        if problem.needs_system_node() && serving.iter().all(|&j| counts[j] == 0) {
            counts[*order.iter().find(|j| serving.contains(j))?] += 1;
        }
    }
    for _ in 0..counts.len() {
        for (small, large) in problem.coupled_points() {
            let fewest = counts[small].clone();
            for (nodes, least) in counts[large].iter_mut().zip(fewest) {
                *nodes = (*nodes).max(least);
            }
        }
    }
    let pools = (0..kinds.len()).filter(|&j| counts.iter().any(|counts| counts[j] > 0)).count();
    if problem.cluster().max_pools.is_some_and(|most| pools > most as usize) {
        return None;
    }
    let mut cost = 0;
    for (point, counts) in problem.points().iter().zip(&counts) {
        for (kind, &nodes) in kinds.iter().zip(counts) {
            let rate = problem.rate(*kind);
            cost += rate.over_millis(point.weight_millis).0 * u128::from(nodes);
        }
    }
    Some(cost)
}

fn first_fit(
    problem: &Problem,
    kinds: &[PoolKind],
    order: &[usize],
    demand: &[u32],
) -> Option<Vec<u32>> {
    let mut by_size: Vec<usize> = (0..demand.len()).collect();
    by_size.sort_by_key(|&i| {
        let request = &problem.workloads()[i].request;
        (std::cmp::Reverse(request.cpu.0 * 4 + request.memory.0 / 1_000_000), i)
    });
    let mut nodes: Vec<(usize, Content)> = Vec::new();
    for workload in by_size {
        for _ in 0..demand[workload] {
            let plus_one = |content: &Content| {
                let mut more = content.clone();
                more[workload] += 1;
                more
            };
            let open = nodes
                .iter_mut()
                .find(|(j, content)| is_legal(problem, kinds[*j], &plus_one(content)));
            if let Some((_, content)) = open {
                content[workload] += 1;
                continue;
            }
            let alone = plus_one(&vec![0; demand.len()]);
            let kind = *order.iter().find(|j| is_legal(problem, kinds[**j], &alone))?;
            nodes.push((kind, alone));
        }
    }
    let mut counts = vec![0; kinds.len()];
    for (kind, _) in nodes {
        counts[kind] += 1;
    }
    Some(counts)
}
