//! Pods onto the nodes of a design: each pool's own first, the platform's into what is left.

use super::layout::group_name;
use super::{Laid, breach};
use crate::Error;
use crate::content::{Room, SUSTAINED, Short};
use crate::pipeline::{Options, optimize};
use nodeplan_io::yaml::DesignPool;
use nodeplan_model::answer::Notice;
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::placement;
use nodeplan_model::plan::{Packing, PoolMode};
use nodeplan_model::problem::{PoolKind, Problem, ProblemParts, SystemPool};

/// Fills one pool with the fewest nodes that hold its workloads.
pub(super) fn fill(
    laid: &mut Laid,
    at: usize,
    pool: &DesignPool,
    options: &Options,
) -> Result<(), Error> {
    let (members, breaches) = members(&laid.problem, laid.pools[at].kind, at, pool);
    laid.breaches.extend(breaches);
    if members.is_empty() {
        return Ok(());
    }
    let parts = alone(&laid.problem, laid.pools[at].kind, &members);
    let problem = Problem::new(parts).map_err(Error::Problem)?;
    let mut options = options.clone();
    options.solve.work_limit = options.solve.work_limit.min(crate::COMPARISON_WORK);
    let solved = optimize(&problem, &options)?;
    let Some(plan) = solved.plan else {
        let text = "no packing of its pods was found".to_owned();
        laid.breaches.push(breach("NP2205", &pool.name, text));
        return Ok(());
    };
    let own = |id: &WorkloadId| WorkloadId(members[id.index()] as u32);
    for packings in plan.pools.iter().map(|one| &one.packings) {
        for (point, packings) in packings.iter().enumerate() {
            let packings = packings.iter().map(|packing| Packing {
                nodes: packing.nodes,
                content: packing.content.iter().map(|(id, pods)| (own(id), *pods)).collect(),
            });
            laid.pools[at].packings[point].extend(packings);
        }
    }
    Ok(())
}

/// The pool's workloads of which a node can hold a pod, and why not the others.
fn members(
    problem: &Problem,
    kind: PoolKind,
    at: usize,
    pool: &DesignPool,
) -> (Vec<usize>, Vec<Notice>) {
    let own = Some(group_name(at));
    let room = Room::new(problem, kind);
    let mut members = Vec::new();
    let mut breaches = Vec::new();
    for (index, one) in problem.workloads().iter().enumerate() {
        if one.pool != own {
            continue;
        }
        let name = one.full_name();
        if !placement::admits(problem, kind, one) {
            let text = format!("nodes of {} do not admit `{name}`", pool.sku);
            breaches.push(breach("NP2204", &pool.name, text));
            continue;
        }
        let shortages = room.shortages(&room.need(one));
        let short: Vec<String> =
            shortages.iter().filter(|short| short.what != SUSTAINED).map(in_words).collect();
        if short.is_empty() {
            members.push(index);
        } else {
            let text = format!("a pod of `{name}` fits no {}: {}", pool.sku, short.join(", "));
            breaches.push(breach("NP2205", &pool.name, text));
        }
    }
    (members, breaches)
}

fn in_words(short: &Short) -> String {
    let (need, have) = (amount(&short.what, short.need), amount(&short.what, short.have));
    format!("it needs {need} {}, a node has {have} for pods", short.what)
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
    parts.groups.clear();
    parts.cluster.max_pods = vec![kind.max_pods];
    parts.cluster.max_pools = None;
    parts.cluster.system_pool = SystemPool::None;
    parts.cluster.sustained_cpu = false;
    parts.cluster.spot = false;
    parts.workloads = members.iter().map(|&index| problem.workloads()[index].clone()).collect();
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
pub(super) fn place_system(laid: &mut Laid) {
    let problem = &laid.problem;
    if !problem.needs_system_node() {
        return;
    }
    let mut parts = problem.parts().clone();
    parts.cluster.sustained_cpu = false;
    let Ok(relaxed) = Problem::new(parts) else {
        return;
    };
    let rooms: Vec<Room<'_>> = laid.pools.iter().map(|p| Room::new(&relaxed, p.kind)).collect();
    let serves: Vec<bool> =
        laid.pools.iter().map(|pool| placement::serves_system(problem, pool.kind)).collect();
    // Where the system pool can be, room is the platform's first.
    let mut order: Vec<usize> = (0..laid.pools.len()).collect();
    order.sort_by_key(|&at| !serves[at]);
    for (pool, serves) in laid.pools.iter_mut().zip(&serves) {
        pool.mode = if *serves { PoolMode::System } else { PoolMode::User };
    }
    for (index, one) in problem.workloads().iter().enumerate() {
        if !one.system || one.pool.is_some() {
            continue;
        }
        let id = WorkloadId(index as u32);
        for point in 0..problem.points().len() {
            for _ in 0..problem.demand()[[point, index]] {
                let spot = order.iter().find_map(|&at| {
                    let pool = &laid.pools[at];
                    placement::admits(problem, pool.kind, one).then_some(())?;
                    let fits = |packing: &Packing| {
                        with(&packing.content, id, one.max_per_node)
                            .is_some_and(|content| rooms[at].holds(&rooms[at].taken(&content)))
                    };
                    let packing = pool.packings[point].iter().position(fits)?;
                    Some((at, packing))
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
            most.is_none_or(|most| content[at].1 <= most).then_some(content)
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
