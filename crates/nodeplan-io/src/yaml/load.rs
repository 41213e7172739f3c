//! `load.yaml`: what a request, message or job costs each workload, where they come from, and
//! what counts as good service.

use super::amounts::{Named, quoted};
use super::fields::{Fields, Reader};
use super::tree::{Node, Value};
use crate::diagnostic::{ImportError, Place};
use crate::quantity;
use crate::time;
use nodeplan_model::scenario::{Balancing, MILLION, Objective, Retries, Service};
use nodeplan_model::units::{Bytes, DAY_MILLIS, MilliCpu};

/// A load file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadFile {
    /// One entry per workload named.
    pub workloads: Vec<LoadEntry>,
}

/// Load of one workload; `None` is left to a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadEntry {
    /// Which workload.
    pub workload: Named,
    /// Where its work comes from.
    pub arrivals: Vec<Arrivals>,
    /// What one unit of it costs.
    pub service: Service,
    /// Whether lost requests are tried again.
    pub retries: Option<Retries>,
    /// Index of dispersion of arrivals, thousandths.
    pub burstiness_milli: u32,
    /// CPU of an idle pod.
    pub idle: Option<MilliCpu>,
    /// Memory of an idle pod.
    pub memory: Option<Bytes>,
    /// Memory of a request inside.
    pub memory_each: Bytes,
    /// From scheduled to Ready.
    pub startup_millis: Option<u64>,
    /// CPU while starting.
    pub startup_cpu: Option<MilliCpu>,
    /// The objective.
    pub objective: Objective,
    /// KEDA: to zero when idle this long.
    pub cooldown_seconds: Option<u32>,
    /// KEDA: more than so many messages wake it.
    pub activation: Option<u64>,
}

/// Where work comes from, by name; factors in parts per million.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrivals {
    /// The traffic mapped to the workload, or the only one there is.
    Trace {
        /// Factor.
        factor: u64,
        /// How much later it comes, milliseconds; earlier where negative.
        offset_millis: i64,
        /// Where that is written.
        place: Place,
    },
    /// A column of a traffic file, or a generator.
    Column {
        /// Its name.
        series: Named,
        /// Factor.
        factor: u64,
        /// How much later it comes, milliseconds; earlier where negative.
        offset_millis: i64,
    },
    /// Another workload's requests.
    Calls {
        /// Who calls.
        caller: Named,
        /// Calls per request.
        factor: u64,
    },
}

/// Largest factor: a million.
const MOST_FACTOR: u64 = MILLION * MILLION;
/// A client gives up after this where no objective says how patient it is.
const TIMEOUT_MILLIS: u64 = 30_000;

/// Reads arrivals: `trace`, `requests`, `requests * 2`, `requests @ 3h` (three hours later), or `0.6
/// per web-app`.
///
/// # Errors
/// A factor that is no number, an empty name.
pub fn arrivals(text: &str, place: &Place) -> Result<Arrivals, Box<ImportError>> {
    let fault = |message: String| {
        let fault = ImportError::new("NP1412", place.clone(), message);
        let expected =
            "trace, a column such as requests, requests * 2, requests @ 3h, or 0.6 per web-app";
        Box::new(fault.expected(expected))
    };
    let factor = |number: &str| {
        quantity::scaled(number, 6)
            .ok()
            .filter(|factor| *factor <= MOST_FACTOR)
            .ok_or_else(|| fault(format!("{} is no factor", quoted(number.trim()))))
    };
    let named = |name: &str| {
        let name = name.trim().to_owned();
        if name.is_empty() {
            return Err(fault(format!("{} names nothing", quoted(text))));
        }
        Ok(Named { name, place: place.clone() })
    };
    if let Some((number, caller)) = text.split_once(" per ") {
        return Ok(Arrivals::Calls { caller: named(caller)?, factor: factor(number)? });
    }
    // A name may hold an `@`, so only what reads as a time is one.
    let shifted = text.rsplit_once('@').and_then(|(before, offset)| {
        time::offset_millis(offset).ok().map(|millis| (before, millis))
    });
    let (text, offset_millis) = shifted.unwrap_or((text, 0));
    let (name, factor) = match text.rsplit_once('*') {
        Some((name, number)) => (name, factor(number)?),
        None => (text, MILLION),
    };
    if name.trim() == "trace" {
        return Ok(Arrivals::Trace { factor, offset_millis, place: place.clone() });
    }
    Ok(Arrivals::Column { series: named(name)?, factor, offset_millis })
}

