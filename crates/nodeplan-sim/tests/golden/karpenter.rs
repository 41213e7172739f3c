//! Sets of recorded answers: Karpenter.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Replay;
use crate::sim::karpenter::nouns::{
    Amounts, Effect, InstanceType, Offering, Shape, Taint, Toleration,
};
use crate::sim::karpenter::requirement::{Key, Requirement, Requirements, Value};

#[path = "karpenter/consolidation.rs"]
mod consolidation;
#[path = "karpenter/provision.rs"]
mod provision;

/// The replay of a set of this part, if it is one.
pub fn replay(set: &str) -> Option<Replay> {
    match set {
        "karpenter_provision" => Some(provision::replay),
        "karpenter_consolidation" => Some(consolidation::replay),
        _ => None,
    }
}

const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
const CAPACITY_TYPE_LABEL: &str = "karpenter.sh/capacity-type";
/// The one taint key of the sets.
const DEDICATED: u32 = 0;

#[derive(Deserialize)]
struct TypeIn {
    name: String,
    cpu_m: i64,
    mem: i64,
    pods: i64,
    #[serde(default)]
    reserved_cpu_m: i64,
    #[serde(default)]
    reserved_mem: i64,
    offerings: Vec<OfferingIn>,
}

#[derive(Deserialize)]
struct OfferingIn {
    zone: String,
    ct: String,
    price: f64,
    #[serde(default)]
    available: bool,
}

/// Numbers for names, in the order of first use.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn index(&mut self, name: &str) -> usize {
        self.0.iter().position(|seen| seen == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        })
    }

    fn number(&mut self, name: &str) -> Value {
        word(self.index(name))
    }

    fn name(&self, value: Value) -> String {
        match value {
            Value::Word(at) => self.0[at as usize].clone(),
            other => format!("{other:?}"),
        }
    }

    fn sorted(&self, requirements: &Requirements, key: Key) -> Vec<String> {
        let listed = requirements.get(key).filter(|requirement| requirement.is_in());
        let values = listed.map_or(&[][..], Requirement::values);
        let mut names: Vec<String> = values.iter().map(|value| self.name(*value)).collect();
        names.sort();
        names
    }
}

/// The numbers of zones and capacity types of a case.
struct World {
    zones: Names,
    capacity_types: Names,
    types: Vec<InstanceType>,
}

impl World {
    fn new(types: &[TypeIn]) -> Self {
        let mut world =
            Self { zones: Names::default(), capacity_types: Names::default(), types: Vec::new() };
        // The order of the constants `Value::ON_DEMAND` and `Value::SPOT`.
        world.capacity_types.0 = vec!["on-demand".to_owned(), "spot".to_owned()];
        for (at, size) in types.iter().enumerate() {
            let offerings: Vec<Offering> = (size.offerings.iter())
                .map(|offering| Offering {
                    zone: world.zones.number(&offering.zone),
                    capacity_type: world.capacity_types.number(&offering.ct),
                    price: offering.price,
                    available: offering.available,
                })
                .collect();
            let mut requirements = Requirements::labels(&[(Key::INSTANCE_TYPE, word(at))]);
            let open = || offerings.iter().filter(|offering| offering.available);
            let zones = open().map(|offering| offering.zone).collect();
            requirements.add(Key::ZONE, &Requirement::within(zones));
            let capacity_types = open().map(|offering| offering.capacity_type).collect();
            requirements.add(Key::CAPACITY_TYPE, &Requirement::within(capacity_types));
            let capacity = Amounts {
                cpu_milli: size.cpu_m,
                memory_bytes: size.mem,
                pods: size.pods,
                ..Amounts::default()
            };
            let reserved = Amounts {
                cpu_milli: size.reserved_cpu_m,
                memory_bytes: size.reserved_mem,
                ..Amounts::default()
            };
            world.types.push(InstanceType {
                requirements,
                capacity,
                allocatable: capacity.minus(reserved),
                offerings,
            });
        }
        world
    }

    fn selector(&mut self, labels: &BTreeMap<String, String>) -> Requirements {
        let mut all = Requirements::default();
        for (key, value) in labels {
            let (key, value) = match key.as_str() {
                ZONE_LABEL => (Key::ZONE, self.zones.number(value)),
                CAPACITY_TYPE_LABEL => (Key::CAPACITY_TYPE, self.capacity_types.number(value)),
                other => panic!("the sets have no selector on {other}"),
            };
            all.add(key, &Requirement::within(vec![value]));
        }
        all
    }

    fn pool(&mut self, at: usize, capacity_types: &[String], zones: &[String]) -> Requirements {
        let mut all = Requirements::labels(&[(Key::NODE_POOL, word(at))]);
        if !capacity_types.is_empty() {
            let values = capacity_types.iter().map(|name| self.capacity_types.number(name));
            all.add(Key::CAPACITY_TYPE, &Requirement::within(values.collect()));
        }
        if !zones.is_empty() {
            let values = zones.iter().map(|name| self.zones.number(name));
            all.add(Key::ZONE, &Requirement::within(values.collect()));
        }
        all
    }
}

fn word(at: usize) -> Value {
    Value::Word(u32::try_from(at).expect("a case has few names"))
}

fn requests(cpu_milli: i64, memory_bytes: i64) -> Amounts {
    Amounts { cpu_milli, memory_bytes, pods: 1, ..Amounts::default() }
}

fn taints(key: &str) -> Vec<Taint> {
    let dedicated = Taint { key: DEDICATED, value: 0, effect: Effect::NoSchedule };
    if key.is_empty() { Vec::new() } else { vec![dedicated] }
}

fn tolerations(key: &str) -> Vec<Toleration> {
    let dedicated = Toleration { key: Some(DEDICATED), value: None, effect: None };
    if key.is_empty() { Vec::new() } else { vec![dedicated] }
}

fn shape(app: usize, requests: Amounts, selector: Requirements, tolerates: &str) -> Shape {
    Shape {
        app: u32::try_from(app).expect("a case has few apps"),
        requests,
        selector,
        tolerations: tolerations(tolerates),
        ..Shape::default()
    }
}
