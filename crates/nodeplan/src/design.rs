//! Hand-made designs: pools with fixed sizes and workloads, priced as they stand, with every
//! rule they break.
//!
//! Counts left out are the fewest nodes that hold the pods as the scheduler would see it:
//! requests, slots and rules of placement, but not what burstable nodes sustain, which is then
//! reported as a breach. The platform's own pods go into free room first.

use crate::content::Room;
use crate::pipeline::{Options, optimize};
use crate::pools::total_millis;
use crate::{Error, Optimized};
use nodeplan_eval::check_plan;
use nodeplan_io::catalog::nearest;
use nodeplan_model::answer::{DesignAnswer, DesignPool, Money, Notice};
use nodeplan_model::catalog::{Catalog, Sku};
use nodeplan_model::eligibility::Pattern;
use nodeplan_model::ids::{GroupId, SkuId, WorkloadId};
use nodeplan_model::placement;
use nodeplan_model::plan::{NodePool, Packing, Plan, PoolMode};
use nodeplan_model::problem::{PoolKind, Problem, ProblemParts, SystemPool};
use nodeplan_model::units::{Spend, UsdPerHour};
use std::collections::BTreeMap;

/// A hand-made design.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Design {
    /// Name for people.
    pub name: String,
    /// Pools.
    pub pools: Vec<Designed>,
}

/// One pool of a design.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Designed {
    /// Name.
    pub name: String,
    /// Size.
    pub sku: String,
    /// Workloads it holds.
    pub workloads: Vec<String>,
    /// Fewest nodes.
    pub min: Option<u32>,
    /// Most nodes.
    pub max: Option<u32>,
}

/// A design as pools of a problem of its own.
struct Laid {
    problem: Problem,
    /// Pools, parallel to the design's; the mode is set last.
    pools: Vec<NodePool>,
    breaches: Vec<Notice>,
}

/// Prices `design` and lists every rule it breaks. Sizes come from `catalog`, so that a design
/// may use sizes the plan may not.
///
/// # Errors
/// Sizes and workloads nobody knows; a workload in two pools; faults of the solver.
pub fn compare(
    ours: &Optimized,
    catalog: &Catalog,
    design: &Design,
    options: &Options,
) -> Result<DesignAnswer, Error> {
    let mut laid = lay_out(&ours.problem, catalog, design)?;
    for (at, pool) in design.pools.iter().enumerate() {
        fill(&mut laid, at, pool, options)?;
    }
    place_system(&mut laid);
    let counts = counts(&mut laid, design);
    judge(&mut laid);
    Ok(price(ours, design, &laid, &counts))
}

fn breach(code: &str, place: &str, text: String) -> Notice {
    Notice {
        code: code.to_owned(),
        place: place.to_owned(),
        text,
    }
}

fn size<'a>(problem: &Problem, catalog: &'a Catalog, name: &str) -> Result<&'a Sku, Error> {
    let pattern = Pattern::new(name);
    catalog
        .skus
        .iter()
        .find(|sku| pattern.is_exact() && pattern.matches(&sku.name))
        .ok_or_else(|| Error::NoSuchSize {
            pattern: name.to_owned(),
            region: problem.parts().region.clone(),
            nearest: nearest(name, catalog.skus.iter().map(|sku| sku.name.as_str()), 3),
        })
}

fn workload(problem: &Problem, design: &str, pool: &str, name: &str) -> Result<usize, Error> {
    let all = problem.workloads();
    let full = all.iter().position(|one| one.full_name() == name);
    full.or_else(|| all.iter().position(|one| one.name == name))
        .ok_or_else(|| {
            let names: Vec<String> = all.iter().map(|one| one.full_name()).collect();
            let near = nearest(name, names.iter().map(String::as_str), 3);
            let hint = if near.is_empty() {
                String::new()
            } else {
                format!("; did you mean {}?", near.join(", "))
            };
            Error::Design {
                design: design.to_owned(),
                pool: pool.to_owned(),
                reason: format!("no workload is called `{name}`{hint}"),
            }
        })
}

