//! Quantities of a run over time, in equal parts of it.

use nodeplan_model::problem::Problem;
use nodeplan_model::run::{RunPool, Trail};
use nodeplan_model::scenario::{Scenario, Service};
use nodeplan_model::timeline::{PoolSample, Timeline, WorkloadSample};

/// Parts of a trail.
const PARTS: usize = 60;

/// How the samples of a part become one number.
#[derive(Clone, Copy)]
enum Join {
    Mean,
    Highest,
}

/// A trail that grows sample by sample, thousandths.
struct Growing {
    join: Join,
    /// The value before in this part: most stay as they are.
    last: Option<u64>,
    sum: u64,
    highest: u64,
    parts: Vec<u64>,
    least: u64,
    most: u64,
}

impl Growing {
    fn new(join: Join) -> Self {
        let parts = Vec::with_capacity(PARTS);
        Self { join, last: None, sum: 0, highest: 0, parts, least: u64::MAX, most: 0 }
    }

    fn add(&mut self, value: u64) {
        self.sum = self.sum.saturating_add(value);
        if self.last == Some(value) {
            return;
        }
        self.last = Some(value);
        self.highest = self.highest.max(value);
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }

    /// Ends a part of so many samples.
    fn end_part(&mut self, samples: usize) {
        self.parts.push(match self.join {
            Join::Mean => self.sum / samples.max(1) as u64,
            Join::Highest => self.highest,
        });
        (self.last, self.sum, self.highest) = (None, 0, 0);
    }

    /// Whether it is not the same all the time.
    fn moves(&self) -> bool {
        self.least < self.most
    }

    /// Ends it. A detail is shown only where all is asked for.
    fn trail(self, (what, of): (&str, &str), unit: &str, detail: bool) -> Trail {
        Trail {
            what: what.to_owned(),
            of: of.to_owned(),
            unit: unit.to_owned(),
            detail,
            least: self.least.min(self.most),
            most: self.most,
            parts: self.parts,
        }
    }
}

/// What is drawn of a workload.
struct Work {
    arrivals: Growing,
    ready: Growing,
    waiting: Growing,
    oldest: Growing,
    p95: Growing,
}

impl Work {
    fn new() -> Self {
        let [arrivals, ready] = [Join::Mean; 2].map(Growing::new);
        let [waiting, oldest, p95] = [Join::Highest; 3].map(Growing::new);
        Self { arrivals, ready, waiting, oldest, p95 }
    }

    fn add(&mut self, row: &WorkloadSample, sample_millis: u64) {
        let offered = match row.offered.checked_mul(1_000_000) {
            Some(scaled) => scaled / sample_millis,
            None => small(u128::from(row.offered) * 1_000_000 / u128::from(sample_millis)),
        };
        self.arrivals.add(offered);
        self.ready.add(u64::from(row.ready) * 1000);
        self.waiting.add(row.backlog.saturating_mul(1000));
        self.oldest.add(row.oldest_millis);
        self.p95.add(row.latency_micros[1]);
    }

    fn all(&mut self) -> [&mut Growing; 5] {
        let Self { arrivals, ready, waiting, oldest, p95 } = self;
        [arrivals, ready, waiting, oldest, p95]
    }

    /// What there is to tell of it. Nobody waits for the answer to a message or job: how old they grow
    /// counts.
    fn tell(self, name: &str, service: Service, all: &mut Vec<Trail>) {
        let Self { arrivals, ready, waiting, oldest, p95 } = self;
        if arrivals.most > 0 {
            all.push(arrivals.trail(("arrivals/s", name), "", false));
        }
        if ready.moves() {
            all.push(ready.trail(("ready pods", name), "", false));
        }
        if waiting.most > 0 {
            let what = match service {
                Service::Requests { .. } => "requests waiting",
                Service::Jobs { arrivals_per_job: 0 | 1, .. } => "jobs waiting",
                _ => "messages waiting",
            };
            all.push(waiting.trail((what, name), "", false));
        }
        if oldest.most > 0 {
            all.push(oldest.trail(("oldest waiting", name), "s", true));
        }
        if p95.most > 0 && matches!(service, Service::Requests { .. }) {
            all.push(p95.trail(("p95 response time", name), "ms", true));
        }
    }
}

