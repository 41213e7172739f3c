//! Traffic: how much arrives when.
//!
//! A series gives the mean rate of each step. Between the middles of steps the rate is
//! interpolated linearly, before the first and after the last it is level; a run longer than the
//! series repeats it. Within an interval arrivals are Poisson, or burstier where a load says so.

pub mod forecast;
pub mod synthetic;

use nodeplan_model::scenario::{Autoscaling, Load, MILLION, Metric, Series, Service, Source};
use nodeplan_model::workload::Workload;

/// CPU of one arrival, core-seconds, where there is work; of arrivals that make a job together each has
/// its part.
#[must_use]
pub fn cost(service: Service) -> Option<f64> {
    match service {
        Service::Requests { cpu_micros, .. } | Service::Messages { cpu_micros, .. } => {
            Some(cpu_micros as f64 / MILLION as f64)
        }
        Service::Jobs { cpu_micros, arrivals_per_job } => {
            Some(cpu_micros as f64 / MILLION as f64 / f64::from(arrivals_per_job.max(1)))
        }
        Service::None => None,
    }
}

/// The mean rate of a series at a time, in arrivals a second.
#[must_use]
pub fn rate_at(series: &Series, millis: u64) -> f64 {
    let steps = series.micro_per_second.len() as u64;
    let span = steps.saturating_mul(series.step_millis);
    if span == 0 {
        return 0.0;
    }
    let at = millis % span;
    let half = series.step_millis / 2;
    let value = |step: u64| series.micro_per_second[step as usize] as f64 / MILLION as f64;
    if at < half {
        return value(0);
    }
    let from = (at - half) / series.step_millis;
    if from + 1 >= steps {
        return value(steps - 1);
    }
    let share = ((at - half) % series.step_millis) as f64 / series.step_millis as f64;
    value(from) + (value(from + 1) - value(from)) * share
}

/// Mean arrivals of a series from one time to another: exact for the linear pieces.
#[must_use]
pub fn expected(series: &Series, from: u64, to: u64) -> f64 {
    let mut sum = 0.0;
    let mut at = from;
    while at < to {
        let next = next_bend(series, at).min(to);
        // A jump may lie at the end of the piece: the rate just before it counts.
        let middle = rate_at(series, at + (next - at) / 2);
        sum += middle * (next - at) as f64 / 1000.0;
        at = next;
    }
    sum
}

/// What rate limits refuse of a workload's traffic in each of equal samples, in whole ones whose sum is
/// off by at most a half; nothing without limits.
#[must_use]
pub fn refused(series: &[Series], load: &Load, sample_millis: u64, samples: usize) -> Vec<u64> {
    if load.refused.is_empty() {
        return Vec::new();
    }
    let (mut sum, mut told) = (0.0, 0);
    let sample = |at: u64| {
        let (from, to) = (at * sample_millis, (at + 1) * sample_millis);
        for source in &load.refused {
            if let Source::Series { series: one, factor } = *source
                && let Some(series) = series.get(one)
            {
                sum += expected(series, from, to) * (factor as f64 / MILLION as f64);
            }
        }
        let whole = libm::round(sum) as u64;
        std::mem::replace(&mut told, whole).abs_diff(whole)
    };
    (0..samples as u64).map(sample).collect()
}

/// The first time after `at` at which the rate bends or jumps.
fn next_bend(series: &Series, at: u64) -> u64 {
    let step = series.step_millis.max(1);
    let span = step.saturating_mul(series.micro_per_second.len() as u64).max(1);
    let start = at / span * span;
    let within = at - start;
    let half = step / 2;
    let bend = if within < half { half } else { half + ((within - half) / step + 1) * step };
    start + bend.min(span)
}

/// The highest rate of a series, millionths a second.
#[must_use]
pub fn peak(series: &Series) -> u64 {
    series.micro_per_second.iter().copied().max().unwrap_or(0)
}

/// Arrivals a second that `replicas` pods take at the CPU target of their autoscaler, or none
/// where requests cost no CPU: the load at which a horizontal autoscaler would stay there.
#[must_use]
pub fn rate_at_target(workload: &Workload, load: &Load, scaling: &Autoscaling) -> Option<f64> {
    let target_milli = scaling.metrics.iter().find_map(|metric| match *metric {
        Metric::CpuUtilization(percent) => {
            Some(workload.request.cpu.0 as f64 * f64::from(percent) / 100.0)
        }
        Metric::CpuAverage(milli) => Some(milli as f64),
        _ => None,
    })?;
    let micros = match load.service {
        Service::Requests { cpu_micros, .. } | Service::Messages { cpu_micros, .. } => cpu_micros,
        Service::Jobs { .. } | Service::None => return None,
    };
    if micros == 0 {
        return None;
    }
    let cores = (target_milli - load.idle.0 as f64).max(0.0) / 1000.0;
    Some(cores * f64::from(scaling.max) * MILLION as f64 / micros as f64)
}

