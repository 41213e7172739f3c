//! Which few kinds of nodes: a search over sets of kinds, each judged by a greedy cover.
//!
//! A pool more is worth little and each further one less, so sets grow by the kind that lowers
//! the cost of the cover most, and then single members are exchanged. A cover is a plan, so the
//! search holds a legal one as soon as any set covers all pods.

use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::construct;
use crate::packed::Packed;
use crate::work::Meter;
use rayon::prelude::*;

/// Most pools a set grows to where nothing limits them.
const UNLIMITED: usize = 8;
/// Sets compared side by side between two looks at the work.
const BATCH: usize = 16;

/// A set of kinds and how good it is: first what fits none of them, then the cost of the cover.
struct Tried {
    score: (usize, i128),
    kinds: Vec<usize>,
    packed: Option<Packed>,
}

/// The search.
struct Chooser<'a> {
    compiled: &'a Compiled,
    target: &'a Target,
    values: &'a [f64],
    meter: &'a Meter<'a>,
    until: u64,
}

/// Good plans of few kinds, each with all its kinds within `most`, best last; empty where
/// greedy filling finds none. Spends work up to `until` units.
pub fn plans(
    compiled: &Compiled,
    target: &Target,
    values: &[f64],
    meter: &Meter<'_>,
    until: u64,
) -> Vec<Packed> {
    let most = compiled.max_pools.unwrap_or(UNLIMITED).min(UNLIMITED);
    let chooser = Chooser { compiled, target, values, meter, until };
    let mut found = Vec::new();
    let mut best: Option<Tried> = None;
    let mut full = false;
    let mut exchange = 0;
    while !meter.stop_at(until) {
        let base: Vec<usize> = best.as_ref().map_or_else(Vec::new, |b| b.kinds.clone());
        full |= base.len() >= most;
        if full && exchange >= base.len() {
            break;
        }
        // A full set gives up one member after another and takes the best in its place.
        let mut kept = base;
        if full {
            kept.remove(exchange);
        }
        match chooser.best_addition(&kept, best.as_ref().map(|b| b.score)) {
            Some(next) => {
                exchange = 0;
                found.extend(next.packed.clone());
                best = Some(next);
            }
            None if full => exchange += 1,
            None => full = true,
        }
    }
    found
}

impl Chooser<'_> {
    /// The kind that, added to `kept`, scores best, where that beats `bar`.
    fn best_addition(&self, kept: &[usize], bar: Option<(usize, i128)>) -> Option<Tried> {
        let candidates: Vec<usize> =
            self.target.kinds.iter().copied().filter(|kind| !kept.contains(kind)).collect();
        let mut best: Option<Tried> = None;
        for batch in candidates.chunks(BATCH) {
            if self.meter.stop_at(self.until) {
                break;
            }
            let (compiled, target, values) = (self.compiled, self.target, self.values);
            let tried: Vec<(Tried, u64)> =
                batch.par_iter().map(|&kind| judge(compiled, target, values, kept, kind)).collect();
            for (tried, work) in tried {
                self.meter.labels(work);
                let bar = best.as_ref().map(|b| b.score).or(bar);
                if bar.is_none_or(|bar| tried.score < bar) {
                    best = Some(tried);
                }
            }
        }
        best
    }
}

/// The set of `kept` and `kind`, with the work of judging it.
fn judge(
    compiled: &Compiled,
    whole: &Target,
    values: &[f64],
    kept: &[usize],
    kind: usize,
) -> (Tried, u64) {
    let mut kinds = kept.to_vec();
    kinds.push(kind);
    kinds.sort_unstable();
    let mut target = whole.clone();
    target.keep_kinds(|k| kinds.contains(&k));
    let mut homeless = 0;
    for class in 0..compiled.classes.len() {
        if !kinds.iter().any(|&kind| compiled.fits(kind, class)) {
            for demand in &mut target.demand {
                homeless += demand[class] as usize;
                demand[class] = 0;
            }
        }
    }
    let serves = |kind: &usize| compiled.kinds[*kind].serves_system;
    if !target.system.is_empty() && !kinds.iter().any(serves) {
        homeless += target.system.len();
        target.system.iter_mut().for_each(|nodes| *nodes = 0);
    }
    let packed = construct::cover(compiled, &target, values);
    let cost = packed.as_ref().map_or(i128::MAX, |packed| packed.cost(compiled));
    let fills = packed.as_ref().map_or(1, |packed| packed.nodes.len()) as u64;
    let work = fills * (kinds.len() * compiled.classes.len()) as u64 / 16 + 1;
    let packed = packed.filter(|_| homeless == 0);
    (Tried { score: (homeless, cost), kinds, packed }, work)
}
