//! Settles the traffic of an interval: what arrived, who served it, how long it took, how much CPU
//! and memory that used.
//!
//! Three passes. First what every workload would need, callers before those they call. Then each
//! node ([`super::contend`]): how many cores each pod may use. Last what was served with that, the
//! response times and what waits.

use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Balancing, Load, MILLION, Scenario, Service, Source};

use crate::demand::{cost, expected};
use crate::queueing::backlog::{self, Backlog, GivingUp};
use crate::queueing::histogram::{raised, rounded};
use crate::queueing::law::Law;
use crate::queueing::retries::Again;
use crate::queueing::shape::{Arrivals, Shape, dispersion_at_pod, rounded_pods};
use crate::queueing::table::{FamilyId, Tables};
use crate::queueing::workers::Line;
use crate::random::Stream;

use super::contend::Contention;
use super::kinds::Kinds;
use super::pods::Phase;
use super::record::{Part, Tally};
use super::{INTERVAL_MILLIS, World};

/// Seconds of an interval.
const SECONDS: f64 = INTERVAL_MILLIS as f64 / 1000.0;

/// What a workload has waiting, and what it wants.
#[derive(Debug, Default)]
pub struct Flow {
    /// Arrived in this interval.
    offered: u64,
    /// Tried again in this interval, millionths.
    again: u64,
    /// What lost requests leave to be tried again.
    retries: Option<Box<Again>>,
    /// Requests beyond what pods served so far.
    backlog: Backlog,
    /// Messages or jobs that wait.
    line: Line,
    /// Age of the oldest of them, milliseconds.
    oldest: u64,
    /// Messages that workers hold, where an autoscaler asks for the length of their queue, and the
    /// chance that an instant finds so many.
    held: Option<Box<(u64, Stream)>>,
    /// CPU of one arrival, core-seconds, where there is work.
    cost: Option<f64>,
    /// The same spread over an interval, milli-cores.
    milli: f64,
    /// CPU that each Ready pod needs for what is there in this interval, milli-cores.
    busy: f64,
    /// CPU each serving pod used, milli-cores.
    used: u64,
    /// CPU and memory that metrics show: those of the interval before.
    shown: (u64, u64),
    /// Arrivals that metrics show, likewise.
    shown_offered: u64,
    /// Its pods, whatever their cores.
    like: Option<Like>,
    /// All that was offered, served and lost since the start, millionths.
    #[cfg(test)]
    ledger: [u64; 3],
    /// Intervals alike whose response times are still to be told.
    stretch: Stretch,
}

impl Flow {
    /// So many requests come, and those that are tried again. A share of them is sent to pods that
    /// do not answer and is lost.
    fn come(&mut self, offered: u64, dark: (u64, u64), tally: &mut Tally) {
        let fresh = offered.saturating_mul(MILLION);
        let again = self.retries.as_mut().map_or(0, |retries| retries.come(fresh));
        let (failed, failed_again) = (fraction(offered, dark), fraction(again, dark));
        self.offered = offered - failed;
        self.again = again - failed_again;
        let lost = failed.saturating_mul(MILLION).saturating_add(failed_again);
        let lost = match &mut self.retries {
            Some(retries) if lost > 0 => retries.reject(lost),
            _ => lost,
        };
        tally.offered = tally.offered.saturating_add(offered);
        tally.retried_micro = tally.retried_micro.saturating_add(again);
        tally.lost_micro = tally.lost_micro.saturating_add(lost);
        #[cfg(test)]
        {
            self.ledger[0] += fresh;
            self.ledger[2] += lost;
        }
    }

    /// So many millionths of requests are lost, and so many still wait.
    fn lose(&mut self, lost: u64, backlog: u64, tally: &mut Tally) {
        let lost = match &mut self.retries {
            Some(retries) => retries.settle(lost, backlog),
            None => lost,
        };
        tally.lost_micro = tally.lost_micro.saturating_add(lost);
        #[cfg(test)]
        {
            self.ledger[2] += lost;
        }
    }
}

