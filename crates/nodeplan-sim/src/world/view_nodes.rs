//! What the cluster autoscaler sees of the world, kept from loop to loop: most nodes do not change
//! in between.

use crate::autoscaler::layout::{Content, Layout};
use crate::autoscaler::view::{
    Budget, Group, Instance, InstanceState, Node, Owner, Pod, PodClass, Toleration,
};

use super::World;
use super::nodes::NodePhase;
use super::pods::Phase;
use super::scale_nodes::{Scaler, amount};
use super::scale_pods::scheduled_min;
use super::schedule::ADDON_PRIORITY;

/// Key of the taint of a node that does not answer.
const UNREACHABLE: u32 = 0;
/// Key of the taint of a node short of memory, which only BestEffort pods do not bear
/// (`plugin/pkg/admission/podtolerationrestriction`, `PodTolerationRestriction`).
const MEMORY_PRESSURE: u32 = 1;

impl World<'_> {
    /// Writes what the autoscaler sees.
    pub(super) fn view(&mut self, scaler: &mut Scaler) {
        let now = self.clock.now();
        if scaler.classes.is_empty() {
            scaler.classes = self.apps.iter().map(class).collect();
            // Add-ons of a pool, as one pod on each node.
            scaler.classes.extend(self.nodes.pools.iter().map(|pool| PodClass {
                cpu_milli: amount(pool.addon_cpu),
                memory_bytes: amount(pool.addon_memory),
                app: u32::MAX,
                selector: Vec::new(),
                tolerates: Toleration::All,
                host_anti_affinity: false,
                grace_ms: 0,
            }));
        }
        scaler.groups.clear();
        scaler.nodes.clear();
        for (index, pool) in self.nodes.pools.iter().enumerate() {
            let scheduled = scheduled_min(&pool.bounds.schedules, self.scenario, now);
            let instance = |&id: &u32| Instance {
                key: id,
                state: match self.nodes.all[id as usize].phase {
                    NodePhase::Creating => InstanceState::Creating,
                    NodePhase::Deleting => InstanceState::Deleting,
                    _ => InstanceState::Running,
                },
                error: None,
            };
            scaler.groups.push(Group {
                min: i64::from(pool.bounds.min.max(scheduled).min(pool.bounds.max)),
                max: i64::from(pool.bounds.max),
                shape: index,
                target: i64::from(pool.target),
                instances: pool.live.iter().map(instance).collect(),
                daemon_cpu_milli: amount(pool.addon_cpu),
                daemon_memory_bytes: amount(pool.addon_memory),
                daemon_pods: amount(pool.addon_pods.min(1)),
                increase_fails: pool.failing_until > now,
                delete_fails: false,
                priority: pool.bounds.priority,
            });
        }
        self.view_nodes(scaler);
        self.view_pods(scaler);
        scaler.budgets.clear();
        scaler.budgets.extend((0..self.apps.len()).filter_map(|app| {
            let allowed = i64::from(self.disruptions_allowed(app)?);
            Some(Budget { app: app as u32, allowed })
        }));
    }

    /// Registered nodes, oldest first.
    fn view_nodes(&self, scaler: &mut Scaler) {
        let now = self.clock.now();
        let mut live: Vec<u32> =
            self.nodes.pools.iter().flat_map(|pool| pool.live.iter().copied()).collect();
        live.sort_unstable();
        for id in live {
            let node = &self.nodes.all[id as usize];
            if matches!(node.phase, NodePhase::Creating | NodePhase::Deleting | NodePhase::Gone) {
                continue;
            }
            scaler.nodes.push(Node {
                key: id,
                group: Some(node.pool as usize),
                shape: node.pool as usize,
                created_ms: node.created as i64,
                ready: node.phase != NodePhase::Down,
                ready_changed_ms: node.turned as i64,
                scale_down_disabled: false,
                deletion_taint_ms: (node.phase == NodePhase::Draining)
                    .then_some((node.turned / 1000 * 1000) as i64),
                soft_taint: false,
                condition_taint: match node.phase {
                    NodePhase::Down => Some(UNREACHABLE),
                    _ => node.pressure.stands(now).then_some(MEMORY_PRESSURE),
                },
            });
        }
    }

    /// Pods that wait or run, by node, and add-ons: written anew where they changed.
    fn view_pods(&mut self, scaler: &mut Scaler) {
        let moved = self.pods.take_moved();
        let mut stale = if self.every_loop { scaler.forget_pods() } else { scaler.follow_nodes() };
        let before = std::mem::take(&mut scaler.promised);
        self.view_waiting(scaler);
        let on = moved.iter().map(|&pod| self.pods[pod].node);
        let promised = before.iter().chain(&scaler.promised).map(|&(_, node)| node);
        stale.extend(on.chain(promised).filter_map(|node| scaler.place(node)));
        stale.sort_unstable();
        stale.dedup();
        let least = scaler.options.expendable_cutoff;
        for &index in &stale {
            let node = scaler.nodes[index];
            let mut pods = std::mem::take(&mut scaler.layout.nodes[index].pods);
            scaler.free.append(&mut pods);
            let promised = scaler.promised.iter().filter(|(_, at)| *at == node.key);
            let promised: Vec<u32> = promised.map(|&(id, _)| id).collect();
            for &id in promised.iter().chain(&self.nodes.all[node.key as usize].pods) {
                let pod = self.pod(id, Some(index));
                if pod.priority >= least {
                    pods.push(scaler.keep(pod));
                }
            }
            pods.push(scaler.keep(addons(self.apps.len(), &node, index)));
            scaler.layout.nodes[index].pods = pods;
        }
        scaler.measure(self.clock.now(), &stale);
    }

    /// Pods that wait. Who waits for preempted pods to end counts where it will be
    /// (`filter_out_expendable.go`).
    fn view_waiting(&self, scaler: &mut Scaler) {
        let mut waiting = std::mem::take(&mut scaler.layout.waiting);
        scaler.free.append(&mut waiting);
        for &id in &self.pending {
            match self.binder.promise(id).filter(|&node| scaler.place(node).is_some()) {
                Some(node) => scaler.promised.push((id, node)),
                None => waiting.push(scaler.keep(self.pod(id, None))),
            }
        }
        scaler.layout.waiting = waiting;
    }

    /// A pod of a workload.
    fn pod(&self, id: u32, node: Option<usize>) -> Pod {
        let row = &self.pods[id];
        Pod {
            key: u64::from(id),
            class: row.app as usize,
            owner: Owner::Replicated(row.app),
            node,
            created_ms: row.created as i64,
            deletion_ms: (row.phase == Phase::Ending).then_some(row.turned as i64),
            priority: self.apps[row.app as usize].ask.priority,
            safe_to_evict: None,
            local_storage: false,
            system: false,
            mirror: false,
        }
    }
}

