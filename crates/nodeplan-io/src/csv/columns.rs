//! The columns of a workloads file, and what to say about any other.

use super::table::Cell;
use crate::catalog::nearest;
use crate::diagnostic::{ImportError, Warning};
use crate::quantity::clip;
use crate::source::Source;

macro_rules! columns {
    ($($variant:ident = $name:literal,)*) => {
        /// A column.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Column { $($variant,)* }

        /// Every column with its name, in order of [`Column`].
        pub(super) const COLUMNS: &[(Column, &str)] = &[$((Column::$variant, $name),)*];
    };
}

columns! {
    Name = "name",
    Replicas = "replicas",
    CpuRequest = "cpu_request",
    MemoryRequest = "memory_request",
    Namespace = "namespace",
    CpuLimit = "cpu_limit",
    MemoryLimit = "memory_limit",
    EphemeralRequest = "ephemeral_request",
    Gpu = "gpu",
    DataDisks = "data_disks",
    Kind = "kind",
    MinReplicas = "min_replicas",
    MaxReplicas = "max_replicas",
    HpaCpuTarget = "hpa_cpu_target",
    HpaMemTarget = "hpa_mem_target",
    HpaCustom = "hpa_custom",
    HpaQueueTarget = "hpa_queue_target",
    Spread = "spread",
    AntiAffinity = "anti_affinity",
    MaxPerNode = "max_per_node",
    NodeSelector = "node_selector",
    Tolerations = "tolerations",
    Arch = "arch",
    SpotOk = "spot_ok",
    Pool = "pool",
    Isolate = "isolate",
    Pdb = "pdb",
    Priority = "priority",
    StartupSeconds = "startup_seconds",
    RpsPerPod = "rps_per_pod",
    ServiceMs = "service_ms",
    SloMs = "slo_ms",
    CpuMean = "cpu_mean",
    CpuP50 = "cpu_p50",
    CpuP95 = "cpu_p95",
    CpuP99 = "cpu_p99",
    MemMax = "mem_max",
    DeclaredQos = "declared_qos",
}

impl Column {
    /// Its name.
    pub fn name(self) -> &'static str {
        COLUMNS[self as usize].1
    }
}

