//! Judges: is a plan legal, is a bound true.
