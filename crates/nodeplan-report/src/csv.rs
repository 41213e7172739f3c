//! An answer as CSV: raw numbers, one unit per column, the unit in its title.

use crate::escape;
use nodeplan_model::answer::Answer;
use nodeplan_model::plan::PoolMode;
use nodeplan_model::units::UsdPerHour;

/// One line per pool and load point. Whether nodes are spot nodes is told where some are.
#[must_use]
pub fn pools_csv(answer: &Answer) -> String {
    let mut text = String::from(
        "pool,mode,sku,vcpus,memory_bytes,max_pods,load_point,weight_ms_per_day,nodes,pods,\
         cpu_request_m,cpu_allocatable_m,memory_request_bytes,memory_allocatable_bytes,\
         currency,node_rate_per_hour,pool_cost_per_month\n",
    );
    let priorities = answer.pools.iter().any(|pool| pool.spot);
    if priorities {
        text.insert_str(text.len() - 1, ",priority");
    }
    for pool in &answer.pools {
        for (state, point) in pool.points.iter().zip(&answer.points) {
            let mode = match pool.mode {
                PoolMode::System => "System",
                PoolMode::User => "User",
            };
            let amount = |resource: &str| {
                let usage = state.usage.iter().find(|usage| usage.resource == resource);
                usage.map_or((0, 0), |usage| (usage.requested, usage.allocatable))
            };
            let (cpu, memory) = (amount("cpu"), amount("memory"));
            let cells = [
                escape::csv(&pool.name),
                mode.to_owned(),
                escape::csv(&pool.sku),
                pool.vcpus.to_string(),
                pool.memory.0.to_string(),
                pool.max_pods.to_string(),
                escape::csv(&point.name),
                point.weight_millis.to_string(),
                state.nodes.to_string(),
                state.pods.to_string(),
                cpu.0.to_string(),
                cpu.1.to_string(),
                memory.0.to_string(),
                memory.1.to_string(),
                escape::csv(&answer.currency),
                pool.rate.to_string(),
                month(pool.month.0),
            ];
            text.push_str(&cells.join(","));
            if priorities {
                text.push_str(if pool.spot { ",Spot" } else { ",Regular" });
            }
            text.push('\n');
        }
    }
    text
}

fn month(billionths: i128) -> String {
    let sign = if billionths < 0 { "-" } else { "" };
    let size = billionths.unsigned_abs();
    match u64::try_from(size) {
        Ok(size) => format!("{sign}{}", UsdPerHour(size)),
        Err(_) => format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000),
    }
}
