//! Conservation laws, checked after every event in test builds.

#![cfg(test)]

use nodeplan_model::scenario::Service;

use super::World;
use super::nodes::NodePhase;
use super::pods::{NOWHERE, Phase};

impl World<'_> {
    /// Panics where a law of conservation does not hold.
    pub(super) fn audit(&self) {
        self.audit_nodes();
        self.audit_apps();
        self.audit_load();
    }

    /// Offered = served + lost + waiting + to be tried again.
    fn audit_load(&self) {
        for (index, load) in self.scenario.loads.iter().enumerate() {
            if load.service != Service::None {
                let (offered, became) = self.load.ledger(index);
                assert_eq!(offered, became, "requests of workload {index}");
            }
        }
    }

    /// Every Ready pod on a node that answers may use CPU, and is counted once.
    pub(super) fn audit_places(&self) {
        let up = |id: u32| {
            matches!(self.nodes.all[id as usize].phase, NodePhase::Ready | NodePhase::Draining)
        };
        for (index, app) in self.apps.iter().enumerate() {
            let serves =
                |id: &&u32| self.pods[**id].phase == Phase::Ready && up(self.pods[**id].node);
            let (placed, short) = self.load.contention.serving(index);
            let counted = placed as usize + short as usize;
            let wanted = app.live.iter().filter(serves).count();
            assert_eq!(counted, wanted, "pods of workload {index} that serve");
        }
    }

    /// What is free on a node is what its pods leave.
    fn audit_nodes(&self) {
        for pool in &self.nodes.pools {
            for &id in &pool.live {
                let node = &self.nodes.all[id as usize];
                let (mut cpu, mut memory) = (0, 0);
                for &pod in &node.pods {
                    assert_eq!(self.pods[pod].node, id, "pod {pod} knows its node");
                    assert_ne!(self.pods[pod].phase, Phase::Gone, "pod {pod} is not gone");
                    let ask = self.apps[self.pods[pod].app as usize].ask;
                    cpu += ask.cpu;
                    memory += ask.memory;
                }
                assert_eq!(node.free_cpu + cpu, pool.cpu, "CPU of node {id}");
                assert_eq!(node.free_memory + memory, pool.memory, "memory of node {id}");
                assert_eq!(node.free_pods + node.pods.len() as u64, pool.slots, "slots of {id}");
                if let Some(known) = self.binder.requested(id) {
                    let (all_cpu, all_memory) = (cpu + pool.addon_cpu, memory + pool.addon_memory);
                    assert_eq!(known, (all_cpu as i64, all_memory as i64), "scheduler's node {id}");
                }
                assert!(
                    node.phase != NodePhase::Down || node.failed.is_some(),
                    "node {id} is down because it failed"
                );
                if node.failed.is_some() {
                    let lost =
                        |pod: &u32| matches!(self.pods[*pod].phase, Phase::Dark | Phase::Ending);
                    assert!(node.pods.iter().all(lost), "node {id} serves nobody");
                }
                if node.phase == NodePhase::Deleting {
                    assert!(node.pods.is_empty(), "node {id} has nobody");
                }
            }
        }
    }

    /// Created = pending + starting + ready + gone, and counts are the pods counted.
    fn audit_apps(&self) {
        for (index, app) in self.apps.iter().enumerate() {
            let mut ready = 0;
            for &id in &app.live {
                let pod = &self.pods[id];
                assert_eq!(pod.app as usize, index);
                assert!(!matches!(pod.phase, Phase::Ending | Phase::Gone), "pod {id} lives");
                assert_eq!(pod.phase == Phase::Pending, pod.node == NOWHERE, "pod {id}");
                ready += u32::from(pod.phase == Phase::Ready);
            }
            assert_eq!(app.ready, ready, "ready pods of workload {index}");
            let placed = app.live.iter().filter(|&&id| self.pods[id].node != NOWHERE).count();
            let counted: usize = app.on_node.iter().map(|count| usize::from(*count)).sum();
            assert_eq!(counted, placed, "pods of workload {index} by node");
            if app.rollout.is_none() {
                assert_eq!(app.live.len(), app.wanted as usize, "replicas of workload {index}");
            }
        }
        for (id, node) in self.binder.promises() {
            assert_eq!(self.pods[id].phase, Phase::Pending, "pod {id} waits for node {node}");
        }
        let pending = self.pending.iter().all(|&id| self.pods[id].phase == Phase::Pending);
        assert!(pending, "only pending pods wait");
    }
}
