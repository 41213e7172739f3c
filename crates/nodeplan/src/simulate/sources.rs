//! Traffic and the load it makes: series, who takes them, what a unit of work costs.

use super::names::{Names, clip};
use super::{Inputs, Scale, ahead, doubts};
use nodeplan_io::diagnostic::{ImportError, Place};
use nodeplan_io::yaml::{Arrivals, Gateway, LoadEntry, Shape, Synthetic};
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{
    Autoscaling, Balancing, Load, MILLION, Metric, Objective, Series, Service, Source,
};
use nodeplan_model::units::{Bytes, MilliCpu};
use nodeplan_model::workload::Workload;
use nodeplan_sim::demand::synthetic::{self, Shape as Form};
use nodeplan_sim::demand::{peak, peak_to_max};
use std::collections::BTreeMap;

/// From scheduled to Ready where nothing is said.
const STARTUP_MILLIS: u64 = 10_000;
/// Largest cost of a request that is guessed, a second.
const MOST_MICROS: f64 = 1e6;

/// Series and loads of a scenario.
pub(super) struct Traffic {
    /// Series.
    pub series: Vec<Series>,
    /// Loads, one per workload.
    pub loads: Vec<Load>,
    /// Where the work of each comes from, as a load file says it, with all factors but growth.
    pub arrivals: Vec<Vec<String>>,
}

/// All that arrives and what it costs.
pub(super) fn all(
    problem: &Problem,
    inputs: &Inputs,
    scaling: &[Option<Autoscaling>],
    horizon_millis: u64,
    names: &mut Names<'_>,
    assumptions: &mut Vec<String>,
) -> Traffic {
    let file = &inputs.scenario;
    let mut series: Vec<Series> =
        inputs.traffic.iter().flat_map(|traffic| traffic.series.clone()).collect();
    for one in &file.traffic {
        series.push(made_up(one, horizon_millis, file.seed.unwrap_or(1)));
    }
    repeated(&series, names);
    let filled: u64 = inputs.traffic.iter().map(|traffic| traffic.filled).sum();
    if filled > 0 {
        assumptions.push(format!("{filled} missing numbers of traffic were filled in (`--gaps`)"));
    }
    let mut entries: Vec<Option<&LoadEntry>> = vec![None; problem.workloads().len()];
    for entry in &inputs.load.workloads {
        // A name that leads nowhere is a fault already.
        let found = names.find(&entry.workload.name);
        if let Some(at) = found {
            entries[at] = Some(entry);
        }
    }
    let (mut sources, mut offsets): (Vec<Vec<Source>>, Vec<Vec<i64>>) =
        arrivals(inputs, &entries, &series, names)
            .into_iter()
            .map(|taken| taken.into_iter().unzip())
            .unzip();
    unclaimed(problem, &entries, &series, &mut sources, names, assumptions);
    unused(&series, &sources, assumptions);
    let files = inputs.traffic.iter().map(|traffic| traffic.series.len()).sum();
    let own = offsets.clone();
    all_later(&sources, &mut offsets, file.offset_millis.unwrap_or(0), files);
    let startup = file.startup_millis.unwrap_or(STARTUP_MILLIS);
    let mut loads: Vec<Load> = problem
        .workloads()
        .iter()
        .zip(&entries)
        .map(|(workload, entry)| load(workload, *entry, startup))
        .collect();
    for (load, sources) in loads.iter_mut().zip(sources) {
        load.sources = sources;
    }
    guess(problem, &entries, &series, scaling, &mut loads, assumptions);
    scale(problem, inputs, scaling, &series, &mut loads, assumptions);
    let arrivals = told(problem, &series, files, &loads, &own);
    grow(file.growth.unwrap_or(MILLION), &mut loads);
    ahead::all(inputs, &mut series, &loads, names, assumptions);
    let refused = gateways(&file.gateways, &mut series, &mut loads, names);
    shift(&offsets, &mut series, &mut loads);
    for (at, source, over) in refused {
        let offset = offsets.get(at).and_then(|own| own.get(source)).copied().unwrap_or(0);
        loads[at].refused.push(Source::Series { series: series.len(), factor: MILLION });
        series.push(later(&over, offset));
    }
    silent(problem, &entries, &loads, startup, assumptions);
    doubts::all(problem, scaling, &loads, assumptions);
    Traffic { series, loads, arrivals }
}

