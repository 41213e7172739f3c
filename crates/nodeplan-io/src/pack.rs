//! Published packing instances as problems: CSV tables of pod types, `.vbp` vector bin packing
//! texts and one-dimensional BPPLIB texts (Hard28 among them).
//!
//! Invariants: every fault of a file is returned with its place; no byte sequence panics. The
//! rules are those of the benchmark, not of a cluster: kubelet reservations on nominal sizes
//! only, no OS overhead, no add-ons, no system pool, no pool limit, no sustained-CPU rule, one
//! load point that lasts the whole day.

mod bins;
mod source;
mod table;

use crate::catalog::{self, nearest};
use crate::diagnostic::ImportErrors;
use nodeplan_model::catalog::{Arch, Catalog, Exclusion, Sku};
use nodeplan_model::eligibility::{Filter, eligible};
use nodeplan_model::problem::{
    Burst, Cluster, LoadPoint, Overcommit, ProblemParts, ReservationModel, SystemPool,
};
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{DAY_MILLIS, Date, PerMille};
use nodeplan_model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};
use source::Source;

/// Pods per node where nobody says otherwise: the AKS overlay default.
pub const DEFAULT_MAX_PODS: u32 = 250;

/// One instance, ready for `Problem::new`.
#[derive(Clone, Debug, PartialEq)]
pub struct PackProblem {
    /// Its name: the `instance` column, else the file's name without folder and ending.
    pub instance: String,
    /// The problem.
    pub parts: ProblemParts,
}

impl PackProblem {
    /// Number of pod (item) types.
    #[must_use]
    pub fn types(&self) -> usize {
        self.parts.workloads.len()
    }

    /// Number of pods (items).
    #[must_use]
    pub fn pods(&self) -> u64 {
        self.parts.demand.iter().map(|pods| u64::from(*pods)).sum()
    }
}

/// The sizes a CSV instance may use, and what their capacity rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackSizes {
    region: String,
    currency: String,
    date: Date,
    skus: Vec<Sku>,
    excluded: Vec<Exclusion>,
    reservation: ReservationModel,
    max_pods: u32,
}

impl PackSizes {
    /// The sizes of a region that `optimize` would take without further options, with AKS
    /// reservations.
    #[must_use]
    pub fn of_catalog(catalog: &Catalog, max_pods: u32) -> Self {
        let found = eligible(catalog, &Filter::new(catalog.date));
        Self {
            region: catalog.region.clone(),
            currency: catalog.currency.clone(),
            date: catalog.date,
            skus: found.skus,
            excluded: found.excluded,
            reservation: ReservationModel::Aks,
            max_pods,
        }
    }

    /// A table of sizes with allocatable amounts of its own: `sku, family, vcpu, mem_mib,
    /// alloc_cpu_m, alloc_mem_mib, max_pods, usd_h` and, where it has any, `gpus`. A given
    /// `max_pods` caps the table's.
    ///
    /// # Errors
    /// Every fault of the table.
    pub fn of_table(name: &str, bytes: &[u8], max_pods: Option<u32>) -> Result<Self, ImportErrors> {
        let mut source = Source::new(name, bytes)?;
        let mut skus = table::skus(&mut source);
        source.finish()?;
        let mut most = 1;
        for measured in skus.iter_mut().filter_map(|sku| sku.measured.as_mut()) {
            measured.pods = measured.pods.min(u64::from(max_pods.unwrap_or(u32::MAX)));
            most = most.max(u32::try_from(measured.pods).unwrap_or(u32::MAX));
        }
        Ok(Self {
            region: "table".to_owned(),
            currency: catalog::CURRENCY.to_owned(),
            date: catalog::date(),
            skus,
            excluded: Vec::new(),
            reservation: ReservationModel::Measured,
            max_pods: most,
        })
    }

    /// Number of sizes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.skus.len()
    }

    /// Whether there is no size.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.skus.is_empty()
    }
}

/// Reads the instances of one file. The ending `.vbp` or `.csv` decides the format; with any
/// other, a comma in the first line means CSV, and else it is a BPPLIB text. `sizes` serves CSV
/// instances; the other two bring their own bin.
///
/// # Errors
/// Every fault of the file.
pub fn read(name: &str, bytes: &[u8], sizes: &PackSizes) -> Result<Vec<PackProblem>, ImportErrors> {
    let mut source = Source::new(name, bytes)?;
    let found = match Format::of(&source) {
        Format::Csv => table::instances(&mut source)
            .into_iter()
            .map(|(instance, items)| in_sizes(instance, items, sizes))
            .collect(),
        Format::Vbp => one(bins::vbp(&mut source), &source),
        Format::Bpplib => one(bins::bpplib(&mut source), &source),
    };
    source.finish()?;
    Ok(found)
}

