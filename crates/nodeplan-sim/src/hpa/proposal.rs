//! From one metric to a number of replicas (`replica_calculator.go`, `metrics/utilization.go`).
//!
//! Ratios are IEEE doubles and compared exactly where upstream does so; sums wrap as Go's do.
//! A double beyond 32 bits becomes the nearest 32-bit number, where Go leaves it to the platform.

#![allow(clippy::float_cmp)] // mirrors `GetResourceReplicas` and `calcPlainMetricReplicas`

use std::borrow::Cow;

use super::pods::{PodReadings, Pods, Tally};
use super::{Observation, Policy, Settings, Tolerance};

/// A resource whose use is measured per pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// CPU: samples of young pods are distrusted.
    Cpu,
    /// Any other, as memory.
    Other,
}

/// One metric with its target. `ContainerResource` is a resource whose samples and requests are
/// those of the named container. Targets but percentages are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Resource, average use as a percentage of the request.
    Utilization {
        /// Which resource.
        resource: Resource,
        /// Target percentage.
        percent: i32,
    },
    /// Resource, average use.
    AverageResource {
        /// Which resource.
        resource: Resource,
        /// Target.
        milli: i64,
    },
    /// Pods metric, average value.
    Pods {
        /// Target.
        milli: i64,
    },
    /// Object metric against a value.
    ObjectValue {
        /// Target.
        milli: i64,
    },
    /// Object metric against a value per pod.
    ObjectAverage {
        /// Target.
        milli: i64,
    },
    /// External metric against a value.
    ExternalValue {
        /// Target.
        milli: i64,
    },
    /// External metric against a value per pod; what KEDA makes.
    ExternalAverage {
        /// Target.
        milli: i64,
    },
}

impl Metric {
    /// Whether it exists without pods.
    #[must_use]
    pub fn beyond_pods(self) -> bool {
        !matches!(self, Self::Utilization { .. } | Self::AverageResource { .. } | Self::Pods { .. })
    }
}

/// What one metric showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading<'a> {
    /// The metrics API answered with an error.
    Failed,
    /// Values per observed pod.
    Pods(PodReadings<'a>),
    /// Values per pod, classified already.
    Tally(Tally),
    /// The value of an object or of one external series (thousandths).
    Value(i64),
    /// Values of external series (thousandths).
    Series(&'a [i64]),
}

/// Replicas that one metric proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// How many.
    pub replicas: i32,
    /// Use as a percentage of requests, for utilisation targets.
    pub utilization: Option<i32>,
    /// Reported use in thousandths: the average per pod, or the value itself for `Value` targets.
    pub usage_milli: i64,
}

/// Why a metric proposes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No reading, or not one of the metric's kind.
    NoReading,
    /// The selector matches no pod.
    NoPods,
    /// No sample counts.
    NoMetrics,
    /// A pod states no request (or lacks the named container).
    MissingRequest,
    /// The samples that count belong to no known request.
    NoneMatched,
}

/// The proposal of one metric.
///
/// # Errors
/// Why there is none; the metric then counts as failed.
pub fn propose(
    metric: &Metric,
    reading: &Reading<'_>,
    seen: &Observation<'_>,
    tolerance: Tolerance,
    settings: &Settings,
) -> Result<Proposal, Fault> {
    let current = seen.spec_replicas;
    match *metric {
        Metric::Utilization { resource, percent } => {
            let tally = tally(reading, seen, Some(resource), percent, settings)?;
            by_utilization(&tally, current, percent, tolerance)
        }
        Metric::AverageResource { resource, milli } => {
            let tally = tally(reading, seen, Some(resource), 0, settings)?;
            by_average(&tally, current, milli, tolerance)
        }
        Metric::Pods { milli } => {
            let tally = tally(reading, seen, None, 0, settings)?;
            by_average(&tally, current, milli, tolerance)
        }
        Metric::ObjectValue { milli } => by_value(object(reading)?, milli, seen, tolerance),
        Metric::ObjectAverage { milli } => {
            Ok(by_value_per_pod(object(reading)?, milli, seen.status_replicas, tolerance))
        }
        Metric::ExternalValue { milli } => by_value(sum_capped(reading)?, milli, seen, tolerance),
        Metric::ExternalAverage { milli } => {
            Ok(by_value_per_pod(sum_positive(reading)?, milli, seen.status_replicas, tolerance))
        }
    }
}

