//! Measurement of CPU time and memory of processes, and medians.

use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Returns user and system time of all threads of this process.
pub(super) fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns user and system time of another process, of all its threads that still run.
pub(super) fn cpu_of(pid: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a running process");
    let times = threads.filter_map(|thread| {
        // Nanoseconds; /proc/PID/stat counts in ticks of 10 ms.
        let stat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        stat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(times.sum())
}

/// Returns the peak resident memory of this process in bytes.
pub(super) fn peak_memory() -> u64 {
    status("VmHWM:")
}

/// Returns the current resident memory of this process in bytes.
pub(super) fn memory() -> u64 {
    status("VmRSS:")
}

/// Returns the peak resident memory of another process in bytes.
pub(super) fn peak_memory_of(pid: u32) -> u64 {
    status_of(&pid.to_string(), "VmHWM:")
}

fn status(field: &str) -> u64 {
    status_of("self", field)
}

fn status_of(process: &str, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a running process");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("a field of every Linux");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") * 1024
}

pub(super) fn median<T: Copy + PartialOrd>(samples: &[T]) -> T {
    let mut sorted = samples.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    sorted[sorted.len() / 2]
}

pub(super) fn mean(samples: &[Duration]) -> Duration {
    samples.iter().sum::<Duration>() / samples.len() as u32
}

/// Returns the median time of `count` calls, including the drop of their results.
pub(super) fn median_of<T>(count: usize, mut call: impl FnMut() -> T) -> Duration {
    let mut timed = || {
        let began = Instant::now();
        drop(black_box(call()));
        began.elapsed()
    };
    for _ in 0..count / 10 {
        timed();
    }
    median(&(0..count).map(|_| timed()).collect::<Vec<_>>())
}

pub(super) fn format_duration(time: Duration) -> String {
    match time.as_secs_f64() {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
