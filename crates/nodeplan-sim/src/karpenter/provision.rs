//! Finding room for pods, on nodes that exist and on nodes to be made
//! (`provisioning/scheduling/scheduler.go`, `nodeclaim.go`, `existingnode.go`, `queue.go`).
//!
//! A claim is a node to be made: a set of instance types that shrinks with every pod put on it.
//! Pods go to the first claim that takes them, claims with few pods first, so the answer is
//! neither first fit nor best fit but what upstream does.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::nouns::{Amounts, Cluster, Effect, Limits, Settings, tolerates};
use super::requirement::{Key, Requirement, Requirements, Undefined, Value};
use super::stage::{Stage, stages};
use super::topology::{Owned, Pick, Topology};
use crate::pattern_sort;

/// How many instance types a claim names at most (`MaxInstanceTypes`).
pub const MAX_INSTANCE_TYPES: usize = 600;

/// A node to be made.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Its pool.
    pub pool: usize,
    /// What the node must be, without the host name.
    pub requirements: Requirements,
    /// Instance types that will do, cheapest first.
    pub types: Vec<usize>,
    /// Requests of its pods, of `DaemonSets` too.
    pub requests: Amounts,
    /// Pods it is for, in the order they were put there.
    pub pods: Vec<usize>,
}

/// Where every pod goes.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// Nodes to be made.
    pub claims: Vec<Claim>,
    /// Pod and existing node, in the order of placing.
    pub placed: Vec<(usize, usize)>,
    /// Pods without room.
    pub unplaced: Vec<usize>,
}

/// Finds room for `pods` on `nodes`, which are the existing ones that may take some, in name
/// order, and on new nodes (`Scheduler.Solve`, then `TruncateInstanceTypes`).
///
/// `pick` chooses among equally good domains where upstream takes any.
pub fn place(
    cluster: Cluster<'_>,
    nodes: &[usize],
    pods: &[usize],
    settings: Settings,
    pick: Pick<'_>,
) -> Placement {
    let mut scheduler = Scheduler::new(cluster, nodes, pods, settings);
    let unplaced = scheduler.solve(pods, pick);
    scheduler.finish(unplaced)
}

/// Claims for pending pods and for pods of nodes being deleted, as the provisioner makes them for
/// a batch (`Provisioner.Schedule`).
pub fn provision(cluster: Cluster<'_>, settings: Settings, pick: Pick<'_>) -> Placement {
    let nodes: Vec<usize> =
        (0..cluster.nodes.len()).filter(|node| !cluster.nodes[*node].deleting).collect();
    let pods: Vec<usize> = (0..cluster.pods.len())
        .filter(|at| {
            let pod = &cluster.pods[*at];
            match pod.node {
                None => !pod.daemon && !pod.terminating,
                Some(node) => {
                    cluster.nodes[node].deleting
                        && super::disruption::is_reschedulable_now(cluster, pod)
                }
            }
        })
        .collect();
    place(cluster, &nodes, &pods, settings, pick)
}

/// A claim while pods are being put on it.
#[derive(Clone, Debug)]
struct Open {
    pool: usize,
    requirements: Requirements,
    types: Vec<usize>,
    /// Without `DaemonSets`.
    requests: Amounts,
    pods: Vec<usize>,
    ports: Vec<u16>,
}

/// An existing node while pods are being put on it.
#[derive(Clone, Debug)]
struct Existing {
    node: usize,
    room: Amounts,
    requirements: Requirements,
    ports: Vec<u16>,
}

/// A stage with the topology groups of its pods, once it was reached.
struct Reached {
    stage: Stage,
    owned: Option<Owned>,
}

struct Scheduler<'a> {
    cluster: Cluster<'a>,
    settings: Settings,
    /// Per template its stages, made when its first pod is tried.
    shapes: Vec<Vec<Reached>>,
    existing: Vec<Existing>,
    open: Vec<Open>,
    /// Pools that can make a node, with the types that may be.
    templates: Vec<(usize, Vec<usize>)>,
    limits: Vec<Limits>,
    topology: Topology<'a>,
    hosts: u32,
    placed: Vec<(usize, usize)>,
}

