//! Pods that take the place of less important ones.
//!
//! The scheduler promises the pod a node and ends the victims; the pod waits until they have
//! ended and is tried again then, as any other pod (`schedule_one.go handleSchedulingFailure`).

use nodeplan_model::timeline::Actor;

use super::World;
use super::schedule::Plea;

impl World<'_> {
    /// Seeks a node that a pod can have if less important pods go. Whether there is one, or the
    /// pod waits for one already.
    pub(super) fn preempt(&mut self, id: u32) -> bool {
        let app = self.pods[id].app;
        let ask = self.apps[app as usize].ask;
        if !ask.preempts || self.apps.iter().all(|other| other.ask.priority >= ask.priority) {
            return false;
        }
        let mut allowed = std::mem::take(&mut self.allowed);
        allowed.clear();
        allowed.extend((0..self.apps.len()).filter_map(|app| {
            self.disruptions_allowed(app).map(|count| (app as u32, i64::from(count)))
        }));
        let plea = self.binder.plead(app, id, &allowed, &mut self.ties);
        self.allowed = allowed;
        let (node, victims) = match plea {
            Plea::Waits => return true,
            Plea::Refused => return false,
            Plea::Granted { node, victims } => (node, victims),
        };
        let on_node = &self.nodes.all[node as usize].pods;
        let is_victim =
            |id: &&u32| self.pods[**id].bound_as.is_some_and(|known| victims.contains(&known));
        let gone: Vec<u32> = on_node.iter().filter(is_victim).copied().collect();
        for victim in gone {
            if self.evict_by(victim, Actor::Scheduler, "a more important pod needs its place")
                && let Some(known) = self.pods[victim].bound_as
            {
                self.binder.preempted(known);
            }
        }
        true
    }
}
