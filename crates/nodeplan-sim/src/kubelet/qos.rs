//! QoS class, pod request and `oom_score_adj` from what containers state
//! (`helper/qos/qos.go`, `component-helpers/resource`, `pkg/kubelet/qos/policy.go`).

use nodeplan_model::units::{Bytes, MilliCpu};
use nodeplan_model::workload::QosClass;

/// Requests or limits: what is stated, which may be zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU.
    pub cpu: Option<MilliCpu>,
    /// Memory.
    pub memory: Option<Bytes>,
}

impl Amounts {
    /// CPU and memory as numbers, nothing where nothing is stated.
    fn numbers(self) -> [u64; 2] {
        [self.cpu.map_or(0, |cpu| cpu.0), self.memory.map_or(0, |memory| memory.0)]
    }
}

/// Sum per resource; what is beyond 64 bits stays there.
fn add(left: [u64; 2], right: [u64; 2]) -> [u64; 2] {
    [left[0].saturating_add(right[0]), left[1].saturating_add(right[1])]
}

/// Larger amount per resource.
fn larger(left: [u64; 2], right: [u64; 2]) -> [u64; 2] {
    [left[0].max(right[0]), left[1].max(right[1])]
}

/// How a container takes part in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContainerKind {
    /// Runs as long as the pod.
    App,
    /// Runs to its end before the next one starts.
    Init,
    /// Init container that keeps running (`restartPolicy: Always`).
    Sidecar,
}

/// One container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its part in the pod.
    pub kind: ContainerKind,
    /// What it requests.
    pub requests: Amounts,
    /// What it may use at most.
    pub limits: Amounts,
}

impl Container {
    /// A container as the API server stores it: a limit without a request is the request.
    #[must_use]
    pub fn stored(kind: ContainerKind, requests: Amounts, limits: Amounts) -> Self {
        let requests =
            Amounts { cpu: requests.cpu.or(limits.cpu), memory: requests.memory.or(limits.memory) };
        Self { kind, requests, limits }
    }
}

/// What a pod states, as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodResources<'a> {
    /// Its containers, init containers and sidecars in their own order. Ephemeral containers
    /// do not count.
    pub containers: &'a [Container],
    /// `spec.resources`: requests and limits of the pod as a whole, perhaps all absent.
    pub whole: Option<(Amounts, Amounts)>,
    /// Overhead of the runtime class.
    pub overhead: Amounts,
    /// Priority class `system-node-critical`.
    pub node_critical: bool,
}

impl PodResources<'_> {
    /// The QoS class (`ComputePodQOS`). Only positive amounts of CPU and memory count.
    #[must_use]
    pub fn class(&self) -> QosClass {
        let (mut requests, mut limits) = ([0; 2], [0; 2]);
        let mut limited = true;
        let mut count = |stated: (Amounts, Amounts)| {
            let bounds = stated.1.numbers();
            requests = add(requests, stated.0.numbers());
            limits = add(limits, bounds);
            limited &= bounds.iter().all(|&bound| bound > 0);
        };
        match self.whole {
            Some(whole) => count(whole),
            None => self.containers.iter().for_each(|one| count((one.requests, one.limits))),
        }
        if requests == [0; 2] && limits == [0; 2] {
            QosClass::BestEffort
        } else if limited && requests == limits {
            QosClass::Guaranteed
        } else {
            QosClass::Burstable
        }
    }

    /// What the containers request together (`AggregateContainerRequests`): all that run side by
    /// side, or the most demanding moment of start-up.
    fn of_containers(&self) -> [u64; 2] {
        let (mut running, mut sidecars, mut starting) = ([0; 2], [0; 2], [0; 2]);
        for container in self.containers {
            let requests = container.requests.numbers();
            match container.kind {
                ContainerKind::App => running = add(running, requests),
                ContainerKind::Sidecar => {
                    running = add(running, requests);
                    sidecars = add(sidecars, requests);
                    starting = larger(starting, sidecars);
                }
                ContainerKind::Init => starting = larger(starting, add(sidecars, requests)),
            }
        }
        larger(running, starting)
    }

    /// What the pod requests of a node (`PodRequests`): what it states as a whole, per resource,
    /// else what its containers request; plus overhead.
    #[must_use]
    pub fn request(&self) -> (MilliCpu, Bytes) {
        let mut request = self.of_containers();
        if let Some((whole, _)) = self.whole {
            request[0] = whole.cpu.map_or(request[0], |cpu| cpu.0);
            request[1] = whole.memory.map_or(request[1], |memory| memory.0);
        }
        let [cpu, memory] = add(request, self.overhead.numbers());
        (MilliCpu(cpu), Bytes(memory))
    }

    /// `oom_score_adj` of container `index` on a node with this much memory
    /// (`GetContainerOOMScoreAdjust`): −997 to 1000, the higher the sooner killed.
    #[must_use]
    pub fn oom_score_adj(&self, index: usize, capacity: Bytes) -> i64 {
        let class = self.class();
        if self.node_critical || class == QosClass::Guaranteed {
            return -997;
        }
        if class == QosClass::BestEffort {
            return 1000;
        }
        let spread = self.unassigned_memory_each();
        let capacity = signed(capacity.0).max(1);
        let score = |memory: u64| {
            let bytes = signed(memory).wrapping_add(spread);
            1000_i64.wrapping_sub(bytes.wrapping_mul(1000) / capacity)
        };
        let Some(container) = self.containers.get(index) else { return 999 };
        let mut adj = score(container.requests.numbers()[1]);
        if container.kind == ContainerKind::Sidecar {
            // A sidecar outlives the app containers, or dies with the least of them.
            let apps = self.containers.iter().filter(|one| one.kind == ContainerKind::App);
            let least = apps.map(|one| one.requests.numbers()[1]).min().unwrap_or(0);
            adj = adj.min(score(least));
        }
        match adj {
            ..3 => 3,
            1000 => 999,
            _ => adj,
        }
    }

    /// Memory that the pod requests as a whole beyond its containers, per container; negative
    /// where they request more.
    fn unassigned_memory_each(&self) -> i64 {
        let whole = self.whole.and_then(|(requests, _)| requests.memory).map_or(0, |bytes| bytes.0);
        let containers = i64::try_from(self.containers.len()).unwrap_or(i64::MAX);
        if whole == 0 || containers == 0 {
            return 0;
        }
        signed(whole).wrapping_sub(signed(self.of_containers()[1])) / containers
    }
}

