//! The law of response times at one load.
//!
//! Given its size x, a request is delayed by nobody with a probability that [`Crowd`] knows, else
//! by a gamma law with the mean and variance that it knows too. Sizes are mixed over a grid of
//! equal steps of the logarithm, on which times and sizes share their points.

use super::alike::Delays;
use super::crowd::{Crowd, Slows};
use super::gamma::GammaTable;
use super::law::Law;
use super::shape::{Arrivals, Shape};
use super::waits::Waits;

/// Logarithm of the least time, in units.
const LEAST: f64 = -5.0;
/// Logarithm of the greatest time.
const GREATEST: f64 = 9.0;

/// Load up to which requests that are all alike are told apart by how many others they meet.
const MOST_ALIKE: f64 = 0.96;

/// Cores up to which that is done; its cost grows with their cube.
const MOST_SERVERS: f64 = 12.0;

/// Share of requests that wait below which none does.
const RARELY: f64 = 1e-7;

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
        ((GREATEST - LEAST) as u32 * self.fine) as usize + 1
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

    /// Time at which a level is reached: between a point at which `high` is above it and the one
    /// before with `low`.
    pub fn quantile(self, law: Law, point: usize, (low, high): (f64, f64), level: f64) -> f64 {
        if point == 0 || high < level {
            return self.time(point);
        }
        if law == Law::Deterministic && low <= 0.0 {
            return 1.0;
        }
        let part = if high > low { (level - low) / (high - low) } else { 1.0 };
        libm::exp(LEAST + (point as f64 - 1.0 + part) / f64::from(self.fine))
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
    /// Sizes between each point and the one before it.
    sizes: Vec<f64>,
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
        let between = |point: usize| libm::exp(LEAST + (point as f64 - 0.5) / f64::from(grid.fine));
        let sizes = (0..grid.len()).map(between).collect();
        Self { grid, times, sizes, whole, half }
    }
}

impl Response {
    /// The law of a shape at a load below 1.
    pub fn of(shape: &Shape, load: f64, steps: &Steps, gamma: &GammaTable) -> Self {
        let law = shape.law();
        let (crowd, seen) = Crowd::with_seen(shape, load);
        let grid = steps.grid;
        let mut within = vec![0.0; grid.len()];
        let waits = (crowd.waits > RARELY).then(|| Waits::of(&crowd, shape, load));
        let inside = Inside { crowd, law, waits, gamma, times: &steps.times };
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
            let delays = Delays::of(&inside.crowd, &seen, load * shape.capacity(), shape.servers());
            for (point, share) in within.iter_mut().enumerate().skip(at) {
                *share = delays.share((grid.time(point) - 1.0).max(0.0));
            }
        } else if law == Law::Deterministic {
            inside.mix(&mut within, grid.place(0.0).0, (1.0, 1.0), &steps.whole);
        } else {
            let mut below = 0.0;
            for (point, (&time, &size)) in steps.times.iter().zip(&steps.sizes).enumerate() {
                let upto = law.cdf(time);
                if upto - below > 1e-7 {
                    let share = upto - below;
                    inside.mix(&mut within, point, (size, share), &steps.half);
                    below = upto;
                }
            }
        }
        Self { mean: inside.crowd.mean(), within }
    }

    /// Share of requests within a time, given its logarithm.
    pub fn share(&self, grid: Grid, law: Law, log: f64) -> f64 {
        if law == Law::Deterministic && log < -1e-9 {
            return 0.0;
        }
        let (point, part) = grid.place(log);
        self.within[point] + part * (self.within[point + 1] - self.within[point])
    }

    /// The point of the grid at which this share of requests is reached, or the last.
    pub fn reached(&self, level: f64) -> usize {
        let point = self.within.partition_point(|&share| share < level);
        point.min(self.within.len() - 1)
    }

    /// Time within which this share of requests is answered.
    pub fn quantile(&self, grid: Grid, law: Law, level: f64) -> f64 {
        let point = self.reached(level);
        let below = if point == 0 { 0.0 } else { self.within[point - 1] };
        grid.quantile(law, point, (below, self.within[point]), level)
    }
}

/// What requests meet in a pod, ready to be mixed over their sizes.
struct Inside<'a> {
    crowd: Crowd,
    law: Law,
    waits: Option<Waits>,
    gamma: &'a GammaTable,
    times: &'a [f64],
}

impl Inside<'_> {
    /// Adds requests of one size and their share to the distribution function, from the point of
    /// that size on; `logs` are those of delay over size there and after.
    fn mix(&self, within: &mut [f64], from: usize, (size, share): (f64, f64), logs: &[f64]) {
        let slows = self.crowd.slows(self.law, size);
        let waiting = share * if self.waits.is_some() { self.crowd.waits } else { 0.0 };
        self.mix_slowed(&mut within[from..], size, share - waiting, &slows, logs);
        let Some(waits) = &self.waits else { return };
        if slows.waited <= 0.0 {
            let shift = libm::log(size);
            for (sum, log) in within[from..].iter_mut().zip(logs) {
                *sum += waiting * waits.share(log + shift);
            }
            return;
        }
        let served = size + slows.waited;
        for (sum, time) in within.iter_mut().zip(self.times).skip(from) {
            if *time > served {
                *sum += waiting * waits.share(libm::log(time - served));
            }
        }
    }

    /// The same for those who do not wait.
    fn mix_slowed(&self, within: &mut [f64], size: f64, share: f64, slows: &Slows, logs: &[f64]) {
        let delayed = 1.0 - slows.undelayed;
        if delayed < 1e-9 || slows.mean <= 0.0 {
            within.iter_mut().for_each(|sum| *sum += share);
            return;
        }
        let mean = slows.mean / delayed;
        let variance = (slows.variance + slows.mean * slows.mean) / delayed - mean * mean;
        let (sure, maybe) = (share * slows.undelayed, share * delayed);
        let curve = self.gamma.curve(mean * mean / variance.max(mean * mean * 1e-3));
        let shift = libm::log(size / mean);
        let mut points = within.iter_mut().zip(logs);
        for (sum, log) in points.by_ref() {
            let share = curve.at(log + shift);
            *sum += sure + maybe * share;
            if share >= 1.0 {
                break;
            }
        }
        // From there on all are answered.
        points.for_each(|(sum, _)| *sum += sure + maybe);
    }
}
