//! `verify` of a floor: the judge's word on its proof, and whether it is of this world.

use super::check::workloads;
use super::verify::mismatch;
use crate::args::VerifyArgs;
use crate::diagnose::Failure;
use crate::{Done, output};
use nodeplan::eval::JudgeOptions;
use nodeplan::eval::floor::{check_floor, check_interval, check_sizes, check_workloads};
use nodeplan::io::catalog::catalog;
use nodeplan::io::document::{CatalogStamp, input};
use nodeplan::io::joint::{FLOOR_FAMILY, FloorDocument};
use nodeplan::io::run::schema_version;
use nodeplan::model::answer::Money;
use nodeplan::model::catalog::Arch;
use nodeplan::model::plan::Finding;
use nodeplan::model::problem::Problem;
use nodeplan::model::units::Spend;
use nodeplan::report::{number, visible};

/// Whether a file is a floor, of whatever version.
pub fn is_floor(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(200)];
    if String::from_utf8_lossy(head).contains(FLOOR_FAMILY) {
        return true;
    }
    // Another program may have put its version last.
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    schema_version("", text).is_ok_and(|version| version.starts_with(FLOOR_FAMILY))
}

/// The judge's word on a floor.
pub fn verify(args: &VerifyArgs, name: &str, bytes: Vec<u8>) -> Done {
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(crate::INVALID, "NP1301", format!("{name} is not UTF-8 text")))?;
    let document = FloorDocument::read(name, &text).map_err(Failure::input)?;
    let problem = &document.problem;
    let check = check_floor(problem, &document.floor, &JudgeOptions::default());
    let money = |spend: Spend| number::money(Money::of(spend));
    let mut said = format!(
        "{}: no run that meets the terms costs less than {} {}\n",
        visible(name),
        money(check.spend),
        visible(&problem.parts().currency),
    );
    let mut wrong = check.findings;
    if check.spend < document.spend {
        wrong.push(claim("cost", money(document.spend), money(check.spend)));
    }
    wrong.extend(check_interval(&document.floor.terms));
    let mut notes = Vec::new();
    let sold = market(problem);
    match &sold {
        Ok(sold) => wrong.extend(sold.iter().cloned()),
        Err(note) => notes.push(note.clone()),
    }
    let stamp = CatalogStamp::of(problem);
    if let Some(told) = document.catalog.as_ref().filter(|told| **told != stamp) {
        let words = |one: &CatalogStamp| format!("{} {} {}", one.date, one.region, one.currency);
        wrong.push(claim("catalog", words(told), words(&stamp)));
    }
    let mut same = Vec::new();
    for path in args.workloads.iter().chain(&args.input) {
        let given = input(&path.display().to_string(), &output::read(path)?);
        match document.inputs.iter().any(|one| one.sha256 == given.sha256) {
            true => same.push(given),
            false => wrong.push(mismatch("floor", &given, &document.inputs)),
        }
    }
    if let Some(path) = &args.workloads {
        match workloads(path, &[], vec![Arch::Amd64], problem.cluster().spot) {
            Ok((file, _)) => wrong.extend(check_workloads(problem, &file.workloads)),
            // Rules that the search was told to ignore are not known here.
            Err(_) => notes.push(format!(
                "requests not compared: {} cannot be read without the options of the search",
                path.display()
            )),
        }
    }
    for file in &same {
        said.push_str(&format!("  {} is a file the floor was made from\n", visible(&file.path)));
    }
    if sold.is_ok() {
        said.push_str("  sizes and rates compared with the catalog\n");
    }
    for note in &notes {
        said.push_str(&format!("  note: {}\n", visible(note)));
    }
    for one in &wrong {
        let (place, text) = (visible(&one.place), visible(&one.text));
        said.push_str(&format!("false[{}]: {place}: {text}\n", one.code));
    }
    let holds = wrong.is_empty();
    said.push_str(if holds { "All of it is true.\n" } else { "Not all of it is true.\n" });
    output::print(&said)?;
    Ok(if holds { crate::DONE } else { crate::GATE })
}

/// Whether sizes are as the catalog has them, or why that cannot be told.
fn market(problem: &Problem) -> Result<Vec<Finding>, String> {
    let parts = problem.parts();
    match catalog(&parts.region) {
        Ok(own) if own.date == parts.catalog_date && own.currency == parts.currency => {
            Ok(check_sizes(problem, &own))
        }
        Ok(own) => Err(format!(
            "rates not compared: the floor has prices of {} in {}, this nodeplan of {} in {}",
            parts.catalog_date, parts.currency, own.date, own.currency
        )),
        Err(error) => Err(format!("rates not compared: {error}")),
    }
}

fn claim(what: &str, said: String, is: String) -> Finding {
    let text = format!("the document says {said}, the judge finds {is}");
    Finding { code: "NP5301".to_owned(), place: what.to_owned(), text }
}
