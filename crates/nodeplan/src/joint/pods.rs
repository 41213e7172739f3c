//! What of pods is a choice: their requests, and pods of low priority that only keep room.
//!
//! Pods of less take less of nodes, but they share what is there: the simulator knows contention and
//! pressure, so a request too low costs service. Targets of autoscalers are shares of a request: they
//! follow it, so that an autoscaler acts at the use at which it acted before.

use super::moves::Family;
use super::need::Strength;
use super::trial::Demands;
use ndarray::{Array1, Axis};
use nodeplan_model::catalog::Arch;
use nodeplan_model::problem::{Problem, ProblemParts};
use nodeplan_model::resources::Resources;
use nodeplan_model::scenario::{Autoscaling, Load, Metric, PodBudget, PodRules, Scenario, Service};
use nodeplan_model::units::{Bytes, MilliCpu};
use nodeplan_model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};

/// Name of the workload whose pods keep room.
pub const KEEPER: &str = "overprovisioning";
/// Its priority: the lowest for which the cluster autoscaler still adds nodes.
pub const KEEPER_PRIORITY: i32 = -10;
/// Pods are ready so long after their image is there, where nothing is told.
const STARTUP_MILLIS: u64 = 10_000;

/// Choices of pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// CPU and memory that a pod of each workload requests, where it is not what the inputs say.
    pub requests: Vec<Option<(MilliCpu, Bytes)>>,
    /// Pods that only keep room.
    pub keepers: u32,
}

impl Pods {
    /// These, of which each workload requests what it does in a choice of its own.
    pub(super) fn mixed(&self, choices: &[&Self]) -> Self {
        let own = |(at, one): (usize, &&Self)| one.requests.get(at).copied().flatten();
        let requests = choices.iter().enumerate().map(own).collect();
        let mut next = Self { requests, keepers: self.keepers };
        next.settle();
        next
    }

    /// Requests that are all as the inputs have them need not be told.
    fn settle(&mut self) {
        if self.requests.iter().all(Option::is_none) {
            self.requests.clear();
        }
    }
}

/// What requests may be.
pub(super) struct Room {
    /// As the inputs have them.
    own: Vec<(MilliCpu, Bytes)>,
    /// At least: half the CPU, never below an idle pod's, and the memory that is needed.
    least: Vec<(MilliCpu, Bytes)>,
    /// At most: the limit, else twice as much.
    most: Vec<(MilliCpu, Bytes)>,
    /// What pods use that are as full as their objective allows.
    used: Vec<(MilliCpu, Bytes)>,
    /// Size of a pod that keeps room: the largest of those that are scaled; none: nothing is.
    keeper: Option<(MilliCpu, Bytes)>,
}

/// Shares of CPU requests that are tried, percent.
const CPU_SHARES: [u64; 4] = [50, 75, 90, 120];
/// Shares of memory requests that are tried, percent; zero: the least.
const MEMORY_SHARES: [u64; 3] = [0, 70, 90];
/// Shares that all requests are tried at, CPU and memory, percent.
const SHARES: [(u64, u64); 5] = [(100, 0), (90, 0), (75, 0), (50, 0), (75, 75)];
/// Numbers of pods that keep room, beside those next to what there are.
const KEEPERS: [u32; 6] = [0, 1, 2, 4, 8, 16];

impl Room {
    /// What the load of a scenario leaves to choose.
    pub fn of(problem: &Problem, scenario: &Scenario, demands: &Demands) -> Self {
        let rows = || problem.workloads().iter().zip(&scenario.loads);
        let own = |one: &Workload| (one.request.cpu, one.request.memory);
        let least = |((one, load), strength): ((&Workload, &Load), &Option<Strength>)| {
            if load.service == Service::None {
                return own(one);
            }
            let cpu = (one.request.cpu.0 / 2).max(load.idle.0).max(1).min(one.request.cpu.0);
            (MilliCpu(cpu), least_memory(one, load, *strength))
        };
        let most = |(one, load): (&Workload, &Load)| {
            if load.service == Service::None {
                return own(one);
            }
            let double = one.request.cpu.0.saturating_mul(2);
            let cpu = one.cpu_limit.map_or(double, |limit| limit.0).max(one.request.cpu.0);
            (MilliCpu(cpu), one.request.memory)
        };
        let used = |((one, load), strength): ((&Workload, &Load), &Option<Strength>)| {
            let cpu = strength.map_or(one.request.cpu.0, |one| libm::ceil(one.cpu_milli) as u64);
            (MilliCpu(cpu), least_memory(one, load, *strength))
        };
        let scaled = rows().zip(&scenario.scaling).filter(|(_, scaling)| scaling.is_some());
        let sizes = scaled.map(|((one, _), _)| own(one));
        let taken = problem.workloads().iter().any(|one| one.name == KEEPER);
        Self {
            own: problem.workloads().iter().map(own).collect(),
            least: rows().zip(&demands.strengths).map(least).collect(),
            most: rows().map(most).collect(),
            used: rows().zip(&demands.strengths).map(used).collect(),
            keeper: sizes.max().filter(|_| !taken),
        }
    }

