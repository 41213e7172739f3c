//! Events of the scenario: failures, evictions of spot nodes, rollouts.

use nodeplan_model::scenario::{Amount, Happening, Rolled};
use nodeplan_model::timeline::{Actor, Decision};

use super::World;
use super::clock::Next;
use super::nodes::NodePhase;
use super::pods::Phase;

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
                    self.take_spot(node);
                }
            }
            Happening::ProvisioningFails { pool, millis } => {
                self.nodes.pools[pool].failing_until = self.clock.now().saturating_add(millis);
            }
            Happening::Rollout { workload, surge, unavailable, pods } => {
                self.begin_rollout(workload.0, surge, unavailable, pods);
            }
            Happening::Upgrade { pool, surge } => self.upgrade(pool, surge),
        }
    }

    /// Nodes that are Ready and of a kind, oldest first.
    pub(super) fn ready_nodes(&self, of_kind: impl Fn(&super::nodes::Node) -> bool) -> Vec<u32> {
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

    /// Closes a node that is Ready, evicts its pods, and deletes it after Azure's notice.
    fn take_spot(&mut self, id: u32) {
        let reason = "spot machine is taken";
        self.close(id, Actor::Scenario, reason);
        for pod in self.nodes.all[id as usize].pods.clone() {
            self.evict(pod, reason);
        }
        self.clock.at(self.clock.now() + SPOT_NOTICE_MILLIS, Next::DeleteNode(id));
    }

    /// Replaces pods of a workload: `surge` more at once, `unavailable` fewer, as a
    /// Deployment rounds them (surge up, unavailable down, not both 0).
    fn begin_rollout(&mut self, app: u32, surge: Amount, unavailable: Amount, which: Rolled) {
        let row = &mut self.apps[app as usize];
        let mut old = row.live.clone();
        match which {
            Rolled::All => {}
            Rolled::Some(amount) => old.truncate(amount.rounded_up(row.wanted) as usize),
            Rolled::MadeBefore(millis) => old.retain(|&id| self.pods[id].created < millis),
        }
        let (pods, live) = (old.len(), row.live.len());
        let surge = surge.rounded_up(row.wanted);
        let unavailable = unavailable.rounded_down(row.wanted);
        let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
        row.rollout = Some(super::apps::Rollout { surge, unavailable, old });
        let (from, at_millis) = (row.wanted, self.clock.now());
        self.decide(Decision {
            at_millis,
            actor: Actor::Scenario,
            workload: Some(app),
            pool: None,
            from,
            to: from,
            reason: format!(
                "rollout of {pods} of {live}, {surge} more and {unavailable} fewer at once"
            ),
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
}
