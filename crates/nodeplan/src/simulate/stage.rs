//! The scenario of a run: names become indices, what is left open gets its default, and every
//! default that shapes the result is named among the assumptions.

use super::names::{Names, clip};
use super::{Inputs, Staged, ahead, limits, scaling, sources};
use nodeplan_io::diagnostic::ImportError;
use nodeplan_io::yaml::{EventEntry, ScenarioFile, What};
use nodeplan_model::plan::{NodePool, Plan, PoolMode};
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{
    Event, Happening, PoolBounds, Provisioning, Scenario, Series, WEEK_SECONDS,
};
use nodeplan_model::units::DAY_MILLIS;
use nodeplan_sim::autoscaler::priority::Priorities;

/// Lengths of samples to choose from.
const SAMPLES: [u64; 4] = [60_000, 300_000, 900_000, 3_600_000];
/// Most samples where none is asked for.
const MOST_SAMPLES: u64 = 20_000;

/// The scenario that the inputs describe for a plan.
///
/// # Errors
/// Every name that leads nowhere and every contradiction, in order of place.
pub fn stage(problem: &Problem, plan: &Plan, inputs: &Inputs) -> Result<Staged, Vec<ImportError>> {
    let mut names = Names::new(problem, plan);
    let mut assumptions = Vec::new();
    let file = &inputs.scenario;
    let series = inputs.traffic.iter().flat_map(|traffic| &traffic.series);
    let (horizon_millis, sample_millis) = lengths(file, series);
    let start = start_of(inputs, &mut assumptions);
    let later = u64::from(start) + ahead::later(inputs);
    let start = u32::try_from(later % u64::from(WEEK_SECONDS)).unwrap_or(start);
    let own = scaling::all(problem, inputs, &mut names, &mut assumptions);
    let traffic =
        sources::all(problem, inputs, &own.scaling, horizon_millis, &mut names, &mut assumptions);
    let pools = bounds(problem, plan, inputs, &mut names, &mut assumptions);
    let events = file.events.iter().filter_map(|event| happening(event, &mut names)).collect();
    never(file, &pools, horizon_millis, &mut names, &mut assumptions);
    if !names.faults.is_empty() {
        names.faults.sort();
        return Err(names.faults);
    }
    let scenario = Scenario {
        seed: file.seed.unwrap_or(1),
        start_second_of_week: start,
        clock_jumps: Vec::new(),
        horizon_millis,
        sample_millis,
        series: traffic.series,
        loads: traffic.loads,
        scaling: own.scaling,
        replicas: own.replicas,
        budgets: own.budgets,
        pods: own.pods,
        crons: own.crons,
        pools,
        times: file.times,
        provisioning: match &file.provisioning {
            Some(rules) => Provisioning::NodeAutoProvisioning(rules.clone()),
            None => Provisioning::ClusterAutoscaler,
        },
        autoscaler: file.autoscaler,
        events,
    };
    limits::all(problem, plan, inputs, &scenario, &mut names);
    if !names.faults.is_empty() {
        return Err(names.faults);
    }
    timing(&scenario, &mut assumptions);
    Ok(Staged { scenario, assumptions, arrivals: traffic.arrivals })
}

/// Length of the run and of a sample (without traffic a day): the traffic's span in whole samples, if nothing is asked.
fn lengths<'a>(file: &ScenarioFile, series: impl Iterator<Item = &'a Series>) -> (u64, u64) {
    let span = series
        .map(|series| series.step_millis.saturating_mul(series.micro_per_second.len() as u64))
        .max();
    let horizon = file.horizon_millis.or(span).unwrap_or(DAY_MILLIS);
    let fits = |sample: &&u64| horizon / **sample <= MOST_SAMPLES;
    let usual = SAMPLES.iter().find(fits).copied().unwrap_or(SAMPLES[3]);
    let sample = file.sample_millis.unwrap_or(usual);
    let whole = (horizon / sample.max(1)).max(1).saturating_mul(sample);
    (file.horizon_millis.unwrap_or(whole), sample)
}

