//! The gap of every instance under `data/`, against a recorded baseline.
//!
//! `quality [--record] [FILES]` prints one CSV line per instance: figures of the plan, work, and
//! what simpler methods pay under the same rules. It ends with 1 where a gap is wider than the
//! recorded one by more than the tolerance, with 2 where something cannot be solved at all.
//! `--record` writes the gaps of this run as the new baseline.

use nodeplan_benches::{Row, data, instances, percent_of_e8, row};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// How much wider than recorded a gap may be, in 1e-8: a thousandth of a percent.
const TOLERANCE_E8: u64 = 1_000;

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(worse) => {
            eprintln!("{worse} gaps are wider than recorded");
            ExitCode::from(1)
        }
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::from(2)
        }
    }
}

/// The number of gaps that got worse.
fn run() -> Result<usize, String> {
    let (flags, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    if let Some(flag) = flags.iter().find(|flag| *flag != "--record") {
        return Err(format!("`{flag}` is not known; usage: quality [--record] [FILES]"));
    }
    let files =
        if files.is_empty() { shipped()? } else { files.into_iter().map(PathBuf::from).collect() };
    let mut recorded = recorded()?;
    let mut worse = 0;
    println!("{},recorded_gap_pct", Row::HEADER);
    for file in files {
        for instance in instances(&file)? {
            let row = row(&instance)?;
            let before = recorded.get(&row.instance).copied();
            let shown = before.map(percent_of_e8).unwrap_or_default();
            println!("{row},{shown}");
            let limit = before.map_or(u64::MAX, |gap| gap.saturating_add(TOLERANCE_E8));
            if row.gap_e8.unwrap_or(u64::MAX) > limit {
                eprintln!("{}: the gap was {shown} %", row.instance);
                worse += 1;
            }
            if let Some(gap) = row.gap_e8 {
                recorded.insert(row.instance, gap);
            }
        }
    }
    if flags.is_empty() {
        return Ok(worse);
    }
    let mut text = "instance,gap_pct\n".to_owned();
    for (name, gap) in &recorded {
        text.push_str(&format!("{name},{}\n", percent_of_e8(*gap)));
    }
    std::fs::write(baseline(), text).map_err(|error| format!("the baseline: {error}"))?;
    Ok(0)
}

/// Every problem and every sample cluster, in order of name.
fn shipped() -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for folder in ["problems", "workloads"] {
        let folder = data().join(folder);
        let entries = std::fs::read_dir(&folder);
        let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        found.extend(paths.filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !name.starts_with("skus_") && !name.ends_with(".yaml")
        }));
    }
    found.sort();
    Ok(found)
}

fn baseline() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("quality-baseline.csv")
}

/// Recorded gaps in 1e-8.
fn recorded() -> Result<BTreeMap<String, u64>, String> {
    let text = match std::fs::read_to_string(baseline()) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(format!("the baseline: {error}")),
    };
    let line = |line: &str| -> Option<(String, u64)> {
        let (name, percent) = line.rsplit_once(',')?;
        let (whole, part) = percent.split_once('.')?;
        let whole: u64 = whole.parse().ok()?;
        let part: u64 = (part.len() == 6).then(|| part.parse().ok())??;
        Some((name.to_owned(), whole.checked_mul(1_000_000)?.checked_add(part)?))
    };
    let bad = |text: &str| format!("the baseline: `{text}` is no instance with its gap");
    text.lines().skip(1).map(|text| line(text).ok_or_else(|| bad(text))).collect()
}
