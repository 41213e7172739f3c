//! The floor is below every run that meets its demands, and often near.

#[path = "worlds/loaded.rs"]
mod loaded;
#[path = "worlds/mod.rs"]
mod worlds;

use loaded::{Care, Loaded, design, layout, loaded, sometimes_odd, with_spot};
use nodeplan::joint::{Demands, Design, Trial, floor_of};
use nodeplan::solve::Control;
use worlds::{Draw, seeds};

/// Of the runs that meet their demands, so many percent must be within a fifth of the floor.
const NEAR_PERCENT: usize = 20;
/// Of so many set-ups a careful designer keeps the cheapest that meets everything.
const TRIES: usize = 10;

/// A run that met its demands, and its floor.
struct Met {
    care: Care,
    spot: bool,
    spend: u128,
    floor: u128,
}

impl Met {
    fn near(&self) -> bool {
        self.floor * 6 >= self.spend * 5
    }
}

/// The design to be judged, with its run.
fn chosen(
    draw: &mut Draw,
    (world, demands): (&Loaded, &Demands),
    care: Care,
) -> Result<Option<(Design, Trial)>, String> {
    let mut best: Option<(Design, Trial)> = None;
    for _ in 0..if care == Care::Careful { TRIES } else { 1 } {
        let Some(layout) = layout(draw, world, demands, care) else { continue };
        let one = design(draw, world, demands, &layout, care);
        let trial = Trial::of(&layout, &one, &world.scenario, demands);
        let trial = trial.map_err(|fault| fault.to_string())?;
        let better = best.as_ref().is_none_or(|(_, other)| trial.key() < other.key());
        if trial.short == 0 && better {
            best = Some((one, trial));
        }
    }
    Ok(best)
}

/// What became of a world.
fn check(seed: u64) -> Result<Option<Met>, String> {
    let mut draw = Draw::new(seed);
    let world = sometimes_odd(loaded(&mut draw));
    judged(&mut draw, &world)
}

/// What becomes of a world under a design drawn for it.
fn judged(draw: &mut Draw, world: &Loaded) -> Result<Option<Met>, String> {
    let demands = Demands::of(&world.problem, &world.scenario, u64::MAX);
    let care = Care::draw(draw);
    let Some((design, trial)) = chosen(draw, (world, &demands), care)? else {
        return Ok(None);
    };
    // A rollout may double pods.
    let rooms: Vec<u32> = design
        .scaling
        .iter()
        .zip(&design.replicas)
        .map(|(one, replicas)| one.as_ref().map_or(*replicas, |one| one.max) * 2)
        .collect();
    let mut scenario = design.on(&world.scenario);
    // Spot nodes are a matter of groups here, no wish of the scenario.
    scenario.pools.iter_mut().for_each(|pool| pool.spot = false);
    let floored = floor_of(&world.problem, &scenario, &demands, &rooms, Control::NONE)
        .map_err(|fault| fault.to_string())?;
    let Some(floored) = floored else { return Ok(None) };
    if !floored.check.findings.is_empty() {
        return Err(format!("{:?}", floored.check.findings[0]));
    }
    let spot = design.pools.iter().any(|pool| pool.spot);
    let met = Met { care, spot, spend: trial.run.scorecard.spend.0, floor: floored.check.spend.0 };
    if met.floor > met.spend {
        return Err(format!("the floor {} is above a run of {}", met.floor, met.spend));
    }
    Ok(Some(met))
}

/// Prints how near runs are to their floors, and how many are near.
fn tell(name: &str, met: &[&Met]) -> usize {
    let near = met.iter().filter(|one| one.near()).count();
    let mut parts: Vec<u128> = met.iter().map(|one| one.floor * 1000 / one.spend.max(1)).collect();
    parts.sort_unstable();
    let at = |percent: usize| parts.get(parts.len() * percent / 100).copied().unwrap_or(0);
    println!(
        "{name}: {} runs meet their demands; {near} are within a fifth of the floor, {} have none; \
         floor / cost, thousandths: {} {} {} {} {}",
        met.len(),
        met.iter().filter(|one| one.floor == 0).count(),
        at(10),
        at(25),
        at(50),
        at(75),
        at(90)
    );
    near
}

#[test]
fn no_run_that_meets_its_demands_is_below_the_floor() {
    let met: Vec<Met> =
        seeds::sweep("floor::no_run_that_meets_its_demands_is_below_the_floor", 200, check)
            .into_iter()
            .flatten()
            .collect();
    for (name, care) in [("careful", Care::Careful), ("usual", Care::Usual), ("any", Care::None)] {
        tell(name, &met.iter().filter(|one| one.care == care).collect::<Vec<&Met>>());
    }
    let near = tell("all", &met.iter().collect::<Vec<&Met>>());
    if seeds::count(200) >= 100 {
        assert!(met.len() >= 20, "{} runs", met.len());
        assert!(near * 100 >= met.len() * NEAR_PERCENT, "{near} of {}", met.len());
    }
}

#[test]
fn no_run_on_spot_nodes_is_below_the_floor_either() {
    let check = |seed: u64| {
        let mut draw = Draw::new(seed);
        let world = with_spot(sometimes_odd(loaded(&mut draw)));
        judged(&mut draw, &world)
    };
    let test = "floor::no_run_on_spot_nodes_is_below_the_floor_either";
    let met: Vec<Met> = seeds::sweep(test, 80, check).into_iter().flatten().collect();
    tell("without", &met.iter().filter(|one| !one.spot).collect::<Vec<&Met>>());
    let spot: Vec<&Met> = met.iter().filter(|one| one.spot).collect();
    let near = tell("on spot nodes", &spot);
    if seeds::count(80) >= 80 {
        assert!(spot.len() >= 10 && near >= 1, "{near} of {}", spot.len());
    }
}
