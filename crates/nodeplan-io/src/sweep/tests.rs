//! Files of sweeps that broke off, were put together, or are none.

use super::*;
use proptest::prelude::*;

fn head_of(cells: u64) -> Head {
    let tool = Tool { name: "nodeplan".to_owned(), version: "1".to_owned() };
    let file = InputFile { path: "matrix".to_owned(), sha256: "00".to_owned() };
    Head::new(tool, Date::parse("2026-11-01").expect("a day"), cells, vec![file])
}

fn cell(number: u64) -> Cell {
    Cell {
        cell: number,
        plan: "a \"b\"\n\u{1b}[31m".to_owned(),
        scenario: None,
        vary: [("growth".to_owned(), "150%".into())].into(),
        seed: u64::MAX,
        currency: "USD".to_owned(),
        month: Money(1_500_000_001),
        per_month: Cell::decimal(Money(1_500_000_001)),
        cost: Money(7),
        millis: 1,
        node_hours_milli: 2,
        met: true,
        pending_p95_millis: 3,
        evictions: 4,
        oom_kills: 5,
        workloads: vec![CellWorkload {
            workload: "größe".to_owned(),
            offered: 1,
            lost: 0,
            good: None,
            objective: None,
            met: true,
            miss_minutes: 0,
            p95_micros: 0,
            oldest_millis: 0,
            pending_p95_millis: 0,
            evictions: 0,
            oom_kills: 0,
        }],
    }
}

fn lines(cells: impl IntoIterator<Item = u64>) -> Vec<String> {
    cells.into_iter().map(|number| cell(number).line()).collect()
}

#[test]
fn a_cell_is_one_line_that_comes_back() {
    let line = cell(3).line();
    assert_eq!(line.matches('\n').count(), 1);
    assert!(!line.contains('\u{1b}'), "{line}");
    assert_eq!(serde_json::from_str::<Cell>(&line).expect("JSON"), cell(3));
    assert_eq!(cell(3).per_month, "1.500000001");
}

proptest! {
    /// Wherever a file breaks off, it holds the cells before that, and no fault.
    #[test]
    fn a_file_that_broke_off_keeps_its_whole_lines(cut in 0_usize..4000) {
        let whole = together(&head_of(9), &lines([4, 0, 7]));
        let bytes = &whole.as_bytes()[..cut.min(whole.len())];
        let got = read("f", bytes).expect("a torn line is no fault");
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count();
        let kept = got.cells.len() + usize::from(got.head.is_some());
        // A line that lacks nothing but its end is whole.
        prop_assert!(kept == ends || (kept == ends + 1 && whole.as_bytes()[bytes.len()] == b'\n'));
        for (number, line) in &got.cells {
            prop_assert_eq!(line, &cell(*number).line());
        }
    }

    /// Any way of dealing cells out to files, overlapping or not, gives the same bytes.
    #[test]
    fn files_merge_in_any_order(deal in proptest::collection::vec(1_u8..8, 12), turn in 0_usize..3) {
        let head = head_of(12);
        let part = |bit: u8| {
            let mine = (0..12).rev().filter(|cell| deal[*cell as usize] >> bit & 1 == 1);
            let text = together(&head, &lines(mine));
            (bit.to_string(), read("f", text.as_bytes()).expect("lines"))
        };
        let mut parts = vec![part(0), part(1), part(2)];
        parts.rotate_left(turn);
        prop_assert_eq!(merge(parts, false).expect("all there"), together(&head, &lines(0..12)));
    }
}

#[test]
fn what_is_no_sweep_is_told_with_its_line() {
    let head = head_of(2).line();
    let zero = cell(0).line();
    let other = zero.replace("\"evictions\":4", "\"evictions\":9");
    for (text, want) in [
        ("", vec![]),
        ("{\"schemaVersion\":\"nodeplan/swe", vec![]),
        ("precious", vec!["NP1503: f:1"]),
        ("{}\n", vec!["NP1503: f:1"]),
        (&head.replace("sweep/v1", "sweep/v2"), vec!["NP1503: f:1"]),
        (&format!("{head}x\n\n{zero}"), vec!["NP1503: f:2", "NP1503: f:3"]),
        (&format!("{head}{}", cell(2).line()), vec!["NP1503: f:2"]),
        (&format!("{head}{zero}{zero}"), vec![]),
        (&format!("{head}{zero}{other}"), vec!["NP1505: f:3"]),
    ] {
        let faults = read("f", text.as_bytes()).err().unwrap_or_default();
        let shown: Vec<String> =
            faults.iter().map(|one| format!("{}: {}", one.code, one.place)).collect();
        assert_eq!(shown, want, "{text}");
    }
}

#[test]
fn merging_says_what_is_missing_or_foreign() {
    let of = |head: &Head, cells: &[u64]| {
        let text = together(head, &lines(cells.iter().copied()));
        read("f", text.as_bytes()).expect("lines")
    };
    let head = head_of(8);
    let mut later = head.clone();
    later.inputs[0].sha256 = "11".to_owned();
    let part = || ("a".to_owned(), of(&head, &[0, 5]));
    let empty = || ("e".to_owned(), Lines::default());
    for (files, partial, want) in [
        (vec![part(), empty()], false, "NP1506: a: 6 of 8 cells are missing: 1, 2, 3, 4, 6, …"),
        (
            vec![part(), ("b".to_owned(), of(&later, &[1]))],
            true,
            "NP1504: b: not of the sweep of `a`: `matrix` was another file then",
        ),
        (vec![empty()], true, "NP1503: --merge: no file has a head"),
    ] {
        let faults = merge(files, partial).expect_err(want);
        assert_eq!(faults[0].to_string(), want);
    }
    let some = merge(vec![part(), empty()], true).expect("in part");
    assert_eq!(some, together(&head, &lines([0, 5])));
}
