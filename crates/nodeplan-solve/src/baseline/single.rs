//! The best single size: first-fit decreasing with every size in turn.

use super::points::{Site, across, cover};
use super::shelves::{Shelf, first_fit, open};
use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::packed::Packed;
use nodeplan_model::ids::SkuId;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Runs of nodes looked at, after which no further size is tried.
const MOST_LOOKS: u64 = 20_000_000;

/// One size in every pool that the groups force.
struct Candidate {
    kinds: Vec<usize>,
    /// No legal plan of this size costs less, in cost units.
    least: i128,
}

/// The cheapest plan of one size among those of `kinds`; the error says why there is none.
pub fn best(compiled: &Compiled, kinds: &[usize]) -> Result<Packed, String> {
    let target = Target::whole(compiled);
    let staff: Vec<usize> =
        (0..compiled.kinds.len()).filter(|&kind| compiled.kinds[kind].serves_system).collect();
    let looks = Cell::new(0);
    let rule = |site: &Site<'_>| decreasing(site, &looks);
    let mut best: Option<(i128, Packed)> = None;
    for candidate in candidates(compiled, &target, kinds, &staff) {
        let bar = best.as_ref().map_or(i128::MAX, |(cost, _)| *cost);
        if candidate.least >= bar || (best.is_some() && looks.get() > MOST_LOOKS) {
            break;
        }
        let packed = across(compiled, &candidate.kinds, &staff, &rule)
            .filter(|packed| packed.is_legal(compiled, &target));
        if let Some(packed) = packed {
            let cost = packed.cost(compiled);
            if cost < bar {
                best = Some((cost, packed));
            }
        }
    }
    best.map(|(_, packed)| packed)
        .ok_or_else(|| "no single size can host every pod within the limits on pools".to_owned())
}

/// Sizes that can host every class, the cheapest at best first.
fn candidates(
    compiled: &Compiled,
    target: &Target,
    kinds: &[usize],
    staff: &[usize],
) -> Vec<Candidate> {
    let size = |kind: usize| {
        let pool = compiled.kinds[kind].pool;
        (pool.sku, pool.max_pods)
    };
    let mut by_size: BTreeMap<(SkuId, u32), Vec<usize>> = BTreeMap::new();
    let wanted: BTreeSet<_> = kinds.iter().map(|&kind| size(kind)).collect();
    for kind in (0..compiled.kinds.len()).filter(|&kind| wanted.contains(&size(kind))) {
        by_size.entry(size(kind)).or_default().push(kind);
    }
    let cheapest = staff.iter().copied().min_by_key(|&kind| (compiled.kinds[kind].rate, kind));
    let mut found: Vec<Candidate> = by_size
        .into_values()
        .filter_map(|kinds| {
            let kinds = cover(compiled, &kinds, false)
                .or_else(|| cover(compiled, &with_system(compiled, kinds, staff), false))?;
            let least = least_cost(compiled, target, &kinds, cheapest);
            Some(Candidate { kinds, least })
        })
        .collect();
    found.sort_by(|a, b| a.least.cmp(&b.least).then_with(|| a.kinds.cmp(&b.kinds)));
    found
}

/// A size that may not be a system pool, and the cheapest system kind that hosts what it
/// cannot: the pods of a dedicated system pool.
fn with_system(compiled: &Compiled, mut kinds: Vec<usize>, staff: &[usize]) -> Vec<usize> {
    if kinds.iter().any(|&kind| compiled.kinds[kind].serves_system) {
        return kinds;
    }
    let groups: Vec<_> = kinds.iter().map(|&kind| compiled.kinds[kind].pool.group).collect();
    let left: Vec<usize> = (0..compiled.classes.len())
        .filter(|class| compiled.homeless.binary_search(class).is_err())
        .filter(|&class| !kinds.iter().any(|&kind| compiled.fits(kind, class)))
        .collect();
    let extra = staff
        .iter()
        .copied()
        .filter(|&kind| !groups.contains(&compiled.kinds[kind].pool.group))
        .filter(|&kind| left.iter().all(|&class| compiled.fits(kind, class)))
        .min_by_key(|&kind| (compiled.kinds[kind].rate, kind));
    kinds.extend(extra);
    kinds.sort_unstable();
    kinds
}

/// By volume: the nodes that the scarcest resource asks for at each load point. A system node
/// of another size may take one node's share of the pods.
fn least_cost(
    compiled: &Compiled,
    target: &Target,
    kinds: &[usize],
    cheapest: Option<usize>,
) -> i128 {
    let served = kinds.iter().any(|&kind| compiled.kinds[kind].serves_system);
    let seed = cheapest.filter(|_| compiled.needs_system && !served);
    let all = || kinds.iter().copied();
    let rate = |kind: &usize| compiled.kinds[*kind].rate;
    let Some(least) = all().min_by_key(rate) else { return 0 };
    let mut cost = 0;
    for (point, demand) in target.demand.iter().enumerate() {
        let mut nodes = 0;
        for dim in 0..compiled.dims {
            let size = |class| all().map(|kind| compiled.size(kind, class, dim)).min().unwrap_or(0);
            let volume: i128 = (0..demand.len())
                .filter(|&class| demand[class] > 0)
                .map(|class| i128::from(size(class)) * i128::from(demand[class]))
                .sum();
            let on_seed = seed.map_or(0, |kind| compiled.kinds[kind].capacity[dim]);
            let room = all().map(|kind| compiled.kinds[kind].capacity[dim]).max().unwrap_or(0);
            let left = (volume - i128::from(on_seed)).max(0);
            if room > 0 {
                nodes = nodes.max((left + i128::from(room) - 1) / i128::from(room));
            }
        }
        cost += nodes * compiled.cost(least, point);
        cost += seed.map_or(0, |kind| compiled.cost(kind, point));
    }
    cost
}

/// First-fit decreasing: classes by their largest share of a node, each on the first nodes
/// with room, else on new nodes of the first kind that takes it.
fn decreasing(site: &Site<'_>, looks: &Cell<u64>) -> Option<Vec<Shelf>> {
    let compiled = site.compiled;
    let share = |class: usize| {
        let kind = site.kinds.iter().copied().find(|&kind| compiled.fits(kind, class));
        kind.map_or(0.0, |kind| {
            (0..compiled.dims)
                .map(|dim| {
                    let room = compiled.kinds[kind].capacity[dim].max(1);
                    compiled.size(kind, class, dim) as f64 / room as f64
                })
                .fold(0.0, f64::max)
        })
    };
    let mut order: Vec<(f64, usize)> =
        site.wanted().into_iter().map(|class| (share(class), class)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut limits: Vec<u32> = site.kinds.iter().map(|&kind| site.limit(kind)).collect();
    let mut shelves = site.start();
    let mut looked = looks.get();
    for (_, class) in order {
        let pods = site.demand[class];
        let mut left = first_fit(compiled, &mut shelves, class, pods, &mut looked);
        for (&kind, limit) in site.kinds.iter().zip(&mut limits) {
            if left > 0 {
                let before = shelves.len();
                left = open(compiled, &mut shelves, (kind, *limit), class, left);
                *limit -= shelves[before..].iter().map(|shelf| shelf.nodes).sum::<u32>();
            }
        }
        if left > 0 {
            return None;
        }
    }
    looks.set(looked);
    Some(shelves)
}
