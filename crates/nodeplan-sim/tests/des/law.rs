//! Laws of CPU time per request in the truth, each with mean 1.

use nodeplan_sim::random::Stream;

/// Law of CPU time, mean 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// c² = 0.
    Deterministic,
    /// c² = 1.
    Exponential,
    /// Any c² > 0.
    LogNormal(f64),
}

impl Law {
    /// c².
    pub fn spread(self) -> f64 {
        match self {
            Law::Deterministic => 0.0,
            Law::Exponential => 1.0,
            Law::LogNormal(c2) => c2,
        }
    }

    /// CPU time of a request.
    pub fn size(self, random: &mut Stream) -> f64 {
        match self {
            Law::Deterministic => 1.0,
            Law::Exponential => random.exponential(),
            Law::LogNormal(c2) => {
                let variance = libm::log1p(c2);
                libm::exp(libm::sqrt(variance) * random.normal() - variance / 2.0)
            }
        }
    }

    /// What is left of a request found in service: a uniform part of a size drawn in proportion
    /// to itself.
    pub fn rest(self, random: &mut Stream) -> f64 {
        match self {
            Law::Deterministic => random.unit(),
            Law::Exponential => random.exponential(),
            Law::LogNormal(c2) => {
                let variance = libm::log1p(c2);
                let size = libm::exp(libm::sqrt(variance) * random.normal() + variance / 2.0);
                size * random.unit()
            }
        }
    }
}
