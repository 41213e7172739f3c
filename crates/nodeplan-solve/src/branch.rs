//! Branch and price: what to branch on.
//!
//! A branching row counts nodes of some kinds at one load point whose content meets some
//! conditions: an integer in every plan, a fraction in the LP. Rows without conditions cost
//! pricing nothing, so they come first: all nodes, the nodes of at least some rate, one kind.
//! Then contents with at least n pods of a class, then of two classes, at last contents that
//! hold a given content (Vanderbeck 2000); one of these is fractional while any column is.

use crate::columns::pool::{Column, Pool};
use crate::columns::target::{PathRow, Target};
use crate::compile::Compiled;
use std::collections::BTreeSet;

/// A fractional row: its value lies strictly between `floor` and `floor` + 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The row; sense and right-hand side are set by the branch.
    pub row: PathRow,
    /// Right-hand side of the ≤ branch.
    pub floor: u32,
    /// The value is nearer to the ≥ branch.
    pub up: bool,
}

/// Fractions nearer to an integer than this count as integers.
const WHOLE: f64 = 1e-5;
/// Rows of the first families are taken only if clearly fractional; the last resort takes any.
const CLEAR: f64 = 0.06;

/// Offers the rows of one kind.
type Family = fn(&Compiled, &[(&Column, f64)], &mut Best);

struct Best {
    score: f64,
    choice: Option<Choice>,
}

impl Best {
    fn offer(&mut self, value: f64, row: impl FnOnce() -> PathRow) {
        let fraction = value - value.floor();
        let score = fraction.min(1.0 - fraction);
        if score > self.score + 1e-9 {
            self.score = score;
            let up = fraction > 0.5;
            self.choice = Some(Choice { row: row(), floor: value.floor() as u32, up });
        }
    }
}

fn row(point: usize, kinds: Option<Vec<usize>>, conditions: Vec<(u32, u32)>) -> PathRow {
    PathRow { point, kinds, conditions, at_least: false, rhs: 0 }
}

/// The branching row for an LP solution, or `None` where it is integral.
pub fn choose(compiled: &Compiled, pool: &Pool, values: &[(usize, f64)]) -> Option<Choice> {
    let used: Vec<(&Column, f64)> =
        values.iter().map(|&(index, x)| (&pool.columns()[index], x)).collect();
    let families: [Family; 5] = [totals, rates, single_kinds, one_class, two_classes];
    let mut weak = Best { score: WHOLE, choice: None };
    for family in families {
        let mut best = Best { score: WHOLE, choice: None };
        family(compiled, &used, &mut best);
        if best.score >= CLEAR {
            return best.choice;
        }
        if best.score > weak.score {
            weak = best;
        }
    }
    weak.choice.or_else(|| whole_content(&used))
}

/// Rows for a solution in node counts (place of `kinds` × load point), the clearest fractions
/// first: one kind, the kinds from some rate on, those from some capacity on.
pub fn of_counts(
    compiled: &Compiled,
    target: &Target,
    kinds: &[usize],
    nodes: &[f64],
) -> Vec<Choice> {
    let points = compiled.weights.len();
    let mut sets: Vec<Vec<usize>> = kinds.iter().map(|&kind| vec![kind]).collect();
    for measure in 0..=compiled.dims {
        let size = |kind: usize| match measure.checked_sub(1) {
            None => i128::from(compiled.kinds[kind].rate),
            Some(dim) => i128::from(compiled.kinds[kind].capacity[dim]),
        };
        let mut steps: Vec<i128> = kinds.iter().map(|&kind| size(kind)).collect();
        steps.sort_unstable();
        steps.dedup();
        for step in steps {
            sets.push(kinds.iter().copied().filter(|&kind| size(kind) >= step).collect());
        }
    }
    let mut seen = BTreeSet::new();
    let mut found: Vec<(f64, Choice)> = Vec::new();
    for point in 0..points {
        for set in &sets {
            let inside = |place: &usize| set.binary_search(&kinds[*place]).is_ok();
            let at = |place: usize| nodes[place * points + point];
            let used: Vec<usize> =
                (0..kinds.len()).filter(inside).filter(|&p| at(p) > WHOLE).collect();
            let value: f64 = used.iter().map(|&place| at(place)).sum();
            let distance = (value - value.round()).abs();
            // The same nodes by a smaller set say the same.
            if distance <= WHOLE || !seen.insert((point, used)) {
                continue;
            }
            let open = set.iter().copied().filter(|k| target.kinds.binary_search(k).is_ok());
            let up = value - value.floor() > 0.5;
            let row = row(point, Some(open.collect()), Vec::new());
            found.push((distance, Choice { row, floor: value.floor() as u32, up }));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, choice)| choice).collect()
}

