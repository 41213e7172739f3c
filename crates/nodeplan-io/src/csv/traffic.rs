//! Traffic: a column of time, and one or more columns of counts or rates.
//!
//! Rows stand in equal steps; the step is the commonest distance between two rows, and every
//! row must lie on its grid. Rows and cells may be missing: gaps are filled as asked.

use super::table::{Cell, Found, Rows};
use crate::diagnostic::ImportError;
use crate::quantity::clip;
use crate::source::{Source, decode};
use crate::time::{Moment, moment};
use nodeplan_model::scenario::{MILLION, Series};
use std::collections::BTreeMap;

/// What a number of a traffic file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Arrivals within the step that begins at the row's time.
    #[default]
    Count,
    /// Arrivals a second.
    Rate,
}

/// What stands where a row or cell is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// The line between the neighbours; at an end the nearest number.
    #[default]
    Linear,
    /// The number before; at the beginning the first one.
    Hold,
    /// Zero.
    Zero,
    /// A fault.
    Error,
}

/// How to read a traffic file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficOptions {
    /// What its numbers are.
    pub unit: Unit,
    /// What stands in its gaps.
    pub gaps: Gaps,
}

/// A traffic file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// One series per column, in order of columns.
    pub series: Vec<Series>,
    /// Time of the first row, where the file says it.
    pub start: Option<Moment>,
    /// Numbers that were missing and filled in.
    pub filled: u64,
}

/// Longest series.
const MOST_STEPS: u64 = 20_000_000;
/// Largest number: a thousand million a second.
const MOST: u64 = 1_000_000_000 * MILLION;
/// A number that is missing.
const MISSING: u64 = u64::MAX;
/// `timestamp_s` from here on are seconds since 1970.
const UNIX_SECONDS: i64 = 100_000_000;

/// Reads a traffic file.
///
/// # Errors
/// Every fault of the file, in order of place.
pub fn traffic_csv(
    name: &str,
    text: &[u8],
    options: TrafficOptions,
) -> Result<Traffic, Vec<ImportError>> {
    let (text, mut faults) = decode(name, text)?;
    let source = Source::new(name, &text);
    let table = read(&source, options, &mut faults);
    let step = table.as_ref().and_then(|table| step_of(&source, table, options, &mut faults));
    match (table, step) {
        (Some(table), Some(step)) if faults.is_empty() => Ok(finish(table, step, options)),
        _ => {
            faults.sort();
            Err(faults)
        }
    }
}

/// Columns of a file.
struct Header {
    width: usize,
    time: usize,
    /// Whether times are RFC 3339.
    dated: bool,
    /// Place and name of each column of numbers.
    columns: Vec<(usize, String)>,
}

/// Rows of a file.
struct Table {
    header: Header,
    /// Milliseconds, and where they stand.
    times: Vec<(i64, Cell)>,
    offset_seconds: i32,
    /// Millionths, per column.
    values: Vec<Vec<u64>>,
}

fn fault(source: &Source<'_>, code: &'static str, cell: Cell, message: String) -> ImportError {
    ImportError::new(code, source.place(cell.start, cell.end), message)
}

fn read(
    source: &Source<'_>,
    options: TrafficOptions,
    faults: &mut Vec<ImportError>,
) -> Option<Table> {
    let mut rows = Rows::new(source);
    let mut cells = Vec::new();
    let header = match rows.next(&mut cells, faults) {
        Found::End => {
            let place = crate::diagnostic::Place::whole(source.name);
            faults.push(
                ImportError::new("NP1010", place, "the file is empty")
                    .expected("a header such as timestamp_s,requests"),
            );
            return None;
        }
        Found::Broken => return None,
        Found::Row => header(source, &cells, faults)?,
    };
    let columns = header.columns.len();
    let mut table =
        Table { header, times: Vec::new(), offset_seconds: 0, values: vec![Vec::new(); columns] };
    loop {
        match rows.next(&mut cells, faults) {
            Found::End => return Some(table),
            Found::Broken => {}
            Found::Row => row(source, &cells, options, &mut table, faults),
        }
    }
}

