//! The law of response times at one load.
//!
//! Given its size x, a request is delayed by nobody with a probability that [`Crowd`] knows, else
//! by a gamma law with the mean and variance that it knows too. Sizes are mixed over a grid of
//! equal steps of the logarithm, on which times and sizes share their points.

use super::alike::Delays;
use super::crowd::Crowd;
use super::gamma::GammaTable;
use super::law::Law;
use super::shape::{Arrivals, Shape};

/// Logarithm of the least time, in units.
const LEAST: f64 = -5.0;
/// Logarithm of the greatest time.
const GREATEST: f64 = 9.0;

/// Load up to which requests that are all alike are told apart by how many others they meet.
const MOST_ALIKE: f64 = 0.96;

/// Cores up to which that is done; its cost grows with their cube.
const MOST_SERVERS: f64 = 12.0;

/// A grid over logarithms of times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Steps per unit of the logarithm.
    pub fine: u32,
}

impl Grid {
    /// The grid on which a law is mixed; where all sizes are alike there is nothing to mix, and
    /// the jump at their size needs finer steps.
    pub fn of(law: Law) -> Self {
        match law {
            Law::Deterministic => Self { fine: 50 },
            Law::LogNormal(c2) if c2 < 0.2 => Self { fine: 20 },
            Law::Exponential | Law::LogNormal(_) => Self { fine: 10 },
        }
    }

    /// Points.
    pub fn len(self) -> usize {
        ((GREATEST - LEAST) * f64::from(self.fine)) as usize + 1
    }

    /// Never: a grid has points.
    pub fn is_empty(self) -> bool {
        false
    }

    /// Time of a point.
    pub fn time(self, point: usize) -> f64 {
        libm::exp(LEAST + point as f64 / f64::from(self.fine))
    }

    /// Where a time lies, given its logarithm: a point and the part of the step after it.
    pub fn place(self, log: f64) -> (usize, f64) {
        let place = (log - LEAST) * f64::from(self.fine) + 1e-7;
        if place <= 0.0 {
            return (0, 0.0);
        }
        let point = (place as usize).min(self.len() - 2);
        (point, (place - point as f64).min(1.0))
    }
}

/// Mean and distribution function of response times over a [`Grid`], in units of [`Shape::unit`].
#[derive(Clone, Debug)]
pub struct Response {
    /// Mean.
    pub mean: f64,
    /// Share of requests up to each point of the grid.
    pub within: Vec<f64>,
}

/// What grids of one fineness share: the times of points, and logarithms of e^(d/fine) − 1 for
/// whole and half d.
pub struct Steps {
    grid: Grid,
    /// Time of each point.
    pub times: Vec<f64>,
    whole: Vec<f64>,
    half: Vec<f64>,
}

impl Steps {
    /// The steps of a grid.
    pub fn new(grid: Grid) -> Self {
        let log = |d: f64| libm::log(libm::expm1(d / f64::from(grid.fine)));
        let half = (0..grid.len()).map(|d| log(d as f64 + 0.5)).collect();
        let whole = (0..grid.len()).map(|d| log((d as f64).max(1e-9))).collect();
        let times = (0..grid.len()).map(|point| grid.time(point)).collect();
        Self { grid, times, whole, half }
    }
}

impl Response {
    /// The law of a shape at a load below 1.
    pub fn of(shape: &Shape, load: f64, steps: &Steps, gamma: &GammaTable) -> Self {
        let law = shape.law();
        let (crowd, seen) = Crowd::with_seen(shape, load);
        let grid = steps.grid;
        let mut within = vec![0.0; grid.len()];
        let waits = (crowd.waits > 0.0 && crowd.slow_mean <= 0.0)
            .then(|| Waits::of(&crowd, shape, load, gamma));
        let poisson = !matches!(
            shape.arrivals,
            Arrivals::LeastRequest | Arrivals::LeastRequestOf(_) | Arrivals::Bursty(1001..)
        );
        if law == Law::Deterministic
            && shape.workers == 0
            && poisson
            && load <= MOST_ALIKE
            && shape.servers() <= MOST_SERVERS
        {
            let at = grid.place(0.0).0;
            let delays = Delays::of(&crowd, &seen, load * shape.capacity(), shape.servers());
            for (point, share) in within.iter_mut().enumerate().skip(at) {
                *share = delays.share((grid.time(point) - 1.0).max(0.0));
            }
        } else if law == Law::Deterministic {
            let at = grid.place(0.0).0;
            match &waits {
                Some(waits) => waits.mix(&mut within[at..], 1.0, 1.0, &steps.whole),
                None => mix(&mut within[at..], 1.0, 1.0, &crowd, law, &steps.whole, gamma),
            }
        } else {
            let mut below = 0.0;
            for point in 0..grid.len() {
                let upto = law.cdf(grid.time(point));
                let size = libm::exp(LEAST + (point as f64 - 0.5) / f64::from(grid.fine));
                if upto - below > 1e-7 {
                    let share = upto - below;
                    match &waits {
                        Some(waits) => waits.mix(&mut within[point..], size, share, &steps.half),
                        None => {
                            mix(&mut within[point..], size, share, &crowd, law, &steps.half, gamma)
                        }
                    }
                    below = upto;
                }
            }
        }
        Self { mean: 1.0 + crowd.slow_mean + crowd.wait_mean, within }
    }

    /// Share of requests within a time, given its logarithm.
    pub fn share(&self, grid: Grid, law: Law, log: f64) -> f64 {
        if law == Law::Deterministic && log < -1e-9 {
            return 0.0;
        }
        let (point, part) = grid.place(log);
        self.within[point] + part * (self.within[point + 1] - self.within[point])
    }

