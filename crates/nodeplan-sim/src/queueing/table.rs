//! Response times of every load, read from tables that are filled where a run comes by.
//!
//! A table holds the law of response times at loads 1 − e^(−i/12). Between two loads both laws
//! are mixed, so a run's histogram is a sum over loads of requests, and only those sums need to
//! be kept: [`Merged`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::backlog::Wait;
use super::gamma::GammaTable;
use super::histogram::Histogram;
use super::response::{Grid, Response, Steps};
use super::shape::Shape;

/// Steps of −ln(1 − load) per unit.
const FINE: f64 = 12.0;
/// Loads in a table; the last is 0.990.
pub const LOADS: usize = 57;

/// A shape in [`Tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShapeId(u32);

/// A load: two neighbours in a table and the weight of the second.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    shape: ShapeId,
    table: u32,
    first: u32,
    weight: f64,
}

impl Place {
    /// How many of some requests belong to the second neighbour.
    fn second(&self, micro_requests: u64) -> u64 {
        let second = libm::round(self.weight * micro_requests as f64) as u64;
        second.min(micro_requests)
    }
}

/// Figures at one load, in units of the shape.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    mean: f64,
    /// Medians, 95th and 99th percentiles.
    quantiles: [f64; 3],
}

/// Parts into which the requests of a delayed interval are cut by response time, and by delay.
const MIDDLES: usize = 32;
const DELAYS: usize = 8;

/// One load of one table.
struct Point {
    figures: Figures,
    response: Response,
    /// Percentiles in the middles of equal shares of requests.
    middle: [f64; MIDDLES],
}

/// The table of a law.
struct Table {
    /// A shape that has it.
    shape: Shape,
    grid: Grid,
    points: Vec<Option<Box<Point>>>,
}

/// A percentile a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// The median.
    P50,
    /// The 95th.
    P95,
    /// The 99th.
    P99,
}

impl Percentile {
    /// All of them.
    pub const ALL: [Percentile; 3] = [Percentile::P50, Percentile::P95, Percentile::P99];

    /// Share of requests.
    pub fn level(self) -> f64 {
        [0.5, 0.95, 0.99][self as usize]
    }
}

/// The gamma law is the same for all.
static GAMMA: LazyLock<GammaTable> = LazyLock::new(GammaTable::new);

/// The loads of a table.
static EDGES: LazyLock<[f64; LOADS]> = LazyLock::new(|| std::array::from_fn(load_of));

/// Tables of every shape a run meets. Shapes that differ in nothing but their unit of time, pods
/// of less than what one thread uses, share one.
#[derive(Default)]
pub struct Tables {
    steps: BTreeMap<u32, Steps>,
    ids: BTreeMap<Shape, ShapeId>,
    /// Each shape, and its table.
    shapes: Vec<(Shape, u32)>,
    by_law: BTreeMap<Shape, u32>,
    tables: Vec<Table>,
}

/// Load of a point.
fn load_of(point: usize) -> f64 {
    -libm::expm1(-(point as f64) / FINE)
}

impl Tables {
    /// No table yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The table of a shape; empty until it is asked.
    pub fn shape(&mut self, shape: &Shape) -> ShapeId {
        if let Some(&id) = self.ids.get(shape) {
            return id;
        }
        let id = ShapeId(self.shapes.len() as u32);
        let law = Shape { cores_milli: shape.cores_milli.max(shape.threads_milli), ..*shape };
        let table = self.table(&law);
        self.shapes.push((*shape, table));
        self.ids.insert(*shape, id);
        id
    }

    /// The table of a law, empty where it is new.
    fn table(&mut self, law: &Shape) -> u32 {
        if let Some(&table) = self.by_law.get(law) {
            return table;
        }
        let table = self.tables.len() as u32;
        let grid = Grid::of(law.law());
        self.steps.entry(grid.fine).or_insert_with(|| Steps::new(grid));
        let points = (0..LOADS).map(|_| None).collect();
        self.tables.push(Table { shape: *law, grid, points });
        self.by_law.insert(*law, table);
        table
    }

    /// Where a load lies; loads above the last of the table are held to it. Fills what is missing.
    pub fn place(&mut self, shape: ShapeId, load: f64) -> Place {
        let place = (-libm::log1p(-load.clamp(0.0, 0.9999)) * FINE).min((LOADS - 1) as f64);
        let first = (place as usize).min(LOADS - 2);
        let table = self.shapes[shape.0 as usize].1;
        self.fill(table, first);
        self.fill(table, first + 1);
        Place { shape, table, first: first as u32, weight: self.weight(load, first) }
    }

    /// Weight of the second neighbour: linear in the load.
    fn weight(&self, load: f64, first: usize) -> f64 {
        let (low, high) = (EDGES[first], EDGES[first + 1]);
        ((load - low) / (high - low)).clamp(0.0, 1.0)
    }

    fn fill(&mut self, table: u32, point: usize) {
        let table = &mut self.tables[table as usize];
        if table.points[point].is_some() {
            return;
        }
        let (law, grid) = (table.shape.law(), table.grid);
        let steps = &self.steps[&grid.fine];
        // An empty pod is the limit of a load that is as good as none.
        let load = load_of(point).max(1e-6);
        let response = Response::of(&table.shape, load, steps, &GAMMA);
        let quantiles = Percentile::ALL.map(|p| response.quantile(grid, law, p.level()));
        let figures = Figures { mean: response.mean, quantiles };
        let middle = std::array::from_fn(|part| {
            response.quantile(grid, law, (part as f64 + 0.5) / MIDDLES as f64)
        });
        table.points[point] = Some(Box::new(Point { figures, response, middle }));
    }

