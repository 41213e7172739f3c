//! Nodes and their pools.

use nodeplan_model::overhead::anatomy;
use nodeplan_model::placement::{addons_on, admits};
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::scenario::{PoolBounds, Scenario};
use nodeplan_model::units::DAY_MILLIS;

use crate::kubelet::eviction::Pressure;

use super::upgrade_nodes::Upgrading;

/// Where a machine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodePhase {
    /// Asked for, not there yet; paid for.
    Creating,
    /// Takes pods.
    Ready,
    /// Registered, and known not to answer.
    Down,
    /// Being emptied: takes no pods.
    Draining,
    /// Deletion asked for; still paid.
    Deleting,
    /// No more.
    Gone,
}

/// One machine.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its pool.
    pub pool: u32,
    /// Its availability zone, 1 to 3.
    pub zone: u8,
    /// Its phase.
    pub phase: NodePhase,
    /// When it was asked for.
    pub created: u64,
    /// When its phase last changed.
    pub turned: u64,
    /// CPU not requested by a pod on it, milli-cores.
    pub free_cpu: u64,
    /// Memory not requested, bytes.
    pub free_memory: u64,
    /// Pod slots not taken.
    pub free_pods: u64,
    /// Since when it does not answer.
    pub failed: Option<u64>,
    /// Credits of a burstable machine: milli-cores above its baseline × milliseconds.
    pub credits: u64,
    /// Its want of memory.
    pub pressure: Pressure,
    /// Pods on it, in order of binding.
    pub pods: Vec<u32>,
    /// Workloads whose image it holds or pulls, one bit each.
    pub images: Vec<u64>,
    /// Images that it pulls: the workload, and when it is there.
    pub pulls: Vec<(u32, u64)>,
    /// When it was first Ready.
    pub initialized: Option<u64>,
    /// When a pod last came to it or was told to end.
    pub pod_event: Option<u64>,
    /// Until then node auto-provisioning expects pods on it.
    pub nominated_until: u64,
    /// While an upgrade drains it: how.
    pub upgrading: Option<Upgrading>,
}

impl Node {
    /// When a workload's image is there. It is pulled once, for all pods that wait for it.
    pub fn image_at(&mut self, app: u32, now: u64, pull_millis: u64) -> u64 {
        self.pulls.retain(|&(_, until)| until > now);
        let word = &mut self.images[app as usize / 64];
        let held = *word >> (app % 64) & 1 == 1;
        if !held {
            *word |= 1 << (app % 64);
            self.pulls.push((app, now + pull_millis));
        }
        self.pulls.iter().find(|(pulled, _)| *pulled == app).map_or(now, |&(_, until)| until)
    }

    /// Pulls that are not done end here.
    pub fn stop_pulls(&mut self, now: u64) {
        for (app, until) in self.pulls.drain(..) {
            if until > now {
                self.images[app as usize / 64] &= !(1 << (app % 64));
            }
        }
    }
}

/// One pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Group and size.
    pub kind: PoolKind,
    /// Bounds.
    pub bounds: PoolBounds,
    /// CPU for workloads on an empty node, milli-cores: allocatable less add-ons.
    pub cpu: u64,
    /// Memory for workloads on an empty node, bytes.
    pub memory: u64,
    /// Pod slots for workloads on an empty node.
    pub slots: u64,
    /// CPU of the machine, milli-cores.
    pub machine_cpu: u64,
    /// Memory of the machine, bytes.
    pub machine_memory: u64,
    /// CPU of add-ons on each node, milli-cores.
    pub addon_cpu: u64,
    /// Memory of add-ons on each node, bytes.
    pub addon_memory: u64,
    /// Add-on pods on each node.
    pub addon_pods: u64,
    /// What a burstable machine earns.
    pub baseline: Option<Baseline>,
    /// What a node costs, billionths an hour.
    pub rate: u64,
    /// Nodes that are not gone, oldest first.
    pub live: Vec<u32>,
    /// Nodes that the pool is asked to have.
    pub target: u32,
    /// Requests for nodes fail until then.
    pub failing_until: u64,
    /// Nodes ever asked for: their zones go round.
    pub asked: u64,
    /// Old nodes that an upgrade has still to replace.
    pub upgrading: Vec<u32>,
    /// Nodes it replaces at once.
    pub surge: u32,
    /// Surge nodes asked for that are not there yet.
    pub surging: u32,
}

/// Credits of a burstable size (Azure's B series): it banks what it uses below its baseline, a day's
/// worth at most, and starts with 30 minutes of every vCPU.
#[derive(Clone, Copy, Debug)]
pub struct Baseline {
    /// What it may use for ever, milli-cores.
    pub milli: u64,
    /// Credits at the start, milli-cores × milliseconds.
    pub initial: u64,
    /// Most credits.
    pub most: u64,
}

