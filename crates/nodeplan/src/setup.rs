//! From a catalog, a cluster's rules and workloads to a checked problem.

use crate::Error;
use ndarray::Array2;
use nodeplan_io::addons::{Preset, daemonsets, system_workloads};
use nodeplan_io::catalog::{SIZE_PREFIX, nearest};
use nodeplan_io::csv::WorkloadFile;
use nodeplan_model::catalog::{Catalog, Exclusion, Sku};
use nodeplan_model::eligibility::{Filter, eligible};
use nodeplan_model::problem::{
    Assumption, Burst, Cluster, LoadPoint, Overcommit, Problem, ProblemParts, ReservationModel,
    SystemPool,
};
use nodeplan_model::units::{DAY_MILLIS, HOUR_MILLIS, PerMille};
use nodeplan_model::workload::Workload;

/// A workload with its pods at the low and at the high load point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The workload.
    pub workload: Workload,
    /// Pods at the low point.
    pub low: u32,
    /// Pods at the high point.
    pub high: u32,
}

/// Which load points a plan is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SizeFor {
    /// Only the high point, all day.
    Max,
    /// Only the low point, all day.
    Min,
    /// Both.
    #[default]
    Both,
}

/// Load points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// Which.
    pub size_for: SizeFor,
    /// Milliseconds a day at the high point.
    pub peak_millis: u64,
    /// The peak hours were not given.
    pub peak_assumed: bool,
}

/// Peak hours where nobody says.
pub const PEAK_HOURS: u64 = 8;

impl Default for Sizing {
    fn default() -> Self {
        let peak_millis = PEAK_HOURS * HOUR_MILLIS;
        Self { size_for: SizeFor::Both, peak_millis, peak_assumed: true }
    }
}

/// Max pods per node where nobody says: that of the overlay network.
pub const MAX_PODS: u32 = 250;
/// Most node pools where nobody says.
pub const MAX_POOLS: u32 = 6;

/// The rules where nobody says otherwise: reservations of AKS 1.29 and newer, the add-ons of
/// overlay networking, a shared system pool, requests alone.
#[must_use]
pub fn standard_cluster() -> Cluster {
    Cluster {
        reservation: ReservationModel::Aks,
        os_overhead: true,
        max_pods: vec![MAX_PODS],
        addons: daemonsets(Preset::Base),
        system_pool: SystemPool::Shared,
        max_pools: Some(MAX_POOLS),
        burst: Burst::default(),
        overcommit: Overcommit::default(),
        headroom: PerMille::default(),
        sustained_cpu: true,
        spot: false,
    }
}

/// Everything a problem is made of.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// Sizes and rates.
    pub catalog: &'a Catalog,
    /// Which sizes may be used.
    pub filter: &'a Filter,
    /// Rules.
    pub cluster: Cluster,
    /// Workloads of the user.
    pub demands: Vec<Demand>,
    /// The platform's own workloads; left out where the system pool is planned elsewhere.
    pub system: Vec<Demand>,
    /// Load points.
    pub sizing: Sizing,
    /// Names of the extended resources.
    pub extended: Vec<String>,
    /// Assumptions made before, most important first.
    pub assumptions: Vec<String>,
}

impl<'a> Setup<'a> {
    /// The workloads of a file under [`standard_cluster`] at both load points, with the
    /// platform's own workloads.
    #[must_use]
    pub fn new(catalog: &'a Catalog, filter: &'a Filter, file: WorkloadFile) -> Self {
        let mut cluster = standard_cluster();
        cluster.addons.extend(file.daemonsets);
        let counts = file.low.into_iter().zip(file.high);
        let demands = file.workloads.into_iter().zip(counts);
        let system = system_workloads(&filter.arches).into_iter();
        Self {
            catalog,
            filter,
            cluster,
            demands: demands
                .map(|(workload, (low, high))| Demand { workload, low, high })
                .collect(),
            system: system
                .map(|(workload, pods)| Demand { workload, low: pods, high: pods })
                .collect(),
            sizing: Sizing::default(),
            extended: Vec::new(),
            assumptions: file.assumptions.into_iter().map(|one| one.text).collect(),
        }
    }
}

/// A problem and what to tell about how it came to be.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The problem.
    pub problem: Problem,
    /// Remarks on sizes: named but out, retiring soon.
    pub warnings: Vec<nodeplan_model::answer::Notice>,
}

