//! The monolithic assignment ILP: every possible node is a slot, every pod goes into one.
//!
//! The textbook formulation of variable-sized vector bin packing (Martello & Toth 1990, ch. 8),
//! solved by HiGHS through `good_lp`. It shares no idea with column generation, which makes it
//! an oracle for small problems, and useless for large ones.
//!
//! | symbol | here |
//! |---|---|
//! | u ∈ {0,1}, the slot is a node of the plan | `Slot::used` |
//! | x_i, pods of workload i in the slot | `Slot::pods` |
//! | p_j ∈ {0,1}, pool kind j is a pool | `pools` in `Model::limit_pools` |
//!
//! Invariant: floats choose, integers decide. Every solution is rounded and re-checked in
//! integers before it leaves; one that HiGHS' tolerances let slip is an error, not a plan.

use crate::SolveError;
use crate::packed::name_pools;
use good_lp::solvers::highs::{HighsParallelType, highs};
use good_lp::{Expression, ProblemVariables, ResolutionError, Solution as _, SolutionStatus};
use good_lp::{SolverModel, Variable, constraint, variable};
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::overhead;
use nodeplan_model::placement;
use nodeplan_model::plan::{NodePool, Packing, Plan, PoolMode, Solution, Status};
use nodeplan_model::plan::{Unplaceable, Work};
use nodeplan_model::problem::{PoolKind, Problem};
use nodeplan_model::units::PerMille;
use std::collections::BTreeMap;

/// Every limit of an ILP solve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most integer variables.
    pub variables: u64,
    /// Most branches; after them the best plan so far is returned.
    pub branches: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { variables: 200_000, branches: 1_000_000 }
    }
}

/// Solves `problem` without a certificate: the status is HiGHS' word.
///
/// # Errors
/// A problem of too many variables; faults of HiGHS.
pub fn solve(problem: &Problem, limits: Limits) -> Result<Solution, SolveError> {
    let kinds = undominated(kinds_of(problem));
    let unplaceable = unplaceable(problem, &kinds);
    if !unplaceable.is_empty() {
        return Ok(without_plan(Status::Infeasible, unplaceable));
    }
    if problem.demand().iter().all(|&pods| pods == 0) && !problem.needs_system_node() {
        return Ok(with_plan(Status::Optimal, Plan::default()));
    }
    let counts = slot_counts(problem, &kinds);
    let variables = variable_count(problem, &kinds, &counts);
    if variables > limits.variables {
        return Err(SolveError::TooLargeForIlp { variables, limit: limits.variables });
    }
    let model = Model::new(problem, &kinds, &counts);
    let (status, slots) = match model.optimum(limits)? {
        Found::Nodes(status, slots) => (status, slots),
        Found::Infeasible => {
            let reason = "no choice of pools holds every pod under the cluster's rules".to_owned();
            let why = vec![Unplaceable { workload: None, reason }];
            return Ok(without_plan(Status::Infeasible, why));
        }
        Found::Nothing => return Ok(without_plan(Status::OutOfWork, Vec::new())),
    };
    if breaks_a_rule(problem, &kinds, &slots) {
        let reason = "the rounded ILP solution breaks a rule: amounts exceed float precision";
        return Err(SolveError::Lp { reason: reason.into() });
    }
    Ok(with_plan(status, plan_of(problem, &kinds, &slots)))
}

fn with_plan(status: Status, plan: Plan) -> Solution {
    let plan = Some(plan);
    Solution { status, plan, certificate: None, unplaceable: Vec::new(), work: Work::default() }
}

fn without_plan(status: Status, unplaceable: Vec<Unplaceable>) -> Solution {
    Solution { status, plan: None, certificate: None, unplaceable, work: Work::default() }
}

/// Σ weights · pods ≤ room on one node.
struct Row {
    weights: Vec<u64>,
    room: u64,
}