/// Finds the column of time and those of numbers.
fn header(source: &Source<'_>, cells: &[Cell], faults: &mut Vec<ImportError>) -> Option<Header> {
    let names: Vec<String> = cells.iter().map(|cell| cell.value(source).into_owned()).collect();
    let width = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    let time = names.iter().position(|name| matches!(name.as_str(), "timestamp_s" | "timestamp"));
    let before = faults.len();
    let Some(time) = time else {
        let message = "no column `timestamp_s` or `timestamp`".to_owned();
        let near = crate::catalog::nearest(&names[0], ["timestamp_s", "timestamp"], 1);
        let error = fault(source, "NP1401", cells[0], message)
            .expected("timestamp_s (seconds) or timestamp (RFC 3339), then columns of numbers");
        faults.push(match near.first() {
            Some(near) => error.help(format!("write {near}")),
            None => error,
        });
        return None;
    };
    let mut columns: Vec<(usize, String)> = Vec::new();
    for (at, name) in names.iter().enumerate().take(width).filter(|(at, _)| *at != time) {
        if name.is_empty() {
            faults.push(fault(source, "NP1401", cells[at], "a column has no name".to_owned()));
        } else if *name == names[time] || columns.iter().any(|(_, seen)| seen == name) {
            let message = format!("column `{}` appears twice", clip(name));
            faults.push(fault(source, "NP1011", cells[at], message));
        } else {
            columns.push((at, name.clone()));
        }
    }
    if columns.is_empty() && faults.len() == before {
        let message = "no column of numbers stands beside the time".to_owned();
        faults.push(
            fault(source, "NP1401", cells[time], message)
                .expected("a column of counts or rates such as requests"),
        );
    }
    let dated = names[time] == "timestamp";
    (faults.len() == before).then_some(Header { width, time, dated, columns })
}

/// Reads one row into the table.
fn row(
    source: &Source<'_>,
    cells: &[Cell],
    options: TrafficOptions,
    table: &mut Table,
    faults: &mut Vec<ImportError>,
) {
    let header = &table.header;
    let extra = cells.iter().skip(header.width).find(|cell| !cell.is_empty());
    if cells.len() < header.width || extra.is_some() {
        let place = match extra {
            Some(cell) => source.place(cell.start, cell.end),
            None => source.place(cells[0].start, cells[cells.len() - 1].end),
        };
        let (has, wants) = (cells.len(), header.width);
        let message = format!("the row has {has} cells, the header {wants} columns");
        faults.push(ImportError::new("NP1009", place, message));
        return;
    }
    let at = cells[header.time];
    let text = at.value(source);
    let time = if header.dated {
        moment(&text).map(|moment| {
            if table.times.is_empty() {
                table.offset_seconds = moment.offset_seconds;
            }
            moment.unix_millis
        })
    } else {
        decimal(&text, 3).ok().and_then(|millis| i64::try_from(millis).ok())
    };
    let before = faults.len();
    match time {
        None => {
            let message = format!("`{}` is no time", clip(&text));
            let expected = if header.dated {
                "RFC 3339, such as 2026-11-23T08:30:00Z"
            } else {
                "seconds, such as 0, 60, 120"
            };
            faults.push(fault(source, "NP1403", at, message).expected(expected));
        }
        Some(time) => match table.times.last() {
            Some((last, _)) if *last >= time => {
                let message = format!("time `{}` does not come after the row before", clip(&text));
                faults.push(
                    fault(source, "NP1404", at, message).help("sort the rows; give each time once"),
                );
            }
            _ => table.times.push((time, at)),
        },
    }
    let sound = faults.len() == before;
    for ((at, name), values) in table.header.columns.iter().zip(&mut table.values) {
        let cell = cells[*at];
        let value = number(source, cell, name, options.gaps, faults);
        if sound {
            values.push(value);
        }
    }
}