/// Other names people give a column, letters and digits only, lower case.
const OTHER_SPELLINGS: &[(&str, Column)] = &[
    ("app", Column::Name),
    ("application", Column::Name),
    ("deployment", Column::Name),
    ("deploymentname", Column::Name),
    ("service", Column::Name),
    ("workload", Column::Name),
    ("workloadname", Column::Name),
    ("count", Column::Replicas),
    ("instances", Column::Replicas),
    ("pods", Column::Replicas),
    ("podcount", Column::Replicas),
    ("replica", Column::Replicas),
    ("replicacount", Column::Replicas),
    ("cpu", Column::CpuRequest),
    ("cpum", Column::CpuRequest),
    ("cpumilli", Column::CpuRequest),
    ("cpureq", Column::CpuRequest),
    ("cpurequestm", Column::CpuRequest),
    ("cpurequests", Column::CpuRequest),
    ("requestcpu", Column::CpuRequest),
    ("requestscpu", Column::CpuRequest),
    ("resourcesrequestscpu", Column::CpuRequest),
    ("vcpu", Column::CpuRequest),
    ("mem", Column::MemoryRequest),
    ("memory", Column::MemoryRequest),
    ("memorymib", Column::MemoryRequest),
    ("memoryreq", Column::MemoryRequest),
    ("memoryrequestbytes", Column::MemoryRequest),
    ("memoryrequests", Column::MemoryRequest),
    ("memreq", Column::MemoryRequest),
    ("memrequest", Column::MemoryRequest),
    ("ram", Column::MemoryRequest),
    ("requestmemory", Column::MemoryRequest),
    ("requestsmemory", Column::MemoryRequest),
    ("resourcesrequestsmemory", Column::MemoryRequest),
    ("ns", Column::Namespace),
    ("cpulim", Column::CpuLimit),
    ("cpulimits", Column::CpuLimit),
    ("limitcpu", Column::CpuLimit),
    ("limitscpu", Column::CpuLimit),
    ("resourceslimitscpu", Column::CpuLimit),
    ("limitmemory", Column::MemoryLimit),
    ("limitsmemory", Column::MemoryLimit),
    ("memlim", Column::MemoryLimit),
    ("memlimit", Column::MemoryLimit),
    ("memorylimits", Column::MemoryLimit),
    ("resourceslimitsmemory", Column::MemoryLimit),
    ("ephemeral", Column::EphemeralRequest),
    ("ephemeralstorage", Column::EphemeralRequest),
    ("ephemeralstoragerequest", Column::EphemeralRequest),
    ("gpucount", Column::Gpu),
    ("gpurequest", Column::Gpu),
    ("gpus", Column::Gpu),
    ("nvidiacomgpu", Column::Gpu),
    ("datadisk", Column::DataDisks),
    ("disks", Column::DataDisks),
    ("controller", Column::Kind),
    ("type", Column::Kind),
    ("workloadkind", Column::Kind),
    ("min", Column::MinReplicas),
    ("minpods", Column::MinReplicas),
    ("hpamin", Column::MinReplicas),
    ("hpaminreplicas", Column::MinReplicas),
    ("max", Column::MaxReplicas),
    ("maxpods", Column::MaxReplicas),
    ("hpamax", Column::MaxReplicas),
    ("hpamaxreplicas", Column::MaxReplicas),
    ("cputarget", Column::HpaCpuTarget),
    ("hpacpu", Column::HpaCpuTarget),
    ("targetcpu", Column::HpaCpuTarget),
    ("targetcpuutilizationpercentage", Column::HpaCpuTarget),
    ("hpamem", Column::HpaMemTarget),
    ("hpamemory", Column::HpaMemTarget),
    ("hpamemorytarget", Column::HpaMemTarget),
    ("hpaqueue", Column::HpaQueueTarget),
    ("queuetarget", Column::HpaQueueTarget),
    ("topologyspread", Column::Spread),
    ("topologyspreadconstraints", Column::Spread),
    ("podantiaffinity", Column::AntiAffinity),
    ("maxpodspernode", Column::MaxPerNode),
    ("nodeselectors", Column::NodeSelector),
    ("selector", Column::NodeSelector),
    ("toleration", Column::Tolerations),
    ("architecture", Column::Arch),
    ("spot", Column::SpotOk),
    ("agentpool", Column::Pool),
    ("nodepool", Column::Pool),
    ("dedicated", Column::Isolate),
    ("isolated", Column::Isolate),
    ("poddisruptionbudget", Column::Pdb),
    ("priorityclass", Column::Priority),
    ("avgcpu", Column::CpuMean),
    ("cpuavg", Column::CpuMean),
    ("meancpu", Column::CpuMean),
    ("memorymax", Column::MemMax),
    ("qos", Column::DeclaredQos),
    ("qosclass", Column::DeclaredQos),
];

/// Most columns of a file.
const MOST_COLUMNS: usize = 500;

/// Where each column stands in a row.
pub(super) struct Header {
    places: Vec<Option<usize>>,
    /// Cells a row should have.
    pub width: usize,
    /// Its line's bytes, for faults that concern the file's columns.
    pub span: (usize, usize),
}

impl Header {
    /// Index of a column in a row.
    pub fn index(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }

    /// Whether the file has a column.
    pub fn has(&self, column: Column) -> bool {
        self.index(column).is_some()
    }

    /// Reads the header row; `None` where the file is no comma-separated table at all.
    pub fn read(
        source: &Source<'_>,
        cells: &[Cell],
        errors: &mut Vec<ImportError>,
        warnings: &mut Vec<Warning>,
    ) -> Option<Self> {
        let span = (cells.first()?.start, cells.last()?.end);
        let width = cells.iter().rposition(|cell| !cell.is_empty())? + 1;
        if let Some(fault) = other_separator(source, cells) {
            errors.push(fault);
            return None;
        }
        if width > MOST_COLUMNS {
            let message =
                format!("the header has {width} columns, at most {MOST_COLUMNS} are read");
            errors.push(ImportError::new("NP1009", source.place(span.0, span.0), message));
            return None;
        }
        let mut header = Self { places: vec![None; COLUMNS.len()], width, span };
        let named = &cells[..width];
        let others: Vec<usize> = (0..width)
            .filter(|&index| !header.enter(source, index, named[index], errors))
            .collect();
        for index in others {
            header.enter_other(source, index, named[index], errors, warnings);
        }
        for column in [Column::Name, Column::CpuRequest, Column::MemoryRequest] {
            if !header.has(column) {
                let place = source.place(span.0, span.1);
                let message = format!("column `{}` is missing", column.name());
                errors.push(
                    ImportError::new("NP1004", place, message)
                        .expected("name, cpu_request, memory_request and replicas (or min_replicas and max_replicas)"),
                );
            }
        }
        Some(header)
    }