/// Two columns of one name: nobody knows which is meant.
fn repeated(series: &[Series], names: &mut Names<'_>) {
    for (at, one) in series.iter().enumerate() {
        if series[..at].iter().any(|other| other.name == one.name) {
            let message = format!("two columns of traffic are called `{}`", clip(&one.name));
            let fault = ImportError::new("NP1421", Place::whole("--traffic"), message);
            names.faults.push(fault.help("rename one of them"));
        }
    }
}

fn made_up(one: &Synthetic, horizon_millis: u64, seed: u64) -> Series {
    let rate = |micro: u64| micro as f64 / MILLION as f64;
    let form = match one.shape {
        Shape::Diurnal { low, high, peak_second } => Form::Diurnal {
            low: rate(low),
            high: rate(high),
            peak_hour: peak_second as f64 / 3600.0,
        },
        Shape::FlashCrowd { base, peak, at, rise, half_life } => {
            Form::FlashCrowd { base: rate(base), peak: rate(peak), at, rise, half_life }
        }
        Shape::Step { low, high, at } => Form::Step { low: rate(low), high: rate(high), at },
        Shape::Modulated { low, high, quiet, busy } => Form::Modulated {
            low: rate(low),
            high: rate(high),
            quiet: quiet as f64,
            busy: busy as f64,
        },
    };
    let steps = horizon_millis.div_ceil(one.step_seconds.max(1).saturating_mul(1000));
    let steps = usize::try_from(steps.clamp(1, 10_000_000)).unwrap_or(1);
    synthetic::series(&one.name.name, &form, one.step_seconds, steps, seed)
}

/// A source, and how much later it comes, milliseconds.
type Taken = (Source, i64);

/// Adds an offset to those of all traffic of files, which are so many series.
fn all_later(sources: &[Vec<Source>], offsets: &mut [Vec<i64>], later: i64, files: usize) {
    for (sources, offsets) in sources.iter().zip(offsets) {
        offsets.resize(sources.len(), 0);
        for (source, offset) in sources.iter().zip(offsets) {
            if matches!(source, Source::Series { series, .. } if *series < files) {
                *offset = offset.saturating_add(later);
            }
        }
    }
}

/// Gives every source with an offset a series of its own that comes so much later. A series is
/// repeated after its end, so what leaves at one end comes in at the other. An offset that is no
/// whole number of steps divides each rate between two of them.
fn shift(offsets: &[Vec<i64>], series: &mut Vec<Series>, loads: &mut [Load]) {
    let mut made: BTreeMap<(usize, i64), usize> = BTreeMap::new();
    for (load, offsets) in loads.iter_mut().zip(offsets) {
        for (source, &offset) in load.sources.iter_mut().zip(offsets) {
            let Source::Series { series: one, .. } = source else { continue };
            if offset != 0 {
                let at = *made.entry((*one, offset)).or_insert_with(|| {
                    series.push(later(&series[*one], offset));
                    series.len() - 1
                });
                *one = at;
            }
        }
    }
}

/// A series that comes later.
fn later(series: &Series, offset_millis: i64) -> Series {
    let rates = &series.micro_per_second;
    let step = i128::from(series.step_millis.max(1));
    let span = step * rates.len().max(1) as i128;
    let offset = i128::from(offset_millis).rem_euclid(span);
    let (whole, part) = ((offset / step) as usize, offset % step);
    let rate = |at: usize| i128::from(rates[at % rates.len()]);
    let shifted = (0..rates.len()).map(|at| {
        let at = at + rates.len() - whole;
        let mixed = (rate(at) * (step - part) + rate(at + rates.len() - 1) * part) / step;
        u64::try_from(mixed).unwrap_or(u64::MAX)
    });
    Series { micro_per_second: shifted.collect(), ..series.clone() }
}

