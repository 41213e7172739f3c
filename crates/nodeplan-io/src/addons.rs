//! What AKS itself runs on a cluster: DaemonSets on every node, and its own Deployments.
//!
//! Figures are requests as seen on clusters or published with the component; they change with
//! AKS releases and should be measured anew per cluster.

use nodeplan_model::catalog::Arch;
use nodeplan_model::problem::AddOn;
use nodeplan_model::resources::Resources;
use nodeplan_model::units::{Bytes, MIB, MilliCpu};
use nodeplan_model::workload::{MeanSource, QosClass, Scaling, Workload, WorkloadKind};

/// A set of DaemonSets that comes with an AKS feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preset {
    /// What every cluster with overlay networking runs.
    Base,
    /// Container insights (Azure Monitor logs).
    Monitoring,
    /// Azure Key Vault provider for the secrets store CSI driver.
    KeyVault,
    /// Azure network policy manager.
    NetworkPolicy,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Self; 4] = [Self::Base, Self::Monitoring, Self::KeyVault, Self::NetworkPolicy];

    /// Its name in flags and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Monitoring => "monitoring",
            Self::KeyVault => "key-vault",
            Self::NetworkPolicy => "network-policy",
        }
    }

    /// The preset of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }
}

/// Requests of one DaemonSet of a preset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresetRow {
    /// Name in namespace `kube-system`.
    pub name: &'static str,
    /// CPU request in thousandths of a core.
    pub cpu_milli: u64,
    /// Memory request in MiB.
    pub memory_mib: u64,
    /// Where the figures come from.
    pub source: &'static str,
    /// The figures are of the component as published, not seen on AKS, or partly so.
    pub assumed: bool,
}

const SEEN: &str = "seen on AKS nodes, Kubernetes 1.30";

const fn seen(name: &'static str, cpu_milli: u64, memory_mib: u64) -> PresetRow {
    PresetRow { name, cpu_milli, memory_mib, source: SEEN, assumed: false }
}

/// Σ 350m and 470 MiB.
const BASE: &[PresetRow] = &[
    seen("azure-cns", 40, 250),
    seen("azure-ip-masq-agent", 100, 50),
    seen("cloud-node-manager", 50, 50),
    seen("csi-azuredisk-node", 30, 60),
    seen("csi-azurefile-node", 30, 60),
    seen("kube-proxy", 100, 0),
];

/// Containers: token adapter 20m/50Mi, logs 75m/325Mi, Prometheus 75m/225Mi. The last figure
/// is not in the thread; its CPU follows from the 170m per pod reported there.
const MONITORING: &[PresetRow] = &[PresetRow {
    name: "ama-logs",
    cpu_milli: 170,
    memory_mib: 600,
    source: "Azure/AKS issue 5413; memory of one container assumed",
    assumed: true,
}];

/// Driver 50m/100Mi, registrar and liveness probe 10m/20Mi each.
const KEY_VAULT: &[PresetRow] = &[
    PresetRow {
        name: "aks-secrets-store-csi-driver",
        cpu_milli: 70,
        memory_mib: 140,
        source: "defaults of the chart in kubernetes-sigs/secrets-store-csi-driver",
        assumed: true,
    },
    PresetRow {
        name: "aks-secrets-store-provider-azure",
        cpu_milli: 50,
        memory_mib: 100,
        source: "defaults of the chart in Azure/secrets-store-csi-driver-provider-azure",
        assumed: true,
    },
];

const NETWORK_POLICY: &[PresetRow] = &[seen("azure-npm", 50, 300)];

/// The rows of a preset.
#[must_use]
pub fn rows(preset: Preset) -> &'static [PresetRow] {
    match preset {
        Preset::Base => BASE,
        Preset::Monitoring => MONITORING,
        Preset::KeyVault => KEY_VAULT,
        Preset::NetworkPolicy => NETWORK_POLICY,
    }
}

/// The DaemonSets of a preset. They run on every Linux node, whatever its taints.
#[must_use]
pub fn daemonsets(preset: Preset) -> Vec<AddOn> {
    let addon = |row: &PresetRow| AddOn {
        name: row.name.to_owned(),
        request: request(row.cpu_milli, row.memory_mib),
        measured_mean: None,
        node_selector: Vec::new(),
        tolerates_all: true,
    };
    rows(preset).iter().map(addon).collect()
}

