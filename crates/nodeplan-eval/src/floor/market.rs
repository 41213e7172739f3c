//! Whether a floor is of this world: sizes as the catalog has them and none left out without a word,
//! pods that ask for no more than the inputs say, intervals no longer than nodes are paid for.

use crate::codes::{FLOOR_INTERVAL, FLOOR_SIZES, FLOOR_WORKLOADS};
use crate::verify::Findings;
use nodeplan_model::catalog::{Catalog, Exclusion, Sku};
use nodeplan_model::floor::FloorTerms;
use nodeplan_model::plan::Finding;
use nodeplan_model::problem::Problem;
use nodeplan_model::workload::Workload;

/// A node is paid for so long at most after the end of an interval: the next one begins then.
const LONGEST_MILLIS: u64 = 15_000;

/// Compares the sizes of a floor's problem with the catalog of its day and region. A size may have the
/// lower of its rates, where pools of the scenario are spot pools; what was measured on nodes is
/// not in the catalog.
#[must_use]
pub fn check_sizes(problem: &Problem, catalog: &Catalog) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    for own in problem.skus() {
        let known = catalog.skus.iter().find(|sku| sku.name == own.name);
        if known.is_none_or(|known| !as_sold(own, known)) {
            let what = match known {
                Some(known) => format!(
                    "{} an hour, {} vCPUs; the catalog has {}, {} vCPUs, or else other figures of it",
                    own.rates.on_demand, own.vcpus, known.rates.on_demand, known.vcpus
                ),
                None => "the catalog has no such size".to_owned(),
            };
            found.note(FLOOR_SIZES, own.name.clone(), what);
        }
    }
    let count = |skus: usize, out: &[Exclusion]| {
        out.iter().fold(skus as u64, |sum, one| sum.saturating_add(u64::from(one.skus)))
    };
    let told = count(problem.skus().len(), &problem.parts().excluded);
    let all = count(catalog.skus.len(), &catalog.unusable);
    let twice = problem.skus().windows(2).any(|pair| pair[0].name >= pair[1].name);
    if told != all || twice {
        let text = format!("{told} are there or left out for a reason, the catalog has {all}");
        found.note(FLOOR_SIZES, "sizes", text);
    }
    found.0
}

fn as_sold(own: &Sku, known: &Sku) -> bool {
    let quote = known.rates.spot.map(|quote| quote.rate);
    let rates = [Some(known.rates.on_demand), quote.filter(|rate| *rate < known.rates.on_demand)];
    let mut sold = known.clone();
    (sold.rates.on_demand, sold.measured) = (own.rates.on_demand, own.measured.clone());
    rates.contains(&Some(own.rates.on_demand)) && sold == *own
}

/// Compares the workloads of a floor's problem with those that are given: each is among them, and asks for no
/// more CPU or memory. Those that the floor leaves out can only lower it.
#[must_use]
pub fn check_workloads(problem: &Problem, given: &[Workload]) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    for own in problem.workloads().iter().filter(|own| !own.system) {
        let name = own.full_name();
        let text = match given.iter().find(|row| row.full_name() == name) {
            None => "it is not among the workloads given".to_owned(),
            Some(row) => {
                let (asks, may) = (&own.request, &row.request);
                if asks.cpu <= may.cpu && asks.memory <= may.memory {
                    continue;
                }
                format!(
                    "the floor has {}m CPU and {} bytes for a pod, the workloads given {}m and {}",
                    asks.cpu.0, asks.memory.0, may.cpu.0, may.memory.0
                )
            }
        };
        found.note(FLOOR_WORKLOADS, name, text);
    }
    found.0
}

/// Whether nodes are paid for as long as the terms say.
#[must_use]
pub fn check_interval(terms: &FloorTerms) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    if terms.interval_millis > LONGEST_MILLIS {
        let text =
            format!("{} ms of each interval, {LONGEST_MILLIS} at most", terms.interval_millis);
        found.note(FLOOR_INTERVAL, "floor", text);
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{parts, sku, workload};
    use nodeplan_model::catalog::QuotedRate;
    use nodeplan_model::units::{MilliCpu, UsdPerHour};

    fn world(skus: Vec<Sku>, excluded: u32) -> Problem {
        let mut parts = parts(skus, vec![workload("a", 500, 1 << 30)], &[(1, &[2])]);
        parts.excluded = vec![Exclusion { reason: "burstable".to_owned(), skus: excluded }];
        crate::testing::problem(parts)
    }

    fn sizes() -> Vec<Sku> {
        let mut all = vec![sku("A", 4000, 16 << 30, 100), sku("B", 8000, 32 << 30, 200)];
        let rate = UsdPerHour(70);
        all[1].rates.spot = Some(QuotedRate { rate, estimated: false });
        all
    }

    #[test]
    fn sizes_are_those_of_the_catalog() {
        let own = world(sizes(), 3);
        let catalog = Catalog {
            date: own.parts().catalog_date,
            region: own.parts().region.clone(),
            currency: own.parts().currency.clone(),
            skus: sizes(),
            unusable: vec![Exclusion { reason: "no price".to_owned(), skus: 3 }],
        };
        let told = |change: &dyn Fn(&mut Vec<Sku>), excluded: u32| {
            let mut skus = sizes();
            change(&mut skus);
            let found = check_sizes(&world(skus, excluded), &catalog);
            found.into_iter().map(|one| one.place).collect::<Vec<_>>()
        };
        assert!(told(&|_| (), 3).is_empty());
        // The quote of its spot nodes.
        assert!(told(&|all| all[1].rates.on_demand.0 = 70, 3).is_empty());
        assert_eq!(told(&|all| all[1].rates.on_demand.0 = 199, 3), ["B"]);
        assert_eq!(told(&|all| all[0].rates.on_demand.0 = 101, 3), ["A"]);
        assert_eq!(told(&|all| all[0].vcpus = 2, 3), ["A"]);
        assert_eq!(told(&|all| all[0].name = "AA".to_owned(), 3), ["AA"]);
        // One is gone without a word.
        assert_eq!(told(&|all| all.truncate(1), 3), ["sizes"]);
        assert!(told(&|all| all.truncate(1), 4).is_empty());
    }

    #[test]
    fn workloads_are_those_given_and_ask_for_no_more() {
        let own = world(sizes(), 0);
        for (cpu, name, faults) in [(500, "a", 0), (501, "a", 0), (499, "a", 1), (500, "b", 1)] {
            let mut row = workload(name, 500, 1 << 30);
            row.request.cpu = MilliCpu(cpu);
            assert_eq!(check_workloads(&own, &[row]).len(), faults, "{cpu} {name}");
        }
    }

    #[test]
    fn no_interval_is_longer_than_nodes_are_paid_for() {
        for (interval_millis, faults) in [(1, 0), (15_000, 0), (15_001, 1)] {
            let terms = FloorTerms { interval_millis, ..FloorTerms::default() };
            assert_eq!(check_interval(&terms).len(), faults, "{interval_millis}");
        }
    }
}
