//! What pods can really use of a node: the largest amount at most its capacity that some number
//! of the pods asked for take together. The rest of the capacity holds nothing on any node, so
//! a proof may forget it.
//!
//! One table per set of sizes: entry `a` tells whether an amount of `a` units can be made, and
//! with how few of the pods last looked at (the bounded subset-sum recursion).

use std::collections::BTreeMap;

/// Longest table.
const LONGEST: u64 = 1 << 20;
/// Most table entries × sizes.
const STEPS: u64 = 40_000_000;

/// The amounts that a set of pods can take.
pub(crate) struct Attainable {
    unit: u64,
    total: u128,
    /// Per amount in units: the largest amount up to it that can be made.
    floor: Vec<u32>,
}

impl Attainable {
    /// Of pods given as (size, copies), for capacities up to `most`.
    pub(crate) fn of(pods: impl IntoIterator<Item = (u64, u64)>, most: u64) -> Self {
        let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
        for (size, copies) in pods {
            if size > 0 {
                let sum = sizes.entry(size).or_insert(0);
                *sum = sum.saturating_add(copies);
            }
        }
        let unit = sizes.keys().fold(0, |unit, &size| crate::kinds::gcd(unit, u128::from(size)));
        let unit = (unit as u64).max(1);
        let total = sizes.iter().map(|(&s, &n)| u128::from(s) * u128::from(n)).sum();
        let length = (u128::from(most).min(total) / u128::from(unit) + 1).min(u128::from(LONGEST));
        let length = length as u64;
        if length * sizes.len() as u64 > STEPS {
            return Self { unit, total, floor: Vec::new() };
        }
        const NEVER: u64 = u64::MAX;
        let mut spent = vec![NEVER; length as usize];
        spent[0] = 0;
        for (size, copies) in sizes {
            let step = (size / unit) as usize;
            for amount in 0..spent.len() {
                spent[amount] = if spent[amount] != NEVER {
                    0
                } else {
                    let before = amount.checked_sub(step).map_or(NEVER, |at| spent[at]);
                    if before < copies { before + 1 } else { NEVER }
                };
            }
        }
        let mut last = 0;
        let floor = spent.iter().zip(0_u32..).map(|(&spent, amount)| {
            if spent != NEVER {
                last = amount;
            }
            last
        });
        Self { unit, total, floor: floor.collect() }
    }

    /// The largest amount of at most `capacity`; `capacity` where that is not known.
    pub(crate) fn within(&self, capacity: u64) -> u64 {
        if u128::from(capacity) >= self.total {
            return u64::try_from(self.total).unwrap_or(capacity);
        }
        let at = usize::try_from(capacity / self.unit).unwrap_or(usize::MAX);
        self.floor.get(at).map_or(capacity, |&amount| u64::from(amount) * self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::Attainable;
    use proptest::prelude::*;

    #[test]
    fn what_is_known_by_hand() {
        let pods = [(3_000, 2), (4_000, 1)];
        let sums = Attainable::of(pods, 9_000);
        assert_eq!(sums.within(9_999), 7_000);
        assert_eq!(sums.within(5_000), 4_000);
        assert_eq!(sums.within(2_999), 0);
        assert_eq!(sums.within(u64::MAX), 10_000);
        // Too long a table to fill: nothing is forgotten.
        let vast = Attainable::of([(1, u64::MAX), (7, 3)], u64::MAX);
        assert_eq!(vast.within(1 << 40), 1 << 40);
    }

    proptest! {
        #[test]
        fn equals_all_sums(
            pods in prop::collection::vec((0_u64..60, 0_u64..5), 0..5),
            capacity in 0_u64..400,
        ) {
            let mut sums = vec![0_u64];
            for &(size, copies) in &pods {
                sums = sums.iter().flat_map(|s| (0..=copies).map(move |n| s + n * size)).collect();
            }
            let best = sums.into_iter().filter(|s| *s <= capacity).max().unwrap_or(0);
            prop_assert_eq!(Attainable::of(pods, 400).within(capacity), best);
        }
    }
}
