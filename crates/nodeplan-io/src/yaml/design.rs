//! `design.yaml`: node pools made by hand, to compare a plan with.

use super::fields::Reader;
use super::full_sku_name;
use super::tree::{Node, Value};
use crate::diagnostic::ImportError;
use crate::quantity::clip;

/// Node pools made by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Design {
    /// Pools, at least one.
    pub pools: Vec<DesignPool>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesignPool {
    /// Name, no other pool's.
    pub name: String,
    /// Size, with its prefix `Standard_`.
    pub sku: String,
    /// Line of its size in the file.
    pub line: u32,
    /// Workloads it holds, each in no other pool.
    pub workloads: Vec<String>,
    /// Fewest nodes.
    pub min: Option<u32>,
    /// Most nodes, no fewer than `min`.
    pub max: Option<u32>,
}

/// Most nodes of a pool: what AKS allows in a cluster.
const MOST_NODES: u32 = 5000;

/// Reads the pools of a document.
pub(super) fn read(reader: &mut Reader, root: &Node) -> Design {
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
    let known = ["name", "sku", "workloads", "min", "max"];
    let fields = reader.fields(node, "a pool", &known)?;
    let name = reader.required(&fields, "name", "a pool");
    let name = name.and_then(|node| Some((node, reader.text(node, "name")?)));
    if let Some((at, name)) = name
        && before.pools.iter().any(|pool| pool.name == name)
    {
        let message = format!("two pools are called `{}`", clip(name));
        reader.fault(ImportError::new("NP1053", at.place.clone(), message));
    }
    let sku = reader.required(&fields, "sku", "a pool");
    let sku = sku.and_then(|node| Some((reader.text(node, "sku")?, node.place.line)));
    let mut workloads: Vec<String> = Vec::new();
    if let Some(list) = fields.get("workloads") {
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
    }
    let min = fields.get("min").and_then(|node| reader.small(node, "min", 0, MOST_NODES));
    let max = fields.get("max").and_then(|node| reader.small(node, "max", 0, MOST_NODES));
    if let (Some(least), Some(most), Some(at)) = (min, max, fields.get("min"))
        && least > most
    {
        let message = format!("min {least} is above max {most}");
        reader.wrong_value(at, message, "at most max", None);
    }
    let ((_, name), (sku, line)) = (name?, sku?);
    let (name, sku) = (name.to_owned(), full_sku_name(sku));
    Some(DesignPool { name, sku, line, workloads, min, max })
}
