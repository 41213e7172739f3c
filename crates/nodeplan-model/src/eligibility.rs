//! Which sizes of a catalog a plan may use, and why the others may not.
//!
//! Invariant: every size of the catalog, usable or not, is counted exactly once: eligible, or
//! under the first reason that applies, in one fixed order.

use crate::catalog::{Arch, Catalog, Exclusion, Sku};
use crate::units::Date;
use std::fmt;

const PREFIX: &str = "standard_";

/// A size name or a glob over size names: `*` stands for any text, `?` for one character.
/// Letter case and a leading `Standard_` do not matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    text: String,
    lower: Vec<u8>,
}

impl Pattern {
    /// A pattern as written; blanks around it are dropped.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim().to_owned();
        let lower = bare(&text);
        Self { text, lower }
    }

    /// Whether it names one size rather than a family of them.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.lower.iter().any(|byte| matches!(byte, b'*' | b'?'))
    }

    /// Whether the size `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        glob(&self.lower, &bare(name))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Lower case, without the prefix every size carries.
fn bare(name: &str) -> Vec<u8> {
    let lower = name.to_ascii_lowercase();
    let name = lower.strip_prefix(PREFIX).unwrap_or(&lower);
    name.as_bytes().to_vec()
}

/// Greedy match with one point of return: linear for one star, never exponential.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == b'?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// What a plan may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Architectures.
    pub arches: Vec<Arch>,
    /// Sizes that retire on or before this day are out.
    pub plan_date: Date,
    /// Burstable sizes too.
    pub burstable: bool,
    /// Confidential-computing sizes too.
    pub confidential: bool,
    /// Constrained-core sizes too.
    pub constrained: bool,
    /// Only sizes that match one of these; empty = all. A size named exactly is in even if it
    /// is burstable, confidential or constrained.
    pub allow: Vec<Pattern>,
    /// No size that matches one of these.
    pub deny: Vec<Pattern>,
}

impl Filter {
    /// The rules of a plan nobody gave options for: amd64, neither burstable nor confidential
    /// nor constrained sizes.
    #[must_use]
    pub fn new(plan_date: Date) -> Self {
        Self {
            arches: vec![Arch::Amd64],
            plan_date,
            burstable: false,
            confidential: false,
            constrained: false,
            allow: Vec::new(),
            deny: Vec::new(),
        }
    }
}

/// The sizes a plan may use and what became of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eligibility {
    /// Sizes, sorted by name.
    pub skus: Vec<Sku>,
    /// Why the others left: first the catalog's own reasons, then the filter's.
    pub excluded: Vec<Exclusion>,
    /// Eligible sizes whose retirement, after the plan date, is announced.
    pub retiring: Vec<(String, Date)>,
    /// Patterns of `allow` and `deny` that match no size of the catalog.
    pub unmatched: Vec<Pattern>,
    /// Sizes that `allow` names exactly and that are out all the same, with the reason.
    pub named_but_out: Vec<(String, String)>,
}

/// Sorts the sizes of `catalog` into eligible and not. The order of reasons: too small for AKS,
/// retired, architecture, not allowed, denied, burstable, confidential, constrained.
#[must_use]
pub fn eligible(catalog: &Catalog, filter: &Filter) -> Eligibility {
    let mut skus = Vec::new();
    let mut left: Vec<(Reason, u32)> = Reason::ALL.iter().map(|reason| (*reason, 0)).collect();
    let mut named_but_out = Vec::new();
    for sku in &catalog.skus {
        let named =
            filter.allow.iter().any(|pattern| pattern.is_exact() && pattern.matches(&sku.name));
        match reason_against(sku, filter, named) {
            None => skus.push(sku.clone()),
            Some(reason) => {
                left[reason as usize].1 += 1;
                if named {
                    named_but_out.push((sku.name.clone(), reason.text(filter)));
                }
            }
        }
    }
    skus.sort_by(|a, b| a.name.cmp(&b.name));
    named_but_out.sort();
    let mut excluded = catalog.unusable.clone();
    excluded.extend(
        left.into_iter()
            .filter(|(_, skus)| *skus > 0)
            .map(|(reason, skus)| Exclusion { reason: reason.text(filter), skus }),
    );
    let retiring = skus.iter().filter_map(|sku| Some((sku.name.clone(), sku.retires?))).collect();
    let matched = |pattern: &Pattern| catalog.skus.iter().any(|sku| pattern.matches(&sku.name));
    let unmatched = filter
        .allow
        .iter()
        .chain(&filter.deny)
        .filter(|pattern| !matched(pattern))
        .cloned()
        .collect();
    Eligibility { skus, excluded, retiring, unmatched, named_but_out }
}

