//! Plans from node counts: where pods are small beside nodes, what matters is how many nodes of
//! which kind there are, and the pods then fall into place.
//!
//! A MIP over the compact relaxation chooses the counts. Knapsacks fill the nodes one by one; if
//! pods stay out, a second MIP assigns all pods to the nodes at once; what still stays out gets
//! nodes of its own.

use crate::columns::knapsack::{Item, Task, price};
use crate::columns::master::Scale;
use crate::columns::pool::Column;
use crate::columns::target::Target;
use crate::compact::Program;
use crate::compile::Compiled;
use crate::construct;
use crate::packed::Packed;
use crate::work::Meter;
use nodeplan_lp::{MipLimits, MipModel, Rows, solve_mip};

/// Most knapsacks of one packing.
const FILLS: usize = 120;
/// Most nodes × classes of an assignment.
const LARGEST_ASSIGNMENT: usize = 1_500;

/// The best plan found with so many simplex iterations, cheaper than `cutoff` where the pods
/// fall into place.
pub fn plan(
    compiled: &Compiled,
    target: &Target,
    scale: &Scale,
    cutoff: i128,
    iterations: u64,
    meter: &Meter<'_>,
) -> Option<Packed> {
    let counts = choose(compiled, target, scale, (cutoff, iterations), meter)?;
    hold(compiled, target, &counts, meter)
}

/// Puts all pods on the given nodes (place of `target.kinds` × load point), and on further ones
/// where these do not hold them.
pub fn hold(
    compiled: &Compiled,
    target: &Target,
    counts: &[Vec<u32>],
    meter: &Meter<'_>,
) -> Option<Packed> {
    let values = construct::fair_values(compiled, target);
    let mut packed = Packed::default();
    for point in 0..target.demand.len() {
        let here: Vec<u32> = counts.iter().map(|row| row[point]).collect();
        let (mut columns, fits) = pack(compiled, target, point, &here, meter)?;
        if !fits && let Some(assigned) = assign(compiled, target, point, &here, &values, meter) {
            columns = assigned;
        }
        packed.nodes.extend(columns.nodes);
    }
    let mut rest = target.clone();
    for (column, nodes) in &packed.nodes {
        rest.subtract(compiled, column.kind, column.point, &column.content, *nodes);
    }
    if !rest.is_met() {
        packed.nodes.extend(construct::cover(compiled, &rest, &values)?.nodes);
    }
    Some(packed)
}

/// Node counts per place of `target.kinds` × load point.
fn choose(
    compiled: &Compiled,
    target: &Target,
    scale: &Scale,
    (cutoff, iterations): (i128, u64),
    meter: &Meter<'_>,
) -> Option<Vec<Vec<u32>>> {
    let points = target.demand.len();
    let nodes = target.kinds.len() * points;
    let Program { mut cost, mut rows, .. } = Program::new(compiled, target, scale)?;
    let mut integer = vec![true; nodes];
    integer.resize(cost.len(), false);
    let mut upper = vec![f64::INFINITY; cost.len()];
    if let Some(most) = compiled.max_pools {
        // One binary per kind; no cheaper plan has more nodes than the cutoff pays for.
        let first = cost.len();
        let budget = cutoff as f64 / scale.norm;
        for (at, cost) in cost.iter().enumerate().take(nodes) {
            let most = (budget / cost.max(1e-9)).clamp(1.0, 1e6);
            let entries = [(at, 1.0), (first + at / points, -most)];
            rows.push(f64::NEG_INFINITY, 0.0, &entries).ok()?;
        }
        let entries: Vec<(usize, f64)> =
            (0..target.kinds.len()).map(|place| (first + place, 1.0)).collect();
        rows.push(f64::NEG_INFINITY, most as f64, &entries).ok()?;
        cost.resize(first + entries.len(), 0.0);
        upper.resize(cost.len(), 1.0);
        integer.resize(cost.len(), true);
    }
    let model = MipModel { lower: vec![0.0; cost.len()], integer, cost, upper, rows };
    let limits = MipLimits {
        nodes: 2_000,
        lp_iterations: iterations.min(meter.iterations_left()),
        stall_nodes: 2_000,
        absolute_gap: 1e-6,
        objective_cutoff: Some(cutoff as f64 / scale.norm),
    };
    let answer = solve_mip(&model, None, &limits, &meter.control().interrupt).ok()?;
    meter.iterations(answer.lp_iterations);
    let x = answer.solution?;
    let count = |x: &f64| x.round().max(0.0) as u32;
    Some(x[..nodes].chunks(points).map(|row| row.iter().map(count).collect()).collect())
}

