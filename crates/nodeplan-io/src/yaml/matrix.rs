//! `matrix.yaml`: which plans or clusters run through which scenarios under which seeds, and
//! what of the scenarios is varied.

use super::amounts::{Named, quoted};
use super::fields::{Fields, Reader};
use super::load::{self, Arrivals};
use super::tree::{Node, Value};
use super::vary::Axis;
use crate::csv::{Gaps, TrafficOptions, Unit};
use crate::diagnostic::Place;
use std::collections::BTreeSet;

/// A matrix file.
#[derive(Default)]
pub struct Matrix {
    /// Plan files and cluster files, at least one.
    pub plans: Vec<Named>,
    /// Workloads of the cluster files.
    pub workloads: Option<Named>,
    /// What the cluster files leave open.
    pub cluster: Cluster,
    /// Load file.
    pub load: Option<Named>,
    /// Traffic files.
    pub traffic: Vec<Named>,
    /// How traffic files are read.
    pub options: TrafficOptions,
    /// Who takes which traffic.
    pub maps: Vec<(Named, Arrivals)>,
    /// Factor on traffic, parts per million; none: the peak needs the most replicas.
    pub scale: Option<u64>,
    /// Scenario files; none: one scenario of defaults.
    pub scenarios: Vec<Named>,
    /// Seeds; none: the scenario's own.
    pub seeds: Vec<u64>,
    /// What is varied.
    pub axes: Vec<Axis>,
    /// So many points of the grid, drawn at random; none: all.
    pub sample: Option<u64>,
    /// Seed of that draw.
    pub sample_seed: u64,
    /// Where the matrix begins.
    pub place: Place,
}

/// What the flags of `nodeplan simulate` say of a cluster file, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Azure region.
    pub region: Option<String>,
    /// Architectures.
    pub arch: Vec<String>,
    /// System pool: shared, dedicated, none.
    pub system_pool: Option<String>,
    /// Hours a day at the high load point.
    pub peak_hours: Option<String>,
    /// Rules left out.
    pub ignore: Vec<String>,
    /// Max pods per node.
    pub max_pods: Option<String>,
    /// Node reservations.
    pub overhead: Option<String>,
    /// Add-ons.
    pub addons: Vec<String>,
}

/// Most seeds of a matrix.
const MOST_SEEDS: u64 = 1_000_000;

const FIELDS: &[&str] = &[
    "plans",
    "workloads",
    "cluster",
    "load",
    "traffic",
    "unit",
    "gaps",
    "map",
    "scale",
    "scenarios",
    "seeds",
    "vary",
    "sample",
    "sample_seed",
];

/// Reads the matrix of a document.
pub(super) fn read(reader: &mut Reader, root: &Node) -> Matrix {
    let mut matrix = Matrix {
        scale: Some(1_000_000),
        sample_seed: 1,
        place: Place { span: 0, ..root.place.clone() },
        ..Matrix::default()
    };
    let Some(fields) = reader.fields(root, "the matrix", FIELDS) else { return matrix };
    if let Some(node) = reader.required(&fields, "plans", "the matrix") {
        matrix.plans = files(reader, node, "plans");
        if matrix.plans.is_empty() && matches!(node.value, Value::List(_) | Value::Text(_)) {
            let expected = "a plan file or a cluster file at least";
            reader.wrong_value(node, "plans is empty".to_owned(), expected, None);
        }
    }
    let one = |reader: &mut Reader, name: &str| {
        let node = fields.get(name)?;
        let text = reader.text(node, name)?;
        file(reader, node, text, name)
    };
    matrix.workloads = one(reader, "workloads");
    matrix.load = one(reader, "load");
    let many = |reader: &mut Reader, name: &str| {
        fields.get(name).map_or_else(Vec::new, |node| files(reader, node, name))
    };
    matrix.traffic = many(reader, "traffic");
    matrix.scenarios = many(reader, "scenarios");
    if let Some(node) = fields.get("cluster") {
        matrix.cluster = cluster(reader, node);
    }
    matrix.options = options(reader, &fields);
    if let Some(node) = fields.get("map") {
        matrix.maps = maps(reader, node);
    }
    if let Some(node) = fields.get("scale") {
        matrix.scale = scale(reader, node);
    }
    if let Some(node) = fields.get("seeds") {
        matrix.seeds = seeds(reader, node);
    }
    if let Some(node) = fields.get("vary") {
        matrix.axes = reader.axes(node);
        if fields.get("seeds").is_some()
            && let Some(axis) = matrix.axes.iter().find(|axis| axis.is("seed"))
        {
            let place = axis.place().clone();
            let twice = Node { place, value: Value::Null };
            reader.clash(&twice, "the seed is varied and given by `seeds`", "keep one of them");
        }
    }
    sample(reader, &fields, &mut matrix);
    matrix
}

