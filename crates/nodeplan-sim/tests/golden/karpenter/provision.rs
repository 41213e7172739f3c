//! Set `karpenter_provision`: pending pods on an empty cluster.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::Verdict;
use super::{TypeIn, World, ZONE_LABEL, requests, shape, taints};
use crate::sim::karpenter::nouns::{
    Amounts, Cluster, Limits, NodePool, Pod, Settings, Shape, Spread, Term,
};
use crate::sim::karpenter::provision::{Placement, provision};
use crate::sim::karpenter::requirement::{Key, Requirements};
use crate::sim::karpenter::topology::Pick;

/// How many random choices among equal zones are tried before a case is left out.
const OTHER_CHOICES: u64 = 200;

type Answer = (Vec<ClaimOut>, BTreeMap<String, usize>);

#[derive(Deserialize)]
struct Case {
    id: String,
    instance_types: Vec<TypeIn>,
    nodepools: Vec<PoolIn>,
    ds_cpu_m: i64,
    ds_mem: i64,
    groups: Vec<GroupIn>,
    out: Out,
}

#[derive(Deserialize)]
struct PoolIn {
    name: String,
    #[serde(default)]
    capacity_types: Vec<String>,
    #[serde(default)]
    zones: Vec<String>,
    limit_cpu_m: Option<i64>,
    #[serde(default)]
    taint_key: String,
}

#[derive(Deserialize)]
struct GroupIn {
    name: String,
    count: usize,
    cpu_m: i64,
    mem: i64,
    #[serde(default)]
    node_selector: BTreeMap<String, String>,
    #[serde(default)]
    tolerates: String,
    preferred_zone: Option<String>,
    spread: Option<SpreadIn>,
    affinity_key: Option<String>,
    anti_affinity_key: Option<String>,
}

#[derive(Deserialize)]
struct SpreadIn {
    key: String,
    max_skew: i32,
    when: String,
}

#[derive(Deserialize)]
struct Out {
    claims: Option<Vec<ClaimOut>>,
    unschedulable: Option<BTreeMap<String, usize>>,
    more_than_12_claims: bool,
}

#[derive(Clone, Debug, Deserialize, PartialEq, PartialOrd)]
struct ClaimOut {
    nodepool: String,
    pods: BTreeMap<String, usize>,
    instance_types_by_price: Vec<String>,
    cheapest_price: f64,
    #[serde(default)]
    zones: Vec<String>,
    #[serde(default)]
    capacity_types: Vec<String>,
}

fn key(name: &str) -> Key {
    if name == ZONE_LABEL { Key::ZONE } else { Key::HOSTNAME }
}

impl GroupIn {
    fn shape(&self, at: usize, world: &mut World) -> Shape {
        let selector = world.selector(&self.node_selector);
        let mut shape = shape(at, requests(self.cpu_m, self.mem), selector, &self.tolerates);
        let selects = vec![shape.app];
        if let Some(zone) = &self.preferred_zone {
            let term = Requirements::labels(&[(Key::ZONE, world.zones.number(zone))]);
            shape.preferred.push((1, term));
        }
        if let Some(spread) = &self.spread {
            shape.spread.push(Spread {
                key: key(&spread.key),
                max_skew: spread.max_skew,
                min_domains: None,
                soft: spread.when == "ScheduleAnyway",
                selects: selects.clone(),
                ignore_affinity: false,
                honor_taints: false,
            });
        }
        let term = |name: &String| Term { key: key(name), selects: selects.clone(), weight: None };
        shape.affinity.extend(self.affinity_key.iter().map(term));
        shape.anti_affinity.extend(self.anti_affinity_key.iter().map(term));
        shape
    }

    fn is_zonal(&self) -> bool {
        self.spread.as_ref().is_some_and(|spread| spread.key == ZONE_LABEL)
            || self.affinity_key.as_deref() == Some(ZONE_LABEL)
            || self.anti_affinity_key.as_deref() == Some(ZONE_LABEL)
    }
}

