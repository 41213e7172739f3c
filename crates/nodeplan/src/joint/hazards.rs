//! What goes wrong in the runs of the finalists: other days, failed nodes, evicted spot nodes, growth.
//!
//! Days are drawn with repetition from those that are seen (block bootstrap: Künsch 1989, blocks of a
//! day, so that what hours have to do with each other stays). All finalists meet the same days, growth
//! and instants of failure: common random numbers, drawn by seed, run and pool alone.

use super::design::Design;
use super::split::{Halves, part};
use super::trial::Demands;
use nodeplan_model::scenario::{Event, Happening, MILLION, PoolBounds, Scenario, Source};
use nodeplan_model::units::DAY_MILLIS;
use nodeplan_sim::random::Stream;

/// Auto-repair of a node that failed, if nothing else is known.
const REPAIR_MILLIS: u64 = 600_000;

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hazards {
    /// Whether days are drawn anew.
    pub days: bool,
    /// Nodes of a pool that fail in a thousand days.
    pub node_failures: u32,
    /// Nodes of a spot pool that are evicted in a thousand days.
    pub spot_evictions: u32,
    /// Traffic grows by an even draw of up to so many percent.
    pub growth_percent: u32,
}

impl Default for Hazards {
    /// One failed node in a month, and at most a spot eviction a day, for each pool: assumptions, as
    /// Azure publishes bands of eviction rates only. No growth.
    fn default() -> Self {
        Self { days: true, node_failures: 33, spot_evictions: 1000, growth_percent: 0 }
    }
}

impl Hazards {
    /// Nothing goes wrong.
    pub const NONE: Self =
        Self { days: false, node_failures: 0, spot_evictions: 0, growth_percent: 0 };

    /// In words, each part by itself; evictions only where there are spot nodes.
    #[must_use]
    pub fn words(self, spot: bool) -> Vec<String> {
        let evictions = if spot { self.spot_evictions } else { 0 };
        let mut all = Vec::new();
        if self.days {
            all.push("days drawn anew".to_owned());
        }
        for (rate, what) in
            [(self.node_failures, "failed nodes"), (evictions, "evicted spot nodes")]
        {
            if rate > 0 {
                all.push(format!("{rate} {what} of a pool in 1,000 days"));
            }
        }
        if self.growth_percent > 0 {
            all.push(format!("up to {} % more traffic", self.growth_percent));
        }
        all
    }

    /// What a list says, as `days,failures=33,evictions=1000,growth=20` or `none`: what it does not
    /// name does not go wrong.
    ///
    /// # Errors
    /// The part that cannot be read.
    pub fn named(list: &[String]) -> Result<Self, String> {
        let mut own = Self::NONE;
        for part in list.iter().map(|part| part.trim()).filter(|part| *part != "none") {
            let wrong = || part.to_owned();
            match part.split_once('=') {
                None if part == "days" => own.days = true,
                None => return Err(wrong()),
                Some((name, text)) => {
                    let value: u32 = text.trim().parse().map_err(|_| wrong())?;
                    let (slot, most) = match name.trim() {
                        "failures" => (&mut own.node_failures, 100_000),
                        "evictions" => (&mut own.spot_evictions, 100_000),
                        "growth" => (&mut own.growth_percent, 1000),
                        _ => return Err(wrong()),
                    };
                    if value > most {
                        return Err(wrong());
                    }
                    *slot = value;
                }
            }
        }
        Ok(own)
    }

    /// One run of a design with what it must meet.
    pub(super) fn run_of(
        self,
        halves: &Halves,
        demands: &Demands,
        run: u32,
        design: &Design,
    ) -> (Scenario, Demands) {
        let scenario = self.of_run(halves, run, &design.pools);
        let demands = demands.in_spite_of(&scenario);
        (scenario, demands)
    }

    /// The scenario of one run with a design on such pools. The first run is that of the days as they
    /// were, with nothing gone wrong.
    fn of_run(self, halves: &Halves, run: u32, pools: &[PoolBounds]) -> Scenario {
        let seen = &halves.seen;
        let seed = seen.seed.wrapping_add(u64::from(run));
        if run == 0 {
            return seen.clone();
        }
        let mut draws = Stream::new(seed, "hazards", "");
        let mut own = Scenario { seed, ..seen.clone() };
        let blocks = seen.horizon_millis / halves.block_millis.max(1);
        if let (true, Ok(count @ 2..)) = (self.days, u32::try_from(blocks)) {
            let mut chosen: Vec<u64> = (0..count).map(|_| u64::from(draws.below(count))).collect();
            // What is left beyond whole blocks stays where it is: all runs are as long.
            chosen.extend((seen.horizon_millis > blocks * halves.block_millis).then_some(blocks));
            own = part(&own, &chosen, halves.block_millis);
        }
        // An even part of the most, thousandths of it.
        let more =
            u64::from(self.growth_percent) * u64::from(draws.below(1001)) * MILLION / 100_000;
        scale(&mut own, MILLION + more);
        for (pool, bounds) in pools.iter().enumerate() {
            let evicts = if bounds.spot { self.spot_evictions } else { 0 };
            let fails = Happening::NodeFails { pool, repair_millis: REPAIR_MILLIS };
            let evicted = Happening::SpotEviction { pool, nodes: 1 };
            for (what, rate, name) in
                [(fails, self.node_failures, "fails"), (evicted, evicts, "evicted")]
            {
                let mut draws = Stream::new(seed, name, &pool.to_string());
                let mean = f64::from(rate) / 1000.0 * own.horizon_millis as f64 / DAY_MILLIS as f64;
                for _ in 0..draws.poisson(mean) {
                    let at = (draws.unit() * own.horizon_millis as f64) as u64;
                    own.events.push(Event { at_millis: at.min(own.horizon_millis), what });
                }
            }
        }
        own
    }
}

