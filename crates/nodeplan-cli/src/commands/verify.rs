//! `verify`: the judge alone, on a plan file.

use crate::args::{Global, VerifyArgs};
use crate::diagnose::Failure;
use crate::{Done, output};
use nodeplan::eval::JudgeOptions;
use nodeplan::io::document::{PlanDocument, input, read};
use nodeplan::model::answer::{InputFile, Money};
use nodeplan::model::plan::{Finding, Verdict};
use nodeplan::report::number::{count, grouped, money};
use nodeplan::report::visible;
use std::path::Path;

/// Reads a plan file.
pub fn plan(path: &Path) -> Result<PlanDocument, Failure> {
    parsed(&path.display().to_string(), output::read(path)?)
}

/// The plan document in some bytes.
pub fn parsed(name: &str, bytes: Vec<u8>) -> Result<PlanDocument, Failure> {
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(crate::INVALID, "NP1301", format!("{name} is not UTF-8 text")))?;
    read(name, &text).map_err(|errors| {
        let mut failure = Failure::input(errors);
        failure.last = None;
        failure
    })
}

/// Runs the command.
pub fn run(global: &Global, args: &VerifyArgs) -> Done {
    super::threads(global.threads);
    let bytes = output::read(&args.plan)?;
    let name = args.plan.display().to_string();
    if super::floor::is_floor(&bytes) {
        return super::floor::verify(args, &name, bytes);
    }
    let document = parsed(&name, bytes)?;
    let found = nodeplan::verify(&document, &JudgeOptions::default());
    let mut wrong: Vec<Finding> = found.verdict.findings.clone();
    wrong.extend(found.claims.iter().cloned());
    let mut files = Vec::new();
    for path in args.workloads.iter().chain(&args.input) {
        let given = input(&path.display().to_string(), &output::read(path)?);
        let same = document.inputs.iter().any(|one| one.sha256 == given.sha256);
        if same {
            files.push(given);
        } else {
            wrong.push(mismatch("plan", &given, &document.inputs));
        }
    }
    let mut text = said(args, &document, &found.verdict);
    for file in &files {
        text.push_str(&format!("  {} is the file the plan was made from\n", visible(&file.path)));
    }
    for note in &found.notes {
        text.push_str(&format!("  note: {}\n", visible(note)));
    }
    for one in &wrong {
        text.push_str(&format!(
            "false[{}]: {}: {}\n",
            one.code,
            visible(&one.place),
            visible(&one.text)
        ));
    }
    text.push_str(if wrong.is_empty() {
        "All of it is true.\n"
    } else {
        "Not all of it is true.\n"
    });
    output::print(&text)?;
    Ok(if wrong.is_empty() { crate::DONE } else { crate::GATE })
}

/// A file that `what` was not made from.
pub fn mismatch(what: &str, given: &InputFile, recorded: &[InputFile]) -> Finding {
    let known: Vec<String> =
        recorded.iter().map(|one| format!("{} ({})", one.path, &one.sha256)).collect();
    Finding {
        code: "NP5302".to_owned(),
        place: given.path.clone(),
        text: format!(
            "its SHA-256 is {}, the {what} was made from {}",
            given.sha256,
            if known.is_empty() { "no recorded file".to_owned() } else { known.join(", ") }
        ),
    }
}

fn said(args: &VerifyArgs, document: &PlanDocument, verdict: &Verdict) -> String {
    let problem = &document.problem;
    let checked = &verdict.checked;
    let millis = problem.points().iter().map(|point| point.weight_millis).sum();
    let month = |spend| money(Money::month_of(spend, millis));
    let mut text = format!(
        "{}: {} in {}, prices of {}\n",
        visible(&args.plan.display().to_string()),
        count(problem.workloads().len() as u64, "workload"),
        visible(&problem.parts().region),
        problem.parts().catalog_date,
    );
    let mut say = |line: String| text.push_str(&format!("  {line}\n"));
    match &document.plan {
        Some(plan) => {
            say(format!(
                "{} with {} and {} over {}: every node re-filled, every rule re-checked",
                count(plan.pools.len() as u64, "pool"),
                count(checked.nodes, "node"),
                count(checked.pods, "pod"),
                count(problem.points().len() as u64, "load point"),
            ));
            say(format!("cost {} {} a month", month(verdict.cost), problem.parts().currency));
        }
        None => say("no plan".to_owned()),
    }
    if document.certificate.is_some() {
        say(format!(
            "bound {} {} a month from {} of the proof: {} priced exactly, {} dominated, {} cut short",
            month(verdict.bound),
            problem.parts().currency,
            if checked.leaves == 1 {
                "1 leaf".to_owned()
            } else {
                format!("{} leaves", grouped(checked.leaves.into()))
            },
            count(checked.priced, "pool kind"),
            grouped(checked.dominated.into()),
            grouped(checked.cut_short.into()),
        ));
    } else {
        say("no proof of a bound".to_owned());
    }
    if document.plan.is_some() && verdict.optimal() {
        say("cost equals bound: no cheaper plan exists for this problem".to_owned());
    }
    text
}
