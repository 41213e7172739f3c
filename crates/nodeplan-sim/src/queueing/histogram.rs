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

/// The lowest bits of a float between here and twice that are the whole number that it is.
const WHOLE: f64 = 4_503_599_627_370_496.0;

/// The whole number nearest to one of at most half of [`WHOLE`], halves to even, and as a float.
#[inline]
fn nearest(value: f64) -> (u64, f64) {
    let sum = value + WHOLE;
    (sum.to_bits() & (WHOLE as u64 - 1), sum - WHOLE)
}

/// A number's whole part, 2⁶³ at most, and as a float.
#[cold]
fn whole(value: f64) -> (u64, f64) {
    let whole = (value as u64).min(1 << 63);
    (whole, libm::floor(value))
}

/// A whole number within one of a number that is not below zero, and as a float.
#[inline]
fn near(value: f64) -> (u64, f64) {
    if value < WHOLE / 2.0 { nearest(value) } else { whole(value) }
}

/// What is below zero, or no number, as zero.
#[inline]
fn positive(value: f64) -> f64 {
    if value > 0.0 { value } else { 0.0 }
}

/// The nearest whole number; halves up, below zero zero, 2⁶³ at most.
#[inline]
pub fn rounded(value: f64) -> u64 {
    let value = positive(value);
    let (whole, float) = near(value);
    whole + u64::from(value - float >= 0.5)
}

/// The least whole number not below; below zero zero, 2⁶³ at most.
#[inline]
pub fn raised(value: f64) -> u64 {
    let value = positive(value);
    let (whole, float) = near(value);
    whole + u64::from(float < value)
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
        let (each, mut edge) = (count / (high - low), first as f64);
        for bin in bins {
            edge += 1.0;
            let upto = rounded((edge - low) * each).min(micro_requests);
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

    #[test]
    fn halves_are_rounded_up_and_parts_raised() {
        let (half, large) = (0.5_f64, 9_007_199_254_740_991.0_f64);
        let table = [
            (f64::NAN, 0, 0),
            (-3.7, 0, 0),
            (0.0, 0, 0),
            (half.next_down(), 0, 1),
            (half, 1, 1),
            (1.5, 2, 2),
            (2.5, 3, 3),
            (2.4, 2, 3),
            (WHOLE / 2.0 + 0.5, (1 << 51) + 1, (1 << 51) + 1),
            (WHOLE - 0.5, 1 << 52, 1 << 52),
            (WHOLE - 1.0, (1 << 52) - 1, (1 << 52) - 1),
            (large, (1 << 53) - 1, (1 << 53) - 1),
            (1e300, 1 << 63, 1 << 63),
        ];
        for (value, nearest, above) in table {
            assert_eq!((rounded(value), raised(value)), (nearest, above), "{value}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_those_of_the_plain_conversion(bits in 0..0x7ff0_0000_0000_0000_u64) {
            let value = f64::from_bits(bits);
            let whole = (value as u64).min(1 << 63);
            let part = if value < WHOLE { value - whole as f64 } else { 0.0 };
            prop_assert_eq!(rounded(value), whole + u64::from(part >= 0.5));
            prop_assert_eq!(raised(value), whole + u64::from(part > 0.0));
        }

        #[test]
        fn nor_do_small_ones_differ(value in 0.0..1e6_f64) {
            let whole = value as u64;
            prop_assert_eq!(rounded(value), whole + u64::from(value - whole as f64 >= 0.5));
            prop_assert_eq!(raised(value), whole + u64::from(value > whole as f64));
        }
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
