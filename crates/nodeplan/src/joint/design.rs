//! A design: everything that the search may choose.

use super::layouts::Layout;
use super::moves::Family;
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

    /// Gives every family that is frozen the value that `own` has, which is [`Design::of`] on the
    /// layout of this design; with frozen sizes on the first layout, to which it then goes back.
    pub(super) fn keep(&mut self, frozen: &[Family], own: &Self) {
        if self.layout != own.layout {
            (self.layout, self.pools) = (own.layout, own.pools.clone());
        }
        for family in frozen {
            match family {
                Family::Sizes => {}
                Family::Nodes => self.pools.clone_from(&own.pools),
                Family::Profile => self.autoscaler = own.autoscaler,
                Family::Provisioning => self.provisioning.clone_from(&own.provisioning),
                Family::Targets
                | Family::Minimum
                | Family::Maximum
                | Family::Behavior
                | Family::Schedules => {
                    for (one, own) in self.scaling.iter_mut().zip(&own.scaling) {
                        let (Some(one), Some(own)) = (one, own) else { continue };
                        copy(*family, one, own);
                    }
                }
            }
        }
    }

    /// This design with what others change in it, the first that changes a thing first.
    pub(super) fn joined(&self, others: &[&Self]) -> Self {
        let mut all = self.clone();
        for other in others.iter().filter(|other| other.layout == self.layout) {
            let rows = all.scaling.iter_mut().zip(&self.scaling).zip(&other.scaling);
            for ((to, own), new) in rows {
                if to == own && new != own {
                    to.clone_from(new);
                }
            }
            let rows = all.pools.iter_mut().zip(&self.pools).zip(&other.pools);
            for ((to, own), new) in rows {
                if to == own && new != own {
                    to.clone_from(new);
                }
            }
            if all.autoscaler == self.autoscaler {
                all.autoscaler = other.autoscaler;
            }
            if all.provisioning == self.provisioning {
                all.provisioning.clone_from(&other.provisioning);
            }
        }
        all
    }
}

/// Copies what a family is of one autoscaler to another; its bounds stay in order.
pub(super) fn copy(family: Family, to: &mut Autoscaling, from: &Autoscaling) {
    match family {
        Family::Targets => to.metrics.clone_from(&from.metrics),
        Family::Behavior => to.behavior.clone_from(&from.behavior),
        Family::Schedules => to.schedules.clone_from(&from.schedules),
        Family::Minimum => {
            to.min = from.min;
            to.max = to.max.max(to.min);
        }
        Family::Maximum => {
            to.max = from.max;
            to.min = to.min.min(to.max);
        }
        Family::Sizes | Family::Nodes | Family::Profile | Family::Provisioning => {}
    }
}
