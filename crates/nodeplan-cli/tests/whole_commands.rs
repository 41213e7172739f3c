//! Whole commands: what they print, where, and how they end.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p nodeplan-cli` writes the recorded outputs anew; read the
//! difference before keeping it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nodeplan"));
    // The caller's own settings are none of a test's business.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("NODEPLAN_") || name_text.starts_with("CLICOLOR") {
            command.env_remove(&name);
        }
    }
    command.current_dir(folder().join("files")).args(arguments).output().expect("the command runs")
}

/// Standard output, what follows standard error, and the exit code, as one text.
fn told(arguments: &[&str]) -> String {
    let output = run(arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    format!(
        "$ nodeplan {}\n{}--- stderr\n{}--- exit {}\n",
        arguments.join(" "),
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().expect("not killed")
    )
}

/// Compares with the recorded text, or records it.
fn matches_recorded(name: &str, arguments: &[&str]) -> Result<(), String> {
    let file = folder().join("snapshots").join(format!("{name}.txt"));
    let told = told(arguments);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&file, &told).expect("snapshots can be written");
        return Ok(());
    }
    let recorded = std::fs::read_to_string(&file).unwrap_or_default();
    if recorded == told {
        return Ok(());
    }
    let line = recorded.lines().zip(told.lines()).position(|(a, b)| a != b);
    Err(format!("{name}: differs from line {:?} on:\n{told}", line.map(|line| line + 1)))
}

const SIZES: &str = "D2s_v3,D4s_v3";

/// Every case whose output is not as recorded.
fn assert_recorded(cases: &[(&str, Vec<&str>)]) {
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|(name, arguments)| matches_recorded(name, arguments).err())
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A file with something in every column that a row may have.
fn every_column(sizes: &str) -> Vec<&str> {
    let file = ["optimize", "-w", "columns.csv", "--region", "westeurope", "--plan-only"];
    [&file[..], &["--skus", sizes]].concat()
}