/// The problem in which each design pool is a group of its own, and its empty pools.
fn lay_out(problem: &Problem, catalog: &Catalog, design: &Design) -> Result<Laid, Error> {
    let mut parts = problem.parts().clone();
    let mut breaches = Vec::new();
    let mut skus: BTreeMap<String, Sku> = parts
        .skus
        .drain(..)
        .map(|sku| (sku.name.clone(), sku))
        .collect();
    let mut owner: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, pool) in design.pools.iter().enumerate() {
        let sku = size(problem, catalog, &pool.sku)?;
        skus.entry(sku.name.clone()).or_insert_with(|| sku.clone());
        if !sku.user_pool_ok() {
            let text = format!("{} is below the AKS minimum of 2 vCPUs and 2 GB", sku.name);
            breaches.push(breach("NP2201", &pool.name, text));
        }
        for name in &pool.workloads {
            let index = workload(problem, &design.name, &pool.name, name)?;
            if owner.insert(index, at).is_some() {
                return Err(Error::Design {
                    design: design.name.clone(),
                    pool: pool.name.clone(),
                    reason: format!("workload `{name}` is in two pools or twice in one"),
                });
            }
        }
    }
    breaches.extend(own_pools(problem, design, &owner));
    parts.skus = skus.into_values().collect();
    for (index, one) in parts.workloads.iter_mut().enumerate() {
        one.pool = owner.get(&index).map(|at| group_name(*at));
        one.isolate = one.isolate && one.pool.is_some();
        // The design's pools carry whatever labels their workloads select.
        one.node_selector
            .retain(|(key, _)| placement::is_well_known(key));
    }
    let problem = Problem::new(parts).map_err(Error::Problem)?;
    let max_pods = problem
        .cluster()
        .max_pods
        .iter()
        .max()
        .copied()
        .unwrap_or(1);
    let pools = design
        .pools
        .iter()
        .enumerate()
        .map(|(at, pool)| {
            let pattern = Pattern::new(&pool.sku);
            let sku = problem
                .skus()
                .iter()
                .position(|sku| pattern.matches(&sku.name));
            let own = group_name(at);
            let group = problem
                .groups()
                .iter()
                .position(|one| one.pool.as_ref() == Some(&own));
            let kind = PoolKind {
                group: GroupId(group.unwrap_or(0) as u32),
                sku: SkuId(sku.unwrap_or(0) as u32),
                max_pods,
            };
            let packings = vec![Vec::new(); problem.points().len()];
            NodePool {
                name: pool.name.clone(),
                kind,
                mode: PoolMode::User,
                packings,
            }
        })
        .collect();
    Ok(Laid {
        problem,
        pools,
        breaches,
    })
}

fn group_name(at: usize) -> String {
    format!("design-{at}")
}

/// Workloads that must not share a pool, or are in none.
fn own_pools(problem: &Problem, design: &Design, owner: &BTreeMap<usize, usize>) -> Vec<Notice> {
    let mut breaches = Vec::new();
    let asked = |index: usize| {
        let one = problem.workload(WorkloadId(index as u32));
        (one.pool.clone(), one.isolate)
    };
    for (at, pool) in design.pools.iter().enumerate() {
        let members: Vec<usize> = owner
            .iter()
            .filter(|(_, owner)| **owner == at)
            .map(|(index, _)| *index)
            .collect();
        for &one in &members {
            let (wants, _) = asked(one);
            if wants.is_some() && members.iter().any(|&other| asked(other).0 != wants) {
                let name = problem.workload(WorkloadId(one as u32)).full_name();
                let text = format!(
                    "`{name}` asks for pool `{}`, which it would share with workloads that do not",
                    wants.unwrap_or_default()
                );
                breaches.push(breach("NP2202", &pool.name, text));
            }
        }
    }
    for (index, one) in problem.workloads().iter().enumerate() {
        if !one.system && !owner.contains_key(&index) {
            let text = "is in no pool of the design".to_owned();
            breaches.push(breach("NP2203", &one.full_name(), text));
        }
    }
    breaches
}

/// Fills one pool with the fewest nodes that hold its workloads.
fn fill(laid: &mut Laid, at: usize, pool: &Designed, options: &Options) -> Result<(), Error> {
    let own = Some(group_name(at));
    let kind = laid.pools[at].kind;
    let room = Room::new(&laid.problem, kind);
    let mut members = Vec::new();
    let mut found = Vec::new();
    for (index, one) in laid.problem.workloads().iter().enumerate() {
        if one.pool != own {
            continue;
        }
        let taken = room.taken(&[(WorkloadId(index as u32), 1)]);
        let names = crate::content::row_names(&laid.problem);
        let short: Vec<String> = room
            .shortages(&taken)
            .into_iter()
            .filter(|short| {
                names.iter().position(|name| *name == short.what) != sustained_row(&laid.problem)
            })
            .map(|short| {
                format!(
                    "needs {} {}, the node has {} left",
                    amount(&short.what, short.need),
                    short.what,
                    amount(&short.what, short.have)
                )
            })
            .collect();
        if !placement::admits(&laid.problem, kind, one) {
            found.push(breach(
                "NP2204",
                &pool.name,
                format!("nodes of {} do not admit `{}`", pool.sku, one.full_name()),
            ));
        } else if short.is_empty() {
            members.push(index);
        } else {
            let text = format!(
                "a pod of `{}` fits no {}: it {}",
                one.full_name(),
                pool.sku,
                short.join(", ")
            );
            found.push(breach("NP2205", &pool.name, text));
        }
    }
    laid.breaches.extend(found);
    if members.is_empty() {
        return Ok(());
    }
    let parts = alone(&laid.problem, kind, &members);
    let problem = Problem::new(parts).map_err(Error::Problem)?;
    let mut options = options.clone();
    options.solve.work_limit = options.solve.work_limit.min(crate::COMPARISON_WORK);
    let solved = optimize(&problem, &options)?;
    let Some(plan) = solved.plan else {
        let text = "no packing of its pods was found".to_owned();
        laid.breaches.push(breach("NP2205", &pool.name, text));
        return Ok(());
    };
    for packings in plan.pools.iter().map(|one| &one.packings) {
        for (point, packings) in packings.iter().enumerate() {
            laid.pools[at].packings[point].extend(packings.iter().map(|packing| {
                Packing {
                    nodes: packing.nodes,
                    content: packing
                        .content
                        .iter()
                        .map(|(id, pods)| (WorkloadId(members[id.index()] as u32), *pods))
                        .collect(),
                }
            }));
        }
    }
    Ok(())
}

