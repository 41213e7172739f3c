//! What every target can show: lines, tables, labelled facts, remarks.

/// A document, top to bottom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Parts.
    pub blocks: Vec<Block>,
}

/// A part of a document. Texts are raw; targets escape them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// One paragraph.
    Line(String),
    /// A table.
    Table(Table),
    /// Labelled paragraphs, `Proof   …`.
    Facts(Vec<Fact>),
    /// Remarks with a severity and a code.
    Remarks(Vec<Remark>),
    /// Bullet points.
    List(Vec<String>),
    /// Small curves over the same span of time.
    Sparks(Vec<Spark>),
}

/// A small curve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spark {
    /// What it is of.
    pub label: String,
    /// Heights, 0 (nothing) to 8.
    pub heights: Vec<u8>,
    /// What it spans, `2..8`.
    pub range: String,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Column titles and their side.
    pub columns: Vec<Column>,
    /// Cells, as many per row as columns.
    pub rows: Vec<Vec<Cell>>,
    /// Last line, under the last columns.
    pub total: Option<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Title.
    pub title: String,
    /// Numbers stand right.
    pub right: bool,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Text.
    pub text: String,
    /// A bar of this many thousandths behind the text.
    pub bar: Option<u32>,
}

/// A labelled paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Label.
    pub label: String,
    /// Text.
    pub text: String,
    /// How to feel about it; the words say it too.
    pub tone: Tone,
}

/// Feeling of a fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// None.
    #[default]
    Plain,
    /// Good news.
    Good,
    /// Mind this.
    Mind,
}

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// `warning`, `infeasible`, `breach`.
    pub severity: String,
    /// Code; may be empty.
    pub code: String,
    /// Where; may be empty.
    pub place: String,
    /// What.
    pub text: String,
}

impl Table {
    /// An empty table; a title that begins with `>` stands right.
    #[must_use]
    pub fn new(titles: &[&str]) -> Self {
        let columns = titles
            .iter()
            .map(|title| Column {
                title: title.trim_start_matches('>').to_owned(),
                right: title.starts_with('>'),
            })
            .collect();
        Self { columns, ..Self::default() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, bar: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), bar: None }
    }
}

impl Fact {
    /// A fact without feeling.
    #[must_use]
    pub fn plain(label: &str, text: impl Into<String>) -> Self {
        Self { label: label.to_owned(), text: text.into(), tone: Tone::Plain }
    }
}
