//! A matrix with every file that it names.

use super::simulate::unusable;
use super::subject::{Subject, is_document, subject};
use crate::args::{ClusterArgs, Global, NodeArgs};
use crate::diagnose::{Failure, Fault};
use crate::output;
use nodeplan::io::catalog;
use nodeplan::io::csv::traffic_csv;
use nodeplan::io::diagnostic::ImportError;
use nodeplan::io::document::{Tool, input};
use nodeplan::io::sweep::Head;
use nodeplan::io::yaml::{self, Cluster, Draft, Matrix, Named};
use nodeplan::simulate::{Inputs, Scale};
use nodeplan::sweep::{Candidate, Sweep};
use std::path::{Path, PathBuf};

/// Name of the settings beside a matrix.
const SETTINGS: &str = "nodeplan.yaml";

/// A sweep with all it is made from.
pub struct Loaded {
    /// The sweep.
    pub sweep: Sweep,
    /// Its files, by path from the folder of the matrix; the matrix first.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Loaded {
    /// The head of its results.
    pub fn head(&self) -> Head {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let tool = Tool { name: "nodeplan".to_owned(), version };
        let inputs = self.files.iter().map(|(name, bytes)| input(name, bytes)).collect();
        Head::new(tool, catalog::date(), self.sweep.cells(), inputs)
    }
}

/// Files read so far.
struct Files {
    folder: PathBuf,
    all: Vec<(String, Vec<u8>)>,
    unread: Vec<Fault>,
}

impl Files {
    /// Where a file is, and its bytes; none where it cannot be read.
    fn read(&mut self, named: &Named) -> Option<(String, Vec<u8>)> {
        let path = self.folder.join(&named.name);
        match std::fs::read(&path) {
            Ok(bytes) => {
                self.all.push((named.name.clone(), bytes.clone()));
                Some((path.display().to_string(), bytes))
            }
            Err(error) => {
                self.unread.push(Fault {
                    code: String::new(),
                    message: format!("cannot read {}: {error}", path.display()),
                    place: Some(named.place.clone()),
                    expected: None,
                    help: None,
                });
                None
            }
        }
    }
}

/// Reads a matrix and all that it names.
pub fn load(global: &Global, path: &Path) -> Result<Loaded, Failure> {
    let bytes = output::read(path)?;
    let matrix = yaml::matrix(&path.display().to_string(), &bytes).map_err(unusable)?;
    let own = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut files = Files { folder, all: vec![(own, bytes)], unread: Vec::new() };
    let mut faults = Vec::new();
    let plans: Vec<Vec<u8>> =
        matrix.plans.iter().filter_map(|plan| files.read(plan).map(|(_, bytes)| bytes)).collect();
    if let Some(workloads) = &matrix.workloads {
        files.read(workloads);
    }
    let inputs = inputs(&matrix, &mut files, &mut faults);
    let scenarios = scenarios(&matrix, &mut files, &mut faults);
    if !files.unread.is_empty() {
        return Err(Failure { code: crate::FAILED, faults: files.unread, last: None });
    }
    if !faults.is_empty() {
        return Err(unusable(faults));
    }
    let candidates = candidates(global, &matrix, &plans, &mut files)?;
    let sweep = Sweep::new(matrix, candidates, scenarios, inputs);
    let sweep = sweep.map_err(|fault| unusable(vec![*fault]))?;
    Ok(Loaded { sweep, files: files.all })
}

/// Traffic, load, maps and scale.
fn inputs(matrix: &Matrix, files: &mut Files, faults: &mut Vec<ImportError>) -> Inputs {
    let scale = matrix.scale.map_or(Scale::PeakToMax, Scale::Factor);
    let mut inputs = Inputs { scale, maps: matrix.maps.clone(), ..Inputs::default() };
    for named in &matrix.traffic {
        let Some((name, bytes)) = files.read(named) else { continue };
        match traffic_csv(&name, &bytes, matrix.options) {
            Ok(traffic) => inputs.traffic.push(traffic),
            Err(more) => faults.extend(more),
        }
    }
    if let Some((name, bytes)) = matrix.load.as_ref().and_then(|named| files.read(named)) {
        match yaml::load(&name, &bytes) {
            Ok(load) => inputs.load = load,
            Err(more) => faults.extend(more),
        }
    }
    inputs
}

fn scenarios(
    matrix: &Matrix,
    files: &mut Files,
    faults: &mut Vec<ImportError>,
) -> Vec<(Option<String>, Draft)> {
    let mut all = Vec::new();
    let mut draft = |name: Option<String>, path: &str, bytes: &[u8]| match Draft::new(path, bytes) {
        Ok(draft) => all.push((name, draft)),
        Err(more) => faults.extend(more),
    };
    for named in &matrix.scenarios {
        if let Some((path, bytes)) = files.read(named) {
            draft(Some(named.name.clone()), &path, &bytes);
        }
    }
    if matrix.scenarios.is_empty() {
        draft(None, "", b"");
    }
    all
}

/// Plans as they are, clusters with their workloads.
fn candidates(
    global: &Global,
    matrix: &Matrix,
    plans: &[Vec<u8>],
    files: &mut Files,
) -> Result<Vec<Candidate>, Failure> {
    let workloads = matrix.workloads.as_ref().map(|named| files.folder.join(&named.name));
    let cluster = flags(&matrix.cluster, workloads);
    let mut settings: Option<String> = None;
    let mut all = Vec::new();
    for (named, bytes) in matrix.plans.iter().zip(plans) {
        let path = files.folder.join(&named.name);
        let alone = is_document(bytes);
        let cluster = if alone { ClusterArgs::default() } else { cluster.clone() };
        if !alone && cluster.workloads.is_none() {
            let message = format!("{} is a cluster file and says nothing of pods", named.name);
            let fault = ImportError::new("NP1054", named.place.clone(), message);
            let help = "name the workloads that run on it: workloads: w.csv";
            return Err(unusable(vec![fault.help(help)]));
        }
        let Subject { problem, plan, bounds, files: read, .. } = subject(global, &path, &cluster)?;
        // The plan and its workloads are there already.
        settings = settings.or(read.get(2).map(|file| file.path.clone()));
        all.push(Candidate { name: named.name.clone(), problem, plan, bounds });
    }
    if let Some(path) = settings {
        files.all.push((SETTINGS.to_owned(), output::read(Path::new(&path))?));
    }
    Ok(all)
}

/// What the flags of `simulate` would say.
fn flags(cluster: &Cluster, workloads: Option<PathBuf>) -> ClusterArgs {
    let Cluster { region, arch, system_pool, peak_hours, ignore, max_pods, overhead, addons } =
        cluster.clone();
    let node = NodeArgs { max_pods, overhead, addons };
    ClusterArgs { workloads, region, arch, system_pool, peak_hours, ignore, node }
}
