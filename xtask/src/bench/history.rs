//! Benchmark of the history's memory for 1,000 channels: the same probes with a history that keeps all of them and with
//! one that keeps a single channel, on a clock that is set by hand.

use crate::bench::{meter, setup};
use packager_testbed::harness::{ChannelSpec, Harness, TEMPLATES};
use std::time::Duration;

const CHANNELS: usize = 1000;
const ROUNDS: usize = 5;
const EVERY: Duration = Duration::from_secs(15);

pub(super) fn measure() -> String {
    let run =
        |outputs: usize| -> u64 { setup::run_in_child(&["history", &outputs.to_string()]).parse().expect("bytes") };
    let (all, one) = (run(CHANNELS), run(1));
    let kept = all.saturating_sub(one);
    format!(
        "## History\n\n{CHANNELS} channels of four renditions (ten segments of 2 s listed, every segment inspected), each \
         probed {ROUNDS} times {} s apart: **{}** for {CHANNELS} channels, {:.0} kB a channel (resident memory with \
         all channels in the history, less that of the same probes with one).\n",
        EVERY.as_secs(),
        meter::megabytes(kept),
        kept as f64 / 1e3 / CHANNELS as f64
    )
}

/// Probes every channel and prints the resident memory of this process in bytes.
pub(super) async fn child(outputs: usize) {
    let names: Vec<(String, String)> =
        (1..=CHANNELS).map(|n| (format!("TV{n}"), format!("live/TV{n}/master.m3u8"))).collect();
    let channels: Vec<_> = names.iter().map(|(code, path)| ChannelSpec { code, path, template: "T2" }).collect();
    let exporter = format!("history: {{max_outputs: {outputs}}}\n");
    let harness = Harness::new(&channels, TEMPLATES, &exporter).await;
    for _ in 0..ROUNDS {
        for (code, _) in &names {
            harness.probe(code).await;
        }
        harness.advance(EVERY);
    }
    println!("{}", meter::memory());
}
