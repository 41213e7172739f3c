//! Which part of a trace a design is chosen on, and which part tests it.

use super::hazards::scale;
use super::need::Arrivals;
use nodeplan_model::scenario::{ClockJump, Event, MILLION, Scenario, Series};
use nodeplan_model::units::DAY_MILLIS;
use nodeplan_sim::demand::{cost, expected};

/// Traces shorter than so many days are cut into eighths.
const DAYS: u64 = 4;
/// Parts of a short trace.
const PARTS: u64 = 8;

/// Of fewer blocks none is run apart: all of them are soon run.
const RACED_BLOCKS: usize = 3;

/// A scenario cut in two.
#[derive(Clone, Debug)]
pub struct Halves {
    /// Every first of two blocks: what a design is chosen on.
    pub seen: Scenario,
    /// The others: what tests it.
    pub unseen: Scenario,
    /// The seen block with the most work, where there are several.
    pub busiest: Option<Scenario>,
    /// Length of a block, milliseconds.
    pub block_millis: u64,
}

impl Halves {
    /// The same with so many millionths of the traffic.
    pub(super) fn scaled(&self, millionths: u64) -> Self {
        let mut all = self.clone();
        let parts = [Some(&mut all.seen), Some(&mut all.unseen), all.busiest.as_mut()];
        parts.into_iter().flatten().for_each(|own| scale(own, millionths));
        all
    }
}

/// Cuts a scenario into blocks of a day, or eighths where it is shorter than four days: odd blocks
/// are seen, even ones are not. What is left beyond whole blocks is one more, shorter one. `tail`: the last
/// third is unseen instead, for traffic that grows.
#[must_use]
pub fn split(scenario: &Scenario, tail: bool) -> Halves {
    let horizon = scenario.horizon_millis;
    let days = horizon / DAY_MILLIS;
    let grain = scenario.sample_millis.max(1);
    let block = if days >= DAYS { DAY_MILLIS } else { horizon / PARTS };
    let block_millis = (block / grain).max(1) * grain;
    let blocks = (horizon / block_millis).max(1);
    // The nearest number of blocks to a third.
    let last = blocks - (blocks + 1) / 3;
    let unseen = |block: u64| if tail { block >= last } else { block % 2 == 1 };
    let blocks = blocks + u64::from(length(scenario, blocks, block_millis) > 0);
    let take = |want: bool| {
        let chosen: Vec<u64> = (0..blocks).filter(|block| unseen(*block) == want).collect();
        // A run of one block has nothing to hold back.
        if chosen.is_empty() { vec![0] } else { chosen }
    };
    let seen = take(false);
    let busiest = (seen.len() >= RACED_BLOCKS)
        .then(|| part(scenario, &[busiest(scenario, &seen, block_millis)], block_millis));
    Halves {
        unseen: part(scenario, &take(true), block_millis),
        seen: part(scenario, &seen, block_millis),
        busiest,
        block_millis,
    }
}

/// The block of those chosen with the most CPU time of all that arrives.
fn busiest(scenario: &Scenario, chosen: &[u64], block_millis: u64) -> u64 {
    let arrivals = Arrivals::of(scenario, block_millis);
    let work = |block: u64| -> f64 {
        let rows = arrivals.rows.iter().zip(&scenario.loads);
        rows.map(|(row, load)| {
            let arrived = row.get(block as usize).copied().unwrap_or(0.0);
            arrived * cost(load.service).unwrap_or(0.0)
        })
        .sum()
    };
    let first = chosen.first().copied().unwrap_or(0);
    let more = |best: (u64, f64), block: &u64| {
        let own = work(*block);
        if own > best.1 { (*block, own) } else { best }
    };
    chosen.iter().fold((first, work(first)), more).0
}

