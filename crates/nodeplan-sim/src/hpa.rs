//! The HorizontalPodAutoscaler, version 2: proposals per metric, behaviours, its state over time.
