//! The table of arguments. Every option has a variable `NODEPLAN_…`; those of a plan may stand in
//! `nodeplan.yaml` too.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::sync::LazyLock;

/// The cheapest AKS node pools for your workloads, with proof.
#[derive(Debug, Parser)]
#[command(name = "nodeplan", version = VERSION.as_str(), max_term_width = 100)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Version with the catalog's date.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!("{} (catalog {})", env!("CARGO_PKG_VERSION"), nodeplan::io::catalog::DATE)
});

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Colours: by terminal, always or never
    #[arg(long, global = true, env = "NODEPLAN_COLOR", value_enum, default_value = "auto")]
    pub color: When,
    /// Only ASCII characters
    #[arg(long, global = true, env = "NODEPLAN_ASCII")]
    pub ascii: bool,
    /// Show more: every load point, what was checked, work done
    #[arg(short, long, global = true, env = "NODEPLAN_VERBOSE")]
    pub verbose: bool,
    /// Threads; the answer does not depend on it
    #[arg(long, global = true, env = "NODEPLAN_THREADS", value_name = "N")]
    pub threads: Option<usize>,
    /// Read no nodeplan.yaml
    #[arg(long, global = true, env = "NODEPLAN_NO_CONFIG")]
    pub no_config: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal that can.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the cheapest node pools for a workloads file, with proof
    Optimize(Box<OptimizeArgs>),
    /// Solve published packing instances, one line each
    Pack(PackArgs),
    /// Run a plan under traffic: autoscalers, scheduler and kubelet over time, cost and service
    Simulate(Box<SimulateArgs>),
    /// Run many plans and scenarios, in shards if need be; one JSON line per run
    Sweep(SweepArgs),
    /// Check a plan file: is the plan legal, is its bound true
    Verify(VerifyArgs),
    /// Check a workloads file and solve nothing
    Check(CheckArgs),
    /// Compare two plan files, or two documents of simulated runs
    Diff(DiffArgs),
    /// Write a plan for other tools, or as a cluster file; a sweep as a Kubernetes Job
    Export(Box<ExportArgs>),
    /// Explain a code, or a pool or workload of a plan
    Explain(ExplainArgs),
    /// List VM sizes, or take a node apart
    Catalog(CatalogArgs),
    /// Print the JSON Schema of a document
    Schema {
        /// Which document
        #[arg(value_enum)]
        what: Document,
    },
    /// Print a script that completes commands in a shell
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Documents with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// The plan file.
    Plan,
    /// The document of a simulated run.
    Simulation,
    /// The document of a comparison.
    Diff,
    /// A line of a sweep.
    Sweep,
}