/// The length of a block in whole samples: the last one may be shorter than the others.
fn length(scenario: &Scenario, block: u64, block_millis: u64) -> u64 {
    let left = scenario.horizon_millis.saturating_sub(block * block_millis);
    let grain = scenario.sample_millis.max(1);
    if block == 0 || left >= block_millis { block_millis } else { left / grain * grain }
}

/// The scenario of some blocks, one after the other; a shorter one comes last.
pub(super) fn part(scenario: &Scenario, blocks: &[u64], block_millis: u64) -> Scenario {
    let cut = |series: &Series| {
        // A step must end where a block does.
        let step = steps_of(series.step_millis.max(1), block_millis);
        let rates = blocks.iter().flat_map(|block| {
            let from = block * block_millis;
            let steps = length(scenario, *block, block_millis).div_ceil(step);
            (0..steps).map(move |at| (from + at * step, from + (at + 1) * step))
        });
        let own = series.micro_per_second.len() as u64;
        let micro = |(from, to): (u64, u64)| {
            // Whole steps as they are: a mean of the lines between them would flatten peaks.
            if step == series.step_millis && own > 0 {
                return series.micro_per_second[(from / step % own) as usize];
            }
            let mean = expected(series, from, to) * 1000.0 / (to - from) as f64;
            libm::round(mean * MILLION as f64).clamp(0.0, 1e18) as u64
        };
        Series {
            name: series.name.clone(),
            step_millis: step,
            micro_per_second: rates.map(micro).collect(),
        }
    };
    let events = scenario.events.iter().filter_map(|event| {
        let at = blocks.iter().position(|block| *block == event.at_millis / block_millis)?;
        let within = event.at_millis % block_millis;
        Some(Event { at_millis: at as u64 * block_millis + within, ..*event })
    });
    // The clock goes with each block.
    let clock = |block: &u64| scenario.second_of_week(block * block_millis);
    let jump = |at: usize| {
        let (at_millis, second_of_week) = (at as u64 * block_millis, clock(&blocks[at]));
        let follows = blocks[at] == blocks[at - 1] + 1
            && !scenario.clock_jumps.iter().any(|jump| jump.at_millis == blocks[at] * block_millis);
        (!follows).then_some(ClockJump { at_millis, second_of_week })
    };
    let clock_jumps = (1..blocks.len()).filter_map(jump).collect();
    Scenario {
        horizon_millis: blocks.iter().map(|block| length(scenario, *block, block_millis)).sum(),
        start_second_of_week: blocks.first().map_or(scenario.start_second_of_week, clock),
        clock_jumps,
        series: scenario.series.iter().map(cut).collect(),
        events: events.collect(),
        ..scenario.clone()
    }
}

/// The largest length of at most a step that divides a block.
fn steps_of(step_millis: u64, block_millis: u64) -> u64 {
    let most = step_millis.min(block_millis);
    let parts = block_millis.div_ceil(most);
    (parts..=block_millis)
        .find(|parts| block_millis.is_multiple_of(*parts))
        .map_or(1, |n| block_millis / n)
}

#[cfg(test)]
pub(super) mod testing {
    use nodeplan_model::scenario::{AutoscalerProfile, NodeTimes, Provisioning, Scenario};

