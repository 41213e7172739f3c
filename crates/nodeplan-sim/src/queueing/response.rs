//! The law of response times at one load.
//!
//! Given its size x, a request is delayed by nobody with a probability that [`Crowd`] knows, else
//! by a gamma law with the mean and variance that it knows too. Sizes are mixed over a grid of
//! equal steps of the logarithm, on which times and sizes share their points.

use super::crowd::Crowd;
use super::gamma::GammaTable;
use super::law::Law;
use super::shape::Shape;

/// Logarithm of the least time, in units.
const LEAST: f64 = -5.0;
/// Logarithm of the greatest time.
const GREATEST: f64 = 9.0;

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

    /// Where a time lies: a point and the part of the step after it.
    pub fn place(self, time: f64) -> (usize, f64) {
        let place = (libm::log(time) - LEAST) * f64::from(self.fine) + 1e-7;
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

/// What grids of one fineness share: logarithms of e^(d/fine) − 1 for whole and half d.
pub struct Steps {
    grid: Grid,
    whole: Vec<f64>,
    half: Vec<f64>,
}

impl Steps {
    /// The steps of a grid.
    pub fn new(grid: Grid) -> Self {
        let log = |d: f64| libm::log(libm::expm1(d / f64::from(grid.fine)));
        let half = (0..grid.len()).map(|d| log(d as f64 + 0.5)).collect();
        let whole = (0..grid.len()).map(|d| log((d as f64).max(1e-9))).collect();
        Self { grid, whole, half }
    }
}

impl Response {
    /// The law of a shape at a load below 1.
    pub fn of(shape: &Shape, load: f64, steps: &Steps, gamma: &GammaTable) -> Self {
        let law = shape.law();
        let crowd = Crowd::of(shape, load);
        let grid = steps.grid;
        let mut within = vec![0.0; grid.len()];
        if law == Law::Deterministic {
            let at = grid.place(1.0).0;
            mix(&mut within[at..], 1.0, 1.0, &crowd, law, &steps.whole, gamma);
        } else {
            let mut below = 0.0;
            for point in 0..grid.len() {
                let upto = law.cdf(grid.time(point));
                let size = libm::exp(LEAST + (point as f64 - 0.5) / f64::from(grid.fine));
                if upto - below > 1e-7 {
                    let share = upto - below;
                    mix(&mut within[point..], size, share, &crowd, law, &steps.half, gamma);
                    below = upto;
                }
            }
        }
        Self { mean: 1.0 + crowd.slow_mean + crowd.wait_mean, within }
    }

    /// Share of requests within a time.
    pub fn share(&self, grid: Grid, law: Law, time: f64) -> f64 {
        if law == Law::Deterministic && time < 1.0 - 1e-9 {
            return 0.0;
        }
        let (point, part) = grid.place(time);
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
    let curve = gamma.curve(mean_if * mean_if / variance_if.max(mean_if * mean_if * 1e-3));
    let shift = libm::log(size / mean_if);
    let (sure, maybe) = (share * undelayed, share * delayed);
    for (sum, log) in within.iter_mut().zip(logs) {
        *sum += sure + maybe * curve.at(log + shift);
    }
}
