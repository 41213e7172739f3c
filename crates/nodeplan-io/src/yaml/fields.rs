//! Fields of a YAML mapping, read as values, each fault at its place.

use super::tree::{Node, Value};
use crate::catalog::nearest;
use crate::diagnostic::ImportError;
use crate::quantity::{self, QuantityError, clip};
use nodeplan_model::problem::Problem;
use nodeplan_model::units::{Bytes, MilliCpu, PerMille};

/// Collects the faults of a document.
#[derive(Default)]
pub(super) struct Reader {
    /// Faults so far.
    pub errors: Vec<ImportError>,
}

/// The known fields of one mapping; null counts as absent.
pub(super) struct Fields<'n> {
    /// The mapping.
    pub node: &'n Node,
    entries: Vec<(&'n str, &'n Node)>,
}

impl<'n> Fields<'n> {
    /// A field's value.
    pub fn get(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

impl Reader {
    /// Notes a fault.
    pub fn fault(&mut self, fault: ImportError) {
        self.errors.push(fault);
    }

    /// The fields of a mapping; unknown and repeated ones are faults.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<Fields<'n>> {
        let mut entries: Vec<(&str, &Node)> = Vec::new();
        for (name, key, value) in self.entries(node, what)? {
            if !known.contains(&name) {
                let message = format!("`{}` is no field of {what}", clip(name));
                let fault = ImportError::new("NP1051", key.place.clone(), message);
                let fault = fault.expected(known.join(", "));
                let near = nearest(name, known.iter().copied(), 1);
                self.fault(match near.first() {
                    Some(near) => fault.help(format!("write {near}")),
                    None => fault,
                });
            } else if !matches!(value.value, Value::Null) {
                entries.push((name, value));
            }
        }
        Some(Fields { node, entries })
    }

    /// The entries of a mapping with their keys; repeated ones are faults.
    pub fn entries<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
    ) -> Option<Vec<(&'n str, &'n Node, &'n Node)>> {
        let Value::Map(all) = &node.value else {
            self.wrong_kind(node, what, "fields, one per line: `name: value`");
            return None;
        };
        let mut entries: Vec<(&str, &Node, &Node)> = Vec::new();
        for (key, value) in all {
            let Some(name) = self.text(key, "a field's name") else { continue };
            if entries.iter().any(|(seen, _, _)| *seen == name) {
                let message = format!("`{}` appears twice", clip(name));
                self.fault(ImportError::new("NP1053", key.place.clone(), message));
            } else {
                entries.push((name, key, value));
            }
        }
        Some(entries)
    }

