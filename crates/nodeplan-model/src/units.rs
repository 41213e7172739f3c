//! Quantities. The type is the unit; amounts are integers, and integers decide.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);

            /// The sum, or `None` on overflow.
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// The difference, or `None` below zero.
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }

            /// The difference, zero at the least.
            #[must_use]
            pub fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }
    };
}

amount! {
    /// CPU in thousandths of a core. Requests finer than 1m round up.
    MilliCpu(u64)
}
amount! {
    /// Memory or storage in bytes (not MiB: `129M` is no whole number of them).
    Bytes(u64)
}
amount! {
    /// A rate in billionths of a currency unit per hour; the currency is the catalog's.
    UsdPerHour(u64)
}
amount! {
    /// A cost: rate × milliseconds, unrounded. Over the load points of one day this is
    /// Σ weight (ms) × rate (1e-9 USD/h).
    Spend(u128)
}

/// Milliseconds of one day; the load points of a problem are weighted with parts of it.
pub const DAY_MILLIS: u64 = 86_400_000;
/// Milliseconds of one hour, which rates are for.
pub const HOUR_MILLIS: u64 = 3_600_000;
/// Hours of one month in every monthly figure.
pub const MONTH_HOURS: u64 = 730;
/// One KiB in bytes.
pub const KIB: u64 = 1 << 10;
/// One MiB in bytes.
pub const MIB: u64 = 1 << 20;
/// One GiB in bytes.
pub const GIB: u64 = 1 << 30;

impl UsdPerHour {
    /// The cost of this rate over `millis` milliseconds.
    #[must_use]
    pub fn over_millis(self, millis: u64) -> Spend {
        Spend(u128::from(self.0) * u128::from(millis))
    }
}

impl fmt::Display for MilliCpu {
    /// Kubernetes notation: whole cores as `4`, else `1500m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1000) {
            write!(f, "{}", self.0 / 1000)
        } else {
            write!(f, "{}m", self.0)
        }
    }
}

impl fmt::Display for Bytes {
    /// Kubernetes notation, exact: the largest binary suffix that divides, else plain bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, suffix) in [(1 << 40, "Ti"), (GIB, "Gi"), (MIB, "Mi"), (KIB, "Ki")] {
            if self.0 != 0 && self.0.is_multiple_of(unit) {
                return write!(f, "{}{suffix}", self.0 / unit);
            }
        }
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for UsdPerHour {
    /// Decimal, exact, at least four and at most nine places.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:09}", self.0 % 1_000_000_000);
        let kept = digits.trim_end_matches('0').len().max(4);
        write!(f, "{}.{}", self.0 / 1_000_000_000, &digits[..kept])
    }
}

/// A calendar day, `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `YYYY-MM-DD`; `None` where that is no day of the Gregorian calendar.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| -> Option<u16> {
            let digits = text.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
            digits.parse().ok()
        };
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u16::from(leap),
            _ => return None,
        };
        (1..=last).contains(&day).then_some(Self { year, month: month as u8, day: day as u8 })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for Date {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a day, expected YYYY-MM-DD"))
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

/// A factor in thousandths: 15 % is 150, 1.5 is 1500.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerMille(pub u32);

impl PerMille {
    /// `amount` × this factor, rounded down; saturates at the type's end.
    #[must_use]
    pub fn floor_of(self, amount: u64) -> u64 {
        u64::try_from(u128::from(amount) * u128::from(self.0) / 1000).unwrap_or(u64::MAX)
    }

    /// `amount` × this factor, rounded up; saturates at the type's end.
    #[must_use]
    pub fn ceil_of(self, amount: u64) -> u64 {
        u64::try_from((u128::from(amount) * u128::from(self.0)).div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_print_as_kubernetes_writes_them() {
        for (shown, want) in [
            (MilliCpu(500).to_string(), "500m"),
            (MilliCpu(4000).to_string(), "4"),
            (Bytes(GIB + GIB / 2).to_string(), "1536Mi"),
            (Bytes(129_000_000).to_string(), "129000000"),
            (Bytes(0).to_string(), "0"),
            (UsdPerHour(1_528_000_000).to_string(), "1.5280"),
            (UsdPerHour(41_600_001).to_string(), "0.041600001"),
        ] {
            assert_eq!(shown, want);
        }
    }

    #[test]
    fn only_real_days_are_dates() {
        for (text, ok) in [
            ("2026-11-22", true),
            ("2024-02-29", true),
            ("2025-02-29", false),
            ("2026-13-01", false),
            ("2026-1-1", false),
            ("+026-01-01", false),
        ] {
            assert_eq!(Date::parse(text).is_some(), ok, "{text}");
        }
    }
}
