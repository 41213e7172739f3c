//! Why a simulated workload or pool was as it was at a time: its state then, the decisions that led
//! there, what kept nodes from being added while pods waited, and what kept others from being removed.

use crate::document::{Block, Document, Fact};
use crate::number;
use crate::run::{clock, decision_table, millis, time};
use nodeplan_model::run::RunAnswer;
use nodeplan_model::scenario::Provisioning;
use nodeplan_model::timeline::{Actor, Decision, Held, Hold, Lack, Lacking, Stay};

/// Decisions of each kind that an explanation shows.
const TOLD: usize = 8;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A workload, by index.
    Workload(usize),
    /// A pool, by index.
    Pool(usize),
}

/// Why a workload or pool was as it was at a time (milliseconds since the start). States are known
/// at the ends of samples, so all that is told is of the first such end from that time on.
#[must_use]
pub fn explain(answer: &RunAnswer, subject: Subject, asked_millis: u64) -> Document {
    let timeline = &answer.timeline;
    let every = timeline.sample_millis.max(1);
    let sample = asked_millis.div_ceil(every).saturating_sub(1);
    let sample = usize::try_from(sample).unwrap_or(usize::MAX);
    let sample = sample.min(timeline.samples.saturating_sub(1));
    let at_millis = if timeline.samples > 0 { (sample as u64 + 1) * every } else { asked_millis };
    let name = match subject {
        Subject::Workload(at) => answer.workloads.get(at).cloned(),
        Subject::Pool(at) => answer.pools.get(at).map(|pool| format!("pool {}", pool.name)),
    };
    let heading = format!("{} at {}", name.unwrap_or_default(), clock(answer, at_millis));
    let mut blocks = vec![Block::Heading(heading)];
    if at_millis != asked_millis {
        blocks.push(Block::Line(format!(
            "  the end of the sample that {} is in: states are kept every {} (`sample`)",
            clock(answer, asked_millis),
            time(every),
        )));
    }
    if timeline.samples > 0 {
        blocks.push(Block::Facts(match subject {
            Subject::Workload(at) => workload_facts(answer, sample, at),
            Subject::Pool(at) => pool_facts(answer, sample, at),
        }));
    }
    let before = |of: &dyn Fn(&Decision) -> bool| -> Vec<&Decision> {
        let all = timeline.decisions.iter();
        let all: Vec<&Decision> = all.filter(|one| one.at_millis <= at_millis && of(one)).collect();
        all[all.len().saturating_sub(TOLD)..].to_vec()
    };
    match subject {
        Subject::Workload(workload) => {
            let own = |one: &Decision| one.workload.is_some_and(|at| at as usize == workload);
            let replicas =
                before(&|one| own(one) && matches!(one.actor, Actor::Hpa | Actor::Scenario));
            told("Why that many replicas", &replicas, answer, &mut blocks);
            let pods =
                before(&|one| own(one) && matches!(one.actor, Actor::Scheduler | Actor::Kubelet));
            told("What became of its pods", &pods, answer, &mut blocks);
            let nodes = before(&|one| one.pool.is_some());
            told("Why nodes came or went", &nodes, answer, &mut blocks);
            if timeline.samples > 0 && timeline.workload_at(sample, workload).pending > 0 {
                lacks(answer, 0..answer.pools.len(), at_millis, &mut blocks);
            }
            stays(answer, 0..answer.pools.len(), at_millis, &mut blocks);
        }
        Subject::Pool(pool) => {
            let own = |one: &Decision| one.pool.is_some_and(|at| at as usize == pool);
            let nodes = before(&own);
            told("Why nodes came or went", &nodes, answer, &mut blocks);
            if timeline.samples > 0 && timeline.workloads_at(sample).any(|row| row.pending > 0) {
                lacks(answer, pool..pool + 1, at_millis, &mut blocks);
            }
            stays(answer, pool..pool + 1, at_millis, &mut blocks);
        }
    }
    Document { blocks }
}

fn workload_facts(answer: &RunAnswer, sample: usize, workload: usize) -> Vec<Fact> {
    let timeline = &answer.timeline;
    let row = timeline.workload_at(sample, workload);
    let response = match row.latency_micros[1] {
        0 => String::new(),
        micros => format!(", p95 {} ms", millis(micros)),
    };
    vec![
        Fact::plain(
            "Pods",
            format!("{} wanted, {} ready, {} without a node", row.wanted, row.ready, row.pending),
        ),
        Fact::plain(
            "Load",
            format!(
                "{} arrived within {}, {} waited at its end{response}",
                number::grouped(u128::from(row.offered)),
                time(timeline.sample_millis),
                number::grouped(u128::from(row.backlog)),
            ),
        ),
        Fact::plain("CPU used", format!("{}m by all its pods", row.cpu_milli)),
    ]
}

