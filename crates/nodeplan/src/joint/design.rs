//! A design: everything that the search may choose.

use super::layouts::Layout;
use super::moves::Family;
use super::pods::{follow, keeper_rows};
use nodeplan_model::scenario::{
    AutoscalerProfile, Autoscaling, PoolBounds, Provisioning, Scenario,
};
use nodeplan_model::units::Bytes;

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
    /// Memory of each pod that keeps room, where the layout has such: then they come last.
    pub keeper: Option<Bytes>,
    /// The cluster autoscaler.
    pub autoscaler: AutoscalerProfile,
    /// What makes and removes nodes.
    pub provisioning: Provisioning,
}

impl Design {
    /// What a scenario says, on the pools of a layout.
    #[must_use]
    pub fn of(scenario: &Scenario, layout: usize, pools: &Layout) -> Self {
        let mut one = Self {
            layout,
            pools: pools.bounds.clone(),
            scaling: scenario.scaling.clone(),
            replicas: scenario.replicas.clone(),
            keeper: None,
            autoscaler: scenario.autoscaler,
            provisioning: scenario.provisioning.clone(),
        };
        one.settle_keepers(pools);
        one
    }

    /// Pods that keep room come last, as in the problem of the layout.
    fn settle_keepers(&mut self, layout: &Layout) {
        let workloads = layout.problem.workloads();
        let count = workloads.len() - usize::from(layout.pods.keepers > 0);
        self.scaling.truncate(count);
        self.replicas.truncate(count);
        self.keeper = None;
        if layout.pods.keepers > 0 {
            self.keeper = workloads.last().map(|one| one.request.memory);
            self.scaling.push(None);
            self.replicas.push(layout.pods.keepers);
        }
    }

    /// The same on another layout: targets follow requests.
    #[must_use]
    pub(super) fn moved_to(&self, layout: usize, layouts: &[Layout]) -> Self {
        let (from, to) = (&layouts[self.layout], &layouts[layout]);
        let mut one = Self { layout, pools: to.bounds.clone(), ..self.clone() };
        one.settle_keepers(to);
        let rows = from.problem.workloads().iter().zip(to.problem.workloads());
        for ((old, new), scaling) in rows.zip(&mut one.scaling) {
            if let (true, Some(own)) = (old.request != new.request, scaling.as_mut()) {
                follow(own, &old.request, &new.request);
            }
        }
        one
    }

    /// The scenario run with this design.
    #[must_use]
    pub fn on(&self, scenario: &Scenario) -> Scenario {
        let replicas = self.replicas.iter().zip(&self.scaling);
        let mut run = Scenario {
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
        };
        if let Some(memory) = self.keeper {
            let (rules, load, budget) = keeper_rows(memory);
            run.pods.push(rules);
            run.loads.push(load);
            run.budgets.push(budget);
            run.crons.push(None);
        }
        run
    }

    /// Gives every family that is frozen the value that `own` has, which is [`Design::of`] on the
    /// layout of this design.
    pub(super) fn keep(&mut self, frozen: &[Family], own: &Self) {
        for family in frozen {
            match family {
                // These choose among layouts.
                Family::Sizes | Family::Spot | Family::Requests | Family::Keepers => {}
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
        Family::Sizes
        | Family::Spot
        | Family::Nodes
        | Family::Profile
        | Family::Provisioning
        | Family::Requests
        | Family::Keepers => {}
    }
}