    /// A field that must be there.
    pub fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        what: &str,
    ) -> Option<&'n Node> {
        let found = fields.get(name);
        if found.is_none() {
            let message = format!("{what} has no `{name}`");
            self.fault(ImportError::new("NP1054", fields.node.place.clone(), message));
        }
        found
    }

    /// Notes a value of the wrong kind.
    pub fn wrong_kind(&mut self, node: &Node, what: &str, expected: &str) {
        let kind = match node.value {
            Value::Null => "empty",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        };
        let message = format!("{what} is {kind}");
        let fault = ImportError::new("NP1052", node.place.clone(), message);
        self.fault(fault.expected(expected));
    }

    /// Notes a value out of range or unreadable.
    pub fn wrong_value(
        &mut self,
        node: &Node,
        message: String,
        expected: &str,
        help: Option<String>,
    ) {
        let fault = ImportError::new("NP1055", node.place.clone(), message).expected(expected);
        self.fault(match help {
            Some(help) => fault.help(help),
            None => fault,
        });
    }

    /// A scalar.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        if let Value::Text(text) = &node.value {
            return Some(text.trim());
        }
        self.wrong_kind(node, what, "a single value");
        None
    }

    /// A list of scalars; one scalar may hold several with commas between.
    pub fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(&'n Node, &'n str)> {
        match &node.value {
            Value::Text(text) => text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| (node, part))
                .collect(),
            Value::List(items) => items
                .iter()
                .filter_map(|item| self.text(item, what).map(|text| (item, text)))
                .collect(),
            _ => {
                self.wrong_kind(node, what, "a list such as [a, b]");
                Vec::new()
            }
        }
    }

    /// The items of a list.
    pub fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if let Value::List(items) = &node.value {
            return items;
        }
        self.wrong_kind(node, what, "a list, each item behind `-`");
        &[]
    }

    /// One of some names.
    pub fn choice<T: Copy>(
        &mut self,
        node: &Node,
        text: &str,
        what: &str,
        values: &[(&str, T)],
    ) -> Option<T> {
        if let Some((_, value)) = values.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
        let message = format!("`{}` is no value of {what}", clip(text));
        let fault =
            ImportError::new("NP1016", node.place.clone(), message).expected(names.join(", "));
        let near = nearest(text, names.iter().copied(), 1);
        self.fault(match near.first() {
            Some(near) => fault.help(format!("write {near}")),
            None => fault,
        });
        None
    }

    /// A scalar that some function reads.
    pub fn amount<T>(
        &mut self,
        node: &Node,
        code: &'static str,
        (what, wanted, expected): (&str, &str, &str),
        read: impl Fn(&str) -> Result<T, QuantityError>,
    ) -> Option<T> {
        let text = self.text(node, what)?;
        match read(text) {
            Ok(amount) => Some(amount),
            Err(fault) => {
                let message = format!("{what} `{}` is not {wanted}: {fault}", clip(text));
                let error = ImportError::new(code, node.place.clone(), message).expected(expected);
                self.fault(match fault.help() {
                    Some(help) => error.help(help),
                    None => error,
                });
                None
            }
        }
    }

    /// A CPU quantity.
    pub fn cpu(&mut self, node: &Node, what: &str) -> Option<MilliCpu> {
        let words = (what, "a Kubernetes CPU quantity", "cores such as 500m, 0.5 or 2");
        self.amount(node, "NP1002", words, |text| {
            quantity::cpu(text).and_then(|cpu| within(cpu.0).map(MilliCpu))
        })
    }

    /// A memory quantity.
    pub fn memory(&mut self, node: &Node, what: &str) -> Option<Bytes> {
        let words = (what, "a Kubernetes memory quantity", "bytes such as 512Mi, 1.5Gi or 129M");
        self.amount(node, "NP1003", words, |text| {
            quantity::memory(text).and_then(|size| within(size.0).map(Bytes))
        })
    }

    /// A factor or percentage.
    pub fn factor(&mut self, node: &Node, what: &str) -> Option<PerMille> {
        let words =
            (what, "a factor or percentage", "a factor such as 1.5 or a percentage such as 15%");
        self.amount(node, "NP1021", words, quantity::factor)
    }

    /// A whole number in a range.
    pub fn count(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u64> {
        let expected = format!("a whole number from {least} to {most}");
        let words = (what, "a whole number", expected.as_str());
        let count = self.amount(node, "NP1006", words, quantity::count)?;
        if (least..=most).contains(&count) {
            return Some(count);
        }
        self.wrong_value(node, format!("{what} is {count}"), &expected, None);
        None
    }

    /// A whole number in a range that fits 32 bits.
    pub fn small(&mut self, node: &Node, what: &str, least: u32, most: u32) -> Option<u32> {
        let count = self.count(node, what, u64::from(least), u64::from(most))?;
        u32::try_from(count).ok()
    }

    /// Yes or no.
    pub fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        let text = self.text(node, what)?;
        let values = [("yes", true), ("no", false), ("true", true), ("false", false)];
        self.choice(node, text, what, &values)
    }
}

fn within(amount: u64) -> Result<u64, QuantityError> {
    if amount <= Problem::MAX_AMOUNT { Ok(amount) } else { Err(QuantityError::TooLarge) }
}
