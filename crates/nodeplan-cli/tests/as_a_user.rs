//! The command as its users meet it: settings and their order, exit codes, names made to harm,
//! plan files that were changed, published instances.

mod command;

use command::{Folder, code, root, run_in, stderr, stdout};

const SMALL: &str = "name,min_replicas,max_replicas,cpu_request,memory_request\na,1,5,500m,1Gi\n";

fn plan<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["optimize", "-w", "w.csv", "--skus", "D4s_v3,D8s_v3", "--plan-only"][..], more].concat()
}

#[test]
fn flag_before_variable_before_file_before_default() {
    let folder = Folder::new("order");
    folder.write("w.csv", SMALL);
    let region = |variables: &[(&str, &str)], more: &[&str]| {
        let printed = stdout(&run_in(folder.path(), variables, &plan(more)));
        let region = printed.lines().find_map(|line| line.strip_prefix("Catalog "));
        let region = region.and_then(|rest| rest.split(',').next()).unwrap_or_default().to_owned();
        let assumed = printed.split("Assumptions (*)\n").nth(1).unwrap_or_default();
        (region, assumed.starts_with("  - region koreacentral, since none was named"))
    };
    let variable = [("NODEPLAN_REGION", "westus2")];
    assert_eq!(region(&[], &[]), ("koreacentral".to_owned(), true));
    folder.write("nodeplan.yaml", "region: swedencentral\n");
    assert_eq!(region(&[], &[]), ("swedencentral".to_owned(), false));
    assert_eq!(region(&[], &["--no-config"]), ("koreacentral".to_owned(), true));
    assert_eq!(region(&variable, &[]), ("westus2".to_owned(), false));
    assert_eq!(region(&variable, &["--region", "westeurope"]), ("westeurope".to_owned(), false));
}

