//! Bins of one kind. `.vbp` text: number of dimensions, capacities, number of types, then per
//! type its amounts and copies. BPPLIB text: number of lines, capacity, then per line a size
//! and its copies, or a size alone.

use super::source::{Line, Source, Word};
use super::{Bins, Item};
use nodeplan_model::catalog::{Arch, Rates, Sku};
use nodeplan_model::problem::Problem;
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, UsdPerHour};
use std::collections::BTreeMap;

/// One dollar an hour: cost counts bins.
const ONE: UsdPerHour = UsdPerHour(1_000_000_000);

/// The only size of such a problem.
pub(super) fn bin(capacity: Vec<u64>, pods: u64) -> Sku {
    Sku {
        name: "bin".to_owned(),
        family: String::new(),
        vcpus: 0,
        memory: Bytes(0),
        gpus: 0,
        arch: Arch::Amd64,
        sustained: None,
        constrained: false,
        confidential: false,
        max_data_disks: 0,
        retires: None,
        rates: Rates {
            on_demand: ONE,
            spot: None,
            reserved_1y: None,
            reserved_3y: None,
            savings_plan_1y: None,
        },
        measured: Some(Resources { pods, extended: capacity, ..Resources::default() }),
    }
}

/// A `.vbp` text.
pub(super) fn vbp(source: &mut Source<'_>) -> Option<Bins> {
    let mut lines = source.lines();
    let dimensions = single(source, lines.next(), "the number of dimensions")?;
    if dimensions == 0 {
        source.fault("NP1201", "the instance has no dimension");
        return None;
    }
    let capacity = match lines.next() {
        Some(line) => amounts(source, line, dimensions, "one capacity per dimension"),
        None => incomplete(source, "the capacities"),
    };
    let types = single(source, lines.next(), "the number of item types")?;
    let mut items = Vec::new();
    let mut rows = 0;
    for line in lines {
        rows += 1;
        let what = "one amount per dimension and the number of copies";
        if let Some(row) = words(source, line, dimensions.saturating_add(1), what) {
            let (copies, sizes) = row.split_last()?;
            items.extend(item(source, rows, sizes, Some(*copies)));
        }
    }
    check_rows(source, types, rows);
    Some(Bins { capacity: capacity?, items })
}

/// A BPPLIB text. Equal sizes become one type.
pub(super) fn bpplib(source: &mut Source<'_>) -> Option<Bins> {
    let mut lines = source.lines();
    let count = single(source, lines.next(), "the number of items or sizes")?;
    let capacity = match lines.next() {
        Some(line) => amounts(source, line, 1, "the capacity"),
        None => incomplete(source, "the capacity"),
    };
    let mut items: Vec<Item> = Vec::new();
    let mut seen: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
    let mut rows = 0;
    for line in lines {
        rows += 1;
        let row = line.words();
        if row.len() > 2 {
            let message = format!("{} numbers, expected a size and its copies", row.len());
            source.fault_in(line, "NP1009", message);
            continue;
        }
        let next = items.len() as u64 + 1;
        let Some(item) = item(source, next, &row[..1], row.get(1).copied()) else {
            continue;
        };
        match seen.get(&item.request.extended) {
            Some(&known) => {
                let copies = items[known].copies.saturating_add(item.copies);
                items[known].copies = copies.min(Problem::MAX_REPLICAS);
                if u64::from(copies) > u64::from(Problem::MAX_REPLICAS) {
                    let limit = Problem::MAX_REPLICAS;
                    source.fault_in(line, "NP1020", format!("more than {limit} equal items"));
                }
            }
            None => {
                seen.insert(item.request.extended.clone(), items.len());
                items.push(item);
            }
        }
    }
    check_rows(source, count as u64, rows);
    Some(Bins { capacity: capacity?, items })
}

/// A header line of one number; bounded by what a slice can index.
fn single(source: &mut Source<'_>, line: Option<Line<'_>>, what: &str) -> Option<usize> {
    let Some(line) = line else {
        return incomplete(source, what);
    };
    let word = words(source, line, 1, what)?[0];
    let number = source.number(word, what, u64::from(u32::MAX))?;
    usize::try_from(number).ok()
}

fn incomplete<T>(source: &mut Source<'_>, what: &str) -> Option<T> {
    source.fault("NP1201", format!("the file ends before {what}"));
    None
}

/// The words of a line, which must be `count`.
fn words<'a>(
    source: &mut Source<'_>,
    line: Line<'a>,
    count: usize,
    what: &str,
) -> Option<Vec<Word<'a>>> {
    let words = line.words();
    if words.len() == count {
        return Some(words);
    }
    let message = format!("{} numbers, expected {count}: {what}", words.len());
    source.fault_in(line, "NP1009", message);
    None
}

fn amounts(source: &mut Source<'_>, line: Line<'_>, count: usize, what: &str) -> Option<Vec<u64>> {
    let words = words(source, line, count, what)?;
    amounts_of(source, &words)
}

/// All amounts, or none after reporting each bad one.
fn amounts_of(source: &mut Source<'_>, words: &[Word<'_>]) -> Option<Vec<u64>> {
    let read: Vec<Option<u64>> =
        words.iter().map(|word| source.amount(*word, "an amount", 1)).collect();
    read.into_iter().collect()
}

/// The item of row `row`, counted from 1; one copy where none are written.
fn item(
    source: &mut Source<'_>,
    row: u64,
    sizes: &[Word<'_>],
    copies: Option<Word<'_>>,
) -> Option<Item> {
    let line = sizes.first().map_or(0, |word| word.line.number);
    let amounts = amounts_of(source, sizes);
    let copies = match copies {
        Some(word) => source.number(word, "the number of copies", u64::from(Problem::MAX_REPLICAS)),
        None => Some(1),
    };
    let (extended, copies) = (amounts?, copies?);
    Some(Item {
        name: format!("t{row:03}"),
        request: Resources { pods: 1, extended, ..Resources::default() },
        max_per_node: None,
        copies: u32::try_from(copies).ok()?,
        line,
    })
}

fn check_rows(source: &mut Source<'_>, promised: impl TryInto<u64>, rows: u64) {
    let promised = promised.try_into().unwrap_or(u64::MAX);
    if promised != rows {
        let message = format!("the header promises {promised} rows, the file has {rows}");
        source.fault("NP1202", message);
    }
}
