//! From one row to a workload or an add-on.

use super::cells::{Faults, Row, Text};
use super::columns::Column;
use super::qos::{self, Amounts};
use super::rules::{Tally, is_platform_label};
use super::{WorkloadOptions, selector};
use crate::quantity::clip;
use nodeplan_model::catalog::Arch;
use nodeplan_model::placement::SPOT_TAINT;
use nodeplan_model::problem::{AddOn, Problem};
use nodeplan_model::resources::Resources;
use nodeplan_model::units::MilliCpu;
use nodeplan_model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};

/// What a row describes.
pub(super) enum Entry {
    /// Pods to place, with the fewest and the most of them.
    Workload(Box<Workload>, u32, u32),
    /// One pod on every node it selects.
    DaemonSet(AddOn),
}

/// Kinds of controller; `None` is a DaemonSet.
const KINDS: &[(&str, Option<WorkloadKind>)] = &[
    ("Deployment", Some(WorkloadKind::Deployment)),
    ("StatefulSet", Some(WorkloadKind::StatefulSet)),
    ("DaemonSet", None),
    ("Job", Some(WorkloadKind::Job)),
    ("CronJob", Some(WorkloadKind::Job)),
];

const QOS_CLASSES: &[(&str, QosClass)] = &[
    ("Guaranteed", QosClass::Guaranteed),
    ("Burstable", QosClass::Burstable),
    ("BestEffort", QosClass::BestEffort),
];

/// Columns that say nothing about a DaemonSet: one pod runs on each node.
const NOT_FOR_DAEMONSETS: [Column; 11] = [
    Column::Replicas,
    Column::MinReplicas,
    Column::MaxReplicas,
    Column::HpaCpuTarget,
    Column::HpaMemTarget,
    Column::HpaCustom,
    Column::HpaQueueTarget,
    Column::Spread,
    Column::AntiAffinity,
    Column::MaxPerNode,
    Column::Pdb,
];

/// Namespace and name of a row, as far as they are sound.
pub(super) fn identity(row: &Row<'_, '_>, faults: &mut Faults) -> Option<(String, String)> {
    let namespace = match row.text(Column::Namespace) {
        None => Some("default".to_owned()),
        Some(_) => row.label(Column::Namespace, faults),
    };
    if row.has(Column::Name) && row.text(Column::Name).is_none() {
        let message = "name is empty".to_owned();
        faults.errors.push(row.fault_in("NP1005", Column::Name, message));
    }
    let name = row.label(Column::Name, faults);
    Some((namespace?, name?))
}

/// Reads a row; faults go to `faults`, and an entry with faults is of no use.
pub(super) fn entry(
    row: &Row<'_, '_>,
    identity: Option<(String, String)>,
    options: &WorkloadOptions,
    tally: &mut Tally,
    faults: &mut Faults,
) -> Entry {
    let kind = match row.text(Column::Kind) {
        None => Some(WorkloadKind::Deployment),
        Some(_) => {
            row.choice(Column::Kind, KINDS, faults).unwrap_or(Some(WorkloadKind::Deployment))
        }
    };
    let (namespace, name) = identity.unwrap_or_default();
    let amounts = amounts(row, faults);
    let scaling = scaling(row, faults);
    let mean = row.cpu(Column::CpuMean, faults);
    let request = Resources {
        cpu: amounts.cpu,
        memory: amounts.memory,
        pods: 1,
        gpus: row.count(Column::Gpu, 0, Problem::MAX_AMOUNT, faults).unwrap_or(0),
        data_disks: row.count(Column::DataDisks, 0, Problem::MAX_AMOUNT, faults).unwrap_or(0),
        ephemeral: row.memory(Column::EphemeralRequest, faults).unwrap_or_default(),
        extended: Vec::new(),
    };
    let declared_qos = row.choice(Column::DeclaredQos, QOS_CLASSES, faults);
    compare_qos(row, &amounts, declared_qos, &name, faults);
    let labels = node_selector(row, options, tally, faults);
    for column in [Column::CpuP50, Column::CpuP95, Column::CpuP99] {
        row.cpu(column, faults);
    }
    row.memory(Column::MemMax, faults);
    let spot_ok = spot_ok(row, kind.is_none(), options, tally, faults);
    let Some(kind) = kind else {
        return Entry::DaemonSet(daemonset(row, &namespace, &name, request, mean, labels, faults));
    };
    let (low, high) = replicas(row, faults);
    let arches = arches(row, &labels, options, faults);
    let (cpu_mean, cpu_mean_source) = mean_of(mean, amounts.cpu, scaling.cpu_target_percent);
    let isolate = row.flag(Column::Isolate, faults).unwrap_or(false);
    let max_per_node = max_per_node(row, options, tally, faults);
    unenforced_spread(row, options, tally, faults);
    let mut workload = Workload {
        namespace,
        name,
        kind,
        request,
        cpu_limit: amounts.cpu_limit,
        memory_limit: amounts.memory_limit,
        cpu_mean,
        cpu_mean_source,
        max_per_node,
        arches,
        node_selector: labels,
        pool: row.label(Column::Pool, faults),
        isolate,
        spot_ok,
        qos: qos::class(&amounts),
        declared_qos,
        system: false,
        scaling,
        line: row.line(),
    };
    if isolate && workload.pool.is_none() {
        workload.pool = Some(workload.full_name());
    }
    Entry::Workload(Box::new(workload), low, high)
}

