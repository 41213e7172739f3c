//! The clocks of node auto-provisioning, each a pure function of times the caller keeps.

/// How long the provisioner waits for another pod before it looks at a batch (`batch-idle-duration`).
pub const BATCH_IDLE_MS: i64 = 1_000;
/// How long it waits at most (`batch-max-duration`).
pub const BATCH_MAX_MS: i64 = 10_000;
/// How often the disruption controller looks.
pub const DISRUPTION_POLL_MS: i64 = 10_000;
/// While nothing in the cluster changed, methods that found nothing are not asked again for this
/// long (`IsConsolidated`, `Cluster.ConsolidationState`); remembering it is the caller's.
pub const UNCHANGED_RECHECK_MS: i64 = 300_000;
/// How long a consolidation waits before it is validated and done (`consolidationTTL`).
pub const VALIDATION_MS: i64 = 15_000;
/// A node must register within this time or its claim is deleted (`registrationTTL`).
pub const REGISTRATION_MS: i64 = 900_000;

/// A batch of pending pods being gathered (`provisioning/batcher.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// When its first pod came, in milliseconds.
    pub opened_ms: i64,
    /// When its latest pod came, in milliseconds.
    pub latest_ms: i64,
}

impl Batch {
    /// A batch with its first pod.
    #[must_use]
    pub const fn open(now_ms: i64) -> Self {
        Self { opened_ms: now_ms, latest_ms: now_ms }
    }

    /// The batch with one more pod.
    #[must_use]
    pub const fn more(self, now_ms: i64) -> Self {
        Self { latest_ms: now_ms, ..self }
    }

    /// When provisioning runs, unless another pod comes first.
    #[must_use]
    pub fn closes_ms(self) -> i64 {
        let idle = self.latest_ms.saturating_add(BATCH_IDLE_MS);
        idle.min(self.opened_ms.saturating_add(BATCH_MAX_MS))
    }
}

/// Condition `Consolidatable` of a node (`nodeclaim/disruption/consolidation.go`): initialized, and
/// `consolidate_after_ms` passed since its latest pod came, went or ended, or since it was
/// initialized if later. `None` never.
#[must_use]
pub fn consolidatable(
    initialized_ms: Option<i64>,
    latest_pod_event_ms: Option<i64>,
    consolidate_after_ms: Option<i64>,
    now_ms: i64,
) -> bool {
    let (Some(initialized), Some(after)) = (initialized_ms, consolidate_after_ms) else {
        return false;
    };
    let since = latest_pod_event_ms.unwrap_or(initialized);
    now_ms.saturating_sub(since) >= after
}

/// When a node expires; it is then deleted at once, budgets or not. `None` never.
#[must_use]
pub fn expires_ms(created_ms: i64, expire_after_ms: Option<i64>) -> Option<i64> {
    expire_after_ms.map(|after| created_ms.saturating_add(after))
}

#[cfg(test)]
mod tests {
    use super::{Batch, consolidatable};

    #[test]
    fn a_batch_closes_a_second_after_its_latest_pod_but_no_later_than_ten_seconds() {
        let batch = Batch::open(100);
        assert_eq!(batch.closes_ms(), 1_100);
        assert_eq!(batch.more(900).closes_ms(), 1_900);
        assert_eq!(batch.more(9_800).closes_ms(), 10_100);
    }

    #[test]
    fn a_node_is_consolidatable_so_long_after_its_latest_pod_event() {
        for (initialized, event, after, now, expected) in [
            (None, None, Some(0), 10, false),
            (Some(0), None, None, 10, false),
            (Some(0), None, Some(0), 0, true),
            (Some(0), Some(5), Some(30), 34, false),
            (Some(0), Some(5), Some(30), 35, true),
        ] {
            assert_eq!(consolidatable(initialized, event, after, now), expected);
        }
    }
}
