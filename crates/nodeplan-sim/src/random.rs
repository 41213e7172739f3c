//! Random streams: one per purpose and name, so that a new workload does not shift another's
//! arrivals. xoshiro256++ (Blackman, Vigna 2021) seeded by SplitMix64.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    state: [u64; 4],
}

/// One step of SplitMix64.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of a seed for one purpose and name.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, name: &str) -> Self {
        // FNV-1a over both words, with a separator that neither can hold.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in purpose.bytes().chain([0xff]).chain(name.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self::of(seed ^ hash)
    }

    /// The stream of a seed alone.
    #[must_use]
    pub fn of(mut seed: u64) -> Self {
        let mut state = [0; 4];
        for word in &mut state {
            *word = split_mix(&mut seed);
        }
        Self { state }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in (0, 1).
    pub fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform below `bound`, which must be positive (Lemire 2019, without the last correction:
    /// off by less than 2^-32 for the bounds used here).
    pub fn below(&mut self, bound: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// Standard normal (Box, Muller 1958; one of the pair).
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (self.unit(), self.unit());
        libm::sqrt(-2.0 * libm::log(u)) * libm::cos(core::f64::consts::TAU * v)
    }

    /// Log-normal of this median and 95th percentile.
    pub fn log_normal(&mut self, p50: f64, p95: f64) -> f64 {
        if p50 <= 0.0 {
            return 0.0;
        }
        let sigma = libm::log((p95 / p50).max(1.0)) / 1.644_853_626_951_472_2;
        p50 * libm::exp(sigma * self.normal())
    }

    /// Poisson of this mean: by inversion below 12, by transformed rejection above (Hörmann
    /// 1993, PTRS).
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean < 12.0 {
            let limit = libm::exp(-mean);
            let (mut count, mut product) = (0, self.unit());
            while product > limit {
                product *= self.unit();
                count += 1;
            }
            return count;
        }
        let b = 0.931 + 2.53 * libm::sqrt(mean);
        let a = -0.059 + 0.024_83 * b;
        let vr = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let u = self.unit() - 0.5;
            let v = self.unit();
            let us = 0.5 - libm::fabs(u);
            let count = (2.0 * a / us + b) * u + mean + 0.43;
            if us >= 0.07 && v <= vr {
                return count as u64;
            }
            if count < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
            let k = libm::floor(count);
            let (hat, shape) = (v * inverse_alpha / (a / (us * us) + b), (mean, k));
            if surely(hat, shape).unwrap_or_else(|| {
                let left = libm::log(v) + libm::log(inverse_alpha) - libm::log(a / (us * us) + b);
                left <= k * libm::log(mean) - mean - libm::lgamma(k + 1.0)
            }) {
                return k as u64;
            }
        }
    }

    /// Gamma of this shape, scale 1 (Marsaglia, Tsang 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let u = self.unit();
            return self.gamma(shape + 1.0) * libm::pow(u, 1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            let u = self.unit();
            if libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// Arrivals of this mean and index of dispersion: Poisson at 1 (and below), else negative
    /// binomial.
    pub fn arrivals(&mut self, mean: f64, dispersion: f64) -> u64 {
        if dispersion <= 1.0 || mean <= 0.0 {
            return self.poisson(mean);
        }
        let scale = dispersion - 1.0;
        let rate = self.gamma(mean / scale) * scale;
        self.poisson(rate)
    }
}