impl Scaler {
    /// Forgets where pods are; gives all nodes.
    fn forget_pods(&mut self) -> Vec<usize> {
        self.pods.clear();
        self.free.clear();
        self.layout = Layout::default();
        self.layout.nodes.resize_with(self.nodes.len(), Content::default);
        self.listed.clear();
        self.listed.extend(self.nodes.iter().map(|node| node.key));
        (0..self.nodes.len()).collect()
    }

    /// Brings the layout in line with the nodes, which are listed by identity; gives those that are
    /// new.
    fn follow_nodes(&mut self) -> Vec<usize> {
        let keys = self.nodes.iter().map(|node| node.key);
        if keys.eq(self.listed.iter().copied()) {
            return Vec::new();
        }
        let before = std::mem::take(&mut self.layout.nodes);
        let mut before = self.listed.iter().copied().zip(before).peekable();
        let mut new = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            while let Some((_, mut gone)) = before.next_if(|(key, _)| *key < node.key) {
                self.free.append(&mut gone.pods);
            }
            let content = before.next_if(|(key, _)| *key == node.key).map(|(_, content)| content);
            if content.is_none() {
                new.push(index);
            }
            let content = content.unwrap_or_default();
            for &pod in &content.pods {
                self.pods[pod].node = Some(index);
            }
            self.layout.nodes.push(content);
        }
        for (_, mut gone) in before {
            self.free.append(&mut gone.pods);
        }
        self.listed.clear();
        self.listed.extend(self.nodes.iter().map(|node| node.key));
        new
    }

    /// The place of a node in the view, if it is there.
    fn place(&self, node: u32) -> Option<usize> {
        self.listed.binary_search(&node).ok()
    }

    /// Keeps a pod of the view; gives its place.
    fn keep(&mut self, pod: Pod) -> usize {
        if let Some(place) = self.free.pop() {
            self.pods[place] = pod;
            return place;
        }
        self.pods.push(pod);
        self.pods.len() - 1
    }

    /// Adds up nodes whose pods changed.
    fn measure(&mut self, now: u64, stale: &[usize]) {
        let mut layout = std::mem::take(&mut self.layout);
        let view = self.view_at(now);
        for &index in stale {
            layout.nodes[index].measure(&self.options, &view, index);
        }
        self.layout = layout;
    }
}

/// The add-ons of a node, as one pod of a class behind those of the workloads.
fn addons(workloads: usize, node: &Node, index: usize) -> Pod {
    Pod {
        key: u64::from(u32::MAX) + 1 + u64::from(node.key),
        class: workloads + node.shape,
        owner: Owner::DaemonSet(node.shape as u32),
        node: Some(index),
        created_ms: node.created_ms,
        deletion_ms: None,
        priority: ADDON_PRIORITY,
        safe_to_evict: None,
        local_storage: false,
        system: true,
        mirror: false,
    }
}

/// A workload's pods as the autoscaler compares them.
fn class(app: &super::apps::App) -> PodClass {
    PodClass {
        cpu_milli: amount(app.ask.cpu),
        memory_bytes: amount(app.ask.memory),
        app: app.ask.app,
        selector: vec![(app.ask.app, 1)],
        tolerates: Toleration::Keys(if app.ask.best_effort {
            Vec::new()
        } else {
            vec![MEMORY_PRESSURE]
        }),
        host_anti_affinity: app.ask.per_node == 1,
        grace_ms: amount(app.ending_millis),
    }
}
