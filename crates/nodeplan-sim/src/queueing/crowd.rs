//! How many others a request meets in its pod, and what they do to it.
//!
//! Requests inside are a birth–death chain with death rate min(j, k, W). A request that has
//! attained u of its service meets j others; on the clock u, others leave at rate j and come at
//! rate (birth rate)·X_j, X_j being the time that a unit of service takes among j others. That chain
//! has the law found at arrival as its stationary law, so slowdown is a stationary process whose
//! mean, variance and relaxation time are sums over the chain: exact for exponential CPU time,
//! and for the mean for every law (Cohen 1979). The relaxation time is the integral of the
//! autocovariance over the variance.

use super::law::Law;
use super::shape::{Arrivals, Shape};
use super::waits;

/// What a request meets, in units of [`Shape::unit`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Crowd {
    /// Mean of slowdown minus 1 while in service.
    pub slow_mean: f64,
    /// Variance of the slowdown at one instant.
    pub slow_variance: f64,
    /// Time in which the slowdown forgets, on the clock of attained service, for c² = 1.
    pub slow_memory: f64,
    /// Probability to be served at full speed at first.
    pub free: f64,
    /// Weight and rate of the two exponentials by which that probability falls with attained
    /// service: as they have the same first three derivatives and integral, but one.
    pub stays_free: [(f64, f64); 2],
    /// Probability to wait for a worker.
    pub waits: f64,
    /// Mean wait of all requests.
    pub wait_mean: f64,
    /// Slowdown minus 1 of those who waited.
    pub slow_after_wait: f64,
}

/// A stationary chain as an arriving request sees it.
struct Chain {
    /// Probability to find j inside.
    seen: Vec<f64>,
    /// Arrival rate while j are inside.
    birth: Vec<f64>,
}

/// Probabilities below this are not followed.
const NEGLIGIBLE: f64 = 1e-12;
/// Most requests inside one pod that are followed.
const MOST_INSIDE: usize = 20_000;

/// Rate at which requests leave when j are inside.
fn death(j: usize, servers: f64, capacity: f64) -> f64 {
    (j as f64).min(servers).min(capacity)
}

/// Poisson arrivals at rate `a`.
fn random_chain(a: f64, servers: f64, capacity: f64) -> Chain {
    let mut seen = vec![1.0];
    let (mut weight, mut sum) = (1.0, 1.0);
    while seen.len() < MOST_INSIDE {
        let next = weight * a / death(seen.len(), servers, capacity);
        if next < weight && next < NEGLIGIBLE * sum {
            break;
        }
        weight = next;
        sum += weight;
        seen.push(weight);
    }
    seen.iter_mut().for_each(|p| *p /= sum);
    let birth = vec![a; seen.len()];
    Chain { seen, birth }
}

/// The emptier of two pods, in the limit of many (Vvedenskaya, Dobrushin, Karpelevich 1996;
/// Mitzenmacher 2001): s_j, the share of pods with at least j inside, balances
/// a (s_{j−1}² − s_j²) = death_j (s_j − s_{j+1}) with s_0 = 1; s_1 is found by bisection.
fn least_request_chain(a: f64, servers: f64, capacity: f64) -> Chain {
    let shares = |first: f64| {
        let mut s = vec![1.0, first];
        loop {
            let j = s.len() - 1;
            let flow = a * (s[j - 1] * s[j - 1] - s[j] * s[j]);
            let next = s[j] - flow / death(j, servers, capacity);
            if next <= 1e-9 || next >= s[j] || s.len() >= MOST_INSIDE {
                return (s, next);
            }
            s.push(next);
        }
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        // Too small a start runs below zero; too large a one never falls to it.
        if shares(middle).1 <= 0.0 { low = middle } else { high = middle }
    }
    let (mut s, _) = shares(low);
    s.push(0.0);
    let mut chain = Chain { seen: Vec::new(), birth: Vec::new() };
    for pair in s.windows(2) {
        chain.seen.push(pair[0] * pair[0] - pair[1] * pair[1]);
        chain.birth.push(a * (pair[0] + pair[1]));
    }
    chain
}