impl Case {
    fn pools(&self, world: &mut World) -> Vec<NodePool> {
        let daemons = if self.ds_cpu_m > 0 || self.ds_mem > 0 {
            requests(self.ds_cpu_m, self.ds_mem)
        } else {
            Amounts::default()
        };
        (self.nodepools.iter().enumerate())
            .map(|(at, pool)| NodePool {
                requirements: world.pool(at, &pool.capacity_types, &pool.zones),
                taints: taints(&pool.taint_key),
                limits: Limits { cpu_milli: pool.limit_cpu_m, ..Limits::default() },
                types: (0..self.instance_types.len()).collect(),
                daemons,
                ..NodePool::default()
            })
            .collect()
    }

    /// Claims in canonical order, and pods without room per group.
    fn answer(&self, world: &World, cluster: Cluster<'_>, pick: Pick<'_>) -> Answer {
        let placement = provision(cluster, Settings::default(), pick);
        let mut unschedulable = BTreeMap::new();
        for pod in &placement.unplaced {
            let group = &self.groups[cluster.pods[*pod].shape];
            *unschedulable.entry(group.name.clone()).or_insert(0) += 1;
        }
        (self.claims(world, cluster.pods, &placement), unschedulable)
    }

    fn claims(&self, world: &World, pods: &[Pod], placement: &Placement) -> Vec<ClaimOut> {
        let mut claims: Vec<ClaimOut> = (placement.claims.iter())
            .map(|claim| {
                let mut of_group = BTreeMap::new();
                for pod in &claim.pods {
                    *of_group.entry(self.groups[pods[*pod].shape].name.clone()).or_insert(0) += 1;
                }
                let names = claim.types.iter().map(|at| self.instance_types[*at].name.clone());
                ClaimOut {
                    nodepool: self.nodepools[claim.pool].name.clone(),
                    pods: of_group,
                    instance_types_by_price: names.collect(),
                    cheapest_price: world.types[claim.types[0]].cheapest(&claim.requirements),
                    zones: world.zones.sorted(&claim.requirements, Key::ZONE),
                    capacity_types: world
                        .capacity_types
                        .sorted(&claim.requirements, Key::CAPACITY_TYPE),
                }
            })
            .collect();
        sort(&mut claims);
        claims
    }
}

fn sort(claims: &mut [ClaimOut]) {
    claims.sort_by(|a, b| a.partial_cmp(b).expect("prices are numbers"));
}

/// Answers one line.
pub fn replay(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: Case = serde_json::from_str(line)?;
    let mut world = World::new(&case.instance_types);
    let shapes: Vec<Shape> =
        case.groups.iter().enumerate().map(|(at, group)| group.shape(at, &mut world)).collect();
    let pools = case.pools(&mut world);
    let mut pods = Vec::new();
    for (at, group) in case.groups.iter().enumerate() {
        for _ in 0..group.count {
            pods.push(Pod { shape: at, uid: pods.len() as u64, ..Pod::default() });
        }
    }
    let cluster = Cluster {
        types: &world.types,
        pools: &pools,
        shapes: &shapes,
        nodes: &[],
        pods: &pods,
        pdbs: &[],
        now_ms: 0,
    };
    let mut expected = case.out.claims.clone().unwrap_or_default();
    sort(&mut expected);
    let expected = (expected, case.out.unschedulable.clone().unwrap_or_default());
    let mut was_tie = false;
    let ours = case.answer(&world, cluster, &mut |_| {
        was_tie = true;
        0
    });
    if ours == expected {
        return Ok(Verdict::Equal);
    }
    if was_tie {
        // Upstream goes through zones in the random order of a map, so each order is right.
        let alike = (1..=OTHER_CHOICES).any(|seed| {
            let mut state = seed;
            let answer = case.answer(&world, cluster, &mut |zones| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed);
                (state >> 33) as usize % zones
            });
            answer == expected
        });
        return Ok(if alike {
            Verdict::Equal
        } else {
            Verdict::Excluded("zonal topology with zones equally good: upstream takes any")
        });
    }
    let (claims, expected) = (ours.0, expected.0);
    let first = claims.iter().zip(&expected).find(|(ours, theirs)| ours != theirs);
    Ok(Verdict::Different(format!(
        "{}{}{}: {} claims of {}, {first:?}",
        case.id,
        if case.out.more_than_12_claims { " more than 12" } else { "" },
        if case.groups.iter().any(GroupIn::is_zonal) { " zonal" } else { "" },
        claims.len(),
        expected.len()
    )))
}
