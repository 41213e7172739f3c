//! Failures as people read them: code, place with a caret, what was expected, one fix.

use nodeplan::io::diagnostic::{ImportError, Place, Warning};
use nodeplan::report::visible;

/// Most faults, or warnings, shown of one file.
pub const SHOWN: usize = 20;

/// Why a command ends without its result.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// What to say.
    pub faults: Vec<Fault>,
    /// What to say last.
    pub last: Option<String>,
}

/// One fault.
#[derive(Debug)]
pub struct Fault {
    /// Code, may be empty.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Option<Place>,
    /// What was expected.
    pub expected: Option<String>,
    /// One fix.
    pub help: Option<String>,
}

impl Failure {
    /// A failure of one sentence.
    pub fn new(code: u8, fault: &str, message: impl Into<String>) -> Self {
        let fault = Fault {
            code: fault.to_owned(),
            message: message.into(),
            place: None,
            expected: None,
            help: None,
        };
        Self { code, faults: vec![fault], last: None }
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(crate::INVALID, "", message)
    }

    /// With one fix.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(fault) = self.faults.last_mut() {
            fault.help = Some(help.into());
        }
        self
    }

    /// All that is wrong with an input.
    pub fn input(errors: Vec<ImportError>) -> Self {
        let count = errors.len();
        let faults = errors.into_iter().map(Fault::from).collect();
        let plural = if count == 1 { "" } else { "s" };
        Self {
            code: crate::INVALID,
            faults,
            last: Some(format!("{count} error{plural}, nothing solved.")),
        }
    }

    /// The text for standard error.
    pub fn text(&self, color: bool) -> String {
        let mut text = String::new();
        for fault in self.faults.iter().take(SHOWN) {
            fault.write(&mut text, "error", "31", color);
        }
        if self.faults.len() > SHOWN {
            text.push_str(&format!("… and {} more.\n", self.faults.len() - SHOWN));
        }
        if let Some(last) = &self.last {
            text.push_str(last);
            text.push('\n');
        }
        text
    }
}

/// A warning for standard error.
pub fn warning(one: &Warning, color: bool) -> String {
    let mut text = String::new();
    Fault::from(one.clone()).write(&mut text, "warning", "33", color);
    text
}

impl From<ImportError> for Fault {
    fn from(error: ImportError) -> Self {
        Self {
            code: error.code.to_owned(),
            message: error.message,
            place: Some(error.place),
            expected: error.expected,
            help: error.help,
        }
    }
}

impl From<Warning> for Fault {
    fn from(warning: Warning) -> Self {
        Self {
            code: warning.code.to_owned(),
            message: warning.message,
            place: Some(warning.place),
            expected: warning.expected,
            help: warning.help,
        }
    }
}

impl From<nodeplan::Error> for Failure {
    fn from(error: nodeplan::Error) -> Self {
        let code = match &error {
            nodeplan::Error::Unverified(_) => crate::FAILED,
            nodeplan::Error::Solve(nodeplan::solve::SolveError::Lp { .. }) => crate::FAILED,
            _ => crate::INVALID,
        };
        let fault = |code: &str, message: String| Fault {
            code: code.to_owned(),
            message,
            place: None,
            expected: None,
            help: None,
        };
        let faults = match &error {
            nodeplan::Error::Problem(all) => {
                all.iter().map(|one| fault(one.code(), one.to_string())).collect()
            }
            nodeplan::Error::Simulate(all) => {
                all.iter().map(|one| fault(one.code(), one.to_string())).collect()
            }
            _ => vec![fault(error.code(), error.to_string())],
        };
        Self { code, faults, last: None }
    }
}

impl Fault {
    fn write(&self, text: &mut String, severity: &str, paint: &str, color: bool) {
        let code = if self.code.is_empty() { String::new() } else { format!("[{}]", self.code) };
        let head = format!("{severity}{code}");
        let head = if color { format!("\u{1b}[1;{paint}m{head}\u{1b}[0m") } else { head };
        text.push_str(&format!("{head}: {}\n", visible(&self.message)));
        let mut indent = 2;
        if let Some(place) = &self.place {
            indent = write_place(text, place);
        }
        let pad = " ".repeat(indent);
        if let Some(expected) = &self.expected {
            text.push_str(&format!("{pad} = expected: {}\n", visible(expected)));
        }
        if let Some(help) = &self.help {
            text.push_str(&format!("{pad} = help: {}\n", visible(help)));
        }
    }
}

/// Most characters of a line shown around the place.
const CONTEXT: usize = 60;

/// Writes the place and its line with a caret; returns the width of the margin.
fn write_place(text: &mut String, place: &Place) -> usize {
    let number = place.line.to_string();
    let margin = number.len();
    let mut at = visible(&place.source_name);
    if place.line > 0 {
        at.push_str(&format!(":{}", place.line));
    }
    if place.column > 0 {
        at.push_str(&format!(":{}", place.column));
    }
    text.push_str(&format!("{} +- {at}\n", " ".repeat(margin)));
    if place.line == 0 || place.source_line.is_empty() {
        return margin;
    }
    let column = (place.column as usize).saturating_sub(1);
    let from = column.saturating_sub(CONTEXT);
    let until = column.saturating_add(place.span as usize).saturating_add(CONTEXT);
    let chars: Vec<char> = place.source_line.chars().collect();
    let until = until.min(chars.len());
    let shown = |range: &[char]| visible(&range.iter().collect::<String>());
    let part = chars.get(from.min(until)..until).unwrap_or_default();
    let lead = if from > 0 { "…" } else { "" };
    let tail = if until < chars.len() { "…" } else { "" };
    text.push_str(&format!("{number} | {lead}{}{tail}\n", shown(part)));
    if place.column > 0 {
        let before = chars.get(from.min(until)..column.min(until)).unwrap_or_default();
        let width = shown(before).chars().count() + lead.chars().count();
        let marked = chars.get(column.min(until)..(column + place.span as usize).min(until));
        let length = marked.map_or(1, |marked| shown(marked).chars().count()).max(1);
        text.push_str(&format!(
            "{} | {}{}\n",
            " ".repeat(margin),
            " ".repeat(width),
            "^".repeat(length)
        ));
    }
    margin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_under_the_cell() {
        let place = Place {
            source_name: "w.csv".into(),
            line: 17,
            column: 17,
            span: 5,
            source_line: "payments,6,500m,512MB,prod".into(),
        };
        let error = ImportError::new("NP1003", place, "`MB` is no suffix").help("write 512M");
        let want = "error[NP1003]: `MB` is no suffix\n   +- w.csv:17:17\n17 | payments,6,500m,512MB,prod\n   |                 ^^^^^\n   = help: write 512M\n1 error, nothing solved.\n";
        assert_eq!(Failure::input(vec![error]).text(false), want);
    }

    #[test]
    fn at_most_twenty_faults_are_shown_and_all_counted() {
        let faults = vec![ImportError::new("NP1007", Place::whole("w.csv"), "odd"); 23];
        let text = Failure::input(faults).text(false);
        assert_eq!(text.matches("error[NP1007]").count(), 20);
        assert!(text.ends_with("… and 3 more.\n23 errors, nothing solved.\n"), "{text}");
    }
}
