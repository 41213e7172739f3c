//! Small problems of every shape: the front door solves each, or says why not, and the judge and
//! the assignment ILP agree with it.

use super::problem::{Case, decode};
use nodeplan::eval::{JudgeOptions, judge};
use nodeplan::model::plan::Status;
use nodeplan::solve::ilp;
use nodeplan::{Error, Optimized, Options, optimize};

/// Most work units of the solver.
const WORK: u64 = 300_000;
/// Most labels of the judge.
const JUDGE: JudgeOptions = JudgeOptions { work_limit: 300_000 };
/// Largest rate of a problem that the ILP is asked about: a thousand dollars an hour. Beyond it
/// HiGHS' simplex, which has no limit there, can pivot for minutes.
const DEAREST: u64 = 1_000_000_000_000;
/// Limits of the ILP; what it finds within them is legal, whether or not it is the cheapest.
const ILP: ilp::Limits = ilp::Limits { variables: 400, branches: 200 };

/// Solves the problem that the bytes stand for.
pub fn run(data: &[u8]) {
    let Case { problem, oracle } = decode(data);
    let mut options = Options { judge: JUDGE, ..Options::default() };
    options.solve.work_limit = WORK;
    let found = match optimize(&problem, &options) {
        Ok(found) => found,
        Err(Error::Problem(faults)) if !faults.is_empty() => return,
        Err(error) => panic!("{error}"),
    };
    let verdict = judge(&found.problem, found.plan.as_ref(), found.certificate.as_ref(), &JUDGE);
    assert_eq!(verdict, found.verdict, "the judge changed its mind");
    assert_eq!(verdict.findings, Vec::new());
    if found.plan.is_some() {
        assert!(verdict.bound <= verdict.cost, "bound above cost: {verdict:?}");
    }
    match found.status {
        Status::Optimal => assert_eq!(verdict.cost, verdict.bound),
        Status::Feasible => assert!(found.plan.is_some()),
        Status::Infeasible => assert!(!found.unplaceable.is_empty(), "infeasible, no reason"),
        Status::OutOfWork => assert!(found.plan.is_none()),
    }
    if oracle && problem.skus().iter().all(|sku| sku.rates.on_demand.0 <= DEAREST) {
        ask_the_ilp(&found);
    }
}

/// What the ILP finds is legal and not below our bound; where it finds a plan there is one.
fn ask_the_ilp(found: &Optimized) {
    let Ok(other) = ilp::solve(&found.problem, ILP) else { return };
    if let Some(plan) = &other.plan {
        let proof = found.certificate.as_ref();
        let verdict = judge(&found.problem, Some(plan), proof, &JUDGE);
        assert_eq!(verdict.findings, Vec::new(), "the ILP's plan");
        assert_ne!(found.status, Status::Infeasible, "the ILP has a plan");
        if found.status == Status::Optimal {
            assert!(found.verdict.cost <= verdict.cost, "the ILP's plan is cheaper");
        }
    } else if other.status == Status::Infeasible {
        assert_eq!(found.plan, None, "the ILP says that there is no plan");
    }
}
