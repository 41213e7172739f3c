//! Traffic some weeks ahead.
//!
//! The last day or the last week comes again, times its growth to the power of the time between:
//! the seasonal naive method with drift (Hyndman & Athanasopoulos, Forecasting, 3rd ed., 5.2). Peaks
//! stay as high as they were, which a smoother forecast would not give. Growth is the median of
//! the slopes between all seasons' logarithms (Theil 1950, Sen 1968), so that one odd season does
//! not make it. What is best is chosen by a test: the last third is forecast from what was before it.

use nodeplan_model::scenario::{MILLION, Series};

/// A day and a week.
const SEASONS: [u64; 2] = [86_400_000, 604_800_000];
/// One over the part of the trace that is held back for the test.
const HELD_BACK: usize = 3;
/// Seasons from which growth can be told.
const TELLING: usize = 3;
/// Most growth a week, either way: twice as much.
const MOST_GROWTH: f64 = core::f64::consts::LN_2;

/// A forecast and what it is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// As long as the trace.
    pub series: Series,
    /// What comes again: the last so many milliseconds.
    pub season_millis: u64,
    /// Growth a week, millionths: a million is none.
    pub weekly_growth: u64,
    /// In the test: the absolute errors of all steps over all traffic, millionths.
    pub error: u64,
}

/// One way to forecast.
#[derive(Clone, Copy)]
struct Way {
    /// Steps of a season.
    season: usize,
    grows: bool,
}

/// The forecast of a series so many weeks after its end; none where it is shorter than a day and a
/// half, where its steps do not divide a day, and where nothing came in its test.
#[must_use]
pub fn forecast(series: &Series, weeks: u32) -> Option<Forecast> {
    let step = series.step_millis;
    let rows = &series.micro_per_second;
    let begin = rows.len() - rows.len() / HELD_BACK;
    let mut best: Option<(f64, Way)> = None;
    for season_millis in SEASONS {
        if step == 0 || !season_millis.is_multiple_of(step) {
            continue;
        }
        let season = usize::try_from(season_millis / step).ok()?;
        for grows in [false, true] {
            let way = Way { season, grows };
            let Some(error) = tested(rows, begin, way, step) else { continue };
            if best.is_none_or(|(least, _)| error < least) {
                best = Some((error, way));
            }
        }
    }
    let (error, way) = best?;
    let growth = way.growth(rows, step)?;
    let gap = u64::from(weeks) * SEASONS[1] / step;
    let from = rows.len().checked_add(usize::try_from(gap).ok()?)?;
    let ahead = (from..from.checked_add(rows.len())?).map(|at| whole(way.at(rows, growth, at)));
    let weekly = growth * (SEASONS[1] / step) as f64;
    Some(Forecast {
        series: Series { micro_per_second: ahead.collect(), ..series.clone() },
        season_millis: way.season as u64 * step,
        weekly_growth: whole(libm::exp(weekly) * MILLION as f64),
        error: whole(error * MILLION as f64),
    })
}

/// A float as a whole number, held within what a rate may be.
fn whole(value: f64) -> u64 {
    libm::round(value.clamp(0.0, 1e15)) as u64
}

/// The error of a way on what is after `begin`.
fn tested(rows: &[u64], begin: usize, way: Way, step: u64) -> Option<f64> {
    let known = &rows[..begin];
    let growth = way.growth(known, step)?;
    let (mut wrong, mut all) = (0.0, 0.0);
    for (at, &row) in rows.iter().enumerate().skip(begin) {
        wrong += (row as f64 - way.at(known, growth, at)).abs();
        all += row as f64;
    }
    (all > 0.0).then(|| wrong / all)
}

