//! The catalog that ships inside the binary: sizes Azure sells, their rates per region, and
//! family ratios that estimate the rates nobody recorded.
//!
//! Invariants: nothing here reads a file or the network; amounts are exact decimals, at most
//! nine places; a region's catalog is parsed from its own price column only. The tables are
//! made by scripts/build_catalog.py, and a test parses every region, so a malformed table
//! cannot leave the repository.

use nodeplan_model::catalog::{Arch, Catalog, Exclusion, QuotedRate, Rates, Sku};
use nodeplan_model::units::{Bytes, Date, MIB, MilliCpu, UsdPerHour};
use std::collections::BTreeMap;

const SIZES: &str = include_str!("../../../data/catalog/skus.tsv");
const ON_DEMAND: &str = include_str!("../../../data/catalog/on_demand.tsv");
const QUOTES: &str = include_str!("../../../data/catalog/quotes.tsv");
const RATIOS: &str = include_str!("../../../data/catalog/ratios.tsv");
const REGIONS: &str = include_str!("../../../data/catalog/regions.tsv");

/// Day of the newest price in the catalog, `YYYY-MM-DD`.
pub const DATE: &str = "2026-08-22";
/// Currency of every price in the catalog.
pub const CURRENCY: &str = "USD";
/// What every full size name starts with.
pub const SIZE_PREFIX: &str = "Standard_";

/// Why an embedded table can be read without a fault path.
const SOUND: &str = "the embedded tables are checked by a test over all regions";

/// An Azure region with prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Name as Azure's tools take it, `koreacentral`.
    pub name: String,
    /// Name for people, `Korea Central`.
    pub display_name: String,
    /// Availability zones; 0 where the region has none or none are recorded.
    pub zones: u32,
    /// Day of most of its on-demand prices.
    pub on_demand_date: Date,
}

/// A catalog that cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// NP1101: no such region, or no prices for it.
    #[error("the catalog has no prices for region `{region}`")]
    UnknownRegion {
        /// As asked.
        region: String,
        /// Names that come close, nearest first.
        nearest: Vec<String>,
    },
}

impl CatalogError {
    /// Its code, explained in docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownRegion { .. } => "NP1101",
        }
    }
}

/// Day of the newest price in the catalog.
#[must_use]
pub fn date() -> Date {
    Date::parse(DATE).expect(SOUND)
}

/// Every region with prices, sorted by name.
#[must_use]
pub fn regions() -> Vec<Region> {
    body(REGIONS)
        .map(|line| {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().expect(SOUND);
            Region {
                name: cell().to_owned(),
                display_name: cell().to_owned(),
                zones: cell().parse().expect(SOUND),
                on_demand_date: Date::parse(cell()).expect(SOUND),
            }
        })
        .collect()
}

/// The sizes with their rates in `region`; sizes that cannot be used there are counted by
/// reason.
///
/// # Errors
/// A region without prices; the nearest names are given.
pub fn catalog(region: &str) -> Result<Catalog, CatalogError> {
    let Some(on_demand) = on_demand_of(region) else {
        let known = regions();
        let names = known.iter().map(|region| region.name.as_str());
        return Err(CatalogError::UnknownRegion {
            region: region.to_owned(),
            nearest: nearest(region, names, 3),
        });
    };
    let quotes = quotes_of(region);
    let ratios = ratios();
    let mut skus = Vec::new();
    let mut left = [0_u32; REASONS.len()];
    for line in body(SIZES) {
        let facts = Facts::of(line);
        match sku_of(&facts, &on_demand, &quotes, &ratios) {
            Ok(sku) => skus.push(sku),
            Err(reason) => left[reason as usize] += 1,
        }
    }
    let unusable = REASONS
        .iter()
        .zip(left)
        .filter(|(_, skus)| *skus > 0)
        .map(|(reason, skus)| Exclusion { reason: (*reason).to_owned(), skus })
        .collect();
    skus.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Catalog {
        date: date(),
        region: region.to_owned(),
        currency: CURRENCY.to_owned(),
        skus,
        unusable,
    })
}

