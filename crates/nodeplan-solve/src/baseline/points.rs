//! What every baseline must do beyond packing one load point: a system node everywhere, no
//! more nodes at the smaller of two coupled load points, and no more pools than allowed.

use super::shelves::{Shelf, first_fit};
use crate::columns::pool::Column;
use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::packed::Packed;

/// One load point to pack.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    /// The problem.
    pub compiled: &'a Compiled,
    /// Pods per class.
    pub demand: &'a [u32],
    /// Kinds that may be used, sorted.
    pub kinds: &'a [usize],
    /// Nodes left by a larger load point, per kind of the problem; `None` buys freely.
    pub limits: Option<Vec<u32>>,
    /// A node that is there from the start, and stays.
    pub seed: Option<usize>,
}

impl Site<'_> {
    /// Most nodes of a kind.
    pub fn limit(&self, kind: usize) -> u32 {
        self.limits.as_ref().map_or(u32::MAX, |limits| limits[kind])
    }

    /// The nodes that are there from the start.
    pub fn start(&self) -> Vec<Shelf> {
        self.seed.map(|kind| Shelf::empty(self.compiled, kind, 1)).into_iter().collect()
    }

    /// Classes that have pods.
    pub fn wanted(&self) -> Vec<usize> {
        (0..self.demand.len()).filter(|&class| self.demand[class] > 0).collect()
    }
}

/// Packs one load point; `None` where the rule finds no room.
pub type Rule<'a> = dyn Fn(&Site<'_>) -> Option<Vec<Shelf>> + 'a;

/// Packs every load point by `rule`, from the largest demand to the smallest. A small load
/// point whose pods do not find room again keeps the nodes of a larger one; if even that breaks
/// a coupling, all load points get the nodes of the peak. `staff` are the kinds one of which is
/// added where a load point has no system node.
pub fn across(
    compiled: &Compiled,
    kinds: &[usize],
    staff: &[usize],
    rule: &Rule<'_>,
) -> Option<Packed> {
    let target = Target::whole(compiled);
    stepwise(compiled, &target, kinds, staff, rule)
        .or_else(|| constant(compiled, &target, kinds, staff, rule))
}

fn stepwise(
    compiled: &Compiled,
    target: &Target,
    kinds: &[usize],
    staff: &[usize],
    rule: &Rule<'_>,
) -> Option<Packed> {
    let mut order: Vec<usize> = (0..target.demand.len()).collect();
    let total = |s: usize| target.demand[s].iter().map(|p| u64::from(*p)).sum::<u64>();
    order.sort_by_key(|&s| (std::cmp::Reverse(total(s)), std::cmp::Reverse(s)));
    let mut packed = Packed::default();
    for &point in &order {
        let limits = limits_at(compiled, &packed, point);
        let site = Site {
            compiled,
            demand: &target.demand[point],
            kinds,
            limits: limits.clone(),
            seed: None,
        };
        match staffed(&site, staff, rule) {
            Some(shelves) => push(&mut packed, &shelves, point),
            None => keep(compiled, &mut packed, point, &limits?)?,
        }
    }
    Some(packed)
}

/// Puts the pods on the nodes that a larger load point leaves, classes in the order given, and
/// removes the nodes that stay empty. Where some then find no room, those that few nodes can
/// host come first.
pub fn settle(site: &Site<'_>, order: &[usize]) -> Option<Vec<Shelf>> {
    let there = || site.kinds.iter().copied().filter(|&kind| site.limit(kind) > 0);
    let hosts = |class: &usize| -> u64 {
        let able = there().filter(|&kind| site.compiled.fits(kind, *class));
        able.map(|kind| u64::from(site.limit(kind))).sum()
    };
    let mut shelves = site.start();
    let seeded = shelves.len();
    shelves.extend(there().map(|kind| Shelf::empty(site.compiled, kind, site.limit(kind))));
    let mut shelves = settled(site, shelves.clone(), order).or_else(|| {
        let mut order = order.to_vec();
        order.sort_by_cached_key(hosts);
        settled(site, shelves, &order)
    })?;
    // The seed is the first run, and stays even if empty.
    let mut at = 0;
    shelves.retain(|shelf| {
        at += 1;
        at <= seeded || !shelf.content.is_empty()
    });
    Some(shelves)
}

