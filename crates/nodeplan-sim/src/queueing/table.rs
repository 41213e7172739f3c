//! Response times of every load, read from tables that are filled where a run comes by.
//!
//! A table holds the law of response times at loads 1 − e^(−i/12). Between two loads both laws
//! are mixed, so a run's histogram is a sum over loads of requests, and only those sums need to
//! be kept: [`Merged`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::crowd::Crowd;
use super::gamma::GammaTable;
use super::histogram::{Histogram, rounded};
use super::law::Law;
use super::response::{Grid, Response, Steps};
use super::shape::Shape;

/// Times that differ by less than this factor may be told as one: a bin of [`Histogram`] is no less.
const BIN: f64 = 1.02;
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
    /// The load that is told of requests that met this one and others that met another, so many
    /// each, where both lie between the same neighbours.
    pub fn joined(self, requests: u64, other: Self, others: u64) -> Option<Self> {
        if (self.shape, self.first) != (other.shape, other.first) {
            return None;
        }
        let (own, more) = (requests as f64, others as f64);
        let sum = (own + more).max(1.0);
        Some(Self { weight: (self.weight * own + other.weight * more) / sum, ..self })
    }

    /// Of two figures, those of the neighbours of a load, that of the load.
    pub fn between(self, low: f64, high: f64) -> f64 {
        low + self.weight * (high - low)
    }

    /// How many of some requests belong to the second neighbour.
    fn second(&self, micro_requests: u64) -> u64 {
        let second = rounded(self.weight * micro_requests as f64);
        second.min(micro_requests)
    }
}

/// Figures at one load, in units of the shape.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// Medians, 95th and 99th percentiles.
    quantiles: [f64; 3],
    /// The points of the grid at which they are reached.
    reached: [u16; 3],
}

/// Shapes that differ in nothing but their cores, in [`Tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FamilyId(u32);

/// A shape of a family.
#[derive(Clone, Copy, Debug)]
pub struct Rung {
    milli: u64,
    shape: ShapeId,
    table: u32,
    /// Unit of its times for a second of CPU per request, seconds, and the logarithm of it.
    pub unit: (f64, f64),
    /// Load of a pod that is brought a second of CPU a second.
    pub load: f64,
}

/// Shapes of a family.
struct Family {
    like: Shape,
    rungs: Vec<Rung>,
    /// Of whole eighths of binary orders, the most common: where they are among the rungs.
    eighths: Vec<Option<u16>>,
}

/// Where a whole eighth of a binary order is among all of them.
fn eighth(milli: u64) -> Option<usize> {
    let order = milli.checked_ilog2().filter(|&order| order >= 3)?;
    let eighths = milli >> (order - 3);
    (eighths << (order - 3) == milli).then_some((order * 8) as usize + eighths as usize)
}

/// The table of a law.
struct Table {
    /// A shape that has it.
    shape: Shape,
    law: Law,
    grid: Grid,
    /// Loads that are filled, one bit each.
    filled: u64,
    /// Mean response times, in units of the shape: known at these loads, one bit each.
    means: [f64; LOADS],
    known: u64,
    figures: Vec<Figures>,
    /// By load, the share of requests within each point of the grid; nothing where it is not filled.
    within: Vec<Vec<f64>>,
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
static GAMMA: GammaTable = GammaTable::new();

/// Equal parts of the loads, to find one's place in a table.
const PARTS: usize = 1024;

/// The loads of a table, and where in it each part begins.
struct Edges {
    loads: [f64; LOADS],
    /// From each load to the next one.
    widths: [f64; LOADS],
    first: [u8; PARTS],
}

impl Edges {
    fn new() -> Self {
        let loads: [f64; LOADS] = std::array::from_fn(load_of);
        let first = std::array::from_fn(|part| {
            let load = part as f64 / PARTS as f64;
            loads.partition_point(|&edge| edge <= load).clamp(1, LOADS - 1) as u8 - 1
        });
        let widths = std::array::from_fn(|at| loads[(at + 1).min(LOADS - 1)] - loads[at]);
        Self { loads, widths, first }
    }

    /// The last load of the table, but for the very last, that is not above this one, and the weight
    /// of the one after it: linear in the load, which is held to the last.
    #[inline]
    fn place(&self, load: f64) -> (usize, f64) {
        let part = ((load * PARTS as f64) as u32 as usize).min(PARTS - 1);
        let mut first = usize::from(self.first[part]);
        while first < LOADS - 2 && self.loads[first + 1] <= load {
            first += 1;
        }
        (first, ((load - self.loads[first]) / self.widths[first]).clamp(0.0, 1.0))
    }
}

static EDGES: LazyLock<Edges> = LazyLock::new(Edges::new);

/// Tables of every shape that runs meet; what they hold depends on the shape alone, so that runs may
/// share them. Shapes that differ in nothing but their unit of time, pods
/// of less than what one thread uses, share one.
pub struct Tables {
    edges: &'static Edges,
    steps: BTreeMap<u32, Steps>,
    ids: BTreeMap<Shape, ShapeId>,
    /// Each shape, and its table.
    shapes: Vec<(Shape, u32)>,
    by_law: BTreeMap<Shape, u32>,
    tables: Vec<Table>,
    families: Vec<Family>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            edges: &EDGES,
            steps: BTreeMap::new(),
            ids: BTreeMap::new(),
            shapes: Vec::new(),
            by_law: BTreeMap::new(),
            tables: Vec::new(),
            families: Vec::new(),
        }
    }
}

