//! Node pools of a cluster that runs, as `az aks nodepool list -o json` or `az aks show -o json`
//! print them (JSON is YAML). Field names are those of the Azure API, `agentPools`; what says
//! nothing about capacity or placement is passed over.

use super::design::{Design, DesignPool, MOST_NODES, labels, taint, unlike_others, zones};
use super::fields::Reader;
use super::full_sku_name;
use super::tree::{Node, Value};
use nodeplan_model::plan::PoolMode;

/// The list of pools, if the document is of that kind.
pub(super) fn pools_of(root: &Node) -> Option<&Node> {
    match &root.value {
        Value::List(items) => {
            let all = items.iter().all(|item| field(item, "vmSize").is_some());
            (all && !items.is_empty()).then_some(root)
        }
        Value::Map(_) => field(root, "agentPoolProfiles"),
        _ => None,
    }
}

/// A field that is neither missing nor null.
fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    let named = |key: &Node| matches!(&key.value, Value::Text(text) if text == name);
    let found = entries.iter().find(|(key, _)| named(key)).map(|(_, value)| value);
    found.filter(|value| !matches!(value.value, Value::Null))
}

/// Reads the pools of that list.
pub(super) fn read(reader: &mut Reader, list: &Node) -> Design {
    let mut design = Design::default();
    for item in reader.items(list, "agentPoolProfiles") {
        let Some(pool) = pool(reader, item, &mut design) else { continue };
        design.pools.push(pool);
    }
    if design.pools.is_empty() && reader.errors.is_empty() {
        let text = "there is no Linux pool that runs".to_owned();
        reader.wrong_value(list, text, "one pool at least", None);
    }
    design
}

fn pool(reader: &mut Reader, item: &Node, design: &mut Design) -> Option<DesignPool> {
    let text = |reader: &mut Reader, name: &str| {
        field(item, name).and_then(|node| reader.text(node, name)).map(str::to_owned)
    };
    let size = field(item, "vmSize");
    for (name, found) in [("name", field(item, "name")), ("vmSize", size)] {
        if found.is_none() {
            let fault = crate::diagnostic::ImportError::new(
                "NP1054",
                item.place.clone(),
                format!("a pool has no `{name}`"),
            );
            reader.fault(fault.help("give what `az aks nodepool list -o json` prints"));
        }
    }
    let (name, sku) = (text(reader, "name")?, text(reader, "vmSize")?);
    let place = size?.place.clone();
    if let Some(at) = field(item, "name") {
        unlike_others(reader, at, &name, design);
    }
    let is = |reader: &mut Reader, key: &str, value: &str| {
        text(reader, key).is_some_and(|text| text.eq_ignore_ascii_case(value))
    };
    let stopped = field(item, "powerState").and_then(|state| field(state, "code"));
    let stopped = stopped.and_then(|code| reader.text(code, "powerState")) == Some("Stopped");
    if is(reader, "osType", "Windows") || stopped {
        let why = if stopped { "is stopped" } else { "runs Windows" };
        design.notes.push(format!("pool {name} {why} and is left out"));
        return None;
    }
    let small = |reader: &mut Reader, name: &str| {
        field(item, name).and_then(|node| reader.small(node, name, 0, MOST_NODES))
    };
    let count = small(reader, "count");
    let scaled = is(reader, "enableAutoScaling", "true");
    let (min, max) = match scaled {
        true => (small(reader, "minCount"), small(reader, "maxCount")),
        false => (count, count),
    };
    let mut pool = DesignPool {
        sku: full_sku_name(&sku),
        place,
        min,
        max,
        count,
        spot: is(reader, "scaleSetPriority", "Spot"),
        max_pods: small(reader, "maxPods").filter(|pods| *pods > 0),
        mode: text(reader, "mode").map(|mode| match mode.as_str() {
            "System" => PoolMode::System,
            _ => PoolMode::User,
        }),
        name,
        ..DesignPool::default()
    };
    if let Some(node) = field(item, "availabilityZones") {
        zones(reader, node, &mut pool);
    }
    if let Some(node) = field(item, "nodeLabels") {
        labels(reader, node, &mut pool);
    }
    if let Some(node) = field(item, "nodeTaints") {
        for (at, text) in reader.texts(node, "nodeTaints") {
            taint(reader, at, text, &mut pool);
        }
    }
    Some(pool)
}
