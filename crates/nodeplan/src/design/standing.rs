//! A cluster as it stands, or as somebody drew it: a problem and pools to simulate, without a plan.
//!
//! A pool that lists workloads holds those; else rows whose `pool` is the pool's, and without
//! either whoever its labels suit. A taint keeps all others out. Counts left out are those that
//! [`super::compare`] prices: the fewest nodes that hold the pods listed.

use super::layout::group_name;
use super::{Laid, fill};
use crate::content::{Room, SUSTAINED};
use crate::pipeline::Options;
use crate::setup::{Setup, parts_of};
use crate::simulate::{clip, lowest_point};
use nodeplan_io::catalog::nearest;
use nodeplan_io::diagnostic::{ImportError, Place};
use nodeplan_io::yaml::{Design, DesignPool};
use nodeplan_model::catalog::{Catalog, Sku};
use nodeplan_model::ids::{GroupId, SkuId};
use nodeplan_model::placement;
use nodeplan_model::plan::{NodePool, Packing, Plan, PoolMode};
use nodeplan_model::problem::{Group, PoolKind, Problem, SystemPool};
use nodeplan_model::scenario::PoolBounds;
use nodeplan_model::workload::Workload;
use std::collections::{BTreeMap, BTreeSet};

/// A cluster to simulate.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Workloads and rules.
    pub problem: Problem,
    /// Its pools: fewest nodes at the lowest load point, most at the others.
    pub plan: Plan,
    /// Bounds of the pools.
    pub bounds: Vec<PoolBounds>,
    /// What was left out or assumed, one sentence each.
    pub notes: Vec<String>,
}

/// The pools of the design called `title` under the workloads and rules of `setup`, whose filter
/// counts for nothing: a cluster has the sizes it has.
///
/// # Errors
/// Every size, workload, pool and count that leads nowhere.
pub fn standing(
    mut setup: Setup<'_>,
    title: &str,
    design: &Design,
    options: &Options,
) -> Result<Standing, Vec<ImportError>> {
    let skus = sizes(setup.catalog, design)?;
    let shared = setup.cluster.system_pool != SystemPool::None;
    if shared && design.pools.iter().any(|pool| pool.system_only) {
        setup.cluster.system_pool = SystemPool::Dedicated;
    }
    let usual = setup.cluster.max_pods.iter().max().copied().unwrap_or(crate::MAX_PODS);
    let max_pods = |pool: &DesignPool| pool.max_pods.unwrap_or(usual);
    let chosen: BTreeSet<u32> = design.pools.iter().map(max_pods).collect();
    setup.cluster.max_pods = chosen.into_iter().collect();
    let mut parts = parts_of(setup, skus.into_values().collect(), Vec::new());
    let mut faults = belong(&mut parts.workloads, design);
    let groups: Vec<Group> =
        (0..design.pools.len()).map(|at| group(&parts.workloads, design, at, shared)).collect();
    parts.groups.clone_from(&groups);
    let problem = Problem::new(parts).map_err(|all| {
        let fault = |one: &_| fault_of(Place::whole(title), one);
        all.iter().map(fault).collect::<Vec<_>>()
    })?;
    faults.extend(homeless(&problem, title, design, &groups));
    let kind = |(pool, group): (&DesignPool, &Group)| PoolKind {
        group: GroupId(problem.groups().iter().position(|one| one == group).unwrap_or(0) as u32),
        sku: SkuId(problem.skus().iter().position(|sku| is_size(sku, pool)).unwrap_or(0) as u32),
        max_pods: max_pods(pool),
    };
    let kinds: Vec<PoolKind> = design.pools.iter().zip(&groups).map(kind).collect();
    let empty = |(pool, kind): (&DesignPool, &PoolKind)| NodePool {
        name: pool.name.clone(),
        kind: *kind,
        mode: PoolMode::User,
        packings: vec![Vec::new(); problem.points().len()],
    };
    let pools = design.pools.iter().zip(&kinds).map(empty).collect();
    faults.extend(uncounted(design));
    if !faults.is_empty() {
        faults.sort();
        return Err(faults);
    }
    let mut laid = Laid { problem, pools, breaches: Vec::new() };
    count(&mut laid, title, design, options)?;
    Ok(finish(laid, design))
}

