//! How load becomes response time: one queue per pod, and its percentiles.
//!
//! Times are multiples of a unit: the mean CPU time of a request on as many cores as it can use
//! ([`shape::Shape::unit`]). `docs/load-model.md` states the model, its papers, its error against
//! a simulation of every request, and where it must not be used ([`shape::Shape::doubt`]).
//!
//! Floats are at home here; what is counted (requests, messages) is integers, so that parts can
//! be added in any order. Transcendental functions come from `libm`.

pub mod alike;
pub mod backlog;
pub mod crowd;
pub mod gamma;
pub mod goodput;
pub mod histogram;
pub mod law;
pub mod response;
pub mod retries;
pub mod shape;
pub mod table;
pub mod waits;
pub mod workers;
