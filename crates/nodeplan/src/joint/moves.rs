//! Neighbours of a design, one family of decision variables at a time. Changes of all workloads at
//! once come before those of each.

use super::design::Design;
use super::layouts::Layout;
use nodeplan_model::scenario::{
    AutoProvisioning, AutoscalerProfile, Autoscaling, Behavior, Expander, Metric, Provisioning,
    RatePolicy, Rules, Schedule, Select,
};

/// A family of decision variables; each can be frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Which sizes of nodes.
    Sizes,
    /// Whether some of them are spot nodes, where the rules allow such.
    Spot,
    /// Targets of the autoscalers.
    Targets,
    /// Fewest replicas.
    Minimum,
    /// Most replicas.
    Maximum,
    /// How fast autoscalers go up and down.
    Behavior,
    /// Fewest nodes of pools.
    Nodes,
    /// Profile and expander of the cluster autoscaler.
    Profile,
    /// Cluster autoscaler or node auto-provisioning.
    Provisioning,
    /// Minimums before peaks that come every day.
    Schedules,
    /// Requests of pods.
    Requests,
    /// Pods that only keep room.
    Keepers,
}

impl Family {
    /// All of them, in the order they are tried.
    pub const ALL: [Self; 12] = [
        Self::Targets,
        Self::Sizes,
        Self::Minimum,
        Self::Requests,
        Self::Profile,
        Self::Nodes,
        Self::Behavior,
        Self::Schedules,
        Self::Provisioning,
        Self::Maximum,
        Self::Keepers,
        Self::Spot,
    ];

    /// Its name in options and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sizes => "sizes",
            Self::Spot => "spot",
            Self::Targets => "targets",
            Self::Minimum => "min",
            Self::Maximum => "max",
            Self::Behavior => "behavior",
            Self::Nodes => "nodes",
            Self::Profile => "profile",
            Self::Provisioning => "provisioning",
            Self::Schedules => "schedules",
            Self::Requests => "requests",
            Self::Keepers => "overprovisioning",
        }
    }

    /// The family of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// What moves know beside the design.
pub(super) struct Ground<'a> {
    /// Pools to choose from.
    pub layouts: &'a [Layout],
    /// Hours of the day, 24 per workload: replicas that the median day needs.
    pub hours: &'a [[u32; 24]],
    /// Replicas that each workload needs at quantiles of its load.
    pub standing: &'a [[u32; STANDING.len()]],
    /// Fewest replicas that the user allows.
    pub least: &'a [u32],
    /// Most replicas that the user allows.
    pub most: &'a [u32],
    /// Whether autoscalers change one by one too, not only all of them together.
    pub alone: bool,
}

/// Quantiles of the load whose pods may be there at all times, percent.
pub(super) const STANDING: [usize; 5] = [25, 50, 75, 90, 97];
/// Steps of a target, points of a percent.
const TARGET_STEPS: [i64; 8] = [20, 8, 3, 1, -1, -2, -5, -15];
/// Factors of a target that is no share, percent.
const TARGET_FACTORS: [u64; 8] = [200, 150, 115, 105, 95, 87, 70, 50];
/// Stabilisation windows downwards, seconds.
pub(super) const WINDOWS: [u32; 5] = [0, 60, 120, 300, 900];
/// Times that a node must be unneeded, and waits after a scale-up, milliseconds.
pub(super) const UNNEEDED: [u64; 5] = [60_000, 120_000, 300_000, 600_000, 1_200_000];
/// Utilization below which a node is unneeded, thousandths.
const UTILIZATION: [u32; 4] = [500, 650, 800, 950];
/// Share of the hourly need that a schedule holds, percent; zero: no schedule.
pub(super) const HELD: [u32; 5] = [0, 60, 80, 100, 120];

/// Neighbours in one family.
pub(super) fn neighbours(family: Family, from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    let mut all = match family {
        Family::Sizes => sizes(from, ground),
        Family::Targets => each_scaled(from, ground, |_, one| targets(one)),
        Family::Minimum => bounded(from, ground, true),
        Family::Maximum => bounded(from, ground, false),
        Family::Behavior => behaviors(from, ground),
        Family::Nodes => nodes(from, ground),
        Family::Profile => profiles(from),
        Family::Provisioning => provisionings(from),
        Family::Schedules => schedules(from, ground),
        // Other pods need other plans: the search makes them. Spot nodes come with other sizes.
        Family::Requests | Family::Keepers | Family::Spot => Vec::new(),
    };
    distinct(&mut all, from);
    all
}

/// Takes out what changes nothing.
pub(super) fn distinct(all: &mut Vec<Design>, from: &Design) {
    all.retain(|one| one != from);
    all.dedup();
}