/// Names of files, each once.
fn files(reader: &mut Reader, node: &Node, what: &str) -> Vec<Named> {
    let mut all: Vec<Named> = Vec::new();
    for (at, text) in reader.texts(node, what) {
        if all.iter().any(|seen| seen.name == text) {
            let message = format!("{} is named twice", quoted(text));
            reader.wrong_value(at, message, "every file once", None);
            continue;
        }
        all.extend(file(reader, at, text, what));
    }
    all
}

fn file(reader: &mut Reader, node: &Node, text: &str, what: &str) -> Option<Named> {
    if text.is_empty() || text == "-" || text.contains('\0') {
        let message = format!("{} is no file of {what}", quoted(text));
        reader.wrong_value(node, message, "a path from the folder of the matrix", None);
        return None;
    }
    Some(Named { name: text.to_owned(), place: node.place.clone() })
}

fn cluster(reader: &mut Reader, node: &Node) -> Cluster {
    let known =
        ["region", "arch", "system_pool", "peak_hours", "ignore", "max_pods", "overhead", "addons"];
    let Some(fields) = reader.fields(node, "the cluster", &known) else {
        return Cluster::default();
    };
    let one = |reader: &mut Reader, name: &str| {
        fields.get(name).and_then(|node| reader.text(node, name)).map(str::to_owned)
    };
    let region = one(reader, "region");
    let system_pool = one(reader, "system_pool");
    let peak_hours = one(reader, "peak_hours");
    let max_pods = one(reader, "max_pods");
    let overhead = one(reader, "overhead");
    let many = |reader: &mut Reader, name: &str| -> Vec<String> {
        let found = fields.get(name).map_or_else(Vec::new, |node| reader.texts(node, name));
        found.into_iter().map(|(_, text)| text.to_owned()).collect()
    };
    Cluster {
        region,
        system_pool,
        peak_hours,
        max_pods,
        overhead,
        arch: many(reader, "arch"),
        ignore: many(reader, "ignore"),
        addons: many(reader, "addons"),
    }
}

fn options(reader: &mut Reader, fields: &Fields<'_>) -> TrafficOptions {
    let mut options = TrafficOptions::default();
    if let Some(node) = fields.get("unit")
        && let Some(text) = reader.text(node, "unit")
    {
        let values = [("count", Unit::Count), ("rate", Unit::Rate)];
        options.unit = reader.choice(node, text, "unit", &values).unwrap_or(options.unit);
    }
    if let Some(node) = fields.get("gaps")
        && let Some(text) = reader.text(node, "gaps")
    {
        let values = [
            ("linear", Gaps::Linear),
            ("hold", Gaps::Hold),
            ("zero", Gaps::Zero),
            ("error", Gaps::Error),
        ];
        options.gaps = reader.choice(node, text, "gaps", &values).unwrap_or(options.gaps);
    }
    options
}

/// `map: {web-app: requests, queue: [a, b*2]}`.
fn maps(reader: &mut Reader, node: &Node) -> Vec<(Named, Arrivals)> {
    let mut all = Vec::new();
    for (workload, taken) in reader.by_name(node, "map") {
        for (at, text) in reader.texts(taken, "map") {
            match load::arrivals(text, &at.place) {
                Ok(arrivals) => all.push((workload.clone(), arrivals)),
                Err(fault) => reader.fault(*fault),
            }
        }
    }
    all
}

/// A factor in parts per million, or none for `peak-to-max`.
fn scale(reader: &mut Reader, node: &Node) -> Option<u64> {
    match &node.value {
        Value::Text(text) if text.trim() == "peak-to-max" => None,
        _ => {
            let factor = reader.scaled(node, "scale", 6, u64::MAX);
            Some(factor.unwrap_or(1_000_000))
        }
    }
}

