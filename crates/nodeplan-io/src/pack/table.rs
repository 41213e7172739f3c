//! CSV tables: pod types with counts, and sizes with allocatable amounts of their own.
//!
//! Pod types come as `instance, pod_type, cpu_milli, memory_mib, gpus, gpu_milli, max_per_node,
//! count` or as `cpu_m, mem_mib, count`; the two spellings of a column mean the same.

use super::source::{Line, Source, Word};
use super::{Item, meant, stem};
use crate::catalog::billionths;
use nodeplan_model::catalog::{Arch, Rates, Sku};
use nodeplan_model::problem::Problem;
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, MIB, MilliCpu, UsdPerHour};
use std::collections::{BTreeMap, BTreeSet};

/// Column names with, in the second place, another spelling of the same.
type Columns = [(&'static str, &'static str)];

const POD_COLUMNS: [(&str, &str); 8] = [
    ("instance", "instance"),
    ("pod_type", "pod_type"),
    ("cpu_milli", "cpu_m"),
    ("memory_mib", "mem_mib"),
    ("gpus", "gpus"),
    ("gpu_milli", "gpu_milli"),
    ("max_per_node", "max_per_node"),
    ("count", "count"),
];
const SKU_COLUMNS: [(&str, &str); 9] = [
    ("sku", "sku"),
    ("family", "family"),
    ("vcpu", "vcpu"),
    ("mem_mib", "mem_mib"),
    ("alloc_cpu_m", "alloc_cpu_m"),
    ("alloc_mem_mib", "alloc_mem_mib"),
    ("max_pods", "max_pods"),
    ("usd_h", "usd_h"),
    ("gpus", "gpus"),
];

/// Where each known column stands in the file.
struct Header {
    at: BTreeMap<&'static str, usize>,
    cells: usize,
}

impl Header {
    /// The cell of a column; `None` where the file has no such column or the cell is empty.
    fn cell<'a>(&self, row: &[Word<'a>], column: &str) -> Option<Word<'a>> {
        let at = *self.at.get(column)?;
        row.get(at).copied().filter(|word| !word.text.is_empty())
    }

    /// The cell of a column that must be there; reports where it is empty.
    fn needed<'a>(
        &self,
        source: &mut Source<'_>,
        row: &[Word<'a>],
        column: &str,
    ) -> Option<Word<'a>> {
        let word = *row.get(*self.at.get(column)?)?;
        if word.text.is_empty() {
            source.fault_at(word, "NP1005", format!("{column} is empty"));
            return None;
        }
        Some(word)
    }
}

/// The header line, checked, and the rows below it.
fn header<'a>(
    source: &mut Source<'a>,
    columns: &'static Columns,
    required: &[&str],
) -> Option<(Header, Vec<Line<'a>>)> {
    let mut lines = source.lines();
    let Some(line) = lines.next() else {
        source.fault("NP1010", "the file is empty");
        return None;
    };
    let cells = line.cells();
    let mut at = BTreeMap::new();
    for (index, word) in cells.iter().enumerate() {
        let known = columns.iter().find(|(name, other)| *name == word.text || *other == word.text);
        let Some((name, _)) = known else {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let message = format!("unknown column `{}`", word.text);
            source.fault_at(*word, "NP1203", message).help = Some(meant(word.text, &names));
            continue;
        };
        if at.insert(*name, index).is_some() {
            source.fault_at(*word, "NP1011", format!("column `{name}` appears twice"));
        }
    }
    let missing: Vec<&&str> = required.iter().filter(|name| !at.contains_key(**name)).collect();
    for name in &missing {
        source.fault_in(line, "NP1004", format!("column `{name}` is missing"));
    }
    let header = Header { at, cells: cells.len() };
    let rows: Vec<Line<'a>> = lines.collect();
    if rows.is_empty() {
        source.fault("NP1010", "the file has no rows below its header");
    }
    missing.is_empty().then_some((header, rows))
}

/// The cells of a row, as many as the header has.
fn cells<'a>(source: &mut Source<'_>, header: &Header, line: Line<'a>) -> Option<Vec<Word<'a>>> {
    let cells = line.cells();
    if cells.len() == header.cells {
        return Some(cells);
    }
    let message = format!("{} cells, the header has {}", cells.len(), header.cells);
    source.fault_in(line, "NP1009", message);
    None
}

/// The instances of a file in order of first appearance.
pub(super) fn instances(source: &mut Source<'_>) -> Vec<(String, Vec<Item>)> {
    let required = ["cpu_milli", "memory_mib", "count"];
    let Some((header, lines)) = header(source, &POD_COLUMNS, &required) else {
        return Vec::new();
    };
    let only = stem(source.name());
    let many = header.at.contains_key("instance");
    let mut found: Vec<(String, Vec<Item>)> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    let mut names: BTreeSet<(usize, String)> = BTreeSet::new();
    for line in lines {
        let Some(row) = cells(source, &header, line) else {
            continue;
        };
        let instance = if many {
            match header.needed(source, &row, "instance") {
                Some(word) => word.text.to_owned(),
                None => continue,
            }
        } else {
            only.clone()
        };
        let at = *index.entry(instance.clone()).or_insert_with(|| {
            found.push((instance, Vec::new()));
            found.len() - 1
        });
        let number = found[at].1.len();
        let Some(item) = item(source, &header, &row, number) else {
            continue;
        };
        if !names.insert((at, item.name.clone())) {
            let message = format!("pod type `{}` appears twice", item.name);
            source.fault_in(line, "NP1013", message);
        }
        found[at].1.push(item);
    }
    found
}

