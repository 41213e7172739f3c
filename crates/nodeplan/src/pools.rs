//! The state of each pool of a plan: use, limits, what binds it, the next best size.

use crate::content::{Room, row_names};
use nodeplan_model::answer::{Bind, Money, PoolAnswer, PoolPoint, PoolWorkload, RunnerUp, Usage};
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::placement;
use nodeplan_model::plan::{NodePool, Packing, Plan, PoolMode};
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::units::{Spend, UsdPerHour};
use std::collections::{BTreeMap, BTreeSet};

/// Every pool of `plan`, described.
#[must_use]
pub fn describe(problem: &Problem, plan: &Plan) -> Vec<PoolAnswer> {
    plan.pools.iter().map(|pool| describe_one(problem, pool)).collect()
}

/// Milliseconds of all load points.
#[must_use]
pub fn total_millis(problem: &Problem) -> u64 {
    problem.points().iter().map(|point| point.weight_millis).fold(0, u64::saturating_add)
}

/// Σ weight × nodes × rate of a pool whose nodes cost `rate`.
#[must_use]
pub fn pool_spend(problem: &Problem, pool: &NodePool, rate: UsdPerHour) -> Spend {
    let spend = problem.points().iter().enumerate().fold(0_u128, |sum, (point, load)| {
        let one = rate.over_millis(load.weight_millis).0;
        sum.saturating_add(one.saturating_mul(pool.nodes(point).into()))
    });
    Spend(spend)
}

fn describe_one(problem: &Problem, pool: &NodePool) -> PoolAnswer {
    let sku = problem.sku(pool.kind.sku);
    let group = problem.group(pool.kind.group);
    let room = Room::new(problem, pool.kind);
    let nodes: Vec<u64> = (0..problem.points().len()).map(|point| pool.nodes(point)).collect();
    let spend = pool_spend(problem, pool, problem.rate(pool.kind));
    let (binds, open_nodes) = binding(problem, pool, &room);
    PoolAnswer {
        name: pool.name.clone(),
        mode: pool.mode,
        sku: sku.name.clone(),
        vcpus: sku.vcpus,
        memory: sku.memory,
        max_pods: pool.kind.max_pods,
        rate: problem.rate(pool.kind),
        labels: group.labels.iter().map(|(key, value)| format!("{key}={value}")).collect(),
        exclusive: group.exclusive,
        spot: group.spot,
        rate_estimated: group.spot && sku.rates.spot.is_some_and(|quote| quote.estimated),
        estimated: room.node.os_extrapolated,
        least: nodes.iter().min().copied().unwrap_or(0),
        most: nodes.iter().max().copied().unwrap_or(0),
        month: Money::month_of(spend, total_millis(problem)),
        points: (0..nodes.len()).map(|point| state(problem, pool, &room, point)).collect(),
        workloads: workloads(problem, pool),
        binds,
        open_nodes,
        runner_up: runner_up(problem, pool),
    }
}

/// Pods per workload of one load point.
fn pods_at(packings: &[Packing]) -> BTreeMap<WorkloadId, u64> {
    let mut pods = BTreeMap::new();
    for packing in packings {
        for &(id, count) in &packing.content {
            let more = u64::from(count).saturating_mul(packing.nodes.into());
            let sum: &mut u64 = pods.entry(id).or_default();
            *sum = sum.saturating_add(more);
        }
    }
    pods
}

fn workloads(problem: &Problem, pool: &NodePool) -> Vec<PoolWorkload> {
    let points: Vec<_> = pool.packings.iter().map(|packings| pods_at(packings)).collect();
    let ids: BTreeSet<WorkloadId> = points.iter().flat_map(|pods| pods.keys().copied()).collect();
    let mut all: Vec<PoolWorkload> = ids
        .into_iter()
        .map(|id| {
            let pods = points.iter().map(|point| point.get(&id).copied().unwrap_or(0)).collect();
            let workload = problem.workload(id);
            PoolWorkload { name: workload.full_name(), system: workload.system, pods }
        })
        .collect();
    all.sort_by_key(|one| one.system);
    all
}

