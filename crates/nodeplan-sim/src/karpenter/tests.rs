//! Node auto-provisioning on clusters small enough to work out by hand, and laws on random ones.

use proptest::prelude::*;

use super::consolidation::{emptiness, multi_node, single_node};
use super::disruption::{allowed, candidates, eviction_cost, lifetime_remaining};
use super::nouns::{
    Amounts, Budget, Cluster, InstanceType, Limits, Node, NodePool, Offering, Pdb, Pod, Policy,
    Reason, Settings, Shape, Share, Spread, Term,
};
use super::provision::{Placement, provision};
use super::requirement::{Key, Requirement, Requirements, Value};

const GIB: i64 = 1 << 30;
const ZONES: [Value; 2] = [Value::Word(0), Value::Word(1)];

fn amounts(cpu_milli: i64, gib: i64, pods: i64) -> Amounts {
    Amounts { cpu_milli, memory_bytes: gib * GIB, pods, ..Amounts::default() }
}

/// Size `at` has so many cores, four times the GiB, costs a dollar a core on demand and half as
/// spot, in two zones.
fn size(at: u32, cores: i64) -> InstanceType {
    let mut offerings = Vec::new();
    for zone in ZONES {
        for (capacity_type, factor) in [(Value::ON_DEMAND, 1.0), (Value::SPOT, 0.5)] {
            #[allow(clippy::cast_precision_loss)]
            let price = cores as f64 * factor;
            offerings.push(Offering { zone, capacity_type, price, available: true });
        }
    }
    let mut requirements = Requirements::labels(&[(Key::INSTANCE_TYPE, Value::Word(at))]);
    requirements.add(Key::ZONE, &Requirement::within(ZONES.to_vec()));
    let both = vec![Value::ON_DEMAND, Value::SPOT];
    requirements.add(Key::CAPACITY_TYPE, &Requirement::within(both));
    let all = amounts(cores * 1000, cores * 4, 110);
    InstanceType { requirements, capacity: all, allocatable: all, offerings }
}

/// Sizes of 2, 4, 8 and 16 cores.
fn sizes() -> Vec<InstanceType> {
    (0..4).map(|at| size(at, 2 << at)).collect()
}

fn pool(capacity_type: Value) -> NodePool {
    NodePool {
        requirements: Requirements::labels(&[(Key::CAPACITY_TYPE, capacity_type)]),
        types: (0..4).collect(),
        budgets: vec![Budget { share: Share::Percent(100), reasons: Vec::new() }],
        ..NodePool::default()
    }
}

fn shape(app: u32, cpu_milli: i64) -> Shape {
    Shape { app, requests: amounts(cpu_milli, 1, 1), ..Shape::default() }
}

fn node(at: u32, size: usize, capacity_type: Value) -> Node {
    let all = sizes()[size].allocatable;
    Node {
        pool: Some(0),
        instance_type: Some(size),
        labels: Requirements::labels(&[
            (Key::HOSTNAME, Value::Word(at)),
            (Key::ZONE, ZONES[0]),
            (Key::CAPACITY_TYPE, capacity_type),
        ]),
        taints: Vec::new(),
        capacity: all,
        allocatable: all,
        daemons_to_come: Amounts::default(),
        created_ms: 0,
        initialized: true,
        ready: true,
        deleting: false,
        do_not_disrupt: false,
        nominated: false,
        consolidatable: true,
    }
}

fn pods(shape: usize, node: Option<usize>, count: usize) -> Vec<Pod> {
    (0..count).map(|at| Pod { shape, node, uid: at as u64, ..Pod::default() }).collect()
}

/// A cluster of lists that outlive it.
fn cluster<'a>(
    types: &'a [InstanceType],
    pools: &'a [NodePool],
    shapes: &'a [Shape],
    nodes: &'a [Node],
    pods: &'a [Pod],
) -> Cluster<'a> {
    Cluster { types, pools, shapes, nodes, pods, pdbs: &[], now_ms: 0 }
}

fn claims(placement: &Placement) -> Vec<(usize, Vec<usize>)> {
    placement.claims.iter().map(|claim| (claim.pods.len(), claim.types.clone())).collect()
}

#[test]
fn a_claim_grows_until_no_size_is_large_enough() {
    // Five pods of 3.5 cores: four fill 14 of 16 cores, the fifth opens a claim that 4 cores hold.
    let (types, pools, shapes) = (sizes(), [pool(Value::ON_DEMAND)], [shape(0, 3500)]);
    let pods = pods(0, None, 5);
    let state = cluster(&types, &pools, &shapes, &[], &pods);
    let placement = provision(state, Settings::default(), &mut |_| 0);
    assert_eq!(claims(&placement), [(4, vec![3]), (1, vec![1, 2, 3])]);
}

