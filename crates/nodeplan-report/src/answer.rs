//! An answer as a document: pools first, then how sure it is, what it saves, why, and what it
//! rests on.

use crate::document::{Block, Cell, Document, Fact, Remark, Table, Tone};
use crate::number;
use nodeplan_model::answer::{
    Alternative, Answer, Bind, DesignAnswer, Notice, PoolAnswer, PoolPoint, PoolWorkload, Usage,
};
use nodeplan_model::plan::{PoolMode, Status};

/// How much to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Every load point of every pool, what was checked, work done.
    pub verbose: bool,
}

/// Most warnings shown.
const SHOWN: usize = 20;

/// Lays out `answer`.
#[must_use]
pub fn document(answer: &Answer, detail: Detail) -> Document {
    let mut blocks = vec![Block::Line(read_line(answer)), Block::Line(catalog_line(answer))];
    match answer.status {
        Status::Infeasible => infeasible(answer, &mut blocks),
        Status::OutOfWork => blocks.push(Block::Line(
            "No plan was found before the search was stopped; nothing is known about feasibility."
                .to_owned(),
        )),
        Status::Optimal | Status::Feasible => {
            blocks.push(Block::Table(pools_table(answer)));
            blocks.push(Block::Facts(facts(answer, detail)));
            blocks.push(Block::Table(why_table(answer)));
            let notes = pool_notes(answer);
            if !notes.is_empty() {
                blocks.push(Block::List(notes));
            }
            if detail.verbose {
                blocks.push(Block::Table(points_table(answer)));
            }
        }
    }
    alternatives(answer, &mut blocks);
    for design in &answer.designs {
        design_blocks(answer, design, &mut blocks);
    }
    pool_counts(answer, &mut blocks);
    if !answer.warnings.is_empty() {
        let mut shown = remarks("warning", &answer.warnings);
        if shown.len() > SHOWN {
            let more = shown.len() - SHOWN;
            shown.truncate(SHOWN);
            shown.push(Remark {
                severity: "warning".to_owned(),
                code: String::new(),
                place: String::new(),
                text: format!("and {more} more; `-f json` has them all"),
            });
        }
        blocks.push(Block::Remarks(shown));
    }
    if !answer.assumptions.is_empty() {
        blocks.push(Block::Heading("Assumptions (*)".to_owned()));
        blocks.push(Block::List(answer.assumptions.clone()));
    }
    Document { blocks }
}

fn read_line(answer: &Answer) -> String {
    let files: Vec<&str> = answer.inputs.iter().map(|input| input.path.as_str()).collect();
    let from = files.first().map(|file| format!(" from {file}")).unwrap_or_default();
    let warnings = match answer.warnings.len() {
        0 => String::new(),
        some => format!("; {}, see below", number::count(some as u64, "warning")),
    };
    format!(
        "Read {} ({} at most){from}{warnings}",
        number::count(answer.workloads, "workload"),
        number::count(answer.most_pods, "pod"),
    )
}

fn catalog_line(answer: &Answer) -> String {
    format!(
        "Catalog {}, {}, prices of {}; {} considered",
        answer.region,
        answer.currency,
        answer.catalog_date,
        number::count(answer.proof.sizes, "size"),
    )
}

fn infeasible(answer: &Answer, blocks: &mut Vec<Block>) {
    blocks.push(Block::Remarks(remarks("infeasible", &answer.unplaceable)));
    let excluded = excluded(answer);
    if !excluded.is_empty() {
        blocks.push(Block::Facts(vec![Fact::plain("Left out", excluded)]));
    }
}

fn remarks(severity: &str, notices: &[Notice]) -> Vec<Remark> {
    notices
        .iter()
        .map(|notice| Remark {
            severity: severity.to_owned(),
            code: notice.code.clone(),
            place: notice.place.clone(),
            text: notice.text.clone(),
        })
        .collect()
}

fn mode(mode: PoolMode) -> &'static str {
    match mode {
        PoolMode::System => "System",
        PoolMode::User => "User",
    }
}