impl Row {
    fn holds(&self, content: &[u32]) -> bool {
        let need: u128 = self
            .weights
            .iter()
            .zip(content)
            .map(|(&weight, &pods)| u128::from(weight) * u128::from(pods))
            .sum();
        need <= u128::from(self.room)
    }

    /// Whether whatever fits `tight` fits here.
    fn covers(&self, tight: &Self) -> bool {
        if self.weights == tight.weights {
            return self.room >= tight.room;
        }
        let share = |(&mine, &theirs): (&u64, &u64)| {
            u128::from(mine) * u128::from(tight.room) <= u128::from(theirs) * u128::from(self.room)
        };
        tight.room > 0 && self.weights.iter().zip(&tight.weights).all(share)
    }
}

/// A pool kind with its rules as numbers.
struct Kind {
    kind: PoolKind,
    rate: u64,
    serves: bool,
    rows: Vec<Row>,
    /// Pods of each workload that one node holds at most.
    most: Vec<u32>,
}

impl Kind {
    fn holds(&self, content: &[u32]) -> bool {
        content.iter().zip(&self.most).all(|(pods, most)| pods <= most)
            && self.rows.iter().all(|row| row.holds(content))
    }

    /// Whether every node of `other` can be one of this kind at no higher rate.
    fn dominates(&self, other: &Self) -> bool {
        self.rate <= other.rate
            && self.serves >= other.serves
            && self.most.iter().zip(&other.most).all(|(mine, theirs)| mine >= theirs)
            && self.rows.iter().zip(&other.rows).all(|(mine, theirs)| mine.covers(theirs))
    }
}

fn kinds_of(problem: &Problem) -> Vec<Kind> {
    problem.pool_kinds().into_iter().map(|kind| kind_of(problem, kind)).collect()
}

fn kind_of(problem: &Problem, kind: PoolKind) -> Kind {
    let (cluster, sku) = (problem.cluster(), problem.sku(kind.sku));
    let anatomy = overhead::anatomy(cluster, sku, kind, &placement::addons_on(problem, kind));
    let workloads = problem.workloads();
    let sizes: Vec<Vec<u64>> = (0..workloads.len()).map(|i| size_of(problem, i)).collect();
    let mut rows: Vec<Row> = anatomy
        .usable
        .row(problem.extended())
        .into_iter()
        .enumerate()
        .map(|(d, room)| Row { weights: sizes.iter().map(|size| size[d]).collect(), room })
        .collect();
    rows.push(Row {
        weights: workloads.iter().map(|workload| workload.cpu_mean.0).collect(),
        room: anatomy.usable_sustained.map_or(u64::MAX, |cpu| cpu.0),
    });
    let allocatable = anatomy.allocatable;
    rows.push(overcommit_row(
        workloads.iter().map(|workload| workload.cpu_limit.map(|limit| limit.0)),
        allocatable.cpu.0,
        cluster.overcommit.cpu,
    ));
    rows.push(overcommit_row(
        workloads.iter().map(|workload| workload.memory_limit.map(|limit| limit.0)),
        allocatable.memory.0,
        cluster.overcommit.memory,
    ));
    let most = workloads
        .iter()
        .enumerate()
        .map(|(i, workload)| {
            if !placement::admits(problem, kind, workload) {
                return 0;
            }
            let by_room = rows.iter().filter_map(|row| row.room.checked_div(row.weights[i])).min();
            let by_room = u32::try_from(by_room.unwrap_or(u64::MAX)).unwrap_or(u32::MAX);
            by_room.min(workload.max_per_node.unwrap_or(u32::MAX))
        })
        .collect();
    let serves = placement::serves_system(problem, kind);
    Kind { kind, rate: problem.rate(kind).0, serves, rows, most }
}

