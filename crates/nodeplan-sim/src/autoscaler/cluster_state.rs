//! What the autoscaler knows of its groups: readiness, open scale-ups, machines that did not
//! register, sizes that do not add up (`clusterstate/clusterstate.go`,
//! `clusterstate/utils/node_instances_cache.go`).

use crate::random::Stream;
use std::collections::BTreeMap;

use super::backoff::Backoff;
use super::cloud::Cloud;
use super::options::Options;
use super::view::{ClusterView, Instance, InstanceState, NodeKey};

/// An open scale-up of a group (`ScaleUpRequest`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Request {
    increase: i64,
    expected_ms: i64,
}

/// Nodes of a group by state (`Readiness`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Readiness {
    ready: i64,
    unready: i64,
    not_started: Vec<NodeKey>,
    registered: i64,
    unregistered: i64,
    long_unregistered: i64,
}

/// Bounds of what is normal (`AcceptableRange`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Range {
    min: i64,
    target: i64,
}

/// A size that differs from the target (`IncorrectNodeGroupSize`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incorrect {
    pub(crate) current: i64,
    pub(crate) expected: i64,
    pub(crate) first_observed_ms: i64,
}

/// A machine without a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unregistered {
    group: usize,
    since_ms: i64,
}

/// The registry, carried from loop to loop.
#[derive(Clone, Debug, Default)]
pub struct ClusterState {
    /// Draws among the options that the expanders leave, as upstream does; none: the first.
    pub draw: Option<Stream>,
    pub(crate) backoff: Backoff,
    requests: Vec<Option<Request>>,
    cache: Vec<Option<Vec<Instance>>>,
    listed: Vec<Vec<Instance>>,
    previous: Vec<Vec<Instance>>,
    unregistered: BTreeMap<NodeKey, Unregistered>,
    readiness: Vec<Option<Readiness>>,
    ranges: Vec<Option<Range>>,
    incorrect: Vec<Option<Incorrect>>,
    unready: i64,
    nodes: i64,
}

impl ClusterState {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(groups: usize) -> Self {
        ClusterState {
            draw: None,
            backoff: Backoff::new(groups),
            requests: vec![None; groups],
            cache: vec![None; groups],
            listed: vec![Vec::new(); groups],
            previous: vec![Vec::new(); groups],
            unregistered: BTreeMap::new(),
            readiness: vec![None; groups],
            ranges: vec![None; groups],
            incorrect: vec![None; groups],
            unready: 0,
            nodes: 0,
        }
    }

