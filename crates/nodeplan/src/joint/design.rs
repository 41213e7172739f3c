//! A design: everything that the search may choose.

use super::layouts::Layout;
use nodeplan_model::scenario::{
    AutoscalerProfile, Autoscaling, PoolBounds, Provisioning, Scenario,
};

/// One point of the search space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    /// Which pools, by index into the layouts of the search.
    pub layout: usize,
    /// Bounds of its pools.
    pub pools: Vec<PoolBounds>,
    /// Autoscaling of every workload.
    pub scaling: Vec<Option<Autoscaling>>,
    /// Replicas at the start.
    pub replicas: Vec<u32>,
    /// The cluster autoscaler.
    pub autoscaler: AutoscalerProfile,
    /// What makes and removes nodes.
    pub provisioning: Provisioning,
}

impl Design {
    /// What a scenario says, on the pools of a layout.
    #[must_use]
    pub fn of(scenario: &Scenario, layout: usize, pools: &Layout) -> Self {
        Self {
            layout,
            pools: pools.bounds.clone(),
            scaling: scenario.scaling.clone(),
            replicas: scenario.replicas.clone(),
            autoscaler: scenario.autoscaler,
            provisioning: scenario.provisioning.clone(),
        }
    }

    /// The scenario run with this design.
    #[must_use]
    pub fn on(&self, scenario: &Scenario) -> Scenario {
        let replicas = self.replicas.iter().zip(&self.scaling);
        Scenario {
            pools: self.pools.clone(),
            scaling: self.scaling.clone(),
            replicas: replicas
                .map(|(replicas, scaling)| match scaling {
                    Some(one) => (*replicas).clamp(one.min, one.max.max(one.min)),
                    None => *replicas,
                })
                .collect(),
            autoscaler: self.autoscaler,
            provisioning: self.provisioning.clone(),
            ..scenario.clone()
        }
    }
}