fn ratio(part: u128, whole: u128) -> u32 {
    if whole == 0 {
        return 0;
    }
    let twice = part.saturating_mul(2000) / whole;
    u32::try_from(twice.div_ceil(2)).unwrap_or(u32::MAX)
}

fn state(problem: &Problem, pool: &NodePool, room: &Room<'_>, point: usize) -> PoolPoint {
    let nodes = pool.nodes(point);
    let held = pods_at(&pool.packings[point]);
    let extended = problem.extended();
    let times =
        |row: Vec<u64>| row.into_iter().map(|amount| u128::from(amount) * u128::from(nodes));
    let mut requested: Vec<u128> = times(room.node.addons.row(extended)).collect();
    let allocatable: Vec<u128> = times(room.node.allocatable.row(extended)).collect();
    let mut limits = [0_u128; 2];
    let mut unlimited = [0_u64; 2];
    for (&id, &pods) in &held {
        let workload = problem.workload(id);
        for (sum, amount) in requested.iter_mut().zip(workload.request.row(extended)) {
            *sum = sum.saturating_add(u128::from(amount) * u128::from(pods));
        }
        let alloc = &room.node.allocatable;
        let bounds = [
            (workload.cpu_limit.map(|cpu| cpu.0), alloc.cpu.0),
            (workload.memory_limit.map(|memory| memory.0), alloc.memory.0),
        ];
        for (at, (limit, whole_node)) in bounds.into_iter().enumerate() {
            let each = u128::from(limit.unwrap_or(whole_node));
            limits[at] = limits[at].saturating_add(each * u128::from(pods));
            unlimited[at] += if limit.is_none() { pods } else { 0 };
        }
    }
    let usage = row_names(problem)
        .into_iter()
        .zip(requested.iter().zip(&allocatable))
        .enumerate()
        .map(|(at, (resource, (&requested, &allocatable)))| Usage {
            resource,
            requested,
            allocatable,
            ratio: ratio(requested, allocatable),
            limits_ratio: limits.get(at).map(|limit| ratio(*limit, allocatable)),
            unlimited_pods: unlimited.get(at).copied().unwrap_or(0),
        })
        .filter(|usage| {
            let always = matches!(usage.resource.as_str(), "cpu" | "memory" | "pods");
            always || usage.requested > 0
        })
        .collect();
    let addon_pods = room.node.addons.pods.saturating_mul(nodes);
    let pods = held.values().fold(addon_pods, |sum, pods| sum.saturating_add(*pods));
    PoolPoint { nodes, pods, usage }
}

/// What keeps one more pod of the pool's workloads off its nodes at its busiest load point, and
/// on how many nodes nothing does.
fn binding(problem: &Problem, pool: &NodePool, room: &Room<'_>) -> (Vec<Bind>, u64) {
    let points = 0..problem.points().len();
    let Some(point) = points.rev().max_by_key(|&point| pool.nodes(point)) else {
        return (Vec::new(), 0);
    };
    let members = Members::of(problem, &pool.packings[point], room);
    let names = row_names(problem);
    let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
    let mut open = 0_u64;
    for packing in &pool.packings[point] {
        match members.first_short(room, packing) {
            Some(at) => {
                let what = names.get(at).map_or(PER_NODE, String::as_str);
                *tally.entry(what).or_default() += u64::from(packing.nodes);
            }
            None => open += u64::from(packing.nodes),
        }
    }
    let of = pool.nodes(point);
    let mut binds: Vec<Bind> =
        tally.into_iter().map(|(what, nodes)| Bind { what: what.to_owned(), nodes, of }).collect();
    binds.sort_by(|a, b| b.nodes.cmp(&a.nodes).then_with(|| a.what.cmp(&b.what)));
    (binds, open)
}

