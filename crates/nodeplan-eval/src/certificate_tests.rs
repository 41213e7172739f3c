//! No certificate proves more than the truth; every planted fault is caught.

use super::*;
use crate::codes;
use crate::testing::{self, brute_force};
use nodeplan_model::certificate::{Branch, Condition, CountRow, Leaf};
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::problem::{ProblemParts, SystemPool};
use nodeplan_model::units::{Bytes, MilliCpu, PerMille};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const OPTIONS: JudgeOptions = JudgeOptions { work_limit: 1_000_000 };

prop_compose! {
    /// Small problems in which every rule turns up.
    fn any_problem()(
        skus in prop::collection::vec((2_u64..8, 2_u64..8, 0_u64..9, 0_u8..4), 1..4),
        pods in prop::collection::vec(
            (1_u64..4, 1_u64..4, prop::option::of(1_u32..3), 0_u8..9, prop::option::of(1_u64..6)),
            1..4,
        ),
        demand in prop::collection::vec(prop::collection::vec(0_u32..3, 4), 1..3),
        weights in prop::collection::vec(1_u64..4, 3),
        max_pools in prop::option::of(1_u32..4),
        system in 0_u8..4,
        overcommit in prop::option::of(1000_u32..4000),
        burst in 0_u32..1001,
    ) -> ProblemParts {
        let skus = skus.iter().enumerate().map(|(at, &(cpu, memory, rate, burstable))| {
            let mut sku = testing::sku(&format!("s{at}"), cpu, memory, rate);
            sku.sustained = (burstable == 0).then_some(MilliCpu(2));
            sku
        });
        let workloads = pods.iter().enumerate().map(|(at, &(cpu, memory, cap, own, limit))| {
            let mut workload = testing::workload(&format!("w{at}"), cpu, memory);
            workload.cpu_mean = MilliCpu(1);
            workload.max_per_node = cap;
            workload.cpu_limit = limit.map(MilliCpu);
            workload.memory_limit = limit.map(|limit| Bytes(limit + 1));
            workload.pool = (own < 2).then(|| "own".to_owned());
            workload.isolate = own == 0;
            workload
        });
        let mut rows: Vec<Vec<u32>> = demand;
        // At most four pods per load point, so that enumeration stays small.
        for row in &mut rows {
            row.truncate(pods.len());
            let mut left = 4;
            for pods in row {
                *pods = (*pods).min(left);
                left -= *pods;
            }
        }
        let points: Vec<(u64, &[u32])> =
            rows.iter().zip(&weights).map(|(row, &w)| (w * 6, row.as_slice())).collect();
        let mut parts = testing::parts(skus.collect(), workloads.collect(), &points);
        parts.cluster.max_pools = max_pools;
        parts.cluster.system_pool = match system {
            0 => SystemPool::Shared,
            1 => SystemPool::Dedicated,
            _ => SystemPool::None,
        };
        parts.cluster.overcommit.cpu = overcommit.map(PerMille);
        parts.cluster.burst.burstable = PerMille(burst);
        parts
    }
}

/// Raw numbers from which [`certificate`] makes something well-formed.
type Seeds = Vec<u32>;

/// Draws numbers from a list, round and round.
struct Draw<'a>(&'a [u32], usize);

impl Draw<'_> {
    fn below(&mut self, limit: u32) -> u32 {
        let seed = self.0[self.1 % self.0.len()];
        self.1 += 1;
        if limit == 0 { 0 } else { seed.wrapping_add(self.1 as u32 * 7) % limit }
    }
}

fn leaf(problem: &Problem, rows: usize, draw: &mut Draw<'_>) -> Branch {
    let pairs = problem.coupled_points();
    let points = problem.points().len();
    let mut coupling = Vec::new();
    for kind in 0..problem.pool_kinds().len() as u32 {
        for &(s, t) in &pairs {
            if draw.below(3) == 0 {
                coupling.push((kind, s as u32, t as u32, i64::from(draw.below(60)) + 1));
            }
        }
    }
    coupling.sort_unstable();
    let mut dual = |limit| i64::from(draw.below(limit));
    let demand =
        (0..points).map(|_| problem.workloads().iter().map(|_| dual(120)).collect()).collect();
    let system = if problem.needs_system_node() { points } else { 0 };
    let system = (0..system).map(|_| dual(60)).collect();
    let path = (0..rows).map(|_| dual(60)).collect();
    Branch::Leaf(Leaf { demand, system, coupling, path })
}

