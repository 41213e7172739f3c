//! Merged histograms: percentiles of a run are those of all its requests, never means of
//! percentiles.
//!
//! Bins are 2 % wide from a tenth of a millisecond up to about 10,000 seconds, so a percentile is
//! within 1 %; counts are integers, so parts merge to the same bytes in any order.

/// Bins per unit of the natural logarithm.
const FINE: f64 = 50.0;
/// Least time told apart, in seconds.
const LEAST: f64 = 1e-4;
/// Bins.
const BINS: usize = 922;

/// Response times in millionths of a request per bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    bins: Vec<u64>,
}

/// The nearest whole number; halves up, below zero zero, 2⁶³ at most.
pub fn rounded(value: f64) -> u64 {
    let whole = value.max(0.0) as i64;
    whole.cast_unsigned() + u64::from(value - whole as f64 >= 0.5)
}

/// The least whole number not below; below zero zero, 2⁶³ at most.
pub fn raised(value: f64) -> u64 {
    let whole = value.max(0.0) as i64;
    whole.cast_unsigned() + u64::from((whole as f64) < value)
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// No requests.
    pub fn new() -> Self {
        Self { bins: vec![0; BINS] }
    }

    /// Where a time lies, in bins.
    pub fn place(seconds: f64) -> f64 {
        (libm::log(seconds.max(LEAST) / LEAST) * FINE).min((BINS - 1) as f64)
    }

    /// Adds `micro_requests` millionths of requests that took so long.
    pub fn add(&mut self, seconds: f64, micro_requests: u64) {
        let bin = &mut self.bins[Self::place(seconds) as usize];
        *bin = bin.saturating_add(micro_requests);
    }

    /// Adds requests spread evenly, on the logarithm, between two times.
    pub fn spread(&mut self, from: f64, to: f64, micro_requests: u64) {
        self.spread_between(Self::place(from), Self::place(to), micro_requests);
    }

    /// Adds requests spread evenly between two places in bins.
    pub fn spread_between(&mut self, low: f64, high: f64, micro_requests: u64) {
        let (first, last) = (low as usize, high as usize);
        if first == last {
            self.bins[first] = self.bins[first].saturating_add(micro_requests);
            return;
        }
        let (mut given, count) = (0, micro_requests as f64);
        let Some(bins) = self.bins.get_mut(first..=last) else { return };
        let Some((rest, bins)) = bins.split_last_mut() else { return };
        let (width, mut edge) = (high - low, first as f64);
        for bin in bins {
            edge += 1.0;
            let upto = rounded((edge - low) / width * count).min(micro_requests);
            *bin = bin.saturating_add(upto - given);
            given = upto;
        }
        *rest = rest.saturating_add(micro_requests - given);
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (sum, part) in self.bins.iter_mut().zip(&other.bins) {
            *sum = sum.saturating_add(*part);
        }
    }

    /// Bins that hold something: their middle in seconds, and millionths of requests.
    pub fn counts(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let held = self.bins.iter().enumerate().filter(|(_, count)| **count > 0);
        held.map(|(bin, &count)| (LEAST * libm::exp((bin as f64 + 0.5) / FINE), count))
    }

    /// Millionths of requests.
    pub fn micro_requests(&self) -> u128 {
        self.bins.iter().map(|&count| u128::from(count)).sum()
    }

    /// Seconds within which `level` (0 … 1) of the requests were answered, in the middle of its
    /// bin; none without requests.
    pub fn quantile(&self, level: f64) -> Option<f64> {
        let total = self.micro_requests();
        if total == 0 {
            return None;
        }
        let wanted = libm::ceil(level.clamp(0.0, 1.0) * total as f64).max(1.0) as u128;
        let mut sum = 0;
        let bin = self.bins.iter().position(|&count| {
            sum += u128::from(count);
            sum >= wanted.min(total)
        })?;
        Some(LEAST * libm::exp((bin as f64 + 0.5) / FINE))
    }

    /// Share of requests answered within so many seconds, a bin's requests spread evenly over it.
    pub fn share(&self, seconds: f64) -> Option<f64> {
        let total = self.micro_requests();
        if total == 0 {
            return None;
        }
        let place = Self::place(seconds);
        let full = place as usize;
        let below: u128 = self.bins[..full].iter().map(|&count| u128::from(count)).sum();
        Some((below as f64 + (place - full as f64) * self.bins[full] as f64) / total as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_merge_to_the_whole_in_any_order(
            times in prop::collection::vec((1e-4..5e3f64, 1u64..1_000_000_000), 1..200),
            cut in 0usize..200,
        ) {
            let (mut whole, mut left, mut right) = (Histogram::new(), Histogram::new(), Histogram::new());
            for (i, &(time, count)) in times.iter().enumerate() {
                whole.add(time, count);
                if i < cut { left.add(time, count) } else { right.add(time, count) }
            }
            let mut other = right.clone();
            other.merge(&left);
            left.merge(&right);
            prop_assert_eq!(&left, &whole);
            prop_assert_eq!(&other, &whole);
        }

        #[test]
        fn percentiles_are_within_a_hundredth(
            mut times in prop::collection::vec(1e-4..5e3f64, 1..300),
            level in 0.01..1.0f64,
        ) {
            let mut histogram = Histogram::new();
            times.iter().for_each(|&time| histogram.add(time, 1_000_000));
            times.sort_by(f64::total_cmp);
            let rank = (libm::ceil(level * 1e6 * times.len() as f64) / 1e6).ceil() as usize;
            let exact = times[rank.clamp(1, times.len()) - 1];
            let answer = histogram.quantile(level).unwrap();
            prop_assert!((answer / exact - 1.0).abs() < 0.0102, "{} {}", answer, exact);
        }

        #[test]
        fn a_spread_keeps_every_request(from in 1e-5..1e3f64, factor in 1.0..30.0f64, count in 0u64..1 << 50) {
            let mut histogram = Histogram::new();
            histogram.spread(from, from * factor, count);
            prop_assert_eq!(histogram.micro_requests(), u128::from(count));
        }
    }
}
