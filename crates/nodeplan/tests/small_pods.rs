//! Many pods that are small beside nodes: there node counts bound the search. The judge must
//! grant what the solver claims, and the assignment ILP must find nothing cheaper.

mod worlds;

use ndarray::Array2;
use nodeplan_eval::{JudgeOptions, judge};
use nodeplan_model::plan::Status;
use nodeplan_model::problem::{Cluster, LoadPoint, Problem, SystemPool};
use nodeplan_model::units::{DAY_MILLIS, MIB};
use nodeplan_solve::{Control, Options, ilp, solve};
use worlds::{Draw, plain, seeds};

const ILP: ilp::Limits = ilp::Limits { variables: 20_000, branches: 300 };
/// Enough for a tree of some dozen leaves.
const WORK: u64 = 3_000_000;

/// Sizes of 4 to 16 vCPUs, pods of a tenth to a half of one, one or two load points.
fn crowd(seed: u64) -> Problem {
    let mut draw = Draw::new(seed);
    let kinds = 2 + draw.index(3);
    let skus = (0..kinds)
        .map(|at| {
            let vcpus = draw.pick(&[4_u32, 4, 8, 16]);
            let gib = u64::from(vcpus) * draw.pick(&[2_u64, 4, 8]);
            let rate = u64::from(vcpus) * 20_000_000 + gib * 5_000_000;
            let rate = rate * draw.within(95, 105) / 100 / 1_000_000 * 1_000_000;
            plain::sku(&format!("Standard_T{at}s_v1"), vcpus, gib, rate)
        })
        .collect();
    let workloads: Vec<_> = (0..2 + draw.index(3))
        .map(|at| {
            let cpu = 25 * draw.within(4, 18);
            let memory = cpu * draw.pick(&[2_u64, 4, 8]) * MIB;
            let mut workload = plain::workload(&format!("w{at}"), cpu, memory, 2 + at as u32);
            workload.max_per_node = draw.chance(15).then(|| draw.within(8, 20) as u32);
            workload
        })
        .collect();
    let points = 1 + draw.index(2);
    let mut demand = Array2::zeros((points, workloads.len()));
    for mut column in demand.columns_mut() {
        let high = draw.within(20, 60) as u32;
        for pods in &mut column {
            *pods = high;
        }
        if points == 2 {
            column[1] = draw.within(5, u64::from(high)) as u32;
        }
    }
    let half = DAY_MILLIS / points as u64;
    let points = (0..points)
        .map(|at| LoadPoint { name: format!("point-{at}"), weight_millis: half })
        .collect();
    let max_pools = draw.chance(30).then(|| 1 + draw.index(2) as u32);
    let system_pool = if draw.chance(30) { SystemPool::Shared } else { SystemPool::None };
    let cluster =
        Cluster { max_pools, system_pool, max_pods: vec![250], ..nodeplan::standard_cluster() };
    Problem::new(plain::parts(skus, cluster, workloads, points, demand))
        .expect("the generator keeps to the rules of `Problem`")
}

#[test]
fn counts_claim_nothing_that_the_judge_or_the_ilp_denies() {
    let compared = seeds::sweep("small_pods::counts", 12, |seed| {
        let problem = crowd(seed);
        let options = Options { work_limit: WORK, ..Options::default() };
        let found = solve(&problem, &options, Control::NONE).map_err(|e| e.to_string())?;
        let (plan, proof) = (found.plan.as_ref(), found.certificate.as_ref());
        let verdict = judge(&problem, plan, proof, &JudgeOptions::default());
        if !verdict.findings.is_empty() {
            return Err(format!("{:?}", verdict.findings));
        }
        if found.status == Status::Optimal && !verdict.optimal() {
            return Err(format!("claims the optimum: {verdict:?}"));
        }
        let rival = ilp::solve(&problem, ILP).map_err(|e| e.to_string())?;
        let Some(other) = rival.plan.as_ref() else { return Ok((verdict, false)) };
        let theirs = judge(&problem, Some(other), None, &JudgeOptions::default());
        if !theirs.findings.is_empty() || theirs.cost < verdict.bound {
            return Err(format!("the bound {:?} is above a plan: {theirs:?}", verdict.bound));
        }
        let best = rival.status == Status::Optimal;
        if best && plan.is_some() && verdict.cost < theirs.cost {
            return Err(format!("{:?} is below the optimum {:?}", verdict.cost, theirs.cost));
        }
        Ok((verdict, best))
    });
    let near = |cost: u128, bound: u128| bound * 100 >= cost * 97;
    let close = compared.iter().filter(|(v, _)| near(v.cost.0, v.bound.0)).count();
    let solved = compared.iter().filter(|(_, best)| *best).count();
    println!("{} problems, {close} within 3 %, {solved} solved by the ILP", compared.len());
    assert!(close * 2 >= compared.len(), "most gaps are small: {close} of {}", compared.len());
}
