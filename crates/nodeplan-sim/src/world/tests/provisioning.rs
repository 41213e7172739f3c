//! Worlds with node auto-provisioning, worked out by hand. Sizes: A has 4 cores, B 8, C 16; nodes
//! come after 120 s and go after 60 s, pods take 5 s to end.

use nodeplan_model::scenario::*;
use nodeplan_model::timeline::{Actor, Timeline};

use super::{HOUR, problem, quiet, simulate, sku, workload};

const A: (&str, u64, u64) = ("A", 4, 100);
const B: (&str, u64, u64) = ("B", 8, 200);
const C: (&str, u64, u64) = ("C", 16, 400);

/// Settings under which every node may go at once.
fn free(consolidate_after_seconds: u64) -> AutoProvisioning {
    AutoProvisioning {
        consolidate_after_millis: Some(consolidate_after_seconds * 1000),
        budgets: Vec::new(),
        ..AutoProvisioning::default()
    }
}

/// Pods of one workload on these sizes, with so many nodes of each at the start and at most.
fn run(
    sizes: &[(&str, u64, u64)],
    bounds: &[(u32, u32)],
    (replicas, cpu_milli): (u32, u64),
    rules: AutoProvisioning,
    change: impl Fn(&mut Scenario),
) -> Timeline {
    let skus = sizes.iter().map(|(name, cores, milli)| sku(name, *cores, 4 * cores, *milli));
    let (problem, plan) = problem(skus.collect(), vec![workload("w", cpu_milli, 512)]);
    let mut scenario = quiet(1, &[replicas], bounds);
    scenario.provisioning = Provisioning::NodeAutoProvisioning(rules);
    change(&mut scenario);
    simulate(&problem, &plan, &scenario).unwrap()
}

/// Decisions about nodes: second, pool, nodes before and after.
fn told(timeline: &Timeline) -> Vec<(u64, u32, u32, u32)> {
    let about_nodes = timeline.decisions.iter().filter(|one| one.actor == Actor::Autoscaler);
    about_nodes
        .map(|one| (one.at_millis / 1000, one.pool.expect("it is of a pool"), one.from, one.to))
        .collect()
}

/// A pod of 5 cores comes at 0 and is looked at a second later: B is the cheapest size that holds
/// it, ready at 121 s. Nothing is cheaper than B alone, so it stays.
#[test]
fn a_pending_pod_gets_the_cheapest_size_that_holds_it() {
    let none = [(0, 3); 3];
    let timeline = run(&[A, B, C], &none, (1, 5000), free(0), |_| {});
    assert_eq!(told(&timeline), [(1, 1, 0, 1)]);
    assert_eq!(timeline.totals[0].pending_millis, [121_000]);
}

/// Five pods of 1.5 cores, 7.5 in all, are one claim that B holds; the node boots for 120 s in
/// which the pods are looked at every 10 s and expected on it.
#[test]
fn pods_that_wait_for_a_node_that_comes_get_no_other() {
    let timeline = run(&[A, B, C], &[(0, 9); 3], (5, 1500), free(0), |_| {});
    assert_eq!(told(&timeline), [(1, 1, 0, 1)]);
    assert_eq!(timeline.totals[0].pending_millis, [121_000; 5]);
}

/// Two pods of 3 cores, one on the only A there may be: the other comes on B, ready at 121 s. B could
/// hold both, which is seen at 130 s and done at 145 s.
#[test]
fn a_pool_at_its_most_nodes_is_out_of_stock() {
    let timeline = run(&[A, B], &[(1, 1), (0, 2)], (2, 3000), free(0), |_| {});
    assert_eq!(told(&timeline), [(1, 1, 0, 1), (145, 0, 1, 0)]);
}

/// Requests for A fail. The first, at 1 s, is refused and A is out of stock until 181 s, so the look
/// at 11 s takes B.
#[test]
fn a_refused_size_is_not_asked_for_again_at_once() {
    let fails = Happening::ProvisioningFails { pool: 0, millis: 2 * HOUR };
    let timeline = run(&[A, B], &[(0, 2), (0, 2)], (1, 3000), free(0), |scenario| {
        scenario.events = vec![Event { at_millis: 0, what: fails }];
        scenario.horizon_millis = HOUR;
    });
    assert_eq!(told(&timeline)[..2], [(1, 0, 0, 0), (11, 1, 0, 1)]);
}

/// A pod of 1.5 cores on each of two A: one node holds both. Quiet for 60 s at the look at 60 s,
/// done at 75 s; the pod has ended at 80 s, the machine is gone at 140 s.
#[test]
fn two_half_empty_nodes_become_one() {
    let timeline = run(&[A], &[(2, 2)], (2, 1500), free(60), |_| {});
    assert_eq!(told(&timeline), [(75, 0, 2, 1)]);
    assert_eq!(timeline.node_millis, [u128::from(4 * HOUR + 140_000)]);
    assert_eq!(timeline.totals[0].evictions, 1);
}

