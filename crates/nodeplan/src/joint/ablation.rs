//! Which variables earn their place: the same search with one family frozen after the other. With fewer
//! families to try the same runs go further: where that ends with a better design, it is the answer.

use super::finale::{Judged, best, percentile};
use super::moves::Family;
use super::search::{Chosen, Joint, JointOptions, choose};
use super::track::Shelf;
use crate::Error;
use nodeplan_model::problem::Problem;
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

/// What all these searches found.
pub struct Ablation {
    /// The best of all designs.
    pub joint: Joint,
    /// What each search found.
    pub rows: Vec<Ablated>,
    /// The row of the best.
    pub best: usize,
}

/// What the search found as it was, then what it finds with each free family frozen by itself. Of all
/// these designs the best in the last runs is the answer. `told` hears of each of them.
///
/// # Errors
/// As [`super::optimize_under_load`].
pub fn ablation(
    (problem, scenario): (&Problem, &Scenario),
    joint: Joint,
    options: &JointOptions,
    control: Control<'_>,
    told: &dyn Fn(&Ablated),
) -> Result<Ablation, Error> {
    let shelf = Shelf::default();
    let (costs, met) = &joint.replications;
    let mut rows = vec![Ablated { frozen: None, high: percentile(costs, 95), met: *met }];
    told(&rows[0]);
    let spot = joint.may_use_spot();
    let choice =
        |family: &Family| !options.frozen.contains(family) && (*family != Family::Spot || spot);
    let (mut key, mut better): (_, Option<(usize, Chosen)>) = (joint.key, None);
    for family in Family::ALL.into_iter().filter(choice) {
        if (control.interrupt)() {
            break;
        }
        let mut own = options.clone();
        own.frozen.push(family);
        let starts = joint.starts(problem, &own.frozen, control)?;
        let parts = (&*starts, &joint.halves, &joint.demands, &shelf);
        let Some(chosen) = choose(problem, parts, &own, control, &|_| ())? else { continue };
        let Judged { costs, met, .. } = &chosen.judged;
        let one = Ablated { frozen: Some(family), high: percentile(costs, 95), met: *met };
        told(&one);
        let next = chosen.judged.key();
        if best(&[key, next]) == Some(1) {
            (key, better) = (next, Some((rows.len(), chosen)));
        }
        rows.push(one);
    }
    let Some((best, chosen)) = better else { return Ok(Ablation { joint, rows, best: 0 }) };
    let joint = joint.with(problem, scenario, chosen, options, control)?;
    Ok(Ablation { joint, rows, best })
}