fn pool_facts(answer: &RunAnswer, sample: usize, pool: usize) -> Vec<Fact> {
    let row = &answer.timeline.pools_at(sample)[pool];
    let limits = answer.scenario.pools.get(pool);
    let limits = limits.map(|limits| format!("; {} to {} allowed", limits.min, limits.max));
    vec![
        Fact::plain(
            "Nodes",
            format!("{} paid for, {} ready{}", row.nodes, row.ready, limits.unwrap_or_default()),
        ),
        Fact::plain(
            "CPU",
            format!(
                "{}m requested, {}m used of {}m on ready nodes",
                row.requested_milli, row.used_milli, row.allocatable_milli
            ),
        ),
    ]
}

fn told(title: &str, decisions: &[&Decision], answer: &RunAnswer, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading(title.to_owned()));
    if decisions.is_empty() {
        blocks.push(Block::Line("  nothing was decided before".to_owned()));
    } else {
        blocks.push(Block::Table(decision_table(answer, decisions)));
    }
}

/// What is told where no cluster autoscaler looks at nodes; `nap` if node auto-provisioning does.
fn unseen(answer: &RunAnswer, nap: &'static str) -> Option<&'static str> {
    match answer.scenario.provisioning {
        Provisioning::NodeAutoProvisioning(_) => Some(nap),
        Provisioning::ClusterAutoscaler if !answer.scenario.autoscaler.enabled => {
            Some("the cluster autoscaler is off")
        }
        Provisioning::ClusterAutoscaler => None,
    }
}

/// Why some pools got no more nodes while pods waited.
fn lacks(
    answer: &RunAnswer,
    pools: std::ops::Range<usize>,
    at_millis: u64,
    blocks: &mut Vec<Block>,
) {
    blocks.push(Block::Heading("Why no more nodes were asked for while pods wait".to_owned()));
    let nap = "node auto-provisioning makes nodes; why it makes none is not recorded";
    if let Some(unseen) = unseen(answer, nap) {
        blocks.push(Block::Line(format!("  {unseen}")));
        return;
    }
    let scan = answer.scenario.autoscaler.scan_millis;
    let line = |pool: usize| {
        let name = answer.pools.get(pool).map_or("", |pool| pool.name.as_str());
        let of = |one: &&Lacking| one.pool as usize == pool && one.at_millis <= at_millis;
        let last = answer.timeline.lacks.iter().rev().find(of);
        format!("{name}: {}", lack_line(last.copied(), scan, &|at| clock(answer, at)))
    };
    blocks.push(Block::List(pools.map(line).collect()));
}

/// Why a pool did not grow; `clock` tells a moment of the run as its local time.
fn lack_line(last: Option<Lacking>, scan_millis: u64, clock: &dyn Fn(u64) -> String) -> String {
    let Some(Lacking { at_millis, why, .. }) = last.filter(|one| one.why != Lack::Nobody) else {
        return format!(
            "the autoscaler has not looked since: it looks every {}",
            time(scan_millis)
        );
    };
    let why = match why {
        Lack::Nobody | Lack::Grows => {
            return format!("nodes were asked for at {}", clock(at_millis));
        }
        Lack::Room => "the pods that wait have room on nodes that are there or on their way".into(),
        Lack::New => "the pods that wait are so new that more may follow".into(),
        Lack::Expendable => "pods of a priority below the cutoff get no nodes".into(),
        Lack::PutRight => "sizes that were not as expected were put right first".into(),
        Lack::BackOff { until_millis } => {
            format!("nodes failed to come, so no more are asked for before {}", clock(until_millis))
        }
        Lack::Unready => "too many of its nodes are not Ready".into(),
        Lack::AtMax { max } => format!("it has as many nodes as it may, {max}"),
        Lack::Unfit => "an empty node of it takes none of the pods that wait".into(),
        Lack::NoHelp => "one more node of it would take none of the pods that wait".into(),
        Lack::Refused => "the cloud refused".into(),
        Lack::OtherChosen => "another pool was chosen for the pods that wait (`expander`)".into(),
    };
    let why: String = why;
    format!("{why} (since {})", clock(at_millis))
}

/// Why the nodes of some pools were not removed.
fn stays(
    answer: &RunAnswer,
    pools: std::ops::Range<usize>,
    at_millis: u64,
    blocks: &mut Vec<Block>,
) {
    blocks.push(Block::Heading("Why nodes were not removed".to_owned()));
    let nap = "node auto-provisioning removes nodes; why it leaves one is not recorded";
    if let Some(unseen) = unseen(answer, nap) {
        blocks.push(Block::Line(format!("  {unseen}")));
        return;
    }
    let mut lines = Vec::new();
    let timeline = &answer.timeline;
    let sample = (at_millis / timeline.sample_millis.max(1)).saturating_sub(1) as usize;
    for pool in pools {
        let name = answer.pools.get(pool).map_or("", |pool| pool.name.as_str());
        if sample < timeline.samples && timeline.pools_at(sample)[pool].nodes == 0 {
            lines.push(format!("{name}: it has no nodes"));
            continue;
        }
        let of = |one: &&Stay| one.pool as usize == pool && one.at_millis <= at_millis;
        match timeline.stays.iter().rev().find(of) {
            None => lines.push(format!("{name}: the autoscaler had not looked yet")),
            Some(stay) if stay.held.is_empty() => lines.push(format!("{name}: no node stays")),
            Some(stay) => lines.extend(stay.held.iter().map(|held| {
                let why = held_line(&answer.workloads, held, at_millis, &|at| clock(answer, at));
                format!("{name}: {why}")
            })),
        }
    }
    blocks.push(Block::List(lines));
}

/// Why some nodes stay; `clock` tells a moment of the run as its local time.
fn held_line(
    workloads: &[String],
    held: &Held,
    at_millis: u64,
    clock: &dyn Fn(u64) -> String,
) -> String {
    let named = |workload: u32| {
        let name = workloads.get(workload as usize);
        name.map_or("an add-on", String::as_str)
    };
    let since = |since: u64| time(at_millis.saturating_sub(since));
    let why = match held.why {
        Hold::Used { least_milli, most_milli, threshold_milli } => {
            let most = tenths(most_milli);
            let full = if least_milli == most_milli {
                most
            } else {
                format!("{} to {most}", tenths(least_milli))
            };
            format!("utilization {full}, above {}", tenths(threshold_milli))
        }
        Hold::NoPlace { workload } => {
            format!("no place elsewhere for a pod of {}", named(workload))
        }
        Hold::Blocked { workload } => {
            format!(
                "a pod of {} must not be evicted: its disruption budget is used up",
                named(workload)
            )
        }
        Hold::Unneeded { since_millis, until_millis } if at_millis <= until_millis => format!(
            "unneeded for {} of {}",
            since(since_millis),
            time(until_millis.saturating_sub(since_millis)),
        ),
        Hold::CoolDown { since_millis, until_millis } if at_millis <= until_millis => format!(
            "unneeded for {}, but the autoscaler waits after its last step until {}",
            since(since_millis),
            clock(until_millis),
        ),
        Hold::Unneeded { since_millis, .. } | Hold::CoolDown { since_millis, .. } => {
            format!("unneeded for {}, which is long enough: others go first", since(since_millis))
        }
        Hold::AtMin { min } => format!("the pool has no more nodes than its minimum, {min}"),
        Hold::NotLookedAt => "not looked at: new, or enough others can go".to_owned(),
    };
    format!("{}: {why}", number::count(u64::from(held.nodes), "node"))
}

/// Thousandths as percent, with the decimal that tells 50.4 % from 50 %.
fn tenths(milli: u32) -> String {
    match milli % 10 {
        0 => format!("{}%", milli / 10),
        rest => format!("{}.{rest}%", milli / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_pool_does_not_grow() {
        let clock = |at: u64| format!("minute {}", at / 60_000);
        for (why, want) in [
            (None, "the autoscaler has not looked since: it looks every 10 s"),
            (Some(Lack::Nobody), "the autoscaler has not looked since: it looks every 10 s"),
            (Some(Lack::Grows), "nodes were asked for at minute 2"),
            (Some(Lack::AtMax { max: 3 }), "it has as many nodes as it may, 3 (since minute 2)"),
            (
                Some(Lack::BackOff { until_millis: 420_000 }),
                "nodes failed to come, so no more are asked for before minute 7 (since minute 2)",
            ),
        ] {
            let last = why.map(|why| Lacking { at_millis: 120_000, pool: 0, why });
            assert_eq!(lack_line(last, 10_000, &clock), want);
        }
    }

    #[test]
    fn each_reason_in_words() {
        let used =
            |least_milli, most_milli| Hold::Used { least_milli, most_milli, threshold_milli: 500 };
        let (since_millis, until_millis) = (60_000, 660_000);
        for (nodes, why, at, want) in [
            (3, used(504, 620), 0, "3 nodes: utilization 50.4% to 62%, above 50%"),
            (1, used(620, 620), 0, "1 node: utilization 62%, above 50%"),
            (
                1,
                Hold::Unneeded { since_millis, until_millis },
                300_000,
                "1 node: unneeded for 4 min of 10 min",
            ),
            (
                2,
                Hold::CoolDown { since_millis, until_millis },
                300_000,
                "2 nodes: unneeded for 4 min, but the autoscaler waits after its last step \
                 until minute 11",
            ),
            (
                2,
                Hold::Unneeded { since_millis, until_millis },
                720_000,
                "2 nodes: unneeded for 11 min, which is long enough: others go first",
            ),
            (1, Hold::NoPlace { workload: 0 }, 0, "1 node: no place elsewhere for a pod of n/w"),
            (
                1,
                Hold::AtMin { min: 1 },
                0,
                "1 node: the pool has no more nodes than its minimum, 1",
            ),
        ] {
            let clock = |at: u64| format!("minute {}", at / 60_000);
            assert_eq!(held_line(&["n/w".to_owned()], &Held { nodes, why }, at, &clock), want);
        }
    }
}
