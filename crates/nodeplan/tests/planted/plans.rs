//! Bugs in plans. Each breaks a rule for certain, or says that it found no place.

use super::{Bug, Case};
use crate::worlds::Draw;
use crate::worlds::brute::is_legal;
use nodeplan_model::catalog::Arch;
use nodeplan_model::ids::{SkuId, WorkloadId};
use nodeplan_model::overhead;
use nodeplan_model::placement;
use nodeplan_model::plan::{NodePool, Packing, PoolMode};
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::units::{MilliCpu, PerMille};

/// All of them, by name.
pub const BUGS: &[(&str, Bug)] = &[
    ("pod slot forgotten", pod_slot_forgotten),
    ("add-on forgotten", addon_forgotten),
    ("pod unplaced", pod_unplaced),
    ("pod placed twice", pod_placed_twice),
    ("node counted twice", node_counted_twice),
    ("packing lost", packing_lost),
    ("packing of no nodes", packing_of_no_nodes),
    ("contents swapped", contents_swapped),
    ("node overfull", node_overfull),
    ("wrong kind", wrong_kind),
    ("unknown size", unknown_size),
    ("unknown max pods", unknown_max_pods),
    ("wrong architecture", wrong_architecture),
    ("pool name clash", pool_name_clash),
    ("pool name not allowed", pool_name_not_allowed),
    ("pool split", pool_split),
    ("pool without nodes", pool_without_nodes),
    ("one pool too many", one_pool_too_many),
    ("system pool missing", system_pool_missing),
    ("system pool unfit", system_pool_unfit),
    ("coupling broken", coupling_broken),
    ("load point missing", load_point_missing),
    ("load points swapped", load_points_swapped),
    ("limit per node ignored", limit_per_node_ignored),
    ("head-room ignored", headroom_ignored),
    ("sustained CPU ignored", sustained_cpu_ignored),
    ("overcommit ignored", overcommit_ignored),
    ("burst ignored", burst_ignored),
    ("unknown workload", unknown_workload),
    ("workload listed twice", workload_listed_twice),
    ("count of zero", count_of_zero),
];

type Sparse = [(WorkloadId, u32)];

fn legal(problem: &Problem, kind: PoolKind, content: &Sparse) -> bool {
    let mut dense = vec![0; problem.workloads().len()];
    for &(id, pods) in content {
        dense[id.index()] += pods;
    }
    is_legal(problem, kind, &dense)
}

/// (pool, load point, packing) of every packing with pods.
fn filled(case: &Case) -> Vec<(usize, usize, usize)> {
    let mut places = Vec::new();
    for (p, pool) in case.plan.pools.iter().enumerate() {
        for (s, packings) in pool.packings.iter().enumerate() {
            let full = packings.iter().enumerate().filter(|(_, k)| !k.content.is_empty());
            places.extend(full.map(|(k, _)| (p, s, k)));
        }
    }
    places
}

fn at(case: &mut Case, (p, s, k): (usize, usize, usize)) -> &mut Packing {
    &mut case.plan.pools[p].packings[s][k]
}

fn any_filled(case: &Case, draw: &mut Draw) -> Option<(usize, usize, usize)> {
    let places = filled(case);
    if places.is_empty() { None } else { Some(draw.pick(&places)) }
}

/// Some packing with pods that is illegal now that the problem has changed.
fn breaks(case: &Case) -> Option<()> {
    let broken = |&(p, s, k): &(usize, usize, usize)| {
        let pool = &case.plan.pools[p];
        !legal(&case.problem, pool.kind, &pool.packings[s][k].content)
    };
    filled(case).iter().any(broken).then_some(())
}

fn pod_slot_forgotten(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    let kind = case.plan.pools[place.0].kind;
    let pods: u32 = at(case, place).content.iter().map(|(_, pods)| pods).sum();
    let addons = placement::addons_on(&case.problem, kind).len() as u32;
    let slots = pods + addons - 1;
    let old = kind.max_pods;
    if slots == 0 || case.problem.cluster().max_pods.contains(&slots) {
        return None;
    }
    case.mistake(|parts| {
        for option in parts.cluster.max_pods.iter_mut().filter(|option| **option == old) {
            *option = slots;
        }
    })?;
    for pool in case.plan.pools.iter_mut().filter(|pool| pool.kind.max_pods == old) {
        pool.kind.max_pods = slots;
    }
    breaks(case)
}

fn addon_forgotten(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.mistake(|parts| {
        for addon in &mut parts.cluster.addons {
            addon.request.cpu = MilliCpu(parts.skus.iter().map(|s| u64::from(s.vcpus)).sum());
            addon.request.cpu.0 *= 1000;
        }
    })?;
    breaks(case)
}

