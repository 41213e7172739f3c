//! Node auto-provisioning in a scenario: consolidation, budgets, expiry and limits, in the words of
//! a Karpenter `NodePool` with `_` between them.

use super::fields::{Fields, Reader};
use super::scaling::window;
use super::tree::Node;
use nodeplan_model::scenario::{
    AutoProvisioning, ConsolidationPolicy, DisruptionReason, NodeBudget,
};

const FIELDS: &[&str] =
    &["consolidation_policy", "consolidate_after", "budgets", "expire_after", "limits"];

const POLICIES: [(&str, ConsolidationPolicy); 2] = [
    ("WhenEmptyOrUnderutilized", ConsolidationPolicy::EmptyOrUnderutilized),
    ("WhenEmpty", ConsolidationPolicy::Empty),
];

const REASONS: [(&str, DisruptionReason); 2] =
    [("Empty", DisruptionReason::Empty), ("Underutilized", DisruptionReason::Underutilized)];

/// Reads the settings; what is not said is as Karpenter fills it in, but that nodes do not expire,
/// as in the node pools that AKS makes.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Option<AutoProvisioning> {
    let fields = reader.fields(node, "node_auto_provisioning", FIELDS)?;
    let mut rules = AutoProvisioning::default();
    if let Some(at) = fields.get("consolidation_policy")
        && let Some(text) = reader.text(at, "consolidation_policy")
        && let Some(policy) = reader.choice(at, text, "consolidation_policy", &POLICIES)
    {
        rules.policy = policy;
    }
    let after = or_never(reader, &fields, "consolidate_after");
    rules.consolidate_after_millis = after.unwrap_or(rules.consolidate_after_millis);
    let expire = or_never(reader, &fields, "expire_after");
    rules.expire_after_millis = expire.unwrap_or(rules.expire_after_millis);
    if let Some(list) = fields.get("budgets") {
        let items = reader.items(list, "budgets");
        rules.budgets = items.iter().filter_map(|item| budget(reader, item)).collect();
    }
    if let Some(at) = fields.get("limits")
        && let Some(limits) = reader.fields(at, "limits", &["cpu", "memory"])
    {
        rules.most_cpu = limits.get("cpu").and_then(|at| reader.cpu(at, "cpu"));
        rules.most_memory = limits.get("memory").and_then(|at| reader.memory(at, "memory"));
    }
    Some(rules)
}

/// A length of time, or `Never`.
fn or_never(reader: &mut Reader, fields: &Fields<'_>, name: &str) -> Option<Option<u64>> {
    let node = fields.get(name)?;
    let text = reader.text(node, name)?;
    if text.eq_ignore_ascii_case("never") {
        return Some(None);
    }
    reader.millis(node, name).map(Some)
}

/// Reads `{nodes: 10%, reasons: [Empty], days: mon-fri, from: 08:00, to: 18:00}`.
fn budget(reader: &mut Reader, node: &Node) -> Option<NodeBudget> {
    let known = ["nodes", "reasons", "days", "from", "to"];
    let fields = reader.fields(node, "a budget", &known)?;
    let nodes = reader.required(&fields, "nodes", "a budget");
    let nodes = nodes.and_then(|at| reader.share(at, "nodes", 100));
    let mut reasons = Vec::new();
    if let Some(at) = fields.get("reasons") {
        for (at, text) in reader.texts(at, "reasons") {
            reasons.extend(reader.choice(at, text, "reasons", &REASONS));
        }
    }
    let timed = ["days", "from", "to"].iter().any(|name| fields.get(name).is_some());
    let window = if timed { Some(window(reader, &fields, "a budget", 0)?) } else { None };
    Some(NodeBudget { nodes: nodes?, reasons, window })
}
