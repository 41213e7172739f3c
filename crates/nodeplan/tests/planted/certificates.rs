//! Bugs in proofs. What is left may prove something weaker, but never something false.

use super::{Bug, Case};
use crate::worlds::Draw;
use nodeplan_model::certificate::{Branch, Leaf};
use nodeplan_model::ids::WorkloadId;
use nodeplan_model::units::Spend;

/// All of them, by name.
pub const BUGS: &[(&str, Bug)] = &[
    ("a dual + 1", dual_plus_one),
    ("a dual too large", dual_too_large),
    ("all duals + 1 %", duals_one_percent_up),
    ("negative dual", negative_dual),
    ("duals of two workloads swapped", duals_swapped),
    ("duals of two load points swapped", points_swapped),
    ("system dual too large", system_dual_too_large),
    ("coupling dual lost", coupling_dual_lost),
    ("coupling dual too large", coupling_dual_too_large),
    ("coupling dual reversed", coupling_dual_reversed),
    ("path dual too large", path_dual_too_large),
    ("path dual missing", path_dual_missing),
    ("a leaf without duals", leaf_without_duals),
    ("a dual row too many", dual_row_too_many),
    ("missing leaf", missing_leaf),
    ("one child for two", one_child_for_two),
    ("children swapped", children_swapped),
    ("child loops", child_loops),
    ("leaf nobody reaches", leaf_nobody_reaches),
    ("right-hand side up", rhs_up),
    ("right-hand side down", rhs_down),
    ("row of all kinds", row_of_all_kinds),
    ("condition dropped", condition_dropped),
    ("condition of one pod more", condition_of_one_pod_more),
    ("condition on another workload", condition_on_another_workload),
    ("row of another load point", row_of_another_load_point),
    ("leaves of two sides swapped", leaves_of_two_sides_swapped),
    ("one pool more may be used", one_pool_more),
    ("pool branch of another kind", pool_branch_of_another_kind),
    ("unit doubled", unit_doubled),
    ("scale halved", scale_halved),
    ("scale of zero", scale_of_zero),
    ("wrong weight", wrong_weight),
    ("rate of an unused size missed", cheaper_size_missed),
    ("a pod too many in demand", demand_misread),
    ("no tree", no_tree),
];

/// Those that, taken at their word, prove too much on some seed.
pub const LIARS: &[&str] = &[
    "a dual + 1",
    "a dual too large",
    "all duals + 1 %",
    "system dual too large",
    "unit doubled",
    "scale halved",
    "wrong weight",
    "rate of an unused size missed",
    "a pod too many in demand",
    "one pool more may be used",
    "one child for two",
];

/// What the certificate claims if its duals are not checked: the least leaf value.
pub fn claim(case: &Case) -> Option<Spend> {
    let value = claim_below(case, 0, &mut Vec::new(), case.certificate.tree.len())?;
    let value = u128::try_from(value).unwrap_or(0);
    let spend = value.checked_mul(u128::from(case.certificate.unit))?;
    spend.checked_div(u128::from(case.certificate.scale)).map(Spend)
}

/// `path` holds what each counting row is worth per unit of its dual.
fn claim_below(case: &Case, index: usize, path: &mut Vec<i128>, depth: usize) -> Option<i128> {
    let depth = depth.checked_sub(1)?;
    match case.certificate.tree.get(index)? {
        Branch::Leaf(leaf) => {
            let mut sum: i128 = leaf.system.iter().map(|&dual| i128::from(dual)).sum();
            for ((s, i), &pods) in case.problem.demand().indexed_iter() {
                sum += i128::from(*leaf.demand.get(s)?.get(i)?) * i128::from(pods);
            }
            let rows = leaf.path.iter().zip(path.iter());
            Some(sum + rows.map(|(&dual, worth)| i128::from(dual) * worth).sum::<i128>())
        }
        Branch::Count { rhs, at_most, at_least, .. } => {
            let rhs = i128::from(*rhs);
            let mut side = |child: u32, worth: i128| {
                path.push(worth);
                let value = claim_below(case, child as usize, path, depth);
                path.pop();
                value
            };
            Some(side(*at_most, -rhs)?.min(side(*at_least, rhs + 1)?))
        }
        Branch::Pool { unused, used, .. } => {
            let without = claim_below(case, *unused as usize, path, depth)?;
            Some(without.min(claim_below(case, *used as usize, path, depth)?))
        }
    }
}

fn leaves(case: &mut Case) -> Vec<&mut Leaf> {
    let tree = case.certificate.tree.iter_mut();
    tree.filter_map(|branch| match branch {
        Branch::Leaf(leaf) => Some(leaf),
        Branch::Count { .. } | Branch::Pool { .. } => None,
    })
    .collect()
}

fn any_leaf<'a>(case: &'a mut Case, draw: &mut Draw) -> Option<&'a mut Leaf> {
    let mut leaves = leaves(case);
    let index = draw.below(leaves.len().max(1) as u64) as usize;
    (index < leaves.len()).then(|| leaves.swap_remove(index))
}