/// The part of an amount that a fraction of at most one makes, to the nearest.
fn fraction(amount: u64, (part, whole): (u64, u64)) -> u64 {
    if part == 0 {
        return 0;
    }
    let product = u128::from(amount) * u128::from(part) + u128::from(whole / 2);
    u64::try_from(product / u128::from(whole)).map_or(amount, |share| share.min(amount))
}

/// How many of the requests that came in an interval were tried first how long ago, seconds.
fn tries(retries: Option<&Again>, micro_requests: u64) -> Vec<(u64, f64)> {
    retries
        .map_or_else(|| vec![(micro_requests, 0.0)], |again| again.parts(micro_requests).collect())
}

/// Intervals in a row in which as many pods served what arrived, with all that they want, and nothing
/// waited. Their arrivals make one rate: the noise of single intervals is in the law of response times
/// already.
#[derive(Debug, Default)]
struct Stretch {
    /// The pods, as of its first interval.
    cores: Kinds,
    micro_requests: u64,
    /// Pods in each interval.
    ready: u32,
    intervals: u32,
}

/// Most intervals of a stretch: a minute, as traces have it.
const LONGEST_STRETCH: u32 = 4;

/// Load of a pod before which a backlog waits, as its response times see it.
const BEHIND_BACKLOG: f64 = 0.9;

/// Work space of settling.
pub struct Settling {
    /// By workload.
    pub(super) flows: Vec<Flow>,
    /// Response times by shape of pod and load.
    pub tables: Tables,
    /// Nodes and who is on them.
    pub(super) contention: Contention,
    /// Work space: pods of a workload.
    cores: Kinds,
    /// Mean arrivals of each series in this interval, where they were asked for.
    means: Vec<Option<f64>>,
}

impl Settling {
    /// Nothing waits.
    pub fn new(problem: &Problem, scenario: &Scenario, tables: Tables) -> Self {
        let mut flows: Vec<Flow> = Vec::new();
        flows.resize_with(problem.workloads().len(), Flow::default);
        for (app, (flow, load)) in flows.iter_mut().zip(&scenario.loads).enumerate() {
            if let (Service::Messages { .. }, Some(_)) = (load.service, &scenario.scaling[app]) {
                let name = problem.workloads()[app].full_name();
                let chance = Stream::new(scenario.seed, "messages held", &name);
                flow.held = Some(Box::new((0, chance)));
            }
            flow.cost = cost(load.service);
            flow.milli = flow.cost.unwrap_or(0.0) * 1000.0 / SECONDS;
            flow.used = load.idle.0;
            if let (Some(retries), Service::Requests { timeout_millis, .. }) =
                (load.retries, load.service)
            {
                flow.retries = Some(Box::new(Again::new(retries, timeout_millis, INTERVAL_MILLIS)));
            }
        }
        let contention = Contention::new(problem, scenario);
        Self { flows, tables, contention, cores: Kinds::default(), means: Vec::new() }
    }

    /// What waits for a workload, and the age of the oldest, milliseconds.
    pub fn waiting(&self, app: usize) -> (u64, u64) {
        let flow = &self.flows[app];
        let micro = flow.backlog.micro_requests.saturating_add(flow.line.micro_messages());
        (micro.div_ceil(MILLION), flow.oldest)
    }

    /// Length of a workload's queue as its autoscaler reads it: what waits, and at least what workers
    /// hold at that instant, which counts until it is done.
    pub fn queue_length(&self, app: usize) -> u64 {
        let held = self.flows[app].held.as_ref().map_or(0, |held| held.0);
        self.waiting(app).0.max(held)
    }

    /// Of a workload, in millionths: what was offered so far, and what became of it.
    #[cfg(test)]
    pub fn ledger(&self, app: usize) -> (u64, u64) {
        let flow = &self.flows[app];
        let [offered, served, lost] = flow.ledger;
        let waiting = flow.backlog.micro_requests + flow.line.micro_messages();
        let later = flow.retries.as_ref().map_or(0, |again| again.pending());
        (offered, served + lost + waiting + later)
    }

    /// Drops the messages or jobs that wait for a workload; how many, millionths.
    pub fn drop_line(&mut self, app: usize) -> u64 {
        let flow = &mut self.flows[app];
        flow.oldest = 0;
        let lost = std::mem::take(&mut flow.line).micro_messages();
        #[cfg(test)]
        {
            flow.ledger[2] += lost;
        }
        lost
    }

