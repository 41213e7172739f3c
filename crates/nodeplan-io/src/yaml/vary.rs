//! What a matrix lays over a scenario: paths into its tree, and values to put there.
//!
//! The value is put into the tree before the scenario is read, so every field of a scenario can
//! be varied, and a value that the scenario does not take is a fault at its place in the matrix.

use super::fields::Reader;
use super::scenario::{self, ScenarioFile};
use super::tree::{Node, Value};
use super::tree_of;
use crate::diagnostic::{ImportError, Place};
use crate::quantity::clip;

/// A scenario before it is read.
pub struct Draft(Node);

/// One field of a scenario with the values it takes in turn.
pub struct Axis {
    /// Its path as written: `workloads.web.targets.cpu`.
    pub path: String,
    steps: Vec<String>,
    place: Place,
    values: Vec<Node>,
}

impl Axis {
    /// How many values it takes.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// One of its values as JSON: whole numbers as numbers, all other scalars as text.
    #[must_use]
    pub fn value(&self, at: usize) -> serde_json::Value {
        self.values.get(at).map_or(serde_json::Value::Null, json)
    }

    /// Whether it leads to this field.
    pub(super) fn is(&self, field: &str) -> bool {
        self.steps == [field]
    }

    /// Where its path stands.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Text(text) => {
            let number = text.parse::<i64>().ok().filter(|number| number.to_string() == *text);
            number.map_or_else(|| text.as_str().into(), Into::into)
        }
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            let member = |(key, value): &(Node, Node)| {
                let key = match &key.value {
                    Value::Text(text) => text.clone(),
                    _ => String::new(),
                };
                (key, json(value))
            };
            serde_json::Value::Object(entries.iter().map(member).collect())
        }
    }
}

impl Draft {
    /// Parses a scenario that is read later; nothing stands for a scenario of defaults.
    ///
    /// # Errors
    /// Text that is no YAML.
    pub fn new(name: &str, text: &[u8]) -> Result<Self, Vec<ImportError>> {
        tree_of(name, text).map(Self)
    }

    /// The scenario with one value of each axis laid over it.
    ///
    /// # Errors
    /// Every fault of the scenario, and every path that leads nowhere in it, in order of place.
    pub fn with(&self, axes: &[(&Axis, usize)]) -> Result<ScenarioFile, Vec<ImportError>> {
        let mut root = self.0.clone();
        let mut reader = Reader::default();
        for (axis, at) in axes {
            if let Some(value) = axis.values.get(*at)
                && let Err(fault) = put(&mut root, axis, 0, value)
            {
                reader.fault(*fault);
            }
        }
        let scenario = scenario::read(ScenarioFile::default(), &mut reader, &root);
        if reader.errors.is_empty() {
            return Ok(scenario);
        }
        reader.errors.sort();
        Err(reader.errors)
    }
}

/// Puts a value where the rest of the path leads; mappings on the way are made.
fn put(node: &mut Node, axis: &Axis, depth: usize, value: &Node) -> Result<(), Box<ImportError>> {
    let Some(step) = axis.steps.get(depth) else {
        *node = value.clone();
        return Ok(());
    };
    if let Value::Null = node.value {
        *node = Node { place: axis.place.clone(), value: Value::Map(Vec::new()) };
    }
    match &mut node.value {
        Value::Map(entries) => {
            let named = |key: &Node| matches!(&key.value, Value::Text(text) if text.trim() == step);
            let found = entries.iter().position(|(key, _)| named(key));
            let at = found.unwrap_or_else(|| {
                let made = |value| Node { place: axis.place.clone(), value };
                entries.push((made(Value::Text(step.clone())), made(Value::Null)));
                entries.len() - 1
            });
            put(&mut entries[at].1, axis, depth + 1, value)
        }
        Value::List(items) => {
            let count = items.len();
            let item = step.parse::<usize>().ok().and_then(|at| items.get_mut(at));
            let expected = match count {
                0 => "another path: the list is empty".to_owned(),
                _ => format!("a number from 0 to {} there", count - 1),
            };
            let fault = || Box::new(lost(axis, depth, "a list").expected(expected));
            put(item.ok_or_else(fault)?, axis, depth + 1, value)
        }
        _ => Err(Box::new(lost(axis, depth, "a single value").help("shorten the path"))),
    }
}

fn lost(axis: &Axis, depth: usize, kind: &str) -> ImportError {
    let way = match depth {
        0 => "the scenario".to_owned(),
        _ => format!("`{}`", clip(&axis.steps[..depth].join("."))),
    };
    let message = format!("`{}` leads nowhere: {way} is {kind}", clip(&axis.path));
    ImportError::new("NP1501", axis.place.clone(), message)
}

impl Reader {
    /// Reads the axes of a matrix, `vary: {PATH: [VALUE, …]}`.
    pub(super) fn axes(&mut self, node: &Node) -> Vec<Axis> {
        let mut axes: Vec<Axis> = Vec::new();
        for (path, key, list) in self.entries(node, "vary").unwrap_or_default() {
            let Some(steps) = steps(path) else {
                let message = format!("`{}` is no path", clip(path));
                let fault = ImportError::new("NP1501", key.place.clone(), message);
                self.fault(fault.expected(
                    "fields of a scenario with dots between: workloads.web.targets.cpu; a name with \
                     a dot in double quotes",
                ));
                continue;
            };
            if axes.iter().any(|axis| axis.steps == steps) {
                let message = format!("`{}` appears twice", clip(path));
                self.fault(ImportError::new("NP1053", key.place.clone(), message));
                continue;
            }
            let values = self.items(list, "what a field takes in turn").to_vec();
            if let (Value::List(_), true) = (&list.value, values.is_empty()) {
                let message = format!("`{}` takes no value", clip(path));
                self.wrong_value(list, message, "one value at least", None);
            }
            axes.push(Axis { path: path.to_owned(), steps, place: key.place.clone(), values });
        }
        axes
    }
}

