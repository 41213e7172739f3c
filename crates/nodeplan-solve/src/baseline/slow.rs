//! The rules pod by pod, as their authors run them, against the versions that count in runs.

use super::points::Site;
use super::shelves::{Shelf, first_fit, open};
use super::tests::{Dice, random_problem};
use super::{autoscaler, karpenter};
use crate::compile::Compiled;
use std::collections::BTreeMap;

type Content = BTreeMap<u32, u32>;

/// Whether a node with `content` takes one more pod of `class`.
fn takes(compiled: &Compiled, kind: usize, content: &Content, class: usize) -> bool {
    let mut more = content.clone();
    let pods = more.entry(class as u32).or_insert(0);
    *pods += 1;
    let row: Vec<(u32, u32)> = more.iter().map(|(class, pods)| (*class, *pods)).collect();
    row.iter().all(|&(class, pods)| {
        compiled.fits(kind, class as usize) && pods <= compiled.classes[class as usize].per_node
    }) && (0..compiled.dims).all(|dim| {
        let size = |class: u32| compiled.size(kind, class as usize, dim);
        let used: i64 = row.iter().map(|&(class, pods)| size(class) * i64::from(pods)).sum();
        used <= compiled.kinds[kind].capacity[dim]
    })
}

/// Nodes one by one, sorted.
fn nodes(shelves: &[Shelf]) -> Vec<(usize, Vec<(u32, u32)>)> {
    let mut nodes = Vec::new();
    for shelf in shelves {
        let mut content = shelf.content.clone();
        content.sort_unstable();
        nodes.extend((0..shelf.nodes).map(|_| (shelf.kind, content.clone())));
    }
    nodes.sort();
    nodes
}

fn sorted(nodes: Vec<(usize, Content)>) -> Vec<(usize, Vec<(u32, u32)>)> {
    let mut nodes: Vec<_> =
        nodes.into_iter().map(|(kind, content)| (kind, content.into_iter().collect())).collect();
    nodes.sort();
    nodes
}

/// Claims in a list that is sorted by pods, stably, before every pod.
fn claims(queue: &[usize], site: &Site<'_>) -> Vec<(usize, Content)> {
    let compiled = site.compiled;
    let mut claims: Vec<(Content, Vec<usize>)> = Vec::new();
    for &class in queue {
        for _ in 0..site.demand[class] {
            claims.sort_by_key(|(content, _)| content.values().sum::<u32>());
            let place = claims.iter().position(|(content, kinds)| {
                kinds.iter().any(|&kind| takes(compiled, kind, content, class))
            });
            let place = place.unwrap_or_else(|| {
                let fitting = || site.kinds.iter().filter(|&&kind| compiled.fits(kind, class));
                let group = |kind: &usize| compiled.kinds[*kind].pool.group;
                let first = fitting().map(group).min();
                let kinds = fitting().filter(|kind| Some(group(kind)) == first).copied();
                claims.push((Content::new(), kinds.collect()));
                claims.len() - 1
            });
            let (content, kinds) = &mut claims[place];
            kinds.retain(|&kind| takes(compiled, kind, content, class));
            *content.entry(class as u32).or_insert(0) += 1;
        }
    }
    let cheapest = |kinds: Vec<usize>| {
        kinds.into_iter().min_by_key(|&kind| (compiled.kinds[kind].rate, kind)).unwrap()
    };
    claims.into_iter().map(|(content, kinds)| (cheapest(kinds), content)).collect()
}

/// The estimate's two phases pod by pod: every node until one pod fails, then only the last.
fn estimate(compiled: &Compiled, kind: usize, pods: &[(usize, u32)]) -> Vec<(usize, Content)> {
    let mut nodes: Vec<Content> = Vec::new();
    for &(class, pods) in pods {
        let mut everywhere = true;
        for _ in 0..pods {
            let takes = |content: &Content| takes(compiled, kind, content, class);
            let place = if everywhere {
                nodes.iter().position(takes)
            } else {
                nodes.len().checked_sub(1).filter(|&last| takes(&nodes[last]))
            };
            let place = place.unwrap_or_else(|| {
                everywhere = false;
                nodes.push(Content::new());
                nodes.len() - 1
            });
            *nodes[place].entry(class as u32).or_insert(0) += 1;
        }
    }
    nodes.into_iter().map(|content| (kind, content)).collect()
}

#[test]
fn runs_equal_pod_by_pod() {
    let mut several = 0;
    for seed in 0..300 {
        let problem = random_problem(seed);
        let compiled = Compiled::new(&problem);
        let dice = &mut Dice(seed);
        let homeless = |class: &usize| compiled.homeless.contains(class);
        let demand: Vec<u32> = (0..compiled.classes.len())
            .map(|class| if homeless(&class) { 0 } else { dice.below(30) as u32 })
            .collect();
        let queue = karpenter::queue(&problem, &compiled);
        let kinds = &compiled.front;
        let site = Site { compiled: &compiled, demand: &demand, kinds, limits: None, seed: None };
        let fast = karpenter::provision(&queue, &site).unwrap();
        assert_eq!(nodes(&fast), sorted(claims(&queue, &site)), "Karpenter, seed {seed}");
        several += u32::from(nodes(&fast).len() > 3 && compiled.classes.len() > 1);

        for &kind in kinds {
            let fitting = queue.iter().copied().filter(|&class| compiled.fits(kind, class));
            let pods: Vec<(usize, u32)> = fitting.map(|class| (class, demand[class])).collect();
            let mut shelves = Vec::new();
            for &(class, pods) in &pods {
                let left = first_fit(&compiled, &mut shelves, class, pods, &mut 0);
                assert_eq!(open(&compiled, &mut shelves, (kind, u32::MAX), class, left), 0);
            }
            assert_eq!(nodes(&shelves), sorted(estimate(&compiled, kind, &pods)), "seed {seed}");
        }

        let facts = autoscaler::Facts::new(&problem, &compiled);
        let scaled = autoscaler::scale_up(&facts, &site).unwrap();
        for (class, &wanted) in demand.iter().enumerate() {
            let placed: u32 = scaled
                .iter()
                .flat_map(|shelf| shelf.content.iter().map(move |it| (it, shelf.nodes)))
                .filter(|((it, _), _)| *it as usize == class)
                .map(|((_, pods), nodes)| pods * nodes)
                .sum();
            assert_eq!(placed, wanted, "autoscaler, seed {seed}, class {class}");
        }
    }
    assert!(several > 100, "{several} problems with several classes and nodes");
}
