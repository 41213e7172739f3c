//! Pods counted by the domains of a node label, for one rule of one template.
//!
//! Upstream counts afresh in every cycle (`PreFilter`, `PreScore`); here the counts live as
//! long as the template and move with each pod. The law that both agree is a test.

use super::TemplateId;
use super::nodes::NodeId;

/// No domain: the node lacks the label.
pub(super) const NO_DOMAIN: u32 = u32::MAX;

/// Counts of one rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter {
    /// The template whose rule this is.
    pub owner: u32,
    /// Topology key, an index of the cluster's.
    pub key: usize,
    /// By node, whether its pods count; empty if all do.
    pub admits: Vec<bool>,
    /// Rule that `admits` follows, if any.
    pub mask: Option<Mask>,
    /// Terminating pods do not count.
    pub live_only: bool,
    /// Weight of the pods in each domain.
    pub counts: Vec<i64>,
    /// Nodes that count, by domain.
    pub nodes: Vec<u32>,
    /// Domains with a node that counts.
    pub domains: i64,
    /// Pods counted, each once per term.
    pub hits: i64,
    /// Smallest count of a domain with a node that counts; kept if `ranked`.
    pub lowest: i64,
    at_lowest: u32,
    /// Keep `lowest`.
    pub ranked: bool,
}

/// Which nodes a spread constraint counts.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    /// Keys that the node must have.
    pub keys: Vec<usize>,
    /// The pod's selector and required affinity must allow the node.
    pub affinity: bool,
    /// The pod must tolerate the node's taints.
    pub taints: bool,
}

impl Counter {
    pub(super) fn of(owner: TemplateId, key: usize) -> Self {
        Self { owner: owner.0, key, lowest: i64::from(i32::MAX), ..Self::default() }
    }

    /// The counter of a spread constraint; `ranked` keeps the lowest count.
    pub(super) fn of_spread(
        owner: TemplateId,
        key: usize,
        mask: Option<Mask>,
        ranked: bool,
    ) -> Self {
        Self { mask, ranked, live_only: true, ..Self::of(owner, key) }
    }

    /// Whether pods of a node count.
    pub(super) fn admits(&self, node: NodeId) -> bool {
        self.mask.is_none() || self.admits.get(node.at()).copied().unwrap_or(false)
    }

    /// The count of a domain.
    pub(super) fn count(&self, domain: u32) -> i64 {
        self.counts.get(domain as usize).copied().unwrap_or(0)
    }

    fn reach(&mut self, domain: u32) -> usize {
        let at = domain as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
            self.nodes.resize(at + 1, 0);
        }
        at
    }

    /// `weight` more in a domain; `hits` pods more.
    pub(super) fn add(&mut self, domain: u32, weight: i64, hits: i64) {
        let at = self.reach(domain);
        let before = self.counts[at];
        self.counts[at] = before.wrapping_add(weight);
        self.hits += hits;
        if self.nodes[at] > 0 {
            self.moved(before, before.wrapping_add(weight));
        }
    }

    /// A domain's count changes; `i64::MAX` stands for no domain.
    fn moved(&mut self, before: i64, after: i64) {
        if !self.ranked {
            return;
        }
        if after < self.lowest {
            (self.lowest, self.at_lowest) = (after, 1);
        } else if before == self.lowest && after != before {
            self.at_lowest -= 1;
            if self.at_lowest == 0 {
                self.rank();
            }
        } else if after == self.lowest && after != before {
            self.at_lowest += 1;
        }
    }

    /// Finds the lowest count anew.
    fn rank(&mut self) {
        self.lowest = self.lowest_but(NO_DOMAIN);
        let lowest = self.lowest;
        let tied = self
            .counts
            .iter()
            .zip(&self.nodes)
            .filter(|(count, nodes)| **nodes > 0 && **count == lowest);
        self.at_lowest = u32::try_from(tied.count()).expect("domains are fewer than nodes");
    }

    /// The lowest count of the domains other than one; 2^31 − 1 where there is none.
    pub(super) fn lowest_but(&self, domain: u32) -> i64 {
        self.counts
            .iter()
            .zip(&self.nodes)
            .enumerate()
            .filter(|(at, (_, nodes))| **nodes > 0 && *at != domain as usize)
            .map(|(_, (count, _))| *count)
            .min()
            .unwrap_or(i64::from(i32::MAX))
    }

    /// A node without counted pods joins (`true`) or leaves a domain.
    pub(super) fn node_moves(&mut self, domain: u32, joins: bool) {
        let at = self.reach(domain);
        let count = self.counts[at];
        if joins {
            self.nodes[at] += 1;
            if self.nodes[at] == 1 {
                self.domains += 1;
                self.moved(i64::MAX, count);
            }
        } else {
            self.nodes[at] -= 1;
            if self.nodes[at] == 0 {
                self.domains -= 1;
                self.moved(count, i64::MAX);
            }
        }
    }
}

/// A rule that counts the pods of a template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listener {
    /// The counter.
    pub counter: u32,
    /// What a pod weighs in it.
    pub weight: i64,
    /// What a pod changes in it during a dry run; differs from `weight` only for an empty
    /// spread selector, which counts no pod but follows every change
    /// (`podtopologyspread` `countPodsMatchSelector` against `updateWithPod`).
    pub change: i64,
    /// Terms that match.
    pub hits: i64,
}
