//! The workloads file: one row per workload, every fault of the file at once.
//!
//! Only `name`, `cpu_request`, `memory_request` and `replicas` (or `min_replicas` and
//! `max_replicas`) are required. Nothing is silently dropped: an unknown column warns, a rule
//! that plans do not enforce is an error or, ignored on request, an assumption, and a column
//! that shapes no plan is mentioned once.

mod cells;
mod columns;
mod qos;
mod row;
mod rules;
mod table;
#[cfg(test)]
mod tests;
mod traffic;

use crate::diagnostic::{ImportError, Place, Warning};
use crate::selector;
use crate::source::{Source, decode};
use cells::{Faults, Row};
use columns::{Column, Header};
use nodeplan_model::catalog::Arch;
use nodeplan_model::problem::{AddOn, Assumption};
use nodeplan_model::workload::Workload;
use row::Entry;
pub use rules::{RULES, is_rule};
use std::collections::{BTreeMap, BTreeSet};
use table::{Cell, Found, Rows};
pub use traffic::{Gaps, Traffic, TrafficOptions, Unit, traffic_csv};

/// How to read a workloads file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadOptions {
    /// Architectures of workloads whose row names none; never empty.
    pub default_arches: Vec<Arch>,
    /// Rules of [`RULES`] to plan without.
    pub ignore: BTreeSet<String>,
    /// Whether there may be spot pools, so that who tolerates them matters.
    pub spot: bool,
}

impl Default for WorkloadOptions {
    fn default() -> Self {
        Self { default_arches: vec![Arch::Amd64], ignore: BTreeSet::new(), spot: false }
    }
}

/// A workloads file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadFile {
    /// Workloads in order of rows.
    pub workloads: Vec<Workload>,
    /// Fewest pods of each.
    pub low: Vec<u32>,
    /// Most pods of each.
    pub high: Vec<u32>,
    /// Rows of kind DaemonSet. `tolerations` of `*` or `Exists` tolerate every taint.
    pub daemonsets: Vec<AddOn>,
    /// Oddities.
    pub warnings: Vec<Warning>,
    /// Rules ignored on request and columns that shape no plan.
    pub assumptions: Vec<Assumption>,
    /// Architectures some workload runs on.
    pub used_arches: BTreeSet<Arch>,
}

/// Reads a workloads file.
///
/// # Errors
/// Every fault of the file, in order of place.
pub fn workloads_csv(
    name: &str,
    text: &[u8],
    options: &WorkloadOptions,
) -> Result<WorkloadFile, Vec<ImportError>> {
    let (text, broken) = decode(name, text)?;
    let source = Source::new(name, &text);
    let mut faults = Faults { errors: broken, ..Faults::default() };
    for rule in options.ignore.iter().filter(|rule| !is_rule(rule)) {
        faults.errors.push(unknown_rule(Place::whole("--ignore"), rule));
    }
    let mut file = WorkloadFile::default();
    read_rows(&source, options, &mut file, &mut faults);
    if faults.errors.is_empty() {
        faults.warnings.sort();
        file.warnings = faults.warnings;
        Ok(file)
    } else {
        faults.errors.sort();
        Err(faults.errors)
    }
}

/// The fault of a rule that cannot be ignored because there is none of that name.
pub(crate) fn unknown_rule(place: Place, rule: &str) -> ImportError {
    let known: Vec<&str> = RULES.iter().map(|(rule, _)| *rule).collect();
    let message = format!("`{}` is no rule that can be ignored", crate::quantity::clip(rule));
    ImportError::new("NP1016", place, message).expected(known.join(", "))
}

/// Cells and a verdict; the rows below the header go through one buffer.
fn next(rows: &mut Rows<'_, '_>, cells: &mut Vec<Cell>, faults: &mut Faults) -> Found {
    rows.next(cells, &mut faults.errors)
}

