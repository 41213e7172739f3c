//! Bugs put into right plans and right proofs on purpose: the judge must see each of them.
//!
//! A bug in a plan breaks a rule, so there must be a finding. A bug in a certificate may leave
//! a proof of something weaker, so there must be a finding, or the bound the judge derives must
//! still be a bound: never above the true optimum, which enumeration knows.

mod planted;
mod worlds;

use nodeplan_eval::{JudgeOptions, judge};
use nodeplan_model::plan::Status;
use nodeplan_solve::{Control, Options, solve};
use planted::certificates::{self, claim};
use planted::{Case, plans};
use worlds::brute::brute_force;
use worlds::{Draw, seeds, small_problem};

/// Seeds that give every bug a place.
const SEEDS: u64 = 400;

/// A problem with its proven plan; `None` where it has none.
fn right_case(seed: u64) -> Result<Option<Case>, String> {
    let problem = small_problem(seed);
    let solution =
        solve(&problem, &Options::default(), Control::NONE).map_err(|error| error.to_string())?;
    if solution.status != Status::Optimal {
        return Ok(None);
    }
    let plan = solution.plan.ok_or("optimal without a plan")?;
    let certificate = solution.certificate.ok_or("optimal without a certificate")?;
    let verdict = judge(&problem, Some(&plan), Some(&certificate), &JudgeOptions::default());
    if verdict.optimal() {
        Ok(Some(Case { problem, plan, certificate }))
    } else {
        Err(format!("the unspoilt case is not proven: {verdict:?}"))
    }
}

/// Every bug found a place, at least once over all seeds.
fn all_planted(names: &[&str], planted: &[Vec<bool>]) {
    if seeds::count(SEEDS) < SEEDS {
        return;
    }
    for (index, name) in names.iter().enumerate() {
        let places = planted.iter().filter(|row| row.get(index) == Some(&true)).count();
        println!("{name}: {places} places");
        assert!(places > 0, "no seed has a place for `{name}`");
    }
}

#[test]
fn bugs_in_plans_are_found() {
    let planted = seeds::sweep("planted_bugs::bugs_in_plans", SEEDS, |seed| {
        let Some(right) = right_case(seed)? else { return Ok(Vec::new()) };
        let mut planted = Vec::new();
        for (index, (name, plant)) in plans::BUGS.iter().enumerate() {
            let mut case = right.clone();
            let fits = plant(&mut case, &mut Draw::new(seed ^ (index as u64) << 32)).is_some();
            planted.push(fits);
            let verdict = judge(&case.problem, Some(&case.plan), None, &JudgeOptions::default());
            if fits && verdict.findings.is_empty() {
                return Err(format!("`{name}` was not found"));
            }
        }
        Ok(planted)
    });
    let names: Vec<&str> = plans::BUGS.iter().map(|bug| bug.0).collect();
    all_planted(&names, &planted);
}

#[test]
fn bugs_in_certificates_never_lift_the_bound_above_the_optimum() {
    let answers = seeds::sweep("planted_bugs::bugs_in_certificates", SEEDS, |seed| {
        let Some(right) = right_case(seed)? else { return Ok(Vec::new()) };
        let optimum = brute_force(&right.problem).ok_or("a plan, but no optimum")?;
        let mut answers = Vec::new();
        for (index, (name, plant)) in certificates::BUGS.iter().enumerate() {
            let mut case = right.clone();
            let fits = plant(&mut case, &mut Draw::new(seed ^ (index as u64) << 32)).is_some();
            if !fits {
                answers.push((false, false));
                continue;
            }
            let verdict =
                judge(&case.problem, None, Some(&case.certificate), &JudgeOptions::default());
            // Some bugs are in what the solver took the problem to be.
            let optimum = if case.problem == right.problem {
                optimum
            } else {
                brute_force(&case.problem).ok_or("the changed problem has no plan")?
            };
            if verdict.findings.is_empty() && verdict.bound > optimum {
                return Err(format!("`{name}`: bound {:?} above {optimum:?}", verdict.bound));
            }
            let lies = claim(&case).is_some_and(|claimed| claimed > optimum);
            answers.push((true, lies));
        }
        Ok(answers)
    });
    let column = |pick: fn(&(bool, bool)) -> bool| -> Vec<Vec<bool>> {
        answers.iter().map(|row| row.iter().map(pick).collect()).collect()
    };
    let names: Vec<&str> = certificates::BUGS.iter().map(|bug| bug.0).collect();
    all_planted(&names, &column(|answer| answer.0));
    // Taken at its word, a certificate with one of these would prove too much.
    let lies = column(|answer| answer.1);
    if seeds::count(SEEDS) >= SEEDS {
        for (index, name) in names.iter().enumerate() {
            let count = lies.iter().filter(|row| row.get(index) == Some(&true)).count();
            println!("{name}: claims too much {count} times");
            assert!(count > 0 || !certificates::LIARS.contains(name), "`{name}` never lied");
        }
    }
}

#[test]
fn at_least_twenty_bugs_are_planted() {
    assert!(plans::BUGS.len() + certificates::BUGS.len() >= 20);
}
