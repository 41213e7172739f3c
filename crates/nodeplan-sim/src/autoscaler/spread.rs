//! What pods on all nodes mean for one more: topology spread and pod (anti-)affinity
//! (scheduler plugins `podtopologyspread/filtering.go`, `interpodaffinity/filtering.go`).

use crate::autoscaler::snapshot::{
    HOSTNAME, Misfit, NodeState, PodShape, Shapes, SnapshotNode, Spread, Term,
};

/// How many pods of a shape run on a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// The shape.
    pub shape: usize,
    /// Pods.
    pub all: i64,
    /// Those of them that are being deleted.
    pub terminating: i64,
}

/// A count per topology value; none for values not seen.
#[derive(Clone, Debug, Default)]
struct Domains(Vec<Option<i64>>);

impl Domains {
    fn add(&mut self, domain: u32, count: i64) {
        let domain = domain as usize;
        if domain >= self.0.len() {
            self.0.resize(domain + 1, None);
        }
        *self.0[domain].get_or_insert(0) += count;
    }

    fn get(&self, domain: u32) -> i64 {
        self.0.get(domain as usize).copied().flatten().unwrap_or(0)
    }
}

/// What pods elsewhere mean for a shape.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// Per spread constraint: matching pods per domain, and the smallest count.
    spread: Vec<(Domains, i64)>,
    /// Per affinity term: pods matching all terms, per domain.
    affinity: Vec<Domains>,
    /// Whether the pod may be the first of a group that wants to be together.
    may_be_first: bool,
    /// Domains that anti-affinity closes, per key.
    closed: Vec<(usize, Domains)>,
}

/// A node's value of a topology key.
fn domain(node: &SnapshotNode, number: usize, key: usize) -> Option<u32> {
    if key == HOSTNAME {
        return u32::try_from(number).ok();
    }
    node.domains.get(key - 1).copied().flatten()
}

fn selects(term: &Term, pod: &PodShape) -> bool {
    term.labels.binary_search(&pod.labels).is_ok()
}

impl Reach {
    /// Counts over all nodes.
    pub fn new<'n>(
        shape: usize,
        shapes: &Shapes,
        nodes: impl Iterator<Item = (usize, &'n NodeState)>,
    ) -> Self {
        let pod = shapes.get(shape);
        let mut reach = Self {
            spread: vec![(Domains::default(), 0); pod.spread.len()],
            affinity: vec![Domains::default(); pod.affinity.len()],
            may_be_first: pod.affinity.iter().all(|term| selects(term, pod)),
            closed: Vec::new(),
        };
        for (number, state) in nodes {
            reach.count_spread(pod, shapes, number, state);
            reach.count_affinity(pod, shapes, number, state);
            reach.count_anti_affinity(shape, shapes, number, state);
        }
        for ((domains, least), spread) in reach.spread.iter_mut().zip(&pod.spread) {
            let seen = domains.0.iter().flatten();
            let enough = seen.clone().count() as i64 >= spread.min_domains;
            *least = if enough { seen.min().copied().unwrap_or(0) } else { 0 };
        }
        reach
    }

    fn count_spread(&mut self, pod: &PodShape, shapes: &Shapes, number: usize, state: &NodeState) {
        let has_all = pod.spread.iter().all(|it| domain(&state.node, number, it.key).is_some());
        if !has_all {
            return;
        }
        let class = state.node.class;
        let tainted = state.leaving || state.node.unschedulable || !pod.tolerates[class];
        for ((domains, _), spread) in self.spread.iter_mut().zip(&pod.spread) {
            if spread.honors_affinity && !pod.selects[class]
                || spread.honors_taints && tainted && !pod.tolerates_all
            {
                continue;
            }
            if let Some(domain) = domain(&state.node, number, spread.key) {
                domains.add(domain, matching(spread, shapes, state));
            }
        }
    }

    fn count_affinity(
        &mut self,
        pod: &PodShape,
        shapes: &Shapes,
        number: usize,
        state: &NodeState,
    ) {
        if pod.affinity.is_empty() {
            return;
        }
        let of_all_terms = |seen: &&Seen| {
            seen.all > 0 && pod.affinity.iter().all(|term| selects(term, shapes.get(seen.shape)))
        };
        let count: i64 = state.tally.iter().filter(of_all_terms).map(|seen| seen.all).sum();
        if count == 0 {
            return;
        }
        for (domains, term) in self.affinity.iter_mut().zip(&pod.affinity) {
            if let Some(domain) = domain(&state.node, number, term.key) {
                domains.add(domain, count);
                self.may_be_first = false;
            }
        }
    }

    fn count_anti_affinity(
        &mut self,
        shape: usize,
        shapes: &Shapes,
        number: usize,
        state: &NodeState,
    ) {
        let mut close = |key: usize| {
            let Some(domain) = domain(&state.node, number, key) else { return };
            let at = self.closed.iter().position(|(closed, _)| *closed == key);
            let at = at.unwrap_or_else(|| {
                self.closed.push((key, Domains::default()));
                self.closed.len() - 1
            });
            self.closed[at].1.add(domain, 1);
        };
        for term in &shapes.get(shape).anti_affinity {
            let is_near = |seen: &Seen| seen.all > 0 && selects(term, shapes.get(seen.shape));
            if state.tally.iter().any(is_near) {
                close(term.key);
            }
        }
        for (blocker, term) in shapes.blockers(shape) {
            if state.tally.iter().any(|seen| seen.shape == *blocker && seen.all > 0) {
                close(shapes.get(*blocker).anti_affinity[*term].key);
            }
        }
    }

    /// Whether a pod may run on a node.
    pub fn admits(&self, pod: &PodShape, node: &SnapshotNode, number: usize) -> Result<(), Misfit> {
        for ((domains, least), spread) in self.spread.iter().zip(&pod.spread) {
            let domain = domain(node, number, spread.key).ok_or(Misfit::SpreadKey)?;
            let skew = domains.get(domain) + i64::from(spread.counts_itself) - least;
            if skew > spread.max_skew {
                return Err(Misfit::Spread);
            }
        }
        let near = |(domains, term): (&Domains, &Term)| {
            domain(node, number, term.key).map(|domain| domains.get(domain) > 0)
        };
        let mut all_near = true;
        for near in self.affinity.iter().zip(&pod.affinity).map(near) {
            all_near &= near.ok_or(Misfit::PodAffinity)?;
        }
        if !all_near && !self.may_be_first {
            return Err(Misfit::PodAffinity);
        }
        let is_closed = |(key, domains): &(usize, Domains)| {
            domain(node, number, *key).is_some_and(|domain| domains.get(domain) > 0)
        };
        if self.closed.iter().any(is_closed) {
            return Err(Misfit::PodAntiAffinity);
        }
        Ok(())
    }
}

/// Pods on a node that a spread constraint counts; those being deleted do not.
fn matching(spread: &Spread, shapes: &Shapes, state: &NodeState) -> i64 {
    let counted = |seen: &&Seen| {
        let labels = shapes.get(seen.shape).labels;
        spread.labels.binary_search(&labels).is_ok()
    };
    state.tally.iter().filter(counted).map(|seen| seen.all - seen.terminating).sum()
}
