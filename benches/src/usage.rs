//! What the system says of this process: CPU time and peak memory. Zero where it says nothing.

use std::time::Duration;

/// CPU time of all threads that still run.
#[must_use]
pub fn cpu_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let spent = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(spent.sum())
}

/// CPU time of all processes that this one started and that ended, to a hundredth of a second.
#[must_use]
pub fn children_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything but ends with the last parenthesis: `cutime`, `cstime`.
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).filter_map(|one| one.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Runs `work` and tells the CPU time it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = cpu_time();
    let made = work();
    (made, cpu_time().saturating_sub(begun))
}

/// Most resident memory since the last [`reset_peak`], in MiB.
#[must_use]
pub fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<u64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0).div_ceil(1024)
}

/// Starts a new peak, where the system can.
pub fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