/// The classified pods of a per-pod reading.
fn tally<'a>(
    reading: &'a Reading<'_>,
    seen: &Observation<'_>,
    resource: Option<Resource>,
    percent: i32,
    settings: &Settings,
) -> Result<Cow<'a, Tally>, Fault> {
    match (reading, seen.pods) {
        (Reading::Tally(tally), _) => Ok(Cow::Borrowed(tally)),
        (Reading::Pods(readings), Pods::Each(pods)) => {
            let tally = Tally::of(pods, readings, resource, percent, (settings, seen.now_millis));
            Ok(Cow::Owned(tally))
        }
        _ => Err(Fault::NoReading),
    }
}

/// The value of an object metric.
fn object(reading: &Reading<'_>) -> Result<i64, Fault> {
    match *reading {
        Reading::Value(milli) | Reading::Series(&[milli]) => Ok(milli),
        _ => Err(Fault::NoReading),
    }
}

/// The series of an external metric.
fn series<'a>(reading: &'a Reading<'_>) -> Result<&'a [i64], Fault> {
    match reading {
        Reading::Value(milli) => Ok(std::slice::from_ref(milli)),
        Reading::Series(values) => Ok(values),
        _ => Err(Fault::NoReading),
    }
}

/// Sum of external series, held at the largest number (`GetExternalMetricReplicas`).
fn sum_capped(reading: &Reading<'_>) -> Result<i64, Fault> {
    let mut usage = 0_i64;
    for &value in series(reading)? {
        if value > 0 && usage > i64::MAX - value {
            return Ok(i64::MAX);
        }
        usage = usage.wrapping_add(value);
    }
    Ok(usage)
}

/// Sum of external series; a negative one counts as an overflow
/// (`GetExternalPerPodMetricReplicas`).
fn sum_positive(reading: &Reading<'_>) -> Result<i64, Fault> {
    let mut usage = 0_i64;
    for &value in series(reading)? {
        usage = usage.wrapping_add(value);
        if usage < 0 {
            return Ok(i64::MAX);
        }
    }
    Ok(usage)
}

/// The next whole number of replicas above a ratio.
fn ceil_replicas(replicas: f64) -> i32 {
    replicas.ceil() as i32
}

/// Resource metrics against a percentage of requests (`GetResourceReplicas`).
fn by_utilization(
    tally: &Tally,
    current: i32,
    percent: i32,
    tolerance: Tolerance,
) -> Result<Proposal, Fault> {
    check_samples(tally)?;
    if tally.request_missing {
        return Err(Fault::MissingRequest);
    }
    let (ratio, utilization) = utilization_ratio(tally.ready_milli, tally.ready_request, percent)?;
    let usage_milli = quotient(tally.ready_milli, tally.ready);
    let answer = |replicas| Proposal { replicas, utilization: Some(utilization), usage_milli };
    let mut milli = tally.ready_milli;
    let mut request = tally.ready_request;
    rebalance(tally, current, ratio, tolerance, |class| {
        match class {
            Filled::MissingDown => milli = milli.wrapping_add(tally.missing_fill),
            Filled::MissingUp | Filled::UnreadyUp => {}
        }
        request = request.wrapping_add(match class {
            Filled::MissingDown | Filled::MissingUp => tally.missing_request,
            Filled::UnreadyUp => tally.unready_request,
        });
        utilization_ratio(milli, request, percent).map(|(ratio, _)| ratio)
    })
    .map(answer)
}

/// The same of pods that are all ready: replicas, unless they request nothing.
#[inline]
pub(super) fn of_all_ready(
    (milli, request): (i64, i64),
    ready: i64,
    current: i32,
    percent: i32,
    policy: &Policy,
) -> Option<i32> {
    let (ratio, _) = utilization_ratio(milli, request, percent).ok()?;
    let stays = policy.tolerance.holds(ratio);
    Some(if stays { current } else { ceil_replicas(ratio * ready as f64) })
}

/// Resource and Pods metrics against an average (`calcPlainMetricReplicas`).
fn by_average(
    tally: &Tally,
    current: i32,
    target: i64,
    tolerance: Tolerance,
) -> Result<Proposal, Fault> {
    check_samples(tally)?;
    let total = tally.ready_milli.wrapping_add(tally.strangers_milli);
    let mut pods = tally.ready.wrapping_add(tally.strangers);
    let usage_milli = quotient(total, pods);
    let ratio = usage_milli as f64 / target as f64;
    let mut milli = total;
    rebalance(tally, current, ratio, tolerance, |class| {
        if class == Filled::MissingDown {
            milli = milli.wrapping_add(tally.missing.wrapping_mul(target));
        }
        pods = pods.wrapping_add(match class {
            Filled::MissingDown | Filled::MissingUp => tally.missing,
            Filled::UnreadyUp => tally.unready,
        });
        Ok(quotient(milli, pods) as f64 / target as f64)
    })
    .map(|replicas| Proposal { replicas, utilization: None, usage_milli })
}

