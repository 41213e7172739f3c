//! A simulated run as a document: what it cost, how good service was, how it went over time,
//! which decisions were taken and why, what it rests on.

use crate::answer::Detail;
use crate::document::{Block, Cell, Document, Fact, Remark, Spark, Table, Tone};
use crate::number;
use nodeplan_model::run::{Estimate, Replications, RunAnswer, Trail};
use nodeplan_model::scenario::Service;
use nodeplan_model::scorecard::{Cause, Missed, ServiceScore};
use nodeplan_model::timeline::{Actor, Decision};
use std::cmp::Reverse;

/// Decisions shown where not all are asked for: so many first ones, so many last ones.
const SHOWN: usize = 6;

/// Lays out a run.
#[must_use]
pub fn document(answer: &RunAnswer, detail: Detail) -> Document {
    let mut blocks = vec![Block::Line(read_line(answer))];
    if let Some(whole) = answer.cut_short {
        blocks.push(Block::Remarks(vec![Remark {
            severity: "warning".to_owned(),
            code: String::new(),
            place: String::new(),
            text: format!(
                "cut short: {} of {} were simulated before the run was interrupted; all figures \
                 are of that part",
                time(answer.scorecard.millis),
                time(whole),
            ),
        }]));
    }
    blocks.push(Block::Facts(facts(answer, detail)));
    blocks.push(Block::Table(services(answer, detail)));
    blocks.push(Block::Table(pods(answer, detail)));
    blocks.push(Block::Table(pools(answer)));
    let trails = answer.trails.iter().filter(|trail| detail.verbose || !trail.detail);
    let sparks: Vec<Spark> = trails.map(spark).collect();
    let span = time(answer.scorecard.millis);
    blocks.push(Block::Heading(format!("Over {span}, from left to right")));
    blocks.push(Block::Sparks(sparks));
    if let Some(replications) = &answer.replications {
        let early = match replications.asked {
            Some(asked) => format!(" (of {asked} asked for, then interrupted)"),
            None => String::new(),
        };
        blocks.push(Block::Heading(format!(
            "{}{early} of seeds {}..{}: mean, 95 % confidence interval of the mean (Student's t), \
             range",
            number::count(u64::from(replications.runs), "run"),
            replications.first_seed,
            replications.first_seed.saturating_add(u64::from(replications.runs).max(1) - 1),
        )));
        blocks.push(Block::Table(replicated(answer, replications, detail)));
    }
    decisions(answer, detail, &mut blocks);
    if !answer.assumptions.is_empty() {
        blocks.push(Block::Heading("Assumptions (*)".to_owned()));
        blocks.push(Block::List(answer.assumptions.clone()));
    }
    Document { blocks }
}

fn read_line(answer: &RunAnswer) -> String {
    let files: Vec<&str> = answer.inputs.iter().map(|input| input.path.as_str()).collect();
    format!(
        "Ran {} of {} in {} for {} from {}, seed {}",
        number::count(answer.workloads.len() as u64, "workload"),
        files.first().copied().unwrap_or("a plan"),
        answer.region,
        time(answer.scorecard.millis),
        clock(answer, 0),
        answer.scenario.seed,
    )
}

fn facts(answer: &RunAnswer, detail: Detail) -> Vec<Fact> {
    let score = &answer.scorecard;
    let currency = &answer.currency;
    let mut facts = vec![Fact::plain(
        "Cost",
        format!(
            "{} {currency} for the run, {} {currency}/month at that rate; its node counts at low \
             and high load make {}",
            number::money(answer.cost),
            number::money(answer.month),
            number::money(answer.planned),
        ),
    )];
    let missed: Vec<&str> = score
        .services
        .iter()
        .filter(|service| !service.met)
        .map(|service| service.workload.as_str())
        .collect();
    let asked = score.services.iter().filter(|service| service.objective.is_some()).count();
    let (text, tone) = match (asked, missed.len()) {
        (0, _) => ("no workload has an objective (`slo` of a load file)".to_owned(), Tone::Plain),
        (_, 0) => (format!("kept by all {asked} workloads that have one"), Tone::Good),
        (_, some) => (format!("missed by {some} of {asked}: {}", missed.join(", ")), Tone::Mind),
    };
    facts.push(Fact { label: "Objectives".to_owned(), text, tone });
    let mut told: Vec<(&ServiceScore, String)> = score
        .services
        .iter()
        .filter(|service| !service.met)
        .filter_map(|service| Some((service, causes(service)?)))
        .collect();
    told.sort_by_key(|(service, _)| Reverse(service.miss_minutes));
    let few = if detail.verbose { told.len() } else { FEW };
    for (service, why) in told.iter().take(few) {
        let minutes = number::grouped(u128::from(service.miss_minutes));
        let text = format!("{} in {minutes} min: {why}", service.workload);
        facts.push(Fact::plain("Missed", text));
    }
    if told.len() > few {
        let text = format!("... and why {} more did; -v tells", told.len() - few);
        facts.push(Fact::plain("", text));
    }
    facts.push(Fact::plain(
        "Nodes",
        format!(
            "{} node-hours; {} of their CPU requested, {} used; pods waited for a node up to {} \
             (95th percentile)",
            thousandths(u64::try_from(score.node_millis / 3600).unwrap_or(u64::MAX), 1),
            number::ppm_percent(score.requested / 1000 * 1000),
            number::ppm_percent(score.used / 1000 * 1000),
            time(score.pending_p95_millis),
        ),
    ));
    facts
}