/// What one pod takes: a slot, its request, and the burst share of the way to its limits.
fn size_of(problem: &Problem, workload: usize) -> Vec<u64> {
    let workload = &problem.workloads()[workload];
    let share = problem.cluster().burst.of(workload.qos);
    let mut size = workload.request.clone();
    if let Some(limit) = workload.cpu_limit {
        size.cpu.0 += share.ceil_of(limit.saturating_sub(size.cpu).0);
    }
    if let Some(limit) = workload.memory_limit {
        size.memory.0 += share.ceil_of(limit.saturating_sub(size.memory).0);
    }
    size.pods = 1;
    size.row(problem.extended())
}

fn overcommit_row(
    limits: impl Iterator<Item = Option<u64>>,
    allocatable: u64,
    bound: Option<PerMille>,
) -> Row {
    Row {
        weights: limits.map(|limit| limit.unwrap_or(allocatable)).collect(),
        room: bound.map_or(u64::MAX, |factor| factor.floor_of(allocatable)),
    }
}

/// Drops kinds that another can stand in for; of equals the first stays.
fn undominated(kinds: Vec<Kind>) -> Vec<Kind> {
    let beaten = |j: usize| {
        kinds.iter().enumerate().any(|(k, kind)| {
            k != j && kind.dominates(&kinds[j]) && (k < j || !kinds[j].dominates(kind))
        })
    };
    let stays: Vec<bool> = (0..kinds.len()).map(|j| !beaten(j)).collect();
    kinds.into_iter().zip(stays).filter_map(|(kind, stays)| stays.then_some(kind)).collect()
}

fn unplaceable(problem: &Problem, kinds: &[Kind]) -> Vec<Unplaceable> {
    let mut reasons = Vec::new();
    for (i, pods) in problem.demand().columns().into_iter().enumerate() {
        let homeless = kinds.iter().all(|kind| kind.most[i] == 0);
        if homeless && pods.iter().any(|&count| count > 0) {
            let reason = format!("fits no node of {} pool kinds", problem.pool_kinds().len());
            reasons.push(Unplaceable { workload: Some(WorkloadId(i as u32)), reason });
        }
    }
    if problem.needs_system_node() && !kinds.iter().any(|kind| kind.serves) {
        let reason = "no pool kind can carry the system pool".to_owned();
        reasons.push(Unplaceable { workload: None, reason });
    }
    reasons
}

/// Slots per kind and load point: some optimal plan needs no more.
///
/// Without needless empty nodes a kind has at most one node per pod it admits (a smaller
/// coupled load point has no more pods), and one for the system pool. And what its nodes cost,
/// here and at the larger points that must keep them, stays within any legal plan's cost.
fn slot_counts(problem: &Problem, kinds: &[Kind]) -> Vec<Vec<usize>> {
    let coupled = problem.coupled_points();
    let weight = |s: usize| u128::from(problem.points()[s].weight_millis);
    let known = homogeneous_cost(problem, kinds);
    let count = |kind: &Kind, s: usize| {
        let demand = problem.demand();
        let pods: u64 = (0..kind.most.len())
            .filter(|&i| kind.most[i] > 0)
            .map(|i| u64::from(demand[[s, i]]))
            .sum();
        let by_pods = pods.max(u64::from(kind.serves && problem.needs_system_node()));
        let above: u128 = coupled.iter().filter(|(r, _)| *r == s).map(|&(_, t)| weight(t)).sum();
        let each = (weight(s) + above) * u128::from(kind.rate);
        let by_cost = known.and_then(|cost| cost.checked_div(each)).unwrap_or(u128::MAX);
        u128::from(by_pods).min(by_cost) as usize
    };
    let points = 0..problem.points().len();
    kinds.iter().map(|kind| points.clone().map(|s| count(kind, s)).collect()).collect()
}

