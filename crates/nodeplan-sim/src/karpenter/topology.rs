//! Spread, affinity and anti-affinity: counts of pods per domain, and the domains a pod may go to
//! (`provisioning/scheduling/topology.go` and `topologygroup.go`).
//!
//! Where several domains are equally good, upstream takes the first of a map, that is any. Here
//! the caller's `pick` chooses.

use std::collections::BTreeMap;

use super::nouns::{Cluster, Taint, Toleration, tolerates};
use super::requirement::{Key, Requirement, Requirements, Undefined, Value};
use super::stage::Stage;

/// Chooses one of so many equally good domains, listed in order of their values.
pub type Pick<'p> = &'p mut dyn FnMut(usize) -> usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Spread,
    Affinity,
    AntiAffinity,
}

/// Which nodes count (`TopologyNodeFilter`); only spread constraints have one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Filter {
    counted: Vec<Requirements>,
    ignore_affinity: bool,
    /// Tolerations, if taints are to be heeded.
    honor: Option<Vec<Toleration>>,
}

impl Filter {
    fn matches(&self, taints: &[Taint], node: &Requirements, undefined: Undefined) -> bool {
        (self.ignore_affinity || self.counted.iter().any(|asked| node.compatible(asked, undefined)))
            && self.honor.as_ref().is_none_or(|tolerations| tolerates(tolerations, taints))
    }
}

/// Pods that match a selector, counted per domain.
#[derive(Clone, Debug)]
struct Group {
    kind: Kind,
    key: Key,
    selects: Vec<u32>,
    max_skew: i32,
    min_domains: Option<i32>,
    filter: Option<Filter>,
    domains: BTreeMap<Value, i32>,
}

impl Group {
    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.key == other.key
            && self.selects == other.selects
            && self.max_skew == other.max_skew
            && self.filter == other.filter
    }

    fn selects(&self, app: u32) -> bool {
        self.selects.contains(&app)
    }

    fn counts(
        &self,
        app: u32,
        taints: &[Taint],
        node: &Requirements,
        undefined: Undefined,
    ) -> bool {
        self.selects(app)
            && self.filter.as_ref().is_none_or(|filter| filter.matches(taints, node, undefined))
    }

    fn record(&mut self, domain: Value) {
        *self.domains.entry(domain).or_insert(0) += 1;
    }

    fn count(&self, domain: Value) -> i32 {
        self.domains.get(&domain).copied().unwrap_or(0)
    }

    fn is_empty(&self) -> bool {
        self.domains.values().all(|count| *count == 0)
    }

    /// Where a pod may go: `Get`.
    fn next(&self, app: u32, pod: &Requirement, node: &Requirement, pick: Pick<'_>) -> Requirement {
        let host = if self.key == Key::HOSTNAME { node.only() } else { None };
        let allowed = match (self.kind, host) {
            (Kind::Spread, Some(host)) => {
                let count = self.count(host).saturating_add(i32::from(self.selects(app)));
                if count <= self.max_skew { vec![host] } else { Vec::new() }
            }
            (Kind::Spread, None) => self.least_filled(app, pod, node, pick),
            (Kind::Affinity, Some(host)) => {
                let bootstrap = || self.selects(app) && (self.is_empty() || !self.any_for_pod(pod));
                if pod.has(host) && (self.count(host) > 0 || bootstrap()) {
                    vec![host]
                } else {
                    Vec::new()
                }
            }
            (Kind::Affinity, None) => self.attracting(app, pod, node, pick),
            (Kind::AntiAffinity, Some(host)) => {
                if self.count(host) == 0 {
                    vec![host]
                } else {
                    Vec::new()
                }
            }
            (Kind::AntiAffinity, None) => self
                .domains
                .iter()
                .filter(|(domain, count)| **count == 0 && node.has(**domain) && pod.has(**domain))
                .map(|(domain, _)| *domain)
                .collect(),
        };
        Requirement::within(allowed)
    }

    /// The least filled domain within the skew, one of several at random.
    fn least_filled(
        &self,
        app: u32,
        pod: &Requirement,
        node: &Requirement,
        pick: Pick<'_>,
    ) -> Vec<Value> {
        let least = self.least(pod);
        let own = i32::from(self.selects(app));
        let mut best: Vec<Value> = Vec::new();
        let mut best_count = i32::MAX;
        for (domain, count) in &self.domains {
            let count = count.saturating_add(own);
            if !node.has(*domain) || count.saturating_sub(least) > self.max_skew {
                continue;
            }
            if count < best_count {
                best.clear();
                best_count = count;
            }
            if count == best_count && count < i32::MAX {
                best.push(*domain);
            }
        }
        choose(&best, pick).into_iter().collect()
    }

    /// The least count of the domains the pod may use (`domainMinCount`).
    fn least(&self, pod: &Requirement) -> i32 {
        if self.key == Key::HOSTNAME {
            return 0;
        }
        let open = || self.domains.iter().filter(|(domain, _)| pod.has(**domain));
        let count = i32::try_from(open().count()).unwrap_or(i32::MAX);
        if self.min_domains.is_some_and(|wanted| count < wanted) {
            return 0;
        }
        open().map(|(_, count)| *count).min().unwrap_or(i32::MAX)
    }

    /// The domains with matching pods; for the first of pods that attract each other, any.
    fn attracting(
        &self,
        app: u32,
        pod: &Requirement,
        node: &Requirement,
        pick: Pick<'_>,
    ) -> Vec<Value> {
        let filled: Vec<Value> = self
            .domains
            .iter()
            .filter(|(domain, count)| **count > 0 && pod.has(**domain) && node.has(**domain))
            .map(|(domain, _)| *domain)
            .collect();
        if !filled.is_empty() {
            return filled;
        }
        let mut options = Vec::new();
        if self.selects(app) && (self.is_empty() || !self.any_for_pod(pod)) {
            let both = pod.intersection(node);
            let among = |allowed: &Requirement| -> Vec<Value> {
                self.domains.keys().copied().filter(|domain| allowed.has(*domain)).collect()
            };
            options.extend(choose(&among(&both), pick));
            options.extend(choose(&among(pod), pick));
        }
        options
    }

    fn any_for_pod(&self, pod: &Requirement) -> bool {
        self.domains.iter().any(|(domain, count)| *count > 0 && pod.has(*domain))
    }
}

