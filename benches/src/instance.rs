//! Instances by file.

use nodeplan::io::catalog::catalog;
use nodeplan::io::csv::workloads_csv;
use nodeplan::io::diagnostic::ImportError;
use nodeplan::io::pack::{DEFAULT_MAX_PODS, PackProblem, PackSizes, read};
use nodeplan::model::eligibility::Filter;
use nodeplan::model::problem::Problem;
use nodeplan::pack::pack;
use nodeplan::solve::Control;
use nodeplan::{Optimized, Options, Setup, optimize, problem_from};
use std::path::{Path, PathBuf};

const REGION: &str = "koreacentral";

/// What is solved.
#[derive(Clone, Debug)]
enum What {
    /// A packing instance; pods that fit no size are left out.
    Packing(Box<PackProblem>),
    /// A cluster.
    Cluster(Box<Problem>),
}

/// One instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// File without ending, and instance where that has another name.
    pub name: String,
    /// Pod types, the platform's own included.
    pub types: u64,
    /// Pods at the load point with most.
    pub pods: u64,
    what: What,
}

impl Instance {
    /// Solves it; `None` where no pod is left to place.
    ///
    /// # Errors
    /// As `nodeplan::optimize`, as text.
    pub fn solve(&self, options: &Options) -> Result<Option<Optimized>, String> {
        match &self.what {
            What::Packing(one) => pack((**one).clone(), true, options, Control::NONE)
                .map(|packed| packed.found)
                .map_err(|error| format!("{}: {error}", self.name)),
            What::Cluster(problem) => optimize(problem, options)
                .map(Some)
                .map_err(|error| format!("{}: {error}", self.name)),
        }
    }
}

/// The project's `data/`.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data")
}

/// The instances of a file: packing instances, or one cluster where the file is one of
/// workloads. Sizes are those of the catalog, or of the table `skus_NAME.csv` beside `NAME.csv`.
///
/// # Errors
/// Files that cannot be read, every fault of their content.
pub fn instances(path: &Path) -> Result<Vec<Instance>, String> {
    let bytes = bytes(path)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if String::from_utf8_lossy(header).contains("cpu_request") {
        return cluster(&stem, &bytes).map(|one| vec![one]);
    }
    let table = path.with_file_name(format!("skus_{stem}.csv"));
    let sizes = if table.exists() {
        PackSizes::of_table("sizes", &self::bytes(&table)?, None).map_err(told)?
    } else {
        let catalog = catalog(REGION).map_err(|error| error.to_string())?;
        PackSizes::of_catalog(&catalog, DEFAULT_MAX_PODS)
    };
    let found = read(&path.display().to_string(), &bytes, &sizes).map_err(told)?;
    let named = |one: PackProblem| Instance {
        name: if one.instance == stem { stem.clone() } else { format!("{stem}/{}", one.instance) },
        types: one.types() as u64,
        pods: one.pods(),
        what: What::Packing(Box::new(one)),
    };
    Ok(found.into_iter().map(named).collect())
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn told(faults: Vec<ImportError>) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A workloads file as `nodeplan optimize` plans it without further options.
fn cluster(stem: &str, bytes: &[u8]) -> Result<Instance, String> {
    let file = workloads_csv(stem, bytes, &Default::default()).map_err(told)?;
    let catalog = catalog(REGION).map_err(|error| error.to_string())?;
    let filter = Filter::new(catalog.date);
    let prepared =
        problem_from(Setup::new(&catalog, &filter, file)).map_err(|error| error.to_string())?;
    let problem = prepared.problem;
    let rows = problem.demand().rows().into_iter();
    let pods = rows.map(|row| row.iter().map(|pods| u64::from(*pods)).sum::<u64>());
    Ok(Instance {
        name: stem.to_owned(),
        types: problem.workloads().len() as u64,
        pods: pods.max().unwrap_or(0),
        what: What::Cluster(Box::new(problem)),
    })
}
