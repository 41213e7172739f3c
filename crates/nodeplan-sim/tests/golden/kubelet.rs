//! Sets of recorded answers: kubelet.

use serde::Deserialize;

use super::{Document, Replay, Verdict};
use crate::sim::kubelet::{
    Amounts, Bytes, Container, ContainerKind, EvictionClaim, MilliCpu, PodResources,
    cpu_quota_micros, cpu_shares, rank_by_excess, rank_by_processes,
};

/// The replay of a set of this part, if it is one.
pub fn replay(set: &str) -> Option<Replay> {
    match set {
        "qos_requests" => Some(requests),
        "eviction_rank" => Some(eviction),
        "cgroup_cpu" => Some(cgroup),
        _ => None,
    }
}

/// The replay of a set of this part that is one document, if it is one.
pub fn document(set: &str) -> Option<Document> {
    (set == "qos_mismatch").then_some(classes)
}

fn verdict(id: &str, got: &str, want: &str) -> Verdict {
    if got == want {
        Verdict::Equal
    } else {
        Verdict::Different(format!("{id}: got {got}, recorded {want}"))
    }
}

#[derive(Deserialize)]
struct StatedLine {
    kind: String,
    req_cpu_m: Option<u64>,
    req_mem: Option<u64>,
    lim_cpu_m: Option<u64>,
    lim_mem: Option<u64>,
}

impl StatedLine {
    fn stated(&self) -> (Amounts, Amounts) {
        let amounts = |cpu: Option<u64>, memory: Option<u64>| Amounts {
            cpu: cpu.map(MilliCpu),
            memory: memory.map(Bytes),
        };
        (amounts(self.req_cpu_m, self.req_mem), amounts(self.lim_cpu_m, self.lim_mem))
    }
}

#[derive(Deserialize)]
struct QosPod {
    containers: Vec<StatedLine>,
    pod_level: Option<StatedLine>,
    #[serde(default)]
    overhead_cpu_m: u64,
}

#[derive(Deserialize)]
struct QosOut {
    qos: String,
    pod_request_cpu_m: u64,
    pod_request_mem: u64,
    oom_score_adj: Vec<i64>,
}

#[derive(Deserialize)]
struct QosLine {
    id: String,
    pod: QosPod,
    out: QosOut,
}

fn requests(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: QosLine = serde_json::from_str(line)?;
    let containers: Vec<Container> = case
        .pod
        .containers
        .iter()
        .map(|one| {
            let kind = match one.kind.as_str() {
                "init" => ContainerKind::Init,
                "sidecar" => ContainerKind::Sidecar,
                _ => ContainerKind::App,
            };
            let (requests, limits) = one.stated();
            // These pods went to the functions as written, without the API's defaults.
            Container { kind, requests, limits }
        })
        .collect();
    let pod = PodResources {
        containers: &containers,
        whole: case.pod.pod_level.as_ref().map(StatedLine::stated),
        overhead: Amounts { cpu: Some(MilliCpu(case.pod.overhead_cpu_m)), memory: None },
        node_critical: false,
    };
    let capacity = Bytes(8 << 30);
    let scores: Vec<i64> =
        (0..containers.len()).map(|index| pod.oom_score_adj(index, capacity)).collect();
    let (cpu, memory) = pod.request();
    let got = format!("{} {} {} {scores:?}", pod.class().name(), cpu.0, memory.0);
    let out = case.out;
    let want = format!(
        "{} {} {} {:?}",
        out.qos, out.pod_request_cpu_m, out.pod_request_mem, out.oom_score_adj
    );
    Ok(verdict(&case.id, &got, &want))
}

/// A container of [`classes`]; what else it states plays no part.
#[derive(Deserialize)]
struct PlainContainer {
    req_cpu_m: Option<u64>,
    req_mem: Option<u64>,
    lim_cpu_m: Option<u64>,
    lim_mem: Option<u64>,
}

impl PlainContainer {
    /// As the API server stores it.
    fn stored(&self, kind: ContainerKind) -> Container {
        let amounts = |cpu: Option<u64>, memory: Option<u64>| Amounts {
            cpu: cpu.map(MilliCpu),
            memory: memory.map(Bytes),
        };
        let requests = amounts(self.req_cpu_m, self.req_mem);
        Container::stored(kind, requests, amounts(self.lim_cpu_m, self.lim_mem))
    }
}

#[derive(Deserialize)]
struct ClassRow {
    containers: Vec<PlainContainer>,
    #[serde(default)]
    init: Vec<PlainContainer>,
    actual: String,
    why: String,
}

fn classes(text: &str) -> Result<Vec<Verdict>, serde_json::Error> {
    let rows: Vec<ClassRow> = serde_json::from_str(text)?;
    let one = |row: &ClassRow| {
        let init = row.init.iter().map(|one| one.stored(ContainerKind::Init));
        let app = row.containers.iter().map(|one| one.stored(ContainerKind::App));
        let containers: Vec<Container> = init.chain(app).collect();
        let pod = PodResources {
            containers: &containers,
            whole: None,
            overhead: Amounts { cpu: None, memory: None },
            node_critical: false,
        };
        verdict(&row.why, pod.class().name(), &row.actual)
    };
    Ok(rows.iter().map(one).collect())
}

#[derive(Deserialize)]
struct EvictionPod {
    name: String,
    priority: i32,
    req_mem: u64,
    mem_working_set: u64,
    req_ephemeral: u64,
    disk_used: u64,
    processes: u64,
    #[serde(default)]
    no_stats: bool,
}

#[derive(Deserialize)]
struct EvictionLine {
    id: String,
    pods: Vec<EvictionPod>,
    memory_order: Vec<String>,
    disk_order: Vec<String>,
    pid_order: Vec<String>,
}

/// Ranks one resource.
type Rank = fn(&[EvictionClaim], &mut Vec<usize>);

fn eviction(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: EvictionLine = serde_json::from_str(line)?;
    let order = |rank: Rank, amounts: fn(&EvictionPod) -> (u64, u64)| {
        let claims: Vec<EvictionClaim> = case
            .pods
            .iter()
            .map(|pod| {
                let (request, used) = amounts(pod);
                let used = (!pod.no_stats).then_some(used);
                EvictionClaim { priority: pod.priority, request, used }
            })
            .collect();
        let mut order = Vec::new();
        rank(&claims, &mut order);
        order.iter().map(|&index| case.pods[index].name.as_str()).collect::<Vec<_>>()
    };
    let memory = order(rank_by_excess, |pod| (pod.req_mem, pod.mem_working_set));
    let disk = order(rank_by_excess, |pod| (pod.req_ephemeral, pod.disk_used));
    let pid = order(rank_by_processes, |pod| (0, pod.processes));
    let got = format!("{memory:?} {disk:?} {pid:?}");
    let want = format!("{:?} {:?} {:?}", case.memory_order, case.disk_order, case.pid_order);
    Ok(verdict(&case.id, &got, &want))
}

#[derive(Deserialize)]
struct CgroupLine {
    milli_cpu: u64,
    shares_v1: u64,
    cfs_quota_us_period_100000: u64,
}

fn cgroup(line: &str) -> Result<Verdict, serde_json::Error> {
    let case: CgroupLine = serde_json::from_str(line)?;
    let got = (cpu_shares(case.milli_cpu), cpu_quota_micros(case.milli_cpu).unwrap_or(0));
    let want = (case.shares_v1, case.cfs_quota_us_period_100000);
    Ok(verdict(&format!("{}m", case.milli_cpu), &format!("{got:?}"), &format!("{want:?}")))
}
