//! Published packing instances: one plan and one line of figures each.

use crate::Error;
use crate::content::Room;
use crate::pipeline::{Optimized, Options, optimize_with};
use nodeplan_io::pack::PackProblem;
use nodeplan_model::answer::mean_rate;
use nodeplan_model::placement;
use nodeplan_model::plan::Status;
use nodeplan_model::problem::{Problem, ProblemParts};
use nodeplan_model::units::UsdPerHour;
use nodeplan_solve::Control;

/// One instance, solved.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Pod types of the instance.
    pub types: u64,
    /// Pods of the instance.
    pub pods: u64,
    /// Sizes considered.
    pub sizes: u64,
    /// Pods left out because they fit no size; they are in neither cost nor bound.
    pub unplaced: u64,
    /// Names of the types left out.
    pub left_out: Vec<String>,
    /// The plan and its bound; absent where nothing is left to place.
    pub found: Option<Optimized>,
}

impl Packed {
    /// How the search ended.
    #[must_use]
    pub fn status(&self) -> Status {
        self.found.as_ref().map_or(Status::Optimal, |found| found.status)
    }

    /// Nodes of the plan.
    #[must_use]
    pub fn nodes(&self) -> u64 {
        let plan = self.found.as_ref().and_then(|found| found.plan.as_ref());
        let nodes = plan.iter().flat_map(|plan| &plan.pools).map(|pool| pool.nodes(0));
        nodes.fold(0, u64::saturating_add)
    }

    /// Cost per hour; absent without a plan.
    #[must_use]
    pub fn rate(&self) -> Option<UsdPerHour> {
        match &self.found {
            Some(found) => found.mean_rate(),
            None => Some(UsdPerHour(0)),
        }
    }

    /// Proven bound per hour.
    #[must_use]
    pub fn bound(&self) -> UsdPerHour {
        self.found.as_ref().map_or(UsdPerHour(0), |found| {
            mean_rate(found.verdict.bound, crate::pools::total_millis(&found.problem))
        })
    }

    /// (cost − bound) / cost in 1e-8, rounded up: six decimals of a percent.
    #[must_use]
    pub fn gap_e8(&self) -> Option<u64> {
        let found = match &self.found {
            Some(found) => found,
            None => return Some(0),
        };
        let cost = found.cost()?.0;
        let gap = cost.saturating_sub(found.verdict.bound.0);
        u64::try_from(gap.saturating_mul(100_000_000).div_ceil(cost.max(1))).ok()
    }
}

/// Solves one instance. With `allow_unplaced`, types that fit no size are left out and counted.
///
/// # Errors
/// Faults of the instance and of the solver.
pub fn pack(
    instance: PackProblem,
    allow_unplaced: bool,
    options: &Options,
    control: Control<'_>,
) -> Result<Packed, Error> {
    let (types, pods) = (instance.types() as u64, instance.pods());
    let sizes = instance.parts.skus.len() as u64;
    let mut parts = instance.parts;
    let (mut unplaced, mut left_out) = (0, Vec::new());
    if allow_unplaced {
        let homeless = homeless(&parts)?;
        for index in homeless.into_iter().rev() {
            unplaced += parts.demand.column(index).iter().map(|pods| u64::from(*pods)).sum::<u64>();
            left_out.push(parts.workloads.remove(index).name);
            parts.demand.remove_index(ndarray::Axis(1), index);
        }
        left_out.reverse();
    }
    let found = if parts.workloads.is_empty() && types > 0 {
        None
    } else {
        let problem = Problem::new(parts).map_err(Error::Problem)?;
        Some(optimize_with(&problem, options, control)?)
    };
    Ok(Packed { types, pods, sizes, unplaced, left_out, found })
}

/// Workloads of which no kind of node can hold a single pod.
fn homeless(parts: &ProblemParts) -> Result<Vec<usize>, Error> {
    let problem = Problem::new(parts.clone()).map_err(Error::Problem)?;
    let kinds = problem.pool_kinds();
    let rooms: Vec<Room<'_>> = kinds.iter().map(|kind| Room::new(&problem, *kind)).collect();
    let fits = |index: usize| {
        let workload = &problem.workloads()[index];
        rooms.iter().any(|room| {
            placement::admits(&problem, room.kind, workload) && room.holds(&room.need(workload))
        })
    };
    Ok((0..problem.workloads().len()).filter(|&index| !fits(index)).collect())
}
