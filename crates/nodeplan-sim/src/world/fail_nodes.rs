//! Nodes that stop answering.
//!
//! Nobody knows at first: for the grace period of the node monitor the scheduler goes on using the
//! node and Services send it requests, which fail. Then it counts as not ready: it takes no pods,
//! and its pods leave the endpoints. They are evicted once they no longer tolerate that; their
//! controllers make others then, while the old ones end when their node is back or deleted
//! (`pkg/controller/nodelifecycle`, `pkg/controller/tainteviction`).

use nodeplan_model::timeline::Actor;

use super::clock::Next;
use super::nodes::NodePhase;
use super::pods::{NOWHERE, Phase};
use super::{INTERVAL_MILLIS, World};

/// A pod that does not answer, as a Service sees it.
#[derive(Clone, Copy, Debug)]
pub struct Dark {
    pod: u32,
    /// Since when it does not answer.
    from: u64,
    /// Until when requests are sent there.
    until: u64,
}

impl World<'_> {
    /// A node stops answering; it is back after the repair.
    pub(super) fn fail(&mut self, id: u32, millis: u64, reason: &str) {
        let now = self.clock.now();
        let pool = self.nodes.all[id as usize].pool as usize;
        let from = self.nodes.staying(pool);
        let node = &mut self.nodes.all[id as usize];
        node.failed = Some(now);
        node.stop_pulls(now);
        for pod in node.pods.clone() {
            self.darken(pod);
        }
        self.provisioner.changed();
        self.told(Actor::Scenario, pool, from, reason);
        let times = &self.scenario.times;
        let noticed = now.saturating_add(times.noticed_millis);
        self.clock.at(now.saturating_add(millis), Next::NodeReady(id));
        self.clock.at(noticed, Next::NodeSilent(id));
        self.clock.at(noticed.saturating_add(times.tolerated_millis), Next::PodsLeave(id));
    }

    /// A pod is on a node that stopped answering.
    fn darken(&mut self, id: u32) {
        let now = self.clock.now();
        let pod = &mut self.pods[id];
        if !matches!(pod.phase, Phase::Starting | Phase::Ready | Phase::BackOff) {
            return;
        }
        if pod.phase == Phase::Ready {
            let until = now.saturating_add(self.scenario.times.noticed_millis);
            let row = &mut self.apps[pod.app as usize];
            row.ready -= 1;
            row.dark.push(Dark { pod: id, from: now, until });
        }
        pod.phase = Phase::Dark;
        pod.turned = now;
    }

    /// No more requests are sent to a pod that does not answer.
    pub(super) fn forget_dark(&mut self, app: u32, id: u32) {
        let now = self.clock.now();
        for dark in self.apps[app as usize].dark.iter_mut().filter(|dark| dark.pod == id) {
            dark.until = dark.until.min(now);
        }
    }

    /// The share of requests of the interval that ends now which were sent to pods that do not
    /// answer, as a fraction of at most one.
    pub(super) fn misrouted(&mut self, app: usize) -> (u64, u64) {
        let row = &mut self.apps[app];
        let now = self.clock.now();
        let began = now - INTERVAL_MILLIS;
        let overlap = |dark: &Dark| dark.until.min(now).saturating_sub(dark.from.max(began));
        let millis: u64 = row.dark.iter().map(overlap).sum();
        let endpoints = u64::from(row.ready) + row.dark.len() as u64;
        row.dark.retain(|dark| dark.until > now);
        // Each pod is dark for an interval at most.
        (millis, INTERVAL_MILLIS * endpoints.max(1))
    }

    /// Whether the kubelet of a pod's node answers.
    pub(super) fn answers(&self, id: u32) -> bool {
        let node = self.pods[id].node;
        node == NOWHERE || self.nodes.all[node as usize].failed.is_none()
    }

    /// A node that failed so long ago counts as not ready.
    pub(super) fn node_silent(&mut self, id: u32) {
        let now = self.clock.now();
        let node = &mut self.nodes.all[id as usize];
        let since = now.saturating_sub(self.scenario.times.noticed_millis);
        if node.failed != Some(since) {
            return;
        }
        if node.phase == NodePhase::Ready {
            node.phase = NodePhase::Down;
            node.turned = now;
        }
        self.binder.cordon(id);
        self.provisioner.changed();
    }

    /// The pods of a node that failed so long ago are evicted.
    pub(super) fn pods_leave(&mut self, id: u32) {
        let times = &self.scenario.times;
        let ago = times.noticed_millis.saturating_add(times.tolerated_millis);
        let node = &self.nodes.all[id as usize];
        if node.failed != Some(self.clock.now().saturating_sub(ago)) {
            return;
        }
        for pod in node.pods.clone() {
            self.evict(pod, "node does not answer");
        }
    }

    /// A node answers again: its containers start anew, pods that had to end are gone.
    pub(super) fn node_back(&mut self, id: u32) {
        let now = self.clock.now();
        let pool = self.nodes.all[id as usize].pool as usize;
        let from = self.nodes.staying(pool);
        let node = &mut self.nodes.all[id as usize];
        node.failed = None;
        if node.phase == NodePhase::Down {
            node.phase = NodePhase::Ready;
            node.turned = now;
            self.binder.uncordon(id);
        }
        self.stirred = true;
        self.provisioner.changed();
        if self.nodes.staying(pool) > from {
            self.told(Actor::Scenario, pool, from, "node is back");
        }
        for pod in self.nodes.all[id as usize].pods.clone() {
            match self.pods[pod].phase {
                Phase::Dark => {
                    let app = self.pods[pod].app;
                    self.forget_dark(app, pod);
                    self.pull_and_start(pod);
                }
                Phase::Ending => self.pod_gone(pod),
                _ => {}
            }
        }
    }

    /// Nothing on a node but pods that no kubelet can end.
    pub(super) fn only_lost_pods(&self, id: u32) -> bool {
        let node = &self.nodes.all[id as usize];
        node.failed.is_some() && node.pods.iter().all(|&pod| self.pods[pod].phase == Phase::Ending)
    }
}