fn row(problem: &Problem, draw: &mut Draw<'_>) -> CountRow {
    let kinds = (0..problem.pool_kinds().len() as u32).filter(|_| draw.below(2) == 0).collect();
    let workloads = problem.workloads().len() as u32;
    let conditions = (0..draw.below(3))
        .map(|_| {
            let first = draw.below(workloads);
            let workloads =
                (first..workloads).filter(|_| draw.below(2) == 0 || workloads < 2).map(WorkloadId);
            let mut workloads: Vec<WorkloadId> = workloads.collect();
            if workloads.is_empty() {
                workloads.push(WorkloadId(first));
            }
            Condition { workloads, at_least: draw.below(3) + 1 }
        })
        .collect();
    CountRow { point: draw.below(problem.points().len() as u32), kinds, conditions }
}

/// A well-formed certificate with a tree of up to three branches.
fn certificate(problem: &Problem, seeds: &Seeds) -> Certificate {
    let mut draw = Draw(seeds, 0);
    let unit = [1, 2, 3, 6][draw.below(4) as usize];
    let scale = u64::from(draw.below(4) + 1);
    let mut tree = vec![None];
    let mut open = vec![(0_usize, 0_usize)];
    let mut branches = draw.below(4);
    while let Some((at, rows)) = open.pop() {
        if branches == 0 {
            tree[at] = Some(leaf(problem, rows, &mut draw));
            continue;
        }
        branches -= 1;
        let (left, right) = (tree.len() as u32, tree.len() as u32 + 1);
        tree.extend([None, None]);
        let kinds = problem.pool_kinds().len() as u32;
        let (branch, rows) = if draw.below(3) == 0 {
            let first = draw.below(kinds);
            let mut kinds: Vec<u32> =
                (0..kinds).filter(|&j| j == first || draw.below(3) == 0).collect();
            kinds.dedup();
            (Branch::Pool { kinds, unused: left, used: right }, rows)
        } else {
            let row = row(problem, &mut draw);
            let rhs = draw.below(3);
            (Branch::Count { row, rhs, at_most: left, at_least: right }, rows + 1)
        };
        tree[at] = Some(branch);
        open.push((left as usize, rows));
        open.push((right as usize, rows));
    }
    Certificate { scale, unit, tree: tree.into_iter().flatten().collect() }
}