/// A number in millionths, or what stands for a missing one.
fn number(
    source: &Source<'_>,
    cell: Cell,
    column: &str,
    gaps: Gaps,
    faults: &mut Vec<ImportError>,
) -> u64 {
    if cell.is_empty() {
        if gaps == Gaps::Error {
            let message = format!("{} is missing", clip(column));
            faults.push(
                fault(source, "NP1406", cell, message).help("fill it in, or use --gaps linear"),
            );
        }
        return MISSING;
    }
    let text = cell.value(source);
    match decimal(&text, 6) {
        Ok(value) => value,
        Err(why) => {
            let message = format!("{} `{}` {why}", clip(column), clip(&text));
            let code = if why == TOO_LARGE { "NP1020" } else { "NP1405" };
            let error = fault(source, code, cell, message);
            faults.push(error.expected("a number from 0 on, or nothing where it is not known"));
            MISSING
        }
    }
}

const TOO_LARGE: &str = "is too large";

/// A number × 10^places, rounded half up.
fn decimal(text: &str, places: u32) -> Result<u64, &'static str> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
        return match text.parse::<f64>() {
            Ok(value) if value.is_nan() => Err("is no number"),
            Ok(value) if value < 0.0 => Err("is below zero"),
            Ok(value) if value * 10_f64.powi(places as i32) < MOST as f64 => {
                Ok((value * 10_f64.powi(places as i32)).round() as u64)
            }
            Ok(_) => Err(TOO_LARGE),
            Err(_) => Err("is no number"),
        };
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > 15 {
        return Err(TOO_LARGE);
    }
    let mut kept = fraction.bytes();
    let shown = (0..places).map(|_| kept.next().unwrap_or(b'0'));
    let value = crate::catalog::of_digits(whole.bytes().chain(shown));
    let up = u64::from(kept.next().is_some_and(|byte| byte >= b'5'));
    value.and_then(|value| value.checked_add(up)).filter(|value| *value <= MOST).ok_or(TOO_LARGE)
}

/// The length of a step in milliseconds, every row on its grid.
fn step_of(
    source: &Source<'_>,
    table: &Table,
    options: TrafficOptions,
    faults: &mut Vec<ImportError>,
) -> Option<u64> {
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for pair in table.times.windows(2) {
        *counts.entry(pair[1].0.saturating_sub(pair[0].0)).or_default() += 1;
    }
    let common = counts.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
    let Some((&step, _)) = common else {
        if faults.is_empty() {
            let place = crate::diagnostic::Place::whole(source.name);
            let message = "the file has fewer than two rows, so the length of a step is not known";
            faults.push(ImportError::new("NP1402", place, message));
        }
        return None;
    };
    let first = table.times[0].0;
    for pair in table.times.windows(2) {
        let ((before, _), (time, cell)) = (pair[0], pair[1]);
        if time.saturating_sub(first) % step != 0 {
            let message =
                format!("the time is off the grid: rows stand {} s apart", step as f64 / 1000.0);
            faults.push(
                fault(source, "NP1404", cell, message)
                    .help("give every row in the same step; leave out the rows that are missing"),
            );
        } else if options.gaps == Gaps::Error && time.saturating_sub(before) > step {
            let missing = time.saturating_sub(before) / step - 1;
            let message = format!("{missing} rows are missing before this one");
            faults.push(
                fault(source, "NP1406", cell, message).help("fill them in, or use --gaps linear"),
            );
        }
    }
    for ((_, name), values) in table.header.columns.iter().zip(&table.values) {
        if faults.is_empty() && values.iter().all(|value| *value == MISSING) {
            let message = format!("column `{}` holds no number", clip(name));
            let place = crate::diagnostic::Place::whole(source.name);
            faults.push(ImportError::new("NP1406", place, message));
        }
    }
    let last = table.times.last().map_or(first, |(time, _)| *time);
    let steps = last.saturating_sub(first) / step;
    if u64::try_from(steps).is_ok_and(|steps| steps >= MOST_STEPS) {
        let place = crate::diagnostic::Place::whole(source.name);
        let message = format!("the rows span {steps} steps");
        let error = ImportError::new("NP1020", place, message);
        faults.push(error.expected(format!("at most {MOST_STEPS}")));
        return None;
    }
    u64::try_from(step).ok()
}