/// How many workloads a table tells why they missed their objective; `-v` tells it of all.
const FEW: usize = 5;

/// Why objectives were missed, in parts of the time: `80 % pods waited for a node, 20 % …`. What is less
/// than one in a hundred is left out.
pub(crate) fn causes(service: &ServiceScore) -> Option<String> {
    let all: u64 = service.causes.iter().map(|one| one.millis).sum();
    let told = |one: &Missed| {
        let words = match one.cause {
            Cause::NodeLost => "nodes were lost",
            Cause::NoNode => "pods waited for a node",
            Cause::Starting => "pods were not Ready yet",
            Cause::AtMost => "no more pods were allowed",
            Cause::LeftOver => "work was left over from before",
            Cause::Behind => "the load rose before pods were added",
            Cause::Busy => "pods had too much to do, and no more were wanted",
        };
        let percent = (u128::from(one.millis) * 100).checked_div(all.into()).unwrap_or(0);
        (percent > 0).then(|| format!("{percent} % {words}"))
    };
    let all: Vec<String> = service.causes.iter().filter_map(told).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// The workloads that are shown: the platform's own only if all is asked for.
fn shown(answer: &RunAnswer, detail: Detail) -> impl Iterator<Item = (usize, &ServiceScore)> {
    let own = |at: &usize| answer.system.get(*at).copied().unwrap_or(false);
    let all = answer.scorecard.services.iter().enumerate();
    all.filter(move |(at, _)| detail.verbose || !own(at))
}

/// What requests are counted as.
const REQUESTS: &str = "requests";

/// What is counted as offered, lost and waiting of such work, if there is any.
fn work(service: Service) -> Option<String> {
    match service {
        Service::None => None,
        Service::Requests { .. } => Some(REQUESTS.to_owned()),
        Service::Messages { .. } => Some("messages".to_owned()),
        Service::Jobs { arrivals_per_job: 0 | 1, .. } => Some("jobs".to_owned()),
        Service::Jobs { arrivals_per_job, .. } => {
            Some(format!("messages, {} a job", number::grouped(arrivals_per_job.into())))
        }
    }
}

/// How good service was.
fn services(answer: &RunAnswer, detail: Detail) -> Table {
    // What is counted, where it is not requests alone.
    let works = |at: usize| answer.scenario.loads.get(at).and_then(|load| work(load.service));
    let told = shown(answer, detail).any(|(at, _)| works(at).is_some_and(|work| work != REQUESTS));
    let mut titles = vec!["WORKLOAD"];
    titles.extend(told.then_some("COUNTED"));
    titles.extend([
        ">OFFERED",
        ">LOST",
        ">GOOD",
        ">ASKED",
        ">MISS min",
        ">p50/p95/p99 ms",
        ">OLDEST",
    ]);
    // Only where clients do that.
    let again = answer.scorecard.services.iter().any(|service| service.retried > 0);
    titles.extend(again.then_some(">RETRIED"));
    // Only where a rate limit does that. What it refuses is not offered.
    let limited = answer.scorecard.services.iter().any(|service| service.refused > 0);
    titles.extend(limited.then_some(">REFUSED"));
    let mut table = Table::new(&titles);
    for (at, service) in shown(answer, detail) {
        let mut row: Vec<Cell> = vec![service.workload.as_str().into()];
        if told {
            row.push(works(at).unwrap_or_default().into());
        }
        row.push(number::grouped(u128::from(service.offered)).into());
        row.push(number::grouped(u128::from(service.lost)).into());
        row.push(good(service).into());
        row.push(service.objective.map(share).unwrap_or_default().into());
        row.push(match service.objective {
            Some(_) => number::grouped(u128::from(service.miss_minutes)).into(),
            None => "".into(),
        });
        // Nobody waits for the answer to a message or job; how old they grow is what counts.
        let asked = answer.scenario.loads.get(at).map(|load| load.service);
        let (latency, oldest) = match asked {
            Some(Service::Requests { .. }) if service.latency_micros[2] > 0 => {
                (service.latency_micros.map(millis).join("/"), String::new())
            }
            Some(Service::Messages { .. } | Service::Jobs { .. }) => {
                (String::new(), time(service.oldest_millis))
            }
            _ => (String::new(), String::new()),
        };
        row.extend([latency.into(), oldest.into()]);
        if again {
            row.push(number::grouped(u128::from(service.retried)).into());
        }
        if limited {
            row.push(number::grouped(u128::from(service.refused)).into());
        }
        table.rows.push(row);
    }
    table
}

/// How many pods ran, and what became of them.
fn pods(answer: &RunAnswer, detail: Detail) -> Table {
    let mut table =
        Table::new(&["WORKLOAD", ">PODS min/p95/max", ">WAITED p95", ">EVICTED", ">OOM KILLS"]);
    for (_, service) in shown(answer, detail) {
        let [least, p95, most] = service.replicas;
        table.rows.push(vec![
            service.workload.as_str().into(),
            format!("{least}/{p95}/{most}").into(),
            time(service.pending_p95_millis).into(),
            number::grouped(u128::from(service.evictions)).into(),
            number::grouped(u128::from(service.oom_kills)).into(),
        ]);
    }
    table
}

/// Share of good service, marked where it is below the objective.
fn good(service: &ServiceScore) -> String {
    let mark = if service.met { "" } else { " !" };
    service.good.map(|good| format!("{}{mark}", share(good))).unwrap_or_default()
}

fn pools(answer: &RunAnswer) -> Table {
    let mut table = Table::new(&[
        "POOL",
        "SKU",
        ">NODES min/mean/max",
        ">LIMIT",
        ">NODE-HOURS",
        ">CPU REQUESTED",
        ">USED",
    ]);
    for (at, pool) in answer.pools.iter().enumerate() {
        let mean = thousandths(pool.mean_milli, 2);
        let limit = answer.scenario.pools.get(at).map_or(pool.planned, |one| one.max.into());
        table.rows.push(vec![
            pool.name.as_str().into(),
            pool.sku.as_str().into(),
            format!("{}/{mean}/{}", pool.least, pool.most).into(),
            limit.to_string().into(),
            thousandths(pool.node_hours_milli, 1).into(),
            number::percent(pool.requested_per_mille).into(),
            number::percent(pool.used_per_mille).into(),
        ]);
    }
    let month = number::money(answer.month);
    table.total = Some(format!("TOTAL {month} {}/month", answer.currency));
    table
}

fn spark(trail: &Trail) -> Spark {
    let most = trail.parts.iter().max().copied().unwrap_or(0).max(1);
    let height = |value: &u64| {
        let eighths = (u128::from(*value) * 8).div_ceil(u128::from(most));
        u8::try_from(eighths).unwrap_or(8)
    };
    let label = if trail.of.is_empty() {
        trail.what.clone()
    } else {
        format!("{} {}", trail.of, trail.what)
    };
    let whole = trail.least.is_multiple_of(1000) && trail.most.is_multiple_of(1000);
    let places = match trail.most {
        _ if whole => 0,
        ..10_000 if trail.unit != "%" => 2,
        _ => 1,
    };
    let shown = |value: u64| thousandths(value, if value == 0 { 0 } else { places });
    let (least, most) = (shown(trail.least), shown(trail.most));
    let range = if least == most { least } else { format!("{least}..{most}") };
    let range = match trail.unit.as_str() {
        "" => range,
        "%" => format!("{range}%"),
        unit => format!("{range} {unit}"),
    };
    Spark { label, heights: trail.parts.iter().map(height).collect(), range }
}

/// What many runs show. Of what no run has any, nothing is told.
fn replicated(answer: &RunAnswer, replications: &Replications, detail: Detail) -> Table {
    let mut table = Table::new(&["OVER RUNS", ">MEAN", ">+-", ">LEAST", ">MOST", ">KEPT IN"]);
    let runs = replications.runs;
    let mut row = |what: String, one: &Estimate, show: &dyn Fn(i128) -> String, met| {
        table.rows.push(vec![
            what.into(),
            show(one.mean).into(),
            show(one.half).into(),
            show(one.least).into(),
            show(one.most).into(),
            Option::map_or(met, String::new(), |met: u32| format!("{met} of {runs}")).into(),
        ]);
    };
    let money = |value: i128| number::money(nodeplan_model::answer::Money(value));
    let cost = format!("cost, {}/month (kept: all objectives)", answer.currency);
    row(cost, &replications.month, &money, Some(replications.all_met));
    let small = |value: i128| u64::try_from(value).unwrap_or(if value < 0 { 0 } else { u64::MAX });
    let tenths = |value: i128| thousandths(small(value), 1);
    let hours = |value: i128| thousandths(small(value), 2);
    row("node-hours".to_owned(), &replications.node_hours_milli, &hours, None);
    let wait = &replications.pending_p95_millis;
    if wait.most > 0 {
        row("wait for a node, p95, s".to_owned(), wait, &tenths, None);
    }
    let percent = |value: i128| share(small(value));
    for (at, service) in shown(answer, detail) {
        let name = &service.workload;
        if let Some(good) = replications.good.get(at).copied().flatten() {
            let met = replications.met.get(at).copied().unwrap_or(0);
            row(format!("good service of {name}"), &good, &percent, Some(met));
        }
        let Some(rest) = replications.services.get(at) else { continue };
        // Nobody waits for the answer to a message or job.
        let waits = answer.scenario.loads.get(at).map(|load| load.service);
        let requests = matches!(waits, Some(Service::Requests { .. }));
        let none = Estimate::default();
        let p95 = if requests { &rest.p95_micros } else { &none };
        let oldest = if requests { &none } else { &rest.oldest_millis };
        let rest: [(&str, &Estimate, u32); 7] = [
            ("p95 ms of", p95, 2),
            ("oldest waiting, s, of", oldest, 1),
            ("miss minutes of", &rest.miss_minutes_milli, 1),
            ("lost of", &rest.lost_milli, 1),
            ("evictions of", &rest.evictions_milli, 1),
            ("OOM kills of", &rest.oom_kills_milli, 1),
            ("wait for a node, p95, s, of", &rest.pending_p95_millis, 1),
        ];
        for (what, one, places) in rest.into_iter().filter(|(_, one, _)| one.most > 0) {
            let show = |value: i128| thousandths(small(value), places);
            row(format!("{what} {name}"), one, &show, None);
        }
    }
    table
}

fn decisions(answer: &RunAnswer, detail: Detail, blocks: &mut Vec<Block>) {
    let all: Vec<&Decision> =
        answer.timeline.decisions.iter().filter(|one| detail.verbose || scales(one)).collect();
    if all.is_empty() {
        return;
    }
    let shown: Vec<&Decision> = if detail.verbose || all.len() <= 2 * SHOWN {
        all.clone()
    } else {
        all[..SHOWN].iter().chain(&all[all.len() - SHOWN..]).copied().collect()
    };
    let what = if shown.len() < all.len() {
        format!(
            "Scaling decisions: the first {SHOWN} and the last {SHOWN} of {}; -v shows all",
            number::grouped(all.len() as u128)
        )
    } else {
        number::count(all.len() as u64, "decision")
    };
    blocks.push(Block::Heading(what));
    blocks.push(Block::Table(decision_table(answer, &shown)));
}

/// Whether a decision is of a scaler, not one pod's fate.
fn scales(decision: &Decision) -> bool {
    matches!(decision.actor, Actor::Hpa | Actor::Autoscaler | Actor::Scenario)
        && decision.at_millis > 0
}

pub(crate) fn decision_table(answer: &RunAnswer, decisions: &[&Decision]) -> Table {
    let mut table = Table::new(&["AT", "WHO", "WHAT", ">FROM", ">TO", "WHY"]);
    for decision in decisions {
        table.rows.push(vec![
            clock(answer, decision.at_millis).into(),
            actor(decision.actor).into(),
            subject(answer, decision).into(),
            decision.from.to_string().into(),
            decision.to.to_string().into(),
            decision.reason.as_str().into(),
        ]);
    }
    table
}

fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::Hpa => "HPA",
        Actor::Autoscaler => "autoscaler",
        Actor::Scheduler => "scheduler",
        Actor::Kubelet => "kubelet",
        Actor::Scenario => "scenario",
    }
}