/// The state with the most nodes, the first of equals.
fn busiest(pool: &PoolAnswer) -> Option<&PoolPoint> {
    pool.points.iter().rev().max_by_key(|point| point.nodes)
}

fn usage_cell(point: Option<&PoolPoint>, resource: &str) -> Cell {
    match point.and_then(|point| usage(point, resource)) {
        Some(usage) => Cell { text: number::percent(usage.ratio), bar: Some(usage.ratio) },
        None => Cell::default(),
    }
}

fn usage<'a>(point: &'a PoolPoint, resource: &str) -> Option<&'a Usage> {
    point.usage.iter().find(|usage| usage.resource == resource)
}

/// Σ limits over allocatable, `*` where a pod has no such limit.
fn limits(point: Option<&PoolPoint>) -> String {
    let show = |resource: &str| {
        let usage = point.and_then(|point| usage(point, resource))?;
        let mark = if usage.unlimited_pods > 0 { "*" } else { "" };
        usage.limits_ratio.map(|ratio| format!("{}{mark}", number::percent(ratio)))
    };
    match (show("cpu"), show("memory")) {
        (Some(cpu), Some(memory)) => format!("{cpu} / {memory}"),
        _ => String::new(),
    }
}

fn pools_table(answer: &Answer) -> Table {
    let rate = format!(">{}/h each", answer.currency);
    let month = format!(">{}/month", answer.currency);
    let mut table = Table::new(&[
        "POOL",
        "MODE",
        "SKU",
        ">NODES",
        "CPU req/alloc",
        "MEM req/alloc",
        &rate,
        &month,
    ]);
    for pool in &answer.pools {
        let point = busiest(pool);
        let mark = if pool.estimated { " *" } else { "" };
        table.rows.push(vec![
            pool.name.as_str().into(),
            format!("{}{}", mode(pool.mode), if pool.spot { ", spot" } else { "" }).into(),
            format!("{}{mark}", pool.sku).into(),
            number::range(pool.least, pool.most).into(),
            usage_cell(point, "cpu"),
            usage_cell(point, "memory"),
            number::rate(pool.rate).into(),
            number::money(pool.month).into(),
        ]);
    }
    if let Some(month) = answer.month {
        table.total = Some(format!("TOTAL {} {}/month", number::money(month), answer.currency));
    }
    table
}

fn facts(answer: &Answer, detail: Detail) -> Vec<Fact> {
    let mut facts = vec![Fact::plain("Cost", cost(answer)), proof(answer)];
    facts.push(Fact::plain("", format!("under these rules: {}", answer.proof.rules.join("; "))));
    let excluded = excluded(answer);
    if !excluded.is_empty() {
        facts.push(Fact::plain("", format!("sizes left out: {excluded}")));
    }
    if detail.verbose {
        let checked = &answer.proof.checked;
        facts.push(Fact::plain(
            "",
            format!(
                "checked apart from the solver: {}, {}, {} of the proof, {} priced exactly, {} \
                 dominated, {} cut short; solver work: {} labels, {} simplex iterations, {} \
                 branches",
                number::count(checked.nodes, "node"),
                number::count(checked.pods, "pod"),
                if checked.leaves == 1 {
                    "1 leaf".to_owned()
                } else {
                    format!("{} leaves", checked.leaves)
                },
                number::count(checked.priced, "pool kind"),
                number::grouped(u128::from(checked.dominated)),
                number::grouped(u128::from(checked.cut_short)),
                number::grouped(u128::from(answer.proof.work.labels)),
                number::grouped(u128::from(answer.proof.work.iterations)),
                number::grouped(u128::from(answer.proof.work.branches)),
            ),
        ));
    }
    if let Some(best) = answer.baselines.iter().find(|one| one.month.is_some()) {
        facts.push(saving(answer, "Saves", best));
    }
    if let Some(isolation) = &answer.isolation {
        facts.push(isolated(answer, isolation));
    }
    if let Some(fixed) = &answer.one_max_pods {
        let mut fact = saving(answer, "Max pods", fixed);
        fact.text.insert_str(0, "a choice for each pool saves ");
        facts.push(fact);
    }
    facts
}

