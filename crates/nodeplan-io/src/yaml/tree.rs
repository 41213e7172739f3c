//! A YAML document as a tree in which every node knows its place and every scalar its text.
//!
//! Numbers keep their digits (`1.10`, `0.1`), because quantities are read exactly; which kind a
//! value must be is for the reader of the field to say.

use crate::diagnostic::{ImportError, Place};
use crate::source::Source;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, Spanned};
use std::fmt;

/// A value with its place.
#[derive(Clone)]
pub(super) struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Clone)]
pub(super) enum Value {
    /// Nothing.
    Null,
    /// A scalar, as written, without quotes.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, duplicate keys included.
    Map(Vec<(Node, Node)>),
}

/// The document of a source; nothing in it reads as null.
pub(super) fn parse(source: &Source<'_>) -> Result<Node, Vec<ImportError>> {
    let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::LastWins };
    let parsed: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(source.text, options);
    match parsed {
        Ok(raw) => Ok(node(source, raw)),
        Err(fault) => {
            let place = fault
                .location()
                .map_or_else(|| Place::whole(source.name), |location| place(source, location));
            let shown = fault.without_snippet().to_string();
            let message = shown.lines().next().unwrap_or("not YAML");
            let message = message.split(" at line ").next().unwrap_or(message);
            Err(vec![ImportError::new("NP1050", Place { span: 0, ..place }, message)])
        }
    }
}

fn place(source: &Source<'_>, location: Location) -> Place {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let span = small(location.span().len());
    let place = source.at(small(location.line()), small(location.column()), span);
    // A block is marked by its first character, a scalar of many lines by its first line.
    let rest =
        place.source_line.chars().count().saturating_sub(place.column.saturating_sub(1) as usize);
    Place { span: place.span.min(small(rest as u64)), ..place }
}

fn node(source: &Source<'_>, raw: Spanned<Raw>) -> Node {
    let place = place(source, raw.referenced);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Text(text) => Value::Text(text),
        Raw::Resolved(shown) => Value::Text(written(source, raw.defined).unwrap_or(shown)),
        Raw::List(items) => Value::List(items.into_iter().map(|item| node(source, item)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| (node(source, key), node(source, value)))
                .collect(),
        ),
    };
    Node { place, value }
}

/// The text of a plain scalar that YAML takes for a number or a truth value.
fn written(source: &Source<'_>, location: Location) -> Option<String> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let length = usize::try_from(location.span().byte_len()?).ok()?;
    let text = source.text.get(start..start.checked_add(length)?)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A value as the parser hands it over.
enum Raw {
    Null,
    Text(String),
    Resolved(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Resolved(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Resolved(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Resolved(value.to_string()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Resolved(value.to_string()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Resolved(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Resolved(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Raw, E> {
        Ok(Raw::Text(String::from_utf8_lossy(value).into_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Raw, D::Error> {
        inner.deserialize_any(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(Raw::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut all = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            all.push(entry);
        }
        Ok(Raw::Map(all))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(inner: D) -> Result<Self, D::Error> {
        inner.deserialize_any(RawVisitor)
    }
}
