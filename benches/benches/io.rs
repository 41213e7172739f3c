//! Reading: a workloads file of 100,000 rows, and a region's catalog.

use criterion::Criterion;
use nodeplan::io::catalog::catalog;
use nodeplan::io::csv::{WorkloadOptions, workloads_csv};
use nodeplan_benches::{ratio, wants_ratios};
use std::hint::black_box;

/// Rows of the large file.
const ROWS: usize = 100_000;

fn table(rows: usize) -> String {
    let mut text = "name,namespace,min_replicas,max_replicas,cpu_request,memory_request,\
                    cpu_limit,memory_limit,hpa_cpu_target\n"
        .to_owned();
    for row in 0..rows {
        let (cpu, memory) = (50 * (1 + row % 70), 64 * (1 + row % 50));
        let line = format!(
            "web-{row},team-{},{},{},{cpu}m,{memory}Mi,,{}Mi,70%\n",
            row % 40,
            row % 3,
            3 + row % 9,
            memory * 2
        );
        text.push_str(&line);
    }
    text
}

fn read(text: &str) {
    let file = workloads_csv("large.csv", text.as_bytes(), &WorkloadOptions::default());
    assert_eq!(file.map(|file| file.workloads.len()).map_err(|_| ()), Ok(text.lines().count() - 1));
}

/// The least a reader of CSV does: cut lines and cells.
fn cut(text: &str) {
    let cells: usize = text.lines().map(|line| line.split(',').map(str::len).sum::<usize>()).sum();
    black_box(cells);
}

fn main() {
    let large = table(ROWS);
    let small = table(ROWS / 10);
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    criterion.bench_function("csv: 100,000 rows", |bencher| bencher.iter(|| read(&large)));
    criterion.bench_function("catalog: one region", |bencher| {
        bencher.iter(|| black_box(catalog("koreacentral")));
    });
    criterion.final_summary();
    if wants_ratios() {
        let growth = ratio(5, || read(&large), || read(&small));
        println!("csv: ten times the rows take {growth} times as long");
        let effort = ratio(5, || read(&large), || cut(&large));
        println!("csv: reading takes {effort} times as long as cutting lines into cells");
        let load = ratio(5, || drop(black_box(catalog("koreacentral"))), || read(&small));
        println!("catalog: a region takes {load} times as long as 10,000 rows");
    }
}
