//! Traffic that a scenario makes up, and what a gateway does to any traffic.

use super::amounts::Named;
use super::fields::{Fields, Reader};
use super::tree::Node;
use crate::time::second_of_day;
use nodeplan_model::scenario::MILLION;

/// Traffic of a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synthetic {
    /// Its name, as a column has one.
    pub name: Named,
    /// Length of a step.
    pub step_seconds: u64,
    /// Its shape.
    pub shape: Shape,
}

/// A shape; rates in millionths a second, times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A sine over the day.
    Diurnal {
        /// Lowest rate.
        low: u64,
        /// Highest rate.
        high: u64,
        /// Second of the day of the peak.
        peak_second: u64,
    },
    /// A sudden crowd that ebbs.
    FlashCrowd {
        /// Rate before and long after.
        base: u64,
        /// Highest rate.
        peak: u64,
        /// When it begins.
        at: u64,
        /// How long it rises.
        rise: u64,
        /// How fast it ebbs.
        half_life: u64,
    },
    /// One rate, then another.
    Step {
        /// Rate before.
        low: u64,
        /// Rate after.
        high: u64,
        /// When.
        at: u64,
    },
    /// Two rates in turn, each for an exponential time.
    Modulated {
        /// Rate of the quiet state.
        low: u64,
        /// Rate of the busy state.
        high: u64,
        /// Mean length of the quiet state.
        quiet: u64,
        /// Mean length of the busy state.
        busy: u64,
    },
}

/// What stands between clients and the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Whose traffic.
    pub series: Named,
    /// Share answered from a cache, parts per million.
    pub cache_hit: u64,
    /// Most that passes, millionths a second.
    pub rate_limit: Option<u64>,
}

/// Largest rate: a thousand million a second.
const MOST_RATE: u64 = 1_000_000_000 * MILLION;

const SHAPES: [&str; 4] = ["diurnal", "flash_crowd", "step", "mmpp"];

/// Reads one entry of `traffic`.
pub(super) fn traffic(reader: &mut Reader, name: Named, node: &Node) -> Option<Synthetic> {
    let mut known = vec!["every"];
    known.extend(SHAPES);
    let fields = reader.fields(node, "made-up traffic", &known)?;
    let given: Vec<&str> =
        SHAPES.iter().copied().filter(|shape| fields.get(shape).is_some()).collect();
    let [shape] = given[..] else {
        let message = format!("made-up traffic has {} shapes", given.len());
        reader.wrong_value(node, message, &format!("one of {}", SHAPES.join(", ")), None);
        return None;
    };
    let every = reader.seconds_of(&fields, "every").unwrap_or(60);
    if let (Some(at), 0) = (fields.get("every"), every) {
        reader.wrong_value(at, "every is 0".to_owned(), "one second or more", None);
    }
    let shape = match shape {
        "diurnal" => diurnal(reader, fields.get(shape)?),
        "flash_crowd" => flash_crowd(reader, fields.get(shape)?),
        "step" => step(reader, fields.get(shape)?),
        _ => modulated(reader, fields.get(shape)?),
    }?;
    Some(Synthetic { name, step_seconds: u64::from(every.max(1)), shape })
}

fn rate(reader: &mut Reader, fields: &Fields<'_>, name: &str, what: &str) -> Option<u64> {
    let node = reader.required(fields, name, what)?;
    reader.scaled(node, name, 6, MOST_RATE)
}

fn seconds(reader: &mut Reader, fields: &Fields<'_>, name: &str, what: &str) -> Option<u64> {
    let node = reader.required(fields, name, what)?;
    reader.millis(node, name).map(|millis| millis.div_ceil(1000))
}

fn diurnal(reader: &mut Reader, node: &Node) -> Option<Shape> {
    let fields = reader.fields(node, "diurnal", &["low", "high", "peak"])?;
    let low = rate(reader, &fields, "low", "diurnal");
    let high = rate(reader, &fields, "high", "diurnal");
    if let (Some(low), Some(high), Some(at)) = (low, high, fields.get("low"))
        && low > high
    {
        reader.clash(at, "low is above high", "lower low or raise high");
    }
    let peak = fields.get("peak").map_or(Some(14 * 3600), |at| {
        let text = reader.text(at, "peak")?;
        let second = second_of_day(text);
        if second.is_none() {
            let message = format!("peak {} is no time of day", super::amounts::quoted(text));
            reader.wrong_value(at, message, "a time such as 14:00", None);
        }
        second
    });
    Some(Shape::Diurnal { low: low?, high: high?, peak_second: u64::from(peak?) })
}

fn flash_crowd(reader: &mut Reader, node: &Node) -> Option<Shape> {
    let known = ["base", "peak", "at", "rise", "half_life"];
    let fields = reader.fields(node, "flash_crowd", &known)?;
    let base = rate(reader, &fields, "base", "flash_crowd");
    let peak = rate(reader, &fields, "peak", "flash_crowd");
    let at = seconds(reader, &fields, "at", "flash_crowd");
    let rise = reader.seconds_of(&fields, "rise").unwrap_or(60);
    let half_life = reader.seconds_of(&fields, "half_life").unwrap_or(600);
    Some(Shape::FlashCrowd {
        base: base?,
        peak: peak?,
        at: at?,
        rise: u64::from(rise),
        half_life: u64::from(half_life),
    })
}

fn step(reader: &mut Reader, node: &Node) -> Option<Shape> {
    let fields = reader.fields(node, "step", &["low", "high", "at"])?;
    let low = rate(reader, &fields, "low", "step");
    let high = rate(reader, &fields, "high", "step");
    let at = seconds(reader, &fields, "at", "step");
    Some(Shape::Step { low: low?, high: high?, at: at? })
}

fn modulated(reader: &mut Reader, node: &Node) -> Option<Shape> {
    let fields = reader.fields(node, "mmpp", &["low", "high", "quiet", "busy"])?;
    let low = rate(reader, &fields, "low", "mmpp");
    let high = rate(reader, &fields, "high", "mmpp");
    let quiet = seconds(reader, &fields, "quiet", "mmpp");
    let busy = seconds(reader, &fields, "busy", "mmpp");
    Some(Shape::Modulated { low: low?, high: high?, quiet: quiet?, busy: busy? })
}

/// Reads one entry of `gateway`.
pub(super) fn gateway(reader: &mut Reader, series: Named, node: &Node) -> Option<Gateway> {
    let fields = reader.fields(node, "a gateway", &["cache_hit", "rate_limit"])?;
    let limit = fields.get("rate_limit");
    Some(Gateway {
        series,
        cache_hit: reader.ppm_of(&fields, "cache_hit", MILLION).unwrap_or(0),
        rate_limit: limit.and_then(|at| reader.scaled(at, "rate_limit", 6, MOST_RATE)),
    })
}
