//! Restarts of containers that end: `CrashLoopBackOff` (`doBackOff` of
//! `kuberuntime_manager.go`, `Backoff` of `client-go/util/flowcontrol`).

/// First delay (ms).
pub const INITIAL_MILLIS: u64 = 10_000;
/// Longest delay (ms); a container that ran for more than twice this starts afresh.
pub const MAX_MILLIS: u64 = 300_000;

/// What the kubelet remembers of one container's ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackOff {
    /// The delay after the next end, and when it was set, which is when the container last
    /// started again (ms).
    pub last: Option<(u64, u64)>,
}

impl BackOff {
    /// The container ended: when it starts again (ms). The first end, and the first after more
    /// than ten minutes of running, has no delay; then 10 s, doubling up to 5 min.
    pub fn restart_millis(&mut self, ended_millis: u64) -> u64 {
        let fresh = |(_, set): &(u64, u64)| ended_millis.saturating_sub(*set) <= 2 * MAX_MILLIS;
        let (restart, next) = match self.last.filter(fresh) {
            None => (ended_millis, INITIAL_MILLIS),
            Some((delay, _)) => (ended_millis.saturating_add(delay), (delay * 2).min(MAX_MILLIS)),
        };
        self.last = Some((next, restart));
        restart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_to_five_minutes_and_are_forgotten_after_ten() {
        let mut backoff = BackOff::default();
        let mut ended = 1_000;
        for seconds in [0, 10, 20, 40, 80, 160, 300, 300] {
            let restart = backoff.restart_millis(ended);
            assert_eq!(restart - ended, seconds * 1000);
            ended = restart + 1_000;
        }
        let restart = backoff.restart_millis(ended);
        assert_eq!(backoff.restart_millis(restart + 600_000), restart + 900_000);
        let restart = restart + 900_000;
        assert_eq!(backoff.restart_millis(restart + 600_001), restart + 600_001);
    }
}
