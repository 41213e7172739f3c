//! Moves of two families at once, for variables that move each other: where a change of one of them
//! alone is worse, both together may be better.

use super::design::Design;
use super::moves::{
    Family, Ground, HELD, UNNEEDED, WINDOWS, behavior, distinct, each_scaled, moved, neighbours,
    patient, provisionings, same_pods, scheduled,
};
use nodeplan_model::scenario::Autoscaling;

/// What a search does to a design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Changes one family.
    One(Family),
    /// Changes two families.
    Two(Family, Family),
}

/// Pairs, in the order they are tried.
const PAIRS: [(Family, Family); 9] = [
    (Family::Keepers, Family::Targets),
    (Family::Targets, Family::Minimum),
    (Family::Targets, Family::Targets),
    (Family::Sizes, Family::Targets),
    (Family::Behavior, Family::Profile),
    (Family::Schedules, Family::Minimum),
    (Family::Schedules, Family::Targets),
    (Family::Sizes, Family::Provisioning),
    (Family::Nodes, Family::Profile),
];
/// Steps of a target with a change of the fewest replicas, and their factors, percent.
const STEPS: [(i64, u64); 5] = [(40, 300), (20, 200), (8, 120), (-8, 85), (-20, 60)];
/// Steps of a target with minimums at hours known.
const FULLER: [(i64, u64); 3] = [(15, 130), (40, 200), (80, 300)];
/// Steps of all targets with other pods that keep room.
const ROOMIER: [(i64, u64); 4] = [(8, 115), (20, 150), (40, 200), (-8, 85)];
/// Steps of two targets.
const BOTH: [((i64, u64), (i64, u64)); 8] = [
    ((8, 115), (8, 115)),
    ((20, 150), (20, 150)),
    ((15, 130), (-5, 95)),
    ((-5, 95), (15, 130)),
    ((-18, 70), (10, 115)),
    ((10, 115), (-18, 70)),
    ((-8, 85), (-8, 85)),
    ((-20, 60), (-20, 60)),
];
/// Most workloads whose targets are moved two by two.
const MOST_PAIRED: usize = 6;
/// Most neighbours of a move at a time.
const MOST: usize = 120;

impl Move {
    /// All moves that change no frozen family: singles first.
    pub(super) fn all(frozen: &[Family]) -> Vec<Self> {
        // Layouts with spot nodes and without are beside each other: to go from one to the other is to
        // change sizes.
        let ones = Family::ALL.into_iter().filter(|one| *one != Family::Spot).map(Self::One);
        let twos = PAIRS.into_iter().map(|(first, second)| Self::Two(first, second));
        let free = |one: &Self| one.families().iter().all(|family| !frozen.contains(family));
        ones.chain(twos).filter(free).collect()
    }

    /// The families that it changes.
    #[must_use]
    pub fn families(self) -> Vec<Family> {
        match self {
            Self::One(family) => vec![family],
            Self::Two(first, second) if first == second => vec![first],
            Self::Two(first, second) => vec![first, second],
        }
    }

    /// Whether it changes nothing but autoscalers of workloads.
    pub(super) fn of_autoscalers(self) -> bool {
        self.families().iter().all(|family| {
            matches!(
                family,
                Family::Targets
                    | Family::Minimum
                    | Family::Maximum
                    | Family::Behavior
                    | Family::Schedules
            )
        })
    }

    /// Its name in tables: `targets`, `targets+min`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::One(family) => family.name().to_owned(),
            Self::Two(first, second) => format!("{}+{}", first.name(), second.name()),
        }
    }

    /// Neighbours, at most so many that a round stays affordable: those of the `turn`-th part of
    /// them, where there are more.
    pub(super) fn neighbours(self, from: &Design, ground: &Ground<'_>, turn: usize) -> Vec<Design> {
        let mut all = match self {
            Self::One(family) => neighbours(family, from, ground),
            Self::Two(Family::Targets, Family::Minimum) => targets_minimum(from, ground),
            Self::Two(Family::Targets, _) if ground.alone => two_targets(from),
            Self::Two(Family::Targets, _) => Vec::new(),
            // Other pods need other plans: the search makes them.
            Self::Two(Family::Keepers, _) => Vec::new(),
            Self::Two(Family::Sizes, Family::Targets) => sizes_targets(from, ground),
            Self::Two(Family::Sizes, _) => sizes_provisioning(from, ground),
            Self::Two(Family::Behavior, _) => behavior_profile(from),
            Self::Two(Family::Schedules, Family::Minimum) => schedules_minimum(from, ground),
            Self::Two(Family::Schedules, _) => schedules_targets(from, ground),
            Self::Two(..) => nodes_profile(from, ground),
        };
        distinct(&mut all, from);
        if all.len() > MOST {
            let parts = all.len().div_ceil(MOST);
            all.rotate_left(turn % parts * MOST);
            all.truncate(MOST);
        }
        all
    }
}