fn cost(answer: &Answer) -> String {
    let mut parts: Vec<String> = answer
        .points
        .iter()
        .map(|point| {
            let rate = point.rate.map(number::rate).unwrap_or_default();
            format!(
                "{} {rate} {}/h ({} a day, {}, {})",
                point.name,
                answer.currency,
                number::hours(point.weight_millis),
                number::count(point.pods, "pod"),
                number::count(point.nodes, "node"),
            )
        })
        .collect();
    if let Some(mean) = answer.mean {
        parts.push(format!("mean {} {}/h x 730 h a month", number::rate(mean), answer.currency));
    }
    parts.join("; ")
}

fn proof(answer: &Answer) -> Fact {
    let proof = &answer.proof;
    let among = format!(
        "among {} in {}, prices of {}",
        number::count(proof.sizes, "size"),
        answer.region,
        answer.catalog_date
    );
    let bound = proof.bound.map(number::money).unwrap_or_default();
    let (text, tone) = match (proof.optimal, proof.gap_ppm) {
        (true, _) => (
            format!("no cheaper plan exists {among} (bound {bound} {}/month)", answer.currency),
            Tone::Good,
        ),
        (false, Some(gap)) => (
            format!(
                "within {} of the cheapest possible plan {among} (bound {bound} {}/month)",
                number::ppm_percent(gap),
                answer.currency
            ),
            Tone::Mind,
        ),
        (false, None) => (format!("no bound was proven {among}"), Tone::Mind),
    };
    Fact { label: "Proof".to_owned(), text, tone }
}

fn excluded(answer: &Answer) -> String {
    let parts: Vec<String> = answer
        .proof
        .excluded
        .iter()
        .map(|one| format!("{} {}", number::grouped(u128::from(one.skus)), one.reason))
        .collect();
    parts.join(", ")
}

fn saving(answer: &Answer, label: &str, other: &Alternative) -> Fact {
    let saving = other.saving.unwrap_or_default();
    let share = other.saving_per_mille.unwrap_or_default();
    let tone = if saving.0 > 0 { Tone::Good } else { Tone::Plain };
    let text = if saving.0 == 0 {
        format!("nothing against {}, which costs the same", other.name)
    } else {
        format!(
            "{} {}/month ({}) against {} ({})",
            number::money(saving),
            answer.currency,
            number::signed_percent(-share),
            other.name,
            other.note,
        )
    };
    Fact { label: label.to_owned(), text, tone }
}

fn isolated(answer: &Answer, isolation: &Alternative) -> Fact {
    let text = match (isolation.month, isolation.saving) {
        (Some(month), Some(extra)) if extra.0 == 0 => format!(
            "a pool of its own for every workload would cost the same, {} {}/month ({})",
            number::money(month),
            answer.currency,
            isolation.note,
        ),
        (Some(month), Some(extra)) => format!(
            "a pool of its own for every workload would cost {} {}/month, {} more ({})",
            number::money(month),
            answer.currency,
            number::money(extra),
            isolation.note,
        ),
        _ => format!("no plan with a pool of its own for every workload: {}", isolation.note),
    };
    Fact::plain("Isolation", text)
}

fn why_table(answer: &Answer) -> Table {
    let runner_up = format!("RUNNER-UP ({}/month)", answer.currency);
    let mut table =
        Table::new(&["POOL", "HOLDS", "FULL BECAUSE OF", ">LIMITS cpu / mem", &runner_up]);
    for pool in &answer.pools {
        table.rows.push(vec![
            pool.name.as_str().into(),
            holds(pool).into(),
            binds(pool).into(),
            limits(busiest(pool)).into(),
            match &pool.runner_up {
                Some(next) => format!("{} {}", next.sku, number::signed(next.extra)),
                None => "no other size fits".to_owned(),
            }
            .into(),
        ]);
    }
    table
}