/// Makes the problem.
///
/// # Errors
/// Patterns that match no size, no size left, and every fault of the parts.
pub fn problem_from(setup: Setup<'_>) -> Result<Prepared, Error> {
    let found = eligible(setup.catalog, setup.filter);
    if let Some(pattern) = found.unmatched.first() {
        let text = pattern.to_string();
        return Err(Error::NoSuchSize {
            nearest: nearest_sizes(setup.catalog, &text),
            region: setup.catalog.region.clone(),
            pattern: text,
        });
    }
    if found.skus.is_empty() {
        let region = setup.catalog.region.clone();
        return Err(Error::NoSizeLeft { region, reasons: reasons(&found.excluded) });
    }
    let mut warnings = Vec::new();
    for (name, reason) in &found.named_but_out {
        warnings.push(notice("NP2105", name, format!("is named but not considered: {reason}")));
    }
    for (name, day) in &found.retiring {
        if setup.filter.allow.iter().any(|pattern| pattern.is_exact() && pattern.matches(name)) {
            warnings.push(notice("NP2106", name, format!("retires on {day}")));
        }
    }
    let excluded = found.excluded;
    let parts = parts_of(setup, found.skus, excluded);
    let problem = Problem::new(parts).map_err(Error::Problem)?;
    Ok(Prepared { problem, warnings })
}

/// The parts of the problem on these sizes, sorted by name.
pub(crate) fn parts_of(setup: Setup<'_>, skus: Vec<Sku>, excluded: Vec<Exclusion>) -> ProblemParts {
    let mut assumptions = setup.assumptions;
    let (points, pick) = load_points(setup.sizing, &setup.demands, &mut assumptions);
    let system_pool = setup.cluster.system_pool;
    let system = if system_pool == SystemPool::None { Vec::new() } else { setup.system };
    let all: Vec<Demand> = setup.demands.into_iter().chain(system).collect();
    let demand = Array2::from_shape_fn((points.len(), all.len()), |(point, at)| {
        if pick[point] { all[at].high } else { all[at].low }
    });
    ProblemParts {
        region: setup.catalog.region.clone(),
        currency: setup.catalog.currency.clone(),
        catalog_date: setup.catalog.date,
        skus,
        excluded,
        cluster: setup.cluster,
        workloads: all.into_iter().map(|one| one.workload).collect(),
        points,
        demand,
        extended: setup.extended,
        groups: Vec::new(),
        assumptions: assumptions.into_iter().map(|text| Assumption { text }).collect(),
    }
}

/// Most sizes that are suggested.
const NEAREST: usize = 3;