/// A pod of 1.5 cores on each of two B; A holds both and costs a quarter. Found at 10 s, asked for
/// at 25 s, ready at 145 s; only then the old nodes are drained, until 150 s, and gone at 210 s.
#[test]
fn a_cheaper_node_replaces_two() {
    let timeline = run(&[A, B], &[(0, 2), (2, 2)], (2, 1500), free(0), |scenario| {
        scenario.sample_millis = 15_000;
    });
    assert_eq!(told(&timeline), [(25, 0, 0, 1), (25, 1, 2, 1), (25, 1, 1, 0)]);
    let nodes = [u128::from(4 * HOUR - 25_000), 2 * 210_000];
    assert_eq!(timeline.node_millis, nodes);
    let ready: Vec<u32> = timeline.workloads.iter().take(9).map(|sample| sample.ready).collect();
    assert_eq!(ready, [2; 9], "nobody leaves before 145 s");
}

/// The same where one pod of the workload may be away at a time and takes 20 s to start: the drain
/// goes on every 5 s with as many as the budget allows.
#[test]
fn a_budget_slows_the_drain() {
    let timeline = run(&[A, B], &[(0, 2), (2, 2)], (2, 1500), free(0), |scenario| {
        scenario.sample_millis = 15_000;
        scenario.loads[0].startup_millis = 20_000;
        scenario.budgets[0] = Some(PodBudget::MaxUnavailable(Amount::Count(1)));
    });
    assert_eq!(timeline.workloads.iter().map(|sample| sample.ready).min(), Some(1));
    assert_eq!(timeline.pools.last().unwrap().nodes, 0);
    assert_eq!(timeline.workloads.iter().last().unwrap().ready, 2);
}

/// One of two nodes has no pod. Quiet for 300 s at 300 s, deleted at 315 s, gone at 375 s; the policy
/// allows no more. With the policy for empty nodes only, two half-empty nodes stay.
#[test]
fn an_empty_node_goes_once_it_was_quiet() {
    let rules = AutoProvisioning { policy: ConsolidationPolicy::Empty, ..free(300) };
    let timeline = run(&[A], &[(2, 2)], (1, 1500), rules.clone(), |_| {});
    assert_eq!(told(&timeline), [(315, 0, 2, 1)]);
    assert_eq!(timeline.node_millis, [u128::from(4 * HOUR + 375_000)]);
    let timeline = run(&[A], &[(2, 2)], (2, 1500), rules, |_| {});
    assert_eq!(told(&timeline), []);
}

/// 25 empty nodes, of which a tenth, rounded up, may be away: 3 at 25 s, gone at 85 s; 3 of 22 at 100 s,
/// gone at 160 s; 2 of 19 at 175 s, gone at 235 s; 2 of 17 at 250 s.
#[test]
fn a_budget_limits_how_many_nodes_are_away() {
    let rules = AutoProvisioning::default();
    let timeline = run(&[A], &[(25, 25)], (0, 1500), rules, |_| {});
    let seconds: Vec<u64> = told(&timeline).iter().map(|one| one.0).collect();
    assert_eq!(seconds[..10], [25, 25, 25, 100, 100, 100, 175, 175, 250, 250]);
    assert_eq!(seconds.len(), 25);
}

/// A node expires after an hour: its pod is evicted then, waits a second to be looked at and 120 s
/// for the new node, which expires an hour after it was asked for. Nodes that go no longer count.
#[test]
fn an_old_node_is_replaced() {
    let rules = AutoProvisioning { expire_after_millis: Some(HOUR), ..free(0) };
    let timeline = run(&[A], &[(1, 2)], (1, 1500), rules, |_| {});
    assert_eq!(
        told(&timeline)[..4],
        [(3600, 0, 1, 0), (3601, 0, 0, 1), (7201, 0, 1, 0), (7202, 0, 0, 1)]
    );
    assert_eq!(timeline.totals[0].pending_millis[..2], [0, 121_000]);
}

/// A cheaper node would replace two, but machines take 1000 s, more than the 15 minutes they are
/// waited for: it is given up at 925 s and the two take pods again; nobody had to leave.
#[test]
fn nodes_stay_whose_replacement_never_comes() {
    let timeline = run(&[A, B], &[(0, 2), (2, 2)], (2, 1500), free(0), |scenario| {
        scenario.times.ready_p50_millis = 1_000_000;
        scenario.times.ready_p95_millis = 1_000_000;
    });
    let planned = [(25, 0, 0, 1), (25, 1, 2, 1), (25, 1, 1, 0)];
    let given_up = [(925, 0, 1, 0), (925, 1, 0, 1), (925, 1, 1, 2)];
    assert_eq!(told(&timeline)[..6], [planned, given_up].concat());
    assert_eq!(timeline.totals[0].evictions, 0);
}
