//! Plans in formats of others' tools, and as cluster files of our own. All text that comes from a
//! document is quoted, whatever it holds.

mod design;
mod scalar;
mod scaling;

pub use design::design;
pub use scaling::scaling;
