//! What `nodeplan simulate` models, one small scenario each: the file says in its first line how it
//! is run, the comment of its row here works the figure out by hand, and docs/simulation.md quotes
//! that figure. Times are seconds of the run. Poisson counts may be off by five deviations; all else
//! is exact, or says why it is not.

mod tree;

use nodeplan::io::csv::{Gaps, TrafficOptions, Unit, traffic_csv};
use nodeplan::io::diagnostic::Place;
use nodeplan::io::document::read;
use nodeplan::io::yaml::{self, Named};
use nodeplan::model::plan::Plan;
use nodeplan::model::problem::Problem;
use nodeplan::model::scenario::{MILLION, Scenario};
use nodeplan::model::timeline::{Actor, Decision, Lack, Lacking, PoolSample, WorkloadSample};
use nodeplan::simulate::{Inputs, Scale, Simulated, replicate, simulate, stage};
use std::fs;

const FOLDER: &str = "data/scenarios";
/// Workloads of plan.json; of the other plans, web is the first.
const WEB: usize = 0;
const API: usize = 1;
const WORKER: usize = 2;

/// A scenario that was run.
struct Run {
    problem: Problem,
    plan: Plan,
    scenario: Scenario,
    done: Simulated,
}

impl Run {
    fn samples(&self, workload: usize) -> impl Iterator<Item = WorkloadSample> {
        (0..self.done.timeline.samples).map(move |sample| self.at(workload, sample))
    }

    fn at(&self, workload: usize, sample: usize) -> WorkloadSample {
        self.done.timeline.workload_at(sample, workload)
    }

    fn pool(&self) -> impl Iterator<Item = &PoolSample> {
        let timeline = &self.done.timeline;
        timeline.pools.iter().step_by(timeline.node_millis.len())
    }

    fn offered(&self, workload: usize, sample: usize) -> f64 {
        self.at(workload, sample).offered as f64
    }

    fn least_ready(&self) -> f64 {
        self.samples(WEB).map(|sample| f64::from(sample.ready)).fold(f64::MAX, f64::min)
    }

    fn most_wanted(&self) -> f64 {
        self.samples(WEB).map(|sample| f64::from(sample.wanted)).fold(0.0, f64::max)
    }

    fn most_workers(&self) -> f64 {
        self.samples(WORKER).map(|sample| f64::from(sample.wanted)).fold(0.0, f64::max)
    }

    fn decisions(&self, actor: Actor) -> Vec<&Decision> {
        let all = self.done.timeline.decisions.iter();
        all.filter(|decision| decision.actor == actor).collect()
    }

    /// When an actor decided something for the nth time, from 0.
    fn when(&self, actor: Actor, nth: usize) -> f64 {
        self.decisions(actor)[nth].at_millis as f64 / 1000.0
    }

    /// End of the first sample of which something is true.
    fn first(&self, is: impl Fn(&WorkloadSample) -> bool) -> f64 {
        let found = self.samples(WEB).position(|row| is(&row)).expect("some sample is so");
        (found as u64 + 1) as f64 * self.done.timeline.sample_millis as f64 / 1000.0
    }

    /// Seconds in samples at whose end something is true.
    fn seconds(&self, count: usize) -> f64 {
        count as f64 * self.done.timeline.sample_millis as f64 / 1000.0
    }

    fn node_seconds(&self) -> f64 {
        self.done.timeline.node_millis.iter().sum::<u128>() as f64 / 1000.0
    }
}

/// What follows a flag in a command.
fn after<'a>(words: &[&'a str], flag: &str) -> Vec<&'a str> {
    words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1]).collect()
}