fn settled(site: &Site<'_>, mut shelves: Vec<Shelf>, order: &[usize]) -> Option<Vec<Shelf>> {
    let placed = order.iter().all(|&class| {
        let pods = site.demand[class];
        pods == 0 || first_fit(site.compiled, &mut shelves, class, pods, &mut 0) == 0
    });
    placed.then_some(shelves)
}

/// Nodes that a load point may have, where a larger one is packed.
fn limits_at(compiled: &Compiled, packed: &Packed, point: usize) -> Option<Vec<u32>> {
    let larger: Vec<usize> =
        compiled.coupled.iter().filter(|pair| pair.0 == point).map(|pair| pair.1).collect();
    if larger.is_empty() {
        return None;
    }
    let counts = packed.counts(compiled);
    let least = |counts: &Vec<u32>| larger.iter().map(|&t| counts[t]).min().unwrap_or(0);
    Some(counts.iter().map(least).collect())
}

/// Packs one load point and sees to its system node.
fn staffed(site: &Site<'_>, staff: &[usize], rule: &Rule<'_>) -> Option<Vec<Shelf>> {
    let kinds = &site.compiled.kinds;
    let shelves = rule(site)?;
    if !site.compiled.needs_system || shelves.iter().any(|shelf| kinds[shelf.kind].serves_system) {
        return Some(shelves);
    }
    let seed = staff
        .iter()
        .copied()
        .filter(|&kind| site.limit(kind) > 0)
        .min_by_key(|&kind| (kinds[kind].rate, kind))?;
    let mut seeded = Site { seed: Some(seed), ..site.clone() };
    if let Some(limits) = &mut seeded.limits {
        limits[seed] -= 1;
    }
    rule(&seeded)
}

fn push(packed: &mut Packed, shelves: &[Shelf], point: usize) {
    for shelf in shelves {
        let mut content = shelf.content.clone();
        content.sort_unstable();
        packed.push(Column { kind: shelf.kind, point, content }, shelf.nodes);
    }
}

/// Keeps all nodes of a larger load point.
fn keep(compiled: &Compiled, packed: &mut Packed, point: usize, limits: &[u32]) -> Option<()> {
    let counts = packed.counts(compiled);
    let larger =
        compiled.coupled.iter().filter(|pair| pair.0 == point).map(|pair| pair.1).find(
            |&large| counts.iter().zip(limits).all(|(counts, most)| counts[large] <= *most),
        )?;
    let kept: Vec<(Column, u32)> = packed
        .nodes
        .iter()
        .filter(|(column, _)| column.point == larger)
        .map(|(column, nodes)| (Column { point, ..column.clone() }, *nodes))
        .collect();
    packed.nodes.extend(kept);
    Some(())
}

/// The nodes of the largest demand of every class, at every load point.
fn constant(
    compiled: &Compiled,
    target: &Target,
    kinds: &[usize],
    staff: &[usize],
    rule: &Rule<'_>,
) -> Option<Packed> {
    let peak: Vec<u32> = (0..compiled.classes.len())
        .map(|class| target.demand.iter().map(|row| row[class]).max().unwrap_or(0))
        .collect();
    let site = Site { compiled, demand: &peak, kinds, limits: None, seed: None };
    let shelves = staffed(&site, staff, rule)?;
    let mut packed = Packed::default();
    for point in 0..target.demand.len() {
        push(&mut packed, &shelves, point);
    }
    Some(packed)
}

