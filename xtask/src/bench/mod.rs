//! `cargo xtask bench`: compares speed and memory of a probe with those of a plain download in the same run, and prints
//! docs/performance.md.
//!
//! `make bench` builds the origin and the exporter first; both run as separate processes.

use packager_exporter::{metrics, report::testing};
use std::time::Duration;

mod api;
mod capacity;
mod dash;
mod history;
mod hostile;
mod inspection;
mod load;
mod memory;
mod meter;
mod probe_cost;
mod page;
mod plain_download;
mod setup;

/// Runs the measurement that `arguments` name, or all of them, and prints the page.
pub(crate) fn run(arguments: &[String]) {
    // reqwest is built without a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["memory", base, count] => runtime.block_on(memory::child(base, count.parse().expect("a count"))),
        ["hostile", base, fault] => runtime.block_on(hostile::child(base, fault)),
        ["history", outputs] => runtime.block_on(history::child(outputs.parse().expect("a count"))),
        ["inspection"] => println!("{}", inspection::measure()),
        ["dash"] => println!("{}", dash::measure(&runtime, &setup::Origin::start())),
        ["api"] => println!("{}", api::measure(&runtime)),
        ["load"] => println!("{}", load::measure(&runtime, &setup::Origin::start())),
        ["probe_cost"] => println!("{}", probe_cost::measure(&runtime, &setup::Origin::start())),
        _ => all(&runtime),
    }
}

fn all(runtime: &tokio::runtime::Runtime) {
    let origin = setup::Origin::start();
    // The origin splits its fixtures at the first request.
    runtime.block_on(plain_download::PlainDownload::new().download(&origin.url("live/TV1/master.m3u8")));
    let parts = [
        page::HEAD.to_owned(),
        step("probe_cost", || probe_cost::measure(runtime, &origin)),
        step("capacity", || capacity::measure(runtime, &origin)),
        step("dash", || dash::measure(runtime, &origin)),
        step("memory", || memory::measure(&origin)),
        step("history", history::measure),
        step("hostile", || hostile::measure(&origin)),
        step("api", || api::measure(runtime)),
        step("encoding", encoding),
        step("inspection", inspection::measure),
        page::LIMITS.to_owned(),
    ];
    print!("{}", parts.join("\n"));
}

fn step(name: &str, measure: impl FnOnce() -> String) -> String {
    eprintln!("bench: {name} …");
    measure()
}

/// Measures the text exposition of a made-up report with the largest numbers of outputs, renditions and checks for
/// which the documentation promises limits. Returns a section with its size and encoding time.
fn encoding() -> String {
    let large = testing::large(2, 6, 80);
    let size = metrics::exposition(&large).len();
    let time = meter::median_of(400, || metrics::exposition(&large));
    format!(
        "## Encoding the answer\n\nThe text exposition (version 0.0.4) of 2 outputs with 6 renditions and 80 checks each:\n\n\
         | | measured | limit |\n|---|---|---|\n| size | {} kB | < 150 kB |\n| time | {} | < 1 ms |\n",
        size / 1000,
        meter::format_duration(time),
    )
}

/// Time that a benchmark runs before its first sample is taken.
const WARM_UP: Duration = Duration::from_secs(1);
