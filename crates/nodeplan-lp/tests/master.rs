//! The master LP: hand-worked programs, and warm starts against the same program solved cold.

use nodeplan_lp::{Basis, Columns, HighsLp, LpError, LpLimits, LpStatus, MasterLp, Rows, Simplex};
use proptest::prelude::*;

const INF: f64 = f64::INFINITY;
const PRIMAL: LpLimits = LpLimits { simplex_iterations: u64::MAX, strategy: Simplex::Primal };
const DUAL: LpLimits = LpLimits { simplex_iterations: u64::MAX, strategy: Simplex::Dual };

fn never() -> bool {
    false
}

fn close(found: &[f64], wanted: &[f64]) -> bool {
    found.len() == wanted.len() && found.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 1e-7)
}

fn columns(list: &[(f64, &[(usize, f64)])]) -> Columns {
    let mut columns = Columns::default();
    for (cost, entries) in list {
        columns.push(*cost, 0.0, INF, entries).expect("indices are small");
    }
    columns
}

fn covering(demand: &[f64]) -> HighsLp {
    let mut rows = Rows::default();
    for &demand in demand {
        rows.push(demand, INF, &[]).expect("indices are small");
    }
    let mut lp = HighsLp::new().expect("HiGHS starts");
    lp.add_rows(&rows).expect("rows are sound");
    lp
}

/// min 2x + 3y, x + y >= 4, x + 3y >= 6 (optimum x=3 y=1, duals 3/2 1/2) with x <= `cap`.
fn textbook(cap: f64) -> HighsLp {
    let mut lp = covering(&[4.0, 6.0]);
    let list: [(f64, &[(usize, f64)]); 2] =
        [(2.0, &[(0, 1.0), (1, 1.0)]), (3.0, &[(0, 1.0), (1, 3.0)])];
    lp.add_columns(&columns(&list)).expect("columns are sound");
    lp.set_column_bounds(&[(0, 0.0, cap)]).expect("column 0 exists");
    lp
}

#[test]
fn duals_have_the_documented_sign() {
    for limits in [PRIMAL, DUAL] {
        let mut lp = textbook(INF);
        assert_eq!(lp.solve(limits, &never), Ok(LpStatus::Optimal));
        assert!(close(&[lp.objective()], &[9.0]), "{}", lp.objective());
        assert!(close(lp.primal(), &[3.0, 1.0]), "{:?}", lp.primal());
        assert!(close(lp.row_duals(), &[1.5, 0.5]), "{:?}", lp.row_duals());
        assert!(close(lp.reduced_costs(), &[0.0, 0.0]));
    }
    // x <= 2 binds: y = 2, the second row is slack, and x would pay one more dollar per unit.
    let mut lp = textbook(2.0);
    assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal));
    assert!(close(lp.primal(), &[2.0, 2.0]), "{:?}", lp.primal());
    assert!(close(lp.row_duals(), &[3.0, 0.0]), "{:?}", lp.row_duals());
    assert!(close(lp.reduced_costs(), &[-1.0, 0.0]), "{:?}", lp.reduced_costs());
    // A packing row, so the dual is negative: min -x, 2x <= 5.
    let mut lp = HighsLp::new().unwrap();
    lp.add_columns(&columns(&[(-1.0, &[])])).unwrap();
    let mut rows = Rows::default();
    rows.push(-INF, 5.0, &[(0, 2.0)]).unwrap();
    lp.add_rows(&rows).unwrap();
    assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal));
    assert!(close(lp.row_duals(), &[-0.5]), "{:?}", lp.row_duals());
}

#[test]
fn every_change_of_the_model_counts() {
    let mut lp = textbook(INF);
    assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal));
    lp.set_row_bounds(&[(1, 0.0, INF), (0, 5.0, INF), (1, 2.0, INF)]).unwrap();
    assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal));
    assert!(close(lp.primal(), &[5.0, 0.0]), "{:?}", lp.primal());
    lp.set_column_costs(&[(0, 9.0), (1, 1.0)]).unwrap();
    assert_eq!(lp.solve(PRIMAL, &never), Ok(LpStatus::Optimal));
    assert!(close(lp.primal(), &[0.0, 5.0]), "{:?}", lp.primal());
    let mut rows = Rows::default();
    rows.push(-INF, 3.0, &[(1, 1.0)]).unwrap();
    lp.add_rows(&rows).unwrap();
    assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal));
    assert!(close(lp.primal(), &[2.0, 3.0]), "{:?}", lp.primal());
    lp.delete_rows(&[true, true, false]).unwrap();
    lp.delete_columns(&[true, false]).unwrap();
    assert_eq!((lp.row_count(), lp.column_count()), (2, 1));
    assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal));
    assert!(close(lp.primal(), &[5.0]), "{:?}", lp.primal());
    assert!(close(&[lp.objective()], &[45.0]));
}

