//! Times of a CronJob: `*/15 8-17 * * mon-fri`, as `robfig/cron` reads them. A run knows days of the
//! week only, so day of the month and month are `*`.

use super::amounts::quoted;
use super::fields::Reader;
use super::tree::Node;

/// Minutes, hours and days of the week (bit 0 Monday).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// Bit 0 the full hour.
    pub minutes: u64,
    /// Bit 0 midnight.
    pub hours: u32,
    /// Bit 0 Monday.
    pub days: u8,
}

const SHORT: [(&str, &str); 4] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
];
/// As cron counts them.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Reads the times.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Times> {
    let text = reader.text(node, "cron")?;
    let found = times(text);
    if found.is_none() {
        let expected = "minute, hour, *, * and day of the week, such as */15 8-17 * * mon-fri";
        reader.wrong_value(node, format!("cron {} is no time", quoted(text)), expected, None);
    }
    found
}

fn times(text: &str) -> Option<Times> {
    let text = SHORT.iter().find(|(name, _)| *name == text).map_or(text, |(_, long)| long);
    let words: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, "*" | "?", "*" | "?", day] = words[..] else { return None };
    let minutes = bits(minute, 59, &[])?;
    let hours = u32::try_from(bits(hour, 23, &[])?).ok()?;
    // Both 0 and 7 are Sunday.
    let week = bits(day, 7, &DAYS)?;
    let week = u8::try_from((week | week >> 7) & 0x7f).ok()?;
    Some(Times { minutes, hours, days: week >> 1 | (week & 1) << 6 })
}

/// `*`, `*/15`, `3`, `8-17`, `8-17/2`, and these with commas between, as bits.
fn bits(text: &str, most: u32, names: &[&str]) -> Option<u64> {
    let number = |word: &str| {
        let lower = word.to_ascii_lowercase();
        let named = names.iter().position(|name| *name == lower);
        let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        named.and_then(|at| u32::try_from(at).ok()).or_else(|| digits.then(|| word.parse().ok())?)
    };
    let mut all = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None if range == "*" || range == "?" => (0, most),
            None => (number(range)?, if step.is_some() { most } else { number(range)? }),
        };
        if first > last || last > most || step == Some(0) {
            return None;
        }
        for at in (first..=last).step_by(step.unwrap_or(1) as usize) {
            all |= 1_u64 << at;
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::{Times, times};

    #[test]
    fn times_are_those_of_cron() {
        let daily = 0x7f;
        for (text, want) in [
            ("* * * * *", Some(((1 << 60) - 1, (1 << 24) - 1, daily))),
            ("*/15 8-17 * * mon-fri", Some((1 | 1 << 15 | 1 << 30 | 1 << 45, 0x3ff00, 0x1f))),
            ("0 0 * * 0", Some((1, 1, 0x40))),
            ("0 0 * * 7", Some((1, 1, 0x40))),
            ("@weekly", Some((1, 1, 0x40))),
            ("5,50/3 2 * * Sat,1", Some((1 << 5 | 1 << 50 | 1 << 53 | 1 << 56 | 1 << 59, 4, 0x21))),
            ("@daily", Some((1, 1, daily))),
            ("60 * * * *", None),
            ("* 24 * * *", None),
            ("* * 1 * *", None),
            ("* * * * 8", None),
            ("*/0 * * * *", None),
            ("5-3 * * * *", None),
            ("+5 * * * *", None),
            ("- * * * *", None),
            ("1,,2 * * * *", None),
            ("* * * *", None),
            ("", None),
        ] {
            let want = want.map(|(minutes, hours, days)| Times { minutes, hours, days });
            assert_eq!(times(text), want, "{text:?}");
        }
    }
}
