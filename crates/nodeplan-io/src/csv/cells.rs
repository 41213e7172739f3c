//! Cells of one row, read as values, each fault at its place.

use super::columns::{Column, Header};
use super::table::Cell;
use crate::diagnostic::{ImportError, Warning};
use crate::quantity::{self, QuantityError, clip};
use crate::source::Source;
use nodeplan_model::problem::Problem;
use nodeplan_model::units::{Bytes, MilliCpu};
use std::borrow::Cow;

/// A cell with something in it.
#[derive(Clone, Debug)]
pub(super) struct Text<'a> {
    /// Value.
    pub value: Cow<'a, str>,
    cell: Cell,
}

/// Where faults and warnings go.
#[derive(Default)]
pub(super) struct Faults {
    /// Faults.
    pub errors: Vec<ImportError>,
    /// Warnings.
    pub warnings: Vec<Warning>,
}

/// One row.
pub(super) struct Row<'r, 'a> {
    source: &'r Source<'a>,
    header: &'r Header,
    cells: &'r [Cell],
}

impl<'r, 'a> Row<'r, 'a> {
    /// A row of cells under a header.
    pub fn new(source: &'r Source<'a>, header: &'r Header, cells: &'r [Cell]) -> Self {
        Self { source, header, cells }
    }

    /// What stands in a column, if anything.
    pub fn text(&self, column: Column) -> Option<Text<'a>> {
        let cell = *self.cells.get(self.header.index(column)?)?;
        (!cell.is_empty()).then(|| Text { value: cell.value(self.source), cell })
    }

    /// Whether the file has a column.
    pub fn has(&self, column: Column) -> bool {
        self.header.has(column)
    }

    /// Line of the row's first cell.
    pub fn line(&self) -> u32 {
        self.cells.first().map_or(0, |cell| self.source.line(cell.start))
    }

    /// A fault at a cell.
    pub fn fault(&self, code: &'static str, at: &Text<'_>, message: String) -> ImportError {
        ImportError::new(code, self.source.place(at.cell.start, at.cell.end), message)
    }

    /// A fault at a column's cell even where that is empty, at the row where the file lacks it.
    pub fn fault_in(&self, code: &'static str, column: Column, message: String) -> ImportError {
        let index = self.header.index(column).unwrap_or(0);
        let (start, end) = self.cells.get(index).map_or((0, 0), |cell| (cell.start, cell.end));
        ImportError::new(code, self.source.place(start, end), message)
    }

    fn amount<T>(
        &self,
        column: Column,
        faults: &mut Faults,
        code: &'static str,
        wanted: (&str, &str),
        read: impl Fn(&str) -> Result<T, QuantityError>,
    ) -> Option<T> {
        let text = self.text(column)?;
        match read(&text.value) {
            Ok(amount) => Some(amount),
            Err(QuantityError::TooLarge) => {
                faults.errors.push(self.too_large(column, &text, &Problem::MAX_AMOUNT.to_string()));
                None
            }
            Err(fault) => {
                let message = format!("`{}` is not {}: {fault}", clip(&text.value), wanted.0);
                let error = self.fault(code, &text, message).expected(wanted.1);
                faults.errors.push(match fault.help() {
                    Some(help) => error.help(help),
                    None => error,
                });
                None
            }
        }
    }

    fn too_large(&self, column: Column, text: &Text<'_>, most: &str) -> ImportError {
        let message = format!("{} `{}` is too large", column.name(), clip(&text.value));
        self.fault("NP1020", text, message).expected(format!("at most {most}"))
    }

    /// A CPU quantity.
    pub fn cpu(&self, column: Column, faults: &mut Faults) -> Option<MilliCpu> {
        let wanted = ("a Kubernetes CPU quantity", "cores such as 500m, 0.5 or 2");
        self.amount(column, faults, "NP1002", wanted, |text| {
            quantity::cpu(text).and_then(|cpu| within(cpu.0, Problem::MAX_AMOUNT).map(MilliCpu))
        })
    }

    /// A memory quantity.
    pub fn memory(&self, column: Column, faults: &mut Faults) -> Option<Bytes> {
        let wanted = ("a Kubernetes memory quantity", "bytes such as 512Mi, 1.5Gi or 129M");
        let bytes = self.amount(column, faults, "NP1003", wanted, |text| {
            quantity::memory(text).and_then(|size| within(size.0, Problem::MAX_AMOUNT).map(Bytes))
        })?;
        if let Some(text) = self.text(column)
            && quantity::in_parts_of_a_byte(&text.value)
            && bytes.0 > 0
        {
            let message = format!(
                "{} `{}` is in parts of a byte: {bytes} {} in all",
                column.name(),
                clip(&text.value),
                if bytes.0 == 1 { "byte" } else { "bytes" }
            );
            let number = text.value.trim_end_matches(['m', 'u', 'n']).to_owned();
            let fault = self.fault("NP1033", &text, message);
            faults
                .warnings
                .push(fault.help(format!("write {number}Mi if mebibytes are meant")).into());
        }
        Some(bytes)
    }

    /// A whole number from `least` to `most`.
    pub fn count(&self, column: Column, least: u64, most: u64, faults: &mut Faults) -> Option<u64> {
        let text = self.text(column)?;
        let message = match quantity::count(&text.value) {
            Ok(count) if (least..=most).contains(&count) => return Some(count),
            Ok(count) if count < least => format!("{} is {count}", column.name()),
            Ok(_) | Err(QuantityError::TooLarge) => {
                faults.errors.push(self.too_large(column, &text, &most.to_string()));
                return None;
            }
            Err(QuantityError::NotWhole) => {
                format!("{} `{}` is not a whole number", column.name(), clip(&text.value))
            }
            Err(fault) => {
                format!("{} `{}` is not a whole number: {fault}", column.name(), clip(&text.value))
            }
        };
        let expected = format!("a whole number of at least {least}");
        faults.errors.push(self.fault("NP1006", &text, message).expected(expected));
        None
    }

    /// A percentage of at least 1.
    pub fn percent(&self, column: Column, faults: &mut Faults) -> Option<u32> {
        let text = self.text(column)?;
        match quantity::percent(&text.value) {
            Ok(percent) if (1..=100_000).contains(&percent) => return Some(percent),
            Err(QuantityError::NotWhole) => {
                let message =
                    format!("{} `{}` is not a whole percentage", column.name(), clip(&text.value));
                let fault =
                    self.fault("NP1021", &text, message).expected("a percentage such as 70%");
                faults.errors.push(fault.help("write 0.7 as 70%"));
            }
            _ => {
                let message = format!(
                    "{} `{}` is not a percentage from 1% on",
                    column.name(),
                    clip(&text.value)
                );
                let fault = self.fault("NP1021", &text, message);
                faults.errors.push(fault.expected("a percentage such as 70%"));
            }
        }
        None
    }

    /// One of some values.
    pub fn choice<T: Copy>(
        &self,
        column: Column,
        values: &[(&str, T)],
        faults: &mut Faults,
    ) -> Option<T> {
        let text = self.text(column)?;
        if let Some((_, value)) = values.iter().find(|(name, _)| *name == text.value) {
            return Some(*value);
        }
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let message = format!("`{}` is no value of {}", clip(&text.value), column.name());
        let fault = self.fault("NP1016", &text, message).expected(names.join(", "));
        let near = crate::catalog::nearest(&text.value, names.iter().copied(), 1);
        faults.errors.push(match near.first() {
            Some(near) => fault.help(format!("write {near}")),
            None => fault,
        });
        None
    }

    /// Yes or no.
    pub fn flag(&self, column: Column, faults: &mut Faults) -> Option<bool> {
        let text = self.text(column)?;
        match text.value.to_ascii_lowercase().as_str() {
            "yes" | "true" => Some(true),
            "no" | "false" => Some(false),
            _ => {
                let message = format!("`{}` is no value of {}", clip(&text.value), column.name());
                faults.errors.push(self.fault("NP1016", &text, message).expected("yes or no"));
                None
            }
        }
    }

    /// A name as Kubernetes has them (DNS-1123 label).
    pub fn label(&self, column: Column, faults: &mut Faults) -> Option<String> {
        let text = self.text(column)?;
        if is_dns_label(&text.value) {
            return Some(text.value.into_owned());
        }
        let message = format!("{} `{}` is not a Kubernetes name", column.name(), clip(&text.value));
        let fault = self
            .fault("NP1015", &text, message)
            .expected("at most 63 of a-z, 0-9 and -, first and last a letter or digit");
        faults.errors.push(if text.value.starts_with('#') {
            fault.help("comments are not read: remove the line")
        } else {
            match dns_label_like(&text.value) {
                Some(name) => fault.help(format!("write {name}")),
                None => fault,
            }
        });
        None
    }
}

fn within(amount: u64, most: u64) -> Result<u64, QuantityError> {
    if amount <= most { Ok(amount) } else { Err(QuantityError::TooLarge) }
}

/// Whether `text` is a DNS-1123 label.
pub(crate) fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.len() <= 63
        && bytes.iter().all(|byte| plain(byte) || *byte == b'-')
        && bytes.first().is_some_and(plain)
        && bytes.last().is_some_and(plain)
}

/// The nearest DNS-1123 label, if there is an obvious one.
fn dns_label_like(text: &str) -> Option<String> {
    let plain: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .take(63)
        .collect();
    let name = plain.trim_matches('-');
    is_dns_label(name).then(|| name.to_owned())
}
