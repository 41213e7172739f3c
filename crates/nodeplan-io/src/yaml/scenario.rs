//! `scenario.yaml`: how long a run is, how everything scales, how long things take, what breaks.

use super::amounts::quoted;
use super::events::{self, EventEntry};
use super::fields::{Fields, Reader};
use super::priorities::{self, Patterns};
use super::provisioning;
use super::scaling::{self, PoolEntry, ScalingEntry};
use super::synthetic::{self, Gateway, Synthetic};
use super::tree::{Node, Value};
use crate::diagnostic::{ImportError, Place};
use crate::time::{moment, offset_millis, second_of_day};
use nodeplan_model::scenario::{AutoProvisioning, AutoscalerProfile, Expander, MILLION, NodeTimes};

/// A scenario file; `None` is left to a default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScenarioFile {
    /// Seed of every random stream.
    pub seed: Option<u64>,
    /// Local time of the start, seconds since a Monday's midnight.
    pub start_second_of_week: Option<u32>,
    /// Length of the run.
    pub horizon_millis: Option<u64>,
    /// Length of a sample.
    pub sample_millis: Option<u64>,
    /// Factor on all traffic, parts per million.
    pub growth: Option<u64>,
    /// How much later the traffic of files comes, milliseconds; earlier where negative.
    pub offset_millis: Option<i64>,
    /// The cluster autoscaler.
    pub autoscaler: AutoscalerProfile,
    /// The priority expander's map, in order of priority, and where it stands.
    pub priorities: Option<(Place, Patterns)>,
    /// Node auto-provisioning in the place of the cluster autoscaler.
    pub provisioning: Option<AutoProvisioning>,
    /// How long nodes take.
    pub times: NodeTimes,
    /// From scheduled to Ready, of workloads whose load does not say.
    pub startup_millis: Option<u64>,
    /// Bounds of pools.
    pub pools: Vec<PoolEntry>,
    /// Scaling of workloads.
    pub workloads: Vec<ScalingEntry>,
    /// Traffic made up.
    pub traffic: Vec<Synthetic>,
    /// What stands before the cluster.
    pub gateways: Vec<Gateway>,
    /// Events.
    pub events: Vec<EventEntry>,
}

/// Length of an interval of metrics.
const INTERVAL_MILLIS: u64 = 15_000;
/// The longest run, ten years.
const LONGEST_MILLIS: u64 = 10 * 366 * 86_400_000;

const FIELDS: &[&str] = &[
    "seed",
    "start",
    "horizon",
    "sample",
    "growth",
    "offset",
    "autoscaler",
    "node_auto_provisioning",
    "node_boot",
    "node_delete",
    "node_monitor_grace",
    "unreachable_toleration",
    "image_pull",
    "startup",
    "pools",
    "workloads",
    "traffic",
    "gateway",
    "events",
];