/// Most workloads named in one cell.
const HELD: usize = 4;

fn holds(pool: &PoolAnswer) -> String {
    let own: Vec<&PoolWorkload> = pool.workloads.iter().filter(|one| !one.system).collect();
    let mut parts: Vec<String> = own
        .iter()
        .take(HELD)
        .map(|workload| {
            let least = workload.pods.iter().min().copied().unwrap_or(0);
            let most = workload.pods.iter().max().copied().unwrap_or(0);
            format!("{} {}", workload.name, number::range(least, most))
        })
        .collect();
    if own.len() > HELD {
        parts.push(format!("{} more", own.len() - HELD));
    }
    if own.len() < pool.workloads.len() {
        parts.push("platform pods".to_owned());
    }
    parts.join(", ")
}

/// What to set on a pool beyond its size and counts.
fn pool_notes(answer: &Answer) -> Vec<String> {
    let usual = answer.pools.iter().all(|pool| pool.max_pods == USUAL_MAX_PODS);
    let note = |pool: &PoolAnswer| {
        let mut parts = Vec::new();
        if !usual {
            parts.push(format!("at most {} pods a node", pool.max_pods));
        }
        if !pool.labels.is_empty() {
            parts.push(format!("its nodes carry {}", pool.labels.join(", ")));
        }
        if pool.exclusive {
            parts.push("a taint keeps all other workloads out".to_owned());
        }
        if pool.spot {
            parts.push("spot nodes, which Azure may take back at any time".to_owned());
        }
        if pool.rate_estimated {
            parts.push("its rate is estimated from the ratio of the family".to_owned());
        }
        (!parts.is_empty()).then(|| format!("{}: {}", pool.name, parts.join("; ")))
    };
    answer.pools.iter().filter_map(note).collect()
}

/// Max pods per node that need no mention.
const USUAL_MAX_PODS: u32 = 250;

/// What keeps another pod out.
pub(crate) fn binds(pool: &PoolAnswer) -> String {
    let show = |bind: &Bind| {
        let of = number::grouped(u128::from(bind.of));
        format!("{} on {} of {of}", bind.what, number::grouped(u128::from(bind.nodes)))
    };
    let mut parts: Vec<String> = pool.binds.iter().map(show).collect();
    if pool.open_nodes > 0 {
        parts.push(format!("{} with room", number::count(pool.open_nodes, "node")));
    }
    parts.join(", ")
}

fn points_table(answer: &Answer) -> Table {
    let mut table = Table::new(&["POOL", "AT", ">NODES", ">PODS", "RESOURCE", ">REQUESTED", ">OF"]);
    for pool in &answer.pools {
        for (state, point) in pool.points.iter().zip(&answer.points) {
            for usage in state.usage.iter().filter(|usage| usage.requested > 0) {
                table.rows.push(vec![
                    pool.name.as_str().into(),
                    point.name.as_str().into(),
                    number::grouped(u128::from(state.nodes)).into(),
                    number::grouped(u128::from(state.pods)).into(),
                    usage.resource.as_str().into(),
                    amount(&usage.resource, usage.requested).into(),
                    amount(&usage.resource, usage.allocatable).into(),
                ]);
            }
        }
    }
    table
}

/// An amount of a resource as people write it.
pub(crate) fn amount(resource: &str, value: u128) -> String {
    match resource {
        "cpu" => format!("{}m", number::grouped(value)),
        "memory" | "ephemeral" => match u64::try_from(value) {
            Ok(bytes) => number::memory(nodeplan_model::units::Bytes(bytes)),
            Err(_) => number::grouped(value),
        },
        _ => number::grouped(value),
    }
}