/// Sources of each workload by load file and map.
fn arrivals(
    inputs: &Inputs,
    entries: &[Option<&LoadEntry>],
    series: &[Series],
    names: &mut Names<'_>,
) -> Vec<Vec<Taken>> {
    let files = inputs.traffic.iter().map(|traffic| traffic.series.len()).sum();
    let mut mapped: Vec<Vec<Taken>> = vec![Vec::new(); entries.len()];
    for (workload, arrivals) in &inputs.maps {
        let to = names.workload(workload);
        let source = source(arrivals, &[], (series, files), names);
        if let Some(to) = to {
            mapped[to.index()].extend(source);
        }
    }
    let mut all = Vec::with_capacity(entries.len());
    for (at, entry) in entries.iter().enumerate() {
        let own = entry.map_or(&[][..], |entry| &entry.arrivals[..]);
        let mut sources: Vec<Taken> = Vec::new();
        for one in own {
            sources.extend(source(one, &mapped[at], (series, files), names));
        }
        if !own.iter().any(|one| matches!(one, Arrivals::Trace { .. })) {
            sources.extend(&mapped[at]);
        }
        all.push(sources);
    }
    all
}

/// One kind of arrivals; `trace` stands for what is mapped, else for the only traffic.
fn source(
    arrivals: &Arrivals,
    mapped: &[Taken],
    (series, files): (&[Series], usize),
    names: &mut Names<'_>,
) -> Vec<Taken> {
    let times = |a: u64, b: u64| {
        u64::try_from(u128::from(a) * u128::from(b) / u128::from(MILLION)).unwrap_or(u64::MAX)
    };
    match arrivals {
        Arrivals::Column { series: named, factor, offset_millis } => names
            .series(named, series)
            .map(|series| (Source::Series { series, factor: *factor }, *offset_millis))
            .into_iter()
            .collect(),
        Arrivals::Calls { caller, factor } => names
            .workload(caller)
            .map(|caller| (Source::Calls { caller, factor: *factor }, 0))
            .into_iter()
            .collect(),
        Arrivals::Trace { factor, offset_millis, .. } if !mapped.is_empty() => mapped
            .iter()
            .map(|&(one, later)| match one {
                Source::Series { series, factor: own } => {
                    let source = Source::Series { series, factor: times(own, *factor) };
                    (source, later.saturating_add(*offset_millis))
                }
                Source::Calls { caller, factor: own } => {
                    (Source::Calls { caller, factor: times(own, *factor) }, 0)
                }
            })
            .collect(),
        Arrivals::Trace { factor, offset_millis, place } => {
            // What is made up is taken by name, where there are files.
            if files == 1 || series.len() == 1 {
                return vec![(Source::Series { series: 0, factor: *factor }, *offset_millis)];
            }
            let message = format!("`trace` could be any of {} columns of traffic", series.len());
            let fault = ImportError::new("NP1423", place.clone(), message);
            names.faults.push(if series.is_empty() {
                fault.help("give a traffic file with --traffic")
            } else {
                fault.help("say which: --map WORKLOAD=COLUMN")
            });
            Vec::new()
        }
    }
}

