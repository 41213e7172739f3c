//! `nodeplan.yaml`: the settings of a project, each as its flag, all optional.

use super::fields::Reader;
use super::full_sku_name;
use super::tree::{Node, Value};
use crate::addons::Preset;
use crate::csv::{RULES, is_rule};
use crate::diagnostic::ImportError;
use crate::quantity::clip;
use crate::selector;
use nodeplan_model::catalog::{Arch, Sku};
use nodeplan_model::eligibility::Pattern;
use nodeplan_model::overhead::EPHEMERAL_ALLOCATABLE;
use nodeplan_model::problem::{AddOn, Burst, Overcommit, Problem, ReservationModel, SystemPool};
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, MilliCpu, PerMille};
use std::collections::BTreeSet;

/// Max pods per node that a pool may choose from where the setting is `auto`.
pub const AUTO_MAX_PODS: [u32; 4] = [30, 60, 110, 250];

/// Which load points a plan is sized for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SizeFor {
    /// The high point only.
    Max,
    /// The low point only.
    Min,
    /// Both.
    Both,
}

/// Allocatable of a size as measured on a real node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Size, with its prefix `Standard_`.
    pub sku: String,
    /// CPU.
    pub cpu: MilliCpu,
    /// Memory.
    pub memory: Bytes,
    /// Pods.
    pub pods: u64,
    /// Whole GPUs; as the catalog says where left out.
    pub gpus: Option<u64>,
    /// Data disks; as the catalog says where left out.
    pub data_disks: Option<u64>,
    /// Ephemeral storage; that of the default OS disk where left out.
    pub ephemeral: Option<Bytes>,
}

impl Measured {
    /// The whole allocatable of a node, with what was left out taken from its size.
    #[must_use]
    pub fn resources(&self, sku: &Sku) -> Resources {
        Resources {
            cpu: self.cpu,
            memory: self.memory,
            pods: self.pods,
            gpus: self.gpus.unwrap_or(u64::from(sku.gpus)),
            data_disks: self.data_disks.unwrap_or(u64::from(sku.max_data_disks)),
            ephemeral: self.ephemeral.unwrap_or(EPHEMERAL_ALLOCATABLE),
            extended: Vec::new(),
        }
    }
}

/// The settings of a project. `None` and empty lists leave a setting to the next source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Azure region.
    pub region: Option<String>,
    /// Sizes to choose from.
    pub skus: Vec<Pattern>,
    /// Sizes never to use.
    pub sku_deny: Vec<Pattern>,
    /// Architectures of workloads that name none.
    pub arch: Vec<Arch>,
    /// Max pods per node, as values to choose from.
    pub max_pods: Vec<u32>,
    /// Most node pools.
    pub max_pools: Option<u32>,
    /// Where the platform's own workloads run.
    pub system_pool: Option<SystemPool>,
    /// Whether plans may have spot pools.
    pub spot: Option<bool>,
    /// Share of each node kept free, below one.
    pub headroom: Option<PerMille>,
    /// Share of the way from request to limit that is packed, at most one.
    pub burst: Option<Burst>,
    /// Bounds on Σ limits / allocatable.
    pub max_overcommit: Option<Overcommit>,
    /// Milliseconds of a day at the high load point, at most a day.
    pub peak_millis: Option<u64>,
    /// Load points.
    pub size_for: Option<SizeFor>,
    /// Reservation model.
    pub overhead: Option<ReservationModel>,
    /// Presets of DaemonSets; `Some` of an empty list means none.
    pub addons: Option<Vec<Preset>>,
    /// DaemonSets of one's own.
    pub daemonsets: Vec<AddOn>,
    /// Measured allocatable, at most one per size.
    pub measured: Vec<Measured>,
    /// Rules to plan without.
    pub ignore: BTreeSet<String>,
}