fn sum(used: &[(&Column, f64)], counts: impl Fn(&Column) -> bool) -> f64 {
    used.iter().filter(|(column, _)| counts(column)).map(|(_, x)| x).sum()
}

fn points(compiled: &Compiled) -> std::ops::Range<usize> {
    0..compiled.weights.len()
}

fn totals(compiled: &Compiled, used: &[(&Column, f64)], best: &mut Best) {
    for point in points(compiled) {
        let value = sum(used, |column| column.point == point);
        best.offer(value, || row(point, None, Vec::new()));
    }
}

fn rates(compiled: &Compiled, used: &[(&Column, f64)], best: &mut Best) {
    let mut thresholds: Vec<u64> =
        used.iter().map(|(column, _)| compiled.kinds[column.kind].rate).collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    for point in points(compiled) {
        for &rate in &thresholds {
            let value = sum(used, |column| {
                column.point == point && compiled.kinds[column.kind].rate >= rate
            });
            best.offer(value, || {
                let kinds: Vec<usize> = compiled
                    .front
                    .iter()
                    .copied()
                    .filter(|&kind| compiled.kinds[kind].rate >= rate)
                    .collect();
                row(point, Some(kinds), Vec::new())
            });
        }
    }
}

fn single_kinds(compiled: &Compiled, used: &[(&Column, f64)], best: &mut Best) {
    for point in points(compiled) {
        for &kind in &compiled.front {
            let value = sum(used, |column| column.point == point && column.kind == kind);
            best.offer(value, || row(point, Some(vec![kind]), Vec::new()));
        }
    }
}

/// (class, pods) pairs that tell the used contents apart.
fn conditions(used: &[(&Column, f64)]) -> Vec<(u32, u32)> {
    let mut found: Vec<(u32, u32)> =
        used.iter().flat_map(|(column, _)| column.content.iter().copied()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn holds(column: &Column, condition: (u32, u32)) -> bool {
    column
        .content
        .binary_search_by_key(&condition.0, |c| c.0)
        .is_ok_and(|i| column.content[i].1 >= condition.1)
}

fn one_class(compiled: &Compiled, used: &[(&Column, f64)], best: &mut Best) {
    let conditions = conditions(used);
    let mut kinds: Vec<usize> = used.iter().map(|(column, _)| column.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for point in points(compiled) {
        for &condition in &conditions {
            let value = sum(used, |column| column.point == point && holds(column, condition));
            best.offer(value, || row(point, None, vec![condition]));
        }
    }
    if best.score >= CLEAR {
        return;
    }
    for point in points(compiled) {
        for &condition in &conditions {
            for &kind in &kinds {
                let value = sum(used, |column| {
                    column.point == point && column.kind == kind && holds(column, condition)
                });
                best.offer(value, || row(point, Some(vec![kind]), vec![condition]));
            }
        }
    }
}

fn two_classes(compiled: &Compiled, used: &[(&Column, f64)], best: &mut Best) {
    let conditions = conditions(used);
    for point in points(compiled) {
        for (i, &first) in conditions.iter().enumerate() {
            for &second in conditions[i + 1..].iter().filter(|c| c.0 != first.0) {
                let value = sum(used, |column| {
                    column.point == point && holds(column, first) && holds(column, second)
                });
                best.offer(value, || row(point, None, vec![first, second]));
            }
        }
    }
}

/// Nodes of a kind that hold at least a given content: fractional for a fractional column that
/// no other fractional one contains.
fn whole_content(used: &[(&Column, f64)]) -> Option<Choice> {
    let fractional = |x: f64| (x - x.round()).abs() > WHOLE;
    let contains = |a: &Column, b: &Column| {
        a.kind == b.kind && a.point == b.point && b.content.iter().all(|&c| holds(a, c))
    };
    let (column, _) = used.iter().find(|(column, x)| {
        fractional(*x)
            && !used
                .iter()
                .any(|(other, y)| fractional(*y) && other != column && contains(other, column))
    })?;
    let value = sum(used, |other| contains(other, column));
    let row = row(column.point, Some(vec![column.kind]), column.content.clone());
    Some(Choice { row, floor: value.floor() as u32, up: true })
}
