//! Random small problems: enumeration, column generation and the assignment ILP find one
//! optimum, and the judge agrees with all of them.

mod worlds;

use ndarray::Array2;
use nodeplan_eval::{JudgeOptions, judge};
use nodeplan_model::catalog::Sku;
use nodeplan_model::certificate::Branch;
use nodeplan_model::plan::{Solution, Status, Verdict};
use nodeplan_model::problem::{Cluster, LoadPoint, Problem, SystemPool};
use nodeplan_model::units::{MIB, Spend};
use nodeplan_solve::{Control, Options, ilp, solve};
use worlds::brute::brute_force;
use worlds::rules::RULES;
use worlds::{plain, seeds, small_problem, yardsticks};

/// The ILP takes much longer than all else; it runs on every so manieth seed.
const ILP_EVERY: u64 = 10;
/// On some small problems its branches are without end; then what it has is not the optimum.
const ILP: ilp::Limits = ilp::Limits { variables: 200_000, branches: 1_000 };

/// What a problem was like.
struct Seen {
    /// In the order of `RULES`.
    rules: Vec<bool>,
    /// Whether the ILP was done, where it was asked.
    ilp: Option<bool>,
    /// The bound is the cost to the last digit.
    exact: bool,
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
        if optimum.is_some() && !near(&verdict) {
            return Err(format!("bound {:?} below the optimum {optimum:?}", verdict.bound));
        }
        let mut seen = seen(&problem, &solution, optimum);
        seen.exact = optimum.is_none() || verdict.optimal();
        if seed.is_multiple_of(ILP_EVERY) || cases == 1 {
            let done = ask_the_ilp(&problem, optimum).map_err(|fault| format!("ILP: {fault}"))?;
            seen.ilp = Some(done);
        }
        Ok(seen)
    });
    let share = |name: &str, has: &dyn Fn(&Seen) -> bool| {
        let percent = 100 * all.iter().filter(|seen| has(seen)).count() / all.len().max(1);
        println!("{name}: {percent} %");
        percent
    };
    let asked = all.iter().filter(|seen| seen.ilp.is_some()).count();
    let done = all.iter().filter(|seen| seen.ilp == Some(true)).count();
    let exact = all.iter().filter(|seen| seen.exact).count();
    println!("{} problems, {exact} exact; the ILP solved {done} of {asked}", all.len());
    let infeasible = share("infeasible", &|seen| seen.infeasible);
    let points = share("two load points or more", &|seen| seen.several_points);
    let gap = share("LP bound below the optimum", &|seen| seen.lp_gap);
    let greedy = share("greedy not optimal", &|seen| seen.greedy_fails);
    let branched = share("branched", &|seen| seen.branched);
    let rules: Vec<usize> = RULES
        .iter()
        .enumerate()
        .map(|(at, (name, _))| share(name, &|seen| seen.rules[at]))
        .collect();
    let of = |seen: &Seen| seen.rules.iter().filter(|has| **has).count();
    let ten = share("ten rules or more at once", &|seen| of(seen) >= 10);
    if cases >= 1000 {
        assert!((5..=20).contains(&infeasible), "{infeasible} % infeasible");
        assert!(points >= 50, "{points} % with two load points");
        assert!(gap >= 30, "{gap} % with an LP gap");
        assert!(greedy >= 30, "{greedy} % where greedy fails");
        assert!(branched >= 10, "{branched} % that branched");
        assert!(ten >= 30, "{ten} % with ten rules at once");
        for ((name, _), share) in RULES.iter().zip(rules) {
            assert!(share >= 3, "{share} %: {name}");
        }
        assert!(1000 * exact >= 999 * all.len(), "{exact} exact of {}", all.len());
        assert!(10 * done >= 9 * asked, "the ILP solved {done} of {asked}");
    }
}

/// What the ILP finds is the optimum, and true to `optimum` where it has to stop before; says
/// whether it was done.
fn ask_the_ilp(problem: &Problem, optimum: Option<Spend>) -> Result<bool, String> {
    let found = ilp::solve(problem, ILP).map_err(|error| error.to_string())?;
    if matches!(found.status, Status::Optimal | Status::Infeasible) {
        return agrees(problem, &found, optimum).map(|_| true);
    }
    let Some(plan) = &found.plan else { return Ok(false) };
    let verdict = judge(problem, Some(plan), None, &JudgeOptions::default());
    if !verdict.findings.is_empty() || optimum.is_none_or(|least| verdict.cost < least) {
        return Err(format!("{verdict:?}, expected {optimum:?}"));
    }
    Ok(false)
}

/// Whether the bound is the cost, but for what the floats of an LP cannot tell apart: where the
/// weights of load points share no divisor, costs of equal plans differ by less.
fn near(verdict: &Verdict) -> bool {
    verdict.cost.saturating_sub(verdict.bound).0 <= verdict.cost.0 / 1_000_000_000
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
    // The judge may prove what the solver, with its coarser bounds, left open.
    let proven = near(&verdict) && solution.status == Status::Feasible;
    let found = if proven { Status::Optimal } else { solution.status };
    if (cost, found) != (optimum, status) {
        return Err(format!("{cost:?}, {found:?}, expected {optimum:?}"));
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
        rules: RULES.iter().map(|(_, has)| has(problem)).collect(),
        ilp: None,
        exact: false,
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

/// Pods that take two disks each have no use for a third, so only the cheaper size is left and
/// costs are multiples of its rate; where one pod takes one disk, both sizes stay.
#[test]
fn solver_and_judge_know_room_that_no_pods_can_fill() {
    for (disks, step) in [([2, 2], 246), ([2, 1], 3)] {
        let (cheap, dear) = (plain::sku("A", 4, 16, 246), plain::sku("B", 4, 16, 285));
        let skus = vec![Sku { max_data_disks: 2, ..cheap }, Sku { max_data_disks: 3, ..dear }];
        let workloads = [("one", disks[0]), ("two", disks[1])].map(|(name, disks)| {
            let mut workload = plain::workload(name, 100, MIB, 2);
            workload.request.data_disks = disks;
            workload
        });
        let cluster = Cluster { system_pool: SystemPool::None, ..nodeplan::standard_cluster() };
        let points = vec![LoadPoint { name: "day".to_owned(), weight_millis: 10 }];
        let demand = Array2::from_elem((1, 2), 2);
        let parts = plain::parts(skus, cluster, workloads.to_vec(), points, demand);
        let problem = Problem::new(parts).expect("a sound problem");
        let solution = solve(&problem, &Options::default(), Control::NONE).expect("it is solved");
        let verdict = agrees(&problem, &solution, brute_force(&problem)).expect("they agree");
        assert!(verdict.optimal(), "{disks:?}: {verdict:?}");
        assert_eq!(verdict.lattice, Spend(step * 10), "{disks:?}");
    }
}

#[test]
fn a_seed_is_a_problem() {
    for seed in [0, 7, u64::MAX] {
        assert_eq!(small_problem(seed), small_problem(seed), "seed {seed}");
    }
    assert_ne!(small_problem(0), small_problem(1));
}
