//! Solving: the toy with five sizes, the reference cluster, and 23 pod types on all sizes; in
//! time against the assignment ILP and against heuristics, in cost against heuristics.

use criterion::Criterion;
use nodeplan::model::units::Spend;
use nodeplan::solve::{baseline, ilp};
use nodeplan::{Optimized, Options};
use nodeplan_benches::{Instance, baselines, data, instances, ratio, wants_ratios};
use std::fs;
use std::hint::black_box;

/// Types of the instance made of traces and manifests.
const TYPES: usize = 23;

fn solved(instance: &Instance) -> Optimized {
    let found = instance.solve(&Options::default());
    found.expect("a shipped instance is sound").expect("it has pods")
}

fn one(path: &str) -> Instance {
    let mut found = instances(&data().join(path)).expect("a shipped instance is sound");
    found.remove(0)
}

/// The first types of all published packing instances together, in a file of its own.
fn mixed() -> Instance {
    let mut text = String::new();
    let mut types = 0;
    for file in ["ibm.csv", "manifests.csv"] {
        let rows = fs::read_to_string(data().join("problems").join(file)).expect("shipped");
        let mut lines = rows.lines();
        let header = lines.next().unwrap_or_default();
        if text.is_empty() {
            text = format!("{header}\n");
        }
        for line in lines.take(TYPES - types) {
            let cells: Vec<&str> = line.split(',').collect();
            text.push_str(&format!("mixed,t{types},{}\n", cells[2..].join(",")));
            types += 1;
        }
    }
    let path = std::env::temp_dir().join(format!("nodeplan-mixed-{}.csv", std::process::id()));
    fs::write(&path, text).expect("a folder for temporary files");
    let found = instances(&path).expect("rows of sound instances");
    fs::remove_file(&path).expect("the file just written");
    found.into_iter().next().expect("one instance")
}

fn main() {
    let all = [
        ("toy of five sizes", one("problems/toy5.csv")),
        ("reference cluster", one("workloads/reference.csv")),
        ("23 types, all sizes", mixed()),
    ];
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for (name, instance) in &all {
        criterion.bench_function(name, |bencher| bencher.iter(|| black_box(solved(instance))));
    }
    criterion.final_summary();
    if wants_ratios() {
        let toy = solved(&all[0].1).problem;
        let ours = || drop(black_box(solved(&all[0].1)));
        let theirs = || drop(black_box(ilp::solve(&toy, ilp::Limits::default())));
        println!("{}: our time ÷ the ILP's {}", all[0].0, ratio(5, ours, theirs));
        for (name, instance) in &all {
            compare(name, instance);
        }
    }
}

/// Time and cost against the three baselines.
fn compare(name: &str, instance: &Instance) {
    let found = solved(instance);
    let ours = || drop(black_box(solved(instance)));
    let theirs = || drop(black_box(baseline::all(&found.problem)));
    println!("{name}: our time ÷ that of all baselines {}", ratio(3, ours, theirs));
    let over = |cost: Option<Spend>| match (found.cost(), cost) {
        (Some(ours), Some(cost)) => format!("{:.6}", ours.0 as f64 / cost.0 as f64),
        _ => "no plan".to_owned(),
    };
    let [single, autoscaler, karpenter] = baselines(&found.problem).map(over);
    println!("{name}: our cost ÷ best single size {single}");
    println!("{name}: our cost ÷ cluster autoscaler {autoscaler}");
    println!("{name}: our cost ÷ Karpenter {karpenter}");
    println!("{name}: our cost ÷ bound {}", over(Some(found.verdict.bound)));
}
