//! Scheduled minimums: KEDA's `cron` trigger (`pkg/scalers/cron_scaler.go`), and times at which
//! a minimum changes.
//!
//! KEDA makes a schedule a metric with a target of one per pod ([`cron_value`] with
//! [`CRON_METRIC`]), so that its end passes through the autoscaler's stabilisation like any
//! other scale-down; a minimum that somebody patches ([`minimum`]) does so too.

use nodeplan_model::scenario::{Schedule, WEEK_SECONDS};

use super::Metric;
use super::keda::Signal;

/// Seconds of a day.
const DAY_SECONDS: u32 = 86_400;
/// The metric of a `cron` trigger: as many replicas as its value.
pub const CRON_METRIC: Metric = Metric::ExternalAverage { milli: 1_000 };

/// Whether a schedule holds at this second of the local week, counted from Monday midnight. Its
/// start belongs to it, its end does not; it begins on its days and may end on the next.
#[must_use]
pub fn holds(schedule: &Schedule, second_of_week: u32) -> bool {
    let second = second_of_week % WEEK_SECONDS;
    let (day, of_day) = (second / DAY_SECONDS, second % DAY_SECONDS);
    let begins = |day: u32| (schedule.days >> (day % 7)) & 1 == 1;
    if schedule.from_second < schedule.to_second {
        begins(day) && schedule.from_second <= of_day && of_day < schedule.to_second
    } else {
        (begins(day) && schedule.from_second <= of_day)
            || (begins(day + 6) && of_day < schedule.to_second)
    }
}

/// The highest minimum of the schedules that hold, 0 if none does.
#[must_use]
pub fn minimum(schedules: &[Schedule], second_of_week: u32) -> u32 {
    let now = schedules.iter().filter(|schedule| holds(schedule, second_of_week));
    now.map(|schedule| schedule.min).max().unwrap_or(0)
}

/// What a `cron` trigger says and shows (thousandths): its replicas while it holds, else one.
#[must_use]
pub fn cron_value(schedule: &Schedule, second_of_week: u32) -> (Signal, i64) {
    if holds(schedule, second_of_week) {
        (Signal::Active, i64::from(schedule.min) * 1_000)
    } else {
        (Signal::Idle, 1_000)
    }
}

/// Seconds until a schedule next begins or ends, at least 1; `None` if none ever does.
#[must_use]
pub fn seconds_to_change(schedules: &[Schedule], second_of_week: u32) -> Option<u32> {
    let (day, week) = (u64::from(DAY_SECONDS), u64::from(WEEK_SECONDS));
    let now = u64::from(second_of_week) % week;
    let edges = schedules.iter().flat_map(|schedule| {
        let days = (0..7).filter(|index| (schedule.days >> index) & 1 == 1);
        let overnight = schedule.from_second >= schedule.to_second;
        let begin = u64::from(schedule.from_second);
        let end = u64::from(schedule.to_second) + if overnight { day } else { 0 };
        days.flat_map(move |index: u64| [begin, end].map(|edge| index * day + edge))
    });
    let waits = edges.map(|edge| match (edge % week + week - now) % week {
        0 => week,
        seconds => seconds,
    });
    waits.min().and_then(|seconds| u32::try_from(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u32 = 3_600;

    fn schedule(days: u8, from: u32, to: u32, min: u32) -> Schedule {
        Schedule { days, from_second: from * HOUR, to_second: to * HOUR, min }
    }

    #[test]
    fn office_hours_and_a_night_over_the_end_of_the_week() {
        let schedules = [schedule(0b001_1111, 8, 18, 10), schedule(0b100_0000, 22, 6, 4)];
        // Monday is day 0.
        for (day, hour, min, change) in [
            (0, 8, 10, 10),
            (0, 18, 0, 14),
            (4, 17, 10, 1),
            (5, 12, 0, 34),
            (6, 22, 4, 8),
            (0, 5, 4, 1),
            (0, 6, 0, 2),
            (1, 5, 0, 3),
        ] {
            let second = day * DAY_SECONDS + hour * HOUR;
            assert_eq!(minimum(&schedules, second), min, "day {day} {hour} h");
            assert_eq!(seconds_to_change(&schedules, second), Some(change * HOUR), "{day} {hour}");
        }
        assert_eq!(seconds_to_change(&[schedule(0, 1, 2, 3)], 0), None);
        assert_eq!(cron_value(&schedules[0], 9 * HOUR), (Signal::Active, 10_000));
        assert_eq!(cron_value(&schedules[0], 7 * HOUR), (Signal::Idle, 1_000));
    }

    proptest! {
        /// Between now and the next change, the minimum stays.
        #[test]
        fn nothing_changes_before_the_next_change(
            schedules in prop::collection::vec(
                (0_u8..128, 0..DAY_SECONDS, 0..DAY_SECONDS, 0_u32..9)
                    .prop_map(|(days, from_second, to_second, min)| Schedule {
                        days, from_second, to_second, min,
                    }),
                1..4,
            ),
            now in 0..WEEK_SECONDS,
            part in 0_u32..1_000,
        ) {
            let wait = seconds_to_change(&schedules, now).unwrap_or(WEEK_SECONDS);
            prop_assert!((1..=WEEK_SECONDS).contains(&wait));
            let later = now + u32::try_from(u64::from(wait - 1) * u64::from(part) / 999).unwrap();
            prop_assert_eq!(minimum(&schedules, now), minimum(&schedules, later));
        }
    }
}
