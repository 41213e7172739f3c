//! The model beside the truth, cell by cell.

use nodeplan_sim::queueing::shape::{Arrivals, Shape, dispersion_at_pod};
use nodeplan_sim::queueing::table::{Percentile, Tables};

use super::law::Law;
use super::pods::{Cell, in_line, run, tagged};
use super::sample::Sample;

/// Errors of the model in one cell, each with the standard error of the truth.
pub struct Row {
    pub cell: Cell,
    /// Relative.
    pub mean: (f64, f64),
    /// Relative, of the three percentiles.
    pub quantiles: [(f64, f64); 3],
    /// Absolute, at the time where it is worst.
    pub share: (f64, f64),
    pub worst_time: f64,
}

/// Largest errors allowed.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub mean: f64,
    pub p95: f64,
    pub p99: f64,
    /// Up to load 0.9.
    pub share: f64,
    /// Above.
    pub share_high: f64,
}

/// Requests per cell.
pub fn requests(default: u64) -> u64 {
    let text = std::env::var("NODEPLAN_CASES").ok();
    text.map_or(default, |text| text.parse().expect("NODEPLAN_CASES is a number"))
}

/// Whether requests of the cell are drawn one by one from the stationary state.
fn independent(cell: &Cell) -> bool {
    cell.workers.is_none() && cell.dispersion <= 1.0 && !cell.least_request && cell.pods == 1
}

/// Least relative noise of a run, whose requests depend on each other over about
/// 4 (1 + c²) I / (1 − load)² of them; parts of a run that are shorter than that hide it.
pub fn least_noise(cell: &Cell, requests: u64) -> f64 {
    if independent(cell) {
        return 0.0;
    }
    let idle = 1.0 - cell.load;
    let spread = cell.law.spread();
    libm::sqrt(4.0 * (1.0 + spread) * cell.dispersion / (idle * idle * requests as f64))
}

/// Whether each worker has a core.
fn own_cores(cell: &Cell) -> bool {
    cell.pods == 1
        && cell.workers.is_some_and(|workers| workers as f64 * cell.threads <= cell.cores)
}

/// The truth of a cell. A run of one pod converges slowly: where it can be, every request is drawn
/// from the stationary state; where requests wait in line, the run is longer the more they depend on
/// each other, by up to so many times.
fn truth(cell: &Cell, requests: u64, seed: u64) -> Sample {
    if independent(cell) {
        return tagged(cell, requests, seed);
    }
    let idle = 1.0 - cell.load;
    let times = (0.2 * (1.0 + cell.law.spread()) / (idle * idle)).max(1.0);
    match cell.workers {
        Some(_) if own_cores(cell) => in_line(cell, requests * times.min(200.0) as u64, seed),
        Some(_) => run(cell, requests * times.min(40.0) as u64, seed),
        None => run(cell, requests, seed),
    }
}

fn milli(value: f64) -> u32 {
    (value * 1000.0).round() as u32
}

fn shape(cell: &Cell) -> Shape {
    let arrivals = if cell.least_request {
        Arrivals::LeastRequestOf(cell.pods as u32)
    } else if cell.dispersion > 1.0 {
        Arrivals::Bursty(dispersion_at_pod(milli(cell.dispersion), cell.pods as u32))
    } else {
        Arrivals::Random
    };
    Shape {
        cores_milli: milli(cell.cores),
        threads_milli: milli(cell.threads),
        workers: cell.workers.unwrap_or(0) as u32,
        spread_milli: milli(cell.law.spread()),
        arrivals,
    }
}

/// Model and truth of one cell.
pub fn measure(cell: &Cell, requests: u64) -> Row {
    let seed = 0x5eed ^ (cell.load * 1000.0) as u64 ^ ((cell.cores * 64.0) as u64) << 20;
    let sample = truth(cell, requests, seed);
    let mut tables = Tables::new();
    let shape = shape(cell);
    let id = tables.shape(&shape);
    let place = tables.place(id, cell.load);
    let unit = shape.unit(1.0);
    let (mean, error) = sample.mean();
    let noise = least_noise(cell, sample.count());
    let mean = (tables.mean(place) * unit / mean - 1.0, noise.max(error / mean));
    let quantiles = Percentile::ALL.map(|percentile| {
        let (truth, error) = sample.quantile(percentile.level());
        (tables.quantile(place, percentile) * unit / truth - 1.0, noise.max(error / truth))
    });
    let mut share = (0.0, 0.0);
    let mut worst_time = 0.0;
    // No time is near the one at which requests that are all alike are answered, if undelayed.
    for step in -30..80 {
        let (truth, time, error) = sample.share(unit * 1.05 * libm::exp(0.0953 * f64::from(step)));
        // A share moves by at most about e⁻¹ of the relative change of the scale.
        let error = error.max(0.37 * noise);
        let off = tables.share(place, time / unit) - truth;
        if worst_time <= 0.0 || off.abs() - 3.0 * error > f64::abs(share.0) - 3.0 * share.1 {
            share = (off, error);
            worst_time = time / unit;
        }
    }
    Row { cell: *cell, mean, quantiles, share, worst_time }
}

