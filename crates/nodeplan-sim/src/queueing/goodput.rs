//! How many requests a pod can answer within the objective, at most: the best that any controller
//! can get from it.

use nodeplan_model::floor::Step;
use nodeplan_model::scenario::{Balancing, Load, MILLION, Service};
use std::ops::RangeInclusive;

use super::shape::{Arrivals, Shape, dispersion_at_pod, rounded_pods};
use super::table::{ShapeId, Tables};

/// Loads looked at: steps of −ln(1 − load), up to 0.99.
const STEPS: u32 = 230;
const FINE: f64 = 50.0;
/// The load that requests behind a backlog meet.
const BEHIND_BACKLOG: f64 = 0.9;
/// Parts into which delays, and what a pod can finish, are cut.
const PARTS: usize = 120;
/// Steps of −ln(1 − load) per unit that a ceiling looks at: tables of response times mix two laws
/// between loads 1 − e^(−i/12), so all of those are among them, up to the last.
const FINEST: u32 = 96;
const LAST: u32 = 56 * FINEST / 12;
/// Parts into which delays of who comes before others give up are cut, and the time in which they come.
const STANDING: usize = 30;
const MOVING: usize = 30;
/// What rounding of floats may add to a share, as a factor.
const MARGIN: f64 = 1.000_001;
/// Numbers of pods that have ceilings of their own, up to this.
const FEW: u32 = 40;

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
    /// After how many seconds clients give up, if their CPU is lost then: where cores are shared.
    gives_up: f64,
}

