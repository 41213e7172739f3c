//! Catalog pages: a list of sizes, and one node taken apart band by band.

use crate::document::{Block, Cell, Document, Fact, Table};
use crate::number;
use nodeplan_model::catalog::{QuotedRate, Sku};
use nodeplan_model::overhead::NodeAnatomy;
use nodeplan_model::problem::AddOn;
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, MilliCpu};

/// Where and when the rates hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market<'a> {
    /// Azure region.
    pub region: &'a str,
    /// ISO currency code.
    pub currency: &'a str,
    /// Day of the newest price.
    pub date: String,
}

/// A list of sizes.
#[must_use]
pub fn list(market: &Market<'_>, skus: &[&Sku]) -> Document {
    let rate = format!(">{}/h", market.currency);
    let mut table =
        Table::new(&["SKU", ">VCPU", ">MEMORY", ">GPU", "ARCH", &rate, ">SPOT", "NOTES"]);
    for sku in skus {
        table.rows.push(vec![
            sku.name.as_str().into(),
            sku.vcpus.to_string().into(),
            number::memory(sku.memory).into(),
            if sku.gpus == 0 { Cell::default() } else { sku.gpus.to_string().into() },
            sku.arch.label().into(),
            number::rate(sku.rates.on_demand).into(),
            sku.rates.spot.map(quoted).unwrap_or_default().into(),
            notes(sku).into(),
        ]);
    }
    let head = format!(
        "{} in {}, {}, prices of {} (* estimated from the family's ratio)",
        number::count(skus.len() as u64, "size"),
        market.region,
        market.currency,
        market.date
    );
    Document { blocks: vec![Block::Line(head), Block::Table(table)] }
}

fn quoted(rate: QuotedRate) -> String {
    format!("{}{}", number::rate(rate.rate), if rate.estimated { "*" } else { "" })
}

fn notes(sku: &Sku) -> String {
    let mut notes = Vec::new();
    if let Some(sustained) = sku.sustained {
        notes.push(format!("burstable, sustains {sustained}"));
    }
    if sku.constrained {
        notes.push("constrained cores".to_owned());
    }
    if sku.confidential {
        notes.push("confidential".to_owned());
    }
    if let Some(retires) = sku.retires {
        notes.push(format!("retires {retires}"));
    }
    notes.join(", ")
}

/// One node taken apart; `addons` are the DaemonSets on it.
#[must_use]
pub fn show(market: &Market<'_>, sku: &Sku, anatomy: &NodeAnatomy, addons: &[&AddOn]) -> Document {
    let mut facts = vec![
        Fact::plain("Family", sku.family.clone()),
        Fact::plain("Architecture", sku.arch.label()),
        Fact::plain("Rates", rates(market, sku)),
    ];
    if !addons.is_empty() {
        let names: Vec<&str> = addons.iter().map(|addon| addon.name.as_str()).collect();
        facts.push(Fact::plain("Add-ons", names.join(", ")));
    }
    if let Some(sustained) = anatomy.usable_sustained {
        let text = if addons.iter().any(|addon| addon.measured_mean.is_none()) {
            format!(
                "{} * for workloads, after the add-ons' mean use (* 20 % of the request where it \
                 is not measured)",
                number::cpu(sustained)
            )
        } else {
            format!("{} for workloads, after the add-ons' mean use", number::cpu(sustained))
        };
        facts.push(Fact::plain("Sustained CPU", text));
    }
    if sku.gpus > 0 {
        facts.push(Fact::plain("GPUs", sku.gpus.to_string()));
    }
    let also = notes(sku);
    if !also.is_empty() {
        facts.push(Fact::plain("Notes", also));
    }
    let head = format!("{} in {}, prices of {}", sku.name, market.region, market.date);
    let blocks = vec![Block::Line(head), Block::Table(bands(sku, anatomy)), Block::Facts(facts)];
    Document { blocks }
}

/// The bands from the nominal size down to what workloads get.
fn bands(sku: &Sku, node: &NodeAnatomy) -> Table {
    let star = if node.os_extrapolated { " *" } else { "" };
    let whole = |name: &str, amount: &Resources| {
        (format!("{name}{star}"), Some(amount.cpu), Some(amount.memory), Some(amount.pods))
    };
    let mut rows =
        vec![("nominal".to_owned(), Some(node.nominal_cpu), Some(node.nominal_memory), None)];
    if sku.measured.is_some() {
        let cpu = node.nominal_cpu.0.saturating_sub(node.allocatable.cpu.0);
        let memory = node.nominal_memory.0.saturating_sub(node.allocatable.memory.0);
        let kept = (Some(MilliCpu(cpu)), Some(Bytes(memory)));
        rows.push(("- kept back, as measured".to_owned(), kept.0, kept.1, None));
    } else {
        let reserved = (Some(node.reserved_cpu), Some(node.reserved_memory));
        rows.push((format!("- operating system{star}"), None, Some(node.os_memory), None));
        rows.push(("- kubelet reservation".to_owned(), reserved.0, reserved.1, None));
        rows.push(("- eviction threshold".to_owned(), None, Some(node.eviction_memory), None));
    }
    rows.push(whole("= allocatable", &node.allocatable));
    if node.headroom_cpu.0 > 0 || node.headroom_memory.0 > 0 {
        let (cpu, memory) = (Some(node.headroom_cpu), Some(node.headroom_memory));
        rows.push(("- head-room".to_owned(), cpu, memory, None));
    }
    let on = &node.addons;
    let addons = "- add-on DaemonSets".to_owned();
    rows.push((addons, Some(on.cpu), Some(on.memory), Some(on.pods)));
    rows.push(whole("= for workloads", &node.usable));
    let mut table = Table::new(&["BAND", ">CPU", ">MEMORY", ">PODS"]);
    for (name, cpu, memory, pods) in rows {
        table.rows.push(vec![
            name.into(),
            cpu.map(number::cpu).unwrap_or_default().into(),
            memory.map(number::memory).unwrap_or_default().into(),
            pods.map(|pods| pods.to_string()).unwrap_or_default().into(),
        ]);
    }
    table
}

fn rates(market: &Market<'_>, sku: &Sku) -> String {
    let mut parts =
        vec![format!("on demand {} {}/h", number::rate(sku.rates.on_demand), market.currency)];
    for (name, rate) in [
        ("spot", sku.rates.spot),
        ("reserved 1 year", sku.rates.reserved_1y),
        ("reserved 3 years", sku.rates.reserved_3y),
        ("savings plan 1 year", sku.rates.savings_plan_1y),
    ] {
        if let Some(rate) = rate {
            parts.push(format!("{name} {}", quoted(rate)));
        }
    }
    parts.join("; ")
}