/// Local time of the start: the scenario's, else the first traffic file's that knows it.
fn start_of(inputs: &Inputs, assumptions: &mut Vec<String>) -> u32 {
    let told = inputs.traffic.iter().find_map(|traffic| traffic.start);
    let told = told.map(|moment| moment.second_of_week());
    let starts = inputs.traffic.iter().filter_map(|traffic| traffic.start);
    let starts: Vec<i64> = starts.map(|moment| moment.unix_millis).collect();
    if starts.windows(2).any(|pair| pair[0] != pair[1]) {
        assumptions
            .push("traffic files begin at different times; each begins with the run".to_owned());
    }
    let start = inputs.scenario.start_second_of_week.or(told);
    if start.is_none() {
        assumptions.push("the run starts on a Monday at 00:00 (`start` of a scenario)".to_owned());
    }
    start.unwrap_or(0)
}

/// Bounds of the pools: the cluster's own, else from the plan's fewest to its most nodes; the
/// scenario goes before both.
fn bounds(
    problem: &Problem,
    plan: &Plan,
    inputs: &Inputs,
    names: &mut Names<'_>,
    assumptions: &mut Vec<String>,
) -> Vec<PoolBounds> {
    let file = &inputs.scenario;
    let mut pools = inputs.bounds.clone().unwrap_or_else(|| planned(problem, plan));
    let mut seen = Vec::new();
    for entry in &file.pools {
        let Some(at) = names.pool(&entry.pool) else { continue };
        if seen.contains(&at) {
            names.twice(&entry.pool, "pool");
        }
        seen.push(at);
        let pool = &mut pools[at];
        pool.max = entry.max.unwrap_or(pool.max.max(entry.min.unwrap_or(0)));
        pool.min = entry.min.unwrap_or(pool.min.min(pool.max));
        let most = pool.max.max(pool.min);
        if let Some(first) = entry.initial
            && !(pool.min..=most).contains(&first)
        {
            let message = format!("initial {first} is not within {} and {most} nodes", pool.min);
            names.clash(&entry.pool, message, "widen min and max, or start with another count");
        }
        pool.initial = entry.initial.unwrap_or(pool.initial).clamp(pool.min, most);
        pool.spot |= entry.spot;
        if entry.priority != 0 {
            pool.priority = Some(i64::from(entry.priority));
        }
        pool.schedules.clone_from(&entry.schedules);
    }
    expand(plan, file, names, &mut pools);
    if seen.len() < plan.pools.len() && file.autoscaler.enabled {
        let start = if pools.iter().any(|pool| pool.initial != pool.min) {
            "and start with its count"
        } else {
            "where they start"
        };
        assumptions.push(format!(
            "pools may grow to the highest node count of the plan or cluster file and shrink to \
             the lowest, {start} (`pools` of a scenario)"
        ));
    }
    pools
}

/// Bounds from the plan's fewest to its most nodes; spot pools go first for an expander that asks.
pub(crate) fn planned(problem: &Problem, plan: &Plan) -> Vec<PoolBounds> {
    let points = problem.points().len();
    let low = scaling::lowest_point(problem);
    let small = |nodes: u64| u32::try_from(nodes).unwrap_or(u32::MAX);
    // One pool of mode System has a node at all times: the first, where the plan leaves it open.
    let system = |pool: &&NodePool| pool.mode == PoolMode::System;
    let held = plan.pools.iter().filter(system).any(|pool| pool.nodes(low) > 0);
    let first = plan.pools.iter().find(system).filter(|_| !held);
    let one = |pool: &NodePool| {
        let most = (0..points).map(|point| pool.nodes(point)).max().unwrap_or(0).max(1);
        let kept = first.is_some_and(|first| first.name == pool.name);
        let least = pool.nodes(low).max(u64::from(kept)).min(most);
        let spot = problem.group(pool.kind.group).spot;
        PoolBounds {
            min: small(least),
            max: small(most),
            initial: small(least),
            spot,
            zones: Vec::new(),
            priority: Some(i64::from(spot)),
            schedules: Vec::new(),
        }
    };
    plan.pools.iter().map(one).collect()
}

