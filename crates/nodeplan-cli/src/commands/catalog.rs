//! `catalog`: sizes with their rates, and one node taken apart.

use crate::args::{CatalogArgs, CatalogCommand, Global, MarketArgs, NodeArgs, RuleArgs};
use crate::diagnose::Failure;
use crate::{Done, output, rules};
use nodeplan::model::catalog::{Catalog, Sku};
use nodeplan::model::eligibility::{Pattern, eligible};
use nodeplan::model::ids::{GroupId, SkuId};
use nodeplan::model::overhead::anatomy;
use nodeplan::model::problem::{AddOn, PoolKind, ReservationModel};
use nodeplan::report;
use nodeplan::report::catalog::Market;

/// Columns of a list, so that each size keeps to one line.
const LIST_WIDTH: usize = 160;

/// Runs the command.
pub fn run(global: &Global, args: &CatalogArgs) -> Done {
    let mut style = output::style(global);
    let shown = match &args.command {
        CatalogCommand::List { market, all } => {
            // People search the list line by line.
            style.width = LIST_WIDTH;
            list(global, market, *all)?
        }
        CatalogCommand::Show { sku, market, node, headroom } => {
            show(global, sku, market, node, headroom.clone())?
        }
    };
    output::print(&report::terminal(&shown, &style))?;
    Ok(crate::DONE)
}

fn market(catalog: &Catalog) -> Market<'_> {
    Market { region: &catalog.region, currency: &catalog.currency, date: catalog.date.to_string() }
}

type Shown = Result<report::document::Document, Failure>;

fn list(global: &Global, args: &MarketArgs, all: bool) -> Shown {
    let (config, _) = crate::config::find(global)?;
    let (catalog, _) = rules::market(args, &config)?;
    let filter = rules::filter(args, &config, &catalog)?;
    let found = eligible(&catalog, &filter);
    let skus: Vec<&Sku> = if all { &catalog.skus } else { &found.skus }.iter().collect();
    let mut shown = report::catalog::list(&market(&catalog), &skus);
    if !all {
        let left: Vec<String> =
            found.excluded.iter().map(|one| format!("{} {}", one.skus, one.reason)).collect();
        let text = format!("left out: {}", left.join(", "));
        shown.blocks.push(report::document::Block::Line(text));
    }
    Ok(shown)
}

fn show(
    global: &Global,
    name: &str,
    args: &MarketArgs,
    node: &NodeArgs,
    headroom: Option<String>,
) -> Shown {
    let (config, _) = crate::config::find(global)?;
    let (catalog, _) = rules::market(args, &config)?;
    let pattern = Pattern::new(name);
    let Some(sku) = catalog.skus.iter().find(|sku| pattern.matches(&sku.name)) else {
        let near = nodeplan::nearest_sizes(&catalog, name);
        let failure = Failure::usage(format!("no size `{name}` has a price in {}", catalog.region));
        let help = format!("did you mean {}?", near.join(", "));
        return Err(if near.is_empty() { failure } else { failure.help(help) });
    };
    let rules = RuleArgs { headroom, ..RuleArgs::default() };
    let cluster = rules::cluster(node, &rules, &config, Vec::new())?;
    if cluster.reservation == ReservationModel::Measured && sku.measured.is_none() {
        return Err(rules::not_measured(&format!("of {} ", sku.name)));
    }
    let addons: Vec<&AddOn> = cluster.addons.iter().collect();
    let max_pods = cluster.max_pods.last().copied().unwrap_or(1);
    let kind = PoolKind { group: GroupId(0), sku: SkuId(0), max_pods };
    let found = anatomy(&cluster, sku, kind, &addons);
    Ok(report::catalog::show(&market(&catalog), sku, &found, &addons))
}
