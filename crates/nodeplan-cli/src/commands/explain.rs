//! `explain`: a code, or a pool or workload of a plan.

use crate::args::{ExplainArgs, Global};
use crate::diagnose::Failure;
use crate::{Done, output};
use nodeplan::explain::{Explanation, explain};
use nodeplan::report;
use std::path::Path;

const ERRORS: &str = include_str!("../../../../docs/errors.md");

/// Runs the command.
pub fn run(global: &Global, args: &ExplainArgs) -> Done {
    let code = args.what.to_ascii_uppercase();
    let is_code = code.len() == 6
        && code.starts_with("NP")
        && code[2..].bytes().all(|byte| byte.is_ascii_digit());
    if is_code && args.name.is_none() {
        let Some(text) = section(ERRORS, &code) else {
            return Err(Failure::usage(format!("there is no code {code}")));
        };
        output::print(&text)?;
        return Ok(crate::DONE);
    }
    let document = super::verify::plan(Path::new(&args.what))?;
    let Some(plan) = &document.plan else {
        return Err(Failure::usage(format!("{} holds no plan", args.what)));
    };
    let Some(name) = &args.name else {
        let pools: Vec<&str> = plan.pools.iter().map(|pool| pool.name.as_str()).collect();
        return Err(Failure::usage("which pool or workload?")
            .help(format!("pools: {}; or the name of a workload", pools.join(", "))));
    };
    let parts = document.problem.parts();
    let points: Vec<&str> = parts.points.iter().map(|point| point.name.as_str()).collect();
    let shown = match explain(&document.problem, plan, name)? {
        Explanation::Pool(pool) => report::explain::pool(&pool, &points, &parts.currency),
        Explanation::Workload(one) => report::explain::workload(&one, &points, &parts.currency),
    };
    output::print(&report::terminal(&shown, &output::style(global)))?;
    Ok(crate::DONE)
}

/// The part of the error index about `code`.
fn section(errors: &str, code: &str) -> Option<String> {
    let mut lines = errors.lines();
    let title = lines.find_map(|line| line.strip_prefix("## ").filter(|t| t.starts_with(code)))?;
    let body: Vec<&str> =
        lines.take_while(|line| !line.starts_with("## ") && !line.starts_with("# ")).collect();
    Some(format!("{title}\n\n{}\n", body.join("\n").trim()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_code_has_its_section_and_no_more() {
        let errors = "# E\n\n## NP1001: a\n\nfirst\n\n## NP1002: b\n\nsecond\n\n# F\n";
        for (code, want) in [
            ("NP1001", Some("NP1001: a\n\nfirst\n")),
            ("NP1002", Some("NP1002: b\n\nsecond\n")),
            ("NP1003", None),
        ] {
            assert_eq!(super::section(errors, code).as_deref(), want, "{code}");
        }
    }
}
