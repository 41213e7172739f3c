//! A document as text for a terminal.

use crate::document::{Block, Cell, Document, Fact, Remark, Spark, Table, Tone};
use crate::escape;

/// How to write to a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colours (ANSI). Nothing is said by colour alone.
    pub color: bool,
    /// Only ASCII characters for bars.
    pub ascii: bool,
    /// Columns at which paragraphs wrap.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { color: false, ascii: true, width: 100 }
    }
}

const BAR: usize = 10;

/// Writes `document` as plain or coloured text.
#[must_use]
pub fn terminal(document: &Document, style: &Style) -> String {
    let mut text = String::new();
    for (index, block) in document.blocks.iter().enumerate() {
        let joins = index > 0
            && matches!(
                (&document.blocks[index - 1], block),
                (Block::Line(_), Block::Line(_)) | (Block::Heading(_), _)
            );
        if index > 0 && !joins {
            text.push('\n');
        }
        match block {
            Block::Heading(heading) => {
                let mut lines = String::new();
                wrap_into(&mut lines, style, "", "", &escape::terminal(heading));
                text.push_str(&paint(style, BOLD, lines.trim_end()));
                text.push('\n');
            }
            Block::Line(line) => wrap_into(&mut text, style, "", "", &escape::terminal(line)),
            Block::Table(table) => write_table(&mut text, style, table),
            Block::Facts(facts) => write_facts(&mut text, style, facts),
            Block::Remarks(remarks) => write_remarks(&mut text, style, remarks),
            Block::List(items) => {
                for item in items {
                    wrap_into(&mut text, style, "  - ", "    ", &escape::terminal(item));
                }
            }
            Block::Sparks(sparks) => write_sparks(&mut text, style, sparks),
        }
    }
    text
}

const BOLD: &str = "1";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

