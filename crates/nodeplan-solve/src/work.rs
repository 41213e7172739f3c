//! Work units: the only limit a solve knows. One table weighs what is counted, so that a unit
//! costs about the same time wherever it is spent. Counters only grow and are added in index
//! order, so a limit strikes at the same place in every run.

use crate::compile::Compiled;
use crate::{Control, Options};
use nodeplan_model::plan::Work;
use std::cell::Cell;

/// Units of one pricing label.
const LABEL: u64 = 1;
/// Units of one simplex iteration, and more for every demand row of the problem: at first the
/// dense part of a basis grows with the rows, beyond some hundreds it does not.
const ITERATION: u64 = 100;
const ITERATION_ROW: u64 = 4;
const DENSE_ROWS: u64 = 400;

/// Units of one simplex iteration with so many demand rows.
fn iteration(rows: u64) -> u64 {
    ITERATION + ITERATION_ROW * rows.min(DENSE_ROWS) + rows.saturating_sub(DENSE_ROWS) / 2
}

/// Units of one branch of the search tree.
const BRANCH: u64 = 2_000;

/// Units of a piece of work.
fn units(work: &Work, rows: u64) -> u64 {
    work.labels
        .saturating_mul(LABEL)
        .saturating_add(work.iterations.saturating_mul(iteration(rows)))
        .saturating_add(work.branches.saturating_mul(BRANCH))
}

/// Counts work against the limit and asks the caller whether to go on.
pub struct Meter<'a> {
    work: Cell<Work>,
    limit: u64,
    rows: u64,
    control: Control<'a>,
}

impl<'a> Meter<'a> {
    /// Starts at zero. Without a limit from the caller the number of demand rows sets it: few
    /// shapes deserve seconds, a hundred a minute.
    pub fn new(options: &Options, compiled: &Compiled, control: Control<'a>) -> Self {
        let (classes, points) = (compiled.classes.len() as u64, compiled.weights.len() as u64);
        let rows = classes * points;
        let own = (rows * classes * 85_000).clamp(15_000_000, 240_000_000 / points.clamp(1, 16));
        let limit = if options.work_limit == u64::MAX { own } else { options.work_limit };
        Self { work: Cell::new(Work::default()), limit, rows, control }
    }

    /// So many thousandths of the limit, in units.
    pub fn share(&self, thousandths: u64) -> u64 {
        (u128::from(self.limit) * u128::from(thousandths) / 1000) as u64
    }

    /// Work so far.
    pub fn work(&self) -> Work {
        self.work.get()
    }

    /// Units so far.
    pub fn used(&self) -> u64 {
        units(&self.work.get(), self.rows)
    }

    /// Units left.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used())
    }

    /// Simplex iterations that what is left pays for.
    pub fn iterations_left(&self) -> u64 {
        self.left() / iteration(self.rows) + 1
    }

    /// Whether half of what is left pays for the first solution of a master LP.
    pub fn affords_master(&self) -> bool {
        self.iterations_left() / 2 >= self.rows * 12
    }

    /// Counts pricing labels.
    pub fn labels(&self, count: u64) {
        let mut work = self.work.get();
        work.labels = work.labels.saturating_add(count);
        self.work.set(work);
    }

    /// Counts simplex iterations.
    pub fn iterations(&self, count: u64) {
        let mut work = self.work.get();
        work.iterations = work.iterations.saturating_add(count);
        self.work.set(work);
    }

    /// Counts a branch.
    pub fn branch(&self) {
        let mut work = self.work.get();
        work.branches = work.branches.saturating_add(1);
        self.work.set(work);
    }

    /// Whether to stop: out of work, or the caller said so.
    pub fn stop(&self) -> bool {
        self.left() == 0 || (self.control.interrupt)()
    }

    /// Whether to stop a part that may use work up to `until` units.
    pub fn stop_at(&self, until: u64) -> bool {
        self.used() >= until.min(self.limit) || (self.control.interrupt)()
    }

    /// The caller's hands.
    pub fn control(&self) -> Control<'a> {
        self.control
    }
}
