//! Laws and cases that the recorded answers do not hold.

use proptest::prelude::*;

use super::*;

const GIB: i64 = 1 << 30;

fn node(cluster: &mut Cluster, name: &str, zone: &str) -> NodeSpec {
    let (name, zone) = (cluster.names.intern(name), cluster.names.intern(zone));
    NodeSpec {
        name,
        labels: labels([(Symbol::HOSTNAME, name), (Symbol::ZONE, zone)]),
        cpu_milli: 4000,
        memory: 8 * GIB,
        pods: 6,
        ..NodeSpec::default()
    }
}

fn pod(cluster: &mut Cluster, app: &str, cpu_milli: i64) -> PodTemplate {
    let app = (cluster.names.intern("app"), cluster.names.intern(app));
    let container = ContainerRequest { cpu_milli: Some(cpu_milli), ..ContainerRequest::default() };
    PodTemplate {
        labels: vec![app],
        demand: demand(&PodRequests { containers: vec![container], ..PodRequests::default() }),
        ..PodTemplate::default()
    }
}

/// Templates whose rules look at each other: spread of both kinds, affinity, anti-affinity.
fn templates(cluster: &mut Cluster) -> Vec<PodTemplate> {
    let apps: Vec<Selector> =
        ["a", "b", "c"].map(|app| Selector::of_labels(&pod(cluster, app, 0).labels)).to_vec();
    let term = |app: usize, key| PodTerm {
        selector: apps[app].clone(),
        namespaces: Namespaces::Own,
        topology_key: key,
    };
    let spread = |hard, key| SpreadConstraint {
        honor_taints: hard,
        ..SpreadConstraint::new(key, 1, hard, apps[0].clone())
    };
    let mut all = vec![pod(cluster, "a", 500), pod(cluster, "b", 900), pod(cluster, "c", 100)];
    all[0].spread = vec![spread(true, Symbol::HOSTNAME), spread(false, Symbol::ZONE)];
    all[0].preferred = vec![(7, term(1, Symbol::ZONE)), (-3, term(2, Symbol::HOSTNAME))];
    all[1].default_spread = Some(apps[1].clone());
    all[1].anti_affinity = vec![term(2, Symbol::HOSTNAME)];
    all[2].spread = vec![spread(true, Symbol::ZONE)];
    all[2].affinity = vec![term(0, Symbol::ZONE)];
    all
}

/// Verdicts and scores of every template on every node, by the nodes' names.
fn answers(cluster: &Cluster) -> Vec<String> {
    let mut all = Vec::new();
    for template in (0..3).map(TemplateId) {
        let mut feasible = Vec::new();
        let mut nodes = cluster.order().to_vec();
        nodes.sort_by_key(|node| cluster.names.text(cluster.node(*node).name));
        for node in nodes {
            let verdict = filter(cluster, template, node);
            all.push(format!("{verdict:?}"));
            feasible.extend(verdict.is_ok().then_some(node));
        }
        let mut scores = Scores::default();
        score(cluster, template, &feasible, &mut scores);
        all.push(format!("{:?}", scores.totals()));
    }
    all
}

proptest! {
    /// Counts that moved with every change are those of a cluster built at once.
    #[test]
    fn the_cache_forgets_nothing(
        moves in prop::collection::vec((0_u8..8, 0_usize..100, 0_u32..3), 1..120),
    ) {
        let mut cluster = Cluster::default();
        for template in templates(&mut cluster) {
            cluster.register(template);
        }
        let mut pods: Vec<PodId> = Vec::new();
        for (at, (kind, pick, template)) in moves.into_iter().enumerate() {
            let order = cluster.order().to_vec();
            match kind {
                0 => {
                    let zone = format!("z{}", pick % 3);
                    let spec = node(&mut cluster, &format!("n{at:03}"), &zone);
                    cluster.add_node(spec);
                }
                1 if order.len() > 3 => {
                    let gone = cluster.remove_node(order[pick % order.len()]);
                    pods.retain(|pod| !gone.contains(pod));
                }
                2 if !order.is_empty() => {
                    let id = order[pick % order.len()];
                    let mut spec = cluster.node(id).clone();
                    let key = cluster.names.intern("spot");
                    let taint = Taint { key, value: Symbol::EMPTY, effect: Effect::NoSchedule };
                    spec.taints = if spec.taints.is_empty() { vec![taint] } else { Vec::new() };
                    spec.unschedulable = template == 0;
                    cluster.update_node(id, spec);
                }
                3 if !pods.is_empty() => {
                    cluster.set_life(pods[pick % pods.len()], Life::Terminating);
                }
                4 if !pods.is_empty() => cluster.remove_pod(pods.swap_remove(pick % pods.len())),
                _ if !order.is_empty() => {
                    let id = order[pick % order.len()];
                    pods.push(cluster.add_pod(TemplateId(template), id, 0));
                }
                _ => {}
            }
        }
        prop_assert_eq!(answers(&cluster), answers(&built_at_once(&cluster, &pods)));
    }
}

