//! Simulating: 50 autoscaled workloads over a day, 200 over a week, and how time grows with
//! workloads and with days.

use criterion::Criterion;
use nodeplan_benches::{World, WorldSize, ratio, wants_ratios};
use std::hint::black_box;

fn run(world: &World) {
    black_box(world.run());
}

fn main() {
    let day = World::new(WorldSize::of(50, 1));
    let week = World::new(WorldSize::of(200, 7));
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    criterion.bench_function("simulate: 50 workloads, a day", |bencher| {
        bencher.iter(|| run(&day));
    });
    if wants_ratios() {
        criterion.bench_function("simulate: 200 workloads, a week", |bencher| {
            bencher.iter(|| run(&week));
        });
    }
    criterion.final_summary();
    if wants_ratios() {
        growth("workloads", 10, [20, 40, 80].map(|workloads| (workloads, 1)), (10, 1));
        growth("days", 1, [2, 4, 8].map(|days| (20, days)), (20, 1));
        let long = ratio(1, || run(&week), || run(&day));
        println!("simulate: 28 times the workload days take {long} times as long");
    }
}

/// Time over that of the smallest, where it should be the factor.
fn growth(what: &str, least: u64, sizes: [(u32, u64); 3], small: (u32, u64)) {
    let small = World::new(WorldSize::of(small.0, small.1));
    for (workloads, days) in sizes {
        let large = World::new(WorldSize::of(workloads, days));
        let factor = if what == "days" { days } else { u64::from(workloads) } / least;
        let took = ratio(5, || run(&large), || run(&small));
        println!("simulate: {factor} times the {what} take {took} times as long");
    }
}