/// Cost of the plan that gives every workload nodes of its own, all of its cheapest kind, and
/// adds a system node: node counts grow with demand, so coupling holds. `None` where it has
/// too many pools.
fn homogeneous_cost(problem: &Problem, kinds: &[Kind]) -> Option<u128> {
    let mut used = std::collections::BTreeSet::new();
    let mut cost = 0u128;
    let weights: Vec<u128> =
        problem.points().iter().map(|point| u128::from(point.weight_millis)).collect();
    for (i, pods) in problem.demand().columns().into_iter().enumerate() {
        if pods.iter().all(|&count| count == 0) {
            continue;
        }
        let cost_of = |kind: &Kind| -> u128 {
            let nodes = pods.iter().map(|&count| u128::from(count.div_ceil(kind.most[i])));
            nodes.zip(&weights).map(|(n, weight)| n * weight * u128::from(kind.rate)).sum()
        };
        let able = (0..kinds.len()).filter(|&j| kinds[j].most[i] > 0);
        let (least, kind) = able.map(|j| (cost_of(&kinds[j]), j)).min()?;
        used.insert(kind);
        cost += least;
    }
    if problem.needs_system_node() {
        let serving = (0..kinds.len()).filter(|&j| kinds[j].serves);
        let (rate, kind) = serving.map(|j| (kinds[j].rate, j)).min()?;
        used.insert(kind);
        cost += u128::from(rate) * weights.iter().sum::<u128>();
    }
    let limit = problem.cluster().max_pools.map_or(usize::MAX, |most| most as usize);
    (used.len() <= limit).then_some(cost)
}

fn variable_count(problem: &Problem, kinds: &[Kind], counts: &[Vec<usize>]) -> u64 {
    let mut total = 0u64;
    for (kind, counts) in kinds.iter().zip(counts) {
        for (s, &slots) in counts.iter().enumerate() {
            let row = problem.demand().row(s).to_vec();
            let pods = row.iter().zip(&kind.most).filter(|(d, m)| **d > 0 && **m > 0).count();
            total = total.saturating_add((slots as u64).saturating_mul(pods as u64 + 1));
        }
        total += 1;
    }
    total
}

/// Room for one node of one kind at one load point.
struct Slot {
    kind: usize,
    point: usize,
    used: Variable,
    /// (workload, variable, most)
    pods: Vec<(usize, Variable, u32)>,
}

/// A used slot, in integers.
struct Node {
    kind: usize,
    point: usize,
    content: Vec<u32>,
}

enum Found {
    Nodes(Status, Vec<Node>),
    Infeasible,
    Nothing,
}

struct Model<'a> {
    problem: &'a Problem,
    kinds: &'a [Kind],
    variables: ProblemVariables,
    /// In order of kind, point.
    slots: Vec<Slot>,
    rows: Vec<good_lp::Constraint>,
}

impl<'a> Model<'a> {
    fn new(problem: &'a Problem, kinds: &'a [Kind], counts: &[Vec<usize>]) -> Self {
        let mut variables = ProblemVariables::new();
        let mut slots = Vec::new();
        for (j, kind) in kinds.iter().enumerate() {
            for (s, demand) in problem.demand().rows().into_iter().enumerate() {
                for _ in 0..counts[j][s] {
                    let used = variables.add(variable().binary());
                    let mut pods = Vec::new();
                    for (i, (&most, &count)) in kind.most.iter().zip(demand).enumerate() {
                        let most = most.min(count);
                        if most > 0 {
                            let x = variable().integer().min(0).max(most);
                            pods.push((i, variables.add(x), most));
                        }
                    }
                    slots.push(Slot { kind: j, point: s, used, pods });
                }
            }
        }
        let mut model = Self { problem, kinds, variables, slots, rows: Vec::new() };
        model.fill_slots();
        model.meet_demand();
        model.couple_points();
        model.keep_system_nodes();
        model.limit_pools();
        model
    }

