//! Exact reading of Kubernetes quantities, counts and percentages.
//!
//! Grammar: an optional sign, digits with an optional decimal point, then nothing, one of
//! `n u m k M G T P E`, one of `Ki Mi Gi Ti Pi Ei`, or a decimal exponent (`e3`, `E-3`). `E`
//! with no digits behind it is exa; with digits it is an exponent. Amounts round up, CPU to
//! 1m and memory to a byte, as Kubernetes does; no float is involved and any number of digits
//! is read exactly.

use nodeplan_model::units::{Bytes, MilliCpu, PerMille};

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantityError {
    /// Nothing there.
    #[error("it is empty")]
    Empty,
    /// Below zero.
    #[error("it is negative")]
    Negative,
    /// Does not start with a number.
    #[error("it does not start with a number")]
    NoNumber,
    /// A comma for a decimal point.
    #[error("it has a decimal comma")]
    DecimalComma {
        /// The same with a point.
        point: String,
    },
    /// Blanks between number and suffix.
    #[error("it has a blank inside")]
    Blank {
        /// The same without blanks.
        joined: String,
    },
    /// Something behind the number that is no suffix.
    #[error("`{suffix}` is not a suffix")]
    Suffix {
        /// What stands there.
        suffix: String,
        /// Legal spellings that were probably meant.
        fix: Option<String>,
    },
    /// A length of time without a unit.
    #[error("it has no unit")]
    NoUnit,
    /// A fraction where only whole numbers make sense.
    #[error("it is not a whole number")]
    NotWhole,
    /// Beyond 64 bits.
    #[error("it is too large")]
    TooLarge,
}

/// What a length of time looks like.
pub(crate) const UNITS: &str = "write a number with a unit, such as 250ms, 40s, 10m, 2h or 7d";

impl QuantityError {
    /// One fix, where one can be guessed.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::DecimalComma { point } => Some(format!("write {point}, with a decimal point")),
            Self::Blank { joined } => Some(format!("write {joined}, without the blank")),
            Self::Suffix { fix, .. } => fix.clone(),
            Self::NoUnit => Some(UNITS.to_owned()),
            _ => None,
        }
    }
}

/// A number as written: its decimal digits (no leading zeros) with the point after the first
/// `point` of them, and a binary factor.
struct Number {
    digits: Vec<u8>,
    point: i64,
    factor: u128,
}

impl Number {
    /// The number × 10^shift, rounded up.
    ///
    /// Whole digits by Horner's rule. The fraction 0.d₁d₂… × factor from its last digit to the
    /// first: ⌊(d·f + x)/10⌋ = ⌊(d·f + ⌊x⌋)/10⌋, so one whole number and a "something was cut
    /// off" bit carry it exactly, however long it is.
    fn ceil(&self, shift: i64) -> Result<u64, QuantityError> {
        if self.digits.is_empty() {
            return Ok(0);
        }
        let point = self.point.saturating_add(shift);
        let whole = usize::try_from(point.max(0)).map_err(|_| QuantityError::TooLarge)?;
        if whole > 40 {
            return Err(QuantityError::TooLarge);
        }
        let mut value: u128 = 0;
        for place in 0..whole {
            let digit = u128::from(self.digits.get(place).copied().unwrap_or(0));
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(digit))
                .ok_or(QuantityError::TooLarge)?;
        }
        let value = value.checked_mul(self.factor).ok_or(QuantityError::TooLarge)?;
        let (mut part, mut cut) = (0_u128, false);
        for &digit in self.digits.iter().skip(whole).rev() {
            part += u128::from(digit) * self.factor;
            cut |= !part.is_multiple_of(10);
            part /= 10;
        }
        // Zeros between the point and the first digit; after 64 of them nothing whole is left.
        for _ in 0..point.min(0).saturating_neg().min(64) {
            cut |= !part.is_multiple_of(10);
            part /= 10;
        }
        let rounded = value.checked_add(part).and_then(|sum| sum.checked_add(u128::from(cut)));
        rounded.and_then(|sum| u64::try_from(sum).ok()).ok_or(QuantityError::TooLarge)
    }
}

/// Splits sign and digits from what follows.
fn split(text: &str) -> Result<(&str, &str), QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Empty);
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    if !number.bytes().any(|b| b.is_ascii_digit()) || number.matches('.').count() > 1 {
        return Err(QuantityError::NoNumber);
    }
    let zero = number.bytes().all(|b| b == b'0' || b == b'.');
    if negative && !zero {
        return Err(QuantityError::Negative);
    }
    Ok((number, suffix))
}

