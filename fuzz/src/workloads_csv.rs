//! Workload files: what is accepted is complete, and makes a problem or one whose faults can be
//! told.

use super::plain::sku;
use nodeplan::io::csv::{RULES, WorkloadFile, WorkloadOptions, workloads_csv};
use nodeplan::model::catalog::{Arch, Catalog};
use nodeplan::model::eligibility::Filter;
use nodeplan::model::units::Date;
use nodeplan::{Setup, problem_from};

/// Reads the bytes as a workloads file, with every rule and with every rule ignored.
pub fn run(data: &[u8]) {
    let strict = WorkloadOptions::default();
    let lax = WorkloadOptions {
        default_arches: vec![Arch::Amd64, Arch::Arm64],
        ignore: RULES.iter().map(|(rule, _)| (*rule).to_owned()).collect(),
        spot: true,
    };
    let with_rules = read(data, &strict);
    let without = read(data, &lax);
    assert!(with_rules.is_none() || without.is_some(), "ignoring rules made a fault");
    if let Some(file) = without {
        problem(file);
    }
}

fn read(data: &[u8], options: &WorkloadOptions) -> Option<WorkloadFile> {
    match workloads_csv("workloads.csv", data, options) {
        Err(faults) => {
            super::refused(&faults);
            assert!(faults.is_sorted(), "faults out of order");
            None
        }
        Ok(file) => {
            let rows = file.workloads.len();
            assert_eq!((rows, rows), (file.low.len(), file.high.len()));
            assert!(file.low.iter().zip(&file.high).all(|(low, high)| low <= high));
            assert!(file.workloads.iter().all(|one| !one.arches.is_empty() && one.line > 1));
            Some(file)
        }
    }
}

fn problem(file: WorkloadFile) {
    let date = Date::parse("2026-01-01").expect("a day");
    let catalog = Catalog {
        date,
        region: "koreacentral".to_owned(),
        currency: "USD".to_owned(),
        skus: vec![sku("Standard_A4", 4, 16, 200_000_000), sku("Standard_B8", 8, 64, 500_000_000)],
        unusable: Vec::new(),
    };
    let filter = Filter::new(date);
    let setup = Setup::new(&catalog, &filter, file);
    if let Err(error) = problem_from(setup) {
        assert!(error.code().starts_with("NP2"), "{error}");
    }
}
