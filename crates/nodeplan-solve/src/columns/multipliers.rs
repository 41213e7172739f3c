//! Lagrangian multipliers of one pricing problem: what a unit of each resource is worth, for
//! bounds on what a partial content can still gain.

use super::knapsack::{Item, Task};

/// Multiplier sets per problem.
pub const SETS: usize = 4;

/// Reduced worth of an item at multipliers `set`: the best over its number of copies.
pub fn best_reduced<const D: usize>(item: &Item, size: &[i64; D], set: &[f64; D]) -> f64 {
    let weight: f64 = (0..D).map(|d| set[d] * size[d] as f64).sum();
    if item.steps.is_empty() {
        return ((item.value as f64 - weight) * f64::from(item.most)).max(0.0);
    }
    (0..=item.most).map(|n| item.worth(n) as f64 - weight * f64::from(n)).fold(0.0, f64::max)
}

/// min over t ≥ 0 of the Lagrangian bound at multipliers t × `ray`: the LP bound of the
/// surrogate knapsack, and the t that gives it.
fn along_ray<const D: usize>(
    task: &Task,
    sizes: &[[i64; D]],
    capacity: &[i64; D],
    ray: &[f64; D],
    order: &mut Vec<(f64, f64)>,
) -> (f64, f64) {
    order.clear();
    let mut free = 0.0;
    for (item, size) in task.items.iter().zip(sizes) {
        let weight: f64 = (0..D).map(|d| ray[d] * size[d] as f64).sum();
        let gain: i64 = item.steps.iter().map(|(_, g)| (*g).max(0)).sum();
        let value = item.value as f64 + gain as f64 / f64::from(item.most);
        if weight <= 0.0 {
            free += value.max(0.0) * f64::from(item.most);
        } else if value > 0.0 {
            order.push((value / weight, weight * f64::from(item.most)));
        }
    }
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut room: f64 = (0..D).map(|d| ray[d] * capacity[d] as f64).sum();
    let mut bound = free;
    for &(ratio, weight) in order.iter() {
        if weight >= room {
            return (bound + ratio * room, ratio);
        }
        bound += ratio * weight;
        room -= weight;
    }
    (bound, 0.0)
}

/// The search for the multipliers of one capacity vector, along rays: directions in the space
/// of multipliers, each scaled to its best length.
struct Rays<'a, const D: usize> {
    task: &'a Task,
    sizes: &'a [[i64; D]],
    capacity: [i64; D],
    order: Vec<(f64, f64)>,
    bound: f64,
    best: [f64; D],
}

impl<'a, const D: usize> Rays<'a, D> {
    fn new(task: &'a Task, sizes: &'a [[i64; D]], capacity: [i64; D]) -> Self {
        Self { task, sizes, capacity, order: Vec::new(), bound: f64::INFINITY, best: [0.0; D] }
    }

    /// The bound along the ray that spends `weights` shares of each resource's capacity.
    fn attempt(&mut self, weights: [f64; D]) -> f64 {
        let mut ray = weights;
        for (ray, capacity) in ray.iter_mut().zip(&self.capacity) {
            *ray /= (*capacity).max(1) as f64;
        }
        let (bound, t) = along_ray(self.task, self.sizes, &self.capacity, &ray, &mut self.order);
        if bound < self.bound {
            (self.bound, self.best) = (bound, ray.map(|r| r * t));
        }
        bound
    }

    /// Looks in up to two resources by narrowing an interval, in more by changing one weight
    /// after another.
    fn search(mut self, live: usize) -> [f64; D] {
        match live {
            0 | 1 => {
                let mut only = [0.0; D];
                only[0] = 1.0;
                self.attempt(only);
            }
            2 => self.narrow(),
            _ => self.descend(live),
        }
        self.best
    }

    fn narrow(&mut self) {
        let at = |a: f64| {
            let mut weights = [0.0; D];
            (weights[0], weights[1]) = (a, 1.0 - a);
            weights
        };
        let (mut low, mut high) = (0.0, 1.0);
        self.attempt(at(low));
        self.attempt(at(high));
        for _ in 0..9 {
            let (a, b) = (low + (high - low) * 0.382, low + (high - low) * 0.618);
            if self.attempt(at(a)) <= self.attempt(at(b)) {
                high = b;
            } else {
                low = a;
            }
        }
    }

    fn descend(&mut self, live: usize) {
        let mut weights = [0.0; D];
        weights[..live].fill(1.0);
        let mut bound = self.attempt(weights);
        for step in [4.0, 2.0, 1.4, 1.15] {
            for d in 0..live {
                for factor in [step, 1.0 / step, 0.0] {
                    let mut changed = weights;
                    changed[d] *= factor;
                    let next = self.attempt(changed);
                    if next < bound {
                        (bound, weights) = (next, changed);
                    }
                }
            }
        }
    }
}

/// Multiplier sets: the best found for the whole capacity, then for capacities short in one
/// dimension. `None` where the first already proves that no content beats the limit.
pub fn multipliers<const D: usize>(
    task: &Task,
    sizes: &[[i64; D]],
    capacity: &[i64; D],
    live: usize,
) -> Option<[[f64; D]; SETS]> {
    let mut sets = [[0.0; D]; SETS];
    sets[0] = Rays::new(task, sizes, *capacity).search(live);
    let joint: f64 = task.joint.iter().map(|j| j.gain.max(0) as f64).sum();
    let own: f64 = sets[0].iter().zip(capacity).map(|(set, room)| set * *room as f64).sum();
    let gains: f64 =
        task.items.iter().zip(sizes).map(|(item, size)| best_reduced(item, size, &sets[0])).sum();
    if (own + gains + joint) * (1.0 + 1e-12) + 1e-3 <= task.limit as f64 {
        return None;
    }
    for (m, set) in sets.iter_mut().enumerate().skip(1) {
        let mut shrunk = *capacity;
        if live <= 1 {
            shrunk[0] = capacity[0] / 5 * (4 - m as i64);
        } else {
            let d = (m - 1) % live;
            shrunk[d] = capacity[d] / 5 * if m > live { 4 } else { 2 };
        }
        *set = Rays::new(task, sizes, shrunk).search(live);
    }
    Some(sets)
}