#[test]
fn exit_codes_tell_how_it_went() {
    let folder = Folder::new("codes");
    folder.write("w.csv", SMALL);
    folder.write("empty.csv", "");
    let declared = SMALL.replace("\na", ",declared_qos\na").replace("Gi\n", "Gi,Guaranteed\n");
    folder.write("warns.csv", &declared);
    folder.write("whale.csv", &SMALL.replace("500m", "5000"));
    for (want, arguments) in [
        (0, plan(&[])),
        (0, plan(&["--require-optimal"])),
        (0, plan(&["--strict"])),
        (1, vec!["optimize", "-w", "nowhere.csv"]),
        (1, plan(&["-o", "no/such/folder/plan.json"])),
        (1, vec!["verify", "nowhere.json"]),
        (2, vec!["optimize"]),
        (2, vec!["optimize", "-w", "w.csv", "--no-such-flag"]),
        (2, vec!["optimize", "-w", "empty.csv"]),
        (2, plan(&["--headroom", "15"])),
        (2, plan(&["--overhead", "measured"])),
        (2, plan(&["--peak-hours", "0"])),
        (2, vec!["verify", "w.csv"]),
        (3, vec!["optimize", "-w", "whale.csv", "--skus", "D4s_v3"]),
        (4, vec!["check", "-w", "warns.csv", "--strict"]),
        (4, vec!["optimize", "-w", "warns.csv", "--skus", "D4s_v3", "--plan-only", "--strict"]),
    ] {
        let done = folder.run(&arguments);
        assert_eq!(code(&done), want, "{arguments:?}: {}", stderr(&done));
        assert_eq!(done.stdout.is_empty(), (1..=2).contains(&want), "{arguments:?}");
        assert!(want == 0 || !done.stderr.is_empty() || !done.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn names_cannot_harm_a_terminal_a_spreadsheet_or_a_page() {
    let folder = Folder::new("names");
    let file = "=1+1|<b>\u{1b}[31m.csv";
    folder.write(file, SMALL);
    let design = "pools:\n  - {name: \"=2|<i>`x`\\u001b[0m\", sku: D4s_v3, workloads: [a]}\n";
    folder.write("d.yaml", design);
    let sizes = ["--skus", "D4s_v3", "--plan-only", "--compare", "d.yaml"];
    let shown = |format: &str| {
        let output = folder.run(&[&["optimize", "-w", file, "-f", format][..], &sizes].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        format!("{}{}", stdout(&output), stderr(&output))
    };
    for format in ["table", "md", "csv", "json"] {
        let text = shown(format);
        assert!(!text.contains('\u{1b}'), "{format}: {text}");
        let formula = |line: &str| line.starts_with(['=', '+', '@']);
        assert!(format == "json" || !text.lines().any(formula), "{format}: {text}");
    }
    let page = shown("md");
    assert!(page.contains("=2\\|&lt;i&gt;\\`x\\`"), "{page}");
    assert!(!page.contains("<b>") && !page.contains("<i>"), "{page}");
    let width = |line: &str| line.replace("\\|", "").matches('|').count();
    let tables: Vec<usize> = page.lines().filter(|l| l.starts_with('|')).map(width).collect();
    assert!(tables.iter().all(|bars| *bars == 9 || *bars == 6), "{tables:?} in {page}");

    folder.write("many.csv", "instance,cpu_m,mem_mib,count\n=1+1,500,1024,1\n");
    let line = stdout(&folder.run(&["pack", "many.csv"]));
    assert!(line.contains("many.csv,'=1+1,1,1,"), "{line}");
}

#[test]
fn a_bad_file_is_told_whole_at_most_twenty_faults_shown() {
    let folder = Folder::new("faults");
    let rows: String = (0..30).map(|at| format!("w{at},x,1,512MB\r\n")).collect();
    folder.write("w.csv", &format!("\u{feff}name,replicas,cpu_request,memory_request\r\n{rows}"));
    let text = stderr(&folder.run(&["optimize", "-w", "w.csv"]));
    assert_eq!(text.matches("error[NP1006]").count(), 10, "{text}");
    assert_eq!(text.matches("error[NP1003]").count(), 10, "{text}");
    assert!(text.ends_with("… and 40 more.\n60 errors, nothing solved.\n"), "{text}");
    assert!(text.contains("w.csv:2:4\n2 | w0,x,1,512MB\n  |    ^\n"), "{text}");
}

#[test]
fn many_warnings_are_counted_and_twenty_shown() {
    let folder = Folder::new("warnings");
    let rows: String = (0..23).map(|at| format!("w{at},1,100m,1Gi,Guaranteed\n")).collect();
    let header = "name,replicas,cpu_request,memory_request,declared_qos\n";
    folder.write("w.csv", &format!("{header}{rows}"));
    let answer = stdout(&folder.run(&plan(&[])));
    assert!(answer.contains("; 23 warnings, see below"), "{answer}");
    assert_eq!(answer.matches("warning[NP1031]").count(), 20, "{answer}");
    assert!(answer.contains("warning: and 3 more; `-f json` has them all"), "{answer}");
    let checked = stderr(&folder.run(&["check", "-w", "w.csv"]));
    assert_eq!(checked.matches("warning[NP1031]").count(), 20, "{checked}");
    assert!(checked.ends_with("… and 3 more.\n"), "{checked}");
}

#[test]
fn verify_finds_what_was_changed() {
    let folder = Folder::new("verify");
    folder.write("w.csv", SMALL);
    folder.write("nodeplan.yaml", "peak_hours: 12\n");
    let made = folder.run(&plan(&["-o", "plan.json"]));
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let text = std::fs::read_to_string(folder.path().join("plan.json")).expect("written");
    let verify = |more: &[&str]| folder.run(&[&["verify", "plan.json"][..], more].concat());
    let whole = verify(&["-w", "w.csv", "--input", "nodeplan.yaml"]);
    assert_eq!(code(&whole), 0, "{}", stdout(&whole));
    assert!(stdout(&whole).contains("w.csv is the file the plan was made from"));
    folder.write("w.csv", &SMALL.replace("500m", "501m"));
    let other = verify(&["-w", "w.csv"]);
    assert_eq!(code(&other), 4);
    assert!(stdout(&other).contains("false[NP5302]: w.csv"), "{}", stdout(&other));
    // A node of the plan; a pod of the problem; the rate of a size; the platform's coredns.
    for (from, to) in [
        ("\"nodes\": 1", "\"nodes\": 3"),
        ("\"cpu\": 500", "\"cpu\": 3900"),
        ("\"on_demand\": 246000000", "\"on_demand\": 146000000"),
    ] {
        assert!(text.contains(from), "{from} stands in the plan");
        folder.write("plan.json", &text.replacen(from, to, 1));
        let found = verify(&[]);
        assert!(matches!(code(&found), 2 | 4), "{from}: {}", stdout(&found));
    }
}

#[test]
fn published_instances_pack_and_their_plans_verify() {
    let folder = Folder::new("pack");
    // Bins of 100: 60 + 40, 60 + 40, 50 + 50; then the same in two dimensions.
    folder.write("bins.txt", "3\n100\n60 2\n40 2\n50 2\n");
    folder.write("bins.vbp", "2\n100 10\n3\n60 4 2\n40 6 2\n50 5 2\n");
    let problems = root().join("data/problems");
    let (sizes, toy) = (problems.join("skus_toy5.csv"), problems.join("toy5.csv"));
    let (sizes, toy) = (sizes.to_str().expect("UTF-8"), toy.to_str().expect("UTF-8"));
    let cells = |arguments: &[&str]| {
        let output = folder.run(&[&["pack", "--plans", "plans"][..], arguments].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let text = stdout(&output);
        let rows = text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect());
        rows.collect::<Vec<Vec<String>>>()
    };
    for row in cells(&["bins.txt", "bins.vbp"]) {
        assert_eq!(row[2..10], ["3", "6", "1", "3", "3.0000", "3.0000", "0.000000", "optimal"]);
    }
    for row in cells(&["--skus", sizes, toy]) {
        assert_eq!(row[6..10], ["1.5280", "1.5280", "0.000000", "optimal"]);
    }
    let plans: Vec<_> = std::fs::read_dir(folder.path().join("plans")).expect("made").collect();
    assert_eq!(plans.len(), 3, "no plan takes the place of another: {plans:?}");
    for plan in plans {
        let plan = plan.expect("an entry").path();
        let found = folder.run(&["verify", plan.to_str().expect("UTF-8")]);
        assert_eq!(code(&found), 0, "{}", stdout(&found));
    }
    folder.write("triplet.vbp", "2\n100 100\n2\n49 46 1\n27 -2 1\n");
    let refused = folder.run(&["pack", "triplet.vbp", "bins.vbp"]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("triplet.vbp:5:4"), "{}", stderr(&refused));
    assert_eq!(stdout(&refused).lines().count(), 2, "the other file is solved");
}
