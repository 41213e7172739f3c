//! Texts behind numbers: label keys and values, names of nodes and namespaces.

use std::collections::BTreeMap;

/// A text that [`Names`] knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol(pub u32);

impl Symbol {
    /// The empty text.
    pub const EMPTY: Self = Self(0);
    /// `kubernetes.io/hostname`.
    pub const HOSTNAME: Self = Self(1);
    /// `topology.kubernetes.io/zone`.
    pub const ZONE: Self = Self(2);
    /// `topology.kubernetes.io/region`.
    pub const REGION: Self = Self(3);
    /// `node.kubernetes.io/unschedulable`, the taint of a cordoned node.
    pub const UNSCHEDULABLE: Self = Self(4);
}

/// The texts of [`Symbol`]s, with the integer each spells, if any (for `Gt` and `Lt`).
#[derive(Clone, Debug)]
pub struct Names {
    texts: Vec<(String, Option<i64>)>,
    symbols: BTreeMap<String, Symbol>,
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Self { texts: Vec::new(), symbols: BTreeMap::new() };
        for text in [
            "",
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
            "topology.kubernetes.io/region",
            "node.kubernetes.io/unschedulable",
        ] {
            names.intern(text);
        }
        names
    }
}

impl Names {
    /// The symbol of a text, a new one if need be. Panics after 2^32 texts.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.symbols.get(text) {
            return *symbol;
        }
        let next = u32::try_from(self.texts.len()).expect("memory ends before 2^32 texts");
        self.texts.push((text.to_owned(), text.parse().ok()));
        self.symbols.insert(text.to_owned(), Symbol(next));
        Symbol(next)
    }

    /// The symbol of a text that is known.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.symbols.get(text).copied()
    }

    /// The text of a symbol.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        &self.texts[symbol.0 as usize].0
    }

    /// The integer that a symbol spells (Go's `strconv.ParseInt` in base ten).
    #[must_use]
    pub fn number(&self, symbol: Symbol) -> Option<i64> {
        self.texts[symbol.0 as usize].1
    }
}
