//! The priority expander: groups by the user's order of preference
//! (`expander/priority/priority.go`). Reading the ConfigMap is the caller's.

use regex::Regex;

use crate::autoscaler::expander::ScaleUpOption;

/// The user's map from priority to patterns of group names. Patterns may match anywhere in a
/// name, as Go's regular expressions do.
#[derive(Clone, Debug, Default)]
pub struct Priorities(Vec<(i64, Vec<Regex>)>);

impl Priorities {
    /// Compiles the map, as read from the ConfigMap.
    ///
    /// # Errors
    /// The first pattern that is none: upstream then ignores the whole map.
    pub fn new(map: &[(i64, Vec<String>)]) -> Result<Self, regex::Error> {
        let mut compiled = Vec::with_capacity(map.len());
        for (priority, patterns) in map {
            let patterns: Result<Vec<Regex>, _> =
                patterns.iter().map(|pattern| Regex::new(pattern)).collect();
            compiled.push((*priority, patterns?));
        }
        Ok(Self(compiled))
    }

    /// The highest priority that has a pattern for a group's name.
    pub fn of(&self, group: &str) -> Option<i64> {
        self.0
            .iter()
            .filter(|(_, patterns)| patterns.iter().any(|pattern| pattern.is_match(group)))
            .map(|(priority, _)| *priority)
            .max()
    }
}

/// Upstream starts its search here: lower priorities never win.
const LOWEST: i64 = -1;

/// Options of the highest priority found; all of them if none has one that can win.
pub fn highest(
    options: &[ScaleUpOption],
    priority: impl Fn(&ScaleUpOption) -> Option<i64>,
) -> Vec<ScaleUpOption> {
    let found = options.iter().filter_map(&priority).filter(|found| *found >= LOWEST).max();
    let Some(found) = found else { return options.to_vec() };
    options.iter().filter(|option| priority(option) == Some(found)).copied().collect()
}
