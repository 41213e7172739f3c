//! A timeline as CSV in long format: one line per sample and workload or pool, and one for the
//! cluster, raw numbers, one unit per column, the unit in its title.

use crate::escape;
use nodeplan_model::run::RunAnswer;
use std::fmt::Write;

const HEADER: &str = "time_ms,kind,name,offered,served,lost,good_milli,replicas_wanted,\
                      replicas_ready,pods_pending,cpu_used_m,memory_used_bytes,backlog,\
                      oldest_ms,latency_p50_us,latency_p95_us,latency_p99_us,nodes,nodes_ready,\
                      cpu_request_m,cpu_allocatable_m,retried,cost_per_hour_nano,refused\n";

/// Every sample of the run.
#[must_use]
pub fn run_csv(answer: &RunAnswer) -> String {
    let timeline = &answer.timeline;
    let mut text = String::from(HEADER);
    let workloads: Vec<String> = answer.workloads.iter().map(|name| escape::csv(name)).collect();
    let pools: Vec<String> = answer.pools.iter().map(|pool| escape::csv(&pool.name)).collect();
    let blank = ",".repeat(HEADER.matches(',').count() - 2);
    for sample in 0..timeline.samples {
        let time = (sample as u64 + 1) * timeline.sample_millis;
        let rows = timeline.workloads_at(sample).zip(&timeline.totals);
        for (name, (row, totals)) in workloads.iter().zip(rows) {
            let [p50, p95, p99] = row.latency_micros;
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "{time},workload,{name},{},{},{},{},{},{},{},{},{},{},{},{p50},{p95},{p99},,,,,{},,{}",
                row.offered,
                row.served,
                row.lost,
                row.good_milli,
                row.wanted,
                row.ready,
                row.pending,
                row.cpu_milli,
                row.memory,
                row.backlog,
                row.oldest_millis,
                row.retried,
                totals.refused.get(sample).copied().unwrap_or(0),
            );
        }
        for (name, row) in pools.iter().zip(timeline.pools_at(sample)) {
            let _ = writeln!(
                text,
                "{time},pool,{name},,,,,,,,{},,,,,,,{},{},{},{},,,",
                row.used_milli, row.nodes, row.ready, row.requested_milli, row.allocatable_milli,
            );
        }
        // Spend is billionths an hour times milliseconds.
        let nano = timeline.spend[sample].0 / u128::from(timeline.sample_millis.max(1));
        let _ = writeln!(text, "{time},cluster{blank}{nano},");
    }
    text
}
