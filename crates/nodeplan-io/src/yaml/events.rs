//! Events of a scenario: what fails, is evicted, rolled out or upgraded, and when.

use super::amounts::Named;
use super::fields::{Fields, Reader};
use super::tree::Node;
use nodeplan_model::scenario::{Amount, Rolled};

/// Something that happens at a time, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventEntry {
    /// Milliseconds since the start.
    pub at_millis: u64,
    /// What.
    pub what: What,
}

/// What can happen; each as in the model, with names for indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A node of a pool dies.
    NodeFails {
        /// Pool.
        pool: Named,
        /// Until repaired.
        repair_millis: u64,
    },
    /// A zone dies.
    ZoneFails {
        /// Zone.
        zone: u8,
        /// For how long.
        millis: u64,
    },
    /// Spot nodes are evicted.
    SpotEviction {
        /// Pool.
        pool: Named,
        /// How many.
        nodes: u32,
    },
    /// Requests for nodes fail.
    ProvisioningFails {
        /// Pool.
        pool: Named,
        /// For how long.
        millis: u64,
    },
    /// A workload is rolled out anew.
    Rollout {
        /// Workload.
        workload: Named,
        /// Pods above its replicas.
        surge: Amount,
        /// Replicas that may be missing.
        unavailable: Amount,
        /// Which of its pods.
        pods: Rolled,
    },
    /// Nodes of a pool are replaced.
    Upgrade {
        /// Pool.
        pool: Named,
        /// Surge nodes.
        surge: u32,
    },
}

/// What an event is called, and the further fields it knows.
const EVENTS: [(&str, &[&str]); 7] = [
    ("node_fails", &["repair"]),
    ("zone_fails", &["for"]),
    ("spot_eviction", &["nodes"]),
    ("provisioning_fails", &["for"]),
    ("rollout", &["surge", "unavailable"]),
    ("canary", &["share", "for", "surge", "unavailable"]),
    ("upgrade", &["surge"]),
];

/// Surge and unavailable pods of a rollout where nothing is said, as Deployments do.
const USUAL: Amount = Amount::Percent(25);
/// Largest surge of a rollout, percent.
const MOST_SURGE: u32 = 1000;
/// Share of the pods in a canary, and how long it is watched, where nothing is said.
const CANARY: Amount = Amount::Percent(10);
const CANARY_MILLIS: u64 = 600_000;
/// Auto-repair of a node takes this long where nothing is said.
const REPAIR_MILLIS: u64 = 600_000;
/// A zone or the making of nodes fails this long where nothing is said.
const OUTAGE_MILLIS: u64 = 1_800_000;

/// Reads one entry: an event, or both of a canary, which is what all others are rolled out after.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<Vec<EventEntry>> {
    let mut known = vec!["at"];
    for (event, own) in EVENTS {
        known.push(event);
        known.extend(own.iter().filter(|name| !known.contains(*name)).copied().collect::<Vec<_>>());
    }
    let fields = reader.fields(node, "an event", &known)?;
    let at = reader.required(&fields, "at", "an event");
    let at = at.and_then(|node| reader.millis(node, "at"));
    let given: Vec<_> = EVENTS.iter().filter(|(event, _)| fields.get(event).is_some()).collect();
    let [(event, own)] = given[..] else {
        let names: Vec<&str> = EVENTS.iter().map(|(event, _)| *event).collect();
        let message = format!("an event has {} things that happen", given.len());
        reader.wrong_value(node, message, &format!("one of {}", names.join(", ")), None);
        return None;
    };
    for name in EVENTS.iter().flat_map(|(_, names)| names.iter()) {
        if let (Some(at), false) = (fields.get(name), own.contains(name)) {
            reader.clash(at, format!("{name} has no meaning for {event}"), "leave it out");
        }
    }
    let what = what(reader, &fields, event)?;
    let at_millis = at?;
    let mut all = vec![EventEntry { at_millis, what }];
    if let ("canary", What::Rollout { workload, surge, unavailable, .. }) = (*event, &all[0].what) {
        let watched = reader.millis_of(&fields, "for").unwrap_or(CANARY_MILLIS);
        let what = What::Rollout {
            workload: workload.clone(),
            surge: *surge,
            unavailable: *unavailable,
            pods: Rolled::MadeBefore(at_millis),
        };
        all.push(EventEntry { at_millis: at_millis.saturating_add(watched), what });
    }
    Some(all)
}

fn what(reader: &mut Reader, fields: &Fields<'_>, event: &str) -> Option<What> {
    let node = fields.get(event)?;
    if event == "zone_fails" {
        let zone = reader.small(node, event, 1, 3)?;
        let millis = reader.millis_of(fields, "for").unwrap_or(OUTAGE_MILLIS);
        return Some(What::ZoneFails { zone: u8::try_from(zone).ok()?, millis });
    }
    let named = reader.named(node, event)?;
    Some(match event {
        "node_fails" => {
            let repair = reader.millis_of(fields, "repair");
            What::NodeFails { pool: named, repair_millis: repair.unwrap_or(REPAIR_MILLIS) }
        }
        "spot_eviction" => {
            let nodes = reader.small_of(fields, "nodes", 1_000_000);
            What::SpotEviction { pool: named, nodes: nodes.unwrap_or(1) }
        }
        "provisioning_fails" => {
            let millis = reader.millis_of(fields, "for").unwrap_or(OUTAGE_MILLIS);
            What::ProvisioningFails { pool: named, millis }
        }
        "rollout" | "canary" => What::Rollout {
            workload: named,
            surge: reader.share_of(fields, "surge", MOST_SURGE).unwrap_or(USUAL),
            unavailable: reader.share_of(fields, "unavailable", 100).unwrap_or(USUAL),
            pods: match event {
                "canary" => Rolled::Some(reader.share_of(fields, "share", 100).unwrap_or(CANARY)),
                _ => Rolled::All,
            },
        },
        _ => {
            let surge = fields.get("surge").and_then(|at| reader.small(at, "surge", 1, 1000));
            What::Upgrade { pool: named, surge: surge.unwrap_or(1) }
        }
    })
}
