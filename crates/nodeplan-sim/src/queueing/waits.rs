//! Waits for a worker, in order of arrival.
//!
//! While all W workers are busy a pod works like one server that is as fast as its cores. Who waits
//! does so until the first of W requests found in service is done, each with what is left of a request
//! found at any time, and then for a geometric number of others, each all of such a rest shared by
//! all cores: f = (1 − ρ) first + ρ other ∗ f, a renewal equation (Tijms, van Hoorn, Federgruen
//! 1981), solved forwards on a lattice. Exact for one worker (Pollaczek and Khinchine), for c² = 1,
//! and in heavy traffic.
//!
//! Where each of several workers has a core of its own, what this leaves out is fitted to simulations
//! with 2 … 32 workers and c² 0, ¼, 2 and 4 (`Ahead::of`, `more_wait`): that more requests wait
//! the more they differ (by up to a tenth), that the first is done a little sooner if requests are
//! alike, and that one long request does not hold up those who can pass it.

use super::crowd::Crowd;
use super::law::Law;
use super::shape::Shape;

/// Points of the integrals over sizes, and the logarithms between which they lie.
const SIZES: usize = 320;
const LEAST_SIZE: f64 = -9.0;
const GREATEST_SIZE: f64 = 7.0;

/// What somebody who waits waits for, with work of mean 1 and all cores working at rate 1.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    law: Law,
    workers: f64,
    load: f64,
    /// Time to the first of those in service, against that of W independent ones.
    sooner: f64,
    /// Share of the others that are passed: they take no longer than the first.
    passed: f64,
    /// Share of the others that are memoryless.
    memoryless: f64,
}

impl Ahead {
    fn of(shape: &Shape, load: f64) -> Self {
        let (law, workers) = (shape.law(), f64::from(shape.workers));
        let plain = Self { law, workers, load, sooner: 1.0, passed: 0.0, memoryless: 0.0 };
        let c2 = law.spread();
        if shape.workers <= 1 || workers > shape.servers() || law == Law::Exponential {
            return plain;
        }
        if c2 < 1.0 {
            let alike = (1.0 - c2) * (1.0 - c2) * (1.0 - c2);
            let fade = (1.0 - workers / 16.0).max(0.0);
            return Self { sooner: 1.0 - 0.16 * load * alike * fade, ..plain };
        }
        // Halfin and Whitt's (1981) measure of how rarely all workers are busy.
        let spare = (1.0 - load) * libm::sqrt(workers / load);
        let pass = spare * (0.42 * libm::log(workers) - 0.3).max(0.0);
        let apart = 1.0 - 1.0 / c2;
        let passed = pass / (1.0 + pass) - 0.15 * load * load * load / workers;
        // Of laws near the exponential one nothing is left out.
        Self { passed: passed * (2.0 * apart).min(1.0), memoryless: 0.3 * apart, ..plain }
    }

    /// Probability that the first of those in service is done within a time.
    fn first(&self, time: f64) -> f64 {
        let left = (1.0 - self.law.mean_up_to(time / (self.workers * self.sooner))).max(0.0);
        1.0 - libm::pow(left, self.workers)
    }

    /// Mean of what is left of a request.
    fn rest(&self) -> f64 {
        self.law.second_moment() / 2.0
    }

    /// Probability that another one is done within a time, given that of the first.
    fn other(&self, time: f64, first: f64) -> f64 {
        let even = -libm::expm1(-time / self.rest());
        let all = self.law.mean_up_to(time);
        self.passed * first + (1.0 - self.passed) * (all + self.memoryless * (even - all))
    }

    /// Mean time to the first.
    fn first_mean(&self) -> f64 {
        if self.workers <= 1.0 {
            return self.rest();
        }
        let step = (GREATEST_SIZE - LEAST_SIZE) / SIZES as f64;
        let mut mean = libm::exp(LEAST_SIZE);
        for i in 0..SIZES {
            let size = libm::exp(LEAST_SIZE + (i as f64 + 0.5) * step);
            let left = (1.0 - self.law.mean_up_to(size)).max(0.0);
            mean += libm::pow(left, self.workers) * size * step;
        }
        mean * self.workers * self.sooner
    }

    /// Mean wait of those who wait.
    fn mean(&self) -> f64 {
        let first = self.first_mean();
        let other = self.passed * first + (1.0 - self.passed) * self.rest();
        first + self.load / (1.0 - self.load) * other
    }
}

/// How many more requests wait than of those with c² = 1 (Erlang's C), as a factor.
pub fn more_wait(shape: &Shape, load: f64) -> f64 {
    let (workers, c2) = (f64::from(shape.workers), shape.law().spread());
    if workers > shape.servers() {
        return 1.0;
    }
    let idle = 1.0 - load;
    let fade = (1.0 - workers / 4.0 * idle * idle).max(0.0);
    1.0 + 0.155 * (libm::sqrt(workers) - 1.0) * idle * fade * (c2 - 1.0) / (c2 + 1.0)
}

/// Mean wait of those who wait, over that for c² = 1.
pub fn stretch(shape: &Shape, load: f64) -> f64 {
    Ahead::of(shape, load).mean() * (1.0 - load)
}