    /// CPU and memory that metrics show of a Ready pod, milli-cores and bytes.
    pub fn shown(&self, app: usize) -> (u64, u64) {
        self.flows[app].shown
    }

    /// Arrivals that metrics show, a second, thousandths.
    pub fn rate_milli(&self, app: usize) -> u64 {
        self.flows[app].shown_offered.saturating_mul(1_000_000) / INTERVAL_MILLIS
    }
}

/// Kinds of pods of a workload that are found again without a search.
const HINTS: usize = 16;

/// Which of them stands for pods of so many milli-cores: the eighth of their binary order, and whether
/// that is even.
fn hint_of(milli: u64) -> usize {
    let order = milli.max(1).ilog2();
    ((milli >> order.saturating_sub(3)) as usize & 7) | ((order & 1) << 3) as usize
}

/// Pods of a workload, whatever their cores, as response times see them.
#[derive(Clone, Copy, Debug)]
struct Like {
    /// Index of dispersion, and pods that requests choose between: 0 where they do not.
    arrivals: (u32, u32),
    /// However many there are.
    always: bool,
    family: FamilyId,
    /// CPU of a request, seconds, and its logarithm.
    cost: (f64, f64),
    /// Latency that is not the pod's, seconds.
    fixed: f64,
    /// What the objective leaves a pod to answer in, seconds, and its logarithm.
    own: Option<(f64, f64)>,
    /// Where in the family pods of so many cores were found last.
    hints: [u32; HINTS],
}

/// What of arrivals matters to one of so many pods: index of dispersion, and pods that requests
/// choose between.
fn arrivals_at(load: &Load, ready: u32) -> (u32, u32) {
    let dispersion = match load.burstiness_milli {
        0..=1000 => 1000,
        milli => dispersion_at_pod(milli, ready),
    };
    let among = match load.service {
        Service::Requests { balancing: Balancing::LeastRequest, .. } => rounded_pods(ready),
        _ => 0,
    };
    (dispersion, among)
}

/// The pods of a workload, looked up where arrivals have changed.
#[inline]
fn like<'a>(
    load: &Load,
    ready: u32,
    tables: &mut Tables,
    kept: &'a mut Option<Like>,
) -> Option<&'a mut Like> {
    if kept.as_ref().is_none_or(|like| !like.always) {
        look_like(load, ready, tables, kept);
    }
    kept.as_mut()
}

/// Looks them up where arrivals have changed.
fn look_like(load: &Load, ready: u32, tables: &mut Tables, kept: &mut Option<Like>) {
    let arrivals = arrivals_at(load, ready);
    if kept.as_ref().is_none_or(|like| like.arrivals != arrivals) {
        *kept = find_like(load, arrivals, tables);
    }
}

/// The pods of a workload where arrivals are such.
fn find_like(load: &Load, arrivals: (u32, u32), tables: &mut Tables) -> Option<Like> {
    let Service::Requests { cpu_micros, cv2_milli, latency_micros, workers, balancing, .. } =
        load.service
    else {
        return None;
    };
    let shape = Shape {
        workers: workers.unwrap_or(0),
        arrivals: match (balancing, arrivals) {
            (Balancing::LeastRequest, (_, among)) => Arrivals::LeastRequestOf(among),
            (Balancing::Random, (1000, _)) => Arrivals::Random,
            (Balancing::Random, (dispersion, _)) => Arrivals::Bursty(dispersion),
        },
        ..Shape::new(0, cv2_milli)
    };
    let cost = (cpu_micros as f64 / MILLION as f64).max(1e-9);
    let fixed = latency_micros as f64 / MILLION as f64;
    let within = load.objective.within_millis.map(|millis| millis as f64 / 1000.0 - fixed);
    Some(Like {
        arrivals,
        always: load.burstiness_milli <= 1000 && balancing == Balancing::Random,
        family: tables.family(&shape),
        cost: (cost, libm::log(cost)),
        fixed,
        own: within.map(|own| (own, libm::log(own))),
        hints: [0; HINTS],
    })
}

