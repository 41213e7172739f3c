//! What is written reads back and meets the published schema; what is broken is refused.

use super::*;
use crate::pack::{PackSizes, read as read_pack};
use nodeplan_model::answer::{
    Alternative, Bind, DesignAnswer, DesignPool, Notice, PointCost, PoolAnswer, PoolCount,
    PoolPoint, PoolWorkload, Proof, RunnerUp, Usage,
};
use nodeplan_model::catalog::{Arch, Exclusion, Sku};
use nodeplan_model::certificate::{Branch, Leaf};
use nodeplan_model::ids::{GroupId, SkuId, WorkloadId};
use nodeplan_model::plan::{NodePool, Packing, PoolMode};
use nodeplan_model::problem::PoolKind;
use nodeplan_model::units::{Bytes, MilliCpu};
use proptest::prelude::*;
use serde_json::Value;

const SIZES: &str = "\
sku,family,vcpu,mem_mib,alloc_cpu_m,alloc_mem_mib,max_pods,usd_h
Standard_D4s_v3,standardDSv3Family,4,16384,3860,12188,250,0.246
";

fn problem() -> Problem {
    let sizes = PackSizes::of_table("skus.csv", SIZES.as_bytes(), None).unwrap();
    let found = read_pack("toy.csv", b"cpu_m,mem_mib,count\n500,1024,8\n", &sizes).unwrap();
    let mut parts = found.into_iter().next().unwrap().parts;
    // Members that are left out where empty must be described as well.
    parts.workloads[0].cpu_limit = Some(MilliCpu(1000));
    parts.workloads[0].node_selector = vec![("disk".to_owned(), "ssd".to_owned())];
    let spare = Sku {
        name: "Standard_Z1".to_owned(),
        arch: Arch::Arm64,
        retires: Date::parse("2030-01-01"),
        sustained: Some(MilliCpu(400)),
        ..parts.skus[0].clone()
    };
    parts.skus.push(spare);
    Problem::new(parts).unwrap()
}

fn document() -> PlanDocument {
    let problem = problem();
    let pool = NodePool {
        name: "general".to_owned(),
        kind: PoolKind { group: GroupId(1), sku: SkuId(0), max_pods: 250 },
        mode: PoolMode::User,
        packings: vec![vec![
            Packing { nodes: 1, content: vec![(WorkloadId(0), 7)] },
            Packing { nodes: 1, content: vec![(WorkloadId(0), 1)] },
        ]],
    };
    let verdict = Verdict {
        findings: Vec::new(),
        rates: vec![UsdPerHour(492_000_000)],
        cost: UsdPerHour(492_000_000).over_millis(86_400_000),
        bound: UsdPerHour(246_000_001).over_millis(86_400_000),
        lattice: UsdPerHour(246_000_000).over_millis(86_400_000),
        checked: Checked::default(),
    };
    Document {
        schema_version: PLAN_VERSION.to_owned(),
        tool: Tool { name: "nodeplan".to_owned(), version: "0.1.0".to_owned() },
        inputs: vec![input("toy.csv", b"x")],
        catalog: CatalogStamp::of(&problem),
        options: BTreeMap::from([("headroom".to_owned(), "0%".to_owned())]),
        seed: 0,
        status: Status::Feasible,
        summary: Summary::of(&problem, &verdict, true),
        unplaceable: vec![Unplaceable { workload: None, reason: "none".to_owned() }],
        work: Work::default(),
        problem,
        plan: Some(Plan { pools: vec![pool] }),
        certificate: Some(Certificate {
            scale: 1,
            unit: 1,
            tree: vec![Branch::Leaf(Leaf { demand: vec![vec![i64::MAX]], ..Leaf::default() })],
        }),
        answer: Some(answer()),
    }
}

