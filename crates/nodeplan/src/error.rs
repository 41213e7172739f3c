//! What can go wrong between a file and a verified plan.

use nodeplan_model::plan::Finding;
use nodeplan_model::problem::ProblemError;
use nodeplan_sim::world::SimError;
use nodeplan_solve::SolveError;

/// Input we cannot use, or our own fault. No plan and no time are answers, not errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// NP20xx: the parts make no problem.
    #[error("{}", list(.0))]
    Problem(Vec<ProblemError>),
    /// NP2101: a pattern for sizes that matches none.
    #[error("`{pattern}` matches no VM size with a price in `{region}`{}", hint(.nearest))]
    NoSuchSize {
        /// As given.
        pattern: String,
        /// Region.
        region: String,
        /// Sizes it may have meant.
        nearest: Vec<String>,
    },
    /// NP2101: a pool of a design names a size that is none.
    #[error(
        "{design}:{line}: pool `{pool}`: `{size}` is no VM size with a price in `{region}`; expected \
         the name of one size{}; `nodeplan catalog list --region {region}` lists all",
        hint(.nearest)
    )]
    NoSuchDesignSize {
        /// Design, as its file is called.
        design: String,
        /// Line of the size.
        line: u32,
        /// Pool.
        pool: String,
        /// As given.
        size: String,
        /// Region.
        region: String,
        /// Sizes it may have meant.
        nearest: Vec<String>,
    },
    /// NP2102: every size is ruled out.
    #[error("no VM size in `{region}` is left: {reasons}")]
    NoSizeLeft {
        /// Region.
        region: String,
        /// How many left, and why.
        reasons: String,
    },
    /// NP2103: a design that cannot be read as pools of this cluster.
    #[error("design `{design}`, pool `{pool}`: {reason}")]
    Design {
        /// Design.
        design: String,
        /// Pool.
        pool: String,
        /// What is wrong.
        reason: String,
    },
    /// NP2104: nothing of that name in a plan.
    #[error("the plan has neither a pool nor a workload `{name}`{}", hint(.nearest))]
    NotInPlan {
        /// As given.
        name: String,
        /// Names it may have meant.
        nearest: Vec<String>,
    },
    /// NP30xx: the solver failed.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// NP40xx: a scenario that cannot be run.
    #[error("{}", runs(.0))]
    Simulate(Vec<SimError>),
    /// NP9001: a plan of ours that the judge does not accept.
    #[error("nodeplan made a plan that its own judge rejects; please report this: {}", findings(.0))]
    Unverified(Vec<Finding>),
}

impl Error {
    /// Its code, explained in docs/errors.md.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Problem(faults) => faults.first().map_or("NP2001", ProblemError::code),
            Self::NoSuchSize { .. } | Self::NoSuchDesignSize { .. } => "NP2101",
            Self::NoSizeLeft { .. } => "NP2102",
            Self::Design { .. } => "NP2103",
            Self::NotInPlan { .. } => "NP2104",
            Self::Solve(fault) => fault.code(),
            Self::Simulate(faults) => faults.first().map_or("NP4001", SimError::code),
            Self::Unverified(_) => "NP9001",
        }
    }
}

fn list(faults: &[ProblemError]) -> String {
    let texts: Vec<String> =
        faults.iter().map(|fault| format!("{}: {fault}", fault.code())).collect();
    texts.join("; ")
}

fn runs(faults: &[SimError]) -> String {
    let texts: Vec<String> =
        faults.iter().map(|fault| format!("{}: {fault}", fault.code())).collect();
    texts.join("; ")
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", nearest.join(", "))
    }
}

const SHOWN: usize = 5;

fn findings(found: &[Finding]) -> String {
    let mut texts: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|one| format!("{} {}: {}", one.code, one.place, one.text))
        .collect();
    if found.len() > SHOWN {
        texts.push(format!("and {} more", found.len() - SHOWN));
    }
    texts.join("; ")
}