const FIELDS: &[&str] = &[
    "region",
    "skus",
    "sku_deny",
    "arch",
    "max_pods",
    "max_pools",
    "system_pool",
    "spot",
    "headroom",
    "burst",
    "max_overcommit",
    "peak_hours",
    "size_for",
    "overhead",
    "addons",
    "daemonsets",
    "measured",
    "ignore",
];

const ARCHES: &[(&str, &[Arch])] =
    &[("amd64", &[Arch::Amd64]), ("arm64", &[Arch::Arm64]), ("any", &[Arch::Amd64, Arch::Arm64])];

const SYSTEM_POOLS: &[(&str, SystemPool)] = &[
    ("shared", SystemPool::Shared),
    ("dedicated", SystemPool::Dedicated),
    ("none", SystemPool::None),
];

const SIZES_FOR: &[(&str, SizeFor)] =
    &[("max", SizeFor::Max), ("min", SizeFor::Min), ("both", SizeFor::Both)];

const OVERHEADS: &[(&str, ReservationModel)] = &[
    ("aks", ReservationModel::Aks),
    ("aks-legacy", ReservationModel::AksLegacy),
    ("nap", ReservationModel::NodeAutoProvisioning),
    ("measured", ReservationModel::Measured),
];

/// Reads the settings of a document.
pub(super) fn read(reader: &mut Reader, root: &Node) -> Config {
    let mut config = Config::default();
    if matches!(root.value, Value::Null) {
        return config;
    }
    let Some(fields) = reader.fields(root, "nodeplan.yaml", FIELDS) else { return config };
    config.region =
        fields.get("region").and_then(|node| reader.text(node, "region")).map(str::to_owned);
    config.skus = fields.get("skus").map_or_else(Vec::new, |node| patterns(reader, node, "skus"));
    config.sku_deny =
        fields.get("sku_deny").map_or_else(Vec::new, |node| patterns(reader, node, "sku_deny"));
    config.arch = fields.get("arch").map_or_else(Vec::new, |node| arches(reader, node));
    config.max_pods = fields.get("max_pods").map_or_else(Vec::new, |node| max_pods(reader, node));
    config.max_pools =
        fields.get("max_pools").and_then(|node| reader.small(node, "max_pools", 1, 100));
    let mut named =
        |name: &str| fields.get(name).and_then(|node| Some((node, reader.text(node, name)?)));
    let (system_pool, size_for, overhead) =
        (named("system_pool"), named("size_for"), named("overhead"));
    config.system_pool =
        system_pool.and_then(|(node, text)| reader.choice(node, text, "system_pool", SYSTEM_POOLS));
    config.size_for =
        size_for.and_then(|(node, text)| reader.choice(node, text, "size_for", SIZES_FOR));
    config.overhead =
        overhead.and_then(|(node, text)| reader.choice(node, text, "overhead", OVERHEADS));
    config.spot = reader.flag_of(&fields, "spot");
    config.headroom = fields.get("headroom").and_then(|node| share(reader, node, "headroom", 999));
    config.burst = fields.get("burst").and_then(|node| burst(reader, node));
    config.max_overcommit = fields.get("max_overcommit").and_then(|node| overcommit(reader, node));
    config.peak_millis = fields.get("peak_hours").and_then(|node| peak_millis(reader, node));
    config.addons = fields.get("addons").map(|node| presets(reader, node));
    if let Some(node) = fields.get("daemonsets") {
        let items = reader.items(node, "daemonsets");
        config.daemonsets = items.iter().filter_map(|item| daemonset(reader, item)).collect();
    }
    config.measured = fields.get("measured").map_or_else(Vec::new, |node| measured(reader, node));
    config.ignore = fields.get("ignore").map_or_else(BTreeSet::new, |node| ignored(reader, node));
    config
}

fn patterns(reader: &mut Reader, node: &Node, what: &str) -> Vec<Pattern> {
    reader.texts(node, what).into_iter().map(|(_, text)| Pattern::new(text)).collect()
}