#[test]
fn a_limit_counts_the_largest_size_a_claim_may_become() {
    // 20 cores: the first claim may become 16 cores, so the second may have 4 at most.
    let types = sizes();
    let limits = Limits { cpu_milli: Some(20_000), ..Limits::default() };
    let pools = [NodePool { limits, ..pool(Value::ON_DEMAND) }];
    let selects = vec![0];
    let apart = Term { key: Key::HOSTNAME, selects, weight: None };
    let shapes = [Shape { anti_affinity: vec![apart], ..shape(0, 1000) }];
    let pods = pods(0, None, 3);
    let state = cluster(&types, &pools, &shapes, &[], &pods);
    let placement = provision(state, Settings::default(), &mut |_| 0);
    assert_eq!(claims(&placement), [(1, vec![0, 1, 2, 3]), (1, vec![0, 1])]);
    assert_eq!(placement.unplaced.len(), 1);
}

#[test]
fn spread_over_zones_is_dropped_only_if_it_is_a_wish() {
    // Nothing can be bought in the second zone, though it is a domain: with a skew of 1 the first
    // takes one pod, unless the constraint is dropped.
    let (mut types, mut pools) = (sizes(), [pool(Value::ON_DEMAND)]);
    pools[0].types = vec![0];
    types[0].offerings.retain(|offering| offering.zone == ZONES[0]);
    let pods = pods(0, None, 6);
    for (soft, placed) in [(false, 1), (true, 6)] {
        let spread = Spread {
            key: Key::ZONE,
            max_skew: 1,
            min_domains: None,
            soft,
            selects: vec![0],
            ignore_affinity: false,
            honor_taints: false,
        };
        let shapes = [Shape { spread: vec![spread], ..shape(0, 1500) }];
        let state = cluster(&types, &pools, &shapes, &[], &pods);
        let placement = provision(state, Settings::default(), &mut |_| 0);
        assert_eq!(6 - placement.unplaced.len(), placed, "soft {soft}");
    }
}

#[test]
fn minimum_values_keep_a_claim_flexible() {
    let (types, shapes) = (sizes(), [shape(0, 3500)]);
    let pods = pods(0, None, 2);
    for (wanted, expected) in
        [(2, vec![(2, vec![2, 3])]), (3, vec![(1, vec![1, 2, 3]), (1, vec![1, 2, 3])]), (4, vec![])]
    {
        let mut pools = [pool(Value::ON_DEMAND)];
        let flexible = Requirement::exists().with_min_values(wanted);
        pools[0].requirements.add(Key::INSTANCE_TYPE, &flexible);
        let state = cluster(&types, &pools, &shapes, &[], &pods);
        let placement = provision(state, Settings::default(), &mut |_| 0);
        assert_eq!(claims(&placement), expected, "{wanted} values");
    }
}

#[test]
fn a_node_is_replaced_by_sizes_that_cost_less() {
    // 3.5 cores on a node of 16: 4 and 8 cores cost less.
    let (types, pools, shapes) = (sizes(), [pool(Value::ON_DEMAND)], [shape(0, 3500)]);
    let nodes = [node(0, 3, Value::ON_DEMAND)];
    let pods = pods(0, Some(0), 1);
    let state = cluster(&types, &pools, &shapes, &nodes, &pods);
    let command = single_node(state, Settings::default(), &[0], &mut |_| 0);
    assert_eq!(command.removed, [0]);
    assert_eq!(command.replacement.map(|claim| claim.types), Some(vec![1, 2]));
    assert!(multi_node(state, Settings::default(), &mut |_| 0).is_none());
    assert!(emptiness(state, Settings::default()).is_none());
}

#[test]
fn spot_replaces_spot_only_behind_its_gate_and_with_fifteen_cheaper_sizes() {
    let pools = [NodePool { types: (0..17).collect(), ..pool(Value::SPOT) }];
    let shapes = [shape(0, 1000)];
    let types: Vec<InstanceType> = (0..17).map(|at| size(at, i64::from(at) + 2)).collect();
    let pods = pods(0, Some(0), 1);
    for (spot_to_spot, of, expected) in
        [(false, 16, None), (true, 14, None), (true, 15, Some(15)), (true, 16, Some(15))]
    {
        let mut nodes = [node(0, 3, Value::SPOT)];
        nodes[0].instance_type = Some(of);
        let settings = Settings { spot_to_spot, ..Settings::default() };
        let state = cluster(&types, &pools, &shapes, &nodes, &pods);
        let command = single_node(state, settings, &[0], &mut |_| 0);
        assert_eq!(command.replacement.map(|claim| claim.types.len()), expected, "size {of}");
    }
}

