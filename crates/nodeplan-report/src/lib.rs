//! Nouns to documents for people: terminal, Markdown, CSV.
//!
//! An answer becomes a [`document::Document`] once ([`answer`]), and each target writes that
//! document in its own way, so all say the same.
//!
//! Invariants: nothing here computes a number, it only rounds and groups digits for show;
//! every text that came from a user is escaped for its target; nothing here prints.

pub mod answer;
pub mod catalog;
mod csv;
pub mod diff;
mod diff_csv;
pub mod document;
mod escape;
pub mod explain;
pub mod joint;
mod markdown;
pub mod number;
pub mod run;
mod run_csv;
pub mod run_why;
mod terminal;

pub use csv::pools_csv;
pub use diff_csv::diff_csv;
pub use escape::{csv as csv_cell, visible};
pub use markdown::markdown;
pub use run_csv::run_csv;
pub use terminal::{Style, terminal};
