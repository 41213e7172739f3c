//! The floor is below every run that meets its demands, and often near.

#[path = "worlds/loaded.rs"]
mod loaded;
#[path = "worlds/mod.rs"]
mod worlds;

use loaded::{design, layout, loaded};
use nodeplan::joint::{Demands, Trial, floor_of};
use nodeplan::solve::Control;
use worlds::{Draw, seeds};

/// Of the runs that meet their demands, so many percent must be within a fifth of the floor.
const NEAR_PERCENT: usize = 5;
/// Designs of each world.
const DESIGNS: usize = 1;

/// What became of a run: spend and floor where it met its demands.
fn check(seed: u64) -> Result<Option<(u128, u128)>, String> {
    let mut draw = Draw::new(seed);
    let world = loaded(&mut draw);
    let demands = Demands::of(&world.problem, &world.scenario, u64::MAX);
    let Some(layout) = layout(&mut draw, &world) else { return Ok(None) };
    let mut met = None;
    for _ in 0..DESIGNS {
        let design = design(&mut draw, &world, &layout);
        let trial = Trial::of(&layout, &design, &world.scenario, &demands)
            .map_err(|fault| fault.to_string())?;
        if trial.short > 0 {
            continue;
        }
        // A rollout may double pods.
        let rooms: Vec<u32> = design
            .scaling
            .iter()
            .zip(&design.replicas)
            .map(|(one, replicas)| one.as_ref().map_or(*replicas, |one| one.max) * 2)
            .collect();
        let scenario = design.on(&world.scenario);
        let floored = floor_of(&world.problem, &scenario, &demands, &rooms, Control::NONE)
            .map_err(|fault| fault.to_string())?;
        let Some(floored) = floored else { continue };
        if !floored.check.findings.is_empty() {
            return Err(format!("{:?}", floored.check.findings[0]));
        }
        let (spend, floor) = (trial.run.scorecard.spend.0, floored.check.spend.0);
        if floor > spend {
            return Err(format!("the floor {floor} is above a run of {spend}"));
        }
        met = Some((spend, floor));
    }
    Ok(met)
}

#[test]
fn no_run_that_meets_its_demands_is_below_the_floor() {
    let met: Vec<(u128, u128)> =
        seeds::sweep("floor::no_run_that_meets_its_demands_is_below_the_floor", 200, check)
            .into_iter()
            .flatten()
            .collect();
    let near = met.iter().filter(|(spend, floor)| floor * 6 >= spend * 5).count();
    let nothing = met.iter().filter(|(_, floor)| *floor == 0).count();
    let mut parts: Vec<u128> = met.iter().map(|(s, f)| f * 1000 / (*s).max(1)).collect();
    parts.sort_unstable();
    let at = |percent: usize| parts.get(parts.len() * percent / 100).copied().unwrap_or(0);
    println!(
        "{} runs meet their demands; {near} are within a fifth of the floor, {nothing} have none; \
         floor / cost, thousandths: {} {} {} {} {}",
        met.len(),
        at(10),
        at(25),
        at(50),
        at(75),
        at(90)
    );
    if seeds::count(200) >= 100 {
        assert!(met.len() >= 20, "{} runs", met.len());
        assert!(near * 100 >= met.len() * NEAR_PERCENT, "{near} of {}", met.len());
    }
}
