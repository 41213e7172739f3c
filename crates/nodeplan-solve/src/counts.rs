//! Plans from node counts: where pods are small beside nodes, what matters is how many nodes of
//! which kind hold the volume, and the pods then fall into place.
//!
//! A small MIP chooses counts whose capacities cover the demand of every resource, layer by
//! layer; knapsacks fill the nodes one by one; where some stay out, their volume is added to the
//! demand and the counts are chosen again.

use crate::columns::knapsack::{Item, Task, price};
use crate::columns::pool::Column;
use crate::columns::target::Target;
use crate::compile::{Compiled, mip_step};
use crate::integer::below;
use crate::packed::Packed;
use crate::volume;
use crate::work::Meter;
use nodeplan_lp::{MipLimits, MipModel, Rows, solve_mip};

/// Rounds of choosing counts.
const ROUNDS: usize = 5;
/// Most knapsacks of one packing.
const FILLS: usize = 120;

/// The best plan found this way, cheaper than `cutoff`.
pub fn plan(
    compiled: &Compiled,
    target: &Target,
    cutoff: i128,
    meter: &Meter<'_>,
) -> Option<Packed> {
    let points = target.demand.len();
    let layers = volume::layers(compiled, target);
    let mut extra = vec![vec![0_i64; compiled.dims]; points];
    for _ in 0..ROUNDS {
        if meter.stop() {
            return None;
        }
        let counts = choose(compiled, target, &layers, &extra, cutoff, meter)?;
        let mut packed = Packed::default();
        let mut fits = true;
        for point in 0..points {
            let here: Vec<u32> = counts.iter().map(|row| row[point]).collect();
            let (columns, out) = pack(compiled, target, point, &here, meter)?;
            packed.nodes.extend(columns.nodes);
            for (class, pods) in out {
                fits = false;
                for (dim, more) in extra[point].iter_mut().enumerate() {
                    *more += compiled.plain_size(class, dim) * i64::from(pods) / 16 + 1;
                }
            }
        }
        if fits {
            return Some(packed);
        }
    }
    None
}

/// Rows of the count MIP: every layer's volume in every resource, the system pool, coupling.
fn rows(
    compiled: &Compiled,
    target: &Target,
    layers: &[(Vec<bool>, Vec<usize>)],
    extra: &[Vec<i64>],
) -> Option<Rows> {
    let points = target.demand.len();
    let variable = |place: usize, point: usize| place * points + point;
    let mut rows = Rows::default();
    for (point, demand) in target.demand.iter().enumerate() {
        for (fits, _) in layers {
            // Classes whose kinds are all among this layer's.
            let inside: Vec<usize> = layers
                .iter()
                .filter(|(other, _)| other.iter().zip(fits).all(|(a, b)| !a | b))
                .flat_map(|(_, classes)| classes.iter().copied())
                .collect();
            for (dim, extra) in extra[point].iter().enumerate() {
                let size = |class: usize| i128::from(compiled.plain_size(class, dim));
                let sum: i128 = inside.iter().map(|&c| size(c) * i128::from(demand[c])).sum();
                let volume = sum + i128::from(*extra);
                if volume <= 0 {
                    continue;
                }
                let entries: Vec<(usize, f64)> = target
                    .kinds
                    .iter()
                    .enumerate()
                    .filter(|(place, _)| fits[*place])
                    .map(|(place, &kind)| {
                        let room = compiled.kinds[kind].capacity[dim] as f64 / volume as f64;
                        (variable(place, point), room.clamp(1e-7, 1.0))
                    })
                    .collect();
                rows.push(1.0, f64::INFINITY, &entries).ok()?;
            }
        }
        if target.system.get(point).is_some_and(|nodes| *nodes > 0) {
            let entries: Vec<(usize, f64)> = (0..target.kinds.len())
                .filter(|&place| compiled.kinds[target.kinds[place]].serves_system)
                .map(|place| (variable(place, point), 1.0))
                .collect();
            rows.push(1.0, f64::INFINITY, &entries).ok()?;
        }
    }
    for &(small, large) in &compiled.coupled {
        for place in 0..target.kinds.len() {
            let entries = [(variable(place, small), 1.0), (variable(place, large), -1.0)];
            rows.push(f64::NEG_INFINITY, 0.0, &entries).ok()?;
        }
    }
    Some(rows)
}

/// Node counts per place of `target.kinds` × load point.
fn choose(
    compiled: &Compiled,
    target: &Target,
    layers: &[(Vec<bool>, Vec<usize>)],
    extra: &[Vec<i64>],
    cutoff: i128,
    meter: &Meter<'_>,
) -> Option<Vec<Vec<u32>>> {
    let points = target.demand.len();
    let mut rows = rows(compiled, target, layers, extra)?;
    let mut cost: Vec<i128> = target
        .kinds
        .iter()
        .flat_map(|&kind| (0..points).map(move |point| compiled.cost(kind, point)))
        .collect();
    let step = mip_step(cost.iter().copied());
    cost.iter_mut().for_each(|c| *c /= step);
    let mut upper = vec![f64::INFINITY; cost.len()];
    if let Some(most) = compiled.max_pools {
        // One binary per kind; no cheaper plan has more nodes than the cutoff pays for.
        let (counts, kinds) = (cost.len(), target.kinds.len());
        for (at, cost) in cost.iter().enumerate() {
            let nodes = (cutoff / (cost * step).max(1)) as f64;
            let entries = [(at, 1.0), (counts + at / points, -nodes.clamp(1.0, 1e6))];
            rows.push(f64::NEG_INFINITY, 0.0, &entries).ok()?;
        }
        cost.resize(counts + kinds, 0);
        upper.resize(counts + kinds, 1.0);
        let entries: Vec<(usize, f64)> = (counts..counts + kinds).map(|y| (y, 1.0)).collect();
        rows.push(f64::NEG_INFINITY, most as f64, &entries).ok()?;
    }
    let model = MipModel {
        lower: vec![0.0; cost.len()],
        integer: vec![true; cost.len()],
        cost: cost.iter().map(|c| *c as f64).collect(),
        upper,
        rows,
    };
    let limits = MipLimits {
        nodes: 4_000,
        lp_iterations: 3_000.min(meter.iterations_left()),
        stall_nodes: 2_000,
        absolute_gap: 0.999,
        objective_cutoff: below(cutoff, step),
    };
    let answer = solve_mip(&model, None, &limits, &meter.control().interrupt).ok()?;
    meter.iterations(answer.lp_iterations);
    let x = answer.solution?;
    let count = |x: &f64| x.round().max(0.0) as u32;
    let counts = &x[..target.kinds.len() * points];
    Some(counts.chunks(points).map(|row| row.iter().map(count).collect()).collect())
}