/// `optimize`.
#[derive(Clone, Debug, Default, Args)]
pub struct OptimizeArgs {
    /// Workloads, CSV
    #[arg(short, long, env = "NODEPLAN_WORKLOADS", value_name = "FILE")]
    pub workloads: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub market: MarketArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub node: NodeArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub rules: RuleArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub search: SearchArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub demand: LoadArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub joint: JointArgs,
    /// Hand-made design to compare with, YAML; may be repeated
    #[arg(long, env = "NODEPLAN_COMPARE", value_name = "FILE", value_delimiter = ',')]
    pub compare: Vec<PathBuf>,
    /// Table of costs at 1..N pools, also for large files
    #[arg(long, env = "NODEPLAN_POOL_TABLE")]
    pub pool_table: bool,
    /// Only the plan: no baselines, no cost of isolation, no table of pool counts
    #[arg(long, env = "NODEPLAN_PLAN_ONLY")]
    pub plan_only: bool,
    /// Exit 4 unless the plan is proven optimal
    #[arg(long, env = "NODEPLAN_REQUIRE_OPTIMAL")]
    pub require_optimal: bool,
    /// Exit 4 if there is any warning
    #[arg(long, env = "NODEPLAN_STRICT")]
    pub strict: bool,
    /// Format; else by the ending of --output, else a table
    #[arg(short, long, env = "NODEPLAN_FORMAT", value_enum)]
    pub format: Option<Format>,
    /// File to write instead of standard output
    #[arg(short, long, env = "NODEPLAN_OUTPUT", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The search under load: with --traffic or --scenario, pools, bounds, targets, behaviour and
/// autoscaler are chosen together.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Search under load (with --traffic or --scenario)")]
pub struct JointArgs {
    /// Leave these as they are: sizes, targets, min, max, behavior, nodes, profile, provisioning, schedules, requests, overprovisioning, spot
    #[arg(long, env = "NODEPLAN_FREEZE", value_name = "LIST", value_delimiter = ',')]
    pub freeze: Vec<String>,
    /// Search again with each family frozen by itself, and tell by how much the cost changes
    #[arg(long, env = "NODEPLAN_ABLATION")]
    pub ablation: bool,
    /// Most simulated runs of the search [default: 1200]
    #[arg(long, env = "NODEPLAN_TRIALS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub trials: Option<u32>,
    /// Runs of each finalist, under seeds of their own [default: 8]
    #[arg(long, env = "NODEPLAN_FINAL_RUNS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub final_runs: Option<u32>,
    /// What goes wrong in them: days (drawn anew), failures=N and evictions=N (nodes, spot nodes of a
    /// pool in 1,000 days), growth=PERCENT (up to); or none [default: days,failures=33,evictions=1000]
    #[arg(long, env = "NODEPLAN_HAZARDS", value_name = "LIST", value_delimiter = ',')]
    pub hazards: Vec<String>,
    /// Search again with other numbers of misses allowed, with room for more traffic and without spot
    /// nodes, and tell what each costs
    #[arg(long, env = "NODEPLAN_FRONTIER")]
    pub frontier: bool,
    /// Most that the 95th percentile of a pod's wait for a node may be [default: 15m]
    #[arg(long, env = "NODEPLAN_MAX_PENDING", value_name = "TIME")]
    pub max_pending: Option<String>,
    /// Hold back the last third of the trace instead of every second day (traffic that grows)
    #[arg(long, visible_alias = "growth", env = "NODEPLAN_HOLD_BACK_TAIL")]
    pub hold_back_tail: bool,
    /// Exit 4 if an objective is missed on the part of the trace that is seen, or over all of it
    #[arg(long, env = "NODEPLAN_REQUIRE_SLO")]
    pub require_slo: bool,
    /// Exit 4 if the design costs more than this a month, USD
    #[arg(long, env = "NODEPLAN_BUDGET", value_name = "USD")]
    pub budget: Option<String>,
    /// Directory for plan.json, scenario.yaml, load.yaml, floor.json, design.json and report.md
    #[arg(long, env = "NODEPLAN_WRITE", value_name = "DIR")]
    pub write: Option<PathBuf>,
}

impl OptimizeArgs {
    /// Whether the search is to be under load.
    pub fn under_load(&self) -> bool {
        !self.demand.traffic.is_empty() || !self.demand.scenario.is_empty()
    }

    /// Options given that have no effect: those of the load without one, and what is only said of a
    /// plan without it.
    pub fn in_vain(&self) -> Vec<&'static str> {
        let options = if self.under_load() { self.of_plans() } else { self.of_load() };
        options.into_iter().filter_map(|(name, given)| given.then_some(name)).collect()
    }

    fn of_plans(&self) -> Vec<(&'static str, bool)> {
        vec![
            ("compare", !self.compare.is_empty()),
            ("pool-table", self.pool_table),
            ("require-optimal", self.require_optimal),
        ]
    }

