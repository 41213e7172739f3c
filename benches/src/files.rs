//! A made-up cluster as the files that a user would have, to time the command as a whole.

use crate::world::World;
use nodeplan::io::export::scaling;
use nodeplan::model::scenario::{MILLION, Metric, Service, Source};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

impl World {
    /// Writes workloads, load, scenario, cluster and traffic into a directory.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, directory: &Path) -> std::io::Result<()> {
        let put = |name: &str, text: String| std::fs::write(directory.join(name), text);
        put("workloads.csv", self.workloads())?;
        put("load.yaml", self.loads())?;
        put("scenario.yaml", scaling(self.problem(), self.plan(), self.scenario()))?;
        put("cluster.yaml", self.pools())?;
        put("traffic.csv", self.traffic())
    }

    /// The command that runs these files.
    #[must_use]
    pub fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).args(["simulate", "cluster.yaml", "--no-config"]);
        command.args(["--workloads", "workloads.csv", "--load", "load.yaml"]);
        command.args(["--scenario", "scenario.yaml", "--traffic", "traffic.csv", "--unit", "rate"]);
        command.args(["--addons", "none"]);
        let scenario = self.scenario();
        command.args(["--horizon", &format!("{}m", scenario.horizon_millis / 60_000)]);
        for (workload, load) in self.problem().workloads().iter().zip(&scenario.loads) {
            for source in &load.sources {
                if let Source::Series { series, factor } = source {
                    let (whole, rest) = (factor / MILLION, factor % MILLION);
                    let column = &scenario.series[*series].name;
                    command
                        .args(["--map", &format!("{}={column}*{whole}.{rest:06}", workload.name)]);
                }
            }
        }
        command
    }

    fn workloads(&self) -> String {
        let mut text = String::from(
            "name,min_replicas,max_replicas,cpu_request,memory_request,cpu_limit,hpa_cpu_target\n",
        );
        for (one, own) in self.problem().workloads().iter().zip(&self.scenario().scaling) {
            let Some(own) = own else { continue };
            let limit = one.cpu_limit.map_or_else(String::new, |limit| format!("{}m", limit.0));
            let target = own.metrics.iter().find_map(|metric| match metric {
                Metric::CpuUtilization(percent) => Some(*percent),
                _ => None,
            });
            let (cpu, memory) = (one.request.cpu.0, one.request.memory.0);
            let (min, max, target) = (own.min, own.max, target.unwrap_or(0));
            let _ = writeln!(text, "{},{min},{max},{cpu}m,{memory},{limit},{target}%", one.name);
        }
        text
    }

    fn loads(&self) -> String {
        let mut text = String::from("workloads:\n");
        for (one, load) in self.problem().workloads().iter().zip(&self.scenario().loads) {
            let Service::Requests { cpu_micros, latency_micros, timeout_millis, .. } = load.service
            else {
                continue;
            };
            let _ = writeln!(
                text,
                "  {}:\n    arrivals: trace\n    cpu_per_request: {}ms\n    latency: {}ms\n    timeout: {}s\n    \
                 idle_cpu: {}m\n    memory: {}\n    memory_per_request: {}\n    startup: {}s\n    \
                 startup_cpu: {}m\n    slo: {{p95: {}ms}}",
                one.name,
                cpu_micros / 1000,
                latency_micros / 1000,
                timeout_millis / 1000,
                load.idle.0,
                load.memory.0,
                load.memory_each.0,
                load.startup_millis / 1000,
                load.startup_cpu.0,
                load.objective.within_millis.unwrap_or(0),
            );
        }
        text
    }

    fn pools(&self) -> String {
        let mut text = String::from("pools:\n");
        for (pool, bounds) in self.plan().pools.iter().zip(&self.scenario().pools) {
            let sku = &self.problem().sku(pool.kind.sku).name;
            let (min, max, count) = (bounds.min, bounds.max, bounds.initial);
            let (name, max_pods) = (&pool.name, pool.kind.max_pods);
            let _ = writeln!(
                text,
                "  - {{name: {name}, sku: {sku}, min: {min}, max: {max}, count: {count}, max_pods: {max_pods}}}"
            );
        }
        text
    }

    fn traffic(&self) -> String {
        let series = &self.scenario().series;
        let names: Vec<&str> = series.iter().map(|one| one.name.as_str()).collect();
        let mut text = format!("timestamp_s,{}\n", names.join(","));
        let steps = series.iter().map(|one| one.micro_per_second.len()).max().unwrap_or(0);
        for step in 0..steps {
            let _ = write!(text, "{}", step * 60);
            for one in series {
                let rate = one.micro_per_second[step];
                let _ = write!(text, ",{}.{:06}", rate / MILLION, rate % MILLION);
            }
            text.push('\n');
        }
        text
    }
}
