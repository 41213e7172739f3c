//! Synthetic traffic: daily waves, flash crowds, steps, and a two-state Markov-modulated rate.

use nodeplan_model::scenario::{MILLION, Series};

use crate::random::Stream;

/// A shape of traffic; rates are arrivals a second, times seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A sine over the day between `low` and `high`, highest at `peak_hour`.
    Diurnal {
        /// Lowest rate.
        low: f64,
        /// Highest rate.
        high: f64,
        /// Hour of the day of the peak.
        peak_hour: f64,
    },
    /// `base` until `at`, up to `peak` within `rise`, then halving every `half_life`.
    FlashCrowd {
        /// Rate before and long after.
        base: f64,
        /// Highest rate.
        peak: f64,
        /// When it begins.
        at: u64,
        /// How long it rises.
        rise: u64,
        /// How fast it ebbs.
        half_life: u64,
    },
    /// `low` until `at`, then `high`.
    Step {
        /// Rate before.
        low: f64,
        /// Rate after.
        high: f64,
        /// When.
        at: u64,
    },
    /// `low` or `high`, each held for an exponential time of its mean (MMPP).
    Modulated {
        /// Rate of the quiet state.
        low: f64,
        /// Rate of the busy state.
        high: f64,
        /// Mean length of the quiet state.
        quiet: f64,
        /// Mean length of the busy state.
        busy: f64,
    },
}

/// A series of this shape: `steps` steps of `step_seconds`.
#[must_use]
pub fn series(name: &str, shape: &Shape, step_seconds: u64, steps: usize, seed: u64) -> Series {
    let rates = match shape {
        Shape::Modulated { low, high, quiet, busy } => modulated(
            [*low, *high],
            [*quiet, *busy],
            step_seconds,
            steps,
            Stream::new(seed, "traffic", name),
        ),
        _ => (0..steps)
            .map(|step| {
                rate(shape, (step as u64 * step_seconds) as f64 + step_seconds as f64 / 2.0)
            })
            .collect(),
    };
    let micro = |rate: f64| (rate.max(0.0) * MILLION as f64) as u64;
    Series {
        name: name.to_owned(),
        step_millis: step_seconds * 1000,
        micro_per_second: rates.into_iter().map(micro).collect(),
    }
}

/// The rate of a shape without memory at a second.
fn rate(shape: &Shape, second: f64) -> f64 {
    match *shape {
        Shape::Diurnal { low, high, peak_hour } => {
            let angle = (second / 86_400.0 - peak_hour / 24.0) * core::f64::consts::TAU;
            low + (high - low) * (1.0 + libm::cos(angle)) / 2.0
        }
        Shape::FlashCrowd { base, peak, at, rise, half_life } => {
            let since = second - at as f64;
            if since < 0.0 {
                base
            } else if since < rise as f64 {
                base + (peak - base) * since / rise as f64
            } else {
                let halves = (since - rise as f64) / (half_life.max(1)) as f64;
                base + (peak - base) * libm::exp2(-halves)
            }
        }
        Shape::Step { low, high, at } => {
            if second < at as f64 {
                low
            } else {
                high
            }
        }
        Shape::Modulated { low, .. } => low,
    }
}

/// Mean rate of each step of a two-state modulated process.
fn modulated(
    rates: [f64; 2],
    means: [f64; 2],
    step_seconds: u64,
    steps: usize,
    mut stream: Stream,
) -> Vec<f64> {
    let mut state = 0;
    let mut left = -means[0] * libm::log(stream.unit());
    let mut out = Vec::with_capacity(steps);
    for _ in 0..steps {
        let (mut rest, mut sum) = (step_seconds as f64, 0.0);
        while rest > 0.0 {
            let held = left.min(rest).max(0.0);
            sum += rates[state] * held;
            rest -= held;
            left -= held;
            if left <= 0.0 {
                state = 1 - state;
                // At least a second, so that a mean of zero ends.
                left = (-means[state] * libm::log(stream.unit())).max(1.0);
            }
        }
        out.push(sum / step_seconds.max(1) as f64);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_their_landmarks() {
        let wave = Shape::Diurnal { low: 10.0, high: 30.0, peak_hour: 14.0 };
        assert!((rate(&wave, 14.0 * 3600.0) - 30.0).abs() < 1e-9);
        assert!((rate(&wave, 2.0 * 3600.0) - 10.0).abs() < 1e-9);
        let crowd = Shape::FlashCrowd { base: 5.0, peak: 105.0, at: 600, rise: 60, half_life: 300 };
        for (second, want) in [(0.0, 5.0), (630.0, 55.0), (660.0, 105.0), (960.0, 55.0)] {
            assert!((rate(&crowd, second) - want).abs() < 1e-9, "{second}");
        }
    }

    #[test]
    fn a_modulated_rate_has_the_mean_of_its_states() {
        let shape = Shape::Modulated { low: 10.0, high: 100.0, quiet: 300.0, busy: 100.0 };
        let series = series("m", &shape, 60, 50_000, 3);
        let mean = series.micro_per_second.iter().sum::<u64>() as f64 / 50_000.0 / 1e6;
        assert!((mean / 32.5 - 1.0).abs() < 0.05, "{mean}");
    }
}