/// Lays rows on the grid, fills gaps, turns counts into rates.
fn finish(table: Table, step: u64, options: TrafficOptions) -> Traffic {
    let first = table.times[0].0;
    let slot = |time: i64| (time.saturating_sub(first) as u64 / step) as usize;
    let length = table.times.last().map_or(0, |(time, _)| slot(*time)) + 1;
    let mut filled = 0;
    let mut series = Vec::with_capacity(table.values.len());
    for ((_, name), values) in table.header.columns.iter().zip(&table.values) {
        let mut line = vec![MISSING; length];
        for ((time, _), value) in table.times.iter().zip(values) {
            line[slot(*time)] = *value;
        }
        filled += fill(&mut line, options.gaps);
        if options.unit == Unit::Count {
            for value in &mut line {
                let scaled = u128::from(*value) * 1000 + u128::from(step / 2);
                *value = u64::try_from(scaled / u128::from(step)).unwrap_or(MOST).min(MOST);
            }
        }
        series.push(Series { name: name.clone(), step_millis: step, micro_per_second: line });
    }
    let known = table.header.dated || first / 1000 >= UNIX_SECONDS;
    let moment = Moment { unix_millis: first, offset_seconds: table.offset_seconds };
    Traffic { series, start: known.then_some(moment), filled }
}