    /// Time within which this share of requests is answered.
    pub fn quantile(&self, grid: Grid, law: Law, level: f64) -> f64 {
        let point = self.within.partition_point(|&share| share < level);
        if point == 0 || point >= self.within.len() {
            return grid.time(point.min(self.within.len() - 1));
        }
        if law == Law::Deterministic && self.within[point - 1] <= 0.0 {
            return 1.0;
        }
        let (low, high) = (self.within[point - 1], self.within[point]);
        let part = (level - low) / (high - low);
        libm::exp(LEAST + (point as f64 - 1.0 + part) / f64::from(grid.fine))
    }
}

/// Distribution function of a sum of n parts with probability (1 − load) loadⁿ, at half steps of a
/// lattice; `one` is that of a part.
fn geometric_sums(load: f64, steps: usize, one: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut parts = Vec::with_capacity(steps);
    let mut below = 0.0;
    for i in 0..steps {
        let upto = one(i);
        parts.push(upto - below);
        below = upto;
    }
    let factor = load / (1.0 - load * parts[0]);
    let mut masses = vec![(1.0 - load) / (1.0 - load * parts[0])];
    for n in 1..steps {
        let sum: f64 = parts[1..=n].iter().zip(masses.iter().rev()).map(|(p, m)| p * m).sum();
        masses.push(factor * sum);
    }
    let mut sum = 0.0;
    masses
        .iter()
        .map(|mass| {
            sum += mass;
            sum
        })
        .collect()
}

/// Law of the wait for a worker that has a core of its own: a geometric sum of what is left of
/// requests found in service (for one worker: exactly, Pollaczek and Khinchine; else of a gamma
/// law), summed on a lattice by Panjer's (1981) recursion.
struct Waits {
    none: f64,
    /// Distribution function of a wait over its logarithm.
    within: Vec<f64>,
}

impl Waits {
    /// Least logarithm.
    const LEAST: f64 = -9.0;
    /// Steps per unit.
    const FINE: f64 = 20.0;
    /// Points.
    const POINTS: usize = 400;
    /// Lattice steps in the mean wait of those who wait.
    const PER_MEAN: f64 = 80.0;
    /// Lattice steps.
    const STEPS: usize = 800;

    fn of(crowd: &Crowd, shape: &Shape, load: f64, gamma: &GammaTable) -> Self {
        let law = shape.law();
        let mean = crowd.wait_mean / crowd.waits;
        let single = mean * (1.0 - load);
        let rest = gamma.curve(1.0 / crowd.rest_spread);
        let one = |wait: f64| match shape.workers {
            1 => law.mean_up_to(wait),
            _ => rest.at(libm::log(wait / single)),
        };
        let step = mean / Self::PER_MEAN;
        let sums = geometric_sums(load, Self::STEPS, |i| one((i as f64 + 0.5) * step));
        let last = 1.0 - sums[Self::STEPS - 1];
        let within = (0..Self::POINTS).map(|point| {
            let wait = libm::exp(Self::LEAST + point as f64 / Self::FINE);
            let place = wait / step - 0.5;
            let share = if place <= 0.0 {
                (1.0 - load) + (sums[0] - 1.0 + load) * (place + 0.5) / 0.5
            } else if place < (Self::STEPS - 1) as f64 {
                let at = place as usize;
                sums[at] + (place - at as f64) * (sums[at + 1] - sums[at])
            } else {
                // Beyond, an exponential tail.
                1.0 - last
                    * libm::exp(
                        -(place + 0.5) / Self::PER_MEAN + Self::STEPS as f64 / Self::PER_MEAN,
                    )
            };
            ((share - 1.0 + load) / load).clamp(0.0, 1.0)
        });
        Self { none: 1.0 - crowd.waits, within: within.collect() }
    }

    /// Adds requests of one size to the distribution function, as [`mix`] does.
    fn mix(&self, within: &mut [f64], size: f64, share: f64, logs: &[f64]) {
        let shift = libm::log(size) - Self::LEAST;
        let (sure, maybe) = (share * self.none, share * (1.0 - self.none));
        for (sum, log) in within.iter_mut().zip(logs) {
            let place = ((log + shift) * Self::FINE).max(0.0);
            let point = (place as usize).min(Self::POINTS - 2);
            let part = (place - point as f64).min(1.0);
            let (low, high) = (self.within[point], self.within[point + 1]);
            *sum += sure + maybe * (low + part * (high - low));
        }
    }
}

/// Adds requests of one size to the distribution function from their size on; `logs` are those
/// of delay over size.
fn mix(
    within: &mut [f64],
    size: f64,
    share: f64,
    crowd: &Crowd,
    law: Law,
    logs: &[f64],
    gamma: &GammaTable,
) {
    let undelayed = crowd.undelayed(size);
    let delayed = 1.0 - undelayed;
    let (mean, variance) = crowd.delay(law, size);
    if delayed < 1e-9 || mean <= 0.0 {
        within.iter_mut().for_each(|sum| *sum += share);
        return;
    }
    let mean_if = mean / delayed;
    let variance_if = (variance + mean * mean) / delayed - mean_if * mean_if;
    let (sure, maybe) = (share * undelayed, share * delayed);
    let curve = gamma.curve(mean_if * mean_if / variance_if.max(mean_if * mean_if * 1e-3));
    let shift = libm::log(size / mean_if);
    for (sum, log) in within.iter_mut().zip(logs) {
        *sum += sure + maybe * curve.at(log + shift);
    }
}
