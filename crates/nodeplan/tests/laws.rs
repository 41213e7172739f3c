//! What must hold between the optima of a problem and of the same problem with one change.

mod worlds;

use ndarray::{Array2, Axis};
use nodeplan_eval::{JudgeOptions, judge};
use nodeplan_model::plan::{Plan, Solution, Status};
use nodeplan_model::problem::{Problem, ProblemParts};
use nodeplan_model::units::{Spend, UsdPerHour};
use nodeplan_solve::{Control, Options, solve};
use worlds::brute::brute_force;
use worlds::{Draw, seeds, small_problem};

fn solved(problem: &Problem, options: &Options) -> Result<Solution, String> {
    solve(problem, options, Control::NONE).map_err(|error| error.to_string())
}

/// The proven optimum with a plan, or `None` where there is none.
fn optimum(problem: &Problem) -> Result<Option<(Spend, Plan)>, String> {
    let solution = solved(problem, &Options::default())?;
    if solution.status == Status::Infeasible {
        return Ok(None);
    }
    let plan = solution.plan.ok_or("no plan")?;
    let proof = solution.certificate.as_ref();
    let verdict = judge(problem, Some(&plan), proof, &JudgeOptions::default());
    if verdict.optimal() {
        Ok(Some((verdict.cost, plan)))
    } else {
        Err(format!("not proven: {verdict:?}"))
    }
}

fn cost(problem: &Problem) -> Result<Option<Spend>, String> {
    Ok(optimum(problem)?.map(|(cost, _)| cost))
}

fn changed(problem: &Problem, change: impl FnOnce(&mut ProblemParts)) -> Problem {
    let mut parts = problem.parts().clone();
    change(&mut parts);
    Problem::new(parts).expect("the change keeps the problem sound")
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, want: &T) -> Result<(), String> {
    if found == want { Ok(()) } else { Err(format!("{what}: {found:?}, expected {want:?}")) }
}

/// Infeasible counts as dearer than everything.
fn not_below(what: &str, less: Option<Spend>, more: Option<Spend>) -> Result<(), String> {
    let rank = |cost: Option<Spend>| cost.map_or(u128::MAX, |cost| cost.0);
    if rank(less) <= rank(more) {
        Ok(())
    } else {
        Err(format!("{what}: {less:?} is above {more:?}"))
    }
}

/// Whatever the limits of the search: never more pools than allowed, and a refusal is true.
#[test]
fn one_more_pool_never_raises_the_cost_and_only_what_is_impossible_is_refused() {
    let refused = seeds::sweep("laws::one_more_pool", 80, |seed| {
        let problem = small_problem(seed);
        let mut before: Option<Spend> = None;
        let mut refused = 0;
        for most in 1..=4 {
            let limited = changed(&problem, |parts| parts.cluster.max_pools = Some(most));
            let found = optimum(&limited)?;
            match &found {
                Some((_, plan)) if plan.pools.len() > most as usize => {
                    return Err(format!("{} pools, not {most}", plan.pools.len()));
                }
                Some(_) => {}
                None => {
                    refused += 1;
                    expect(&format!("{most} pools"), &brute_force(&limited), &None)?;
                }
            }
            let cost = found.map(|(cost, _)| cost);
            not_below(&format!("{most} pools"), cost, before)?;
            before = cost;
        }
        Ok(refused)
    });
    assert!(refused.iter().sum::<usize>() > 0 || refused.len() == 1, "nothing was impossible");
}

/// Feasibility is settled before the search, so it does not depend on its work.
#[test]
fn whether_so_few_pools_can_do_is_known_without_any_work() {
    seeds::sweep("laws::so_few_pools", 80, |seed| {
        let problem = small_problem(seed);
        for most in 1..=3 {
            let limited = changed(&problem, |parts| parts.cluster.max_pools = Some(most));
            let found = solved(&limited, &Options { work_limit: 0, ..Options::default() })?;
            expect(
                &format!("a plan of {most} pools"),
                &found.plan.is_some(),
                &brute_force(&limited).is_some(),
            )?;
            let infeasible = found.status == Status::Infeasible;
            expect("refused", &infeasible, &found.plan.is_none())?;
        }
        Ok(())
    });
}

#[test]
fn row_order_changes_no_optimum() {
    seeds::sweep("laws::row_order", 80, |seed| {
        let problem = small_problem(seed);
        let mut order: Vec<usize> = (0..problem.workloads().len()).collect();
        let mut draw = Draw::new(!seed);
        for last in (1..order.len()).rev() {
            order.swap(last, draw.below(last as u64 + 1) as usize);
        }
        let shuffled = changed(&problem, |parts| {
            parts.workloads = order.iter().map(|&i| parts.workloads[i].clone()).collect();
            parts.demand = parts.demand.select(Axis(1), &order);
            parts.cluster.addons.reverse();
        });
        expect("cost in another order", &cost(&shuffled)?, &cost(&problem)?)
    });
}

