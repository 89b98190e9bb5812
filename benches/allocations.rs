//! Counts of what probes allocate, and of the bytes that the history holds: channels of four renditions (ten TS segments of 2 s
//! listed, every segment inspected), each probed five times 15 s apart. Origin and exporter run in this process, so what a probe
//! allocates includes the origin's work; what the history holds doesn't.
//!
//! `cargo bench --bench allocations -- FILE` writes a profile of what is held at the end, which DHAT's viewer shows by place.

#![allow(clippy::expect_used, clippy::print_stdout)]

use packager_testbed::harness::{ChannelSpec, Harness, TEMPLATES};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const CHANNELS: usize = 11;
const ROUNDS: usize = 5;
const EVERY: Duration = Duration::from_secs(15);

fn main() {
    // Cargo adds an option.
    let file = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let profiler = match file {
        Some(file) => dhat::Profiler::builder().file_name(file).build(),
        None => dhat::Profiler::builder().testing().build(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    // What is made once in a process, such as the origin's media, counts for neither.
    drop(runtime.block_on(held(1)));
    let (one, _harness) = runtime.block_on(held(1));
    let (all, _all) = runtime.block_on(held(CHANNELS));
    println!("{} bytes a channel are held by the history", all.saturating_sub(one) / (CHANNELS - 1));
    drop(profiler);
}

/// Probes all channels with a history of at most `outputs` outputs, prints what a probe allocates, and returns the number of bytes
/// by which more are held at the end than before.
async fn held(outputs: usize) -> (usize, Harness) {
    let before = dhat::HeapStats::get().curr_bytes;
    let names: Vec<(String, String)> =
        (1..=CHANNELS).map(|n| (format!("TV{n}"), format!("live/TV{n}/master.m3u8"))).collect();
    let channels: Vec<_> = names.iter().map(|(code, path)| ChannelSpec { code, path, template: "T2" }).collect();
    let harness = Harness::new(&channels, TEMPLATES, &format!("history: {{max_outputs: {outputs}}}\n")).await;
    for round in 1..=ROUNDS {
        let began = dhat::HeapStats::get();
        for (code, _) in &names {
            harness.probe(code).await;
        }
        let ended = dhat::HeapStats::get();
        let probes = CHANNELS as u64;
        let (blocks, bytes) = (ended.total_blocks - began.total_blocks, ended.total_bytes - began.total_bytes);
        println!(
            "history of {outputs} outputs, round {round}: {} allocations of {} kB a probe",
            blocks / probes,
            bytes / 1000 / probes
        );
        harness.advance(EVERY);
    }
    (dhat::HeapStats::get().curr_bytes - before, harness)
}
