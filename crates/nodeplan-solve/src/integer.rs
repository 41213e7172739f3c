//! Integer finishing: diving with residual re-pricing, restricted masters, and large-neighbourhood
//! search led by the duals.
//!
//! What a plan costs beyond the bound is the sum of its columns' reduced costs and of the value
//! of pods covered twice. The neighbourhoods take out the nodes that lose most and solve again
//! for what they held.

use crate::SolveError;
use crate::columns::generate::{self, Aim, Effort, Pricing, Relaxed, Start};
use crate::columns::master::{Duals, Scale};
use crate::columns::pool::{Column, Pool};
use crate::columns::target::Target;
use crate::compile::{Compiled, mip_step};
use crate::packed::Packed;
use crate::work::Meter;
use nodeplan_lp::{MipLimits, MipModel, MipStatus, Rows, solve_mip};

/// Most columns a restricted master takes.
const MASTER_COLUMNS: usize = 1_200;

/// A restricted master: the best integer combination of `columns` for `target`, cheaper than
/// `cutoff` cost units.
pub fn restricted(
    compiled: &Compiled,
    target: &Target,
    columns: &[Column],
    cutoff: i128,
    iterations: u64,
    meter: &Meter<'_>,
) -> Result<Option<Packed>, SolveError> {
    let columns: Vec<&Column> =
        columns.iter().filter(|c| target.kinds.binary_search(&c.kind).is_ok()).collect();
    let Some(rows) = master_rows(compiled, target, &columns)? else { return Ok(None) };
    // Whole numbers: HiGHS then knows that the objective is one.
    let cost = |column: &Column| compiled.cost(column.kind, column.point);
    let step = mip_step(columns.iter().map(|c| cost(c)));
    let model = MipModel {
        cost: columns.iter().map(|c| (cost(c) / step) as f64).collect(),
        lower: vec![0.0; columns.len()],
        upper: vec![f64::INFINITY; columns.len()],
        integer: vec![true; columns.len()],
        rows,
    };
    let limits = MipLimits {
        nodes: 5_000,
        lp_iterations: iterations.min(meter.iterations_left()),
        stall_nodes: 2_000,
        absolute_gap: 0.999,
        objective_cutoff: below(cutoff, step),
    };
    let interrupt = meter.control().interrupt;
    let answer = solve_mip(&model, None, &limits, &interrupt).map_err(lp_error)?;
    meter.iterations(answer.lp_iterations);
    if matches!(answer.status, MipStatus::Infeasible | MipStatus::Unbounded) {
        return Ok(None);
    }
    let Some(x) = answer.solution else { return Ok(None) };
    let mut packed = Packed::default();
    for (column, value) in columns.iter().zip(&x) {
        packed.push((*column).clone(), value.round().max(0.0) as u32);
    }
    Ok((meets(compiled, target, &packed) && packed.cost(compiled) < cutoff).then_some(packed))
}

/// Rows of a restricted master; `None` where a row has no column.
fn master_rows(
    compiled: &Compiled,
    target: &Target,
    columns: &[&Column],
) -> Result<Option<Rows>, SolveError> {
    let mut rows = Rows::default();
    for (point, demand) in target.demand.iter().enumerate() {
        for (class, &pods) in demand.iter().enumerate() {
            if pods == 0 {
                continue;
            }
            let entries: Vec<(usize, f64)> = columns
                .iter()
                .enumerate()
                .filter(|(_, column)| column.point == point)
                .filter_map(|(i, column)| {
                    let at = column.content.binary_search_by_key(&(class as u32), |c| c.0).ok()?;
                    Some((i, f64::from(column.content[at].1)))
                })
                .collect();
            if entries.is_empty() {
                return Ok(None);
            }
            rows.push(f64::from(pods), f64::INFINITY, &entries).map_err(lp_error)?;
        }
    }
    for (point, &nodes) in target.system.iter().enumerate() {
        let entries: Vec<(usize, f64)> = columns
            .iter()
            .enumerate()
            .filter(|(_, c)| c.point == point && compiled.kinds[c.kind].serves_system)
            .map(|(i, _)| (i, 1.0))
            .collect();
        if nodes > 0 && entries.is_empty() {
            return Ok(None);
        }
        rows.push(f64::from(nodes), f64::INFINITY, &entries).map_err(lp_error)?;
    }
    for (slacks, &(small, large)) in target.slack.iter().zip(&compiled.coupled) {
        for (&slack, &kind) in slacks.iter().zip(&target.kinds) {
            let entries: Vec<(usize, f64)> = columns
                .iter()
                .enumerate()
                .filter(|(_, c)| c.kind == kind && (c.point == small || c.point == large))
                .map(|(i, c)| (i, if c.point == small { 1.0 } else { -1.0 }))
                .collect();
            if !entries.is_empty() {
                rows.push(f64::NEG_INFINITY, slack as f64, &entries).map_err(lp_error)?;
            }
        }
    }
    Ok(Some(rows))
}

