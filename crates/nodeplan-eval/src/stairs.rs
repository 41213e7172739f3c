//! Dominance among labels, one stage at a time.
//!
//! Labels come sorted by their use of the first resource. A label is dominated if an earlier
//! one uses no more of the second, no more of the others, has the same counters, and is worth no
//! less. Labels with equal use of the others and equal counters share a *staircase*: pairs
//! (use of the second, worth), both rising. Looking at a limited number of staircases is sound:
//! dominance saves work, it never decides.

/// Staircases looked at per label.
const REACH: usize = 24;

/// A staircase: use of the second resource, worth; both strictly rising.
type Stair = Vec<(u64, i64)>;

/// The staircases of one stage.
#[derive(Default)]
pub(crate) struct Stairs<const D: usize> {
    /// Counters and use of the resources from the third on, sorted.
    keys: Vec<(u64, [u64; D])>,
    /// Place of each key's staircase in `pool`.
    places: Vec<usize>,
    pool: Vec<Stair>,
    taken: usize,
}

/// Whether `stair` has a step that uses at most `second` and is worth at least `worth`; else
/// the place to insert at.
fn find(stair: &Stair, second: u64, worth: i64) -> Result<(), usize> {
    let place = stair.partition_point(|step| step.0 <= second);
    match place.checked_sub(1).map(|at| stair[at]) {
        Some(step) if step.1 >= worth => Ok(()),
        // A step of equal use but less worth gives way.
        Some(step) if step.0 == second => Err(place - 1),
        _ => Err(place),
    }
}

fn insert(stair: &mut Stair, place: usize, second: u64, worth: i64) {
    let mut end = place;
    while end < stair.len() && stair[end].1 <= worth {
        end += 1;
    }
    if end == place {
        stair.insert(place, (second, worth));
    } else {
        stair[place] = (second, worth);
        if end > place + 1 {
            stair.drain(place + 1..end);
        }
    }
}

impl<const D: usize> Stairs<D> {
    /// Forgets everything, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.places.clear();
        self.taken = 0;
    }

    fn fresh(&mut self) -> usize {
        if self.taken == self.pool.len() {
            self.pool.push(Stair::new());
        }
        self.pool[self.taken].clear();
        self.taken += 1;
        self.taken - 1
    }

    /// Notes a label; `false` if an earlier one dominates it.
    pub(crate) fn admit(&mut self, used: &[u64; D], state: u64, worth: i64) -> bool {
        let second = if D > 1 { used[1] } else { 0 };
        let mut key = (state, *used);
        key.1[0] = 0;
        if D > 1 {
            key.1[1] = 0;
        }
        let (at, own) = match self.keys.binary_search(&key) {
            Ok(at) => (at, Some(self.places[at])),
            Err(at) => (at, None),
        };
        let place = match own.map(|own| find(&self.pool[own], second, worth)) {
            Some(Ok(())) => return false,
            Some(Err(place)) => place,
            None => 0,
        };
        let below = self.keys[..at].iter().zip(&self.places[..at]).rev().take(REACH);
        for (other, &stair) in below.take_while(|(other, _)| other.0 == state) {
            let less = other.1.iter().zip(&key.1).all(|(other, own)| other <= own);
            if less && find(&self.pool[stair], second, worth).is_ok() {
                return false;
            }
        }
        let own = own.unwrap_or_else(|| {
            let fresh = self.fresh();
            self.keys.insert(at, key);
            self.places.insert(at, fresh);
            fresh
        });
        insert(&mut self.pool[own], place, second, worth);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Stairs;
    use proptest::prelude::*;

    proptest! {
        /// With few distinct keys the staircases agree with comparing every pair.
        #[test]
        fn stairs_equal_pairwise_comparison(
            mut labels in prop::collection::vec((0_u64..6, 0_u64..6, 0_u64..3, 0_u64..2, 0_i64..9), 0..40),
        ) {
            labels.sort();
            let mut stairs = Stairs::<3>::default();
            let mut kept: Vec<(u64, u64, u64, u64, i64)> = Vec::new();
            for label in labels {
                let (x, y, z, state, worth) = label;
                let dominated = kept.iter().any(|k| {
                    k.0 <= x && k.1 <= y && k.2 <= z && k.3 == state && k.4 >= worth
                });
                prop_assert_eq!(stairs.admit(&[x, y, z], state, worth), !dominated);
                kept.push(label);
            }
        }
    }
}