/// Requests and limits of a pod; a missing request is the limit, as the API sets it.
fn amounts(row: &Row<'_, '_>, faults: &mut Faults) -> Amounts {
    let cpu_limit = row.cpu(Column::CpuLimit, faults);
    let memory_limit = row.memory(Column::MemoryLimit, faults);
    let cpu = row.cpu(Column::CpuRequest, faults);
    let memory = row.memory(Column::MemoryRequest, faults);
    let columns =
        [(Column::CpuRequest, Column::CpuLimit), (Column::MemoryRequest, Column::MemoryLimit)];
    for (request, limit) in columns {
        if row.has(request) && row.text(request).is_none() && row.text(limit).is_none() {
            let message = format!("{} is empty, and so is {}", request.name(), limit.name());
            let fault = row.fault_in("NP1005", request, message);
            faults.errors.push(fault.help("write 0 for a pod that requests nothing"));
        }
    }
    let above_cpu = matches!((cpu, cpu_limit), (Some(request), Some(limit)) if request > limit);
    let above_memory =
        matches!((memory, memory_limit), (Some(request), Some(limit)) if request > limit);
    for (above, (request, limit)) in [above_cpu, above_memory].into_iter().zip(columns) {
        if let (true, Some(text), Some(most)) = (above, row.text(request), row.text(limit)) {
            let message = format!(
                "{} {} is above {} {}",
                request.name(),
                clip(&text.value),
                limit.name(),
                clip(&most.value)
            );
            let help = "Kubernetes rejects such a pod: raise the limit or lower the request";
            faults.errors.push(row.fault("NP1014", &text, message).help(help));
        }
    }
    Amounts {
        cpu: cpu.or(cpu_limit).unwrap_or_default(),
        memory: memory.or(memory_limit).unwrap_or_default(),
        // A limit of zero is no limit to the kubelet and nothing to the QoS class.
        cpu_limit: cpu_limit.filter(|limit| limit.0 > 0),
        memory_limit: memory_limit.filter(|limit| limit.0 > 0),
    }
}

fn compare_qos(
    row: &Row<'_, '_>,
    amounts: &Amounts,
    declared: Option<QosClass>,
    name: &str,
    faults: &mut Faults,
) {
    let (Some(declared), Some(text)) = (declared, row.text(Column::DeclaredQos)) else { return };
    let real = qos::class(amounts);
    if declared != real && faults.errors.is_empty() {
        let message = format!(
            "`{name}` is declared {}, but Kubernetes makes it {}: {}",
            declared.name(),
            real.name(),
            qos::reason(amounts, declared)
        );
        let fault = row.fault("NP1031", &text, message);
        faults.warnings.push(fault.help(qos::remedy(declared)).into());
    }
}

