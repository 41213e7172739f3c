//! Every file under data/ has a known origin: listed in data/SOURCES.toml with the hash of
//! what was checked in, and nothing is listed that is not there.

mod tree;

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use tree::{assert_none, files, manifest, root};

const INDEX: &str = "data/SOURCES.toml";
/// What every entry tells.
const KEYS: [&str; 5] = ["origin", "date", "licence", "sha256", "script"];

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The entries by path below data/: `[[file]]` tables with a `path`.
fn entries() -> BTreeMap<String, toml::Table> {
    let index = manifest(INDEX);
    let list = index["file"].as_array().expect("SOURCES.toml has [[file]] entries");
    let mut entries = BTreeMap::new();
    for entry in list {
        let entry = entry.as_table().expect("an entry is a table").clone();
        let path = entry["path"].as_str().expect("a path is a text").to_owned();
        assert!(entries.insert(path.clone(), entry).is_none(), "{path} is listed twice");
    }
    entries
}

#[test]
fn every_data_file_is_listed_with_its_hash() {
    let mut entries = entries();
    let mut faults = Vec::new();
    for file in files("data").into_iter().filter(|file| file != INDEX) {
        let path = file.strip_prefix("data/").expect("files of data/").to_owned();
        let Some(entry) = entries.remove(&path) else {
            faults.push(format!("{path}: not in SOURCES.toml"));
            continue;
        };
        let text = |key: &str| entry.get(key).and_then(toml::Value::as_str).unwrap_or_default();
        for key in KEYS {
            if text(key).is_empty() {
                faults.push(format!("{path}: no `{key}`"));
            }
        }
        let bytes = std::fs::read(root().join(&file)).expect("a listed file can be read");
        let actual = sha256(&bytes);
        if actual != text("sha256") {
            faults.push(format!("{path}: sha256 is {actual}, listed `{}`", text("sha256")));
        }
    }
    faults.extend(entries.keys().map(|path| format!("{path}: listed, but not there")));
    assert_none(&faults);
}

#[test]
fn the_hash_is_sha256() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sha256(b""), empty);
}
