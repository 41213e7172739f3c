//! Which seeds a test runs: `NODEPLAN_CASES` of them, or the one in `NODEPLAN_SEED`, or with both
//! as many from that one on.

#![allow(dead_code, reason = "each test file compiles this module anew and uses a part of it")]

use rayon::prelude::*;
use std::ops::Range;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}=`{text}` is no number")))
}

/// How many seeds run, 1 where one is replayed.
pub fn count(default: u64) -> u64 {
    let range = range(default);
    range.end - range.start
}

/// The seeds to run.
pub fn range(default: u64) -> Range<u64> {
    let cases = number("NODEPLAN_CASES");
    match number("NODEPLAN_SEED") {
        Some(first) => first..first.saturating_add(cases.unwrap_or(1)),
        None => 0..cases.unwrap_or(default),
    }
}

/// Runs `check` on every seed and gives its answers in order. A seed that fails is named with
/// the command that replays it alone.
pub fn sweep<T: Send>(
    test: &str,
    default: u64,
    check: impl Fn(u64) -> Result<T, String> + Sync,
) -> Vec<T> {
    let (file, name) = test.split_once("::").expect("`file::test`");
    let answers: Vec<Result<T, String>> = range(default)
        .into_par_iter()
        .map(|seed| {
            check(seed).map_err(|fault| {
                format!(
                    "seed {seed}: {fault}\n  replay: NODEPLAN_SEED={seed} cargo test --release \
                     -p nodeplan --test {file} {name}"
                )
            })
        })
        .collect();
    let faults: Vec<&String> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    let shown: Vec<&str> = faults.iter().take(5).map(|fault| fault.as_str()).collect();
    assert!(faults.is_empty(), "{} seeds fail\n{}", faults.len(), shown.join("\n"));
    answers.into_iter().filter_map(Result::ok).collect()
}
