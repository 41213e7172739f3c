//! Plan files: the judge survives whatever reads as one, contradicts itself on none, and what is
//! written reads as what was read.

use nodeplan::eval::{JudgeOptions, codes};
use nodeplan::explain::explain;
use nodeplan::io::document;

/// The judge's limit; beyond it the bound is only weaker.
const JUDGE: JudgeOptions = JudgeOptions { work_limit: 20_000 };

/// Reads the bytes as a plan file and judges it.
pub fn run(data: &[u8]) {
    let text = &String::from_utf8_lossy(data);
    let found = match document::read("plan.json", text) {
        Err(faults) => return super::refused(&faults),
        Ok(found) => found,
    };
    let judged = nodeplan::verify(&found, &JUDGE);
    let contradiction =
        judged.verdict.findings.iter().find(|finding| finding.code == codes::CONTRADICTION);
    assert_eq!(contradiction, None, "a legal plan below a proven bound");
    let again = document::read("again.json", &document::write(&found));
    assert_eq!(again.as_ref(), Ok(&found), "written and read again");
    if let Some(plan) = &found.plan {
        let workloads = found.problem.workloads().iter().map(|one| one.full_name());
        let pools = plan.pools.iter().map(|pool| pool.name.clone());
        for name in workloads.chain(pools) {
            assert!(explain(&found.problem, plan, &name).is_ok(), "{name}");
        }
    }
}