/// What is short where a node holds as many pods of a workload as it may.
const PER_NODE: &str = "pods per node of a workload";

/// A workload of a pool.
struct Member {
    id: WorkloadId,
    need: Vec<u128>,
    per_node: Option<u32>,
}

/// The workloads of a pool at one load point.
struct Members {
    all: Vec<Member>,
    /// Those that need less of something than each one before them: nobody else is ever the
    /// first short of the fewest things, as long as none of these meets its bound per node.
    least: Vec<usize>,
}

impl Members {
    fn of(problem: &Problem, packings: &[Packing], room: &Room<'_>) -> Self {
        let member = |id| {
            let workload = problem.workload(id);
            Member { id, need: room.need(workload), per_node: workload.max_per_node }
        };
        let all: Vec<Member> = pods_at(packings).into_keys().map(member).collect();
        let counts: Vec<usize> =
            (0..room.capacity().len()).filter(|&row| room.capacity()[row] < u128::MAX).collect();
        let mut least: Vec<usize> = Vec::new();
        for (at, one) in all.iter().enumerate() {
            let no_less =
                |&other: &usize| counts.iter().all(|&row| all[other].need[row] <= one.need[row]);
            if !least.iter().any(no_less) {
                least.push(at);
            }
        }
        Self { all, least }
    }

    /// The row of the first thing short for the pod short of the fewest things, one beyond the
    /// last for the bound per node; `None` where a pod fits.
    fn first_short(&self, room: &Room<'_>, packing: &Packing) -> Option<usize> {
        let taken = room.taken(&packing.content);
        let bounded = |member: &Member| {
            member.per_node.is_some_and(|most| {
                let own = packing.content.iter().find(|(id, _)| *id == member.id);
                own.map_or(0, |(_, pods)| *pods) >= most
            })
        };
        let least = self.least.iter().map(|&at| &self.all[at]);
        if least.clone().any(bounded) {
            closest(room, &taken, self.all.iter().map(|one| (one, bounded(one))))
        } else {
            closest(room, &taken, least.map(|one| (one, false)))
        }
    }
}

/// The first row short for the member short of the fewest.
fn closest<'a>(
    room: &Room<'_>,
    taken: &[u128],
    members: impl Iterator<Item = (&'a Member, bool)>,
) -> Option<usize> {
    let mut closest: Option<(usize, usize)> = None;
    for (member, bounded) in members {
        let with = taken.iter().zip(&member.need).map(|(a, b)| a.saturating_add(*b));
        let short = with.zip(room.capacity()).map(|(need, have)| need > *have);
        let mut shorts = short.chain([bounded]).enumerate().filter(|(_, short)| *short);
        let (first, _) = shorts.next()?;
        let count = 1 + shorts.count();
        if closest.is_none_or(|(least, _)| count < least) {
            closest = Some((count, first));
        }
    }
    closest.map(|(_, first)| first)
}