/// What is drawn of a pool, or of all.
struct Nodes {
    paid: Growing,
    used: Growing,
}

impl Nodes {
    fn new() -> Self {
        Self { paid: Growing::new(Join::Highest), used: Growing::new(Join::Mean) }
    }

    fn add(&mut self, row: &PoolSample) {
        self.paid.add(u64::from(row.nodes) * 1000);
        let used = u128::from(row.used_milli) * 100_000;
        self.used.add(small(used.checked_div(row.allocatable_milli.into()).unwrap_or(0)));
    }
}

/// Arrivals, replicas and what waits per workload with any, nodes per pool, pending pods, CPU use and
/// cost of all; as details the age or the response times per workload, and CPU use of each of several pools.
pub fn trails(
    problem: &Problem,
    scenario: &Scenario,
    pools: &[RunPool],
    timeline: &Timeline,
) -> Vec<Trail> {
    let millis = timeline.sample_millis.max(1);
    let mut work: Vec<Work> = problem.workloads().iter().map(|_| Work::new()).collect();
    let mut nodes: Vec<Nodes> = pools.iter().map(|_| Nodes::new()).collect();
    let (mut pending, mut whole) = (Growing::new(Join::Highest), Nodes::new());
    let mut cost = Growing::new(Join::Mean);
    // Row by row, as samples are stored.
    let (count, samples) = (timeline.samples.min(PARTS), timeline.samples);
    for part in 0..count {
        let part = part * samples / count..(part + 1) * samples / count;
        for sample in part.clone() {
            let mut waiting = 0;
            for (work, row) in work.iter_mut().zip(timeline.workloads_at(sample)) {
                work.add(&row, millis);
                waiting += u64::from(row.pending) * 1000;
            }
            pending.add(waiting);
            let mut sum = PoolSample::default();
            for (nodes, row) in nodes.iter_mut().zip(timeline.pools_at(sample)) {
                nodes.add(row);
                sum.used_milli = sum.used_milli.saturating_add(row.used_milli);
                sum.allocatable_milli = sum.allocatable_milli.saturating_add(row.allocatable_milli);
            }
            whole.add(&sum);
            // Spend is billionths of a dollar an hour times milliseconds.
            cost.add(small(timeline.spend[sample].0 / u128::from(millis) / 1_000_000));
        }
        let of_work = work.iter_mut().flat_map(Work::all);
        let of_nodes = nodes.iter_mut().flat_map(|one| [&mut one.paid, &mut one.used]);
        let of_all = [&mut pending, &mut whole.used, &mut cost];
        of_work.chain(of_nodes).chain(of_all).for_each(|one| one.end_part(part.len()));
    }
    let mut all = Vec::new();
    for ((workload, load), work) in problem.workloads().iter().zip(&scenario.loads).zip(work) {
        if !workload.system {
            work.tell(&workload.full_name(), load.service, &mut all);
        }
    }
    for (Nodes { paid, used }, pool) in nodes.into_iter().zip(pools) {
        all.push(paid.trail(("nodes", &pool.name), "", false));
        if pools.len() > 1 {
            all.push(used.trail(("CPU used", &pool.name), "%", true));
        }
    }
    let nobody = pending.most == 0;
    all.push(pending.trail(("pending pods", ""), "", nobody));
    all.push(whole.used.trail(("CPU used", ""), "%", false));
    all.push(cost.trail(("cost per hour", ""), &problem.parts().currency, false));
    all
}

/// An amount, the most there is of those that are more.
fn small(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
