//! The kube-scheduler: filters, scores, preemption, its cycle.
