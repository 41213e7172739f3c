//! What differs between two documents: totals, then pools and workloads, one line per measure.

use crate::answer::Detail;
use crate::document::{Block, Document, Remark, Table};
use crate::number;
use nodeplan_model::answer::Money;
use nodeplan_model::comparison::{Change, Compared, Comparison, Facet, Item, Measure, Value};
use nodeplan_model::units::{Bytes, MilliCpu};

/// Lays out a comparison: what differs, and with `verbose` all else too.
#[must_use]
pub fn document(comparison: &Comparison, detail: Detail) -> Document {
    let what = match comparison.compared {
        Compared::Plans => "plans",
        Compared::Runs => "simulated runs",
        Compared::Designs => "designs",
    };
    let (before, after) = (&comparison.before.path, &comparison.after.path);
    let mut blocks = vec![Block::Line(format!("Two {what}: {before} -> {after}"))];
    let notes: Vec<Remark> = comparison.notes.iter().map(|text| note(text)).collect();
    if !notes.is_empty() {
        blocks.push(Block::Remarks(notes));
    }
    if comparison.same && !detail.verbose {
        blocks.push(Block::Line("Nothing differs.".to_owned()));
        return Document { blocks };
    }
    blocks.push(Block::Table(totals(comparison, detail)));
    for (title, all) in [("POOL", &comparison.pools), ("WORKLOAD", &comparison.workloads)] {
        let told = |item: &&Item| detail.verbose || item.change != Change::Same;
        // The platform's own workloads follow the nodes.
        let told = |item: &&Item| told(item) && (detail.verbose || !item.system);
        let shown: Vec<&Item> = all.iter().filter(told).collect();
        if !shown.is_empty() {
            blocks.push(Block::Table(items(title, &shown, comparison, detail)));
        }
    }
    blocks.push(Block::Line(verdict(comparison)));
    Document { blocks }
}

fn note(text: &str) -> Remark {
    Remark {
        severity: "note".to_owned(),
        code: String::new(),
        place: String::new(),
        text: text.to_owned(),
    }
}

fn totals(comparison: &Comparison, detail: Detail) -> Table {
    let mut table = Table::new(&["TOTAL", ">BEFORE", ">AFTER", ">CHANGE"]);
    for facet in &comparison.totals {
        let headline = matches!(facet.what, Measure::MonthBillionths);
        if !(detail.verbose || facet.differs() || headline) {
            continue;
        }
        let share = comparison.month_per_mille.filter(|_| headline && facet.differs());
        let share = share.map(|share| format!(" ({})", number::signed_percent(share)));
        table.rows.push(vec![
            title(facet.what, &comparison.currency).into(),
            shown(facet.what, facet.before.as_ref()).into(),
            shown(facet.what, facet.after.as_ref()).into(),
            format!("{}{}", change(facet), share.unwrap_or_default()).into(),
        ]);
    }
    table
}

fn items(title_of: &str, all: &[&Item], comparison: &Comparison, detail: Detail) -> Table {
    let mut table = Table::new(&["", title_of, "", ">BEFORE", ">AFTER", ">CHANGE"]);
    for item in all {
        let sign = match item.change {
            Change::Added => "+",
            Change::Removed => "-",
            Change::Changed => "~",
            Change::Same => "",
        };
        let whole = matches!(item.change, Change::Added | Change::Removed);
        let told =
            |facet: &&Facet| detail.verbose || (facet.differs() && (!whole || is_core(facet.what)));
        for (at, facet) in item.facets.iter().filter(told).enumerate() {
            let first = |text: &str| if at == 0 { text.to_owned() } else { String::new() };
            table.rows.push(vec![
                first(sign).into(),
                first(&item.name).into(),
                title(facet.what, &comparison.currency).into(),
                shown(facet.what, facet.before.as_ref()).into(),
                shown(facet.what, facet.after.as_ref()).into(),
                change(facet).into(),
            ]);
        }
    }
    table
}

/// What is told of a pool or workload that is new or gone.
fn is_core(what: Measure) -> bool {
    matches!(
        what,
        Measure::Size
            | Measure::NodesMin
            | Measure::NodesMax
            | Measure::MonthBillionths
            | Measure::PodsMin
            | Measure::PodsMax
            | Measure::GoodPpm
    )
}

/// `1 pool added, 2 workloads changed`.
fn verdict(comparison: &Comparison) -> String {
    if comparison.same {
        return "Nothing differs.".to_owned();
    }
    let mut parts = Vec::new();
    for (noun, all) in [("pool", &comparison.pools), ("workload", &comparison.workloads)] {
        for (change, word) in [
            (Change::Added, "added"),
            (Change::Removed, "removed"),
            (Change::Changed, "changed"),
            (Change::Same, "the same"),
        ] {
            let own = all.iter().filter(|item| !item.system && item.change == change).count();
            if own > 0 {
                parts.push(format!("{} {word}", number::count(own as u64, noun)));
            }
        }
    }
    format!("{}.", parts.join(", "))
}

