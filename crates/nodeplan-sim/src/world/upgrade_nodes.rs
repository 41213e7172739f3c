//! Upgrades of node pools: machines are added first, then old nodes are drained and deleted, so many at
//! once. Budgets of the workloads may stall a drain; what takes too long is given up, and the upgrade
//! with it: the old node takes pods again and its surge node goes (AKS's node drain timeout and
//! undrainable-node behaviour `Schedule`).

use nodeplan_model::timeline::Actor;

use super::World;
use super::clock::Next;
use super::nodes::NodePhase;

/// How long the drain of a node may take (AKS's default).
const DRAIN_MILLIS: u64 = 30 * 60_000;
/// Between two looks at a node that is drained.
const POLL_MILLIS: u64 = 5_000;

/// The drain of a node by an upgrade.
#[derive(Clone, Copy, Debug)]
pub struct Upgrading {
    /// When it is given up.
    until: u64,
    /// The machine that came for it; none: it is itself one, of an upgrade that failed.
    surge: Option<u32>,
}

impl World<'_> {
    /// Replaces the nodes of a pool, so many at once.
    pub(super) fn upgrade(&mut self, pool: usize, surge: u32) {
        let old = self.ready_nodes(|node| node.pool as usize == pool);
        self.nodes.pools[pool].upgrading = old;
        self.nodes.pools[pool].surge = surge.max(1);
        self.go_on_upgrading(pool);
    }

    /// Asks for the next surge nodes of an upgrade once the last ones came and their old nodes went.
    pub(super) fn go_on_upgrading(&mut self, pool: usize) {
        let all = &self.nodes.all;
        let row = &mut self.nodes.pools[pool];
        row.upgrading.retain(|&id| all[id as usize].phase == NodePhase::Ready);
        let drained = |id: &u32| {
            let node = &all[*id as usize];
            node.phase == NodePhase::Draining && node.upgrading.is_some()
        };
        if row.surging > 0 || row.upgrading.is_empty() || row.live.iter().any(drained) {
            return;
        }
        let batch = row.upgrading.len().min(row.surge as usize) as u32;
        row.surging = batch;
        let from = self.nodes.staying(pool);
        self.ask_for_nodes(pool as u32, batch);
        self.told(Actor::Scenario, pool, from, "node pool is upgraded: surge nodes first");
    }

    /// A machine came: if it is a surge node of an upgrade, the next old node is drained.
    pub(super) fn surge_node_came(&mut self, id: u32) {
        let now = self.clock.now();
        let pool = self.nodes.all[id as usize].pool as usize;
        let all = &self.nodes.all;
        let row = &mut self.nodes.pools[pool];
        if row.surging == 0 {
            return;
        }
        row.surging -= 1;
        row.upgrading.retain(|&old| all[old as usize].phase == NodePhase::Ready);
        if row.upgrading.is_empty() {
            return;
        }
        let old = row.upgrading.remove(0);
        let upgrading = Upgrading { until: now + DRAIN_MILLIS, surge: Some(id) };
        self.drain_for_upgrade(old, upgrading, "node pool is upgraded");
    }

    /// Closes a node and begins to drain it.
    fn drain_for_upgrade(&mut self, id: u32, upgrading: Upgrading, reason: &str) {
        let now = self.clock.now();
        if self.nodes.all[id as usize].phase != NodePhase::Ready {
            return;
        }
        self.nodes.all[id as usize].upgrading = Some(upgrading);
        self.close(id, Actor::Scenario, reason);
        self.clock.at(now, Next::Drain(id));
    }

    /// Goes on draining a node: evicts what is on it, deletes it once it is empty.
    pub(super) fn go_on_draining(&mut self, id: u32) {
        let node = &self.nodes.all[id as usize];
        if node.phase != NodePhase::Draining {
            return;
        }
        if node.pods.is_empty() || self.only_lost_pods(id) {
            self.delete_node(id);
            return;
        }
        if self.drain_fails(id) {
            return;
        }
        let node = &self.nodes.all[id as usize];
        let upgraded = node.upgrading.is_some();
        let reason = if upgraded { "node pool is upgraded" } else { "node is scaled down" };
        for pod in node.pods.clone() {
            if self.may_go(self.pods[pod].app as usize) {
                self.evict(pod, reason);
            }
        }
        self.clock.at(self.clock.now() + POLL_MILLIS, Next::Drain(id));
    }

    /// Gives the drain of a node up if it takes too long; whether it does.
    fn drain_fails(&mut self, id: u32) -> bool {
        let now = self.clock.now();
        let node = &mut self.nodes.all[id as usize];
        let Some(Upgrading { surge, .. }) = node.upgrading.take_if(|own| now >= own.until) else {
            return false;
        };
        let pool = node.pool as usize;
        self.nodes.pools[pool].upgrading.clear();
        self.reopen(id, Actor::Scenario, "drain timed out, node takes pods again");
        if let Some(surge) = surge {
            let upgrading = Upgrading { until: now + DRAIN_MILLIS, surge: None };
            self.drain_for_upgrade(surge, upgrading, "upgrade failed, surge node goes");
        }
        true
    }
}
