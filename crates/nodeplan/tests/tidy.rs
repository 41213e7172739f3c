//! House rules that no compiler checks, over every source file and manifest.

mod tree;

use tree::{assert_none, files, manifest, manifests, read, root};

/// The most lines of one source file.
const MOST_LINES: usize = 800;

/// Words no source file may use, and the path beginnings under which it may.
const WORDS: [(&str, &[&str]); 9] = [
    ("unsafe", &["crates/nodeplan-lp/"]),
    ("unsafe_code", &["crates/nodeplan-lp/"]),
    ("HashMap", &[]),
    ("HashSet", &[]),
    ("Instant", &["crates/nodeplan-cli/", "benches/"]),
    ("SystemTime", &["crates/nodeplan-cli/", "benches/"]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("too_many_lines", &[]),
];

/// Module names that say nothing.
const EMPTY_NAMES: [&str; 3] = ["utils", "common", "helpers"];

/// Rust sources of the workspace and of `fuzz`.
fn sources() -> Vec<String> {
    let mut found = files("crates");
    found.extend(files("benches"));
    if root().join("fuzz").is_dir() {
        found.extend(files("fuzz"));
    }
    found.retain(|path| path.ends_with(".rs"));
    found
}

/// A text with comments, strings and characters blanked; line ends stay.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let blank = literal_or_comment(rest);
        let (token, after) = rest.split_at(if blank > 0 { blank } else { word_or_char(rest) });
        if blank > 0 {
            code.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            code.push_str(token);
        }
        rest = after;
    }
    code
}

/// Whether `c` can be part of a word.
fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes of the word, or else of the single character, at the start of `rest`.
fn word_or_char(rest: &str) -> usize {
    match rest.find(|c| !in_word(c)) {
        Some(0) => rest.chars().next().map_or(0, char::len_utf8),
        Some(end) => end,
        None => rest.len(),
    }
}

/// Bytes of the comment, string or character at the start of `rest`; 0 where none starts.
fn literal_or_comment(rest: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let raw = rest.trim_start_matches(['b', 'c']);
    if let Some(hashed) = raw.strip_prefix('r') {
        let hashes = hashed.len() - hashed.trim_start_matches('#').len();
        if hashed[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = rest.len() - hashed.len() + hashes + 1;
            return rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len());
        }
    }
    let prefix = rest.len() - raw.len();
    if prefix <= 1 && raw.starts_with('"') {
        return prefix + quoted(raw, '"');
    }
    if let Some(inside) = rest.strip_prefix('\'') {
        let mut inside = inside.chars();
        let escaped = inside.next() == Some('\\');
        if escaped || inside.next() == Some('\'') {
            return quoted(rest, '\'');
        }
    }
    0
}

/// Bytes up to the closing quote of a text that starts with one.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + c.len_utf8();
        }
        escaped = !escaped && c == '\\';
    }
    text.len()
}

/// Bytes of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        if text.as_bytes()[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text.as_bytes()[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Whether `word` stands alone somewhere in `code`.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(in_word) && (word.ends_with('!') || !after.is_some_and(in_word))
    })
}

/// What is wrong with one source file.
fn faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//!") {
        faults.push("does not open with `//!`".to_owned());
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        faults.push(format!("{lines} lines, more than {MOST_LINES}"));
    }
    let code = code_only(text);
    for (word, places) in WORDS {
        if has_word(&code, word) && !places.iter().any(|place| path.starts_with(place)) {
            faults.push(format!("uses `{word}`"));
        }
    }
    let squeezed: String = code.split_whitespace().collect();
    for attribute in ["#[ignore", "#[should_panic"] {
        if squeezed.contains(attribute) {
            faults.push(format!("uses `{attribute}]`"));
        }
    }
    for name in EMPTY_NAMES {
        let file = path.split('/').any(|part| part.trim_end_matches(".rs") == name);
        if file || has_word(&code, &format!("mod {name}")) {
            faults.push(format!("a module called `{name}`"));
        }
    }
    faults
}

#[test]
fn sources_keep_the_house_rules() {
    let sources = sources();
    assert!(sources.len() > 10, "no sources found: has the tree moved?");
    let all = sources.iter().flat_map(|path| {
        faults(path, &read(path)).into_iter().map(move |fault| format!("{path}: {fault}"))
    });
    assert_none(&all.collect::<Vec<_>>());
}

