//! Nodes short of memory: until that is five minutes ago, they take no BestEffort pod
//! (`pkg/kubelet/eviction/eviction_manager.go`, `Admit`; the taint `node.kubernetes.io/memory-pressure`).

use crate::kubelet::eviction::TRANSITION_MILLIS;

use super::World;
use super::clock::Next;
use super::nodes::NodePhase;

impl World<'_> {
    /// A node is short of memory now.
    pub(super) fn feel_pressure(&mut self, id: u32) {
        let now = self.clock.now();
        let pressure = &mut self.nodes.all[id as usize].pressure;
        let before = pressure.stands(now);
        pressure.last_seen_millis = Some(now);
        self.clock.at(now + TRANSITION_MILLIS, Next::PressureEnds(id));
        if !before {
            self.binder.press(id, true);
            self.provisioner.changed();
        }
    }

    /// A node may have had memory enough for so long that it takes all pods again.
    pub(super) fn pressure_ends(&mut self, id: u32) {
        let node = &mut self.nodes.all[id as usize];
        if node.pressure.stands(self.clock.now()) || node.phase == NodePhase::Gone {
            return;
        }
        self.binder.press(id, false);
        self.stirred = true;
        self.provisioner.changed();
    }
}
