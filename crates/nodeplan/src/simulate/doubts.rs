//! What the load model says beforehand: objectives that no pod can keep, and figures that are less sure.

use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Autoscaling, Balancing, Load, MILLION, Service};
use nodeplan_sim::queueing::law::Law;
use nodeplan_sim::queueing::shape::{Arrivals, Doubt, Shape, dispersion_at_pod};

/// Tells both.
pub(super) fn all(
    problem: &Problem,
    scaling: &[Option<Autoscaling>],
    loads: &[Load],
    assumptions: &mut Vec<String>,
) {
    out_of_reach(problem, loads, assumptions);
    for (at, (workload, load)) in problem.workloads().iter().zip(loads).enumerate() {
        let fewest = match &scaling[at] {
            Some(one) => one.min,
            None => problem.demand().column(at).iter().copied().min().unwrap_or(1),
        };
        let cores = workload.cpu_limit.map_or(1000, |limit| limit.0.saturating_sub(load.idle.0));
        if let Some(doubt) = doubt(load, fewest, cores) {
            let name = workload.full_name();
            assumptions.push(format!("response times of {name} are less sure by {}", doubt.text()));
        }
    }
}

/// Why response times of pods with so many milli-cores are less sure at any load, if they are.
fn doubt(load: &Load, fewest: u32, cores_milli: u64) -> Option<Doubt> {
    let Service::Requests { cv2_milli, workers, balancing, .. } = load.service else {
        return None;
    };
    let arrivals = match (balancing, dispersion_at_pod(load.burstiness_milli.max(1000), fewest)) {
        (Balancing::LeastRequest, _) => Arrivals::LeastRequest,
        (Balancing::Random, 1000) => Arrivals::Random,
        (Balancing::Random, dispersion) => Arrivals::Bursty(dispersion),
    };
    let workers = workers.unwrap_or(0);
    let cores = u32::try_from(cores_milli).unwrap_or(u32::MAX);
    Shape { workers, arrivals, ..Shape::new(cores, cv2_milli) }.doubt(0.5)
}

/// Objectives that requests miss even alone in a pod, whatever runs beside them.
fn out_of_reach(problem: &Problem, loads: &[Load], assumptions: &mut Vec<String>) {
    for (workload, load) in problem.workloads().iter().zip(loads) {
        let Service::Requests { cpu_micros, cv2_milli, latency_micros, .. } = load.service else {
            continue;
        };
        let Some(within) = load.objective.within_millis else { continue };
        // A request uses one core at most.
        let limit = workload.cpu_limit.map_or(1000, |limit| limit.0.saturating_sub(load.idle.0));
        let micros = cpu_micros as f64 * 1000.0 / limit.clamp(1, 1000) as f64;
        let left = within as f64 * 1000.0 - latency_micros as f64;
        let law = Law::of_spread(f64::from(cv2_milli) / 1000.0);
        let share = law.cdf(left / micros.max(1e-3));
        let asked = load.objective.share as f64 / MILLION as f64;
        if share < asked {
            assumptions.push(format!(
                "{} cannot keep its objective: even alone in a pod only {:.2}% of its requests take \
                 {within} ms or less, {:.2}% are asked for (`cpu_per_request`, `cv`, `latency`, `slo`)",
                workload.full_name(),
                share * 100.0,
                asked * 100.0,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(cv2_milli: u32, workers: Option<u32>, burstiness_milli: u32) -> Load {
        let service = Service::Requests {
            cpu_micros: 10_000,
            cv2_milli,
            latency_micros: 0,
            workers,
            timeout_millis: 30_000,
            balancing: Balancing::Random,
        };
        Load { service, burstiness_milli, ..Load::default() }
    }

    /// Bursts of an index of 3 are one of 2 at each of two pods, and 1.25 at eight.
    #[test]
    fn figures_that_are_less_sure_are_told() {
        for (cv2, workers, burstiness, pods, want) in [
            (1000, None, 1000, 1, None),
            (500, None, 1000, 1, None),
            (5000, None, 1000, 1, Some(Doubt::Spread)),
            (1000, None, 3000, 2, None),
            (1000, None, 3000, 1, Some(Doubt::Bursts)),
            (500, None, 3000, 8, Some(Doubt::Bursts)),
            (1000, Some(2), 3000, 8, Some(Doubt::BurstsAtWorkers)),
            (500, Some(1), 1000, 1, None),
            (500, Some(4), 1000, 1, Some(Doubt::Workers)),
        ] {
            let found = doubt(&load(cv2, workers, burstiness), pods, 1000);
            assert_eq!(found, want, "{cv2} {workers:?} {burstiness} {pods}");
        }
    }
}
