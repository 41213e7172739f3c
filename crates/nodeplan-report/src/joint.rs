//! What the search under load found, as a document: the design, what it costs on the part of the
//! trace it was chosen on and on the part it was not, and how far it is from the least possible.

use crate::document::{Block, Document, Fact, Table, Tone};
use crate::number;
use nodeplan_model::answer::Money;
use nodeplan_model::joint::{FloorAnswer, JointAnswer, JointFrozen, PartAnswer};
use nodeplan_model::run::Estimate;
use nodeplan_model::scorecard::ServiceScore;

/// Steps of the search shown: the first, the last, and some between.
const STEPS: usize = 8;

/// Lays out an answer.
#[must_use]
pub fn document(answer: &JointAnswer) -> Document {
    let mut blocks = vec![Block::Line(read_line(answer)), Block::Facts(facts(answer))];
    blocks.push(Block::Table(pools(answer)));
    if !answer.settings.is_empty() {
        blocks.push(Block::Heading("What to change".to_owned()));
        blocks.push(Block::Table(settings(answer)));
    }
    blocks.push(Block::Heading("Service: share of requests within the objective".to_owned()));
    blocks.push(Block::Table(services(answer)));
    blocks.push(Block::Heading(format!(
        "Search: {}, seed {}{}",
        number::count(u64::from(answer.runs), "simulated run"),
        answer.seed,
        if answer.cut_short { ", ended early" } else { "" },
    )));
    blocks.push(Block::Table(steps(answer)));
    if !answer.frontier.is_empty() {
        blocks.push(Block::Heading("What other wishes would cost, whole trace".to_owned()));
        blocks.push(Block::Table(frontier(answer)));
    }
    if !answer.frozen.is_empty() {
        blocks.push(Block::Heading("What each family of variables is worth".to_owned()));
        blocks.push(Block::Table(frozen(answer)));
        blocks.extend(found(&answer.frozen).map(Block::Line));
    }
    if !answer.out_of_reach.is_empty() {
        blocks.push(Block::Heading(
            "Objectives that no number of pods can meet; held close to the best there is"
                .to_owned(),
        ));
        blocks.push(Block::List(answer.out_of_reach.clone()));
    }
    if !answer.assumptions.is_empty() {
        blocks.push(Block::Heading("Assumptions (*)".to_owned()));
        blocks.push(Block::List(answer.assumptions.clone()));
    }
    if !answer.again.is_empty() {
        blocks.push(Block::Heading("Run it again".to_owned()));
        blocks.push(Block::List(answer.again.clone()));
    }
    Document { blocks }
}

fn named<'a>(answer: &'a JointAnswer, name: &str) -> Option<&'a PartAnswer> {
    answer.parts.iter().find(|part| part.name == name)
}

fn read_line(answer: &JointAnswer) -> String {
    let files: Vec<&str> = answer.inputs.iter().map(|input| input.path.as_str()).collect();
    let hours = named(answer, "whole").map_or(0, |part| part.score.millis);
    format!("Read {} for {}, {} of traffic", files.join(", "), answer.region, number::hours(hours))
}

fn facts(answer: &JointAnswer) -> Vec<Fact> {
    let currency = &answer.currency;
    let mut facts = Vec::new();
    if let Some(whole) = named(answer, "whole") {
        facts.push(Fact::plain(
            "Cost",
            format!(
                "{} {currency}/month simulated over the whole trace",
                number::money(whole.month)
            ),
        ));
    }
    if answer.cut_short {
        let text = "ended early by Ctrl-C or --time-limit: the best design until then";
        facts.push(Fact { tone: Tone::Mind, ..Fact::plain("Search", text) });
    }
    if let Some(floor) = &answer.floor {
        facts.push(Fact::plain("Floor", floor_text(answer, floor)));
    }
    for (label, name) in [("Seen", "seen"), ("Unseen", "unseen"), ("Whole", "whole")] {
        if let Some(part) = named(answer, name) {
            let cost = number::money(part.month);
            facts.push(Fact {
                tone: if part.met { Tone::Good } else { Tone::Mind },
                ..Fact::plain(label, format!("{} at {cost} {currency}/month", objectives(part)))
            });
        }
    }
    if let Some(whole) = named(answer, "whole") {
        let seconds = whole.pending_p95_millis.div_ceil(1000);
        let text = format!("95 % of the pods that were made waited at most {seconds} s for a node");
        facts.push(Fact::plain("Waits", text));
    }
    let finale = &answer.finale;
    facts.push(Fact::plain(
        "Last runs",
        format!(
            "{} of {} met everything{}; {} {currency}/month in the median, {} at the 95th percentile \
             (on the part seen{})",
            finale.met,
            number::count(u64::from(finale.runs), "run"),
            if answer.out_of_reach.is_empty() { "" } else { " in reach" },
            number::money(finale.median),
            number::money(finale.high),
            finale.hazards.iter().map(|one| format!(", {one}")).collect::<String>(),
        ),
    ));
    facts
}

