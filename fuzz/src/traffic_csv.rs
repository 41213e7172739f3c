//! Traffic files: what is accepted is complete, on one grid, and no larger than a rate may be.

use nodeplan::io::csv::{Gaps, Traffic, TrafficOptions, Unit, traffic_csv};

/// Largest rate of a file, millionths a second.
const MOST: u64 = 1_000_000_000_000_000;

/// Reads the bytes as a traffic file, as counts and as rates, with each way to fill gaps.
pub fn run(data: &[u8]) {
    let read =
        |gaps| [Unit::Count, Unit::Rate].map(|unit| one(data, TrafficOptions { unit, gaps }));
    let whole = read(Gaps::Error);
    for gaps in [Gaps::Linear, Gaps::Hold, Gaps::Zero] {
        let filled = read(gaps);
        assert_eq!(filled[0].is_some(), filled[1].is_some(), "the unit made a fault");
        for (whole, filled) in whole.iter().zip(&filled) {
            if whole.is_some() {
                assert_eq!(whole, filled, "nothing to fill, and yet filled");
            }
        }
    }
}

fn one(data: &[u8], options: TrafficOptions) -> Option<Traffic> {
    match traffic_csv("traffic.csv", data, options) {
        Err(faults) => {
            super::refused(&faults);
            assert!(faults.is_sorted(), "faults out of order");
            None
        }
        Ok(traffic) => {
            let first = traffic.series.first().expect("a file without columns is refused");
            assert!(first.step_millis > 0 && first.micro_per_second.len() > 1);
            for (at, series) in traffic.series.iter().enumerate() {
                assert_eq!(series.step_millis, first.step_millis);
                assert_eq!(series.micro_per_second.len(), first.micro_per_second.len());
                assert!(
                    series.micro_per_second.iter().all(|rate| *rate <= MOST),
                    "{}",
                    series.name
                );
                let before = &traffic.series[..at];
                assert!(before.iter().all(|other| other.name != series.name), "{}", series.name);
            }
            assert!(options.gaps != Gaps::Error || traffic.filled == 0);
            Some(traffic)
        }
    }
}
