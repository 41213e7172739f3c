//! Two methods any solver of packing problems is measured against: filling nodes by best ratio,
//! and an integer program over the columns of the root relaxation.

use super::{Baseline, finished};
use crate::columns::generate::{self, Aim, EXACT, Effort, Start};
use crate::columns::master::Scale;
use crate::columns::pool::Pool;
use crate::columns::target::Target;
use crate::compile::Compiled;
use crate::work::Meter;
use crate::{Control, Options, SolveError, construct, integer};
use nodeplan_model::problem::Problem;

const RATIO: &str = "Nodes are filled one after another: always the size and content that cover \
     most volume for their rate, volume being valued at each pod's share of its cheapest node.";
const ROUNDING: &str = "Column generation solves the linear relaxation; an integer program over \
     those columns alone makes the plan.";

/// Best-ratio node fill.
#[must_use]
pub fn ratio_fill(problem: &Problem) -> Baseline {
    let compiled = Compiled::new(problem);
    finished(problem, &compiled, "best-ratio fill", RATIO, &|| {
        let target = Target::whole(&compiled);
        let values = construct::fair_values(&compiled, &target);
        construct::cover(&compiled, &target, &values).ok_or_else(|| "finds no room".to_owned())
    })
}

/// Plain rounding by a restricted master, and the work units it took.
///
/// # Errors
/// Faults of the LP engine.
pub fn rounding(problem: &Problem, options: &Options) -> Result<(Baseline, u64), SolveError> {
    let compiled = Compiled::new(problem);
    let meter = Meter::new(options, &compiled, Control::NONE);
    let packed = rounded(&compiled, &meter)?;
    let baseline = finished(problem, &compiled, "restricted master", ROUNDING, &|| {
        packed.clone().ok_or_else(|| "its columns make no plan".to_owned())
    });
    Ok((baseline, meter.used()))
}

fn rounded(
    compiled: &Compiled,
    meter: &Meter<'_>,
) -> Result<Option<crate::packed::Packed>, SolveError> {
    if !compiled.homeless.is_empty() {
        return Ok(None);
    }
    let target = Target::whole(compiled);
    let mut pool = Pool::default();
    let values = construct::fair_values(compiled, &target);
    if let Some(first) = construct::cover(compiled, &target, &values) {
        for (column, _) in &first.nodes {
            pool.add_everywhere(compiled, column);
        }
    }
    let until = meter.share(500);
    let effort =
        Effort { ladder: EXACT, tolerance: 1e-9, rounds: 2_000, until, hold: false, aim: Aim::LP };
    let scale = Scale::of(compiled);
    let start = Start::default();
    generate::generate(compiled, &target, &scale, &mut pool, start, &effort, meter)?;
    let (columns, most) = (pool.columns(), meter.iterations_left());
    integer::restricted(compiled, &target, columns, i128::MAX, most, meter)
}