fn sustained_row(problem: &Problem) -> Option<usize> {
    Some(nodeplan_model::resources::Resources::NAMED + problem.extended())
}

/// An amount of a row as people write it.
fn amount(what: &str, value: u128) -> String {
    let Ok(value) = u64::try_from(value) else {
        return value.to_string();
    };
    match what {
        "cpu" | "CPU limits" | "sustained CPU" => {
            nodeplan_model::units::MilliCpu(value).to_string()
        }
        "memory" | "memory limits" | "ephemeral" => {
            nodeplan_report::number::memory(nodeplan_model::units::Bytes(value))
        }
        _ => value.to_string(),
    }
}

/// The problem of one pool: one size, its workloads, no system pool, no sustained-CPU rule.
fn alone(problem: &Problem, kind: PoolKind, members: &[usize]) -> ProblemParts {
    let mut parts = problem.parts().clone();
    parts.skus = vec![problem.sku(kind.sku).clone()];
    parts.cluster.max_pods = vec![kind.max_pods];
    parts.cluster.max_pools = None;
    parts.cluster.system_pool = SystemPool::None;
    parts.cluster.sustained_cpu = false;
    parts.workloads = members
        .iter()
        .map(|&index| problem.workloads()[index].clone())
        .collect();
    // Alone, add-ons and system workloads count as anyone's pods.
    for one in &mut parts.workloads {
        one.system = false;
    }
    let shape = (problem.points().len(), members.len());
    parts.demand = ndarray::Array2::from_shape_fn(shape, |(point, column)| {
        problem.demand()[[point, members[column]]]
    });
    parts
}

/// Puts the platform's pods that no pool names into free room, else on a new node of the first
/// pool that can be the system pool; sets the modes.
fn place_system(laid: &mut Laid) {
    let problem = &laid.problem;
    if !problem.needs_system_node() {
        return;
    }
    let mut parts = problem.parts().clone();
    parts.cluster.sustained_cpu = false;
    let Ok(relaxed) = Problem::new(parts) else {
        return;
    };
    let rooms: Vec<Room<'_>> = laid
        .pools
        .iter()
        .map(|p| Room::new(&relaxed, p.kind))
        .collect();
    let serves: Vec<bool> = laid
        .pools
        .iter()
        .map(|pool| placement::serves_system(problem, pool.kind))
        .collect();
    for (pool, serves) in laid.pools.iter_mut().zip(&serves) {
        pool.mode = if *serves {
            PoolMode::System
        } else {
            PoolMode::User
        };
    }
    for (index, one) in problem.workloads().iter().enumerate() {
        if !one.system || one.pool.is_some() {
            continue;
        }
        let id = WorkloadId(index as u32);
        for point in 0..problem.points().len() {
            for _ in 0..problem.demand()[[point, index]] {
                let spot = laid.pools.iter().enumerate().find_map(|(at, pool)| {
                    placement::admits(problem, pool.kind, one).then_some(())?;
                    let fits = |packing: &Packing| {
                        with(&packing.content, id, one.max_per_node)
                            .is_some_and(|content| rooms[at].holds(&rooms[at].taken(&content)))
                    };
                    pool.packings[point]
                        .iter()
                        .position(fits)
                        .map(|packing| (at, packing))
                });
                match spot {
                    Some((at, packing)) => add(&mut laid.pools[at].packings[point], packing, id),
                    None => {
                        let capable = (0..laid.pools.len()).find(|&at| {
                            serves[at] && placement::admits(problem, laid.pools[at].kind, one)
                        });
                        if let Some(at) = capable {
                            let content = vec![(id, 1)];
                            laid.pools[at].packings[point].push(Packing { nodes: 1, content });
                        }
                    }
                }
            }
        }
    }
}