#[test]
fn statuses_are_told_apart() {
    let mut none = HighsLp::new().unwrap();
    assert_eq!(none.solve(DUAL, &never), Ok(LpStatus::Optimal));
    assert!(close(&[none.objective()], &[0.0]));

    for (demand, status) in [(1.0, LpStatus::Infeasible), (0.0, LpStatus::Optimal)] {
        for limits in [PRIMAL, DUAL] {
            let mut lp = covering(&[demand]);
            assert_eq!(lp.solve(limits, &never), Ok(status), "no columns, {demand}");
        }
    }
    for limits in [PRIMAL, DUAL] {
        let mut lp = textbook(INF);
        lp.set_row_bounds(&[(0, -INF, -1.0)]).unwrap();
        assert_eq!(lp.solve(limits, &never), Ok(LpStatus::Infeasible));
        assert!(lp.primal().is_empty() && lp.objective() > 1e300);
        lp.set_row_bounds(&[(0, 4.0, INF)]).unwrap();
        assert_eq!(lp.solve(limits, &never), Ok(LpStatus::Optimal));
        assert!(close(&[lp.objective()], &[9.0]), "recovers");
        lp.set_column_bounds(&[(0, 3.0, 2.0)]).unwrap();
        assert_eq!(lp.solve(limits, &never), Ok(LpStatus::Infeasible), "crossed bounds");

        let mut lp = textbook(INF);
        lp.set_column_costs(&[(0, -1.0)]).unwrap();
        assert_eq!(lp.solve(limits, &never), Ok(LpStatus::Unbounded));
        assert!(lp.objective() < -1e300);

        let mut lp = textbook(INF);
        let one = LpLimits { simplex_iterations: 1, ..limits };
        assert_eq!(lp.solve(one, &never), Ok(LpStatus::Limit));
        assert_eq!(lp.iterations(), 1);
        assert_eq!(lp.solve(limits, &never), Ok(LpStatus::Optimal), "goes on");
        assert_eq!(lp.iterations(), 2);
        assert_eq!(lp.solve(one, &never), Ok(LpStatus::Optimal), "the limit is per solve");
    }
}

#[test]
fn a_basis_goes_out_and_in() {
    let mut first = textbook(INF);
    assert_eq!(first.basis(), Err(LpError::NoBasis));
    assert_eq!(first.solve(DUAL, &never), Ok(LpStatus::Optimal));
    let basis = first.basis().unwrap();
    let mut second = textbook(INF);
    second.set_basis(&basis).unwrap();
    assert_eq!(second.solve(DUAL, &never), Ok(LpStatus::Optimal));
    assert_eq!(second.iterations(), 0, "an optimal basis needs no work");
    assert_eq!(second.basis(), Ok(basis.clone()));
    second.add_columns(&columns(&[(9.0, &[(0, 1.0)])])).unwrap();
    assert_eq!(second.basis(), Err(LpError::NoBasis));
    assert_eq!(second.solve(PRIMAL, &never), Ok(LpStatus::Optimal));
    second.delete_columns(&[true, true, false]).unwrap();
    assert_eq!(second.solve(PRIMAL, &never), Ok(LpStatus::Optimal));
    assert_eq!(second.iterations(), 0, "columns that do not price leave it optimal");
    let short = Basis { columns: Vec::new(), ..basis };
    assert!(matches!(second.set_basis(&short), Err(LpError::Shape { .. })));
}