/// Power of ten and binary factor of a suffix.
fn scale_of(suffix: &str) -> Option<(i64, u128)> {
    let decimal = |power: i64| Some((power, 1));
    let binary = |power: u32| Some((0, 1_u128 << power));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?;
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            // Longer exponents are out of reach either way.
            let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000);
            Some((if exponent.starts_with('-') { -size } else { size }, 1))
        }
    }
}

/// What was probably meant by an unknown suffix behind `number`.
fn fix_of(number: &str, suffix: &str, memory: bool) -> Option<String> {
    let lower = suffix.to_ascii_lowercase();
    if memory {
        let letter = match lower.as_str() {
            "k" | "kb" | "ki" | "kib" => 'k',
            "m" | "mb" | "mi" | "mib" => 'M',
            "g" | "gb" | "gi" | "gib" => 'G',
            "t" | "tb" | "ti" | "tib" => 'T',
            "p" | "pb" | "pi" | "pib" => 'P',
            "b" | "byte" | "bytes" => return Some(format!("write {number}: plain bytes")),
            _ => return None,
        };
        let binary = letter.to_ascii_uppercase();
        return Some(if lower.contains('i') {
            format!("write {number}{binary}i")
        } else {
            format!("write {number}{letter} (decimal) or {number}{binary}i (binary, most common)")
        });
    }
    match lower.as_str() {
        "c" | "core" | "cores" | "cpu" | "cpus" | "vcpu" | "vcpus" => {
            Some(format!("write {number}: whole cores have no suffix"))
        }
        "mcpu" | "millicpu" | "milli" | "mc" | "millicore" | "millicores" | "mcore" | "mcores" => {
            Some(format!("write {number}m"))
        }
        _ => None,
    }
}

fn number_of(text: &str, memory: bool) -> Result<Number, QuantityError> {
    let text = text.trim();
    let (number, suffix) = split(text)?;
    if let Some(rest) = suffix.strip_prefix(',')
        && rest.starts_with(|c: char| c.is_ascii_digit())
        && text.matches(',').count() == 1
    {
        return Err(QuantityError::DecimalComma { point: text.replace(',', ".") });
    }
    let Some((power, factor)) = scale_of(suffix) else {
        if suffix.contains(char::is_whitespace) {
            let joined: String = text.split_whitespace().collect();
            if number_of(&joined, memory).is_ok() {
                return Err(QuantityError::Blank { joined });
            }
        }
        let suffix = suffix.trim();
        let fix = fix_of(number, suffix, memory);
        return Err(QuantityError::Suffix { suffix: clip(suffix), fix });
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let significant = whole.trim_start_matches('0');
    let mut digits: Vec<u8> =
        significant.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
    while digits.last() == Some(&0) && digits.len() > significant.len() {
        digits.pop();
    }
    if digits.iter().all(|&digit| digit == 0) {
        digits.clear();
    }
    let point = i64::try_from(significant.len()).map_err(|_| QuantityError::TooLarge)?;
    Ok(Number { digits, point: point.saturating_add(power), factor })
}

/// At most 48 characters of a text, for a message.
pub(crate) fn clip(text: &str) -> String {
    let mut shown: String = text.chars().take(48).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Reads a CPU quantity, rounded up to a thousandth of a core.
///
/// # Errors
/// Where the text is no quantity, is negative or does not fit.
pub fn cpu(text: &str) -> Result<MilliCpu, QuantityError> {
    number_of(text, false)?.ceil(3).map(MilliCpu)
}

/// Reads a memory or storage quantity, rounded up to a byte.
///
/// # Errors
/// Where the text is no quantity, is negative or does not fit.
pub fn memory(text: &str) -> Result<Bytes, QuantityError> {
    number_of(text, true)?.ceil(0).map(Bytes)
}

/// Whether a memory quantity is written in parts of a byte (`128m`): legal, and almost surely
/// a mistake.
#[must_use]
pub fn in_parts_of_a_byte(text: &str) -> bool {
    text.trim().ends_with(['m', 'u', 'n'])
}

/// Reads a whole number: digits only.
///
/// # Errors
/// Where the text is anything else or does not fit.
pub fn count(text: &str) -> Result<u64, QuantityError> {
    let (number, suffix) = split(text.trim())?;
    if !suffix.is_empty() {
        let suffix = clip(suffix.trim());
        return Err(QuantityError::Suffix { suffix, fix: None });
    }
    if number.contains('.') {
        return Err(QuantityError::NotWhole);
    }
    number.parse().map_err(|_| QuantityError::TooLarge)
}

/// Reads a whole percentage, `70%` or `70`.
///
/// # Errors
/// Where the text is anything else or does not fit.
pub fn percent(text: &str) -> Result<u32, QuantityError> {
    let text = text.trim();
    let number = text.strip_suffix('%').map_or(text, str::trim_end);
    u32::try_from(count(number)?).map_err(|_| QuantityError::TooLarge)
}

/// Reads a factor: `1.5`, or a percentage with its sign, `15%` or `12.5%`. Exact to a
/// thousandth; finer ones are an error.
///
/// # Errors
/// Where the text is anything else or does not fit.
pub fn factor(text: &str) -> Result<PerMille, QuantityError> {
    let text = text.trim();
    let (number, shift) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 1),
        None => (text, 3),
    };
    let (_, suffix) = split(number)?;
    if !suffix.is_empty() && !suffix.starts_with(',') {
        let suffix = clip(suffix.trim());
        return Err(QuantityError::Suffix { suffix, fix: None });
    }
    let parsed = number_of(number, false)?;
    let amount = parsed.ceil(shift)?;
    if !exact(&parsed, shift) {
        return Err(QuantityError::NotWhole);
    }
    u32::try_from(amount).map(PerMille).map_err(|_| QuantityError::TooLarge)
}

