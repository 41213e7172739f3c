//! Columns made so far: one node content of one kind at one load point.

use crate::compile::Compiled;
use std::collections::BTreeSet;

/// One node content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Kind.
    pub kind: usize,
    /// Load point.
    pub point: usize,
    /// (class, pods), sorted by class, pods positive.
    pub content: Vec<(u32, u32)>,
}

/// All columns, each once, in the order they were made.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    columns: Vec<Column>,
    seen: BTreeSet<Column>,
}

impl Pool {
    /// Adds a column; false where it was there.
    pub fn add(&mut self, column: Column) -> bool {
        let new = self.seen.insert(column.clone());
        if new {
            self.columns.push(column);
        }
        new
    }

    /// Adds a content at every load point whose demand holds it.
    pub fn add_everywhere(&mut self, compiled: &Compiled, column: &Column) -> usize {
        let mut added = 0;
        for point in 0..compiled.weights.len() {
            let within = column
                .content
                .iter()
                .all(|&(class, pods)| pods <= compiled.classes[class as usize].demand[point]);
            if point == column.point || within {
                added += usize::from(self.add(Column { point, ..column.clone() }));
            }
        }
        added
    }

    /// In order of making.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}