/// Load of a point.
fn load_of(point: usize) -> f64 {
    -libm::expm1(-(point as f64) / FINE)
}

/// The same, but not none: an empty pod is the limit of a load that is as good as none.
fn least_load(point: usize) -> f64 {
    load_of(point).max(1e-6)
}

impl Table {
    /// Finds the mean response time at one load.
    fn fill_mean(&mut self, point: usize) {
        self.known |= 1 << point;
        self.means[point] = Crowd::of(&self.shape, least_load(point)).mean();
    }

    /// Finds those at one load and the one after it, where they are missing.
    #[inline(never)]
    fn fill_means(&mut self, first: usize) {
        for point in [first, first + 1] {
            if self.known >> point & 1 == 0 {
                self.fill_mean(point);
            }
        }
    }

    /// Finds the law of response times at one load.
    fn fill(&mut self, point: usize, steps: &Steps) {
        self.filled |= 1 << point;
        self.known |= 1 << point;
        let load = least_load(point);
        let (law, grid) = (self.law, self.grid);
        let response = Response::of(&self.shape, load, steps, &GAMMA);
        self.means[point] = response.mean;
        self.figures[point] = Figures {
            quantiles: Percentile::ALL.map(|p| response.quantile(grid, law, p.level())),
            reached: Percentile::ALL.map(|p| response.reached(p.level()) as u16),
        };
        self.within[point] = response.within;
    }

    /// Share of requests within a point of the grid, between the neighbours of a load.
    fn within(&self, place: Place, point: usize) -> f64 {
        let first = place.first as usize;
        place.between(self.within[first][point], self.within[first + 1][point])
    }

    /// Share of requests within a time, given its logarithm.
    fn share(&self, place: Place, log: f64) -> f64 {
        if self.law == Law::Deterministic && log < -1e-9 {
            return 0.0;
        }
        let (point, part) = self.grid.place(log);
        let (low, high) = (self.within(place, point), self.within(place, point + 1));
        low + part * (high - low)
    }
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

    /// The shapes that differ from this one in nothing but their cores.
    pub fn family(&mut self, like: &Shape) -> FamilyId {
        let like = Shape { cores_milli: 0, ..*like };
        let at = self.families.iter().position(|family| family.like == like);
        let at = at.unwrap_or_else(|| {
            self.families.push(Family { like, rungs: Vec::new(), eighths: Vec::new() });
            self.families.len() - 1
        });
        FamilyId(at as u32)
    }

    /// The shape of a family with so many milli-cores, one at least, rounded as
    /// [`Shape::rounded`] has it. `hint` is where it was found last.
    #[inline]
    pub fn rung(&mut self, family: FamilyId, milli: u64, hint: &mut u32) -> Rung {
        let rungs = &self.families[family.0 as usize].rungs;
        match rungs.get(*hint as usize) {
            Some(rung) if rung.milli == milli => *rung,
            _ => self.find_rung(family, milli, hint),
        }
    }

    /// The same, where it was not found last.
    #[inline(never)]
    fn find_rung(&mut self, family: FamilyId, milli: u64, hint: &mut u32) -> Rung {
        let Family { rungs, eighths, .. } = &self.families[family.0 as usize];
        let known = eighth(milli).and_then(|at| eighths.get(at).copied().flatten());
        let known = known.map(usize::from).filter(|&at| rungs[at].milli == milli);
        let at = known.or_else(|| rungs.iter().position(|rung| rung.milli == milli));
        let place = at.unwrap_or(rungs.len());
        if place == rungs.len() {
            self.climb(family, milli);
        }
        *hint = place as u32;
        self.families[family.0 as usize].rungs[place]
    }

    /// Adds a shape to a family.
    fn climb(&mut self, family: FamilyId, milli: u64) {
        let cores_milli = u32::try_from(milli).unwrap_or(u32::MAX).max(1);
        let like = self.families[family.0 as usize].like;
        let shape = Shape { cores_milli, ..like }.rounded();
        let unit = shape.unit(1.0);
        let (id, load) = (self.shape(&shape), shape.load(1.0, 1.0));
        let table = self.shapes[id.0 as usize].1;
        let Family { rungs, eighths, .. } = &mut self.families[family.0 as usize];
        if let Some(at) = eighth(milli) {
            eighths.resize(eighths.len().max(at + 1), None);
            eighths[at] = u16::try_from(rungs.len()).ok();
        }
        rungs.push(Rung { milli, shape: id, table, unit: (unit, libm::log(unit)), load });
    }