    fn of_load(&self) -> Vec<(&'static str, bool)> {
        let (demand, joint) = (&self.demand, &self.joint);
        vec![
            ("load", demand.load.is_some()),
            ("map", !demand.map.is_empty()),
            ("unit", demand.unit != TrafficUnit::default()),
            ("gaps", demand.gaps != TrafficGaps::default()),
            ("scale", demand.scale.is_some()),
            ("offset", demand.offset.is_some()),
            ("forecast", demand.forecast.is_some()),
            ("seed", demand.seed.is_some()),
            ("horizon", demand.horizon.is_some()),
            ("sample", demand.sample.is_some()),
            ("freeze", !joint.freeze.is_empty()),
            ("ablation", joint.ablation),
            ("trials", joint.trials.is_some()),
            ("final-runs", joint.final_runs.is_some()),
            ("hazards", !joint.hazards.is_empty()),
            ("frontier", joint.frontier),
            ("max-pending", joint.max_pending.is_some()),
            ("hold-back-tail", joint.hold_back_tail),
            ("require-slo", joint.require_slo),
            ("budget", joint.budget.is_some()),
            ("write", joint.write.is_some()),
        ]
    }
}

/// Formats of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// The plan file.
    Json,
    /// Pools and load points, raw numbers.
    Csv,
    /// Markdown.
    Md,
}

/// Which sizes at which price.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Sizes")]
pub struct MarketArgs {
    /// Azure region, else of nodeplan.yaml, else koreacentral
    #[arg(long, env = "NODEPLAN_REGION")]
    pub region: Option<String>,
    /// Only these sizes: names or patterns such as 'D*_v5'; named sizes are in even if burstable
    #[arg(
        long,
        visible_alias = "skus",
        env = "NODEPLAN_SKU_ALLOW",
        value_name = "LIST",
        value_delimiter = ','
    )]
    pub sku_allow: Vec<String>,
    /// Not these sizes
    #[arg(long, env = "NODEPLAN_SKU_DENY", value_name = "LIST", value_delimiter = ',')]
    pub sku_deny: Vec<String>,
    /// Architectures of workloads that name none: amd64, arm64, any [default: amd64]
    #[arg(long, env = "NODEPLAN_ARCH", value_name = "LIST", value_delimiter = ',')]
    pub arch: Vec<String>,
    /// Day of the plan, YYYY-MM-DD: sizes that retire until then are out [default: the catalog's]
    #[arg(long, env = "NODEPLAN_PLAN_DATE", value_name = "DATE")]
    pub plan_date: Option<String>,
    /// Burstable sizes too
    #[arg(long, env = "NODEPLAN_BURSTABLE")]
    pub burstable: bool,
    /// Confidential-computing sizes too
    #[arg(long, env = "NODEPLAN_CONFIDENTIAL")]
    pub confidential: bool,
    /// Constrained-core sizes too
    #[arg(long, env = "NODEPLAN_CONSTRAINED")]
    pub constrained: bool,
}

/// What a node offers.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Nodes")]
pub struct NodeArgs {
    /// Max pods per node: a number, or `auto` for 30, 60, 110 or 250 per pool [default: 250]
    #[arg(long, env = "NODEPLAN_MAX_PODS", value_name = "N|auto")]
    pub max_pods: Option<String>,
    /// Node reservations: aks, aks-legacy, nap, measured [default: aks]
    #[arg(long, env = "NODEPLAN_OVERHEAD", value_name = "MODEL")]
    pub overhead: Option<String>,
    /// Add-on DaemonSets: presets, or none [default: the overlay set]
    #[arg(long, env = "NODEPLAN_ADDONS", value_name = "LIST", value_delimiter = ',')]
    pub addons: Vec<String>,
}

