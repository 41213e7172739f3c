//! What a master LP has to cover: demand per load point, and the rows beyond it.

use crate::compile::Compiled;

/// Nodes at one load point, of some kinds, whose content meets every condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathRow {
    /// Load point.
    pub point: usize,
    /// Kinds counted, sorted; `None` counts all.
    pub kinds: Option<Vec<usize>>,
    /// (class, at least so many copies).
    pub conditions: Vec<(u32, u32)>,
    /// Sense: ≥ `rhs` or ≤ `rhs`.
    pub at_least: bool,
    /// Right-hand side.
    pub rhs: u32,
}

impl PathRow {
    /// Whether nodes of `kind` at `point` may count.
    pub fn counts(&self, kind: usize, point: usize) -> bool {
        self.point == point
            && self.kinds.as_ref().is_none_or(|kinds| kinds.binary_search(&kind).is_ok())
    }

    /// Whether a content meets the conditions.
    pub fn met_by(&self, content: &[(u32, u32)]) -> bool {
        self.conditions.iter().all(|&(class, at_least)| {
            content.binary_search_by_key(&class, |c| c.0).is_ok_and(|i| content[i].1 >= at_least)
        })
    }
}

/// A covering problem over the classes of a compiled problem: the whole one, what a partial
/// plan leaves, or a branch of the search tree.
#[derive(Clone, Debug)]
pub struct Target {
    /// Pods: load points × classes.
    pub demand: Vec<Vec<u32>>,
    /// System nodes still needed per load point; empty where none are.
    pub system: Vec<u32>,
    /// By how much a kind may have more nodes at the small point than at the large: per
    /// coupled pair × place in `kinds`.
    pub slack: Vec<Vec<i64>>,
    /// Kinds that may be used, sorted.
    pub kinds: Vec<usize>,
    /// Rows of the branch.
    pub rows: Vec<PathRow>,
}

impl Target {
    /// The whole problem, without the classes that fit nowhere.
    pub fn whole(compiled: &Compiled) -> Self {
        let points = compiled.weights.len();
        let mut demand: Vec<Vec<u32>> = (0..points)
            .map(|s| compiled.classes.iter().map(|class| class.demand[s]).collect())
            .collect();
        for row in &mut demand {
            for &class in &compiled.homeless {
                row[class] = 0;
            }
        }
        Self {
            demand,
            system: if compiled.needs_system { vec![1; points] } else { Vec::new() },
            slack: vec![vec![0; compiled.front.len()]; compiled.coupled.len()],
            kinds: compiled.front.clone(),
            rows: Vec::new(),
        }
    }

    /// Whether nothing is left to cover.
    pub fn is_met(&self) -> bool {
        self.demand.iter().flatten().all(|pods| *pods == 0)
            && self.system.iter().all(|nodes| *nodes == 0)
    }

    /// Pods left.
    pub fn pods(&self) -> u64 {
        self.demand.iter().flatten().map(|pods| u64::from(*pods)).sum()
    }

    /// Restricts the kinds; slack follows.
    pub fn keep_kinds(&mut self, keep: impl Fn(usize) -> bool) {
        let kept: Vec<usize> = (0..self.kinds.len()).filter(|&i| keep(self.kinds[i])).collect();
        for slack in &mut self.slack {
            *slack = kept.iter().map(|&i| slack[i]).collect();
        }
        self.kinds = kept.iter().map(|&i| self.kinds[i]).collect();
    }

    /// Takes `nodes` nodes of `kind` at `point` with `content` off what is to be covered.
    pub fn subtract(
        &mut self,
        compiled: &Compiled,
        kind: usize,
        point: usize,
        content: &[(u32, u32)],
        nodes: u32,
    ) {
        for &(class, pods) in content {
            let left = &mut self.demand[point][class as usize];
            *left = left.saturating_sub(pods.saturating_mul(nodes));
        }
        if compiled.kinds[kind].serves_system
            && let Some(left) = self.system.get_mut(point)
        {
            *left = left.saturating_sub(nodes);
        }
        if let Ok(place) = self.kinds.binary_search(&kind) {
            for (pair, &(small, large)) in compiled.coupled.iter().enumerate() {
                if small == point {
                    self.slack[pair][place] -= i64::from(nodes);
                }
                if large == point {
                    self.slack[pair][place] += i64::from(nodes);
                }
            }
        }
    }
}
