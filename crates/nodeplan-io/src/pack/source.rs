//! A text cut into lines and words that remember their place, and the faults found in it.

use crate::diagnostic::{ImportError, ImportErrors, Place};
use nodeplan_model::problem::Problem;

/// A file under reading.
pub(super) struct Source<'a> {
    name: &'a str,
    text: &'a str,
    faults: ImportErrors,
}

/// A line that holds more than blanks.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub number: u32,
    pub text: &'a str,
}

/// A cell or number with its place.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    pub line: Line<'a>,
    /// Byte offset of `text` in the line.
    at: usize,
}

impl<'a> Line<'a> {
    /// Words between blanks.
    pub fn words(self) -> Vec<Word<'a>> {
        let at = |word: &str| word.as_ptr() as usize - self.text.as_ptr() as usize;
        self.text.split_whitespace().map(|text| Word { text, line: self, at: at(text) }).collect()
    }

    /// Cells between commas, blanks and plain quotes around them dropped.
    pub fn cells(self) -> Vec<Word<'a>> {
        let mut start = 0;
        self.text
            .split(',')
            .map(|cell| {
                let lead = cell.len() - cell.trim_start().len();
                let mut word = Word { text: cell.trim(), line: self, at: start + lead };
                start += cell.len() + 1;
                if let Some(inner) =
                    word.text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
                {
                    word.text = inner;
                    word.at += 1;
                }
                word
            })
            .collect()
    }
}

/// Some published triplets were made as the rest of two other items, and fall below zero.
const BELOW_ZERO: &str = "an item below zero would give room back to its bin, which no pod does to \
                          its node; such an instance is not solved";

impl<'a> Source<'a> {
    /// Takes the bytes as UTF-8; a byte-order mark is dropped.
    pub fn new(name: &'a str, bytes: &'a [u8]) -> Result<Self, ImportErrors> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self {
                name,
                text: text.strip_prefix('\u{feff}').unwrap_or(text),
                faults: Vec::new(),
            }),
            Err(error) => {
                let good = &bytes[..error.valid_up_to()];
                let breaks = good.iter().filter(|byte| **byte == b'\n').count();
                let place = Place {
                    line: u32::try_from(breaks + 1).unwrap_or(u32::MAX),
                    ..Place::whole(name)
                };
                Err(vec![ImportError::new("NP1001", place, "the file is not UTF-8 text")])
            }
        }
    }

    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Lines that hold more than blanks.
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> + use<'a> {
        self.text
            .lines()
            .zip(1_u32..)
            .map(|(text, number)| Line { number, text })
            .filter(|line| !line.text.trim().is_empty())
    }

    /// Reports the whole file.
    pub fn fault(&mut self, code: &'static str, message: impl Into<String>) -> &mut ImportError {
        self.push(ImportError::new(code, Place::whole(self.name), message))
    }

    /// Reports a line.
    pub fn fault_in(
        &mut self,
        line: Line<'_>,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut ImportError {
        let place = Place {
            line: line.number,
            source_line: line.text.to_owned(),
            ..Place::whole(self.name)
        };
        self.push(ImportError::new(code, place, message))
    }

    /// Reports a word.
    pub fn fault_at(
        &mut self,
        word: Word<'_>,
        code: &'static str,
        message: impl Into<String>,
    ) -> &mut ImportError {
        let chars = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let before = word.line.text.get(..word.at).unwrap_or_default();
        let place = Place {
            source_name: self.name.to_owned(),
            line: word.line.number,
            column: chars(before).saturating_add(1),
            span: chars(word.text),
            source_line: word.line.text.to_owned(),
        };
        self.push(ImportError::new(code, place, message))
    }

    fn push(&mut self, fault: ImportError) -> &mut ImportError {
        self.faults.push(fault);
        self.faults.last_mut().expect("a fault was pushed just now")
    }

    /// A whole number from 0 to `most`; reports anything else.
    pub fn number(&mut self, word: Word<'_>, what: &str, most: u64) -> Option<u64> {
        if word.text.is_empty() {
            self.fault_at(word, "NP1005", format!("{what} is empty"));
            return None;
        }
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(word.text) {
            let below = word.text.strip_prefix('-').is_some_and(digits);
            let wrong = if below { "below zero" } else { "not a whole number" };
            let message = format!("`{}` is {wrong}", word.text);
            let fault = self.fault_at(word, "NP1006", message);
            fault.expected = Some(format!("{what}, a whole number of at least 0"));
            if below {
                fault.help = Some(BELOW_ZERO.to_owned());
            }
            return None;
        }
        match word.text.parse().ok().filter(|number| *number <= most) {
            Some(number) => Some(number),
            None => {
                let message = format!("{what} is {}, above the limit {most}", word.text);
                self.fault_at(word, "NP1020", message);
                None
            }
        }
    }

    /// An amount of a resource, in units of `unit`.
    pub fn amount(&mut self, word: Word<'_>, what: &str, unit: u64) -> Option<u64> {
        let number = self.number(word, what, Problem::MAX_AMOUNT / unit)?;
        number.checked_mul(unit)
    }

    /// The faults, in order of place, if there are any.
    pub fn finish(mut self) -> Result<(), ImportErrors> {
        if self.faults.is_empty() {
            return Ok(());
        }
        self.faults.sort();
        Err(self.faults)
    }
}