/// Rules of the cluster.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Rules")]
pub struct RuleArgs {
    /// Most node pools [default: 6]
    #[arg(long, env = "NODEPLAN_MAX_POOLS", value_name = "N")]
    pub max_pools: Option<u32>,
    /// System pool: shared, dedicated, none [default: shared]
    #[arg(long, env = "NODEPLAN_SYSTEM_POOL", value_name = "KIND")]
    pub system_pool: Option<String>,
    /// Spot pools too, for the rows with spot_ok
    #[arg(long, env = "NODEPLAN_SPOT")]
    pub spot: bool,
    /// Share of each node's CPU and memory kept free, 15%
    #[arg(long, env = "NODEPLAN_HEADROOM", value_name = "P%")]
    pub headroom: Option<String>,
    /// Share of the way from request to limit that is packed: 25%, or burstable=25%,guaranteed=0%
    #[arg(long, env = "NODEPLAN_BURST", value_name = "F")]
    pub burst: Option<String>,
    /// Most sum of limits over allocatable: cpu=4,memory=1.5
    #[arg(long, env = "NODEPLAN_MAX_OVERCOMMIT", value_name = "F")]
    pub max_overcommit: Option<String>,
    /// Load points: max, min, both [default: both]
    #[arg(long, env = "NODEPLAN_SIZE_FOR", value_name = "POINTS")]
    pub size_for: Option<String>,
    /// Hours a day at the high load point [default: 8]
    #[arg(long, env = "NODEPLAN_PEAK_HOURS", value_name = "H")]
    pub peak_hours: Option<String>,
    /// Plan without this rule although a row asks for it; may be repeated
    #[arg(long, env = "NODEPLAN_IGNORE", value_name = "RULE", value_delimiter = ',')]
    pub ignore: Vec<String>,
}

/// Limits of the search.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Search")]
pub struct SearchArgs {
    /// Method: cg (column generation), ilp (for small problems) [default: cg]
    #[arg(long, env = "NODEPLAN_SOLVER", value_name = "METHOD")]
    pub solver: Option<String>,
    /// Most work units of the search, and of the check of its proof
    #[arg(long, env = "NODEPLAN_WORK", value_name = "N")]
    pub work: Option<u64>,
    /// Stop at this gap between cost and bound, 1%
    #[arg(long, env = "NODEPLAN_GAP", value_name = "P%")]
    pub gap: Option<String>,
    /// Stop after this time with the best plan so far, 60s; the answer then depends on the machine
    #[arg(long, env = "NODEPLAN_TIME_LIMIT", value_name = "TIME")]
    pub time_limit: Option<String>,
    /// Show progress even where standard error is no terminal
    #[arg(long, env = "NODEPLAN_PROGRESS")]
    pub progress: bool,
}

/// `pack`.
#[derive(Clone, Debug, Default, Args)]
pub struct PackArgs {
    /// Instances: .vbp, Hard28 text or CSV
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Region whose sizes CSV instances use [default: koreacentral]
    #[arg(long, env = "NODEPLAN_REGION", conflicts_with = "skus")]
    pub region: Option<String>,
    /// Table of sizes with their own allocatable, CSV
    #[arg(long, env = "NODEPLAN_SKUS", value_name = "FILE")]
    pub skus: Option<PathBuf>,
    /// Max pods per node [default: 250, or the table's]
    #[arg(long, env = "NODEPLAN_MAX_PODS", value_name = "N")]
    pub max_pods: Option<u32>,
    /// Leave out pods that fit no size and count them
    #[arg(long, env = "NODEPLAN_ALLOW_UNPLACED")]
    pub allow_unplaced: bool,
    /// Most work units for each instance, of the search and of the check of its proof
    #[arg(long, env = "NODEPLAN_WORK", value_name = "N")]
    pub work: Option<u64>,
    /// Stop at this gap between cost and bound, 0.01%
    #[arg(long, env = "NODEPLAN_GAP", value_name = "P%")]
    pub gap: Option<String>,
    /// Folder for one plan file per instance
    #[arg(long, env = "NODEPLAN_PLANS", value_name = "DIR")]
    pub plans: Option<PathBuf>,
}

/// What a number of a traffic file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TrafficUnit {
    /// Arrivals within the step
    #[default]
    Count,
    /// Arrivals a second
    Rate,
}

/// What stands where a row or number of a traffic file is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TrafficGaps {
    /// The line between the neighbours
    #[default]
    Linear,
    /// The number before
    Hold,
    /// Zero
    Zero,
    /// A fault
    Error,
}

