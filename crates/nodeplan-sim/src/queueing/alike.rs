//! Requests that are all alike (c² = 0), sharing the cores.
//!
//! No size blurs what few others do to such a request, so one gamma law is not enough. Of the
//! others inside at its arrival each leaves at a uniform instant of its service, and those who
//! come later outlast it (equal sizes leave in order). So (left of the first, come since) is a
//! Markov chain on the clock of attained service. Followed with at most L others, for L from
//! where nobody is delayed upwards, it gives the probability and two moments of the delay by the
//! most others at a time; each class gets the beta law with these moments between no delay and
//! that by L throughout, the rest the gamma law that keeps mean and variance of all.

use super::crowd::{Crowd, Slows};
use super::law::Law;

/// Steps of the clock.
const STEPS: usize = 64;
/// Most classes.
const CLASSES: usize = 12;
/// Classes end where less is left than this.
const LITTLE: f64 = 0.003;

/// Largest shape of the gamma law of the rest.
const REST: f64 = 1.1;

/// Probability, and mean and mean square of the delay counted only where it happens.
type Moments = [f64; 3];

/// A class: weight, longest delay, the two parameters of the beta law.
struct Class {
    weight: f64,
    longest: f64,
    parameters: (f64, f64),
}

/// The gamma law of those who met more than any class, from a least delay on.
struct Rest {
    weight: f64,
    least: f64,
    shape: f64,
    scale: f64,
}

/// The law of the delay.
pub struct Delays {
    undelayed: f64,
    classes: Vec<Class>,
    rest: Rest,
}

/// Delay per unit of service among j others.
fn excess(others: usize, servers: f64) -> f64 {
    ((others + 1) as f64 / servers - 1.0).max(0.0)
}

/// Adds a constant delay to those in a state.
fn prolong(state: &mut Moments, delay: f64) {
    state[2] += 2.0 * delay * state[1] + delay * delay * state[0];
    state[1] += delay * state[0];
}

/// Moments of the delay if never more than `most` others are inside; `seen` as [`Crowd`] has it.
fn limited(seen: &[f64], a: f64, servers: f64, most: usize) -> Moments {
    let width = most + 1;
    let mut states = vec![[0.0; 3]; width * width];
    for (first, &p) in seen.iter().enumerate().take(width) {
        states[first * width][0] = p;
    }
    let h = 1.0 / STEPS as f64;
    for step in 0..STEPS {
        let leaves = 1.0 / (STEPS - step) as f64;
        let mut next = vec![[0.0; 3]; width * width];
        for first in 0..width {
            for come in 0..width - first {
                let mut state = states[first * width + come];
                if state[0] <= 0.0 {
                    continue;
                }
                prolong(&mut state, 0.5 * h * excess(first + come, servers));
                // Each of the first leaves with the same probability: a binomial, from none up.
                let mut share = power(1.0 - leaves, first);
                for gone in 0..=first {
                    let others = first - gone + come;
                    let rate = a * h * (1.0 + excess(others, servers));
                    let none = libm::exp(-rate);
                    let arrivals = [none, none * rate, 1.0 - none * (1.0 + rate)];
                    for (new, chance) in arrivals.iter().enumerate().take(width - others) {
                        let into = &mut next[(first - gone) * width + come + new];
                        let weight = share * chance;
                        into.iter_mut().zip(&state).for_each(|(sum, part)| *sum += weight * part);
                    }
                    if leaves >= 1.0 {
                        share = f64::from(u8::from(gone + 1 == first));
                    } else {
                        share *=
                            leaves / (1.0 - leaves) * (first - gone) as f64 / (gone + 1) as f64;
                    }
                }
            }
        }
        for first in 0..width {
            for come in 0..width - first {
                prolong(&mut next[first * width + come], 0.5 * h * excess(first + come, servers));
            }
        }
        states = next;
    }
    let mut sum = [0.0; 3];
    for state in &states {
        sum.iter_mut().zip(state).for_each(|(sum, part)| *sum += part);
    }
    sum
}

/// A small whole power.
fn power(base: f64, exponent: usize) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}