/// One of `domains`; `pick` is asked only where there is a choice.
fn choose(domains: &[Value], pick: Pick<'_>) -> Option<Value> {
    match domains {
        [] => None,
        [only] => Some(*only),
        several => several.get(pick(several.len()) % several.len()).copied(),
    }
}

/// The topology groups that a pod of some stage heeds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owned {
    groups: Vec<usize>,
}

/// All counts of one scheduling run.
#[derive(Debug)]
pub(crate) struct Topology<'a> {
    cluster: Cluster<'a>,
    /// Nodes that pods may be put on, whose domains exist.
    nodes: Vec<usize>,
    /// Pods of this run: wherever they are, they do not count.
    moving: Vec<bool>,
    groups: Vec<Group>,
    /// Anti-affinity seen from the other side: where the repelling pods are.
    inverse: Vec<Group>,
    /// Per template the inverse groups its pods count in.
    repels: Vec<Vec<usize>>,
}

impl<'a> Topology<'a> {
    pub(crate) fn new(cluster: Cluster<'a>, nodes: &[usize], pods: &[usize]) -> Self {
        let mut moving = vec![false; cluster.pods.len()];
        for pod in pods {
            moving[*pod] = true;
        }
        let mut topology = Self {
            cluster,
            nodes: nodes.to_vec(),
            moving,
            groups: Vec::new(),
            inverse: Vec::new(),
            repels: vec![Vec::new(); cluster.shapes.len()],
        };
        let repelling = |shape: usize| {
            cluster.shapes[shape].anti_affinity.iter().any(|term| term.weight.is_none())
        };
        for (at, pod) in cluster.pods.iter().enumerate() {
            if !repelling(pod.shape) {
                continue;
            }
            topology.add_inverse(pod.shape);
            if let (Some(node), false) = (pod.node, topology.moving[at]) {
                for group in topology.repels[pod.shape].clone() {
                    let group = &mut topology.inverse[group];
                    if let Some(domain) = domain_of(cluster.nodes[node].labels.get(group.key)) {
                        group.record(domain);
                    }
                }
            }
        }
        topology
    }

    fn add_inverse(&mut self, shape: usize) {
        if !self.repels[shape].is_empty() {
            return;
        }
        for term in &self.cluster.shapes[shape].anti_affinity {
            if term.weight.is_some() {
                continue;
            }
            let group = self.group(Kind::AntiAffinity, term.key, &term.selects);
            let at = self.inverse.iter().position(|seen| seen.is_same(&group));
            let at = at.unwrap_or_else(|| {
                self.inverse.push(group);
                self.inverse.len() - 1
            });
            self.repels[shape].push(at);
        }
    }

    fn group(&self, kind: Kind, key: Key, selects: &[u32]) -> Group {
        let domains = self.universe(key, None);
        let max_skew = i32::MAX;
        Group {
            kind,
            key,
            selects: selects.to_vec(),
            max_skew,
            min_domains: None,
            filter: None,
            domains,
        }
    }