    fn point(&self, table: u32, point: u32) -> &Point {
        self.tables[table as usize].points[point as usize]
            .as_ref()
            .expect("`place` fills the points that it names")
    }

    /// A figure of both neighbours, mixed.
    fn mixed(&self, place: Place, figure: impl Fn(&Point) -> f64) -> f64 {
        let low = figure(self.point(place.table, place.first));
        let high = figure(self.point(place.table, place.first + 1));
        low + place.weight * (high - low)
    }

    /// Mean response time, in units.
    pub fn mean(&self, place: Place) -> f64 {
        self.mixed(place, |point| point.figures.mean)
    }

    /// Percentile of response times, in units.
    pub fn quantile(&self, place: Place, percentile: Percentile) -> f64 {
        self.mixed(place, |point| point.figures.quantiles[percentile as usize])
    }

    /// Share of requests answered within a time, in units.
    pub fn share(&self, place: Place, time: f64) -> f64 {
        self.share_of_log(place, libm::log(time))
    }

    /// Share of requests answered within a time, given as the logarithm of it in units.
    pub fn share_of_log(&self, place: Place, log: f64) -> f64 {
        let table = &self.tables[place.table as usize];
        let law = table.shape.law();
        self.mixed(place, |point| point.response.share(table.grid, law, log))
    }

    /// Adds requests that a backlog delays to a histogram, times in seconds. In line a request is
    /// delayed before it is served; where requests share the cores, a delay stretches them all in
    /// proportion, so that their mean is that much later.
    pub fn delay(
        &self,
        place: Place,
        wait: &Wait,
        cpu_seconds: f64,
        offset_seconds: f64,
        into: &mut Histogram,
    ) {
        let (shape, _) = &self.shapes[place.shape.0 as usize];
        let (unit, in_line) = (shape.unit(cpu_seconds), shape.workers > 0);
        let mean = self.mean(place) * unit;
        let point = self.point(place.table, place.first + u32::from(place.weight >= 0.5));
        let mut left = wait.micro_requests;
        for part in 0..DELAYS {
            let along = (part as f64 + 0.5) / DELAYS as f64;
            let delay = (wait.from_millis + along * (wait.to_millis - wait.from_millis)) / 1000.0;
            for (level, time) in point.middle.iter().enumerate() {
                let last = DELAYS * MIDDLES - (part * MIDDLES + level);
                let requests = left / last as u64;
                left -= requests;
                let alone = time * unit;
                let seconds = if in_line { alone + delay } else { alone * (1.0 + delay / mean) };
                into.add(offset_seconds + seconds, requests);
            }
        }
    }

    /// Adds `micro_requests` that met one load to a histogram: `cpu_seconds` per request,
    /// `offset_seconds` of latency that is not the pod's.
    pub fn tell(
        &self,
        place: Place,
        micro_requests: u64,
        cpu_seconds: f64,
        offset_seconds: f64,
        into: &mut Histogram,
    ) {
        let unit = self.shapes[place.shape.0 as usize].0.unit(cpu_seconds);
        let second = place.second(micro_requests);
        for (point, part) in [(place.first, micro_requests - second), (place.first + 1, second)] {
            if part > 0 {
                self.expand(place.table, point, part, unit, offset_seconds, into);
            }
        }
    }

    /// Adds requests at one point to a histogram: `unit` in seconds, `offset` what is not CPU.
    fn expand(
        &self,
        table: u32,
        point: u32,
        requests: u64,
        unit: f64,
        offset: f64,
        into: &mut Histogram,
    ) {
        let grid = self.tables[table as usize].grid;
        let (times, within) =
            (&self.steps[&grid.fine].times, &self.point(table, point).response.within);
        let mut given = 0;
        for (i, &share) in within.iter().enumerate() {
            let upto = if i + 1 == within.len() {
                requests
            } else {
                libm::round(share * requests as f64) as u64
            };
            let part = upto.min(requests).saturating_sub(given);
            if part > 0 {
                // A step of the grid is wider than a bin: its requests are spread over the bins.
                let jump = i == 0 || (given == 0 && grid.fine >= 50);
                let low = if jump { times[i] } else { times[i - 1] };
                into.spread(offset + low * unit, offset + times[i] * unit, part);
                given += part;
                if given == requests {
                    break;
                }
            }
        }
    }
}

/// Requests of a run by shape and load: what is left to keep of a histogram as long as response
/// times come from [`Tables`] with one unit and offset. A millionth of a request is told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged(Vec<u64>);

impl Merged {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `micro_requests` millionths of requests that met one load.
    pub fn add(&mut self, place: Place, micro_requests: u64) {
        let at = place.shape.0 as usize * LOADS + place.first as usize;
        if self.0.len() < at + 2 {
            self.0.resize((place.shape.0 as usize + 1) * LOADS, 0);
        }
        let second = place.second(micro_requests);
        self.0[at] = self.0[at].saturating_add(micro_requests - second);
        self.0[at + 1] = self.0[at + 1].saturating_add(second);
    }

    /// Adds another run of the same tables.
    pub fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (sum, part) in self.0.iter_mut().zip(&other.0) {
            *sum = sum.saturating_add(*part);
        }
    }

    /// Adds the response times of all these requests to a histogram: `cpu_seconds` per request,
    /// `offset_seconds` of latency that is not CPU.
    pub fn expand(
        &self,
        tables: &Tables,
        cpu_seconds: f64,
        offset_seconds: f64,
        into: &mut Histogram,
    ) {
        for (at, &requests) in self.0.iter().enumerate().filter(|(_, requests)| **requests > 0) {
            let (shape, table) = &tables.shapes[at / LOADS];
            let (unit, point) = (shape.unit(cpu_seconds), (at % LOADS) as u32);
            tables.expand(*table, point, requests, unit, offset_seconds, into);
        }
    }
}