    /// Capacity of each slot, and slots of a kind used from the first on.
    fn fill_slots(&mut self) {
        for slot in &self.slots {
            for (d, row) in self.kinds[slot.kind].rows.iter().enumerate() {
                if slot.pods.is_empty() {
                    continue;
                }
                let weights = || slot.pods.iter().map(|&(i, x, most)| (row.weights[i], x, most));
                let all: u128 =
                    weights().map(|(w, _, most)| u128::from(w) * u128::from(most)).sum();
                // The row of pod slots always stays: it ties the pods to the node.
                let pod_slots = d == POD_SLOTS;
                if all <= u128::from(row.room) && !pod_slots {
                    continue;
                }
                let divisor = weights().map(|(w, _, _)| w).fold(0, gcd).max(1);
                let room = all.min(u128::from(row.room)) as u64 / divisor;
                let mut sum = Expression::from(0.0);
                for (weight, x, _) in weights().filter(|(w, _, _)| *w > 0) {
                    sum.add_mul((weight / divisor) as f64, x);
                }
                sum.add_mul(-(room as f64), slot.used);
                self.rows.push(constraint!(sum <= 0.0));
            }
        }
        for pair in self.slots.windows(2) {
            if (pair[0].kind, pair[0].point) == (pair[1].kind, pair[1].point) {
                self.rows.push(constraint!(pair[1].used <= pair[0].used));
            }
        }
    }

    fn meet_demand(&mut self) {
        for ((s, i), &count) in self.problem.demand().indexed_iter() {
            if count == 0 {
                continue;
            }
            let pods = self.slots.iter().filter(|slot| slot.point == s).flat_map(|slot| &slot.pods);
            let sum: Expression = pods.filter(|pod| pod.0 == i).map(|pod| pod.1).sum();
            self.rows.push(constraint!(sum == f64::from(count)));
        }
    }

    fn nodes(&self, kind: usize, point: usize) -> Expression {
        let own = self.slots.iter().filter(|slot| (slot.kind, slot.point) == (kind, point));
        own.map(|slot| slot.used).sum()
    }

    fn couple_points(&mut self) {
        for (s, t) in self.problem.coupled_points() {
            for j in 0..self.kinds.len() {
                let row = constraint!(self.nodes(j, s) <= self.nodes(j, t));
                self.rows.push(row);
            }
        }
    }

    fn keep_system_nodes(&mut self) {
        if !self.problem.needs_system_node() {
            return;
        }
        for s in 0..self.problem.points().len() {
            let serving = self.slots.iter().filter(|slot| slot.point == s);
            let serving = serving.filter(|slot| self.kinds[slot.kind].serves);
            let nodes: Expression = serving.map(|slot| slot.used).sum();
            self.rows.push(constraint!(nodes >= 1.0));
        }
    }

    fn limit_pools(&mut self) {
        let Some(most) = self.problem.cluster().max_pools else { return };
        if most as usize >= self.kinds.len() {
            return;
        }
        let pools = self.variables.add_vector(variable().binary(), self.kinds.len());
        for slot in &self.slots {
            self.rows.push(constraint!(slot.used <= pools[slot.kind]));
        }
        let sum: Expression = pools.into_iter().sum();
        self.rows.push(constraint!(sum <= f64::from(most)));
    }