fn title(what: Measure, currency: &str) -> String {
    match what {
        Measure::MonthBillionths => format!("{currency}/month"),
        Measure::CostBillionths => format!("{currency} for the run"),
        Measure::BoundMonthBillionths => format!("bound, {currency}/month"),
        Measure::GapPpm => "gap".into(),
        Measure::Status => "status".into(),
        Measure::RunMs => "length of the run".into(),
        Measure::NodeMs => "node time".into(),
        Measure::RequestedPpm => "CPU requested".into(),
        Measure::UsedPpm => "CPU used".into(),
        Measure::ObjectivesMissed => "objectives missed".into(),
        Measure::Size => "size".into(),
        Measure::Mode => "mode".into(),
        Measure::Labels => "labels".into(),
        Measure::Isolated => "keeps others out".into(),
        Measure::Spot => "spot".into(),
        Measure::NodesMin => "fewest nodes".into(),
        Measure::NodesMax => "most nodes".into(),
        Measure::NodesInitial => "nodes at the start".into(),
        Measure::NodesMeanMilli => "mean nodes".into(),
        Measure::MaxPods => "max pods".into(),
        Measure::PodsMin => "fewest pods".into(),
        Measure::PodsMax => "most pods".into(),
        Measure::PodsP95 => "pods p95".into(),
        Measure::CpuRequestM => "CPU request".into(),
        Measure::MemoryRequestBytes => "memory request".into(),
        Measure::CpuLimitM => "CPU limit".into(),
        Measure::MemoryLimitBytes => "memory limit".into(),
        Measure::HpaMin => "HPA min".into(),
        Measure::HpaMax => "HPA max".into(),
        Measure::HpaTargets => "HPA targets".into(),
        Measure::HpaBehavior => "HPA behaviour".into(),
        Measure::HpaSchedules => "scheduled minimums".into(),
        Measure::Requests => "requests".into(),
        Measure::RoomPods => "pods that keep room".into(),
        Measure::Provisioning => "nodes are made by".into(),
        Measure::Expander => "expander".into(),
        Measure::ScanInterval => "scan-interval".into(),
        Measure::UnneededTime => "scale-down-unneeded-time".into(),
        Measure::DelayAfterAdd => "scale-down-delay-after-add".into(),
        Measure::UtilizationThreshold => "scale-down-utilization-threshold".into(),
        Measure::Scaling => "scenario.yaml beside it".into(),
        Measure::Offered => "offered".into(),
        Measure::Lost => "lost".into(),
        Measure::Retried => "retried".into(),
        Measure::GoodPpm => "good".into(),
        Measure::ObjectivePpm => "asked".into(),
        Measure::Met => "objective kept".into(),
        Measure::MissMinutes => "minutes missed".into(),
        Measure::LatencyP50Us => "p50".into(),
        Measure::LatencyP95Us => "p95".into(),
        Measure::LatencyP99Us => "p99".into(),
        Measure::OldestMs => "oldest message".into(),
        Measure::PendingP95Ms => "wait for a node p95".into(),
        Measure::Evictions => "evictions".into(),
        Measure::OomKills => "OOM kills".into(),
    }
}

fn shown(what: Measure, value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Number(value)) => amount(what, *value),
    }
}

/// A number in the unit of its measure; those below zero are differences.
fn amount(what: Measure, value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let size = value.unsigned_abs();
    let small = u64::try_from(size).unwrap_or(u64::MAX);
    match what {
        Measure::MonthBillionths | Measure::CostBillionths | Measure::BoundMonthBillionths => {
            number::money(Money(value))
        }
        Measure::GapPpm => format!("{sign}{}", number::ppm_percent(small)),
        Measure::RequestedPpm | Measure::UsedPpm | Measure::GoodPpm | Measure::ObjectivePpm => {
            format!("{sign}{}", crate::run::share(small))
        }
        Measure::RunMs | Measure::OldestMs | Measure::PendingP95Ms => {
            format!("{sign}{}", crate::run::time(small))
        }
        Measure::NodeMs => {
            let hours = u64::try_from(size / 3600).unwrap_or(u64::MAX);
            format!("{sign}{} h", crate::run::thousandths(hours, 1))
        }
        Measure::NodesMeanMilli => format!("{sign}{}", crate::run::thousandths(small, 2)),
        Measure::CpuRequestM | Measure::CpuLimitM => {
            format!("{sign}{}", number::cpu(MilliCpu(small)))
        }
        Measure::MemoryRequestBytes | Measure::MemoryLimitBytes => {
            format!("{sign}{}", number::memory(Bytes(small)))
        }
        Measure::LatencyP50Us | Measure::LatencyP95Us | Measure::LatencyP99Us => {
            format!("{sign}{} ms", crate::run::millis(small))
        }
        _ => format!("{sign}{}", number::grouped(size)),
    }
}

/// The difference of two numbers with its sign.
fn change(facet: &Facet) -> String {
    let (Some(Value::Number(before)), Some(Value::Number(after))) = (&facet.before, &facet.after)
    else {
        return String::new();
    };
    match after.saturating_sub(*before) {
        0 => String::new(),
        more if more > 0 => format!("+{}", amount(facet.what, more)),
        less => amount(facet.what, less),
    }
}
