//! Lengths of time and points in time as people write them: `250ms`, `1h30m`, `08:30`,
//! `2026-11-23T08:30:00+01:00` (RFC 3339). Nothing here reads a clock.

use crate::quantity::{self, QuantityError, clip};

/// Units of a length of time and their microseconds, longest spelling first.
const UNITS: &[(&str, u64)] = &[
    ("min", 60_000_000),
    ("ms", 1000),
    ("us", 1),
    ("µs", 1),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// Reads an offset in milliseconds, finer ones rounded up in size: `3h`, `+90m`, `-1h30m`.
///
/// # Errors
/// Where what follows the sign is no length of time, or too long.
pub fn offset_millis(text: &str) -> Result<i64, QuantityError> {
    let text = text.trim();
    let (sign, length) = match text.strip_prefix('-') {
        Some(length) => (-1, length),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let millis =
        i64::try_from(micros(length)?.div_ceil(1000)).map_err(|_| QuantityError::TooLarge)?;
    Ok(sign * millis)
}

/// Reads a length of time in microseconds, finer ones rounded up: `40ms`, `1.5s`, `1h30m`.
///
/// # Errors
/// Where the text is anything else, a number without a unit included (but for `0`).
pub fn micros(text: &str) -> Result<u64, QuantityError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(QuantityError::Empty);
    }
    if text.starts_with('-') {
        return Err(QuantityError::Negative);
    }
    if text == "0" {
        return Ok(0);
    }
    let (mut sum, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let Some((_, size)) = UNITS.iter().find(|(name, _)| *name == unit.trim()) else {
            if end == 0 {
                return Err(QuantityError::NoNumber);
            }
            let unit = unit.trim();
            if unit.is_empty() {
                return Err(QuantityError::NoUnit);
            }
            let fix = Some(quantity::UNITS.to_owned());
            return Err(QuantityError::Suffix { suffix: clip(unit), fix });
        };
        let part = parts(number, *size)?;
        sum = sum.checked_add(part).ok_or(QuantityError::TooLarge)?;
        rest = behind;
    }
    Ok(sum)
}

/// `number` × `size`, rounded up.
fn parts(number: &str, size: u64) -> Result<u64, QuantityError> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(QuantityError::NoNumber);
    }
    let digits = |text: &str| match text {
        "" => Ok(0),
        _ => text.parse::<u64>().map_err(|_| QuantityError::TooLarge),
    };
    let fraction = fraction.trim_end_matches('0');
    // Eighteen places are finer than a microsecond of any unit.
    let kept = fraction.get(..fraction.len().min(18)).unwrap_or(fraction);
    let tens = 10_u128.pow(u32::try_from(kept.len()).unwrap_or(18));
    let part = (u128::from(digits(kept)?) * u128::from(size)).div_ceil(tens);
    let sum = u128::from(digits(whole)?) * u128::from(size) + part;
    u64::try_from(sum).map_err(|_| QuantityError::TooLarge)
}

/// Reads a time of day, `08:30` or `08:30:15`, as seconds since midnight; `24:00` is its end.
#[must_use]
pub fn second_of_day(text: &str) -> Option<u32> {
    let mut parts = text.trim().split(':');
    let mut next = |most: u32| -> Option<u32> {
        let part = parts.next()?;
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|value| digits && *value <= most)
    };
    let (hour, minute) = (next(24)?, next(59)?);
    let second = if text.matches(':').count() > 1 { next(59)? } else { 0 };
    let all = hour * 3600 + minute * 60 + second;
    (parts.next().is_none() && all <= 86_400).then_some(all)
}

/// A point in time with the offset of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_millis: i64,
    /// Seconds by which local time is ahead of UTC.
    pub offset_seconds: i32,
}

impl Moment {
    /// Local seconds since a Monday's midnight.
    #[must_use]
    pub fn second_of_week(&self) -> u32 {
        let local = self.unix_millis.div_euclid(1000).saturating_add(self.offset_seconds.into());
        // 1970-01-01 was a Thursday.
        let since_monday = local.saturating_add(3 * 86_400).rem_euclid(7 * 86_400);
        u32::try_from(since_monday).unwrap_or(0)
    }
}

/// Reads a date and time of RFC 3339; a blank may stand for the `T`.
#[must_use]
pub fn moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    if !text.is_ascii() || text.len() < 20 {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
    };
    let at = |place: usize, any: &str| -> bool {
        text.get(place..=place).is_some_and(|one| any.contains(one))
    };
    let marks = at(4, "-") && at(7, "-") && at(10, "Tt ") && at(13, ":") && at(16, ":");
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let sound = marks
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !sound {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        let padded = format!("{:0<3}", fraction.get(..end.min(3))?);
        millis = if end == 0 { return None } else { padded.parse().ok()? };
        rest = fraction.get(end..)?;
    }
    let offset = offset(rest)?;
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    let unix_millis = (seconds - i64::from(offset)) * 1000 + millis;
    Some(Moment { unix_millis, offset_seconds: offset })
}

/// `Z` or `+01:00` in seconds.
fn offset(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let digits = |part: &str| -> Option<i32> {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, years begun in March so that the
/// leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_a_sign() {
        for (text, want) in [
            ("3h", Some(10_800_000)),
            (" +90m ", Some(5_400_000)),
            ("-1h30m", Some(-5_400_000)),
            ("0", Some(0)),
            ("--1h", None),
            ("3", None),
            ("-", None),
        ] {
            assert_eq!(offset_millis(text).ok(), want, "{text:?}");
        }
    }

    #[test]
    fn lengths_of_time_have_units() {
        for (text, want) in [
            ("250ms", Some(250_000)),
            ("1.5s", Some(1_500_000)),
            ("1h30m", Some(5_400_000_000)),
            ("10 min", Some(600_000_000)),
            ("7d", Some(604_800_000_000)),
            ("0", Some(0)),
            ("0.1us", Some(1)),
            ("40", None),
            ("ms", None),
            ("-1s", None),
            ("1.2.3s", None),
            ("1x", None),
            ("", None),
            ("99999999999999999999s", None),
            ("9999999999999d", None),
        ] {
            assert_eq!(micros(text).ok(), want, "{text:?}");
        }
    }

    #[test]
    fn times_of_day_and_moments_are_checked() {
        for (text, want) in [
            ("00:00", Some(0)),
            ("8:30", Some(30_600)),
            ("23:59:59", Some(86_399)),
            ("24:00", Some(86_400)),
            ("24:01", None),
            ("12", None),
            ("12:60", None),
            ("1:2:3:4", None),
        ] {
            assert_eq!(second_of_day(text), want, "{text:?}");
        }
        for (text, want) in [
            ("1970-01-01T00:00:00Z", Some((0, 3 * 86_400))),
            ("2026-11-23T08:30:00+01:00", Some((1_795_419_000_000, 30_600))),
            ("1998-06-08 00:00:00.5Z", Some((897_264_000_500, 0))),
            ("2000-02-29T12:00:00-05:00", Some((951_843_600_000, 86_400 + 43_200))),
            ("2001-02-29T12:00:00Z", None),
            ("2026-11-23T08:30:00", None),
            ("2026-11-23T08:30:00.Z", None),
            ("2026-11-23", None),
            ("2026-13-23T08:30:00Z", None),
        ] {
            let got = moment(text).map(|moment| (moment.unix_millis, moment.second_of_week()));
            assert_eq!(got, want, "{text:?}");
        }
    }
}
