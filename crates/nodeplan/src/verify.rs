//! A plan document, judged anew: is the plan legal, is its bound true, and does the document say
//! what the judge finds.

use crate::ladder::short;
use nodeplan_eval::{JudgeOptions, judge};
use nodeplan_io::document::{CatalogStamp, PlanDocument, Summary};
use nodeplan_model::plan::{Finding, Status, Verdict};

/// What the judge finds about a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// On plan and certificate.
    pub verdict: Verdict,
    /// Claims of the document that are not so.
    pub claims: Vec<Finding>,
    /// What is so, but should be known: replicas that coredns lacks where the search was ended.
    pub notes: Vec<String>,
}

impl Verification {
    /// Whether all of it is true.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdict.findings.is_empty() && self.claims.is_empty()
    }
}

/// Judges a document.
#[must_use]
pub fn verify(document: &PlanDocument, options: &JudgeOptions) -> Verification {
    let plan = document.plan.as_ref();
    let verdict = judge(&document.problem, plan, document.certificate.as_ref(), options);
    let found = Summary::of(&document.problem, &verdict, plan.is_some());
    let mut claims = Vec::new();
    let mut claim = |what: &str, said: String, is: String| {
        if said != is {
            claims.push(Finding {
                code: "NP5301".to_owned(),
                place: what.to_owned(),
                text: format!("the document says {said}, the judge finds {is}"),
            });
        }
    };
    let said = &document.summary;
    let rates = |summary: &Summary| -> String {
        let texts: Vec<String> =
            summary.rates.iter().map(|rate| rate.billionths.to_string()).collect();
        texts.join(", ")
    };
    let cost = |summary: &Summary| {
        summary.cost.as_ref().map_or("no cost".to_owned(), |cost| {
            format!("{} ({} a month)", cost.spend.0, cost.per_month)
        })
    };
    claim("cost", cost(said), cost(&found));
    claim("rates", rates(said), rates(&found));
    // A document may claim less than can be proven, never more.
    if said.bound.spend > found.bound.spend {
        claim("bound", said.bound.spend.0.to_string(), found.bound.spend.0.to_string());
    }
    let optimal = plan.is_some() && verdict.optimal();
    if document.status == Status::Optimal && !optimal {
        claim("status", "optimal".to_owned(), "no proof of that".to_owned());
    }
    if plan.is_none() && matches!(document.status, Status::Optimal | Status::Feasible) {
        claim("status", "there is a plan".to_owned(), "none in the document".to_owned());
    }
    let stamp = CatalogStamp::of(&document.problem);
    claim("catalog date", document.catalog.date.to_string(), stamp.date.to_string());
    claim("region", document.catalog.region.clone(), stamp.region);
    claim("currency", document.catalog.currency.clone(), stamp.currency);
    let mut notes = Vec::new();
    for (point, have, want) in plan.map_or_else(Vec::new, |plan| short(&document.problem, plan)) {
        let text = format!(
            "at load point `{point}` the plan has {have} replicas of coredns, its nodes call for \
             {want}"
        );
        // Only a search that was ended early may leave it so; it claims no optimum then.
        if document.status == Status::Optimal {
            let (code, place) = ("NP5301".to_owned(), "coredns".to_owned());
            claims.push(Finding { code, place, text });
        } else {
            notes.push(text);
        }
    }
    Verification { verdict, claims, notes }
}
