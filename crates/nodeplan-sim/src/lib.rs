//! Plan and scenario to timeline.
