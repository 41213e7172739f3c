//! Sizes Azure sells and what they cost in one region.

use crate::resources::Resources;
use crate::units::{Bytes, Date, MilliCpu, UsdPerHour};
use serde::{Deserialize, Serialize};

/// Processor architecture of a node or a pod image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Arch {
    /// The value of the `kubernetes.io/arch` label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// A rate other than on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedRate {
    /// The rate.
    pub rate: UsdPerHour,
    /// True where it is the family's ratio × on demand, not a recorded price.
    pub estimated: bool,
}

/// Rates of one size in one region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Pay as you go, Linux.
    pub on_demand: UsdPerHour,
    /// Spot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot: Option<QuotedRate>,
    /// One-year reservation, per hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_1y: Option<QuotedRate>,
    /// Three-year reservation, per hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_3y: Option<QuotedRate>,
    /// One-year savings plan, per hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub savings_plan_1y: Option<QuotedRate>,
}

/// One VM size (a bin type).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sku {
    /// Full name, `Standard_D4s_v3`.
    pub name: String,
    /// Quota family.
    pub family: String,
    /// vCPUs the node sees.
    pub vcpus: u32,
    /// Nominal memory.
    pub memory: Bytes,
    /// Whole GPUs a pod may ask for (0 where the size has only a slice of one).
    #[serde(default)]
    pub gpus: u32,
    /// Architecture.
    pub arch: Arch,
    /// Sustained CPU of a burstable size: credits per hour × 1000 / 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sustained: Option<MilliCpu>,
    /// A constrained-core size (fewer vCPUs than billed).
    #[serde(default)]
    pub constrained: bool,
    /// A confidential-computing size (DC, EC, NCC series).
    #[serde(default)]
    pub confidential: bool,
    /// Most data disks.
    #[serde(default)]
    pub max_data_disks: u32,
    /// Announced retirement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires: Option<Date>,
    /// Rates in the catalog's region.
    pub rates: Rates,
    /// Allocatable as measured on a real node or given by a table; beats every formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Resources>,
}

impl Sku {
    /// Whether AKS accepts the size in a system pool: at least 4 vCPUs and 4 GB, not
    /// burstable (AKS docs, use-system-pools).
    #[must_use]
    pub fn system_pool_ok(&self) -> bool {
        self.vcpus >= 4 && self.memory.0 >= 4_000_000_000 && self.sustained.is_none()
    }

    /// Whether AKS accepts the size in a user pool: at least 2 vCPUs and 2 GB.
    #[must_use]
    pub fn user_pool_ok(&self) -> bool {
        self.vcpus >= 2 && self.memory.0 >= 2_000_000_000
    }
}

/// Sizes with their rates in one region on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    /// Day of the newest price in it.
    pub date: Date,
    /// Azure region name, `koreacentral`.
    pub region: String,
    /// ISO currency code.
    pub currency: String,
    /// Sizes, sorted by name.
    pub skus: Vec<Sku>,
    /// Sizes known but unusable here (no price in the region, memory unknown …), by reason.
    pub unusable: Vec<Exclusion>,
}

/// Why a number of sizes is not considered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The reason, a short phrase.
    pub reason: String,
    /// How many sizes left for it.
    pub skus: u32,
}