fn scaling(row: &Row<'_, '_>, faults: &mut Faults) -> Scaling {
    Scaling {
        cpu_target_percent: row.percent(Column::HpaCpuTarget, faults),
        memory_target_percent: row.percent(Column::HpaMemTarget, faults),
        queue_target: row.count(Column::HpaQueueTarget, 1, Problem::MAX_AMOUNT, faults),
        custom: row.text(Column::HpaCustom).map(|text| text.value.into_owned()),
    }
}

/// Mean CPU use: measured, else request × target, else the request.
fn mean_of(
    measured: Option<MilliCpu>,
    request: MilliCpu,
    target: Option<u32>,
) -> (MilliCpu, MeanSource) {
    match (measured, target) {
        (Some(mean), _) => (mean, MeanSource::Measured),
        (None, Some(percent)) => {
            let mean = (u128::from(request.0) * u128::from(percent)).div_ceil(100);
            (MilliCpu(u64::try_from(mean).unwrap_or(u64::MAX)), MeanSource::Target)
        }
        (None, None) => (request, MeanSource::Request),
    }
}

/// Fewest and most pods.
fn replicas(row: &Row<'_, '_>, faults: &mut Faults) -> (u32, u32) {
    let before = faults.errors.len();
    let mut count = |column| {
        let most = u64::from(Problem::MAX_REPLICAS);
        row.count(column, 0, most, faults).and_then(|count| u32::try_from(count).ok())
    };
    let (steady, min, max) =
        (count(Column::Replicas), count(Column::MinReplicas), count(Column::MaxReplicas));
    if faults.errors.len() > before {
        return (0, 0);
    }
    let (Some(low), Some(high)) = (min.or(steady), max.or(steady)) else {
        let named = [Column::Replicas, Column::MinReplicas, Column::MaxReplicas];
        if let Some(at) = named.into_iter().find(|column| row.has(*column)) {
            let fault = row.fault_in("NP1007", at, "the number of replicas is missing".to_owned());
            faults.errors.push(fault.expected("replicas, or both min_replicas and max_replicas"));
        }
        return (0, 0);
    };
    if low > high {
        let (least, most) = (
            if min.is_some() { "min_replicas" } else { "replicas" },
            if max.is_some() { "max_replicas" } else { "replicas" },
        );
        let at = if min.is_some() { Column::MinReplicas } else { Column::Replicas };
        let message = format!("{least} {low} is above {most} {high}");
        faults.errors.push(row.fault_in("NP1008", at, message));
    } else if let Some(steady) = steady
        && !(low..=high).contains(&steady)
    {
        let message =
            format!("replicas {steady} is outside {low} to {high}, the bounds of its autoscaler");
        let fault = row.fault_in("NP1032", Column::Replicas, message);
        faults.warnings.push(fault.help("the plan holds the bounds, not replicas").into());
    }
    (low, high)
}

fn arches(
    row: &Row<'_, '_>,
    labels: &[(String, String)],
    options: &WorkloadOptions,
    faults: &mut Faults,
) -> Vec<Arch> {
    let selected = labels.iter().find(|(key, _)| key.ends_with("kubernetes.io/arch"));
    let selected = selected.and_then(|(_, value)| match value.as_str() {
        "amd64" => Some(Arch::Amd64),
        "arm64" => Some(Arch::Arm64),
        _ => None,
    });
    let Some((text, arches)) = arch_cell(row, faults) else {
        return selected.map_or_else(|| options.default_arches.clone(), |arch| vec![arch]);
    };
    if let Some(arch) = selected
        && !arches.contains(&arch)
    {
        let message =
            format!("arch is {}, but node_selector asks for {}", text.value, arch.label());
        faults.errors.push(row.fault("NP1023", &text, message).help("make both agree"));
    }
    arches
}

