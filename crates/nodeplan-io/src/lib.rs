//! Text to nouns with every fault located, and nouns to machine formats.
//!
//! Invariant: no reader stops at the first fault, and none panics on any input.

pub mod addons;
pub mod catalog;
pub mod csv;
pub mod diagnostic;
pub mod diff;
pub mod document;
pub mod export;
pub mod joint;
pub mod pack;
pub mod quantity;
pub mod run;
mod selector;
mod source;
pub mod sweep;
pub mod time;
pub mod yaml;