/// Whether `hat` is at most the probability that a Poisson number of this mean is `k`, by Stirling's
/// series up to its second term; nothing where that is not sure: its error is below 1/(1260 k⁵), that
/// of rounding below 10⁻¹⁴ k ln k, in both this and the plain formula.
fn surely(hat: f64, (mean, k): (f64, f64)) -> Option<bool> {
    if !(10.0..1e9).contains(&k) {
        return None;
    }
    let stirling = (1.0 / 12.0 - 1.0 / (360.0 * k * k)) / k;
    let scaled = hat * libm::sqrt(core::f64::consts::TAU * k);
    let unsure = 1e-6 + k * 1e-12;
    // Mostly, bounds of both logarithms decide.
    let x = (mean - k) / k;
    if scaled > 0.0 && libm::fabs(x) < 0.5 {
        let (least, most) = around_log(scaled);
        let (squared, cubic) = (x * x, x * x * (x / 3.0 - 0.5));
        if most + stirling - k * (cubic - squared * squared / 2.0) < -unsure {
            return Some(true);
        }
        if least + stirling - k * cubic > unsure {
            return Some(false);
        }
    }
    let above = libm::log(scaled) + stirling - (k * libm::log(mean / k) + (k - mean));
    (libm::fabs(above) > unsure).then_some(above <= 0.0)
}

/// Bounds of the logarithm of a positive number: (x − 1)/√x and 2 (x − 1)/(x + 1).
fn around_log(x: f64) -> (f64, f64) {
    let (far, near) = ((x - 1.0) / libm::sqrt(x), 2.0 * (x - 1.0) / (x + 1.0));
    (far.min(near), far.max(near))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sure_is_what_the_plain_formula_says() {
        let mut stream = Stream::new(3, "test", "sure");
        let mut unsure = 0;
        for _ in 0..200_000 {
            let mean = libm::exp(libm::log(12.0) + 14.0 * stream.unit());
            let k = libm::floor(mean + 4.0 * libm::sqrt(mean) * (stream.unit() - 0.5)).max(0.0);
            let plain = k * libm::log(mean) - mean - libm::lgamma(k + 1.0);
            // Near the edge, where it matters.
            let nearness = libm::exp(-20.0 * stream.unit());
            let hat = libm::exp(plain + nearness * (stream.unit() - 0.5));
            match surely(hat, (mean, k)) {
                Some(sure) => assert_eq!(sure, libm::log(hat) <= plain, "{mean} {k} {hat}"),
                None => unsure += 1,
            }
        }
        assert!((1_000..100_000).contains(&unsure), "{unsure}");
    }

    /// Mean and variance of `draws` draws.
    fn moments(draws: u32, mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..draws {
            let x = draw();
            sum += x;
            squares += x * x;
        }
        let n = f64::from(draws);
        (sum / n, squares / n - (sum / n) * (sum / n))
    }

    #[test]
    fn arrivals_have_the_mean_and_dispersion_asked_for() {
        for (mean, dispersion) in
            [(0.3, 1.0), (11.0, 1.0), (40.0, 1.0), (900.0, 1.0), (50.0, 4.0), (2.0, 3.0)]
        {
            let mut stream = Stream::new(7, "test", "arrivals");
            let (got, variance) = moments(40_000, || stream.arrivals(mean, dispersion) as f64);
            assert!((got / mean - 1.0).abs() < 0.03, "mean {mean}: {got}");
            let want = mean * dispersion;
            assert!((variance / want - 1.0).abs() < 0.06, "variance {want}: {variance}");
        }
    }

    #[test]
    fn a_log_normal_has_its_percentiles() {
        let mut stream = Stream::new(1, "test", "boot");
        let mut draws: Vec<f64> = (0..20_000).map(|_| stream.log_normal(150.0, 300.0)).collect();
        draws.sort_by(f64::total_cmp);
        assert!((draws[10_000] / 150.0 - 1.0).abs() < 0.03);
        assert!((draws[19_000] / 300.0 - 1.0).abs() < 0.04);
    }

    #[test]
    fn streams_of_other_names_are_other_streams() {
        let first = |purpose, name| Stream::new(3, purpose, name).bits();
        assert_eq!(first("a", "b"), first("a", "b"));
        assert_ne!(first("a", "b"), first("b", "a"));
        assert_ne!(first("ab", ""), first("a", "b"));
    }
}
