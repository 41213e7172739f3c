//! Events of the scenario: failures, evictions of spot nodes, rollouts, upgrades.

use nodeplan_model::scenario::{Amount, Happening};
use nodeplan_model::timeline::{Actor, Decision};

use super::World;
use super::clock::Next;
use super::nodes::NodePhase;
use super::pods::Phase;

/// An upgrade deletes a node no sooner than this after its pods were told to end.
const ENDING_MILLIS: u64 = 5_000;
/// Azure's notice before a spot machine is taken.
const SPOT_NOTICE_MILLIS: u64 = 30_000;

impl World<'_> {
    /// Lets an event of the scenario happen.
    pub(super) fn happen(&mut self, index: u32) {
        match self.scenario.events[index as usize].what {
            Happening::NodeFails { pool, repair_millis } => {
                if let Some(node) = self.oldest_ready(pool) {
                    self.fail(node, repair_millis, "node fails");
                }
            }
            Happening::ZoneFails { zone, millis } => {
                for node in self.ready_nodes(|node| node.zone == zone) {
                    self.fail(node, millis, "zone fails");
                }
            }
            Happening::SpotEviction { pool, nodes } => {
                let ready = self.ready_nodes(|node| node.pool as usize == pool);
                for node in ready.into_iter().take(nodes as usize) {
                    self.drain(node, SPOT_NOTICE_MILLIS, "spot machine is taken");
                }
            }
            Happening::ProvisioningFails { pool, millis } => {
                self.nodes.pools[pool].failing_until = self.clock.now().saturating_add(millis);
            }
            Happening::Rollout { workload, surge, unavailable } => {
                self.begin_rollout(workload.0, surge, unavailable);
            }
            Happening::Upgrade { pool, surge } => self.upgrade(pool, surge),
        }
    }

    /// Nodes that are Ready and of a kind, oldest first.
    fn ready_nodes(&self, of_kind: impl Fn(&super::nodes::Node) -> bool) -> Vec<u32> {
        let live = self.nodes.pools.iter().flat_map(|pool| pool.live.iter().copied());
        let ready = |id: &u32| {
            let node = &self.nodes.all[*id as usize];
            node.phase == NodePhase::Ready && node.failed.is_none() && of_kind(node)
        };
        let mut found: Vec<u32> = live.filter(ready).collect();
        found.sort_unstable();
        found
    }

    fn oldest_ready(&self, pool: usize) -> Option<u32> {
        self.ready_nodes(|node| node.pool as usize == pool).first().copied()
    }

    /// Closes a node, evicts its pods, and deletes it after the notice.
    pub(super) fn drain(&mut self, id: u32, notice: u64, reason: &str) {
        let now = self.clock.now();
        let node = &mut self.nodes.all[id as usize];
        if node.phase != NodePhase::Ready {
            return;
        }
        node.phase = NodePhase::Draining;
        node.turned = now;
        self.binder.cordon(id);
        self.provisioner.changed();
        for pod in self.nodes.all[id as usize].pods.clone() {
            self.evict(pod, reason);
        }
        self.clock.at(now + notice, Next::DeleteNode(id));
    }

    /// Replaces every pod of a workload: `surge` more at once, `unavailable` fewer, as a
    /// Deployment rounds them (surge up, unavailable down, not both 0).
    fn begin_rollout(&mut self, app: u32, surge: Amount, unavailable: Amount) {
        let row = &mut self.apps[app as usize];
        let surge = surge.rounded_up(row.wanted);
        let unavailable = unavailable.rounded_down(row.wanted);
        let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
        row.rollout = Some(super::apps::Rollout { surge, unavailable, old: row.live.clone() });
        let (from, at_millis) = (row.wanted, self.clock.now());
        self.decide(Decision {
            at_millis,
            actor: Actor::Scenario,
            workload: Some(app),
            pool: None,
            from,
            to: from,
            reason: format!("rollout, {surge} more and {unavailable} fewer at once"),
        });
        self.roll(app);
    }

    /// Goes on with a rollout: called when a pod of the workload turned Ready or ended.
    pub(super) fn roll(&mut self, app: u32) {
        let row = &mut self.apps[app as usize];
        let Some(mut rollout) = row.rollout.take() else { return };
        let pods = &self.pods;
        rollout.old.retain(|&id| !matches!(pods[id].phase, Phase::Ending | Phase::Gone));
        if rollout.old.is_empty() {
            self.reconcile(app);
            return;
        }
        let wanted = row.wanted;
        let least_ready = wanted.saturating_sub(rollout.unavailable);
        // Old pods that are not Ready serve nobody: they go first.
        let mut ends: Vec<u32> = Vec::new();
        let mut ready = row.ready;
        let mut old = rollout.old.clone();
        old.sort_by_key(|&id| pods[id].phase == Phase::Ready);
        for id in old {
            let serves = pods[id].phase == Phase::Ready;
            if !serves || ready > least_ready {
                ends.push(id);
                ready -= u32::from(serves);
            }
        }
        rollout.old.retain(|id| !ends.contains(id));
        let most = wanted.saturating_add(rollout.surge);
        row.rollout = Some(rollout);
        for id in ends {
            self.end_pod(id);
        }
        let live = self.apps[app as usize].live.len() as u32;
        let left = self.apps[app as usize].rollout.as_ref().map_or(0, |rollout| rollout.old.len());
        // New pods: up to the wanted number, within the surge.
        let new = live - left as u32;
        for _ in 0..most.saturating_sub(live).min(wanted.saturating_sub(new)) {
            self.create_pod(app);
        }
    }

    /// Replaces the nodes of a pool, so many at once: new machines first, then the old ones are
    /// drained as the new ones come.
    fn upgrade(&mut self, pool: usize, surge: u32) {
        let old = self.ready_nodes(|node| node.pool as usize == pool);
        self.nodes.pools[pool].upgrading = old;
        self.nodes.pools[pool].surge = surge.max(1);
        self.go_on_upgrading(pool);
    }

    /// Asks for the next surge nodes of an upgrade, if one goes on.
    pub(super) fn go_on_upgrading(&mut self, pool: usize) {
        let all = &self.nodes.all;
        let row = &mut self.nodes.pools[pool];
        row.upgrading.retain(|&id| all[id as usize].phase == NodePhase::Ready);
        if row.upgrading.is_empty() {
            return;
        }
        let batch = row.upgrading.len().min(row.surge as usize) as u32;
        row.surging += batch;
        self.ask_for_nodes(pool as u32, batch);
    }

    /// A machine of a pool came: if it is a surge node of an upgrade, the next old node goes.
    pub(super) fn surge_node_came(&mut self, pool: usize) {
        if self.nodes.pools[pool].surging == 0 {
            return;
        }
        self.nodes.pools[pool].surging -= 1;
        let next = self.nodes.pools[pool].upgrading.first().copied();
        if let Some(node) = next {
            self.nodes.pools[pool].upgrading.remove(0);
            let pods = self.nodes.all[node as usize].pods.iter();
            let ending = pods.map(|&pod| self.apps[self.pods[pod].app as usize].ending_millis);
            let notice = ending.max().unwrap_or(0).max(ENDING_MILLIS);
            self.drain(node, notice, "node pool is upgraded");
        }
        if self.nodes.pools[pool].surging == 0 {
            self.go_on_upgrading(pool);
        }
    }
}