impl Pod {
    /// None where there is no objective, or where clients give up so early that a pod can be
    /// offered any number and answer the short ones well.
    fn of(load: &Load, cores_milli: u64, interval_millis: u64, arrivals: Arrivals) -> Option<Self> {
        let Service::Requests {
            cpu_micros,
            cv2_milli,
            latency_micros,
            workers,
            timeout_millis,
            ..
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
            arrivals,
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
            gives_up: match workers {
                None | Some(0) => timeout_millis as f64 / 1000.0,
                Some(_) => f64::INFINITY,
            },
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

/// How requests come to one of very many pods.
fn among_many(load: &Load) -> Arrivals {
    match load.service {
        Service::Requests { balancing: Balancing::LeastRequest, .. } => Arrivals::LeastRequest,
        _ => Arrivals::Random,
    }
}

/// How they come to one of so many, as the simulator has it.
fn among(load: &Load, pods: u32) -> Arrivals {
    match among_many(load) {
        Arrivals::LeastRequest => Arrivals::LeastRequestOf(rounded_pods(pods)),
        _ => match dispersion_at_pod(load.burstiness_milli.max(1000), pods) {
            ..=1000 => Arrivals::Random,
            dispersion => Arrivals::Bursty(dispersion),
        },
    }
}

/// Requests a pod with so many milli-cores answers within the objective, at most, in an interval
/// in which it is offered so many: everything ready and uncontended, arrivals random however
/// bursty they are before they are routed. None where there is no objective, or where clients give
/// up so early that a pod can be offered any number and answer the short ones well.
#[must_use]
pub fn curve(load: &Load, cores_milli: u64, interval_millis: u64) -> Option<Vec<Step>> {
    let mut pod = Pod::of(load, cores_milli, interval_millis, among_many(load))?;
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

/// The least concave functions that are nowhere below what a pod answers well in an interval,
/// overload included: whoever spreads arrivals over pods and intervals, by design or by chance, gets
/// no more out of as many pods on average. Linear between the steps. The first is for larger numbers of
/// pods than the others, up to `room`: nowhere below what a pod does among any of those. The others are for
/// one, two and so on, where few pods share arrivals worse than many. None as for [`curve`].
#[must_use]
pub fn ceilings(
    load: &Load,
    cores_milli: u64,
    interval_millis: u64,
    room: u32,
) -> Option<(Vec<Step>, Vec<Vec<Step>>)> {
    let of = |arrivals| Some(points(&mut Pod::of(load, cores_milli, interval_millis, arrivals)?));
    let mut few: Vec<(Arrivals, Vec<Step>)> = Vec::new();
    for pods in 1..=room.min(FEW) {
        let arrivals = among(load, pods);
        if arrivals == Arrivals::Random {
            break;
        }
        let steps = match few.last() {
            Some((known, steps)) if *known == arrivals => steps.clone(),
            _ => steps(of(arrivals)?),
        };
        few.push((arrivals, steps));
    }
    let more = few.len() as u32 + 1;
    let many = match few.last() {
        Some((_, last)) if more > room => last.clone(),
        _ => {
            let all: Option<Vec<_>> = kinds(load, more..=room.max(more)).map(of).collect();
            steps(all?.concat())
        }
    };
    Some((many, few.into_iter().map(|(_, steps)| steps).collect()))
}

/// All ways in which requests come to one of so many pods.
fn kinds(load: &Load, pods: RangeInclusive<u32>) -> impl Iterator<Item = Arrivals> {
    let (first, last) = pods.into_inner();
    let mut next = Some(first);
    let counts = std::iter::from_fn(move || {
        let now = next?;
        next = match among(load, now) {
            // So it stays.
            Arrivals::Random => None,
            // Steps of numbers of pods are an eighth of them at least.
            Arrivals::LeastRequestOf(_) => Some(now.saturating_add(1 + now / 16).min(last)),
            _ => Some(now.saturating_add(1)),
        };
        next = next.filter(|more| *more > now && *more <= last);
        Some(now)
    });
    let mut known = None;
    counts
        .map(|pods| among(load, pods))
        .filter(move |arrivals| known.replace(*arrivals) != Some(*arrivals))
}

/// Points whose hull is a ceiling of one pod. Overload is as the simulator has it ([`super::backlog`]): who comes while the
/// backlog moves is delayed by the mean of its ends, and meets a pod that is nearly full.
fn points(pod: &mut Pod) -> Vec<(f64, f64)> {
    let calm = (1..=LAST).map(|step| -libm::expm1(-f64::from(step) / f64::from(FINEST)));
    let mut offers: Vec<f64> =
        calm.map(|at| pod.requests(at)).filter(|offered| *offered < pod.most).collect();
    // A pool of workers may be full before its cores are.
    let from = offers.last().copied().unwrap_or(0.0);
    offers.extend((1..=PARTS).map(|part| from + (pod.most - from) * part as f64 / PARTS as f64));
    let mut points = vec![(0.0, 0.0)];
    let (mut less, mut share) = (0.0, pod.share(0.0, 0.0));
    for offered in offers {
        // Between two offers the share is linear, so what is good is at most so much above the chord.
        let next = pod.share(offered, 0.0);
        let above = (offered - less) * (share - next).max(0.0) / 4.0;
        if less > 0.0 {
            points.push((less, less * share * MARGIN + above));
            points.push((offered, offered * next * MARGIN + above));
        } else {
            // No load has nothing above it: there the line is as steep as the larger share.
            points.push((offered, offered * share.max(next) * MARGIN));
        }
        (less, share) = (offered, next);
    }
    let behind = pod.most * BEHIND_BACKLOG;
    for part in 0..PARTS {
        let delay = |part: usize| pod.left.max(0.0) * part as f64 / PARTS as f64;
        let offered = |delay: f64| pod.most * (1.0 + 2.0 * delay / pod.seconds);
        let (less, more, from) = (offered(delay(part)), offered(delay(part + 1)), delay(part));
        points.push((less, more * pod.share(behind, from) * MARGIN));
    }
    if pod.gives_up < 2.0 * pod.left {
        points.extend(given_up(pod));
    }
    points
}

/// What is good where clients give up on shared cores and the delay of who comes first is d on average, τ
/// being their timeout and a backlog coming to stand. Of an interval of length 1 the backlog moves for a part m, at arrivals u times
/// what the pod can finish, (u − 1)·m = 2·(τ − d). Those who come meanwhile are delayed by d, τ/2 at least;
/// those who come later by τ, too much. So u·m = m + 2·(τ − d) are good at most, and the pod is
/// no emptier than m: CPU of who gives up later is lost, and of equal requests nothing else gets through.
fn given_up(pod: &mut Pod) -> Vec<(f64, f64)> {
    let (least, most) = (0.5 * pod.gives_up, pod.left);
    let at = |part: usize, of: usize| part as f64 / of as f64;
    let mut points = Vec::new();
    for part in 0..STANDING {
        let delay = |part: usize| least + (most - least) * at(part, STANDING);
        let (from, to) = (delay(part), delay(part + 1));
        let rest = |delay: f64| 2.0 * (pod.gives_up - delay) / pod.seconds;
        let (much, little) = (rest(from), rest(to));
        for moving in 0..MOVING {
            let (low, high) = (at(moving, MOVING), at(moving + 1, MOVING));
            let share = pod.share(pod.most * low.min(BEHIND_BACKLOG), from);
            let good = pod.most * (high + much) * share * MARGIN;
            points.push((pod.most * (1.0 + little / high), good));
        }
    }
    points
}

/// The steps of the hull of some points, and of what is offered: nobody answers more than that.
fn steps(points: Vec<(f64, f64)>) -> Vec<Step> {
    let last = points.iter().map(|(offered, _)| *offered).fold(0.0, f64::max);
    let hull = hull(points);
    let mut steps = Vec::new();
    if hull.len() == 1 {
        push(&mut steps, last, 0.0);
    }
    for pair in hull.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (over, under) = (from.1 - from.0, to.0 - to.1);
        if over > 0.0 && under > 0.0 {
            // Here the hull comes below what is offered.
            let meet = from.0 + (to.0 - from.0) * over / (over + under);
            push(&mut steps, meet, meet);
        }
        push(&mut steps, to.0, to.1);
    }
    steps
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

    /// What a ceiling says of an offer, linear between steps.
    fn ceiling_at(steps: &[Step], offered: f64) -> f64 {
        let mut from = (0.0, 0.0);
        for step in steps {
            let to = (step.offered_milli as f64 / 1000.0, step.good_milli as f64 / 1000.0);
            if offered <= to.0 {
                return from.1 + (to.1 - from.1) * (offered - from.0) / (to.0 - from.0);
            }
            from = to;
        }
        from.1
    }

    /// At loads between those of the tables too, and near enough up to half of what it can finish; with
    /// objectives hardly above what a request alone takes, where hardly any load misses much, as well.
    #[test]
    fn no_pod_is_above_its_ceiling() {
        use Balancing::{LeastRequest, Random};
        for (balancing, burstiness_milli, workers, cv2_milli, within_micros) in [
            (Random, 1000, None, 1000, 100_000),
            (Random, 3000, Some(3), 1000, 100_000),
            (LeastRequest, 1000, None, 1000, 100_000),
            (Random, 1000, None, 0, 10_200),
            (Random, 1000, None, 0, 20_000),
            (Random, 1000, None, 100, 10_200),
            (Random, 3000, None, 100, 12_000),
            (Random, 1000, Some(1), 100, 15_000),
            (LeastRequest, 1000, None, 100, 20_000),
        ] {
            // What the objective leaves, in whole milliseconds and what is not the pod's.
            let mut one = Load { burstiness_milli, ..load(200) };
            if let Service::Requests {
                balancing: own,
                workers: most,
                cv2_milli: spread,
                latency_micros,
                ..
            } = &mut one.service
            {
                (*own, *most, *spread) = (balancing, workers, cv2_milli);
                *latency_micros = 200_000 - within_micros;
            }
            let (many, few) = ceilings(&one, 1000, 15_000, 50).expect("an objective");
            for pods in [1, 2, 9, 41, 48, 50] {
                let mut pod = Pod::of(&one, 1000, 15_000, among(&one, pods)).expect("an objective");
                let steps = few.get(pods as usize - 1).unwrap_or(&many);
                // Some next to no load as well.
                let low = (1..100).map(|part| f64::from(part) / 1e4);
                for load in (1..1000).map(|part| f64::from(part) / 1003.0).chain(low) {
                    let offered = pod.most * load;
                    let good = offered * pod.share(offered, 0.0);
                    let most = ceiling_at(steps, offered);
                    assert!(good <= most, "{one:?} {pods} {load}: {good} {most}");
                    let near = (offered - good) * 0.01 + offered * 0.0005;
                    let rough = within_micros < 100_000 || load > 0.5;
                    assert!(rough || most <= good + near, "{pods} {load}: {good} {most}");
                }
            }
        }
    }

    /// One pod sees all of a burst, each of very many none of it; where arrivals are no bursts, all are
    /// alike.
    #[test]
    fn few_pods_answer_less_of_bursts() {
        let bursts = Load { burstiness_milli: 3000, ..load(100) };
        let (many, few) = ceilings(&bursts, 1000, 15_000, 4).expect("an objective");
        assert_eq!(Some(&many), few.last(), "no more than four");
        let (many, _) = ceilings(&bursts, 1000, 15_000, 400).expect("an objective");
        let half = |steps: &[Step]| ceiling_at(steps, 900.0);
        let all: Vec<f64> = few.iter().chain([&many]).map(|steps| half(steps)).collect();
        assert!(all.len() == 5 && all.is_sorted() && all[0] < all[4] - 1.0, "{all:?}");
        let (_, none) = ceilings(&load(100), 1000, 15_000, 4).expect("an objective");
        assert_eq!(none, Vec::<Vec<Step>>::new());
    }

    /// Equal requests of a second within 9 of 9.45 s: of twice what a pod can finish those are good who
    /// come before anybody gives up, with nobody else to share the cores with. As the simulator has it.
    #[test]
    fn who_gives_up_leaves_pods_to_others() {
        use super::super::backlog::{Backlog, Flow, GivingUp, step};
        use super::super::law::Law;
        for (cv2_milli, timeout_millis) in
            [(0, 9_450), (0, 12_000), (0, 17_000), (100, 9_450), (500, 9_100), (1000, 9_450)]
        {
            let mut one = load(9_000);
            if let Service::Requests {
                cpu_micros,
                workers,
                timeout_millis: most,
                cv2_milli: spread,
                ..
            } = &mut one.service
            {
                (*cpu_micros, *workers, *most, *spread) =
                    (1_000_000, None, timeout_millis, cv2_milli);
            }
            let (steps, _) = ceilings(&one, 1000, 15_000, 1).expect("an objective");
            let mut pod = Pod::of(&one, 1000, 15_000, Arrivals::Random).expect("an objective");
            let how = GivingUp::Sharing(Law::of_spread(f64::from(cv2_milli) / 1000.0));
            let capacity_micro = 15_000_000;
            for (part, before) in (101..400).flat_map(|part| [(part, 0), (part, 5), (part, 9)]) {
                let flow = Flow {
                    arrivals_micro: capacity_micro * part / 100,
                    capacity_micro,
                    interval_millis: 15_000,
                    timeout_millis,
                };
                let out = step(Backlog { micro_requests: before * 1_000_000 }, &flow, how);
                let busy = out.served_micro.min(capacity_micro * 9 / 10) as f64 / 1e6;
                let mut good = 0.0;
                for wait in out.waits {
                    let delay = (wait.from_millis + wait.to_millis) / 2000.0;
                    good += wait.micro_requests as f64 / 1e6 * pod.share(busy, delay);
                }
                let most = ceiling_at(&steps, flow.arrivals_micro as f64 / 1e6);
                assert!(
                    good <= most,
                    "{cv2_milli} {timeout_millis} {part} {before}: {good} {most}"
                );
            }
        }
    }

    /// Rounded numbers of pods from 41 on, and what each of so many sees of bursts.
    #[test]
    fn many_pods_have_all_their_kinds() {
        let bursts = |burstiness_milli| Load { burstiness_milli, ..load(100) };
        let mut least = load(100);
        if let Service::Requests { balancing, .. } = &mut least.service {
            *balancing = Balancing::LeastRequest;
        }
        let all = |load: &Load, room| kinds(load, 41..=room).collect::<Vec<_>>();
        for (load, room) in
            [(&least, 41), (&least, 999), (&bursts(50_000), 90), (&bursts(50_000), 999)]
        {
            let mut want: Vec<_> = (41..=room).map(|pods| among(load, pods)).collect();
            want.dedup();
            assert_eq!(all(load, room), want, "{room}");
        }
        assert_eq!(all(&bursts(3000), 999), [Arrivals::Random]);
        assert!(all(&least, 1_000_000).len() < 70);
        assert_eq!(all(&bursts(1_000_000), 1_000_000).last(), Some(&Arrivals::Random));
    }

    #[test]
    fn who_gives_up_early_has_no_curve() {
        assert_eq!(ceilings(&load(30_000), 1000, 15_000, 3), None);
        assert_eq!(curve(&load(30_000), 1000, 15_000), None);
        assert_eq!(curve(&Load::default(), 1000, 15_000), None);
    }
}
