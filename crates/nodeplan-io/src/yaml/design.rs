//! `design.yaml`: node pools made by hand or standing already, to compare a plan with or to
//! simulate.

use super::aks;
use super::amounts::quoted;
use super::fields::{Fields, Reader};
use super::full_sku_name;
use super::tree::{Node, Value};
use crate::diagnostic::{ImportError, Place};
use crate::quantity::clip;
use nodeplan_model::plan::PoolMode;

/// Node pools made by hand, or of a cluster that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Design {
    /// Pools, at least one.
    pub pools: Vec<DesignPool>,
    /// What was left out of what the file says, one sentence each.
    pub notes: Vec<String>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DesignPool {
    /// Name, no other pool's.
    pub name: String,
    /// Size, with its prefix `Standard_`.
    pub sku: String,
    /// Where its size stands.
    pub place: Place,
    /// Workloads it holds, each in no other pool.
    pub workloads: Vec<String>,
    /// Fewest nodes.
    pub min: Option<u32>,
    /// Most nodes, no fewer than `min`.
    pub max: Option<u32>,
    /// Nodes now, within `min` and `max`.
    pub count: Option<u32>,
    /// Mode.
    pub mode: Option<PoolMode>,
    /// Max pods per node.
    pub max_pods: Option<u32>,
    /// Availability zones, 1 to 3; none: all three.
    pub zones: Vec<u8>,
    /// Spot machines.
    pub spot: bool,
    /// Priority for the priority expander.
    pub priority: u32,
    /// Labels of its nodes.
    pub labels: Vec<(String, String)>,
    /// Rows of the workloads file with this `pool` belong to it.
    pub pool: Option<String>,
    /// A taint keeps out all that do not belong to it.
    pub tainted: bool,
    /// Only the platform's own pods get in (`CriticalAddonsOnly`).
    pub system_only: bool,
}

/// Most nodes of a pool: what AKS allows in a cluster.
pub(super) const MOST_NODES: u32 = 5000;
/// Fewest and most pods of a node that AKS lets one ask for.
pub(super) const MAX_PODS: (u32, u32) = (10, 250);
/// Highest priority of the priority expander that a file may ask for.
const MOST_PRIORITY: u32 = 1_000_000_000;

const POOL: &[&str] = &[
    "name",
    "sku",
    "workloads",
    "min",
    "max",
    "count",
    "autoscale",
    "mode",
    "max_pods",
    "zones",
    "spot",
    "priority",
    "labels",
    "taints",
    "pool",
    "isolate",
];

/// Reads the pools of a document: a design, or what `az aks` prints.
pub(super) fn read(reader: &mut Reader, root: &Node) -> Design {
    if let Some(list) = aks::pools_of(root) {
        return aks::read(reader, list);
    }
    let Some(fields) = reader.fields(root, "the design", &["pools"]) else {
        return Design::default();
    };
    let Some(list) = reader.required(&fields, "pools", "the design") else {
        return Design::default();
    };
    if matches!(&list.value, Value::List(items) if items.is_empty()) {
        reader.wrong_value(list, "pools is empty".to_owned(), "one pool at least", None);
    }
    let mut design = Design::default();
    for item in reader.items(list, "pools") {
        let Some(pool) = pool(reader, item, &design) else { continue };
        design.pools.push(pool);
    }
    design
}

fn pool(reader: &mut Reader, node: &Node, before: &Design) -> Option<DesignPool> {
    let fields = reader.fields(node, "a pool", POOL)?;
    let name = reader.required(&fields, "name", "a pool");
    let name = name.and_then(|node| Some((node, reader.text(node, "name")?)));
    if let Some((at, name)) = name {
        unlike_others(reader, at, name, before);
    }
    let sku = reader.required(&fields, "sku", "a pool");
    let sku = sku.and_then(|node| Some((reader.text(node, "sku")?, node.place.clone())));
    let workloads = members(reader, &fields, before);
    let mut pool = DesignPool { workloads, ..DesignPool::default() };
    counts(reader, &fields, &mut pool);
    let modes = [("System", PoolMode::System), ("User", PoolMode::User)];
    pool.mode = fields.get("mode").and_then(|node| {
        let text = reader.text(node, "mode")?;
        reader.choice(node, text, "mode", &modes)
    });
    let (least, most) = MAX_PODS;
    pool.max_pods =
        fields.get("max_pods").and_then(|node| reader.small(node, "max_pods", least, most));
    pool.spot = reader.flag_of(&fields, "spot").unwrap_or(false);
    pool.priority = reader.small_of(&fields, "priority", MOST_PRIORITY).unwrap_or(0);
    pool.tainted = reader.flag_of(&fields, "isolate").unwrap_or(false);
    pool.pool = fields.get("pool").and_then(|node| reader.text(node, "pool")).map(str::to_owned);
    if let Some(node) = fields.get("zones") {
        zones(reader, node, &mut pool);
    }
    if let Some(node) = fields.get("labels") {
        labels(reader, node, &mut pool);
    }
    if let Some(node) = fields.get("taints") {
        for (at, text) in reader.texts(node, "taints") {
            taint(reader, at, text, &mut pool);
        }
    }
    let ((_, name), (sku, place)) = (name?, sku?);
    Some(DesignPool { name: name.to_owned(), sku: full_sku_name(sku), place, ..pool })
}