fn any_dual<'a>(leaf: &'a mut Leaf, draw: &mut Draw) -> Option<&'a mut i64> {
    let mut duals: Vec<&mut i64> = leaf.demand.iter_mut().flatten().collect();
    let index = draw.below(duals.len().max(1) as u64) as usize;
    (index < duals.len()).then(|| duals.swap_remove(index))
}

fn dual_plus_one(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let mut draw = Draw::new(draw.bits());
    for leaf in leaves(case) {
        *any_dual(leaf, &mut draw)? += 1;
    }
    Some(())
}

fn dual_too_large(case: &mut Case, draw: &mut Draw) -> Option<()> {
    for leaf in leaves(case) {
        let dual = any_dual(leaf, draw)?;
        *dual = dual.checked_mul(2)?.checked_add(1000)?;
    }
    Some(())
}

fn duals_one_percent_up(case: &mut Case, _: &mut Draw) -> Option<()> {
    for leaf in leaves(case) {
        for dual in leaf.demand.iter_mut().flatten() {
            *dual = dual.checked_add(*dual / 100)?;
        }
    }
    Some(())
}

fn negative_dual(case: &mut Case, draw: &mut Draw) -> Option<()> {
    *any_dual(any_leaf(case, draw)?, draw)? = -1;
    Some(())
}

fn duals_swapped(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let leaf = any_leaf(case, draw)?;
    let row = leaf.demand.iter_mut().find(|row| row.len() > 1)?;
    row.swap(0, 1);
    Some(())
}

fn points_swapped(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let leaf = any_leaf(case, draw)?;
    if leaf.demand.len() < 2 {
        return None;
    }
    leaf.demand.swap(0, 1);
    Some(())
}

fn system_dual_too_large(case: &mut Case, _: &mut Draw) -> Option<()> {
    for leaf in leaves(case) {
        let dual = leaf.system.first_mut()?;
        *dual = dual.checked_mul(3)?.checked_add(1_000_000)?;
    }
    Some(())
}

fn coupling_dual_lost(case: &mut Case, _: &mut Draw) -> Option<()> {
    leaves(case).into_iter().find_map(|leaf| leaf.coupling.pop()).map(|_| ())
}

fn coupling_dual_too_large(case: &mut Case, _: &mut Draw) -> Option<()> {
    let dual = leaves(case).into_iter().find_map(|leaf| leaf.coupling.first_mut())?;
    dual.3 = dual.3.checked_mul(5)?;
    Some(())
}

fn coupling_dual_reversed(case: &mut Case, _: &mut Draw) -> Option<()> {
    let dual = leaves(case).into_iter().find_map(|leaf| leaf.coupling.first_mut())?;
    (dual.1, dual.2) = (dual.2, dual.1);
    Some(())
}

fn path_dual_too_large(case: &mut Case, _: &mut Draw) -> Option<()> {
    let mut raised = None;
    for dual in leaves(case).into_iter().flat_map(|leaf| &mut leaf.path) {
        *dual = dual.checked_mul(2)?.checked_add(1_000_000)?;
        raised = Some(());
    }
    raised
}

fn path_dual_missing(case: &mut Case, _: &mut Draw) -> Option<()> {
    leaves(case).into_iter().find_map(|leaf| leaf.path.pop()).map(|_| ())
}

fn leaf_without_duals(case: &mut Case, draw: &mut Draw) -> Option<()> {
    *any_leaf(case, draw)? = Leaf::default();
    Some(())
}

fn dual_row_too_many(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let leaf = any_leaf(case, draw)?;
    let row = leaf.demand.first()?.clone();
    leaf.demand.push(row);
    Some(())
}

fn missing_leaf(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.pop().map(|_| ())
}

fn one_child_for_two(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { at_most, at_least, .. } => {
            *at_most = *at_least;
            Some(())
        }
        Branch::Pool { unused, used, .. } => {
            *unused = *used;
            Some(())
        }
        Branch::Leaf(_) => None,
    })
}

fn children_swapped(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { at_most, at_least, .. } => {
            std::mem::swap(at_most, at_least);
            Some(())
        }
        Branch::Pool { unused, used, .. } => {
            std::mem::swap(unused, used);
            Some(())
        }
        Branch::Leaf(_) => None,
    })
}

fn child_loops(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { at_least: child, .. } | Branch::Pool { used: child, .. } => {
            *child = 0;
            Some(())
        }
        Branch::Leaf(_) => None,
    })
}

fn leaf_nobody_reaches(case: &mut Case, _: &mut Draw) -> Option<()> {
    let leaf = case.certificate.tree.last()?.clone();
    case.certificate.tree.push(leaf);
    Some(())
}

fn rhs_up(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { rhs, .. } => {
            *rhs += 1;
            Some(())
        }
        Branch::Leaf(_) | Branch::Pool { .. } => None,
    })
}

