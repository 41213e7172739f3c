//! `diff`: two plan files, two documents of simulated runs, or two of designs, side by side.

use crate::args::{DiffArgs, Format, Global};
use crate::diagnose::Failure;
use crate::{Done, output, rules};
use nodeplan::diff::{designs, plans, runs};
use nodeplan::io::diff as diff_document;
use nodeplan::io::document::{self, PLAN_VERSION, PlanDocument, Tool, input};
use nodeplan::io::joint::{DESIGN_VERSION, DesignDocument};
use nodeplan::io::run::{self, RUN_VERSION, RunSummary};
use nodeplan::model::answer::InputFile;
use nodeplan::model::comparison::{Comparison, Measure, Value};
use nodeplan::report;
use std::path::Path;

/// A document of one of the kinds.
enum Side {
    Plan(Box<PlanDocument>),
    Run(Box<RunSummary>),
    Design(Box<DesignDocument>),
}

impl Side {
    /// What it is; of two in this order.
    fn kind(&self) -> (u8, &'static str) {
        match self {
            Self::Plan(_) => (0, "a plan"),
            Self::Run(_) => (1, "a simulated run"),
            Self::Design(_) => (2, "a design"),
        }
    }
}

/// Runs the command.
pub fn run(global: &Global, args: &DiffArgs) -> Done {
    let limit = args.max_increase.as_deref();
    let limit = limit.map(|text| rules::factor("max-increase", text)).transpose()?;
    let (old, before) = read(&args.before)?;
    let (new, after) = read(&args.after)?;
    let comparison = match (&before, &after) {
        (Side::Plan(before), Side::Plan(after)) => plans((old, before), (new, after)),
        (Side::Run(before), Side::Run(after)) => runs((old, before), (new, after)),
        (Side::Design(before), Side::Design(after)) => designs((old, before), (new, after)),
        _ => return Err(unlike((&old, &before), (&new, &after))),
    };
    output::write(&text(global, args, &comparison)?, args.output.as_deref())?;
    if let Some(limit) = limit
        && above(&comparison, limit.0)
    {
        let most = report::number::percent(limit.0);
        eprintln!("The cost of a month rises by more than {most}.");
        return Ok(crate::GATE);
    }
    Ok(if args.exit_code && !comparison.same { crate::GATE } else { crate::DONE })
}

fn text(global: &Global, args: &DiffArgs, comparison: &Comparison) -> Result<String, Failure> {
    let detail = report::answer::Detail { verbose: global.verbose };
    let laid_out = || report::diff::document(comparison, detail);
    Ok(match output::format(args.format, args.output.as_deref()) {
        Format::Json => {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            diff_document::write(comparison, Tool { name: "nodeplan".to_owned(), version })
        }
        Format::Md => report::markdown(&laid_out()),
        Format::Csv => report::diff_csv(comparison),
        Format::Table => {
            let style = output::style(global);
            let style = match args.output {
                Some(_) => report::Style { color: false, ..report::Style::default() },
                None => style,
            };
            report::terminal(&laid_out(), &style)
        }
    })
}

fn read(path: &Path) -> Result<(InputFile, Side), Failure> {
    let name = path.display().to_string();
    let bytes = output::read(path)?;
    let file = input(&name, &bytes);
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(crate::INVALID, "NP1301", format!("{name} is not UTF-8 text")))?;
    let unread = |errors| Failure { last: None, ..Failure::input(errors) };
    let version = run::schema_version(&name, &text).map_err(unread)?;
    let side = if version.starts_with(RUN_VERSION) {
        Side::Run(Box::new(run::read(&name, &text).map_err(unread)?))
    } else if version.starts_with(PLAN_VERSION) {
        Side::Plan(Box::new(document::read(&name, &text).map_err(unread)?))
    } else if version.starts_with(DESIGN_VERSION) {
        Side::Design(Box::new(DesignDocument::read(&name, &text).map_err(unread)?))
    } else {
        let text = format!("{name}: schemaVersion is `{version}`");
        return Err(Failure::new(crate::INVALID, "NP1302", text).help(format!(
            "give two documents of {PLAN_VERSION}, two of {RUN_VERSION}, or two of {DESIGN_VERSION}"
        )));
    };
    Ok((file, side))
}

fn unlike(old: (&InputFile, &Side), new: (&InputFile, &Side)) -> Failure {
    let mut both = [old, new];
    both.sort_by_key(|(_, side)| side.kind());
    let [(one, first), (other, second)] = both;
    let (paths, kinds) = ([&one.path, &other.path], [first.kind().1, second.kind().1]);
    let text = format!("{} is {} and {} {}", paths[0], kinds[0], paths[1], kinds[1]);
    Failure::usage(text).help(match (first, second) {
        (Side::Plan(_), Side::Run(_)) => {
            format!("simulate the plan: nodeplan simulate {} -f json -o run.json …", one.path)
        }
        _ => "compare two designs, or the plans beside them, or runs of these plans".to_owned(),
    })
}

/// Whether the cost of a month rises by more than so many thousandths.
fn above(comparison: &Comparison, limit: u32) -> bool {
    let month = comparison.totals.iter().find(|facet| facet.what == Measure::MonthBillionths);
    let Some((Some(Value::Number(before)), Some(Value::Number(after)))) =
        month.map(|facet| (&facet.before, &facet.after))
    else {
        return false;
    };
    let most = before.saturating_mul(1000 + i128::from(limit));
    after.saturating_mul(1000) > most
}