    /// Requests of the pods of a workload.
    fn now(&self, pods: &Pods, at: usize) -> (MilliCpu, Bytes) {
        pods.requests.get(at).copied().flatten().unwrap_or(self.own[at])
    }

    /// Pods that request what they use when they are full: so nodes have the CPU that is needed.
    pub fn as_used(&self) -> Pods {
        let mut pods = Pods::default();
        for at in 0..self.own.len() {
            self.request(&mut pods, at, self.used[at]);
        }
        pods
    }

    /// Choices next to one: requests of all pods at once and, if asked for, of each workload alone.
    pub fn next_to(&self, pods: &Pods, family: Family, alone: bool) -> Vec<Pods> {
        let mut all = Vec::new();
        match family {
            Family::Requests => {
                let memory = MEMORY_SHARES.map(|share| (100, share));
                let each = || CPU_SHARES.map(|share| (share, 100)).into_iter().chain(memory);
                let more = each().filter(|shares| !alone && !SHARES.contains(shares));
                for shares in SHARES.into_iter().chain(more) {
                    let mut next = pods.clone();
                    (0..self.own.len()).for_each(|at| self.resize(&mut next, at, shares));
                    all.push(next);
                }
                all.push(Pods { keepers: pods.keepers, ..self.as_used() });
                let free = |at: &usize| alone && self.least[*at] < self.most[*at];
                for at in (0..self.own.len()).filter(free) {
                    let mut next = pods.clone();
                    self.request(&mut next, at, self.used[at]);
                    all.push(next);
                    for shares in each() {
                        let mut next = pods.clone();
                        self.resize(&mut next, at, shares);
                        all.push(next);
                    }
                }
            }
            Family::Keepers if self.keeper.is_some() => {
                let next = [pods.keepers.saturating_sub(1), pods.keepers + 1];
                let counts = KEEPERS.into_iter().chain(next);
                all.extend(counts.map(|keepers| Pods { keepers, ..pods.clone() }));
            }
            _ => {}
        }
        all.retain(|one| one != pods);
        all
    }

    /// Requests of so many percent of what they are, CPU and memory.
    fn resize(&self, pods: &mut Pods, at: usize, (cpu, memory): (u64, u64)) {
        let now = self.now(pods, at);
        let part = |amount: u64, percent: u64| {
            u64::try_from(u128::from(amount) * u128::from(percent) / 100).unwrap_or(u64::MAX)
        };
        self.request(pods, at, (MilliCpu(part(now.0.0, cpu)), Bytes(part(now.1.0, memory))));
    }

    /// Requests of so much, as near as they may be.
    fn request(&self, pods: &mut Pods, at: usize, (cpu, memory): (MilliCpu, Bytes)) {
        let (least, most) = (self.least[at], self.most[at]);
        let next = (
            cpu.max(least.0).min(most.0.max(least.0)),
            memory.max(least.1).min(most.1.max(least.1)),
        );
        pods.requests.resize(self.own.len(), None);
        pods.requests[at] = (next != self.own[at]).then_some(next);
        pods.settle();
    }

    /// The problem that has these pods.
    pub fn apply(&self, pods: &Pods, parts: &mut ProblemParts) {
        for (one, request) in parts.workloads.iter_mut().zip(&pods.requests) {
            let Some((cpu, memory)) = *request else { continue };
            (one.request.cpu, one.request.memory) = (cpu, memory);
            if one.qos == QosClass::Guaranteed {
                (one.cpu_limit, one.memory_limit) = (Some(cpu), Some(memory));
            }
        }
        let Some((cpu, memory)) = self.keeper.filter(|_| pods.keepers > 0) else { return };
        let column = Array1::from_elem(parts.points.len(), pods.keepers);
        if parts.demand.push(Axis(1), column.view()).is_ok() {
            parts.workloads.push(keeper(cpu, memory));
        }
    }

    /// The problem whose pods request as little as any design may ask for; limits are as they were.
    pub fn least(&self, problem: &Problem) -> Option<Problem> {
        let mut parts = problem.parts().clone();
        for (one, (cpu, memory)) in parts.workloads.iter_mut().zip(&self.least) {
            (one.request.cpu, one.request.memory) = (*cpu, *memory);
        }
        Problem::new(parts).ok()
    }
}

