//! Where the money above the floor goes: runs in a world in which one cause of it is gone.

use super::design::Design;
use super::floor::Floored;
use super::layouts::Layout;
use crate::Error;
use crate::simulate::{Simulated, simulate};
use nodeplan_model::scenario::{NodeTimes, Scenario};
use nodeplan_model::units::{HOUR_MILLIS, Spend};

/// Cost above the floor, by cause, in this order: each is what its removal saves after those
/// before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Nodes and pods that take time to come: a run in which they are there at once.
    pub start_up: i128,
    /// Pods beyond those that the floor needs, at the floor's prices.
    pub head_room: i128,
    /// The rest: room on nodes that no pod has, and what the floor cannot prove.
    pub packing: i128,
}

impl Shares {
    /// Of a design that costs `spend`.
    ///
    /// # Errors
    /// A scenario that cannot be run.
    pub fn of(
        layout: &Layout,
        design: &Design,
        scenario: &Scenario,
        floored: &Floored,
        spend: Spend,
    ) -> Result<Self, Error> {
        let mut quick = design.on(scenario);
        quick.times = NodeTimes {
            ready_p50_millis: 1,
            ready_p95_millis: 1,
            delete_millis: 1,
            pull_millis: 0,
            ..quick.times
        };
        for load in &mut quick.loads {
            load.startup_millis = 0;
        }
        let run = simulate(&layout.problem, &layout.plan, &quick)?;
        let at_once = signed(run.scorecard.spend.0);
        let rest = at_once - signed(floored.check.spend.0);
        let pods = signed(worth(&run, &floored.prices));
        let head_room = (pods - signed(floored.check.spend.0)).clamp(0, rest.max(0));
        Ok(Self { start_up: signed(spend.0) - at_once, head_room, packing: rest - head_room })
    }
}

fn signed(amount: u128) -> i128 {
    i128::try_from(amount).unwrap_or(i128::MAX)
}

/// What the pods of a run are worth by the floor's prices.
fn worth(run: &Simulated, prices: &[u128]) -> u128 {
    let step = u128::from(run.timeline.sample_millis);
    (0..run.timeline.samples).fold(0, |sum, sample| {
        let pods = run.timeline.workloads_at(sample).zip(prices);
        pods.fold(sum, |sum, (row, price)| {
            let hours = price.saturating_mul(u128::from(row.ready)).saturating_mul(step);
            sum.saturating_add(hours / u128::from(HOUR_MILLIS))
        })
    })
}
