//! Lengths of time, shares and rates as fields hold them, and names that are looked up later.

use super::fields::{Fields, Reader};
use super::tree::Node;
use crate::diagnostic::{ImportError, Place};
use crate::quantity::{self, clip};
use crate::time;
use nodeplan_model::scenario::Amount;

/// A name of something in another file, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// As written.
    pub name: String,
    /// Where.
    pub place: Place,
}

/// Most pods or nodes that a number may mean.
const MOST_COUNT: u32 = 1_000_000;
/// Longest length of time in milliseconds: ten years.
const LONGEST_MILLIS: u64 = 10 * 366 * 86_400_000;

impl Reader {
    /// A name with its place.
    pub fn named(&mut self, node: &Node, what: &str) -> Option<Named> {
        let name = self.text(node, what)?.to_owned();
        Some(Named { name, place: node.place.clone() })
    }

    /// A length of time in microseconds.
    pub fn micros(&mut self, node: &Node, what: &str) -> Option<u64> {
        let words = (what, "a length of time", "a number with a unit: 250ms, 40s, 10m, 2h, 7d");
        let micros = self.amount(node, "NP1410", words, time::micros)?;
        if micros <= LONGEST_MILLIS * 1000 {
            return Some(micros);
        }
        self.wrong_value(node, format!("{what} is too long"), "at most 3660d", None);
        None
    }

    /// A length of time in milliseconds, rounded up.
    pub fn millis(&mut self, node: &Node, what: &str) -> Option<u64> {
        self.micros(node, what).map(|micros| micros.div_ceil(1000))
    }

    /// A field that is a length of time in milliseconds.
    pub fn millis_of(&mut self, fields: &Fields<'_>, name: &str) -> Option<u64> {
        fields.get(name).and_then(|node| self.millis(node, name))
    }

    /// A field that is a length of time in whole seconds, rounded up.
    pub fn seconds_of(&mut self, fields: &Fields<'_>, name: &str) -> Option<u32> {
        let millis = self.millis_of(fields, name)?;
        u32::try_from(millis.div_ceil(1000)).ok()
    }

    /// A number × 10^places, at most `most` after that.
    pub fn scaled(&mut self, node: &Node, what: &str, places: u8, most: u64) -> Option<u64> {
        let words = (what, "a number", "a number such as 1.5, or a percentage such as 60%");
        let value = self.amount(node, "NP1411", words, |text| quantity::scaled(text, places))?;
        if value <= most {
            return Some(value);
        }
        let text = format!("{what} is more than it can be");
        let limit = most / 10_u64.pow(places.into());
        self.wrong_value(node, text, &format!("at most {limit}"), None);
        None
    }

    /// A field that is a factor in parts per million.
    pub fn ppm_of(&mut self, fields: &Fields<'_>, name: &str, most: u64) -> Option<u64> {
        fields.get(name).and_then(|node| self.scaled(node, name, 6, most))
    }

    /// A field that is a whole number.
    pub fn small_of(&mut self, fields: &Fields<'_>, name: &str, most: u32) -> Option<u32> {
        fields.get(name).and_then(|node| self.small(node, name, 0, most))
    }

    /// A whole number that may be below zero.
    pub fn signed(&mut self, node: &Node, what: &str, least: i32, most: i32) -> Option<i32> {
        let text = self.text(node, what)?;
        let found = text.parse().ok().filter(|number| (least..=most).contains(number));
        if found.is_none() {
            let expected = format!("a whole number from {least} to {most}");
            self.wrong_value(node, format!("{what} is {}", quoted(text)), &expected, None);
        }
        found
    }

    /// So many, or so many in a hundred with a `%`.
    pub fn share(&mut self, node: &Node, what: &str, most_percent: u32) -> Option<Amount> {
        let text = self.text(node, what)?;
        let found = if text.ends_with('%') {
            let percent = quantity::percent(text).ok();
            percent.filter(|percent| *percent <= most_percent).map(Amount::Percent)
        } else {
            let count = quantity::count(text).ok().and_then(|count| u32::try_from(count).ok());
            count.filter(|count| *count <= MOST_COUNT).map(Amount::Count)
        };
        if found.is_none() {
            let expected = format!(
                "a whole number up to {MOST_COUNT}, or a whole percentage up to {most_percent}%"
            );
            self.wrong_value(node, format!("{what} is {}", quoted(text)), &expected, None);
        }
        found
    }

    /// A field that is so many, or so many in a hundred.
    pub fn share_of(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        most_percent: u32,
    ) -> Option<Amount> {
        fields.get(name).and_then(|node| self.share(node, name, most_percent))
    }

    /// A field that says yes or no.
    pub fn flag_of(&mut self, fields: &Fields<'_>, name: &str) -> Option<bool> {
        fields.get(name).and_then(|node| self.flag(node, name))
    }

    /// Notes two settings that cannot both hold.
    pub fn clash(&mut self, node: &Node, message: impl Into<String>, help: &str) {
        let fault = ImportError::new("NP1413", node.place.clone(), message);
        self.fault(fault.help(help));
    }

    /// The entries of a mapping by name: `name: {…}`.
    pub fn by_name<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(Named, &'n Node)> {
        let entries = self.entries(node, what).unwrap_or_default();
        entries
            .into_iter()
            .map(|(name, key, value)| {
                (Named { name: name.to_owned(), place: key.place.clone() }, value)
            })
            .collect()
    }
}

/// A text of a message.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", clip(text))
}
