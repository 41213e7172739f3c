//! The plan file: versioned JSON that holds the whole problem, the plan, the proof of its
//! bound, and where all of it came from. `nodeplan verify` needs nothing else.
//!
//! Invariants: no clock, no path beyond those given, so equal runs write equal bytes; money
//! stands as an exact integer, and next to it as a decimal for people; what is read back is a
//! checked problem, and no index of the plan points outside of it.

mod layout;
mod shape;

use crate::diagnostic::{ImportError, ImportErrors, Place};
use nodeplan_model::answer::{Answer, Money, mean_rate};
use nodeplan_model::certificate::Certificate;
use nodeplan_model::plan::{Checked, Plan, Status, Unplaceable, Verdict, Work};
use nodeplan_model::problem::{Problem, ProblemParts};
use nodeplan_model::units::{Date, Spend, UsdPerHour};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub use nodeplan_model::answer::InputFile;

/// Version of the plan document that this crate writes.
pub const PLAN_VERSION: &str = "nodeplan/plan/v1";

/// The option of a plan document that holds the SHA-256 of the scenario written beside the plan: its bounds,
/// targets and autoscaler.
pub const SCALING: &str = "scenario.yaml";

/// The program that wrote a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// Where the prices come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogStamp {
    /// Day of the newest price.
    pub date: Date,
    /// Azure region.
    pub region: String,
    /// ISO currency code.
    pub currency: String,
}

impl CatalogStamp {
    /// The stamp of a problem.
    #[must_use]
    pub fn of(problem: &Problem) -> Self {
        let parts = problem.parts();
        Self {
            date: parts.catalog_date,
            region: parts.region.clone(),
            currency: parts.currency.clone(),
        }
    }
}

/// A cost, exact and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostText {
    /// Σ over the load points of milliseconds × billionths of the currency unit per hour.
    pub spend: Spend,
    /// Mean rate over the load points, rounded to a billionth.
    pub per_hour: String,
    /// The same for a month of 730 hours.
    pub per_month: String,
}

/// A rate at one load point, exact and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateText {
    /// Load point.
    pub point: String,
    /// Billionths of the currency unit per hour.
    pub billionths: UsdPerHour,
    /// The same as a decimal.
    pub per_hour: String,
}

/// The judge's verdict in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Rate of the whole plan at each load point; empty without a plan.
    pub rates: Vec<RateText>,
    /// Cost of the plan; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostText>,
    /// Proven lower bound on the cost of any legal plan.
    pub bound: CostText,
    /// The spend of some cheapest plan is a multiple of this.
    pub lattice: Spend,
    /// (cost − bound) / cost in millionths, rounded up; absent without a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_ppm: Option<u64>,
    /// What was checked.
    pub checked: Checked,
}

impl Summary {
    /// The numbers of a verdict on `problem`; `planned` tells whether there is a plan.
    #[must_use]
    pub fn of(problem: &Problem, verdict: &Verdict, planned: bool) -> Self {
        let points = problem.points();
        let millis: u64 = points.iter().map(|point| point.weight_millis).sum();
        let rates = points.iter().zip(&verdict.rates).filter(|_| planned);
        Self {
            rates: rates
                .map(|(point, rate)| RateText {
                    point: point.name.clone(),
                    billionths: *rate,
                    per_hour: rate.to_string(),
                })
                .collect(),
            cost: planned.then(|| cost_text(verdict.cost, millis)),
            bound: cost_text(verdict.bound, millis),
            lattice: verdict.lattice,
            gap_ppm: planned.then(|| gap_ppm(verdict.cost, verdict.bound)),
            checked: verdict.checked,
        }
    }
}

fn cost_text(spend: Spend, millis: u64) -> CostText {
    let per_month = decimal(Money::month_of(spend, millis));
    CostText { spend, per_hour: mean_rate(spend, millis).to_string(), per_month }
}

/// An amount of money as a decimal, with cents at least.
pub(crate) fn decimal(money: Money) -> String {
    let amount = money.0.unsigned_abs();
    let digits = format!("{:09}", amount % 1_000_000_000);
    let kept = digits.trim_end_matches('0').len().max(2);
    format!("{}.{}", amount / 1_000_000_000, &digits[..kept])
}

/// (cost − bound) / cost in millionths, rounded up.
fn gap_ppm(cost: Spend, bound: Spend) -> u64 {
    let above = cost.saturating_sub(bound).0;
    if above == 0 {
        return 0;
    }
    // Beyond 2^128 / 10^6 both sides lose the same twenty bits: still a gap rounded up.
    let ppm = match above.checked_mul(1_000_000) {
        Some(scaled) => scaled.div_ceil(cost.0),
        None => ((above >> 20) + 1).saturating_mul(1_000_000).div_ceil(cost.0 >> 20),
    };
    u64::try_from(ppm).unwrap_or(u64::MAX)
}