/// Traffic that no workload takes goes to the only one that could.
fn unclaimed(
    problem: &Problem,
    entries: &[Option<&LoadEntry>],
    series: &[Series],
    sources: &mut [Vec<Source>],
    names: &mut Names<'_>,
    assumptions: &mut Vec<String>,
) {
    let taken = sources.iter().flatten().any(|one| matches!(one, Source::Series { .. }));
    if series.is_empty() || taken || !names.faults.is_empty() {
        return;
    }
    let workloads = problem.workloads();
    let told = |at: &usize| {
        entries[*at]
            .is_some_and(|entry| entry.service != Service::None && entry.arrivals.is_empty())
    };
    let own = |at: &usize| !workloads[*at].system;
    let mut open: Vec<usize> = (0..workloads.len()).filter(told).collect();
    if open.is_empty() {
        open = (0..workloads.len()).filter(own).collect();
    }
    if let ([one], [only]) = (&open[..], series) {
        sources[*one].push(Source::Series { series: 0, factor: MILLION });
        assumptions.push(format!(
            "all of `{}` goes to {} (`--map`)",
            clip(&only.name),
            workloads[*one].full_name()
        ));
        return;
    }
    let message = format!("traffic `{}` reaches no workload", clip(&series[0].name));
    let fault = ImportError::new("NP1423", Place::whole("--traffic"), message);
    let example = open.first().map_or("WORKLOAD".to_owned(), |at| workloads[*at].full_name());
    names.faults.push(fault.help(format!("say who takes it: --map {example}={}", series[0].name)));
}

/// Traffic beside that which somebody takes.
fn unused(series: &[Series], sources: &[Vec<Source>], assumptions: &mut Vec<String>) {
    for (at, one) in series.iter().enumerate() {
        let takes =
            |source: &Source| matches!(source, Source::Series { series, .. } if *series == at);
        if !sources.iter().flatten().any(takes) {
            assumptions.push(format!("nobody takes traffic `{}` (`--map`)", clip(&one.name)));
        }
    }
}

/// What is told of a workload's load, defaults for the rest.
fn load(workload: &Workload, entry: Option<&LoadEntry>, startup: u64) -> Load {
    let idle = entry.and_then(|entry| entry.idle);
    let works = entry.is_some_and(|entry| entry.service != Service::None);
    // A pod whose work is not told uses what it uses on average; one whose work is, nothing else.
    let idle = idle.unwrap_or(if works { MilliCpu(0) } else { workload.cpu_mean });
    let start = entry.and_then(|entry| entry.startup_cpu);
    Load {
        sources: Vec::new(),
        refused: Vec::new(),
        burstiness_milli: entry.map_or(1000, |entry| entry.burstiness_milli),
        service: entry.map_or(Service::None, |entry| entry.service),
        retries: entry.and_then(|entry| entry.retries),
        idle,
        memory: entry.and_then(|entry| entry.memory).unwrap_or_else(|| usual_memory(workload)),
        memory_each: entry.map_or(Bytes(0), |entry| entry.memory_each),
        startup_millis: entry.and_then(|entry| entry.startup_millis).unwrap_or(startup),
        startup_cpu: start.unwrap_or(idle),
        objective: entry.map_or_else(Objective::default, |entry| entry.objective),
    }
}

/// Memory that keeps an autoscaler where it is: the target's share of the request, else all.
fn usual_memory(workload: &Workload) -> Bytes {
    let percent = workload.scaling.memory_target_percent.unwrap_or(100).min(100);
    let share = u128::from(workload.request.memory.0) * u128::from(percent) / 100;
    Bytes(u64::try_from(share).unwrap_or(u64::MAX))
}