/// Renewal arrivals of dispersion I = `dispersion`: with probability p_i a gap is exponential with
/// rate g_i = 2 p_i a (balanced means). The chain on (inside, branch) is solved by eliminating
/// levels from the top.
fn bursty_chain(a: f64, dispersion: f64, servers: f64, capacity: f64) -> Chain {
    let p = 0.5 * (1.0 + libm::sqrt((dispersion - 1.0) / (dispersion + 1.0)));
    let (share, rate) = ([p, 1.0 - p], [2.0 * p * a, 2.0 * (1.0 - p) * a]);
    // Root of σ = E e^(−capacity (1 − σ) gap): the ratio of the tail (GI/M/k).
    let mut sigma = a / capacity;
    for _ in 0..200 {
        let leave = capacity * (1.0 - sigma);
        sigma = share[0] * rate[0] / (rate[0] + leave) + share[1] * rate[1] / (rate[1] + leave);
    }
    let tail = libm::log(NEGLIGIBLE) / libm::log(sigma.clamp(0.1, 0.9999));
    let top = (capacity.max(servers) as usize + 2 + tail as usize).min(MOST_INSIDE);
    // up[j][from] × (probability of the branch) carries level j − 1 to j: π_j = (π_{j−1}·rate) R_j.
    let mut carries = vec![[0.0; 2]; top + 1];
    let mut above = [0.0; 2];
    for j in (1..=top).rev() {
        let leave = death(j, servers, capacity);
        // π_j (leave + rate − back) = flow·share, with `back` what returns from level j + 1.
        let back = if j == top { [0.0; 2] } else { above };
        let next_leave = death(j + 1, servers, capacity);
        // Level j + 1 holds (π_j·rate) carries[j+1]; it returns at next_leave, branch kept.
        let matrix = [
            [leave + rate[0] * (1.0 - next_leave * back[0]), -rate[0] * next_leave * back[1]],
            [-rate[1] * next_leave * back[0], leave + rate[1] * (1.0 - next_leave * back[1])],
        ];
        let det = matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0];
        carries[j] = [
            (share[0] * matrix[1][1] - share[1] * matrix[1][0]) / det,
            (share[1] * matrix[0][0] - share[0] * matrix[0][1]) / det,
        ];
        above = carries[j];
    }
    // Level 0: π_0i rate_i = death_1 π_1i.
    let first = death(1, servers, capacity);
    let mut level = [carries[1][0] * first / rate[0], carries[1][1] * first / rate[1]];
    let mut levels = vec![level];
    for carry in &carries[1..] {
        let flow = level[0] * rate[0] + level[1] * rate[1];
        level = [flow * carry[0], flow * carry[1]];
        levels.push(level);
    }
    let mut chain = Chain { seen: Vec::new(), birth: Vec::new() };
    let total: f64 = levels.iter().map(|l| l[0] * rate[0] + l[1] * rate[1]).sum();
    for level in &levels {
        let flow = level[0] * rate[0] + level[1] * rate[1];
        chain.seen.push(flow / total);
        chain.birth.push(flow / (level[0] + level[1]));
    }
    chain
}

impl Chain {
    fn of(shape: &Shape, load: f64) -> Self {
        let (servers, capacity) = (shape.servers(), shape.capacity());
        let a = load * capacity;
        match shape.arrivals {
            Arrivals::Bursty(milli) if milli > 1000 => {
                bursty_chain(a, f64::from(milli) / 1000.0, servers, capacity)
            }
            Arrivals::LeastRequest | Arrivals::LeastRequestOf(_) => {
                least_request_chain(a, servers, capacity)
            }
            Arrivals::Random | Arrivals::Bursty(_) => random_chain(a, servers, capacity),
        }
    }

    /// Arrival rate on the clock of attained service, with j others inside.
    fn comes(&self, j: usize, slow: f64) -> f64 {
        self.birth[(j + 1).min(self.birth.len() - 1)] * slow
    }
}

/// Two exponentials with value 1, slope −`slope`, second derivative `birth`·`slope` at 0 and
/// integral `integral`: Gauss's rule with two nodes for the spectral measure.
fn two_exponentials(slope: f64, birth: f64, integral: f64) -> [(f64, f64); 2] {
    let det = 1.0 - integral * slope;
    if det > -1e-9 {
        return [(1.0, slope), (0.0, slope)];
    }
    let (second, third) = (slope, birth * slope);
    let b = (integral * third - second) / det;
    let c = (second * second - third) / det;
    let root = libm::sqrt((b * b - 4.0 * c).max(0.0));
    let (fast, slow) = (0.5 * (root - b), 0.5 * (-b - root));
    let weight = fast * (1.0 - slow * integral) / (fast - slow);
    [(weight, fast), (1.0 - weight, slow)]
}

impl Crowd {
    /// What a request meets in a pod at a load below 1.
    pub fn of(shape: &Shape, load: f64) -> Self {
        Self::with_seen(shape, load).0
    }