/// Whether pods tolerate spot nodes. Counts cells of this and of all other columns that shape no plan.
fn spot_ok(
    row: &Row<'_, '_>,
    daemonset: bool,
    options: &WorkloadOptions,
    tally: &mut Tally,
    faults: &mut Faults,
) -> bool {
    let tolerated = tolerations(row);
    let tolerates = tolerated.iter().any(|taint| taint == SPOT_TAINT);
    let spot_ok = row.flag(Column::SpotOk, faults).unwrap_or(tolerates);
    for column in Tally::columns().filter(|column| row.text(*column).is_some()) {
        let unused = match column {
            Column::SpotOk => spot_ok && !options.spot,
            Column::Tolerations if options.spot => {
                !daemonset && tolerated.iter().any(|taint| taint != SPOT_TAINT)
            }
            Column::Tolerations | Column::Pdb => !daemonset,
            _ => true,
        };
        if unused {
            tally.unused(column);
        }
    }
    spot_ok
}

/// The taints of the `tolerations` cell.
fn tolerations(row: &Row<'_, '_>) -> Vec<String> {
    let text = row.text(Column::Tolerations);
    let all = text.iter().flat_map(|text| text.value.split([';', ',']));
    all.map(|taint| taint.trim().to_owned()).collect()
}

/// The `arch` cell, where there is one.
fn arch_cell<'a>(row: &Row<'_, 'a>, faults: &mut Faults) -> Option<(Text<'a>, Vec<Arch>)> {
    let text = row.text(Column::Arch)?;
    let mut arches = Vec::new();
    for part in text.value.split([';', ',', '|']).map(str::trim) {
        match part {
            "amd64" => arches.push(Arch::Amd64),
            "arm64" => arches.push(Arch::Arm64),
            "any" => arches.extend([Arch::Amd64, Arch::Arm64]),
            _ => {
                let message = format!("`{}` is no value of arch", clip(part));
                let fault = row.fault("NP1016", &text, message).expected("amd64, arm64 or any");
                faults.errors.push(match part.to_ascii_lowercase().as_str() {
                    "x86" | "x86_64" | "x64" | "amd" | "intel" => fault.help("write amd64"),
                    "arm" | "aarch64" => fault.help("write arm64"),
                    _ => fault,
                });
            }
        }
    }
    arches.sort_unstable();
    arches.dedup();
    Some((text, arches))
}

fn node_selector(
    row: &Row<'_, '_>,
    options: &WorkloadOptions,
    tally: &mut Tally,
    faults: &mut Faults,
) -> Vec<(String, String)> {
    let Some(text) = row.text(Column::NodeSelector) else { return Vec::new() };
    let mut labels = match selector::read(&text.value) {
        Ok(labels) => labels,
        Err(fault) => {
            let error = row.fault(fault.code(), &text, fault.to_string());
            faults.errors.push(error.expected("labels such as disk=ssd;team=a"));
            return Vec::new();
        }
    };
    let platform: Vec<String> =
        labels.iter().map(|(key, _)| key).filter(|key| is_platform_label(key)).cloned().collect();
    if let Some(key) = platform.first() {
        let asks = format!("node_selector asks for `{}`, a label that AKS sets itself", clip(key));
        if unenforced(row, "platform_labels", &text, &asks, options, tally, faults) {
            labels.retain(|(key, _)| !is_platform_label(key));
        }
    }
    labels
}

fn max_per_node(
    row: &Row<'_, '_>,
    options: &WorkloadOptions,
    tally: &mut Tally,
    faults: &mut Faults,
) -> Option<u32> {
    let given = row
        .count(Column::MaxPerNode, 1, u64::from(u32::MAX), faults)
        .and_then(|most| u32::try_from(most).ok());
    let Some(text) = row.text(Column::AntiAffinity) else { return given };
    let mut one = false;
    for part in text.value.split([';', ',']).map(str::trim) {
        match part {
            "host" => one = true,
            "zone" => {
                let asks = "`anti_affinity=zone` keeps pods in different zones";
                unenforced(row, "anti_affinity", &text, asks, options, tally, faults);
            }
            _ => {
                let message = format!("`{}` is no value of anti_affinity", clip(part));
                faults.errors.push(row.fault("NP1016", &text, message).expected("host or zone"));
            }
        }
    }
    if one { Some(1) } else { given }
}