/// The regularised incomplete beta function (DLMF 8.17.22).
fn beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return f64::from(u8::from(x >= 1.0));
    }
    let front = libm::exp(
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
            + a * libm::log(x)
            + b * libm::log1p(-x),
    );
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - front * fraction(b, a, 1.0 - x) / b;
    }
    front * fraction(a, b, x) / a
}

/// The continued fraction of [`beta`], by Lentz's method.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let (mut c, mut d) = (1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0)));
    let mut h = d;
    for m in 1..300 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / (1.0 + even * d);
        c = 1.0 + even / c;
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / (1.0 + odd * d);
        c = 1.0 + odd / c;
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-10 {
            break;
        }
    }
    h
}

/// Beta law on 0 … 1 of a mean and a variance, held to where there is one.
fn beta_of(mean: f64, variance: f64) -> (f64, f64) {
    let mean = mean.clamp(1e-3, 1.0 - 1e-3);
    let both = (mean * (1.0 - mean) / variance.max(1e-6) - 1.0).clamp(0.05, 1e4);
    (both * mean, both * (1.0 - mean))
}

impl Delays {
    /// The law in a pod of `servers` ≥ 1 with `a` requests coming per unit of time.
    pub fn of(crowd: &Crowd, seen: &[f64], a: f64, servers: f64) -> Self {
        let whole = servers as usize;
        let mut below = limited(seen, a, servers, whole - 1);
        let undelayed = below[0];
        let mut classes = Vec::new();
        for most in whole..whole + CLASSES {
            if 1.0 - below[0] < LITTLE {
                break;
            }
            let upto = limited(seen, a, servers, most);
            let weight = upto[0] - below[0];
            if weight > 1e-7 {
                let longest = excess(most, servers);
                let mean = (upto[1] - below[1]) / weight;
                let variance = (upto[2] - below[2]) / weight - mean * mean;
                let parameters = beta_of(mean / longest, variance / (longest * longest));
                classes.push(Class { weight, longest, parameters });
            }
            below = upto;
        }
        let weight = (1.0 - below[0]).max(0.0);
        let Slows { mean, variance, .. } = crowd.slows(Law::Deterministic, 1.0);
        let rest_mean = ((mean - below[1]) / weight.max(1e-9)).max(1e-3);
        let square = (variance + mean * mean - below[2]) / weight.max(1e-9);
        let deviation =
            libm::sqrt((square - rest_mean * rest_mean).max(0.01 * rest_mean * rest_mean));
        // Those who met more are delayed from some time on: a shape of `REST` or less tells when.
        let least = (rest_mean - libm::sqrt(REST) * deviation).max(0.0);
        let shape = (rest_mean - least) * (rest_mean - least) / (deviation * deviation);
        Self {
            undelayed,
            classes,
            rest: Rest { weight, least, shape, scale: (rest_mean - least) / shape },
        }
    }

    /// Share of requests with at most this delay ≥ 0.
    pub fn share(&self, delay: f64) -> f64 {
        let rest = &self.rest;
        let late = super::gamma::lower(rest.shape, (delay - rest.least) / rest.scale);
        let mut sum = self.undelayed + rest.weight * late;
        for class in &self.classes {
            let (a, b) = class.parameters;
            sum += class.weight * beta(a, b, delay / class.longest);
        }
        sum.min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queueing::shape::Shape;

    #[test]
    fn beta_is_the_integral_that_it_names() {
        for (a, b, x, value) in
            [(1.0, 1.0, 0.3, 0.3), (2.0, 3.0, 0.5, 0.6875), (3.0, 1.0, 0.5, 0.125)]
        {
            assert!((beta(a, b, x) - value).abs() < 1e-9, "{a} {b} {x}");
        }
    }

    #[test]
    fn one_core_is_left_alone_as_often_as_poisson_says() {
        // Empty at arrival, and nobody comes during one unit of service.
        for load in [0.1, 0.5, 0.9] {
            let (crowd, seen) = Crowd::with_seen(&Shape::new(1000, 0), load);
            let delays = Delays::of(&crowd, &seen, load, 1.0);
            assert!((delays.undelayed - (1.0 - load) * libm::exp(-load)).abs() < 1e-9);
            assert!((delays.share(1e6) - 1.0).abs() < 1e-6);
        }
    }
}