#[test]
fn unusable_numbers_are_refused() {
    let nan = f64::NAN;
    for (cost, lower, upper, entry) in [
        (nan, 0.0, 1.0, 1.0),
        (INF, 0.0, 1.0, 1.0),
        (1.0, nan, 1.0, 1.0),
        (1.0, INF, INF, 1.0),
        (1.0, 0.0, nan, 1.0),
        (1.0, 0.0, -INF, 1.0),
        (1.0, 0.0, 1e30, 1.0),
        (1.0, 0.0, 1.0, nan),
        (1.0, 0.0, 1.0, INF),
        (1.0, 0.0, 1.0, 1e-12),
        (1.0, 0.0, 1.0, 1e15),
    ] {
        let mut lp = covering(&[1.0]);
        let mut bad = Columns::default();
        bad.push(cost, lower, upper, &[(0, entry)]).unwrap();
        let case = format!("{cost} {lower} {upper} {entry}");
        assert!(
            matches!(
                lp.add_columns(&bad),
                Err(LpError::NotFinite { .. } | LpError::OutOfRange { .. })
            ),
            "{case}"
        );
        assert_eq!(lp.column_count(), 0, "{case}");
    }
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    let nan = f64::NAN;
    let mut lp = textbook(INF);
    assert!(matches!(lp.set_column_costs(&[(0, nan)]), Err(LpError::NotFinite { .. })));
    assert!(matches!(lp.set_row_bounds(&[(0, nan, 1.0)]), Err(LpError::NotFinite { .. })));
    assert!(matches!(lp.set_row_bounds(&[(2, 0.0, 1.0)]), Err(LpError::UnknownIndex { .. })));
    assert!(matches!(lp.delete_columns(&[true]), Err(LpError::Shape { .. })));
    let stranger = columns(&[(1.0, &[(2, 1.0)])]);
    assert!(matches!(lp.add_columns(&stranger), Err(LpError::UnknownIndex { .. })));
    let twice = columns(&[(1.0, &[(0, 1.0), (0, 1.0)])]);
    assert!(matches!(lp.add_columns(&twice), Err(LpError::Refused { .. })));
    assert_eq!(lp.column_count(), 2);
    assert!(matches!(
        Columns::default().push(1.0, 0.0, 1.0, &[(usize::MAX, 1.0)]),
        Err(LpError::TooLarge { .. })
    ));
    for (starts, rows, values) in [
        (vec![], vec![0], vec![1.0]),
        (vec![1], vec![0], vec![1.0]),
        (vec![-1], vec![0], vec![1.0]),
        (vec![2], vec![0], vec![1.0]),
        (vec![0], vec![0], vec![]),
        (vec![0], vec![-1], vec![1.0]),
    ] {
        let broken =
            Columns { cost: vec![1.0], lower: vec![0.0], upper: vec![1.0], starts, rows, values };
        assert!(lp.add_columns(&broken).is_err(), "{broken:?}");
    }
}

/// A program of `size` items that simplex needs many iterations for.
fn chain(size: usize) -> HighsLp {
    let demand: Vec<f64> = (0..size).map(|item| 3.0 + (item * 7 % 11) as f64).collect();
    let mut lp = covering(&demand);
    let mut columns = Columns::default();
    for at in 0..3 * size {
        let entries: Vec<(usize, f64)> = [at % size, (at * 5 + 1) % size, (at * 11 + 3) % size]
            .into_iter()
            .collect::<std::collections::BTreeSet<usize>>()
            .into_iter()
            .map(|row| (row, 1.0 + ((at + row) % 4) as f64))
            .collect();
        columns
            .push(1.0 + (at * 13 % 17) as f64 / 5.0, 0.0, INF, &entries)
            .expect("indices are small");
    }
    lp.add_columns(&columns).expect("columns are sound");
    lp
}

#[test]
fn the_closure_stops_a_solve() {
    use std::sync::atomic::{AtomicU64, Ordering};
    assert_eq!(chain(40).solve(DUAL, &|| true), Ok(LpStatus::Interrupted));
    for limits in [PRIMAL, DUAL] {
        let asked = AtomicU64::new(0);
        let mut lp = chain(40);
        let status = lp.solve(limits, &|| asked.fetch_add(1, Ordering::Relaxed) >= 5);
        assert_eq!(status, Ok(LpStatus::Interrupted));
        let cut = lp.iterations();
        assert_eq!(lp.solve(limits, &never), Ok(LpStatus::Optimal), "goes on");
        assert!(lp.iterations() > cut);
    }
}

#[test]
fn a_panic_of_the_closure_arrives_here() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let first = AtomicBool::new(true);
    let mut lp = chain(40);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        lp.solve(DUAL, &|| {
            assert!(first.swap(false, Ordering::Relaxed), "on purpose");
            false
        })
    }));
    assert!(caught.is_err());
    assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal), "still usable");
}

#[test]
fn threads_solve_side_by_side_and_pass_programs_on() {
    let solve = |size| {
        let mut lp = chain(size);
        assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal));
        lp
    };
    let alone: Vec<Vec<u64>> = [30, 40].map(|size| bits(&solve(size))).to_vec();
    let moved: Vec<HighsLp> = std::thread::scope(|scope| {
        let both = [30, 40].map(|size| scope.spawn(move || solve(size)));
        both.map(|thread| thread.join().unwrap()).into_iter().collect()
    });
    for (mut lp, alone) in moved.into_iter().zip(alone) {
        assert_eq!(bits(&lp), alone, "the same bytes on every thread");
        lp.set_row_bounds(&[(0, 50.0, INF)]).unwrap();
        assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal), "after the thread is gone");
    }
}

