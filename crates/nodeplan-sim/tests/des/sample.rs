//! Response times seen: mean, exact-enough percentiles (0.25 % bins) and the noise of both.

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
}

impl Sample {
    /// An empty sample that expects so many.
    pub fn new(expected: u64) -> Self {
        Self { bins: vec![vec![0; BINS]; PARTS], sums: vec![0.0; PARTS], seen: 0, expected }
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

    /// Share of times up to the nearest bin edge to `limit`, that edge, and the standard error.
    pub fn share(&self, limit: f64) -> (f64, f64, f64) {
        let edge = libm::round((libm::log(limit) - LOWEST) * FINE);
        let (share, error) = self.figure(|bins, _| {
            let within: f64 = bins[..edge as usize].iter().map(|&c| f64::from(c)).sum();
            within / bins.iter().map(|&c| f64::from(c)).sum::<f64>()
        });
        (share, libm::exp(edge / FINE + LOWEST), error)
    }
}
