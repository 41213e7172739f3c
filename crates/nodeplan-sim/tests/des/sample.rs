//! Response times seen: mean, exact-enough percentiles (0.25 % bins) and the noise of both.

use std::cell::OnceCell;

/// Bins per unit of the natural logarithm.
const FINE: f64 = 400.0;
/// Logarithm of the lowest time told apart.
const LOWEST: f64 = -12.0;
/// Bins.
const BINS: usize = 10_400;
/// Parts of a run whose spread tells the noise.
const PARTS: usize = 10;

/// Response times of a run, in the order of leaving.
pub struct Sample {
    bins: Vec<Vec<u32>>,
    sums: Vec<f64>,
    seen: u64,
    expected: u64,
    below: OnceCell<Vec<Vec<f64>>>,
}

impl Sample {
    /// An empty sample that expects so many.
    pub fn new(expected: u64) -> Self {
        let (bins, sums) = (vec![vec![0; BINS]; PARTS], vec![0.0; PARTS]);
        Self { bins, sums, seen: 0, expected, below: OnceCell::new() }
    }

    /// One response time.
    pub fn add(&mut self, time: f64) {
        let part = ((self.seen * PARTS as u64 / self.expected) as usize).min(PARTS - 1);
        // Times that differ in the last bits only belong together.
        let bin = ((libm::log(time) + 1e-9 - LOWEST) * FINE).max(0.0) as usize;
        self.bins[part][bin.min(BINS - 1)] += 1;
        self.sums[part] += time;
        self.seen += 1;
    }

    /// Response times seen.
    pub fn count(&self) -> u64 {
        self.seen
    }

    /// A figure of the whole and its standard error from the parts.
    fn figure(&self, of: impl Fn(&[u32], f64) -> f64) -> (f64, f64) {
        let mut all = vec![0; BINS];
        for part in &self.bins {
            all.iter_mut().zip(part).for_each(|(sum, count)| *sum += count);
        }
        let whole = of(&all, self.sums.iter().sum());
        let spread: f64 =
            self.bins.iter().zip(&self.sums).map(|(b, &s)| of(b, s) - whole).map(|d| d * d).sum();
        (whole, libm::sqrt(spread / (PARTS * (PARTS - 1)) as f64))
    }

    /// Mean and its standard error.
    pub fn mean(&self) -> (f64, f64) {
        self.figure(|bins, sum| sum / bins.iter().map(|&c| f64::from(c)).sum::<f64>())
    }

    /// Percentile and its standard error.
    pub fn quantile(&self, level: f64) -> (f64, f64) {
        self.figure(|bins, _| {
            let total: f64 = bins.iter().map(|&c| f64::from(c)).sum();
            let mut left = total * level;
            for (bin, &count) in bins.iter().enumerate() {
                if f64::from(count) >= left && count > 0 {
                    return libm::exp((bin as f64 + left / f64::from(count)) / FINE + LOWEST);
                }
                left -= f64::from(count);
            }
            f64::INFINITY
        })
    }

    /// Times below each bin, per part and then in all.
    fn below(&self) -> &[Vec<f64>] {
        self.below.get_or_init(|| {
            let mut all = vec![0.0; BINS + 1];
            let mut sums: Vec<Vec<f64>> = Vec::new();
            for part in &self.bins {
                let mut sum = vec![0.0; BINS + 1];
                for (bin, &count) in part.iter().enumerate() {
                    sum[bin + 1] = sum[bin] + f64::from(count);
                }
                all.iter_mut().zip(&sum).for_each(|(all, part)| *all += part);
                sums.push(sum);
            }
            sums.push(all);
            sums
        })
    }

    /// Share of times up to the nearest bin edge to `limit`, that edge, and the standard error;
    /// asked once all times are in.
    pub fn share(&self, limit: f64) -> (f64, f64, f64) {
        let edge = libm::round((libm::log(limit) - LOWEST) * FINE);
        let shares: Vec<f64> =
            self.below().iter().map(|sum| sum[edge as usize] / sum[BINS].max(1.0)).collect();
        let spread: f64 =
            shares[..PARTS].iter().map(|s| (s - shares[PARTS]) * (s - shares[PARTS])).sum();
        let error = libm::sqrt(spread / (PARTS * (PARTS - 1)) as f64);
        (shares[PARTS], libm::exp(edge / FINE + LOWEST), error)
    }
}
