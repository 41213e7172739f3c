//! The QoS class Kubernetes computes, and why it is not the declared one.
//!
//! Rules of `pkg/apis/core/v1/helper/qos/qos.go` for one container (a row is the sum of a
//! pod's containers): only positive CPU and memory amounts count; Guaranteed needs a limit of
//! both, equal to the request; nothing positive at all is BestEffort.

use nodeplan_model::units::{Bytes, MilliCpu};
use nodeplan_model::workload::QosClass;

/// What decides the class: requests after API defaulting, positive limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amounts {
    /// CPU request.
    pub cpu: MilliCpu,
    /// Memory request.
    pub memory: Bytes,
    /// CPU limit.
    pub cpu_limit: Option<MilliCpu>,
    /// Memory limit.
    pub memory_limit: Option<Bytes>,
}

/// The class of a pod.
pub(super) fn class(amounts: &Amounts) -> QosClass {
    let Amounts { cpu, memory, cpu_limit, memory_limit } = *amounts;
    let nothing = cpu.0 == 0 && memory.0 == 0 && cpu_limit.is_none() && memory_limit.is_none();
    if nothing {
        QosClass::BestEffort
    } else if cpu_limit == Some(cpu) && memory_limit == Some(memory) {
        QosClass::Guaranteed
    } else {
        QosClass::Burstable
    }
}

/// Why a pod is not of the class `declared`, in words.
pub(super) fn reason(amounts: &Amounts, declared: QosClass) -> String {
    let parts: [Option<String>; 2] = match (class(amounts), declared) {
        (QosClass::BestEffort, _) => {
            [Some("it has no CPU or memory request and no limit".to_owned()), None]
        }
        (_, QosClass::BestEffort) => [
            positive("CPU", amounts.cpu, amounts.cpu_limit),
            positive("memory", amounts.memory, amounts.memory_limit),
        ],
        (QosClass::Guaranteed, _) => {
            [Some("its CPU and memory limits both equal the requests".to_owned()), None]
        }
        (QosClass::Burstable, _) => [
            against("CPU", amounts.cpu, amounts.cpu_limit),
            against("memory", amounts.memory, amounts.memory_limit),
        ],
    };
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(" and ")
}

/// Why one resource keeps a pod from BestEffort.
fn positive<T: PartialEq + Default + std::fmt::Display>(
    what: &str,
    request: T,
    limit: Option<T>,
) -> Option<String> {
    if request != T::default() {
        return Some(format!("it requests {request} {what}"));
    }
    limit.map(|limit| format!("it has a {what} limit of {limit}"))
}

/// Why one resource keeps a pod from Guaranteed.
fn against<T: PartialEq + std::fmt::Display>(
    what: &str,
    request: T,
    limit: Option<T>,
) -> Option<String> {
    match limit {
        None => Some(format!("it has no {what} limit")),
        Some(limit) if limit == request => None,
        Some(limit) => Some(format!("its {what} request {request} is below the limit {limit}")),
    }
}

/// What is to change for the declared class.
pub(super) fn remedy(declared: QosClass) -> &'static str {
    match declared {
        QosClass::Guaranteed => "for Guaranteed give CPU and memory limits equal to the requests",
        QosClass::Burstable => "for Burstable request something, and less than its limit",
        QosClass::BestEffort => "for BestEffort leave out all CPU and memory requests and limits",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_kubernetes() {
        use QosClass::{BestEffort, Burstable, Guaranteed};
        for (cpu, memory, cpu_limit, memory_limit, want, declared, why) in [
            (
                0,
                0,
                None,
                None,
                BestEffort,
                Burstable,
                "it has no CPU or memory request and no limit",
            ),
            (
                5,
                5,
                Some(5),
                Some(5),
                Guaranteed,
                Burstable,
                "its CPU and memory limits both equal the requests",
            ),
            (
                5,
                5,
                Some(5),
                Some(5),
                Guaranteed,
                BestEffort,
                "it requests 5m CPU and it requests 5 memory",
            ),
            (
                4000,
                5,
                Some(8000),
                Some(9),
                Burstable,
                Guaranteed,
                "its CPU request 4 is below the limit 8 and its memory request 5 is below the limit 9",
            ),
            (5, 5, Some(5), None, Burstable, Guaranteed, "it has no memory limit"),
            (
                5,
                0,
                None,
                None,
                Burstable,
                Guaranteed,
                "it has no CPU limit and it has no memory limit",
            ),
            (0, 0, Some(5), None, Burstable, BestEffort, "it has a CPU limit of 5m"),
            (0, 5, None, Some(5), Burstable, Guaranteed, "it has no CPU limit"),
            (
                1000,
                1 << 31,
                Some(2000),
                None,
                Burstable,
                BestEffort,
                "it requests 1 CPU and it requests 2Gi memory",
            ),
        ] {
            let amounts = Amounts {
                cpu: MilliCpu(cpu),
                memory: Bytes(memory),
                cpu_limit: cpu_limit.map(MilliCpu),
                memory_limit: memory_limit.map(Bytes),
            };
            let got = (class(&amounts), reason(&amounts, declared));
            assert_eq!(got, (want, why.to_owned()), "{amounts:?}");
        }
    }
}