    /// The same, and the probabilities to find 0, 1, … others inside.
    pub fn with_seen(shape: &Shape, load: f64) -> (Self, Vec<f64>) {
        let chain = Chain::of(shape, load);
        let mut crowd = Self::default();
        crowd.slow(shape, &chain);
        if shape.workers > 0 {
            crowd.wait(shape, load, &chain);
        }
        if let Arrivals::LeastRequestOf(pods) = shape.arrivals {
            // What few pods have in common (Gast 2017): load²/(2 (1 − load)) more inside over all.
            let more = load / (2.0 * (1.0 - load) * f64::from(pods.max(1)) * shape.capacity());
            crowd.slow_mean += more;
            crowd.slow_variance += more * more;
        }
        if let Arrivals::Bursty(milli) = shape.arrivals
            && shape.workers == 0
            && milli > 1000
        {
            // Sharing with bursts feels c² (Zhang, Zwart 2008), without them it does not.
            let (dispersion, c2) = (f64::from(milli) / 1000.0, shape.law().spread());
            let full = 2.0 * (dispersion + c2) / ((1.0 + c2) * (1.0 + dispersion));
            let factor = 1.0 + load * load * (full - 1.0);
            crowd.slow_mean *= factor;
            crowd.slow_variance *= factor * factor;
        }
        (crowd, chain.seen)
    }

    /// Slowdown in service.
    fn slow(&mut self, shape: &Shape, chain: &Chain) {
        let servers = shape.servers();
        let workers = if shape.workers == 0 { f64::INFINITY } else { f64::from(shape.workers) };
        let slow = |j: usize| (((j + 1) as f64).min(workers) / servers).max(1.0);
        let mut square = 0.0;
        for (j, &p) in chain.seen.iter().enumerate() {
            self.slow_mean += p * (slow(j) - 1.0);
            square += p * (slow(j) - 1.0) * (slow(j) - 1.0);
        }
        self.slow_variance = (square - self.slow_mean * self.slow_mean).max(0.0);
        self.slow_after_wait = (workers.min(1e9) / servers).max(1.0) - 1.0;
        let (mut memory, mut gathered, mut below, mut stays) = (0.0, 0.0, 0.0, 0.0);
        let whole = if workers <= servers { 0 } else { servers as usize };
        for (j, &p) in chain.seen.iter().enumerate() {
            let flow = p * chain.comes(j, slow(j));
            if flow <= 0.0 {
                break;
            }
            gathered += p * (slow(j) - 1.0 - self.slow_mean);
            memory += gathered * gathered / flow;
            if j < whole {
                below += p;
                stays += below * below / flow;
            }
        }
        self.slow_memory = memory / self.slow_variance.max(1e-300);
        if whole == 0 || whole > chain.seen.len() {
            // Nobody is ever slowed down, as far as the chain is followed.
            (self.free, self.stays_free) = (1.0, [(1.0, 0.0), (0.0, 0.0)]);
            return;
        }
        let birth = chain.comes(whole - 1, 1.0);
        self.free = below.min(1.0);
        let slope = birth * chain.seen[whole - 1] / below;
        self.stays_free = two_exponentials(slope, birth, stays / below);
    }

    /// Wait for a worker.
    fn wait(&mut self, shape: &Shape, load: f64, chain: &Chain) {
        let workers = shape.workers as usize;
        let mut ahead = 0.0;
        for (j, &p) in chain.seen.iter().enumerate().skip(workers) {
            self.waits += p;
            ahead += p * (j - workers + 1) as f64;
        }
        if self.waits <= 0.0 {
            return;
        }
        ahead /= self.waits;
        self.waits = (self.waits * waits::more_wait(shape, load)).min(1.0);
        // Page's (1982) factor for bursts.
        let bursts = match shape.arrivals {
            Arrivals::Bursty(milli) => {
                let (dispersion, c2) = (f64::from(milli.max(1000)) / 1000.0, shape.law().spread());
                (dispersion + c2) / (1.0 + c2) * 2.0 / (1.0 + dispersion)
            }
            Arrivals::Random | Arrivals::LeastRequest | Arrivals::LeastRequestOf(_) => 1.0,
        };
        let random = ahead / shape.capacity() * bursts;
        self.wait_mean = self.waits * random * waits::stretch(shape, load);
    }

    /// Mean response time.
    pub fn mean(&self) -> f64 {
        1.0 + self.slow_mean + self.wait_mean
    }

    /// Probability that a request of this size is delayed by nobody.
    pub fn undelayed(&self, size: f64) -> f64 {
        let [fast, slow] = self.stays_free;
        let free =
            self.free * (fast.0 * libm::exp(-fast.1 * size) + slow.0 * libm::exp(-slow.1 * size));
        free.min(1.0 - self.waits)
    }

    /// What others in service do to a request of this size.
    pub fn slows(&self, law: Law, size: f64) -> Slows {
        let smoothing = law.smoothing(size / self.slow_memory.max(1e-9));
        let variance = size * size * self.slow_variance * smoothing;
        if self.waits <= 0.0 || self.slow_variance <= 0.0 {
            let mean = size * self.slow_mean;
            return Slows { undelayed: self.undelayed(size), mean, variance, waited: mean };
        }
        // Who has waited starts among as many as are served at a time; that is forgotten.
        let forgotten = size / self.slow_memory;
        let kept = -libm::expm1(-forgotten) / forgotten;
        let free = (1.0 - self.waits).max(1e-9);
        let waited = size * (self.slow_mean + (self.slow_after_wait - self.slow_mean) * kept);
        let mean = ((size * self.slow_mean - self.waits * waited) / free).max(0.0);
        let apart = waited - mean;
        let variance = (variance - self.waits * free * apart * apart).max(0.0) / free;
        Slows { undelayed: (self.undelayed(size) / free).min(1.0), mean, variance, waited }
    }
}

