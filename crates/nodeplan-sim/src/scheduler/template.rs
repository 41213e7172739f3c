//! What identical pods share.

use super::nodes::{Effect, Taint};
use super::selector::{Labels, Operator, Requirement, Selector};
use super::{Names, Symbol};

/// A template that a cluster has registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TemplateId(pub u32);

/// What a pod asks of a node: see [`super::demand`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// CPU, milli-cores.
    pub cpu_milli: i64,
    /// Memory, bytes.
    pub memory: i64,
    /// Ephemeral storage, bytes.
    pub ephemeral: i64,
    /// Extended resources: place in the cluster's list of names, amount.
    pub extended: Vec<(u32, i64)>,
    /// CPU as the least-allocated score counts it, milli-cores: 100 for a container without.
    pub scored_cpu_milli: i64,
    /// Memory as that score counts it, bytes: 200 MiB for a container without.
    pub scored_memory: i64,
}

/// Transport protocol of a host port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port of the node that a pod takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Port number.
    pub port: u16,
    /// Address of the node; `None` is 0.0.0.0, which meets every address.
    pub address: Option<Symbol>,
}

impl HostPort {
    /// Whether two pods cannot hold these ports on one node (`framework.HostPortInfo`).
    #[must_use]
    pub fn conflicts(&self, other: &Self) -> bool {
        let meets = self.address.is_none() || other.address.is_none();
        self.protocol == other.protocol
            && self.port == other.port
            && (meets || self.address == other.address)
    }
}

/// A toleration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toleration {
    /// Taint key; `None` is every key.
    pub key: Option<Symbol>,
    /// The value that the taint must have; `None` is operator `Exists`.
    pub value: Option<Symbol>,
    /// Taint effect; `None` is every effect.
    pub effect: Option<Effect>,
}

impl Toleration {
    /// Whether the taint is tolerated (`Toleration.ToleratesTaint`).
    #[must_use]
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.effect.is_none_or(|effect| effect == taint.effect)
            && self.key.is_none_or(|key| key == taint.key)
            && self.value.is_none_or(|value| value == taint.value)
    }
}

/// A term of node affinity: all of its demands; a term without any matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeTerm {
    /// Demands on labels.
    pub labels: Vec<Requirement>,
    /// Demands on the node's name: `In` if true, `NotIn` if false, and the names.
    pub names: Vec<(bool, Vec<Symbol>)>,
}

impl NodeTerm {
    /// Whether a node of this name and these labels is meant.
    pub(super) fn matches(&self, texts: &Names, name: Symbol, labels: &Labels) -> bool {
        let empty = self.labels.is_empty() && self.names.is_empty();
        !empty
            && self.labels.iter().all(|requirement| requirement.matches(texts, labels))
            && self.names.iter().all(|(within, listed)| listed.contains(&name) == *within)
    }
}

/// A topology spread constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadConstraint {
    /// Node label whose values are the domains.
    pub topology_key: Symbol,
    /// Largest difference allowed.
    pub max_skew: i32,
    /// `DoNotSchedule`; otherwise `ScheduleAnyway`.
    pub hard: bool,
    /// Pods counted.
    pub selector: Selector,
    /// Labels of the pod whose values join the selector.
    pub match_label_keys: Vec<Symbol>,
    /// Fewest domains; 1 where none is given.
    pub min_domains: i32,
    /// Count only nodes that selector and required affinity allow (the default).
    pub honor_affinity: bool,
    /// Count only nodes whose taints are tolerated (not the default).
    pub honor_taints: bool,
}

impl SpreadConstraint {
    /// A constraint with the defaults of the API.
    #[must_use]
    pub fn new(topology_key: Symbol, max_skew: i32, hard: bool, selector: Selector) -> Self {
        Self {
            topology_key,
            max_skew,
            hard,
            selector,
            match_label_keys: Vec::new(),
            min_domains: 1,
            honor_affinity: true,
            honor_taints: false,
        }
    }

    /// The selector with the values of `matchLabelKeys` that the pod has.
    pub(super) fn full_selector(&self, pod: &Labels) -> Selector {
        let mut selector = self.selector.clone();
        if let Selector::All(all) = &mut selector {
            for key in &self.match_label_keys {
                if let Some(value) = super::selector::value(pod, *key) {
                    all.push(Requirement {
                        key: *key,
                        operator: Operator::In,
                        values: vec![value],
                    });
                }
            }
        }
        selector
    }
}

/// Namespaces of a pod affinity term.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// That of the pod with the term.
    #[default]
    Own,
    /// These (listed, or chosen by a namespace selector).
    Listed(Vec<Symbol>),
    /// All (an empty namespace selector).
    Every,
}

/// A term of pod affinity or anti-affinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodTerm {
    /// Pods meant.
    pub selector: Selector,
    /// Their namespaces.
    pub namespaces: Namespaces,
    /// Node label whose values are the domains.
    pub topology_key: Symbol,
}

impl PodTerm {
    /// Whether a term of pods in namespace `own` means pods of `other`.
    pub(super) fn matches(&self, names: &Names, own: Symbol, other: &PodTemplate) -> bool {
        let within = match &self.namespaces {
            Namespaces::Own => other.namespace == own,
            Namespaces::Listed(listed) => listed.contains(&other.namespace),
            Namespaces::Every => true,
        };
        within && self.selector.matches(names, &other.labels)
    }
}

/// Everything that identical pods share and the scheduler looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodTemplate {
    /// Namespace.
    pub namespace: Symbol,
    /// Labels.
    pub labels: Labels,
    /// Requests.
    pub demand: Demand,
    /// Host ports.
    pub ports: Vec<HostPort>,
    /// Tolerations.
    pub tolerations: Vec<Toleration>,
    /// `spec.nodeName`.
    pub node_name: Option<Symbol>,
    /// `spec.nodeSelector`.
    pub node_selector: Labels,
    /// Required node affinity: one of these terms.
    pub node_required: Option<Vec<NodeTerm>>,
    /// Preferred node affinity: weight, term.
    pub node_preferred: Vec<(i32, NodeTerm)>,
    /// Topology spread constraints.
    pub spread: Vec<SpreadConstraint>,
    /// Where `spread` is empty: the merged selectors of the pod's Services and its owner, which
    /// the default constraints count by.
    pub default_spread: Option<Selector>,
    /// Required pod affinity.
    pub affinity: Vec<PodTerm>,
    /// Required pod anti-affinity.
    pub anti_affinity: Vec<PodTerm>,
    /// Preferred pod affinity: weight, negative for anti-affinity, and term.
    pub preferred: Vec<(i32, PodTerm)>,
    /// Priority.
    pub priority: i32,
    /// `preemptionPolicy: Never`.
    pub preemption_never: bool,
}