fn lp_error(error: nodeplan_lp::LpError) -> SolveError {
    SolveError::Lp { reason: error.to_string() }
}

/// An objective cutoff for HiGHS in steps: only what is cheaper than `cutoff`; none where the
/// number is beyond what HiGHS takes.
pub fn below(cutoff: i128, step: i128) -> Option<f64> {
    let steps = (cutoff - 1).div_euclid(step);
    (steps < 1 << 50).then_some(steps as f64 + 0.1)
}

/// Whether `packed` covers `target` with its coupling kept.
pub fn meets(compiled: &Compiled, target: &Target, packed: &Packed) -> bool {
    let mut left = target.clone();
    for (column, nodes) in &packed.nodes {
        left.subtract(compiled, column.kind, column.point, &column.content, *nodes);
    }
    left.is_met() && left.slack.iter().flatten().all(|slack| *slack >= 0)
}

/// Columns cut down to what a target still needs, those of small reduced cost first.
pub fn shrunk(target: &Target, pool: &Pool, reduced: &[(usize, f64)], most: usize) -> Pool {
    let mut order: Vec<(f64, usize)> = reduced.iter().map(|&(i, r)| (r, i)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut kept = Pool::default();
    for (_, index) in order.into_iter().take(most) {
        let column = &pool.columns()[index];
        let content: Vec<(u32, u32)> = column
            .content
            .iter()
            .map(|&(class, pods)| (class, pods.min(target.demand[column.point][class as usize])))
            .filter(|(_, pods)| *pods > 0)
            .collect();
        if !content.is_empty() {
            kept.add(Column { content, ..column.clone() });
        }
    }
    kept
}

/// The search for integer solutions of one target.
pub struct Finisher<'a> {
    /// Problem.
    pub compiled: &'a Compiled,
    /// Units.
    pub scale: &'a Scale,
    /// Work.
    pub meter: &'a Meter<'a>,
    /// Work units (absolute) at which to stop.
    pub until: u64,
}