/// Pools and nodes, and who may run where.
#[derive(Debug, Default)]
pub struct Nodes {
    /// Pools, in the order of the plan.
    pub pools: Vec<Pool>,
    /// Every node that ever was.
    pub all: Vec<Node>,
    /// Row per pool, column per workload: whether labels, taints and architecture admit it.
    admitted: Vec<bool>,
    workloads: usize,
}

impl Nodes {
    /// The pools of a plan, without nodes.
    pub fn new(problem: &Problem, plan: &Plan, scenario: &Scenario) -> Self {
        let workloads = problem.workloads().len();
        let mut nodes = Self { workloads, ..Self::default() };
        for (pool, bounds) in plan.pools.iter().zip(&scenario.pools) {
            let sku = problem.sku(pool.kind.sku);
            let addons = addons_on(problem, pool.kind);
            let anatomy = anatomy(problem.cluster(), sku, pool.kind, &addons);
            // Head-room is the plan's caution, not a fact of the node.
            let room = anatomy.allocatable.saturating_sub(&anatomy.addons);
            let sum = |amount: fn(&nodeplan_model::resources::Resources) -> u64| -> u64 {
                addons.iter().map(|addon| amount(&addon.request)).sum()
            };
            nodes.pools.push(Pool {
                kind: pool.kind,
                bounds: bounds.clone(),
                cpu: room.cpu.0,
                memory: room.memory.0,
                slots: room.pods,
                machine_cpu: u64::from(sku.vcpus) * 1000,
                machine_memory: sku.memory.0,
                addon_cpu: sum(|request| request.cpu.0),
                addon_memory: sum(|request| request.memory.0),
                addon_pods: addons.len() as u64,
                baseline: sku.sustained.map(|sustained| Baseline {
                    milli: sustained.0,
                    initial: u64::from(sku.vcpus) * 1000 * 30 * 60_000,
                    most: sustained.0 * DAY_MILLIS,
                }),
                rate: if bounds.spot {
                    spot_rate(problem, pool.kind)
                } else {
                    sku.rates.on_demand.0
                },
                live: Vec::new(),
                target: 0,
                failing_until: 0,
                asked: 0,
                upgrading: Vec::new(),
                surge: 0,
                surging: 0,
            });
            for workload in problem.workloads() {
                nodes.admitted.push(admits(problem, pool.kind, workload));
            }
        }
        nodes
    }

    /// How many workloads there are.
    pub fn workloads(&self) -> usize {
        self.workloads
    }

    /// Whether a workload may run in a pool, its size apart.
    pub fn admits(&self, pool: u32, app: u32) -> bool {
        self.admitted[pool as usize * self.workloads + app as usize]
    }

    /// How many nodes of a pool are there or come, and neither go nor fail.
    pub fn staying(&self, pool: usize) -> u32 {
        let stays = |id: &&u32| {
            let node = &self.all[**id as usize];
            let stays = matches!(node.phase, NodePhase::Creating | NodePhase::Ready);
            stays && node.failed.is_none()
        };
        self.pools[pool].live.iter().filter(stays).count() as u32
    }

    /// A machine is asked for.
    pub fn create(&mut self, pool: u32, now: u64) -> u32 {
        let id = self.all.len() as u32;
        let row = &mut self.pools[pool as usize];
        let zone = match row.bounds.zones.as_slice() {
            [] => (row.asked % 3) as u8 + 1,
            own => own[(row.asked % own.len() as u64) as usize],
        };
        row.asked += 1;
        row.live.push(id);
        self.all.push(Node {
            pool,
            zone,
            phase: NodePhase::Creating,
            created: now,
            turned: now,
            free_cpu: row.cpu,
            free_memory: row.memory,
            free_pods: row.slots,
            failed: None,
            pressure: Pressure::default(),
            credits: row.baseline.map_or(0, |baseline| baseline.initial),
            pods: Vec::new(),
            images: vec![0; self.workloads.div_ceil(64)],
            pulls: Vec::new(),
            initialized: None,
            pod_event: None,
            nominated_until: 0,
            upgrading: None,
        });
        id
    }

    /// A machine is gone.
    pub fn forget(&mut self, id: u32) {
        let node = &mut self.all[id as usize];
        node.phase = NodePhase::Gone;
        let live = &mut self.pools[node.pool as usize].live;
        if let Some(place) = live.iter().position(|&other| other == id) {
            live.remove(place);
        }
    }
}

/// The spot rate of a size, or its list rate where none is known.
fn spot_rate(problem: &Problem, kind: PoolKind) -> u64 {
    let rates = &problem.sku(kind.sku).rates;
    rates.spot.as_ref().map_or(rates.on_demand.0, |quote| quote.rate.0)
}