fn rhs_down(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { rhs, .. } => {
            *rhs = rhs.checked_sub(1)?;
            Some(())
        }
        Branch::Leaf(_) | Branch::Pool { .. } => None,
    })
}

fn row_of_all_kinds(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { row, .. } if !row.kinds.is_empty() => {
            row.kinds.clear();
            Some(())
        }
        _ => None,
    })
}

fn condition_dropped(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { row, .. } => row.conditions.pop().map(|_| ()),
        Branch::Leaf(_) | Branch::Pool { .. } => None,
    })
}

fn condition_of_one_pod_more(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { row, .. } => row.conditions.first_mut().map(|one| one.at_least += 1),
        Branch::Leaf(_) | Branch::Pool { .. } => None,
    })
}

fn condition_on_another_workload(case: &mut Case, _: &mut Draw) -> Option<()> {
    let ids = (0..case.problem.workloads().len() as u32).map(WorkloadId);
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { row, .. } => {
            let one = row.conditions.first_mut()?;
            one.workloads = vec![ids.clone().find(|id| !one.workloads.contains(id))?];
            Some(())
        }
        Branch::Leaf(_) | Branch::Pool { .. } => None,
    })
}

fn row_of_another_load_point(case: &mut Case, _: &mut Draw) -> Option<()> {
    let points = case.problem.points().len() as u32;
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Count { row, .. } if points > 1 => {
            row.point = (row.point + 1) % points;
            Some(())
        }
        _ => None,
    })
}

/// Each leaf keeps its dual but finds the row with the other sign.
fn leaves_of_two_sides_swapped(case: &mut Case, _: &mut Draw) -> Option<()> {
    let sides = case.certificate.tree.iter().find_map(|branch| match branch {
        Branch::Count { at_most, at_least, .. } => Some((*at_most as usize, *at_least as usize)),
        Branch::Leaf(_) | Branch::Pool { .. } => None,
    })?;
    let tree = &mut case.certificate.tree;
    let (Branch::Leaf(low), Branch::Leaf(high)) = (tree.get(sides.0)?, tree.get(sides.1)?) else {
        return None;
    };
    let (low, high) = (low.clone(), high.clone());
    (low != high).then_some(())?;
    tree[sides.0] = Branch::Leaf(high);
    tree[sides.1] = Branch::Leaf(low);
    Some(())
}

fn one_pool_more(case: &mut Case, _: &mut Draw) -> Option<()> {
    let branched = |branch: &Branch| matches!(branch, Branch::Pool { .. });
    let most = case.problem.cluster().max_pools?;
    case.certificate.tree.iter().any(branched).then_some(())?;
    case.mistake(|parts| parts.cluster.max_pools = Some(most + 1))
}

fn pool_branch_of_another_kind(case: &mut Case, _: &mut Draw) -> Option<()> {
    let count = case.problem.pool_kinds().len() as u32;
    case.certificate.tree.iter_mut().find_map(|branch| match branch {
        Branch::Pool { kinds, .. } => {
            let other = (0..count).find(|kind| !kinds.contains(kind))?;
            *kinds = vec![other];
            Some(())
        }
        Branch::Leaf(_) | Branch::Count { .. } => None,
    })
}

fn unit_doubled(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.unit = case.certificate.unit.checked_mul(2)?;
    Some(())
}

fn scale_halved(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.scale /= 2;
    Some(())
}

fn scale_of_zero(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.scale = 0;
    Some(())
}

fn wrong_weight(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let unit = case.certificate.unit.max(1);
    let point = draw.below(case.problem.points().len() as u64) as usize;
    case.mistake(|parts| {
        let weight = &mut parts.points[point].weight_millis;
        *weight = (*weight / 2 / unit * unit).max(unit);
    })
}

fn cheaper_size_missed(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let index = draw.below(case.problem.skus().len() as u64) as usize;
    case.mistake(|parts| parts.skus[index].rates.on_demand.0 /= 2)
}

fn demand_misread(case: &mut Case, draw: &mut Draw) -> Option<()> {
    let pairs = case.problem.coupled_points();
    let (points, workloads) = case.problem.demand().dim();
    let at = [draw.below(points as u64) as usize, draw.below(workloads as u64) as usize];
    let dual_of = |leaf: &Leaf| leaf.demand.get(at[0]).and_then(|row| row.get(at[1])).copied();
    let worth = leaves(case).iter().filter_map(|leaf| dual_of(leaf)).max().unwrap_or(0);
    if case.problem.demand()[at] == 0 || worth == 0 {
        return None;
    }
    case.mistake(|parts| parts.demand[at] -= 1)?;
    // Fewer pods may need no node at all, but they must not change what is coupled.
    (case.problem.coupled_points() == pairs).then_some(())
}

fn no_tree(case: &mut Case, _: &mut Draw) -> Option<()> {
    case.certificate.tree.clear();
    Some(())
}