/// Traffic becomes so many millionths of what it is.
pub(super) fn scale(own: &mut Scenario, millionths: u64) {
    for source in own.loads.iter_mut().flat_map(|load| &mut load.sources) {
        if let Source::Series { factor, .. } = source {
            let scaled = u128::from(*factor) * u128::from(millionths) / u128::from(MILLION);
            *factor = u64::try_from(scaled).unwrap_or(u64::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::split::testing::empty;
    use nodeplan_model::scenario::Series;

    fn pools(spot: &[bool]) -> Vec<PoolBounds> {
        let one = |spot: &bool| PoolBounds {
            min: 1,
            max: 2,
            initial: 1,
            spot: *spot,
            priority: None,
            zones: Vec::new(),
            schedules: Vec::new(),
        };
        spot.iter().map(one).collect()
    }

    /// Eight days, the rate of each is its number.
    fn halves() -> Halves {
        let series = Series {
            name: "s".into(),
            step_millis: DAY_MILLIS,
            micro_per_second: (0..8).map(|day| day * 1_000_000).collect(),
        };
        let seen = Scenario { series: vec![series], horizon_millis: 8 * DAY_MILLIS, ..empty() };
        let unseen = seen.clone();
        Halves { seen, unseen, busiest: None, block_millis: DAY_MILLIS }
    }

    #[test]
    fn the_first_run_is_as_it_was_and_others_draw_whole_days() {
        let halves = halves();
        let all = Hazards { growth_percent: 10, ..Hazards::default() };
        assert_eq!(all.of_run(&halves, 0, &pools(&[false])), halves.seen);
        let other = all.of_run(&halves, 1, &pools(&[false]));
        assert_eq!(other.horizon_millis, halves.seen.horizon_millis);
        assert_ne!(other.series, halves.seen.series);
        let own = &halves.seen.series[0].micro_per_second;
        assert!(other.series[0].micro_per_second.iter().all(|rate| own.contains(rate)));
        assert_eq!(other, all.of_run(&halves, 1, &pools(&[false])));
        let calm = Hazards::NONE.of_run(&halves, 3, &pools(&[true]));
        assert_eq!(calm, Scenario { seed: 4, ..halves.seen.clone() });
    }

    #[test]
    fn pools_fail_at_the_rate_asked_for_and_only_spot_is_evicted() {
        let halves = halves();
        let wild = Hazards { node_failures: 2000, spot_evictions: 1000, ..Hazards::NONE };
        let (mut fails, mut evicted) = (0, 0);
        for run in 1..=100 {
            for event in wild.of_run(&halves, run, &pools(&[false, true])).events {
                match event.what {
                    Happening::NodeFails { .. } => fails += 1,
                    Happening::SpotEviction { pool, .. } => {
                        assert_eq!(pool, 1);
                        evicted += 1;
                    }
                    _ => unreachable!("nothing else goes wrong"),
                }
            }
        }
        // Two pools × 2 a day × 8 days × 100 runs, and one a day of one pool: within four deviations.
        assert!((3200_i32 - fails).abs() < 230, "{fails}");
        assert!((800_i32 - evicted).abs() < 115, "{evicted}");
    }

    #[test]
    fn lists_are_read() {
        let read = |text: &str| {
            let parts: Vec<String> = text.split(',').map(str::to_owned).collect();
            Hazards::named(&parts)
        };
        assert_eq!(read("none"), Ok(Hazards::NONE));
        assert_eq!(read("days, failures=33,evictions=1000"), Ok(Hazards::default()));
        assert_eq!(read("growth=20"), Ok(Hazards { growth_percent: 20, ..Hazards::NONE }));
        for wrong in ["day", "growth", "growth=-1", "growth=1001", "floods=1", "failures=x"] {
            assert_eq!(read(wrong), Err(wrong.to_owned()));
        }
    }
}