/// Fills what is missing; how many that were.
fn fill(line: &mut [u64], gaps: Gaps) -> u64 {
    let mut filled = 0;
    let mut at = 0;
    while at < line.len() {
        if line[at] != MISSING {
            at += 1;
            continue;
        }
        let end = (at..line.len()).find(|&next| line[next] != MISSING).unwrap_or(line.len());
        let before = at.checked_sub(1).map(|before| line[before]);
        let after = line.get(end).copied();
        let span = (end - at + 1) as i128;
        for (place, value) in (1_i128..).zip(&mut line[at..end]) {
            *value = match (gaps, before, after) {
                (Gaps::Zero, ..) | (_, None, None) => 0,
                (Gaps::Hold, Some(one), _) | (_, Some(one), None) | (_, None, Some(one)) => one,
                (_, Some(from), Some(to)) => {
                    let (from, to) = (i128::from(from), i128::from(to));
                    u64::try_from(from + (to - from) * place / span).unwrap_or(0)
                }
            };
        }
        filled += (end - at) as u64;
        at = end;
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str, unit: Unit, gaps: Gaps) -> Result<Traffic, Vec<String>> {
        traffic_csv("t.csv", text.as_bytes(), TrafficOptions { unit, gaps })
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn counts_become_rates_and_rates_stay() {
        let text = "timestamp_s,requests,jobs\n0,60,0\n60,90.5,3\n120,0,1e1\n";
        let counts = read(text, Unit::Count, Gaps::Error).expect("reads");
        assert_eq!(counts.series[0].name, "requests");
        assert_eq!(counts.series[0].step_millis, 60_000);
        assert_eq!(counts.series[0].micro_per_second, [1_000_000, 1_508_333, 0]);
        assert_eq!(counts.series[1].micro_per_second, [0, 50_000, 166_667]);
        assert_eq!(counts.start, None);
        let rates = read(text, Unit::Rate, Gaps::Error).expect("reads");
        assert_eq!(rates.series[0].micro_per_second, [60_000_000, 90_500_000, 0]);
    }

    #[test]
    fn gaps_are_filled_as_asked() {
        let text = "timestamp_s,r\n60,\n120,10\n180,20\n360,80\n420,\n";
        for (gaps, want) in [
            (Gaps::Linear, [10, 10, 20, 40, 60, 80, 80]),
            (Gaps::Hold, [10, 10, 20, 20, 20, 80, 80]),
            (Gaps::Zero, [0, 10, 20, 0, 0, 80, 0]),
        ] {
            let traffic = read(text, Unit::Rate, gaps).expect("reads");
            let got: Vec<u64> =
                traffic.series[0].micro_per_second.iter().map(|rate| rate / MILLION).collect();
            assert_eq!(got, want, "{gaps:?}");
            assert_eq!(traffic.filled, 4);
        }
        let faults = read(text, Unit::Rate, Gaps::Error).expect_err("gaps");
        assert_eq!(
            faults,
            [
                "NP1406: t.csv:2:4: r is missing",
                "NP1406: t.csv:5:1: 2 rows are missing before this one",
                "NP1406: t.csv:6:5: r is missing",
            ]
        );
    }

    #[test]
    fn dates_tell_the_day_of_the_week() {
        let text = "timestamp,r\n2026-11-24T08:00:00+01:00,1\n2026-11-24T07:05:00Z,2\n";
        let traffic = read(text, Unit::Rate, Gaps::Error).expect("reads");
        assert_eq!(traffic.series[0].step_millis, 300_000);
        let start = traffic.start.expect("dated");
        assert_eq!(start.second_of_week(), 86_400 + 8 * 3600);
        let unix = read("timestamp_s,r\n1795503600,1\n1795503660,1\n", Unit::Rate, Gaps::Error);
        assert_eq!(unix.expect("reads").start.map(|at| at.unix_millis), Some(1_795_503_600_000));
    }

    #[test]
    fn every_fault_has_its_place() {
        for (text, want) in [
            ("", vec!["NP1010: t.csv: the file is empty"]),
            ("time,r\n0,1\n", vec!["NP1401: t.csv:1:1: no column `timestamp_s` or `timestamp`"]),
            (
                "timestamp_s\n0\n",
                vec!["NP1401: t.csv:1:1: no column of numbers stands beside the time"],
            ),
            ("timestamp_s,a,a\n", vec!["NP1011: t.csv:1:15: column `a` appears twice"]),
            (
                "timestamp_s,a\n0,1\n",
                vec![
                    "NP1402: t.csv: the file has fewer than two rows, so the length of a step is \
                     not known",
                ],
            ),
            (
                "timestamp_s,a\n0,x\n60,-1\n60,1\nnoon,2\n125,nan\n120,5,6\n240,1e300\n",
                vec![
                    "NP1020: t.csv:8:5: a `1e300` is too large",
                    "NP1403: t.csv:5:1: `noon` is no time",
                    "NP1404: t.csv:4:1: time `60` does not come after the row before",
                    "NP1404: t.csv:6:1: the time is off the grid: rows stand 60 s apart",
                    "NP1405: t.csv:2:3: a `x` is no number",
                    "NP1405: t.csv:3:4: a `-1` is below zero",
                    "NP1405: t.csv:6:5: a `nan` is no number",
                    "NP1009: t.csv:7:7: the row has 3 cells, the header 2 columns",
                ],
            ),
            ("timestamp_s,a\n0,\n60,\n", vec!["NP1406: t.csv: column `a` holds no number"]),
            (
                "timestamp_s,a\n0,1\n1,1\n2,1\n999999999,1\n",
                vec!["NP1020: t.csv: the rows span 999999999 steps"],
            ),
        ] {
            let mut got = read(text, Unit::Count, Gaps::Linear).expect_err(text);
            let mut want = want;
            got.sort();
            want.sort_unstable();
            assert_eq!(got, want, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_or_fails(text in "\\PC*") {
            let _ = read(&text, Unit::Count, Gaps::Linear);
            let _ = read(&format!("timestamp_s,a\n{text}"), Unit::Rate, Gaps::Hold);
        }

        #[test]
        fn numbers_agree_with_the_slow_way(whole in 0_u64..1_000_000, micro in 0_u64..1_000_000) {
            let text = format!("{whole}.{micro:06}");
            prop_assert_eq!(decimal(&text, 6), Ok(whole * MILLION + micro));
        }
    }
}
