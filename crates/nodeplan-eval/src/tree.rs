//! Is the certificate a tree whose leaves cover every integer solution?
//!
//! A counting branch splits the integers at `rhs`; a pool branch splits into "not used" and
//! "one of the used pools". Both cover everything, so the leaves do, if the entries form a tree.
//! What is left to check is that they do, and that each row means something.

use crate::codes;
use crate::verify::Findings;
use nodeplan_model::certificate::{Branch, Certificate, CountRow, Leaf};
use nodeplan_model::problem::Problem;

/// A row on the path to a leaf.
pub(crate) struct PathRow<'a> {
    /// What is counted.
    pub row: &'a CountRow,
    /// The count is at least `rhs` (else at most).
    pub at_least: bool,
    /// Right-hand side.
    pub rhs: i128,
}

/// A leaf with what its path from the root says.
pub(crate) struct LeafView<'a> {
    /// Its place in the tree.
    pub index: usize,
    /// Its duals.
    pub leaf: &'a Leaf,
    /// Counting rows from the root down.
    pub rows: Vec<PathRow<'a>>,
    /// Kinds a plan of this leaf may use.
    pub allowed: Vec<bool>,
    /// Lists of kinds of which at least one must be used.
    pub used: Vec<&'a [u32]>,
    /// No plan is in this leaf: it would need too many pools.
    pub closed: bool,
}

/// Checks scale, unit, the shape of the tree and all its rows.
pub(crate) fn check_tree(
    problem: &Problem,
    certificate: &Certificate,
    kinds: usize,
    found: &mut Findings,
) {
    if certificate.scale == 0 || certificate.unit == 0 {
        found.note(codes::SCALE, "certificate", "scale and unit must be at least 1");
    }
    let count = certificate.tree.len();
    if count == 0 {
        found.note(codes::NO_TREE, "certificate", "the tree has no entry");
    }
    let mut parents = vec![0_u32; count];
    for (index, branch) in certificate.tree.iter().enumerate() {
        for child in children(branch).into_iter().flatten() {
            match parents.get_mut(child as usize) {
                Some(parents) if child as usize > index => *parents = parents.saturating_add(1),
                _ => {
                    let text = format!("child {child} of {count} entries");
                    found.note(codes::CHILD, place(index), text);
                }
            }
        }
        match branch {
            Branch::Count { row, .. } => check_row(problem, row, kinds, index, found),
            Branch::Pool { kinds: list, .. } if list.is_empty() || !in_order(list, kinds) => {
                let text = format!("pool kinds missing, unsorted or not below {kinds}");
                found.note(codes::BRANCH_KIND, place(index), text);
            }
            Branch::Pool { .. } | Branch::Leaf(_) => {}
        }
    }
    for (index, &parents) in parents.iter().enumerate().skip(1) {
        if parents != 1 {
            found.note(codes::PARENT, place(index), format!("child of {parents} entries"));
        }
    }
}

/// `entry 3`.
pub(crate) fn place(index: usize) -> String {
    format!("entry {index}")
}

fn children(branch: &Branch) -> [Option<u32>; 2] {
    match branch {
        Branch::Count { at_most, at_least, .. } => [Some(*at_most), Some(*at_least)],
        Branch::Pool { unused, used, .. } => [Some(*unused), Some(*used)],
        Branch::Leaf(_) => [None, None],
    }
}

/// Sorted, distinct and below `count`.
fn in_order(list: &[u32], count: usize) -> bool {
    list.windows(2).all(|pair| pair[0] < pair[1])
        && list.last().is_none_or(|&last| (last as usize) < count)
}

fn check_row(problem: &Problem, row: &CountRow, kinds: usize, index: usize, found: &mut Findings) {
    if row.point as usize >= problem.points().len() || !in_order(&row.kinds, kinds) {
        found.note(codes::ROW, place(index), "load point or pool kinds unknown or unsorted");
    }
    for condition in &row.conditions {
        let ids = &condition.workloads;
        let sorted = ids.windows(2).all(|pair| pair[0] < pair[1]);
        let known = ids.last().is_some_and(|id| id.index() < problem.workloads().len());
        if !sorted || !known || condition.at_least == 0 {
            let text = "workloads missing, unknown or unsorted, or no pods asked for";
            found.note(codes::CONDITION, place(index), text);
        }
    }
}

/// The leaves of a tree that [`check_tree`] found no fault with, in order of their entries.
pub(crate) fn leaves<'a>(
    problem: &Problem,
    certificate: &'a Certificate,
    kinds: usize,
) -> Vec<LeafView<'a>> {
    let mut parent = vec![0_usize; certificate.tree.len()];
    let mut views = Vec::new();
    for (index, branch) in certificate.tree.iter().enumerate() {
        for child in children(branch).into_iter().flatten() {
            parent[child as usize] = index;
        }
        if let Branch::Leaf(leaf) = branch {
            let path = path_to(&parent, index);
            views.push(view(problem, certificate, kinds, leaf, &path));
        }
    }
    views
}

/// Entries from the root to `index`.
fn path_to(parent: &[usize], index: usize) -> Vec<usize> {
    let mut path = vec![index];
    let mut at = index;
    while at != 0 {
        at = parent[at];
        path.push(at);
    }
    path.reverse();
    path
}

fn view<'a>(
    problem: &Problem,
    certificate: &'a Certificate,
    kinds: usize,
    leaf: &'a Leaf,
    path: &[usize],
) -> LeafView<'a> {
    let mut rows = Vec::new();
    let mut allowed = vec![true; kinds];
    let mut used: Vec<&[u32]> = Vec::new();
    for step in path.windows(2) {
        let child = step[1];
        match &certificate.tree[step[0]] {
            Branch::Count { row, rhs, at_least, .. } => {
                let above = *at_least as usize == child;
                let rhs = i128::from(*rhs) + i128::from(above);
                rows.push(PathRow { row, at_least: above, rhs });
            }
            Branch::Pool { kinds: list, used: yes, .. } if *yes as usize == child => {
                used.push(list);
            }
            Branch::Pool { kinds: list, .. } => {
                list.iter().for_each(|&kind| allowed[kind as usize] = false);
            }
            Branch::Leaf(_) => {}
        }
    }
    let most = problem.cluster().max_pools.map_or(usize::MAX, |most| most as usize);
    let (count, within) = disjoint(&used, kinds);
    if count >= most {
        allowed.iter_mut().zip(within).for_each(|(allowed, within)| *allowed &= within);
    }
    LeafView { index: path[path.len() - 1], leaf, rows, allowed, used, closed: count > most }
}

/// How many pools the `used` lists need at least, and the kinds of the lists that show it:
/// pairwise disjoint ones, short lists first. As many as there may be pools leave no pool for
/// other kinds.
fn disjoint(used: &[&[u32]], kinds: usize) -> (usize, Vec<bool>) {
    let mut lists = used.to_vec();
    lists.sort_by_key(|list| list.len());
    let mut within = vec![false; kinds];
    let mut count = 0;
    for list in lists {
        if list.iter().all(|&kind| !within[kind as usize]) {
            list.iter().for_each(|&kind| within[kind as usize] = true);
            count += 1;
        }
    }
    (count, within)
}