impl<'a> Scheduler<'a> {
    fn new(cluster: Cluster<'a>, nodes: &[usize], pods: &[usize], settings: Settings) -> Self {
        let mut topology = Topology::new(cluster, nodes, pods);
        let soft_taints = (cluster.pools.iter())
            .any(|pool| pool.taints.iter().any(|taint| taint.effect == Effect::PreferNoSchedule));
        let mut shapes: Vec<Vec<Reached>> = Vec::new();
        shapes.resize_with(cluster.shapes.len(), Vec::new);
        for pod in pods {
            let shape = cluster.pods[*pod].shape;
            if shapes[shape].is_empty() {
                let all = stages(&cluster.shapes[shape], settings, soft_taints);
                shapes[shape].extend(all.into_iter().map(|stage| Reached { stage, owned: None }));
                shapes[shape][0].owned = Some(topology.own(&shapes[shape][0].stage));
            }
        }
        let mut limits: Vec<Limits> = cluster.pools.iter().map(|pool| pool.limits).collect();
        for node in nodes {
            let node = &cluster.nodes[*node];
            if let Some(pool) = node.pool {
                limits[pool] = limits[pool].less(node.capacity);
            }
        }
        let mut scheduler = Self {
            cluster,
            settings,
            shapes,
            existing: existing(cluster, nodes),
            open: Vec::new(),
            templates: Vec::new(),
            limits,
            topology,
            hosts: 0,
            placed: Vec::new(),
        };
        for (at, pool) in cluster.pools.iter().enumerate() {
            let mut requirements = pool.requirements.clone();
            let best_effort = settings.best_effort_min_values;
            let types =
                scheduler.narrow(&pool.types, &mut requirements, Amounts::default(), best_effort);
            if let Some(types) = types {
                scheduler.templates.push((at, types));
            }
        }
        scheduler
    }

    /// Tries pods until a whole round brought nothing (`Solve`); the pods left over.
    fn solve(&mut self, pods: &[usize], pick: Pick<'_>) -> Vec<usize> {
        let mut queue: Vec<usize> = pods.to_vec();
        queue.sort_by_key(|at| {
            let pod = &self.cluster.pods[*at];
            let requests = self.cluster.shapes[pod.shape].requests;
            (Reverse(requests.cpu_milli), Reverse(requests.memory_bytes), pod.created_ms, pod.uid)
        });
        let mut queue: VecDeque<(usize, usize)> = queue.into_iter().map(|pod| (pod, 0)).collect();
        while let Some((pod, length)) = queue.front().copied() {
            if length == queue.len() {
                break;
            }
            queue.pop_front();
            if !self.try_stages(pod, pick) {
                queue.push_back((pod, queue.len() + 1));
            }
        }
        queue.into_iter().map(|(pod, _)| pod).collect()
    }

    /// Drops preferences until the pod fits (`trySchedule`).
    fn try_stages(&mut self, pod: usize, pick: Pick<'_>) -> bool {
        let shape = self.cluster.pods[pod].shape;
        let mut reached = std::mem::take(&mut self.shapes[shape]);
        let mut fits = false;
        for Reached { stage, owned } in &mut reached {
            let owned = owned.get_or_insert_with(|| self.topology.own(stage));
            if self.add(pod, stage, owned, pick) {
                fits = true;
                break;
            }
        }
        self.shapes[shape] = reached;
        fits
    }

    /// Existing nodes, then open claims, then a new one (`add`).
    fn add(&mut self, pod: usize, stage: &Stage, owned: &Owned, pick: Pick<'_>) -> bool {
        for at in 0..self.existing.len() {
            if self.add_to_existing(at, pod, stage, owned, pick) {
                return true;
            }
        }
        pattern_sort::sort(&mut self.open, |a, b| a.pods.len() < b.pods.len());
        for at in 0..self.open.len() {
            let fit = self.fit(&self.open[at], pod, stage, owned, false, pick);
            if let Some((requirements, types)) = fit {
                self.put(at, pod, requirements, types);
                return true;
            }
        }
        self.add_to_new(pod, stage, owned, pick)
    }

