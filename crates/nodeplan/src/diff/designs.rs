//! Two designs side by side: their runs over the whole trace, their pools, and what they set otherwise.
//!
//! A design tells the settings that are not as its inputs have them: what only one of the two tells, the
//! other has as the inputs do.

use super::runs::served;
use super::{Side, Sides, comparison, facets, items, large, notes, number, text, yes};
use nodeplan_io::joint::DesignDocument;
use nodeplan_model::answer::InputFile;
use nodeplan_model::comparison::{Compared, Comparison, Measure, Value};
use nodeplan_model::joint::{JointAnswer, PartAnswer, Setting};

/// Settings that `optimize` tells of workloads, by their names.
const OF_WORKLOADS: [(&str, Measure); 7] = [
    ("target", Measure::HpaTargets),
    ("min replicas", Measure::HpaMin),
    ("max replicas", Measure::HpaMax),
    ("behavior", Measure::HpaBehavior),
    ("scheduled minimums", Measure::HpaSchedules),
    ("requests", Measure::Requests),
    ("pods of low priority that keep room", Measure::RoomPods),
];
/// And of the cluster.
const OF_CLUSTER: [(&str, Measure); 6] = [
    ("nodes are made by", Measure::Provisioning),
    ("expander", Measure::Expander),
    ("scan-interval", Measure::ScanInterval),
    ("scale-down-unneeded-time", Measure::UnneededTime),
    ("scale-down-delay-after-add", Measure::DelayAfterAdd),
    ("scale-down-utilization-threshold", Measure::UtilizationThreshold),
];

/// Compares two documents of designs.
#[must_use]
pub fn designs(
    before: (InputFile, &DesignDocument),
    after: (InputFile, &DesignDocument),
) -> Comparison {
    let (old, new) = (&before.1.design, &after.1.design);
    let mut notes = notes([&before.1.catalog, &after.1.catalog], [&old.inputs, &new.inputs]);
    if old.seed != new.seed {
        notes.push(format!("seed {} before, {} after", old.seed, new.seed));
    }
    let month = |design: &JointAnswer| whole(design).map(|part| part.month);
    let sides = Sides {
        compared: Compared::Designs,
        currency: new.currency.clone(),
        months: (month(old), month(new)),
        notes,
        totals: facets(totals(old, new), totals(new, old)),
        pools: items(pools(old), pools(new)),
        workloads: items(workloads(old, new), workloads(new, old)),
    };
    comparison(before.0, after.0, sides)
}

/// The run over the whole trace.
fn whole(design: &JointAnswer) -> Option<&PartAnswer> {
    design.parts.iter().find(|part| part.name == "whole")
}

fn totals(own: &JointAnswer, other: &JointAnswer) -> Vec<(Measure, Option<Value>)> {
    let mut all = Vec::new();
    if let Some(part) = whole(own) {
        let score = &part.score;
        let missed = score.services.iter().filter(|service| !service.met).count() as u64;
        all.extend([
            (Measure::MonthBillionths, number(part.month.0)),
            (Measure::CostBillionths, number(part.cost.0)),
            (Measure::Met, yes(part.met)),
            (Measure::ObjectivesMissed, number(missed)),
            (Measure::PendingP95Ms, number(part.pending_p95_millis)),
            (Measure::NodeMs, large(score.node_millis)),
            (Measure::RequestedPpm, number(score.requested)),
            (Measure::UsedPpm, number(score.used)),
            (Measure::RunMs, number(score.millis)),
        ]);
    }
    all.push((Measure::BoundMonthBillionths, own.floor.and_then(|floor| number(floor.month.0))));
    let of = ["cluster", "cluster autoscaler"];
    all.extend(
        OF_CLUSTER.map(|(what, measure)| {
            (measure, of.iter().find_map(|of| setting(own, other, of, what)))
        }),
    );
    all
}

fn pools(design: &JointAnswer) -> Vec<Side> {
    let all = design.pools.iter().map(|pool| {
        let values = vec![
            (Measure::Size, text(pool.size.clone())),
            (Measure::NodesMin, number(pool.min)),
            (Measure::NodesMax, number(pool.max)),
            (Measure::Spot, yes(pool.spot)),
            (Measure::NodesMeanMilli, number(pool.mean_milli)),
        ];
        Side { name: pool.name.clone(), system: false, values }
    });
    all.collect()
}

/// The workloads of a design.
fn workloads(own: &JointAnswer, other: &JointAnswer) -> Vec<Side> {
    let set = |name: &str| -> Vec<(Measure, Option<Value>)> {
        let one = |(what, measure)| (measure, setting(own, other, name, what));
        OF_WORKLOADS.map(one).into()
    };
    let services = whole(own).map_or(&[][..], |part| &part.score.services);
    let all = services.iter().map(|service| {
        let name = service.workload.clone();
        let values = served(service).into_iter().chain(set(&name)).collect();
        Side { system: is_system(&name), name, values }
    });
    all.collect()
}

/// Whether a workload is the platform's own.
fn is_system(name: &str) -> bool {
    name.starts_with("kube-system/")
}

/// A setting of a design, where either of the two tells it.
fn setting(own: &JointAnswer, other: &JointAnswer, of: &str, what: &str) -> Option<Value> {
    let told = |design: &JointAnswer| -> Option<Setting> {
        design.settings.iter().find(|one| one.of == of && one.what == what).cloned()
    };
    let words = match (told(own), told(other)) {
        (Some(own), _) => Some(own.after),
        (None, Some(other)) => other.before,
        (None, None) => None,
    }?;
    match words.parse::<u32>() {
        Ok(count) => number(count),
        Err(_) => text(words),
    }
}