/// Why a size is out; declared in the order of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    TooSmall,
    Retired,
    Arch,
    NotAllowed,
    Denied,
    Burstable,
    Confidential,
    Constrained,
}

impl Reason {
    const ALL: [Self; 8] = [
        Self::TooSmall,
        Self::Retired,
        Self::Arch,
        Self::NotAllowed,
        Self::Denied,
        Self::Burstable,
        Self::Confidential,
        Self::Constrained,
    ];

    fn text(self, filter: &Filter) -> String {
        match self {
            Self::TooSmall => "below the AKS minimum of 2 vCPUs and 2 GB".to_owned(),
            Self::Retired => format!("retired by {}", filter.plan_date),
            Self::Arch => {
                let arches: Vec<&str> = filter.arches.iter().map(|arch| arch.label()).collect();
                format!("architecture is not {}", arches.join(" or "))
            }
            Self::NotAllowed => "not among the allowed sizes".to_owned(),
            Self::Denied => "among the denied sizes".to_owned(),
            Self::Burstable => "burstable, not asked for".to_owned(),
            Self::Confidential => "confidential computing, not asked for".to_owned(),
            Self::Constrained => "constrained cores, not asked for".to_owned(),
        }
    }
}

/// The first reason against a size; `named` = the user wrote its very name.
fn reason_against(sku: &Sku, filter: &Filter, named: bool) -> Option<Reason> {
    let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&sku.name));
    let retired = sku.retires.is_some_and(|day| day <= filter.plan_date);
    let not_allowed = !filter.allow.is_empty() && !any(&filter.allow);
    let unasked = |kind: bool, asked: bool| kind && !asked && !named;
    let reasons = [
        (Reason::TooSmall, !sku.user_pool_ok()),
        (Reason::Retired, retired),
        (Reason::Arch, !filter.arches.contains(&sku.arch)),
        (Reason::NotAllowed, not_allowed),
        (Reason::Denied, any(&filter.deny)),
        (Reason::Burstable, unasked(sku.sustained.is_some(), filter.burstable)),
        (Reason::Confidential, unasked(sku.confidential, filter.confidential)),
        (Reason::Constrained, unasked(sku.constrained, filter.constrained)),
    ];
    reasons.into_iter().find(|(_, applies)| *applies).map(|(reason, _)| reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Rates;
    use crate::units::{Bytes, GIB, MilliCpu, UsdPerHour};
    use proptest::prelude::*;

    fn size(name: &str) -> Sku {
        let series = name.trim_start_matches("Standard_");
        Sku {
            name: name.to_owned(),
            family: String::new(),
            vcpus: if name.contains("A1") { 1 } else { 4 },
            memory: Bytes(16 * GIB),
            gpus: 0,
            arch: if name.contains("ps_") { Arch::Arm64 } else { Arch::Amd64 },
            sustained: series.starts_with('B').then_some(MilliCpu(400)),
            constrained: name.contains('-'),
            confidential: series.starts_with("DC"),
            max_data_disks: 4,
            retires: name.contains("old").then(|| Date::parse("2028-05-01").unwrap()),
            rates: Rates {
                on_demand: UsdPerHour(1),
                spot: None,
                reserved_1y: None,
                reserved_3y: None,
                savings_plan_1y: None,
            },
            measured: None,
        }
    }

    fn catalog() -> Catalog {
        let names =
            ["A1_v2", "B2s", "D4_old", "D4ps_v5", "D4s_v3", "DC4s_v3", "E4-2s_v4", "E4s_v4"];
        Catalog {
            date: Date::parse("2026-08-22").unwrap(),
            region: "here".to_owned(),
            currency: "USD".to_owned(),
            skus: names.iter().map(|name| size(&format!("Standard_{name}"))).collect(),
            unusable: vec![Exclusion { reason: "memory unknown".to_owned(), skus: 3 }],
        }
    }

    fn filter(allow: &[&str], deny: &[&str]) -> Filter {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(text)).collect();
        Filter { allow: patterns(allow), deny: patterns(deny), ..Filter::new(catalog().date) }
    }

    fn names(found: &Eligibility) -> Vec<&str> {
        found.skus.iter().map(|sku| &sku.name["Standard_".len()..]).collect()
    }

    #[test]
    fn patterns_are_globs_over_bare_names() {
        for (pattern, name, want) in [
            ("D*", "Standard_D4s_v3", true),
            ("d*_V3", "Standard_D4s_v3", true),
            ("Standard_D4s_v3", "Standard_D4s_v3", true),
            ("D4s_v3", "Standard_D4s_v3", true),
            ("D4s_v3", "Standard_D4s_v33", false),
            ("D?s_v3", "Standard_D4s_v3", true),
            ("D?s_v3", "Standard_D16s_v3", false),
            ("*_v3", "Standard_D4s_v3", true),
            ("*s*3", "Standard_D4s_v3", true),
            ("*s*4", "Standard_D4s_v3", false),
            ("", "Standard_D4s_v3", false),
            ("*", "Standard_D4s_v3", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), want, "{pattern}");
        }
    }

    #[test]
    fn each_rule_decides_and_names_override() {
        let plain = vec!["D4_old", "D4s_v3", "E4s_v4"];
        assert_eq!(names(&eligible(&catalog(), &filter(&[], &[]))), plain);
        for (allow, deny, want) in [
            (vec!["D*"], vec![], vec!["D4_old", "D4s_v3"]),
            (vec!["D*"], vec!["*old"], vec!["D4s_v3"]),
            (vec!["B2s", "D4s_v3"], vec![], vec!["B2s", "D4s_v3"]),
            (vec!["B*"], vec![], vec![]),
            (vec!["dc4s_v3", "E4-2s_v4"], vec![], vec!["DC4s_v3", "E4-2s_v4"]),
            (vec!["D4ps_v5", "A1_v2"], vec![], vec![]),
            (vec!["D4s_v3"], vec!["D4s_v3"], vec![]),
        ] {
            let found = eligible(&catalog(), &filter(&allow, &deny));
            assert_eq!(names(&found), want, "allow {allow:?} deny {deny:?}");
        }
        let all = Filter {
            arches: vec![Arch::Amd64, Arch::Arm64],
            burstable: true,
            confidential: true,
            constrained: true,
            ..filter(&[], &[])
        };
        assert_eq!(eligible(&catalog(), &all).skus.len(), 7);
    }

    #[test]
    fn every_reason_is_counted_in_order() {
        let found = eligible(&catalog(), &filter(&[], &["E4s*"]));
        let counts: Vec<(&str, u32)> = found
            .excluded
            .iter()
            .map(|exclusion| (exclusion.reason.as_str(), exclusion.skus))
            .collect();
        assert_eq!(
            counts,
            [
                ("memory unknown", 3),
                ("below the AKS minimum of 2 vCPUs and 2 GB", 1),
                ("architecture is not amd64", 1),
                ("among the denied sizes", 1),
                ("burstable, not asked for", 1),
                ("confidential computing, not asked for", 1),
                ("constrained cores, not asked for", 1),
            ]
        );
    }

    #[test]
    fn retirement_counts_from_its_day_and_warns_before() {
        let day = |text| Date::parse(text).unwrap();
        for (plan, stays) in [("2028-04-30", true), ("2028-05-01", false), ("2029-01-01", false)] {
            let filter = Filter::new(day(plan));
            let found = eligible(&catalog(), &filter);
            let retiring = ("Standard_D4_old".to_owned(), day("2028-05-01"));
            assert_eq!(found.retiring.contains(&retiring), stays, "{plan}");
            assert_eq!(names(&found).contains(&"D4_old"), stays, "{plan}");
        }
    }

    #[test]
    fn idle_patterns_and_lost_names_are_told() {
        let found = eligible(&catalog(), &filter(&["D4s_v3", "D4ps_v5", "Z*"], &["Q1"]));
        let idle: Vec<String> = found.unmatched.iter().map(Pattern::to_string).collect();
        assert_eq!(idle, ["Z*", "Q1"]);
        let lost = ("Standard_D4ps_v5".to_owned(), "architecture is not amd64".to_owned());
        assert_eq!(found.named_but_out, [lost]);
    }

    /// The obvious recursive matcher.
    fn slow_glob(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                slow_glob(rest, text) || (!text.is_empty() && slow_glob(pattern, &text[1..]))
            }
            (Some((p, rest)), Some((t, tail))) => (*p == b'?' || p == t) && slow_glob(rest, tail),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn globs_match_as_the_slow_matcher_says(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let (p, t) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(glob(p, t), slow_glob(p, t));
        }

        #[test]
        fn every_size_is_counted_once(
            allow in prop::collection::vec("[ABDE*?4s_v3]{0,4}", 0..3),
            deny in prop::collection::vec("[ABDE*?4s_v3]{0,4}", 0..3),
            asked in any::<(bool, bool, bool)>(),
        ) {
            let texts = |list: &[String]| list.iter().map(|text| Pattern::new(text)).collect();
            let filter = Filter {
                allow: texts(&allow),
                deny: texts(&deny),
                burstable: asked.0,
                confidential: asked.1,
                constrained: asked.2,
                ..filter(&[], &[])
            };
            let found = eligible(&catalog(), &filter);
            let left: u32 = found.excluded.iter().map(|exclusion| exclusion.skus).sum();
            prop_assert_eq!(found.skus.len() as u32 + left, 8 + 3);
        }
    }
}
