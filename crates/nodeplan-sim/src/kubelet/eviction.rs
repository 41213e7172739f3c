//! Eviction under node pressure: which pod goes first (`pkg/kubelet/eviction/helpers.go`,
//! `eviction_manager.go`).

use std::cmp::Reverse;

/// Time between two looks of the eviction manager (ms).
pub const MONITOR_MILLIS: u64 = 10_000;
/// For how long a pressure condition outlives its cause (ms), and keeps new pods away.
pub const TRANSITION_MILLIS: u64 = 300_000;
/// From this priority on a pod is critical and never evicted (`IsCriticalPod`).
pub const CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// What the eviction manager knows of one pod: memory or disk, or processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvictionClaim {
    /// Its priority.
    pub priority: i32,
    /// Its request of memory or ephemeral storage (bytes); processes have none.
    pub request: u64,
    /// Its use (bytes, or processes); `None` where there are no statistics of it.
    pub used: Option<u64>,
}

impl EvictionClaim {
    /// Bytes used above the request, negative below it.
    fn excess(self) -> i128 {
        i128::from(self.used.unwrap_or(0)) - i128::from(self.request)
    }
}

/// Order of eviction under memory or disk pressure, into `order` as indices
/// (`rankMemoryPressure`, `rankDiskPressure`): without statistics, above request, lower
/// priority, further above request. Full ties keep their order; upstream leaves it open.
pub fn rank_by_excess(pods: &[EvictionClaim], order: &mut Vec<usize>) {
    order.clear();
    order.extend(0..pods.len());
    order.sort_by_key(|&index| {
        let pod = pods[index];
        let known = pod.used.is_some();
        let excess = if known { pod.excess() } else { 0 };
        (known, known && excess <= 0, pod.priority, Reverse(excess))
    });
}

/// Order of eviction when process ids run out (`rankPIDPressure`): lower priority, without
/// statistics, more processes.
pub fn rank_by_processes(pods: &[EvictionClaim], order: &mut Vec<usize>) {
    order.clear();
    order.extend(0..pods.len());
    order.sort_by_key(|&index| {
        let pod = pods[index];
        (pod.priority, pod.used.is_some(), Reverse(pod.used))
    });
}

/// The pod that one pass under memory or disk pressure evicts: the first in order that is not
/// critical. Static pods count as critical: pass [`CRITICAL_PRIORITY`].
#[must_use]
pub fn evict(pods: &[EvictionClaim], order: &mut Vec<usize>) -> Option<usize> {
    rank_by_excess(pods, order);
    order.iter().copied().find(|&index| pods[index].priority < CRITICAL_PRIORITY)
}

/// A pressure condition of a node over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// When its cause was last seen (ms).
    pub last_seen_millis: Option<u64>,
}

impl Pressure {
    /// One look at what is left of a resource: whether pods must go now. The threshold itself
    /// is enough to stay.
    pub fn look(&mut self, available: u64, threshold: u64, now_millis: u64) -> bool {
        let short = available < threshold;
        if short {
            self.last_seen_millis = Some(now_millis);
        }
        short
    }

    /// Whether the condition (and its taint, which BestEffort pods under memory pressure and all
    /// new pods under disk pressure do not pass) still stands.
    #[must_use]
    pub fn stands(&self, now_millis: u64) -> bool {
        self.last_seen_millis
            .is_some_and(|seen| now_millis.saturating_sub(seen) < TRANSITION_MILLIS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hold_in_order() {
        let pod = |priority, request, used| EvictionClaim { priority, request, used };
        let pods = [
            pod(0, 100, Some(100)),               // 0: at its request is within it
            pod(0, 100, Some(101)),               // 1
            pod(0, 0, Some(2)),                   // 2: further above than 1
            pod(-10, 100, Some(90)),              // 3: low priority, but within
            pod(1000, 0, None),                   // 4: no statistics
            pod(CRITICAL_PRIORITY, 0, Some(500)), // 5
            pod(0, 100, Some(10)),                // 6: further below than 0
        ];
        let mut order = Vec::new();
        rank_by_excess(&pods, &mut order);
        assert_eq!(order, [4, 2, 1, 5, 3, 0, 6]);
        assert_eq!(evict(&pods[5..6], &mut order), None);
        assert_eq!(evict(&pods, &mut order), Some(4));
        rank_by_processes(&pods, &mut order);
        assert_eq!(order, [3, 1, 0, 6, 2, 4, 5]);
    }

    #[test]
    fn pressure_outlives_its_cause_by_five_minutes() {
        let mut pressure = Pressure::default();
        assert!(!pressure.look(100, 100, 0) && !pressure.stands(0));
        assert!(pressure.look(99, 100, 10_000));
        for (now, stands) in [(10_000, true), (309_999, true), (310_000, false)] {
            assert!(!pressure.look(200, 100, now));
            assert_eq!(pressure.stands(now), stands, "{now}");
        }
    }
}