fn paint(style: &Style, code: &str, text: &str) -> String {
    if style.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Breaks `text` at spaces; the first line begins with `first`, the others with `rest`.
fn wrap_into(out: &mut String, style: &Style, first: &str, rest: &str, text: &str) {
    let mut line = first.to_owned();
    let mut used = first.chars().count();
    let mut empty = true;
    for word in text.split(' ') {
        let length = word.chars().count();
        if !empty && used + 1 + length > style.width {
            out.push_str(line.trim_end());
            out.push('\n');
            line = rest.to_owned();
            used = rest.chars().count();
            empty = true;
        }
        if !empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn bar(style: &Style, per_mille: u32) -> String {
    let full = (per_mille as usize * BAR + 500) / 1000;
    let full = full.min(BAR);
    let (on, off) = if style.ascii { ('#', '.') } else { ('█', '░') };
    let mut text = String::new();
    text.extend(std::iter::repeat_n(on, full));
    text.extend(std::iter::repeat_n(off, BAR - full));
    text
}

fn cell_text(style: &Style, cell: &Cell) -> String {
    let text = escape::terminal(&cell.text);
    match cell.bar {
        Some(per_mille) => format!("{text:>4} {}", bar(style, per_mille)),
        None => text,
    }
}

/// Narrowest a column of text becomes, unless its words need more.
const NARROW: usize = 24;

fn write_table(out: &mut String, style: &Style, table: &Table) {
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| row.iter().map(|cell| cell_text(style, cell)).collect())
        .collect();
    let widths = widths(style, table, &rows);
    let titles: Vec<String> = table.columns.iter().map(|column| column.title.clone()).collect();
    let titles: Vec<Vec<String>> =
        titles.iter().zip(&widths).map(|(title, width)| broken(title, *width)).collect();
    for line in lines_of(table, &widths, &titles) {
        out.push_str(&paint(style, BOLD, &line));
        out.push('\n');
    }
    for row in &rows {
        let cells: Vec<Vec<String>> =
            row.iter().zip(&widths).map(|(cell, width)| broken(cell, *width)).collect();
        for line in lines_of(table, &widths, &cells) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    if let Some(total) = &table.total {
        let width: usize = widths.iter().map(|width| width + 2).sum::<usize>().saturating_sub(1);
        out.push_str(&paint(style, BOLD, &format!("{:>width$}", escape::terminal(total))));
        out.push('\n');
    }
}

/// One row of cells, each broken into lines.
fn lines_of(table: &Table, widths: &[usize], cells: &[Vec<String>]) -> Vec<String> {
    let height = cells.iter().map(Vec::len).max().unwrap_or(1);
    let part = |at: usize| -> Vec<String> {
        cells.iter().map(|lines| lines.get(at).cloned().unwrap_or_default()).collect()
    };
    (0..height).map(|at| table_line(table, widths, &part(at))).collect()
}

/// Width of each column: that of its widest cell; where the table is wider than the page, the
/// widest columns of text, and on a page narrower than usual titles above narrower figures, give way
/// until it fits or their words need the room.
fn widths(style: &Style, table: &Table, rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths = Vec::with_capacity(table.columns.len());
    let mut least = Vec::with_capacity(table.columns.len());
    let narrow = style.width < Style::default().width;
    for (at, column) in table.columns.iter().enumerate() {
        let title = column.title.chars().count();
        let cells = || rows.iter().filter_map(|row| row.get(at));
        let width = cells().map(|cell| cell.chars().count()).max().unwrap_or(0).max(title);
        let words = cells().flat_map(|cell| cell.split(' '));
        let word = words.map(|word| word.chars().count()).max().unwrap_or(0);
        let barred = table.rows.iter().any(|row| row.get(at).is_some_and(|c| c.bar.is_some()));
        let stays = column.right || barred;
        widths.push(width);
        let words = column.title.split(' ').map(|word| word.chars().count());
        let titled = if narrow { words.max().unwrap_or(0) } else { title };
        let figures = cells().map(|cell| cell.chars().count()).max().unwrap_or(0);
        let texts = word.max(titled).max(NARROW.min(width));
        least.push(if stays { figures.max(titled) } else { texts });
    }
    loop {
        let total: usize = widths.iter().map(|width| width + 2).sum::<usize>().saturating_sub(1);
        let shrinks = (0..widths.len()).filter(|&at| widths[at] > least[at]);
        match shrinks.max_by_key(|&at| widths[at]) {
            Some(at) if total > style.width => widths[at] -= 1,
            _ => return widths,
        }
    }
}

fn table_line(table: &Table, widths: &[usize], cells: &[String]) -> String {
    let mut line = String::new();
    for ((cell, column), width) in cells.iter().zip(&table.columns).zip(widths) {
        line.push_str(if line.is_empty() { " " } else { "  " });
        if column.right {
            line.push_str(&format!("{cell:>width$}"));
        } else {
            line.push_str(&format!("{cell:<width$}"));
        }
    }
    line.trim_end().to_owned()
}

/// `text` in lines of at most `width`, broken at spaces; text that fits stays as it is.
fn broken(text: &str, width: usize) -> Vec<String> {
    if text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
    }
    lines
}

fn write_facts(out: &mut String, style: &Style, facts: &[Fact]) {
    let widest = facts.iter().map(|fact| fact.label.chars().count()).max().unwrap_or(0);
    let rest = " ".repeat(widest + 3);
    for fact in facts {
        let first = format!(" {:<widest$}  ", fact.label);
        let mut text = String::new();
        wrap_into(&mut text, style, &first, &rest, &escape::terminal(&fact.text));
        let code = match fact.tone {
            Tone::Plain => None,
            Tone::Good => Some(GREEN),
            Tone::Mind => Some(YELLOW),
        };
        if let (Some(code), true) = (code, !fact.label.is_empty()) {
            text = text.replacen(&fact.label, &paint(style, code, &fact.label), 1);
        }
        out.push_str(&text);
    }
}

/// Heights as characters, low to high.
pub(crate) const SPARKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_SPARKS: [char; 9] = [' ', '_', '.', ':', '-', '=', '+', '*', '#'];

fn write_sparks(out: &mut String, style: &Style, sparks: &[Spark]) {
    let labels: Vec<String> = sparks.iter().map(|spark| escape::terminal(&spark.label)).collect();
    let widest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let glyphs = if style.ascii { ASCII_SPARKS } else { SPARKS };
    let ranges: Vec<String> = sparks.iter().map(|spark| escape::terminal(&spark.range)).collect();
    let range = ranges.iter().map(|range| range.chars().count()).max().unwrap_or(0);
    let room = style.width.saturating_sub(widest + range + 7).max(SHORTEST);
    for ((spark, label), range) in sparks.iter().zip(&labels).zip(&ranges) {
        let curve: String =
            fitted(&spark.heights, room).map(|height| glyphs[usize::from(height).min(8)]).collect();
        out.push_str(&format!(" {label:<widest$}  |{curve}|  {range}\n"));
    }
}

/// Shortest a curve becomes.
const SHORTEST: usize = 20;

/// At most `room` heights: of those that fall together, the highest.
fn fitted(heights: &[u8], room: usize) -> impl Iterator<Item = u8> {
    let count = heights.len().min(room);
    (0..count).map(move |at| {
        let part = &heights[at * heights.len() / count..(at + 1) * heights.len() / count];
        part.iter().max().copied().unwrap_or(0)
    })
}

fn write_remarks(out: &mut String, style: &Style, remarks: &[Remark]) {
    for remark in remarks {
        let mut head = remark.severity.clone();
        if !remark.code.is_empty() {
            head.push_str(&format!("[{}]", escape::terminal(&remark.code)));
        }
        let place = if remark.place.is_empty() {
            String::new()
        } else {
            format!("{}: ", escape::terminal(&remark.place))
        };
        let indent = " ".repeat(head.chars().count() + 2);
        let mut text = String::new();
        let body = format!("{place}{}", escape::terminal(&remark.text));
        wrap_into(&mut text, style, &format!("{head}: "), &indent, &body);
        let code = if remark.severity == "warning" { YELLOW } else { RED };
        out.push_str(&text.replacen(&head, &paint(style, code, &head), 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_cells_of_text_wrap_and_numbers_never_do() {
        let mut table = Table::new(&["POOL", "HOLDS", ">USD/month"]);
        table.rows = vec![
            vec!["web".into(), "alpha 1..2, beta 3, gamma 4..5, delta 6".into(), "1,234.50".into()],
            vec!["x".into(), "one".into(), "7.00".into()],
        ];
        let document = Document { blocks: vec![Block::Table(table.clone())] };
        let shown = terminal(&document, &Style { width: 44, ..Style::default() });
        let want = " POOL  HOLDS                       USD/month\n \
                     web   alpha 1..2, beta 3, gamma    1,234.50\n       \
                           4..5, delta 6\n \
                     x     one                              7.00\n";
        assert_eq!(shown, want);
        for width in [1, 20, 30, 60, 200] {
            let shown = terminal(&document, &Style { width, ..Style::default() });
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let mut seen = words(&shown);
            let mut said: Vec<String> = table.columns.iter().map(|c| c.title.clone()).collect();
            said.extend(table.rows.iter().flatten().flat_map(|cell| words(&cell.text)));
            seen.sort();
            said.sort();
            assert_eq!(seen, said, "no word is lost at width {width}");
        }
    }

    #[test]
    fn curves_give_way_to_the_page_and_keep_their_peaks() {
        let mut heights = vec![1; 60];
        heights[31] = 8;
        let spark = Spark { label: "a nodes".into(), heights, range: "0..1".into() };
        let document = Document { blocks: vec![Block::Sparks(vec![spark])] };
        for (width, curve) in [(78, 60), (77, 59), (48, 30), (5, SHORTEST)] {
            let shown = terminal(&document, &Style { width, ..Style::default() });
            let drawn = shown.chars().filter(|one| "_#".contains(*one)).count();
            assert_eq!((drawn, shown.matches('#').count()), (curve, 1), "{width}: {shown}");
        }
    }

    #[test]
    fn tables_align_and_paragraphs_wrap() {
        let mut table = Table::new(&["POOL", ">NODES", "CPU"]);
        table.rows = vec![
            vec!["system".into(), "3".into(), Cell { text: "58%".into(), bar: Some(580) }],
            vec!["a\u{1b}b".into(), "9..14".into(), Cell { text: "100%".into(), bar: Some(1200) }],
        ];
        table.total = Some("TOTAL 8".into());
        let facts = vec![Fact::plain("Proof", "one two three four five six")];
        let document = Document { blocks: vec![Block::Table(table), Block::Facts(facts)] };
        let shown = terminal(&document, &Style { width: 26, ..Style::default() });
        let want = " POOL      NODES  CPU\n \
                     system        3   58% ######....\n \
                     a\\u{1b}b  9..14  100% ##########\n                          TOTAL 8\n\n \
                     Proof  one two three four\n        five six\n";
        assert_eq!(shown, want);
    }
}
