//! What work costs and where it comes from, as a load file.

use super::scalar::{decimals, scalar};
use nodeplan_model::problem::Problem;
use nodeplan_model::scenario::{Balancing, Load, Objective, Service};

/// The loads of a scenario with nothing left to a default; `arrivals` in the words of a load file, each
/// with its factor. Read with `--load`, without maps and factors beside it, it gives the same loads.
#[must_use]
pub fn load(problem: &Problem, loads: &[Load], arrivals: &[Vec<String>]) -> String {
    let mut text = String::from("# What work costs and where it comes from.\nworkloads:\n");
    for ((workload, load), arrivals) in problem.workloads().iter().zip(loads).zip(arrivals) {
        text.push_str(&format!("  {}:\n", scalar(&workload.full_name())));
        for (name, value) in fields(load, arrivals) {
            text.push_str(&format!("    {name}: {value}\n"));
        }
    }
    text
}

fn fields(load: &Load, arrivals: &[String]) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if !arrivals.is_empty() {
        let all: Vec<String> = arrivals.iter().map(|one| scalar(one)).collect();
        rows.push(("arrivals", format!("[{}]", all.join(", "))));
    }
    rows.extend(service(load));
    rows.extend([
        ("burstiness", decimals(load.burstiness_milli.into(), 3)),
        ("idle_cpu", format!("{}m", load.idle.0)),
        ("memory", load.memory.0.to_string()),
        ("startup", millis(load.startup_millis)),
        ("startup_cpu", format!("{}m", load.startup_cpu.0)),
    ]);
    rows.extend(objective(&load.objective));
    rows
}

fn service(load: &Load) -> Vec<(&'static str, String)> {
    let micros = |micros: u64| format!("{micros}us");
    match load.service {
        Service::None => Vec::new(),
        Service::Messages { cpu_micros, batch } => {
            vec![("cpu_per_message", micros(cpu_micros)), ("batch", batch.to_string())]
        }
        Service::Jobs { cpu_micros, arrivals_per_job } => vec![
            ("cpu_per_job", micros(cpu_micros)),
            ("messages_per_job", arrivals_per_job.to_string()),
        ],
        Service::Requests {
            cpu_micros,
            cv2_milli,
            latency_micros,
            workers,
            timeout_millis,
            balancing,
        } => {
            let balancing = match balancing {
                Balancing::Random => "random",
                Balancing::LeastRequest => "least_request",
            };
            let mut rows = vec![
                ("cpu_per_request", micros(cpu_micros)),
                ("cv", decimals(root(cv2_milli.into()), 3)),
                ("latency", micros(latency_micros)),
                ("timeout", millis(timeout_millis)),
                ("balancing", balancing.to_owned()),
                ("memory_per_request", load.memory_each.0.to_string()),
            ];
            rows.extend(workers.map(|workers| ("workers", workers.to_string())));
            rows.extend(load.retries.map(|one| {
                let backoff = millis(one.backoff_millis);
                ("retries", format!("{{attempts: {}, backoff: {backoff}}}", one.attempts))
            }));
            rows
        }
    }
}

/// The least coefficient of variation, thousandths, whose square is read as so many thousandths.
fn root(square_milli: u64) -> u64 {
    let first = (square_milli * 1000).saturating_sub(500).isqrt();
    if (first * first + 500) / 1000 < square_milli { first + 1 } else { first }
}

fn objective(one: &Objective) -> Option<(&'static str, String)> {
    let limit = match one.percentile {
        500_000 => "p50",
        900_000 => "p90",
        990_000 => "p99",
        _ => "p95",
    };
    let within = millis(one.within_millis?);
    Some(("slo", format!("{{{limit}: {within}, share: {}}}", decimals(one.share, 6))))
}

fn millis(millis: u64) -> String {
    format!("{millis}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variation_is_read_back_as_it_was() {
        for cv in (0..3000).chain([99_999, 100_000]) {
            let read = |cv: u64| (cv * cv + 500) / 1000;
            assert_eq!(read(root(read(cv))), read(cv), "{cv}");
        }
    }
}