/// Pods to nodes all at once, as many as find room.
fn assign(
    compiled: &Compiled,
    target: &Target,
    point: usize,
    counts: &[u32],
    values: &[f64],
    meter: &Meter<'_>,
) -> Option<Packed> {
    let nodes: Vec<usize> = target
        .kinds
        .iter()
        .zip(counts)
        .flat_map(|(&kind, &count)| std::iter::repeat_n(kind, count.min(1_000) as usize))
        .collect();
    let demand = &target.demand[point];
    let classes: Vec<usize> = (0..demand.len()).filter(|&class| demand[class] > 0).collect();
    if nodes.len() * classes.len() > LARGEST_ASSIGNMENT {
        return None;
    }
    let all: f64 = classes.iter().map(|&class| values[class] * f64::from(demand[class])).sum();
    let (mut cost, mut upper) = (Vec::new(), Vec::new());
    for &class in &classes {
        for &kind in &nodes {
            cost.push(-values[class] / all * 1000.0);
            let most = compiled.most(kind, class, point);
            upper.push(if compiled.fits(kind, class) { f64::from(most) } else { 0.0 });
        }
    }
    let mut rows = Rows::default();
    let column = |place: usize, node: usize| place * nodes.len() + node;
    for (place, &class) in classes.iter().enumerate() {
        let entries: Vec<(usize, f64)> =
            (0..nodes.len()).map(|node| (column(place, node), 1.0)).collect();
        rows.push(f64::NEG_INFINITY, f64::from(demand[class]), &entries).ok()?;
    }
    for (node, &kind) in nodes.iter().enumerate() {
        for dim in 0..compiled.dims {
            let entries: Vec<(usize, f64)> = classes
                .iter()
                .enumerate()
                .map(|(place, &class)| {
                    (column(place, node), compiled.size(kind, class, dim) as f64)
                })
                .filter(|entry| entry.1 > 0.0)
                .collect();
            let room = compiled.kinds[kind].capacity[dim];
            if !entries.is_empty() && room < 1 << 50 {
                rows.push(f64::NEG_INFINITY, room as f64, &entries).ok()?;
            }
        }
    }
    let model = MipModel {
        lower: vec![0.0; cost.len()],
        integer: vec![true; cost.len()],
        cost,
        upper,
        rows,
    };
    let limits = MipLimits {
        nodes: 200,
        lp_iterations: 10_000.min(meter.iterations_left()),
        stall_nodes: 200,
        absolute_gap: 1e-6,
        objective_cutoff: None,
    };
    let answer = solve_mip(&model, None, &limits, &meter.control().interrupt).ok()?;
    meter.iterations(answer.lp_iterations);
    let x = answer.solution?;
    let pods = |place: usize, node: usize| x[column(place, node)].round().max(0.0) as u32;
    Some(assigned(compiled, point, &nodes, &classes, pods))
}

/// Columns from pods per class and node, never more than a node holds: floats are rounded.
fn assigned(
    compiled: &Compiled,
    point: usize,
    nodes: &[usize],
    classes: &[usize],
    wanted: impl Fn(usize, usize) -> u32,
) -> Packed {
    let mut packed = Packed::default();
    for (node, &kind) in nodes.iter().enumerate() {
        let mut room = compiled.kinds[kind].capacity.clone();
        let mut content = Vec::new();
        for (place, &class) in classes.iter().enumerate() {
            let mut pods = wanted(place, node);
            for (dim, room) in room.iter().enumerate() {
                let size = compiled.size(kind, class, dim);
                if size > 0 {
                    pods = pods.min(u32::try_from(room / size).unwrap_or(u32::MAX));
                }
            }
            for (dim, room) in room.iter_mut().enumerate() {
                *room -= compiled.size(kind, class, dim) * i64::from(pods);
            }
            if pods > 0 {
                content.push((class as u32, pods));
            }
        }
        packed.push(Column { kind, point, content }, 1);
    }
    packed
}

/// Fills the given nodes one after another, each as full as a knapsack makes it, the resource
/// that is scarce over all counting most; returns whether all pods are in.
fn pack(
    compiled: &Compiled,
    target: &Target,
    point: usize,
    counts: &[u32],
    meter: &Meter<'_>,
) -> Option<(Packed, bool)> {
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
    let fits = left.iter().all(|pods| *pods == 0);
    Some((packed, fits))
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