fn alternatives(answer: &Answer, blocks: &mut Vec<Block>) {
    if answer.baselines.is_empty() {
        return;
    }
    let month = format!(">{}/month", answer.currency);
    let mut table =
        Table::new(&["ANOTHER WAY TO CHOOSE", &month, ">COSTS MORE BY", ">PLAN SAVES", "POOLS"]);
    for other in &answer.baselines {
        table.rows.push(vec![
            other.name.as_str().into(),
            other.month.map(number::money).unwrap_or_else(|| "none".to_owned()).into(),
            other.saving.map(number::signed).unwrap_or_default().into(),
            other.saving_per_mille.map(|s| number::signed_percent(-s)).unwrap_or_default().into(),
            other.note.as_str().into(),
        ]);
    }
    blocks.push(Block::Table(table));
}

fn design_blocks(answer: &Answer, design: &DesignAnswer, blocks: &mut Vec<Block>) {
    blocks.push(Block::Heading(format!("Compared with {}", design.name)));
    let month = format!(">{}/month", answer.currency);
    let mut table = Table::new(&["POOL", "SKU", ">NODES", "WORKLOADS", &month]);
    for pool in &design.pools {
        let mark = if pool.computed { "" } else { " (given)" };
        table.rows.push(vec![
            pool.name.as_str().into(),
            pool.sku.as_str().into(),
            format!("{}{mark}", number::range(pool.least, pool.most)).into(),
            pool.workloads.join(", ").into(),
            number::money(pool.month).into(),
        ]);
    }
    table.total = Some(format!("TOTAL {} {}/month", number::money(design.month), answer.currency));
    blocks.push(Block::Table(table));
    let rates: Vec<String> = answer
        .points
        .iter()
        .zip(&design.rates)
        .map(|(point, rate)| {
            format!("{} {} {}/h", point.name, number::rate(*rate), answer.currency)
        })
        .collect();
    let mut facts = vec![Fact::plain("Cost", rates.join("; "))];
    if let (Some(saving), Some(share)) = (design.saving, design.saving_per_mille) {
        let text = if saving.0 == 0 {
            "it costs the same as the plan above".to_owned()
        } else if saving.0 > 0 {
            format!(
                "the plan above saves {} {}/month ({}) against it",
                number::money(saving),
                answer.currency,
                number::signed_percent(-share)
            )
        } else {
            let dearer = nodeplan_model::answer::Money(saving.0.saturating_neg());
            let why = if design.breaches.is_empty() { "" } else { "; it breaks rules, see below" };
            format!(
                "it costs {} {}/month less than the plan above{why}",
                number::money(dearer),
                answer.currency
            )
        };
        facts.push(Fact::plain("Saves", text));
    }
    if design.breaches.is_empty() {
        facts.push(Fact::plain("Rules", "it keeps every rule"));
    } else {
        let count = number::count(design.breaches.len() as u64, "kind");
        let text = format!("it breaks them; {count} of breach below");
        facts.push(Fact { label: "Rules".to_owned(), text, tone: Tone::Mind });
    }
    blocks.push(Block::Facts(facts));
    if !design.breaches.is_empty() {
        blocks.push(Block::Remarks(remarks("breach", &design.breaches)));
    }
}

fn pool_counts(answer: &Answer, blocks: &mut Vec<Block>) {
    if answer.pool_counts.is_empty() {
        return;
    }
    let month = format!(">{}/month", answer.currency);
    let mut table = Table::new(&[">POOLS AT MOST", &month, ">PROVEN BOUND", "HOW SURE"]);
    for row in &answer.pool_counts {
        let sure = match row.status {
            Status::Optimal => "cheapest possible",
            Status::Feasible => "best found",
            Status::Infeasible => "impossible",
            Status::OutOfWork => "nothing found in the work limit",
        };
        table.rows.push(vec![
            row.pools.to_string().into(),
            row.month.map(number::money).unwrap_or_default().into(),
            row.bound.map(number::money).unwrap_or_default().into(),
            sure.into(),
        ]);
    }
    blocks.push(Block::Table(table));
}