fn pod_unplaced(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    let content = &mut at(case, place).content;
    let last = content.last_mut()?;
    last.1 -= 1;
    content.retain(|(_, pods)| *pods > 0);
    Some(())
}

fn pod_placed_twice(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    at(case, place).content.first_mut()?.1 += 1;
    Some(())
}

fn node_counted_twice(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    at(case, place).nodes += 1;
    Some(())
}

fn packing_lost(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let (p, s, k) = any_filled(case, draw)?;
    case.plan.pools[p].packings[s].remove(k);
    Some(())
}

fn packing_of_no_nodes(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    at(case, place).nodes = 0;
    Some(())
}

fn contents_swapped(case: &mut Case, _: &mut Draw) -> Option<()> {
    let places = filled(case);
    for &one in &places {
        for &other in places.iter().filter(|other| other.1 == one.1) {
            let (theirs, mine) = (at(case, other).clone(), at(case, one).clone());
            if !legal(&case.problem, case.plan.pools[one.0].kind, &theirs.content) {
                at(case, one).content = theirs.content;
                at(case, other).content = mine.content;
                return Some(());
            }
        }
    }
    None
}

fn node_overfull(case: &mut Case, _: &mut Draw) -> Option<()> {
    let places = filled(case);
    for &one in &places {
        for &other in places.iter().filter(|other| **other != one && other.1 == one.1) {
            let mut both = at(case, one).content.clone();
            for (id, pods) in at(case, other).content.clone() {
                match both.iter_mut().find(|(known, _)| *known == id) {
                    Some(entry) => entry.1 += pods,
                    None => both.push((id, pods)),
                }
            }
            both.sort();
            let single = at(case, one).nodes == 1 && at(case, other).nodes == 1;
            if single && !legal(&case.problem, case.plan.pools[one.0].kind, &both) {
                at(case, one).content = both;
                at(case, other).content.clear();
                return Some(());
            }
        }
    }
    None
}

fn wrong_kind(case: &mut Case, _: &mut Draw) -> Option<()> {
    let kinds = case.problem.pool_kinds();
    for (p, s, k) in filled(case) {
        let content = case.plan.pools[p].packings[s][k].content.clone();
        if let Some(kind) = kinds.iter().find(|kind| !legal(&case.problem, **kind, &content)) {
            case.plan.pools[p].kind = *kind;
            return Some(());
        }
    }
    None
}

fn unknown_size(case: &mut Case, _: &mut Draw) -> Option<()> {
    let beyond = SkuId(case.problem.skus().len() as u32);
    case.plan.pools.first_mut()?.kind.sku = beyond;
    Some(())
}

fn unknown_max_pods(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.plan.pools.first_mut()?.kind.max_pods = 77;
    Some(())
}

fn wrong_architecture(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    let arch = case.problem.sku(case.plan.pools[place.0].kind.sku).arch;
    let other = if arch == Arch::Amd64 { Arch::Arm64 } else { Arch::Amd64 };
    let id = at(case, place).content.first()?.0;
    case.mistake(|parts| parts.workloads[id.index()].arches = vec![other])
}

fn pool_name_clash(case: &mut Case, _: &mut Draw) -> Option<()> {
    let name = case.plan.pools.first()?.name.clone();
    case.plan.pools.get_mut(1)?.name = name;
    Some(())
}

fn pool_name_not_allowed(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let name = draw.pick(&["", "1pool", "Pool", "a-b", "thirteenchars", "pöol"]);
    case.plan.pools.first_mut()?.name = name.to_owned();
    Some(())
}

fn pool_split(case: &mut Case, _: &mut Draw) -> Option<()> {
    let pool = case.plan.pools.iter_mut().find(|pool| {
        let packings: usize = pool.packings.iter().map(Vec::len).sum();
        packings > 1
    })?;
    let mut second = pool.clone();
    second.name = "second".to_owned();
    let point = pool.packings.iter().position(|packings| !packings.is_empty())?;
    pool.packings[point].truncate(1);
    second.packings[point].remove(0);
    for s in (0..second.packings.len()).filter(|s| *s != point) {
        second.packings[s].clear();
    }
    if second.packings[point].is_empty() {
        // One packing per load point: the second pool takes all of another point.
        let other = (0..pool.packings.len()).rfind(|s| !pool.packings[*s].is_empty())?;
        second.packings[other] = std::mem::take(&mut pool.packings[other]);
    }
    case.plan.pools.push(second);
    Some(())
}