/// An answer with one of everything, so that the schema must describe it all.
fn answer() -> Answer {
    let note = Notice { code: "NP1031".to_owned(), place: "a".to_owned(), text: "b".to_owned() };
    let other = Alternative {
        name: "best single size".to_owned(),
        month: Some(Money(359_160_000_000)),
        saving: Some(Money(-1)),
        saving_per_mille: Some(-1),
        note: "2 D4s_v3".to_owned(),
    };
    let usage = Usage {
        resource: "cpu".to_owned(),
        requested: 4000,
        allocatable: 7720,
        ratio: 518,
        limits_ratio: Some(1036),
        unlimited_pods: 0,
    };
    Answer {
        inputs: vec![input("toy.csv", b"x")],
        region: "table".to_owned(),
        currency: "USD".to_owned(),
        catalog_date: Date::parse("2026-01-01").unwrap(),
        workloads: 1,
        system_workloads: 0,
        most_pods: 8,
        status: Status::Feasible,
        unplaceable: vec![note.clone()],
        points: vec![PointCost {
            name: "all".to_owned(),
            weight_millis: 86_400_000,
            pods: 8,
            nodes: 2,
            rate: Some(UsdPerHour(492_000_000)),
        }],
        pools: vec![pool_answer(usage)],
        mean: Some(UsdPerHour(492_000_000)),
        month: Some(Money(359_160_000_000)),
        proof: Proof {
            optimal: false,
            bound: Some(Money(1)),
            gap_ppm: Some(500_000),
            sizes: 2,
            excluded: vec![Exclusion { reason: "retired".to_owned(), skus: 1 }],
            rules: vec!["at most 6 pools".to_owned()],
            checked: Checked::default(),
            work: Work::default(),
        },
        baselines: vec![other.clone()],
        designs: vec![design(note.clone())],
        isolation: Some(other.clone()),
        one_max_pods: Some(other),
        pool_counts: vec![PoolCount {
            pools: 1,
            month: Some(Money(2)),
            bound: Some(Money(1)),
            status: Status::Feasible,
        }],
        warnings: vec![note],
        assumptions: vec!["a month has 730 hours".to_owned()],
    }
}

fn pool_answer(usage: Usage) -> PoolAnswer {
    PoolAnswer {
        name: "general".to_owned(),
        mode: PoolMode::User,
        sku: "Standard_D4s_v3".to_owned(),
        vcpus: 4,
        memory: Bytes(16 << 30),
        max_pods: 250,
        rate: UsdPerHour(246_000_000),
        labels: vec!["disk=ssd".to_owned()],
        exclusive: false,
        spot: false,
        rate_estimated: false,
        estimated: false,
        least: 2,
        most: 2,
        month: Money(359_160_000_000),
        points: vec![PoolPoint { nodes: 2, pods: 8, usage: vec![usage] }],
        workloads: vec![PoolWorkload { name: "a".to_owned(), system: false, pods: vec![8] }],
        binds: vec![Bind { what: "cpu".to_owned(), nodes: 1, of: 2 }],
        open_nodes: 1,
        runner_up: Some(RunnerUp { sku: "Standard_Z1".to_owned(), extra: Money(0) }),
    }
}

fn design(breach: Notice) -> DesignAnswer {
    let pool = DesignPool {
        name: "web".to_owned(),
        sku: "Standard_D4s_v3".to_owned(),
        workloads: vec!["a".to_owned()],
        nodes: vec![2],
        least: 2,
        most: 2,
        month: Money(3),
        computed: true,
    };
    DesignAnswer {
        name: "design.yaml".to_owned(),
        pools: vec![pool],
        rates: vec![UsdPerHour(1)],
        month: Money(3),
        saving: Some(Money(1)),
        saving_per_mille: Some(333),
        breaches: vec![breach],
    }
}

#[test]
fn a_document_reads_back_and_writes_the_same_bytes() {
    let document = document();
    let text = write(&document);
    let back = read("plan.json", &text).unwrap();
    assert_eq!(back, document);
    assert_eq!(write(&back), text);
    assert!(text.ends_with("}\n"));
}

#[test]
fn money_is_exact_and_readable() {
    let summary = document().summary;
    let cost = summary.cost.unwrap();
    assert_eq!(cost.spend, Spend(42_508_800_000_000_000));
    assert_eq!(cost.per_hour, "0.4920");
    assert_eq!(cost.per_month, "359.16");
    assert_eq!(summary.bound.per_hour, "0.246000001");
    assert_eq!(summary.gap_ppm, Some(500_000));
    assert_eq!(summary.rates[0].per_hour, "0.4920");
    for (cost, bound, ppm) in [
        (10, 10, 0),
        (10, 11, 0),
        (3, 2, 333_334),
        (0, 0, 0),
        (u128::MAX, 0, 1_000_001),
        (1 << 120, 1 << 119, 500_001),
    ] {
        assert_eq!(gap_ppm(Spend(cost), Spend(bound)), ppm, "{cost} {bound}");
    }
}

#[test]
fn spends_beyond_64_bits_survive() {
    let mut document = document();
    document.summary.lattice = Spend(u128::MAX);
    let back = read("plan.json", &write(&document)).unwrap();
    assert_eq!(back.summary.lattice, Spend(u128::MAX));
}

#[test]
fn an_infeasible_document_has_no_plan() {
    let mut document = document();
    let verdict = Verdict {
        findings: Vec::new(),
        rates: Vec::new(),
        cost: Spend(0),
        bound: Spend(0),
        lattice: Spend(1),
        checked: Checked::default(),
    };
    document.plan = None;
    document.certificate = None;
    document.answer = None;
    document.status = Status::Infeasible;
    document.summary = Summary::of(&document.problem, &verdict, false);
    let text = write(&document);
    assert!(!text.contains("\"plan\":") && !text.contains("\"cost\":"));
    assert_eq!(read("plan.json", &text).unwrap(), document);
    validate(&schema(), &schema(), &parse(&text)).unwrap();
}