/// Tells the response times of `told` millionths of requests, each after a delay, while pods serve
/// `served` millionths in an interval. The mean number of requests inside all pods then.
fn respond(
    like: &mut Like,
    cores: &Kinds,
    (told, served): (u64, u64),
    delay: f64,
    tables: &mut Tables,
    tally: &mut Tally,
) -> f64 {
    let (cost, fixed) = (like.cost.0, like.fixed);
    let (mut left, mut pods, mut inside) = (told, cores.pods(), 0.0);
    let busy = served as f64 / MILLION as f64 / SECONDS / pods.max(1) as f64 * cost;
    let log = match like.own {
        Some((own, log)) if own > 0.0 && delay <= 0.0 => log,
        Some((own, _)) if own > delay => libm::log(own - delay),
        Some(_) => f64::NEG_INFINITY,
        None => f64::INFINITY,
    };
    for (milli, count) in cores.iter() {
        let rung = tables.rung(like.family, milli, &mut like.hints[hint_of(milli)]);
        let place = tables.place_of(&rung, busy);
        inside += busy * tables.mean(place) * rung.unit.0 * count as f64;
        let micro_requests = share_of(left, count, pods);
        (left, pods) = (left - micro_requests, pods - count);
        let unit = (cost * rung.unit.0, like.cost.1 + rung.unit.1);
        let good = if log == f64::INFINITY {
            micro_requests
        } else if log == f64::NEG_INFINITY {
            0
        } else {
            let share = tables.share_of_log(place, log - unit.1);
            rounded(micro_requests as f64 * share.clamp(0.0, 1.0))
        };
        Part { place, unit, micro_requests, cost, fixed, delay }.join(&mut tally.parts);
        tally.good_micro = tally.good_micro.saturating_add(good);
    }
    inside
}

/// The part of some requests that goes to so many of so many pods.
fn share_of(requests: u64, count: u64, pods: u64) -> u64 {
    let pods = pods.max(1);
    if count == pods {
        return requests;
    }
    if let Some(product) = requests.checked_mul(count) {
        return product / pods;
    }
    let part = u128::from(requests) * u128::from(count) / u128::from(pods);
    u64::try_from(part).unwrap_or(requests)
}

/// Tells the response times of a stretch, and the memory that its requests took, and begins a new one.
fn end_stretch(
    (app, load): (usize, &Load),
    flow: &mut Flow,
    (tables, contention): (&mut Tables, &mut Contention),
    tally: &mut Tally,
) {
    let Flow { stretch, like: kept, .. } = flow;
    let Stretch { ref cores, micro_requests, ready, intervals } = *stretch;
    if intervals == 0 {
        return;
    }
    let mut inside = 0.0;
    if micro_requests > 0
        && let Some(like) = like(load, ready, tables, kept)
    {
        let served = micro_requests / u64::from(intervals);
        inside = respond(like, cores, (micro_requests, served), 0.0, tables, tally);
    }
    contention.used(app, memory_of(load, inside / f64::from(ready.max(1))));
    stretch.intervals = 0;
    stretch.micro_requests = 0;
}

/// Memory of a pod with so many requests inside, bytes.
fn memory_of(load: &Load, inside: f64) -> u64 {
    load.memory.0.saturating_add((inside * load.memory_each.0 as f64) as u64)
}

/// Pods that serve, and the cores that they may use for requests.
fn serving(cores: &Kinds) -> (u32, f64) {
    let ready = u32::try_from(cores.pods()).unwrap_or(u32::MAX);
    (ready, cores.milli() as f64 / 1000.0)
}

/// Mean number of requests inside all pods that serve so many millionths in an interval.
fn inside_of(like: &mut Like, cores: &Kinds, served: u64, tables: &mut Tables) -> f64 {
    let busy = served as f64 / MILLION as f64 / SECONDS / cores.pods().max(1) as f64 * like.cost.0;
    let mut inside = 0.0;
    for (milli, count) in cores.iter() {
        let rung = tables.rung(like.family, milli, &mut like.hints[hint_of(milli)]);
        inside += busy * tables.mean_of(&rung, busy) * rung.unit.0 * count as f64;
    }
    inside
}