fn built_at_once(cluster: &Cluster, pods: &[PodId]) -> Cluster {
    let mut fresh = Cluster::default();
    fresh.names = cluster.names.clone();
    let mut ids = std::collections::BTreeMap::new();
    for node in cluster.order() {
        ids.insert(*node, fresh.add_node(cluster.node(*node).clone()));
    }
    let placed: Vec<(TemplateId, NodeId, Life)> = pods
        .iter()
        .map(|pod| (cluster.pod(*pod).0, ids[&cluster.pod(*pod).1], cluster.bound(*pod).life))
        .collect();
    for template in (0..3).map(TemplateId) {
        fresh.register(cluster.template(template).clone());
    }
    for (template, node, life) in placed {
        let pod = fresh.add_pod(template, node, 0);
        fresh.set_life(pod, life);
    }
    fresh
}

#[test]
fn the_search_wants_a_share_of_the_nodes() {
    for (nodes, wanted) in [
        (0, 0),
        (99, 99),
        (100, 100),
        (250, 120),
        (1_000, 420),
        (5_000, 500),
        (6_000, 300),
        (10_000, 500),
    ] {
        assert_eq!(wanted_feasible(nodes), wanted, "{nodes} nodes");
    }
}

#[test]
fn nodes_are_looked_at_zone_by_zone() {
    let mut cluster = Cluster::default();
    let mut ids = Vec::new();
    for (name, zone) in [("n0", "1"), ("n1", "1"), ("n2", "2"), ("n3", "1"), ("n4", "2")] {
        let spec = node(&mut cluster, name, zone);
        ids.push(cluster.add_node(spec));
    }
    let names = |cluster: &Cluster| -> Vec<String> {
        let name = |id: &NodeId| cluster.names.text(cluster.node(*id).name).to_owned();
        cluster.order().iter().map(name).collect()
    };
    assert_eq!(names(&cluster), ["n0", "n2", "n1", "n4", "n3"]);
    cluster.remove_node(ids[0]);
    assert_eq!(names(&cluster), ["n1", "n2", "n3", "n4"]);
}

#[test]
fn a_pod_for_one_node_goes_there_or_nowhere() {
    let mut cluster = Cluster::default();
    for name in ["n0", "n1", "n2"] {
        let spec = node(&mut cluster, name, "1");
        cluster.add_node(spec);
    }
    let template = pod(&mut cluster, "ds", 3000);
    let template = cluster.register(template);
    let pending = Pending { pinned: Some(NodeId(1)), ..Pending::of(template, 0) };
    let mut cycle = Cycle::default();
    assert_eq!(schedule_one(&cluster, &pending, &mut cycle), Outcome::Placed(None));
    assert_eq!(cycle.best, [NodeId(1)]);
    cluster.add_pod(template, NodeId(1), 0);
    assert_eq!(schedule_one(&cluster, &pending, &mut cycle), Outcome::Unschedulable);
    let text = fit_error(&cluster, template, &cycle.rejected);
    let reasons = "1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]";
    assert_eq!(text, format!("0/3 nodes are available: {reasons}."));
}

#[test]
fn a_promised_node_is_full_for_pods_of_no_higher_priority() {
    let mut cluster = Cluster::default();
    let spec = node(&mut cluster, "n0", "1");
    let id = cluster.add_node(spec);
    let template = pod(&mut cluster, "a", 3000);
    let important = PodTemplate { priority: 1, ..template.clone() };
    let (low, high) = (cluster.register(template), cluster.register(important));
    cluster.nominate(7, high, id);
    let mut cycle = Cycle::default();
    for (pending, fits) in [
        (Pending::of(low, 1), false),
        (Pending::of(high, 1), false),
        (Pending { nominated: Some(id), ..Pending::of(high, 7) }, true),
    ] {
        let outcome = schedule_one(&cluster, &pending, &mut cycle);
        assert_eq!(outcome == Outcome::Placed(None), fits, "{pending:?}");
    }
    cluster.withdraw(7);
    assert_eq!(schedule_one(&cluster, &Pending::of(low, 1), &mut cycle), Outcome::Placed(None));
}

