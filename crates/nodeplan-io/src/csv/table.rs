//! Comma-separated cells with their places (RFC 4180, any line end, blanks around cells cut).

use crate::diagnostic::ImportError;
use crate::source::Source;
use std::borrow::Cow;

/// One cell: where its content stands, without quotes and surrounding blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// Contains doubled quotes.
    doubled: bool,
}

impl Cell {
    /// Its value.
    pub fn value<'a>(self, source: &Source<'a>) -> Cow<'a, str> {
        let raw = source.text.get(self.start..self.end).unwrap_or("");
        if self.doubled { Cow::Owned(raw.replace("\"\"", "\"")) } else { Cow::Borrowed(raw) }
    }

    /// Whether nothing stands in it.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// What [`Rows::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A row with something in it.
    Row,
    /// A row whose quotes are wrong; reported.
    Broken,
    /// The end.
    End,
}

/// Goes through the rows of a source.
pub(super) struct Rows<'s, 'a> {
    source: &'s Source<'a>,
    at: usize,
}

impl<'s, 'a> Rows<'s, 'a> {
    /// From the top.
    pub fn new(source: &'s Source<'a>) -> Self {
        Self { source, at: 0 }
    }

    /// Reads the next row that is not blank into `cells`.
    pub fn next(&mut self, cells: &mut Vec<Cell>, faults: &mut Vec<ImportError>) -> Found {
        while self.at < self.source.text.len() {
            cells.clear();
            let sound = self.row(cells, faults);
            if !sound {
                return Found::Broken;
            }
            if cells.iter().any(|cell| !cell.is_empty()) {
                return Found::Row;
            }
        }
        Found::End
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.source.text.as_bytes().get(at).copied()
    }

    /// Reads one row and its line end; false where a quote is wrong.
    fn row(&mut self, cells: &mut Vec<Cell>, faults: &mut Vec<ImportError>) -> bool {
        let mut sound = true;
        loop {
            while matches!(self.byte(self.at), Some(b' ' | b'\t')) {
                self.at += 1;
            }
            if self.byte(self.at) == Some(b'"') {
                sound &= self.quoted(cells, faults);
            } else {
                let start = self.at;
                let end = self.skip_to_end_of_cell();
                cells.push(self.trimmed(start, end, false));
            }
            match self.byte(self.at) {
                Some(b',') => self.at += 1,
                Some(b'\r') if self.byte(self.at + 1) == Some(b'\n') => {
                    self.at += 2;
                    return sound;
                }
                Some(_) => {
                    self.at += 1;
                    return sound;
                }
                None => return sound,
            }
        }
    }

    /// Goes to the next comma or line end and returns that place.
    fn skip_to_end_of_cell(&mut self) -> usize {
        while !matches!(self.byte(self.at), None | Some(b',' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.at
    }

    fn trimmed(&self, start: usize, end: usize, doubled: bool) -> Cell {
        let raw = self.source.text.get(start..end).unwrap_or("");
        let cut = raw.len() - raw.trim_start().len();
        let kept = raw.trim().len();
        Cell { start: start + cut, end: start + cut + kept, doubled }
    }

    /// Reads a quoted cell; a quote left open ends with its line, so that the lines behind it
    /// are still checked.
    fn quoted(&mut self, cells: &mut Vec<Cell>, faults: &mut Vec<ImportError>) -> bool {
        let open = self.at;
        let mut doubled = false;
        let mut at = open + 1;
        let close = loop {
            match self.byte(at) {
                Some(b'"') if self.byte(at + 1) == Some(b'"') => {
                    doubled = true;
                    at += 2;
                }
                Some(b'"') => break Some(at),
                Some(_) => at += 1,
                None => break None,
            }
        };
        let Some(close) = close else {
            let place = self.source.place(open, open + 1);
            faults.push(
                ImportError::new("NP1022", place, "the quote is not closed")
                    .help("close it with `\"`; write a quote inside a quoted cell as `\"\"`"),
            );
            while !matches!(self.byte(self.at), None | Some(b'\n' | b'\r')) {
                self.at += 1;
            }
            return false;
        };
        cells.push(self.trimmed(open + 1, close, doubled));
        self.at = close + 1;
        let behind = self.at;
        let end = self.skip_to_end_of_cell();
        let rest = self.trimmed(behind, end, false);
        if !rest.is_empty() {
            let place = self.source.place(rest.start, rest.end);
            faults.push(
                ImportError::new("NP1022", place, "text stands behind a closing quote")
                    .expected("a comma or the end of the line")
                    .help("write a quote inside a quoted cell as `\"\"`"),
            );
        }
        rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> (Vec<Vec<String>>, Vec<String>) {
        let source = Source::new("t", text);
        let mut rows = Rows::new(&source);
        let (mut cells, mut faults, mut all) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match rows.next(&mut cells, &mut faults) {
                Found::End => break,
                Found::Broken => all.push(vec!["broken".to_owned()]),
                Found::Row => {
                    all.push(cells.iter().map(|cell| cell.value(&source).into_owned()).collect());
                }
            }
        }
        (all, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn cells_split_as_spreadsheets_write_them() {
        let cases: [(&str, &[&[&str]]); 8] = [
            ("a,b\nc,d\n", &[&["a", "b"], &["c", "d"]]),
            ("a,b\r\nc,d", &[&["a", "b"], &["c", "d"]]),
            ("a\rb", &[&["a"], &["b"]]),
            ("a,\n\n , \n,,\nb,", &[&["a", ""], &["b", ""]]),
            ("\"a,b\", \"c\"\"d\" ,e", &[&["a,b", "c\"d", "e"]]),
            ("\"two\nlines\",x\ny,z", &[&["two\nlines", "x"], &["y", "z"]]),
            ("a\"b,c", &[&["a\"b", "c"]]),
            ("", &[]),
        ];
        for (text, want) in cases {
            let (got, faults) = rows(text);
            assert_eq!(got, want, "{text:?}");
            assert!(faults.is_empty(), "{text:?} {faults:?}");
        }
    }

    #[test]
    fn wrong_quotes_are_placed_and_reading_goes_on() {
        let (got, faults) = rows("a,\"b\" c,d\ne\nf,\"g\nh\n");
        assert_eq!(got, [vec!["broken"], vec!["e"], vec!["broken"], vec!["h"]]);
        assert_eq!(
            faults,
            [
                "NP1022: t:1:7: text stands behind a closing quote",
                "NP1022: t:3:3: the quote is not closed"
            ]
        );
    }
}
