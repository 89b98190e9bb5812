//! Benchmark of peak memory with one and with 200 probes in flight, each case in its own process.

use crate::bench::meter;
use crate::bench::setup::{self, Channel, Origin, ProbeSetup};
use futures_util::future::join_all;
use std::time::{Duration, Instant};

const IN_FLIGHT: usize = 200;

pub(super) fn measure(origin: &Origin) -> String {
    let mut out = String::from(
        "## Memory\n\nPeak resident memory (VmHWM), each case in a process of its own. Every probe is of another channel with four \
         renditions, whose newest segments arrive over 3 s, so that all probes are in flight at the same time. Target: under \
         100 MB.\n\n\
         | probes in flight | before | peak | time |\n|---|---|---|---|\n",
    );
    for count in [1, IN_FLIGHT] {
        let line = setup::run_in_child(&["memory", &origin.base, &count.to_string()]);
        out.push_str(&format!("| {count} | {line} |\n"));
    }
    out
}

/// Probes `count` channels at once and prints the end of the table row with the peak memory.
pub(super) async fn child(base: &str, count: usize) {
    let slow = |n| format!("{base}/fault/segment_slow/TV{n}/master.m3u8");
    let channels: Vec<Channel> = (1..=count).map(|n| (format!("CH{n}"), slow(n))).collect();
    // All channels are on one host here; in a plant 200 probes in flight go to many.
    let setup = ProbeSetup::new(&channels, "fetch: {max_connections_per_host: 5000}\n");
    let rest = meter::memory();
    let began = Instant::now();
    let probes = channels.iter().map(|(code, _)| {
        let setup = &setup;
        async move {
            let from = Instant::now();
            let report = setup.probe(code, Duration::from_secs(50)).await;
            assert!(report.outcomes.iter().any(|o| !o.findings.is_empty()), "the slow segments have to be noticed");
            (from, Instant::now())
        }
    });
    let spans = join_all(probes).await;
    let (last_begin, first_end) = (spans.iter().map(|s| s.0).max(), spans.iter().map(|s| s.1).min());
    assert!(last_begin < first_end, "the probes were not all in flight at the same time");
    let took = meter::format_duration(began.elapsed());
    println!("{} | {} | {took}", meter::megabytes(rest), meter::megabytes(meter::peak_memory()));
}