/// The factor, parts per million, by which the arrivals of a series must be multiplied so that
/// its peak needs the most replicas of the workload at its CPU target.
#[must_use]
pub fn peak_to_max(
    series: &Series,
    workload: &Workload,
    load: &Load,
    scaling: &Autoscaling,
) -> Option<u64> {
    let wanted = rate_at_target(workload, load, scaling)?;
    let peak = peak(series) as f64 / MILLION as f64;
    (peak > 0.0).then(|| (wanted / peak * MILLION as f64) as u64)
}

/// Workloads in an order in which every caller comes before those it calls.
///
/// # Errors
/// The workloads of a circle of calls, each before its caller.
pub fn order_of_calls(loads: &[Load]) -> Result<Vec<usize>, Vec<usize>> {
    let mut placed = vec![false; loads.len()];
    let mut order = Vec::with_capacity(loads.len());
    while order.len() < loads.len() {
        let before = order.len();
        for (index, load) in loads.iter().enumerate() {
            let ready = load.sources.iter().all(|source| match source {
                Source::Series { .. } => true,
                Source::Calls { caller, .. } => placed.get(caller.index()).copied().unwrap_or(true),
            });
            if !placed[index] && ready {
                placed[index] = true;
                order.push(index);
            }
        }
        if order.len() == before {
            return Err(circle(loads, &placed));
        }
    }
    Ok(order)
}

/// A circle of calls among workloads that could not be placed, each before its caller.
fn circle(loads: &[Load], placed: &[bool]) -> Vec<usize> {
    let mut path: Vec<usize> = placed.iter().position(|placed| !placed).into_iter().collect();
    while let Some(&last) = path.last() {
        let caller = loads[last].sources.iter().find_map(|source| match source {
            Source::Calls { caller, .. } => {
                Some(caller.index()).filter(|&caller| placed.get(caller) == Some(&false))
            }
            Source::Series { .. } => None,
        });
        let Some(caller) = caller else { break };
        if let Some(at) = path.iter().position(|&seen| seen == caller) {
            path.drain(..at);
            break;
        }
        path.push(caller);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[u64]) -> Series {
        Series {
            name: "s".into(),
            step_millis: 60_000,
            micro_per_second: values.iter().map(|value| value * MILLION).collect(),
        }
    }

    #[test]
    fn the_rate_is_linear_between_the_middles_of_steps() {
        let series = series(&[10, 20, 40]);
        for (millis, want) in [
            (0, 10.0),
            (30_000, 10.0),
            (60_000, 15.0),
            (90_000, 20.0),
            (120_000, 30.0),
            (170_000, 40.0),
            (180_000, 10.0),
        ] {
            assert!((rate_at(&series, millis) - want).abs() < 1e-9, "{millis}");
        }
    }

    /// 30 s at 10, 60 s from 10 to 20, 60 s from 20 to 40, 30 s at 40: 300 + 900 + 1800 + 1200.
    #[test]
    fn pieces_add_up_to_the_area_below_the_line() {
        let series = series(&[10, 20, 40]);
        assert!((expected(&series, 0, 180_000) - 4200.0).abs() < 1e-6);
        let parts: f64 = (0..12).map(|k| expected(&series, k * 15_000, (k + 1) * 15_000)).sum();
        assert!((parts - 4200.0).abs() < 1e-6);
        assert!((expected(&series, 0, 360_000) - 8400.0).abs() < 1e-6);
    }

    #[test]
    fn a_circle_of_calls_has_no_order() {
        use nodeplan_model::ids::WorkloadId;
        let calls = |caller: u32| Load {
            sources: vec![Source::Calls { caller: WorkloadId(caller), factor: MILLION }],
            ..Load::default()
        };
        assert_eq!(order_of_calls(&[calls(1), Load::default()]), Ok(vec![1, 0]));
        assert_eq!(order_of_calls(&[calls(1), calls(0)]), Err(vec![0, 1]));
        assert_eq!(order_of_calls(&[calls(1), calls(2), calls(1)]), Err(vec![1, 2]));
    }
}
