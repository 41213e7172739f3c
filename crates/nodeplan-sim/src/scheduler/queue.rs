//! How long a pod waits between attempts (`backend/queue`).

/// Wait after the first failed attempt.
const FIRST_MILLIS: u64 = 1_000;
/// Longest wait between attempts.
const LONGEST_MILLIS: u64 = 10_000;
/// After this long an unschedulable pod is tried again without any event
/// (`DefaultPodMaxInUnschedulablePodsDuration`).
pub const FLUSH_MILLIS: u64 = 300_000;

/// Wait before the next attempt after so many failed ones (`calculateBackoffDuration`).
#[must_use]
pub fn backoff_millis(attempts: u32) -> u64 {
    let doublings = attempts.saturating_sub(1).min(32);
    if attempts == 0 { 0 } else { (FIRST_MILLIS << doublings).min(LONGEST_MILLIS) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn waits_double_up_to_ten_seconds() {
        let waits: Vec<u64> = [0, 1, 2, 3, 4, 5, u32::MAX].map(super::backoff_millis).to_vec();
        assert_eq!(waits, [0, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    }
}
