//! Whether so few pools can do at all.
//!
//! A set of kinds is enough as soon as every shape fits one of them and one carries the system
//! pool: each pod may then have a node of its own, and node counts move with the demand, so no
//! coupling breaks. So a limit on pools leaves a plan if and only if the shapes can be covered by
//! so many kinds, which a search over few, small sets settles. A refusal is a proof.

use crate::columns::pool::Column;
use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::packed::Packed;
use std::collections::{BTreeMap, BTreeSet};

/// Needs looked at, one bit each. Fewer needs than there are may still refuse.
const MOST_NEEDS: usize = 64;
/// Steps of the search, beyond which nothing is claimed.
const STEPS: u32 = 200_000;

/// What is known about the limit on pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Few {
    /// These kinds, no more than there may be pools, are enough.
    Kinds(Vec<usize>),
    /// No set within the limit is: there is no plan.
    TooMany,
    /// No limit, or not settled.
    Unknown,
}

/// Looks for a set of kinds within the limit on pools that has room for everything.
pub fn kinds(compiled: &Compiled) -> Few {
    let Some(most) = compiled.max_pools else { return Few::Unknown };
    let mut needs = needs(compiled);
    let all = needs.len() <= MOST_NEEDS;
    needs.truncate(MOST_NEEDS);
    // What each kind meets; of kinds that meet the same, the cheapest.
    let mut met: BTreeMap<u64, usize> = BTreeMap::new();
    for (place, &kind) in compiled.front.iter().enumerate() {
        let mut mask = 0;
        for (bit, need) in needs.iter().enumerate() {
            mask |= (need[place / 64] >> (place % 64) & 1) << bit;
        }
        let known = met.entry(mask).or_insert(kind);
        if compiled.kinds[kind].rate < compiled.kinds[*known].rate {
            *known = kind;
        }
    }
    let masks: Vec<u64> = met.keys().copied().collect();
    let within = |mask: u64| masks.iter().any(|&other| other != mask && mask & !other == 0);
    met.retain(|&mask, _| !within(mask));
    let open = if needs.len() == MOST_NEEDS { u64::MAX } else { (1 << needs.len()) - 1 };
    let mut search = Search { met: met.into_iter().collect(), steps: STEPS, chosen: Vec::new() };
    match search.cover(open, most) {
        _ if search.steps == 0 => Few::Unknown,
        false => Few::TooMany,
        true if all => Few::Kinds(search.chosen),
        true => Few::Unknown,
    }
}

/// The kinds of the front that meet each need, as bits; only needs that no other implies, those
/// that few kinds meet first.
fn needs(compiled: &Compiled) -> Vec<Vec<u64>> {
    let words = compiled.front.len().div_ceil(64);
    let bits = |meets: &dyn Fn(usize) -> bool| {
        let mut row = vec![0_u64; words];
        for (place, &kind) in compiled.front.iter().enumerate() {
            row[place / 64] |= u64::from(meets(kind)) << (place % 64);
        }
        row
    };
    let mut rows: BTreeSet<(u32, Vec<u64>)> = BTreeSet::new();
    let mut add = |row: Vec<u64>| {
        rows.insert((row.iter().map(|word| word.count_ones()).sum(), row));
    };
    for (class, shape) in compiled.classes.iter().enumerate() {
        if shape.demand.iter().any(|pods| *pods > 0) {
            add(bits(&|kind| compiled.fits(kind, class)));
        }
    }
    if compiled.needs_system {
        add(bits(&|kind| compiled.kinds[kind].serves_system));
    }
    let mut kept: Vec<Vec<u64>> = Vec::new();
    for (_, row) in rows {
        let implied = |other: &Vec<u64>| other.iter().zip(&row).all(|(o, r)| o & !r == 0);
        if kept.len() <= MOST_NEEDS && !kept.iter().any(implied) {
            kept.push(row);
        }
    }
    kept
}

/// Sets of kinds by what they meet.
struct Search {
    met: Vec<(u64, usize)>,
    steps: u32,
    chosen: Vec<usize>,
}

impl Search {
    /// Whether `most` kinds meet all that is open.
    fn cover(&mut self, open: u64, most: usize) -> bool {
        if open == 0 {
            return true;
        }
        if most == 0 || self.steps == 0 {
            return false;
        }
        self.steps -= 1;
        let first = open & open.wrapping_neg();
        for at in 0..self.met.len() {
            let (mask, kind) = self.met[at];
            if mask & first != 0 {
                self.chosen.push(kind);
                if self.cover(open & !mask, most - 1) {
                    return true;
                }
                self.chosen.pop();
            }
        }
        false
    }
}

/// A node for every pod, of the cheapest of `kinds` that holds it, and one for the system pool.
/// Dear, but a plan.
pub fn alone(compiled: &Compiled, target: &Target, kinds: &[usize]) -> Packed {
    let mut packed = Packed::default();
    let cheapest = |fits: &dyn Fn(usize) -> bool| {
        let able = kinds.iter().copied().filter(|&kind| fits(kind));
        able.min_by_key(|&kind| (compiled.kinds[kind].rate, kind))
    };
    for class in 0..compiled.classes.len() {
        let Some(kind) = cheapest(&|kind| compiled.fits(kind, class)) else { continue };
        for (point, demand) in target.demand.iter().enumerate() {
            packed.push(Column { kind, point, content: vec![(class as u32, 1)] }, demand[class]);
        }
    }
    if let Some(kind) = cheapest(&|kind| compiled.kinds[kind].serves_system) {
        for (point, &nodes) in target.system.iter().enumerate() {
            packed.push(Column { kind, point, content: Vec::new() }, nodes);
        }
    }
    packed
}
