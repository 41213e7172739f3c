//! The cluster autoscaler as AKS runs it: expanders, estimator, balancing, scale-down, its loop.
