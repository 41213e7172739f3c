//! Sets of allowed label values and their algebra, as `pkg/scheduling/requirement.go` and
//! `requirements.go` have it: a requirement is a set of values or the complement of one, within
//! integer bounds.

/// A label key. Keys below [`Key::FIRST_CUSTOM`] are well known to the provider: a node that does
/// not exist yet may get any value of them. The host name and custom keys must be defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub u16);

impl Key {
    /// `topology.kubernetes.io/zone`.
    pub const ZONE: Self = Self(0);
    /// `karpenter.sh/capacity-type`; values are [`Value::ON_DEMAND`] and so on.
    pub const CAPACITY_TYPE: Self = Self(1);
    /// `node.kubernetes.io/instance-type`.
    pub const INSTANCE_TYPE: Self = Self(2);
    /// `karpenter.sh/nodepool`.
    pub const NODE_POOL: Self = Self(3);
    /// The first key the caller may give to other labels the provider knows.
    pub const FIRST_PROVIDER: Self = Self(16);
    /// The first key of labels of the user's own.
    pub const FIRST_CUSTOM: Self = Self(0x8000);
    /// `kubernetes.io/hostname`.
    pub const HOSTNAME: Self = Self(u16::MAX);

    /// Whether a node to be made may get any value of this key.
    #[must_use]
    pub const fn is_well_known(self) -> bool {
        self.0 < Self::FIRST_CUSTOM.0
    }
}

/// A label value; words are numbered by the caller, per key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Text that is a decimal integer: the only values that bounds let through.
    Number(i64),
    /// Any other text.
    Word(u32),
    /// The host name of a node to be made, by the order of making.
    NewHost(u32),
}

impl Value {
    /// `on-demand`, a value of [`Key::CAPACITY_TYPE`].
    pub const ON_DEMAND: Self = Self::Word(0);
    /// `spot`, a value of [`Key::CAPACITY_TYPE`].
    pub const SPOT: Self = Self::Word(1);
    /// `reserved`, a value of [`Key::CAPACITY_TYPE`].
    pub const RESERVED: Self = Self::Word(2);
}

/// Which values of one key are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Whether `values` are those left out.
    complement: bool,
    /// Sorted, without repetition.
    values: Vec<Value>,
    above: Option<i64>,
    below: Option<i64>,
    /// How many distinct values the instance types of a claim must offer.
    pub min_values: Option<u32>,
}

impl Requirement {
    fn new(complement: bool, mut values: Vec<Value>) -> Self {
        values.sort_unstable();
        values.dedup();
        Self { complement, values, above: None, below: None, min_values: None }
    }

    /// One of `values`.
    #[must_use]
    pub fn within(values: Vec<Value>) -> Self {
        Self::new(false, values)
    }

    /// None of `values`; the label may be absent.
    #[must_use]
    pub fn not_in(values: Vec<Value>) -> Self {
        Self::new(true, values)
    }

    /// The label must be there.
    #[must_use]
    pub fn exists() -> Self {
        Self::new(true, Vec::new())
    }

    /// The label must not be there.
    #[must_use]
    pub fn absent() -> Self {
        Self::new(false, Vec::new())
    }

    /// An integer above `bound`.
    #[must_use]
    pub fn above(bound: i64) -> Self {
        Self { above: Some(bound), ..Self::exists() }
    }

    /// An integer below `bound`.
    #[must_use]
    pub fn below(bound: i64) -> Self {
        Self { below: Some(bound), ..Self::exists() }
    }

    /// The same, with so many distinct values asked of the instance types.
    #[must_use]
    pub fn with_min_values(self, count: u32) -> Self {
        Self { min_values: Some(count), ..self }
    }

    /// The values listed: the allowed ones, or those left out by a complement.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Whether the allowed values are listed and there are any: operator `In`.
    #[must_use]
    pub fn is_in(&self) -> bool {
        !self.complement && !self.values.is_empty()
    }

    /// The only allowed value.
    #[must_use]
    pub fn only(&self) -> Option<Value> {
        match self.values[..] {
            [value] if !self.complement => Some(value),
            _ => None,
        }
    }

    /// Operators `NotIn` and `DoesNotExist`: the label need not be there.
    fn may_be_absent(&self) -> bool {
        self.complement != self.values.is_empty()
    }

    fn in_bounds(value: Value, above: Option<i64>, below: Option<i64>) -> bool {
        match (value, above, below) {
            (_, None, None) => true,
            (Value::Number(number), above, below) => {
                above.is_none_or(|bound| number > bound) && below.is_none_or(|bound| number < bound)
            }
            _ => false,
        }
    }

    fn lists(&self, value: Value) -> bool {
        self.values.binary_search(&value).is_ok()
    }

    /// Whether `value` is allowed (`Has`).
    #[must_use]
    pub fn has(&self, value: Value) -> bool {
        self.lists(value) != self.complement && Self::in_bounds(value, self.above, self.below)
    }