/// Sizes that `text` may have meant, nearest first, as short as people write them.
#[must_use]
pub fn nearest_sizes(catalog: &Catalog, text: &str) -> Vec<String> {
    let bare = |name: &str| {
        let prefix = name.get(..SIZE_PREFIX.len());
        let prefixed = prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(SIZE_PREFIX));
        name[if prefixed { SIZE_PREFIX.len() } else { 0 }..].to_owned()
    };
    let names: Vec<String> = catalog.skus.iter().map(|sku| bare(&sku.name)).collect();
    // Those that differ in separators and letter case alone come before any other.
    let letters = |name: &str| -> String {
        let kept = name.chars().filter(char::is_ascii_alphanumeric);
        kept.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let word = letters(&bare(text));
    let mut found: Vec<String> =
        names.iter().filter(|name| letters(name) == word).cloned().collect();
    for name in nearest(&bare(text), names.iter().map(String::as_str), NEAREST) {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found.truncate(NEAREST);
    found
}

fn notice(code: &str, place: &str, text: String) -> nodeplan_model::answer::Notice {
    nodeplan_model::answer::Notice { code: code.to_owned(), place: place.to_owned(), text }
}

fn reasons(excluded: &[Exclusion]) -> String {
    let parts: Vec<String> =
        excluded.iter().map(|one| format!("{} {}", one.skus, one.reason)).collect();
    parts.join(", ")
}

/// The load points, and for each whether it takes the high counts.
fn load_points(
    sizing: Sizing,
    demands: &[Demand],
    assumptions: &mut Vec<String>,
) -> (Vec<LoadPoint>, Vec<bool>) {
    let point = |name: &str, weight_millis| LoadPoint { name: name.to_owned(), weight_millis };
    let peak = sizing.peak_millis.min(DAY_MILLIS);
    let steady = demands.iter().all(|one| one.low == one.high);
    match sizing.size_for {
        SizeFor::Max => (vec![point("high", DAY_MILLIS)], vec![true]),
        SizeFor::Min => (vec![point("low", DAY_MILLIS)], vec![false]),
        SizeFor::Both if steady || peak == DAY_MILLIS => {
            (vec![point(if steady { "steady" } else { "high" }, DAY_MILLIS)], vec![true])
        }
        SizeFor::Both if peak == 0 => (vec![point("low", DAY_MILLIS)], vec![false]),
        SizeFor::Both => {
            if sizing.peak_assumed {
                assumptions.push(format!(
                    "{PEAK_HOURS} hours a day at the high load point, the rest at the low one \
                     (--peak-hours)"
                ));
            }
            let low = DAY_MILLIS - peak;
            (vec![point("high", peak), point("low", low)], vec![true, false])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodeplan_io::csv::workloads_csv;
    use nodeplan_model::eligibility::Pattern;

    const HOUR: u64 = 3_600_000;

    fn file(rows: &str) -> WorkloadFile {
        let text = format!("name,min_replicas,max_replicas,cpu_request,memory_request\n{rows}");
        workloads_csv("w.csv", text.as_bytes(), &Default::default()).unwrap()
    }

    #[test]
    fn load_points_follow_the_sizing() {
        let both = |peak_millis| Sizing { peak_millis, peak_assumed: false, ..Sizing::default() };
        let only = |size_for| Sizing { size_for, ..Sizing::default() };
        for (rows, sizing, want) in [
            ("a,2,8,1,1Gi\n", both(8 * HOUR), vec![("high", 8 * HOUR, 8), ("low", 16 * HOUR, 2)]),
            ("a,2,8,1,1Gi\n", both(24 * HOUR), vec![("high", 24 * HOUR, 8)]),
            ("a,2,8,1,1Gi\n", both(0), vec![("low", 24 * HOUR, 2)]),
            ("a,2,2,1,1Gi\n", both(8 * HOUR), vec![("steady", 24 * HOUR, 2)]),
            ("a,2,8,1,1Gi\n", only(SizeFor::Max), vec![("high", 24 * HOUR, 8)]),
            ("a,2,8,1,1Gi\n", only(SizeFor::Min), vec![("low", 24 * HOUR, 2)]),
        ] {
            let catalog = nodeplan_io::catalog::catalog("koreacentral").unwrap();
            let filter = Filter::new(catalog.date);
            let setup = Setup { sizing, ..Setup::new(&catalog, &filter, file(rows)) };
            let problem = problem_from(setup).unwrap().problem;
            let found: Vec<(&str, u64, u32)> = problem
                .points()
                .iter()
                .enumerate()
                .map(|(at, one)| (one.name.as_str(), one.weight_millis, problem.demand()[[at, 0]]))
                .collect();
            assert_eq!(found, want, "{sizing:?}");
        }
    }

    #[test]
    fn names_that_match_nothing_are_errors_with_a_hint() {
        let catalog = nodeplan_io::catalog::catalog("koreacentral").unwrap();
        for (allow, deny, code) in [
            (vec!["D4sv3"], vec![], "NP2101"),
            (vec!["B*"], vec![], "NP2102"),
            (vec!["D4s_v3"], vec!["D4*"], "NP2102"),
        ] {
            let patterns = |texts: &[&str]| texts.iter().map(|one| Pattern::new(one)).collect();
            let filter = Filter {
                allow: patterns(&allow),
                deny: patterns(&deny),
                ..Filter::new(catalog.date)
            };
            let setup = Setup::new(&catalog, &filter, file("a,1,1,1,1Gi\n"));
            let error = problem_from(setup).unwrap_err();
            assert_eq!(error.code(), code, "{allow:?}: {error}");
        }
        for (text, first) in [
            ("D4sv3", "D4s_v3"),
            ("standard_d4sv3", "D4s_v3"),
            ("Standard_D4sv3", "D4s_v3"),
            ("d4s-v3", "D4s_v3"),
            ("E8sv4", "E8s_v4"),
        ] {
            let near = nearest_sizes(&catalog, text);
            assert_eq!(near.first().map(String::as_str), Some(first), "{text}: {near:?}");
        }
    }

    #[test]
    fn without_a_system_pool_there_are_no_system_workloads() {
        let catalog = nodeplan_io::catalog::catalog("koreacentral").unwrap();
        let filter = Filter::new(catalog.date);
        for (system_pool, workloads) in
            [(SystemPool::Shared, 5), (SystemPool::Dedicated, 5), (SystemPool::None, 1)]
        {
            let mut setup = Setup::new(&catalog, &filter, file("a,1,1,1,1Gi\n"));
            setup.cluster.system_pool = system_pool;
            let problem = problem_from(setup).unwrap().problem;
            assert_eq!(problem.workloads().len(), workloads, "{system_pool:?}");
        }
    }
}
