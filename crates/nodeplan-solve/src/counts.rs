//! Plans from node counts: where pods are small beside nodes, what matters is how many nodes of
//! which kind hold the volume, and the pods then fall into place.
//!
//! A small MIP chooses counts whose capacities cover the demand of every resource, layer by
//! layer; best-fit decreasing packs the pods; where some stay out, their volume is added to the
//! demand and the counts are chosen again.

use crate::columns::pool::Column;
use crate::columns::target::Target;
use crate::compile::{Compiled, gcd};
use crate::packed::Packed;
use crate::volume;
use crate::work::Meter;
use nodeplan_lp::{MipLimits, MipModel, Rows, solve_mip};

/// Rounds of choosing counts.
const ROUNDS: usize = 16;
/// Most pods × nodes of one packing.
const LARGEST: u64 = 20_000_000;

/// The best plan found this way, cheaper than `cutoff`.
pub fn plan(compiled: &Compiled, target: &Target, cutoff: i128, meter: &Meter<'_>) -> Option<Packed> {
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
            let (columns, out) = pack(compiled, target, point, &here)?;
            packed.nodes.extend(columns.nodes);
            for (class, pods) in out {
                fits = false;
                for (dim, more) in extra[point].iter_mut().enumerate() {
                    *more += compiled.plain_size(class, dim) * i64::from(pods);
                }
            }
        }
        if fits {
            return Some(packed);
        }
    }
    None
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
            for dim in 0..compiled.dims {
                let volume: i128 = inside
                    .iter()
                    .map(|&class| {
                        i128::from(compiled.plain_size(class, dim)) * i128::from(demand[class])
                    })
                    .sum();
                let volume = volume + i128::from(extra[point][dim]);
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
                        (variable(place, point), room.min(1.0).max(1e-7))
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
    let mut cost: Vec<i64> = target
        .kinds
        .iter()
        .flat_map(|&kind| (0..points).map(move |point| compiled.cost(kind, point)))
        .collect();
    let step = cost.iter().fold(0, |step, c| gcd(step, *c as u64)).max(1) as i64;
    cost.iter_mut().for_each(|c| *c /= step);
    let mut upper = vec![f64::INFINITY; cost.len()];
    if let Some(most) = compiled.max_pools {
        // One binary per kind; no cheaper plan has more nodes than the cutoff pays for.
        let budget = |c: i64| (cutoff.min(i128::from(i64::MAX)) / i128::from((c * step).max(1))) as f64;
        let binaries = cost.len();
        for place in 0..target.kinds.len() {
            cost.push(0);
            upper.push(1.0);
            for point in 0..points {
                let at = variable(place, point);
                let nodes = budget(cost[at]).clamp(1.0, 1e6);
                let entries = [(at, 1.0), (binaries + place, -nodes)];
                rows.push(f64::NEG_INFINITY, 0.0, &entries).ok()?;
            }
        }
        let entries: Vec<(usize, f64)> =
            (0..target.kinds.len()).map(|place| (binaries + place, 1.0)).collect();
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
        nodes: 20_000,
        lp_iterations: 6_000.min(meter.left() / 200 + 1),
        stall_nodes: 2_000,
        absolute_gap: 0.999,
        objective_cutoff: (cutoff < i128::MAX)
            .then(|| (cutoff - 1).div_euclid(i128::from(step)) as f64 + 0.1),
    };
    let answer = solve_mip(&model, None, &limits, &meter.control().interrupt).ok()?;
    meter.iterations(answer.lp_iterations);
    let x = answer.solution?;
    Some(
        (0..target.kinds.len())
            .map(|place| {
                (0..points).map(|point| x[variable(place, point)].round().max(0.0) as u32).collect()
            })
            .collect(),
    )
}

/// Best-fit decreasing on the given nodes; what stays out, by class.
fn pack(
    compiled: &Compiled,
    target: &Target,
    point: usize,
    counts: &[u32],
) -> Option<(Packed, Vec<(usize, u32)>)> {
    struct Node {
        kind: usize,
        room: Vec<i64>,
        content: Vec<(u32, u32)>,
    }
    let mut nodes: Vec<Node> = Vec::new();
    for (&kind, &count) in target.kinds.iter().zip(counts) {
        for _ in 0..count {
            let room = compiled.kinds[kind].capacity.clone();
            nodes.push(Node { kind, room, content: Vec::new() });
        }
    }
    let pods: u64 = target.demand[point].iter().map(|p| u64::from(*p)).sum();
    if pods.saturating_mul(nodes.len() as u64) > LARGEST {
        return None;
    }
    let total: Vec<f64> = (0..compiled.dims)
        .map(|dim| nodes.iter().map(|node| node.room[dim] as f64).sum::<f64>().max(1.0))
        .collect();
    let mut order: Vec<(f64, usize)> = (0..compiled.classes.len())
        .filter(|&class| target.demand[point][class] > 0)
        .map(|class| {
            let size = (0..compiled.dims)
                .map(|dim| compiled.plain_size(class, dim) as f64 / total[dim])
                .fold(0.0, f64::max);
            (size, class)
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut out = Vec::new();
    for (_, class) in order {
        let mut left = target.demand[point][class];
        while left > 0 {
            let best = nodes
                .iter()
                .enumerate()
                .filter(|(_, node)| compiled.fits(node.kind, class))
                .filter(|(_, node)| {
                    let held = node.content.iter().find(|c| c.0 == class as u32).map_or(0, |c| c.1);
                    held < compiled.classes[class].per_node
                        && (0..compiled.dims)
                            .all(|d| compiled.size(node.kind, class, d) <= node.room[d])
                })
                .map(|(i, node)| {
                    // What is left should be small, and in proportion to the node.
                    let rest: Vec<f64> = (0..compiled.dims)
                        .filter(|&d| compiled.kinds[node.kind].capacity[d] < 1 << 60)
                        .map(|d| {
                            let after = node.room[d] - compiled.size(node.kind, class, d);
                            after as f64 / total[d]
                        })
                        .collect();
                    let sum: f64 = rest.iter().sum();
                    let skew = rest.iter().fold(0.0, |m, r| f64::max(m, *r))
                        - rest.iter().fold(f64::INFINITY, |m, r| f64::min(m, *r));
                    (sum + 2.0 * skew, i)
                })
                .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let Some((_, i)) = best else { break };
            let node = &mut nodes[i];
            for d in 0..compiled.dims {
                node.room[d] -= compiled.size(node.kind, class, d);
            }
            match node.content.iter_mut().find(|c| c.0 == class as u32) {
                Some(entry) => entry.1 += 1,
                None => node.content.push((class as u32, 1)),
            }
            left -= 1;
        }
        if left > 0 {
            out.push((class, left));
        }
    }
    let mut packed = Packed::default();
    for mut node in nodes {
        node.content.sort_unstable();
        packed.push(Column { kind: node.kind, point, content: node.content }, 1);
    }
    Some((packed, out))
}
