//! Small MIPs: brute force, limits, starts, and the same answer twice.

use nodeplan_lp::{LpError, MipAnswer, MipLimits, MipModel, MipStatus, Rows, solve_mip};
use proptest::prelude::*;

const INF: f64 = f64::INFINITY;
const ITEMS: usize = 24;
const FREE: MipLimits = MipLimits {
    nodes: u64::MAX,
    lp_iterations: u64::MAX,
    stall_nodes: u64::MAX,
    absolute_gap: 1e-6,
    objective_cutoff: None,
};

fn never() -> bool {
    false
}

fn solve(model: &MipModel, limits: &MipLimits) -> MipAnswer {
    solve_mip(model, None, limits, &never).expect("HiGHS answers")
}

/// max worth under each knapsack, as a minimisation over 0/1.
fn knapsack(worth: &[u16], weights: &[Vec<u16>], capacity: &[u16]) -> MipModel {
    let mut rows = Rows::default();
    for (weights, &capacity) in weights.iter().zip(capacity) {
        let entries: Vec<(usize, f64)> =
            weights.iter().map(|&weight| f64::from(weight)).enumerate().collect();
        rows.push(-INF, f64::from(capacity), &entries).expect("indices are small");
    }
    MipModel {
        cost: worth.iter().map(|&worth| -f64::from(worth)).collect(),
        lower: vec![0.0; worth.len()],
        upper: vec![1.0; worth.len()],
        integer: vec![true; worth.len()],
        rows,
    }
}

fn brute_force(worth: &[u16], weights: &[Vec<u16>], capacity: &[u16]) -> u32 {
    let sum = |list: &[u16], chosen: u32| -> u32 {
        let taken = list.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1);
        taken.map(|(_, &number)| u32::from(number)).sum()
    };
    (0..1_u32 << worth.len())
        .filter(|&chosen| {
            let mut both = weights.iter().zip(capacity);
            both.all(|(weights, &capacity)| sum(weights, chosen) <= u32::from(capacity))
        })
        .map(|chosen| sum(worth, chosen))
        .max()
        .unwrap_or(0)
}

/// Items of about equal worth per weight in five knapsacks: too hard for the root node.
fn hard() -> MipModel {
    let mut state = 1_u64;
    let mut number = |range: u64| -> u16 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u16::try_from((state >> 33) % range).unwrap_or(0)
    };
    let weights: Vec<Vec<u16>> =
        (0..5).map(|_| (0..ITEMS).map(|_| 10 + number(90)).collect()).collect();
    let worth: Vec<u16> = (0..ITEMS)
        .map(|item| weights.iter().map(|w| w[item]).sum::<u16>() / 5 + number(10))
        .collect();
    let capacity: Vec<u16> = weights.iter().map(|w| w.iter().sum::<u16>() / 2).collect();
    knapsack(&worth, &weights, &capacity)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn knapsacks_equal_brute_force(
        (worth, weights, capacity) in (1_usize..10, 1_usize..4).prop_flat_map(|(items, sacks)| (
            prop::collection::vec(1_u16..60, items),
            prop::collection::vec(prop::collection::vec(0_u16..50, items), sacks),
            prop::collection::vec(0_u16..150, sacks),
        )),
        from_start in any::<bool>(),
    ) {
        let model = knapsack(&worth, &weights, &capacity);
        let start = vec![0.0; worth.len()];
        let start = from_start.then_some(start.as_slice());
        let answer = solve_mip(&model, start, &FREE, &never).unwrap();
        let best = -f64::from(brute_force(&worth, &weights, &capacity));
        prop_assert_eq!(answer.status, MipStatus::Optimal);
        prop_assert!((answer.objective - best).abs() < 1e-6);
        prop_assert!((answer.bound - best).abs() < 1e-5, "{} {}", answer.bound, best);
        let solution = answer.solution.unwrap();
        prop_assert!(solution.iter().all(|x| (x - x.round()).abs() < 1e-6));
        let paid: f64 = solution.iter().zip(&model.cost).map(|(x, c)| x.round() * c).sum();
        prop_assert!((paid - best).abs() < 1e-6);

        let cutoff = MipLimits { objective_cutoff: Some(best - 0.5), ..FREE };
        let answer = solve(&model, &cutoff);
        prop_assert_eq!(answer.status, MipStatus::Infeasible);
        prop_assert!(answer.solution.is_none() && answer.bound <= best);
        // The second is more than HiGHS can represent, so it excludes nothing.
        for above in [best + 0.5, 1.9e21] {
            let cutoff = MipLimits { objective_cutoff: Some(above), ..FREE };
            let answer = solve(&model, &cutoff);
            prop_assert_eq!(answer.status, MipStatus::Optimal);
            prop_assert!((answer.objective - best).abs() < 1e-6);
        }
    }
}

