//! One pool, or one workload, in detail.

use crate::document::{Block, Document, Fact, Table};
use crate::number;
use nodeplan_model::answer::{PoolAnswer, WorkloadAnswer};
use nodeplan_model::plan::PoolMode;

/// A pool: what it holds, how full it is, why that size.
#[must_use]
pub fn pool(pool: &PoolAnswer, points: &[&str], currency: &str) -> Document {
    let mode = if pool.mode == PoolMode::System { "System" } else { "User" };
    let mut facts = vec![
        Fact::plain("Mode", format!("{mode}{}", if pool.spot { ", spot nodes" } else { "" })),
        Fact::plain(
            "Nodes",
            format!(
                "{} of {} ({} vCPU, {}), at most {} pods each, {} {currency}/h each",
                number::range(pool.least, pool.most),
                pool.sku,
                pool.vcpus,
                number::memory(pool.memory),
                pool.max_pods,
                number::rate(pool.rate),
            ),
        ),
        Fact::plain("Cost", format!("{} {currency}/month", number::money(pool.month))),
    ];
    if !pool.labels.is_empty() {
        facts.push(Fact::plain("Labels", pool.labels.join(", ")));
    }
    if pool.exclusive {
        facts.push(Fact::plain("Isolation", "only workloads that ask for this pool get in"));
    }
    facts.push(Fact::plain("Full because of", crate::answer::binds(pool)));
    facts.push(Fact::plain(
        "Runner-up",
        match &pool.runner_up {
            Some(next) => format!(
                "{} with the same content: {} {currency}/month",
                next.sku,
                number::signed(next.extra)
            ),
            None => "no other size takes every node's content as it is".to_owned(),
        },
    ));
    let blocks = vec![
        Block::Heading(format!("Pool {}", pool.name)),
        Block::Facts(facts),
        Block::Table(holds(pool, points)),
        Block::Table(usage(pool, points)),
    ];
    Document { blocks }
}

/// Its workloads.
fn holds(pool: &PoolAnswer, points: &[&str]) -> Table {
    let mut holds = Table::new(&["WORKLOAD"]);
    holds.columns.extend(points.iter().map(|point| column(point)));
    for workload in &pool.workloads {
        let mut row = vec![workload.name.as_str().into()];
        row.extend(workload.pods.iter().map(|pods| pods.to_string().into()));
        holds.rows.push(row);
    }
    holds
}

/// Its resources.
fn usage(pool: &PoolAnswer, points: &[&str]) -> Table {
    let mut usage = Table::new(&["RESOURCE", "AT", ">REQUESTED", ">ALLOCATABLE", ">"]);
    for (state, point) in pool.points.iter().zip(points) {
        for one in state.usage.iter().filter(|one| one.requested > 0) {
            usage.rows.push(vec![
                one.resource.as_str().into(),
                (*point).into(),
                crate::answer::amount(&one.resource, one.requested).into(),
                crate::answer::amount(&one.resource, one.allocatable).into(),
                number::percent(one.ratio).into(),
            ]);
        }
    }
    usage
}

fn column(point: &str) -> crate::document::Column {
    crate::document::Column { title: format!("PODS AT {point}"), right: true }
}

/// A workload: where its pods are and could be.
#[must_use]
pub fn workload(workload: &WorkloadAnswer, points: &[&str], currency: &str) -> Document {
    let cheapest = match &workload.cheapest {
        Some((name, rate)) => {
            format!("; the cheapest is {name} at {} {currency}/h", number::rate(*rate))
        }
        None => String::new(),
    };
    let facts = vec![
        Fact::plain("Request", &*workload.request),
        Fact::plain("Packed as", &*workload.packed),
        Fact::plain("QoS class", workload.qos.name()),
        Fact::plain(
            "Sizes",
            format!(
                "a pod fits a node of {} of {} sizes{cheapest}",
                workload.sizes_that_fit, workload.sizes
            ),
        ),
    ];
    let mut table = Table::new(&["POOL"]);
    table.columns.extend(points.iter().map(|point| column(point)));
    for (pool, pods) in &workload.pools {
        let mut row = vec![pool.as_str().into()];
        row.extend(pods.iter().map(|pods| pods.to_string().into()));
        table.rows.push(row);
    }
    let mut all = vec!["all".into()];
    all.extend(workload.pods.iter().map(|pods| pods.to_string().into()));
    table.rows.push(all);
    let blocks = vec![
        Block::Heading(format!("Workload {}", workload.name)),
        Block::Facts(facts),
        Block::Table(table),
    ];
    Document { blocks }
}
