//! Random small problems: enumeration, column generation and the assignment ILP find one
//! optimum, and the judge agrees with all of them.

mod worlds;

use nodeplan_eval::{JudgeOptions, judge};
use nodeplan_model::certificate::Branch;
use nodeplan_model::plan::{Solution, Status, Verdict};
use nodeplan_model::problem::Problem;
use nodeplan_model::units::Spend;
use nodeplan_solve::{Control, Options, ilp, solve};
use worlds::brute::brute_force;
use worlds::{seeds, small_problem, yardsticks};

/// The ILP takes much longer than all else; it runs on every so manieth seed.
const ILP_EVERY: u64 = 10;

/// What a problem was like.
struct Seen {
    infeasible: bool,
    several_points: bool,
    lp_gap: bool,
    greedy_fails: bool,
    branched: bool,
}

#[test]
fn every_way_to_an_optimum_finds_the_same() {
    let cases = seeds::count(300);
    let all = seeds::sweep("brute_force::every_way", 300, |seed| {
        let problem = small_problem(seed);
        let optimum = brute_force(&problem);
        let solution = solve(&problem, &Options::default(), Control::NONE)
            .map_err(|error| format!("column generation: {error}"))?;
        let verdict = agrees(&problem, &solution, optimum)
            .map_err(|fault| format!("column generation: {fault}"))?;
        if optimum.is_some() && !verdict.optimal() {
            return Err(format!("bound {:?} below the optimum {optimum:?}", verdict.bound));
        }
        if seed.is_multiple_of(ILP_EVERY) || cases == 1 {
            let by_ilp = ilp::solve(&problem, ilp::Limits::default())
                .map_err(|error| format!("ILP: {error}"))?;
            agrees(&problem, &by_ilp, optimum).map_err(|fault| format!("ILP: {fault}"))?;
        }
        Ok(seen(&problem, &solution, optimum))
    });
    let share = |name: &str, has: &dyn Fn(&Seen) -> bool| {
        let percent = 100 * all.iter().filter(|seen| has(seen)).count() / all.len().max(1);
        println!("{name}: {percent} %");
        percent
    };
    println!("{} problems", all.len());
    let infeasible = share("infeasible", &|seen| seen.infeasible);
    let points = share("two load points or more", &|seen| seen.several_points);
    let gap = share("LP bound below the optimum", &|seen| seen.lp_gap);
    let greedy = share("greedy not optimal", &|seen| seen.greedy_fails);
    let branched = share("branched", &|seen| seen.branched);
    if cases >= 1000 {
        assert!((5..=20).contains(&infeasible), "{infeasible} % infeasible");
        assert!(points >= 50, "{points} % with two load points");
        assert!(gap >= 30, "{gap} % with an LP gap");
        assert!(greedy >= 30, "{greedy} % where greedy fails");
        assert!(branched >= 10, "{branched} % that branched");
    }
}

/// The plan is legal and costs the optimum, or there is none and the solution says so.
fn agrees(
    problem: &Problem,
    solution: &Solution,
    optimum: Option<Spend>,
) -> Result<Verdict, String> {
    let (plan, proof) = (solution.plan.as_ref(), solution.certificate.as_ref());
    let verdict = judge(problem, plan, proof, &JudgeOptions::default());
    let cost = plan.map(|_| verdict.cost);
    let status = if optimum.is_some() { Status::Optimal } else { Status::Infeasible };
    if !verdict.findings.is_empty() {
        return Err(format!("{:?}", verdict.findings));
    }
    if (cost, solution.status) != (optimum, status) {
        return Err(format!("{cost:?}, {:?}, expected {optimum:?}", solution.status));
    }
    if optimum.is_none() && solution.unplaceable.is_empty() {
        return Err("infeasible without a reason".to_owned());
    }
    if verdict.lattice.0 > 0 && !verdict.cost.0.is_multiple_of(verdict.lattice.0) {
        return Err(format!("{:?} is off the lattice {:?}", verdict.cost, verdict.lattice));
    }
    Ok(verdict)
}

fn seen(problem: &Problem, solution: &Solution, optimum: Option<Spend>) -> Seen {
    let below = |lp: f64, cost: Spend| lp < cost.0 as f64 * (1.0 - 1e-7);
    let bound = optimum.and_then(|_| yardsticks::relaxed(problem)).map(|lp| lp.bound);
    let tree = solution.certificate.iter().flat_map(|certificate| &certificate.tree);
    Seen {
        infeasible: optimum.is_none(),
        several_points: problem.points().len() > 1,
        lp_gap: bound.zip(optimum).is_some_and(|(lp, cost)| below(lp, cost)),
        greedy_fails: optimum.is_some() && yardsticks::greedy(problem) != optimum,
        branched: tree.into_iter().any(|branch| !matches!(branch, Branch::Leaf(_))),
    }
}

#[test]
fn the_assignment_ilp_finds_the_optimum() {
    let statuses = seeds::sweep("brute_force::the_assignment_ilp", 60, |seed| {
        let problem = small_problem(seed);
        let solution = ilp::solve(&problem, ilp::Limits::default()).map_err(|e| e.to_string())?;
        agrees(&problem, &solution, brute_force(&problem))?;
        Ok(solution.status)
    });
    assert!(statuses.contains(&Status::Optimal) || seeds::count(60) == 1);
}

#[test]
fn the_lp_and_greedy_bracket_the_optimum() {
    seeds::sweep("brute_force::the_lp_and_greedy", 300, |seed| {
        let problem = small_problem(seed);
        let Some(optimum) = brute_force(&problem) else { return Ok(()) };
        let cost = optimum.0 as f64;
        let lp = yardsticks::relaxed(&problem).ok_or("the LP has no solution")?;
        if lp.bound > cost * (1.0 + 1e-7) {
            return Err(format!("LP {} above the optimum {cost}", lp.bound));
        }
        if yardsticks::greedy(&problem).is_some_and(|greedy| greedy < optimum) {
            return Err(format!("greedy below the optimum {cost}"));
        }
        // The judge finds in the LP's duals, made without the solver, the LP's bound; it may
        // round it up to the next cost a plan can have.
        let verdict = judge(&problem, None, Some(&lp.certificate), &JudgeOptions::default());
        let bound = verdict.bound;
        if !verdict.findings.is_empty() || bound > optimum || (bound.0 as f64) < lp.bound * ALMOST {
            return Err(format!("LP {}, optimum {cost}, judge {verdict:?}", lp.bound));
        }
        Ok(())
    });
}

/// One, but for the rounding of floats.
const ALMOST: f64 = 1.0 - 1e-6;

#[test]
fn a_problem_too_large_for_the_ilp_is_an_error() {
    let problem = small_problem(1);
    let limits = ilp::Limits { variables: 3, ..ilp::Limits::default() };
    let error = ilp::solve(&problem, limits).expect_err("more than three variables");
    assert_eq!(error.code(), "NP3002");
}

#[test]
fn a_seed_is_a_problem() {
    for seed in [0, 7, u64::MAX] {
        assert_eq!(small_problem(seed), small_problem(seed), "seed {seed}");
    }
    assert_ne!(small_problem(0), small_problem(1));
}
