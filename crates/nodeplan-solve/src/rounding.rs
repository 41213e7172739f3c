//! A plan from the LP where nearly all values are below one: a part of the nodes is fixed, what
//! is left is priced anew, and after every step a greedy cover by the LP's duals shows what the
//! plan would cost. Made for many shapes, where a dive node by node would last too long.

use crate::SolveError;
use crate::columns::generate::{self, Aim, Effort, Relaxed, Start};
use crate::columns::master::Scale;
use crate::columns::pool::Pool;
use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::construct;
use crate::integer::shrunk;
use crate::packed::Packed;
use crate::work::Meter;

/// Steps until all nodes are fixed, roughly.
const STEPS: usize = 10;
/// Pricing rounds of one step.
const ROUNDS: usize = 5;
/// Columns that a step takes over.
const COLUMNS: usize = 1_500;

/// The best plan found on the way down, if any is legal.
pub fn round(
    compiled: &Compiled,
    scale: &Scale,
    meter: &Meter<'_>,
    until: u64,
    target: &Target,
    pool: &Pool,
    relaxed: &Relaxed,
) -> Result<Option<Packed>, SolveError> {
    let mut left = target.clone();
    let mut fixed = Packed::default();
    let mut pool = pool.clone();
    let mut relaxed = relaxed.clone();
    let mut best: Option<Packed> = None;
    let mut offer = |packed: Packed| {
        let cost = packed.cost(compiled);
        if best.as_ref().is_none_or(|b| cost < b.cost(compiled))
            && packed.is_legal(compiled, target)
        {
            best = Some(packed);
        }
    };
    for step in 0..2 * STEPS {
        let values = relaxed.duals.values(scale);
        if let Some(rest) = construct::cover(compiled, &left, &values) {
            let mut packed = fixed.clone();
            packed.nodes.extend(rest.nodes);
            offer(packed);
        }
        let parts = STEPS.saturating_sub(step).max(1);
        if left.is_met()
            || meter.stop_at(until)
            || !fix(compiled, &mut left, &mut fixed, &pool, &relaxed, parts)
        {
            break;
        }
        pool = shrunk(&left, &pool, &relaxed.reduced, COLUMNS);
        let effort = Effort {
            ladder: generate::QUICK,
            tolerance: 1e-5,
            rounds: ROUNDS,
            until,
            hold: false,
            aim: Aim::LP,
        };
        let start = Start::default();
        let next = generate::generate(compiled, &left, scale, &mut pool, start, &effort, meter)?;
        let Some(next) = next else { break };
        relaxed = next;
    }
    if left.is_met() {
        offer(fixed);
    }
    Ok(best)
}

/// Fixes one of `parts` parts of the nodes, those nearest to whole ones; false where none
/// could be.
fn fix(
    compiled: &Compiled,
    left: &mut Target,
    fixed: &mut Packed,
    pool: &Pool,
    relaxed: &Relaxed,
    parts: usize,
) -> bool {
    let total = |point: usize| -> u64 { left.demand[point].iter().map(|p| u64::from(*p)).sum() };
    // Large points first, so that coupling has room at the small ones.
    let mut points: Vec<usize> = (0..left.demand.len()).collect();
    points.sort_by_key(|&point| (std::cmp::Reverse(total(point)), point));
    let mut any = false;
    for point in points {
        let here = |&&(index, _): &&(usize, f64)| pool.columns()[index].point == point;
        let mut order: Vec<(usize, f64)> = relaxed.values.iter().filter(here).copied().collect();
        let nodes: f64 = order.iter().map(|o| o.1).sum();
        let mut quota = (nodes / parts as f64).ceil() as u32;
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (index, x) in order {
            let column = &pool.columns()[index];
            let Ok(place) = left.kinds.binary_search(&column.kind) else { continue };
            let room = compiled
                .coupled
                .iter()
                .zip(&left.slack)
                .filter(|((small, _), _)| *small == point)
                .map(|(_, slack)| slack[place].clamp(0, i64::from(u32::MAX)) as u32)
                .min()
                .unwrap_or(u32::MAX);
            // Whole contents only: what is covered already is no reason for a node.
            let whole = column
                .content
                .iter()
                .map(|&(class, pods)| left.demand[point][class as usize] / pods)
                .min()
                .unwrap_or(0);
            let times = ((x + 0.5) as u32).max(1).min(room).min(whole).min(quota);
            if times > 0 {
                left.subtract(compiled, column.kind, point, &column.content, times);
                fixed.push(column.clone(), times);
                quota -= times;
                any = true;
            }
        }
    }
    any
}
