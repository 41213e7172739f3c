//! Fluid backlog.