fn arches(reader: &mut Reader, node: &Node) -> Vec<Arch> {
    let mut all = Vec::new();
    for (item, text) in reader.texts(node, "arch") {
        all.extend(reader.choice(item, text, "arch", ARCHES).unwrap_or(&[]));
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn max_pods(reader: &mut Reader, node: &Node) -> Vec<u32> {
    if matches!(&node.value, Value::Text(text) if text.trim() == "auto") {
        return AUTO_MAX_PODS.to_vec();
    }
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let mut all: Vec<u32> =
        items.iter().filter_map(|item| reader.small(item, "max_pods", 10, 250)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A factor of at most `most` thousandths.
fn share(reader: &mut Reader, node: &Node, what: &str, most: u32) -> Option<PerMille> {
    let share = reader.factor(node, what)?;
    if share.0 <= most {
        return Some(share);
    }
    let text = reader.text(node, what).unwrap_or_default();
    let help = (share.0 <= 100_000 && !text.ends_with('%'))
        .then(|| format!("write {text}% if percent are meant"));
    let expected =
        if most < 1000 { "less than 100%" } else { "at most 100%, which packs whole limits" };
    reader.wrong_value(node, format!("{what} is {}", clip(text)), expected, help);
    None
}

fn burst(reader: &mut Reader, node: &Node) -> Option<Burst> {
    if !matches!(node.value, Value::Map(_)) {
        let all = share(reader, node, "burst", 1000)?;
        return Some(Burst { guaranteed: all, burstable: all, best_effort: all });
    }
    let fields = reader.fields(node, "burst", &["guaranteed", "burstable", "best_effort"])?;
    let mut of = |name: &str| {
        fields.get(name).and_then(|node| share(reader, node, name, 1000)).unwrap_or_default()
    };
    Some(Burst {
        guaranteed: of("guaranteed"),
        burstable: of("burstable"),
        best_effort: of("best_effort"),
    })
}

fn overcommit(reader: &mut Reader, node: &Node) -> Option<Overcommit> {
    let fields = reader.fields(node, "max_overcommit", &["cpu", "memory"])?;
    let mut of = |name: &str| {
        let node = fields.get(name)?;
        let factor = reader.factor(node, name)?;
        if factor.0 == 0 {
            reader.wrong_value(node, format!("{name} is 0"), "a factor above 0", None);
        }
        Some(factor)
    };
    Some(Overcommit { cpu: of("cpu"), memory: of("memory") })
}

fn peak_millis(reader: &mut Reader, node: &Node) -> Option<u64> {
    let hours = reader.factor(node, "peak_hours")?;
    if (1..=24_000).contains(&hours.0) {
        return Some(u64::from(hours.0) * 3600);
    }
    let text = reader.text(node, "peak_hours").unwrap_or_default();
    reader.wrong_value(
        node,
        format!("peak_hours is {}", clip(text)),
        "hours, above 0 and at most 24",
        None,
    );
    None
}

fn presets(reader: &mut Reader, node: &Node) -> Vec<Preset> {
    let known: Vec<(&str, Preset)> = Preset::ALL.iter().map(|one| (one.name(), *one)).collect();
    let mut all: Vec<Preset> = reader
        .texts(node, "addons")
        .into_iter()
        .filter_map(|(item, text)| reader.choice(item, text, "addons", &known))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn daemonset(reader: &mut Reader, node: &Node) -> Option<AddOn> {
    let known = ["name", "cpu", "memory", "cpu_mean", "node_selector", "tolerates_all"];
    let fields = reader.fields(node, "a DaemonSet", &known)?;
    let name = reader.required(&fields, "name", "a DaemonSet");
    let name = name.and_then(|node| reader.text(node, "name"));
    let cpu = reader.required(&fields, "cpu", "a DaemonSet");
    let cpu = cpu.and_then(|node| reader.cpu(node, "cpu"));
    let memory = reader.required(&fields, "memory", "a DaemonSet");
    let memory = memory.and_then(|node| reader.memory(node, "memory"));
    let measured_mean = fields.get("cpu_mean").and_then(|node| reader.cpu(node, "cpu_mean"));
    let node_selector =
        fields.get("node_selector").map_or_else(Vec::new, |node| labels(reader, node));
    let tolerates_all =
        fields.get("tolerates_all").and_then(|node| reader.flag(node, "tolerates_all"));
    let request = Resources { cpu: cpu?, memory: memory?, pods: 1, ..Resources::default() };
    Some(AddOn {
        name: name?.to_owned(),
        request,
        measured_mean,
        node_selector,
        tolerates_all: tolerates_all.unwrap_or(false),
    })
}

/// Labels as a mapping or as text, `disk=ssd;team=a`.
fn labels(reader: &mut Reader, node: &Node) -> Vec<(String, String)> {
    let text = if matches!(node.value, Value::Map(_)) {
        let entries = reader.entries(node, "node_selector").unwrap_or_default();
        let pairs = entries.into_iter().filter_map(|(key, _, value)| {
            reader.text(value, "a label's value").map(|value| format!("{key}={value}"))
        });
        pairs.collect::<Vec<_>>().join(";")
    } else {
        reader.text(node, "node_selector").unwrap_or_default().to_owned()
    };
    match selector::read(&text) {
        Ok(labels) => labels,
        Err(fault) => {
            let error = ImportError::new(fault.code(), node.place.clone(), fault.to_string());
            reader.fault(error.expected("labels such as disk=ssd;team=a"));
            Vec::new()
        }
    }
}

fn measured(reader: &mut Reader, node: &Node) -> Vec<Measured> {
    let mut all: Vec<Measured> = Vec::new();
    for (sku, key, value) in reader.entries(node, "measured").unwrap_or_default() {
        let Some(one) = measured_sku(reader, sku, value) else { continue };
        if all.iter().any(|seen| seen.sku.eq_ignore_ascii_case(&one.sku)) {
            let message = format!("`{}` appears twice", clip(&one.sku));
            reader.fault(ImportError::new("NP1053", key.place.clone(), message));
        } else {
            all.push(one);
        }
    }
    all
}

fn measured_sku(reader: &mut Reader, sku: &str, node: &Node) -> Option<Measured> {
    let known = ["cpu", "memory", "pods", "gpus", "data_disks", "ephemeral"];
    let what = "a measured size";
    let fields = reader.fields(node, what, &known)?;
    let cpu = reader.required(&fields, "cpu", what).and_then(|node| reader.cpu(node, "cpu"));
    let memory =
        reader.required(&fields, "memory", what).and_then(|node| reader.memory(node, "memory"));
    let pods =
        reader.required(&fields, "pods", what).and_then(|node| reader.count(node, "pods", 1, 250));
    let mut count = |name: &str| {
        fields.get(name).and_then(|node| reader.count(node, name, 0, Problem::MAX_AMOUNT))
    };
    let (gpus, data_disks) = (count("gpus"), count("data_disks"));
    let ephemeral = fields.get("ephemeral").and_then(|node| reader.memory(node, "ephemeral"));
    let sku = full_sku_name(sku);
    Some(Measured { sku, cpu: cpu?, memory: memory?, pods: pods?, gpus, data_disks, ephemeral })
}

fn ignored(reader: &mut Reader, node: &Node) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for (item, text) in reader.texts(node, "ignore") {
        if is_rule(text) {
            rules.insert(text.to_owned());
        } else {
            let known: Vec<&str> = RULES.iter().map(|(rule, _)| *rule).collect();
            let message = format!("`{}` is no rule that can be ignored", clip(text));
            let fault = ImportError::new("NP1016", item.place.clone(), message);
            reader.fault(fault.expected(known.join(", ")));
        }
    }
    rules
}