/// Some pod matches and some sample counts.
fn check_samples(tally: &Tally) -> Result<(), Fault> {
    if tally.matched == 0 {
        return Err(Fault::NoPods);
    }
    if tally.ready.wrapping_add(tally.strangers) == 0 {
        return Err(Fault::NoMetrics);
    }
    Ok(())
}

/// Use relative to requests in whole percent, and its ratio to the target
/// (`GetResourceUtilizationRatio`).
fn utilization_ratio(milli: i64, request: i64, percent: i32) -> Result<(f64, i32), Fault> {
    if request == 0 {
        return Err(Fault::NoneMatched);
    }
    // The conversion to 32 bits drops the upper half, as Go's does.
    let utilization = milli.wrapping_mul(100).wrapping_div(request) as i32;
    Ok((f64::from(utilization) / f64::from(percent), utilization))
}

/// Integer division as Go has it; no pods, no average.
fn quotient(total: i64, pods: i64) -> i64 {
    if pods == 0 { 0 } else { total.wrapping_div(pods) }
}

/// Pods whose use is assumed for want of a sample that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    /// Pods without a sample, taken as busy when the rest asks to scale down.
    MissingDown,
    /// Pods without a sample, taken as idle when the rest asks to scale up.
    MissingUp,
    /// Unready pods, taken as idle when the rest asks to scale up.
    UnreadyUp,
}

/// The common end of both per-pod calculations: what pods without a sample that counts could
/// change. `fill` adds a class to the sums and gives the ratio over all added so far.
fn rebalance(
    tally: &Tally,
    current: i32,
    ratio: f64,
    tolerance: Tolerance,
    mut fill: impl FnMut(Filled) -> Result<f64, Fault>,
) -> Result<i32, Fault> {
    let unready_up = tally.unready > 0 && ratio > 1.0;
    if !unready_up && tally.missing == 0 {
        if tolerance.holds(ratio) {
            return Ok(current);
        }
        return Ok(ceil_replicas(ratio * tally.ready as f64));
    }
    let mut pods = tally.ready.wrapping_add(tally.strangers);
    let mut new_ratio = ratio;
    if tally.missing > 0 && ratio < 1.0 {
        new_ratio = fill(Filled::MissingDown)?;
        pods = pods.wrapping_add(tally.missing);
    } else if tally.missing > 0 && ratio > 1.0 {
        new_ratio = fill(Filled::MissingUp)?;
        pods = pods.wrapping_add(tally.missing);
    }
    if unready_up {
        new_ratio = fill(Filled::UnreadyUp)?;
        pods = pods.wrapping_add(tally.unready);
    }
    let turned = (ratio < 1.0 && new_ratio > 1.0) || (ratio > 1.0 && new_ratio < 1.0);
    if tolerance.holds(new_ratio) || turned {
        return Ok(current);
    }
    let replicas = ceil_replicas(new_ratio * pods as f64);
    let against =
        (new_ratio < 1.0 && replicas > current) || (new_ratio > 1.0 && replicas < current);
    Ok(if against { current } else { replicas })
}

/// Object and external metrics against a value (`getUsageRatioReplicaCount`).
fn by_value(
    usage: i64,
    target: i64,
    seen: &Observation<'_>,
    tolerance: Tolerance,
) -> Result<Proposal, Fault> {
    let ratio = usage as f64 / target as f64;
    let replicas = if seen.spec_replicas == 0 {
        ceil_replicas(ratio)
    } else if tolerance.holds(ratio) {
        seen.spec_replicas
    } else {
        let (matched, serving) = seen.pods.counts();
        if matched == 0 {
            return Err(Fault::NoPods);
        }
        ceil_replicas(ratio * f64::from(serving))
    };
    Ok(Proposal { replicas, utilization: None, usage_milli: usage })
}

/// Object and external metrics against a value per pod (`GetObjectPerPodMetricReplicas`,
/// `GetExternalPerPodMetricReplicas`).
fn by_value_per_pod(usage: i64, target: i64, status: i32, tolerance: Tolerance) -> Proposal {
    let ratio = usage as f64 / (target as f64 * f64::from(status));
    let replicas =
        if tolerance.holds(ratio) { status } else { ceil_replicas(usage as f64 / target as f64) };
    let usage_milli = if usage as f64 >= i64::MAX as f64 {
        i64::MAX
    } else if status == 0 {
        0
    } else {
        (usage as f64 / f64::from(status)).ceil() as i64
    };
    Proposal { replicas, utilization: None, usage_milli }
}
