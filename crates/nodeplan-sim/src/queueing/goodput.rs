//! How many requests a pod can answer within the objective, at most: the best that any controller
//! can get from it.

use nodeplan_model::floor::Step;
use nodeplan_model::scenario::{Balancing, Load, MILLION, Service};

use super::shape::{Arrivals, Shape};
use super::table::Tables;

/// Loads looked at: steps of −ln(1 − load), up to 0.99.
const STEPS: u32 = 230;
const FINE: f64 = 50.0;
/// The load that requests behind a backlog meet.
const BEHIND_BACKLOG: f64 = 0.9;

/// Requests a pod with so many milli-cores answers within the objective, at most, in an interval
/// in which it is offered so many: everything ready and uncontended, arrivals random however
/// bursty they are before they are routed. None where there is no objective, or where clients give
/// up so early that a pod can be offered any number and answer the short ones well.
#[must_use]
pub fn curve(load: &Load, cores_milli: u64, interval_millis: u64) -> Option<Vec<Step>> {
    let Service::Requests {
        cpu_micros,
        cv2_milli,
        latency_micros,
        workers,
        timeout_millis,
        balancing,
    } = load.service
    else {
        return None;
    };
    let within_millis = load.objective.within_millis.filter(|within| *within < timeout_millis)?;
    let cost = (cpu_micros as f64 / MILLION as f64).max(1e-9);
    let fixed = latency_micros as f64 / MILLION as f64;
    let within = within_millis as f64 / 1000.0;
    let shape = Shape {
        cores_milli: u32::try_from(cores_milli).unwrap_or(u32::MAX).max(1),
        threads_milli: 1000,
        workers: workers.unwrap_or(0),
        spread_milli: cv2_milli,
        arrivals: match balancing {
            Balancing::LeastRequest => Arrivals::LeastRequest,
            Balancing::Random => Arrivals::Random,
        },
    }
    .rounded();
    let unit = shape.unit(cost);
    let mut tables = Tables::new();
    let id = tables.shape(&shape);
    let mut share = |at: f64| {
        let place = tables.place(id, at);
        let left = within - fixed;
        if left <= 0.0 { 0.0 } else { tables.share(place, left / unit).clamp(0.0, 1.0) }
    };
    let seconds = interval_millis as f64 / 1000.0;
    // Requests of an interval that fill the pod.
    let full = seconds / shape.load(1.0, cost);
    let mut steps: Vec<Step> = Vec::new();
    let mut most = 0.0_f64;
    for step in 1..=STEPS {
        let at = -libm::expm1(-f64::from(step) / FINE);
        most = most.max(full * at * share(at));
        push(&mut steps, full * at, most);
    }
    // Beyond its capacity a pod builds a backlog; who comes early is delayed less than allowed.
    let late = full * (1.0 + within / seconds) * share(BEHIND_BACKLOG);
    push(&mut steps, full * (1.0 + within / seconds) + most, most.max(late));
    Some(steps)
}

/// Adds a step, rounded so that the curve stays above the truth and below what is offered.
fn push(steps: &mut Vec<Step>, offered: f64, good: f64) {
    let milli = |requests: f64| (requests * 1000.0).min(1e17) as u64;
    let last = steps.last().copied().unwrap_or(Step { offered_milli: 0, good_milli: 0 });
    let offered_milli = milli(offered).max(last.offered_milli + 1);
    let most = last.good_milli + (offered_milli - last.offered_milli);
    let good_milli = milli(good).saturating_add(2).clamp(last.good_milli, most);
    steps.push(Step { offered_milli, good_milli });
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodeplan_model::scenario::Objective;

    fn load(within_millis: u64) -> Load {
        let service = Service::Requests {
            cpu_micros: 10_000,
            cv2_milli: 1000,
            latency_micros: 0,
            workers: Some(1),
            timeout_millis: 30_000,
            balancing: Balancing::Random,
        };
        let objective =
            Objective { within_millis: Some(within_millis), share: 990_000, percentile: 990_000 };
        Load { service, objective, ..Load::default() }
    }

    /// One worker, so M/M/1 in order at 100 requests a second of capacity: of λ a second,
    /// λ (1 − e^(−(100 − λ) t)) are answered within t. At 50 a second and 100 ms 49.66 of them; at 79 the
    /// most, 69.33, and behind a backlog 110 (1 − 1/e) = 69.53.
    #[test]
    fn one_pod_by_hand() {
        let steps = curve(&load(100), 1000, 1000).expect("an objective");
        let at = steps.iter().find(|step| step.offered_milli >= 50_000).expect("half load");
        let rate = at.offered_milli as f64 / 1000.0;
        let want = rate * (1.0 - libm::exp(-(100.0 - rate) * 0.1));
        assert!((at.good_milli as f64 / 1000.0 - want).abs() < 0.01 * want, "{at:?} {want}");
        let most = steps.iter().map(|step| step.good_milli).max();
        assert!(most.is_some_and(|most| (69_300..69_700).contains(&most)), "{most:?}");
        assert!(steps.windows(2).all(|pair| pair[0].good_milli <= pair[1].good_milli));
    }

    #[test]
    fn who_gives_up_early_has_no_curve() {
        assert_eq!(curve(&load(30_000), 1000, 15_000), None);
        assert_eq!(curve(&Load::default(), 1000, 15_000), None);
    }
}