impl Way {
    /// Growth a step, as a logarithm; none where there is not a season, or too few to tell.
    fn growth(self, known: &[u64], step: u64) -> Option<f64> {
        if known.len() < self.season {
            return None;
        }
        if !self.grows {
            return Some(0.0);
        }
        let whole = known.len() / self.season * self.season;
        let sum = |rows: &[u64]| rows.iter().map(|&row| row as f64).sum::<f64>();
        let sums: Vec<f64> =
            known[known.len() - whole..].chunks_exact(self.season).map(sum).collect();
        if sums.len() < TELLING || sums.iter().any(|&sum| sum <= 0.0) {
            return None;
        }
        let mut slopes = Vec::new();
        for (later, high) in sums.iter().enumerate() {
            for (earlier, low) in sums[..later].iter().enumerate() {
                slopes.push(libm::log(high / low) / ((later - earlier) * self.season) as f64);
            }
        }
        slopes.sort_by(f64::total_cmp);
        let most = MOST_GROWTH / (SEASONS[1] / step.max(1)).max(1) as f64;
        Some(slopes[slopes.len() / 2].clamp(-most, most))
    }

    /// The rate at a step after those that are known.
    fn at(self, known: &[u64], growth: f64, at: usize) -> f64 {
        let seasons = (at + 1).saturating_sub(known.len()).div_ceil(self.season);
        let back = seasons * self.season;
        known[at - back] as f64 * libm::exp(growth * back as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600_000;

    fn hourly(days: usize, rate: impl Fn(usize) -> u64) -> Series {
        let micro_per_second = (0..days * 24).map(rate).collect();
        Series { name: "web".into(), step_millis: HOUR, micro_per_second }
    }

    #[test]
    fn days_alike_come_again() {
        let own = hourly(6, |hour| (hour % 24) as u64 * 1000);
        let found = forecast(&own, 4).unwrap();
        assert_eq!(found.series, own);
        assert_eq!(
            (found.season_millis, found.weekly_growth, found.error),
            (24 * HOUR, MILLION, 0)
        );
    }

    #[test]
    fn weeks_that_grow_by_a_tenth_go_on_growing() {
        // Weekends are half; every week is 1.1 times the one before.
        let rate = |hour: usize| {
            let (week, day) = (hour / 168, hour / 24 % 7);
            let level = 1e9 * 1.1_f64.powi(week as i32);
            (if day < 5 { level } else { level / 2.0 }) as u64
        };
        let own = hourly(42, rate);
        let found = forecast(&own, 1).unwrap();
        assert_eq!(found.season_millis, 168 * HOUR);
        assert!(found.weekly_growth.abs_diff(1_100_000) < 10, "{}", found.weekly_growth);
        // The trace ends after week 5; one week ahead begins week 7.
        let first = found.series.micro_per_second[0] as f64;
        assert!((first / (1e9 * 1.1_f64.powi(7)) - 1.0).abs() < 1e-4, "{first}");
    }

    #[test]
    fn too_little_is_not_forecast() {
        assert_eq!(forecast(&hourly(1, |_| 5), 1), None);
        assert_eq!(forecast(&hourly(3, |_| 0), 1), None);
        let odd = Series { step_millis: 7 * HOUR, ..hourly(9, |_| 5) };
        // Seven hours divide a week, but there is not enough of one before the test.
        assert_eq!(forecast(&Series { micro_per_second: vec![5; 20], ..odd }, 1), None);
    }

    proptest! {
        /// The error is never above that of saying that the last day comes again.
        #[test]
        fn no_worse_than_the_last_day(rows in prop::collection::vec(1u64..1 << 40, 72..400), weeks in 1u32..520) {
            let own = Series { name: "web".into(), step_millis: HOUR, micro_per_second: rows };
            let found = forecast(&own, weeks).unwrap();
            let begin = own.micro_per_second.len() - own.micro_per_second.len() / HELD_BACK;
            let day = Way { season: 24, grows: false };
            let naive = tested(&own.micro_per_second, begin, day, HOUR).unwrap();
            prop_assert!(found.error <= whole(naive * MILLION as f64));
            prop_assert_eq!(found.series.micro_per_second.len(), own.micro_per_second.len());
        }
    }
}