fn request(cpu_milli: u64, memory_mib: u64) -> Resources {
    Resources {
        cpu: MilliCpu(cpu_milli),
        memory: Bytes(memory_mib * MIB),
        pods: 1,
        ..Resources::default()
    }
}

/// Deployments of AKS: name, replicas, CPU request (m), memory request (MiB).
const DEPLOYMENTS: &[(&str, u32, u64, u64)] = &[
    ("coredns", 2, 100, 70),
    ("coredns-autoscaler", 1, 20, 10),
    ("konnectivity-agent", 2, 20, 20),
    ("metrics-server", 2, 156, 134),
];

/// The Deployments AKS runs in namespace `kube-system`, with their replicas on a small cluster;
/// equal at all load points. `arches` are the architectures they may run on.
#[must_use]
pub fn system_workloads(arches: &[Arch]) -> Vec<(Workload, u32)> {
    let deployment = |&(name, replicas, cpu_milli, memory_mib): &(&str, u32, u64, u64)| {
        let request = request(cpu_milli, memory_mib);
        let workload = Workload {
            namespace: "kube-system".to_owned(),
            name: name.to_owned(),
            kind: WorkloadKind::Deployment,
            cpu_mean: request.cpu,
            request,
            cpu_limit: None,
            memory_limit: None,
            cpu_mean_source: MeanSource::Request,
            max_per_node: None,
            arches: arches.to_vec(),
            node_selector: Vec::new(),
            pool: None,
            isolate: false,
            spot_ok: false,
            qos: QosClass::Burstable,
            declared_qos: None,
            system: true,
            scaling: Scaling::default(),
            line: 0,
        };
        (workload, replicas)
    };
    DEPLOYMENTS.iter().map(deployment).collect()
}

/// Steps of coredns by cores and by nodes, as AKS configures its autoscaler.
const BY_CORES: [(u64, u32); 4] = [(1, 2), (512, 3), (1024, 4), (2048, 5)];
const BY_NODES: [(u64, u32); 4] = [(1, 2), (8, 3), (16, 4), (32, 5)];

/// Replicas of coredns on a cluster of that size.
#[must_use]
pub fn coredns_replicas(nodes: u64, cores: u64) -> u32 {
    let step = |ladder: &[(u64, u32)], size: u64| {
        let reached = ladder.iter().rev().find(|(from, _)| *from <= size);
        reached.or(ladder.first()).map_or(0, |(_, replicas)| *replicas)
    };
    step(&BY_CORES, cores).max(step(&BY_NODES, nodes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_add_up_as_documented() {
        for (preset, pods, cpu, mib) in [
            (Preset::Base, 6, 350, 470),
            (Preset::Monitoring, 1, 170, 600),
            (Preset::KeyVault, 2, 120, 240),
            (Preset::NetworkPolicy, 1, 50, 300),
        ] {
            let sum = daemonsets(preset)
                .iter()
                .try_fold(Resources::default(), |sum, addon| sum.checked_add(&addon.request))
                .expect("small");
            assert_eq!(
                (sum.pods, sum.cpu.0, sum.memory.0 / MIB),
                (pods, cpu, mib),
                "{}",
                preset.name()
            );
            assert!(daemonsets(preset).iter().all(|addon| addon.tolerates_all));
            assert_eq!(Preset::from_name(preset.name()), Some(preset));
        }
        assert_eq!(Preset::from_name("basic"), None);
    }

    #[test]
    fn coredns_climbs_its_ladder() {
        for (nodes, cores, replicas) in [
            (0, 0, 2),
            (1, 4, 2),
            (7, 511, 2),
            (8, 32, 3),
            (4, 512, 3),
            (16, 64, 4),
            (2, 1024, 4),
            (32, 128, 5),
            (3, 2048, 5),
            (5000, 500_000, 5),
        ] {
            assert_eq!(coredns_replicas(nodes, cores), replicas, "{nodes} nodes, {cores} cores");
        }
    }

    #[test]
    fn the_platform_brings_seven_pods() {
        let all = system_workloads(&[Arch::Amd64]);
        assert_eq!(all.iter().map(|(_, replicas)| replicas).sum::<u32>(), 7);
        let milli: u64 = all.iter().map(|(one, pods)| one.request.cpu.0 * u64::from(*pods)).sum();
        assert_eq!(milli, 572);
        assert!(all.iter().all(|(one, _)| one.system && one.namespace == "kube-system"));
    }
}