#[test]
fn scaled_rates_scale_the_optimum() {
    seeds::sweep("laws::scaled_rates", 80, |seed| {
        let problem = small_problem(seed);
        let factor = 1 + Draw::new(!seed).below(999);
        let dearer = changed(&problem, |parts| {
            for sku in &mut parts.skus {
                sku.rates.on_demand = UsdPerHour(sku.rates.on_demand.0 * factor);
                if let Some(quote) = &mut sku.rates.spot {
                    quote.rate = UsdPerHour(quote.rate.0 * factor);
                }
            }
        });
        let want = cost(&problem)?.map(|cost| Spend(cost.0 * u128::from(factor)));
        expect("cost at scaled rates", &cost(&dearer)?, &want)
    });
}

#[test]
fn a_size_no_optimal_plan_uses_can_go() {
    let gone = seeds::sweep("laws::a_size", 80, |seed| {
        let problem = small_problem(seed);
        let Some((cost_with, plan)) = optimum(&problem)? else { return Ok(0) };
        let mut gone = 0;
        for index in 0..problem.skus().len() {
            if plan.pools.iter().all(|pool| pool.kind.sku.index() != index) {
                let without = changed(&problem, |parts| {
                    parts.skus.remove(index);
                });
                expect("cost without an unused size", &cost(&without)?, &Some(cost_with))?;
                gone += 1;
            }
        }
        Ok(gone)
    });
    assert!(gone.iter().sum::<usize>() > 0 || gone.len() == 1, "no plan left a size out");
}

#[test]
fn one_more_size_never_raises_the_optimum() {
    seeds::sweep("laws::one_more_size", 80, |seed| {
        let problem = small_problem(seed);
        let with_all = cost(&problem)?;
        for index in 0..problem.skus().len() {
            if problem.skus().len() > 1 {
                let without = changed(&problem, |parts| {
                    parts.skus.remove(index);
                });
                not_below("one more size", with_all, cost(&without)?)?;
            }
        }
        Ok(())
    });
}

/// Only where the fewer pods couple no further load points: a new coupling is a new rule, and
/// that may cost.
#[test]
fn one_pod_less_never_raises_the_optimum() {
    let compared = seeds::sweep("laws::one_pod_less", 80, |seed| {
        let problem = small_problem(seed);
        let full = cost(&problem)?;
        let coupled = problem.coupled_points();
        let mut compared = 0;
        let places: Vec<(usize, usize)> =
            problem.demand().indexed_iter().filter(|(_, n)| **n > 0).map(|(at, _)| at).collect();
        for at in places {
            let fewer = changed(&problem, |parts| parts.demand[at] -= 1);
            if fewer.coupled_points().iter().all(|pair| coupled.contains(pair)) {
                not_below("one pod less", cost(&fewer)?, full)?;
                compared += 1;
            }
        }
        Ok(compared)
    });
    assert!(compared.iter().sum::<usize>() > 0 || compared.len() == 1, "nothing compared");
}

#[test]
fn the_bound_is_never_above_the_optimum_however_early_the_search_ends() {
    seeds::sweep("laws::the_bound", 80, |seed| {
        let problem = small_problem(seed);
        let optimum = brute_force(&problem);
        for work_limit in [0, 1, 30, 300, 3_000] {
            let options = Options { work_limit, ..Options::default() };
            let solution = solved(&problem, &options)?;
            let (plan, proof) = (solution.plan.as_ref(), solution.certificate.as_ref());
            let verdict = judge(&problem, plan, proof, &JudgeOptions::default());
            let early = format!("after {work_limit} work units");
            expect(&format!("findings {early}"), &verdict.findings, &Vec::new())?;
            not_below(&format!("bound {early}"), Some(verdict.bound), optimum)?;
            if plan.is_some() {
                not_below(&format!("optimum {early}"), optimum, Some(verdict.cost))?;
            }
            if solution.status == Status::Infeasible {
                expect(&format!("infeasible {early}"), &optimum, &None)?;
            }
        }
        Ok(())
    });
}

#[test]
fn one_thread_and_two_give_the_same_solution() {
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of threads")
    };
    let (one, two) = (pool(1), pool(2));
    for seed in seeds::range(40) {
        let problem = small_problem(seed);
        let alone = one.install(|| solved(&problem, &Options::default()));
        let together = two.install(|| solved(&problem, &Options::default()));
        assert_eq!(alone, together, "seed {seed}");
    }
}

#[test]
fn a_second_load_point_of_equal_demand_costs_its_share() {
    seeds::sweep("laws::a_second_load_point", 60, |seed| {
        let problem = small_problem(seed);
        let half = |weight: u64| weight.div_ceil(2);
        let last = problem.points().len() - 1;
        if problem.points()[last].weight_millis < 2 {
            return Ok(());
        }
        let split = changed(&problem, |parts| {
            let weight = parts.points[last].weight_millis;
            let mut twin = parts.points[last].clone();
            twin.name = "twin".to_owned();
            twin.weight_millis = weight - half(weight);
            parts.points[last].weight_millis = half(weight);
            parts.points.push(twin);
            let row = parts.demand.row(last).to_owned();
            let mut demand: Array2<u32> = parts.demand.clone();
            demand.push_row(row.view()).expect("a row of the same length");
            parts.demand = demand;
        });
        expect("cost with a load point split in two", &cost(&split)?, &cost(&problem)?)
    });
}
