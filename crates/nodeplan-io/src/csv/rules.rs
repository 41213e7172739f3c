//! Rules a row can ask for that plans do not enforce yet, and columns that shape no plan.
//!
//! A rule that narrows where a pod may run is an error, unless it is ignored on request; then
//! it is an assumption. A column that only widens it, or matters to a simulation only, is
//! accepted and mentioned once.

use super::columns::Column;
use nodeplan_model::problem::Assumption;
use std::collections::{BTreeMap, BTreeSet};

/// Rules that `ignore` accepts, with what each asks for.
pub const RULES: &[(&str, &str)] = &[
    ("anti_affinity", "pods of a workload in different zones (`anti_affinity=zone`)"),
    ("platform_labels", "node labels that AKS sets itself, such as the zone, in `node_selector`"),
    ("spread", "pods spread evenly over zones or nodes"),
];

/// Whether `name` is a rule that can be ignored.
#[must_use]
pub fn is_rule(name: &str) -> bool {
    RULES.iter().any(|(rule, _)| *rule == name)
}

/// Labels AKS or the autoscaler puts on nodes; a plan cannot give them to a pool.
pub(super) fn is_platform_label(key: &str) -> bool {
    let prefixes = [
        "kubernetes.azure.com/",
        "topology.kubernetes.io/",
        "failure-domain.beta.kubernetes.io/",
        "topology.disk.csi.azure.com/",
        "karpenter.sh/",
        "karpenter.azure.com/",
    ];
    key == "agentpool"
        || key == "kubernetes.io/hostname"
        || prefixes.iter().any(|prefix| key.starts_with(prefix))
}

/// Columns without effect on a plan, and what they are for.
const NOT_USED: &[(Column, &str)] = &[
    (Column::Tolerations, "only widens where a pod may run; the plan does without"),
    (Column::SpotOk, "allows spot nodes, which only plans with --spot may have"),
    (Column::Pdb, "shapes drains, not placement"),
    (Column::Priority, "decides who goes first when room is short; the plan has room for all"),
    (Column::StartupSeconds, "matters to simulation"),
    (Column::RpsPerPod, "matters to simulation"),
    (Column::ServiceMs, "matters to simulation"),
    (Column::SloMs, "matters to simulation"),
    (Column::CpuP50, "matters to right-sizing"),
    (Column::CpuP95, "matters to right-sizing"),
    (Column::CpuP99, "matters to right-sizing"),
    (Column::MemMax, "matters to right-sizing"),
];

/// Counts the rows behind each assumption.
#[derive(Default)]
pub(super) struct Tally {
    ignored: BTreeMap<&'static str, u64>,
    unused: BTreeMap<Column, u64>,
}

impl Tally {
    /// Counts a row whose rule is ignored.
    pub fn ignore(&mut self, rule: &'static str) {
        *self.ignored.entry(rule).or_default() += 1;
    }

    /// Counts a row with something in a column that shapes no plan.
    pub fn unused(&mut self, column: Column) {
        *self.unused.entry(column).or_default() += 1;
    }

    /// Columns to count.
    pub fn columns() -> impl Iterator<Item = Column> {
        NOT_USED.iter().map(|(column, _)| *column)
    }

    /// One sentence for each ignored rule and each unused column, and for rules ignored in vain.
    pub fn assumptions(&self, ignore: &BTreeSet<String>) -> Vec<Assumption> {
        let rows =
            |count: u64| if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
        let mut all = Vec::new();
        for (rule, meaning) in RULES {
            if let Some(&count) = self.ignored.get(rule) {
                let text =
                    format!("rule `{rule}` is ignored as asked: {} with {meaning}", rows(count));
                all.push(Assumption { text });
            } else if ignore.contains(*rule) {
                let text = format!("rule `{rule}` is ignored as asked, but no row asks for it");
                all.push(Assumption { text });
            }
        }
        for (column, meaning) in NOT_USED {
            if let Some(&count) = self.unused.get(column) {
                let text =
                    format!("`{}` ({}) {meaning}: not used here", column.name(), rows(count));
                all.push(Assumption { text });
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_platform_are_known() {
        for (key, platform) in [
            ("topology.kubernetes.io/zone", true),
            ("agentpool", true),
            ("kubernetes.azure.com/mode", true),
            ("kubernetes.io/arch", false),
            ("node.kubernetes.io/instance-type", false),
            ("disk", false),
        ] {
            assert_eq!(is_platform_label(key), platform, "{key}");
        }
    }
}
