//! How many requests a pod can answer within the objective, at most: the best that any controller
//! can get from it.

use nodeplan_model::floor::Step;
use nodeplan_model::scenario::{Balancing, Load, MILLION, Service};

use super::shape::{Arrivals, Shape};
use super::table::{ShapeId, Tables};

/// Loads looked at: steps of −ln(1 − load), up to 0.99.
const STEPS: u32 = 230;
const FINE: f64 = 50.0;
/// The load that requests behind a backlog meet.
const BEHIND_BACKLOG: f64 = 0.9;
/// Parts into which delays, and what a pod can finish, are cut.
const PARTS: usize = 120;
/// What tables of response times add by interpolating between loads is less than this factor.
const MARGIN: f64 = 1.001;

/// A pod as the objective sees it.
struct Pod {
    tables: Tables,
    id: ShapeId,
    /// Load at one request a second.
    load: f64,
    /// Unit of response times, seconds.
    unit: f64,
    /// What the objective leaves for waiting and CPU, seconds.
    left: f64,
    /// Length of an interval, seconds.
    seconds: f64,
    /// Requests that its cores can finish in an interval.
    most: f64,
}

impl Pod {
    /// None where there is no objective, or where clients give up so early that a pod can be
    /// offered any number and answer the short ones well.
    fn of(load: &Load, cores_milli: u64, interval_millis: u64) -> Option<Self> {
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
        let within = load.objective.within_millis.filter(|within| *within < timeout_millis)?;
        let cost = (cpu_micros as f64 / MILLION as f64).max(1e-9);
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
        let mut tables = Tables::new();
        let id = tables.shape(&shape);
        let seconds = interval_millis as f64 / 1000.0;
        Some(Self {
            tables,
            id,
            load: shape.load(1.0, cost),
            unit: shape.unit(cost),
            left: within as f64 / 1000.0 - latency_micros as f64 / MILLION as f64,
            seconds,
            most: cores_milli as f64 / 1000.0 * seconds / cost,
        })
    }

    /// Requests of an interval at a load.
    fn requests(&self, at: f64) -> f64 {
        at * self.seconds / self.load
    }

    /// The share that is good when so many are served in an interval and each is delayed by so
    /// many seconds.
    fn share(&mut self, requests: f64, delay: f64) -> f64 {
        if self.left - delay <= 0.0 {
            return 0.0;
        }
        let place = self.tables.place(self.id, requests / self.seconds * self.load);
        self.tables.share(place, (self.left - delay) / self.unit).clamp(0.0, 1.0)
    }
}

/// Requests a pod with so many milli-cores answers within the objective, at most, in an interval
/// in which it is offered so many: everything ready and uncontended, arrivals random however
/// bursty they are before they are routed. None where there is no objective, or where clients give
/// up so early that a pod can be offered any number and answer the short ones well.
#[must_use]
pub fn curve(load: &Load, cores_milli: u64, interval_millis: u64) -> Option<Vec<Step>> {
    let mut pod = Pod::of(load, cores_milli, interval_millis)?;
    let mut steps: Vec<Step> = Vec::new();
    let mut most = 0.0_f64;
    for step in 1..=STEPS {
        let offered = pod.requests(-libm::expm1(-f64::from(step) / FINE));
        most = most.max(offered * pod.share(offered, 0.0));
        push(&mut steps, offered, most);
    }
    // Beyond its capacity a pod builds a backlog; who comes early is delayed less than allowed.
    let late = pod.left.max(0.0) / pod.seconds;
    let full = pod.requests(1.0);
    let behind = pod.requests(BEHIND_BACKLOG);
    let good = full * (1.0 + late) * pod.share(behind, 0.0);
    push(&mut steps, full * (1.0 + late) + most, most.max(good));
    Some(steps)
}

/// The least concave function that is nowhere below what a pod answers well in an interval,
/// overload included: whoever spreads arrivals over pods and intervals, by design or by chance,
/// gets no more out of as many pods on average. None as for [`curve`].
///
/// Overload as the simulator has it ([`super::backlog`]): who comes while the backlog moves is
/// delayed by the mean of its ends, and meets a pod that is nearly full.
#[must_use]
pub fn ceiling(load: &Load, cores_milli: u64, interval_millis: u64) -> Option<Vec<Step>> {
    let mut pod = Pod::of(load, cores_milli, interval_millis)?;
    let calm = (1..=STEPS).map(|step| pod.requests(-libm::expm1(-f64::from(step) / FINE)));
    let mut offers: Vec<f64> = calm.filter(|offered| *offered < pod.most).collect();
    // A pool of workers may be full before its cores are.
    let from = offers.last().copied().unwrap_or(0.0);
    offers.extend((1..=PARTS).map(|part| from + (pod.most - from) * part as f64 / PARTS as f64));
    let mut points = vec![(0.0, 0.0)];
    for offered in offers {
        points.push((offered, offered * pod.share(offered, 0.0)));
    }
    let behind = pod.most * BEHIND_BACKLOG;
    for part in 0..PARTS {
        let delay = |part: usize| pod.left.max(0.0) * part as f64 / PARTS as f64;
        let offered = |delay: f64| pod.most * (1.0 + 2.0 * delay / pod.seconds);
        let (less, more, from) = (offered(delay(part)), offered(delay(part + 1)), delay(part));
        points.push((less, more * pod.share(behind, from)));
    }
    let hull = hull(points);
    let mut steps = Vec::new();
    if hull.len() == 1 {
        push(&mut steps, pod.most, 0.0);
    }
    for pair in hull.windows(2) {
        // A step stands for all offers up to its end: short steps waste little.
        let parts = (((pair[1].0 - pair[0].0) / pod.most * PARTS as f64).ceil() as usize).max(1);
        for part in 1..=parts {
            let at = part as f64 / parts as f64;
            let along = |from: f64, to: f64| from + (to - from) * at;
            push(&mut steps, along(pair[0].0, pair[1].0), along(pair[0].1, pair[1].1) * MARGIN);
        }
    }
    Some(steps)
}

/// Upper hull of points by ascending offers, as far as it ascends (Andrew 1979).
fn hull(mut points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut hull: Vec<(f64, f64)> = Vec::new();
    for point in points {
        let below = |a: (f64, f64), b: (f64, f64)| {
            (b.0 - a.0) * (point.1 - a.1) >= (b.1 - a.1) * (point.0 - a.0)
        };
        while hull.len() > 1 && below(hull[hull.len() - 2], hull[hull.len() - 1]) {
            hull.pop();
        }
        hull.push(point);
    }
    let top = (0..hull.len()).max_by(|a, b| hull[*a].1.total_cmp(&hull[*b].1)).unwrap_or(0);
    hull.truncate(top + 1);
    hull
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