fn read_rows(
    source: &Source<'_>,
    options: &WorkloadOptions,
    file: &mut WorkloadFile,
    faults: &mut Faults,
) {
    let mut rows = Rows::new(source);
    let mut cells = Vec::new();
    let header = match next(&mut rows, &mut cells, faults) {
        Found::End => {
            let fault = ImportError::new("NP1010", Place::whole(source.name), "the file is empty");
            faults
                .errors
                .push(fault.expected("a header such as name,replicas,cpu_request,memory_request"));
            return;
        }
        // Without a header no other row means anything.
        Found::Broken => return,
        Found::Row => Header::read(source, &cells, &mut faults.errors, &mut faults.warnings),
    };
    let Some(header) = header else { return };
    let mut tally = rules::Tally::default();
    let mut seen: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut count = 0_u64;
    let mut counted_pods = false;
    loop {
        match next(&mut rows, &mut cells, faults) {
            Found::End => break,
            Found::Broken => count += 1,
            Found::Row => {
                count += 1;
                if !has_width(source, &header, &cells, faults) {
                    continue;
                }
                let row = Row::new(source, &header, &cells);
                let mut own = Faults::default();
                let identity = row::identity(&row, &mut own);
                if let Some(identity) = &identity {
                    check_duplicate(&row, identity, &mut seen, &mut own);
                }
                let entry = row::entry(&row, identity, options, &mut tally, &mut own);
                counted_pods |= matches!(entry, Entry::Workload(..));
                if own.errors.is_empty() {
                    take(entry, file);
                }
                faults.errors.append(&mut own.errors);
                faults.warnings.append(&mut own.warnings);
            }
        }
    }
    let place = source.place(header.span.0, header.span.1);
    if count == 0 {
        let message = "the file has a header but no rows";
        faults.errors.push(ImportError::new("NP1010", place.clone(), message));
    }
    let replicas = [Column::Replicas, Column::MinReplicas, Column::MaxReplicas];
    if counted_pods && !replicas.into_iter().any(|column| header.has(column)) {
        let fault = ImportError::new("NP1007", place, "column `replicas` is missing");
        faults.errors.push(fault.expected("replicas, or both min_replicas and max_replicas"));
    }
    file.assumptions = tally.assumptions(&options.ignore);
}

fn take(entry: Entry, file: &mut WorkloadFile) {
    match entry {
        Entry::DaemonSet(addon) => file.daemonsets.push(addon),
        Entry::Workload(workload, low, high) => {
            file.used_arches.extend(&workload.arches);
            file.workloads.push(*workload);
            file.low.push(low);
            file.high.push(high);
        }
    }
}

/// Whether a row has as many cells as the header; empty ones beyond it do not count.
fn has_width(source: &Source<'_>, header: &Header, cells: &[Cell], faults: &mut Faults) -> bool {
    let extra =
        cells.get(header.width..).and_then(|rest| rest.iter().find(|cell| !cell.is_empty()));
    if cells.len() >= header.width && extra.is_none() {
        return true;
    }
    let first = cells[0];
    let place = match extra {
        Some(cell) => source.place(cell.start, cell.end),
        None => source.place(first.start, cells[cells.len() - 1].end),
    };
    let message = format!("the row has {} cells, the header {} columns", cells.len(), header.width);
    let fault = ImportError::new("NP1009", place, message);
    faults.errors.push(if first.value(source).starts_with('#') {
        fault.help("comments are not read: remove the line")
    } else if extra.is_some() {
        fault.help("put a cell that contains a comma into quotes")
    } else {
        fault.help("write a comma for each empty cell")
    });
    false
}

fn check_duplicate(
    row: &Row<'_, '_>,
    identity: &(String, String),
    seen: &mut BTreeMap<(String, String), u32>,
    faults: &mut Faults,
) {
    if let Some(first) = seen.get(identity) {
        let (namespace, name) = identity;
        let message = format!(
            "workload `{name}` of namespace `{namespace}` stands in line {first} and in line {}",
            row.line()
        );
        let fault = row.fault_in("NP1013", Column::Name, message);
        faults.errors.push(fault.help("rename one, or give them different namespaces"));
    } else {
        seen.insert(identity.clone(), row.line());
    }
}
