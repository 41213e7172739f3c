//! What a pod is to its requests: cores, threads, workers, law of CPU time, how requests come.

use super::law::Law;

/// How requests come to one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrivals {
    /// Poisson: each request goes to a ready pod at random.
    Random,
    /// Renewal process with this limiting index of dispersion, in thousandths, at one pod
    /// ([`dispersion_at_pod`]).
    Bursty(u32),
    /// Poisson to the workload; each request goes to the emptier of two pods drawn at random of
    /// very many.
    LeastRequest,
    /// The same with so many pods ([`rounded_pods`]), which are fuller the fewer they are.
    LeastRequestOf(u32),
}

/// What decides the law of response times in units of [`Shape::unit`], but for the load. Integers,
/// so that shapes can be found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// Cores the pod may use, in thousandths: its limit, or its share of a full node.
    pub cores_milli: u32,
    /// Cores one request can use, in thousandths; 1000 unless told.
    pub threads_milli: u32,
    /// Requests the pod works on at a time; later ones wait in order. 0: no limit.
    pub workers: u32,
    /// c² of CPU time per request, in thousandths.
    pub spread_milli: u32,
    /// How requests come.
    pub arrivals: Arrivals,
}

/// Why a figure of the model is less sure than `docs/load-model.md` states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// Load above 0.99: the stationary law is not reached within any interval in use.
    NearSaturation,
    /// Bursty arrivals with c² other than 1, or an index of dispersion above 2 at one pod.
    Bursts,
    /// Bursty arrivals at pods with workers: not validated.
    BurstsAtWorkers,
    /// The choice between two pods is stated for ten pods and more. For c² below ¼ the share
    /// within an SLO must not be used.
    LeastRequest,
    /// More workers than cores and c² other than 1.
    Workers,
    /// c² above 4 was not validated, nor equal requests on more than 12 cores.
    Spread,
}

impl Doubt {
    /// What the figures depend on, and how far from the truth they still are at most
    /// (`docs/load-model.md`).
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NearSaturation => "a load above 99 %: only the backlog holds",
            Self::Bursts => {
                "bursts: mean within 12 %, p95 within 15 %, p99 within 20 %, share within the \
                 objective within 0.12"
            }
            Self::BurstsAtWorkers => "bursts at pods with workers: not validated",
            Self::LeastRequest => {
                "the choice of the emptier of two pods: mean within 10 %, p95 within 12 %, p99 \
                 within 15 %, share within the objective within 0.06 for ten pods and more, and not \
                 to be used where cv is below 0.5"
            }
            Self::Workers => {
                "more workers than cores: mean within 6 %, p95 within 16 %, share within the \
                 objective within 0.03, of equal requests within 0.11"
            }
            Self::Spread => "a law of CPU per request that was not validated",
        }
    }
}

impl Shape {
    /// One request per thread and core, no worker limit, random arrivals.
    pub fn new(cores_milli: u32, spread_milli: u32) -> Self {
        let arrivals = Arrivals::Random;
        Self { cores_milli, threads_milli: 1000, workers: 0, spread_milli, arrivals }
    }

    /// The unit of time for a mean CPU time per request: what it takes alone in the pod.
    pub fn unit(&self, cpu_seconds: f64) -> f64 {
        let fastest = self.cores_milli.min(self.threads_milli).max(1);
        cpu_seconds * 1000.0 / f64::from(fastest)
    }

    /// Requests the pod can work on at full speed, ≥ 1.
    pub fn servers(&self) -> f64 {
        let cores = f64::from(self.cores_milli.max(1));
        (cores / f64::from(self.threads_milli.max(1))).max(1.0)
    }

    /// Requests per unit of time that a pod can finish.
    pub fn capacity(&self) -> f64 {
        match self.workers {
            0 => self.servers(),
            workers => self.servers().min(f64::from(workers)),
        }
    }

    /// Load of one pod at so many requests per second.
    pub fn load(&self, per_second: f64, cpu_seconds: f64) -> f64 {
        per_second * self.unit(cpu_seconds) / self.capacity()
    }

    /// Law of CPU time.
    pub fn law(&self) -> Law {
        Law::of_spread(f64::from(self.spread_milli) / 1000.0)
    }

    /// The same shape with cores, where above one thread's worth, rounded to steps of 2 %: for
    /// shares that change with every interval. Response times change by less than 1 %.
    pub fn rounded(&self) -> Self {
        if self.cores_milli <= self.threads_milli {
            return *self;
        }
        let step = libm::log(1.02);
        let rung = libm::round(libm::log(self.servers()) / step);
        let cores = libm::exp(rung * step) * f64::from(self.threads_milli);
        Self { cores_milli: libm::round(cores) as u32, ..*self }
    }

    /// Why the figures at this load are less sure than those of the validated grid, if they are.
    pub fn doubt(&self, load: f64) -> Option<Doubt> {
        let crowded = f64::from(self.workers) > self.servers();
        match self.arrivals {
            _ if load > 0.99 => Some(Doubt::NearSaturation),
            Arrivals::Bursty(1001..) if self.workers > 0 => Some(Doubt::BurstsAtWorkers),
            Arrivals::Bursty(2001..) => Some(Doubt::Bursts),
            Arrivals::Bursty(1001..) if self.spread_milli != 1000 => Some(Doubt::Bursts),
            Arrivals::LeastRequest | Arrivals::LeastRequestOf(_) => Some(Doubt::LeastRequest),
            _ if crowded && self.spread_milli != 1000 => Some(Doubt::Workers),
            _ if self.spread_milli > 4000 => Some(Doubt::Spread),
            _ if self.law() == Law::Deterministic && self.servers() > 12.0 => Some(Doubt::Spread),
            _ => None,
        }
    }
}

/// Index of dispersion, in thousandths, that one of `pods` pods sees of arrivals with
/// `dispersion_milli`: random routing thins a renewal process (exact). Rounded to eighths.
pub fn dispersion_at_pod(dispersion_milli: u32, pods: u32) -> u32 {
    let above = f64::from(dispersion_milli.saturating_sub(1000)) / f64::from(pods.max(1));
    1000 + 125 * libm::round(above / 125.0) as u32
}

/// Pods rounded to steps of a quarter from 8 on, so that a workload that scales meets few shapes.
pub fn rounded_pods(pods: u32) -> u32 {
    if pods <= 8 {
        return pods.max(1);
    }
    let step = 1 << (29 - pods.leading_zeros());
    (pods + step / 2) / step * step
}