/// `simulate`.
#[derive(Clone, Debug, Args)]
pub struct SimulateArgs {
    /// Plan file; or a cluster file (node pools as in a design, or what `az aks nodepool list -o json`
    /// prints) together with --workloads
    #[arg(value_name = "PLAN|CLUSTER")]
    pub plan: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub demand: LoadArgs,
    /// Runs of as many seeds, for means and confidence intervals
    #[arg(long, env = "NODEPLAN_RUNS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub runs: Option<u32>,
    /// Why a workload or pool was as it was, and why its nodes were not removed: web-app@08:30 (time
    /// of day) or d8sv5@2h30m (since the start)
    #[arg(long, env = "NODEPLAN_EXPLAIN", value_name = "WORKLOAD|POOL@TIME")]
    pub explain: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub cluster: ClusterArgs,
    /// Exit 4 if an objective is missed, or the run is ended by Ctrl-C
    #[arg(long, env = "NODEPLAN_REQUIRE_SLO")]
    pub require_slo: bool,
    /// Show progress even where standard error is no terminal
    #[arg(long, env = "NODEPLAN_PROGRESS")]
    pub progress: bool,
    /// Format; else by the ending of --output, else a table
    #[arg(short, long, env = "NODEPLAN_FORMAT", value_enum)]
    pub format: Option<Format>,
    /// File to write instead of standard output
    #[arg(short, long, env = "NODEPLAN_OUTPUT", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What a cluster file leaves open; a plan says all of it itself.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Of a cluster file")]
pub struct ClusterArgs {
    /// Workloads, CSV
    #[arg(short, long, env = "NODEPLAN_WORKLOADS", value_name = "FILE")]
    pub workloads: Option<PathBuf>,
    /// Azure region, else of nodeplan.yaml, else koreacentral
    #[arg(long, env = "NODEPLAN_REGION")]
    pub region: Option<String>,
    /// Architectures of workloads that name none: amd64, arm64, any [default: amd64]
    #[arg(long, env = "NODEPLAN_ARCH", value_name = "LIST", value_delimiter = ',')]
    pub arch: Vec<String>,
    /// System pool: shared, dedicated, none [default: dedicated where a pool has the taint
    /// CriticalAddonsOnly, else shared]
    #[arg(long, env = "NODEPLAN_SYSTEM_POOL", value_name = "KIND")]
    pub system_pool: Option<String>,
    /// Hours a day at the high load point [default: 8]
    #[arg(long, env = "NODEPLAN_PEAK_HOURS", value_name = "H")]
    pub peak_hours: Option<String>,
    /// Leave this rule out although a row asks for it; may be repeated
    #[arg(long, env = "NODEPLAN_IGNORE", value_name = "RULE", value_delimiter = ',')]
    pub ignore: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub node: NodeArgs,
}

/// What arrives, what it costs, and what happens.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Traffic, CSV: timestamp_s (or RFC 3339 timestamp) and columns of numbers; may be repeated
    #[arg(short, long, env = "NODEPLAN_TRAFFIC", value_name = "FILE", value_delimiter = ',')]
    pub traffic: Vec<PathBuf>,
    /// Who takes which column, WORKLOAD=COLUMN or WORKLOAD=COLUMN*FACTOR; may be repeated
    #[arg(short, long, env = "NODEPLAN_MAP", value_name = "MAP", value_delimiter = ',')]
    pub map: Vec<String>,
    /// Numbers of traffic: count per step, or rate per second
    #[arg(long, env = "NODEPLAN_UNIT", value_enum, default_value = "count")]
    pub unit: TrafficUnit,
    /// What stands where traffic is missing
    #[arg(long, env = "NODEPLAN_GAPS", value_enum, default_value = "linear")]
    pub gaps: TrafficGaps,
    /// Factor on traffic, or peak-to-max: so much that the peak needs the most replicas
    #[arg(
        long,
        env = "NODEPLAN_SCALE",
        value_name = "FACTOR|peak-to-max",
        allow_hyphen_values = true
    )]
    pub scale: Option<String>,
    /// How much later traffic of files comes, 3h, or -3h for earlier; what leaves at one end comes in at
    /// the other. One column only: WORKLOAD=COLUMN@3h
    #[arg(long, env = "NODEPLAN_OFFSET", value_name = "TIME", allow_hyphen_values = true)]
    pub offset: Option<String>,
    /// Run the traffic of so many weeks after the end of the files: their last day or week again, with
    /// its growth; the error of a test on their last third is told
    #[arg(long, env = "NODEPLAN_FORECAST", value_name = "WEEKS",
          value_parser = clap::value_parser!(u32).range(0..=520))]
    pub forecast: Option<u32>,
    /// What a request costs, where it comes from, objectives, YAML
    #[arg(short, long, env = "NODEPLAN_LOAD", value_name = "FILE")]
    pub load: Option<PathBuf>,
    /// Length, autoscalers, pools, failures, made-up traffic, YAML; may be repeated: what a later file
    /// says goes before
    #[arg(short, long, env = "NODEPLAN_SCENARIO", value_name = "FILE", value_delimiter = ',')]
    pub scenario: Vec<PathBuf>,
    /// Seed, before the scenario's [default: 1]
    #[arg(long, env = "NODEPLAN_SEED", value_name = "N")]
    pub seed: Option<u64>,
    /// Length of the run, 24h, before the scenario's [default: that of the traffic]
    #[arg(long, env = "NODEPLAN_HORIZON", value_name = "TIME")]
    pub horizon: Option<String>,
    /// Length of a sample of the timeline, 1m, before the scenario's
    #[arg(long, env = "NODEPLAN_SAMPLE", value_name = "TIME")]
    pub sample: Option<String>,
}

