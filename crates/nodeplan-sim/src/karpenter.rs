//! Node auto-provisioning (Karpenter): provisioning and consolidation.
