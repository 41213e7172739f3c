//! Random numbers of the truth: xoshiro256++ seeded by splitmix64 (Blackman, Vigna 2018), and the
//! laws of CPU time per request, each with mean 1.

/// Stream of random numbers.
pub struct Random([u64; 4]);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        Self([next(), next(), next(), next()])
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.0;
        let answer = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        answer
    }

    /// Uniform on (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// One of 0..`n`, each alike.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Exponential with mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.uniform())
    }

    /// Standard normal (Box and Muller, one of the pair).
    pub fn normal(&mut self) -> f64 {
        libm::sqrt(2.0 * self.exponential())
            * libm::cos(2.0 * std::f64::consts::PI * self.uniform())
    }
}

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
    /// CPU time of a request.
    pub fn size(self, random: &mut Random) -> f64 {
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
    pub fn rest(self, random: &mut Random) -> f64 {
        match self {
            Law::Deterministic => random.uniform(),
            Law::Exponential => random.exponential(),
            Law::LogNormal(c2) => {
                let variance = libm::log1p(c2);
                let size = libm::exp(libm::sqrt(variance) * random.normal() + variance / 2.0);
                size * random.uniform()
            }
        }
    }
}
