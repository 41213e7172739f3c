//! Lists of plain values on one line: certificates hold thousands of numbers.

/// Rewrites pretty-printed JSON so that every list that holds neither lists nor objects stands
/// on one line. Takes time linear in the text.
pub(super) fn short_lists(pretty: &str) -> String {
    let bytes = pretty.as_bytes();
    let mut short = String::with_capacity(pretty.len());
    let mut at = 0;
    let mut copied = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = after_string(bytes, at),
            b'[' => match plain_list_end(bytes, at) {
                Some(end) => {
                    short.push_str(&pretty[copied..at]);
                    push_on_one_line(&mut short, &pretty[at..end]);
                    (at, copied) = (end, end);
                }
                None => at += 1,
            },
            _ => at += 1,
        }
    }
    short.push_str(&pretty[copied..]);
    short
}

/// The place behind the string that starts at `at`.
fn after_string(bytes: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while next < bytes.len() {
        match bytes[next] {
            b'\\' => next += 2,
            b'"' => return next + 1,
            _ => next += 1,
        }
    }
    bytes.len()
}

/// The place behind the list that starts at `at`, if it holds only plain values.
fn plain_list_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut next = at + 1;
    while next < bytes.len() {
        match bytes[next] {
            b'"' => next = after_string(bytes, next),
            b'[' | b'{' => return None,
            b']' => return Some(next + 1),
            _ => next += 1,
        }
    }
    None
}

/// A list without its line breaks and indents.
fn push_on_one_line(short: &mut String, list: &str) {
    // A line break inside a string is written `\n`, so every real one is layout.
    let last = list.lines().count() - 1;
    for (index, line) in list.lines().enumerate() {
        if index > 1 && index < last {
            short.push(' ');
        }
        short.push_str(line.trim_start());
    }
}

#[cfg(test)]
mod tests {
    use super::short_lists;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn only_plain_lists_shrink() {
        let value = json!({"a": [1, 2], "b": [[1], [], ["x]", "\"[{\n"]], "c": [{"d": [3]}]});
        let want = "{\n  \"a\": [1, 2],\n  \"b\": [\n    [1],\n    [],\n    [\"x]\", \"\\\"[{\\n\"]\n  ],\n  \
                    \"c\": [\n    {\n      \"d\": [3]\n    }\n  ]\n}";
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(short_lists(&pretty), want);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            "[ \\[\\]{}\"\\\\\n,a]{0,6}".prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a\\[\"]{0,3}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_value_stays(value in any_value()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let back: Value = serde_json::from_str(&short_lists(&pretty)).unwrap();
            prop_assert_eq!(back, value);
        }
    }
}
