//! Columns and rows in bulk, and the checks they pass before HiGHS sees them.

use crate::error::LpError;

/// Entries this small HiGHS would drop.
const SMALLEST_ENTRY: f64 = 1e-9;
/// Entries this large HiGHS would read as infinite.
const LARGEST_ENTRY: f64 = 1e15;
/// Finite costs and bounds this large HiGHS would read as infinite.
pub(crate) const LARGEST_FINITE: f64 = 1e20;

/// Columns to add to a model, in compressed form: entries of column `c` are
/// `starts[c]..starts[c + 1]`, the last column's go to the end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Objective coefficient of each column.
    pub cost: Vec<f64>,
    /// Lower bound of each column, maybe −∞.
    pub lower: Vec<f64>,
    /// Upper bound of each column, maybe +∞.
    pub upper: Vec<f64>,
    /// Where each column's entries begin.
    pub starts: Vec<i32>,
    /// Row of each entry.
    pub rows: Vec<i32>,
    /// Value of each entry.
    pub values: Vec<f64>,
}

impl Columns {
    /// Appends a column with entries `(row, value)`; zero values are left out.
    pub fn push(
        &mut self,
        cost: f64,
        lower: f64,
        upper: f64,
        entries: &[(usize, f64)],
    ) -> Result<(), LpError> {
        let start = append_entries(&mut self.rows, &mut self.values, "rows", entries)?;
        self.cost.push(cost);
        self.lower.push(lower);
        self.upper.push(upper);
        self.starts.push(start);
        Ok(())
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.cost.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.cost.is_empty()
    }

    /// Removes all columns and keeps the memory.
    pub fn clear(&mut self) {
        self.cost.clear();
        self.lower.clear();
        self.upper.clear();
        self.starts.clear();
        self.rows.clear();
        self.values.clear();
    }

    pub(crate) fn check(&self, row_count: usize) -> Result<(), LpError> {
        check_costs(&self.cost)?;
        check_len("column lower bounds", self.len(), self.lower.len())?;
        check_bounds("column bound", &self.lower, &self.upper)?;
        check_len("column starts", self.len(), self.starts.len())?;
        check_entries("row", &self.starts, &self.rows, &self.values, row_count)
    }
}

/// Rows to add to a model, in the compressed form of [`Columns`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Lower bound of each row, maybe −∞.
    pub lower: Vec<f64>,
    /// Upper bound of each row, maybe +∞.
    pub upper: Vec<f64>,
    /// Where each row's entries begin.
    pub starts: Vec<i32>,
    /// Column of each entry.
    pub columns: Vec<i32>,
    /// Value of each entry.
    pub values: Vec<f64>,
}

impl Rows {
    /// Appends a row with entries `(column, value)`; zero values are left out.
    pub fn push(
        &mut self,
        lower: f64,
        upper: f64,
        entries: &[(usize, f64)],
    ) -> Result<(), LpError> {
        let start = append_entries(&mut self.columns, &mut self.values, "columns", entries)?;
        self.lower.push(lower);
        self.upper.push(upper);
        self.starts.push(start);
        Ok(())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.lower.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.lower.is_empty()
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.lower.clear();
        self.upper.clear();
        self.starts.clear();
        self.columns.clear();
        self.values.clear();
    }

    pub(crate) fn check(&self, column_count: usize) -> Result<(), LpError> {
        check_bounds("row bound", &self.lower, &self.upper)?;
        check_len("row starts", self.len(), self.starts.len())?;
        check_entries("column", &self.starts, &self.columns, &self.values, column_count)
    }
}

pub(crate) fn to_i32(what: &'static str, count: usize) -> Result<i32, LpError> {
    i32::try_from(count).map_err(|_| LpError::TooLarge { what })
}

pub(crate) fn check_len(what: &'static str, expected: usize, found: usize) -> Result<(), LpError> {
    if expected == found { Ok(()) } else { Err(LpError::Shape { what, expected, found }) }
}

pub(crate) fn check_index(what: &'static str, index: usize, count: usize) -> Result<i32, LpError> {
    if index >= count {
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        return Err(LpError::UnknownIndex { what, index, count });
    }
    to_i32(what, index)
}

pub(crate) fn check_costs(costs: &[f64]) -> Result<(), LpError> {
    for (index, &value) in costs.iter().enumerate() {
        check_finite("cost", index, value)?;
    }
    Ok(())
}

/// `lower > upper` passes: it makes the model infeasible, and that is an answer.
pub(crate) fn check_bounds(
    what: &'static str,
    lower: &[f64],
    upper: &[f64],
) -> Result<(), LpError> {
    check_len(what, lower.len(), upper.len())?;
    for (index, (&low, &high)) in lower.iter().zip(upper).enumerate() {
        if low != f64::NEG_INFINITY {
            check_finite(what, index, low)?;
        }
        if high != f64::INFINITY {
            check_finite(what, index, high)?;
        }
    }
    Ok(())
}

pub(crate) fn check_finite(what: &'static str, index: usize, value: f64) -> Result<(), LpError> {
    if !value.is_finite() {
        return Err(LpError::NotFinite { what, index, value });
    }
    if value.abs() >= LARGEST_FINITE {
        return Err(LpError::OutOfRange { what, index, value });
    }
    Ok(())
}

fn append_entries(
    indices: &mut Vec<i32>,
    values: &mut Vec<f64>,
    what: &'static str,
    entries: &[(usize, f64)],
) -> Result<i32, LpError> {
    let start = to_i32("entries", indices.len())?;
    for &(index, _) in entries {
        to_i32(what, index)?;
    }
    for &(index, value) in entries {
        if value.abs() > 0.0 || value.is_nan() {
            indices.push(to_i32(what, index)?);
            values.push(value);
        }
    }
    Ok(start)
}

fn check_entries(
    what: &'static str,
    starts: &[i32],
    indices: &[i32],
    values: &[f64],
    count: usize,
) -> Result<(), LpError> {
    check_len("entry values", indices.len(), values.len())?;
    let entries = to_i32("entries", indices.len())?;
    let mut previous = 0;
    for (position, &start) in starts.iter().enumerate() {
        let lowest = if position == 0 { start } else { previous };
        if start < lowest || start < 0 || start > entries || (position == 0 && start != 0) {
            return Err(LpError::Shape {
                what: "entry start",
                expected: usize::try_from(previous).unwrap_or(0),
                found: usize::try_from(start).unwrap_or(0),
            });
        }
        previous = start;
    }
    if starts.is_empty() {
        check_len("entries", 0, indices.len())?;
    }
    for (position, (&index, &value)) in indices.iter().zip(values).enumerate() {
        if !usize::try_from(index).is_ok_and(|index| index < count) {
            let index = i64::from(index);
            return Err(LpError::UnknownIndex { what, index, count });
        }
        check_finite("matrix entry", position, value)?;
        if !(SMALLEST_ENTRY < value.abs() && value.abs() < LARGEST_ENTRY) {
            return Err(LpError::OutOfRange { what: "matrix entry", index: position, value });
        }
    }
    Ok(())
}
