//! Which variables earn their place: the same search with one family frozen after the other.

use super::finale::{Judged, percentile};
use super::moves::Family;
use super::search::{JointOptions, choose};
use super::split::split;
use super::track::Shelf;
use super::trial::Demands;
use crate::{Error, Optimized};
use nodeplan_model::scenario::Scenario;
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

/// The search as it is, then with each free family frozen by itself. `told` hears of each of them.
///
/// # Errors
/// As [`super::optimize_under_load`].
pub fn ablation(
    plain: &Optimized,
    scenario: &Scenario,
    options: &JointOptions,
    control: Control<'_>,
    told: &dyn Fn(&Ablated),
) -> Result<Vec<Ablated>, Error> {
    let demands = Demands::of(&plain.problem, scenario, options.pending_millis);
    let halves = split(scenario, options.tail);
    let shelf = Shelf::default();
    let free = Family::ALL.into_iter().filter(|family| !options.frozen.contains(family));
    let mut all = Vec::new();
    for frozen in std::iter::once(None).chain(free.map(Some)) {
        if (control.interrupt)() && !all.is_empty() {
            break;
        }
        let mut own = options.clone();
        own.frozen.extend(frozen);
        let parts = (&halves, &demands, &shelf);
        let Some(chosen) = choose(plain, parts, &own, control, &|_| ())? else { continue };
        let Judged { costs, met, .. } = chosen.judged;
        let one = Ablated { frozen, high: percentile(&costs, 95), met };
        told(&one);
        all.push(one);
    }
    Ok(all)
}
