//! The fuzz targets on stable: every kept input, and seeded changes of them, through the bodies
//! that libFuzzer runs.

#[path = "../../../fuzz/src/lib.rs"]
mod fuzz;
#[path = "worlds/seeds.rs"]
mod seeds;

use fuzz::draw::Draw;
use fuzz::mutate::{change, in_place};
use fuzz::{Body, TARGETS};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// An input with the name of its file.
type Kept = (String, Vec<u8>);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The inputs kept for a target, by name.
fn kept(target: &str) -> Vec<Kept> {
    let folder = folder().join("regressions").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
    let mut all: Vec<Kept> = entries
        .map(|entry| {
            let path = entry.expect("a directory entry can be read").path();
            let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    all.sort();
    all
}

/// Runs a body; where it panics, the input comes back as text for a Rust literal.
fn survives(body: Body, input: &[u8]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| body(input)))
        .map_err(|_| format!("panics on b\"{}\"", input.escape_ascii()))
}

#[test]
fn kept_inputs_are_no_findings() {
    let mut faults = Vec::new();
    for (target, body) in TARGETS {
        let inputs = kept(target);
        assert!(!inputs.is_empty(), "{target} has no kept input");
        for (name, input) in inputs {
            if let Err(fault) = survives(body, &input) {
                faults.push(format!("{target}/{name}: {fault}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// One to four changes of one kept input, crossed with another.
fn changed(inputs: &[Kept], seed: u64) -> Vec<u8> {
    let mut draw = Draw::new(seed);
    let mut input = inputs[draw.index(inputs.len())].1.clone();
    let other = &inputs[draw.index(inputs.len())].1;
    for _ in 0..=draw.index(4) {
        change(&mut input, other, &mut draw);
    }
    input
}

/// Sweeps one target.
fn sweep(target: &str, test: &str, default: u64) {
    let (_, body) = TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    let inputs = kept(target);
    seeds::sweep(&format!("regressions::{test}"), default, |seed| {
        survives(body, &changed(&inputs, seed))
    });
}

#[test]
fn changed_settings_are_no_findings() {
    sweep("config", "changed_settings", 4000);
}

#[test]
fn changed_designs_are_no_findings() {
    sweep("design", "changed_designs", 4000);
}

#[test]
fn changed_loads_are_no_findings() {
    sweep("load", "changed_loads", 600);
}

#[test]
fn changed_packing_instances_are_no_findings() {
    sweep("pack", "changed_packing", 4000);
}

#[test]
fn changed_plan_files_are_no_findings() {
    sweep("plan_document", "changed_plan_files", 2000);
}

#[test]
fn changed_quantities_are_no_findings() {
    sweep("quantity", "changed_quantities", 10_000);
}

#[test]
fn changed_regions_are_no_findings() {
    sweep("region", "changed_regions", 500);
}

#[test]
fn changed_scenarios_are_no_findings() {
    sweep("scenario", "changed_scenarios", 600);
}

#[test]
fn changed_worlds_are_no_findings() {
    sweep("simulate", "changed_worlds", 600);
}

#[test]
fn changed_traffic_files_are_no_findings() {
    sweep("traffic_csv", "changed_traffic_files", 4000);
}

#[test]
fn changed_problems_are_no_findings() {
    sweep("solve_then_verify", "changed_problems", 300);
}

#[test]
fn changed_workload_files_are_no_findings() {
    sweep("workloads_csv", "changed_workload_files", 4000);
}

/// What libFuzzer's door relies on: no change leaves the buffer, and the engine has its turns.
#[test]
fn changes_in_place_stay_in_the_buffer() {
    let turns = std::cell::Cell::new(0);
    let engine = |_: &mut [u8], size: usize, _: usize| {
        turns.set(turns.get() + 1);
        size
    };
    for seed in 0..1000 {
        let mut buffer = *b"name,replicas\nweb,3\n........";
        let size = in_place(&mut buffer, 20, 28, seed, engine);
        assert!(size <= 28, "seed {seed}: {size} bytes");
    }
    assert!((300..700).contains(&turns.get()), "{} of 1000 turns", turns.get());
}

/// Every target of the manifest has a body, a door and kept inputs, and no other folder of
/// inputs lies about.
#[test]
fn targets_doors_and_inputs_are_the_same() {
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let bins = manifest["bin"].as_array().expect("targets");
    let mut named: Vec<&str> = bins.iter().filter_map(|bin| bin["name"].as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, TARGETS.map(|(name, _)| name));
    let names = |part: &str| {
        let entries = std::fs::read_dir(folder().join(part)).expect("the folder can be read");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .map(|name| name.trim_end_matches(".rs").to_owned())
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names("fuzz_targets"), named);
    assert_eq!(names("regressions"), named);
}
