//! Back-off of node groups after failed scale-ups (`utils/backoff/exponential_backoff.go`).

use super::options::Options;

/// Back-off of one group; times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    duration: i64,
    until: i64,
    last_failure: i64,
}

/// Back-off of all groups, by group index.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    entries: Vec<Option<Entry>>,
}

impl Backoff {
    /// No group backs off.
    #[must_use]
    pub fn new(groups: usize) -> Self {
        Backoff { entries: vec![None; groups] }
    }

    /// A failure now: doubles the time if the last one has run out, else repeats it.
    pub fn fail(&mut self, group: usize, now: i64, options: &Options) {
        let mut duration = options.initial_backoff_ms;
        if let Some(entry) = self.entries[group] {
            duration = entry.duration;
            if entry.until < now {
                duration = duration.saturating_mul(2).min(options.max_backoff_ms);
            }
        }
        self.entries[group] =
            Some(Entry { duration, until: now.saturating_add(duration), last_failure: now });
    }

    /// Whether the group backs off now; its last millisecond counts.
    #[must_use]
    pub fn active(&self, group: usize, now: i64) -> bool {
        self.entries[group].is_some_and(|entry| entry.until >= now)
    }

    /// Until when a group backs off, if it has ever failed.
    #[must_use]
    pub fn until(&self, group: usize) -> Option<i64> {
        self.entries[group].map(|entry| entry.until)
    }

    /// Forgets failures that are long past.
    pub fn forget_stale(&mut self, now: i64, options: &Options) {
        for entry in &mut self.entries {
            if entry.is_some_and(|entry| {
                entry.last_failure.saturating_add(options.backoff_reset_ms) < now
            }) {
                *entry = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_while_active_doubles_after_and_forgets() {
        let options = Options::default();
        let mut backoff = Backoff::new(1);
        backoff.fail(0, 0, &options);
        assert!(backoff.active(0, 300_000) && !backoff.active(0, 300_001));
        backoff.fail(0, 300_000, &options);
        assert!(backoff.active(0, 600_000) && !backoff.active(0, 600_001));
        let mut now = 600_001;
        for minutes in [10, 20, 30, 30] {
            backoff.fail(0, now, &options);
            now += minutes * 60_000;
            assert!(backoff.active(0, now) && !backoff.active(0, now + 1), "{minutes}");
            now += 1;
        }
        let last_failure = now - 1 - 30 * 60_000;
        backoff.forget_stale(last_failure + options.backoff_reset_ms, &options);
        backoff.fail(0, last_failure + options.backoff_reset_ms, &options);
        assert!(backoff.active(0, last_failure + options.backoff_reset_ms + 1_800_000));
        backoff.forget_stale(last_failure + 2 * options.backoff_reset_ms + 1, &options);
        assert!(!backoff.active(0, now));
    }
}
