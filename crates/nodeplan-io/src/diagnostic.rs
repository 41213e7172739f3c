//! Faults in input, each with its place: what every reader of this crate returns.
//!
//! Readers never stop at the first fault; they return all of them, in order of place. The
//! codes are listed once, in [`CODES`], and explained in docs/errors.md. Drawing a caret under
//! the place is the CLI's work; [`std::fmt::Display`] gives one plain line.

use std::fmt;

/// Where in an input something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the file or stream.
    pub source_name: String,
    /// Line, counted from 1; 0 where the whole input is meant.
    pub line: u32,
    /// Column in characters, counted from 1; 0 where the whole line is meant.
    pub column: u32,
    /// Length in characters; 0 where a point is meant.
    pub span: u32,
    /// Text of that line, for the caret.
    pub source_line: String,
}

impl Place {
    /// The whole of an input.
    #[must_use]
    pub fn whole(source_name: &str) -> Self {
        Self { source_name: source_name.to_owned(), ..Self::default() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source_name)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
            if self.column > 0 {
                write!(f, ":{}", self.column)?;
            }
        }
        Ok(())
    }
}

/// A fault that makes an input unusable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{code}: {place}: {message}")]
pub struct ImportError {
    /// Where.
    pub place: Place,
    /// Code, one of [`CODES`].
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What was expected there, where that helps.
    pub expected: Option<String>,
    /// One fix.
    pub help: Option<String>,
}

/// Every fault of an input, in order of place.
pub type ImportErrors = Vec<ImportError>;

/// Something odd in an input that can still be used. Same shape as [`ImportError`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// Code, one of [`CODES`].
    pub code: &'static str,
    /// What is odd.
    pub message: String,
    /// What was expected there, where that helps.
    pub expected: Option<String>,
    /// One fix.
    pub help: Option<String>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.code, self.place, self.message)
    }
}

impl ImportError {
    /// A fault with neither expectation nor help.
    #[must_use]
    pub fn new(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { place, code, message: message.into(), expected: None, help: None }
    }

    /// With what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// With one fix.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<ImportError> for Warning {
    fn from(fault: ImportError) -> Self {
        let ImportError { place, code, message, expected, help } = fault;
        Self { place, code, message, expected, help }
    }
}

/// Every `NP1xxx` code with its title. NP100x to NP104x: workload files; NP105x: YAML; NP11xx:
/// catalog; NP12xx: packing instances; NP13xx: plan documents; NP14xx: traffic, load and
/// scenarios; NP15xx: sweeps.
pub const CODES: &[(&str, &str)] = &[
    ("NP1001", "text is not UTF-8"),
    ("NP1002", "not a Kubernetes CPU quantity"),
    ("NP1003", "not a Kubernetes memory quantity"),
    ("NP1004", "a required column is missing"),
    ("NP1005", "a required cell is empty"),
    ("NP1006", "not a whole number"),
    ("NP1007", "replicas is missing"),
    ("NP1008", "min_replicas is above max_replicas"),
    ("NP1009", "a row has the wrong number of cells"),
    ("NP1010", "the file has no rows"),
    ("NP1011", "a column appears twice"),
    ("NP1012", "another spelling of a known column"),
    ("NP1013", "a workload appears twice"),
    ("NP1014", "a request is above its limit"),
    ("NP1015", "not a Kubernetes name"),
    ("NP1016", "not one of the known values"),
    ("NP1017", "a rule that is not enforced"),
    ("NP1018", "not a list of key=value pairs"),
    ("NP1019", "cells are not separated by commas"),
    ("NP1020", "an amount is too large"),
    ("NP1021", "not a percentage"),
    ("NP1022", "a quote is not closed"),
    ("NP1023", "two cells contradict each other"),
    ("NP1030", "unknown column"),
    ("NP1031", "declared QoS class differs from the real one"),
    ("NP1032", "replicas outside min_replicas and max_replicas"),
    ("NP1033", "memory in thousandths of a byte"),
    ("NP1034", "a cell has no effect"),
    ("NP1050", "not valid YAML"),
    ("NP1051", "unknown field"),
    ("NP1052", "a value of the wrong kind"),
    ("NP1053", "a field appears twice"),
    ("NP1054", "a required field is missing"),
    ("NP1055", "a value out of range"),
    ("NP1101", "no prices for the region"),
    ("NP1201", "a packing file has no complete header"),
    ("NP1202", "more or fewer rows than the header promises"),
    ("NP1203", "an unknown column in a packing file"),
    ("NP1204", "a size appears twice"),
    ("NP1205", "not a rate"),
    ("NP1206", "a limit of zero"),
    ("NP1301", "not a plan document"),
    ("NP1302", "a plan document of another version"),
    ("NP1303", "a plan document that contradicts itself"),
    ("NP1401", "a traffic file without its columns"),
    ("NP1402", "traffic without a step"),
    ("NP1403", "not a time"),
    ("NP1404", "a row of traffic out of step"),
    ("NP1405", "not a count or rate"),
    ("NP1406", "a gap in traffic"),
    ("NP1410", "not a length of time"),
    ("NP1411", "not a number"),
    ("NP1412", "arrivals that cannot be read"),
    ("NP1413", "settings that contradict each other"),
    ("NP1420", "no workload of that name"),
    ("NP1421", "no traffic of that name"),
    ("NP1422", "no pool of that name"),
    ("NP1423", "traffic that reaches nobody"),
    ("NP1501", "a path of `vary` that leads nowhere"),
    ("NP1502", "too many cells"),
    ("NP1503", "not a file of a sweep"),
    ("NP1504", "cells of another sweep"),
    ("NP1505", "two lines for one cell that differ"),
    ("NP1506", "cells are missing"),
    ("NP1507", "a file that a ConfigMap cannot hold"),
    ("NP4001", "a scenario of another shape"),
    ("NP4002", "calls that go in a circle"),
    ("NP4003", "a run that is too large"),
    ("NP4004", "a length that does not fit"),
    ("NP4005", "an index that leads nowhere"),
];

/// Title of a code.
#[must_use]
pub fn title(code: &str) -> Option<&'static str> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, title)| *title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_distinct_and_in_range() {
        for pair in CODES.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
        for (code, title) in CODES {
            let known = code.starts_with("NP1") || code.starts_with("NP4");
            assert!(known && code.len() == 6, "{code}");
            assert!(!title.is_empty(), "{code}");
        }
    }

    #[test]
    fn a_fault_prints_as_one_line() {
        let place = Place { line: 17, column: 31, span: 2, ..Place::whole("workloads.csv") };
        for (place, want) in [
            (place, "NP1003: workloads.csv:17:31: odd"),
            (Place { line: 4, ..Place::whole("a.csv") }, "NP1003: a.csv:4: odd"),
            (Place::whole("a.csv"), "NP1003: a.csv: odd"),
        ] {
            assert_eq!(ImportError::new("NP1003", place, "odd").to_string(), want);
        }
    }
}
