//! Nodes that the cluster autoscaler takes away: its actuator at work in the world.

use nodeplan_model::timeline::Actor;

use crate::autoscaler::actuator::{Hands, Load};
use crate::autoscaler::drain::{LEAVING_EXTRA_MILLIS, is_long_terminating};
use crate::autoscaler::view::{NodeKey, PodKey};

use super::World;
use super::clock::Next;
use super::nodes::NodePhase;
use super::pods::Phase;
use super::scale_nodes::{Scaler, amount};

impl World<'_> {
    /// A loop of the cluster autoscaler tainted a node.
    pub(super) fn start_deletion(&mut self, node: u32, drain: bool) {
        let Some(mut scaler) = self.scaler.take() else { return };
        let now = amount(self.clock.now());
        let group = self.nodes.all[node as usize].pool as usize;
        scaler.actuator.start(node, group, drain, now, &scaler.options);
        self.await_actuator(&mut scaler);
        self.scaler = Some(scaler);
    }

    /// The actuator does what is due.
    pub(super) fn actuate(&mut self) {
        let Some(mut scaler) = self.scaler.take() else { return };
        let now = amount(self.clock.now());
        let Scaler { options, state, actuator, .. } = &mut *scaler;
        actuator.wake(now, options, &mut state.deletions, self);
        self.await_actuator(&mut scaler);
        self.scaler = Some(scaler);
    }

    /// Wakes the actuator when something is due next.
    fn await_actuator(&mut self, scaler: &mut Scaler) {
        let next = scaler.actuator.next_wake();
        if let Some(millis) = next.filter(|_| next != scaler.wakes) {
            self.clock.at(millis.cast_unsigned(), Next::Actuate);
        }
        scaler.wakes = next;
    }
}

impl Hands for World<'_> {
    fn load(&mut self, node: NodeKey) -> Option<Load> {
        let now = self.clock.now();
        let row = &self.nodes.all[node as usize];
        if row.phase != NodePhase::Draining {
            return None;
        }
        let mut pods = Vec::with_capacity(row.pods.len());
        for &id in &row.pods {
            let pod = &self.pods[id];
            let grace = amount(self.apps[pod.app as usize].ending_millis);
            let ending = (pod.phase == Phase::Ending).then(|| amount(now - pod.turned));
            if is_long_terminating(ending, grace, LEAVING_EXTRA_MILLIS) {
                continue;
            }
            if !self.may_go(pod.app as usize) {
                return None;
            }
            pods.push((u64::from(id), grace));
        }
        Some(Load { pods, daemons: Vec::new() })
    }

    fn evict(&mut self, pod: PodKey, grace_ms: i64) -> bool {
        let id = pod as u32;
        if matches!(self.pods[id].phase, Phase::Ending | Phase::Gone) {
            return true;
        }
        let app = self.pods[id].app as usize;
        if !self.may_go(app) {
            return false;
        }
        World::evict(self, id, "node is scaled down");
        let grace = grace_ms.cast_unsigned();
        if grace < self.apps[app].ending_millis {
            // It is killed then.
            self.clock.at(self.clock.now() + grace, Next::PodGone(id));
        }
        true
    }

    fn is_gone(&self, pod: PodKey) -> bool {
        self.pods[pod as u32].phase == Phase::Gone
    }

    fn delete(&mut self, _: usize, node: NodeKey) -> bool {
        if self.nodes.all[node as usize].phase == NodePhase::Draining {
            self.delete_node(node);
        }
        true
    }

    fn untaint(&mut self, node: NodeKey) {
        if self.nodes.all[node as usize].phase == NodePhase::Draining {
            self.reopen(node, Actor::Autoscaler, "its pods could not be evicted, node stays");
        }
    }
}