enum Format {
    Csv,
    Vbp,
    Bpplib,
}

impl Format {
    fn of(source: &Source<'_>) -> Self {
        let ending = source.name().rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending.to_ascii_lowercase().as_str() {
            "vbp" => Self::Vbp,
            "csv" => Self::Csv,
            _ if source.lines().next().is_some_and(|line| line.text.contains(',')) => Self::Csv,
            _ => Self::Bpplib,
        }
    }
}

fn one(bins: Option<Bins>, source: &Source<'_>) -> Vec<PackProblem> {
    let stem = stem(source.name());
    bins.into_iter().map(|bins| in_bins(&stem, bins)).collect()
}

/// A file's name without folder and ending.
fn stem(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    if stem.is_empty() { file } else { stem }.to_owned()
}

/// Equal items.
struct Item {
    name: String,
    request: Resources,
    max_per_node: Option<u32>,
    copies: u32,
    line: u32,
}

/// Items for bins of one kind.
struct Bins {
    capacity: Vec<u64>,
    items: Vec<Item>,
}

fn in_sizes(instance: String, items: Vec<Item>, sizes: &PackSizes) -> PackProblem {
    let parts = ProblemParts {
        region: sizes.region.clone(),
        currency: sizes.currency.clone(),
        catalog_date: sizes.date,
        skus: sizes.skus.clone(),
        excluded: sizes.excluded.clone(),
        cluster: cluster(sizes.reservation, sizes.max_pods),
        demand: demand(&items),
        workloads: items.into_iter().map(workload).collect(),
        points: vec![all_day()],
        extended: Vec::new(),
        groups: Vec::new(),
        assumptions: Vec::new(),
    };
    PackProblem { instance, parts }
}

/// Bins become nodes of one size at one dollar an hour, so that cost counts bins; dimensions
/// become extended resources.
fn in_bins(stem: &str, bins: Bins) -> PackProblem {
    let pods: u64 = bins.items.iter().map(|item| u64::from(item.copies)).sum();
    let pods = pods.max(1);
    let extended = (0..bins.capacity.len()).map(|k| format!("d{k}")).collect();
    let parts = ProblemParts {
        region: "bins".to_owned(),
        currency: "bins".to_owned(),
        catalog_date: catalog::date(),
        skus: vec![bins::bin(bins.capacity, pods)],
        excluded: Vec::new(),
        cluster: cluster(ReservationModel::Measured, u32::try_from(pods).unwrap_or(u32::MAX)),
        demand: demand(&bins.items),
        workloads: bins.items.into_iter().map(workload).collect(),
        points: vec![all_day()],
        extended,
        groups: Vec::new(),
        assumptions: Vec::new(),
    };
    PackProblem { instance: stem.to_owned(), parts }
}

fn cluster(reservation: ReservationModel, max_pods: u32) -> Cluster {
    Cluster {
        reservation,
        os_overhead: false,
        max_pods: vec![max_pods],
        addons: Vec::new(),
        system_pool: SystemPool::None,
        max_pools: None,
        burst: Burst::default(),
        overcommit: Overcommit::default(),
        headroom: PerMille(0),
        sustained_cpu: false,
        spot: false,
    }
}

fn all_day() -> LoadPoint {
    LoadPoint { name: "all".to_owned(), weight_millis: DAY_MILLIS }
}

fn demand(items: &[Item]) -> ndarray::Array2<u32> {
    ndarray::Array2::from_shape_fn((1, items.len()), |(_, item)| items[item].copies)
}

fn workload(item: Item) -> Workload {
    let asks = item.request.cpu.0 > 0 || item.request.memory.0 > 0;
    Workload {
        namespace: "default".to_owned(),
        name: item.name,
        kind: WorkloadKind::Deployment,
        cpu_limit: None,
        memory_limit: None,
        cpu_mean: item.request.cpu,
        cpu_mean_source: MeanSource::Request,
        request: item.request,
        max_per_node: item.max_per_node,
        arches: vec![Arch::Amd64],
        node_selector: Vec::new(),
        pool: None,
        isolate: false,
        spot_ok: false,
        qos: if asks { QosClass::Burstable } else { QosClass::BestEffort },
        declared_qos: None,
        system: false,
        scaling: Scaling::default(),
        line: item.line,
    }
}

/// What an unknown column may have meant, or all known ones.
fn meant(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied(), 1).first() {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known columns: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests;
