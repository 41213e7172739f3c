//! The priority expander's map, as the autoscaler's ConfigMap holds it.

use super::fields::Reader;
use super::tree::{Node, Value};
use crate::quantity::clip;

/// Patterns of group names by priority, in order of priority.
pub type Patterns = Vec<(i64, Vec<String>)>;

/// The map, in order of priority.
pub(super) fn read(reader: &mut Reader, root: &Node) -> Patterns {
    let Some(entries) = reader.entries(root, "the priority map") else { return Vec::new() };
    let mut map = Vec::new();
    for (priority, key, patterns) in entries {
        match priority.parse() {
            Ok(priority) => map.push((priority, pattern_list(reader, patterns))),
            Err(_) => {
                let message = format!("the priority `{}` is no whole number", clip(priority));
                reader.wrong_value(key, message, "a whole number such as 10", None);
            }
        }
    }
    map.sort_by_key(|(priority, _)| *priority);
    map
}

/// The patterns of one priority; spaces at their ends belong to them.
fn pattern_list(reader: &mut Reader, node: &Node) -> Vec<String> {
    if matches!(node.value, Value::Null) {
        return Vec::new();
    }
    let mut patterns = Vec::new();
    for item in reader.items(node, "the patterns of a priority") {
        match &item.value {
            Value::Text(pattern) => patterns.push(pattern.clone()),
            Value::Null => patterns.push(String::new()),
            _ => reader.wrong_kind(item, "a pattern", "a regular expression"),
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use crate::yaml::priorities;

    #[test]
    fn a_map_with_any_fault_is_refused() {
        for (text, expected) in [
            ("10:\n  - b\n-5:\n  - \"a \"\n", Some(vec![(-5, vec!["a "]), (10, vec!["b"])])),
            ("10:\n", Some(vec![(10, vec![])])),
            ("", None),
            ("10: .*\n", None),
            ("abc:\n  - .*\n", None),
            ("1.5: [a]", None),
            ("not yaml: [", None),
            ("- a", None),
        ] {
            let read = priorities("priorities", text.as_bytes()).ok();
            let expected = expected.map(|map| {
                map.into_iter()
                    .map(|(priority, patterns)| {
                        (priority, patterns.into_iter().map(str::to_owned).collect())
                    })
                    .collect::<Vec<(i64, Vec<String>)>>()
            });
            assert_eq!(read, expected, "{text:?}");
        }
    }
}
