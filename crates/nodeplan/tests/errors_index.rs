//! Every code that the sources name is explained in docs/errors.md, and the reverse.

mod tree;

use std::collections::BTreeSet;
use tree::{files, read};

/// The codes `NP` + four digits in a text.
fn codes(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("NP") {
        let rest = &text.as_bytes()[at + 2..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let starts = at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric();
        let ends = !rest.get(digits).is_some_and(u8::is_ascii_alphabetic);
        if digits == 4 && starts && ends {
            found.insert(text[at..at + 6].to_owned());
        }
    }
    found
}

/// Codes with a heading of their own.
fn explained(errors: &str) -> Vec<String> {
    let headings = errors.lines().filter_map(|line| line.strip_prefix("## "));
    headings.flat_map(codes).collect()
}

#[test]
fn codes_and_explanations_are_the_same_set() {
    let mut used = BTreeSet::new();
    for path in files("crates") {
        let mut parts = path.split('/').skip(2);
        if parts.next() == Some("src") && path.ends_with(".rs") {
            used.extend(codes(&read(&path)));
        }
    }
    assert!(used.contains("NP2001"), "no codes found: has the tree moved?");
    let headings = explained(&read("docs/errors.md"));
    let explained: BTreeSet<String> = headings.iter().cloned().collect();
    assert_eq!(headings.len(), explained.len(), "a code has two headings");
    let unexplained: Vec<&String> = used.difference(&explained).collect();
    assert!(unexplained.is_empty(), "codes without a heading in docs/errors.md: {unexplained:?}");
    let unused: Vec<&String> = explained.difference(&used).collect();
    assert!(unused.is_empty(), "headings in docs/errors.md that no source names: {unused:?}");
}

#[test]
fn codes_are_read_as_whole_words() {
    for (text, count) in
        [("NP1003: x", 1), ("NP1xxx", 0), ("`NP1001`, NP1002", 2), ("SNP1003", 0), ("NP10034", 0)]
    {
        assert_eq!(codes(text).len(), count, "{text}");
    }
    assert_eq!(explained("# NP1001\n## NP1002: it\n### NP1003\n"), ["NP1002"]);
}
