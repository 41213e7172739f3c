//! A bound at once: the layered volume bound.
//!
//! Give every unit of resource d a worth u_{c,d} in each layer c, a set of classes that fit the
//! same kinds. If on every kind j Σ_d capacity_{j,d} · max over layers c that fit j of u_{c,d}
//! is at most the rate, then π_i = Σ_d u_{c(i),d} · size_{i,d} is dual feasible. The best u is a
//! small LP. It is also where the smoothing of column generation starts from.

use crate::columns::master::{Duals, Scale};
use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::work::Meter;
use nodeplan_lp::{Columns, HighsLp, LpLimits, LpStatus, MasterLp, Rows, Simplex};
use std::collections::BTreeMap;

/// Most layers; further ones are merged into unions.
const LAYERS: usize = 8;
/// Most kinds × layers × dimensions for which the LP is worth its time.
const LARGEST: usize = 6_000;

/// Classes by the set of kinds that fit them, merged down to [`LAYERS`].
pub fn layers(compiled: &Compiled, target: &Target) -> Vec<(Vec<bool>, Vec<usize>)> {
    let mut by_set: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
    for class in 0..compiled.classes.len() {
        if target.demand.iter().all(|row| row[class] == 0) {
            continue;
        }
        let set: Vec<bool> = target.kinds.iter().map(|&kind| compiled.fits(kind, class)).collect();
        by_set.entry(set).or_default().push(class);
    }
    // Who tolerates spot nodes is worth far less, so those are merged with none but their like.
    let spot: Vec<bool> = target.kinds.iter().map(|&kind| compiled.kinds[kind].spot).collect();
    let tolerant = |(set, _): &Set| set.iter().zip(&spot).any(|(fits, spot)| *fits && *spot);
    let (loose, firm): (Vec<Set>, Vec<Set>) = by_set.into_iter().partition(tolerant);
    let most = if loose.is_empty() || firm.is_empty() { LAYERS } else { LAYERS / 2 };
    let mut layers = merged(firm, most);
    layers.extend(merged(loose, most));
    layers
}

/// Kinds that fit classes, and the classes.
type Set = (Vec<bool>, Vec<usize>);

/// At most so many unions of sets, those together that as many kinds fit.
fn merged(mut sets: Vec<Set>, most: usize) -> Vec<Set> {
    sets.sort_by_key(|(set, _)| set.iter().filter(|fits| **fits).count());
    let width = sets.len().div_ceil(most).max(1);
    sets.chunks(width)
        .map(|chunk| {
            let mut union = vec![false; chunk[0].0.len()];
            let mut classes = Vec::new();
            for (set, members) in chunk {
                union.iter_mut().zip(set).for_each(|(u, s)| *u |= s);
                classes.extend(members);
            }
            (union, classes)
        })
        .collect()
}

/// Duals of the layered volume bound, with the bound in 1/scale cost units as far as floats can
/// tell; `None` where the LP is too large or fails.
pub fn bound(
    compiled: &Compiled,
    target: &Target,
    scale: &Scale,
    meter: &Meter<'_>,
) -> Option<(i128, Duals)> {
    let layers = layers(compiled, target);
    let (dims, kinds) = (compiled.dims, target.kinds.len());
    if layers.len() * dims * kinds > LARGEST || layers.is_empty() {
        return None;
    }
    // Variables: u per layer and dimension, in LP cost units per the largest capacity; then
    // y per kind and dimension, the largest u of the layers that fit it.
    let unit: Vec<f64> = (0..dims)
        .map(|d| {
            let most = target
                .kinds
                .iter()
                .map(|&k| compiled.kinds[k].capacity[d])
                .filter(|c| *c < 1 << 60)
                .max();
            most.unwrap_or(1).max(1) as f64
        })
        .collect();
    let weight: f64 = compiled.weights.iter().map(|w| *w as f64).sum();
    let (columns, rows) = program(compiled, target, &layers, &unit, scale.norm)?;
    let u = |layer: usize, d: usize| layer * dims + d;
    let mut lp = HighsLp::new().ok()?;
    lp.add_columns(&columns).ok()?;
    lp.add_rows(&rows).ok()?;
    let limits = LpLimits { simplex_iterations: 20_000, strategy: Simplex::Dual };
    let status = lp.solve(limits, &meter.control().interrupt).ok()?;
    meter.iterations(lp.iterations());
    if status != LpStatus::Optimal {
        return None;
    }
    let worths = lp.primal();
    let mut duals = Duals::zero(compiled, target);
    for (layer, (_, classes)) in layers.iter().enumerate() {
        for &class in classes {
            let value: f64 = (0..dims)
                .map(|d| worths[u(layer, d)] * compiled.plain_size(class, d) as f64 / unit[d])
                .sum();
            for (row, w) in duals.demand.iter_mut().zip(&compiled.weights) {
                let exact = value * *w as f64 / weight * scale.norm * scale.factor();
                row[class] = ((exact * (1.0 - 1e-9)) as i64).clamp(0, scale.most(Some(class)));
            }
        }
    }
    Some((duals.total(target), duals))
}

/// The LP over u and y.
fn program(
    compiled: &Compiled,
    target: &Target,
    layers: &[(Vec<bool>, Vec<usize>)],
    unit: &[f64],
    norm: f64,
) -> Option<(Columns, Rows)> {
    let (dims, kinds) = (compiled.dims, target.kinds.len());
    let weight: f64 = compiled.weights.iter().map(|w| *w as f64).sum();
    let rate = |kind: usize| compiled.kinds[kind].rate as f64 * weight / norm;
    let mut columns = Columns::default();
    for (_, classes) in layers {
        for (d, unit) in unit.iter().enumerate() {
            let volume: f64 = classes
                .iter()
                .map(|&class| {
                    let pods: f64 = target
                        .demand
                        .iter()
                        .zip(&compiled.weights)
                        .map(|(row, w)| f64::from(row[class]) * *w as f64)
                        .sum();
                    pods / weight * compiled.plain_size(class, d) as f64 / unit
                })
                .sum();
            columns.push(-volume, 0.0, f64::INFINITY, &[]).ok()?;
        }
    }
    for _ in 0..kinds * dims {
        columns.push(0.0, 0.0, f64::INFINITY, &[]).ok()?;
    }
    let u = |layer: usize, d: usize| layer * dims + d;
    let y = |place: usize, d: usize| layers.len() * dims + place * dims + d;
    let mut rows = Rows::default();
    for (place, &kind) in target.kinds.iter().enumerate() {
        let entries: Vec<(usize, f64)> = (0..dims)
            .map(|d| (y(place, d), (compiled.kinds[kind].capacity[d] as f64 / unit[d]).min(1e9)))
            .collect();
        rows.push(f64::NEG_INFINITY, rate(kind), &entries).ok()?;
        for (layer, (fits, _)) in layers.iter().enumerate() {
            for d in (0..dims).filter(|_| fits[place]) {
                let entries = [(u(layer, d), 1.0), (y(place, d), -1.0)];
                rows.push(f64::NEG_INFINITY, 0.0, &entries).ok()?;
            }
        }
    }
    Some((columns, rows))
}