    /// A scenario without anything, eight minutes long.
    pub fn empty() -> Scenario {
        Scenario {
            seed: 1,
            start_second_of_week: 0,
            clock_jumps: Vec::new(),
            horizon_millis: 480_000,
            sample_millis: 60_000,
            series: Vec::new(),
            loads: Vec::new(),
            scaling: Vec::new(),
            replicas: Vec::new(),
            budgets: Vec::new(),
            pods: Vec::new(),
            crons: Vec::new(),
            pools: Vec::new(),
            times: NodeTimes::default(),
            provisioning: Provisioning::default(),
            autoscaler: AutoscalerProfile::default(),
            events: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::empty;
    use super::*;

    /// Two blocks of a day's eighths: peaks keep their height.
    #[test]
    fn steps_stay_as_they_are() {
        let rates: Vec<u64> = (0..16).map(|at| if at % 4 == 1 { 9_000_000 } else { at }).collect();
        let series = Series { name: "s".into(), step_millis: 60_000, micro_per_second: rates };
        let scenario = Scenario { series: vec![series], ..empty() };
        let seen = part(&scenario, &[0, 2], 120_000);
        assert_eq!(seen.horizon_millis, 240_000);
        assert_eq!(seen.series[0].micro_per_second, vec![0, 9_000_000, 4, 9_000_000]);
    }

    #[test]
    fn the_clock_goes_with_each_block() {
        let day = DAY_MILLIS;
        let start = 6 * 86_400 + 82_800;
        let scenario = Scenario { start_second_of_week: start, horizon_millis: 2 * day, ..empty() };
        // Sunday 23:00, eighths of two days: six hours each.
        let halves = split(&scenario, false);
        let hours = |own: &Scenario| -> Vec<u32> {
            let six = |at: u64| own.second_of_week(at * day / 4) / 3600;
            (0..own.horizon_millis * 4 / day).map(six).collect()
        };
        assert_eq!(hours(&halves.seen), [167, 11, 23, 35]);
        assert_eq!(hours(&halves.unseen), [5, 17, 29, 41]);
        // Blocks of it, drawn again, take theirs along.
        let drawn = part(&halves.seen, &[3, 3, 0, 1], halves.block_millis);
        assert_eq!(hours(&drawn), [35, 35, 167, 11]);
        // Those that follow each other need no jump.
        assert_eq!(part(&scenario, &[2, 3, 4], day / 4).clock_jumps, []);
    }

    /// Five days and a half: the half is the second of a pair, as a whole day would be.
    #[test]
    fn what_is_left_beyond_whole_days_is_a_shorter_one() {
        let (day, hour) = (DAY_MILLIS, DAY_MILLIS / 24);
        let rates: Vec<u64> = (0..132).collect();
        let series = Series { name: "s".into(), step_millis: hour, micro_per_second: rates };
        for (hours, tail, seen, unseen) in [
            (132, false, 72, 60),
            (108, false, 60, 48),
            (132, true, 72, 60),
            (120, false, 72, 48),
            (96, false, 48, 48),
        ] {
            let horizon_millis = hours * hour;
            let scenario = Scenario { series: vec![series.clone()], horizon_millis, ..empty() };
            let halves = split(&scenario, tail);
            let got = [&halves.seen, &halves.unseen].map(|own| own.horizon_millis / hour);
            assert_eq!(got, [seen, unseen], "{hours} {tail}");
            for own in [&halves.seen, &halves.unseen] {
                assert_eq!(own.series[0].micro_per_second.len() as u64, own.horizon_millis / hour);
            }
        }
        let horizon_millis = 5 * day + day / 2;
        let scenario = Scenario { series: vec![series], horizon_millis, ..empty() };
        let unseen = split(&scenario, false).unseen;
        assert_eq!(
            unseen.series[0].micro_per_second[47..],
            [95, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131]
        );
        assert_eq!(unseen.second_of_week(2 * day), 5 * 86_400);
    }

    #[test]
    fn a_tail_is_the_nearest_to_a_third() {
        for (days, want) in [(4, 1), (5, 2), (6, 2), (7, 2), (8, 3), (14, 5)] {
            let scenario = Scenario { horizon_millis: days * DAY_MILLIS, ..empty() };
            assert_eq!(split(&scenario, true).unseen.horizon_millis, want * DAY_MILLIS, "{days}");
        }
    }

    #[test]
    fn a_step_divides_a_block() {
        for (step, block, want) in
            [(60_000, 86_400_000, 60_000), (60_000, 90_000, 45_000), (100, 70, 70), (7, 9, 3)]
        {
            assert_eq!(steps_of(step, block), want, "{step} {block}");
        }
    }
}
