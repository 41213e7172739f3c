//! Results of a sweep as JSON lines: a head that names every input by its hash, then a line per
//! cell. Lines of the same head merge in any order to the same bytes.
//!
//! Invariant: a line stands whole or not at all. What a killed run left behind, the beginning of a
//! line, is dropped; anything else that is no line of a sweep is a fault.

use crate::diagnostic::{ImportError, ImportErrors, Place};
use crate::document::{InputFile, Tool, is_version};
use crate::quantity::clip;
use nodeplan_model::answer::Money;
use nodeplan_model::units::Date;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the lines of a sweep.
pub const SWEEP_VERSION: &str = "nodeplan/sweep/v1";

/// The first line: equal for all shards of a sweep, different for any two sweeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`SWEEP_VERSION`].
    #[serde(rename = "schemaVersion")]
    pub schema_version: String,
    /// Who wrote it.
    pub tool: Tool,
    /// Day of the newest price of the catalog.
    pub catalog: Date,
    /// Cells of the whole sweep.
    pub cells: u64,
    /// Every file that the results rest on, as the matrix names it.
    pub inputs: Vec<InputFile>,
}

/// One simulated run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its number, from 0.
    pub cell: u64,
    /// Plan or cluster file.
    pub plan: String,
    /// Scenario file; none: a scenario of defaults.
    pub scenario: Option<String>,
    /// What was varied, by path.
    pub vary: BTreeMap<String, serde_json::Value>,
    /// Seed.
    pub seed: u64,
    /// ISO code of the amounts.
    pub currency: String,
    /// Cost of a month at the run's mean rate, billionths.
    pub month: Money,
    /// The same as a decimal.
    pub per_month: String,
    /// Cost of the run, billionths.
    pub cost: Money,
    /// Length of the run, milliseconds.
    pub millis: u64,
    /// Node time, thousandths of an hour.
    pub node_hours_milli: u64,
    /// Whether every objective was kept.
    pub met: bool,
    /// 95th percentile of how long pods waited for a node, milliseconds.
    pub pending_p95_millis: u64,
    /// Pods evicted.
    pub evictions: u64,
    /// Containers killed for memory.
    pub oom_kills: u64,
    /// Per workload, the platform's own left out.
    pub workloads: Vec<CellWorkload>,
}

/// One workload of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellWorkload {
    /// `namespace/name`.
    pub workload: String,
    /// Arrivals.
    pub offered: u64,
    /// Lost.
    pub lost: u64,
    /// Share within the objective, parts per million; none without objective.
    pub good: Option<u64>,
    /// Share that the objective asks for, parts per million.
    pub objective: Option<u64>,
    /// Whether the objective was kept.
    pub met: bool,
    /// Minutes below it.
    pub miss_minutes: u64,
    /// 95th percentile of response times, microseconds.
    pub p95_micros: u64,
    /// Oldest message, milliseconds.
    pub oldest_millis: u64,
    /// 95th percentile of how long its pods waited for a node, milliseconds.
    pub pending_p95_millis: u64,
    /// Its pods evicted.
    pub evictions: u64,
    /// Its containers killed for memory.
    pub oom_kills: u64,
}

impl Head {
    /// The head of a sweep.
    #[must_use]
    pub fn new(tool: Tool, catalog: Date, cells: u64, inputs: Vec<InputFile>) -> Self {
        Self { schema_version: SWEEP_VERSION.to_owned(), tool, catalog, cells, inputs }
    }

    /// Its line, with its end.
    #[must_use]
    pub fn line(&self) -> String {
        line(self)
    }

    /// What distinguishes it from another, in words; none where they are equal.
    #[must_use]
    pub fn unlike(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        if self.tool != other.tool || self.catalog != other.catalog {
            let show = |head: &Self| {
                format!("{} {} (catalog {})", head.tool.name, head.tool.version, head.catalog)
            };
            return Some(format!("written by {}, not {}", show(self), show(other)));
        }
        let has = |head: &Self, file: &InputFile| head.inputs.contains(file);
        let differs = other.inputs.iter().find(|file| !has(self, file));
        let differs = differs.or_else(|| self.inputs.iter().find(|file| !has(other, file)));
        Some(match differs {
            Some(file) => format!("`{}` was another file then", clip(&file.path)),
            None => "its inputs or cells differ".to_owned(),
        })
    }
}

impl Cell {
    /// Its line, with its end.
    #[must_use]
    pub fn line(&self) -> String {
        line(self)
    }

    /// An amount of money as the decimal beside it.
    #[must_use]
    pub fn decimal(money: Money) -> String {
        crate::document::decimal(money)
    }
}

fn line(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(value)
        .expect("every key of a line is a text and no value refuses to be written");
    text.push('\n');
    text
}

/// Lines that a file of a sweep holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The head; none where the file is empty or broke off within it.
    pub head: Option<Head>,
    /// Lines with their ends, by cell.
    pub cells: BTreeMap<u64, String>,
    /// Whether the cells stand in order, each once, and nothing had to be dropped.
    pub tidy: bool,
}