/// A list of seeds, or a count: 5 means 1 to 5.
fn seeds(reader: &mut Reader, node: &Node) -> Vec<u64> {
    if let Value::List(items) = &node.value {
        let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
        for item in items {
            let Some(seed) = reader.count(item, "a seed", 0, u64::MAX) else { continue };
            if seen.insert(seed) {
                all.push(seed);
            } else {
                let message = format!("seed {seed} is named twice");
                reader.wrong_value(item, message, "every seed once", None);
            }
        }
        if items.is_empty() {
            reader.wrong_value(node, "seeds is empty".to_owned(), "one seed at least", None);
        }
        return all;
    }
    let count = reader.count(node, "seeds", 1, MOST_SEEDS);
    (1..=count.unwrap_or(0)).collect()
}

fn sample(reader: &mut Reader, fields: &Fields<'_>, matrix: &mut Matrix) {
    if let Some(node) = fields.get("sample") {
        matrix.sample = reader.count(node, "sample", 1, u64::MAX);
        if matrix.axes.is_empty() && fields.get("vary").is_none() {
            reader.clash(node, "sample draws from a grid, and nothing is varied", "add `vary`");
        }
    }
    if let Some(node) = fields.get("sample_seed") {
        matrix.sample_seed = reader.count(node, "sample_seed", 0, u64::MAX).unwrap_or(1);
        if fields.get("sample").is_none() {
            reader.clash(node, "sample_seed has no `sample` to seed", "say how many: sample: 100");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::yaml::matrix;

    #[test]
    fn a_matrix_is_read() {
        let text = "plans: [a.json, b.yaml]\nworkloads: w.csv\ncluster: {region: westeurope}\n\
                    load: l.yaml\ntraffic: t.csv\nunit: rate\nmap: {web: [x, y*2]}\n\
                    scale: peak-to-max\nscenarios: [s.yaml]\nseeds: 3\n\
                    vary: {growth: [1, 2], pools.a.min: [0, 1, 2]}\nsample: 4\n";
        let matrix = matrix("m.yaml", text.as_bytes()).expect("a matrix");
        assert_eq!(matrix.plans.len(), 2);
        assert_eq!(matrix.cluster.region.as_deref(), Some("westeurope"));
        assert_eq!((matrix.maps.len(), matrix.scale, &matrix.seeds[..]), (2, None, &[1, 2, 3][..]));
        let counts: Vec<_> =
            matrix.axes.iter().map(|axis| (&axis.path[..], axis.count())).collect();
        assert_eq!(counts, [("growth", 2), ("pools.a.min", 3)]);
        assert_eq!((matrix.sample, matrix.sample_seed), (Some(4), 1));
    }

    #[test]
    fn faults_of_a_matrix_are_told_all_at_once() {
        let text = "plan: a.json\nplans: [b.json, b.json]\ncluster: {regio: x}\nunit: rates\n\
                    map: {web: x*fast}\nscale: fast\nseeds: [1, 1, x]\nscenarios: {a: b}\n\
                    vary: {a..b: [1], seed: [2], growth: []}\nsample: 0\nsample_seed: -1\n";
        let faults = matrix("m.yaml", text.as_bytes()).err().expect("faults");
        let shown: Vec<String> = faults
            .iter()
            .map(|one| format!("{} {}:{}", one.code, one.place.line, one.place.column))
            .collect();
        let want = [
            "NP1051 1:1",
            "NP1055 2:17",
            "NP1051 3:11",
            "NP1016 4:7",
            "NP1412 5:12",
            "NP1411 6:8",
            "NP1055 7:12",
            "NP1006 7:15",
            "NP1052 8:12",
            "NP1501 9:8",
            "NP1413 9:19",
            "NP1055 9:38",
            "NP1055 10:9",
            "NP1006 11:14",
        ];
        assert_eq!(shown, want);
        let hint = faults[0].help.as_deref();
        assert_eq!(hint, Some("write plans"));
        let nothing = matrix("m.yaml", b"").err().expect("a matrix names plans");
        assert_eq!(nothing[0].code, "NP1052");
    }
}
