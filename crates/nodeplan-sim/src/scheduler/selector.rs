//! Label selectors (`apimachinery/pkg/labels`, `component-helpers/.../nodeaffinity`).

use super::{Names, Symbol};

/// Labels, sorted by key, each key once: see [`labels`].
pub type Labels = Vec<(Symbol, Symbol)>;

/// Labels in the order that lookups need; of a repeated key the last value holds.
#[must_use]
pub fn labels(pairs: impl IntoIterator<Item = (Symbol, Symbol)>) -> Labels {
    let by_key: std::collections::BTreeMap<Symbol, Symbol> = pairs.into_iter().collect();
    by_key.into_iter().collect()
}

/// The value of a key.
pub(super) fn value(labels: &[(Symbol, Symbol)], key: Symbol) -> Option<Symbol> {
    labels.binary_search_by_key(&key, |label| label.0).ok().map(|at| labels[at].1)
}

/// How a requirement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// The value is listed.
    In,
    /// The value is not listed, or the key is missing.
    NotIn,
    /// The key is there.
    Exists,
    /// The key is missing.
    DoesNotExist,
    /// The value is an integer above the one listed.
    Gt,
    /// The value is an integer below the one listed.
    Lt,
}

/// One demand on labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Label key.
    pub key: Symbol,
    /// Comparison.
    pub operator: Operator,
    /// Values listed.
    pub values: Vec<Symbol>,
}

impl Requirement {
    /// Whether labels meet the demand.
    #[must_use]
    pub fn matches(&self, names: &Names, labels: &[(Symbol, Symbol)]) -> bool {
        let found = value(labels, self.key);
        match self.operator {
            Operator::In => found.is_some_and(|found| self.values.contains(&found)),
            Operator::NotIn => found.is_none_or(|found| !self.values.contains(&found)),
            Operator::Exists => found.is_some(),
            Operator::DoesNotExist => found.is_none(),
            Operator::Gt => self.compares(names, found, |have, bound| have > bound),
            Operator::Lt => self.compares(names, found, |have, bound| have < bound),
        }
    }

    fn compares(&self, names: &Names, found: Option<Symbol>, holds: fn(i64, i64) -> bool) -> bool {
        let have = found.and_then(|found| names.number(found));
        let bound = match self.values.as_slice() {
            [bound] => names.number(*bound),
            _ => None,
        };
        have.zip(bound).is_some_and(|(have, bound)| holds(have, bound))
    }
}

/// A label selector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selector {
    /// A missing selector: matches nothing.
    #[default]
    Nothing,
    /// All of these; none of them matches everything.
    All(Vec<Requirement>),
}

impl Selector {
    /// The selector of `matchLabels`.
    #[must_use]
    pub fn of_labels(labels: &[(Symbol, Symbol)]) -> Self {
        let equals = |&(key, value): &(Symbol, Symbol)| Requirement {
            key,
            operator: Operator::In,
            values: vec![value],
        };
        Self::All(labels.iter().map(equals).collect())
    }

    /// Whether labels are selected.
    #[must_use]
    pub fn matches(&self, names: &Names, labels: &[(Symbol, Symbol)]) -> bool {
        match self {
            Self::Nothing => false,
            Self::All(all) => all.iter().all(|requirement| requirement.matches(names, labels)),
        }
    }

    /// Whether this is the selector without a requirement (Go: `Empty()`).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::All(all) if all.is_empty())
    }
}