/// Reads the scenario of a document over another one.
pub(super) fn read(base: ScenarioFile, reader: &mut Reader, root: &Node) -> ScenarioFile {
    let mut file = base;
    if matches!(root.value, Value::Null) {
        return file;
    }
    let Some(fields) = reader.fields(root, "the scenario", FIELDS) else { return file };
    let seed = fields.get("seed").and_then(|node| reader.count(node, "seed", 0, u64::MAX));
    file.seed = seed.or(file.seed);
    let start = fields.get("start").and_then(|node| start(reader, node));
    file.start_second_of_week = start.or(file.start_second_of_week);
    file.horizon_millis = length(reader, &fields, "horizon").or(file.horizon_millis);
    file.sample_millis = length(reader, &fields, "sample").or(file.sample_millis);
    file.growth = reader.ppm_of(&fields, "growth", MILLION * MILLION).or(file.growth);
    let offset = fields.get("offset").and_then(|node| offset(reader, node));
    file.offset_millis = offset.or(file.offset_millis);
    if let Some(node) = fields.get("autoscaler") {
        file.priorities = autoscaler(reader, node, &mut file.autoscaler);
    }
    if let Some(node) = fields.get("node_auto_provisioning") {
        file.provisioning = provisioning::read(reader, node);
        if fields.get("autoscaler").is_some() {
            let message = "one of cluster autoscaler and node auto-provisioning makes nodes";
            reader.clash(node, message, "leave out autoscaler or node_auto_provisioning");
        }
    }
    times(reader, &fields, &mut file.times);
    file.startup_millis = reader.millis_of(&fields, "startup").or(file.startup_millis);
    let pools = named(reader, &fields, "pools");
    file.pools.retain(|old| pools.iter().all(|(new, _)| new.name != old.pool.name));
    for (name, node) in pools {
        file.pools.extend(scaling::pool(reader, name, node));
    }
    let workloads = named(reader, &fields, "workloads");
    file.workloads.retain(|old| workloads.iter().all(|(new, _)| new.name != old.workload.name));
    for (name, node) in workloads {
        file.workloads.extend(scaling::workload(reader, name, node));
    }
    for (name, node) in named(reader, &fields, "traffic") {
        file.traffic.extend(synthetic::traffic(reader, name, node));
    }
    for (name, node) in named(reader, &fields, "gateway") {
        file.gateways.extend(synthetic::gateway(reader, name, node));
    }
    if let Some(node) = fields.get("events") {
        let items = reader.items(node, "events");
        file.events =
            items.iter().filter_map(|item| events::read(reader, item)).flatten().collect();
    }
    file
}

fn named<'n>(
    reader: &mut Reader,
    fields: &Fields<'n>,
    name: &str,
) -> Vec<(super::Named, &'n Node)> {
    fields.get(name).map_or_else(Vec::new, |node| reader.by_name(node, name))
}

