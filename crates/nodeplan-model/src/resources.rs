//! An amount of every resource: the size of an item, the capacity of a bin.

use crate::units::{Bytes, MilliCpu};
use serde::{Deserialize, Serialize};

/// What one pod asks for or one node offers. `extended` follows the problem's list of
/// extended resource names; missing entries count as zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// CPU.
    pub cpu: MilliCpu,
    /// Memory.
    pub memory: Bytes,
    /// Pod slots; a pod takes one.
    pub pods: u64,
    /// Whole GPUs.
    #[serde(skip_serializing_if = "is_zero")]
    pub gpus: u64,
    /// Attached data disks.
    #[serde(skip_serializing_if = "is_zero")]
    pub data_disks: u64,
    /// Ephemeral storage.
    #[serde(skip_serializing_if = "is_no_bytes")]
    pub ephemeral: Bytes,
    /// Extended resources, in the order of the problem's names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extended: Vec<u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_no_bytes(n: &Bytes) -> bool {
    n.0 == 0
}

impl Resources {
    /// Number of resources with a name of their own, before the extended ones.
    pub const NAMED: usize = 6;

    /// The amounts as a row: cpu (m), memory (bytes), pods, GPUs, data disks, ephemeral
    /// storage (bytes), then `extended` extended resources.
    #[must_use]
    pub fn row(&self, extended: usize) -> Vec<u64> {
        let mut row = vec![
            self.cpu.0,
            self.memory.0,
            self.pods,
            self.gpus,
            self.data_disks,
            self.ephemeral.0,
        ];
        row.extend((0..extended).map(|k| self.extended.get(k).copied().unwrap_or(0)));
        row
    }

    /// The inverse of [`Resources::row`]. Panics on a row shorter than [`Resources::NAMED`].
    #[must_use]
    pub fn from_row(row: &[u64]) -> Self {
        Self {
            cpu: MilliCpu(row[0]),
            memory: Bytes(row[1]),
            pods: row[2],
            gpus: row[3],
            data_disks: row[4],
            ephemeral: Bytes(row[5]),
            extended: row[6..].to_vec(),
        }
    }

    fn zip(&self, other: &Self, f: impl Fn(u64, u64) -> Option<u64>) -> Option<Self> {
        let extended = self.extended.len().max(other.extended.len());
        let row: Option<Vec<u64>> =
            self.row(extended).into_iter().zip(other.row(extended)).map(|(a, b)| f(a, b)).collect();
        row.map(|row| Self::from_row(&row))
    }

    /// The sum, or `None` where a component overflows.
    #[must_use]
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        self.zip(other, u64::checked_add)
    }

    /// `times` copies, or `None` where a component overflows.
    #[must_use]
    pub fn checked_mul(&self, times: u64) -> Option<Self> {
        self.zip(self, |a, _| a.checked_mul(times))
    }

    /// What is left, zero at the least in each component.
    #[must_use]
    pub fn saturating_sub(&self, other: &Self) -> Self {
        self.zip(other, |a, b| Some(a.saturating_sub(b)))
            .expect("a saturating difference never fails")
    }

    /// Whether every component is within `capacity`.
    #[must_use]
    pub fn fits_in(&self, capacity: &Self) -> bool {
        let extended = self.extended.len().max(capacity.extended.len());
        self.row(extended).iter().zip(capacity.row(extended)).all(|(need, room)| *need <= room)
    }
}