/// The cheapest other size on which every node's content would fit as it is.
fn runner_up(problem: &Problem, pool: &NodePool) -> Option<RunnerUp> {
    let contents: BTreeSet<&[(WorkloadId, u32)]> =
        pool.packings.iter().flatten().map(|packing| packing.content.as_slice()).collect();
    let members: BTreeSet<WorkloadId> =
        contents.iter().flat_map(|content| content.iter().map(|(id, _)| *id)).collect();
    let own = problem.rate(pool.kind);
    let mut kinds: Vec<PoolKind> = problem
        .pool_kinds()
        .into_iter()
        .filter(|kind| kind.group == pool.kind.group && kind.sku != pool.kind.sku)
        .collect();
    kinds.sort_by_key(|kind| (problem.rate(*kind), kind.sku, kind.max_pods));
    let fits = |kind: PoolKind| {
        let room = Room::new(problem, kind);
        (pool.mode == PoolMode::User || placement::serves_system(problem, kind))
            && contents.iter().all(|content| room.holds(&room.taken(content)))
            && members.iter().all(|id| placement::admits(problem, kind, problem.workload(*id)))
    };
    let kind = kinds.into_iter().find(|kind| fits(*kind))?;
    let sku = problem.sku(kind.sku);
    let millis = total_millis(problem);
    let month = |rate| Money::month_of(pool_spend(problem, pool, rate), millis);
    Some(RunnerUp { sku: sku.name.clone(), extra: month(problem.rate(kind)).minus(month(own)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{Setup, problem_from};
    use nodeplan_io::csv::workloads_csv;
    use nodeplan_model::eligibility::{Filter, Pattern};
    use nodeplan_model::ids::{GroupId, SkuId};

    /// Three pods of `a` on a D2s_v3, two of them and one `b` on another; usable are 1550m.
    fn example() -> (Problem, Plan) {
        let csv = "name,replicas,cpu_request,memory_request,cpu_limit,memory_limit\n\
                   a,5,500m,512Mi,1,1Gi\nb,1,100m,128Mi,,\n";
        let file = workloads_csv("w.csv", csv.as_bytes(), &Default::default()).unwrap();
        let catalog = nodeplan_io::catalog::catalog("koreacentral").unwrap();
        let mut filter = Filter::new(catalog.date);
        filter.allow = ["D2s_v3", "D4s_v3", "D8s_v3"].map(Pattern::new).to_vec();
        let mut setup = Setup::new(&catalog, &filter, file);
        setup.cluster.system_pool = nodeplan_model::problem::SystemPool::None;
        let problem = problem_from(setup).unwrap().problem;
        let packing = |content: &[(u32, u32)]| Packing {
            nodes: 1,
            content: content.iter().map(|(id, pods)| (WorkloadId(*id), *pods)).collect(),
        };
        let pool = NodePool {
            name: "p".into(),
            kind: PoolKind { group: GroupId(0), sku: SkuId(0), max_pods: 250 },
            mode: PoolMode::User,
            packings: vec![vec![packing(&[(0, 3)]), packing(&[(0, 2), (1, 1)])]],
        };
        (problem, Plan { pools: vec![pool] })
    }

    #[test]
    fn a_pool_is_described_with_its_daemonsets() {
        let (problem, plan) = example();
        let (findings, ..) = nodeplan_eval::check_plan(&problem, &plan);
        assert_eq!(findings, []);
        let pool = describe(&problem, &plan).remove(0);
        assert_eq!((pool.least, pool.most), (2, 2));
        assert_eq!(pool.month, Money(2 * 123_000_000 * 730));
        let point = &pool.points[0];
        assert_eq!(point.pods, 6 + 2 * 6, "add-ons take a slot each");
        let cpu = &point.usage[0];
        // 5 × 500 + 100 + 2 × 350 of 2 × 1900; limits 5 × 1000 + one whole node.
        assert_eq!((cpu.requested, cpu.allocatable, cpu.ratio), (3300, 3800, 868));
        assert_eq!((cpu.limits_ratio, cpu.unlimited_pods), (Some(1816), 1));
    }

    #[test]
    fn what_binds_is_what_is_short_and_open_nodes_are_counted() {
        let (problem, plan) = example();
        let pool = describe(&problem, &plan).remove(0);
        // 50m are left on the first node, 450m on the second, where another `b` fits.
        let want = Bind { what: "cpu".into(), nodes: 1, of: 2 };
        assert_eq!((pool.binds.as_slice(), pool.open_nodes), (&[want][..], 1));
    }

    #[test]
    fn the_runner_up_is_the_next_dearer_size_that_holds_all() {
        let (problem, plan) = example();
        let next = describe(&problem, &plan).remove(0).runner_up.unwrap();
        assert_eq!(next.sku, "Standard_D4s_v3");
        assert_eq!(next.extra, Money(2 * 123_000_000 * 730));
    }
}
