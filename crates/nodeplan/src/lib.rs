//! Which Azure VM node pools should this Kubernetes cluster run on, with proof.