/// How long the first message of a batch waits for the rest of it, which is done with it, where pods
/// have so many cores together and a backlog fills every batch.
fn held_millis(service: Service, cores: f64, ready: u32) -> u64 {
    let Service::Messages { cpu_micros, batch } = service else { return 0 };
    if batch <= 1 || ready == 0 || cores <= 0.0 {
        return 0;
    }
    let micros = f64::from(batch - 1) * cpu_micros as f64;
    (micros / 1000.0 / (cores / f64::from(ready))) as u64
}

impl World<'_> {
    /// Tells what is still to be told of a workload's response times.
    pub(super) fn tell_responses(&mut self, app: usize) {
        let Settling { flows, tables, contention, .. } = &mut self.load;
        let tally = &mut self.record.tallies[app];
        let load = &self.scenario.loads[app];
        end_stretch((app, load), &mut flows[app], (tables, contention), tally);
    }

    /// Settles the interval that ends now.
    pub(super) fn settle(&mut self) {
        self.load.means.clear();
        self.load.means.resize(self.scenario.series.len(), None);
        for index in 0..self.call_order.len() {
            let app = self.call_order[index];
            self.arrive(app);
        }
        self.contend();
        for app in 0..self.apps.len() {
            self.serve(app);
        }
        for pod in self.load.contention.evicted() {
            let app = self.pods[pod].app as usize;
            self.record.totals[app].pressed += 1;
            self.evict(pod, "the node is short of memory");
        }
    }

    /// What arrives at a workload, and what its pods would need for it.
    fn arrive(&mut self, app: usize) {
        let load = &self.scenario.loads[app];
        let now = self.clock.now();
        let mut mean = 0.0;
        for source in &load.sources {
            mean += match *source {
                Source::Series { series, factor } => {
                    let from = now - INTERVAL_MILLIS;
                    let all = self.load.means[series]
                        .get_or_insert_with(|| expected(&self.scenario.series[series], from, now));
                    *all * factor as f64 / MILLION as f64
                }
                Source::Calls { caller, factor } => {
                    self.reached(caller.index()) * factor as f64 / MILLION as f64
                }
            };
        }
        let dispersion = match load.burstiness_milli {
            0..=1000 => 1.0,
            milli => f64::from(milli) / 1000.0,
        };
        let row = &mut self.apps[app];
        let brought = std::mem::take(&mut row.brought);
        let offered = row.arrivals.arrivals(mean, dispersion).saturating_add(brought);
        let ready = row.ready;
        let dark = if row.dark.is_empty() { (0, 1) } else { self.misrouted(app) };
        let Settling { flows, contention, .. } = &mut self.load;
        let flow = &mut flows[app];
        flow.shown = (flow.used, contention.memory(app));
        flow.shown_offered = flow.offered.saturating_add(flow.again / MILLION);
        flow.come(offered, dark, &mut self.record.tallies[app]);
        let waiting = flow.backlog.micro_requests.saturating_add(flow.line.micro_messages());
        let waiting = waiting.saturating_add(flow.again);
        let mut present = flow.offered as f64;
        if waiting > 0 {
            present += waiting as f64 / MILLION as f64;
        }
        let mut wants = load.idle.0;
        if ready > 0 {
            flow.busy = present * flow.milli / f64::from(ready);
            wants = wants.saturating_add(raised(flow.busy));
        }
        contention.want(app, wants);
    }

    /// Requests of this interval that a caller gets through, as far as it can be told before
    /// nodes are settled: no more than its pods serve at their limits.
    fn reached(&self, caller: usize) -> f64 {
        let flow = &self.load.flows[caller];
        let load = &self.scenario.loads[caller];
        let offered = flow.offered as f64 + flow.again as f64 / MILLION as f64;
        let Some(cost) = flow.cost else { return offered };
        let limit = self.apps[caller].cpu_limit.unwrap_or(u64::MAX / 4096);
        let cores = limit.saturating_sub(load.idle.0) as f64 / 1000.0;
        let most = cores * f64::from(self.apps[caller].ready) * SECONDS / cost.max(1e-9);
        (offered + flow.backlog.micro_requests as f64 / MILLION as f64).min(most)
    }

    /// Serves what arrived and what waited.
    fn serve(&mut self, app: usize) {
        let load = &self.scenario.loads[app];
        match load.service {
            Service::None => {
                self.load.flows[app].used = load.idle.0;
                self.end_interval(app);
            }
            Service::Requests { .. } => {
                if !self.serve_all(app) {
                    self.serve_requests(app);
                }
            }
            Service::Messages { .. } | Service::Jobs { .. } => self.serve_queue(app),
        }
    }

    /// Requests where nothing waits and every pod has the cores that it wants; whether that is so.
    #[inline]
    fn serve_all(&mut self, app: usize) -> bool {
        let (load, row) = (&self.scenario.loads[app], &self.apps[app]);
        let Settling { flows, tables, contention, .. } = &mut self.load;
        let (flow, ready) = (&mut flows[app], row.ready);
        let calm = flow.backlog.micro_requests == 0 && flow.again == 0 && ready > 0;
        if !calm || !contention.suffices(app, ready) {
            return false;
        }
        let tally = &mut self.record.tallies[app];
        let served = flow.offered.saturating_mul(MILLION);
        tally.served_micro = tally.served_micro.saturating_add(served);
        #[cfg(test)]
        {
            flow.ledger[1] += served;
        }
        if flow.stretch.ready != ready || flow.stretch.intervals == LONGEST_STRETCH {
            end_stretch((app, load), flow, (tables, contention), tally);
        }
        let stretch = &mut flow.stretch;
        if stretch.intervals == 0 {
            contention.cores(app, &mut stretch.cores);
            stretch.ready = ready;
        }
        stretch.micro_requests = stretch.micro_requests.saturating_add(served);
        stretch.intervals += 1;
        if flow.retries.is_some() {
            flow.lose(0, 0, tally);
        }
        flow.used = load.idle.0 + rounded(flow.busy);
        let memory = contention.memory(app);
        tally.end_interval((row.wanted, ready), (flow.used, memory));
        if row.memory_limit.is_some_and(|limit| memory > limit) {
            self.kill_all(app);
        }
        true
    }

    /// Requests: each Ready pod is a queue of its own; what is beyond their capacity waits, and
    /// is lost when its client gives up.
    fn serve_requests(&mut self, app: usize) {
        let load = &self.scenario.loads[app];
        let Service::Requests { cv2_milli, timeout_millis, workers, .. } = load.service else {
            return;
        };
        let Settling { flows, tables, contention, cores: kinds, .. } = &mut self.load;
        let flow = &mut flows[app];
        let tally = &mut self.record.tallies[app];
        end_stretch((app, load), flow, (tables, contention), tally);
        contention.cores(app, kinds);
        let cost = flow.cost.expect("requests cost CPU");
        let (ready, cores) = serving(kinds);
        let capacity = cores * SECONDS / cost.max(1e-9) * MILLION as f64;
        let giving_up = match workers {
            Some(_) => GivingUp::InLine,
            None => GivingUp::Sharing(Law::of_spread(f64::from(cv2_milli) / 1000.0)),
        };
        let brought = backlog::Flow {
            arrivals_micro: flow.offered.saturating_mul(MILLION).saturating_add(flow.again),
            capacity_micro: capacity as u64,
            interval_millis: INTERVAL_MILLIS,
            timeout_millis,
        };
        let calm =
            flow.backlog.micro_requests == 0 && brought.arrivals_micro <= brought.capacity_micro;
        let out = backlog::step(flow.backlog, &brought, giving_up);
        flow.backlog = out.backlog;
        tally.served_micro = tally.served_micro.saturating_add(out.served_micro);
        #[cfg(test)]
        {
            flow.ledger[1] += out.served_micro;
        }
        // Those who wait before a pod are not in it: inside it is as full as at the edge.
        let most = if calm { u64::MAX } else { (capacity * BEHIND_BACKLOG) as u64 };
        let busy = out.served_micro.min(most);
        for wait in out.waits.iter().filter(|wait| wait.micro_requests > 0) {
            let delay = (wait.from_millis + wait.to_millis) / 2000.0;
            for (count, before) in tries(flow.retries.as_deref(), wait.micro_requests) {
                if let Some(like) = like(load, ready, tables, &mut flow.like) {
                    respond(like, kinds, (count, busy), before + delay, tables, tally);
                }
            }
        }
        flow.lose(out.lost_micro, out.backlog.micro_requests, tally);
        flow.used = 0;
        if ready > 0 {
            flow.used = load.idle.0 + rounded(out.busy * cores / f64::from(ready) * 1000.0);
        }
        let mut inside = out.backlog.micro_requests as f64 / MILLION as f64;
        if load.memory_each.0 > 0
            && let Some(like) = like(load, ready, tables, &mut flow.like)
        {
            inside += inside_of(like, kinds, out.served_micro, tables);
        }
        contention.used(app, memory_of(load, inside / f64::from(ready.max(1))));
        self.end_interval(app);
    }

    /// Messages and jobs: one queue for all pods, first come first served.
    fn serve_queue(&mut self, app: usize) {
        let load = &self.scenario.loads[app];
        let Settling { flows, contention, cores: kinds, .. } = &mut self.load;
        let flow = &mut flows[app];
        let Some(cost) = flow.cost else { return };
        let tally = &mut self.record.tallies[app];
        contention.cores(app, kinds);
        let (ready, cores) = serving(kinds);
        let capacity = cores * SECONDS / cost.max(1e-9) * MILLION as f64;
        let arrivals = flow.offered.saturating_mul(MILLION);
        let before = flow.oldest;
        let done = flow.line.step(arrivals, capacity as u64, INTERVAL_MILLIS, self.clock.now());
        let held = if done.backlog_micro > 0 { held_millis(load.service, cores, ready) } else { 0 };
        flow.oldest = done.oldest_millis.saturating_add(held);
        #[cfg(test)]
        {
            flow.ledger[1] += done.served_micro;
        }
        tally.served_micro = tally.served_micro.saturating_add(done.served_micro);
        if done.served_micro > 0 {
            // The first was the oldest before and is served at once, the last was as old as the oldest
            // is now.
            let (from, to) = (before.min(flow.oldest), before.max(flow.oldest));
            let good = match load.objective.within_millis {
                Some(within) if to > within => {
                    let share = within.saturating_sub(from) as f64 / (to - from).max(1) as f64;
                    libm::round(done.served_micro as f64 * share.min(1.0)) as u64
                }
                _ => done.served_micro,
            };
            tally.good_micro = tally.good_micro.saturating_add(good);
            tally.waits.push((from, to, done.served_micro));
        }
        flow.used = load.idle.0;
        if let Some(held) = &mut flow.held {
            // Busy cores, and how much of one a message may use: Little's law for those in service.
            let busy = done.served_micro as f64 / MILLION as f64 * cost / SECONDS;
            let each = (cores / f64::from(ready.max(1))).clamp(1e-3, 1.0);
            held.0 = held.1.poisson(busy / each);
        }
        if ready > 0 {
            let busy = done.served_micro as f64 / MILLION as f64 * cost / SECONDS;
            flow.used += libm::round(busy / f64::from(ready) * 1000.0) as u64;
        }
        contention.used(app, load.memory.0);
        self.end_interval(app);
    }

    /// Adds what a workload used to its sample, and kills its containers if that is more memory than
    /// their limit.
    fn end_interval(&mut self, app: usize) {
        let row = &self.apps[app];
        let memory = self.load.contention.memory(app);
        let used = (self.load.flows[app].used, memory);
        self.record.tallies[app].end_interval((row.wanted, row.ready), used);
        if row.memory_limit.is_some_and(|limit| memory > limit) {
            self.kill_all(app);
        }
    }

    /// Kills every container of a workload for its memory.
    fn kill_all(&mut self, app: usize) {
        for pod in self.apps[app].live.clone() {
            if self.pods[pod].phase == Phase::Ready {
                self.kill_for_memory(pod);
            }
        }
        // What they held is lost with them.
        let flow = &mut self.load.flows[app];
        let held = std::mem::take(&mut flow.backlog).micro_requests;
        flow.lose(held, 0, &mut self.record.tallies[app]);
        self.load.contention.used(app, self.scenario.loads[app].memory.0);
    }
}
