//! A first plan: nodes filled greedily, the best value per cost first, each content repeated
//! while the demand allows. Also the source of the first columns.

use crate::columns::pool::Column;
use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::packed::Packed;

/// Worth of one pod per class in cost units: its share of the cheapest node by its scarcest
/// resource. The starting point of every fill.
pub fn fair_values(compiled: &Compiled, target: &Target) -> Vec<f64> {
    (0..compiled.classes.len())
        .map(|class| {
            target
                .kinds
                .iter()
                .filter(|&&kind| compiled.fits(kind, class))
                .map(|&kind| {
                    let share = (0..compiled.dims)
                        .map(|dim| {
                            let size = compiled.size(kind, class, dim) as f64;
                            if size > 0.0 {
                                size / compiled.kinds[kind].capacity[dim] as f64
                            } else {
                                0.0
                            }
                        })
                        .fold(0.0, f64::max);
                    share * compiled.kinds[kind].rate as f64
                })
                .fold(f64::INFINITY, f64::min)
        })
        .map(|value| if value.is_finite() { value } else { 0.0 })
        .collect()
}

/// Fills nodes of one kind.
struct Filler {
    kind: usize,
    /// Classes that fit, best value per scarcest share first.
    order: Vec<u32>,
    /// Their sizes: order × dims.
    sizes: Vec<i64>,
    /// Least size from a place in the order on: order × dims.
    least: Vec<i64>,
}

impl Filler {
    fn new(compiled: &Compiled, kind: usize, values: &[f64], demand: &[u32]) -> Self {
        let mut order: Vec<(f64, u32)> = (0..compiled.classes.len())
            .filter(|&class| demand[class] > 0 && compiled.fits(kind, class))
            .map(|class| {
                let share = (0..compiled.dims)
                    .map(|dim| {
                        let room = compiled.kinds[kind].capacity[dim].max(1) as f64;
                        compiled.size(kind, class, dim) as f64 / room
                    })
                    .sum::<f64>();
                (values[class] / share.max(1e-12), class as u32)
            })
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let order: Vec<u32> = order.into_iter().map(|(_, class)| class).collect();
        let dims = compiled.dims;
        let size = |class: &u32, dim| compiled.size(kind, *class as usize, dim);
        let sizes: Vec<i64> =
            order.iter().flat_map(|class| (0..dims).map(move |dim| size(class, dim))).collect();
        let mut least = sizes.clone();
        for at in (dims..least.len()).rev() {
            least[at - dims] = least[at - dims].min(least[at]);
        }
        Self { kind, order, sizes, least }
    }

    /// The content and its value, within what is left.
    fn fill(&self, compiled: &Compiled, values: &[f64], left: &[u32]) -> (f64, Vec<(u32, u32)>) {
        let mut room = compiled.kinds[self.kind].capacity.clone();
        let mut content = Vec::new();
        let mut value = 0.0;
        let dims = compiled.dims;
        for (at, &class) in self.order.iter().enumerate() {
            if left[class as usize] == 0 {
                continue;
            }
            // Nothing from here on fits any more.
            if room.iter().zip(&self.least[at * dims..]).any(|(room, least)| room < least) {
                break;
            }
            let mut pods = left[class as usize].min(compiled.classes[class as usize].per_node);
            let sizes = &self.sizes[at * dims..(at + 1) * dims];
            for (room, &size) in room.iter().zip(sizes) {
                if size > *room {
                    pods = 0;
                    break;
                }
                if size > 0 {
                    pods = pods.min(u32::try_from(room / size).unwrap_or(u32::MAX));
                }
            }
            if pods == 0 {
                continue;
            }
            for (room, &size) in room.iter_mut().zip(sizes) {
                *room -= size * i64::from(pods);
            }
            value += values[class as usize] * f64::from(pods);
            content.push((class, pods));
        }
        content.sort_unstable();
        (value, content)
    }
}