#[test]
fn answers_are_as_recorded() {
    let small = ["optimize", "-w", "small.csv", "--region", "koreacentral", "--skus", SIZES];
    let with = |more: &[&'static str]| -> Vec<&str> { [&small[..], more].concat() };
    assert_recorded(&[
        ("optimize", with(&[])),
        ("optimize_verbose", with(&["-v", "--plan-only"])),
        ("optimize_markdown", with(&["-f", "md", "--plan-only"])),
        ("optimize_csv", with(&["-f", "csv", "--plan-only"])),
        ("optimize_compare", with(&["--plan-only", "--compare", "design.yaml"])),
        ("optimize_strict", with(&["--plan-only", "--strict", "-f", "csv"])),
        ("optimize_max_pods", with(&["--max-pods", "auto"])),
        ("optimize_system_dedicated", with(&["--plan-only", "--system-pool", "dedicated"])),
        ("optimize_columns", every_column("D4s_v5,D2pls_v6,NC4as_T4_v3")),
        ("infeasible", vec!["optimize", "-w", "huge.csv", "--skus", SIZES]),
    ]);
}

#[test]
fn spot_pools_are_planned_where_they_are_asked_for() {
    let plan = ["optimize", "-w", "spot.csv", "--region", "koreacentral", "--skus", SIZES];
    let with = |more: &[&'static str]| -> Vec<&str> { [&plan[..], more].concat() };
    assert_recorded(&[
        ("optimize_spot", with(&["--spot", "--compare", "spot-design.yaml"])),
        ("optimize_spot_csv", with(&["--spot", "--plan-only", "-f", "csv"])),
        ("optimize_spot_not_asked", with(&["--plan-only"])),
    ]);
}

#[test]
fn outputs_without_a_search_are_as_recorded() {
    assert_recorded(&[
        ("faulty", vec!["optimize", "-w", "faulty.csv"]),
        ("missing_file", vec!["optimize", "-w", "nowhere.csv"]),
        ("unknown_region", vec!["optimize", "-w", "small.csv", "--region", "koreacentrl"]),
        ("unknown_size", vec!["optimize", "-w", "small.csv", "--skus", "D4sv3"]),
        ("wrong_value", vec!["optimize", "-w", "small.csv", "--headroom", "lots"]),
        ("check", vec!["check", "-w", "small.csv"]),
        ("explain_code", vec!["explain", "np1031"]),
        ("explain_no_code", vec!["explain", "NP1999"]),
        ("catalog_show", vec!["catalog", "show", "D4s_v3", "--region", "koreacentral"]),
        ("catalog_show_large", vec!["catalog", "show", "E16s_v4", "--headroom", "10%"]),
        ("catalog_list", vec!["catalog", "list", "--skus", "D?s_v3,B2s"]),
    ]);
}

#[test]
fn a_plan_file_is_verified_and_a_changed_one_is_not() {
    let plan = std::env::temp_dir().join(format!("nodeplan-{}.json", std::process::id()));
    let path = plan.to_str().expect("UTF-8");
    let made = run(&["optimize", "-w", "small.csv", "--skus", SIZES, "--plan-only", "-o", path]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    assert!(made.stdout.is_empty(), "the plan goes into the file alone");
    let code = |arguments: &[&str]| run(arguments).status.code();
    assert_eq!(code(&["verify", path]), Some(0));
    assert_eq!(code(&["verify", path, "--workloads", "small.csv"]), Some(0));
    assert_eq!(code(&["verify", path, "--workloads", "huge.csv"]), Some(4));
    assert_eq!(code(&["explain", path, "web"]), Some(0));
    assert_eq!(code(&["explain", path, "wob"]), Some(2));
    let text = std::fs::read_to_string(&plan).expect("written");
    for (before, after) in [("\"nodes\": 1", "\"nodes\": 2"), ("\"low\"", "7")] {
        let changed = text.replacen(before, after, 1);
        assert_ne!(changed, text, "{before} stands in the plan");
        std::fs::write(&plan, changed).expect("written");
        let code = code(&["verify", path]);
        assert!(matches!(code, Some(2 | 4)), "{before} to {after}: {code:?}");
    }
    std::fs::remove_file(&plan).expect("removed");
}

#[test]
fn equal_runs_give_equal_bytes_on_any_number_of_threads() {
    let with = |threads: &str| {
        run(&["optimize", "-w", "small.csv", "--skus", SIZES, "-f", "json", "--threads", threads])
            .stdout
    };
    let one = with("1");
    assert!(!one.is_empty());
    assert_eq!(one, with("2"));
    assert_eq!(one, with("1"));
}

#[test]
fn packing_lines_have_one_cell_per_column() {
    let output = run(&["pack", "--skus", "sizes.csv", "--allow-unplaced", "types.csv"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let columns = "file,instance,types,pods,skus,nodes,cost,bound,gap_pct,status,unplaced,cpu_s,\
                   peak_mib";
    assert_eq!(lines[0], columns);
    assert_eq!(lines.len(), 2, "{text}");
    let cells: Vec<&str> = lines[1].split(',').collect();
    assert_eq!(cells.len(), columns.split(',').count());
    assert_eq!(cells[..5], ["types.csv", "types", "3", "6", "2"], "{text}");
    assert_eq!(cells[6], "0.6150", "{text}");
    assert_eq!(cells[10], "1", "one pod fits no size");
    let faulty = run(&["pack", "faulty.csv"]);
    assert_eq!(faulty.status.code(), Some(2));
    assert!(!faulty.stderr.is_empty());
}

/// Fewer pools than workloads that each name a pool of their own: no plan exists. That is proven
/// up to 64 such needs; of more, the search alone could tell, and here it may not work.
#[test]
fn a_search_that_ends_without_plan_or_proof_says_so() {
    let file = std::env::temp_dir().join(format!("nodeplan-own-{}.csv", std::process::id()));
    let path = file.to_str().expect("UTF-8");
    for (workloads, code) in [(60_u32, 3), (66, 5)] {
        let mut text = "name,replicas,cpu_request,memory_request,pool\n".to_owned();
        text.extend((0..workloads).map(|at| format!("w{at},1,1,1Gi,p{at}\n")));
        std::fs::write(&file, text).expect("written");
        let most = (workloads - 1).to_string();
        let file = ["optimize", "-w", path, "--region", "koreacentral", "--skus", SIZES];
        let limits = ["--max-pools", &most, "--work", "1", "--plan-only"];
        let output = run(&[&file[..], &limits].concat());
        assert_eq!(output.status.code(), Some(code), "{workloads} workloads: {output:?}");
    }
    std::fs::remove_file(&file).expect("removed");
}
