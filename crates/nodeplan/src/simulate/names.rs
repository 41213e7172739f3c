//! Names of workloads, pools and traffic, looked up; what is not there is a fault with the
//! nearest name.

use nodeplan_io::catalog::nearest;
use nodeplan_io::diagnostic::ImportError;
use nodeplan_io::yaml::Named;
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::plan::Plan;
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::Series;

/// Where names lead.
pub(super) struct Names<'a> {
    problem: &'a Problem,
    plan: &'a Plan,
    /// What leads nowhere.
    pub faults: Vec<ImportError>,
}

impl<'a> Names<'a> {
    /// The names of a plan.
    pub fn new(problem: &'a Problem, plan: &'a Plan) -> Self {
        Self { problem, plan, faults: Vec::new() }
    }

    fn unknown(&mut self, named: &Named, code: &'static str, what: &str, known: &[&str]) {
        let message = format!("there is no {what} `{}`", clip(&named.name));
        let fault = ImportError::new(code, named.place.clone(), message);
        let near = nearest(&named.name, known.iter().copied(), 1);
        self.faults.push(match (near.first(), known.len()) {
            (Some(near), _) => fault.help(format!("did you mean {near}?")),
            (None, 1..=12) => fault.expected(known.join(", ")),
            (None, _) => fault,
        });
    }

    /// A workload by its full name, or by its bare one where only one has it.
    pub fn find(&self, name: &str) -> Option<usize> {
        let all = self.problem.workloads();
        let full = all.iter().position(|one| one.full_name() == name);
        let mut bare = (0..all.len()).filter(|&at| all[at].name == name);
        full.or_else(|| bare.next().filter(|_| bare.next().is_none()))
    }

    /// The same; that there is none is a fault.
    pub fn workload(&mut self, named: &Named) -> Option<WorkloadId> {
        let all = self.problem.workloads();
        let found = self.find(&named.name);
        if found.is_none() {
            let names: Vec<String> =
                all.iter().filter(|one| !one.system).map(|one| one.full_name()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.unknown(named, "NP1420", "workload", &names);
        }
        found.and_then(|at| u32::try_from(at).ok()).map(WorkloadId)
    }

    /// Where a pool of the plan is.
    pub fn pool_at(&self, named: &Named) -> Option<usize> {
        self.plan.pools.iter().position(|pool| pool.name == named.name)
    }

    /// The same; that there is none is a fault.
    pub fn pool(&mut self, named: &Named) -> Option<usize> {
        let found = self.pool_at(named);
        if found.is_none() {
            let names: Vec<&str> = self.plan.pools.iter().map(|pool| pool.name.as_str()).collect();
            self.unknown(named, "NP1422", "pool", &names);
        }
        found
    }

    /// A column of traffic.
    pub fn series(&mut self, named: &Named, all: &[Series]) -> Option<usize> {
        let found = all.iter().position(|series| series.name == named.name);
        if found.is_none() {
            let names: Vec<&str> = all.iter().map(|series| series.name.as_str()).collect();
            self.unknown(named, "NP1421", "traffic", &names);
        }
        found
    }

    /// Notes something said of a name that cannot hold.
    pub fn clash(&mut self, named: &Named, message: String, help: &str) {
        let fault = ImportError::new("NP1413", named.place.clone(), message);
        self.faults.push(fault.help(help));
    }

    /// Notes a name given twice.
    pub fn twice(&mut self, named: &Named, what: &str) {
        let message = format!("{what} `{}` is given twice", clip(&named.name));
        self.faults.push(ImportError::new("NP1413", named.place.clone(), message));
    }
}

/// At most 48 characters of a name.
pub(crate) fn clip(text: &str) -> String {
    text.chars().take(48).collect()
}