/// A length that a run or a sample may have.
fn length(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Option<u64> {
    let node = fields.get(name)?;
    let millis = reader.millis(node, name)?;
    let fault = length_of_run(millis, name, &node.place);
    fault.map_or(Some(millis), |fault| {
        reader.fault(fault);
        None
    })
}

/// Why a run or a sample cannot be so long, where it cannot: both are whole intervals of metrics, 15
/// s (metrics-server's resolution), and at most ten years.
#[must_use]
pub fn length_of_run(millis: u64, name: &str, place: &Place) -> Option<ImportError> {
    if millis > LONGEST_MILLIS {
        let fault = ImportError::new("NP4003", place.clone(), format!("{name} is too long"));
        return Some(fault.expected("at most 3660d").help("write a shorter one, such as 365d"));
    }
    if millis > 0 && millis.is_multiple_of(INTERVAL_MILLIS) {
        return None;
    }
    let message = format!("{name} is no whole number of intervals of 15 s");
    let fault = ImportError::new("NP4004", place.clone(), message);
    let whole = millis.div_ceil(INTERVAL_MILLIS).max(1) * (INTERVAL_MILLIS / 1000);
    Some(fault.expected("a multiple of 15s").help(format!("write {whole}s")))
}

/// `3h` later, `-90m` earlier.
fn offset(reader: &mut Reader, node: &Node) -> Option<i64> {
    let text = reader.text(node, "offset")?;
    let found = offset_millis(text);
    if let Err(fault) = &found {
        let message = format!("offset {} is no length of time: {fault}", quoted(text));
        reader.wrong_value(node, message, "a time such as 3h or -90m", fault.help());
    }
    found.ok()
}

/// RFC 3339, `08:00` (of a Monday), or `Tue 08:00`.
fn start(reader: &mut Reader, node: &Node) -> Option<u32> {
    let text = reader.text(node, "start")?;
    if let Some(moment) = moment(text) {
        return Some(moment.second_of_week());
    }
    let (day, time) = match text.split_once(' ') {
        Some((day, time)) => (scaling::day(day), time),
        None => (Some(0), text),
    };
    let found = day.zip(second_of_day(time)).and_then(|(day, second)| {
        u32::try_from(day).ok().map(|day| (day * 86_400 + second) % (7 * 86_400))
    });
    if found.is_none() {
        let message = format!("start {} is no time", quoted(text));
        let expected = "RFC 3339 such as 2026-11-23T08:00:00+01:00, or a day and time: Tue 08:00";
        reader.wrong_value(node, message, expected, None);
    }
    found
}

fn times(reader: &mut Reader, fields: &Fields<'_>, times: &mut NodeTimes) {
    if let Some(node) = fields.get("node_boot")
        && let Some(boot) = reader.fields(node, "node_boot", &["p50", "p95"])
    {
        let p50 = reader.millis_of(&boot, "p50");
        let p95 = reader.millis_of(&boot, "p95");
        times.ready_p50_millis = p50.unwrap_or(times.ready_p50_millis);
        times.ready_p95_millis = p95.unwrap_or(times.ready_p95_millis.max(times.ready_p50_millis));
        if times.ready_p50_millis > times.ready_p95_millis {
            reader.clash(node, "p50 of node_boot is above its p95", "raise p95 or lower p50");
        }
    }
    let set = |reader: &mut Reader, name: &str, to: &mut u64| {
        *to = reader.millis_of(fields, name).unwrap_or(*to);
    };
    set(reader, "node_delete", &mut times.delete_millis);
    set(reader, "image_pull", &mut times.pull_millis);
    set(reader, "node_monitor_grace", &mut times.noticed_millis);
    set(reader, "unreachable_toleration", &mut times.tolerated_millis);
}

/// The profile in AKS's words, with `_` for `-`.
fn autoscaler(
    reader: &mut Reader,
    node: &Node,
    profile: &mut AutoscalerProfile,
) -> Option<(Place, Patterns)> {
    let mut times: [(&str, &mut u64); 9] = [
        ("scan_interval", &mut profile.scan_millis),
        ("scale_down_delay_after_add", &mut profile.delay_after_add_millis),
        ("scale_down_delay_after_delete", &mut profile.delay_after_delete_millis),
        ("scale_down_delay_after_failure", &mut profile.delay_after_failure_millis),
        ("scale_down_unneeded", &mut profile.unneeded_millis),
        ("scale_down_unready", &mut profile.unready_millis),
        ("max_graceful_termination", &mut profile.max_graceful_millis),
        ("max_node_provisioning_time", &mut profile.max_provision_millis),
        ("new_pod_scale_up_delay", &mut profile.new_pod_delay_millis),
    ];
    let mut flags: [(&str, &mut bool); 4] = [
        ("enabled", &mut profile.enabled),
        ("balance_similar_node_groups", &mut profile.balance),
        ("skip_nodes_with_local_storage", &mut profile.skip_local_storage),
        ("skip_nodes_with_system_pods", &mut profile.skip_system_pods),
    ];
    let mut known = vec!["expander", "priorities", "scale_down_utilization_threshold"];
    known.extend(times.iter().map(|(name, _)| *name));
    known.extend(flags.iter().map(|(name, _)| *name));
    let fields = reader.fields(node, "the autoscaler", &known)?;
    for (name, to) in &mut times {
        **to = reader.millis_of(&fields, name).unwrap_or(**to);
    }
    for (name, to) in &mut flags {
        **to = reader.flag_of(&fields, name).unwrap_or(**to);
    }
    let expander = fields.get("expander").and_then(|at| {
        let text = reader.text(at, "expander")?;
        reader.choice(at, text, "expander", &Expander::ALL.map(|one| (one.name(), one)))
    });
    profile.expander = expander.unwrap_or(profile.expander);
    let name = "scale_down_utilization_threshold";
    let threshold = fields.get(name).and_then(|at| reader.scaled(at, name, 3, 1000));
    let milli = threshold.and_then(|milli| u32::try_from(milli).ok());
    profile.utilization_milli = milli.unwrap_or(profile.utilization_milli);
    if let (Some(at), 0) = (fields.get("scan_interval"), profile.scan_millis) {
        reader.wrong_value(at, "scan_interval is 0".to_owned(), "above 0", None);
    }
    let map = fields.get("priorities")?;
    if profile.expander != Expander::Priority {
        reader.clash(map, "priorities have no meaning here", "add expander: priority");
    }
    Some((map.place.clone(), priorities::read(reader, map)))
}