    /// Every domain a pool could make, empty (`buildDomainGroups`).
    fn universe(&self, key: Key, honor: Option<&[Toleration]>) -> BTreeMap<Value, i32> {
        let mut domains = BTreeMap::new();
        if key == Key::HOSTNAME {
            return domains;
        }
        for pool in self.cluster.pools {
            if honor.is_some_and(|tolerations| !tolerates(tolerations, &pool.taints)) {
                continue;
            }
            let of_pool = pool.requirements.get(key);
            let of_types = pool.types.iter().filter_map(|at| {
                let of_type = self.cluster.types[*at].requirements.get(key);
                match (of_pool, of_type) {
                    (Some(pool), Some(of_type)) => Some(pool.intersection(of_type)),
                    (one, other) => one.or(other).cloned(),
                }
            });
            let in_pool = of_pool.filter(|requirement| requirement.is_in()).cloned();
            for requirement in of_types.chain(in_pool) {
                domains.extend(requirement.values().iter().map(|value| (*value, 0)));
            }
        }
        domains
    }

    /// The groups of a stage, made when its first pod gets there (`Update`).
    pub(crate) fn own(&mut self, stage: &Stage) -> Owned {
        let mut wanted = Vec::new();
        for spread in &stage.spread {
            let honor = spread.honor_taints.then(|| stage.tolerations.clone());
            wanted.push(Group {
                kind: Kind::Spread,
                key: spread.key,
                selects: spread.selects.clone(),
                max_skew: spread.max_skew,
                min_domains: spread.min_domains,
                domains: self.universe(spread.key, honor.as_deref()),
                filter: Some(Filter {
                    counted: stage.counted.clone(),
                    ignore_affinity: spread.ignore_affinity,
                    honor,
                }),
            });
        }
        for (kind, terms) in
            [(Kind::Affinity, &stage.affinity), (Kind::AntiAffinity, &stage.anti_affinity)]
        {
            wanted.extend(terms.iter().map(|term| self.group(kind, term.key, &term.selects)));
        }
        let mut owned = Owned::default();
        for mut group in wanted {
            let at = self.groups.iter().position(|seen| seen.is_same(&group));
            owned.groups.push(at.unwrap_or_else(|| {
                self.count(&mut group);
                self.groups.push(group);
                self.groups.len() - 1
            }));
        }
        owned
    }

    /// Counts what is in the cluster already (`countDomains`).
    fn count(&self, group: &mut Group) {
        let matches = |group: &Group, node: usize| {
            let node = &self.cluster.nodes[node];
            let filter = group.filter.as_ref();
            filter
                .is_none_or(|filter| filter.matches(&node.taints, &node.labels, Undefined::Denied))
        };
        let domain =
            |group: &Group, node: usize| domain_of(self.cluster.nodes[node].labels.get(group.key));
        for node in &self.nodes {
            if group.key != Key::HOSTNAME
                && matches(group, *node)
                && let Some(domain) = domain(group, *node)
            {
                group.domains.entry(domain).or_insert(0);
            }
        }
        for (pod, moving) in self.cluster.pods.iter().zip(&self.moving) {
            if let (Some(node), false, false) = (pod.node, pod.terminating, *moving)
                && group.selects(self.cluster.shapes[pod.shape].app)
                && matches(group, node)
                && let Some(domain) = domain(group, node)
            {
                group.record(domain);
            }
        }
    }

    /// What the topology allows of `node` for a pod (`AddRequirements`); `None` if nothing.
    pub(crate) fn allowed(
        &self,
        (shape, owned): (usize, &Owned),
        strict: &Requirements,
        node: &Requirements,
        pick: Pick<'_>,
    ) -> Option<Requirements> {
        let app = self.cluster.shapes[shape].app;
        let mut allowed = node.clone();
        let own = owned.groups.iter().map(|at| &self.groups[*at]);
        let exists = Requirement::exists();
        for group in own.chain(self.inverse.iter().filter(|group| group.selects(app))) {
            let of_pod = strict.get(group.key).unwrap_or(&exists);
            let of_node = node.get(group.key).unwrap_or(&exists);
            let next = group.next(app, of_pod, of_node, pick);
            if next.values().is_empty() {
                return None;
            }
            allowed.add(group.key, &next);
        }
        Some(allowed)
    }

    /// Counts a pod put on a node of these requirements (`Record`).
    pub(crate) fn record(
        &mut self,
        shape: usize,
        taints: &[Taint],
        node: &Requirements,
        undefined: Undefined,
    ) {
        let app = self.cluster.shapes[shape].app;
        for group in &mut self.groups {
            if !group.counts(app, taints, node, undefined) {
                continue;
            }
            let Some(domains) = node.get(group.key) else { continue };
            if group.kind == Kind::AntiAffinity {
                domains.values().iter().for_each(|domain| group.record(*domain));
            } else if let Some(domain) = domains.only() {
                group.record(domain);
            }
        }
        for at in &self.repels[shape] {
            let group = &mut self.inverse[*at];
            if let Some(domains) = node.get(group.key) {
                domains.values().iter().for_each(|domain| group.record(*domain));
            }
        }
    }
}

/// The value of a node's label.
fn domain_of(label: Option<&Requirement>) -> Option<Value> {
    label.and_then(Requirement::only)
}