/// Other pools for the same pods.
fn sizes(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    same_pods(from, ground).map(|layout| from.moved_to(layout, ground.layouts)).collect()
}

/// Layouts for the pods of a design.
pub(super) fn same_pods<'a>(
    from: &Design,
    ground: &'a Ground<'_>,
) -> impl Iterator<Item = usize> + use<'a> {
    let own = &ground.layouts[from.layout].pods;
    (0..ground.layouts.len()).filter(move |at| ground.layouts[*at].pods == *own)
}

/// Applies changes to all workloads that are scaled at once, and to each of them by itself.
pub(super) fn each_scaled(
    from: &Design,
    ground: &Ground<'_>,
    change: impl Fn(usize, &Autoscaling) -> Vec<Autoscaling>,
) -> Vec<Design> {
    let options: Vec<Vec<Autoscaling>> = from
        .scaling
        .iter()
        .enumerate()
        .map(|(at, one)| one.as_ref().map_or_else(Vec::new, |one| change(at, one)))
        .collect();
    let mut all = Vec::new();
    let longest = options.iter().map(Vec::len).max().unwrap_or(0);
    for step in 0..longest {
        let mut design = from.clone();
        for (at, changed) in options.iter().enumerate() {
            if let Some(one) = changed.get(step) {
                design.scaling[at] = Some(one.clone());
            }
        }
        all.push(design);
    }
    for (at, changed) in options.iter().enumerate().filter(|_| ground.alone) {
        for one in changed {
            let mut design = from.clone();
            design.scaling[at] = Some(one.clone());
            all.push(design);
        }
    }
    all
}

fn targets(one: &Autoscaling) -> Vec<Autoscaling> {
    let steps = TARGET_STEPS.iter().zip(TARGET_FACTORS);
    steps.map(|(step, factor)| moved(one, *step, factor)).collect()
}

/// An autoscaler whose shares are moved by so many points, and whose other targets are so many
/// percent of what they were.
pub(super) fn moved(one: &Autoscaling, points: i64, factor: u64) -> Autoscaling {
    let share = |own: u32| {
        let next = (i64::from(own) + points).clamp(5, 1000);
        u32::try_from(next).unwrap_or(own)
    };
    let amount = |own: u64| {
        let next = u128::from(own) * u128::from(factor) / 100;
        u64::try_from(next).unwrap_or(u64::MAX).max(1)
    };
    retargeted(one, share, amount)
}

/// An autoscaler with other targets, shares of requests and other amounts.
pub(super) fn retargeted(
    one: &Autoscaling,
    share: impl Fn(u32) -> u32,
    amount: impl Fn(u64) -> u64,
) -> Autoscaling {
    let mut changed = one.clone();
    for metric in &mut changed.metrics {
        match metric {
            Metric::CpuUtilization(own)
            | Metric::MemoryUtilization(own)
            | Metric::ContainerCpu(own)
            | Metric::ContainerMemory(own) => *own = share(*own),
            Metric::QueueLength(own)
            | Metric::RequestsPerPod(own)
            | Metric::CpuAverage(own)
            | Metric::MemoryAverage(own)
            | Metric::RequestsValue(own)
            | Metric::QueueValue(own) => *own = amount(*own),
        }
    }
    changed
}

/// Fewer or more replicas as bounds.
fn bounded(from: &Design, ground: &Ground<'_>, low: bool) -> Vec<Design> {
    each_scaled(from, ground, |at, one| {
        let now = if low { one.min } else { one.max };
        let mut steps =
            vec![now / 2, now.saturating_sub(1), now + 1, now.saturating_mul(2), ground.least[at]];
        if low {
            steps.extend(ground.standing[at]);
        }
        let bound = |next: u32| match low {
            true => Autoscaling { min: next.clamp(ground.least[at], one.max), ..one.clone() },
            false => {
                let least = one.min.max(1);
                Autoscaling { max: next.clamp(least, ground.most[at].max(least)), ..one.clone() }
            }
        };
        steps.into_iter().map(bound).collect()
    })
}

/// One way to follow the load: at once or by the API's own policies upwards, and downwards after a
/// window.
pub(super) fn behavior(fast: bool, window: u32) -> Behavior {
    let policy = |percent, value| RatePolicy { percent, value, period_seconds: 15 };
    let up = match fast {
        false => vec![policy(true, 100), policy(false, 4)],
        true => vec![policy(true, 300), policy(false, 10)],
    };
    let rules = |window, policies| Rules {
        window_seconds: Some(window),
        select: Select::Max,
        policies: Some(policies),
        ..Rules::default()
    };
    Behavior { up: rules(0, up), down: rules(window, vec![policy(true, 100)]) }
}

