//! Lists of node labels: `disk=ssd;team=a`.

use crate::quantity::clip;

/// Why a text is no list of labels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SelectorError {
    /// Not of the form key=value.
    #[error("`{part}` is not of the form key=value")]
    NotAPair {
        /// What stands there.
        part: String,
    },
    /// One key, two values.
    #[error("`{key}` is asked to be both `{first}` and `{second}`, which no node is")]
    TwoValues {
        /// Label.
        key: String,
        /// A value.
        first: String,
        /// Another.
        second: String,
    },
}

impl SelectorError {
    /// Its code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAPair { .. } => "NP1018",
            Self::TwoValues { .. } => "NP1023",
        }
    }
}

/// Reads labels separated by `;` or `,`, sorted by key.
pub(crate) fn read(text: &str) -> Result<Vec<(String, String)>, SelectorError> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for part in text.split([';', ',']).map(str::trim).filter(|part| !part.is_empty()) {
        let pair = part.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let (key, value) = pair
            .filter(|(key, value)| is_word(key) && (value.is_empty() || is_word(value)))
            .ok_or_else(|| SelectorError::NotAPair { part: clip(part) })?;
        labels.push((key.to_owned(), value.to_owned()));
    }
    labels.sort_unstable();
    labels.dedup();
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(SelectorError::TwoValues {
            key: clip(&pair[0].0),
            first: clip(&pair[0].1),
            second: clip(&pair[1].1),
        }),
        None => Ok(labels),
    }
}

/// Whether `text` has only characters that label keys and values have.
fn is_word(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    !text.is_empty() && text.len() <= 317 && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs() {
        for (text, want) in [
            ("disk=ssd", Ok(vec![("disk", "ssd")])),
            ("b=2; a=1,a=1", Ok(vec![("a", "1"), ("b", "2")])),
            ("empty=", Ok(vec![("empty", "")])),
            ("ssd", Err("`ssd` is not of the form key=value")),
            ("=x", Err("`=x` is not of the form key=value")),
            ("zone in (1)", Err("`zone in (1)` is not of the form key=value")),
            ("a==b", Err("`a==b` is not of the form key=value")),
            ("a=1;a=2", Err("`a` is asked to be both `1` and `2`, which no node is")),
        ] {
            let want = want
                .map(|list| list.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
                .map_err(str::to_owned);
            assert_eq!(read(text).map_err(|fault| fault.to_string()), want, "{text:?}");
        }
    }
}