/// Fewer pods that are fuller, or more that are emptier.
fn targets_minimum(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    each_scaled(from, ground, |at, one| {
        let least = ground.least[at];
        let mins = [least, one.min.saturating_sub(1), one.min + 1, one.min.saturating_mul(2)];
        let both = mins.iter().flat_map(|min| STEPS.iter().map(move |step| (*min, *step)));
        both.map(|(min, (points, factor))| Autoscaling {
            min: min.clamp(least, one.max.max(least)),
            ..moved(one, points, factor)
        })
        .collect()
    })
}

/// One workload's pods fuller, another's too or emptier: together they may fill a node less.
fn two_targets(from: &Design) -> Vec<Design> {
    let scaled: Vec<usize> = (0..from.scaling.len())
        .filter(|at| from.scaling[*at].as_ref().is_some_and(|one| !one.metrics.is_empty()))
        .take(MOST_PAIRED)
        .collect();
    let mut all = Vec::new();
    for (place, first) in scaled.iter().enumerate() {
        for second in &scaled[place + 1..] {
            for (one, other) in BOTH {
                let mut design = from.clone();
                for (at, (points, factor)) in [(*first, one), (*second, other)] {
                    let changed = design.scaling[at].as_ref().map(|own| moved(own, points, factor));
                    design.scaling[at] = changed;
                }
                all.push(design);
            }
        }
    }
    all
}

/// Other nodes, with pods that are fuller or emptier on them.
fn sizes_targets(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    let mut all = Vec::new();
    for layout in same_pods(from, ground) {
        for (points, factor) in [(15, 130), (-10, 85)] {
            let mut design = from.moved_to(layout, ground.layouts);
            for one in design.scaling.iter_mut().flatten() {
                *one = moved(one, points, factor);
            }
            all.push(design);
        }
    }
    all
}

/// Pods that are fuller or emptier beside others that keep room: what all share costs less than what each
/// has of its own.
pub(super) fn with_targets(designs: &[Design]) -> Vec<Design> {
    let moved_by = |design: &Design, (points, factor): (i64, u64)| {
        let mut design = design.clone();
        for one in design.scaling.iter_mut().flatten() {
            *one = moved(one, points, factor);
        }
        design
    };
    let each = |design| ROOMIER.iter().map(move |step| moved_by(design, *step));
    designs.iter().flat_map(each).collect()
}

/// Other nodes, made by the other maker.
fn sizes_provisioning(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    let other = |layout: usize| {
        let moved = from.moved_to(layout, ground.layouts);
        provisionings(&moved).into_iter().filter(|one| one.provisioning != from.provisioning)
    };
    same_pods(from, ground).flat_map(other).collect()
}

/// Who gives pods back late keeps nodes anyway.
fn behavior_profile(from: &Design) -> Vec<Design> {
    let mut all = Vec::new();
    for millis in UNNEEDED {
        for window in WINDOWS {
            for fast in [false, true] {
                let mut design = from.clone();
                design.autoscaler = patient(design.autoscaler, millis);
                for one in design.scaling.iter_mut().flatten() {
                    one.behavior = Some(behavior(fast, window));
                }
                all.push(design);
            }
        }
    }
    all
}

/// Fewer replicas at all times, more of them at hours known.
fn schedules_minimum(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    each_scaled(from, ground, |at, one| {
        let least = ground.least[at];
        let mins = [least, one.min / 2];
        let both = mins.iter().flat_map(|min| HELD.iter().map(move |percent| (*min, *percent)));
        both.map(|(min, percent)| {
            let lower = Autoscaling { min: min.clamp(least, one.max.max(least)), ..one.clone() };
            scheduled(&lower, &ground.hours[at], percent)
        })
        .collect()
    })
}

/// Pods that are fuller, and more of them at hours known: what is steep need not be met by pods that
/// are nearly empty all day.
fn schedules_targets(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    each_scaled(from, ground, |at, one| {
        let lower = Autoscaling { min: ground.least[at].min(one.max), ..one.clone() };
        let both =
            FULLER.iter().flat_map(|step| HELD.iter().skip(1).map(move |held| (*step, *held)));
        both.map(|((points, factor), held)| {
            moved(&scheduled(&lower, &ground.hours[at], held), points, factor)
        })
        .collect()
    })
}

/// A node that is always there, all others gone soon; or none, and all of them kept for longer.
fn nodes_profile(from: &Design, ground: &Ground<'_>) -> Vec<Design> {
    let nodes = neighbours(Family::Nodes, from, ground);
    let both = nodes.iter().flat_map(|one| {
        UNNEEDED
            .iter()
            .map(|millis| Design { autoscaler: patient(one.autoscaler, *millis), ..one.clone() })
    });
    both.collect()
}
