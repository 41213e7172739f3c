//! Law of the CPU time of a request, scaled to mean 1.

use std::f64::consts::FRAC_1_SQRT_2;

/// Law of CPU time by its squared coefficient of variation c².
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Law {
    /// Every request alike: c² = 0.
    Deterministic,
    /// Memoryless: c² = 1.
    Exponential,
    /// Log-normal with this c² > 0.
    LogNormal(f64),
}

/// Least c² of a log-normal law; below it requests are as good as alike.
const LEAST_SPREAD: f64 = 0.01;

/// Standard normal distribution function.
pub fn normal(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

impl Law {
    /// The law of a squared coefficient of variation: 1 is exponential, 0 deterministic, any
    /// other log-normal (which measured service times resemble).
    pub fn of_spread(c2: f64) -> Self {
        if (c2 - 1.0).abs() < 1e-9 {
            Law::Exponential
        } else if c2 >= LEAST_SPREAD {
            Law::LogNormal(c2)
        } else {
            Law::Deterministic
        }
    }

    /// c².
    pub fn spread(self) -> f64 {
        match self {
            Law::Deterministic => 0.0,
            Law::Exponential => 1.0,
            Law::LogNormal(c2) => c2,
        }
    }

    /// Third moment.
    pub fn third_moment(self) -> f64 {
        match self {
            Law::Deterministic => 1.0,
            Law::Exponential => 6.0,
            Law::LogNormal(c2) => (1.0 + c2) * (1.0 + c2) * (1.0 + c2),
        }
    }

    /// Second moment.
    pub fn second_moment(self) -> f64 {
        1.0 + self.spread()
    }

    /// Share of requests of at most `size`.
    pub fn cdf(self, size: f64) -> f64 {
        match self {
            _ if size <= 0.0 => 0.0,
            Law::Deterministic => f64::from(u8::from(size >= 1.0)),
            Law::Exponential => -libm::expm1(-size),
            Law::LogNormal(c2) => {
                let variance = libm::log1p(c2);
                normal((libm::log(size) + variance / 2.0) / libm::sqrt(variance))
            }
        }
    }

    /// Mean of the lesser of a request's size and `limit`.
    pub fn mean_up_to(self, limit: f64) -> f64 {
        match self {
            _ if limit <= 0.0 => 0.0,
            Law::Deterministic => limit.min(1.0),
            Law::Exponential => -libm::expm1(-limit),
            Law::LogNormal(c2) => {
                let variance = libm::log1p(c2);
                let z = (libm::log(limit) - variance / 2.0) / libm::sqrt(variance);
                normal(z) + limit * (1.0 - self.cdf(limit))
            }
        }
    }

    /// Variance of the mean of a stationary process over a time `y`, against its variance at one
    /// instant, if its autocovariance falls like the tail of what is left of a request:
    /// 2/y² ∫₀^y (y − w) P(rest > w) dw.
    pub fn smoothing(self, y: f64) -> f64 {
        if y < 1e-4 {
            return 1.0 - y / 3.0;
        }
        match self {
            Law::Deterministic if y <= 1.0 => 1.0 - y / 3.0,
            Law::Deterministic => (1.0 - 1.0 / (3.0 * y)) / y,
            Law::Exponential => 2.0 * (y + libm::expm1(-y)) / (y * y),
            Law::LogNormal(c2) => {
                let variance = libm::log1p(c2);
                let deviation = libm::sqrt(variance);
                let z = (libm::log(y) + variance / 2.0) / deviation;
                let below = |power: f64| normal(z - power * deviation);
                let sum = 0.5 * y * (1.0 + c2) * below(2.0)
                    - self.third_moment() * below(3.0) / 6.0
                    + 0.5 * y * y * (1.0 - below(1.0))
                    - y * y * y * (1.0 - below(0.0)) / 6.0;
                (2.0 * sum / (y * y)).clamp(0.0, 1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAWS: [Law; 4] =
        [Law::Deterministic, Law::Exponential, Law::LogNormal(0.25), Law::LogNormal(4.0)];

    #[test]
    fn closed_forms_equal_their_integrals() {
        for law in LAWS {
            for y in [0.3, 1.0, 2.5, 8.0] {
                let steps = 20_000;
                let step = y / f64::from(steps);
                let (mut mean, mut rest, mut sum) = (0.0, 0.0, 0.0);
                for i in 0..steps {
                    let w = (f64::from(i) + 0.5) * step;
                    let tail = 1.0 - law.cdf(w);
                    mean += tail * step;
                    rest += tail * step / 2.0;
                    sum += (y - w) * (1.0 - rest) * step;
                    rest += tail * step / 2.0;
                }
                assert!((law.mean_up_to(y) - mean).abs() < 1e-3, "{law:?} {y}");
                assert!((law.smoothing(y) - 2.0 * sum / (y * y)).abs() < 1e-3, "{law:?} {y}");
            }
        }
    }

    #[test]
    fn a_spread_names_a_law_of_that_spread() {
        for c2 in [0.0, 0.25, 1.0, 2.0, 4.0] {
            assert!((Law::of_spread(c2).spread() - c2).abs() < 1e-12);
        }
    }
}