fn name(law: Law) -> String {
    match law {
        Law::Deterministic => "0".to_string(),
        Law::Exponential => "1 (exp)".to_string(),
        Law::LogNormal(c2) => format!("{c2}"),
    }
}

/// Worst figure of rows, by size, with its sign.
fn worst<'a>(rows: &[&'a Row], figure: impl Fn(&'a Row) -> f64) -> f64 {
    rows.iter().map(|row| figure(row)).fold(0.0, |a, b| if b.abs() > f64::abs(a) { b } else { a })
}

/// A Markdown table: per cores, workers and c² the worst error over loads.
pub fn print_table(title: &str, rows: &[Row]) {
    println!("\n### {title}\n");
    println!("| k | W | n | I | c² | mean | p50 | p95 | p99 | share, load ≤ 0.9 | share above |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let key = |row: &Row| {
        let c = &row.cell;
        let workers = c.workers.map_or("–".to_string(), |w| w.to_string());
        let threads = if c.threads > 1.0 { format!(" p={}", c.threads) } else { String::new() };
        format!(
            "| {}{threads} | {workers} | {} | {} | {} ",
            c.cores,
            c.pods,
            c.dispersion,
            name(c.law)
        )
    };
    let mut from = 0;
    while from < rows.len() {
        let upto = rows[from..].iter().position(|row| key(row) != key(&rows[from]));
        let group: Vec<&Row> = rows[from..upto.map_or(rows.len(), |n| from + n)].iter().collect();
        let low: Vec<&Row> = group.iter().copied().filter(|row| row.cell.load <= 0.9).collect();
        let high: Vec<&Row> = group.iter().copied().filter(|row| row.cell.load > 0.9).collect();
        print!("{}| {:+.2} % ", key(&rows[from]), 100.0 * worst(&group, |row| row.mean.0));
        for i in 0..3 {
            print!("| {:+.1} % ", 100.0 * worst(&group, |row| row.quantiles[i].0));
        }
        let above = if high.is_empty() {
            "–".to_string()
        } else {
            format!("{:+.4}", worst(&high, |row| row.share.0))
        };
        println!("| {:+.4} | {above} |", worst(&low, |row| row.share.0));
        from += group.len();
    }
}

/// Rows outside what the grid without doubts promises, for the rules of use.
pub fn limits_text(rows: &[Row]) -> String {
    let outside = rows.iter().filter(|row| {
        row.mean.0.abs() > 0.03 + 3.0 * row.mean.1
            || row.quantiles[1].0.abs() > 0.10 + 3.0 * row.quantiles[1].1
            || row.quantiles[2].0.abs() > 0.15 + 3.0 * row.quantiles[2].1
            || row.share.0.abs() > 0.01 + 3.0 * row.share.1
    });
    let lines: Vec<String> = outside.map(describe).collect();
    format!("outside the promise: {} of {}\n{}", lines.len(), rows.len(), lines.join("\n"))
}

fn describe(row: &Row) -> String {
    let c = &row.cell;
    format!(
        "load {} k {} p {} W {:?} n {} I {} c² {}: mean {:+.3}±{:.3} p50 {:+.3} p95 {:+.3}±{:.3} p99 {:+.3}±{:.3} share {:+.4}±{:.4} at {:.2}",
        c.load,
        c.cores,
        c.threads,
        c.workers,
        c.pods,
        c.dispersion,
        name(c.law),
        row.mean.0,
        row.mean.1,
        row.quantiles[0].0,
        row.quantiles[1].0,
        row.quantiles[1].1,
        row.quantiles[2].0,
        row.quantiles[2].1,
        row.share.0,
        row.share.1,
        row.worst_time
    )
}

/// Fails with every row that is outside the bounds by more than the noise of the truth.
pub fn judge(rows: &[Row], bounds: Bounds) {
    let beyond = |(off, error): (f64, f64), bound: f64| off.abs() > bound + 3.0 * error;
    let faults: Vec<String> = rows
        .iter()
        .filter(|row| {
            let share = if row.cell.load <= 0.9 { bounds.share } else { bounds.share_high };
            beyond(row.mean, bounds.mean)
                || beyond(row.quantiles[1], bounds.p95)
                || beyond(row.quantiles[2], bounds.p99)
                || beyond(row.share, share)
        })
        .map(describe)
        .collect();
    assert!(faults.is_empty(), "{} of {} cells\n{}", faults.len(), rows.len(), faults.join("\n"));
}
