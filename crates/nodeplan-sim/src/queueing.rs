//! How load becomes response time: one queue per pod, and its percentiles.