#[test]
fn broken_documents_are_refused_with_a_place() {
    let good = write(&document());
    let edit = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let seed = 1 + good.lines().position(|line| line.contains("\"seed\"")).unwrap();
    for (text, code, line, word) in [
        (String::new(), "NP1301", 1, "EOF"),
        ("{".to_owned(), "NP1301", 1, "EOF"),
        ("{}".to_owned(), "NP1301", 1, "schemaVersion"),
        ("[1,".to_owned(), "NP1301", 1, ""),
        (edit("\"seed\": 0", "\"seed\": -1"), "NP1301", seed, "-1"),
        (edit("plan/v1", "plan/v2"), "NP1302", 0, "plan/v2"),
        (edit("plan/v1", "plan/v1x"), "NP1302", 0, "v1x"),
        (edit("nodeplan/plan/v1", "nodeplan/v1"), "NP1302", 0, "nodeplan/v1"),
        (edit("\"weight_millis\": 86400000", "\"weight_millis\": 0"), "NP1303", 0, "NP2002"),
        (edit("\"group\": 1", "\"group\": 9"), "NP1303", 0, "no group 9"),
        (edit("\"sku\": 0", "\"sku\": 2"), "NP1303", 0, "no size 2"),
        (edit("[0, 7]", "[1, 7]"), "NP1303", 0, "no workload 1"),
        (edit("\"region\": \"table\"", "\"region\": \"x\""), "NP1303", 0, "catalog"),
    ] {
        let faults = read("plan.json", &text).unwrap_err();
        let fault = &faults[0];
        assert_eq!((fault.code, fault.place.line as usize), (code, line), "{fault}");
        assert!(fault.message.contains(word), "{fault}");
    }
    let minor = edit("plan/v1", "plan/v1.3").replacen('{', "{\"later\": [1],", 1);
    assert!(read("plan.json", &minor).is_ok(), "later minors only add");
}

#[test]
fn hashes_are_sha256() {
    let want = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sha256(b""), want);
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn schema() -> Value {
    parse(schema_plan())
}

/// The keywords the published schema uses; stricter than JSON Schema in one way: a member that
/// is not described is a fault, so that the schema cannot fall behind.
fn validate(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(name) = schema.get("$ref") {
        let name = name.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
        return validate(root, &root["$defs"][name], value);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match schema.get("type") {
        Some(Value::String(only)) => vec![only.as_str()],
        Some(Value::Array(many)) => many.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => vec![kind],
    };
    if !allowed.contains(&kind) {
        return Err(format!("{value} is not {allowed:?}"));
    }
    if let Some(Value::Array(values)) = schema.get("enum")
        && !values.contains(value)
    {
        return Err(format!("{value} is not among {values:?}"));
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            return Err(format!("{name} is missing"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        let described = schema.get("properties").and_then(|members| members.get(name));
        match (described, schema.get("additionalProperties"), schema.get("properties")) {
            (Some(inner), ..) | (None, Some(inner), _) => {
                validate(root, inner, member).map_err(|fault| format!("{name}: {fault}"))?;
            }
            (None, None, Some(_)) => return Err(format!("{name} is not described")),
            (None, None, None) => {}
        }
    }
    for item in value.as_array().into_iter().flatten() {
        if let Some(inner) = schema.get("items") {
            validate(root, inner, item)?;
        }
    }
    Ok(())
}

#[test]
fn a_written_document_meets_the_published_schema() {
    let (schema, value) = (schema(), parse(&write(&document())));
    validate(&schema, &schema, &value).unwrap();
    for name in schema["required"].as_array().unwrap() {
        let mut without = value.clone();
        without.as_object_mut().unwrap().remove(name.as_str().unwrap());
        let fault = validate(&schema, &schema, &without).unwrap_err();
        assert!(fault.contains("is missing"), "{fault}");
    }
    let mut more = value;
    more["tool"]["colour"] = Value::from("red");
    let fault = validate(&schema, &schema, &more).unwrap_err();
    assert_eq!(fault, "tool: colour is not described");
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), at in any::<prop::sample::Index>(), put in ".{0,3}") {
        prop_assert!(read("plan.json", &text).is_err());
        let mut edited = write(&document());
        let at = at.index(edited.len());
        edited.insert_str(at, &put);
        if let Err(faults) = read("plan.json", &edited) {
            prop_assert!(!faults.is_empty());
        }
        edited.truncate(at.saturating_sub(1));
        prop_assert!(read("plan.json", &edited).is_err());
    }
}
