//! What a pod asks for as a whole (`component-helpers/resource` `PodRequests`, `pkg/scheduler/
//! framework` `calculateResource`).

use super::template::Demand;

/// Requests of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerRequest {
    /// CPU, milli-cores, if set.
    pub cpu_milli: Option<i64>,
    /// Memory, bytes, if set.
    pub memory: Option<i64>,
    /// Ephemeral storage, bytes.
    pub ephemeral: i64,
    /// Extended resources: place in the cluster's list of names, amount.
    pub extended: Vec<(u32, i64)>,
}

/// Requests of a pod's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodRequests {
    /// Containers.
    pub containers: Vec<ContainerRequest>,
    /// Init containers in their order; true: restarts always, a sidecar.
    pub inits: Vec<(bool, ContainerRequest)>,
    /// CPU set for the whole pod, milli-cores.
    pub pod_cpu_milli: Option<i64>,
    /// Memory set for the whole pod, bytes.
    pub pod_memory: Option<i64>,
    /// Overhead of the runtime class.
    pub overhead: ContainerRequest,
}

/// CPU that the least-allocated score assumes for a container without, milli-cores.
const SCORED_CPU_MILLI: i64 = 100;
/// Memory that it assumes, bytes.
const SCORED_MEMORY: i64 = 200 * 1024 * 1024;

/// The pod's demand: containers and sidecars together, or the largest init container with the
/// sidecars before it; what is set for the whole pod replaces that; overhead comes on top.
#[must_use]
pub fn demand(pod: &PodRequests) -> Demand {
    let pod_level = pod.pod_cpu_milli.is_some() || pod.pod_memory.is_some();
    let whole = |of: &dyn Fn(&ContainerRequest) -> i64, set: Option<i64>| {
        set.unwrap_or_else(|| aggregate(pod, of))
    };
    let cpu = whole(&|part| part.cpu_milli.unwrap_or(0), pod.pod_cpu_milli);
    let memory = whole(&|part| part.memory.unwrap_or(0), pod.pod_memory);
    // With requests for the whole pod, a resource that anything asks for is not assumed.
    let asks_cpu = pod_level && asks(pod, |part| part.cpu_milli.is_some(), pod.pod_cpu_milli);
    let asks_memory = pod_level && asks(pod, |part| part.memory.is_some(), pod.pod_memory);
    let default_cpu = if asks_cpu { 0 } else { SCORED_CPU_MILLI };
    let default_memory = if asks_memory { 0 } else { SCORED_MEMORY };
    let scored_cpu = whole(&|part| part.cpu_milli.unwrap_or(default_cpu), pod.pod_cpu_milli);
    let scored_memory = whole(&|part| part.memory.unwrap_or(default_memory), pod.pod_memory);
    let over_cpu = pod.overhead.cpu_milli.unwrap_or(0);
    let over_memory = pod.overhead.memory.unwrap_or(0);
    Demand {
        cpu_milli: cpu.saturating_add(over_cpu),
        memory: memory.saturating_add(over_memory),
        ephemeral: aggregate(pod, &|part| part.ephemeral).saturating_add(pod.overhead.ephemeral),
        extended: extended(pod),
        scored_cpu_milli: scored_cpu.saturating_add(over_cpu),
        scored_memory: scored_memory.saturating_add(over_memory),
    }
}

fn asks(pod: &PodRequests, has: fn(&ContainerRequest) -> bool, set: Option<i64>) -> bool {
    let inits = pod.inits.iter().map(|(_, part)| part);
    set.is_some() || pod.containers.iter().chain(inits).any(has)
}

fn extended(pod: &PodRequests) -> Vec<(u32, i64)> {
    let parts = pod.containers.iter().chain(pod.inits.iter().map(|(_, part)| part));
    let parts = parts.chain(std::iter::once(&pod.overhead));
    let mut kinds: Vec<u32> =
        parts.flat_map(|part| part.extended.iter().map(|(kind, _)| *kind)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let amount = |part: &ContainerRequest, kind: u32| {
        let amounts = part.extended.iter().filter(|(known, _)| *known == kind);
        amounts.fold(0_i64, |sum, (_, amount)| sum.saturating_add(*amount))
    };
    kinds
        .into_iter()
        .map(|kind| {
            let inner = aggregate(pod, &|part| amount(part, kind));
            (kind, inner.saturating_add(amount(&pod.overhead, kind)))
        })
        .collect()
}

/// The rule for one resource (`AggregateContainerRequests`).
fn aggregate(pod: &PodRequests, of: &dyn Fn(&ContainerRequest) -> i64) -> i64 {
    let mut running = pod.containers.iter().map(of).fold(0, i64::saturating_add);
    let mut sidecars = 0_i64;
    let mut largest = 0_i64;
    for (is_sidecar, part) in &pod.inits {
        let asked = of(part);
        if *is_sidecar {
            running = running.saturating_add(asked);
            sidecars = sidecars.saturating_add(asked);
            largest = largest.max(sidecars);
        } else {
            largest = largest.max(asked.saturating_add(sidecars));
        }
    }
    running.max(largest)
}
