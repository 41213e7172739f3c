//! How pods and nodes begin and end.

use std::cmp::Reverse;

use nodeplan_model::scenario::MILLION;
use nodeplan_model::timeline::{Actor, Decision};

use super::World;
use super::clock::Next;
use super::nodes::NodePhase;
use super::pods::{NOWHERE, Phase, Pod};

impl World<'_> {
    /// Notes a decision.
    pub(super) fn decide(&mut self, decision: Decision) {
        self.record.decisions.push(decision);
    }

    /// Sets the replicas of a workload: creates pods, or ends those that a ReplicaSet ends first.
    pub(super) fn set_replicas(&mut self, app: u32, replicas: u32, actor: Actor, reason: &str) {
        let from = self.apps[app as usize].wanted;
        self.apps[app as usize].wanted = replicas;
        // Budgets are counted from it.
        self.changes += u64::from(from != replicas);
        if from != replicas && self.clock.now() > 0 {
            self.decide(Decision {
                at_millis: self.clock.now(),
                actor,
                workload: Some(app),
                pool: None,
                from,
                to: replicas,
                reason: reason.to_owned(),
            });
        }
        self.reconcile(app);
    }

    /// Creates or ends pods until there are as many as wanted.
    pub(super) fn reconcile(&mut self, app: u32) {
        let wanted = self.apps[app as usize].wanted as usize;
        let live = self.apps[app as usize].live.len();
        if self.apps[app as usize].rollout.is_some() {
            self.roll(app);
            return;
        }
        for _ in live..wanted {
            self.create_pod(app);
        }
        if live > wanted {
            for pod in self.first_to_end(app, live - wanted) {
                self.end_pod(pod);
            }
        }
    }

    /// A new pod, which waits for a node.
    pub(super) fn create_pod(&mut self, app: u32) {
        self.changes += 1;
        let pod = self.pods.create(app, self.clock.now());
        self.apps[app as usize].live.push(pod);
        if self.scenario.scaling[app as usize].is_some() {
            self.apps[app as usize].young.push(pod);
        }
        self.pending.push(pod);
        self.stirred = true;
        self.provisioner.changed();
    }

    /// The pods a ReplicaSet ends first (`controller_utils.go ActivePodsWithRanks`): without a
    /// node, then not Ready, then with more of their kind on their node, then Ready for less
    /// time (in doublings), then more restarts, then younger.
    fn first_to_end(&self, app: u32, count: usize) -> Vec<u32> {
        let row = &self.apps[app as usize];
        let now = self.clock.now();
        let mut order = row.live.clone();
        order.sort_by_key(|&id| {
            let pod = &self.pods[id];
            let ready = pod.phase == Phase::Ready;
            let company = if pod.node == NOWHERE { 0 } else { row.same(pod.node) };
            let doublings = if ready { (now - pod.turned).max(1).ilog2() } else { 0 };
            (
                pod.node != NOWHERE,
                ready,
                Reverse(company),
                doublings,
                pod.back_off.last.is_none(),
                Reverse(pod.created),
                Reverse(id),
            )
        });
        order.truncate(count);
        order
    }

    /// Tells a pod to end; on a node that does not answer it cannot.
    pub(super) fn end_pod(&mut self, id: u32) {
        let now = self.clock.now();
        let pod = &mut self.pods[id];
        let (app, node, phase) = (pod.app, pod.node, pod.phase);
        if matches!(phase, Phase::Ending | Phase::Gone) {
            return;
        }
        self.changes += 1;
        pod.phase = Phase::Ending;
        pod.turned = now;
        self.provisioner.changed();
        let row = &mut self.apps[app as usize];
        row.live.retain(|&other| other != id);
        let grace = row.ending_millis;
        if phase == Phase::Ready {
            row.ready -= 1;
        }
        if phase == Phase::Dark {
            self.forget_dark(app, id);
        }
        if node == NOWHERE {
            self.binder.withdraw(id);
            self.pending.retain(|&other| other != id);
            self.record.waited(app, now - self.pods[id].created);
            self.pods[id].phase = Phase::Gone;
            return;
        }
        self.apps[app as usize].leave(node);
        self.nodes.all[node as usize].pod_event = Some(now);
        if let Some(known) = self.pods[id].bound_as {
            self.binder.ending(known);
        }
        if self.answers(id) {
            self.clock.at(now + grace, Next::PodGone(id));
        }
    }

    /// A pod has ended: its requests are free.
    pub(super) fn pod_gone(&mut self, id: u32) {
        let pod = &mut self.pods[id];
        if pod.phase == Phase::Gone {
            return;
        }
        pod.phase = Phase::Gone;
        let (app, node, bound) = (pod.app as usize, pod.node, pod.bound);
        self.record.totals[app].pod_millis += u128::from(self.clock.now() - bound);
        let ask = self.apps[app].ask;
        let place = &mut self.nodes.all[node as usize];
        place.free_cpu += ask.cpu;
        place.free_memory += ask.memory;
        place.free_pods += 1;
        place.pods.retain(|&other| other != id);
        if let Some(known) = self.pods[id].bound_as.take() {
            self.binder.free(known, node);
        }
        self.stirred = true;
        self.provisioner.changed();
    }

    /// A pod is put back: ended here, made anew by its controller.
    pub(super) fn evict(&mut self, id: u32, reason: &str) {
        self.evict_by(id, Actor::Kubelet, reason);
    }

    /// The same; whether it was still to be told to end.
    pub(super) fn evict_by(&mut self, id: u32, actor: Actor, reason: &str) -> bool {
        if matches!(self.pods[id].phase, Phase::Ending | Phase::Gone) {
            return false;
        }
        let app = self.pods[id].app;
        let ready = self.apps[app as usize].ready;
        self.record.totals[app as usize].evictions += 1;
        self.end_pod(id);
        self.decide(Decision {
            at_millis: self.clock.now(),
            actor,
            workload: Some(app),
            pool: None,
            from: ready,
            to: self.apps[app as usize].ready,
            reason: format!("pod evicted: {reason}"),
        });
        self.reconcile(app);
        true
    }

    /// How many more pods of a workload its budget lets go now
    /// (`status.disruptionsAllowed`); none without a budget.
    pub(super) fn disruptions_allowed(&self, app: usize) -> Option<u32> {
        let budget = self.scenario.budgets[app]?;
        let row = &self.apps[app];
        Some(row.ready.saturating_sub(budget.healthy(row.wanted)))
    }

    /// Whether an eviction of a pod of this workload is granted now.
    pub(super) fn may_go(&self, app: usize) -> bool {
        self.disruptions_allowed(app) != Some(0)
    }

    /// Tries pending pods, the most important first, then in order of creation, until none moves.
    pub(super) fn schedule(&mut self) {
        while std::mem::take(&mut self.stirred) {
            self.try_pending();
        }
    }

    /// Tries every pending pod once. Pods made meanwhile, for those that were preempted, come
    /// after.
    fn try_pending(&mut self) {
        let mut waiting = std::mem::take(&mut self.pending);
        let priority = |id: &u32| self.apps[self.pods[*id].app as usize].ask.priority;
        if !waiting.is_sorted_by_key(|id| Reverse(priority(id))) {
            waiting.sort_by_key(|id| Reverse(priority(id)));
        }
        // Equal pods get equal answers while nothing is bound between them.
        let mut refused = vec![false; self.apps.len()];
        waiting.retain(|&id| {
            let app = self.pods[id].app as usize;
            if self.pods[id].phase != Phase::Pending {
                return false;
            }
            if refused[app] && self.binder.promise(id).is_none() {
                return true;
            }
            if self.pods[id].created < self.clock.now() && self.binder.still_refused(app as u32) {
                refused[app] = true;
                return true;
            }
            if let Some(node) = self.binder.pick(app as u32, id, &mut self.ties) {
                self.bind(id, node);
                return false;
            }
            if self.pods[id].created == self.clock.now() && !refused[app] {
                self.refused(app as u32);
            }
            refused[app] |= !self.preempt(id);
            true
        });
        // A preempted workload that is rolled out may end pods of its own.
        waiting.retain(|&id| self.pods[id].phase == Phase::Pending);
        waiting.append(&mut self.pending);
        self.pending = waiting;
    }

    /// Notes that a new pod found no node.
    fn refused(&mut self, app: u32) {
        let row = &self.apps[app as usize];
        let live = row.live.len() as u32;
        self.decide(Decision {
            at_millis: self.clock.now(),
            actor: Actor::Scheduler,
            workload: Some(app),
            pool: None,
            from: live,
            to: live,
            reason: self.binder.why(app),
        });
    }

    /// Binds a pod to a node; it starts there.
    fn bind(&mut self, id: u32, node: u32) {
        self.changes += 1;
        let now = self.clock.now();
        let app = self.pods[id].app;
        let ask = self.apps[app as usize].ask;
        let place = &mut self.nodes.all[node as usize];
        place.free_cpu -= ask.cpu;
        place.free_memory -= ask.memory;
        place.free_pods -= 1;
        place.pods.push(id);
        place.pod_event = Some(now);
        self.apps[app as usize].enter(node);
        self.binder.withdraw(id);
        let bound_as = self.binder.bind(app, node, now);
        let pod = &mut self.pods[id];
        pod.node = node;
        pod.bound_as = Some(bound_as);
        pod.bound = now;
        pod.turned = now;
        self.apps[app as usize].last_bound = now;
        self.record.waited(app, now - pod.created);
        self.record.totals[app as usize].started += 1;
        self.provisioner.changed();
        if self.answers(id) {
            self.pull_and_start(id);
        } else {
            self.pods[id].phase = Phase::Dark;
        }
    }

    /// A container starts once its image is there.
    pub(super) fn pull_and_start(&mut self, id: u32) {
        let now = self.clock.now();
        let Pod { app, node, .. } = self.pods[id];
        let place = &mut self.nodes.all[node as usize];
        let from = place.image_at(app, now, self.scenario.times.pull_millis);
        self.start(id, from);
    }

    /// A container starts at a time.
    fn start(&mut self, id: u32, from: u64) {
        let pod = &mut self.pods[id];
        pod.phase = Phase::Starting;
        pod.ran = from;
        pod.due = from + self.scenario.loads[pod.app as usize].startup_millis;
        self.clock.at(pod.due, Next::PodReady(id));
    }

    /// At the start nothing boots: images are there, and every pod with a node is Ready.
    pub(super) fn ready_at_once(&mut self) {
        for node in &mut self.nodes.all {
            node.pulls.clear();
        }
        for id in 0..self.pods.len() as u32 {
            self.pods[id].due = 0;
            self.pod_ready(id);
        }
    }

    /// A container is Ready and takes traffic.
    pub(super) fn pod_ready(&mut self, id: u32) {
        let now = self.clock.now();
        let pod = &mut self.pods[id];
        if pod.phase != Phase::Starting || now < pod.due {
            return;
        }
        pod.phase = Phase::Ready;
        pod.turned = now;
        let app = pod.app;
        self.apps[app as usize].ready += 1;
        self.provisioner.changed();
        self.roll(app);
    }

    /// A container went over its memory limit: the kernel kills it, the kubelet starts it again
    /// after a pause that doubles.
    pub(super) fn kill_for_memory(&mut self, id: u32) {
        self.changes += 1;
        let now = self.clock.now();
        let pod = &mut self.pods[id];
        let restart = pod.back_off.restart_millis(now);
        pod.phase = Phase::BackOff;
        pod.turned = now;
        let app = pod.app as usize;
        self.apps[app].ready -= 1;
        self.provisioner.changed();
        self.record.totals[app].oom_kills += 1;
        self.clock.at(restart, Next::PodRestarts(id));
    }

    /// A killed container starts again.
    pub(super) fn pod_restarts(&mut self, id: u32) {
        if self.pods[id].phase != Phase::BackOff {
            return;
        }
        self.start(id, self.clock.now());
    }

    /// Asks for machines of a pool; they come after a log-normal time.
    pub(super) fn ask_for_nodes(&mut self, pool: u32, count: u32) {
        self.changes += 1;
        self.node_changes += 1;
        self.pay();
        let now = self.clock.now();
        let times = self.scenario.times;
        for _ in 0..count {
            let node = self.nodes.create(pool, now);
            let p50 = times.ready_p50_millis as f64;
            let after = self.boots.log_normal(p50, times.ready_p95_millis as f64);
            let after = (after as u64).min(MILLION * MILLION);
            self.clock.at(now + after, Next::NodeReady(node));
        }
        self.nodes.pools[pool as usize].target += count;
        self.provisioner.changed();
    }

    /// A machine that was asked for, or that failed, is there.
    pub(super) fn machine_there(&mut self, id: u32) {
        let node = &self.nodes.all[id as usize];
        if node.failed.is_some() {
            self.node_back(id);
        } else if node.phase == NodePhase::Creating {
            self.node_ready(id);
            self.replacement_came(id);
            self.surge_node_came(id);
        }
    }

    /// A node is Ready: pods may come.
    pub(super) fn node_ready(&mut self, id: u32) {
        let node = &mut self.nodes.all[id as usize];
        node.phase = NodePhase::Ready;
        node.turned = self.clock.now();
        if node.initialized.is_none() {
            node.initialized = Some(node.turned);
            self.will_expire(id);
        }
        self.binder.open(id, &self.nodes.all[id as usize], &self.nodes);
        self.stirred = true;
        self.provisioner.changed();
    }

    /// A node takes no more pods, because it is to go.
    pub(super) fn close(&mut self, id: u32, actor: Actor, reason: &str) {
        let pool = self.nodes.all[id as usize].pool as usize;
        let from = self.nodes.staying(pool);
        let node = &mut self.nodes.all[id as usize];
        node.phase = NodePhase::Draining;
        node.turned = self.clock.now();
        self.binder.cordon(id);
        self.provisioner.changed();
        self.told(actor, pool, from, reason);
    }

    /// A node that was to go stays and takes pods again, if it answers.
    pub(super) fn reopen(&mut self, id: u32, actor: Actor, reason: &str) {
        let now = self.clock.now();
        let noticed = self.scenario.times.noticed_millis;
        let pool = self.nodes.all[id as usize].pool as usize;
        let from = self.nodes.staying(pool);
        let node = &mut self.nodes.all[id as usize];
        let silent = node.failed.is_some_and(|since| now >= since.saturating_add(noticed));
        node.phase = if silent { NodePhase::Down } else { NodePhase::Ready };
        node.turned = now;
        if !silent {
            self.binder.uncordon(id);
            self.stirred = true;
        }
        self.provisioner.changed();
        self.told(actor, pool, from, reason);
    }

    /// Deletes a machine: its pods are lost, it is paid for until it is gone.
    pub(super) fn delete_node(&mut self, id: u32) {
        let now = self.clock.now();
        let node = &mut self.nodes.all[id as usize];
        if matches!(node.phase, NodePhase::Deleting | NodePhase::Gone) {
            return;
        }
        node.phase = NodePhase::Deleting;
        node.turned = now;
        let pool = node.pool as usize;
        self.nodes.pools[pool].target = self.nodes.pools[pool].target.saturating_sub(1);
        self.provisioner.changed();
        self.lose_pods(id, "node is deleted");
        self.nodes.all[id as usize].failed = None;
        self.binder.close(id);
        self.clock.at(now + self.scenario.times.delete_millis, Next::NodeGone(id));
        if self.nodes.all[id as usize].upgrading.take().is_some() {
            self.go_on_upgrading(pool);
        }
    }

    /// Every pod of a node is lost at once; controllers make new ones.
    pub(super) fn lose_pods(&mut self, id: u32, reason: &str) {
        for pod in self.nodes.all[id as usize].pods.clone() {
            self.evict(pod, reason);
            self.pod_gone(pod);
        }
    }

    /// A machine is gone and no longer paid.
    pub(super) fn node_gone(&mut self, id: u32) {
        self.pay();
        self.nodes.forget(id);
        self.provisioner.changed();
    }
}
