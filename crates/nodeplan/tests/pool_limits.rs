//! Limits on the number of pools, on problems whose workloads need pools of their own.

use nodeplan::io::{catalog::catalog, csv::workloads_csv};
use nodeplan::model::answer::PoolCount;
use nodeplan::model::eligibility::Filter;
use nodeplan::model::plan::Status;
use nodeplan::model::problem::{Cluster, Problem, SystemPool};
use nodeplan::solve::Control;
use nodeplan::{Options, Setup, optimize, pool_counts, problem_from, standard_cluster};

/// Three teams with nodes of their own, among all sizes of the region.
const TEAMS: &str = "name,min_replicas,max_replicas,cpu_request,memory_request,node_selector\n\
    red,2,6,500m,1Gi,team=red\n\
    blue,1,9,1500m,12Gi,team=blue\n\
    green,3,3,3,4Gi,team=green\n\
    any,2,5,700m,2Gi,\n";

fn problem(max_pools: Option<u32>, system_pool: SystemPool) -> Problem {
    let file = workloads_csv("w.csv", TEAMS.as_bytes(), &Default::default()).expect("rows");
    let catalog = catalog("koreacentral").expect("a region");
    let filter = Filter::new(catalog.date);
    let mut setup = Setup::new(&catalog, &filter, file);
    setup.cluster = Cluster { max_pools, system_pool, ..standard_cluster() };
    problem_from(setup).expect("a problem").problem
}

/// Work of one solve here: enough for the figures, not for every proof.
fn options() -> Options {
    let mut options = Options::default();
    options.solve.work_limit = 400_000;
    options
}

#[test]
fn too_few_pools_are_refused_and_more_never_cost_more() {
    // A system pool that takes no user pods is one more.
    for (system_pool, need) in [(SystemPool::Shared, 3), (SystemPool::Dedicated, 4)] {
        let mut before = None;
        for most in 1..=6 {
            let found = optimize(&problem(Some(most), system_pool), &options()).unwrap();
            if most < need {
                assert_eq!(found.status, Status::Infeasible, "{most} pools");
                let reason = &found.unplaceable[0].reason;
                assert!(reason.contains("raise --max-pools"), "{reason}");
                continue;
            }
            let plan = found.plan.as_ref().expect("a plan");
            assert!(plan.pools.len() <= most as usize, "{} pools, not {most}", plan.pools.len());
            let cost = found.cost().expect("a plan has a cost");
            assert!(before.is_none_or(|before| cost <= before), "{most} pools: {cost:?}");
            before = Some(cost);
        }
    }
}

#[test]
fn the_table_of_pool_counts_says_impossible_where_it_is() {
    let ours = optimize(&problem(Some(5), SystemPool::Shared), &options()).unwrap();
    let table = pool_counts(&ours, &options(), Control::NONE).unwrap();
    let impossible = |row: &PoolCount| row.status == Status::Infeasible;
    assert_eq!(table.iter().map(impossible).collect::<Vec<_>>()[..3], [true, true, false]);
    for row in table.iter().filter(|row| impossible(row)) {
        assert_eq!((row.month, row.bound), (None, None), "{row:?}");
    }
    let months: Vec<_> = table.iter().filter_map(|row| row.month).collect();
    assert!(months.len() > 1 && months.windows(2).all(|pair| pair[1] <= pair[0]), "{months:?}");
}