fn unenforced_spread(
    row: &Row<'_, '_>,
    options: &WorkloadOptions,
    tally: &mut Tally,
    faults: &mut Faults,
) {
    let Some(text) = row.text(Column::Spread) else { return };
    for part in text.value.split([';', ',']).map(str::trim) {
        let skew = part.split_once(':').filter(|(over, skew)| {
            matches!(*over, "zone" | "host")
                && crate::quantity::count(skew).is_ok_and(|skew| skew >= 1)
        });
        if skew.is_none() {
            let message = format!("`{}` is no value of spread", clip(part));
            let fault = row.fault("NP1016", &text, message);
            faults.errors.push(fault.expected("zone:N or host:N, N the largest skew, at least 1"));
            return;
        }
    }
    let asks = format!("`spread={}` asks for an even spread", clip(&text.value));
    unenforced(row, "spread", &text, &asks, options, tally, faults);
}

/// Counts a rule that is ignored on request (true), else reports it.
fn unenforced(
    row: &Row<'_, '_>,
    rule: &'static str,
    text: &Text<'_>,
    asks: &str,
    options: &WorkloadOptions,
    tally: &mut Tally,
    faults: &mut Faults,
) -> bool {
    if options.ignore.contains(rule) {
        tally.ignore(rule);
        return true;
    }
    let message = format!("{asks}: rule `{rule}` is not enforced yet");
    let help = format!("plan without it: `--ignore {rule}` (the answer marks it as an assumption)");
    faults.errors.push(row.fault("NP1017", text, message).help(help));
    false
}

fn daemonset(
    row: &Row<'_, '_>,
    namespace: &str,
    name: &str,
    request: Resources,
    measured_mean: Option<MilliCpu>,
    mut node_selector: Vec<(String, String)>,
    faults: &mut Faults,
) -> AddOn {
    for column in [Column::Pool, Column::Isolate] {
        let asked = match column {
            Column::Isolate => row.flag(column, faults).unwrap_or(false),
            _ => row.text(column).is_some(),
        };
        if let (true, Some(text)) = (asked, row.text(column)) {
            let message = format!(
                "a DaemonSet runs on every node it selects: {} is not for it",
                column.name()
            );
            let help = "use node_selector to keep it to some pools";
            faults.errors.push(row.fault("NP1023", &text, message).help(help));
        }
    }
    let idle: Vec<Column> =
        NOT_FOR_DAEMONSETS.into_iter().filter(|column| row.text(*column).is_some()).collect();
    if let Some(&first) = idle.first() {
        let names: Vec<&str> = idle.iter().map(|column| column.name()).collect();
        let names = names.join(", ");
        let message = format!("`{name}` is a DaemonSet, one pod per node; without effect: {names}");
        faults.warnings.push(row.fault_in("NP1034", first, message).into());
    }
    if let Some((text, arches)) = arch_cell(row, faults)
        && let [arch] = arches[..]
    {
        match node_selector.iter().find(|(key, _)| key == "kubernetes.io/arch") {
            None => node_selector.push(("kubernetes.io/arch".to_owned(), arch.label().to_owned())),
            Some((_, value)) if value == arch.label() => {}
            Some((_, value)) => {
                let message =
                    format!("arch is {}, but node_selector asks for {}", arch.label(), clip(value));
                faults.errors.push(row.fault("NP1023", &text, message).help("make both agree"));
            }
        }
        node_selector.sort_unstable();
    }
    let mut tolerated = tolerations(row).into_iter();
    let tolerates_all = tolerated.any(|taint| matches!(taint.as_str(), "*" | "Exists"));
    if let (Some(text), false) = (row.text(Column::Tolerations), tolerates_all) {
        let message =
            format!("`{name}` tolerates some taints only: it is not counted on tainted pools");
        let fault = row.fault("NP1034", &text, message);
        faults.warnings.push(fault.help("write * if it tolerates every taint").into());
    }
    let name = if namespace == "default" { name.to_owned() } else { format!("{namespace}/{name}") };
    AddOn { name, request, measured_mean, node_selector, tolerates_all }
}
