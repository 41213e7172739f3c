//! The load model against a simulation of every request.
//!
//! `NODEPLAN_CASES` is the number of requests per cell; CI runs a fixed share, and allows for its
//! noise (three standard errors). Full run, which prints the table of docs/load-model.md:
//! `NODEPLAN_CASES=1000000 cargo test --release -p nodeplan-sim --test des -- --nocapture --test-threads 1`

mod compare;
mod law;
mod pods;
mod sample;

use compare::{Bounds, Row, judge, least_noise, limits_text, measure, print_table, requests};
use law::Law;
use pods::{Cell, in_line, run, tagged};

/// Loads of the grid.
const LOADS: [f64; 8] = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99];
/// Cores of the grid.
const CORES: [f64; 7] = [0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 8.0];
/// Laws of the grid: c² 0, ¼, 1, 2, 4.
const LAWS: [Law; 5] = [
    Law::Deterministic,
    Law::LogNormal(0.25),
    Law::Exponential,
    Law::LogNormal(2.0),
    Law::LogNormal(4.0),
];

/// What a Done-when asks.
const PROMISED: Bounds = Bounds { mean: 0.03, p95: 0.10, p99: 0.15, share: 0.01, share_high: 0.03 };

fn cell(load: f64, cores: f64, law: Law) -> Cell {
    Cell {
        load,
        pods: 1,
        cores,
        threads: 1.0,
        workers: None,
        law,
        dispersion: 1.0,
        least_request: false,
    }
}

/// Every way to the truth against means that are known in closed form.
#[test]
fn the_truth_is_true() {
    let requests = requests(100_000);
    let spread = Law::LogNormal(4.0);
    // Pollaczek and Khinchine: 1 + ρ (1 + c²)/2/(1 − ρ). Erlang: C = 2 · 0.64/1.8 wait 2.5.
    let one = Cell { workers: Some(1), ..cell(0.5, 1.0, spread) };
    let two = Cell { workers: Some(2), ..cell(0.8, 2.0, Law::Exponential) };
    // Sharing: Erlang's mean for every law.
    let shared = cell(0.8, 2.0, spread);
    let erlang = 1.0 + 1.28 / 1.8 * 2.5;
    let samples = [
        (in_line(&one, requests, 1), 3.5, &one),
        (run(&one, requests, 2), 3.5, &one),
        (in_line(&two, requests, 3), erlang, &two),
        (run(&two, requests, 4), erlang, &two),
        (run(&shared, requests, 5), erlang, &shared),
        (tagged(&shared, requests, 6), erlang, &shared),
    ];
    for (at, (sample, want, cell)) in samples.iter().enumerate() {
        let (mean, error) = sample.mean();
        let noise = least_noise(cell, requests).max(error / mean);
        assert!((mean / want - 1.0).abs() < 4.0 * noise, "{at}: {mean} for {want}, ± {noise}");
    }
}

#[test]
fn pods_that_share_their_cores() {
    let requests = requests(5_000);
    let mut rows: Vec<Row> = Vec::new();
    for cores in CORES {
        for law in LAWS {
            for load in LOADS {
                rows.push(measure(&cell(load, cores, law), requests));
            }
        }
    }
    print_table("processor sharing, one pod, random arrivals", &rows);
    judge(&rows, PROMISED);
}

#[test]
fn many_pods_are_as_one() {
    let requests = requests(10_000);
    let mut rows = Vec::new();
    for pods in [10, 100] {
        for cores in [0.25, 1.5, 8.0] {
            for law in LAWS {
                for load in [0.3, 0.7, 0.9] {
                    rows.push(measure(&Cell { pods, ..cell(load, cores, law) }, requests));
                }
            }
        }
    }
    print_table("processor sharing, 10 and 100 pods, requests routed at random", &rows);
    judge(&rows, PROMISED);
}

