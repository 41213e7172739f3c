//! The arrows between crates are those of docs/architecture.md, and no others. A new arrow
//! edits this file first.

mod tree;

use tree::{assert_none, manifest, manifests};

/// Who may use whom.
const ARROWS: [(&str, &[&str]); 11] = [
    ("nodeplan-model", &[]),
    ("nodeplan-io", &["nodeplan-model"]),
    ("nodeplan-lp", &[]),
    ("nodeplan-solve", &["nodeplan-model", "nodeplan-lp"]),
    ("nodeplan-sim", &["nodeplan-model"]),
    ("nodeplan-eval", &["nodeplan-model"]),
    ("nodeplan-report", &["nodeplan-model"]),
    (
        "nodeplan",
        &[
            "nodeplan-model",
            "nodeplan-io",
            "nodeplan-lp",
            "nodeplan-solve",
            "nodeplan-sim",
            "nodeplan-eval",
            "nodeplan-report",
        ],
    ),
    ("nodeplan-cli", &["nodeplan"]),
    ("nodeplan-benches", &["nodeplan"]),
    ("nodeplan-fuzz", &["nodeplan"]),
];

/// Arrows that only tests may draw: they state problems as CSV, and the solver's plans are
/// judged.
fn allowed_in_tests(from: &str, to: &str) -> bool {
    to == "nodeplan-io" || (from == "nodeplan-solve" && to == "nodeplan-eval")
}

/// Dependencies that one crate keeps from everyone else, and that crate.
const KEPT: [(&str, &str); 4] = [
    ("highs-sys", "nodeplan-lp"),
    ("serde-saphyr", "nodeplan-io"),
    ("clap", "nodeplan-cli"),
    ("criterion", "nodeplan-benches"),
];

/// The names in every dependency table of a manifest: for the build, then for tests.
fn dependencies(manifest: &toml::Table) -> (Vec<String>, Vec<String>) {
    let mut tables = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let names = |section: &str| -> Vec<String> {
        let sections =
            tables.iter().filter_map(|table| table.get(section).and_then(toml::Value::as_table));
        sections
            .flat_map(|section| section.iter().map(|(key, value)| real_name(key, value)))
            .collect()
    };
    let mut build = names("dependencies");
    build.extend(names("build-dependencies"));
    (build, names("dev-dependencies"))
}

/// The package a dependency stands for: `package = "…"` may rename it.
fn real_name(key: &str, value: &toml::Value) -> String {
    value.get("package").and_then(toml::Value::as_str).unwrap_or(key).to_owned()
}

/// What is wrong with the arrows of one manifest.
fn faults(name: &str, manifest: &toml::Table) -> Vec<String> {
    let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
        return vec![format!("crate `{name}` is not in the table")];
    };
    let ours = |to: &str| ARROWS.iter().any(|(from, _)| *from == to);
    let (build, tests) = dependencies(manifest);
    let mut faults = Vec::new();
    for to in &build {
        if ours(to) && !allowed.contains(&to.as_str()) {
            faults.push(format!("`{name}` may not use `{to}`"));
        }
        for (dependency, owner) in KEPT {
            if to == dependency && name != owner {
                faults.push(format!("`{name}` may not use `{to}`: only `{owner}` does"));
            }
        }
    }
    for to in &tests {
        if ours(to) && !allowed.contains(&to.as_str()) && !allowed_in_tests(name, to) {
            faults.push(format!("tests of `{name}` may not use `{to}`"));
        }
    }
    faults
}

fn package_name(manifest: &toml::Table) -> &str {
    manifest["package"]["name"].as_str().expect("a package has a name")
}

#[test]
fn every_arrow_between_crates_is_in_the_table() {
    let mut seen = Vec::new();
    let mut all = Vec::new();
    for path in manifests() {
        let manifest = manifest(&path);
        let name = package_name(&manifest).to_owned();
        all.extend(faults(&name, &manifest).into_iter().map(|fault| format!("{path}: {fault}")));
        seen.push(name);
    }
    for (name, _) in ARROWS {
        if name != "nodeplan-fuzz" && !seen.iter().any(|seen| seen == name) {
            all.push(format!("the table has `{name}`, the workspace has not"));
        }
    }
    assert_none(&all);
}

#[test]
fn a_forbidden_arrow_is_found_however_it_is_drawn() {
    for (name, text, count) in [
        ("nodeplan-eval", "[dependencies]\nnodeplan-model = { workspace = true }", 0),
        ("nodeplan-eval", "[dependencies]\nnodeplan-solve = { workspace = true }", 1),
        ("nodeplan-eval", "[dev-dependencies]\nnodeplan-solve = { workspace = true }", 1),
        ("nodeplan-eval", "[dev-dependencies]\nnodeplan-io = { workspace = true }", 0),
        ("nodeplan-eval", "[dependencies]\nnodeplan-io = { workspace = true }", 1),
        ("nodeplan-eval", "[build-dependencies]\nnodeplan-lp = { workspace = true }", 1),
        ("nodeplan-eval", "[target.'cfg(unix)'.dependencies]\nnodeplan-lp = \"0\"", 1),
        ("nodeplan-eval", "[dependencies]\nx = { package = \"nodeplan-lp\", path = \"\" }", 1),
        ("nodeplan-solve", "[dev-dependencies]\nnodeplan-eval = { workspace = true }", 0),
        ("nodeplan-solve", "[dependencies]\nnodeplan-eval = { workspace = true }", 1),
        ("nodeplan-cli", "[dependencies]\nnodeplan-model = { workspace = true }", 1),
        ("nodeplan-model", "[dependencies]\nclap = \"4\"", 1),
        ("nodeplan-new", "", 1),
    ] {
        let manifest: toml::Table = text.parse().expect("the row is TOML");
        assert_eq!(faults(name, &manifest).len(), count, "{name}: {text}");
    }
}
