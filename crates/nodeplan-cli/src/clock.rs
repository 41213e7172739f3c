//! What only the edge may ask: the time, CPU time, memory of this process.

use std::time::{Duration, Instant};

/// Now.
#[allow(clippy::disallowed_methods)] // The clock belongs to the command.
pub fn now() -> Instant {
    Instant::now()
}

/// CPU time of this process, user and system, all threads.
#[cfg(unix)]
pub fn cpu_time() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(spent.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// CPU time of this process where the system does not tell.
#[cfg(not(unix))]
pub fn cpu_time() -> Duration {
    Duration::ZERO
}

/// Most resident memory of this process so far, in KiB; 0 where the system does not tell.
pub fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Starts a new peak, where the system can.
pub fn reset_peak() {
    // Linux alone takes this; elsewhere the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