    /// The table of a law, empty where it is new.
    fn table(&mut self, law: &Shape) -> u32 {
        if let Some(&table) = self.by_law.get(law) {
            return table;
        }
        let table = self.tables.len() as u32;
        let grid = Grid::of(law.law());
        self.steps.entry(grid.fine).or_insert_with(|| Steps::new(grid));
        let figures = vec![Figures::default(); LOADS];
        let within = vec![Vec::new(); LOADS];
        self.tables.push(Table {
            shape: *law,
            law: law.law(),
            grid,
            filled: 0,
            means: [0.0; LOADS],
            known: 0,
            figures,
            within,
        });
        self.by_law.insert(*law, table);
        table
    }

    /// Where a load lies; loads above the last of the table are held to it. Fills what is missing.
    pub fn place(&mut self, shape: ShapeId, load: f64) -> Place {
        let table = self.shapes[shape.0 as usize].1;
        let (first, weight) = self.edges.place(load);
        self.fill_both(table, first);
        Place { shape, table, first: first as u32, weight }
    }

    /// The same for a pod that is brought so many seconds of CPU a second.
    #[inline]
    pub fn place_of(&mut self, rung: &Rung, busy: f64) -> Place {
        let (first, weight) = self.edges.place(busy * rung.load);
        self.fill_both(rung.table, first);
        Place { shape: rung.shape, table: rung.table, first: first as u32, weight }
    }

    /// Mean response time of a pod that is brought so many seconds of CPU a second, in units.
    #[inline]
    pub fn mean_of(&mut self, rung: &Rung, busy: f64) -> f64 {
        let (first, weight) = self.edges.place(busy * rung.load);
        let table = &mut self.tables[rung.table as usize];
        if table.known >> first & 0b11 != 0b11 {
            table.fill_means(first);
        }
        let (low, high) = (table.means[first], table.means[first + 1]);
        low + weight * (high - low)
    }

    /// Fills a load of a table and the one after it, where they are missing.
    #[inline]
    fn fill_both(&mut self, table: u32, first: usize) {
        if self.tables[table as usize].filled >> first & 0b11 != 0b11 {
            self.fill(table, first);
        }
    }

    #[inline(never)]
    fn fill(&mut self, table: u32, first: usize) {
        let table = &mut self.tables[table as usize];
        for point in [first, first + 1] {
            if table.filled >> point & 1 == 0 {
                table.fill(point, &self.steps[&table.grid.fine]);
            }
        }
    }

    /// Mean response time, in units.
    pub fn mean(&self, place: Place) -> f64 {
        let means = &self.tables[place.table as usize].means;
        let first = place.first as usize;
        place.between(means[first], means[first + 1])
    }

    /// Percentile of response times, in units.
    pub fn quantile(&self, place: Place, percentile: Percentile) -> f64 {
        let figures = &self.tables[place.table as usize].figures;
        let (first, at) = (place.first as usize, percentile as usize);
        place.between(figures[first].quantiles[at], figures[first + 1].quantiles[at])
    }

    /// Share of requests answered within a time, in units.
    pub fn share(&self, place: Place, time: f64) -> f64 {
        self.share_of_log(place, libm::log(time))
    }

    /// Share of requests answered within a time, given as the logarithm of it in units.
    pub fn share_of_log(&self, place: Place, log: f64) -> f64 {
        let table = &self.tables[place.table as usize];
        table.share(place, log)
    }

    /// A percentile of the response times, in units, of requests that met several loads, so many
    /// each; all of one law.
    pub fn quantile_of(
        &self,
        parts: impl Iterator<Item = (Place, f64)> + Clone,
        percentile: Percentile,
    ) -> f64 {
        let Some((one, _)) = parts.clone().next() else { return 0.0 };
        let Table { law, grid, .. } = &self.tables[one.table as usize];
        let (mut total, mut low, mut high) = (0.0, u16::MAX, 0);
        for (place, requests) in parts.clone() {
            total += requests;
            let figures = &self.tables[place.table as usize].figures;
            for figures in &figures[place.first as usize..place.first as usize + 2] {
                let reached = figures.reached[percentile as usize];
                (low, high) = (low.min(reached), high.max(reached));
            }
        }
        // What is above the level at a point of the grid, in requests.
        let wanted = percentile.level() * total;
        let within = |point: usize| -> f64 {
            let within = |place: Place| self.tables[place.table as usize].within(place, point);
            parts.clone().map(|(place, requests)| requests * within(place)).sum()
        };
        // No part reaches the level before `low`, and all reach it at `high`.
        let (mut low, mut high) = (usize::from(low), usize::from(high));
        while low < high {
            let middle = usize::midpoint(low, high);
            if within(middle) < wanted { low = middle + 1 } else { high = middle }
        }
        let below = if low == 0 { 0.0 } else { within(low - 1) };
        grid.quantile(*law, low, (below, within(low)), wanted)
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
        let table = &self.tables[place.table as usize];
        let within = |point: usize| table.within(place, point);
        self.expand(table.grid.fine, within, micro_requests, (unit, offset_seconds), into);
    }