/// `every objective kept`, or of whom they are not.
fn objectives(part: &PartAnswer) -> String {
    let missed = part.score.services.iter().filter(|service| !service.met);
    let minutes = |one: &ServiceScore| {
        let why = crate::run::causes(one).map_or(String::new(), |why| format!(" ({why})"));
        format!("{} in {} min{why}", one.workload, one.miss_minutes)
    };
    let beyond = |one: &ServiceScore| {
        let share = |ppm: Option<u64>| number::ppm_percent(ppm.unwrap_or(0));
        let (good, asked) = (share(one.good), share(one.objective));
        format!("{} (out of reach: {good} of {asked})", one.workload)
    };
    if part.kept {
        let missed: Vec<String> = missed.map(beyond).collect();
        return match missed.is_empty() {
            true => "every objective kept".to_owned(),
            false => format!("kept, but {}", missed.join(", ")),
        };
    }
    let missed: Vec<String> = missed.map(minutes).collect();
    match missed.is_empty() {
        true => "missed: pods waited too long, were killed for memory, or did not run".to_owned(),
        false => format!("missed by {}", missed.join(", ")),
    }
}

/// Whether objectives are kept; where some are out of reach, the others.
fn kept(answer: &JointAnswer, kept: bool) -> String {
    let text = match (kept, answer.out_of_reach.is_empty()) {
        (true, true) => "kept",
        (true, false) => "kept in reach",
        (false, _) => "missed",
    };
    text.to_owned()
}

/// `no design … below 741 (proven under the load model); the rest: start-up delay 31, …`.
fn floor_text(answer: &JointAnswer, floor: &FloorAnswer) -> String {
    let whole = named(answer, "whole").map_or(Money(0), |part| part.month);
    let objectives = match answer.out_of_reach.is_empty() {
        true => "the objectives",
        false => "the objectives in reach",
    };
    let requests = match floor.halved {
        true => " while CPU requests stay at half or more",
        false => " with these requests",
    };
    let gap = whole.minus(floor.month).per_mille_of(whole);
    if named(answer, "whole").is_some_and(|part| !part.kept) {
        return format!(
            "{} {}/month for designs that meet {objectives} over the whole trace{requests} (proven under \
             the load model); this one does not",
            number::money(floor.month),
            answer.currency,
        );
    }
    format!(
        "no design that meets {objectives} can go below {} {}/month{requests} (proven under the load \
         model, {} lower); the rest: start-up delay {}, head-room {}, packing {}",
        number::money(floor.month),
        answer.currency,
        number::signed_percent(gap).trim_start_matches('+'),
        number::money(floor.start_up),
        number::money(floor.head_room),
        number::money(floor.packing),
    )
}

fn pools(answer: &JointAnswer) -> Table {
    let mut table = Table::new(&["POOL", "SIZE", ">MIN", ">MAX", ">MEAN"]);
    for pool in &answer.pools {
        let mean = format!("{}.{:02}", pool.mean_milli / 1000, pool.mean_milli % 1000 / 10);
        let cells = [
            pool.name.clone(),
            format!("{}{}", pool.size, if pool.spot { ", spot" } else { "" }),
            pool.min.to_string(),
            pool.max.to_string(),
            mean,
        ];
        table.rows.push(cells.into_iter().map(Into::into).collect());
    }
    table
}

fn settings(answer: &JointAnswer) -> Table {
    let mut table = Table::new(&["OF", "SETTING", "NOW", "BETTER"]);
    for one in &answer.settings {
        let before = one.before.clone().unwrap_or_default();
        let cells = [one.of.clone(), one.what.clone(), before, one.after.clone()];
        table.rows.push(cells.into_iter().map(Into::into).collect());
    }
    table
}

fn services(answer: &JointAnswer) -> Table {
    let mut table = Table::new(&[
        "WORKLOAD",
        ">OBJECTIVE",
        ">SEEN",
        ">UNSEEN",
        ">WHOLE",
        ">LAST RUNS",
        ">P95 MS",
        ">MISS MIN",
    ]);
    let Some(whole) = named(answer, "whole") else { return table };
    for (at, service) in whole.score.services.iter().enumerate() {
        let Some(objective) = service.objective else { continue };
        let share = |name: &str| {
            let good = named(answer, name).and_then(|part| part.score.services.get(at)?.good);
            good.map_or(String::new(), number::ppm_percent)
        };
        let cells = [
            service.workload.clone(),
            number::ppm_percent(objective),
            share("seen"),
            share("unseen"),
            share("whole"),
            answer.finale.reached.get(at).copied().flatten().map_or(String::new(), interval),
            format!(
                "{}.{}",
                service.latency_micros[1] / 1000,
                service.latency_micros[1] / 100 % 10
            ),
            service.miss_minutes.to_string(),
        ];
        table.rows.push(cells.into_iter().map(Into::into).collect());
    }
    table
}