/// `verify`.
#[derive(Clone, Debug, Default, Args)]
pub struct VerifyArgs {
    /// Plan file
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Workloads file it claims to be for
    #[arg(short, long, env = "NODEPLAN_WORKLOADS", value_name = "FILE")]
    pub workloads: Option<PathBuf>,
    /// Other input files it claims to rest on; may be repeated
    #[arg(long, env = "NODEPLAN_INPUT", value_name = "FILE", value_delimiter = ',')]
    pub input: Vec<PathBuf>,
}

/// `check`.
#[derive(Clone, Debug, Default, Args)]
pub struct CheckArgs {
    /// Workloads, CSV
    #[arg(short, long, env = "NODEPLAN_WORKLOADS", value_name = "FILE")]
    pub workloads: PathBuf,
    /// Plan without this rule although a row asks for it; may be repeated
    #[arg(long, env = "NODEPLAN_IGNORE", value_name = "RULE", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// Exit 4 if there is any warning
    #[arg(long, env = "NODEPLAN_STRICT")]
    pub strict: bool,
}

/// `diff`.
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// Document before: of `optimize -f json`, of `simulate -f json`, or a design.json
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,
    /// Document after, of the same kind
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,
    /// Exit 4 if anything differs
    #[arg(long, env = "NODEPLAN_EXIT_CODE")]
    pub exit_code: bool,
    /// Exit 4 if the cost of a month rises by more than this, 5%
    #[arg(long, env = "NODEPLAN_MAX_INCREASE", value_name = "P%")]
    pub max_increase: Option<String>,
    /// Format; else by the ending of --output, else a table
    #[arg(short, long, env = "NODEPLAN_FORMAT", value_enum)]
    pub format: Option<Format>,
    /// File to write instead of standard output
    #[arg(short, long, env = "NODEPLAN_OUTPUT", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `sweep`.