/// Memory that a pod needs: idle, and as many requests inside as it may have and still keep its
/// objective (Little's law). Where a load does not tell it, it follows from the request, which then
/// stays.
fn least_memory(one: &Workload, load: &Load, strength: Option<Strength>) -> Bytes {
    let told = u128::from(one.scaling.memory_target_percent.unwrap_or(100).min(100));
    let usual = u128::from(one.request.memory.0) * told / 100;
    if load.memory_each.0 == 0 && u128::from(load.memory.0) == usual {
        return one.request.memory;
    }
    let within = load.objective.within_millis.unwrap_or(0) as f64 / 1000.0;
    let inside = match load.service {
        Service::Requests { .. } => strength.map_or(1.0, |one| libm::ceil(one.rate * within)),
        _ => 1.0,
    };
    let each = load.memory_each.0.saturating_mul(inside.clamp(1.0, 1e6) as u64);
    let need = load.memory.0.saturating_add(each).max(1);
    Bytes(need.min(one.request.memory.0))
}

fn keeper(cpu: MilliCpu, memory: Bytes) -> Workload {
    Workload {
        namespace: "default".to_owned(),
        name: KEEPER.to_owned(),
        kind: WorkloadKind::Deployment,
        request: Resources { cpu, memory, pods: 1, ..Resources::default() },
        cpu_limit: None,
        memory_limit: None,
        cpu_mean: MilliCpu(0),
        cpu_mean_source: MeanSource::Measured,
        max_per_node: None,
        arches: vec![Arch::Amd64, Arch::Arm64],
        node_selector: Vec::new(),
        pool: None,
        isolate: false,
        spot_ok: false,
        qos: QosClass::Burstable,
        declared_qos: None,
        system: false,
        scaling: Scaling::default(),
        line: 0,
    }
}

/// Rows of a scenario for pods that keep room: rules, load, no budget.
pub(super) fn keeper_rows(memory: Bytes) -> (PodRules, Load, Option<PodBudget>) {
    let rules = PodRules { priority: KEEPER_PRIORITY, ..PodRules::default() };
    let load =
        Load { burstiness_milli: 1000, memory, startup_millis: STARTUP_MILLIS, ..Load::default() };
    (rules, load, None)
}

/// An autoscaler whose targets mean of other requests what they meant of those before.
pub(super) fn follow(one: &mut Autoscaling, from: &Resources, to: &Resources) {
    let scale = |percent: &mut u32, from: u64, to: u64| {
        let next =
            (u128::from(*percent) * u128::from(from) + u128::from(to) / 2) / u128::from(to.max(1));
        *percent = u32::try_from(next).unwrap_or(u32::MAX).clamp(1, 1_000_000);
    };
    for metric in &mut one.metrics {
        match metric {
            Metric::CpuUtilization(percent) | Metric::ContainerCpu(percent) => {
                scale(percent, from.cpu.0, to.cpu.0);
            }
            Metric::MemoryUtilization(percent) | Metric::ContainerMemory(percent) => {
                scale(percent, from.memory.0, to.memory.0);
            }
            Metric::QueueLength(_)
            | Metric::RequestsPerPod(_)
            | Metric::CpuAverage(_)
            | Metric::MemoryAverage(_)
            | Metric::RequestsValue(_)
            | Metric::QueueValue(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_means_the_same_use_of_another_request() {
        let of = |cpu, memory| Resources {
            cpu: MilliCpu(cpu),
            memory: Bytes(memory),
            ..Resources::default()
        };
        for (percent, from, to, want) in
            [(70, 500, 250, 140), (70, 500, 700, 50), (70, 500, 500, 70), (60, 300, 180, 100)]
        {
            let mut one = Autoscaling {
                min: 1,
                max: 2,
                metrics: vec![
                    Metric::CpuUtilization(percent),
                    Metric::MemoryUtilization(percent),
                    Metric::QueueLength(9),
                ],
                behavior: None,
                schedules: Vec::new(),
                cooldown_seconds: None,
                activation: 0,
                sidecar: nodeplan_model::scenario::Sidecar::default(),
                queue_lag_millis: 0,
            };
            follow(&mut one, &of(from, 7), &of(to, 7));
            let same = [
                Metric::CpuUtilization(want),
                Metric::MemoryUtilization(percent),
                Metric::QueueLength(9),
            ];
            assert_eq!(one.metrics, same, "{percent} of {from} and {to}");
        }
    }
}