/// Covers the demand of one load point; `None` where the kinds' limits run out.
fn cover_point(
    compiled: &Compiled,
    target: &Target,
    values: &[f64],
    point: usize,
    limits: &mut [u32],
) -> Option<Packed> {
    let mut left = target.demand[point].clone();
    let mut open = left.iter().filter(|pods| **pods > 0).count();
    let mut packed = Packed::default();
    let fillers: Vec<Filler> =
        target.kinds.iter().map(|&kind| Filler::new(compiled, kind, values, &left)).collect();
    // Lazy greedy: a kind's best ratio only falls while demand shrinks, so a stale ratio is an
    // upper bound and most kinds need no new fill.
    let mut stale: Vec<f64> = vec![f64::INFINITY; fillers.len()];
    let mut fresh: Vec<Option<Vec<(u32, u32)>>> = vec![None; fillers.len()];
    while open > 0 {
        let next = (0..fillers.len())
            .filter(|&i| limits[i] > 0)
            .max_by(|&a, &b| stale[a].total_cmp(&stale[b]).then(b.cmp(&a)))?;
        if stale[next] <= 0.0 {
            return None;
        }
        if fresh[next].is_none() {
            let (value, content) = fillers[next].fill(compiled, values, &left);
            let ratio = value / compiled.kinds[fillers[next].kind].rate.max(1) as f64;
            stale[next] = if content.is_empty() { 0.0 } else { ratio.max(1e-300) };
            fresh[next] = Some(content);
            continue;
        }
        let content = fresh[next].take()?;
        let times = content
            .iter()
            .map(|&(class, pods)| left[class as usize] / pods)
            .min()
            .unwrap_or(0)
            .min(limits[next])
            .max(1);
        for &(class, pods) in &content {
            let left = &mut left[class as usize];
            *left -= pods * times;
            open -= usize::from(*left == 0);
        }
        limits[next] -= times;
        fresh.iter_mut().for_each(|f| *f = None);
        packed.push(Column { kind: fillers[next].kind, point, content }, times);
    }
    Some(packed)
}

/// Covers the whole target; `None` where greedy filling finds no legal cover.
pub fn cover(compiled: &Compiled, target: &Target, values: &[f64]) -> Option<Packed> {
    let points = target.demand.len();
    let mut order: Vec<usize> = (0..points).collect();
    let total = |s: usize| target.demand[s].iter().map(|p| u64::from(*p)).sum::<u64>();
    order.sort_by_key(|&s| (std::cmp::Reverse(total(s)), std::cmp::Reverse(s)));
    let mut packed = Packed::default();
    for &point in &order {
        let counts = packed.counts(compiled);
        let mut limits: Vec<u32> = target
            .kinds
            .iter()
            .enumerate()
            .map(|(place, &kind)| {
                compiled
                    .coupled
                    .iter()
                    .zip(&target.slack)
                    .filter(|((small, _), _)| *small == point)
                    .map(|(&(_, large), slack)| {
                        let room = slack[place] + i64::from(counts[kind][large]);
                        u32::try_from(room.max(0)).unwrap_or(u32::MAX)
                    })
                    .min()
                    .unwrap_or(u32::MAX)
            })
            .collect();
        let here = cover_point(compiled, target, values, point, &mut limits)?;
        packed.nodes.extend(here.nodes);
        staff_system(compiled, target, point, &mut packed)?;
    }
    Some(packed)
}

/// Adds the cheapest system node where a load point has none.
fn staff_system(
    compiled: &Compiled,
    target: &Target,
    point: usize,
    packed: &mut Packed,
) -> Option<()> {
    let needed = target.system.get(point).copied().unwrap_or(0);
    let counts = packed.counts(compiled);
    let staffed: u32 = (0..compiled.kinds.len())
        .filter(|&kind| compiled.kinds[kind].serves_system)
        .map(|kind| counts[kind][point])
        .sum();
    if staffed >= needed {
        return Some(());
    }
    let room = |kind: usize| {
        compiled
            .coupled
            .iter()
            .filter(|(small, _)| *small == point)
            .all(|&(_, large)| counts[kind][large] > counts[kind][point])
    };
    let kind = target
        .kinds
        .iter()
        .copied()
        .filter(|&kind| compiled.kinds[kind].serves_system && room(kind))
        .min_by_key(|&kind| (compiled.kinds[kind].rate, kind))?;
    packed.push(Column { kind, point, content: Vec::new() }, needed - staffed);
    Some(())
}

/// One plan for the largest demand of every class, kept at every load point: legal whenever
/// anything is, because equal node counts satisfy every coupling.
pub fn constant(compiled: &Compiled, target: &Target, values: &[f64]) -> Option<Packed> {
    let points = target.demand.len();
    let mut peak = target.clone();
    for class in 0..compiled.classes.len() {
        let most = (0..points).map(|s| target.demand[s][class]).max().unwrap_or(0);
        peak.demand[0][class] = most;
    }
    let mut limits = vec![u32::MAX; target.kinds.len()];
    let mut first = cover_point(compiled, &peak, values, 0, &mut limits)?;
    staff_system(compiled, &peak, 0, &mut first)?;
    let mut packed = Packed::default();
    for point in 0..points {
        for (column, nodes) in &first.nodes {
            packed.push(Column { point, ..column.clone() }, *nodes);
        }
    }
    Some(packed)
}
