//! `diff`: two plan files, or two documents of simulated runs, side by side.

use crate::args::{DiffArgs, Format, Global};
use crate::diagnose::Failure;
use crate::{Done, output, rules};
use nodeplan::diff::{plans, runs};
use nodeplan::io::diff as diff_document;
use nodeplan::io::document::{self, PLAN_VERSION, PlanDocument, Tool, input};
use nodeplan::io::run::{self, RUN_VERSION, RunSummary};
use nodeplan::model::answer::InputFile;
use nodeplan::model::comparison::{Comparison, Measure, Value};
use nodeplan::report;
use std::path::Path;

/// A document of either kind.
enum Side {
    Plan(Box<PlanDocument>),
    Run(Box<RunSummary>),
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
        (Side::Plan(_), Side::Run(_)) => return Err(unlike(&old, &new)),
        (Side::Run(_), Side::Plan(_)) => return Err(unlike(&new, &old)),
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
    } else {
        let text = format!("{name}: schemaVersion is `{version}`");
        return Err(Failure::new(crate::INVALID, "NP1302", text)
            .help(format!("give two documents of {PLAN_VERSION}, or two of {RUN_VERSION}")));
    };
    Ok((file, side))
}

fn unlike(plan: &InputFile, run: &InputFile) -> Failure {
    Failure::usage(format!("{} is a plan and {} a simulated run", plan.path, run.path))
        .help(format!("simulate the plan: nodeplan simulate {} -f json -o run.json …", plan.path))
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