#[test]
fn a_request_with_several_threads() {
    let requests = requests(5_000);
    let mut rows = Vec::new();
    for (threads, cores) in [(2.0, 4.0), (2.0, 1.5), (4.0, 6.0)] {
        for law in LAWS {
            for load in [0.3, 0.7, 0.9] {
                rows.push(measure(&Cell { threads, ..cell(load, cores, law) }, requests));
            }
        }
    }
    print_table("several threads per request", &rows);
    judge(&rows, PROMISED);
}

/// Laws that nothing was fitted to.
const OTHER_LAWS: [Law; 3] = [Law::LogNormal(0.5), Law::LogNormal(1.5), Law::LogNormal(3.0)];

#[test]
fn workers_that_serve_in_order() {
    let requests = requests(5_000);
    let mut rows = Vec::new();
    for workers in [1, 2, 4, 8] {
        for law in LAWS {
            for load in LOADS {
                let cell = cell(load, workers as f64, law);
                rows.push(measure(&Cell { workers: Some(workers), ..cell }, requests));
            }
        }
    }
    for (workers, cores) in [(2, 3.5), (3, 3.0), (6, 6.0), (16, 16.0)] {
        for law in OTHER_LAWS {
            for load in [0.3, 0.6, 0.8, 0.9] {
                let cell = cell(load, cores, law);
                rows.push(measure(&Cell { workers: Some(workers), ..cell }, requests));
            }
        }
    }
    print_table("worker limit, a core each, in order of arrival", &rows);
    println!("{}", limits_text(&rows));
    judge(&rows, PROMISED);
}

#[test]
fn more_workers_than_cores() {
    let requests = requests(5_000);
    let mut rows = Vec::new();
    for (workers, cores) in [(2, 1.0), (2, 1.5), (4, 1.0), (4, 0.5), (8, 2.0), (16, 4.0)] {
        for law in LAWS {
            for load in [0.1, 0.3, 0.5, 0.7, 0.8, 0.9] {
                let cell = cell(load, cores, law);
                rows.push(measure(&Cell { workers: Some(workers), ..cell }, requests));
            }
        }
    }
    print_table("more workers than cores, in order of arrival", &rows);
    println!("{}", limits_text(&rows));
    let (alike, other): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| row.cell.law == Law::Deterministic);
    judge(&alike, Bounds { mean: 0.06, p95: 0.16, p99: 0.15, share: 0.11, share_high: 0.11 });
    judge(&other, Bounds { mean: 0.05, share: 0.03, ..PROMISED });
    let memoryless: Vec<Row> =
        other.into_iter().filter(|row| row.cell.law == Law::Exponential).collect();
    judge(&memoryless, PROMISED);
}

#[test]
fn bursts() {
    let requests = requests(5_000);
    let mut rows = Vec::new();
    for dispersion in [2.0, 4.0] {
        for cores in [0.5, 1.0, 2.0, 4.0] {
            for law in LAWS {
                for load in [0.3, 0.5, 0.7, 0.8, 0.9] {
                    rows.push(measure(&Cell { dispersion, ..cell(load, cores, law) }, requests));
                }
            }
        }
    }
    print_table("bursty arrivals", &rows);
    println!("{}", limits_text(&rows));
    judge(&rows, Bounds { mean: 0.12, p95: 0.15, p99: 0.20, share: 0.12, share_high: 0.12 });
    rows.retain(|row| row.cell.law == Law::Exponential);
    judge(&rows, PROMISED);
}

#[test]
fn the_emptier_of_two_pods() {
    let requests = requests(5_000);
    let mut rows = Vec::new();
    for pods in [10, 100] {
        for cores in [0.5, 1.0, 2.0, 4.0] {
            for law in &LAWS[1..] {
                for load in [0.3, 0.5, 0.7, 0.8, 0.9] {
                    let cell = Cell { pods, least_request: true, ..cell(load, cores, *law) };
                    rows.push(measure(&cell, requests));
                }
            }
        }
    }
    print_table("the emptier of two pods", &rows);
    println!("{}", limits_text(&rows));
    judge(&rows, Bounds { mean: 0.10, p95: 0.12, p99: 0.15, share: 0.06, share_high: 0.06 });
}