    /// Whether nothing is on its way: no open request, no machine that is not registered.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.requests.iter().all(Option::is_none) && self.unregistered.is_empty()
    }

    /// The background refresh of the instance cache, every two minutes from the start
    /// (`CloudProviderNodeInstancesCache.Refresh`): the machines of each group as they are then.
    pub fn refresh_instances<'a>(&mut self, groups: impl Iterator<Item = &'a [Instance]>) {
        for (entry, instances) in self.cache.iter_mut().zip(groups) {
            *entry = Some(instances.to_vec());
        }
    }

    /// Forgets the cached machines of a group (`InvalidateNodeInstancesCacheEntry`).
    pub(crate) fn invalidate(&mut self, group: usize) {
        self.cache[group] = None;
    }

    /// `UpdateNodes`: looks at nodes and machines anew.
    pub(crate) fn update(
        &mut self,
        options: &Options,
        view: &ClusterView<'_>,
        cloud: &mut Cloud<'_>,
    ) {
        let targets = cloud.targets.clone();
        self.list_instances(view);
        self.find_unregistered(view);
        self.count_nodes(options, view);
        self.recalculate(&targets);
        self.close_requests(options, view.now_ms, cloud);
        self.creation_errors(options, view.now_ms);
        self.recalculate(&targets);
        self.find_incorrect(view.now_ms);
    }

    fn list_instances(&mut self, view: &ClusterView<'_>) {
        std::mem::swap(&mut self.previous, &mut self.listed);
        for group in 0..view.groups.len() {
            if self.scaling_up(group) {
                self.cache[group] = None;
            }
            let cached =
                self.cache[group].get_or_insert_with(|| view.groups[group].instances.clone());
            self.listed[group].clone_from(cached);
        }
    }

    fn find_unregistered(&mut self, view: &ClusterView<'_>) {
        let mut registered: Vec<NodeKey> = view.nodes.iter().map(|node| node.key).collect();
        registered.sort_unstable();
        let mut found = BTreeMap::new();
        for (group, instances) in self.listed.iter().enumerate() {
            for instance in instances {
                let expected =
                    instance.state != InstanceState::Deleting && instance.error.is_none();
                if expected && registered.binary_search(&instance.key).is_err() {
                    let seen = Unregistered { group, since_ms: view.now_ms };
                    let before = self.unregistered.get(&instance.key).copied();
                    found.insert(instance.key, before.unwrap_or(seen));
                }
            }
        }
        self.unregistered = found;
    }

    /// `updateReadinessStats`.
    fn count_nodes(&mut self, options: &Options, view: &ClusterView<'_>) {
        self.readiness.iter_mut().for_each(|entry| *entry = None);
        self.unready = 0;
        self.nodes = i64::try_from(view.nodes.len()).unwrap_or(i64::MAX);
        for node in view.nodes {
            let starting = node.created_ms.saturating_add(options.startup_ms) > view.now_ms;
            let unready = !node.ready && !starting;
            self.unready += i64::from(unready);
            let Some(group) = node.group else { continue };
            let entry = self.readiness[group].get_or_insert_default();
            entry.registered += 1;
            if node.ready {
                entry.ready += 1;
            } else if unready {
                entry.unready += 1;
            } else {
                entry.not_started.push(node.key);
            }
        }
        for machine in self.unregistered.values() {
            let entry = self.readiness[machine.group].get_or_insert_default();
            if machine.since_ms.saturating_add(options.provision_ms) < view.now_ms {
                entry.long_unregistered += 1;
            } else {
                entry.unregistered += 1;
            }
        }
    }

    /// `updateAcceptableRanges`; also `Recalculate` after something was started.
    pub(crate) fn recalculate(&mut self, targets: &[i64]) {
        for (group, &target) in targets.iter().enumerate() {
            let long = self.readiness[group].as_ref().map_or(0, |it| it.long_unregistered);
            let open = self.requests[group].map_or(0, |request| request.increase);
            self.ranges[group] = Some(Range { min: target - long - open, target });
        }
    }

    /// Target minus nodes that are there or will not come.
    fn missing(&self, group: usize) -> i64 {
        let Some(range) = self.ranges[group] else { return 0 };
        let there = self.readiness[group]
            .as_ref()
            .map_or(0, |it| it.ready + it.unready + it.long_unregistered);
        range.target - there
    }

    /// `IsNodeGroupScalingUp`.
    fn scaling_up(&self, group: usize) -> bool {
        self.requests[group].is_some() && self.missing(group) > 0
    }

    /// `updateScaleRequests`.
    fn close_requests(&mut self, options: &Options, now: i64, cloud: &mut Cloud<'_>) {
        self.backoff.forget_stale(now, options);
        for group in 0..self.requests.len() {
            let Some(request) = self.requests[group] else { continue };
            if self.missing(group) <= 0 {
                self.requests[group] = None;
            } else if request.expected_ms < now {
                self.backoff.fail(group, now, options);
                cloud.decrease(group, -request.increase);
                self.requests[group] = None;
            }
        }
    }

    /// `handleInstanceCreationErrors`.
    fn creation_errors(&mut self, options: &Options, now: i64) {
        for group in 0..self.listed.len() {
            let mut codes: Vec<u32> =
                self.listed[group].iter().filter_map(creation_error).collect();
            codes.sort_unstable();
            codes.dedup();
            for code in codes {
                let unseen = self.listed[group]
                    .iter()
                    .filter(|it| creation_error(it) == Some(code))
                    .filter(|it| {
                        !self.previous[group]
                            .iter()
                            .any(|old| old.key == it.key && creation_error(old).is_some())
                    })
                    .count();
                if unseen > 0 && self.scaling_up(group) {
                    let unseen = i64::try_from(unseen).unwrap_or(i64::MAX);
                    self.register(group, -unseen, now, options);
                    self.backoff.fail(group, now, options);
                }
            }
        }
    }

    /// `updateIncorrectNodeGroupSizes`.
    fn find_incorrect(&mut self, now: i64) {
        for group in 0..self.incorrect.len() {
            let before = self.incorrect[group].take();
            let (Some(range), Some(readiness)) = (self.ranges[group], &self.readiness[group])
            else {
                continue;
            };
            let coming = readiness.unregistered + readiness.long_unregistered;
            let current = readiness.registered;
            if current > range.target || current < range.target - coming {
                let seen = Incorrect { current, expected: range.target, first_observed_ms: now };
                let same =
                    before.filter(|it| it.current == seen.current && it.expected == seen.expected);
                self.incorrect[group] = Some(same.unwrap_or(seen));
            }
        }
    }

    /// `registerOrUpdateScaleUpNoLock`.
    pub(crate) fn register(&mut self, group: usize, delta: i64, now: i64, options: &Options) {
        let expected_ms = now.saturating_add(options.provision_ms);
        match &mut self.requests[group] {
            None if delta > 0 => {
                self.requests[group] = Some(Request { increase: delta, expected_ms });
            }
            None => {}
            Some(request) if request.increase + delta <= 0 => self.requests[group] = None,
            Some(request) => {
                request.increase += delta;
                if delta > 0 {
                    request.expected_ms = expected_ms;
                }
            }
        }
    }

    /// Machines that did not register in time, with their group (`removeOldUnregisteredNodes`).
    pub(crate) fn long_unregistered(
        &self,
        options: &Options,
        now: i64,
    ) -> impl Iterator<Item = (usize, NodeKey)> {
        let provision = options.provision_ms;
        self.unregistered
            .iter()
            .filter(move |(_, it)| it.since_ms.saturating_add(provision) < now)
            .map(|(&key, it)| (it.group, key))
    }

    /// Machines of a group that could not be made (`GetCreatedNodesWithErrors`).
    pub(crate) fn failed_machines(&self, group: usize) -> Vec<NodeKey> {
        let failed = self.listed[group].iter().filter(|it| creation_error(it).is_some());
        failed.map(|it| it.key).collect()
    }

    /// The group's size that does not add up, if so.
    pub(crate) fn incorrect(&self, group: usize) -> Option<Incorrect> {
        self.incorrect[group]
    }

    /// `IsClusterHealthy`.
    #[must_use]
    pub fn cluster_healthy(&self, options: &Options) -> bool {
        !too_many(self.unready, self.nodes, options)
    }

    /// `IsNodeGroupHealthy`.
    #[must_use]
    pub fn group_healthy(&self, group: usize, options: &Options) -> bool {
        let Some(range) = self.ranges[group] else { return false };
        let Some(readiness) = &self.readiness[group] else {
            return range.target == 0 || (range.min == 0 && range.target > 0);
        };
        let lacking = (range.min - readiness.ready).max(0);
        let started = i64::try_from(readiness.not_started.len()).unwrap_or(i64::MAX);
        !too_many(lacking, readiness.ready + readiness.unready + started, options)
    }

    /// Whether a group may grow now (`NodeGroupScaleUpSafety`).
    #[must_use]
    pub fn safe_to_grow(&self, group: usize, options: &Options, now: i64) -> bool {
        self.group_healthy(group, options) && !self.backoff.active(group, now)
    }

    /// Whether a group backs off after a failed scale-up.
    #[must_use]
    pub fn backed_off(&self, group: usize, now: i64) -> bool {
        self.backoff.active(group, now)
    }

    /// Until when a group backs off; 0 of one that never failed.
    #[must_use]
    pub fn backs_off_until(&self, group: usize) -> i64 {
        self.backoff.until(group).unwrap_or(0)
    }

    /// How many nodes of a group are about to come (`GetUpcomingNodes`).
    #[must_use]
    pub fn upcoming(&self, group: usize, now: i64) -> i64 {
        if self.requests[group].is_none() || self.backoff.active(group, now) {
            return 0;
        }
        self.missing(group).max(0)
    }

    /// Nodes of a group that registered but have not started yet.
    pub(crate) fn not_started(&self, group: usize) -> &[NodeKey] {
        self.readiness[group].as_ref().map_or(&[], |it| &it.not_started)
    }
}

/// More than the allowed count and more than the allowed share.
#[allow(clippy::cast_precision_loss)] // counts of nodes, as upstream converts them
fn too_many(count: i64, of: i64, options: &Options) -> bool {
    count > options.ok_unready && count as f64 > options.max_unready_percent / 100.0 * of as f64
}

fn creation_error(instance: &Instance) -> Option<u32> {
    instance.error.filter(|_| instance.state == InstanceState::Creating)
}
