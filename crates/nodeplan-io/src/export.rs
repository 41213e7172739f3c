//! Plans and sweeps in formats of others' tools, and plans as cluster files of our own. All text that comes from a
//! document is quoted, whatever it holds.

mod design;
mod job;
mod load;
mod scalar;
mod scaling;

pub use design::design;
pub use job::{Job, job};
pub use load::load;
pub use scaling::scaling;
