//! A limit on the work is one on the check of the proof as well.

use nodeplan::eval::judge;
use nodeplan::io::{catalog::catalog, csv::workloads_csv};
use nodeplan::model::eligibility::Filter;
use nodeplan::model::problem::Problem;
use nodeplan::{Options, Setup, optimize, problem_from};

/// Eight workloads of large pods, at whose proof the judge labours.
fn problem() -> Problem {
    let mut csv = "name,replicas,cpu_request,memory_request\n".to_owned();
    for at in 0..8 {
        let (cpu, memory) = (1130 + 197 * (at % 11), 2300 + 1411 * (at % 7) + 113 * at);
        csv.push_str(&format!("w{at},{},{cpu}m,{memory}Mi\n", 6 + at % 5));
    }
    let file = workloads_csv("w.csv", csv.as_bytes(), &Default::default()).expect("rows");
    let catalog = catalog("koreacentral").expect("a region");
    let filter = Filter::new(catalog.date);
    problem_from(Setup::new(&catalog, &filter, file)).expect("a problem").problem
}

#[test]
fn the_judge_keeps_to_the_work_of_the_search() {
    const SEARCH: u64 = 2_000_000;
    const CHECK: u64 = 20_000;
    let mut search_only = Options::default();
    search_only.solve.work_limit = SEARCH;
    let found = optimize(&problem(), &search_only).expect("a plan");
    let long = found.verdict.checked.work;
    assert!(long > 8 * CHECK, "{long} labels: the judge has no need of a limit here");

    let options = Options::default().within(CHECK);
    assert_eq!(options.solve.work_limit, CHECK);
    let (plan, proof) = (found.plan.as_ref(), found.certificate.as_ref());
    let hasty = judge(&found.problem, plan, proof, &options.judge);
    // The limit counts per leaf, and a list of labels is made to its end.
    assert!(hasty.checked.work < long / 2, "{} labels of {long}", hasty.checked.work);
    assert!(hasty.findings.is_empty(), "{:?}", hasty.findings);
    assert!(0 < hasty.bound.0 && hasty.bound <= found.verdict.bound);
    let patient = judge(&found.problem, plan, proof, &search_only.within(SEARCH).judge);
    assert_eq!(patient, found.verdict);
}
