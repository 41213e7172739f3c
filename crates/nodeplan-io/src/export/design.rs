//! The pools of a plan as a cluster file, which `nodeplan simulate` and `--compare` read.

use super::scalar::scalar;
use nodeplan_model::plan::{NodePool, Plan, PoolMode};
use nodeplan_model::problem::Problem;

/// The cluster file of a plan.
#[must_use]
pub fn design(problem: &Problem, plan: &Plan) -> String {
    let parts = problem.parts();
    let mut text = format!(
        "# Node pools of a plan for {}, prices of {}.\npools:\n",
        scalar(&parts.region),
        parts.catalog_date
    );
    for pool in &plan.pools {
        text.push_str(&one(problem, pool));
    }
    text
}

fn one(problem: &Problem, pool: &NodePool) -> String {
    let group = problem.group(pool.kind.group);
    let counts = || (0..problem.points().len()).map(|point| pool.nodes(point));
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let mode = match pool.mode {
        PoolMode::System => "System",
        PoolMode::User => "User",
    };
    let mut text = format!("  - name: {}\n", scalar(&pool.name));
    let mut field = |name: &str, value: String| text.push_str(&format!("    {name}: {value}\n"));
    field("sku", scalar(&problem.sku(pool.kind.sku).name));
    field("mode", mode.to_owned());
    field("min", least.to_string());
    field("max", most.to_string());
    field("max_pods", pool.kind.max_pods.to_string());
    if group.spot {
        field("spot", "true".to_owned());
        field("priority", "1".to_owned());
    }
    if !group.labels.is_empty() {
        let pairs: Vec<String> = group
            .labels
            .iter()
            .map(|(key, value)| format!("{}: {}", scalar(key), scalar(value)))
            .collect();
        field("labels", format!("{{{}}}", pairs.join(", ")));
    }
    if let Some(name) = &group.pool {
        field("pool", scalar(name));
    }
    if group.system {
        field("taints", "[\"CriticalAddonsOnly=true:NoSchedule\"]".to_owned());
    } else if group.exclusive {
        field("isolate", "yes".to_owned());
    }
    text
}