    /// What both allow (`Intersection`).
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let complement = self.complement && other.complement;
        let above = self.above.max(other.above);
        let below = match (self.below, other.below) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let min_values = self.min_values.max(other.min_values);
        if let (Some(low), Some(high)) = (above, below)
            && low >= high
        {
            return Self { min_values, ..Self::absent() };
        }
        let mut values: Vec<Value> = match (self.complement, other.complement) {
            (true, true) => {
                let mut both = self.values.clone();
                both.extend(&other.values);
                both.sort_unstable();
                both.dedup();
                both
            }
            (true, false) => other.values.iter().copied().filter(|v| !self.lists(*v)).collect(),
            (false, true) => self.values.iter().copied().filter(|v| !other.lists(*v)).collect(),
            (false, false) => self.values.iter().copied().filter(|v| other.lists(*v)).collect(),
        };
        values.retain(|value| Self::in_bounds(*value, above, below));
        let bounds = if complement { (above, below) } else { (None, None) };
        Self { complement, values, above: bounds.0, below: bounds.1, min_values }
    }

    /// Whether some value may satisfy both (`HasIntersection`).
    #[must_use]
    pub fn intersects(&self, other: &Self) -> bool {
        match (self.complement, other.complement) {
            (true, true) => {
                let below = match (self.below, other.below) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                match (self.above.max(other.above), below) {
                    (Some(low), Some(high)) => low < high,
                    _ => true,
                }
            }
            (true, false) => other
                .values
                .iter()
                .any(|v| self.has(*v) && Self::in_bounds(*v, other.above, other.below)),
            (false, _) => self
                .values
                .iter()
                .any(|v| other.has(*v) && Self::in_bounds(*v, self.above, self.below)),
        }
    }
}

/// Which label keys a node must define before a pod may ask for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undefined {
    /// An existing node: every key (no option upstream).
    Denied,
    /// A node to be made: all but well-known keys (`AllowUndefinedWellKnownLabels`).
    WellKnownAllowed,
}

/// Requirements on several keys; an absent key allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements(Vec<(Key, Requirement)>);

impl Requirements {
    /// Labels of a node or a node selector: one value per key.
    #[must_use]
    pub fn labels(labels: &[(Key, Value)]) -> Self {
        let mut all = Self::default();
        for (key, value) in labels {
            all.add(*key, &Requirement::within(vec![*value]));
        }
        all
    }

    /// What is required of `key`.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Requirement> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, requirement)| requirement)
    }

    /// Whether `value` of `key` is allowed.
    #[must_use]
    pub fn has(&self, key: Key, value: Value) -> bool {
        self.get(key).is_none_or(|requirement| requirement.has(value))
    }

    /// Every key with what is required of it, by key.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &Requirement)> {
        self.0.iter().map(|(key, requirement)| (*key, requirement))
    }

    /// Narrows `key` by `requirement`.
    pub fn add(&mut self, key: Key, requirement: &Requirement) {
        match self.0.binary_search_by_key(&key, |(k, _)| *k) {
            Ok(at) => self.0[at].1 = self.0[at].1.intersection(requirement),
            Err(at) => self.0.insert(at, (key, requirement.clone())),
        }
    }

    /// Narrows by every requirement of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for (key, requirement) in &other.0 {
            self.add(*key, requirement);
        }
    }

    /// Drops a key.
    pub fn remove(&mut self, key: Key) {
        self.0.retain(|(k, _)| *k != key);
    }

    /// Replaces the number of distinct values asked of `key`.
    pub fn set_min_values(&mut self, key: Key, count: u32) {
        if let Some((_, requirement)) = self.0.iter_mut().find(|(k, _)| *k == key) {
            requirement.min_values = Some(count);
        }
    }

    /// Whether any key asks for a number of distinct values.
    #[must_use]
    pub fn has_min_values(&self) -> bool {
        self.0.iter().any(|(_, requirement)| requirement.min_values.is_some())
    }

    /// Whether the keys in common leave a value each (`Intersects`).
    #[must_use]
    pub fn intersects(&self, incoming: &Self) -> bool {
        incoming.0.iter().all(|(key, asked)| {
            self.get(*key).is_none_or(|offered| {
                offered.intersects(asked) || (asked.may_be_absent() && offered.may_be_absent())
            })
        })
    }

    /// Whether a node that satisfies `self` can satisfy `incoming` (`Compatible`).
    #[must_use]
    pub fn compatible(&self, incoming: &Self, undefined: Undefined) -> bool {
        incoming.0.iter().all(|(key, asked)| {
            (undefined == Undefined::WellKnownAllowed && key.is_well_known())
                || self.get(*key).is_some()
                || asked.may_be_absent()
        }) && self.intersects(incoming)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn requirement() -> impl Strategy<Value = Requirement> {
        let value = prop_oneof![(0i64..6).prop_map(Value::Number), (0u32..3).prop_map(Value::Word)];
        let values = proptest::collection::vec(value, 0..4);
        prop_oneof![
            values.clone().prop_map(Requirement::within),
            values.prop_map(Requirement::not_in),
            (0i64..6).prop_map(Requirement::above),
            (0i64..6).prop_map(Requirement::below),
        ]
    }

    proptest! {
        #[test]
        fn an_intersection_allows_what_both_allow(a in requirement(), b in requirement(), n in 0i64..6, w in 0u32..3) {
            let both = a.intersection(&b);
            for value in [Value::Number(n), Value::Word(w)] {
                prop_assert_eq!(both.has(value), a.has(value) && b.has(value));
            }
            prop_assert_eq!(a.intersects(&b), b.intersects(&a));
        }
    }

    #[test]
    fn custom_keys_must_be_defined_and_well_known_ones_need_not() {
        let node = Requirements::labels(&[(Key::ZONE, Value::Word(1))]);
        let custom = Requirements::labels(&[(Key::FIRST_CUSTOM, Value::Word(1))]);
        let pool = Requirements::labels(&[(Key::NODE_POOL, Value::Word(1))]);
        let mut none_of = Requirements::default();
        none_of.add(Key::FIRST_CUSTOM, &Requirement::not_in(vec![Value::Word(1)]));
        for (asked, undefined, expected) in [
            (&custom, Undefined::WellKnownAllowed, false),
            (&pool, Undefined::WellKnownAllowed, true),
            (&pool, Undefined::Denied, false),
            (&none_of, Undefined::Denied, true),
        ] {
            assert_eq!(node.compatible(asked, undefined), expected, "{asked:?} {undefined:?}");
        }
    }
}