/// Delays in service of requests of one size.
#[derive(Clone, Copy, Debug)]
pub struct Slows {
    /// Share of those who did not wait that is delayed by nobody.
    pub undelayed: f64,
    /// Mean delay of those who did not wait.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
    /// Mean delay of those who waited.
    pub waited: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_core_is_known_in_closed_form() {
        for load in [0.1, 0.5, 0.9, 0.99] {
            let crowd = Crowd::of(&Shape::new(1000, 1000), load);
            let idle = 1.0 - load;
            assert!((crowd.slow_mean * idle / load - 1.0).abs() < 1e-6);
            assert!((crowd.slow_variance * idle * idle / load - 1.0).abs() < 1e-6);
            assert!((crowd.slow_memory * idle - 1.0).abs() < 1e-6, "{load} {}", crowd.slow_memory);
            let undelayed = idle * libm::exp(-load * 2.0);
            assert!((crowd.undelayed(2.0) - undelayed).abs() < 1e-9);
        }
    }

    #[test]
    fn one_worker_is_pollaczek_and_khinchine() {
        for spread in [0, 250, 1000, 4000] {
            let shape = Shape { workers: 1, ..Shape::new(1000, spread) };
            let (law, load) = (shape.law(), 0.7);
            let crowd = Crowd::of(&shape, load);
            let mean = load * (1.0 + law.spread()) / 2.0 / (1.0 - load);
            assert!((crowd.wait_mean - mean).abs() < 1e-6 * mean, "{spread}");
            assert!((crowd.waits - load).abs() < 1e-9);
        }
    }

    #[test]
    fn erlang_c_of_two_and_a_half_cores() {
        // States 0, 1, 2 and then a ratio of 0.8: weights 1, 2, 2, 1.6, 1.28, …
        let crowd = Crowd::of(&Shape::new(2500, 1000), 0.8);
        let total = 1.0 + 2.0 + 2.0 / 0.2;
        assert!((crowd.free - 3.0 / total).abs() < 1e-9);
        // E N = (0·1 + 1·2 + Σ_{j≥2} 2·0.8^(j−2)·j)/13 = (2 + 2·(2/0.2 + 0.8/0.04))/13.
        let inside = (2.0 + 2.0 * (2.0 / 0.2 + 0.8 / 0.04)) / total;
        assert!((crowd.slow_mean + 1.0 - inside / 2.0).abs() < 1e-9);
    }

    #[test]
    fn bursts_of_one_are_random_and_more_slow_down() {
        let random = Crowd::of(&Shape::new(2500, 1000), 0.8);
        let mut last = random.slow_mean;
        for milli in [1001, 2000, 4000, 16_000] {
            let shape = Shape { arrivals: Arrivals::Bursty(milli), ..Shape::new(2500, 1000) };
            let crowd = Crowd::of(&shape, 0.8);
            assert!(crowd.slow_mean > last, "{milli}");
            last = crowd.slow_mean;
            if milli == 1001 {
                assert!((crowd.slow_mean / random.slow_mean - 1.0).abs() < 1e-3);
            }
        }
        // GI/M/1: a request is slowed down by σ/(1 − σ) in the mean.
        let shape = Shape { arrivals: Arrivals::Bursty(4000), ..Shape::new(1000, 1000) };
        let (a, p) = (0.8, 0.5 * (1.0 + libm::sqrt(3.0 / 5.0)));
        let mut sigma = a;
        for _ in 0..1000 {
            let gap = |p: f64| p * 2.0 * p * a / (2.0 * p * a + 1.0 - sigma);
            sigma = gap(p) + gap(1.0 - p);
        }
        let crowd = Crowd::of(&shape, a);
        assert!((crowd.slow_mean * (1.0 - sigma) / sigma - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_emptier_of_two_pods_follows_the_known_law() {
        let shape = Shape { arrivals: Arrivals::LeastRequest, ..Shape::new(1000, 1000) };
        let load: f64 = 0.9;
        // s_j = ρ^(2^j − 1), and the mean time inside is Σ s_j / ρ.
        let inside: f64 = (1..12).map(|j| load.powi((1 << j) - 1)).sum();
        let crowd = Crowd::of(&shape, load);
        assert!((crowd.slow_mean + 1.0 - inside / load).abs() < 1e-3, "{}", crowd.slow_mean);
    }
}