/// Reads a number × 10^places, rounded up: `0.6`, or a percentage with its sign, `60%`.
///
/// # Errors
/// Where the text is anything else or does not fit.
pub fn scaled(text: &str, places: u8) -> Result<u64, QuantityError> {
    let text = text.trim();
    let (number, shift) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), i64::from(places) - 2),
        None => (text, i64::from(places)),
    };
    let (_, suffix) = split(number)?;
    if !suffix.is_empty() && !suffix.starts_with(',') {
        let suffix = clip(suffix.trim());
        return Err(QuantityError::Suffix { suffix, fix: None });
    }
    number_of(number, false)?.ceil(shift)
}

/// Whether number × 10^shift is whole.
fn exact(number: &Number, shift: i64) -> bool {
    let whole = usize::try_from(number.point.saturating_add(shift).max(0)).unwrap_or(usize::MAX);
    number.digits.iter().skip(whole).all(|&digit| digit == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_reads_every_suffix_exactly() {
        for (text, bytes) in [
            ("0", 0),
            ("129M", 129_000_000),
            ("1Ki", 1 << 10),
            ("512Mi", 512 << 20),
            ("1.5Gi", 3 << 29),
            ("2Ti", 2 << 40),
            ("1Pi", 1 << 50),
            ("1Ei", 1 << 60),
            ("1k", 1000),
            ("3G", 3_000_000_000),
            ("1T", 1_000_000_000_000),
            ("1P", 1_000_000_000_000_000),
            ("1E", 1_000_000_000_000_000_000),
            ("12E3", 12_000),
            ("12e3", 12_000),
            ("1e+3", 1000),
            ("1500e-3", 2),
            ("128m", 1),
            ("2001u", 1),
            ("1000000001n", 2),
            ("0.1", 1),
            ("+5", 5),
            ("-0", 0),
            (".5Ki", 512),
            ("5.", 5),
            ("007", 7),
            ("131072k", 131_072_000),
            ("0.33333333333333333333333333333333333333333333Gi", 357_913_942),
            ("0.00000000000000000000000000000000000000000000001", 1),
            ("1e-999999999999999999999", 1),
            ("0e999999999999999999999", 0),
            ("18446744073709551615", u64::MAX),
            (" 1Gi ", 1 << 30),
        ] {
            assert_eq!(memory(text), Ok(Bytes(bytes)), "{text:?}");
        }
    }

    #[test]
    fn cpu_rounds_up_to_a_thousandth() {
        for (text, milli) in [
            ("1", 1000),
            ("500m", 500),
            ("0.5", 500),
            ("1.0001", 1001),
            ("0.1m", 1),
            ("100u", 1),
            ("12345678n", 13),
            ("2k", 2_000_000),
            ("1e1", 10_000),
            ("1Ki", 1_024_000),
            ("0", 0),
        ] {
            assert_eq!(cpu(text), Ok(MilliCpu(milli)), "{text:?}");
        }
    }

    #[test]
    fn faults_say_what_to_write() {
        for (text, error, help) in [
            ("", "it is empty", None),
            ("-1Gi", "it is negative", None),
            ("lots", "it does not start with a number", None),
            ("1.2.3", "it does not start with a number", None),
            (".", "it does not start with a number", None),
            (
                "500Mb",
                "`Mb` is not a suffix",
                Some("write 500M (decimal) or 500Mi (binary, most common)"),
            ),
            (
                "512MB",
                "`MB` is not a suffix",
                Some("write 512M (decimal) or 512Mi (binary, most common)"),
            ),
            (
                "1GB",
                "`GB` is not a suffix",
                Some("write 1G (decimal) or 1Gi (binary, most common)"),
            ),
            ("1gi", "`gi` is not a suffix", Some("write 1Gi")),
            (
                "64KB",
                "`KB` is not a suffix",
                Some("write 64k (decimal) or 64Ki (binary, most common)"),
            ),
            ("100 bytes", "`bytes` is not a suffix", Some("write 100: plain bytes")),
            ("0,5", "it has a decimal comma", Some("write 0.5, with a decimal point")),
            ("1,5Gi", "it has a decimal comma", Some("write 1.5Gi, with a decimal point")),
            ("1 Gi", "it has a blank inside", Some("write 1Gi, without the blank")),
            ("12e", "`e` is not a suffix", None),
            ("1e3Ki", "`e3Ki` is not a suffix", None),
            ("16Ei", "it is too large", None),
            ("1e20", "it is too large", None),
            ("1e999999999999999999999", "it is too large", None),
        ] {
            let fault = memory(text).expect_err(text);
            assert_eq!(
                (fault.to_string().as_str(), fault.help().as_deref()),
                (error, help),
                "{text:?}"
            );
        }
        for (text, help) in [
            ("2 cores", Some("write 2: whole cores have no suffix")),
            ("500mcpu", Some("write 500m")),
            ("0,5", Some("write 0.5, with a decimal point")),
        ] {
            assert_eq!(cpu(text).expect_err(text).help().as_deref(), help, "{text:?}");
        }
    }

    #[test]
    fn counts_percentages_and_factors() {
        assert_eq!(count("12"), Ok(12));
        for text in ["", "-1", "1.0", "1k", "x", "99999999999999999999"] {
            assert!(count(text).is_err(), "{text:?}");
        }
        for (text, want) in [("70%", Some(70)), ("70", Some(70)), ("0.7", None), ("70 %", Some(70))]
        {
            assert_eq!(percent(text).ok(), want, "{text:?}");
        }
        for (text, want) in [
            ("15%", Some(150)),
            ("12.5%", Some(125)),
            ("1.5", Some(1500)),
            ("4", Some(4000)),
            ("0", Some(0)),
            ("0.0005", None),
            ("1.500000", Some(1500)),
            ("1k", None),
            ("-1", None),
            ("0,5", None),
            ("5000000", None),
        ] {
            assert_eq!(factor(text).ok(), want.map(PerMille), "{text:?}");
        }
    }

    /// Reads short texts with 128-bit fractions: the obvious way, kept beside the fast one.
    fn slow(whole: u64, fraction: u32, places: u32, suffix: &str) -> u128 {
        let (numerator, denominator): (u128, u128) = match suffix {
            "n" => (1, 1_000_000_000),
            "u" => (1, 1_000_000),
            "m" => (1, 1000),
            "k" => (1000, 1),
            "M" => (1_000_000, 1),
            "Ki" => (1 << 10, 1),
            "Gi" => (1 << 30, 1),
            _ => (1, 1),
        };
        let tens = 10_u128.pow(places);
        let digits = u128::from(whole) * tens + u128::from(fraction) % tens;
        (digits * numerator).div_ceil(tens * denominator)
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(amount in any::<u64>(), shift in 0_u32..64) {
            let amount = amount >> shift;
            prop_assert_eq!(memory(&Bytes(amount).to_string()), Ok(Bytes(amount)));
            prop_assert_eq!(cpu(&MilliCpu(amount).to_string()), Ok(MilliCpu(amount)));
        }

        #[test]
        fn fast_and_slow_agree(
            whole in 0_u64..100_000_000,
            fraction in any::<u32>(),
            places in 0_u32..9,
            suffix in prop::sample::select(vec!["", "n", "u", "m", "k", "M", "Ki", "Gi"]),
        ) {
            let tail = u128::from(fraction) % 10_u128.pow(places);
            let text = if places == 0 {
                format!("{whole}{suffix}")
            } else {
                format!("{whole}.{tail:0width$}{suffix}", width = places as usize)
            };
            let want = u64::try_from(slow(whole, fraction, places, suffix)).map(Bytes).ok();
            prop_assert_eq!(memory(&text).ok(), want, "{}", text);
        }

        #[test]
        fn any_text_reads_or_fails(text in "\\PC*") {
            let _ = (cpu(&text), memory(&text), count(&text), percent(&text), factor(&text));
        }
    }
}
