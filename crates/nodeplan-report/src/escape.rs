//! Text from users made harmless for a target.

/// For a terminal.
pub(crate) fn terminal(text: &str) -> String {
    visible(text)
}

/// For a Markdown table or paragraph: nothing is markup, nothing is HTML, one line.
pub(crate) fn markdown(text: &str) -> String {
    let mut safe = String::new();
    for c in visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '@' => {
                safe.push('\\');
                safe.push(c);
            }
            _ => safe.push(c),
        }
    }
    safe
}

/// A text cell of a CSV file: quoted where it must be, and never a formula for a spreadsheet.
#[must_use]
pub fn csv(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// `text` with control and direction characters as visible escapes.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if hidden {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    #[test]
    fn hostile_text_is_harmless() {
        for (text, terminal, markdown, csv) in [
            ("web", "web", "web", "web"),
            ("\u{1b}[31mred", "\\u{1b}[31mred", "\\\\u{1b}\\[31mred", "\u{1b}[31mred"),
            ("a|b<c>", "a|b<c>", "a\\|b&lt;c&gt;", "a|b<c>"),
            ("=1+1", "=1+1", "=1+1", "'=1+1"),
            ("-x,\"y\"", "-x,\"y\"", "-x,\"y\"", "\"'-x,\"\"y\"\"\""),
            ("@a\nb", "@a\\u{a}b", "\\@a\\\\u{a}b", "\"'@a\nb\""),
            ("a\u{202e}b", "a\\u{202e}b", "a\\\\u{202e}b", "a\u{202e}b"),
        ] {
            assert_eq!(super::terminal(text), terminal, "{text:?}");
            assert_eq!(super::markdown(text), markdown, "{text:?}");
            assert_eq!(super::csv(text), csv, "{text:?}");
        }
    }
}