/// A plan document around a problem of type `P`: checked, or as read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document<P> {
    /// [`PLAN_VERSION`].
    #[serde(rename = "schemaVersion")]
    pub schema_version: String,
    /// Who wrote it.
    pub tool: Tool,
    /// Input files.
    pub inputs: Vec<InputFile>,
    /// Prices.
    pub catalog: CatalogStamp,
    /// Options in force, name → value as text.
    pub options: BTreeMap<String, String>,
    /// Seed of the run.
    pub seed: u64,
    /// How the search ended.
    pub status: Status,
    /// The judge's verdict in numbers.
    pub summary: Summary,
    /// Why there is no plan; else empty.
    #[serde(default)]
    pub unplaceable: Vec<Unplaceable>,
    /// Work of the solver.
    pub work: Work,
    /// The problem.
    pub problem: P,
    /// The plan; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Proof of the bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// What the reports show of it: pools, savings, baselines, designs. For readers only: nothing
    /// here is looked at when the plan is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// A plan document whose problem is checked.
pub type PlanDocument = Document<Problem>;

/// The document as JSON: fields in a fixed order, lists of plain values on one line each.
#[must_use]
pub fn write(document: &PlanDocument) -> String {
    let text = serde_json::to_string_pretty(document)
        .expect("every key of a plan document is a text and no value refuses to be written");
    let mut text = layout::short_lists(&text);
    text.push('\n');
    text
}

/// Reads a document of this version; members that a later minor version adds are ignored.
///
/// # Errors
/// Text that is no JSON of that shape, another version, a problem that is not legal, an index
/// that points nowhere.
pub fn read(name: &str, text: &str) -> Result<PlanDocument, ImportErrors> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "schemaVersion")]
        schema_version: String,
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head: Head = serde_json::from_str(text).map_err(|error| not_json(name, text, &error))?;
    if !is_readable(&head.schema_version) {
        let message = format!("schemaVersion is `{}`", head.schema_version);
        return Err(vec![
            ImportError::new("NP1302", Place::whole(name), message)
                .expected(PLAN_VERSION)
                .help("plan again, or use the nodeplan version that wrote the file"),
        ]);
    }
    let raw: Document<ProblemParts> =
        serde_json::from_str(text).map_err(|error| not_json(name, text, &error))?;
    let found = checked(raw).map_err(|texts| {
        texts
            .into_iter()
            .map(|text| ImportError::new("NP1303", Place::whole(name), text))
            .collect::<ImportErrors>()
    })?;
    Ok(found)
}

fn is_readable(version: &str) -> bool {
    is_version(version, PLAN_VERSION)
}

/// Whether `version` is `known` or a later minor one (`v1.2`).
pub(crate) fn is_version(version: &str, known: &str) -> bool {
    version.strip_prefix(known).is_some_and(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix('.')
                .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn not_json(name: &str, text: &str, error: &serde_json::Error) -> ImportErrors {
    vec![
        syntax(name, text, error)
            .help("give the file that `nodeplan optimize -f json -o plan.json` wrote"),
    ]
}

/// What serde_json found wrong, at its place.
pub(crate) fn syntax(name: &str, text: &str, error: &serde_json::Error) -> ImportError {
    let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
    let source_line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = source_line.as_bytes().get(..error.column()).unwrap_or_default();
    // serde_json counts bytes; a place counts characters.
    let column = String::from_utf8_lossy(before).chars().count();
    let full = error.to_string();
    let tail = format!(" at line {} column {}", error.line(), error.column());
    let place = Place {
        source_name: name.to_owned(),
        line,
        column: u32::try_from(column).unwrap_or(u32::MAX),
        span: 0,
        source_line: source_line.chars().take(200).collect(),
    };
    ImportError::new("NP1301", place, full.strip_suffix(&tail).unwrap_or(&full))
}

fn checked(raw: Document<ProblemParts>) -> Result<PlanDocument, Vec<String>> {
    let problem = Problem::new(raw.problem).map_err(|faults| {
        faults
            .iter()
            .map(|fault| format!("problem: {}: {fault}", fault.code()))
            .collect::<Vec<String>>()
    })?;
    let document = Document {
        schema_version: raw.schema_version,
        tool: raw.tool,
        inputs: raw.inputs,
        catalog: raw.catalog,
        options: raw.options,
        seed: raw.seed,
        status: raw.status,
        summary: raw.summary,
        unplaceable: raw.unplaceable,
        work: raw.work,
        problem,
        plan: raw.plan,
        certificate: raw.certificate,
        answer: raw.answer,
    };
    let faults = shape::faults(&document);
    if faults.is_empty() { Ok(document) } else { Err(faults) }
}

/// SHA-256 of some bytes, hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An input file as a document lists it.
#[must_use]
pub fn input(path: &str, bytes: &[u8]) -> InputFile {
    InputFile { path: path.to_owned(), sha256: sha256(bytes) }
}

/// The JSON Schema (draft 2020-12) of a plan document.
#[must_use]
pub fn schema_plan() -> &'static str {
    include_str!("document/plan.schema.json")
}

#[cfg(test)]
mod tests;