/// Priorities of pools by the priority expander's map, whose patterns look for the names of the scale
/// sets that AKS makes of them.
fn expand(plan: &Plan, file: &ScenarioFile, names: &mut Names<'_>, pools: &mut [PoolBounds]) {
    let Some((place, map)) = &file.priorities else { return };
    match Priorities::new(map) {
        Ok(map) => {
            for (bounds, pool) in pools.iter_mut().zip(&plan.pools) {
                bounds.priority = map.of(&format!("aks-{}-00000000-vmss", pool.name));
            }
        }
        Err(_) => {
            let message = "a pattern of the priority map is no regular expression";
            let fault = ImportError::new("NP1055", place.clone(), message);
            names.faults.push(fault.expected("patterns such as .*spot.*"));
        }
    }
}

fn happening(entry: &EventEntry, names: &mut Names<'_>) -> Option<Event> {
    let what = match &entry.what {
        What::NodeFails { pool, repair_millis } => {
            Happening::NodeFails { pool: names.pool(pool)?, repair_millis: *repair_millis }
        }
        What::ZoneFails { zone, millis } => Happening::ZoneFails { zone: *zone, millis: *millis },
        What::SpotEviction { pool, nodes } => {
            Happening::SpotEviction { pool: names.pool(pool)?, nodes: *nodes }
        }
        What::ProvisioningFails { pool, millis } => {
            Happening::ProvisioningFails { pool: names.pool(pool)?, millis: *millis }
        }
        What::Rollout { workload, surge, unavailable, pods } => Happening::Rollout {
            workload: names.workload(workload)?,
            surge: *surge,
            unavailable: *unavailable,
            pods: *pods,
        },
        What::Upgrade { pool, surge } => {
            Happening::Upgrade { pool: names.pool(pool)?, surge: *surge }
        }
    };
    Some(Event { at_millis: entry.at_millis, what })
}

/// Events that cannot happen: evictions of nodes that are not spot nodes are faults, what comes too
/// late or meets no node is told.
fn never(
    file: &ScenarioFile,
    pools: &[PoolBounds],
    horizon_millis: u64,
    names: &mut Names<'_>,
    assumptions: &mut Vec<String>,
) {
    // Nodes of a pool go round its zones.
    let reached = |zone: u8| {
        pools.iter().any(|pool| {
            let zones: &[u8] = if pool.zones.is_empty() { &[1, 2, 3] } else { &pool.zones };
            let most = pool.max.max(pool.initial) as usize;
            zones.iter().take(most).any(|one| *one == zone)
        })
    };
    let mut late = 0_u64;
    for event in &file.events {
        late += u64::from(event.at_millis > horizon_millis);
        match &event.what {
            What::SpotEviction { pool, .. } => {
                let found = names.pool_at(pool);
                if found.is_some_and(|at| !pools[at].spot) {
                    let name = clip(&pool.name);
                    let message = format!("pool `{name}` has no spot nodes that could be evicted");
                    let help =
                        "name a spot pool, write spot: yes in its bounds, or take node_fails";
                    names.clash(pool, message, help);
                }
            }
            What::ZoneFails { zone, .. } if !reached(*zone) => assumptions.push(format!(
                "zone {zone} fails, but no pool ever has a node there (`zone_fails`)"
            )),
            _ => {}
        }
    }
    if late > 0 {
        let (subject, verb) = if late == 1 { ("event", "comes") } else { ("events", "come") };
        assumptions.push(format!(
            "{late} {subject} {verb} after the end of the run and never happen{} (`events`, `horizon`)",
            if late == 1 { "s" } else { "" },
        ));
    }
}

/// How long things take, told as an assumption.
fn timing(scenario: &Scenario, assumptions: &mut Vec<String>) {
    let seconds = |millis: u64| format!("{} s", millis.div_ceil(1000));
    let times = &scenario.times;
    assumptions.push(format!(
        "a new node is Ready after {} (median; 95 % within {}), an image is pulled in {} (`node_boot`, \
         `image_pull`)",
        seconds(times.ready_p50_millis),
        seconds(times.ready_p95_millis),
        seconds(times.pull_millis),
    ));
}
