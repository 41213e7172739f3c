//! Traffic files: what is accepted has equal steps, and every series a number for each.

use nodeplan::io::csv::{Gaps, TrafficOptions, Unit, traffic_csv};

/// Reads the bytes as a traffic file.
pub fn run(data: &[u8]) {
    let first = data.first().copied().unwrap_or(0);
    let unit = if first.is_multiple_of(2) { Unit::Count } else { Unit::Rate };
    for gaps in [Gaps::Linear, Gaps::Hold, Gaps::Zero, Gaps::Error] {
        match traffic_csv("fuzz", data, TrafficOptions { unit, gaps }) {
            Err(faults) => super::refused(&faults),
            Ok(traffic) => {
                assert!(!traffic.series.is_empty());
                assert!(gaps != Gaps::Error || traffic.filled == 0, "a gap was filled");
                let length = traffic.series[0].micro_per_second.len();
                for series in &traffic.series {
                    assert!(series.step_millis > 0 && length >= 2);
                    assert_eq!(series.micro_per_second.len(), length);
                    assert!(series.micro_per_second.iter().all(|rate| *rate < u64::MAX));
                }
            }
        }
    }
}
