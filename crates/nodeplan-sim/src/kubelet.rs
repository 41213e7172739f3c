//! The kubelet: QoS, eviction order, control groups.
