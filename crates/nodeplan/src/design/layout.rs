//! A design as a problem in which each of its pools is a group of its own.

use super::{Laid, breach};
use crate::Error;
use nodeplan_io::catalog::nearest;
use nodeplan_io::yaml::{Design, DesignPool};
use nodeplan_model::answer::Notice;
use nodeplan_model::catalog::{Catalog, Sku};
use nodeplan_model::eligibility::Pattern;
use nodeplan_model::ids::{GroupId, SkuId, WorkloadId};
use nodeplan_model::placement;
use nodeplan_model::plan::{NodePool, PoolMode};
use nodeplan_model::problem::{Group, PoolKind, Problem};
use std::collections::BTreeMap;

fn size<'a>(
    problem: &Problem,
    catalog: &'a Catalog,
    design: &str,
    pool: &DesignPool,
) -> Result<&'a Sku, Error> {
    let pattern = Pattern::new(&pool.sku);
    catalog.skus.iter().find(|sku| pattern.is_exact() && pattern.matches(&sku.name)).ok_or_else(
        || Error::NoSuchDesignSize {
            design: design.to_owned(),
            line: pool.place.line,
            pool: pool.name.clone(),
            size: pool.sku.clone(),
            region: problem.parts().region.clone(),
            nearest: crate::nearest_sizes(catalog, &pool.sku),
        },
    )
}

fn workload(problem: &Problem, design: &str, pool: &str, name: &str) -> Result<usize, Error> {
    let all = problem.workloads();
    let full = all.iter().position(|one| one.full_name() == name);
    full.or_else(|| all.iter().position(|one| one.name == name)).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|one| one.full_name()).collect();
        let near = nearest(name, names.iter().map(String::as_str), 3);
        let hint = if near.is_empty() {
            String::new()
        } else {
            format!("; did you mean {}?", near.join(", "))
        };
        Error::Design {
            design: design.to_owned(),
            pool: pool.to_owned(),
            reason: format!("no workload is called `{name}`{hint}"),
        }
    })
}

/// The problem in which each design pool is a group of its own, and its empty pools.
pub(super) fn lay_out(
    problem: &Problem,
    catalog: &Catalog,
    title: &str,
    design: &Design,
) -> Result<Laid, Error> {
    let mut parts = problem.parts().clone();
    let all = parts.skus.drain(..).map(|sku| (sku.name.clone(), sku));
    let mut skus: BTreeMap<String, Sku> = all.collect();
    let mut breaches = Vec::new();
    let mut names = Vec::new();
    for pool in &design.pools {
        let sku = size(problem, catalog, title, pool)?;
        skus.entry(sku.name.clone()).or_insert_with(|| sku.clone());
        names.push(sku.name.clone());
        if !sku.user_pool_ok() {
            let text = format!("{} is below the AKS minimum of 2 vCPUs and 2 GB", sku.name);
            breaches.push(breach("NP2201", &pool.name, text));
        }
    }
    let owner = owners(problem, title, design)?;
    breaches.extend(own_pools(problem, design, &owner));
    parts.skus = skus.into_values().collect();
    for (index, one) in parts.workloads.iter_mut().enumerate() {
        one.pool = owner.get(&index).map(|at| group_name(*at));
        one.isolate = one.isolate && one.pool.is_some();
        // The design's pools carry whatever labels their workloads select.
        one.node_selector.retain(|(key, _)| placement::is_well_known(key));
    }
    for (at, _) in design.pools.iter().enumerate().filter(|(_, pool)| pool.spot) {
        let own = group_name(at);
        let members = || parts.workloads.iter().filter(|one| one.pool.as_ref() == Some(&own));
        let exclusive = members().any(|one| one.isolate);
        let pool = members().next().map(|_| own.clone());
        let group = Group { pool, labels: Vec::new(), exclusive, system: false, spot: true };
        parts.groups.push(group);
    }
    let problem = Problem::new(parts).map_err(Error::Problem)?;
    let pools = design.pools.iter().zip(&names).enumerate();
    let pools = pools.map(|(at, (pool, sku))| empty(&problem, at, pool, sku)).collect();
    Ok(Laid { problem, pools, breaches })
}

/// Which pool each workload is in.
fn owners(
    problem: &Problem,
    title: &str,
    design: &Design,
) -> Result<BTreeMap<usize, usize>, Error> {
    let mut owner = BTreeMap::new();
    for (at, pool) in design.pools.iter().enumerate() {
        for name in &pool.workloads {
            let index = workload(problem, title, &pool.name, name)?;
            if owner.insert(index, at).is_some() {
                return Err(Error::Design {
                    design: title.to_owned(),
                    pool: pool.name.clone(),
                    reason: format!("workload `{name}` is in two pools or twice in one"),
                });
            }
        }
    }
    Ok(owner)
}

/// Pool `at` of the design, without nodes. A pool without workloads is of the common group, or its
/// spot version.
fn empty(problem: &Problem, at: usize, designed: &DesignPool, sku: &str) -> NodePool {
    let own = group_name(at);
    let group = |own: Option<&str>| {
        let mut groups = problem.groups().iter();
        groups.position(|one| one.pool.as_deref() == own && one.spot == designed.spot)
    };
    let group = group(Some(&own)).or_else(|| group(None));
    let sku = problem.skus().iter().position(|one| one.name == sku);
    let kind = PoolKind {
        group: GroupId(group.unwrap_or(0) as u32),
        sku: SkuId(sku.unwrap_or(0) as u32),
        max_pods: problem.cluster().max_pods.iter().max().copied().unwrap_or(1),
    };
    let packings = vec![Vec::new(); problem.points().len()];
    NodePool { name: designed.name.clone(), kind, mode: PoolMode::User, packings }
}

/// Pool name that workloads of design pool `at` ask for.
pub(super) fn group_name(at: usize) -> String {
    format!("design-{at}")
}

/// Workloads that must not share a pool, or are in none.
fn own_pools(problem: &Problem, design: &Design, owner: &BTreeMap<usize, usize>) -> Vec<Notice> {
    let mut breaches = Vec::new();
    let asked = |index: usize| {
        let one = problem.workload(WorkloadId(index as u32));
        (one.pool.clone(), one.isolate)
    };
    for (at, pool) in design.pools.iter().enumerate() {
        let members: Vec<usize> =
            owner.iter().filter(|(_, owner)| **owner == at).map(|(index, _)| *index).collect();
        for &one in &members {
            let (wants, _) = asked(one);
            if wants.is_some() && members.iter().any(|&other| asked(other).0 != wants) {
                let name = problem.workload(WorkloadId(one as u32)).full_name();
                let text = format!(
                    "`{name}` asks for pool `{}`, which it would share with workloads that do not",
                    wants.unwrap_or_default()
                );
                breaches.push(breach("NP2202", &pool.name, text));
            }
        }
    }
    for (index, one) in problem.workloads().iter().enumerate() {
        if !one.system && !owner.contains_key(&index) {
            let text = "is in no pool of the design".to_owned();
            breaches.push(breach("NP2203", &one.full_name(), text));
        }
    }
    breaches
}