#[test]
fn extended_resources_and_storage_are_named() {
    let mut cluster = Cluster::default();
    cluster.extended.push("nvidia.com/gpu".to_owned());
    let spec = NodeSpec { ephemeral: GIB, extended: vec![1], ..node(&mut cluster, "n0", "1") };
    let id = cluster.add_node(spec);
    let mut template = pod(&mut cluster, "a", 100);
    template.demand.extended = vec![(0, 1)];
    template.demand.ephemeral = GIB / 2;
    let template = cluster.register(template);
    assert_eq!(filter(&cluster, template, id), Ok(()));
    let first = cluster.add_pod(template, id, 0);
    let second = cluster.template(template).clone();
    let wide =
        PodTemplate { demand: Demand { ephemeral: 2 * GIB, ..second.demand.clone() }, ..second };
    let wide = cluster.register(wide);
    let rejection = filter(&cluster, wide, id).unwrap_err();
    let texts = rejection.texts(&cluster, wide, id);
    assert_eq!(texts, ["Insufficient ephemeral-storage", "Insufficient nvidia.com/gpu"]);
    assert!(!rejection.resolvable, "the node has no 2 GiB at all");
    cluster.remove_pod(first);
    assert_eq!(filter(&cluster, template, id), Ok(()));
}

#[test]
fn volumes_hold_a_pod_where_they_are() {
    let mut cluster = Cluster::default();
    let one = NodeSpec { disks: Some(1), ..node(&mut cluster, "n0", "1") };
    let two = NodeSpec { disks: Some(1), ..node(&mut cluster, "n1", "2") };
    let (one, two) = (cluster.add_node(one), cluster.add_node(two));
    let zone = cluster.names.intern("1");
    let disk = Volume { disk: true, one_pod: true, zones: vec![zone], ..Volume::default() };
    let (first, second) = (cluster.add_volume(disk.clone()), cluster.add_volume(disk));
    let template = pod(&mut cluster, "db", 100);
    let template = cluster.register(template);
    let mut cycle = Cycle::default();
    let mut verdicts = |cluster: &Cluster, volumes: &[VolumeId]| {
        let pending = Pending { volumes, ..Pending::of(template, 0) };
        schedule_one(cluster, &pending, &mut cycle);
        let rejected = cycle.rejected.iter();
        let rejected = rejected.map(|(node, why)| (*node, why.plugin)).collect::<Vec<_>>();
        (cycle.best.clone(), rejected)
    };
    let elsewhere = (two, Plugin::VolumeZone);
    assert_eq!(verdicts(&cluster, &[first]), (vec![one], vec![elsewhere]));
    let placed = cluster.add_pod_with(template, one, 0, &[first]);
    let in_use = vec![(one, Plugin::VolumeRestrictions), elsewhere];
    assert_eq!(verdicts(&cluster, &[first]), (vec![], in_use));
    let full = vec![(one, Plugin::NodeVolumeLimits), elsewhere];
    assert_eq!(verdicts(&cluster, &[second]), (vec![], full));
    cluster.remove_pod(placed);
    let key = Symbol::HOSTNAME;
    let term = Requirement { key, operator: Operator::DoesNotExist, values: vec![] };
    cluster.volume_mut(second).reach = vec![NodeTerm { labels: vec![term], names: vec![] }];
    let unreachable = vec![(one, Plugin::VolumeBinding), (two, Plugin::VolumeBinding)];
    assert_eq!(verdicts(&cluster, &[second]), (vec![], unreachable));
}

#[test]
fn init_containers_count_by_their_largest() {
    let part = |cpu: i64| ContainerRequest { cpu_milli: Some(cpu), ..ContainerRequest::default() };
    let mut requests = PodRequests {
        containers: vec![part(100), part(200)],
        inits: vec![(false, part(350)), (true, part(50)), (false, part(320))],
        ..PodRequests::default()
    };
    // Running: 100 + 200 + 50; starting: 350, then 50, then 50 + 320.
    assert_eq!(demand(&requests).cpu_milli, 370);
    requests.containers[0].cpu_milli = None;
    assert_eq!(demand(&requests).scored_cpu_milli, 370, "a container without counts 100m");
    assert_eq!(demand(&requests).scored_memory, 3 * 200 * 1024 * 1024, "three run at once");
    requests.pod_cpu_milli = Some(90);
    assert_eq!(demand(&requests).cpu_milli, 90, "set for the whole pod");
}