/// Reads what a sweep wrote, whole or in part.
///
/// # Errors
/// Every line that is none of a sweep, another version, two different lines for one cell.
pub fn read(name: &str, bytes: &[u8]) -> Result<Lines, ImportErrors> {
    let mut lines = Lines { tidy: true, ..Lines::default() };
    let mut faults = Vec::new();
    let mut last = None;
    for (number, piece) in (1_u32..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let whole = piece.ends_with(b"\n");
        let place = Place { line: number, ..Place::whole(name) };
        let text = std::str::from_utf8(piece).map(|text| text.trim_end_matches(['\n', '\r']));
        let read = text.map_err(|_| "bytes that are no UTF-8".to_owned());
        if number == 1 {
            let head = read.and_then(|text| head(text).map_err(|error| error.to_string()));
            match head {
                Ok(head) if is_version(&head.schema_version, SWEEP_VERSION) => {
                    lines.tidy &= whole;
                    lines.head = Some(head);
                }
                Ok(head) => {
                    let message = format!("schemaVersion is `{}`", clip(&head.schema_version));
                    faults.push(foreign(place, message));
                    break;
                }
                // What stands there may be the file of something else: it is not overwritten.
                Err(_) if !whole && torn_head(piece) => lines.tidy = false,
                Err(_) => {
                    faults.push(foreign(place, "the first line is no head of a sweep".to_owned()));
                    break;
                }
            }
            continue;
        }
        let cells = lines.head.as_ref().map_or(0, |head| head.cells);
        match read.and_then(|text| number_of(text, cells).map(|cell| (cell, text))) {
            Ok((cell, text)) => {
                let same = piece.len() == text.len() + 1;
                lines.tidy &= whole && same && last.is_none_or(|last| last < cell);
                last = Some(cell);
                let text = format!("{text}\n");
                if lines.cells.get(&cell).is_some_and(|seen| *seen != text) {
                    faults.push(differs(place, cell));
                }
                lines.cells.entry(cell).or_insert(text);
            }
            Err(_) if !whole => lines.tidy = false,
            Err(message) => faults.push(foreign(place, message)),
        }
    }
    if faults.is_empty() { Ok(lines) } else { Err(faults) }
}

fn head(text: &str) -> Result<Head, serde_json::Error> {
    serde_json::from_str(text)
}

/// Whether this is how every head begins.
fn torn_head(piece: &[u8]) -> bool {
    let begins = format!("{{\"schemaVersion\":\"{SWEEP_VERSION}\"");
    let shared = piece.len().min(begins.len());
    piece[..shared] == begins.as_bytes()[..shared]
}

fn number_of(text: &str, cells: u64) -> Result<u64, String> {
    let cell: Cell = serde_json::from_str(text).map_err(|_| "no line of a cell".to_owned())?;
    if cell.cell < cells {
        return Ok(cell.cell);
    }
    Err(format!("cell {} of a sweep of {cells}", cell.cell))
}

fn foreign(place: Place, message: String) -> ImportError {
    let fault = ImportError::new("NP1503", place, message);
    fault
        .expected(format!("JSON lines of {SWEEP_VERSION}"))
        .help("give a file that `nodeplan sweep` wrote, or the name of a new one")
}

fn differs(place: Place, cell: u64) -> ImportError {
    let message = format!("cell {cell} has two lines that differ");
    ImportError::new("NP1505", place, message).help("remove both, and run the shard again")
}

/// Puts the lines of several files together.
///
/// # Errors
/// A file without a head, of another sweep than the first, or with another line for the same
/// cell; cells that no file has, unless `partial`.
pub fn merge(files: Vec<(String, Lines)>, partial: bool) -> Result<String, ImportErrors> {
    let mut faults = Vec::new();
    let mut first: Option<(String, Head)> = None;
    let mut cells: BTreeMap<u64, String> = BTreeMap::new();
    for (name, lines) in files {
        let Some(head) = lines.head else {
            // A shard that was killed before it had written anything has no cells either.
            continue;
        };
        let unlike = first.as_ref().and_then(|(_, first)| head.unlike(first));
        if let (Some(unlike), Some((other, _))) = (unlike, &first) {
            let message = format!("not of the sweep of `{}`: {unlike}", clip(other));
            faults.push(ImportError::new("NP1504", Place::whole(&name), message));
            continue;
        }
        first.get_or_insert((name.clone(), head));
        for (cell, line) in lines.cells {
            if cells.get(&cell).is_some_and(|seen| *seen != line) {
                faults.push(differs(Place::whole(&name), cell));
            }
            cells.entry(cell).or_insert(line);
        }
    }
    let Some((name, head)) = first else {
        return Err(vec![foreign(Place::whole("--merge"), "no file has a head".to_owned())]);
    };
    let missing = head.cells.saturating_sub(cells.len() as u64);
    if missing > 0 && !partial && faults.is_empty() {
        let examples: Vec<String> = (0..head.cells)
            .filter(|cell| !cells.contains_key(cell))
            .take(5)
            .map(|cell| cell.to_string())
            .collect();
        let more = if missing > 5 { ", …" } else { "" };
        let message =
            format!("{missing} of {} cells are missing: {}{more}", head.cells, examples.join(", "));
        let fault = ImportError::new("NP1506", Place::whole(&name), message);
        faults.push(fault.help("run their shards again, or merge what there is with --partial"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(together(&head, cells.values()))
}

/// The head and the lines of cells, in order.
#[must_use]
pub fn together<'a>(head: &Head, cells: impl IntoIterator<Item = &'a String>) -> String {
    let mut text = head.line();
    text.extend(cells.into_iter().map(String::as_str));
    text
}

/// The JSON Schema (draft 2020-12) of a line.
#[must_use]
pub fn schema() -> &'static str {
    include_str!("sweep.schema.json")
}

#[cfg(test)]
mod tests;