/// Which workload and pool a decision concerns.
fn subject(answer: &RunAnswer, decision: &Decision) -> String {
    let workload = decision.workload.and_then(|at| answer.workloads.get(at as usize));
    let pool = decision.pool.and_then(|at| answer.pools.get(at as usize));
    match (workload, pool) {
        (Some(workload), Some(pool)) => format!("{workload} on {}", pool.name),
        (Some(workload), None) => workload.clone(),
        (None, Some(pool)) => format!("pool {}", pool.name),
        (None, None) => String::new(),
    }
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Local time of a moment of the run: `Mon 08:30:15`, from the second week on with its number.
pub(crate) fn clock(answer: &RunAnswer, at_millis: u64) -> String {
    let second = u64::from(answer.scenario.start_second_of_week) + at_millis / 1000;
    let (week, second) = (second / 604_800, second % 604_800);
    let day = DAYS[usize::try_from(second / 86_400).unwrap_or(0) % 7];
    let within = second % 86_400;
    let text = format!("{day} {:02}:{:02}:{:02}", within / 3600, within / 60 % 60, within % 60);
    if week == 0 { text } else { format!("week {} {text}", week + 1) }
}

/// A length of time in at most two units: `2 d 4 h`, `90 s`.
#[must_use]
pub fn time(millis: u64) -> String {
    if millis < 1000 {
        return if millis == 0 { "0 s".to_owned() } else { format!("{millis} ms") };
    }
    let seconds = (millis + 500) / 1000;
    for (size, unit, next, part) in
        [(86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")]
    {
        if seconds >= 2 * size || (seconds >= size && seconds.is_multiple_of(size)) {
            let rest = seconds % size / next;
            let rest = if rest == 0 { String::new() } else { format!(" {rest} {part}") };
            return format!("{} {unit}{rest}", seconds / size);
        }
    }
    format!("{seconds} s")
}

/// Microseconds in milliseconds, three digits that count; nothing of nothing.
pub(crate) fn millis(micros: u64) -> String {
    match micros {
        0 => String::new(),
        1..10_000 => thousandths(micros, 2),
        10_000..100_000 => thousandths(micros, 1),
        _ => thousandths(micros, 0),
    }
}

/// Parts per million as percent with two decimals, cut off, so that 99.999 % is not 100 %.
pub(crate) fn share(ppm: u64) -> String {
    format!("{}.{:02}%", ppm / 10_000, ppm / 100 % 100)
}

/// Thousandths with `places` decimals (at most 3), rounded half up.
pub(crate) fn thousandths(value: u64, places: u32) -> String {
    let step = 10_u64.pow(3 - places.min(3));
    let rounded = value.saturating_add(step / 2) / step;
    let one = 1000 / step;
    let whole = number::grouped(u128::from(rounded / one));
    match places {
        0 => whole,
        _ => format!("{whole}.{:0width$}", rounded % one, width = places as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        for (shown, want) in [
            (time(0), "0 s"),
            (time(90_000), "90 s"),
            (time(60_000), "1 min"),
            (time(150_000), "2 min 30 s"),
            (time(3_600_000), "1 h"),
            (time(86_400_000), "1 d"),
            (time(190_800_000), "2 d 5 h"),
            (time(15), "15 ms"),
            (millis(0), ""),
            (millis(1234), "1.23"),
            (millis(12_345), "12.3"),
            (millis(250_000), "250"),
            (share(999_999), "99.99%"),
            (share(1_000_000), "100.00%"),
            (thousandths(1_234_567, 1), "1,234.6"),
        ] {
            assert_eq!(shown, want);
        }
    }

    #[test]
    fn curves_reach_from_nothing_to_the_top() {
        let trail = Trail {
            what: "nodes".into(),
            of: "a".into(),
            parts: vec![0, 1, 500, 1000],
            least: 0,
            most: 1000,
            ..Trail::default()
        };
        let want =
            Spark { label: "a nodes".into(), heights: vec![0, 1, 4, 8], range: "0..1".into() };
        assert_eq!(spark(&trail), want);
        for (unit, least, most, want) in [
            ("USD", 384, 768, "0.38..0.77 USD"),
            ("USD", 1000, 12_345, "1.0..12.3 USD"),
            ("%", 8500, 9049, "8.5..9.0%"),
            ("ms", 250, 250, "0.25 ms"),
            ("", 1000, 3000, "1..3"),
        ] {
            let trail = Trail { unit: unit.into(), least, most, ..trail.clone() };
            assert_eq!(spark(&trail).range, want);
        }
    }
}
