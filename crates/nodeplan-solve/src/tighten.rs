//! Capacity tightening: no content uses more of a resource than the largest sum of pod sizes
//! that fits, so the rest of the capacity may be forgotten. Bounds grow tighter, contents stay
//! the same (Martello and Toth 1990, reduction of knapsack problems).

/// Words of the largest bit set.
const WORDS: u64 = 1 << 16;
/// Words touched at most for one set of sizes.
const EFFORT: u64 = 4_000_000;

/// The sums that pods of some sizes can make, up to a bound.
#[derive(Clone, Debug)]
pub struct Sums {
    /// One bit per sum; empty where finding out would take too long.
    bits: Vec<u64>,
    /// The sum of all.
    total: u128,
}

impl Sums {
    /// Of the given (size, copies), up to `room` or as far as is worth its time.
    pub fn of(items: &[(i64, u32)], room: i64) -> Self {
        let total: u128 = items.iter().map(|i| i.0.max(0) as u128 * u128::from(i.1)).sum();
        // Beyond the sum of all there is nothing to know.
        let most = u128::from(room.max(0) as u64).min(total) / 64 + 1;
        let words = most.min(u128::from(WORDS)) as u64;
        let mut bits = vec![0_u64; words as usize];
        bits[0] = 1;
        let mut effort = 0;
        for &(size, copies) in items {
            let size = size.max(0) as u64;
            if size == 0 {
                continue;
            }
            let mut left = u64::from(copies).min(words * 64 / size);
            let mut some = 1;
            while left > 0 {
                let step = left.min(some);
                shift_or(&mut bits, (size * step) as usize);
                left -= step;
                some *= 2;
                effort += words;
            }
            if effort > EFFORT {
                return Self { bits: Vec::new(), total };
            }
        }
        Self { bits, total }
    }

    /// The largest sum that is at most `capacity`; `capacity` where that is not known.
    pub fn reachable(&self, capacity: i64) -> i64 {
        let Ok(room) = u64::try_from(capacity) else { return capacity };
        if self.total <= u128::from(room) {
            return self.total as i64;
        }
        if room / 64 >= self.bits.len() as u64 {
            return capacity;
        }
        let is_sum = |sum: &u64| self.bits[(sum / 64) as usize] >> (sum % 64) & 1 == 1;
        (0..=room).rev().find(is_sum).unwrap_or(0) as i64
    }
}

/// sums |= sums << by.
fn shift_or(sums: &mut [u64], by: usize) {
    let (words, bits) = (by / 64, by % 64);
    for at in (words..sums.len()).rev() {
        let mut moved = sums[at - words] << bits;
        if bits > 0 && at > words {
            moved |= sums[at - words - 1] >> (64 - bits);
        }
        sums[at] |= moved;
    }
}

#[cfg(test)]
mod tests {
    use super::Sums;
    use proptest::prelude::*;

    fn reachable(capacity: i64, items: &[(i64, u32)]) -> i64 {
        Sums::of(items, capacity).reachable(capacity)
    }

    #[test]
    fn small_tables() {
        assert_eq!(reachable(10, &[(3, 9)]), 9);
        assert_eq!(reachable(10, &[(3, 2), (4, 1)]), 10);
        assert_eq!(reachable(100, &[(3, 2), (4, 1)]), 10);
        assert_eq!(reachable(7, &[(8, 5)]), 0);
        assert_eq!(reachable(1000, &[(64, 100), (65, 1)]), 961);
        assert_eq!(reachable(1 << 60, &[(3, u32::MAX)]), 3 * i64::from(u32::MAX));
    }

    proptest! {
        /// The same as trying every sum.
        #[test]
        fn equals_enumeration(
            room in 0_i64..300,
            items in prop::collection::vec((0_i64..90, 0_u32..5), 0..6),
        ) {
            let mut sums = std::collections::BTreeSet::from([0_i64]);
            for &(size, copies) in &items {
                for _ in 0..copies {
                    sums.extend(sums.clone().into_iter().map(|s| s + size).filter(|s| *s <= room));
                }
            }
            prop_assert_eq!(Sums::of(&items, 300).reachable(room), *sums.last().expect("0 is a sum"));
        }
    }
}
