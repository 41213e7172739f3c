//! Same binary, same bytes: a problem has one plan file, on one thread and on two, the first time
//! and the second.

mod worlds;

use nodeplan::io::catalog::catalog;
use nodeplan::io::csv::workloads_csv;
use nodeplan::io::document::{CatalogStamp, Document, PLAN_VERSION, Summary, Tool, write};
use nodeplan::model::eligibility::{Filter, Pattern};
use nodeplan::model::problem::Problem;
use nodeplan::{Extras, Options, Setup, answer, optimize, problem_from};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::BTreeMap;
use std::path::Path;
use worlds::{seeds, small_problem};

/// Solves, judges, answers and writes.
fn plan_file(problem: &Problem) -> String {
    let found = optimize(problem, &Options::default()).expect("small problems are solved");
    let answer = answer(&found, Extras::default());
    let summary = Summary::of(&found.problem, &found.verdict, found.plan.is_some());
    write(&Document {
        schema_version: PLAN_VERSION.to_owned(),
        tool: Tool { name: "nodeplan".to_owned(), version: "0".to_owned() },
        inputs: Vec::new(),
        catalog: CatalogStamp::of(&found.problem),
        options: BTreeMap::new(),
        seed: 0,
        status: found.status,
        summary,
        unplaceable: found.unplaceable,
        work: found.work,
        problem: found.problem,
        plan: found.plan,
        certificate: found.certificate,
        answer: Some(answer),
    })
}

fn pools() -> [ThreadPool; 2] {
    [1, 2].map(|count| ThreadPoolBuilder::new().num_threads(count).build().expect("threads start"))
}

/// The first line that differs, if any.
fn difference(one: &str, other: &str) -> Option<String> {
    let pairs = one.lines().zip(other.lines());
    let line = pairs.enumerate().find(|(_, (a, b))| a != b);
    match line {
        Some((at, (a, b))) => Some(format!("line {}: `{a}`, `{b}`", at + 1)),
        None => (one != other).then(|| "one is longer".to_owned()),
    }
}

fn assert_one_file(name: &str, problem: &Problem, [one, two]: &[ThreadPool; 2]) {
    let first = one.install(|| plan_file(problem));
    let again = one.install(|| plan_file(problem));
    assert_eq!(difference(&first, &again), None, "{name}, twice");
    let shared = two.install(|| plan_file(problem));
    assert_eq!(difference(&first, &shared), None, "{name}, on two threads");
}

#[test]
fn random_problems_have_one_plan_file() {
    let pools = pools();
    for seed in seeds::range(40) {
        assert_one_file(&format!("seed {seed}"), &small_problem(seed), &pools);
    }
}

#[test]
fn the_reference_cluster_has_one_plan_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/workloads/reference.csv");
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let catalog = catalog("koreacentral").expect("the region has prices");
    let few = ["D2s_v3", "D4s_v3", "E8s_v4", "E16s_v4", "B2s"].map(Pattern::new).to_vec();
    for (name, allow) in [("five sizes", few), ("all sizes", Vec::new())] {
        let file = workloads_csv("reference.csv", &text, &Default::default()).expect("no fault");
        let filter = Filter { allow, ..Filter::new(catalog.date) };
        let prepared = problem_from(Setup::new(&catalog, &filter, file)).expect("sizes are left");
        assert_one_file(name, &prepared.problem, &pools());
    }
}