/// A workload with traffic of its own whose requests cost nothing known: so much that the peak
/// needs its most replicas at their target.
fn guess(
    problem: &Problem,
    entries: &[Option<&LoadEntry>],
    series: &[Series],
    scaling: &[Option<Autoscaling>],
    loads: &mut [Load],
    assumptions: &mut Vec<String>,
) {
    for (at, load) in loads.iter_mut().enumerate() {
        let told = entries[at].is_some_and(|entry| entry.service != Service::None);
        let rate: f64 = load
            .sources
            .iter()
            .map(|source| match *source {
                Source::Series { series: one, factor } => {
                    peak(&series[one]) as f64 / 1e6 * (factor as f64 / 1e6)
                }
                Source::Calls { .. } => 0.0,
            })
            .sum();
        if told || rate <= 0.0 {
            continue;
        }
        let workload = &problem.workloads()[at];
        let (target, most) = match &scaling[at] {
            Some(one) => {
                let percent = one.metrics.iter().find_map(|metric| match *metric {
                    Metric::CpuUtilization(percent) => Some(percent),
                    Metric::CpuAverage(milli) => {
                        let percent = milli.saturating_mul(100) / workload.request.cpu.0.max(1);
                        u32::try_from(percent).ok()
                    }
                    _ => None,
                });
                (percent.unwrap_or(80), one.max)
            }
            None => (80, problem.demand().column(at).iter().max().copied().unwrap_or(1)),
        };
        let micros = workload.request.cpu.0 as f64 * 10.0 * f64::from(target) * f64::from(most);
        let cpu_micros = (micros / rate).clamp(1.0, MOST_MICROS) as u64;
        load.idle = MilliCpu(0);
        load.startup_cpu = MilliCpu(0);
        load.service = Service::Requests {
            cpu_micros,
            cv2_milli: 1000,
            latency_micros: 0,
            workers: None,
            timeout_millis: 30_000,
            balancing: Balancing::Random,
        };
        assumptions.push(format!(
            "a request to {} costs {}.{:03} ms of CPU, so that the peak of its traffic needs {most} \
             pods at {target} % of their request (`cpu_per_request` of a load file)",
            workload.full_name(),
            cpu_micros / 1000,
            cpu_micros % 1000,
        ));
    }
}

/// Multiplies what comes from outside by `--scale`.
fn scale(
    problem: &Problem,
    inputs: &Inputs,
    scaling: &[Option<Autoscaling>],
    series: &[Series],
    loads: &mut [Load],
    assumptions: &mut Vec<String>,
) {
    for (at, workload) in problem.workloads().iter().enumerate() {
        let load = &mut loads[at];
        let alone = load.clone();
        for source in &mut load.sources {
            let Source::Series { series: one, factor } = source else { continue };
            let times = match (inputs.scale, &scaling[at]) {
                (Scale::Factor(times), _) => times,
                (Scale::PeakToMax, Some(scaling)) => {
                    let found = peak_to_max(&series[*one], workload, &alone, scaling);
                    if let Some(times) = found {
                        assumptions.push(format!(
                            "`{}` is multiplied by {:.4}, so that its peak needs {} pods of {} \
                             (`--scale`)",
                            clip(&series[*one].name),
                            times as f64 / MILLION as f64,
                            scaling.max,
                            workload.full_name(),
                        ));
                    }
                    found.unwrap_or(MILLION)
                }
                (Scale::PeakToMax, None) => MILLION,
            };
            *factor = product(*factor, times);
        }
    }
}

/// Multiplies what comes from outside by a growth.
fn grow(growth: u64, loads: &mut [Load]) {
    for source in loads.iter_mut().flat_map(|load| &mut load.sources) {
        if let Source::Series { factor, .. } = source {
            *factor = product(*factor, growth);
        }
    }
}

/// The product of two factors: at most far beyond any traffic, so that no sum overflows.
fn product(one: u64, other: u64) -> u64 {
    (one as f64 * (other as f64 / MILLION as f64)).min(1e15).round() as u64
}

/// Sources in the words of a load file; `trace` where that is no other.
fn told(
    problem: &Problem,
    series: &[Series],
    files: usize,
    loads: &[Load],
    offsets: &[Vec<i64>],
) -> Vec<Vec<String>> {
    let number = |factor: u64| format!("{}.{:06}", factor / MILLION, factor % MILLION);
    let word = |source: &Source, offset: i64| match *source {
        Source::Calls { caller, factor } => {
            let name = problem.workloads()[caller.index()].full_name();
            format!("{} per {name}", number(factor))
        }
        Source::Series { series: at, factor } => {
            let only = at == 0 && (files == 1 || series.len() == 1);
            let name = if only { "trace" } else { series[at].name.as_str() };
            let later = if offset == 0 { String::new() } else { format!(" @ {offset}ms") };
            format!("{name} * {}{later}", number(factor))
        }
    };
    let rows = loads.iter().zip(offsets);
    rows.map(|(load, offsets)| {
        let offsets = offsets.iter().copied().chain(std::iter::repeat(0));
        load.sources.iter().zip(offsets).map(|(source, offset)| word(source, offset)).collect()
    })
    .collect()
}