#[derive(Clone, Debug, Default, Args)]
pub struct SweepArgs {
    /// Matrix, YAML: plans or clusters, traffic, load, scenarios, seeds, what is varied
    #[arg(value_name = "MATRIX", required_unless_present = "merge", conflicts_with = "merge")]
    pub matrix: Option<PathBuf>,
    /// Only the cells whose number modulo N is I: 0/8 to 7/8 [default: of JOB_COMPLETION_INDEX and
    /// NODEPLAN_SHARDS, if set, else all]
    #[arg(long, env = "NODEPLAN_SHARD", value_name = "I/N")]
    pub shard: Option<String>,
    /// Put these results together instead: any shards of one sweep, in any order
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "shard")]
    pub merge: Vec<PathBuf>,
    /// Merge although cells are missing
    #[arg(long, env = "NODEPLAN_PARTIAL", requires = "merge")]
    pub partial: bool,
    /// File for the results instead of standard output; cells it has already are kept
    #[arg(short, long, env = "NODEPLAN_OUTPUT", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// What a plan or a sweep is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportTo {
    /// A cluster file: the pools of a plan, to be changed by hand, simulated or compared with
    Design,
    /// An Indexed Job of Kubernetes that runs a sweep, a shard per pod
    K8sJob,
}

/// `export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// Plan file; for a Job, the matrix of a sweep
    #[arg(value_name = "PLAN|MATRIX")]
    pub plan: PathBuf,
    /// As what
    #[arg(long, env = "NODEPLAN_TO", value_enum)]
    pub to: ExportTo,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub job: JobArgs,
    /// File to write instead of standard output
    #[arg(short, long, env = "NODEPLAN_OUTPUT", value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// A Job of Kubernetes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Of a Job")]
pub struct JobArgs {
    /// Image with nodeplan on its PATH
    #[arg(long, env = "NODEPLAN_IMAGE", value_name = "IMAGE")]
    pub image: Option<String>,
    /// Shards, which are pods
    #[arg(long, env = "NODEPLAN_SHARDS", value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub shards: u32,
    /// Name of the Job
    #[arg(long, env = "NODEPLAN_NAME", value_name = "NAME", default_value = "nodeplan-sweep")]
    pub name: String,
    /// Cores of a pod
    #[arg(long, env = "NODEPLAN_JOB_CPUS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub cpus: u32,
    /// Memory of a pod
    #[arg(long, env = "NODEPLAN_JOB_MEMORY", value_name = "BYTES", default_value = "1Gi")]
    pub memory: String,
    /// PersistentVolumeClaim that results go to, ReadWriteMany [default: one of its own]
    #[arg(long, env = "NODEPLAN_RESULTS_CLAIM", value_name = "NAME")]
    pub results_claim: Option<String>,
    /// PersistentVolumeClaim that holds the folder of the matrix, where a ConfigMap is too small
    #[arg(long, env = "NODEPLAN_INPUTS_CLAIM", value_name = "NAME")]
    pub inputs_claim: Option<String>,
}

/// `explain`.
#[derive(Clone, Debug, Default, Args)]
pub struct ExplainArgs {
    /// A code such as NP1003, or a plan file
    #[arg(value_name = "CODE|PLAN")]
    pub what: String,
    /// Pool or workload of the plan
    #[arg(value_name = "POOL|WORKLOAD")]
    pub name: Option<String>,
}

/// `catalog`.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// What to show
    #[command(subcommand)]
    pub command: CatalogCommand,
}

/// Views of the catalog.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Sizes that a plan may use, with their rates
    List {
        #[command(flatten)]
        #[allow(missing_docs)]
        market: MarketArgs,
        /// Every size with a price, eligible or not
        #[arg(long)]
        all: bool,
    },
    /// One node taken apart: what of it is left for pods
    Show {
        /// Size
        sku: String,
        #[command(flatten)]
        #[allow(missing_docs)]
        market: MarketArgs,
        #[command(flatten)]
        #[allow(missing_docs)]
        node: NodeArgs,
        /// Share of each node's CPU and memory kept free, 15%
        #[arg(long, env = "NODEPLAN_HEADROOM", value_name = "P%")]
        headroom: Option<String>,
    },
}
