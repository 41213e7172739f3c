//! Two things timed side by side.

use std::time::{Duration, Instant};

/// How long one thing takes, measured in another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Median time of the first ÷ median time of the second.
    pub of_medians: f64,
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.of_medians)
    }
}

/// Whether a benchmark was asked for, not a test that it still runs.
#[must_use]
pub fn wants_ratios() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// Runs both in turn `rounds` times, so that a busy machine slows both.
#[must_use]
pub fn ratio(rounds: usize, mut one: impl FnMut(), mut other: impl FnMut()) -> Ratio {
    let mut times: [Vec<Duration>; 2] = Default::default();
    for _ in 0..rounds.max(1) {
        times[0].push(time(&mut one));
        times[1].push(time(&mut other));
    }
    let [one, other] = times.map(median);
    Ratio { of_medians: one.as_secs_f64() / other.as_secs_f64().max(f64::MIN_POSITIVE) }
}

#[expect(clippy::disallowed_methods, reason = "benches own a clock")]
fn time(run: &mut impl FnMut()) -> Duration {
    let begun = Instant::now();
    run();
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        let times = [9, 1, 5].map(Duration::from_secs).to_vec();
        assert_eq!(median(times), Duration::from_secs(5));
    }
}