/// `content` with one more pod of `id`; `None` where that is too many on a node.
fn with(
    content: &[(WorkloadId, u32)],
    id: WorkloadId,
    most: Option<u32>,
) -> Option<Vec<(WorkloadId, u32)>> {
    let mut content = content.to_vec();
    match content.binary_search_by_key(&id, |(one, _)| *one) {
        Ok(at) => {
            content[at].1 = content[at].1.checked_add(1)?;
            most.is_none_or(|most| content[at].1 <= most)
                .then_some(content)
        }
        Err(at) => {
            content.insert(at, (id, 1));
            Some(content)
        }
    }
}

/// Adds a pod of `id` to one node of a packing, which leaves its fellows.
fn add(packings: &mut Vec<Packing>, at: usize, id: WorkloadId) {
    let Some(content) = with(&packings[at].content, id, None) else {
        return;
    };
    if packings[at].nodes > 1 {
        packings[at].nodes -= 1;
        packings.push(Packing { nodes: 1, content });
    } else {
        packings[at].content = content;
    }
}

/// Nodes paid for per pool and load point: those needed, within the design's counts.
fn counts(laid: &mut Laid, design: &Design) -> Vec<Vec<u64>> {
    let mut all = Vec::new();
    for (pool, designed) in laid.pools.iter().zip(&design.pools) {
        let mut row = Vec::new();
        for (point, load) in laid.problem.points().iter().enumerate() {
            let needed = pool.nodes(point);
            if let Some(max) = designed.max.filter(|max| needed > u64::from(*max)) {
                let text = format!(
                    "max is {max}, but its pods need {needed} nodes at {}",
                    load.name
                );
                laid.breaches.push(breach("NP2206", &designed.name, text));
            }
            let least = u64::from(designed.min.unwrap_or(0));
            row.push(
                needed
                    .max(least)
                    .min(designed.max.map_or(u64::MAX, u64::from)),
            );
        }
        all.push(row);
    }
    all
}

/// The judge's findings on the packed design.
fn judge(laid: &mut Laid) {
    let pools = laid
        .pools
        .iter()
        .filter(|pool| pool.packings.iter().any(|at| !at.is_empty()));
    let plan = Plan {
        pools: pools.cloned().collect(),
    };
    let (findings, ..) = check_plan(&laid.problem, &plan);
    // Pods left out above are reported there, with the reason.
    let known = laid
        .breaches
        .iter()
        .any(|one| matches!(one.code.as_str(), "NP2203" | "NP2204" | "NP2205"));
    for one in findings {
        let told = known && one.code == nodeplan_eval::codes::DEMAND;
        let notice = Notice {
            code: one.code,
            place: one.place,
            text: one.text,
        };
        if !told && !laid.breaches.contains(&notice) {
            laid.breaches.push(notice);
        }
    }
}

fn price(ours: &Optimized, design: &Design, laid: &Laid, counts: &[Vec<u64>]) -> DesignAnswer {
    let points = laid.problem.points();
    let millis = total_millis(&laid.problem);
    let mut rates = vec![0_u64; points.len()];
    let mut whole = 0_u128;
    let mut pools = Vec::new();
    for ((pool, designed), row) in laid.pools.iter().zip(&design.pools).zip(counts) {
        let sku = laid.problem.sku(pool.kind.sku);
        let mut spend = 0_u128;
        for (point, nodes) in row.iter().enumerate() {
            let rate = sku.rates.on_demand.0.saturating_mul(*nodes);
            rates[point] = rates[point].saturating_add(rate);
            let cost = UsdPerHour(rate).over_millis(points[point].weight_millis).0;
            spend = spend.saturating_add(cost);
        }
        whole = whole.saturating_add(spend);
        pools.push(DesignPool {
            name: designed.name.clone(),
            sku: sku.name.clone(),
            workloads: designed.workloads.clone(),
            nodes: row.clone(),
            least: row.iter().min().copied().unwrap_or(0),
            most: row.iter().max().copied().unwrap_or(0),
            month: Money::month_of(Spend(spend), millis),
            computed: designed.min.is_none() && designed.max.is_none(),
        });
    }
    let month = Money::month_of(Spend(whole), millis);
    let own = ours
        .cost()
        .map(|cost| Money::month_of(cost, total_millis(&ours.problem)));
    let saving = own.map(|own| month.minus(own));
    DesignAnswer {
        name: design.name.clone(),
        pools,
        rates: rates.into_iter().map(UsdPerHour).collect(),
        month,
        saving,
        saving_per_mille: saving.map(|saving| saving.per_mille_of(month)),
        breaches: laid.breaches.clone(),
    }
}