    /// `ExistingNode.CanAdd` and `Add`.
    fn add_to_existing(
        &mut self,
        at: usize,
        pod: usize,
        stage: &Stage,
        owned: &Owned,
        pick: Pick<'_>,
    ) -> bool {
        let index = self.cluster.pods[pod].shape;
        let shape = &self.cluster.shapes[index];
        let existing = &self.existing[at];
        let taints = &self.cluster.nodes[existing.node].taints;
        if !shape.requests.fits(existing.room)
            || !tolerates(&stage.tolerations, taints)
            || shape.host_ports.iter().any(|port| existing.ports.contains(port))
            || !existing.requirements.compatible(&stage.requirements, Undefined::Denied)
        {
            return false;
        }
        let mut requirements = existing.requirements.clone();
        requirements.add_all(&stage.requirements);
        let allowed = self.topology.allowed((index, owned), &stage.strict, &requirements, pick);
        let Some(allowed) = allowed else { return false };
        if !requirements.compatible(&allowed, Undefined::Denied) {
            return false;
        }
        requirements.add_all(&allowed);
        self.topology.record(index, taints, &requirements, Undefined::Denied);
        let existing = &mut self.existing[at];
        existing.room = existing.room.minus(shape.requests);
        existing.requirements = requirements;
        existing.ports.extend(&shape.host_ports);
        self.placed.push((pod, existing.node));
        true
    }

    /// Opens a claim of the first pool that can (`addToNewNodeClaim`).
    fn add_to_new(&mut self, pod: usize, stage: &Stage, owned: &Owned, pick: Pick<'_>) -> bool {
        for at in 0..self.templates.len() {
            let (pool, types) = &self.templates[at];
            let (pool, limits) = (*pool, self.limits[*pool]);
            let types: Vec<usize> = (types.iter().copied())
                .filter(|at| limits.allow(self.cluster.types[*at].capacity))
                .collect();
            if types.is_empty() {
                continue;
            }
            self.hosts = self.hosts.wrapping_add(1);
            let mut requirements = self.cluster.pools[pool].requirements.clone();
            let host = Requirement::within(vec![Value::NewHost(self.hosts)]);
            requirements.add(Key::HOSTNAME, &host);
            let ports = self.cluster.pools[pool].daemon_ports.clone();
            let requests = Amounts::default();
            let open = Open { pool, requirements, types, requests, pods: Vec::new(), ports };
            let relaxed = self.settings.best_effort_min_values;
            if let Some((requirements, types)) = self.fit(&open, pod, stage, owned, relaxed, pick) {
                let largest = (types.iter())
                    .map(|at| self.cluster.types[*at].capacity)
                    .reduce(Amounts::max)
                    .unwrap_or_default();
                self.limits[pool] = limits.less(largest);
                self.open.push(open);
                self.put(self.open.len() - 1, pod, requirements, types);
                return true;
            }
        }
        false
    }

    /// What would become of a claim with this pod on it; `None` if it cannot be (`CanAdd`).
    fn fit(
        &self,
        open: &Open,
        pod: usize,
        stage: &Stage,
        owned: &Owned,
        relaxed: bool,
        pick: Pick<'_>,
    ) -> Option<(Requirements, Vec<usize>)> {
        let index = self.cluster.pods[pod].shape;
        let shape = &self.cluster.shapes[index];
        let pool = &self.cluster.pools[open.pool];
        let total = open.requests.plus(shape.requests).plus(pool.daemons);
        let some_fits = open.types.iter().any(|at| total.fits(self.cluster.types[*at].allocatable));
        if !some_fits
            || !tolerates(&stage.tolerations, &pool.taints)
            || shape.host_ports.iter().any(|port| open.ports.contains(port))
            || !open.requirements.compatible(&stage.requirements, Undefined::WellKnownAllowed)
        {
            return None;
        }
        let mut requirements = open.requirements.clone();
        requirements.add_all(&stage.requirements);
        let allowed = self.topology.allowed((index, owned), &stage.strict, &requirements, pick)?;
        if !requirements.compatible(&allowed, Undefined::WellKnownAllowed) {
            return None;
        }
        requirements.add_all(&allowed);
        let types = self.narrow(&open.types, &mut requirements, total, relaxed)?;
        Some((requirements, types))
    }