/// Law of the wait for a worker.
pub struct Waits {
    /// Distribution function over the logarithm of the wait.
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

    /// The law in a pod at a load below 1.
    pub fn of(crowd: &Crowd, shape: &Shape, load: f64) -> Self {
        let mean = crowd.wait_mean / crowd.waits;
        // The lattice has the clock of the law, which bursts stretch.
        let ahead = Ahead::of(shape, load);
        let sums = lattice(&ahead, ahead.mean() / Self::PER_MEAN, Self::STEPS);
        let step = mean / Self::PER_MEAN;
        let last = 1.0 - sums[Self::STEPS - 1];
        let within = (0..Self::POINTS).map(|point| {
            let wait = libm::exp(Self::LEAST + point as f64 / Self::FINE);
            let place = wait / step - 0.5;
            let share = if place <= 0.0 {
                sums[0] * (place + 0.5) / 0.5
            } else if place < (Self::STEPS - 1) as f64 {
                let at = place as usize;
                sums[at] + (place - at as f64) * (sums[at + 1] - sums[at])
            } else {
                // Beyond, an exponential tail.
                let beyond = place - (Self::STEPS - 1) as f64;
                1.0 - last * libm::exp(-beyond / Self::PER_MEAN)
            };
            share.clamp(0.0, 1.0)
        });
        Self { within: within.collect() }
    }

    /// Probability of a wait of at most e^`log` for those who wait.
    pub fn share(&self, log: f64) -> f64 {
        let place = ((log - Self::LEAST) * Self::FINE).max(0.0);
        let point = (place as usize).min(Self::POINTS - 2);
        let part = (place - point as f64).min(1.0);
        let (low, high) = (self.within[point], self.within[point + 1]);
        low + part * (high - low)
    }
}

/// Distribution function of a wait at the middles of lattice steps.
fn lattice(ahead: &Ahead, step: f64, steps: usize) -> Vec<f64> {
    let (mut first, mut other) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
    let mut below = (0.0, 0.0);
    for i in 0..steps {
        let time = (i as f64 + 0.5) * step;
        let upto = ahead.first(time);
        let upto = (upto, ahead.other(time, upto));
        first.push(upto.0 - below.0);
        other.push(upto.1 - below.1);
        below = upto;
    }
    // Last first, so that both sides of the sum run forwards.
    other.reverse();
    let scale = 1.0 / (1.0 - ahead.load * other[steps - 1]);
    let mut wait: Vec<f64> = Vec::with_capacity(steps);
    for (n, first) in first.iter().enumerate() {
        let sum = product(&wait, &other[steps - 1 - n..steps - 1]);
        wait.push(scale * ((1.0 - ahead.load) * first + ahead.load * sum));
    }
    let mut sum = 0.0;
    for mass in &mut wait {
        sum += *mass;
        *mass = sum;
    }
    wait
}

/// Sum of products, in four lanes.
fn product(left: &[f64], right: &[f64]) -> f64 {
    let (left, right) = (left.chunks_exact(4), right.chunks_exact(4));
    let tail: f64 = left.remainder().iter().zip(right.remainder()).map(|(l, r)| l * r).sum();
    let mut lanes = [0.0; 4];
    for (l, r) in left.zip(right) {
        for lane in 0..4 {
            lanes[lane] += l[lane] * r[lane];
        }
    }
    lanes.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_known_in_closed_form() {
        for load in [0.2, 0.7, 0.95] {
            // Memoryless requests wait for a memoryless time.
            for workers in [1, 3, 12] {
                let shape = Shape { workers, ..Shape::new(1000 * workers, 1000) };
                let crowd = Crowd::of(&shape, load);
                let mean = 1.0 / (f64::from(workers) * (1.0 - load));
                assert!((crowd.wait_mean / crowd.waits / mean - 1.0).abs() < 1e-3, "{workers}");
                let waits = Waits::of(&crowd, &shape, load);
                for time in [0.05, 0.3, 1.0, 3.0, 12.0] {
                    let share = waits.share(libm::log(time * mean));
                    assert!((share + libm::expm1(-time)).abs() < 0.005, "{workers} {load} {time}");
                }
            }
            // M/D/1: P(wait ≤ t) = (1 − ρ) e^(ρ t) for t ≤ 1.
            let shape = Shape { workers: 1, ..Shape::new(1000, 0) };
            let crowd = Crowd::of(&shape, load);
            let waits = Waits::of(&crowd, &shape, load);
            for time in [0.2, 0.5, 0.9] {
                let exact = 1.0 - (1.0 - (1.0 - load) * libm::exp(load * time)) / load;
                let share = waits.share(libm::log(time));
                assert!((share - exact).abs() < 0.005, "{load} {time}: {share} {exact}");
            }
        }
    }

    #[test]
    fn what_is_fitted_has_no_jump() {
        for workers in [2, 6, 20] {
            for load in [0.3, 0.8, 0.95] {
                let wait = |spread| {
                    let shape = Shape { workers, ..Shape::new(1000 * workers, spread) };
                    Crowd::of(&shape, load).wait_mean
                };
                let step = wait(1005) / wait(995);
                assert!((1.0..1.02).contains(&step), "{workers} {load} {step}");
            }
        }
    }
}