/// A mean share with half the width of its 95 % interval: `95.61 ± 0.31 %`.
fn interval(one: Estimate) -> String {
    let part = |ppm: i128| format!("{}.{:02}", ppm / 10_000, ppm / 100 % 100);
    format!("{} ± {} %", part(one.mean), part(one.half))
}

fn steps(answer: &JointAnswer) -> Table {
    let mut table = Table::new(&[">RUNS", ">COST/MONTH", "OBJECTIVES", "BY"]);
    let count = answer.steps.len();
    let stride = count.div_ceil(STEPS).max(1);
    for (at, step) in answer.steps.iter().enumerate() {
        if at % stride != 0 && at + 1 != count {
            continue;
        }
        let cells = [
            step.runs.to_string(),
            number::money(step.month),
            kept(answer, step.met),
            step.family.clone().unwrap_or_else(|| "start".to_owned()),
        ];
        table.rows.push(cells.into_iter().map(Into::into).collect());
    }
    table
}

/// Designs that none beats in cost, service, traffic and spot share at once.
fn frontier(answer: &JointAnswer) -> Table {
    let mut table = Table::new(&[
        "#",
        ">COST/MONTH",
        ">MISSED",
        "OBJECTIVES",
        ">MISSES ALLOWED",
        ">TRAFFIC",
        ">HEAD-ROOM",
        ">SPOT",
        "SIZES",
    ]);
    for (at, one) in answer.frontier.iter().enumerate() {
        let share = |milli: u64| format!("{}.{} %", milli / 10, milli % 10);
        let times = |milli: u64| format!("x {}.{:03}", milli / 1000, milli % 1000);
        let knee = if one.knee { " (knee)" } else { "" };
        let cells = [
            format!("{}{knee}", at + 1),
            number::money(one.month),
            format!("{}.{:02} %", one.missed / 10_000, one.missed / 100 % 100),
            kept(answer, one.kept),
            times(one.allowed_milli),
            times(one.traffic_milli),
            share(one.head_room_milli),
            share(one.spot_milli),
            one.sizes.join(", "),
        ];
        table.rows.push(cells.into_iter().map(Into::into).collect());
    }
    table
}

/// What the search finds with a family frozen, against the answer.
fn frozen(answer: &JointAnswer) -> Table {
    let mut table = Table::new(&["FROZEN", ">COST/MONTH", ">CHANGE", ">SEEDS MET"]);
    let base = answer.frozen.iter().find(|one| one.answer).map(|one| one.high);
    for one in &answer.frozen {
        let change = match base {
            Some(base) if !one.answer => {
                number::signed_percent(one.high.minus(base).per_mille_of(base))
            }
            _ => "the answer".to_owned(),
        };
        let cells = [
            one.family.clone().unwrap_or_else(|| "nothing".to_owned()),
            number::money(one.high),
            change,
            format!("{}/{}", one.met, answer.finale.runs),
        ];
        table.rows.push(cells.into_iter().map(Into::into).collect());
    }
    table
}

/// Where the answer was found, if not by the search with nothing more frozen.
fn found(rows: &[JointFrozen]) -> Option<String> {
    let free = rows.iter().find(|one| one.family.is_none())?;
    let best = rows.iter().find(|one| one.answer)?;
    let family = best.family.as_ref()?;
    Some(format!(
        "The answer was found with `{family}` frozen: with fewer families to try the search went further. \
         Without that it ended at {} a month.",
        number::money(free.high),
    ))
}

/// The shares of every workload on every part, as CSV.
#[must_use]
pub fn csv(answer: &JointAnswer) -> String {
    let mut text = String::from("part,cost,month,workload,good_ppm,objective_ppm,miss_minutes\n");
    for part in &answer.parts {
        for service in &part.score.services {
            let number =
                |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
            let cells = [
                part.name.clone(),
                part.cost.0.to_string(),
                part.month.0.to_string(),
                crate::csv_cell(&service.workload),
                number(service.good),
                number(service.objective),
                service.miss_minutes.to_string(),
            ];
            text.push_str(&cells.join(","));
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_answer_was_found_is_told() {
        let row = |family: Option<&str>, dollars: i128, answer: bool| JointFrozen {
            family: family.map(str::to_owned),
            high: Money(dollars * 1_000_000_000),
            met: 7,
            answer,
        };
        let (none, min) = (row(None, 1000, true), row(Some("min"), 1010, false));
        assert_eq!(found(&[none, min]), None);
        let text = found(&[row(None, 1000, false), row(Some("min"), 950, true)]);
        let text = text.expect("another search than the first");
        assert!(text.contains("found with `min` frozen"), "{text}");
        assert!(text.contains("at 1,000.00 a month"), "{text}");
        assert_eq!(found(&[]), None);
    }
}