    /// The types that meet the requirements, hold `total` and can be bought
    /// (`filterInstanceTypesByRequirements`).
    fn narrow(
        &self,
        types: &[usize],
        requirements: &mut Requirements,
        total: Amounts,
        relaxed: bool,
    ) -> Option<Vec<usize>> {
        let types: Vec<usize> = (types.iter().copied())
            .filter(|at| {
                let size = &self.cluster.types[*at];
                total.fits(size.allocatable)
                    && size.requirements.intersects(requirements)
                    && (size.offerings.iter())
                        .any(|offering| offering.available && offering.is_compatible(requirements))
            })
            .collect();
        let missing = missing_values(self.cluster, &types, requirements);
        if types.is_empty() || (!relaxed && !missing.is_empty()) {
            return None;
        }
        for (key, count) in missing {
            requirements.set_min_values(key, count);
        }
        Some(types)
    }

    fn put(&mut self, at: usize, pod: usize, requirements: Requirements, types: Vec<usize>) {
        let index = self.cluster.pods[pod].shape;
        let shape = &self.cluster.shapes[index];
        let open = &mut self.open[at];
        let taints = &self.cluster.pools[open.pool].taints;
        self.topology.record(index, taints, &requirements, Undefined::WellKnownAllowed);
        open.pods.push(pod);
        open.requests = open.requests.plus(shape.requests);
        open.ports.extend(&shape.host_ports);
        open.requirements = requirements;
        open.types = types;
    }

    fn finish(self, unplaced: Vec<usize>) -> Placement {
        let mut placement = Placement { claims: Vec::new(), placed: self.placed, unplaced };
        for mut open in self.open {
            open.requirements.remove(Key::HOSTNAME);
            order_by_price(self.cluster, &mut open.types, &open.requirements);
            open.types.truncate(MAX_INSTANCE_TYPES);
            if missing_values(self.cluster, &open.types, &open.requirements).is_empty()
                || self.settings.best_effort_min_values
            {
                placement.claims.push(Claim {
                    pool: open.pool,
                    requirements: open.requirements,
                    types: open.types,
                    requests: open.requests.plus(self.cluster.pools[open.pool].daemons),
                    pods: open.pods,
                });
            } else {
                placement.unplaced.extend(open.pods);
            }
        }
        placement
    }
}

/// Existing nodes in the order they are tried: initialized first, then by name.
fn existing(cluster: Cluster<'_>, nodes: &[usize]) -> Vec<Existing> {
    let mut place = vec![usize::MAX; cluster.nodes.len()];
    let mut order = nodes.to_vec();
    order.sort_by_key(|node| (!cluster.nodes[*node].initialized, *node));
    let mut existing: Vec<Existing> = (order.iter())
        .map(|at| {
            let node = &cluster.nodes[*at];
            let room = node.allocatable.minus(node.daemons_to_come);
            let requirements = node.labels.clone();
            Existing { node: *at, room, requirements, ports: Vec::new() }
        })
        .collect();
    for (at, node) in order.iter().enumerate() {
        place[*node] = at;
    }
    for pod in cluster.pods {
        let Some(at) = pod.node.map(|node| place[node]) else { continue };
        if let Some(existing) = existing.get_mut(at) {
            let shape = &cluster.shapes[pod.shape];
            existing.room = existing.room.minus(shape.requests);
            existing.ports.extend(&shape.host_ports);
        }
    }
    existing
}

/// Keys of which the types offer fewer values than asked, and how many they offer
/// (`SatisfiesMinValues`).
pub(crate) fn missing_values(
    cluster: Cluster<'_>,
    types: &[usize],
    requirements: &Requirements,
) -> Vec<(Key, u32)> {
    let mut missing = Vec::new();
    for (key, requirement) in requirements.iter() {
        let Some(wanted) = requirement.min_values else { continue };
        let of_types = types.iter().filter_map(|at| cluster.types[*at].requirements.get(key));
        let mut values: Vec<Value> =
            of_types.flat_map(|requirement| requirement.values().to_vec()).collect();
        values.sort_unstable();
        values.dedup();
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        if count < wanted {
            missing.push((key, count));
        }
    }
    missing
}

/// Cheapest first by the least available price under the requirements (`OrderByPrice`).
pub(crate) fn order_by_price(
    cluster: Cluster<'_>,
    types: &mut Vec<usize>,
    requirements: &Requirements,
) {
    let price = |at: usize| cluster.types[at].cheapest(requirements);
    let mut priced: Vec<(f64, usize)> = types.iter().map(|at| (price(*at), *at)).collect();
    pattern_sort::sort(&mut priced, |a, b| a.0 < b.0);
    *types = priced.into_iter().map(|(_, at)| at).collect();
}