fn behaviors(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    each_scaled(from, ground, |_, one| {
        let ways = WINDOWS.iter().flat_map(|window| [(false, *window), (true, *window)]);
        ways.map(|(fast, window)| Autoscaling {
            behavior: Some(behavior(fast, window)),
            ..one.clone()
        })
        .collect()
    })
}

fn nodes(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    let mut all = Vec::new();
    let alone = from.pools.iter().filter(|pool| pool.min > 0).count() == 1;
    for (at, pool) in from.pools.iter().enumerate() {
        let floor = u32::from(alone && pool.min > 0);
        let now = pool.min;
        for next in [floor, now / 2, now.saturating_sub(1), now + 1, now + 2, now * 2] {
            let mut design = from.clone();
            let row = &mut design.pools[at];
            row.min = next.clamp(floor.min(row.max), row.max);
            // The start of a run is no choice.
            let start = ground.layouts[from.layout].bounds[at].initial;
            row.initial = start.clamp(row.min, row.max);
            all.push(design);
        }
    }
    all
}

/// Cluster autoscalers that wait so long.
pub(super) fn patient(now: AutoscalerProfile, millis: u64) -> AutoscalerProfile {
    AutoscalerProfile { unneeded_millis: millis, delay_after_add_millis: millis, ..now }
}

fn profiles(from: &Design) -> Vec<Design> {
    let now = from.autoscaler;
    let mut all = Vec::new();
    let mut add = |autoscaler| all.push(Design { autoscaler, ..from.clone() });
    for millis in UNNEEDED {
        add(patient(now, millis));
        add(AutoscalerProfile { unneeded_millis: millis, ..now });
        add(AutoscalerProfile { delay_after_add_millis: millis, ..now });
    }
    for utilization_milli in UTILIZATION {
        add(AutoscalerProfile { utilization_milli, ..now });
    }
    for expander in Expander::ALL {
        add(AutoscalerProfile { expander, ..now });
    }
    for scan_millis in [10_000, 20_000] {
        add(AutoscalerProfile { scan_millis, ..now });
    }
    all
}

pub(super) fn provisionings(from: &Design) -> Vec<Design> {
    let own = |consolidate_after_millis| {
        Provisioning::NodeAutoProvisioning(AutoProvisioning {
            consolidate_after_millis: Some(consolidate_after_millis),
            ..AutoProvisioning::default()
        })
    };
    [Provisioning::ClusterAutoscaler, own(0), own(60_000), own(300_000)]
        .into_iter()
        .map(|provisioning| Design { provisioning, ..from.clone() })
        .collect()
}

/// Minimums for the hours of the day.
fn schedules(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    each_scaled(from, ground, |at, one| {
        let row = |percent: &u32| scheduled(one, &ground.hours[at], *percent);
        HELD.iter().map(row).collect()
    })
}

/// An autoscaler that holds so many percent of the hourly need.
pub(super) fn scheduled(one: &Autoscaling, hours: &[u32; 24], percent: u32) -> Autoscaling {
    Autoscaling { schedules: held(hours, percent, one), ..one.clone() }
}

/// A quarter of an hour before each hour until its end, where the need is above the minimum.
fn held(hours: &[u32; 24], percent: u32, one: &Autoscaling) -> Vec<Schedule> {
    let want = |hour: usize| (hours[hour % 24] * percent).div_ceil(100).min(one.max);
    let mut all: Vec<Schedule> = Vec::new();
    for hour in 0..24 {
        let min = want(hour);
        if min <= one.min || percent == 0 {
            continue;
        }
        let second = hour as u32 * 3600;
        let until = (second + 3600) % 86_400;
        match all.last_mut() {
            Some(last) if last.min == min && last.to_second == second => last.to_second = until,
            _ => all.push(Schedule {
                days: 0x7f,
                from_second: (second + 86_400 - 900) % 86_400,
                to_second: until,
                min,
            }),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_covers_the_hours_above_the_minimum() {
        let mut hours = [2; 24];
        (hours[8], hours[9], hours[10]) = (10, 10, 5);
        let one = Autoscaling {
            min: 3,
            max: 8,
            metrics: Vec::new(),
            behavior: None,
            schedules: Vec::new(),
            cooldown_seconds: None,
            activation: 0,
            sidecar: nodeplan_model::scenario::Sidecar::default(),
            queue_lag_millis: 0,
        };
        let all = held(&hours, 100, &one);
        let rows: Vec<_> =
            all.iter().map(|row| (row.from_second, row.to_second, row.min)).collect();
        assert_eq!(rows, vec![(27_900, 36_000, 8), (35_100, 39_600, 5)]);
        assert!(held(&hours, 0, &one).is_empty());
    }

    #[test]
    fn names_are_distinct_and_lead_back() {
        for family in Family::ALL {
            assert_eq!(Family::named(family.name()), Some(family));
        }
    }
}