/// Bytes as Go's integer.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use QosClass::{BestEffort, Burstable, Guaranteed};

    fn amounts(cpu: Option<u64>, memory: Option<u64>) -> Amounts {
        Amounts { cpu: cpu.map(MilliCpu), memory: memory.map(Bytes) }
    }

    /// A container of CPU and memory requests, then limits.
    fn app(cpu: Option<u64>, memory: Option<u64>, limits: (Option<u64>, Option<u64>)) -> Container {
        let limits = amounts(limits.0, limits.1);
        Container::stored(ContainerKind::App, amounts(cpu, memory), limits)
    }

    #[test]
    fn claimed_classes_and_real_ones() {
        let nothing = app(None, None, (None, None));
        let full = app(Some(500), Some(256), (Some(500), Some(256)));
        let init = Container { kind: ContainerKind::Init, ..app(Some(100), None, (None, None)) };
        for (containers, class) in [
            (vec![app(Some(250), Some(256), (Some(500), Some(512)))], Burstable),
            (vec![app(Some(500), Some(256), (Some(500), Some(512)))], Burstable),
            (vec![app(Some(500), Some(500), (Some(500), None))], Burstable),
            (vec![app(None, None, (Some(500), Some(512)))], Guaranteed),
            (vec![full, nothing], Burstable),
            (vec![full, init], Burstable),
            (vec![full], Guaranteed),
            (vec![app(Some(50), None, (None, None))], Burstable),
            (vec![app(None, None, (None, Some(64)))], Burstable),
            (vec![app(Some(0), Some(0), (None, None))], BestEffort),
            (vec![nothing], BestEffort),
            (vec![app(Some(100), Some(1), (Some(200), Some(1)))], Burstable),
        ] {
            let pod = PodResources { containers: &containers, ..PodResources::default() };
            assert_eq!(pod.class(), class, "{containers:?}");
        }
        let empty = (Amounts::default(), Amounts::default());
        let pod =
            PodResources { containers: &[full], whole: Some(empty), ..PodResources::default() };
        assert_eq!(pod.class(), BestEffort, "an empty `resources` of the pod counts alone");
    }

    #[test]
    fn init_containers_count_with_the_sidecars_before_them() {
        let one = |kind, cpu| Container { kind, ..app(Some(cpu), None, (None, None)) };
        let containers = [
            one(ContainerKind::Init, 500),
            one(ContainerKind::Sidecar, 100),
            one(ContainerKind::Init, 450),
            one(ContainerKind::App, 300),
        ];
        for (from, cpu) in [(0, 550), (1, 550), (3, 300)] {
            let pod = PodResources { containers: &containers[from..], ..PodResources::default() };
            assert_eq!(pod.request().0, MilliCpu(cpu), "{from}");
        }
    }
}