/// Packs by `rule` with all of `kinds`; where that makes too many pools, once more with the
/// kinds that cost most in that plan, as many as allowed. The error says why there is no plan.
pub fn within_pools(
    compiled: &Compiled,
    kinds: &[usize],
    rule: &Rule<'_>,
) -> Result<Packed, String> {
    let serving = |kinds: &[usize]| -> Vec<usize> {
        kinds.iter().copied().filter(|&kind| compiled.kinds[kind].serves_system).collect()
    };
    let none = || "no size offers room for every pod, or none may be a system pool".to_owned();
    let free = across(compiled, kinds, &serving(kinds), rule).ok_or_else(none)?;
    let most = compiled.max_pools.unwrap_or(usize::MAX);
    if free.kinds().len() <= most {
        return Ok(free);
    }
    let few = thinned(compiled, &free, most)
        .or_else(|| cover(compiled, kinds, compiled.needs_system).filter(|few| few.len() <= most))
        .ok_or_else(|| format!("its rule chooses more than {most} pools"))?;
    across(compiled, &few, &serving(&few), rule).ok_or_else(none)
}

/// Which classes a kind can host, and whether it serves the system.
fn abilities(compiled: &Compiled, kind: usize, system: bool) -> Vec<bool> {
    let homeless = |class: usize| compiled.homeless.binary_search(&class).is_ok();
    (0..compiled.classes.len())
        .map(|class| !homeless(class) && compiled.fits(kind, class))
        .chain([system && compiled.kinds[kind].serves_system])
        .collect()
}

/// The kinds of a plan without the cheapest parts of it, as long as the rest hosts every class.
fn thinned(compiled: &Compiled, packed: &Packed, most: usize) -> Option<Vec<usize>> {
    let mut kinds = packed.kinds();
    let spent = |kind: usize| -> i128 {
        let own = packed.nodes.iter().filter(|(column, _)| column.kind == kind);
        own.map(|(c, nodes)| compiled.cost(kind, c.point) * i128::from(*nodes)).sum()
    };
    let mut order = kinds.clone();
    order.sort_by_key(|&kind| (spent(kind), kind));
    let mut hosts = vec![0_usize; compiled.classes.len() + 1];
    let mut tables: Vec<Vec<bool>> = Vec::new();
    for &kind in &order {
        let able = abilities(compiled, kind, compiled.needs_system);
        hosts.iter_mut().zip(&able).for_each(|(count, able)| *count += usize::from(*able));
        tables.push(able);
    }
    for (kind, able) in order.into_iter().zip(tables) {
        if kinds.len() <= most {
            break;
        }
        if hosts.iter().zip(&able).all(|(count, able)| !able || *count > 1) {
            hosts.iter_mut().zip(&able).for_each(|(count, able)| *count -= usize::from(*able));
            kinds.retain(|&other| other != kind);
        }
    }
    (kinds.len() <= most).then_some(kinds)
}

/// A few of `kinds` that host every class (and the system): first those nothing can replace,
/// then always the one that hosts most of the rest. `None` where even all do not suffice.
pub fn cover(compiled: &Compiled, kinds: &[usize], system: bool) -> Option<Vec<usize>> {
    let tables: Vec<Vec<bool>> =
        kinds.iter().map(|&kind| abilities(compiled, kind, system)).collect();
    let mut open: Vec<bool> = (0..compiled.classes.len())
        .map(|class| compiled.homeless.binary_search(&class).is_err())
        .chain([system])
        .collect();
    let mut chosen = vec![false; kinds.len()];
    for ability in 0..open.len() {
        let mut able = (0..kinds.len()).filter(|&i| tables[i][ability]);
        if let (true, Some(only), None) = (open[ability], able.next(), able.next()) {
            chosen[only] = true;
            open.iter_mut().zip(&tables[only]).for_each(|(open, able)| *open &= !able);
        }
    }
    while open.iter().any(|open| *open) {
        let gain = |i: usize| open.iter().zip(&tables[i]).filter(|(o, a)| **o && **a).count();
        let key = |i: usize| (gain(i), std::cmp::Reverse((compiled.kinds[kinds[i]].rate, i)));
        let best = (0..kinds.len()).max_by_key(|&i| key(i)).filter(|&i| gain(i) > 0)?;
        chosen[best] = true;
        open.iter_mut().zip(&tables[best]).for_each(|(open, able)| *open &= !able);
    }
    Some((0..kinds.len()).filter(|&i| chosen[i]).map(|i| kinds[i]).collect())
}