/// Notes a name that another pool has.
pub(super) fn unlike_others(reader: &mut Reader, at: &Node, name: &str, before: &Design) {
    if before.pools.iter().any(|pool| pool.name == name) {
        let message = format!("two pools are called `{}`", clip(name));
        reader.fault(ImportError::new("NP1053", at.place.clone(), message));
    }
}

/// The workloads listed, each in one pool alone.
fn members(reader: &mut Reader, fields: &Fields<'_>, before: &Design) -> Vec<String> {
    let mut workloads: Vec<String> = Vec::new();
    let Some(list) = fields.get("workloads") else { return workloads };
    for (at, workload) in reader.texts(list, "workloads") {
        let holds = |pool: &&DesignPool| pool.workloads.iter().any(|one| one == workload);
        let message = if let Some(other) = before.pools.iter().find(holds) {
            format!("workload `{}` is in `{}` already", clip(workload), clip(&other.name))
        } else if workloads.iter().any(|one| one == workload) {
            format!("workload `{}` is listed twice", clip(workload))
        } else {
            workloads.push(workload.to_owned());
            continue;
        };
        reader.fault(ImportError::new("NP1053", at.place.clone(), message));
    }
    workloads
}

/// Bounds and present count; a pool that the autoscaler leaves alone stays at its count.
fn counts(reader: &mut Reader, fields: &Fields<'_>, pool: &mut DesignPool) {
    let min = reader.small_of(fields, "min", MOST_NODES);
    let max = reader.small_of(fields, "max", MOST_NODES);
    let count = reader.small_of(fields, "count", MOST_NODES);
    let autoscale = reader.flag_of(fields, "autoscale");
    if let (Some(least), Some(most), Some(at)) = (min, max, fields.get("min"))
        && least > most
    {
        let message = format!("min {least} is above max {most}");
        reader.wrong_value(at, message, "at most max", None);
    }
    if let (Some(now), Some(at)) = (count, fields.get("count"))
        && autoscale != Some(false)
        && (min.is_some_and(|min| now < min) || max.is_some_and(|max| now > max))
    {
        let message = format!("count {now} is not within min and max");
        reader.wrong_value(at, message, "a count that the autoscaler would leave", None);
    }
    if let (Some(false), None, Some(at)) = (autoscale, count, fields.get("autoscale")) {
        let message = "a pool without autoscaler has no `count`";
        reader.fault(ImportError::new("NP1054", at.place.clone(), message));
    }
    let fixed = autoscale == Some(false) || (min.is_none() && max.is_none());
    (pool.min, pool.max) = if fixed { (count, count) } else { (min, max) };
    pool.count = count;
}

/// Zones 1 to 3; AKS tells them with their region too, `koreacentral-1`.
pub(super) fn zones(reader: &mut Reader, node: &Node, pool: &mut DesignPool) {
    for (at, text) in reader.texts(node, "zones") {
        match text.rsplit('-').next().and_then(|zone| zone.parse().ok()) {
            Some(zone @ 1..=3) => pool.zones.push(zone),
            _ => {
                let message = format!("{} is no zone", quoted(text));
                reader.wrong_value(at, message, "1, 2 or 3", None);
            }
        }
    }
    pool.zones.sort_unstable();
    pool.zones.dedup();
}

/// Labels, `{disk: ssd}` or `[disk=ssd]`.
pub(super) fn labels(reader: &mut Reader, node: &Node, pool: &mut DesignPool) {
    if let Value::Map(_) = &node.value {
        for (key, _, value) in reader.entries(node, "labels").unwrap_or_default() {
            let text = match &value.value {
                Value::Null => Some(""),
                _ => reader.text(value, "a label"),
            };
            pool.labels.extend(text.map(|text| (key.to_owned(), text.to_owned())));
        }
    } else {
        for (at, text) in reader.texts(node, "labels") {
            match text.split_once('=') {
                Some((key, value)) => pool.labels.push((key.to_owned(), value.to_owned())),
                None => {
                    let message = format!("label {} has no `=`", quoted(text));
                    reader.wrong_value(at, message, "key=value", None);
                }
            }
        }
    }
    pool.labels.sort();
    pool.labels.dedup();
}

/// A taint, `key=value:Effect`, and what it means for who gets in.
pub(super) fn taint(reader: &mut Reader, at: &Node, text: &str, pool: &mut DesignPool) {
    let Some((taint, effect)) = text.rsplit_once(':') else {
        let message = format!("taint {} has no effect", quoted(text));
        reader.wrong_value(at, message, "key=value:NoSchedule", None);
        return;
    };
    let effects = [("NoSchedule", true), ("NoExecute", true), ("PreferNoSchedule", false)];
    let Some(keeps_out) = reader.choice(at, effect, "a taint's effect", &effects) else { return };
    match taint.split('=').next().unwrap_or_default() {
        "CriticalAddonsOnly" => pool.system_only |= keeps_out,
        "kubernetes.azure.com/scalesetpriority" => pool.spot = true,
        _ => pool.tainted |= keeps_out,
    }
}
