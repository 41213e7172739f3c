//! Pods of a workload by the cores that each may use.
//!
//! What a node leaves a pod changes with every arrival at its neighbours. Pods within a quarter of
//! a binary order of each other are told as one kind with their mean, so that a workload has a few
//! kinds however many nodes it is on; what all of them may use together stays exact.

/// Pods that may use about the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    /// Binary order and quarter of it.
    class: u8,
    /// How many pods.
    pods: u32,
    /// What all of them may use, milli-cores.
    milli: u64,
    /// What each of them may always use, milli-cores, or [`MIXED`].
    each: u64,
}

/// They may use different amounts, or ones that change all the time.
const MIXED: u64 = u64::MAX;

/// Kinds of pods, from the fewest cores to the most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(Vec<Kind>);

/// Binary order and quarter of it: grows with its argument.
fn class(milli: u64) -> u8 {
    match milli.checked_ilog2() {
        Some(order @ 2..) => (4 * (order - 2) + (milli >> (order - 2)) as u32) as u8,
        _ => milli as u8,
    }
}

impl Kind {
    /// Adds pods of the same class.
    fn absorb(&mut self, other: Self) {
        if self.each != other.each {
            self.each = MIXED;
        }
        self.pods = self.pods.saturating_add(other.pods);
        self.milli = self.milli.saturating_add(other.milli);
    }

    /// Milli-cores that stand for each of its pods: exact where all have the same limit, else
    /// the mean rounded down to an eighth of its binary order, of which a run meets few.
    fn each(&self) -> u64 {
        if self.each != MIXED {
            return self.each;
        }
        let mean = self.milli / u64::from(self.pods.max(1));
        // A step is a power of two.
        let step = ((mean + 1).next_power_of_two() / 16).max(1);
        mean & !(step - 1)
    }
}

impl Kinds {
    /// No pods.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the pods of others instead of its own.
    pub fn copy(&mut self, others: &Self) {
        self.0.clone_from(&others.0);
    }

    /// Adds pods that may use so many milli-cores each, always or for now.
    pub fn add(&mut self, milli: u64, pods: u32, always: bool) {
        let all = milli.saturating_mul(u64::from(pods));
        let each = if always { milli } else { MIXED };
        self.join(Kind { class: class(milli), pods, milli: all, each });
    }

    fn join(&mut self, kind: Kind) {
        if kind.pods == 0 {
            return;
        }
        // Most come in order.
        match self.0.last_mut() {
            Some(last) if last.class == kind.class => return last.absorb(kind),
            Some(last) if last.class > kind.class => {}
            _ => return self.0.push(kind),
        }
        let mut at = 0;
        for old in &mut self.0 {
            if old.class >= kind.class {
                if old.class == kind.class {
                    old.absorb(kind);
                    return;
                }
                break;
            }
            at += 1;
        }
        self.0.insert(at, kind);
    }

    /// How many pods.
    pub fn pods(&self) -> u64 {
        self.0.iter().map(|kind| u64::from(kind.pods)).sum()
    }

    /// What all pods may use together, milli-cores.
    pub fn milli(&self) -> u64 {
        self.0.iter().fold(0, |sum: u64, kind| sum.saturating_add(kind.milli))
    }

    /// Milli-cores that each pod of a kind may use, and how many pods.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|kind| (kind.each(), u64::from(kind.pods)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_are_quarters_of_binary_orders() {
        for (milli, expected) in [(0, 0), (1, 1), (3, 3), (4, 4), (7, 7), (8, 8), (9, 8), (10, 9)] {
            assert_eq!(class(milli), expected, "{milli}");
        }
        assert_eq!(class(1024), class(1279));
        assert_ne!(class(1279), class(1280));
        assert!(class(u64::MAX) > class(u64::MAX / 2));
    }

    #[test]
    fn limits_are_told_exactly_and_the_rest_by_its_mean() {
        let mut kinds = Kinds::default();
        kinds.add(1100, 2, true);
        assert_eq!(kinds.iter().collect::<Vec<_>>(), [(1100, 2)]);
        kinds.add(1200, 2, true);
        // The mean, 1150, lies between the eighths 1024 and 1152.
        assert_eq!(kinds.iter().collect::<Vec<_>>(), [(1024, 4)]);
        kinds.add(500, 1, false);
        assert_eq!(kinds.iter().collect::<Vec<_>>(), [(480, 1), (1024, 4)]);
        assert_eq!(kinds.milli(), 5100);
    }

    proptest! {
        #[test]
        fn nobody_is_lost_and_each_is_near_its_kind(
            pods in prop::collection::vec((1u64..1 << 40, 1u32..1000), 1..40),
        ) {
            let mut kinds = Kinds::default();
            for &(milli, count) in &pods {
                kinds.add(milli, count, true);
            }
            prop_assert_eq!(kinds.pods(), pods.iter().map(|(_, count)| u64::from(*count)).sum::<u64>());
            let all: u64 = pods.iter().map(|&(milli, count)| milli * u64::from(count)).sum();
            prop_assert_eq!(kinds.milli(), all);
            prop_assert!(kinds.iter().map(|(each, _)| each).is_sorted());
            for (milli, _) in pods {
                let near = |(each, _): (u64, u64)| each.abs_diff(milli) <= milli / 3 + 1;
                prop_assert!(kinds.iter().any(near), "{}", milli);
            }
        }
    }
}