    /// Takes a cell that names a column exactly; false for any other.
    fn enter(
        &mut self,
        source: &Source<'_>,
        index: usize,
        cell: Cell,
        errors: &mut Vec<ImportError>,
    ) -> bool {
        let name = cell.value(source);
        let Some(&(column, _)) = COLUMNS.iter().find(|(_, known)| *known == name) else {
            return false;
        };
        if self.has(column) {
            let place = source.place(cell.start, cell.end);
            let message = format!("column `{name}` appears twice");
            errors.push(ImportError::new("NP1011", place, message).help("keep one of them"));
        } else {
            self.places[column as usize] = Some(index);
        }
        true
    }

    /// Takes any other cell. A misspelt column is a fault, yet its cells are checked too.
    fn enter_other(
        &mut self,
        source: &Source<'_>,
        index: usize,
        cell: Cell,
        errors: &mut Vec<ImportError>,
        warnings: &mut Vec<Warning>,
    ) {
        let name = cell.value(source);
        let place = source.place(cell.start, cell.end);
        if let Some(column) = other_spelling(&name) {
            let right = column.name();
            let message = format!("column `{}` is another spelling of `{right}`", clip(&name));
            let fault = ImportError::new("NP1012", place, message);
            errors.push(if self.has(column) {
                fault.help(format!("remove it: the file has `{right}` too"))
            } else {
                fault.help(format!("write {right}"))
            });
            self.places[column as usize].get_or_insert(index);
            return;
        }
        let message = if name.is_empty() {
            format!("column {} has no name; its cells are not read", index + 1)
        } else {
            format!("column `{}` is unknown; its cells are not read", clip(&name))
        };
        let fault = ImportError::new("NP1030", place, message);
        let near = if name.chars().count() < 3 { Vec::new() } else { known_near(&name) };
        warnings.push(Warning::from(match near.first() {
            Some(near) => fault.help(format!("the nearest known column is {near}")),
            None => fault,
        }));
    }
}

fn known_near(name: &str) -> Vec<String> {
    nearest(name, COLUMNS.iter().map(|(_, known)| *known), 1)
}

/// The column that `name` spells otherwise.
fn other_spelling(name: &str) -> Option<Column> {
    if name.len() > 64 {
        return None;
    }
    let bare = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let plain = bare(name);
    let known = COLUMNS.iter().find(|(_, known)| bare(known) == plain).map(|(column, _)| *column);
    known.or_else(|| {
        OTHER_SPELLINGS.iter().find(|(other, _)| *other == plain).map(|(_, column)| *column)
    })
}

fn other_separator(source: &Source<'_>, cells: &[Cell]) -> Option<ImportError> {
    let [cell] = cells else { return None };
    let text = cell.value(source);
    let (mark, shown) = [(';', "`;`"), ('\t', "a tab"), ('|', "`|`")]
        .into_iter()
        .find(|(mark, _)| text.contains(*mark))?;
    let at = cell.start + source.text.get(cell.start..cell.end)?.find(mark)?;
    let message = format!("cells are separated by {shown}");
    Some(
        ImportError::new("NP1019", source.place(at, at + 1), message)
            .expected("commas")
            .help("save the file as comma-separated, with decimal points, not decimal commas"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_are_distinct_and_no_column() {
        for (index, (other, _)) in OTHER_SPELLINGS.iter().enumerate() {
            let twice = OTHER_SPELLINGS[index + 1..].iter().any(|(again, _)| again == other);
            assert!(!twice, "{other}");
            assert!(other.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{other}");
            assert!(COLUMNS.iter().all(|(_, known)| known.replace('_', "") != *other), "{other}");
        }
    }

    #[test]
    fn spellings_lead_to_their_column() {
        for (text, column) in [
            ("CPU Request", Some(Column::CpuRequest)),
            ("cpuRequest", Some(Column::CpuRequest)),
            ("requests.cpu", Some(Column::CpuRequest)),
            ("cpu", Some(Column::CpuRequest)),
            ("mem", Some(Column::MemoryRequest)),
            ("Name", Some(Column::Name)),
            ("nvidia.com/gpu", Some(Column::Gpu)),
            ("minReplicas", Some(Column::MinReplicas)),
            ("team", None),
            ("", None),
        ] {
            assert_eq!(other_spelling(text), column, "{text:?}");
        }
    }
}
