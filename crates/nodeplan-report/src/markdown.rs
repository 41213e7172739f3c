//! A document as GitHub-flavoured Markdown.

use crate::document::{Block, Document, Table};
use crate::escape::markdown as safe;

/// Writes `document` as Markdown.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut text = String::new();
    for (index, block) in document.blocks.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        match block {
            Block::Heading(heading) => text.push_str(&format!("### {}\n", safe(heading))),
            Block::Line(line) => text.push_str(&format!("{}\n", safe(line))),
            Block::Table(table) => write_table(&mut text, table),
            Block::Facts(facts) => {
                for fact in facts {
                    if fact.label.is_empty() {
                        text.push_str(&format!("  {}\n", safe(&fact.text)));
                    } else {
                        let label = safe(&fact.label);
                        text.push_str(&format!("- **{label}** {}\n", safe(&fact.text)));
                    }
                }
            }
            Block::Remarks(remarks) => {
                for remark in remarks {
                    text.push_str(&format!("- **{}", safe(&remark.severity)));
                    if !remark.code.is_empty() {
                        text.push_str(&format!(" {}", safe(&remark.code)));
                    }
                    text.push_str("** ");
                    if !remark.place.is_empty() {
                        text.push_str(&format!("{}: ", safe(&remark.place)));
                    }
                    text.push_str(&format!("{}\n", safe(&remark.text)));
                }
            }
            Block::Sparks(sparks) => {
                for spark in sparks {
                    let curve: String = spark
                        .heights
                        .iter()
                        .map(|height| crate::terminal::SPARKS[usize::from(*height).min(8)])
                        .collect();
                    let (label, range) = (safe(&spark.label), safe(&spark.range));
                    text.push_str(&format!("- {label} `|{curve}|` {range}\n"));
                }
            }
            Block::List(items) => {
                for item in items {
                    text.push_str(&format!("- {}\n", safe(item)));
                }
            }
        }
    }
    text
}

fn write_table(text: &mut String, table: &Table) {
    let titles: Vec<String> = table.columns.iter().map(|column| safe(&column.title)).collect();
    text.push_str(&format!("| {} |\n", titles.join(" | ")));
    let sides: Vec<&str> =
        table.columns.iter().map(|column| if column.right { "---:" } else { "---" }).collect();
    text.push_str(&format!("| {} |\n", sides.join(" | ")));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| safe(&cell.text)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    if let Some(total) = &table.total {
        text.push_str(&format!("\n**{}**\n", safe(total)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Fact, Remark};

    #[test]
    fn markup_in_names_stays_text() {
        let mut table = Table::new(&["POOL", ">NODES"]);
        table.rows = vec![vec!["<b>|x".into(), "3".into()]];
        let remark = Remark {
            severity: "warning".into(),
            code: "NP1031".into(),
            place: "a_b".into(),
            text: "odd".into(),
        };
        let document = Document {
            blocks: vec![
                Block::Table(table),
                Block::Facts(vec![Fact::plain("Proof", "yes")]),
                Block::Remarks(vec![remark]),
            ],
        };
        let want = "| POOL | NODES |\n| --- | ---: |\n| &lt;b&gt;\\|x | 3 |\n\n- **Proof** yes\n\n\
                    - **warning NP1031** a\\_b: odd\n";
        assert_eq!(markdown(&document), want);
    }
}
