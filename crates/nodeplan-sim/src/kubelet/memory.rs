//! Out of memory: the container at its limit, and the kernel's choice on a node without any left.

use super::eviction::MONITOR_MILLIS;

/// A container on a node that runs out of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OomCandidate {
    /// Memory it uses (bytes).
    pub used: u64,
    /// Its `oom_score_adj`, −1000 to 1000.
    pub score_adj: i64,
}

impl OomCandidate {
    /// The kernel's badness (`oom_badness`), in bytes rather than pages.
    fn badness(self, total: u64) -> i128 {
        i128::from(self.used) + i128::from(self.score_adj) * i128::from(total) / 1000
    }
}

/// Whether the kernel kills a container in its own control group: it needs more than its limit.
#[must_use]
pub fn over_limit(needed: u64, limit: u64) -> bool {
    needed > limit
}

/// The container that the kernel kills on a node of `total` bytes: the worst, the last one of
/// several; −1000 is immune. All processes of its group go together (`memory.oom.group`).
#[must_use]
pub fn oom_victim(candidates: &[OomCandidate], total: u64) -> Option<usize> {
    let mortal = candidates.iter().enumerate().filter(|(_, one)| one.score_adj > -1000);
    mortal.max_by_key(|(_, one)| one.badness(total)).map(|(index, _)| index)
}

/// How a shortage of memory ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shortage {
    /// There is none.
    None,
    /// The eviction manager sees it in time and evicts in its order.
    Evict,
    /// Memory is gone before the next look: the kernel kills by its score.
    Kill,
}

/// Who is faster: the kernel, or the eviction manager's look every [`MONITOR_MILLIS`]. All in
/// bytes: `growth_per_second` is what use grows by, `threshold` the eviction threshold.
#[must_use]
pub fn shortage(available: u64, threshold: u64, growth_per_second: u64) -> Shortage {
    let grows = growth_per_second.saturating_mul(MONITOR_MILLIS / 1000);
    if available == 0 || grows > available {
        Shortage::Kill
    } else if available < threshold {
        Shortage::Evict
    } else {
        Shortage::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_weighs_use_and_adjustment() {
        let one = |used, score_adj| OomCandidate { used, score_adj };
        for (candidates, victim) in [
            (vec![], None),
            (vec![one(900, -997), one(10, 1000)], Some(1)),
            (vec![one(900, -997), one(10, -997)], Some(0)),
            (vec![one(300, 500), one(100, 700)], Some(1)), // 800 and 800: the later
            (vec![one(301, 500), one(100, 700)], Some(0)),
            (vec![one(900, -1000)], None),
        ] {
            assert_eq!(oom_victim(&candidates, 1000), victim, "{candidates:?}");
        }
    }

    #[test]
    fn fast_growth_beats_the_eviction_manager() {
        for (available, growth, expected) in [
            (200, 0, Shortage::None),
            (99, 9, Shortage::Evict),
            (99, 10, Shortage::Kill),
            (200, 21, Shortage::Kill),
            (0, 0, Shortage::Kill),
        ] {
            assert_eq!(shortage(available, 100, growth), expected, "{available} {growth}");
        }
        assert!(!over_limit(100, 100) && over_limit(101, 100));
    }
}
