//! What simulating costs, in CPU seconds and memory: 50 workloads over a day and 200 over a week;
//! with `--all` also 1,000 runs of the first, and 5,000 nodes with 100,000 pods over a day.
//!
//! `cargo run --release -p nodeplan-benches --bin simulate -- [--all] [WORKLOADSxDAYS | files | many | large]...`
//!
//! Other sizes may be named, such as `20x3`, and the two of `--all`; then only those run. `files` is the first
//! as a whole process that reads its files: the command must have been built in the same profile.

use nodeplan::simulate::Simulated;
use nodeplan_benches::{World, WorldSize, children_time, peak_mib, reset_peak, timed};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Runs of the smallest cluster, of which the shortest counts.
const ROUNDS: usize = 5;
/// Runs of the whole process.
const PROCESSES: u32 = 20;
/// Runs with seeds of their own.
const RUNS: u32 = 1000;

fn main() -> ExitCode {
    let (flags, sizes): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with('-'));
    let sizes: Option<Vec<Wish>> = sizes.iter().map(|text| wish(text)).collect();
    let all = flags.iter().all(|flag| flag == "--all");
    let (Some(sizes), true) = (sizes, all) else {
        eprintln!("usage: simulate [--all] [WORKLOADSxDAYS | files | many | large]...");
        return ExitCode::from(2);
    };
    if !sizes.is_empty() {
        for wish in sizes {
            match wish {
                Wish::One(size) => measure(size, 1),
                Wish::Many => many(),
                Wish::Files => {
                    if let Err(error) = files() {
                        eprintln!("files: {error}");
                        return ExitCode::FAILURE;
                    }
                }
            }
        }
        return ExitCode::SUCCESS;
    }
    measure(WorldSize::of(50, 1), ROUNDS);
    measure(WorldSize::of(200, 7), 1);
    if !flags.is_empty() {
        many();
        measure(WorldSize::large(), 1);
    }
    ExitCode::SUCCESS
}

/// What is to be measured.
enum Wish {
    /// A cluster.
    One(WorldSize),
    /// Runs with seeds of their own.
    Many,
    /// The whole process.
    Files,
}

fn wish(text: &str) -> Option<Wish> {
    match text {
        "many" => Some(Wish::Many),
        "files" => Some(Wish::Files),
        "large" => Some(Wish::One(WorldSize::large())),
        text => size(text).map(Wish::One),
    }
}

fn size(text: &str) -> Option<WorldSize> {
    let (workloads, days) = text.split_once('x')?;
    let (workloads, days): (u32, u64) = (workloads.parse().ok()?, days.parse().ok()?);
    let sound = (1..=10_000).contains(&workloads) && (1..=366).contains(&days);
    sound.then(|| WorldSize::of(workloads, days))
}

/// The shortest of some runs of one cluster.
fn measure(size: WorldSize, rounds: usize) {
    let world = World::new(size);
    reset_peak();
    let mut best: Option<(Simulated, Duration)> = None;
    for _ in 0..rounds {
        let (done, spent) = timed(|| world.run());
        if best.as_ref().is_none_or(|(_, least)| spent < *least) {
            best = Some((done, spent));
        }
    }
    let Some((done, spent)) = best else { return };
    let [nodes, pods, pending] = most(&done);
    println!(
        "{} workloads x {} days: {:.3} CPU-s, {} MiB; at most {nodes} nodes, {pods} pods Ready, \
         {pending} pending; {} decisions",
        size.workloads,
        size.days,
        spent.as_secs_f64(),
        peak_mib(),
        done.timeline.decisions.len(),
    );
}

/// Most nodes, Ready pods and pending pods in a sample.
fn most(done: &Simulated) -> [u64; 3] {
    let timeline = &done.timeline;
    let mut most = [0; 3];
    for sample in 0..timeline.samples {
        let rows = timeline.workloads_at(sample);
        let sums = [
            timeline.pools_at(sample).iter().map(|row| u64::from(row.nodes)).sum::<u64>(),
            rows.clone().map(|row| u64::from(row.ready)).sum(),
            rows.map(|row| u64::from(row.pending)).sum(),
        ];
        for (most, sum) in most.iter_mut().zip(sums) {
            *most = sum.max(*most);
        }
    }
    most
}

/// Many runs of the smallest cluster, on all threads.
#[expect(clippy::disallowed_methods, reason = "benches own a clock")]
fn many() {
    let world = World::new(WorldSize::of(50, 1));
    reset_peak();
    let begun = Instant::now();
    let (met, spent) = timed(|| world.replicate(RUNS));
    println!(
        "{RUNS} runs of 50 workloads x 1 day: {:.1} s on {} threads, {:.1} CPU-s, {} MiB; \
         {met} met all objectives",
        begun.elapsed().as_secs_f64(),
        std::thread::available_parallelism().map_or(1, usize::from),
        spent.as_secs_f64(),
        peak_mib(),
    );
}

/// The smallest cluster as the command runs it, files and report included: the mean of some runs.
fn files() -> std::io::Result<()> {
    let world = World::new(WorldSize::of(50, 1));
    let directory = std::env::temp_dir().join(format!("nodeplan-bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let program = std::env::current_exe()?.with_file_name("nodeplan");
    let run = || -> std::io::Result<()> {
        world.write(&directory)?;
        let before = children_time();
        for _ in 0..PROCESSES {
            let state = world.command(&program, &directory).stdout(Stdio::null()).status()?;
            if !state.success() {
                return Err(std::io::Error::other(format!(
                    "{} ended with {state}",
                    program.display()
                )));
            }
        }
        let each = children_time().saturating_sub(before) / PROCESSES;
        println!("50 workloads x 1 day, whole process: {:.3} CPU-s", each.as_secs_f64());
        Ok(())
    };
    let done = run();
    std::fs::remove_dir_all(&directory)?;
    done
}
