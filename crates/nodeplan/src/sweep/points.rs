//! Which points of the grid run: all, or so many drawn without putting back (Floyd: Bentley,
//! "A sample of brilliance", CACM 1987), in order of the grid either way.

use nodeplan_io::diagnostic::ImportError;
use nodeplan_io::yaml::Matrix;
use nodeplan_sim::random::Stream;
use std::collections::BTreeSet;

/// Most cells of a sweep.
pub const MOST_CELLS: u64 = 1_000_000;

/// Points of a grid.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Points {
    /// The first so many, which are all.
    All(u64),
    /// These, ascending.
    Some(Vec<u64>),
}

impl Points {
    /// How many.
    pub fn count(&self) -> u64 {
        match self {
            Self::All(count) => *count,
            Self::Some(points) => points.len() as u64,
        }
    }

    /// Number in the grid of one of them.
    pub fn get(&self, at: u64) -> u64 {
        match self {
            Self::All(_) => at,
            Self::Some(points) => points[at as usize],
        }
    }
}

/// The points of a matrix, each of which runs `others` times.
pub(super) fn of(matrix: &Matrix, others: u64) -> Result<Points, Box<ImportError>> {
    let sizes = matrix.axes.iter().map(|axis| axis.count() as u64);
    let grid = sizes.fold(1_u64, u64::saturating_mul);
    let wanted = matrix.sample.unwrap_or(grid).min(grid);
    let cells = wanted.saturating_mul(others);
    if cells > MOST_CELLS {
        let shown = if cells == u64::MAX { "too many".to_owned() } else { cells.to_string() };
        let message = format!(
            "the matrix has {shown} cells: {wanted} points × {others} plans, scenarios and seeds"
        );
        let fault = ImportError::new("NP1502", matrix.place.clone(), message);
        let fault = fault
            .expected(format!("at most {MOST_CELLS}"))
            .help("draw some points of the grid: sample: 1000");
        return Err(Box::new(fault));
    }
    if wanted == grid {
        return Ok(Points::All(grid));
    }
    Ok(Points::Some(draw(grid, wanted, matrix.sample_seed)))
}

/// So many of the numbers below `grid`, ascending.
fn draw(grid: u64, count: u64, seed: u64) -> Vec<u64> {
    let mut stream = Stream::new(seed, "points of a sweep", "");
    let mut drawn = BTreeSet::new();
    for top in grid - count..grid {
        let one = (u128::from(stream.bits()) * (u128::from(top) + 1)) >> 64;
        let one = u64::try_from(one).unwrap_or(top);
        drawn.insert(if drawn.contains(&one) { top } else { one });
    }
    drawn.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(text: &str) -> Matrix {
        nodeplan_io::yaml::matrix("m.yaml", text.as_bytes()).expect("a matrix")
    }

    #[test]
    fn draws_are_distinct_and_every_point_comes_up() {
        let mut seen = [0_u32; 10];
        for seed in 0..2000 {
            let drawn = draw(10, 3, seed);
            assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]) && drawn.len() == 3);
            for point in drawn {
                seen[point as usize] += 1;
            }
        }
        // 600 each, with a deviation of 20.5.
        assert!(seen.iter().all(|count| (500..700).contains(count)), "{seen:?}");
        assert_eq!(draw(u64::MAX, 2, 1).len(), 2);
    }

    #[test]
    fn a_grid_is_taken_whole_or_in_part_but_not_beyond_the_limit() {
        let grid = "plans: a\nvary: {growth: [1, 2, 3], horizon: [1h, 2h]}\n";
        assert_eq!(of(&matrix(grid), 4), Ok(Points::All(6)));
        assert_eq!(of(&matrix(&format!("{grid}sample: 9\n")), 4), Ok(Points::All(6)));
        let some = of(&matrix(&format!("{grid}sample: 2\n")), 4).expect("few");
        assert_eq!(some.count(), 2);
        assert_eq!(of(&matrix(grid), 1_000_000).expect_err("many").code, "NP1502");
        let values = vec!["1"; 300].join(", ");
        let axes: Vec<String> = (0..8).map(|at| format!("a{at}: [{values}]")).collect();
        let wide = format!("plans: a\nvary: {{{}}}\n", axes.join(", "));
        assert_eq!(of(&matrix(&wide), 1).expect_err("many").code, "NP1502");
        assert_eq!(of(&matrix(&format!("{wide}sample: 5\n")), 1).expect("few").count(), 5);
    }
}
