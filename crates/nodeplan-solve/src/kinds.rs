//! Which few kinds of nodes: a search over sets of kinds, each judged by a greedy cover.
//!
//! A pool more is worth little and each further one less, so sets grow by the kind that lowers
//! the cost of the cover most, and then single members are exchanged. A cover is a plan, so the
//! search holds a legal one as soon as any set covers all pods. Where shapes are many, a sample of
//! them chooses, and only the sets chosen cover them all.

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
/// Shapes beyond which a sample of them chooses, and how many are in it at least.
const MANY: usize = 600;
const SAMPLE: usize = 300;
/// Sets chosen by a sample that cover all pods.
const LAST: usize = 3;
/// Pods up to which threads cost more than they save.
const SMALL: u64 = 500;

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
    /// Shapes that have pods.
    classes: usize,
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
    let classes = compiled.classes.len();
    if classes <= MANY {
        let found = chosen(&Chooser { compiled, target, values, meter, until, classes });
        return found.into_iter().filter_map(|tried| tried.packed).collect();
    }
    let mut sample = target.clone();
    let step = classes / SAMPLE;
    for row in &mut sample.demand {
        row.iter_mut().enumerate().filter(|(class, _)| class % step > 0).for_each(|(_, p)| *p = 0);
    }
    let classes = classes.div_ceil(step);
    let sets = chosen(&Chooser { compiled, target: &sample, values, meter, until, classes });
    let whole = View { compiled, target, values, classes: compiled.classes.len() };
    let from = sets.len().saturating_sub(LAST);
    let covers: Vec<(Tried, u64)> =
        sets[from..].par_iter().map(|set| whole.judge(set.kinds.clone())).collect();
    covers.iter().for_each(|(_, work)| meter.labels(*work));
    covers.into_iter().filter_map(|(tried, _)| tried.packed).collect()
}

/// Ever better sets, found within the work.
fn chosen(chooser: &Chooser<'_>) -> Vec<Tried> {
    let most = chooser.compiled.max_pools.unwrap_or(UNLIMITED).min(UNLIMITED);
    let mut found: Vec<Tried> = Vec::new();
    let mut full = false;
    let mut exchange = 0;
    while !chooser.meter.stop_at(chooser.until) {
        let base: Vec<usize> = found.last().map_or_else(Vec::new, |b| b.kinds.clone());
        full |= base.len() >= most;
        if full && exchange >= base.len() {
            break;
        }
        // A full set gives up one member after another and takes the best in its place.
        let mut kept = base;
        if full {
            kept.remove(exchange);
        }
        match chooser.best_addition(&kept, found.last().map(|b| b.score)) {
            Some(next) => {
                exchange = 0;
                found.push(next);
            }
            None if full => exchange += 1,
            None => full = true,
        }
    }
    found
}

impl Chooser<'_> {
    fn view(&self) -> View<'_> {
        let Self { compiled, target, values, classes, .. } = *self;
        View { compiled, target, values, classes }
    }

    /// The kind that, added to `kept`, scores best, where that beats `bar`.
    fn best_addition(&self, kept: &[usize], bar: Option<(usize, i128)>) -> Option<Tried> {
        let candidates: Vec<usize> =
            self.target.kinds.iter().copied().filter(|kind| !kept.contains(kind)).collect();
        let mut best: Option<Tried> = None;
        for batch in candidates.chunks(BATCH) {
            if self.meter.stop_at(self.until) {
                break;
            }
            let with = |kind: &usize| {
                let mut kinds = kept.to_vec();
                kinds.push(*kind);
                kinds.sort_unstable();
                kinds
            };
            let sets: Vec<Vec<usize>> = batch.iter().map(with).collect();
            let view = self.view();
            let tried: Vec<(Tried, u64)> = if self.target.pods() <= SMALL {
                sets.into_iter().map(|kinds| view.judge(kinds)).collect()
            } else {
                sets.into_par_iter().map(|kinds| view.judge(kinds)).collect()
            };
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

/// What judging a set looks at.
#[derive(Clone, Copy)]
struct View<'a> {
    compiled: &'a Compiled,
    target: &'a Target,
    values: &'a [f64],
    classes: usize,
}

impl View<'_> {
    /// A set of kinds, with the work of judging it.
    fn judge(&self, kinds: Vec<usize>) -> (Tried, u64) {
        let compiled = self.compiled;
        let mut target = self.target.clone();
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
        let packed = construct::cover(compiled, &target, self.values);
        let cost = packed.as_ref().map_or(i128::MAX, |packed| packed.cost(compiled));
        let fills = packed.as_ref().map_or(1, |packed| packed.nodes.len()) as u64;
        let work = fills * (kinds.len() * self.classes) as u64 / 16 + 1;
        let packed = packed.filter(|_| homeless == 0);
        (Tried { score: (homeless, cost), kinds, packed }, work)
    }
}
