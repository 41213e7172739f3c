//! Which Azure VM node pools should this Kubernetes cluster run on, with proof.
//!
//! The front door: every step from text to answer as a function from borrowed values to an
//! owned one.
//!
//! ```
//! use nodeplan::io::{catalog::catalog, csv::workloads_csv};
//! use nodeplan::model::{eligibility::{Filter, Pattern}, plan::Status};
//! use nodeplan::{Options, Setup, optimize, problem_from};
//!
//! let csv = "name,min_replicas,max_replicas,cpu_request,memory_request\n\
//!            web,2,8,500m,1Gi\n\
//!            queue,1,1,200m,256Mi\n";
//! let file = workloads_csv("workloads.csv", csv.as_bytes(), &Default::default())
//!     .map_err(|faults| faults[0].to_string())?;
//! let catalog = catalog("koreacentral")?;
//! let mut filter = Filter::new(catalog.date);
//! filter.allow = vec![Pattern::new("D2s_v3"), Pattern::new("D4s_v3")];
//!
//! let prepared = problem_from(Setup::new(&catalog, &filter, file))?;
//! let best = optimize(&prepared.problem, &Options::default())?;
//! assert_eq!(best.status, Status::Optimal);
//! for pool in &best.plan.as_ref().expect("a plan").pools {
//!     let sku = prepared.problem.sku(pool.kind.sku);
//!     println!("{} {} {} to {} nodes", pool.name, sku.name, pool.nodes(1), pool.nodes(0));
//! }
//! println!("{} USD/h on average", best.mean_rate().expect("a plan"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: [`optimize`] never returns an unverified plan; nothing here prints, reads a file
//! or a clock.

mod alternatives;
mod assemble;
pub mod content;
pub mod design;
pub mod diff;
mod error;
pub mod explain;
pub mod joint;
mod ladder;
pub mod pack;
mod pipeline;
mod pools;
mod rules;
mod setup;
pub mod simulate;
pub mod sweep;
mod verify;
mod way_out;

pub use alternatives::{
    COMPARISON_WORK, UNASKED_WORKLOADS, baselines, isolation, one_max_pods, phrase, pool_counts,
    user_workloads,
};
pub use assemble::{Extras, answer};
pub use design::{Standing, compare, standing};
pub use error::Error;
pub use pipeline::{Optimized, Options, optimize, optimize_with};
pub use rules::rules;
pub use setup::{
    Demand, MAX_PODS, MAX_POOLS, PEAK_HOURS, Prepared, Setup, SizeFor, Sizing, nearest_sizes,
    problem_from, standard_cluster,
};
pub use verify::{Verification, verify};
pub use way_out::way_out;

pub use nodeplan_eval as eval;
pub use nodeplan_io as io;
pub use nodeplan_model as model;
pub use nodeplan_report as report;
pub use nodeplan_sim as sim;
pub use nodeplan_solve as solve;
