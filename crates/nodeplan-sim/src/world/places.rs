//! Ready pods of a workload by what their nodes leave them: told by node, so that settling need not
//! look at every pod.

/// Ready pods of a workload by what their nodes leave them.
#[derive(Clone, Debug)]
pub struct Places {
    /// Those that are not empty, one bit each.
    taken: u128,
    pods: [u32; RESTS],
    /// All of them.
    all: u32,
}

impl Default for Places {
    fn default() -> Self {
        Self { taken: 0, pods: [0; RESTS], all: 0 }
    }
}

impl Places {
    /// Counts a pod.
    pub fn enter(&mut self, rest: Rest) {
        let at = usize::from(rest.0);
        self.pods[at] += 1;
        self.all += 1;
        self.taken |= 1 << at;
    }

    /// No longer counts a pod.
    pub fn leave(&mut self, rest: Rest) {
        let at = usize::from(rest.0);
        self.pods[at] -= 1;
        self.all -= 1;
        self.taken &= !(u128::from(self.pods[at] == 0) << at);
    }

    /// How many pods.
    pub fn count(&self) -> u32 {
        self.all
    }

    /// What nodes leave, milli-cores, from the least on, and to how many pods.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        let mut left = self.taken;
        std::iter::from_fn(move || {
            let at = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some((Rest(at as u8).milli(), self.pods[at]))
        })
    }
}

/// What a node leaves its pods beside what they want: binary order and eighth of it, the last for all
/// that is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest(u8);

/// How many there are.
const RESTS: usize = 128;

impl Rest {
    /// Of so many milli-cores: grows with them.
    fn of(milli: u64) -> Self {
        let at = match milli.checked_ilog2() {
            Some(order @ 3..) => u64::from(8 * (order - 3)) + (milli >> (order - 3)),
            _ => milli,
        };
        Self(at.min(RESTS as u64 - 1) as u8)
    }

    /// The least milli-cores of it.
    fn milli(self) -> u64 {
        match self.0 {
            at @ 0..8 => u64::from(at),
            at => u64::from(at % 8 + 8) << (at / 8 - 1),
        }
    }

    /// Whether it still stands for so many milli-cores: it or the next one is what they are.
    pub fn holds(self, milli: u64) -> bool {
        let now = Self::of(milli).0;
        now == self.0 || now == self.0 + 1
    }

    /// What stands for so many milli-cores until they change by about an eighth.
    pub fn around(milli: u64) -> Self {
        Self::of(milli - milli / 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rests_are_eighths_of_binary_orders() {
        for (milli, least) in [(0, 0), (7, 7), (8, 8), (15, 15), (16, 16), (17, 16), (1100, 1024)] {
            assert_eq!(Rest::of(milli).milli(), least, "{milli}");
        }
        assert_eq!(Rest::of(u64::MAX), Rest(127));
        assert_eq!(Rest(127).milli(), 15 << 14);
    }

    #[test]
    fn pods_come_back_from_the_least_on() {
        let mut places = Places::default();
        let rests = [4000, 0, 90, 4000].map(Rest::of);
        rests.into_iter().for_each(|rest| places.enter(rest));
        assert_eq!(places.iter().collect::<Vec<_>>(), [(0, 1), (88, 1), (3840, 2)]);
        places.leave(rests[1]);
        places.leave(rests[0]);
        assert_eq!(places.iter().collect::<Vec<_>>(), [(88, 1), (3840, 1)]);
        assert_eq!(places.count(), 2);
    }

    proptest! {
        /// What stands for a node is never more than it leaves, and little less.
        #[test]
        fn a_rest_is_never_too_much(walk in prop::collection::vec(0.8_f64..1.25, 1..60)) {
            let (mut milli, mut kept) = (1000_u64, None::<Rest>);
            for step in walk {
                milli = ((milli as f64 * step) as u64).clamp(1, 200_000);
                let rest = kept.filter(|rest| rest.holds(milli)).unwrap_or(Rest::around(milli));
                prop_assert!(rest.milli() <= milli, "{rest:?} for {milli}");
                prop_assert!(milli <= rest.milli() + rest.milli() / 4 + 1, "{rest:?} for {milli}");
                kept = Some(rest);
            }
        }
    }
}
