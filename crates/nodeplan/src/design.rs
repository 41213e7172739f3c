//! Hand-made designs: pools with fixed sizes and workloads, priced as they stand, with every
//! rule they break.
//!
//! Counts left out are the fewest nodes that hold the pods as the scheduler would see it:
//! requests, slots and rules of placement, but not what burstable nodes sustain, which is then
//! reported as a breach. The platform's own pods go into free room first.

mod fill;
mod layout;
mod standing;

use crate::pipeline::Options;
use crate::pools::total_millis;
use crate::{Error, Optimized};
use nodeplan_eval::check_plan;
use nodeplan_io::yaml::Design;
use nodeplan_model::answer::{DesignAnswer, DesignPool, Money, Notice};
use nodeplan_model::catalog::Catalog;
use nodeplan_model::plan::{NodePool, Plan};
use nodeplan_model::problem::Problem;
use nodeplan_model::units::{Spend, UsdPerHour};
use std::collections::BTreeMap;

pub use standing::{Standing, standing};

/// A design as pools of a problem of its own.
struct Laid {
    problem: Problem,
    /// Pools, parallel to the design's; the mode is set last.
    pools: Vec<NodePool>,
    breaches: Vec<Notice>,
}

/// Prices the design called `name` and lists every rule it breaks. Sizes come from `catalog`, so that a design
/// may use sizes the plan may not.
///
/// # Errors
/// Sizes and workloads nobody knows; a workload in two pools; faults of the solver.
pub fn compare(
    ours: &Optimized,
    catalog: &Catalog,
    name: &str,
    design: &Design,
    options: &Options,
) -> Result<DesignAnswer, Error> {
    let mut laid = layout::lay_out(&ours.problem, catalog, name, design)?;
    for (at, pool) in design.pools.iter().enumerate() {
        fill::fill(&mut laid, at, pool, options)?;
    }
    fill::place_system(&mut laid);
    let counts = counts(&mut laid, design);
    judge(&mut laid);
    Ok(price(ours, name, design, &laid, &counts))
}

fn breach(code: &str, place: &str, text: String) -> Notice {
    Notice { code: code.to_owned(), place: place.to_owned(), text }
}

/// Nodes paid for per pool and load point: those needed, within the design's counts.
fn counts(laid: &mut Laid, design: &Design) -> Vec<Vec<u64>> {
    let mut all = Vec::new();
    for (pool, designed) in laid.pools.iter().zip(&design.pools) {
        let mut row = Vec::new();
        for (point, load) in laid.problem.points().iter().enumerate() {
            let needed = pool.nodes(point);
            if let Some(max) = designed.max.filter(|max| needed > u64::from(*max)) {
                let text =
                    format!("max is {max}, but its pods need {needed} nodes at {}", load.name);
                laid.breaches.push(breach("NP2206", &designed.name, text));
            }
            let least = u64::from(designed.min.unwrap_or(0));
            row.push(needed.max(least).min(designed.max.map_or(u64::MAX, u64::from)));
        }
        all.push(row);
    }
    all
}

/// The judge's findings on the packed design.
fn judge(laid: &mut Laid) {
    let pools = laid.pools.iter().filter(|pool| pool.packings.iter().any(|at| !at.is_empty()));
    let plan = Plan { pools: pools.cloned().collect() };
    let (findings, ..) = check_plan(&laid.problem, &plan);
    // Pods left out above are reported there, with the reason.
    let known =
        laid.breaches.iter().any(|one| matches!(one.code.as_str(), "NP2203" | "NP2204" | "NP2205"));
    let mut seen: BTreeMap<(String, String), (Notice, u64)> = BTreeMap::new();
    for one in findings {
        if known && one.code == nodeplan_eval::codes::DEMAND {
            continue;
        }
        let notice = Notice { code: one.code, place: one.place, text: one.text };
        let key = (notice.code.clone(), notice.place.clone());
        seen.entry(key).or_insert((notice, 0)).1 += 1;
    }
    for (mut notice, times) in seen.into_values() {
        if times > 1 {
            notice.text.push_str(&format!(", and {} more like it", times - 1));
        }
        laid.breaches.push(notice);
    }
}

fn price(
    ours: &Optimized,
    title: &str,
    design: &Design,
    laid: &Laid,
    counts: &[Vec<u64>],
) -> DesignAnswer {
    let points = laid.problem.points();
    let millis = total_millis(&laid.problem);
    let mut rates = vec![0_u64; points.len()];
    let mut whole = 0_u128;
    let mut pools = Vec::new();
    for ((pool, designed), row) in laid.pools.iter().zip(&design.pools).zip(counts) {
        let sku = laid.problem.sku(pool.kind.sku);
        let mut spend = 0_u128;
        for (point, nodes) in row.iter().enumerate() {
            let rate = laid.problem.rate(pool.kind).0.saturating_mul(*nodes);
            rates[point] = rates[point].saturating_add(rate);
            let cost = UsdPerHour(rate).over_millis(points[point].weight_millis).0;
            spend = spend.saturating_add(cost);
        }
        whole = whole.saturating_add(spend);
        pools.push(DesignPool {
            name: designed.name.clone(),
            sku: sku.name.clone(),
            workloads: designed.workloads.clone(),
            nodes: row.clone(),
            least: row.iter().min().copied().unwrap_or(0),
            most: row.iter().max().copied().unwrap_or(0),
            month: Money::month_of(Spend(spend), millis),
            computed: designed.min.is_none() && designed.max.is_none(),
        });
    }
    let month = Money::month_of(Spend(whole), millis);
    let own = ours.cost().map(|cost| Money::month_of(cost, total_millis(&ours.problem)));
    let saving = own.map(|own| month.minus(own));
    DesignAnswer {
        name: title.to_owned(),
        pools,
        rates: rates.into_iter().map(UsdPerHour).collect(),
        month,
        saving,
        saving_per_mille: saving.map(|saving| saving.per_mille_of(month)),
        breaches: laid.breaches.clone(),
    }
}
