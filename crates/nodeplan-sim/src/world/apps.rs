//! Workloads as they run.

use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::Scenario;
use nodeplan_model::workload::QosClass;

use crate::random::Stream;

use super::fail_nodes::Dark;
use super::scale_pods::Scaler;
use super::schedule::Ask;

/// One workload.
#[derive(Debug)]
pub struct App {
    /// What its pods ask of the scheduler.
    pub ask: Ask,
    /// CPU limit, milli-cores.
    pub cpu_limit: Option<u64>,
    /// Memory limit, bytes.
    pub memory_limit: Option<u64>,
    /// Replicas its controller wants.
    pub wanted: u32,
    /// Pods that are not ending, oldest first.
    pub live: Vec<u32>,
    /// How many of them are Ready.
    pub ready: u32,
    /// Those that may have been bound so lately that autoscalers distrust their CPU.
    pub young: Vec<u32>,
    /// Pods to which requests are sent although their node does not answer.
    pub dark: Vec<Dark>,
    /// From being told to end until a pod has, milliseconds.
    pub ending_millis: u64,
    /// When a pod of it was last bound to a node.
    pub last_bound: u64,
    /// Pods of it on a node, by node; ending ones do not count.
    pub on_node: Vec<u16>,
    /// Arrivals.
    pub arrivals: Stream,
    /// Jobs that a CronJob brought since the last interval.
    pub brought: u64,
    /// Whether a time of its CronJob passed while jobs ran.
    pub missed: bool,
    /// Its HorizontalPodAutoscaler.
    pub scaler: Option<Box<Scaler>>,
    /// A rollout that goes on.
    pub rollout: Option<Rollout>,
}

/// A rollout of a Deployment.
#[derive(Debug)]
pub struct Rollout {
    /// Pods above the wanted number.
    pub surge: u32,
    /// Pods below it that need not be Ready.
    pub unavailable: u32,
    /// Pods of the old template that live.
    pub old: Vec<u32>,
}

impl App {
    /// All workloads, without pods.
    pub fn all(problem: &Problem, scenario: &Scenario) -> Vec<Self> {
        let rows = problem.workloads().iter().enumerate();
        rows.map(|(index, workload)| Self {
            ask: Ask {
                best_effort: workload.qos == QosClass::BestEffort,
                app: index as u32,
                cpu: workload.request.cpu.0,
                memory: workload.request.memory.0,
                per_node: workload.max_per_node.unwrap_or(u32::MAX),
                priority: scenario.pods[index].priority,
                preempts: scenario.pods[index].preempts,
            },
            cpu_limit: workload.cpu_limit.map(|limit| limit.0),
            memory_limit: workload.memory_limit.map(|limit| limit.0),
            wanted: 0,
            live: Vec::new(),
            ready: 0,
            young: Vec::new(),
            dark: Vec::new(),
            ending_millis: match scenario.crons[index] {
                // A pod that is done has ended by itself.
                Some(_) => 0,
                None => scenario.pods[index].ending_millis,
            },
            last_bound: 0,
            on_node: Vec::new(),
            arrivals: Stream::new(scenario.seed, "arrivals", &workload.full_name()),
            brought: 0,
            missed: false,
            scaler: scenario.scaling[index].as_ref().map(|own| Box::new(Scaler::new(own))),
            rollout: None,
        })
        .collect()
    }

    /// Counts a pod on a node.
    pub fn enter(&mut self, node: u32) {
        if self.on_node.len() <= node as usize {
            self.on_node.resize(node as usize + 1, 0);
        }
        let count = &mut self.on_node[node as usize];
        *count = count.saturating_add(1);
    }

    /// No longer counts a pod there.
    pub fn leave(&mut self, node: u32) {
        let count = &mut self.on_node[node as usize];
        *count = count.saturating_sub(1);
    }

    /// How many of its pods are on a node.
    pub fn same(&self, node: u32) -> u32 {
        self.on_node.get(node as usize).copied().map_or(0, u32::from)
    }
}