#[test]
fn a_limit_on_work_cuts_at_the_same_place() {
    let model = hard();
    let full = solve(&model, &FREE);
    assert_eq!(full.status, MipStatus::Optimal);
    assert!(full.lp_iterations > 200 && full.nodes > 1, "{full:?}");
    for lp_iterations in [1, full.lp_iterations / 4, full.lp_iterations / 2] {
        let limits = MipLimits { lp_iterations, ..FREE };
        let cut = solve(&model, &limits);
        assert!(matches!(cut.status, MipStatus::Feasible | MipStatus::NoSolution), "{cut:?}");
        assert!(cut.lp_iterations < full.lp_iterations, "{cut:?}");
        assert!(cut.bound <= full.objective + 1e-6 && cut.objective >= full.objective - 1e-6);
        assert_eq!(solve(&model, &limits), cut, "the same again");
    }
    let one = solve(&model, &MipLimits { nodes: 1, ..FREE });
    assert!(one.nodes <= 1 && one.status == MipStatus::Feasible, "{one:?}");
}

#[test]
fn the_closure_stops_a_solve() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let at_once = solve_mip(&hard(), None, &FREE, &|| true).unwrap();
    assert_eq!(at_once.status, MipStatus::Interrupted);
    let asked = AtomicU64::new(0);
    let soon = || asked.fetch_add(1, Ordering::Relaxed) >= 10;
    let stopped = solve_mip(&hard(), None, &FREE, &soon).unwrap();
    assert_eq!(stopped.status, MipStatus::Interrupted);
    assert!(stopped.bound <= solve(&hard(), &FREE).objective + 1e-6);
}

#[test]
fn a_start_is_never_lost() {
    let model = hard();
    let best = solve(&model, &FREE);
    let limits = MipLimits { lp_iterations: 1, ..FREE };
    let start = best.solution.as_deref();
    let cut = solve_mip(&model, start, &limits, &never).unwrap();
    assert!((cut.objective - best.objective).abs() < 1e-6, "{cut:?}");
    let infeasible = vec![1.0; ITEMS];
    let answer = solve_mip(&model, Some(&infeasible), &FREE, &never).unwrap();
    assert!((answer.objective - best.objective).abs() < 1e-6);
    assert!(matches!(solve_mip(&model, Some(&[1.0]), &FREE, &never), Err(LpError::Shape { .. })));
    assert!(matches!(
        solve_mip(&model, Some(&[f64::NAN; ITEMS]), &FREE, &never),
        Err(LpError::NotFinite { .. })
    ));
}

#[test]
fn statuses_are_told_apart() {
    // 2x = 3 has a solution, but no integer one.
    let mut rows = Rows::default();
    rows.push(3.0, 3.0, &[(0, 2.0)]).unwrap();
    let mut model = MipModel {
        cost: vec![1.0],
        lower: vec![0.0],
        upper: vec![10.0],
        integer: vec![true],
        rows,
    };
    assert_eq!(solve(&model, &FREE).status, MipStatus::Infeasible);
    model.integer = vec![false];
    let relaxed = solve(&model, &FREE);
    assert_eq!(relaxed.status, MipStatus::Optimal);
    assert!((relaxed.objective - 1.5).abs() < 1e-9 && (relaxed.bound - 1.5).abs() < 1e-9);
    model.integer = vec![true];
    model.rows = Rows::default();
    model.lower = vec![-INF];
    assert_eq!(solve(&model, &FREE).status, MipStatus::Unbounded);
    model.integer = vec![];
    assert!(matches!(solve_mip(&model, None, &FREE, &never), Err(LpError::Shape { .. })));
    let empty = solve(&MipModel::default(), &FREE);
    assert_eq!(empty.status, MipStatus::Optimal);
}

#[test]
fn threads_solve_side_by_side() {
    let alone = solve(&hard(), &FREE);
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| solve(&hard(), &FREE)));
        for thread in both {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}
