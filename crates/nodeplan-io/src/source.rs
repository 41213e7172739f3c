//! A text with a name, and the places in it.

use crate::diagnostic::{ImportError, Place};
use std::borrow::Cow;

/// Most characters of a line that a [`Place`] repeats.
const LINE_SHOWN: usize = 400;

/// A named text that knows its lines. Lines end in `\n`, `\r\n` or a lone `\r`.
pub(crate) struct Source<'a> {
    /// Name of the file or stream.
    pub name: &'a str,
    /// The text, without byte order mark.
    pub text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Source<'a> {
    /// Finds the lines.
    pub fn new(name: &'a str, text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')) {
                starts.push(at + 1);
            }
        }
        Self { name, text, starts }
    }

    /// Line of a byte offset, counted from 1.
    pub fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.starts.partition_point(|&start| start <= offset)).unwrap_or(u32::MAX)
    }

    /// The place of `start..end` (bytes); what lies beyond the line's end is cut off.
    pub fn place(&self, start: usize, end: usize) -> Place {
        let line = self.line(start);
        let index = (line as usize).saturating_sub(1);
        let from = self.starts.get(index).copied().unwrap_or(0);
        let to = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        let whole = self.text.get(from..to).unwrap_or("").trim_end_matches(['\r', '\n']);
        let within = start.saturating_sub(from).min(whole.len());
        let last = end.saturating_sub(from).clamp(within, whole.len());
        let characters =
            |range: std::ops::Range<usize>| whole.get(range).map_or(0, |text| text.chars().count());
        Place {
            source_name: self.name.to_owned(),
            line,
            column: u32::try_from(characters(0..within)).unwrap_or(u32::MAX - 1) + 1,
            span: u32::try_from(characters(within..last)).unwrap_or(u32::MAX),
            source_line: match whole.len() {
                ..=LINE_SHOWN => whole.to_owned(),
                _ => whole.chars().take(LINE_SHOWN).collect(),
            },
        }
    }

    /// The place of a line (from 1) and column (in characters, from 1).
    pub fn at(&self, line: u32, column: u32, span: u32) -> Place {
        let start = self.starts.get((line as usize).saturating_sub(1));
        let start = start.copied().unwrap_or(self.text.len());
        Place { column, span, ..self.place(start, start) }
    }
}

/// Text of an input: its byte order mark taken off, bytes that are no UTF-8 replaced and
/// reported (the first of each line), so that the rest can still be checked.
///
/// # Errors
/// Where it is UTF-16.
pub(crate) fn decode<'a>(
    name: &str,
    bytes: &'a [u8],
) -> Result<(Cow<'a, str>, Vec<ImportError>), Vec<ImportError>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let fault = ImportError::new("NP1001", Place::whole(name), "the file is UTF-16");
        return Err(vec![fault.expected("UTF-8").help("save it as UTF-8 (Excel: `CSV UTF-8`)")]);
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok((Cow::Borrowed(text), Vec::new()));
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    let mut bad = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if let Some(&first) = chunk.invalid().first() {
            bad.push((text.len(), first));
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    let source = Source::new(name, &text);
    let mut faults: Vec<ImportError> = Vec::new();
    let mut last = 0;
    for (offset, byte) in bad {
        let line = source.line(offset);
        if line != last {
            let place = source.place(offset, offset + char::REPLACEMENT_CHARACTER.len_utf8());
            let message = format!("byte 0x{byte:02x} is not UTF-8");
            faults.push(ImportError::new("NP1001", place, message).help("save the file as UTF-8"));
            last = line;
        }
    }
    Ok((Cow::Owned(text), faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_every_kind_of_line_end() {
        let source = Source::new("t", "añb\r\nc\rdef\n\n");
        for (start, end, line, column, span, text) in [
            (0, 1, 1, 1, 1, "añb"),
            (3, 4, 1, 3, 1, "añb"),
            (6, 7, 2, 1, 1, "c"),
            (9, 99, 3, 2, 2, "def"),
            (12, 12, 4, 1, 0, ""),
            (13, 13, 5, 1, 0, ""),
        ] {
            let place = source.place(start, end);
            let got = (place.line, place.column, place.span, place.source_line.as_str());
            assert_eq!(got, (line, column, span, text), "{start}..{end}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_placed() {
        let (text, faults) = decode("t", b"\xef\xbb\xbfok\na\xffb\xfe\nc\xc3").expect("UTF-8");
        assert_eq!(text, "ok\na\u{fffd}b\u{fffd}\nc\u{fffd}");
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["NP1001: t:2:2: byte 0xff is not UTF-8", "NP1001: t:3:2: byte 0xc3 is not UTF-8"]
        );
        assert!(decode("t", b"\xff\xfea\0").is_err());
    }
}