fn text(name: &str) -> String {
    let path = tree::root().join(FOLDER).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `1`, `0.01` or `12.5` as parts per million.
fn millionths(number: &str) -> u64 {
    (number.parse::<f64>().expect("a number") * MILLION as f64).round() as u64
}

/// Plan and inputs of a scenario, as its first line says.
fn inputs(name: &str, body: &str) -> (Problem, Plan, Inputs) {
    let file = format!("{name}.yaml");
    let command = body.lines().next().unwrap_or_default();
    let command = command.strip_prefix("# nodeplan simulate ").expect("a command comes first");
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(after(&words, "-s"), [file.as_str()], "{name} runs itself");
    let document = read(words[0], &text(words[0])).expect("a plan");
    let options = TrafficOptions {
        unit: if after(&words, "--unit") == ["rate"] { Unit::Rate } else { Unit::Count },
        gaps: if after(&words, "--gaps") == ["hold"] { Gaps::Hold } else { Gaps::Linear },
    };
    let mut inputs = Inputs::default();
    for traffic in after(&words, "-t") {
        let read = traffic_csv(traffic, text(traffic).as_bytes(), options);
        inputs.traffic.push(read.expect("traffic"));
    }
    for load in after(&words, "-l") {
        inputs.load = yaml::load(load, text(load).as_bytes()).expect("a load");
    }
    inputs.scenario = yaml::scenario(&file, body.as_bytes()).expect("a scenario");
    for map in after(&words, "-m") {
        let place = Place::whole(map);
        let (workload, series) = map.split_once('=').expect("WORKLOAD=SERIES");
        let arrivals = yaml::arrivals(series, &place).expect("arrivals");
        inputs.maps.push((Named { name: workload.to_owned(), place }, arrivals));
    }
    inputs.scale = match after(&words, "--scale")[..] {
        ["peak-to-max"] => Scale::PeakToMax,
        [factor] => Scale::Factor(millionths(factor)),
        _ => Scale::Factor(MILLION),
    };
    (document.problem, document.plan.expect("a plan"), inputs)
}

/// Runs a scenario.
fn run(name: &str) -> Run {
    let body = text(&format!("{name}.yaml"));
    let (problem, plan, inputs) = inputs(name, &body);
    let scenario = stage(&problem, &plan, &inputs).expect("a scenario that runs").scenario;
    let done = simulate(&problem, &plan, &scenario).expect("a run");
    Run { problem, plan, scenario, done }
}

/// A file, what it must show, how far off it may be, and what shows it.
type Row = (&'static str, f64, f64, fn(&Run) -> f64);

/// Arrivals. A trace of 1,000, 2,000 and 3,000 a second, a minute each.
const TRAFFIC: &[Row] = &[
    // The rate is linear between the middles of steps: 30 s at 1,000 a second, then 30 s on the way
    // to 1,500. 30,000 + 37,500; steps would give 60,000.
    ("linear-trace", 67_500.0, 1_300.0, |run| run.offered(WEB, 0)),
    // The minute without a number repeats 1,000 a second: 30 s at that, 30 s from 1,000 to 2,000
    // on the way to the next middle, at 3,000. 30,000 + 45,000.
    ("gaps-hold", 75_000.0, 1_400.0, |run| run.offered(WEB, 1)),
    // It lies between its neighbours, 2,000 a second, on straight lines: 1,500 to 2,500.
    ("gaps-linear", 120_000.0, 1_750.0, |run| run.offered(WEB, 1)),
    // The same numbers as rates, one in a hundred: 600 to 1,800 a second. 30 × 600 + 30 × 750.
    ("count-or-rate", 40_500.0, 1_010.0, |run| run.offered(WEB, 0)),
    // A pod at 50 % of 500m carries 250 requests of 1 ms a second, ten carry 2,500; the peak is
    // 3,000. 67,500 × 2,500 / 3,000.
    ("peak-to-max", 56_250.0, 1_190.0, |run| run.offered(WEB, 0)),
    // Half of it, three times as much: 67,500 × 1.5.
    ("growth-and-map", 101_250.0, 1_600.0, |run| run.offered(WEB, 0)),
    // A minute later the trace is 3,000, 1,000, 2,000: 30 × 3,000 + 30 × 2,500. Two minutes later it
    // is 2,000, 3,000, 1,000: 30 × 2,000 + 30 × 2,250.
    ("offset", 165_000.0, 2_031.0, |run| run.offered(WEB, 0)),
    ("offset", 127_500.0, 1_785.0, |run| run.offered(API, 0)),
    // 9 of 10 requests go to the old version, 1 of 10 to the new one.
    ("canary", 60_750.0, 1_240.0, |run| run.offered(WEB, 0)),
    ("canary", 6_750.0, 411.0, |run| run.offered(API, 0)),
    // The trace begins on a Tuesday at 07:55 in its own zone; five replicas from 08:00 on.
    ("calendar", 300.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    // The cache answers half. 600 a second leave 300; 1,000 leave 500, of which 400 pass.
    ("gateway", 18_000.0, 671.0, |run| run.offered(WEB, 0)),
    ("gateway", 24_000.0, 775.0, |run| run.offered(WEB, 1)),
    // 100 a second are refused for a minute.
    ("gateway", 6_000.0, 0.0, |run| {
        run.done.timeline.totals[WEB].refused.iter().sum::<u64>() as f64
    }),
    // 100 a second, then 1,000; half a second of the rise on either side of the first minute's end: 112.
    ("step", 6_112.0, 391.0, |run| run.offered(WEB, 0)),
    ("step", 59_888.0, 1_224.0, |run| run.offered(WEB, 1)),
    // The hour before the peak: 200 + 100 × sin(π/12)/(π/12) = 298.86 a second.
    ("diurnal", 1_075_902.0, 5_200.0, |run| run.offered(WEB, 13)),
    // The first minute of the ebb: 100 × 60 + 1,000 × 120/ln 2 × (1 − 2^−½).
    ("flash-crowd", 56_707.0, 1_190.0, |run| run.offered(WEB, 2)),
    // 300 s at 100 in turn with 100 s at 1,000: 325 a second. Over a week the share of busy time
    // has a deviation of √(2 × 300² × 100² / (400³ × 604,800)) = 0.0068, times 900: 6.1.
    ("mmpp", 325.0, 18.0, |run| {
        run.samples(WEB).map(|sample| sample.offered as f64).sum::<f64>() / 604_800.0
    }),
    // Variance over mean of 5,760 counts: 9, with a deviation of 9 × √(2/5,760) = 0.17.
    ("bursty", 9.0, 0.85, |run| {
        let counts: Vec<f64> = run.samples(WEB).map(|sample| sample.offered as f64).collect();
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let squares = counts.iter().map(|count| (count - mean) * (count - mean));
        squares.sum::<f64>() / counts.len() as f64 / mean
    }),
    // Two calls for each of 1,000 requests a second; then 4,000 come and two pods get 2,000 through.
    ("calls", 120_000.0, 1_750.0, |run| run.offered(API, 2)),
    ("calls", 240_000.0, 2_450.0, |run| run.offered(API, 7)),
];

/// Pods under load. A pod of web does 1,000 requests a second, one of worker 500 messages.
const PODS: &[Row] = &[
    // One request at a time at load 0.5 (M/M/1): e^(−0.5 t) of them take longer than t ms. 5 % do at
    // t = 2 × ln 20 = 5.991 ms; 6 ms is enough for 1 − e^−3. Buckets are 1 % wide.
    ("response-time", 5_991.0, 60.0, |run| {
        run.done.scorecard.services[WEB].latency_micros[1] as f64
    }),
    ("response-time", 950_213.0, 1_000.0, |run| {
        run.done.scorecard.services[WEB].good.expect("an objective") as f64
    }),
    // Mean field at load 0.5: a share s_j = 0.5^(2^j − 1) of pods has at least j inside, 1/2, 1/8, 1/128
    // ..., 0.633 inside on average. Both pods have at least j with s_j²: 1, 1/4, 1/64, ... Who finds j
    // waits for j + 1 of 1 ms: of e^−6 (1 + 6/4 + 18/64 + 36/2^14) the response takes longer than 6 ms.
    // Forty pods are not infinitely many: 0.6336 and 993,004 in a simulation of every request.
    ("least-request", 993_100.0, 600.0, |run| {
        run.done.scorecard.services[WEB].good.expect("an objective") as f64
    }),
    ("least-request", 633.0, 13.0, |run| {
        run.at(WEB, 5).memory as f64 / f64::from(1 << 20) / 40.0 * 1000.0
    }),
    // The p95 of 5,991 µs, 5 ms later; buckets of a run are 2 % wide.
    ("fixed-latency", 10_991.0, 150.0, |run| {
        run.done.scorecard.services[WEB].latency_micros[1] as f64
    }),
    // At load 0.5 a request is inside each of two pods on average (M/M/1), 100 MiB.
    ("request-memory", 200.0, 3.0, |run| run.at(WEB, 5).memory as f64 / f64::from(1 << 20)),
    // 4,000 a second at two pods with a limit of a core.
    ("cpu-limit", 2_000.0, 0.0, |run| run.at(WEB, 5).cpu_milli as f64),
    // 4,000 a second at pods that do 2,000: clients give up after 2 s, so 4,000 wait from 2 s on and
    // half of what comes is lost. 2,000 × 598; five deviations of 2.4 million arrivals are 7,746.
    ("lost-requests", 1_196_000.0, 7_746.0, |run| {
        run.samples(WEB).map(|sample| sample.lost as f64).sum()
    }),
    ("lost-requests", 4_000.0, 0.0, |run| run.at(WEB, 9).backlog as f64),
    // The same, but who gives up tries once more in the next interval, of 15 s. Of n = 60,000 that come
    // and r that come again, and 4,000 that wait, all but 30,000 and 4,000 are lost; first tries
    // among those present are n (64,000 + r)/(60,000 + r), so r = n (30,000 + r)/(60,000 + r): r² = 30,000
    // n, 42,426. Four intervals; lost for good are the same 120,000 a minute as without retries.
    ("retry-storm", 169_706.0, 2_600.0, |run| run.at(WEB, 9).retried as f64),
    ("retry-storm", 120_000.0, 2_450.0, |run| run.at(WEB, 9).lost as f64),
    // Four pods that would use 1,000m and one that would use 500m on 3,860m. They share as 500 to
    // 250 requested: 3,860 × 500 / 2,250 = 857.8 each, 428.9 for the other. Whole milli-cores.
    ("contention", 3_431.0, 4.0, |run| run.at(WEB, 5).cpu_milli as f64),
    ("contention", 429.0, 1.0, |run| run.at(API, 5).cpu_milli as f64),
    // Ten minutes at 1,000 in and 500 out; the message served then came half-way through.
    ("queue-backlog", 300_000.0, 3_873.0, |run| run.at(WORKER, 9).backlog as f64),
    ("queue-backlog", 300.0, 4.0, |run| run.at(WORKER, 9).oldest_millis as f64 / 1000.0),
    // The same queue; the oldest has been taken, with 29,999 others that take 60 s and are done with it.
    ("message-batch", 360.0, 4.0, |run| run.at(WORKER, 9).oldest_millis as f64 / 1000.0),
    // The same queue with jobs, of which half can be done: who starts at t has waited for t/2, and
    // three minutes at 360 s. 360 × 500 of 600,000 messages.
    ("job-starts", 300_000.0, 5_000.0, |run| {
        run.done.scorecard.services[WORKER].good.expect("an objective") as f64
    }),
    // 1,000 messages a second are a tenth of a job, of 2.5 CPU-seconds. Five deviations: 1.6.
    // A job takes a minute of CPU, all in time: none is missed in the minutes in which more came than
    // was done, and what was done and waits is what came.
    ("long-jobs", 0.0, 0.0, |run| run.done.scorecard.services[WORKER].miss_minutes as f64),
    ("long-jobs", 0.0, 1.0, |run| {
        let worker = &run.done.scorecard.services[WORKER];
        let waiting = run.at(WORKER, run.done.timeline.samples - 1).backlog;
        (worker.served + worker.lost + waiting) as f64 - worker.offered as f64
    }),
    ("jobs", 250.0, 1.6, |run| {
        run.samples(WORKER).map(|sample| sample.cpu_milli as f64).sum::<f64>() / 10.0
    }),
    // Looked at every 15 s. Killed at 15 and back at once; at 30, back at 40; 45, 65; 75, 115; 120,
    // 200; 210, 370; 375, 675; 675, 975; 975, 1,275, which is after the end.
    ("out-of-memory", 9.0, 0.0, |run| run.done.timeline.totals[WORKER].oom_kills as f64),
    // The same pauses.
    ("out-of-memory-idle", 9.0, 0.0, |run| run.done.timeline.totals[API].oom_kills as f64),
    // Two jobs of a CPU-minute at 500m each: from 300 s to 420.
    ("cron-jobs", 420.0, 0.0, |run| run.when(Actor::Scenario, 1)),
    // Two jobs of 200 CPU-seconds: 15 of them are done in each interval, the last at 705 s. The run of
    // 600 s waits for that.
    ("cron-forbid", 705.0, 0.0, |run| run.when(Actor::Scenario, 2)),
    // Two more pods at 600 s.
    ("cron-allow", 4.0, 0.0, Run::most_workers),
    // At 300, 600 and 900 s two pods.
    ("cron-replace", 2.0, 0.0, Run::most_workers),
    ("cron-replace", 6.0, 0.0, |run| run.done.timeline.totals[WORKER].started as f64),
    // Three pods with 5 GiB on a node that has less than 15: one goes at every look, comes back on
    // the same node, and so on for ten minutes.
    ("node-memory", 40.0, 0.0, |run| run.done.timeline.totals[WEB].evictions as f64),
    ("node-memory", 40.0, 0.0, |run| run.done.timeline.totals[WEB].pressed as f64),
    // The same three without requests: one goes at the first look, at 15 s, and is not let back for
    // five minutes; then one goes again, and that lasts until after the end.
    ("node-memory-taint", 2.0, 0.0, |run| run.done.timeline.totals[WEB].evictions as f64),
    // B2ms begins with 30 credits a core, 60 core-minutes, and earns 0.6 of the 1.6 it uses: an
    // hour. Then 600m remain.
    ("burstable", 1_600.0, 0.0, |run| run.done.timeline.pools_at(0)[0].used_milli as f64),
    ("burstable", 600.0, 0.0, |run| run.done.timeline.pools_at(1)[0].used_milli as f64),
    // The same node does nothing for an hour and banks 36 core-minutes more: 96 minutes at 1.6 cores,
    // until 9,360 s. Work of Poisson arrivals moves that by an interval.
    ("burstable-banks", 9_360.0, 30.0, |run| {
        let busy = run.pool().skip(241).take_while(|sample| sample.used_milli > 1_000).count();
        (241 + busy) as f64 * 15.0
    }),
    // Two pods that start at 120 s, for 55 s, with 400m each; the others do nothing.
    ("start-up-cpu", 800.0, 0.0, |run| {
        run.pool().map(|one| one.used_milli).fold(0, u64::max) as f64
    }),
    // Wanted at 30 s, image there, Ready at 55 s, seen in the sample that ends at 60.
    ("start-up", 60.0, 0.0, |run| run.first(|sample| sample.ready == 4)),
];

/// Autoscalers of pods. Pods of web request 500m and have a target of 50 %: 250 requests a second.
const AUTOSCALERS: &[Row] = &[
    // 900 a second at two pods are 90 %: ⌈2 × 90/50⌉. 225m each then, 45 %, within the tolerance.
    ("cpu-target", 4.0, 0.0, |run| f64::from(run.at(WEB, 19).wanted)),
    // Arrivals of 0 to 15 s are scraped at 15 s and seen at 30.
    ("cpu-target", 30.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    // Half of the request is a sidecar's that does nothing: 900m of 250m each are 60 % at six.
    ("container-cpu", 6.0, 0.0, |run| f64::from(run.at(WEB, 19).wanted)),
    // 900 a second at 200 a pod want ⌈4.5⌉, more than CPU does. Both lag by a scrape. No more than
    // twice as many at once: four at 30 s, five at 45.
    ("several-metrics", 5.0, 0.0, |run| f64::from(run.at(WEB, 19).wanted)),
    ("several-metrics", 45.0, 0.0, |run| run.when(Actor::Hpa, 1)),
    // 300 of 512 MiB are 58.6 % of a target of 50 %, however many pods: ⌈2 × 1.17⌉ = 3, ⌈3 × 1.17⌉
    // = 4, 5, and 6, the most.
    ("memory-target", 6.0, 0.0, |run| f64::from(run.at(WEB, 19).wanted)),
    // 280 of 256 MiB are 109 % of a target of 90 %: 3, 4, 5, and 6, the most. The whole pods are at 59 %.
    ("container-memory", 6.0, 0.0, |run| f64::from(run.at(WEB, 19).wanted)),
    // 1,200 in and 500 out for 15 s: 10,500 wait, 5,000 a pod.
    ("queue-target", 3.0, 0.0, |run| f64::from(run.decisions(Actor::Hpa)[0].to)),
    // The 10,500 of 15 s, a minute later.
    // Two at 450m of 320m want three, which use 300m each and stay; half the request would be 250m.
    ("cpu-average", 3.0, 0.0, Run::most_wanted),
    // 300 MiB of 250 a pod: two want ⌈2 × 1.2⌉, whatever they request.
    ("memory-average", 3.0, 0.0, |run| f64::from(run.decisions(Actor::Hpa)[0].to)),
    // 900 a second of 700 in all: two want ⌈2 × 1.29⌉ at 30 s. More pods do not make them fewer, so it
    // goes on to the most; a target of 700 a pod would leave two.
    ("requests-value", 3.0, 0.0, |run| f64::from(run.decisions(Actor::Hpa)[0].to)),
    ("requests-value", 30.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    ("requests-value", 6.0, 0.0, Run::most_wanted),
    // 200 a second more than two workers do: 24,000 of 20,000 in all wait at 120 s, the first look at
    // more than a tenth above. Two want ⌈2 × 1.2⌉; 20,000 a pod would leave two.
    ("queue-value", 3.0, 0.0, |run| f64::from(run.decisions(Actor::Hpa)[0].to)),
    ("queue-value", 120.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    ("queue-lag", 75.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    // Four pods at 106 % of their target stay for ten minutes; at 116 %, seen 30 s later, they
    // become five.
    ("tolerance", 630.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    // Traffic falls at 600 s. What ended at 600 is seen at 615, wants four pods, and holds until it
    // is older than 300 s: 930.
    ("stabilisation", 930.0, 0.0, |run| run.when(Actor::Hpa, 1)),
    // Eight are wanted from 30 s on, one more a minute allowed: 30, 90, 150, 210, 270.
    ("slow-scale-up", 7.0, 0.0, |run| f64::from(run.at(WEB, 4).wanted)),
    // Eight are wanted. Four more or half as many more a minute, whichever is less: ⌈2 × 1.5⌉ = 3 at
    // 30 s, ⌈3 × 1.5⌉ = 5 at 90, ⌈5 × 1.5⌉ = 8 at 150.
    ("least-policy", 3.0, 0.0, |run| f64::from(run.decisions(Actor::Hpa)[0].to)),
    ("least-policy", 5.0, 0.0, |run| f64::from(run.decisions(Actor::Hpa)[1].to)),
    ("least-policy", 150.0, 0.0, |run| run.when(Actor::Hpa, 2)),
    // 108 % of the target, where 105 % are tolerated instead of 110: ⌈4 × 1.08⌉.
    ("own-tolerance", 5.0, 0.0, |run| f64::from(run.at(WEB, 4).wanted)),
    // Traffic falls at 600 s, the interval after that is seen at 630. Two are wanted at once; a quarter a
    // minute goes: 4 × 0.75 = 3, and at 690, 3 × 0.75 = 2.25, two.
    ("percent-down", 630.0, 0.0, |run| run.when(Actor::Hpa, 1)),
    ("percent-down", 3.0, 0.0, |run| f64::from(run.decisions(Actor::Hpa)[1].to)),
    ("percent-down", 690.0, 0.0, |run| run.when(Actor::Hpa, 2)),
    // The four of 30 s stay.
    ("never-down", 1.0, 0.0, |run| run.decisions(Actor::Hpa).len() as f64),
    // Two at 90 % want four. While the new ones start for two minutes they count as idle: 900m of 4
    // × 250m, so nothing is added. Counting Ready pods only would give ⌈4 × 1.8⌉ = 8 at 45 s.
    ("runaway", 4.0, 0.0, Run::most_wanted),
    // The same while they start for ten minutes: after five their CPU would be looked at, were they
    // not unready since they are there.
    ("runaway-long", 4.0, 0.0, Run::most_wanted),
    // 300 of 512 MiB are 58 % of a target of 50 %: ⌈5 × 1.16⌉ = 6, ⌈6 × 1.16⌉ = 7, and two more of
    // seven. The seventh does not fit on the node; from 135 s on it pulls its image, is Pending, and
    // counts as none: 6 × 300 of 7 × 512 MiB are 50 %.
    ("memory-pull", 7.0, 0.0, Run::most_wanted),
    // Four minutes at 1,000 a second, four at 250: five times up from two to four without a window
    // of stabilisation, once with the usual 300 s.
    ("flapping", 5.0, 0.0, |run| {
        run.decisions(Actor::Hpa).iter().filter(|decision| decision.from == 2).count() as f64
    }),
    ("no-flapping", 1.0, 0.0, |run| run.decisions(Actor::Hpa).len() as f64),
    // Messages from 605 s on, polled every 30 s.
    ("keda-wakes", 630.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    // 1,000 a second from 605 s on: 295,000 wait at 900, 325,000 at 930. More than 310,000 wake it.
    ("keda-activation", 930.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    // 1,000 in until 605 s, 500 out: empty at 1,210. Last seen active at 1,200; 120 s of cooldown
    // are over at 1,320 but not exceeded; the next poll is at 1,350.
    ("keda-sleeps", 1_350.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    // Requests from 605 s on; the poll of 630 sees the interval from 600 to 615. One pod is made, which
    // may become four (at least four are always allowed), and 900 of 200 a pod want five: 645, 660.
    ("keda-requests", 630.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    ("keda-requests", 5.0, 0.0, |run| f64::from(run.at(WEB, 43).wanted)),
    // The poll of 630 s still sees the requests between 600 and 605; 120 s later is not more than
    // 120 s, and the next poll is at 780.
    ("keda-requests-end", 780.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    // 900 a second arrive, and nobody makes a pod.
    ("replicas-zero", 0.0, 0.0, Run::most_wanted),
    // From 07:55 on: five pods at 08:00, two again at 09:00.
    ("scheduled-pods", 300.0, 0.0, |run| run.when(Actor::Hpa, 0)),
    ("scheduled-pods", 3_900.0, 0.0, |run| run.when(Actor::Hpa, 1)),
    // Three nodes from 08:00 on; from 09:00 on two are too many, which 600 s do not exceed at 4,500.
    ("scheduled-nodes", 300.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    ("scheduled-nodes", 4_510.0, 0.0, |run| run.when(Actor::Autoscaler, 1)),
];

/// Nodes: D4s_v3 has 3,860m for pods, seven of 500m; boot takes 120 s, deletion 60 s.
const NODES: &[Row] = &[
    // Eight pods of web and two others, 4,750m: two wait. First look at 10 s, Ready at 130, image
    // there at 150.
    ("scale-up", 10.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    ("scale-up", 130.0, 0.0, |run| {
        let waits = run.done.timeline.totals[WEB].pending_millis.iter().max();
        *waits.expect("pods waited") as f64 / 1000.0
    }),
    ("scale-up", 150.0, 0.0, |run| run.first(|sample| sample.ready == 8)),
    // 13 of 20 pods wait for all 20 minutes.
    ("no-room", 1_200.0, 0.0, |run| run.done.scorecard.pending_p95_millis as f64 / 1000.0),
    // The first look, at 10 s, finds the pool at its most nodes, and so do all others.
    ("no-room", 10.0, 0.0, |run| match run.done.timeline.lacks[..] {
        [Lacking { at_millis, why: Lack::AtMax { max: 1 }, .. }] => at_millis as f64 / 1000.0,
        _ => f64::MAX,
    }),
    // Seven of ten pods of web and another fill the node, three are bound to the next at 130 s. One pull
    // of 65 s for all of them: none is Ready before 195.
    ("image-pull", 195.0, 0.0, |run| run.first(|sample| sample.ready > run.at(WEB, 0).ready)),
    // Ten of 17 pods wait; one more node of 4 cores may come and one of 8. Seven fill the small one
    // to 91 %, ten the large one to 64 %: the small one first at 10 s, the large one for the other
    // three at 20 s. 600 + 590 + 580.
    ("expander-least-waste", 1_770.0, 0.0, Run::node_seconds),
    // The large one holds all ten: 600 + 590.
    ("expander-most-pods", 1_190.0, 0.0, Run::node_seconds),
    // The large one has the higher priority.
    ("expander-priority", 1_190.0, 0.0, Run::node_seconds),
    // Names of scale sets that begin with aks-d8 win.
    ("expander-priority-map", 1_190.0, 0.0, Run::node_seconds),
    // One of two at random: a hundred of 200 seeds take the large one first, with a deviation of 7.1.
    ("expander-random", 100.0, 36.0, |run| {
        let takes_large = |seed: &u64| {
            let scenario = Scenario { seed: *seed, ..run.scenario.clone() };
            let done = simulate(&run.problem, &run.plan, &scenario).expect("a run");
            done.timeline.node_millis.iter().sum::<u128>() == 1_190_000
        };
        (1..=200).filter(takes_large).count() as f64
    }),
    // 14 of 28 pods wait, seven to a node: two more nodes, one of each pool.
    ("balance-similar", 2.0, 0.0, |run| f64::from(run.done.timeline.pools_at(9)[0].nodes)),
    ("balance-similar", 2.0, 0.0, |run| f64::from(run.done.timeline.pools_at(9)[1].nodes)),
    // Two nodes with 750m and 1,000m of 3,860m requested would be one, were the threshold not 10 %.
    ("scale-down-threshold", 2_400.0, 0.0, Run::node_seconds),
    // Unneeded from the first look, at 10 s. 600 s are not exceeded at 610. Taint at 620, pods told
    // at 625, deleted at 630, gone at 690; the other 10 s after the deletion: 640 and 710. 1,200 +
    // 690 + 710.
    ("scale-down", 620.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    ("scale-down", 2_600.0, 0.0, Run::node_seconds),
    // One of four is replaced at 300 s, the other three at 600: each once, and none before its successor
    // is Ready.
    ("canary-event", 8.0, 0.0, |run| run.done.timeline.totals[WEB].started as f64),
    ("canary-event", 4.0, 0.0, Run::least_ready),
    ("canary-event", 600.0, 0.0, |run| {
        let told = run.decisions(Actor::Scenario);
        let rest = told.iter().find(|decision| decision.reason.starts_with("rollout of 3 of 4,"));
        rest.expect("the rest is rolled out").at_millis as f64 / 1000.0
    }),
    // One node grows for big at 10 s. The other size has a node too many from 10 s on, for longer than
    // two minutes at 140; five minutes after the growth are over at 310.
    ("delay-after-add", 310.0, 0.0, |run| run.when(Actor::Autoscaler, 1)),
    // As `scale-down`, but the second node is taken three minutes after the first, not as soon as
    // the first is gone.
    ("delay-after-delete", 800.0, 0.0, |run| run.when(Actor::Autoscaler, 1)),
    // Unneeded from 10 s on; it fails at 300 s and counts as not ready from 340 on. Eight minutes are not
    // exceeded at 490.
    ("scale-down-unready", 500.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    // Taint at 620 s, pods told at 625. They would take until 925, but are killed at 685; gone at 745.
    ("graceful-termination", 1_945.0, 0.0, Run::node_seconds),
    // The same after two minutes, which 130 s do not exceed.
    ("unneeded-time", 140.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    // The first look is at 30 s instead of 10.
    ("scan-interval", 30.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    // Two of six pods are on a node that goes. One away at a time; else both, and then the three of
    // the next node.
    ("disruption-budget", 5.0, 0.0, Run::least_ready),
    ("no-disruption-budget", 3.0, 0.0, Run::least_ready),
    // Pods of 0 s are 60 s old at the look at 60, which is not more than 60 s.
    ("new-pod-delay", 70.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    // Asked for at 10 s, first seen as not registered at 20 s. Fifteen minutes after the former are
    // exceeded at 920: backed off for 5 min, not over at 1,220. Those after the latter at 930:
    // deleted. Asked for again at 1,230.
    ("slow-machines", 930.0, 0.0, |run| run.when(Actor::Autoscaler, 1)),
    ("slow-machines", 1_230.0, 0.0, |run| run.when(Actor::Autoscaler, 2)),
    // Two of six on a node that goes. One is evicted at 625 s and is Ready again elsewhere at 805. The
    // other may not go before, and two minutes after the first attempt the node stays.
    ("drain-fails", 745.0, 0.0, |run| run.when(Actor::Autoscaler, 1)),
    ("drain-fails", 3_600.0, 0.0, Run::node_seconds),
    // 70 % of six are 4.2: five must be Ready. A fifth of six is 1.2: two may be away.
    ("budget-min-available", 5.0, 0.0, Run::least_ready),
    ("budget-max-unavailable", 4.0, 0.0, Run::least_ready),
    // Refused at 10 s: backed off for 5 min, not over at 310. Refused at 320: 10 min, not over at
    // 920. Granted at 930.
    ("no-capacity", 320.0, 0.0, |run| run.when(Actor::Autoscaler, 1)),
    ("no-capacity", 930.0, 0.0, |run| run.when(Actor::Autoscaler, 2)),
    // Told too: the first refusal, then a back-off of 300 s from 10 s on.
    ("no-capacity", 310.0, 0.0, |run| match run.done.timeline.lacks[..2] {
        [
            Lacking { at_millis: 10_000, why: Lack::Refused, .. },
            Lacking { why: Lack::BackOff { until_millis }, .. },
        ] => until_millis as f64 / 1000.0,
        _ => f64::MAX,
    }),
];

/// Nodes that node auto-provisioning makes and takes away: looks at pods a second after they came,
/// at nodes every 10 s, and does 15 s later what it found.
const PROVISIONED: &[Row] = &[
    // Ten of 17 pods wait; all fit on one node of 8 cores. Asked for at 1 s: 600 + 599.
    ("provisioning", 1.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    ("provisioning", 1_199.0, 0.0, Run::node_seconds),
    // 4 of 8 cores are taken: one more node of 4 cores with seven pods, three wait.
    ("provisioning-limits", 3.0, 0.0, |run| f64::from(run.at(WEB, 9).pending)),
    // Two nodes whose pods fit on one, quiet for 60 s at 60: done at 75, pods have ended at 80, the
    // machine is gone at 140. 1,200 + 140.
    ("consolidation", 75.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    ("consolidation", 1_340.0, 0.0, Run::node_seconds),
    ("consolidation-when-empty", 2_400.0, 0.0, Run::node_seconds),
    // Two of six nodes are empty. One goes at 25 s and is gone at 85; then the other is found.
    ("consolidation-budget", 100.0, 0.0, |run| run.when(Actor::Autoscaler, 1)),
    // The window ends at 300 s.
    ("consolidation-window", 315.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    // Closed at 600 s; another is asked for a second later.
    ("node-expires", 601.0, 0.0, |run| run.when(Actor::Autoscaler, 1)),
];

/// Priorities. Six pods of web, or four and three of worker, fill the node but for 110m.
const PRIORITIES: &[Row] = &[
    // Two more pods of api, 250m each, at 300 s: the place of one pod of web, which takes 30 s to
    // end, is enough for both.
    ("preemption", 1.0, 0.0, |run| run.done.timeline.totals[WEB].evictions as f64),
    ("preemption", 30.0, 0.0, |run| {
        let waits = run.done.timeline.totals[API].pending_millis.iter().max();
        *waits.expect("pods waited") as f64 / 1000.0
    }),
    // Two more pods of web at 300 s take the place of two pause pods a second later. Those wait; the
    // look at 300 s passes pods of age 0 over, the next one asks for a node.
    ("pause-pods", 315.0, 0.0, |run| run.first(|sample| sample.ready == 6)),
    ("pause-pods", 310.0, 0.0, |run| run.when(Actor::Autoscaler, 0)),
    // The same below the cutoff.
    ("expendable-pods", 315.0, 0.0, |run| run.first(|sample| sample.ready == 6)),
    ("expendable-pods", 0.0, 0.0, |run| run.decisions(Actor::Autoscaler).len() as f64),
];

/// Failures and deployments, all at 300 s.
const EVENTS: &[Row] = &[
    // The only node is away for ten minutes.
    ("node-fails", 600.0, 0.0, |run| {
        run.seconds(run.samples(WEB).filter(|sample| sample.ready == 0).count())
    }),
    // Its pods are evicted 40 + 300 s after it failed, their successors wait for it.
    ("node-fails", 2.0, 0.0, |run| run.done.timeline.totals[WEB].evictions as f64),
    // One of two nodes, with one of two pods: for 40 s half of 100 requests a second go there. Five
    // deviations of half of 4,000 arrivals are 158.
    ("node-silent", 2_000.0, 160.0, |run| run.samples(WEB).map(|sample| sample.lost as f64).sum()),
    // The same, but tried once more in the next interval of 15 s. Of 1,500 that come half are lost, 750;
    // of 2,250 half, 375 of them for the second time; of 2,250 a third, as the node is left out after
    // 10 s, 250 of them for the second time. Tried again are 750, 750 and 500.
    ("node-silent-retries", 625.0, 75.0, |run| {
        run.samples(WEB).map(|sample| sample.lost as f64).sum()
    }),
    ("node-silent-retries", 2_000.0, 160.0, |run| {
        run.samples(WEB).map(|sample| sample.retried as f64).sum()
    }),
    // One pod from 300 s on; its successor is made at 640 s. In samples: 300, 315, ... 630.
    ("node-silent", 345.0, 0.0, |run| {
        run.seconds(run.samples(WEB).filter(|sample| sample.ready == 1).count())
    }),
    // Back after two minutes, long before 340 s: the same pods start again.
    ("node-reboots", 120.0, 0.0, |run| {
        run.seconds(run.samples(WEB).filter(|sample| sample.ready == 0).count())
    }),
    ("node-reboots", 0.0, 0.0, |run| run.done.timeline.totals[WEB].evictions as f64),
    // One of three nodes, with two of six pods, is away for ten minutes. After 340 s the pods are
    // evicted and made anew on the others: samples 300, 315, ... 630.
    ("zone-fails", 345.0, 0.0, |run| {
        run.seconds(run.samples(WEB).filter(|sample| sample.ready == 4).count())
    }),
    ("zone-fails", 2.0, 0.0, |run| run.done.timeline.totals[WEB].evictions as f64),
    ("zone-fails", 600.0, 0.0, |run| {
        run.seconds(run.pool().filter(|sample| sample.ready == 2).count())
    }),
    // It is back when it answers.
    ("zone-fails", 900.0, 0.0, |run| run.when(Actor::Scenario, 1)),
    // One of two nodes, told when it happens.
    ("spot-eviction", 300.0, 0.0, |run| run.when(Actor::Scenario, 0)),
    // 30 s of notice, 60 s of deletion: one node is paid for 600 s, one for 390, at the spot rate of
    // 0.0454608 USD/h. 990 / 3,600 × 45,460.8 millionths of a dollar.
    ("spot-eviction", 990.0, 0.0, Run::node_seconds),
    ("spot-eviction", 12_502.0, 0.5, |run| {
        run.done.timeline.spend.iter().map(|spend| spend.0).sum::<u128>() as f64 / 3.6e9
    }),
    // One more and one fewer at once of four: never below three; four new ones are started.
    ("rollout", 3.0, 0.0, Run::least_ready),
    ("rollout", 8.0, 0.0, |run| run.done.timeline.totals[WEB].started as f64),
    // Four new ones beside four old ones, 250m and 500m of the others: 4,000 + 750.
    ("blue-green", 4.0, 0.0, Run::least_ready),
    ("blue-green", 4_750.0, 0.0, |run| {
        run.pool().map(|sample| sample.requested_milli as f64).fold(0.0, f64::max)
    }),
    // Two new ones beside four old ones; 2 % of four would be one.
    ("surge-count", 3_750.0, 0.0, |run| {
        run.pool().map(|sample| sample.requested_milli as f64).fold(0.0, f64::max)
    }),
    // The surge node asked for at 300 s comes at 420; the old one is deleted 5 s after that, when the
    // next is asked for, and gone at 485. The other comes at 545, its old one is gone at 610.
    // 485 + 610 + (900 − 300) + (900 − 425).
    ("upgrade", 2_170.0, 0.0, Run::node_seconds),
    // One of four pods away at a time.
    ("upgrade-budget", 3.0, 0.0, Run::least_ready),
    // None may be away: the drain that begins at 420 s is given up after 30 min, and the surge node
    // goes.
    ("upgrade-blocked", 4.0, 0.0, Run::least_ready),
    ("upgrade-blocked", 2_220.0, 0.0, |run| run.when(Actor::Scenario, 2)),
    ("upgrade-blocked", 2.0, 0.0, |run| f64::from(run.pool().last().expect("samples").nodes)),
    // As response-time, 20 seeds. 3.6 million arrivals of a run have a relative deviation of
    // 0.00053, the load one of 0.00026, the share e^−3 × 6 times that: 79 ppm. 2.093 × 79 / √20.
    ("many-runs", 950_213.0, 1_000.0, |run| {
        let runs = replicate(&run.problem, &run.plan, &run.scenario, 20).expect("runs");
        runs.good[WEB].expect("an objective").mean as f64
    }),
    ("many-runs", 37.0, 15.0, |run| {
        let runs = replicate(&run.problem, &run.plan, &run.scenario, 20).expect("runs");
        runs.good[WEB].expect("an objective").half as f64
    }),
];

const TABLES: [&[Row]; 7] = [TRAFFIC, PODS, AUTOSCALERS, NODES, PROVISIONED, PRIORITIES, EVENTS];

#[test]
fn scenarios_show_what_was_worked_out_by_hand() {
    let mut wrong = Vec::new();
    for (name, want, within, figure) in TABLES.into_iter().flatten() {
        let got = figure(&run(name));
        let off = (got - want).abs();
        if off.is_nan() || off > *within {
            wrong.push(format!("{name}: {got}, not {want} ± {within}"));
        }
    }
    tree::assert_none(&wrong);
}

/// `1234567` as `1,234,567`.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The figures of the documentation are those of the tables.
#[test]
fn the_documentation_quotes_every_figure() {
    let page = fs::read_to_string(tree::root().join("docs/simulation.md")).expect("the page");
    let mut wrong = Vec::new();
    for (name, want, ..) in TABLES.into_iter().flatten() {
        let row = page.lines().find(|line| line.contains(&format!("| `{name}` |")));
        let cells: Vec<&str> = row.unwrap_or_default().split('|').collect();
        let number = grouped(*want);
        let quoted = cells.get(3).is_some_and(|figure| {
            figure
                .split(|one: char| !(one.is_ascii_digit() || one == ','))
                .any(|word| word.trim_matches(',') == number)
        });
        if !quoted {
            wrong.push(format!("docs/simulation.md: no row of `{name}` says {number}"));
        }
    }
    tree::assert_none(&wrong);
}

/// A hostile word in the place of any other: the file is refused with a code, or what it says is
/// staged; with a zero it also runs.
#[test]
fn hostile_words_are_refused_or_run() {
    let hostile = ["0", "-1", "x", "4294967296", "1000%", "[]", "{}", "~"];
    let mut names: Vec<&str> = TABLES.into_iter().flatten().map(|row| row.0).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().filter(|name| *name != "mmpp") {
        let body = text(&format!("{name}.yaml"));
        let (problem, plan, mut inputs) = inputs(name, &body);
        let head = body.match_indices('\n').nth(1).expect("two lines of comment").0;
        let part = |one: char| !(one.is_ascii_alphanumeric() || "%.-_*".contains(one));
        let mut at = head;
        for word in body[head..].split(part) {
            for bad in hostile.iter().filter(|_| !word.is_empty()) {
                let spoiled = format!("{}{bad}{}", &body[..at], &body[at + word.len()..]);
                match yaml::scenario("spoiled.yaml", spoiled.as_bytes()) {
                    Ok(file) => inputs.scenario = file,
                    Err(faults) => {
                        assert!(faults.iter().all(|fault| fault.code.starts_with("NP")));
                        continue;
                    }
                }
                if let (Ok(staged), "0") = (stage(&problem, &plan, &inputs), *bad) {
                    let _ = simulate(&problem, &plan, &staged.scenario);
                }
            }
            at += word.len() + 1;
        }
    }
}

/// Every file is run by a row, or used by a scenario that is.
#[test]
fn no_file_is_left_over() {
    let rows: Vec<&str> = TABLES.into_iter().flatten().map(|row| row.0).collect();
    let commands: Vec<String> = rows.iter().map(|name| text(&format!("{name}.yaml"))).collect();
    let used = |file: &str| {
        let word = |text: &String| text.lines().next().is_some_and(|line| line.contains(file));
        commands.iter().any(word)
    };
    let mut wrong = Vec::new();
    for path in tree::files(FOLDER) {
        let file = path.rsplit('/').next().unwrap_or_default();
        // A plan's workloads stand beside it.
        let planned = file.strip_suffix(".csv").is_some_and(|name| used(&format!("{name}.json")));
        if !planned && !used(&format!(" {file}")) {
            wrong.push(format!("{path}: no scenario of the tables uses it"));
        }
    }
    tree::assert_none(&wrong);
}
