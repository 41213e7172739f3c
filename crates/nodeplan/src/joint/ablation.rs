//! Which variables earn their place: the same search with one family frozen after the other.

use super::finale::{Judged, percentile};
use super::moves::Family;
use super::search::{Joint, JointOptions, choose};
use super::track::Shelf;
use crate::Error;
use nodeplan_model::problem::Problem;
use nodeplan_model::units::Spend;
use nodeplan_solve::Control;

/// The best design with a family frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ablated {
    /// What is frozen beside what the options freeze; nothing: no more than that.
    pub frozen: Option<Family>,
    /// 95th percentile of its cost on the part of the trace that is seen, over the seeds.
    pub high: Spend,
    /// In how many of the seeds it met everything.
    pub met: u32,
}

/// What the search found as it was, then what it finds with each free family frozen by itself. `told`
/// hears of each of them.
///
/// # Errors
/// As [`super::optimize_under_load`].
pub fn ablation(
    problem: &Problem,
    joint: &Joint,
    options: &JointOptions,
    control: Control<'_>,
    told: &dyn Fn(&Ablated),
) -> Result<Vec<Ablated>, Error> {
    let shelf = Shelf::default();
    let (costs, met) = &joint.replications;
    let mut all = vec![Ablated { frozen: None, high: percentile(costs, 95), met: *met }];
    told(&all[0]);
    let spot = joint.may_use_spot();
    let choice =
        |family: &Family| !options.frozen.contains(family) && (*family != Family::Spot || spot);
    for family in Family::ALL.into_iter().filter(choice) {
        if (control.interrupt)() {
            break;
        }
        let mut own = options.clone();
        own.frozen.push(family);
        let starts = joint.starts(problem, &own.frozen, control)?;
        let parts = (&*starts, &joint.halves, &joint.demands, &shelf);
        let Some(chosen) = choose(problem, parts, &own, control, &|_| ())? else { continue };
        let Judged { costs, met, .. } = chosen.judged;
        let one = Ablated { frozen: Some(family), high: percentile(&costs, 95), met };
        told(&one);
        all.push(one);
    }
    Ok(all)
}
