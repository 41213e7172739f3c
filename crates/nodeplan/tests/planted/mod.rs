//! Bugs that a solver could have, as changes of a right case.

pub mod certificates;
pub mod plans;

use crate::worlds::Draw;
use nodeplan_model::certificate::Certificate;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::{Problem, ProblemParts};

/// A problem, its plan and the proof of the plan's optimality.
#[derive(Clone)]
pub struct Case {
    /// The problem, as it should have been understood.
    pub problem: Problem,
    /// The plan.
    pub plan: Plan,
    /// The proof.
    pub certificate: Certificate,
}

impl Case {
    /// The problem was another than the solver thought.
    fn mistake(&mut self, change: impl FnOnce(&mut ProblemParts)) -> Option<()> {
        let mut parts = self.problem.parts().clone();
        change(&mut parts);
        self.problem = Problem::new(parts).ok()?;
        Some(())
    }
}

/// Plants one bug; `None` where the case has no place for it.
pub type Bug = fn(&mut Case, &mut Draw) -> Option<()>;