#[test]
fn each_house_rule_has_teeth() {
    let long = format!("//! x\n{}", "\n".repeat(MOST_LINES));
    for (path, text, count) in [
        ("crates/a/src/lib.rs", "//! x\nfn f<'a>(x: &'a str) -> char { '\"' }\n", 0),
        ("crates/a/src/lib.rs", "fn f() {}\n", 1),
        ("crates/a/src/lib.rs", long.as_str(), 1),
        ("crates/a/src/lib.rs", "//! unsafe\n// HashMap\n/* a /* b */ todo!() */\n", 0),
        ("crates/a/src/lib.rs", "//! x\nconst X: &str = \"a \\\" unsafe\";\n", 0),
        ("crates/a/src/lib.rs", "//! x\nconst X: &str = r#\"a \" HashMap \"#;\n", 0),
        ("crates/a/src/lib.rs", "//! x\nuse std::collections::HashMap;\n", 1),
        ("crates/a/src/lib.rs", "//! x\nconst Q: char = '\\'';\nunsafe fn f() {}\n", 1),
        ("crates/nodeplan-lp/src/lib.rs", "//! x\nunsafe fn f() {}\n", 0),
        ("crates/a/src/lib.rs", "//! x\nfn f() { std::time::Instant::now(); }\n", 1),
        ("crates/nodeplan-cli/src/main.rs", "//! x\nuse std::time::Instant;\n", 0),
        ("crates/a/src/lib.rs", "//! x\nfn f() { todo!(\"later\") }\n", 1),
        ("crates/a/src/lib.rs", "//! x\n#[ignore = \"slow\"]\nfn f() {}\n", 1),
        ("crates/a/src/lib.rs", "//! x\n#[allow(clippy::too_many_lines)]\nfn f() {}\n", 1),
        ("crates/a/src/utils.rs", "//! x\n", 1),
        ("crates/a/src/lib.rs", "//! x\nmod helpers;\n", 1),
        ("crates/a/src/lib.rs", "//! x\nmod helpers_of_none;\n", 0),
    ] {
        assert_eq!(faults(path, text).len(), count, "{path}: {text}");
    }
}

#[test]
fn every_crate_describes_itself_and_takes_the_lints() {
    let mut all = Vec::new();
    for path in manifests().into_iter().filter(|path| !path.starts_with("fuzz/")) {
        let manifest = manifest(&path);
        let description = manifest["package"].get("description").and_then(toml::Value::as_str);
        if description.is_none_or(str::is_empty) {
            all.push(format!("{path}: no description"));
        }
        let lints = manifest.get("lints").and_then(toml::Value::as_table);
        let inherits = lints
            .and_then(|lints| lints.get("workspace"))
            .and_then(toml::Value::as_bool)
            .unwrap_or(false);
        if !inherits && !path.starts_with("crates/nodeplan-lp/") {
            all.push(format!("{path}: no `[lints] workspace = true`"));
        }
    }
    assert_none(&all);
}

/// `nodeplan-lp` cannot inherit (`unsafe` is denied everywhere else), so it repeats the rest.
#[test]
fn the_exempt_crate_repeats_the_clippy_lints() {
    let workspace = manifest("Cargo.toml")["workspace"]["lints"]["clippy"].clone();
    let exempt = manifest("crates/nodeplan-lp/Cargo.toml")["lints"]["clippy"].clone();
    assert_eq!(workspace, exempt);
    let clippy = manifest("clippy.toml");
    assert_eq!(clippy["too-many-lines-threshold"].as_integer(), Some(70));
    assert!(workspace.get("too_many_lines").is_some(), "long functions go unseen");
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let text = read("Cargo.toml");
    let section = text.split("\n[workspace.dependencies]\n").nth(1).expect("the section exists");
    let section = section.split("\n[").next().unwrap_or_default();
    let mut all = Vec::new();
    let mut before = "";
    for line in section.lines() {
        let name = line.split('=').next().unwrap_or_default().trim();
        let entry = line.contains('=') && !name.starts_with('#');
        if entry && !name.starts_with("nodeplan") && !before.starts_with("# ") {
            all.push(format!("Cargo.toml: `{name}` has no comment above it"));
        }
        before = line;
    }
    assert!(section.contains("serde"), "no dependencies found");
    assert_none(&all);
}

/// Nothing names the machine it was written on.
#[test]
fn no_file_names_a_path_of_one_machine() {
    let roots = ["work", "root", "home", "Users"].map(|name| format!("/{name}/"));
    let endings = [".rs", ".toml", ".md", ".sh", ".py", ".yml", ".yaml", "justfile", ".ci/run"];
    let mut all = Vec::new();
    for path in files("").into_iter().filter(|path| endings.iter().any(|end| path.ends_with(end))) {
        let text = read(&path);
        for (line, text) in (1..).zip(text.lines()) {
            for place in &roots {
                let absolute = text.match_indices(place.as_str()).any(|(at, _)| {
                    let before = text[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || "._-/*}".contains(c))
                });
                if absolute {
                    all.push(format!("{path}:{line}: `{place}`"));
                }
            }
        }
    }
    assert_none(&all);
}

/// The targets of Markdown links that are files of this project.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let paths = targets.map(|target| target.split('#').next().unwrap_or_default());
    paths.filter(|path| !path.is_empty() && !path.contains("://")).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    assert_eq!(links("[a](b.md#c) [d](https://e) [f](#g)"), ["b.md"]);
    let mut all = Vec::new();
    for path in files("").into_iter().filter(|path| path.ends_with(".md")) {
        let text = read(&path);
        let here = root().join(&path).parent().expect("a file lies in a directory").to_owned();
        for link in links(&text).into_iter().filter(|link| !here.join(link).exists()) {
            all.push(format!("{path}: {link}"));
        }
    }
    assert_none(&all);
}

/// README promises two commands; CI and the fresh clone run what stands there.
#[test]
fn readme_has_its_two_commands() {
    let readme = read("README.md");
    for (name, does) in [("plan", " optimize "), ("test", "cargo test --release --workspace")] {
        let mark = format!("<!-- command: {name} -->\n```sh\nscripts/setup.sh && ");
        let block = readme.split(&mark).nth(1).unwrap_or_default();
        let command = block.split("\n```").next().unwrap_or_default();
        assert!(command.contains(does), "README's `{name}` command: `{command}`");
        assert!(!command.contains('\n'), "README's `{name}` command is more than one line");
    }
}