/// The sizes of the pools, sorted by name.
fn sizes(catalog: &Catalog, design: &Design) -> Result<BTreeMap<String, Sku>, Vec<ImportError>> {
    let mut found = BTreeMap::new();
    let mut faults = Vec::new();
    for pool in &design.pools {
        match catalog.skus.iter().find(|sku| is_size(sku, pool)) {
            Some(sku) => {
                found.insert(sku.name.clone(), sku.clone());
            }
            None => {
                let text = format!(
                    "`{}` is no VM size with a price in `{}`",
                    clip(&pool.sku),
                    catalog.region
                );
                let near = crate::nearest_sizes(catalog, &pool.sku);
                let fault = ImportError::new("NP2101", pool.place.clone(), text);
                faults.push(match near.as_slice() {
                    [] => fault.help(format!(
                        "`nodeplan catalog list --all --region {}` lists all",
                        catalog.region
                    )),
                    some => fault.help(format!("did you mean {}?", some.join(", "))),
                });
            }
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// Whether a pool is of that size; letter case does not matter to Azure.
fn is_size(sku: &Sku, pool: &DesignPool) -> bool {
    sku.name.eq_ignore_ascii_case(&pool.sku)
}

fn fault_of(place: Place, fault: &nodeplan_model::problem::ProblemError) -> ImportError {
    ImportError::new(fault.code(), place, fault.to_string())
}

/// Gives every workload that a pool lists to that pool, by a group of its own. Names that lead
/// nowhere are faults.
fn belong(workloads: &mut [Workload], design: &Design) -> Vec<ImportError> {
    let mut faults = Vec::new();
    let mut owner: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, pool) in design.pools.iter().enumerate() {
        for name in &pool.workloads {
            match find(workloads, name) {
                Some(index) => {
                    if owner.insert(index, at).is_some_and(|other| other != at) {
                        let text = format!("workload `{}` is in two pools", clip(name));
                        faults.push(ImportError::new("NP2103", pool.place.clone(), text));
                    }
                }
                None => {
                    let text = format!(
                        "pool `{}`: no workload is called `{}`",
                        clip(&pool.name),
                        clip(name)
                    );
                    let fault = ImportError::new("NP2103", pool.place.clone(), text);
                    let names: Vec<String> = workloads.iter().map(Workload::full_name).collect();
                    let near = nearest(name, names.iter().map(String::as_str), 1);
                    faults.push(match near.first() {
                        Some(near) => fault.help(format!("did you mean {near}?")),
                        None => fault.help("give the workloads file with that row"),
                    });
                }
            }
        }
    }
    for (index, one) in workloads.iter_mut().enumerate() {
        // A row that asks for a pool which lists others belongs to it as they do.
        let asked = one.pool.as_deref().and_then(|name| {
            design.pools.iter().position(|pool| !pool.workloads.is_empty() && is_for(pool, name))
        });
        let Some(at) = owner.get(&index).copied().or(asked) else { continue };
        one.pool = Some(group_name(at));
        one.isolate |= design.pools[at].tainted;
        // The design's pools carry whatever labels their workloads select.
        one.node_selector.retain(|(key, _)| placement::is_well_known(key));
    }
    faults
}

/// Whether rows with this `pool` belong to a pool.
fn is_for(pool: &DesignPool, name: &str) -> bool {
    pool.pool.as_deref().unwrap_or(&pool.name) == name
}

/// A workload by its full name, or by its bare one where only one has it.
fn find(workloads: &[Workload], name: &str) -> Option<usize> {
    let full = workloads.iter().position(|one| one.full_name() == name);
    let mut bare = (0..workloads.len()).filter(|&at| workloads[at].name == name);
    full.or_else(|| bare.next().filter(|_| bare.next().is_none()))
}

/// Labels and taints of a pool, as far as they tell pods apart.
fn group(workloads: &[Workload], design: &Design, at: usize, system: bool) -> Group {
    let pool = &design.pools[at];
    if pool.system_only && system {
        return Group {
            pool: None,
            labels: Vec::new(),
            exclusive: true,
            system: true,
            spot: false,
        };
    }
    let own = group_name(at);
    let named = |name: &str| workloads.iter().any(|one| one.pool.as_deref() == Some(name));
    let (name, labels) = if named(&own) {
        (Some(own), Vec::new())
    } else {
        let asked = pool.pool.clone().unwrap_or_else(|| pool.name.clone());
        let closed = pool.tainted || pool.system_only || pool.pool.is_some() || named(&asked);
        (closed.then_some(asked), pool.labels.clone())
    };
    let isolated = |one: &Workload| one.isolate && one.pool.is_some() && one.pool == name;
    let exclusive = pool.tainted || pool.system_only || workloads.iter().any(isolated);
    Group {
        pool: name,
        labels,
        exclusive,
        system: false,
        spot: pool.spot && some_tolerate(workloads),
    }
}

/// Whether any row says that it tolerates spot nodes; where none does, nothing is known and all do.
fn some_tolerate(workloads: &[Workload]) -> bool {
    workloads.iter().any(|one| one.spot_ok)
}

/// Workloads that no pool admits.
fn homeless(problem: &Problem, title: &str, design: &Design, groups: &[Group]) -> Vec<ImportError> {
    let mut faults = Vec::new();
    for one in problem.workloads() {
        let arch = |pool: &DesignPool| {
            let sku = problem.skus().iter().find(|sku| is_size(sku, pool));
            sku.is_some_and(|sku| one.arches.contains(&sku.arch))
        };
        let dedicated = problem.dedicated_system();
        let home = |(pool, group): (&DesignPool, &Group)| {
            arch(pool) && placement::group_admits(group, one, dedicated)
        };
        if design.pools.iter().zip(groups).any(home) {
            continue;
        }
        let why = match (&one.pool, one.node_selector.is_empty()) {
            _ if one.system => {
                "no pool without taints, or with the taint CriticalAddonsOnly, is there".to_owned()
            }
            (Some(pool), _) => format!("it asks for pool `{}`", clip(pool)),
            (None, false) => "no pool without taints carries the labels it selects".to_owned(),
            (None, true) => "every pool has a taint, another architecture or other rows".to_owned(),
        };
        let text = format!("no pool admits `{}`: {why}", clip(&one.full_name()));
        let fault = ImportError::new("NP2103", Place::whole(title), text);
        faults.push(if one.system {
            fault.help("leave the platform's pods out with --system-pool none")
        } else {
            fault.help("list it under `workloads` of a pool")
        });
    }
    faults
}

/// Pools without counts that list no workloads either.
fn uncounted(design: &Design) -> Vec<ImportError> {
    let open = |pool: &&DesignPool| {
        pool.workloads.is_empty() && (pool.min.is_none() || pool.max.is_none())
    };
    let fault = |pool: &DesignPool| {
        let text = format!("pool `{}` has no number of nodes", clip(&pool.name));
        ImportError::new("NP2103", pool.place.clone(), text)
            .help("give `count`, or `min` and `max`; or list its `workloads`")
    };
    design.pools.iter().filter(open).map(fault).collect()
}

/// Fills the pools whose counts are left out, and lays the others out by their bounds.
fn count(
    laid: &mut Laid,
    title: &str,
    design: &Design,
    options: &Options,
) -> Result<(), Vec<ImportError>> {
    for (at, pool) in design.pools.iter().enumerate() {
        if pool.min.is_none() || pool.max.is_none() {
            fill::fill(laid, at, pool, options).map_err(|error| {
                vec![ImportError::new(error.code(), Place::whole(title), error.to_string())]
            })?;
        }
    }
    let counted = |pool: &DesignPool| pool.min.is_some() && pool.max.is_some();
    let held = design.pools.iter().zip(&laid.pools);
    let mut held = held.filter(|(pool, _)| counted(pool));
    if !held.any(|(_, pool)| placement::serves_system(&laid.problem, pool.kind)) {
        fill::place_system(laid);
    }
    let low = lowest_point(&laid.problem);
    let steady = laid.problem.points().len() == 1;
    for (pool, designed) in laid.pools.iter_mut().zip(&design.pools) {
        for (point, packings) in pool.packings.iter_mut().enumerate() {
            let needed = packings.iter().map(|packing| packing.nodes).fold(0, u32::saturating_add);
            let asked = if point == low && !steady { designed.min } else { designed.max };
            let nodes = match (designed.min, designed.max) {
                (Some(_), Some(_)) => asked.unwrap_or(0),
                (least, most) => needed.max(least.unwrap_or(0)).min(most.unwrap_or(u32::MAX)),
            };
            if nodes != needed {
                *packings = vec![Packing { nodes, content: Vec::new() }];
            }
        }
    }
    Ok(())
}

/// Modes, bounds and remarks.
fn finish(laid: Laid, design: &Design) -> Standing {
    let Laid { problem, mut pools, breaches } = laid;
    let told = design.pools.iter().any(|pool| pool.mode.is_some());
    let mut first = problem.needs_system_node();
    for (pool, designed) in pools.iter_mut().zip(&design.pools) {
        let fit = placement::serves_system(&problem, pool.kind);
        let own = if fit && first { PoolMode::System } else { PoolMode::User };
        first &= !fit;
        pool.mode = if told { designed.mode.unwrap_or(PoolMode::User) } else { own };
    }
    let low = lowest_point(&problem);
    let small = |nodes: u64| u32::try_from(nodes).unwrap_or(u32::MAX);
    let bounds = pools.iter().zip(&design.pools).map(|(pool, designed)| {
        let most = (0..problem.points().len()).map(|point| pool.nodes(point)).max().unwrap_or(0);
        let max = designed.max.unwrap_or(small(most).max(1));
        let min = designed.min.unwrap_or(small(pool.nodes(low))).min(max);
        PoolBounds {
            min,
            max,
            initial: designed.count.unwrap_or(min).clamp(min, max),
            spot: designed.spot,
            zones: designed.zones.clone(),
            priority: Some(i64::from(designed.priority)),
            schedules: Vec::new(),
        }
    });
    let bounds = bounds.collect();
    let mut notes = design.notes.clone();
    let computed = |pool: &&DesignPool| pool.min.is_none() || pool.max.is_none();
    let names: Vec<&str> =
        design.pools.iter().filter(computed).map(|pool| pool.name.as_str()).collect();
    if !names.is_empty() {
        notes.push(format!(
            "node counts that the cluster file leaves out are the fewest that hold the pods of \
             the rows: {}",
            names.join(", ")
        ));
    }
    let known = some_tolerate(problem.workloads());
    if !known && design.pools.iter().any(|pool| pool.spot) {
        notes.push("every pod tolerates spot nodes".to_owned());
    }
    notes.extend(breaches.iter().map(|one| format!("pool {}: {}", one.place, one.text)));
    notes.extend(too_large(&problem, &pools));
    Standing { problem, plan: Plan { pools }, bounds, notes }
}

/// Workloads of which no node of the pools that admit them holds a pod.
fn too_large(problem: &Problem, pools: &[NodePool]) -> Vec<String> {
    let mut notes = Vec::new();
    for one in problem.workloads() {
        let fits = |pool: &NodePool| {
            let room = Room::new(problem, pool.kind);
            let short = room.shortages(&room.need(one));
            placement::admits(problem, pool.kind, one)
                && short.iter().all(|short| short.what == SUSTAINED)
        };
        if !pools.iter().any(fits) {
            notes.push(format!(
                "a pod of `{}` fits no node of this cluster: its pods stay pending",
                clip(&one.full_name())
            ));
        }
    }
    notes
}
