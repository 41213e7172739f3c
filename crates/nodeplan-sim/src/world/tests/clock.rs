//! The wall clock where a run is parts of a longer one.

use super::*;

/// At every full hour, from 07:50 on: the clock jumps from 07:55 to 10:30, and from 11:10 to 09:00.
#[test]
fn jobs_come_when_the_clock_shows_their_time() {
    let (_, _, scenario) = random(3);
    let minute = |at: u64, hour: u32, past: u32| ClockJump {
        at_millis: at * 60_000,
        second_of_week: hour * 3600 + past * 60,
    };
    let jumps = vec![minute(5, 10, 30), minute(45, 9, 0)];
    let start_second_of_week = 7 * 3600 + 50 * 60;
    let scenario = Scenario { start_second_of_week, clock_jumps: jumps, ..scenario };
    let every = CronJob {
        minutes: 1,
        hours: 0xff_ffff,
        days: 0x7f,
        jobs: 1,
        concurrency: Concurrency::Allow,
    };
    let mut times = vec![0];
    while let Some(at) = scenario.next_time(&every, times[times.len() - 1] * 60_000)
        && times.len() < 5
    {
        times.push(at / 60_000);
    }
    // 11:00, 09:00, 10:00, 11:00.
    assert_eq!(times, [0, 35, 45, 105, 165]);
    let never = CronJob { days: 0, ..every };
    assert_eq!(scenario.next_time(&never, 0), None);
}