/// Random certificates never prove more than the optimum, whatever the work limit; enough of
/// them prove exactly the optimum for that to mean something.
#[test]
fn no_certificate_proves_more_than_the_truth() {
    let cases = std::env::var("NODEPLAN_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(3000);
    let mut runner = TestRunner::deterministic();
    let strategy = (any_problem(), prop::collection::vec(any::<u32>(), 40));
    let (mut tight, mut coupled, mut infeasible, mut scaled, mut branched) = (0, 0, 0, 0, 0);
    for case in 0..cases {
        let (parts, seeds) = strategy.new_tree(&mut runner).unwrap().current();
        let problem = testing::problem(parts);
        let certificate = certificate(&problem, &seeds);
        let best = brute_force(&problem);
        let check = check_bound(&problem, &certificate, &OPTIONS);
        assert_eq!(check.findings, [], "case {case}");
        for work_limit in [0, 20] {
            let less = check_bound(&problem, &certificate, &JudgeOptions { work_limit });
            assert!(less.bound <= check.bound, "case {case}");
        }
        let Some(best) = best else {
            infeasible += 1;
            continue;
        };
        assert!(
            check.bound.0 <= best,
            "case {case}: {} > {best}\n{problem:?}\n{certificate:?}",
            check.bound.0
        );
        assert!(check.lattice.0 == 0 && best == 0 || best % check.lattice.0 == 0, "case {case}");
        tight += u32::from(check.bound.0 == best && best > 0);
        coupled += u32::from(!problem.coupled_points().is_empty());
        scaled += u32::from(check.scaled > 0);
        branched += u32::from(certificate.tree.len() > 1);
    }
    println!(
        "of {cases}: tight {tight}, coupled {coupled}, infeasible {infeasible}, scaled {scaled}, branched {branched}"
    );
    for (name, count, share) in [
        ("tight", tight, 5),
        ("coupled", coupled, 20),
        ("infeasible", infeasible, 5),
        ("scaled", scaled, 30),
        ("branched", branched, 30),
    ] {
        assert!(count * 100 >= cases * share, "{name}: {count} of {cases}");
    }
}

/// One size for 3 USD that holds two pods, five pods: LP bound 7.5, optimum 9.
fn tight() -> (Problem, Certificate) {
    let mut parts = testing::parts(
        vec![testing::sku("a", 2, 9, 3)],
        vec![testing::workload("w", 1, 1)],
        &[(2, &[5]), (4, &[3])],
    );
    parts.cluster.max_pools = Some(1);
    parts.cluster.system_pool = SystemPool::Shared;
    let problem = testing::problem(parts);
    let leaf = Leaf { demand: vec![vec![15], vec![30]], system: vec![0, 0], ..Leaf::default() };
    (problem, Certificate { scale: 10, unit: 2, tree: vec![Branch::Leaf(leaf)] })
}

fn the_leaf(certificate: &mut Certificate) -> &mut Leaf {
    let last = certificate.tree.last_mut().unwrap();
    let Branch::Leaf(leaf) = last else { unreachable!("the last entry is a leaf") };
    leaf
}

#[test]
fn a_tight_certificate_proves_its_bound() {
    let (problem, certificate) = tight();
    let check = check_bound(&problem, &certificate, &OPTIONS);
    // 2·7.5 + 4·4.5 = 33 up to the lattice of 2·3.
    assert_eq!((check.bound, check.lattice, check.scaled), (Spend(36), Spend(6), 0));
    assert_eq!((check.leaves, check.priced, check.cut_short), (1, 2, 0));
    assert_eq!(brute_force(&problem), Some(2 * 9 + 4 * 6));
}

/// Splits at one row: nodes at the high point ≤ 2 or ≥ 3.
fn branched() -> (Problem, Certificate) {
    let (problem, mut certificate) = tight();
    let Branch::Leaf(leaf) = certificate.tree.remove(0) else { unreachable!("one leaf") };
    let row = CountRow { point: 0, kinds: vec![0], conditions: Vec::new() };
    let low = Leaf { demand: vec![vec![3000], vec![30]], path: vec![6000 - 30], ..leaf.clone() };
    let high = Leaf { demand: vec![vec![0], vec![30]], path: vec![30], ..leaf };
    certificate.tree = vec![
        Branch::Count { row, rhs: 2, at_most: 1, at_least: 2 },
        Branch::Leaf(low),
        Branch::Leaf(high),
    ];
    (problem, certificate)
}

#[test]
fn branching_raises_the_bound() {
    let (problem, certificate) = branched();
    let check = check_bound(&problem, &certificate, &OPTIONS);
    // ≥ 3 nodes at high: 2·9 + 4·4.5 = 36; ≤ 2 cannot hold five pods.
    assert_eq!((check.bound, check.scaled), (Spend(36), 0));
}

/// Duals that promise too much are scaled: the proven bound stays below the optimum.
#[test]
fn one_unit_too_much_is_not_granted() {
    let worse: [fn(&mut Leaf, i64); 4] = [
        |leaf, more| leaf.demand[0][0] += more,
        |leaf, more| leaf.demand[1][0] += more,
        |leaf, more| leaf.system[0] += more,
        |leaf, more| leaf.coupling.push((0, 1, 0, more)),
    ];
    let (problem, certificate) = tight();
    let best = brute_force(&problem).unwrap();
    for (at, worsen) in worse.iter().enumerate() {
        for more in [1, 1_000] {
            let mut certificate = certificate.clone();
            worsen(the_leaf(&mut certificate), more);
            let check = check_bound(&problem, &certificate, &OPTIONS);
            assert!(check.findings.is_empty(), "fault {at}");
            assert!(check.bound.0 <= best, "fault {at}");
            // What the lattice gives back anyway need not be taken away first.
            assert!(check.scaled == 1 || more == 1, "fault {at}");
        }
    }
    let mut certificate = branched().1;
    the_leaf(&mut certificate).path[0] += 1_000;
    assert_eq!(check_bound(&problem, &certificate, &OPTIONS).scaled, 1);
}

type Fault = (&'static str, fn(&mut Certificate));

fn count(certificate: &mut Certificate) -> (&mut CountRow, &mut u32, &mut u32) {
    let Branch::Count { row, at_most, at_least, .. } = &mut certificate.tree[0] else {
        unreachable!("the root counts")
    };
    (row, at_most, at_least)
}

fn pool_root(certificate: &mut Certificate, kinds: Vec<u32>) {
    certificate.tree[0] = Branch::Pool { kinds, unused: 1, used: 2 };
}

const FAULTS: &[Fault] = &[
    (codes::NO_TREE, |c| c.tree.clear()),
    (codes::CHILD, |c| c.tree.truncate(2)),
    (codes::CHILD, |c| *count(c).1 = 0),
    (codes::CHILD, |c| *count(c).2 = u32::MAX),
    (codes::PARENT, |c| *count(c).1 = 2),
    (codes::PARENT, |c| {
        let twin = c.tree[2].clone();
        c.tree.push(twin);
    }),
    (codes::SCALE, |c| c.scale = 0),
    (codes::SCALE, |c| c.unit = 0),
    (codes::ROW, |c| count(c).0.point = 2),
    (codes::ROW, |c| count(c).0.kinds = vec![1]),
    (codes::ROW, |c| count(c).0.kinds = vec![0, 0]),
    (codes::CONDITION, |c| {
        count(c).0.conditions.push(Condition { workloads: vec![WorkloadId(0)], at_least: 0 });
    }),
    (codes::CONDITION, |c| {
        count(c).0.conditions.push(Condition { workloads: vec![WorkloadId(1)], at_least: 1 });
    }),
    (codes::CONDITION, |c| {
        count(c).0.conditions.push(Condition { workloads: vec![], at_least: 1 });
    }),
    (codes::BRANCH_KIND, |c| pool_root(c, vec![1])),
    (codes::BRANCH_KIND, |c| pool_root(c, vec![])),
    (codes::DEMAND_DUALS, |c| the_leaf(c).demand.truncate(1)),
    (codes::DEMAND_DUALS, |c| the_leaf(c).demand[1].push(0)),
    (codes::NEGATIVE, |c| the_leaf(c).demand[0][0] = -1),
    (codes::NEGATIVE, |c| the_leaf(c).system[0] = -1),
    (codes::NEGATIVE, |c| the_leaf(c).path[0] = -1),
    (codes::SYSTEM_DUALS, |c| the_leaf(c).system.truncate(1)),
    (codes::COUPLING, |c| the_leaf(c).coupling.push((0, 0, 1, 1))),
    (codes::COUPLING, |c| the_leaf(c).coupling.push((1, 1, 0, 1))),
    (codes::COUPLING, |c| the_leaf(c).coupling.push((0, 1, 0, 0))),
    (codes::COUPLING, |c| the_leaf(c).coupling = vec![(0, 1, 0, 1), (0, 1, 0, 1)]),
    (codes::PATH_DUALS, |c| the_leaf(c).path.clear()),
    (codes::PATH_DUALS, |c| the_leaf(c).path.push(0)),
];

#[test]
fn every_planted_fault_is_found_and_voids_the_bound() {
    for (at, (code, plant)) in FAULTS.iter().enumerate() {
        let (problem, mut certificate) = branched();
        plant(&mut certificate);
        let check = check_bound(&problem, &certificate, &OPTIONS);
        let found: Vec<&str> = check.findings.iter().map(|f| f.code.as_str()).collect();
        assert!(found.contains(code), "fault {at}: {code} not in {found:?}");
        assert_eq!(check.bound, Spend(0), "fault {at}");
    }
    let elsewhere = [
        codes::OVERFLOW,
        codes::CONTRADICTION,
        codes::FLOOR_CURVE,
        codes::FLOOR_SIZES,
        codes::FLOOR_WORKLOADS,
        codes::FLOOR_INTERVAL,
    ];
    for code in codes::ALL.iter().filter(|code| code.code.starts_with("NP52")) {
        let planted = FAULTS.iter().any(|fault| fault.0 == code.code);
        assert!(planted || elsewhere.contains(&code.code), "no fault for {}", code.code);
    }
}

/// Numbers beyond 127 bits void the bound; large ones that fit are rounded the safe way.
#[test]
fn numbers_too_large_are_refused_or_rounded_down() {
    for (scale, rounded) in [(u64::MAX, None), (1 << 40, Some(())), (1 << 30, Some(()))] {
        let parts = testing::parts(
            vec![testing::sku("a", 2, 9, Problem::MAX_RATE)],
            vec![testing::workload("w", 1, 1)],
            &[(86_400_000, &[5])],
        );
        let problem = testing::problem(parts);
        let leaf = Leaf { demand: vec![vec![i64::MAX]], ..Leaf::default() };
        let certificate = Certificate { scale, unit: 1, tree: vec![Branch::Leaf(leaf)] };
        let check = check_bound(&problem, &certificate, &OPTIONS);
        let codes: Vec<&str> = check.findings.iter().map(|f| f.code.as_str()).collect();
        assert_eq!(codes.is_empty(), rounded.is_some(), "{scale}: {codes:?}");
        if rounded.is_none() {
            assert_eq!((codes, check.bound), (vec![codes::OVERFLOW], Spend(0)));
        } else {
            assert!(check.bound.0 > 0 && check.bound.0 <= brute_force(&problem).unwrap());
        }
    }
}

#[test]
fn impossible_problems_are_proven_so() {
    let parts = testing::parts(
        vec![testing::sku("a", 2, 9, 3)],
        vec![testing::workload("w", 3, 1)],
        &[(2, &[1])],
    );
    let problem = testing::problem(parts);
    let leaf = Leaf { demand: vec![vec![0]], ..Leaf::default() };
    let certificate = Certificate { scale: 1, unit: 1, tree: vec![Branch::Leaf(leaf)] };
    let check = check_bound(&problem, &certificate, &OPTIONS);
    assert_eq!((check.bound, check.closed), (Spend(u128::MAX), 1));
}

/// Kinds that others cover are left out; the lattice is that of the rest.
#[test]
fn covered_sizes_need_no_pricing() {
    let mut skus = vec![
        testing::sku("a", 2, 9, 30),
        testing::sku("b", 2, 8, 31),
        testing::sku("c", 1, 9, 30),
        testing::sku("d", 3, 9, 45),
        testing::sku("e", 2, 9, 30),
        testing::sku("f", 1, 1, 31),
    ];
    // Disks that nobody asks for, and memory that all pods together cannot fill, are no reason.
    skus[5].measured.as_mut().unwrap().data_disks = 16;
    skus[2].measured.as_mut().unwrap().memory.0 = 99;
    let parts = testing::parts(skus, vec![testing::workload("w", 1, 1)], &[(2, &[5])]);
    let problem = testing::problem(parts);
    let leaf = Leaf { demand: vec![vec![15]], ..Leaf::default() };
    let certificate = Certificate { scale: 1, unit: 2, tree: vec![Branch::Leaf(leaf)] };
    let check = check_bound(&problem, &certificate, &OPTIONS);
    assert_eq!((check.priced, check.dominated, check.lattice), (2, 4, Spend(30)));
    assert_eq!(check.bound, Spend(150));
}
