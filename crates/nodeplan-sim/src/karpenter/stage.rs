//! What a pod asks for after so many preferences were dropped (`preferences.go`): each template
//! has a fixed sequence of such stages, one step apart.

use super::nouns::{Effect, Settings, Shape, Spread, Term, Toleration};
use super::requirement::Requirements;

/// A template with some preferences dropped.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// Node requirements, the heaviest preference among them.
    pub requirements: Requirements,
    /// Without the preference: what limits the pod's domains.
    pub strict: Requirements,
    /// The nodes that count for the pod's spread constraints: one of these must hold.
    pub counted: Vec<Requirements>,
    pub tolerations: Vec<Toleration>,
    pub spread: Vec<Spread>,
    pub affinity: Vec<Term>,
    pub anti_affinity: Vec<Term>,
}

/// The stages of a template, all preferences first. `soft_taints` tells whether any pool has a
/// taint that only prefers.
pub(crate) fn stages(shape: &Shape, settings: Settings, soft_taints: bool) -> Vec<Stage> {
    let mut left = shape.clone();
    if settings.ignore_preferences {
        left.preferred.clear();
        left.spread.retain(|spread| !spread.soft);
        left.affinity.retain(|term| term.weight.is_none());
        left.anti_affinity.retain(|term| term.weight.is_none());
    }
    left.preferred.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let mut stages = vec![stage(&left)];
    while relax(&mut left, soft_taints) {
        stages.push(stage(&left));
    }
    stages
}

fn stage(shape: &Shape) -> Stage {
    let mut strict = shape.selector.clone();
    if let Some(term) = shape.required.first() {
        strict.add_all(term);
    }
    let mut requirements = shape.selector.clone();
    if let Some((_, term)) = shape.preferred.first() {
        requirements.add_all(term);
    }
    if let Some(term) = shape.required.first() {
        requirements.add_all(term);
    }
    let counted = if shape.required.is_empty() {
        vec![shape.selector.clone()]
    } else {
        let with_selector = |term: &Requirements| {
            let mut both = shape.selector.clone();
            both.add_all(term);
            both
        };
        shape.required.iter().map(with_selector).collect()
    };
    Stage {
        requirements,
        strict,
        counted,
        tolerations: shape.tolerations.clone(),
        spread: shape.spread.clone(),
        affinity: shape.affinity.clone(),
        anti_affinity: shape.anti_affinity.clone(),
    }
}

/// Drops the first thing that can be dropped, in upstream's order; whether there was any.
fn relax(shape: &mut Shape, soft_taints: bool) -> bool {
    if shape.required.len() > 1 {
        shape.required.remove(0);
        return true;
    }
    if drop_heaviest(&mut shape.affinity) || drop_heaviest(&mut shape.anti_affinity) {
        return true;
    }
    if !shape.preferred.is_empty() {
        shape.preferred.remove(0);
        return true;
    }
    if let Some(at) = shape.spread.iter().position(|spread| spread.soft) {
        shape.spread.swap_remove(at);
        return true;
    }
    let soft = Toleration { key: None, value: None, effect: Some(Effect::PreferNoSchedule) };
    if soft_taints && !shape.tolerations.contains(&soft) {
        shape.tolerations.push(soft);
        return true;
    }
    false
}

/// Drops the heaviest preference, the first of equals.
fn drop_heaviest(terms: &mut Vec<Term>) -> bool {
    let heaviest = terms.iter().filter_map(|term| term.weight).max();
    match terms.iter().position(|term| term.weight.is_some() && term.weight == heaviest) {
        Some(at) => {
            terms.remove(at);
            true
        }
        None => false,
    }
}