fn pool_without_nodes(case: &mut Case, _: &mut Draw) -> Option<()> {
    let used = |kind: &PoolKind| case.plan.pools.iter().any(|pool| pool.kind == *kind);
    let kind = case.problem.pool_kinds().into_iter().find(|kind| !used(kind))?;
    let packings = vec![Vec::new(); case.problem.points().len()];
    let system = case.problem.group(kind.group).system;
    let mode = if system { PoolMode::System } else { PoolMode::User };
    case.plan.pools.push(NodePool { name: "empty".to_owned(), kind, mode, packings });
    Some(())
}

fn one_pool_too_many(case: &mut Case, _: &mut Draw) -> Option<()> {
    let pools = case.plan.pools.len() as u32;
    if pools < 2 {
        return None;
    }
    case.mistake(|parts| parts.cluster.max_pools = Some(pools - 1))
}

fn system_pool_missing(case: &mut Case, _: &mut Draw) -> Option<()> {
    if !case.problem.needs_system_node() {
        return None;
    }
    for pool in &mut case.plan.pools {
        pool.mode = PoolMode::User;
    }
    Some(())
}

fn system_pool_unfit(case: &mut Case, _: &mut Draw) -> Option<()> {
    let problem = &case.problem;
    let unfit = |pool: &&mut NodePool| !placement::serves_system(problem, pool.kind);
    case.plan.pools.iter_mut().find(unfit)?.mode = PoolMode::System;
    Some(())
}

fn coupling_broken(case: &mut Case, _: &mut Draw) -> Option<()> {
    let (small, large) = case.problem.coupled_points().into_iter().next()?;
    let pool = case.plan.pools.first_mut()?;
    let more = (pool.nodes(large) + 1 - pool.nodes(small)) as u32;
    pool.packings[small].insert(0, Packing { nodes: more, content: Vec::new() });
    Some(())
}

fn load_point_missing(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.plan.pools.first_mut()?.packings.pop();
    Some(())
}

fn load_points_swapped(case: &mut Case, _: &mut Draw) -> Option<()> {
    let demand = case.problem.demand();
    let last = demand.nrows() - 1;
    if demand.row(0) == demand.row(last) {
        return None;
    }
    for pool in &mut case.plan.pools {
        pool.packings.swap(0, last);
    }
    Some(())
}

fn limit_per_node_ignored(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    let &(id, pods) = at(case, place).content.first()?;
    case.mistake(|parts| parts.workloads[id.index()].max_per_node = Some(pods - 1))
}

fn headroom_ignored(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.mistake(|parts| parts.cluster.headroom = PerMille(900))?;
    breaks(case)
}

fn sustained_cpu_ignored(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let (p, _, _) = any_filled(case, draw)?;
    let kind = case.plan.pools[p].kind;
    let serving = case.plan.pools[p].mode == PoolMode::System;
    let addons = placement::addons_on(&case.problem, kind);
    let mean: u64 = addons.iter().map(|addon| addon.mean_cpu().0).sum();
    if serving {
        return None;
    }
    case.mistake(|parts| {
        parts.cluster.sustained_cpu = true;
        parts.skus[kind.sku.index()].sustained = Some(MilliCpu(mean + 1));
    })?;
    breaks(case)
}

fn overcommit_ignored(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let (p, _, _) = any_filled(case, draw)?;
    let kind = case.plan.pools[p].kind;
    let addons = placement::addons_on(&case.problem, kind);
    let sku = case.problem.sku(kind.sku);
    let node = overhead::anatomy(case.problem.cluster(), sku, kind, &addons);
    if node.allocatable.cpu.0 == 0 {
        return None;
    }
    let bound = if draw.chance(50) { PerMille(999) } else { PerMille(300) };
    case.mistake(|parts| {
        parts.cluster.overcommit.cpu = Some(bound);
        parts.cluster.overcommit.memory = Some(bound);
    })?;
    breaks(case)
}

fn burst_ignored(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.mistake(|parts| {
        let all = PerMille(1000);
        let burst = &mut parts.cluster.burst;
        (burst.guaranteed, burst.burstable, burst.best_effort) = (all, all, all);
    })?;
    breaks(case)
}

fn unknown_workload(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    let beyond = WorkloadId(case.problem.workloads().len() as u32);
    at(case, place).content.last_mut()?.0 = beyond;
    Some(())
}

fn workload_listed_twice(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let place = any_filled(case, draw)?;
    let content = &mut at(case, place).content;
    let first = *content.first()?;
    content.insert(0, first);
    Some(())
}

fn count_of_zero(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let (place, count) = (any_filled(case, draw)?, case.problem.workloads().len());
    let content = &mut at(case, place).content;
    let absent = (0..count as u32).map(WorkloadId);
    let absent = absent.filter(|id| content.iter().all(|(known, _)| known != id)).min()?;
    content.push((absent, 0));
    content.sort();
    Some(())
}