impl Finisher<'_> {
    fn quick(&self, rounds: usize) -> Effort {
        Effort {
            ladder: generate::QUICK,
            tolerance: 1e-7,
            rounds,
            until: self.until,
            hold: false,
            aim: Aim::LP,
        }
    }

    /// Rounds the LP down, prices what is left anew, and so on; the rest goes to a restricted
    /// master.
    pub fn dive(
        &self,
        target: &Target,
        pool: &Pool,
        relaxed: &Relaxed,
    ) -> Result<Option<Packed>, SolveError> {
        let mut left = target.clone();
        let mut fixed = Packed::default();
        let mut pool = pool.clone();
        let mut relaxed = relaxed.clone();
        loop {
            let before = fixed.nodes.len();
            self.fix(&mut left, &mut fixed, &pool, &relaxed);
            if left.is_met() {
                return Ok(Some(fixed));
            }
            if self.meter.stop_at(self.until) || fixed.nodes.len() == before {
                return Ok(None);
            }
            pool = shrunk(&left, &pool, &relaxed.reduced, MASTER_COLUMNS);
            let effort = self.quick(25);
            let next = generate::generate(
                self.compiled,
                &left,
                self.scale,
                &mut pool,
                Start::default(),
                &effort,
                self.meter,
            )?;
            let Some(next) = next else { return Ok(None) };
            relaxed = next;
            if left.pods() <= 40 || relaxed.values.len() <= 12 {
                let rest = self.master(&left, &pool, &relaxed, i128::MAX, 20_000)?;
                if let Some(rest) = rest {
                    fixed.nodes.extend(rest.nodes);
                    return Ok(Some(fixed));
                }
            }
        }
    }

    /// Takes the integer part of every column, or the column nearest to one node.
    fn fix(&self, left: &mut Target, fixed: &mut Packed, pool: &Pool, relaxed: &Relaxed) {
        let mut order: Vec<(f64, usize, u32)> = relaxed
            .values
            .iter()
            .map(|&(index, x)| {
                let nodes = (x + 1e-6).floor();
                (x - nodes, index, nodes as u32)
            })
            .collect();
        let any = order.iter().any(|o| o.2 > 0);
        if !any {
            order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            order.truncate(1.max(order.iter().filter(|o| o.0 > 0.8).count()));
            order.iter_mut().for_each(|o| o.2 = 1);
        }
        // Large points first, so that coupling never needs more nodes than are there.
        order.sort_by_key(|o| (std::cmp::Reverse(self.rank(pool.columns()[o.1].point)), o.1));
        for (_, index, nodes) in order {
            let column = &pool.columns()[index];
            let useful =
                column.content.iter().any(|&(class, pods)| {
                    pods > 0 && left.demand[column.point][class as usize] > 0
                }) || left.system.get(column.point).is_some_and(|n| *n > 0);
            if nodes > 0 && useful && (any || self.room(left, column) >= i64::from(nodes)) {
                left.subtract(self.compiled, column.kind, column.point, &column.content, nodes);
                fixed.push(column.clone(), nodes);
            }
        }
    }

    fn rank(&self, point: usize) -> u64 {
        self.compiled.classes.iter().map(|class| u64::from(class.demand[point])).sum()
    }

    /// Nodes of the column's kind that coupling still allows at its point.
    fn room(&self, left: &Target, column: &Column) -> i64 {
        let Ok(place) = left.kinds.binary_search(&column.kind) else { return 0 };
        self.compiled
            .coupled
            .iter()
            .zip(&left.slack)
            .filter(|((small, _), _)| *small == column.point)
            .map(|(_, slack)| slack[place])
            .min()
            .unwrap_or(i64::MAX)
    }

    /// A restricted master over the most promising columns of the pool.
    pub fn master(
        &self,
        target: &Target,
        pool: &Pool,
        relaxed: &Relaxed,
        cutoff: i128,
        iterations: u64,
    ) -> Result<Option<Packed>, SolveError> {
        let mut pool = pool.clone();
        let pricing = Pricing {
            compiled: self.compiled,
            target,
            scale: self.scale,
            slack_ppm: 5_000,
            budget: 200_000,
        };
        let reduced = generate::enrich(&pricing, &relaxed.duals, &mut pool, 20, 400, self.meter);
        let mut order: Vec<(f64, usize)> = reduced.iter().map(|&(i, r)| (r, i)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut columns: Vec<Column> = order
            .into_iter()
            .take(MASTER_COLUMNS)
            .map(|(_, i)| pool.columns()[i].clone())
            .collect();
        columns.sort();
        columns.dedup();
        restricted(self.compiled, target, &columns, cutoff, iterations, self.meter)
    }

    /// Takes nodes out and solves again for what they held; `accept` is told every better
    /// solution and says whether to go on.
    pub fn improve(
        &self,
        target: &Target,
        duals: &Duals,
        best: &mut Packed,
        mut accept: impl FnMut(&Packed) -> bool,
    ) -> Result<(), SolveError> {
        let mut size = 8_usize;
        let mut failures = 0;
        let mut round = 0_u64;
        while !self.meter.stop_at(self.until) && failures < 24 {
            round += 1;
            let taken = self.choose(target, duals, best, size, round);
            if taken.nodes.is_empty() {
                return Ok(());
            }
            let better = self.reoptimize(target, best, &taken)?;
            match better {
                Some(next) => {
                    *best = next;
                    failures = 0;
                    if !accept(best) {
                        return Ok(());
                    }
                }
                None => {
                    failures += 1;
                    if failures % 6 == 0 {
                        size = (size + 4).min(40);
                    }
                }
            }
        }
        Ok(())
    }

    /// Nodes to take out: those that lose most at the duals, with chance in the order.
    fn choose(
        &self,
        target: &Target,
        duals: &Duals,
        best: &Packed,
        size: usize,
        round: u64,
    ) -> Packed {
        let mut ranked: Vec<(f64, usize)> = Vec::new();
        for (i, (column, nodes)) in best.nodes.iter().enumerate() {
            let Ok(place) = target.kinds.binary_search(&column.kind) else { continue };
            let cost = self.scale.cost(self.compiled, column.kind, column.point) as f64;
            let worth = duals.worth(self.compiled, target, place, column) as f64;
            let loss = (cost - worth) / cost;
            for copy in 0..(*nodes).min(size as u32) {
                let noise = unit(round, (i as u64) << 20 | u64::from(copy));
                let spread = if round % 3 == 1 { 0.02 } else { 0.3 };
                ranked.push((loss + spread * noise * noise, i));
            }
        }
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        ranked.truncate(size);
        let mut counts = vec![0_u32; best.nodes.len()];
        for (_, i) in ranked {
            counts[i] += 1;
        }
        let mut taken = Packed::default();
        for (i, count) in counts.into_iter().enumerate() {
            taken.push(best.nodes[i].0.clone(), count);
        }
        taken
    }

    fn reoptimize(
        &self,
        target: &Target,
        best: &Packed,
        taken: &Packed,
    ) -> Result<Option<Packed>, SolveError> {
        let mut rest = best.clone();
        for (column, nodes) in &taken.nodes {
            if let Some(entry) =
                rest.nodes.iter_mut().find(|entry| entry.0 == *column && entry.1 >= *nodes)
            {
                entry.1 -= nodes;
            }
        }
        rest.nodes.retain(|entry| entry.1 > 0);
        let mut left = target.clone();
        for (column, nodes) in &rest.nodes {
            left.subtract(self.compiled, column.kind, column.point, &column.content, *nodes);
        }
        let mut pool = Pool::default();
        for (column, _) in &taken.nodes {
            let content: Vec<(u32, u32)> = column
                .content
                .iter()
                .map(|&(class, pods)| (class, pods.min(left.demand[column.point][class as usize])))
                .filter(|(_, pods)| *pods > 0)
                .collect();
            pool.add(Column { content, ..column.clone() });
        }
        let before = taken.cost(self.compiled);
        let relaxed = generate::generate(
            self.compiled,
            &left,
            self.scale,
            &mut pool,
            Start::default(),
            &self.quick(30),
            self.meter,
        )?;
        let Some(relaxed) = relaxed else { return Ok(None) };
        if relaxed.shortage > 1e-6 || relaxed.objective >= before as f64 - 0.5 {
            return Ok(None);
        }
        let found = self.master(&left, &pool, &relaxed, before, 6_000)?;
        Ok(found.map(|found| {
            for (column, nodes) in found.nodes {
                match rest.nodes.iter_mut().find(|entry| entry.0 == column) {
                    Some(entry) => entry.1 += nodes,
                    None => rest.nodes.push((column, nodes)),
                }
            }
            rest
        }))
    }
}

/// A number in [0, 1) from a round and an index (splitmix64).
fn unit(round: u64, index: u64) -> f64 {
    let mut z = round
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(index.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