/// Full names of every size known anywhere, sorted.
#[must_use]
pub fn size_names() -> Vec<String> {
    let sizes = body(SIZES).map(|line| format!("{SIZE_PREFIX}{}", Facts::of(line).size));
    let mut names: Vec<String> = sizes.collect();
    names.sort();
    names
}

/// Why the size of that full name cannot be used in `region`, as [`Catalog::unusable`] words
/// it; `None` where it can, or where size or region are unknown.
#[must_use]
pub fn unusable_because(region: &str, name: &str) -> Option<&'static str> {
    let on_demand = on_demand_of(region)?;
    let size = name.strip_prefix(SIZE_PREFIX)?;
    let mut facts = body(SIZES).map(Facts::of);
    let facts = facts.find(|facts| facts.size == size)?;
    let none = BTreeMap::new();
    match sku_of(&facts, &on_demand, &none, &none) {
        Ok(_) => None,
        Err(lacks) => Some(REASONS[lacks as usize]),
    }
}

/// Up to `count` of `names` that `word` may have meant, nearest first: those within a third of
/// its length in edits, letter case ignored, or that contain it.
#[must_use]
pub fn nearest<'a>(
    word: &str,
    names: impl IntoIterator<Item = &'a str>,
    count: usize,
) -> Vec<String> {
    // Longer words are no name of anything, and comparing them would take long.
    let word: Vec<char> = word.to_ascii_lowercase().chars().take(64).collect();
    if word.is_empty() {
        return Vec::new();
    }
    let text: String = word.iter().collect();
    let mut found: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let lower = name.to_ascii_lowercase();
            let letters: Vec<char> = lower.chars().collect();
            let (most, holds) = (word.len().div_ceil(3), lower.contains(&text));
            // The edits are no fewer than the letters by which the lengths differ.
            if !holds && letters.len().abs_diff(word.len()) > most {
                return None;
            }
            let edits = edit_distance(&word, &letters);
            (holds || edits <= most).then_some((edits, name))
        })
        .collect();
    found.sort_unstable();
    found.truncate(count);
    found.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
/// (optimal string alignment).
fn edit_distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let differ = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j - 1] + differ).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Why a known size is of no use in a region, in the order in which it is asked.
const REASONS: [&str; 4] =
    ["no price in the region", "vCPUs unknown", "memory unknown", "architecture unknown"];

/// What a size lacks: index into [`REASONS`].
#[derive(Clone, Copy)]
enum Lacks {
    Price,
    Vcpus,
    Memory,
    Arch,
}

/// One line of the size table, cells as written; empty = unknown.
struct Facts<'a> {
    size: &'a str,
    family: &'a str,
    vcpus: &'a str,
    memory_mib: &'a str,
    gpus: &'a str,
    arch: &'a str,
    credits_per_hour: &'a str,
    constrained: &'a str,
    max_data_disks: &'a str,
    retires: &'a str,
    spot: &'a str,
}

impl<'a> Facts<'a> {
    fn of(line: &'a str) -> Self {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().expect(SOUND);
        Self {
            size: cell(),
            family: cell(),
            vcpus: cell(),
            memory_mib: cell(),
            gpus: cell(),
            arch: cell(),
            credits_per_hour: cell(),
            constrained: cell(),
            max_data_disks: cell(),
            retires: cell(),
            spot: cell(),
        }
    }
}

/// Spot, one- and three-year reservation, one-year savings plan; empty = not recorded.
type Quotes<'a> = [&'a str; 4];