/// The steps of a path: separated by dots, but not inside double quotes.
fn steps(path: &str) -> Option<Vec<String>> {
    let (mut steps, mut step, mut quoted) = (Vec::new(), String::new(), false);
    for letter in path.chars() {
        match letter {
            '"' => quoted = !quoted,
            '.' if !quoted => steps.push(std::mem::take(&mut step)),
            _ => step.push(letter),
        }
    }
    steps.push(step);
    (!quoted && steps.iter().all(|step| !step.trim().is_empty())).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(text: &str) -> Result<Vec<Axis>, Vec<ImportError>> {
        let root = tree_of("m.yaml", text.as_bytes())?;
        let mut reader = Reader::default();
        let axes = reader.axes(&root);
        if reader.errors.is_empty() { Ok(axes) } else { Err(reader.errors) }
    }

    #[test]
    fn paths_are_cut_at_dots_outside_of_quotes() {
        for (path, want) in [
            ("growth", Some(vec!["growth"])),
            ("pools.a.min", Some(vec!["pools", "a", "min"])),
            ("workloads.\"a.b\".min", Some(vec!["workloads", "a.b", "min"])),
            ("", None),
            ("a..b", None),
            ("a.", None),
            ("a.\"b", None),
        ] {
            let want = want.map(|steps| steps.into_iter().map(str::to_owned).collect());
            assert_eq!(steps(path), want, "{path}");
        }
    }

    #[test]
    fn a_value_takes_the_place_of_what_the_scenario_says() {
        let base = "growth: 1\nworkloads: {web: {min: 2, max: 9}}\n\
                    events: [{at: 1h, node_fails: a}]\n";
        let draft = Draft::new("s.yaml", base.as_bytes()).expect("YAML");
        for (path, value, same) in [
            (
                "growth",
                "150%",
                "growth: 150%\nworkloads: {web: {min: 2, max: 9}}\n\
                    events: [{at: 1h, node_fails: a}]\n",
            ),
            (
                "workloads.web.min",
                "3",
                "growth: 1\nworkloads: {web: {min: 3, max: 9}}\n\
                    events: [{at: 1h, node_fails: a}]\n",
            ),
            (
                "workloads.web.min",
                "",
                "growth: 1\nworkloads: {web: {max: 9}}\n\
                    events: [{at: 1h, node_fails: a}]\n",
            ),
            (
                "autoscaler.expander",
                "random",
                "growth: 1\nworkloads: {web: {min: 2, max: 9}}\n\
                    events: [{at: 1h, node_fails: a}]\nautoscaler: {expander: random}\n",
            ),
            (
                "events.0.at",
                "2h",
                "growth: 1\nworkloads: {web: {min: 2, max: 9}}\n\
                    events: [{at: 2h, node_fails: a}]\n",
            ),
        ] {
            let axes =
                axes(&format!("{path}: [{value}{}]\n", if value.is_empty() { "~" } else { "" }));
            let axes = axes.expect("an axis");
            let got = draft.with(&[(&axes[0], 0)]).expect(path);
            let want = crate::yaml::scenario("s.yaml", same.as_bytes()).expect(same);
            // Places differ, nothing else may.
            let (got, want) = (without_places(&got), without_places(&want));
            assert_eq!(got, want, "{path}");
        }
    }

    fn without_places(file: &ScenarioFile) -> ScenarioFile {
        let mut file = file.clone();
        for one in &mut file.workloads {
            one.workload.place = Place::default();
        }
        for one in &mut file.events {
            if let crate::yaml::What::NodeFails { pool, .. } = &mut one.what {
                pool.place = Place::default();
            }
        }
        file
    }

    #[test]
    fn what_the_scenario_does_not_take_is_a_fault_of_the_matrix() {
        let draft = Draft::new("s.yaml", b"growth: 1\nevents: []\n").expect("YAML");
        for (axis, want) in [
            ("growth: [fast]", "NP1411: m.yaml:1:10"),
            ("workloads.web.mim: [1]", "NP1051: m.yaml:1:1"),
            ("growth.more: [1]", "NP1501: m.yaml:1:1: `growth.more` leads nowhere: `growth` is a"),
            ("events.0.at: [1h]", "NP1501: m.yaml:1:1: `events.0.at` leads nowhere: `events` is a"),
        ] {
            let axes = axes(axis).expect(axis);
            let faults = draft.with(&[(&axes[0], 0)]).expect_err(axis);
            assert!(faults[0].to_string().starts_with(want), "{axis}: {}", faults[0]);
        }
    }

    #[test]
    fn values_are_shown_as_json() {
        let axes = axes("x: [50, 1.50, 007, yes, ~, '7', [a, 1], {b: 2}]").expect("an axis");
        let shown: Vec<_> = (0..axes[0].count()).map(|at| axes[0].value(at).to_string()).collect();
        let want = ["50", "\"1.50\"", "\"007\"", "\"yes\"", "null", "7", "[\"a\",1]", "{\"b\":2}"];
        assert_eq!(shown, want);
    }
}
