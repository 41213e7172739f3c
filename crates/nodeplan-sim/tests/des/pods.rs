//! The truth: every request of a workload, one by one, through pods that share their cores
//! equally among the requests inside, or among the first `workers` of them.
//!
//! Pods do not see each other, so each is moved on only when a request comes to it.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use nodeplan_sim::random::Stream;

use super::law::Law;
use super::sample::Sample;

/// One point of the grid. The unit of time is the mean CPU time of a request.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Offered work over capacity.
    pub load: f64,
    /// Pods behind the service.
    pub pods: usize,
    /// Cores of a pod.
    pub cores: f64,
    /// Cores one request can use.
    pub threads: f64,
    /// Requests a pod works on at a time.
    pub workers: Option<usize>,
    /// CPU time of a request.
    pub law: Law,
    /// Limiting index of dispersion of arrivals, ≥ 1: a renewal process with two exponential
    /// branches of equal weight in the mean.
    pub dispersion: f64,
    /// Whether a request goes to the emptier of two pods drawn at random.
    pub least_request: bool,
}

impl Cell {
    /// Work a full pod does per unit of time.
    pub fn capacity(&self) -> f64 {
        match self.workers {
            Some(workers) => self.cores.min(workers as f64 * self.threads),
            None => self.cores,
        }
    }

    /// Speed of each of `inside` requests in service.
    fn speed(&self, inside: usize) -> f64 {
        self.threads.min(self.cores / inside as f64)
    }

    /// Requests found inside one pod at a random time, if all are in service at once.
    pub fn inside(&self, mut level: f64) -> usize {
        let a = self.load * self.capacity();
        let whole = (self.cores / self.threads).floor() as usize;
        let mut sum = 1.0;
        let mut weight = 1.0;
        for j in 1..=whole {
            weight *= a / self.threads / j as f64;
            sum += weight;
        }
        let total = sum + weight * self.load / (1.0 - self.load);
        level *= total;
        weight = 1.0;
        let mut j = 0;
        while level > weight && j < 1_000_000 {
            level -= weight;
            j += 1;
            weight *= a / (j as f64 * self.threads).min(self.cores);
        }
        j
    }
}

/// A request in service: the attained service at which it is done, when it came, whether it counts.
struct Request {
    done_at: f64,
    came: f64,
    counts: bool,
}

impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Request {}
impl PartialOrd for Request {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Request {
    fn cmp(&self, other: &Self) -> Ordering {
        other.done_at.total_cmp(&self.done_at)
    }
}

/// One pod; `attained` is the service each request would have had that was there from the start.
#[derive(Default)]
struct Pod {
    now: f64,
    attained: f64,
    served: BinaryHeap<Request>,
    waiting: VecDeque<(f64, f64, bool)>,
}

impl Pod {
    /// Moves on to `until`; `seen` gets the response times of those who leave.
    fn advance(&mut self, cell: &Cell, until: f64, mut seen: impl FnMut(f64)) {
        while let Some(first) = self.served.peek() {
            let speed = cell.speed(self.served.len());
            let step = (first.done_at - self.attained) / speed;
            if self.now + step > until {
                self.attained += (until - self.now) * speed;
                break;
            }
            self.now += step;
            self.attained = first.done_at;
            let request = self.served.pop().expect("one was peeked at");
            if request.counts {
                seen(self.now - request.came);
            }
            if let Some((came, size, counts)) = self.waiting.pop_front() {
                self.served.push(Request { done_at: self.attained + size, came, counts });
            }
            if self.served.is_empty() {
                self.attained = 0.0;
            }
        }
        self.now = until;
    }

    /// A request comes now.
    fn enter(&mut self, cell: &Cell, size: f64, counts: bool) {
        if cell.workers.is_some_and(|workers| self.served.len() >= workers) {
            self.waiting.push_back((self.now, size, counts));
        } else {
            let done_at = self.attained + size;
            self.served.push(Request { done_at, came: self.now, counts });
        }
    }