    /// Minimises Σ weight × rate, divided by the common divisors so that it counts in ones.
    fn optimum(self, limits: Limits) -> Result<Found, SolveError> {
        let weight = |s: usize| self.problem.points()[s].weight_millis;
        let weights = (0..self.problem.points().len()).map(weight).fold(0, gcd).max(1);
        let rates = self.kinds.iter().map(|kind| kind.rate).fold(0, gcd).max(1);
        let mut cost = Expression::from(0.0);
        for slot in &self.slots {
            let rate = u128::from(self.kinds[slot.kind].rate / rates);
            cost.add_mul((u128::from(weight(slot.point) / weights) * rate) as f64, slot.used);
        }
        let branches = i32::try_from(limits.branches).unwrap_or(i32::MAX);
        let mut solver = self
            .variables
            .minimise(cost)
            .using(highs)
            .set_parallel(HighsParallelType::Off)
            .set_threads(1)
            .set_option("random_seed", 0)
            .set_option("mip_rel_gap", 0.0)
            .set_option("mip_abs_gap", 0.5)
            .set_option("mip_max_nodes", branches);
        for row in self.rows {
            solver.add_constraint(row);
        }
        let solution = match solver.solve() {
            Ok(solution) => solution,
            Err(ResolutionError::Infeasible) => return Ok(Found::Infeasible),
            Err(ResolutionError::Other("NoSolutionFound")) => return Ok(Found::Nothing),
            Err(error) => return Err(SolveError::Lp { reason: error.to_string() }),
        };
        let status = match solution.status() {
            SolutionStatus::TimeLimit => Status::Feasible,
            SolutionStatus::Optimal | SolutionStatus::GapLimit => Status::Optimal,
        };
        let mut nodes = Vec::new();
        for slot in &self.slots {
            let mut content = vec![0; self.problem.workloads().len()];
            for &(i, x, _) in &slot.pods {
                content[i] = solution.value(x).round().max(0.0) as u32;
            }
            if solution.value(slot.used) > 0.5 || content.iter().any(|&pods| pods > 0) {
                nodes.push(Node { kind: slot.kind, point: slot.point, content });
            }
        }
        Ok(Found::Nodes(status, nodes))
    }
}

/// Place of the pod slots in [`nodeplan_model::resources::Resources::row`].
const POD_SLOTS: usize = 2;

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Re-checks rounded nodes in integers.
fn breaks_a_rule(problem: &Problem, kinds: &[Kind], nodes: &[Node]) -> bool {
    let points = problem.points().len();
    let mut placed = vec![vec![0u64; problem.workloads().len()]; points];
    let mut counts = vec![vec![0u32; points]; kinds.len()];
    for node in nodes {
        counts[node.kind][node.point] += 1;
        for (sum, &pods) in placed[node.point].iter_mut().zip(&node.content) {
            *sum += u64::from(pods);
        }
    }
    let pools = counts.iter().filter(|counts| counts.iter().any(|&n| n > 0)).count();
    let served = |s: usize| kinds.iter().zip(&counts).any(|(kind, n)| kind.serves && n[s] > 0);
    nodes.iter().any(|node| !kinds[node.kind].holds(&node.content))
        || problem.demand().indexed_iter().any(|((s, i), &n)| placed[s][i] != u64::from(n))
        || problem.coupled_points().iter().any(|&(s, t)| counts.iter().any(|n| n[s] > n[t]))
        || (problem.needs_system_node() && !(0..points).all(served))
        || problem.cluster().max_pools.is_some_and(|most| pools > most as usize)
}

fn plan_of(problem: &Problem, kinds: &[Kind], nodes: &[Node]) -> Plan {
    let mut pools = Vec::new();
    for (j, kind) in kinds.iter().enumerate() {
        let own = || nodes.iter().filter(|node| node.kind == j);
        if own().next().is_none() {
            continue;
        }
        let packings = (0..problem.points().len())
            .map(|s| packings_of(own().filter(|node| node.point == s)))
            .collect();
        let system = kind.serves && problem.needs_system_node();
        let mode = if system { PoolMode::System } else { PoolMode::User };
        pools.push(NodePool { name: String::new(), kind: kind.kind, mode, packings });
    }
    let mut plan = Plan { pools };
    name_pools(problem, &mut plan);
    plan
}

fn packings_of<'a>(nodes: impl Iterator<Item = &'a Node>) -> Vec<Packing> {
    let mut alike: BTreeMap<Vec<(WorkloadId, u32)>, u32> = BTreeMap::new();
    for node in nodes {
        let content = node.content.iter().enumerate().filter(|(_, pods)| **pods > 0);
        let content = content.map(|(i, &pods)| (WorkloadId(i as u32), pods)).collect();
        *alike.entry(content).or_default() += 1;
    }
    alike.into_iter().map(|(content, nodes)| Packing { nodes, content }).collect()
}