/// Reads the loads of a document.
pub(super) fn read(reader: &mut Reader, root: &Node) -> LoadFile {
    let mut file = LoadFile::default();
    let Some(fields) = reader.fields(root, "the load", &["workloads"]) else { return file };
    let Some(all) = reader.required(&fields, "workloads", "the load") else { return file };
    for (workload, node) in reader.by_name(all, "workloads") {
        file.workloads.extend(entry(reader, workload, node));
    }
    file
}

const FIELDS: &[&str] = &[
    "arrivals",
    "cpu_per_request",
    "cpu_per_message",
    "cpu_per_job",
    "cv",
    "latency",
    "workers",
    "timeout",
    "balancing",
    "retries",
    "batch",
    "messages_per_job",
    "burstiness",
    "idle_cpu",
    "memory",
    "memory_per_request",
    "startup",
    "startup_cpu",
    "slo",
    "cooldown",
    "activation",
];

fn entry(reader: &mut Reader, workload: Named, node: &Node) -> Option<LoadEntry> {
    let fields = reader.fields(node, "a workload's load", FIELDS)?;
    let objective = fields.get("slo").and_then(|node| objective(reader, node)).unwrap_or_default();
    let cpu =
        |reader: &mut Reader, name: &str| fields.get(name).and_then(|node| reader.cpu(node, name));
    let (idle, startup_cpu) = (cpu(reader, "idle_cpu"), cpu(reader, "startup_cpu"));
    let memory = |reader: &mut Reader, name: &str| {
        fields.get(name).and_then(|node| reader.memory(node, name))
    };
    let each = memory(reader, "memory_per_request");
    let memory = memory(reader, "memory");
    let burst =
        fields.get("burstiness").and_then(|at| reader.scaled(at, "burstiness", 3, 1_000_000));
    let service = service(reader, &fields, &objective);
    let retries = fields.get("retries").and_then(|node| retries(reader, node));
    let activation = fields.get("activation");
    Some(LoadEntry {
        workload,
        arrivals: fields.get("arrivals").map_or_else(Vec::new, |node| sources(reader, node)),
        service,
        retries,
        burstiness_milli: u32::try_from(burst.unwrap_or(1000)).unwrap_or(u32::MAX),
        idle,
        memory,
        memory_each: each.unwrap_or(Bytes(0)),
        startup_millis: reader.millis_of(&fields, "startup"),
        startup_cpu,
        objective,
        cooldown_seconds: reader.seconds_of(&fields, "cooldown"),
        activation: activation
            .and_then(|at| reader.count(at, "activation", 0, u64::from(u32::MAX))),
    })
}

fn sources(reader: &mut Reader, node: &Node) -> Vec<Arrivals> {
    let mut all = Vec::new();
    for (at, text) in reader.texts(node, "arrivals") {
        match arrivals(text, &at.place) {
            Ok(one) => all.push(one),
            Err(fault) => reader.fault(*fault),
        }
    }
    all
}

/// Which kind of work, and what belongs to that kind only.
const KINDS: [(&str, &[&str]); 3] = [
    (
        "cpu_per_request",
        &["cv", "latency", "workers", "timeout", "balancing", "retries", "memory_per_request"],
    ),
    ("cpu_per_message", &["batch"]),
    ("cpu_per_job", &["messages_per_job"]),
];

fn service(reader: &mut Reader, fields: &Fields<'_>, objective: &Objective) -> Service {
    let given: Vec<_> = KINDS.iter().filter(|(kind, _)| fields.get(kind).is_some()).collect();
    if let [_, second, ..] = given[..]
        && let Some(at) = fields.get(second.0)
    {
        reader.clash(at, "a workload takes requests, messages or jobs", "keep one of them");
    }
    let kind = given.first().map_or("none", |(kind, _)| *kind);
    for (other, own) in KINDS.iter().filter(|(other, _)| *other != kind) {
        for name in *own {
            if let Some(at) = fields.get(name) {
                let message = format!("{name} has no meaning without {other}");
                reader.clash(at, message, "leave it out");
            }
        }
    }
    let cpu = fields.get(kind).and_then(|node| reader.micros(node, kind)).unwrap_or(0);
    match kind {
        "cpu_per_request" => requests(reader, fields, objective, cpu),
        "cpu_per_message" => {
            let batch = fields.get("batch").and_then(|at| reader.small(at, "batch", 1, 1_000_000));
            Service::Messages { cpu_micros: cpu, batch: batch.unwrap_or(1) }
        }
        "cpu_per_job" => {
            let each = fields.get("messages_per_job");
            let each = each.and_then(|at| reader.small(at, "messages_per_job", 1, 1_000_000_000));
            Service::Jobs { cpu_micros: cpu, arrivals_per_job: each.unwrap_or(1) }
        }
        _ => Service::None,
    }
}