#[test]
fn what_holds_a_node() {
    let (types, shapes) = (sizes(), [shape(0, 500)]);
    let on_nodes = [pods(0, Some(0), 1), pods(0, Some(1), 1)].concat();
    type Change = fn(&mut NodePool, &mut Node, &mut Pod, &mut Pdb);
    let changes: [(&str, Change, usize); 8] = [
        ("nothing", |_, _, _, _| (), 2),
        ("the policy", |pool, _, _, _| pool.policy = Policy::WhenEmpty, 0),
        ("a node's annotation", |_, node, _, _| node.do_not_disrupt = true, 1),
        ("a pod's annotation", |_, _, pod, _| pod.do_not_disrupt = true, 1),
        ("a budget of its application", |_, _, _, pdb| pdb.allowed = 0, 0),
        ("its deletion", |_, node, _, _| node.deleting = true, 1),
        ("its pods' latest change", |_, node, _, _| node.consolidatable = false, 1),
        ("that it is not ready: nothing", |_, node, _, _| node.ready = false, 2),
    ];
    for (what, change, expected) in changes {
        let (mut pool, mut held) = (pool(Value::ON_DEMAND), node(0, 1, Value::ON_DEMAND));
        let (mut all, mut pdb) =
            (on_nodes.clone(), Pdb { selects: vec![0], allowed: 1, fully_blocking: false });
        change(&mut pool, &mut held, &mut all[0], &mut pdb);
        let (pools, nodes) = ([pool], [held, node(1, 1, Value::ON_DEMAND)]);
        let pdbs = [pdb];
        let state = Cluster { pdbs: &pdbs, ..cluster(&types, &pools, &shapes, &nodes, &all) };
        let found = candidates(state, Reason::Underutilized, Settings::default());
        assert_eq!(found.len(), expected, "{what}");
    }
}

#[test]
fn budgets_round_up_and_the_least_holds() {
    let budget = |share, reasons: &[Reason]| Budget { share, reasons: reasons.to_vec() };
    let drifted = [Reason::Drifted];
    for (budgets, nodes, expected) in [
        (vec![], 7, i32::MAX as u64),
        (vec![budget(Share::Percent(10), &[])], 7, 1),
        (vec![budget(Share::Percent(50), &[]), budget(Share::Nodes(3), &[])], 7, 3),
        (vec![budget(Share::Percent(50), &[]), budget(Share::Nodes(0), &drifted)], 7, 4),
    ] {
        assert_eq!(allowed(&budgets, nodes, Reason::Empty), expected, "{budgets:?}");
    }
}

#[test]
fn costs_of_disruption() {
    let pod = |deletion_cost, priority| Pod { deletion_cost, priority, ..Pod::default() };
    assert!((eviction_cost(&pod(None, None)) - 1.0).abs() < 1e-12);
    assert!((eviction_cost(&pod(Some(134_217_728.0), Some(33_554_432))) - 3.0).abs() < 1e-12);
    assert!((eviction_cost(&pod(Some(-1e12), None)) + 10.0).abs() < 1e-12);
    assert!((lifetime_remaining(0, Some(4_000), 1_000) - 0.75).abs() < 1e-12);
    assert!((lifetime_remaining(0, Some(4_000), 9_000)).abs() < 1e-12);
}

proptest! {
    #[test]
    fn every_pod_has_one_place_and_every_size_of_a_claim_holds_its_pods(
        cpus in proptest::collection::vec(50i64..9000, 1..4),
        counts in proptest::collection::vec(1usize..12, 3),
        apart in proptest::collection::vec(any::<bool>(), 3),
        existing in 0u32..3,
    ) {
        let (types, pools) = (sizes(), [pool(Value::ON_DEMAND)]);
        let shapes: Vec<Shape> = (cpus.iter().zip(&apart).enumerate())
            .map(|(at, (cpu, apart))| {
                let app = u32::try_from(at).expect("few");
                let term = Term { key: Key::HOSTNAME, selects: vec![app], weight: None };
                let anti_affinity = if *apart { vec![term] } else { Vec::new() };
                Shape { anti_affinity, ..shape(app, *cpu) }
            })
            .collect();
        let nodes: Vec<Node> = (0..existing).map(|at| node(at, 2, Value::ON_DEMAND)).collect();
        let pods: Vec<Pod> =
            (0..shapes.len()).flat_map(|at| pods(at, None, counts[at])).collect();
        let state = cluster(&types, &pools, &shapes, &nodes, &pods);
        let placement = provision(state, Settings::default(), &mut |_| 0);
        let mut seen: Vec<usize> = placement.claims.iter().flat_map(|c| c.pods.clone()).collect();
        seen.extend(placement.placed.iter().map(|(pod, _)| *pod));
        seen.extend(&placement.unplaced);
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..pods.len()).collect::<Vec<_>>());
        prop_assert!(placement.unplaced.is_empty());
        for claim in &placement.claims {
            let total = claim.pods.iter().fold(Amounts::default(), |sum, pod| {
                sum.plus(shapes[pods[*pod].shape].requests)
            });
            prop_assert_eq!(total, claim.requests);
            prop_assert!(claim.types.iter().all(|at| total.fits(types[*at].allocatable)));
        }
    }
}
