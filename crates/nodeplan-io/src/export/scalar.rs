//! YAML scalars that read back as the text they were.

/// A text as a YAML scalar: plain where no reader can take it for anything else, else in double
/// quotes with JSON's escapes, which YAML 1.2 shares.
pub(super) fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    // What some reader or other takes for a truth value or for nothing.
    const TAKEN: [&str; 9] = ["y", "n", "yes", "no", "true", "false", "on", "off", "null"];
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let taken = TAKEN.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && !taken && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            ' '..='~' => quoted.push(letter),
            _ if letter.is_alphanumeric() => quoted.push(letter),
            _ if u32::from(letter) > 0xffff => {
                quoted.push_str(&format!("\\U{:08x}", u32::from(letter)));
            }
            _ => quoted.push_str(&format!("\\u{:04x}", u32::from(letter))),
        }
    }
    quoted.push('"');
    quoted
}

/// A text of many lines as a YAML scalar with the end of its line: as it is, indented by so much,
/// where every reader gets it back that way, else quoted.
pub(super) fn literal(text: &str, indent: usize) -> String {
    let shown = |c: char| matches!(c, '\n' | ' '..='~') || c.is_alphanumeric();
    let plain = text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && text.chars().all(shown);
    if !plain {
        return format!("{}\n", scalar(text));
    }
    let margin = " ".repeat(indent);
    let mut block = "|\n".to_owned();
    for line in text.lines() {
        if !line.is_empty() {
            block.push_str(&margin);
            block.push_str(line);
        }
        block.push('\n');
    }
    block
}

/// A number, of which so many places are decimals.
pub(super) fn decimals(value: u64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    format!("{}.{:0width$}", value / unit, value % unit, width = places as usize)
}

#[cfg(test)]
mod tests {
    use super::scalar;
    use proptest::prelude::*;

    #[test]
    fn texts_that_mean_something_else_are_quoted() {
        for (text, want) in [
            ("web-app", "web-app"),
            ("Standard_D4s_v3", "Standard_D4s_v3"),
            ("no", "\"no\""),
            ("1", "\"1\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("x\n- evil", "\"x\\n- evil\""),
            ("\u{1b}[31m", "\"\\u001b[31m\""),
            ("größe", "\"größe\""),
        ] {
            assert_eq!(scalar(text), want);
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in any::<String>()) {
            let read: Result<String, _> = serde_saphyr::from_str(&scalar(&text));
            prop_assert_eq!(read.ok(), Some(text));
        }
    }
}