fn bits(lp: &HighsLp) -> Vec<u64> {
    let numbers = lp.primal().iter().chain(lp.row_duals()).chain(lp.reduced_costs());
    numbers.map(|number| number.to_bits()).collect()
}

type Pattern = (u16, Vec<u8>);

/// One pattern per item alone, then `patterns`, a few at a time with a solve after each.
fn grow(demand: &[u8], patterns: &[Pattern], step: usize) -> HighsLp {
    let demand: Vec<f64> = demand.iter().map(|&demand| f64::from(demand)).collect();
    let mut lp = covering(&demand);
    let singles: Vec<Pattern> = (0..demand.len())
        .map(|item| (300, (0..demand.len()).map(|other| u8::from(item == other)).collect()))
        .collect();
    lp.add_columns(&pattern_columns(&singles)).expect("columns are sound");
    for part in patterns.chunks(step) {
        assert_eq!(lp.solve(PRIMAL, &never), Ok(LpStatus::Optimal));
        lp.add_columns(&pattern_columns(part)).expect("columns are sound");
    }
    assert_eq!(lp.solve(PRIMAL, &never), Ok(LpStatus::Optimal));
    lp
}

fn pattern_columns(patterns: &[Pattern]) -> Columns {
    let mut columns = Columns::default();
    for (cost, counts) in patterns {
        let entries: Vec<(usize, f64)> =
            counts.iter().enumerate().map(|(item, &count)| (item, f64::from(count))).collect();
        columns.push(f64::from(*cost) / 100.0, 0.0, INF, &entries).expect("indices are small");
    }
    columns
}

fn stock() -> impl Strategy<Value = (Vec<u8>, Vec<Pattern>)> {
    (2_usize..8).prop_flat_map(|items| {
        let pattern = (20_u16..400, prop::collection::vec(0_u8..4, items));
        (prop::collection::vec(1_u8..40, items), prop::collection::vec(pattern, 1..30))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn growing_by_columns_ends_where_a_cold_solve_does((demand, patterns) in stock()) {
        let warm = grow(&demand, &patterns, 3);
        let cold = grow(&demand, &patterns, patterns.len());
        prop_assert!((warm.objective() - cold.objective()).abs() < 1e-6);
        // Strong duality, and no column prices out.
        let paid: f64 = warm.row_duals().iter().zip(&demand).map(|(y, &d)| y * f64::from(d)).sum();
        prop_assert!((paid - warm.objective()).abs() < 1e-6);
        prop_assert!(warm.reduced_costs().iter().all(|&reduced| reduced > -1e-7));
        for (at, (cost, counts)) in patterns.iter().enumerate() {
            let value: f64 = warm.row_duals().iter().zip(counts).map(|(y, &n)| y * f64::from(n)).sum();
            let reduced = warm.reduced_costs()[demand.len() + at];
            prop_assert!((f64::from(*cost) / 100.0 - value - reduced).abs() < 1e-7);
        }
    }

    #[test]
    fn growing_by_rows_ends_where_a_cold_solve_does((demand, patterns) in stock(), cap in 1_u8..9) {
        let mut warm = grow(&demand, &patterns, 5);
        let mut cold = grow(&demand, &[], 1);
        cold.add_columns(&pattern_columns(&patterns)).unwrap();
        let mut rows = Rows::default();
        let entries: Vec<(usize, f64)> = (demand.len()..warm.column_count()).map(|at| (at, 1.0)).collect();
        rows.push(-INF, f64::from(cap), &entries).unwrap();
        let before = warm.objective();
        for lp in [&mut warm, &mut cold] {
            lp.add_rows(&rows).unwrap();
            prop_assert_eq!(lp.solve(DUAL, &never), Ok(LpStatus::Optimal));
        }
        prop_assert!((warm.objective() - cold.objective()).abs() < 1e-6);
        prop_assert!(warm.objective() > before - 1e-6, "a row never helps");
        let new = warm.row_duals()[demand.len()];
        prop_assert!(new < 1e-9, "a packing row has a dual of at most 0: {}", new);
    }

    #[test]
    fn equal_calls_give_equal_bytes((demand, patterns) in stock()) {
        prop_assert_eq!(bits(&grow(&demand, &patterns, 2)), bits(&grow(&demand, &patterns, 2)));
    }
}