    /// Adds requests to a histogram of which such shares are within the points of a grid: `unit` in
    /// seconds, `offset` what is not CPU.
    fn expand(
        &self,
        fine: u32,
        within: impl Fn(usize) -> f64,
        requests: u64,
        (unit, offset): (f64, f64),
        into: &mut Histogram,
    ) {
        let times = &self.steps[&fine].times;
        let (mut given, count) = (0, requests as f64);
        let place = |point: usize| Histogram::place(offset + times[point] * unit);
        // Points whose times differ by less than a bin, since all come after the offset.
        let (least, points) = (place(0) as usize, times.len());
        let (mut from, mut beyond) = (0, points);
        while from < beyond {
            let middle = usize::midpoint(from, beyond);
            if place(middle) as usize == least { from = middle + 1 } else { beyond = middle }
        }
        // The point after those told, and where in the histogram the last of them is.
        let mut told = (0, 0.0);
        // When the next bin begins: points before it are told with the one after them.
        let mut next_bin = 0.0;
        for (i, time) in times.iter().enumerate().skip(from.max(1) - 1) {
            let seconds = offset + time * unit;
            if seconds < next_bin && i + 1 < points {
                told.0 += usize::from(told.0 == i);
                continue;
            }
            let upto = if i + 1 == points { requests } else { rounded(within(i) * count) };
            let part = upto.min(requests).saturating_sub(given);
            if part == 0 {
                continue;
            }
            // A step of the grid is wider than a bin: its requests are spread over the bins.
            let jump = i < from || (given == 0 && fine >= 50);
            let high = Histogram::place(seconds);
            let low = match told {
                _ if jump => high,
                (next, low) if next == i => low,
                _ => place(i - 1),
            };
            into.spread_between(low, high, part);
            told = (i + 1, high);
            next_bin = seconds * BIN;
            given += part;
            if given == requests {
                break;
            }
        }
    }
}

/// Requests of a run by load, for each shape that it met: what is left to keep of a histogram as
/// long as response times come from [`Tables`] with one unit and offset. A millionth of a request
/// is told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged(Vec<Vec<u64>>);

impl Merged {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `micro_requests` millionths of requests that met one load.
    pub fn add(&mut self, place: Place, micro_requests: u64) {
        let (shape, at) = (place.shape.0 as usize, place.first as usize);
        if self.0.len() <= shape {
            self.0.resize_with(shape + 1, Vec::new);
        }
        let sums = &mut self.0[shape];
        if sums.is_empty() {
            sums.resize(LOADS, 0);
        }
        let second = place.second(micro_requests);
        sums[at] = sums[at].saturating_add(micro_requests - second);
        sums[at + 1] = sums[at + 1].saturating_add(second);
    }

    /// Adds another run of the same tables.
    pub fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize_with(other.0.len(), Vec::new);
        }
        for (sums, parts) in self.0.iter_mut().zip(&other.0) {
            sums.resize(sums.len().max(parts.len()), 0);
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum = sum.saturating_add(*part);
            }
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
        // Those of one unit are added up on their grid first, as whole numbers: in any order, so
        // that it does not matter what else the tables hold.
        let mut sums: BTreeMap<(u64, u32), (u64, Vec<u64>)> = BTreeMap::new();
        for (loads, (shape, table)) in self.0.iter().zip(&tables.shapes) {
            let Table { grid, within, .. } = &tables.tables[*table as usize];
            let key = (shape.unit(cpu_seconds).to_bits(), grid.fine);
            let met = loads.iter().zip(within).filter(|(requests, _)| **requests > 0);
            for (&requests, within) in met {
                let (all, sums) = sums.entry(key).or_insert_with(|| (0, vec![0; grid.len()]));
                *all = all.saturating_add(requests);
                for (sum, share) in sums.iter_mut().zip(within) {
                    *sum = sum.saturating_add(rounded(share * requests as f64));
                }
            }
        }
        for ((unit, fine), (requests, sums)) in sums {
            let within = |point: usize| sums[point] as f64 / requests as f64;
            let scale = (f64::from_bits(unit), offset_seconds);
            tables.expand(fine, within, requests, scale, into);
        }
    }
}