fn item(source: &mut Source<'_>, header: &Header, row: &[Word<'_>], number: usize) -> Option<Item> {
    let name = if header.at.contains_key("pod_type") {
        header.needed(source, row, "pod_type").map(|word| word.text.to_owned())
    } else {
        Some(format!("t{number:03}"))
    };
    let mut amount = |column: &str, unit: u64| {
        let word = header.needed(source, row, column)?;
        source.amount(word, column, unit)
    };
    let cpu = amount("cpu_milli", 1);
    let memory = amount("memory_mib", MIB);
    let copies = header
        .needed(source, row, "count")
        .and_then(|word| source.number(word, "count", u64::from(Problem::MAX_REPLICAS)));
    let mut optional = |column: &str| match header.cell(row, column) {
        Some(word) => {
            source.number(word, column, u64::from(u32::MAX)).map(|number| Some((number, word)))
        }
        None => Some(None),
    };
    let gpus = optional("gpus");
    let gpu_milli = optional("gpu_milli");
    let max_per_node = optional("max_per_node");
    if let Some(Some((0, word))) = max_per_node {
        let message = "a pod type that no node may hold";
        source.fault_at(word, "NP1206", message).help =
            Some("leave max_per_node empty for no limit".to_owned());
    }
    let value = |cell: Option<(u64, Word<'_>)>| cell.map(|(number, _)| number);
    let shared = value(gpu_milli?).is_some_and(|milli| milli > 0);
    // GPUs are whole: a share of one takes one.
    let gpus = value(gpus?).unwrap_or(0).max(u64::from(shared));
    Some(Item {
        name: name?,
        request: Resources {
            cpu: MilliCpu(cpu?),
            memory: Bytes(memory?),
            pods: 1,
            gpus,
            ..Resources::default()
        },
        max_per_node: value(max_per_node?).and_then(|most| u32::try_from(most).ok()),
        copies: u32::try_from(copies?).ok()?,
        line: row.first()?.line.number,
    })
}

/// Sizes, sorted by name.
pub(super) fn skus(source: &mut Source<'_>) -> Vec<Sku> {
    let required: Vec<&str> = SKU_COLUMNS[..8].iter().map(|(name, _)| *name).collect();
    let Some((header, lines)) = header(source, &SKU_COLUMNS, &required) else {
        return Vec::new();
    };
    let mut found: BTreeMap<String, Sku> = BTreeMap::new();
    for line in lines {
        let Some(row) = cells(source, &header, line) else {
            continue;
        };
        let Some(sku) = sku(source, &header, &row) else {
            continue;
        };
        let name = sku.name.clone();
        if found.insert(name.clone(), sku).is_some() {
            source.fault_in(line, "NP1204", format!("size `{name}` appears twice"));
        }
    }
    found.into_values().collect()
}

fn sku(source: &mut Source<'_>, header: &Header, row: &[Word<'_>]) -> Option<Sku> {
    let name = header.needed(source, row, "sku").map(|word| word.text);
    let family = header.cell(row, "family").map_or("", |word| word.text);
    let mut number = |column: &str, unit: u64, most: u64| {
        let word = header.needed(source, row, column)?;
        let number = source.number(word, column, most / unit)?;
        number.checked_mul(unit)
    };
    let small = u64::from(u32::MAX);
    let vcpus = number("vcpu", 1, small);
    let memory = number("mem_mib", MIB, Problem::MAX_AMOUNT);
    let cpu = number("alloc_cpu_m", 1, Problem::MAX_AMOUNT);
    let allocatable = number("alloc_mem_mib", MIB, Problem::MAX_AMOUNT);
    let pods = number("max_pods", 1, small);
    let gpus = match header.cell(row, "gpus") {
        Some(word) => source.number(word, "gpus", small),
        None => Some(0),
    };
    let rate = header.needed(source, row, "usd_h").and_then(|word| rate(source, word));
    Some(Sku {
        name: name?.to_owned(),
        family: family.to_owned(),
        vcpus: u32::try_from(vcpus?).ok()?,
        memory: Bytes(memory?),
        gpus: u32::try_from(gpus?).ok()?,
        arch: Arch::Amd64,
        sustained: None,
        constrained: false,
        confidential: false,
        max_data_disks: 0,
        retires: None,
        rates: Rates {
            on_demand: rate?,
            spot: None,
            reserved_1y: None,
            reserved_3y: None,
            savings_plan_1y: None,
        },
        measured: Some(Resources {
            cpu: MilliCpu(cpu?),
            memory: Bytes(allocatable?),
            pods: pods?,
            gpus: gpus?,
            ..Resources::default()
        }),
    })
}

fn rate(source: &mut Source<'_>, word: Word<'_>) -> Option<UsdPerHour> {
    let rate = billionths(word.text).filter(|rate| *rate <= Problem::MAX_RATE);
    if rate.is_none() {
        let message = format!("`{}` is not a rate", word.text);
        source.fault_at(word, "NP1205", message).expected =
            Some("a decimal such as 0.123, at most nine places and one million".to_owned());
    }
    rate.map(UsdPerHour)
}
