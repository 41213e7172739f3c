//! What differs between two plans, designs or runs. Pools and workloads are matched by name.

mod designs;
mod plans;
mod runs;

use nodeplan_model::answer::{InputFile, Money};
use nodeplan_model::comparison::{Change, Compared, Comparison, Facet, Item, Measure, Value};

pub use designs::designs;
pub use plans::plans;
pub use runs::runs;

/// What is known of one side of an item: a name, whether it is the platform's, measures.
struct Side {
    name: String,
    system: bool,
    values: Vec<(Measure, Option<Value>)>,
}

fn number(value: impl Into<i128>) -> Option<Value> {
    Some(Value::Number(value.into()))
}

/// A number too large for the document is as good as the largest.
fn large(value: u128) -> Option<Value> {
    Some(Value::Number(i128::try_from(value).unwrap_or(i128::MAX)))
}

fn text(value: impl Into<String>) -> Option<Value> {
    Some(Value::Text(value.into()))
}

fn yes(value: bool) -> Option<Value> {
    text(if value { "yes" } else { "no" })
}

/// Measures of both sides, in the order of the first that names them.
fn facets(
    before: Vec<(Measure, Option<Value>)>,
    after: Vec<(Measure, Option<Value>)>,
) -> Vec<Facet> {
    let mut all: Vec<Facet> =
        before.into_iter().map(|(what, before)| Facet { what, before, after: None }).collect();
    for (what, value) in after {
        match all.iter_mut().find(|facet| facet.what == what) {
            Some(facet) => facet.after = value,
            None => all.push(Facet { what, before: None, after: value }),
        }
    }
    all.retain(|facet| facet.before.is_some() || facet.after.is_some());
    all
}

/// Items of both sides: those before in their order, then the new ones.
fn items(before: Vec<Side>, after: Vec<Side>) -> Vec<Item> {
    let mut new: std::collections::BTreeMap<String, Side> = std::collections::BTreeMap::new();
    let mut order = Vec::new();
    for side in after {
        order.push(side.name.clone());
        new.insert(side.name.clone(), side);
    }
    let mut all = Vec::new();
    for side in before {
        let now = new.remove(&side.name);
        let gone = now.is_none();
        let facets = facets(side.values, now.map(|now| now.values).unwrap_or_default());
        let change = match (gone, facets.iter().any(Facet::differs)) {
            (true, _) => Change::Removed,
            (false, true) => Change::Changed,
            (false, false) => Change::Same,
        };
        all.push(Item { name: side.name, system: side.system, change, facets });
    }
    for name in order {
        let Some(side) = new.remove(&name) else { continue };
        let facets = facets(Vec::new(), side.values);
        all.push(Item { name, system: side.system, change: Change::Added, facets });
    }
    all
}

/// Both sides in figures.
struct Sides {
    compared: Compared,
    currency: String,
    months: (Option<Money>, Option<Money>),
    notes: Vec<String>,
    totals: Vec<Facet>,
    pools: Vec<Item>,
    workloads: Vec<Item>,
}

fn comparison(before: InputFile, after: InputFile, sides: Sides) -> Comparison {
    let Sides { compared, currency, months, notes, totals, pools, workloads } = sides;
    let same_items = |items: &[Item]| items.iter().all(|item| item.change == Change::Same);
    let same = same_items(&pools) && same_items(&workloads);
    let month_per_mille = match months {
        (Some(before), Some(after)) if before.0 != 0 => {
            Some(after.minus(before).per_mille_of(before))
        }
        _ => None,
    };
    Comparison {
        compared,
        before,
        after,
        same: same && !totals.iter().any(Facet::differs),
        currency,
        month_per_mille,
        notes,
        totals,
        pools,
        workloads,
    }
}

/// What makes two documents hard to compare: other prices, other input files.
fn notes(
    stamps: [&nodeplan_io::document::CatalogStamp; 2],
    inputs: [&[InputFile]; 2],
) -> Vec<String> {
    let [before, after] = stamps;
    let mut notes = Vec::new();
    let mut differs = |what: &str, before: &str, after: &str| {
        if before != after {
            notes.push(format!("{what} {before} before, {after} after"));
        }
    };
    differs("region", &before.region, &after.region);
    differs("currency", &before.currency, &after.currency);
    differs("prices of", &before.date.to_string(), &after.date.to_string());
    let [old, new] = inputs;
    for file in new {
        if let Some(other) = old.iter().find(|one| one.path == file.path)
            && other.sha256 != file.sha256
        {
            notes.push(format!("{} is not the file it was", file.path));
        }
    }
    notes
}
