//! The gamma distribution function, exact and by table.
//!
//! Series and continued fraction of the regularised incomplete gamma function (DLMF 8.11.4 and
//! 8.9.2). The table holds it over log(shape) × log(argument / mean); bilinear interpolation is
//! within 0.004.

use std::sync::OnceLock;

/// Least and largest logarithm of the shape in the table.
const SHAPES: (f64, f64) = (-4.0, 6.0);
/// Step of the logarithm of the shape.
const SHAPE_STEP: f64 = 0.2;
/// Rows.
const ROWS: usize = 51;
/// Least logarithm of argument over mean.
const LEAST: f64 = -10.0;
/// Columns per unit of that logarithm.
const FINE: f64 = 40.0;
/// Columns.
const COLUMNS: usize = 561;

/// P(shape, x), the distribution function of a gamma law with unit scale.
pub fn lower(shape: f64, x: f64) -> f64 {
    lower_of(shape, libm::lgamma(shape), x)
}

/// The same, given the logarithm of the gamma function of the shape.
fn lower_of(shape: f64, log_gamma: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = libm::exp(shape * libm::log(x) - x - log_gamma);
    if x < shape + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / shape, 1.0 / shape, shape);
        while term > sum * 1e-13 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        return (sum * front).min(1.0);
    }
    // Lentz's method; converges within a few hundred steps for every shape in use.
    let mut b = x + 1.0 - shape;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..2_000 {
        let i = f64::from(i);
        let a = -i * (i - shape);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-13 {
            break;
        }
    }
    (1.0 - front * h).clamp(0.0, 1.0)
}

/// Values of one shape.
type Row = [f32; COLUMNS];
/// Values of a shape and of the next one, side by side.
type Pair = [[f32; 2]; COLUMNS];

/// The distribution function over a grid, a row per shape, each built when it is first asked for.
pub struct GammaTable {
    rows: [OnceLock<Box<Row>>; ROWS],
    pairs: [OnceLock<Box<Pair>>; ROWS - 1],
}

/// A gamma law of one shape, ready to be evaluated.
pub struct Curve<'a> {
    pair: &'a Pair,
    weight: f64,
}

impl GammaTable {
    /// The table, without rows.
    pub const fn new() -> Self {
        Self {
            rows: [const { OnceLock::new() }; ROWS],
            pairs: [const { OnceLock::new() }; ROWS - 1],
        }
    }

    fn row(&self, row: usize) -> &Row {
        self.rows[row].get_or_init(|| {
            let shape = libm::exp(SHAPES.0 + SHAPE_STEP * row as f64);
            let log_gamma = libm::lgamma(shape);
            Box::new(std::array::from_fn(|column| {
                let ratio = libm::exp(LEAST + column as f64 / FINE);
                lower_of(shape, log_gamma, shape * ratio) as f32
            }))
        })
    }

    fn pair(&self, first: usize) -> &Pair {
        self.pairs[first].get_or_init(|| {
            let (low, high) = (self.row(first), self.row(first + 1));
            Box::new(std::array::from_fn(|column| [low[column], high[column]]))
        })
    }

    /// The law of a shape, held to e⁻⁴ … e⁶.
    pub fn curve(&self, shape: f64) -> Curve<'_> {
        let row = (libm::log(shape).clamp(SHAPES.0, SHAPES.1) - SHAPES.0) / SHAPE_STEP;
        let first = (row as usize).min(ROWS - 2);
        Curve { pair: self.pair(first), weight: row - first as f64 }
    }
}

impl Default for GammaTable {
    fn default() -> Self {
        Self::new()
    }
}

impl Curve<'_> {
    /// Probability of at most e^`log_ratio` times the mean.
    pub fn at(&self, log_ratio: f64) -> f64 {
        let column = (log_ratio - LEAST) * FINE;
        if column <= 0.0 {
            return 0.0;
        }
        if column >= (COLUMNS - 1) as f64 {
            return 1.0;
        }
        let first = column as u32;
        let part = column - f64::from(first);
        let around = &self.pair[first as usize..first as usize + 2];
        let [low, high] = [0, 1].map(|shape| {
            let (left, right) = (f64::from(around[0][shape]), f64::from(around[1][shape]));
            left + part * (right - left)
        });
        low + self.weight * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        for (shape, x, value) in [
            (1.0, 1.0, 0.632_120_558_828_557_7),
            (0.5, 0.5, 0.682_689_492_137_085_9),
            (3.0, 2.0, 0.323_323_583_816_936_54),
            (100.0, 90.0, 0.158_220_989_1),
        ] {
            assert!((lower(shape, x) - value).abs() < 1e-6, "{shape} {x} {}", lower(shape, x));
        }
    }

    #[test]
    fn the_table_is_near_the_function() {
        let table = GammaTable::new();
        let mut worst: f64 = 0.0;
        for i in 0..400 {
            let shape = libm::exp(-3.0 + 0.02 * f64::from(i));
            let curve = table.curve(shape);
            for j in 0..300 {
                let log_ratio = -8.0 + 0.037 * f64::from(j);
                let exact = lower(shape, shape * libm::exp(log_ratio));
                worst = worst.max((curve.at(log_ratio) - exact).abs());
            }
        }
        assert!(worst < 0.004, "{worst}");
    }
}