/// What a gateway leaves of a series: the factors of its sources go into a series of its own,
/// because a limit holds for what arrives in the end. Tells what limits refuse, by workload and source.
fn gateways(
    all: &[Gateway],
    series: &mut Vec<Series>,
    loads: &mut [Load],
    names: &mut Names<'_>,
) -> Vec<(usize, usize, Series)> {
    let known = series.clone();
    let mut refused = Vec::new();
    for gateway in all {
        let Some(through) = names.series(&gateway.series, &known) else { continue };
        for (at, load) in loads.iter_mut().enumerate() {
            for (nth, source) in load.sources.iter_mut().enumerate() {
                let Source::Series { series: one, factor } = source else { continue };
                if *one != through {
                    continue;
                }
                let behind = |rate: &u64| {
                    let scaled = u128::from(*rate) * u128::from(*factor) / u128::from(MILLION);
                    let missed = u128::from(MILLION.saturating_sub(gateway.cache_hit));
                    u64::try_from(scaled * missed / u128::from(MILLION)).unwrap_or(u64::MAX)
                };
                let limit = gateway.rate_limit.unwrap_or(u64::MAX);
                let all: Vec<u64> = known[through].micro_per_second.iter().map(behind).collect();
                let made = |rates| Series { micro_per_second: rates, ..known[through].clone() };
                if all.iter().any(|rate| *rate > limit) {
                    let over = all.iter().map(|rate| rate.saturating_sub(limit)).collect();
                    refused.push((at, nth, made(over)));
                }
                series.push(made(all.into_iter().map(|rate| rate.min(limit)).collect()));
                *source = Source::Series { series: series.len() - 1, factor: MILLION };
            }
        }
    }
    refused
}

/// Workloads of which nothing is told.
fn silent(
    problem: &Problem,
    entries: &[Option<&LoadEntry>],
    loads: &[Load],
    startup: u64,
    assumptions: &mut Vec<String>,
) {
    let all = problem.workloads().iter().enumerate();
    let idle: Vec<String> = all
        .filter(|(at, workload)| !workload.system && loads[*at].service == Service::None)
        .map(|(_, workload)| workload.full_name())
        .collect();
    if !idle.is_empty() {
        assumptions.push(format!(
            "no load is told of these, they use their mean CPU and their memory request all the \
             time: {}",
            idle.join(", ")
        ));
    }
    let quick = problem.workloads().iter().enumerate().any(|(at, workload)| {
        !workload.system && entries[at].is_none_or(|entry| entry.startup_millis.is_none())
    });
    if quick {
        let seconds = startup.div_ceil(1000);
        assumptions.push(format!(
            "pods whose load does not say are Ready {seconds} s after their image is there (`startup`)"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_later_comes_round() {
        let series = Series {
            name: "x".to_owned(),
            step_millis: 60_000,
            micro_per_second: vec![10, 20, 40, 80],
        };
        for (offset, want) in [
            (0, [10, 20, 40, 80]),
            (60_000, [80, 10, 20, 40]),
            (-60_000, [20, 40, 80, 10]),
            (60_000 * 9, [80, 10, 20, 40]),
            // Half a step: half of each neighbour.
            (30_000, [45, 15, 30, 60]),
            // A quarter earlier.
            (-15_000, [12, 25, 50, 62]),
        ] {
            assert_eq!(later(&series, offset).micro_per_second, want, "{offset}");
        }
        let none = Series { micro_per_second: Vec::new(), ..series };
        assert_eq!(later(&none, i64::MIN), none);
    }
}
