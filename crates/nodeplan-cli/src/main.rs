//! The nodeplan command.
fn main() {}
