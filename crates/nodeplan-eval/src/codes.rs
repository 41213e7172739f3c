//! Every code the judge can report, with what it means. `docs/errors.md` has a heading for
//! each; a test compares.

/// One code and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `NP51xx` for plans, `NP52xx` for certificates.
    pub code: &'static str,
    /// One line.
    pub title: &'static str,
    /// What the rule is and why a plan or certificate that breaks it is no good.
    pub explanation: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal;)*) => {
        $(#[doc = $title] pub const $name: &str = $code;)*
        /// All codes, in order.
        pub const ALL: &[Code] = &[
            $(Code { code: $code, title: $title, explanation: $explanation },)*
        ];
    };
}

codes! {
    POOL_NAME = "NP5101", "Invalid pool name",
        "An AKS Linux pool name is 1 to 12 lowercase letters and digits and starts with a letter.";
    POOL_TWICE = "NP5102", "Two pools of one name",
        "Pool names must be distinct within a cluster.";
    UNKNOWN_KIND = "NP5103", "Not a pool the problem allows",
        "The pool's size, group and max pods are no combination the problem offers.";
    KIND_TWICE = "NP5104", "Two pools of one kind",
        "Two pools with equal size, group and max pods are one pool; counted twice they would waste a pool.";
    POINTS = "NP5105", "Content missing for a load point",
        "A pool lists its content once per load point, in the order of the problem's load points.";
    CONTENT = "NP5106", "Malformed node content",
        "The content of a node names existing workloads, sorted, each once, with positive counts.";
    NO_NODES = "NP5107", "A packing of no nodes",
        "Every packing stands for at least one node.";
    DEMAND = "NP5108", "Pods missing or too many",
        "At every load point each workload has exactly as many pods on nodes as the problem asks for.";
    NOT_ADMITTED = "NP5109", "A pod on a node that does not admit it",
        "Architecture, labels, pool or isolation keep the workload off nodes of this kind.";
    CAPACITY = "NP5110", "A node holds more than it offers",
        "The requests on a node (with the share of the limits that counts as request) exceed what is left after reservations, head-room and add-ons.";
    PER_NODE = "NP5111", "Too many pods of one workload on a node",
        "The workload allows fewer of its pods on one node.";
    SUSTAINED = "NP5112", "A burstable node cannot sustain its pods",
        "The mean CPU use of the pods exceeds the CPU the size earns credits for, less the mean use of its add-ons.";
    OVERCOMMIT = "NP5113", "Limits overcommitted",
        "The limits on a node add up to more than the allowed multiple of its allocatable; a missing limit counts as the whole allocatable.";
    TOO_MANY_POOLS = "NP5114", "Too many pools",
        "The plan has more pools than the problem allows.";
    NO_SYSTEM_NODE = "NP5115", "No system node",
        "At every load point a pool of mode System needs at least one node.";
    BAD_SYSTEM_POOL = "NP5116", "A pool that cannot be a system pool",
        "A pool of mode System needs a size AKS accepts there, open to the add-ons.";
    USER_SYSTEM_POOL = "NP5117", "The dedicated system pool is not of mode System",
        "A pool of the dedicated system group must have mode System.";
    SWAPPED = "NP5118", "More nodes at the smaller load point",
        "Where no workload has more pods, no pool may have more nodes: a cluster autoscaler adds and removes nodes, it does not swap them.";
    EMPTY_POOL = "NP5119", "A pool without nodes",
        "A pool has a node at one load point at least.";
    PLAN_SUMS = "NP5120", "Sums too large",
        "The numbers of the plan add up to more than the judge can count.";
    NO_TREE = "NP5201", "Empty proof tree",
        "A certificate has at least one leaf.";
    CHILD = "NP5202", "Child out of place",
        "Children stand behind their parent in the list and within it.";
    PARENT = "NP5203", "Not a tree",
        "Every entry but the first is the child of exactly one other; a missing or shared leaf proves nothing.";
    SCALE = "NP5204", "Scale or unit is zero",
        "Duals are counted in 1/scale of `unit` spend units; both are at least 1.";
    ROW = "NP5206", "Malformed counting row",
        "A row names an existing load point and existing pool kinds, sorted and distinct.";
    CONDITION = "NP5207", "Malformed condition",
        "A condition names existing workloads, sorted and distinct, and asks for at least one pod.";
    BRANCH_KIND = "NP5208", "Malformed pool branch",
        "A branch on pools lists pool kinds of the problem, at least one, sorted and distinct.";
    DEMAND_DUALS = "NP5209", "Demand duals of the wrong shape",
        "A leaf has one dual per load point and workload.";
    NEGATIVE = "NP5210", "Negative dual",
        "Every dual of a leaf is zero or more.";
    SYSTEM_DUALS = "NP5211", "System duals of the wrong shape",
        "A leaf has one system dual per load point, or none; it has none where no system pool is asked for.";
    COUPLING = "NP5212", "Malformed coupling dual",
        "Coupling duals are sorted, distinct, positive, and belong to pairs of load points the problem couples.";
    PATH_DUALS = "NP5213", "Path duals of the wrong length",
        "A leaf has one dual per counting branch between the root and itself.";
    OVERFLOW = "NP5214", "Numbers too large to check",
        "The duals and limits exceed 127-bit integers; the bound counts as zero.";
    CONTRADICTION = "NP5215", "Bound above the cost of a legal plan",
        "Plan and certificate cannot both be right. This is a fault of nodeplan: please report it.";
    FLOOR_CURVE = "NP5216", "Malformed curve of a floor",
        "What a pod answers well ascends with what it is offered, and never by more than that.";
    FLOOR_SIZES = "NP5217", "Sizes of a floor that are not the catalog's",
        "Every size has the rates and figures of the catalog, and each size of the catalog is there or left out for a reason.";
    FLOOR_WORKLOADS = "NP5218", "Workloads of a floor that are not those given",
        "A floor is for the workloads given, none of which asks for more CPU or memory than they do.";
    FLOOR_INTERVAL = "NP5219", "An interval longer than nodes are paid for",
        "Traffic is settled every 15 s, and a node is paid for no longer than that after its pods were Ready.";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn codes_are_sorted_distinct_and_in_the_judges_range() {
        for pair in ALL.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} {}", pair[0].code, pair[1].code);
        }
        for code in ALL {
            assert!(code.code.starts_with("NP51") || code.code.starts_with("NP52"));
            assert!(code.explanation.ends_with('.') && !code.title.ends_with('.'));
        }
    }
}
