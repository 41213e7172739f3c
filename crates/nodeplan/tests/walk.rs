//! The whole way from a row to a page: each step one function. Read this first.

use nodeplan::io::catalog::catalog;
use nodeplan::io::csv::workloads_csv;
use nodeplan::model::eligibility::{Filter, Pattern};
use nodeplan::model::plan::Status;
use nodeplan::report;
use nodeplan::{Extras, Options, Setup};

const WORKLOADS: &str = "\
name,min_replicas,max_replicas,cpu_request,memory_request
web,2,6,500m,1Gi
queue,1,1,1,2Gi
";

#[test]
fn from_a_row_to_a_page() {
    let file = workloads_csv("workloads.csv", WORKLOADS.as_bytes(), &Default::default()).unwrap();
    let catalog = catalog("koreacentral").unwrap();
    let filter = Filter {
        allow: ["D2s_v3", "D4s_v3"].map(Pattern::new).to_vec(),
        ..Filter::new(catalog.date)
    };
    let prepared = nodeplan::problem_from(Setup::new(&catalog, &filter, file)).unwrap();
    let best = nodeplan::optimize(&prepared.problem, &Options::default()).unwrap();
    let answer = nodeplan::answer(&best, Extras::default());
    let page = report::markdown(&report::answer::document(&answer, Default::default()));

    // By hand: 4 + 0.572 cores of pods and 350m of add-ons a node take a D4s_v3 and a D2s_v3 at
    // the high point; at the low one 2.572 cores take the D4s_v3 alone.
    let rates: Vec<String> = best.verdict.rates.iter().map(ToString::to_string).collect();
    assert_eq!(rates, ["0.3690", "0.2460"]);
    assert!(matches!(best.status, Status::Optimal | Status::Feasible));
    assert!(page.contains("| d4sv3 | System | Standard\\_D4s\\_v3 | 1 |"), "{page}");
}