    fn inside(&self) -> usize {
        self.served.len() + self.waiting.len()
    }
}

/// Time between arrivals with mean 1.
fn gap(dispersion: f64, random: &mut Stream) -> f64 {
    if dispersion <= 1.0 {
        return random.exponential();
    }
    let p = 0.5 * (1.0 + libm::sqrt((dispersion - 1.0) / (dispersion + 1.0)));
    let p = if random.unit() < p { p } else { 1.0 - p };
    random.exponential() / (2.0 * p)
}

/// Response times of `requests` requests, after as many more as fill the pods. Pods without
/// worker limit and with Poisson arrivals start in their stationary state: requests inside as the
/// birth-death chain has them, what is left of each from the equilibrium law (exact, since the
/// discipline is symmetric).
pub fn run(cell: &Cell, requests: u64, seed: u64) -> Sample {
    let mut random = Stream::of(seed);
    let mut pods: Vec<Pod> = (0..cell.pods).map(|_| Pod::default()).collect();
    let stationary = cell.workers.is_none() && cell.dispersion <= 1.0 && !cell.least_request;
    let fill = if stationary { 0 } else { requests / 5 };
    if stationary {
        for pod in &mut pods {
            for _ in 0..cell.inside(random.unit()) {
                let rest = cell.law.rest(&mut random);
                pod.enter(cell, rest, false);
            }
        }
    }
    let mut sample = Sample::new(requests);
    let rate = cell.load * cell.capacity() * cell.pods as f64;
    let mut now = 0.0;
    let mut came = 0u64;
    while sample.count() < requests {
        now += gap(cell.dispersion, &mut random) / rate;
        let mut chosen = random.below(cell.pods as u32) as usize;
        pods[chosen].advance(cell, now, |time| sample.add(time));
        if cell.least_request {
            let other = random.below(cell.pods as u32) as usize;
            pods[other].advance(cell, now, |time| sample.add(time));
            if pods[other].inside() < pods[chosen].inside() {
                chosen = other;
            }
        }
        let counts = (fill..fill + requests).contains(&came);
        pods[chosen].enter(cell, cell.law.size(&mut random), counts);
        came += 1;
        if came > fill + requests && came.is_multiple_of(64 * cell.pods as u64) {
            pods.iter_mut().for_each(|pod| pod.advance(cell, now, |time| sample.add(time)));
        }
    }
    sample
}

/// The same for one pod whose workers each have a core of their own: instead of events, the times at
/// which workers are free again, the soonest first (Kiefer, Wolfowitz 1955).
pub fn in_line(cell: &Cell, requests: u64, seed: u64) -> Sample {
    let workers = cell.workers.expect("a cell with workers");
    assert!(cell.pods == 1 && workers as f64 * cell.threads <= cell.cores);
    let mut random = Stream::of(seed);
    let mut sample = Sample::new(requests);
    let rate = cell.load * cell.capacity();
    let fill = requests / 20;
    // Work in front of each worker, in ascending order.
    let mut ahead = vec![0.0; workers];
    for came in 0..fill + requests {
        let passed = gap(cell.dispersion, &mut random) / rate;
        ahead.iter_mut().for_each(|left| *left = f64::max(*left - passed, 0.0));
        let done = ahead[0] + cell.law.size(&mut random) / cell.threads;
        if came >= fill {
            sample.add(done);
        }
        let mut place = 0;
        while place + 1 < workers && ahead[place + 1] < done {
            ahead[place] = ahead[place + 1];
            place += 1;
        }
        ahead[place] = done;
    }
    sample
}

/// Response times of `requests` requests that each find a pod of its own in its stationary state
/// (Poisson arrivals see time averages): independent, so near saturation a million of them
/// converge where a run does not. Requests inside are stratified.
pub fn tagged(cell: &Cell, requests: u64, seed: u64) -> Sample {
    assert!(cell.workers.is_none() && cell.dispersion <= 1.0 && !cell.least_request);
    let mut random = Stream::of(seed);
    let mut sample = Sample::new(requests);
    let rate = cell.load * cell.capacity();
    // A stride prime to the count visits every stratum once, in an order without trend.
    let stride = (requests as f64 * 0.618) as u64 | 1;
    for i in 0..requests {
        let stratum = i.wrapping_mul(stride) % requests;
        let level = (stratum as f64 + random.unit()) / requests as f64;
        let mut pod = Pod::default();
        for _ in 0..cell.inside(level) {
            let rest = cell.law.rest(&mut random);
            pod.enter(cell, rest, false);
        }
        pod.enter(cell, cell.law.size(&mut random), true);
        let mut answer = None;
        let mut now = 0.0;
        while answer.is_none() {
            now += random.exponential() / rate;
            pod.advance(cell, now, |time| answer = Some(time));
            pod.enter(cell, cell.law.size(&mut random), false);
        }
        sample.add(answer.expect("the loop ends with an answer"));
    }
    sample
}
