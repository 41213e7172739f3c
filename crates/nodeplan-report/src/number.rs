//! Numbers as people read them: rounded, grouped, with a unit.

use nodeplan_model::answer::Money;
use nodeplan_model::units::{Bytes, GIB, MilliCpu, UsdPerHour};

const BILLION: u128 = 1_000_000_000;

/// `12345678` as `12,345,678`.
#[must_use]
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Billionths with `places` decimals (at most 9), rounded half up, thousands grouped.
fn decimal(billionths: u128, places: usize) -> String {
    let step = 10_u128.pow(9 - places as u32);
    let rounded = billionths.saturating_add(step / 2) / step;
    let one = BILLION / step;
    if places == 0 {
        return grouped(rounded);
    }
    format!("{}.{:0places$}", grouped(rounded / one), rounded % one)
}

/// An amount of money with two decimals: `1,115.44`, `-3.20`.
#[must_use]
pub fn money(amount: Money) -> String {
    let text = decimal(amount.0.unsigned_abs(), 2);
    let zero = text.chars().all(|c| !c.is_ascii_digit() || c == '0');
    if amount.0 < 0 && !zero { format!("-{text}") } else { text }
}

/// A difference with its sign: `+12.00`, `-3.20`, `0.00`.
#[must_use]
pub fn signed(amount: Money) -> String {
    let text = money(amount);
    let positive = amount.0 > 0 && text.chars().any(|c| ('1'..='9').contains(&c));
    if positive { format!("+{text}") } else { text }
}

/// A rate with four decimals.
#[must_use]
pub fn rate(rate: UsdPerHour) -> String {
    decimal(u128::from(rate.0), 4)
}

/// Thousandths as whole percent: 934 is `93%`.
#[must_use]
pub fn percent(per_mille: u32) -> String {
    format!("{}%", (u64::from(per_mille) + 5) / 10)
}

/// Thousandths as percent with one decimal and a sign: -195 is `-19.5%`.
#[must_use]
pub fn signed_percent(per_mille: i64) -> String {
    let size = per_mille.unsigned_abs();
    let sign = match per_mille {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}.{}%", size / 10, size % 10)
}

/// Millionths as percent with as many decimals as it takes (at most four): 6000 is `0.6%`.
#[must_use]
pub fn ppm_percent(ppm: u64) -> String {
    let digits = format!("{:04}", ppm % 10_000);
    let decimals = digits.trim_end_matches('0');
    if decimals.is_empty() {
        format!("{}%", grouped(u128::from(ppm / 10_000)))
    } else {
        format!("{}.{decimals}%", grouped(u128::from(ppm / 10_000)))
    }
}

/// Memory in GiB with at most two decimals: `15.62Gi`; small amounts in MiB.
#[must_use]
pub fn memory(bytes: Bytes) -> String {
    let (unit, suffix) = if bytes.0 >= GIB { (GIB, "Gi") } else { (1 << 20, "Mi") };
    let hundredths = (u128::from(bytes.0) * 100 + u128::from(unit / 2)) / u128::from(unit);
    let decimals = format!("{:02}", hundredths % 100);
    let decimals = decimals.trim_end_matches('0');
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{}{point}{decimals}{suffix}", grouped(hundredths / 100))
}

/// CPU in Kubernetes notation.
#[must_use]
pub fn cpu(cpu: MilliCpu) -> String {
    cpu.to_string()
}

/// `3`, or `9..14`.
#[must_use]
pub fn range(least: u64, most: u64) -> String {
    if least == most { grouped(u128::from(least)) } else { format!("{least}..{most}") }
}

/// Milliseconds of a day in hours: `8 h`, `7.5 h`.
#[must_use]
pub fn hours(millis: u64) -> String {
    let hundredths = (millis + 18_000) / 36_000;
    let decimals = format!("{:02}", hundredths % 100);
    let decimals = decimals.trim_end_matches('0');
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{}{point}{decimals} h", hundredths / 100)
}

/// `1 pool`, `2 pools`.
#[must_use]
pub fn count(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(u128::from(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (shown, want) in [
            (money(Money(1_115_440_000_000)), "1,115.44"),
            (money(Money(-3_204_000_000)), "-3.20"),
            (money(Money(-1)), "0.00"),
            (money(Money(999_999_999_999)), "1,000.00"),
            (signed(Money(12_000_000_000)), "+12.00"),
            (signed(Money(1)), "0.00"),
            (rate(UsdPerHour(1_528_000_000)), "1.5280"),
            (rate(UsdPerHour(41_650_000)), "0.0417"),
            (percent(934), "93%"),
            (percent(995), "100%"),
            (signed_percent(-195), "-19.5%"),
            (signed_percent(0), "0.0%"),
            (ppm_percent(6000), "0.6%"),
            (ppm_percent(0), "0%"),
            (ppm_percent(1_000_000), "100%"),
            (ppm_percent(123), "0.0123%"),
            (memory(Bytes(GIB * 3 / 2)), "1.5Gi"),
            (memory(Bytes(512 << 20)), "512Mi"),
            (memory(Bytes(0)), "0Mi"),
            (range(3, 3), "3"),
            (range(9, 14), "9..14"),
            (hours(28_800_000), "8 h"),
            (hours(27_000_000), "7.5 h"),
            (grouped(1_000), "1,000"),
            (grouped(999), "999"),
            (count(1, "pool"), "1 pool"),
        ] {
            assert_eq!(shown, want);
        }
    }
}