fn requests(
    reader: &mut Reader,
    fields: &Fields<'_>,
    objective: &Objective,
    cpu_micros: u64,
) -> Service {
    let cv = fields.get("cv").and_then(|node| reader.scaled(node, "cv", 3, 100_000));
    let cv = cv.unwrap_or(1000);
    let patience = objective.within_millis.map_or(TIMEOUT_MILLIS, |within| within * 10);
    let balancing = fields.get("balancing").and_then(|node| {
        let text = reader.text(node, "balancing")?;
        let values = [("random", Balancing::Random), ("least_request", Balancing::LeastRequest)];
        reader.choice(node, text, "balancing", &values)
    });
    let latency = fields.get("latency").and_then(|node| reader.micros(node, "latency"));
    Service::Requests {
        cpu_micros,
        cv2_milli: u32::try_from((cv * cv + 500) / 1000).unwrap_or(u32::MAX),
        latency_micros: latency.unwrap_or(0),
        workers: fields.get("workers").and_then(|node| reader.small(node, "workers", 1, 1_000_000)),
        timeout_millis: reader.millis_of(fields, "timeout").unwrap_or(patience),
        balancing: balancing.unwrap_or_default(),
    }
}

/// Most attempts after the first.
const MOST_ATTEMPTS: u32 = 100;

fn retries(reader: &mut Reader, node: &Node) -> Option<Retries> {
    let fields = reader.fields(node, "retries", &["attempts", "backoff"])?;
    let attempts = reader.required(&fields, "attempts", "retries");
    let attempts = attempts.and_then(|at| reader.small(at, "attempts", 1, MOST_ATTEMPTS));
    let backoff = fields.get("backoff");
    let backoff_millis = backoff.and_then(|node| reader.millis(node, "backoff")).unwrap_or(0);
    if let Some(node) = backoff
        && backoff_millis > DAY_MILLIS
    {
        reader.wrong_value(node, "backoff is longer than a day".to_owned(), "at most 24h", None);
    }
    Some(Retries { attempts: attempts?, backoff_millis })
}

/// The percentiles an objective may name.
const PERCENTILES: [(&str, u64); 4] =
    [("p50", 500_000), ("p90", 900_000), ("p95", 950_000), ("p99", 990_000)];

fn objective(reader: &mut Reader, node: &Node) -> Option<Objective> {
    let known = ["p50", "p90", "p95", "p99", "within", "oldest", "start_within", "share"];
    let fields = reader.fields(node, "slo", &known)?;
    let share = reader.ppm_of(&fields, "share", MILLION);
    let mut limits = Vec::new();
    for name in &known[..7] {
        if let Some(at) = fields.get(name) {
            limits.push((at, *name, reader.millis(at, name)));
        }
    }
    if let [_, (at, ..), ..] = limits[..] {
        reader.clash(at, "an objective has one limit", "keep the one that is promised");
    }
    let Some((_, name, within)) = limits.first() else {
        if let Value::Map(_) = node.value {
            let message = "slo has no limit".to_owned();
            reader.wrong_value(node, message, "p95, p99, within, oldest or start_within", None);
        }
        return None;
    };
    let percentile = PERCENTILES.iter().find(|(one, _)| one == name).map(|(_, share)| *share);
    // A queue or a job that nobody says more of keeps its limit always.
    let usual = percentile.unwrap_or(if *name == "within" { 990_000 } else { MILLION });
    Some(Objective {
        within_millis: *within,
        share: share.unwrap_or(usual),
        percentile: percentile.unwrap_or(950_000),
    })
}