fn sku_of(
    facts: &Facts<'_>,
    on_demand: &BTreeMap<&str, &str>,
    quotes: &BTreeMap<&str, Quotes<'_>>,
    ratios: &BTreeMap<&str, Quotes<'_>>,
) -> Result<Sku, Lacks> {
    let rate = on_demand.get(facts.size).ok_or(Lacks::Price)?;
    let on_demand = UsdPerHour(billionths(rate).expect(SOUND));
    let vcpus = known(facts.vcpus).ok_or(Lacks::Vcpus)?;
    let memory_mib: u64 = known(facts.memory_mib).ok_or(Lacks::Memory)?;
    let arch = match facts.arch {
        "amd64" => Arch::Amd64,
        "arm64" => Arch::Arm64,
        _ => return Err(Lacks::Arch),
    };
    let none = [""; 4];
    let quoted = quotes.get(facts.size).unwrap_or(&none);
    let ratio = ratios.get(facts.family).unwrap_or(&none);
    let rate = |kind: usize| quoted_rate(on_demand, quoted[kind], ratio[kind]);
    let sells_spot = facts.spot != "0" || !quoted[0].is_empty();
    Ok(Sku {
        name: format!("{SIZE_PREFIX}{}", facts.size),
        family: facts.family.to_owned(),
        vcpus,
        memory: Bytes(memory_mib * MIB),
        gpus: known(facts.gpus).unwrap_or(0),
        arch,
        sustained: known::<u64>(facts.credits_per_hour)
            .map(|credits| MilliCpu(credits * 1000 / 60)),
        constrained: facts.constrained == "1",
        confidential: ["DC", "EC", "NCC"].iter().any(|series| facts.size.starts_with(series)),
        max_data_disks: known(facts.max_data_disks).unwrap_or(0),
        retires: (!facts.retires.is_empty()).then(|| Date::parse(facts.retires).expect(SOUND)),
        rates: Rates {
            on_demand,
            spot: rate(0).filter(|_| sells_spot),
            reserved_1y: rate(1),
            reserved_3y: rate(2),
            savings_plan_1y: rate(3),
        },
        measured: None,
    })
}

/// The recorded rate, else ratio × on demand rounded to the nearest billionth and marked.
fn quoted_rate(on_demand: UsdPerHour, recorded: &str, ratio: &str) -> Option<QuotedRate> {
    if let Some(rate) = billionths(recorded) {
        return Some(QuotedRate { rate: UsdPerHour(rate), estimated: false });
    }
    let product = u128::from(on_demand.0) * u128::from(billionths(ratio)?);
    let rate = (product + 500_000_000) / 1_000_000_000;
    Some(QuotedRate { rate: UsdPerHour(u64::try_from(rate).ok()?), estimated: true })
}

/// A number in a table; `None` where the cell is empty.
fn known<T: std::str::FromStr>(cell: &str) -> Option<T> {
    cell.parse().ok()
}

/// An exact decimal such as `0.0416` in billionths; `None` where it is none, has more than nine
/// decimals or does not fit.
#[must_use]
pub fn billionths(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let pointless = part.is_empty() && whole.len() < text.len();
    if whole.is_empty() || pointless || part.len() > 9 {
        return None;
    }
    let zeros = std::iter::repeat_n(b'0', 9 - part.len());
    of_digits(whole.bytes().chain(part.bytes()).chain(zeros))
}

/// The number that decimal digits write; `None` where one is none, or where it does not fit.
pub(crate) fn of_digits(mut digits: impl Iterator<Item = u8>) -> Option<u64> {
    digits.try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// The lines below the header.
fn body(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(1)
}

/// Size → on-demand price in `region`; `None` where the region has no column.
fn on_demand_of(region: &str) -> Option<BTreeMap<&'static str, &'static str>> {
    let header = ON_DEMAND.lines().next().expect(SOUND);
    let column = header.split('\t').skip(1).position(|name| name == region)?;
    let prices = body(ON_DEMAND).filter_map(|line| {
        let (size, prices) = line.split_once('\t').expect(SOUND);
        // By bytes: the row has a cell for every region.
        let price = prices.as_bytes().split(|&byte| byte == b'\t').nth(column).expect(SOUND);
        let price = std::str::from_utf8(price).expect(SOUND);
        (!price.is_empty()).then_some((size, price))
    });
    Some(prices.collect())
}

fn quotes_of(region: &str) -> BTreeMap<&'static str, Quotes<'static>> {
    body(QUOTES)
        .filter_map(|line| line.strip_prefix(region)?.strip_prefix('\t'))
        .map(keyed_quotes)
        .collect()
}

/// Family → ratios to on demand.
fn ratios() -> BTreeMap<&'static str, Quotes<'static>> {
    body(RATIOS).map(keyed_quotes).collect()
}

fn keyed_quotes(line: &str) -> (&str, Quotes<'_>) {
    let mut cells = line.split('\t');
    let mut cell = || cells.next().expect(SOUND);
    (cell(), [cell(), cell(), cell(), cell()])
}

#[cfg(test)]
mod tests;
