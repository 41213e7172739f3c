//! What README and the guide show is what the command does.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p nodeplan-cli` writes README's example anew.

mod command;

use command::{Folder, code, root, run_in, stderr, stdout};

const BEGIN: &str = "<!-- example output: begin -->\n```text\n";
const END: &str = "```\n<!-- example output: end -->";

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("the document is there")
}

#[test]
fn readme_shows_what_its_first_command_prints() {
    let readme = document("README.md");
    let begin = readme.find(BEGIN).expect("an example") + BEGIN.len();
    let end = begin + readme[begin..].find(END).expect("its end");
    let printed = run_in(&root(), &[], &["optimize", "-w", "data/workloads/reference.csv"]);
    assert_eq!(code(&printed), 0, "{}", stderr(&printed));
    let printed = stdout(&printed);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        let text = format!("{}{printed}{}", &readme[..begin], &readme[end..]);
        std::fs::write(root().join("README.md"), text).expect("README can be written");
        return;
    }
    assert_eq!(&readme[begin..end], printed);
}

/// Lines of the blocks of one language, continued lines joined.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = document.split(fence.as_str()).skip(1);
    parts
        .filter_map(|part| part.split("```").next())
        .map(|body| body.replace("\\\n", " "))
        .collect()
}

/// Words of a command line; quotes keep a word together, `#` ends the line.
fn words(line: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap_or_default();
    line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[test]
fn every_command_of_the_guide_runs() {
    let guide = document("docs/guide.md");
    let folder = Folder::new("guide");
    let tables = blocks(&guide, "csv");
    folder.write("w.csv", &tables[0]);
    folder.write("traffic.csv", &tables[1]);
    folder.write("instances.csv", "instance,cpu_m,mem_mib,count\na,500,1024,8\nb,1000,2048,5\n");
    folder.write("instance.vbp", "2\n100 50\n3\n49 36 1\n47 0 20\n27 24 3\n");
    for (name, marker) in [
        ("design.yaml", "# design.yaml"),
        ("cluster.yaml", "# cluster.yaml"),
        ("matrix.yaml", "# matrix.yaml"),
        ("settings.yaml", "# nodeplan.yaml"),
        ("load.yaml", "# load.yaml"),
        ("scenario.yaml", "# scenario.yaml"),
    ] {
        let blocks = blocks(&guide, "yaml");
        let block = blocks.iter().find(|block| block.starts_with(marker)).expect(marker);
        folder.write(name, block);
    }
    std::fs::create_dir_all(folder.path().join("data/workloads")).expect("made");
    for name in ["reference.csv", "design-a.yaml", "design-b.yaml"] {
        let from = format!("data/workloads/{name}");
        std::fs::copy(root().join(&from), folder.path().join(&from)).expect("copied");
    }
    let commands: Vec<Vec<String>> = blocks(&guide, "sh")
        .iter()
        .flat_map(|block| block.lines().map(words).collect::<Vec<_>>())
        .filter(|words| words.first().is_some_and(|word| word == "nodeplan"))
        .collect();
    assert!(commands.len() > 12, "{commands:?}");
    for words in commands {
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        // Comparisons take most of the time and have tests of their own.
        let done = run_in(folder.path(), &[("NODEPLAN_PLAN_ONLY", "true")], &arguments);
        assert_eq!(code(&done), 0, "{words:?}: {}", stderr(&done));
    }
    // The settings shown are settings there are; each one is shown.
    std::fs::rename(folder.path().join("settings.yaml"), folder.path().join("nodeplan.yaml"))
        .expect("renamed");
    let done = folder.run(&["optimize", "-w", "w.csv", "--plan-only", "-f", "csv"]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
}

#[test]
fn the_guide_tells_what_the_reference_cluster_costs() {
    let guide = document("docs/guide.md");
    let five = "D2s_v3,D4s_v3,E8s_v4,E16s_v4,B2s";
    let month = |sizes: &[&str]| {
        let plan = ["optimize", "-w", "data/workloads/reference.csv", "--plan-only"];
        let printed = stdout(&run_in(&root(), &[], &[&plan[..], sizes].concat()));
        let total = printed.lines().find_map(|line| line.trim().strip_prefix("TOTAL "));
        assert!(printed.contains("no cheaper plan exists"), "{printed}");
        total.expect("a total").to_owned()
    };
    for sizes in [&["--skus", five][..], &[]] {
        let total = month(sizes);
        assert!(guide.contains(&total), "the guide does not say {total}");
    }
}