/// Fills the given nodes one after another, each as full as a knapsack makes it, the resource
/// that is scarce over all counting most; returns what stays out, by class.
fn pack(
    compiled: &Compiled,
    target: &Target,
    point: usize,
    counts: &[u32],
    meter: &Meter<'_>,
) -> Option<(Packed, Vec<(usize, u32)>)> {
    let mut left = target.demand[point].clone();
    let mut nodes: Vec<(usize, u32)> =
        target.kinds.iter().copied().zip(counts.iter().copied()).filter(|n| n.1 > 0).collect();
    // Small nodes first: what is left over at the end is many small pods on a large one.
    nodes.sort_by_key(|&(kind, _)| (compiled.kinds[kind].rate, kind));
    let mut packed = Packed::default();
    let mut fills = 0;
    while let Some((kind, count)) = nodes.first_mut() {
        let kind = *kind;
        if *count == 0 {
            nodes.remove(0);
            continue;
        }
        fills += 1;
        if fills > FILLS || meter.stop() {
            return None;
        }
        let weights = scarcity(compiled, &left, &nodes);
        let content = fill(compiled, kind, &left, &weights, meter);
        let count = &mut nodes[0].1;
        let times = content
            .iter()
            .map(|&(class, pods)| left[class as usize] / pods)
            .min()
            .unwrap_or(*count)
            .div_ceil(2)
            .clamp(1, *count);
        for &(class, pods) in &content {
            left[class as usize] = left[class as usize].saturating_sub(pods * times);
        }
        *count -= times;
        packed.push(Column { kind, point, content }, times);
    }
    let out = left.into_iter().enumerate().filter(|(_, pods)| *pods > 0).collect();
    Some((packed, out))
}

/// Demand over capacity per dimension, per unit: what a unit of the resource is worth.
fn scarcity(compiled: &Compiled, left: &[u32], nodes: &[(usize, u32)]) -> Vec<f64> {
    (0..compiled.dims)
        .map(|dim| {
            let room: f64 = nodes
                .iter()
                .map(|&(kind, count)| {
                    compiled.kinds[kind].capacity[dim].min(1 << 60) as f64 * f64::from(count)
                })
                .sum();
            let wanted: f64 = left
                .iter()
                .enumerate()
                .map(|(class, pods)| compiled.plain_size(class, dim) as f64 * f64::from(*pods))
                .sum();
            // The fourth power makes the scarcest resource count nearly alone.
            (wanted / room.max(1.0)).powi(4) / room.max(1.0)
        })
        .collect()
}

fn fill(
    compiled: &Compiled,
    kind: usize,
    left: &[u32],
    weights: &[f64],
    meter: &Meter<'_>,
) -> Vec<(u32, u32)> {
    let total: f64 = (0..compiled.dims)
        .map(|dim| weights[dim] * compiled.kinds[kind].capacity[dim].min(1 << 60) as f64)
        .sum();
    let mut items = Vec::new();
    for (class, &left) in left.iter().enumerate() {
        if left == 0 || !compiled.fits(kind, class) {
            continue;
        }
        let size: Vec<i64> = (0..compiled.dims).map(|d| compiled.size(kind, class, d)).collect();
        let mut most = left.min(compiled.classes[class].per_node);
        for (dim, &size) in size.iter().enumerate() {
            if size > 0 {
                let fits = compiled.kinds[kind].capacity[dim] / size;
                most = most.min(u32::try_from(fits).unwrap_or(u32::MAX));
            }
        }
        let share: f64 = size.iter().zip(weights).map(|(s, w)| *s as f64 * w).sum::<f64>() / total;
        // Large pods are the hard ones: a little more for them than their volume.
        let value = (share * (1.0 + 0.05 * share.min(1.0)) * 1e12) as i64;
        if most > 0 && value > 0 {
            items.push(Item { class: class as u32, most, value, size, steps: Vec::new() });
        }
    }
    let task = Task {
        items,
        joint: Vec::new(),
        capacity: compiled.kinds[kind].capacity.clone(),
        limit: 0,
        best_only: true,
        keep: 1,
        label_limit: 300,
        budget: 60_000,
    };
    let priced = price(&task);
    // Looking at every class is work, too.
    meter.labels(priced.labels + 20 * compiled.classes.len() as u64);
    priced.contents.into_iter().next().map(|(_, content)| content).unwrap_or_default()
}
